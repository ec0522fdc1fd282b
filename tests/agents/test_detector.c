/* SPDX-License-Identifier: Apache-2.0
 *
 * The Anomaly Detector on made frames: a shop with noise, and what is done to it. */
#include "test.h"

#include <math.h>
#include <signalbox/agents/anomaly_detector.h>
#include <signalbox/base/clock.h>
#include <signalbox/formats/mongolog.h>
#include <signalbox/model/hush.h>

#include <stdio.h>
#include <string.h>

#define NAMESPACES 4

struct shop {
    struct sb_rng rng;
    struct sb_detector *d;
    struct sb_workload *work;
    struct sb_history *history;
    int64_t at;
    double reads[NAMESPACES], read_us[NAMESPACES], writes[NAMESPACES], write_us[NAMESPACES];
    double examined; /* per read */
    double lag;
    double connections, most_connections; /* 0: not told */
    double returned; /* documents a read; 0: not told */
    struct sb_anomaly last;
    int opened, closed;
};

static const char *const names[NAMESPACES] = {"shop.orders", "shop.carts", "shop.products", "crm.users"};

static void shop_init(struct shop *s, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    struct sb_err err = SB_ERR_INIT;
    sb_rng_seed(&s->rng, seed);
    s->d = sb_detector_new(&err);
    struct sb_workload_options o = {.max_shapes = 100, .examples = true, .bucket_ms = 10000, .buckets = 120};
    s->work = sb_workload_new(&o, &err);
    s->history = sb_history_new();
    assert_non_null(s->d);
    assert_non_null(s->work);
    assert_non_null(s->history);
    s->at = INT64_C(1767603600000);
    for (int i = 0; i < NAMESPACES; i++) {
        s->reads[i] = 60.0 / (i + 1);
        s->writes[i] = 12.0 / (i + 1);
        s->read_us[i] = 1500 + 400 * i;
        s->write_us[i] = 2200;
    }
    s->examined = 1.3;
}

static void shop_release(struct shop *s)
{
    sb_detector_free(s->d);
    sb_workload_free(s->work);
    sb_history_free(s->history);
    sb_anomaly_release(&s->last);
}

/* Poisson by counting exponential gaps; enough for a test. */
static int64_t poisson(struct sb_rng *rng, double mean)
{
    int64_t n = -1;
    for (double t = 0; t < mean; n++)
        t += sb_rng_exponential(rng, 1);
    return n < 0 ? 0 : n;
}

static double noisy(struct sb_rng *rng, double v)
{
    return v * exp((sb_rng_unit(rng) + sb_rng_unit(rng) + sb_rng_unit(rng) - 1.5) * 0.25);
}

static void take_news(struct shop *s)
{
    struct sb_anomaly a;
    while (sb_detector_take(s->d, s->work, s->history, &a)) {
        s->opened += a.to == 0 && !sb_streq(a.id, s->last.id);
        s->closed += a.to != 0;
        sb_anomaly_release(&s->last);
        s->last = a;
    }
}

/* One interval of dt seconds on the primary. */
static void step(struct shop *s, double dt)
{
    struct sb_ns_rate ns[NAMESPACES];
    struct sb_frame f = {.at = s->at += (int64_t)(dt * 1000), .dt_s = dt, .member = "m0", .is_primary = true, .ns = ns, .ns_n = NAMESPACES, .lag_s = s->lag, .log_fresh = true};
    double reads = 0;
    for (int i = 0; i < SB_METRIC_N; i++)
        f.rate[i] = NAN;
    for (int i = 0; i < NAMESPACES; i++) {
        int64_t r = poisson(&s->rng, s->reads[i] * dt), w = poisson(&s->rng, s->writes[i] * dt);
        ns[i] = (struct sb_ns_rate){names[i], r, w, (double)r / dt, (double)w / dt, r ? noisy(&s->rng, s->read_us[i]) : NAN, w ? noisy(&s->rng, s->write_us[i]) : NAN};
        struct sb_ns_work work = {.reads = r, .read_us = r ? (int64_t)(ns[i].read_us * (double)r) : 0, .writes = w,
                                  .write_us = w ? (int64_t)(ns[i].write_us * (double)w) : 0, .covered_ms = (int64_t)(dt * 1000)};
        assert_int_equal(sb_history_add(s->history, names[i], f.at - (int64_t)(dt * 1000), f.at, &work), 0);
        reads += (double)r;
    }
    f.rate[SB_METRIC_READ_OPS] = reads / dt;
    f.rate[SB_METRIC_DOCS_EXAMINED] = noisy(&s->rng, s->examined) * reads / dt;
    f.rate[SB_METRIC_QUEUED] = 0;
    if (s->most_connections > 0) {
        f.rate[SB_METRIC_CONNECTIONS] = s->connections * (1 + (sb_rng_unit(&s->rng) - 0.5) * 0.02);
        f.rate[SB_METRIC_CONNECTIONS_FREE] = s->most_connections - f.rate[SB_METRIC_CONNECTIONS];
    }
    if (s->returned > 0)
        f.rate[SB_METRIC_DOCS_RETURNED] = s->returned * reads / dt;
    sb_detector_frame(s->d, &f);
    take_news(s);
}

