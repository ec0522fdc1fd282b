/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading beside an owner without a lock: a commit that comes into the middle of a reading is seen and the reading made again;
 * a reader in the middle of one holds up no commit; what a dead owner left half done is rolled back, a living one's waited for. */
#include "fill.h"

#include "../../src/ledger/lockless.h"

#include <signalbox/base/file.h>
#include <signalbox/ledger/lock.h>
#include <signalbox/ledger/verify.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sb_origin origin;

struct reading {
    struct sb_lockless *f;
    struct sb_ledger *owner;
    int calls;
    int commits; /* so many calls are disturbed by one */
    int64_t before, after;
};

static int64_t count(sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM entry", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

/* Looks twice, and the owner appends between the two: only when both are of one time may it count. */
static int look_twice(void *ctx, struct sb_err *err)
{
    struct reading *r = ctx;
    struct sb_entry e = {.kind = SB_ENTRY_STOP, .body = json_object()};
    r->before = count(r->f->db);
    int rc = r->calls++ < r->commits ? sb_ledger_append(r->owner, &e, err) : 0;
    sb_entry_release(&e);
    r->after = count(r->f->db);
    return rc;
}

static void a_commit_within_a_reading_makes_it_again(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_err err = SB_ERR_INIT;
    struct sb_lockless f;
    struct sb_ledger *l = fill_own(dir, &origin);
    fill_case(l, 1);
    char *path = sb_format("%s/ledger.db", dir);
    sb_assert_ok(sb_lockless_open(&f, path, &err), err);
    struct reading r = {.f = &f, .owner = l, .commits = 3};
    sb_assert_ok(sb_lockless_read(&f, look_twice, &r, &err), err); /* the appends did not wait for the reader */
    assert_int_equal(r.calls, 4);
    assert_int_equal(r.before, r.after);
    assert_int_equal(r.after, FILL_CASE_ENTRIES + 3);
    sb_lockless_close(&f);
    free(path);
    sb_ledger_close(l);
}

/* A statement that stands open, as it does in a process that was stopped there. */
static void an_open_statement_holds_up_no_commit(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_err err = SB_ERR_INIT;
    struct sb_lockless f;
    sqlite3_stmt *q = NULL;
    struct sb_ledger *l = fill_own(dir, &origin);
    fill_case(l, 1);
    char *path = sb_format("%s/ledger.db", dir);
    sb_assert_ok(sb_lockless_open(&f, path, &err), err);
    assert_int_equal(sqlite3_prepare_v2(f.db, "SELECT seq FROM entry", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    fill_case(l, 2);
    assert_true(sb_ledger_writable(l, NULL));
    sqlite3_finalize(q);
    assert_int_not_equal(sqlite3_exec(f.db, "INSERT INTO meta VALUES('a', 'b')", NULL, NULL, NULL), SQLITE_OK); /* nor can it write */
    sb_lockless_close(&f);
    free(path);
    sb_ledger_close(l);
}

/* A journal as a commit leaves it that was cut off: its pages are put back when the owner is dead. */
static void a_journal_is_waited_for_or_rolled_back(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = fill_own(dir, &origin);
    fill_case(l, 1);
    sb_ledger_close(l);
    char *path = sb_format("%s/ledger.db", dir), *journal = sb_format("%s/ledger.db-journal", dir), *lock_path = sb_format("%s/lock", dir);
    /* cut off in the middle: the page cache is too small for the change, so that pages were written before the commit */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sqlite3 *db = NULL;
        if (sqlite3_open(path, &db) != SQLITE_OK ||
            sqlite3_exec(db, "PRAGMA cache_size=2; PRAGMA cache_spill=1; BEGIN; CREATE TABLE junk(a); INSERT INTO junk SELECT randomblob(3000) FROM entry, entry AS b", NULL, NULL, NULL) != SQLITE_OK)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct sb_str left;
    sb_str_init(&left);
    sb_assert_ok(sb_file_read(journal, 64 << 20, &left, &err), err);
    assert_true(left.len > 512 && left.p[0]);
    struct sb_lock lock;
    struct sb_ledger *reader;
    sb_assert_ok(sb_lock_take(&lock, lock_path, &err), err); /* somebody lives who owns it: he may be in the middle of it */
    reader = sb_ledger_open(dir, SB_LEDGER_READ, NULL, &err);
    assert_null(reader);
    assert_non_null(strstr(err.msg, "in the middle of a commit"));
    assert_int_equal(access(journal, F_OK), 0);
    sb_lock_release(&lock);
    reader = sb_ledger_open(dir, SB_LEDGER_READ, NULL, &err);
    if (!reader)
        fail_msg("%s", err.msg);
    assert_int_equal(sb_ledger_head(reader), FILL_CASE_ENTRIES);
    sb_ledger_close(reader);
    struct sb_verify v;
    sb_assert_ok(sb_ledger_verify(dir, SB_VERIFY_FULL, NULL, NULL, &v, &err), err);
    assert_string_equal(v.what, "");
    sb_str_release(&left);
    free(path);
    free(journal);
    free(lock_path);
}

int main(void)
{
    sb_origin_system(&origin);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_within_a_reading_makes_it_again),
        cmocka_unit_test(an_open_statement_holds_up_no_commit),
        cmocka_unit_test(a_journal_is_waited_for_or_rolled_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
