/* SPDX-License-Identifier: Apache-2.0 */
#include "schema.h"

#include <signalbox/base/regex.h>

#include <math.h>
#include <string.h>

enum keyword {
    K_ADDITIONAL_ITEMS, K_ADDITIONAL_PROPERTIES, K_ALL_OF, K_ANY_OF, K_BSON_TYPE, K_DESCRIPTION, K_ENUM, K_EXCLUSIVE_MAXIMUM,
    K_EXCLUSIVE_MINIMUM, K_ITEMS, K_MAX_ITEMS, K_MAX_LENGTH, K_MAX_PROPERTIES, K_MAXIMUM, K_MIN_ITEMS, K_MIN_LENGTH, K_MIN_PROPERTIES,
    K_MINIMUM, K_MULTIPLE_OF, K_NOT, K_ONE_OF, K_PATTERN, K_PROPERTIES, K_REQUIRED, K_TITLE, K_TYPE, K_UNIQUE_ITEMS, KEYWORDS
};

static const char *const keywords[KEYWORDS] = {
    "additionalItems", "additionalProperties", "allOf", "anyOf", "bsonType", "description", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength", "minProperties",
    "minimum", "multipleOf", "not", "oneOf", "pattern", "properties", "required", "title", "type", "uniqueItems"};

/* What the server says when the rule is broken; NULL: the rule says more than a sentence. */
static const char *const reasons[KEYWORDS] = {
    [K_BSON_TYPE] = "type did not match", [K_TYPE] = "type did not match", [K_ENUM] = "value was not found in enum",
    [K_MAXIMUM] = "comparison failed", [K_MINIMUM] = "comparison failed", [K_MULTIPLE_OF] = "considered value is not a multiple of the specified value",
    [K_MAX_LENGTH] = "specified string length was not satisfied", [K_MIN_LENGTH] = "specified string length was not satisfied",
    [K_PATTERN] = "regular expression did not match", [K_MAX_ITEMS] = "array did not match specified length",
    [K_MIN_ITEMS] = "array did not match specified length", [K_UNIQUE_ITEMS] = "found a duplicate item",
    [K_MAX_PROPERTIES] = "specified number of properties was not satisfied", [K_MIN_PROPERTIES] = "specified number of properties was not satisfied",
    [K_NOT] = "child expression matched", [K_ALL_OF] = "not all schemas matched", [K_ANY_OF] = "no schema matched", [K_ONE_OF] = "not exactly one schema matched",
    [K_ADDITIONAL_ITEMS] = "found additional items"};

static int keyword_of(const char *name)
{
    for (int i = 0; i < KEYWORDS; i++)
        if (strcmp(keywords[i], name) == 0)
            return i;
    return -1;
}

/* ---- checking a schema ---- */

static int check_list(const struct sim_elem *e, bool schemas, struct sim_fail *f)
{
    struct sim_elem x;
    if (e->v.type != BSON_TYPE_ARRAY)
        return sim_fail(f, SIM_TYPE_MISMATCH, "$jsonSchema keyword '%s' must be an array", e->key);
    if (sim_is_empty(e->v.p))
        return sim_fail(f, SIM_FAILED_TO_PARSE, "$jsonSchema keyword '%s' cannot be an empty array", e->key);
    for (struct sim_iter it = sim_iter_of(e->v.p); schemas && sim_next(&it, &x);)
        if (sim_schema_check(x.v, f))
            return -1;
    return 0;
}

static int check_type(const struct sim_elem *e, struct sim_val v, struct sim_fail *f)
{
    static const char *const json[] = {"array", "boolean", "null", "number", "object", "string"};
    if (!sim_is_text(v.type))
        return sim_fail(f, SIM_TYPE_MISMATCH, "$jsonSchema keyword '%s' must be either a string or an array of strings", e->key);
    if (strcmp(e->key, "bsonType") == 0 && (sim_text_is(v, "number") || sim_type_of_name(sim_text(v), sim_text_n(v)) >= 0))
        return 0;
    for (size_t i = 0; strcmp(e->key, "type") == 0 && i < SB_COUNT(json); i++)
        if (sim_text_is(v, json[i]))
            return 0;
    return sim_fail(f, SIM_BAD_VALUE, "Unknown type name alias: %.100s", sim_text(v));
}