static void steps(struct shop *s, int n, double dt)
{
    for (int i = 0; i < n; i++)
        step(s, dt);
}

static void calm_is_quiet(void **state)
{
    (void)state;
    static const double every[] = {1, 5};
    for (size_t k = 0; k < SB_COUNT(every); k++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct shop s;
            shop_init(&s, seed);
            steps(&s, 3600, every[k]);
            if (s.opened)
                fail_msg("seed %d, every %.0f s: %s", (int)seed, every[k], s.last.title);
            shop_release(&s);
        }
}

static void slow_op(struct shop *s, const char *app)
{
    char line[1024], at[SB_TIME_LEN + 1];
    sb_time_format(at, s->at);
    int n = snprintf(line, sizeof line,
                     "{\"t\":{\"$date\":\"%s\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"shop.orders\","
                     "\"appName\":\"%s\",\"command\":{\"find\":\"orders\",\"filter\":{\"customer_email\":\"x\"},\"sort\":{\"created_at\":-1},\"$db\":\"shop\"},\"planSummary\":\"COLLSCAN\","
                     "\"keysExamined\":0,\"docsExamined\":20000,\"hasSortStage\":true,\"nreturned\":5,\"durationMillis\":210}}", at, app);
    struct sb_mongolog reader;
    struct sb_log_line l;
    struct sb_slow_op op;
    sb_mongolog_init(&reader);
    assert_int_equal(sb_mongolog_line(&reader, line, (size_t)n, &l, &op), SB_LOG_GOOD);
    assert_true(l.slow);
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_workload_add(s->work, &op, &err), err);
    sb_mongolog_release(&reader);
}

/* Whenever it ends, and whenever the log is looked at again meanwhile, its end tells how much it was. */
static void an_anomaly_that_is_over_keeps_its_height(void **state)
{
    (void)state;
    for (int n = 20; n < 90; n += 3) {
        struct shop s;
        double times = 0;
        shop_init(&s, (uint64_t)n);
        steps(&s, 300, 1);
        s.read_us[0] = 60000;
        for (int i = 0; i < n; i++) {
            if (i % 5 == 0)
                slow_op(&s, "account-page");
            step(&s, 1);
        }
        s.read_us[0] = 1500;
        steps(&s, 200, 1);
        assert_int_equal(s.closed, 1);
        if (sscanf(s.last.title, "Reads of shop.orders take %lf times as long", &times) != 1 || times < 20)
            fail_msg("after %d s: %s", n, s.last.title);
        assert_int_equal(s.last.severity, SB_HIGH);
        shop_release(&s);
    }
}

static void a_bad_query_is_code_and_names_shape_and_app(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct shop s;
        shop_init(&s, seed);
        steps(&s, 60, 5);
        int64_t began = s.at;
        s.read_us[0] *= 9;
        s.examined *= 400;
        for (int i = 0; i < 12; i++) {
            for (int k = 0; k < 15; k++)
                slow_op(&s, "checkout-2.4");
            step(&s, 5);
        }
        assert_int_equal(s.opened, 1);
        assert_int_equal(s.last.class_, SB_CLASS_CODE);
        assert_true(llabs(s.last.from - began) <= 15000);
        assert_true(sb_strs_has(s.last.namespaces, s.last.namespaces_n, "shop.orders"));
        assert_int_equal(s.last.shapes_n, 1);
        assert_true(sb_strs_has(s.last.apps, s.last.apps_n, "checkout-2.4"));
        assert_true(s.last.causes_n == 1 && s.last.causes[0].confidence_ppm > 500000);
        assert_true(s.last.unexplained_ppm < 500000);
        assert_non_null(strstr(s.last.title, "shop.orders"));
        s.read_us[0] /= 9;
        s.examined /= 400;
        steps(&s, 20, 5);
        assert_int_equal(s.closed, 1);
        assert_true(s.last.to > s.last.from);
        steps(&s, 200, 5);
        assert_int_equal(s.opened, 1);
        shop_release(&s);
    }
}

