/* SPDX-License-Identifier: Apache-2.0
 *
 * server.h - what the console is connected to: a connection string, its servers, and one connection to one of them.
 *
 * Rules of the room (no other includes mongoc): sb_mongo_init before the first thread, sb_mongo_cleanup after the last.
 * A `struct sb_server` is read by every thread and changed by none after sb_server_new. A `struct sb_conn` belongs to one
 * thread at a time; calls on it block up to its time-outs and cannot be cancelled, so only worker and lane threads make
 * them. Connection strings hold secrets: they come from a file or the environment, and nothing here prints one with its
 * password, user name parameters or key-file password.
 */
#ifndef SIGNALBOX_MONGO_SERVER_H
#define SIGNALBOX_MONGO_SERVER_H

#include <bson/bson.h>
#include <signalbox/base/error.h>
#include <signalbox/base/str.h>
#include <stdbool.h>
#include <stdint.h>

/* Routes the driver's own log lines to nowhere and prepares the driver. Once, before any thread. */
void sb_mongo_init(void);
void sb_mongo_cleanup(void);

/* The version of the driver that runs. */
const char *sb_mongo_library(void);

struct sb_server;

/* Parses a connection string (a mongodb:// or mongodb+srv:// URI). The error never repeats the string. */
struct sb_server *sb_server_new(const char *uri, bool read_only, struct sb_err *err);
void sb_server_free(struct sb_server *s);

bool sb_server_read_only(const struct sb_server *s);

/* The connection string as it may be shown: mongodb://user:***@h1,h2/?replicaSet=rs0. Owned by the server. */
const char *sb_server_shown(const struct sb_server *s);

/* The hosts named in the connection string, "host:port". */
size_t sb_server_seeds(const struct sb_server *s);
const char *sb_server_seed(const struct sb_server *s, size_t i);

/* The set that the connection string names (replicaSet=); "" none. */
const char *sb_server_set(const struct sb_server *s);

/* Reads a connection string out of a file (first line, at most 16 KiB). The file may not be readable by others. */
int sb_uri_from_file(const char *path, struct sb_str *out, struct sb_err *err);

enum sb_lane {
    SB_LANE_SAMPLER,  /* 2 s for everything: a silent member must not hold up its lane */
    SB_LANE_CONTROL,  /* 5 s */
    SB_LANE_BULK,     /* 15 s */
};

struct sb_conn;

/* A connection to exactly this member, whatever its state. No network traffic until the first command. */
struct sb_conn *sb_conn_to_member(const struct sb_server *s, const char *host_port, enum sb_lane lane, struct sb_err *err);

/* The same, whichever set the member says that it is of: the driver would only call another one out of reach. The caller compares. */
struct sb_conn *sb_conn_to_any(const struct sb_server *s, const char *host_port, enum sb_lane lane, struct sb_err *err);

/* A connection that finds the primary (or, on a standalone, the server) through the set's topology. */
struct sb_conn *sb_conn_to_primary(const struct sb_server *s, enum sb_lane lane, struct sb_err *err);

void sb_conn_close(struct sb_conn *c); /* NULL is fine */

/* "host:port"; of a primary that has to be found, "primary of" and where it is looked for. */
const char *sb_conn_name(const struct sb_conn *c);

/* Commands sent and failed on this connection since it was opened: the program's own load. Any thread. */
uint64_t sb_conn_commands(const struct sb_conn *c);
uint64_t sb_conn_errors(const struct sb_conn *c);

/* The topology as `hello` tells it. */
struct sb_hello {
    char set_name[128];
    char me[256];
    char primary[256];
    bool is_primary, is_secondary, is_mongos;
    int64_t min_wire, max_wire;
    char **members; /* hosts, passives and arbiters, in the order told */
    size_t members_n;
    char **arbiters;
    size_t arbiters_n;
};

/* A replica set, or a cluster whose shards are such: its members lag, and elect. */
static inline bool sb_hello_replicated(const struct sb_hello *h)
{
    return h->set_name[0] || h->is_mongos;
}

/* A shard as its cluster knows it: the members that clients may read, "host:port". */
struct sb_shard {
    char *name, *set;
    char **hosts;
    size_t hosts_n;
};

#define SB_SHARDS_MOST 64
#define SB_SHARD_HOSTS_MOST 50

/* Identity and abilities of a deployment. A fact that could not be had is empty, and `blind` says which check it costs. */
struct sb_deployment_facts {
    struct sb_hello hello;
    char version[32];
    int64_t version_number; /* 5.0.7 -> 50007 */
    char id[128];           /* "rs:<replicaSetId>", "cluster:<id>" or "standalone:<host:port>", and for a simulator its incarnation */
    bool simulated;
    bool mongod;            /* it is MongoDB's own server, and no other that speaks its protocol */
    int64_t speed;          /* of a simulator's clock; 1 elsewhere */
    struct sb_shard *shards; /* of a cluster that is asked through a mongos; in the order of their names */
    size_t shards_n;
    char **blind;           /* sentences */
    size_t blind_n;
};

/* Is this one of the shards' members? Its shard's name, or NULL. */
const char *sb_shard_of(const struct sb_deployment_facts *facts, const char *host_port);

/* "set/host:port,host:port", as listShards tells a shard, into its set and hosts. False: it is not written so. -1 in *rc: out of memory. */
bool sb_shard_parse(const char *host, struct sb_shard *shard, int *rc);
void sb_shard_release(struct sb_shard *shard);

/* Asks the server. On success facts is filled; release it with sb_deployment_facts_release. */
int sb_deployment_ask(struct sb_conn *c, struct sb_deployment_facts *facts, struct sb_err *err);
void sb_deployment_facts_release(struct sb_deployment_facts *facts);

/* Is this a code (of a server's error) that says that it does not have the thing at all? Anything else is about who asks, or about
 * this collection. */
bool sb_server_lacks(int64_t code);

/* The same without what it can answer: three light commands, to learn whether it still is the one it was. */
int sb_deployment_identify(struct sb_conn *c, struct sb_deployment_facts *facts, struct sb_err *err);

#endif
