/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>
#include <signalbox/sim/exec.h>
#include <signalbox/sim/plan_cache.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIAL_WORKS 10000     /* or 0.3 of the records, whichever is more */
#define TRIAL_RESULTS 101
#define REPLAN_FACTOR 10

/* ---- identity of questions and plans ---- */

static uint64_t hash_text(uint64_t h, const char *text)
{
    return sb_fnv1a(h, text, strlen(text));
}

static void hash_query(struct sim_exec *e)
{
    const struct sim_query *q = &e->q;
    uint64_t h = sim_expr_shape(SB_FNV_START, q->filter);
    if (q->sort)
        h = sb_fnv1a(h ^ 1, q->sort, sim_doc_len(q->sort));
    if (q->projection)
        h = sb_fnv1a(h ^ 2, sim_projection_spec(q->projection), sim_doc_len(sim_projection_spec(q->projection)));
    e->query_hash = (uint32_t)(h >> 32 ^ h);
    if (q->coll)
        for (unsigned i = 0; i < q->coll->indexes; i++)
            if (!q->coll->index[i]->hidden && !q->coll->index[i]->building)
                h = hash_text(h ^ 3, q->coll->index[i]->name);
    e->plan_cache_key = (uint32_t)(h >> 32 ^ h);
    e->has_hash = q->coll && !q->hint.type && (q->sort || !sim_matches_all(q->filter));
}

static uint64_t signature(uint64_t h, const struct sim_stage *s)
{
    uint8_t kind = (uint8_t)s->kind;
    h = sb_fnv1a(h, &kind, 1);
    if (s->scan) {
        h = hash_text(h, s->scan->index->name);
        h = sb_fnv1a(h, &s->scan->backward, 1);
    }
    if (s->child)
        h = signature(h, s->child);
    for (size_t i = 0; i < s->children_n && i < 4; i++) /* scans of an exploded $in are as many as it has values */
        h = signature(h, s->children[s->kind == SIM_SORT_MERGE ? 0 : i]);
    return h;
}

static uint64_t signature_of(const struct sim_stage *s)
{
    return signature(SB_FNV_START, s);
}

/* ---- the trial ---- */

struct candidate {
    struct sim_stage *root;
    struct sim_row *rows;
    size_t n, cap;
    bool eof, failed;
};

static void candidate_drop_rows(struct candidate *c)
{
    for (size_t i = 0; i < c->n; i++)
        sim_row_release(&c->rows[i]);
    free(c->rows);
    c->rows = NULL;
    c->n = 0;
}

/* One work of a candidate. True while it may go on. */
static bool work_candidate(struct candidate *c, size_t want)
{
    struct sim_row row = {0, NULL};
    enum sim_state state = sim_work(c->root, &row);
    if (state == SIM_ADVANCED) {
        if (SB_GROW(c->rows, c->cap, c->n + 1)) {
            sim_row_release(&row);
            c->failed = true;
            return false;
        }
        c->rows[c->n++] = row;
        return c->n < want;
    }
    c->eof = state == SIM_IS_EOF;
    c->failed = state == SIM_FAILED;
    return state == SIM_NEED_TIME;
}

static double score(const struct candidate *c)
{
    struct sim_totals t = {0};
    double works = c->root->works ? (double)c->root->works : 1;
    sim_stage_totals(c->root, &t);
    double epsilon = 1 / (10 * works) < 1e-4 ? 1 / (10 * works) : 1e-4;
    double s = 1 + (double)c->root->advanced / works + epsilon; /* the last: no index is intersected with another */
    if (!t.fetch)
        s += epsilon;
    if (!t.sort)
        s += epsilon;
    return c->failed ? 0 : c->eof ? s + 1 : s;
}

static size_t wanted(const struct sim_query *q)
{
    return q->limit && q->limit < TRIAL_RESULTS ? (size_t)q->limit : TRIAL_RESULTS;
}

static int64_t budget(const struct sim_query *q)
{
    int64_t part = (int64_t)(q->coll->records.count * 3 / 10);
    return part > TRIAL_WORKS ? part : TRIAL_WORKS;
}

