/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate, and its explain. */
#include <signalbox/sim/cursor.h>

#include "bind.h"
#include "change_stream.h"
#include "commands.h"
#include "ddl.h"
#include "diag.h"
#include "query_stats.h"
#include "view.h"
#include "write_out.h"

#include <stdlib.h>
#include <string.h>

/* The part of a pipeline that becomes a question to the collection: leading $match, then $sort, then $limit. */
struct front {
    struct sim_find *find;
    size_t absorbed; /* stages that the question does */
    bool whole;      /* it does all of them */
};

static const uint8_t *merged_filter(const struct sim_pipeline *p, size_t n, struct sim_w *w)
{
    if (n == 1)
        return p->pipe[0].spec.p;
    if (n) {
        sim_w_array(w, "$and");
        for (size_t i = 0; i < n; i++)
            sim_w_copy(w, NULL, p->pipe[i].spec.p);
        sim_w_end(w);
    }
    return sim_w_done(w);
}

static int make_front(struct sim_call *c, const uint8_t *cmd, const struct sim_pipeline *p, bool explain, struct front *out)
{
    struct sim_query q = {.purpose = SIM_FOR_FIND, .no_cache = explain, .keep_trials = explain, .allow_disk = sim_truth(sim_find(cmd, "allowDiskUse"))};
    struct sim_w filter, needs;
    size_t i = 0, matches;
    memset(out, 0, sizeof *out);
    while (i < p->n && p->pipe[i].kind == SIM_PIPE_MATCH)
        i++;
    matches = i;
    if (i < p->n && p->pipe[i].kind == SIM_PIPE_SORT)
        q.sort = p->pipe[i++].spec.p;
    if (i < p->n && p->pipe[i].kind == SIM_PIPE_LIMIT)
        q.limit = p->pipe[i++].n;
    q.hint = sim_find(cmd, "hint");
    sim_w_init(&filter);
    sim_w_init(&needs);
    const uint8_t *query = merged_filter(p, matches, &filter), *projection = NULL;
    if (sim_pipeline_needs(p, i, &needs))
        projection = sim_w_done(&needs);
    if (query)
        out->find = sim_find_new(c, cmd, &q, query, projection);
    else
        sim_fail_nomem(&c->fail);
    sim_w_release(&filter);
    sim_w_release(&needs);
    out->absorbed = i;
    out->whole = i == p->n;
    return out->find ? 0 : -1;
}

static bool is_source(enum sim_pipe_kind k)
{
    return k >= SIM_PIPE_INDEX_STATS;
}

static int source_docs(struct sim_call *c, const struct sim_pipe *x, struct sim_docs *docs)
{
    switch (x->kind) {
    case SIM_PIPE_INDEX_STATS:
        return sim_index_stats(c, docs);
    case SIM_PIPE_COLL_STATS:
        return sim_coll_stats_docs(c, x->spec.p, docs);
    case SIM_PIPE_PLAN_CACHE_STATS:
        return sim_plan_cache_stats(c, docs);
    case SIM_PIPE_CHANGE_STREAM:
        return sim_fail(&c->fail, 167, "$changeStream cannot be used in a view definition");
    default: {
        struct sim_val idle = sim_find(x->spec.p, "idleConnections"), sessions = sim_find(x->spec.p, "idleSessions");
        return sim_current_ops(c, sim_truth(idle), !sessions.type || sim_truth(sessions), docs);
    }
    }
}

static int collect_rows(struct sim_call *c, struct sim_find *find, struct sim_docs *docs)
{
    struct sim_row row;
    int rc;
    while ((rc = sim_exec_next(find->exec, &row, &c->fail)) > 0)
        if (sim_docs_add(docs, row.doc))
            return sim_fail_nomem(&c->fail);
    return rc;
}

