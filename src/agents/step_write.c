/* SPDX-License-Identifier: Apache-2.0
 *
 * What a write says of a field, by its entry in an oplog: the value that it gives to it, or what it makes of it. A path is taken apart
 * at its dots: a write of the whole is one of each part, and a write of a part one of the whole. */
#include "step_iterator_kinds.h"

#include "bson_get.h"

#include <stdio.h>
#include <string.h>

#define MAX_PART 256

/* ---- what a write has set ---- */

/* The value at the rest of a dotted path within a value; false: there is none. */
static bool within(bson_iter_t *at, const char *rest, bson_iter_t *out)
{
    bson_iter_t inner;
    if (!rest[0]) {
        *out = *at;
        return true;
    }
    return BSON_ITER_HOLDS_DOCUMENT(at) && bson_iter_recurse(at, &inner) && bson_iter_find_descendant(&inner, rest, out);
}

/* The value that a difference of the server ({u: changed, i: new, s<field>: within}) gives to a path. */
static bool set_by_diff(const bson_t *diff, const char *path, bson_iter_t *out)
{
    size_t n = strcspn(path, ".");
    const char *rest = path[n] ? path + n + 1 : path + n;
    char name[MAX_PART], sub[MAX_PART + 1];
    bson_iter_t it, at;
    bson_t doc;
    if (n >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)n, path);
    snprintf(sub, sizeof sub, "s%s", name);
    static const char *const parts[] = {"u", "i"};
    for (size_t k = 0; k < SB_COUNT(parts); k++)
        if (bson_iter_init_find(&it, diff, parts[k]) && sb_sub_document(&it, &doc) && bson_iter_init_find(&at, &doc, name) && within(&at, rest, out))
            return true;
    return rest[0] && bson_iter_init_find(&it, diff, sub) && sb_sub_document(&it, &doc) && set_by_diff(&doc, rest, out);
}

bool sb_write_sets(const bson_t *o, const char *path, bson_iter_t *out)
{
    bson_iter_t it, at;
    bson_t doc;
    if (bson_iter_init_find(&it, o, "diff") && sb_sub_document(&it, &doc) && bson_has_field(o, "$v"))
        return set_by_diff(&doc, path, out);
    if (bson_iter_init_find(&it, o, "$set") && sb_sub_document(&it, &doc)) {
        for (bool more = bson_iter_init(&at, &doc) && bson_iter_next(&at); more; more = bson_iter_next(&at)) {
            size_t n = strlen(bson_iter_key(&at));
            if (strcmp(bson_iter_key(&at), path) == 0 && within(&at, "", out))
                return true;
            if (strncmp(bson_iter_key(&at), path, n) == 0 && path[n] == '.' && within(&at, path + n + 1, out))
                return true;
        }
        return false;
    }
    return !bson_has_field(o, "$v") && bson_iter_init(&it, o) && bson_iter_find_descendant(&it, path, out);
}

/* ---- what a write makes of a field ---- */

#define VALUE UINT64_C(14695981039346656037)
#define WITHIN UINT64_C(88172645463325252)

/* FNV-1a; never 0 or SB_WRITE_TAKES. */
static uint64_t hash_of(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * UINT64_C(1099511628211);
    return h > SB_WRITE_TAKES ? h : h + 2;
}

static uint64_t value_hash(const bson_iter_t *at, uint64_t begin)
{
    bson_t doc = BSON_INITIALIZER;
    BSON_APPEND_VALUE(&doc, "v", bson_iter_value((bson_iter_t *)(uintptr_t)at));
    uint64_t h = hash_of(begin, bson_get_data(&doc), doc.len);
    bson_destroy(&doc);
    return h;
}

uint64_t sb_value_hash(const bson_iter_t *at)
{
    return value_hash(at, VALUE);
}

/* The rest of `path` below `outer`, without its dot, or "" for the same; NULL: it does not lie there. */
static const char *rest_below(const char *path, const char *outer)
{
    size_t n = strlen(outer);
    return strncmp(path, outer, n) != 0 || (path[n] && path[n] != '.') ? NULL : path + n + (path[n] == '.');
}

/* Of a value that a write gives to what the path's rest lies in. */
static uint64_t given(bson_iter_t *at, const char *rest)
{
    bson_iter_t value;
    return within(at, rest, &value) ? value_hash(&value, VALUE) : SB_WRITE_TAKES;
}

static uint64_t diff_makes(const bson_t *diff, const char *path)
{
    static const char *const parts[] = {"u", "i"};
    size_t n = strcspn(path, ".");
    const char *rest = path[n] ? path + n + 1 : path + n;
    char name[MAX_PART], sub[MAX_PART + 1];
    bson_iter_t it, at;
    bson_t doc;
    if (n >= sizeof name)
        return 0;
    snprintf(name, sizeof name, "%.*s", (int)n, path);
    snprintf(sub, sizeof sub, "s%s", name);
    for (size_t k = 0; k < SB_COUNT(parts); k++)
        if (bson_iter_init_find(&it, diff, parts[k]) && sb_sub_document(&it, &doc) && bson_iter_init_find(&at, &doc, name))
            return given(&at, rest);
    if (bson_iter_init_find(&it, diff, "d") && sb_sub_document(&it, &doc) && bson_has_field(&doc, name))
        return SB_WRITE_TAKES;
    if (!bson_iter_init_find(&at, diff, sub))
        return 0;
    if (!rest[0])
        return value_hash(&at, WITHIN);
    return sb_sub_document(&at, &doc) ? diff_makes(&doc, rest) : 0;
}

/* By $set and $unset, as of an older oplog. */
static uint64_t modifiers_make(const bson_t *o, const char *path)
{
    static const char *const modifiers[] = {"$set", "$unset"};
    bson_iter_t it, at;
    bson_t doc;
    uint64_t h = WITHIN;
    for (size_t i = 0; i < SB_COUNT(modifiers); i++) {
        if (!bson_iter_init_find(&it, o, modifiers[i]) || !sb_sub_document(&it, &doc))
            continue;
        for (bool more = bson_iter_init(&at, &doc) && bson_iter_next(&at); more; more = bson_iter_next(&at)) {
            const char *key = bson_iter_key(&at), *inner = rest_below(path, key), *outer = rest_below(key, path);
            if (inner)
                return i ? SB_WRITE_TAKES : given(&at, inner);
            if (outer)
                h = value_hash(&at, hash_of(h, outer, strlen(outer)));
        }
    }
    return h == WITHIN ? 0 : h;
}

uint64_t sb_write_makes(const char *op, const bson_t *o, const char *path)
{
    bson_iter_t it, at;
    bson_t doc;
    if (strcmp(op, "d") == 0)
        return SB_WRITE_TAKES;
    if (strcmp(op, "u") == 0 && bson_has_field(o, "$v") && bson_iter_init_find(&it, o, "diff") && sb_sub_document(&it, &doc))
        return diff_makes(&doc, path);
    if (strcmp(op, "u") == 0 && (bson_has_field(o, "$set") || bson_has_field(o, "$unset")))
        return modifiers_make(o, path);
    return bson_iter_init(&it, o) && bson_iter_find_descendant(&it, path, &at) ? value_hash(&at, VALUE) : SB_WRITE_TAKES;
}
