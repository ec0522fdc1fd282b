/* SPDX-License-Identifier: Apache-2.0 */
#include "log_facts.h"

#include <string.h>

static struct sb_field_fact *fact(struct log_facts *f, const char *path)
{
    for (size_t i = 0; i < f->seen.fields_n; i++)
        if (sb_streq(f->seen.fields[i].path, path))
            return &f->seen.fields[i];
    struct sb_field_fact *one = SB_PUSH(f->seen.fields);
    if (one && sb_str_set(&one->path, path))
        return NULL;
    return one;
}

/* ---- arrays ---- */

static int array_at(struct log_facts *f, const char *path)
{
    struct sb_field_fact *one = fact(f, path);
    if (!one)
        return -1;
    one->array = true;
    return 0;
}

/* A field into which updates push is an array. */
static int arrays_of_update(struct log_facts *f, const struct sb_work *work)
{
    static const char *const pushes[] = {"$push", "$addToSet", "$pull", "$pullAll", "$pop"};
    bool update = work->shape->kind == SB_OP_UPDATE || work->shape->kind == SB_OP_FIND_AND_MODIFY;
    bson_t *doc = update ? sb_example_document(&work->example) : NULL;
    bson_iter_t it, ops, field;
    int rc = 0;
    bool there = doc && (bson_iter_init_find(&it, doc, "u") || bson_iter_init_find(&it, doc, "update")) && BSON_ITER_HOLDS_DOCUMENT(&it) && bson_iter_recurse(&it, &ops);
    while (there && rc == 0 && bson_iter_next(&ops)) {
        bool push = false;
        for (size_t i = 0; i < SB_COUNT(pushes); i++)
            push = push || strcmp(bson_iter_key(&ops), pushes[i]) == 0;
        if (push && BSON_ITER_HOLDS_DOCUMENT(&ops) && bson_iter_recurse(&ops, &field))
            while (rc == 0 && bson_iter_next(&field))
                rc = array_at(f, bson_iter_key(&field));
    }
    if (doc)
        bson_destroy(doc);
    return rc;
}

static int arrays_of_filter(struct log_facts *f, const struct sb_shape *s)
{
    int rc = 0;
    for (size_t i = 0; i < s->predicates_n && rc == 0; i++) {
        const struct sb_predicate *p = &s->predicates[i];
        if (p->path[0] && ((p->elem_path && p->elem_path[0]) || strcmp(p->op, "$all") == 0 || strcmp(p->op, "$size") == 0))
            rc = array_at(f, p->path);
    }
    return rc;
}

/* ---- how many documents one value has ---- */

/* An operation that compares one field and nothing else returns as many documents as a value has. */
static int values_of(struct log_facts *f, const struct sb_work *work)
{
    const struct sb_shape *s = work->shape;
    bool alone = s->predicates_n == 1 && s->predicates[0].class_ == SB_PREDICATE_EQUALITY && s->predicates[0].path[0] && !s->limited && !s->partial;
    if (!alone || s->kind != SB_OP_FIND || work->sums.count == 0)
        return 0;
    struct sb_field_fact *one = fact(f, s->predicates[0].path);
    if (!one)
        return -1;
    uint64_t each = work->sums.returned / work->sums.count;
    one->distinct_ppm = each > 1 ? (int64_t)(1000000 / each) : 1000000;
    return 0;
}

/* A scan that nothing stopped has read every document. */
static void size_of(struct log_facts *f, const struct sb_work *work)
{
    if (work->shape->limited || work->shape->lookups_n || work->sums.count == 0 || !sb_starts_with(sb_candidate_plan(work), "COLLSCAN"))
        return;
    int64_t each = (int64_t)(work->sums.docs_examined / work->sums.count);
    f->seen.documents = each > f->seen.documents ? each : f->seen.documents;
}

/* ---- indexes ---- */

