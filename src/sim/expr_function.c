/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of values in expressions. Each gets its evaluated arguments; a missing one has type 0. */
#include "expr_private.h"

#include <signalbox/sim/text.h>

#include <math.h>
#include <string.h>

static bool null_result(struct sim_val v, struct sim_w *w, const char *key)
{
    if (sim_nullish(v))
        sim_w_null(w, key);
    return sim_nullish(v);
}

/* ---- numbers ---- */

/* A number of the type of the argument, or of the wider one that holds it. */
static void put_as(struct sim_w *w, const char *key, uint8_t type, long double d)
{
    if (type == BSON_TYPE_DECIMAL128)
        sim_w_decimal(w, key, d);
    else if (type == BSON_TYPE_DOUBLE || d > (long double)INT64_MAX || d < (long double)INT64_MIN)
        sim_w_f64(w, key, (double)d);
    else if (type == BSON_TYPE_INT32 && d <= INT32_MAX && d >= INT32_MIN)
        sim_w_i32(w, key, (int64_t)d);
    else
        sim_w_i64(w, key, (int64_t)d);
}

static uint8_t wider(uint8_t a, uint8_t b)
{
    static const uint8_t order[] = {BSON_TYPE_INT32, BSON_TYPE_INT64, BSON_TYPE_DOUBLE, BSON_TYPE_DECIMAL128};
    for (size_t i = SB_COUNT(order); i--;)
        if (a == order[i] || b == order[i])
            return order[i];
    return a;
}

static int one_number(const char *name, const uint8_t *args, struct sim_w *w, const char *key, struct sim_val *v, struct sim_fail *f)
{
    *v = sim_arg_at(args, 0);
    if (null_result(*v, w, key))
        return 1;
    return sim_is_number(v->type) ? 0 : sim_fail(f, 28765, "%s only supports numeric types, not %s", name, sim_type_name(v->type));
}

#define ROUNDING(fname, name, call)                                                                                  \
    static int fname(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)            \
    {                                                                                                                \
        struct sim_val v;                                                                                            \
        int rc = one_number(name, args, w, key, &v, f);                                                              \
        (void)n;                                                                                                     \
        if (rc == 0)                                                                                                 \
            put_as(w, key, v.type, call);                                                                            \
        return rc < 0 ? -1 : 0;                                                                                      \
    }

ROUNDING(fn_abs, "$abs", fabsl(sim_number(v)))
ROUNDING(fn_ceil, "$ceil", ceill(sim_number(v)))
ROUNDING(fn_floor, "$floor", floorl(sim_number(v)))
ROUNDING(fn_sqrt_of, "$sqrt", sqrtl(sim_number(v)))

static int fn_sqrt(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0);
    if (sim_is_number(v.type) && sim_number(v) < 0)
        return sim_fail(f, 28714, "$sqrt's argument must be greater than or equal to 0");
    if (v.type != BSON_TYPE_INT32 && v.type != BSON_TYPE_INT64)
        return fn_sqrt_of(args, n, w, key, f);
    sim_w_f64(w, key, sqrt((double)sim_number(v)));
    return 0;
}

static long double to_even(long double d)
{
    long double whole = floorl(d), rest = d - whole;
    if (rest < 0.5L || (rest == 0.5L && fmodl(whole, 2) == 0))
        return whole;
    return whole + 1;
}

/* $round and $trunc to so many digits behind the point, or before it. */
static int to_digits(const char *name, const uint8_t *args, struct sim_w *w, const char *key, long double (*cut)(long double), struct sim_fail *f)
{
    struct sim_val v, digits = sim_arg_at(args, 1);
    int rc = one_number(name, args, w, key, &v, f);
    if (rc)
        return rc < 0 ? -1 : 0;
    int64_t places = sim_int(digits, 0);
    if (places < -20 || places > 100)
        return sim_fail(f, 51083, "cannot apply %s with precision value %lld value must be in [-20, 100]", name, (long long)places);
    long double scale = powl(10, (long double)(places < 0 ? -places : places)), d = sim_number(v);
    put_as(w, key, v.type, places < 0 ? cut(d / scale) * scale : cut(d * scale) / scale);
    return 0;
}

