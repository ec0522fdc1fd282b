/* SPDX-License-Identifier: Apache-2.0
 *
 * The telemetry thread on a simulated set of each server version, over sockets: every metric is found under the name that
 * the version has for it, every member gives frames, and the slow operations come out of its log. Needs SIGNALBOX. */
#include "test.h"

#include <signalbox/base/json.h>
#include <signalbox/base/process.h>
#include <signalbox/mongo/read_door.h>
#include <signalbox/telemetry/telemetry.h>

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_S 100

struct seen {
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned frames[3], primary_frames, with_lag;
    bool missing[SB_METRIC_N]; /* in any frame of the primary */
    uint64_t slow;
    const char *const *member;
    char hash[64];
    uint64_t docs;
};

struct set {
    struct sb_process sim;
    char line[4096];
    json_t *ready;
    struct sb_server *server;
    const char *member[3];
};

static void set_start(struct set *x, const char *version)
{
    struct sb_err err = SB_ERR_INIT;
    const char *program = getenv("SIGNALBOX");
    if (!program)
        fail_msg("SIGNALBOX does not name the built program");
    const char *const argv[] = {program, "sim", "--scenario", "tests/telemetry/versions.scenario", "--speed", "20", "--server-version", version, NULL};
    memset(x, 0, sizeof *x);
    sb_assert_ok(sb_process_spawn(&x->sim, argv, SB_PROCESS_OUT | SB_PROCESS_DIE_WITH_US, &err), err);
    size_t n = 0;
    while (n + 1 < sizeof x->line && read(x->sim.out, x->line + n, 1) == 1 && x->line[n] != '\n')
        n++;
    x->line[n] = '\0';
    x->ready = sb_json_parse(x->line, n, "sim", SB_JSON_ALLOW_REAL, &err);
    assert_non_null(x->ready);
    for (size_t i = 0; i < 3; i++)
        assert_non_null(x->member[i] = json_string_value(json_array_get(json_object_get(x->ready, "members"), i)));
    x->server = sb_server_new(sb_json_str(x->ready, "uri"), true, &err);
    assert_non_null(x->server);
}

static void set_stop(struct set *x)
{
    sb_server_free(x->server);
    json_decref(x->ready);
    sb_process_stop(&x->sim, 2000);
}

static void ask(struct set *x, const char *command, bson_t *reply)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_conn *c = sb_conn_to_member(x->server, x->member[0], SB_LANE_CONTROL, &err);
    assert_non_null(c);
    sb_assert_ok(sb_read_json(c, "admin", command, reply, &err), err);
    sb_conn_close(c);
}

static const struct {
    const char *version;
    bool queues, shape_hash, svc; /* 8.0's */
} versions[] = {{"5.0", false, false, false}, {"6.0", false, false, false}, {"7.0", false, false, false}, {"8.0", true, true, true}};

/* ---- one reply ---- */

static void one_sample(struct set *x, size_t v)
{
    bson_t reply;
    bson_iter_t it, found;
    ask(x, "{\"serverStatus\": 1}", &reply);
    struct sb_sample *s = sb_sample_new(x->member[0], 1);
    assert_non_null(s);
    sb_sample_server_status(s, &reply);
    for (int i = 0; i < SB_METRIC_N; i++)
        if (s->value[i] == SB_NO_VALUE)
            fail_msg("%s: %s was not found", versions[v].version, sb_metric_path((enum sb_metric)i));
    assert_true(bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "queues.execution.read.out", &found) == versions[v].queues);
    bson_destroy(&reply);
    ask(x, "{\"replSetGetStatus\": 1}", &reply);
    sb_sample_repl_status(s, &reply);
    assert_int_equal(s->peers_n, 3);
    assert_string_equal(s->state, "PRIMARY");
    bson_destroy(&reply);
    ask(x, "{\"top\": 1}", &reply);
    assert_int_equal(sb_sample_top(s, &reply), 0);
    assert_true(s->has_top);
    bson_destroy(&reply);
    sb_sample_free(s);
}

