/* SPDX-License-Identifier: Apache-2.0
 *
 * find, getMore, killCursors, count, distinct. */
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/sort.h>
#include <signalbox/sim/txn.h>
#include <signalbox/sim/wait.h>

#include "bind.h"
#include "change_stream.h"
#include "commands.h"
#include "read_point.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t empty_doc[] = {5, 0, 0, 0, 0};
static const uint8_t in_order[] = "\x13\0\0\0\x10$natural\0\1\0\0\0"; /* {$natural: 1} */

#define AWAIT_MS 1000 /* how long a getMore waits for data unless it says */

static void count_operator(void *ctx, const char *name)
{
    sim_count_operator(ctx, name);
}

void sim_count_operators(struct sim_member *m, const struct sim_expr *e)
{
    sim_filter_operators(e, count_operator, m);
}

struct sim_find *sim_find_new(struct sim_call *c, const uint8_t *source, struct sim_query *q, const uint8_t *filter, const uint8_t *projection)
{
    struct sim_find *x = malloc(sizeof *x);
    if (x)
        *x = (struct sim_find){.source = NULL};
    struct sim_doc *copied = source == c->body ? c->op.command : NULL; /* with more in it when $db came beside the body */
    bool whole = copied && sim_doc_len(copied->bson) == sim_doc_len(source);
    if (!x || !(x->source = whole ? sim_doc_ref(copied) : sim_doc_new(source))) {
        free(x);
        sim_fail_nomem(&c->fail);
        return NULL;
    }
    /* everything the plan borrows must lie in the copy that lives as long as it does */
    const uint8_t *base = x->source->bson;
    if (q->sort && q->sort >= source && q->sort < source + sim_doc_len(source))
        q->sort = base + (q->sort - source);
    if (q->hint.type && q->hint.p >= source && q->hint.p < source + sim_doc_len(source))
        q->hint.p = base + (q->hint.p - source);
    if (!filter)
        filter = empty_doc;
    bool inside = filter >= source && filter < source + sim_doc_len(source);
    x->filter = inside ? sim_filter_over(base + (filter - source), &c->fail) : sim_filter_new(filter, &c->fail);
    if (!x->filter)
        goto fail;
    sim_count_operators(c->m, x->filter->root);
    if (projection && !(x->projection = sim_projection_new(projection, &c->fail)) && c->fail.code)
        goto fail;
    q->spare = &c->s->spare_plan;
    q->ns = c->ns;
    q->coll = sim_coll_find(&c->m->cat, c->ns);
    q->filter = x->filter->root;
    q->projection = x->projection;
    q->now_us = c->s->now;
    if (!(x->exec = sim_exec_new(q, &c->fail)))
        goto fail;
    x->exec->newer_names = sim_since(c->s, 8);
    for (struct sim_stage *s = x->exec->root; s && x->exec->newer_names; s = s->child)
        s->express = s->kind == SIM_IDHACK;
    /* c->ns ends with the command */
    x->exec->q.ns = q->coll ? q->coll->ns : "";
    return x;
fail:
    sim_find_free(x);
    return NULL;
}

/* A document argument of a command that is not the call's own (inside explain). */
static int doc_arg(struct sim_call *c, const uint8_t *cmd, const char *name, const uint8_t **out)
{
    struct sim_val v = sim_arg_of(c, cmd, name);
    if (!v.type || v.type == BSON_TYPE_NULL)
        return 0;
    if (v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'FindCommandRequest.%s' is the wrong type '%s', expected type 'object'", name,
                        sim_type_name(v.type));
    *out = v.p;
    return 0;
}

static int count_arg(struct sim_call *c, const uint8_t *cmd, const char *name, int64_t *out)
{
    struct sim_val v = sim_arg_of(c, cmd, name);
    if (!v.type || v.type == BSON_TYPE_NULL)
        return 0;
    if (!sim_is_number(v.type))
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field '%s' is the wrong type '%s', expected types '[long, int, decimal, double]'", name,
                        sim_type_name(v.type));
    *out = sim_int(v, 0);
    if (*out < 0)
        return sim_fail(&c->fail, 51024, "BSON field '%s' value must be >= 0, actual value '%lld'", name, (long long)*out);
    return 0;
}

