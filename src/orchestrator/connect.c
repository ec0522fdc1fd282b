/* SPDX-License-Identifier: Apache-2.0
 *
 * The way to the deployment: what it is, whether it is still the one that the name was bound to, and the telemetry that
 * watches it from then on. */
#include "private.h"

#include <errno.h>
#include <string.h>

#define CONNECT_AGAIN_MS 2000
#define SAMPLE_MS 1000
/* A simulator's clock may run fast. Our polls follow it to four in a second of ours, and beyond that so far that there is one in
 * five seconds of its time, but no further than twenty. */
#define OFTEN_MS 250
#define SIMULATED_MS 5000
#define LEAST_MS 50
#define MAX_NAMES 2000

/* ---- telemetry's hooks: they run on the telemetry thread ---- */

static void free_strip(void *p)
{
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), p);
    free(p);
}

void sb_o_free_found(void *p)
{
    struct found *f = p;
    sb_anomaly_release(&f->anomaly);
    free(f);
}

static void tell_anomalies(struct sb_orchestrator *o, const struct sb_view *view)
{
    struct found *mail; /* first, for what was taken out of the detector must not be lost; without memory it stays there */
    while ((mail = malloc(sizeof *mail)) && sb_detector_take(o->detector, sb_view_workload(view), sb_view_history(view), &mail->anomaly))
        sb_queue_post_letter(o->mail, &mail->letter, MAIL_ANOMALY, mail, sb_o_free_found);
    free(mail);
}

static void on_line(void *ctx, const char *member, const struct sb_log_line *line, const struct sb_slow_op *op)
{
    struct sb_orchestrator *o = ctx;
    sb_detector_line(o->detector, member, line, op);
}

static void on_frame(void *ctx, const struct sb_view *view, const struct sb_frame *frame)
{
    struct sb_orchestrator *o = ctx;
    if (sb_detector_frame(o->detector, frame))
        sb_view_want_log(view);
    tell_anomalies(o, view);
}

void sb_o_free_names(void *p)
{
    struct names *n = p;
    for (size_t i = 0; i < n->n; i++)
        free(n->list[i]);
    free(n->list);
    free(n);
}

static void tell_names(struct sb_orchestrator *o, const struct sb_view *view)
{
    char *const *list;
    size_t n = sb_view_namespaces(view, &list);
    struct names *mail = n != o->namespaces_told ? calloc(1, sizeof *mail) : NULL;
    if (!mail)
        return;
    for (size_t i = 0; i < n; i++)
        if (sb_strs_push(&mail->list, &mail->n, list[i])) {
            sb_o_free_names(mail);
            return;
        }
    if (sb_queue_post(o->mail, MAIL_NAMES, mail, sb_o_free_names))
        o->namespaces_told = n;
}

static void on_tick(void *ctx, const struct sb_view *view)
{
    struct sb_orchestrator *o = ctx;
    struct sb_strip *s = malloc(sizeof *s);
    if (!s)
        return;
    if (sb_view_strip(view, s)) {
        free(s);
        return;
    }
    sb_detector_strip(o->detector, s);
    tell_anomalies(o, view);
    sb_detector_warmup(o->detector, &s->warmup_done, &s->warmup_need);
    sb_queue_post_telemetry(o->mail, 1, MAIL_STRIP, s, free_strip);
    tell_names(o, view);
}

/* ---- connecting ---- */

struct connecting {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_deployment_facts facts;
    struct names names;
    struct sb_err err;
};

static void free_connecting(void *p)
{
    struct connecting *c = p;
    sb_deployment_facts_release(&c->facts);
    for (size_t i = 0; i < c->names.n; i++)
        free(c->names.list[i]);
    free(c->names.list);
    free(c);
}

static void no_connection(struct sb_orchestrator *o, const struct sb_err *why)
{
    int ignored = sb_str_set(&o->connect_note, why->msg);
    (void)ignored;
    o->obstacle = why->code == SB_ESERVER && why->detail == EHOSTUNREACH ? SB_OBSTACLE_AWAY : SB_OBSTACLE_REFUSES;
}

static void connect_back(struct sb_orchestrator *o, void *p);

static void connect_work(void *p)
{
    struct connecting *c = p;
    struct sb_err err = SB_ERR_INIT;
    struct sb_conn *conn = sb_conn_to_primary(c->o->opt.server, SB_LANE_CONTROL, &err);
    if (!conn || sb_deployment_ask(conn, &c->facts, &err))
        c->err = err;
    else
        sb_catalogue_names(conn, MAX_NAMES, &c->names.list, &c->names.n); /* without it, requests must name db.collection */
    sb_conn_close(conn);
    sb_o_post_done(c->o, &c->way, connect_back, c, free_connecting);
}

void sb_o_start_connecting(struct sb_orchestrator *o)
{
    struct connecting *c = calloc(1, sizeof *c);
    if (!c)
        return;
    c->o = o;
    o->connecting = sb_o_work(o, &c->way, connect_work, c, free_connecting);
}

