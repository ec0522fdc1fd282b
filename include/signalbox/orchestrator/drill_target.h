/* SPDX-License-Identifier: Apache-2.0
 *
 * drill_target.h - a throw-away deployment that is started for one drill and ended after it, by a program that an operator wrote: it
 * starts a container, a mongod, whatever it likes.
 *
 *   PROGRAM start DIR   makes the deployment and ends with 0 once it answers; the first line that it says is the connection string.
 *                       What it leaves running may not hold on to its standard output.
 *   PROGRAM stop DIR    ends what was started with this DIR, as often as it is asked, also when nothing was, and ends with 0.
 *
 * DIR is a fresh folder for it to keep what it needs; its name is its own, so that containers can be called by it. It is on disk
 * before `start`, with the program's name and a lock: where the one who drilled was killed, whoever starts the next target finds
 * the folder with its lock free and has it stopped. Whatever it left running and did not stop is ended then, by the mark that all
 * that it starts has in its environment (SIGNALBOX_MARK), unless it took another one. The program is an absolute path that only its owner may write, and runs
 * without a shell, with a bare environment. Who the deployment is, and that it holds nothing, is found out by the drill as ever.
 * Thread: one owner; blocks for as long as the program takes, but no longer than it may.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_DRILL_TARGET_H
#define SIGNALBOX_ORCHESTRATOR_DRILL_TARGET_H

#include <signalbox/ledger/lock.h>

#define SB_DRILL_START_S 180
#define SB_DRILL_STOP_S 60

struct sb_drill_target {
    char *dir, *program;
    char *uri_file; /* in dir, mode 600 */
    struct sb_lock lock;
};

/* Ends what earlier ones left, and starts one below `drills` (the folder of the drills' ledger). limit_s 0: START_S. On failure nothing
 * is left of it. */
int sb_drill_target_start(struct sb_drill_target *t, const char *drills, const char *program, int limit_s, struct sb_err *err);

/* The folder alone, with nothing started yet: for what else a drill runs. Ends what earlier ones left. */
int sb_drill_place_make(struct sb_drill_target *t, const char *drills, struct sb_err *err);

/* May this program be run: an absolute path of one that only its owner may write? */
int sb_drill_program_check(const char *program, struct sb_err *err);

/* Ends it and removes its folder. -1: it may still be running; the next start tries again. */
int sb_drill_target_stop(struct sb_drill_target *t, struct sb_err *err);

#endif
