/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/json.h>
#include <signalbox/base/rng.h>
#include <signalbox/ledger/mask.h>

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SALT_LEN 32

struct sb_mask {
    uint8_t salt[SALT_LEN];
    char **patterns;
    size_t n;
};

/* ---- opening ---- */

static int make_salt(struct sb_mask *m, const char *path, struct sb_err *err)
{
    char hex[2 * SALT_LEN + 2];
    if (sb_random_bytes(m->salt, SALT_LEN, err))
        return -1;
    sb_hex_encode(hex, m->salt, SALT_LEN);
    hex[2 * SALT_LEN] = '\n';
    int rc = sb_file_write(path, 0600, hex, 2 * SALT_LEN + 1, err);
    OPENSSL_cleanse(hex, sizeof hex);
    return rc;
}

static int read_salt(struct sb_mask *m, const char *path, struct sb_err *err)
{
    struct stat st;
    struct sb_str text;
    sb_str_init(&text);
    if (stat(path, &st))
        return sb_fail_errno(err, errno, "cannot look at %s", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return sb_fail(err, SB_ELEDGER, "%s may be read by others; run: chmod 600 %s", path, path);
    int rc = sb_file_read(path, 256, &text, err);
    if (rc == 0) {
        if (text.len && text.p[text.len - 1] == '\n')
            sb_str_truncate(&text, text.len - 1);
        if (sb_hex_decode(m->salt, SALT_LEN, text.p))
            rc = sb_fail(err, SB_ELEDGER, "%s is damaged: it must be %d hexadecimal digits", path, 2 * SALT_LEN);
        OPENSSL_cleanse(text.p, text.len);
    }
    sb_str_release(&text);
    return rc;
}

struct sb_mask *sb_mask_open(const char *dir, const char *const *patterns, size_t n, struct sb_err *err)
{
    struct sb_mask *m = calloc(1, sizeof *m);
    char *path = sb_format("%s/mask-salt", dir);
    int rc = m && path && (n == 0 || (m->patterns = calloc(n, sizeof *m->patterns))) ? 0 : sb_fail_nomem(err);
    for (size_t i = 0; rc == 0 && i < n; i++, m->n++)
        if (!(m->patterns[i] = sb_format("%s", patterns[i])))
            rc = sb_fail_nomem(err);
    if (rc == 0 && n)
        rc = access(path, F_OK) && errno == ENOENT ? make_salt(m, path, err) : read_salt(m, path, err);
    free(path);
    if (rc) {
        sb_mask_close(m);
        return NULL;
    }
    return m;
}

void sb_mask_close(struct sb_mask *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        free(m->patterns[i]);
    free(m->patterns);
    OPENSSL_cleanse(m->salt, sizeof m->salt);
    free(m);
}

/* ---- digests ---- */

int sb_mask_digest(const struct sb_mask *m, const json_t *value, char out[SB_MASK_LEN + 1], struct sb_err *err)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_n = 0;
    /* reals have no canonical form: here only equality counts, so jansson's own spelling will do */
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (!text)
        return sb_fail_nomem(err);
    bool good = HMAC(EVP_sha256(), m->salt, SALT_LEN, (const unsigned char *)text, strlen(text), mac, &mac_n) && mac_n == 32;
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    if (!good)
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a digest");
    memcpy(out, SB_MASK_PREFIX, strlen(SB_MASK_PREFIX));
    sb_hex_encode(out + strlen(SB_MASK_PREFIX), mac, 16);
    return 0;
}

