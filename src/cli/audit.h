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

enum sb_export_format { SB_EXPORT_LINES, SB_EXPORT_CLOUDEVENTS, SB_EXPORT_SYSLOG };

struct sb_audit_export {
    enum sb_export_format format;
    int64_t since, until; /* wall milliseconds, until not included; 0: no limit */
    const char *case_id;  /* NULL: all */
};

int sb_audit_export(struct sb_ledger *l, const struct sb_audit_export *o, struct sb_err *err);

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

/* Ctrl-Z is held back, and let through by sb_audit_may_stop, which is called where nothing is half done: a reader that is
 * stopped in the middle would read all of it again. */
void sb_audit_hold_stops(void);
void sb_audit_may_stop(void);

#endif
