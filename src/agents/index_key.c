/* SPDX-License-Identifier: Apache-2.0
 *
 * A key pattern as people write it. */
#include "optimizer.h"

#include <string.h>

#define MAX_KEY_TEXT 2048
#define MAX_KEY_FIELDS 32

static bool name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool name_part(char c)
{
    return name_start(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/* Puts quotes around bare names in front of a colon; what stands in quotes passes as it is. Single quotes become double. */
static void quote_names(const char *p, struct sb_str *out)
{
    while (*p) {
        if (*p == '"' || *p == '\'') {
            char quote = *p++;
            sb_str_addc(out, '"');
            while (*p && *p != quote) {
                if (*p == '\\' && p[1])
                    sb_str_addc(out, *p++);
                sb_str_addc(out, *p++);
            }
            sb_str_addc(out, '"');
            p += *p == quote;
        } else if (name_start(*p)) {
            const char *start = p;
            while (name_part(*p))
                p++;
            const char *after = p + strspn(p, " \t");
            sb_str_addf(out, *after == ':' ? "\"%.*s\"" : "%.*s", (int)(p - start), start);
        } else {
            sb_str_addc(out, *p++);
        }
    }
}

/* What may begin with $: a wildcard at the end, and below a field what a reference is made of. */
static bool is_dollar(const char *name, const char *part)
{
    size_t n = strcspn(part, ".");
    static const char *const of_reference[] = {"$id", "$ref", "$db"};
    for (size_t i = 0; part > name && i < SB_COUNT(of_reference); i++)
        if (strlen(of_reference[i]) == n && strncmp(of_reference[i], part, n) == 0)
            return true;
    return strcmp(part, "$**") == 0;
}

/* A name that ends in its middle for whoever reads it as C text. */
static bool has_nul(const char *text)
{
    for (const char *p = strchr(text, '\\'); p && p[1]; p = strchr(p + 2, '\\'))
        if (strncmp(p + 1, "u0000", 5) == 0)
            return true;
    return false;
}

static int check_field(const bson_iter_t *it, struct sb_err *err)
{
    static const char *const kinds[] = {"hashed", "text", "2d", "2dsphere"};
    const char *name = bson_iter_key(it);
    if (name[0] == '\0' || name[0] == '.' || name[strlen(name) - 1] == '.' || strstr(name, ".."))
        return sb_fail(err, SB_EINPUT, "an index key may not hold the field name \"%s\"", name);
    for (const char *part = name; part; part = strchr(part, '.') ? strchr(part, '.') + 1 : NULL)
        if (part[0] == '$' && !is_dollar(name, part))
            return sb_fail(err, SB_EINPUT, "no field of an index key begins with $, as in \"%s\": only a last part $** does, and $id, $ref and $db of a reference", name);
    if (BSON_ITER_HOLDS_NUMBER(it)) {
        double d = bson_iter_as_double(it);
        if (d == 1 || d == -1)
            return 0;
        return sb_fail(err, SB_EINPUT, "the direction of %s must be 1 or -1", name);
    }
    for (size_t i = 0; BSON_ITER_HOLDS_UTF8(it) && i < SB_COUNT(kinds); i++)
        if (strcmp(bson_iter_utf8(it, NULL), kinds[i]) == 0)
            return 0;
    return sb_fail(err, SB_EINPUT, "the direction of %s must be 1, -1, or \"hashed\", \"text\", \"2d\", \"2dsphere\"", name);
}

bson_t *sb_written_document(const char *text)
{
    struct sb_str quoted;
    bson_error_t e;
    sb_str_init(&quoted);
    quote_names(text, &quoted);
    bson_t *doc = sb_str_ok(&quoted) ? bson_new_from_json((const uint8_t *)quoted.p, (ssize_t)quoted.len, &e) : NULL;
    sb_str_release(&quoted);
    return doc;
}

/* One document and nothing else: a brace at each end, none outside quotes in between. (The JSON reader stops at the end of
 * the first document and would not see what follows.) */
static bool one_flat_document(const char *text)
{
    const char *p = text + strspn(text, " \t\r\n");
    size_t braces = 0;
    bool closed = false;
    for (char quote = 0; *p; p++) {
        if (closed && !strchr(" \t\r\n", *p))
            return false;
        if (quote && *p == '\\' && p[1])
            p++;
        else if (quote)
            quote = *p == quote ? 0 : quote;
        else if (*p == '"' || *p == '\'')
            quote = *p;
        else if (*p == '{' && braces++ > 0)
            return false;
        else if (*p == '}')
            closed = true;
        if (braces == 0)
            return false;
    }
    return closed;
}

char *sb_index_key_read(const char *text, struct sb_err *err)
{
    if (strlen(text) > MAX_KEY_TEXT) {
        sb_fail(err, SB_EINPUT, "an index key longer than %d bytes", MAX_KEY_TEXT);
        return NULL;
    }
    if (has_nul(text)) {
        sb_fail(err, SB_EINPUT, "no name of a field holds a NUL character");
        return NULL;
    }
    bson_t *doc = one_flat_document(text) ? sb_written_document(text) : NULL;
    if (!doc) {
        sb_fail(err, SB_EINPUT, "the index key is not a document such as {\"status\": 1, \"created_at\": -1}");
        return NULL;
    }
    char *key = NULL;
    bson_t plain;
    bson_init(&plain);
    bson_iter_t it;
    uint32_t n = bson_count_keys(doc);
    if (n == 0 || n > MAX_KEY_FIELDS) {
        sb_fail(err, SB_EINPUT, "an index key has between 1 and %d fields", MAX_KEY_FIELDS);
        goto out;
    }
    bson_iter_init(&it, doc);
    while (bson_iter_next(&it)) {
        if (check_field(&it, err))
            goto out;
        bson_iter_t twin;
        if (bson_iter_init_find(&twin, &plain, bson_iter_key(&it))) { /* not bson_has_field, which follows dots */
            sb_fail(err, SB_EINPUT, "the field %s stands twice in the index key", bson_iter_key(&it));
            goto out;
        }
        if (BSON_ITER_HOLDS_NUMBER(&it)) /* 1.0 and NumberLong(1) are written as 1 */
            BSON_APPEND_INT32(&plain, bson_iter_key(&it), (int32_t)bson_iter_as_double(&it));
        else
            bson_append_iter(&plain, NULL, 0, &it);
    }
    if (n == 1 && bson_has_field(doc, "_id")) {
        sb_fail(err, SB_EINPUT, "every collection has its index on _id already");
        goto out;
    }
    char *json = bson_as_canonical_extended_json(&plain, NULL);
    key = json ? sb_strdup_n(json, strlen(json)) : NULL;
    bson_free(json);
out:
    bson_destroy(&plain);
    bson_destroy(doc);
    return key;
}

char *sb_index_key_shown(const char *key)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)key, -1, NULL);
    struct sb_str s;
    bson_iter_t it;
    sb_str_init(&s);
    sb_str_addc(&s, '{');
    for (bool more = doc && bson_iter_init(&it, doc) && bson_iter_next(&it), first = true; more; more = bson_iter_next(&it), first = false) {
        const char *name = bson_iter_key(&it);
        bool plain = name_start(name[0]);
        for (const char *p = name; *p && plain; p++)
            plain = name_part(*p);
        sb_str_addf(&s, plain ? "%s%s: " : "%s\"%s\": ", first ? "" : ", ", name);
        if (BSON_ITER_HOLDS_NUMBER(&it))
            sb_str_addf(&s, "%d", (int)bson_iter_as_double(&it));
        else
            sb_str_addf(&s, "\"%s\"", BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "?");
    }
    sb_str_addc(&s, '}');
    if (doc)
        bson_destroy(doc);
    return sb_str_take(&s);
}
