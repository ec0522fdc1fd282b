/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/columns.h>

#include "columns_class.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/telemetry/screen.h>

#include <math.h>

#define NEAR 0.35  /* a score of so much: not yet as usual again */
#define ALONE 0.62 /* a score of so much opens an incident; below it, only when a second column alarms with it */
/* Measured on six columns of noise, of it with memory, with a day and with a heavy tail, 54,000 rows: 21 incidents of nothing, 10
 * of 12 steps of 8 sd in one column found and 10 of 12 of 5 sd in two; at 0.55 49, 12 and 11; at 0.7 3, 1 and 9. Without more
 * asked of the young 27 of nothing, and 10 and 11 found. */

/* Of many columns one is always a little out, and two within half a minute's rows by chance: what is one event is there within a
 * few rows. And a detector that has seen little errs often, so more is asked of a young one, less and less with each row. */
#define YOUNG 1000
#define YOUNG_FROM 200
#define YOUNG_MORE 0.12

/* A column out of the usual: when, and how far at its worst. */
struct out {
    int64_t row, at_ms; /* of the first alarm; row 0: none */
    enum sb_judge judge;
    double usual, value, score;
};

struct column {
    char *name;
    struct out out;
    bool in; /* of the open incident */
};

struct sb_columns {
    struct column *column;
    size_t n, cap;
    struct sb_screen *screen; /* made with the first row: then it is known how many there are */
    struct sb_incident *incident;
    size_t incidents, incidents_cap;
    uint64_t left_out;
    int64_t row;
    bool open;
    int64_t detected; /* of the open one: when it was opened */
    int64_t last;     /* and the last time at which a column of it was out */
    int quiet, since; /* rows since then, and since its last alarm */
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
    for (size_t i = 0; i < c->n; i++)
        free(c->column[i].name);
    sb_screen_free(c->screen);
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
    return column->name ? 0 : sb_fail_nomem(err);
}

/* ---- an incident from what its columns did ---- */

static const struct column *first_out(const struct sb_columns *c, const struct column *after)
{
    const struct column *best = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct column *k = &c->column[i];
        bool later = !after || k->out.at_ms > after->out.at_ms || (k->out.at_ms == after->out.at_ms && k > after);
        if (k->in && later && (!best || k->out.at_ms < best->out.at_ms))
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
    for (const struct column *k = first_out(c, NULL); k; k = first_out(c, k))
        sb_columns_class_add(&class, k->name, k->out.value >= k->out.usual);
    for (size_t i = 0; i < c->n; i++)
        if (!c->column[i].in)
            sb_columns_class_calm(&class, c->column[i].name);
    out->class_ = sb_columns_class_tell(&class, &out->confidence, &out->reason);
    out->unexplained = 1 - out->confidence;
    for (const struct column *k = first_out(c, NULL); k; k = first_out(c, k), n++) {
        worst = fmax(worst, k->out.score);
        sb_time_format(at, k->out.at_ms);
        char *what = sb_format("%s went %s", k->name, k->out.value > k->out.usual ? "up" : k->out.value < k->out.usual ? "down" : "another way");
        char *evidence = sb_format("%.6g where %.6g was usual; out by its %s from %s", k->out.value, k->out.usual, sb_judge_name(k->out.judge), at);
        int rc = !what || !evidence || sb_incident_add_signal(out, k->name, NULL, k->out.usual, k->out.value, k->out.score) ||
                 sb_incident_add_cause(out, what, evidence, out->confidence / (double)(n + 1)); /* never surer than of the class */
        free(what);
        free(evidence);
        if (rc)
            return -1;
    }
    const struct column *first = first_out(c, NULL);
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
        out->from_ms = first_out(c, NULL)->out.at_ms;
        out->detected_ms = c->detected;
        out->to_ms = ended ? c->last : 0;
        if (describe(c, out))
            return sb_fail_nomem(err);
    }
    for (size_t i = 0; i < c->n; i++) {
        c->column[i].in = false;
        c->column[i].out.row = 0;
    }
    return 0;
}

/* ---- row by row ---- */

static bool is_recent(const struct sb_columns *c, const struct column *k)
{
    return k->out.row > 0 && c->row - k->out.row <= SB_COLUMNS_JOIN;
}

/* Remembers an alarm: the first one of a while, and the worst since. */
static void remember(const struct sb_columns *c, struct column *k, int64_t at_ms, double value, const struct sb_oddity *o)
{
    if (!k->in && !is_recent(c, k))
        k->out = (struct out){.row = c->row, .at_ms = at_ms};
    if (o->score > k->out.score) {
        k->out.score = o->score;
        k->out.value = value;
        k->out.usual = o->usual;
        k->out.judge = o->loudest;
    }
}

static double asked_more(const struct sb_columns *c)
{
    return c->row >= YOUNG ? 0 : YOUNG_MORE * (double)(YOUNG - c->row) / (YOUNG - YOUNG_FROM);
}

static bool is_far(const struct sb_columns *c, const struct column *k)
{
    return is_recent(c, k) && k->out.score >= ALONE + asked_more(c);
}

static bool is_now(const struct sb_columns *c, const struct column *k)
{
    return k->out.row > 0 && c->row - k->out.row <= SB_COLUMNS_TOGETHER;
}

/* One column alone must be far out; two that go out together need not. */
static bool is_enough(const struct sb_columns *c)
{
    int together = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct column *k = &c->column[i];
        if (is_far(c, k) || (is_now(c, k) && k->out.score >= SB_STREAMING_ALARM + asked_more(c) && ++together > 1))
            return true;
    }
    return false;
}

static void join(struct sb_columns *c, int64_t at_ms)
{
    if (!c->open) {
        c->open = true;
        c->detected = at_ms;
    }
    for (size_t i = 0; i < c->n; i++)
        c->column[i].in |= is_now(c, &c->column[i]) || is_far(c, &c->column[i]);
    c->since = 0;
}

int sb_columns_row(struct sb_columns *c, int64_t at_ms, const double *values, size_t n, bool learn_only, struct sb_err *err)
{
    bool near = false, alarm = false;
    int rc = 0;
    if (!c->screen && !(c->screen = sb_screen_new(c->n, SB_SCREEN_DETECTORS, err)))
        return -1;
    if (c->open && c->quiet >= SB_COLUMNS_QUIET && c->since >= SB_COLUMNS_JOIN && close_incident(c, true, err))
        return -1;
    c->row++;
    for (size_t i = 0; i < n && i < c->n; i++) {
        struct column *k = &c->column[i];
        struct sb_oddity odd = sb_screen_take(c->screen, i, at_ms, values[i], learn_only, &rc);
        if (rc)
            return sb_fail_nomem(err);
        if (odd.score >= SB_STREAMING_ALARM) {
            remember(c, k, at_ms, values[i], &odd);
            alarm = true;
        }
        near |= k->in && odd.score >= NEAR;
    }
    if (alarm && (c->open || is_enough(c)))
        join(c, at_ms);
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
