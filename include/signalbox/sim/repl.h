/* SPDX-License-Identifier: Apache-2.0
 *
 * repl.h - how a change on the primary becomes an oplog entry and reaches the other members.
 *
 * Entries have the form of MongoDB 5.0's oplog (updates as $v:2 differences). A secondary applies an entry some
 * milliseconds after it was made, more when it has been given a lag; nothing is applied while it is frozen. The commit
 * point is the newest entry that a majority has. Thread: one.
 */
#ifndef SIGNALBOX_SIM_REPL_H
#define SIGNALBOX_SIM_REPL_H

#include <signalbox/sim/engine.h>

/* Session fields of a retryable write, put into its oplog entry; NULL none. */
struct sim_stamp {
    const uint8_t *lsid; /* a document */
    int64_t txn_number;
    int32_t stmt;
};

/* Each writes one entry to the primary's oplog and puts the change on its way. -1: out of memory, nothing was done. */
int sim_log_insert(struct sim *s, const struct sim_coll *c, struct sim_doc *doc, int64_t keys, const struct sim_stamp *stamp);
int sim_log_update(struct sim *s, const struct sim_coll *c, const uint8_t *old, struct sim_doc *doc, int64_t keys, bool replacement,
                   const struct sim_stamp *stamp);
int sim_log_delete(struct sim *s, const struct sim_coll *c, const uint8_t *old, int64_t keys, const struct sim_stamp *stamp);

/* o: the command as oplog entries hold it, beginning with its name. uuid NULL: none. */
int sim_log_command(struct sim *s, const char *db, const uint8_t uuid[16], const uint8_t *o, const uint8_t *o2);
int sim_log_noop(struct sim *s, const char *msg);

/* Everything that is due or, for catch_up, everything there is up to that timestamp, whatever the lag. */
void sim_apply(struct sim *s, struct sim_member *m);
void sim_catch_up(struct sim *s, struct sim_member *m, uint64_t ts);

/* Recomputes the commit point. */
void sim_commit_point(struct sim *s);

/* Writes {ts, t} into the open document. */
void sim_put_optime(struct sim_w *w, const char *key, uint64_t ts);

/* A difference between two documents as update entries tell it ({u: .., i: .., d: ..}), into the open document. */
void sim_write_diff(struct sim_w *w, const uint8_t *old, const uint8_t *doc);

#endif
