/* SPDX-License-Identifier: Apache-2.0
 *
 * rollback.h - when the set's history takes another course than a member's.
 *
 * A new primary's entries are the set's. Members that are away and have more keep it as a branch. When such a member comes
 * back and sees a primary it rolls its branch back: documents by what they were before; when the branch has changed
 * the catalogue, the member copies all collections of another one instead (a simplification: mongod goes back to a checkpoint
 * and applies its oplog again). How many entries were rolled back is counted and said in its log. When a member with a
 * branch wins an election, its branch is the set's history again. Thread: one.
 */
#ifndef SIGNALBOX_SIM_ROLLBACK_H
#define SIGNALBOX_SIM_ROLLBACK_H

#include <signalbox/sim/engine.h>

/* The set goes on from what `winner` and every member it can reach have. Returns how many entries the winner has taken over
 * from others, or -1 out of memory. */
int64_t sim_adopt_history(struct sim *s, struct sim_member *winner);

/* Does the member have to roll back? What the set has taken over from its branch is no branch any more. */
bool sim_must_roll_back(struct sim *s, struct sim_member *m);

/* Undoes the branch. -1: out of memory, it is still there. */
int sim_roll_back(struct sim *s, struct sim_member *m);

void sim_branch_release(struct sim_member *m);

/* ---- the data of a whole member: of a rollback, of an initial sync, of an arbiter, which has none ---- */

void sim_drop_data(struct sim_member *m); /* its replicated collections */
void sim_forget_oplog(struct sim_member *m);

/* The reachable member with the most entries; NULL: there is none. */
struct sim_member *sim_best_copy(struct sim *s, const struct sim_member *m);

/* Its replicated collections become those of `from`. -1 out of memory. */
int sim_copy_data(struct sim *s, struct sim_member *m, const struct sim_member *from);

#endif
