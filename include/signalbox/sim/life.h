/* SPDX-License-Identifier: Apache-2.0
 *
 * life.h - what happens to a member's process: killed, started again, stopped, gone on.
 *
 * A killed process keeps its data and its oplog on its disk and loses everything else: connections, operations, cursors,
 * counters, settings, its log in memory, and the unfinished part of index builds. Started again it has a new pid, is
 * RECOVERING until it has applied what the others had at that moment, and then SECONDARY. A hung process (SIGSTOP) keeps all
 * of it and answers nothing. Thread: one.
 */
#ifndef SIGNALBOX_SIM_LIFE_H
#define SIGNALBOX_SIM_LIFE_H

#include <signalbox/sim/engine.h>

/* Each does nothing when it is so already. */
void sim_kill(struct sim_member *m);
void sim_restart(struct sim_member *m);
void sim_hang(struct sim_member *m);
void sim_wake(struct sim_member *m);

/* The lines a starting process writes. */
void sim_first_lines(struct sim_member *m);

#endif
