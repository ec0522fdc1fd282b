/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include "ttl.h"

#include <signalbox/sim/apply.h>
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/life.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/repl.h>

#include <string.h>

#define CHECKPOINT_US INT64_C(60000000)
#define NOOP_US INT64_C(10000000)
#define CURSOR_MONITOR_US INT64_C(4000000)

/* ---- collections ---- */

static int make_coll(struct sim *s, struct sim_member *m, const char *ns, const uint8_t uuid[16], int64_t capped)
{
    struct sim_w w;
    struct sim_fail f = SIM_FAIL_INIT;
    sim_w_init(&w);
    if (capped) {
        sim_w_bool(&w, "capped", true);
        sim_w_int(&w, "size", capped);
        if (strcmp(ns, "local.oplog.rs") == 0)
            sim_w_bool(&w, "autoIndexId", false);
    }
    const uint8_t *options = sim_w_done(&w);
    int rc = options && sim_coll_new(&m->cat, ns, uuid, options, s->now, &f) ? 0 : -1;
    sim_w_release(&w);
    return rc;
}

static int insert(struct sim_member *m, const char *ns, struct sim_w *w)
{
    struct sim_coll *c = sim_coll_find(&m->cat, ns);
    struct sim_write_work work = {0};
    struct sim_fail f = SIM_FAIL_INIT;
    const uint8_t *done = sim_w_done(w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    int rc = d && c && sim_coll_insert(c, d, &work, &f) ? 0 : -1;
    sim_doc_unref(d);
    sim_w_release(w);
    return rc;
}

static int startup_log(struct sim *s, struct sim_member *m)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_textf(&w, "_id", "%s-%lld", m->host, (long long)(s->start / 1000));
    sim_w_text(&w, "hostname", m->host);
    sim_w_date(&w, "startTime", s->start / 1000);
    sim_w_i64(&w, "pid", m->pid);
    return insert(m, "local.startup_log", &w);
}

static int version_doc(struct sim *s, struct sim_member *m)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "_id", "featureCompatibilityVersion");
    sim_w_textf(&w, "version", "%d.%d", s->version[0], s->version[1]);
    return insert(m, "admin.system.version", &w);
}

/* {"$project": {ts.., its time and namespace.., applyOpsNs: ..}} */
static void project_entry(struct sim_w *w, bool first)
{
    sim_w_doc(w, NULL);
    sim_w_doc(w, "$project");
    sim_w_text(w, "_id", "$ts");
    sim_w_i32(w, "ns", 1);
    sim_w_i32(w, "ts", 1);
    sim_w_i32(w, "prevOpTime", 1);
    sim_w_i32(w, "preImageOpTime", 1);
    sim_w_i32(w, "postImageOpTime", 1);
    if (first) {
        sim_w_doc(w, "applyOpsNs");
        sim_w_text(w, "$first", "$o.applyOps");
        sim_w_end(w);
    } else {
        sim_w_text(w, "applyOpsNs", "$applyOpsNs.ns");
    }
    sim_w_end(w);
    sim_w_end(w);
}

/* A view of the oplog that a server makes for itself (for the migration of tenants, gone in 8.0): nobody reads it, everybody who lists
 * the collections of local sees it. */
static int oplog_view(struct sim_member *m)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "_id", "local.system.tenantMigration.oplogView");
    sim_w_text(&w, "viewOn", "oplog.rs");
    sim_w_array(&w, "pipeline");
    project_entry(&w, true);
    project_entry(&w, false);
    sim_w_end(&w);
    return insert(m, "local.system.views", &w);
}

static int own_collections(struct sim *s)
{
    static const char *const replicated[] = {"admin.system.version", "admin.system.keys", "config.transactions", "config.system.sessions",
                                             "config.system.indexBuilds"},
                      *const local[] = {"local.system.replset", "local.replset.election", "local.replset.minvalid",
                                        "local.replset.oplogTruncateAfterPoint", "local.system.views"};
    uint8_t uuid[16];
    for (int i = 0; i < s->members; i++) {
        struct sim_member *m = &s->member[i];
        sim_new_uuid(s, uuid);
        if (make_coll(s, m, "local.startup_log", uuid, 10485760))
            return -1;
        for (size_t k = 0; k < SB_COUNT(local); k++) {
            sim_new_uuid(s, uuid);
            if (make_coll(s, m, local[k], uuid, 0))
                return -1;
        }
        sim_new_uuid(s, uuid);
        if (make_coll(s, m, "local.oplog.rs", uuid, s->oplog_bytes) || startup_log(s, m) || (s->version[0] < 8 && oplog_view(m)))
            return -1;
    }
    for (size_t k = 0; k < SB_COUNT(replicated); k++) {
        sim_new_uuid(s, uuid);
        for (int i = 0; i < s->members; i++)
            if (make_coll(s, &s->member[i], replicated[k], uuid, 0))
                return -1;
    }
    for (int i = 0; i < s->members; i++)
        if (version_doc(s, &s->member[i]))
            return -1;
    return 0;
}

/* ---- first lines of the log ---- */

