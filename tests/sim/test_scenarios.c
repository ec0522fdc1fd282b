/* SPDX-License-Identifier: Apache-2.0
 *
 * Every scenario in virtual time: the metrics that it is about move as they must, from a calm stretch before to a stretch in
 * it, and the others stay within a band. A broken scenario tells all its problems with their lines. */
#include "scenes.h"

#include <signalbox/sim/role.h>

#include <glob.h>
#include <stdlib.h>

/* ---- what is measured ---- */

enum how {
    RATE,  /* of a counter: how many times what it was; when it was nothing, how many a second */
    MEAN,  /* latency for each operation, of opLatencies.PATH: how many times */
    GAUGE, /* at the end of the stretch */
    GREW   /* a gauge: at the end of the stretch against the end of the calm one */
};

struct expectation {
    const char *scenario;
    double calm_from, calm_to, from, to; /* seconds; the same as before when to is 0 */
    enum how how;
    const char *path;
    double least, most;
};

#define READS "reads"
#define WRITES "writes"
#define CACHE "wiredTiger.cache."

static const struct expectation expectations[] = {
    {"calm", 60, 360, 360, 660, RATE, "opcounters.query", 0.9, 1.1},
    {"calm", 0, 0, 0, 0, MEAN, READS, 0.9, 1.1},
    {"calm", 0, 0, 0, 0, MEAN, WRITES, 0.9, 1.1},
    {"calm", 0, 0, 0, 0, RATE, "metrics.queryExecutor.collectionScans.total", 0, 0},
    {"calm", 0, 0, 0, 0, RATE, CACHE "pages read into cache", 0, 0},
    {"calm", 0, 0, 0, 0, RATE, "metrics.operation.writeConflicts", 0, 0},
    {"calm", 0, 0, 0, 0, RATE, "asserts.user", 0, 0},
    {"calm", 0, 0, 0, 0, GAUGE, "globalLock.currentQueue.total", 0, 0},

    {"slow-orders", 60, 230, 250, 350, RATE, "metrics.queryExecutor.collectionScans.total", 3, 5},
    {"slow-orders", 0, 0, 0, 0, MEAN, READS, 30, 1000},
    {"slow-orders", 0, 0, 0, 0, RATE, "metrics.operation.scanAndOrder", 3, 5},
    {"slow-orders", 0, 0, 0, 0, RATE, "opcounters.query", 1.0, 1.2},
    {"slow-orders", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},
    {"slow-orders", 0, 0, 0, 0, RATE, "asserts.user", 0, 0},

    {"surge", 60, 230, 250, 420, RATE, "opcounters.query", 2.6, 3.4},
    {"surge", 0, 0, 0, 0, RATE, "opcounters.update", 2.5, 3.5},
    {"surge", 0, 0, 0, 0, MEAN, READS, 0.8, 1.3},
    {"surge", 0, 0, 0, 0, RATE, "metrics.queryExecutor.collectionScans.total", 0, 0},

    {"dropped-index", 60, 230, 250, 350, RATE, "metrics.queryExecutor.collectionScans.total", 3, 5},
    {"dropped-index", 0, 0, 0, 0, MEAN, READS, 30, 1000},
    {"dropped-index", 0, 0, 0, 0, RATE, "metrics.operation.scanAndOrder", 3, 5},
    {"dropped-index", 0, 0, 0, 0, RATE, "opcounters.query", 0.9, 1.1},
    {"dropped-index", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},

    {"plan-flip", 60, 230, 340, 420, MEAN, READS, 10, 500}, /* the import is over by then */
    {"plan-flip", 0, 0, 0, 0, RATE, "metrics.queryExecutor.scannedObjects", 10, 500},
    {"plan-flip", 0, 0, 0, 0, RATE, "opcounters.query", 0.9, 1.1},
    {"plan-flip", 0, 0, 0, 0, RATE, "metrics.queryExecutor.collectionScans.total", 0, 0},
    {"plan-flip", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},

    {"connection-storm", 60, 230, 245, 295, RATE, "connections.totalCreated", 40, 80},
    {"connection-storm", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},
    {"connection-storm", 60, 230, 305, 530, GAUGE, "connections.current", 515, 515},
    {"connection-storm", 0, 0, 0, 0, GAUGE, "connections.available", 0, 0},
    {"connection-storm", 0, 0, 0, 0, GREW, "mem.resident", 1.5, 4},
    {"connection-storm", 0, 0, 0, 0, RATE, "opcounters.update", 0.9, 1.1},

    {"cache-pressure", 60, 230, 270, 470, RATE, CACHE "pages read into cache", 20, 2000},
    {"cache-pressure", 0, 0, 0, 0, RATE, CACHE "unmodified pages evicted", 20, 1e9},
    {"cache-pressure", 0, 0, 0, 0, MEAN, READS, 5, 1000},
    {"cache-pressure", 0, 0, 0, 0, RATE, "opcounters.query", 0.9, 1.1},
    {"cache-pressure", 0, 0, 0, 0, RATE, "opcounters.update", 0.9, 1.1},
    {"cache-pressure", 0, 0, 0, 0, RATE, "asserts.user", 0, 0},

    {"lock-contention", 60, 230, 245, 265, GAUGE, "globalLock.currentQueue.writers", 20, 60},
    {"lock-contention", 0, 0, 0, 0, GAUGE, "globalLock.currentQueue.readers", 0, 0},
    {"lock-contention", 0, 0, 0, 0, MEAN, WRITES, 50, 1e6},
    {"lock-contention", 0, 0, 0, 0, MEAN, READS, 0.8, 1.2},
    {"lock-contention", 60, 230, 290, 470, GAUGE, "globalLock.currentQueue.total", 0, 0}, /* over again */
    {"lock-contention", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},

    {"write-conflicts", 60, 230, 250, 420, RATE, "metrics.operation.writeConflicts", 5, 300},
    {"write-conflicts", 0, 0, 0, 0, RATE, "wiredTiger.transaction.update conflicts", 5, 300},
    {"write-conflicts", 0, 0, 0, 0, RATE, "opcounters.query", 0.9, 1.1},
    {"write-conflicts", 0, 0, 0, 0, MEAN, READS, 0.8, 1.3},

    {"error-burst", 60, 230, 250, 420, RATE, "asserts.user", 18, 32},
    {"error-burst", 0, 0, 0, 0, RATE, "opcounters.query", 0.9, 1.1},
    {"error-burst", 0, 0, 0, 0, MEAN, READS, 0.9, 1.1},
    {"error-burst", 0, 0, 0, 0, RATE, "metrics.document.inserted", 0.8, 1.3},

    {"long-transaction", 60, 230, 300, 600, GAUGE, "transactions.currentInactive", 1, 1},
    {"long-transaction", 0, 0, 0, 0, GREW, CACHE "tracked dirty bytes in the cache", 3, 1000},
    {"long-transaction", 0, 0, 0, 0, RATE, CACHE "pages evicted by application threads", 1, 1e6},
    {"long-transaction", 0, 0, 0, 0, MEAN, WRITES, 1.05, 10},
    {"long-transaction", 0, 0, 0, 0, MEAN, READS, 0.8, 1.3},
    {"long-transaction", 0, 0, 0, 0, RATE, "opcounters.update", 0.9, 1.1},
    {"long-transaction", 60, 230, 900, 1000, GAUGE, "transactions.currentOpen", 0, 0},
    {"long-transaction", 0, 0, 0, 0, GREW, CACHE "tracked dirty bytes in the cache", 0.2, 3},

    {"backup-running", 60, 230, 250, 420, RATE, "network.bytesOut", 50, 1e4},
    {"backup-running", 0, 0, 0, 0, RATE, CACHE "pages read into cache", 20, 2000},
    {"backup-running", 0, 0, 0, 0, RATE, "metrics.document.returned", 50, 1e5},
    {"backup-running", 0, 0, 0, 0, RATE, "opcounters.update", 0.9, 1.1},
    {"backup-running", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},

    {"slow-growth", 60, 240, 1800, 2000, RATE, "opcounters.query", 1.2, 1.5},
    {"slow-growth", 0, 0, 0, 0, MEAN, READS, 0.8, 1.3},
    {"slow-growth", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},

    {"disk-filling", 60, 230, 1800, 2000, RATE, "opcounters.query", 0.9, 1.1},
    {"disk-filling", 0, 0, 0, 0, MEAN, READS, 0.8, 1.3},

    {"release-with-errors", 60, 230, 250, 350, RATE, "asserts.user", 18, 32},
    {"release-with-errors", 0, 0, 0, 0, RATE, "metrics.queryExecutor.collectionScans.total", 2, 4},
    {"release-with-errors", 0, 0, 0, 0, MEAN, READS, 20, 1000},
    {"release-with-errors", 0, 0, 0, 0, RATE, "opcounters.update", 0.9, 1.1},
    {"release-plus-load", 60, 230, 250, 350, RATE, "opcounters.update", 1.7, 2.3},
    {"release-plus-load", 0, 0, 0, 0, RATE, "metrics.queryExecutor.collectionScans.total", 2, 4},
    {"release-plus-load", 0, 0, 0, 0, MEAN, READS, 20, 1000},
    {"release-plus-load", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},

    {"frozen-member", 60, 230, 310, 410, RATE, "opcounters.query", 0.9, 1.1},
    {"frozen-member", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},
    {"lagging-secondary", 60, 230, 310, 590, RATE, "opcounters.update", 0.9, 1.1},
    {"lagging-secondary", 0, 0, 0, 0, MEAN, WRITES, 0.8, 1.3},

    /* the job of the first night; it and the one of the second; the day between */
    {"three-calm-days", 60, 360, 7300, 8300, RATE, "metrics.queryExecutor.collectionScans.total", 0.4, 0.6},
    {"three-calm-days", 7300, 8300, 93700, 94200, RATE, "metrics.queryExecutor.collectionScans.total", 0.7, 1.4},
    {"three-calm-days", 0, 0, 0, 0, MEAN, READS, 0.7, 1.4},
    {"three-calm-days", 0, 0, 0, 0, RATE, "asserts.user", 0, 0},
    {"three-calm-days", 7300, 8300, 30000, 40000, RATE, "metrics.queryExecutor.collectionScans.total", 0, 0},
};

