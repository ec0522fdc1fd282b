/* SPDX-License-Identifier: Apache-2.0
 *
 * ddl.h - catalogue changes on the primary, put into the oplog as they are made. */
#ifndef SIM_DDL_H
#define SIM_DDL_H

#include <signalbox/sim/dispatch.h>

/* The collection of c->ns on the primary, made when missing. NULL after a failure. */
struct sim_coll *sim_need_coll(struct sim_call *c);

/* Makes it with these options (they must be checked). */
struct sim_coll *sim_create_coll(struct sim_call *c, const uint8_t *options);

/* Drops the collection, on the others by the oplog. */
int sim_drop_coll(struct sim_call *c, struct sim_coll *coll);

/* Applies a command entry to the primary and logs it. */
int sim_change_catalog(struct sim_call *c, const char *db, const uint8_t *uuid, const uint8_t *o, const uint8_t *o2);

/* -1 for a namespace that clients may not write to. */
int sim_check_writable(struct sim_call *c);

#endif
