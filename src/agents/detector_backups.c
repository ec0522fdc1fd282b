/* SPDX-License-Identifier: Apache-2.0
 *
 * detector_backups.c - backups that fail, that do not come, and that become fewer.
 *
 * What lies there is its own history: the times of the usable backups tell how often one is made (the median of the last sixteen
 * intervals, and their median absolute deviation), so that one that does not come is missed without a schedule being told. It is
 * overdue after three spreads, and a spread is no smaller than a tenth of the interval. An anomaly of this kind is never hushed
 * (model/hush.h, by the name of its measure). */
#include "detector.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define LEAST_USABLE 4   /* before an interval is usual */
#define INTERVALS 16
#define OVERDUE 3.0      /* spreads */
#define LEAST_SPREAD 0.1 /* of the interval */
#define OF_THE_LAST 10
#define NAMED 160        /* bytes of what is wrong */

static int by_time(const void *x, const void *y)
{
    const struct sb_backup_seen *a = x, *b = y;
    return (a->taken_at > b->taken_at) - (a->taken_at < b->taken_at);
}

struct regular {
    int64_t last;            /* usable; 0 there is none */
    double interval, spread; /* ms; NAN not known yet */
};

static struct regular rhythm(const struct sb_backup_seen *b, size_t n)
{
    struct regular r = {0, NAN, NAN};
    double gap[INTERVALS], off[INTERVALS];
    size_t gaps = 0;
    int64_t later = 0;
    for (size_t i = n; i-- > 0;) {
        if (!b[i].usable || !b[i].taken_at)
            continue;
        if (!r.last)
            r.last = b[i].taken_at;
        else if (gaps < INTERVALS && later > b[i].taken_at)
            gap[gaps++] = (double)(later - b[i].taken_at);
        later = b[i].taken_at;
    }
    if (gaps + 1 < LEAST_USABLE)
        return r;
    r.interval = sb_trends_median(gap, gaps);
    for (size_t i = 0; i < gaps; i++)
        off[i] = fabs(gap[i] - r.interval);
    r.spread = fmax(1.4826 * sb_trends_median(off, gaps), LEAST_SPREAD * r.interval);
    return r;
}

static int64_t overdue_at(const struct regular *r)
{
    return r->last && !isnan(r->interval) ? r->last + (int64_t)(r->interval + OVERDUE * r->spread) : INT64_MAX;
}

/* What is wrong, in a title and a reason; false: nothing. */
static bool judge(const struct sb_backup_seen *b, size_t n, int64_t wall, char **title, char **why, const char **metric)
{
    struct regular r = rhythm(b, n);
    const struct sb_backup_seen *newest = n ? &b[n - 1] : NULL;
    char last[SB_TIME_LEN + 1] = "", due[SB_TIME_LEN + 1];
    bool failed = newest && newest->taken_at && !newest->usable && newest->taken_at > r.last;
    if (!n || (!failed && r.last && wall <= overdue_at(&r)) || (!failed && !r.last && !newest->taken_at))
        return false;
    if (r.last)
        sb_time_format(last, r.last);
    *metric = failed || !r.last ? "backup.failed" : "backup.missed";
    if (!r.last)
        *title = sb_format("no backup here can be used");
    else if (failed)
        *title = sb_format("the newest backup cannot be used; the last good one is of %.16sZ", last);
    else
        *title = sb_format("a backup is overdue; the last good one is of %.16sZ", last);
    if (failed || !r.last) {
        const char *what = newest->what ? newest->what : "what is wrong with it is not known";
        *why = sb_format("%.*s", (int)(strlen(what) > NAMED ? sb_utf8_whole(what, NAMED) : strlen(what)), what);
    } else {
        sb_time_format(due, overdue_at(&r));
        *why = sb_format("one came every %.1f h (give or take %.1f h), and none has come by %.16sZ", r.interval / 3600000, r.spread / 3600000, due);
    }
    return true;
}

