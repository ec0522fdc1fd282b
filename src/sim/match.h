/* SPDX-License-Identifier: Apache-2.0
 *
 * match.h - what the parser and the matcher share: compiled regular expressions. */
#ifndef SIM_MATCH_PRIVATE_H
#define SIM_MATCH_PRIVATE_H

#include <signalbox/sim/match.h>

/* Adds a pattern given as a regex value or a string; options overrides the regex value's own. Allocates *list. */
int sim_regexes_add(struct sim_regexes **list, struct sim_val v, const char *options, struct sim_fail *f);
void sim_regexes_free(struct sim_regexes *list);
bool sim_regexes_match(const struct sim_regexes *list, struct sim_val v);

#endif
