/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator against a real replica set under the same incidents: for each labelled incident of the recording the metrics
 * of serverStatus that it moved there, and what the simulator's own version of it (tests/scenarios/recorded-*) does to them:
 * the direction, and the size within a factor of three. The table is printed whole: what agrees, what does not with its
 * reason, and what the simulator has no figure for. */
#include "recording.h"
#include "scenes.h"

#include <signalbox/base/file.h>

#include <math.h>
#include <time.h>

#define BIN_MS 5000.0
#define MOVED 1.5 /* times what it was, or less than the inverse */
#define MAX_BINS 40

/* Absolute figures mean nothing in a recording of an unoptimised build on two cores, and a few things are not simulated. */
static const struct {
    const char *incident, *prefix, *why; /* incident NULL: in all */
} known[] = {
    {"errors", "wiredTiger.cache.", "the calm before it is the end of the bulk load: what was pushed out comes back"},
    {"errors", "wiredTiger.block-manager.", "the calm before it is the end of the bulk load: what was pushed out comes back"},
    {"errors", "wiredTiger.capacity.bytes read", "the calm before it is the end of the bulk load: what was pushed out comes back"},
    {"errors", "wiredTiger.connection.total read", "the calm before it is the end of the bulk load: what was pushed out comes back"},
    {NULL, "metrics.commands.isMaster", "the drivers' own hellos are not sent by simulated ones"},
    {NULL, "logicalSessionRecordCache", "times of jobs that run every five minutes: whether one falls into the stretch is chance"},
    {NULL, "wiredTiger.transaction.transaction checkpoint", "a checkpoint a minute: whether one falls into the stretch is chance"},
    {NULL, "connections.exhaust", "drivers' streaming hellos are not sent by simulated ones"},
    {NULL, "connections.awaitingTopologyChanges", "drivers' streaming hellos are not sent by simulated ones"},
    {NULL, "connections.active", "most of it are drivers' streaming hellos, which simulated ones do not send"},
    {NULL, "extra_info.", "the machine was shared by three members and their clients"},
    {NULL, "flowControl.locksPerKiloOp", "a ratio of what one second's few operations took: it jumps between calm seconds too"},
    {NULL, "repl.", "optimes are clocks"},
    {NULL, "lastWrite", "a clock"},
    {NULL, "wiredTiger.oplog", "a clock"},
    {NULL, "storageEngine.oldest", "a clock"},
};

/* Where the simulator does not agree: why. One that nothing needs fails the test, as does a disagreement that is not here. */
#define FROM_NOTHING "from as good as nothing in both"
static struct {
    const char *incident, *prefix, *why;
    unsigned used;
} disagrees[] = {
    {"collscan", "wiredTiger.cache.hazard pointer check entries walked", "not explained: no more is evicted than before, in the recording too", 0},
    {"connections", "metrics.commands.hello", "three times as many: in the recording drivers that could not connect asked by isMaster instead", 0},
    {"bulk", "wiredTiger.cache.bytes dirty in the cache cumulative", "the recording evicts five times as much in its calm; under the batch both are at one level", 0},
    {"bulk", "wiredTiger.cache.unmodified pages evicted", "from nothing in both, and not explained: the simulated cache evicts fewer clean pages", 0},
    {"bulk", "metrics.operatorCounters.match.$eq", "few clients wait for slower answers in the recording and so ask less; the simulated ones have others to ask for them", 0},
    {"bulk", "flowControl.timeAcquiringMicros", "a batch takes one ticket here, there one for each part of it", 0},
    {"indexbuild", "flowControl.timeAcquiringMicros", "a build takes tickets there as it goes; here only clients' writes do", 0},
    {"kill", "mirroredReads.seen", "of as good as nothing in the recording's calm; the levels under way are alike", 0},
    {"kill", "metrics.operatorCounters.match.$in", FROM_NOTHING, 0},
    {"kill", "wiredTiger.log.log force write operations skipped", "goes with the journal's flushes, which are as many on both kinds of members here", 0},
    {"dropindex", "wiredTiger.cursor.cursor next calls", "just beyond: a tenth more in the calm, and two scans a second instead of seven", 0},
    {"indexbuild", "wiredTiger.cursor.cursor bulk loaded", "from nothing in both: a key is inserted three times there, once here", 0},
    {"indexbuild", "wiredTiger.cursor.cursor modify key", "not explained: the number of changes is the same in the recording, only what they touch grows", 0},
};

