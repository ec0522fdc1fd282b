/* SPDX-License-Identifier: Apache-2.0
 *
 * read_point.h - reads of what a majority has: the member's data is put back to its commit point while they run.
 *
 * Thread: one. */
#ifndef SIM_READ_POINT_H
#define SIM_READ_POINT_H

#include <signalbox/sim/dispatch.h>

/* A read, or a later batch of one, that was asked for with readConcern majority, outside of a transaction. */
bool sim_reads_committed(const struct sim_call *c);

/* Runs it so. As the command's own run. */
int sim_run_committed(struct sim_call *c);

#endif
