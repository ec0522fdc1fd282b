/* SPDX-License-Identifier: Apache-2.0
 *
 * Beginning, going on and ending. Rules and sentences: MongoDB 5.0's transaction participant. */
#include "commands.h"
#include "txn_private.h"

#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/session.h>
#include <signalbox/sim/wait.h>

#include <stdlib.h>
#include <string.h>

/* ---- arguments ---- */

int sim_txn_arguments(struct sim_call *c)
{
    struct sim_val start = sim_arg(c, "startTransaction"), autocommit = sim_arg(c, "autocommit");
    bool ends = strcmp(c->cmd->name, "commitTransaction") == 0 || strcmp(c->cmd->name, "abortTransaction") == 0;
    if (start.type && (start.type != BSON_TYPE_BOOL || !sim_truth(start)))
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Specifying startTransaction=false is not allowed.");
    if (autocommit.type && (autocommit.type != BSON_TYPE_BOOL || sim_truth(autocommit)))
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Specifying autocommit=true is not allowed.");
    if (start.type && !autocommit.type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "'startTransaction' field requires 'autocommit' field to also be specified");
    if (autocommit.type && !sim_arg(c, "txnNumber").type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "'autocommit' field requires a transaction number to also be specified");
    if (!autocommit.type)
        return ends ? sim_fail(&c->fail, 125, "%s must be run within a transaction", c->cmd->name) : 0;
    if (start.type && ends)
        return sim_fail(&c->fail, SIM_NOT_IN_TXN, "Cannot run '%s' as the first operation of a multi-document transaction.", c->cmd->name);
    c->in_txn = true;
    c->starts_txn = start.type != 0;
    return 0;
}

/* In a transaction a command may be one of these, and has no concerns of its own. */
static int check_command(struct sim_call *c)
{
    static const char *const allowed[] = {"abortTransaction", "aggregate", "commitTransaction", "delete", "distinct", "find", "findAndModify",
                                          "getMore", "insert", "killCursors", "update"};
    bool ends = strcmp(c->cmd->name, "commitTransaction") == 0 || strcmp(c->cmd->name, "abortTransaction") == 0;
    size_t i = 0;
    while (i < SB_COUNT(allowed) && strcmp(allowed[i], c->cmd->name) != 0)
        i++;
    if (strcmp(c->cmd->name, "count") == 0)
        return sim_fail(&c->fail, SIM_NOT_IN_TXN, "Cannot run 'count' in a multi-document transaction. Please see "
                                                  "http://dochub.mongodb.org/core/transaction-count for a recommended alternative.");
    if (i == SB_COUNT(allowed))
        return sim_fail(&c->fail, SIM_NOT_IN_TXN, "Cannot run '%s' in a multi-document transaction.", c->cmd->name);
    if (!ends && (strcmp(c->db, "admin") == 0 || strcmp(c->db, "config") == 0 || strcmp(c->db, "local") == 0))
        return sim_fail(&c->fail, SIM_NOT_IN_TXN, "Cannot run command against the '%s' database in a transaction.", c->db);
    if (!sim_is_writable(c->m))
        return sim_fail(&c->fail, SIM_NOT_PRIMARY, "not primary");
    if (!ends && sim_arg(c, "writeConcern").type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "writeConcern is not allowed within a multi-statement transaction");
    if (!c->starts_txn && sim_arg(c, "readConcern").type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Only the first command in a transaction may specify a readConcern");
    struct sim_val level = c->op.read_concern ? sim_find(c->op.read_concern, "level") : sim_missing;
    if (level.type && !sim_text_is(level, "local") && !sim_text_is(level, "majority") && !sim_text_is(level, "snapshot"))
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "The readConcern level must be either 'local' (default), 'majority' or 'snapshot' in order to run in a "
                                                       "transaction");
    return 0;
}

/* ---- the end ---- */

static struct sim_txn *find(const struct sim *s, const uint8_t *lsid, int64_t number)
{
    struct sim_val id = sim_find(lsid, "id");
    for (struct sim_txn *t = s->txns->first; t; t = t->next)
        if (t->number == number && sim_compare(sim_find(t->lsid->bson, "id"), id) == 0)
            return t;
    return NULL;
}

