/* SPDX-License-Identifier: Apache-2.0
 *
 * serverStatus.metrics: what the engine counts. What it does not know is left out, as a server of another version would. */
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/pipeline.h>

#include "diag.h"
#include "status.h"

#include <string.h>

static void put_commands(struct sim_w *w, const struct sim_member *m)
{
    sim_w_doc(w, "commands");
    sim_w_i64(w, "<UNKNOWN>", m->n.unknown_commands);
    for (size_t i = 0; i < sim_commands_n; i++) {
        if (!sim_command_known(m->sim, &sim_commands[i]))
            continue;
        sim_w_doc(w, sim_commands[i].name);
        if (strcmp(sim_commands[i].name, "update") == 0 || strcmp(sim_commands[i].name, "findAndModify") == 0)
            sim_w_i64(w, "arrayFilters", 0);
        sim_w_i64(w, "failed", m->n.command_failed[i]);
        if (strcmp(sim_commands[i].name, "update") == 0 || strcmp(sim_commands[i].name, "findAndModify") == 0)
            sim_w_i64(w, "pipeline", 0);
        sim_w_i64(w, "total", m->n.command_total[i] + (strcmp(sim_commands[i].name, "getMore") == 0 ? m->n.served_getmores : 0));
        sim_w_end(w);
    }
    sim_w_doc(w, "replSetUpdatePosition"); /* of members that follow this one: when they have written a batch, and when it is durable */
    sim_w_i64(w, "failed", 0);
    sim_w_i64(w, "total", m->n.served_getmores);
    sim_w_end(w);
    sim_w_doc(w, "replSetHeartbeat");
    sim_w_i64(w, "failed", 0);
    sim_w_i64(w, "total", m->n.heartbeats);
    sim_w_end(w);
    sim_w_doc(w, "voteCommitIndexBuild");
    sim_w_i64(w, "failed", 0);
    sim_w_i64(w, "total", m->n.build_votes);
    sim_w_end(w);
    sim_w_end(w);
}

static int64_t followers_of(const struct sim_member *m)
{
    int64_t n = 0;
    for (int i = 0; i < m->sim->members; i++) {
        const struct sim_member *x = &m->sim->member[i];
        n += i != m->id && x->up && !x->hung && !x->primary && x->role.sync == m->id;
    }
    return n;
}

static void put_cursors(struct sim_w *w, const struct sim_member *m)
{
    /* in the order of the alphabet, as the server tells them; index: which count */
    static const struct {
        const char *name;
        int i;
    } life[] = {{"greaterThanOrEqual10Minutes", 6}, {"lessThan10Minutes", 5}, {"lessThan15Seconds", 2}, {"lessThan1Minute", 4},
                {"lessThan1Second", 0}, {"lessThan30Seconds", 3}, {"lessThan5Seconds", 1}};
    int64_t following = followers_of(m); /* each waits with a cursor on the oplog for what comes next */
    sim_w_doc(w, "cursor");
    sim_w_i64(w, "moreThanOneBatch", m->n.cursors_more_than_one_batch);
    sim_w_i64(w, "timedOut", m->n.cursors_timed_out);
    sim_w_i64(w, "totalOpened", m->n.cursors_opened);
    sim_w_doc(w, "lifespan");
    for (size_t i = 0; i < SB_COUNT(life); i++)
        sim_w_i64(w, life[i].name, m->n.cursor_life[life[i].i]);
    sim_w_end(w);
    sim_w_doc(w, "open");
    sim_w_i64(w, "noTimeout", (int64_t)sim_cursors_open(m->sim, m, true));
    sim_w_i64(w, "pinned", following);
    sim_w_i64(w, "total", following + (int64_t)sim_cursors_open(m->sim, m, false));
    sim_w_end(w);
    sim_w_end(w);
}

/* key NULL: into the open document */
static void put_buffer(struct sim_w *w, const char *key, int64_t entries)
{
    if (key)
        sim_w_doc(w, key);
    sim_w_i64(w, "count", entries);
    sim_w_i64(w, "maxSizeBytes", 268435456);
    sim_w_i64(w, "sizeBytes", entries * 300);
    if (key)
        sim_w_end(w);
}

