/* SPDX-License-Identifier: Apache-2.0
 *
 * The advice for a live deployment against the best that there is, on real documents. Seeded collections are filled, 60 shapes on
 * 8 of them are run by this file's own executor, what it examined is told to the optimizer as a log would, with a sample of the
 * documents and the indexes that exist; then the same shapes are run with what it proposes, and with every set of indexes.
 * SIGNALBOX_OPTIMUM: "FROM TO", the seeds; those from 1000 on were never tuned on. */
#include "test.h"

#include <signalbox/agents/index_optimizer.h>
#include <signalbox/base/rng.h>
#include <signalbox/formats/mongolog.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENTS 3000
#define SAMPLE 500
#define COLLECTIONS 8
#define SHAPES 60 /* of all of them */
#define SEEDS 8
#define DRAWS 5   /* operations of a shape with values of their own, each told some times */
#define MOST_VALUES 4
#define MOST_PREDICATES 4
#define KEY 0.1       /* documents that a key is worth */
#define MOST_FIELDS 4 /* of a key that is tried */
#define NOW "2026-11-23T09:05:10.707Z"
#define NOW_MS INT64_C(1795424710707)

/* ---- documents ---- */

enum { ACCOUNT, CUSTOMER, KIND, AT, TAGS, REFS, NAME, PRICE, FIELDS };

static const char *const names[FIELDS] = {"account", "customer", "kind", "at", "tags", "refs", "name", "price"};

struct document {
    int n[FIELDS], v[FIELDS][MOST_VALUES];
};

static struct document docs[DOCUMENTS];

static bool is_list(int field)
{
    return field == TAGS || field == REFS;
}

static void fill(struct sb_rng *r)
{
    static const int distinct[FIELDS] = {DOCUMENTS / 3, 150, 12, DOCUMENTS, 60, 300, 676, 400};
    for (int i = 0; i < DOCUMENTS; i++)
        for (int f = 0; f < FIELDS; f++) {
            docs[i].n[f] = is_list(f) ? 1 + (int)sb_rng_below(r, MOST_VALUES) : 1;
            for (int k = 0; k < docs[i].n[f]; k++)
                docs[i].v[f][k] = (int)sb_rng_below(r, (uint64_t)distinct[f]);
        }
}

/* ---- shapes ---- */

enum op { EQUAL, ONE_OF, RANGE, BEGINS, UNEQUAL, CONTAINS };

struct predicate {
    int field;
    enum op op;
    int from[DRAWS], to[DRAWS], list[DRAWS][3];
};

struct shape {
    struct predicate p[MOST_PREDICATES];
    int n, sorts, sort[2], turn[2], limit, times;
    bool any;                        /* the predicates are arms of an $or */
    int order[DOCUMENTS];            /* as its sort wants them */
    uint32_t pass[DRAWS][DOCUMENTS]; /* which predicates each document fulfils, as bits */
    double known[1 << MOST_PREDICATES][1 << MOST_PREDICATES][2]; /* what it examines with a key of this kind; 0: not tried yet */
};

static bool narrows(enum op op)
{
    return op == EQUAL || op == ONE_OF || op == RANGE || op == BEGINS;
}

static bool fulfils(const struct document *d, const struct predicate *p, int draw)
{
    bool some = false;
    for (int i = 0; i < d->n[p->field]; i++) {
        int v = d->v[p->field][i];
        if (p->op == ONE_OF)
            some = some || v == p->list[draw][0] || v == p->list[draw][1] || v == p->list[draw][2];
        else if (p->op == CONTAINS)
            some = some || v % 26 == p->from[draw];
        else
            some = some || (v >= p->from[draw] && v <= p->to[draw]);
    }
    return p->op == UNEQUAL ? !some : some;
}

