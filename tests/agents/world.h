/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h - a replica set of three whose every second is made here, for the engine of incidents.h: what a second of it is like, and what its
 * logs say. For the tests of this folder. */
#ifndef SIGNALBOX_TESTS_AGENTS_WORLD_H
#define SIGNALBOX_TESTS_AGENTS_WORLD_H

#include "test.h"

#include <signalbox/agents/incidents.h>
#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define WORLD_UNUSED __attribute__((unused))

#define START INT64_C(1795424400000)
#define MEMBERS 3

/* What a second of the set is like; 0 of a factor is 1. */
struct weather {
    double ops, read_ms, write_ms, examined, errors, conflicts, connections, connecting, others_cpu, iowait;
    double active, idle_transactions, docs_written, cursors, reads, journal_ms, disk, lock_wait_ms, pages_read, expired;
    bool no_writes, no_ops;
    int lagging, frozen, down, unseen; /* members, -1 none; unseen: frozen, and the others know by now */
    int state; /* member 2 is in; 0 as ever */
};
static const struct weather calm = {.lagging = -1, .frozen = -1, .down = -1, .unseen = -1};

struct world {
    struct sb_incidents *in;
    struct sb_vitals v[MEMBERS];
    struct sb_mongolog reader;
    int64_t t;
    uint64_t noise;
    double lag;
    int64_t ahead_ms[MEMBERS]; /* its clock is */
    int primary;
    struct sb_incident got[8];
    size_t n;
};

static WORLD_UNUSED double noise(struct world *w)
{
    w->noise = w->noise * UINT64_C(6364136223846793005) + 1442695040888963407;
    return 0.85 + 0.3 * (double)(w->noise >> 40) / (double)(1 << 24);
}

static WORLD_UNUSED double or_one(double factor)
{
    return factor > 0 ? factor : 1;
}

static WORLD_UNUSED void setup_world(struct world *w)
{
    struct sb_err err = SB_ERR_INIT;
    memset(w, 0, sizeof *w);
    w->in = sb_incidents_new(&err);
    w->t = START;
    w->noise = 7;
    sb_mongolog_init(&w->reader);
    assert_non_null(w->in);
    for (int i = 0; i < MEMBERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "member-%d", i);
        assert_int_equal(sb_incidents_member(w->in, name, &err), i);
        for (int k = 0; k < SB_VITALS_N; k++)
            w->v[i].value[k] = 1000;
        w->v[i].value[SB_VITAL_PID] = 100 + i;
        w->v[i].value[SB_VITAL_BACKUP_CURSOR] = w->v[i].value[SB_VITAL_FLOW_LAGGED] = w->v[i].value[SB_VITAL_QUEUED] = 0;
        w->v[i].value[SB_VITAL_CPUS] = 2;
        w->v[i].value[SB_VITAL_CACHE_MAX] = 256 << 20;
        w->v[i].value[SB_VITAL_CACHE_BYTES] = 200 << 20;
        w->v[i].value[SB_VITAL_CACHE_DIRTY] = 10 << 20;
    }
}

static WORLD_UNUSED void collect(struct world *w)
{
    while (w->n < SB_COUNT(w->got) && sb_incidents_take(w->in, &w->got[w->n]))
        w->n++;
}

static WORLD_UNUSED void teardown_world(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        sb_incident_release(&w->got[i]);
    sb_mongolog_release(&w->reader);
    sb_incidents_free(w->in);
}

static WORLD_UNUSED void add(struct sb_vitals *v, enum sb_vital which, double much)
{
    v->value[which] += (int64_t)(much + 0.5);
}

static WORLD_UNUSED void live(struct world *w, int i, const struct weather *x)
{
    struct sb_vitals *v = &w->v[i];
    bool lead = i == w->primary;
    double ops = x->no_ops || !lead ? 0.3 : or_one(x->ops) * noise(w), reads = 60 * ops * or_one(x->reads), writes = x->no_writes ? 0 : 20 * ops;
    double read_ms = 2 * or_one(x->read_ms) * noise(w), write_ms = 15 * or_one(x->write_ms) * noise(w);
    add(v, SB_VITAL_UPTIME_MS, 1000);
    add(v, SB_VITAL_READ_OPS, reads + 20);
    add(v, SB_VITAL_GETMORES, 20);
    add(v, SB_VITAL_READ_US, (reads + 20) * read_ms * 1000);
    add(v, SB_VITAL_WRITE_OPS, writes);
    add(v, SB_VITAL_WRITE_US, writes * write_ms * 1000);
    add(v, SB_VITAL_COMMAND_OPS, 60);
    add(v, SB_VITAL_COMMAND_US, 60 * 900 * noise(w));
    add(v, SB_VITAL_INSERTS, lead ? writes + x->docs_written : 0);
    add(v, SB_VITAL_TTL_DELETES, lead ? x->expired : 0);
    add(v, SB_VITAL_RETURNED, reads * 5);
    add(v, SB_VITAL_EXAMINED, reads * 5 * or_one(x->examined));
    add(v, SB_VITAL_ASSERTS, lead ? x->errors : 0);
    add(v, SB_VITAL_CONFLICTS, lead ? x->conflicts : 0);
    add(v, SB_VITAL_CONNECTIONS_MADE, 1 + x->connecting);
    add(v, SB_VITAL_CPU_IDLE_MS, 2000 * (1 - 0.4 * noise(w)) * (1 - x->others_cpu) - 2000 * x->iowait * 0.5);
    add(v, SB_VITAL_CPU_IOWAIT_MS, 2000 * x->iowait * 0.5);
    add(v, SB_VITAL_OWN_USER_US, 300000 * noise(w));
    add(v, SB_VITAL_JOURNAL_SYNCS, 10);
    add(v, SB_VITAL_JOURNAL_SYNC_US, 10 * (2 + x->journal_ms) * 1000 * noise(w));
    add(v, SB_VITAL_LOCK_WAIT_US, x->lock_wait_ms * 1000);
    add(v, SB_VITAL_PAGES_READ, 20 + x->pages_read);
    v->disk_busy_ms[0] += (int64_t)(1000 * fmin(0.1 * noise(w) + x->disk, 1));
    v->disks_n = 1;
    v->value[SB_VITAL_CONNECTIONS] = 40 + (int64_t)x->connections;
    v->value[SB_VITAL_CONNECTIONS_ACTIVE] = 12 + (int64_t)x->active;
    v->value[SB_VITAL_TRANSACTIONS_OPEN] = v->value[SB_VITAL_TRANSACTIONS_IDLE] = (int64_t)x->idle_transactions;
    v->value[SB_VITAL_CURSORS] = 5 + (int64_t)x->cursors;
    v->value[SB_VITAL_STATE] = lead ? 1 : 2;
    v->at_ms = w->t + w->ahead_ms[i];
    v->peers_n = MEMBERS;
    for (int p = 0; p < MEMBERS; p++) {
        bool gone = p == x->down || p == x->unseen;
        v->peer[p] = (struct sb_peer){.state = gone ? 8 : p == 2 && x->state ? x->state : p == w->primary ? 1 : 2, .healthy = !gone, .self = p == i, .sync_source = -1,
                                      .applied_ms = w->t - (p == x->lagging ? (int64_t)(w->lag * 1000) : 0)};
    }
}

