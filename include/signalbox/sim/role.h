/* SPDX-License-Identifier: Apache-2.0
 *
 * role.h - who is primary: heartbeats, terms, elections, step-downs.
 *
 * As in MongoDB 5.0 (protocol version 1). Each member asks each other one every two seconds, by an event of its own, and
 * knows of it what that heartbeat told. A member that has heard of no primary for ten seconds and some more (from the seed)
 * runs: whoever has newer entries refuses, a majority of all votes wins, the term goes up by one. The winner takes over what
 * reachable members have beyond it, writes the entry of its term and then takes writes. A primary steps down when it is
 * told to, when it learns of a higher term, and when it has seen no majority for ten seconds. A member with more priority
 * than the primary runs ten seconds after it has caught up.
 *
 * Simplified: messages take no time; a member that was hung learns of a new term before it answers anybody, so it never
 * takes a write in an old term; a vote is one event. Thread: one.
 */
#ifndef SIGNALBOX_SIM_ROLE_H
#define SIGNALBOX_SIM_ROLE_H

#include <signalbox/sim/engine.h>

#define SIM_HEARTBEAT_US INT64_C(2000000)
#define SIM_ELECTION_US INT64_C(10000000)

/* Each member knows of each other one how it is now. */
void sim_roles_know(struct sim *s);

/* Begins the heartbeats. 0, or -1 out of memory. */
int sim_roles_begin(struct sim *s);

/* "PRIMARY", "SECONDARY" ... */
const char *sim_state_name(enum sim_member_state state);

/* A state transition, with its log line; connected clients that wait for a change of topology are told. */
void sim_role_enter(struct sim_member *m, enum sim_member_state state, const char *thread);

/* Members with a vote, and how many votes win. */
int sim_votes(const struct sim *s);
int sim_majority(const struct sim *s);

/* It has the data of the set, or as much as it has applied: no arbiter, and not in its initial sync. */
static inline bool sim_bears_data(const struct sim_member *m)
{
    return !m->sim->seat[m->id].arbiter && !m->copying.wanted;
}

/* Members that are meant to bear data, and how many of them vote. */
int sim_data_members(const struct sim *s);
int sim_data_votes(const struct sim *s);

/* True when it takes writes at this moment. */
bool sim_is_writable(const struct sim_member *m);

/* Why a member could not become primary if it ran now; NULL: it could run. */
const char *sim_cannot_run(const struct sim_member *m);

/* Runs now. True when it has won. skip_dry_run: the primary that steps down has asked it to. */
bool sim_run_for_primary(struct sim_member *m, enum sim_reason reason, bool skip_dry_run);

/* The primary becomes a secondary, and does not run for some time. thread: for its log lines. */
void sim_step_down(struct sim_member *m, int64_t frozen_us, const char *thread);

struct sim_step_down {
    int64_t seconds, catch_up_s; /* does not run again before; waits for somebody who has everything */
    bool force;
};

/* replSetStepDown, one attempt since since_us: takes no writes from now on, and hands over to the member that has everything.
 * False: nobody has yet, ask again soon. True: it is over; f->code tells why it did not succeed. */
bool sim_try_step_down(struct sim_member *m, const struct sim_step_down *how, int64_t since_us, struct sim_fail *f);

/* The electable member that has everything the primary has, the one with the highest priority first; NULL none. */
struct sim_member *sim_successor(const struct sim_member *primary);

/* a asks b now: what the periodic heartbeat does. */
void sim_heartbeat(struct sim_member *a, struct sim_member *b);

/* Heartbeats between this member and all the others, in both directions, some time from now. */
void sim_heartbeats_soon(struct sim_member *m, int64_t delay_us);

/* m's periodic heartbeats begin anew, now. */
void sim_heartbeats_restart(struct sim_member *m);

/* It follows somebody from whom it can have the set's entries. */
bool sim_has_source(const struct sim_member *m);

/* m hears that there is this term. */
void sim_learn_term(struct sim_member *m, int64_t term);

/* m hears that `primary` is primary of this term. */
void sim_learn_primary(struct sim_member *m, struct sim_member *primary);

/* m knows of no primary any more. */
void sim_lose_primary(struct sim_member *m);

/* The waiting member's clock, once a process. 0, or -1 out of memory. */
int sim_patience_begin(struct sim_member *m);

/* Called when a member has applied something, and when the commit point has moved. */
void sim_role_applied(struct sim *s, struct sim_member *m);
void sim_role_committed(struct sim *s);

/* s->seat holds a configuration that has been accepted; the members learn of it with the next heartbeats. */
void sim_seats_changed(struct sim *s, int64_t version);

#endif
