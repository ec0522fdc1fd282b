/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of mongo/ know of each other. */
#ifndef SIGNALBOX_MONGO_PRIVATE_H
#define SIGNALBOX_MONGO_PRIVATE_H

#include <mongoc/mongoc.h>
#include <signalbox/mongo/read_door.h>
#include <stdatomic.h>

struct sb_server {
    mongoc_uri_t *uri;
    char *before, *after; /* the connection string around its hosts: secret */
    char *shown;
    bool read_only;
    char **seeds;
    size_t seeds_n;
};

struct sb_conn {
    mongoc_client_t *client;
    char name[256];
    int64_t max_time_ms;
    bool unlooked; /* whether it was closed is not looked at before a command: whoever has it makes another one after a failure */
    char refused[64]; /* what was wrong with a reply that checked_stream.c kept from the driver; "" when nothing was */
    atomic_uint_fast64_t commands, errors;
    void (*told)(void *ctx, const char *member, const char *db, const bson_t *command); /* read_door.h; NULL: nobody is */
    void *told_ctx;
    char found[512]; /* what was said when no server was found; "" never */
};

/* Translates what the driver says of connection c; `what` names the command or the deed. */
int sb_mongo_error(struct sb_conn *c, const bson_error_t *e, const char *what, struct sb_err *err);

/* cluster.c: the cluster's own id ("" not told) and its shards, asked through a mongos; what it does not tell is in f->blind. -1 when
 * it wants a login or has gone, when no shard's members are known, or out of memory. */
int sb_cluster_ask(struct sb_conn *c, struct sb_deployment_facts *f, char *id, size_t cap, struct sb_err *err);
void sb_cluster_release(struct sb_deployment_facts *f);

/* Notes that a check is blind. Out of memory loses a remark, not a safety: policy goes by the missing fact. */
void sb_blind(struct sb_deployment_facts *f, const char *sentence);

/* What both doors do: does the permit hold for this command there; sending it, the answer into out (an ok that hides a failure is
 * one); what a failure of the driver's says of the command `name`. */
struct sb_permit;
struct sb_write_result;
int sb_permit_check(const struct sb_server *s, const char *deployment_id, const struct sb_permit *permit, const char *command, struct sb_err *err);
void sb_write_send(struct sb_conn *c, const char *db, const bson_t *command, struct sb_write_result *out);
void sb_write_failed(struct sb_conn *c, const bson_error_t *e, const char *name, struct sb_write_result *out);

/* Of a delete: may it pass (its "$db" is still there)? And carrying it out, which is more than one command (move_door.c). */
int sb_move_look(const bson_t *command, struct sb_err *err);
void sb_write_move(struct sb_conn *c, const char *db, const bson_t *command, struct sb_write_result *out);

/* The same of an update with "$keepIn" (keep_door.c); that it is one of a range by a pipeline was looked at before. */
#define SB_KEEP_IN "$keepIn"
int sb_keep_look(const bson_t *command, struct sb_err *err);
void sb_write_keep(struct sb_conn *c, const char *db, const bson_t *command, struct sb_write_result *out);

/* The driver's way to a stream (mongoc_stream_initiator_t; conn is the struct sb_conn): every reply is checked to be well
 * formed before the driver sees its end. */
mongoc_stream_t *sb_checked_connect(const mongoc_uri_t *uri, const mongoc_host_list_t *host, void *conn, bson_error_t *error);

/* A connection to the primary, wherever it is, with these time-outs. Not of a pool: the pool's monitor threads of 1.23 take
 * any length a reply claims, and abort the process over a negative one; a single client's scan checks it. It is told to
 * scan until select_ms are over (it would give up after one scan, that is, in every election). */
struct sb_conn *sb_conn_found(const mongoc_uri_t *uri, int32_t connect_ms, int32_t select_ms, int32_t socket_ms, struct sb_err *err);

#endif
