/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster.h - a sharded cluster: a mongos, shards that are replica sets, and which of them has which documents.
 *
 * Each shard is a simulated set of its own (engine.h). The mongos is one more, of one member, that holds the config database;
 * what a client asks of it about other databases is asked of shards (route.c). All of them share one clock: sim_cluster_run_until
 * moves it. A collection of the scenario is sharded by ranges of its key, or lies on shard 0 as a whole. Chunks move when the
 * scenario says so. Not simulated: hashed and changed shard keys, splits, zones, transactions of several shards, orphans.
 * Thread: one owner.
 */
#ifndef SIGNALBOX_SIM_CLUSTER_H
#define SIGNALBOX_SIM_CLUSTER_H

#include <signalbox/sim/engine.h>
#include <signalbox/sim/match.h>
#include <signalbox/sim/scenario.h>

#define SIM_CLUSTER_SETS (SIM_SHARDS_MAX + 1)
#define SIM_CLUSTER_PORTS (1 + SIM_SHARDS_MAX * SIM_MEMBERS_MAX)
#define SIM_CHUNKS_MAX 128
#define SIM_SHARD_KEY_MAX 8 /* fields */

/* From min (of the whole key) up to the min of the next one. */
struct sim_chunk {
    struct sim_doc *min;
    uint8_t id[12];
    int shard;
    uint32_t major;
};

struct sim_sharded {
    const char *ns; /* borrowed from the scenario */
    struct sim_doc *key;
    const char *field[SIM_SHARD_KEY_MAX]; /* borrowed from key */
    unsigned fields;
    struct sim_chunk chunk[SIM_CHUNKS_MAX];
    unsigned chunks;
    uint8_t epoch[12];
    uint32_t major; /* the newest version of a chunk */
};

struct sim_cluster {
    struct sim *router;
    struct sim *shard[SIM_SHARDS_MAX];
    int shards;
    struct sim_sharded *coll;
    size_t colls;
    const struct sim_scenario *sc;
    uint8_t id[12];
    bool stopped; /* the balancer */
    int64_t rounds, moved, failed;
};

/* setup: of each shard, but for port and members; port[0]: of the mongos, then those of the members, shard by shard. Loads the
 * scenario. NULL after a failure. */
struct sim_cluster *sim_cluster_new(const struct sim_setup *setup, const struct sim_scenario *sc, int shards, const int port[SIM_CLUSTER_PORTS], struct sb_err *err);
void sim_cluster_free(struct sim_cluster *c);

/* As their namesakes of engine.h, of all sets. */
void sim_cluster_run_until(struct sim_cluster *c, int64_t us);
int64_t sim_cluster_next_event(const struct sim_cluster *c);

/* "shard0/127.0.0.1:27018,..." */
void sim_shard_host(const struct sim *shard, struct sb_str *out);

/* Does that shard keep the document, which a scenario begins with? And the collection at all? */
bool sim_cluster_keeps(const struct sim *shard, const char *ns, const uint8_t *doc);
bool sim_cluster_has(const struct sim *shard, const char *ns);

/* NULL: it is not sharded. */
struct sim_sharded *sim_sharded_find(const struct sim_cluster *c, const char *ns);

/* The chunk of a document by the key's fields in it. */
unsigned sim_chunk_of(const struct sim_sharded *x, const uint8_t *doc);

/* The shards (a bit each) that may have what the filter matches. *exact: it names one value of each of the key's fields. */
unsigned sim_chunk_shards(const struct sim_sharded *x, const struct sim_expr *filter, bool *exact);

/* The min of that chunk, the max of the one in front of it: as a document. chunks: the max of the last one. */
const uint8_t *sim_chunk_min(const struct sim_sharded *x, unsigned chunk);
void sim_chunk_put_max(const struct sim_sharded *x, unsigned chunk, struct sim_w *w, const char *key);

/* Begins the move of the chunk that has this value of the key's first field to another shard; nothing when it is there. */
int sim_chunk_move(struct sim_cluster *c, struct sim_sharded *x, struct sim_val value, int to);

/* ---- commands ---- */

/* A command of a client of a mongos. False: the mongos answers it by itself, as any member does. */
struct sim_request;
bool sim_route(struct sim_conn *conn, const struct sim_request *rq, struct sim_w *w, const uint8_t **reply, bool *later);
void sim_route_free(struct sim_route *r);

/* ---- the config database ---- */

int sim_config_write(struct sim_cluster *c); /* as the cluster begins */
int sim_config_update_chunk(struct sim_cluster *c, const struct sim_sharded *x, unsigned chunk);
int sim_config_balancer(struct sim_cluster *c); /* after `stopped` was changed */

/* An entry of config.changelog or config.actionlog, and the line of the log of who made it. details may be NULL. */
int sim_config_tell(struct sim_cluster *c, struct sim *by, const char *log, const char *what, const char *ns, const uint8_t *details);

#endif
