/* SPDX-License-Identifier: Apache-2.0
 *
 * workload.c - the entries, and how an operation finds its own. workload_read.c has the questions.
 */
#include "workload.h"

#include "mix.h"

#include <signalbox/base/array.h>
#include <signalbox/telemetry/envelope.h>

#define DEFAULT_SHAPES 4096
#define DEFAULT_BYTES ((size_t)64 << 20)
#define MAX_NS 1024
#define MAX_NAME 256 /* of an application, plan or hash: longer ones are cut */

/* The table of skeletons: emptied when it is full, which costs only time. */
#define MEMO_SLOTS 65536
#define MEMO_FIRST 256
#define MEMO_BYTES ((size_t)16 << 20)
#define MEMO_PROBES 64

static int count_op(struct sb_workload *w, const struct sb_slow_op *op, struct sb_err *err);

static int count_alone(void *ctx, const struct sb_slow_op *op, struct sb_err *err)
{
    return count_op(ctx, op, err);
}

/* ---- making and unmaking ---- */

struct sb_workload *sb_workload_new(const struct sb_workload_options *options, struct sb_err *err)
{
    static const struct sb_workload_options defaults = {.examples = true};
    struct sb_workload *w = calloc(1, sizeof *w);
    if (!w) {
        sb_fail_nomem(err);
        return NULL;
    }
    w->options = options ? *options : defaults;
    if (!w->options.max_shapes)
        w->options.max_shapes = DEFAULT_SHAPES;
    if (!w->options.max_bytes)
        w->options.max_bytes = DEFAULT_BYTES;
    if (w->options.bucket_ms <= 0)
        w->options.buckets = 0;
    w->newest_ms = SB_NO_TIME;
    w->memo_cap = MEMO_FIRST;
    w->memo = calloc(w->memo_cap, sizeof *w->memo);
    w->key = malloc(SB_SHAPE_MAX_SKELETON + MAX_NS);
    w->envelopes = sb_envelopes_new(count_alone, w, err);
    if (!w->memo || !w->key || !w->envelopes) {
        sb_workload_free(w);
        sb_fail_nomem(err);
        return NULL;
    }
    return w;
}

static void free_entry(struct sb_entry *e)
{
    if (!e)
        return;
    free(e->work.ns);
    sb_shape_free(e->shape);
    for (size_t i = 0; i < SB_WORK_MAX_PLANS; i++)
        free(e->work.plans[i].name);
    for (size_t i = 0; i < SB_WORK_MAX_APPS; i++)
        free(e->work.apps[i].name);
    free(e->work.query_hash);
    free((char *)e->work.example.p);
    free(e->skeleton);
    free(e->ring);
    free(e);
}

static void empty_memo(struct sb_workload *w)
{
    for (size_t i = 0; i < w->memo_cap; i++)
        free(w->memo[i].key);
    memset(w->memo, 0, w->memo_cap * sizeof *w->memo);
    w->memo_n = w->memo_bytes = 0;
}

void sb_workload_free(struct sb_workload *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++)
        free_entry(w->entries[i]);
    free_entry(w->other);
    if (w->memo)
        empty_memo(w);
    free(w->memo);
    free(w->entries);
    free(w->index);
    free(w->key);
    sb_envelopes_free(w->envelopes);
    free(w);
}

/* ---- entries by namespace and fingerprint ---- */

static uint64_t entry_hash(const char *ns, size_t n, const char *fingerprint)
{
    return sb_mix(sb_mix(0, ns, n), fingerprint, SB_FINGERPRINT_LEN);
}

struct sb_entry *sb_workload_entry(const struct sb_workload *w, const char *ns, size_t n, const char *fingerprint)
{
    uint64_t hash = entry_hash(ns, n, fingerprint);
    for (size_t i = hash; w->index_cap; i++) {
        struct sb_entry *e = w->index[i & (w->index_cap - 1)];
        if (!e)
            return NULL;
        if (e->hash == hash && strcmp(e->shape->fingerprint, fingerprint) == 0 && strlen(e->work.ns) == n &&
            memcmp(e->work.ns, ns, n) == 0)
            return e;
    }
    return NULL;
}

static void put_in_index(struct sb_workload *w, struct sb_entry *e)
{
    size_t i = e->hash;
    while (w->index[i & (w->index_cap - 1)])
        i++;
    w->index[i & (w->index_cap - 1)] = e;
}

