/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_judge.c - how a member is: what it answered, and whether its numbers are what is usual for it. */
#include "fleet_private.h"

#include <signalbox/base/clock.h>

#include <math.h>
#include <string.h>

#define LAGS_FROM_S 10
#define FAR_OUT 0.8       /* a score that needs no second one */
#define TOGETHER 5        /* readings within which two series alarm together */
#define STAYS_ODD 10      /* readings after the last that was out */
#define NEW_USUAL 600     /* readings after the alarm: what has stayed out for so long is what is usual now */
#define DETECTORS_PART 8  /* of so many series one may have a full detector at a time: their memory is what limits them */

static const char *const series_names[SB_FLEET_SERIES] = {"operations a second", "read latency", "write latency", "connections", "queued operations"};
static const char *const series_units[SB_FLEET_SERIES] = {"", " ms", " ms", "", ""};

void sb_fleet_begin_screen(struct sb_fleet *f, size_t members)
{
    size_t series = members * SB_FLEET_SERIES, most = series / DETECTORS_PART + 1;
    sb_screen_free(f->screen);
    f->screen = members ? sb_screen_new(series, most < SB_SCREEN_DETECTORS ? most : SB_SCREEN_DETECTORS, NULL) : NULL;
    f->screened = members;
}

/* ---- rates ---- */

static double grown(double now, double before)
{
    return now >= before ? now - before : NAN; /* also where one of them is not known */
}

static double mean_ms(double us, double us_before, double n, double n_before)
{
    double count = grown(n, n_before);
    return count > 0 ? grown(us, us_before) / count / 1000 : NAN;
}

static void make_rates(const struct fleet_member *m, const struct sb_fleet_reading *r, struct sb_fleet_row *row)
{
    const struct sb_fleet_reading *b = &m->last;
    bool same = m->have && r->pid == b->pid && r->up_ms >= b->up_ms && r->at_ms > b->at_ms;
    row->ops_per_s = same ? grown(r->ops, b->ops) / ((double)(r->at_ms - b->at_ms) / 1000) : NAN;
    row->read_ms = same ? mean_ms(r->reads_us, b->reads_us, r->reads, b->reads) : NAN;
    row->write_ms = same ? mean_ms(r->writes_us, b->writes_us, r->writes, b->writes) : NAN;
    row->connections = r->connections;
    row->queued = r->queued;
}

/* Behind the newest write of the primary, as far as that was told. */
static void make_lag(struct fleet_target *t, const struct sb_fleet_reading *r, struct sb_fleet_row *row)
{
    if (strcmp(r->role, "PRIMARY") == 0 && r->last_write_ms > t->last_write_ms)
        t->last_write_ms = r->last_write_ms;
    row->lag_s = strcmp(r->role, "SECONDARY") == 0 && r->last_write_ms && t->last_write_ms ? fmax(0, (double)(t->last_write_ms - r->last_write_ms) / 1000) : NAN;
}

/* ---- what is usual ---- */

/* A detector alarms once, and then learns: what began an alarm is out for as long as it is not half way back. */
static bool still_out(struct fleet_member *m, int k, double value)
{
    double off = value - m->series[k].usual, out = m->series[k].out;
    if (out == 0 || isnan(value))
        return out != 0 && m->rounds < m->odd_until;
    bool still = m->rounds - m->series[k].alarmed < NEW_USUAL && (out > 0 ? off > out / 2 : off < out / 2);
    if (!still)
        m->series[k].out = 0;
    return still;
}

/* Feeds the screen. True while the member is odd; why and weight of the row say what is furthest out. */
static bool is_odd(struct sb_fleet *f, size_t i, struct fleet_member *m, struct sb_fleet_row *row)
{
    const double value[SB_FLEET_SERIES] = {row->ops_per_s, row->read_ms, row->write_ms, row->connections, row->queued};
    double most = 0;
    int together = 0;
    bool out = false;
    m->rounds++;
    if (!f->screen || i >= f->screened)
        return false;
    for (int k = 0; k < SB_FLEET_SERIES; k++) {
        int rc; /* out of memory: the cheap look alone saw it */
        struct sb_oddity o = sb_screen_take(f->screen, i * SB_FLEET_SERIES + (size_t)k, m->last.at_ms, value[k], false, &rc);
        bool alarm = o.score >= SB_STREAMING_ALARM;
        out |= m->rounds < m->odd_until && still_out(m, k, value[k]);
        if (alarm) {
            m->series[k].alarmed = m->rounds;
            m->series[k].usual = o.usual;
            m->series[k].out = value[k] - o.usual;
        }
        together += m->series[k].alarmed && m->rounds - m->series[k].alarmed < TOGETHER;
        if (!alarm || o.score <= most)
            continue;
        most = o.score;
        snprintf(row->why, sizeof row->why, "%s %.4g%s, usually %.4g%s", series_names[k], value[k], series_units[k], o.usual, series_units[k]);
        row->weight = (int)(o.score * 100);
    }
    if (most >= FAR_OUT || (together > 1 && most > 0) || out)
        m->odd_until = m->rounds + STAYS_ODD;
    bool odd = m->rounds < m->odd_until;
    for (int k = 0; odd && k < SB_FLEET_SERIES; k++)
        if (m->series[k].out != 0 && isnan(row->out[k].usual)) {
            row->out[k].usual = m->series[k].usual;
            row->out[k].value = m->series[k].usual + m->series[k].out;
        }
    if (!odd) {
        row->why[0] = '\0';
        row->weight = 0;
    }
    return odd;
}

