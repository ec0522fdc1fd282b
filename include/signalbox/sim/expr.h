/* SPDX-License-Identifier: Apache-2.0
 *
 * expr.h - aggregation expressions: "$path", literals, and a small set of operators.
 *
 * Operators: $literal $add $subtract $multiply $divide $eq $ne $gt $gte $lt $lte $cmp $and $or $not $cond $ifNull
 * $concat $size $first $last $arrayElemAt; functions of values (expr_function.c): $mod $abs $ceil $floor $round $trunc $sqrt $pow,
 * $min $max $sum $avg, $in $isArray $isNumber $type $concatArrays $mergeObjects $objectToArray, $toUpper
 * $toLower $strLenCP $split $toString, parts of dates and $dateToString; and forms that bind variables (expr_form.c): $let $map $filter
 * $reduce $switch. Variables: $$ROOT $$CURRENT $$REMOVE $$NOW $$CLUSTER_TIME. Any other is refused when the pipeline is parsed. Thread: any.
 */
#ifndef SIGNALBOX_SIM_EXPR_H
#define SIGNALBOX_SIM_EXPR_H

#include <signalbox/sim/fail.h>
#include <signalbox/sim/write.h>

/* 0, or -1 with the server's error. */
int sim_expr_check(struct sim_val e, struct sim_fail *f);

/* What $$NOW and $$CLUSTER_TIME are. */
struct sim_expr_clock {
    int64_t now_ms;
    uint64_t ts;
};

/* A command begins: what expressions may cost is counted anew, and it is that time for all of them. Thread: of whoever
 * evaluates. A later batch of a cursor sets the time of its first. */
void sim_expr_begin(struct sim_expr_clock clock);
struct sim_expr_clock sim_expr_clock(void);
void sim_expr_set_clock(struct sim_expr_clock clock);

/* Appends the value for a document under key, nothing when it is missing. 0 or -1. */
int sim_eval(struct sim_val e, const uint8_t *doc, struct sim_w *w, const char *key, struct sim_fail *f);

/* Calls fn with each path of the document that the expression reads; false when it needs the whole document. */
bool sim_expr_paths(struct sim_val e, bool (*fn)(void *ctx, const char *path), void *ctx);

/* The expression as explain shows it: constants become {$const: ...}. */
void sim_expr_show(struct sim_val e, struct sim_w *w, const char *key);

#endif
