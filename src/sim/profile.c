/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/hash.h>
#include <signalbox/sim/apply.h>
#include <signalbox/sim/profile.h>

#include <string.h>

#define MAX_COMMAND_BYTES 10240 /* a longer command is told by its name only */

static void put_lock(struct sim_w *w, const char *name, int64_t r, int64_t writes)
{
    if (!r && !writes)
        return;
    sim_w_doc(w, name);
    sim_w_doc(w, "acquireCount");
    if (r)
        sim_w_i64(w, "r", r);
    if (writes)
        sim_w_i64(w, "w", writes);
    sim_w_end(w);
    sim_w_end(w);
}

static void put_collection_lock(struct sim_w *w, const struct sim_op *op, int64_t writes)
{
    sim_w_doc(w, "Collection");
    sim_w_doc(w, "acquireCount");
    sim_w_i64(w, "w", writes);
    sim_w_end(w);
    if (op->lock_us) {
        sim_w_doc(w, "acquireWaitCount");
        sim_w_i64(w, "w", 1);
        sim_w_end(w);
        sim_w_doc(w, "timeAcquiringMicros");
        sim_w_i64(w, "w", op->lock_us);
        sim_w_end(w);
    }
    sim_w_end(w);
}

/* late: the profiler has by then taken a lock more than the log line knows of. */
static void put_locks(struct sim_w *w, const struct sim_op *op, bool late)
{
    int64_t yields = op->works / 1000, more = late;
    sim_w_doc(w, "locks");
    if (op->in_txn) {
        /* they are its transaction's */
    } else if (op->counts_write) {
        int64_t n = yields + (op->is_statement && !op->work.docs_written ? 1 : 2);
        put_lock(w, "ParallelBatchWriterMode", n, 0);
        put_lock(w, "ReplicationStateTransition", 0, n + 1 + more);
        put_lock(w, "Global", more, n);
        put_lock(w, "Database", 0, n);
        put_collection_lock(w, op, n);
        put_lock(w, "Mutex", op->work.docs_written ? 2 : 1, 0);
    } else if (op->in_top) {
        if (late)
            put_lock(w, "ReplicationStateTransition", 0, 1);
        put_lock(w, "Global", yields + 1 + more, 0);
        put_lock(w, "Mutex", 1, 0);
    }
    sim_w_end(w);
    if ((!op->counts_write || op->in_txn) && !late)
        return;
    sim_w_doc(w, "flowControl");
    if (op->counts_write && !op->in_txn) {
        sim_w_i64(w, "acquireCount", yields + 1);
        if (op->flow_us)
            sim_w_i64(w, "acquireWaitCount", 1);
        sim_w_i64(w, "timeAcquiringMicros", 1 + (yields + 1) * 2 + op->flow_us);
    }
    sim_w_end(w);
}

static void put_concern(struct sim_w *w, const char *name, const uint8_t *given, bool read)
{
    sim_w_doc(w, name);
    if (given) {
        sim_w_all(w, given);
    } else if (read) {
        sim_w_text(w, "level", "local");
    } else {
        sim_w_text(w, "w", "majority");
        sim_w_i32(w, "wtimeout", 0);
    }
    sim_w_text(w, "provenance", given ? "clientSupplied" : "implicitDefault");
    sim_w_end(w);
}

static void put_command(struct sim_w *w, const char *name, const struct sim_doc *d)
{
    if (!d)
        return;
    if (sim_doc_len(d->bson) <= MAX_COMMAND_BYTES) {
        sim_w_copy(w, name, d->bson);
        return;
    }
    struct sim_iter it = sim_iter_of(d->bson);
    struct sim_elem e;
    sim_w_doc(w, name);
    sim_w_text(w, "$truncated", sim_next(&it, &e) ? e.key : "");
    sim_w_end(w);
}

