/* SPDX-License-Identifier: Apache-2.0
 *
 * Elections, and the ends of a primary. */
#include <signalbox/sim/build.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/rollback.h>
#include <signalbox/sim/session.h>
#include <signalbox/sim/txn.h>
#include <signalbox/sim/wait.h>

#include "role_log.h"

#include <stdlib.h>
#include <string.h>

#define TAKE_OVER_US 23000                  /* from winning to writing, when there is nothing to catch up */
#define FRESH_US INT64_C(2000000)           /* a takeover wants entries that are not older than this behind the primary's */
#define INTERRUPT_US 10000                  /* from stepping down to the end of what waits for a write concern */
#define JITTER 0.15                         /* of the election timeout */

const char *sim_state_name(enum sim_member_state state)
{
    switch (state) {
    case SIM_STARTUP: return "STARTUP";
    case SIM_IS_PRIMARY: return "PRIMARY";
    case SIM_IS_SECONDARY: return "SECONDARY";
    case SIM_IS_RECOVERING: return "RECOVERING";
    case SIM_STARTUP2: return "STARTUP2";
    case SIM_IS_ARBITER: return "ARBITER";
    case SIM_DOWN: return "DOWN";
    case SIM_IN_ROLLBACK: return "ROLLBACK";
    }
    return "UNKNOWN";
}

void sim_role_enter(struct sim_member *m, enum sim_member_state state, const char *thread)
{
    if (m->role.state == state)
        return;
    sim_say(m, "REPL", 21358, thread, "Replica set state transition", "newState:s oldState:s", sim_state_name(state), sim_state_name(m->role.state));
    m->role.state = state;
    m->primary = state == SIM_IS_PRIMARY;
    sim_topology_changed(m);
}

int sim_votes(const struct sim *s)
{
    int n = 0;
    for (int i = 0; i < s->members; i++)
        n += s->seat[i].votes;
    return n;
}

int sim_data_members(const struct sim *s)
{
    int n = 0;
    for (int i = 0; i < s->members; i++)
        n += !s->seat[i].arbiter;
    return n;
}

int sim_data_votes(const struct sim *s)
{
    int n = 0;
    for (int i = 0; i < s->members; i++)
        n += s->seat[i].arbiter ? 0 : s->seat[i].votes;
    return n;
}

int sim_majority(const struct sim *s)
{
    return sim_votes(s) / 2 + 1;
}

bool sim_is_writable(const struct sim_member *m)
{
    return m->up && !m->hung && m->primary && m->role.writable;
}

const char *sim_cannot_run(const struct sim_member *m)
{
    const struct sim *s = m->sim;
    if (!m->up || m->hung || m->role.state != SIM_IS_SECONDARY)
        return "member is not currently a secondary";
    if (s->seat[m->id].priority <= 0)
        return "member has zero priority";
    if (s->seat[m->id].votes == 0)
        return "member has no vote";
    if (s->now < m->role.frozen_us)
        return "I am still waiting for stepdown period to end";
    if (sim_is_stale(s, m))
        return "member is too stale";
    return NULL;
}

/* ---- taking over ---- */

struct takeover {
    struct sim_member *m;
    int64_t term;
};

static void on_taken_over(struct sim *s, void *ctx);

static int take_over_at(struct sim_member *m, int64_t at)
{
    struct takeover *t = malloc(sizeof *t);
    if (!t)
        return -1;
    *t = (struct takeover){m, m->role.term};
    if (sim_at(m->sim, at, on_taken_over, t, free)) {
        free(t);
        return -1;
    }
    return 0;
}

static void begin_term(struct sim *s, struct sim_member *m, int64_t caught_up)
{
    struct sim_role *r = &m->role;
    r->race.catch_up_ops = caught_up;
    r->catch_ups += caught_up > 0;
    r->caught_up_already += caught_up == 0;
    sim_say(m, "REPL", 21363, "ReplCoord-4", "Exited primary catch-up mode", "");
    s->term = r->term;
    s->primary_id = m->id;
    r->writable = true;
    r->config_term = r->term;
    r->transition = "stepUp";
    sim_say(m, "REPL", 21340, "RstlKillOpThread", "State transition ops metrics", "lastStateTransition:s userOpsKilled:i userOpsRunning:i", "stepUp",
            INT64_C(0), (int64_t)m->running_n);
    sim_say(m, "REPL", 21392, "OplogApplier-0", "New replica set config in use", "term:i version:i", r->config_term, r->config_version);
    if (sim_log_noop(s, "new primary")) { /* out of memory: without the entry of its term it can never commit anything */
        sim_step_down(m, 0, "OplogApplier-0");
        return;
    }
    r->race.started_us = s->now;
    sim_say(m, "REPL", 21331, "OplogApplier-0", "Transition to primary complete; database writes are now permitted", "");
    sim_topology_changed(m);
    sim_builds_step_up(s);
    sim_heartbeats_restart(m);
    for (int i = 0; i < s->members; i++)
        if (i != m->id) {
            sim_heartbeat(m, &s->member[i]);
            sim_heartbeat(&s->member[i], m);
            if (s->member[i].role.vote.term == r->term)
                s->member[i].role.vote.started_us = s->now;
        }
}