static void draw_values(struct sb_rng *r, struct predicate *p)
{
    for (int i = 0; i < DRAWS; i++) {
        const struct document *d = &docs[sb_rng_below(r, DOCUMENTS)];
        int v = d->v[p->field][0];
        for (int k = 0; k < 3; k++)
            p->list[i][k] = docs[sb_rng_below(r, DOCUMENTS)].v[p->field][0];
        p->list[i][0] = v;
        p->from[i] = p->op == CONTAINS ? v % 26 : p->op == BEGINS ? v / 26 * 26 : v;
        p->to[i] = p->op == BEGINS ? p->from[i] + 25 : p->op == RANGE ? v + (p->field == AT ? DOCUMENTS / 15 : 20) : v;
    }
}

static const struct shape *sorting;

static int by_sort(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    for (int i = 0; i < sorting->sorts; i++) {
        int d = docs[x].v[sorting->sort[i]][0] - docs[y].v[sorting->sort[i]][0];
        if (d)
            return d * sorting->turn[i];
    }
    return x - y;
}

static bool has_field(const struct shape *s, int field)
{
    for (int i = 0; i < s->n; i++)
        if (s->p[i].field == field)
            return true;
    return false;
}

static void add(struct sb_rng *r, struct shape *s, int field, enum op op)
{
    if (has_field(s, field))
        return;
    s->p[s->n] = (struct predicate){.field = field, .op = op};
    draw_values(r, &s->p[s->n++]);
}

static void make_shape(struct sb_rng *r, struct shape *s)
{
    static const int equal[] = {ACCOUNT, CUSTOMER, KIND, TAGS, REFS, PRICE};
    memset(s, 0, sizeof *s);
    s->times = 2 + (int)sb_rng_below(r, 8);
    switch (sb_rng_below(r, 10)) {
    case 0: /* each arm of an $or */
        s->any = true;
        add(r, s, (int)sb_rng_below(r, 2), EQUAL);
        add(r, s, sb_rng_below(r, 2) ? PRICE : REFS, EQUAL);
        break;
    case 1: /* what no index narrows */
        add(r, s, NAME, CONTAINS);
        add(r, s, KIND, UNEQUAL);
        break;
    case 2:
        add(r, s, NAME, BEGINS);
        break;
    case 3:
        add(r, s, AT, RANGE);
        add(r, s, equal[sb_rng_below(r, SB_COUNT(equal))], EQUAL);
        break;
    case 4: /* a list, and what stands beside it */
        add(r, s, (int)sb_rng_below(r, 2), ONE_OF);
        if (sb_rng_below(r, 2))
            add(r, s, KIND, EQUAL);
        break;
    default:
        add(r, s, equal[sb_rng_below(r, SB_COUNT(equal))], EQUAL);
        if (sb_rng_below(r, 2))
            add(r, s, equal[sb_rng_below(r, SB_COUNT(equal))], EQUAL);
        if (sb_rng_below(r, 4) == 0)
            add(r, s, KIND, UNEQUAL);
        if (sb_rng_below(r, 2) == 0) {
            s->sort[s->sorts] = AT;
            s->turn[s->sorts++] = sb_rng_below(r, 2) ? 1 : -1;
            if (sb_rng_below(r, 3) == 0) {
                s->sort[s->sorts] = s->sort[0];
                s->turn[s->sorts++] = s->turn[0];
                s->sort[0] = NAME;
                s->turn[0] = sb_rng_below(r, 2) ? 1 : -1;
            }
            s->limit = sb_rng_below(r, 4) ? 10 : 0;
        }
    }
    for (int i = 0; i < DOCUMENTS; i++)
        s->order[i] = i;
    sorting = s;
    if (s->sorts)
        qsort(s->order, DOCUMENTS, sizeof *s->order, by_sort);
    for (int d = 0; d < DRAWS; d++)
        for (int i = 0; i < DOCUMENTS; i++)
            for (int k = 0; k < s->n; k++)
                s->pass[d][i] |= fulfils(&docs[i], &s->p[k], d) ? 1u << k : 0;
}

/* ---- running one shape ---- */

struct key {
    int n, field[MOST_FIELDS], turn[MOST_FIELDS];
};

static const struct predicate *predicate_on(const struct shape *s, int field)
{
    for (int i = 0; i < s->n; i++)
        if (s->p[i].field == field && narrows(s->p[i].op))
            return &s->p[i];
    return NULL;
}

