/* SPDX-License-Identifier: Apache-2.0
 *
 * kill -9 at every named point of the ledger, and before every write, truncation, sync and removal that SQLite does. A child
 * works and tells over a pipe what was acknowledged to it; the parent opens what is left and compares. SIGNALBOX_CRASH_CASES=n makes the scenario longer (whole cases), for the long run. */
#include "fill.h"
#include "shim.h"

#include <signalbox/base/hook.h>
#include <signalbox/base/rng.h>
#include <signalbox/ledger/verify.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ours takes the place of the library's weak one: at the n-th visit the process is gone. */
static long visits, die_at;

void sb_hook(const char *point)
{
    (void)point;
    if (die_at && ++visits == die_at)
        kill(getpid(), SIGKILL);
}

static int hook_file(enum shim_op op, const char *path, sqlite3_int64 offset, const void *bytes, int n)
{
    (void)op;
    (void)path;
    (void)offset;
    (void)bytes;
    (void)n;
    sb_hook("vfs");
    return SQLITE_OK;
}

/* In these tests it is beside the ledger: what counts is when it is written. */
static const char *witness_in(const char *dir)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/witness", dir);
    return path;
}

struct told {
    int64_t seq;
    int64_t permit; /* the entry behind a permit; 0: it was no intent */
    bool first;     /* used a nonce */
};

static void tell(int fd, struct told t)
{
    if (write(fd, &t, sizeof t) != sizeof t)
        _exit(9);
}

static void work_append(struct sb_ledger *l, int fd, int i)
{
    struct sb_err err = SB_ERR_INIT;
    char card[16];
    snprintf(card, sizeof card, "C-%06d", i);
    struct sb_entry e = fill_entry(SB_ENTRY_STATE, "K-000001", card, NULL, fill_state("require", "proposed", "awaiting_approval"));
    if (sb_ledger_append(l, &e, &err))
        _exit(8);
    tell(fd, (struct told){e.seq, 0, false});
    sb_entry_release(&e);
}

/* 0 a permit, 1 refused because this nonce has started already, -1 error. */
static int start(struct sb_ledger *l, const char *nonce, struct sb_permit *permit)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_entry e = fill_entry(SB_ENTRY_STEP_INTENT, "K-000001", "C-000001", NULL, json_pack("{s:i,s:i,s:b}", "step", 1, "try", 1, "undo", 0));
    int rc = sb_ledger_intent(l, &e, fill_command, "rs-1", nonce, permit, &err);
    sb_entry_release(&e);
    return rc == 0 ? 0 : err.code == SB_ESTATE ? 1 : -1;
}

/* The child's whole life. Every start of it tries to use the one nonce. */
static void work(const char *dir, int fd, int cases)
{
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    struct sb_permit permit;
    sb_origin_system(&origin);
    struct sb_ledger *l = sb_ledger_open_witnessed(dir, witness_in(dir), SB_LEDGER_OWN, &origin, &err);
    if (!l || !sb_ledger_writable(l, NULL))
        _exit(7);
    for (int i = 0; i < 3; i++)
        work_append(l, fd, i);
    int rc = start(l, "nonce-once", &permit);
    if (rc < 0)
        _exit(6);
    if (rc == 0)
        tell(fd, (struct told){permit.seq, permit.seq, true});
    if (start(l, NULL, &permit))
        _exit(5);
    tell(fd, (struct told){permit.seq, permit.seq, false});
    for (int i = 0; i < cases; i++)
        fill_case(l, (int)sb_ledger_head(l) + 10);
    sb_ledger_settle(l, NULL);
    work_append(l, fd, 7);
    sb_ledger_close(l);
    _exit(0);
}

#define MAX_TOLD 4096
struct outcome {
    struct told told[MAX_TOLD];
    size_t n;
    bool completed;
};

/* Runs the scenario in a child that dies at the given visit (0: never), or when `kill_after` acknowledgements were read. */
static void run(const char *dir, long at, long kill_after, int cases, struct outcome *out)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        visits = 0;
        die_at = at;
        work(dir, fds[1], cases);
    }
    close(fds[1]);
    struct told t;
    ssize_t n;
    out->n = 0;
    while ((n = read(fds[0], &t, sizeof t)) == sizeof t || (n < 0 && errno == EINTR)) {
        assert_true(out->n < MAX_TOLD);
        out->told[out->n++] = t;
        if (kill_after && (long)out->n == kill_after)
            kill(child, SIGKILL);
    }
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    out->completed = WIFEXITED(status);
    if (out->completed)
        assert_int_equal(WEXITSTATUS(status), 0);
    else
        assert_int_equal(WTERMSIG(status), SIGKILL);
}

struct seen {
    const struct outcome *o;
    size_t found;
    int64_t starts; /* intents that carry the nonce */
};

