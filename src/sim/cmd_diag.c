/* SPDX-License-Identifier: Apache-2.0
 *
 * currentOp, killOp, top, explain, and the aggregation sources that tell about a collection. */
#include <signalbox/base/clock.h>
#include <signalbox/sim/build.h>
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/plan_cache.h>
#include <signalbox/sim/txn.h>
#include <signalbox/sim/wait.h>

#include "commands.h"
#include "diag.h"
#include "view.h"

#include <string.h>

static struct sim_doc *doc_of(struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(w);
    return d;
}

/* ---- currentOp ---- */

static void put_time_text(struct sim_w *w, const char *key, const struct sim *s)
{
    char text[SB_TIME_LEN + 1];
    sb_time_format(text, sim_now_ms(s));
    text[SB_TIME_LEN - 1] = '\0';
    sim_w_textf(w, key, "%s+00:00", text);
}

static void put_client(struct sim_w *w, const struct sim_conn *conn)
{
    sim_w_textf(w, "desc", "conn%d", conn->id);
    sim_w_i32(w, "connectionId", conn->id);
    sim_w_text(w, "client", conn->remote);
    if (conn->app[0])
        sim_w_text(w, "appName", conn->app);
    if (conn->metadata)
        sim_w_copy(w, "clientMetadata", conn->metadata->bson);
}

static void put_mode(struct sim_w *w, const char *name, int64_t n)
{
    sim_w_doc(w, name);
    sim_w_i64(w, "w", n);
    sim_w_end(w);
}

static bool waits_for_lock(const struct sim_running *r)
{
    int64_t now = r->m->sim->now;
    return now >= r->ticket_at && now < r->lock_until;
}

static void put_flow(struct sim_w *w, const struct sim_running *r)
{
    sim_w_bool(w, "waitingForLock", r && waits_for_lock(r));
    sim_w_doc(w, "lockStats");
    if (r && r->lock_until > r->ticket_at) {
        int64_t now = r->m->sim->now, until = now < r->lock_until ? now : r->lock_until;
        sim_w_doc(w, "Collection");
        put_mode(w, "acquireCount", 1);
        put_mode(w, "acquireWaitCount", 1);
        put_mode(w, "timeAcquiringMicros", until > r->ticket_at ? until - r->ticket_at : 0);
        sim_w_end(w);
    }
    if (r && r->is_build) {
        static const char *const names[] = {"ReplicationStateTransition", "Global", "Database", "Collection"};
        for (size_t i = 0; i < SB_COUNT(names); i++) {
            sim_w_doc(w, names[i]);
            sim_w_doc(w, "acquireCount");
            sim_w_i64(w, "w", r->yields + 2);
            sim_w_end(w);
            sim_w_end(w);
        }
    }
    sim_w_end(w);
    bool held_back = r && r->flow_until > r->from;
    int64_t now = held_back ? r->m->sim->now : 0;
    sim_w_bool(w, "waitingForFlowControl", held_back && now < r->flow_until);
    sim_w_doc(w, "flowControlStats");
    if (r && r->write) {
        sim_w_i64(w, "acquireCount", r->yields + 1);
        if (held_back)
            sim_w_i64(w, "acquireWaitCount", 1);
        sim_w_i64(w, "timeAcquiringMicros", r->yields * 4 + 8 + (held_back ? (now < r->flow_until ? now : r->flow_until) - r->from : 0));
    }
    sim_w_end(w);
}

static void put_held(struct sim_w *w, const struct sim_running *r)
{
    sim_w_doc(w, "locks");
    if (r->takes_core) {
        const char *mode = r->exclusive ? "W" : r->write ? "w" : "r";
        if (r->exclusive) {
            sim_w_text(w, "ReplicationStateTransition", "w");
            sim_w_text(w, "Global", "w");
            sim_w_text(w, "Database", "w");
            sim_w_text(w, "Collection", mode);
        } else if (r->write) {
            sim_w_text(w, "ReplicationStateTransition", "w");
            sim_w_text(w, "Global", mode);
            sim_w_text(w, "Database", mode);
            sim_w_text(w, "Collection", mode);
        } else {
            sim_w_text(w, "Global", mode);
        }
    }
    sim_w_end(w);
}

