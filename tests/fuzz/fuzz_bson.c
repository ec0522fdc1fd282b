/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the check of a document's build against libbson's, which is another one's: what ours takes libbson takes, and what
 * libbson can walk through to its end ours takes, but for what only ours looks at. */
#include "fuzz.h"

#include <signalbox/formats/bsoncheck.h>

#include <bson/bson.h>

/* Booleans of another value, documents within one another without end, a document that goes on behind its end, and code whose
 * last byte is no NUL: libbson does not mind. */
static bool only_ours(const char *fault)
{
    return strstr(fault, "boolean") || strstr(fault, "deeply") || strstr(fault, "ends before") || strstr(fault, "a text that has no end") || strstr(fault, "binary") || strstr(fault, "document in it") || strstr(fault, "scope");
}

/* To the end of every document in it: libbson's own validation overlooks what is wrong in those within. */
static bool walk(const bson_t *doc)
{
    bson_iter_t it, in;
    bson_t scope;
    if (!bson_iter_init(&it, doc))
        return false;
    while (bson_iter_next(&it)) {
        const uint8_t *bytes;
        uint32_t n;
        bool fine = true;
        if (BSON_ITER_HOLDS_DOCUMENT(&it) || BSON_ITER_HOLDS_ARRAY(&it)) {
            if (BSON_ITER_HOLDS_DOCUMENT(&it))
                bson_iter_document(&it, &n, &bytes);
            else
                bson_iter_array(&it, &n, &bytes);
            fine = bson_iter_recurse(&it, &in) && bson_init_static(&scope, bytes, n) && walk(&scope);
        } else if (BSON_ITER_HOLDS_CODEWSCOPE(&it)) {
            uint32_t code_n;
            bson_iter_codewscope(&it, &code_n, &n, &bytes);
            fine = bson_init_static(&scope, bytes, n) && walk(&scope);
        }
        if (!fine)
            return false;
    }
    return it.err_off == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_bson_look look;
    bson_t doc;
    bson_iter_t it;
    bool ours = sb_bson_whole(data, size, &look);
    check(ours == (look.fault == NULL) && look.at <= size);
    bool theirs = size <= INT32_MAX && bson_init_static(&doc, data, size);
    if (ours) {
        check(theirs && bson_iter_init(&it, &doc));
        bool id = false;
        while (bson_iter_next(&it))
            id |= strcmp(bson_iter_key(&it), "_id") == 0;
        check(look.not_utf8 || it.err_off == 0);
        check(look.not_utf8 || id == look.has_id);
    } else if (theirs && walk(&doc)) {
        check(only_ours(look.fault));
    }
    return 0;
}
