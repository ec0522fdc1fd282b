/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk that fails and power that goes: each write, sync and removal of SQLite is refused once and for good, and the files
 * are put together as they would be if power had gone before each of them. */
#include "fill.h"
#include "shim.h"

#include <signalbox/base/file.h>
#include <signalbox/base/rng.h>
#include <signalbox/ledger/verify.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sb_origin origin;

static int append_one(struct sb_ledger *l, int64_t *seq, struct sb_err *err)
{
    struct sb_entry e = fill_entry(SB_ENTRY_STATE, "K-000001", "C-000001", NULL, fill_state("require", "proposed", "awaiting_approval"));
    int rc = sb_ledger_append(l, &e, err);
    *seq = e.seq;
    sb_entry_release(&e);
    return rc;
}

static void expect_good(const char *dir, const char *when)
{
    struct sb_verify v;
    struct sb_err err = SB_ERR_INIT;
    if (sb_ledger_verify(dir, 0, NULL, NULL, &v, &err))
        fail_msg("%s: %s", when, err.msg);
    if (!v.ok)
        fail_msg("%s: entry %lld: %s", when, (long long)v.bad, v.what);
}

/* ---- a disk that fails ---- */

static struct {
    long countdown;  /* operations until it fails; 0: it does not */
    bool for_good;   /* from then on everything fails */
    bool failing;
    int code;
    bool syncs_only;
} disk;

static int failing_disk(enum shim_op op, const char *path, sqlite3_int64 offset, const void *bytes, int n)
{
    (void)path;
    (void)offset;
    (void)bytes;
    (void)n;
    if (disk.failing)
        return disk.code;
    if (!disk.countdown || (disk.syncs_only && op != SHIM_SYNC))
        return SQLITE_OK;
    if (--disk.countdown > 0)
        return SQLITE_OK;
    disk.failing = disk.for_good;
    return disk.code;
}

/* Three appends while the disk fails at the n-th operation, then the disk is well again. True when nothing failed. */
static bool fail_at(const char *dir, long n, bool for_good, int code, bool syncs_only)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t acknowledged[16], seq;
    size_t told = 0, refused = 0;
    struct sb_ledger *l = fill_own(dir, &origin);
    disk.countdown = n;
    disk.for_good = for_good;
    disk.code = code;
    disk.syncs_only = syncs_only;
    for (int i = 0; i < 3; i++) {
        const char *why;
        if (append_one(l, &seq, &err) == 0) {
            acknowledged[told++] = seq;
            assert_true(sb_ledger_writable(l, &why));
        } else {
            refused++;
            assert_int_equal(err.code, SB_ELEDGER);
            assert_int_equal(seq, 0);
            assert_false(sb_ledger_writable(l, &why)); /* and it says why */
            assert_true(strlen(why) > 10);
            struct sb_audit_page page; /* reading goes on, unless the file cannot even be opened again */
            if (sb_ledger_page(l, 0, 5, &page, &err) == 0)
                sb_record_release(sb_message_schema(SB_NEWS_AUDIT), &page);
        }
    }
    disk.countdown = 0;
    disk.failing = false;
    for (int i = 0; i < 2; i++) { /* space is back: it goes on by itself */
        sb_assert_ok(append_one(l, &seq, &err), err);
        acknowledged[told++] = seq;
        assert_true(sb_ledger_writable(l, NULL));
    }
    for (size_t i = 0; i < told; i++) {
        struct sb_entry e;
        sb_assert_ok(sb_ledger_entry(l, acknowledged[i], &e, &err), err);
        sb_entry_release(&e);
        assert_true(i == 0 || acknowledged[i] > acknowledged[i - 1]);
    }
    sb_ledger_close(l);
    expect_good(dir, "after a failing disk"); /* no gap, nothing lost */
    return refused == 0;
}

