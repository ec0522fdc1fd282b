/* SPDX-License-Identifier: Apache-2.0 */
#include "architect.h"

#include <signalbox/agents/schema_validator.h>
#include <signalbox/base/array.h>

#include <inttypes.h>

#define MAX_LEVELS 6 /* of objects; what is deeper is left to the application */
#define MAX_FIELDS 200 /* of one object */

struct proposal {
    struct sb_validator *out;
    struct sb_str path;
    bool failed;
};

/* ---- which types ---- */

static bool allowed(const struct sb_seen_type *t, uint64_t all)
{
    return (double)t->count >= (1 - SB_VALIDATOR_SHARE) * (double)all && t->type != SB_BSON_UNDEFINED;
}

/* The names to allow, numbers of several types as "number". Returns how many. */
static size_t allowed_names(const struct sb_seen_types *types, uint64_t all, const char *names[32], uint64_t *offenders)
{
    size_t numbers = 0, n = 0;
    *offenders = 0;
    for (size_t i = 0; i < types->n; i++)
        numbers += sb_bson_is_number(types->item[i]->type) && allowed(types->item[i], all);
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if (numbers > 1 && sb_bson_is_number(t->type))
            continue;
        if (allowed(t, all) && n < 31)
            names[n++] = sb_bson_type_name(t->type);
        else
            *offenders += t->count;
    }
    if (numbers > 1)
        names[n++] = "number";
    return n;
}

static void add_rule(struct proposal *p, const char *rule, uint64_t offenders, const char *type)
{
    struct sb_validator *v = p->out;
    char *path = sb_strdup_n(p->path.p, p->path.len), *text = sb_format("%s", rule);
    if (p->failed || !path || !text || SB_GROW(v->rules, v->rules_cap, v->rules_n + 1)) {
        free(path);
        free(text);
        p->failed = true;
        return;
    }
    v->rules[v->rules_n++] = (struct sb_validator_rule){path, text, offenders, type};
}

static void append_names(bson_t *to, const char *key, const char *const *names, size_t n)
{
    bson_t list;
    char index[16];
    const char *at;
    BSON_APPEND_ARRAY_BEGIN(to, key, &list);
    for (size_t i = 0; i < n; i++) {
        bson_uint32_to_string((uint32_t)i, &at, index, sizeof index);
        BSON_APPEND_UTF8(&list, at, names[i]);
    }
    bson_append_array_end(to, &list);
}

static void append_types(struct proposal *p, bson_t *to, const struct sb_seen_types *types, uint64_t all, const char *whose)
{
    const char *names[32];
    uint64_t offenders;
    size_t n = allowed_names(types, all, names, &offenders);
    if (n == 0 || all < SB_VALIDATOR_EVIDENCE || (n == 1 && strcmp(names[0], "null") == 0))
        return; /* nothing, too few, or nothing but null: that says nothing of the values to come */
    if (n == 1)
        BSON_APPEND_UTF8(to, "bsonType", names[0]);
    else
        append_names(to, "bsonType", names, n);
    if (!offenders)
        return;
    struct sb_str rule;
    sb_str_init(&rule);
    sb_str_addf(&rule, "%shas to be", whose);
    for (size_t i = 0; i < n; i++)
        sb_str_addf(&rule, "%s %s", i ? " or" : "", names[i]);
    add_rule(p, rule.p, offenders, n == 1 && !whose[0] ? names[0] : NULL);
    p->failed = p->failed || rule.failed;
    sb_str_release(&rule);
}

/* ---- objects ---- */

static bool plain_name(const struct sb_seen_field *f)
{
    return f->name_n && f->name_n == f->full_n && f->name[0] != '$' && !memchr(f->name, '.', f->name_n) && sb_utf8_valid(f->name, f->name_n);
}

static bool required(const struct sb_seen_object *o, const struct sb_seen_field *f)
{
    if (strcmp(f->name, "_id") == 0) /* the server sees to it */
        return false;
    return o->count >= SB_VALIDATOR_EVIDENCE && (double)f->count >= SB_VALIDATOR_SHARE * (double)o->count;
}

static void append_object(struct proposal *p, bson_t *to, const struct sb_seen_object *o, int level);

