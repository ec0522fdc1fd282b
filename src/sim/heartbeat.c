/* SPDX-License-Identifier: Apache-2.0
 *
 * What a member knows of the others, and how it learns it. */
#include <signalbox/sim/repl.h>
#include <signalbox/sim/rollback.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/wait.h>

#include "chatter.h"
#include "role_log.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_US 500000         /* after a refused heartbeat, while there is no primary */
#define ROLLBACK_US 3000000     /* how long one takes: back to a checkpoint, and on from there */
#define CHOOSE_SOURCE_US 950000 /* from losing a sync source to having the next one */

/* ---- whom it follows ---- */

/* The primary, or, while there is none, somebody who has more. */
static int best_source(const struct sim_member *m)
{
    const struct sim *s = m->sim;
    int primary = m->role.primary;
    if (primary >= 0 && m->role.peer[primary].up)
        return primary;
    for (int i = 0; i < s->members; i++)
        if (i != m->id && m->role.peer[i].up && !s->member[i].branch_n && sim_optime_compare(m->role.peer[i].applied, sim_applied(m)) > 0)
            return i;
    return -1;
}

/* A source that is down, or that follows nobody itself and is not ahead of us, is none. */
bool sim_has_source(const struct sim_member *m)
{
    const struct sim_peer *p = m->role.sync >= 0 ? &m->role.peer[m->role.sync] : NULL;
    return p && p->up && (p->state == SIM_IS_PRIMARY || (p->state == SIM_IS_SECONDARY && p->sync >= 0 && p->sync != m->id) ||
                        sim_optime_compare(p->applied, sim_applied(m)) > 0);
}

static void clear_source(struct sim_member *m)
{
    if (m->role.sync >= 0)
        sim_say(m, "REPL", 21080, "BackgroundSync", "Clearing sync source to choose a new one", "syncSource:s", m->sim->member[m->role.sync].name);
    m->role.sync = m->role.syncing = -1;
}

static void on_choose(struct sim *s, void *ctx)
{
    struct sim_member *m = ctx;
    int best = best_source(m), old = m->role.sync;
    m->role.choosing = false;
    if (!m->up || m->hung || m->primary || sim_has_source(m))
        return;
    clear_source(m);
    if (best < 0)
        return; /* it looks again when it hears more */
    m->role.sync = m->role.syncing = best;
    sim_say(m, "REPL", 21799, "BackgroundSync", "Sync source candidate chosen", "syncSource:s", s->member[best].name);
    sim_say(m, "REPL", 21088, "BackgroundSync", "Changed sync source", "oldSyncSource:s newSyncSource:s", old < 0 ? "empty" : s->member[old].name,
            s->member[best].name);
    sim_apply_wake(s);
}

/* It goes on with a source that is no good any more until it finds out at the end of a batch; one that is down is dropped at
 * once. */
static void check_source(struct sim_member *m)
{
    struct sim *s = m->sim;
    if (m->primary || s->seat[m->id].arbiter)
        return;
    if (m->role.syncing >= 0 && s->now - m->role.peer[m->role.syncing].beat_us < SIM_HEARTBEAT_US)
        m->role.syncing = -1;
    if (m->role.choosing || sim_has_source(m))
        return;
    if (m->role.sync >= 0 && !m->role.peer[m->role.sync].up)
        clear_source(m);
    m->role.choosing = sim_at(s, s->now + CHOOSE_SOURCE_US, on_choose, m, NULL) == 0; /* no memory: the next heartbeat tries again */
}

/* ---- rolling back ---- */

static void on_rolled_back(struct sim *s, void *ctx)
{
    struct sim_member *m = ctx;
    if (!m->up || m->role.state != SIM_IN_ROLLBACK)
        return;
    if (m->hung || sim_roll_back(s, m)) { /* stopped, or out of memory */
        if (sim_at(s, s->now + ROLLBACK_US, on_rolled_back, m, NULL))
            return;
        return;
    }
    m->role.rbid++;
    m->role.recovering = true;
    m->role.target = sim_others_have(s, m);
    sim_role_enter(m, SIM_IS_RECOVERING, "BackgroundSync");
    sim_role_applied(s, m);
    sim_apply_wake(s);
}

/* It sees a primary: if it has gone another way it has to come back first. */
static void check_history(struct sim_member *m)
{
    struct sim *s = m->sim;
    if (m->primary || m->role.state == SIM_IN_ROLLBACK || m->role.primary < 0 || !sim_must_roll_back(s, m))
        return;
    sim_role_enter(m, SIM_IN_ROLLBACK, "BackgroundSync");
    sim_conn_cut_all(m);
    if (sim_at(s, s->now + ROLLBACK_US, on_rolled_back, m, NULL))
        return; /* out of memory: it stays in this state */
}

