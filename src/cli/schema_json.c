/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_json.c - a schema as one JSON document. */
#include "schema.h"

#include <signalbox/base/clock.h>
#include <signalbox/term/vis.h>

#include <math.h>

#define MAX_ARRAYS 8 /* types within arrays within arrays are told down to here */

struct place {
    const struct sb_schema_report *r;
    json_t *fields;
    json_t *names; /* from the document to the field */
    struct sb_str path;
    int arrays; /* on the way */
    bool failed;
};

static json_int_t number(uint64_t v)
{
    return (json_int_t)(v > INT64_MAX ? INT64_MAX : v);
}

static void put(struct place *at, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value))
        at->failed = true;
}

static void append(struct place *at, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value))
        at->failed = true;
}

json_t *sb_schema_json_text(const char *p, size_t n)
{
    if (sb_utf8_valid(p, n))
        return json_stringn(p, n);
    struct sb_str out;
    sb_str_init(&out);
    sb_vis(&out, p, n, 0);
    json_t *text = sb_str_ok(&out) ? json_stringn(out.p, out.len) : NULL;
    sb_str_release(&out);
    return text;
}

/* ---- types ---- */

static void put_sizes(struct place *at, json_t *type, const struct sb_seen_sizes *s)
{
    put(at, type, "min_length", json_integer(number(s->least)));
    put(at, type, "max_length", json_integer(number(s->most)));
    put(at, type, "mean_length", json_real(s->count ? (double)s->sum / (double)s->count : 0));
}

static void put_range(struct place *at, json_t *type, const struct sb_seen_type *t)
{
    char text[SB_TIME_LEN + 1];
    const struct sb_seen_range *range = t->of.range;
    if (t->type == SB_BSON_DATE) {
        sb_time_format(text, range->least);
        put(at, type, "min", json_string(text));
        sb_time_format(text, range->most);
        put(at, type, "max", json_string(text));
    } else if (t->type == SB_BSON_INT || t->type == SB_BSON_LONG) {
        put(at, type, "min", json_integer(range->least));
        put(at, type, "max", json_integer(range->most));
    } else if (isfinite(range->least_real) && isfinite(range->most_real)) {
        put(at, type, "min", json_real(range->least_real));
        put(at, type, "max", json_real(range->most_real));
    }
}

static json_t *value_of(const struct sb_seen_type *t, const struct sb_seen_value *v)
{
    int64_t n;
    char text[sizeof v->text + 1];
    if (t->type == SB_BSON_STRING)
        return sb_schema_json_text(v->text, v->n);
    memcpy(text, v->text, v->n);
    text[v->n] = '\0';
    if (t->type == SB_BSON_BOOL)
        return json_boolean(v->n == 4);
    return sb_parse_i64(text, &n) ? json_string(text) : json_integer(n);
}

static void put_values(struct place *at, json_t *type, const struct sb_seen_type *t)
{
    json_t *values = json_array();
    for (size_t i = 0; i < t->values->n; i++)
        append(at, values, json_pack("{s:o, s:I}", "value", value_of(t, &t->values->item[i]), "count", number(t->values->item[i].count)));
    put(at, type, "values", values);
}

static json_t *types_json(struct place *at, const struct sb_seen_types *types, uint64_t all, bool personal, int arrays);

static json_t *type_json(struct place *at, const struct sb_seen_type *t, uint64_t all, bool personal, int arrays)
{
    json_t *type = json_object();
    put(at, type, "type", json_string(sb_bson_type_name(t->type)));
    put(at, type, "probability", json_real(all ? (double)t->count / (double)all : 0));
    put(at, type, "count", json_integer(number(t->count)));
    if (t->type == SB_BSON_STRING && t->of.text) {
        put_sizes(at, type, &t->of.text->length);
    } else if (t->type == SB_BSON_ARRAY && t->of.array) {
        put_sizes(at, type, &t->of.array->length);
        put(at, type, "elements", json_integer(number(t->of.array->elements)));
        if (arrays < MAX_ARRAYS)
            put(at, type, "types", types_json(at, &t->of.array->types, t->of.array->elements, personal, arrays + 1));
    } else if (t->type != SB_BSON_OBJECT && t->type != SB_BSON_ARRAY && t->of.range && !personal) {
        put_range(at, type, t);
    }
    if (t->values && !personal && t->duplicates)
        put_values(at, type, t);
    return type;
}

static json_t *types_json(struct place *at, const struct sb_seen_types *types, uint64_t all, bool personal, int arrays)
{
    json_t *list = json_array();
    for (size_t i = 0; i < types->n; i++)
        append(at, list, type_json(at, types->item[i], all, personal, arrays));
    return list;
}

/* ---- fields ---- */

static json_t *warnings_from(struct place *at, size_t first, const char **personal)
{
    json_t *list = json_array();
    while (first) {
        const struct sb_schema_finding *found = &at->r->findings.item[first - 1];
        first = found->next;
        if (found->personal)
            *personal = found->personal;
        append(at, list, json_pack("{s:s, s:o}", "code", found->code, "message", sb_schema_json_text(found->text, strlen(found->text))));
    }
    return list;
}

static void add_object(struct place *at, const struct sb_seen_object *o);

static void add_inside(struct place *at, const struct sb_seen_types *types)
{
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if (t->type == SB_BSON_OBJECT && t->of.object) {
            add_object(at, t->of.object);
        } else if (t->type == SB_BSON_ARRAY && t->of.array) {
            at->arrays++;
            add_inside(at, &t->of.array->types);
            at->arrays--;
        }
    }
}

