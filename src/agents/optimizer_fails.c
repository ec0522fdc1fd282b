/* SPDX-License-Identifier: Apache-2.0
 *
 * What a build would fail on: what no server takes, and what the documents of the sample stand in the way of. What they only may
 * stand in the way of is a warning; the documents of an array may be others than those of the second one. */
#include "optimizer.h"

#include <inttypes.h>
#include <string.h>

struct form {
    const char *hashed, *text, *wildcard; /* a field of this kind; NULL: none */
    size_t hashed_n, fields_n;
};

static void look(const bson_t *key, struct form *f)
{
    bson_iter_t it;
    memset(f, 0, sizeof *f);
    for (bool more = bson_iter_init(&it, key); more && bson_iter_next(&it); f->fields_n++) {
        const char *path = bson_iter_key(&it), *kind = BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
        size_t n = strlen(path);
        if (strcmp(kind, "hashed") == 0) {
            f->hashed = path;
            f->hashed_n++;
        } else if (strcmp(kind, "text") == 0) {
            f->text = path;
        }
        if (n >= 3 && strcmp(path + n - 3, "$**") == 0)
            f->wildcard = path;
    }
}

static bool wants(const bson_t *options, const char *name)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, options, name) && bson_iter_as_bool(&it);
}

static const struct sb_index_info *text_index(const struct sb_catalogue *c)
{
    for (size_t i = 0; i < c->indexes_n; i++)
        for (size_t k = 0; k < c->indexes[i].fields_n; k++)
            if (sb_streq(c->indexes[i].fields[k].kind, "text"))
                return &c->indexes[i];
    return NULL;
}

/* The key begins with the collection's shard key; also where that is not known. */
static bool on_shard_key(const struct sb_catalogue *c, const bson_t *key)
{
    bson_t *shard = c->shard_key ? bson_new_from_json((const uint8_t *)c->shard_key, -1, NULL) : NULL;
    bson_iter_t it, own;
    bool begins = bson_iter_init(&own, key);
    for (bool more = shard && bson_iter_init(&it, shard); more && begins && bson_iter_next(&it);)
        begins = bson_iter_next(&own) && strcmp(bson_iter_key(&own), bson_iter_key(&it)) == 0 && BSON_ITER_HOLDS_NUMBER(&it);
    if (shard)
        bson_destroy(shard);
    return begins;
}

/* Two fields of the key that are arrays in the sample: *a and *b, or NULL. */
static void two_arrays(const struct sb_index_question *q, const bson_t *key, const char **a, const char **b)
{
    bson_iter_t it, other;
    *a = *b = NULL;
    for (bool more = bson_iter_init(&it, key); more && bson_iter_next(&it);) {
        const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, bson_iter_key(&it));
        bool before = true;
        for (bool next = f && f->array && bson_iter_init(&other, key); next && before && bson_iter_next(&other);) {
            before = strcmp(bson_iter_key(&other), bson_iter_key(&it)) != 0;
            const struct sb_field_fact *g = before ? sb_field_fact_of(q->catalogue, bson_iter_key(&other)) : NULL;
            if (g && g->array && sb_paths_parallel(g->path, f->path)) {
                *a = g->path;
                *b = f->path;
                return;
            }
        }
    }
}

bool sb_build_fails(const struct sb_index_question *q, const bson_t *key, const bson_t *options, char *why, size_t cap)
{
    struct form f;
    const char *a, *b;
    bool unique = wants(options, "unique"), expires = bson_has_field(options, "expireAfterSeconds");
    const struct sb_index_info *text = text_index(q->catalogue);
    why[0] = '\0';
    look(key, &f);
    const struct sb_field_fact *hashed = f.hashed ? sb_field_fact_of(q->catalogue, f.hashed) : NULL;
    if (f.hashed && unique)
        snprintf(why, cap, "a hashed index cannot be unique");
    else if (f.hashed_n > 1)
        snprintf(why, cap, "an index has one hashed field at most");
    else if (hashed && hashed->array && q->catalogue->sampled > 0)
        snprintf(why, cap, "%.120s holds an array in the sample, and a hashed index takes none: the build would fail at the first", f.hashed);
    else if (f.text && text)
        snprintf(why, cap, "a collection has one text index at most, and there is %.120s", text->name);
    else if ((f.text || f.hashed) && expires)
        snprintf(why, cap, "documents expire by an index on one ordered field that holds dates");
    else if (f.wildcard && (unique || expires || f.hashed || wants(options, "sparse")))
        snprintf(why, cap, "a wildcard index is not unique, sparse or hashed, and no documents expire by it");
    else if (wants(options, "sparse") && bson_has_field(options, "partialFilterExpression"))
        snprintf(why, cap, "an index is sparse or has a filter, not both");
    else if (unique && !on_shard_key(q->catalogue, key))
        snprintf(why, cap, "a unique index of a sharded collection begins with its shard key: no shard knows the values of another");
    else if (unique && q->catalogue->repeats.known && q->catalogue->repeats.keys > 0)
        snprintf(why, cap, "it is to be unique, and %" PRId64 " of its keys %s there more than once, in %" PRId64 " documents: the build would fail at the first", q->catalogue->repeats.keys,
                 q->catalogue->repeats.keys == 1 ? "is" : "are", q->catalogue->repeats.documents);
    if (why[0])
        return true;
    two_arrays(q, key, &a, &b);
    if (a)
        snprintf(why, cap, "%.120s and %.120s are arrays in the sample, and an index runs through one only: the build fails at the first document in which both are", a, b);
    return false;
}
