/* SPDX-License-Identifier: Apache-2.0
 *
 * Time zones against Python's zoneinfo on the same files, against what the calendar says, and on files that are broken. */
#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/base/zone.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INSTANTS 12000

static struct sb_zone *zone(const char *name)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str bytes;
    sb_str_init(&bytes);
    struct sb_zone *z = sb_zones_of_system.read(NULL, name, &bytes, &err) ? NULL : sb_zone_parse(name, bytes.p, bytes.len, &err);
    if (!z)
        print_message("%s\n", err.msg);
    sb_str_release(&bytes);
    return z;
}

static int64_t at(int64_t year, int month, int day, int hour, int minute)
{
    return sb_days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static void instants_are_those_of_zoneinfo(void **state)
{
    (void)state;
    struct {
        char name[64];
        struct sb_zone *zone;
    } cache[700] = {{"", NULL}};
    char line[160], name[64], kind;
    int64_t in, expected, seen = 0, wrong = 0;
    snprintf(line, sizeof line, "python3 tests/base/zone_oracle.py 20261123 %d 2>&1", INSTANTS);
    FILE *oracle = popen(line, "re");
    assert_non_null(oracle);
    while (fgets(line, sizeof line, oracle)) {
        if (sscanf(line, "%63s %c %" SCNd64 " %" SCNd64, name, &kind, &in, &expected) != 4) {
            print_message("%s", line);
            continue;
        }
        size_t i = 0;
        while (i < SB_COUNT(cache) - 1 && cache[i].zone && strcmp(cache[i].name, name) != 0)
            i++;
        if (!cache[i].zone) {
            snprintf(cache[i].name, sizeof cache[i].name, "%s", name);
            cache[i].zone = zone(name);
            assert_non_null(cache[i].zone);
        }
        int64_t found = kind == 'u' ? sb_zone_offset(cache[i].zone, in) : sb_zone_utc(cache[i].zone, in);
        if (found != expected && wrong++ < 20)
            print_message("%s %c %" PRId64 ": %" PRId64 ", zoneinfo says %" PRId64 "\n", name, kind, in, found, expected);
        seen++;
    }
    int rc = pclose(oracle);
    for (size_t i = 0; i < SB_COUNT(cache); i++)
        sb_zone_free(cache[i].zone);
    if (seen == 0)
        sb_test_skip("python3 with zoneinfo and its data are not here");
    assert_int_equal(rc, 0);
    assert_int_equal(wrong, 0);
    assert_true(seen >= INSTANTS);
}

static void gaps_move_forward_and_overlaps_take_the_first(void **state)
{
    (void)state;
    struct sb_zone *z = zone("Europe/Amsterdam"), *s = zone("Australia/Lord_Howe");
    if (!z || !s)
        sb_test_skip("no data of Europe/Amsterdam and Australia/Lord_Howe");
    /* 2026-03-29: 02:00 becomes 03:00. 02:22 is shown as 03:22 CEST */
    assert_int_equal(sb_zone_utc(z, at(2026, 3, 29, 2, 22)), at(2026, 3, 29, 1, 22));
    assert_int_equal(sb_zone_offset(z, at(2026, 3, 29, 1, 22)), 7200);
    assert_int_equal(sb_zone_utc(z, at(2026, 3, 29, 1, 59)), at(2026, 3, 29, 0, 59));
    assert_int_equal(sb_zone_utc(z, at(2026, 3, 29, 3, 0)), at(2026, 3, 29, 1, 0));
    /* 2026-10-25: 03:00 becomes 02:00. 02:30 comes twice */
    assert_int_equal(sb_zone_utc(z, at(2026, 10, 25, 2, 30)), at(2026, 10, 25, 0, 30));
    assert_int_equal(sb_zone_utc(z, at(2026, 10, 25, 3, 0)), at(2026, 10, 25, 2, 0));
    assert_int_equal(sb_zone_next(z, at(2026, 6, 1, 0, 0)), at(2026, 10, 25, 1, 0));
    /* half an hour, in the other hemisphere: 2026-10-04, 02:00 becomes 02:30 */
    assert_int_equal(sb_zone_utc(s, at(2026, 10, 4, 2, 10)), at(2026, 10, 3, 15, 40));
    assert_int_equal(sb_zone_offset(s, at(2026, 10, 3, 15, 40)), 11 * 3600);
    /* far beyond the table the rule goes on; far before it nothing breaks */
    assert_int_equal(sb_zone_offset(z, at(2400, 7, 1, 0, 0)), 7200);
    assert_true(sb_zone_next(z, INT64_MAX) > 0 && sb_zone_offset(z, INT64_MIN) > 0 && sb_zone_utc(z, INT64_MIN) < 0);
    sb_zone_free(z);
    sb_zone_free(s);
}

static void days_and_dates_are_each_others_inverse(void **state)
{
    (void)state;
    assert_int_equal(sb_days_of_date(1970, 1, 1), 0);
    assert_int_equal(sb_days_of_date(2000, 3, 1), 11017);
    assert_int_equal(sb_weekday(0), 4);
    assert_int_equal(sb_weekday(-5), 6);
    for (int64_t days = -200000; days < 200000; days += 17) {
        int64_t year;
        int month, day;
        sb_date_of_days(days, &year, &month, &day);
        assert_int_equal(sb_days_of_date(year, month, day), days);
        assert_in_range(month, 1, 12);
        assert_in_range(day, 1, 31);
    }
}

static void utc_needs_no_file(void **state)
{
    (void)state;
    struct sb_zone *z = zone("UTC");
    assert_non_null(z);
    assert_int_equal(sb_zone_offset(z, 0), 0);
    assert_int_equal(sb_zone_next(z, 0), SB_ZONE_NEVER);
    assert_int_equal(sb_zone_utc(z, 1234567), 1234567);
    sb_zone_free(z);
}

static void names_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "../etc/passwd", "/etc/passwd", "Europe/../../x", "Europe//Paris", "Mars/Olympus", "Europe", "a b"};
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_str out;
        sb_str_init(&out);
        assert_int_equal(sb_zones_of_system.read(NULL, bad[i], &out, &err), -1);
        assert_int_equal(err.code, SB_EINPUT);
        assert_true(err.msg[0]);
        sb_str_release(&out);
    }
}