static void put_repl_metrics(struct sim_w *w, const struct sim_member *m)
{
    const struct sim *s = m->sim;
    uint64_t end = s->change_base + s->change_n, waiting = end > m->applied ? end - m->applied : 0;
    sim_w_doc(w, "repl");
    sim_w_doc(w, "apply");
    sim_w_i64(w, "attemptsToBecomeSecondary", 1);
    sim_w_i64(w, "batchSize", m->n.apply_ops);
    sim_w_doc(w, "batches");
    sim_w_i32(w, "num", m->n.apply_batches);
    sim_w_i32(w, "totalMillis", m->n.apply_batch_ms);
    sim_w_end(w);
    sim_w_i64(w, "ops", m->n.apply_ops);
    sim_w_end(w);
    sim_w_doc(w, "buffer");
    if (sim_since(s, 8)) {
        put_buffer(w, "apply", m->primary ? 0 : (int64_t)waiting);
        put_buffer(w, "write", 0);
    }
    put_buffer(w, NULL, m->primary ? 0 : (int64_t)waiting);
    sim_w_end(w);
    sim_w_doc(w, "network");
    sim_w_i64(w, "bytes", m->n.fetch_bytes);
    sim_w_doc(w, "getmores");
    sim_w_i32(w, "num", m->n.fetch_getmores);
    sim_w_i32(w, "totalMillis", m->n.fetch_us / 1000);
    sim_w_i64(w, "numEmptyBatches", m->n.fetch_getmores / 2);
    sim_w_end(w);
    sim_w_doc(w, "oplogGetMoresProcessed");
    sim_w_i32(w, "num", m->n.served_getmores);
    sim_w_i32(w, "totalMillis", m->n.served_us / 1000);
    sim_w_end(w);
    sim_w_i64(w, "ops", m->n.fetch_ops);
    sim_w_i64(w, "readersCreated", !m->primary);
    sim_w_doc(w, "replSetUpdatePosition");
    sim_w_i64(w, "num", m->n.fetch_getmores);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_doc(w, "stateTransition");
    sim_w_text(w, "lastStateTransition", m->role.transition);
    sim_w_i64(w, "userOperationsKilled", m->role.ops_killed);
    sim_w_i64(w, "userOperationsRunning", m->role.ops_running);
    sim_w_end(w);
    sim_w_end(w);
}

static const char *const operators[] = {"$all", "$and", "$elemMatch", "$eq", "$exists", "$expr", "$gt", "$gte", "$in", "$lt", "$lte", "$mod",
                                        "$nor", "$not", "$or", "$regex", "$size", "$type"};

void sim_count_operator(struct sim_member *m, const char *name)
{
    for (size_t i = 0; i < SB_COUNT(operators); i++)
        if (operators[i][1] == name[1] && strcmp(operators[i], name) == 0) /* every find comes this way */
            m->n.match_operator[i]++;
}

static void put_operators(struct sim_w *w, const struct sim_member *m)
{
    sim_w_doc(w, "operatorCounters");
    sim_w_doc(w, "match");
    for (size_t i = 0; i < SB_COUNT(operators); i++)
        sim_w_i64(w, operators[i], m->n.match_operator[i]);
    sim_w_end(w);
    sim_w_end(w);
}

void sim_put_metrics(struct sim_w *w, const struct sim_member *m)
{
    const struct sim_counters *n = &m->n;
    sim_w_doc(w, "metrics");
    sim_w_doc(w, "aggStageCounters");
    for (int i = 0; i < SIM_PIPE_KINDS; i++)
        sim_w_i64(w, sim_pipe_name((enum sim_pipe_kind)i), n->stage[i]);
    sim_w_end(w);
    put_commands(w, m);
    put_cursors(w, m);
    sim_w_doc(w, "document");
    sim_w_i64(w, "deleted", n->deleted);
    sim_w_i64(w, "inserted", n->inserted);
    sim_w_i64(w, "returned", n->returned);
    sim_w_i64(w, "updated", n->updated);
    sim_w_end(w);
    sim_w_doc(w, "getLastError");
    sim_w_doc(w, "wtime");
    sim_w_i32(w, "num", n->wait_num);
    sim_w_i32(w, "totalMillis", n->wait_ms);
    sim_w_end(w);
    sim_w_i64(w, "wtimeouts", 0);
    sim_w_doc(w, "default");
    sim_w_i64(w, "unsatisfiable", 0);
    sim_w_i64(w, "wtimeouts", 0);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_doc(w, "operation");
    if (sim_since(m->sim, 8))
        sim_w_i64(w, "killedDueToMaxTimeMSExpired", n->over_time);
    sim_w_i64(w, "scanAndOrder", n->scan_and_order);
    sim_w_i64(w, "writeConflicts", n->write_conflicts);
    sim_w_end(w);
    put_operators(w, m);
    if (sim_since(m->sim, 7)) {
        sim_w_doc(w, "query");
        sim_w_doc(w, "sort");
        sim_w_i64(w, "spillToDisk", n->sort_spills);
        sim_w_i64(w, "totalKeysSorted", n->sorted_keys);
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_doc(w, "queryExecutor");
    sim_w_i64(w, "scanned", n->keys);
    sim_w_i64(w, "scannedObjects", n->docs);
    sim_w_doc(w, "collectionScans");
    sim_w_i64(w, "nonTailable", n->scans_nontailable);
    sim_w_i64(w, "total", n->scans_total);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_doc(w, "record");
    sim_w_i64(w, "moves", 0);
    sim_w_end(w);
    put_repl_metrics(w, m);
    sim_w_doc(w, "ttl");
    sim_w_i64(w, "deletedDocuments", m->n.ttl_deleted);
    sim_w_i64(w, "passes", m->n.ttl_passes);
    sim_w_end(w);
    sim_w_end(w);
}
