/* SPDX-License-Identifier: Apache-2.0
 *
 * A candidate's key as a document, and a document's key as a candidate. */
#include "optimizer.h"

#include <string.h>

bool sb_candidate_of_key(struct candidate *c, const bson_t *key)
{
    bson_iter_t it;
    c->n = 0;
    bool more = bson_iter_init(&it, key);
    while (more && bson_iter_next(&it)) {
        if (!BSON_ITER_HOLDS_NUMBER(&it))
            return false;
        if (c->n == SB_INDEX_MAX_FIELDS)
            return false;
        c->field[c->n++] = (struct key_field){bson_iter_key(&it), bson_iter_as_double(&it) < 0 ? -1 : 1, false, false, 0};
    }
    return c->n > 0;
}

char *sb_candidate_key(const struct candidate *c)
{
    bson_t key;
    bson_init(&key);
    for (size_t i = 0; i < c->n; i++)
        BSON_APPEND_INT32(&key, c->field[i].path, c->field[i].direction);
    char *text = bson_as_canonical_extended_json(&key, NULL);
    char *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    bson_destroy(&key);
    return copy;
}

char *sb_candidate_options(const struct candidate *c)
{
    const char *collation = c->work->shape->collation;
    if (sb_collation_is_none(collation))
        return sb_format("{ }");
    char *plain = sb_format("{\"collation\":%s}", collation), *copy = NULL;
    bson_t *doc = plain ? bson_new_from_json((const uint8_t *)plain, -1, NULL) : NULL;
    char *text = doc ? bson_as_canonical_extended_json(doc, NULL) : NULL;
    if (text)
        copy = sb_strdup_n(text, strlen(text));
    bson_free(text);
    if (doc)
        bson_destroy(doc);
    free(plain);
    return copy;
}

char *sb_candidate_name(const struct candidate *c, const struct sb_catalogue *cat)
{
    char *key = sb_candidate_key(c), *plain = key ? sb_index_default_name(key) : NULL;
    char *wanted = plain && !sb_collation_is_none(c->work->shape->collation) ? sb_format("%s_collation", plain) : NULL;
    if (plain && sb_collation_is_none(c->work->shape->collation)) {
        wanted = plain;
        plain = NULL;
    }
    free(key);
    free(plain);
    char *name = wanted ? sb_index_free_name(cat, wanted) : NULL;
    free(wanted);
    return name;
}

char *sb_index_free_name(const struct sb_catalogue *c, const char *wanted)
{
    char *name = sb_format("%s", wanted);
    for (int i = 2; name && sb_catalogue_index(c, name); i++) {
        free(name);
        name = sb_format("%s_%d", wanted, i);
    }
    return name;
}

char *sb_index_default_name(const char *key)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)key, -1, NULL);
    if (!doc)
        return NULL;
    struct sb_str name;
    sb_str_init(&name);
    bson_iter_t it;
    for (bool more = bson_iter_init(&it, doc) && bson_iter_next(&it); more; more = bson_iter_next(&it)) {
        sb_str_addf(&name, "%s%s_", name.len ? "_" : "", bson_iter_key(&it));
        if (BSON_ITER_HOLDS_NUMBER(&it))
            sb_str_addf(&name, "%d", bson_iter_as_double(&it) < 0 ? -1 : 1);
        else
            sb_str_adds(&name, BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "x");
    }
    bson_destroy(doc);
    return sb_str_take(&name);
}
