/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/formats/csv.h>
#include <signalbox/base/compiler.h>
#include <stdio.h>

static struct sb_csv_row row; /* 24 KiB: not for a stack */

/* All rows of a text, fed in pieces of so many bytes, as "line:cell|cell!flaw@column;". */
static void rows_of(char *out, size_t cap, const char *text, size_t n, size_t piece)
{
    struct sb_csv *c = sb_csv_new();
    bool complete;
    size_t used = 0;
    assert_non_null(c);
    out[0] = '\0';
    for (size_t at = 0;;) {
        size_t size = n - at < piece ? n - at : piece;
        if (at < n) {
            at += sb_csv_feed(c, text + at, size, &row, &complete);
            if (!complete)
                continue;
        } else if (!sb_csv_end(c, &row)) {
            break;
        }
        used += (size_t)snprintf(out + used, cap - used, "%d:", (int)row.line);
        for (size_t i = 0; i < row.n; i++) {
            assert_int_equal(row.cell[i].p[row.cell[i].n], 0);
            used += (size_t)snprintf(out + used, cap - used, "%s%.*s", i ? "|" : "", (int)row.cell[i].n, row.cell[i].p);
        }
        if (row.flaw)
            used += (size_t)snprintf(out + used, cap - used, "!%d@%d", row.flaw, (int)row.flaw_column);
        used += (size_t)snprintf(out + used, cap - used, ";");
    }
    sb_csv_free(c);
}

static void rows_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"\n", "1:;"},
        {"a,b\nc,d\n", "1:a|b;2:c|d;"},
        {"a,b\r\n\r\nc", "1:a|b;2:;3:c;"},
        {"\xef\xbb\xbf" "a,b\n\xef\xbb\xbf", "1:a|b;2:\xef\xbb\xbf;"},
        {"a,\n,\n", "1:a|;2:|;"},
        {"\"a,\"\"b\",c\n", "1:a,\"b|c;"},
        {"\"\",\"\"\n", "1:|;"},
        {"\"open,c\nd,e\n", "1:open,c!3@1;2:d|e;"},
        {"x,\"a\"b,c\n", "1:x|a|c!4@6;"},
        {"a\"b,c\n", "1:a\"b|c;"},
        {"\"", "1:!3@1;"},
    };
    char out[256];
    for (size_t i = 0; i < SB_COUNT(cases); i++)
        for (size_t piece = 1; piece < 8; piece++) {
            rows_of(out, sizeof out, cases[i].text, strlen(cases[i].text), piece);
            assert_string_equal(out, cases[i].want);
        }
}

static void bounds_hold(void **state)
{
    (void)state;
    size_t n = SB_CSV_MAX_LINE + 5000;
    char *text = malloc(n + 8);
    bool complete;
    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text + n, ",9\na,b\n", 7);
    struct sb_csv *c = sb_csv_new();
    size_t took = sb_csv_feed(c, text, n + 7, &row, &complete);
    assert_true(complete);
    assert_int_equal(took, n + 3);
    assert_int_equal(row.flaw, SB_CSV_TOO_LONG);
    assert_int_equal(row.n, 1);
    assert_int_equal(row.cell[0].n, SB_CSV_MAX_LINE);
    sb_csv_feed(c, text + took, 4, &row, &complete);
    assert_true(complete);
    assert_int_equal(row.line, 2);
    assert_int_equal(row.n, 2);
    assert_int_equal(row.flaw, SB_CSV_WHOLE);
    memset(text, ',', n);
    text[2000] = '\n';
    sb_csv_feed(c, text, 2001, &row, &complete);
    assert_int_equal(row.n, SB_CSV_MAX_CELLS);
    assert_int_equal(row.flaw, SB_CSV_TOO_MANY);
    sb_csv_free(c);
    free(text);
}

static struct sb_csv_cell cell(const char *text)
{
    return (struct sb_csv_cell){text, strlen(text), 1};
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum sb_csv_value kind;
        double value;
    } cases[] = {
        {"1", SB_CSV_NUMBER, 1},           {" -1.5\t", SB_CSV_NUMBER, -1.5},   {"+.5", SB_CSV_NUMBER, .5},
        {"1e3", SB_CSV_NUMBER, 1000},      {"0.081964735516399998", SB_CSV_NUMBER, 0.081964735516399998},
        {"1e-400", SB_CSV_NUMBER, 0},      {"1e400", SB_CSV_MISSING, 0},       {"12345678901234567890123", SB_CSV_NUMBER, 12345678901234567890123.},
        {"", SB_CSV_MISSING, 0},           {" ", SB_CSV_MISSING, 0},           {"NaN", SB_CSV_MISSING, 0},
        {"-Inf", SB_CSV_MISSING, 0},       {"null", SB_CSV_MISSING, 0},        {"1,5", SB_CSV_TEXT, 0},
        {"0x10", SB_CSV_TEXT, 0},          {"1e", SB_CSV_TEXT, 0},             {"1.2.3", SB_CSV_TEXT, 0},
        {".", SB_CSV_TEXT, 0},             {"abc", SB_CSV_TEXT, 0},            {"1 2", SB_CSV_TEXT, 0},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        struct sb_csv_cell c = cell(cases[i].text);
        double v = 0;
        if (sb_csv_number(&c, &v) != cases[i].kind)
            fail_msg("\"%s\" is of another kind", cases[i].text);
        if (v < cases[i].value - 1e-12 * (cases[i].value < 0 ? -cases[i].value : cases[i].value) ||
            v > cases[i].value + 1e-12 * (cases[i].value < 0 ? -cases[i].value : cases[i].value))
            fail_msg("\"%s\" is %.17g", cases[i].text, v);
    }
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: none */
    } cases[] = {
        {"2014-04-01 00:00:00", 1396310400000},    {"2014-04-01T00:00:00Z", 1396310400000}, {"2014-04-01", 1396310400000},
        {"2014-04-01 00:00", 1396310400000},       {"2014-04-01T02:00+02:00", 1396310400000}, {"2014-04-01 00:00:00.250000", 1396310400250},
        {"1396310400", 1396310400000},             {"1396310400.5", 1396310400500},         {"1396310400000", 1396310400000},
        {"1396310400000000", 1396310400000},       {"1396310400000000000", 1396310400000},  {"", -1},
        {"2014-13-01", -1},                        {"2014-04-01 25:00", -1},                {"yesterday", -1},
        {"2014-04-01 00:00:00 x", -1},             {"1e300", -1},
        {"2014/04/01 00:00:00", 1396310400000},    {"2014/04/01", 1396310400000},           {"2014-04/01", -1},
        {"2014-04-01 00:00:00 UTC", 1396310400000}, {"2014-04-01 00:00 gmt", 1396310400000}, {"2014-04-01 02:00:00 +0200", 1396310400000},
        {"2014-04-01 00:00:00 UTC+1", -1},         {"1396310400.29", 1396310400290},        {"1396310400.999", 1396310400999},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        struct sb_csv_cell c = cell(cases[i].text);
        int64_t ms = -1;
        int rc = sb_csv_time(&c, &ms);
        if ((rc == 0) != (cases[i].ms != -1) || ms != cases[i].ms)
            fail_msg("\"%s\" is %lld", cases[i].text, (long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_split),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(numbers),
        cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
