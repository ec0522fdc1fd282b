/* SPDX-License-Identifier: Apache-2.0 */
#include "derived.h"

#include <signalbox/base/hook.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION 0x53424c44 /* "SBLD" */
#define VERSION 1
#define IN_MEMORY ":memory:"
#define BATCH 4096        /* entries a transaction when catching up */

enum {
    GET_STATE, SET_STATE, ITEMS, SET_ITEM, DELETE_ITEM, OPEN_ITEMS, GET_TILE, SET_TILE, TILE_ROOTS, STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [GET_STATE] = "SELECT value FROM state WHERE key = ?1",
    [SET_STATE] = "INSERT OR REPLACE INTO state(key, value) VALUES(?1, ?2)",
    [ITEMS] = "SELECT id, kind, open, closed, first, entries FROM item",
    [SET_ITEM] = "INSERT OR REPLACE INTO item(id, kind, open, closed, first, entries) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [DELETE_ITEM] = "DELETE FROM item WHERE id = ?1",
    [OPEN_ITEMS] = "SELECT id FROM item WHERE open = 1 AND kind = ?1 ORDER BY id",
    [GET_TILE] = "SELECT leaves FROM tile WHERE n = ?1",
    [SET_TILE] = "INSERT OR REPLACE INTO tile(n, root, leaves) VALUES(?1, ?2, ?3)",
    [TILE_ROOTS] = "SELECT n, root FROM tile WHERE n < ?1 ORDER BY n",
};

static const char schema[] =
    "CREATE TABLE state(key TEXT PRIMARY KEY NOT NULL, value ANY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE item(id TEXT PRIMARY KEY NOT NULL, kind INTEGER NOT NULL, open INTEGER NOT NULL, closed INTEGER NOT NULL, "
    "first INTEGER NOT NULL, entries INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX item_open ON item(kind, id) WHERE open = 1;"
    "CREATE TABLE tile(n INTEGER PRIMARY KEY, root BLOB, leaves BLOB NOT NULL) STRICT;";

static const char *const number_key[4] = {"card", "case", "anomaly", "decision"};
const char *const sb_anchor_keys[SB_ANCHORS] = {"checkpoint", "checkpoint.signed", "witness"};

struct sb_derived {
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENTS];
    struct sb_hasher *hasher;
    char log[SB_LOG_ID_LEN + 1];
    int64_t seq;
    int64_t anchor[SB_ANCHORS];
    struct sb_items items; /* all there are */
    /* the last tile, the one that is being filled (or full, right after it was) */
    uint8_t leaves[SB_TILE_LEAVES][SB_HASH_LEN];
};

static int fail(const struct sb_derived *d, struct sb_err *err, const char *what)
{
    sb_fail(err, SB_ELEDGER, "derived tables: %s: %s", what, d->db ? sqlite3_errmsg(d->db) : "out of memory");
    if (err && d->db)
        err->detail = sqlite3_extended_errcode(d->db);
    return -1;
}

static int64_t tile_of(int64_t seq)
{
    return (seq - 1) / SB_TILE_LEAVES;
}

/* ---- opening ---- */

