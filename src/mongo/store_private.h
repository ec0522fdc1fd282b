/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the store's door know of each other. */
#ifndef SIGNALBOX_MONGO_STORE_PRIVATE_H
#define SIGNALBOX_MONGO_STORE_PRIVATE_H

#include "private.h"

#include <signalbox/mongo/store_door.h>

struct sb_store_door {
    struct sb_server *server;
    struct sb_conn *conn;
    mongoc_client_session_t *session; /* NULL: not begun yet */
    char database[64];
    bool failed;     /* what was sent last was not answered as it should: another connection comes next */
    int64_t refused; /* the server's code for what was read last; 0: it gave none */
};

/* Sends what reads. level NULL: as the command says. reply is initialised after 0 only. */
int sb_store_door_send(struct sb_store_door *d, const char *db, const bson_t *command, const char *level, bool in_session, bson_t *reply, struct sb_err *err);

#endif