void sb_o_add_names(struct sb_orchestrator *o, const struct names *names)
{
    for (size_t i = 0; i < names->n && o->namespaces_n < MAX_NAMES; i++)
        if (!sb_strs_has(o->namespaces, o->namespaces_n, names->list[i]) && sb_strs_push(&o->namespaces, &o->namespaces_n, names->list[i]))
            return; /* out of memory: this collection has to be written out in a request */
}

/* A name is bound to what it meant the first time; a simulator is a new one each time it starts, so it is never bound. */
static int bind_name(struct sb_orchestrator *o, struct sb_err *err)
{
    char *id = NULL;
    if (!o->facts.simulated && sb_o_bound_id(o, &id, err))
        return -1;
    int rc = 0;
    if (id && !sb_streq(id, o->facts.id))
        rc = sb_fail(err, SB_ESERVER, "%s was bound to %s, and this is %s: a different deployment behind the same name is not acted on",
                     o->deployment, id, o->facts.id);
    else if (!sb_streq(id, o->facts.id))
        rc = sb_o_record(o, SB_ENTRY_BOUND, NULL, NULL,
                         json_pack("{s:s,s:s,s:s,s:b,s:s}", "deployment", o->deployment, "id", o->facts.id, "environment",
                                   sb_name(&sb_environments, o->opt.environment), "simulated", o->facts.simulated, "servers",
                                   sb_server_shown(o->opt.server)), err);
    free(id);
    return rc;
}

const char *sb_o_set_name(const struct sb_orchestrator *o)
{
    return o->facts.hello.is_mongos ? "sharded cluster" : o->facts.hello.set_name;
}

/* Before the first sample: the detector judges each shard by itself. -1 out of memory. */
static int tell_shards(struct sb_orchestrator *o, char *const *members, const char *const *shards, size_t n)
{
    const struct sb_schema *schema = sb_message_schema(SB_NEWS_STRIP);
    struct sb_strip s;
    int rc = 0;
    memset(&s, 0, sizeof s);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct sb_member_line *line = SB_PUSH(s.members);
        rc = !line || sb_str_set(&line->name, members[i]) || sb_str_set(&line->shard, shards[i]);
    }
    if (rc == 0)
        sb_detector_strip(o->detector, &s);
    sb_record_release(schema, &s);
    return rc ? -1 : 0;
}

static int start_telemetry(struct sb_orchestrator *o, struct sb_err *err)
{
    char **members = NULL;
    size_t n = 0;
    if (sb_o_nodes(o, &members, &n))
        return sb_fail_nomem(err);
    const char **shards = o->facts.hello.is_mongos ? calloc(n + 1, sizeof *shards) : NULL;
    for (size_t i = 0; shards && i < n; i++)
        shards[i] = sb_shard_of(&o->facts, members[i]);
    int64_t period = o->opt.sample_ms;
    if (period == 0) {
        int64_t least = SIMULATED_MS / o->facts.speed;
        least = least > OFTEN_MS ? OFTEN_MS : least < LEAST_MS ? LEAST_MS : least;
        period = SAMPLE_MS / o->facts.speed;
        period = period < least ? least : period;
    }
    struct sb_telemetry_options t = {.server = o->opt.server, .members = (const char *const *)members, .members_n = n,
                                     .set_name = sb_o_set_name(o), .shards = shards, .period_ms = o->sample_period_ms = period, .line = on_line, .frame = on_frame, .tick = on_tick, .ctx = o};
    if (o->facts.hello.is_mongos && (!shards || tell_shards(o, members, shards, n)))
        sb_fail_nomem(err);
    else
        o->telemetry = sb_telemetry_start(&t, err);
    free(shards);
    for (size_t i = 0; i < n; i++)
        free(members[i]);
    free(members);
    return o->telemetry ? 0 : -1;
}

static void connect_back(struct sb_orchestrator *o, void *p)
{
    struct connecting *c = p;
    struct sb_err err = SB_ERR_INIT;
    o->connecting = false;
    if (c->err.code != SB_OK) {
        no_connection(o, &c->err);
        o->connect_again_ms = sb_mono_ms() + CONNECT_AGAIN_MS;
        sb_o_tell_strip(o);
        free_connecting(c);
        return;
    }
    o->facts = c->facts;
    memset(&c->facts, 0, sizeof c->facts);
    sb_o_add_names(o, &c->names);
    free_connecting(c);
    if (bind_name(o, &err) || start_telemetry(o, &err)) {
        if (err.code == SB_ESERVER) {
            int ignored = sb_str_set(&o->target_error, err.msg);
            (void)ignored;
            if (!o->telemetry && start_telemetry(o, &err) == 0) /* looking on is harmless */
                o->connected = true;
        } else {
            no_connection(o, &err);
            o->connect_again_ms = sb_mono_ms() + CONNECT_AGAIN_MS;
        }
    } else {
        o->connected = true;
    }
    for (size_t i = 0; i < o->seats_n; i++)
        if (o->seats[i]->said_hello)
            sb_o_welcome(o, o->seats[i]->id, 0);
    for (size_t i = 0; i < o->facts.blind_n; i++)
        sb_o_notice(o, SB_LOW, "Blind: %s", o->facts.blind[i]);
    sb_o_tell_strip(o);
    if (o->connected) {
        sb_o_owning_connected(o);
        sb_o_recover(o);
    }
}
