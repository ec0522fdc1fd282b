/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of an index before it is there: documents examined, size, keys written, latencies. Each with its bounds, with
 * what it rests on, and with a badge that is "estimated" unless the bounds are as narrow as a claim is held to afterwards. */
#include "optimizer.h"

#include <signalbox/model/claim.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define ENTRY_BYTES 8       /* of an entry beside its values: the record's number and the page's share */
#define VALUE_BYTES 10      /* of one value that no sample has shown */
#define PAGE_BYTES 4096     /* what files grow by */
#define LEAST_PAGES 10      /* of an index that others are held against */
#define LEAST_SAMPLED 100   /* documents, to speak of a mean size */
#define LEAST_WRITES 100    /* to speak of a rate */
#define AGREE 1.25          /* how far apart the indexes that exist may be, bytes against what their keys hold */
#define SURE 2.25           /* bounds of a rate: within a factor of 1.5 of their geometric mean */
#define UNKNOWN_SHARE 0.1   /* of the documents that a predicate leaves, of which no sample tells */
#define RANGE_SHARE 0.33
#define OTHER_COSTS 4       /* what a write costs beside its indexes, in keys */
#define SLOW_US 100000      /* by default a server writes down what takes longer */

static void claim(struct sb_index_claim *c, double value, double least, double most, bool founded)
{
    c->value = value < 9e15 ? (int64_t)(value + 0.5) : INT64_C(9000000000000000);
    c->least = least < 9e15 ? (int64_t)(least + 0.5) : c->value;
    c->most = most < 9e15 ? (int64_t)(most + 0.5) : INT64_C(9000000000000000);
    snprintf(c->badge, sizeof c->badge, "%s", founded ? "measured" : SB_BADGE_ESTIMATED);
    c->why[0] = '\0';
}

/* ---- documents examined ---- */

static bool in_key(const struct candidate *key, const char *path)
{
    for (size_t i = 0; i < key->n; i++)
        if (strcmp(key->field[i].path, path) == 0)
            return true;
    return false;
}

static bool narrow(const struct sb_predicate *p)
{
    return p->class_ == SB_PREDICATE_EQUALITY || p->class_ == SB_PREDICATE_IN || p->class_ == SB_PREDICATE_RANGE || p->class_ == SB_PREDICATE_IN_BIG ||
           p->class_ == SB_PREDICATE_REGEX_PREFIX;
}

static bool counts_documents(const struct sb_shape *s)
{
    switch (s->kind) {
    case SB_OP_FIND:
    case SB_OP_UPDATE:
    case SB_OP_REMOVE:
    case SB_OP_FIND_AND_MODIFY:
    case SB_OP_GETMORE:
        return true;
    default:
        return s->kind == SB_OP_AGGREGATE && !strstr(s->stages, "$group") && !strstr(s->stages, "$unwind") && !strstr(s->stages, "$lookup") && !strstr(s->stages, "$skip") &&
               !strstr(s->stages, "$count") && !strstr(s->stages, "$facet") && !strstr(s->stages, "$sample") && !strstr(s->stages, "$redact");
    }
}

/* Documents that are passed over are examined as well; a shape does not tell whether there are any. */
static bool skips(const struct candidate *c)
{
    bson_t *example = sb_example_document(&c->work->example);
    bool yes = !example || bson_has_field(example, "skip");
    if (example)
        bson_destroy(example);
    return yes;
}

/* Whether the key finds exactly what the shape returns, no document in vain. why: what stands in the way. */
static bool exact(const struct sb_index_question *q, const struct candidate *c, const struct candidate *key, char *why, size_t cap)
{
    const struct sb_shape *s = c->work->shape;
    if (c->arm || s->arms_n > 1) {
        snprintf(why, cap, "it rests on the other arms of the $or as well");
        return false;
    }
    if (c->inner || !counts_documents(s)) {
        snprintf(why, cap, "%s does not return what it reads", s->op);
        return false;
    }
    if (skips(c)) {
        snprintf(why, cap, "it may pass over documents (skip)");
        return false;
    }
    for (size_t i = 0; i < s->predicates_n; i++) {
        const struct sb_predicate *p = &s->predicates[i];
        const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, p->path);
        if (!narrow(p) || !in_key(key, p->path)) {
            snprintf(why, cap, "its %s on %.80s is not answered by the key", p->op, p->path);
            return false;
        }
        if (!f || (f->array && p->class_ != SB_PREDICATE_EQUALITY && p->class_ != SB_PREDICATE_IN)) {
            snprintf(why, cap, "%.80s is %s", p->path, f ? "an array, of which a range may be met by two elements" : "not known from a sample");
            return false;
        }
        if (p->class_ == SB_PREDICATE_IN && s->sorts_n) {
            snprintf(why, cap, "it sorts what several values of %.80s bring", p->path);
            return false;
        }
    }
    return true;
}

