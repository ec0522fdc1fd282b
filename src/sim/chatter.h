/* SPDX-License-Identifier: Apache-2.0
 *
 * chatter.h - what members and drivers say to each other all the time: counted where it arrives, as anybody's commands. */
#ifndef SIM_CHATTER_H
#define SIM_CHATTER_H

#include <signalbox/sim/engine.h>

/* m has fetched and applied so many entries of so many bytes; from: its source, NULL nobody any more. */
void sim_chatter_batch(struct sim_member *m, struct sim_member *from, int64_t entries, int64_t bytes);

/* Another member's heartbeat has arrived. */
void sim_chatter_heartbeat(struct sim_member *m);

/* So many drivers' watches over the set have asked how it is. */
void sim_chatter_hellos(struct sim_member *m, int64_t n);

#endif
