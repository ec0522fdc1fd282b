/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/engine.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/txn.h>

#include "diag.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUM_US 1000000       /* how often all data are summed up */
#define READ_AHEAD 8         /* pages of a scan that one read brings */
#define EVICTION_SHARE 0.5   /* of the disk's writes that eviction threads may take */
#define HISTORY_MISS 0.12    /* of the pages that eviction writes, those whose old versions need a page from the disk */
#define COLD_S 120.0         /* after so long nobody expects a collection in the cache */
#define GROWN_PAGE 5e6       /* a page that is only appended to grows to this much before it is split and written */

static double data_of(const struct sim_coll *c)
{
    return (double)c->records.bytes * 1.1 + (double)sim_coll_index_bytes(c) * 1.2;
}

/* Of that, what is on the disk and was not read since. */
static double cold_of(const struct sim_coll *c)
{
    return fmin(c->cold, data_of(c));
}

static double room_of(const struct sim_member *m)
{
    const struct sim_costs *k = &m->sim->costs;
    double room = k->cache_bytes * k->fill_target - sim_cache_dirty(m);
    return room > k->cache_bytes * 0.05 ? room : k->cache_bytes * 0.05;
}

/* Sums up what there is; finds out when it no longer fits, or fits again. */
static void sum_up(struct sim_member *m)
{
    struct sim_store *st = &m->store;
    const struct sim_catalog *cat = &m->cat;
    if (st->summed_us && m->sim->now - st->summed_us < SUM_US)
        return;
    st->summed_us = m->sim->now;
    st->total = 2e6;
    for (size_t i = 0; i < cat->n; i++)
        st->total += data_of(cat->coll[i]);
    double room = room_of(m);
    bool was = st->pressed;
    st->pressed = st->total > (was ? room * 0.9 : room);
    if (st->pressed == was)
        return;
    st->resident = 0;
    for (size_t i = 0; i < cat->n; i++) {
        struct sim_coll *c = cat->coll[i];
        double all = data_of(c);
        if (st->pressed) {
            c->resident = fmin(all * room / st->total, all - cold_of(c));
            st->resident += c->resident;
        } else {
            c->cold = fmax(0, all - c->resident);
        }
    }
}

void sim_store_cold(struct sim_coll *c, double bytes)
{
    c->cold = fmin(c->cold + bytes, data_of(c));
}

double sim_cache_dirty(const struct sim_member *m)
{
    return m->dirty_bytes + m->store.pinned;
}

double sim_cache_dirty_pages(const struct sim_member *m)
{
    double page = m->sim->costs.page_bytes, grown = m->dirty_bytes - m->store.touched * page;
    return m->store.touched + (grown > 0 ? grown / GROWN_PAGE : 0) + m->store.pinned / page;
}

double sim_cache_used(const struct sim_member *m)
{
    double bytes = 2e6, most = m->sim->costs.cache_bytes * 0.98;
    if (m->store.pressed)
        bytes = m->store.resident;
    else
        for (size_t i = 0; i < m->cat.n; i++)
            bytes += data_of(m->cat.coll[i]) - cold_of(m->cat.coll[i]);
    bytes += sim_cache_dirty(m);
    return bytes < most ? bytes : most;
}

double sim_disk_used(const struct sim_member *m)
{
    double bytes = m->sim->costs.disk_other_bytes;
    for (size_t i = 0; i < m->cat.n; i++)
        bytes += (double)(sim_storage_bytes(m->cat.coll[i]) + sim_coll_index_storage_bytes(m->cat.coll[i]));
    return bytes < m->sim->costs.disk_bytes ? bytes : m->sim->costs.disk_bytes;
}

/* ---- the disk ---- */

bool sim_store_writing(const struct sim_member *m)
{
    return m->store.writing_until_us > m->sim->now;
}

int64_t sim_store_write(struct sim_member *m, double bytes)
{
    struct sim_store *st = &m->store;
    int64_t now = m->sim->now, us = (int64_t)(bytes / m->sim->costs.disk_write_bytes_s * 1e6);
    st->writing_until_us = (st->writing_until_us > now ? st->writing_until_us : now) + us;
    m->n.disk_us += us;
    m->n.bytes_written += (int64_t)bytes;
    m->n.pages_written += (int64_t)(bytes / m->sim->costs.page_bytes) + 1;
    return st->writing_until_us;
}

/* One read after the other for who asks, several at a time for the disk. */
static int64_t read_pages(struct sim_member *m, double pages)
{
    struct sim_store *st = &m->store;
    const struct sim_costs *k = &m->sim->costs;
    double slow = sim_store_writing(m) ? 2 : 1, us = pages * k->disk_read_us * slow;
    int64_t now = m->sim->now, free_at = st->disk_free_us > now ? st->disk_free_us : now, busy = (int64_t)(us / k->disk_channels);
    st->disk_free_us = free_at + busy;
    m->n.disk_us += busy;
    return free_at - now + (int64_t)us;
}

