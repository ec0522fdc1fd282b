/* SPDX-License-Identifier: Apache-2.0
 *
 * Three calm days with their nightly job, seen as the console sees a deployment: nothing may be said.
 *
 * The simulator runs in virtual time in this process, and its members are asked what a sampling lane asks them, at the same
 * turns. From there on all is as in the program: the sampler's parsing, the frames, the operations of the log, the detector
 * with its strip. The short form is the first six hours, with one night's job; `make soak` is all three days
 * (SIGNALBOX_SOAK_HOURS). The control is a day that is not calm: there the same eyes must see something. */
#include "../sim/scenes.h"

#include "../../src/telemetry/private.h"

#include <signalbox/agents/anomaly_detector.h>

#define POLL_S 5           /* as the console polls a simulated deployment */
#define SECONDARY_EVERY 5  /* polls, as in lane.c */
#define STATUS "{'serverStatus': 1, 'locks': 0, 'catalogStats': 0, 'tcmalloc': 0, 'repl': 0, 'transactions': 0, 'sharding': 0, 'storageEngine': 0, 'security': 0, " \
               "'tenantMigrations': 0, 'twoPhaseCommitCoordinator': 0, 'readConcernCounters': 0, 'electionMetrics': 0}"

struct eyes {
    struct scene x;
    struct sb_telemetry t;
    struct member_state member[SIM_MEMBERS];
    int64_t log_seen[SIM_MEMBERS];
    bool is_primary[SIM_MEMBERS];
    struct sb_detector *d;
    char name[8];  /* of the set */
    char last[24]; /* what was told last */
    int64_t polls, frames, said;
};

static void take_news(struct eyes *e)
{
    struct sb_anomaly a;
    while (sb_detector_take(e->d, e->t.work, e->t.history, &a)) {
        if (!sb_streq(a.id, e->last)) { /* one thing is told again as it is corrected */
            e->said++;
            snprintf(e->last, sizeof e->last, "%s", a.id);
            print_message("at %.0f s: %s %s\n", (double)(a.from - RIG_START_MS) / 1000, a.id, a.title ? a.title : "");
            for (size_t i = 0; i < a.signals_n; i++)
                print_message("    %s of %s: %lld, usually %lld\n", a.signals[i].metric, a.signals[i].subject ? a.signals[i].subject : "-", (long long)a.signals[i].value,
                              (long long)a.signals[i].baseline);
        }
        sb_anomaly_release(&a);
    }
}

static void on_frame(void *ctx, const struct sb_view *view, const struct sb_frame *frame)
{
    struct eyes *e = ctx;
    (void)view;
    e->frames++;
    sb_detector_frame(e->d, frame);
    take_news(e);
}

static void eyes_init(struct eyes *e, const char *scenario)
{
    struct sb_err err = SB_ERR_INIT;
    /* as in telemetry.c: twelve minutes of what was written down */
    struct sb_workload_options work = {.max_shapes = 500, .examples = true, .bucket_ms = 10000, .buckets = 72, .max_bytes = 8 << 20};
    memset(e, 0, sizeof *e);
    snprintf(e->name, sizeof e->name, "rs0");
    scene_init(&e->x, scenario, 1);
    e->t.o.frame = on_frame;
    e->t.o.ctx = e;
    e->t.view.t = &e->t;
    e->t.set_name = e->name;
    e->t.members = e->member;
    e->t.members_n = SIM_MEMBERS;
    e->t.history = sb_history_new();
    e->t.work = sb_workload_new(&work, &err);
    e->t.mail = sb_queue_new(1, &err);
    e->d = sb_detector_new(&err);
    assert_true(e->t.history && e->t.work && e->t.mail && e->d);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        e->log_seen[i] = -1;
        e->member[i].name = sb_format("127.0.0.1:%d", 27017 + i);
        assert_non_null(e->member[i].name);
        assert_int_equal(sb_str_set(&e->member[i].line.name, e->member[i].name), 0);
        assert_int_equal(sb_str_set(&e->member[i].line.state, "UNKNOWN"), 0);
    }
}