static int sort_arg(struct sim_call *c, const uint8_t *cmd, struct sim_query *q)
{
    const uint8_t *sort = NULL;
    if (doc_arg(c, cmd, "sort", &sort))
        return -1;
    if (!sort || sim_is_empty(sort))
        return 0;
    q->sort = sort;
    if (sim_find(sort, "$natural").type)
        return 0;
    return sim_sort_check(sort, &c->fail);
}

/* The filter with the variables of `let` put into it: sim_find_new copies it. */
static int let_filter(struct sim_call *c, struct sim_val let, const uint8_t **filter, struct sim_w *w)
{
    struct sim_binding b[SIM_BINDINGS];
    struct sim_w values;
    size_t n;
    sim_w_init(&values);
    int rc = sim_bind_let(let, empty_doc, &values, b, &n, &c->fail);
    if (rc == 0) {
        sim_bind(sim_val_doc(*filter), b, n, w, "filter");
        const uint8_t *done = sim_w_done(w);
        *filter = done ? sim_find(done, "filter").p : NULL;
        rc = done ? 0 : sim_fail_nomem(&c->fail);
    }
    sim_w_release(&values);
    return rc;
}

struct sim_find *sim_find_of_find(struct sim_call *c, const uint8_t *cmd, bool explain, int64_t *batch, bool *single)
{
    const uint8_t *filter = NULL, *projection = NULL;
    struct sim_query q = {.purpose = SIM_FOR_FIND, .no_cache = explain, .keep_trials = explain};
    if (doc_arg(c, cmd, "filter", &filter) || doc_arg(c, cmd, "projection", &projection) || sort_arg(c, cmd, &q) ||
        count_arg(c, cmd, "skip", &q.skip) || count_arg(c, cmd, "limit", &q.limit))
        return NULL;
    q.has_batch = sim_arg_of(c, cmd, "batchSize").type;
    if (q.has_batch && count_arg(c, cmd, "batchSize", &q.batch))
        return NULL;
    if (batch && q.has_batch)
        *batch = q.batch;
    if (single)
        *single = sim_truth(sim_arg_of(c, cmd, "singleBatch"));
    q.hint = sim_arg_of(c, cmd, "hint");
    if (q.hint.type == BSON_TYPE_DOCUMENT && sim_is_empty(q.hint.p))
        q.hint = sim_missing;
    q.allow_disk = sim_truth(sim_arg_of(c, cmd, "allowDiskUse"));
    if (sim_truth(sim_arg_of(c, cmd, "tailable")))
        q.hint = sim_val_doc(in_order); /* by no index */
    struct sim_val let = sim_arg_of(c, cmd, "let");
    struct sim_w bound;
    sim_w_init(&bound);
    bool bad = let.type && filter && let_filter(c, let, &filter, &bound);
    struct sim_find *x = bad ? NULL : sim_find_new(c, cmd, &q, filter, projection);
    sim_w_release(&bound);
    return x;
}

struct sim_find *sim_find_of_count(struct sim_call *c, const uint8_t *cmd, bool explain)
{
    const uint8_t *filter = NULL;
    struct sim_query q = {.purpose = SIM_FOR_COUNT, .no_cache = explain, .keep_trials = explain};
    int64_t limit = sim_int(sim_arg_of(c, cmd, "limit"), 0);
    if (doc_arg(c, cmd, "query", &filter) || count_arg(c, cmd, "skip", &q.skip))
        return NULL;
    q.limit = limit < 0 ? -limit : limit;
    q.hint = sim_arg_of(c, cmd, "hint");
    return sim_find_new(c, cmd, &q, filter, NULL);
}

