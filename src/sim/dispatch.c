/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/accounts.h>
#include <signalbox/sim/cluster.h>
#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/expr.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/session.h>
#include <signalbox/sim/txn.h>
#include <signalbox/sim/wait.h>

#include "commands.h"
#include "read_point.h"
#include "series.h"
#include "view.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Fields that any command may have. */
static const char common[] =
    " $db lsid $clusterTime $readPreference txnNumber maxTimeMS comment readConcern writeConcern apiVersion apiStrict apiDeprecationErrors "
    "autocommit startTransaction $client $queryOptions $audit $configServerState shardVersion databaseVersion tracking_info "
    "maxTimeMSOpOnly stmtId stmtIds stmtid helpOk ";

static bool listed(const char *list, const char *word, size_t n)
{
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

bool sim_is_simple_collation(struct sim_val v)
{
    return v.type == BSON_TYPE_DOCUMENT && sim_count(v.p) == 1 && sim_text_is(sim_find(v.p, "locale"), "simple");
}

int sim_check_fields(struct sim_call *c, const struct sim_command *cmd, const uint8_t *body)
{
    struct sim_iter it = sim_iter_of(body);
    struct sim_elem e;
    const char *refused = sim_command_refuses(cmd);
    sim_next(&it, &e); /* the command itself */
    while (sim_next(&it, &e)) {
        if (e.key[0] == '$' && listed(common, e.key, e.key_n))
            continue;
        bool plain = strcmp(e.key, "collation") == 0 && sim_is_simple_collation(e.v); /* what there is without any */
        if (!plain && listed(refused, e.key, e.key_n) && sim_truth(e.v))
            return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "the option %.100s of %s is not simulated", e.key, cmd->name);
        if (cmd->strict && !listed(cmd->fields, e.key, e.key_n) && !listed(common, e.key, e.key_n))
            return sim_fail(&c->fail, SIM_UNKNOWN_FIELD, "BSON field '%s.%.200s' is an unknown field.", cmd->strict, e.key);
    }
    return 0;
}

/* ---- arguments ---- */

static int wrong_type(struct sim_call *c, const char *name, struct sim_val v, const char *want)
{
    return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field '%s.%s' is the wrong type '%s', expected type%s '%s'",
                    c->cmd->strict ? c->cmd->strict : c->cmd->name, name, sim_type_name(v.type), want[0] == '[' ? "s" : "", want);
}

int sim_arg_doc(struct sim_call *c, const char *name, const uint8_t **out)
{
    struct sim_val v = sim_arg(c, name);
    if (!v.type || v.type == BSON_TYPE_NULL)
        return 0;
    if (v.type != BSON_TYPE_DOCUMENT)
        return wrong_type(c, name, v, "object");
    *out = v.p;
    return 0;
}

int sim_arg_int(struct sim_call *c, const char *name, int64_t *out)
{
    struct sim_val v = sim_arg(c, name);
    if (!v.type || v.type == BSON_TYPE_NULL)
        return 0;
    if (!sim_is_number(v.type))
        return wrong_type(c, name, v, "[long, int, decimal, double]");
    *out = sim_int(v, 0);
    return 0;
}

int sim_arg_bool(struct sim_call *c, const char *name, bool *out)
{
    struct sim_val v = sim_arg(c, name);
    if (!v.type)
        return 0;
    if (v.type != BSON_TYPE_BOOL && !sim_is_number(v.type))
        return wrong_type(c, name, v, "bool");
    *out = sim_truth(v);
    return 0;
}

