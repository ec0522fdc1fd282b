/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents_beside.c - causes that stand beside the one that decided the class: a release with a bad query, and a sale that
 * doubles the traffic, at the same time. Each is named, with the share of the added time that it explains, and what none of
 * them explains is left over.
 *
 * The added time is split as a change of a product is (rate times mean latency): what the additional operations would have
 * taken at the usual mean is the load's; what the operations of the suspects took beyond what they took before is theirs.
 * Both are of the primary, and of all operations, so that a share is a measure and no proof. */
#include "incidents_private.h"

#include <inttypes.h>
#include <math.h>

#define LOAD_SURE 0.6     /* that there are more operations is counted; that they matter is not */
#define ALSO_MORE 1.3     /* times, of reads and of writes */
#define LEAST_RATE 1.0    /* a second, below which there are none to speak of */
#define SCAN_SURE 0.5
#define SCANS_EACH 1000   /* documents an operation */
#define SCANS_SHARE 0.4   /* of all that applications had examined */

struct kind_of_work {
    enum sb_reading mean, rate;
};
static const struct kind_of_work kinds[] = {{SB_READING_READ_MS, SB_READING_READS}, {SB_READING_WRITE_MS, SB_READING_WRITES}};

/* Mean while it is open; NAN not known. */
static double lately(const struct watch *w)
{
    return w->sum_n ? w->sum / w->sum_n : NAN;
}

static double open_for_s(const struct sb_incidents *in)
{
    return (double)(in->now_ms - in->open.from_ms + SB_APART_MS) / 1000;
}

/* Operations a second that the suspects send more than before, as far as they are logged; those that fail are theirs too. */
static double of_suspects(const struct sb_incidents *in, const struct member *m, const struct verdict *v)
{
    const struct watch *errors = &m->watch[AS_PRIMARY][SB_READING_ERRORS];
    double n = isnan(lately(errors)) ? 0 : fmax(0, lately(errors) - sb_baseline_median(&errors->usual));
    for (size_t i = 0; i < in->log.deeds_n; i++) {
        const struct deed *d = &in->log.deeds[i];
        bool theirs = v->deeds_n && d->app[0] && strcmp(d->app, v->deed[0]->app) == 0;
        for (size_t k = 0; k < v->deeds_n; k++)
            theirs |= v->deed[k] == d;
        if (theirs)
            n += fmax(0, d->during.count / open_for_s(in) - d->before.count / SB_BEFORE_S);
    }
    return n;
}

/* In milliseconds of a second: beyond the usual, and what more operations at the usual mean make of it. */
static void added_time(const struct member *m, double others_growth, double *all, double *load)
{
    *all = *load = 0;
    for (size_t i = 0; i < SB_COUNT(kinds); i++) {
        const struct watch *mean = &m->watch[AS_PRIMARY][kinds[i].mean], *rate = &m->watch[AS_PRIMARY][kinds[i].rate];
        double mean_was = sb_baseline_median(&mean->usual), rate_was = sb_baseline_median(&rate->usual);
        double added = lately(mean) * lately(rate) - mean_was * rate_was, by_rate = (others_growth - 1) * rate_was * mean_was;
        if (added > 0)
            *all += added;
        if (by_rate > 0)
            *load += by_rate;
    }
}

static double added_by(const struct sb_incidents *in, const struct deed *d)
{
    return fmax(0, d->during.ms / open_for_s(in) - d->before.ms / SB_BEFORE_S);
}

static struct part *new_part(struct verdict *v, int class_, double confidence)
{
    struct part *p = &v->part[v->parts_n++];
    *p = (struct part){.class_ = class_, .confidence = fmin(confidence, v->confidence)};
    return p;
}

/* Takes both texts. */
static int words_of(struct verdict *v, struct part *p, char *what, char *evidence)
{
    p->what = what;
    p->evidence = evidence;
    if (!what || !evidence)
        return -1;
    sb_str_addf(&v->reason, "; beside it %s", what);
    return 0;
}

/* More customers read more and write more. One application whose quick operations are in no log adds to one of the two. */
static bool of_every_kind(const struct member *m)
{
    for (size_t i = 0; i < SB_COUNT(kinds); i++) {
        const struct watch *rate = &m->watch[AS_PRIMARY][kinds[i].rate];
        double usual = sb_baseline_median(&rate->usual);
        if (usual >= LEAST_RATE && !(lately(rate) >= ALSO_MORE * usual))
            return false;
    }
    return true;
}

