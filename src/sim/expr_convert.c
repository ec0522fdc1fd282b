/* SPDX-License-Identifier: Apache-2.0
 *
 * $convert: a value as another type, or what onError says where that cannot be. Texts are read strictly: dates as ISO 8601 has
 * them, numbers without anything around them. Pairs of types that the server converts and this does not are said to be so. */
#include "expr_private.h"

#include <bson/bson.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONVERSION_FAILURE 241

int sim_convert_check(struct sim_val args, const struct sim_scope *scope, unsigned depth, struct sim_fail *f)
{
    static const char *const parts[] = {"input", "to", "onError", "onNull"};
    struct sim_elem e;
    if (args.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_FAILED_TO_PARSE, "$convert expects an object of named arguments but found: %s", sim_type_name(args.type));
    for (struct sim_iter it = sim_iter_of(args.p); sim_next(&it, &e);) {
        size_t i = 0;
        while (i < SB_COUNT(parts) && strcmp(parts[i], e.key) != 0)
            i++;
        if (i == SB_COUNT(parts))
            return sim_fail(f, SIM_FAILED_TO_PARSE, "$convert found an unknown argument: %.60s", e.key);
        if (sim_check_in(e.v, scope, depth + 1, f))
            return -1;
    }
    for (size_t i = 0; i < 2; i++)
        if (!sim_find(args.p, parts[i]).type)
            return sim_fail(f, SIM_FAILED_TO_PARSE, "Missing '%s' parameter to $convert", parts[i]);
    return 0;
}

/* ---- texts ---- */

static bool digits(const char **p, const char *end, int least, int most, int *out)
{
    int n = 0;
    *out = 0;
    for (; n < most && *p < end && **p >= '0' && **p <= '9'; n++, ++*p)
        *out = *out * 10 + (**p - '0');
    return n >= least;
}

static bool one_of(const char **p, const char *end, const char *set)
{
    if (*p >= end || !strchr(set, **p))
        return false;
    ++*p;
    return true;
}

static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1, doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

/* YYYY-MM-DD, then perhaps a time, then perhaps a zone. */
static bool read_date(const char *p, size_t n, int64_t *ms)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *end = p + n;
    int y, m, d, h = 0, min = 0, s = 0, fraction = 0, zh, zm = 0;
    int64_t zone = 0;
    if (!digits(&p, end, 4, 4, &y) || !one_of(&p, end, "-") || !digits(&p, end, 2, 2, &m) || !one_of(&p, end, "-") || !digits(&p, end, 2, 2, &d) || m < 1 || m > 12 || d < 1 || d > lengths[m - 1])
        return false;
    if (m == 2 && d == 29 && !((y % 4 == 0 && y % 100 != 0) || y % 400 == 0))
        return false;
    if (one_of(&p, end, "T ")) {
        if (!digits(&p, end, 2, 2, &h) || !one_of(&p, end, ":") || !digits(&p, end, 2, 2, &min) || h > 23 || min > 59)
            return false;
        if (one_of(&p, end, ":") && (!digits(&p, end, 2, 2, &s) || s > 59))
            return false;
        const char *dot = p;
        if (one_of(&p, end, ".")) {
            if (!digits(&p, end, 1, 3, &fraction))
                return false;
            for (long i = p - dot - 1; i < 3; i++)
                fraction *= 10;
        }
        const char *sign = p;
        if (!one_of(&p, end, "Z") && one_of(&p, end, "+-")) {
            if (!digits(&p, end, 2, 2, &zh) || (one_of(&p, end, ":") && p == end) || (p < end && !digits(&p, end, 2, 2, &zm)))
                return false;
            zone = (zh * 60 + zm) * (*sign == '-' ? -1 : 1);
        }
    }
    *ms = ((days_from_civil(y, m, d) * 24 + h) * 60 + min - zone) * 60000 + s * 1000 + fraction;
    return p == end;
}

/* A text that ends in NUL and holds none, short enough to be a number. */
static bool plain(struct sim_val v)
{
    const char *t = sim_text(v);
    return sim_text_n(v) && sim_text_n(v) < 64 && strlen(t) == sim_text_n(v) && strspn(t, "+-.0123456789eE") == sim_text_n(v);
}

static int from_text(struct sim_val v, int to, struct sim_w *w, const char *key, struct sim_fail *f)
{
    const char *t = sim_text(v);
    char *end = NULL;
    int64_t ms;
    errno = 0;
    if (to == BSON_TYPE_DATE_TIME) {
        if (!read_date(t, sim_text_n(v), &ms))
            return sim_fail(f, CONVERSION_FAILURE, "Error parsing date string '%.80s'", t);
        sim_w_date(w, key, ms);
        return 0;
    }
    if (to == BSON_TYPE_OID) {
        bson_oid_t oid;
        if (sim_text_n(v) != 24 || !bson_oid_is_valid(t, 24))
            return sim_fail(f, CONVERSION_FAILURE, "Failed to parse objectId '%.80s' in $convert with no onError value", t);
        bson_oid_init_from_string(&oid, t);
        sim_w_oid(w, key, oid.bytes);
        return 0;
    }
    if (plain(v) && (to == BSON_TYPE_INT32 || to == BSON_TYPE_INT64)) {
        long long n = strtoll(t, &end, 10);
        if (!*end && !errno && (to == BSON_TYPE_INT64 || (n >= INT32_MIN && n <= INT32_MAX))) {
            if (to == BSON_TYPE_INT32)
                sim_w_i32(w, key, n);
            else
                sim_w_i64(w, key, n);
            return 0;
        }
    } else if (plain(v) && to == BSON_TYPE_DOUBLE) {
        double n = strtod(t, &end);
        if (!*end && !errno) {
            sim_w_f64(w, key, n);
            return 0;
        }
    } else if (plain(v) && to == BSON_TYPE_DECIMAL128) {
        bson_decimal128_t d;
        if (bson_decimal128_from_string(t, &d)) {
            uint8_t bytes[16];
            for (int i = 0; i < 8; i++) {
                bytes[i] = (uint8_t)(d.low >> 8 * i);
                bytes[8 + i] = (uint8_t)(d.high >> 8 * i);
            }
            sim_w_val(w, key, (struct sim_val){BSON_TYPE_DECIMAL128, sizeof bytes, bytes});
            return 0;
        }
    }
    return sim_fail(f, CONVERSION_FAILURE, "Failed to parse number '%.80s' in $convert with no onError value", t);
}

