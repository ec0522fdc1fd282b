/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/telemetry/history.h>

#include <stdlib.h>
#include <string.h>

struct bucket {
    int64_t index;   /* at_ms / the length of one; 0: empty */
    int64_t from_ms; /* where the first of its intervals began */
    struct sb_ns_work work;
};

struct rings {
    struct bucket fine[SB_HISTORY_BUCKETS], coarse[SB_HISTORY_COARSE];
};

struct series {
    char *ns;
    int64_t last_index;
    struct rings rings;
};

struct sb_history {
    struct series *series[SB_HISTORY_MAX_NS];
    size_t n;
    struct rings observed;
    int64_t newest; /* fine index: what is older than the fine rings' reach is asked of the coarse ones */
    uint64_t forgotten;
};

struct sb_history *sb_history_new(void)
{
    return calloc(1, sizeof(struct sb_history));
}

static void free_series(struct series *s)
{
    free(s->ns);
    free(s);
}

void sb_history_free(struct sb_history *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++)
        free_series(h->series[i]);
    free(h);
}

static struct series *find(const struct sb_history *h, const char *ns)
{
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->series[i]->ns, ns) == 0)
            return h->series[i];
    return NULL;
}

static struct series *make(struct sb_history *h, const char *ns)
{
    struct series *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->ns = sb_strdup_n(ns, strlen(ns));
    if (!s->ns) {
        free(s);
        return NULL;
    }
    if (h->n < SB_HISTORY_MAX_NS) {
        h->series[h->n++] = s;
        return s;
    }
    size_t oldest = 0;
    for (size_t i = 1; i < h->n; i++)
        if (h->series[i]->last_index < h->series[oldest]->last_index)
            oldest = i;
    free_series(h->series[oldest]);
    h->series[oldest] = s;
    h->forgotten++;
    return s;
}

static void add_work(struct sb_ns_work *to, const struct sb_ns_work *work)
{
    to->reads += work->reads;
    to->read_us += work->read_us;
    to->writes += work->writes;
    to->write_us += work->write_us;
    to->covered_ms += work->covered_ms;
    to->inserts += work->inserts;
    to->updates += work->updates;
    to->removes += work->removes;
    to->inserted_least += work->inserted_least;
    to->inserted_most += work->inserted_most;
}

static void add_to(struct bucket *ring, size_t n, int64_t index, int64_t from_ms, const struct sb_ns_work *work)
{
    struct bucket *b = &ring[(uint64_t)index % n];
    if (b->index > index)
        return; /* later than the ring is long */
    if (b->index != index)
        *b = (struct bucket){.index = index, .from_ms = from_ms};
    if (from_ms < b->from_ms)
        b->from_ms = from_ms;
    add_work(&b->work, work);
}

static void add(struct sb_history *h, struct rings *r, int64_t from_ms, int64_t at_ms, const struct sb_ns_work *work)
{
    int64_t index = at_ms / SB_HISTORY_BUCKET_MS;
    h->newest = index > h->newest ? index : h->newest;
    add_to(r->fine, SB_HISTORY_BUCKETS, index, from_ms, work);
    add_to(r->coarse, SB_HISTORY_COARSE, at_ms / SB_HISTORY_COARSE_MS, from_ms, work);
}

int sb_history_add(struct sb_history *h, const char *ns, int64_t from_ms, int64_t at_ms, const struct sb_ns_work *work)
{
    struct series *s = find(h, ns);
    if (!s && work->reads == 0 && work->writes == 0)
        return 0;
    if (!s && !(s = make(h, ns)))
        return -1;
    s->last_index = at_ms / SB_HISTORY_BUCKET_MS;
    add(h, &s->rings, from_ms, at_ms, work);
    return 0;
}

void sb_history_observed(struct sb_history *h, int64_t from_ms, int64_t at_ms)
{
    add(h, &h->observed, from_ms, at_ms, &(struct sb_ns_work){.covered_ms = at_ms - from_ms});
}

/* Of buckets that begin within [least_ms, to_ms). */
static void sum_of(const struct bucket *ring, size_t n, int64_t length_ms, int64_t least_ms, int64_t from_ms, int64_t to_ms, struct sb_ns_work *out)
{
    for (size_t i = 0; i < n; i++) {
        int64_t start = ring[i].index * length_ms;
        if (ring[i].index && ring[i].from_ms >= from_ms && start >= least_ms && start < to_ms)
            add_work(out, &ring[i].work);
    }
}

/* What the fine ring does not reach back to: behind a moment at which both begin a bucket it tells, in front of that the coarse one. */
static void sum(const struct sb_history *h, const struct rings *r, int64_t from_ms, int64_t to_ms, struct sb_ns_work *out)
{
    int64_t reach = (h->newest - SB_HISTORY_BUCKETS + 1) * SB_HISTORY_BUCKET_MS, seam = (reach + SB_HISTORY_COARSE_MS - 1) / SB_HISTORY_COARSE_MS * SB_HISTORY_COARSE_MS;
    bool older = from_ms < reach;
    if (older)
        sum_of(r->coarse, SB_HISTORY_COARSE, SB_HISTORY_COARSE_MS, INT64_MIN, from_ms, to_ms < seam ? to_ms : seam, out);
    sum_of(r->fine, SB_HISTORY_BUCKETS, SB_HISTORY_BUCKET_MS, older ? seam : INT64_MIN, from_ms, to_ms, out);
}

bool sb_history_window(const struct sb_history *h, const char *ns, int64_t from_ms, int64_t to_ms, struct sb_ns_work *out)
{
    memset(out, 0, sizeof *out);
    struct sb_ns_work observed = {0};
    sum(h, &h->observed, from_ms, to_ms, &observed);
    const struct series *s = find(h, ns);
    if (s)
        sum(h, &s->rings, from_ms, to_ms, out);
    out->covered_ms = observed.covered_ms;
    return s != NULL;
}

uint64_t sb_history_forgotten(const struct sb_history *h)
{
    return h->forgotten;
}
