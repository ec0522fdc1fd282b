/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_levels.h - `signalbox policy levels`: what a bundle grants, and what the record has taken back.
 */
#ifndef SIGNALBOX_SRC_CLI_POLICY_LEVELS_H
#define SIGNALBOX_SRC_CLI_POLICY_LEVELS_H

#include <signalbox/policy/policy.h>

/* dir: the folder with the ledger; where there is no ledger, only what is granted is told. named: the bundle was named on the
 * command line; else it is the config's, and one that the record says is in force is told of in its place. */
int sb_policy_levels_command(const struct sb_policy *policy, bool named, const char *dir, bool json, struct sb_err *err);

#endif