static struct sim_doc *running_doc(const struct sim *s, const struct sim_member *m, const struct sim_running *r)
{
    struct sim_w w;
    int64_t us = s->now - r->from;
    sim_w_init(&w);
    sim_w_text(&w, "type", "op");
    sim_w_text(&w, "host", m->host);
    if (r->conn)
        put_client(&w, r->conn);
    else
        sim_w_text(&w, "desc", r->desc);
    sim_w_bool(&w, "active", true);
    put_time_text(&w, "currentOpTime", s);
    if (r->conn)
        sim_w_bool(&w, "threaded", true);
    sim_w_i32(&w, "opid", r->opid);
    struct sim_val lsid = r->conn && r->command ? sim_find(r->command->bson, "lsid") : sim_missing;
    if (lsid.type)
        sim_w_val(&w, "lsid", lsid);
    sim_w_i64(&w, "secs_running", us / 1000000);
    sim_w_i64(&w, "microsecs_running", us);
    sim_w_text(&w, "op", r->op);
    sim_w_text(&w, "ns", r->ns ? r->ns : "");
    if (r->command)
        sim_w_copy(&w, "command", r->command->bson);
    if (r->plan)
        sim_w_text(&w, "planSummary", r->plan);
    if (r->msg[0])
        sim_w_text(&w, "msg", r->msg);
    if (r->total) {
        sim_w_doc(&w, "progress");
        sim_w_i32(&w, "done", r->done);
        sim_w_i32(&w, "total", r->total);
        sim_w_end(&w);
    }
    if (r->kill_pending)
        sim_w_bool(&w, "killPending", true);
    if (r->conflicts)
        sim_w_i64(&w, "writeConflicts", r->conflicts);
    sim_w_int(&w, "numYields", r->yields);
    put_held(&w, r);
    put_flow(&w, r);
    return doc_of(&w);
}

/* A thread of the server's own that is always there. */
static struct sim_doc *thread_doc(const struct sim *s, const struct sim_member *m, const char *desc, int opid)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "type", "op");
    sim_w_text(&w, "host", m->host);
    sim_w_text(&w, "desc", desc);
    sim_w_bool(&w, "active", true);
    put_time_text(&w, "currentOpTime", s);
    sim_w_i32(&w, "opid", opid);
    sim_w_text(&w, "op", "none");
    sim_w_text(&w, "ns", "");
    sim_w_doc(&w, "command");
    sim_w_end(&w);
    sim_w_i32(&w, "numYields", 0);
    sim_w_doc(&w, "locks");
    sim_w_end(&w);
    put_flow(&w, NULL);
    return doc_of(&w);
}

static struct sim_doc *idle_doc(const struct sim *s, const struct sim_conn *conn)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "type", "op");
    sim_w_text(&w, "host", conn->m->host);
    put_client(&w, conn);
    sim_w_bool(&w, "active", false);
    put_time_text(&w, "currentOpTime", s);
    return doc_of(&w);
}

/* A session whose transaction is open although nobody does anything in it. */
static struct sim_doc *snapshot_doc(const struct sim *s, const struct sim_member *m, const struct sim_snapshot *x)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "type", "idleSession");
    sim_w_text(&w, "host", m->host);
    sim_w_text(&w, "desc", "inactive transaction");
    sim_w_text(&w, "appName", x->app);
    sim_w_bool(&w, "active", false);
    sim_w_doc(&w, "transaction");
    sim_w_doc(&w, "parameters");
    sim_w_i64(&w, "txnNumber", 1);
    sim_w_bool(&w, "autocommit", false);
    sim_w_end(&w);
    sim_w_i64(&w, "timeOpenMicros", s->now - x->from_us);
    sim_w_i64(&w, "timeActiveMicros", 2000);
    sim_w_i64(&w, "timeInactiveMicros", s->now - x->from_us > 2000 ? s->now - x->from_us - 2000 : 0);
    sim_w_end(&w);
    sim_w_bool(&w, "waitingForLock", false);
    sim_w_i32(&w, "numYields", 0);
    sim_w_doc(&w, "locks");
    sim_w_text(&w, "ReplicationStateTransition", "w");
    sim_w_text(&w, "Global", "w");
    sim_w_text(&w, "Database", "w");
    sim_w_text(&w, "Collection", "w");
    sim_w_end(&w);
    return doc_of(&w);
}