/* Sanitizers make everything eight times as slow, and the whole suite has to end in time. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define LONGEST_S 10000
#else
#define LONGEST_S 1000000
#endif

static bool too_long(const struct expectation *e)
{
    return e->to > LONGEST_S;
}

/* ---- measuring ---- */

static double mean_of(const uint8_t *a, const uint8_t *b, const char *kind)
{
    char us[80], n[80];
    snprintf(us, sizeof us, "opLatencies.%s.latency", kind);
    snprintf(n, sizeof n, "opLatencies.%s.ops", kind);
    return (scene_at(b, us) - scene_at(a, us)) / (scene_at(b, n) - scene_at(a, n));
}

static double measure(const struct expectation *e, uint8_t *const shot[4])
{
    double was, is;
    switch (e->how) {
    case MEAN: return mean_of(shot[2], shot[3], e->path) / mean_of(shot[0], shot[1], e->path);
    case GAUGE: return scene_at(shot[3], e->path);
    case GREW: return scene_at(shot[3], e->path) / scene_at(shot[1], e->path);
    case RATE: break;
    }
    was = scene_rate(shot[0], shot[1], e->path);
    is = scene_rate(shot[2], shot[3], e->path);
    return was > 0 ? is / was : is;
}

/* The moments at which something is read, in their order, once each. */
struct shots {
    double at[40];
    uint8_t *shot[40];
    size_t n;
};

