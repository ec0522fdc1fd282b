/* SPDX-License-Identifier: Apache-2.0
 *
 * txn.h - transactions: several commands whose changes are seen by nobody until they are committed together.
 *
 * An open transaction keeps its changes to itself. While one of its commands runs, the primary's data is put back to what
 * it was when the transaction began, with the transaction's own changes on top; afterwards every record is as it was. So
 * a transaction reads its snapshot and its own writes, and nobody else sees anything. The first to change a document
 * wins: a transaction that comes second gets WriteConflict, a command outside of transactions waits until the other one
 * is over. A commit is one entry of the oplog (applyOps), which the other members apply as one.
 *
 * Simplified: a collection that a transaction's insert makes is there at once; a command outside of transactions that
 * has already changed something when it meets a claimed document gets WriteConflict instead of waiting. Thread: one.
 */
#ifndef SIGNALBOX_SIM_TXN_H
#define SIGNALBOX_SIM_TXN_H

#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/pipeline.h>


struct sim_txns *sim_txns_new(void);
void sim_txns_free(struct sim_txns *t);

/* Begins to end those that live for too long. 0, or -1 out of memory. */
int sim_txns_begin(struct sim *s);

/* autocommit and startTransaction of a command; sets c->in_txn. */
int sim_txn_arguments(struct sim_call *c);

/* Runs a command with c->in_txn in its transaction, which a failure aborts. */
int sim_txn_run(struct sim_call *c);

/* Before a document is changed: -1 WriteConflict; c->blocked is set where the command is to be run again later. */
int sim_txn_claim(struct sim_call *c, const struct sim_coll *coll, struct sim_val id, struct sim_fail *f);

/* What the command in c->txn has just done to a record: before or after NULL for an insert or a delete. 0, or -1 out of
 * memory. */
int sim_txn_note(struct sim_call *c, struct sim_coll *coll, uint64_t rid, struct sim_doc *before, struct sim_doc *after, bool replacement,
                 int64_t keys);

/* An open transaction has used a collection that this command wants to change as a whole. */
bool sim_txn_blocks(const struct sim_call *c);

/* The transaction that opened a cursor and the one that uses it, 0 none, are told apart by this number. */
uint64_t sim_txn_serial(const struct sim_txn *t);
int64_t sim_txn_number_of(const struct sim *s, uint64_t serial);

/* Those of a session end without a trace; those of a member when it is no primary any more. */
void sim_txn_abort_session(struct sim *s, const uint8_t *lsid);
void sim_txns_abort_member(struct sim_member *m);

/* The oldest position of the stream that an open transaction needs; UINT64_MAX none. */
uint64_t sim_txns_oldest(const struct sim *s);

int64_t sim_txns_open(const struct sim *s, const struct sim_member *m);

/* Their entries of currentOp. 0, or -1 out of memory. */
int sim_txns_current_ops(const struct sim *s, const struct sim_member *m, struct sim_docs *out);

/* transactionLifetimeLimitSeconds: the cost transaction_life_s, which a scenario and setParameter set. */
int64_t sim_txns_life(const struct sim *s);

#endif
