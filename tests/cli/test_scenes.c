/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator's scenarios through the live detector, in virtual time: every second each member is asked what the sampler asks
 * it, the replies go the sampler's way (samples, frames, log lines), and what the detector tells is compared with what the
 * scenario is. Each scenario has a seed of its own among ten, and the heaviest are left out; SIGNALBOX_SEEDS=10 is the long form, SIGNALBOX_SCENE names one
 * scenario, or "trends", whose news are printed. */
#include "../sim/scenes.h"

#include "../../src/telemetry/private.h"

#include <signalbox/agents/anomaly_detector.h>
#include <signalbox/base/clock.h>

#include <stdlib.h>

#define TOLD 16

/* Sanitizers make everything eight times as slow, and the whole suite has to end in time. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define EVERY 5
#else
#define EVERY 1
#endif

struct told {
    char id[16], title[200], reason[300], names[400], causes[600];
    int64_t from, detected, to;
    int class_;
};

struct trend {
    char title[300], metric[40];
    int64_t said, at, from, to;
    double value;
};

struct show {
    struct scene x;
    struct sb_telemetry t;
    struct member_state m[SIM_MEMBERS];
    int64_t log_seen[SIM_MEMBERS];
    bool led[SIM_MEMBERS];
    int64_t ahead_ms[SIM_MEMBERS]; /* its clock is wrong */
    uint64_t polls;
    struct sb_detector *d;
    struct told told[TOLD];
    size_t told_n;
    struct trend trend[TOLD];
    size_t trend_n;
    bool print;
};

static void on_line(void *ctx, const char *member, const struct sb_log_line *line, const struct sb_slow_op *op)
{
    sb_detector_line(((struct show *)ctx)->d, member, line, op);
}

static struct told *told_of(struct show *s, const char *id)
{
    for (size_t i = 0; i < s->told_n; i++)
        if (strcmp(s->told[i].id, id) == 0)
            return &s->told[i];
    assert_true(s->told_n < TOLD);
    return &s->told[s->told_n++];
}

static void add_names(char *out, size_t cap, char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + strlen(out), cap - strlen(out), "%s ", names[i]);
}

static double seconds_of(const struct show *s, int64_t ms)
{
    return (double)(ms - s->x.r.s->start / 1000) / 1000;
}

/* Takes the content. */
static void take_trend(struct show *s, struct sb_anomaly *a)
{
    assert_true(s->trend_n < TOLD);
    if (!a->to) {
        struct trend *t = &s->trend[s->trend_n++];
        *t = (struct trend){.said = a->detected_at, .at = a->limit_at, .from = a->limit_from, .to = a->limit_to, .value = (double)a->signals[0].value};
        snprintf(t->title, sizeof t->title, "%s (%s)", a->title, a->class_reason);
        snprintf(t->metric, sizeof t->metric, "%s", a->signals[0].metric);
    }
    sb_anomaly_release(a);
}

static void take_news(struct show *s)
{
    struct sb_anomaly a;
    while (sb_detector_take(s->d, s->t.work, s->t.history, &a)) {
        if (a.trend) {
            take_trend(s, &a);
            continue;
        }
        struct told *k = told_of(s, a.id);
        memset(k, 0, sizeof *k);
        snprintf(k->id, sizeof k->id, "%s", a.id);
        snprintf(k->title, sizeof k->title, "%s", a.title);
        snprintf(k->reason, sizeof k->reason, "%s", a.class_reason);
        k->from = a.from;
        k->detected = a.detected_at;
        k->to = a.to;
        k->class_ = a.class_;
        add_names(k->names, sizeof k->names, a.namespaces, a.namespaces_n);
        add_names(k->names, sizeof k->names, a.apps, a.apps_n);
        add_names(k->names, sizeof k->names, a.members, a.members_n);
        for (size_t i = 0; i < a.causes_n; i++)
            snprintf(k->causes + strlen(k->causes), sizeof k->causes - strlen(k->causes), "%s; ", a.causes[i].what);
        if (s->print) {
            print_message("%6.0f %s %s (%lld %%) from %.0f seen %.0f to %.0f: %s\n       because %s\n       names %s\n       causes %s\n", seconds_of(s, s->t.now), a.id,
                          sb_name(&sb_anomaly_classes, a.class_), (long long)a.confidence_ppm / 10000, seconds_of(s, a.from), seconds_of(s, a.detected_at),
                          a.to ? seconds_of(s, a.to) : 0, a.title, a.class_reason, k->names, k->causes);
            for (size_t i = 0; i < a.signals_n; i++)
                print_message("         %s of %s: %lld -> %lld %s\n", a.signals[i].metric, a.signals[i].subject ? a.signals[i].subject : "", (long long)a.signals[i].baseline,
                              (long long)a.signals[i].value, a.signals[i].unit);
        }
        sb_anomaly_release(&a);
    }
}

