/* SPDX-License-Identifier: Apache-2.0
 *
 * json_put.h - building a document value by value, where it is enough to know at the end whether memory ran out. Each takes the
 * value; *ok becomes false when it could not be put there. Private to the room. */
#ifndef SIGNALBOX_CLI_JSON_PUT_H
#define SIGNALBOX_CLI_JSON_PUT_H

#include <signalbox/base/clock.h>
#include <signalbox/base/json.h>
#include <stdbool.h>
#include <string.h>

static inline void sb_put(json_t *object, const char *key, json_t *value, bool *ok)
{
    if (!value || json_object_set_new_nocheck(object, key, value))
        *ok = false;
}

static inline void sb_put_last(json_t *array, json_t *value, bool *ok)
{
    if (!value || json_array_append_new(array, value))
        *ok = false;
}

/* Text of outside; NULL is "". */
static inline json_t *sb_json_of(const char *text)
{
    return sb_json_of_bytes(text ? text : "", text ? strlen(text) : 0);
}

/* null where the time is `none`. */
static inline json_t *sb_json_time(int64_t at_ms, int64_t none)
{
    char out[SB_TIME_LEN + 1];
    if (at_ms == none)
        return json_null();
    sb_time_format(out, at_ms);
    return json_string(out);
}

#endif
