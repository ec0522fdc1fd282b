/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/record.h>

#include <stdlib.h>
#include <string.h>

/* Typed access to a member: the tables say the type, these say it to the compiler. */
static char **as_str(const struct sb_member *m, void *r) { return (char **)((char *)r + m->offset); }
static int64_t *as_int(const struct sb_member *m, void *r) { return (int64_t *)((char *)r + m->offset); }
static bool *as_bool(const struct sb_member *m, void *r) { return (bool *)((char *)r + m->offset); }
static int *as_enum(const struct sb_member *m, void *r) { return (int *)((char *)r + m->offset); }
static json_t **as_json(const struct sb_member *m, void *r) { return (json_t **)((char *)r + m->offset); }
static void *as_rec(const struct sb_member *m, void *r) { return (char *)r + m->offset; }
static char ***as_strs(const struct sb_member *m, void *r) { return (char ***)((char *)r + m->offset); }
static void **as_recs(const struct sb_member *m, void *r) { return (void **)((char *)r + m->offset); }
static size_t *as_count(const struct sb_member *m, void *r) { return (size_t *)((char *)r + m->count_offset); }

static void *item(const struct sb_member *m, void *r, size_t i)
{
    const struct sb_schema *sub = m->sub;
    return (char *)*as_recs(m, r) + i * sub->size;
}

/* The accessors take a writable record; a reader of a const one casts once, here. */
static void *reading(const void *record)
{
    return (void *)(uintptr_t)record;
}

void sb_record_release(const struct sb_schema *s, void *r)
{
    for (size_t k = 0; k < s->n; k++) {
        const struct sb_member *m = &s->member[k];
        switch (m->kind) {
        case SB_STR:
            free(*as_str(m, r));
            break;
        case SB_JSON:
            json_decref(*as_json(m, r));
            break;
        case SB_REC:
            sb_record_release(m->sub, as_rec(m, r));
            break;
        case SB_STRS:
            for (size_t i = 0; i < *as_count(m, r); i++)
                free((*as_strs(m, r))[i]);
            free(*as_strs(m, r));
            break;
        case SB_RECS:
            for (size_t i = 0; i < *as_count(m, r); i++)
                sb_record_release(m->sub, item(m, r, i));
            free(*as_recs(m, r));
            break;
        case SB_INT:
        case SB_BOOL:
        case SB_TIME:
        case SB_ENUM:
            break;
        }
    }
    memset(r, 0, s->size);
}

static int copy_member(const struct sb_member *m, void *dst, void *src)
{
    switch (m->kind) {
    case SB_STR:
        return sb_str_set(as_str(m, dst), *as_str(m, src));
    case SB_INT:
    case SB_TIME:
        *as_int(m, dst) = *as_int(m, src);
        return 0;
    case SB_BOOL:
        *as_bool(m, dst) = *as_bool(m, src);
        return 0;
    case SB_ENUM:
        *as_enum(m, dst) = *as_enum(m, src);
        return 0;
    case SB_JSON:
        if (!*as_json(m, src))
            return 0;
        *as_json(m, dst) = json_deep_copy(*as_json(m, src));
        return *as_json(m, dst) ? 0 : -1;
    case SB_REC:
        return sb_record_copy(m->sub, as_rec(m, dst), as_rec(m, src));
    case SB_STRS:
        for (size_t i = 0; i < *as_count(m, src); i++)
            if (sb_strs_push(as_strs(m, dst), as_count(m, dst), (*as_strs(m, src))[i]))
                return -1;
        return 0;
    case SB_RECS:
        for (size_t i = 0; i < *as_count(m, src); i++) {
            const struct sb_schema *sub = m->sub;
            void *to = sb_list_push(as_recs(m, dst), as_count(m, dst), sub->size);
            if (!to || sb_record_copy(sub, to, item(m, src, i)))
                return -1;
        }
        return 0;
    }
    return -1;
}

int sb_record_copy(const struct sb_schema *s, void *dst, const void *src)
{
    memset(dst, 0, s->size);
    for (size_t k = 0; k < s->n; k++)
        if (copy_member(&s->member[k], dst, reading(src))) {
            sb_record_release(s, dst);
            return -1;
        }
    return 0;
}

static bool equal_member(const struct sb_member *m, void *a, void *b)
{
    switch (m->kind) {
    case SB_STR: {
        const char *x = *as_str(m, a), *y = *as_str(m, b);
        return x && y ? strcmp(x, y) == 0 : x == y;
    }
    case SB_INT:
    case SB_TIME:
        return *as_int(m, a) == *as_int(m, b);
    case SB_BOOL:
        return *as_bool(m, a) == *as_bool(m, b);
    case SB_ENUM:
        return *as_enum(m, a) == *as_enum(m, b);
    case SB_JSON: {
        json_t *x = *as_json(m, a), *y = *as_json(m, b);
        return x && y ? json_equal(x, y) != 0 : x == y;
    }
    case SB_REC:
        return sb_record_equal(m->sub, as_rec(m, a), as_rec(m, b));
    case SB_STRS:
        if (*as_count(m, a) != *as_count(m, b))
            return false;
        for (size_t i = 0; i < *as_count(m, a); i++)
            if (strcmp((*as_strs(m, a))[i], (*as_strs(m, b))[i]) != 0)
                return false;
        return true;
    case SB_RECS:
        if (*as_count(m, a) != *as_count(m, b))
            return false;
        for (size_t i = 0; i < *as_count(m, a); i++)
            if (!sb_record_equal(m->sub, item(m, a, i), item(m, b, i)))
                return false;
        return true;
    }
    return false;
}