static void note_indexes(const struct sim_stage *s, struct sim_foreign_stats *st)
{
    const char *name = s->scan ? s->scan->index->name : s->kind == SIM_IDHACK ? "_id_" : NULL;
    for (size_t i = 0; name && i < st->indexes_n; i++)
        if (strcmp(st->index[i], name) == 0)
            name = NULL;
    if (name && st->indexes_n < SB_COUNT(st->index))
        snprintf(st->index[st->indexes_n++], sizeof st->index[0], "%s", name);
    if (s->child)
        note_indexes(s->child, st);
    for (size_t i = 0; i < s->children_n; i++)
        note_indexes(s->children[i], st);
}

/* Its work is work of the operation that asks. */
static void count_foreign(struct sim_call *c, struct sim_exec *e, struct sim_foreign_stats *st)
{
    struct sim_totals t;
    struct sim_coll *coll = e->q.coll;
    sim_exec_totals(e, &t);
    st->docs += t.docs;
    st->keys += t.keys;
    st->scans += t.collscan;
    note_indexes(e->root, st);
    c->op.keys += t.keys;
    c->op.docs += t.docs;
    c->op.works += e->root->works;
    c->op.work.keys += t.keys + e->trial_keys;
    c->op.work.docs += t.docs + e->trial_docs;
    if (!coll)
        return;
    sim_exec_count_accesses(e);
    c->op.work.doc_bytes += coll->records.count ? t.docs * (int64_t)(coll->records.bytes / coll->records.count) : 0;
    coll->scans_total += t.collscan;
    coll->scans_nontailable += t.collscan;
    c->m->n.scans_total += t.collscan;
    c->m->n.scans_nontailable += t.collscan;
}

static int find_foreign(void *ctx, const char *from, const uint8_t *filter, struct sim_foreign_stats *st, struct sim_docs *out, struct sim_fail *f)
{
    struct sim_call *c = ctx;
    struct sim_query q = {.purpose = SIM_FOR_FIND, .ns = "", .now_us = c->s->now};
    struct sim_exec *e = NULL;
    struct sim_row row;
    char ns[272];
    int rc = -1;
    struct sim_filter *x = sim_filter_new(filter, f);
    if (!x)
        return -1;
    snprintf(ns, sizeof ns, "%s.%s", c->db, from);
    if (!(q.coll = sim_coll_find(&c->m->cat, ns)) && sim_view_find(&c->m->cat, ns)) {
        sim_fail(f, SIM_NOT_IMPLEMENTED, "$lookup from a view is not simulated");
        goto out;
    }
    q.filter = x->root;
    if (!(e = sim_exec_new(&q, f)))
        goto out;
    while ((rc = sim_exec_next(e, &row, f)) > 0)
        if (sim_docs_add(out, row.doc)) {
            rc = sim_fail_nomem(f);
            break;
        }
    count_foreign(c, e, st);
out:
    sim_exec_free(e);
    sim_filter_free(x);
    return rc;
}

static int reply_docs(struct sim_call *c, struct sim_docs *docs, int64_t batch)
{
    struct sim_open_cursor *cursor = sim_open_cursor_new(c->m, c->op.ns, c->s->now); /* as it was asked, also of a view */
    if (!cursor)
        return sim_fail_nomem(&c->fail);
    cursor->docs = docs->d;
    cursor->docs_n = docs->n;
    memset(docs, 0, sizeof *docs);
    return sim_reply_cursor(c, cursor, batch, false);
}

/* aggregate: 1 has no collection; its sources ask the server. */
static int set_ns(struct sim_call *c, const struct sim_pipeline *p)
{
    struct sim_val v = sim_arg(c, "aggregate");
    if (!sim_is_number(v.type))
        return sim_call_ns(c);
    if (sim_number(v) != 1)
        return sim_fail(&c->fail, SIM_FAILED_TO_PARSE, "Invalid command format: the 'aggregate' field must specify a collection name or 1");
    if (p->n == 0 || (p->pipe[0].kind != SIM_PIPE_CURRENT_OP && p->pipe[0].kind != SIM_PIPE_CHANGE_STREAM))
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "{aggregate: 1} is not valid for '%s'; a collection is required.",
                        p->n ? sim_pipe_name(p->pipe[0].kind) : "an empty pipeline");
    snprintf(c->ns, sizeof c->ns, "%s.$cmd.aggregate", c->db);
    snprintf(c->op.ns, sizeof c->op.ns, "%s", c->ns);
    return 0;
}