static void a_failing_disk_stops_appends_and_they_resume_without_a_gap(void **state)
{
    (void)state;
    static const struct {
        bool for_good, syncs_only;
        int code;
    } ways[] = {
        {false, false, SQLITE_FULL}, {true, false, SQLITE_FULL}, {false, false, SQLITE_IOERR_WRITE}, {true, false, SQLITE_IOERR_WRITE},
        {false, true, SQLITE_IOERR_FSYNC}, {true, true, SQLITE_IOERR_FSYNC}, {true, false, SQLITE_READONLY},
    };
    shim_ask = failing_disk;
    for (size_t w = 0; w < SB_COUNT(ways); w++) {
        const char *root = sb_test_dir();
        long n = 0;
        bool well;
        do {
            char *dir = sb_format("%s/%ld", root, ++n);
            well = fail_at(dir, n, ways[w].for_good, ways[w].code, ways[w].syncs_only);
            free(dir);
        } while (!well && n < 200);
        assert_true(well && n > (ways[w].syncs_only ? 3 : 10));
    }
    shim_ask = NULL;
}

static void a_failed_intent_gives_no_permit(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = fill_own(sb_test_dir(), &origin);
    struct sb_permit permit = {.seq = 77};
    struct sb_entry e = fill_entry(SB_ENTRY_STEP_INTENT, "K-000001", "C-000001", NULL, json_pack("{s:i}", "step", 1));
    shim_ask = failing_disk;
    disk.countdown = 1;
    disk.for_good = true;
    disk.code = SQLITE_FULL;
    disk.syncs_only = false;
    assert_int_equal(sb_ledger_intent(l, &e, fill_command, "rs-1", "n1", &permit, &err), -1);
    assert_int_equal(permit.seq, 0);
    assert_int_equal(err.code, SB_ELEDGER);
    assert_int_equal(sb_ledger_retry(l, &err) == 0 && sb_ledger_intent(l, &e, fill_command, "rs-1", "n1", &permit, &err) == 0, 0);
    disk.failing = false;
    disk.countdown = 0;
    sb_assert_ok(sb_ledger_retry(l, &err), err);
    assert_true(sb_ledger_writable(l, NULL));
    sb_assert_ok(sb_ledger_intent(l, &e, fill_command, "rs-1", "n1", &permit, &err), err);
    assert_int_equal(permit.seq, 1);
    shim_ask = NULL;
    sb_entry_release(&e);
    sb_ledger_close(l);
}

/* The real thing: the kernel refuses to let a file grow. */
static void a_file_that_may_not_grow_is_reported_and_loses_nothing(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_ledger *l = fill_own(dir, &origin);
    fill_case(l, 1);
    int64_t before = sb_ledger_head(l);
    sb_ledger_close(l);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sb_err err = SB_ERR_INIT;
        char path[160];
        struct stat st;
        int64_t seq, told = 0;
        signal(SIGXFSZ, SIG_IGN);
        l = sb_ledger_open(dir, SB_LEDGER_OWN, &origin, &err);
        snprintf(path, sizeof path, "%s/ledger.db", dir);
        if (!l || stat(path, &st))
            _exit(1);
        struct rlimit limit = {(rlim_t)st.st_size, (rlim_t)st.st_size}, none;
        if (getrlimit(RLIMIT_FSIZE, &none))
            _exit(2);
        limit.rlim_max = none.rlim_max;
        if (setrlimit(RLIMIT_FSIZE, &limit))
            _exit(3);
        while (append_one(l, &seq, &err) == 0)
            told++;
        if (err.code != SB_ELEDGER || sb_ledger_writable(l, NULL) || told > 1000)
            _exit(4);
        if (setrlimit(RLIMIT_FSIZE, &none))
            _exit(5);
        if (append_one(l, &seq, &err) || seq != before + told + 1)
            _exit(6);
        sb_ledger_close(l);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect_good(dir, "after a full disk");
}