/* The index gives the documents in the shape's order: the sort stands behind fields that are compared with single values. */
static bool gives_order(const struct shape *s, const struct key *k)
{
    int at = 0, turn = 0;
    const struct predicate *p;
    while (at < k->n && (p = predicate_on(s, k->field[at])) && (p->op == EQUAL || p->op == ONE_OF))
        at++;
    for (int i = 0; i < s->sorts; i++, at++) {
        if (at >= k->n || k->field[at] != s->sort[i] || (turn && turn != k->turn[at] * s->turn[i]))
            return false;
        turn = k->turn[at] * s->turn[i];
    }
    return true;
}

/* The predicates of the shape that the key's bounds narrow: of each field, up to and with the first that is no single values. */
static uint32_t bounded_by(const struct shape *s, const struct key *k)
{
    uint32_t bits = 0;
    for (int f = 0; f < k->n; f++) {
        const struct predicate *p = predicate_on(s, k->field[f]);
        if (!p)
            break;
        bits |= 1u << (p - s->p);
        if (p->op != EQUAL && p->op != ONE_OF)
            break;
    }
    return bits;
}

/* And those that it narrows or that are looked at in the key. */
static uint32_t in_key_of(const struct shape *s, const struct key *k)
{
    uint32_t bits = 0;
    for (int i = 0; i < s->n; i++)
        for (int f = 0; f < k->n; f++)
            bits |= s->p[i].field == k->field[f] && narrows(s->p[i].op) ? 1u << i : 0;
    return bits;
}

/* What all draws of the shape examine: documents; keys at a tenth of one, since an index that runs through a good part of its keys
 * is no good one; and once more those that a sort holds in memory. k NULL: the whole collection is read. *used: what comes back. */
static double run(const struct shape *s, const struct key *k, int *used)
{
    bool ordered = s->sorts == 0 || (k && gives_order(s, k));
    uint32_t in_key = k ? in_key_of(s, k) : 0, all = (1u << s->n) - 1, bounded = k ? bounded_by(s, k) : 0;
    double examined = 0;
    *used = 0;
    for (int d = 0; d < DRAWS; d++) {
        int found = 0;
        for (int i = 0; i < DOCUMENTS; i++) {
            uint32_t pass = s->pass[d][s->order[i]];
            examined += ((pass & in_key) == in_key) + (k && (pass & bounded) == bounded ? KEY : 0);
            found += (pass & all) == all;
            if (s->limit && ordered && found == s->limit)
                break;
        }
        if (!ordered)
            examined += found;
        *used += s->limit && found > s->limit ? s->limit : found;
    }
    return examined;
}

static bool usable(const struct shape *s, const struct key *k)
{
    return predicate_on(s, k->field[0]) || (s->sorts && gives_order(s, k));
}

/* An arm of an $or, alone. */
static double run_arm(const struct shape *s, int arm)
{
    double examined = 0;
    for (int d = 0; d < DRAWS; d++)
        for (int i = 0; i < DOCUMENTS; i++)
            examined += (s->pass[d][i] >> arm & 1) * (1 + KEY);
    return examined;
}

/* ---- a set of indexes ---- */

#define MOST_NEEDS 24 /* shapes of a collection, and arms */
#define MOST_KEYS 20000

/* What a set of indexes is judged by: each shape, or each arm of one, has its own best index. */
struct need {
    struct shape *shape;
    int arm; /* -1: none */
};

struct costs {
    double of[MOST_NEEDS];
};

static struct need needs[MOST_NEEDS];
static int needs_n;

static double cost(const struct need *n, const struct key *k)
{
    int used;
    if (n->arm >= 0)
        return k && k->field[0] == n->shape->p[n->arm].field ? run_arm(n->shape, n->arm) : DOCUMENTS * (double)DRAWS;
    bool use = k && usable(n->shape, k), ordered = use && gives_order(n->shape, k);
    double *known = &n->shape->known[use ? in_key_of(n->shape, k) : 0][use ? bounded_by(n->shape, k) : 0][ordered];
    if (*known == 0)
        *known = run(n->shape, use ? k : NULL, &used);
    return *known;
}