/* What the recording moved and the simulator has no figure for: why not. The same rule. */
#define PAGES "there are no pages in memory to look into, only their number"
#define SLOW "no single call of the storage engine is timed"
#define PHASES "a checkpoint has no phases here"
#define FORCED "no page is forced out but by a large insert or a build's end"
#define COMPRESSED "the journal is not compressed record by record"
static struct {
    const char *prefix, *why;
    unsigned used;
} absent[] = {
    {"metrics.query.planCacheTotalSizeEstimateBytes", "entries of the plan cache have no size", 0},
    {"wiredTiger.cache.application threads page read from disk to cache time", SLOW, 0},
    {"wiredTiger.cache.bytes allocated for updates", PAGES, 0},
    {"wiredTiger.cache.bytes belonging to the history store", "old versions are not kept in a table of their own", 0},
    {"wiredTiger.cache.forced eviction - pages evicted that were dirty", FORCED, 0},
    {"wiredTiger.cache.forced eviction - pages selected because", FORCED, 0},
    {"wiredTiger.cache.history store score", "a measure of the eviction's own, which is not modelled", 0},
    {"wiredTiger.cache.history store table on-disk size", "old versions are not kept in a table of their own", 0},
    {"wiredTiger.cache.maximum page size at eviction", PAGES, 0},
    {"wiredTiger.cache.pages read into cache after truncate", PAGES, 0},
    {"wiredTiger.cache.tracked bytes belonging to internal pages", PAGES, 0},
    {"wiredTiger.cursor.Total number of entries skipped by cursor", "no reader meets entries that he may not see", 0},
    {"wiredTiger.cursor.cursor create calls", "cursors are not made and kept one by one", 0},
    {"wiredTiger.cursor.cursor prev calls", "in the recording its oplog was read backwards by somebody else now and then", 0},
    {"wiredTiger.cursor.cursor sweep cursors closed", "cursors are not made and kept one by one", 0},
    {"wiredTiger.cursor.cursor update value size change", "a change is not told by its size", 0},
    {"wiredTiger.cursor.open cursor count", "cursors are not made and kept one by one", 0},
    {"wiredTiger.data-handle", "there are no handles of files", 0},
    {"wiredTiger.log.busy returns attempting to switch slots", "the journal has no slots to wait for", 0},
    {"wiredTiger.log.log release advances write LSN", "the journal has no slots to wait for", 0},
    {"wiredTiger.log.pre-allocated log files used", "the journal has no files", 0},
    {"wiredTiger.log.total in-memory size of compressed records", COMPRESSED, 0},
    {"wiredTiger.log.total size of compressed records", COMPRESSED, 0},
    {"wiredTiger.log.written slots coalesced", "the journal has no slots to wait for", 0},
    {"wiredTiger.perf.file system", SLOW, 0},
    {"wiredTiger.perf.operation", SLOW, 0},
    {"wiredTiger.reconciliation.maximum seconds", SLOW, 0},
    {"wiredTiger.reconciliation.records written including a start", "rose with an index that was dropped, and is not explained", 0},
    {"wiredTiger.reconciliation.split", PAGES, 0},
    {"wiredTiger.snapshot-window-settings", "jumps when a reader is late: chance", 0},
    {"wiredTiger.thread-yield.page acquire time sleeping", SLOW, 0},
    {"wiredTiger.transaction.transaction checkpoint", PHASES, 0},
    {"wiredTiger.transaction.transaction fsync duration for checkpoint", PHASES, 0},
    {"wiredTiger.transaction.transaction range of IDs currently pinned", "a sample of what runs at that moment: in the recording of three members on two cores", 0},
    {"wiredTiger.transaction.transaction range of timestamps pinned by the oldest active read", "a sample of what a build reads at that moment", 0},
    {"wiredTiger.transaction.transaction read timestamp of the oldest active reader", "a sample of what a build reads at that moment", 0},
};