/* Twice the operations, and not those of the suspects. Who is gone or who moved makes its clients come again: that is an effect. */
static int more_operations(struct sb_incidents *in, const struct member *m, struct verdict *v)
{
    const struct watch *ops = &m->watch[AS_PRIMARY][SB_READING_OPS];
    double usual = sb_baseline_median(&ops->usual), now = lately(ops);
    bool apart = v->class_ == SB_CLASS_CODE || v->class_ == SB_CLASS_CHANGE || v->class_ == SB_CLASS_MAINTENANCE;
    if (!apart || v->member || !ops->told || !(usual > 0) || !sb_baseline_warm(&ops->usual))
        return 0;
    double others = now - of_suspects(in, m, v), growth = others / usual, all, load, theirs = 0;
    if (!(growth >= SB_STILL_MORE) || !of_every_kind(m))
        return 0;
    added_time(m, growth, &all, &load);
    for (size_t i = 0; i < v->deeds_n; i++)
        theirs += added_by(in, v->deed[i]);
    struct part *p = new_part(v, SB_CLASS_LOAD, LOAD_SURE);
    p->share = all > 0 ? fmin(load / all, 1) : 0;
    if (all > 0 && v->deeds_n)
        v->explained = fmin(fmax(theirs / all, 0), 1 - p->share);
    return words_of(v, p, sb_format("%.1f times the operations come", growth),
                    sb_format("%.0f a second, usually %.0f, without those of the first suspect; at the usual mean latency they make %.0f %% of the added time", others, usual,
                              p->share * 100));
}

/* An application that came with it and has whole collections read, while something else decided. */
static int scans_of_a_newcomer(struct sb_incidents *in, const struct member *m, struct verdict *v)
{
    const struct deed *most = NULL;
    double all = 0, load;
    uint64_t examined = 0;
    if (v->class_ == SB_CLASS_CODE || !(sb_told(in, SB_READING_EXAMINED) || sb_told(in, SB_READING_COLLECTION_SCANS)))
        return 0;
    for (size_t i = 0; i < in->log.deeds_n; i++) {
        const struct deed *d = &in->log.deeds[i];
        if (d->operator_ || !d->app[0])
            continue;
        examined += d->during.examined;
        if (!most || d->during.examined > most->during.examined)
            most = d;
    }
    if (!most || !most->during.count || most->during.examined / most->during.count < SCANS_EACH || (double)most->during.examined < SCANS_SHARE * (double)examined)
        return 0;
    bool named = v->event && strcmp(v->event->ns, most->ns) == 0;
    for (size_t i = 0; i < v->deeds_n; i++)
        named |= v->deed[i] == most || strcmp(v->deed[i]->app, most->app) == 0;
    if (named || !sb_newcomer(in, most->app))
        return 0;
    added_time(m, 1, &all, &load);
    struct part *p = new_part(v, SB_CLASS_CODE, SCAN_SURE);
    p->deed = most;
    p->share = all > 0 ? fmin(added_by(in, most) / all, 1) : 0;
    return words_of(v, p, sb_format("%s, which came with it, has %s read on %s", most->app, most->scan ? "whole collections" : "many documents", most->ns),
                    sb_format("%" PRIu32 " logged operations of %s, %.1f s in all, %" PRIu64 " documents examined for %" PRIu32 " returned; %.0f %% of the added time", most->during.count,
                              most->shape[0] ? most->shape : most->label, (double)most->during.ms / 1000, most->during.examined, most->during.returned, p->share * 100));
}

int sb_incidents_beside_it(struct sb_incidents *in, struct verdict *v)
{
    const struct member *m = sb_incidents_leader(in);
    if (!m || v->class_ == SB_CLASS_UNKNOWN)
        return 0;
    return more_operations(in, m, v) || scans_of_a_newcomer(in, m, v) ? -1 : 0;
}

void sb_verdict_release(struct verdict *v)
{
    for (size_t i = 0; i < v->parts_n; i++) {
        free(v->part[i].what);
        free(v->part[i].evidence);
    }
    sb_str_release(&v->reason);
}

double sb_verdict_unexplained(const struct verdict *v)
{
    double explained = v->explained > 0 && (v->class_ == SB_CLASS_CODE || v->parts_n) ? v->explained : 1;
    for (size_t i = 0; i < v->parts_n; i++)
        explained = fmin(1, explained + v->part[i].share);
    return 1 - v->confidence * explained;
}
