/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - the shared store of the config, for commands that look into it. Thread: the caller's, which it blocks.
 */
#ifndef SIGNALBOX_SRC_CLI_STORE_H
#define SIGNALBOX_SRC_CLI_STORE_H

#include <signalbox/cli/config.h>
#include <signalbox/shared/store.h>

/* Opens it; sb_store_check is the first that asks it anything. reader: the ledger of this host, whose copy is compared; NULL: there is none.
 * What is remembered of the store is read and not written. SB_EUSAGE: the config names none. */
int sb_store_look(const struct sb_config *config, const char *state_dir, struct sb_ledger *reader, struct sb_store **out, struct sb_err *err);

#endif
