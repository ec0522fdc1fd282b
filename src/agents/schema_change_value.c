/* SPDX-License-Identifier: Apache-2.0
 *
 * The values of a change: what is given, computed or converted, and which documents that comes to. An expression comes from the
 * request: only operators that give the same for the same document are let through, so that a batch may be sent twice. */
#include "schema_change_private.h"

#include "bson_get.h"

#include <string.h>

#define MAX_DEPTH 12
#define MAX_PARTS 200

bson_t *sb_change_value(const char *json)
{
    bson_t *v = json ? bson_new_from_json((const uint8_t *)json, -1, NULL) : NULL;
    bson_iter_t it;
    if (v && bson_iter_init_find(&it, v, "v"))
        return v;
    if (v)
        bson_destroy(v);
    return NULL;
}

/* ---- expressions ---- */

struct reading {
    const struct sb_change_question *q;
    int parts, fields;
};

static bool known(const char *operator)
{
    static const char *const operators[] = {
        "$abs", "$add", "$and", "$arrayElemAt", "$arrayToObject", "$avg", "$ceil", "$cmp", "$concat", "$concatArrays", "$cond", "$convert", "$dateToString", "$dayOfMonth", "$dayOfWeek", "$divide", "$eq", "$first",
        "$floor", "$gt", "$gte", "$hour", "$ifNull", "$in", "$isArray", "$isNumber", "$last", "$lt", "$lte", "$max", "$min", "$minute", "$mod", "$month", "$multiply", "$ne", "$not", "$objectToArray", "$or", "$round",
        "$second", "$size", "$split", "$strLenCP", "$substrCP", "$subtract", "$sum", "$switch", "$toDate", "$toDecimal", "$toDouble", "$toInt", "$toLong", "$toLower", "$toString", "$toUpper", "$trim",
        "$trunc", "$type", "$year",
    };
    for (size_t i = 0; i < SB_COUNT(operators); i++)
        if (strcmp(operators[i], operator) == 0)
            return true;
    return false;
}

/* A field that is read. Not the one that is made: there is none yet. */
static int read_path(struct reading *r, const char *path, struct sb_err *err)
{
    size_t n = strlen(r->q->field);
    if (path[1] == '$' || !path[1])
        return sb_fail(err, SB_EINPUT, "the expression holds %.60s: it may read fields of the document, and nothing else", path);
    if (strncmp(path + 1, r->q->field, n) == 0 && (!path[1 + n] || path[1 + n] == '.'))
        return sb_fail(err, SB_EINPUT, "the expression reads %.100s, which is what it is to make", r->q->field);
    r->fields++;
    return 0;
}

static int read_part(struct reading *r, const bson_iter_t *at, int depth, struct sb_err *err)
{
    bson_iter_t it;
    if (depth > MAX_DEPTH || ++r->parts > MAX_PARTS)
        return sb_fail(err, SB_EINPUT, "the expression is too large: at most %d parts, %d deep", MAX_PARTS, MAX_DEPTH);
    if (BSON_ITER_HOLDS_UTF8(at)) {
        const char *text = bson_iter_utf8(at, NULL);
        return text[0] == '$' ? read_path(r, text, err) : 0;
    }
    if ((!BSON_ITER_HOLDS_DOCUMENT(at) && !BSON_ITER_HOLDS_ARRAY(at)) || !bson_iter_recurse(at, &it))
        return 0;
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (BSON_ITER_HOLDS_DOCUMENT(at) && strcmp(key, "$literal") == 0)
            continue;
        if (BSON_ITER_HOLDS_DOCUMENT(at) && key[0] == '$' && !known(key))
            return sb_fail(err, SB_EINPUT, "the expression uses %.40s, which is not on the list of what is computed here", key);
        if (read_part(r, &it, depth + 1, err))
            return -1;
    }
    return 0;
}

bson_t *sb_change_expression(const struct sb_change_question *q, struct sb_err *err)
{
    struct reading r = {.q = q};
    bson_t *v = sb_change_value(q->expression);
    bson_iter_t it;
    if (!v) {
        sb_fail(err, SB_EINPUT, "how %.100s is computed cannot be read: write it as JSON, such as {\"$concat\": [\"$first\", \" \", \"$last\"]}", q->field);
        return NULL;
    }
    bson_iter_init_find(&it, v, "v");
    if (read_part(&r, &it, 0, err) == 0 && (r.fields || sb_fail(err, SB_EINPUT, "the expression reads no field: say \"with default VALUE\" for one value") == 0))
        return v;
    bson_destroy(v);
    return NULL;
}

/* ---- types ---- */

bool sb_change_converts(const char *from, const char *to)
{
    static const struct {
        const char *from, *to;
    } ways[] = {
        {"string", "date"}, {"string", "decimal"}, {"string", "int"},  {"string", "long"},    {"string", "double"}, {"string", "objectId"}, {"int", "long"},    {"int", "double"},
        {"int", "decimal"}, {"int", "string"},     {"long", "int"},    {"long", "decimal"},   {"long", "date"},     {"long", "string"},     {"double", "decimal"}, {"date", "string"},
        {"date", "long"},   {"objectId", "string"},
    };
    for (size_t i = 0; i < SB_COUNT(ways); i++)
        if (strcmp(ways[i].from, from) == 0 && strcmp(ways[i].to, to) == 0)
            return true;
    return false;
}

