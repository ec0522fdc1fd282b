/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_drift.c - two answers of `signalbox schema` compared: what appeared, vanished, or has other types or another
 * presence. What a sample can hide is said to be unsure. */
#include "schema.h"

#include <signalbox/base/json.h>

#include <math.h>

/* Presence has to have changed by more than this, and by more than sampling explains. */
#define PRESENCE_STEP 0.05

struct compared {
    const json_t *before, *now;
    json_t *was; /* "arrays path" -> field */
    json_t *is;
    json_t *appeared, *vanished, *types, *presence;
    bool failed;
};

static double real(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void append(struct compared *c, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value))
        c->failed = true;
}

/* A path through arrays is another one than the same path without. */
static char *key_of(const json_t *field)
{
    const char *path = sb_json_str(field, "path");
    return path ? sb_format("%lld %s", (long long)sb_json_int(field, "arrays"), path) : NULL;
}

static json_t *index_of(struct compared *c, const json_t *schema)
{
    json_t *index = json_object(), *field;
    size_t i;
    json_array_foreach(json_object_get(schema, "fields"), i, field) {
        char *key = key_of(field);
        if (key && json_object_set(index, key, field))
            c->failed = true;
        free(key);
    }
    return index;
}

static bool complete(const json_t *schema)
{
    return sb_streq(sb_json_str(json_object_get(schema, "coverage"), "how"), "all");
}

/* Whether a share of this much cannot have been overlooked by chance. */
static bool cannot_hide(const json_t *schema, double share)
{
    return complete(schema) || share * (double)sb_json_int(schema, "sampled") >= 3;
}

static json_t *entry(const json_t *field, const json_t *other_side)
{
    return json_pack("{s:O, s:f, s:b}", "path", json_object_get(field, "path"), "probability", real(field, "probability"), "sure",
                     cannot_hide(other_side, real(field, "probability")));
}

static bool has_type(const json_t *field, const char *name)
{
    size_t i;
    json_t *type;
    json_array_foreach(json_object_get(field, "types"), i, type)
        if (sb_streq(sb_json_str(type, "type"), name) && !json_is_true(json_object_get(type, "missing")))
            return true;
    return false;
}

/* Types of a that b has not. */
static json_t *types_beyond(struct compared *c, const json_t *a, const json_t *b)
{
    json_t *list = json_array(), *type;
    size_t i;
    json_array_foreach(json_object_get(a, "types"), i, type) {
        const char *name = sb_json_str(type, "type");
        if (name && !json_is_true(json_object_get(type, "missing")) && !has_type(b, name))
            append(c, list, json_string(name));
    }
    return list;
}

static void compare_types(struct compared *c, const json_t *was, const json_t *is)
{
    json_t *more = types_beyond(c, is, was), *less = types_beyond(c, was, is);
    if (json_array_size(more) || json_array_size(less))
        append(c, c->types, json_pack("{s:O, s:O, s:O}", "path", json_object_get(is, "path"), "appeared", more, "vanished", less));
    json_decref(more);
    json_decref(less);
}

/* The half-width of what sampling explains of a field's presence. */
static double noise(const json_t *field)
{
    const json_t *interval = json_object_get(field, "interval");
    return (json_number_value(json_array_get(interval, 1)) - json_number_value(json_array_get(interval, 0))) / 2;
}

static void compare_presence(struct compared *c, const json_t *was, const json_t *is)
{
    double before = real(was, "probability"), now = real(is, "probability");
    if (fabs(now - before) > PRESENCE_STEP && fabs(now - before) > noise(was) + noise(is))
        append(c, c->presence, json_pack("{s:O, s:f, s:f}", "path", json_object_get(is, "path"), "before", before, "now", now));
}

/* A field whose parent has appeared, too, says nothing new. */
static bool parent_in(const json_t *field, const json_t *index)
{
    const char *path = sb_json_str(field, "path");
    const json_t *names = json_object_get(field, "names");
    if (json_array_size(names) < 2)
        return true;
    size_t last = json_string_length(json_array_get(names, json_array_size(names) - 1)), n = strlen(path);
    for (long long arrays = sb_json_int(field, "arrays"); n > last && arrays >= 0; arrays--) {
        char *key = sb_format("%lld %.*s", arrays, (int)(n - last - 1), path);
        bool there = key && json_object_get(index, key);
        free(key);
        if (there)
            return true;
    }
    return false;
}

