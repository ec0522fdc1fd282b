/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of a deployment's backups, one goal after the other: measured, against the policy's limit, and when it is crossed. */
#include "recoverability.h"

#include <signalbox/agents/backup_rto.h>
#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define FAR_MS (3650 * (double)DAY_MS) /* what lies further off is no date */

struct sb_recovery_goal *sb_goal_add(struct goals *g, const char *name, const char *value, enum sb_goal_state state, const char *fmt, ...)
{
    static struct sb_recovery_goal nowhere; /* out of memory: it is never read */
    struct sb_recovery_goal *to = SB_PUSH(g->out->goals);
    struct sb_str note;
    va_list ap;
    if (!to) {
        g->rc = -1;
        return &nowhere;
    }
    va_start(ap, fmt);
    sb_str_init(&note);
    sb_str_vaddf(&note, fmt, ap);
    va_end(ap);
    to->state = value ? (int)state : SB_GOAL_BLIND;
    if (sb_str_set(&to->name, name) || sb_str_set(&to->value, value) || !sb_str_ok(&note) || (note.len && sb_str_set(&to->note, note.p)))
        g->rc = -1;
    sb_str_release(&note);
    return to;
}

void sb_goal_limit(struct goals *g, struct sb_recovery_goal *to, const char *words, int64_t limit_s)
{
    char text[64];
    sb_duration_format(text, sizeof text, limit_s * 1000);
    char *limit = sb_format("%s %s", words, text);
    free(to->limit);
    to->limit = limit;
    if (!limit)
        g->rc = -1;
}

/* Something that grows older second by second, since this moment. */
static void add_age(struct goals *g, const char *name, int64_t since, int64_t limit_s, const char *note)
{
    char age[64];
    int64_t ms = g->in->now - since;
    sb_duration_format(age, sizeof age, ms > 0 ? ms : 0);
    struct sb_recovery_goal *to = sb_goal_add(g, name, age, limit_s < 0 ? SB_GOAL_SEEN : ms <= limit_s * 1000 ? SB_GOAL_MET : SB_GOAL_MISSED, "%s", note);
    if (limit_s < 0)
        return;
    sb_goal_limit(g, to, "at most", limit_s);
    to->crosses = since + limit_s * 1000;
}

static void add_blind(struct goals *g, const char *name, const char *words, int64_t limit_s, const char *why)
{
    struct sb_recovery_goal *to = sb_goal_add(g, name, NULL, SB_GOAL_BLIND, "%s", why);
    if (limit_s >= 0)
        sb_goal_limit(g, to, words, limit_s);
}

/* ---- loss ---- */

static void loss(struct goals *g)
{
    const struct sb_backup_live *l = g->in->live;
    const struct sb_recovery_limits *m = &g->in->limits;
    if (!g->newest) {
        sb_goal_add(g, "loss now", "everything", SB_GOAL_MISSED, "no backup can be used");
        sb_goal_add(g, "backup age", "no backup", SB_GOAL_MISSED, "no backup can be used");
        return;
    }
    if (l->known && !l->unprotected) {
        struct sb_recovery_goal *to = sb_goal_add(g, "loss now", "nothing", m->loss_s < 0 ? SB_GOAL_SEEN : SB_GOAL_MET, "nothing was written since the newest backup");
        if (m->loss_s >= 0)
            sb_goal_limit(g, to, "at most", m->loss_s);
    } else if (l->known) {
        add_age(g, "loss now", l->covers ? (int64_t)(l->unprotected >> 32) * 1000 : g->point, m->loss_s,
                l->covers ? "since the first write that is in no backup" : "since the newest backup: the oplog does not reach back to it");
    } else {
        add_age(g, "loss now", g->point, m->loss_s, "by the time of the newest backup only; whether anything was written since is not known");
    }
    add_age(g, "backup age", g->point, m->backup_age_s, sb_streq(g->newest->taken_from, "file time") ? "only the time of its files says so" : "");
}

/* The moments of the usable backups, rising; heap. */
static int64_t *moments(const struct goals *g, size_t *n, int64_t **bytes)
{
    int64_t *at = calloc(g->out->backups_n + 1, sizeof *at);
    *bytes = calloc(g->out->backups_n + 1, sizeof **bytes);
    *n = 0;
    for (size_t i = g->out->backups_n; at && *bytes && i > 0; i--)
        if (g->out->backups[i - 1].usable && sb_streq(g->out->backups[i - 1].kind, sb_backup_kind_name(g->newest->kind))) {
            at[*n] = g->out->backups[i - 1].from;
            (*bytes)[(*n)++] = g->out->backups[i - 1].bytes;
        }
    return at;
}

