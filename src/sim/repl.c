/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/apply.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/txn.h>

#include "chatter.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STREAM 200000 /* changes kept for members that are away; whoever lacks more is too stale */
#define BATCH 5000         /* entries of one batch of application, as the server's limit */

/* ---- making entries ---- */

static uint64_t next_ts(struct sim *s)
{
    uint64_t second = (uint64_t)(s->now / 1000000) << 32;
    return second > s->last_ts ? second | 1 : s->last_ts + 1;
}

static void put_stamp_before(struct sim_w *w, const struct sim_stamp *stamp)
{
    if (!stamp)
        return;
    sim_w_copy(w, "lsid", stamp->lsid);
    sim_w_i64(w, "txnNumber", stamp->txn_number);
}

static void put_tail(struct sim *s, struct sim_w *w, uint64_t ts, const struct sim_stamp *stamp)
{
    sim_w_ts(w, "ts", ts);
    sim_w_i64(w, "t", s->term);
    sim_w_i64(w, "v", 2);
    sim_w_date(w, "wall", sim_now_ms(s));
    if (stamp) {
        sim_w_i32(w, "stmtId", stamp->stmt);
        sim_w_doc(w, "prevOpTime");
        sim_w_ts(w, "ts", 0);
        sim_w_i64(w, "t", -1);
        sim_w_end(w);
    }
}

int sim_oplog_append(struct sim_member *m, struct sim_doc *entry)
{
    struct sim_coll *oplog = sim_coll_find(&m->cat, "local.oplog.rs");
    struct sim_write_work work = {0};
    struct sim_fail f = SIM_FAIL_INIT;
    return oplog && sim_coll_insert(oplog, entry, &work, &f) ? 0 : -1;
}

void sim_change_release(struct sim_change *c)
{
    sim_doc_unref(c->entry);
    sim_doc_unref(c->post);
    sim_doc_unref(c->pre);
    sim_doc_unref(c->id);
    if (!c->parts || --c->parts->refs)
        return;
    for (size_t i = 0; i < c->parts->n; i++)
        sim_change_release(&c->parts->part[i]);
    free(c->parts);
}

static void trim_stream(struct sim *s)
{
    uint64_t least = sim_stream_end(s);
    for (int i = 0; i < s->members; i++)
        if (sim_bears_data(&s->member[i]) && s->member[i].applied < least)
            least = s->member[i].applied;
    if (sim_txns_oldest(s) < least)
        least = sim_txns_oldest(s);
    if (s->change_n > MAX_STREAM && least < sim_stream_end(s) - MAX_STREAM / 2)
        least = sim_stream_end(s) - MAX_STREAM / 2;
    size_t gone = least > s->change_base ? (size_t)(least - s->change_base) : 0;
    if (gone < 1024)
        return;
    const struct sim_change *last = &s->change[gone - 1];
    s->base_ts = last->ts;
    s->base_term = last->term;
    s->base_wall_ms = last->wall_ms;
    for (size_t i = 0; i < gone; i++)
        sim_change_release(&s->change[i]);
    memmove(s->change, s->change + gone, (s->change_n - gone) * sizeof *s->change);
    s->change_n -= gone;
    s->change_base += gone;
}

static void on_apply(struct sim *s, void *ctx)
{
    struct sim_member *m = ctx;
    m->apply_waiting = false;
    sim_apply(s, m);
}

static int64_t lag_of(struct sim *s, struct sim_member *m)
{
    return (int64_t)(s->costs.replicate_us * sim_cost_spread(&s->costs, &m->rng)) + m->lag_us + s->seat[m->id].delay_s * 1000000;
}

/* It runs and its entries are those of the set. */
static bool follows(const struct sim_member *m)
{
    return m->up && !m->hung && !m->branch_n && sim_bears_data(m);
}

uint64_t sim_others_have(const struct sim *s, const struct sim_member *m)
{
    uint64_t most = m->applied;
    for (int i = 0; i < s->members; i++)
        if (i != m->id && follows(&s->member[i]) && s->member[i].applied > most)
            most = s->member[i].applied;
    return most;
}

/* Up to where it can fetch. */
static uint64_t reach(const struct sim *s, const struct sim_member *m)
{
    return m->primary || !sim_has_source(m) || sim_is_stale(s, m) ? m->applied : sim_others_have(s, m);
}

