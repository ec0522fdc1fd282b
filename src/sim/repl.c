/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/apply.h>
#include <signalbox/sim/repl.h>

#include <stdlib.h>
#include <string.h>

#define TERM 1
#define MAX_STREAM 200000 /* changes kept for a member that applies nothing; then it has to be resynchronised */

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
    sim_w_i64(w, "t", TERM);
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

static int append_entry(struct sim_member *m, struct sim_doc *entry)
{
    struct sim_coll *oplog = sim_coll_find(&m->cat, "local.oplog.rs");
    struct sim_write_work work = {0};
    struct sim_fail f = SIM_FAIL_INIT;
    return oplog && sim_coll_insert(oplog, entry, &work, &f) ? 0 : -1;
}

static void change_release(struct sim_change *c)
{
    sim_doc_unref(c->entry);
    sim_doc_unref(c->post);
    sim_doc_unref(c->id);
}

static void trim_stream(struct sim *s)
{
    uint64_t least = UINT64_MAX;
    for (int i = 1; i < s->members; i++)
        if (s->member[i].applied < least)
            least = s->member[i].applied;
    size_t gone = least > s->change_base ? (size_t)(least - s->change_base) : 0;
    if (s->members == 1)
        gone = s->change_n;
    if (gone < 1024 && gone < s->change_n)
        return;
    for (size_t i = 0; i < gone; i++)
        change_release(&s->change[i]);
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
    return (int64_t)(s->costs.replicate_us * sim_cost_spread(&s->costs, &m->rng)) + m->lag_us;
}

static void wake_secondary(struct sim *s, struct sim_member *m)
{
    if (m->apply_waiting || m->frozen || m->applied >= s->change_base + s->change_n)
        return;
    m->apply_waiting = sim_at(s, s->now + lag_of(s, m), on_apply, m, NULL) == 0;
}

/* Takes the references in c. */
static int append(struct sim *s, struct sim_change *c, struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    c->entry = done ? sim_doc_new(done) : NULL;
    if (!c->entry || SB_GROW(s->change, s->change_cap, s->change_n + 1) || append_entry(sim_primary(s), c->entry)) {
        change_release(c);
        return -1;
    }
    c->wall_ms = sim_now_ms(s);
    c->made_us = s->now;
    s->last_ts = c->ts;
    s->last_wall_ms = c->wall_ms;
    s->change[s->change_n++] = *c;
    struct sim_member *p = sim_primary(s);
    p->applied = s->change_base + s->change_n;
    p->applied_ts = c->ts;
    p->applied_wall_ms = c->wall_ms;
    for (int i = 1; i < s->members; i++)
        wake_secondary(s, &s->member[i]);
    sim_commit_point(s);
    if (s->change_n > 2048)
        trim_stream(s);
    return s->change_n > MAX_STREAM ? -1 : 0;
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

int sim_log_update(struct sim *s, const struct sim_coll *c, const uint8_t *old, struct sim_doc *doc, int64_t keys, bool replacement,
                   const struct sim_stamp *stamp)
{
    struct sim_change ch = {.ts = next_ts(s), .kind = SIM_CHANGE_UPDATE, .keys = keys, .post = sim_doc_ref(doc), .id = id_of(doc->bson)};
    struct sim_w w;
    if (!ch.id) {
        change_release(&ch);
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
        sim_write_diff(&w, old, doc->bson);
        sim_w_end(&w);
        sim_w_end(&w);
    }
    sim_w_copy(&w, "o2", ch.id->bson);
    put_tail(s, &w, ch.ts, stamp);
    int rc = append(s, &ch, &w);
    sim_w_release(&w);
    return rc;
}

int sim_log_delete(struct sim *s, const struct sim_coll *c, const uint8_t *old, int64_t keys, const struct sim_stamp *stamp)
{
    struct sim_change ch = {.ts = next_ts(s), .kind = SIM_CHANGE_DELETE, .keys = keys, .id = id_of(old)};
    struct sim_w w;
    if (!ch.id)
        return -1;
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
    if (append_entry(m, c->entry))
        return;
    sim_apply_change(s, m, c);
    m->applied++;
    m->applied_ts = c->ts;
    m->applied_wall_ms = c->wall_ms;
    m->n.apply_ops++;
    m->n.fetch_ops++;
    m->n.fetch_bytes += sim_doc_len(c->entry->bson);
    struct sim_member *from = sim_primary(s); /* to whom it was a document of a cursor's batch like any other */
    from->n.returned++;
    from->n.docs++;
    from->n.wt_cursor_nexts++;
    from->n.bytes_out += sim_doc_len(c->entry->bson);
}

void sim_apply(struct sim *s, struct sim_member *m)
{
    int64_t due = s->now - (int64_t)s->costs.replicate_us / 2 - m->lag_us;
    double cost = 0;
    uint64_t before = m->applied;
    if (m->primary || m->frozen)
        return;
    while (m->applied < s->change_base + s->change_n) {
        const struct sim_change *c = &s->change[m->applied - s->change_base];
        if (c->made_us > due)
            break;
        cost += (double)c->keys * s->costs.key_write_us + s->costs.doc_write_us;
        apply_one(s, m, c);
        if (m->applied == before)
            break; /* out of memory: try again with the next change */
    }
    if (m->applied > before) {
        m->n.apply_batches++;
        m->n.fetch_getmores++;
        sim_primary(s)->n.served_getmores++;
        m->n.apply_batch_ms += (int64_t)(cost / 1000) + 1;
        m->n.cpu_us += (int64_t)cost;
    }
    sim_commit_point(s);
    if (m->apply_waiting || m->applied >= s->change_base + s->change_n)
        return;
    int64_t next = s->now + (int64_t)cost + lag_of(s, m) / 2 + 200;
    m->apply_waiting = sim_at(s, next, on_apply, m, NULL) == 0;
}

void sim_catch_up(struct sim *s, struct sim_member *m, uint64_t ts)
{
    while (!m->primary && !m->frozen && m->applied_ts < ts && m->applied < s->change_base + s->change_n) {
        uint64_t before = m->applied;
        apply_one(s, m, &s->change[m->applied - s->change_base]);
        if (m->applied == before)
            break;
    }
    sim_commit_point(s);
}

void sim_commit_point(struct sim *s)
{
    int64_t wall[SIM_MEMBERS];
    uint64_t ts[SIM_MEMBERS];
    int n = 0;
    for (int i = 0; i < s->members; i++, n++) {
        int k = n;
        for (; k && ts[k - 1] < s->member[i].applied_ts; k--) {
            ts[k] = ts[k - 1];
            wall[k] = wall[k - 1];
        }
        ts[k] = s->member[i].applied_ts;
        wall[k] = s->member[i].applied_wall_ms;
    }
    if (ts[n / 2] > s->commit_ts) {
        s->commit_ts = ts[n / 2];
        s->commit_wall_ms = wall[n / 2];
    }
}

void sim_put_optime(struct sim_w *w, const char *key, uint64_t ts)
{
    sim_w_doc(w, key);
    sim_w_ts(w, "ts", ts);
    sim_w_i64(w, "t", TERM);
    sim_w_end(w);
}
