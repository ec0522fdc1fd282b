/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger's tables, and the triggers by which SQLite refuses for us: made once, and compared ever after. */
#include "store.h"

#include <signalbox/base/str.h>

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *name, *sql;
} schema[] = {
    {"entry", "CREATE TABLE entry(seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL CHECK(length(leaf) = 32), json TEXT NOT NULL) STRICT"},
    {"entry_append", "CREATE TRIGGER entry_append BEFORE INSERT ON entry WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entry) "
                     "BEGIN SELECT raise(ABORT, 'entries are appended, nothing else'); END"},
    {"entry_delete", "CREATE TRIGGER entry_delete BEFORE DELETE ON entry BEGIN SELECT raise(ABORT, 'entries are never deleted'); END"},
    {"entry_update", "CREATE TRIGGER entry_update BEFORE UPDATE ON entry BEGIN SELECT raise(ABORT, 'entries are never changed'); END"},
    {"meta", "CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID"},
    {"meta_delete", "CREATE TRIGGER meta_delete BEFORE DELETE ON meta BEGIN SELECT raise(ABORT, 'never deleted'); END"},
    {"meta_update", "CREATE TRIGGER meta_update BEFORE UPDATE ON meta BEGIN SELECT raise(ABORT, 'never changed'); END"},
    {"ref", "CREATE TABLE ref(id TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(id, seq)) STRICT, WITHOUT ROWID"},
    {"ref_append", "CREATE TRIGGER ref_append BEFORE INSERT ON ref WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) FROM entry) "
                   "BEGIN SELECT raise(ABORT, 'a reference is made with its entry'); END"},
    {"ref_delete", "CREATE TRIGGER ref_delete BEFORE DELETE ON ref BEGIN SELECT raise(ABORT, 'references are never deleted'); END"},
    {"ref_update", "CREATE TRIGGER ref_update BEFORE UPDATE ON ref BEGIN SELECT raise(ABORT, 'references are never changed'); END"},
    {"started", "CREATE TABLE started(nonce TEXT PRIMARY KEY NOT NULL, seq INTEGER NOT NULL UNIQUE) STRICT, WITHOUT ROWID"},
    {"started_append", "CREATE TRIGGER started_append BEFORE INSERT ON started WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) FROM entry) "
                       "BEGIN SELECT raise(ABORT, 'a start is noted with its entry'); END"},
    {"started_delete", "CREATE TRIGGER started_delete BEFORE DELETE ON started BEGIN SELECT raise(ABORT, 'starts are never deleted'); END"},
    {"started_update", "CREATE TRIGGER started_update BEFORE UPDATE ON started BEGIN SELECT raise(ABORT, 'starts are never changed'); END"},
};

/* One transaction: a file whose making was cut short is empty. */
int sb_store_create_schema(struct sb_store *s, const char *log, int64_t now_ms, struct sb_err *err)
{
    char sql[256];
    snprintf(sql, sizeof sql, "BEGIN EXCLUSIVE; PRAGMA application_id=%d; PRAGMA user_version=%d", SB_STORE_APPLICATION, SB_STORE_VERSION);
    if (sb_store_sql(s, sql, err))
        return -1;
    for (int tables = 1; tables >= 0; tables--) /* a trigger wants its table */
        for (size_t i = 0; i < SB_COUNT(schema); i++)
            if (sb_starts_with(schema[i].sql, "CREATE TABLE") == (tables == 1) && sb_store_sql(s, schema[i].sql, err))
                return -1;
    snprintf(sql, sizeof sql, "INSERT INTO meta VALUES('log','%.32s'),('created','%" PRId64 "'); COMMIT", log, now_ms);
    return sb_store_sql(s, sql, err);
}

static int schema_ok(struct sb_store *s, char *what, size_t cap, struct sb_err *err)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(s->db, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name", -1, &q, NULL) != SQLITE_OK)
        return sb_store_fail(s, err, "the ledger cannot be read");
    size_t i = 0;
    int rc, good = 1;
    while (good == 1 && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(q, 0), *sql = (const char *)sqlite3_column_text(q, 1);
        int order = i < SB_COUNT(schema) && name ? strcmp(name, schema[i].name) : -1;
        if (order == 0 && sql && strcmp(sql, schema[i].sql) == 0) {
            i++;
            continue;
        }
        good = 0;
        if (order > 0)
            snprintf(what, cap, "%s is missing from the ledger's schema", schema[i].name);
        else
            snprintf(what, cap, "%.60s %s", name ? name : "?", order == 0 ? "was changed in the ledger's schema" : "does not belong in the ledger's schema");
    }
    if (good == 1 && rc != SQLITE_DONE)
        good = sb_store_fail(s, err, "the ledger cannot be read");
    if (good == 1 && i < SB_COUNT(schema)) {
        good = 0;
        snprintf(what, cap, "%s is missing from the ledger's schema", schema[i].name);
    }
    sqlite3_finalize(q);
    return good;
}

struct schema_question {
    struct sb_store *s;
    char *what;
    size_t cap;
    int good;
};

static int ask_schema(void *ctx, struct sb_err *err)
{
    struct schema_question *a = ctx;
    a->good = schema_ok(a->s, a->what, a->cap, err);
    return a->good < 0 ? -1 : 0;
}

int sb_store_schema_ok(struct sb_store *s, char *what, size_t cap, struct sb_err *err)
{
    struct schema_question a = {s, what, cap, 0};
    return sb_store_read(s, ask_schema, &a, err) ? -1 : a.good;
}