static size_t shot_at(struct shots *t, double at)
{
    size_t i = 0;
    while (i < t->n && t->at[i] < at)
        i++;
    if (i < t->n && t->at[i] == at)
        return i;
    assert_true(t->n < SB_COUNT(t->at));
    memmove(t->at + i + 1, t->at + i, (t->n++ - i) * sizeof t->at[0]);
    t->at[i] = at;
    return i;
}

static bool same_scenario(size_t i, const char *name)
{
    return i < SB_COUNT(expectations) && strcmp(expectations[i].scenario, name) == 0;
}

/* All of one scenario in one life. A path of which there is nothing yet in the calm: its rate is told in units a second. */
static size_t check_run(size_t first, unsigned *wrong)
{
    struct scene x;
    struct shots t = {.n = 0};
    const char *name = expectations[first].scenario;
    size_t end = first;
    for (; same_scenario(end, name); end++) {
        const struct expectation *e = &expectations[end];
        const double stretch[] = {e->calm_from, e->calm_to, e->from, e->to};
        for (int k = 0; k < 4 && e->to > 0 && !too_long(e); k++)
            shot_at(&t, stretch[k]);
    }
    scene_init(&x, name, 7);
    for (size_t k = 0; k < t.n; k++) {
        scene_to(&x, t.at[k]);
        t.shot[k] = scene_shot(&x, 0);
    }
    const struct expectation *when = NULL;
    for (size_t i = first; i < end; i++) {
        const struct expectation *e = &expectations[i];
        when = e->to > 0 ? e : when;
        if (too_long(when))
            continue;
        uint8_t *const shot[4] = {t.shot[shot_at(&t, when->calm_from)], t.shot[shot_at(&t, when->calm_to)], t.shot[shot_at(&t, when->from)],
                                  t.shot[shot_at(&t, when->to)]};
        double is = measure(e, shot);
        if (is >= e->least && is <= e->most)
            continue;
        print_message("%s, %g s to %g s: %s is %g, expected %g to %g\n", name, when->from, when->to, e->path, is, e->least, e->most);
        ++*wrong;
    }
    assert_int_equal(sim_clients_missed(x.r.s), 0);
    for (size_t k = 0; k < t.n; k++)
        free(t.shot[k]);
    scene_release(&x);
    return end;
}

