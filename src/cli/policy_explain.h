/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_explain.h - `signalbox policy explain`: a decision of a ledger. */
#ifndef SIGNALBOX_SRC_CLI_POLICY_EXPLAIN_H
#define SIGNALBOX_SRC_CLI_POLICY_EXPLAIN_H

#include <signalbox/base/error.h>
#include <stdbool.h>

/* ledger: its folder, NULL: the state folder's. Prints; 0 it comes out the same again or cannot be asked again, 1 it comes out
 * another way, -1 with err. */
int sb_policy_explain_command(const char *id, const char *ledger, bool json, struct sb_err *err);

#endif
