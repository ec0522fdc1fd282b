/* SPDX-License-Identifier: Apache-2.0
 *
 * insert, update, delete, findAndModify. */
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/sort.h>
#include <signalbox/sim/txn.h>
#include <signalbox/sim/update.h>
#include <signalbox/sim/contend.h>
#include <signalbox/sim/wait.h>

#include "commands.h"
#include "ddl.h"
#include "series.h"
#include "validation.h"
#include "write_out.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BATCH 100000

static struct sim_doc *doc_of(struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(w);
    return d;
}

static const struct sim_stamp *stamp_of(const struct sim_call *c, int32_t stmt, struct sim_stamp *out)
{
    if (!c->has_txn)
        return NULL;
    *out = (struct sim_stamp){c->lsid, c->txn_number, stmt};
    return out;
}

/* ---- what becomes of a change: into the oplog, or kept by the transaction until its commit ---- */

static int claim(struct sim_call *c, const struct sim_coll *coll, const uint8_t *doc, struct sim_fail *f)
{
    if (c->txn && coll->capped)
        return sim_fail(f, SIM_NOT_IN_TXN, "Collection '%s' is a capped collection. Writes in transactions are not allowed on capped collections.", coll->ns);
    return sim_txn_claim(c, coll, sim_find(doc, "_id"), f);
}

static int log_insert(struct sim_call *c, struct sim_coll *coll, uint64_t rid, struct sim_doc *d, int64_t keys, int32_t stmt)
{
    struct sim_stamp stamp;
    if (c->txn)
        return sim_txn_note(c, coll, rid, NULL, d, false, keys);
    return strcmp(c->db, "local") == 0 ? 0 : sim_log_insert(c->s, coll, d, keys, stamp_of(c, stmt, &stamp));
}

static int log_update(struct sim_call *c, struct sim_coll *coll, uint64_t rid, struct sim_doc *old, struct sim_doc *d, int64_t keys, bool replacement,
                      int32_t stmt)
{
    struct sim_stamp stamp;
    if (c->txn)
        return sim_txn_note(c, coll, rid, old, d, replacement, keys);
    return sim_log_update(c->s, coll, old, d, keys, replacement, stamp_of(c, stmt, &stamp));
}

static int log_delete(struct sim_call *c, struct sim_coll *coll, uint64_t rid, struct sim_doc *old, int32_t stmt)
{
    struct sim_stamp stamp;
    if (c->txn)
        return sim_txn_note(c, coll, rid, old, NULL, false, 1);
    return strcmp(c->db, "local") == 0 ? 0 : sim_log_delete(c->s, coll, old, 1, stamp_of(c, stmt, &stamp));
}

/* ---- a batch ---- */

/* Errors of single statements, told together. */
struct errors {
    struct sim_w w;
    size_t n;
};

static void note_error(struct errors *e, size_t index, struct sim_fail *f)
{
    sim_w_doc(&e->w, NULL);
    sim_w_i32(&e->w, "index", (int64_t)index);
    sim_w_i32(&e->w, "code", f->code);
    if (f->extra)
        sim_w_all(&e->w, f->extra);
    sim_w_text(&e->w, "errmsg", f->msg);
    sim_w_end(&e->w);
    e->n++;
    sim_fail_release(f);
    *f = (struct sim_fail)SIM_FAIL_INIT;
}

/* A conflict is the whole command's: it waits, or its transaction is over. */
static bool fails_whole(struct sim_call *c, struct sim_fail *f)
{
    if (!c->blocked && !(c->txn && f->code == SIM_WRITE_CONFLICT))
        return false;
    c->fail = *f;
    *f = (struct sim_fail)SIM_FAIL_INIT;
    return true;
}

static int begin_batch(struct sim_call *c, const char *name, struct sim_batch *b)
{
    if (sim_call_ns(c) || sim_check_writable(c) || sim_call_batch(c, name, b))
        return -1;
    if (b->n == 0 || b->n > MAX_BATCH)
        return sim_fail(&c->fail, 16, "Write batch sizes must be between 1 and %d. Got %zu operations.", MAX_BATCH, b->n);
    return 0;
}

