/* SPDX-License-Identifier: Apache-2.0
 *
 * $[] and $[identifier]: which elements of its arrays a path of an update means. */
#include "update_ops.h"

#include <stdlib.h>
#include <string.h>

void sim_array_filters_release(struct sim_array_filters *x)
{
    for (size_t i = 0; i < x->n; i++)
        sim_filter_free(x->item[i].filter);
    x->n = 0;
}

/* The first name of the first path in a filter. */
static const char *first_path(const struct sim_expr *e)
{
    if (e->path_n)
        return e->path;
    for (size_t i = 0; i < e->sub_n; i++) {
        const char *p = first_path(e->sub[i]);
        if (p)
            return p;
    }
    return NULL;
}

/* All paths must begin with the one name. */
static bool is_only(const struct sim_expr *e, const char *id, size_t n)
{
    if (e->path_n)
        return e->path_n >= n && memcmp(e->path, id, n) == 0 && (e->path_n == n || e->path[n] == '.');
    for (size_t i = 0; i < e->sub_n; i++)
        if (!is_only(e->sub[i], id, n))
            return false;
    return true;
}

static int add(struct sim_array_filters *x, const struct sim_elem *e, struct sim_fail *f)
{
    if (e->v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_TYPE_MISMATCH, "BSON field 'update.updates.arrayFilters.%s' is the wrong type '%s', expected type 'object'", e->key,
                        sim_type_name(e->v.type));
    if (x->n == SB_COUNT(x->item))
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "more than %zu arrayFilters are not simulated", SB_COUNT(x->item));
    struct sim_filter *filter = sim_filter_new(e->v.p, f);
    if (!filter) {
        sim_fail_prefix(f, "Error parsing array filter :: caused by :: ");
        return -1;
    }
    x->item[x->n].filter = filter;
    x->item[x->n].used = false;
    x->n++;
    const char *id = first_path(filter->root);
    size_t n = id ? strcspn(id, ".") : 0;
    if (!id)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "Cannot use an expression without a top-level field name in arrayFilters");
    if (!is_only(filter->root, id, n))
        return sim_fail(f, SIM_FAILED_TO_PARSE, "Error parsing array filter :: caused by :: Expected a single top-level field name, found '%.*s' and another",
                        (int)n, id);
    for (size_t i = 0; i + 1 < x->n; i++)
        if (x->item[i].id_n == n && memcmp(x->item[i].id, id, n) == 0)
            return sim_fail(f, SIM_FAILED_TO_PARSE, "Found multiple array filters with the same top-level field name %.*s", (int)n, id);
    x->item[x->n - 1].id = id;
    x->item[x->n - 1].id_n = n;
    return 0;
}

int sim_array_filters_init(struct sim_array_filters *x, struct sim_val list, struct sim_fail *f)
{
    struct sim_elem e;
    x->n = 0;
    if (!list.type)
        return 0;
    if (list.type != BSON_TYPE_ARRAY)
        return sim_fail(f, SIM_TYPE_MISMATCH, "BSON field 'update.updates.arrayFilters' is the wrong type '%s', expected type 'array'", sim_type_name(list.type));
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);)
        if (add(x, &e, f))
            return -1;
    return 0;
}

static size_t find(const struct sim_array_filters *x, const char *id, size_t n)
{
    size_t i = 0;
    while (i < x->n && (x->item[i].id_n != n || memcmp(x->item[i].id, id, n) != 0))
        i++;
    return i;
}

int sim_array_filters_use(struct sim_array_filters *x, const char *path, struct sim_fail *f)
{
    for (const char *p = strstr(path, ".$["); p; p = strstr(p + 1, ".$[")) {
        const char *id = p + 3, *end = strchr(id, ']');
        if (!end || (end[1] && end[1] != '.'))
            return sim_fail(f, SIM_BAD_VALUE, "Bad array filter identifier in path '%.200s'", path);
        if (end == id)
            continue;
        size_t i = find(x, id, (size_t)(end - id));
        if (i == x->n)
            return sim_fail(f, SIM_BAD_VALUE, "No array filter found for identifier '%.*s' in path '%.200s'", (int)(end - id), id, path);
        x->item[i].used = true;
    }
    return 0;
}

int sim_array_filters_all_used(const struct sim_array_filters *x, struct sim_fail *f)
{
    for (size_t i = 0; i < x->n; i++)
        if (!x->item[i].used)
            return sim_fail(f, SIM_FAILED_TO_PARSE, "The array filter for identifier '%.*s' was not used in the update", (int)x->item[i].id_n, x->item[i].id);
    return 0;
}

/* 1 it is meant, 0 not, -1 out of memory. */
static int is_meant(const struct sim_array_filters *x, const char *id, size_t n, struct sim_val element)
{
    struct sim_w w;
    if (n == 0)
        return 1;
    sim_w_init(&w);
    sim_w_val_n(&w, id, n, element);
    const uint8_t *doc = sim_w_done(&w);
    int rc = doc ? sim_match(x->item[find(x, id, n)].filter->root, doc) : -1;
    sim_w_release(&w);
    return rc;
}

int sim_array_paths(const struct sim_array_filters *x, const uint8_t *doc, const char *path, struct sb_str *out, struct sim_fail *f)
{
    const char *at = strstr(path, ".$["), *id = at ? at + 3 : NULL, *end = id ? strchr(id, ']') : NULL;
    if (!end) {
        sb_str_add(out, path, strlen(path) + 1);
        return sb_str_ok(out) ? 0 : sim_fail_nomem(f);
    }
    struct sb_str next;
    struct sim_elem e;
    int rc = 0;
    sb_str_init(&next);
    sb_str_add(&next, path, (size_t)(at - path));
    struct sim_val list = sb_str_ok(&next) ? sim_path(doc, next.p) : sim_missing;
    if (list.type != BSON_TYPE_ARRAY)
        rc = list.type ? sim_fail(f, SIM_BAD_VALUE, "Cannot apply array updates to non-array element %.200s", next.p)
                       : sim_fail(f, SIM_BAD_VALUE, "The path '%.200s' must exist in the document in order to apply array updates.", sb_str_ok(&next) ? next.p : "");
    for (struct sim_iter it = sim_iter_of(list.p); rc == 0 && sim_next(&it, &e);) {
        int meant = is_meant(x, id, (size_t)(end - id), e.v);
        if (meant == 0)
            continue;
        sb_str_clear(&next);
        sb_str_add(&next, path, (size_t)(at - path));
        sb_str_addf(&next, ".%s%s", e.key, end + 1);
        rc = meant < 0 || !sb_str_ok(&next) ? sim_fail_nomem(f) : sim_array_paths(x, doc, next.p, out, f);
    }
    sb_str_release(&next);
    return rc;
}