/* The change nearest to it comes first; one elsewhere, or of another day, is no suspect; a drop makes it a change. */
static void a_change_before_it_is_a_suspect(void **state)
{
    (void)state;
    static const struct {
        const char *what, *ns;
        int before_s;
        bool alters, suspected;
    } told[] = {
        {"release 1", "shop", 20, false, true},        {"release 2", NULL, 300, false, true}, {"release 3", "crm.users", 20, false, false},
        {"release 4", "shop.orders", 3000, false, false}, {"release 5", "sho", 20, false, false},
    };
    for (int alters = 0; alters < 2; alters++) {
        struct shop s;
        shop_init(&s, 5);
        steps(&s, 120, 5);
        for (size_t i = 0; i < SB_COUNT(told); i++)
            sb_detector_change(s.d, &(struct sb_change){s.at - told[i].before_s * 1000, told[i].what, told[i].ns, "checkout", told[i].alters, 0});
        if (alters)
            sb_detector_change(s.d, &(struct sb_change){s.at - 10000, "dropped i", "shop.orders", NULL, true, 0});
        s.read_us[0] *= 9;
        s.examined *= 400;
        steps(&s, 12, 5);
        assert_int_equal(s.opened, 1);
        assert_int_equal(s.last.class_, alters ? SB_CLASS_CHANGE : SB_CLASS_CODE);
        assert_int_equal(s.last.causes_n, 2 + alters);
        for (size_t i = 0; i < s.last.causes_n; i++)
            assert_int_equal(s.last.causes[i].rank, i + 1);
        assert_string_equal(s.last.causes[0].what, alters ? "dropped i" : "release 1, checkout");
        assert_string_equal(s.last.causes[1 + alters].what, "release 2, checkout");
        assert_true(s.last.causes[0].confidence_ppm > s.last.causes[1 + alters].confidence_ppm);
        assert_true(!alters || strstr(s.last.class_reason, "dropped i just before it began"));
        shop_release(&s);
    }
    struct shop s; /* more of them than are kept */
    shop_init(&s, 6);
    steps(&s, 120, 5);
    for (int i = 0; i < 3 * SB_CHANGES_KEPT; i++)
        sb_detector_change(s.d, &(struct sb_change){s.at, "one of many", NULL, NULL, false, 0});
    s.read_us[0] *= 9;
    steps(&s, 12, 5);
    assert_int_equal(s.last.causes_n, 5);
    shop_release(&s);
}

static void more_of_the_same_is_load(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct shop s;
        shop_init(&s, seed);
        steps(&s, 60, 5);
        for (int i = 0; i < NAMESPACES; i++) {
            s.reads[i] *= 3;
            s.writes[i] *= 3;
            s.read_us[i] *= 1.3;
        }
        steps(&s, 30, 5);
        assert_int_equal(s.opened, 1); /* eight series, one anomaly */
        assert_int_equal(s.last.class_, SB_CLASS_LOAD);
        assert_int_equal(s.last.shapes_n, 0);
        shop_release(&s);
    }
}

/* Its end is told in the words of its height, not in those of what came after. */
static void the_end_is_told_as_it_was(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 21);
    steps(&s, 60, 5);
    s.read_us[0] *= 9;
    s.examined *= 400;
    steps(&s, 20, 5);
    assert_int_equal(s.last.class_, SB_CLASS_CODE);
    s.read_us[0] /= 9;
    s.examined /= 400;
    steps(&s, 20, 5);
    assert_int_equal(s.closed, 1);
    assert_int_equal(s.last.class_, SB_CLASS_CODE);
    double times = 0;
    assert_int_equal(sscanf(s.last.title, "Reads of shop.orders take %lf times as long", &times), 1);
    assert_true(times > 5);
    assert_null(strstr(s.last.class_reason, "nothing was mended"));
    shop_release(&s);
}

