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
    mongoc_client_pool_t *pool; /* owns client when not NULL */
    char name[256];
    int64_t max_time_ms;
    atomic_uint_fast64_t commands, errors;
};

/* Translates the driver's error; `what` names the command or the deed. */
int sb_mongo_error(const bson_error_t *e, const char *where, const char *what, struct sb_err *err);

/* A connection of its own pool to the primary with these time-outs. */
struct sb_conn *sb_conn_pooled(const mongoc_uri_t *uri, int32_t connect_ms, int32_t select_ms, int32_t socket_ms,
                               struct sb_err *err);

#endif
