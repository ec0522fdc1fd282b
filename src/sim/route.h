/* SPDX-License-Identifier: Apache-2.0
 *
 * route.h - a command of a mongos' client on its way to shards and back.
 *
 * Each kind of command is a row: `plan` says which shards are asked what (its legs), `merge` makes one reply of theirs. A row that
 * gathers follows the shards' cursors to their end first; its reply is that of an aggregate on the mongos over what has come. */
#ifndef SIM_ROUTE_H
#define SIM_ROUTE_H

#include <signalbox/sim/cluster.h>
#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/pipeline.h>

struct sim_leg {
    int shard;
    struct sim_doc *body, *reply;
    uint32_t *index; /* of a write: which of the client's statements each of its own is */
    size_t index_n, index_cap;
    bool done;
};

struct sim_routed {
    struct sim_conn *conn; /* the client's */
    struct sim_cluster *c;
    const struct sim_verb *verb;
    struct sim_doc *body; /* what the client sent; its sequences borrow until the plan is made */
    const struct sim_request *rq;
    char db[128], coll[256], ns[272];
    const struct sim_sharded *x; /* NULL: the collection is not sharded */
    struct sim_leg leg[SIM_SHARDS_MAX];
    int legs, waiting;
    bool later;
    struct sim_docs docs; /* gathered */
    size_t bytes;
    struct sim_w stages; /* {pipeline: [..]} of the merge; not begun: none */
    bool tags;           /* documents get the name of their shard */
    int64_t batch, latency_us;
    const char *coll_shown; /* in the cursor's namespace */
    struct sim_fail fail;
};

struct sim_verb {
    const char *name, *alias;
    int (*plan)(struct sim_routed *r);
    int (*merge)(struct sim_routed *r, struct sim_w *w); /* the reply's own fields; -1: r->fail. NULL: the one leg's reply as it is */
    bool gathers;
    bool on_admin;          /* also on admin and config, which are the mongos' own otherwise */
    enum sim_opcounter counter;
};

extern const struct sim_verb sim_verbs[];
extern const size_t sim_verbs_n;

/* The shards that have the collection, a bit each. */
unsigned sim_route_all(const struct sim_routed *r);

/* The shards that a filter is about; NULL: there is none. -1 with the error; else *exact as of sim_chunk_shards. */
int sim_route_target(struct sim_routed *r, struct sim_val filter, unsigned *mask, bool *exact);

/* Adds a leg with what w holds (cleared behind it). */
int sim_route_leg(struct sim_routed *r, int shard, struct sim_w *w);

/* One leg a shard with the command as it came. */
int sim_route_forward(struct sim_routed *r, unsigned mask);

/* The fields that every command may have, but for its session's number where `write` is false. */
void sim_route_common(const struct sim_routed *r, struct sim_w *w);

/* Begins {pipeline: [ of the merge. */
struct sim_w *sim_route_stages(struct sim_routed *r);

/* The first leg that failed, as the error of the whole. 0: none has. */
int sim_route_failed(struct sim_routed *r);

const char *sim_route_shard(const struct sim_routed *r, int leg);

/* ---- the rows' functions ---- */

int sim_plan_find(struct sim_routed *r);
int sim_plan_aggregate(struct sim_routed *r);
int sim_plan_count(struct sim_routed *r);
int sim_merge_count(struct sim_routed *r, struct sim_w *w);
int sim_plan_distinct(struct sim_routed *r);
int sim_merge_distinct(struct sim_routed *r, struct sim_w *w);
int sim_plan_explain(struct sim_routed *r);
int sim_merge_explain(struct sim_routed *r, struct sim_w *w);

int sim_plan_insert(struct sim_routed *r);
int sim_plan_update(struct sim_routed *r);
int sim_plan_delete(struct sim_routed *r);
int sim_plan_modify(struct sim_routed *r);
int sim_merge_write(struct sim_routed *r, struct sim_w *w);

int sim_plan_everywhere(struct sim_routed *r);
int sim_plan_create_indexes(struct sim_routed *r);
int sim_merge_raw(struct sim_routed *r, struct sim_w *w);
int sim_plan_first(struct sim_routed *r);
int sim_plan_list(struct sim_routed *r);
int sim_plan_drop_database(struct sim_routed *r);
int sim_merge_coll_stats(struct sim_routed *r, struct sim_w *w);
int sim_merge_db_stats(struct sim_routed *r, struct sim_w *w);
int sim_plan_all_shards(struct sim_routed *r);
int sim_merge_databases(struct sim_routed *r, struct sim_w *w);
int sim_plan_current_op(struct sim_routed *r);
int sim_merge_current_op(struct sim_routed *r, struct sim_w *w);
int sim_plan_kill_op(struct sim_routed *r);
int sim_plan_nobody(struct sim_routed *r);
int sim_merge_list_shards(struct sim_routed *r, struct sim_w *w);
int sim_merge_shard_map(struct sim_routed *r, struct sim_w *w);
int sim_merge_balancer(struct sim_routed *r, struct sim_w *w);
int sim_plan_refused(struct sim_routed *r);
int sim_plan_profile(struct sim_routed *r);

/* A document of $currentOp as a mongos shows it. */
struct sim_doc *sim_route_shown_op(const char *shard, const uint8_t *doc);

#endif