/* Documents that are left to be read, as far as the sample tells. */
static double matched(const struct sb_index_question *q, const struct candidate *c, const struct candidate *key)
{
    double left = (double)q->catalogue->documents, sampled = (double)q->catalogue->sampled;
    for (size_t i = 0; i < c->work->shape->predicates_n; i++) {
        const struct sb_predicate *p = &c->work->shape->predicates[i];
        const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, p->path);
        if (p->arm || !narrow(p) || !in_key(key, p->path))
            continue;
        double values = f ? (double)f->distinct_ppm / 1e6 * sampled : 0;
        left *= p->class_ == SB_PREDICATE_RANGE || p->class_ == SB_PREDICATE_REGEX_PREFIX || p->class_ == SB_PREDICATE_IN_BIG ? RANGE_SHARE : values >= 1 ? 1 / values : UNKNOWN_SHARE;
    }
    return left;
}

bool sb_claim_docs(const struct sb_index_question *q, const struct candidate *c, const struct candidate *key, struct sb_index_claim *out)
{
    char why[sizeof out->why];
    if (c->sums.count == 0 || c->work->shape->kind == SB_OP_COUNT || c->work->shape->kind == SB_OP_DISTINCT)
        return false; /* these read no document at all where the key covers them, and return none */
    if (exact(q, c, key, why, sizeof why)) {
        claim(out, 1, 1, 1, true);
        snprintf(out->why, sizeof out->why, "the key answers the whole filter and the sort");
        return true;
    }
    double used = (double)sb_work_used(c->work->shape, &c->sums) / (double)c->sums.count, each = matched(q, c, key) / (used > 1 ? used : 1);
    each = each > c->ratio ? c->ratio : each < 1 ? 1 : each;
    claim(out, each, 1, c->ratio > 1 ? c->ratio : 1, false);
    snprintf(out->why, sizeof out->why, "selectivity of the sample; %.150s", why);
    return true;
}

/* ---- size ---- */

int64_t sb_claim_entries_milli(const struct sb_index_question *q, const bson_t *key)
{
    int64_t most = 1000;
    bson_iter_t it;
    bool more = bson_iter_init(&it, key);
    while (more && bson_iter_next(&it)) {
        const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, bson_iter_key(&it));
        if (!f || !f->array || f->array_mean_milli <= 1000)
            continue;
        int64_t entries = 1000 + (f->array_mean_milli - 1000) * f->present_ppm / 1000000; /* who lacks it has one entry all the same */
        most = entries > most ? entries : most;
    }
    return most;
}

/* What the entries of an average document hold, in bytes. *known: a sample has shown every field. */
static double held(const struct sb_index_question *q, const bson_t *key, bool *known)
{
    double bytes = ENTRY_BYTES;
    bson_iter_t it;
    bool more = bson_iter_init(&it, key);
    *known = true;
    while (more && bson_iter_next(&it)) {
        const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, bson_iter_key(&it));
        int64_t each = f && f->key_bytes ? f->key_bytes : f ? f->value_bytes : 0;
        bool seen = each > 0 && f->present_ppm > 0;
        double present = seen ? (double)f->present_ppm / 1e6 : 1, values = present * (seen && f->array && f->array_mean_milli > 1000 ? (double)f->array_mean_milli / 1000 : 1);
        bytes += seen ? ((double)each * values + (1 - present)) / (values + 1 - present) : VALUE_BYTES; /* who lacks it has an entry that says so */
        *known &= seen;
    }
    return bytes * (double)sb_claim_entries_milli(q, key) / 1000;
}

