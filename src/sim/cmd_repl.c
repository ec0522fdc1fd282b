/* SPDX-License-Identifier: Apache-2.0
 *
 * hello, isMaster, and the replSet commands that change something. */
#include <signalbox/sim/accounts.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/wait.h>

#include "commands.h"
#include "role_log.h"

#include <string.h>

static int32_t max_wire(const struct sim *s)
{
    return s->version[0] == 5 ? 13 : s->version[0] == 6 ? 17 : s->version[0] == 7 ? 21 : 25;
}

struct sim_optime sim_committed(const struct sim_member *m)
{
    const struct sim *s = m->sim;
    if (m->branch_n && m->fork_ts < s->commit_ts) /* no majority has what comes behind */
        return (struct sim_optime){m->fork_ts, m->fork_term};
    return s->commit_ts < m->applied_ts ? (struct sim_optime){s->commit_ts, s->commit_term} : sim_applied(m);
}

static void put_last_write(struct sim_w *w, const struct sim_member *m)
{
    struct sim_optime commit = sim_committed(m);
    sim_w_doc(w, "lastWrite");
    sim_put_optime(w, "opTime", sim_applied(m));
    sim_w_date(w, "lastWriteDate", (int64_t)(m->applied_ts >> 32) * 1000);
    sim_put_optime(w, "majorityOpTime", commit);
    sim_w_date(w, "majorityWriteDate", (int64_t)(commit.ts >> 32) * 1000);
    sim_w_end(w);
}

void sim_put_topology(struct sim_w *w, const struct sim_member *m)
{
    sim_w_doc(w, "topologyVersion");
    sim_w_oid(w, "processId", m->process_id);
    sim_w_i64(w, "counter", m->topology);
    sim_w_end(w);
}

void sim_election_id(uint8_t id[12], int64_t term)
{
    memset(id, 0, 12);
    id[0] = 0x7f;
    id[1] = id[2] = id[3] = 0xff;
    for (int i = 0; i < 8; i++)
        id[11 - i] = (uint8_t)((uint64_t)term >> 8 * i);
}

/* Those that can become primary, or those that cannot; hidden ones are in no list. */
static void put_hosts(struct sim_w *w, const struct sim *s, const char *name, bool passive)
{
    bool any = !passive;
    for (int i = 0; i < s->members; i++)
        any = any || (!s->seat[i].hidden && !s->seat[i].arbiter && s->seat[i].priority <= 0);
    if (!any)
        return;
    sim_w_array(w, name);
    for (int i = 0; i < s->members; i++)
        if (!s->seat[i].hidden && !s->seat[i].arbiter && (s->seat[i].priority <= 0) == passive)
            sim_w_text(w, NULL, s->member[i].name);
    sim_w_end(w);
}

static void put_arbiters(struct sim_w *w, const struct sim *s)
{
    if (sim_data_members(s) == s->members)
        return;
    sim_w_array(w, "arbiters");
    for (int i = 0; i < s->members; i++)
        if (s->seat[i].arbiter)
            sim_w_text(w, NULL, s->member[i].name);
    sim_w_end(w);
}

void sim_put_set(struct sim_w *w, const struct sim_member *m, const char *primary_field)
{
    const struct sim *s = m->sim;
    const struct sim_seat *seat = &s->seat[m->id];
    bool writable = m->primary && m->role.writable;
    uint8_t id[12];
    sim_put_topology(w, m);
    put_hosts(w, s, "hosts", false);
    put_hosts(w, s, "passives", true);
    put_arbiters(w, s);
    sim_w_text(w, "setName", s->set_name);
    sim_w_i32(w, "setVersion", m->role.config_version);
    sim_w_bool(w, primary_field, writable);
    sim_w_bool(w, "secondary", m->role.state == SIM_IS_SECONDARY || (m->primary && !writable));
    if (m->role.primary >= 0)
        sim_w_text(w, "primary", s->member[m->role.primary].name);
    if (seat->arbiter)
        sim_w_bool(w, "arbiterOnly", true);
    else if (seat->priority <= 0)
        sim_w_bool(w, "passive", true);
    if (seat->hidden)
        sim_w_bool(w, "hidden", true);
    if (seat->delay_s)
        sim_w_i64(w, "secondaryDelaySecs", seat->delay_s);
    sim_w_text(w, "me", m->name);
    sim_election_id(id, m->role.term);
    if (writable)
        sim_w_oid(w, "electionId", id);
    put_last_write(w, m);
}

