/* SPDX-License-Identifier: Apache-2.0
 *
 * workload.c - the entries, and how an operation finds its own. workload_merge.c has what joins and what leaves,
 * workload_read.c the questions.
 */
#include "workload.h"

#include "mix.h"

#include <signalbox/base/array.h>
#include <signalbox/telemetry/envelope.h>

#define DEFAULT_SHAPES 4096
#define DEFAULT_BYTES ((size_t)64 << 20)
#define MAX_NS 1024
#define MAX_NAME 256 /* of an application or hash: longer ones are cut */
#define MAX_PLAN 1024

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

void sb_entry_free(struct sb_entry *e)
{
    if (!e)
        return;
    free(e->work.ns);
    sb_shape_free(e->shape);
    sb_shares_release(&e->work.plans);
    sb_shares_release(&e->work.apps);
    free(e->work.query_hash);
    free((char *)e->work.example.p);
    free(e->skeleton);
    free(e->ring);
    free(e);
}

void sb_workload_empty_memo(struct sb_workload *w)
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
        sb_entry_free(w->entries[i]);
    sb_entry_free(w->other);
    if (w->memo)
        sb_workload_empty_memo(w);
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

void sb_workload_index(struct sb_workload *w, struct sb_entry *e)
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
        sb_workload_index(w, w->entries[i]);
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
        e->min_ms = UINT64_MAX;
        e->work.ns = sb_strdup_n(ns.p, ns.n);
        e->skeleton = sb_strdup_n(skeleton, n);
        e->skeleton_n = n;
        e->hash = entry_hash(ns.p, ns.n, shape->fingerprint);
    } else {
        sb_shape_free(shape);
    }
    if (e && (!e->work.ns || !e->skeleton)) {
        sb_entry_free(e);
        return NULL;
    }
    return e;
}

struct sb_entry *sb_workload_other_entry(struct sb_workload *w, struct sb_err *err)
{
    static const char skeleton[] = {'0', (char)('a' + SB_OP_COMMAND), '"', 5, 'o', 't', 'h', 'e', 'r'};
    if (!w->other) {
        struct sb_shape *shape = sb_shape_parse(skeleton, sizeof skeleton, err);
        if (shape)
            w->other = make_entry(SB_SPAN("*"), shape, skeleton, sizeof skeleton);
    }
    return w->other;
}

static bool is_full(const struct sb_workload *w, const struct sb_shape *shape)
{
    return w->n >= w->options.max_shapes || w->bytes + shape->bytes > w->options.max_bytes;
}

struct sb_entry *sb_workload_claim(struct sb_workload *w, struct sb_span ns, const char *skeleton, size_t n, struct sb_err *err)
{
    struct sb_shape *shape = sb_shape_parse(skeleton, n, err);
    if (!shape)
        return NULL;
    struct sb_entry *e = sb_workload_entry(w, ns.p, ns.n, shape->fingerprint);
    if (e || (is_full(w, shape) && (sb_workload_make_room(w, err) || is_full(w, shape)))) {
        sb_shape_free(shape);
        return e ? e : sb_workload_other_entry(w, err);
    }
    size_t bytes = shape->bytes + sizeof *e + n;
    if ((e = make_entry(ns, shape, skeleton, n)) == NULL)
        return NULL;
    bool half_full = (w->n + 1) * 2 > w->index_cap;
    if (SB_GROW(w->entries, w->cap, w->n + 1) || (half_full && rebuild_index(w, w->index_cap ? w->index_cap * 2 : 64))) {
        sb_entry_free(e);
        return NULL;
    }
    w->entries[w->n++] = e;
    w->bytes += bytes;
    sb_workload_index(w, e);
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
        sb_workload_empty_memo(w);
    if (w->memo_n * 2 >= w->memo_cap) {
        if (w->memo_cap < MEMO_SLOTS)
            grow_memo(w);
        else
            sb_workload_empty_memo(w);
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
    if (text.n > max)
        text.n = sb_utf8_whole(text.p, max);
    return text;
}

static inline uint64_t counted(int64_t v)
{
    return v > 0 ? (uint64_t)v : 0;
}

/* What is told of names beside the numbers. */
static int add_names(struct sb_entry *e, const struct sb_slow_op *op, uint64_t n)
{
    int rc = 0;
    if (op->plan.n)
        rc |= sb_shares_add(&e->work.plans, SB_WORK_MAX_PLANS, clip(op->plan, MAX_PLAN), n);
    if (op->app.n)
        rc |= sb_shares_add(&e->work.apps, SB_WORK_MAX_APPS, clip(op->app, MAX_NAME), n);
    return rc;
}

static void add_sums(struct sb_work_sums *s, const struct sb_slow_op *op)
{
    s->count++;
    if (op->duration_ms >= 0) {
        uint64_t ms = (uint64_t)op->duration_ms;
        s->timed++;
        s->total_ms = ms > UINT64_MAX - s->total_ms ? UINT64_MAX : s->total_ms + ms;
        s->max_ms = ms > s->max_ms ? ms : s->max_ms;
    }
    s->docs_examined += counted(op->docs_examined);
    s->keys_examined += counted(op->keys_examined);
    s->returned += counted(op->returned);
    s->written += counted(op->inserted) + counted(op->modified) + counted(op->deleted);
    s->sorted += op->has_sort_stage;
    s->spilled += op->used_disk;
    s->errors += op->error_code > 0;
    s->views += op->on_view;
}

void sb_sums_add(struct sb_work_sums *to, const struct sb_work_sums *s)
{
    to->count += s->count;
    to->timed += s->timed;
    to->total_ms = s->total_ms > UINT64_MAX - to->total_ms ? UINT64_MAX : to->total_ms + s->total_ms;
    to->max_ms = s->max_ms > to->max_ms ? s->max_ms : to->max_ms;
    to->docs_examined += s->docs_examined;
    to->keys_examined += s->keys_examined;
    to->returned += s->returned;
    to->written += s->written;
    to->sorted += s->sorted;
    to->spilled += s->spilled;
    to->errors += s->errors;
    to->views += s->views;
}

struct sb_ring_bucket *sb_entry_bucket(const struct sb_workload *w, struct sb_entry *e, int64_t at_ms)
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
    struct sb_ring_bucket *b = sb_entry_bucket(w, e, op->at_ms);
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

void sb_entry_note_times(struct sb_entry *e, int64_t first_ms, int64_t last_ms)
{
    if (first_ms == SB_NO_TIME)
        return;
    if (e->work.first_ms == SB_NO_TIME || first_ms < e->work.first_ms)
        e->work.first_ms = first_ms;
    if (last_ms > e->work.last_ms)
        e->work.last_ms = last_ms;
}

int sb_entry_keep_example(struct sb_workload *w, struct sb_entry *e, const struct sb_doc *doc, int64_t ms)
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

int sb_entry_set_hash(struct sb_entry *e, struct sb_span hash)
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
        if ((uint64_t)op->duration_ms < e->min_ms)
            e->min_ms = (uint64_t)op->duration_ms;
        uint32_t *n = &e->fine[sb_fine_bucket((uint64_t)op->duration_ms)];
        *n += *n < UINT32_MAX;
    }
    sb_entry_note_times(e, op->at_ms, op->at_ms);
    if (op->at_ms > w->newest_ms)
        w->newest_ms = op->at_ms;
    if (w->options.buckets)
        add_to_ring(w, e, op);
    if (op->error_code > 0)
        e->work.last_error = op->error_code;
    if (e == w->other)
        return 0; /* names and examples of everything and nothing */
    rc |= add_names(e, op, 1);
    if (op->query_hash.n)
        rc |= sb_entry_set_hash(e, op->query_hash);
    if (!e->work.example.n || op->duration_ms > e->work.example_ms)
        rc |= sb_entry_keep_example(w, e, op->originating.form != SB_DOC_NONE ? &op->originating : &op->command, op->duration_ms);
    return rc;
}

