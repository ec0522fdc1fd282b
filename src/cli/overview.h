/* SPDX-License-Identifier: Apache-2.0
 *
 * overview.h - `console --fleet`: what waits and goes wrong in every deployment whose owner writes to the shared store. */
#ifndef SIGNALBOX_SRC_CLI_OVERVIEW_H
#define SIGNALBOX_SRC_CLI_OVERVIEW_H

#include "store_look.h"

#include <signalbox/base/regex.h>
#include <signalbox/model/overview.h>

/* Who sits here, by the config: as whom approvals are signed, and the groups that the policy here has him in. */
struct sb_sitting {
    struct sb_viewer viewer;
    char *who, **groups, *policy;
    char cannot[200];
};
int sb_sitting_find(struct sb_sitting *s, const struct sb_config *c, bool read_only, struct sb_err *err);
void sb_sitting_release(struct sb_sitting *s);

/* Reads all that is open. o is overwritten; release it also after a failure. */
int sb_overview_read(struct sb_store *s, const struct sb_viewer *v, struct sb_overview *o, struct sb_err *err);

/* Reads a card's or an incident's bytes: the record, and that it is the one it is said to be. -1: it is not. */
int sb_overview_card_of(const struct sb_store_item_row *row, struct sb_card *out, struct sb_err *err);
int sb_overview_incident_of(const struct sb_store_item_row *row, struct sb_anomaly *out, struct sb_err *err);

/* What is shown of it. */
struct sb_overview_sieve {
    const char *environment, *team, *class_; /* NULL: any */
    struct sb_matcher *filter;               /* NULL: any */
    struct sb_str words;
};
bool sb_overview_sieve(void *sieve, const struct sb_overview *o, const struct sb_overview_row *row);

/* On standard output, once. */
int sb_overview_print(const struct sb_overview *o, const struct sb_overview_list *l, enum sb_overview_group by, bool json, struct sb_err *err);

struct sb_overview_asked {
    const char *environment, *team, *class_, *filter, *group;
    bool json, read_only;
};

/* The command; returns the exit status: 0, 1 where something is not as it should be (documents that are none, a store that is held). */
int sb_console_fleet(const struct sb_overview_asked *a);

#endif