int sim_call_ns(struct sim_call *c)
{
    struct sim_val v = sim_arg(c, c->cmd->name);
    if (!v.type && c->cmd->alias)
        v = sim_arg(c, c->cmd->alias);
    if (!sim_is_text(v.type))
        return sim_fail(&c->fail, v.type == BSON_TYPE_BINARY ? SIM_NOT_IMPLEMENTED : SIM_INVALID_NAMESPACE,
                        "collection name has invalid type %s", sim_type_name(v.type));
    size_t n = sim_text_n(v);
    if (n == 0 || memchr(sim_text(v), 0, n) || sim_text(v)[0] == '.')
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "Invalid namespace specified '%s.%.100s'", c->db, sim_text(v));
    if (strlen(c->db) + 1 + n > 255)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "Fully qualified namespace is too long. Max: 255");
    size_t db = strlen(c->db); /* no snprintf here: every command comes this way */
    memcpy(c->ns, c->db, db);
    c->ns[db] = '.';
    memcpy(c->ns + db + 1, sim_text(v), n);
    c->ns[db + 1 + n] = '\0';
    memcpy(c->op.ns, c->ns, db + n + 2);
    c->op.in_top = true;
    if ((c->cmd->flags & SIM_NO_VIEW) && !sim_coll_find(&c->m->cat, c->ns) && sim_view_find(&c->m->cat, c->ns) &&
        !((c->cmd->flags & SIM_SERIES) && sim_series_find(&c->m->cat, c->ns)))
        return sim_fail(&c->fail, 166, "Namespace %s is a view, not a collection", c->ns);
    return 0;
}

int sim_call_batch(struct sim_call *c, const char *name, struct sim_batch *b)
{
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < c->rq->seq_n; i++)
        if (strcmp(c->rq->seq[i].name, name) == 0) {
            b->at = c->rq->seq[i].p;
            b->end = b->at + c->rq->seq[i].n;
            for (const uint8_t *p = b->at; p < b->end; p += sim_doc_len(p))
                b->n++;
            return 0;
        }
    struct sim_val v = sim_arg(c, name);
    if (!v.type)
        return sim_fail(&c->fail, SIM_MISSING_FIELD, "BSON field '%s.%s' is missing but a required field", c->cmd->strict, name);
    if (v.type != BSON_TYPE_ARRAY)
        return wrong_type(c, name, v, "array");
    b->is_array = true;
    b->it = sim_iter_of(v.p);
    b->n = sim_count(v.p);
    struct sim_iter it = sim_iter_of(v.p);
    struct sim_elem e;
    while (sim_next(&it, &e))
        if (e.v.type != BSON_TYPE_DOCUMENT) {
            char path[80];
            snprintf(path, sizeof path, "%s.%.40s", name, e.key);
            return wrong_type(c, path, e.v, "object");
        }
    return 0;
}

const uint8_t *sim_batch_next(struct sim_batch *b)
{
    struct sim_elem e;
    if (b->is_array)
        return sim_next(&b->it, &e) ? e.v.p : NULL;
    if (b->at >= b->end)
        return NULL;
    const uint8_t *p = b->at;
    b->at += sim_doc_len(p);
    return p;
}

/* ---- replies ---- */

/* {$clusterTime: {clusterTime, signature: {hash, keyId: 0}}, operationTime}: every reply ends so, and only two of its values
 * ever change. The lengths are those of the documents; no hash is 20 zeros. */
#define ZERO_8 "\0\0\0\0\0\0\0\0"
static const uint8_t tail[] = "\x82\0\0\0"
                              "\x03$clusterTime\0\x58\0\0\0" "\x11" "clusterTime\0" ZERO_8
                              "\x03signature\0\x33\0\0\0" "\x05hash\0\x14\0\0\0\0" ZERO_8 ZERO_8 "\0\0\0\0" "\x12keyId\0" ZERO_8 "\0" "\0"
                              "\x11operationTime\0" ZERO_8;
#define CLUSTER_TIME_AT 35
#define OPERATION_TIME_AT 121
_Static_assert(sizeof tail == 0x82, "the tail of a reply says its own length");

static const uint8_t *reply_tail(struct sim *s, struct sim_member *m, struct sim_w *w)
{
    uint8_t doc[sizeof tail];
    memcpy(doc, tail, sizeof tail);
    sim_val_i64(doc + CLUSTER_TIME_AT, (int64_t)s->last_ts);
    sim_val_i64(doc + OPERATION_TIME_AT, (int64_t)m->applied_ts);
    sim_w_all(w, doc);
    return sim_w_done(w);
}

