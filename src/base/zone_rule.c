/* SPDX-License-Identifier: Apache-2.0 */
#include "zone.h"

#include <string.h>

#define DAY INT64_C(86400)

/* ---- days ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t sb_days_of_date(int64_t year, int month, int day)
{
    /* years from March, so that a leap day is the last of its year; eras of 400 years */
    year -= month <= 2;
    int64_t era = floor_div(year, 400), of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void sb_date_of_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = floor_div(days, 146097), of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

int sb_weekday(int64_t days)
{
    int64_t w = (days + 4) % 7;
    return (int)(w < 0 ? w + 7 : w);
}

static bool leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* ---- reading ---- */

struct cursor {
    const char *p, *end;
};

static bool take(struct cursor *c, char what)
{
    if (c->p == c->end || *c->p != what)
        return false;
    c->p++;
    return true;
}

/* At most three digits, within bounds. */
static bool number(struct cursor *c, int low, int high, int *out)
{
    const char *from = c->p;
    for (*out = 0; c->p < c->end && *c->p >= '0' && *c->p <= '9' && c->p - from < 3; c->p++)
        *out = *out * 10 + (*c->p - '0');
    return c->p > from && *out >= low && *out <= high;
}

/* [+-]hh[:mm[:ss]] */
static bool span(struct cursor *c, int max_hours, int32_t *out)
{
    int h, m = 0, s = 0;
    bool minus = take(c, '-');
    if (!minus)
        take(c, '+');
    if (!number(c, 0, max_hours, &h) || (take(c, ':') && (!number(c, 0, 59, &m) || (take(c, ':') && !number(c, 0, 59, &s)))))
        return false;
    *out = (h * 60 + m) * 60 + s;
    *out = minus ? -*out : *out;
    return true;
}

static bool name(struct cursor *c)
{
    const char *from = c->p;
    bool quoted = take(c, '<');
    for (; c->p < c->end; c->p++) {
        char l = (char)(*c->p | 0x20);
        bool letter = l >= 'a' && l <= 'z', more = (*c->p >= '0' && *c->p <= '9') || *c->p == '+' || *c->p == '-';
        if (!letter && !(quoted && more))
            break;
    }
    return (!quoted || take(c, '>')) && c->p - from >= (quoted ? 5 : 3);
}

static bool date(struct cursor *c, struct sb_rule_date *d)
{
    bool ok;
    d->at = 2 * 3600;
    if (take(c, 'M')) {
        d->kind = 'M';
        ok = number(c, 1, 12, &d->month) && take(c, '.') && number(c, 1, 5, &d->week) && take(c, '.') && number(c, 0, 6, &d->day);
    } else if (take(c, 'J')) {
        d->kind = 'J';
        ok = number(c, 1, 365, &d->day);
    } else {
        d->kind = 'D';
        ok = number(c, 0, 365, &d->day);
    }
    return ok && (!take(c, '/') || span(c, 167, &d->at));
}

int sb_zone_rule_parse(struct sb_zone_rule *r, const char *text, size_t n)
{
    struct cursor c = {text, text + n};
    memset(r, 0, sizeof *r);
    int32_t west;
    if (!name(&c) || !span(&c, 24, &west))
        return -1;
    r->standard = -west;
    if (c.p == c.end)
        return 0;
    if (!name(&c))
        return -1;
    r->changes = true;
    r->daylight = r->standard + 3600;
    if (c.p < c.end && *c.p != ',') {
        if (!span(&c, 24, &west))
            return -1;
        r->daylight = -west;
    }
    return take(&c, ',') && date(&c, &r->begin) && take(&c, ',') && date(&c, &r->end) && c.p == c.end ? 0 : -1;
}

/* ---- asking ---- */

static int64_t days_of(const struct sb_rule_date *d, int64_t year)
{
    int64_t first = sb_days_of_date(year, 1, 1);
    if (d->kind == 'D')
        return first + d->day;
    if (d->kind == 'J')
        return first + d->day - 1 + (leap(year) && d->day >= 60);
    first = sb_days_of_date(year, d->month, 1);
    int64_t next = d->month == 12 ? sb_days_of_date(year + 1, 1, 1) : sb_days_of_date(year, d->month + 1, 1);
    int64_t day = first + (d->day - sb_weekday(first) + 7) % 7 + (d->week - 1) * 7;
    return day >= next ? day - 7 : day; /* week 5 is the last one */
}

struct change {
    int64_t at;
    bool begins;
};

/* Six changes around an instant: of its year, the one before and the one after. */
static void around(const struct sb_zone_rule *r, int64_t utc, struct change out[6])
{
    int64_t year;
    int month, day;
    sb_date_of_days(floor_div(utc + r->standard, DAY), &year, &month, &day);
    for (int i = 0; i < 3; i++) {
        out[2 * i] = (struct change){days_of(&r->begin, year + i - 1) * DAY + r->begin.at - r->standard, true};
        out[2 * i + 1] = (struct change){days_of(&r->end, year + i - 1) * DAY + r->end.at - r->daylight, false};
    }
}

int32_t sb_zone_rule_offset(const struct sb_zone_rule *r, int64_t utc)
{
    struct change c[6];
    int last = -1;
    if (!r->changes)
        return r->standard;
    around(r, utc, c);
    for (int i = 0; i < 6; i++) /* where both fall together daylight time goes on: that is how "all year" is written */
        if (c[i].at <= utc && (last < 0 || c[i].at > c[last].at || (c[i].at == c[last].at && c[i].begins)))
            last = i;
    return last >= 0 && c[last].begins ? r->daylight : r->standard;
}

int64_t sb_zone_rule_next(const struct sb_zone_rule *r, int64_t utc)
{
    struct change c[6];
    int64_t next = SB_ZONE_NEVER;
    if (!r->changes)
        return next;
    around(r, utc, c);
    for (int i = 0; i < 6; i++)
        if (c[i].at > utc && c[i].at < next)
            next = c[i].at;
    return next;
}