static bool applies(const struct sim *s, const struct sim_member *m)
{
    return follows(m) && !m->primary && !m->frozen && m->applied < reach(s, m) &&
           (m->role.state == SIM_IS_SECONDARY || m->role.state == SIM_IS_RECOVERING);
}

static void wake_secondary(struct sim *s, struct sim_member *m)
{
    if (m->apply_waiting || !applies(s, m))
        return;
    m->apply_waiting = sim_at(s, s->now + lag_of(s, m), on_apply, m, NULL) == 0;
}

void sim_apply_wake(struct sim *s)
{
    for (int i = 0; i < s->members; i++)
        wake_secondary(s, &s->member[i]);
}

/* Takes the references in c. */
static int append(struct sim *s, struct sim_change *c, struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    struct sim_member *p = sim_primary(s);
    c->entry = p && done ? sim_doc_new(done) : NULL;
    if (!c->entry || SB_GROW(s->change, s->change_cap, s->change_n + 1) || sim_oplog_append(p, c->entry)) {
        sim_change_release(c);
        return -1;
    }
    c->term = s->term;
    c->wall_ms = sim_now_ms(s);
    c->made_us = s->now;
    s->last_ts = c->ts;
    s->last_wall_ms = c->wall_ms;
    s->change[s->change_n++] = *c;
    p->applied = sim_stream_end(s);
    p->applied_ts = c->ts;
    p->applied_term = c->term;
    p->applied_wall_ms = c->wall_ms;
    sim_apply_wake(s);
    sim_commit_point(s);
    if (s->change_n > 2048)
        trim_stream(s);
    return 0;
}

static struct sim_doc *id_of(const uint8_t *doc)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_val(&w, "_id", sim_find(doc, "_id"));
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

static void put_head(struct sim_w *w, const char *op, const char *ns, const uint8_t uuid[16], const struct sim_stamp *stamp)
{
    put_stamp_before(w, stamp);
    sim_w_text(w, "op", op);
    sim_w_text(w, "ns", ns);
    if (uuid)
        sim_w_uuid(w, "ui", uuid);
}

int sim_log_insert(struct sim *s, const struct sim_coll *c, struct sim_doc *doc, int64_t keys, const struct sim_stamp *stamp)
{
    struct sim_change ch = {.ts = next_ts(s), .kind = SIM_CHANGE_INSERT, .keys = keys, .post = sim_doc_ref(doc)};
    struct sim_w w;
    sim_w_init(&w);
    memcpy(ch.uuid, c->uuid, 16);
    put_head(&w, "i", c->ns, c->uuid, stamp);
    sim_w_copy(&w, "o", doc->bson);
    put_tail(s, &w, ch.ts, stamp);
    int rc = append(s, &ch, &w);
    sim_w_release(&w);
    return rc;
}

int sim_log_update(struct sim *s, const struct sim_coll *c, struct sim_doc *old, struct sim_doc *doc, int64_t keys, bool replacement,
                   const struct sim_stamp *stamp)
{
    struct sim_change ch = {.ts = next_ts(s), .kind = SIM_CHANGE_UPDATE, .keys = keys, .post = sim_doc_ref(doc), .pre = sim_doc_ref(old),
                            .id = id_of(doc->bson)};
    struct sim_w w;
    if (!ch.id) {
        sim_change_release(&ch);
        return -1;
    }
    sim_w_init(&w);
    memcpy(ch.uuid, c->uuid, 16);
    put_head(&w, "u", c->ns, c->uuid, stamp);
    if (replacement) {
        sim_w_copy(&w, "o", doc->bson);
    } else {
        sim_w_doc(&w, "o");
        sim_w_i32(&w, "$v", 2);
        sim_w_doc(&w, "diff");
        sim_write_diff(&w, old->bson, doc->bson);
        sim_w_end(&w);
        sim_w_end(&w);
    }
    sim_w_copy(&w, "o2", ch.id->bson);
    put_tail(s, &w, ch.ts, stamp);
    int rc = append(s, &ch, &w);
    sim_w_release(&w);
    return rc;
}

