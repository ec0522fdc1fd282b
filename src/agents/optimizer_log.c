/* SPDX-License-Identifier: Apache-2.0
 *
 * Advice from a log alone. */
#include "optimizer.h"

#include <signalbox/agents/log_advice.h>

#include <inttypes.h>
#include <string.h>

#define MAX_CANDIDATES 200
#define MANY 10             /* operations */
#define SURE_PPM 700000     /* many operations, all of which read the whole collection */
#define LESS_PPM 200000     /* taken off for few operations, and for a plan that used some index */

void sb_log_advice_free(struct sb_log_advice *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sb_log_advice *a = &list[i];
        free(a->ns);
        free(a->key);
        free(a->name);
        for (size_t k = 0; k < a->shapes_n; k++)
            free(a->shapes[k]);
        free(a->shapes);
        free(a->reason);
        for (size_t k = 0; k < a->rejected_n; k++) {
            free(a->rejected[k].key);
            free(a->rejected[k].reason);
        }
        free(a->rejected);
        for (size_t k = 0; k < a->evidence_n; k++)
            sb_record_release(&sb_evidence_schema, &a->evidence[k]);
        free(a->evidence);
    }
    free(list);
}

/* ---- what the log shows of the collection's indexes ---- */

/* "{ a: 1, b: -1 }", as a plan writes the key of an index that it used. */
static int add_seen(struct sb_catalogue *c, const char *text, size_t n)
{
    char *shown = sb_strdup_n(text, n), *key = shown ? sb_index_key_read(shown, NULL) : NULL;
    if (!shown)
        return -1;
    struct sb_index_info *x = key && !sb_catalogue_index_by_key(c, key) ? SB_PUSH(c->indexes) : NULL;
    bson_t *doc = x ? bson_new_from_json((const uint8_t *)key, -1, NULL) : NULL;
    bson_iter_t it;
    int rc = x && (sb_str_set(&x->name, shown) || sb_str_set(&x->key, key)) ? -1 : 0;
    if (doc && bson_iter_init(&it, doc))
        while (rc == 0 && bson_iter_next(&it)) {
            struct sb_index_field *f = SB_PUSH(x->fields);
            rc = !f || sb_str_set(&f->path, bson_iter_key(&it)) ? -1 : 0;
            if (f)
                f->direction = !BSON_ITER_HOLDS_NUMBER(&it) ? 0 : bson_iter_as_double(&it) < 0 ? -1 : 1;
        }
    if (doc)
        bson_destroy(doc);
    free(key);
    free(shown);
    return rc;
}

static int look_at_plans(const struct sb_workload *w, const char *ns, struct sb_catalogue *c)
{
    for (size_t i = 0; i < sb_workload_size(w); i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        for (size_t k = 0; sb_streq(work->ns, ns) && k < work->plans.n; k++)
            for (const char *at = strstr(work->plans.item[k].name, "IXSCAN {"), *end; at && (end = strchr(at, '}')); at = strstr(end, "IXSCAN {"))
                if (add_seen(c, at + strlen("IXSCAN "), (size_t)(end + 1 - (at + strlen("IXSCAN ")))))
                    return -1;
    }
    return 0;
}

/* ---- one piece of advice ---- */

static char *shape_text(const struct candidate *c)
{
    const struct sb_shape *s = c->work->shape;
    return sb_format("%s %s%s%s", s->op, s->text, s->sort[0] ? " sort " : "", s->sort);
}

static int add_shape(struct sb_log_advice *a, const struct candidate *c)
{
    char *text = shape_text(c);
    int rc = text ? sb_strs_push(&a->shapes, &a->shapes_n, text) : -1;
    free(text);
    return rc;
}

static int evidence(struct sb_log_advice *a, const char *what, char *value, const char *coverage, int64_t at)
{
    int rc = value ? sb_evidence_add(&a->evidence, &a->evidence_n, "log of slow operations", a->ns, what, value, coverage, at) : -1;
    free(value);
    return rc;
}

