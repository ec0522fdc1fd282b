/* SPDX-License-Identifier: Apache-2.0
 *
 * stake.h - what a request would touch, as far as the config alone tells: no server is asked. Thread: main.
 */
#ifndef SIGNALBOX_CLI_STAKE_H
#define SIGNALBOX_CLI_STAKE_H

#include <jansson.h>
#include <signalbox/cli/config.h>
#include <signalbox/model/case.h>

/* [{"what","value"}] about the place that the request names; empty when it names none. NULL: out of memory. */
json_t *sb_stake(const struct sb_config_deployment *d, const struct sb_slots *slots);

/* The same as lines. */
void sb_stake_print(const json_t *list);

#endif