static void test_metrics_move_as_they_must(void **state)
{
    unsigned wrong = 0, longer = 0;
    (void)state;
    for (size_t i = 0; i < SB_COUNT(expectations); i++)
        longer += expectations[i].to > 0 && too_long(&expectations[i]);
    if (longer)
        print_message("under a sanitizer: %u stretches that end after %d s are not lived through\n", longer, LONGEST_S);
    for (size_t i = 0; i < SB_COUNT(expectations);)
        i = check_run(i, &wrong);
    assert_int_equal(wrong, 0);
}

static void test_every_scenario_is_measured(void **state)
{
    /* slow-orders with other names, whose ends are in tour.sh; those in which members come and go, below; the cluster, in cluster.py */
    static const char *const elsewhere[] = {"no-traffic", "slow-tickets", "wrong-index", "two-shards", "killed-primary", "step-down", "lost-majority", "initial-sync", "rollback"};
    glob_t g;
    (void)state;
    assert_int_equal(glob("tests/scenarios/*.scenario", 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        const char *base = strrchr(g.gl_pathv[i], '/') + 1;
        char name[100];
        bool found = strncmp(base, "recorded-", 9) == 0; /* test_incidents.c */
        snprintf(name, sizeof name, "%.*s", (int)strcspn(base, "."), base);
        for (size_t k = 0; k < SB_COUNT(elsewhere); k++)
            found = found || strcmp(name, elsewhere[k]) == 0;
        for (size_t k = 0; k < SB_COUNT(expectations); k++)
            found = found || strcmp(name, expectations[k].scenario) == 0;
        if (!found)
            fail_msg("nothing is expected of the scenario %s", name);
    }
    globfree(&g);
}

/* ---- what else is told ---- */

static void test_a_lock_is_seen_with_its_holder_and_those_who_wait(void **state)
{
    struct scene x;
    (void)state;
    scene_init(&x, "lock-contention", 7);
    scene_to(&x, 262);
    rig_gives(&x.r, "admin", "{'lockInfo': 1}", "lockInfo.0.granted.0.mode", "'X'");
    rig_gives(&x.r, "admin", "{'lockInfo': 1}", "lockInfo.0.pending.0.mode", "'IX'");
    const uint8_t *reply = rig_ok(&x.r, "admin", "{'currentOp': 1, 'waitingForLock': true}");
    assert_true(sim_count(sim_find(reply, "inprog").p) > 20);
    reply = rig_ok(&x.r, "admin", "{'currentOp': 1, 'command.validate': 'orders'}");
    assert_int_equal(sim_count(sim_find(reply, "inprog").p), 1);
    assert_true(sim_text_is(sim_path(reply, "inprog.0.locks.Collection"), "W"));
    scene_to(&x, 300); /* what waited is logged with its wait */
    reply = rig_ok(&x.r, "admin", "{'getLog': 'global'}");
    bool waited = false;
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(sim_find(reply, "log").p); sim_next(&it, &e);)
        waited = waited || (strstr(sim_text(e.v), "Slow query") && strstr(sim_text(e.v), "\"acquireWaitCount\":{\"w\":1}"));
    assert_true(waited);
    scene_release(&x);
}