static int rebuild_index(struct sb_workload *w, size_t cap)
{
    struct sb_entry **index = calloc(cap, sizeof(struct sb_entry *));
    if (!index)
        return -1;
    free(w->index);
    w->index = index;
    w->index_cap = cap;
    for (size_t i = 0; i < w->n; i++)
        put_in_index(w, w->entries[i]);
    return 0;
}

/* A new entry that owns the shape, which is freed on failure. */
static struct sb_entry *make_entry(struct sb_span ns, struct sb_shape *shape, const char *skeleton, size_t n)
{
    struct sb_entry *e = calloc(1, sizeof *e);
    if (e) {
        e->shape = shape;
        e->work.shape = shape;
        e->work.first_ms = e->work.last_ms = SB_NO_TIME;
        e->work.example_ms = -1;
        e->work.ns = sb_strdup_n(ns.p, ns.n);
        e->skeleton = sb_strdup_n(skeleton, n);
        e->skeleton_n = n;
        e->hash = entry_hash(ns.p, ns.n, shape->fingerprint);
    } else {
        sb_shape_free(shape);
    }
    if (e && (!e->work.ns || !e->skeleton)) {
        free_entry(e);
        return NULL;
    }
    return e;
}

/* The one entry for what does not fit. */
static struct sb_entry *other_entry(struct sb_workload *w, struct sb_err *err)
{
    static const char skeleton[] = {'0', (char)('a' + SB_OP_COMMAND), '"', 5, 'o', 't', 'h', 'e', 'r'};
    if (!w->other) {
        struct sb_shape *shape = sb_shape_parse(skeleton, sizeof skeleton, err);
        if (shape)
            w->other = make_entry(SB_SPAN("*"), shape, skeleton, sizeof skeleton);
    }
    return w->other;
}

/* The entry of a namespace and skeleton; NULL out of memory. */
static struct sb_entry *claim(struct sb_workload *w, struct sb_span ns, const char *skeleton, size_t n, struct sb_err *err)
{
    struct sb_shape *shape = sb_shape_parse(skeleton, n, err);
    if (!shape)
        return NULL;
    struct sb_entry *e = sb_workload_entry(w, ns.p, ns.n, shape->fingerprint);
    if (e || w->n >= w->options.max_shapes || w->bytes + shape->bytes > w->options.max_bytes) {
        sb_shape_free(shape);
        return e ? e : other_entry(w, err);
    }
    size_t bytes = shape->bytes + sizeof *e + n;
    if ((e = make_entry(ns, shape, skeleton, n)) == NULL)
        return NULL;
    bool half_full = (w->n + 1) * 2 > w->index_cap;
    if (SB_GROW(w->entries, w->cap, w->n + 1) || (half_full && rebuild_index(w, w->index_cap ? w->index_cap * 2 : 64))) {
        free_entry(e);
        return NULL;
    }
    w->entries[w->n++] = e;
    w->bytes += bytes;
    put_in_index(w, e);
    return e;
}

/* ---- the table of skeletons ---- */

/* The slot of a key, a free one, or NULL. A key is a skeleton of `split` bytes and a namespace. */
static struct sb_memo *memo_slot(const struct sb_workload *w, uint64_t hash, const char *key, size_t n, size_t split)
{
    for (size_t i = 0; i < MEMO_PROBES; i++) {
        struct sb_memo *m = &w->memo[(hash + i) & (w->memo_cap - 1)];
        if (!m->key || (m->hash == hash && m->n == n && m->split == split && memcmp(m->key, key, n) == 0))
            return m;
    }
    return NULL;
}

static void grow_memo(struct sb_workload *w)
{
    size_t cap = w->memo_cap * 2;
    struct sb_memo *bigger = calloc(cap, sizeof *bigger), *old = w->memo;
    if (!bigger)
        return; /* the table stays as it is: slower, not wrong */
    size_t old_cap = w->memo_cap;
    w->memo = bigger;
    w->memo_cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        if (!old[i].key)
            continue;
        struct sb_memo *m = memo_slot(w, old[i].hash, old[i].key, old[i].n, old[i].split);
        if (m) {
            *m = old[i];
        } else {
            free(old[i].key);
            w->memo_n--;
            w->memo_bytes -= old[i].n;
        }
    }
    free(old);
}

