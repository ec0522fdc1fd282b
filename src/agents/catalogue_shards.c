/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue_shards.h"

#include "bson_get.h"

#include <string.h>

/* The shard's number; SB_SHARDS_MOST: it has none. */
static size_t shard_of(struct sb_shards *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->name[i], name) == 0)
            return i;
    if (s->n == SB_SHARDS_MOST) {
        s->too_many = true;
        return SB_SHARDS_MOST;
    }
    if (!(s->name[s->n] = sb_format("%s", name))) {
        s->failed = true;
        return SB_SHARDS_MOST;
    }
    return s->n++;
}

static void see(struct sb_shards *s, size_t shard, const char *index, const char *key)
{
    uint64_t bit = UINT64_C(1) << shard;
    size_t i = 0;
    while (i < s->seen_n && strcmp(s->seen[i].index, index) != 0)
        i++;
    if (i == SB_SHARDS_INDEXES) {
        s->too_many = true;
        return;
    }
    if (i == s->seen_n) {
        s->seen[i].index = sb_format("%s", index);
        s->seen[i].key = sb_format("%s", key);
        s->seen[i].on = s->seen[i].other_key = 0;
        if (!s->seen[i].index || !s->seen[i].key) {
            free(s->seen[i].index);
            free(s->seen[i].key);
            s->failed = true;
            return;
        }
        s->seen_n++;
    }
    s->seen[i].on |= bit;
    if (strcmp(s->seen[i].key, key) != 0)
        s->seen[i].other_key |= bit;
}

bool sb_shards_take(struct sb_shards *s, const bson_t *doc)
{
    bson_iter_t shard, name, it;
    bson_t key;
    if (!bson_iter_init_find(&shard, doc, "shard") || !BSON_ITER_HOLDS_UTF8(&shard))
        return false;
    if (!bson_iter_init_find(&name, doc, "name") || !BSON_ITER_HOLDS_UTF8(&name) || (bson_iter_init_find(&it, doc, "building") && bson_iter_as_bool(&it)))
        return true;
    size_t i = shard_of(s, bson_iter_utf8(&shard, NULL));
    char *text = bson_iter_init_find(&it, doc, "key") && sb_sub_document(&it, &key) ? bson_as_canonical_extended_json(&key, NULL) : NULL;
    if (i < SB_SHARDS_MOST)
        see(s, i, bson_iter_utf8(&name, NULL), text ? text : "");
    bson_free(text);
    return true;
}

static int say(struct sb_catalogue *c, const char *index, const char *rest, const char *shard, const char *other)
{
    char text[512];
    snprintf(text, sizeof text, "%.120s %s %.100s%s%.100s", index, rest, shard, other ? " than on shard " : "", other ? other : "");
    return sb_strs_has(c->uneven, c->uneven_n, text) ? 0 : sb_strs_push(&c->uneven, &c->uneven_n, text);
}

int sb_shards_tell(const struct sb_shards *s, struct sb_catalogue *c)
{
    int rc = s->failed ? -1 : 0;
    if (rc == 0 && s->too_many)
        return sb_strs_push(&c->blind, &c->blind_n, "whether the indexes of all shards are the same: there are more shards or indexes than are compared");
    for (size_t i = 0; i < s->seen_n; i++) {
        const char *first = "?";
        for (size_t k = s->n; k-- > 0;)
            first = (s->seen[i].on & ~s->seen[i].other_key) >> k & 1 ? s->name[k] : first;
        for (size_t k = 0; k < s->n && rc == 0; k++) {
            if (!(s->seen[i].on >> k & 1))
                rc = say(c, s->seen[i].index, "is on other shards and not on shard", s->name[k], NULL);
            else if (s->seen[i].other_key >> k & 1)
                rc = say(c, s->seen[i].index, "has another key on shard", s->name[k], first);
        }
    }
    return rc;
}

void sb_shards_release(struct sb_shards *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->name[i]);
    for (size_t i = 0; i < s->seen_n; i++) {
        free(s->seen[i].index);
        free(s->seen[i].key);
    }
    memset(s, 0, sizeof *s);
}
