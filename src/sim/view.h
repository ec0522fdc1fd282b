/* SPDX-License-Identifier: Apache-2.0
 *
 * view.h - views: named pipelines over a collection or another view, kept as documents of the database's system.views, which
 * replicates as any other collection. */
#ifndef SIM_VIEW_H
#define SIM_VIEW_H

#include <signalbox/sim/dispatch.h>

/* {_id: "shop.v", viewOn: "orders", pipeline: [..]}, or NULL: it is no view. */
const uint8_t *sim_view_find(const struct sim_catalog *cat, const char *ns);

/* How many a database has. */
size_t sim_views_of(const struct sim_catalog *cat, const char *db);

/* Is c->ns a view, then c->ns becomes what it is a view of in the end, and w {pipeline: [..]}: its stages, then those given.
 * 1; 0 it is none; -1 failed. */
int sim_view_resolve(struct sim_call *c, struct sim_val stages, struct sim_w *w);

/* {pipeline: [..]} of a find, count or distinct command: what it asks of a view. 0 or -1. */
int sim_view_question(struct sim_call *c, const uint8_t *cmd, const char *name, struct sim_w *w);

/* create and collMod {viewOn, pipeline}, and drop, on c->ns; and what create does once it is allowed. 0 or -1. */
int sim_view_create(struct sim_call *c);
int sim_view_define(struct sim_call *c, struct sim_val on, struct sim_val pipeline);
int sim_view_modify(struct sim_call *c);
int sim_view_drop(struct sim_call *c);

#endif
