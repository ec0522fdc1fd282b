/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of the values of one type under a field: their range, their sizes, whether two are the same, and which there
 * are where these are few. */
#include "architect.h"

#include <bson/bson.h>
#include <inttypes.h>
#include <math.h>

uint64_t sb_seen_hash(const void *p, size_t n)
{
    const uint8_t *at = p;
    uint64_t h = UINT64_C(0x9E3779B97F4A7C15) ^ n, word;
    for (; n >= 8; at += 8, n -= 8) {
        memcpy(&word, at, 8);
        h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
    }
    word = 0;
    if (n)
        memcpy(&word, at, n);
    h = (h ^ word) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 29;
}

/* ---- sizes ---- */

void sb_seen_size(struct sb_seen_sizes *s, uint64_t size)
{
    unsigned class = size ? 64 - (unsigned)__builtin_clzll(size) : 0;
    if (s->count == 0 || size < s->least)
        s->least = size;
    if (size > s->most)
        s->most = size;
    s->sum += size;
    s->count++;
    s->upto[class < SB_COUNT(s->upto) ? class : SB_COUNT(s->upto) - 1]++;
}

void sb_seen_merge_sizes(struct sb_seen_sizes *a, const struct sb_seen_sizes *b)
{
    if (b->count == 0)
        return;
    if (a->count == 0 || b->least < a->least)
        a->least = b->least;
    if (b->most > a->most)
        a->most = b->most;
    a->sum += b->sum;
    a->count += b->count;
    for (size_t i = 0; i < SB_COUNT(a->upto); i++)
        a->upto[i] += b->upto[i];
}

uint64_t sb_sizes_below(const struct sb_seen_sizes *s, double share)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < SB_COUNT(s->upto); i++) {
        seen += s->upto[i];
        uint64_t bound = i ? (UINT64_C(1) << i) - 1 : 0;
        if ((double)seen >= share * (double)s->count)
            return bound < s->most ? bound : s->most;
    }
    return s->most;
}

/* ---- values that are the same ---- */

static void drop_hashes(struct sb_infer *in, struct sb_seen_type *t)
{
    if (t->hashes)
        in->slots -= t->hashes->cap;
    free(t->hashes);
    t->hashes = NULL;
}

static struct sb_seen_hashes *hashes_new(struct sb_infer *in, size_t cap)
{
    if (in->slots + cap > SLOTS_BUDGET)
        return NULL;
    struct sb_seen_hashes *h = calloc(1, sizeof *h + cap * sizeof *h->slot);
    if (h) {
        h->cap = cap;
        in->slots += cap;
    }
    return h;
}

/* True when it was there. A table that may not grow is only looked into. */
static bool enter(struct sb_seen_hashes *h, uint64_t hash, bool may_add)
{
    size_t i = hash & (h->cap - 1);
    while (h->slot[i] && h->slot[i] != hash)
        i = (i + 1) & (h->cap - 1);
    if (h->slot[i])
        return true;
    if (may_add) {
        h->slot[i] = hash;
        h->n++;
    }
    return false;
}

/* Makes room for one more: false when there is none to be had. */
static bool grow(struct sb_infer *in, struct sb_seen_type *t)
{
    struct sb_seen_hashes *old = t->hashes;
    if (old && old->n * 2 < old->cap)
        return true;
    if (old && old->cap >= SET_MAX)
        return false;
    struct sb_seen_hashes *h = hashes_new(in, old ? old->cap * 4 : 16);
    if (!h)
        return false; /* out of room or memory: later values are compared with those that are there */
    for (size_t i = 0; old && i < old->cap; i++)
        if (old->slot[i])
            enter(h, old->slot[i], true);
    drop_hashes(in, t);
    t->hashes = h;
    return true;
}

static void compare(struct sb_infer *in, struct sb_seen_type *t, uint64_t hash)
{
    bool room = grow(in, t);
    if (t->hashes && enter(t->hashes, hash ? hash : 1, room)) {
        t->duplicates = true;
        drop_hashes(in, t);
    }
}

