/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <signalbox/base/str.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *sql;
    bool writes;
} statements[SB_STMTS] = {
    [SB_STMT_BEGIN] = {"BEGIN IMMEDIATE", true},
    [SB_STMT_COMMIT] = {"COMMIT", true},
    [SB_STMT_ROLLBACK] = {"ROLLBACK", true},
    [SB_STMT_DATA_VERSION] = {"PRAGMA data_version", false},
    [SB_STMT_ADD_ENTRY] = {"INSERT INTO entry(seq, leaf, json) VALUES(?1, ?2, ?3)", true},
    [SB_STMT_ADD_REF] = {"INSERT INTO ref(id, seq) VALUES(?1, ?2)", true},
    [SB_STMT_ADD_STARTED] = {"INSERT INTO started(nonce, seq) VALUES(?1, ?2)", true},
    [SB_STMT_ADD_META] = {"INSERT INTO meta(key, value) VALUES(?1, ?2)", true},
    [SB_STMT_STARTED] = {"SELECT seq FROM started WHERE nonce = ?1", false},
    [SB_STMT_LAST] = {"SELECT seq, leaf, json FROM entry ORDER BY seq DESC LIMIT 1", false},
    /* how far to go is decided outside: a bound and a limit in the statement cost a tenth of the reading */
    [SB_STMT_UP] = {"SELECT seq, leaf, json FROM entry WHERE seq >= ?1 ORDER BY seq", false},
    [SB_STMT_DOWN] = {"SELECT seq, leaf, json FROM entry WHERE seq < ?1 AND seq > 0 ORDER BY seq DESC", false},
    [SB_STMT_BY_REF] = {"SELECT entry.seq, entry.leaf, entry.json FROM ref CROSS JOIN entry ON entry.seq = ref.seq "
                        "WHERE ref.id = ?1 AND ref.seq > ?2 ORDER BY ref.seq", false},
    /* these hand their rows to a function of ours until that has enough: without a step and a result for each they go by in
     * half the time */
    [SB_STMT_TAKE_UP] = {"SELECT 1 FROM entry WHERE seq >= ?1 AND sb_take_row(seq, leaf, json) ORDER BY seq", false},
    [SB_STMT_REST_OF_REF] = {"SELECT 1 FROM ref WHERE id = ?1 AND seq > ?2 AND sb_take_pair(id, seq) ORDER BY seq", false},
    [SB_STMT_REFS] = {"SELECT 1 FROM ref WHERE id > ?1 AND sb_take_pair(id, seq) ORDER BY id, seq", false},
    [SB_STMT_ALL_STARTED] = {"SELECT 1 FROM started WHERE nonce > ?1 AND sb_take_pair(nonce, seq) ORDER BY nonce", false},
};

int sb_store_fail(const struct sb_store *s, struct sb_err *err, const char *what)
{
    int code = s->db ? sqlite3_extended_errcode(s->db) : SQLITE_NOMEM;
    int os = s->db ? sqlite3_system_errno(s->db) : 0;
    bool os_helps = os && (code & 0xff) != SQLITE_CONSTRAINT && (code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_CORRUPT;
    const char *file = s->db ? sqlite3_db_filename(s->db, "main") : NULL;
    sb_fail(err, SB_ELEDGER, "%s: %s%s%s%s%s%s", what, s->db ? sqlite3_errmsg(s->db) : "out of memory", os_helps ? ": " : "", os_helps ? strerrordesc_np(os) : "",
            file && file[0] ? " (" : "", file && file[0] ? file : "", file && file[0] ? ")" : "");
    if (err)
        err->detail = code;
    return -1;
}

int sb_store_read(struct sb_store *s, sb_lockless_fn read, void *ctx, struct sb_err *err)
{
    return s->reader.db ? sb_lockless_read(&s->reader, read, ctx, err) : read(ctx, err);
}

/* ---- opening ---- */

/* Our own statements read, and append; nothing else is ever meant. */
static int authorize(void *ctx, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)ctx;
    (void)b;
    (void)c;
    (void)d;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_TRANSACTION:
        return SQLITE_OK;
    case SQLITE_PRAGMA:
        return sqlite3_stricmp(a, "data_version") == 0 || sqlite3_stricmp(a, "integrity_check") == 0 ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_INSERT:
        return strcmp(a, "entry") == 0 || strcmp(a, "ref") == 0 || strcmp(a, "started") == 0 || strcmp(a, "meta") == 0 ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

int sb_store_sql(struct sb_store *s, const char *sql, struct sb_err *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sb_store_fail(s, err, "the ledger cannot be set up");
}

struct question {
    struct sb_store *s;
    const char *sql;
    int64_t *number;
    char *text;
    size_t cap;
};

static int ask(void *ctx, struct sb_err *err)
{
    const struct question *a = ctx;
    sqlite3_stmt *q = NULL;
    int rc = -1;
    if (sqlite3_prepare_v2(a->s->db, a->sql, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW) {
        sb_store_fail(a->s, err, "the ledger cannot be read");
    } else {
        if (a->number)
            *a->number = sqlite3_column_int64(q, 0);
        const unsigned char *found = a->text ? sqlite3_column_text(q, 0) : NULL;
        if (a->text)
            snprintf(a->text, a->cap, "%s", found ? (const char *)found : "");
        rc = 0;
    }
    sqlite3_finalize(q);
    return rc;
}

/* First column of the first row of a constant query, as an integer or (text not NULL) as text. */
static int query(struct sb_store *s, const char *sql, int64_t *number, char *text, size_t cap, struct sb_err *err)
{
    return sb_store_read(s, ask, &(struct question){s, sql, number, text, cap}, err);
}

static int check_identity(struct sb_store *s, const char *path, struct sb_err *err)
{
    int64_t application, version;
    if (query(s, "PRAGMA application_id", &application, NULL, 0, err) || query(s, "PRAGMA user_version", &version, NULL, 0, err))
        return -1;
    if (application != SB_STORE_APPLICATION)
        return sb_fail(err, SB_ELEDGER, "%s is not a signalbox ledger (application id %" PRId64 ")", path, application);
    if (version != SB_STORE_VERSION)
        return sb_fail(err, SB_ELEDGER, "%s is a ledger of version %" PRId64 "; this program knows version %d: %s", path, version,
                       SB_STORE_VERSION, version > SB_STORE_VERSION ? "use the newer signalbox that wrote it" : "it is damaged");
    if (query(s, "SELECT value FROM meta WHERE key = 'log'", NULL, s->log, sizeof s->log, err))
        return -1;
    if (strspn(s->log, "0123456789abcdef") != 32)
        return sb_fail(err, SB_ELEDGER, "%s has no log id: it is damaged", path);
    return 0;
}

static int configure(struct sb_store *s, bool own, struct sb_err *err)
{
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, SB_STORE_BUSY_MS);
    if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK)
        return sb_store_fail(s, err, "the ledger cannot be set up");
    int grow = SB_STORE_GROW; /* a wish: without it the file grows by pages */
    if (own)
        sqlite3_file_control(s->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &grow);
    return sb_store_sql(s, own ? "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; PRAGMA recursive_triggers=ON; "
                            "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096"
                          : "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-256; PRAGMA mmap_size=1000000000", err);
}