static size_t run_trial(struct sim_exec *e, struct candidate *c, size_t n)
{
    size_t want = wanted(&e->q), best = 0;
    bool going = true;
    for (int64_t round = budget(&e->q); round > 0 && going; round--)
        for (size_t i = 0; i < n; i++)
            if (!c[i].failed && !work_candidate(&c[i], want))
                going = false;
    for (size_t i = 1; i < n; i++)
        if (score(&c[i]) > score(&c[best]))
            best = i;
    return best;
}

/* What allPlansExecution shows of a candidate, as it stands at the end of the trial. */
static void keep_trial(struct sim_exec *e, const struct candidate *c)
{
    struct sim_w w;
    struct sim_totals t = {0};
    sim_w_init(&w);
    sim_stage_totals(c->root, &t);
    sim_w_i32(&w, "nReturned", (int64_t)c->n);
    sim_w_i32(&w, "executionTimeMillisEstimate", 0);
    sim_w_i32(&w, "totalKeysExamined", t.keys);
    sim_w_i32(&w, "totalDocsExamined", t.docs);
    sim_w_doc(&w, "executionStages");
    sim_explain_stats(&w, c->root, 0, 0);
    sim_w_end(&w);
    const uint8_t *done = sim_w_done(&w);
    if (done && (e->trials[e->trials_n] = sim_doc_new(done)))
        e->trials_n++;
    sim_w_release(&w);
}

static void take_rows(struct sim_exec *e, struct candidate *c)
{
    e->buffer = c->rows;
    e->buffer_n = c->n;
    e->buffer_cap = c->cap;
    e->root = c->root;
    c->rows = NULL;
    c->n = 0;
}

static void reject(struct sim_exec *e, struct candidate *c)
{
    struct sim_totals t = {0};
    sim_stage_totals(c->root, &t);
    e->trial_keys += t.keys;
    e->trial_docs += t.docs;
    candidate_drop_rows(c);
    e->rejected[e->rejected_n++] = c->root;
}

/* The cached plan alone, as long as it keeps near what it once took. True when it is kept. */
static bool try_cached(struct sim_exec *e, struct candidate *c, size_t n, const struct sim_plan_entry *entry)
{
    size_t i = 0;
    while (i < n && signature_of(c[i].root) != entry->winner)
        i++;
    if (i == n)
        return false;
    int64_t most = entry->works * REPLAN_FACTOR;
    size_t want = wanted(&e->q);
    bool more = true;
    while (more && c[i].root->works < most)
        more = work_candidate(&c[i], want);
    if (more || c[i].failed) {
        snprintf(e->replan_reason, sizeof e->replan_reason,
                 "cached plan was less efficient than expected: expected trial execution to take %lld works but it took at least %lld works",
                 (long long)entry->works, (long long)c[i].root->works);
        e->replanned = true;
        return false;
    }
    take_rows(e, &c[i]);
    e->cached = true;
    for (size_t k = 0; k < n; k++)
        if (k != i)
            sim_stage_release(c[k].root);
    return true;
}

static int choose(struct sim_exec *e, struct sim_stage **plans, size_t n, struct sim_fail *f)
{
    struct candidate c[SIM_MAX_PLANS];
    struct sim_plan_cache *cache = e->q.coll->plans;
    struct sim_plan_entry *entry = e->q.no_cache ? NULL : sim_plan_cache_find(cache, e->plan_cache_key);
    memset(c, 0, n * sizeof c[0]);
    for (size_t i = 0; i < n; i++)
        c[i].root = plans[i];
    if (entry && entry->active && try_cached(e, c, n, entry))
        return 0;
    if (e->replanned) { /* begin afresh: what the disappointing plan did is paid for, its rows are not used */
        for (size_t i = 0; i < n; i++) {
            struct sim_totals t = {0};
            sim_stage_totals(c[i].root, &t);
            e->trial_keys += t.keys;
            e->trial_docs += t.docs;
            candidate_drop_rows(&c[i]);
            sim_stage_release(c[i].root);
        }
        sim_plan_cache_deactivate(cache, e->plan_cache_key);
        int again = sim_plan(e, plans, f);
        if (again < 0)
            return -1;
        n = (size_t)again;
        memset(c, 0, n * sizeof c[0]);
        for (size_t i = 0; i < n; i++)
            c[i].root = plans[i];
    }
    e->rejected = sim_arena_get(&e->arena, n * sizeof(struct sim_stage *));
    e->trials = sim_arena_get(&e->arena, n * sizeof(struct sim_doc *));
    size_t best = e->arena.failed ? 0 : run_trial(e, c, n);
    c[best].failed = c[best].failed || e->arena.failed;
    e->from_multi = true;
    if (c[best].failed) {
        *f = e->fail.code ? e->fail : *f;
        for (size_t i = 0; i < n; i++) {
            candidate_drop_rows(&c[i]);
            sim_stage_release(c[i].root);
        }
        return f->code ? -1 : sim_fail_nomem(f);
    }
    if (e->q.keep_trials) {
        keep_trial(e, &c[best]);
        for (size_t i = 0; i < n; i++)
            if (i != best)
                keep_trial(e, &c[i]);
    }
    if (!e->q.no_cache)
        sim_plan_cache_set(cache, e->plan_cache_key, signature_of(c[best].root), c[best].root->works, e->q.now_us);
    for (size_t i = 0; i < n; i++)
        if (i != best)
            reject(e, &c[i]);
    take_rows(e, &c[best]);
    return 0;
}