static int fn_round(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    (void)n;
    return to_digits("$round", args, w, key, to_even, f);
}

static int fn_trunc(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    (void)n;
    return to_digits("$trunc", args, w, key, truncl, f);
}

static int two_numbers(const char *name, int code, const uint8_t *args, struct sim_w *w, const char *key, struct sim_val v[2], struct sim_fail *f)
{
    v[0] = sim_arg_at(args, 0);
    v[1] = sim_arg_at(args, 1);
    if (null_result(sim_nullish(v[0]) ? v[0] : v[1], w, key))
        return 1;
    if (sim_is_number(v[0].type) && sim_is_number(v[1].type))
        return 0;
    return sim_fail(f, code, "%s only supports numeric types, not %s and %s", name, sim_type_name(v[0].type), sim_type_name(v[1].type));
}

static int fn_mod(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v[2];
    int rc = two_numbers("$mod", 16611, args, w, key, v, f);
    (void)n;
    if (rc)
        return rc < 0 ? -1 : 0;
    if (sim_number(v[1]) == 0)
        return sim_fail(f, 16610, "can't $mod by zero");
    put_as(w, key, wider(v[0].type, v[1].type), fmodl(sim_number(v[0]), sim_number(v[1])));
    return 0;
}

static int fn_pow(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v[2];
    int rc = two_numbers("$pow", 28762, args, w, key, v, f);
    (void)n;
    if (rc)
        return rc < 0 ? -1 : 0;
    long double d = powl(sim_number(v[0]), sim_number(v[1]));
    put_as(w, key, sim_number(v[1]) < 0 ? BSON_TYPE_DOUBLE : wider(v[0].type, v[1].type), d);
    return 0;
}

/* ---- of several, or of one array ---- */

struct list {
    struct sim_iter it;
    const uint8_t *args;
    size_t n, at;
    bool whole; /* the elements of the one argument */
};

static struct list list_of(const uint8_t *args, size_t n)
{
    struct sim_val first = sim_arg_at(args, 0);
    bool whole = n == 1 && first.type == BSON_TYPE_ARRAY;
    return (struct list){.it = sim_iter_of(whole ? first.p : args), .args = args, .n = n, .whole = whole};
}

static bool list_next(struct list *l, struct sim_val *v)
{
    struct sim_elem e;
    if (l->whole) {
        bool more = sim_next(&l->it, &e);
        *v = more ? e.v : sim_missing;
        return more;
    }
    *v = l->at < l->n ? sim_arg_at(l->args, l->at) : sim_missing;
    return l->at++ < l->n;
}

static void extreme(const uint8_t *args, size_t n, struct sim_w *w, const char *key, int sign)
{
    struct list l = list_of(args, n);
    struct sim_val v, best = sim_missing;
    while (list_next(&l, &v))
        if (!sim_nullish(v) && (!best.type || sim_compare(v, best) * sign > 0))
            best = v;
    if (best.type)
        sim_w_val(w, key, best);
    else
        sim_w_null(w, key);
}

static int fn_max(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    (void)f;
    extreme(args, n, w, key, 1);
    return 0;
}

static int fn_min(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    (void)f;
    extreme(args, n, w, key, -1);
    return 0;
}

/* What is no number does not count. */
static size_t add_up(const uint8_t *args, size_t n, long double *sum, uint8_t *type)
{
    struct list l = list_of(args, n);
    struct sim_val v;
    size_t counted = 0;
    *sum = 0;
    *type = BSON_TYPE_INT32;
    while (list_next(&l, &v))
        if (sim_is_number(v.type)) {
            *sum += sim_number(v);
            *type = wider(*type, v.type);
            counted++;
        }
    return counted;
}

static int fn_sum(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    long double sum;
    uint8_t type;
    (void)f;
    add_up(args, n, &sum, &type);
    put_as(w, key, type, sum);
    return 0;
}

