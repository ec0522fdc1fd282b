/* SPDX-License-Identifier: Apache-2.0
 *
 * Advice from logs alone: collection by collection, and a word for every shape. */
#include "log_advice.h"

#include <string.h>

const char *sb_advice_kind_name(enum sb_advice_kind kind)
{
    static const char *const names[] = {[SB_ADVICE_CREATE] = "create_index", [SB_ADVICE_REPLACE] = "replace_index", [SB_ADVICE_DROP] = "drop_index",
                                        [SB_ADVICE_HIDE] = "hide_index", [SB_ADVICE_NONE] = "no_index"};
    return names[kind];
}

static void release(struct sb_log_advice *a)
{
    free(a->ns);
    free(a->key);
    free(a->options);
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

void sb_log_advice_free(struct sb_log_advice *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        release(&list[i]);
    free(list);
}

/* ---- parts of a piece ---- */

struct sb_log_advice *sb_advice_add(struct log_advice_list *l, enum sb_advice_kind kind, const char *ns)
{
    struct sb_log_advice *a = SB_PUSH(l->items);
    if (!a || sb_str_set(&a->ns, ns))
        return NULL;
    a->kind = kind;
    a->bytes = a->writes_per_s_milli = SB_ABSENT;
    return a;
}

int sb_advice_evidence(struct sb_log_advice *a, const char *source, const char *what, char *value, const char *coverage, int64_t at)
{
    int rc = value ? sb_evidence_add(&a->evidence, &a->evidence_n, source, a->ns, what, value, coverage, at) : -1;
    free(value);
    return rc;
}

int sb_advice_rejected(struct sb_log_advice *a, const char *key_shown, const char *reason)
{
    struct sb_rejected *r = key_shown && reason ? SB_PUSH(a->rejected) : NULL;
    return !r || sb_str_set(&r->key, key_shown) || sb_str_set(&r->reason, reason) ? -1 : 0;
}

char *sb_advice_shape(const struct candidate *c)
{
    const struct sb_shape *s = c->work->shape;
    return sb_format("%s%s%s %s%s%s", c->inner ? c->work->ns : "", c->inner ? " " : "", s->op, s->text, s->sort[0] ? " sort " : "", s->sort);
}

/* ---- shapes without an index ---- */

static int say_why(const struct candidate *c, const char *ns, const char *why, struct log_advice_list *out)
{
    struct sb_log_advice *a = sb_advice_add(out, SB_ADVICE_NONE, ns);
    char *shape = a ? sb_advice_shape(c) : NULL;
    if (!shape)
        return -1;
    a->time_ms = (int64_t)c->sums.total_ms;
    a->reason = sb_format("%s: %s", shape, why);
    int rc = a->reason && sb_strs_push(&a->shapes, &a->shapes_n, shape) == 0 ? 0 : -1;
    free(shape);
    return rc;
}

/* Arms of one $or that have the same reason are one shape. */
static bool said_before(const struct candidate *all, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (all[k].work == all[i].work && all[k].inner == all[i].inner && strcmp(all[k].why_not, all[i].why_not) == 0)
            return true;
    return false;
}

static int say_rest(const struct log_place *p, struct log_advice_list *out)
{
    int rc = 0;
    for (size_t i = 0; i < p->need_n && rc == 0; i++)
        if (p->need[i].why_not[0] && sb_candidate_has_filter(&p->need[i]) && !said_before(p->need, i))
            rc = say_why(&p->need[i], p->q.ns, p->need[i].why_not, out);
    return rc;
}

/* The costliest shape stands for all of a collection on which nothing may be proposed. */
static int say_forbidden(const struct log_place *p, const char *why, struct log_advice_list *out)
{
    struct candidate c = {.n = 0};
    for (size_t i = 0; i < sb_workload_size(p->q.workload); i++) {
        const struct sb_work *w = sb_workload_at(p->q.workload, i);
        struct candidate one = {.work = w, .sums = w->sums};
        if (sb_streq(w->ns, p->q.ns) && sb_candidate_has_filter(&one) && (!c.work || w->sums.total_ms > c.sums.total_ms))
            c = one;
    }
    return c.work ? say_why(&c, p->q.ns, why, out) : 0;
}

/* ---- the collections ---- */

struct spent {
    const char *ns;
    char *own; /* its name, where nothing else holds it */
    uint64_t ms, written;
};

struct places {
    struct spent *list;
    size_t n;
};

static struct spent *place_of(struct places *p, const char *ns)
{
    for (size_t i = 0; i < p->n; i++)
        if (sb_streq(p->list[i].ns, ns))
            return &p->list[i];
    struct spent *s = sb_list_push((void **)&p->list, &p->n, sizeof *p->list);
    if (s && !(s->ns = s->own = sb_strdup_n(ns, strlen(ns))))
        return NULL;
    return s;
}

static int by_time(const void *a, const void *b)
{
    const struct spent *x = a, *y = b;
    return x->ms != y->ms ? (x->ms < y->ms ? 1 : -1) : strcmp(x->ns, y->ns);
}

/* Every collection that something was logged of, that a $lookup looked in, or of which a catalogue was given. */
static int find_places(const struct sb_log_question *q, struct places *p)
{
    for (size_t i = 0; i < sb_workload_size(q->workload); i++) {
        const struct sb_work *work = sb_workload_at(q->workload, i);
        struct spent *s = place_of(p, work->ns);
        if (!s)
            return -1;
        s->ms += work->sums.total_ms;
        s->written += work->sums.written;
        for (size_t k = 0; k < work->shape->lookups_n; k++) {
            if (!work->shape->lookups[k].from)
                continue;
            char *inner = sb_format("%.*s.%s", (int)strcspn(work->ns, "."), work->ns, work->shape->lookups[k].from);
            bool there = inner && place_of(p, inner);
            free(inner);
            if (!there)
                return -1;
        }
    }
    for (size_t i = 0; i < q->catalogues_n; i++)
        if (!place_of(p, q->catalogues[i].ns))
            return -1;
    if (p->n)
        qsort(p->list, p->n, sizeof *p->list, by_time);
    return 0;
}

static const struct sb_catalogue *given_of(const struct sb_log_question *q, const char *ns)
{
    for (size_t i = 0; i < q->catalogues_n; i++)
        if (sb_streq(q->catalogues[i].ns, ns) && (q->catalogues[i].indexes_n || !sb_streq(q->catalogues[i].type, "collection")))
            return &q->catalogues[i]; /* one that only says that it is a collection tells no more than a log */
    return NULL;
}

/* The recorded catalogue, with what the log tells of the fields. */
static int use_given(struct sb_catalogue *seen, const struct sb_catalogue *given)
{
    struct sb_catalogue c = {.exists = false};
    if (sb_record_copy(&sb_catalogue_schema, &c, given))
        return -1;
    if (c.fields_n == 0) {
        c.fields = seen->fields;
        c.fields_n = seen->fields_n;
        seen->fields = NULL;
        seen->fields_n = 0;
    }
    if (c.documents == 0)
        c.documents = seen->documents;
    sb_catalogue_release(seen);
    *seen = c;
    return 0;
}

static int advise(const struct sb_log_question *all, const struct spent *s, struct log_advice_list *out)
{
    struct log_place p = {.all = all, .given = given_of(all, s->ns), .ms = s->ms, .written = s->written};
    if (sb_log_facts_read(&p.facts, all->workload, all->indexes, s->ns))
        return -1;
    if (p.given && use_given(&p.facts.seen, p.given)) {
        sb_log_facts_release(&p.facts);
        return -1;
    }
    p.q = (struct sb_index_question){.ns = s->ns, .workload = all->workload, .catalogue = &p.facts.seen, .whole_log = true};
    const char *no = sb_index_forbidden(&p.q);
    int rc = no ? say_forbidden(&p, no, out) : sb_candidates_collect(&p.q, &p.need, &p.need_n);
    for (size_t i = 0; !no && rc == 0 && !p.given && i < p.need_n; i++)
        sb_log_facts_check(&p.facts, &p.need[i]);
    if (!no && rc == 0)
        rc = sb_plan_make(&p.q, p.need, p.need_n, &p.plan, &p.plan_n) || sb_log_propose(&p, out) || say_rest(&p, out) ||
                     (p.given && sb_log_retire(&p, out)) ? -1 : 0;
    free(p.plan);
    free(p.need);
    sb_log_facts_release(&p.facts);
    return rc;
}

/* ---- all of it ---- */

static int rank(enum sb_advice_kind kind)
{
    return kind == SB_ADVICE_CREATE || kind == SB_ADVICE_REPLACE ? 0 : kind == SB_ADVICE_NONE ? 2 : 1;
}

static int by_weight(const void *a, const void *b)
{
    const struct sb_log_advice *x = a, *y = b;
    if (rank(x->kind) != rank(y->kind))
        return rank(x->kind) - rank(y->kind);
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? 1 : -1;
    if (x->docs_saved != y->docs_saved)
        return x->docs_saved < y->docs_saved ? 1 : -1;
    int c = strcmp(x->ns, y->ns);
    return c ? c : strcmp(x->reason ? x->reason : "", y->reason ? y->reason : "");
}

/* Sorts, and drops the least of the shapes without an index where there are too many. */
static void arrange(struct log_advice_list *l)
{
    size_t reasons = 0, keep = l->items_n;
    if (l->items_n)
        qsort(l->items, l->items_n, sizeof *l->items, by_weight);
    for (size_t i = 0; i < l->items_n; i++)
        if (l->items[i].kind == SB_ADVICE_NONE && ++reasons > SB_LOG_ADVICE_REASONS && keep == l->items_n)
            keep = i;
    for (size_t i = keep; i < l->items_n; i++)
        release(&l->items[i]);
    l->items_n = keep;
}

/* Names and plans in a log may be bytes that are no text. */
static void make_text(char *s)
{
    if (!s || bson_utf8_validate(s, strlen(s), false))
        return;
    for (; *s; s++)
        if ((unsigned char)*s >= 0x80)
            *s = '?';
}

static void make_all_text(struct sb_log_advice *a)
{
    make_text(a->ns);
    make_text(a->reason);
    for (size_t i = 0; i < a->shapes_n; i++)
        make_text(a->shapes[i]);
    for (size_t i = 0; i < a->rejected_n; i++)
        make_text(a->rejected[i].reason);
    for (size_t i = 0; i < a->evidence_n; i++) {
        make_text(a->evidence[i].ns);
        make_text(a->evidence[i].value);
    }
}

int sb_log_advise(const struct sb_log_question *q, struct sb_log_advice **out, size_t *n, struct sb_err *err)
{
    struct places places = {NULL, 0};
    struct log_advice_list list = {NULL, 0};
    int rc = find_places(q, &places);
    for (size_t i = 0; rc == 0 && i < places.n && i < SB_LOG_ADVICE_NAMESPACES; i++)
        rc = advise(q, &places.list[i], &list);
    if (rc == 0)
        arrange(&list);
    for (size_t i = 0; i < list.items_n; i++)
        make_all_text(&list.items[i]);
    for (size_t i = 0; i < places.n; i++)
        free(places.list[i].own);
    free(places.list);
    if (rc) {
        sb_log_advice_free(list.items, list.items_n);
        list.items = NULL;
        list.items_n = 0;
    }
    *out = list.items;
    *n = list.items_n;
    return rc ? sb_fail_nomem(err) : 0;
}