static void put_errors(struct sim_call *c, struct errors *e)
{
    const uint8_t *list = sim_w_done(&e->w);
    if (e->n && list)
        sim_w_val(c->reply, "writeErrors", sim_find(list, "list"));
    c->write_errors = e->n;
    c->m->n.asserts_user += (int64_t)e->n;
    sim_w_release(&e->w);
}

static void begin_errors(struct errors *e)
{
    e->n = 0;
    sim_w_init(&e->w);
    sim_w_array(&e->w, "list");
}

/* After everything else: a concern that this set cannot meet. */
static void put_concern(struct sim_call *c)
{
    if (c->w_needs > sim_data_members(c->s)) {
        sim_w_doc(c->reply, "writeConcernError");
        sim_w_i32(c->reply, "code", SIM_UNSATISFIABLE_WC);
        sim_w_text(c->reply, "codeName", "UnsatisfiableWriteConcern");
        sim_w_text(c->reply, "errmsg", "Not enough data-bearing nodes");
        sim_w_doc(c->reply, "errInfo");
        sim_w_doc(c->reply, "writeConcern");
        if (c->wc.type)
            sim_w_all(c->reply, c->wc.p);
        sim_w_text(c->reply, "provenance", "clientSupplied");
        sim_w_end(c->reply);
        sim_w_end(c->reply);
        sim_w_end(c->reply);
    }
}

/* ---- insert ---- */

/* The document with its _id in front, made when missing. NULL after a failure. */
static struct sim_doc *prepare_insert(struct sim_call *c, const uint8_t *doc, struct sim_fail *f)
{
    struct sim_val id = sim_find(doc, "_id");
    struct sim_elem e;
    if (sim_doc_len(doc) > SIM_MAX_DOC)
        return sim_fail(f, 2, "object to insert too large. size in bytes: %u, max size: %d", sim_doc_len(doc), SIM_MAX_DOC), NULL;
    if (id.type == BSON_TYPE_ARRAY || id.type == BSON_TYPE_REGEX || id.type == BSON_TYPE_UNDEFINED)
        return sim_fail(f, 53, "The '_id' value cannot be of type %s", sim_type_name(id.type)), NULL;
    struct sim_iter first = sim_iter_of(doc);
    if (id.type && sim_next(&first, &e) && strcmp(e.key, "_id") == 0)
        return sim_doc_new(doc);
    struct sim_w w;
    uint8_t oid[12];
    sim_w_init(&w);
    if (id.type) {
        sim_w_val(&w, "_id", id);
    } else {
        sim_new_oid(c->s, oid);
        sim_w_oid(&w, "_id", oid);
    }
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);)
        if (strcmp(e.key, "_id") != 0)
            sim_w_val_n(&w, e.key, e.key_n, e.v);
    struct sim_doc *d = doc_of(&w);
    if (!d)
        sim_fail_nomem(f);
    return d;
}

/* Takes d. */
static int insert_one(struct sim_call *c, struct sim_coll *coll, struct sim_doc *d, int32_t stmt, struct sim_fail *f)
{
    struct sim_write_work work = {0};
    if (!d)
        return f->code ? -1 : sim_fail_nomem(f);
    bool refused = sim_validate_document(c, coll, NULL, d->bson, f) || claim(c, coll, d->bson, f);
    uint64_t rid = refused ? 0 : sim_coll_insert(coll, d, &work, f);
    int rc = rid ? 0 : -1;
    if (rc == 0 && log_insert(c, coll, rid, d, work.keys_inserted, stmt)) {
        sim_coll_remove(coll, rid, &work);
        rc = sim_fail_nomem(f);
    }
    if (rc == 0) {
        c->op.work.keys_written += work.keys_inserted + work.keys_deleted;
        c->op.work.docs_written++;
        c->op.work.bytes_written += sim_doc_len(d->bson);
        c->op.keys_inserted += work.keys_inserted;
    }
    sim_doc_unref(d);
    return rc;
}

int sim_write_insert(struct sim_call *c, struct sim_coll *coll, const uint8_t *doc)
{
    return insert_one(c, coll, prepare_insert(c, doc, &c->fail), 0, &c->fail);
}

