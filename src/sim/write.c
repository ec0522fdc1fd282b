/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/write.h>

#include <stdio.h>
#include <string.h>

void sim_w_init(struct sim_w *w)
{
    sb_str_init(&w->out);
    sim_w_clear(w);
}

void sim_w_release(struct sim_w *w)
{
    sb_str_release(&w->out);
}

void sim_w_clear(struct sim_w *w)
{
    sb_str_clear(&w->out);
    w->failed = false;
    w->depth = 1;
    w->open[0].at = 0;
    w->open[0].index = 0;
    sb_str_add(&w->out, "\0\0\0\0", 4);
}

static void put_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

/* Puts n bytes at the end. Mostly there is room for them: a reply has dozens of elements, and a find is little more than
 * its reply. */
static void put(struct sim_w *w, const void *bytes, size_t n)
{
    struct sb_str *s = &w->out;
    if (n == 0 || s->failed || s->cap - s->len <= n) {
        sb_str_add(s, bytes, n);
        return;
    }
    memcpy(s->p + s->len, bytes, n);
    s->len += n;
    s->p[s->len] = '\0';
}

static void put_byte(struct sim_w *w, uint8_t b)
{
    put(w, &b, 1);
}

void sim_w_end(struct sim_w *w)
{
    if (w->depth == 0) {
        w->failed = true;
        return;
    }
    put_byte(w, 0);
    size_t at = w->open[--w->depth].at;
    if (!sb_str_ok(&w->out) || w->out.len - at > INT32_MAX)
        w->failed = true;
    else
        put_u32((uint8_t *)w->out.p + at, (uint32_t)(w->out.len - at));
}

const uint8_t *sim_w_done(struct sim_w *w)
{
    while (w->depth)
        sim_w_end(w);
    return w->failed || !sb_str_ok(&w->out) ? NULL : (const uint8_t *)w->out.p;
}