static int prepare(struct sb_store *s, bool own, struct sb_err *err)
{
    if (sb_store_add_functions(s) || sqlite3_set_authorizer(s->db, authorize, NULL) != SQLITE_OK)
        return sb_store_fail(s, err, "the ledger cannot be set up");
    for (size_t i = 0; i < SB_STMTS; i++) {
        if (statements[i].writes && !own)
            continue;
        if (sqlite3_prepare_v3(s->db, statements[i].sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL) != SQLITE_OK)
            return sb_store_fail(s, err, "the ledger cannot be read");
    }
    return 0;
}

int sb_store_make_private(const char *path, struct sb_err *err)
{
    if (access(path, F_OK) == 0)
        return 0;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sb_fail(err, SB_ELEDGER, "cannot create %s: %s", path, strerrordesc_np(errno));
    close(fd);
    return 0;
}

static int create_when_empty(struct sb_store *s, const char *new_log, int64_t now_ms, struct sb_err *err)
{
    int64_t objects;
    if (query(s, "SELECT count(*) FROM sqlite_schema", &objects, NULL, 0, err))
        return -1;
    return objects == 0 ? sb_store_create_schema(s, new_log, now_ms, err) : 0;
}

static void finalize(struct sb_store *s)
{
    for (size_t i = 0; i < SB_STMTS; i++) {
        sqlite3_finalize(s->stmt[i]);
        s->stmt[i] = NULL;
    }
}

/* What reads the file to begin with. */
static int set_up_reader(void *ctx, struct sb_err *err)
{
    struct sb_store *s = ctx;
    finalize(s);
    sqlite3_set_authorizer(s->db, NULL, NULL);
    return configure(s, false, err) || check_identity(s, s->reader.path, err) || prepare(s, false, err) ? -1 : 0;
}

static int open_reader(struct sb_store *s, const char *path, struct sb_err *err)
{
    int rc = sb_lockless_open(&s->reader, path, err);
    s->db = s->reader.db;
    if (rc == 0)
        rc = sb_lockless_read(&s->reader, set_up_reader, s, err);
    if (rc)
        sb_store_close_file(s);
    return rc;
}

int sb_store_open_file(struct sb_store *s, const char *path, bool own, const char *new_log, int64_t now_ms, struct sb_err *err)
{
    memset(s, 0, sizeof *s);
    if (!own)
        return open_reader(s, path, err);
    if (new_log && sb_store_make_private(path, err))
        return -1;
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        char what[300];
        snprintf(what, sizeof what, "cannot open %.250s", path);
        sb_store_fail(s, err, what);
        goto fail;
    }
    if (own && sqlite3_db_readonly(s->db, "main") == 1) { /* SQLite takes what it can get, and says so at the first write */
        sb_fail(err, SB_ELEDGER, "%s cannot be written; run: chmod 600 %s", path, path);
        goto fail;
    }
    if (configure(s, own, err) || (new_log && create_when_empty(s, new_log, now_ms, err)) || check_identity(s, path, err) || prepare(s, own, err))
        goto fail;
    return 0;