const uint8_t *sim_reply_ok(struct sim *s, struct sim_member *m, struct sim_w *w)
{
    sim_w_f64(w, "ok", 1);
    return reply_tail(s, m, w);
}

/* Errors by which a driver learns that the set has changed. */
static bool is_state_error(int32_t code)
{
    return code == SIM_NOT_PRIMARY || code == SIM_NOT_READABLE || code == SIM_RECOVERS || code == SIM_STATE_CHANGE || code == SIM_STEPPED_DOWN;
}

static void put_label(struct sim_w *w, const char *label)
{
    sim_w_array(w, "errorLabels");
    sim_w_text(w, NULL, label);
    sim_w_end(w);
}

void sim_put_retry_label(struct sim_w *w)
{
    put_label(w, "RetryableWriteError");
}

const uint8_t *sim_reply_fail(struct sim *s, struct sim_member *m, struct sim_w *w, const struct sim_fail *f)
{
    char buf[32];
    if (is_state_error(f->code))
        sim_put_topology(w, m);
    sim_w_f64(w, "ok", 0);
    sim_w_text(w, "errmsg", f->msg);
    if (f->code > 0) {
        sim_w_i32(w, "code", f->code);
        sim_w_text(w, "codeName", sim_code_name(f->code, buf));
    }
    if (f->extra)
        sim_w_all(w, f->extra);
    return reply_tail(s, m, w);
}

void sim_put_write_tail(struct sim_call *c)
{
    uint8_t id[12];
    sim_election_id(id, c->s->term);
    sim_w_oid(c->reply, "electionId", id);
    if (c->in_txn) { /* nothing is in the oplog yet */
        sim_w_ts(c->reply, "opTime", 0);
        return;
    }
    sim_put_optime(c->reply, "opTime", (struct sim_optime){c->s->last_ts, c->s->term});
}

/* ---- what all commands have in common ---- */

static int check_place(struct sim_call *c)
{
    unsigned flags = c->cmd->flags;
    if ((flags & SIM_ADMIN) && strcmp(c->db, "admin") != 0)
        return sim_fail(&c->fail, SIM_UNAUTHORIZED, "%s may only be run against the admin database.", c->cmd->name);
    if ((flags & SIM_PRIMARY) && !sim_is_writable(c->m) && strcmp(c->db, "local") != 0)
        return sim_fail(&c->fail, SIM_NOT_PRIMARY, "not primary");
    if ((flags & SIM_OPT_IN) && !c->m->primary && strcmp(c->db, "local") != 0) {
        struct sim_val pref = sim_arg(c, "$readPreference");
        struct sim_val mode = pref.type == BSON_TYPE_DOCUMENT ? sim_find(pref.p, "mode") : sim_missing;
        if (!mode.type || sim_text_is(mode, "primary"))
            return sim_fail(&c->fail, SIM_NOT_READABLE, "not primary and secondaryOk=false");
        if (c->m->role.state != SIM_IS_SECONDARY)
            return sim_fail(&c->fail, SIM_RECOVERS, "node is not in primary or recovering state");
    }
    return 0;
}