struct sim_find *sim_find_of_distinct(struct sim_call *c, const uint8_t *cmd, bool explain)
{
    const uint8_t *filter = NULL;
    struct sim_val key = sim_arg_of(c, cmd, "key");
    struct sim_query q = {.purpose = SIM_FOR_DISTINCT, .no_cache = explain, .keep_trials = explain};
    if (doc_arg(c, cmd, "query", &filter))
        return NULL;
    if (!sim_is_text(key.type))
        return sim_fail(&c->fail, key.type ? SIM_TYPE_MISMATCH : SIM_MISSING_FIELD, "BSON field 'distinct.key' is missing but a required field"), NULL;
    q.distinct = sim_text(key);
    struct sim_find *x = sim_find_new(c, cmd, &q, filter, NULL);
    if (x)
        x->exec->q.distinct = sim_text(sim_find(x->source->bson, "key"));
    return x;
}

int sim_find_drain(struct sim_find *q, struct sim_fail *f)
{
    struct sim_row row;
    int rc;
    while ((rc = sim_exec_next(q->exec, &row, f)) > 0)
        sim_row_release(&row);
    return rc;
}

/* ---- cursors ---- */

int sim_reply_cursor(struct sim_call *c, struct sim_open_cursor *cursor, int64_t batch, bool single)
{
    bool more;
    sim_w_doc(c->reply, "cursor");
    int64_t n = sim_cursor_batch(cursor, c->reply, "firstBatch", batch, &more, &c->op.work, &c->fail);
    if (n < 0) {
        sim_open_cursor_free(cursor);
        return -1;
    }
    c->op.nreturned = n;
    if (cursor->find) {
        sim_op_exec(&c->op, cursor->find->exec, &cursor->mark);
        if (sim_exec_save(cursor->find->exec)) {
            sim_open_cursor_free(cursor);
            return sim_fail_nomem(&c->fail);
        }
    }
    if (cursor->stream)
        sim_stream_put_token(cursor->stream, c->reply);
    bool keep = more && !single;
    c->op.exhausted = !keep;
    if (keep) {
        cursor->txn = sim_txn_serial(c->txn);
        cursor->committed = cursor->stream || sim_reads_committed(c);
        cursor->command = c->op.command ? sim_doc_ref(c->op.command) : NULL;
        if (sim_cursor_keep(c->s, cursor)) {
            sim_open_cursor_free(cursor);
            return sim_fail_nomem(&c->fail);
        }
        c->op.cursor_id = cursor->id;
        c->m->n.cursors_more_than_one_batch++;
    } else {
        c->m->n.cursor_life[0]++;
    }
    c->m->n.cursors_opened++;
    sim_w_i64(c->reply, "id", keep ? cursor->id : 0);
    sim_w_text(c->reply, "ns", cursor->ns);
    sim_w_end(c->reply);
    if (!keep)
        sim_open_cursor_free(cursor);
    return 0;
}

/* ---- on views ---- */

static bool is_view(const struct sim_call *c)
{
    return !sim_coll_find(&c->m->cat, c->ns) && sim_view_find(&c->m->cat, c->ns);
}

/* The one document that the question comes to, if any. */
static int count_on_view(struct sim_call *c)
{
    struct sim_docs docs = {0};
    int rc = sim_run_on_view(c, "count", &docs);
    if (rc == 0)
        sim_w_int(c->reply, "n", docs.n ? sim_int(sim_find(docs.d[0]->bson, "count"), 0) : 0);
    sim_docs_release(&docs);
    return rc;
}

static int distinct_on_view(struct sim_call *c)
{
    struct sim_docs docs = {0};
    struct sim_elem e;
    int rc = sim_run_on_view(c, "distinct", &docs);
    if (rc == 0) {
        struct sim_val list = docs.n ? sim_find(docs.d[0]->bson, "distinct") : sim_missing;
        sim_w_array(c->reply, "values");
        for (struct sim_iter it = sim_iter_of(list.p); list.type == BSON_TYPE_ARRAY && sim_next(&it, &e);)
            sim_w_val(c->reply, NULL, e.v);
        sim_w_end(c->reply);
    }
    sim_docs_release(&docs);
    return rc;
}