static void test_a_full_member_refuses_and_says_so(void **state)
{
    struct scene x;
    (void)state;
    scene_init(&x, "connection-storm", 7);
    scene_to(&x, 310);
    assert_null(sim_conn_open(&x.r.s->member[0], "127.0.0.1:50001", false));
    assert_true(x.r.s->member[0].n.connections_refused > 0);
    const uint8_t *reply = rig_ok(&x.r, "admin", "{'getLog': 'global'}");
    bool said = false;
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(sim_find(reply, "log").p); sim_next(&it, &e);)
        said = said || strstr(sim_text(e.v), "\"id\":22942");
    assert_true(said);
    scene_release(&x);
}

static void test_a_forgotten_transaction_is_seen(void **state)
{
    struct scene x;
    (void)state;
    scene_init(&x, "long-transaction", 7);
    scene_to(&x, 400);
    const uint8_t *reply = rig_ok(&x.r, "admin", "{'currentOp': 1, 'type': 'idleSession'}");
    assert_true(sim_text_is(sim_path(reply, "inprog.0.appName"), "report"));
    assert_true(rig_int(reply, "inprog.0.transaction.timeOpenMicros") > 150000000);
    scene_release(&x);
}

static void test_the_disk_fills(void **state)
{
    struct scene x;
    (void)state;
    scene_init(&x, "disk-filling", 7);
    double share[3];
    for (int i = 0; i < 3; i++) {
        scene_to(&x, 200 + i * 3600);
        const uint8_t *reply = rig_ok(&x.r, "shop", "{'dbStats': 1}");
        share[i] = scene_at(reply, "fsUsedSize") / scene_at(reply, "fsTotalSize");
    }
    assert_true(share[0] > 0.74 && share[0] < 0.77);
    assert_true(share[1] > share[0] + 0.1 && share[2] > share[1] + 0.1 && share[2] <= 1);
    scene_release(&x);
}

static void test_another_member_takes_over(void **state)
{
    static const char *const names[] = {"killed-primary", "step-down"};
    (void)state;
    for (size_t i = 0; i < SB_COUNT(names); i++) {
        struct scene x;
        scene_init(&x, names[i], 7);
        scene_to(&x, 295);
        assert_ptr_equal(sim_primary(x.r.s), &x.r.s->member[0]);
        scene_to(&x, 330);
        struct sim_member *p = sim_primary(x.r.s);
        assert_non_null(p);
        assert_true(p->id != 0);
        int64_t before = p->n.op[SIM_OP_UPDATE];
        scene_to(&x, 340);
        assert_true(p->n.op[SIM_OP_UPDATE] > before + 30); /* the apps have found it */
        for (int k = 0; k < SIM_MEMBERS; k++) /* its connections broke with it */
            x.r.conn[k] = sim_conn_open(&x.r.s->member[k], "127.0.0.1:50002", false);
        scene_release(&x);
    }
}

/* Each member's state at moments of a scenario, a digit each: 1 primary, 2 secondary, 5 copying, 8 down, 9 rolling back. */
static void test_members_come_and_go(void **state)
{
    static const struct {
        const char *scenario;
        double at;
        const char *states;
        bool writes; /* go on in the ten seconds before */
    } moments[] = {
        {"initial-sync", 295, "122", true}, {"initial-sync", 350, "128", true},   {"initial-sync", 370, "125", true},   {"initial-sync", 400, "122", true},
        {"lost-majority", 295, "122", true}, {"lost-majority", 330, "288", false}, {"lost-majority", 415, "288", false}, {"lost-majority", 500, "122", true},
        {"rollback", 295, "122", true},      {"rollback", 362, "9..", true},       {"rollback", 420, "122", true},
    };
    (void)state;
    struct scene x = {0};
    for (size_t i = 0; i < SB_COUNT(moments); i++) {
        bool first = i == 0 || strcmp(moments[i].scenario, moments[i - 1].scenario) != 0;
        int64_t before[SIM_MEMBERS], done = 0;
        if (first)
            scene_init(&x, moments[i].scenario, 7);
        scene_to(&x, moments[i].at - 10);
        for (int k = 0; k < SIM_MEMBERS; k++)
            before[k] = x.r.s->member[k].n.op[SIM_OP_UPDATE];
        scene_to(&x, moments[i].at);
        struct sim_member *p = sim_primary(x.r.s);
        if (p)
            done = p->n.op[SIM_OP_UPDATE] - before[p->id];
        for (int k = 0; k < SIM_MEMBERS; k++) {
            int is = (int)x.r.s->member[k].role.state;
            if (moments[i].states[k] != '.' && is != moments[i].states[k] - '0')
                fail_msg("%s at %.0f s: member %d is %s", moments[i].scenario, moments[i].at, k, sim_state_name(x.r.s->member[k].role.state));
        }
        if ((done > 30) != moments[i].writes)
            fail_msg("%s at %.0f s: %d updates in ten seconds", moments[i].scenario, moments[i].at, (int)done);
        if (i + 1 < SB_COUNT(moments) && strcmp(moments[i].scenario, moments[i + 1].scenario) == 0)
            continue;
        for (int k = 0; k < SIM_MEMBERS; k++) /* their connections broke with them */
            x.r.conn[k] = sim_conn_open(&x.r.s->member[k], "127.0.0.1:50002", false);
        scene_release(&x);
    }
}

