/* SPDX-License-Identifier: Apache-2.0
 *
 * ttl.h - the thread that deletes what has expired: once a minute, on the primary, by the order of each TTL index; the
 * others follow by the oplog. Thread: one. */
#ifndef SIGNALBOX_SIM_TTL_H
#define SIGNALBOX_SIM_TTL_H

#include <signalbox/sim/engine.h>

/* Has the first pass run in a minute. 0, or -1 out of memory. */
int sim_ttl_begin(struct sim *s) SB_MUST_USE;

#endif
