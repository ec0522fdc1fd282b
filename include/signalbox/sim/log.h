/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h - a member's log: lines of structured JSON as mongod 5.0 writes them, the newest kept for getLog.
 *
 * Thread: one.
 */
#ifndef SIGNALBOX_SIM_LOG_H
#define SIGNALBOX_SIM_LOG_H

#include <signalbox/sim/engine.h>

/* severity 'I', 'W' ...; attr NULL: none. at_us: virtual. */
void sim_log(struct sim_member *m, int64_t at_us, char severity, const char *component, int id, const char *ctx, const char *msg,
             const uint8_t *attr);

/* The same with tags ["startupWarnings"], also kept for getLog startupWarnings. */
void sim_log_startup(struct sim_member *m, char severity, const char *component, int id, const char *msg, const uint8_t *attr);

/* Writes totalLinesWritten and log. */
void sim_log_write(struct sim_w *w, const struct sim_member *m, bool startup);

void sim_log_release(struct sim_member *m);

#endif