int sim_log_delete(struct sim *s, const struct sim_coll *c, struct sim_doc *old, int64_t keys, const struct sim_stamp *stamp)
{
    struct sim_change ch = {.ts = next_ts(s), .kind = SIM_CHANGE_DELETE, .keys = keys, .pre = sim_doc_ref(old), .id = id_of(old->bson)};
    struct sim_w w;
    if (!ch.id) {
        sim_change_release(&ch);
        return -1;
    }
    sim_w_init(&w);
    memcpy(ch.uuid, c->uuid, 16);
    put_head(&w, "d", c->ns, c->uuid, stamp);
    sim_w_copy(&w, "o", ch.id->bson);
    put_tail(s, &w, ch.ts, stamp);
    int rc = append(s, &ch, &w);
    sim_w_release(&w);
    return rc;
}

int sim_log_command(struct sim *s, const char *db, const uint8_t uuid[16], const uint8_t *o, const uint8_t *o2)
{
    struct sim_change ch = {.ts = next_ts(s), .kind = SIM_CHANGE_COMMAND};
    struct sim_w w;
    char ns[200];
    snprintf(ns, sizeof ns, "%s.$cmd", db);
    sim_w_init(&w);
    put_head(&w, "c", ns, uuid, NULL);
    if (uuid)
        memcpy(ch.uuid, uuid, 16);
    sim_w_copy(&w, "o", o);
    if (o2)
        sim_w_copy(&w, "o2", o2);
    put_tail(s, &w, ch.ts, NULL);
    int rc = append(s, &ch, &w);
    sim_w_release(&w);
    return rc;
}

int sim_log_noop(struct sim *s, const char *msg)
{
    struct sim_change ch = {.ts = next_ts(s), .kind = SIM_CHANGE_NOOP};
    struct sim_w w;
    sim_w_init(&w);
    put_head(&w, "n", "", NULL, NULL);
    sim_w_doc(&w, "o");
    sim_w_text(&w, "msg", msg);
    sim_w_end(&w);
    put_tail(s, &w, ch.ts, NULL);
    int rc = append(s, &ch, &w);
    sim_w_release(&w);
    return rc;
}

/* A change as it stands among those of a transaction. */
static void put_part(struct sim_w *w, const struct sim_change *c, const char *ns, bool replacement)
{
    static const char *const op[] = {"i", "u", "d"};
    sim_w_doc(w, NULL);
    sim_w_text(w, "op", op[c->kind]);
    sim_w_text(w, "ns", ns);
    sim_w_uuid(w, "ui", c->uuid);
    if (c->kind == SIM_CHANGE_DELETE) {
        sim_w_copy(w, "o", c->id->bson);
    } else if (c->kind == SIM_CHANGE_INSERT || replacement) {
        sim_w_copy(w, "o", c->post->bson);
    } else {
        sim_w_doc(w, "o");
        sim_w_i32(w, "$v", 2);
        sim_w_doc(w, "diff");
        sim_write_diff(w, c->pre->bson, c->post->bson);
        sim_w_end(w);
        sim_w_end(w);
    }
    if (c->kind == SIM_CHANGE_UPDATE)
        sim_w_copy(w, "o2", c->id->bson);
    sim_w_end(w);
}

int sim_log_transaction(struct sim *s, const struct sim_part *part, size_t n, const uint8_t *lsid, int64_t txn_number, int64_t *bytes)
{
    struct sim_change ch = {.ts = next_ts(s), .kind = SIM_CHANGE_TXN, .parts = calloc(1, sizeof *ch.parts + n * sizeof *ch.parts->part)};
    struct sim_w w;
    bool handed_over = false;
    int rc = -1;
    sim_w_init(&w);
    if (!ch.parts)
        goto out;
    ch.parts->refs = 1;
    put_head(&w, "c", "admin.$cmd", NULL, &(struct sim_stamp){lsid, txn_number, 0});
    sim_w_doc(&w, "o");
    sim_w_array(&w, "applyOps");
    for (size_t i = 0; i < n; i++) {
        struct sim_change *c = &ch.parts->part[ch.parts->n++];
        const struct sim_part *p = &part[i];
        c->kind = !p->before ? SIM_CHANGE_INSERT : p->after ? SIM_CHANGE_UPDATE : SIM_CHANGE_DELETE;
        memcpy(c->uuid, p->coll->uuid, 16);
        c->post = p->after ? sim_doc_ref(p->after) : NULL;
        c->pre = p->before ? sim_doc_ref(p->before) : NULL;
        if (p->before && !(c->id = id_of(p->before->bson)))
            goto out;
        c->keys = p->keys;
        ch.keys += p->keys;
        put_part(&w, c, p->coll->ns, p->replacement);
    }
    sim_w_end(&w);
    sim_w_end(&w);
    put_tail(s, &w, ch.ts, NULL);
    sim_w_doc(&w, "prevOpTime");
    sim_w_ts(&w, "ts", 0);
    sim_w_i64(&w, "t", -1);
    sim_w_end(&w);
    *bytes = (int64_t)sim_w_size(&w) + 1;
    handed_over = *bytes <= SIM_MAX_DOC;
    rc = handed_over ? append(s, &ch, &w) : 1;
out:
    if (!handed_over)
        sim_change_release(&ch);
    sim_w_release(&w);
    return rc;
}

