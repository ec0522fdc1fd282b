/* SPDX-License-Identifier: Apache-2.0
 *
 * role_log.h - log lines of replication. */
#ifndef SIM_ROLE_LOG_H
#define SIM_ROLE_LOG_H

#include <signalbox/sim/engine.h>

/* keys: "newState:s term:i when:d at:o" with one argument each: s a text, i an int64_t, d a date in ms, o a struct
 * sim_optime (by value). "" for no attributes. */
void sim_say(struct sim_member *m, const char *component, int id, const char *thread, const char *msg, const char *keys, ...);

#endif
