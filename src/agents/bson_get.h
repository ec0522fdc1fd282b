/* SPDX-License-Identifier: Apache-2.0
 *
 * bson_get.h - a document within a document. Private to the room. */
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

#endif
