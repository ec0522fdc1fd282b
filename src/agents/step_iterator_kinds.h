/* SPDX-License-Identifier: Apache-2.0
 *
 * The step iterators there are. Each fills in an answer whose `next` begins as the place that was asked about. */
#ifndef SB_AGENTS_STEP_ITERATOR_KINDS_H
#define SB_AGENTS_STEP_ITERATOR_KINDS_H

#include <bson/bson.h>
#include <signalbox/agents/step_iterator.h>

int sb_next_batch(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
int sb_next_look(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);

/* The value that a write gives to a dotted path, by the `o` of its oplog entry: a whole document, a difference ($v: 2), or
 * modifiers. False: it does not touch the path. `out` borrows from `o`. */
bool sb_write_sets(const bson_t *o, const char *path, bson_iter_t *out);

/* 1: the collection is there and is the one; 0: it is not, and *why says how; -1: it could not be asked. */
struct sb_conn;
int sb_same_collection(struct sb_conn *c, const char *db, const char *coll, const char *uuid, char *why, size_t cap, struct sb_err *err);

#endif
