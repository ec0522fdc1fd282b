/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_fleet.h - a supervisor: one serve for each deployment whose lease it holds. */
#ifndef SIGNALBOX_CLI_SERVE_FLEET_H
#define SIGNALBOX_CLI_SERVE_FLEET_H

#include <signalbox/base/error.h>

/* Runs until a signal; signals: a signalfd of SIGTERM, SIGINT and SIGHUP, which are blocked. policy: handed on to each; NULL: the config's.
 * Returns the exit status. */
int sb_serve_fleet(int signals, const char *policy);

#endif
