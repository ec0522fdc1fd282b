/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_sync.h - a ledger's questions to its witnesses, and all questions and answers of a host over one folder.
 *
 * Every file in the folder has one writer, so that hosts may carry it to each other with rsync:
 *     LOG.NAME.request    by the host with the ledger: a request to the witness NAME
 *     LOG.NAME.cosigned   by the witness: what it vouched for last of this ledger
 */
#ifndef SIGNALBOX_SRC_CLI_AUDIT_SYNC_H
#define SIGNALBOX_SRC_CLI_AUDIT_SYNC_H

#include "audit.h"
#include "audit_vouch.h"

/* A checkpoint that is asked about, with what its consistency proofs are made of. */
struct sb_asking {
    struct sb_str note;
    int64_t size;
    struct sb_audit_leaves leaves;
};

void sb_asking_init(struct sb_asking *a);
void sb_asking_release(struct sb_asking *a);

/* Signs a checkpoint of all entries. */
int sb_asking_prepare(struct sb_asking *a, struct sb_ledger *l, struct sb_err *err);

/* Appends the request to a witness that saw `old` entries last. */
int sb_asking_add(struct sb_asking *a, int64_t old, struct sb_str *out, struct sb_err *err);

/* The largest size this witness is known to have seen of the ledger as it is; 0: none. */
int64_t sb_vouches_seen(const struct sb_vouches *v, const struct sb_log_key *witness);

/* Makes the folder where a ledger keeps what was said of it. */
int sb_cosigned_folder(const char *dir, struct sb_err *err);

/* Takes, asks and answers over the folder; witness is the witness's own. 1 when something is not as it was witnessed, or was
 * refused. */
int sb_audit_sync(const struct sb_audit_witness *a, const char *witness, const char *folder, struct sb_err *err);

#endif