static int fn_avg(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    long double sum;
    uint8_t type;
    size_t counted = add_up(args, n, &sum, &type);
    (void)f;
    if (counted)
        put_as(w, key, wider(type, BSON_TYPE_DOUBLE), sum / (long double)counted);
    else
        sim_w_null(w, key);
    return 0;
}

/* ---- arrays and documents ---- */

static int fn_in(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0), list = sim_arg_at(args, 1);
    struct sim_elem e;
    bool found = false;
    (void)n;
    if (list.type != BSON_TYPE_ARRAY)
        return sim_fail(f, 40081, "$in requires an array as a second argument, found: %s", list.type ? sim_type_name(list.type) : "missing");
    for (struct sim_iter it = sim_iter_of(list.p); !found && sim_next(&it, &e);)
        found = sim_compare(v, e.v) == 0;
    sim_w_bool(w, key, found);
    return 0;
}

static int fn_is_array(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    (void)n;
    (void)f;
    sim_w_bool(w, key, sim_arg_at(args, 0).type == BSON_TYPE_ARRAY);
    return 0;
}

static int fn_is_number(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    (void)n;
    (void)f;
    sim_w_bool(w, key, sim_is_number(sim_arg_at(args, 0).type));
    return 0;
}

static int fn_type(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0);
    (void)n;
    (void)f;
    sim_w_text(w, key, v.type ? sim_type_name(v.type) : "missing");
    return 0;
}

static int fn_concat_arrays(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_elem e;
    for (size_t i = 0; i < n; i++) {
        struct sim_val v = sim_arg_at(args, i);
        if (null_result(v, w, key))
            return 0;
        if (v.type != BSON_TYPE_ARRAY)
            return sim_fail(f, 28664, "$concatArrays only supports arrays, not %s", sim_type_name(v.type));
    }
    sim_w_array(w, key);
    for (size_t i = 0; i < n; i++)
        for (struct sim_iter it = sim_iter_of(sim_arg_at(args, i).p); sim_next(&it, &e);)
            sim_w_val(w, NULL, e.v);
    sim_w_end(w);
    return 0;
}

static int fn_merge_objects(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_elem e;
    for (size_t i = 0; i < n; i++)
        if (!sim_nullish(sim_arg_at(args, i)) && sim_arg_at(args, i).type != BSON_TYPE_DOCUMENT)
            return sim_fail(f, 40400, "$mergeObjects requires object inputs, but input is of type %s", sim_type_name(sim_arg_at(args, i).type));
    sim_w_doc(w, key);
    for (size_t i = 0; i < n; i++) {
        struct sim_val own = sim_arg_at(args, i);
        if (own.type != BSON_TYPE_DOCUMENT)
            continue;
        for (struct sim_iter it = sim_iter_of(own.p); sim_next(&it, &e);) {
            bool before = false; /* a field keeps its first place and has its last value */
            for (size_t k = 0; !before && k < i; k++)
                before = sim_arg_at(args, k).type == BSON_TYPE_DOCUMENT && sim_find_n(sim_arg_at(args, k).p, e.key, e.key_n).type;
            struct sim_val last = e.v;
            for (size_t k = i + 1; k < n; k++)
                if (sim_arg_at(args, k).type == BSON_TYPE_DOCUMENT && sim_find_n(sim_arg_at(args, k).p, e.key, e.key_n).type)
                    last = sim_find_n(sim_arg_at(args, k).p, e.key, e.key_n);
            if (!before)
                sim_w_val_n(w, e.key, e.key_n, last);
        }
    }
    sim_w_end(w);
    return 0;
}

static int fn_object_to_array(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0);
    struct sim_elem e;
    (void)n;
    if (null_result(v, w, key))
        return 0;
    if (v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, 40390, "$objectToArray requires a document input, found: %s", sim_type_name(v.type));
    sim_w_array(w, key);
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);) {
        sim_w_doc(w, NULL);
        sim_w_text_n(w, "k", e.key, e.key_n);
        sim_w_val(w, "v", e.v);
        sim_w_end(w);
    }
    sim_w_end(w);
    return 0;
}

static int fn_bson_size(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0);
    (void)n;
    if (null_result(v, w, key))
        return 0;
    if (v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, 31393, "$bsonSize requires a document input, found: %s", sim_type_name(v.type));
    sim_w_i32(w, key, sim_i32(v.p));
    return 0;
}

