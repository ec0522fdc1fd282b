/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_vouch.h - what the witnesses on other hosts have said of a ledger, held against the ledger.
 *
 * Who they are is told by a file of their keys (in the ledger's folder: cosigners). What they said is kept in the ledger's folder
 * (cosigned/NAME), and stands in a folder that the hosts share (LOG.NAME.cosigned): a ledger that was put back from an old
 * copy has an old copy of its own folder, so only the shared one, or another copy of it, tells. */
#ifndef SIGNALBOX_SRC_CLI_AUDIT_VOUCH_H
#define SIGNALBOX_SRC_CLI_AUDIT_VOUCH_H

#include <jansson.h>
#include <signalbox/ledger/cosign.h>
#include <signalbox/ledger/ledger.h>

struct sb_audit_vouching {
    const char *dir;       /* of the ledger */
    const char *cosigners; /* a file of witnesses' keys; NULL: the ledger's own, where there is one */
    const char *folder;    /* that the hosts share; NULL: none */
};

enum sb_vouch_state {
    SB_VOUCH_NONE,       /* has vouched for nothing yet */
    SB_VOUCH_AGREES,
    SB_VOUCH_AHEAD,      /* agrees, at a time that is still to come: not counted */
    SB_VOUCH_ROLLED_BACK,
    SB_VOUCH_FORKED,
    SB_VOUCH_UNREADABLE, /* no checkpoint of this ledger that this witness has cosigned */
};

struct sb_vouch {
    const struct sb_log_key *witness;
    enum sb_vouch_state state;
    struct sb_checkpoint c;
    int64_t at_s;
    struct sb_str note; /* as it was read */
    char what[500];     /* a clause; empty when it agrees */
};

struct sb_vouches {
    bool known;             /* there is a file of witnesses */
    struct sb_key_list keys;
    struct sb_vouch *item;  /* at least one for each witness */
    size_t n, cap;
    int64_t agreed;         /* the largest size that somebody vouched for and the ledger has so */
    const struct sb_vouch *bad; /* the worst of them that does not agree; NULL: none */
    int64_t bad_index;      /* the first entry it is about; 0: not known to the entry */
};

/* Reads the keys and what was said. Release also after a failure. */
int sb_vouches_read(struct sb_vouches *v, const struct sb_audit_vouching *a, struct sb_ledger *l, struct sb_err *err);

/* Holds it against the entries. */
int sb_vouches_judge(struct sb_vouches *v, struct sb_ledger *l, struct sb_err *err);
void sb_vouches_release(struct sb_vouches *v);

/* Both, of a ledger that is opened for it. */
int sb_vouches_of(struct sb_vouches *v, const struct sb_audit_vouching *a, struct sb_err *err);

/* The largest that this witness vouched for and the ledger has so; NULL: nothing. */
const struct sb_vouch *sb_vouches_best(const struct sb_vouches *v, const struct sb_log_key *witness);

void sb_vouches_print(const struct sb_vouches *v);
json_t *sb_vouches_json(const struct sb_vouches *v); /* null when no witness is known */

#endif