/* The usual time between two backups; 0: nobody knows. */
static int64_t interval(const int64_t *at, size_t n)
{
    int64_t *gap = n > 2 ? calloc(n, sizeof *gap) : NULL, usual = 0;
    for (size_t i = 1; gap && i < n; i++)
        gap[i - 1] = at[i] - at[i - 1];
    if (gap)
        usual = sb_median(gap, n - 1);
    free(gap);
    return usual;
}

static void window(struct goals *g, int64_t usual)
{
    const struct sb_backup_live *l = g->in->live;
    int64_t limit = g->in->limits.window_s;
    char value[64], every[64];
    if (!l->known) {
        add_blind(g, "oplog window", "at least", limit, l->blind);
        return;
    }
    int64_t ms = l->window_s * 1000;
    sb_duration_format(value, sizeof value, ms);
    sb_duration_format(every, sizeof every, usual);
    bool short_ = (usual && ms < usual) || (g->newest && !l->covers);
    struct sb_recovery_goal *to =
        sb_goal_add(g, "oplog window", value, (limit >= 0 && ms < limit * 1000) || short_ ? SB_GOAL_MISSED : limit < 0 ? SB_GOAL_SEEN : SB_GOAL_MET, "%s%s%s%s",
            g->newest && !l->covers ? "it does not reach back to the newest backup: what was written in between is in neither" : g->newest ? "it reaches back over the newest backup" : "",
            usual ? "; a backup comes every " : "", usual ? every : "", usual && ms < usual ? ", which is longer" : "");
    if (limit >= 0)
        sb_goal_limit(g, to, "at least", limit);
}

static void rhythm(struct goals *g, const int64_t *at, size_t n, int64_t usual)
{
    char value[64], age[64];
    if (!usual) {
        sb_goal_add(g, "interval", NULL, SB_GOAL_BLIND, "too few backups to tell what is usual");
        return;
    }
    sb_duration_format(value, sizeof value, usual);
    sb_duration_format(age, sizeof age, g->in->now - at[n - 1]);
    bool late = g->in->now - at[n - 1] > 2 * usual;
    struct sb_recovery_goal *to = sb_goal_add(g, "interval", value, late ? SB_GOAL_MISSED : SB_GOAL_MET, "the newest came %s ago%s", age, late ? ": one is overdue" : "");
    to->crosses = at[n - 1] + 2 * usual;
}

static void schedules(struct goals *g)
{
    char age[64];
    for (size_t i = 0; i < g->in->runs_n; i++) {
        const struct sb_recovery_run *r = &g->in->runs[i];
        char *name = sb_format("schedule %s", r->name);
        sb_duration_format(age, sizeof age, g->in->now - r->completed_at);
        if (!name)
            g->rc = -1;
        else if (!r->completed_at)
            sb_goal_add(g, name, "never completed", r->expected_at ? SB_GOAL_MISSED : SB_GOAL_SEEN, "%" PRId64 " runs were begun%s", r->runs, r->expected_at ? "" : ", and none is due yet");
        else
            sb_goal_add(g, name, age, r->expected_at > r->completed_at ? SB_GOAL_MISSED : SB_GOAL_MET, "ago it came to its end%s", r->expected_at > r->completed_at ? ", and one was due since" : "");
        free(name);
    }
}

/* ---- restoring ---- */

/* When size, growing by so many bytes a day, makes a restore take as long as the limit. */
static int64_t grown_to(const struct goals *g, const struct sb_rto *rto, double per_day)
{
    double now = (double)rto->most_ms, limit = (double)g->in->limits.restore_s * 1000, bytes = (double)g->newest->bytes;
    if (per_day <= 0 || now <= 0 || bytes <= 0 || limit <= now)
        return 0;
    double days = (limit / now - 1) * bytes / per_day;
    return days * (double)DAY_MS < FAR_MS ? g->in->now + (int64_t)(days * (double)DAY_MS) : 0;
}

