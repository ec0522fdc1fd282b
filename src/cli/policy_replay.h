/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_replay.h - the recorded decisions of a ledger under another bundle. */
#ifndef SIGNALBOX_SRC_CLI_POLICY_REPLAY_H
#define SIGNALBOX_SRC_CLI_POLICY_REPLAY_H

#include <signalbox/base/error.h>
#include <stdbool.h>

/* since: NULL, "90d", "12h", a day or an RFC 3339 time. ledger: its folder, NULL: the state folder's. Prints; 0 nothing would
 * have been different, 1 something would, -1 with err. */
int sb_policy_replay_command(const char *candidate, const char *since, const char *ledger, bool json, struct sb_err *err);

#endif