int sim_cmd_insert(struct sim_call *c)
{
    struct sim_batch b;
    struct errors errors;
    bool ordered = true;
    c->op.type = "insert";
    c->op.top = SIM_TOP_INSERT;
    if (begin_batch(c, "documents", &b) || sim_arg_bool(c, "ordered", &ordered))
        return -1;
    struct sim_coll *series = sim_series_find(&c->m->cat, c->ns), *coll = series ? series : sim_need_coll(c);
    if (!coll)
        return -1;
    if (series && c->in_txn)
        return sim_fail(&c->fail, SIM_NOT_IN_TXN, "Cannot insert into a time-series collection in a multi-document transaction: %s", c->ns);
    begin_errors(&errors);
    int64_t n = 0;
    c->op.keys_inserted = 0;
    c->m->n.op[SIM_OP_INSERT] += (int64_t)b.n;
    for (size_t i = 0; i < b.n; i++) {
        struct sim_fail f = SIM_FAIL_INIT;
        const uint8_t *doc = sim_batch_next(&b);
        if (!doc)
            break;
        struct sim_doc *d = series ? sim_series_measurement(c, series, doc, &f) : prepare_insert(c, doc, &f);
        if (insert_one(c, coll, d, (int32_t)i, &f)) {
            if (fails_whole(c, &f)) {
                sim_w_release(&errors.w);
                return -1;
            }
            note_error(&errors, i, &f);
            c->op.failed_writes++;
            if (ordered || c->txn)
                break;
        } else {
            n++;
        }
    }
    c->op.ninserted = n;
    c->m->n.session_writes += c->has_txn;
    sim_w_int(c->reply, "n", n);
    sim_put_write_tail(c);
    put_errors(c, &errors);
    put_concern(c);
    return 0;
}

/* ---- statements of update and delete ---- */

struct statement {
    struct sim_op op;
    struct sim_find *find;
    struct sim_update *update; /* NULL: a delete */
    bool multi, upsert, dry;
    int32_t index;
    int64_t matched, modified, upserted;
    struct sim_doc *upserted_doc;
    struct sim_row *rows; /* of a multi */
    size_t rows_n, rows_cap;
    struct sim_doc *before, *after; /* findAndModify */
};

static void statement_release(struct statement *st)
{
    for (size_t i = 0; i < st->rows_n; i++)
        sim_row_release(&st->rows[i]);
    free(st->rows);
    sim_doc_unref(st->upserted_doc);
    sim_doc_unref(st->before);
    sim_doc_unref(st->after);
    sim_update_free(st->update);
    sim_find_free(st->find);
    sim_op_release(&st->op);
}

static void add_work(struct statement *st, const struct sim_write_work *work, size_t bytes)
{
    st->op.work.keys_written += work->keys_inserted + work->keys_deleted;
    st->op.work.docs_written++;
    st->op.work.bytes_written += (int64_t)bytes;
    st->op.keys_inserted += work->keys_inserted;
    st->op.keys_deleted += work->keys_deleted;
}

static int update_row(struct sim_call *c, struct statement *st, struct sim_row *row, struct sim_fail *f)
{
    struct sim_coll *coll = st->find->exec->q.coll;
    struct sim_update_clock clock = {sim_now_ms(c->s), c->s->last_ts + 1, -1};
    struct sim_write_work work = {0};
    struct sim_doc *fresh = NULL;
    st->matched++;
    if (sim_update_is_positional(st->update))
        clock.element = sim_match_element(st->find->filter->root, row->doc->bson);
    int rc = sim_update_apply(st->update, row->doc->bson, false, &clock, &fresh, f);
    if (rc <= 0) {
        if (rc == 0 && !st->multi)
            st->after = sim_doc_ref(row->doc);
        return rc;
    }
    st->modified++;
    st->op.hot_id = st->multi ? 0 : sim_hot_id(coll, row->rid);
    st->op.keeps_old = true;
    if (!st->dry) {
        struct sim_doc *old = sim_doc_ref(row->doc);
        rc = sim_validate_document(c, coll, old->bson, fresh->bson, f) || claim(c, coll, old->bson, f) ? -1 : 0;
        if (rc == 0)
            rc = sim_coll_replace(coll, row->rid, fresh, &work, f);
        if (rc == 0 && log_update(c, coll, row->rid, old, fresh, work.keys_inserted + work.keys_deleted, sim_update_is_replacement(st->update), st->index)) {
            struct sim_write_work back = {0};
            sim_coll_replace(coll, row->rid, old, &back, f);
            rc = sim_fail_nomem(f);
        }
        sim_doc_unref(old);
        if (rc == 0)
            add_work(st, &work, sim_doc_len(fresh->bson));
        else
            st->modified--;
    }
    if (rc >= 0 && !st->multi)
        st->after = sim_doc_ref(fresh);
    sim_doc_unref(fresh);
    return rc < 0 ? -1 : 0;
}

