/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/telemetry/history.h>

#include <stdlib.h>
#include <string.h>

struct bucket {
    int64_t index;   /* at_ms / SB_HISTORY_BUCKET_MS; 0: empty */
    int64_t from_ms; /* where the first of its intervals began */
    struct sb_ns_work work;
};

struct series {
    char *ns;
    int64_t last_index;
    struct bucket bucket[SB_HISTORY_BUCKETS];
};

struct sb_history {
    struct series *series[SB_HISTORY_MAX_NS];
    size_t n;
    struct bucket observed[SB_HISTORY_BUCKETS];
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

static void add(struct bucket *ring, int64_t from_ms, int64_t at_ms, const struct sb_ns_work *work)
{
    int64_t index = at_ms / SB_HISTORY_BUCKET_MS;
    struct bucket *b = &ring[(uint64_t)index % SB_HISTORY_BUCKETS];
    if (b->index > index)
        return; /* later than the ring is long */
    if (b->index != index)
        *b = (struct bucket){.index = index, .from_ms = from_ms};
    if (from_ms < b->from_ms)
        b->from_ms = from_ms;
    b->work.reads += work->reads;
    b->work.read_us += work->read_us;
    b->work.writes += work->writes;
    b->work.write_us += work->write_us;
    b->work.covered_ms += work->covered_ms;
    b->work.inserts += work->inserts;
    b->work.updates += work->updates;
    b->work.removes += work->removes;
    b->work.inserted_least += work->inserted_least;
    b->work.inserted_most += work->inserted_most;
}

int sb_history_add(struct sb_history *h, const char *ns, int64_t from_ms, int64_t at_ms, const struct sb_ns_work *work)
{
    struct series *s = find(h, ns);
    if (!s && work->reads == 0 && work->writes == 0)
        return 0;
    if (!s && !(s = make(h, ns)))
        return -1;
    s->last_index = at_ms / SB_HISTORY_BUCKET_MS;
    add(s->bucket, from_ms, at_ms, work);
    return 0;
}

void sb_history_observed(struct sb_history *h, int64_t from_ms, int64_t at_ms)
{
    add(h->observed, from_ms, at_ms, &(struct sb_ns_work){.covered_ms = at_ms - from_ms});
}

static void sum(const struct bucket *ring, int64_t from_ms, int64_t to_ms, struct sb_ns_work *out)
{
    for (size_t i = 0; i < SB_HISTORY_BUCKETS; i++) {
        int64_t start = ring[i].index * SB_HISTORY_BUCKET_MS;
        if (ring[i].index == 0 || ring[i].from_ms < from_ms || start >= to_ms)
            continue;
        out->reads += ring[i].work.reads;
        out->read_us += ring[i].work.read_us;
        out->writes += ring[i].work.writes;
        out->write_us += ring[i].work.write_us;
        out->covered_ms += ring[i].work.covered_ms;
        out->inserts += ring[i].work.inserts;
        out->updates += ring[i].work.updates;
        out->removes += ring[i].work.removes;
        out->inserted_least += ring[i].work.inserted_least;
        out->inserted_most += ring[i].work.inserted_most;
    }
}

bool sb_history_window(const struct sb_history *h, const char *ns, int64_t from_ms, int64_t to_ms, struct sb_ns_work *out)
{
    memset(out, 0, sizeof *out);
    struct sb_ns_work observed = {0};
    sum(h->observed, from_ms, to_ms, &observed);
    const struct series *s = find(h, ns);
    if (s)
        sum(s->bucket, from_ms, to_ms, out);
    out->covered_ms = observed.covered_ms;
    return s != NULL;
}

uint64_t sb_history_forgotten(const struct sb_history *h)
{
    return h->forgotten;
}