bool sb_record_equal(const struct sb_schema *s, const void *a, const void *b)
{
    for (size_t k = 0; k < s->n; k++)
        if (!equal_member(&s->member[k], reading(a), reading(b)))
            return false;
    return true;
}

/* ---- to JSON ---- */

/* An entry that cannot be written is worse than one that shows where a text was no text. */
static json_t *text_to_json(const char *text)
{
    return sb_json_of_bytes(text, strlen(text));
}

/* The member's value, NULL for "left out"; *failed is set when memory ran out. */
static json_t *member_to_json(const struct sb_member *m, void *r, bool *failed)
{
    bool always = m->flags & SB_ALWAYS;
    json_t *v = NULL;
    switch (m->kind) {
    case SB_STR:
        if (!*as_str(m, r) && !always)
            return NULL;
        v = *as_str(m, r) ? text_to_json(*as_str(m, r)) : json_null();
        break;
    case SB_INT:
        if (*as_int(m, r) == 0 && !always)
            return NULL;
        v = json_integer(*as_int(m, r));
        break;
    case SB_TIME: {
        if (*as_int(m, r) == 0) {
            if (!always)
                return NULL;
            v = json_null();
            break;
        }
        char text[SB_TIME_LEN + 1];
        sb_time_format(text, *as_int(m, r));
        v = json_string(text);
        break;
    }
    case SB_BOOL:
        if (!*as_bool(m, r) && !always)
            return NULL;
        v = json_boolean(*as_bool(m, r));
        break;
    case SB_ENUM:
        v = json_string(sb_name(m->sub, *as_enum(m, r)));
        break;
    case SB_JSON:
        if (!*as_json(m, r) && !always)
            return NULL;
        v = *as_json(m, r) ? json_deep_copy(*as_json(m, r)) : json_null();
        break;
    case SB_REC:
        v = sb_record_to_json(m->sub, as_rec(m, r));
        if (v && json_object_size(v) == 0 && !always) {
            json_decref(v);
            return NULL;
        }
        break;
    case SB_STRS:
    case SB_RECS: {
        size_t n = *as_count(m, r);
        if (n == 0 && !always)
            return NULL;
        v = json_array();
        for (size_t i = 0; v && i < n; i++) {
            json_t *one = m->kind == SB_STRS ? text_to_json((*as_strs(m, r))[i]) : sb_record_to_json(m->sub, item(m, r, i));
            if (!one || json_array_append_new(v, one)) {
                json_decref(v);
                v = NULL;
            }
        }
        break;
    }
    }
    if (!v)
        *failed = true;
    return v;
}

json_t *sb_record_to_json(const struct sb_schema *s, const void *record)
{
    json_t *object = json_object();
    bool failed = !object;
    for (size_t k = 0; k < s->n && !failed; k++) {
        json_t *v = member_to_json(&s->member[k], reading(record), &failed);
        if (v && json_object_set_new(object, s->member[k].key, v))
            failed = true;
    }
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

int sb_record_canonical(const struct sb_schema *s, const void *record, struct sb_str *out, struct sb_err *err)
{
    json_t *json = sb_record_to_json(s, record);
    int rc = sb_json_canonical(out, json, err);
    json_decref(json);
    return rc;
}

/* ---- from JSON ---- */

static int wrong(const struct sb_schema *s, const struct sb_member *m, const char *want, struct sb_err *err)
{
    return sb_fail(err, SB_EINPUT, "%s.%s: must be %s", s->what, m->key, want);
}

static int list_from_json(const struct sb_schema *s, const struct sb_member *m, void *r, const json_t *v, struct sb_err *err)
{
    if (!json_is_array(v))
        return wrong(s, m, "a list", err);
    if (json_array_size(v) > SB_RECORD_MAX_LIST)
        return sb_fail(err, SB_EINPUT, "%s.%s: more than %d items", s->what, m->key, SB_RECORD_MAX_LIST);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *one = json_array_get(v, i);
        if (m->kind == SB_STRS) {
            if (!json_is_string(one))
                return wrong(s, m, "a list of strings", err);
            if (sb_strs_push(as_strs(m, r), as_count(m, r), json_string_value(one)))
                return sb_fail_nomem(err);
            continue;
        }
        const struct sb_schema *sub = m->sub;
        void *to = sb_list_push(as_recs(m, r), as_count(m, r), sub->size);
        if (!to)
            return sb_fail_nomem(err);
        if (sb_record_from_json(sub, to, one, err)) {
            sb_err_prefix(err, "%s.%s[%zu]", s->what, m->key, i);
            return -1;
        }
    }
    return 0;
}

