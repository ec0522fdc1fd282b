/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <string.h>

int64_t gap(int64_t from, int64_t to)
{
    int64_t d;
    if (__builtin_sub_overflow(to, from, &d))
        return to < from ? -INT64_MAX : INT64_MAX;
    return d == INT64_MIN ? -INT64_MAX : d;
}

int64_t ms_of(int64_t seconds)
{
    int64_t ms;
    if (__builtin_mul_overflow(seconds, 1000, &ms))
        return seconds < 0 ? -INT64_MAX : INT64_MAX;
    return ms;
}

void fmt_clock(char out[TEXT_MAX], int64_t ms)
{
    char text[SB_TIME_LEN + 1];
    sb_time_format(text, ms);
    snprintf(out, TEXT_MAX, "%.8s", text + 11);
}

void fmt_when(char out[TEXT_MAX], int64_t ms, int64_t now)
{
    char text[SB_TIME_LEN + 1], today[SB_TIME_LEN + 1];
    sb_time_format(text, ms);
    sb_time_format(today, now);
    if (ms == 0)
        snprintf(out, TEXT_MAX, "-");
    else if (memcmp(text, today, 10) == 0)
        snprintf(out, TEXT_MAX, "%.8s", text + 11);
    else
        snprintf(out, TEXT_MAX, "%.10s %.5s", text, text + 11);
}

#define NEAR_MS (6 * INT64_C(86400000)) /* the day of the week says which day it is */

void fmt_opening(char out[TEXT_MAX], const char *local, int64_t left)
{
    const char *zone = strchr(local, '('), *place = strrchr(local, '/');
    if (strlen(local) < 20 || !zone) {
        snprintf(out, TEXT_MAX, "%s", local);
        return;
    }
    zone = place > zone ? place + 1 : zone + 1; /* of Europe/Berlin its last word */
    if (left < NEAR_MS)
        snprintf(out, TEXT_MAX, "%.3s %.5s %.*s", local, local + 15, (int)strcspn(zone, ")"), zone);
    else
        snprintf(out, TEXT_MAX, "%.16s %.*s", local + 4, (int)strcspn(zone, ")"), zone);
}

void fmt_left(char out[TEXT_MAX], int64_t ms)
{
    if (ms >= 0 && ms < 1000)
        ms = 0;
    /* minutes are enough once there are ten of them: a second that ticks draws the eye */
    if (ms >= 60000 && ms < 3600000 && (ms >= 600000 || ms % 60000 < 1000))
        snprintf(out, TEXT_MAX, "%" PRId64 " min", ms / 60000);
    else if (ms == 0)
        snprintf(out, TEXT_MAX, "0 s");
    else
        sb_duration_format(out, TEXT_MAX, ms);
}

void fmt_count(char out[TEXT_MAX], int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
    size_t at = 0;
    if (n < 0)
        out[at++] = '-';
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

/* whole.tenth of n / unit, without floats */
static void tenths(char out[TEXT_MAX], int64_t n, int64_t unit, const char *name)
{
    int64_t whole = n / unit, tenth = n % unit / (unit >= 10 ? unit / 10 : 1);
    if (tenth > 9)
        tenth = 9;
    if (whole >= 100)
        snprintf(out, TEXT_MAX, "%" PRId64 " %s", whole, name);
    else
        snprintf(out, TEXT_MAX, "%" PRId64 ".%" PRId64 " %s", whole, tenth, name);
}

void fmt_bytes(char out[TEXT_MAX], int64_t n)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    if (n < 1024) {
        snprintf(out, TEXT_MAX, "%" PRId64 " B", n);
        return;
    }
    int u = 0;
    int64_t unit = 1024;
    while (u + 1 < (int)SB_COUNT(units) && n / unit >= 1024) {
        unit *= 1024;
        u++;
    }
    tenths(out, n, unit, units[u]);
}

void fmt_us(char out[TEXT_MAX], int64_t us)
{
    if (us < 0)
        snprintf(out, TEXT_MAX, "-");
    else if (us < 1000)
        snprintf(out, TEXT_MAX, "%" PRId64 " us", us);
    else if (us < 1000000)
        tenths(out, us, 1000, "ms");
    else if (us < 60000000)
        tenths(out, us, 1000000, "s");
    else
        fmt_left(out, us / 1000);
}

void fmt_milli(char out[TEXT_MAX], int64_t milli, const char *unit)
{
    if (milli < 0)
        snprintf(out, TEXT_MAX, "-");
    else if (milli < 10000 && milli % 1000)
        snprintf(out, TEXT_MAX, "%" PRId64 ".%" PRId64 "%s", milli / 1000, milli % 1000 / 100, unit);
    else {
        char whole[TEXT_MAX];
        fmt_count(whole, milli / 1000);
        snprintf(out, TEXT_MAX, "%.40s%.20s", whole, unit);
    }
}

void fmt_ppm(char out[TEXT_MAX], int64_t ppm)
{
    if (ppm < 0)
        snprintf(out, TEXT_MAX, "-");
    else if (ppm < 100000 && ppm % 10000)
        snprintf(out, TEXT_MAX, "%" PRId64 ".%" PRId64 " %%", ppm / 10000, ppm % 10000 / 1000);
    else
        snprintf(out, TEXT_MAX, "%" PRId64 " %%", ppm / 10000);
}

void fmt_value(char out[TEXT_MAX], int64_t value, const char *unit)
{
    char count[TEXT_MAX];
    if (sb_streq(unit, "us")) {
        fmt_us(out, value);
    } else if (sb_streq(unit, "bytes")) {
        fmt_bytes(out, value);
    } else if (sb_streq(unit, "s")) {
        fmt_left(out, ms_of(value));
    } else if (sb_streq(unit, "1/s")) {
        fmt_count(count, value);
        snprintf(out, TEXT_MAX, "%.30s/s", count);
    } else {
        fmt_count(count, value);
        int letters = unit ? (int)strlen(unit) : 0;
        if (letters > 20)
            letters = 20;
        if (value == 1 && letters > 2 && unit[letters - 1] == 's') /* "1 doc" */
            letters--;
        snprintf(out, TEXT_MAX, "%.30s%s%.*s", count, letters ? " " : "", letters, letters ? unit : "");
    }
}

void fmt_words(char out[TEXT_MAX], const char *name)
{
    snprintf(out, TEXT_MAX, "%s", name);
    for (char *p = out; *p; p++)
        if (*p == '_')
            *p = ' ';
}

enum sb_role level_role(int level)
{
    return level == SB_HIGH ? SB_ROLE_HIGH : level == SB_MEDIUM ? SB_ROLE_MEDIUM : SB_ROLE_LOW;
}

enum sb_role state_role(int state)
{
    switch (state) {
    case SB_DONE:
        return SB_ROLE_GOOD;
    case SB_DENIED: case SB_FAILED: case SB_REJECTED: case SB_EXPIRED:
        return SB_ROLE_BAD;
    case SB_AWAITING_APPROVAL: case SB_IN_DOUBT: case SB_STALE: case SB_PAUSED: case SB_ROLLING_BACK:
        return SB_ROLE_DOUBT;
    case SB_EXECUTING: case SB_WATCHING: case SB_APPROVED: case SB_SCHEDULED:
        return SB_ROLE_STRONG;
    default:
        return SB_ROLE_TEXT;
    }
}
