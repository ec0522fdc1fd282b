/* SPDX-License-Identifier: Apache-2.0
 *
 * The step iterators there are. Each fills in an answer whose `next` begins as the place that was asked about. */
#ifndef SB_AGENTS_STEP_ITERATOR_KINDS_H
#define SB_AGENTS_STEP_ITERATOR_KINDS_H

#include <bson/bson.h>
#include <signalbox/agents/step_iterator.h>
#include <signalbox/mongo/read_door.h>

int sb_next_batch(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
int sb_next_append(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
int sb_next_look(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
int sb_next_pair(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
int sb_next_series_written(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
int sb_next_series_held(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
int sb_next_extracted(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);

/* step_oplog.c: one turn of reading the record of writes on. The step's own find, from q->place on, is given to `take` entry by entry.
 * 1: it was read; 0: it cannot be, and *out says why; -1 with err. conn may be open in any case, to the primary: the caller closes it. */
#define SB_LOOK_ENTRIES 20000 /* at most, in one turn */
struct sb_look_reading {
    const struct sb_server *server;
    const struct sb_turn_question *q;
    sb_doc_fn take;
    void *ctx;
    struct sb_conn *conn;      /* out, and */
    char db[64], coll[192];    /* of q->ns */
};
int sb_look_read(struct sb_look_reading *r, struct sb_turn_answer *out, struct sb_err *err);
int sb_look_remember(struct sb_place *p, uint32_t t, uint32_t i); /* the place behind this entry; -1: out of memory */

/* The value that a write gives to a dotted path, by the `o` of its oplog entry: a whole document, a difference ($v: 2), or
 * modifiers. False: it does not touch the path. `out` borrows from `o`. */
bool sb_write_sets(const bson_t *o, const char *path, bson_iter_t *out);

/* What a write (an entry's op and o) makes of a dotted path, as a number that is the same for the same: a value, a difference within
 * it, or SB_WRITE_TAKES for none any more; 0: it does not touch it. */
#define SB_WRITE_TAKES UINT64_C(1)
uint64_t sb_write_makes(const char *op, const bson_t *o, const char *path);
uint64_t sb_value_hash(const bson_iter_t *at); /* the number of a value */

/* The one command of a step that goes in batches. q and u borrow from `all`: the filter, and the pipeline. */
struct sb_statement {
    bson_t *all;
    bson_t q, u;
    bool merges; /* an aggregation that ends in $merge */
    bool deletes; /* what another collection holds, or does not; u is nothing */
    bool once; /* its filter fits as well what it has been over: nothing is looked for again */
    char db[64], coll[192];
};
int sb_statement_open(const char *command, struct sb_statement *s, struct sb_err *err); /* release it in any case */
void sb_statement_release(struct sb_statement *s);

/* Does it put whole documents into a collection that was made here? Then `into` is its name. Pure. */
bool sb_statement_appends(const struct sb_statement *s, char *into, size_t cap);

/* The same command over a range, {_id: {$gt: .., $lte: ..}}, as canonical Extended JSON. NULL: out of memory. */
char *sb_statement_narrowed(const struct sb_statement *s, const bson_t *range);

/* 1: the collection is there and is the one; 0: it is not, and *why says how; -1: it could not be asked. */
int sb_same_collection(struct sb_conn *c, const char *db, const char *coll, const char *uuid, char *why, size_t cap, struct sb_err *err);

#endif
