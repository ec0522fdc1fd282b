/* SPDX-License-Identifier: Apache-2.0
 *
 * detector_trends.c - levels that move towards a limit, and the date on which they cross it.
 *
 * The slope is the median of the slopes between all pairs of values (Theil 1950, Sen 1968), which a few outliers do not move. Its
 * interval is Sen's, by the variance of Kendall's tau, taken at three standard deviations because values of one series
 * depend on each other. Of a level 64 values are kept: when they are full every other one goes and the distance doubles, so that a
 * trend of hours and one of weeks cost the same.
 *
 * A trend is told when the whole interval of the slope leads to the limit, the values rise (or fall) in all four quarters of the
 * time (a step is no trend), and the crossing is not further away than fifty times what was seen. Once for each limit: again only
 * when it comes twice as near, or after it had gone. */
#include "detector.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define LEAST_VALUES 16
#define LEAST_SPAN_MS (5 * 60 * 1000)
#define FURTHEST 50.0                                /* times the time seen */
#define HORIZON_MS (INT64_C(60) * 24 * 3600 * 1000)  /* and no further than this */
#define FIRST_GAP_MS 10000
#define SIGMAS 3.0
#define LEAST_QUARTER 0.1 /* of the whole rise, in each quarter to the next */
#define GONE_AFTER 32     /* looks in a row at which it does not hold: half of the values that are kept */
#define TURNED 4          /* looks that one counts for at which it may as well go the other way */

/* Where the limits are, and in which words. A share is told in percent. What is beyond the first goes for the next: an oplog of
 * five hours is short, and one that will be of two is worse. */
#define STEPS 5
static const struct {
    const char *metric, *unit, *what;
    bool falls;
    double step[STEPS];
} limits[SB_LIMITS] = {
    [SB_LIMIT_DISK] = {"disk.used", "%", "the fullest disk", false, {90, 95, 99, 100, 100}},
    [SB_LIMIT_OPLOG] = {"oplog.window", "h", "the shortest oplog", true, {24, 12, 6, 3, 1}},
    [SB_LIMIT_CONNECTIONS] = {"connections.used", "%", "the connections", false, {80, 95, 100, 100, 100}},
    [SB_LIMIT_BACKUP] = {"backup.usable_of_ten", "%", "backups of the last ten that can be used", true, {90, 75, 50, 25, 1}},
    [SB_LIMIT_SCAN] = {"docs_examined_per_returned", "docs", "documents examined for each returned", false, {1000, 10000, 1e5, 1e6, 1e7}},
};

static double limit_from(enum sb_limit_kind kind, double now)
{
    for (size_t i = 0; i < STEPS; i++)
        if (limits[kind].falls ? now > limits[kind].step[i] : now < limits[kind].step[i])
            return limits[kind].step[i];
    return now;
}

void sb_trends_release(struct trends *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->level[i].subject);
        sb_anomaly_release(&t->level[i].told);
    }
}

static struct level *level_of(struct trends *t, enum sb_limit_kind kind, const char *subject)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->level[i].kind == kind && strcmp(t->level[i].subject, subject) == 0)
            return &t->level[i];
    char *copy = t->n < SB_LEVELS_MOST ? sb_format("%s", subject) : NULL;
    if (!copy)
        return NULL;
    struct level *l = &t->level[t->n++];
    *l = (struct level){.kind = kind, .subject = copy, .gap_ms = FIRST_GAP_MS};
    return l;
}

static bool keep(struct level *l, int64_t at, double value)
{
    if (l->n && at < l->at[l->n - 1]) /* the clock went back: what was seen is of another time */
        l->n = 0;
    if (l->n && at - l->at[l->n - 1] < l->gap_ms)
        return false;
    if (l->n == SB_COUNT(l->at)) {
        for (size_t i = 0; i < l->n / 2; i++) {
            l->at[i] = l->at[2 * i];
            l->value[i] = l->value[2 * i];
        }
        l->n /= 2;
        l->gap_ms *= 2;
    }
    l->at[l->n] = at;
    l->value[l->n++] = value;
    return true;
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

double sb_trends_median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_size);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

struct line {
    double slope, least, most; /* a millisecond, with its interval */
    double now;                /* the line's value at the last moment */
    double limit;              /* the next one on its way */
};

