/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/apply.h>
#include <signalbox/sim/build.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/rollback.h>
#include <signalbox/sim/session.h>

#include "rollback_log.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

void sim_branch_release(struct sim_member *m)
{
    for (size_t i = 0; i < m->branch_n; i++)
        sim_change_release(&m->branch[i]);
    free(m->branch);
    m->branch = NULL;
    m->branch_n = 0;
}

static struct sim_change share(const struct sim_change *c)
{
    struct sim_change out = *c;
    sim_doc_ref(out.entry);
    if (out.post)
        sim_doc_ref(out.post);
    if (out.pre)
        sim_doc_ref(out.pre);
    if (out.id)
        sim_doc_ref(out.id);
    if (out.parts)
        out.parts->refs++;
    return out;
}

/* ---- the fork ---- */

/* The newest entry in front of a position. */
static void before(struct sim *s, uint64_t position, uint64_t *ts, int64_t *term, int64_t *wall_ms)
{
    const struct sim_change *c = position > s->change_base ? sim_change_at(s, position - 1) : NULL;
    *ts = c ? c->ts : s->base_ts;
    *term = c ? c->term : s->base_term;
    *wall_ms = c ? c->wall_ms : s->base_wall_ms;
}

/* What the member has beyond `position` becomes its branch, in front of the one it has. */
static int fork_member(struct sim *s, struct sim_member *m, uint64_t position)
{
    size_t more = (size_t)(m->applied - position);
    struct sim_change *all = malloc((more + m->branch_n) * sizeof *all);
    if (!all)
        return -1;
    for (size_t i = 0; i < more; i++)
        all[i] = share(sim_change_at(s, position + i));
    if (m->branch_n)
        memcpy(all + more, m->branch, m->branch_n * sizeof *all);
    free(m->branch);
    m->branch = all;
    m->branch_n += more;
    m->applied = position;
    before(s, position, &m->fork_ts, &m->fork_term, &m->fork_wall_ms);
    return 0;
}

static int truncate_at(struct sim *s, uint64_t position)
{
    uint64_t ts;
    int64_t term, wall;
    if (position >= sim_stream_end(s))
        return 0;
    for (int i = 0; i < s->members; i++)
        if (s->member[i].applied > position && fork_member(s, &s->member[i], position))
            return -1;
    before(s, position, &ts, &term, &wall);
    for (uint64_t i = position; i < sim_stream_end(s); i++)
        sim_change_release(sim_change_at(s, i));
    s->change_n = (size_t)(position - s->change_base);
    s->last_wall_ms = wall;
    sim_sessions_forget_after(s, ts);
    sim_builds_forked(s, ts);
    return 0;
}

/* The member's branch goes on where the stream ends now. */
static int take_branch(struct sim *s, struct sim_member *m)
{
    if (SB_GROW(s->change, s->change_cap, s->change_n + m->branch_n))
        return -1;
    memcpy(s->change + s->change_n, m->branch, m->branch_n * sizeof *m->branch);
    s->change_n += m->branch_n;
    m->applied = sim_stream_end(s);
    free(m->branch);
    m->branch = NULL;
    m->branch_n = 0;
    return 0;
}

static bool reachable(const struct sim_member *m)
{
    return m->up && !m->hung && m->role.state != SIM_IN_ROLLBACK && sim_bears_data(m);
}

/* The one whose entries the set goes on from: nobody reachable has newer ones that fit the winner's. */
static struct sim_member *leader(struct sim *s, struct sim_member *winner)
{
    struct sim_member *best = winner;
    for (int i = 0; i < s->members; i++) {
        struct sim_member *m = &s->member[i];
        if (!reachable(m) || sim_optime_compare(sim_applied(m), sim_applied(best)) <= 0)
            continue;
        /* a winner with entries of its own cannot fetch from somebody who has others */
        if (winner->branch_n || m->applied < winner->applied)
            continue;
        best = m;
    }
    return best;
}

int64_t sim_adopt_history(struct sim *s, struct sim_member *winner)
{
    for (int i = 0; i < s->members; i++)
        sim_must_roll_back(s, &s->member[i]); /* drops what is no branch */
    struct sim_member *lead = leader(s, winner);
    uint64_t own = winner->applied;
    if (sim_is_stale(s, winner) || truncate_at(s, lead->applied) || (lead->branch_n && take_branch(s, lead)))
        return -1;
    if (lead == winner)
        return 0;
    while (winner->applied < sim_stream_end(s)) {
        const struct sim_change *c = sim_change_at(s, winner->applied);
        if (sim_oplog_append(winner, c->entry))
            return -1;
        sim_apply_change(s, winner, c);
        winner->applied++;
        winner->applied_ts = c->ts;
        winner->applied_term = c->term;
        winner->applied_wall_ms = c->wall_ms;
        winner->n.apply_ops++;
    }
    return (int64_t)(winner->applied - own);
}

bool sim_must_roll_back(struct sim *s, struct sim_member *m)
{
    size_t same = 0;
    while (same < m->branch_n && m->applied >= s->change_base && m->applied < sim_stream_end(s) &&
           sim_change_at(s, m->applied)->ts == m->branch[same].ts && sim_change_at(s, m->applied)->term == m->branch[same].term) {
        m->applied++;
        same++;
    }
    if (same == 0)
        return m->branch_n > 0;
    for (size_t i = 0; i < same; i++)
        sim_change_release(&m->branch[i]);
    m->branch_n -= same;
    memmove(m->branch, m->branch + same, m->branch_n * sizeof *m->branch);
    before(s, m->applied, &m->fork_ts, &m->fork_term, &m->fork_wall_ms);
    if (m->branch_n == 0)
        sim_branch_release(m);
    return m->branch_n > 0;
}

/* ---- undoing ---- */

