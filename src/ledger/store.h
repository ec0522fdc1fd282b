/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - ledger.db: the only file whose loss is a loss.
 *
 * Four tables, none of which is ever updated: meta (the log's id), entry (seq, leaf, canonical text), ref (what an entry is
 * found by), started (which approval started which execution). Triggers refuse what is not an append, and so does the
 * authorizer of our own connections. Rollback journal with synchronous=EXTRA: Debian's SQLite 3.40.1 has a race in WAL mode
 * that can corrupt a file with two connections, and EXTRA also syncs the folder after the journal is gone.
 *
 * The owner reads and writes as SQLite does; whoever else reads takes no lock at all (lockless.h), and sees what it read only
 * when the file stood still meanwhile.
 */
#ifndef SIGNALBOX_SRC_LEDGER_STORE_H
#define SIGNALBOX_SRC_LEDGER_STORE_H

#include "lockless.h"

#include <signalbox/base/error.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/str.h>
#include <signalbox/ledger/canonical.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define SB_STORE_APPLICATION 0x53424c47 /* "SBLG" */
#define SB_STORE_VERSION 1
#define SB_STORE_BUSY_MS 5000
#define SB_STORE_PIECE 512 /* rows that are read at once */
#define SB_STORE_GROW (64 << 10) /* bytes by which the file gets longer: a commit that makes no file longer waits for less */

enum sb_store_statement {
    SB_STMT_BEGIN,
    SB_STMT_COMMIT,
    SB_STMT_ROLLBACK,
    SB_STMT_DATA_VERSION,
    SB_STMT_ADD_ENTRY,
    SB_STMT_ADD_REF,
    SB_STMT_ADD_STARTED,
    SB_STMT_ADD_META,
    SB_STMT_STARTED,
    SB_STMT_LAST,
    SB_STMT_UP,
    SB_STMT_DOWN,
    SB_STMT_BY_REF,
    SB_STMT_TAKE_UP,
    SB_STMT_REST_OF_REF,
    SB_STMT_REFS,
    SB_STMT_ALL_STARTED,
    SB_STMTS
};

struct sb_store_chunk;

/* A stored pair: an id and the entry it is noted with. True: that is enough. The id ends with its n bytes and lives until the
 * visitor returns. */
typedef bool (*sb_store_pair_fn)(void *ctx, const char *id, size_t n, int64_t seq);

struct sb_store {
    sqlite3 *db;
    struct sb_lockless reader; /* of whoever is not the owner: db is its */
    struct sb_store_chunk *chunk;
    struct {
        sb_store_pair_fn fn;
        void *ctx;
    } pair; /* who is given pairs now */
    sqlite3_stmt *stmt[SB_STMTS]; /* the writing ones are NULL in a reader */
    char log[33];
};

/* Opens the file and checks that it is ours, of a version we know. new_log (32 hex digits, or NULL): a file that is not
 * there, or empty because its making was cut short, is made with this id. Reading needs write permission only after a
 * crash, when SQLite has to roll a half-made commit back. */
int sb_store_open_file(struct sb_store *s, const char *path, bool own, const char *new_log, int64_t now_ms, struct sb_err *err);
void sb_store_close_file(struct sb_store *s);

const char *sb_store_library(void); /* the version of SQLite that runs */

/* Makes a missing file, readable by its owner only (SQLite would let everybody read it). One that is there is left alone:
 * opening and closing a file that a connection of this process has open would drop its locks. */
int sb_store_make_private(const char *path, struct sb_err *err);

/* SB_ELEDGER with SQLite's words; detail is the extended result code. */
int sb_store_fail(const struct sb_store *s, struct sb_err *err, const char *what);

/* Statements that set the file or the connection up. */
int sb_store_sql(struct sb_store *s, const char *sql, struct sb_err *err);

/* store_schema.c: makes an empty file ours, under this log id. */
int sb_store_create_schema(struct sb_store *s, const char *log, int64_t now_ms, struct sb_err *err);