/* A file of one change, with this footer. */
static size_t make(unsigned char *out, const char *footer, unsigned char version)
{
    static const unsigned char head[20] = "TZif2";
    size_t n = 0;
    for (int half = 0; half < 2; half++) {
        unsigned char counts[24] = {0};
        counts[15] = half; /* changes */
        counts[19] = 2;    /* types */
        counts[23] = 1;    /* letters */
        memcpy(out + n, head, 20);
        out[n + 4] = version;
        memcpy(out + n + 20, counts, 24);
        n += 44;
        if (half) {
            memset(out + n, 0, 9);
            out[n + 7] = 100;
            out[n + 8] = 1;
            n += 9;
        }
        memset(out + n, 0, 13);
        out[n + 8] = 0x0e; /* the second type: an hour and four seconds */
        out[n + 9] = 0x14;
        n += 13;
    }
    n += (size_t)snprintf((char *)out + n, 200, "\n%s\n", footer);
    return n;
}

static void parse_is(const unsigned char *bytes, size_t n, const char *says)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_zone *z = sb_zone_parse("Test/Zone", bytes, n, &err);
    if (says) {
        assert_null(z);
        if (!strstr(err.msg, says) || !strstr(err.msg, "Test/Zone"))
            fail_msg("says \"%s\", not \"%s\"", err.msg, says);
    } else if (!z) {
        fail_msg("%s", err.msg);
    }
    sb_zone_free(z);
}