static void append_inside(struct proposal *p, bson_t *to, const struct sb_seen_types *types, uint64_t all, int level)
{
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if (!allowed(t, all) || level >= MAX_LEVELS)
            continue;
        if (t->type == SB_BSON_OBJECT && t->of.object) {
            append_object(p, to, t->of.object, level + 1);
        } else if (t->type == SB_BSON_ARRAY && t->of.array && t->of.array->elements) {
            bson_t items;
            BSON_APPEND_DOCUMENT_BEGIN(to, "items", &items);
            append_types(p, &items, &t->of.array->types, t->of.array->elements, "each element ");
            append_inside(p, &items, &t->of.array->types, t->of.array->elements, level + 1);
            bson_append_document_end(to, &items);
        }
    }
}

static void append_field(struct proposal *p, bson_t *properties, const struct sb_seen_object *o, const struct sb_seen_field *f, int level)
{
    bson_t property;
    size_t before = p->path.len;
    if (f->count < SB_VALIDATOR_EVIDENCE)
        return;
    sb_seen_path_add(&p->path, f, before == 0);
    if (required(o, f) && f->count < o->count)
        add_rule(p, SB_RULE_THERE, o->count - f->count, NULL);
    BSON_APPEND_DOCUMENT_BEGIN(properties, f->name, &property);
    append_types(p, &property, &f->types, f->count, "");
    append_inside(p, &property, &f->types, f->count, level);
    bson_append_document_end(properties, &property);
    sb_str_truncate(&p->path, before);
}

static void append_object(struct proposal *p, bson_t *to, const struct sb_seen_object *o, int level)
{
    const char *names[MAX_FIELDS];
    size_t n = 0, shown = 0;
    bson_t properties;
    for (size_t i = 0; i < o->n && n < MAX_FIELDS; i++)
        if (plain_name(o->field[i]) && required(o, o->field[i]))
            names[n++] = o->field[i]->name;
    if (n)
        append_names(to, "required", names, n);
    for (size_t i = 0; i < o->n; i++)
        shown += plain_name(o->field[i]) && o->field[i]->count >= SB_VALIDATOR_EVIDENCE;
    if (shown == 0)
        return;
    BSON_APPEND_DOCUMENT_BEGIN(to, "properties", &properties);
    for (size_t i = 0, k = 0; i < o->n && k < MAX_FIELDS; i++)
        if (plain_name(o->field[i])) {
            append_field(p, &properties, o, o->field[i], level);
            k++;
        }
    bson_append_document_end(to, &properties);
}

int sb_validator_propose(const struct sb_infer *in, struct sb_validator *out, struct sb_err *err)
{
    struct proposal p = {.out = out};
    *out = (struct sb_validator){.schema = bson_new()};
    sb_str_init(&p.path);
    BSON_APPEND_UTF8(out->schema, "bsonType", "object");
    append_object(&p, out->schema, sb_infer_root(in), 0);
    p.failed = p.failed || !sb_str_ok(&p.path);
    sb_str_release(&p.path);
    if (!p.failed)
        return 0;
    sb_validator_release(out);
    return sb_fail_nomem(err);
}

void sb_validator_release(struct sb_validator *v)
{
    for (size_t i = 0; i < v->rules_n; i++) {
        free(v->rules[i].path);
        free(v->rules[i].rule);
    }
    free(v->rules);
    if (v->schema)
        bson_destroy(v->schema);
    *v = (struct sb_validator){.schema = NULL};
}

/* ---- holding a document against it ---- */

static bool is_type(uint8_t type, const char *name)
{
    const char *own = sb_bson_type_name(type);
    return (own && strcmp(own, name) == 0) || (sb_bson_is_number(type) && strcmp(name, "number") == 0);
}

static bool type_allowed(const bson_iter_t *wanted, uint8_t type)
{
    bson_iter_t one;
    if (BSON_ITER_HOLDS_UTF8(wanted))
        return is_type(type, bson_iter_utf8(wanted, NULL));
    if (BSON_ITER_HOLDS_ARRAY(wanted) && bson_iter_recurse(wanted, &one))
        while (bson_iter_next(&one))
            if (BSON_ITER_HOLDS_UTF8(&one) && is_type(type, bson_iter_utf8(&one, NULL)))
                return true;
    return false;
}