static double total_of(const double *best)
{
    double sum = 0;
    for (int i = 0; i < needs_n; i++) {
        double one = best[i];
        if (needs[i].arm == 0) { /* the arms together, and no more than reading everything */
            one += best[i + 1];
            one = one > DOCUMENTS * (double)DRAWS ? DOCUMENTS * (double)DRAWS : one;
        }
        sum += needs[i].arm > 0 ? 0 : one * needs[i].shape->times;
    }
    return sum;
}

static void costs_of(const struct key *k, struct costs *c)
{
    for (int i = 0; i < needs_n; i++)
        c->of[i] = cost(&needs[i], k);
}

static bool legal(const struct key *k)
{
    int lists = 0;
    for (int i = 0; i < k->n; i++)
        lists += is_list(k->field[i]);
    return lists < 2;
}

static struct costs every[MOST_KEYS];
static int every_n;

/* Keeps what no other key beats in everything. */
static void keep(const struct costs *c)
{
    int kept = 0;
    for (int i = 0; i < every_n; i++) {
        bool worse = true, better = true;
        for (int k = 0; k < needs_n; k++) {
            worse = worse && every[i].of[k] >= c->of[k];
            better = better && every[i].of[k] <= c->of[k];
        }
        if (better)
            return;
        if (!worse)
            every[kept++] = every[i];
    }
    every_n = kept;
    every[every_n++] = *c;
}

static void try_keys(struct key *k)
{
    struct costs c;
    if (k->n) {
        costs_of(k, &c);
        keep(&c);
    }
    for (int f = 0; f < FIELDS && k->n < MOST_FIELDS; f++) {
        bool twice = false, asked = false;
        for (int i = 0; i < k->n; i++)
            twice = twice || k->field[i] == f;
        for (int i = 0; i < needs_n; i++)
            asked = asked || predicate_on(needs[i].shape, f) || (needs[i].shape->sorts && (needs[i].shape->sort[0] == f || (needs[i].shape->sorts > 1 && needs[i].shape->sort[1] == f)));
        for (int turn = 1; turn >= -1 && !twice && asked; turn -= 2) {
            if (turn < 0 && (k->n == 0 || (f != AT && f != NAME)))
                continue;
            k->field[k->n] = f;
            k->turn[k->n++] = turn;
            if (legal(k))
                try_keys(k);
            k->n--;
        }
    }
}

/* The least total that `left` more of the keys from `from` on can give. */
static void search(const double *best, int from, int left, double *least)
{
    double here = total_of(best), bound[MOST_NEEDS];
    *least = here < *least ? here : *least;
    if (left == 0)
        return;
    for (int k = from; k < every_n; k++) {
        double next[MOST_NEEDS];
        memcpy(bound, best, sizeof bound);
        for (int j = k; j < every_n; j++)
            for (int i = 0; i < needs_n; i++)
                bound[i] = every[j].of[i] < bound[i] ? every[j].of[i] : bound[i];
        if (total_of(bound) >= *least)
            return;
        for (int i = 0; i < needs_n; i++)
            next[i] = every[k].of[i] < best[i] ? every[k].of[i] : best[i];
        search(next, k + 1, left - 1, least);
    }
}

/* ---- what the optimizer is told ---- */

