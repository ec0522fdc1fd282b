/* SPDX-License-Identifier: Apache-2.0 */
#include "fill.h"

#include <signalbox/base/file.h>
#include <signalbox/base/rng.h>
#include <signalbox/ledger/merkle.h>
#include <signalbox/ledger/verify.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

/* A ledger of a few cases, closed; its files are kept as bytes and put back for each forgery. */
struct original {
    const char *dir;
    struct sb_str db, derived, checkpoint;
    int64_t entries;
    struct sb_str lines; /* what an export would give */
};

static void path_of(char out[160], const char *dir, const char *file)
{
    snprintf(out, 160, "%s/%s", dir, file);
}

static void keep_file(struct sb_str *out, const char *dir, const char *file)
{
    char path[160];
    struct sb_err err = SB_ERR_INIT;
    path_of(path, dir, file);
    sb_str_init(out);
    sb_assert_ok(sb_file_read(path, 100 << 20, out, &err), err);
}

static void put_file(const struct sb_str *bytes, const char *dir, const char *file)
{
    char path[160];
    path_of(path, dir, file);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* nothing here need outlive a power cut */
    assert_true(fd >= 0);
    assert_int_equal(sb_write_all(fd, bytes->p, bytes->len), 0);
    close(fd);
}

static int collect(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)e;
    (void)err;
    sb_str_add(ctx, bytes, n);
    sb_str_addc(ctx, '\n');
    return 0;
}

/* The entries as lines; false when they cannot be read to the end. */
static bool lines_of(const char *dir, struct sb_str *out)
{
    struct sb_ledger *l = sb_ledger_open(dir, SB_LEDGER_READ, NULL, NULL);
    sb_str_init(out);
    bool good = l && sb_ledger_range(l, 1, 0, collect, out, NULL) == 0;
    sb_ledger_close(l);
    return good;
}

static void make_original_with(struct original *o, int cases, bool one_open)
{
    struct sb_origin origin;
    sb_origin_seeded(&origin, 11);
    o->dir = sb_test_dir();
    struct sb_ledger *l = fill_own(o->dir, &origin);
    for (int i = 1; i <= cases; i++)
        fill_case(l, i);
    if (one_open)
        fill_open_case(l, cases + 1);
    o->entries = sb_ledger_head(l);
    sb_ledger_close(l);
    keep_file(&o->db, o->dir, "ledger.db");
    keep_file(&o->derived, o->dir, "derived.db");
    keep_file(&o->checkpoint, o->dir, "checkpoint");
    assert_true(lines_of(o->dir, &o->lines));
}

static void make_original(struct original *o, int cases)
{
    make_original_with(o, cases, false);
}

static void put_back(const struct original *o)
{
    put_file(&o->db, o->dir, "ledger.db");
    put_file(&o->derived, o->dir, "derived.db");
    put_file(&o->checkpoint, o->dir, "checkpoint");
}

static void release(struct original *o)
{
    sb_str_release(&o->db);
    sb_str_release(&o->derived);
    sb_str_release(&o->checkpoint);
    sb_str_release(&o->lines);
}

static struct sb_verify check_full(const char *dir)
{
    struct sb_verify v;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_ledger_verify(dir, SB_VERIFY_FULL, NULL, NULL, &v, &err), err);
    return v;
}

static struct sb_verify check(const char *dir)
{
    struct sb_verify v;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_ledger_verify(dir, 0, NULL, NULL, &v, &err), err);
    return v;
}

/* What somebody with the sqlite3 program can do: triggers gone first. */
static void forge(const char *dir, const char *file, const char *sql)
{
    char path[160], *said = NULL;
    sqlite3 *db = NULL;
    path_of(path, dir, file);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, &said);
    if (rc != SQLITE_OK)
        fail_msg("%s: %s", sql, said);
    sqlite3_close(db);
}

#define NO_TRIGGERS                                                                                                         \
    "DROP TRIGGER entry_append; DROP TRIGGER entry_update; DROP TRIGGER entry_delete; DROP TRIGGER ref_append;"             \
    "DROP TRIGGER ref_update; DROP TRIGGER ref_delete; DROP TRIGGER started_append; DROP TRIGGER started_update; DROP TRIGGER started_delete;"

