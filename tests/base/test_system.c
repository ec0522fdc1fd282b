/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/conf.h>
#include <signalbox/base/file.h>
#include <signalbox/base/process.h>
#include <signalbox/base/regex.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void collect(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_str *out = ctx;
    sb_str_addf(out, "%u:", row->line);
    for (size_t i = 0; i < row->n; i++)
        sb_str_addf(out, "<%s>", row->word[i]);
    if (row->n == 1)
        sb_problems_add(problems, row->path, row->line, "one word is too few");
}

static void conf_rows_and_problems(void **state)
{
    (void)state;
    static const char text[] = "# head\nset name value # tail\n\nbind pane \"a \\\"b\\\"\" \"\\bx\\\\\"\nlone\nset \"open\nset \"a\"b\n\xff\nset a#b c\n";
    struct sb_str out;
    struct sb_problems problems;
    struct sb_err err = SB_ERR_INIT;
    sb_str_init(&out);
    sb_problems_init(&problems);
    sb_assert_ok(sb_conf_parse(text, sizeof text - 1, "f", collect, &out, &problems, &err), err);
    assert_string_equal(out.p, "2:<set><name><value>4:<bind><pane><a \"b\"><\\bx\\>5:<lone>9:<set><a#b><c>");
    assert_int_equal(problems.count, 4);
    assert_string_equal(problems.text.p, "f:5: one word is too few\nf:6: a quote is opened and not closed\n"
                                         "f:7: a blank is missing behind a closing quote\nf:8: bytes that are not UTF-8\n");
    sb_str_release(&out);
    sb_problems_release(&problems);
}

static void files_are_whole_or_old(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/a/b/file", sb_test_dir());
    char dir[256];
    snprintf(dir, sizeof dir, "%.*s", (int)(strlen(path) - 5), path);
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_dir_make(dir, 0700, &err), err);
    sb_assert_ok(sb_file_write(path, 0600, "one", 3, &err), err);
    sb_assert_ok(sb_file_write(path, 0600, "two!", 4, &err), err);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct sb_str s;
    sb_str_init(&s);
    sb_assert_ok(sb_file_read(path, 4, &s, &err), err);
    assert_string_equal(s.p, "two!");
    sb_str_clear(&s);
    assert_int_equal(sb_file_read(path, 3, &s, &err), -1);
    assert_int_equal(err.code, SB_EINPUT);
    assert_int_equal(sb_file_write("/nowhere/at/all", 0600, "x", 1, &err), -1);
    assert_int_equal(err.code, SB_EIO);
    sb_str_release(&s);
}