/* A cursor on a capped collection that goes on where it ended. */
static int check_tailable(struct sim_call *c, bool *tailable)
{
    struct sim_val sort = sim_arg(c, "sort");
    *tailable = sim_truth(sim_arg(c, "tailable"));
    if (!*tailable)
        return sim_truth(sim_arg(c, "awaitData")) ? sim_fail(&c->fail, SIM_FAILED_TO_PARSE, "Cannot set 'awaitData' without also setting 'tailable'") : 0;
    if (sim_truth(sim_arg(c, "singleBatch")))
        return sim_fail(&c->fail, SIM_FAILED_TO_PARSE, "cannot use tailable option with the 'singleBatch' option");
    if (sort.type == BSON_TYPE_DOCUMENT && !sim_is_empty(sort.p) && sim_int(sim_find(sort.p, "$natural"), 0) != 1)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "cannot use tailable option with a sort other than {$natural: 1}");
    const struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    if (coll && !coll->capped)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "error processing query: ns=%s tailable cursor requested on non capped collection", c->ns);
    return 0;
}

/* What a driver asks for to be told of each new document: a getMore at its end waits for the next. */
static int await_data(struct sim_call *c, struct sim_open_cursor *cursor)
{
    const struct sim_coll *coll = sim_coll_find(&c->m->cat, cursor->stream ? "local.oplog.rs" : c->ns);
    int64_t ms = sim_arg(c, "maxTimeMS").type ? sim_int(sim_arg(c, "maxTimeMS"), 0) : AWAIT_MS;
    int64_t until = c->conn->tail_until_us ? c->conn->tail_until_us : c->s->now + sim_stretched(c->s, ms);
    if (!coll || c->conn->inside || c->s->now >= until)
        return 0;
    sim_w_clear(c->reply);
    c->m->n.op[SIM_OP_GETMORE]--;
    cursor->used_us = c->s->now;
    return sim_await_data(c, coll, until) ? -1 : 1;
}

int sim_cmd_find(struct sim_call *c)
{
    int64_t batch = SIM_FIRST_BATCH;
    bool single = false, tailable;
    c->op.type = "query";
    c->op.top = SIM_TOP_QUERIES;
    c->m->n.op[SIM_OP_QUERY]++;
    if (sim_call_ns(c))
        return -1;
    if (is_view(c))
        return sim_find_on_view(c);
    if (check_tailable(c, &tailable))
        return -1;
    struct sim_find *q = sim_find_of_find(c, c->body, false, &batch, &single);
    if (!q)
        return -1;
    sim_exec_count_accesses(q->exec);
    struct sim_open_cursor *cursor = sim_open_cursor_new(c->m, c->ns, c->s->now);
    if (!cursor) {
        sim_find_free(q);
        return sim_fail_nomem(&c->fail);
    }
    cursor->find = q;
    cursor->tailable = tailable && q->exec->q.coll && q->exec->q.coll->records.count; /* one on an empty collection ends at once */
    cursor->awaits = cursor->tailable && sim_truth(sim_arg(c, "awaitData"));
    c->op.tailable = tailable;
    cursor->no_timeout = sim_truth(sim_arg(c, "noCursorTimeout"));
    return sim_reply_cursor(c, cursor, batch, single);
}

/* A cursor belongs to the transaction that opened it. */
static int check_cursor_txn(struct sim_call *c, const struct sim_open_cursor *cursor)
{
    long long id = (long long)cursor->id, opened = (long long)sim_txn_number_of(c->s, cursor->txn), now = (long long)c->txn_number;
    if (cursor->txn == sim_txn_serial(c->txn))
        return 0;
    if (!cursor->txn)
        return sim_fail(&c->fail, 50739, "Cannot run getMore on cursor %lld, which was not created in a transaction, in transaction %lld", id, now);
    if (!c->txn)
        return sim_fail(&c->fail, 50740, "Cannot run getMore on cursor %lld, which was created in transaction %lld, without a txnNumber", id, opened);
    return sim_fail(&c->fail, 50741, "Cannot run getMore on cursor %lld, which was created in transaction %lld, in transaction %lld", id, opened, now);
}