static struct line fit(const struct level *l)
{
    double slopes[SB_LEVEL_VALUES * (SB_LEVEL_VALUES - 1) / 2], rest[SB_LEVEL_VALUES];
    size_t n = l->n, pairs = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            slopes[pairs++] = (l->value[k] - l->value[i]) / (double)(l->at[k] - l->at[i]);
    struct line f = {.slope = sb_trends_median(slopes, pairs)};
    double c = SIGMAS * sqrt((double)n * (double)(n - 1) * (double)(2 * n + 5) / 18);
    double low = ((double)pairs - c) / 2, high = ((double)pairs + c) / 2;
    f.least = slopes[low > 0 ? (size_t)low : 0];
    f.most = slopes[high < (double)pairs - 1 ? (size_t)high : pairs - 1];
    for (size_t i = 0; i < n; i++)
        rest[i] = l->value[i] + f.slope * (double)(l->at[n - 1] - l->at[i]);
    f.now = sb_trends_median(rest, n);
    return f;
}

/* Each quarter of the time lies beyond the one before it. */
static bool steady(const struct level *l, double sign)
{
    double quarter[4], v[SB_LEVEL_VALUES];
    for (size_t q = 0; q < 4; q++) {
        size_t from = l->n * q / 4, to = l->n * (q + 1) / 4;
        memcpy(v, l->value + from, (to - from) * sizeof *v);
        quarter[q] = sb_trends_median(v, to - from) * sign;
    }
    double rise = quarter[3] - quarter[0];
    return rise > 0 && quarter[1] - quarter[0] > LEAST_QUARTER * rise && quarter[2] - quarter[1] > LEAST_QUARTER * rise && quarter[3] - quarter[2] > LEAST_QUARTER * rise;
}

/* When the limit is crossed at this slope; 0: not within the horizon. */
static int64_t crossing(double left, double slope, int64_t now)
{
    double ms = slope > 0 ? left / slope : INFINITY;
    return ms <= (double)HORIZON_MS ? now + (int64_t)ms : 0;
}

static bool leads_to_limit(const struct level *l, struct line *f, int64_t when[3])
{
    double sign = limits[l->kind].falls ? -1 : 1;
    int64_t span = l->n ? l->at[l->n - 1] - l->at[0] : 0, now = l->n ? l->at[l->n - 1] : 0;
    if (l->n < LEAST_VALUES || span < LEAST_SPAN_MS || !steady(l, sign))
        return false;
    *f = fit(l);
    double slope = f->slope * sign, slowest = fmin(f->least * sign, f->most * sign), fastest = fmax(f->least * sign, f->most * sign);
    f->limit = limit_from(l->kind, f->now);
    double left = (f->limit - f->now) * sign;
    if (slowest <= 0 || left <= 0 || left / slope > FURTHEST * (double)span)
        return false;
    when[0] = crossing(left, slope, now);
    when[1] = crossing(left, fastest, now);
    when[2] = crossing(left, slowest, now);
    return when[0] != 0;
}

/* It may stand still or go back: that is more than a quarter that does not lie beyond the one before it. */
static bool turned(const struct level *l)
{
    struct line f = fit(l);
    return (limits[l->kind].falls ? -f.most : f.least) <= 0;
}

