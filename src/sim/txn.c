/* SPDX-License-Identifier: Apache-2.0
 *
 * What a transaction holds, and how the data is changed for its commands and back. Its beginning and end: txn_turn.c. */
#include "txn_private.h"

#include <signalbox/base/array.h>
#include <signalbox/sim/repl.h>

#include <stdlib.h>
#include <string.h>

struct sim_txns *sim_txns_new(void)
{
    return calloc(1, sizeof(struct sim_txns));
}

static void write_release(struct txn_write *w)
{
    sim_doc_unref(w->before);
    sim_doc_unref(w->after);
}

void sim_txn_free(struct sim_txn *t)
{
    for (size_t i = 0; i < t->n; i++)
        write_release(&t->write[i]);
    free(t->write);
    free(t->swap);
    free(t->used);
    sim_doc_unref(t->lsid);
    sim_doc_unref(t->read_concern);
    sim_doc_unref(t->metadata);
    free(t);
}

void sim_txns_free(struct sim_txns *t)
{
    if (!t)
        return;
    while (t->first) {
        struct sim_txn *next = t->first->next;
        sim_txn_free(t->first);
        t->first = next;
    }
    free(t);
}

uint64_t sim_txns_oldest(const struct sim *s)
{
    uint64_t least = UINT64_MAX;
    for (const struct sim_txn *t = s->txns ? s->txns->first : NULL; t; t = t->next)
        if (t->position < least)
            least = t->position;
    return least;
}

int64_t sim_txns_open(const struct sim *s, const struct sim_member *m)
{
    int64_t n = 0;
    for (const struct sim_txn *t = s->txns->first; t; t = t->next)
        n += t->m == m;
    return n;
}

uint64_t sim_txn_serial(const struct sim_txn *t)
{
    return t ? t->serial : 0;
}

int64_t sim_txn_number_of(const struct sim *s, uint64_t serial)
{
    for (const struct sim_txn *t = s->txns->first; t; t = t->next)
        if (t->serial == serial)
            return t->number;
    return 0;
}

int64_t sim_txns_life(const struct sim *s)
{
    return s->costs.transaction_life_s < 1 ? 1 : (int64_t)s->costs.transaction_life_s;
}

/* ---- the data as the transaction sees it ---- */

static int put(struct sim_txn *t, struct sim_coll *c, uint64_t rid, struct sim_doc *d, struct sim_fail *f)
{
    if (SB_GROW(t->swap, t->swap_cap, t->swap_n + 1))
        return sim_fail_nomem(f);
    struct sim_doc *was = sim_records_get(&c->records, rid);
    if (was)
        sim_doc_ref(was);
    if (sim_coll_restore(c, rid, d, f)) {
        sim_doc_unref(was);
        return -1;
    }
    t->swap[t->swap_n++] = (struct txn_swap){c, rid, was};
    return 0;
}

void sim_txn_leave(struct sim_txn *t)
{
    struct sim_fail f = SIM_FAIL_INIT;
    while (t->swap_n) {
        struct txn_swap *x = &t->swap[--t->swap_n];
        sim_coll_restore(x->coll, x->rid, x->was, &f); /* out of memory at worst */
        sim_doc_unref(x->was);
        sim_fail_release(&f);
    }
}

static struct sim_val id_of(const struct sim_change *c)
{
    return sim_find(c->id ? c->id->bson : c->post->bson, "_id");
}

static int take_back(struct sim_txn *t, const struct sim_change *c, struct sim_fail *f)
{
    if (c->kind == SIM_CHANGE_TXN) {
        for (size_t i = c->parts->n; i-- > 0;)
            if (take_back(t, &c->parts->part[i], f))
                return -1;
        return 0;
    }
    struct sim_coll *coll = c->kind <= SIM_CHANGE_DELETE ? sim_coll_by_uuid(&t->m->cat, c->uuid) : NULL;
    if (!coll)
        return 0;
    uint64_t rid = c->kind == SIM_CHANGE_DELETE ? coll->records.next : sim_coll_by_id(coll, id_of(c));
    return rid ? put(t, coll, rid, c->pre, f) : 0;
}

