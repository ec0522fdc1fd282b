/* SPDX-License-Identifier: Apache-2.0 */
#include "witness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AHEAD 8 /* tiles that are read at once */

/* A tile as it is noted. */
struct tile {
    uint8_t leaves[SB_TILE_LEAVES][SB_HASH_LEN];
    size_t n; /* of leaves */
    struct sb_hash root;
    bool has_root; /* one of the right size was there */
};

struct sb_witness {
    struct sb_lockless file;
    const char *log;
    sqlite3_stmt *tile;
    int64_t seq;
    int64_t anchor[SB_ANCHORS];
    struct sb_items items;
    struct tile last; /* the one that was not full, as it was when items and number were read: it grows */
    struct tile ahead[AHEAD];
    int64_t ahead_from; /* number of the first of them */
    size_t ahead_n;
    uint8_t taken[SB_TILE_LEAVES][SB_HASH_LEN];
    int64_t taken_from; /* entry of taken[0]; 0: none yet */
    size_t taken_n;
    int64_t bad_root; /* first entry of a tile whose noted root is not that of its noted leaves; 0: none */
};

static sqlite3_stmt *prepare(struct sb_witness *w, const char *sql)
{
    sqlite3_stmt *q = NULL;
    return sqlite3_prepare_v2(w->file.db, sql, -1, &q, NULL) == SQLITE_OK ? q : NULL;
}

static bool read_state(struct sb_witness *w, const char *log)
{
    static const char *const names[] = {"card", "case", "anomaly", "decision"};
    bool right_log = false, has_seq = false;
    sqlite3_stmt *q = prepare(w, "SELECT key, value FROM state");
    int rc;
    while (q && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(q, 0);
        if (sb_streq(key, "log"))
            right_log = sb_streq((const char *)sqlite3_column_text(q, 1), log);
        if (sb_streq(key, "seq")) {
            w->seq = sqlite3_column_int64(q, 1);
            has_seq = w->seq >= 0;
        }
        for (size_t i = 0; i < SB_COUNT(names); i++)
            if (sb_streq(key, names[i]))
                w->items.number[i] = sqlite3_column_int64(q, 1);
        for (size_t i = 0; i < SB_ANCHORS; i++)
            if (sb_streq(key, sb_anchor_keys[i]))
                w->anchor[i] = sqlite3_column_int64(q, 1);
    }
    sqlite3_finalize(q);
    return q && rc == SQLITE_DONE && right_log && has_seq;
}

static bool read_items(struct sb_witness *w)
{
    sqlite3_stmt *q = prepare(w, "SELECT id, kind, open, closed, first, entries FROM item");
    bool good = q && sb_items_read(&w->items, q) == 0;
    sqlite3_finalize(q);
    return good;
}

static int take_tile(struct sb_witness *w, int64_t at, struct tile *t, struct sb_err *err)
{
    sqlite3_stmt *q = w->tile;
    t->n = 0;
    t->has_root = false;
    sqlite3_bind_int64(q, 1, at);
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(q, 0), *top = sqlite3_column_blob(q, 1);
        size_t size = (size_t)sqlite3_column_bytes(q, 0);
        if (bytes && size % SB_HASH_LEN == 0 && size <= sizeof t->leaves) {
            memcpy(t->leaves, bytes, size);
            t->n = size / SB_HASH_LEN;
        }
        t->has_root = top && sqlite3_column_bytes(q, 1) == SB_HASH_LEN;
        if (t->has_root)
            memcpy(t->root.bytes, top, SB_HASH_LEN);
    }
    sqlite3_reset(q);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return 0;
    sb_fail(err, SB_ELEDGER, "derived tables: a tile cannot be read");
    if (err)
        err->detail = rc;
    return -1;
}

static int64_t last_tile(const struct sb_witness *w)
{
    return w->seq ? (w->seq - 1) / SB_TILE_LEAVES : -1;
}

/* Every tile that is full stays as it is. */
static int take_full_tiles(void *ctx, struct sb_err *err)
{
    struct sb_witness *w = ctx;
    int64_t full = w->seq / SB_TILE_LEAVES;
    w->ahead_n = 0;
    while (w->ahead_n < AHEAD && w->ahead_from + (int64_t)w->ahead_n < full) {
        if (take_tile(w, w->ahead_from + (int64_t)w->ahead_n, &w->ahead[w->ahead_n], err))
            return -1;
        w->ahead_n++;
    }
    return 0;
}

/* NULL: it is not noted, or cannot be read. */
static const struct tile *noted_tile(struct sb_witness *w, int64_t at)
{
    if (at == last_tile(w) && w->seq % SB_TILE_LEAVES)
        return &w->last;
    if (at > last_tile(w))
        return NULL;
    if (at < w->ahead_from || at >= w->ahead_from + (int64_t)w->ahead_n) {
        w->ahead_from = at;
        if (sb_lockless_read(&w->file, take_full_tiles, w, NULL))
            w->ahead_n = 0;
    }
    return w->ahead_n ? &w->ahead[at - w->ahead_from] : NULL;
}

