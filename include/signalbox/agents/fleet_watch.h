/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_watch.h - from the members of very many deployments to incidents: one of each deployment at a time, by the grouping and the class
 * rules of incidents.h.
 *
 * What opens an incident is a member that is silent, serves nobody, is odd or lags, or a set that has had no primary for ten seconds while
 * every member answers. It takes in whatever else happens to the deployment, and is over when nothing has been wrong for 20 s. A stranger
 * opens none: somebody has set something wrong, and nothing has happened. What operations examine and which they are is not seen from here,
 * so the class says less than it does of a deployment that is watched by itself.
 *
 * Memory: 130 KB of each deployment with something wrong, hardly used. Times are wall times. Thread: one owner; no I/O.
 */
#ifndef SIGNALBOX_AGENTS_FLEET_WATCH_H
#define SIGNALBOX_AGENTS_FLEET_WATCH_H

#include <signalbox/base/error.h>
#include <signalbox/model/anomaly.h>
#include <signalbox/model/fleet.h>

struct sb_fleet_watch;

struct sb_fleet_watch *sb_fleet_watch_new(size_t deployments, struct sb_err *err);
void sb_fleet_watch_free(struct sb_fleet_watch *w);

/* All rows as they are now; deployment_i of each is below what was said. 0, or -1 out of memory: what was seen by then is told. */
int sb_fleet_watch_look(struct sb_fleet_watch *w, const struct sb_fleet_row *rows, size_t n, int64_t now_ms, struct sb_err *err) SB_MUST_USE;

/* An incident opened, changed (another class, other members) or is over (`to`). It has no id: that is the caller's to give. */
struct sb_fleet_event {
    size_t deployment_i;
    bool is_new, simulated;
    struct sb_anomaly anomaly; /* the caller releases it */
};

/* The oldest that was not taken; false: there is none. */
bool sb_fleet_watch_take(struct sb_fleet_watch *w, struct sb_fleet_event *out);

#endif