/* ---- the question ---- */

struct sim_exec *sim_exec_new(const struct sim_query *q, struct sim_fail *f)
{
    struct sim_arena arena = {.spare = q->spare};
    struct sim_exec *e = sim_arena_room(&arena, sizeof *e); /* with its plans in one piece: most questions need no more */
    struct sim_stage *plans[SIM_MAX_PLANS] = {NULL};
    if (!e) {
        sim_fail_nomem(f);
        return NULL;
    }
    memset(e, 0, offsetof(struct sim_exec, replan_reason));
    e->replan_reason[0] = '\0';
    sim_fail_init(&e->fail);
    e->arena = arena;
    e->q = *q;
    e->coll_id = q->coll ? q->coll->id : 0;
    e->can_fail = sim_expr_can_fail(q->filter);
    hash_query(e);
    int n = sim_plan(e, plans, f);
    if (n < 0 || (n > 1 && choose(e, plans, (size_t)n, f))) {
        sim_exec_free(e);
        return NULL;
    }
    if (n == 1)
        e->root = plans[0];
    const struct sim_stage *leaf = e->root;
    while (leaf->child)
        leaf = leaf->child;
    if (leaf->kind == SIM_IDHACK)
        e->has_hash = false;
    return e;
}

void sim_exec_free(struct sim_exec *e)
{
    if (!e)
        return;
    for (size_t i = e->buffer_at; i < e->buffer_n; i++)
        sim_row_release(&e->buffer[i]);
    free(e->buffer);
    for (size_t i = 0; i < e->trials_n; i++)
        sim_doc_unref(e->trials[i]);
    sim_stage_release(e->root);
    for (size_t i = 0; i < e->rejected_n; i++)
        sim_stage_release(e->rejected[i]);
    sim_fail_release(&e->fail);
    struct sim_arena arena = e->arena; /* it lies in it */
    sim_arena_release(&arena);
}

static int executor_error(const struct sim_exec *e, const struct sim_fail *why, struct sim_fail *f)
{
    return sim_fail(f, why->code, "Executor error during %s command :: caused by :: %s", e->q.purpose == SIM_FOR_FIND ? "find" : "", why->msg);
}

/* Also during the trial, whose rows are not looked at then. */
static const struct sim_fail *expression_failed(const struct sim_exec *e)
{
    return e->can_fail ? sim_expr_failed(e->q.filter) : NULL;
}

static int next_row(struct sim_exec *e, struct sim_row *row, struct sim_fail *f)
{
    if (e->buffer_at < e->buffer_n) {
        *row = e->buffer[e->buffer_at++];
        return 1;
    }
    if (e->eof)
        return 0;
    for (;;)
        switch (sim_work(e->root, row)) {
        case SIM_ADVANCED:
            return 1;
        case SIM_NEED_TIME:
            continue;
        case SIM_IS_EOF:
            e->eof = true;
            return 0;
        default:
            return e->fail.code ? executor_error(e, &e->fail, f) : sim_fail_nomem(f);
        }
}

