/* SPDX-License-Identifier: Apache-2.0
 *
 * initial_sync.h - a member that has lost its data copies that of another one.
 *
 * It is STARTUP2 for as long as its bytes take, answers no reads, counts for no write concern, and votes. Then it is RECOVERING until
 * it has applied what the others had, and SECONDARY. Killed meanwhile it begins anew. With nobody to copy from it tries again.
 * Simplified: the copy is made in one event at its end, of what its source then has. Thread: one.
 */
#ifndef SIGNALBOX_SIM_INITIAL_SYNC_H
#define SIGNALBOX_SIM_INITIAL_SYNC_H

#include <signalbox/sim/engine.h>
#include <signalbox/sim/write.h>

/* Its process ends, its data is gone, and it is started again. Nothing for an arbiter and in a set of one. */
void sim_resync(struct sim_member *m);

/* Of a process that has just been started without data. */
void sim_copying_begin(struct sim_member *m);

/* initialSyncStatus */
void sim_put_copying(struct sim_w *w, const struct sim_member *m);

#endif
