/* SPDX-License-Identifier: Apache-2.0
 *
 * lane.h - the thread that polls one member.
 *
 * One lane a member, with a connection of its own and short time-outs, so that a silent member holds up nobody else. Each
 * poll becomes one struct sb_sample, posted as telemetry mail (kind SB_LANE_SAMPLE, payload freed with sb_sample_free);
 * a poll that failed is posted too, with its reason. Load: per poll serverStatus, on the primary replSetGetStatus and
 * `top` as well (others every fifth time), getLog every five seconds or when asked for, system.profile of the databases
 * that are being tailed: at most five light commands a second of deployment time.
 */
#ifndef SIGNALBOX_TELEMETRY_LANE_H
#define SIGNALBOX_TELEMETRY_LANE_H

#include <signalbox/bus/queue.h>
#include <signalbox/mongo/server.h>

#define SB_LANE_SAMPLE 1 /* mail kind */

struct sb_sampling_lane;

/* server and out must outlive the lane. period_ms: between two polls. */
struct sb_sampling_lane *sb_lane_start(const struct sb_server *server, const char *member, int64_t period_ms,
                                       struct sb_queue *out, struct sb_err *err);

/* Any thread: take the log at the next poll, now. */
void sb_lane_want_log(struct sb_sampling_lane *lane);

/* Any thread: databases whose system.profile is tailed from now on. Copies the list. */
int sb_lane_tail_profiles(struct sb_sampling_lane *lane, char *const *dbs, size_t n) SB_MUST_USE;

/* Tells the lane to end; then waits at most grace_ms. False: it hangs in the driver and is left alone, with what it holds;
 * server and out may then not be freed. */
void sb_lane_stop(struct sb_sampling_lane *lane);
bool sb_lane_join(struct sb_sampling_lane *lane, int grace_ms);

#endif
