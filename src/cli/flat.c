/* SPDX-License-Identifier: Apache-2.0 */
#include "flat.h"

#include <signalbox/term/vis.h>

#include <stdlib.h>
#include <string.h>

char *sb_flat_text(const char *text, size_t n)
{
    struct sb_str out;
    sb_str_init(&out);
    sb_vis(&out, text, n, 0);
    return sb_str_take(&out);
}

static json_t *flat_object(const json_t *v)
{
    json_t *out = json_object(), *child;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)v, key, child) {
        char *name = sb_flat_text(key, strlen(key));
        if (!out || !name || json_object_set_new(out, name, sb_flat(child))) {
            json_decref(out);
            out = NULL;
        }
        free(name);
    }
    return out;
}

/* The depth of what was parsed bounds the recursion. */
json_t *sb_flat(const json_t *v)
{
    if (json_is_object(v))
        return flat_object(v);
    if (json_is_array(v)) {
        json_t *out = json_array();
        for (size_t i = 0; out && i < json_array_size(v); i++)
            if (json_array_append_new(out, sb_flat(json_array_get(v, i)))) {
                json_decref(out);
                out = NULL;
            }
        return out;
    }
    if (!json_is_string(v))
        return json_deep_copy(v);
    char *text = sb_flat_text(json_string_value(v), json_string_length(v));
    json_t *out = text ? json_string(text) : NULL;
    free(text);
    return out;
}