/* ---- texts ---- */

/* Of ASCII letters only, as the server does it. */
static int in_case(const uint8_t *args, struct sim_w *w, const char *key, char from, char to)
{
    struct sim_val v = sim_arg_at(args, 0);
    struct sb_str s;
    sb_str_init(&s);
    if (sim_is_text(v.type))
        sb_str_add(&s, sim_text(v), sim_text_n(v));
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] >= from && s.p[i] <= to)
            s.p[i] ^= 0x20;
    sim_w_text_n(w, key, s.p ? s.p : "", s.len);
    sb_str_release(&s);
    return 0;
}

static int need_text(const char *name, const uint8_t *args, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0);
    return sim_nullish(v) || sim_is_text(v.type) ? 0 : sim_fail(f, 16007, "%s can't convert from BSON type %s to String", name, sim_type_name(v.type));
}

static int fn_to_upper(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    (void)n;
    return need_text("$toUpper", args, f) ? -1 : in_case(args, w, key, 'a', 'z');
}

static int fn_to_lower(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    (void)n;
    return need_text("$toLower", args, f) ? -1 : in_case(args, w, key, 'A', 'Z');
}

static int fn_str_len(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0);
    int64_t chars = 0;
    (void)n;
    if (!sim_is_text(v.type))
        return sim_fail(f, 34471, "$strLenCP requires a string argument, found: %s", v.type ? sim_type_name(v.type) : "missing");
    for (uint32_t i = 0; i < sim_text_n(v); i++)
        chars += ((uint8_t)sim_text(v)[i] & 0xc0) != 0x80;
    sim_w_i32(w, key, chars);
    return 0;
}

static int fn_split(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0), by = sim_arg_at(args, 1);
    (void)n;
    if (null_result(sim_nullish(v) ? v : by, w, key))
        return 0;
    if (!sim_is_text(v.type) || !sim_is_text(by.type))
        return sim_fail(f, sim_is_text(v.type) ? 40086 : 40085, "$split requires an expression that evaluates to a string as a %s argument, found: %s",
                        sim_is_text(v.type) ? "second" : "first", sim_type_name(sim_is_text(v.type) ? by.type : v.type));
    const char *at = sim_text(v), *end = at + sim_text_n(v);
    size_t m = sim_text_n(by);
    if (!m)
        return sim_fail(f, 40087, "$split requires a non-empty separator");
    sim_w_array(w, key);
    for (const char *p = at; p <= end;) {
        if (p + m <= end && memcmp(p, sim_text(by), m) == 0) {
            sim_w_text_n(w, NULL, at, (size_t)(p - at));
            at = p += m;
        } else {
            p++;
        }
    }
    sim_w_text_n(w, NULL, at, (size_t)(end - at));
    sim_w_end(w);
    return 0;
}

/* ---- dates ---- */

struct moment {
    int64_t year;
    int month, day, hour, minute, second, millisecond, weekday, yearday; /* month, day, weekday and yearday from 1 */
};

/* H. Hinnant's days to civil date. */
static struct moment moment_of(int64_t ms)
{
    struct moment m = {0};
    int64_t days = ms / 86400000 - (ms % 86400000 < 0), rest = (ms % 86400000 + 86400000) % 86400000;
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    m.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    m.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    m.year = yoe + era * 400 + (m.month <= 2);
    bool leap = (m.year % 4 == 0 && m.year % 100 != 0) || m.year % 400 == 0;
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    m.yearday = before[m.month - 1] + m.day + (leap && m.month > 2);
    m.weekday = (int)(((days + 4) % 7 + 7) % 7 + 1); /* Sunday is 1 */
    m.hour = (int)(rest / 3600000);
    m.minute = (int)(rest / 60000 % 60);
    m.second = (int)(rest / 1000 % 60);
    m.millisecond = (int)(rest % 1000);
    return m;
}

