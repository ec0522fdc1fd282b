/* SPDX-License-Identifier: Apache-2.0
 *
 * What was altered before an anomaly: suspects beside the shapes. That one came before the other is no proof, and is said as
 * what it is: so long before, and on the same collection or not. */
#include "detector.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SUSPECT_MS (10 * 60 * 1000) /* before the onset; caches, pools and roll-outs take minutes */
#define AFTER_MS 15000              /* an onset is found in steps of samples, and clocks differ: so much later counts as before */
#define AT_ONCE_MS 60000            /* an index that is gone is missed by the next operation */
#define NAMED 5                     /* of more than these the nearest */
#define NEAREST_PPM 600000          /* confidence of a change at the onset; it falls to a tenth of it in SUSPECT_MS */

static void free_change(struct change *c)
{
    free(c->what);
    free(c->ns);
    free(c->app);
}

void sb_detector_free_changes(struct sb_detector *d)
{
    for (size_t i = 0; i < d->changes_n; i++)
        free_change(&d->changes[i]);
    d->changes_n = 0;
}

void sb_detector_change(struct sb_detector *d, const struct sb_change *change)
{
    struct change c = {.at = change->at, .alters = change->alters, .seen_at = change->seen_at};
    if (sb_str_set(&c.what, change->what) || sb_str_set(&c.ns, change->ns) || sb_str_set(&c.app, change->app)) {
        free_change(&c); /* one suspect less; without its namespace it would be suspected everywhere */
        return;
    }
    struct change *place = &d->changes[d->changes_next];
    if (d->changes_n < SB_CHANGES_KEPT)
        d->changes_n++;
    else
        free_change(place);
    *place = c;
    d->changes_next = (d->changes_next + 1) % SB_CHANGES_KEPT;
}

/* "shop" is about "shop.orders". What is about no collection is about all. */
static bool concerns(const struct change *c, const struct sb_anomaly *a)
{
    size_t n = c->ns ? strlen(c->ns) : 0;
    if (!n || !a->namespaces_n)
        return true;
    for (size_t i = 0; i < a->namespaces_n; i++)
        if (strncmp(a->namespaces[i], c->ns, n) == 0 && (a->namespaces[i][n] == '\0' || (a->namespaces[i][n] == '.' && !strchr(c->ns, '.'))))
            return true;
    return false;
}

static bool suspect(const struct change *c, const struct sb_anomaly *a, int64_t within_ms)
{
    return c->at <= a->from + AFTER_MS && a->from - c->at <= within_ms && concerns(c, a);
}

bool sb_detector_suspects(const struct change *c, const struct sb_anomaly *a)
{
    return suspect(c, a, SUSPECT_MS);
}

/* How many suspects came later than this one. */
static size_t nearer(const struct sb_detector *d, const struct sb_anomaly *a, size_t which)
{
    size_t n = 0;
    for (size_t i = 0; i < d->changes_n; i++)
        n += suspect(&d->changes[i], a, SUSPECT_MS) && (d->changes[i].at > d->changes[which].at || (d->changes[i].at == d->changes[which].at && i < which));
    return n;
}

static int add(const struct change *c, struct sb_anomaly *out)
{
    struct sb_cause *cause = SB_PUSH(out->causes);
    if (!cause)
        return -1;
    int64_t before = out->from > c->at ? out->from - c->at : 0;
    cause->confidence_ppm = NEAREST_PPM - NEAREST_PPM * 9 / 10 * before / SUSPECT_MS;
    cause->what = sb_format("%s%s%s", c->what, c->app ? ", " : "", c->app ? c->app : "");
    char span[64] = "";
    if (c->seen_at > c->at)
        snprintf(span, sizeof span, " at most, found by looking %" PRId64 " s later", (c->seen_at - c->at) / 1000);
    cause->evidence = sb_format("%s, %" PRId64 " s before it began%s%s%s", c->seen_at ? "the servers told it" : c->alters ? "the database was altered" : "somebody marked it", before / 1000, span,
                                c->ns ? "; it is about " : "", c->ns ? c->ns : "");
    if (!cause->what || !cause->evidence)
        return -1;
    const char *source = c->seen_at ? "a look at what was altered" : c->alters ? "what this program executed" : "a change that was marked";
    return sb_evidence_add(&out->evidence, &out->evidence_n, source, c->ns, cause->what, cause->evidence, "measured", c->at);
}

static int surer(const void *x, const void *y)
{
    const struct sb_cause *a = x, *b = y;
    return a->confidence_ppm != b->confidence_ppm ? (a->confidence_ppm < b->confidence_ppm) - (a->confidence_ppm > b->confidence_ppm)
                                                  : (a->rank > b->rank) - (a->rank < b->rank);
}

static void number(struct sb_anomaly *a)
{
    for (size_t i = 0; i < a->causes_n; i++)
        a->causes[i].rank = (int64_t)i + 1;
}

void sb_detector_rank(struct sb_anomaly *a)
{
    number(a); /* of those that are equally sure, the earlier one stays first */
    if (a->causes_n)
        qsort(a->causes, a->causes_n, sizeof *a->causes, surer);
    number(a);
}

int sb_detector_add_changes(const struct sb_detector *d, struct sb_anomaly *out)
{
    for (size_t i = 0; i < d->changes_n; i++)
        if (suspect(&d->changes[i], out, SUSPECT_MS) && nearer(d, out, i) < NAMED && add(&d->changes[i], out))
            return -1;
    sb_detector_rank(out);
    return 0;
}

#define PLACES 64 /* collections of one anomaly that are looked at */

const struct change *sb_detector_altered(const struct sb_detector *d, const struct open_anomaly *o)
{
    char *places[PLACES];
    struct sb_anomaly a = {.from = o->from, .namespaces = places};
    const struct change *last = NULL;
    for (size_t i = 0; i < o->series_n && a.namespaces_n < PLACES; i++)
        if (o->series[i]->kind < MEMBER_LAG)
            places[a.namespaces_n++] = o->series[i]->subject;
    for (size_t i = 0; i < d->changes_n; i++)
        if (d->changes[i].alters && suspect(&d->changes[i], &a, AT_ONCE_MS) && (!last || d->changes[i].at >= last->at))
            last = &d->changes[i];
    return last;
}
