/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/base/json.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static int check_tree(const json_t *value, unsigned depth, unsigned flags, const char *path, struct sb_err *err)
{
    if (depth > SB_JSON_MAX_DEPTH)
        return sb_fail(err, SB_EINPUT, "%s: nested deeper than %d levels", path, SB_JSON_MAX_DEPTH);
    switch (json_typeof(value)) {
    case JSON_OBJECT: {
        const char *key;
        json_t *child;
        json_object_foreach((json_t *)value, key, child)
            if (check_tree(child, depth + 1, flags, path, err))
                return -1;
        return 0;
    }
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(value); i++)
            if (check_tree(json_array_get(value, i), depth + 1, flags, path, err))
                return -1;
        return 0;
    case JSON_REAL:
        if (!(flags & SB_JSON_ALLOW_REAL))
            return sb_fail(err, SB_EINPUT, "%s: a number with a fraction or exponent is not allowed here (write an integer, or a string)", path);
        return 0;
    default:
        return 0;
    }
}

/* jansson recurses as deep as the text nests (to 2048 levels of its own); count brackets first so that our limit holds
 * before its stack is used. Brackets inside strings do not count. */
static bool too_deep(const char *text, size_t len)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > SB_JSON_MAX_DEPTH)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

json_t *sb_json_parse(const char *text, size_t len, const char *path, unsigned flags, struct sb_err *err)
{
    if (too_deep(text, len)) {
        sb_fail(err, SB_EINPUT, "%s: nested deeper than %d levels", path, SB_JSON_MAX_DEPTH);
        return NULL;
    }
    const char *nul = len ? memchr(text, '\0', len) : NULL; /* jansson passes over one that follows a number */
    if (nul) {
        int line = 1, column = 1;
        for (const char *p = text; p < nul; p++) {
            line += *p == '\n';
            column = *p == '\n' ? 1 : column + 1;
        }
        sb_fail(err, SB_EINPUT, "%s:%d:%d: a NUL byte; this is not JSON", path, line, column);
        return NULL;
    }
    json_error_t where;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (!value) {
        sb_fail(err, SB_EINPUT, "%s:%d:%d: %s", path, where.line, where.column > 0 ? where.column : 1, where.text);
        return NULL;
    }
    if (check_tree(value, 0, flags, path, err)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

json_t *sb_json_load(const char *path, size_t max, unsigned flags, struct sb_err *err)
{
    struct sb_str text;
    sb_str_init(&text);
    json_t *value = NULL;
    if (sb_file_read(path, max, &text, err) == 0)
        value = sb_json_parse(text.p, text.len, path, flags, err);
    sb_str_release(&text);
    return value;
}

/* ---- canonical writing ---- */

int sb_json_string(struct sb_str *out, const char *bytes, size_t n, struct sb_err *err)
{
    if (!sb_utf8_valid(bytes, n))
        return sb_fail(err, SB_EINTERNAL, "a string that is not UTF-8 cannot be written as JSON");
    sb_str_addc(out, '"');
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        sb_str_add(out, bytes + plain, i - plain);
        plain = i + 1;
        switch (c) {
        case '"': sb_str_adds(out, "\\\""); break;
        case '\\': sb_str_adds(out, "\\\\"); break;
        case '\b': sb_str_adds(out, "\\b"); break;
        case '\f': sb_str_adds(out, "\\f"); break;
        case '\n': sb_str_adds(out, "\\n"); break;
        case '\r': sb_str_adds(out, "\\r"); break;
        case '\t': sb_str_adds(out, "\\t"); break;
        default: sb_str_addf(out, "\\u%04x", c);
        }
    }
    sb_str_add(out, bytes + plain, n - plain);
    sb_str_addc(out, '"');
    return 0;
}

/* RFC 8785 sorts by UTF-16 code units. UTF-8 byte order differs from it only where a code point above U+FFFF (lead byte
 * F0..F4, in UTF-16 a surrogate D800..DFFF) meets one in U+E000..U+FFFF (lead byte EE or EF): there the surrogate is first. */
static int compare_utf16(const char *a, const char *b)
{
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    while (*x && *x == *y) {
        x++;
        y++;
    }
    if (*x == *y)
        return 0;
    bool x_astral = *x >= 0xF0, y_astral = *y >= 0xF0;
    if (x_astral && !y_astral && *y >= 0xEE)
        return -1;
    if (y_astral && !x_astral && *x >= 0xEE)
        return 1;
    return *x < *y ? -1 : 1;
}

static int compare_keys(const void *a, const void *b)
{
    return compare_utf16(*(const char *const *)a, *(const char *const *)b);
}

static int write_value(struct sb_str *out, const json_t *value, unsigned depth, struct sb_err *err);

static int write_object(struct sb_str *out, const json_t *object, unsigned depth, struct sb_err *err)
{
    size_t n = json_object_size(object), i = 0;
    const char **keys = calloc(n ? n : 1, sizeof *keys);
    if (!keys)
        return sb_fail_nomem(err);
    int rc = -1;
    const char *key;
    json_t *child;
    json_object_foreach((json_t *)object, key, child)
        keys[i++] = key;
    qsort(keys, n, sizeof *keys, compare_keys);
    sb_str_addc(out, '{');
    for (i = 0; i < n; i++) {
        if (i)
            sb_str_addc(out, ',');
        if (sb_json_string(out, keys[i], strlen(keys[i]), err))
            goto out;
        sb_str_addc(out, ':');
        if (write_value(out, json_object_get(object, keys[i]), depth + 1, err))
            goto out;
    }
    sb_str_addc(out, '}');
    rc = 0;
out:
    free(keys);
    return rc;
}

static int write_value(struct sb_str *out, const json_t *value, unsigned depth, struct sb_err *err)
{
    if (depth > SB_JSON_MAX_DEPTH)
        return sb_fail(err, SB_EINTERNAL, "canonical JSON nested deeper than %d levels", SB_JSON_MAX_DEPTH);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return write_object(out, value, depth, err);
    case JSON_ARRAY:
        sb_str_addc(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i)
                sb_str_addc(out, ',');
            if (write_value(out, json_array_get(value, i), depth + 1, err))
                return -1;
        }
        sb_str_addc(out, ']');
        return 0;
    case JSON_STRING:
        return sb_json_string(out, json_string_value(value), json_string_length(value), err);
    case JSON_INTEGER: {
        json_int_t v = json_integer_value(value);
        if (v > SB_JSON_MAX_INT || v < -SB_JSON_MAX_INT)
            return sb_fail(err, SB_EINTERNAL, "the integer %" PRId64 " is outside +-(2^53-1)", (int64_t)v);
        sb_str_addf(out, "%" PRId64, (int64_t)v);
        return 0;
    }
    case JSON_REAL:
        return sb_fail(err, SB_EINTERNAL, "canonical JSON holds no reals");
    case JSON_TRUE:
        sb_str_adds(out, "true");
        return 0;
    case JSON_FALSE:
        sb_str_adds(out, "false");
        return 0;
    case JSON_NULL:
        sb_str_adds(out, "null");
        return 0;
    }
    return sb_fail(err, SB_EINTERNAL, "unknown JSON type");
}