/* The slow operation's line: under its id, with the attributes of the version. */
static void one_line(struct set *x, size_t v)
{
    bson_t reply;
    bson_iter_t it, line;
    bool any = false;
    for (int tries = 0; !any && tries < PATIENCE_S * 20; tries++) {
        usleep(50000);
        ask(x, "{\"getLog\": \"global\"}", &reply);
        assert_true(bson_iter_init_find(&it, &reply, "log") && bson_iter_recurse(&it, &line));
        while (!any && bson_iter_next(&line)) {
            const char *text = bson_iter_utf8(&line, NULL);
            if (!strstr(text, "\"id\":51803,") || !strstr(text, "account-page"))
                continue;
            any = true;
            assert_int_equal(strstr(text, "\"planCacheShapeHash\":") != NULL, versions[v].shape_hash);
            assert_int_equal(strstr(text, "\"queryHash\":") != NULL, !versions[v].shape_hash);
            assert_int_equal(strstr(text, "\"svc\":") != NULL, versions[v].svc); /* its end may be cut off */
        }
        bson_destroy(&reply);
    }
    assert_true(any);
}

/* ---- the thread ---- */

static void on_frame(void *ctx, const struct sb_view *view, const struct sb_frame *f)
{
    struct seen *s = ctx;
    (void)view;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < 3; i++)
        s->frames[i] += strcmp(f->member, s->member[i]) == 0;
    s->with_lag += isfinite(f->lag_s) != 0;
    s->primary_frames += f->is_primary;
    for (int i = 0; f->is_primary && i < SB_METRIC_N; i++)
        s->missing[i] = s->missing[i] || !isfinite(f->rate[i]);
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

static void on_tick(void *ctx, const struct sb_view *view)
{
    struct seen *s = ctx;
    const struct sb_workload *w = sb_view_workload(view);
    sb_view_want_log(view);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < sb_workload_size(w); i++) {
        const struct sb_work *x = sb_workload_at(w, i);
        if (strcmp(x->ns, "shop.orders") != 0 || !x->sums.docs_examined)
            continue;
        s->slow = x->sums.count;
        s->docs = x->sums.docs_examined / x->sums.count;
        snprintf(s->hash, sizeof s->hash, "%s", x->query_hash ? x->query_hash : "");
    }
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

static bool enough(const struct seen *s)
{
    return s->frames[0] >= 2 && s->frames[1] >= 2 && s->frames[2] >= 2 && s->primary_frames >= 2 && s->with_lag && s->slow >= 2;
}

static void the_thread(struct set *x, size_t v)
{
    struct seen s;
    struct sb_err err = SB_ERR_INIT;
    struct timespec end;
    memset(&s, 0, sizeof s);
    s.member = x->member;
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.news, NULL);
    struct sb_telemetry_options o = {.server = x->server, .members = x->member, .members_n = 3, .set_name = "rs0", .period_ms = 100,
                                     .frame = on_frame, .tick = on_tick, .ctx = &s};
    struct sb_telemetry *t = sb_telemetry_start(&o, &err);
    if (!t)
        fail_msg("%s", err.msg);
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&s.lock);
    int rc = 0;
    while (!enough(&s) && rc == 0)
        rc = pthread_cond_timedwait(&s.news, &s.lock, &end);
    bool done = enough(&s);
    pthread_mutex_unlock(&s.lock);
    sb_telemetry_halt(t);
    assert_true(sb_telemetry_stop(t, 10000));
    if (!done)
        fail_msg("%s: frames %u %u %u, of the primary %u, with a lag %u, slow %llu", versions[v].version, s.frames[0], s.frames[1], s.frames[2],
                 s.primary_frames, s.with_lag, (unsigned long long)s.slow);
    for (int i = 0; i < SB_METRIC_N; i++)
        if (s.missing[i])
            fail_msg("%s: a frame without %s", versions[v].version, sb_metric_path((enum sb_metric)i));
    assert_true(s.docs >= 5000); /* of a scan */
    assert_int_equal(strlen(s.hash), 8);
    pthread_cond_destroy(&s.news);
    pthread_mutex_destroy(&s.lock);
}

static void every_version_is_sampled(void **state)
{
    (void)state;
    sb_mongo_init();
    for (size_t v = 0; v < SB_COUNT(versions); v++) {
        struct set x;
        struct sb_deployment_facts facts;
        struct sb_err err = SB_ERR_INIT;
        set_start(&x, versions[v].version);
        struct sb_conn *c = sb_conn_to_member(x.server, x.member[0], SB_LANE_CONTROL, &err);
        assert_non_null(c);
        sb_assert_ok(sb_deployment_ask(c, &facts, &err), err);
        assert_int_equal(strncmp(facts.version, versions[v].version, 3), 0);
        assert_true(facts.simulated && !facts.hello.is_mongos);
        sb_deployment_facts_release(&facts);
        sb_conn_close(c);
        one_sample(&x, v);
        the_thread(&x, v);
        one_line(&x, v);
        set_stop(&x);
    }
    sb_mongo_cleanup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_version_is_sampled)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