/* As a user who may not write there. */
static void a_folder_that_may_not_be_written_says_so(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_ledger *l = fill_own(dir, &origin);
    fill_case(l, 1);
    sb_ledger_close(l);
    char path[160];
    static const char *const names[] = {"ledger.db", "derived.db", "checkpoint", "lock"};
    for (size_t i = 0; i < SB_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_int_equal(chmod(path, 0444), 0);
    }
    assert_int_equal(chmod(dir, 0555), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sb_err err = SB_ERR_INIT;
        if (geteuid() == 0 && (setgroups(0, NULL) || setgid(65534) || setuid(65534)))
            _exit(1);
        l = sb_ledger_open(dir, SB_LEDGER_OWN, &origin, &err);
        if (l || err.code != SB_ELEDGER || !strstr(err.msg, "denied"))
            _exit(2);
        l = sb_ledger_open(dir, SB_LEDGER_READ, NULL, &err); /* reading is allowed */
        if (!l || sb_ledger_head(l) != FILL_CASE_ENTRIES)
            _exit(3);
        sb_ledger_close(l);
        struct sb_verify v;
        _exit(sb_ledger_verify(dir, 0, NULL, NULL, &v, &err) || !v.ok ? 4 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(status, 0);
}

static void who_else_writes_stops_the_owner(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    struct sb_err err = SB_ERR_INIT;
    int64_t seq;
    struct sb_ledger *l = fill_own(dir, &origin);
    sb_assert_ok(append_one(l, &seq, &err), err);
    char path[160];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/ledger.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE innocent(a); DROP TABLE innocent", NULL, NULL, NULL), SQLITE_OK);
    const char *why;
    assert_int_equal(append_one(l, &seq, &err), -1);
    assert_non_null(strstr(err.msg, "another program has written"));
    assert_false(sb_ledger_writable(l, &why));
    assert_int_equal(append_one(l, &seq, &err), -1); /* not by trying again */
    assert_int_equal(sb_ledger_retry(l, &err), -1);
    sb_ledger_close(l);
    /* the triggers stop what comes by accident: REPLACE, UPDATE, DELETE, a number out of turn */
    static const char *const tries[] = {
        "INSERT OR REPLACE INTO entry SELECT 1, leaf, 'x' FROM entry WHERE seq = 1", "UPDATE entry SET json = 'x'", "DELETE FROM entry",
        "INSERT INTO entry SELECT 9, leaf, json FROM entry WHERE seq = 1", "REPLACE INTO ref VALUES('C-000001', 0)", "DELETE FROM ref",
        "UPDATE started SET seq = 7", "DELETE FROM meta", "UPDATE meta SET value = 'x'", "INSERT INTO started VALUES('n', 99)",
    };
    sqlite3_exec(db, "INSERT INTO started VALUES('n', 1)", NULL, NULL, NULL);
    for (size_t i = 0; i < SB_COUNT(tries); i++)
        assert_int_not_equal(sqlite3_exec(db, tries[i], NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* ---- power that goes ---- */

struct event {
    enum shim_op op;
    char *path;
    sqlite3_int64 offset;
    char *bytes;
    int n;
    int64_t acknowledged; /* entries the caller had been told of by then */
};

enum loss { ALL_UNSYNCED, SOME_UNSYNCED };

static struct event *events;
static size_t events_n;
static int64_t acknowledged;

/* Files that are not SQLite's are renamed into place; their versions are noted as they are come by. */
struct side {
    const char *name;
    size_t n;
    struct {
        size_t at; /* events before it was seen */
        char *text;
    } version[64];
};

static struct side sides[] = {{.name = "checkpoint-key"}, {.name = "checkpoint"}, {.name = "witness"}};
static const char *powered; /* the folder that is recorded */

static void note_sides(void)
{
    for (size_t i = 0; i < SB_COUNT(sides); i++) {
        struct side *s = &sides[i];
        struct sb_str text;
        sb_str_init(&text);
        char *path = sb_format("%s/%s", powered, s->name);
        bool there = access(path, F_OK) == 0 && sb_file_read(path, 65536, &text, NULL) == 0;
        if (there && (s->n == 0 || !sb_streq(s->version[s->n - 1].text, text.p))) {
            assert_true(s->n < SB_COUNT(s->version));
            s->version[s->n].at = events_n;
            s->version[s->n++].text = sb_str_take(&text);
        }
        sb_str_release(&text);
        free(path);
    }
}

/* A rename may be lost until the folder is synced: the last version, or the one before it. The key is there: the ledger names
 * it in a commit that synced the folder. */
static void put_sides(const char *dir, size_t at, enum loss loss, struct sb_rng *rng)
{
    for (size_t i = 0; i < SB_COUNT(sides); i++) {
        const struct side *s = &sides[i];
        size_t n = 0;
        while (n < s->n && s->version[n].at <= at)
            n++;
        if (i > 0 && n > 1 && (loss == ALL_UNSYNCED || sb_rng_below(rng, 2)))
            n--;
        if (n == 0)
            continue;
        char *path = sb_format("%s/%s", dir, s->name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(sb_write_all(fd, s->version[n - 1].text, strlen(s->version[n - 1].text)), 0);
        close(fd);
        free(path);
    }
}

static int record(enum shim_op op, const char *path, sqlite3_int64 offset, const void *bytes, int n)
{
    note_sides();
    struct event *e = SB_PUSH(events);
    assert_non_null(e);
    *e = (struct event){op, sb_format("%s", path), offset, n ? sb_strdup_n(bytes, (size_t)n) : NULL, n, acknowledged};
    return SQLITE_OK;
}

/* One file as the disk has it and as the programs see it. */
struct image {
    char *path;
    bool there, there_durable;
    struct sb_str durable;
    size_t *pending; /* events since the last sync */
    size_t pending_n;
};

static void apply(struct sb_str *to, const struct event *e, int n)
{
    if (e->op == SHIM_TRUNCATE) {
        sb_str_truncate(to, (size_t)e->offset);
        return;
    }
    while (to->len < (size_t)e->offset + (size_t)n)
        sb_str_addc(to, '\0');
    memcpy(to->p + e->offset, e->bytes, (size_t)n);
}

struct world {
    struct image image[16];
    size_t n;
};

static struct image *image_of(struct world *w, const char *path)
{
    for (size_t i = 0; i < w->n; i++)
        if (sb_streq(w->image[i].path, path))
            return &w->image[i];
    assert_true(w->n < SB_COUNT(w->image));
    struct image *im = &w->image[w->n++];
    memset(im, 0, sizeof *im);
    im->path = sb_format("%s", path);
    sb_str_init(&im->durable);
    return im;
}

static void step(struct world *w, size_t i)
{
    const struct event *e = &events[i];
    struct image *im = image_of(w, e->path);
    size_t *slot;
    switch (e->op) {
    case SHIM_CREATE:
        im->there = true;
        im->pending_n = 0;
        sb_str_clear(&im->durable);
        break;
    case SHIM_WRITE:
    case SHIM_TRUNCATE:
        slot = SB_PUSH(im->pending);
        assert_non_null(slot);
        *slot = i;
        break;
    case SHIM_SYNC: /* SQLite also syncs the folder with the first sync of a new file */
        for (size_t k = 0; k < im->pending_n; k++)
            apply(&im->durable, &events[im->pending[k]], events[im->pending[k]].n);
        free(im->pending);
        im->pending = NULL;
        im->pending_n = 0;
        im->there_durable = im->there = true;
        break;
    case SHIM_DELETE:
    case SHIM_DELETE_SYNCED:
        im->there = false;
        free(im->pending);
        im->pending = NULL;
        im->pending_n = 0;
        if (e->op == SHIM_DELETE_SYNCED)
            im->there_durable = false;
        break;
    }
}

/* Writes what is left of the files into a folder of their own. */
static void materialise(const struct world *w, const char *dir, enum loss loss, struct sb_rng *rng)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct image *im = &w->image[i];
        bool exists = loss == ALL_UNSYNCED || sb_rng_below(rng, 2) ? im->there_durable : im->there;
        if (!exists)
            continue;
        struct sb_str bytes;
        sb_str_init(&bytes);
        sb_str_add(&bytes, im->durable.p, im->durable.len);
        for (size_t k = 0; loss == SOME_UNSYNCED && k < im->pending_n; k++) {
            const struct event *e = &events[im->pending[k]];
            uint64_t fate = sb_rng_below(rng, 4); /* lost, lost, torn at a sector, there */
            if (fate >= 2)
                apply(&bytes, e, fate == 3 || e->n < 1024 ? e->n : (int)(512 * sb_rng_below(rng, (uint64_t)e->n / 512)));
        }
        char *path = sb_format("%s/%s", dir, strrchr(im->path, '/') + 1);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* the power has gone already */
        assert_true(fd >= 0);
        assert_int_equal(sb_write_all(fd, bytes.p, bytes.len), 0);
        close(fd);
        free(path);
        sb_str_release(&bytes);
    }
}

static void check_after(const char *dir, size_t at)
{
    struct sb_err err = SB_ERR_INIT;
    char when[64], path[200];
    snprintf(when, sizeof when, "power gone before operation %zu", at);
    snprintf(path, sizeof path, "%s/ledger.db", dir);
    char witness[200];
    snprintf(witness, sizeof witness, "%s/witness", dir);
    struct sb_ledger *l = sb_ledger_open_witnessed(dir, witness, SB_LEDGER_OWN, &origin, &err);
    if (!l)
        fail_msg("%s: %s", when, err.msg);
    const char *why;
    if (!sb_ledger_writable(l, &why))
        fail_msg("%s: %s", when, why);
    if (sb_ledger_head(l) < events[at].acknowledged)
        fail_msg("%s: %lld entries were acknowledged, %lld are there", when, (long long)events[at].acknowledged, (long long)sb_ledger_head(l));
    int64_t seq;
    sb_assert_ok(append_one(l, &seq, &err), err);
    sb_ledger_close(l);
    expect_good(dir, when);
}

static void what_was_acknowledged_survives_a_loss_of_power_before_every_operation(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_rng rng;
    const char *dir = sb_test_dir(), *root = sb_test_dir();
    sb_rng_seed(&rng, 77);
    acknowledged = 0;
    powered = dir;
    shim_ask = record;
    char *witness = sb_format("%s/witness", dir);
    struct sb_ledger *l = NULL;
    for (int i = 0; i < 12; i++) { /* closed and opened meanwhile, so that checkpoint and witness are written anew */
        int64_t seq;
        if (i % 4 == 0) {
            sb_ledger_close(l);
            l = sb_ledger_open_witnessed(dir, witness, SB_LEDGER_OWN, &origin, &err);
            assert_non_null(l);
        }
        sb_assert_ok(append_one(l, &seq, &err), err);
        acknowledged = seq;
    }
    free(witness);
    struct sb_permit permit;
    struct sb_entry e = fill_entry(SB_ENTRY_STEP_INTENT, "K-000001", "C-000001", NULL, json_pack("{s:i}", "step", 1));
    sb_assert_ok(sb_ledger_intent(l, &e, fill_command, "rs-1", "n1", &permit, &err), err);
    sb_entry_release(&e);
    acknowledged = permit.seq;
    sb_assert_ok(sb_ledger_settle(l, &err), err);
    shim_ask = NULL;
    sb_ledger_close(l);
    struct world w = {.n = 0};
    for (size_t at = 0; at < events_n; at++) {
        for (int variant = 0; variant < 3; variant++) {
            char *left = sb_format("%s/%zu-%d", root, at, variant);
            sb_assert_ok(sb_dir_make(left, 0700, &err), err);
            materialise(&w, left, variant ? SOME_UNSYNCED : ALL_UNSYNCED, &rng);
            put_sides(left, at, variant ? SOME_UNSYNCED : ALL_UNSYNCED, &rng);
            check_after(left, at);
            free(left);
        }
        step(&w, at);
    }
    print_message("%zu operations, %zu checkpoints, %zu of the witness\n", events_n, sides[1].n, sides[2].n);
    assert_true(events_n > 150);
    assert_true(sides[1].n >= 3 && sides[2].n >= 3);
    for (size_t i = 0; i < SB_COUNT(sides); i++)
        while (sides[i].n)
            free(sides[i].version[--sides[i].n].text);
    for (size_t i = 0; i < w.n; i++) {
        free(w.image[i].path);
        free(w.image[i].pending);
        sb_str_release(&w.image[i].durable);
    }
    for (size_t i = 0; i < events_n; i++) {
        free(events[i].path);
        free(events[i].bytes);
    }
    free(events);
    events = NULL;
    events_n = 0;
}

int main(void)
{
    shim_install();
    sb_origin_system(&origin);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_disk_stops_appends_and_they_resume_without_a_gap),
        cmocka_unit_test(a_failed_intent_gives_no_permit),
        cmocka_unit_test(a_file_that_may_not_grow_is_reported_and_loses_nothing),
        cmocka_unit_test(a_folder_that_may_not_be_written_says_so),
        cmocka_unit_test(who_else_writes_stops_the_owner),
        cmocka_unit_test(what_was_acknowledged_survives_a_loss_of_power_before_every_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
