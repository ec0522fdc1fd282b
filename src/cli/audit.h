/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.h - the parts of `signalbox audit`: what tells one case, and what it shares with the rest.
 */
#ifndef SIGNALBOX_SRC_CLI_AUDIT_H
#define SIGNALBOX_SRC_CLI_AUDIT_H

#include <signalbox/ledger/ledger.h>

struct sb_audit_verify {
    const char *dir;     /* of the ledger */
    const char *witness; /* a copy of the newest checkpoint, elsewhere; NULL: there is none */
    const char *signers; /* who may sign approvals, a file; NULL: signatures are not judged */
    const char *cosigners, *cosigned; /* who may vouch, and the folder the hosts share: as in struct sb_audit_vouching */
    bool full, quiet, json;
};

/* Prints what was found: 0 whole, 1 broken, -1 with err where it could not be looked at. */
int sb_audit_verify(const struct sb_audit_verify *a, struct sb_err *err);

json_t *sb_audit_hash_json(const struct sb_hash *hash);

/* One case, card or anomaly from its first entry to its last, on stdout, as text or as one JSON document. */
int sb_audit_show(struct sb_ledger *l, const char *id, bool json, struct sb_err *err);

/* What belongs below an entry's line: the exact commands, the rules with their values, what was read back, what was
 * measured. card is the card as it stands after this entry; NULL when the entry belongs to none. */
void sb_audit_details(const struct sb_entry *e, const struct sb_card *card);

/* The line itself: time, number, who, what. */
void sb_audit_line(const struct sb_entry *e);

enum sb_export_format { SB_EXPORT_LINES, SB_EXPORT_CLOUDEVENTS, SB_EXPORT_SYSLOG, SB_EXPORT_EVIDENCE };

struct sb_audit_export {
    enum sb_export_format format;
    int64_t since, until; /* wall milliseconds, until not included; 0: no limit */
    const char *case_id;  /* NULL: all */
};

int sb_audit_export(struct sb_ledger *l, const struct sb_audit_export *o, struct sb_err *err);

/* Is this entry among those that are asked for? */
int sb_audit_wanted(const struct sb_audit_export *o, int64_t seq, const char *bytes, size_t n, bool *out, struct sb_err *err);

/* One ledger as evidence (SB_EXPORT_EVIDENCE), JSON Lines; copy as for the ledger's opening. */
struct sb_audit_vouching;
int sb_audit_evidence(const struct sb_audit_vouching *from, const char *copy, const struct sb_audit_export *o, struct sb_err *err);

/* ---- leaves, and what is proven with them ---- */

struct sb_audit_leaves {
    struct sb_hasher *hasher;
    struct sb_hash *item;
    int64_t n, want; /* of the first `want` entries */
    int64_t wanted;  /* the entry whose text is kept; 0: none */
    char *text;
};

/* Reads the entries: want and wanted are the caller's, the rest begins as zeros. Release also after a failure. */
int sb_audit_leaves_read(struct sb_audit_leaves *l, struct sb_ledger *ledger, struct sb_err *err);
void sb_audit_leaves_release(struct sb_audit_leaves *l);

/* A proof as JSON: that entry `first` is in the record, or (second not NULL) that the record of `second` entries was only
 * appended to since it had `first`. */
int sb_audit_prove(struct sb_ledger *l, const char *first, const char *second, struct sb_err *err);

/* Checks a file with such a proof, without a ledger: 0 it holds, 1 it does not, -1 it is none. */
int sb_audit_check_proof(const char *file, bool json, struct sb_err *err);

struct sb_signers;

struct sb_signature_report {
    int64_t is_signed, unsigned_; /* approvals */
    int64_t bad;                  /* the first whose signature does not hold; 0: none */
    char what[300];
};

/* Judges the signatures of the approvals among the first `entries` entries against who may sign. */
int sb_audit_signatures(const char *dir, const struct sb_signers *keys, int64_t entries, struct sb_signature_report *out, struct sb_err *err);

/* The witness on this host, and the ledger's side of those on others: `audit witness VERB [WORD]`. 0 done, 1 refused or not as it
 * was witnessed, -1 with err. */
struct sb_audit_witness {
    const char *dir;                  /* of the ledger; the witness has the folder `witness` in it */
    const char *copy;                 /* a copy of the newest checkpoint elsewhere, as for the ledger's opening */
    const char *logs;                 /* keys of the ledgers the witness knows; NULL: its own file */
    const char *cosigners, *old, *name;
    bool json;                        /* sync tells as JSON; the others speak the protocol */
};

int sb_audit_witness(const struct sb_audit_witness *a, const char *verb, const char *word, struct sb_err *err);

/* Ctrl-Z is held back, and let through by sb_audit_may_stop, which is called where nothing is half done: a reader that is
 * stopped in the middle would read all of it again. */
void sb_audit_hold_stops(void);
void sb_audit_may_stop(void);

#endif
