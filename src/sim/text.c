/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/base/hash.h>
#include <signalbox/sim/text.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

void sim_uuid_text(char out[37], const uint8_t u[16])
{
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3], u[4], u[5],
             u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

void sim_json_text(struct sb_str *out, const char *text, size_t n)
{
    sb_str_addc(out, '"');
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)text[i];
        uint32_t point;
        size_t len = c < 0x80 ? 1 : sb_utf8_decode(text + i, n - i, &point);
        if (c == '"' || c == '\\') {
            sb_str_addc(out, '\\');
            sb_str_addc(out, (char)c);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            sb_str_adds(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        } else if (c < 0x20 || c == 0x7f) {
            sb_str_addf(out, "\\u%04x", c);
        } else if (len == 0) {
            sb_str_adds(out, "\\ufffd");
            len = 1;
        } else {
            sb_str_add(out, text + i, len);
        }
        i += len;
    }
    sb_str_addc(out, '"');
}

/* The shortest decimal text that reads back as the same double. */
static void add_double(struct sb_str *out, double d)
{
    if (isnan(d) || isinf(d)) {
        sb_str_adds(out, isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
        return;
    }
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, d);
        if (strtod(text, NULL) == d)
            break;
    }
    sb_str_adds(out, text);
}

static void add_decimal(struct sb_str *out, const uint8_t *p)
{
    bson_decimal128_t d = {(uint64_t)sim_i64(p), (uint64_t)sim_i64(p + 8)};
    char text[BSON_DECIMAL128_STRING];
    bson_decimal128_to_string(&d, text);
    sb_str_adds(out, text);
}

static void add_hex(struct sb_str *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_str_addf(out, "%02x", p[i]);
}

/* ---- the shell's form ---- */

static void shell_list(struct sb_str *out, const uint8_t *doc, bool array)
{
    struct sim_iter it = sim_iter_of(doc);
    struct sim_elem e;
    const char *comma = "";
    sb_str_adds(out, array ? "[" : "{");
    while (sim_next(&it, &e)) {
        sb_str_addf(out, "%s ", comma);
        if (!array) {
            sb_str_add(out, e.key, e.key_n);
            sb_str_adds(out, ": ");
        }
        sim_shell_val(out, e.v);
        comma = ",";
    }
    sb_str_adds(out, array ? (*comma ? " ]" : "]") : (*comma ? " }" : "}"));
}

void sim_shell_doc(struct sb_str *out, const uint8_t *doc)
{
    shell_list(out, doc, false);
}

static void shell_text(struct sb_str *out, struct sim_val v)
{
    sb_str_addc(out, '"');
    for (const char *p = sim_text(v), *end = p + sim_text_n(v); p < end; p++) {
        if (*p == '"' || *p == '\\')
            sb_str_addc(out, '\\');
        sb_str_addc(out, *p ? *p : '?');
    }
    sb_str_addc(out, '"');
}

static void shell_binary(struct sb_str *out, struct sim_val v)
{
    if (v.p[4] == BSON_SUBTYPE_UUID && v.n == 21) {
        char text[37];
        sim_uuid_text(text, v.p + 5);
        sb_str_addf(out, "UUID(\"%s\")", text);
        return;
    }
    sb_str_addf(out, "BinData(%u, ", v.p[4]);
    add_hex(out, v.p + 5, v.n - 5);
    sb_str_addc(out, ')');
}

static void shell_double(struct sb_str *out, double d)
{
    size_t before = out->len;
    if (!isfinite(d)) {
        sb_str_adds(out, isnan(d) ? "nan.0" : d > 0 ? "inf.0" : "-inf.0");
        return;
    }
    add_double(out, d);
    if (!memchr(out->p + before, '.', out->len - before) && !memchr(out->p + before, 'e', out->len - before))
        sb_str_adds(out, ".0");
}

void sim_shell_val(struct sb_str *out, struct sim_val v)
{
    switch (v.type) {
    case BSON_TYPE_INT32:
        sb_str_addf(out, "%d", sim_i32(v.p));
        break;
    case BSON_TYPE_INT64:
        sb_str_addf(out, "%" PRId64, sim_i64(v.p));
        break;
    case BSON_TYPE_DOUBLE:
        shell_double(out, sim_f64(v.p));
        break;
    case BSON_TYPE_DECIMAL128:
        add_decimal(out, v.p);
        break;
    case BSON_TYPE_UTF8:
    case BSON_TYPE_SYMBOL:
    case BSON_TYPE_CODE:
        shell_text(out, v);
        break;
    case BSON_TYPE_DOCUMENT:
    case BSON_TYPE_ARRAY:
        shell_list(out, v.p, v.type == BSON_TYPE_ARRAY);
        break;
    case BSON_TYPE_OID:
        sb_str_adds(out, "ObjectId('");
        add_hex(out, v.p, 12);
        sb_str_adds(out, "')");
        break;
    case BSON_TYPE_BOOL:
        sb_str_adds(out, v.p[0] ? "true" : "false");
        break;
    case BSON_TYPE_DATE_TIME:
        sb_str_addf(out, "new Date(%" PRId64 ")", sim_i64(v.p));
        break;
    case BSON_TYPE_TIMESTAMP:
        sb_str_addf(out, "Timestamp(%u, %u)", sim_u32(v.p + 4), sim_u32(v.p));
        break;
    case BSON_TYPE_REGEX:
        sb_str_addf(out, "/%s/%s", (const char *)v.p, (const char *)v.p + strlen((const char *)v.p) + 1);
        break;
    case BSON_TYPE_BINARY:
        shell_binary(out, v);
        break;
    case BSON_TYPE_MINKEY:
        sb_str_adds(out, "MinKey");
        break;
    case BSON_TYPE_MAXKEY:
        sb_str_adds(out, "MaxKey");
        break;
    case BSON_TYPE_NULL:
        sb_str_adds(out, "null");
        break;
    default:
        sb_str_adds(out, "undefined");
    }
}