static void what_lasts_is_not_called_mended(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 22);
    steps(&s, 60, 5);
    s.read_us[0] *= 9;
    s.examined *= 400;
    steps(&s, 500, 5); /* 42 minutes */
    assert_int_equal(s.opened, 1);
    assert_int_equal(s.closed, 1);
    assert_int_equal(s.last.class_, SB_CLASS_CODE);
    assert_non_null(strstr(s.last.class_reason, "nothing was mended: it lasted so long that it counts as usual"));
    assert_null(strstr(s.last.title, "1.0 times"));
    shop_release(&s);
}

/* Reads are mended by something that makes writes slow: two anomalies, and the first keeps its name. */
static void what_comes_later_is_another(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 23);
    steps(&s, 60, 5);
    s.read_us[0] *= 9;
    s.examined *= 400;
    steps(&s, 60, 5);
    assert_int_equal(s.opened, 1);
    s.write_us[0] *= 12; /* still within the first */
    steps(&s, 10, 5);
    s.read_us[0] /= 9;
    s.examined /= 400;
    int before = s.closed;
    steps(&s, 10, 5);
    assert_int_equal(s.closed, before + 1);
    assert_int_equal(s.opened, 2);
    assert_non_null(strstr(s.last.title, "Writes of shop.orders"));
    s.write_us[0] /= 12;
    steps(&s, 30, 5);
    assert_int_equal(s.closed, before + 2);
    assert_int_equal(s.opened, 2);
    shop_release(&s);
}

static void lag_is_infrastructure(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 5);
    steps(&s, 60, 5);
    s.lag = 45;
    steps(&s, 10, 5);
    assert_int_equal(s.opened, 1);
    assert_int_equal(s.last.class_, SB_CLASS_INFRASTRUCTURE);
    assert_true(sb_strs_has(s.last.members, s.last.members_n, "m0"));
    shop_release(&s);
}

static void nothing_is_said_before_it_is_warm(void **state)
{
    (void)state;
    struct shop s;
    int64_t done, need;
    shop_init(&s, 6);
    steps(&s, 10, 5);
    sb_detector_warmup(s.d, &done, &need);
    assert_int_equal(done, 10);
    s.read_us[0] *= 50;
    steps(&s, 5, 5);
    assert_int_equal(s.opened, 0);
    shop_release(&s);
}

/* ---- members' lives ---- */

/* A strip of three members, and after it an interval of the shop. States: P primary, S secondary, x does not answer. */
static void strip(struct shop *s, const char *states)
{
    static char hosts[][3] = {"m0", "m1", "m2"}, set[] = "rs0", primary[] = "PRIMARY", secondary[] = "SECONDARY", down[] = "DOWN";
    struct sb_member_line m[3] = {0};
    struct sb_strip strip = {.at = s->at, .set_name = set, .members = m, .members_n = 3};
    for (int i = 0; i < 3; i++)
        m[i] = (struct sb_member_line){.name = hosts[i], .healthy = states[i] != 'x', .state = states[i] == 'P' ? primary : states[i] == 'S' ? secondary : down};
    sb_detector_strip(s->d, &strip);
    take_news(s);
    step(s, 5);
}

static void strips(struct shop *s, int n, const char *states)
{
    for (int i = 0; i < n; i++)
        strip(s, states);
}

static void a_dead_primary_is_one_anomaly(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 7);
    steps(&s, 60, 5);
    strips(&s, 10, "PSS");
    int64_t answered = s.at - 5000;
    strips(&s, 2, "xSS");
    assert_int_equal(s.opened, 0); /* one slow answer is not a death */
    strips(&s, 1, "xSS");
    assert_int_equal(s.opened, 1);
    assert_int_equal(s.last.from, answered);
    assert_int_equal(s.last.class_, SB_CLASS_INFRASTRUCTURE);
    assert_int_equal(s.last.severity, SB_HIGH);
    assert_string_equal(s.last.title, "m0 does not answer, and no member is primary");
    strips(&s, 4, "xPS");
    assert_int_equal(s.opened, 1);
    assert_string_equal(s.last.title, "m0, the primary, does not answer; m1 took over");
    assert_true(sb_strs_has(s.last.members, s.last.members_n, "m0") && sb_strs_has(s.last.members, s.last.members_n, "m1"));
    assert_int_equal(s.last.namespaces_n, 0);
    strips(&s, 30, "SPS");
    assert_int_equal(s.closed, 1);
    strips(&s, 200, "SPS");
    assert_int_equal(s.opened, 1);
    shop_release(&s);
}

