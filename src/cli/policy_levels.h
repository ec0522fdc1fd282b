/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_levels.h - `signalbox policy levels`: what a bundle grants, and what the record has taken back.
 */
#ifndef SIGNALBOX_SRC_CLI_POLICY_LEVELS_H
#define SIGNALBOX_SRC_CLI_POLICY_LEVELS_H

#include <signalbox/policy/policy.h>

/* dir: the folder with the ledger; where there is no ledger, only what is granted is told. */
int sb_policy_levels_command(const struct sb_policy *policy, const char *dir, bool json, struct sb_err *err);

#endif