static char *command_of(const struct shape *s)
{
    struct sb_str f;
    sb_str_init(&f);
    for (int i = 0; i < s->n; i++) {
        static const char *const forms[] = {"\"%s\":1", "\"%s\":{\"$in\":[1,2,3]}", "\"%s\":{\"$gte\":1,\"$lte\":9}", "\"%s\":{\"$regex\":\"^ab\"}", "\"%s\":{\"$ne\":3}", "\"%s\":{\"$regex\":\"ab\"}"};
        sb_str_adds(&f, i ? "," : "");
        sb_str_adds(&f, s->any ? "{" : "");
        const char *form = forms[s->p[i].op], *hole = strstr(form, "%s");
        sb_str_addf(&f, "%.*s%s%s", (int)(hole - form), form, names[s->p[i].field], hole + 2);
        sb_str_adds(&f, s->any ? "}" : "");
    }
    struct sb_str rest;
    sb_str_init(&rest);
    for (int i = 0; i < s->sorts; i++)
        sb_str_addf(&rest, "%s\"%s\":%d", i ? "," : ",\"sort\":{", names[s->sort[i]], s->turn[i]);
    sb_str_adds(&rest, s->sorts ? "}" : "");
    if (s->limit)
        sb_str_addf(&rest, ",\"limit\":%d", s->limit);
    char *text = s->any ? sb_format("{\"find\":\"c\",\"filter\":{\"$or\":[%s]},\"$db\":\"d\"}", f.p) : sb_format("{\"find\":\"c\",\"filter\":{%s}%s,\"$db\":\"d\"}", f.p, rest.len ? rest.p : "");
    sb_str_release(&f);
    sb_str_release(&rest);
    return text;
}

static void tell(struct sb_workload *w, const struct shape *s, double examined, int used, const struct key *by)
{
    char *command = command_of(s), plan[128] = "COLLSCAN";
    if (by) {
        int n = snprintf(plan, sizeof plan, "IXSCAN {");
        for (int i = 0; i < by->n; i++)
            n += snprintf(plan + n, sizeof plan - (size_t)n, "%s %s: %d", i ? "," : "", names[by->field[i]], by->turn[i]);
        snprintf(plan + n, sizeof plan - (size_t)n, " }");
    }
    char *text = sb_format("{\"t\":{\"$date\":\"" NOW "\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"d.c\","
                           "\"command\":%s,\"planSummary\":\"%s\",%s\"docsExamined\":%d,\"nreturned\":%d,\"durationMillis\":%d}}",
                           command, plan, s->sorts && !(by && gives_order(s, by)) ? "\"hasSortStage\":true," : "", (int)(examined / DRAWS), used / DRAWS, 30 + (int)(examined / DRAWS / 10));
    struct sb_mongolog reader;
    struct sb_log_line l;
    struct sb_slow_op op;
    struct sb_err err = SB_ERR_INIT;
    sb_mongolog_init(&reader);
    assert_int_equal(sb_mongolog_line(&reader, text, strlen(text), &l, &op), SB_LOG_GOOD);
    for (int i = 0; i < s->times * DRAWS; i++)
        sb_assert_ok(sb_workload_add(w, &op, &err), err);
    sb_mongolog_release(&reader);
    free(text);
    free(command);
}

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The facts of a field, from a sample. */
static void add_facts(struct sb_str *out, const int *sample, int f)
{
    int values[SAMPLE * MOST_VALUES], n = 0, distinct = 0;
    for (int i = 0; i < SAMPLE; i++)
        for (int k = 0; k < docs[sample[i]].n[f]; k++)
            values[n++] = docs[sample[i]].v[f][k];
    qsort(values, (size_t)n, sizeof *values, by_value);
    for (int i = 0; i < n; i++)
        distinct += i == 0 || values[i] != values[i - 1];
    sb_str_addf(out, "%s{\"path\":\"%s\",\"present_ppm\":1000000,\"distinct_ppm\":%lld,\"array\":%s,\"array_mean_milli\":%d,\"value_bytes\":8}", f ? "," : "", names[f],
                (long long)distinct * 1000000 / n, is_list(f) ? "true" : "false", n * 1000 / SAMPLE);
}