static int is_of(void *ctx, const struct sim_running *r)
{
    return r->conn == ctx;
}

static bool is_busy(const struct sim_member *m, struct sim_conn *conn)
{
    for (const struct sim_running *r = m->running; r; r = r->next)
        if (r->conn == conn)
            return true;
    return sim_waits_each(m, is_of, conn) != 0;
}

struct listing {
    struct sim_call *c;
    struct sim_docs *out;
};

/* A command that waits for the set, for a transaction or for data is as active as one that works. */
static int list_waiting(void *ctx, const struct sim_running *r)
{
    struct listing *l = ctx;
    return sim_docs_add(l->out, running_doc(l->c->s, l->c->m, r));
}

int sim_current_ops(struct sim_call *c, bool idle, bool sessions, struct sim_docs *out)
{
    static const char *const threads[] = {"Checkpointer", "JournalFlusher", "NoopWriter", "OplogCapMaintainerThread-local.oplog.rs"};
    int rc = 0;
    for (const struct sim_running *r = c->m->running; rc == 0 && r; r = r->next)
        rc = sim_docs_add(out, running_doc(c->s, c->m, r));
    /* this operation itself */
    struct sim_running self = {.m = c->m, .opid = c->op.opid, .conn = c->conn, .op = "command", .ns = c->ns[0] ? c->ns : c->op.ns, .command = c->op.command, .from = c->s->now};
    if (rc == 0)
        rc = sim_docs_add(out, running_doc(c->s, c->m, &self));
    for (size_t i = 0; rc == 0 && i < SB_COUNT(threads); i++)
        rc = sim_docs_add(out, thread_doc(c->s, c->m, threads[i], 80 + (int)i));
    for (const struct sim_snapshot *x = c->m->snapshots; rc == 0 && x; x = x->next)
        rc = sim_docs_add(out, snapshot_doc(c->s, c->m, x));
    if (rc == 0)
        rc = sim_waits_each(c->m, list_waiting, &(struct listing){c, out});
    for (struct sim_conn *conn = c->m->conns; rc == 0 && idle && conn; conn = conn->next)
        if (conn != c->conn && !is_busy(c->m, conn))
            rc = sim_docs_add(out, idle_doc(c->s, conn));
    if (rc == 0 && sessions)
        rc = sim_txns_current_ops(c->s, c->m, out);
    return rc ? sim_fail_nomem(&c->fail) : 0;
}

/* Fields of the command other than its own options are a filter on the entries. */
static const uint8_t *current_op_filter(struct sim_call *c, struct sim_w *w)
{
    static const char *const own[] = {"currentOp", "$all", "$ownOps", "$truncateOps", "lsid", "$db", "$clusterTime", "$readPreference", "maxTimeMS", "comment"};
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(c->body); sim_next(&it, &e);) {
        size_t i = 0;
        while (i < SB_COUNT(own) && strcmp(own[i], e.key) != 0)
            i++;
        if (i == SB_COUNT(own))
            sim_w_val_n(w, e.key, e.key_n, e.v);
    }
    return sim_w_done(w);
}

int sim_cmd_current_op(struct sim_call *c)
{
    struct sim_docs docs = {0};
    struct sim_w w;
    sim_w_init(&w);
    const uint8_t *filter = current_op_filter(c, &w);
    struct sim_filter *f = filter ? sim_filter_new(filter, &c->fail) : NULL;
    sim_w_release(&w);
    int rc = f ? sim_current_ops(c, sim_truth(sim_arg(c, "$all")), true, &docs) : c->fail.code ? -1 : sim_fail_nomem(&c->fail);
    if (rc == 0) {
        sim_w_array(c->reply, "inprog");
        for (size_t i = 0; i < docs.n; i++)
            if (sim_match(f->root, docs.d[i]->bson))
                sim_w_copy(c->reply, NULL, docs.d[i]->bson);
        sim_w_end(c->reply);
    }
    sim_filter_free(f);
    sim_docs_release(&docs);
    return rc;
}