static int read_concern(struct sim_call *c)
{
    const uint8_t *rc = NULL;
    if (sim_arg_doc(c, "readConcern", &rc))
        return -1;
    c->op.has_read_concern = (c->cmd->flags & SIM_READ_CONCERN) != 0;
    if (!rc) {
        c->m->n.read_concern[c->in_txn][0] += c->op.has_read_concern;
        return 0;
    }
    struct sim_val level = sim_find(rc, "level"), after = sim_find(rc, "afterClusterTime");
    static const char *const levels[] = {"local", "available", "majority", "linearizable", "snapshot"};
    size_t i = 0;
    while (level.type && i < SB_COUNT(levels) && !sim_text_is(level, levels[i]))
        i++;
    if (i == SB_COUNT(levels))
        return sim_fail(&c->fail, SIM_FAILED_TO_PARSE, "Enumeration value '%.60s' for field 'readConcern.level' is not a valid value.",
                        sim_is_text(level.type) ? sim_text(level) : sim_type_name(level.type));
    if (sim_find(rc, "atClusterTime").type)
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "readConcern.atClusterTime is not simulated");
    if (after.type == BSON_TYPE_TIMESTAMP)
        sim_catch_up(c->s, c->m, (uint64_t)sim_i64(after.p));
    c->linear = sim_text_is(level, "linearizable") && !c->in_txn && (c->cmd->flags & SIM_COUNTS_READ);
    if (c->linear && !sim_is_writable(c->m))
        return sim_fail(&c->fail, SIM_NOT_PRIMARY, "cannot satisfy linearizable read concern on non-primary node");
    c->op.read_concern = level.type ? rc : NULL;
    c->m->n.read_concern[c->in_txn][level.type ? i + 1 : 0] += c->op.has_read_concern;
    return 0;
}

static int write_concern(struct sim_call *c)
{
    const uint8_t *wc = NULL;
    if (sim_arg_doc(c, "writeConcern", &wc))
        return -1;
    c->w_majority = true;
    c->w_needs = c->s->members / 2 + 1;
    c->op.has_write_concern = (c->cmd->flags & SIM_WRITE_CONCERN) != 0;
    if (!wc || sim_is_empty(wc))
        return 0;
    struct sim_val w = sim_find(wc, "w");
    c->wc = sim_val_doc(wc);
    c->op.write_concern = wc;
    if (sim_is_number(w.type)) {
        c->w_needs = sim_int(w, 1);
        if (c->w_needs < 0 || c->w_needs > 50)
            return sim_fail(&c->fail, SIM_FAILED_TO_PARSE, "w has to be a non-negative number and not greater than 50; found: %lld", (long long)c->w_needs);
        c->w_majority = false;
    } else if (w.type && !sim_text_is(w, "majority")) {
        return sim_fail(&c->fail, 79, "No write concern mode named '%.60s' found in replica set configuration",
                        sim_is_text(w.type) ? sim_text(w) : sim_type_name(w.type));
    }
    return 0;
}

static int session(struct sim_call *c)
{
    struct sim_val lsid = sim_arg(c, "lsid"), txn = sim_arg(c, "txnNumber");
    if (lsid.type && lsid.type != BSON_TYPE_DOCUMENT)
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'lsid' is the wrong type '%s', expected type 'object'", sim_type_name(lsid.type));
    if (txn.type && (txn.type != BSON_TYPE_INT64 && txn.type != BSON_TYPE_INT32))
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'txnNumber' is the wrong type '%s', expected type 'long'", sim_type_name(txn.type));
    if (txn.type && !lsid.type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Transaction number requires a session ID to also be specified");
    c->lsid = lsid.type ? lsid.p : NULL;
    c->txn_number = sim_int(txn, 0);
    if (sim_txn_arguments(c))
        return -1;
    c->has_txn = txn.type != 0 && !c->in_txn;
    return 0;
}

static int common_arguments(struct sim_call *c)
{
    int64_t max_time = 0;
    if (sim_arg_int(c, "maxTimeMS", &max_time))
        return -1;
    if (max_time < 0 || max_time > INT32_MAX)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "%lld value for maxTimeMS is out of range", (long long)max_time);
    c->op.max_time_ms = max_time;
    return session(c) || read_concern(c) || write_concern(c) ? -1 : 0;
}

/* A command that was retried is answered as it was the first time. */
static const uint8_t *answer_again(struct sim_call *c)
{
    if (!c->has_txn || !(c->cmd->flags & SIM_COUNTS_WRITE))
        return NULL;
    const uint8_t *before = sim_session_retried(c->s, c->lsid, c->txn_number, &c->fail);
    if (before) {
        c->m->n.retried_commands++;
        c->m->n.retried_statements++;
    }
    return before;
}