static void show_init(struct show *s, const char *scenario, uint64_t seed)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload_options work = {.max_shapes = 500, .examples = true, .bucket_ms = 10000, .buckets = 72, .max_bytes = 8 << 20};
    static char set[] = "rs0";
    memset(s, 0, sizeof *s);
    scene_init(&s->x, scenario, seed);
    s->t.set_name = set;
    s->t.members = s->m;
    s->t.members_n = SIM_MEMBERS;
    s->t.o.line = on_line;
    s->t.o.ctx = s;
    assert_non_null(s->t.history = sb_history_new());
    assert_non_null(s->t.work = sb_workload_new(&work, &err));
    assert_non_null(s->t.mail = sb_queue_new(4, &err));
    assert_non_null(s->d = sb_detector_new(&err));
    for (int i = 0; i < SIM_MEMBERS; i++) {
        s->log_seen[i] = -1;
        assert_non_null(s->m[i].name = sb_format("127.0.0.1:%d", 27017 + i));
        s->m[i].line.lag_s = -1;
        assert_int_equal(sb_str_set(&s->m[i].line.name, s->m[i].name), 0);
        assert_int_equal(sb_str_set(&s->m[i].line.state, "UNKNOWN"), 0);
    }
    s->t.view.t = &s->t;
}

static void show_release(struct show *s)
{
    for (int i = 0; i < SIM_MEMBERS; i++) {
        for (size_t k = 0; k < s->m[i].last_ns_n; k++)
            free(s->m[i].last_ns[k].ns);
        free(s->m[i].last_ns);
        free(s->m[i].name);
        sb_record_release(&sb_member_line_schema, &s->m[i].line);
    }
    for (size_t i = 0; i < s->t.namespaces_n; i++)
        free(s->t.namespaces[i]);
    free(s->t.namespaces);
    free(s->t.rates);
    sb_history_free(s->t.history);
    sb_workload_free(s->t.work);
    sb_queue_free(s->t.mail);
    sb_detector_free(s->d);
    scene_release(&s->x);
}

