/* SPDX-License-Identifier: Apache-2.0
 *
 * setup.h - what a freshly started member has: its own collections, its first log lines, its housekeeping. */
#ifndef SIM_SETUP_H
#define SIM_SETUP_H

#include <signalbox/sim/engine.h>

/* 0, or -1 out of memory. */
int sim_setup_members(struct sim *s);

#endif
