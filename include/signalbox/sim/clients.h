/* SPDX-License-Identifier: Apache-2.0
 *
 * clients.h - a scenario at work: its data, its apps, and what happens to them.
 *
 * An app is a number of connections with a name, and operations that arrive as Poisson streams at their rates. An arrival
 * takes a free connection or waits for one, the command goes through dispatch as any other, and the connection is busy for
 * the latency that the cost model gave it: slow operations make a pool run dry as in life. Every app draws from a stream of
 * its own, so that starting one does not change what the others ask. Thread: one.
 */
#ifndef SIGNALBOX_SIM_CLIENTS_H
#define SIGNALBOX_SIM_CLIENTS_H

#include <signalbox/sim/engine.h>
#include <signalbox/sim/scenario.h>

struct sim_clients *sim_clients_new(struct sim *s);
void sim_clients_free(struct sim_clients *t);

/* Makes the scenario's collections, with their documents and indexes, on every member (as if they had been there before the
 * members started), and starts its apps. The scenario must outlive the simulation. Once. */
int sim_clients_load(struct sim *s, const struct sim_scenario *sc, struct sb_err *err);

/* Arrivals that found no connection and no place to wait, since the start. */
int64_t sim_clients_refused(const struct sim *s);

/* What was to happen and could not, for want of memory. */
int64_t sim_clients_missed(const struct sim *s);

/* Operations that ended in an error of the set (no primary for too long, or broken off and not to be sent again), and
 * those that were sent a second time. */
int64_t sim_clients_failed(const struct sim *s);
int64_t sim_clients_retried(const struct sim *s);

#endif
