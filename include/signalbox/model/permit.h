/* SPDX-License-Identifier: Apache-2.0
 *
 * permit.h - the proof that a command may be sent.
 *
 * Only ledger/ makes one, and only by appending an INTENT that is durable; only mongo/'s write door takes one. It binds
 * the exact bytes of one command: the door refuses any other, and refuses a permit that was used. `make layers` checks
 * that no other room fills in this struct.
 */
#ifndef SIGNALBOX_MODEL_PERMIT_H
#define SIGNALBOX_MODEL_PERMIT_H

#include <signalbox/base/hash.h>
#include <stdbool.h>

struct sb_permit {
    int64_t seq;             /* of the INTENT entry; 0: no permit */
    struct sb_hash command;  /* SHA-256 of the command's canonical Extended JSON */
    char deployment_id[128]; /* where it may be sent */
    bool used;
};

/* What begins the name of a collection that holds what fields said before they were changed: $merge fills it, and from it. */
#define SB_BEFORE_PREFIX "signalbox_before_"

/* What begins the name of a collection that is made to take another one's place: the only ones that are created. */
#define SB_MADE_PREFIX "signalbox_made_"

/* What begins the name of a collection that is tried out on: the only ones that $out may fill. These and the
 * ones above are all that is ever dropped. */
#define SB_SCRATCH_PREFIX "signalbox_whatif_"

#endif