static void on_taken_over(struct sim *s, void *ctx)
{
    struct takeover *t = ctx;
    struct sim_member *m = t->m;
    bool void_now = !m->up || !m->primary || m->role.term != t->term;
    free(t);
    if (void_now)
        return;
    if (m->hung) { /* it goes on when it runs again */
        if (take_over_at(m, s->now + TAKE_OVER_US))
            return;
        return;
    }
    int64_t caught_up = sim_adopt_history(s, m);
    if (caught_up < 0) {
        sim_step_down(m, 0, "ReplCoord-4");
        return;
    }
    begin_term(s, m, caught_up);
}

static void win(struct sim_member *m)
{
    struct sim *s = m->sim;
    m->role.elected_ts = (uint64_t)(s->now / 1000000) << 32 | 1;
    sim_say(m, "ELECTION", 21450, "ReplCoord-10", "Election succeeded, assuming primary role", "term:i", m->role.term);
    m->role.writable = false;
    m->role.takeover_us = 0;
    m->role.primary = m->id;
    m->role.sync = m->role.syncing = -1;
    sim_role_enter(m, SIM_IS_PRIMARY, "ReplCoord-10");
    sim_say(m, "REPL", 21359, "ReplCoord-10", "Entering primary catch-up mode", "");
    for (int i = 0; i < s->members; i++)
        m->role.peer[i].contact_us = s->now;
    if (take_over_at(m, s->now + TAKE_OVER_US + (int64_t)(sb_rng_unit(&m->role.rng) * TAKE_OVER_US)))
        sim_step_down(m, 0, "ReplCoord-10"); /* out of memory: it cannot be primary */
}

/* ---- voting ---- */

static bool grants(const struct sim_member *v, const struct sim_member *m, int64_t new_term)
{
    return v->up && !v->hung && v->role.term <= new_term && v->role.voted_term < new_term &&
           sim_optime_compare(sim_applied(v), sim_applied(m)) <= 0;
}

static int count_votes(struct sim_member *m, int64_t new_term, bool dry)
{
    struct sim *s = m->sim;
    int n = 1;
    for (int i = 0; i < s->members; i++) {
        struct sim_member *v = &s->member[i];
        if (v == m || !s->seat[i].votes)
            continue;
        bool yes = grants(v, m, new_term);
        if (!v->up || v->hung)
            sim_say(m, "ELECTION", 51799, "ReplCoord-13", "VoteRequester processResponse", "term:i failReason:s from:s", new_term,
                    "failed to receive response", v->name);
        else
            sim_say(m, "ELECTION", 51799, "ReplCoord-15", "VoteRequester processResponse", "term:i dryRun:s vote:s from:s", dry ? new_term - 1 : new_term,
                    dry ? "true" : "false", yes ? "yes" : "no", v->name);
        n += yes;
    }
    return n;
}

static void say_reason(struct sim_member *m, enum sim_reason reason)
{
    if (reason == SIM_ELECTION_TIMEOUT)
        sim_say(m, "ELECTION", 4615652, "ReplCoord-15", "Starting an election, since we've seen no PRIMARY in election timeout period",
                "electionTimeoutPeriodMillis:i", SIM_ELECTION_US / 1000);
    else if (reason == SIM_PRIORITY_TAKEOVER)
        sim_say(m, "ELECTION", 4615660, "ReplCoord-6", "Starting an election for a priority takeover", "");
    else
        sim_say(m, "ELECTION", 4615661, "conn11", "Starting an election due to step up request", "");
}

static void vote(struct sim_member *v, const struct sim_member *m, int64_t term, struct sim_optime most)
{
    struct sim *s = v->sim;
    v->role.voted_term = term;
    v->role.heard_us = s->now; /* it leaves the elected one the time to say so */
    v->role.vote = (struct sim_vote){.at_us = s->now, .term = term, .candidate = m->id, .applied = sim_applied(v), .most = most,
                                     .priority = s->seat[v->id].priority};
    sim_say(v, "REPL", 5972100, "conn11", "Voting yes in election", "");
    sim_say(v, "ELECTION", 23980, "conn11", "Responding to vote request", "term:i candidateIndex:i lastAppliedOpTime:o", term, (int64_t)m->id,
            sim_applied(m));
}

static struct sim_optime most_applied(const struct sim *s)
{
    struct sim_optime most = {0, -1};
    for (int i = 0; i < s->members; i++)
        if (s->member[i].up && !s->member[i].hung && sim_optime_compare(sim_applied(&s->member[i]), most) > 0)
            most = sim_applied(&s->member[i]);
    return most;
}

