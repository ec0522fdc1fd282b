/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/contend.h>

#include <stdlib.h>
#include <string.h>

/* ---- tickets ---- */

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* An index build gives its ticket back again and again: nobody waits for its end. */
static bool holds(const struct sim_running *r, bool write, int64_t now)
{
    return r->takes_core && r->write == write && now >= r->flow_until && now < r->works_until && r->works_until != INT64_MAX;
}

int64_t sim_wait_ticket(const struct sim_member *m, bool write)
{
    int64_t now = m->sim->now, wait = 0;
    size_t tickets = (size_t)m->sim->costs.tickets, n = 0;
    for (const struct sim_running *r = m->running; r; r = r->next)
        n += holds(r, write, now);
    if (n < tickets)
        return 0;
    int64_t *ends = malloc(n * sizeof *ends);
    if (!ends)
        return 0; /* out of memory: it does not wait */
    n = 0;
    for (const struct sim_running *r = m->running; r; r = r->next)
        if (holds(r, write, now))
            ends[n++] = r->works_until;
    qsort(ends, n, sizeof *ends, by_time);
    wait = ends[n - tickets] - now;
    free(ends);
    return wait;
}

/* ---- collections ---- */

int64_t sim_wait_lock(const struct sim_member *m, const struct sim_coll *c)
{
    return c && c->locked_until_us > m->sim->now ? c->locked_until_us - m->sim->now : 0;
}

int64_t sim_lock_exclusive(struct sim_member *m, struct sim_coll *c, int64_t us)
{
    m->n.lock_exclusive++;
    int64_t from = m->sim->now > c->locked_until_us ? m->sim->now : c->locked_until_us;
    for (const struct sim_snapshot *x = m->snapshots; x; x = x->next)
        if (x->to_us > from && strcmp(x->ns, c->ns) == 0)
            from = x->to_us;
    c->locked_until_us = from + us;
    return from;
}

/* ---- documents ---- */

uint64_t sim_hot_id(const struct sim_coll *c, uint64_t rid)
{
    uint64_t id = (c->id << 40 ^ rid) * UINT64_C(0x9e3779b97f4a7c15);
    return id ? id : 1;
}

/* The server tries again at once a few times, then sleeps a millisecond, later five and ten. */
static int64_t attempts_within(int64_t wait, int64_t us)
{
    int64_t n = 0;
    for (int64_t passed = 0; passed < wait && n < 10000; n++)
        passed += us + (n < 4 ? 0 : n < 10 ? 1000 : n < 100 ? 5000 : 10000);
    return n;
}

int64_t sim_wait_document(struct sim_member *m, uint64_t hot_id, int64_t us, int64_t *conflicts)
{
    int64_t now = m->sim->now, wait = 0;
    size_t i = (size_t)(hot_id >> 32) % SIM_HOT;
    if (m->store.hot[i].id == hot_id && m->store.hot[i].until_us > now)
        wait = m->store.hot[i].until_us - now;
    *conflicts = wait ? attempts_within(wait, us > 1 ? us : 1) : 0;
    m->store.hot[i].id = hot_id;
    m->store.hot[i].until_us = now + wait + us;
    return wait;
}

/* ---- cores ---- */

double sim_cores(const struct sim_member *m)
{
    double cores = m->sim->costs.cores;
    return m->store.accepting_until_us > m->sim->now ? cores / 2 : cores;
}

void sim_accepting(struct sim_member *m)
{
    int64_t now = m->sim->now, from = m->store.accepting_until_us > now ? m->store.accepting_until_us : now;
    m->store.accepting_until_us = from + (int64_t)(m->sim->costs.conn_open_us / (m->sim->costs.cores / 2));
}

static int busy_with_applying(const struct sim_member *m)
{
    return sim_busy(m) + (m->applying_until_us > m->sim->now);
}

/* How much longer than on idle cores one more thread takes there: also the one that flushes the journal and those that
 * fetch and apply what others have written, which need a core for every step. */
double sim_crowd(const struct sim_member *m)
{
    const struct sim *s = m->sim;
    int busy = 1;
    if (s->costs.one_machine > 0)
        for (int i = 0; i < s->members; i++)
            busy += s->member[i].up ? busy_with_applying(&s->member[i]) : 0;
    else
        busy += busy_with_applying(m);
    double share = busy / sim_cores(m);
    return share > 1 ? share : 1;
}