/* The keys that a plan names: "IXSCAN { a: 1 }, IXSCAN { b: -1 }", and COUNT_SCAN and others as well. */
static int keys_of_plan(const char *plan, char ***used, size_t *n)
{
    int rc = 0;
    for (const char *at = strchr(plan, '{'), *end; at && (end = strchr(at, '}')) && rc == 0; at = strchr(end, '{')) {
        char *key = sb_strdup_n(at, (size_t)(end + 1 - at));
        rc = !key ? -1 : sb_strs_has(*used, *n, key) ? 0 : sb_strs_push(used, n, key);
        free(key);
    }
    return rc;
}

static int copy_index(struct sb_catalogue *c, const struct sb_index_info *from)
{
    struct sb_index_info *to = SB_PUSH(c->indexes);
    return !to || sb_record_copy(&sb_index_info_schema, to, from) ? -1 : 0;
}

/* Every collection has it. */
static int index_on_id(struct sb_catalogue *c)
{
    bson_t *spec = BCON_NEW("v", BCON_INT32(2), "key", "{", "_id", BCON_INT32(1), "}", "name", BCON_UTF8("_id_"));
    struct sb_index_info *x = spec ? SB_PUSH(c->indexes) : NULL;
    int rc = x ? sb_index_info_take(x, spec) : -1;
    if (spec)
        bson_destroy(spec);
    return rc;
}

int sb_log_facts_read(struct log_facts *f, const struct sb_workload *w, const struct sb_log_indexes *notes, const char *ns)
{
    char **used = NULL;
    size_t used_n = 0;
    int64_t documents;
    memset(f, 0, sizeof *f);
    f->seen.exists = true;
    int rc = sb_str_set(&f->seen.ns, ns) || index_on_id(&f->seen) ? -1 : 0;
    for (size_t i = 0; i < sb_workload_size(w) && rc == 0; i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        if (!sb_streq(work->ns, ns))
            continue;
        for (size_t k = 0; k < work->plans.n && rc == 0 && work->shape->lookups_n == 0; k++)
            rc = keys_of_plan(work->plans.item[k].name, &used, &used_n);
        if (rc == 0)
            rc = arrays_of_filter(f, work->shape) || arrays_of_update(f, work) || values_of(f, work) ? -1 : 0;
        size_of(f, work);
    }
    if (rc == 0)
        rc = sb_log_indexes_of(notes, ns, used, used_n, &f->dated, &f->dated_n, &documents, &f->unknown_drops);
    if (rc == 0 && documents > 0)
        f->seen.documents = documents;
    for (size_t i = 0; i < f->dated_n && rc == 0; i++)
        if (f->dated[i].info.fields_n && f->dated[i].from_ms == INT64_MIN && f->dated[i].to_ms == INT64_MAX && f->unknown_drops == 0)
            rc = copy_index(&f->seen, &f->dated[i].info);
    for (size_t i = 0; i < used_n; i++)
        free(used[i]);
    free(used);
    if (rc)
        sb_log_facts_release(f);
    return rc;
}

void sb_log_facts_release(struct log_facts *f)
{
    sb_catalogue_release(&f->seen);
    sb_dated_indexes_free(f->dated, f->dated_n);
    memset(f, 0, sizeof *f);
}

/* Was the index there as long as the shape was slow? Of one that some plan named, beside drops that fit no name, nobody knows:
 * then the shape's own plan says. */
static bool all_the_time(const struct log_facts *f, const struct sb_dated_index *x, const struct sb_work *w)
{
    if (x->from_ms == INT64_MIN && x->to_ms == INT64_MAX)
        return f->unknown_drops == 0 || !sb_starts_with(sb_candidate_plan(w), "COLLSCAN");
    if (w->first_ms == SB_NO_TIME)
        return false;
    return x->from_ms <= w->first_ms && w->last_ms <= x->to_ms;
}

void sb_log_facts_check(const struct log_facts *f, struct candidate *c)
{
    for (size_t i = 0; i < f->dated_n && !c->why_not[0]; i++) {
        const struct sb_dated_index *x = &f->dated[i];
        if (x->info.fields_n == 0 || !sb_candidate_served_by(c, &x->info))
            continue;
        if (all_the_time(f, x, c->work)) {
            snprintf(c->why_not, sizeof c->why_not, "index %.100s already serves it", x->info.name);
            c->served = true;
        } else if (x->to_ms == INT64_MAX)
            c->late = true;
    }
}