/* ---- which fields ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool fits(const char *p, const char *s)
{
    const char *star = NULL, *resume = NULL;
    while (*s) {
        if (*p == '*') {
            star = ++p;
            resume = s;
        } else if (*p == '?' || (*p && lower(*p) == lower(*s))) {
            p++;
            s++;
        } else if (star) {
            p = star;
            s = ++resume;
        } else {
            return false;
        }
    }
    while (*p == '*')
        p++;
    return !*p;
}

/* Of a dotted path ("customer.email") each part counts. */
static bool sensitive(const struct sb_mask *m, const char *key)
{
    char part[256];
    while (*key) {
        size_t n = strcspn(key, ".");
        snprintf(part, sizeof part, "%.*s", (int)(n < sizeof part ? n : sizeof part - 1), key);
        for (size_t i = 0; i < m->n; i++)
            if (fits(m->patterns[i], part))
                return true;
        key += n + (key[n] == '.');
    }
    return false;
}

/* ---- walking ---- */

struct walk {
    const struct sb_mask *m;
    struct sb_str at; /* the JSON pointer of where it is */
    json_t *masked;   /* the pointers of what was */
    struct sb_err *err;
};

static json_t *walk(struct walk *w, json_t *value, bool hide);

static size_t descend(struct walk *w, const char *key)
{
    size_t before = w->at.len;
    sb_str_addc(&w->at, '/');
    for (; *key; key++)
        if (*key == '~' || *key == '/')
            sb_str_adds(&w->at, *key == '~' ? "~0" : "~1");
        else
            sb_str_addc(&w->at, *key);
    return before;
}

/* Extended JSON's own objects ({"$oid": ".."}, {"$date": ..}) are one value; a query's operators are not. */
static bool is_scalar_object(const json_t *value)
{
    static const char *const wrappers[] = {"$oid", "$date", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$binary", "$uuid",
                                           "$timestamp", "$regularExpression", "$symbol", "$code", "$minKey", "$maxKey", "$undefined", "$dbPointer"};
    const char *first = json_object_size(value) ? json_object_iter_key(json_object_iter((json_t *)(uintptr_t)value)) : NULL;
    for (size_t i = 0; first && i < SB_COUNT(wrappers); i++)
        if (strcmp(first, wrappers[i]) == 0)
            return true;
    return false;
}

/* New reference, or NULL after an error. */
static json_t *hide_value(struct walk *w, const json_t *value)
{
    char digest[SB_MASK_LEN + 1];
    if (sb_mask_digest(w->m, value, digest, w->err))
        return NULL;
    json_t *pointer = json_string(w->at.p), *out = json_string(digest);
    if (!pointer || !out || json_array_append_new(w->masked, pointer)) {
        json_decref(out);
        sb_fail_nomem(w->err);
        return NULL;
    }
    return out;
}

/* Names of fields in a server's own notation: { customer.email: "ann", n: 1 }. What looks like one within a value counts, too. */
static bool names_sensitive(const struct sb_mask *m, const char *p, const char *end)
{
    char name[256];
    for (const char *from = p; p < end; p++) {
        if (*p == ':' && p > from) {
            snprintf(name, sizeof name, "%.*s", (int)(p - from < 255 ? p - from : 255), from);
            if (sensitive(m, name))
                return true;
        }
        if (strchr(" {}\",:", *p))
            from = p + 1;
    }
    return false;
}

/* What a server says of a key that is there twice holds the key: it becomes a digest where one of its fields is sensitive. A text
 * that was cut is masked to its end. */
static json_t *walk_words(struct walk *w, json_t *value)
{
    static const char before[] = "dup key: ";
    const char *text = json_string_value(value), *key = strstr(text, before), *end = strrchr(text, '}');
    if (!key)
        return json_incref(value);
    key += sizeof before - 1;
    end = end && end > key ? end + 1 : text + strlen(text);
    if (!names_sensitive(w->m, key, end))
        return json_incref(value);
    json_t *whole = json_stringn(key, (size_t)(end - key)), *hidden = whole ? hide_value(w, whole) : NULL;
    char *said = hidden ? sb_format("%.*s{ %s }%s", (int)(key - text), text, json_string_value(hidden), end) : NULL;
    json_t *out = said ? json_string(said) : NULL;
    json_decref(whole);
    json_decref(hidden);
    free(said);
    if (!out && w->err->code == SB_OK)
        sb_fail_nomem(w->err);
    return out;
}

