/* SPDX-License-Identifier: Apache-2.0
 *
 * ridset.h - a set of record ids, for stages that must not give a record twice. */
#ifndef SIM_RIDSET_H
#define SIM_RIDSET_H

#include <stdint.h>

struct sim_ridset;

struct sim_ridset *sim_ridset_new(void);
void sim_ridset_free(struct sim_ridset *s);

/* 1 added, 0 was there, -1 out of memory. */
int sim_ridset_add(struct sim_ridset *s, uint64_t rid);

#endif
