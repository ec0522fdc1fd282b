/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet.h - what the ways to look at a fleet share: what is watched, and which of it is shown how. */
#ifndef SIGNALBOX_SRC_CLI_FLEET_H
#define SIGNALBOX_SRC_CLI_FLEET_H

#include "fleet_record.h"

#include <signalbox/base/regex.h>
#include <signalbox/cli/config.h>
#include <signalbox/telemetry/fleet.h>

struct sb_fleet_look {
    struct sb_config config;
    struct sb_server **servers;
    struct sb_fleet_target *targets;
    size_t targets_n;
    struct sb_fleet *fleet;
    struct sb_fleet_record *record; /* NULL with --once */
    struct sb_fleet_incident *incidents; /* the last copy of those that go on */
    size_t incidents_n;
    struct sb_fleet_row *rows; /* the last copy */
    size_t rows_n, rows_cap;
    struct sb_fleet_list list;
    struct sb_matcher *filter; /* NULL: all */
    bool without;              /* those that do not match */
    bool only_wrong;
    int group; /* enum sb_fleet_group */
};

/* Another filter; "" none, ! in front: what does not match. -1: it is no regular expression, and the old one stays. */
int sb_fleet_look_filter(struct sb_fleet_look *l, const char *pattern, struct sb_err *err);

/* Whether a row is to be seen. */
bool sb_fleet_look_wants(struct sb_fleet_look *l, const struct sb_fleet_row *row);

bool sb_fleet_look_wants_incident(struct sb_fleet_look *l, const struct sb_fleet_incident *i);

/* Copies rows and incidents, and makes the list of them anew. */
int sb_fleet_look_refresh(struct sb_fleet_look *l, struct sb_err *err);

/* fleet_text.c. once: the list. follow: for so many seconds, or until a signal where that is 0. */
int sb_fleet_print_once(struct sb_fleet_look *l, bool json, struct sb_err *err);
int sb_fleet_print_changes(struct sb_fleet_look *l, bool json, int64_t seconds, struct sb_err *err);

/* fleet_screen.c: until the person leaves or the terminal goes. */
int sb_fleet_screen(struct sb_fleet_look *l, const char *filter, struct sb_err *err);

#endif
