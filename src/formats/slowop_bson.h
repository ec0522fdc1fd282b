/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of a BSON document as spans into it: what the readers of operations share. */
#ifndef SIGNALBOX_FORMATS_SLOWOP_BSON_H
#define SIGNALBOX_FORMATS_SLOWOP_BSON_H

#include <bson/bson.h>
#include <signalbox/formats/slowop.h>
#include <string.h>

static inline struct sb_span sb_span_of_utf8(const bson_iter_t *it)
{
    uint32_t n;
    const char *p = bson_iter_utf8(it, &n);
    return (struct sb_span){p, p ? n : 0};
}

static inline struct sb_doc sb_doc_of_document(const bson_iter_t *it)
{
    const uint8_t *data;
    uint32_t n;
    bson_iter_document(it, &n, &data);
    return (struct sb_doc){data ? SB_DOC_BSON : SB_DOC_NONE, false, (const char *)data, data ? n : 0};
}

/* A command's first member: its name, and where that is a string its value. */
static inline void sb_first_member(const bson_iter_t *command, struct sb_span *key, struct sb_span *value)
{
    bson_iter_t first;
    if (!bson_iter_recurse(command, &first) || !bson_iter_next(&first))
        return;
    const char *name = bson_iter_key(&first);
    *key = (struct sb_span){name, strlen(name)};
    if (BSON_ITER_HOLDS_UTF8(&first))
        *value = sb_span_of_utf8(&first);
}

#endif
