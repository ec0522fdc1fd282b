/* SPDX-License-Identifier: Apache-2.0
 *
 * What an index's specification says. */
#include "bson_get.h"

#include <signalbox/agents/catalogue.h>

#include <string.h>

static char *to_json(const bson_t *doc)
{
    char *text = bson_as_canonical_extended_json(doc, NULL);
    char *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    return copy;
}

static int take_fields(struct sb_index_info *index, const bson_t *key)
{
    bson_iter_t it;
    if (!bson_iter_init(&it, key))
        return -1;
    while (bson_iter_next(&it)) {
        struct sb_index_field *f = SB_PUSH(index->fields);
        if (!f || sb_str_set(&f->path, bson_iter_key(&it)))
            return -1;
        if (BSON_ITER_HOLDS_NUMBER(&it))
            f->direction = bson_iter_as_double(&it) < 0 ? -1 : 1;
        else if (sb_str_set(&f->kind, BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "?"))
            return -1;
    }
    return 0;
}

int sb_index_info_take(struct sb_index_info *index, const bson_t *spec)
{
    bson_iter_t it;
    bson_t key;
    free(index->spec);
    index->spec = to_json(spec);
    if (!index->spec || !bson_iter_init(&it, spec))
        return -1;
    while (bson_iter_next(&it)) {
        const char *name = bson_iter_key(&it);
        if (strcmp(name, "name") == 0 && BSON_ITER_HOLDS_UTF8(&it)) {
            if (sb_str_set(&index->name, bson_iter_utf8(&it, NULL)))
                return -1;
        } else if (strcmp(name, "key") == 0 && !index->key && sb_sub_document(&it, &key)) { /* a second one means nothing */
            index->key = to_json(&key);
            if (!index->key || take_fields(index, &key))
                return -1;
        } else if (strcmp(name, "unique") == 0) {
            index->unique = bson_iter_as_bool(&it);
        } else if (strcmp(name, "sparse") == 0) {
            index->sparse = bson_iter_as_bool(&it);
        } else if (strcmp(name, "hidden") == 0) {
            index->hidden = bson_iter_as_bool(&it);
        } else if (strcmp(name, "expireAfterSeconds") == 0) {
            index->ttl = true;
        } else if (strcmp(name, "partialFilterExpression") == 0) {
            index->partial = true;
        } else if (strcmp(name, "collation") == 0) {
            index->collation = true;
        }
    }
    return 0;
}