fail:
    if (err && !strstr(err->msg, path))
        sb_err_prefix(err, "%s", path);
    sb_store_close_file(s);
    return -1;
}

void sb_store_close_file(struct sb_store *s)
{
    finalize(s);
    sb_store_chunk_free(s->chunk);
    if (s->reader.path || s->reader.db)
        sb_lockless_close(&s->reader);
    else
        sqlite3_close(s->db);
    memset(s, 0, sizeof *s);
}

const char *sb_store_library(void)
{
    return sqlite3_libversion();
}

/* ---- single answers ---- */

struct number {
    struct sb_store *s;
    sqlite3_stmt *q;
    int64_t value; /* 0: no row */
};

static int read_number(void *ctx, struct sb_err *err)
{
    struct number *n = ctx;
    int rc = sqlite3_step(n->q);
    n->value = rc == SQLITE_ROW ? sqlite3_column_int64(n->q, 0) : 0;
    int bad = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sb_store_fail(n->s, err, "the ledger cannot be read");
    sqlite3_reset(n->q);
    return bad;
}

int64_t sb_store_started(struct sb_store *s, const char *nonce, struct sb_err *err)
{
    struct number n = {s, s->stmt[SB_STMT_STARTED], 0};
    if (sqlite3_bind_text(n.q, 1, nonce, -1, SQLITE_TRANSIENT) != SQLITE_OK)
        return sb_fail_nomem(err);
    return sb_store_read(s, read_number, &n, err) ? -1 : n.value;
}

int64_t sb_store_data_version(struct sb_store *s, struct sb_err *err)
{
    sqlite3_stmt *q = s->stmt[SB_STMT_DATA_VERSION];
    int64_t version = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : sb_store_fail(s, err, "the ledger cannot be read");
    sqlite3_reset(q);
    return version;
}

int sb_store_lowest(struct sb_store *s, int64_t *seq, struct sb_err *err)
{
    return query(s, "SELECT coalesce(min(seq), 1) FROM entry", seq, NULL, 0, err);
}

int sb_store_structure_ok(struct sb_store *s, char *what, size_t cap, struct sb_err *err)
{
    if (query(s, "PRAGMA integrity_check(1)", NULL, what, cap, err))
        return -1;
    return strcmp(what, "ok") == 0;
}

int sb_store_run(struct sb_store *s, enum sb_store_statement which, const char *what, struct sb_err *err)
{
    sqlite3_stmt *q = s->stmt[which];
    int rc = sqlite3_step(q) == SQLITE_DONE ? 0 : sb_store_fail(s, err, what);
    sqlite3_reset(q);
    return rc;
}

/* ---- keys ---- */

#define KEY "key" /* the first; further ones are key.02, key.03, ... */

struct keys {
    struct sb_store *s;
    struct sb_str lines;
};

static int read_keys(void *ctx, struct sb_err *err)
{
    struct keys *k = ctx;
    sqlite3_stmt *q = NULL;
    sb_str_clear(&k->lines);
    int rc = sqlite3_prepare_v2(k->s->db, "SELECT value FROM meta WHERE key = '" KEY "' OR key GLOB '" KEY ".*' ORDER BY key", -1, &q, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(q, 0);
        sb_str_adds(&k->lines, text ? text : "");
        sb_str_addc(&k->lines, '\n');
        rc = SQLITE_OK;
    }
    int bad = rc != SQLITE_DONE ? sb_store_fail(k->s, err, "the ledger cannot be read") : sb_str_ok(&k->lines) ? 0 : sb_fail_nomem(err);
    sqlite3_finalize(q);
    return bad;
}

int sb_store_keys(struct sb_store *s, int (*fn)(void *ctx, const char *text, size_t n, struct sb_err *err), void *ctx, struct sb_err *err)
{
    struct keys k = {.s = s};
    sb_str_init(&k.lines);
    int rc = sb_store_read(s, read_keys, &k, err);
    for (const char *p = k.lines.p; rc == 0 && *p;) {
        size_t n = strcspn(p, "\n");
        rc = fn(ctx, p, n, err);
        p += n + 1;
    }
    sb_str_release(&k.lines);
    return rc;
}

int sb_store_add_key(struct sb_store *s, size_t n, const char *text, struct sb_err *err)
{
    char name[16] = KEY;
    if (n)
        snprintf(name, sizeof name, KEY ".%02u", (unsigned)(n + 1) % 100);
    sqlite3_stmt *q = s->stmt[SB_STMT_ADD_META];
    sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 2, text, -1, SQLITE_STATIC);
    int rc = sb_store_run(s, SB_STMT_ADD_META, "the ledger cannot be written", err);
    sqlite3_clear_bindings(q);
    return rc;
}
