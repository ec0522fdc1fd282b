/* SPDX-License-Identifier: Apache-2.0 */
#include "dumpmeta.h"

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>

#include <errno.h>
#include <inttypes.h>

json_t *sb_dump_json(struct sb_backup *b, const char *code, const char *file, const char *ns, int64_t at, const char *text, size_t n)
{
    json_error_t e;
    json_t *v = json_loadb(text, n, JSON_ALLOW_NUL, &e);
    if (v && !json_is_object(v)) {
        sb_backup_problem(b, code, file, ns, at, "this is JSON, but no object");
        json_decref(v);
        return NULL;
    }
    if (!v)
        sb_backup_problem(b, code, file, ns, at, "this is no JSON: %s at line %d, column %d", e.text, e.line, e.column);
    return v;
}

/* The number that {"$numberInt": "1"} and its kind stand for; NULL: another thing. New reference. */
static json_t *plain_number(const json_t *object)
{
    static const char *const wrappers[] = {"$numberInt", "$numberLong", "$numberDouble", "$numberDecimal"};
    if (json_object_size(object) != 1)
        return NULL;
    for (size_t i = 0; i < SB_COUNT(wrappers); i++) {
        const char *text = json_string_value(json_object_get(object, wrappers[i]));
        int64_t whole;
        char *end = NULL;
        if (!text || !text[0])
            continue;
        if (sb_parse_i64(text, &whole) == 0)
            return json_integer(whole);
        errno = 0;
        double real = strtod(text, &end);
        if (*end || errno || !(real > -1e300 && real < 1e300))
            return NULL;
        return real >= -9e15 && real <= 9e15 && real == (double)(int64_t)real ? json_integer((json_int_t)real) : json_real(real);
    }
    return NULL;
}

/* A copy in which equal numbers are written alike, whichever version of the tools wrote them. */
static json_t *plain(const json_t *v)
{
    json_t *out = NULL, *child;
    const char *key;
    size_t i;
    if (json_is_object(v)) {
        if ((out = plain_number(v)))
            return out;
        out = json_object();
        json_object_foreach((json_t *)(uintptr_t)v, key, child)
            if (!out || json_object_set_new(out, key, plain(child)))
                goto nomem;
    } else if (json_is_array(v)) {
        out = json_array();
        json_array_foreach(v, i, child)
            if (!out || json_array_append_new(out, plain(child)))
                goto nomem;
    } else if (json_is_real(v) && json_real_value(v) >= -9e15 && json_real_value(v) <= 9e15 && json_real_value(v) == (double)(int64_t)json_real_value(v)) {
        out = json_integer((json_int_t)json_real_value(v));
    } else {
        out = json_deep_copy(v);
    }
    return out;
nomem:
    json_decref(out);
    return NULL;
}

/* The text of it, heap; fields sorted but for those of `ordered`, which keeps its order. */
static char *text_of(const json_t *v, const char *ordered)
{
    json_t *copy = plain(v), *kept = NULL;
    char *key = NULL, *rest = NULL, *all = NULL;
    if (copy && ordered && (kept = json_incref(json_object_get(copy, ordered))))
        json_object_del(copy, ordered);
    if (copy)
        rest = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (kept)
        key = json_dumps(kept, JSON_COMPACT | JSON_ENCODE_ANY);
    if (kept && key && rest)
        all = strcmp(rest, "{}") == 0 ? sb_format("{\"%s\":%s}", ordered, key) : sb_format("{\"%s\":%s,%s", ordered, key, rest + 1);
    json_decref(copy);
    json_decref(kept);
    free(key);
    if (kept) {
        free(rest);
        return all;
    }
    return rest;
}

const char *sb_dump_metadata_name(const json_t *metadata)
{
    return json_string_value(json_object_get(metadata, "collectionName"));
}

static bool is_hex(const char *text, size_t n)
{
    return strlen(text) == n && strspn(text, "0123456789abcdefABCDEF") == n;
}

/* Where an index says of which namespace it is (servers before 4.4 wrote that), it should be this collection; databases are
 * renamed by moving their folder, which is fine. */
static void check_index_ns(struct sb_backup *b, const json_t *index, const char *ns, const char *file, int64_t at)
{
    const char *said = json_string_value(json_object_get(index, "ns"));
    const char *of = said ? strchr(said, '.') : NULL, *is = strchr(ns, '.');
    if (of && is && strcmp(of, is) != 0)
        sb_backup_problem(b, "metadata_mismatch", file, ns, at, "an index in it is of %s: these are another collection's metadata", said);
}

