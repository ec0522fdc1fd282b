/* SPDX-License-Identifier: Apache-2.0
 *
 * incident.h - an incident as it is told: when, what, which class, ranked causes.
 *
 * The result of whoever finds one in recorded or streamed series (agents/incidents.h from servers, the univariate detector
 * from columns of a CSV). Values of signals are those of the metric, in its own unit, hence floating: an incident is a
 * report and is never hashed. A zeroed struct is an empty incident; strings are owned heap text. Times are milliseconds
 * since 1970, UTC, by the clock of who was measured. Thread: none of its own.
 */
#ifndef SIGNALBOX_AGENTS_INCIDENT_H
#define SIGNALBOX_AGENTS_INCIDENT_H

#include <signalbox/model/names.h>

struct sb_incident_signal {
    char *metric;  /* "opLatencies.reads.mean_ms"; the column of a CSV */
    char *subject; /* which member; NULL where there is one only */
    double baseline, value;
    double score;  /* 0..1: how far out it was at its worst */
};

struct sb_incident_cause {
    char *what, *evidence;
    double confidence; /* 0..1; they are kept in rank order */
    int64_t at_ms;     /* when it happened; 0 it is no event */
    bool beside;       /* a cause of its own, beside the one that decided the class */
};

struct sb_incident {
    int64_t from_ms, detected_ms;
    int64_t to_ms; /* 0: it had not ended when the data did */
    int severity;  /* enum sb_level */
    int class_;    /* enum sb_anomaly_class; unknown only where nothing decides */
    double confidence;
    char *title;
    char *reason;  /* what decided the class, in words */
    char **namespaces;
    size_t namespaces_n;
    char **apps;
    size_t apps_n;
    char **members;
    size_t members_n;
    struct sb_incident_signal *signals;
    size_t signals_n;
    struct sb_incident_cause *causes;
    size_t causes_n;
    double unexplained; /* 0..1 */
};

void sb_incident_release(struct sb_incident *incident);

/* Adds a signal or a cause; takes copies, subject may be NULL. 0, or -1 out of memory. */
int sb_incident_add_signal(struct sb_incident *incident, const char *metric, const char *subject, double baseline, double value,
                           double score) SB_MUST_USE;
int sb_incident_add_cause(struct sb_incident *incident, const char *what, const char *evidence, double confidence) SB_MUST_USE;

/* Adds a name that is not in the list yet; NULL and "" add nothing. */
int sb_incident_add_name(char ***names, size_t *n, const char *name) SB_MUST_USE;

#endif