static void remember(struct sb_workload *w, uint64_t hash, const char *key, size_t n, size_t split, struct sb_entry *e)
{
    if (w->memo_bytes + n > MEMO_BYTES)
        empty_memo(w);
    if (w->memo_n * 2 >= w->memo_cap) {
        if (w->memo_cap < MEMO_SLOTS)
            grow_memo(w);
        else
            empty_memo(w);
    }
    struct sb_memo *m = memo_slot(w, hash, key, n, split);
    char *copy = m && !m->key ? sb_strdup_n(key, n) : NULL;
    if (!copy)
        return;
    *m = (struct sb_memo){hash, copy, n, split, e};
    w->memo_n++;
    w->memo_bytes += n;
}

/* ---- adding up ---- */

/* What is kept as a C string: at most max bytes, and nothing behind a NUL. */
static struct sb_span clip(struct sb_span text, size_t max)
{
    if (text.n)
        text.n = strnlen(text.p, text.n);
    if (text.n > max) {
        text.n = max;
        while (text.n && ((unsigned char)text.p[text.n] & 0xC0) == 0x80)
            text.n--;
    }
    return text;
}

/* Adds to the share of a name; a name that does not fit goes to *other. */
static int add_share(struct sb_work_share *shares, size_t max, uint64_t *other, struct sb_span name, uint64_t count)
{
    name = clip(name, MAX_NAME);
    for (size_t i = 0; i < max; i++) {
        if (!shares[i].name) {
            if ((shares[i].name = sb_strdup_n(name.p, name.n)) == NULL)
                return -1;
            shares[i].count = count;
            return 0;
        }
        if (strncmp(shares[i].name, name.p, name.n) == 0 && shares[i].name[name.n] == '\0') {
            shares[i].count += count;
            return 0;
        }
    }
    *other += count;
    return 0;
}

static inline uint64_t counted(int64_t v)
{
    return v > 0 ? (uint64_t)v : 0;
}

static void add_sums(struct sb_work_sums *s, const struct sb_slow_op *op)
{
    s->count++;
    if (op->duration_ms >= 0) {
        uint64_t ms = (uint64_t)op->duration_ms;
        s->timed++;
        s->total_ms += ms;
        s->max_ms = ms > s->max_ms ? ms : s->max_ms;
    }
    s->docs_examined += counted(op->docs_examined);
    s->keys_examined += counted(op->keys_examined);
    s->returned += counted(op->returned);
    s->written += counted(op->inserted) + counted(op->modified) + counted(op->deleted);
    s->sorted += op->has_sort_stage;
    s->spilled += op->used_disk;
    s->errors += op->error_code > 0;
}

void sb_sums_add(struct sb_work_sums *to, const struct sb_work_sums *s)
{
    to->count += s->count;
    to->timed += s->timed;
    to->total_ms += s->total_ms;
    to->max_ms = s->max_ms > to->max_ms ? s->max_ms : to->max_ms;
    to->docs_examined += s->docs_examined;
    to->keys_examined += s->keys_examined;
    to->returned += s->returned;
    to->written += s->written;
    to->sorted += s->sorted;
    to->spilled += s->spilled;
    to->errors += s->errors;
}

/* The bucket of the ring for a time, emptied when it held an older one; NULL when the time is too old. */
static struct sb_ring_bucket *bucket_at(const struct sb_workload *w, struct sb_entry *e, int64_t at_ms)
{
    if (!w->options.buckets || at_ms == SB_NO_TIME || at_ms < 0)
        return NULL;
    if (!e->ring && !(e->ring = calloc(w->options.buckets, sizeof *e->ring)))
        return NULL; /* the window then says that it is not complete */
    int64_t number = at_ms / w->options.bucket_ms + 1; /* 0 marks one that was never used */
    struct sb_ring_bucket *b = &e->ring[(size_t)number % w->options.buckets];
    if (b->number > number)
        return NULL;
    if (b->number < number) {
        memset(b, 0, sizeof *b);
        b->number = number;
    }
    return b;
}

static void add_to_ring(struct sb_workload *w, struct sb_entry *e, const struct sb_slow_op *op)
{
    struct sb_ring_bucket *b = bucket_at(w, e, op->at_ms);
    if (!b) {
        e->ring_missing = e->ring_missing || w->options.buckets;
        return;
    }
    add_sums(&b->sums, op);
    if (op->duration_ms >= 0) {
        uint16_t *n = &b->coarse[sb_coarse_bucket((uint64_t)op->duration_ms)];
        *n += *n < UINT16_MAX;
    }
}