static int delete_row(struct sim_call *c, struct statement *st, struct sim_row *row, struct sim_fail *f)
{
    struct sim_coll *coll = st->find->exec->q.coll;
    struct sim_write_work work = {0};
    st->matched++;
    if (st->dry)
        return 0;
    if (claim(c, coll, row->doc->bson, f)) {
        st->matched--;
        return -1;
    }
    if (log_delete(c, coll, row->rid, row->doc, st->index))
        return sim_fail_nomem(f);
    st->op.hot_id = st->multi ? 0 : sim_hot_id(coll, row->rid);
    st->op.keeps_old = true;
    sim_coll_remove(coll, row->rid, &work);
    add_work(st, &work, 0);
    return 0;
}

static int change_row(struct sim_call *c, struct statement *st, struct sim_row *row, struct sim_fail *f)
{
    return st->update ? update_row(c, st, row, f) : delete_row(c, st, row, f);
}

/* All rows first, then the changes: a scan must not meet what it changed itself. */
static int run_multi(struct sim_call *c, struct statement *st, struct sim_fail *f)
{
    struct sim_row row;
    int rc;
    while ((rc = sim_exec_next(st->find->exec, &row, f)) > 0) {
        struct sim_row *rows = st->rows;
        if (st->rows_n == st->rows_cap) {
            size_t cap = st->rows_cap ? st->rows_cap * 2 : 16;
            rows = realloc(st->rows, cap * sizeof *rows);
            if (!rows) {
                sim_row_release(&row);
                return sim_fail_nomem(f);
            }
            st->rows = rows;
            st->rows_cap = cap;
        }
        st->rows[st->rows_n++] = row;
    }
    for (size_t i = 0; rc == 0 && i < st->rows_n; i++)
        rc = change_row(c, st, &st->rows[i], f);
    return rc;
}

static int run_single(struct sim_call *c, struct statement *st, struct sim_fail *f)
{
    struct sim_row row;
    int rc = sim_exec_next(st->find->exec, &row, f);
    if (rc <= 0)
        return rc;
    st->before = sim_doc_ref(row.doc);
    rc = change_row(c, st, &row, f);
    sim_row_release(&row);
    return rc;
}

static int upsert(struct sim_call *c, struct statement *st, struct sim_fail *f)
{
    struct sim_update_clock clock = {sim_now_ms(c->s), c->s->last_ts + 1, -1};
    struct sim_doc *base = sim_upsert_base(st->find->filter->root, f), *made = NULL;
    int rc = base ? sim_update_apply(st->update, base->bson, true, &clock, &made, f) : -1;
    sim_doc_unref(base);
    if (rc < 0)
        return -1;
    st->upserted = 1;
    if (st->dry) {
        sim_doc_unref(made);
        return 0;
    }
    st->upserted_doc = prepare_insert(c, made->bson, f);
    sim_doc_unref(made);
    struct sim_coll *coll = st->upserted_doc ? sim_need_coll(c) : NULL;
    if (!coll)
        return f->code ? -1 : sim_fail_nomem(f);
    struct sim_write_work work = {0};
    bool refused = sim_validate_document(c, coll, NULL, st->upserted_doc->bson, f) || claim(c, coll, st->upserted_doc->bson, f);
    uint64_t rid = refused ? 0 : sim_coll_insert(coll, st->upserted_doc, &work, f);
    if (!rid)
        return -1;
    if (log_insert(c, coll, rid, st->upserted_doc, work.keys_inserted, st->index)) {
        sim_coll_remove(coll, rid, &work);
        return sim_fail_nomem(f);
    }
    add_work(st, &work, sim_doc_len(st->upserted_doc->bson));
    st->after = sim_doc_ref(st->upserted_doc);
    return 0;
}