static void end(struct sim *s, struct sim_txn *t, enum sim_turn_state state)
{
    struct sim_counters *n = &t->m->n;
    struct sim_turn *turn = sim_session_turn(s, t->lsid->bson);
    for (struct sim_txn **at = &s->txns->first; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    if (turn && turn->number == t->number) {
        turn->state = state;
        turn->ts = s->last_ts;
    }
    bool committed = state == SIM_TURN_COMMITTED;
    n->txn_committed += committed;
    n->txn_aborted += !committed;
    n->txn_latency.count++;
    n->txn_latency.us += s->now - t->started_us;
    if (s->now - t->started_us >= t->m->slow_ms * 1000)
        sim_txn_log_slow(t, committed ? "committed" : "aborted");
    sim_cursors_close_txn(s, t->serial);
    sim_txn_free(t);
    sim_transaction_over(s);
}

void sim_txn_abort_session(struct sim *s, const uint8_t *lsid)
{
    struct sim_val id = sim_find(lsid, "id");
    for (struct sim_txn *t = s->txns->first, *next; t; t = next) {
        next = t->next;
        if (sim_compare(sim_find(t->lsid->bson, "id"), id) == 0)
            end(s, t, SIM_TURN_ABORTED);
    }
}

void sim_txns_abort_member(struct sim_member *m)
{
    for (struct sim_txn *t = m->sim->txns->first, *next; t; t = next) {
        next = t->next;
        if (t->m == m)
            end(m->sim, t, SIM_TURN_ABORTED);
    }
}

/* As the server does: every half of the limit, a second at least and a minute at most. */
static void on_sweep(struct sim *s, void *ctx)
{
    int64_t life = sim_txns_life(s), period = life / 2 < 1 ? 1 : life / 2 > 60 ? 60 : life / 2;
    (void)ctx;
    for (struct sim_txn *t = s->txns->first, *next; t; t = next) {
        next = t->next;
        if (s->now - t->started_us < life * 1000000 || t->m->hung)
            continue;
        sim_txn_log_expired(t);
        end(s, t, SIM_TURN_ABORTED);
    }
    if (sim_at(s, s->now + period * 1000000, on_sweep, NULL, NULL))
        return; /* out of memory: they live on */
}

int sim_txns_begin(struct sim *s)
{
    return sim_at(s, s->now + sim_txns_life(s) / 2 * 1000000, on_sweep, NULL, NULL);
}

/* ---- the beginning ---- */

/* SHA-256 of the empty name: there are no users. */
static const uint8_t no_user[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};

static struct sim_doc *whole_lsid(const uint8_t *lsid)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_val(&w, "id", sim_find(lsid, "id"));
    sim_w_binary(&w, "uid", BSON_SUBTYPE_BINARY, no_user, sizeof no_user);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

static int start(struct sim_call *c, struct sim_turn *turn)
{
    struct sim_txn *t = calloc(1, sizeof *t);
    if (!t || !(t->lsid = whole_lsid(c->lsid)) || (c->op.read_concern && !(t->read_concern = sim_doc_new(c->op.read_concern)))) {
        if (t)
            sim_txn_free(t);
        return sim_fail_nomem(&c->fail);
    }
    *turn = (struct sim_turn){.number = c->txn_number, .state = SIM_TURN_OPEN};
    t->serial = ++c->s->txns->serials;
    t->number = c->txn_number;
    t->m = c->m;
    t->position = sim_stream_end(c->s);
    t->started_us = c->s->now;
    t->next = c->s->txns->first;
    c->s->txns->first = t;
    c->m->n.txn_started++;
    c->txn = t;
    return 0;
}

/* Finds or makes the transaction of the command. A commit of what is committed already has none, and c->txn stays NULL. */
static int take_part(struct sim_call *c)
{
    long long number = (long long)c->txn_number;
    struct sim_turn *turn = sim_session_turn(c->s, c->lsid);
    if (!turn)
        return sim_fail(&c->fail, SIM_FAILED_TO_PARSE, "the id of a session is a UUID");
    if (c->txn_number < turn->number)
        return sim_fail(&c->fail, SIM_TXN_TOO_OLD, "Cannot start transaction %lld on session because a newer %s with txnNumber %lld has already started on "
                        "this session.", number, turn->state == SIM_TURN_WRITE ? "retryable write" : "transaction", (long long)turn->number);
    if (c->starts_txn) {
        if (c->txn_number == turn->number)
            return sim_fail(&c->fail, 50911, "Cannot start a transaction at given transaction number %lld a transaction with the same number is in state %s",
                            number, turn->state == SIM_TURN_OPEN ? "TxnState::InProgress" : "TxnState::Ended");
        if (turn->state == SIM_TURN_OPEN) {
            sim_txn_abort_session(c->s, c->lsid);
            turn = sim_session_turn(c->s, c->lsid);
        }
        return turn ? start(c, turn) : sim_fail_nomem(&c->fail);
    }
    if (c->txn_number > turn->number || turn->state == SIM_TURN_WRITE)
        return sim_fail(&c->fail, SIM_NO_SUCH_TXN, "Given transaction number %lld does not match any in-progress transactions. The active transaction number "
                        "is %lld", number, turn->number == INT64_MIN ? -1 : (long long)turn->number);
    if (turn->state == SIM_TURN_COMMITTED)
        return strcmp(c->cmd->name, "commitTransaction") == 0 ? 0 : sim_fail(&c->fail, SIM_TXN_COMMITTED, "Transaction %lld has been committed.", number);
    c->txn = turn->state == SIM_TURN_OPEN ? find(c->s, c->lsid, c->txn_number) : NULL;
    return c->txn ? 0 : sim_fail(&c->fail, SIM_NO_SUCH_TXN, "Transaction %lld has been aborted.", number);
}

/* ---- one command ---- */

static struct sim_coll *coll_of(const struct sim_call *c)
{
    char ns[400];
    struct sim_iter it = sim_iter_of(c->body);
    struct sim_elem first;
    struct sim_val name = sim_next(&it, &first) ? first.v : sim_missing;
    if (name.type == BSON_TYPE_INT64)
        name = sim_arg(c, "collection");
    if (!sim_is_text(name.type))
        return NULL;
    snprintf(ns, sizeof ns, "%s.%s", c->db, sim_text(name));
    return sim_coll_find(&c->m->cat, ns);
}

/* The history that the snapshot needs must be there, and must not have changed the collection as a whole. */
static int check_snapshot(struct sim_call *c, const struct sim_coll *coll)
{
    if (c->txn->position < c->s->change_base)
        return sim_fail(&c->fail, SIM_SNAPSHOT_TOO_OLD, "Unable to read from a snapshot: its history is not kept any more");
    for (uint64_t at = c->txn->position; coll && at < sim_stream_end(c->s); at++) {
        const struct sim_change *ch = sim_change_at(c->s, at);
        if (ch->kind == SIM_CHANGE_COMMAND && memcmp(ch->uuid, coll->uuid, 16) == 0 && !sim_path(ch->entry->bson, "o.create").type)
            return sim_fail(&c->fail, SIM_SNAPSHOT_UNAVAILABLE, "Unable to read from a snapshot due to pending collection catalog changes; please retry the "
                                                                "operation.");
    }
    return 0;
}

static void remember_user(struct sim_txn *t, const struct sim_conn *conn)
{
    t->conn_id = conn->id;
    memcpy(t->remote, conn->remote, sizeof t->remote);
    memcpy(t->app, conn->app, sizeof t->app);
    sim_doc_unref(t->metadata);
    t->metadata = conn->metadata ? sim_doc_ref(conn->metadata) : NULL;
}

static void add(int64_t *sum, int64_t v)
{
    *sum += v > 0 ? v : 0;
}

static void count(struct sim_txn *t, const struct sim_op *op)
{
    add(&t->ninserted, op->ninserted);
    add(&t->ndeleted, op->ndeleted);
    add(&t->nmatched, op->nmatched);
    add(&t->nmodified, op->nmodified);
    add(&t->nupserted, op->nupserted);
    add(&t->keys_inserted, op->keys_inserted);
    add(&t->keys_deleted, op->keys_deleted);
    add(&t->keys, op->keys);
    add(&t->docs, op->docs);
}

int sim_txn_run(struct sim_call *c)
{
    bool ends = strcmp(c->cmd->name, "commitTransaction") == 0 || strcmp(c->cmd->name, "abortTransaction") == 0;
    if (check_command(c) || take_part(c))
        return -1;
    c->op.in_txn = true;
    if (c->txn)
        remember_user(c->txn, c->conn);
    if (ends)
        return c->cmd->run(c);
    struct sim_coll *coll = coll_of(c);
    int rc = check_snapshot(c, coll);
    if (rc == 0)
        rc = sim_txn_enter(c->s, c->txn, &c->fail);
    if (rc == 0) {
        rc = c->cmd->run(c);
        sim_txn_leave(c->txn);
    }
    if (rc == 0 && (coll || (coll = coll_of(c))))
        sim_txn_use(c->txn, coll->uuid);
    count(c->txn, &c->op);
    sim_op_time(&c->op);
    c->txn->active_us += c->op.latency_us;
    if (rc || c->write_errors)
        end(c->s, c->txn, SIM_TURN_ABORTED);
    c->txn = NULL;
    return rc;
}

int sim_cmd_commit_transaction(struct sim_call *c)
{
    struct sim_txn *t = c->txn;
    struct sim_counters *n = &c->m->n;
    int64_t bytes = 0;
    c->txn = NULL;
    if (!t)
        return 0; /* it is already; the concern may be a new one */
    if (sim_txn_write_all(c->s, t, &bytes, &c->fail)) {
        end(c->s, t, SIM_TURN_ABORTED);
        return -1;
    }
    n->last_txn_ops = (int64_t)t->n;
    n->last_txn_bytes = bytes;
    n->last_txn_w = c->w_majority ? 0 : c->w_needs;
    n->last_txn_own_concern = c->wc.type != 0;
    n->last_txn_wtimeout = c->wc.type ? sim_int(sim_find(c->wc.p, "wtimeout"), 0) : 0;
    c->op.work.docs_written = (int64_t)t->n;
    c->op.work.bytes_written = bytes;
    end(c->s, t, SIM_TURN_COMMITTED);
    return 0;
}

int sim_cmd_abort_transaction(struct sim_call *c)
{
    end(c->s, c->txn, SIM_TURN_ABORTED);
    c->txn = NULL;
    return 0;
}