static int check_keyword(int k, const struct sim_elem *e, const uint8_t *schema, struct sim_fail *f)
{
    struct sim_elem x;
    switch (k) {
    case K_ALL_OF:
    case K_ANY_OF:
    case K_ONE_OF:
        return check_list(e, true, f);
    case K_ENUM:
    case K_REQUIRED:
        return check_list(e, false, f);
    case K_BSON_TYPE:
    case K_TYPE:
        if (e->v.type != BSON_TYPE_ARRAY)
            return check_type(e, e->v, f);
        for (struct sim_iter it = sim_iter_of(e->v.p); sim_next(&it, &x);)
            if (check_type(e, x.v, f))
                return -1;
        return 0;
    case K_NOT:
        return sim_schema_check(e->v, f);
    case K_ITEMS:
        return e->v.type == BSON_TYPE_ARRAY ? check_list(e, true, f) : sim_schema_check(e->v, f);
    case K_ADDITIONAL_ITEMS:
    case K_ADDITIONAL_PROPERTIES:
        return e->v.type == BSON_TYPE_BOOL ? 0 : sim_schema_check(e->v, f);
    case K_PROPERTIES:
        if (e->v.type != BSON_TYPE_DOCUMENT)
            return sim_fail(f, SIM_TYPE_MISMATCH, "$jsonSchema keyword 'properties' must be an object");
        for (struct sim_iter it = sim_iter_of(e->v.p); sim_next(&it, &x);)
            if (sim_schema_check(x.v, f))
                return -1;
        return 0;
    case K_MAXIMUM:
    case K_MINIMUM:
    case K_MULTIPLE_OF:
        if (!sim_is_number(e->v.type))
            return sim_fail(f, SIM_TYPE_MISMATCH, "$jsonSchema keyword '%s' must be a number", e->key);
        return k != K_MULTIPLE_OF || sim_number(e->v) > 0 ? 0 : sim_fail(f, SIM_FAILED_TO_PARSE, "$jsonSchema keyword 'multipleOf' must have a positive value");
    case K_EXCLUSIVE_MAXIMUM:
    case K_EXCLUSIVE_MINIMUM:
        if (!sim_find(schema, k == K_EXCLUSIVE_MAXIMUM ? "maximum" : "minimum").type)
            return sim_fail(f, SIM_FAILED_TO_PARSE, "$jsonSchema keyword '%s' must be a present if %s is present", k == K_EXCLUSIVE_MAXIMUM ? "maximum" : "minimum", e->key);
        /* fall through */
    case K_UNIQUE_ITEMS:
        return e->v.type == BSON_TYPE_BOOL ? 0 : sim_fail(f, SIM_TYPE_MISMATCH, "$jsonSchema keyword '%s' must be a boolean", e->key);
    case K_DESCRIPTION:
    case K_TITLE:
    case K_PATTERN:
        return sim_is_text(e->v.type) ? 0 : sim_fail(f, SIM_TYPE_MISMATCH, "$jsonSchema keyword '%s' must be of type string", e->key);
    default:
        return sim_is_number(e->v.type) && sim_int(e->v, -1) >= 0 && sim_number(e->v) == (long double)sim_int(e->v, 0)
                   ? 0
                   : sim_fail(f, SIM_FAILED_TO_PARSE, "$jsonSchema keyword '%s' must be a non-negative integer", e->key);
    }
}