/* ---- numbers ---- */

static int from_number(struct sim_val v, int to, struct sim_w *w, const char *key, struct sim_fail *f)
{
    long double n = sim_number(v);
    bool whole = to == BSON_TYPE_INT32 || to == BSON_TYPE_INT64 || to == BSON_TYPE_DATE_TIME;
    if (whole && (!isfinite(n) || n < (to == BSON_TYPE_INT32 ? (long double)INT32_MIN : (long double)INT64_MIN) || n > (to == BSON_TYPE_INT32 ? (long double)INT32_MAX : (long double)INT64_MAX)))
        return sim_fail(f, CONVERSION_FAILURE, "Conversion would overflow target type in $convert with no onError value");
    int64_t i = whole ? (v.type == BSON_TYPE_INT64 || v.type == BSON_TYPE_INT32 ? sim_int(v, 0) : (int64_t)n) : 0;
    if (to == BSON_TYPE_INT32)
        sim_w_i32(w, key, i);
    else if (to == BSON_TYPE_INT64)
        sim_w_i64(w, key, i);
    else if (to == BSON_TYPE_DATE_TIME)
        sim_w_date(w, key, i);
    else if (to == BSON_TYPE_DOUBLE)
        sim_w_f64(w, key, (double)n);
    else
        sim_w_decimal(w, key, n);
    return 0;
}

static int convert(struct sim_val v, int to, struct sim_w *w, const char *key, struct sim_fail *f)
{
    bool number = to == BSON_TYPE_INT32 || to == BSON_TYPE_INT64 || to == BSON_TYPE_DOUBLE || to == BSON_TYPE_DECIMAL128;
    if (v.type == to) {
        sim_w_val(w, key, v);
        return 0;
    }
    if (sim_is_text(v.type) && (number || to == BSON_TYPE_DATE_TIME || to == BSON_TYPE_OID))
        return from_text(v, to, w, key, f);
    if (sim_is_number(v.type) && (number || (to == BSON_TYPE_DATE_TIME && v.type != BSON_TYPE_INT32)))
        return from_number(v, to, w, key, f);
    if (v.type == BSON_TYPE_DATE_TIME && number && to != BSON_TYPE_INT32) { /* its milliseconds */
        struct sim_val ms = v;
        ms.type = BSON_TYPE_INT64;
        return ms.type == to ? (sim_w_val(w, key, ms), 0) : from_number(ms, to, w, key, f);
    }
    if (to == BSON_TYPE_UTF8 && !sim_is_doc(v.type)) {
        struct sim_w args;
        sim_w_init(&args);
        sim_w_val(&args, "0", v);
        const uint8_t *done = sim_w_done(&args);
        int rc = done ? sim_function_find("$toString")->fn(done, 1, w, key, f) : sim_fail_nomem(f);
        sim_w_release(&args);
        return rc;
    }
    return sim_fail(f, CONVERSION_FAILURE, "Unsupported conversion from %s to %s in $convert with no onError value", sim_type_name(v.type), sim_type_name((uint8_t)to));
}

int sim_convert_eval(struct sim_val args, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f)
{
    struct sim_val on_null = sim_find(args.p, "onNull"), on_error = sim_find(args.p, "onError");
    struct sim_w values;
    sim_w_init(&values);
    int rc = sim_eval_in(sim_find(args.p, "input"), doc, &values, "input", depth + 1, f) || sim_eval_in(sim_find(args.p, "to"), doc, &values, "to", depth + 1, f) ? -1 : 0;
    const uint8_t *done = rc ? NULL : sim_w_done(&values);
    if (rc == 0 && !done)
        rc = sim_fail_nomem(f);
    if (done) {
        struct sim_val v = sim_find(done, "input"), to = sim_find(done, "to");
        int type = sim_is_text(to.type) ? sim_type_of_name(sim_text(to), sim_text_n(to)) : sim_is_number(to.type) ? (int)sim_int(to, -1) : -1;
        if (type <= 0)
            rc = sim_fail(f, SIM_BAD_VALUE, "Unknown type name in $convert's 'to'");
        else if (sim_nullish(v) && on_null.type)
            rc = sim_eval_in(on_null, doc, w, key, depth + 1, f);
        else if (sim_nullish(v))
            sim_w_null(w, key);
        else
            rc = convert(v, type, w, key, f);
        if (rc && f->code == CONVERSION_FAILURE && on_error.type) {
            sim_fail_release(f);
            *f = (struct sim_fail)SIM_FAIL_INIT;
            rc = sim_eval_in(on_error, doc, w, key, depth + 1, f);
        }
    }
    sim_w_release(&values);
    return rc;
}
