/* SPDX-License-Identifier: Apache-2.0
 *
 * wait.h - commands that wait for the set: hello for a change of topology, a write for its write concern or for a transaction.
 *
 * Only clients from outside wait here (the ones of a scenario take the time that their operation costs). Times that a client
 * gives are of its own clock: they are stretched by the simulation's speed. A wait ends with its connection. Thread: one.
 */
#ifndef SIGNALBOX_SIM_WAIT_H
#define SIGNALBOX_SIM_WAIT_H

#include <signalbox/sim/dispatch.h>

struct sim_waits *sim_waits_new(void);
void sim_waits_free(struct sim_waits *t);

/* {topologyVersion, maxAwaitTimeMS} of a hello: 1 it waits (c->later is set), 0 it is to be answered now, -1. */
int sim_await_topology(struct sim_call *c, const char *primary_field);

/* The member's topology is another one now. */
void sim_topology_changed(struct sim_member *m);

/* After a write: 1 it waits for its concern (its reply so far is kept), 0 there is nothing to wait for, -1. */
int sim_await_concern(struct sim_call *c, bool whole);

/* After a linearizable read: writes an entry and waits until a majority has it, so that the answer is the primary's and not
 * that of one that has been followed by another. 1 it waits, 0 it need not, -1. */
int sim_await_linear(struct sim_call *c);

/* The commit point or a member has moved. */
void sim_concerns_met(struct sim *s);

/* The member is no primary any more: its writes wait in vain. */
void sim_concerns_interrupted(struct sim_member *m);

/* Asks `attempt` again and again, each 0.1 s, until it says that the reply in w is complete (true); for replSetStepDown. */
typedef bool (*sim_attempt_fn)(struct sim *s, struct sim_member *m, struct sim_w *w, struct sim_fail *f, int64_t since_us, const int64_t *terms);
int sim_await_attempt(struct sim_call *c, sim_attempt_fn attempt, const int64_t terms[3]);

/* The command is run again when a transaction is over, or fails at its maxTimeMS. 0, or -1. */
int sim_await_transaction(struct sim_call *c);
void sim_transaction_over(struct sim *s);

/* A getMore on a capped collection that has nothing new: it is run again when there is something or the commit point moves, and at until_us. 0, or -1. */
int sim_await_data(struct sim_call *c, const struct sim_coll *coll, int64_t until_us);

/* Each command that waits on the member, as an operation under way (for currentOp), until fn gives something else than 0. */
int sim_waits_each(const struct sim_member *m, int (*fn)(void *ctx, const struct sim_running *r), void *ctx);

/* killOp of this number. True: it was one that waits and can be ended. */
bool sim_wait_kill(struct sim_member *m, int32_t opid);

/* The connection ends. */
void sim_wait_forget(struct sim *s, const struct sim_conn *conn);

/* Real milliseconds of a client as virtual microseconds. */
int64_t sim_stretched(const struct sim *s, int64_t ms);

#endif