static void test_files_do_not_shrink(void **state)
{
    struct scene x;
    (void)state;
    scene_init(&x, "calm", 7);
    int64_t before = rig_int(rig_ok(&x.r, "shop", "{'collStats': 'orders'}"), "storageSize");
    rig_ok(&x.r, "shop", "{'delete': 'orders', 'deletes': [{'q': {'customer_id': {'$lte': 2000}}, 'limit': 0}]}");
    const uint8_t *reply = rig_ok(&x.r, "shop", "{'collStats': 'orders'}");
    assert_int_equal(rig_int(reply, "storageSize"), before);
    assert_true(rig_int(reply, "freeStorageSize") > before / 4);
    scene_release(&x);
}

/* ---- the language ---- */

static void refused(const char *text, const char *want)
{
    struct sb_err err = SB_ERR_INIT;
    struct sim_scenario *sc = sim_scenario_parse(text, strlen(text), "x.scenario", "x", &err);
    if (sc)
        fail_msg("was taken: %s", text);
    if (strcmp(err.msg, want) != 0)
        fail_msg("wanted: %s\n got:    %s", want, err.msg);
}

#define FIRST "collection a.b 10\napp x clients 2\n    find a.b rate 1\n"

static void test_every_problem_has_its_line(void **state)
{
    (void)state;
    refused(FIRST "at 1s lock a.b\nat 2x start x\nat 3s cost speed 1\nat 4s wire smoke\nevery 10s rate y 2\n",
            "x.scenario:4: lock is written: lock DB.NAME for D\n"
            "x.scenario:5: \"2x\" is no duration (240s, 4m, 1h)\n"
            "x.scenario:6: there is no cost speed\n"
            "x.scenario:7: there is no fault smoke: it is one of none, cut, half, delay, wrong-id, huge, garbage, no-end, refuse-login, not-primary\n"
            "x.scenario:8: there is no app y in front of this line");
    refused(FIRST "at 5s drop-index a.b\nat 6s snapshot x a for 3s\nat 7s rate x 2 over 1s for 1s\napp x clients 2\nwhen index a.b c drop-index a.b c_1\n"
                  "at 8s explode\n",
            "x.scenario:4: drop-index is written: drop-index DB.NAME NAME\n"
            "x.scenario:5: there is no collection a in front of this line\n"
            "x.scenario:6: rate is written: rate APP FACTOR [over D | for D]\n"
            "x.scenario:7: the app x is described twice\n"
            "x.scenario:8: drop-index cannot wait for an index\n"
            "x.scenario:9: what happens is start, stop, stop-all, rate, cost, create-index, drop-index, lock, snapshot, wire, move-chunk, or a fault of a member");
    struct sb_str many;
    sb_str_init(&many);
    sb_str_adds(&many, FIRST);
    for (int i = 0; i < 60; i++)
        sb_str_adds(&many, "at 1s cost speed 1\n");
    struct sb_err err = SB_ERR_INIT;
    assert_null(sim_scenario_parse(many.p, many.len, "x.scenario", "x", &err));
    sb_str_release(&many);
    assert_non_null(strstr(err.msg, "x.scenario:4: there is no cost speed\nx.scenario:5: "));
    const char *more = strstr(err.msg, "\n... and ");
    assert_non_null(more);
    size_t lines = 1;
    for (const char *p = err.msg; p < more; p++)
        lines += *p == '\n';
    assert_int_equal(strtoul(more + 9, NULL, 10) + lines, 60);
    refused("cost cores 0\n", "x.scenario: cores and tickets must be at least 1");
    refused("nonsense\nfield a \"1\"\n", "x.scenario:1: a line cannot begin with \"nonsense\"\nx.scenario:2: field belongs under a collection");
}

