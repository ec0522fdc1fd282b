/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the replay of an oplog: whatever whole document comes as an entry, each step that is handed out is Extended JSON with
 * the database of the entry first, and its documents fill their bytes. */
#include "fuzz.h"

#include <signalbox/agents/backup_restore.h>
#include <signalbox/formats/bsoncheck.h>

static int take_step(void *ctx, const struct sb_restore_step *step, struct sb_err *err)
{
    (void)ctx, (void)err;
    uint64_t n = 0;
    size_t at = 0;
    for (; at < step->bytes; n++) {
        check(step->bytes - at >= SB_BSON_MIN);
        int32_t length = sb_bson_length(step->docs + at);
        check(length >= SB_BSON_MIN && (size_t)length <= step->bytes - at);
        at += (size_t)length;
    }
    check(at == step->bytes && n == step->n && (step->docs != NULL) == (step->docs_key != NULL));
    char *all = step->docs ? sb_format("%s}", step->command) : sb_format("%s", step->command);
    bson_t *doc = all ? bson_new_from_json((const uint8_t *)all, -1, NULL) : NULL;
    bson_iter_t it;
    if (doc) { /* a name that is no UTF-8, or a number that Extended JSON cannot hold, is refused at the door */
        check(bson_iter_init(&it, doc) && bson_iter_next(&it) && bson_iter_next(&it) && strcmp(bson_iter_key(&it), "$db") == 0);
        bson_destroy(doc);
    }
    free(all);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_backup plan = {.path = NULL};
    struct sb_err err = SB_ERR_INIT;
    struct sb_bson_look look;
    struct sb_restore *r = sb_restore_new(&plan, take_step, NULL, &err);
    check(r != NULL);
    for (size_t at = 0; size - at >= SB_BSON_MIN;) {
        int32_t n = sb_bson_length(data + at);
        if (n < SB_BSON_MIN || (size_t)n > size - at)
            break;
        if (sb_bson_whole(data + at, (size_t)n, &look) && sb_restore_entry(r, 0, data + at, (size_t)n, &err) == 0)
            err = (struct sb_err)SB_ERR_INIT;
        at += (size_t)n;
    }
    if (sb_restore_flush(r, &err)) /* of a collection whose name is no UTF-8 */
        check(err.code == SB_EINPUT && err.msg[0]);
    sb_restore_free(r);
    return 0;
}
