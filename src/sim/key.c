/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/key.h>

#include <math.h>
#include <openssl/evp.h>
#include <string.h>

enum {
    KEY_MIN = 0x10,
    KEY_UNDEFINED = 0x18,
    KEY_NULL = 0x20,
    KEY_NUMBER = 0x30,
    KEY_TEXT = 0x40,
    KEY_OBJECT = 0x50,
    KEY_ARRAY = 0x58,
    KEY_BINARY = 0x60,
    KEY_OID = 0x68,
    KEY_FALSE = 0x70,
    KEY_TRUE = 0x71,
    KEY_DATE = 0x80,
    KEY_TIMESTAMP = 0x88,
    KEY_REGEX = 0x90,
    KEY_DBPOINTER = 0x98,
    KEY_CODE = 0xa0,
    KEY_CODE_SCOPE = 0xa8,
    KEY_MAX = 0xf0,
    /* behind a number's double: the exact value is below it, it, or above it */
    LESS = 0x40,
    SAME = 0x80,
    MORE = 0xc0,
};

static void add_byte(struct sb_str *out, uint8_t b)
{
    sb_str_addc(out, (char)b);
}

static void add_u64(struct sb_str *out, uint64_t v)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (56 - 8 * i));
    sb_str_add(out, b, 8);
}

