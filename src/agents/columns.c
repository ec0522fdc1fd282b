/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/columns.h>

#include "columns_class.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/telemetry/streaming.h>

#include <math.h>

#define NEAR 0.35 /* a score of so much: not yet as usual again */

struct column {
    char *name;
    struct sb_streaming *series;
    bool in;          /* of the open incident */
    int64_t out_at;   /* when it alarmed first in it */
    enum sb_judge judge;
    double usual, value, score; /* at its worst */
};

struct sb_columns {
    struct column *column;
    size_t n, cap;
    struct sb_incident *incident;
    size_t incidents, incidents_cap;
    uint64_t left_out;
    bool open;
    int64_t from, last; /* of the open one: its first alarm, and the last row at which a column of it was out */
    int quiet, since;   /* rows since then, and since its last alarm */
};

struct sb_columns *sb_columns_new(struct sb_err *err)
{
    struct sb_columns *c = calloc(1, sizeof *c);
    if (!c)
        sb_fail_nomem(err);
    return c;
}

void sb_columns_free(struct sb_columns *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->column[i].name);
        sb_streaming_free(c->column[i].series);
    }
    free(c->column);
    for (size_t i = 0; i < c->incidents; i++)
        sb_incident_release(&c->incident[i]);
    free(c->incident);
    free(c);
}

int sb_columns_add(struct sb_columns *c, const char *name, struct sb_err *err)
{
    if (SB_GROW(c->column, c->cap, c->n + 1))
        return sb_fail_nomem(err);
    struct column *column = &c->column[c->n++];
    column->name = sb_format("%s", name);
    column->series = sb_streaming_new();
    return column->name && column->series ? 0 : sb_fail_nomem(err);
}

/* ---- an incident from what its columns did ---- */

static const struct column *first_out(const struct sb_columns *c, const struct column *after)
{
    const struct column *best = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct column *k = &c->column[i];
        bool later = !after || k->out_at > after->out_at || (k->out_at == after->out_at && k > after);
        if (k->in && later && (!best || k->out_at < best->out_at))
            best = k;
    }
    return best;
}

/* In the order in which they went out: what was first is the first suspect. */
static int describe(const struct sb_columns *c, struct sb_incident *out)
{
    struct sb_columns_class class;
    sb_columns_class_init(&class);
    double worst = 0;
    size_t n = 0;
    char at[SB_TIME_LEN + 1];
    for (const struct column *k = first_out(c, NULL); k; k = first_out(c, k), n++) {
        worst = fmax(worst, k->score);
        sb_columns_class_add(&class, k->name);
        sb_time_format(at, k->out_at);
        char *what = sb_format("%s went %s", k->name, k->value > k->usual ? "up" : k->value < k->usual ? "down" : "another way");
        char *evidence = sb_format("%.6g where %.6g was usual; out by its %s from %s", k->value, k->usual, sb_judge_name(k->judge), at);
        int rc = !what || !evidence || sb_incident_add_signal(out, k->name, NULL, k->usual, k->value, k->score) ||
                 sb_incident_add_cause(out, what, evidence, 0.5 / (double)(n + 1));
        free(what);
        free(evidence);
        if (rc)
            return -1;
    }
    const struct column *first = first_out(c, NULL);
    out->class_ = sb_columns_class_tell(&class, &out->confidence, &out->reason);
    out->unexplained = 1 - out->confidence;
    out->severity = n >= 3 || worst >= 0.8 ? SB_HIGH : n == 2 || worst >= 0.65 ? SB_MEDIUM : SB_LOW;
    out->title = n > 1 ? sb_format("%s and %zu more out of the usual", first->name, n - 1) : sb_format("%s out of the usual", first->name);
    return out->title && out->reason ? 0 : -1;
}

static int close_incident(struct sb_columns *c, bool ended, struct sb_err *err)
{
    struct sb_incident *out = NULL;
    c->open = false;
    if (c->incidents == SB_COLUMNS_MAX_INCIDENTS) {
        c->left_out++;
    } else if (SB_GROW(c->incident, c->incidents_cap, c->incidents + 1)) {
        return sb_fail_nomem(err);
    } else {
        out = &c->incident[c->incidents++];
        out->from_ms = out->detected_ms = c->from;
        out->to_ms = ended ? c->last : 0;
        if (describe(c, out))
            return sb_fail_nomem(err);
    }
    for (size_t i = 0; i < c->n; i++)
        c->column[i].in = false;
    return 0;
}

/* ---- row by row ---- */

static void join(struct sb_columns *c, struct column *k, int64_t at_ms, double value, const struct sb_oddity *o)
{
    if (!c->open) {
        c->open = true;
        c->from = at_ms;
    }
    c->since = 0;
    if (!k->in) {
        k->in = true;
        k->out_at = at_ms;
        k->score = 0;
    }
    if (o->score > k->score) {
        k->score = o->score;
        k->value = value;
        k->usual = o->usual;
        k->judge = o->loudest;
    }
}

int sb_columns_row(struct sb_columns *c, int64_t at_ms, const double *values, size_t n, bool learn_only, struct sb_err *err)
{
    bool near = false, alarm = false;
    struct sb_oddity odd;
    if (c->open && (c->quiet >= SB_COLUMNS_QUIET && c->since >= SB_COLUMNS_JOIN) && close_incident(c, true, err))
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct column *k = &c->column[i];
        if (!isfinite(values[i]))
            continue;
        odd = sb_streaming_take(k->series, at_ms, values[i], learn_only);
        if (odd.score >= SB_STREAMING_ALARM) {
            join(c, k, at_ms, values[i], &odd);
            alarm = true;
        }
        near |= k->in && odd.score >= NEAR;
    }
    if (!c->open)
        return 0;
    if (near || alarm) {
        c->quiet = 0;
        c->last = at_ms;
    } else {
        c->quiet++;
    }
    c->since += !alarm;
    return 0;
}

int sb_columns_finish(struct sb_columns *c, struct sb_err *err)
{
    return c->open ? close_incident(c, c->quiet >= SB_COLUMNS_QUIET, err) : 0;
}

const struct sb_incident *sb_columns_incidents(const struct sb_columns *c, size_t *n)
{
    *n = c->incidents;
    return c->incident;
}

uint64_t sb_columns_left_out(const struct sb_columns *c)
{
    return c->left_out;
}
