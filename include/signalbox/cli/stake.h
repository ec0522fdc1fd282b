/* SPDX-License-Identifier: Apache-2.0
 *
 * stake.h - what a request would touch, by the config, and by whoever watches the deployment. Thread: main.
 */
#ifndef SIGNALBOX_CLI_STAKE_H
#define SIGNALBOX_CLI_STAKE_H

#include <jansson.h>
#include <signalbox/cli/config.h>
#include <signalbox/model/case.h>

/* [{"what","value"}] about the place that the request names; empty when it names none. NULL: out of memory. */
json_t *sb_stake(const struct sb_config_deployment *d, const struct sb_slots *slots);

/* What those who can know it say: the owner of the ledger that watches this deployment, asked through its socket, or a short
 * connection of our own where a connection string is configured; added to the list, and what could not be known with why. 0, or -1
 * with err: out of memory. */
int sb_stake_live(json_t *list, const struct sb_config *config, const struct sb_config_deployment *d, const struct sb_slots *slots, struct sb_err *err);

/* The same as lines. */
void sb_stake_print(const json_t *list);

#endif