static void log_kill(struct sim_call *c, int id, const char *msg, int32_t opid)
{
    struct sim_w w;
    char thread[32];
    sim_w_init(&w);
    sim_w_i32(&w, "opId", opid);
    const uint8_t *attr = sim_w_done(&w);
    snprintf(thread, sizeof thread, "conn%d", c->conn->id);
    if (attr)
        sim_log(c->m, c->s->now, 'I', "COMMAND", id, thread, msg, attr);
    sim_w_release(&w);
}

int sim_cmd_kill_op(struct sim_call *c)
{
    struct sim_val op = sim_arg(c, "op");
    if (!sim_is_number(op.type))
        return sim_fail(&c->fail, op.type ? SIM_TYPE_MISMATCH : SIM_NO_SUCH_KEY, op.type ? "Expected field \"op\" to be a number" : "Did not provide \"op\" field");
    int64_t opid = sim_int(op, 0);
    if (opid < INT32_MIN || opid > INT32_MAX)
        return sim_fail(&c->fail, 26823, "invalid op : %lld. Op ID cannot be represented with 32 bits", (long long)opid);
    log_kill(c, 20482, "Going to kill op", (int32_t)opid);
    sim_w_text(c->reply, "info", "attempting to kill op");
    for (struct sim_running *r = c->m->running; r; r = r->next)
        if (r->opid == opid) {
            r->kill_pending = true;
            log_kill(c, 20884, "Killed operation", (int32_t)opid);
            sim_build_kill(c->s, c->m, (int32_t)opid);
            return 0;
        }
    if (sim_wait_kill(c->m, (int32_t)opid))
        log_kill(c, 20884, "Killed operation", (int32_t)opid);
    return 0;
}

/* ---- lockInfo ---- */

static void put_client_of_lock(struct sim_w *w, const char *mode, const struct sim_running *r)
{
    sim_w_doc(w, NULL);
    sim_w_text(w, "mode", mode);
    sim_w_bool(w, "convertMode", false);
    sim_w_bool(w, "compatibleFirst", false);
    if (r->conn)
        sim_w_textf(w, "desc", "conn%d", r->conn->id);
    else
        sim_w_text(w, "desc", r->desc);
    sim_w_i32(w, "opid", r->opid);
    sim_w_end(w);
}