static WORLD_UNUSED void run(struct world *w, int seconds, const struct weather *x)
{
    struct sb_err err = SB_ERR_INIT;
    for (int s = 0; s < seconds; s++, w->t += 1000) {
        w->lag = x->lagging >= 0 ? w->lag + 1 : 0;
        for (int i = 0; i < MEMBERS; i++) {
            bool out = i == x->frozen || i == x->down || i == x->unseen;
            if (out) {
                add(&w->v[i], SB_VITAL_UPTIME_MS, 1000);
                continue;
            }
            live(w, i, x);
            sb_assert_ok(sb_incidents_sample(w->in, i, &w->v[i], &err), err);
        }
    }
    collect(w);
}

static WORLD_UNUSED void say(struct world *w, int member, const char *id_and_rest)
{
    char line[2048], at[SB_TIME_LEN + 1];
    struct sb_log_line l;
    struct sb_slow_op op;
    struct sb_err err = SB_ERR_INIT;
    sb_time_format(at, w->t);
    int n = snprintf(line, sizeof line, "{\"t\":{\"$date\":\"%s\"},\"s\":\"I\",%s%s}", at, strncmp(id_and_rest, "\"c\"", 3) == 0 ? "" : "\"c\":\"X\",", id_and_rest);
    assert_int_equal(sb_mongolog_line(&w->reader, line, (size_t)n, &l, &op), SB_LOG_GOOD);
    sb_assert_ok(sb_incidents_log(w->in, member, &l, l.slow ? &op : NULL, &err), err);
}

static WORLD_UNUSED void connect_app(struct world *w, const char *app)
{
    char text[512];
    snprintf(text, sizeof text, "\"id\":51800,\"ctx\":\"conn1\",\"msg\":\"client metadata\",\"attr\":{\"remote\":\"1.2.3.4:5\",\"doc\":{\"application\":{\"name\":\"%s\"}}}", app);
    say(w, w->primary, text);
}

static WORLD_UNUSED void slow(struct world *w, const char *ns, const char *app, const char *command, const char *more)
{
    char text[1500];
    snprintf(text, sizeof text, "\"id\":51803,\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"%s\",\"appName\":\"%s\",\"command\":%s,%s}",
             ns, app, command, more);
    say(w, w->primary, text);
}

/* 200 s of calm, the disturbance for a minute, 60 s of calm: exactly one incident, found in time. */
static WORLD_UNUSED const struct sb_incident *one_after(struct world *w, const struct weather *x, int class_)
{
    int64_t began = w->t;
    run(w, 60, x);
    run(w, 60, &calm);
    if (w->n != 1)
        fail_msg("%zu incidents instead of one", w->n);
    const struct sb_incident *got = &w->got[0];
    if (got->class_ != class_)
        fail_msg("class %s instead of %s: %s", sb_name(&sb_anomaly_classes, got->class_), sb_name(&sb_anomaly_classes, class_), got->reason);
    if (got->detected_ms - began > 20000 || got->detected_ms < began)
        fail_msg("found after %" PRId64 " ms", got->detected_ms - began);
    assert_true(got->from_ms >= began - 5000 && got->from_ms <= began + 20000);
    assert_true(got->to_ms > began + 50000 && got->to_ms < began + 80000);
    assert_true(got->title && got->title[0] && got->reason && got->reason[0] && got->causes_n && got->signals_n);
    return got;
}

static WORLD_UNUSED void world_after_calm(struct world *w)
{
    setup_world(w);
    connect_app(w, "shop");
    run(w, 200, &calm);
    assert_int_equal(w->n, 0);
}

#endif
