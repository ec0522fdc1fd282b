/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a reader of a bundle is, how a mistake is told, and members of the usual types. */
#include "loader.h"

#include <inttypes.h>

/* ---- places ---- */

size_t sb_loader_enter(struct sb_loader *l, const char *key)
{
    size_t mark = l->at.len;
    sb_str_addc(&l->at, '/');
    for (; *key; key++)
        if (*key == '~' || *key == '/')
            sb_str_adds(&l->at, *key == '~' ? "~0" : "~1");
        else
            sb_str_addc(&l->at, *key);
    return mark;
}

size_t sb_loader_enter_item(struct sb_loader *l, size_t i)
{
    size_t mark = l->at.len;
    sb_str_addf(&l->at, "/%zu", i);
    return mark;
}

void sb_loader_leave(struct sb_loader *l, size_t mark)
{
    sb_str_truncate(&l->at, mark);
}

int sb_loader_refuse(struct sb_loader *l, const char *what)
{
    int64_t line = 1, column = 1;
    sb_policy_place(l->text, l->len, l->at.p, &line, &column);
    return sb_fail(l->err, SB_EINPUT, "%s:%" PRId64 ":%" PRId64 ": %.300s: %s", l->path, line, column, l->at.len ? l->at.p : "/", what);
}

int sb_loader_refuse_name(struct sb_loader *l, const char *what, const char *name)
{
    char text[200];
    snprintf(text, sizeof text, "%s \"%.100s\"", what, name);
    return sb_loader_refuse(l, text);
}

int sb_loader_keys(struct sb_loader *l, const json_t *object, const char *const *keys, size_t n)
{
    if (!json_is_object(object))
        return sb_loader_refuse(l, "must be an object");
    const char *key;
    json_t *child;
    json_object_foreach((json_t *)(uintptr_t)object, key, child) {
        bool known = false;
        for (size_t i = 0; i < n && !known; i++)
            known = strcmp(keys[i], key) == 0;
        if (!known) {
            sb_loader_enter(l, key);
            return sb_loader_refuse_name(l, "unknown key", key);
        }
    }
    return 0;
}

int sb_loader_text(struct sb_loader *l, const json_t *object, const char *key, bool needed, const char **out)
{
    const json_t *v = json_object_get(object, key);
    *out = NULL;
    if (!v && !needed)
        return 0;
    if (!v)
        return sb_loader_refuse_name(l, "missing key", key);
    if (!json_is_string(v) || (needed && !json_string_length(v)))
        return sb_loader_refuse_name(l, "must be a text:", key);
    *out = json_string_value(v);
    return 0;
}

/* ---- members ---- */

int sb_loader_words(struct sb_loader *l, const json_t *object, const char *key, const json_t **out)
{
    *out = json_object_get(object, key);
    if (*out && (!json_is_array(*out) || json_array_size(*out) > 100))
        return sb_loader_refuse_name(l, "must be a list of at most 100 texts:", key);
    for (size_t i = 0; i < json_array_size(*out); i++)
        if (!json_is_string(json_array_get(*out, i)) || !json_string_length(json_array_get(*out, i)))
            return sb_loader_refuse_name(l, "must be a list of texts:", key);
    return 0;
}

int sb_loader_flag(struct sb_loader *l, const json_t *object, const char *key, bool *out)
{
    const json_t *v = json_object_get(object, key);
    if (v && !json_is_boolean(v))
        return sb_loader_refuse_name(l, "must be true or false:", key);
    *out = json_is_true(v);
    return 0;
}

int sb_loader_int(struct sb_loader *l, const json_t *object, const char *key, int64_t low, int64_t high, int64_t *out)
{
    const json_t *n = json_object_get(object, key);
    *out = json_integer_value(n);
    if (!n || (json_is_integer(n) && *out >= low && *out <= high))
        return 0;
    char what[120];
    snprintf(what, sizeof what, "%.60s must be an integer from %" PRId64 " to %" PRId64, key, low, high);
    return sb_loader_refuse(l, what);
}

/* ---- sections ---- */

int sb_loader_list(struct sb_loader *l, const json_t *list, const char *section, size_t most, const char *refusal,
                   int (*one)(struct sb_loader *l, const json_t *v))
{
    size_t mark = sb_loader_enter(l, section);
    if (list && (!json_is_array(list) || json_array_size(list) > most))
        return sb_loader_refuse(l, refusal);
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t inner = sb_loader_enter_item(l, i);
        if (one(l, json_array_get(list, i)))
            return -1;
        sb_loader_leave(l, inner);
    }
    sb_loader_leave(l, mark);
    return 0;
}

int sb_loader_named(struct sb_loader *l, const char *section, size_t most, const char *refusal,
                    int (*one)(struct sb_loader *l, const char *name, const json_t *v))
{
    const json_t *all = json_object_get(l->p->tree, section);
    const char *name;
    json_t *v;
    if (!all)
        return 0;
    size_t mark = sb_loader_enter(l, section);
    if (!json_is_object(all) || json_object_size(all) > most)
        return sb_loader_refuse(l, refusal);
    json_object_foreach((json_t *)(uintptr_t)all, name, v) {
        size_t inner = sb_loader_enter(l, name);
        if (!sb_policy_name_ok(name))
            return sb_loader_refuse(l, "a name has at most 40 of a-z, A-Z, 0-9, - and _");
        if (one(l, name, v))
            return -1;
        sb_loader_leave(l, inner);
    }
    sb_loader_leave(l, mark);
    return 0;
}
