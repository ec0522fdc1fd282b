/* SPDX-License-Identifier: Apache-2.0
 *
 * How rows are gone through. The owner's are visited where SQLite holds them; whoever reads without a lock copies a chunk
 * first, and visits it once it is known that the file stood still. */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_ROWS 1000
#define CHUNK_BYTES (1 << 20) /* so that looking whether the file stood still costs little beside it */

/* Rows as they were copied, before it is known whether the file stood still. */
struct sb_store_chunk {
    struct sb_str bytes;
    int n;
    int limit;  /* what is filled in now: at most so many rows, */
    int64_t to; /* up to this number */
    struct {
        int64_t seq;
        size_t at; /* the leaf's bytes, a zero, then the text's */
        int leaf_n, json_n;
    } row[CHUNK_ROWS];
};

void sb_store_chunk_free(struct sb_store_chunk *c)
{
    if (c)
        sb_str_release(&c->bytes);
    free(c);
}

static bool chunk_full(const struct sb_store_chunk *c)
{
    return c->n == c->limit || c->n == CHUNK_ROWS || c->bytes.len >= CHUNK_BYTES;
}

/* False: nothing more is wanted. */
static bool copy_row(struct sb_store_chunk *c, const struct sb_store_row *row)
{
    if (row->seq > c->to)
        return false;
    c->row[c->n].seq = row->seq;
    c->row[c->n].at = c->bytes.len;
    c->row[c->n].leaf_n = row->leaf_n;
    c->row[c->n].json_n = row->json_n;
    sb_str_add(&c->bytes, row->leaf, (size_t)row->leaf_n);
    sb_str_add(&c->bytes, "", 1); /* a leaf is hashed with a zero in front */
    sb_str_add(&c->bytes, row->json, (size_t)row->json_n);
    c->n++;
    return !chunk_full(c);
}

/* ---- functions that SQLite calls; they say 1 when they have enough, which ends the step, and nothing (NULL) else ---- */

static void take_row(sqlite3_context *call, int n, sqlite3_value **value)
{
    (void)n;
    const struct sb_store *s = sqlite3_user_data(call);
    struct sb_store_row row = {.seq = sqlite3_value_int64(value[0])};
    row.leaf = sqlite3_value_blob(value[1]);
    row.leaf_n = sqlite3_value_bytes(value[1]);
    row.json = sqlite3_value_blob(value[2]);
    row.json_n = sqlite3_value_bytes(value[2]);
    if (!copy_row(s->chunk, &row))
        sqlite3_result_int(call, 1);
}

static void take_pair(sqlite3_context *call, int n, sqlite3_value **value)
{
    (void)n;
    const struct sb_store *s = sqlite3_user_data(call);
    const char *id = sqlite3_value_blob(value[0]);
    if (s->pair.fn(s->pair.ctx, id ? id : "", (size_t)sqlite3_value_bytes(value[0]), sqlite3_value_int64(value[1])))
        sqlite3_result_int(call, 1);
}

int sb_store_add_functions(struct sb_store *s)
{
    const int flags = SQLITE_UTF8 | SQLITE_DIRECTONLY; /* never from what stands in the file */
    return sqlite3_create_function_v2(s->db, "sb_take_row", 3, flags, s, take_row, NULL, NULL, NULL) != SQLITE_OK ||
           sqlite3_create_function_v2(s->db, "sb_take_pair", 2, flags, s, take_pair, NULL, NULL, NULL) != SQLITE_OK;
}

/* ---- entries ---- */

static struct sb_store_row row_of(sqlite3_stmt *q)
{
    struct sb_store_row row = {.seq = sqlite3_column_int64(q, 0)};
    /* as blobs: a conversion to text would copy each to end it with a NUL */
    row.leaf = sqlite3_column_blob(q, 1);
    row.leaf_n = sqlite3_column_bytes(q, 1);
    row.json = sqlite3_column_blob(q, 2);
    row.json_n = sqlite3_column_bytes(q, 2);
    if (!row.json) {
        row.json = "";
        row.json_n = 0;
    }
    return row;
}

