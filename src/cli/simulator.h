/* SPDX-License-Identifier: Apache-2.0
 *
 * simulator.h - the simulated replica set as a process of this program's. */
#ifndef SIGNALBOX_SRC_CLI_SIMULATOR_H
#define SIGNALBOX_SRC_CLI_SIMULATOR_H

#include <signalbox/base/process.h>
#include <signalbox/cli/session.h>

/* Whether there is such a scenario and version: said before anything is started, by the program that was asked. */
int sb_simulation_check(const struct sb_simulation *s, struct sb_err *err);

/* A built-in scenario's text by its name; NULL: there is none. path: as it is named in messages, of 256 bytes. */
const char *sb_scenario_built_in(const char *name, char path[256], size_t *len);

/* The name of the next built-in scenario from embedded file *i on; false behind the last one. */
bool sb_scenario_next(size_t *i, char name[128]);

/* Only starts it: forking belongs to the main thread, waiting does not. */
int sb_simulator_spawn(struct sb_process *process, struct sb_origin *origin, const struct sb_simulation *o, struct sb_err *err);

/* Waits, within a limit, for its one line, and appends the connection string that it names. Any one thread. */
int sb_simulator_await(const struct sb_process *process, struct sb_str *uri, struct sb_err *err);

#endif