void sim_first_lines(struct sim_member *m)
{
    struct sim *s = m->sim;
    struct sim_w w;
    sim_w_init(&w);
    sim_w_i64(&w, "pid", m->pid);
    sim_w_i32(&w, "port", m->port);
    sim_w_textf(&w, "dbPath", "/simulated/%d", m->id);
    sim_w_text(&w, "architecture", "64-bit");
    sim_w_text_n(&w, "host", m->host, strcspn(m->host, ":"));
    const uint8_t *attr = sim_w_done(&w);
    if (attr)
        sim_log(m, s->now, 'I', "CONTROL", 4615611, "initandlisten", "MongoDB starting", attr);
    sim_w_clear(&w);
    sim_w_doc(&w, "buildInfo");
    sim_w_textf(&w, "version", "%d.%d.%d", s->version[0], s->version[1], s->version[2]);
    sim_w_text(&w, "gitVersion", "nogit");
    sim_w_array(&w, "modules");
    sim_w_end(&w);
    sim_w_text(&w, "allocator", "system");
    sim_w_doc(&w, "environment");
    sim_w_text(&w, "distarch", "x86_64");
    sim_w_text(&w, "target_arch", "x86_64");
    sim_w_end(&w);
    sim_w_end(&w);
    attr = sim_w_done(&w);
    if (attr)
        sim_log(m, s->now, 'I', "CONTROL", 23403, "initandlisten", "Build Info", attr);
    if (!s->accounts)
        sim_log_startup(m, 'W', "CONTROL", 22120,
                        "Access control is not enabled for the database. Read and write access to data and configuration is unrestricted", NULL);
    sim_w_clear(&w);
    sim_w_i32(&w, "port", m->port);
    sim_w_text(&w, "ssl", s->certificate_ends_ms ? "on" : "off");
    attr = sim_w_done(&w);
    if (attr)
        sim_log(m, s->now, 'I', "NETWORK", 23016, "listener", "Waiting for connections", attr);
    sim_w_release(&w);
}

static void first_election(struct sim *s, struct sim_member *m)
{
    struct sim_w w;
    const uint8_t *attr;
    sim_w_init(&w);
    if (m->primary) {
        sim_w_clear(&w);
        sim_w_i32(&w, "term", 1);
        attr = sim_w_done(&w);
        if (attr)
            sim_log(m, s->now, 'I', "ELECTION", 21450, "ReplCoord-0", "Election succeeded, assuming primary role", attr);
    }
    sim_w_clear(&w);
    sim_w_text(&w, "newState", m->primary ? "PRIMARY" : "SECONDARY");
    sim_w_text(&w, "oldState", m->primary ? "SECONDARY" : "RECOVERING");
    attr = sim_w_done(&w);
    if (attr)
        sim_log(m, s->now, 'I', "REPL", 21358, m->primary ? "OplogApplier-0" : "ReplCoord-0", "Replica set state transition", attr);
    sim_w_release(&w);
}

/* ---- housekeeping ---- */

/* Every minute dirty pages go to the disk: the more, the longer it takes. */
static void on_checkpoint(struct sim *s, void *ctx)
{
    struct sim_member *m = ctx;
    struct sim_counters *n = &m->n;
    if (!m->up || m->hung) {
        if (sim_at(s, s->now + CHECKPOINT_US, on_checkpoint, m, NULL))
            sim_store_clean(m, 1);
        return;
    }
    int64_t ms = 4 + (sim_store_write(m, m->dirty_bytes) - s->now) / 1000;
    n->checkpoints++;
    m->dropped_idents = 0;
    n->checkpoint_ms_last = ms;
    n->checkpoint_ms_total += ms;
    n->checkpoint_ms_max = ms > n->checkpoint_ms_max ? ms : n->checkpoint_ms_max;
    n->checkpoint_ms_min = n->checkpoints == 1 || ms < n->checkpoint_ms_min ? ms : n->checkpoint_ms_min;
    n->checkpoint_until_us = s->now + ms * 1000;
    /* A page stays dirty as long as it has versions that a reader of the last five minutes may ask for. */
    sim_store_clean(m, 0.5);
    int64_t next = s->now + CHECKPOINT_US > n->checkpoint_until_us ? s->now + CHECKPOINT_US : n->checkpoint_until_us + CHECKPOINT_US;
    if (sim_at(s, next, on_checkpoint, m, NULL))
        sim_store_clean(m, 1); /* out of memory: no more checkpoints, no dirty pages either */
}

/* An idle primary writes an entry now and then, so that secondaries can tell silence from death. */
static void on_noop(struct sim *s, void *ctx)
{
    (void)ctx;
    if (sim_primary(s) && s->last_wall_ms + NOOP_US / 1000 <= sim_now_ms(s) && sim_log_noop(s, "periodic noop"))
        return;
    if (sim_at(s, s->now + NOOP_US, on_noop, NULL, NULL))
        return;
}

static void on_cursor_monitor(struct sim *s, void *ctx)
{
    (void)ctx;
    sim_cursors_expire(s);
    if (sim_at(s, s->now + CURSOR_MONITOR_US, on_cursor_monitor, NULL, NULL))
        return;
}

int sim_setup_members(struct sim *s)
{
    if (own_collections(s))
        return -1;
    if (sim_log_noop(s, "initiating set") || sim_log_noop(s, "new primary"))
        return -1;
    for (int i = 0; i < s->members; i++) {
        sim_first_lines(&s->member[i]);
        first_election(s, &s->member[i]);
        sim_catch_up(s, &s->member[i], s->last_ts);
        if (sim_at(s, s->now + CHECKPOINT_US + i * 7000000, on_checkpoint, &s->member[i], NULL))
            return -1;
    }
    return sim_at(s, s->now + NOOP_US, on_noop, NULL, NULL) || sim_at(s, s->now + CURSOR_MONITOR_US, on_cursor_monitor, NULL, NULL) ||
                   sim_ttl_begin(s)
               ? -1
               : 0;
}