static void add_field(struct place *at, const struct sb_seen_field *f, uint64_t parents, bool is_rest, const struct sb_seen_object *o)
{
    const char *personal = NULL;
    size_t before = at->path.len;
    uint64_t missing = is_rest ? 0 : parents - f->count, all = is_rest ? f->count : parents;
    sb_seen_path_add(&at->path, f, json_array_size(at->names) == 0);
    append(at, at->names, sb_schema_json_text(f->name, f->name_n));
    json_t *field = json_object(), *warnings = warnings_from(at, f->found, &personal);
    put(at, field, "path", sb_schema_json_text(at->path.p, at->path.len));
    put(at, field, "probability", json_real(all ? (double)f->count / (double)all : 0));
    json_t *types = types_json(at, &f->types, all, personal != NULL, 0);
    if (missing)
        append(at, types, json_pack("{s:s, s:f, s:I, s:b}", "type", "undefined", "probability", (double)missing / (double)all, "count", number(missing), "missing", 1));
    put(at, field, "types", types);
    put(at, field, "has_duplicates", json_boolean(sb_seen_duplicates(&f->types, missing)));
    put(at, field, "warnings", warnings);
    put(at, field, "count", json_integer(number(f->count)));
    put(at, field, "names", json_copy(at->names));
    if (at->arrays)
        put(at, field, "arrays", json_integer(at->arrays));
    if (is_rest)
        put(at, field, "names_folded", json_integer(number(o->rest_names)));
    if (personal)
        put(at, field, "personal_data", json_string(personal));
    if (!at->r->complete && !is_rest) {
        double low, high;
        sb_share_interval(f->count, parents, &low, &high);
        put(at, field, "interval", json_pack("[f, f]", low, high));
    }
    append(at, at->fields, field);
    add_inside(at, &f->types);
    if (json_array_remove(at->names, json_array_size(at->names) - 1))
        at->failed = true;
    at->failed = at->failed || !sb_str_ok(&at->path);
    sb_str_truncate(&at->path, before);
}

static void add_object(struct place *at, const struct sb_seen_object *o)
{
    for (size_t i = 0; i < o->n && !at->failed; i++)
        add_field(at, o->field[i], o->count, false, o);
    if (o->rest && !at->failed)
        add_field(at, o->rest, o->count, true, o);
}

/* ---- the whole ---- */

static void put_coverage(struct place *at, json_t *out)
{
    const struct sb_schema_report *r = at->r;
    json_t *cover = json_object();
    put(at, cover, "how", json_string(r->live ? sb_coverage_name(r->cover.how) : !r->complete ? "sample" : r->cut ? "part" : "all"));
    if (r->documents > 0 && !r->cut)
        put(at, cover, "share", json_real((double)r->sampled / (double)r->documents));
    if (r->live)
        put(at, cover, "member", sb_schema_json_text(r->cover.member, strlen(r->cover.member)));
    if (r->live && r->cover.how == SB_COVERAGE_RANGES)
        put(at, cover, "ranges", json_integer(r->cover.ranges));
    if (r->live && r->cover.note[0])
        put(at, cover, "note", sb_schema_json_text(r->cover.note, strlen(r->cover.note)));
    if (r->file) {
        put(at, cover, "file", sb_schema_json_text(r->file, strlen(r->file)));
        put(at, cover, "kind", json_string(r->kind));
        put(at, cover, "damaged", json_integer(r->damaged));
        put(at, cover, "cut", json_boolean(r->cut));
    }
    put(at, out, "coverage", cover);
}

static void put_sensitive(struct place *at, json_t *out)
{
    json_t *list = json_array();
    for (size_t i = 0; i < at->r->findings.n; i++) {
        const struct sb_schema_finding *f = &at->r->findings.item[i];
        if (f->personal)
            append(at, list, json_pack("{s:o, s:s, s:o}", "path", sb_schema_json_text(f->path, strlen(f->path)), "kind", f->personal, "name",
                                        sb_schema_json_text(f->field->name, f->field->name_n)));
    }
    put(at, out, "sensitive", list);
}

json_t *sb_schema_json(const struct sb_schema_report *r)
{
    struct place at = {.r = r, .fields = json_array(), .names = json_array()};
    const struct sb_seen_sizes *size = &sb_infer_totals(r->in)->size;
    const char *nobody = NULL;
    json_t *out = json_object();
    sb_str_init(&at.path);
    put(&at, out, "ns", sb_schema_json_text(r->ns, strlen(r->ns)));
    put(&at, out, "documents", r->documents < 0 ? json_null() : json_integer(r->documents));
    put(&at, out, "sampled", json_integer(r->sampled));
    put_coverage(&at, out);
    put(&at, out, "document_bytes", json_pack("{s:I, s:I, s:f}", "min", number(size->least), "max", number(size->most), "mean",
                                              size->count ? (double)size->sum / (double)size->count : 0.0));
    add_object(&at, sb_infer_root(r->in));
    put(&at, out, "fields", at.fields);
    put(&at, out, "warnings", warnings_from(&at, r->findings.found, &nobody));
    put_sensitive(&at, out);
    if (r->validated)
        put(&at, out, "validator", sb_schema_validator_json(r));
    if (r->drift)
        put(&at, out, "drift", json_incref(r->drift));
    json_decref(at.names);
    sb_str_release(&at.path);
    if (!at.failed)
        return out;
    json_decref(out);
    return NULL;
}
