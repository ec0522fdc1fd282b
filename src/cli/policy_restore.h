/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_restore.h - `signalbox policy restore KIND`: a signed decision that one kind of action, or one rule of alarms, comes back.
 *
 * The statement is canonical JSON, {"t":"restore","kind","environment","deployment","policy","entry","reason","by","iat"}, signed in
 * the namespace of bundles; entry is that of the lowering. The owner of the ledger checks it.
 */
#ifndef SIGNALBOX_SRC_CLI_POLICY_RESTORE_H
#define SIGNALBOX_SRC_CLI_POLICY_RESTORE_H

#include "policy_levels.h"

struct sb_restore {
    struct sb_lowered_wanted what;
    const char *reason, *key, *by; /* key as in sb_approval_sign; by NULL: the operating system's name of this user */
    bool json;
};

/* policy, named, dir: as in sb_policy_levels_command. The exit status. */
int sb_policy_restore_command(const struct sb_policy *policy, bool named, const char *dir, const struct sb_restore *r, struct sb_err *err);

#endif
