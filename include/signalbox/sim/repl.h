/* SPDX-License-Identifier: Apache-2.0
 *
 * repl.h - how a change on the primary becomes an oplog entry and reaches the other members.
 *
 * Entries have the form of MongoDB 5.0's oplog (updates as $v:2 differences). A secondary applies an entry some
 * milliseconds after it was made, more when it has been given a lag or a delay; nothing is applied while it is frozen, and
 * only what another running member has can be fetched. The commit point is the newest entry of the present term that a
 * majority of the voting members has. The stream holds the entries of the set's present history; a member that was away
 * when the history took another course keeps its own entries as a branch (rollback.h). A member that is away for more
 * entries than the stream holds is too stale and stays RECOVERING. Thread: one.
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

/* Each writes one entry to the primary's oplog and puts the change on its way. -1: there is no primary, or no memory, and
 * nothing was done. The old document is kept for a rollback. */
int sim_log_insert(struct sim *s, const struct sim_coll *c, struct sim_doc *doc, int64_t keys, const struct sim_stamp *stamp);
int sim_log_update(struct sim *s, const struct sim_coll *c, struct sim_doc *old, struct sim_doc *doc, int64_t keys, bool replacement,
                   const struct sim_stamp *stamp);
int sim_log_delete(struct sim *s, const struct sim_coll *c, struct sim_doc *old, int64_t keys, const struct sim_stamp *stamp);

/* o: the command as oplog entries hold it, beginning with its name. uuid NULL: none. */
int sim_log_command(struct sim *s, const char *db, const uint8_t uuid[16], const uint8_t *o, const uint8_t *o2);

/* One change of a transaction: before or after NULL for an insert or a delete. */
struct sim_part {
    struct sim_coll *coll;
    struct sim_doc *before, *after;
    bool replacement;
    int64_t keys;
};

/* All changes of a transaction as one entry of so many bytes. As above; 1: the entry would be larger than a document may be. */
int sim_log_transaction(struct sim *s, const struct sim_part *part, size_t n, const uint8_t *lsid, int64_t txn_number, int64_t *bytes);
int sim_log_noop(struct sim *s, const char *msg);

/* Everything that is due or, for catch_up, everything there is up to that timestamp, whatever the lag. */
void sim_apply(struct sim *s, struct sim_member *m);
void sim_catch_up(struct sim *s, struct sim_member *m, uint64_t ts);

/* Up to where running members other than this one have the set's entries, or as far as it has them itself. */
uint64_t sim_others_have(const struct sim *s, const struct sim_member *m);

/* Plans the next application for every member that lacks something. */
void sim_apply_wake(struct sim *s);

/* The change at a position of the stream; it must hold it. */
static inline struct sim_change *sim_change_at(struct sim *s, uint64_t position)
{
    return &s->change[position - s->change_base];
}

static inline uint64_t sim_stream_end(const struct sim *s)
{
    return s->change_base + s->change_n;
}

/* Too far behind for the stream. */
static inline bool sim_is_stale(const struct sim *s, const struct sim_member *m)
{
    return m->applied < s->change_base;
}

/* Appends the document to the member's own oplog. */
int sim_oplog_append(struct sim_member *m, struct sim_doc *entry);
void sim_change_release(struct sim_change *c);

/* Recomputes the commit point. */
void sim_commit_point(struct sim *s);

/* Lets members that follow well have everything up to now, as they would a moment later; whoever lags, hangs, delays or
 * is down is left as it is. For clients from outside, whose answer comes at once. */
void sim_spread(struct sim *s);

/* True when so many members (0: a majority of the votes) have that entry. */
bool sim_replicated(const struct sim *s, uint64_t ts, int64_t members);

static inline struct sim_optime sim_applied(const struct sim_member *m)
{
    return (struct sim_optime){m->applied_ts, m->applied_term};
}

/* < 0, 0, > 0 */
static inline int sim_optime_compare(struct sim_optime a, struct sim_optime b)
{
    return a.t != b.t ? (a.t > b.t) - (a.t < b.t) : (a.ts > b.ts) - (a.ts < b.ts);
}

/* Writes {ts, t} into the open document. */
void sim_put_optime(struct sim_w *w, const char *key, struct sim_optime at);

/* A difference between two documents as update entries tell it ({u: .., i: .., d: ..}), into the open document. */
void sim_write_diff(struct sim_w *w, const uint8_t *old, const uint8_t *doc);

#endif
