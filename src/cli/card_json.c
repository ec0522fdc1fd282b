/* SPDX-License-Identifier: Apache-2.0
 *
 * A card as JSON: the record, and for a card about an index the same as advice, in the form that `digest` has. */
#include <signalbox/cli/card_text.h>

#include <signalbox/base/record.h>
#include <signalbox/model/names.h>

#include <bson/bson.h>
#include <stdlib.h>
#include <string.h>

#define MILLION 1000000.0

json_t *sb_plain_json(const char *text)
{
    bson_error_t e;
    bson_t *doc = text && text[0] ? bson_new_from_json((const uint8_t *)text, -1, &e) : bson_new();
    char *relaxed = doc ? bson_as_relaxed_extended_json(doc, NULL) : NULL;
    json_t *out = relaxed ? json_loads(relaxed, 0, NULL) : NULL;
    bson_free(relaxed);
    if (doc)
        bson_destroy(doc);
    return out;
}

json_t *sb_key_json(const char *text)
{
    json_t *key = json_object();
    char *copy = text && text[0] == '{' ? strdup(text + 1) : NULL, *end = copy ? strrchr(copy, '}') : NULL;
    if (end)
        *end = '\0';
    for (char *part = end ? copy : NULL, *next; part; part = next) {
        next = strstr(part, ", ");
        if (next) {
            *next = '\0';
            next += 2;
        }
        char *colon = NULL;
        for (char *p = strstr(part, ": "); p; p = strstr(p + 1, ": "))
            colon = p;
        json_t *value = colon ? json_loads(colon + 2, JSON_DECODE_ANY, NULL) : NULL;
        if (colon)
            *colon = '\0';
        if (value)
            json_object_set_new(key, part, value);
    }
    free(copy);
    return key;
}

static json_t *rejected(const struct sb_card *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->rejected_n; i++)
        json_array_append_new(list, json_pack("{s:o, s:s}", "key", sb_key_json(c->rejected[i].key), "reason", c->rejected[i].reason ? c->rejected[i].reason : ""));
    return list;
}

static json_t *shapes(const struct sb_card *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->shapes_n; i++)
        json_array_append_new(list, json_string(c->shapes[i]));
    return list;
}

static json_t *evidence(const struct sb_card *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->evidence_n; i++)
        json_array_append_new(list, sb_record_to_json(&sb_evidence_schema, &c->evidence[i]));
    return list;
}

static json_t *advice(const struct sb_card *c)
{
    const struct sb_impact *m = &c->impact;
    return json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:s, s:o, s:{s:f, s:I, s:f}, s:{s:I, s:f}, s:f, s:o}", "kind", sb_name(&sb_card_kinds, c->kind), "ns",
                     c->target ? c->target : "", "key", sb_plain_json(c->index_key), "options", sb_plain_json(c->index_options), "name", c->index_name ? c->index_name : "",
                     "shapes", shapes(c), "reason", c->why ? c->why : "", "rejected", rejected(c), "impact", "score", (double)m->score_ppm / MILLION, "time_ms",
                     (json_int_t)m->time_ms, "docs_saved", (double)m->docs_saved / 1000, "cost", "bytes", (json_int_t)m->bytes, "writes_per_s",
                     (double)m->writes_per_s_milli / 1000, "confidence", (double)c->confidence_ppm / MILLION, "evidence", evidence(c));
}

json_t *sb_card_json(const struct sb_card *c)
{
    json_t *out = sb_record_to_json(&sb_card_schema, c);
    bool about_index = c->kind == SB_KIND_CREATE_INDEX || c->kind == SB_KIND_DROP_INDEX || c->kind == SB_KIND_HIDE_INDEX;
    json_t *a = out && about_index ? advice(c) : NULL;
    if (out && about_index && (!a || json_object_set_new(out, "advice", a))) {
        json_decref(out);
        return NULL;
    }
    return out;
}