/* A client that binds itself to a version of the API is refused what is not in it. */
static int check_api(struct sim_call *c)
{
    struct sim_val version = sim_arg(c, "apiVersion"), strict = sim_arg(c, "apiStrict");
    if (!version.type)
        return !strict.type && !sim_arg(c, "apiDeprecationErrors").type
                   ? 0
                   : sim_fail(&c->fail, 4886600, "Provided apiStrict and/or apiDeprecationErrors without passing apiVersion");
    if (!sim_text_is(version, "1"))
        return sim_fail(&c->fail, 322, "API version must be \"1\"");
    if (!sim_truth(strict) || sim_command_in_api(c->s, c->cmd))
        return 0;
    return sim_fail(&c->fail, 323, "Provided apiStrict:true, but the command %s is not in API Version 1. Information on supported commands and migrations in "
                                   "API Version 1 can be found at https://dochub.mongodb.org/core/manual-versioned-api", c->cmd->name);
}

static int prepare(struct sim_call *c)
{
    if (check_api(c) || sim_authorize(c) || check_place(c) || sim_check_fields(c, c->cmd, c->body))
        return -1;
    return common_arguments(c);
}

static bool waits_for_others(const struct sim_call *c)
{
    bool commits = !c->in_txn || strcmp(c->cmd->name, "commitTransaction") == 0;
    return commits && (c->cmd->flags & SIM_PRIMARY) && (c->cmd->flags & SIM_WRITE_CONCERN) && strcmp(c->db, "local") != 0;
}

static struct sim_doc *shown_command(const struct sim_call *c)
{
    if (sim_find(c->body, "$db").type || !c->rq->db)
        return sim_doc_new(c->body);
    struct sim_w w;
    sim_w_init(&w);
    sim_w_all(&w, c->body);
    sim_w_text(&w, "$db", c->db);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

static void account(struct sim_call *c, const uint8_t *reply)
{
    size_t i = (size_t)(c->cmd - sim_commands);
    struct sim_counters *n = &c->m->n;
    n->command_total[i]++;
    n->command_failed[i] += c->fail.code != 0;
    n->mirrored += c->m->primary && (c->cmd->flags & SIM_MIRRORED) != 0;
    if (!(c->cmd->flags & SIM_OWN_COUNTER))
        n->op[SIM_OP_COMMAND]++;
    c->op.reslen = reply ? (int64_t)sim_doc_len(reply) + 21 : 0;
    if (c->fail.code) {
        c->op.error = c->fail.code;
        snprintf(c->op.error_msg, sizeof c->op.error_msg, "%s", c->fail.msg);
    }
    sim_op_finish(&c->op);
    c->conn->latency_us = c->op.latency_us;
}

static void begin(struct sim_call *c, struct sim_conn *conn, const struct sim_request *rq, struct sim_w *w)
{
    memset(c, 0, offsetof(struct sim_call, db));
    c->db[0] = c->ns[0] = '\0';
    sim_fail_init(&c->fail);
    c->s = conn->m->sim;
    c->m = conn->m;
    c->conn = conn;
    c->rq = rq;
    c->body = rq->body;
    c->reply = w;
    c->before_ts = c->s->last_ts;
    sim_expr_begin((struct sim_expr_clock){sim_now_ms(c->s), c->s->last_ts});
    c->m->n.requests++;
    c->m->n.bytes_in += (int64_t)rq->bytes;
    sim_w_clear(w);
    struct sim_iter it = sim_iter_of(c->body);
    while (c->fields_n < SIM_CALL_FIELDS && sim_next(&it, &c->field[c->fields_n])) {
        c->fields_named |= sim_name_bit(c->field[c->fields_n].key, c->field[c->fields_n].key_n);
        c->fields_n++;
    }
    c->more_fields = c->fields_n == SIM_CALL_FIELDS;
}

static int find_command(struct sim_call *c)
{
    struct sim_iter it = sim_iter_of(c->body);
    struct sim_elem e;
    struct sim_val db = sim_arg(c, "$db");
    if (!sim_next(&it, &e))
        return sim_fail(&c->fail, SIM_COMMAND_NOT_FOUND, "no such command: ''");
    if (!c->rq->db && !sim_is_text(db.type))
        return sim_fail(&c->fail, 40571, "OP_MSG requests require a $db argument");
    const char *name = c->rq->db ? c->rq->db : sim_text(db);
    size_t name_n = strnlen(name, sizeof c->db - 1);
    memcpy(c->db, name, name_n);
    c->db[name_n] = '\0';
    if (!c->db[0] || strpbrk(c->db, ". $/\\\"") || strlen(c->db) > 63)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "Invalid database name: '%.100s'", c->db);
    c->cmd = sim_command_find(e.key);
    if (!c->cmd || !sim_command_known(c->s, c->cmd)) {
        c->cmd = NULL;
        c->m->n.unknown_commands++;
        return sim_fail(&c->fail, SIM_COMMAND_NOT_FOUND, "no such command: '%.100s'", e.key);
    }
    return 0;
}