/* ---- the verdict ---- */

static void nothing_is_out(struct sb_fleet_row *row)
{
    for (int k = 0; k < SB_FLEET_SERIES; k++)
        row->out[k].value = row->out[k].usual = NAN;
}

static void judge_answer(struct sb_fleet *f, size_t i, struct fleet_member *m, const struct sb_fleet_reading *r, const char *set, struct sb_fleet_row *row)
{
    char was_odd[sizeof row->why];
    int weight = row->weight;
    snprintf(was_odd, sizeof was_odd, "%s", row->health == SB_FLEET_ODD ? row->why : "");
    row->why[0] = '\0';
    row->weight = 0;
    row->simulated |= r->simulated;
    if (row->health != SB_FLEET_ODD)
        nothing_is_out(row);
    if (strcmp(set, r->set) != 0) {
        m->have = false; /* it may be another server */
        row->ops_per_s = row->read_ms = row->write_ms = row->connections = row->queued = row->lag_s = NAN;
        row->health = SB_FLEET_STRANGER;
        row->role[0] = '\0';
        snprintf(row->why, sizeof row->why, r->set[0] ? "says that it is of the set %.80s, not of %.80s" : "says that it is of no set%.0s, and not of %.80s", r->set, set);
        return;
    }
    snprintf(row->role, sizeof row->role, "%s", r->role);
    make_rates(m, r, row);
    make_lag(&f->target[m->target], r, row);
    m->last = *r;
    m->have = true;
    bool odd = is_odd(f, i, m, row);
    if (strcmp(r->role, "OTHER") == 0) {
        row->health = SB_FLEET_IDLE;
        snprintf(row->why, sizeof row->why, "is neither primary nor secondary now: starting, recovering or rolling back");
    } else if (odd) {
        row->health = SB_FLEET_ODD;
        if (!row->why[0]) { /* still, though not with this reading */
            snprintf(row->why, sizeof row->why, "%s", was_odd);
            row->weight = weight;
        }
    } else if (row->lag_s > LAGS_FROM_S) {
        row->health = SB_FLEET_LAGGING;
        row->weight = row->lag_s < 1e6 ? (int)row->lag_s : 1000000;
        snprintf(row->why, sizeof row->why, "is %.0f s behind its primary", row->lag_s);
    } else {
        row->health = SB_FLEET_WELL;
    }
}

static void judge_failure(struct fleet_member *m, const char *error, struct sb_fleet_row *row)
{
    m->have = false;
    nothing_is_out(row);
    row->health = SB_FLEET_SILENT;
    row->weight = 0;
    row->role[0] = '\0';
    row->ops_per_s = row->read_ms = row->write_ms = row->connections = row->queued = row->lag_s = NAN;
    size_t n = strlen(row->name); /* the row has its name already */
    snprintf(row->why, sizeof row->why, "%s", strncmp(error, row->name, n) == 0 && strncmp(error + n, ": ", 2) == 0 ? error + n + 2 : error);
}

static void tell(struct sb_fleet *f, enum sb_fleet_health was, const struct sb_fleet_row *row)
{
    if (f->news_n == SB_FLEET_NEWS_KEPT) { /* the oldest gives way, and is counted */
        f->news_from = (f->news_from + 1) % SB_FLEET_NEWS_KEPT;
        f->news_n--;
        f->figures.news_lost++;
    }
    f->news[(f->news_from + f->news_n++) % SB_FLEET_NEWS_KEPT] = (struct sb_fleet_news){.at_ms = row->since_ms, .was = was, .row = *row};
}

void sb_fleet_judge(struct sb_fleet *f, size_t i)
{
    struct fleet_member *m;
    char error[sizeof m->error], set[sizeof f->target->set];
    pthread_mutex_lock(&f->lock);
    m = f->member[i];
    struct sb_fleet_reading r = m->reading;
    struct sb_fleet_row row = m->row;
    bool failed = m->failed;
    snprintf(error, sizeof error, "%s", m->error);
    snprintf(set, sizeof set, "%s", f->target[m->target].set);
    m->fresh = false;
    pthread_mutex_unlock(&f->lock);
    enum sb_fleet_health was = row.health;
    if (failed)
        judge_failure(m, error, &row);
    else
        judge_answer(f, i, m, &r, set, &row);
    bool changed = was != row.health;
    if (changed)
        row.since_ms = sb_wall_ms();
    pthread_mutex_lock(&f->lock);
    m->row = row;
    if (changed && !(was == SB_FLEET_UNASKED && row.health == SB_FLEET_WELL))
        tell(f, was, &row);
    pthread_mutex_unlock(&f->lock);
}