static void restoring(struct goals *g, double per_day)
{
    struct sb_rto_drill *counted = calloc(g->in->drills_n + 1, sizeof *counted);
    int64_t limit = g->in->limits.restore_s, passed_at = 0;
    size_t n = 0, capped = 0;
    struct sb_rto rto;
    struct sb_str text;
    char longest[64];
    if (!counted) {
        g->rc = -1;
        return;
    }
    for (size_t i = 0; i < g->in->drills_n; i++) {
        const struct sb_recovery_drill *d = &g->in->drills[i];
        capped += d->ok && d->counts < SB_DRILL_COUNTS;
        if (!d->ok || d->counts < SB_DRILL_COUNTS)
            continue;
        counted[n++] = (struct sb_rto_drill){(uint64_t)d->bytes, d->restore_ms};
        passed_at = d->at > passed_at ? d->at : passed_at;
    }
    sb_rto_estimate(counted, n, g->newest ? g->newest->bytes : 0, &rto);
    free(counted);
    sb_str_init(&text);
    sb_rto_text(&rto, &text);
    if (capped)
        sb_str_addf(&text, "; %zu drill%s not counted: the target proves no more than L2", capped, capped == 1 ? " is" : "s are");
    if (!sb_str_ok(&text)) {
        g->rc = -1;
    } else if (!g->newest || !n) {
        add_blind(g, "restore time", "at most", limit, g->newest ? text.p : "no backup can be used");
    } else {
        sb_duration_format(longest, sizeof longest, rto.most_ms);
        struct sb_recovery_goal *to = sb_goal_add(g, "restore time", longest, limit < 0 ? SB_GOAL_SEEN : rto.most_ms <= limit * 1000 ? SB_GOAL_MET : SB_GOAL_MISSED, "%s", text.p);
        if (limit >= 0) {
            sb_goal_limit(g, to, "at most", limit);
            to->crosses = grown_to(g, &rto, per_day);
        }
    }
    sb_str_release(&text);
    if (passed_at)
        add_age(g, "drill age", passed_at, g->in->limits.drill_age_s, "since the last restore that proves anything to a policy");
    else
        add_blind(g, "drill age", "at most", g->in->limits.drill_age_s, "no drill that counts for policy has passed");
}

static void durations(struct goals *g)
{
    int64_t *rate = calloc(g->in->drills_n + 1, sizeof *rate), usual;
    size_t n = 0;
    for (size_t i = 0; rate && i < g->in->drills_n; i++)
        if (g->in->drills[i].ok && g->in->drills[i].restore_ms > 0 && g->in->drills[i].bytes > 0)
            rate[n++] = g->in->drills[i].bytes * 1000 / g->in->drills[i].restore_ms;
    if (!rate) {
        g->rc = -1;
    } else if (n) {
        bool far = sb_far_out(rate, n - 1, rate[n - 1], &usual);
        char *value = sb_format("%" PRId64 ".%" PRId64 " MB/s", rate[n - 1] / 1000000, rate[n - 1] / 100000 % 10);
        sb_goal_add(g, "drill speed", value, far ? SB_GOAL_MISSED : usual ? SB_GOAL_MET : SB_GOAL_SEEN, usual ? "the usual is %" PRId64 ".%" PRId64 " MB/s" : "too few drills to tell what is usual",
            usual / 1000000, usual / 100000 % 10);
        free(value);
    }
    free(rate);
}

int sb_recovery_goals(const struct sb_recovery_input *in, struct sb_recovery *out)
{
    struct goals g = {.in = in, .out = out, .newest = sb_backups_newest(in->backups, NULL)};
    int64_t *bytes = NULL, *at = NULL;
    size_t n = 0;
    if (g.newest && !(at = moments(&g, &n, &bytes)))
        g.rc = -1;
    g.point = g.newest ? sb_backup_point(g.newest) : 0;
    int64_t usual = at && bytes ? interval(at, n) : 0;
    double per_day = at && bytes ? sb_slope_per_day(at, bytes, n) : 0;
    loss(&g);
    window(&g, usual);
    restoring(&g, per_day);
    durations(&g);
    if (g.newest && at && bytes) {
        rhythm(&g, at, n, usual);
        sb_recovery_sizes(&g, bytes, n, per_day);
    }
    schedules(&g);
    sb_recovery_lie(&g, at, bytes, at && bytes ? n : 0);
    free(at);
    free(bytes);
    return g.rc;
}