static void make_catalogue(struct sb_rng *r, struct sb_catalogue *c, const struct key *there, int there_n)
{
    struct sb_str s;
    int sample[SAMPLE];
    for (int i = 0; i < SAMPLE; i++)
        sample[i] = (int)sb_rng_below(r, DOCUMENTS);
    sb_str_init(&s);
    sb_str_addf(&s, "{\"ns\":\"d.c\",\"exists\":true,\"type\":\"collection\",\"uuid\":\"0123\",\"documents\":%d,\"bytes\":900000,\"average_bytes\":300,\"knows_builds\":true,"
                    "\"knows_index_stats\":true,\"members\":3,\"members_answered\":3,\"sampled\":%d,\"indexes\":[{\"name\":\"_id_\",\"key\":\"{ \\\"_id\\\" : { \\\"$numberInt\\\" : \\\"1\\\" } }\","
                    "\"fields\":[{\"path\":\"_id\",\"direction\":1}]}", DOCUMENTS, SAMPLE);
    for (int i = 0; i < there_n; i++) {
        sb_str_addf(&s, ",{\"name\":\"x%d\",\"key\":\"\",\"fields\":[", i);
        for (int k = 0; k < there[i].n; k++)
            sb_str_addf(&s, "%s{\"path\":\"%s\",\"direction\":%d}", k ? "," : "", names[there[i].field[k]], there[i].turn[k]);
        sb_str_adds(&s, "]}");
    }
    sb_str_adds(&s, "],\"fields\":[");
    for (int f = 0; f < FIELDS; f++)
        add_facts(&s, sample, f);
    sb_str_adds(&s, "]}");
    struct sb_err err = SB_ERR_INIT;
    json_t *json = sb_json_parse(s.p, s.len, "catalogue", SB_JSON_STRICT, &err);
    if (!json)
        fail_msg("%s", err.msg);
    sb_assert_ok(sb_record_from_json(&sb_catalogue_schema, c, json, &err), err);
    json_decref(json);
    sb_str_release(&s);
}

static struct key key_of(const char *json)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, NULL);
    struct key k = {.n = 0};
    bson_iter_t it;
    assert_non_null(doc);
    bson_iter_init(&it, doc);
    while (bson_iter_next(&it) && k.n < MOST_FIELDS) {
        int f = 0;
        while (f < FIELDS - 1 && strcmp(names[f], bson_iter_key(&it)) != 0)
            f++;
        k.field[k.n] = f;
        k.turn[k.n++] = (int)bson_iter_as_int64(&it);
    }
    bson_destroy(doc);
    return k;
}

/* ---- one collection ---- */

struct tally {
    double ours, best;
    int indexes, needed, shapes;
};

static void add_need(struct shape *s)
{
    if (!s->any) {
        needs[needs_n++] = (struct need){s, -1};
        return;
    }
    for (int i = 0; i < s->n; i++)
        needs[needs_n++] = (struct need){s, i};
}

/* An index that is there already: for one of the shapes, or on anything. */
static struct key some_key(struct sb_rng *r)
{
    struct key k = {.n = 1 + (int)sb_rng_below(r, 2)};
    k.field[0] = (int)sb_rng_below(r, FIELDS);
    k.field[1] = (k.field[0] + 1 + (int)sb_rng_below(r, FIELDS - 1)) % FIELDS;
    k.turn[0] = k.turn[1] = 1;
    k.n = legal(&k) ? k.n : 1;
    return k;
}

