/* SPDX-License-Identifier: Apache-2.0 */
#include "private.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/record.h>
#include <signalbox/bus/pool.h>

#include <stdlib.h>
#include <string.h>

#define MAIL_CALL 100
#define MAIL_TAIL 101
#define MAIL_STOP 102
#define WAITING_SAMPLES 256
#define TICK_MS 1000
#define WORK_BUCKET_MS 10000
#define WORK_BUCKETS 72 /* twelve minutes: an evidence window and a watch window after it */
#define WORK_SHAPES 500
#define WORK_BYTES (8 << 20)
#define FORGET_MS (60 * 60 * 1000) /* a shape that was not seen for an hour of deployment time */

struct tail {
    char **dbs;
    size_t n;
};

static void drop_call(void *p)
{
    struct sb_view_call *c = p;
    if (c->drop)
        c->drop(c->arg);
}

static void free_tail(void *p)
{
    struct tail *t = p;
    for (size_t i = 0; i < t->n; i++)
        free(t->dbs[i]);
    free(t->dbs);
    free(t);
}

/* ---- the view ---- */

const struct sb_workload *sb_view_workload(const struct sb_view *v)
{
    return v->t->work;
}

const struct sb_history *sb_view_history(const struct sb_view *v)
{
    return v->t->history;
}

int64_t sb_view_now(const struct sb_view *v)
{
    return v->t->now;
}

uint64_t sb_view_samples(const struct sb_view *v)
{
    return v->t->samples;
}

void sb_view_want_log(const struct sb_view *v)
{
    for (size_t i = 0; i < v->t->members_n; i++)
        if (v->t->members[i].lane)
            sb_lane_want_log(v->t->members[i].lane);
}

size_t sb_view_namespaces(const struct sb_view *v, char *const **out)
{
    *out = v->t->namespaces;
    return v->t->namespaces_n;
}

int sb_view_strip(const struct sb_view *v, struct sb_strip *out)
{
    const struct sb_telemetry *t = v->t;
    memset(out, 0, sizeof *out);
    out->at = t->now;
    out->samples = (int64_t)t->samples;
    out->log_gaps = t->log_gaps;
    out->dropped = (int64_t)sb_queue_dropped(t->mail);
    const struct sb_schema *strip = sb_message_schema(SB_NEWS_STRIP);
    if (t->set_name[0] && sb_str_set(&out->set_name, t->set_name))
        goto fail;
    for (size_t i = 0; i < t->members_n; i++) {
        const struct member_state *m = &t->members[i];
        struct sb_member_line *line = SB_PUSH(out->members);
        if (!line || sb_record_copy(&sb_member_line_schema, line, &m->line))
            goto fail;
        int64_t span = m->last_at - m->first_at; /* its own clock: how fast a simulated one runs is no load */
        out->commands += m->commands;
        out->errors += m->errors;
        int64_t load = span > 0 ? m->commands * 1000000 / span : 0;
        if (load > out->commands_per_s_milli)
            out->commands_per_s_milli = load;
        if (m->error[0] && !out->note) {
            if (sb_str_set(&out->note, m->error))
                goto fail;
            out->obstacle = m->away ? SB_OBSTACLE_AWAY : SB_OBSTACLE_REFUSES;
        }
        if (m->last_wall > out->wall)
            out->wall = m->last_wall;
    }
    return 0;
fail:
    sb_record_release(strip, out);
    return -1;
}

/* ---- the thread ---- */

static struct member_state *find_member(struct sb_telemetry *t, const char *name)
{
    for (size_t i = 0; i < t->members_n; i++)
        if (strcmp(t->members[i].name, name) == 0)
            return &t->members[i];
    return NULL;
}

static void take_sample(struct sb_telemetry *t, struct sb_sample *s)
{
    struct member_state *m = find_member(t, s->member);
    struct sb_frame frame;
    if (!m)
        return;
    t->log_gaps += s->log_gap;
    sb_telemetry_clock(t, m, s);
    sb_telemetry_ops(t, s);
    if (sb_telemetry_frame(t, m, s, &frame) && t->o.frame)
        t->o.frame(t->o.ctx, &t->view, &frame);
}

static void take_mail(struct sb_telemetry *t, struct sb_mail *mail)
{
    switch (mail->kind) {
    case SB_LANE_SAMPLE:
        take_sample(t, mail->payload);
        sb_sample_free(mail->payload);
        break;
    case MAIL_CALL: {
        struct sb_view_call *c = mail->payload;
        c->fn(c->arg, &t->view);
        break;
    }
    case MAIL_TAIL: {
        struct tail *tail = mail->payload;
        char **dbs = t->tailed;
        size_t n = t->tailed_n;
        t->tailed = tail->dbs;
        t->tailed_n = tail->n;
        tail->dbs = dbs;
        tail->n = n;
        free_tail(tail);
        break;
    }
    case MAIL_STOP:
        t->stopping = true;
        break;
    default:
        break;
    }
}

static void *telemetry_main(void *arg)
{
    struct sb_telemetry *t = arg;
    struct sb_mail mail;
    int tick_ms = t->o.period_ms < TICK_MS ? (int)t->o.period_ms : TICK_MS; /* faster than once a second only where simulated time is */
    while (!t->stopping) {
        bool got = sb_queue_wait(t->mail, &mail, tick_ms);
        if (got)
            take_mail(t, &mail);
        int64_t now = sb_mono_ms();
        if (t->o.tick && now - t->last_tick_ms >= tick_ms) {
            t->last_tick_ms = now;
            sb_workload_forget(t->work, t->now - FORGET_MS, NULL);
            t->o.tick(t->o.ctx, &t->view);
        }
    }
    return NULL;
}