static int look(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    (void)err;
    struct seen *s = ctx;
    for (size_t i = 0; i < s->o->n; i++)
        if (s->o->told[i].seq == e->seq) {
            s->found++;
            if (s->o->told[i].permit)
                assert_int_equal(e->kind, SB_ENTRY_STEP_INTENT); /* no permit without a durable intent */
        }
    s->starts += e->kind == SB_ENTRY_STEP_INTENT && sb_streq(sb_json_str(e->body, "nonce"), "nonce-once");
    return 0;
}

/* What must hold of the folder whatever happened. `told` adds up over all lives. */
static void inspect(const char *dir, const struct outcome *o, const char *when)
{
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    struct sb_verify v;
    sb_origin_system(&origin);
    struct sb_ledger *l = sb_ledger_open_witnessed(dir, witness_in(dir), SB_LEDGER_OWN, &origin, &err);
    if (!l)
        fail_msg("%s: %s", when, err.msg);
    const char *why;
    if (!sb_ledger_writable(l, &why))
        fail_msg("%s: %s", when, why);
    struct seen s = {.o = o};
    sb_assert_ok(sb_ledger_range(l, 1, 0, look, &s, &err), err);
    if (s.found != o->n)
        fail_msg("%s: %zu entries were acknowledged, %zu of them are there", when, o->n, s.found);
    assert_true(s.starts <= 1);
    assert_int_equal(sb_ledger_started(l, "nonce-once", &err) > 0, s.starts == 1);
    /* the approval starts once: now or before, never twice */
    struct sb_permit permit;
    int rc = start(l, "nonce-once", &permit);
    assert_int_equal(rc, s.starts == 1 ? 1 : 0);
    assert_int_equal(permit.seq != 0, rc == 0);
    assert_int_equal(start(l, "nonce-once", &permit), 1);
    sb_ledger_close(l);
    if (sb_ledger_verify_against(dir, witness_in(dir), 0, NULL, NULL, &v, &err))
        fail_msg("%s: %s", when, err.msg);
    if (!v.ok)
        fail_msg("%s: entry %lld: %s", when, (long long)v.bad, v.what);
}

static int cases_wanted(void)
{
    const char *said = getenv("SIGNALBOX_CRASH_CASES");
    int64_t n = 0;
    return said && sb_parse_i64(said, &n) == 0 ? (int)n : 0;
}

static char *fresh_dir(const char *root, long n)
{
    char *dir = sb_format("%s/%ld", root, n);
    assert_non_null(dir);
    return dir;
}

/* A fresh ledger, killed at each point until the scenario completes. */
static void killed_at_every_point_nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    static struct outcome o;
    const char *root = sb_test_dir();
    long n = 0;
    do {
        n++;
        char *dir = fresh_dir(root, n), when[64];
        run(dir, n, 0, cases_wanted(), &o);
        snprintf(when, sizeof when, "killed at visit %ld", n);
        inspect(dir, &o, when);
        free(dir);
    } while (!o.completed);
    print_message("%ld points\n", n - 1);
    assert_true(n > 200);
}

/* The second life is killed too, at its own points, and the third: what is recovered from is itself half done. */
static void killed_again_while_it_recovers_it_converges(void **state)
{
    (void)state;
    static struct outcome o, all;
    const char *root = sb_test_dir();
    long lives = 0;
    for (long first = 1; first < 240; first += 7)
        for (long second = 1; second <= 13; second += 4) {
            char *dir = fresh_dir(root, first * 100 + second), when[64];
            all.n = 0;
            long at[] = {first, second, second + 1};
            for (size_t i = 0; i < SB_COUNT(at); i++) {
                run(dir, at[i], 0, 0, &o);
                memcpy(all.told + all.n, o.told, o.n * sizeof *o.told);
                all.n += o.n;
                lives++;
            }
            snprintf(when, sizeof when, "killed at %ld, then at %ld and %ld", at[0], at[1], at[2]);
            inspect(dir, &all, when);
            free(dir);
        }
    print_message("%ld lives\n", lives);
}

/* Not at a point of ours but wherever it happens to be when the k-th acknowledgement is read; one ledger lives on. */
static void killed_at_any_moment_the_same_ledger_goes_on(void **state)
{
    (void)state;
    static struct outcome o, all;
    struct sb_rng rng;
    sb_rng_seed(&rng, 5);
    const char *dir = sb_test_dir(), *said = getenv("SIGNALBOX_CRASH_MOMENTS");
    int64_t moments = 25;
    if (said)
        assert_int_equal(sb_parse_i64(said, &moments), 0);
    all.n = 0;
    for (int64_t i = 0; i < moments; i++) {
        run(dir, 0, 1 + (long)sb_rng_below(&rng, 5), 0, &o);
        for (size_t k = 0; k < o.n && all.n < MAX_TOLD; k++)
            all.told[all.n++] = o.told[k];
    }
    inspect(dir, &all, "after many kills");
}

int main(void)
{
    shim_install();
    shim_ask = hook_file;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_every_point_nothing_acknowledged_is_lost),
        cmocka_unit_test(killed_again_while_it_recovers_it_converges),
        cmocka_unit_test(killed_at_any_moment_the_same_ledger_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