static bool take_index(struct sb_backup *b, struct sb_backup_collection *c, const json_t *index, const char *file, int64_t at)
{
    const char *name = json_string_value(json_object_get(index, "name"));
    const json_t *key = json_object_get(index, "key");
    if (!name || !json_is_object(key) || !json_object_size(key)) {
        sb_backup_problem(b, "metadata_invalid", file, c->ns, at, "an index without %s", name ? "a key" : "a name");
        return false;
    }
    check_index_ns(b, index, c->ns, file, at);
    json_t *copy = json_copy((json_t *)(uintptr_t)index);
    if (copy)
        json_object_del(copy, "ns");
    struct sb_backup_index fresh = {sb_format("%s", name), copy ? text_of(copy, "key") : NULL, copy && b->options.raw ? json_dumps(copy, JSON_COMPACT) : NULL};
    json_decref(copy);
    if (!fresh.name || !fresh.spec || (b->options.raw && !fresh.raw) || SB_GROW(c->indexes, c->indexes_cap, c->indexes_n + 1)) {
        free(fresh.name);
        free(fresh.spec);
        free(fresh.raw);
        b->nomem = true;
        return false;
    }
    c->indexes[c->indexes_n++] = fresh;
    return strcmp(name, "_id_") == 0;
}

/* An index cannot be built where there is one of its name. */
static void check_index_names(struct sb_backup *b, const struct sb_backup_collection *c, const char *file, int64_t at)
{
    json_t *seen = json_object();
    for (size_t i = 0; seen && i < c->indexes_n; i++) {
        if (json_object_get(seen, c->indexes[i].name))
            sb_backup_problem(b, "metadata_invalid", file, c->ns, at, "two of its indexes are called %s", c->indexes[i].name);
        else if (json_object_set_new(seen, c->indexes[i].name, json_true()))
            b->nomem = true;
    }
    b->nomem |= !seen;
    json_decref(seen);
}

/* Tools wrote null where there was no index, or (before 3.0, beside the options as they kept them) nothing. */
static bool no_list(const json_t *metadata, const json_t *list)
{
    return json_is_null(list) || (!list && json_object_size(metadata) == 1 && json_object_get(json_object_get(metadata, "options"), "create"));
}

static void take_indexes(struct sb_backup *b, struct sb_backup_collection *c, const json_t *metadata, const char *file, int64_t at)
{
    const json_t *list = json_object_get(metadata, "indexes"), *index;
    size_t i;
    bool by_id = false;
    if (no_list(metadata, list))
        return;
    if (!json_is_array(list)) {
        sb_backup_problem(b, "metadata_invalid", file, c->ns, at, "there is no list of indexes in it");
        return;
    }
    if (c->indexes_n) /* the parts of a sharded collection: each says the same */
        return;
    json_array_foreach(list, i, index)
        by_id |= take_index(b, c, index, file, at);
    check_index_names(b, c, file, at);
    if (!by_id && !c->view && !c->series && json_array_size(list))
        sb_backup_note(b, "no_id_index", file, c->ns, at, "indexes are listed, and none on _id");
}

struct sb_backup_collection *sb_dump_metadata(struct sb_backup *b, const json_t *metadata, const char *db, const char *name, const char *file, int64_t at)
{
    char *ns = sb_format("%s.%s", db, name);
    struct sb_backup_collection *c = ns ? sb_backup_collection(b, ns) : NULL;
    const json_t *options = json_object_get(metadata, "options"), *uuid = json_object_get(metadata, "uuid");
    const char *type = json_string_value(json_object_get(metadata, "type")), *said = sb_dump_metadata_name(metadata);
    b->nomem |= ns == NULL;
    if (c) {
        c->metadata = true;
        c->view = json_object_get(options, "viewOn") != NULL || sb_streq(type, "view");
        c->series = json_object_get(options, "timeseries") != NULL || sb_streq(type, "timeseries");
        if (options && !json_is_object(options))
            sb_backup_problem(b, "metadata_invalid", file, ns, at, "its options are no object");
        else if (!c->options && !(c->options = options ? text_of(options, NULL) : sb_format("{}")))
            b->nomem = true;
        else if (b->options.raw && !c->raw && !(c->raw = options ? json_dumps(options, JSON_COMPACT) : sb_format("{}")))
            b->nomem = true;
        if (uuid && !(json_is_string(uuid) && (is_hex(json_string_value(uuid), 32) || !json_string_value(uuid)[0])))
            sb_backup_problem(b, "metadata_invalid", file, ns, at, "its UUID is none");
        if (said && said[0] && strcmp(said, name) != 0)
            sb_backup_problem(b, "metadata_mismatch", file, ns, at, "these are the metadata of the collection %s", said);
        take_indexes(b, c, metadata, file, at);
    }
    free(ns);
    return c;
}
