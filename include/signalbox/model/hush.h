/* SPDX-License-Identifier: Apache-2.0
 *
 * hush.h - what is not to be announced, for how long, and why; and what is announced whatever anybody said.
 *
 * Two things hush an anomaly: a blackout (a scope, a reason, an end), and what a person said of one like it (noise, known). What
 * was called useful is never hushed by what was said of others like it. A hushed anomaly is recorded and listed as any other, with
 * the reason it is quiet; no case is opened for it and no bell rings. It speaks up when it becomes worse than the one that was
 * judged. Pure: times are given. Wall time; scopes are a database, a collection or a member. Thread: none of its own.
 */
#ifndef SIGNALBOX_MODEL_HUSH_H
#define SIGNALBOX_MODEL_HUSH_H

#include <signalbox/model/anomaly.h>

enum sb_hush_kind { SB_HUSH_BLACKOUT, SB_HUSH_NOISE, SB_HUSH_KNOWN, SB_HUSH_USEFUL, SB_HUSH_KINDS };
extern const struct sb_names sb_hush_kinds;

#define SB_HUSH_MOST_MS (INT64_C(7) * 24 * 3600 * 1000) /* no longer: what is forgotten must not stay silent */
#define SB_HUSHES_MOST 200

struct sb_hush {
    char *id;       /* "H-12" */
    int kind;       /* enum sb_hush_kind */
    char *by;
    char *reason;   /* needed for a blackout */
    int64_t from, until;
    char *ns;       /* blackout: "db" or "db.coll"; NULL: any */
    char *member;   /* blackout: "host:port"; NULL: any */
    char *like;     /* the others: what has to be the same */
    int severity;   /* the others: enum sb_level of the one that was judged */
    char *anomaly;  /* and its id */
};
extern const struct sb_schema sb_hush_schema;

struct sb_hushes {
    struct sb_hush *list;
    size_t list_n;
};
extern const struct sb_schema sb_hushes_schema;

/* Appends what makes two anomalies alike: the measure that went out first, and what it is of. */
void sb_anomaly_likeness(const struct sb_anomaly *a, struct sb_str *out);

/* Why it is announced whatever anybody said ("data may be lost"); NULL: it may be hushed. oplog_window_s: of the shortest
 * oplog, -1 not known. */
const char *sb_anomaly_must_speak(const struct sb_anomaly *a, int64_t oplog_window_s);

/* What hushes it at this moment; NULL: nothing does. */
const struct sb_hush *sb_hushed_by(const struct sb_hushes *h, const struct sb_anomaly *a, int64_t now, int64_t oplog_window_s);

/* One line for people. Holds text from outside. */
void sb_hush_text(const struct sb_hush *h, struct sb_str *out);

#endif