/* The triggers as they were, so that a forgery is not found by their absence. */
static void put_triggers_back(const struct original *o)
{
    char path[160];
    sqlite3 *from = NULL, *to = NULL;
    sqlite3_stmt *q = NULL;
    struct sb_str all;
    sb_str_init(&all);
    path_of(path, o->dir, "as-it-was.db");
    put_file(&o->db, o->dir, "as-it-was.db");
    assert_int_equal(sqlite3_open(path, &from), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(from, "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name NOT LIKE 'meta%'", -1, &q, NULL), SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW)
        sb_str_addf(&all, "%s;", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    sqlite3_close(from);
    unlink(path);
    path_of(path, o->dir, "ledger.db");
    assert_int_equal(sqlite3_open(path, &to), SQLITE_OK);
    assert_int_equal(sqlite3_exec(to, all.p, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(to);
    sb_str_release(&all);
}

static void expect_found(const struct original *o, const char *sql, bool full, int64_t index, const char *says)
{
    put_back(o);
    forge(o->dir, "ledger.db", sql);
    struct sb_verify v = full ? check_full(o->dir) : check(o->dir);
    if (v.ok || v.bad != index || !strstr(v.what, says))
        fail_msg("%s\n  ok %d, entry %lld, %s; expected entry %lld, %s", sql, v.ok, (long long)v.bad, v.what, (long long)index, says);
}

static void expect_bad(const struct original *o, const char *sql, int64_t index, const char *says)
{
    expect_found(o, sql, false, index, says);
    expect_found(o, sql, true, index, says);
}

/* ---- tests ---- */

static void an_untouched_ledger_is_good_and_its_root_is_the_published_one(void **state)
{
    (void)state;
    struct original o;
    make_original(&o, 30); /* more than two tiles */
    struct sb_verify v = check(o.dir);
    assert_string_equal(v.what, "");
    assert_true(v.ok);
    assert_int_equal(v.entries, o.entries);
    assert_int_equal(v.checkpoint, o.entries);
    assert_int_equal(v.derived, o.entries);
    /* the owner and the reader compute the same root, each in its own way */
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    struct sb_hash root;
    sb_origin_seeded(&origin, 11);
    struct sb_ledger *l = fill_own(o.dir, &origin);
    sb_assert_ok(sb_ledger_root(l, o.entries, &root, &err), err);
    assert_memory_equal(&root, &v.root, sizeof root);
    for (int64_t n = 0; n <= o.entries; n += 37) {
        struct sb_hash a, b;
        struct sb_ledger *r = sb_ledger_open(o.dir, SB_LEDGER_READ, NULL, &err);
        assert_non_null(r);
        sb_assert_ok(sb_ledger_root(l, n, &a, &err), err);
        sb_assert_ok(sb_ledger_root(r, n, &b, &err), err);
        assert_memory_equal(&a, &b, sizeof a);
        sb_ledger_close(r);
    }
    sb_ledger_close(l);
    release(&o);
}

static void every_way_to_change_history_is_located(void **state)
{
    (void)state;
    struct original o;
    make_original(&o, 3);
    assert_int_equal(o.entries, 63);
    /* changed */
    expect_bad(&o, NO_TRIGGERS "UPDATE entry SET json = replace(json, 'slow', 'fine') WHERE seq = 2", 2, "its bytes do not give its stored leaf hash");
    expect_bad(&o, NO_TRIGGERS "UPDATE entry SET leaf = zeroblob(32) WHERE seq = 63", 63, "its bytes do not give its stored leaf hash");
    expect_bad(&o, NO_TRIGGERS "UPDATE entry SET json = json || ' ' WHERE seq = 5", 5, "leaf hash");
    /* cut out, first, middle and last */
    expect_bad(&o, NO_TRIGGERS "DELETE FROM entry WHERE seq = 1", 1, "it is missing");
    expect_bad(&o, NO_TRIGGERS "DELETE FROM entry WHERE seq = 30", 30, "it is missing");
    expect_bad(&o, NO_TRIGGERS "DELETE FROM entry WHERE seq = 63", 63, "it is missing, with all that came after it");
    expect_bad(&o, NO_TRIGGERS "DELETE FROM entry WHERE seq > 20", 21, "it is missing, with all that came after it");
    expect_bad(&o, NO_TRIGGERS "DELETE FROM entry", 1, "it is missing, with all that came after it");
    /* cut out and closed up */
    expect_bad(&o, NO_TRIGGERS "DELETE FROM entry WHERE seq = 30; UPDATE entry SET seq = seq - 1 WHERE seq > 30", 30, "it says that it is entry 31");
    /* swapped, doubled, inserted */
    expect_bad(&o, NO_TRIGGERS "UPDATE entry SET seq = 1000 WHERE seq = 7; UPDATE entry SET seq = 7 WHERE seq = 9; UPDATE entry SET seq = 9 WHERE seq = 1000", 7, "it says that it is entry 9");
    expect_bad(&o, NO_TRIGGERS "INSERT INTO entry SELECT 64, leaf, json FROM entry WHERE seq = 63", 64, "it says that it is entry 63");
    expect_bad(&o, NO_TRIGGERS "UPDATE entry SET seq = -seq WHERE seq >= 40; UPDATE entry SET seq = 1 - seq WHERE seq < 0;"
                               "INSERT INTO entry SELECT 40, leaf, json FROM entry WHERE seq = 12", 40, "it says that it is entry 12");
    /* the tables beside */
    expect_bad(&o, NO_TRIGGERS "DELETE FROM ref WHERE id = 'C-000002' AND seq = 29", 29, "the table of references has lost its line for C-000002");
    expect_found(&o, NO_TRIGGERS "UPDATE ref SET id = 'C-000001' WHERE id = 'C-000002' AND seq = 29", true, 29, "has lost its line for C-000002");
    expect_bad(&o, NO_TRIGGERS "INSERT INTO ref VALUES('C-000001', 3)", 3, "holds a line for C-000001 that this entry did not make");
    expect_bad(&o, NO_TRIGGERS "DELETE FROM started WHERE nonce = 'nonce-2'", 34, "the table of used nonces has lost its line for nonce-2");
    expect_bad(&o, NO_TRIGGERS "INSERT INTO started VALUES('nonce-9', 3)", 3, "holds a line for nonce-9");
    /* the frame */
    expect_bad(&o, "DROP TRIGGER entry_update", 0, "entry_update is missing from the ledger's schema");
    expect_bad(&o, "CREATE TABLE more(a)", 0, "more does not belong");
    expect_bad(&o, "DROP TRIGGER entry_update; CREATE TRIGGER entry_update BEFORE UPDATE ON entry BEGIN SELECT 1; END", 0, "entry_update was changed");
    expect_bad(&o, "PRAGMA user_version = 2", 0, "a ledger of version 2");
    expect_bad(&o, "PRAGMA application_id = 7", 0, "not a signalbox ledger");
    expect_bad(&o, "DROP TRIGGER meta_update; UPDATE meta SET value = '00000000000000000000000000000000' WHERE key = 'log'", 1, "it is of another log");
    put_back(&o);
    struct sb_verify v = check_full(o.dir);
    assert_true(v.ok);
    release(&o);
}

/* Entries are numbered from 1; a row below is read by nobody who counts up, and would be shown by who counts down. */
static void a_row_before_the_first_is_found_and_shown_to_nobody(void **state)
{
    (void)state;
    static const char *const rows[] = {"0", "-5", "-9223372036854775807"};
    struct original o;
    make_original(&o, 1);
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        char sql[600];
        struct sb_err err = SB_ERR_INIT;
        struct sb_audit_page page;
        put_back(&o);
        snprintf(sql, sizeof sql, NO_TRIGGERS "INSERT INTO entry SELECT %s, leaf, json FROM entry WHERE seq = 9", rows[i]);
        forge(o.dir, "ledger.db", sql);
        put_triggers_back(&o);
        struct sb_verify v = check(o.dir);
        assert_false(v.ok);
        assert_int_equal(v.bad, 0);
        assert_non_null(strstr(v.what, rows[i]));
        struct sb_ledger *l = sb_ledger_open(o.dir, SB_LEDGER_READ, NULL, &err);
        assert_non_null(l);
        sb_assert_ok(sb_ledger_page(l, 0, 500, &page, &err), err);
        assert_int_equal(page.rows_n, o.entries);
        sb_record_release(sb_message_schema(SB_NEWS_AUDIT), &page);
        sb_ledger_close(l);
    }
    release(&o);
}

/* Without its triggers and keys the file refuses neither a changed entry nor a second start. */
static void an_owner_does_not_write_to_another_schema(void **state)
{
    (void)state;
    static const char *const forgeries[] = {
        "DROP TRIGGER entry_update",
        "CREATE TRIGGER more AFTER INSERT ON entry BEGIN INSERT INTO ref VALUES('C-000001', NEW.seq); END",
        "DROP TABLE started; CREATE TABLE started(nonce TEXT, seq INTEGER)",
    };
    struct original o;
    struct sb_origin origin;
    make_original(&o, 1);
    sb_origin_seeded(&origin, 12);
    for (size_t i = 0; i < SB_COUNT(forgeries); i++) {
        const char *why;
        put_back(&o);
        forge(o.dir, "ledger.db", forgeries[i]);
        struct sb_ledger *l = fill_own(o.dir, &origin);
        assert_false(sb_ledger_writable(l, &why));
        assert_non_null(strstr(why, "schema"));
        assert_int_equal(sb_ledger_rebuild(l, NULL), -1); /* which looks again */
        assert_false(sb_ledger_writable(l, &why));
        assert_int_equal(sb_ledger_head(l), o.entries);
        sb_ledger_close(l);
    }
    put_back(&o);
    struct sb_ledger *l = fill_own(o.dir, &origin);
    assert_true(sb_ledger_writable(l, NULL));
    sb_ledger_close(l);
    release(&o);
}

/* The largest entries there may be: a piece is cut short by their bytes, not the verification. */
static void large_entries_are_verified_to_the_end(void **state)
{
    (void)state;
    struct sb_origin origin;
    const char *dir = sb_test_dir();
    char *large = calloc(1, 1000001);
    assert_non_null(large);
    memset(large, 'x', 1000000);
    sb_origin_seeded(&origin, 13);
    struct sb_ledger *l = fill_own(dir, &origin);
    struct fill f;
    fill_names(&f, l, 1);
    for (int i = 0; i < 12; i++)
        fill_add(&f, SB_ENTRY_COMMAND, json_pack("{s:s,s:s}", "member", "db1", "command", large), NULL);
    free(large);
    sb_ledger_close(l);
    struct sb_verify v = check(dir);
    assert_string_equal(v.what, "");
    assert_true(v.ok);
    assert_int_equal(v.entries, 12);
    forge(dir, "ledger.db", NO_TRIGGERS "UPDATE entry SET json = replace(json, 'db1', 'db2') WHERE seq = 11");
    v = check(dir);
    assert_int_equal(v.bad, 11);
}

/* Writes entries from..to anew with another principal, chain, leaves and all: what only a checkpoint or the tiles can tell. */
static void rewrite_tail(const char *dir, int64_t from, int64_t to)
{
    char path[160];
    sqlite3 *db = NULL;
    sqlite3_stmt *get = NULL, *set = NULL;
    struct sb_hasher *h = sb_hasher_new();
    struct sb_hash leaf = {{0}};
    path_of(path, dir, "ledger.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, NO_TRIGGERS "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT json FROM entry WHERE seq = ?1", -1, &get, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "UPDATE entry SET json = ?1, leaf = ?2 WHERE seq = ?3", -1, &set, NULL), SQLITE_OK);
    for (int64_t seq = from; seq <= to; seq++) {
        sqlite3_bind_int64(get, 1, seq);
        assert_int_equal(sqlite3_step(get), SQLITE_ROW);
        char *json = sb_format("%s", (const char *)sqlite3_column_text(get, 0)), hex[65];
        sqlite3_reset(get);
        char *who = strstr(json, "\"principal\":\"alice\""), *prev = strstr(json, "\"prev\":\"");
        assert_true(who && prev);
        memcpy(who, "\"principal\":\"mallo\"", 19);
        if (seq > from) {
            sb_hex_encode(hex, leaf.bytes, SB_HASH_LEN);
            memcpy(prev + 8, hex, 64);
        }
        assert_int_equal(sb_merkle_leaf(h, &leaf, json, strlen(json)), 0);
        sqlite3_bind_text(set, 1, json, -1, free);
        sqlite3_bind_blob(set, 2, leaf.bytes, SB_HASH_LEN, SQLITE_TRANSIENT);
        sqlite3_bind_int64(set, 3, seq);
        assert_int_equal(sqlite3_step(set), SQLITE_DONE);
        sqlite3_reset(set);
    }
    sqlite3_finalize(get);
    sqlite3_finalize(set);
    /* and the triggers are put back, so that nothing else shows */
    assert_int_equal(sqlite3_exec(db,
        "CREATE TRIGGER entry_append BEFORE INSERT ON entry WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entry) BEGIN SELECT raise(ABORT, 'entries are appended, nothing else'); END;"
        "CREATE TRIGGER entry_delete BEFORE DELETE ON entry BEGIN SELECT raise(ABORT, 'entries are never deleted'); END;"
        "CREATE TRIGGER entry_update BEFORE UPDATE ON entry BEGIN SELECT raise(ABORT, 'entries are never changed'); END;"
        "CREATE TRIGGER ref_append BEFORE INSERT ON ref WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) FROM entry) BEGIN SELECT raise(ABORT, 'a reference is made with its entry'); END;"
        "CREATE TRIGGER ref_delete BEFORE DELETE ON ref BEGIN SELECT raise(ABORT, 'references are never deleted'); END;"
        "CREATE TRIGGER ref_update BEFORE UPDATE ON ref BEGIN SELECT raise(ABORT, 'references are never changed'); END;"
        "CREATE TRIGGER started_append BEFORE INSERT ON started WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) FROM entry) BEGIN SELECT raise(ABORT, 'a start is noted with its entry'); END;"
        "CREATE TRIGGER started_delete BEFORE DELETE ON started BEGIN SELECT raise(ABORT, 'starts are never deleted'); END;"
        "CREATE TRIGGER started_update BEFORE UPDATE ON started BEGIN SELECT raise(ABORT, 'starts are never changed'); END; COMMIT",
        NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    sb_hasher_free(h);
}

static void a_chain_made_anew_is_told_by_checkpoint_and_tiles(void **state)
{
    (void)state;
    struct original o;
    make_original(&o, 30);
    char derived[160], checkpoint[160];
    path_of(derived, o.dir, "derived.db");
    path_of(checkpoint, o.dir, "checkpoint");
    static const int64_t from[] = {1, 100, 256, 257, 600, 630};
    for (size_t i = 0; i < SB_COUNT(from); i++) {
        put_back(&o);
        rewrite_tail(o.dir, from[i], o.entries);
        struct sb_verify v = check(o.dir);
        assert_false(v.ok);
        assert_int_equal(v.bad, from[i]); /* the tiles know which */
        assert_int_equal(unlink(checkpoint), 0);
        v = check(o.dir);
        assert_false(v.ok);
        assert_int_equal(v.bad, from[i]);
        put_file(&o.checkpoint, o.dir, "checkpoint");
        assert_int_equal(unlink(derived), 0);
        v = check(o.dir);
        assert_false(v.ok); /* only that it is so, not where */
        assert_non_null(strstr(v.what, "the ledger was rewritten"));
        /* an owner does not write after it */
        struct sb_origin origin;
        const char *why;
        sb_origin_seeded(&origin, 3);
        struct sb_ledger *l = fill_own(o.dir, &origin);
        assert_false(sb_ledger_writable(l, &why));
        assert_non_null(strstr(why, "checkpoint"));
        struct sb_entry e = {.kind = SB_ENTRY_STOP};
        assert_int_equal(sb_ledger_append(l, &e, NULL), -1);
        sb_ledger_close(l);
    }
    /* one entry in the middle, its successor not linked: the forged one is named, not the next */
    put_back(&o);
    rewrite_tail(o.dir, 100, 100);
    struct sb_verify v = check(o.dir);
    assert_false(v.ok);
    assert_int_equal(v.bad, 100);
    release(&o);
}

static void a_replayed_older_file_is_a_cut_tail(void **state)
{
    (void)state;
    struct original o;
    struct sb_origin origin;
    make_original(&o, 2);
    sb_origin_seeded(&origin, 12);
    struct sb_ledger *l = fill_own(o.dir, &origin);
    fill_case(l, 3);
    sb_ledger_close(l);
    put_file(&o.db, o.dir, "ledger.db"); /* checkpoint and derived tables are the newer ones */
    struct sb_verify v = check(o.dir);
    assert_false(v.ok);
    assert_int_equal(v.bad, o.entries + 1);
    l = fill_own(o.dir, &origin);
    const char *why;
    assert_false(sb_ledger_writable(l, &why));
    assert_non_null(strstr(why, "its tail was cut off"));
    sb_ledger_close(l);
    /* with the checkpoint put back too, the derived tables still know better */
    put_file(&o.checkpoint, o.dir, "checkpoint");
    l = fill_own(o.dir, &origin);
    assert_false(sb_ledger_writable(l, &why));
    assert_non_null(strstr(why, "its tail was cut off"));
    sb_ledger_close(l);
    release(&o);
}

static void a_ledger_that_is_gone_is_not_begun_anew(void **state)
{
    (void)state;
    struct original o;
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    make_original(&o, 1);
    sb_origin_seeded(&origin, 12);
    char db[160];
    path_of(db, o.dir, "ledger.db");
    assert_int_equal(unlink(db), 0);
    assert_null(sb_ledger_open(o.dir, SB_LEDGER_OWN, &origin, &err));
    assert_int_equal(err.code, SB_ELEDGER);
    assert_non_null(strstr(err.msg, "is gone"));
    struct sb_verify v = check(o.dir);
    assert_false(v.ok);
    assert_int_equal(v.bad, 1);
    release(&o);
}

static void derived_tables_are_compared_and_made_anew(void **state)
{
    (void)state;
    struct original o;
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    make_original_with(&o, 30, true);
    sb_origin_seeded(&origin, 12);
    static const struct {
        const char *sql, *says;
    } forgeries[] = {
        {"UPDATE item SET open = 0 WHERE id = 'C-000031'", "C-000031 is not what its entries make it"},
        {"UPDATE item SET entries = entries - 1 WHERE id = 'K-000031'", "K-000031 is not what its entries make it"},
        {"DELETE FROM item WHERE id = 'A-000031'", "A-000031 is missing"},
        {"INSERT INTO item VALUES('C-000007', 0, 1, 0, 1, 1)", "C-000007 is not open"},
        {"UPDATE state SET value = 99 WHERE key = 'case'", "the highest number of cases is 31, not 99"},
        {"UPDATE tile SET leaves = zeroblob(8192) WHERE n = 1", "note another leaf for entry 257"},
        {"UPDATE tile SET root = zeroblob(32) WHERE n = 0", "the tile of entry 1 has another root"},
        {"DELETE FROM tile WHERE n = 0", "note another leaf for entry 1"},
        {"DROP TABLE item", "derived.db is damaged"},
    };
    for (size_t i = 0; i < SB_COUNT(forgeries); i++) {
        put_back(&o);
        forge(o.dir, "derived.db", forgeries[i].sql);
        struct sb_verify v = check(o.dir);
        if (v.ok || v.bad || !strstr(v.what, forgeries[i].says))
            fail_msg("%s: ok %d, entry %lld, %s", forgeries[i].sql, v.ok, (long long)v.bad, v.what);
        struct sb_ledger *l = fill_own(o.dir, &origin);
        sb_assert_ok(sb_ledger_rebuild(l, &err), err);
        assert_true(sb_ledger_writable(l, NULL));
        sb_ledger_close(l);
        v = check(o.dir);
        assert_string_equal(v.what, "");
    }
    release(&o);
}

static json_t *dump(const char *dir)
{
    static const char *const queries[] = {"SELECT key, value FROM state ORDER BY key", "SELECT id, kind, open, closed, first, entries FROM item ORDER BY id",
                                          "SELECT n, hex(root), hex(leaves) FROM tile ORDER BY n"};
    char path[160];
    sqlite3 *db = NULL;
    json_t *all = json_array();
    path_of(path, dir, "derived.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < SB_COUNT(queries); i++) {
        sqlite3_stmt *q = NULL;
        assert_int_equal(sqlite3_prepare_v2(db, queries[i], -1, &q, NULL), SQLITE_OK);
        while (sqlite3_step(q) == SQLITE_ROW)
            for (int c = 0; c < sqlite3_column_count(q); c++) {
                const char *text = (const char *)sqlite3_column_text(q, c);
                json_array_append_new(all, json_string(text ? text : "NULL"));
            }
        sqlite3_finalize(q);
    }
    sqlite3_close(db);
    return all;
}

static void a_rebuild_equals_what_grew(void **state)
{
    (void)state;
    struct original o;
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    make_original(&o, 1);
    sb_origin_seeded(&origin, 13);
    int n = 1;
    for (int round = 0; round < 12; round++) { /* grown in pieces of different length, opened and closed between them */
        struct sb_ledger *l = fill_own(o.dir, &origin);
        for (int i = 0; i <= round % 4; i++)
            round % 3 ? fill_case(l, ++n) : fill_open_case(l, ++n);
        for (int i = 0; i < round; i++) {
            struct sb_entry e = fill_entry(SB_ENTRY_ACK, NULL, NULL, NULL, json_pack("{s:s}", "by", "bob"));
            sb_assert_ok(sb_ledger_append(l, &e, &err), err);
            sb_entry_release(&e);
        }
        sb_ledger_close(l);
    }
    json_t *grown = dump(o.dir);
    struct sb_ledger *l = fill_own(o.dir, &origin);
    sb_assert_ok(sb_ledger_rebuild(l, &err), err);
    sb_ledger_close(l);
    json_t *rebuilt = dump(o.dir);
    assert_true(json_array_size(grown) > 30);
    assert_true(json_equal(grown, rebuilt));
    json_decref(grown);
    json_decref(rebuilt);
    release(&o);
}

static int64_t number_of(const char *variable, int64_t otherwise)
{
    const char *said = getenv(variable);
    int64_t n = otherwise;
    if (said)
        assert_int_equal(sb_parse_i64(said, &n), 0);
    return n;
}

static int collect_bytes(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    (void)seq;
    (void)err;
    sb_str_add(ctx, bytes, n);
    sb_str_addc(ctx, '\n');
    return 0;
}

static bool exported_the_same(const struct original *o)
{
    struct sb_str lines;
    sb_str_init(&lines);
    struct sb_ledger *l = sb_ledger_open(o->dir, SB_LEDGER_READ, NULL, NULL);
    bool same = l && sb_ledger_bytes(l, 1, 0, collect_bytes, &lines, NULL) == 0 && lines.len == o->lines.len && memcmp(lines.p, o->lines.p, lines.len) == 0;
    sb_ledger_close(l);
    sb_str_release(&lines);
    return same;
}

static void flip(int fd, const struct sb_str *of, uint64_t bit, bool back)
{
    char byte = (char)(of->p[bit / 8] ^ (back ? 0 : 1 << bit % 8));
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
}

static int open_db_file(const struct original *o)
{
    char path[160];
    path_of(path, o->dir, "ledger.db");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* How much of the file is in use, by its own header: it gets longer ahead of that. */
static uint64_t bytes_in_use(const struct sb_str *db)
{
    const unsigned char *h = (const unsigned char *)db->p;
    return ((uint64_t)h[16] << 8 | h[17]) * ((uint64_t)h[28] << 24 | (uint64_t)h[29] << 16 | (uint64_t)h[30] << 8 | h[31]);
}

/* Seeded flips anywhere in the file, seven of eight in what is in use of it: each is located, or what is exported is the same.
 * `make test-long`: 20,000 of them in a ledger of 2,000 entries. */
static void a_flipped_bit_is_located_or_changes_nothing(void **state)
{
    (void)state;
    struct original o;
    struct sb_rng rng;
    make_original(&o, (int)number_of("SIGNALBOX_FLIP_CASES", 3));
    sb_rng_seed(&rng, 42);
    int64_t flips = number_of("SIGNALBOX_FLIPS", 400), located = 0, harmless = 0;
    int fd = open_db_file(&o);
    for (int64_t i = 0; i < flips; i++) {
        uint64_t bit = sb_rng_below(&rng, (i % 8 ? bytes_in_use(&o.db) : o.db.len) * 8);
        flip(fd, &o.db, bit, false);
        struct sb_verify v = check(o.dir);
        if (!v.ok) {
            assert_true(v.what[0]);
            located++;
        } else {
            if (!exported_the_same(&o))
                fail_msg("bit %llu changed what is exported, and nobody noticed", (unsigned long long)bit);
            harmless++;
        }
        flip(fd, &o.db, bit, true);
    }
    close(fd);
    print_message("%lld flips in a ledger of %lld entries: %lld located, %lld changed nothing\n", (long long)flips, (long long)o.entries, (long long)located, (long long)harmless);
    assert_true(located > flips / 2);
    assert_true(check(o.dir).ok);
    release(&o);
}

/* The bits of the stored text and leaf of 50 entries, in the file itself: each is located at exactly that entry. In the short
 * form every 211th, with `make test-long` all of them. */
static void every_bit_of_an_entry_is_located_there(void **state)
{
    (void)state;
    struct original o;
    make_original(&o, 3);
    int64_t step = number_of("SIGNALBOX_BIT_STEP", 211), seq = 0, flips = 0;
    int fd = open_db_file(&o);
    for (const char *line = o.lines.p; *line && seq < 50; seq++) {
        size_t n = strcspn(line, "\n");
        const char *at = memmem(o.db.p, o.db.len, line, n);
        assert_non_null(at); /* in one piece, and its leaf right before it */
        at -= SB_HASH_LEN;
        uint64_t first = (uint64_t)(at - o.db.p) * 8, bits = (uint64_t)(n + SB_HASH_LEN) * 8;
        for (uint64_t bit = (uint64_t)seq % (uint64_t)step; bit < bits; bit += (uint64_t)step, flips++) {
            flip(fd, &o.db, first + bit, false);
            struct sb_verify v = check(o.dir);
            if (v.ok || v.bad != seq + 1)
                fail_msg("bit %llu of entry %lld: ok %d, entry %lld, %s", (unsigned long long)bit, (long long)seq + 1, v.ok, (long long)v.bad, v.what);
            flip(fd, &o.db, first + bit, true);
        }
        line += n + 1;
    }
    close(fd);
    assert_int_equal(seq, 50);
    assert_true(check(o.dir).ok);
    print_message("%lld flips in 50 entries\n", (long long)flips);
    release(&o);
}

/* RFC 6962's tree; vectors recomputed independently and as published with hash-tree's documentation. */
static void roots_are_the_published_ones(void **state)
{
    (void)state;
    static const struct {
        const char *leaves;
        const char *root;
    } vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"1", "2215e8ac4e2b871c2a48189e79738c956c081e23ac2f2415bf77da199dfd920c"},
        {"012", "725d5230db68f557470dc35f1d8865813acd7ebb07ad152774141decbae71327"},
    };
    struct sb_hasher *h = sb_hasher_new();
    for (size_t i = 0; i < SB_COUNT(vectors); i++) {
        struct sb_merkle m = {.size = 0};
        struct sb_hash root, leaf;
        char hex[65];
        for (const char *p = vectors[i].leaves; *p; p++) {
            assert_int_equal(sb_merkle_leaf(h, &leaf, p, 1), 0);
            assert_int_equal(sb_merkle_push(&m, h, &leaf), 0);
        }
        assert_int_equal(sb_merkle_root(&m, h, &root), 0);
        sb_hex_encode(hex, root.bytes, SB_HASH_LEN);
        assert_string_equal(hex, vectors[i].root);
    }
    sb_hasher_free(h);
}

/* The definition, word for word: split at the largest power of two below n. */
static struct sb_hash naive(struct sb_hasher *h, const struct sb_hash *leaves, size_t n)
{
    struct sb_hash out;
    if (n == 1)
        return leaves[0];
    size_t k = 1;
    while (2 * k < n)
        k *= 2;
    struct sb_hash left = naive(h, leaves, k), right = naive(h, leaves + k, n - k);
    assert_int_equal(sb_merkle_node(h, &out, &left, &right), 0);
    return out;
}

static void compact_ranges_follow_the_definition(void **state)
{
    (void)state;
    struct sb_hasher *h = sb_hasher_new();
    static struct sb_hash leaves[600];
    struct sb_merkle m = {.size = 0}, tiled = {.size = 0}, tile = {.size = 0};
    for (size_t i = 0; i < SB_COUNT(leaves); i++) {
        assert_int_equal(sb_merkle_leaf(h, &leaves[i], &i, sizeof i), 0);
        assert_int_equal(sb_merkle_push(&m, h, &leaves[i]), 0);
        assert_int_equal(sb_merkle_push(&tile, h, &leaves[i]), 0);
        struct sb_hash root, expected = naive(h, leaves, i + 1);
        assert_int_equal(sb_merkle_root(&m, h, &root), 0);
        assert_memory_equal(&root, &expected, sizeof root);
        assert_int_equal(m.n, __builtin_popcountll(m.size));
        if (tile.size == SB_TILE_LEAVES) {
            assert_int_equal(sb_merkle_push_subtree(&tiled, h, SB_TILE_LEVEL, &tile.node[0]), 0);
            assert_int_equal(sb_merkle_root(&tiled, h, &root), 0);
            assert_memory_equal(&root, &expected, sizeof root);
            tile = (struct sb_merkle){.size = 0};
        }
    }
    m.size = 3;
    assert_int_equal(sb_merkle_push_subtree(&m, h, 1, &leaves[0]), -1); /* not where a subtree may stand */
    sb_hasher_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_untouched_ledger_is_good_and_its_root_is_the_published_one),
        cmocka_unit_test(every_way_to_change_history_is_located),
        cmocka_unit_test(a_row_before_the_first_is_found_and_shown_to_nobody),
        cmocka_unit_test(an_owner_does_not_write_to_another_schema),
        cmocka_unit_test(large_entries_are_verified_to_the_end),
        cmocka_unit_test(a_chain_made_anew_is_told_by_checkpoint_and_tiles),
        cmocka_unit_test(a_replayed_older_file_is_a_cut_tail),
        cmocka_unit_test(a_ledger_that_is_gone_is_not_begun_anew),
        cmocka_unit_test(derived_tables_are_compared_and_made_anew),
        cmocka_unit_test(a_rebuild_equals_what_grew),
        cmocka_unit_test(a_flipped_bit_is_located_or_changes_nothing),
        cmocka_unit_test(every_bit_of_an_entry_is_located_there),
        cmocka_unit_test(roots_are_the_published_ones),
        cmocka_unit_test(compact_ranges_follow_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
