/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions in the log and in currentOp. */
#include "txn_private.h"

#include <signalbox/base/clock.h>
#include <signalbox/sim/log.h>

static void put_read_concern(struct sim_w *w, const struct sim_txn *t)
{
    sim_w_doc(w, "readConcern");
    if (t->read_concern)
        sim_w_all(w, t->read_concern->bson);
    else
        sim_w_text(w, "level", "local");
    sim_w_text(w, "provenance", t->read_concern ? "clientSupplied" : "implicitDefault");
    sim_w_end(w);
}

static void say(const struct sim_txn *t, const char *thread, const char *component, int id, const char *msg, struct sim_w *w)
{
    const uint8_t *attr = sim_w_done(w);
    if (attr)
        sim_log(t->m, t->m->sim->now, 'I', component, id, thread, msg, attr);
    sim_w_release(w);
}

static void put_locks(struct sim_w *w, const struct sim_txn *t)
{
    static const char *const names[] = {"ReplicationStateTransition", "Global", "Database", "Collection"};
    sim_w_doc(w, "locks");
    for (size_t i = 0; i < SB_COUNT(names); i++) {
        sim_w_doc(w, names[i]);
        sim_w_doc(w, "acquireCount");
        sim_w_i64(w, "w", (int64_t)t->n + 1);
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_end(w);
}

void sim_txn_log_slow(const struct sim_txn *t, const char *cause)
{
    const struct {
        const char *name;
        int64_t v;
    } counts[] = {{"keysExamined", t->keys}, {"docsExamined", t->docs}, {"nMatched", t->nmatched}, {"nModified", t->nmodified}, {"ninserted", t->ninserted},
                  {"ndeleted", t->ndeleted}, {"nUpserted", t->nupserted}, {"keysInserted", t->keys_inserted}, {"keysDeleted", t->keys_deleted}};
    int64_t us = t->m->sim->now - t->started_us, active = t->active_us < us ? t->active_us : us;
    char thread[32];
    struct sim_w w;
    sim_w_init(&w);
    sim_w_doc(&w, "parameters");
    sim_w_copy(&w, "lsid", t->lsid->bson);
    sim_w_i64(&w, "txnNumber", t->number);
    sim_w_bool(&w, "autocommit", false);
    put_read_concern(&w, t);
    sim_w_end(&w);
    sim_w_text(&w, "readTimestamp", "Timestamp(0, 0)");
    for (size_t i = 0; i < SB_COUNT(counts); i++)
        if (counts[i].v)
            sim_w_int(&w, counts[i].name, counts[i].v);
    sim_w_text(&w, "terminationCause", cause);
    sim_w_int(&w, "timeActiveMicros", active);
    sim_w_int(&w, "timeInactiveMicros", us - active);
    sim_w_int(&w, "numYields", 0);
    put_locks(&w, t);
    sim_w_doc(&w, "storage");
    sim_w_end(&w);
    sim_w_bool(&w, "wasPrepared", false);
    sim_w_int(&w, "durationMillis", us / 1000);
    snprintf(thread, sizeof thread, "conn%d", t->conn_id);
    say(t, thread, "TXN", 51802, "transaction", &w);
}

void sim_txn_log_expired(const struct sim_txn *t)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_doc(&w, "sessionId");
    sim_w_val(&w, "uuid", sim_find(t->lsid->bson, "id"));
    sim_w_end(&w);
    sim_w_i64(&w, "txnNumber", t->number);
    say(t, "abortExpiredTransactions", "TXN", 20707, "Aborting transaction because it has been running for longer than 'transactionLifetimeLimitSeconds'", &w);
}

/* ---- currentOp ---- */

static void put_time(struct sim_w *w, const char *key, int64_t us)
{
    char text[SB_TIME_LEN + 1];
    sb_time_format(text, us / 1000);
    text[SB_TIME_LEN - 1] = '\0';
    sim_w_textf(w, key, "%s+00:00", text);
}

static struct sim_doc *current_op(const struct sim *s, const struct sim_txn *t)
{
    int64_t us = s->now - t->started_us, active = t->active_us < us ? t->active_us : us;
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "type", "idleSession");
    sim_w_text(&w, "host", t->m->host);
    sim_w_text(&w, "desc", "inactive transaction");
    sim_w_text(&w, "client", t->remote);
    sim_w_i64(&w, "connectionId", t->conn_id);
    if (t->app[0])
        sim_w_text(&w, "appName", t->app);
    if (t->metadata)
        sim_w_copy(&w, "clientMetadata", t->metadata->bson);
    sim_w_copy(&w, "lsid", t->lsid->bson);
    sim_w_doc(&w, "transaction");
    sim_w_doc(&w, "parameters");
    sim_w_i64(&w, "txnNumber", t->number);
    sim_w_bool(&w, "autocommit", false);
    put_read_concern(&w, t);
    sim_w_end(&w);
    sim_w_ts(&w, "readTimestamp", 0);
    put_time(&w, "startWallClockTime", t->started_us);
    sim_w_i64(&w, "timeOpenMicros", us);
    sim_w_i64(&w, "timeActiveMicros", active);
    sim_w_i64(&w, "timeInactiveMicros", us - active);
    put_time(&w, "expiryTime", t->started_us + sim_txns_life(s) * 1000000);
    sim_w_end(&w);
    sim_w_bool(&w, "waitingForLock", false);
    sim_w_bool(&w, "active", false);
    sim_w_doc(&w, "locks");
    if (t->n) {
        sim_w_text(&w, "ReplicationStateTransition", "w");
        sim_w_text(&w, "Global", "w");
        sim_w_text(&w, "Database", "w");
        sim_w_text(&w, "Collection", "w");
    } else {
        sim_w_text(&w, "Global", "r");
    }
    sim_w_end(&w);
    sim_w_doc(&w, "lockStats");
    sim_w_end(&w);
    sim_w_bool(&w, "waitingForFlowControl", false);
    sim_w_doc(&w, "flowControlStats");
    sim_w_end(&w);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

int sim_txns_current_ops(const struct sim *s, const struct sim_member *m, struct sim_docs *out)
{
    for (const struct sim_txn *t = s->txns->first; t; t = t->next)
        if (t->m == m && sim_docs_add(out, current_op(s, t)))
            return -1;
    return 0;
}