/* At most limit rows, up to the number `to`. */
static int visit_owned(struct sb_store *s, sqlite3_stmt *q, int limit, int64_t to, sb_store_fn fn, void *ctx, struct sb_err *err)
{
    int seen = 0, rc = SQLITE_DONE;
    while (seen < limit && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        struct sb_store_row row = row_of(q);
        if (row.seq > to) {
            rc = SQLITE_DONE;
            break;
        }
        seen++;
        int said = fn(ctx, &row, err);
        if (said) {
            sqlite3_reset(q);
            return said < 0 ? -1 : seen;
        }
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        seen = sb_store_fail(s, err, "the ledger cannot be read");
    sqlite3_reset(q);
    return seen;
}

struct filling {
    struct sb_store *s;
    sqlite3_stmt *q;
    int limit;
    int64_t to;
};

static int fill_chunk(void *ctx, struct sb_err *err)
{
    const struct filling *f = ctx;
    struct sb_store_chunk *c = f->s->chunk;
    bool taken = f->q == f->s->stmt[SB_STMT_TAKE_UP], more = true;
    int rc = SQLITE_DONE;
    sb_str_clear(&c->bytes);
    c->n = 0;
    c->limit = f->limit;
    c->to = f->to;
    while (more && (rc = sqlite3_step(f->q)) == SQLITE_ROW) {
        struct sb_store_row row;
        more = !taken && (row = row_of(f->q), copy_row(c, &row));
    }
    int bad = rc != SQLITE_DONE && rc != SQLITE_ROW ? sb_store_fail(f->s, err, "the ledger cannot be read") : sb_str_ok(&c->bytes) ? 0 : sb_fail_nomem(err);
    sqlite3_reset(f->q);
    return bad;
}

/* The parameter of a statement that says where it begins, and where it goes on behind a row. */
struct cursor {
    sqlite3_stmt *q;
    int parameter; /* 0: there is at most one row */
    int step;      /* added to the number of the last row */
};

/* The copied rows from the i-th on. */
static void make_batch(struct sb_store_batch *b, const struct sb_store_chunk *c, int i)
{
    b->hashed = false;
    for (b->n = 0; b->n < SB_STORE_BATCH && i < c->n; i++, b->n++) {
        const char *p = c->bytes.p + c->row[i].at;
        b->row[b->n] = (struct sb_store_row){c->row[i].seq, p, c->row[i].leaf_n, p + c->row[i].leaf_n + 1, c->row[i].json_n, b};
    }
}

static int visit_lockless(struct sb_store *s, struct cursor at, int limit, int64_t to, sb_store_fn fn, void *ctx, struct sb_err *err)
{
    if (!s->chunk && !(s->chunk = calloc(1, sizeof *s->chunk)))
        return sb_fail_nomem(err);
    struct sb_store_batch batch;
    if (!s->chunk->bytes.p)
        sb_str_init(&s->chunk->bytes);
    for (int seen = 0;;) {
        struct filling f = {s, at.q, limit - seen, to};
        if (sb_lockless_read(&s->reader, fill_chunk, &f, err))
            return -1;
        struct sb_store_chunk *c = s->chunk;
        bool short_of = !chunk_full(c);
        for (int i = 0; i < c->n; i++, seen++) {
            if (i % SB_STORE_BATCH == 0)
                make_batch(&batch, c, i);
            int said = fn(ctx, &batch.row[i % SB_STORE_BATCH], err);
            if (said)
                return said < 0 ? -1 : seen + 1;
        }
        if (short_of || seen == limit || !at.parameter)
            return seen;
        sqlite3_bind_int64(at.q, at.parameter, c->row[c->n - 1].seq + at.step);
    }
}

static int visit(struct sb_store *s, struct cursor at, int limit, int64_t to, sb_store_fn fn, void *ctx, struct sb_err *err)
{
    return s->reader.db ? visit_lockless(s, at, limit, to, fn, ctx, err) : visit_owned(s, at.q, limit, to, fn, ctx, err);
}

int sb_store_up(struct sb_store *s, int64_t from, int64_t to, int limit, sb_store_fn fn, void *ctx, struct sb_err *err)
{
    sqlite3_stmt *q = s->stmt[s->reader.db ? SB_STMT_TAKE_UP : SB_STMT_UP];
    sqlite3_bind_int64(q, 1, from);
    return visit(s, (struct cursor){q, 1, 1}, limit, to, fn, ctx, err);
}

int sb_store_down(struct sb_store *s, int64_t before, int limit, sb_store_fn fn, void *ctx, struct sb_err *err)
{
    sqlite3_stmt *q = s->stmt[SB_STMT_DOWN];
    sqlite3_bind_int64(q, 1, before);
    return visit(s, (struct cursor){q, 1, 0}, limit, INT64_MAX, fn, ctx, err);
}

int sb_store_by_ref(struct sb_store *s, const char *id, int64_t after, int limit, sb_store_fn fn, void *ctx, struct sb_err *err)
{
    sqlite3_stmt *q = s->stmt[SB_STMT_BY_REF];
    if (sqlite3_bind_text(q, 1, id, -1, SQLITE_TRANSIENT) != SQLITE_OK)
        return sb_fail_nomem(err);
    sqlite3_bind_int64(q, 2, after);
    return visit(s, (struct cursor){q, 2, 0}, limit, INT64_MAX, fn, ctx, err);
}

int sb_store_last(struct sb_store *s, sb_store_fn fn, void *ctx, struct sb_err *err)
{
    return visit(s, (struct cursor){s->stmt[SB_STMT_LAST], 0, 0}, 1, INT64_MAX, fn, ctx, err);
}

/* ---- pairs ---- */

/* Goes on until the function has enough (1) or there are no more of them (0). */
static int go_through(struct sb_store *s, sqlite3_stmt *q, struct sb_err *err)
{
    int rc = sqlite3_step(q);
    int said = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : sb_store_fail(s, err, "the ledger cannot be read");
    sqlite3_reset(q);
    return said;
}

int sb_store_pairs(struct sb_store *s, enum sb_store_pairs which, struct sb_span id, int64_t seq, sb_store_pair_fn fn, void *ctx, struct sb_err *err)
{
    sqlite3_stmt *rest = which == SB_PAIRS_REFS ? s->stmt[SB_STMT_REST_OF_REF] : NULL;
    sqlite3_stmt *q = s->stmt[which == SB_PAIRS_REFS ? SB_STMT_REFS : SB_STMT_ALL_STARTED];
    int said = 0;
    s->pair.fn = fn;
    s->pair.ctx = ctx;
    if ((rest && sqlite3_bind_text(rest, 1, id.p, (int)id.n, SQLITE_STATIC) != SQLITE_OK) || sqlite3_bind_text(q, 1, id.p, (int)id.n, SQLITE_STATIC) != SQLITE_OK)
        return sb_fail_nomem(err);
    if (rest) {
        sqlite3_bind_int64(rest, 2, seq);
        said = go_through(s, rest, err);
        sqlite3_clear_bindings(rest);
    }
    if (said == 0)
        said = go_through(s, q, err);
    sqlite3_clear_bindings(q);
    return said < 0 ? -1 : 0;
}