/* The poll of lane.c, of one member. */
static struct sb_sample *poll(struct show *s, int i)
{
    struct sim_member *m = &s->x.r.s->member[i];
    struct sb_sample *p = sb_sample_new(s->m[i].name, sim_now_ms(s->x.r.s));
    bson_t reply;
    assert_non_null(p);
    uint8_t *shot = scene_shot(&s->x, i); /* opens the connection again too */
    p->ok = sim_doc_len(shot) > 5;
    p->away = !p->ok;
    if (p->ok && bson_init_static(&reply, shot, sim_doc_len(shot)))
        sb_sample_server_status(p, &reply);
    free(shot);
    bool rare = s->polls % 5 == 0;
    if (!p->ok)
        return p;
    assert_true(m->up);
    const uint8_t *status = s->led[i] || rare ? rig_on(&s->x.r, i, "admin", "{'replSetGetStatus': 1}") : NULL;
    if (status && bson_init_static(&reply, status, sim_doc_len(status))) {
        sb_sample_repl_status(p, &reply);
        s->led[i] = p->is_primary;
    }
    const uint8_t *top = s->led[i] || rare ? rig_on(&s->x.r, i, "admin", "{'top': 1}") : NULL;
    if (top && bson_init_static(&reply, top, sim_doc_len(top)))
        assert_int_equal(sb_sample_top(p, &reply), 0);
    const uint8_t *open = rare && sb_sample_wants_transactions(p) ? rig_on(&s->x.r, i, "admin", SB_SAMPLE_TRANSACTIONS) : NULL;
    for (int k = 0; open && k < SB_IDLE_TRANSACTIONS; k++) {
        char path[40];
        snprintf(path, sizeof path, "cursor.firstBatch.%d", k);
        struct sim_val one = sim_path(open, path);
        if (one.type == BSON_TYPE_DOCUMENT && bson_init_static(&reply, one.p, sim_doc_len(one.p)))
            assert_true(sb_sample_transaction(p, &reply));
    }
    const uint8_t *log = rare ? rig_on(&s->x.r, i, "admin", "{'getLog': 'global'}") : NULL;
    if (log && bson_init_static(&reply, log, sim_doc_len(log)))
        assert_int_equal(sb_sample_log(p, &reply, &s->log_seen[i]), 0);
    return p;
}

static void show_second(struct show *s, double at)
{
    scene_to(&s->x, at);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        struct sb_sample *p = poll(s, i);
        struct sb_frame f;
        if (p->ok) {
            p->at += s->ahead_ms[i];
            p->vitals.at_ms += s->ahead_ms[i];
        }
        sb_telemetry_clock(&s->t, &s->m[i], p);
        sb_telemetry_ops(&s->t, p);
        if (sb_telemetry_frame(&s->t, &s->m[i], p, &f))
            sb_detector_frame(s->d, &f);
        sb_sample_free(p);
    }
    struct sb_strip strip;
    assert_int_equal(sb_view_strip(&s->t.view, &strip), 0);
    sb_detector_strip(s->d, &strip);
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), &strip);
    take_news(s);
    s->polls++;
}

/* ---- trends ---- */

/* As the survey reads them, once a minute. */
static void show_levels(struct show *s)
{
    const uint8_t *r = rig_ok(&s->x.r, "admin", "{'dbStats': 1}");
    double share = scene_at(r, "fsUsedSize") / scene_at(r, "fsTotalSize") * 100;
    sb_detector_level(s->d, SB_LIMIT_DISK, "", sim_now_ms(s->x.r.s), share);
    double end[2];
    for (int i = 0; i < 2; i++) {
        r = rig_ok(&s->x.r, "local", i ? "{'find': 'oplog.rs', 'sort': {'~natural': -1}, 'limit': 1}" : "{'find': 'oplog.rs', 'sort': {'~natural': 1}, 'limit': 1}");
        end[i] = (double)((uint64_t)sim_i64(sim_path(r, "cursor.firstBatch.0.ts").p) >> 32);
    }
    r = rig_ok(&s->x.r, "local", "{'collStats': 'oplog.rs'}");
    double size = scene_at(r, "size"), most = scene_at(r, "maxSize"), span = end[1] - end[0];
    sb_detector_level(s->d, SB_LIMIT_OPLOG, "", sim_now_ms(s->x.r.s), (size < most && size > 0 ? span * most / size : span) / 3600);
    if (s->print)
        print_message("%6.0f disk %.2f %%, oplog %.2f h (%.0f of %.0f bytes)\n", seconds_of(s, sim_now_ms(s->x.r.s)), share, span * most / size / 3600, size, most);
}

static void live_through(struct show *s, const char *scenario, double until)
{
    show_init(s, scenario, 3);
    s->print = getenv("SIGNALBOX_SCENE") != NULL;
    for (double at = 10; at <= until; at += 10) {
        show_second(s, at);
        if ((int)at % 60 == 0)
            show_levels(s);
    }
    for (size_t i = 0; i < s->trend_n; i++)
        print_message("%-14s after %4.0f s: %s\n", scenario, seconds_of(s, s->trend[i].said), s->trend[i].title);
}