/* What others have done since the transaction began is taken back, then its own changes are made. */
int sim_txn_enter(struct sim *s, struct sim_txn *t, struct sim_fail *f)
{
    int rc = 0;
    for (uint64_t at = sim_stream_end(s); rc == 0 && at-- > t->position;)
        rc = take_back(t, sim_change_at(s, at), f);
    for (size_t i = 0; rc == 0 && i < t->n; i++) {
        struct sim_coll *coll = sim_coll_by_uuid(&t->m->cat, t->write[i].uuid);
        rc = coll ? put(t, coll, t->write[i].rid, t->write[i].after, f) : sim_fail(f, SIM_WRITE_CONFLICT, "WriteConflict error: the collection is gone");
    }
    if (rc)
        sim_txn_leave(t);
    return rc;
}

/* A member's newest entries are those of its branch, then those of the stream that it has applied. */
int sim_txn_view_committed(struct sim *s, struct sim_txn *t, uint64_t ts, struct sim_fail *f)
{
    const struct sim_member *m = t->m;
    int rc = 0;
    for (size_t i = m->branch_n; rc == 0 && i-- > 0 && m->branch[i].ts > ts;)
        rc = take_back(t, &m->branch[i], f);
    for (uint64_t at = m->applied; rc == 0 && at > s->change_base && sim_change_at(s, at - 1)->ts > ts; at--)
        rc = take_back(t, sim_change_at(s, at - 1), f);
    if (rc)
        sim_txn_leave(t);
    return rc;
}

int sim_txn_note(struct sim_call *c, struct sim_coll *coll, uint64_t rid, struct sim_doc *before, struct sim_doc *after, bool replacement,
                 int64_t keys)
{
    struct sim_txn *t = c->txn;
    if (SB_GROW(t->swap, t->swap_cap, t->swap_n + 1) || SB_GROW(t->write, t->cap, t->n + 1))
        return -1;
    struct txn_write *w = &t->write[t->n++];
    *w = (struct txn_write){.rid = rid, .replacement = replacement, .keys = keys};
    memcpy(w->uuid, coll->uuid, 16);
    w->before = before ? sim_doc_ref(before) : NULL;
    w->after = after ? sim_doc_ref(after) : NULL;
    t->swap[t->swap_n++] = (struct txn_swap){coll, rid, before ? sim_doc_ref(before) : NULL};
    return 0;
}

/* ---- who may change what ---- */

static bool holds_id(const struct sim_txn *t, const struct sim_coll *coll, struct sim_val id)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct sim_doc *d = t->write[i].before ? t->write[i].before : t->write[i].after;
        if (memcmp(t->write[i].uuid, coll->uuid, 16) == 0 && sim_compare(sim_find(d->bson, "_id"), id) == 0)
            return true;
    }
    return false;
}

static bool concerns(const struct sim_change *c, const struct sim_coll *coll, struct sim_val id)
{
    if (c->kind == SIM_CHANGE_TXN) {
        for (size_t i = 0; i < c->parts->n; i++)
            if (concerns(&c->parts->part[i], coll, id))
                return true;
        return false;
    }
    return c->kind <= SIM_CHANGE_DELETE && memcmp(c->uuid, coll->uuid, 16) == 0 && sim_compare(id_of(c), id) == 0;
}

static bool changed_since(struct sim *s, const struct sim_txn *t, const struct sim_coll *coll, struct sim_val id)
{
    for (uint64_t at = t->position; at < sim_stream_end(s); at++)
        if (concerns(sim_change_at(s, at), coll, id))
            return true;
    return false;
}

int sim_txn_claim(struct sim_call *c, const struct sim_coll *coll, struct sim_val id, struct sim_fail *f)
{
    bool taken = c->txn && changed_since(c->s, c->txn, coll, id);
    for (const struct sim_txn *t = c->s->txns->first; t && !taken; t = t->next)
        taken = t != c->txn && t->m == c->m && holds_id(t, coll, id);
    if (!taken)
        return 0;
    c->m->n.write_conflicts++;
    c->blocked = !c->txn && !c->conn->inside && c->conn->answer && c->s->last_ts == c->before_ts;
    return sim_fail(f, SIM_WRITE_CONFLICT, "WriteConflict error: this operation conflicted with another operation. Please retry your operation or multi-document transaction.");
}

