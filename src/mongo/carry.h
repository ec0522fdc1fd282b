/* SPDX-License-Identifier: Apache-2.0
 *
 * carry.h - commands that a server does not know and that are carried out from here, as one transaction: reading documents in it,
 * sending its parts, committing it. What is not committed is aborted with the release. Private to the room. */
#ifndef SB_MONGO_CARRY_H
#define SB_MONGO_CARRY_H

#include "private.h"

#include <signalbox/mongo/write_door.h>

#define SB_CARRY_DIFFERS (-1) /* no server's code: it is not tried again */

struct sb_carried {
    bson_t **item;
    size_t n, cap, bytes;
};
void sb_carried_release(struct sb_carried *d);

struct sb_carry {
    struct sb_conn *c;
    mongoc_client_session_t *session;
    struct sb_write_result *out;
    const char *db, *comment;
    int64_t max_ms;
};

/* Each -1 with what went wrong in *out. The command borrows; all of it goes to the primary that c leads to. */
int sb_carry_begin(struct sb_carry *t, struct sb_conn *c, const char *db, const bson_t *command, struct sb_write_result *out);
void sb_carry_end(struct sb_carry *t);
int sb_carry_nomem(struct sb_carry *t);
int sb_carry_differs(struct sb_carry *t, const char *why);

/* The documents that fit, in the order of _id; only: of what is read of each, or NULL: all of it. */
int sb_carry_read(struct sb_carry *t, const char *coll, const bson_t *filter, const bson_t *only, struct sb_carried *out);

/* Sends a part. reply: initialised in any case, also after a failure; a write error within it is one. */
int sb_carry_send(struct sb_carry *t, const bson_t *command, const char *name, bson_t *reply);
int sb_carry_commit(struct sb_carry *t);

/* {_id: {$in: [of those]}}; which NULL: of all. The caller destroys it. */
bson_t *sb_carried_by_ids(const struct sb_carried *d, const bool *which);
bool sb_same_id(const bson_t *a, const bson_t *b);

#endif
