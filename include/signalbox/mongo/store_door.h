/* SPDX-License-Identifier: Apache-2.0
 *
 * store_door.h - the one way to the operators' own store: a replica set in which consoles share what they know.
 *
 * It is the third door, beside those that read and write what is watched, and leads nowhere else: it opens no connection to a
 * watched deployment (whoever opens it compares the ids that sb_store_door_ask gives), and writes to one database only. Every
 * write waits for a majority, every read is of what a majority has, from the primary, in one causally consistent session; a read
 * of one document that something is decided by is linearizable. A write whose answer got lost is reported as SB_STORE_LOST:
 * whoever made it reads before anything else is done. Nothing is tried twice here.
 * Thread: one owner each; every call blocks, at most about 15 s.
 */
#ifndef SIGNALBOX_MONGO_STORE_DOOR_H
#define SIGNALBOX_MONGO_STORE_DOOR_H

#include <signalbox/mongo/read_door.h>

#define SB_STORE_BATCH_MOST 1000          /* documents of one insert */
#define SB_STORE_BATCH_BYTES (8 << 20)    /* and their bytes together */
#define SB_STORE_DOCUMENT_BYTES (4 << 20) /* of one document; a longer one is neither written nor believed */
#define SB_STORE_LAST_MS INT64_C(253402300799999) /* the end of the year 9999: no moment that a store tells is later, or before 1970 */

struct sb_store_door;

/* Parses the connection string; no network traffic yet. The texts are copied. */
struct sb_store_door *sb_store_door_open(const char *uri, const char *database, struct sb_err *err);
void sb_store_door_close(struct sb_store_door *d); /* NULL is fine */

/* The connection string as it may be shown. */
const char *sb_store_door_shown(const struct sb_store_door *d);

/* Who answers there, and how its clock stands. */
struct sb_store_door_facts {
    char id[128];       /* as a watched deployment's: "rs:<replicaSetId>" */
    char set_name[128];
    char version[32];
    int64_t now;        /* milliseconds since 1970 by the primary's clock */
};
int sb_store_door_ask(struct sb_store_door *d, struct sb_store_door_facts *out, struct sb_err *err);

/* Finds out by trying whether the server keeps what a store has to keep: it refuses a write concern that no set can meet, and a read
 * concern that does not exist (one that only looks away from them would lose what it acknowledged), reads linearizably, and keeps a second
 * document from taking an _id. SB_ESTATE: it does not, and the message says what it did. Writes into the collection "trial". */
int sb_store_door_try(struct sb_store_door *d, struct sb_err *err);

/* The store's clock, in milliseconds since 1970; those of the hosts never count. */
int sb_store_door_now(struct sb_store_door *d, int64_t *out, struct sb_err *err);

enum sb_store_wrote {
    SB_STORE_FAILED = -1, /* it did not happen; err says why */
    SB_STORE_WROTE = 0,   /* a majority has it */
    SB_STORE_NOT = 1,     /* its condition was not met, or its _id is taken: nothing was written */
    SB_STORE_LOST = 2,    /* whether it happened is not known (err says why): read it back */
};

/* Inserts in this order, until one fails. *n (may be NULL): how many are there for certain. SB_STORE_NOT: the _id of documents[*n] is taken. */
enum sb_store_wrote sb_store_door_insert(struct sb_store_door *d, const char *coll, const bson_t *const *documents, size_t count, size_t *n, struct sb_err *err);

/* Updates the one document that fits; upsert: makes it where none does (where its _id is taken then, that is SB_STORE_NOT). update: a
 * document of operators, or an array (a pipeline, in which $$NOW is the store's clock). */
enum sb_store_wrote sb_store_door_update(struct sb_store_door *d, const char *coll, const bson_t *query, const bson_t *update, bool pipeline, bool upsert, struct sb_err *err);

/* As sb_store_door_update by findAndModify: after SB_STORE_WROTE `after` (may be NULL) is the document as it is now, and the caller's to destroy. */
enum sb_store_wrote sb_store_door_modify(struct sb_store_door *d, const char *coll, const bson_t *query, const bson_t *update, bool pipeline, bool upsert, bson_t *after,
                                         struct sb_err *err);

/* The one document that the filter names by its _id, linearizably. 1: out is initialised, and the caller's to destroy; 0: there is none; -1. */
int sb_store_door_one(struct sb_store_door *d, const char *coll, const bson_t *filter, bson_t *out, struct sb_err *err);

/* Documents that a majority has, in this order (sort NULL: any), at most `most`. Those longer than SB_STORE_DOCUMENT_BYTES are refused.
 * fn gives false to stop. How many were given to fn, or -1. */
int64_t sb_store_door_find(struct sb_store_door *d, const char *coll, const bson_t *filter, const bson_t *sort, int64_t most, sb_doc_fn fn, void *ctx, struct sb_err *err);

/* Makes an index where there is none of this name. */
int sb_store_door_index(struct sb_store_door *d, const char *coll, const char *name, const bson_t *keys, struct sb_err *err);

#endif