void sim_txn_use(struct sim_txn *t, const uint8_t uuid[16])
{
    for (size_t i = 0; i < t->used_n; i++)
        if (memcmp(t->used[i].uuid, uuid, 16) == 0)
            return;
    if (SB_GROW(t->used, t->used_cap, t->used_n + 1))
        return; /* out of memory: this collection is not kept from being dropped */
    memcpy(t->used[t->used_n++].uuid, uuid, 16);
}

/* renameCollection names its collection in full, dropDatabase means all of the database. */
static bool is_about(const struct sim_call *c, const struct sim_coll *coll)
{
    struct sim_iter it = sim_iter_of(c->body);
    struct sim_elem first;
    if (!sim_next(&it, &first))
        return false;
    size_t db_n = strlen(c->db);
    if (strcmp(c->cmd->name, "dropDatabase") == 0)
        return coll->db_n == db_n && memcmp(coll->ns, c->db, db_n) == 0;
    if (!sim_is_text(first.v.type))
        return false;
    if (strcmp(c->cmd->name, "renameCollection") == 0)
        return strcmp(sim_text(first.v), coll->ns) == 0;
    return coll->db_n == db_n && memcmp(coll->ns, c->db, db_n) == 0 && strcmp(coll->name, sim_text(first.v)) == 0;
}

bool sim_txn_blocks(const struct sim_call *c)
{
    bool changes_all = (c->cmd->flags & SIM_PRIMARY) && (c->cmd->flags & SIM_WRITE_CONCERN) && !(c->cmd->flags & SIM_COUNTS_WRITE);
    if (!changes_all || c->txn || c->conn->inside || !c->conn->answer)
        return false;
    for (const struct sim_txn *t = c->s->txns->first; t; t = t->next)
        for (size_t i = 0; t->m == c->m && i < t->used_n; i++) {
            const struct sim_coll *coll = sim_coll_by_uuid(&c->m->cat, t->used[i].uuid);
            if (coll && is_about(c, coll))
                return true;
        }
    return false;
}

/* ---- commit ---- */

/* Makes the changes in the data of the present; undone when one of them does not fit. */
static int make_changes(struct sim_txn *t, struct sim_part *part, struct sim_fail *f)
{
    for (size_t i = 0; i < t->n; i++) {
        struct txn_write *w = &t->write[i];
        struct sim_coll *coll = sim_coll_by_uuid(&t->m->cat, w->uuid);
        if (!coll || put(t, coll, w->rid, w->after, f)) {
            sim_txn_leave(t);
            sim_fail_release(f);
            return sim_fail(f, SIM_WRITE_CONFLICT, "WriteConflict error: this operation conflicted with another operation. Please retry your operation or multi-document transaction.");
        }
        part[i] = (struct sim_part){coll, w->before, w->after, w->replacement, w->keys};
    }
    return 0;
}

int sim_txn_write_all(struct sim *s, struct sim_txn *t, int64_t *bytes, struct sim_fail *f)
{
    if (t->n == 0)
        return 0;
    struct sim_part *part = calloc(t->n, sizeof *part);
    if (!part)
        return sim_fail_nomem(f);
    int rc = make_changes(t, part, f);
    if (rc == 0 && (rc = sim_log_transaction(s, part, t->n, t->lsid->bson, t->number, bytes)) != 0) {
        sim_txn_leave(t);
        rc = rc > 0 ? sim_fail(f, SIM_TXN_TOO_LARGE, "Total size of all transaction operations must be less than %d. Actual size is %lld", SIM_MAX_DOC,
                               (long long)*bytes)
                    : sim_fail_nomem(f);
    }
    if (rc == 0) { /* there is no way back */
        while (t->swap_n)
            sim_doc_unref(t->swap[--t->swap_n].was);
    }
    free(part);
    return rc;
}