/* Two shards, of which each has its own primary: no election, and who has none is told by its name. States: of s0, then of s1. */
static void shard_strip(struct shop *s, const char *states)
{
    static char hosts[][3] = {"m0", "m1", "m2", "n0", "n1", "n2"}, set[] = "sharded cluster", first[] = "s0", second[] = "s1", primary[] = "PRIMARY", secondary[] = "SECONDARY";
    struct sb_member_line m[6] = {0};
    struct sb_strip strip = {.at = s->at, .set_name = set, .members = m, .members_n = 6};
    for (int i = 0; i < 6; i++)
        m[i] = (struct sb_member_line){.name = hosts[i], .shard = i < 3 ? first : second, .healthy = true, .state = states[i] == 'P' ? primary : secondary};
    sb_detector_strip(s->d, &strip);
    take_news(s);
    step(s, 5);
}

static void each_shard_has_a_primary_of_its_own(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 7);
    steps(&s, 60, 5);
    for (int i = 0; i < 60; i++)
        shard_strip(&s, "PSSPSS");
    assert_int_equal(s.opened, 0);
    for (int i = 0; i < 4; i++)
        shard_strip(&s, "PSSSSS");
    assert_int_equal(s.opened, 1);
    assert_string_equal(s.last.title, "no member of s1 is primary: it takes no writes");
    for (int i = 0; i < 4; i++)
        shard_strip(&s, "PSSSPS");
    assert_true(sb_strs_has(s.last.members, s.last.members_n, "n1") && !sb_strs_has(s.last.members, s.last.members_n, "m0"));
    shop_release(&s);
}

/* The same measure of the same collection is another one on each shard: it is told on which. */
static void a_signal_names_its_shard(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 7);
    for (int i = 0; i < 120; i++)
        shard_strip(&s, "PSSPSS");
    s.read_us[0] *= 40;
    for (int i = 0; i < 10; i++)
        shard_strip(&s, "PSSPSS");
    assert_int_equal(s.opened, 1);
    assert_true(s.last.signals_n && s.last.plots_n);
    assert_string_equal(s.last.signals[0].subject, "shop.orders");
    assert_string_equal(s.last.signals[0].shard, "s0");
    assert_string_equal(s.last.plots[0].shard, "s0");
    bool told = false, evident = false;
    for (size_t i = 0; i < s.last.timeline_n; i++)
        told |= strstr(s.last.timeline[i].what, "ns.read_latency_us of shop.orders on s0 leaves its usual") != NULL;
    for (size_t i = 0; i < s.last.evidence_n; i++)
        evident |= sb_streq(s.last.evidence[i].ns, "shop.orders") && strstr(s.last.evidence[i].value, ", on s0");
    assert_true(told && evident);
    shop_release(&s);
}

/* By its priority, before all is over. */
static void a_primary_that_comes_back_is_told(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 7);
    steps(&s, 60, 5);
    strips(&s, 10, "PSS");
    strips(&s, 7, "xPS");
    strips(&s, 3, "SPS");
    strips(&s, 3, "PSS");
    assert_int_equal(s.opened, 1);
    assert_string_equal(s.last.title, "m0, the primary, did not answer, and is primary again");
    shop_release(&s);
}

static void a_step_down_is_maintenance(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 8);
    steps(&s, 60, 5);
    strips(&s, 10, "PSS");
    strips(&s, 1, "SSS");
    strips(&s, 1, "SPS");
    assert_int_equal(s.opened, 0);
    strips(&s, 1, "SPS");
    assert_int_equal(s.opened, 1);
    assert_int_equal(s.last.class_, SB_CLASS_MAINTENANCE);
    assert_int_equal(s.last.severity, SB_LOW);
    assert_string_equal(s.last.title, "m1 took over as primary from m0");
    strips(&s, 60, "SPS");
    assert_int_equal(s.closed, 1);
    shop_release(&s);
}

/* A query that becomes slow right after a step-down is the query's fault still. */
static void a_step_down_hides_no_bad_query(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 9);
    steps(&s, 60, 5);
    strips(&s, 10, "PSS");
    strips(&s, 3, "SPS");
    assert_int_equal(s.last.class_, SB_CLASS_MAINTENANCE);
    s.read_us[0] *= 9;
    s.examined *= 400;
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 15; k++)
            slow_op(&s, "checkout-2.4");
        strip(&s, "SPS");
    }
    assert_int_equal(s.last.class_, SB_CLASS_CODE);
    assert_non_null(strstr(s.last.title, "shop.orders"));
    shop_release(&s);
}

