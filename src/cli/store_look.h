/* SPDX-License-Identifier: Apache-2.0
 *
 * store_look.h - the shared store for who only looks at it: no state is kept and no ledger is owned. */
#ifndef SIGNALBOX_SRC_CLI_STORE_LOOK_H
#define SIGNALBOX_SRC_CLI_STORE_LOOK_H

#include <signalbox/cli/config.h>
#include <signalbox/shared/view.h>
#include <signalbox/shared/listener.h>

/* Connects to the config's store. NULL with err: there is none in the config (SB_EUSAGE), it is away (SB_ESERVER), or refused. A
 * store that is held is opened: to look at it is how one finds out why. The driver has begun. */
struct sb_store *sb_store_at_hand(const struct sb_config *c, struct sb_err *err);

/* A listener for its cards, incidents and hosts (listener.h says the rest). */
struct sb_listener *sb_store_listener_at_hand(const struct sb_config *c, void (*wake)(void *ctx), void *ctx, struct sb_err *err);

#endif