/* A text that holds a JSON object or list is walked and written again in its order. */
static json_t *walk_text(struct walk *w, json_t *value)
{
    const char *text = json_string_value(value);
    json_t *inside = *text == '{' || *text == '[' ? json_loadb(text, json_string_length(value), JSON_REJECT_DUPLICATES, NULL) : NULL;
    size_t before = json_array_size(w->masked);
    if (!inside)
        return walk_words(w, value);
    json_t *out = walk(w, inside, false);
    json_decref(inside);
    if (!out || json_array_size(w->masked) == before) {
        json_decref(out);
        return out ? json_incref(value) : NULL;
    }
    char *again = json_dumps(out, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(out);
    out = again ? json_string(again) : NULL;
    free(again);
    if (!out)
        sb_fail_nomem(w->err);
    return out;
}

static json_t *walk_object(struct walk *w, json_t *value, bool hide)
{
    json_t *out = json_object(), *child;
    const char *key;
    json_object_foreach(value, key, child) {
        size_t before = descend(w, key);
        json_t *made = out ? walk(w, child, hide || (*key != '$' && sensitive(w->m, key))) : NULL;
        sb_str_truncate(&w->at, before);
        if (!made || json_object_set_new(out, key, made)) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *walk_list(struct walk *w, json_t *value, bool hide)
{
    json_t *out = json_array(), *child;
    size_t i;
    json_array_foreach(value, i, child) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        size_t before = descend(w, number);
        json_t *made = out ? walk(w, child, hide) : NULL;
        sb_str_truncate(&w->at, before);
        if (!made || json_array_append_new(out, made)) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *walk(struct walk *w, json_t *value, bool hide)
{
    if (json_is_object(value) && !(hide && is_scalar_object(value)))
        return walk_object(w, value, hide);
    if (json_is_array(value))
        return walk_list(w, value, hide);
    if (hide && !json_is_null(value) && !json_is_boolean(value))
        return hide_value(w, value);
    return json_is_string(value) ? walk_text(w, value) : json_incref(value);
}

/* NULL after an error. *masked is a new reference to the list of pointers. */
static json_t *masked_copy(const struct sb_mask *m, json_t *value, json_t **masked, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct walk w = {.m = m, .masked = json_array(), .err = &why};
    sb_str_init(&w.at);
    json_t *out = w.masked ? walk(&w, value, false) : NULL;
    if (out && !sb_str_ok(&w.at)) {
        json_decref(out);
        out = NULL;
    }
    sb_str_release(&w.at);
    *masked = w.masked;
    if (!out && why.code == SB_OK)
        sb_fail_nomem(&why);
    if (!out && err)
        *err = why;
    return out;
}

int sb_mask_body(const struct sb_mask *m, json_t *body, struct sb_err *err)
{
    if (!m || m->n == 0)
        return 0;
    json_t *masked = NULL, *out = masked_copy(m, body, &masked, err);
    int rc = out ? 0 : -1;
    if (rc == 0 && json_array_size(masked) && (json_object_update(body, out) || json_object_set(body, "masked", masked)))
        rc = sb_fail_nomem(err);
    json_decref(out);
    json_decref(masked);
    return rc;
}

int sb_mask_text(const struct sb_mask *m, const char *text, struct sb_str *out, struct sb_err *err)
{
    json_t *value = json_string(text), *masked = NULL;
    if (!m || m->n == 0) {
        json_decref(value);
        sb_str_adds(out, text);
        return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
    }
    json_t *made = value ? masked_copy(m, value, &masked, err) : NULL;
    int rc = made ? 0 : value ? -1 : sb_fail_nomem(err);
    if (rc == 0)
        sb_str_adds(out, json_string_value(made));
    if (rc == 0 && !sb_str_ok(out))
        rc = sb_fail_nomem(err);
    json_decref(value);
    json_decref(made);
    json_decref(masked);
    return rc;
}