int sim_schema_check(struct sim_val schema, struct sim_fail *f)
{
    struct sim_elem e;
    if (schema.type != BSON_TYPE_DOCUMENT)
        return sim_fail(f, SIM_TYPE_MISMATCH, "$jsonSchema must be an object");
    for (struct sim_iter it = sim_iter_of(schema.p); sim_next(&it, &e);) {
        int k = keyword_of(e.key);
        if (k < 0 && (strcmp(e.key, "patternProperties") == 0 || strcmp(e.key, "dependencies") == 0 || strcmp(e.key, "encrypt") == 0))
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "the $jsonSchema keyword %s is not simulated", e.key);
        if (k < 0)
            return sim_fail(f, SIM_FAILED_TO_PARSE, "Unknown $jsonSchema keyword: %.100s", e.key);
        if (check_keyword(k, &e, schema.p, f))
            return -1;
    }
    return 0;
}

/* ---- one rule ---- */

static bool is_type(const char *keyword, struct sim_val name, struct sim_val v)
{
    if (sim_text_is(name, "number"))
        return sim_is_number(v.type);
    if (strcmp(keyword, "type") == 0 && sim_text_is(name, "boolean"))
        return v.type == BSON_TYPE_BOOL;
    return sim_type_of_name(sim_text(name), sim_text_n(name)) == v.type;
}

static bool any_type(const struct sim_elem *e, struct sim_val v)
{
    struct sim_elem x;
    if (e->v.type != BSON_TYPE_ARRAY)
        return is_type(e->key, e->v, v);
    for (struct sim_iter it = sim_iter_of(e->v.p); sim_next(&it, &x);)
        if (is_type(e->key, x.v, v))
            return true;
    return false;
}

static bool listed(struct sim_val list, struct sim_val v)
{
    struct sim_elem x;
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &x);)
        if (sim_compare(x.v, v) == 0)
            return true;
    return false;
}

static int64_t characters(struct sim_val v)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < sim_text_n(v); i++)
        n += ((unsigned char)sim_text(v)[i] & 0xc0) != 0x80;
    return n;
}

static bool matches_pattern(struct sim_val pattern, struct sim_val v)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_regex *re = sb_regex_new(sim_text(pattern), 0, &err);
    bool yes = re && sb_regex_match(re, sim_text(v), sim_text_n(v), NULL, 0, NULL) == 1;
    sb_regex_free(re);
    return yes;
}

static unsigned matching(struct sim_val schemas, struct sim_val v)
{
    struct sim_elem x;
    unsigned n = 0;
    for (struct sim_iter it = sim_iter_of(schemas.p); sim_next(&it, &x);)
        n += sim_schema_match(x.v.p, v);
    return n;
}

static bool properties_fit(struct sim_val properties, struct sim_val v)
{
    struct sim_elem x;
    for (struct sim_iter it = sim_iter_of(properties.p); sim_next(&it, &x);) {
        struct sim_val field = sim_find_n(v.p, x.key, x.key_n);
        if (field.type && !sim_schema_match(x.v.p, field))
            return false;
    }
    return true;
}

static bool additional_fits(const uint8_t *schema, struct sim_val rule, struct sim_val v, struct sim_w *names)
{
    struct sim_val properties = sim_find(schema, "properties");
    struct sim_elem x;
    bool ok = true;
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &x);) {
        if (properties.type && sim_find_n(properties.p, x.key, x.key_n).type)
            continue;
        if (rule.type == BSON_TYPE_BOOL ? sim_truth(rule) : sim_schema_match(rule.p, x.v))
            continue;
        ok = false;
        if (names)
            sim_w_text_n(names, NULL, x.key, x.key_n);
    }
    return ok;
}

/* The index of the first item that does not fit, or -1. */
static int64_t bad_item(struct sim_val rule, struct sim_val v, const uint8_t **schema)
{
    struct sim_elem x, s;
    struct sim_iter schemas = sim_iter_of(rule.p);
    int64_t i = 0;
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &x); i++) {
        *schema = rule.p;
        if (rule.type == BSON_TYPE_ARRAY) {
            if (!sim_next(&schemas, &s))
                break;
            *schema = s.v.p;
        }
        if (!sim_schema_match(*schema, x.v))
            return i;
    }
    return -1;
}