static int check_source(struct sim_call *c, const struct sim_pipeline *p)
{
    if (p->n == 0 || !is_source(p->pipe[0].kind))
        return 0;
    if (c->in_txn)
        return sim_fail(&c->fail, SIM_NOT_IN_TXN, "Operation not permitted in transaction :: caused by :: Aggregation stage: '%s' cannot run within a "
                                                  "multi-document transaction.", sim_pipe_name(p->pipe[0].kind));
    if (sim_truth(sim_arg(c, "apiStrict")))
        return sim_fail(&c->fail, 323, "stage %s is not allowed with 'apiStrict: true' in API Version 1", sim_pipe_name(p->pipe[0].kind));
    bool server = strstr(c->ns, ".$cmd.aggregate") != NULL;
    if (p->pipe[0].kind == SIM_PIPE_CURRENT_OP) {
        if (strcmp(c->db, "admin") != 0 || !server)
            return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "$currentOp must be run against the 'admin' database with {aggregate: 1}");
        return 0;
    }
    return 0;
}

/* A stage that newer servers know and, but for the vendor's own service, refuse; older ones do not know it. */
static bool is_query_stats(const struct sim_call *c)
{
    return sim_since(c->s, 7) && sim_path(c->body, "pipeline.0.$queryStats").type == BSON_TYPE_DOCUMENT;
}

static int ask_query_stats(struct sim_call *c, struct sim_val stages, struct sim_docs *docs)
{
    if (!c->s->query_stats)
        return sim_fail(&c->fail, 7373500, "$queryStats is not allowed in the current configuration. You may need to enable the corresponding feature flag");
    if (strcmp(c->db, "admin") != 0 || !sim_is_number(sim_arg(c, "aggregate").type))
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "$queryStats must be run against the 'admin' database with {aggregate: 1}");
    if (sim_count(stages.p) > 1 || !sim_is_empty(sim_path(c->body, "pipeline.0.$queryStats").p))
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "$queryStats with options, or with stages behind it, is not simulated");
    snprintf(c->ns, sizeof c->ns, "%s.$cmd.aggregate", c->db);
    snprintf(c->op.ns, sizeof c->op.ns, "%s", c->ns);
    return sim_query_stats_docs(c, docs);
}

static void count_stages(struct sim_member *m, const struct sim_pipeline *p)
{
    for (size_t i = 0; i < p->n; i++)
        m->n.stage[p->pipe[i].kind]++;
}

/* A pipeline on a view is that of the view and then its own, on what the view is of. */
static int begin_stages(struct sim_call *c, struct sim_pipeline *p, struct sim_val stages, struct sim_w *view)
{
    int is_view = sim_view_resolve(c, stages, view);
    if (is_view > 0)
        stages = sim_find(sim_w_done(view), "pipeline");
    return is_view < 0 || sim_pipeline_init(p, stages, &c->fail) ? -1 : 0;
}