static void eyes_release(struct eyes *e)
{
    for (int i = 0; i < SIM_MEMBERS; i++) {
        struct member_state *m = &e->member[i];
        for (size_t k = 0; k < m->last_ns_n; k++)
            free(m->last_ns[k].ns);
        free(m->last_ns);
        free(m->name);
        sb_record_release(&sb_member_line_schema, &m->line);
    }
    for (size_t i = 0; i < e->t.namespaces_n; i++)
        free(e->t.namespaces[i]);
    free(e->t.namespaces);
    free(e->t.rates);
    sb_history_free(e->t.history);
    sb_workload_free(e->t.work);
    sb_queue_free(e->t.mail);
    sb_detector_free(e->d);
    scene_release(&e->x);
}

static const bson_t *reply_of(struct eyes *e, int i, const char *command, bson_t *b)
{
    const uint8_t *reply = rig_ok_on(&e->x.r, i, "admin", command);
    assert_true(bson_init_static(b, reply, sim_doc_len(reply)));
    return b;
}

/* What a lane asks its member at this turn. */
static void poll_member(struct eyes *e, int i)
{
    bson_t reply;
    bool rare = e->polls % SECONDARY_EVERY == 0;
    struct sb_sample *s = sb_sample_new(e->member[i].name, RIG_START_MS + e->polls * POLL_S * 1000);
    assert_non_null(s);
    sb_sample_server_status(s, reply_of(e, i, STATUS, &reply));
    assert_true(s->ok);
    if (e->is_primary[i] || rare) {
        sb_sample_repl_status(s, reply_of(e, i, "{'replSetGetStatus': 1}", &reply));
        e->is_primary[i] = s->is_primary;
        assert_int_equal(sb_sample_top(s, reply_of(e, i, "{'top': 1}", &reply)), 0);
    }
    assert_int_equal(sb_sample_log(s, reply_of(e, i, "{'getLog': 'global'}", &reply), &e->log_seen[i]), 0);
    struct sb_frame frame;
    sb_telemetry_ops(&e->t, s);
    if (sb_telemetry_frame(&e->t, &e->member[i], s, &frame))
        on_frame(e, &e->t.view, &frame);
    sb_sample_free(s);
}

static void look(struct eyes *e, double seconds)
{
    for (; (double)e->polls * POLL_S < seconds; e->polls++) {
        struct sb_strip strip;
        scene_to(&e->x, (double)e->polls * POLL_S);
        for (int i = 0; i < SIM_MEMBERS; i++)
            poll_member(e, i);
        assert_int_equal(sb_view_strip(&e->t.view, &strip), 0);
        sb_detector_strip(e->d, &strip);
        sb_record_release(sb_message_schema(SB_NEWS_STRIP), &strip);
        take_news(e);
    }
}

static void calm_days_are_quiet(void **state)
{
    (void)state;
    struct eyes e;
    const char *said = getenv("SIGNALBOX_SOAK_HOURS");
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    int64_t hours = 1;
#else
    int64_t hours = 6;
#endif
    if (said)
        assert_true(sb_parse_i64(said, &hours) == 0 && hours > 0);
    eyes_init(&e, "three-calm-days");
    look(&e, (double)hours * 3600);
    print_message("%lld hours, %lld frames: %lld anomalies\n", (long long)hours, (long long)e.frames, (long long)e.said);
    assert_true(e.frames > hours * 3600 / POLL_S * (SIM_MEMBERS - 1) / 2);
    assert_int_equal(e.said, 0);
    eyes_release(&e);
}

static void another_day_is_not(void **state)
{
    (void)state;
    struct eyes e;
    eyes_init(&e, "dropped-index");
    look(&e, 900);
    assert_true(e.said > 0);
    eyes_release(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(calm_days_are_quiet), cmocka_unit_test(another_day_is_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