/* Collections that somebody holds exclusively: who, and who waits. */
int sim_cmd_lock_info(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_array(w, "lockInfo");
    for (const struct sim_running *x = c->m->running; x; x = x->next) {
        if (!x->exclusive || waits_for_lock(x))
            continue;
        sim_w_doc(w, NULL);
        sim_w_textf(w, "resourceId", "{: Collection, %s}", x->ns);
        sim_w_array(w, "granted");
        put_client_of_lock(w, "X", x);
        sim_w_end(w);
        sim_w_array(w, "pending");
        for (const struct sim_running *r = c->m->running; r; r = r->next)
            if (waits_for_lock(r))
                put_client_of_lock(w, "IX", r);
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_end(w);
    return 0;
}

/* ---- top ---- */

static void put_usage(struct sim_w *w, const char *name, struct sim_usage u)
{
    sim_w_doc(w, name);
    sim_w_int(w, "time", u.us);
    sim_w_int(w, "count", u.count);
    sim_w_end(w);
}

int sim_cmd_top(struct sim_call *c)
{
    static const char *const names[SIM_TOP_KINDS] = {"queries", "getmore", "insert", "update", "remove", "commands"};
    const struct sim_catalog *cat = &c->m->cat;
    struct sim_w *w = c->reply;
    sim_w_doc(w, "totals");
    sim_w_text(w, "note", "all times in microseconds");
    for (size_t i = 0; i < cat->n; i++) {
        const struct sim_coll *coll = cat->coll[i];
        struct sim_usage total = {coll->read_lock.us + coll->write_lock.us, coll->read_lock.count + coll->write_lock.count};
        if (!total.count)
            continue;
        sim_w_doc(w, coll->ns);
        put_usage(w, "total", total);
        put_usage(w, "readLock", coll->read_lock);
        put_usage(w, "writeLock", coll->write_lock);
        for (int k = 0; k < SIM_TOP_KINDS; k++)
            put_usage(w, names[k], coll->top[k]);
        sim_w_end(w);
    }
    sim_w_end(w);
    return 0;
}

/* ---- explain ---- */

static void put_server(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_doc(w, "serverInfo");
    sim_w_text_n(w, "host", c->m->host, strcspn(c->m->host, ":"));
    sim_w_i32(w, "port", c->m->port);
    sim_w_textf(w, "version", "%d.%d.%d", c->s->version[0], c->s->version[1], c->s->version[2]);
    sim_w_text(w, "gitVersion", "nogit");
    sim_w_end(w);
    static const struct {
        const char *name;
        int32_t value;
    } parameters[] = {{"internalQueryFacetBufferSizeBytes", 104857600},
                      {"internalQueryFacetMaxOutputDocSizeBytes", 104857600},
                      {"internalLookupStageIntermediateDocumentMaxSizeBytes", 104857600},
                      {"internalDocumentSourceGroupMaxMemoryBytes", 104857600},
                      {"internalQueryMaxBlockingSortMemoryUsageBytes", 104857600},
                      {"internalQueryProhibitBlockingMergeOnMongoS", 0},
                      {"internalQueryMaxAddToSetBytes", 104857600},
                      {"internalDocumentSourceSetWindowFieldsMaxMemoryBytes", 104857600}};
    sim_w_doc(w, "serverParameters");
    for (size_t i = 0; i < SB_COUNT(parameters); i++)
        sim_w_i32(w, parameters[i].name, parameters[i].value);
    sim_w_end(w);
}

static int explain_question(struct sim_call *c, const uint8_t *cmd, const char *name, int stats)
{
    struct sim_find *q = strcmp(name, "find") == 0    ? sim_find_of_find(c, cmd, true, NULL, NULL)
                         : strcmp(name, "count") == 0 ? sim_find_of_count(c, cmd, true)
                                                      : sim_find_of_distinct(c, cmd, true);
    if (!q)
        return -1;
    q->exec->q.ns = c->ns;
    int rc = stats ? sim_find_drain(q, &c->fail) : 0;
    if (rc == 0) {
        sim_op_exec(&c->op, q->exec, NULL);
        double ms = sim_cost_of(&c->s->costs, &c->op.work) / 1000;
        int64_t limit = sim_int(sim_find(cmd, "maxTimeMS"), 0);
        if (limit && ms > (double)limit)
            rc = sim_fail(&c->fail, SIM_MAX_TIME, "operation exceeded time limit");
        else
            sim_explain(c->reply, q->exec, stats, false, (int64_t)ms);
    }
    sim_find_free(q);
    return rc;
}

/* It is an aggregation, and is explained as one. */
static int explain_on_view(struct sim_call *c, const uint8_t *cmd, const char *name, int stats)
{
    struct sim_w w;
    sim_w_init(&w);
    int rc = sim_view_question(c, cmd, name, &w);
    struct sim_val stages = rc ? sim_missing : sim_find(sim_w_done(&w), "pipeline");
    if (rc == 0)
        rc = sim_explain_aggregate(c, cmd, stages, stats);
    if (rc == 0) {
        put_server(c);
        sim_w_doc(c->reply, "command");
        sim_w_text(c->reply, "aggregate", c->op.ns + strlen(c->db) + 1);
        sim_w_val(c->reply, "pipeline", stages);
        sim_w_doc(c->reply, "cursor");
        sim_w_end(c->reply);
        sim_w_text(c->reply, "$db", c->db);
        sim_w_end(c->reply);
    }
    sim_w_release(&w);
    return rc;
}

int sim_cmd_explain(struct sim_call *c)
{
    struct sim_val inner = sim_arg(c, "explain"), verbosity = sim_arg(c, "verbosity");
    struct sim_elem first;
    int stats = 2;
    if (inner.type != BSON_TYPE_DOCUMENT)
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'explain.explain' is the wrong type '%s', expected type 'object'", sim_type_name(inner.type));
    if (sim_text_is(verbosity, "queryPlanner"))
        stats = 0;
    else if (sim_text_is(verbosity, "executionStats"))
        stats = 1;
    else if (verbosity.type && !sim_text_is(verbosity, "allPlansExecution"))
        return sim_fail(&c->fail, SIM_FAILED_TO_PARSE, "Enumeration value '%.60s' for field 'explain.verbosity' is not a valid value.",
                        sim_is_text(verbosity.type) ? sim_text(verbosity) : "");
    struct sim_iter it = sim_iter_of(inner.p);
    static const char *const about[] = {"find", "count", "distinct", "aggregate", "update", "delete", "findAndModify", "findandmodify"};
    size_t i = 0;
    bool any = sim_next(&it, &first);
    while (any && i < SB_COUNT(about) && strcmp(about[i], first.key) != 0)
        i++;
    if (!any || i == SB_COUNT(about))
        return sim_fail(&c->fail, SIM_COMMAND_NOT_FOUND, "Explain failed due to unknown command: %.100s", any ? first.key : "");
    if (sim_check_fields(c, sim_command_find(first.key), inner.p))
        return -1;
    if (!sim_is_text(first.v.type) || sim_text_n(first.v) == 0)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "collection name has invalid type %s", sim_type_name(first.v.type));
    snprintf(c->ns, sizeof c->ns, "%s.%.*s", c->db, (int)(sim_text_n(first.v) > 200 ? 200 : sim_text_n(first.v)), sim_text(first.v));
    snprintf(c->op.ns, sizeof c->op.ns, "%s", c->ns);
    sim_w_text(c->reply, "explainVersion", "1");
    if (i < 3 && !sim_coll_find(&c->m->cat, c->ns) && sim_view_find(&c->m->cat, c->ns))
        return explain_on_view(c, inner.p, first.key, stats);
    int rc = i < 3 ? explain_question(c, inner.p, first.key, stats)
             : i == 3 ? sim_explain_aggregate(c, inner.p, sim_find(inner.p, "pipeline"), stats)
                      : sim_explain_write(c, inner.p, i >= 6 ? "findAndModify" : first.key, stats);
    if (rc)
        return -1;
    /* aggregate tells the server before its command, the others behind it; findAndModify leaves out $db */
    if (i == 3)
        put_server(c);
    sim_w_doc(c->reply, "command");
    sim_w_all(c->reply, inner.p);
    if (i < 6)
        sim_w_text(c->reply, "$db", c->db);
    sim_w_end(c->reply);
    if (i != 3)
        put_server(c);
    c->op.has_plan = false; /* in profile and log an explain is a command like others */
    return 0;
}