static int describe(const struct level *l, const struct line *f, const int64_t when[3], int64_t number, struct sb_anomaly *a)
{
    char at[SB_TIME_LEN + 1], from[SB_TIME_LEN + 1], to[SB_TIME_LEN + 1];
    int64_t now = l->at[l->n - 1];
    const char *unit = limits[l->kind].unit;
    sb_time_format(at, when[0]);
    sb_time_format(from, when[1]);
    sb_time_format(to, when[2]);
    memset(a, 0, sizeof *a);
    a->trend = true;
    a->from = l->at[0];
    a->detected_at = now;
    a->severity = when[0] - now < 86400000 ? SB_MEDIUM : SB_LOW;
    a->limit_at = when[0];
    a->limit_from = when[1];
    a->limit_to = when[2];
    a->confidence_ppm = 990000;
    a->id = sb_format("D-%" PRId64, number);
    a->title = sb_format("%s%s%s: %.4g %s on %.16sZ, if it goes on (now %.1f %s)", limits[l->kind].what, l->subject[0] ? " of " : "", l->subject, f->limit, unit, at, f->now, unit);
    a->class_reason = sb_format("%+.3g %s an hour over the last %" PRId64 " min (median of the slopes of all pairs of %zu values, Theil-Sen); between %.16sZ and %s%.16s%s", f->slope * 3600000,
                                unit, (now - l->at[0]) / 60000, l->n, from, when[2] ? "" : "much later than ", when[2] ? to : at, "Z");
    struct sb_signal *g = SB_PUSH(a->signals);
    if (!a->id || !a->title || !a->class_reason || !g || sb_str_set(&g->metric, limits[l->kind].metric) || sb_str_set(&g->subject, l->subject) || sb_str_set(&g->unit, unit))
        return -1;
    g->baseline = (int64_t)(l->value[0] + 0.5);
    g->value = (int64_t)(f->now + 0.5);
    g->score_ppm = 500000;
    if (l->kind == SB_LIMIT_CONNECTIONS && sb_strs_push(&a->members, &a->members_n, l->subject))
        return -1;
    char *value = sb_format("%.1f %s, %.1f %s at the beginning; the limit is %.4g %s", f->now, unit, l->value[0], unit, f->limit, unit);
    int rc = value ? sb_evidence_add(&a->evidence, &a->evidence_n, "telemetry", l->subject, limits[l->kind].metric, value, "measured", now) : -1;
    free(value);
    return rc;
}

static void judge(struct sb_detector *d, struct level *l)
{
    struct line f;
    int64_t when[3], now = l->at[l->n - 1];
    struct sb_anomaly fresh;
    if (!leads_to_limit(l, &f, when)) {
        l->gone += l->number && l->n > 1 && turned(l) ? TURNED : 1;
        if (l->number && l->gone >= GONE_AFTER) {
            l->told.to = now;
            l->changed = true;
        }
        return;
    }
    l->gone = 0;
    if (l->number && l->limit == f.limit && when[0] - now > (l->told.limit_at - l->told.detected_at) / 2)
        return;
    int64_t number = l->number ? l->number : ++d->next_number;
    if (describe(l, &f, when, number, &fresh)) {
        sb_anomaly_release(&fresh);
        return;
    }
    sb_anomaly_release(&l->told);
    l->told = fresh;
    l->limit = f.limit;
    l->number = number;
    l->changed = true;
}

void sb_detector_level(struct sb_detector *d, enum sb_limit_kind kind, const char *subject, int64_t at, double value)
{
    struct level *l = isfinite(value) && at > 0 ? level_of(&d->trends, kind, subject) : NULL;
    if (l && keep(l, at, value))
        judge(d, l);
}

void sb_trends_series(struct sb_detector *d, enum sb_limit_kind kind, const int64_t *at, const double *value, size_t n)
{
    struct level *l = n ? level_of(&d->trends, kind, "") : NULL;
    if (!l)
        return;
    l->n = 0;
    l->gap_ms = FIRST_GAP_MS;
    for (size_t i = 0; i < n; i++)
        keep(l, at[i], value[i]);
    judge(d, l);
}

void sb_trends_frame(struct sb_detector *d, const struct sb_frame *f)
{
    double used = f->rate[SB_METRIC_CONNECTIONS], left = f->rate[SB_METRIC_CONNECTIONS_FREE];
    double examined = f->rate[SB_METRIC_DOCS_EXAMINED], returned = f->rate[SB_METRIC_DOCS_RETURNED];
    if (used + left > 0)
        sb_detector_level(d, SB_LIMIT_CONNECTIONS, f->member, f->at, used / (used + left) * 100);
    if (f->is_primary && returned > 0)
        sb_detector_level(d, SB_LIMIT_SCAN, "", f->at, examined / returned);
}

bool sb_trends_take(struct sb_detector *d, struct sb_anomaly *out)
{
    for (size_t i = 0; i < d->trends.n; i++) {
        struct level *l = &d->trends.level[i];
        if (!l->changed || sb_record_copy(&sb_anomaly_schema, out, &l->told))
            continue;
        l->changed = false;
        if (l->told.to) {
            sb_anomaly_release(&l->told);
            l->number = 0;
            l->gone = 0;
        }
        return true;
    }
    return false;
}
