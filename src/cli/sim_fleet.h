/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_fleet.h - `signalbox sim --fleet`: very many small sets in one process. */
#ifndef SIGNALBOX_SRC_CLI_SIM_FLEET_H
#define SIGNALBOX_SRC_CLI_SIM_FLEET_H

#include <signalbox/base/error.h>

/* Words of the command line; NULL: not given. */
struct sb_sim_fleet {
    const char *sets, *members, *seed, *refuse, *hang, *lie, *slow, *faults_after, *write_config;
};

/* Runs it until a signal ends it; the exit status. */
int sb_sim_fleet(const struct sb_sim_fleet *o);

/* sim.c: what a simulator does first: as many descriptors as there may be, and signals to be read from the descriptor that it
 * returns; -1 after a failure. */
int sb_sim_begin(struct sb_err *err);

#endif