/* What was measured, and what nobody can know from a log. */
static int add_evidence(struct sb_log_advice *a, const struct candidate *lead, const struct sb_catalogue *seen)
{
    const struct sb_work_sums *s = &lead->sums;
    int64_t at = lead->work->last_ms == SB_NO_TIME ? 0 : lead->work->last_ms;
    struct sb_str names;
    sb_str_init(&names);
    for (size_t i = 0; i < seen->indexes_n; i++)
        sb_str_addf(&names, "%s%s", i ? ", " : "", seen->indexes[i].name);
    int rc = evidence(a, "operations of this shape", sb_format("%" PRIu64 ", %" PRIu64 " ms in all", s->count, s->total_ms), "measured", at) ||
             evidence(a, "documents examined per document used", sb_format("%.0f to 1%s", lead->ratio, s->sorted ? ", and a sort in memory" : ""), "measured", at) ||
             evidence(a, "plan", sb_format("%s", sb_candidate_plan(lead->work)), "measured", at) ||
             evidence(a, "existing indexes", sb_format("not in a log: make it only if it does not exist. Plans name %s", names.len ? names.p : "none"), "blind", at) ||
             evidence(a, "documents and values", sb_format("not in a log: how large the index gets, what it costs to write, and which equality should lead"), "blind", at);
    sb_str_release(&names);
    return rc;
}

static int64_t confidence(const struct candidate *lead)
{
    int64_t ppm = SURE_PPM;
    if (lead->sums.count < MANY)
        ppm -= LESS_PPM;
    if (!sb_starts_with(sb_candidate_plan(lead->work), "COLLSCAN"))
        ppm -= LESS_PPM;
    return ppm;
}

static char *reason_of(const struct candidate *lead)
{
    const struct sb_shape *s = lead->work->shape;
    char took[32] = "an unknown time";
    if (lead->sums.timed)
        snprintf(took, sizeof took, "%" PRIu64 " ms", lead->sums.total_ms);
    return sb_format("%s %s%s%s reads %.0f documents for each one it uses%s: %" PRIu64 " logged operations took %s. The index lets it read only what it returns.", s->op, s->text,
                     s->sort[0] ? " sorted by " : "", s->sort, lead->ratio, lead->sums.sorted ? " and sorts them in memory" : "", lead->sums.count, took);
}

/* Takes what the lead's index serves out of the rest, and adds it up. */
static int take_served(struct sb_log_advice *a, const struct candidate *lead, const char *shown, struct candidate *all, size_t n)
{
    struct candidate index = *lead; /* it is one of them, and is taken out as well */
    for (size_t i = 0; i < n; i++) {
        struct candidate *c = &all[i];
        if (c->why_not[0] || !sb_candidate_within(c, &index))
            continue;
        uint64_t useful = c->sums.returned + c->sums.written;
        a->time_ms += (int64_t)c->sums.total_ms;
        a->docs_saved += c->sums.docs_examined > useful ? (int64_t)(c->sums.docs_examined - useful) : 0;
        if (add_shape(a, c))
            return -1;
        snprintf(c->why_not, sizeof c->why_not, "served by the index on %.200s", shown);
    }
    return 0;
}

static int propose(struct sb_log_advice *a, const struct candidate *lead, const struct sb_catalogue *seen, struct candidate *all, size_t n, int64_t ns_ms)
{
    a->proposes = true;
    a->key = sb_candidate_key(lead);
    a->name = a->key ? sb_index_default_name(a->key) : NULL;
    a->reason = reason_of(lead);
    a->confidence_ppm = confidence(lead);
    char *shown = a->key ? sb_index_key_shown(a->key) : NULL;
    int rc = !a->name || !a->reason || !shown || add_evidence(a, lead, seen) || sb_candidate_alternatives(lead, &a->rejected, &a->rejected_n) || take_served(a, lead, shown, all, n) ? -1 : 0;
    a->score_ppm = ns_ms > 0 ? a->time_ms * 1000000 / ns_ms : 0;
    free(shown);
    return rc;
}