/* The number of an array element as its name. */
static size_t number_name(uint32_t v, char out[10])
{
    char back[10];
    size_t n = 0, i = 0;
    do {
        back[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (n)
        out[i++] = back[--n];
    return i;
}

/* Type, name, NUL and n bytes of a value. */
static void element(struct sim_w *w, uint8_t type, const char *key, size_t key_n, const void *value, size_t n)
{
    char number[10];
    struct sb_str *s = &w->out;
    if (w->depth == 0) {
        w->failed = true;
        return;
    }
    if (!key) {
        key_n = number_name(w->open[w->depth - 1].index++, number);
        key = number;
    }
    if (s->failed || s->cap - s->len <= key_n + n + 2) {
        sb_str_addc(s, (char)type);
        sb_str_add(s, key, key_n);
        sb_str_addc(s, '\0');
        sb_str_add(s, value, n);
        return;
    }
    char *p = s->p + s->len;
    *p++ = (char)type;
    memcpy(p, key, key_n);
    p += key_n;
    *p++ = '\0';
    if (n)
        memcpy(p, value, n);
    p[n] = '\0';
    s->len += key_n + n + 2;
}

static void head_n(struct sim_w *w, uint8_t type, const char *key, size_t key_n)
{
    element(w, type, key, key_n, NULL, 0);
}

static void head(struct sim_w *w, uint8_t type, const char *key)
{
    element(w, type, key, key ? strlen(key) : 0, NULL, 0);
}

void sim_w_val_n(struct sim_w *w, const char *key, size_t key_n, struct sim_val v)
{
    if (v.type)
        element(w, v.type, key, key_n, v.p, v.n);
}

void sim_w_val(struct sim_w *w, const char *key, struct sim_val v)
{
    sim_w_val_n(w, key, key ? strlen(key) : 0, v);
}

void sim_w_i32(struct sim_w *w, const char *key, int64_t v)
{
    uint8_t b[4];
    put_u32(b, (uint32_t)(int32_t)(v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v));
    element(w, BSON_TYPE_INT32, key, key ? strlen(key) : 0, b, 4);
}

static void put_8(struct sim_w *w, uint8_t type, const char *key, uint64_t v)
{
    uint8_t b[8];
    put_u64(b, v);
    element(w, type, key, key ? strlen(key) : 0, b, 8);
}

void sim_w_i64(struct sim_w *w, const char *key, int64_t v)
{
    put_8(w, BSON_TYPE_INT64, key, (uint64_t)v);
}

void sim_w_int(struct sim_w *w, const char *key, int64_t v)
{
    if (v >= INT32_MIN && v <= INT32_MAX)
        sim_w_i32(w, key, v);
    else
        sim_w_i64(w, key, v);
}

void sim_w_f64(struct sim_w *w, const char *key, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    put_8(w, BSON_TYPE_DOUBLE, key, bits);
}

void sim_w_decimal(struct sim_w *w, const char *key, long double v)
{
    char text[64];
    bson_decimal128_t dec;
    uint8_t b[16];
    snprintf(text, sizeof text, "%.18Lg", v);
    if (!bson_decimal128_from_string(text, &dec))
        bson_decimal128_from_string("NaN", &dec);
    sim_val_i64(b, (int64_t)dec.low);
    sim_val_i64(b + 8, (int64_t)dec.high);
    sim_w_val(w, key, (struct sim_val){BSON_TYPE_DECIMAL128, 16, b});
}

void sim_w_bool(struct sim_w *w, const char *key, bool v)
{
    const uint8_t b = v;
    element(w, BSON_TYPE_BOOL, key, key ? strlen(key) : 0, &b, 1);
}

void sim_w_null(struct sim_w *w, const char *key)
{
    head(w, BSON_TYPE_NULL, key);
}

void sim_w_text_n(struct sim_w *w, const char *key, const char *text, size_t n)
{
    uint8_t b[4];
    put_u32(b, (uint32_t)n + 1);
    head(w, BSON_TYPE_UTF8, key);
    put(w, b, 4);
    put(w, text, n);
    put_byte(w, 0);
}

void sim_w_text(struct sim_w *w, const char *key, const char *text)
{
    sim_w_text_n(w, key, text, strlen(text));
}

void sim_w_textf(struct sim_w *w, const char *key, const char *fmt, ...)
{
    struct sb_str s;
    sb_str_init(&s);
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(&s, fmt, ap);
    va_end(ap);
    if (!sb_str_ok(&s))
        w->failed = true;
    sim_w_text_n(w, key, s.p, s.len);
    sb_str_release(&s);
}

void sim_w_date(struct sim_w *w, const char *key, int64_t ms)
{
    put_8(w, BSON_TYPE_DATE_TIME, key, (uint64_t)ms);
}

void sim_w_ts(struct sim_w *w, const char *key, uint64_t ts)
{
    put_8(w, BSON_TYPE_TIMESTAMP, key, ts);
}

void sim_w_oid(struct sim_w *w, const char *key, const uint8_t oid[12])
{
    head(w, BSON_TYPE_OID, key);
    put(w, oid, 12);
}

void sim_w_binary(struct sim_w *w, const char *key, uint8_t subtype, const void *bytes, size_t n)
{
    uint8_t b[5];
    put_u32(b, (uint32_t)n);
    b[4] = subtype;
    head(w, BSON_TYPE_BINARY, key);
    put(w, b, 5);
    put(w, bytes, n);
}

void sim_w_uuid(struct sim_w *w, const char *key, const uint8_t uuid[16])
{
    sim_w_binary(w, key, BSON_SUBTYPE_UUID, uuid, 16);
}

static void open_n(struct sim_w *w, uint8_t type, const char *key, size_t key_n)
{
    head_n(w, type, key, key_n);
    if (w->depth == SIM_W_DEPTH) {
        w->failed = true;
        return;
    }
    w->open[w->depth].at = w->out.len;
    w->open[w->depth++].index = 0;
    put(w, "\0\0\0\0", 4);
}

void sim_w_doc_n(struct sim_w *w, const char *key, size_t key_n)
{
    open_n(w, BSON_TYPE_DOCUMENT, key, key_n);
}

void sim_w_doc(struct sim_w *w, const char *key)
{
    sim_w_doc_n(w, key, key ? strlen(key) : 0);
}

void sim_w_array_n(struct sim_w *w, const char *key, size_t key_n)
{
    open_n(w, BSON_TYPE_ARRAY, key, key_n);
}

void sim_w_array(struct sim_w *w, const char *key)
{
    sim_w_array_n(w, key, key ? strlen(key) : 0);
}

void sim_w_copy(struct sim_w *w, const char *key, const uint8_t *doc)
{
    head(w, BSON_TYPE_DOCUMENT, key);
    put(w, doc, sim_doc_len(doc));
}

void sim_w_copy_array(struct sim_w *w, const char *key, const uint8_t *doc)
{
    head(w, BSON_TYPE_ARRAY, key);
    put(w, doc, sim_doc_len(doc));
}

void sim_w_all(struct sim_w *w, const uint8_t *doc)
{
    put(w, doc + 4, sim_doc_len(doc) - 5);
}