static void note_times(struct sb_entry *e, int64_t first_ms, int64_t last_ms)
{
    if (first_ms == SB_NO_TIME)
        return;
    if (e->work.first_ms == SB_NO_TIME || first_ms < e->work.first_ms)
        e->work.first_ms = first_ms;
    if (last_ms > e->work.last_ms)
        e->work.last_ms = last_ms;
}

/* Keeps the command when it is slower than the one that is kept; of commands whose duration is not known, the first. */
static int keep_example(struct sb_workload *w, struct sb_entry *e, const struct sb_doc *doc, int64_t ms)
{
    if (!w->options.examples || (e->work.example.n && ms <= e->work.example_ms) || doc->form == SB_DOC_NONE || doc->cut || doc->n > SB_WORK_EXAMPLE_MAX)
        return 0;
    size_t before = e->work.example.n;
    if (w->bytes - before + doc->n > w->options.max_bytes)
        return 0;
    char *copy = sb_strdup_n(doc->p, doc->n);
    if (!copy)
        return -1;
    free((char *)e->work.example.p);
    e->work.example = (struct sb_doc){doc->form, false, copy, doc->n};
    e->work.example_ms = ms;
    w->bytes = w->bytes - before + doc->n;
    return 0;
}

static int set_hash(struct sb_entry *e, struct sb_span hash)
{
    hash = clip(hash, MAX_NAME);
    const char *old = e->work.query_hash;
    if (old && strncmp(old, hash.p, hash.n) == 0 && old[hash.n] == '\0')
        return 0;
    char *copy = sb_strdup_n(hash.p, hash.n);
    if (!copy)
        return -1;
    free(e->work.query_hash);
    e->work.query_hash = copy;
    return 0;
}

static int add_to_entry(struct sb_workload *w, struct sb_entry *e, const struct sb_slow_op *op)
{
    int rc = 0;
    add_sums(&e->work.sums, op);
    if (op->duration_ms >= 0) {
        uint32_t *n = &e->fine[sb_fine_bucket((uint64_t)op->duration_ms)];
        *n += *n < UINT32_MAX;
    }
    note_times(e, op->at_ms, op->at_ms);
    if (op->at_ms > w->newest_ms)
        w->newest_ms = op->at_ms;
    if (w->options.buckets)
        add_to_ring(w, e, op);
    if (op->error_code > 0)
        e->work.last_error = op->error_code;
    if (e == w->other)
        return 0; /* names and examples of everything and nothing */
    if (op->plan.n)
        rc |= add_share(e->work.plans, SB_WORK_MAX_PLANS, &e->work.plans_other, op->plan, 1);
    if (op->app.n)
        rc |= add_share(e->work.apps, SB_WORK_MAX_APPS, &e->work.apps_other, op->app, 1);
    if (op->query_hash.n)
        rc |= set_hash(e, op->query_hash);
    if (!e->work.example.n || op->duration_ms > e->work.example_ms)
        rc |= keep_example(w, e, op->originating.form != SB_DOC_NONE ? &op->originating : &op->command, op->duration_ms);
    return rc;
}

static int count_op(struct sb_workload *w, const struct sb_slow_op *op, struct sb_err *err)
{
    struct sb_span ns = clip(op->ns, MAX_NS);
    size_t n = sb_shape_reduce(op, w->key, SB_SHAPE_MAX_SKELETON), key_n = n + ns.n;
    if (ns.n)
        memcpy(w->key + n, ns.p, ns.n);
    uint64_t hash = sb_mix(n, w->key, key_n);
    struct sb_memo *m = memo_slot(w, hash, w->key, key_n, n);
    struct sb_entry *e = m && m->key ? m->entry : NULL;
    if (!e) {
        e = claim(w, ns.p ? ns : SB_SPAN(""), w->key, n, err);
        if (!e) {
            w->lost++;
            return sb_fail_nomem(err);
        }
        remember(w, hash, w->key, key_n, n, e);
    }
    return add_to_entry(w, e, op) ? sb_fail_nomem(err) : 0;
}

int sb_workload_add(struct sb_workload *w, const struct sb_slow_op *op, struct sb_err *err)
{
    if (op->envelope) {
        if (sb_envelopes_take(w->envelopes, op, err) == 0)
            return 0;
        return -1;
    }
    if (op->kind == SB_OP_UPDATE || op->kind == SB_OP_REMOVE)
        sb_envelopes_write(w->envelopes, op);
    return count_op(w, op, err);
}