static const char *absent_why(const char *path)
{
    for (size_t i = 0; i < SB_COUNT(absent); i++)
        if (strncmp(path, absent[i].prefix, strlen(absent[i].prefix)) == 0) {
            absent[i].used++;
            return absent[i].why;
        }
    return NULL;
}

static const char *disagrees_why(const char *incident, const char *path)
{
    for (size_t i = 0; i < SB_COUNT(disagrees); i++)
        if (strcmp(disagrees[i].incident, incident) == 0 && strncmp(path, disagrees[i].prefix, strlen(disagrees[i].prefix)) == 0) {
            disagrees[i].used++;
            return disagrees[i].why;
        }
    return NULL;
}

static const char *known_why(const char *incident, const char *path)
{
    for (size_t i = 0; i < SB_COUNT(known); i++)
        if ((!known[i].incident || strcmp(known[i].incident, incident) == 0) && strncmp(path, known[i].prefix, strlen(known[i].prefix)) == 0)
            return known[i].why;
    return NULL;
}

/* ---- levels ---- */

struct window {
    double calm_from, calm_to, from, to; /* ms, of the series' own clock */
};

struct level {
    double calm, now, calm_least, calm_most, outside; /* outside: share of the bins that calm never saw */
    bool counter;
};

/* The values of bins of five seconds: rates a second of a counter, means of a gauge. */
static size_t bins_of(const struct rec_series *s, double from, double to, bool counter, double out[MAX_BINS])
{
    size_t n = 0, i = 0;
    for (double at = from; at + BIN_MS <= to && n < MAX_BINS; at += BIN_MS) {
        while (i < s->n && s->at_ms[i] < at)
            i++;
        size_t first = i;
        double sum = 0;
        while (i < s->n && s->at_ms[i] <= at + BIN_MS)
            sum += s->value[i++];
        if (i - first < 2)
            continue;
        double ms = s->at_ms[i - 1] - s->at_ms[first];
        out[n++] = counter ? (s->value[i - 1] - s->value[first]) / ms * 1000 : sum / (double)(i - first);
        i = i > first ? i - 1 : i; /* the bins of a counter share their ends */
    }
    return n;
}

static bool level_of(const struct rec_series *s, const struct window *w, bool counter, struct level *l)
{
    double calm[MAX_BINS], now[MAX_BINS];
    size_t c = bins_of(s, w->calm_from, w->calm_to, counter, calm), n = bins_of(s, w->from, w->to, counter, now);
    if (c < 3 || n < 3)
        return false;
    *l = (struct level){.calm_least = calm[0], .calm_most = calm[0], .counter = counter};
    for (size_t i = 0; i < c; i++) {
        l->calm += calm[i] / (double)c;
        l->calm_least = fmin(l->calm_least, calm[i]);
        l->calm_most = fmax(l->calm_most, calm[i]);
    }
    for (size_t i = 0; i < n; i++) {
        l->now += now[i] / (double)n;
        l->outside += (now[i] > l->calm_most || now[i] < l->calm_least) / (double)n;
    }
    return true;
}

/* So little is as good as nothing. */
static double change_of(const struct level *l)
{
    double nothing = l->counter ? 0.2 : 1;
    return (l->now + nothing) / (l->calm + nothing);
}

static bool has_moved(const struct level *l)
{
    double c = change_of(l);
    return l->outside >= 0.6 && (c >= MOVED || c <= 1 / MOVED);
}

/* Never falls while one process lives, and rises. */
static bool is_counter(const struct rec_series *s, double to)
{
    for (size_t i = 1; i < s->n && s->at_ms[i] < to; i++)
        if (s->value[i] < s->value[i - 1])
            return false;
    return s->n && s->value[s->n - 1] != s->value[0];
}

/* ---- the simulator's side ---- */

static void take_shot(struct scene *x, struct recording *r, int member)
{
    struct sim_member *asked = &x->r.s->member[member];
    struct sim_counters before = asked->n; /* the recorder is a thread of the server: its questions are no client's */
    uint8_t *shot = scene_shot(x, member);
    asked->n = before;
    struct rec_metrics m = {0};
    rec_walk(&m, shot, "");
    for (size_t i = 0; i < m.n; i++) {
        struct rec_series *s = rec_need(r, m.item[i].path, i);
        assert_int_equal(SB_GROW(s->at_ms, s->cap, s->n + 1), 0);
        assert_int_equal(SB_GROW(s->value, s->cap_value, s->n + 1), 0);
        s->value[s->n] = (double)(int64_t)m.item[i].value;
        s->at_ms[s->n++] = (double)sim_now_ms(x->r.s);
    }
    free(m.item);
    free(shot);
}