static void one_collection(struct sb_rng *r, uint64_t seed, struct shape *s, int n, struct tally *t)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload_options o = {.max_shapes = 100, .examples = true, .bucket_ms = 10000, .buckets = 120};
    struct sb_workload *w = sb_workload_new(&o, &err);
    struct sb_catalogue c;
    struct sb_index_review a;
    struct key there = some_key(r);
    int there_n = (int)sb_rng_below(r, 2);
    double now[MOST_NEEDS], ours[MOST_NEEDS], ideal;
    assert_non_null(w);
    fill(r);
    needs_n = every_n = 0;
    for (int i = 0; i < n; i++) {
        int used, ignored;
        make_shape(r, &s[i]);
        add_need(&s[i]);
        double scan = run(&s[i], NULL, &used), by = there_n && !s[i].any && usable(&s[i], &there) ? run(&s[i], &there, &ignored) : scan;
        if (s[i].any) { /* by hand: its executor knows conjunctions */
            scan = by = DOCUMENTS * (double)DRAWS;
            used = 0;
            for (int d = 0; d < DRAWS; d++)
                for (int k = 0; k < DOCUMENTS; k++)
                    used += s[i].pass[d][k] != 0;
        }
        tell(w, &s[i], by < scan ? by : scan, used, by < scan ? &there : NULL);
    }
    make_catalogue(r, &c, &there, there_n);
    struct sb_history *h = sb_history_new();
    assert_non_null(h);
    struct sb_index_question q = {.ns = "d.c", .from = NOW_MS - 60000, .to = NOW_MS + 1000, .workload = w, .history = h, .catalogue = &c, .replicated = true, .card_id = "C-000001", .case_id = "K-000001",
                                  .deployment = "demo", .deployment_id = "rs:1", .requested_by = "alice", .now = NOW_MS};
    sb_assert_ok(sb_index_review(&q, &a, &err), err);
    for (int i = 0; i < needs_n; i++) {
        double scan = cost(&needs[i], NULL), by = there_n ? cost(&needs[i], &there) : scan;
        now[i] = ours[i] = by < scan ? by : scan;
    }
    for (size_t i = 0; i < a.cards_n; i++) {
        struct costs one;
        struct key k = key_of(a.cards[i].index_key);
        assert_true(legal(&k));
        costs_of(&k, &one);
        for (int j = 0; j < needs_n; j++)
            ours[j] = one.of[j] < ours[j] ? one.of[j] : ours[j];
    }
    struct key none = {.n = 0};
    try_keys(&none);
    ideal = total_of(now);
    search(now, 0, needs_n, &ideal);
    int needed = 0;
    for (double found = total_of(now); found > ideal * 1.000001; needed++) {
        assert_true(needed < needs_n);
        found = total_of(now);
        search(now, 0, needed + 1, &found);
    }
    double mine = total_of(ours);
    if ((int)a.cards_n > needed) {
        print_error("seed %llu: %zu indexes examine %.0f documents; %d would do, and %.0f%s%s%s\n", (unsigned long long)seed, a.cards_n, mine, needed, ideal, there_n ? ", beside one on " : "",
                    there_n ? names[there.field[0]] : "", there_n && there.n > 1 ? " and another field" : "");
        for (size_t i = 0; i < a.cards_n; i++)
            print_error("  %s\n", a.cards[i].index_name);
        for (size_t i = 0; i < a.findings_n; i++)
            print_error("    %s: %s\n", a.findings[i].subject, a.findings[i].text);
    }
    t->ours += mine;
    t->best += ideal;
    t->indexes += (int)a.cards_n;
    t->needed += needed;
    t->shapes += n;
    assert_true(a.findings_n >= sb_workload_size(w));
    sb_index_review_release(&a);
    sb_history_free(h);
    sb_catalogue_release(&c);
    sb_workload_free(w);
}

static void as_good_as_the_best_set_of_indexes(void **state)
{
    (void)state;
    static struct shape shapes[SHAPES];
    const char *wanted = getenv("SIGNALBOX_OPTIMUM");
    char *rest = NULL;
    uint64_t from = wanted ? strtoull(wanted, &rest, 10) : 1, to = wanted ? strtoull(rest, NULL, 10) : SEEDS;
    int within = 0, fewer = 0, runs = 0;
    double worst = 0;
    for (uint64_t seed = from; seed <= to; seed++) {
        struct sb_rng r;
        struct tally t = {.ours = 0};
        sb_rng_seed(&r, seed);
        for (int i = 0; i < COLLECTIONS; i++)
            one_collection(&r, seed, shapes, SHAPES / COLLECTIONS + (i < SHAPES % COLLECTIONS), &t);
        print_message("seed %llu: %d shapes, %d indexes where %d are needed, %.0f documents examined where the least is %.0f (%.2f %% more)\n", (unsigned long long)seed, t.shapes, t.indexes,
                      t.needed, t.ours, t.best, 100 * (t.ours / t.best - 1));
        within += t.ours <= t.best * 1.05;
        fewer += t.indexes <= t.needed;
        worst = t.ours / t.best > worst ? t.ours / t.best : worst;
        runs++;
    }
    print_message("of %d seeds %d examine at most 5 %% more than the least (at worst %.2f %%), and %d have no more indexes than it\n", runs, within, 100 * (worst - 1), fewer);
    assert_true(runs > 0);
    assert_int_equal(within, runs);
    assert_int_equal(fewer, runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_good_as_the_best_set_of_indexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