/* Puts UPDATE or DELETE on top of the plans, for their explain. */
static void wrap_plans(struct statement *st, bool returns)
{
    struct sim_exec *e = st->find->exec;
    for (size_t i = 0; i <= e->rejected_n; i++) {
        struct sim_stage **slot = i < e->rejected_n ? &e->rejected[i] : &e->root, *s = sim_arena_get(&e->arena, sizeof *s);
        if (!s)
            return;
        s->kind = st->update ? SIM_UPDATE_STAGE : SIM_DELETE_STAGE;
        s->child = *slot;
        s->coll = e->q.coll;
        sb_str_init(&s->seek);
        *slot = s;
    }
    struct sim_stage *s = e->root;
    bool found = st->matched > 0;
    s->advanced = returns && found;
    s->works = returns ? s->advanced + 1 : s->child->works + (!st->multi && found);
    s->need_time = s->works - 1 - s->advanced;
    s->eof = true;
    s->n_matched = st->matched;
    s->n_would_modify = st->modified;
    s->n_would_upsert = st->upserted;
}

/* What the log shows of a statement. */
static struct sim_doc *shown(const uint8_t *doc, bool update)
{
    struct sim_w w;
    struct sim_elem e;
    sim_w_init(&w);
    sim_w_val(&w, "q", sim_find(doc, "q"));
    if (update) {
        sim_w_val(&w, "u", sim_find(doc, "u"));
        sim_w_bool(&w, "multi", sim_truth(sim_find(doc, "multi")));
        sim_w_bool(&w, "upsert", sim_truth(sim_find(doc, "upsert")));
    } else {
        sim_w_val(&w, "limit", sim_find(doc, "limit"));
    }
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);)
        if (strcmp(e.key, "hint") == 0 || strcmp(e.key, "arrayFilters") == 0)
            sim_w_val(&w, e.key, e.v);
    return doc_of(&w);
}

static int check_statement(struct sim_call *c, const uint8_t *doc, bool update, struct sim_fail *f)
{
    static const char *const known_update[] = {"q", "u", "multi", "upsert", "hint", "collation", "arrayFilters", "c"},
                      *const known_delete[] = {"q", "limit", "hint", "collation"};
    const char *const *known = update ? known_update : known_delete;
    size_t n = update ? SB_COUNT(known_update) : SB_COUNT(known_delete);
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);) {
        size_t i = 0;
        while (i < n && strcmp(known[i], e.key) != 0)
            i++;
        if (i == n)
            return sim_fail(f, SIM_UNKNOWN_FIELD, "BSON field '%s.%s.%.100s' is an unknown field.", c->cmd->name, update ? "updates" : "deletes", e.key);
        if ((strcmp(e.key, "collation") == 0 && !sim_is_simple_collation(e.v)) || strcmp(e.key, "c") == 0)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "%s in a statement is not simulated", e.key);
    }
    if (!update && !sim_find(doc, "limit").type && sim_find(doc, "q").type)
        return sim_fail(f, SIM_MISSING_FIELD, "BSON field 'delete.deletes.limit' is missing but a required field");
    if (sim_find(doc, "q").type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_MISSING_FIELD, "BSON field '%s.%s.q' is missing but a required field", c->cmd->name, update ? "updates" : "deletes");
    int64_t limit = sim_int(sim_find(doc, "limit"), -1);
    if (!update && limit != 0 && limit != 1)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "The limit field in delete objects must be 0 or 1. Got %lld", (long long)limit);
    return 0;
}

/* What an upsert inserts follows from its filter, and nothing follows from an $expr. */
static int check_upsert(const struct statement *st, struct sim_fail *f)
{
    if (st->upsert && sim_expr_can_fail(st->find->filter->root))
        return sim_fail(f, SIM_QUERY_FEATURE, "$expr is not allowed in the query predicate for an upsert");
    return 0;
}