/* Log lines keep the cursor behind the plan, the profile in front of the counts: both come before keysExamined. */
static void put_counts(struct sim_w *w, const struct sim_op *op)
{
    if (op->has_plan && !op->error) {
        sim_w_int(w, "keysExamined", op->keys);
        sim_w_int(w, "docsExamined", op->docs);
    }
    if (op->has_sort && !op->error)
        sim_w_bool(w, "hasSortStage", true);
    if (op->used_disk)
        sim_w_bool(w, "usedDisk", true);
    if (op->from_multi)
        sim_w_bool(w, "fromMultiPlanner", true);
    if (op->replanned) {
        sim_w_bool(w, "replanned", true);
        sim_w_text(w, "replanReason", op->replan_reason);
    }
    const struct {
        const char *name;
        int64_t v;
    } counts[] = {{"nMatched", op->nmatched}, {"nModified", op->nmodified}, {"ninserted", op->ninserted}, {"ndeleted", op->ndeleted},
                  {"nUpserted", op->nupserted}};
    for (size_t i = 0; i < SB_COUNT(counts); i++)
        if (counts[i].v >= 0)
            sim_w_int(w, counts[i].name, counts[i].v);
    if (op->exhausted)
        sim_w_bool(w, "cursorExhausted", true);
    if (op->keys_inserted > 0)
        sim_w_int(w, "keysInserted", op->keys_inserted);
    if (op->keys_deleted > 0)
        sim_w_int(w, "keysDeleted", op->keys_deleted);
    if (op->conflicts > 0)
        sim_w_int(w, "writeConflicts", op->conflicts);
}

/* A shape of its own over all parts of the query; here it says as much as the plan cache's. */
static void put_shape_hash(struct sim_w *w, uint32_t hash)
{
    uint64_t part[4] = {SB_FNV_START};
    for (int i = 0; i < 4; i++)
        part[i] = sb_fnv1a(i ? part[i - 1] : SB_FNV_START, &hash, sizeof hash);
    sim_w_textf(w, "queryShapeHash", "%016llX%016llX%016llX%016llX", (unsigned long long)part[0], (unsigned long long)part[1],
                (unsigned long long)part[2], (unsigned long long)part[3]);
}

static void put_hashes(struct sim_w *w, const struct sim_op *op)
{
    const struct sim *s = op->m->sim;
    if (!op->has_hash)
        return;
    if (sim_since(s, 8))
        put_shape_hash(w, op->query_hash);
    sim_w_textf(w, sim_since(s, 8) ? "planCacheShapeHash" : "queryHash", "%08X", op->query_hash);
    sim_w_textf(w, "planCacheKey", "%08X", op->plan_cache_key);
    if (sim_since(s, 7))
        sim_w_text(w, "queryFramework", "classic");
}

/* Of the time that a command takes before it reads its first key, planning is about a half. */
static void put_planning(struct sim_w *w, const struct sim_op *op)
{
    if (sim_since(op->m->sim, 7) && op->has_plan)
        sim_w_i64(w, "planningTimeMicros", (int64_t)(op->m->sim->costs.command_us * (op->from_multi ? 4 : 0.5)));
}

static void put_cpu(struct sim_w *w, const struct sim_op *op)
{
    if (sim_since(op->m->sim, 7))
        sim_w_i64(w, "cpuNanos", op->cpu_us * 1000);
}

/* Waits for tickets; the work without them. */
static void put_queues(struct sim_w *w, const struct sim_op *op)
{
    if (!sim_since(op->m->sim, 8))
        return;
    sim_w_doc(w, "queues");
    sim_w_doc(w, "execution");
    sim_w_i64(w, "admissions", 1);
    if (op->ticket_us)
        sim_w_i64(w, "totalTimeQueuedMicros", op->ticket_us);
    sim_w_end(w);
    sim_w_doc(w, "ingress");
    sim_w_i64(w, "admissions", 1);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_int(w, "workingMillis", sim_op_working(op) / 1000);
}

static void put_error(struct sim_w *w, const struct sim_op *op)
{
    char buf[32];
    if (!op->error)
        return;
    sim_w_f64(w, "ok", 0);
    sim_w_text(w, "errMsg", op->error_msg);
    if (op->error > 0) {
        sim_w_text(w, "errName", sim_code_name(op->error, buf));
        sim_w_i32(w, "errCode", op->error);
    }
}

static void put_storage(struct sim_w *w, const struct sim_op *op)
{
    sim_w_doc(w, "storage");
    if (op->read_us) {
        sim_w_doc(w, "data");
        sim_w_i64(w, "bytesRead", op->read_bytes);
        sim_w_i64(w, "timeReadingMicros", op->read_us);
        sim_w_end(w);
    }
    if (op->evict_us) {
        sim_w_doc(w, "timeWaitingMicros");
        sim_w_i64(w, "cache", op->evict_us);
        sim_w_end(w);
    }
    sim_w_end(w);
}

static void put_concerns(struct sim_w *w, const struct sim_op *op)
{
    if (op->has_read_concern)
        put_concern(w, "readConcern", op->read_concern, true);
    if (op->has_write_concern && !op->is_statement && (!op->in_txn || !op->in_top))
        put_concern(w, "writeConcern", op->write_concern, false);
    put_storage(w, op);
}