/* ---- dirty pages ---- */

/* A collection's pages that are dirty: so many when it was last written, and that share of them gone since. */
static double dirty_of(const struct sim_member *m, const struct sim_coll *c)
{
    return c->dirty_pages * exp(m->store.kept_log - c->dirty_kept_log);
}

/* A page is dirty as a whole once a byte of it is: of n in random places those count that were clean. */
static void touch_pages(struct sim_member *m, struct sim_coll *c, double n)
{
    double page = m->sim->costs.page_bytes, all = fmax(1, data_of(c) / page), dirty = fmin(all, dirty_of(m, c));
    double more = (all - dirty) * (1 - exp(-n / all));
    c->dirty_pages = dirty + more;
    c->dirty_kept_log = m->store.kept_log;
    m->store.touched += more;
    m->dirty_bytes += more * page;
}

double sim_store_clean(struct sim_member *m, double share)
{
    double pages = m->store.touched + fmax(0, m->dirty_bytes - m->store.touched * m->sim->costs.page_bytes) / GROWN_PAGE;
    share = fmin(share, 1 - 1e-9);
    m->store.kept_log += log1p(-share);
    m->store.touched *= 1 - share;
    m->dirty_bytes *= 1 - share;
    return pages * share;
}

void sim_store_dropped(struct sim_member *m, double bytes)
{
    m->n.evicted_clean += (int64_t)(bytes / m->sim->costs.page_bytes + sb_rng_unit(&m->rng));
}

/* ---- eviction ---- */

/* Clean pages make room, those of collections that were not used for long before others. */
static void evict_clean(struct sim_member *m, double excess)
{
    const struct sim_catalog *cat = &m->cat;
    double weight = 0, gone = 0;
    for (size_t i = 0; i < cat->n; i++)
        weight += cat->coll[i]->resident * fmin(COLD_S, 1 + (double)(m->sim->now - cat->coll[i]->touched_us) / 1e6);
    if (weight <= 0)
        return;
    for (size_t i = 0; i < cat->n; i++) {
        struct sim_coll *c = cat->coll[i];
        double part = excess * c->resident * fmin(COLD_S, 1 + (double)(m->sim->now - c->touched_us) / 1e6) / weight;
        part = fmin(part, c->resident);
        c->resident -= part;
        gone += part;
    }
    m->store.resident -= gone;
    m->n.evicted_clean += (int64_t)(gone / m->sim->costs.page_bytes + sb_rng_unit(&m->rng));
}

/* Where old versions go to, there a page is missing now and then; nobody waits for it. */
static void read_history(struct sim_member *m, double pages)
{
    int64_t n = (int64_t)(pages * HISTORY_MISS + sb_rng_unit(&m->rng));
    m->n.pages_read += n;
    m->n.bytes_read += n * (int64_t)m->sim->costs.page_bytes;
}

/* What the eviction threads have written since they were last looked at. */
static void evict_dirty(struct sim_member *m)
{
    const struct sim_costs *k = &m->sim->costs;
    double excess = sim_cache_dirty(m) - k->cache_bytes * k->dirty_target,
           most = (double)(m->sim->now - m->store.evicted_us) / 1e6 * k->disk_write_bytes_s * EVICTION_SHARE;
    m->store.evicted_us = m->sim->now;
    double bytes = fmin(fmin(excess, most), m->dirty_bytes);
    if (bytes < k->page_bytes)
        return;
    double pages = sim_store_clean(m, bytes / m->dirty_bytes);
    m->n.evicted_dirty += (int64_t)(pages + sb_rng_unit(&m->rng));
    m->n.bytes_evicted += (int64_t)bytes;
    sim_store_write(m, bytes);
    read_history(m, pages);
}

/* Above the trigger a writer makes the room that he takes, and some more. */
static int64_t evict_himself(struct sim_member *m, double bytes)
{
    const struct sim_costs *k = &m->sim->costs;
    double pages = ceil(2 * bytes / k->page_bytes) + 1, us = pages * (k->page_bytes / k->disk_write_bytes_s * 1e6 + k->disk_read_us);
    double written = fmin(pages * k->page_bytes, m->dirty_bytes);
    if (written > 0)
        sim_store_clean(m, written / m->dirty_bytes);
    m->n.bytes_evicted += (int64_t)written;
    sim_store_write(m, written);
    m->n.app_evictions += (int64_t)pages;
    m->n.app_evicted_dirty += (int64_t)pages;
    m->n.evicted_dirty += (int64_t)pages;
    m->n.app_evict_us += (int64_t)us;
    m->n.eviction_failed++;
    return (int64_t)us;
}

