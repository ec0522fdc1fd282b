/* SPDX-License-Identifier: Apache-2.0
 *
 * telemetry.h - the thread that owns the series: samples in, frames out.
 *
 * One lane a data-bearing member posts samples; this thread turns counters into rates, keeps the history of collections
 * and the workload by shape, and calls the frame hook once for each usable sample. The hook runs on this thread: the
 * detector keeps its state there and posts what it finds. Anybody else who wants to know something posts a call, a
 * function that runs on this thread with the view and posts its answer itself. Nobody waits for this thread.
 */
#ifndef SIGNALBOX_TELEMETRY_TELEMETRY_H
#define SIGNALBOX_TELEMETRY_TELEMETRY_H

#include <signalbox/bus/queue.h>
#include <signalbox/formats/mongolog.h>
#include <signalbox/model/message.h>
#include <signalbox/mongo/server.h>
#include <signalbox/telemetry/history.h>
#include <signalbox/telemetry/sample.h>
#include <signalbox/telemetry/workload.h>

struct sb_telemetry;

/* The rates of one collection on one member between two samples. */
struct sb_ns_rate {
    const char *ns;
    int64_t reads, writes;        /* operations in the interval */
    double reads_per_s, writes_per_s;
    double read_us, write_us;     /* mean latency; NAN without operations */
};

/* One interval of one member. Unknown numbers are NAN. */
struct sb_frame {
    int64_t at;                   /* deployment time of its end */
    int64_t wall;
    double dt_s;                  /* deployment seconds it covers */
    const char *member;
    bool is_primary;
    double rate[SB_METRIC_N];     /* counters: per second; gauges: as they stand */
    const struct sb_ns_rate *ns;
    size_t ns_n;
    double lag_s;                 /* of this member behind the primary */
    const struct sb_vitals *vitals;
    const struct sb_set_member *peers; /* as this member's set status lists them; none where it was not asked this time */
    size_t peers_n;
    const struct sb_idle_transaction *idle; /* transactions that are left open, where that was asked */
    size_t idle_n;
    bool log_fresh;               /* log or profile were taken with this sample */
};

/* What calls and hooks may look at, on the telemetry thread only. */
struct sb_view;
const struct sb_workload *sb_view_workload(const struct sb_view *v);
const struct sb_history *sb_view_history(const struct sb_view *v);
int64_t sb_view_now(const struct sb_view *v);     /* newest deployment time seen; 0 none yet */
uint64_t sb_view_samples(const struct sb_view *v); /* usable ones of the primary */
void sb_view_want_log(const struct sb_view *v);    /* have every lane take its log now */

/* The collections that `top` has named, "db.coll". Borrowed. */
size_t sb_view_namespaces(const struct sb_view *v, char *const **out);

/* The cluster as it stands. `out` is overwritten; ledger fields and warm-up are left for others. */
int sb_view_strip(const struct sb_view *v, struct sb_strip *out);

struct sb_telemetry_options {
    const struct sb_server *server; /* must outlive the thread */
    const char *const *members;     /* data-bearing, "host:port"; copied */
    size_t members_n;
    const char *const *shards;      /* which each is a member of; NULL: of none. Copied */
    const char *set_name;           /* "" standalone; copied */
    int64_t period_ms;              /* wall time between two polls of a member */
    void (*line)(void *ctx, const char *member, const struct sb_log_line *line, const struct sb_slow_op *op); /* of a member's log, before the frame it came with; op NULL: not slow. NULL: not wanted */
    void (*frame)(void *ctx, const struct sb_view *view, const struct sb_frame *frame);
    void (*tick)(void *ctx, const struct sb_view *view); /* after each batch of samples, at most once a second or a period */
    void *ctx;
};

struct sb_telemetry *sb_telemetry_start(const struct sb_telemetry_options *o, struct sb_err *err);

typedef void (*sb_view_fn)(void *arg, const struct sb_view *view);

/* What a call needs on its way, mostly as a part of what it is about, so that it cannot be lost for want of memory. It must
 * stay until fn or drop was called, and is free again from then on. */
struct sb_view_call {
    struct sb_letter letter;
    sb_view_fn fn;
    void *arg;
    void (*drop)(void *arg);
};

/* Any thread: runs fn(arg, view) on the telemetry thread. drop(arg) instead, when it has ended. */
void sb_telemetry_call(struct sb_telemetry *t, struct sb_view_call *call, sb_view_fn fn, void *arg, void (*drop)(void *arg));

/* Any thread: the databases whose profile is tailed from now on (their slow log lines are then not counted twice). */
void sb_telemetry_tail_profiles(struct sb_telemetry *t, char *const *dbs, size_t n);

/* Ends the thread: no hook and no call runs after it; what is called for later is dropped by sb_telemetry_stop. Whoever may still call
 * has to end between the two. */
void sb_telemetry_halt(struct sb_telemetry *t);

/* Ends lanes and thread. False when a lane hangs in the driver: it is left alone, and with it what it holds. */
bool sb_telemetry_stop(struct sb_telemetry *t, int grace_ms);

#endif
