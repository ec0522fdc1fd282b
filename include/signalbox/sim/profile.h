/* SPDX-License-Identifier: Apache-2.0
 *
 * profile.h - an operation as a system.profile document and as a slow-query line (id 51803).
 *
 * Field sets and their order are those of MongoDB 5.0. Thread: one.
 */
#ifndef SIGNALBOX_SIM_PROFILE_H
#define SIGNALBOX_SIM_PROFILE_H

#include <signalbox/sim/op.h>

#define SIM_PROFILE_BYTES 1048576

/* The document, and the attr of the line; NULL out of memory. */
struct sim_doc *sim_profile_doc(const struct sim_op *op);
struct sim_doc *sim_profile_attr(const struct sim_op *op);

/* Puts a document into the system.profile of ns's database, which is made when missing. */
void sim_profile_store(struct sim_member *m, const char *ns, struct sim_doc *doc);

/* Makes it. 0 or -1. */
int sim_profile_create(struct sim_member *m, const char *db, struct sim_fail *f);

#endif