/* 120 seconds of calm, then as long as the incident lasted. */
static void simulate(const char *name, int member, double seconds, bool hold, struct recording *out, struct window *w)
{
    struct scene x;
    char scenario[60];
    snprintf(scenario, sizeof scenario, "recorded-%s", name);
    scene_init(&x, scenario, 11);
    double start = (double)(x.r.s->start / 1000);
    for (double at = 60; at <= 120 + seconds; at += 1) {
        scene_to(&x, at);
        if (hold)
            x.r.s->member[1].frozen = at >= 120;
        take_shot(&x, out, member);
    }
    *w = (struct window){start + 62000, start + 119000, start + 125000, start + (118 + seconds) * 1000};
    scene_release(&x);
}

/* Who is primary half a minute after the kill. */
static int successor(void)
{
    struct scene x;
    scene_init(&x, "recorded-kill", 11);
    scene_to(&x, 150);
    const struct sim_member *m = sim_primary(x.r.s);
    int id = m ? m->id : -1;
    scene_release(&x);
    assert_true(id > 0);
    return id;
}

/* ---- comparing ---- */

struct score {
    unsigned moved, absent, excused, compared, direction, size, unexplained;
};

/* shown: the incident is not counted as a whole, for a reason of its own. */
static void compare(const char *name, bool shown, struct recording *real, const struct window *rw, double to, struct recording *own, const struct window *ow,
                    struct score *sc)
{
    for (size_t i = 0; i < real->n; i++) {
        struct rec_series *s = &real->series[i];
        struct level a, b;
        bool counter = is_counter(s, to);
        if (!level_of(s, rw, counter, &a) || !has_moved(&a))
            continue;
        sc->moved++;
        struct rec_series *o = rec_find(own, s->path, i);
        if (!o || !level_of(o, ow, counter, &b)) {
            const char *why = shown ? NULL : absent_why(s->path);
            print_message("    %-66s %12.1f %12.1f x%-9.2f not simulated%s%s\n", s->path, a.calm, a.now, change_of(&a), why ? ": " : "", why ? why : "");
            sc->absent++;
            sc->unexplained += !why;
            continue;
        }
        double x = change_of(&a), y = change_of(&b);
        bool direction = x > 1 ? y > 1.1 : y < 0.9, size = direction && fabs(log(x / y)) <= log(3), counted = !known_why(name, s->path);
        const char *why = counted && !size && !shown ? disagrees_why(name, s->path) : known_why(name, s->path);
        print_message("    %-66s %12.1f %12.1f x%-9.2f %12.1f %12.1f x%-9.2f %s%s%s\n", s->path, a.calm, a.now, x, b.calm, b.now, y,
                      !direction ? "DIRECTION" : !size ? "size" : "ok", why ? counted ? ": " : "; not counted: " : "", why ? why : "");
        if (!counted) {
            sc->excused++;
            continue;
        }
        sc->unexplained += !size && !why;
        sc->compared++;
        sc->direction += direction;
        sc->size += size;
    }
}