/* The date that an argument is, or that its `date` is: 1 there is one, 0 null was written, -1. */
static int date_of(const char *name, struct sim_val v, struct sim_w *w, const char *key, int64_t *ms, struct sim_fail *f)
{
    if (v.type == BSON_TYPE_DOCUMENT) {
        if (sim_find(v.p, "timezone").type)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "%s with a timezone is not simulated", name);
        v = sim_find(v.p, "date");
    }
    if (null_result(v, w, key))
        return 0;
    if (v.type == BSON_TYPE_DATE_TIME)
        *ms = sim_i64(v.p);
    else if (v.type == BSON_TYPE_TIMESTAMP)
        *ms = (int64_t)((uint64_t)sim_i64(v.p) >> 32) * 1000;
    else if (v.type == BSON_TYPE_OID)
        *ms = ((int64_t)v.p[0] << 24 | v.p[1] << 16 | v.p[2] << 8 | v.p[3]) * 1000;
    else
        return sim_fail(f, 16006, "can't convert from BSON type %s to Date", sim_type_name(v.type));
    return 1;
}

#define PART(fname, name, field)                                                                                     \
    static int fname(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)            \
    {                                                                                                                \
        int64_t ms;                                                                                                  \
        int rc = date_of(name, sim_arg_at(args, 0), w, key, &ms, f);                                                 \
        (void)n;                                                                                                     \
        if (rc > 0)                                                                                                  \
            sim_w_i32(w, key, moment_of(ms).field);                                                                  \
        return rc < 0 ? -1 : 0;                                                                                      \
    }

PART(fn_year, "$year", year)
PART(fn_month, "$month", month)
PART(fn_day_of_month, "$dayOfMonth", day)
PART(fn_day_of_week, "$dayOfWeek", weekday)
PART(fn_day_of_year, "$dayOfYear", yearday)
PART(fn_hour, "$hour", hour)
PART(fn_minute, "$minute", minute)
PART(fn_second, "$second", second)
PART(fn_millisecond, "$millisecond", millisecond)

static int format_date(const char *format, size_t n, int64_t ms, struct sb_str *out, struct sim_fail *f)
{
    struct moment m = moment_of(ms);
    for (size_t i = 0; i < n; i++) {
        if (format[i] != '%') {
            sb_str_addc(out, format[i]);
            continue;
        }
        char c = ++i < n ? format[i] : '\0';
        if (c == 'Y')
            sb_str_addf(out, "%04lld", (long long)m.year);
        else if (c == 'm' || c == 'd' || c == 'H' || c == 'M' || c == 'S')
            sb_str_addf(out, "%02d", c == 'm' ? m.month : c == 'd' ? m.day : c == 'H' ? m.hour : c == 'M' ? m.minute : m.second);
        else if (c == 'L' || c == 'j')
            sb_str_addf(out, "%03d", c == 'L' ? m.millisecond : m.yearday);
        else if (c == 'w' || c == 'u')
            sb_str_addf(out, "%d", c == 'w' ? m.weekday : m.weekday == 1 ? 7 : m.weekday - 1);
        else if (c == 'z')
            sb_str_adds(out, "+0000");
        else if (c == 'Z')
            sb_str_adds(out, "+0");
        else if (c == '%')
            sb_str_addc(out, '%');
        else
            return sim_fail(f, c == 'G' || c == 'V' || c == 'U' ? SIM_NOT_IMPLEMENTED : 18536, "Invalid format character '%%%c' in format string", c ? c : ' ');
    }
    return sb_str_ok(out) ? 0 : sim_fail_nomem(f);
}

#define ISO "%Y-%m-%dT%H:%M:%S.%LZ"