int sim_cmd_get_more(struct sim_call *c)
{
    struct sim_val id = sim_arg(c, "getMore"), coll = sim_arg(c, "collection");
    int64_t batch = -1;
    c->op.type = "getmore";
    c->op.has_read_concern = true;
    c->op.top = SIM_TOP_GETMORE;
    c->m->n.op[SIM_OP_GETMORE]++;
    if (id.type != BSON_TYPE_INT64)
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'getMore.getMore' is the wrong type '%s', expected type 'long'", sim_type_name(id.type));
    if (!sim_is_text(coll.type))
        return sim_fail(&c->fail, SIM_MISSING_FIELD, "BSON field 'getMore.collection' is missing but a required field");
    if (sim_arg(c, "batchSize").type && sim_arg_int(c, "batchSize", &batch))
        return -1;
    if (batch < -1)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "Batch size for getMore must be positive, but received: %lld", (long long)batch);
    snprintf(c->ns, sizeof c->ns, "%s.%.*s", c->db, (int)(sim_text_n(coll) > 200 ? 200 : sim_text_n(coll)), sim_text(coll));
    snprintf(c->op.ns, sizeof c->op.ns, "%s", c->ns);
    c->op.in_top = true;
    struct sim_open_cursor *cursor = sim_cursor_get(c->s, c->m, sim_i64(id.p));
    if (!cursor)
        return sim_fail(&c->fail, SIM_CURSOR_NOT_FOUND, "cursor id %lld not found", (long long)sim_i64(id.p));
    if (strcmp(cursor->ns, c->ns) != 0)
        return sim_fail(&c->fail, SIM_UNAUTHORIZED, "Requested getMore on namespace '%s', but cursor belongs to a different namespace %s", c->ns, cursor->ns);
    if (check_cursor_txn(c, cursor))
        return -1;
    c->op.originating = cursor->command ? sim_doc_ref(cursor->command) : NULL;
    c->op.cursor_id = cursor->id;
    if (cursor->find && sim_exec_check(cursor->find->exec, sim_coll_find(&c->m->cat, c->ns), &c->fail)) {
        sim_cursor_close(c->s, cursor);
        return -1;
    }
    if (cursor->find && cursor->tailable && sim_exec_tail(cursor->find->exec, &c->fail)) {
        sim_cursor_close(c->s, cursor);
        return -1;
    }
    sim_expr_set_clock(cursor->clock);
    bool more;
    struct sim_exec_mark before = cursor->mark;
    sim_w_doc(c->reply, "cursor");
    int64_t n = sim_cursor_batch(cursor, c->reply, "nextBatch", batch == 0 ? -1 : batch, &more, &c->op.work, &c->fail);
    if (n >= 0 && cursor->find)
        sim_op_exec(&c->op, cursor->find->exec, &cursor->mark);
    if (n < 0 || (cursor->find && sim_exec_save(cursor->find->exec))) {
        sim_cursor_close(c->s, cursor);
        return c->fail.code ? -1 : sim_fail_nomem(&c->fail);
    }
    if (n == 0 && more && cursor->awaits) {
        c->op.max_time_ms = 0; /* it says how long to wait, not how long to work */
        int waits = await_data(c, cursor);
        if (waits > 0)
            cursor->mark = before; /* what it looked at counts when it is run again */
        if (waits)
            return -1;
    }
    c->op.nreturned = n;
    c->op.exhausted = !more;
    c->op.collscan = false; /* the find counted it */
    cursor->used_us = c->s->now;
    if (cursor->stream)
        sim_stream_put_token(cursor->stream, c->reply);
    sim_w_i64(c->reply, "id", more ? cursor->id : 0);
    sim_w_text(c->reply, "ns", c->ns);
    sim_w_end(c->reply);
    if (!more)
        sim_cursor_close(c->s, cursor);
    return 0;
}

