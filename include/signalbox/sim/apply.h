/* SPDX-License-Identifier: Apache-2.0
 *
 * apply.h - what an entry of the oplog does to a member's data.
 *
 * The same functions change the catalogue of the primary (when a command does it) and of the others (when the entry
 * arrives), so that they cannot drift apart. Thread: one.
 */
#ifndef SIGNALBOX_SIM_APPLY_H
#define SIGNALBOX_SIM_APPLY_H

#include <signalbox/sim/engine.h>

/* On a secondary. An entry that does not fit the data is ignored, as a real one would stop replication: it cannot come
 * from the primary of this process. */
void sim_apply_change(struct sim *s, struct sim_member *m, const struct sim_change *c);

/* Catalogue changes of one member. o is the `o` of an entry: {create: ...}, {drop: ...}, {dropIndexes: ...}, ... */
int sim_apply_command(struct sim *s, struct sim_member *m, const char *db, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f);

#endif
