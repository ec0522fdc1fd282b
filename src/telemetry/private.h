/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files behind the telemetry thread know of each other. All of it belongs to that thread. */
#ifndef SIGNALBOX_TELEMETRY_PRIVATE_H
#define SIGNALBOX_TELEMETRY_PRIVATE_H

#include <pthread.h>
#include <signalbox/telemetry/lane.h>
#include <signalbox/telemetry/telemetry.h>

/* A member's clock, as it showed with its last good sample. */
struct member_clock {
    int64_t at, wall; /* its time, and ours then; 0 none yet */
    double pace;      /* its time that passed in one of ours; 0 not known */
    int64_t ahead_ms; /* of the set's time; 0 it is as right as the others */
};

/* What is kept of a member between two samples. */
struct member_state {
    char *name;
    struct sb_sampling_lane *lane;
    bool have;                  /* `last` is a good sample */
    int64_t last_at, last_pid, last_uptime_ms;
    int64_t last_value[SB_METRIC_N];
    int64_t last_state;         /* of the set's status, which is not asked for each time; 0 never told */
    struct sb_ns_totals *last_ns; /* by name */
    size_t last_ns_n;
    int64_t last_top_at;
    int64_t last_top_inserted; /* documents, as serverStatus told beside it */
    struct sb_member_line line; /* as the strip shows it */
    char error[512];
    bool away;                  /* the error is that it is out of reach */
    int64_t commands, errors, first_at, last_wall;
    struct member_clock clock;
};

struct sb_view {
    struct sb_telemetry *t;
};

struct sb_telemetry {
    struct sb_telemetry_options o;
    char *set_name;
    struct member_state *members;
    size_t members_n;
    struct sb_queue *mail;
    pthread_t thread;
    struct sb_letter stop;
    bool halted; /* the thread has ended */
    struct sb_view view;
    /* the thread's own */
    struct sb_workload *work;
    struct sb_history *history;
    char **namespaces;
    size_t namespaces_n;
    char **tailed;
    size_t tailed_n;
    struct sb_ns_rate *rates; /* scratch of one frame */
    size_t rates_cap;
    int64_t now;
    uint64_t samples;
    int64_t log_gaps;
    int64_t log_bad;
    int64_t last_tick_ms;
    bool stopping;
};

/* clock.c: puts the sample's times by the set's time, where this member's clock is far from it. Before the other two. */
void sb_telemetry_clock(struct sb_telemetry *t, struct member_state *m, struct sb_sample *s);

/* frame.c: takes one sample in; true when `frame` was filled (it borrows from t and s). */
bool sb_telemetry_frame(struct sb_telemetry *t, struct member_state *m, struct sb_sample *s, struct sb_frame *frame);

/* ops.c: adds the operations that the sample's log and profile wrote down. */
void sb_telemetry_ops(struct sb_telemetry *t, const struct sb_sample *s);

#endif