int sim_cmd_kill_cursors(struct sim_call *c)
{
    struct sim_val ids = sim_arg(c, "cursors");
    struct sim_elem e;
    if (sim_call_ns(c))
        return -1;
    if (ids.type != BSON_TYPE_ARRAY)
        return sim_fail(&c->fail, SIM_MISSING_FIELD, "BSON field 'killCursors.cursors' is missing but a required field");
    struct sim_w gone;
    sim_w_init(&gone);
    sim_w_array(&gone, "list");
    sim_w_array(c->reply, "cursorsKilled");
    for (struct sim_iter it = sim_iter_of(ids.p); sim_next(&it, &e);) {
        struct sim_open_cursor *cursor = e.v.type == BSON_TYPE_INT64 ? sim_cursor_get(c->s, c->m, sim_i64(e.v.p)) : NULL;
        sim_w_val(cursor ? c->reply : &gone, NULL, e.v);
        if (cursor)
            sim_cursor_close(c->s, cursor);
    }
    sim_w_end(c->reply);
    const uint8_t *list = sim_w_done(&gone);
    if (list)
        sim_w_val(c->reply, "cursorsNotFound", sim_find(list, "list"));
    sim_w_release(&gone);
    sim_w_array(c->reply, "cursorsAlive");
    sim_w_end(c->reply);
    sim_w_array(c->reply, "cursorsUnknown");
    sim_w_end(c->reply);
    return 0;
}

/* ---- count, distinct ---- */

int sim_cmd_count(struct sim_call *c)
{
    if (sim_call_ns(c))
        return -1;
    if (is_view(c))
        return count_on_view(c);
    struct sim_find *q = sim_find_of_count(c, c->body, false);
    if (!q)
        return -1;
    sim_exec_count_accesses(q->exec);
    int rc = sim_find_drain(q, &c->fail);
    if (rc == 0) {
        const struct sim_stage *s = q->exec->root;
        while (s->kind == SIM_SUBPLAN)
            s = s->child;
        sim_w_int(c->reply, "n", s->kind == SIM_COUNT_STAGE || s->kind == SIM_FAST_COUNT ? s->passed : 0);
        sim_op_exec(&c->op, q->exec, NULL);
    }
    sim_find_free(q);
    return rc;
}

/* Distinct values by their index key, which is equal for equal values. */
struct values {
    struct sim_btree *seen;
    struct sim_w *w;
    bool failed;
};

static void add_value(struct values *d, struct sim_val v)
{
    struct sb_str key;
    sb_str_init(&key);
    sim_key_field(&key, v, false);
    int rc = sb_str_ok(&key) ? sim_btree_insert(d->seen, (const uint8_t *)key.p, key.len) : -1;
    if (rc > 0)
        sim_w_val(d->w, NULL, v);
    d->failed = d->failed || rc < 0;
    sb_str_release(&key);
}

/* The values under a path, elements of arrays one by one. */
static void add_values(struct values *d, struct sim_val v, const char *path, unsigned depth)
{
    struct sim_elem e;
    if (depth > SIM_MAX_DEPTH || !v.type)
        return;
    if (v.type == BSON_TYPE_ARRAY) {
        for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);) {
            if (!path)
                add_value(d, e.v);
            else if (e.v.type == BSON_TYPE_DOCUMENT)
                add_values(d, e.v, path, depth + 1);
        }
    } else if (!path) {
        add_value(d, v);
    } else if (v.type == BSON_TYPE_DOCUMENT) {
        size_t n = strcspn(path, ".");
        add_values(d, sim_find_n(v.p, path, n), path[n] ? path + n + 1 : NULL, depth + 1);
    }
}

int sim_cmd_distinct(struct sim_call *c)
{
    struct sim_row row;
    if (sim_call_ns(c))
        return -1;
    if (is_view(c))
        return distinct_on_view(c);
    struct sim_find *q = sim_find_of_distinct(c, c->body, false);
    if (!q)
        return -1;
    sim_exec_count_accesses(q->exec);
    struct values d = {sim_btree_new(), c->reply, false};
    int rc = d.seen ? 1 : sim_fail_nomem(&c->fail);
    sim_w_array(c->reply, "values");
    while (rc > 0 && (rc = sim_exec_next(q->exec, &row, &c->fail)) > 0) {
        add_values(&d, sim_val_doc(row.doc->bson), q->exec->q.distinct, 0);
        sim_row_release(&row);
    }
    sim_w_end(c->reply);
    if (rc == 0 && d.failed)
        rc = sim_fail_nomem(&c->fail);
    sim_op_exec(&c->op, q->exec, NULL);
    sim_btree_free(d.seen);
    sim_find_free(q);
    return rc;
}