struct sim_doc *sim_profile_attr(const struct sim_op *op)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "type", op->is_statement ? op->type : "command");
    sim_w_text(&w, "ns", op->ns);
    if (sim_since(op->m->sim, 8)) {
        sim_w_text(&w, "collectionType", op->in_top ? "normal" : "none");
        sim_w_bool(&w, "isFromUserConnection", true);
    }
    if (op->conn->app[0])
        sim_w_text(&w, "appName", op->conn->app);
    put_command(&w, "command", op->command);
    put_command(&w, "originatingCommand", op->originating);
    if (op->plan.len)
        sim_w_text_n(&w, "planSummary", op->plan.p, op->plan.len);
    put_planning(&w, op);
    if (op->cursor_id)
        sim_w_i64(&w, "cursorid", op->cursor_id);
    put_counts(&w, op);
    sim_w_int(&w, "numYields", op->works / 1000);
    if (op->nreturned >= 0 && !op->error)
        sim_w_int(&w, "nreturned", op->nreturned);
    put_hashes(&w, op);
    put_error(&w, op);
    if (!op->is_statement)
        sim_w_int(&w, "reslen", op->reslen);
    put_locks(&w, op, false);
    put_concerns(&w, op);
    put_cpu(&w, op);
    sim_w_text(&w, "remote", op->conn->remote);
    if (!op->is_statement)
        sim_w_text(&w, "protocol", "op_msg");
    put_queues(&w, op);
    sim_w_int(&w, "durationMillis", op->latency_us / 1000);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

struct sim_doc *sim_profile_doc(const struct sim_op *op)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "op", op->type);
    sim_w_text(&w, "ns", op->ns);
    put_command(&w, "command", op->command);
    put_command(&w, "originatingCommand", op->originating);
    if (op->cursor_id)
        sim_w_i64(&w, "cursorid", op->cursor_id);
    put_counts(&w, op);
    sim_w_int(&w, "numYield", op->works / 1000);
    if (op->nreturned >= 0 && !op->error)
        sim_w_int(&w, "nreturned", op->nreturned);
    put_hashes(&w, op);
    put_locks(&w, op, true);
    put_concerns(&w, op);
    put_error(&w, op);
    put_planning(&w, op);
    put_cpu(&w, op);
    if (!op->is_statement) {
        sim_w_int(&w, "responseLength", op->reslen);
        sim_w_text(&w, "protocol", "op_msg");
    }
    sim_w_int(&w, "millis", op->latency_us / 1000);
    if (op->plan.len)
        sim_w_text_n(&w, "planSummary", op->plan.p, op->plan.len);
    if (op->exec_stats && !op->error && !op->pipeline)
        sim_w_copy(&w, "execStats", op->exec_stats->bson);
    sim_w_date(&w, "ts", sim_op_end(op) / 1000);
    sim_w_text_n(&w, "client", op->conn->remote, strcspn(op->conn->remote, ":"));
    if (op->conn->app[0])
        sim_w_text(&w, "appName", op->conn->app);
    sim_w_array(&w, "allUsers");
    sim_w_end(&w);
    sim_w_text(&w, "user", "");
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

int sim_profile_create(struct sim_member *m, const char *db, struct sim_fail *f)
{
    char ns[200];
    struct sim_w w;
    uint8_t uuid[16];
    snprintf(ns, sizeof ns, "%s.system.profile", db);
    if (sim_coll_find(&m->cat, ns))
        return 0;
    sim_w_init(&w);
    sim_w_text(&w, "create", "system.profile");
    sim_w_bool(&w, "capped", true);
    sim_w_i32(&w, "size", SIM_PROFILE_BYTES);
    const uint8_t *o = sim_w_done(&w);
    sim_new_uuid(m->sim, uuid);
    int rc = o ? sim_apply_command(m->sim, m, db, uuid, o, f) : sim_fail_nomem(f);
    sim_w_release(&w);
    return rc;
}

void sim_profile_store(struct sim_member *m, const char *ns, struct sim_doc *doc)
{
    char db[128], profile[160];
    struct sim_fail f = SIM_FAIL_INIT;
    struct sim_write_work work = {0};
    snprintf(db, sizeof db, "%.*s", (int)strcspn(ns, "."), ns);
    snprintf(profile, sizeof profile, "%s.system.profile", db);
    if (sim_profile_create(m, db, &f) == 0)
        sim_coll_insert(sim_coll_find(&m->cat, profile), doc, &work, &f);
    sim_fail_release(&f);
}