/* A higher term makes a primary step down before it can vote, and takes what waits for it. */
static void collect_votes(struct sim_member *m, int64_t term)
{
    struct sim *s = m->sim;
    struct sim_optime most = most_applied(s);
    for (int i = 0; i < s->members; i++) {
        struct sim_member *v = &s->member[i];
        if (v == m || !v->up || v->hung)
            continue;
        bool yes = s->seat[i].votes && grants(v, m, term);
        sim_learn_term(v, term);
        if (yes)
            vote(v, m, term, most);
    }
}

bool sim_run_for_primary(struct sim_member *m, enum sim_reason reason, bool skip_dry_run)
{
    struct sim *s = m->sim;
    int prior = m->role.primary;
    int64_t term = m->role.term + 1;
    m->role.called[reason]++;
    say_reason(m, reason);
    if (skip_dry_run) {
        sim_say(m, "ELECTION", 21437, "conn11", "Skipping dry run and running for election", "newTerm:i", term);
    } else {
        sim_say(m, "ELECTION", 21438, "ReplCoord-15", "Conducting a dry run election to see if we could be elected", "currentTerm:i", m->role.term);
        if (count_votes(m, term, true) < sim_majority(s)) {
            sim_say(m, "ELECTION", 21440, "ReplCoord-15", "Not running for primary, we received insufficient votes", "");
            return false;
        }
        sim_say(m, "ELECTION", 21444, "ReplCoord-14", "Dry election run succeeded, running for election", "newTerm:i", term);
    }
    m->role.term = m->role.voted_term = term;
    sim_say(m, "ELECTION", 6015300, "ReplCoord-14", "Storing last vote document in local storage for my election", "term:i candidateIndex:i", term,
            (int64_t)m->id);
    if (count_votes(m, term, false) < sim_majority(s)) {
        sim_say(m, "ELECTION", 21434, "ReplCoord-15", "Lost election", "isDryRun:s", "false");
        return false;
    }
    collect_votes(m, term);
    m->role.succeeded[reason]++;
    m->role.vote.started_us = m->role.vote.applied_us = 0;
    m->role.race = (struct sim_race){.reason = reason, .at_us = s->now, .term = term, .committed = {s->commit_ts, s->commit_term},
                                     .seen = most_applied(s), .needed = sim_majority(s), .prior = prior, .priority = s->seat[m->id].priority};
    win(m);
    return true;
}

/* ---- stepping down ---- */

struct sim_member *sim_successor(const struct sim_member *primary)
{
    struct sim *s = primary->sim;
    struct sim_member *best = NULL;
    for (int i = 0; i < s->members; i++) {
        struct sim_member *m = &s->member[i];
        if (m == primary || sim_cannot_run(m) || sim_optime_compare(sim_applied(m), sim_applied(primary)) < 0)
            continue;
        if (!best || s->seat[i].priority > s->seat[best->id].priority)
            best = m;
    }
    return best;
}

/* Writes of our own apps that are under way end now; their clients are told (clients.c). */
static void kill_writes(struct sim_member *m)
{
    m->role.ops_killed = m->role.ops_running = 0;
    sim_say(m, "REPL", 21343, "RstlKillOpThread", "Starting to kill user operations", "");
    for (struct sim_running *r = m->running, *next; r; r = next) {
        next = r->next;
        if (r->write && !r->is_build && r->conn && r->conn->inside) {
            m->role.ops_killed++;
            sim_running_end(m, r);
        } else {
            m->role.ops_running++;
        }
    }
    sim_say(m, "REPL", 21344, "RstlKillOpThread", "Stopped killing user operations", "");
    sim_say(m, "REPL", 21340, "RstlKillOpThread", "State transition ops metrics", "lastStateTransition:s userOpsKilled:i userOpsRunning:i", "stepDown",
            m->role.ops_killed, m->role.ops_running);
}

static void on_interrupt(struct sim *s, void *ctx)
{
    struct sim_member *m = ctx;
    (void)s;
    if (!m->role.writable)
        sim_concerns_interrupted(m);
}

void sim_step_down(struct sim_member *m, int64_t frozen_us, const char *thread)
{
    struct sim *s = m->sim;
    if (!m->primary)
        return;
    if (s->primary_id == m->id)
        s->primary_id = -1;
    bool told = !m->role.writable;
    m->role.writable = false;
    if (!told) /* drivers hear of it before anything of theirs is interrupted */
        sim_topology_changed(m);
    m->role.primary = -1;
    m->role.elected_ts = 0;
    m->role.race = (struct sim_race){0};
    m->role.transition = "stepDown";
    m->role.step_downs++;
    m->role.heard_us = s->now;
    if (frozen_us)
        m->role.frozen_us = s->now + frozen_us;
    kill_writes(m);
    sim_txns_abort_member(m);
    sim_role_enter(m, SIM_IS_SECONDARY, thread);
    sim_builds_step_down(m);
    if (sim_at(s, s->now + INTERRUPT_US, on_interrupt, m, NULL))
        sim_concerns_interrupted(m); /* out of memory: at once, then */
    sim_heartbeats_soon(m, 1000);
}

