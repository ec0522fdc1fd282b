/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/build.h>
#include <signalbox/sim/initial_sync.h>
#include <signalbox/sim/life.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/rollback.h>

#include "role_log.h"

#include <string.h>

#define SETTLE_US INT64_C(20000000) /* what a sync takes beside the bytes */
#define BYTES_PER_S 20e6
#define TRY_AGAIN_US INT64_C(1000000)
#define ATTEMPTS_MAX 10 /* numInitialSyncAttempts */

static bool is_copied(const struct sim_coll *c)
{
    return strncmp(c->ns, "local.", 6) != 0;
}

static double bytes_of(const struct sim_member *m)
{
    double n = 0;
    for (size_t i = 0; i < m->cat.n; i++)
        n += is_copied(m->cat.coll[i]) ? (double)m->cat.coll[i]->records.bytes : 0;
    return n;
}

static void on_copied(struct sim *s, void *ctx);

/* Chooses a source and plans the end. */
static void plan(struct sim_member *m)
{
    struct sim *s = m->sim;
    const struct sim_member *from = sim_best_copy(s, m);
    m->copying.source = from ? from->id : -1;
    m->copying.from_us = s->now;
    m->copying.until_us = s->now + (from ? SETTLE_US + (int64_t)(bytes_of(from) / BYTES_PER_S * 1e6) : TRY_AGAIN_US);
    if (from)
        sim_say(m, "INITSYNC", 21164, "ReplCoordExtern-1", "Starting initial sync attempt", "initialSyncAttempt:i initialSyncMaxAttempts:i", m->copying.failed + 1,
                (int64_t)ATTEMPTS_MAX);
    if (sim_at(s, m->copying.until_us, on_copied, m, NULL))
        m->copying.until_us = INT64_MAX; /* out of memory: it stays in this state */
}

static void on_copied(struct sim *s, void *ctx)
{
    struct sim_member *m = ctx, *from = sim_best_copy(s, m);
    if (!m->up || !m->copying.wanted || s->now < m->copying.until_us)
        return; /* killed meanwhile: the next process has plans of its own */
    if (m->hung || m->copying.source < 0 || !from || sim_copy_data(s, m, from)) {
        m->copying.failed += m->copying.source >= 0 && !m->hung;
        sim_drop_data(m);
        plan(m);
        return;
    }
    m->copying = (struct sim_copying){0};
    m->applied = from->applied;
    m->applied_ts = from->applied_ts;
    m->applied_term = from->applied_term;
    m->applied_wall_ms = from->applied_wall_ms;
    if (m->applied > s->change_base && sim_oplog_append(m, sim_change_at(s, m->applied - 1)->entry))
        m->applied_wall_ms = from->applied_wall_ms; /* out of memory: its oplog begins with the next entry */
    m->role.recovering = true;
    m->role.target = sim_others_have(s, m);
    sim_role_enter(m, SIM_IS_RECOVERING, "ReplCoord-0");
    sim_builds_rejoin(s, m);
    sim_role_applied(s, m);
    sim_apply_wake(s);
}

void sim_copying_begin(struct sim_member *m)
{
    m->copying.failed = 0;
    plan(m);
}

void sim_resync(struct sim_member *m)
{
    struct sim *s = m->sim;
    if (s->seat[m->id].arbiter || sim_data_members(s) < 2)
        return;
    sim_kill(m);
    sim_branch_release(m);
    sim_drop_data(m);
    sim_forget_oplog(m);
    m->applied = 0;
    m->applied_ts = 0;
    m->applied_term = -1;
    m->applied_wall_ms = 0;
    m->copying.wanted = true;
    sim_restart(m);
}

/* ---- what it tells ---- */

struct progress {
    double total, copied; /* bytes */
};