static bool additional_items_fit(const uint8_t *schema, struct sim_val rule, struct sim_val v)
{
    struct sim_val items = sim_find(schema, "items");
    struct sim_elem x;
    size_t i = 0, n = items.type == BSON_TYPE_ARRAY ? sim_count(items.p) : SIZE_MAX;
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &x); i++)
        if (i >= n && !(rule.type == BSON_TYPE_BOOL ? sim_truth(rule) : sim_schema_match(rule.p, x.v)))
            return false;
    return true;
}

static bool all_unique(struct sim_val v)
{
    struct sim_elem x, y;
    size_t i = 0;
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &x); i++) {
        struct sim_iter before = sim_iter_of(v.p);
        for (size_t k = 0; k < i && sim_next(&before, &y); k++)
            if (sim_compare(x.v, y.v) == 0)
                return false;
    }
    return true;
}

static bool in_bounds(const uint8_t *schema, int k, struct sim_val limit, struct sim_val v)
{
    int c = sim_compare(v, limit);
    bool exclusive = sim_truth(sim_find(schema, k == K_MAXIMUM ? "exclusiveMaximum" : "exclusiveMinimum"));
    return c == 0 ? !exclusive : k == K_MAXIMUM ? c < 0 : c > 0;
}

static bool all_there(struct sim_val names, struct sim_val v)
{
    struct sim_elem x;
    for (struct sim_iter it = sim_iter_of(names.p); sim_next(&it, &x);)
        if (sim_is_text(x.v.type) && !sim_find_n(v.p, sim_text(x.v), sim_text_n(x.v)).type)
            return false;
    return true;
}

/* A rule speaks of values of one kind only; any other value satisfies it. */
static bool rule_holds(const uint8_t *schema, int k, const struct sim_elem *e, struct sim_val v)
{
    const uint8_t *ignored;
    bool object = v.type == BSON_TYPE_DOCUMENT, array = v.type == BSON_TYPE_ARRAY, text = sim_is_text(v.type);
    switch (k) {
    case K_BSON_TYPE:
    case K_TYPE:
        return any_type(e, v);
    case K_ENUM:
        return listed(e->v, v);
    case K_MAXIMUM:
    case K_MINIMUM:
        return !sim_is_number(v.type) || in_bounds(schema, k, e->v, v);
    case K_MULTIPLE_OF:
        return !sim_is_number(v.type) || fmodl(sim_number(v), sim_number(e->v)) == 0;
    case K_MAX_LENGTH:
        return !text || characters(v) <= sim_int(e->v, 0);
    case K_MIN_LENGTH:
        return !text || characters(v) >= sim_int(e->v, 0);
    case K_PATTERN:
        return !text || matches_pattern(e->v, v);
    case K_REQUIRED:
        return !object || all_there(e->v, v);
    case K_PROPERTIES:
        return !object || properties_fit(e->v, v);
    case K_ADDITIONAL_PROPERTIES:
        return !object || additional_fits(schema, e->v, v, NULL);
    case K_MAX_PROPERTIES:
        return !object || (int64_t)sim_count(v.p) <= sim_int(e->v, 0);
    case K_MIN_PROPERTIES:
        return !object || (int64_t)sim_count(v.p) >= sim_int(e->v, 0);
    case K_ITEMS:
        return !array || bad_item(e->v, v, &ignored) < 0;
    case K_ADDITIONAL_ITEMS:
        return !array || additional_items_fit(schema, e->v, v);
    case K_MAX_ITEMS:
        return !array || (int64_t)sim_count(v.p) <= sim_int(e->v, 0);
    case K_MIN_ITEMS:
        return !array || (int64_t)sim_count(v.p) >= sim_int(e->v, 0);
    case K_UNIQUE_ITEMS:
        return !array || !sim_truth(e->v) || all_unique(v);
    case K_ALL_OF:
        return matching(e->v, v) == sim_count(e->v.p);
    case K_ANY_OF:
        return matching(e->v, v) > 0;
    case K_ONE_OF:
        return matching(e->v, v) == 1;
    case K_NOT:
        return !sim_schema_match(e->v.p, v);
    default:
        return true; /* title, description; the exclusive limits are read with their limits */
    }
}

