/* SPDX-License-Identifier: Apache-2.0
 *
 * anomaly_detector.h - the specialist that says what changed, when, how much and in which class.
 *
 * For every collection on every member, and for every member, it keeps the robust level (telemetry/baseline.h) of latency
 * and rate. A value deviates when it is far outside the usual spread and large enough to matter; a series deviates when
 * three values in a row do. Deviations that begin together are one anomaly. A value that deviates does not teach the
 * level, so that an incident does not become normal; one that stays for half an hour does. Two steps: a deviation becomes
 * an anomaly only with impact (latency, lag, a doubled load).
 *
 * A member that has not answered for ten seconds of deployment time and three strips, a set that long without a primary, and
 * a change of primary need no level: they are anomalies as they are.
 *
 * Beside the collections it has the incident engine (incidents.h) see the vitals and the log of every member: what hurts the
 * whole set (errors, connections, conflicts, a stall) is an anomaly too. Its one open incident and the anomaly that began with it are
 * one thing, with one start, and close together.
 *
 * The class is always the engine's (incidents_cause.c): it is told what is seen here of single collections, of who answers and of what was
 * altered, and where no readings of members come, or it is judging another incident, it judges by that alone. The deciding numbers
 * are said.
 * It needs SB_BASELINE_WARMUP values of a series before it says anything about it. No look ahead. Thread: one owner (the
 * telemetry thread); it does no I/O.
 */
#ifndef SIGNALBOX_AGENTS_ANOMALY_DETECTOR_H
#define SIGNALBOX_AGENTS_ANOMALY_DETECTOR_H

#include <signalbox/model/anomaly.h>
#include <signalbox/telemetry/telemetry.h>

struct sb_detector;

/* Something that was altered: it may be why what follows deviates. Borrowed for the call. */
struct sb_change {
    int64_t at;       /* deployment time */
    const char *what; /* "release 4.2 (marked by alice)" */
    const char *ns;   /* "db" or "db.coll" that it is about; NULL: any */
    const char *app;  /* whose; NULL: not said */
    bool alters;      /* the database itself: an index, a validator, a parameter; not what its clients do */
    int64_t seen_at;  /* it was found by looking, between `at` and then; 0: it was told */
};

struct sb_detector *sb_detector_new(struct sb_err *err);
void sb_detector_free(struct sb_detector *d);

/* Takes one frame. Returns true when the log should be taken soon, because a deviation began and its operations are wanted
 * as evidence. */
bool sb_detector_frame(struct sb_detector *d, const struct sb_frame *frame);

/* Takes the strip: members that do not answer, a set without a primary, a change of primary. The caller then asks
 * sb_detector_take, as after a frame. */
void sb_detector_strip(struct sb_detector *d, const struct sb_strip *strip);

/* Takes a line of a member's log; op is NULL unless it is of a slow operation. */
void sb_detector_line(struct sb_detector *d, const char *member, const struct sb_log_line *line, const struct sb_slow_op *op);

/* Takes a change. The newest SB_CHANGES_KEPT are kept; one that came in the ten minutes before an anomaly, on one of its
 * collections, is among its suspects, and the more so the closer it came. */
#define SB_CHANGES_KEPT 64
void sb_detector_change(struct sb_detector *d, const struct sb_change *change);

/* A level that has a limit, as it stands now: the fullest disk's used share in percent, the shortest oplog's window in hours. (Of
 * connections and of what is examined for each document returned the frames tell.) One that moves steadily towards its limit is
 * told as a trend, with the date (detector_trends.c). subject: "" the whole set. */
enum sb_limit_kind { SB_LIMIT_DISK, SB_LIMIT_OPLOG, SB_LIMIT_CONNECTIONS, SB_LIMIT_SCAN, SB_LIMIT_BACKUP, SB_LIMITS };
void sb_detector_level(struct sb_detector *d, enum sb_limit_kind kind, const char *subject, int64_t at, double value);

/* What lies where the backups are kept, in any order, all of it each time; copied. A newest backup that cannot be used, none that
 * can, and one that is overdue (by the times of those before it) are an anomaly until there is a usable one again; of how many of
 * the last ten could be used there is a trend (detector_backups.c). Times are the wall's, at is the deployment's. */
struct sb_backup_seen {
    int64_t taken_at; /* 0: not known, it counts for nothing but that it is there */
    bool usable;
    const char *what; /* its path, and what is wrong with it */
};
void sb_detector_backups(struct sb_detector *d, int64_t at, int64_t wall, const struct sb_backup_seen *list, size_t n);

/* Next news: an anomaly or a trend that opened, changed or closed since it was last given, described with the shapes of `workload` and
 * the totals of `history`. `out` is overwritten (the caller releases it); its id is "D-<n>", the detector's own number.
 * False: nothing more. */
bool sb_detector_take(struct sb_detector *d, const struct sb_workload *workload, const struct sb_history *history,
                      struct sb_anomaly *out);

/* Values that the longest-watched series has, and that a series needs before anything is said about it. */
void sb_detector_warmup(const struct sb_detector *d, int64_t *done, int64_t *need);

#endif