static int fn_date_to_string(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0), format;
    struct sim_elem e;
    struct sb_str out;
    int64_t ms;
    (void)n;
    if (v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, 18629, "$dateToString only supports an object as its argument");
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);)
        if (strcmp(e.key, "date") != 0 && strcmp(e.key, "format") != 0 && strcmp(e.key, "timezone") != 0)
            return sim_fail(f, strcmp(e.key, "onNull") == 0 ? SIM_NOT_IMPLEMENTED : 18534, "Unrecognized argument to $dateToString: %.60s", e.key);
    int rc = date_of("$dateToString", v, w, key, &ms, f);
    if (rc <= 0)
        return rc;
    format = sim_find(v.p, "format");
    if (format.type && !sim_is_text(format.type))
        return sim_fail(f, 18533, "$dateToString requires that 'format' be a string, found: %s", sim_type_name(format.type));
    sb_str_init(&out);
    rc = format_date(format.type ? sim_text(format) : ISO, format.type ? sim_text_n(format) : strlen(ISO), ms, &out, f);
    if (rc == 0)
        sim_w_text_n(w, key, out.p ? out.p : "", out.len);
    sb_str_release(&out);
    return rc;
}

/* ---- conversion ---- */

static int fn_to_string(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f)
{
    struct sim_val v = sim_arg_at(args, 0);
    struct sb_str out;
    int rc = 0;
    (void)n;
    if (null_result(v, w, key))
        return 0;
    sb_str_init(&out);
    if (sim_is_text(v.type))
        sb_str_add(&out, sim_text(v), sim_text_n(v));
    else if (v.type == BSON_TYPE_INT32 || v.type == BSON_TYPE_INT64)
        sb_str_addf(&out, "%lld", (long long)sim_int(v, 0));
    else if (v.type == BSON_TYPE_BOOL)
        sb_str_adds(&out, sim_truth(v) ? "true" : "false");
    else if (v.type == BSON_TYPE_DATE_TIME)
        rc = format_date(ISO, strlen(ISO), sim_i64(v.p), &out, f);
    else if (v.type == BSON_TYPE_OID)
        for (int i = 0; i < 12; i++)
            sb_str_addf(&out, "%02x", v.p[i]);
    else
        rc = sim_fail(f, SIM_NOT_IMPLEMENTED, "$toString of a value of type %s is not simulated", sim_type_name(v.type));
    if (rc == 0)
        sim_w_text_n(w, key, out.p ? out.p : "", out.len);
    sb_str_release(&out);
    return rc;
}

static const struct sim_function functions[] = {
    {"$abs", 1, 1, fn_abs},
    {"$avg", 0, -1, fn_avg},
    {"$bsonSize", 1, 1, fn_bson_size},
    {"$ceil", 1, 1, fn_ceil},
    {"$concatArrays", 0, -1, fn_concat_arrays},
    {"$dateToString", 1, 1, fn_date_to_string},
    {"$dayOfMonth", 1, 1, fn_day_of_month},
    {"$dayOfWeek", 1, 1, fn_day_of_week},
    {"$dayOfYear", 1, 1, fn_day_of_year},
    {"$floor", 1, 1, fn_floor},
    {"$hour", 1, 1, fn_hour},
    {"$in", 2, 2, fn_in},
    {"$isArray", 1, 1, fn_is_array},
    {"$isNumber", 1, 1, fn_is_number},
    {"$max", 0, -1, fn_max},
    {"$mergeObjects", 0, -1, fn_merge_objects},
    {"$millisecond", 1, 1, fn_millisecond},
    {"$min", 0, -1, fn_min},
    {"$minute", 1, 1, fn_minute},
    {"$mod", 2, 2, fn_mod},
    {"$month", 1, 1, fn_month},
    {"$objectToArray", 1, 1, fn_object_to_array},
    {"$pow", 2, 2, fn_pow},
    {"$round", 1, 2, fn_round},
    {"$second", 1, 1, fn_second},
    {"$split", 2, 2, fn_split},
    {"$sqrt", 1, 1, fn_sqrt},
    {"$strLenCP", 1, 1, fn_str_len},
    {"$sum", 0, -1, fn_sum},
    {"$toLower", 1, 1, fn_to_lower},
    {"$toString", 1, 1, fn_to_string},
    {"$toUpper", 1, 1, fn_to_upper},
    {"$trunc", 1, 2, fn_trunc},
    {"$type", 1, 1, fn_type},
    {"$year", 1, 1, fn_year},
};

const struct sim_function *sim_function_find(const char *name)
{
    for (size_t i = 0; i < SB_COUNT(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return &functions[i];
    return NULL;
}