/* ---- the waiting member ---- */

static void draw_patience(struct sim_member *m)
{
    m->role.patience_us = SIM_ELECTION_US + (int64_t)(sb_rng_unit(&m->role.rng) * JITTER * (double)SIM_ELECTION_US);
}

/* A primary that has heard from too few for too long. */
static void check_majority(struct sim_member *m)
{
    struct sim *s = m->sim;
    int n = s->seat[m->id].votes;
    for (int i = 0; i < s->members; i++)
        if (i != m->id && s->now - m->role.peer[i].contact_us < SIM_ELECTION_US)
            n += s->seat[i].votes;
    if (n >= sim_majority(s))
        return;
    sim_say(m, "REPL", 21809, "ReplCoord-13", "Can't see a majority of the set, relinquishing primary", "");
    sim_say(m, "REPL", 21475, "ReplCoord-13", "Stepping down from primary in response to heartbeat", "");
    sim_step_down(m, 0, "ReplCoord-13");
}

static void try_takeover(struct sim_member *m)
{
    struct sim *s = m->sim;
    struct sim_member *p = m->role.primary >= 0 ? &s->member[m->role.primary] : NULL;
    m->role.takeover_us = 0; /* the next heartbeat plans another one */
    if (!p || p == m || sim_cannot_run(m) || s->seat[m->id].priority <= s->seat[p->id].priority)
        return;
    sim_say(m, "REPL", 21484, "ReplCoord-6", "Canceling priority takeover callback", "");
    if (p->applied_wall_ms - m->applied_wall_ms > FRESH_US / 1000)
        return;
    sim_run_for_primary(m, SIM_PRIORITY_TAKEOVER, false);
}

static void on_patience(struct sim *s, void *ctx)
{
    struct sim_member *m = ctx;
    int64_t next = s->now + SIM_HEARTBEAT_US / 4;
    if (m->up && !m->hung && m->primary) {
        check_majority(m);
    } else if (m->up && !m->hung) {
        if (m->role.takeover_us && s->now >= m->role.takeover_us)
            try_takeover(m);
        if (!m->primary && s->now - m->role.heard_us >= m->role.patience_us && !sim_cannot_run(m)) {
            m->role.heard_us = s->now;
            draw_patience(m);
            sim_run_for_primary(m, SIM_ELECTION_TIMEOUT, false);
        }
        int64_t due = m->role.heard_us + m->role.patience_us;
        if (m->role.takeover_us && m->role.takeover_us < due)
            due = m->role.takeover_us;
        next = due > s->now && due < next ? due : next;
    }
    if (sim_at(s, next, on_patience, m, NULL))
        return; /* out of memory: this member runs no more */
}

int sim_patience_begin(struct sim_member *m)
{
    draw_patience(m);
    return sim_at(m->sim, m->sim->now + m->role.patience_us % SIM_HEARTBEAT_US, on_patience, m, NULL);
}

/* ---- what moves ---- */

void sim_role_applied(struct sim *s, struct sim_member *m)
{
    if (m->role.vote.term && m->role.vote.started_us && !m->role.vote.applied_us && m->applied_term >= m->role.vote.term)
        m->role.vote.applied_us = s->now;
    sim_concerns_met(s); /* those that want a number of members */
    if (!m->role.recovering || !m->up || m->role.state != SIM_IS_RECOVERING || sim_is_stale(s, m) || m->applied < m->role.target)
        return;
    m->role.recovering = false;
    m->role.heard_us = s->now;
    sim_role_enter(m, SIM_IS_SECONDARY, "OplogApplier-0");
}

void sim_role_committed(struct sim *s)
{
    struct sim_member *p = sim_primary(s);
    if (p && p->role.race.term == s->term && !p->role.race.majority_us && s->commit_term == s->term)
        p->role.race.majority_us = s->now;
    sim_concerns_met(s);
}

void sim_seats_changed(struct sim *s, int64_t version)
{
    struct sim_member *p = sim_primary(s);
    s->config_version = version;
    if (!p)
        return;
    p->role.config_version = s->config_version;
    p->role.config_term = s->term;
    sim_say(p, "REPL", 21392, "conn", "New replica set config in use", "term:i version:i", p->role.config_term, p->role.config_version);
    sim_topology_changed(p);
    sim_commit_point(s);
    sim_heartbeats_soon(p, 1000);
}