/* What the stages on c->ns give. cmd: with allowDiskUse and hint. */
static int run_stages(struct sim_call *c, const uint8_t *cmd, struct sim_val stages, struct sim_docs *docs)
{
    struct sim_pipeline p = {0};
    struct front front = {0};
    struct sim_w view;
    const struct sim_foreign foreign = {find_foreign, c};
    int64_t rows = 0;
    size_t from = 1;
    int rc = -1;
    sim_w_init(&view);
    if (begin_stages(c, &p, stages, &view))
        goto out;
    count_stages(c->m, &p);
    if (c->conn->gathered) { /* by a mongos, from its shards */
        *docs = *c->conn->gathered;
        memset(c->conn->gathered, 0, sizeof *docs);
        from = 0;
    } else if (p.n && is_source(p.pipe[0].kind)) {
        if (source_docs(c, &p.pipe[0], docs))
            goto out;
    } else {
        if (make_front(c, cmd, &p, false, &front))
            goto out;
        from = front.absorbed;
        sim_exec_count_accesses(front.find->exec);
        if (collect_rows(c, front.find, docs))
            goto out;
        sim_op_exec(&c->op, front.find->exec, NULL);
    }
    if (sim_pipeline_run(&p, from, docs, &c->m->rng, &foreign, &rows, &c->fail))
        goto out;
    c->op.work.pipeline_rows = rows;
    for (size_t i = from; i < p.n; i++)
        c->op.has_sort = c->op.has_sort || p.pipe[i].kind == SIM_PIPE_SORT;
    rc = 0;
out:
    sim_find_free(front.find);
    sim_pipeline_release(&p);
    sim_w_release(&view);
    return rc;
}

/* The stages with the variables of the command's `let` put into them. -1 with the error. */
static int let_stages(struct sim_call *c, struct sim_val *stages, struct sim_w *w)
{
    static const uint8_t no_document[] = {5, 0, 0, 0, 0};
    struct sim_binding b[SIM_BINDINGS];
    struct sim_w values;
    size_t n;
    if (!sim_arg(c, "let").type)
        return 0;
    sim_w_init(&values);
    int rc = sim_bind_let(sim_arg(c, "let"), no_document, &values, b, &n, &c->fail);
    if (rc == 0) {
        sim_bind(*stages, b, n, w, "pipeline");
        const uint8_t *done = sim_w_done(w);
        if (done)
            *stages = sim_find(done, "pipeline");
        else
            rc = sim_fail_nomem(&c->fail);
    }
    sim_w_release(&values);
    return rc;
}

int sim_run_on_view(struct sim_call *c, const char *name, struct sim_docs *docs)
{
    struct sim_w w, bound;
    sim_w_init(&w);
    sim_w_init(&bound);
    int rc = sim_view_question(c, c->body, name, &w);
    struct sim_val stages = rc ? sim_missing : sim_find(sim_w_done(&w), "pipeline");
    if (rc == 0)
        rc = let_stages(c, &stages, &bound);
    if (rc == 0)
        rc = run_stages(c, c->body, stages, docs);
    sim_w_release(&w);
    sim_w_release(&bound);
    return rc;
}

int sim_find_on_view(struct sim_call *c)
{
    struct sim_docs docs = {0};
    struct sim_val size = sim_arg(c, "batchSize");
    int64_t batch = size.type ? sim_int(size, SIM_FIRST_BATCH) : SIM_FIRST_BATCH;
    int rc = sim_run_on_view(c, "find", &docs);
    if (rc == 0)
        rc = reply_docs(c, &docs, batch < 0 ? -batch : batch);
    sim_docs_release(&docs);
    return rc;
}

