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

/* cmd_write.c. A collection of the command's database anew, with these documents: what $out does. */
struct sim_docs;
int sim_write_out(struct sim_call *c, const char *name, const struct sim_docs *docs);

/* cmd_write.c. One statement of an update, of c->ns, counted as such. -1 with c->fail. */
int sim_run_update(struct sim_call *c, const uint8_t *statement);

/* merge.c. These documents into another collection of the command's database, as $merge says. */
int sim_write_merge(struct sim_call *c, struct sim_val spec, const struct sim_docs *docs);

/* Applies a command entry to the primary and logs it. */
int sim_change_catalog(struct sim_call *c, const char *db, const uint8_t *uuid, const uint8_t *o, const uint8_t *o2);

/* -1 for a namespace that clients may not write to. */
int sim_check_writable(struct sim_call *c);

#endif