static void a_silence_does_not_take_over_what_was_there(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 10);
    steps(&s, 60, 5);
    strips(&s, 10, "PSS");
    s.read_us[0] *= 9;
    s.examined *= 400;
    strips(&s, 10, "PSS");
    assert_int_equal(s.opened, 1);
    assert_int_equal(s.last.class_, SB_CLASS_CODE);
    strips(&s, 4, "PSx");
    assert_int_equal(s.opened, 2);
    assert_string_equal(s.last.title, "m2 does not answer");
    shop_release(&s);
}

static void flapping_and_strangers_are_no_deaths(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 11);
    strips(&s, 50, "PSx"); /* never answered: that is told where the connection is made */
    for (int i = 0; i < 20; i++) {
        strips(&s, 2, "PxS");
        strips(&s, 1, "PSS");
    }
    assert_int_equal(s.opened, 0);
    shop_release(&s);
}

static void a_set_without_a_primary_is_told(void **state)
{
    (void)state;
    struct shop s;
    shop_init(&s, 12);
    strips(&s, 5, "PSS");
    strips(&s, 4, "SSS");
    assert_int_equal(s.opened, 1);
    assert_string_equal(s.last.title, "no member of rs0 is primary: it takes no writes");
    assert_int_equal(s.last.members_n, 0);
    strips(&s, 12, "PSS"); /* the same one again */
    assert_int_equal(s.closed, 1);
    shop_release(&s);
}

#define HOUR_MS INT64_C(3600000)

static void backups(struct shop *s, int64_t wall, const struct sb_backup_seen *list, size_t n)
{
    sb_detector_backups(s->d, s->at += 60000, wall, list, n);
    take_news(s);
}

/* One that fails, one that does not come, and a good one after each: the times of those before are the schedule. */
static void a_backup_that_fails_or_does_not_come_is_told(void **state)
{
    (void)state;
    struct shop s;
    struct sb_backup_seen b[9];
    int64_t t = INT64_C(1795000000000);
    shop_init(&s, 5);
    for (int i = 0; i < 7; i++)
        b[i] = (struct sb_backup_seen){t + (6 - i) * 24 * HOUR_MS + i * 60000, true, "dump"}; /* in no order */
    int64_t last = t + 6 * 24 * HOUR_MS;
    backups(&s, last + HOUR_MS, b, 7);
    backups(&s, last + 24 * HOUR_MS, b, 7);
    backups(&s, last + 30 * HOUR_MS, b, 7); /* late, but not yet overdue */
    assert_int_equal(s.opened, 0);
    backups(&s, last + 32 * HOUR_MS, b, 7);
    assert_int_equal(s.opened, 1);
    assert_string_equal(s.last.signals[0].metric, "backup.missed");
    assert_int_equal(s.last.signals[0].value, 32);
    assert_non_null(strstr(s.last.class_reason, "one came every 24.0 h"));
    assert_string_equal(sb_anomaly_must_speak(&s.last, -1), "backups fail");
    backups(&s, last + 33 * HOUR_MS, b, 7); /* it is told once */
    assert_int_equal(s.closed, 0);
    b[7] = (struct sb_backup_seen){last + 33 * HOUR_MS, true, "dump"};
    backups(&s, last + 34 * HOUR_MS, b, 8);
    assert_int_equal(s.closed, 1);
    b[8] = (struct sb_backup_seen){last + 57 * HOUR_MS, false, "/backups/tuesday: shop/orders.bson is cut off"};
    backups(&s, last + 58 * HOUR_MS, b, 9);
    assert_int_equal(s.opened, 2);
    assert_string_equal(s.last.signals[0].metric, "backup.failed");
    assert_non_null(strstr(s.last.class_reason, "orders.bson is cut off"));
    assert_int_equal(s.last.severity, SB_HIGH);
    b[8].usable = true;
    backups(&s, last + 59 * HOUR_MS, b, 9);
    assert_int_equal(s.closed, 2);
    for (int i = 0; i < 3; i++)
        b[i].usable = false;
    backups(&s, last + 60 * HOUR_MS, b, 3); /* and none at all */
    assert_string_equal(s.last.title, "no backup here can be used");
    backups(&s, last + 61 * HOUR_MS, NULL, 0); /* a place that is empty is said by who is asked: no backups are kept here */
    shop_release(&s);
}