static int member_from_json(const struct sb_schema *s, const struct sb_member *m, void *r, const json_t *v, struct sb_err *err)
{
    if (json_is_null(v) && (m->kind == SB_STR || m->kind == SB_TIME || m->kind == SB_JSON))
        return 0;
    switch (m->kind) {
    case SB_STR:
        if (!json_is_string(v))
            return wrong(s, m, "a string", err);
        return sb_str_set(as_str(m, r), json_string_value(v)) ? sb_fail_nomem(err) : 0;
    case SB_INT:
        if (!json_is_integer(v))
            return wrong(s, m, "an integer", err);
        *as_int(m, r) = json_integer_value(v);
        return 0;
    case SB_TIME:
        if (!json_is_string(v) || sb_time_parse(json_string_value(v), json_string_length(v), as_int(m, r)))
            return wrong(s, m, "a time such as 2026-11-23T09:05:10.000Z", err);
        return 0;
    case SB_BOOL:
        if (!json_is_boolean(v))
            return wrong(s, m, "true or false", err);
        *as_bool(m, r) = json_is_true(v);
        return 0;
    case SB_ENUM: {
        int found = json_is_string(v) ? sb_name_find(m->sub, json_string_value(v)) : -1;
        if (found < 0)
            return sb_fail(err, SB_EINPUT, "%s.%s: not a known %s", s->what, m->key, ((const struct sb_names *)m->sub)->what);
        *as_enum(m, r) = found;
        return 0;
    }
    case SB_JSON:
        *as_json(m, r) = json_deep_copy(v);
        return *as_json(m, r) ? 0 : sb_fail_nomem(err);
    case SB_REC:
        if (sb_record_from_json(m->sub, as_rec(m, r), v, err)) {
            sb_err_prefix(err, "%s.%s", s->what, m->key);
            return -1;
        }
        return 0;
    case SB_STRS:
    case SB_RECS:
        return list_from_json(s, m, r, v, err);
    }
    return -1;
}

static const struct sb_member *find_member(const struct sb_schema *s, const char *key)
{
    for (size_t k = 0; k < s->n; k++)
        if (strcmp(s->member[k].key, key) == 0)
            return &s->member[k];
    return NULL;
}

int sb_record_from_json(const struct sb_schema *s, void *dst, const json_t *json, struct sb_err *err)
{
    memset(dst, 0, s->size);
    if (!json_is_object(json))
        return sb_fail(err, SB_EINPUT, "%s: must be an object", s->what);
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)json, key, v) {
        const struct sb_member *m = find_member(s, key);
        if (!m) {
            sb_fail(err, SB_EINPUT, "%s: unknown key \"%s\"", s->what, key);
            goto fail;
        }
        if (member_from_json(s, m, dst, v, err))
            goto fail;
    }
    for (size_t k = 0; k < s->n; k++)
        if ((s->member[k].flags & SB_NEEDED) && !json_object_get(json, s->member[k].key)) {
            sb_fail(err, SB_EINPUT, "%s: the key \"%s\" is missing", s->what, s->member[k].key);
            goto fail;
        }
    return 0;
fail:
    sb_record_release(s, dst);
    return -1;
}

/* ---- lists and names ---- */

void *sb_list_push(void **items, size_t *count, size_t size)
{
    /* capacity is not stored: it is the next power of two, so growth happens exactly at those counts */
    size_t n = *count;
    if ((n & (n - 1)) == 0) {
        size_t cap = n ? 2 * n : 1;
        if (cap > SIZE_MAX / 2 / size)
            return NULL;
        void *p = realloc(*items, cap * size);
        if (!p)
            return NULL;
        *items = p;
    }
    void *slot = (char *)*items + n * size;
    memset(slot, 0, size);
    *count = n + 1;
    return slot;
}

int sb_strs_push(char ***items, size_t *count, const char *text)
{
    char *copy = sb_strdup_n(text, strlen(text));
    if (!copy)
        return -1;
    char **slot = sb_list_push((void **)items, count, sizeof *slot);
    if (!slot) {
        free(copy);
        return -1;
    }
    *slot = copy;
    return 0;
}

bool sb_strs_has(char *const *items, size_t count, const char *text)
{
    for (size_t i = 0; text && i < count; i++)
        if (strcmp(items[i], text) == 0)
            return true;
    return false;
}

const char *sb_name(const struct sb_names *names, int value)
{
    if (value < 0 || (size_t)value >= names->n || !names->name[value])
        return "?";
    return names->name[value];
}

int sb_name_find(const struct sb_names *names, const char *text)
{
    for (size_t i = 0; i < names->n; i++)
        if (names->name[i] && strcmp(names->name[i], text) == 0)
            return (int)i;
    return -1;
}