int sim_cmd_aggregate(struct sim_call *c)
{
    struct sim_pipeline own = {0};
    struct sim_docs docs = {0};
    struct sim_w bound, kept;
    struct sim_val cursor = sim_arg(c, "cursor"), stages = sim_arg(c, "pipeline");
    int64_t batch = SIM_FIRST_BATCH;
    struct sim_out out;
    int rc = -1;
    c->op.top = SIM_TOP_COMMANDS;
    c->op.pipeline = true;
    sim_w_init(&bound);
    sim_w_init(&kept);
    if (let_stages(c, &stages, &bound) || sim_out_read(c, &stages, &kept, &out))
        goto out;
    if (sim_truth(sim_arg(c, "explain"))) {
        if (sim_pipeline_init(&own, stages, &c->fail) == 0 && set_ns(c, &own) == 0)
            rc = sim_explain_aggregate(c, c->body, stages, 0);
        goto out;
    }
    if (cursor.type != BSON_TYPE_DOCUMENT) {
        sim_fail(&c->fail, cursor.type ? SIM_TYPE_MISMATCH : SIM_FAILED_TO_PARSE,
                 cursor.type ? "cursor field must be missing or an object" : "The 'cursor' option is required, except for aggregate with the explain argument");
        goto out;
    }
    if (sim_find(cursor.p, "batchSize").type)
        batch = sim_int(sim_find(cursor.p, "batchSize"), SIM_FIRST_BATCH);
    if (is_query_stats(c)) {
        rc = ask_query_stats(c, stages, &docs) || reply_docs(c, &docs, batch < 0 ? 0 : batch) ? -1 : 0;
        goto out;
    }
    if (sim_pipeline_init(&own, stages, &c->fail) || set_ns(c, &own))
        goto out;
    if (own.n && own.pipe[0].kind == SIM_PIPE_CHANGE_STREAM) {
        c->m->n.stage[SIM_PIPE_CHANGE_STREAM]++;
        rc = sim_stream_open(c, stages, batch < 0 ? 0 : batch);
        goto out;
    }
    if (check_source(c, &own) || run_stages(c, c->body, stages, &docs))
        goto out;
    if (out.ns[0]) {
        rc = sim_out_write(c, &out, &docs);
        sim_docs_release(&docs); /* it gives nothing back */
        memset(&docs, 0, sizeof docs);
        if (rc)
            goto out;
    }
    rc = reply_docs(c, &docs, batch < 0 ? 0 : batch);
out:
    sim_docs_release(&docs);
    sim_pipeline_release(&own);
    sim_w_release(&bound);
    sim_w_release(&kept);
    return rc;
}

int sim_explain_aggregate(struct sim_call *c, const uint8_t *cmd, struct sim_val stages, int stats)
{
    struct sim_pipeline p = {0};
    struct sim_docs docs = {0};
    struct front front = {0};
    struct sim_w view;
    const struct sim_foreign foreign = {find_foreign, c};
    int64_t rows = 0;
    int rc = -1;
    sim_w_init(&view);
    if (begin_stages(c, &p, stages, &view))
        goto out;
    if (p.n && is_source(p.pipe[0].kind)) {
        sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "explain of %s is not simulated", sim_pipe_name(p.pipe[0].kind));
        goto out;
    }
    if (make_front(c, cmd, &p, true, &front))
        goto out;
    front.find->exec->q.ns = c->ns;
    if (stats) {
        if (collect_rows(c, front.find, &docs))
            goto out;
        sim_op_exec(&c->op, front.find->exec, NULL);
    }
    int64_t found = (int64_t)docs.n, millis = (int64_t)(sim_cost_of(&c->s->costs, &c->op.work) / 1000);
    if (stats && sim_pipeline_run(&p, front.absorbed, &docs, &c->m->rng, &foreign, &rows, &c->fail))
        goto out;
    if (front.whole) {
        sim_explain(c->reply, front.find->exec, stats, true, millis);
        rc = 0;
        goto out;
    }
    sim_w_array(c->reply, "stages");
    sim_w_doc(c->reply, NULL);
    sim_w_doc(c->reply, "$cursor");
    sim_explain(c->reply, front.find->exec, stats, true, millis);
    sim_w_end(c->reply);
    if (stats) {
        sim_w_i64(c->reply, "nReturned", found);
        sim_w_i64(c->reply, "executionTimeMillisEstimate", millis);
    }
    sim_w_end(c->reply);
    for (size_t i = front.absorbed; i < p.n; i++) {
        sim_w_doc(c->reply, NULL);
        sim_pipe_show(&p.pipe[i], c->reply, stats > 0);
        sim_w_end(c->reply);
    }
    sim_w_end(c->reply);
    rc = 0;
out:
    sim_docs_release(&docs);
    sim_find_free(front.find);
    sim_pipeline_release(&p);
    sim_w_release(&view);
    return rc;
}