static void test_a_trend_has_its_date_once(void **state)
{
    (void)state;
    const char *only = getenv("SIGNALBOX_SCENE");
    if (only && strcmp(only, "trends") != 0)
        return;
    struct show *s = calloc(1, sizeof *s);
    assert_non_null(s);
    live_through(s, "disk-filling", 1500);
    size_t disk = 0, others = 0;
    for (size_t i = 0; i < s->trend_n; i++) {
        const struct trend *t = &s->trend[i];
        others += strcmp(t->metric, "disk.used") != 0;
        if (strcmp(t->metric, "disk.used") != 0)
            continue;
        disk++;
        double left = 240 + 7200 * (36.0 - 30.0) / 9.8; /* the copied files alone: the shop's own data comes a little sooner */
        assert_true(t->from <= t->at && (t->to == 0 || t->at <= t->to));
        assert_true(seconds_of(s, t->said) < 1500); /* three quarters of an hour and more before it happens */
        assert_true(fabs(seconds_of(s, t->at) - left) < 0.15 * left);
    }
    assert_int_equal(disk, 1);
    assert_int_equal(others, 0);
    show_release(s);

    live_through(s, "slow-growth", 1500); /* three times the traffic: the oplog reaches back less far */
    assert_int_equal(s->trend_n, 1);
    assert_string_equal(s->trend[0].metric, "oplog.window");
    assert_true(s->trend[0].from <= s->trend[0].at && (s->trend[0].to == 0 || s->trend[0].at <= s->trend[0].to));
    assert_int_equal(s->told_n, 0);
    show_release(s);
    live_through(s, "calm", 1500);
    assert_int_equal(s->trend_n, 0);
    assert_int_equal(s->told_n, 0);
    show_release(s);
    free(s);
}

/* ---- clocks ---- */

/* One member's clock is set an hour ahead: the other one's lag is told as before, by the others' time, and until it has caught up. */
static void test_a_clock_that_is_far_ahead_hides_no_lag(void **state)
{
    (void)state;
    const char *only = getenv("SIGNALBOX_SCENE");
    if (only && strcmp(only, "clocks") != 0)
        return;
    struct show *s = calloc(1, sizeof *s);
    assert_non_null(s);
    show_init(s, "lagging-secondary", 8);
    s->print = only != NULL;
    for (double at = 1; at <= 720; at++) {
        s->ahead_ms[2] = at >= 100 ? 3600000 : 0;
        show_second(s, at);
        assert_true(llabs(s->t.now - sim_now_ms(s->x.r.s)) < 20000); /* the set's time stays that of the two */
    }
    if (s->told_n != 1)
        fail_msg("%zu incidents: %s; %s", s->told_n, s->told[0].title, s->told[1].title);
    assert_int_equal(s->told[0].class_, SB_CLASS_INFRASTRUCTURE);
    assert_non_null(strstr(s->told[0].names, "27018"));
    assert_true(fabs(seconds_of(s, s->told[0].from) - 300) < 45);
    assert_true(seconds_of(s, s->told[0].to) > 600 && seconds_of(s, s->told[0].to) < 720);
    show_release(s);
    free(s);
}

/* ---- what each scenario is ---- */

#define ANY(class_) (1u << (class_))
#define QUIET 0u

