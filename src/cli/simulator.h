/* SPDX-License-Identifier: Apache-2.0
 *
 * simulator.h - the simulated replica set as a process of this program's. */
#ifndef SIGNALBOX_SRC_CLI_SIMULATOR_H
#define SIGNALBOX_SRC_CLI_SIMULATOR_H

#include <signalbox/base/process.h>
#include <signalbox/cli/session.h>

/* Whether there is such a scenario and version: said before anything is started, by the program that was asked. */
int sb_simulation_check(const struct sb_simulation *s, struct sb_err *err);

/* Only starts it: forking belongs to the main thread, waiting does not. */
int sb_simulator_spawn(struct sb_process *process, struct sb_origin *origin, const struct sb_simulation *o, struct sb_err *err);

/* Waits, within a limit, for its one line, and appends the connection string that it names. Any one thread. */
int sb_simulator_await(const struct sb_process *process, struct sb_str *uri, struct sb_err *err);

#endif