/* ---- the log's form ---- */

static void json_list(struct sb_str *out, const uint8_t *doc, bool array)
{
    struct sim_iter it = sim_iter_of(doc);
    struct sim_elem e;
    bool first = true;
    sb_str_addc(out, array ? '[' : '{');
    while (sim_next(&it, &e)) {
        if (!first)
            sb_str_addc(out, ',');
        first = false;
        if (!array) {
            sim_json_text(out, e.key, e.key_n);
            sb_str_addc(out, ':');
        }
        sim_json_val(out, e.v);
    }
    sb_str_addc(out, array ? ']' : '}');
}

void sim_json_doc(struct sb_str *out, const uint8_t *doc)
{
    json_list(out, doc, false);
}

static void json_base64(struct sb_str *out, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], i + 1 < n ? digits[v >> 6 & 63] : '=', i + 2 < n ? digits[v & 63] : '='};
        sb_str_add(out, four, 4);
    }
}

static void json_binary(struct sb_str *out, struct sim_val v)
{
    if (v.p[4] == BSON_SUBTYPE_UUID && v.n == 21) {
        char text[37];
        sim_uuid_text(text, v.p + 5);
        sb_str_addf(out, "{\"$uuid\":\"%s\"}", text);
        return;
    }
    sb_str_adds(out, "{\"$binary\":{\"base64\":\"");
    json_base64(out, v.p + 5, v.n - 5);
    sb_str_addf(out, "\",\"subType\":\"%x\"}}", v.p[4]);
}

static void json_date(struct sb_str *out, int64_t ms)
{
    char text[SB_TIME_LEN + 1];
    if (ms < 0 || ms > INT64_C(253402300799999)) {
        sb_str_addf(out, "{\"$date\":{\"$numberLong\":\"%" PRId64 "\"}}", ms);
        return;
    }
    sb_time_format(text, ms);
    sb_str_addf(out, "{\"$date\":\"%s\"}", text);
}

static void json_double(struct sb_str *out, double d)
{
    if (!isfinite(d))
        sb_str_adds(out, "{\"$numberDouble\":\"");
    add_double(out, d);
    if (!isfinite(d))
        sb_str_adds(out, "\"}");
}

static void json_regex(struct sb_str *out, struct sim_val v)
{
    const char *pattern = (const char *)v.p, *options = pattern + strlen(pattern) + 1;
    sb_str_adds(out, "{\"$regularExpression\":{\"pattern\":");
    sim_json_text(out, pattern, strlen(pattern));
    sb_str_adds(out, ",\"options\":");
    sim_json_text(out, options, strlen(options));
    sb_str_adds(out, "}}");
}

void sim_json_val(struct sb_str *out, struct sim_val v)
{
    switch (v.type) {
    case BSON_TYPE_INT32:
        sb_str_addf(out, "%d", sim_i32(v.p));
        break;
    case BSON_TYPE_INT64:
        sb_str_addf(out, "%" PRId64, sim_i64(v.p));
        break;
    case BSON_TYPE_DOUBLE:
        json_double(out, sim_f64(v.p));
        break;
    case BSON_TYPE_DECIMAL128:
        sb_str_adds(out, "{\"$numberDecimal\":\"");
        add_decimal(out, v.p);
        sb_str_adds(out, "\"}");
        break;
    case BSON_TYPE_UTF8:
    case BSON_TYPE_SYMBOL:
    case BSON_TYPE_CODE:
        sim_json_text(out, sim_text(v), sim_text_n(v));
        break;
    case BSON_TYPE_DOCUMENT:
    case BSON_TYPE_ARRAY:
        json_list(out, v.p, v.type == BSON_TYPE_ARRAY);
        break;
    case BSON_TYPE_OID:
        sb_str_adds(out, "{\"$oid\":\"");
        add_hex(out, v.p, 12);
        sb_str_adds(out, "\"}");
        break;
    case BSON_TYPE_BOOL:
        sb_str_adds(out, v.p[0] ? "true" : "false");
        break;
    case BSON_TYPE_DATE_TIME:
        json_date(out, sim_i64(v.p));
        break;
    case BSON_TYPE_TIMESTAMP:
        sb_str_addf(out, "{\"$timestamp\":{\"t\":%u,\"i\":%u}}", sim_u32(v.p + 4), sim_u32(v.p));
        break;
    case BSON_TYPE_REGEX:
        json_regex(out, v);
        break;
    case BSON_TYPE_BINARY:
        json_binary(out, v);
        break;
    case BSON_TYPE_MINKEY:
    case BSON_TYPE_MAXKEY:
        sb_str_adds(out, v.type == BSON_TYPE_MINKEY ? "{\"$minKey\":1}" : "{\"$maxKey\":1}");
        break;
    case BSON_TYPE_UNDEFINED:
        sb_str_adds(out, "{\"$undefined\":true}");
        break;
    default:
        sb_str_adds(out, "null");
    }
}