/* Compares tables, triggers, application id and version with what they must be. 1 as they must be, 0 not (what says why),
 * -1 unreadable. */
int sb_store_schema_ok(struct sb_store *s, char *what, size_t cap, struct sb_err *err);

struct sb_store_batch;

/* One row as it stands in the file; the pointers live until the visitor returns. */
struct sb_store_row {
    int64_t seq;
    const void *leaf;
    int leaf_n;
    const char *json;
    int json_n;
    struct sb_store_batch *batch; /* NULL: it came alone */
};

/* Rows that came together, so that who wants their leaf hashes can have them together (sb_row_leaf): hashing several at once
 * takes half the time. It lives as its rows do, and the byte before the text of each
 * can be read, and is zero. */
#define SB_STORE_BATCH 16
struct sb_store_batch {
    struct sb_store_row row[SB_STORE_BATCH];
    size_t n;
    bool hashed; /* leaf is what the bytes of the rows give */
    struct sb_hash leaf[SB_STORE_BATCH];
};

/* 0 go on, 1 stop, -1 error. */
typedef int (*sb_store_fn)(void *ctx, const struct sb_store_row *row, struct sb_err *err);

/* Visits at most `limit` rows with from <= seq <= to, rising; or with seq < before, falling; or of one reference with
 * seq > after, rising. Returns how many, or -1. The owner's are one short transaction each. */
int sb_store_up(struct sb_store *s, int64_t from, int64_t to, int limit, sb_store_fn fn, void *ctx, struct sb_err *err);
int sb_store_down(struct sb_store *s, int64_t before, int limit, sb_store_fn fn, void *ctx, struct sb_err *err);
int sb_store_by_ref(struct sb_store *s, const char *id, int64_t after, int limit, sb_store_fn fn, void *ctx, struct sb_err *err);

/* The newest row: 1 visited, 0 the log is empty, -1 error. */
int sb_store_last(struct sb_store *s, sb_store_fn fn, void *ctx, struct sb_err *err);

/* Which entry started with this nonce; 0 none, -1 error. */
int64_t sb_store_started(struct sb_store *s, const char *nonce, struct sb_err *err);

/* Changes when somebody else has committed to the file. -1 error. */
int64_t sb_store_data_version(struct sb_store *s, struct sb_err *err);

/* Runs a reading that goes through the statements itself, as sb_lockless_read does; an owner's runs once. */
int sb_store_read(struct sb_store *s, sb_lockless_fn read, void *ctx, struct sb_err *err);

enum sb_store_pairs { SB_PAIRS_REFS, SB_PAIRS_STARTED };

/* Visits the lines of one of the two tables behind (id, seq), rising by id and then seq, until the visitor has enough. To be
 * called from within sb_store_read. */
int sb_store_pairs(struct sb_store *s, enum sb_store_pairs which, struct sb_span id, int64_t seq, sb_store_pair_fn fn, void *ctx, struct sb_err *err);

/* ---- between store.c and store_read.c ---- */

int sb_store_add_functions(struct sb_store *s); /* to the connection; 0 when they are there */
void sb_store_chunk_free(struct sb_store_chunk *c);

/* ---- */

/* The keys the log has signed with, as their lines for verifiers, oldest first; and one more of them, the n-th from 0. */
int sb_store_keys(struct sb_store *s, int (*fn)(void *ctx, const char *text, size_t n, struct sb_err *err), void *ctx, struct sb_err *err);
int sb_store_add_key(struct sb_store *s, size_t n, const char *text, struct sb_err *err);

/* The lowest number a row of entries has; 1 when there is none. */
int sb_store_lowest(struct sb_store *s, int64_t *seq, struct sb_err *err);

/* SQLite's own check of the file (PRAGMA integrity_check): 1 good, 0 not (what says why), -1 it cannot be made. */
int sb_store_structure_ok(struct sb_store *s, char *what, size_t cap, struct sb_err *err);

/* Runs a statement that gives no rows. */
int sb_store_run(struct sb_store *s, enum sb_store_statement which, const char *what, struct sb_err *err);

#endif