static int exec(struct sb_derived *d, const char *text)
{
    return sqlite3_exec(d->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

static int64_t pragma(struct sb_derived *d, const char *text)
{
    sqlite3_stmt *q = NULL;
    int64_t v = -1;
    if (sqlite3_prepare_v2(d->db, text, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
        v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

static int prepare(struct sb_derived *d)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(d->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &d->stmt[i], NULL) != SQLITE_OK)
            return -1;
    return 0;
}

/* A state value: as an integer, or (text not NULL) as text. 1 there, 0 not, -1 error. */
static int get_state(struct sb_derived *d, const char *key, int64_t *number, char *text, size_t cap)
{
    sqlite3_stmt *q = d->stmt[GET_STATE];
    sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
    int rc = sqlite3_step(q);
    if (rc == SQLITE_ROW && number)
        *number = sqlite3_column_int64(q, 0);
    if (rc == SQLITE_ROW && text) {
        const char *found = (const char *)sqlite3_column_text(q, 0);
        snprintf(text, cap, "%s", found ? found : "");
    }
    sqlite3_reset(q);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

static int set_state(struct sb_derived *d, const char *key, int64_t value)
{
    sqlite3_stmt *q = d->stmt[SET_STATE];
    sqlite3_bind_text(q, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, value);
    int rc = sqlite3_step(q);
    sqlite3_reset(q);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int load_tile(struct sb_derived *d, int64_t n, uint8_t leaves[SB_TILE_LEAVES][SB_HASH_LEN], size_t *count)
{
    sqlite3_stmt *q = d->stmt[GET_TILE];
    sqlite3_bind_int64(q, 1, n);
    int rc = -1;
    if (sqlite3_step(q) == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(q, 0);
        int size = sqlite3_column_bytes(q, 0);
        if (bytes && size > 0 && size % SB_HASH_LEN == 0 && size <= SB_TILE_LEAVES * SB_HASH_LEN) {
            memcpy(leaves, bytes, (size_t)size);
            *count = (size_t)size / SB_HASH_LEN;
            rc = 0;
        }
    }
    sqlite3_reset(q);
    return rc;
}

int sb_items_read(struct sb_items *t, sqlite3_stmt *q)
{
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(q, 0);
        size_t n = (size_t)sqlite3_column_bytes(q, 0);
        struct sb_item_state *item = id && n && n <= SB_ITEM_ID_MAX && !sb_items_find(t, id, n) ? sb_items_add(t, id, n) : NULL;
        if (!item)
            break;
        item->kind = (uint8_t)sqlite3_column_int(q, 1);
        item->open = sqlite3_column_int(q, 2) != 0;
        item->closed = sqlite3_column_int(q, 3) != 0;
        item->first = sqlite3_column_int64(q, 4);
        item->entries = sqlite3_column_int64(q, 5);
    }
    sqlite3_reset(q);
    return rc == SQLITE_DONE ? 0 : -1;
}

/* Reads where it stands. -1: it is damaged or not of this log. */
static int load(struct sb_derived *d, const char *log)
{
    char found[SB_LOG_ID_LEN + 2] = "";
    if (get_state(d, "log", NULL, found, sizeof found) != 1 || strcmp(found, log) != 0 || get_state(d, "seq", &d->seq, NULL, 0) != 1 || d->seq < 0)
        return -1;
    for (size_t i = 0; i < 4; i++)
        if (get_state(d, number_key[i], &d->items.number[i], NULL, 0) != 1)
            return -1;
    for (size_t i = 0; i < SB_ANCHORS; i++) {
        d->anchor[i] = 0;
        if (get_state(d, sb_anchor_keys[i], &d->anchor[i], NULL, 0) < 0)
            return -1;
    }
    size_t count = 0;
    if (sb_items_read(&d->items, d->stmt[ITEMS]))
        return -1;
    if (d->seq == 0)
        return 0;
    return load_tile(d, tile_of(d->seq), d->leaves, &count) || (int64_t)count != (d->seq - 1) % SB_TILE_LEAVES + 1 ? -1 : 0;
}

static int create(struct sb_derived *d, const char *log)
{
    char text[400];
    snprintf(text, sizeof text, "PRAGMA application_id=%d; PRAGMA user_version=%d; BEGIN IMMEDIATE;", APPLICATION, VERSION);
    if (exec(d, text) || exec(d, schema))
        return -1;
    snprintf(text, sizeof text, "INSERT INTO state VALUES('log','%.32s'),('seq',0),('card',0),('case',0),('anomaly',0),('decision',0); COMMIT;", log);
    return exec(d, text);
}

static void close_db(struct sb_derived *d)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(d->stmt[i]);
    memset(d->stmt, 0, sizeof d->stmt);
    sqlite3_close(d->db);
    d->db = NULL;
    sb_items_release(&d->items);
    d->seq = 0;
    memset(d->anchor, 0, sizeof d->anchor);
}

static int open_db(struct sb_derived *d, const char *path, const char *log)
{
    if (strcmp(path, IN_MEMORY) != 0 && sb_store_make_private(path, NULL))
        return -1;
    if (sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return -1;
    sqlite3_extended_result_codes(d->db, 1);
    sqlite3_busy_timeout(d->db, SB_STORE_BUSY_MS);
    if (sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        exec(d, "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2048"))
        return -1;
    int64_t application = pragma(d, "PRAGMA application_id"), version = pragma(d, "PRAGMA user_version");
    if (application == 0 && version == 0 && create(d, log))
        return -1;
    else if ((application || version) && (application != APPLICATION || version != VERSION))
        return -1;
    return prepare(d) || load(d, log) ? -1 : 0;
}

static void remove_db(const char *path)
{
    char *journal = sb_format("%s-journal", path);
    unlink(path);
    if (journal)
        unlink(journal);
    free(journal);
}

struct sb_derived *sb_derived_open(const char *path, const char *log, struct sb_err *err)
{
    struct sb_derived *d = calloc(1, sizeof *d);
    if (!d || !(d->hasher = sb_hasher_new())) {
        free(d);
        sb_fail_nomem(err);
        return NULL;
    }
    snprintf(d->log, sizeof d->log, "%s", log);
    if (path && open_db(d, path, log) == 0)
        return d;
    if (path) { /* damaged, or of another time: it holds nothing that cannot be made anew */
        close_db(d);
        remove_db(path);
        if (open_db(d, path, log) == 0)
            return d;
        close_db(d);
    }
    if (open_db(d, IN_MEMORY, log) == 0)
        return d;
    fail(d, err, "cannot be made");
    sb_derived_close(d);
    return NULL;
}

bool sb_derived_on_disk(const struct sb_derived *d)
{
    const char *file = sqlite3_db_filename(d->db, "main");
    return file && file[0];
}

void sb_derived_close(struct sb_derived *d)
{
    if (!d)
        return;
    close_db(d);
    sb_hasher_free(d->hasher);
    free(d);
}

int64_t sb_derived_seq(const struct sb_derived *d)
{
    return d->seq;
}

struct sb_hash sb_derived_leaf(const struct sb_derived *d)
{
    struct sb_hash leaf = {{0}};
    if (d->seq)
        memcpy(leaf.bytes, d->leaves[(d->seq - 1) % SB_TILE_LEAVES], SB_HASH_LEN);
    return leaf;
}

/* ---- catching up ---- */

struct catch_up {
    struct sb_derived *d;
    struct sb_expect expect;
    int64_t bad;
};

/* Writes the tile that holds entry d->seq, with its root when it is full. */
static int save_tile(struct sb_derived *d)
{
    size_t count = (size_t)((d->seq - 1) % SB_TILE_LEAVES + 1);
    struct sb_merkle m = {.size = 0};
    struct sb_hash root;
    if (count == SB_TILE_LEAVES) {
        for (size_t i = 0; i < count; i++) {
            memcpy(root.bytes, d->leaves[i], SB_HASH_LEN);
            if (sb_merkle_push(&m, d->hasher, &root))
                return -1;
        }
        root = m.node[0];
    }
    sqlite3_stmt *q = d->stmt[SET_TILE];
    sqlite3_bind_int64(q, 1, tile_of(d->seq));
    if (count == SB_TILE_LEAVES)
        sqlite3_bind_blob(q, 2, root.bytes, SB_HASH_LEN, SQLITE_STATIC);
    else
        sqlite3_bind_null(q, 2);
    sqlite3_bind_blob(q, 3, d->leaves, (int)(count * SB_HASH_LEN), SQLITE_STATIC);
    int rc = sqlite3_step(q);
    sqlite3_reset(q);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int take_row(void *ctx, const struct sb_store_row *row, struct sb_err *err)
{
    struct catch_up *c = ctx;
    struct sb_derived *d = c->d;
    struct sb_entry_view view;
    struct sb_hash leaf;
    char what[200];
    if (sb_expect_row(&c->expect, row, &view, &leaf, what, sizeof what)) {
        c->bad = c->expect.seq;
        return sb_fail(err, SB_ELEDGER, "entry %" PRId64 " of the ledger is damaged: %s", c->bad, what);
    }
    if (sb_items_apply(&d->items, &view, err))
        return -1;
    d->seq = row->seq;
    memcpy(d->leaves[(row->seq - 1) % SB_TILE_LEAVES], leaf.bytes, SB_HASH_LEN);
    if (row->seq % SB_TILE_LEAVES == 0 && save_tile(d))
        return fail(d, err, "cannot be written");
    return 0;
}

static int save_items(struct sb_derived *d)
{
    for (size_t i = 0; i < d->items.n; i++) {
        struct sb_item_state *s = &d->items.item[i];
        if (!s->dirty)
            continue;
        sqlite3_stmt *q = d->stmt[s->gone ? DELETE_ITEM : SET_ITEM];
        sqlite3_bind_text(q, 1, sb_items_id(&d->items, s), -1, SQLITE_STATIC);
        if (!s->gone) {
            sqlite3_bind_int(q, 2, s->kind);
            sqlite3_bind_int(q, 3, s->open);
            sqlite3_bind_int(q, 4, s->closed);
            sqlite3_bind_int64(q, 5, s->first);
            sqlite3_bind_int64(q, 6, s->entries);
        }
        int rc = sqlite3_step(q);
        sqlite3_reset(q);
        sqlite3_clear_bindings(q);
        if (rc != SQLITE_DONE)
            return -1;
        s->dirty = false;
    }
    return d->items.gone ? sb_items_purge(&d->items) : 0;
}

static int save(struct sb_derived *d)
{
    if (save_items(d) || (d->seq % SB_TILE_LEAVES && save_tile(d)) || set_state(d, "seq", d->seq))
        return -1;
    for (size_t i = 0; i < 4; i++)
        if (set_state(d, number_key[i], d->items.number[i]))
            return -1;
    sb_hook("ledger.derived.written");
    return exec(d, "COMMIT");
}

/* Forgets what memory holds beyond the last commit. */
static int roll_back(struct sb_derived *d)
{
    exec(d, "ROLLBACK");
    sb_items_release(&d->items);
    return load(d, d->log);
}

static int batch(struct catch_up *c, struct sb_store *s, int64_t to, struct sb_err *err)
{
    struct sb_derived *d = c->d;
    if (exec(d, "BEGIN IMMEDIATE"))
        return fail(d, err, "cannot be written");
    int64_t end = to - d->seq > BATCH ? d->seq + BATCH : to;
    while (d->seq < end) {
        int seen = sb_store_up(s, d->seq + 1, end, SB_STORE_PIECE, take_row, c, err);
        if (seen < 0)
            goto back;
        if (seen == 0) {
            c->bad = d->seq + 1;
            sb_fail(err, SB_ELEDGER, "entry %" PRId64 " of the ledger is missing", c->bad);
            goto back;
        }
    }
    if (save(d)) {
        fail(d, err, "cannot be written");
        goto back;
    }
    return 0;
back:
    roll_back(d);
    return -1;
}

int sb_derived_catch_up(struct sb_derived *d, struct sb_store *s, int64_t to, int64_t *bad, struct sb_err *err)
{
    *bad = 0;
    while (d->seq < to) {
        struct sb_hash leaf = sb_derived_leaf(d);
        struct catch_up c = {d, sb_expect_from(d->log, d->seq + 1, &leaf, d->hasher), 0};
        if (batch(&c, s, to, err)) {
            *bad = c.bad;
            return -1;
        }
    }
    sb_hook("ledger.derived.committed");
    return 0;
}

/* ---- reading ---- */

static int push_leaves(struct sb_derived *d, int64_t tile, size_t count, struct sb_merkle *out, struct sb_hasher *h)
{
    uint8_t leaves[SB_TILE_LEAVES][SB_HASH_LEN];
    size_t have = 0;
    if (load_tile(d, tile, leaves, &have) || have < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct sb_hash leaf;
        memcpy(leaf.bytes, leaves[i], SB_HASH_LEN);
        if (sb_merkle_push(out, h, &leaf))
            return -1;
    }
    return 0;
}

int sb_derived_range(struct sb_derived *d, int64_t n, struct sb_merkle *out, struct sb_hasher *h, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    int64_t full = n / SB_TILE_LEAVES;
    sqlite3_stmt *q = d->stmt[TILE_ROOTS];
    sqlite3_bind_int64(q, 1, full);
    int rc;
    int64_t seen = 0;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        struct sb_hash root;
        const void *bytes = sqlite3_column_blob(q, 1);
        if (sqlite3_column_int64(q, 0) != seen || !bytes || sqlite3_column_bytes(q, 1) != SB_HASH_LEN)
            break;
        memcpy(root.bytes, bytes, SB_HASH_LEN);
        if (sb_merkle_push_subtree(out, h, SB_TILE_LEVEL, &root))
            break;
        seen++;
    }
    sqlite3_reset(q);
    bool good = rc == SQLITE_DONE && seen == full && (n % SB_TILE_LEAVES == 0 || push_leaves(d, full, (size_t)(n % SB_TILE_LEAVES), out, h) == 0);
    return good ? 0 : sb_fail(err, SB_ELEDGER, "derived tables: the tiles are damaged; run: signalbox audit rebuild");
}

int sb_derived_leaf_at(struct sb_derived *d, int64_t seq, struct sb_hash *out, struct sb_err *err)
{
    uint8_t leaves[SB_TILE_LEAVES][SB_HASH_LEN];
    size_t count = 0;
    if (seq < 1 || seq > d->seq)
        return 0;
    size_t at = (size_t)((seq - 1) % SB_TILE_LEAVES);
    if (load_tile(d, tile_of(seq), leaves, &count) || at >= count)
        return sb_fail(err, SB_ELEDGER, "derived tables: the tiles are damaged; run: signalbox audit rebuild");
    memcpy(out->bytes, leaves[at], SB_HASH_LEN);
    return 1;
}

int sb_derived_open_ids(struct sb_derived *d, enum sb_item item, char ***ids, size_t *n, struct sb_err *err)
{
    *ids = NULL;
    *n = 0;
    sqlite3_stmt *q = d->stmt[OPEN_ITEMS];
    sqlite3_bind_int(q, 1, (int)item);
    int rc, failed = 0;
    while (!failed && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(q, 0);
        failed = !id || sb_strs_push(ids, n, id);
    }
    if (failed)
        sb_fail_nomem(err);
    else if (rc != SQLITE_DONE)
        failed = fail(d, err, "cannot be read");
    sqlite3_reset(q);
    if (!failed)
        return 0;
    for (size_t i = 0; i < *n; i++)
        free((*ids)[i]);
    free(*ids);
    *ids = NULL;
    *n = 0;
    return -1;
}

const struct sb_item_state *sb_derived_item(const struct sb_derived *d, const char *id)
{
    return sb_items_find(&d->items, id, strlen(id));
}

int64_t sb_derived_number(const struct sb_derived *d, int which)
{
    return d->items.number[which];
}

int64_t sb_derived_anchor(const struct sb_derived *d, int kind)
{
    return d->anchor[kind];
}

int sb_derived_note_anchor(struct sb_derived *d, int kind, int64_t size, struct sb_err *err)
{
    if (d->anchor[kind] == size)
        return 0;
    if (set_state(d, sb_anchor_keys[kind], size))
        return fail(d, err, "cannot be written");
    d->anchor[kind] = size;
    return 0;
}