/* ---- few values ---- */

static void drop_values(struct sb_infer *in, struct sb_seen_type *t)
{
    if (t->values)
        in->values--;
    free(t->values);
    t->values = NULL;
}

/* Counts a value; the first one begins the list, one too many ends it for good. */
static void count_value(struct sb_infer *in, struct sb_seen_type *t, uint64_t hash, const char *text, size_t n, uint64_t times)
{
    struct sb_seen_values *v = t->values;
    if (!v && (t->count > 1 || in->values >= VALUES_BUDGET || (v = t->values = calloc(1, sizeof *v)) == NULL))
        return;
    in->values += v->n == 0;
    for (size_t i = 0; i < v->n; i++)
        if (v->item[i].hash == hash) {
            v->item[i].count += times;
            return;
        }
    if (v->n == SB_INFER_MAX_VALUES || n > sizeof v->item[0].text) {
        drop_values(in, t);
        return;
    }
    struct sb_seen_value *new = &v->item[v->n++];
    *new = (struct sb_seen_value){.hash = hash, .count = times, .n = (uint8_t)n};
    memcpy(new->text, text, n);
}

static void count_number(struct sb_infer *in, struct sb_seen_type *t, uint64_t hash, int64_t value)
{
    char text[24];
    if (!t->values && t->count > 1)
        return;
    int n = snprintf(text, sizeof text, "%" PRId64, value);
    count_value(in, t, hash, text, (size_t)n, 1);
}

/* ---- one value ---- */