static void broken_files_are_refused(void **state)
{
    (void)state;
    unsigned char file[512];
    size_t n = make(file, "<+01>-1", '2');
    parse_is(file, n, NULL);
    for (size_t cut = 0; cut < n; cut++)
        parse_is(file, cut, "cannot be used");
    file[4] = 0;
    parse_is(file, n, "version 1");
    n = make(file, "<+01>-1", '2');
    file[44 + 13 + 44 + 8] = 2;
    parse_is(file, n, "not there");
    n = make(file, "<+01>-1", '2');
    file[44 + 13 + 44 + 9] = 0x7f;
    parse_is(file, n, "26 hours");
    n = make(file, "", '2');
    parse_is(file, n, NULL);
    static const char *const rules[] = {"X", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0/3", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-25", "CET-1CEST,J0,J10", "CET-1CEST,366,1", "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1 ", "<CET-1", "<>-1", "CET-1CEST,M3.5.0,M10.5.0/3x"};
    for (size_t i = 0; i < SB_COUNT(rules); i++) {
        n = make(file, rules[i], '2');
        parse_is(file, n, "footer is no rule");
    }
    /* every byte of a good file, flipped in turn: refused or read, never more */
    struct sb_rng rng;
    sb_rng_seed(&rng, 7);
    n = make(file, "CET-1CEST,M3.5.0,M10.5.0/3", '2');
    for (size_t i = 0; i < n * 8; i++) {
        unsigned char copy[512];
        memcpy(copy, file, n);
        copy[i / 8] ^= (unsigned char)(1u << (i % 8));
        struct sb_zone *z = sb_zone_parse("Test/Zone", copy, n, NULL);
        if (!z)
            continue;
        int64_t t = (int64_t)sb_rng_below(&rng, 8000000000u) - 4000000000;
        assert_in_range(sb_zone_offset(z, t) + 26 * 3600, 0, 52 * 3600);
        assert_true(sb_zone_next(z, t) > t);
        sb_zone_utc(z, t);
        sb_zone_free(z);
    }
}

static void rules_of_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        int month, day, hour; /* UTC, 2027 */
        int32_t offset;
    } rows[] = {
        {"EST5EDT,M3.2.0,M11.1.0", 3, 14, 6, -5 * 3600}, {"EST5EDT,M3.2.0,M11.1.0", 3, 14, 7, -4 * 3600}, {"EST5EDT,M3.2.0,M11.1.0", 11, 7, 6, -5 * 3600},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1, 1, 0, 11 * 3600}, {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 7, 1, 0, 37800},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 1, 1, 0, 0}, {"IST-1GMT0,M10.5.0,M3.5.0/1", 7, 1, 0, 3600}, /* daylight time in winter */
        {"XXX3EDT4,0/0,J365/23", 1, 1, 12, -4 * 3600}, {"XXX3EDT4,0/0,J365/23", 12, 31, 12, -4 * 3600}, /* all year */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 7, 1, 0, -3600}, {"EET-2EEST,M3.4.4/50,M10.4.4/50", 7, 1, 0, 3 * 3600},
        {"AAA-1BBB,J60,J300", 3, 1, 0, 3600}, {"AAA-1BBB,J60,J300", 3, 1, 2, 7200},
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        unsigned char file[512];
        size_t n = make(file, rows[i].rule, '3');
        struct sb_err err = SB_ERR_INIT;
        struct sb_zone *z = sb_zone_parse("Test/Zone", file, n, &err);
        if (!z)
            fail_msg("%s", err.msg);
        int32_t found = sb_zone_offset(z, at(2027, rows[i].month, rows[i].day, rows[i].hour, 0));
        if (found != rows[i].offset)
            fail_msg("%s on %d-%d %d h: %d, not %d", rows[i].rule, rows[i].month, rows[i].day, rows[i].hour, found, rows[i].offset);
        sb_zone_free(z);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_are_those_of_zoneinfo),
        cmocka_unit_test(gaps_move_forward_and_overlaps_take_the_first),
        cmocka_unit_test(days_and_dates_are_each_others_inverse),
        cmocka_unit_test(utc_needs_no_file),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(broken_files_are_refused),
        cmocka_unit_test(rules_of_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