/* ---- differences ---- */

static bool has(const uint8_t *doc, const struct sim_elem *e)
{
    return sim_find_n(doc, e->key, e->key_n).type != 0;
}

/* Sub-documents that changed and stayed documents are told as differences of their own. */
static bool nested(struct sim_val was, struct sim_val is)
{
    return was.type == BSON_TYPE_DOCUMENT && is.type == BSON_TYPE_DOCUMENT && !sim_is_empty(was.p) && !sim_is_empty(is.p);
}

void sim_write_diff(struct sim_w *w, const uint8_t *old, const uint8_t *doc)
{
    struct sim_iter it = sim_iter_of(old);
    struct sim_elem e;
    bool any_deleted = false, any_changed = false, any_new = false;
    while (sim_next(&it, &e))
        any_deleted = any_deleted || !has(doc, &e);
    for (it = sim_iter_of(doc); sim_next(&it, &e);) {
        struct sim_val was = sim_find_n(old, e.key, e.key_n);
        any_new = any_new || !was.type;
        any_changed = any_changed || (was.type && !sim_identical(was, e.v) && !nested(was, e.v));
    }
    if (any_deleted) {
        sim_w_doc(w, "d");
        for (it = sim_iter_of(old); sim_next(&it, &e);)
            if (!has(doc, &e))
                sim_w_bool(w, e.key, false);
        sim_w_end(w);
    }
    if (any_changed) {
        sim_w_doc(w, "u");
        for (it = sim_iter_of(doc); sim_next(&it, &e);) {
            struct sim_val was = sim_find_n(old, e.key, e.key_n);
            if (was.type && !sim_identical(was, e.v) && !nested(was, e.v))
                sim_w_val_n(w, e.key, e.key_n, e.v);
        }
        sim_w_end(w);
    }
    if (any_new) {
        sim_w_doc(w, "i");
        for (it = sim_iter_of(doc); sim_next(&it, &e);)
            if (!has(old, &e))
                sim_w_val_n(w, e.key, e.key_n, e.v);
        sim_w_end(w);
    }
    struct sb_str name;
    sb_str_init(&name);
    for (it = sim_iter_of(doc); sim_next(&it, &e);) {
        struct sim_val was = sim_find_n(old, e.key, e.key_n);
        if (!nested(was, e.v) || sim_identical(was, e.v))
            continue;
        sb_str_clear(&name);
        sb_str_addf(&name, "s%s", e.key);
        sim_w_doc_n(w, name.p, name.len);
        sim_write_diff(w, was.p, e.v.p);
        sim_w_end(w);
    }
    sb_str_release(&name);
}

/* ---- applying ---- */

static void apply_one(struct sim *s, struct sim_member *m, const struct sim_change *c)
{
    if (sim_oplog_append(m, c->entry))
        return;
    sim_apply_change(s, m, c);
    m->applied++;
    m->applied_ts = c->ts;
    m->applied_term = c->term;
    m->applied_wall_ms = c->wall_ms;
    m->n.apply_ops++;
    m->n.fetch_ops++;
    m->n.fetch_bytes += sim_doc_len(c->entry->bson);
    if (m->role.sync < 0)
        return;
    struct sim_member *from = &s->member[m->role.sync]; /* to whom it was a document of a cursor's batch like any other */
    from->n.returned++;
    from->n.docs++;
    from->n.wt_cursor_nexts++;
}

static void after_batch(struct sim *s, struct sim_member *m, double cost, int64_t entries, int64_t bytes)
{
    struct sim_member *p = sim_primary(s);
    m->n.apply_batches++;
    m->n.apply_batch_ms += (int64_t)(cost / 1000) + 1;
    m->n.cpu_us += (int64_t)cost;
    m->applying_until_us = s->now + (int64_t)cost;
    sim_chatter_batch(m, p, entries, bytes);
    if (p)
        m->role.heard_us = s->now; /* the batch comes with the news that there is a primary */
}