static size_t characters(struct sb_span s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static void take_text(struct sb_infer *in, struct sb_seen_type *t, struct sb_span s)
{
    if (!t->of.text && (t->of.text = calloc(1, sizeof *t->of.text)) == NULL) {
        in->nomem = true;
        return;
    }
    sb_seen_size(&t->of.text->length, characters(s));
    for (unsigned kinds = sb_text_kinds(s.p, s.n); kinds; kinds &= kinds - 1)
        t->of.text->kinds[__builtin_ctz(kinds)]++;
    if (t->duplicates && !t->values)
        return;
    uint64_t hash = sb_seen_hash(s.p, s.n);
    if (!t->duplicates)
        compare(in, t, hash);
    count_value(in, t, hash, s.p, s.n, 1);
}

static bool luhn(uint64_t v)
{
    unsigned sum = 0;
    for (int i = 0; v; i++, v /= 10) {
        unsigned digit = (unsigned)(v % 10);
        sum += i % 2 == 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
    }
    return sum % 10 == 0;
}

static void take_range(struct sb_infer *in, struct sb_seen_type *t, bool whole, int64_t v, double real)
{
    bool first = !t->of.range;
    if (first && (t->of.range = calloc(1, sizeof *t->of.range)) == NULL) {
        in->nomem = true;
        return;
    }
    struct sb_seen_range *r = t->of.range;
    if (whole) {
        r->least = first || v < r->least ? v : r->least;
        r->most = first || v > r->most ? v : r->most;
        r->cards += v >= INT64_C(2000000000000) && v < INT64_C(7000000000000000000) && t->type != SB_BSON_DATE && luhn((uint64_t)v);
    } else {
        r->least_real = first || real < r->least_real || isnan(r->least_real) ? real : r->least_real;
        r->most_real = first || real > r->most_real || isnan(r->most_real) ? real : r->most_real;
        r->cards += real >= 2e12 && real < 7e18 && real == floor(real) && luhn((uint64_t)real);
    }
}

static double decimal_as_double(const uint8_t *p)
{
    bson_decimal128_t d = {.low = sb_le64(p), .high = sb_le64(p + 8)};
    char text[BSON_DECIMAL128_STRING];
    bson_decimal128_to_string(&d, text);
    return strtod(text, NULL);
}

void sb_seen_take(struct sb_infer *in, struct sb_seen_type *t, const struct sb_bson_item *item)
{
    int64_t v;
    double real;
    switch (item->type) {
    case SB_BSON_STRING:
        take_text(in, t, sb_bson_text(item));
        return;
    case SB_BSON_INT:
    case SB_BSON_LONG:
    case SB_BSON_DATE:
        v = item->type == SB_BSON_INT ? (int32_t)sb_le32(item->value) : (int64_t)sb_le64(item->value);
        take_range(in, t, true, v, 0);
        if (t->duplicates && !t->values)
            return;
        uint64_t hash = sb_seen_hash(&v, sizeof v);
        if (!t->duplicates)
            compare(in, t, hash);
        if (item->type != SB_BSON_DATE)
            count_number(in, t, hash, v);
        return;
    case SB_BSON_DOUBLE:
    case SB_BSON_DECIMAL:
        real = item->type == SB_BSON_DOUBLE ? sb_le_double(item->value) : decimal_as_double(item->value);
        take_range(in, t, false, 0, real);
        break;
    case SB_BSON_BOOL:
        if (!t->values && t->count > 1)
            break;
        count_value(in, t, item->value[0] ? 2 : 1, item->value[0] ? "true" : "false", item->value[0] ? 4 : 5, 1);
        break;
    case SB_BSON_NULL:
    case SB_BSON_UNDEFINED:
    case SB_BSON_MIN_KEY:
    case SB_BSON_MAX_KEY:
        t->duplicates = t->duplicates || item->type == SB_BSON_NULL || t->count > 1; /* one value each; a null counts at once */
        return;
    default:
        break;
    }
    if (!t->duplicates)
        compare(in, t, sb_seen_hash(item->value, item->len));
}

/* ---- two that become one ---- */

static void merge_hashes(struct sb_infer *in, struct sb_seen_type *a, struct sb_seen_type *b)
{
    a->duplicates = a->duplicates || b->duplicates;
    for (size_t i = 0; b->hashes && i < b->hashes->cap && !a->duplicates; i++)
        if (b->hashes->slot[i])
            compare(in, a, b->hashes->slot[i]);
    if (a->duplicates)
        drop_hashes(in, a);
    drop_hashes(in, b);
}

static void merge_few(struct sb_infer *in, struct sb_seen_type *a, struct sb_seen_type *b)
{
    if (a->values && !b->values)
        drop_values(in, a);
    for (size_t i = 0; b->values && a->values && i < b->values->n; i++)
        count_value(in, a, b->values->item[i].hash, b->values->item[i].text, b->values->item[i].n, b->values->item[i].count);
    drop_values(in, b);
}

static void merge_text(struct sb_seen_text *a, const struct sb_seen_text *b)
{
    sb_seen_merge_sizes(&a->length, &b->length);
    for (size_t i = 0; i < SB_TEXT_KINDS; i++)
        a->kinds[i] += b->kinds[i];
}

static void merge_range(struct sb_seen_range *a, const struct sb_seen_range *b)
{
    a->least = b->least < a->least ? b->least : a->least;
    a->most = b->most > a->most ? b->most : a->most;
    a->least_real = b->least_real < a->least_real ? b->least_real : a->least_real;
    a->most_real = b->most_real > a->most_real ? b->most_real : a->most_real;
    a->cards += b->cards;
}

void sb_seen_merge_values(struct sb_infer *in, struct sb_seen_type *a, struct sb_seen_type *b)
{
    merge_hashes(in, a, b);
    merge_few(in, a, b);
    if (a->type == SB_BSON_STRING && a->of.text && b->of.text)
        merge_text(a->of.text, b->of.text);
    else if (a->type != SB_BSON_STRING && a->of.range && b->of.range)
        merge_range(a->of.range, b->of.range);
}

void sb_seen_forget(struct sb_infer *in, struct sb_seen_type *t)
{
    drop_hashes(in, t);
    drop_values(in, t);
    if (t->type != SB_BSON_OBJECT && t->type != SB_BSON_ARRAY) {
        free(t->of.range);
        t->of.range = NULL;
    }
}