/* NULL out of memory: it is counted as lost. */
static struct sb_entry *entry_of(struct sb_workload *w, const struct sb_slow_op *op, struct sb_err *err)
{
    struct sb_span ns = clip(op->ns, MAX_NS);
    size_t n = sb_shape_reduce(op, w->key, SB_SHAPE_MAX_SKELETON), key_n = n + ns.n;
    if (ns.n)
        memcpy(w->key + n, ns.p, ns.n);
    uint64_t hash = sb_mix(n, w->key, key_n);
    struct sb_memo *m = memo_slot(w, hash, w->key, key_n, n);
    struct sb_entry *e = m && m->key ? m->entry : NULL;
    if (!e) {
        e = sb_workload_claim(w, ns.p ? ns : SB_SPAN(""), w->key, n, err);
        if (!e) {
            w->lost++;
            sb_fail_nomem(err);
            return NULL;
        }
        remember(w, hash, w->key, key_n, n, e);
    }
    return e;
}

static int count_op(struct sb_workload *w, const struct sb_slow_op *op, struct sb_err *err)
{
    struct sb_entry *e = entry_of(w, op, err);
    return e ? add_to_entry(w, e, op) ? sb_fail_nomem(err) : 0 : -1;
}

int sb_workload_add_sum(struct sb_workload *w, const struct sb_slow_op *sum, uint64_t executions, int64_t first_ms, struct sb_err *err)
{
    struct sb_work_sums s = {0};
    struct sb_entry *e = executions ? entry_of(w, sum, err) : NULL;
    if (!e)
        return executions ? -1 : 0;
    add_sums(&s, sum);
    s.count = executions;
    s.timed = s.timed ? executions : 0;
    s.max_ms = 0;
    s.sorted = s.sorted ? executions : 0;
    s.spilled = s.spilled ? executions : 0;
    s.views = s.views ? executions : 0;
    sb_sums_add(&e->work.sums, &s);
    if (sum->at_ms != SB_NO_TIME)
        sb_entry_note_times(e, first_ms == SB_NO_TIME ? sum->at_ms : first_ms, sum->at_ms);
    return add_names(e, sum, executions) ? sb_fail_nomem(err) : 0;
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

void sb_workload_pass(struct sb_workload *w, const struct sb_slow_op *op)
{
    if (!op->envelope && (op->kind == SB_OP_UPDATE || op->kind == SB_OP_REMOVE))
        sb_envelopes_write(w->envelopes, op);
}

int sb_workload_settle(struct sb_workload *w, int64_t before_ms, struct sb_err *err)
{
    return sb_envelopes_settle(w->envelopes, before_ms, err);
}
