/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger.h - the record that cannot be changed unnoticed, and the tables that follow from it.
 *
 * A folder holds: ledger.db (entries, append only), checkpoint (what the ledger said of itself last, signed),
 * checkpoint.signed (the same as an operator signed it), checkpoint-key and checkpoint-key.pub (what it signs with, and the
 * line for verifiers), lock (who owns it) and derived.db (it is made anew from the entries when it is gone). A copy of the
 * newest checkpoint may be kept elsewhere, the witness. One process owns a ledger and writes; others read without a lock, so
 * that a reader that is stopped stops nobody.
 *
 * An append is durable when it returns 0: rollback journal, synchronous=EXTRA. When it cannot be made (disk full, read-only,
 * an I/O error) nothing was recorded as far as the caller may rely on, the ledger says why, and the next append tries
 * again; numbering has no gaps. After any failed commit the file is closed, opened anew and its tail compared with what
 * was known before a further append is made. When somebody else has written to the file, or it does not agree with its
 * checkpoint, nothing is appended any more until it was verified and opened anew.
 *
 * Thread: a handle belongs to one thread at a time (the orchestrator). Callbacks run on that thread, outside any
 * transaction, and may append. Errors: SB_ELEDGER for what is wrong with the ledger, SB_EINPUT for an entry or id that is
 * wrong, SB_ESTATE where it says so. Never carry a handle across fork.
 */
#ifndef SIGNALBOX_LEDGER_LEDGER_H
#define SIGNALBOX_LEDGER_LEDGER_H

#include <signalbox/base/clock.h>
#include <signalbox/base/regex.h>
#include <signalbox/ledger/checkpoint.h>
#include <signalbox/model/entry.h>
#include <signalbox/model/permit.h>

struct sb_ledger;

enum sb_ledger_mode {
    SB_LEDGER_READ, /* no lock, no writing, nothing is made; works beside an owner */
    SB_LEDGER_OWN,  /* makes what is missing; takes the lock */
};

/* 0 when the folder holds a ledger, of whatever state; else SB_EINPUT, "there is no ledger in DIR". Makes nothing. */
int sb_ledger_find(const char *dir, struct sb_err *err);

/* Opens the ledger in a folder. origin (may be NULL to read) must outlive the handle and gives time, boot, host, pid and
 * the log's id. An owner verifies from the last checkpoint on and brings the derived tables up; when the file disagrees
 * with its checkpoint the handle opens all the same, for reading: ask sb_ledger_writable. NULL: the lock is held by
 * another (the message names its pid), or the files cannot be used at all. */
struct sb_ledger *sb_ledger_open(const char *dir, enum sb_ledger_mode mode, struct sb_origin *origin, struct sb_err *err);

/* The same with a witness: the path of a copy of the newest signed checkpoint, kept where whoever can change the ledger cannot
 * (another host's disk, a mail archive). It is written with each checkpoint and compared when the ledger is opened: a cut-off
 * tail, a shorter or forked ledger put in its place, or a witness that is gone leave the handle open for reading only. */
struct sb_ledger *sb_ledger_open_witnessed(const char *dir, const char *witness, enum sb_ledger_mode mode, struct sb_origin *origin, struct sb_err *err);

/* Brings derived tables and checkpoint up to the last entry and closes. NULL is fine. */
void sb_ledger_close(struct sb_ledger *l);

/* The version of the SQLite that runs. */
const char *sb_ledger_library(void);

/* ---- writing ---- */

/* Appends an entry; fills in e->seq and e->ts. e stays the caller's. A STEP_INTENT goes through sb_ledger_intent. */
int sb_ledger_append(struct sb_ledger *l, struct sb_entry *e, struct sb_err *err) SB_MUST_USE;

/* Appends a STEP_INTENT and, only when it is durable, fills in the permit for exactly this command. Body members command,
 * sha256 and nonce are set here; step, try and undo are the caller's. nonce: of the approval that starts this execution,
 * with its first intent; NULL with the others. SB_ESTATE "already started by entry N": SQLite itself refuses a nonce twice,
 * in the same transaction. On failure the permit is empty. */
int sb_ledger_intent(struct sb_ledger *l, struct sb_entry *e, const char *command, const char *deployment_id, const char *nonce,
                     struct sb_permit *out, struct sb_err *err) SB_MUST_USE;

/* True when an append is expected to work. Else *why (may be NULL) is a sentence that lives until the next call. */
bool sb_ledger_writable(const struct sb_ledger *l, const char **why);

/* Tries to write again after a failure, without an entry: 0 when appends may go on. Does nothing when they already may. */
int sb_ledger_retry(struct sb_ledger *l, struct sb_err *err);

/* Brings derived tables and checkpoint up to the last entry. Appends do it every few entries; call it when idle. Failing
 * costs nothing but time at the next opening. */
int sb_ledger_settle(struct sb_ledger *l, struct sb_err *err);

/* How many entries the newest checkpoint outside of the ledger's folder covers; -1: there is no witness. *why (may be NULL) says
 * what is wrong with the witness, or is empty. */
int64_t sb_ledger_witnessed(const struct sb_ledger *l, const char **why);

/* Signs a checkpoint of all entries, computed anew from them, with the log's key and, ssh_key not NULL, with a person's SSH key
 * (a file, or the public half of one in the agent): appends the note, and puts it beside the ledger (checkpoint.signed) and
 * where the witness is. Works for a reader beside an owner. Refused when it does not agree with every checkpoint there is. */