/* ---- sources ---- */

int sim_index_stats(struct sim_call *c, struct sim_docs *out)
{
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    for (unsigned i = 0; coll && i < coll->indexes; i++) {
        const struct sim_index *x = coll->index[i];
        struct sim_w w;
        sim_w_init(&w);
        sim_w_text(&w, "name", x->name);
        sim_w_val(&w, "key", sim_index_key(x));
        sim_w_text(&w, "host", c->m->host);
        sim_w_doc(&w, "accesses");
        sim_w_i64(&w, "ops", (int64_t)x->accesses);
        sim_w_date(&w, "since", x->since_us / 1000);
        sim_w_end(&w);
        sim_w_copy(&w, "spec", x->spec->bson);
        if (x->building)
            sim_w_bool(&w, "building", true);
        if (sim_docs_add(out, doc_of(&w)))
            return sim_fail_nomem(&c->fail);
    }
    return 0;
}

int sim_plan_cache_stats(struct sim_call *c, struct sim_docs *out)
{
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    if (!coll)
        return 0;
    for (size_t i = 0; i < coll->plans->n; i++) {
        const struct sim_plan_entry *e = &coll->plans->entry[i];
        struct sim_w w;
        sim_w_init(&w);
        sim_w_textf(&w, "planCacheKey", "%08X", (unsigned)e->shape);
        sim_w_bool(&w, "isActive", e->active);
        sim_w_i64(&w, "works", e->works);
        sim_w_date(&w, "timeOfCreation", e->at_us / 1000);
        sim_w_bool(&w, "indexFilterSet", false);
        sim_w_text(&w, "host", c->m->host);
        if (sim_docs_add(out, doc_of(&w)))
            return sim_fail_nomem(&c->fail);
    }
    return 0;
}

