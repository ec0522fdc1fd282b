/* SPDX-License-Identifier: Apache-2.0
 *
 * live_ops.h - what clients have each member do now, by one look at $currentOp of each: who waits, most likely for whom, and what
 * may be ended from here.
 *
 * May be ended: a client's read or write. Not: the server's own work, an index build (it ends by dropIndexes), a commit or an abort
 * (its outcome would be in doubt), what touches the server's own collections, what this program does itself, and every command that
 * is neither a read nor a write. What a document does not say, or says in a wrong type, is not known; an operation of which neither
 * number nor connection is known is never ended. Reading blocks: worker threads only.
 */
#ifndef SIGNALBOX_AGENTS_LIVE_OPS_H
#define SIGNALBOX_AGENTS_LIVE_OPS_H

#include <signalbox/agents/catalogue.h>
#include <signalbox/model/ops.h>

/* Modes of locks as the server writes them: r and w are shared by many, R and W are not; 0: none held, or not told. */
struct sb_op_locks {
    char global, database, collection;
    bool waits_lock, waits_write, transaction;
};

enum sb_live_kind {
    SB_LIVE_LISTED,
    SB_LIVE_BEHIND,  /* of the server, or of what drivers ask all the time: no list shows it, and it is never ended */
    SB_LIVE_UNKNOWN, /* not a document of an operation at all */
};

/* Fills `out` (zeroed, or released before) from one document of $currentOp. -1 out of memory, and `out` is released. */
int sb_live_op(const bson_t *doc, const char *member, struct sb_op *out, struct sb_op_locks *locks, enum sb_live_kind *kind) SB_MUST_USE;

/* Works out who holds what: locks[i] belongs to list[i]. */
void sb_live_holders(struct sb_op *list, const struct sb_op_locks *locks, size_t n);

/* All members. A member that cannot be asked is in out->blind. */
int sb_live_ops_read(const struct sb_server *server, char *const *members, size_t n, struct sb_ops *out, struct sb_err *err) SB_MUST_USE;

/* The operation of this number on the member that the connection leads to. 1: there it is, in out; 0: it runs no such one; -1. */
int sb_live_op_find(struct sb_conn *conn, const char *member, const char *opid, struct sb_op *out, struct sb_err *err) SB_MUST_USE;

#endif