/* What is wrong in one line, told with that line. */
static void test_every_mistake_has_its_line(void **state)
{
#define C "collection a.b 10\n"
#define APP C "app x clients 2\n"
    static const char *const mistakes[][2] = {
        {"title \"open\n" C, "1: a quote is opened and not closed"},
        {C "title\n", "2: a line cannot begin with \"title\""},
        {C "collection a 10\n", "2: collection wants DB.NAME and how many documents"},
        {"collection a.b many\n", "1: \"many\" is no number from 0 to 2e+06"},
        {C C, "2: the collection a.b is described twice"},
        {C "field n\n", "2: field wants a name and a template"},
        {C "field n \"int(1\"\n", "2: a comma or an end is missing at character 6 of int(1"},
        {C "field n \"int(1, 1e99)\"\n", "2: a function needs a number from -1000000000000000 to 1000000000000000 in front of here at character 13 of int(1, 1e99)"},
        {C "field n \"text(-1)\"\n", "2: a function needs a number from 0 to 16000000 in front of here at character 9 of text(-1)"},
        {C "field n \"repeat(0, 1e9, 1)\"\n", "2: a function needs a number from 0 to 100000 in front of here at character 18 of repeat(0, 1e9, 1)"},
        {C "field n \"1e308d\"\n", "2: no value at character 1 of 1e308d"},
        {C "field n \"nothing(1)\"\n", "2: an unknown function in front of here at character 9 of nothing(1)"},
        {"index n_1 \"{n: 1}\"\n", "1: index belongs under a collection"},
        {C "index n_1\n", "2: index wants a name and a key"},
        {C "index n_1 \"{n: 1}\" quick\n", "2: an index is unique, sparse, hidden or partial \"FILTER\", or of one shard N, not quick"},
        {C "index n_1 5\n", "2: an index has a key as \"{field: 1}\", not 5"},
        {C "app x\n", "2: app wants NAME clients N"},
        {C "app x clients none\n", "2: \"none\" is no number from 1 to 2000"},
        {C "app x clients 2 eager\n", "2: an app is stopped, secondary, unpooled or alone, not eager"},
        {C "find a.b rate 1\n", "2: find belongs under an app"},
        {APP "find rate 1\n", "3: find wants DB.NAME"},
        {APP "find a.b\n", "3: find wants a rate"},
        {APP "find a.b rate\n", "3: rate wants a value"},
        {APP "find a.b rate fast\n", "3: \"fast\" is no number from 0.0001 to 1e+06"},
        {APP "find a.b rate 1 colour red\n", "3: \"colour\" is no option of an operation"},
        {APP "find a.b rate 1 filter \"{n:\"\n", "3: an unknown word in front of here at character 4 of {n:"},
        {APP "find a.b rate 1 filter 5\n", "3: filter wants a document, \"{..}\""},
        {APP "insert a.b rate 1\n", "3: insert wants a document"},
        {APP "update a.b rate 1 filter \"{}\"\n", "3: update wants an update"},
        {APP "update a.b rate 1 update 5\n", "3: update wants a document, \"{..}\""},
        {APP "aggregate a.b rate 1\n", "3: aggregate wants a pipeline"},
        {APP "aggregate a.b rate 1 pipeline \"{}\"\n", "3: pipeline wants a list of stages, \"[{..}]\""},
        {C "member 1\n", "2: member wants a number and what it is"},
        {C "member 9 hidden\n", "2: \"9\" is no member (0 to 4)"},
        {C "member 1 large\n", "2: a member has priority P, hidden, arbiter, votes 0 or delay DURATION, not large"},
        {C "cost cores many\n", "2: \"many\" is no number from 0 to 1e+15"},
        {C "at 1s kill\n", "2: a fault is kill N, restart N, resync N, hang N [for DURATION], lag N DURATION or stepdown"},
        {C "at 1s kill 7\n", "2: \"7\" is no member (0 to 4, or primary)"},
        {C "at 1s create-index a.b n_1\n", "2: create-index is written: create-index DB.NAME NAME KEY"},
        {APP "every 10ms start x\n", "3: \"10ms\" is no duration (240s, 4m, 1h)"},
        {APP "every 0s start x\n", "3: every wants at least a second"},
        {APP "at 1s rate x lots\n", "3: \"lots\" is no number from 0 to 1000"},
        {C "when index a.b\n", "2: when wants index DB.NAME FIELD and what happens then"},
    };
    (void)state;
    for (size_t i = 0; i < SB_COUNT(mistakes); i++) {
        char want[300];
        snprintf(want, sizeof want, "x.scenario:%s", mistakes[i][1]);
        refused(mistakes[i][0], want);
    }
}