/* The question and the change of one statement. dry: for explain. */
static int open_statement(struct sim_call *c, const uint8_t *doc, bool update, bool dry, struct statement *st, struct sim_fail *f)
{
    struct sim_query q = {.purpose = update ? SIM_FOR_UPDATE : SIM_FOR_DELETE, .no_cache = dry, .keep_trials = dry, .hint = sim_find(doc, "hint")};
    st->dry = dry;
    st->multi = update ? sim_truth(sim_find(doc, "multi")) : sim_int(sim_find(doc, "limit"), 0) == 0;
    st->upsert = update && sim_truth(sim_find(doc, "upsert"));
    q.multi = st->multi;
    if (update && !(st->update = sim_update_new(sim_find(doc, "u"), sim_find(doc, "arrayFilters"), st->multi, f)))
        return -1;
    st->find = sim_find_new(c, doc, &q, sim_find(doc, "q").p, NULL);
    if (st->find)
        return check_upsert(st, f);
    *f = c->fail;
    c->fail = (struct sim_fail)SIM_FAIL_INIT;
    return -1;
}

static int run_statement(struct sim_call *c, struct statement *st, struct sim_fail *f)
{
    int rc = st->multi ? run_multi(c, st, f) : run_single(c, st, f);
    if (rc == 0 && st->update && st->upsert && st->matched == 0)
        rc = upsert(c, st, f);
    return rc;
}

int sim_write_update(struct sim_call *c, const uint8_t *doc, int64_t *matched)
{
    struct statement st = {0};
    sim_op_init(&st.op, c->conn);
    c->m->next_opid--; /* part of its command's operation */
    struct sim_fail f = SIM_FAIL_INIT;
    int rc = open_statement(c, doc, true, false, &st, &f) ? -1 : run_statement(c, &st, &f);
    if (rc)
        c->fail = f;
    c->op.work.docs_written += st.op.work.docs_written;
    c->op.work.keys_written += st.op.work.keys_written;
    c->op.work.bytes_written += st.op.work.bytes_written;
    *matched = st.matched;
    statement_release(&st);
    return rc;
}

/* Accounts for a statement and adds it to its command. */
static void account(struct sim_call *c, struct statement *st, const uint8_t *doc, const struct sim_fail *f)
{
    struct sim_op *op = &st->op;
    bool update = st->update != NULL || strcmp(c->cmd->name, "update") == 0;
    op->is_statement = true;
    op->counts_write = op->in_top = true;
    op->type = update ? "update" : "remove";
    op->top = update ? SIM_TOP_UPDATE : SIM_TOP_REMOVE;
    op->opid = c->op.opid;
    snprintf(op->ns, sizeof op->ns, "%s", c->ns);
    op->command = shown(doc, update);
    op->has_read_concern = true;
    op->in_txn = c->in_txn;
    if (st->find) {
        wrap_plans(st, false);
        sim_op_exec(op, st->find->exec, NULL);
    }
    if (update) {
        op->nmatched = st->matched;
        op->nmodified = st->modified;
        op->nupserted = st->upserted;
    } else {
        op->ndeleted = st->matched;
    }
    op->error = f->code;
    snprintf(op->error_msg, sizeof op->error_msg, "%s", f->msg);
    sim_op_time(op);
    sim_op_finish(op);
    c->op.inner_us += op->latency_us;
    c->op.inner_cpu_us += op->cpu_us;
    c->op.lock_us += op->lock_us;
    c->op.conflict_us += op->conflict_us;
    c->op.read_us += op->read_us;
    c->op.read_bytes += op->read_bytes;
    c->op.evict_us += op->evict_us;
    c->op.conflicts += op->conflicts;
    c->op.work.docs_written += op->work.docs_written;
    c->op.work.keys_written += op->work.keys_written;
    c->op.work.bytes_written += op->work.bytes_written;
}

static void put_upserted(struct sim_w *w, size_t index, const struct sim_doc *d)
{
    sim_w_doc(w, NULL);
    sim_w_i32(w, "index", (int64_t)index);
    sim_w_val(w, "_id", sim_find(d->bson, "_id"));
    sim_w_end(w);
}

