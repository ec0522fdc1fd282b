/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_levels.h - `signalbox policy levels`: what a bundle grants, and what the record has taken back.
 */
#ifndef SIGNALBOX_SRC_CLI_POLICY_LEVELS_H
#define SIGNALBOX_SRC_CLI_POLICY_LEVELS_H

#include <signalbox/base/hash.h>
#include <signalbox/policy/policy.h>

/* dir: the folder with the ledger; where there is no ledger, only what is granted is told. named: the bundle was named on the
 * command line; else it is the config's, and one that the record says is in force is told of in its place. */
int sb_policy_levels_command(const struct sb_policy *policy, bool named, const char *dir, bool json, struct sb_err *err);

/* The one lowering of this kind that stands, as it is on the record, with "entry", "environment" and "deployment"; NULL: any.
 * sha256: of the bundle that it stands under. New object. SB_ENO: none, SB_EUSAGE: it could be several. */
struct sb_lowered_wanted {
    const char *kind, *environment, *deployment;
};
int sb_policy_lowered(const struct sb_policy *policy, bool named, const char *dir, const struct sb_lowered_wanted *w, json_t **out, char sha256[SB_HEX_LEN + 1], struct sb_err *err);

#endif
