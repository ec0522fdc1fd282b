/* SPDX-License-Identifier: Apache-2.0
 *
 * routes.h - which specialist a request would go to, and why: told without asking any. Thread: any.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_ROUTES_H
#define SIGNALBOX_ORCHESTRATOR_ROUTES_H

#include <signalbox/base/str.h>
#include <signalbox/model/case.h>

struct sb_route_told {
    int to;           /* enum sb_specialist */
    const char *when; /* what has to hold; "": nothing */
    const char *why, *risk;
    bool taken;       /* by what the request says alone: an anomaly that may be going on is not known here */
};

/* The routes of the reading's intent, in the order they are tried; how many. */
size_t sb_routes_of(const struct sb_reading_of *r, struct sb_route_told *out, size_t max);

/* How what has no route is done today, in words that may follow "but". */
const char *sb_routes_instead(int intent);

/* Appends the names of the intents that have a route: "index.review, index.create, ...". */
void sb_routes_known(struct sb_str *out);

#endif