static int describe(struct sb_detector *d, int64_t at, int64_t last, int64_t wall, char *title, char *why, const char *metric, struct sb_anomaly *a)
{
    int64_t number = d->backups.number ? d->backups.number : ++d->next_number;
    memset(a, 0, sizeof *a);
    a->from = d->backups.number ? d->backups.told.from : at;
    a->detected_at = d->backups.number ? d->backups.told.detected_at : at;
    a->severity = SB_HIGH;
    a->confidence_ppm = 990000;
    a->title = title;
    a->class_reason = why;
    a->id = sb_format("D-%" PRId64, number);
    struct sb_signal *g = SB_PUSH(a->signals);
    char *value = title && why ? sb_format("%s (%s)", title, why) : NULL;
    int rc = a->id && title && why && value && g && sb_str_set(&g->metric, metric) == 0 && sb_str_set(&g->subject, "") == 0 && sb_str_set(&g->unit, "h") == 0
                 ? sb_evidence_add(&a->evidence, &a->evidence_n, "the places of backups", "", metric, value, "measured", at)
                 : -1;
    free(value);
    if (rc)
        return -1;
    g->value = last ? (wall - last) / 3600000 : 0; /* age of what can be restored */
    g->score_ppm = 1000000;
    d->backups.number = number;
    return 0;
}

/* Of how many of the last ten could be used, as it stood after each of them. */
static void tell_trend(struct sb_detector *d, const struct sb_backup_seen *b, size_t n)
{
    int64_t at[SB_LEVEL_VALUES];
    double share[SB_LEVEL_VALUES];
    size_t kept = 0, first = n > SB_LEVEL_VALUES + OF_THE_LAST ? n - SB_LEVEL_VALUES : OF_THE_LAST;
    for (size_t i = first; i < n && kept < SB_LEVEL_VALUES; i++) {
        size_t usable = 0;
        for (size_t k = 0; k < OF_THE_LAST; k++)
            usable += b[i - k].usable;
        at[kept] = b[i].taken_at;
        share[kept++] = 100.0 * (double)usable / OF_THE_LAST;
    }
    sb_trends_series(d, SB_LIMIT_BACKUP, at, share, kept);
}

static void told_as(struct sb_detector *d, struct sb_anomaly *fresh)
{
    struct backup_watch *w = &d->backups;
    w->changed |= !w->told.id || w->told.to || !sb_streq(w->told.title, fresh->title) || !sb_streq(w->told.class_reason, fresh->class_reason);
    sb_anomaly_release(&w->told);
    w->told = *fresh;
}

void sb_detector_backups(struct sb_detector *d, int64_t at, int64_t wall, const struct sb_backup_seen *list, size_t n)
{
    struct backup_watch *w = &d->backups;
    struct sb_backup_seen *b = n ? malloc(n * sizeof *b) : NULL;
    char *title = NULL, *why = NULL;
    const char *metric;
    struct sb_anomaly fresh;
    if (at <= 0 || (n && !b))
        return; /* without memory this time nothing new is known */
    if (n) {
        memcpy(b, list, n * sizeof *b);
        qsort(b, n, sizeof *b, by_time);
    }
    if (judge(b, n, wall, &title, &why, &metric)) {
        if (describe(d, at, rhythm(b, n).last, wall, title, why, metric, &fresh))
            sb_anomaly_release(&fresh);
        else
            told_as(d, &fresh);
    } else if (w->number && !w->told.to) {
        w->told.to = at;
        w->changed = true;
    }
    size_t undated = 0;
    while (undated < n && !b[undated].taken_at)
        undated++;
    if (n > undated)
        tell_trend(d, b + undated, n - undated);
    free(b);
}

bool sb_backups_take(struct sb_detector *d, struct sb_anomaly *out)
{
    struct backup_watch *w = &d->backups;
    if (!w->changed || sb_record_copy(&sb_anomaly_schema, out, &w->told))
        return false;
    w->changed = false;
    if (w->told.to) {
        sb_anomaly_release(&w->told);
        w->number = 0;
    }
    return true;
}