/* After these a driver may begin the whole transaction anew. */
static bool is_transient(const struct sim_call *c)
{
    int32_t code = c->fail.code;
    bool ends = strcmp(c->cmd->name, "commitTransaction") == 0 || strcmp(c->cmd->name, "abortTransaction") == 0;
    return code == SIM_WRITE_CONFLICT || code == SIM_SNAPSHOT_UNAVAILABLE || code == SIM_SNAPSHOT_TOO_OLD || code == SIM_NO_SUCH_TXN ||
           (!ends && is_state_error(code));
}

/* Of a change stream: an error tells whether the stream can go on elsewhere. */
static const char *stream_label(const struct sim_call *c)
{
    if (c->fail.code == SIM_CHANGE_STREAM_FATAL || c->fail.code == SIM_HISTORY_LOST)
        return "NonResumableChangeStreamError";
    bool opens = strcmp(c->cmd->name, "aggregate") == 0 && sim_path(c->body, "pipeline.0.$changeStream").type;
    return opens && is_state_error(c->fail.code) ? "ResumableChangeStreamError" : NULL;
}

/* A driver sends a retryable write or a transaction again only when the error says that it may. */
static void label_failure(struct sim_call *c)
{
    struct sim_w w;
    bool transient = c->in_txn && is_transient(c), numbered = sim_arg(c, "txnNumber").type != 0;
    const char *label = transient ? "TransientTransactionError" : is_state_error(c->fail.code) ? "RetryableWriteError" : NULL;
    if (!numbered || !label)
        label = stream_label(c);
    if (!label || c->fail.extra)
        return;
    sim_w_init(&w);
    put_label(&w, label);
    const uint8_t *done = sim_w_done(&w);
    if (done && (c->fail.extra = malloc(sim_doc_len(done))))
        memcpy(c->fail.extra, done, sim_doc_len(done));
    sim_w_release(&w);
}

static int run_alone(struct sim_call *c)
{
    return sim_reads_committed(c) ? sim_run_committed(c) : c->cmd->run(c);
}

/* A command that has to wait for a transaction has not been here: what it counted so far it counts when it is run again. */
static int run_among_others(struct sim_call *c)
{
    struct sim_counters *before = malloc(sizeof *before);
    if (!before)
        return sim_fail_nomem(&c->fail);
    *before = c->m->n;
    c->blocked = sim_txn_blocks(c);
    int rc = c->blocked ? -1 : run_alone(c);
    if (c->blocked && !c->later) {
        int64_t conflicts = c->m->n.write_conflicts;
        c->m->n = *before;
        c->m->n.write_conflicts = conflicts;
        c->m->n.requests--;
        c->m->n.bytes_in -= (int64_t)c->rq->bytes;
        sim_fail_release(&c->fail);
        c->fail = (struct sim_fail)SIM_FAIL_INIT;
        if (sim_await_transaction(c))
            c->blocked = false;
        rc = -1;
    }
    free(before);
    return rc;
}

