/* SPDX-License-Identifier: Apache-2.0
 *
 * overview_screen.h - the page of all deployments on a terminal, and the console of one of them that is opened from it. */
#ifndef SIGNALBOX_SRC_CLI_OVERVIEW_SCREEN_H
#define SIGNALBOX_SRC_CLI_OVERVIEW_SCREEN_H

#include "overview.h"

/* Runs until the person leaves; takes the store, which it closes. Thread: the main one. -1 with err where it cannot be shown. *stays: a thread
 * hangs in the driver, and what it uses has to stay until the process ends. */
int sb_overview_screen(struct sb_store *s, const struct sb_config *config, const struct sb_sitting *who, struct sb_overview_sieve *sieve, const char *filter, int group, bool *stays,
                       struct sb_err *err);

#endif