/* As the oldest of what is left becomes due. */
static void plan_next(struct sim *s, struct sim_member *m, double cost)
{
    if (m->apply_waiting || !applies(s, m))
        return;
    int64_t lag = lag_of(s, m), fault = m->lag_us + s->seat[m->id].delay_s * 1000000;
    int64_t next = s->now + (int64_t)cost + (lag - fault) / 2 + 200, ripe = sim_change_at(s, m->applied)->made_us + lag;
    m->apply_waiting = sim_at(s, ripe > next ? ripe : next, on_apply, m, NULL) == 0;
}

void sim_apply(struct sim *s, struct sim_member *m)
{
    int64_t due = s->now - (int64_t)s->costs.replicate_us / 2 - m->lag_us - s->seat[m->id].delay_s * 1000000;
    double cost = 0;
    uint64_t before = m->applied, most = reach(s, m);
    int64_t bytes = m->n.fetch_bytes;
    if (!applies(s, m))
        return;
    while (m->applied < most && m->applied < before + BATCH) {
        const struct sim_change *c = sim_change_at(s, m->applied);
        uint64_t at = m->applied;
        if (c->made_us > due)
            break;
        cost += (double)c->keys * s->costs.key_write_us + s->costs.doc_write_us;
        apply_one(s, m, c);
        if (m->applied == at)
            break; /* out of memory: try again with the next change */
    }
    if (m->applied > before)
        after_batch(s, m, cost, (int64_t)(m->applied - before), m->n.fetch_bytes - bytes);
    sim_commit_point(s);
    sim_role_applied(s, m);
    plan_next(s, m, cost);
    sim_apply_wake(s); /* of those that follow this one */
}

void sim_catch_up(struct sim *s, struct sim_member *m, uint64_t ts)
{
    uint64_t most = reach(s, m);
    while (applies(s, m) && m->applied_ts < ts && m->applied < most) {
        uint64_t before = m->applied;
        apply_one(s, m, sim_change_at(s, m->applied));
        if (m->applied == before)
            break;
    }
    sim_commit_point(s);
    sim_role_applied(s, m);
}

void sim_spread(struct sim *s)
{
    for (int i = 0; i < s->members; i++)
        if (!s->member[i].lag_us && !s->seat[i].delay_s)
            sim_catch_up(s, &s->member[i], s->last_ts);
}

/* ---- who has what ---- */

/* Up to where a member has the set's history. */
static struct sim_optime has_of(const struct sim_member *m)
{
    if (!sim_bears_data(m))
        return (struct sim_optime){0, -1};
    return m->branch_n ? (struct sim_optime){m->fork_ts, m->fork_term} : sim_applied(m);
}

bool sim_replicated(const struct sim *s, uint64_t ts, int64_t members)
{
    int64_t n = 0;
    if (members == 0)
        return s->commit_ts >= ts;
    for (int i = 0; i < s->members; i++)
        n += has_of(&s->member[i]).ts >= ts;
    return n >= members;
}

void sim_commit_point(struct sim *s)
{
    const struct sim_member *sorted[SIM_MEMBERS_MAX];
    int n = 0;
    for (int i = 0; i < s->members; i++) {
        const struct sim_member *m = &s->member[i];
        int k = n;
        if (!s->seat[i].votes)
            continue;
        for (; k && has_of(sorted[k - 1]).ts < has_of(m).ts; k--)
            sorted[k] = sorted[k - 1];
        sorted[k] = m;
        n++;
    }
    const struct sim_member *middle = n ? sorted[n / 2] : NULL;
    /* an entry of an earlier term is committed only together with one of this term */
    if (!middle || has_of(middle).t != s->term || has_of(middle).ts <= s->commit_ts)
        return;
    s->commit_ts = has_of(middle).ts;
    s->commit_term = has_of(middle).t;
    s->commit_wall_ms = middle->branch_n ? middle->fork_wall_ms : middle->applied_wall_ms;
    sim_role_committed(s);
}

void sim_put_optime(struct sim_w *w, const char *key, struct sim_optime at)
{
    sim_w_doc(w, key);
    sim_w_ts(w, "ts", at.ts);
    sim_w_i64(w, "t", at.t);
    sim_w_end(w);
}
