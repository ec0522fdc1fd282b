/* SPDX-License-Identifier: Apache-2.0 */
#include "build_log.h"

#include <signalbox/sim/log.h>

#include <string.h>

#define COORDINATOR "IndexBuildsCoordinatorMongod-0"

static void put_uuid(struct sim_w *w, const char *key, const uint8_t uuid[16])
{
    sim_w_doc(w, key);
    sim_w_uuid(w, "uuid", uuid);
    sim_w_end(w);
}

/* Ends the attributes and writes the line. conn < 0: the coordinator's thread. */
static void line(struct sim_member *m, const char *component, int id, int conn, const char *msg, struct sim_w *w)
{
    char thread[40];
    const uint8_t *attr = sim_w_done(w);
    snprintf(thread, sizeof thread, "conn%d", conn);
    if (attr)
        sim_log(m, m->sim->now, 'I', component, id, conn < 0 ? COORDINATOR : thread, msg, attr);
    sim_w_release(w);
}

static void begin(struct sim_w *w, const uint8_t build[16])
{
    sim_w_init(w);
    put_uuid(w, "buildUUID", build);
}

void sim_build_log_register(struct sim_member *m, int conn, const uint8_t build[16], const uint8_t coll[16], const char *ns, const uint8_t *names)
{
    struct sim_w w;
    begin(&w, build);
    sim_w_text(&w, "namespace", ns);
    put_uuid(&w, "collectionUUID", coll);
    sim_w_i32(&w, "indexes", (int64_t)sim_count(names));
    sim_w_doc(&w, "firstIndex");
    sim_w_val(&w, "name", sim_find(names, "0"));
    sim_w_end(&w);
    line(m, "INDEX", 20438, conn, "Index build: registering", &w);
}

void sim_build_log_start(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], const char *ns, const uint8_t *specs, uint64_t ts)
{
    struct sim_iter it = sim_iter_of(specs);
    struct sim_elem e;
    struct sim_w w;
    while (sim_next(&it, &e)) {
        begin(&w, build);
        put_uuid(&w, "collectionUUID", coll);
        sim_w_text(&w, "namespace", ns);
        sim_w_copy(&w, "properties", e.v.p);
        sim_w_text(&w, "method", "Hybrid");
        sim_w_i32(&w, "maxTemporaryMemoryUsageMB", 200);
        line(m, "INDEX", 20384, -1, "Index build: starting", &w);
    }
    begin(&w, build);
    put_uuid(&w, "collectionUUID", coll);
    sim_w_text(&w, "namespace", ns);
    sim_w_ts(&w, "initializationTimestamp", ts);
    line(m, "INDEX", 20346, -1, "Index build: initialized", &w);
    begin(&w, build);
    put_uuid(&w, "collectionUUID", coll);
    sim_w_date(&w, "deadline", sim_now_ms(m->sim) + 10000);
    sim_w_i32(&w, "timeoutMillis", 10000);
    sim_w_doc(&w, "lastOpTime");
    sim_w_ts(&w, "ts", ts);
    sim_w_i32(&w, "t", 1);
    sim_w_end(&w);
    line(m, "STORAGE", 4847600, -1, "Index build: waiting for last optime before interceptors to be majority committed", &w);
}

void sim_build_log_waiting(struct sim_member *m, int conn, const uint8_t build[16])
{
    struct sim_w w;
    begin(&w, build);
    sim_w_date(&w, "deadline", INT64_MAX);
    line(m, "INDEX", 20440, conn, "Index build: waiting for index build to complete", &w);
}

void sim_build_log_scanned(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], const char *ns, int64_t records, int64_t us)
{
    struct sim_w w;
    begin(&w, build);
    put_uuid(&w, "collectionUUID", coll);
    sim_w_text(&w, "namespace", ns);
    sim_w_int(&w, "totalRecords", records);
    sim_w_text(&w, "readSource", "kMajorityCommitted");
    sim_w_int(&w, "durationMillis", us / 1000000 * 1000);
    line(m, "INDEX", 20391, -1, "Index build: collection scan done", &w);
}

void sim_build_log_inserted(struct sim_member *m, const uint8_t build[16], const char *ns, const uint8_t *names, int64_t keys, int64_t us)
{
    struct sim_iter it = sim_iter_of(names);
    struct sim_elem e;
    struct sim_w w;
    while (sim_next(&it, &e)) {
        sim_w_init(&w);
        sim_w_text(&w, "namespace", ns);
        sim_w_val(&w, "index", e.v);
        sim_w_int(&w, "keysInserted", keys);
        sim_w_int(&w, "durationMillis", us / 1000000 * 1000);
        line(m, "INDEX", 20685, -1, "Index build: inserted keys from external sorter into index", &w);
    }
    begin(&w, build);
    line(m, "STORAGE", 3856203, -1, "Index build: waiting for next action before completing final phase", &w);
}

void sim_build_log_quorum(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], const uint8_t *quorum, const uint8_t *names)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_doc(&w, "indexBuildEntry");
    sim_w_uuid(&w, "_id", build);
    sim_w_uuid(&w, "collectionUUID", coll);
    sim_w_all(&w, quorum);
    sim_w_copy_array(&w, "indexNames", names);
    sim_w_array(&w, "commitReadyMembers");
    for (int i = 0; i < m->sim->members; i++)
        if (!m->sim->seat[i].arbiter)
            sim_w_text(&w, NULL, m->sim->member[i].name);
    sim_w_end(&w);
    sim_w_end(&w);
    line(m, "STORAGE", 3856201, m->next_conn, "Index build: commit quorum satisfied", &w);
    begin(&w, build);
    sim_w_text(&w, "action", "Commit quorum Satisfied");
    line(m, "STORAGE", 3856204, -1, "Index build: received signal", &w);
}