/* How many bytes the indexes that exist take for each that their keys hold: pages, prefixes and gaps are in it. */
struct scale {
    size_t n;
    double bytes, hold, least, most;
};

static void weigh(const struct sb_index_question *q, struct scale *s)
{
    const struct sb_catalogue *c = q->catalogue;
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < c->indexes_n; i++) {
        const struct sb_index_info *x = &c->indexes[i];
        bson_t *key = x->key ? bson_new_from_json((const uint8_t *)x->key, -1, NULL) : NULL;
        bool known = false, ordered = x->fields_n > 0;
        for (size_t k = 0; k < x->fields_n; k++)
            ordered &= x->fields[k].direction != 0;
        double hold = key ? held(q, key, &known) * (double)c->documents : 0;
        if (key)
            bson_destroy(key);
        if (!known || !ordered || hold <= 0 || x->sparse || x->partial || x->building || x->bytes < LEAST_PAGES * PAGE_BYTES)
            continue;
        double one = (double)x->bytes / hold;
        s->least = s->n == 0 || one < s->least ? one : s->least;
        s->most = s->n == 0 || one > s->most ? one : s->most;
        s->bytes += (double)x->bytes;
        s->hold += hold;
        s->n++;
    }
}

static double in_pages(double bytes)
{
    return bytes > PAGE_BYTES ? ceil(bytes / PAGE_BYTES) * PAGE_BYTES : PAGE_BYTES;
}

static void claim_bytes(const struct sb_index_question *q, const bson_t *key, bool narrowed, struct sb_index_claim *out)
{
    const struct sb_catalogue *c = q->catalogue;
    struct scale s;
    bool known;
    double hold = held(q, key, &known) * (double)c->documents;
    weigh(q, &s);
    double by = s.n ? s.bytes / s.hold : 1, share = c->documents > 0 ? 100.0 * (double)c->sampled / (double)c->documents : 0;
    bool agree = s.n >= 2 && s.most <= s.least * AGREE, founded = agree && known && !narrowed && c->sampled >= LEAST_SAMPLED && hold * by >= LEAST_PAGES * PAGE_BYTES;
    double low = agree ? s.least : s.n ? s.least / 2 : by / 3, high = agree ? s.most : s.n ? s.most * 2 : by * 2;
    claim(out, in_pages(hold * by), narrowed ? 0 : in_pages(hold * low), in_pages(hold * high), founded);
    if (founded)
        snprintf(out->badge, sizeof out->badge, "sampled %.1f %%", share > 100 ? 100 : share);
    if (narrowed)
        snprintf(out->why, sizeof out->why, "value sizes of the sample; how many documents its options leave out is not known");
    else if (!s.n)
        snprintf(out->why, sizeof out->why, "value sizes of the sample; no index of the collection tells what a byte of a key takes");
    else
        snprintf(out->why, sizeof out->why, "value sizes of the sample, and %.2f bytes for each of them as in %zu index%s that exist%s", by, s.n, s.n == 1 ? "" : "es",
                 agree ? "" : s.n == 1 ? ", which is only one" : ", which differ");
}

/* ---- keys written ---- */

/* Something removes documents that the counters of operations do not show one by one. */
static const char *unseen_removals(const struct sb_index_question *q)
{
    for (size_t i = 0; i < q->catalogue->indexes_n; i++)
        if (q->catalogue->indexes[i].ttl)
            return "a TTL index removes documents on its own";
    for (size_t i = 0; i < sb_workload_size(q->workload); i++) {
        const struct sb_work *w = sb_workload_at(q->workload, i);
        if (sb_streq(w->ns, q->ns) && w->shape->multi)
            return "some writes change more than one document";
    }
    return NULL;
}