int sb_json_canonical(struct sb_str *out, const json_t *value, struct sb_err *err)
{
    if (!value)
        return sb_fail_nomem(err); /* what built the tree ran out of memory */
    if (write_value(out, value, 0, err))
        return -1;
    return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
}

/* ---- access ---- */

const char *sb_json_str(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t sb_json_int(const json_t *object, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(object, key));
}

json_t *sb_json_of_bytes(const char *bytes, size_t n)
{
    if (sb_utf8_valid(bytes, n) && !memchr(bytes, '\0', n))
        return json_stringn_nocheck(bytes, n);
    struct sb_str out; /* a NUL too: no reader of ours takes it */
    sb_str_init(&out);
    for (size_t i = 0; i < n;) {
        uint32_t point;
        size_t len = bytes[i] ? sb_utf8_decode(bytes + i, n - i, &point) : 0;
        sb_str_add(&out, len ? bytes + i : "\xEF\xBF\xBD", len ? len : 3);
        i += len ? len : 1;
    }
    json_t *value = sb_str_ok(&out) ? json_stringn_nocheck(out.p, out.len) : NULL;
    sb_str_release(&out);
    return value;
}

json_t *sb_json_path(json_t *object, const char *path)
{
    while (object && *path) {
        size_t n = strcspn(path, ".");
        char key[128];
        if (n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        object = json_object_get(object, key);
        path += n + (path[n] == '.');
    }
    return object;
}
