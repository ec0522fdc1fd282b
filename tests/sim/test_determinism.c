/* SPDX-License-Identifier: Apache-2.0
 *
 * The same seed gives the same history: for every scenario some virtual time, twice, in two processes at the same time;
 * the hash of everything that was done, and every byte of every member's serverStatus at six moments, are the same.
 * Another seed gives another history. */
#include "scenes.h"

#include <signalbox/base/hash.h>

#include <glob.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_MINUTES 2 /* an hour with SIGNALBOX_MINUTES=60: make test-long */

struct history {
    uint64_t trace, metrics, operations;
};

static struct history live(const char *name, uint64_t seed, int minutes)
{
    struct scene x;
    struct history h = {.metrics = SB_FNV_START};
    scene_init(&x, name, seed);
    for (int k = 1; k <= 6; k++) {
        scene_to(&x, minutes * 10.0 * k);
        for (int i = 0; i < SIM_MEMBERS; i++) {
            uint8_t *shot = scene_shot(&x, i);
            h.metrics = sb_fnv1a(h.metrics, shot, sim_doc_len(shot));
            free(shot);
        }
    }
    h.trace = sim_trace_hash(x.r.s);
    h.operations = x.r.s->operations;
    scene_release(&x);
    return h;
}

/* In a process of its own: returns the end of a pipe on which its history will come. */
static int begin(const char *name, uint64_t seed, int minutes, pid_t *pid)
{
    int p[2];
    assert_int_equal(pipe(p), 0);
    *pid = fork();
    assert_true(*pid >= 0);
    if (*pid == 0) {
        struct history h = live(name, seed, minutes);
        _exit(write(p[1], &h, sizeof h) == (ssize_t)sizeof h ? 0 : 1);
    }
    close(p[1]);
    return p[0];
}

static struct history end(int fd, pid_t pid)
{
    struct history h;
    int status;
    ssize_t n = read(fd, &h, sizeof h);
    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(n, (ssize_t)sizeof h);
    assert_int_equal(status, 0);
    return h;
}

static void test_one_seed_one_history(void **state)
{
    glob_t g;
    unsigned differ = 0;
    const char *said = getenv("SIGNALBOX_MINUTES");
    int64_t span = SHORT_MINUTES;
    if (said && (sb_parse_i64(said, &span) || span < 1 || span > 600))
        fail_msg("SIGNALBOX_MINUTES is no number of minutes: %s", said);
    (void)state;
    assert_int_equal(glob("tests/scenarios/*.scenario", 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        const char *base = strrchr(g.gl_pathv[i], '/') + 1;
        char name[100];
        pid_t pid[2];
        int fd[2];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(base, "."), base);
        int minutes = strncmp(name, "recorded-", 9) == 0 && span > 5 ? 5 : (int)span; /* these are over by then */
        for (int k = 0; k < 2; k++)
            fd[k] = begin(name, 3, minutes, &pid[k]);
        struct history a = end(fd[0], pid[0]), b = end(fd[1], pid[1]);
        bool same = a.trace == b.trace && a.metrics == b.metrics && a.operations == b.operations;
        print_message("%-20s %2d minutes, %9llu operations, trace %016llx, metrics %016llx%s\n", name, minutes, (unsigned long long)a.operations,
                      (unsigned long long)a.trace, (unsigned long long)a.metrics, same ? "" : "  DIFFERENT");
        differ += !same;
        assert_true(a.operations > 100);
    }
    globfree(&g);
    assert_int_equal(differ, 0);
}

static void test_another_seed_another_history(void **state)
{
    (void)state;
    struct history a = live("calm", 3, 2), b = live("calm", 4, 2);
    assert_true(a.trace != b.trace && a.metrics != b.metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_seed_another_history),
        cmocka_unit_test(test_one_seed_one_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