/* ---- learning ---- */

void sim_lose_primary(struct sim_member *m)
{
    if (m->role.primary < 0)
        return;
    m->role.primary = -1;
    sim_topology_changed(m);
}

void sim_learn_term(struct sim_member *m, int64_t term)
{
    if (term <= m->role.term)
        return;
    m->role.term = term;
    if (!m->primary)
        return;
    m->role.higher_term++;
    sim_say(m, "REPL", 21402, "ReplCoord-8", "Stepping down from primary, because a new term has begun", "term:i", term);
    sim_step_down(m, 0, "ReplCoord-8");
}

static bool outranks(const struct sim_member *m, const struct sim_member *primary)
{
    return m->sim->seat[m->id].priority > m->sim->seat[primary->id].priority;
}

/* By rank: the one with the most priority runs first. */
static int64_t takeover_delay(struct sim_member *m)
{
    int rank = 1;
    for (int i = 0; i < m->sim->members; i++)
        rank += m->sim->seat[i].priority > m->sim->seat[m->id].priority;
    return rank * SIM_ELECTION_US + (int64_t)(sb_rng_unit(&m->role.rng) * 0.15 * (double)SIM_ELECTION_US);
}

void sim_learn_primary(struct sim_member *m, struct sim_member *primary)
{
    struct sim *s = m->sim;
    m->role.heard_us = s->now;
    bool other = m->role.primary != primary->id;
    if (m->role.config_term != primary->role.config_term || m->role.config_version != s->config_version) {
        m->role.config_term = primary->role.config_term;
        m->role.config_version = s->config_version;
        sim_say(m, "REPL", 21392, "ReplCoord-6", "New replica set config in use", "term:i version:i", m->role.config_term, m->role.config_version);
        if (!other)
            sim_topology_changed(m);
    }
    if (other) {
        sim_say(m, "REPL", 2903000, "conn12", "Restarting heartbeats after learning of a new primary", "senderAndPrimaryId:i senderTerm:i",
                (int64_t)primary->id, primary->role.term);
        sim_heartbeats_restart(m);
        m->role.primary = primary->id;
        m->role.takeover_us = 0;
        sim_topology_changed(m);
    }
    if (outranks(m, primary) && m->role.takeover_us == 0 && m->role.state == SIM_IS_SECONDARY && s->seat[m->id].priority > 0) {
        m->role.takeover_us = s->now + takeover_delay(m);
        sim_say(m, "ELECTION", 4615601, "ReplCoord-4", "Scheduling priority takeover", "when:d", m->role.takeover_us / 1000);
    }
    check_history(m);
}

/* ---- one heartbeat ---- */

static void unreachable(struct sim_member *a, struct sim_member *b, const char *why)
{
    struct sim_peer *p = &a->role.peer[b->id];
    snprintf(p->message, sizeof p->message, "%s", why);
    sim_say(a, "REPL_HB", 23974, "ReplCoord-13", "Heartbeat failed after max retries", "target:s maxHeartbeatRetries:i error:s", b->name, INT64_C(2), why);
    p->beat_us = a->sim->now;
    if (p->up)
        sim_say(a, "REPL", 21216, "ReplCoord-13", "Member is now in state RS_DOWN", "hostAndPort:s heartbeatMessage:s", b->name, why);
    p->up = false;
    p->state = SIM_DOWN;
    p->applied = (struct sim_optime){0, -1};
    p->elected_ts = 0;
    p->sync = -1;
    p->config_version = p->config_term = -1;
    if (a->role.primary == b->id && !a->primary)
        sim_lose_primary(a);
    check_source(a);
}

/* b's answer reaches a. */
static void take(struct sim_member *a, struct sim_member *b)
{
    struct sim *s = a->sim;
    struct sim_peer *p = &a->role.peer[b->id];
    if (!p->up)
        p->up_since_us = s->now;
    if (!p->up || p->state != b->role.state)
        sim_say(a, "REPL", 21215, "ReplCoord-4", "Member is in new state", "hostAndPort:s newState:s", b->name, sim_state_name(b->role.state));
    p->up = true;
    p->message[0] = '\0';
    p->state = b->role.state;
    p->beat_us = p->contact_us = s->now;
    p->applied = sim_applied(b);
    p->applied_wall_ms = b->applied_wall_ms;
    p->elected_ts = b->primary ? b->role.elected_ts : 0;
    p->sync = b->role.sync;
    p->config_version = b->role.config_version;
    p->config_term = b->role.config_term;
    if (b->primary && b->role.term == a->role.term)
        sim_learn_primary(a, b);
    else if (a->role.primary == b->id && !a->primary)
        sim_lose_primary(a);
    check_source(a);
    sim_apply_wake(s); /* there may be more to fetch than it knew */
}

