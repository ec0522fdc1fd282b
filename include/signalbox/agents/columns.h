/* SPDX-License-Identifier: Apache-2.0
 *
 * columns.h - from series that have only a name to incidents: what went out of the usual together is one.
 *
 * Each column has a streaming detector of its own (telemetry/streaming.h, so each needs its warm-up); of more than
 * SB_SCREEN_DETECTORS only those that a cheap look found suspect (telemetry/screen.h). A column that is far
 * out opens an incident, and so do two that alarm within SB_COLUMNS_TOGETHER rows; in the first thousand rows both must be
 * further out. What goes out while it is open joins it. It is over when none of its columns was near its line for
 * SB_COLUMNS_QUIET rows, and none alarmed for SB_COLUMNS_JOIN. Nothing but the names says what a column means: the class is told
 * from words in them ("ops", "cpu", "lag", ...), which way they went and what stayed calm, with a confidence that is never high,
 * and is unknown where that says nothing, with the reason why; the first column to go out is the first suspect. Memory: one detector a column and SB_COLUMNS_MAX_INCIDENTS
 * incidents. Thread: one owner; no I/O.
 */
#ifndef SIGNALBOX_AGENTS_COLUMNS_H
#define SIGNALBOX_AGENTS_COLUMNS_H

#include <signalbox/agents/incident.h>
#include <stdbool.h>

#define SB_COLUMNS_JOIN 30 /* alarms of a column within so many rows are one */
#define SB_COLUMNS_TOGETHER 5
#define SB_COLUMNS_QUIET 10
#define SB_COLUMNS_MAX_INCIDENTS 10000

struct sb_columns;

struct sb_columns *sb_columns_new(struct sb_err *err);
void sb_columns_free(struct sb_columns *c);

int sb_columns_add(struct sb_columns *c, const char *name, struct sb_err *err); /* before the first row; 0 or -1 */

/* A row: values[n], NAN where one is missing; n at most the columns added. 0 or -1. */
int sb_columns_row(struct sb_columns *c, int64_t at_ms, const double *values, size_t n, bool learn_only, struct sb_err *err);

/* No more comes: what is open stays without an end. 0 or -1. */
int sb_columns_finish(struct sb_columns *c, struct sb_err *err);

/* What was found, in order; valid until the columns are freed. */
const struct sb_incident *sb_columns_incidents(const struct sb_columns *c, size_t *n);

/* How many were found beyond SB_COLUMNS_MAX_INCIDENTS and not kept. */
uint64_t sb_columns_left_out(const struct sb_columns *c);

#endif