/* Connections that grow by a tenth of a percent of the limit a minute, and documents examined for each one returned by five: each is
 * told once for its next limit, with a date that the true one is near, and within what is said to be sure. */
static void connections_and_scans_that_grow_have_their_date(void **state)
{
    (void)state;
    for (int scans = 0; scans < 2; scans++) {
        struct shop s;
        shop_init(&s, 31);
        s.most_connections = scans ? 0 : 1000;
        s.returned = scans ? 1 : 0;
        int64_t began = s.at, truth = began + (scans ? (1000 - 100) / 5 : (800 - 300) / 1) * INT64_C(60000);
        int told = 0;
        for (int i = 0; i < 720; i++) { /* an hour */
            double minutes = (double)(s.at - began) / 60000;
            s.connections = 300 + minutes;
            s.examined = scans ? 100 + 5 * minutes : 1.3;
            char *before = sb_format("%s", s.last.id ? s.last.id : "");
            step(&s, 5);
            told += s.last.trend && !sb_streq(before, s.last.id);
            free(before);
        }
        assert_int_equal(told, 1);
        assert_string_equal(s.last.signals[0].metric, scans ? "docs_examined_per_returned" : "connections.used");
        if (llabs(s.last.limit_at - truth) > (truth - began) / 4)
            fail_msg("said %lld min from the beginning, is %lld", (long long)(s.last.limit_at - began) / 60000, (long long)(truth - began) / 60000);
        assert_true(s.last.limit_from <= truth && (!s.last.limit_to || truth <= s.last.limit_to));
        shop_release(&s);
    }
    struct shop s; /* and what only wavers has none */
    shop_init(&s, 32);
    s.most_connections = 1000;
    s.connections = 300;
    s.returned = 1;
    steps(&s, 720, 5);
    assert_int_equal(s.opened, 0);
    shop_release(&s);
}

/* More and more of them fail: the trend has its date, also when all of it is learned at once. */
static void backups_that_become_fewer_are_a_trend(void **state)
{
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        struct shop s;
        struct sb_backup_seen b[60];
        int64_t t = INT64_C(1795000000000);
        shop_init(&s, 6);
        for (int i = 0; i < 60; i++)
            b[i] = (struct sb_backup_seen){t + i * 6 * HOUR_MS, !fails || i % 10 >= i / 10 || i == 59, "dump"};
        backups(&s, b[59].taken_at + HOUR_MS, b, 60);
        assert_int_equal(s.opened, fails);
        if (fails) {
            assert_true(s.last.trend && s.last.limit_at > b[59].taken_at);
            assert_string_equal(s.last.signals[0].metric, "backup.usable_of_ten");
            assert_true(s.last.limit_from <= s.last.limit_at && (!s.last.limit_to || s.last.limit_to >= s.last.limit_at));
        }
        shop_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calm_is_quiet),
        cmocka_unit_test(an_anomaly_that_is_over_keeps_its_height),
        cmocka_unit_test(a_bad_query_is_code_and_names_shape_and_app),
        cmocka_unit_test(a_change_before_it_is_a_suspect),
        cmocka_unit_test(more_of_the_same_is_load),
        cmocka_unit_test(the_end_is_told_as_it_was),
        cmocka_unit_test(what_lasts_is_not_called_mended),
        cmocka_unit_test(what_comes_later_is_another),
        cmocka_unit_test(lag_is_infrastructure),
        cmocka_unit_test(nothing_is_said_before_it_is_warm),
        cmocka_unit_test(a_signal_names_its_shard), cmocka_unit_test(each_shard_has_a_primary_of_its_own), cmocka_unit_test(a_dead_primary_is_one_anomaly),
        cmocka_unit_test(a_primary_that_comes_back_is_told), cmocka_unit_test(a_step_down_is_maintenance),
        cmocka_unit_test(a_step_down_hides_no_bad_query),
        cmocka_unit_test(a_silence_does_not_take_over_what_was_there),
        cmocka_unit_test(flapping_and_strangers_are_no_deaths),
        cmocka_unit_test(a_set_without_a_primary_is_told),
        cmocka_unit_test(a_backup_that_fails_or_does_not_come_is_told),
        cmocka_unit_test(backups_that_become_fewer_are_a_trend),
        cmocka_unit_test(connections_and_scans_that_grow_have_their_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
