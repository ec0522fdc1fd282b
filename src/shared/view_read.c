/* SPDX-License-Identifier: Apache-2.0
 *
 * What every host has put into the store, taken for what it is: bytes from outside. */
#include "private.h"

#include <signalbox/base/str.h>
#include <signalbox/shared/view_read.h>

#include <stdio.h>
#include <string.h>

#define NAME_MOST 512
#define KEY_MOST 256
#define NOTE_MOST SB_NOTE_MAX
#define ITEM_MOST (2 << 20) /* bytes of a card or an anomaly as JSON */

static bool is_hex(const char *text, size_t n)
{
    return text && strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

static int64_t not_below_zero(int64_t n)
{
    return n < 0 ? 0 : n;
}

const char *sb_store_host_read(const bson_t *doc, struct sb_store_host_row *out)
{
    *out = (struct sb_store_host_row){.log = sb_store_text(doc, "_id", SB_LOG_ID_LEN), .host = sb_store_text(doc, "host", NAME_MOST), .boot = sb_store_text(doc, "boot", NAME_MOST),
                                      .program = sb_store_text(doc, "program", NAME_MOST), .key = sb_store_text(doc, "key", KEY_MOST),
                                      .deployment_id = sb_store_text(doc, "deployment.id", NAME_MOST), .deployment = sb_store_text(doc, "deployment.name", NAME_MOST),
                                      .environment = sb_store_text(doc, "deployment.environment", NAME_MOST), .team = sb_store_text(doc, "deployment.team", NAME_MOST),
                                      .class_ = sb_store_text(doc, "deployment.class", NAME_MOST), .published = not_below_zero(sb_store_number(doc, "published")),
                                      .pid = not_below_zero(sb_store_number(doc, "pid")), .version = not_below_zero(sb_store_number(doc, "version")),
                                      .beat = not_below_zero(sb_store_number(doc, "beat")), .head = not_below_zero(sb_store_number(doc, "head")),
                                      .draining = sb_store_yes(doc, "draining")};
    return is_hex(out->log, SB_LOG_ID_LEN) ? NULL : "its _id is no ledger's";
}

const char *sb_store_checkpoint_read(const bson_t *doc, struct sb_store_checkpoint_row *out)
{
    *out = (struct sb_store_checkpoint_row){.log = sb_store_text(doc, "_id", SB_LOG_ID_LEN), .root = sb_store_text(doc, "root", SB_HEX_LEN), .note = sb_store_text(doc, "note", NOTE_MOST),
                                            .n = sb_store_number(doc, "n")};
    return is_hex(out->log, SB_LOG_ID_LEN) && is_hex(out->root, SB_HEX_LEN) && out->note && out->n >= 0 ? NULL : "it is no checkpoint";
}

const char *sb_store_item_read(const bson_t *doc, bool card, struct sb_store_item_row *out)
{
    *out = (struct sb_store_item_row){.log = sb_store_text(doc, "_id.l", SB_LOG_ID_LEN), .id = sb_store_text(doc, card ? "_id.card" : "_id.incident", SB_STORE_ITEM_ID),
                                      .environment = sb_store_text(doc, "environment", NAME_MOST), .deployment = sb_store_text(doc, "deployment", NAME_MOST),
                                      .team = sb_store_text(doc, "team", NAME_MOST), .class_ = sb_store_text(doc, "class", NAME_MOST), .bytes = sb_store_text(doc, "bytes", ITEM_MOST),
                                      .n = sb_store_number(doc, "n")};
    return is_hex(out->log, SB_LOG_ID_LEN) && out->id && out->bytes && out->n >= 1 ? NULL : "it lacks its ledger, its id, its number or its bytes";
}

const char *sb_store_entry_read(const bson_t *doc, struct sb_store_entry_row *out)
{
    *out = (struct sb_store_entry_row){.n = sb_store_number(doc, "_id.n"), .hash = sb_store_text(doc, "h", SB_HEX_LEN), .bytes = sb_store_text(doc, "b", SB_STORE_DOCUMENT_BYTES)};
    if (out->n < 1 || out->n == INT64_MAX || !is_hex(out->hash, SB_HEX_LEN) || !out->bytes) /* whoever reads them counts one further */
        return "it is no entry";
    out->len = strlen(out->bytes);
    return NULL;
}

void sb_store_odd_add(struct sb_store_odd *odd, const char *coll, const bson_t *doc, const char *what)
{
    bson_iter_t it;
    char *id = NULL;
    bson_t only = BSON_INITIALIZER;
    if (odd && odd->n++ == 0) {
        if (bson_iter_init_find(&it, doc, "_id") && bson_append_iter(&only, "_id", 3, &it))
            id = bson_as_relaxed_extended_json(&only, NULL);
        const char *shown = id ? id : "a document";
        size_t n = strlen(shown);
        snprintf(odd->what, sizeof odd->what, "%s: %.*s: %s", coll, (int)sb_utf8_whole(shown, n < 120 ? n : 120), shown, what);
        odd->what[sb_utf8_whole(odd->what, strlen(odd->what))] = '\0';
    }
    bson_free(id);
    bson_destroy(&only);
}
