/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/build.h>
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/initial_sync.h>
#include <signalbox/sim/life.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/plan_cache.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/txn.h>

#include "role_log.h"

#include <math.h>
#include <string.h>

#define NOTICE_US 15000 /* until the others find their connections closed */

static void tell(struct sim_member *m)
{
    if (m->sim->on_life)
        m->sim->on_life(m, m->sim->on_life_ctx);
}

/* ---- the end of a process ---- */

static void collect_cursor(void *ctx, const struct sim_open_cursor *c)
{
    int64_t *id = ctx;
    *id = c->id;
}

static void close_cursors(struct sim_member *m)
{
    for (;;) {
        int64_t id = 0;
        sim_cursors_each(m->sim, m, collect_cursor, &id);
        if (!id)
            return;
        sim_cursor_close(m->sim, sim_cursor_get(m->sim, m, id));
    }
}

void sim_kill(struct sim_member *m)
{
    struct sim *s = m->sim;
    if (!m->up)
        return;
    if (s->primary_id == m->id)
        s->primary_id = -1;
    m->up = m->hung = m->primary = false;
    m->role.state = SIM_DOWN;
    m->role.writable = false;
    m->role.primary = m->role.sync = m->role.syncing = -1;
    sim_builds_killed(m);
    sim_txns_abort_member(m);
    sim_conn_cut_all(m);
    while (m->running)
        sim_running_end(m, m->running);
    close_cursors(m);
    sim_heartbeats_soon(m, NOTICE_US);
    tell(m);
}

/* ---- a new one ---- */

/* What a process counts and is set to begins anew; what lies on the disk stays. */
static void forget_process(struct sim_member *m)
{
    struct sim *s = m->sim;
    memset(&m->n, 0, sizeof m->n);
    memset(&m->flow, 0, sizeof m->flow);
    sim_log_release(m);
    memset(m->log, 0, sizeof m->log);
    memset(m->startup, 0, sizeof m->startup);
    m->log_written = 0;
    m->startup_n = 0;
    m->next_conn = 0;
    m->dirty_bytes = 0;
    m->dropped_idents = 0;
    memset(&m->store, 0, sizeof m->store);
    sim_snapshots_release(m);
    m->slow_ms = 100;
    m->sample_rate = 1;
    for (size_t i = 0; i < m->cat.n; i++) {
        struct sim_coll *c = m->cat.coll[i];
        memset(c->top, 0, sizeof c->top);
        memset(c->latency, 0, sizeof c->latency);
        c->locked_until_us = c->lock_waits = c->lock_wait_us = 0;
        c->read_lock = c->write_lock = (struct sim_usage){0, 0};
        c->scans_total = c->scans_nontailable = 0;
        c->dirty_pages = c->dirty_kept_log = 0;
        sim_store_cold(c, INFINITY);
        sim_plan_cache_clear(c->plans);
        for (unsigned k = 0; k < c->indexes; k++) {
            c->index[k]->accesses = 0;
            c->index[k]->since_us = s->now;
        }
    }
    for (size_t i = 0; i < m->cat.db_n; i++) {
        m->cat.db[i]->profiler.level = 0;
        sim_filter_free(m->cat.db[i]->profiler.filter);
        m->cat.db[i]->profiler.filter = NULL;
    }
}

static void forget_role(struct sim_member *m)
{
    struct sim *s = m->sim;
    struct sim_role old = m->role;
    m->role = (struct sim_role){.state = SIM_STARTUP2, .term = old.term, .voted_term = old.voted_term, .config_version = old.config_version,
                                .config_term = old.config_term, .primary = -1, .sync = -1, .syncing = -1, .heard_us = s->now,
                                .patience_us = old.patience_us, .rbid = old.rbid, .transition = "", .rng = old.rng};
    for (int i = 0; i < s->members; i++)
        m->role.peer[i] = (struct sim_peer){.round = old.peer[i].round, .state = SIM_DOWN, .applied = {0, -1}, .sync = -1, .config_version = -1, .config_term = -1};
}

void sim_restart(struct sim_member *m)
{
    struct sim *s = m->sim;
    if (m->up)
        return;
    m->life++;
    m->pid += s->members;
    m->up = true;
    m->start_us = s->now;
    m->topology = 0;
    sim_new_oid(s, m->process_id);
    forget_process(m);
    forget_role(m);
    sim_first_lines(m);
    if (s->seat[m->id].arbiter) {
        sim_role_enter(m, SIM_IS_ARBITER, "ReplCoord-0");
    } else if (m->copying.wanted) {
        sim_copying_begin(m);
    } else {
        m->role.recovering = true;
        m->role.target = m->branch_n ? m->applied : sim_others_have(s, m); /* a branch is found when it sees a primary */
        sim_role_enter(m, SIM_IS_RECOVERING, "ReplCoord-0");
        sim_builds_rejoin(s, m);
    }
    sim_heartbeats_soon(m, NOTICE_US);
    sim_role_applied(s, m);
    tell(m);
}

/* ---- stopped and gone on ---- */

void sim_hang(struct sim_member *m)
{
    if (!m->up || m->hung)
        return;
    if (m->sim->primary_id == m->id)
        m->sim->primary_id = -1;
    m->hung = true;
    tell(m);
}

void sim_wake(struct sim_member *m)
{
    struct sim *s = m->sim;
    if (!m->hung)
        return;
    m->hung = false;
    m->role.heard_us = s->now;
    for (int i = 0; i < s->members; i++) /* the heartbeats that have waited in its sockets come first */
        if (i != m->id && s->member[i].up && !s->member[i].hung) {
            sim_heartbeat(&s->member[i], m);
            sim_heartbeat(m, &s->member[i]);
        }
    if (m->primary && m->role.writable && m->role.term >= s->term && s->primary_id < 0)
        s->primary_id = m->id;
    sim_apply_wake(s);
    tell(m);
}