static void slow_thread(struct sim_member *m, const char *ns, int64_t us, const struct sim_doc *command, int64_t yields)
{
    struct sim_w w;
    if (us < m->slow_ms * 1000)
        return;
    sim_w_init(&w);
    sim_w_text(&w, "type", "none");
    sim_w_text(&w, "ns", ns);
    if (command)
        sim_w_copy(&w, "command", command->bson);
    sim_w_int(&w, "numYields", yields);
    sim_w_doc(&w, "locks");
    sim_w_end(&w);
    sim_w_doc(&w, "flowControl");
    sim_w_i64(&w, "acquireCount", yields + 5);
    sim_w_i64(&w, "timeAcquiringMicros", yields * 2 + 9);
    sim_w_end(&w);
    sim_w_doc(&w, "storage");
    sim_w_end(&w);
    sim_w_int(&w, "durationMillis", us / 1000);
    line(m, "STORAGE", 51803, -1, "Slow query", &w);
}

void sim_build_log_done(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], const char *ns, const uint8_t *names, uint64_t ts,
                        unsigned before, unsigned after, int conn, int64_t us, const struct sim_doc *command, int64_t yields)
{
    struct sim_iter it = sim_iter_of(names);
    struct sim_elem e;
    struct sim_w w;
    if (!m->primary) {
        begin(&w, build);
        sim_w_text(&w, "action", "Oplog commit");
        line(m, "STORAGE", 3856204, -1, "Index build: received signal", &w);
        begin(&w, build);
        sim_w_ts(&w, "commitTimestamp", ts);
        put_uuid(&w, "collectionUUID", coll);
        line(m, "STORAGE", 3856205, -1, "Index build: committing from oplog entry", &w);
    }
    while (sim_next(&it, &e)) {
        begin(&w, build);
        sim_w_text(&w, "namespace", ns);
        sim_w_val(&w, "index", e.v);
        sim_w_ts(&w, "commitTimestamp", ts);
        line(m, "INDEX", 20345, -1, "Index build: done building", &w);
    }
    begin(&w, build);
    put_uuid(&w, "collectionUUID", coll);
    sim_w_text(&w, "namespace", ns);
    sim_w_copy_array(&w, "indexesBuilt", names);
    sim_w_i32(&w, "numIndexesBefore", before);
    sim_w_i32(&w, "numIndexesAfter", after);
    line(m, "STORAGE", 20663, -1, "Index build: completed successfully", &w);
    if (m->primary) {
        begin(&w, build);
        line(m, "INDEX", 20447, conn, "Index build: completed", &w);
    }
    slow_thread(m, ns, us, command, yields);
}

void sim_build_log_stopped(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], int64_t records, int32_t code)
{
    struct sim_w w;
    char buf[32];
    begin(&w, build);
    put_uuid(&w, "collectionUUID", coll);
    sim_w_int(&w, "totalRecords", records);
    sim_w_i32(&w, "durationMillis", 0);
    sim_w_text(&w, "phase", "collection scan");
    sim_w_textf(&w, "collectionScanPosition", "%lld", (long long)records);
    sim_w_text(&w, "readSource", "kMajorityCommitted");
    sim_w_doc(&w, "error");
    sim_w_i32(&w, "code", code);
    sim_w_text(&w, "codeName", sim_code_name(code, buf));
    sim_w_text(&w, "errmsg", "operation was interrupted");
    sim_w_end(&w);
    line(m, "INDEX", 4984704, -1, "Index build: collection scan stopped", &w);
}

void sim_build_log_abort(struct sim_member *m, int conn, const uint8_t build[16], const uint8_t coll[16], const uint8_t *names, int64_t records,
                         bool scanning)
{
    struct sim_w w;
    begin(&w, build);
    put_uuid(&w, "collectionUUID", coll);
    sim_w_val(&w, "firstIndex", sim_find(names, "0"));
    line(m, "STORAGE", 23880, conn, "About to abort index builder", &w);
    begin(&w, build);
    line(m, "STORAGE", 4656010, conn, "Attempting to abort index build", &w);
    begin(&w, build);
    sim_w_text(&w, "error", "dropIndexes command");
    line(m, "STORAGE", 4656003, conn, "Aborting index build", &w);
    if (scanning)
        sim_build_log_stopped(m, build, coll, records, SIM_INDEX_BUILD_ABORTED);
}

void sim_build_log_failed(struct sim_member *m, int conn, const uint8_t build[16], const struct sim_fail *why)
{
    struct sim_w w;
    char buf[32];
    begin(&w, build);
    sim_w_doc(&w, "error");
    sim_w_i32(&w, "code", why->code);
    sim_w_text(&w, "codeName", sim_code_name(why->code, buf));
    sim_w_text(&w, "errmsg", why->msg);
    sim_w_end(&w);
    line(m, "INDEX", 20449, conn, "Index build: failed", &w);
}

void sim_build_log_drop(struct sim_member *m, const char *ns, const uint8_t coll[16], const char *name)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "index", name);
    sim_w_text(&w, "namespace", ns);
    put_uuid(&w, "uuid", coll);
    line(m, "STORAGE", 22206, -1, "Deferring table drop for index", &w);
}

void sim_build_log_cleaned(struct sim_member *m, const uint8_t build[16])
{
    struct sim_w w;
    begin(&w, build);
    line(m, "STORAGE", 465611, -1, "Cleaned up index build after abort. ", &w);
}

void sim_build_log_background(struct sim_member *m, int conn, const uint8_t build[16])
{
    struct sim_w w;
    begin(&w, build);
    line(m, "INDEX", 4760400, conn, "Index build: interrupted, but continuing in background", &w);
}
