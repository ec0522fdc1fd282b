/* SPDX-License-Identifier: Apache-2.0
 *
 * read_door.h - the one way to ask a server something: an allow-list of commands that change nothing.
 *
 * A command that is not on the list is refused here, before anything is sent; `aggregate` may not hold a stage that
 * writes, `explain` may only explain what may be read or is on the list of explainable writes, `profile` only reads with
 * -1. Specialists and telemetry have this door and no other. Bodies are sent as they are built, except that maxTimeMS is
 * added where the command takes it and has none. Thread: as the connection.
 */
#ifndef SIGNALBOX_MONGO_READ_DOOR_H
#define SIGNALBOX_MONGO_READ_DOOR_H

#include <signalbox/mongo/server.h>

/* Sends one command to `db`. On success `reply` is an initialised document the caller destroys; on failure it is not
 * initialised. A server's error is SB_ECOMMAND with its code in detail; a dead server SB_ESERVER. */
int sb_read(struct sb_conn *c, const char *db, const bson_t *command, bson_t *reply, struct sb_err *err);

/* The same for a command written as Extended JSON. */
int sb_read_json(struct sb_conn *c, const char *db, const char *command, bson_t *reply, struct sb_err *err);

/* Called for each document of a cursor; return false to stop. The document is valid during the call. */
typedef bool (*sb_doc_fn)(void *ctx, const bson_t *doc);

/* Runs a command that answers with a cursor and follows it with getMore, at most max documents. Returns how many were
 * given to fn, or -1. */
int64_t sb_read_cursor(struct sb_conn *c, const char *db, const bson_t *command, int64_t max, sb_doc_fn fn, void *ctx,
                       struct sb_err *err);
int64_t sb_read_cursor_json(struct sb_conn *c, const char *db, const char *command, int64_t max, sb_doc_fn fn, void *ctx,
                            struct sb_err *err);

/* Has each command told as it is sent, right before: for a record of what was read, and from whom. fn NULL: no more. */
typedef void (*sb_told_fn)(void *ctx, const char *member, const char *db, const bson_t *command);
void sb_read_tell(struct sb_conn *c, sb_told_fn fn, void *ctx);

/* 0 when the command may pass; else -1 and why. Exposed so that tests can hold the list against every command. */
int sb_read_allowed(const bson_t *command, struct sb_err *err);

#endif