static void state_folder_is_private(void **state)
{
    (void)state;
    const char *dir = sb_test_dir();
    setenv("XDG_STATE_HOME", dir, 1);
    struct sb_str s;
    struct sb_err err = SB_ERR_INIT;
    sb_str_init(&s);
    sb_assert_ok(sb_path_state(&s, &err), err);
    struct stat st;
    assert_int_equal(stat(s.p, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(chmod(s.p, 0770), 0);
    char *path = sb_str_take(&s);
    assert_int_equal(sb_path_state(&s, &err), -1);
    assert_non_null(strstr(err.msg, "chmod 700"));
    free(path);
    sb_str_release(&s);
}

static void children_run_without_a_shell(void **state)
{
    (void)state;
    struct sb_process p;
    struct sb_err err = SB_ERR_INIT;
    const char *const echo[] = {"printf", "%s|", "a b", "$HOME", NULL};
    sb_assert_ok(sb_process_spawn(&p, echo, SB_PROCESS_OUT, &err), err);
    char buf[64] = "";
    ssize_t n = read(p.out, buf, sizeof buf - 1);
    assert_true(n > 0);
    assert_string_equal(buf, "a b|$HOME|");
    assert_int_equal(sb_process_wait(&p), 0);
    const char *const none[] = {"/nowhere/program", NULL};
    assert_int_equal(sb_process_spawn(&p, none, 0, &err), -1);
    assert_non_null(strstr(err.msg, "/nowhere/program"));
    const char *const sleeper[] = {"sleep", "60", NULL};
    sb_assert_ok(sb_process_spawn(&p, sleeper, 0, &err), err);
    assert_int_equal(sb_process_stop(&p, 2000), 128 + 15);
}

/* Also what left its session and group, and does not mind a SIGTERM; and nobody else. */
static void what_was_marked_is_ended(void **state)
{
    (void)state;
    struct sb_process p, bystander;
    struct sb_err err = SB_ERR_INIT;
    char mark[80], buf[32] = "";
    snprintf(mark, sizeof mark, "/tmp/mark of %d", (int)getpid());
    const char *const leaving[] = {"sh", "-c", "setsid sh -c 'trap : TERM; echo here; while :; do sleep 60; done' & wait", NULL}, *const sleeper[] = {"sleep", "60", NULL};
    sb_assert_ok(sb_process_spawn_marked(&bystander, sleeper, 0, "/tmp/mark", NULL, &err), err);
    sb_assert_ok(sb_process_spawn_marked(&p, leaving, SB_PROCESS_OUT, mark, NULL, &err), err);
    assert_true(read(p.out, buf, sizeof buf - 1) > 0);
    assert_true(sb_process_end_marked(mark, 10) >= 2);
    assert_int_equal(sb_process_end_marked(mark, 0), 0);
    assert_int_equal(sb_process_wait(&p), 128 + 15);
    assert_int_equal(sb_process_end_marked("/tmp/mark", 2000), 1);
    assert_int_equal(sb_process_wait(&bystander), 128 + 15);
}

static void patterns_match_and_are_bounded(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_regex *re = sb_regex_new("(\\w+)\\.(\\w+)( x)?", 0, &err);
    assert_non_null(re);
    struct sb_match m[4];
    assert_int_equal(sb_regex_match(re, "see shop.orders", 15, m, 4, &err), 1);
    assert_int_equal(m[1].from, 4);
    assert_int_equal(m[2].to, 15);
    assert_true(m[3].from == (size_t)-1);
    assert_int_equal(sb_regex_match(re, "none", 4, m, 4, &err), 0);
    sb_regex_free(re);
    assert_null(sb_regex_new("(", 0, &err));
    assert_non_null(strstr(err.msg, "character"));
    re = sb_regex_new("^(a+)+$", 0, &err);
    char hostile[64];
    memset(hostile, 'a', sizeof hostile);
    hostile[63] = '!';
    assert_int_equal(sb_regex_match(re, hostile, sizeof hostile, m, 1, &err), -1);
    sb_regex_free(re);
}

/* Ours takes the place of the library's: it counts, and fails for a folder when it is told to. */
static int files_synced, folders_synced, folder_error;

int fsync(int fd)
{
    struct stat st;
    bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    *(folder ? &folders_synced : &files_synced) += 1;
    if (folder && folder_error) {
        errno = folder_error;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

/* A name is durable when its folder was synced: the file alone is not enough. */
static void a_file_is_put_in_place_for_good(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    char *path = sb_format("%s/file", sb_test_dir());
    files_synced = folders_synced = 0;
    sb_assert_ok(sb_file_write(path, 0600, "one", 3, &err), err);
    assert_int_equal(files_synced, 1);
    assert_int_equal(folders_synced, 1);
    folder_error = EIO;
    assert_int_equal(sb_file_write(path, 0600, "two", 3, &err), -1);
    assert_non_null(strstr(err.msg, "its folder cannot be synced"));
    folder_error = EINVAL; /* a file system that does not know it */
    sb_assert_ok(sb_file_write(path, 0600, "three", 5, &err), err);
    folder_error = 0;
    unlink(path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_rows_and_problems),
        cmocka_unit_test(files_are_whole_or_old),
        cmocka_unit_test(state_folder_is_private),
        cmocka_unit_test(children_run_without_a_shell),
        cmocka_unit_test(what_was_marked_is_ended),
        cmocka_unit_test(patterns_match_and_are_bounded),
        cmocka_unit_test(a_file_is_put_in_place_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