static int run_statements(struct sim_call *c, bool update)
{
    struct sim_batch b;
    struct errors errors;
    struct sim_w upserted, inside;
    bool ordered = true;
    int64_t n = 0, modified = 0, ups = 0;
    if (begin_batch(c, update ? "updates" : "deletes", &b) || sim_arg_bool(c, "ordered", &ordered))
        return -1;
    c->op.in_top = false;
    snprintf(c->op.ns, sizeof c->op.ns, "%s.$cmd", c->db);
    struct sim_coll *series = sim_series_find(&c->m->cat, c->ns);
    if (series && sim_series_begin(c, series, update ? b.n : 1))
        return -1;
    begin_errors(&errors);
    sim_w_init(&inside);
    sim_w_init(&upserted);
    sim_w_array(&upserted, "list");
    for (size_t i = 0; i < b.n; i++) {
        struct statement st = {.index = (int32_t)i};
        struct sim_fail f = SIM_FAIL_INIT;
        const uint8_t *doc = sim_batch_next(&b);
        if (!doc)
            break;
        sim_op_init(&st.op, c->conn);
        c->m->next_opid--; /* a statement is part of its command's operation */
        c->m->n.op[update ? SIM_OP_UPDATE : SIM_OP_DELETE]++;
        st.op.keys_inserted = st.op.keys_deleted = 0;
        int rc = check_statement(c, doc, update, &f);
        const uint8_t *todo = rc || !series ? doc : sim_series_statement(series, doc, update, &inside, &f);
        rc = rc || !todo || open_statement(c, todo, update, false, &st, &f) ? -1 : 0;
        if (rc == 0) {
            sim_exec_count_accesses(st.find->exec);
            rc = run_statement(c, &st, &f);
        }
        if (rc && fails_whole(c, &f)) {
            statement_release(&st);
            sim_w_release(&errors.w);
            sim_w_release(&upserted);
            sim_w_release(&inside);
            return -1;
        }
        account(c, &st, doc, &f);
        n += st.matched + st.upserted;
        modified += st.modified;
        if (st.upserted_doc && rc == 0) {
            put_upserted(&upserted, i, st.upserted_doc);
            ups++;
        }
        statement_release(&st);
        if (rc) {
            note_error(&errors, i, &f);
            if (ordered || c->txn)
                break;
        }
    }
    c->m->n.session_writes += c->has_txn;
    sim_w_int(c->reply, "n", n);
    sim_put_write_tail(c);
    put_errors(c, &errors);
    const uint8_t *list = sim_w_done(&upserted);
    if (ups && list)
        sim_w_val(c->reply, "upserted", sim_find(list, "list"));
    sim_w_release(&upserted);
    sim_w_release(&inside);
    if (update)
        sim_w_int(c->reply, "nModified", modified);
    put_concern(c);
    return 0;
}

int sim_cmd_update(struct sim_call *c)
{
    return run_statements(c, true);
}

int sim_cmd_delete(struct sim_call *c)
{
    return run_statements(c, false);
}

/* ---- findAndModify ---- */

static int open_find_and_modify(struct sim_call *c, const uint8_t *cmd, bool dry, struct statement *st)
{
    struct sim_query q = {.purpose = SIM_FOR_MODIFY, .no_cache = dry, .keep_trials = dry, .hint = sim_find(cmd, "hint")};
    struct sim_val sort = sim_find(cmd, "sort"), query = sim_find(cmd, "query"), update = sim_find(cmd, "update");
    bool remove = sim_truth(sim_find(cmd, "remove"));
    st->dry = dry;
    st->upsert = sim_truth(sim_find(cmd, "upsert"));
    q.remove = remove;
    if (remove == (update.type != 0))
        return sim_fail(&c->fail, SIM_FAILED_TO_PARSE, remove ? "Cannot specify both an update and remove=true" : "Either an update or remove=true must be specified");
    if (remove && (st->upsert || sim_truth(sim_find(cmd, "new"))))
        return sim_fail(&c->fail, SIM_FAILED_TO_PARSE, "Cannot specify both %s=true and remove=true", st->upsert ? "upsert" : "new");
    if (sort.type == BSON_TYPE_DOCUMENT && !sim_is_empty(sort.p)) {
        if (sim_sort_check(sort.p, &c->fail))
            return -1;
        q.sort = sort.p;
        q.limit = 1;
    }
    if (!remove && !(st->update = sim_update_new(update, sim_find(cmd, "arrayFilters"), false, &c->fail)))
        return -1;
    st->find = sim_find_new(c, cmd, &q, query.type == BSON_TYPE_DOCUMENT ? query.p : NULL, NULL);
    return st->find ? check_upsert(st, &c->fail) : -1;
}