/* ---- from other threads ---- */

void sb_telemetry_call(struct sb_telemetry *t, struct sb_view_call *call, sb_view_fn fn, void *arg, void (*drop)(void *arg))
{
    call->fn = fn;
    call->arg = arg;
    call->drop = drop;
    sb_queue_post_letter(t->mail, &call->letter, MAIL_CALL, call, drop_call);
}

void sb_telemetry_tail_profiles(struct sb_telemetry *t, char *const *dbs, size_t n)
{
    struct tail *tail = calloc(1, sizeof *tail);
    if (!tail)
        return;
    for (size_t i = 0; i < n; i++)
        if (sb_strs_push(&tail->dbs, &tail->n, dbs[i])) {
            free_tail(tail);
            return;
        }
    for (size_t i = 0; i < t->members_n; i++)
        if (t->members[i].lane) {
            int ignored = sb_lane_tail_profiles(t->members[i].lane, dbs, n); /* out of memory: that member's stays as it was */
            (void)ignored;
        }
    sb_queue_post(t->mail, MAIL_TAIL, tail, free_tail);
}

static void free_telemetry(struct sb_telemetry *t)
{
    for (size_t i = 0; i < t->members_n; i++) {
        struct member_state *m = &t->members[i];
        for (size_t k = 0; k < m->last_ns_n; k++)
            free(m->last_ns[k].ns);
        free(m->last_ns);
        free(m->name);
        sb_record_release(&sb_member_line_schema, &m->line);
    }
    free(t->members);
    for (size_t i = 0; i < t->namespaces_n; i++)
        free(t->namespaces[i]);
    free(t->namespaces);
    for (size_t i = 0; i < t->tailed_n; i++)
        free(t->tailed[i]);
    free(t->tailed);
    free(t->rates);
    sb_history_free(t->history);
    sb_workload_free(t->work);
    sb_queue_free(t->mail);
    free(t->set_name);
    free(t);
}

/* True when every lane has ended; one that hangs in the driver is left alone. */
static bool end_lanes(struct sb_telemetry *t, int grace_ms)
{
    int64_t until = sb_mono_ms() + grace_ms;
    bool all = true;
    for (size_t i = 0; i < t->members_n; i++)
        if (t->members[i].lane)
            sb_lane_stop(t->members[i].lane);
    for (size_t i = 0; i < t->members_n; i++) {
        int64_t left = until - sb_mono_ms();
        if (t->members[i].lane)
            all &= sb_lane_join(t->members[i].lane, left > 0 ? (int)left : 0);
    }
    return all;
}

static int init_member(struct member_state *m, const char *name, const char *shard)
{
    m->name = sb_strdup_n(name, strlen(name));
    m->line = (struct sb_member_line){.lag_s = -1, .reads_per_s_milli = -1, .writes_per_s_milli = -1, .read_latency_us = -1,
                                      .write_latency_us = -1, .connections = -1, .queued = -1, .cache_ppm = -1};
    return !m->name || sb_str_set(&m->line.name, name) || sb_str_set(&m->line.shard, shard) || sb_str_set(&m->line.state, "UNKNOWN") ? -1 : 0;
}

struct sb_telemetry *sb_telemetry_start(const struct sb_telemetry_options *o, struct sb_err *err)
{
    struct sb_telemetry *t = calloc(1, sizeof *t);
    if (!t) {
        sb_fail_nomem(err);
        return NULL;
    }
    struct sb_workload_options work = {.max_shapes = WORK_SHAPES, .examples = true, .bucket_ms = WORK_BUCKET_MS, .buckets = WORK_BUCKETS, .max_bytes = WORK_BYTES};
    t->o = *o;
    t->view.t = t;
    t->set_name = sb_strdup_n(o->set_name, strlen(o->set_name));
    t->history = sb_history_new();
    t->members = calloc(o->members_n ? o->members_n : 1, sizeof *t->members);
    if (!t->set_name || !t->history || !t->members) {
        sb_fail_nomem(err);
        goto fail;
    }
    t->mail = sb_queue_new(WAITING_SAMPLES, err);
    if (!t->mail || !(t->work = sb_workload_new(&work, err)))
        goto fail;
    for (size_t i = 0; i < o->members_n; i++) {
        t->members_n++;
        if (init_member(&t->members[i], o->members[i], o->shards ? o->shards[i] : NULL)) {
            sb_fail_nomem(err);
            goto fail;
        }
    }
    for (size_t i = 0; i < t->members_n; i++) {
        t->members[i].lane = sb_lane_start(o->server, t->members[i].name, o->period_ms, t->mail, err);
        if (!t->members[i].lane)
            goto fail;
    }
    /* last, because from here on the lanes' array belongs to the thread */
    if (sb_thread_start(&t->thread, telemetry_main, t, "sb-telemetry", err))
        goto fail;
    return t;
fail:
    if (end_lanes(t, 3000))
        free_telemetry(t);
    return NULL;
}


void sb_telemetry_halt(struct sb_telemetry *t)
{
    if (!t || t->halted)
        return;
    sb_queue_post_letter(t->mail, &t->stop, MAIL_STOP, NULL, NULL);
    pthread_join(t->thread, NULL);
    t->halted = true;
}

bool sb_telemetry_stop(struct sb_telemetry *t, int grace_ms)
{
    if (!t)
        return true;
    sb_telemetry_halt(t);
    bool all = end_lanes(t, grace_ms);
    if (all)
        free_telemetry(t); /* a lane that hangs still posts into the mail when it wakes */
    return all;
}