static void trim_oplog(struct sim_member *m, uint64_t ts)
{
    struct sim_coll *c = sim_coll_find(&m->cat, "local.oplog.rs");
    struct sim_write_work work = {0};
    for (;;) {
        uint64_t rid = c && c->records.next > 1 ? sim_records_back_from(&c->records, c->records.next - 1) : 0;
        struct sim_val at = rid ? sim_find(sim_records_get(&c->records, rid)->bson, "ts") : sim_missing;
        if (at.type != BSON_TYPE_TIMESTAMP || (uint64_t)sim_i64(at.p) <= ts)
            return;
        sim_coll_remove(c, rid, &work);
    }
}

static int undo(struct sim_member *m, const struct sim_change *ch)
{
    if (ch->kind == SIM_CHANGE_TXN) {
        for (size_t i = ch->parts->n; i-- > 0;)
            if (undo(m, &ch->parts->part[i]))
                return -1;
        return 0;
    }
    struct sim_coll *c = sim_coll_by_uuid(&m->cat, ch->uuid);
    struct sim_write_work work = {0};
    struct sim_fail f = SIM_FAIL_INIT;
    int rc = 0;
    if (!c || ch->kind == SIM_CHANGE_NOOP)
        return 0;
    uint64_t rid = ch->kind == SIM_CHANGE_DELETE ? 0 : sim_coll_by_id(c, sim_find(ch->post->bson, "_id"));
    if (ch->kind == SIM_CHANGE_DELETE)
        rc = sim_coll_insert(c, ch->pre, &work, &f) ? 0 : -1;
    else if (ch->kind == SIM_CHANGE_UPDATE && rid)
        rc = sim_coll_replace(c, rid, ch->pre, &work, &f);
    else if (ch->kind == SIM_CHANGE_INSERT && rid)
        sim_coll_remove(c, rid, &work);
    sim_fail_release(&f);
    return rc;
}

static bool is_replicated(const char *ns)
{
    const char *dot = strchr(ns, '.');
    return strncmp(ns, "local.", 6) != 0 && dot && strcmp(dot + 1, "system.profile") != 0;
}

static int copy_coll(struct sim *s, struct sim_member *m, const struct sim_coll *from)
{
    struct sim_fail f = SIM_FAIL_INIT;
    struct sim_write_work work = {0};
    uint64_t done;
    struct sim_coll *c = sim_coll_new(&m->cat, from->ns, from->uuid, from->options->bson, s->now, &f);
    int rc = c ? 0 : -1;
    for (uint64_t rid = sim_records_from(&from->records, 1); rc == 0 && rid; rid = sim_records_from(&from->records, rid + 1))
        rc = sim_coll_insert(c, sim_records_get(&from->records, rid), &work, &f) ? 0 : -1;
    for (unsigned i = 0; rc == 0 && i < from->indexes; i++) {
        if (from->index[i]->is_id || from->index[i]->building)
            continue;
        struct sim_index *x = sim_index_new(from->index[i]->spec->bson, &f);
        rc = !x || sim_coll_add_index(c, x, &f) || sim_coll_fill_index(c, x, UINT64_MAX, &done, &f) ? -1 : 0;
        if (rc == 0)
            x->since_us = s->now;
    }
    sim_fail_release(&f);
    return rc;
}

void sim_drop_data(struct sim_member *m)
{
    for (size_t i = m->cat.n; i-- > 0;)
        if (is_replicated(m->cat.coll[i]->ns))
            sim_coll_drop(&m->cat, m->cat.coll[i]);
}

int sim_copy_data(struct sim *s, struct sim_member *m, const struct sim_member *from)
{
    sim_drop_data(m);
    for (size_t i = 0; i < from->cat.n; i++)
        if (is_replicated(from->cat.coll[i]->ns) && copy_coll(s, m, from->cat.coll[i]))
            return -1;
    return 0;
}

struct sim_member *sim_best_copy(struct sim *s, const struct sim_member *m)
{
    struct sim_member *from = NULL;
    for (int i = 0; i < s->members; i++)
        if (i != m->id && reachable(&s->member[i]) && !s->member[i].branch_n && (!from || s->member[i].applied > from->applied))
            from = &s->member[i];
    return from;
}

void sim_forget_oplog(struct sim_member *m)
{
    trim_oplog(m, 0);
}

/* Everything of the member with the most entries, and its oplog behind our own common part. */
static int copy_member(struct sim *s, struct sim_member *m)
{
    struct sim_member *from = sim_best_copy(s, m);
    if (!from || from->applied < m->applied || sim_copy_data(s, m, from))
        return -1;
    for (; m->applied < from->applied; m->applied++)
        if (sim_oplog_append(m, sim_change_at(s, m->applied)->entry))
            return -1;
    before(s, m->applied, &m->fork_ts, &m->fork_term, &m->fork_wall_ms);
    return 0;
}

int sim_roll_back(struct sim *s, struct sim_member *m)
{
    bool catalogue = false;
    for (size_t i = 0; i < m->branch_n; i++)
        catalogue = catalogue || m->branch[i].kind == SIM_CHANGE_COMMAND;
    trim_oplog(m, m->fork_ts);
    if (catalogue && copy_member(s, m))
        return -1;
    for (size_t i = m->branch_n; !catalogue && i-- > 0;)
        if (undo(m, &m->branch[i]))
            return -1;
    s->rollbacks++;
    s->rolled_back += (int64_t)m->branch_n;
    sim_rollback_tell(m);
    sim_branch_release(m);
    m->applied_ts = m->fork_ts;
    m->applied_term = m->fork_term;
    m->applied_wall_ms = m->fork_wall_ms;
    if (catalogue)
        sim_builds_rejoin(s, m);
    return 0;
}