static void compare(struct compared *c)
{
    const char *key;
    json_t *field;
    json_object_foreach(c->is, key, field) {
        const json_t *was = json_object_get(c->was, key);
        if (was) {
            compare_types(c, was, field);
            compare_presence(c, was, field);
        } else if (parent_in(field, c->was)) {
            append(c, c->appeared, entry(field, c->before));
        }
    }
    json_object_foreach(c->was, key, field)
        if (!json_object_get(c->is, key) && parent_in(field, c->is))
            append(c, c->vanished, entry(field, c->now));
}

json_t *sb_schema_drift(const json_t *before, const json_t *now, const char *path, struct sb_err *err)
{
    if (!json_is_array(json_object_get(before, "fields"))) {
        sb_fail(err, SB_EINPUT, "%s is not what signalbox schema --json writes: it has no \"fields\"", path);
        return NULL;
    }
    struct compared c = {.before = before, .now = now, .appeared = json_array(), .vanished = json_array(), .types = json_array(), .presence = json_array()};
    c.was = index_of(&c, before);
    c.is = index_of(&c, now);
    compare(&c);
    json_t *drift = c.failed ? NULL
                             : json_pack("{s:o, s:s?, s:O, s:O, s:O, s:O}", "against", sb_schema_json_text(path, strlen(path)), "ns", sb_json_str(before, "ns"), "appeared",
                                         c.appeared, "vanished", c.vanished, "types", c.types, "presence", c.presence);
    json_decref(c.was);
    json_decref(c.is);
    json_decref(c.appeared);
    json_decref(c.vanished);
    json_decref(c.types);
    json_decref(c.presence);
    if (!drift)
        sb_fail_nomem(err);
    return drift;
}

bool sb_schema_drifted(const json_t *drift)
{
    return json_array_size(json_object_get(drift, "appeared")) + json_array_size(json_object_get(drift, "vanished")) +
               json_array_size(json_object_get(drift, "types")) + json_array_size(json_object_get(drift, "presence")) >
           0;
}

/* ---- text ---- */

static void drift_line(struct sb_page *page, const char *what, const json_t *entry, const char *text)
{
    const char *path = json_string_value(json_object_get(entry, "path"));
    sb_page_line(page);
    sb_page_fieldf(page, SB_ROLE_TEXT, 12, "  %s", what);
    sb_page_textf(page, SB_ROLE_TEXT, "%s: ", path ? path : "");
    sb_page_wrap(page, SB_ROLE_TEXT, 14, text);
}

static void list_names(struct sb_str *out, const char *before, const json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
        sb_str_addf(out, "%s%s%s", i ? ", " : out->len ? "; " : "", i ? "" : before, json_string_value(name));
}

static void draw_presence(struct sb_page *page, const char *what, const json_t *list)
{
    size_t i;
    json_t *entry;
    char text[128], a[16];
    json_array_foreach(list, i, entry) {
        snprintf(text, sizeof text, "in %s%s", sb_schema_percent(a, json_number_value(json_object_get(entry, "probability"))),
                 json_is_true(json_object_get(entry, "sure")) ? "" : " (rare enough to be missing from the other sample by chance)");
        drift_line(page, what, entry, text);
    }
}

void sb_schema_drift_draw(const json_t *drift, struct sb_page *page)
{
    size_t i;
    json_t *entry;
    char text[64], a[16], b[16];
    const char *against = json_string_value(json_object_get(drift, "against"));
    sb_page_line(page);
    sb_page_line(page);
    sb_page_text(page, SB_ROLE_TITLE, "DRIFT SINCE ");
    sb_page_text(page, SB_ROLE_TEXT, against ? against : "");
    if (!sb_schema_drifted(drift)) {
        sb_page_line(page);
        sb_page_text(page, SB_ROLE_TEXT, "  none");
        return;
    }
    draw_presence(page, "appeared", json_object_get(drift, "appeared"));
    draw_presence(page, "vanished", json_object_get(drift, "vanished"));
    json_array_foreach(json_object_get(drift, "types"), i, entry) {
        struct sb_str list;
        sb_str_init(&list);
        list_names(&list, "now also ", json_object_get(entry, "appeared"));
        list_names(&list, "no longer ", json_object_get(entry, "vanished"));
        drift_line(page, "types", entry, list.p);
        sb_str_release(&list);
    }
    json_array_foreach(json_object_get(drift, "presence"), i, entry) {
        snprintf(text, sizeof text, "from %s to %s", sb_schema_percent(a, json_number_value(json_object_get(entry, "before"))),
                 sb_schema_percent(b, json_number_value(json_object_get(entry, "now"))));
        drift_line(page, "presence", entry, text);
    }
}
