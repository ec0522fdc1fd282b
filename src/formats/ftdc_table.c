/* SPDX-License-Identifier: Apache-2.0 */
#include "ftdc_private.h"

#include <signalbox/base/array.h>

#include <bson/bson.h>
#include <math.h>

struct walk {
    struct sb_ftdc_table *t;
    struct sb_str path; /* of where the walk stands, every part followed by a dot */
    bool nomem;
    const char *wrong;
};

void sb_ftdc_table_release(struct sb_ftdc_table *t)
{
    free(t->metrics);
    free(t->name_at);
    free(t->first);
    sb_str_release(&t->names);
    memset(t, 0, sizeof *t);
}

/* As the server's safeNumberLong: cut, clamped, NaN is 0. */
static int64_t whole(long double v)
{
    if (isnan(v))
        return 0;
    if (v >= 0x1p63L)
        return INT64_MAX;
    return v <= -0x1p63L ? INT64_MIN : (int64_t)v;
}

static int64_t of_decimal(const bson_iter_t *it)
{
    bson_decimal128_t dec;
    char text[BSON_DECIMAL128_STRING];
    if (!bson_iter_decimal128(it, &dec))
        return 0;
    bson_decimal128_to_string(&dec, text);
    return whole(strtold(text, NULL)); /* 64 bits of mantissa: whole numbers of int64 are exact */
}

static bool add(struct walk *w, const char *name, const char *suffix, uint8_t type, int64_t value)
{
    struct sb_ftdc_table *t = w->t;
    if (SB_GROW(t->metrics, t->metrics_cap, t->n + 1) || SB_GROW(t->name_at, t->name_cap, t->n + 1) ||
        SB_GROW(t->first, t->first_cap, t->n + 1)) {
        w->nomem = true;
        return false;
    }
    t->metrics[t->n].type = type;
    t->name_at[t->n] = t->names.len;
    t->first[t->n++] = value;
    sb_str_add(&t->names, w->path.p, w->path.len);
    sb_str_adds(&t->names, name);
    sb_str_add(&t->names, suffix, strlen(suffix) + 1);
    return true;
}

static bool walk_document(struct walk *w, bson_iter_t *it, int depth);

static bool walk_inner(struct walk *w, bson_iter_t *it, const char *name, int depth)
{
    bson_iter_t inner;
    size_t len = w->path.len;
    if (depth == SB_FTDC_MAX_DEPTH) {
        w->wrong = "its reference document nests too deep";
        return false;
    }
    if (!bson_iter_recurse(it, &inner)) {
        w->wrong = "its reference document is broken";
        return false;
    }
    sb_str_adds(&w->path, name);
    sb_str_addc(&w->path, '.');
    bool ok = walk_document(w, &inner, depth + 1);
    sb_str_truncate(&w->path, len);
    return ok;
}

static bool walk_document(struct walk *w, bson_iter_t *it, int depth)
{
    while (bson_iter_next(it)) {
        const char *name = bson_iter_key(it);
        bson_type_t type = bson_iter_type(it);
        uint32_t s, i;
        bool ok = true;
        switch (type) {
        case BSON_TYPE_DOUBLE:
            ok = add(w, name, "", (uint8_t)type, whole(bson_iter_double(it)));
            break;
        case BSON_TYPE_INT32:
            ok = add(w, name, "", (uint8_t)type, bson_iter_int32(it));
            break;
        case BSON_TYPE_INT64:
            ok = add(w, name, "", (uint8_t)type, bson_iter_int64(it));
            break;
        case BSON_TYPE_BOOL:
            ok = add(w, name, "", (uint8_t)type, bson_iter_bool(it));
            break;
        case BSON_TYPE_DATE_TIME:
            ok = add(w, name, "", (uint8_t)type, bson_iter_date_time(it));
            break;
        case BSON_TYPE_DECIMAL128:
            ok = add(w, name, "", (uint8_t)type, of_decimal(it));
            break;
        case BSON_TYPE_TIMESTAMP:
            bson_iter_timestamp(it, &s, &i);
            ok = add(w, name, ".t", (uint8_t)type, s) && add(w, name, ".i", (uint8_t)type, i);
            break;
        case BSON_TYPE_DOCUMENT:
        case BSON_TYPE_ARRAY:
            ok = walk_inner(w, it, name, depth);
            break;
        default: /* strings, null, ids: no metrics */
            break;
        }
        if (!ok)
            return false;
    }
    if (it->err_off) {
        w->wrong = "its reference document is broken";
        return false;
    }
    return true;
}

int sb_ftdc_table_read(struct sb_ftdc_table *t, const uint8_t *doc, size_t n, struct sb_err *err)
{
    struct walk w = {.t = t};
    bson_t bson;
    bson_iter_t it;
    t->n = 0;
    sb_str_clear(&t->names);
    sb_str_init(&w.path);
    bool ok = bson_init_static(&bson, doc, n) && bson_iter_init(&it, &bson);
    if (!ok)
        w.wrong = "its reference document is broken";
    ok = ok && walk_document(&w, &it, 0);
    bool nomem = w.nomem || !sb_str_ok(&w.path) || !sb_str_ok(&t->names);
    sb_str_release(&w.path);
    if (nomem)
        return sb_fail_nomem(err);
    if (!ok)
        return sb_fail(err, SB_EINPUT, "%s", w.wrong);
    for (size_t i = 0; i < t->n; i++)
        t->metrics[i].path = t->names.p + t->name_at[i];
    return 0;
}