static const struct expected {
    const char *scenario;
    double begins, ends, until; /* seconds; ends 0: it goes on */
    unsigned classes;           /* of the incident that is told of it; QUIET: none may be told */
    const char *named;          /* among its namespaces, applications, members and suspects */
    bool heavy;                 /* seconds of work for the simulator: in the long form only */
} expected[] = {
    {"calm", 0, 0, 600, QUIET, NULL, false},
    {"slow-growth", 0, 0, 500, QUIET, NULL, false},
    {"disk-filling", 0, 0, 500, QUIET, NULL, false},
    {"recorded-ramp", 0, 0, 330, QUIET, NULL, false},
    {"slow-orders", 240, 0, 315, ANY(SB_CLASS_CODE), "account-page", false},
    {"slow-tickets", 240, 0, 315, ANY(SB_CLASS_CODE), "dashboard", true},
    {"surge", 240, 0, 315, ANY(SB_CLASS_LOAD), "shop.", false},
    {"dropped-index", 240, 0, 315, ANY(SB_CLASS_CHANGE), "an index was dropped", false},
    {"plan-flip", 240, 0, 330, ANY(SB_CLASS_CHANGE) | ANY(SB_CLASS_CODE), "queue.jobs", false},
    {"connection-storm", 240, 540, 600, ANY(SB_CLASS_DEPENDENCY), "hook", false},
    {"cache-pressure", 240, 600, 330, ANY(SB_CLASS_INFRASTRUCTURE) | ANY(SB_CLASS_CODE), "report", false},
    {"lock-contention", 240, 270, 340, ANY(SB_CLASS_MAINTENANCE), "shop.orders", false},
    {"write-conflicts", 240, 0, 315, ANY(SB_CLASS_CODE), "page-views", false},
    {"error-burst", 240, 480, 560, ANY(SB_CLASS_CODE), "crm-2.1", false},
    {"long-transaction", 240, 840, 330, ANY(SB_CLASS_CODE), "report", false},
    {"backup-running", 240, 540, 660, ANY(SB_CLASS_MAINTENANCE), "mongodump", false},
    {"release-plus-load", 240, 0, 315, ANY(SB_CLASS_CODE), "account-page", false},
    {"release-with-errors", 240, 0, 315, ANY(SB_CLASS_CODE), "account-page", false},
    {"frozen-member", 300, 420, 520, ANY(SB_CLASS_INFRASTRUCTURE), "27019", false},
    {"lagging-secondary", 300, 600, 720, ANY(SB_CLASS_INFRASTRUCTURE), "27018", false},
    {"killed-primary", 300, 390, 560, ANY(SB_CLASS_INFRASTRUCTURE), "27017", false},
    {"step-down", 300, 360, 480, ANY(SB_CLASS_MAINTENANCE), "27017", false},
    {"initial-sync", 300, 390, 520, ANY(SB_CLASS_INFRASTRUCTURE), "27019", false},
    {"lost-majority", 300, 430, 560, ANY(SB_CLASS_INFRASTRUCTURE), "27018", false},
    {"rollback", 300, 370, 500, ANY(SB_CLASS_INFRASTRUCTURE), "27017", false},
    {"recorded-bulk", 120, 180, 180, ANY(SB_CLASS_MAINTENANCE), "nightly-import", true},
    {"recorded-collscan", 120, 195, 260, ANY(SB_CLASS_CODE), "checkout-4.2", true},
    {"recorded-connections", 120, 182, 260, ANY(SB_CLASS_DEPENDENCY), "leaky-worker", false},
    {"recorded-dropindex", 121, 0, 200, ANY(SB_CLASS_CHANGE), "an index was dropped", true},
    {"recorded-errors", 120, 180, 260, ANY(SB_CLASS_CODE), "crm-2.1", false},
    {"recorded-kill", 120, 153, 260, ANY(SB_CLASS_INFRASTRUCTURE), "27017", false},
    {"recorded-load", 120, 185, 270, ANY(SB_CLASS_LOAD), NULL, false},
};