void sim_put_hello(struct sim_w *w, const struct sim_member *m, const struct sim_conn *conn, const char *primary_field)
{
    const struct sim *s = m->sim;
    if (sim_is_router(s)) {
        sim_put_topology(w, m);
        sim_w_bool(w, primary_field, true);
        sim_w_text(w, "msg", "isdbgrid");
    } else {
        sim_put_set(w, m, primary_field);
    }
    sim_w_i32(w, "maxBsonObjectSize", SIM_MAX_DOC);
    sim_w_i32(w, "maxMessageSizeBytes", 48000000);
    sim_w_i32(w, "maxWriteBatchSize", 100000);
    sim_w_date(w, "localTime", sim_now_ms(s));
    sim_w_i32(w, "logicalSessionTimeoutMinutes", 30);
    sim_w_i32(w, "connectionId", conn->id);
    sim_w_i32(w, "minWireVersion", 0);
    sim_w_i32(w, "maxWireVersion", max_wire(s));
    sim_w_bool(w, "readOnly", false);
}

static int hello(struct sim_call *c, const char *primary_field)
{
    struct sim_w *w = c->reply;
    struct sim_val client = sim_arg(c, "client");
    if (client.type == BSON_TYPE_DOCUMENT && !c->conn->metadata)
        sim_conn_metadata(c->conn, client.p);
    int waits = sim_await_topology(c, primary_field);
    if (waits)
        return waits < 0 ? -1 : 0;
    if (sim_truth(sim_arg(c, "helloOk")))
        sim_w_bool(w, "helloOk", true);
    sim_put_hello(w, c->m, c->conn, primary_field);
    return sim_hello_login(c);
}

int sim_cmd_hello(struct sim_call *c)
{
    return hello(c, "isWritablePrimary");
}

int sim_cmd_is_master(struct sim_call *c)
{
    return hello(c, "ismaster");
}

/* ---- step down, freeze ---- */

static bool try_step_down(struct sim *s, struct sim_member *m, struct sim_w *w, struct sim_fail *f, int64_t since_us, const int64_t *terms)
{
    (void)s;
    (void)w;
    return sim_try_step_down(m, &(struct sim_step_down){terms[0], terms[1], terms[2] != 0}, since_us, f);
}

enum { SECONDS, CATCH_UP, FORCE };

int sim_cmd_repl_step_down(struct sim_call *c)
{
    int64_t terms[3] = {60, 10, 0};
    bool force = false;
    struct sim_val seconds = sim_arg(c, "replSetStepDown"), catch_up = sim_arg(c, "secondaryCatchUpPeriodSecs");
    if (sim_is_number(seconds.type) && sim_int(seconds, 0) != 0)
        terms[SECONDS] = sim_int(seconds, 60);
    if (sim_arg_bool(c, "force", &force))
        return -1;
    terms[FORCE] = force;
    if (terms[SECONDS] < 0)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "stepdown period must be a positive integer");
    if (!catch_up.type)
        terms[CATCH_UP] = force ? 0 : 10;
    else
        terms[CATCH_UP] = sim_int(catch_up, 10);
    if (terms[CATCH_UP] < 0)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "secondaryCatchUpPeriodSecs period must be a positive or absent");
    if (terms[SECONDS] < terms[CATCH_UP])
        return sim_fail(&c->fail, SIM_BAD_VALUE, "stepdown period must be longer than secondaryCatchUpPeriodSecs");
    if (!c->m->primary)
        return sim_fail(&c->fail, SIM_NOT_PRIMARY, "not primary so can't step down");
    if (!c->m->role.writable)
        return sim_fail(&c->fail, SIM_NOT_PRIMARY, "not primary so can't step down");
    return sim_await_attempt(c, try_step_down, terms);
}

int sim_cmd_repl_freeze(struct sim_call *c)
{
    struct sim_member *m = c->m;
    int64_t seconds = sim_int(sim_arg(c, "replSetFreeze"), 0);
    if (seconds < 0)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "seconds must be non-negative");
    if (m->primary)
        return sim_fail(&c->fail, 95, "cannot freeze node when primary or running for election. state: Primary");
    if (seconds == 0) {
        m->role.frozen_us = c->s->now;
        sim_w_text(c->reply, "info", "unfreezing");
        sim_say(m, "REPL", 21818, "conn", "Unfreezing", "");
        return 0;
    }
    if (seconds == 1)
        sim_w_text(c->reply, "warning", "you really want to freeze for only 1 second?");
    if (m->role.frozen_us < c->s->now + seconds * 1000000)
        m->role.frozen_us = c->s->now + seconds * 1000000;
    return 0;
}