/* Items and sequence number as of one moment. */
static int read_all(void *ctx, struct sb_err *err)
{
    struct sb_witness *w = ctx;
    sb_items_release(&w->items);
    memset(w->anchor, 0, sizeof w->anchor);
    w->last.n = w->ahead_n = 0;
    w->seq = 0;
    sqlite3_finalize(w->tile);
    bool good = sqlite3_exec(w->file.db, "PRAGMA query_only=ON; PRAGMA cell_size_check=ON", NULL, NULL, NULL) == SQLITE_OK;
    w->tile = good ? prepare(w, "SELECT leaves, root FROM tile WHERE n = ?1") : NULL;
    good = w->tile && read_state(w, w->log) && read_items(w);
    if (good && w->seq)
        good = take_tile(w, last_tile(w), &w->last, err) == 0 && w->last.n;
    if (good)
        return 0;
    sb_fail(err, SB_ELEDGER, "%s cannot be read now: %s", w->file.path, sqlite3_errmsg(w->file.db));
    if (err)
        err->detail = sqlite3_extended_errcode(w->file.db);
    return -1;
}

/* A file whose making was cut short, by a full disk or a death: it never held anything. */
static bool is_unmade(sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    bool none = db && sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_master LIMIT 1", -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_DONE;
    sqlite3_finalize(q);
    return none;
}

int sb_witness_open(struct sb_witness **out, const char *path, const char *log, struct sb_err *err)
{
    *out = NULL;
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    struct sb_witness *w = calloc(1, sizeof *w);
    if (!w)
        return sb_fail_nomem(err);
    struct sb_err why = SB_ERR_INIT;
    w->log = log;
    if (sb_lockless_open(&w->file, path, &why) == 0) {
        sqlite3_db_config(w->file.db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(w->file.db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        if (sb_lockless_read(&w->file, read_all, w, &why) == 0) {
            *out = w;
            return 0;
        }
    }
    bool unmade = is_unmade(w->file.db);
    sb_witness_close(w);
    if (unmade)
        return 0;
    int code = (int)(why.detail & 0xff);
    if (why.code != SB_ENOMEM && code != SQLITE_BUSY && code != SQLITE_NOMEM)
        return 1;
    if (err)
        *err = why;
    return -1;
}

void sb_witness_close(struct sb_witness *w)
{
    if (!w)
        return;
    sqlite3_finalize(w->tile);
    sb_lockless_close(&w->file);
    sb_items_release(&w->items);
    free(w);
}

int64_t sb_witness_anchor(const struct sb_witness *w, int kind)
{
    return w->anchor[kind];
}

int64_t sb_witness_seq(const struct sb_witness *w)
{
    return w->seq;
}

/* Compares the taken leaves, and the root when they make a whole tile, with the noted ones. */
static int64_t compare_tile(struct sb_witness *w, int64_t seq, const struct sb_hash *tile_root)
{
    const struct tile *noted = noted_tile(w, (w->taken_from - 1) / SB_TILE_LEAVES);
    size_t n = noted ? noted->n : 0;
    for (size_t i = 0; i < w->taken_n; i++) {
        int64_t at = w->taken_from + (int64_t)i;
        if (at > seq || at > w->seq)
            return 0;
        if (i >= n || !sb_hash_same(noted->leaves[i], w->taken[i]))
            return at;
    }
    bool root_good = !tile_root || (noted && noted->has_root && sb_hash_same(noted->root.bytes, tile_root->bytes));
    if (!root_good && !w->bad_root)
        w->bad_root = w->taken_from;
    return 0;
}

int64_t sb_witness_peek(struct sb_witness *w, int64_t seq)
{
    return w->taken_n ? compare_tile(w, seq, NULL) : 0;
}

int64_t sb_witness_leaf(struct sb_witness *w, int64_t seq, const struct sb_hash *leaf, const struct sb_hash *tile_root)
{
    if (w->taken_n == 0)
        w->taken_from = seq;
    memcpy(w->taken[w->taken_n++], leaf->bytes, SB_HASH_LEN);
    if (!tile_root)
        return 0;
    int64_t differs = compare_tile(w, seq, tile_root);
    w->taken_n = 0;
    return differs;
}

/* ---- items ---- */

static bool same_item(const struct sb_item_state *a, const struct sb_item_state *b)
{
    return a->kind == b->kind && a->open == b->open && a->closed == b->closed && a->first == b->first && a->entries == b->entries;
}

bool sb_witness_items(const struct sb_witness *w, const struct sb_items *folded, char *what, size_t cap)
{
    static const char *const names[] = {"cards", "cases", "anomalies", "decisions"};
    if (w->bad_root) {
        snprintf(what, cap, "the tile of entry %" PRId64 " has another root than its leaves give", w->bad_root);
        return false;
    }
    for (size_t i = 0; i < folded->n; i++) {
        const struct sb_item_state *f = &folded->item[i];
        const char *id = sb_items_id(folded, f);
        const struct sb_item_state *s = f->gone ? NULL : sb_items_find(&w->items, id, f->n);
        if (!f->gone && (!s || !same_item(s, f))) {
            snprintf(what, cap, "%s is %s", id, s ? "not what its entries make it" : "missing");
            return false;
        }
    }
    for (size_t i = 0; i < w->items.n; i++) {
        const char *id = sb_items_id(&w->items, &w->items.item[i]);
        const struct sb_item_state *f = sb_items_find(folded, id, w->items.item[i].n);
        if (!f || f->gone) {
            snprintf(what, cap, "%s is not open", id);
            return false;
        }
    }
    for (size_t i = 0; i < 4; i++)
        if (folded->number[i] != w->items.number[i]) {
            snprintf(what, cap, "the highest number of %s is %" PRId64 ", not %" PRId64, names[i], folded->number[i], w->items.number[i]);
            return false;
        }
    return true;
}