static bool accepts(const bson_iter_t *schema, uint8_t type, const uint8_t *data, size_t len);

static bool find_member(const uint8_t *data, size_t len, const char *name, struct sb_bson_item *item)
{
    struct sb_bson b;
    size_t n = strlen(name);
    if (!sb_bson_open(&b, data, len))
        return false;
    while (sb_bson_next(&b, item) == 1)
        if (item->name.n == n && memcmp(item->name.p, name, n) == 0)
            return true;
    return false;
}

static bool has_required(const bson_iter_t *names, const uint8_t *data, size_t len)
{
    bson_iter_t one;
    struct sb_bson_item item;
    if (!bson_iter_recurse(names, &one))
        return true;
    while (bson_iter_next(&one))
        if (BSON_ITER_HOLDS_UTF8(&one) && !find_member(data, len, bson_iter_utf8(&one, NULL), &item))
            return false;
    return true;
}

static bool properties_hold(const bson_iter_t *properties, const uint8_t *data, size_t len)
{
    struct sb_bson b;
    struct sb_bson_item item;
    if (!sb_bson_open(&b, data, len))
        return false;
    while (sb_bson_next(&b, &item) == 1) {
        bson_iter_t children, schema;
        if (bson_iter_recurse(properties, &children) && bson_iter_find_w_len(&children, item.name.p, (int)item.name.n) && bson_iter_recurse(&children, &schema) &&
            !accepts(&schema, item.type, item.value, item.len))
            return false;
    }
    return true;
}

static bool items_hold(const bson_iter_t *items, const uint8_t *data, size_t len)
{
    struct sb_bson b;
    struct sb_bson_item item;
    bson_iter_t schema;
    if (!sb_bson_open(&b, data, len) || !bson_iter_recurse(items, &schema))
        return true;
    while (sb_bson_next(&b, &item) == 1)
        if (!accepts(&schema, item.type, item.value, item.len))
            return false;
    return true;
}

/* `schema` stands before the first keyword. As on a server, a keyword about objects or arrays says nothing of another type. */
static bool accepts(const bson_iter_t *schema, uint8_t type, const uint8_t *data, size_t len)
{
    bson_iter_t it = *schema;
    while (bson_iter_next(&it)) {
        const char *keyword = bson_iter_key(&it);
        if (strcmp(keyword, "bsonType") == 0 && !type_allowed(&it, type))
            return false;
        if (strcmp(keyword, "required") == 0 && type == SB_BSON_OBJECT && !has_required(&it, data, len))
            return false;
        if (strcmp(keyword, "properties") == 0 && type == SB_BSON_OBJECT && !properties_hold(&it, data, len))
            return false;
        if (strcmp(keyword, "items") == 0 && type == SB_BSON_ARRAY && !items_hold(&it, data, len))
            return false;
    }
    return true;
}

bool sb_validator_accepts(const bson_t *schema, const uint8_t *data, size_t len)
{
    bson_iter_t it;
    return !bson_iter_init(&it, schema) || accepts(&it, SB_BSON_OBJECT, data, len);
}

/* ---- what a dry run found ---- */

int sb_dry_run_add(struct sb_dry_run *d, const uint8_t *data, size_t len)
{
    bson_t doc, id;
    bson_iter_t it;
    d->offenders++;
    if (d->sample_n == SB_VALIDATOR_SAMPLES || !bson_init_static(&doc, data, len) || !bson_iter_init_find(&it, &doc, "_id"))
        return 0;
    bson_init(&id);
    bson_append_iter(&id, "_id", -1, &it);
    char *text = bson_as_relaxed_extended_json(&id, NULL);
    bson_destroy(&id);
    char *copy = text ? sb_format("%.*s", 200, text) : NULL;
    bson_free(text);
    if (!copy)
        return text ? -1 : 0;
    d->sample[d->sample_n++] = copy;
    return 0;
}

void sb_dry_run_release(struct sb_dry_run *d)
{
    for (size_t i = 0; i < d->sample_n; i++)
        free(d->sample[i]);
    *d = (struct sb_dry_run){.offenders = -1};
}