static struct progress progress_of(const struct sim_member *m, const struct sim_member *from)
{
    struct progress p = {.total = bytes_of(from)};
    double part = m->copying.until_us > m->copying.from_us ? (double)(m->sim->now - m->copying.from_us) / (double)(m->copying.until_us - m->copying.from_us) : 0;
    p.copied = p.total * (part > 1 ? 1 : part);
    return p;
}

static void put_collection(struct sim_w *w, const struct sim_coll *c, double copied)
{
    double bytes = (double)c->records.bytes, part = bytes > 0 ? copied / bytes : 1;
    sim_w_doc(w, c->ns);
    sim_w_i64(w, "documentsToCopy", (int64_t)c->records.count);
    sim_w_i64(w, "documentsCopied", (int64_t)((double)c->records.count * part));
    sim_w_i32(w, "indexes", c->indexes);
    sim_w_i64(w, "bytesToCopy", (int64_t)bytes);
    sim_w_i64(w, "approxBytesCopied", (int64_t)copied);
    sim_w_end(w);
}

/* The collections are copied one after the other. Each database is told once, at the first of its collections. */
static void put_databases(struct sim_w *w, const struct sim_member *from, double copied)
{
    for (size_t i = 0; i < from->cat.n; i++) {
        const struct sim_coll *first = from->cat.coll[i];
        double before = 0;
        int64_t collections = 0, cloned = 0;
        bool told = !is_copied(first);
        for (size_t k = 0; k < i && !told; k++)
            told = from->cat.coll[k]->db_n == first->db_n && memcmp(from->cat.coll[k]->ns, first->ns, first->db_n) == 0;
        if (told)
            continue;
        char db[128];
        snprintf(db, sizeof db, "%.*s", (int)first->db_n, first->ns);
        sim_w_doc(w, db);
        for (int pass = 0; pass < 2; pass++) {
            before = 0;
            for (size_t k = 0; k < from->cat.n; k++) {
                const struct sim_coll *c = from->cat.coll[k];
                double bytes = is_copied(c) ? (double)c->records.bytes : 0, mine = copied - before;
                bool here = c->db_n == first->db_n && memcmp(c->ns, first->ns, first->db_n) == 0;
                before += bytes;
                mine = mine < 0 ? 0 : mine > bytes ? bytes : mine;
                if (here && pass == 0) {
                    collections++;
                    cloned += mine >= bytes && before <= copied;
                } else if (here) {
                    put_collection(w, c, mine);
                }
            }
            if (pass == 0) {
                sim_w_i64(w, "collections", collections);
                sim_w_i64(w, "clonedCollections", cloned);
            }
        }
        sim_w_end(w);
    }
}

void sim_put_copying(struct sim_w *w, const struct sim_member *m)
{
    const struct sim *s = m->sim;
    const struct sim_member *from = m->copying.source >= 0 ? &s->member[m->copying.source] : NULL;
    int64_t elapsed = (s->now - m->start_us) / 1000;
    sim_w_doc(w, "initialSyncStatus");
    sim_w_i64(w, "failedInitialSyncAttempts", m->copying.failed);
    sim_w_i64(w, "maxFailedInitialSyncAttempts", ATTEMPTS_MAX);
    sim_w_date(w, "initialSyncStart", m->start_us / 1000);
    sim_w_i64(w, "totalInitialSyncElapsedMillis", elapsed);
    if (from) {
        struct progress p = progress_of(m, from);
        sim_w_i64(w, "remainingInitialSyncEstimatedMillis", (m->copying.until_us - s->now) / 1000);
        sim_w_i64(w, "approxTotalDataSize", (int64_t)p.total);
        sim_w_i64(w, "approxTotalBytesCopied", (int64_t)p.copied);
        sim_w_array(w, "initialSyncAttempts");
        sim_w_end(w);
        sim_w_i64(w, "appliedOps", 0);
        sim_w_doc(w, "databases");
        put_databases(w, from, p.copied);
        sim_w_end(w);
    }
    sim_w_end(w);
}