/* The costliest that an index could help, if there is one: why there is none for it is worth a word. */
static const struct candidate *costliest(const struct candidate *all, size_t n)
{
    const struct candidate *worst = NULL;
    for (size_t i = 0; i < n; i++)
        if (sb_candidate_has_filter(&all[i]) && (!worst || all[i].sums.total_ms > worst->sums.total_ms))
            worst = &all[i];
    return worst;
}

static int refuse(struct sb_log_advice *a, const struct candidate *worst)
{
    char *shape = shape_text(worst);
    a->reason = shape ? sb_format("%s: %s", shape, worst->why_not) : NULL;
    a->time_ms = (int64_t)worst->sums.total_ms;
    free(shape);
    return !a->reason || add_shape(a, worst) ? -1 : 0;
}

/* ---- the collections ---- */

struct spent {
    const char *ns;
    uint64_t ms;
};

static int by_time(const void *a, const void *b)
{
    const struct spent *x = a, *y = b;
    return x->ms != y->ms ? (x->ms < y->ms ? 1 : -1) : strcmp(x->ns, y->ns);
}

/* Every collection that something slow was logged of. n: of them. NULL out of memory. */
static struct spent *collections(const struct sb_workload *w, size_t *n)
{
    size_t entries = sb_workload_size(w);
    struct spent *list = calloc(entries + 1, sizeof *list);
    *n = 0;
    for (size_t i = 0; list && i < entries; i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        size_t at = 0;
        while (at < *n && !sb_streq(list[at].ns, work->ns))
            at++;
        if (at == *n)
            list[(*n)++].ns = work->ns;
        list[at].ms += work->sums.total_ms;
    }
    if (list)
        qsort(list, *n, sizeof *list, by_time);
    return list;
}

static int advise(const struct sb_workload *w, const struct spent *s, struct candidate *all, struct sb_log_advice **out, size_t *out_n)
{
    struct sb_catalogue seen = {.exists = true};
    struct sb_index_question q = {.ns = s->ns, .workload = w, .catalogue = &seen, .whole_log = true};
    int rc = sb_str_set(&seen.ns, s->ns) || look_at_plans(w, s->ns, &seen) ? -1 : 0;
    size_t n = rc || sb_index_forbidden(&q) ? 0 : sb_candidates_collect(&q, all, MAX_CANDIDATES), given = 0;
    while (rc == 0 && n && given < SB_LOG_ADVICE_EACH) {
        const struct candidate *lead = sb_candidates_choose(all, n), *worst = lead || given ? NULL : costliest(all, n);
        if (!lead && !worst)
            break;
        struct sb_log_advice *a = sb_list_push((void **)out, out_n, sizeof **out);
        rc = !a || sb_str_set(&a->ns, s->ns) ? -1 : lead ? propose(a, lead, &seen, all, n, (int64_t)s->ms) : refuse(a, worst);
        given++;
        if (!lead)
            break;
    }
    sb_catalogue_release(&seen);
    return rc;
}

int sb_log_advise(const struct sb_workload *w, struct sb_log_advice **out, size_t *n, struct sb_err *err)
{
    size_t namespaces;
    struct spent *list = collections(w, &namespaces);
    struct candidate *all = calloc(MAX_CANDIDATES, sizeof *all);
    int rc = list && all ? 0 : -1;
    *out = NULL;
    *n = 0;
    for (size_t i = 0; rc == 0 && i < namespaces && i < SB_LOG_ADVICE_NAMESPACES; i++)
        rc = advise(w, &list[i], all, out, n);
    free(list);
    free(all);
    if (rc) {
        sb_log_advice_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return rc ? sb_fail_nomem(err) : 0;
}