int sb_ledger_sign(struct sb_ledger *l, const char *ssh_key, struct sb_str *out, struct sb_err *err);

/* ---- reading ---- */

int64_t sb_ledger_head(const struct sb_ledger *l); /* newest sequence number; 0: empty. A reader's is that of its opening */
const char *sb_ledger_id(const struct sb_ledger *l); /* the log's id */

/* The keys it has signed checkpoints with, as it names them. */
struct sb_log_keys;
int sb_ledger_keys(struct sb_ledger *l, struct sb_log_keys *out, struct sb_err *err);

/* The Merkle root over all entries, and over the first n of them. */
int sb_ledger_root(struct sb_ledger *l, int64_t n, struct sb_hash *out, struct sb_err *err);

/* One entry as it was appended, with its canonical bytes. Return 0 to go on, 1 to stop, -1 with err for an error. */
typedef int (*sb_ledger_fn)(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err);

/* Entries from..to (both included, to 0: to the end), rising. 0, also when stopped, or -1. */
int sb_ledger_range(struct sb_ledger *l, int64_t from, int64_t to, sb_ledger_fn fn, void *ctx, struct sb_err *err);

/* The same, but for passing entries on: only their canonical bytes, exactly as they were hashed, also of kinds that a newer
 * program wrote. What is not in canonical form is not handed out (SB_ELEDGER), so that one entry is one line. */
typedef int (*sb_ledger_bytes_fn)(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err);
int sb_ledger_bytes(struct sb_ledger *l, int64_t from, int64_t to, sb_ledger_bytes_fn fn, void *ctx, struct sb_err *err);

/* The numbers of entries from..to (as above) whose text names this kind, appended to *seqs, which the caller frees, also after
 * an error. Nothing is decoded: the text may name the kind in its body only, so the entry's own kind is to be looked at. */
int sb_ledger_seqs_of(struct sb_ledger *l, int64_t from, int64_t to, enum sb_entry_kind kind, int64_t **seqs, size_t *n, struct sb_err *err);

/* Every entry that belongs to a case, card or anomaly, rising; also the verdict that made a decision ("d-000812"), and the
 * policy.load entries of a bundle (its SHA-256), the runs of a schedule ("schedule:NAME") and what schedules there were ("schedule"). */
int sb_ledger_by_ref(struct sb_ledger *l, const char *id, sb_ledger_fn fn, void *ctx, struct sb_err *err);

/* One entry. SB_EINPUT when there is none of this number. out is overwritten. */
int sb_ledger_entry(struct sb_ledger *l, int64_t seq, struct sb_entry *out, struct sb_err *err);

/* Rows for people below `before` (0: from the newest), newest first, 1..500 of them. out is overwritten. */
int sb_ledger_page(struct sb_ledger *l, int64_t before, int64_t limit, struct sb_audit_page *out, struct sb_err *err);

/* Goes through the next entries (at most `rows` of them) below `from` (0: from the newest), or upward: above it, and adds to
 * the page those whose words (sb_audit_row_words) fit, until it has `limit` rows. The page's searched_from and searched_to,
 * undecided and at_start go on with each call, which begins where the page says it was; a page begins zeroed. */
struct sb_ledger_search {
    struct sb_matcher *matcher;
    struct sb_matcher *hint; /* of sb_ledger_hint for the same expression; NULL: none */
    bool without; /* those that do not fit */
    bool upward;
    int64_t from;
    size_t limit;
};
/* Finds a text in an entry as it is stored without which the expression cannot fit its words: where it is not, the entry need not
 * be looked into. NULL: there is none, or no memory for it. */
struct sb_matcher *sb_ledger_hint(const char *match, unsigned flags);
int sb_ledger_search(struct sb_ledger *l, const struct sb_ledger_search *s, int rows, struct sb_audit_page *page, struct sb_err *err);

/* A card, case or anomaly folded from its entries; decisions rest on this and never on derived tables. SB_EINPUT when
 * there is none of this id. out is overwritten. */
int sb_ledger_card(struct sb_ledger *l, const char *id, struct sb_card *out, struct sb_err *err);
int sb_ledger_case(struct sb_ledger *l, const char *id, struct sb_case *out, struct sb_err *err);
int sb_ledger_anomaly(struct sb_ledger *l, const char *id, struct sb_anomaly *out, struct sb_err *err);

/* Which entry used up this approval nonce; 0 none, -1 error. */
int64_t sb_ledger_started(struct sb_ledger *l, const char *nonce, struct sb_err *err);

/* ---- from the derived tables; an owner's handle only ---- */

enum sb_item { SB_ITEM_CARD, SB_ITEM_CASE, SB_ITEM_ANOMALY };

/* The ids of what is open (cards: sb_card_open; cases not closed; anomalies going on), rising. Free each and the list. */
int sb_ledger_open_ids(struct sb_ledger *l, enum sb_item item, char ***ids, size_t *n, struct sb_err *err);

/* The highest number used so far behind C-, K-, A- or d-; 0 when none was. prefix is that letter. */
int sb_ledger_last_number(struct sb_ledger *l, char prefix, int64_t *out, struct sb_err *err);

/* Throws derived.db away and makes it anew. */
int sb_ledger_rebuild(struct sb_ledger *l, struct sb_err *err);

#endif
