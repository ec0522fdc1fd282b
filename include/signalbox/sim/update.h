/* SPDX-License-Identifier: Apache-2.0
 *
 * update.h - update documents: operators and replacements, applied to a document to give a new one.
 *
 * Knows every operator of 5.0, the positional operators $, $[] and $[identifier], whole replacements, and pipelines of
 * $set, $unset, $project and $replaceWith. An _id never changes. Thread: one.
 */
#ifndef SIGNALBOX_SIM_UPDATE_H
#define SIGNALBOX_SIM_UPDATE_H

#include <signalbox/sim/match.h>

struct sim_update;

/* v: the `u` of an update. filters: its arrayFilters, which may be missing. multi: replacements are refused. NULL after a
 * failure. */
struct sim_update *sim_update_new(struct sim_val v, struct sim_val filters, bool multi, struct sim_fail *f);
void sim_update_free(struct sim_update *u);
bool sim_update_is_positional(const struct sim_update *u);
bool sim_update_is_replacement(const struct sim_update *u);

struct sim_update_clock {
    int64_t now_ms;
    uint64_t ts; /* for $currentDate: {$type: "timestamp"} */
    int64_t element; /* what a positional $ stands for; -1 nothing */
};

/* 1 and a new document in *out (its reference is the caller's), 0 when nothing would change, -1 failed. inserting: for an
 * upsert, old is what sim_upsert_base made. */
int sim_update_apply(const struct sim_update *u, const uint8_t *old, bool inserting, const struct sim_update_clock *clock,
                     struct sim_doc **out, struct sim_fail *f);

/* The document that an upsert starts from: the equalities of the filter. NULL after a failure. */
struct sim_doc *sim_upsert_base(const struct sim_expr *filter, struct sim_fail *f);

#endif
