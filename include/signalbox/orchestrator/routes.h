/* SPDX-License-Identifier: Apache-2.0
 *
 * routes.h - who is asked about a request, in which order, and why: data (routes.data; its head explains its lines), which a file
 * of the operator's comes before.
 *
 * A route leads from an intent to a task of a specialist where certain facts hold; a chain leads from a task that has ended to
 * the next one. A case does a task once and has no more than SB_ROUTE_DEPTH, so that every chain ends. A route names what is
 * looked into and by whom; nothing in it decides what may be done. Thread: loaded routes are read only.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_ROUTES_H
#define SIGNALBOX_ORCHESTRATOR_ROUTES_H

#include <signalbox/base/conf.h>
#include <signalbox/base/record.h>
#include <signalbox/base/str.h>
#include <signalbox/model/case.h>

#define SB_ROUTE_DEPTH 6
#define SB_ROUTES_MAX 200 /* lines of both files together */

enum sb_task {
    SB_TASK_NONE,
    SB_TASK_INDEX_KEY,
    SB_TASK_INDEX_ADVISE,
    SB_TASK_INDEX_REVIEW,
    SB_TASK_INDEX_RETIRE,
    SB_TASK_SCHEMA_REVIEW,
    SB_TASK_SCHEMA_CHANGE,
    SB_TASK_SCHEMA_VALIDATE,
    SB_TASK_BACKUP_CHECK,
    SB_TASK_BACKUP_DRILL,
    SB_TASK_BACKUP_PLAN,
    SB_TASK_WATCH_PROFILE,
    SB_TASK_WATCH_WINDOWS,
    SB_TASK_TREND,
    SB_TASK_SUSPECT,
    SB_TASK_OPS_CURRENT,
    SB_TASK_OPS_KILL,
    SB_TASK_STATUS,
    SB_TASK_ANSWER,
    SB_TASK_REPORT,
    SB_TASK_POLICY_REVIEW,
    SB_TASKS
};
extern const struct sb_names sb_tasks; /* "index.review" */

/* Facts, as bits. */
enum {
    SB_FACT_NAMESPACE = 1 << 0,
    SB_FACT_PLACE = 1 << 1,
    SB_FACT_KEY = 1 << 2,
    SB_FACT_ANOMALY = 1 << 3,
    SB_FACT_CODE = 1 << 4,
    SB_FACT_LOAD = 1 << 5,
    SB_FACT_PLAN = 1 << 6,
    SB_FACT_PROPOSED = 1 << 7, /* from here on: only after a task */
    SB_FACT_NOTHING = 1 << 8,
    SB_FACT_DOCUMENTS = 1 << 9,
    SB_FACT_UNPROVEN = 1 << 10,
    SB_FACT_THROWAWAY = 1 << 11,
    SB_FACT_BACKUPS = 1 << 12,
};

struct sb_route {
    int intent;
    int after;      /* enum sb_task; SB_TASK_NONE: it is the first */
    int task, to;   /* to: enum sb_specialist; of SB_TASK_SUSPECT SB_BY_ORCHESTRATOR, and the case says whose plan it is */
    unsigned needs; /* facts that have to hold */
    char *why, *risk;
    bool built_in;
    unsigned line;
};

struct sb_routes;

/* own: a file of the operator's (NULL: none); text: the built-in one. Problems are noted with file and line; routes with problems are
 * not used. NULL: out of memory. */
struct sb_routes *sb_routes_new(const char *own, size_t own_len, const char *own_path, const char *text, size_t len, struct sb_problems *problems, struct sb_err *err);
void sb_routes_free(struct sb_routes *r);
size_t sb_routes_count(const struct sb_routes *r);

/* The first of this intent of which every fact holds; NULL: there is none. */
const struct sb_route *sb_routes_first(const struct sb_routes *r, int intent, unsigned facts);
/* The one behind a task that has ended. done: tasks of the case so far, as bits. */
const struct sb_route *sb_routes_next(const struct sb_routes *r, int intent, int after, unsigned facts, unsigned done);

/* What would have led elsewhere than the one taken: "to data_architect, if it names a collection; to ...". */
void sb_routes_otherwise(const struct sb_routes *r, const struct sb_route *taken, struct sb_str *out);

/* What a request by itself says. */
unsigned sb_route_facts(const struct sb_slots *slots);

struct sb_route_told {
    const struct sb_route *route;
    struct sb_str when; /* what has to hold, in words; empty: nothing */
    bool taken;         /* a first one, by what the request says alone: an anomaly that may be going on is not known here */
};

/* The routes of the reading's intent, those that begin first and then those behind a task, each in the order they are tried; how
 * many. Release each `when`. */
size_t sb_routes_of(const struct sb_routes *r, const struct sb_reading_of *reading, struct sb_route_told *out, size_t max);

/* How what has no route is done today, in words that may follow "but". */
const char *sb_routes_instead(const struct sb_routes *r, int intent);

/* Appends the names of the intents that have a route: "index.review, index.create, ...". */
void sb_routes_known(const struct sb_routes *r, struct sb_str *out);

#endif
