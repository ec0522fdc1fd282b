/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that grows while it is read: lines in pieces, rotation underneath by every way, and lines that are too long. */
#include "test.h"

#include <signalbox/formats/tail.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[600], other[600];

static void append(const char *to, const char *text, size_t n)
{
    FILE *f = fopen(to, "a");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void add(const char *text)
{
    append(path, text, strlen(text));
}

static struct sb_tail *begin(const char *name)
{
    struct sb_err err = SB_ERR_INIT;
    snprintf(path, sizeof path, "%s/%s", sb_test_dir(), name);
    snprintf(other, sizeof other, "%s/%s.1", sb_test_dir(), name);
    append(path, "", 0);
    struct sb_tail *t = sb_tail_open(path, &err);
    assert_non_null(t);
    return t;
}

static void expect(struct sb_tail *t, enum sb_tail_news news)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_span line;
    enum sb_line_end end;
    assert_int_equal(sb_tail_next(t, &line, &end, &err), news);
}

static void expect_line(struct sb_tail *t, const char *text, enum sb_line_end how)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_span line;
    enum sb_line_end end;
    assert_int_equal(sb_tail_next(t, &line, &end, &err), SB_TAIL_LINE);
    assert_int_equal(end, how);
    assert_int_equal(line.n, strlen(text));
    assert_memory_equal(line.p, text, line.n);
}

static void test_lines_come_as_they_end(void **state)
{
    (void)state;
    struct sb_tail *t = begin("grows");
    expect(t, SB_TAIL_NOTHING);
    add("one\ntwo\nthr");
    expect_line(t, "one", SB_LINE_WHOLE);
    expect_line(t, "two", SB_LINE_WHOLE);
    expect(t, SB_TAIL_NOTHING);
    expect(t, SB_TAIL_NOTHING);
    add("ee\n\n");
    expect_line(t, "three", SB_LINE_WHOLE);
    expect_line(t, "", SB_LINE_WHOLE);
    expect(t, SB_TAIL_NOTHING);
    sb_tail_close(t);
}

static void test_rotation_loses_nothing(void **state)
{
    (void)state;
    struct sb_tail *t = begin("rotated");
    add("a\n");
    expect_line(t, "a", SB_LINE_WHOLE);
    add("b\nunen");
    assert_int_equal(rename(path, other), 0);
    expect_line(t, "b", SB_LINE_WHOLE);
    expect(t, SB_TAIL_NOTHING); /* there is no new one yet */
    append(other, "ded", 3);
    add("c\n");
    expect(t, SB_TAIL_NOTHING); /* who writes may still hold the old one, */
    append(other, "!\nlate", 6);
    expect_line(t, "unended!", SB_LINE_WHOLE); /* and did */
    expect(t, SB_TAIL_NOTHING);
    expect_line(t, "late", SB_LINE_UNENDED);
    expect(t, SB_TAIL_ROTATED);
    expect_line(t, "c", SB_LINE_WHOLE);
    expect(t, SB_TAIL_NOTHING);
    assert_int_equal(unlink(path), 0); /* gone, and made anew */
    expect(t, SB_TAIL_NOTHING);
    add("d\n");
    expect(t, SB_TAIL_NOTHING);
    expect(t, SB_TAIL_ROTATED);
    expect_line(t, "d", SB_LINE_WHOLE);
    sb_tail_close(t);
}

static void test_a_file_that_is_cut_is_told(void **state)
{
    (void)state;
    struct sb_tail *t = begin("cut");
    add("first line\nsecond");
    expect_line(t, "first line", SB_LINE_WHOLE);
    expect(t, SB_TAIL_NOTHING);
    assert_int_equal(truncate(path, 0), 0);
    add("x\n");
    expect(t, SB_TAIL_CUT);
    expect_line(t, "x", SB_LINE_WHOLE);
    expect(t, SB_TAIL_NOTHING);
    sb_tail_close(t);
}

static void test_a_line_too_long_is_passed_over(void **state)
{
    (void)state;
    struct sb_tail *t = begin("long");
    struct sb_err err = SB_ERR_INIT;
    struct sb_span line;
    enum sb_line_end end;
    char *text = malloc(3 * SB_INFILE_MAX_LINE);
    assert_non_null(text);
    memset(text, 'x', 3 * SB_INFILE_MAX_LINE);
    append(path, text, 3 * SB_INFILE_MAX_LINE);
    assert_int_equal(sb_tail_next(t, &line, &end, &err), SB_TAIL_LINE);
    assert_int_equal(end, SB_LINE_TOO_LONG);
    assert_int_equal(line.n, SB_INFILE_MAX_LINE);
    expect(t, SB_TAIL_NOTHING);
    append(path, text, 1000);
    add("\nshort\n");
    expect_line(t, "short", SB_LINE_WHOLE);
    append(path, text, SB_INFILE_MAX_LINE);
    add("\n");
    assert_int_equal(sb_tail_next(t, &line, &end, &err), SB_TAIL_LINE);
    assert_int_equal(end, SB_LINE_WHOLE);
    assert_int_equal(line.n, SB_INFILE_MAX_LINE);
    free(text);
    sb_tail_close(t);
}

static void test_what_cannot_be_followed(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    char missing[600];
    snprintf(missing, sizeof missing, "%s/missing", sb_test_dir());
    assert_null(sb_tail_open(missing, &err));
    assert_int_equal(err.code, SB_EINPUT);
    assert_null(sb_tail_open(sb_test_dir(), &err));
    assert_null(sb_tail_open("/dev/null", &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_as_they_end),     cmocka_unit_test(test_rotation_loses_nothing), cmocka_unit_test(test_a_file_that_is_cut_is_told),
        cmocka_unit_test(test_a_line_too_long_is_passed_over), cmocka_unit_test(test_what_cannot_be_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
