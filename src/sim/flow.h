/* SPDX-License-Identifier: Apache-2.0
 *
 * flow.h - flow control: a primary that the majority does not follow holds its writers back.
 *
 * As the server's: looked at once a second; lagged when the oldest entry that the majority has not is older than half the
 * target of ten seconds. Then there are only so many tickets a second as the majority took entries in the last one, halved
 * for every further five seconds of lag, but never fewer than a hundred; afterwards they grow again step by step. The state
 * is brought up to date when it is asked for, which needs no events. Thread: one. */
#ifndef SIM_FLOW_H
#define SIM_FLOW_H

#include <signalbox/sim/engine.h>

#define SIM_FLOW_MOST 1000000000 /* tickets a second when nothing lags */

/* Brings m->flow up to now. */
void sim_flow_look(struct sim_member *m);

/* Takes tickets for a write that begins now: how many microseconds it waits for them. */
int64_t sim_flow_wait(struct sim_member *m, int64_t tickets);

#endif