static bool claim_keys(const struct sb_index_question *q, int64_t entries_milli, bool narrowed, struct sb_index_claim *out)
{
    struct sb_ns_work w;
    sb_history_window(q->history, q->ns, q->from, q->to, &w);
    if (w.covered_ms <= 0)
        return false;
    int64_t other = w.writes - w.inserts - w.updates - w.removes; /* findAndModify and the like; all, where a server tells no kinds */
    bool kinds = w.inserts || w.updates || w.removes;
    other = other > 0 ? other : 0;
    double each = (double)entries_milli / 1000, s = (double)w.covered_ms / 1e6; /* milli */
    double sure = (double)(w.inserted_least > w.inserts ? w.inserted_least : w.inserts) + (double)w.removes;
    double most = (double)(w.inserted_most > w.inserts ? w.inserted_most : w.inserts) + (double)w.removes + 2 * (double)(w.updates + other);
    const char *unseen = unseen_removals(q);
    double chance = sure > 0 ? 2 / sqrt(sure) : 1, low = sure * (chance < 1 ? 1 - chance : 0), high = most * (1 + chance); /* of a number that was counted once, 95 % */
    bool founded = kinds && !narrowed && !unseen && w.writes >= LEAST_WRITES && high <= SURE * low;
    double value = sure > 0 ? sqrt(sure * most) : most / 2; /* as far from either bound, as a factor */
    claim(out, value * each / s, (narrowed ? 0 : low * each) / s, high * each / s, founded);
    snprintf(out->why, sizeof out->why, "%" PRId64 " inserts, %" PRId64 " removes, %" PRId64 " updates and %" PRId64 " others in %" PRId64 " s, %.2f keys a document%s%s", w.inserts,
             w.removes, w.updates, other, w.covered_ms / 1000, each, unseen ? "; " : w.updates + other ? "; which updates change the key is not known" : "", unseen ? unseen : "");
    return true;
}

int sb_claim_cost(const struct sb_index_question *q, const char *key, const char *options, struct sb_index_cost *out)
{
    memset(out, 0, sizeof *out);
    bson_t *doc = bson_new_from_json((const uint8_t *)key, -1, NULL), *opt = bson_new_from_json((const uint8_t *)(options ? options : "{}"), -1, NULL);
    int rc = doc && opt ? 0 : -1;
    if (rc == 0) {
        bool narrowed = bson_has_field(opt, "partialFilterExpression") || bson_has_field(opt, "sparse");
        out->entries_milli = sb_claim_entries_milli(q, doc);
        claim_bytes(q, doc, narrowed, &out->bytes);
        out->knows_writes = claim_keys(q, out->entries_milli, narrowed, &out->keys_per_s_milli);
    }
    if (doc)
        bson_destroy(doc);
    if (opt)
        bson_destroy(opt);
    return rc;
}

/* ---- latencies ---- */

bool sb_claim_read_us(const struct sb_index_question *q, const struct candidate *lead, const struct sb_ns_work *now, struct sb_index_claim *out)
{
    struct sb_index_claim docs;
    if (!sb_claim_docs(q, lead, lead, &docs) || lead->sums.written || now->reads <= 0 || lead->ratio <= 1)
        return false;
    double saved = (double)lead->sums.total_ms * 1000 * (1 - (double)docs.value / lead->ratio), all = (double)now->read_us;
    double after = saved < all * 0.95 ? all - saved : all * 0.05; /* logged times are rounded and overlap: something always remains */
    claim(out, after / (double)now->reads, 0, all / (double)now->reads, false);
    return true;
}

void sb_claim_write_us(const struct sb_index_question *q, int64_t mean_us, const struct sb_index_cost *cost, struct sb_index_claim *out)
{
    double more = (double)cost->entries_milli / 1000 / (double)(OTHER_COSTS + q->catalogue->indexes_n);
    claim(out, (double)mean_us * (1 + more), (double)mean_us, (double)mean_us * (1 + 3 * more), false);
}

bool sb_claim_p95(const struct candidate *c, int64_t us, const struct sb_index_claim *docs, struct sb_index_claim *out)
{
    double share = docs && c->ratio > 0 ? (double)docs->value / c->ratio : 1;
    if (!docs || share >= 1 || (double)us * share < SLOW_US)
        return false; /* nobody writes down what is faster: there will be nothing to hold it against */
    claim(out, (double)us * share, 0, (double)us, false);
    return true;
}
