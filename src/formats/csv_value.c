/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in a cell: a number, or a time. */
#include <signalbox/base/clock.h>
#include <signalbox/formats/csv.h>

#include <math.h>
#include <string.h>
#include <strings.h>

#define LONGEST 64 /* bytes of a number or a time */

static struct sb_csv_cell trimmed(const struct sb_csv_cell *cell)
{
    struct sb_csv_cell t = *cell;
    while (t.n > 0 && (*t.p == ' ' || *t.p == '\t'))
        t.p++, t.n--;
    while (t.n > 0 && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
        t.n--;
    return t;
}

static bool stands_for_nothing(const struct sb_csv_cell *t)
{
    static const char *const words[] = {"nan", "+nan", "-nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "null", "na", "n/a", "none", "-", "?"};
    if (t->n == 0)
        return true;
    for (size_t i = 0; i < SB_COUNT(words); i++)
        if (strlen(words[i]) == t->n && strncasecmp(words[i], t->p, t->n) == 0)
            return true;
    return false;
}

struct decimal {
    bool negative;
    uint64_t digits; /* the first 19 significant ones */
    int exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* [sign] digits [. digits] [e [sign] digits], and nothing else. */
static bool read_decimal(const char *p, size_t n, struct decimal *d)
{
    size_t i = 0, figures = 0;
    int significant = 0;
    bool point = false;
    *d = (struct decimal){false, 0, 0};
    if (i < n && (p[i] == '+' || p[i] == '-'))
        d->negative = p[i++] == '-';
    for (; i < n && (is_digit(p[i]) || (p[i] == '.' && !point)); i++) {
        if (p[i] == '.') {
            point = true;
            continue;
        }
        figures++;
        if (significant < 19) {
            d->digits = d->digits * 10 + (uint64_t)(p[i] - '0');
            significant += d->digits != 0;
            d->exponent -= point;
        } else {
            d->exponent += !point;
        }
    }
    if (figures == 0)
        return false;
    if (i < n && (p[i] == 'e' || p[i] == 'E')) {
        bool down = false;
        int e = 0;
        if (++i < n && (p[i] == '+' || p[i] == '-'))
            down = p[i++] == '-';
        if (i == n)
            return false;
        for (; i < n && is_digit(p[i]); i++)
            e = e < 10000 ? e * 10 + (p[i] - '0') : e;
        d->exponent += down ? -e : e;
    }
    return i == n;
}

/* Exact where both the digits and the power of ten are exact in a double; else within a few units of the last place, which
 * is more than a sample of anything has. No locale comes into it. */
static double value_of(const struct decimal *d)
{
    static const double exact[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double v = (double)d->digits;
    int e = d->exponent;
    if (d->digits == 0)
        v = 0;
    else if (e >= -22 && e <= 22)
        v = e < 0 ? v / exact[-e] : v * exact[e];
    else
        v = (double)((long double)v * powl(10, e));
    return d->negative ? -v : v;
}

enum sb_csv_value sb_csv_number(const struct sb_csv_cell *cell, double *out)
{
    struct sb_csv_cell t = trimmed(cell);
    struct decimal d;
    if (stands_for_nothing(&t))
        return SB_CSV_MISSING;
    if (t.n > LONGEST || !read_decimal(t.p, t.n, &d))
        return SB_CSV_TEXT;
    double v = value_of(&d);
    if (!isfinite(v))
        return SB_CSV_MISSING;
    *out = v;
    return SB_CSV_NUMBER;
}

/* A number of seconds of this era has ten digits, of milliseconds thirteen, and so on. */
static int since_1970(double v, int64_t *ms)
{
    double size = fabs(v);
    if (size < 1e11)
        *ms = llround(v * 1000); /* 1700000000.29 is a little less, as a double */
    else if (size < 1e14)
        *ms = (int64_t)v;
    else if (size < 1e17)
        *ms = (int64_t)(v / 1e3);
    else if (size < 1e20)
        *ms = (int64_t)(v / 1e6);
    else
        return -1;
    return 0;
}

int sb_csv_time(const struct sb_csv_cell *cell, int64_t *ms)
{
    struct sb_csv_cell t = trimmed(cell);
    struct decimal d;
    char text[LONGEST + 16];
    if (t.n == 0 || t.n > LONGEST)
        return -1;
    if (read_decimal(t.p, t.n, &d))
        return since_1970(value_of(&d), ms);
    memcpy(text, t.p, t.n);
    text[t.n] = '\0';
    size_t n = t.n;
    if (n < 10)
        return -1;
    if (text[4] == '/' && text[7] == '/')
        text[4] = text[7] = '-';
    if (n == 10) { /* a date alone */
        memcpy(text + n, "T00:00:00Z", 11);
        return sb_time_parse(text, n + 10, ms);
    }
    if (text[10] == ' ')
        text[10] = 'T';
    size_t clock = 11 + strspn(text + 11, "0123456789:.,");
    if (clock == 16) { /* no seconds */
        memmove(text + 19, text + 16, n - 16 + 1);
        memcpy(text + 16, ":00", 3);
        n += 3;
        clock += 3;
    }
    if (text[clock] == ' ') { /* a zone that stands apart */
        size_t zone = clock + strspn(text + clock, " ");
        memmove(text + clock, text + zone, n - zone + 1);
        n -= zone - clock;
    }
    if (n == clock + 3 && (strncasecmp(text + clock, "UTC", 3) == 0 || strncasecmp(text + clock, "GMT", 3) == 0))
        text[n = clock] = '\0';
    if (clock == n)
        text[n++] = 'Z';
    return sb_time_parse(text, n, ms);
}
