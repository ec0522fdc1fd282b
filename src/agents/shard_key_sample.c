/* SPDX-License-Identifier: Apache-2.0 */
#include "shard_key_sample.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

/* A number of a value that has an order; false: it has none that is known here. Of an ObjectId its second. */
static bool number_of(const bson_iter_t *it, double *out)
{
    switch (bson_iter_type(it)) {
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64: *out = (double)bson_iter_as_int64(it); return true;
    case BSON_TYPE_DOUBLE: *out = bson_iter_double(it); return true;
    case BSON_TYPE_DATE_TIME: *out = (double)bson_iter_date_time(it); return true;
    case BSON_TYPE_OID: *out = (double)bson_oid_get_time_t(bson_iter_oid(it)); return true;
    default: return false;
    }
}

static uint64_t add(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * UINT64_C(1099511628211); /* FNV-1a */
    return h;
}

bool sb_key_sample_take(void *sample, const bson_t *doc)
{
    struct sb_key_sample *s = sample;
    bson_iter_t it;
    uint64_t h = UINT64_C(14695981039346656037);
    struct sb_key_order order;
    bool ordered = bson_iter_init_find(&it, doc, "_id") && number_of(&it, &order.born);
    for (size_t i = 0; i < s->fields; i++) {
        char name[8];
        snprintf(name, sizeof name, "f%zu", i);
        bool there = bson_iter_init_find(&it, doc, name);
        s->missing[i] += !there;
        s->nulls[i] += there && BSON_ITER_HOLDS_NULL(&it);
        s->arrays[i] += there && BSON_ITER_HOLDS_ARRAY(&it);
        bson_t value = BSON_INITIALIZER;
        if (there)
            BSON_APPEND_VALUE(&value, "v", bson_iter_value(&it));
        else
            BSON_APPEND_NULL(&value, "v"); /* as an index has it */
        h = add(h, bson_get_data(&value), value.len);
        bson_destroy(&value);
        if (i == 0)
            ordered = ordered && there && number_of(&it, &order.value);
    }
    if (SB_GROW(s->keys, s->keys_cap, s->keys_n + 1)) {
        s->nomem = true;
        return false;
    }
    s->keys[s->keys_n++] = h;
    s->documents++;
    if (ordered && s->order_n < SB_COUNT(s->order))
        s->order[s->order_n++] = order;
    return true;
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void sb_key_sample_end(struct sb_key_sample *s)
{
    int64_t run = 0;
    if (s->keys_n)
        qsort(s->keys, s->keys_n, sizeof *s->keys, by_hash);
    for (size_t i = 0; i < s->keys_n; i++) {
        bool same = i && s->keys[i] == s->keys[i - 1];
        s->distinct += !same;
        run = same ? run + 1 : 1;
        s->most = run > s->most ? run : s->most;
    }
    for (size_t i = 0; i < s->order_n; i++)
        for (size_t k = i + 1; k < s->order_n; k++) {
            double born = s->order[i].born - s->order[k].born, value = s->order[i].value - s->order[k].value;
            bool known = (born > 0 || born < 0) && (value > 0 || value < 0);
            s->compared += known;
            s->growing += known && (born > 0) == (value > 0);
        }
}

void sb_key_sample_release(struct sb_key_sample *s)
{
    free(s->keys);
    s->keys = NULL;
    s->keys_n = s->keys_cap = 0;
}
