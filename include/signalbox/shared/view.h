/* SPDX-License-Identifier: Apache-2.0
 *
 * view.h - what all hosts have put into the store, for those who only look: pages over a fleet, the doctor, an auditor's export.
 *
 * What is read is of a majority, and bytes from outside all the same: a document is handed out only when each of its members that is used is
 * of its type, within its bounds and UTF-8; the others are counted, and one is named. Nothing here decides anything: a copy is as old
 * as its owner's last beat says, and what may be done is for the owner to check anew.
 *
 * Rows borrow their texts: they are valid during the call of fn, which gives false to stop. Thread and errors: as the store's. Each
 * function returns how many rows were handed out, or -1.
 */
#ifndef SIGNALBOX_SHARED_VIEW_H
#define SIGNALBOX_SHARED_VIEW_H

#include <signalbox/shared/lease.h>
#include <signalbox/shared/store.h>

#define SB_STORE_HOSTS_MOST 10000
#define SB_STORE_ROWS_MOST 200000 /* cards, or incidents */

/* Documents that were no such rows. */
struct sb_store_odd {
    int64_t n;
    char what[200]; /* about the first: "cards: {...}: no sha256" */
};

/* A ledger, and what runs it. Times are the store's. NULL, 0: not said. */
struct sb_store_host_row {
    const char *log, *host, *boot, *program, *key; /* key: the line for verifiers of its checkpoints */
    const char *deployment_id, *deployment, *environment, *team, *class_;
    int64_t pid, version, beat, head, published; /* entries it had at that beat, and those it knew to be in the store */
    bool draining;
};
typedef bool (*sb_store_host_fn)(void *ctx, const struct sb_store_host_row *row);
int64_t sb_store_hosts(struct sb_store *s, sb_store_host_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err);

/* How far a ledger says that it is. */
struct sb_store_checkpoint_row {
    const char *log, *root, *note; /* note: the signed checkpoint */
    int64_t n;
};
typedef bool (*sb_store_checkpoint_fn)(void *ctx, const struct sb_store_checkpoint_row *row);
int64_t sb_store_checkpoints(struct sb_store *s, sb_store_checkpoint_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err);

/* A card or an incident as its owner's copy of it stands. */
struct sb_store_item_row {
    const char *log, *id;
    const char *environment, *deployment, *team, *class_; /* as its owner's config has them */
    const char *bytes; /* JSON: the record of a card, or of an anomaly */
    int64_t n;         /* the entry that made it so */
};
typedef bool (*sb_store_item_fn)(void *ctx, const struct sb_store_item_row *row);
/* open: only those that somebody has to act on, or that go on. log NULL: of every ledger. */
int64_t sb_store_cards(struct sb_store *s, const char *log, bool open, sb_store_item_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err);
int64_t sb_store_incidents(struct sb_store *s, const char *log, bool open, sb_store_item_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err);

/* The copies of a ledger's entries from..to (to 0: to the end), rising. A gap is for the caller to see. */
struct sb_store_entry_row {
    int64_t n;
    const char *hash;  /* 64 hexadecimal digits, as the copy says */
    const char *bytes; /* as they were hashed */
    size_t len;
};
typedef bool (*sb_store_entry_fn)(void *ctx, const struct sb_store_entry_row *row);
int64_t sb_store_entries(struct sb_store *s, const char *log, int64_t from, int64_t to, sb_store_entry_fn fn, void *ctx, struct sb_store_odd *odd, struct sb_err *err);

/* The number of the newest entry of a ledger that is there; 0: none is. */
int sb_store_head(struct sb_store *s, const char *log, int64_t *n, struct sb_err *err);

/* Who owns which deployment. The caller frees the list. */
int sb_store_lease_rows(struct sb_store *s, struct sb_lease **list, size_t *n, struct sb_err *err);

#endif
