/* SPDX-License-Identifier: Apache-2.0
 *
 * bson_get.h - a document within a document, a text, a number, and of an entry of an oplog its time and operations. Private to the room. */
#ifndef SIGNALBOX_AGENTS_BSON_GET_H
#define SIGNALBOX_AGENTS_BSON_GET_H

#include <bson/bson.h>
#include <stdbool.h>

/* The document that the iterator stands at, borrowed; false: it stands at something else. */
static inline bool sb_sub_document(const bson_iter_t *it, bson_t *out)
{
    uint32_t len;
    const uint8_t *data;
    if (!BSON_ITER_HOLDS_DOCUMENT(it))
        return false;
    bson_iter_document(it, &len, &data);
    return bson_init_static(out, data, len);
}

/* The text at a path such as "a.b", borrowed; NULL: there is none. */
static inline const char *sb_text_at(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_UTF8(&at) ? bson_iter_utf8(&at, NULL) : NULL;
}

/* A number of the document, whole; -1: there is none of this name. */
static inline int64_t sb_number_of(const bson_t *doc, const char *name)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, name) && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
}

/* Of one entry of an oplog, for sb_read_cursor_json: its ts as one number, the seconds in the upper half, to the uint64_t at ctx; left
 * as it is where there is none. */
static inline bool sb_take_ts(void *ctx, const bson_t *doc)
{
    uint64_t *ts = ctx;
    bson_iter_t it;
    uint32_t t, i;
    if (bson_iter_init_find(&it, doc, "ts") && BSON_ITER_HOLDS_TIMESTAMP(&it)) {
        bson_iter_timestamp(&it, &t, &i);
        *ts = (uint64_t)t << 32 | i;
    }
    return true;
}

/* Gives fn each operation that an entry of an oplog holds: itself, or, of a transaction or of what was applied together, those in its
 * applyOps. */
static inline void sb_each_operation(const bson_t *entry, void (*fn)(void *ctx, const bson_t *operation), void *ctx)
{
    const char *op = sb_text_at(entry, "op");
    bson_iter_t it, list;
    bson_t one;
    if (!op || op[0] != 'c' || op[1])
        fn(ctx, entry);
    else if (bson_iter_init(&it, entry) && bson_iter_find_descendant(&it, "o.applyOps", &list) && BSON_ITER_HOLDS_ARRAY(&list) && bson_iter_recurse(&list, &it))
        while (bson_iter_next(&it))
            if (sb_sub_document(&it, &one))
                fn(ctx, &one);
}

#endif
