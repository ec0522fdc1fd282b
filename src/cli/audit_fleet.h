/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_fleet.h - every ledger of the shared store in one folder for an auditor, and what may be said of such a folder off line.
 *
 *     DIR/manifest.json      which ledgers, whose they are, when they were taken
 *     DIR/LOG/...            a copy of each (ledger/copy.h), with key.pub, the line for verifiers
 *     DIR/cosigners          the keys of the witnesses, where some are known
 *     DIR/report.json        what was found when it was taken: `audit verify --fleet DIR` finds it anew
 *
 * The keys in the folder come from the store, so whoever may write there could have put his own: an auditor brings those he knows. */
#ifndef SIGNALBOX_SRC_CLI_AUDIT_FLEET_H
#define SIGNALBOX_SRC_CLI_AUDIT_FLEET_H

#include "store_look.h"

struct sb_audit_fleet {
    const char *dir;
    const char *cosigners; /* the witnesses' keys; NULL: none are known (export), or those of the folder (verify) */
    const char *cosigned;  /* export: the folder over which hosts vouch for each other; NULL: none */
    const char *logs;      /* verify: keys of ledgers that the auditor knows; NULL: those of the folder */
    bool json;
};

/* Writes the folder, which must not be there yet or be empty, and tells what is in it. 0 all is whole, 1 not, -1. */
int sb_audit_fleet_export(struct sb_store *s, const struct sb_audit_fleet *a, struct sb_err *err);

/* Looks through such a folder. The same answers. report (may be NULL): the answer as JSON, the caller's. */
int sb_audit_fleet_verify(const struct sb_audit_fleet *a, json_t **report, struct sb_err *err);

#endif