static int run(struct sim_call *c)
{
    if (c->in_txn)
        return sim_txn_run(c);
    return sim_txns_oldest(c->s) == UINT64_MAX ? run_alone(c) : run_among_others(c);
}

enum sim_outcome sim_dispatch(struct sim_conn *conn, const struct sim_request *rq, struct sim_w *w, const uint8_t **reply)
{
    struct sim_call c;
    bool later;
    if (sim_is_router(conn->m->sim) && sim_route(conn, rq, w, reply, &later))
        return later ? SIM_LATER : SIM_ANSWERED;
    begin(&c, conn, rq, w);
    if (find_command(&c)) {
        c.m->n.asserts_user++;
        c.m->n.op[SIM_OP_COMMAND]++;
        *reply = sim_reply_fail(c.s, c.m, w, &c.fail);
        goto sent;
    }
    sim_op_init(&c.op, conn);
    if (rq->opid)
        c.op.opid = rq->opid;
    c.op.counts_read = (c.cmd->flags & SIM_COUNTS_READ) != 0;
    c.op.counts_write = (c.cmd->flags & SIM_COUNTS_WRITE) != 0;
    memcpy(c.op.ns, c.db, strlen(c.db));
    memcpy(c.op.ns + strlen(c.db), ".$cmd", sizeof ".$cmd");
    const uint8_t *again = NULL;
    int rc = prepare(&c);
    if (rc == 0 && (again = answer_again(&c))) {
        sim_w_all(w, again);
        sim_op_release(&c.op);
        if (sim_await_concern(&c, true) > 0) {
            *reply = NULL;
            return SIM_LATER;
        }
        *reply = sim_w_done(w);
        goto sent;
    }
    if (c.fail.code)
        rc = -1;
    c.op.command = c.cmd->flags & SIM_QUIET ? NULL : shown_command(&c);
    if (rc == 0)
        rc = run(&c);
    if (rc && c.blocked) {
        sim_op_release(&c.op);
        sim_fail_release(&c.fail);
        *reply = NULL;
        return SIM_LATER;
    }
    if (rc == 0 && c.later) { /* its operation is accounted for when it ends; what that needs was copied */
        c.m->n.command_total[c.cmd - sim_commands]++;
        c.m->n.op[SIM_OP_COMMAND]++;
        sim_op_release(&c.op);
        *reply = NULL;
        return SIM_LATER;
    }
    if (rc == 0 && waits_for_others(&c))
        rc = sim_await_concern(&c, false) < 0 ? -1 : 0;
    if (rc == 0 && c.linear)
        rc = sim_await_linear(&c) < 0 ? -1 : 0;
    c.op.waits = c.op.counts_write && c.w_needs > 1 && !c.in_txn;
    if (sim_op_time(&c.op) && rc == 0 && !c.op.work.docs_written)
        rc = sim_fail(&c.fail, SIM_MAX_TIME, strcmp(c.cmd->name, "find") == 0 ? "Executor error during find command :: caused by :: operation exceeded time limit"
                                                                              : "operation exceeded time limit");
    if (rc)
        label_failure(&c);
    if (rc || c.later)
        sim_w_clear(w);
    if (c.later)
        sim_w_all(w, c.so_far->bson);
    *reply = rc ? sim_reply_fail(c.s, c.m, w, &c.fail) : sim_reply_ok(c.s, c.m, w);
    account(&c, *reply);
    if (c.has_txn && rc == 0 && *reply && (c.cmd->flags & SIM_COUNTS_WRITE))
        sim_session_remember(c.s, c.lsid, c.txn_number, *reply);
    sim_op_release(&c.op);
    if (c.later) { /* it has been done and counted; only its answer waits */
        *reply = NULL;
        return SIM_LATER;
    }
sent:
    sim_fail_release(&c.fail);
    if (*reply)
        conn->m->n.bytes_out += (int64_t)sim_doc_len(*reply) + 21;
    return SIM_ANSWERED;
}