static double time_of(const char *text)
{
    struct tm tm = {0};
    int ms = 0;
    assert_int_equal(sscanf(text, "%d-%d-%dT%d:%d:%d.%3d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms), 7);
    tm.tm_year -= 1900;
    tm.tm_mon--;
    return (double)timegm(&tm) * 1000 + ms;
}

static void read_member(const char *data, int member, struct recording *r)
{
    static const char *const files[] = {"2026-11-23T08-57-44Z", "2026-11-23T09-16-43Z"};
    for (size_t i = 0; i < SB_COUNT(files); i++) {
        char path[400];
        struct sb_str bytes;
        struct sb_err err = SB_ERR_INIT;
        sb_str_init(&bytes);
        snprintf(path, sizeof path, "%s/incidents-5.0.7/member-%d/diagnostic.data/metrics.%s-00000", data, member, files[i]);
        if (sb_file_read(path, 64 << 20, &bytes, &err) == 0)
            rec_file(r, (const uint8_t *)bytes.p, bytes.len);
        else if (member == 0 || i == 0)
            fail_msg("%s", err.msg);
        sb_str_release(&bytes);
    }
}

static void test_incidents_move_the_same_metrics(void **state)
{
    const char *data = sb_test_data();
    char path[400];
    struct sb_str text;
    struct sb_err err = SB_ERR_INIT;
    struct recording real = {0}, other = {0};
    struct score all = {0};
    double restart = 0;
    (void)state;
    if (!data)
        sb_test_skip("the recorded incidents are not here");
    snprintf(path, sizeof path, "%s/incidents-5.0.7/labels.json", data);
    sb_str_init(&text);
    if (sb_file_read(path, 1 << 20, &text, &err))
        sb_test_skip("%s", err.msg);
    bson_t *labels = rig_json(text.p);
    sb_str_release(&text);
    read_member(data, 0, &real);
    read_member(data, 1, &other); /* it took over when the primary was killed */
    print_message("what the recording moved: path, calm, incident, times; then the simulator's\n");
    struct sim_elem e;
    struct sim_val list = sim_path(bson_get_data(labels), "incidents");
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);)
        if (sim_text_is(sim_find(e.v.p, "name"), "kill")) /* there every counter begins anew */
            restart = time_of(sim_text(sim_find(e.v.p, "from")));
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);) {
        const char *name = sim_text(sim_find(e.v.p, "name"));
        double from = time_of(sim_text(sim_find(e.v.p, "from"))), to = time_of(sim_text(sim_find(e.v.p, "to")));
        struct window rw = {from - 62000, from - 2000, from + 5000, to - 2000}, ow;
        struct recording own = {0};
        struct score sc = {0};
        bool kill = strcmp(name, "kill") == 0, lag = strcmp(name, "lag") == 0;
        print_message("%s%s\n", name, kill ? " (what it did to the member that took over)" : "");
        simulate(name, kill ? successor() : 0, (to - from) / 1000, lag, &own, &ow);
        compare(name, lag, kill ? &other : &real, &rw, kill ? to : restart, &own, &ow, &sc);
        if (lag) {
            print_message("  lag: shown, not counted: in the recording another secondary followed the one that stopped, so majority writes stalled and clients\n"
                          "  tried again; in the simulator every secondary follows the primary, and the other one goes on acknowledging\n");
            rec_release(&own);
            continue;
        }
        print_message("  %s: %u metrics moved, %u of them not simulated, %u not counted; of %u: direction %u, size within a factor of three %u\n", name, sc.moved,
                      sc.absent, sc.excused, sc.compared, sc.direction, sc.size);
        all.moved += sc.moved;
        all.absent += sc.absent;
        all.excused += sc.excused;
        all.compared += sc.compared;
        all.direction += sc.direction;
        all.size += sc.size;
        all.unexplained += sc.unexplained;
        rec_release(&own);
    }
    print_message("all: %u moved, %u not simulated, %u not counted; of %u: direction %u (%u %%), size %u (%u %%)\n", all.moved, all.absent, all.excused,
                  all.compared, all.direction, 100 * all.direction / all.compared, all.size, 100 * all.size / all.compared);
    bson_destroy(labels);
    rec_release(&real);
    rec_release(&other);
    for (size_t i = 0; i < SB_COUNT(disagrees); i++)
        if (!disagrees[i].used) {
            print_message("a reason that nothing needs: %s %s\n", disagrees[i].incident, disagrees[i].prefix);
            all.unexplained++;
        }
    for (size_t i = 0; i < SB_COUNT(absent); i++)
        if (!absent[i].used) {
            print_message("a reason that nothing needs: %s\n", absent[i].prefix);
            all.unexplained++;
        }
    assert_int_equal(all.unexplained, 0);
    assert_true(all.compared >= 60);
    assert_true(all.direction * 10 >= all.compared * 9);
    assert_true(all.size * 100 >= all.compared * 95);
    assert_true(all.absent <= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_incidents_move_the_same_metrics)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
