/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of documents that somebody else has written. */
#include "private.h"

#include <string.h>

const char *sb_store_text(const bson_t *doc, const char *path, size_t most)
{
    bson_iter_t it, at;
    uint32_t len;
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, path, &at) || !BSON_ITER_HOLDS_UTF8(&at))
        return NULL;
    const char *text = bson_iter_utf8(&at, &len);
    return len <= most && strlen(text) == len && bson_utf8_validate(text, len, false) ? text : NULL;
}

int64_t sb_store_number(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, path, &at))
        return -1;
    if (BSON_ITER_HOLDS_DATE_TIME(&at))
        return bson_iter_date_time(&at);
    return BSON_ITER_HOLDS_INT(&at) ? bson_iter_as_int64(&at) : -1;
}

bool sb_store_yes(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_BOOL(&at) && bson_iter_bool(&at);
}