/* Returns what is wrong with it, in words; "" nothing. */
static void judge(const struct show *s, const struct expected *e, char *wrong, size_t cap)
{
    const struct told *k = NULL;
    wrong[0] = '\0';
    if (e->classes == QUIET) {
        if (s->told_n)
            snprintf(wrong, cap, "is to be quiet, and said: %s (%s: %s)", s->told[0].title, sb_name(&sb_anomaly_classes, s->told[0].class_), s->told[0].reason);
        return;
    }
    for (size_t i = 0; i < s->told_n && !k; i++) {
        double from = seconds_of(s, s->told[i].from);
        if (from < e->begins - 25)
            snprintf(wrong, cap, "said %.0f s before anything happened: %s", e->begins - from, s->told[i].title);
        k = from <= e->begins + 45 ? &s->told[i] : NULL;
    }
    if (!k)
        snprintf(wrong, cap, "is not told within 45 s (%zu told)", s->told_n);
    else if (!(ANY(k->class_) & e->classes))
        snprintf(wrong, cap, "is told as %s: %s (%s)", sb_name(&sb_anomaly_classes, k->class_), k->title, k->reason);
    else if (e->named && !strstr(k->names, e->named) && !strstr(k->causes, e->named))
        snprintf(wrong, cap, "does not name %s: %s; %s", e->named, k->names, k->causes);
    else if (strcmp(e->scenario, "release-plus-load") == 0 && (!strstr(k->causes, "times the operations come") || !strstr(k->reason, "beside it")))
        snprintf(wrong, cap, "does not name the load beside it: %s; %s", k->reason, k->causes);
    else if (e->ends > 0 && e->until >= e->ends + 60 && !k->to)
        snprintf(wrong, cap, "has not ended by itself %.0f s after its end", e->until - e->ends);
    else if (s->told_n > 2)
        snprintf(wrong, cap, "is told as %zu incidents: %s; %s; %s", s->told_n, s->told[0].title, s->told[1].title, s->told[2].title);
}

static void test_each_scenario_is_told_as_what_it_is(void **state)
{
    (void)state;
    const char *only = getenv("SIGNALBOX_SCENE"), *n = getenv("SIGNALBOX_SEEDS");
    uint64_t seeds = n ? strtoul(n, NULL, 10) : 0;
    unsigned bad = 0, loud = 0, runs = 0;
    if (EVERY > 1)
        print_message("under a sanitizer: every %dth scenario only\n", EVERY);
    for (size_t i = 0; i < SB_COUNT(expected); i++) {
        const struct expected *e = &expected[i];
        if (only ? strcmp(only, e->scenario) != 0 : (e->heavy || i % EVERY) && !seeds)
            continue;
        uint64_t own = 1 + i * 3 % 10;
        for (uint64_t seed = seeds ? 1 : own; seed <= (seeds ? seeds : own); seed++) {
            struct show *s = calloc(1, sizeof *s);
            char wrong[600];
            assert_non_null(s);
            show_init(s, e->scenario, seed);
            s->print = only != NULL;
            int64_t began = sb_mono_ms();
            for (double at = 1; at <= e->until; at++)
                show_second(s, at);
            judge(s, e, wrong, sizeof wrong);
            const struct told *k = s->told_n ? &s->told[0] : NULL;
            print_message("%-22s seed %2d: %-14s from %5.0f, seen after %4.0f s, lasted %5.0f s, %zu told, %lld ms %s\n", e->scenario, (int)seed,
                          k ? sb_name(&sb_anomaly_classes, k->class_) : "quiet", k ? seconds_of(s, k->from) : 0, k ? (double)(k->detected - k->from) / 1000 : 0,
                          k && k->to ? (double)(k->to - k->from) / 1000 : 0, s->told_n, (long long)(sb_mono_ms() - began), wrong[0] ? "WRONG:" : "");
            if (wrong[0])
                print_message("    %s\n", wrong);
            bad += wrong[0] != '\0';
            loud += wrong[0] && e->classes == QUIET;
            runs++;
            show_release(s);
            free(s);
        }
    }
    print_message("%u of %u right\n", runs - bad, runs);
    assert_int_equal(loud, 0);
    assert_true(bad * 10 <= runs); /* nine of ten are told as what they are */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_trend_has_its_date_once), cmocka_unit_test(test_a_clock_that_is_far_ahead_hides_no_lag), cmocka_unit_test(test_each_scenario_is_told_as_what_it_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
