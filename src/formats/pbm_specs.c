/* SPDX-License-Identifier: Apache-2.0
 *
 * meta.pbm: the namespaces of a set as newer versions of Percona Backup write them, one BSON document with what listCollections and
 * listIndexes said. It is made into what metadata.json was before. */
#include "pbm.h"

#include <signalbox/base/json.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/bsoncheck.h>

#include <bson/bson.h>

/* What mongodump writes beside a collection, as text. */
static char *metadata_of(const json_t *spec)
{
    json_t *options = json_object_get(spec, "options"), *indexes = json_object_get(spec, "indexes"), *uuid = json_object_get(spec, "uuid");
    json_t *v = json_pack("{s:o,s:o,s:O,s:O}", "options", json_is_object(options) ? json_incref(options) : json_object(), "indexes", json_is_array(indexes) ? json_incref(indexes) : json_array(),
                          "collectionName", json_object_get(spec, "name"), "type", json_object_get(spec, "type"));
    char *text = v && (!json_is_string(uuid) || json_object_set(v, "uuid", uuid) == 0) ? json_dumps(v, JSON_COMPACT) : NULL;
    json_decref(v);
    return text;
}

static int add(json_t *list, json_t *spec)
{
    static const char *const same[] = {"db", "type", "crc", "size"};
    char *text = metadata_of(spec);
    json_t *n = text ? json_pack("{s:O,s:s}", "collection", json_object_get(spec, "name"), "metadata", text) : NULL;
    int rc = n ? json_array_append_new(list, n) : -1;
    for (size_t i = 0; rc == 0 && i < SB_COUNT(same); i++)
        if (json_object_get(spec, same[i]))
            rc = json_object_set(n, same[i], json_object_get(spec, same[i]));
    free(text);
    return rc;
}

json_t *sb_pbm_specs(const unsigned char *p, size_t n, const char **what)
{
    struct sb_bson_look look;
    bson_t doc;
    json_t *all = NULL, *spec, *out = NULL, *list = NULL;
    size_t i;
    *what = "it is not one whole document";
    if (n < SB_BSON_MIN || (size_t)sb_bson_length(p) != n || !sb_bson_whole(p, n, &look) || !bson_init_static(&doc, p, n))
        return NULL;
    char *text = bson_as_canonical_extended_json(&doc, NULL);
    all = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
    bson_free(text);
    *what = "it lists no namespaces";
    if (json_is_array(json_object_get(all, "specifications")) && (list = json_array()) && (out = json_pack("{s:o}", "namespaces", list))) {
        json_array_foreach(json_object_get(all, "specifications"), i, spec)
            if (!json_is_string(json_object_get(spec, "name")) || !json_is_string(json_object_get(spec, "type")) || add(list, spec)) {
                *what = "a namespace in it has no name or no type";
                json_decref(out);
                out = NULL;
                break;
            }
    }
    json_decref(all);
    return out;
}