static void put_latency(struct sim_w *w, const char *name, const struct sim_latency *l, bool histogram)
{
    sim_w_doc(w, name);
    if (histogram) {
        sim_w_array(w, "histogram");
        for (unsigned i = 0; l && i < SIM_HISTOGRAM; i++) {
            if (!l->bucket[i])
                continue;
            sim_w_doc(w, NULL);
            sim_w_i64(w, "micros", sim_bucket_lower(i));
            sim_w_i64(w, "count", (int64_t)l->bucket[i]);
            sim_w_end(w);
        }
        sim_w_end(w);
    }
    sim_w_i64(w, "latency", l ? l->us : 0);
    sim_w_i64(w, "ops", l ? l->ops : 0);
    sim_w_end(w);
}

static int put_coll_stats(struct sim_call *c, const struct sim_coll *coll, const uint8_t *spec, struct sim_w *w)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(spec); sim_next(&it, &e);) {
        bool doc = e.v.type == BSON_TYPE_DOCUMENT;
        if (strcmp(e.key, "latencyStats") == 0 && doc) {
            bool histograms = sim_truth(sim_find(e.v.p, "histograms"));
            sim_w_doc(w, "latencyStats");
            put_latency(w, "reads", coll ? &coll->latency[SIM_LAT_READS] : NULL, histograms);
            put_latency(w, "writes", coll ? &coll->latency[SIM_LAT_WRITES] : NULL, histograms);
            put_latency(w, "commands", coll ? &coll->latency[SIM_LAT_COMMANDS] : NULL, histograms);
            put_latency(w, "transactions", NULL, histograms);
            sim_w_end(w);
        } else if (strcmp(e.key, "storageStats") == 0 && doc) {
            int64_t scale = sim_int(sim_find(e.v.p, "scale"), 1);
            if (!coll)
                return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "Unable to retrieve storageStats in $collStats stage :: caused by :: Collection [%s] not found.",
                                c->ns);
            sim_w_doc(w, "storageStats");
            sim_put_storage_stats(w, c->s, coll, scale < 1 ? 1 : scale);
            sim_w_end(w);
        } else if (strcmp(e.key, "count") == 0 && doc) {
            sim_w_int(w, "count", coll ? (int64_t)coll->records.count : 0);
        } else if (strcmp(e.key, "queryExecStats") == 0 && doc) {
            sim_w_doc(w, "queryExecStats");
            sim_w_doc(w, "collectionScans");
            sim_w_i64(w, "total", coll ? coll->scans_total : 0);
            sim_w_i64(w, "nonTailable", coll ? coll->scans_nontailable : 0);
            sim_w_end(w);
            sim_w_end(w);
        } else {
            return sim_fail(&c->fail, doc ? 40168 : 40167, "unrecognized option to $collStats: %.60s", e.key);
        }
    }
    return 0;
}

int sim_coll_stats_docs(struct sim_call *c, const uint8_t *spec, struct sim_docs *out)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "ns", c->ns);
    sim_w_text(&w, "host", c->m->host);
    sim_w_date(&w, "localTime", sim_now_ms(c->s));
    if (put_coll_stats(c, sim_coll_find(&c->m->cat, c->ns), spec, &w)) {
        sim_w_release(&w);
        return -1;
    }
    return sim_docs_add(out, doc_of(&w)) ? sim_fail_nomem(&c->fail) : 0;
}