int sim_exec_next(struct sim_exec *e, struct sim_row *row, struct sim_fail *f)
{
    int rc = next_row(e, row, f);
    const struct sim_fail *why = rc < 0 ? NULL : expression_failed(e);
    if (!why)
        return rc;
    if (rc > 0)
        sim_row_release(row);
    return executor_error(e, why, f);
}

int sim_exec_save(struct sim_exec *e)
{
    return sim_stage_save(e->root);
}

/* The scan of an index that is gone, or NULL. */
static const struct sim_scan *orphan(const struct sim_stage *s, const struct sim_coll *c)
{
    const struct sim_scan *lost = s->scan;
    for (unsigned i = 0; lost && i < c->indexes; i++)
        if (c->index[i]->id == lost->index_id)
            lost = NULL;
    if (!lost && s->child)
        lost = orphan(s->child, c);
    for (size_t i = 0; !lost && i < s->children_n; i++)
        lost = orphan(s->children[i], c);
    return lost;
}

int sim_exec_check(struct sim_exec *e, struct sim_coll *now, struct sim_fail *f)
{
    if (!e->coll_id)
        return 0;
    if (!now || now->id != e->coll_id)
        return sim_fail(f, SIM_QUERY_PLAN_KILLED, "collection dropped. UUID of the collection that was dropped is no longer known");
    const struct sim_scan *lost = orphan(e->root, now);
    if (lost)
        return sim_fail(f, SIM_QUERY_PLAN_KILLED, "query plan killed :: index '%.200s' dropped", lost->name);
    return 0;
}

int sim_exec_tail(struct sim_exec *e, struct sim_fail *f)
{
    e->eof = false;
    for (struct sim_stage *s = e->root; s; s = s->child) {
        s->eof = false;
        if (s->kind == SIM_COLLSCAN && s->at && !sim_records_get(&s->coll->records, s->at))
            return sim_fail(f, 136, "CollectionScan died due to position in capped collection being deleted. Last seen record id: RecordId(%llu)",
                            (unsigned long long)s->at);
    }
    return 0;
}

void sim_exec_totals(const struct sim_exec *e, struct sim_totals *t)
{
    memset(t, 0, sizeof *t);
    sim_stage_totals(e->root, t);
}

static void summary(const struct sim_stage *s, struct sb_str *out)
{
    static const char *const names[] = {[SIM_COLLSCAN] = "COLLSCAN", [SIM_IDHACK] = "IDHACK", [SIM_EOF_PLAN] = "EOF", [SIM_IXSCAN] = "IXSCAN ",
                                        [SIM_COUNT_SCAN] = "COUNT_SCAN ", [SIM_DISTINCT_SCAN] = "DISTINCT_SCAN ",
                                        [SIM_FAST_COUNT] = "RECORD_STORE_FAST_COUNT"};
    const char *name = (size_t)s->kind < SB_COUNT(names) ? names[s->kind] : NULL;
    if (name) {
        if (out->len)
            sb_str_adds(out, ", ");
        sb_str_adds(out, s->express ? "EXPRESS_IXSCAN { _id: 1 }" : name);
        if (s->scan)
            sim_index_shell(out, s->scan->index);
    }
    if (s->child)
        summary(s->child, out);
    for (size_t i = 0; i < s->children_n; i++)
        summary(s->children[i], out);
}

void sim_exec_summary(const struct sim_exec *e, struct sb_str *out)
{
    summary(e->root, out);
}

static void count_accesses(const struct sim_stage *s, struct sim_index **seen, size_t *n)
{
    struct sim_index *x = s->scan ? s->scan->index : s->kind == SIM_IDHACK ? s->coll->index[0] : NULL;
    for (size_t i = 0; x && i < *n; i++)
        if (seen[i] == x)
            x = NULL;
    if (x && *n < SIM_MAX_INDEXES) {
        x->accesses++;
        seen[(*n)++] = x;
    }
    if (s->child)
        count_accesses(s->child, seen, n);
    for (size_t i = 0; i < s->children_n; i++)
        count_accesses(s->children[i], seen, n);
}

void sim_exec_count_accesses(struct sim_exec *e)
{
    struct sim_index *seen[SIM_MAX_INDEXES];
    size_t n = 0;
    count_accesses(e->root, seen, &n);
}
