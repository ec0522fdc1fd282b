/* SPDX-License-Identifier: Apache-2.0
 *
 * cursor.h - open cursors: questions that rest between two batches.
 *
 * A cursor holds either a question that is still being answered or documents that are ready. It dies with killCursors,
 * at its end, after ten idle minutes, or when its collection or index goes. Thread: one.
 */
#ifndef SIGNALBOX_SIM_CURSOR_H
#define SIGNALBOX_SIM_CURSOR_H

#include <signalbox/sim/engine.h>
#include <signalbox/sim/expr.h>
#include <signalbox/sim/op.h>

#define SIM_CURSOR_IDLE_US INT64_C(600000000)
#define SIM_BATCH_BYTES (16 << 20)
#define SIM_FIRST_BATCH 101

/* A question with everything it borrows from. */
struct sim_find {
    struct sim_doc *source; /* the command's bytes */
    struct sim_filter *filter;
    struct sim_projection *projection;
    struct sim_exec *exec;
};

void sim_find_free(struct sim_find *q);

struct sim_stream; /* of changes */

struct sim_open_cursor {
    int64_t id;
    struct sim_member *m;
    char ns[272];
    struct sim_find *find; /* or */
    struct sim_stream *stream; /* or */
    struct sim_doc **docs;
    size_t docs_n, docs_at;
    struct sim_row held; /* did not fit into the last batch */
    bool has_held;
    struct sim_exec_mark mark;
    struct sim_doc *command;
    int64_t created_us, used_us, returned;
    struct sim_expr_clock clock; /* what its expressions take for now, whenever they are evaluated */
    bool committed; /* it reads what a majority has */
    bool no_timeout;
    bool tailable, awaits; /* goes on where it ended; and a getMore waits there for a while */
    uint64_t txn; /* of the transaction that opened it; 0 none */
};

struct sim_cursors *sim_cursors_new(void);
void sim_cursors_free(struct sim_cursors *t);

/* A new cursor without an id. NULL out of memory. */
struct sim_open_cursor *sim_open_cursor_new(struct sim_member *m, const char *ns, int64_t now_us);
void sim_open_cursor_free(struct sim_open_cursor *c);

/* Gives it an id and keeps it. 0 or -1 out of memory (it stays the caller's). */
int sim_cursor_keep(struct sim *s, struct sim_open_cursor *c);
struct sim_open_cursor *sim_cursor_get(struct sim *s, const struct sim_member *m, int64_t id);
void sim_cursor_close(struct sim *s, struct sim_open_cursor *c); /* forgets and frees it */
void sim_cursors_expire(struct sim *s);
size_t sim_cursors_open(const struct sim *s, const struct sim_member *m, bool no_timeout_only);

/* Writes a batch of at most n documents (0: none; -1: as many as fit) as the array `name` of the open document. *more: the
 * cursor is not at its end. Returns how many, or -1. */
int64_t sim_cursor_batch(struct sim_open_cursor *c, struct sim_w *w, const char *name, int64_t n, bool *more, struct sim_work *work,
                         struct sim_fail *f);

/* Those that a transaction has opened end with it. */
void sim_cursors_close_txn(struct sim *s, uint64_t txn);

/* Each open cursor of a member, for currentOp. */
void sim_cursors_each(struct sim *s, const struct sim_member *m, void (*fn)(void *ctx, const struct sim_open_cursor *c), void *ctx);

#endif