static int put_modified(struct sim_call *c, const struct statement *st)
{
    const uint8_t *fields = NULL;
    struct sim_projection *p = NULL;
    bool want_new = sim_truth(sim_arg(c, "new"));
    if (sim_arg_doc(c, "fields", &fields) || (fields && !(p = sim_projection_new(fields, &c->fail)) && c->fail.code))
        return -1;
    const struct sim_doc *value = st->update && want_new ? st->after : st->before;
    sim_w_doc(c->reply, "lastErrorObject");
    sim_w_i32(c->reply, "n", st->matched || st->upserted);
    if (st->update)
        sim_w_bool(c->reply, "updatedExisting", st->matched > 0);
    if (st->upserted_doc)
        sim_w_val(c->reply, "upserted", sim_find(st->upserted_doc->bson, "_id"));
    sim_w_end(c->reply);
    if (!value) {
        sim_w_null(c->reply, "value");
    } else if (p) {
        sim_w_doc(c->reply, "value");
        sim_project(p, value->bson, c->reply);
        sim_w_end(c->reply);
    } else {
        sim_w_copy(c->reply, "value", value->bson);
    }
    sim_projection_free(p);
    return 0;
}

int sim_cmd_find_and_modify(struct sim_call *c)
{
    struct statement st = {0};
    if (sim_call_ns(c) || sim_check_writable(c))
        return -1;
    sim_op_init(&st.op, c->conn);
    c->m->next_opid--;
    st.op.keys_inserted = st.op.keys_deleted = 0;
    int rc = open_find_and_modify(c, c->body, false, &st);
    if (rc == 0) {
        sim_exec_count_accesses(st.find->exec);
        rc = run_statement(c, &st, &c->fail);
    }
    if (rc == 0) {
        c->op.work = st.op.work;
        c->op.hot_id = st.op.hot_id;
        c->op.keeps_old = st.op.keeps_old;
        wrap_plans(&st, true);
        sim_op_exec(&c->op, st.find->exec, NULL);
        c->op.nmatched = st.update ? st.matched : -1;
        c->op.nmodified = st.update ? st.modified : -1;
        c->op.nupserted = st.update ? st.upserted : -1;
        c->op.ndeleted = st.update ? -1 : st.matched;
        c->op.keys_inserted = st.op.keys_inserted;
        c->op.keys_deleted = st.op.keys_deleted;
        rc = put_modified(c, &st);
    }
    if (rc == 0)
        put_concern(c);
    c->m->n.session_writes += c->has_txn;
    statement_release(&st);
    return rc;
}

/* ---- explain ---- */

int sim_explain_write(struct sim_call *c, const uint8_t *cmd, const char *name, int stats)
{
    struct statement st = {0};
    bool modify = strcmp(name, "findAndModify") == 0, update = strcmp(name, "update") == 0;
    struct sim_elem e;
    int rc;
    sim_op_init(&st.op, c->conn);
    c->m->next_opid--;
    st.op.keys_inserted = st.op.keys_deleted = 0;
    if (modify) {
        rc = open_find_and_modify(c, cmd, true, &st);
    } else {
        struct sim_val list = sim_find(cmd, update ? "updates" : "deletes");
        struct sim_iter it = list.type == BSON_TYPE_ARRAY ? sim_iter_of(list.p) : (struct sim_iter){NULL};
        if (!it.at || sim_count(list.p) != 1 || !sim_next(&it, &e) || e.v.type != BSON_TYPE_DOCUMENT)
            rc = sim_fail(&c->fail, SIM_INVALID_OPTIONS, "explained write batches must be of size 1");
        else
            rc = check_statement(c, e.v.p, update, &c->fail) || open_statement(c, e.v.p, update, true, &st, &c->fail) ? -1 : 0;
    }
    if (rc == 0 && stats)
        rc = run_statement(c, &st, &c->fail);
    if (rc == 0) {
        wrap_plans(&st, modify);
        st.find->exec->q.ns = c->ns;
        sim_op_exec(&c->op, st.find->exec, NULL);
        sim_explain(c->reply, st.find->exec, stats, false, (int64_t)(sim_cost_of(&c->s->costs, &c->op.work) / 1000));
    }
    statement_release(&st);
    return rc;
}
