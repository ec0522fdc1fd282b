/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/sort.h>

#include <stdlib.h>
#include <string.h>

int sim_sort_check(const uint8_t *pattern, struct sim_fail *f)
{
    struct sim_iter it = sim_iter_of(pattern);
    struct sim_elem e;
    unsigned n = 0;
    while (sim_next(&it, &e)) {
        if (e.v.type == BSON_TYPE_DOCUMENT)
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "sorting by $meta is not simulated");
        if (!sim_is_number(e.v.type))
            return sim_fail(f, 15974, "Illegal key in $sort specification: %.100s: %s", e.key, sim_type_name(e.v.type));
        if (sim_number(e.v) != 1 && sim_number(e.v) != -1)
            return sim_fail(f, 15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)");
        if (e.key_n == 0 || e.key[0] == '.' || e.key[e.key_n - 1] == '.')
            return sim_fail(f, 40352, "FieldPath cannot be constructed with empty string");
        if (e.key[0] == '$')
            return sim_fail(f, 16410, "FieldPath field names may not start with '$'. Consider using $getField or $setField.");
        if (++n > SIM_MAX_FIELDS)
            return sim_fail(f, 13103, "too many compound keys");
    }
    return 0;
}

/* The pattern as an index without a tree: only its fields are used. */
static void as_index(const uint8_t *pattern, struct sim_index *x)
{
    struct sim_iter it = sim_iter_of(pattern);
    struct sim_elem e;
    memset(x, 0, sizeof *x);
    while (x->fields < SIM_MAX_FIELDS && sim_next(&it, &e)) {
        x->field[x->fields].path = e.key;
        x->field[x->fields++].descending = sim_number(e.v) < 0;
    }
}

static int key_of(const struct sim_index *x, struct sim_keys *k, const uint8_t *doc, struct sb_str *out, struct sim_fail *f)
{
    sim_keys_clear(k);
    sb_str_clear(out);
    if (sim_index_keys(x, doc, k, f))
        return -1;
    if (k->n)
        sb_str_add(out, k->bytes.p, k->end[0]);
    return sb_str_ok(out) ? 0 : sim_fail_nomem(f);
}

int sim_sort_key(const uint8_t *pattern, const uint8_t *doc, struct sb_str *out, struct sim_fail *f)
{
    struct sim_index x;
    struct sim_keys k;
    as_index(pattern, &x);
    sim_keys_init(&k);
    int rc = key_of(&x, &k, doc, out, f);
    sim_keys_release(&k);
    return rc;
}

struct item {
    uint8_t *key;
    size_t key_n;
    uint64_t order, rid;
    struct sim_doc *doc;
};

struct sim_sorter {
    struct sim_index index;
    struct sim_keys keys;
    struct sb_str key;
    int64_t limit;
    struct item *item;
    size_t n, cap, out;
    uint64_t order;
    int64_t bytes;
};

struct sim_sorter *sim_sorter_new(const uint8_t *pattern, int64_t limit)
{
    struct sim_sorter *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    as_index(pattern, &s->index);
    sim_keys_init(&s->keys);
    sb_str_init(&s->key);
    s->limit = limit;
    return s;
}

static void item_release(struct item *x)
{
    free(x->key);
    sim_doc_unref(x->doc);
}

void sim_sorter_free(struct sim_sorter *s)
{
    if (!s)
        return;
    for (size_t i = s->out; i < s->n; i++)
        item_release(&s->item[i]);
    free(s->item);
    sim_keys_release(&s->keys);
    sb_str_release(&s->key);
    free(s);
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int c = memcmp(x->key, y->key, x->key_n < y->key_n ? x->key_n : y->key_n);
    if (!c)
        c = (x->key_n > y->key_n) - (x->key_n < y->key_n);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

static void swap(struct item *a, struct item *b)
{
    struct item t = *a;
    *a = *b;
    *b = t;
}

/* The heap has its greatest item on top. */
static void sift_up(struct sim_sorter *s, size_t i)
{
    while (i && compare_items(&s->item[i], &s->item[(i - 1) / 2]) > 0) {
        swap(&s->item[i], &s->item[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void sift_down(struct sim_sorter *s, size_t i)
{
    for (;;) {
        size_t big = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < s->n; k++)
            if (compare_items(&s->item[k], &s->item[big]) > 0)
                big = k;
        if (big == i)
            return;
        swap(&s->item[i], &s->item[big]);
        i = big;
    }
}

static int64_t size_of(const struct item *x)
{
    return (int64_t)(sim_doc_len(x->doc->bson) + x->key_n);
}

int sim_sorter_add(struct sim_sorter *s, uint64_t rid, struct sim_doc *doc, struct sim_fail *f)
{
    if (key_of(&s->index, &s->keys, doc->bson, &s->key, f))
        return -1;
    struct item x = {(uint8_t *)s->key.p, s->key.len, s->order++, rid, doc};
    bool full = s->limit > 0 && (int64_t)s->n == s->limit;
    if (full && compare_items(&x, &s->item[0]) > 0)
        return 0;
    if (!(x.key = malloc(x.key_n ? x.key_n : 1)))
        return sim_fail_nomem(f);
    memcpy(x.key, s->key.p, x.key_n);
    if (full) {
        s->bytes -= size_of(&s->item[0]);
        item_release(&s->item[0]);
        s->item[0] = x;
        sim_doc_ref(doc);
        s->bytes += size_of(&x);
        sift_down(s, 0);
        return 0;
    }
    if (SB_GROW(s->item, s->cap, s->n + 1)) {
        free(x.key);
        return sim_fail_nomem(f);
    }
    sim_doc_ref(doc);
    s->bytes += size_of(&x);
    s->item[s->n++] = x;
    if (s->limit > 0)
        sift_up(s, s->n - 1);
    return 0;
}

int64_t sim_sorter_bytes(const struct sim_sorter *s)
{
    return s->bytes;
}

int64_t sim_sorter_count(const struct sim_sorter *s)
{
    return (int64_t)s->n;
}

void sim_sorter_finish(struct sim_sorter *s)
{
    if (s->n)
        qsort(s->item, s->n, sizeof *s->item, compare_items);
}

bool sim_sorter_next(struct sim_sorter *s, uint64_t *rid, struct sim_doc **doc)
{
    if (s->out == s->n)
        return false;
    struct item *x = &s->item[s->out++];
    *rid = x->rid;
    *doc = x->doc;
    free(x->key);
    return true;
}
