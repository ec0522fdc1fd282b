/* SPDX-License-Identifier: Apache-2.0
 *
 * The step iterators there are. Each fills in an answer whose `next` begins as the place that was asked about. */
#ifndef SB_AGENTS_STEP_ITERATOR_KINDS_H
#define SB_AGENTS_STEP_ITERATOR_KINDS_H

#include <signalbox/agents/step_iterator.h>

int sb_next_batch(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
int sb_next_look(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);

/* 1: the collection is there and is the one; 0: it is not, and *why says how; -1: it could not be asked. */
struct sb_conn;
int sb_same_collection(struct sb_conn *c, const char *db, const char *coll, const char *uuid, char *why, size_t cap, struct sb_err *err);

#endif