/* ---- use ---- */

/* What is put at the end of a collection, of its _id index and of the oplog grows pages; the rest is in random places. */
static void write_pages(struct sim_member *m, struct sim_coll *c, const struct sim_wants *w)
{
    double changed = w->docs_written - w->docs_new, keys = w->keys_written - w->docs_new;
    double touched = fmax(0, changed) + fmax(0, keys);
    if (touched > 0)
        touch_pages(m, c, touched);
    m->dirty_bytes += (w->docs_new > 0 ? 2 : 1) * w->bytes_written;
}

static void read_missing(struct sim_member *m, const struct sim_wants *w, double miss, struct sim_pages *out)
{
    const struct sim_costs *k = &m->sim->costs;
    double doc_pages = w->in_order ? w->doc_bytes / k->page_bytes : w->docs, key_pages = w->keys * 24 / k->page_bytes + (w->keys > 0) + w->keys_written;
    out->read = floor((doc_pages + key_pages) * miss + sb_rng_unit(&m->rng));
    if (out->read <= 0)
        return;
    m->n.pages_read += (int64_t)out->read;
    m->n.bytes_read += (int64_t)(out->read * k->page_bytes);
    out->read_us = read_pages(m, w->in_order ? out->read / READ_AHEAD : out->read);
}

struct sim_pages sim_store_use(struct sim_member *m, struct sim_coll *c, const struct sim_wants *w)
{
    const struct sim_costs *k = &m->sim->costs;
    struct sim_store *st = &m->store;
    struct sim_pages out = {0};
    double fresh = 1.1 * w->bytes_written + 24 * w->keys_written;
    if (!c)
        return out;
    sum_up(m);
    evict_dirty(m);
    c->touched_us = m->sim->now;
    if (w->docs_written > 0)
        write_pages(m, c, w);
    if (m->snapshots && w->keeps_old)
        st->pinned += 2 * w->bytes_written + 128 * w->docs_written;
    if (sim_cache_dirty(m) > k->cache_bytes * k->dirty_trigger && w->docs_written > 0)
        out.evict_us = evict_himself(m, w->bytes_written);
    if (!st->pressed && c->cold <= 0)
        return out;
    double all = data_of(c);
    if (!st->pressed) {
        read_missing(m, w, fmin(1, c->cold / all), &out);
        c->cold -= out.read * k->page_bytes;
        return out;
    }
    read_missing(m, w, all > 0 ? 1 - fmin(1, c->resident / all) : 0, &out);
    double more = fmin(out.read * k->page_bytes + fresh, all > c->resident ? all - c->resident : 0);
    c->resident += more;
    st->resident += more;
    double excess = st->resident - room_of(m);
    if (excess > 0)
        evict_clean(m, excess);
    return out;
}

/* ---- snapshots ---- */

static void close_snapshot(struct sim_member *m, struct sim_snapshot *x)
{
    for (struct sim_snapshot **at = &m->snapshots; *at; at = &(*at)->next)
        if (*at == x) {
            *at = x->next;
            break;
        }
    free(x);
    if (!m->snapshots) {
        sim_store_write(m, m->store.pinned); /* the old versions go as the pages are written at last */
        m->store.pinned = 0;
    }
}

static void on_snapshot_end(struct sim *s, void *ctx)
{
    struct sim_snapshot *x = ctx;
    for (int i = 0; i < s->members; i++)
        for (struct sim_snapshot *y = s->member[i].snapshots; y; y = y->next)
            if (y == x) {
                bool aborted = s->now >= x->from_us + sim_txns_life(s) * 1000000;
                *(aborted ? &s->member[i].n.txns_aborted : &s->member[i].n.txns_committed) += 1;
                close_snapshot(&s->member[i], x);
                return;
            }
}

int sim_snapshot_open(struct sim_member *m, const char *app, const char *ns, int64_t to_us)
{
    struct sim *s = m->sim;
    struct sim_snapshot *x = calloc(1, sizeof *x);
    int64_t limit = s->now + sim_txns_life(s) * 1000000;
    if (!x)
        return -1;
    snprintf(x->app, sizeof x->app, "%s", app);
    snprintf(x->ns, sizeof x->ns, "%s", ns);
    x->from_us = s->now;
    x->to_us = to_us < limit ? to_us : limit;
    x->next = m->snapshots;
    m->snapshots = x;
    m->n.txns_started++;
    if (sim_at(s, x->to_us, on_snapshot_end, x, NULL) == 0)
        return 0;
    close_snapshot(m, x);
    return -1;
}

void sim_snapshots_release(struct sim_member *m)
{
    while (m->snapshots) {
        struct sim_snapshot *next = m->snapshots->next;
        free(m->snapshots);
        m->snapshots = next;
    }
}
