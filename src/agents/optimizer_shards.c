/* SPDX-License-Identifier: Apache-2.0
 *
 * Which shards an operation is asked of. A mongos leaves shards out by what the filter says of the first field of the shard key;
 * without a word about it every shard is asked, and no index helps against that. */
#include "optimizer.h"

#include <string.h>

static bool bounds(const struct sb_predicate *p)
{
    return p->class_ == SB_PREDICATE_EQUALITY || p->class_ == SB_PREDICATE_IN || p->class_ == SB_PREDICATE_IN_BIG || p->class_ == SB_PREDICATE_RANGE;
}

bool sb_shape_names_shard_key(const struct sb_catalogue *c, const struct sb_shape *shape)
{
    bson_t *key = c->shard_key ? bson_new_from_json((const uint8_t *)c->shard_key, -1, NULL) : NULL;
    bson_iter_t it;
    bool names = false;
    if (key && bson_iter_init(&it, key) && bson_iter_next(&it))
        for (size_t i = 0; i < shape->predicates_n; i++)
            names = names || (shape->predicates[i].arm == 0 && !shape->predicates[i].elem_path && sb_streq(shape->predicates[i].path, bson_iter_key(&it)) && bounds(&shape->predicates[i]));
    if (key)
        bson_destroy(key);
    return names;
}

char *sb_shape_shards_said(const struct sb_catalogue *c, const struct sb_shape *shape, char *text)
{
    if (!text || !c->shard_key || sb_shape_names_shard_key(c, shape))
        return text;
    char *shown = sb_index_key_shown(c->shard_key), *more = shown ? sb_format("%s; it does not name the shard key %s, so that every shard is asked", text, shown) : NULL;
    free(shown);
    free(text);
    return more;
}