/* The bits of a double in an order that unsigned comparison follows; NaN comes first. */
static uint64_t ordered(double d)
{
    if (isnan(d))
        return 0;
    if (d == 0)
        d = 0; /* minus zero is zero */
    uint64_t bits;
    memcpy(&bits, &d, 8);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static void add_number(struct sb_str *out, struct sim_val v)
{
    if (v.type == BSON_TYPE_INT32 || v.type == BSON_TYPE_DOUBLE) { /* a double holds it: the common case */
        add_u64(out, ordered(v.type == BSON_TYPE_INT32 ? sim_i32(v.p) : sim_f64(v.p)));
        add_byte(out, SAME);
        return;
    }
    long double exact = sim_number(v);
    double near = (double)exact;
    long double rest = isfinite(near) ? exact - near : 0;
    add_u64(out, ordered(near));
    if (rest == 0) {
        add_byte(out, SAME);
    } else {
        add_byte(out, rest < 0 ? LESS : MORE);
        add_u64(out, ordered((double)rest));
    }
}

/* Text with an escape for NUL, so that a NUL can end it. */
static void add_text(struct sb_str *out, const char *text, size_t n)
{
    const char *nul;
    while ((nul = memchr(text, 0, n))) {
        size_t part = (size_t)(nul - text) + 1;
        sb_str_add(out, text, part);
        add_byte(out, 0xff);
        text += part;
        n -= part;
    }
    sb_str_add(out, text, n);
    add_byte(out, 0);
}

static void add_ascending(struct sb_str *out, struct sim_val v);

/* Elements as (type rank, name, value), the order in which documents compare. */
static void add_document(struct sb_str *out, const uint8_t *doc)
{
    struct sim_iter it = sim_iter_of(doc);
    struct sim_elem e;
    while (sim_next(&it, &e)) {
        add_byte(out, (uint8_t)(sim_rank(e.v.type) + 2));
        add_text(out, e.key, e.key_n);
        add_ascending(out, e.v);
    }
    add_byte(out, 0);
}

static void add_binary(struct sb_str *out, struct sim_val v)
{
    uint32_t n = v.n - 5;
    uint8_t size[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    sb_str_add(out, size, 4);
    sb_str_add(out, v.p + 4, v.n - 4);
}

static void add_ascending(struct sb_str *out, struct sim_val v)
{
    switch (v.type) {
    case BSON_TYPE_MINKEY:
        add_byte(out, KEY_MIN);
        break;
    case BSON_TYPE_UNDEFINED:
        add_byte(out, KEY_UNDEFINED);
        break;
    case 0:
    case BSON_TYPE_NULL:
        add_byte(out, KEY_NULL);
        break;
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_DECIMAL128:
        add_byte(out, KEY_NUMBER);
        add_number(out, v);
        break;
    case BSON_TYPE_UTF8:
    case BSON_TYPE_SYMBOL:
    case BSON_TYPE_CODE:
        add_byte(out, v.type == BSON_TYPE_CODE ? KEY_CODE : KEY_TEXT);
        add_text(out, sim_text(v), sim_text_n(v));
        break;
    case BSON_TYPE_DOCUMENT:
    case BSON_TYPE_ARRAY:
        add_byte(out, v.type == BSON_TYPE_ARRAY ? KEY_ARRAY : KEY_OBJECT);
        add_document(out, v.p);
        break;
    case BSON_TYPE_BINARY:
        add_byte(out, KEY_BINARY);
        add_binary(out, v);
        break;
    case BSON_TYPE_OID:
        add_byte(out, KEY_OID);
        sb_str_add(out, v.p, 12);
        break;
    case BSON_TYPE_BOOL:
        add_byte(out, v.p[0] ? KEY_TRUE : KEY_FALSE);
        break;
    case BSON_TYPE_DATE_TIME:
        add_byte(out, KEY_DATE);
        add_u64(out, (uint64_t)sim_i64(v.p) ^ UINT64_C(1) << 63);
        break;
    case BSON_TYPE_TIMESTAMP:
        add_byte(out, KEY_TIMESTAMP);
        add_u64(out, (uint64_t)sim_i64(v.p));
        break;
    case BSON_TYPE_REGEX:
        add_byte(out, KEY_REGEX);
        add_text(out, (const char *)v.p, strlen((const char *)v.p));
        add_text(out, (const char *)v.p + strlen((const char *)v.p) + 1, v.n - strlen((const char *)v.p) - 2);
        break;
    case BSON_TYPE_DBPOINTER:
    case BSON_TYPE_CODEWSCOPE:
        add_byte(out, v.type == BSON_TYPE_DBPOINTER ? KEY_DBPOINTER : KEY_CODE_SCOPE);
        add_text(out, (const char *)v.p, v.n);
        break;
    default:
        add_byte(out, KEY_MAX);
    }
}

void sim_key_flip(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)~p[i];
}

void sim_key_field(struct sb_str *out, struct sim_val v, bool descending)
{
    size_t before = out->len;
    add_ascending(out, v);
    if (descending)
        sim_key_flip((uint8_t *)out->p + before, out->len - before);
}

void sim_key_put_rid(uint8_t to[1 + SIM_RID_BYTES], uint64_t rid)
{
    to[0] = SIM_KEY_END;
    for (int i = 0; i < SIM_RID_BYTES; i++)
        to[1 + i] = (uint8_t)(rid >> 8 * (SIM_RID_BYTES - 1 - i));
}

uint64_t sim_key_rid_of(const uint8_t *key, size_t n)
{
    uint64_t rid = 0;
    for (size_t i = n - SIM_RID_BYTES; i < n; i++)
        rid = rid << 8 | key[i];
    return rid;
}

/* All sizes below look at bytes through `flip`, so that a descending field is read as it was before inversion. */
static size_t text_size(const uint8_t *p, uint8_t flip)
{
    size_t i = 0;
    for (;; i++)
        if ((p[i] ^ flip) == 0) {
            if ((p[i + 1] ^ flip) != 0xff)
                return i + 1;
            i++;
        }
}

static size_t field_size(const uint8_t *p, uint8_t flip);

static size_t document_size(const uint8_t *p, uint8_t flip)
{
    size_t i = 0;
    while ((p[i] ^ flip) != 0) {
        i++;
        i += text_size(p + i, flip);
        i += field_size(p + i, flip);
    }
    return i + 1;
}

static size_t field_size(const uint8_t *p, uint8_t flip)
{
    switch (p[0] ^ flip) {
    case KEY_NUMBER:
        return (p[9] ^ flip) == SAME ? 10 : 18;
    case KEY_TEXT:
    case KEY_CODE:
    case KEY_DBPOINTER:
    case KEY_CODE_SCOPE:
        return 1 + text_size(p + 1, flip);
    case KEY_REGEX: {
        size_t pattern = text_size(p + 1, flip);
        return 1 + pattern + text_size(p + 1 + pattern, flip);
    }
    case KEY_OBJECT:
    case KEY_ARRAY:
        return 1 + document_size(p + 1, flip);
    case KEY_BINARY: {
        uint32_t n = (uint32_t)(p[1] ^ flip) << 24 | (uint32_t)(p[2] ^ flip) << 16 | (uint32_t)(p[3] ^ flip) << 8 | (p[4] ^ flip);
        return 6 + (size_t)n;
    }
    case KEY_OID:
        return 13;
    case KEY_DATE:
    case KEY_TIMESTAMP:
        return 9;
    default:
        return 1;
    }
}

size_t sim_key_field_size(const uint8_t *p, bool descending)
{
    return field_size(p, descending ? 0xff : 0);
}

/* ---- hashes ---- */

static void put_i32(struct sb_str *out, int32_t v)
{
    uint8_t b[4];
    sim_val_i32(b, v);
    sb_str_add(out, (const char *)b, sizeof b);
}

/* What is hashed of a value: its type, its name inside a document, its bytes; numbers as whole numbers. */
static void hash_input(struct sb_str *out, struct sim_val v, const char *name, size_t name_n)
{
    put_i32(out, sim_rank(v.type));
    if (name) {
        sb_str_add(out, name, name_n);
        sb_str_addc(out, '\0');
    }
    if (sim_is_number(v.type)) {
        uint8_t b[8];
        sim_val_i64(b, sim_int(v, 0));
        sb_str_add(out, (const char *)b, sizeof b);
    } else if (sim_is_doc(v.type)) {
        struct sim_elem e;
        for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);)
            hash_input(out, e.v, e.key, e.key_n);
        hash_input(out, sim_missing, "", 0);
    } else if (v.type) {
        sb_str_add(out, (const char *)v.p, v.n);
    }
}

int64_t sim_hash_val(struct sim_val v)
{
    struct sb_str in;
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};
    unsigned n = 0;
    sb_str_init(&in);
    put_i32(&in, 0); /* the seed */
    hash_input(&in, v.type ? v : sim_null, NULL, 0);
    if (!sb_str_ok(&in) || EVP_Digest(in.p, in.len, digest, &n, EVP_md5(), NULL) != 1)
        memset(digest, 0, sizeof digest);
    sb_str_release(&in);
    return sim_i64(digest);
}
