/* SPDX-License-Identifier: Apache-2.0
 *
 * anomaly.h - a detected deviation: what changed, when, how much, which class, and what is suspected.
 *
 * An anomaly is the incident of DESIGN's words: open (`to` is 0), taken by somebody, closed with its duration. A trend is told the
 * same way and is none: nothing is wrong yet, and it says when a limit will be crossed.
 *
 * Times are deployment time. A signal's value and baseline carry the unit in `unit`; score is how far out it is, 0..1e6.
 */
#ifndef SIGNALBOX_MODEL_ANOMALY_H
#define SIGNALBOX_MODEL_ANOMALY_H

#include <signalbox/model/evidence.h>

struct sb_signal {
    char *metric;  /* "ns.read_latency_us" */
    char *subject; /* "shop.orders" */
    char *shard;   /* on which it was measured; NULL: the deployment has none */
    char *unit;
    int64_t baseline, value;
    int64_t score_ppm;
};
extern const struct sb_schema sb_signal_schema;

struct sb_cause {
    int64_t rank; /* from 1 */
    char *what;
    char *evidence;
    int64_t confidence_ppm;
};
extern const struct sb_schema sb_cause_schema;

/* A stretch of one series as a picture shows it. */
struct sb_plot {
    char *metric, *subject, *shard, *unit;
    int64_t from, step_ms; /* of the first value; between two */
    int64_t low, high;     /* the usual band */
    int64_t began;         /* index of the first value of the anomaly; -1: none of them is */
    char *values;          /* whole numbers, a blank between two; "-" where none was measured */
};
extern const struct sb_schema sb_plot_schema;
#define SB_PLOT_MOST 60

/* Takes the values apart, at most SB_PLOT_MOST of them; -1 stands where none was measured. Returns how many. */
size_t sb_plot_values(const struct sb_plot *p, int64_t out[SB_PLOT_MOST]);

/* What happened, for the timeline. */
struct sb_happening {
    int64_t at;
    char *kind; /* "metric", "log", "marker" */
    char *what;
};
extern const struct sb_schema sb_happening_schema;

/* A person's note. */
struct sb_remark {
    int64_t at; /* wall */
    char *by, *text;
};
extern const struct sb_schema sb_remark_schema;

struct sb_anomaly {
    char *id;             /* "A-000003" */
    char *title;          /* "Reads of shop.orders take 38 times as long" */
    int64_t from;         /* when it began */
    int64_t detected_at;
    int64_t to;           /* 0: still going on */
    int severity;         /* enum sb_level */
    int class_;           /* enum sb_anomaly_class */
    char *class_reason;   /* the deciding evidence in words */
    int64_t confidence_ppm;
    char **namespaces;
    size_t namespaces_n;
    char **apps;
    size_t apps_n;
    char **members;
    size_t members_n;
    char **shapes;        /* fingerprints */
    size_t shapes_n;
    struct sb_signal *signals;
    size_t signals_n;
    struct sb_cause *causes;
    size_t causes_n;
    int64_t unexplained_ppm;
    struct sb_evidence *evidence;
    size_t evidence_n;
    char *case_id;        /* JSON key "case"; the case it opened */
    char *acked_by;       /* who took it */
    struct sb_plot *plots;
    size_t plots_n;
    struct sb_happening *timeline; /* by time */
    size_t timeline_n;
    struct sb_remark *remarks; /* as they were made */
    size_t remarks_n;
    char *hushed;         /* why it is not announced; NULL: it is */
    bool trend;
    int64_t limit_at, limit_from, limit_to; /* trend: when the limit is crossed, and between when and when; limit_to 0: perhaps never */
};
extern const struct sb_schema sb_anomaly_schema;

/* By which rule it was announced: the measure that went out first ("ns.read_latency_us"); "" where none is named. */
const char *sb_anomaly_rule(const struct sb_anomaly *a);

void sb_anomaly_release(struct sb_anomaly *a);

#endif