bool sim_schema_match(const uint8_t *schema, struct sim_val v)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(schema); sim_next(&it, &e);)
        if (!rule_holds(schema, keyword_of(e.key), &e, v))
            return false;
    return true;
}

/* ---- telling which ---- */

static void explain_properties(struct sim_val properties, struct sim_val v, struct sim_w *w)
{
    struct sim_elem x;
    sim_w_array(w, "propertiesNotSatisfied");
    for (struct sim_iter it = sim_iter_of(properties.p); sim_next(&it, &x);) {
        struct sim_val field = sim_find_n(v.p, x.key, x.key_n);
        if (!field.type || sim_schema_match(x.v.p, field))
            continue;
        sim_w_doc(w, NULL);
        sim_w_text_n(w, "propertyName", x.key, x.key_n);
        sim_w_val(w, "title", sim_find(x.v.p, "title"));
        sim_w_val(w, "description", sim_find(x.v.p, "description"));
        sim_w_array(w, "details");
        sim_schema_explain(x.v.p, field, w);
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_end(w);
}

static void explain_required(struct sim_val names, struct sim_val v, struct sim_w *w)
{
    struct sim_elem x;
    sim_w_array(w, "missingProperties");
    for (struct sim_iter it = sim_iter_of(names.p); sim_next(&it, &x);)
        if (sim_is_text(x.v.type) && !sim_find_n(v.p, sim_text(x.v), sim_text_n(x.v)).type)
            sim_w_val(w, NULL, x.v);
    sim_w_end(w);
}

static void explain_items(struct sim_val rule, struct sim_val v, struct sim_w *w)
{
    const uint8_t *schema = NULL;
    char key[24];
    int64_t i = bad_item(rule, v, &schema);
    snprintf(key, sizeof key, "%lld", (long long)i);
    sim_w_text(w, "reason", "At least one item did not match the sub-schema");
    sim_w_i32(w, "itemIndex", i);
    sim_w_array(w, "details");
    sim_schema_explain(schema, sim_find(v.p, key), w);
    sim_w_end(w);
}

void sim_schema_explain(const uint8_t *schema, struct sim_val v, struct sim_w *w)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(schema); sim_next(&it, &e);) {
        int k = keyword_of(e.key);
        if (rule_holds(schema, k, &e, v))
            continue;
        sim_w_doc(w, NULL);
        sim_w_text(w, "operatorName", e.key);
        if (k != K_PROPERTIES && k != K_ITEMS) {
            sim_w_doc(w, "specifiedAs");
            sim_w_val(w, e.key, e.v);
            sim_w_end(w);
        }
        if (k == K_PROPERTIES) {
            explain_properties(e.v, v, w);
        } else if (k == K_REQUIRED) {
            explain_required(e.v, v, w);
        } else if (k == K_ITEMS) {
            explain_items(e.v, v, w);
        } else if (k == K_ADDITIONAL_PROPERTIES) {
            sim_w_array(w, "additionalProperties");
            additional_fits(schema, e.v, v, w);
            sim_w_end(w);
        } else {
            sim_w_text(w, "reason", reasons[k]);
            sim_w_val(w, "consideredValue", v);
            if (k == K_BSON_TYPE || k == K_TYPE)
                sim_w_text(w, "consideredType", sim_type_name(v.type));
        }
        sim_w_end(w);
    }
}
