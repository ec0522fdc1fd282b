/* SPDX-License-Identifier: Apache-2.0
 *
 * anomaly.h - a detected deviation: what changed, when, how much, which class, and what is suspected.
 *
 * Times are deployment time. A signal's value and baseline carry the unit in `unit`; score is how far out it is, 0..1e6.
 */
#ifndef SIGNALBOX_MODEL_ANOMALY_H
#define SIGNALBOX_MODEL_ANOMALY_H

#include <signalbox/model/evidence.h>

struct sb_signal {
    char *metric;  /* "ns.read_latency_us" */
    char *subject; /* "shop.orders" */
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
};
extern const struct sb_schema sb_anomaly_schema;

void sb_anomaly_release(struct sb_anomaly *a);

#endif