bson_t *sb_change_converted(const struct sb_change_question *q, const char *path, bool to_null)
{
    bson_t *out = bson_new(), v, convert, literal, *otherwise = to_null ? NULL : sb_change_value(q->otherwise);
    bson_iter_t it;
    BSON_APPEND_DOCUMENT_BEGIN(out, "v", &v);
    BSON_APPEND_DOCUMENT_BEGIN(&v, "$convert", &convert);
    BSON_APPEND_UTF8(&convert, "input", path);
    BSON_APPEND_UTF8(&convert, "to", q->type);
    if (to_null) {
        BSON_APPEND_NULL(&convert, "onError");
    } else if (otherwise && bson_iter_init_find(&it, otherwise, "v")) {
        BSON_APPEND_DOCUMENT_BEGIN(&convert, "onError", &literal);
        BSON_APPEND_VALUE(&literal, "$literal", bson_iter_value(&it));
        bson_append_document_end(&convert, &literal);
    } else {
        BSON_APPEND_UTF8(&convert, "onError", path);
    }
    bson_append_document_end(&v, &convert);
    bson_append_document_end(out, &v);
    if (otherwise)
        bson_destroy(otherwise);
    return out;
}

/* ---- which documents ---- */

/* {operator: [v's value, null]} as element `key`. */
static void against_null(bson_t *to, const char *key, const char *operator, const bson_t *v)
{
    bson_t doc, list;
    bson_iter_t it;
    bson_iter_init_find(&it, v, "v");
    BSON_APPEND_DOCUMENT_BEGIN(to, key, &doc);
    BSON_APPEND_ARRAY_BEGIN(&doc, operator, &list);
    BSON_APPEND_VALUE(&list, "0", bson_iter_value(&it));
    BSON_APPEND_NULL(&list, "1");
    bson_append_array_end(&doc, &list);
    bson_append_document_end(to, &doc);
}

/* {field: {$type: the type}}. A plan's commands stand as JSON on its card, and libbson reads {"$type": "date"} as the half of a binary value
 * wherever the alias begins with a hexadecimal digit: those are asked for by their number. */
static bson_t *is_of_type(const char *field, const char *type)
{
    static const struct {
        const char *alias;
        bson_type_t number;
    } numbers[] = {{"double", BSON_TYPE_DOUBLE}, {"array", BSON_TYPE_ARRAY}, {"binData", BSON_TYPE_BINARY}, {"bool", BSON_TYPE_BOOL}, {"date", BSON_TYPE_DATE_TIME}, {"decimal", BSON_TYPE_DECIMAL128}};
    for (size_t i = 0; i < SB_COUNT(numbers); i++)
        if (strcmp(numbers[i].alias, type) == 0)
            return BCON_NEW(field, "{", "$type", BCON_INT32((int32_t)numbers[i].number), "}");
    return BCON_NEW(field, "{", "$type", BCON_UTF8(type), "}");
}

/* Documents whose field is of the type (and is no array that holds one), and of those the ones that can be converted (1), that
 * cannot (0), or all (-1). */
static bson_t *of_type(const struct sb_change_question *q, const char *type, int converts)
{
    char path[256];
    snprintf(path, sizeof path, "$%s", q->field);
    bson_t *out = is_of_type(q->field, type), expr, all, eq, what, *v = sb_change_converted(q, path, true);
    BSON_APPEND_DOCUMENT_BEGIN(out, "$expr", &expr);
    BSON_APPEND_ARRAY_BEGIN(&expr, "$and", &all);
    BSON_APPEND_DOCUMENT_BEGIN(&all, "0", &what);
    BSON_APPEND_ARRAY_BEGIN(&what, "$eq", &eq);
    bson_t operand;
    BSON_APPEND_DOCUMENT_BEGIN(&eq, "0", &operand);
    BSON_APPEND_UTF8(&operand, "$type", path);
    bson_append_document_end(&eq, &operand);
    BSON_APPEND_UTF8(&eq, "1", type);
    bson_append_array_end(&what, &eq);
    bson_append_document_end(&all, &what);
    if (converts >= 0)
        against_null(&all, "1", converts ? "$ne" : "$eq", v);
    bson_append_array_end(&expr, &all);
    bson_append_document_end(out, &expr);
    bson_destroy(v);
    return out;
}

/* Documents without the field of which it can be computed, or cannot. */
static bson_t *of_expression(const struct sb_change_question *q, bool can)
{
    bson_t *out = sb_change_exists(q->field, false, NULL, false), *v = sb_change_value(q->expression);
    if (v)
        against_null(out, "$expr", can ? "$gt" : "$lte", v);
    if (v)
        bson_destroy(v);
    return out;
}

bson_t *sb_change_left(const struct sb_change_question *q, const char *from_type)
{
    if (q->change == SB_CHANGE_RETYPE)
        return of_type(q, from_type, q->otherwise ? -1 : 1);
    if (q->change == SB_CHANGE_ADD && q->expression)
        return of_expression(q, true);
    if (q->change == SB_CHANGE_RENAME)
        return sb_change_exists(q->field, true, q->new_field, false);
    bson_t *out = sb_change_exists(q->field, q->change == SB_CHANGE_REMOVE, NULL, false), *only = q->only ? bson_new_from_json((const uint8_t *)q->only, -1, NULL) : NULL;
    if (only) {
        bson_concat(out, only);
        bson_destroy(only);
    }
    return out;
}

bson_t *sb_change_offenders(const struct sb_change_question *q, const char *from_type)
{
    return q->change == SB_CHANGE_RETYPE ? of_type(q, from_type, 0) : of_expression(q, false);
}