void sim_heartbeat(struct sim_member *a, struct sim_member *b)
{
    struct sim *s = a->sim;
    struct sim_peer *p = &a->role.peer[b->id], *q = &b->role.peer[a->id];
    char why[160];
    if (!a->up || a->hung)
        return;
    if (!b->up) {
        snprintf(why, sizeof why, "Error connecting to %s :: caused by :: Connection refused", b->name);
        unreachable(a, b, why);
        return;
    }
    if (b->hung) {
        p->silent_us = p->silent_us ? p->silent_us : s->now;
        if (s->now - p->silent_us >= SIM_ELECTION_US) /* heartbeatTimeoutSecs */
            unreachable(a, b, "Couldn't get a connection within the time limit");
        return;
    }
    p->silent_us = 0;
    q->heard_us = q->contact_us = s->now;
    sim_chatter_heartbeat(b);
    sim_learn_term(b, a->role.term);
    sim_learn_term(a, b->role.term);
    take(a, b);
    if (!q->up && a != b) /* who hears from a member it takes for dead asks at once */
        take(b, a);
}

/* ---- when ---- */

struct beat {
    struct sim_member *from, *to;
    bool once;
    unsigned round; /* of the pair: those of an earlier one are void */
};

static void on_beat(struct sim *s, void *ctx)
{
    struct beat *b = ctx;
    if (!b->once && b->round != b->from->role.peer[b->to->id].round) {
        free(b);
        return;
    }
    sim_heartbeat(b->from, b->to);
    bool hurry = b->from->up && !b->to->up && b->from->role.primary < 0;
    if (b->once || sim_at(s, s->now + (hurry ? RETRY_US : SIM_HEARTBEAT_US), on_beat, b, free))
        free(b);
}

static int beat_at(struct sim_member *from, struct sim_member *to, int64_t at, bool once)
{
    struct beat *b = malloc(sizeof *b);
    if (!b)
        return -1;
    *b = (struct beat){from, to, once, from->role.peer[to->id].round};
    if (sim_at(from->sim, at, on_beat, b, free)) {
        free(b);
        return -1;
    }
    return 0;
}

void sim_heartbeats_soon(struct sim_member *m, int64_t delay_us)
{
    struct sim *s = m->sim;
    for (int i = 0; i < s->members; i++)
        if (i != m->id && (beat_at(m, &s->member[i], s->now + delay_us, true) || beat_at(&s->member[i], m, s->now + delay_us, true)))
            return; /* out of memory: the next periodic one will do */
}

void sim_heartbeats_restart(struct sim_member *m)
{
    struct sim *s = m->sim;
    for (int i = 0; i < s->members; i++) {
        if (i == m->id)
            continue;
        m->role.peer[i].round++;
        if (beat_at(m, &s->member[i], s->now, false))
            m->role.peer[i].round--; /* out of memory: the old ones go on */
    }
}

static void know(struct sim_member *m, const struct sim_member *x)
{
    struct sim_peer *p = &m->role.peer[x->id];
    *p = (struct sim_peer){.state = x->role.state, .up = true, .sync = x->role.sync, .config_version = 1, .config_term = 1};
    p->up_since_us = p->beat_us = p->heard_us = p->contact_us = m->sim->now;
    p->applied = sim_applied(x);
    p->applied_wall_ms = x->applied_wall_ms;
    p->elected_ts = x->primary ? x->role.elected_ts : 0;
}

void sim_roles_know(struct sim *s)
{
    for (int i = 0; i < s->members; i++)
        for (int k = 0; k < s->members; k++)
            if (i != k)
                know(&s->member[i], &s->member[k]);
}

int sim_roles_begin(struct sim *s)
{
    for (int i = 0; i < s->members; i++) {
        struct sim_member *m = &s->member[i];
        for (int k = 0; k < s->members; k++) {
            if (k == i)
                continue;
            /* each pair at its own moment */
            if (beat_at(m, &s->member[k], s->now + (i * 700 + k * 300 + 191) * 1000 % SIM_HEARTBEAT_US, false))
                return -1;
        }
        if (sim_patience_begin(m))
            return -1;
    }
    return 0;
}
