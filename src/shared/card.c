/* SPDX-License-Identifier: Apache-2.0
 *
 * One card as the store has it. */
#include "private.h"

#include <signalbox/base/json.h>
#include <signalbox/base/record.h>

#include <string.h>

#define CARD_MOST (2 << 20)

struct seeking {
    const char *log; /* what its ledger's name begins with; "" any */
    size_t found;
    char of[SB_LOG_ID_LEN + 1];
    char *bytes;
    bool short_of_memory;
};

static bool seek(void *ctx, const bson_t *doc)
{
    struct seeking *x = ctx;
    const char *log = sb_store_text(doc, "_id.l", SB_LOG_ID_LEN), *bytes = sb_store_text(doc, "bytes", CARD_MOST);
    if (!log || strncmp(log, x->log, strlen(x->log)) != 0)
        return true;
    if (++x->found == 1) {
        snprintf(x->of, sizeof x->of, "%s", log);
        x->short_of_memory = bytes && !(x->bytes = sb_strdup_n(bytes, strlen(bytes)));
    }
    return !x->short_of_memory;
}

int sb_store_card(struct sb_store *s, const char *log, const char *id, char of[SB_LOG_ID_LEN + 1], struct sb_card *out, struct sb_err *err)
{
    struct seeking x = {.log = log ? log : ""};
    if (sb_store_usable(s, err))
        return -1;
    bson_t *filter = BCON_NEW("_id.card", BCON_UTF8(id));
    int64_t given = sb_store_door_find(s->door, SB_STORE_CARDS, filter, NULL, 1000, seek, &x, err);
    bson_destroy(filter);
    int rc = -1;
    json_t *j = NULL;
    if (given < 0) {
        sb_store_gone(s, err);
    } else if (x.short_of_memory) {
        sb_fail_nomem(err);
    } else if (x.found == 0) {
        sb_fail(err, SB_EINPUT, "the store has no card %s%s%s", id, log ? " of a ledger that begins with " : "", log ? log : "");
    } else if (x.found > 1) {
        sb_fail(err, SB_EINPUT, "%zu ledgers have a card %s: say which with --log, by the first digits of its name", x.found, id);
    } else if (!x.bytes) {
        sb_fail(err, SB_EINPUT, "the store does not have the whole of %s: it is longer than a copy may be", id);
    } else if ((j = sb_json_parse(x.bytes, strlen(x.bytes), "the store's copy of the card", SB_JSON_STRICT, err)) && sb_record_from_json(&sb_card_schema, out, j, err) == 0) {
        snprintf(of, SB_LOG_ID_LEN + 1, "%s", x.of);
        rc = 0;
        if (!sb_streq(out->id, id)) {
            sb_card_release(out);
            rc = sb_fail(err, SB_EINPUT, "what the store has as %s is another card", id);
        }
    }
    json_decref(j);
    free(x.bytes);
    return rc;
}