int sb_workload_settle(struct sb_workload *w, int64_t before_ms, struct sb_err *err)
{
    return sb_envelopes_settle(w->envelopes, before_ms, err);
}

/* ---- merging and forgetting ---- */

static int merge_entry(struct sb_workload *w, struct sb_entry *e, const struct sb_workload *from, const struct sb_entry *f)
{
    int rc = 0;
    sb_sums_add(&e->work.sums, &f->work.sums);
    for (size_t i = 0; i < FINE_BUCKETS; i++)
        e->fine[i] = e->fine[i] > UINT32_MAX - f->fine[i] ? UINT32_MAX : e->fine[i] + f->fine[i];
    note_times(e, f->work.first_ms, f->work.last_ms);
    if (f->work.last_error)
        e->work.last_error = f->work.last_error;
    e->ring_missing = e->ring_missing || f->ring_missing;
    bool same_ring = w->options.buckets == from->options.buckets && w->options.bucket_ms == from->options.bucket_ms;
    for (size_t i = 0; f->ring && same_ring && i < w->options.buckets; i++) {
        if (!f->ring[i].number)
            continue;
        struct sb_ring_bucket *b = bucket_at(w, e, (f->ring[i].number - 1) * w->options.bucket_ms);
        if (!b)
            continue;
        sb_sums_add(&b->sums, &f->ring[i].sums);
        for (size_t k = 0; k < COARSE_BUCKETS; k++) {
            unsigned sum = (unsigned)b->coarse[k] + f->ring[i].coarse[k];
            b->coarse[k] = (uint16_t)(sum < UINT16_MAX ? sum : UINT16_MAX);
        }
    }
    if (e == w->other)
        return 0;
    for (size_t i = 0; i < SB_WORK_MAX_PLANS && f->work.plans[i].name; i++)
        rc |= add_share(e->work.plans, SB_WORK_MAX_PLANS, &e->work.plans_other,
                        (struct sb_span){f->work.plans[i].name, strlen(f->work.plans[i].name)}, f->work.plans[i].count);
    for (size_t i = 0; i < SB_WORK_MAX_APPS && f->work.apps[i].name; i++)
        rc |= add_share(e->work.apps, SB_WORK_MAX_APPS, &e->work.apps_other,
                        (struct sb_span){f->work.apps[i].name, strlen(f->work.apps[i].name)}, f->work.apps[i].count);
    e->work.plans_other += f->work.plans_other;
    e->work.apps_other += f->work.apps_other;
    if (f->work.query_hash)
        rc |= set_hash(e, (struct sb_span){f->work.query_hash, strlen(f->work.query_hash)});
    return rc | keep_example(w, e, &f->work.example, f->work.example_ms);
}

int sb_workload_merge(struct sb_workload *into, struct sb_workload *from, struct sb_err *err)
{
    if (sb_workload_settle(into, INT64_MAX, err) || sb_workload_settle(from, INT64_MAX, err))
        return -1;
    into->lost += from->lost;
    if (from->newest_ms > into->newest_ms)
        into->newest_ms = from->newest_ms;
    for (size_t i = 0; i < from->n; i++) {
        const struct sb_entry *f = from->entries[i];
        struct sb_span ns = {f->work.ns, strlen(f->work.ns)};
        struct sb_entry *e = claim(into, ns, f->skeleton, f->skeleton_n, err);
        if (!e)
            into->lost += f->work.sums.count;
        if (!e || merge_entry(into, e, from, f))
            return sb_fail_nomem(err);
    }
    if (from->other) {
        struct sb_entry *e = other_entry(into, err);
        if (!e || merge_entry(into, e, from, from->other))
            return sb_fail_nomem(err);
    }
    return 0;
}

int sb_workload_forget(struct sb_workload *w, int64_t before_ms, struct sb_err *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct sb_entry *e = w->entries[i];
        if (e->work.last_ms >= before_ms) {
            w->entries[kept++] = e;
            continue;
        }
        size_t bytes = e->shape->bytes + sizeof *e + e->skeleton_n + e->work.example.n;
        w->bytes -= bytes < w->bytes ? bytes : w->bytes;
        free_entry(e);
    }
    if (kept == w->n)
        return 0;
    w->n = kept;
    empty_memo(w); /* it points at entries */
    memset(w->index, 0, w->index_cap * sizeof(struct sb_entry *));
    for (size_t i = 0; i < w->n; i++)
        put_in_index(w, w->entries[i]);
    (void)err;
    return 0;
}