/* What only the data shows is told with the line as well. */
static void test_data_that_cannot_be_made_has_its_line(void **state)
{
    static const char *const texts[][2] = {
        {C "field n \"int(1, 2)\"\nindex n_1 \"{n: 1}\" unique\n", "x.scenario:3: a.b: E11000 duplicate key error collection: a.b index: n_1 dup key: { n: "},
        {"title \"ids\"\n" C "field _id \"int(1, 2)\"\n", "x.scenario:2: a.b: E11000 duplicate key error collection: a.b index: _id_ dup key: { _id: "},
        {C "field n \"int(1, 2)\"\nindex n_1 \"{n: 7}\"\nindex m_1 \"{m: 'sideways'}\"\n", "x.scenario:4: a.b: "}};
    (void)state;
    for (size_t i = 0; i < SB_COUNT(texts); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct rig r;
        struct sim_scenario *sc = sim_scenario_parse(texts[i][0], strlen(texts[i][0]), "x.scenario", "x", &err);
        if (!sc)
            fail_msg("%s", err.msg);
        rig_init(&r);
        assert_int_equal(sim_clients_load(r.s, sc, &err), -1);
        if (strncmp(err.msg, texts[i][1], strlen(texts[i][1])) != 0)
            fail_msg("wanted: %s\n got:    %s", texts[i][1], err.msg);
        rig_release(&r);
        sim_scenario_free(sc);
    }
}

static void test_create_index_happens(void **state)
{
    static const char text[] = "collection a.b 3000\n    field n \"int(1, 900)\"\napp x clients 2\n    find a.b rate 5 filter \"{n: int(1, 900)}\"\n"
                               "at 20s create-index a.b n_1 \"{n: 1}\"\nat 60s drop-index a.b n_1\nat 80s cost key_us 9 for 10s\n";
    struct sb_err err = SB_ERR_INIT;
    struct scene x;
    (void)state;
    memset(&x, 0, sizeof x);
    x.sc = sim_scenario_parse(text, strlen(text), "x.scenario", "x", &err);
    assert_non_null(x.sc);
    rig_init(&x.r);
    assert_int_equal(sim_clients_load(x.r.s, x.sc, &err), 0);
    scene_to(&x, 40);
    assert_int_equal(sim_count(sim_path(rig_ok(&x.r, "a", "{'listIndexes': 'b'}"), "cursor.firstBatch").p), 2);
    scene_to(&x, 70);
    assert_int_equal(sim_count(sim_path(rig_ok(&x.r, "a", "{'listIndexes': 'b'}"), "cursor.firstBatch").p), 1);
    scene_to(&x, 85);
    assert_true(x.r.s->costs.key_us == 9);
    scene_to(&x, 95);
    assert_true(x.r.s->costs.key_us < 2);
    scene_release(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_scenario_is_measured),
        cmocka_unit_test(test_metrics_move_as_they_must),
        cmocka_unit_test(test_a_lock_is_seen_with_its_holder_and_those_who_wait),
        cmocka_unit_test(test_a_full_member_refuses_and_says_so),
        cmocka_unit_test(test_a_forgotten_transaction_is_seen),
        cmocka_unit_test(test_the_disk_fills),
        cmocka_unit_test(test_another_member_takes_over), cmocka_unit_test(test_members_come_and_go),
        cmocka_unit_test(test_files_do_not_shrink),
        cmocka_unit_test(test_every_problem_has_its_line),
        cmocka_unit_test(test_every_mistake_has_its_line),
        cmocka_unit_test(test_data_that_cannot_be_made_has_its_line),
        cmocka_unit_test(test_create_index_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
