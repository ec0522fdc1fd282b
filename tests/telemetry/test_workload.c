/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/infile.h>
#include <signalbox/formats/mongolog.h>
#include <signalbox/telemetry/workload.h>

#include <stdio.h>
#include <string.h>

static struct sb_err err;

/* ---- operations ---- */

static struct sb_span span(const char *text)
{
    return (struct sb_span){text, text ? strlen(text) : 0};
}

/* An operation whose texts must outlive it. */
static struct sb_slow_op make(enum sb_op_kind kind, const char *ns, const char *command, int64_t at_ms, int64_t ms)
{
    struct sb_slow_op op;
    sb_slow_op_clear(&op);
    op.kind = kind;
    op.ns = span(ns);
    op.ctx = SB_SPAN("conn1");
    op.at_ms = at_ms;
    op.duration_ms = ms;
    if (command)
        op.command = (struct sb_doc){SB_DOC_JSON, false, command, strlen(command)};
    return op;
}

static struct sb_slow_op write_of(const char *ctx, int64_t at_ms, int64_t ms)
{
    struct sb_slow_op op = make(SB_OP_UPDATE, "shop.orders", "{\"q\":{\"a\":1},\"u\":{}}", at_ms, ms);
    op.ctx = span(ctx);
    return op;
}

static struct sb_slow_op envelope_of(const char *ctx, int64_t at_ms, int64_t ms)
{
    struct sb_slow_op op = make(SB_OP_UPDATE, "shop.$cmd", "{\"update\":\"orders\",\"ordered\":true}", at_ms, ms);
    op.envelope = true;
    op.target = SB_SPAN("orders");
    op.app = SB_SPAN("checkout");
    op.ctx = span(ctx);
    return op;
}

static void add(struct sb_workload *w, struct sb_slow_op op)
{
    sb_assert_ok(sb_workload_add(w, &op, &err), err);
}

static uint64_t count_of(const struct sb_workload *w, const char *text)
{
    uint64_t n = 0;
    for (size_t i = 0; i < sb_workload_size(w); i++)
        if (strcmp(sb_workload_at(w, i)->shape->text, text) == 0)
            n += sb_workload_at(w, i)->sums.count;
    return n;
}

/* ---- adding up ---- */

static void operations_are_added_up_by_namespace_and_shape(void **state)
{
    (void)state;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    assert_non_null(w);
    for (int i = 0; i < 10; i++) {
        char command[128];
        snprintf(command, sizeof command, "{\"find\":\"c\",\"filter\":{\"a\":%d}}", i);
        struct sb_slow_op op = make(SB_OP_FIND, "db.c", command, 1000 + i, 10 * i);
        op.docs_examined = 100;
        op.keys_examined = 7;
        op.returned = 2;
        op.plan = i < 7 ? SB_SPAN("COLLSCAN") : SB_SPAN("IXSCAN { a: 1 }");
        op.app = i % 2 ? SB_SPAN("odd") : SB_SPAN("even");
        op.has_sort_stage = i < 3;
        op.error_code = i == 9 ? 50 : SB_ABSENT;
        add(w, op);
    }
    add(w, make(SB_OP_FIND, "db.d", "{\"find\":\"d\",\"filter\":{\"a\":1}}", 5, 1));
    add(w, make(SB_OP_FIND, "db.c", "{\"find\":\"c\",\"filter\":{\"b\":1}}", 5, SB_ABSENT));
    assert_int_equal(sb_workload_size(w), 3);
    const struct sb_work *a = sb_workload_at(w, 0);
    assert_string_equal(a->ns, "db.c");
    assert_string_equal(a->shape->text, "{\"a\":1}");
    assert_true(a->sums.count == 10 && a->sums.timed == 10 && a->sums.total_ms == 450 && a->sums.max_ms == 90);
    assert_true(a->sums.docs_examined == 1000 && a->sums.keys_examined == 70 && a->sums.returned == 20);
    assert_true(a->sums.sorted == 3 && a->sums.errors == 1 && a->last_error == 50);
    assert_true(a->first_ms == 1000 && a->last_ms == 1009);
    assert_string_equal(a->plans.item[0].name, "COLLSCAN");
    assert_true(a->plans.n == 2 && a->plans.item[0].count == 7 && a->plans.item[1].count == 3);
    assert_true(a->apps.item[0].count == 5 && a->apps.item[1].count == 5);
    assert_int_equal(a->example_ms, 90);
    assert_memory_equal(a->example.p, "{\"find\":\"c\",\"filter\":{\"a\":9}}", a->example.n);
    const struct sb_work *cut = sb_workload_at(w, 2);
    assert_true(cut->sums.count == 1 && cut->sums.timed == 0);
    assert_true(sb_workload_find(w, "db.c", a->shape->fingerprint) == a);
    assert_null(sb_workload_find(w, "db.x", a->shape->fingerprint));
    assert_null(sb_workload_find(w, "db.c", "short"));
    assert_true(sb_workload_totals(w).count == 12);
    const struct sb_work *ranked[3];
    sb_workload_rank(w, ranked);
    assert_true(ranked[0] == a && ranked[1]->sums.total_ms == 1);
    sb_workload_free(w);
}

/* ---- a write that is logged twice ---- */

/* Of an entry that only has sums: the numbers, the names, since when; of no executions nothing. */
static void what_was_added_up_elsewhere_keeps_its_count(void **state)
{
    (void)state;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    struct sb_slow_op sum = make(SB_OP_FIND, "shop.orders", "{\"find\":\"orders\",\"filter\":{\"a\":1}}", 90000, 5000);
    assert_non_null(w);
    sum.docs_examined = 70000;
    sum.has_sort_stage = true;
    sum.app = SB_SPAN("checkout");
    sb_assert_ok(sb_workload_add_sum(w, &sum, 0, 1000, &err), err);
    assert_int_equal(sb_workload_size(w), 0);
    sb_assert_ok(sb_workload_add_sum(w, &sum, 500, 1000, &err), err);
    sb_assert_ok(sb_workload_add_sum(w, &sum, 20, SB_NO_TIME, &err), err);
    assert_int_equal(sb_workload_size(w), 1);
    const struct sb_work *e = sb_workload_at(w, 0);
    assert_true(e->sums.count == 520 && e->sums.timed == 520 && e->sums.sorted == 520 && e->sums.spilled == 0 && e->sums.total_ms == 10000 && e->sums.docs_examined == 140000);
    assert_true(e->first_ms == 1000 && e->last_ms == 90000 && e->apps.item[0].count == 520);
    sb_workload_free(w);
}

static void a_write_and_its_envelope_count_once(void **state)
{
    (void)state;
    /* in whichever order a log has them */
    for (int order = 0; order < 2; order++) {
        struct sb_workload *w = sb_workload_new(NULL, &err);
        for (int64_t t = 1000; t < 2000; t += 10) {
            if (order == 0)
                add(w, write_of("conn1", t, 5));
            add(w, envelope_of("conn1", t + 1 - order, 6));
            if (order == 1)
                add(w, write_of("conn1", t, 5));
        }
        sb_assert_ok(sb_workload_settle(w, INT64_MAX, &err), err);
        assert_int_equal(sb_workload_totals(w).count, 100);
        assert_int_equal(count_of(w, "{\"a\":1}"), 100);
        assert_int_equal(sb_workload_totals(w).total_ms, 500);
        sb_workload_free(w);
    }
}

static void a_bulk_of_writes_has_one_envelope(void **state)
{
    (void)state;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    for (int i = 0; i < 5; i++)
        add(w, write_of("conn1", 1000 + i * 10, 10));
    add(w, envelope_of("conn1", 1050, 60));
    /* the next command of that connection was slow for another reason: nothing may be lost */
    add(w, envelope_of("conn1", 1500, 400));
    sb_assert_ok(sb_workload_settle(w, INT64_MAX, &err), err);
    assert_int_equal(count_of(w, "{\"a\":1}"), 5);
    assert_int_equal(count_of(w, SB_SHAPE_UNKNOWN), 1);
    sb_workload_free(w);
}

static void envelopes_without_a_write_stand_for_themselves(void **state)
{
    (void)state;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    add(w, write_of("conn2", 990, 5));         /* another connection */
    add(w, envelope_of("conn1", 1000, 100));
    add(w, envelope_of("conn1", 3000, 100));   /* counts the first: its time has passed */
    assert_int_equal(sb_workload_totals(w).count, 2);
    add(w, write_of("conn1", 2000, 5));        /* before the second one began */
    sb_assert_ok(sb_workload_settle(w, 3000, &err), err);
    assert_int_equal(sb_workload_totals(w).count, 3);
    sb_assert_ok(sb_workload_settle(w, 3001, &err), err);
    assert_int_equal(sb_workload_totals(w).count, 4);
    const struct sb_work *unknown = NULL;
    for (size_t i = 0; i < sb_workload_size(w); i++)
        if (sb_workload_at(w, i)->shape->unknown)
            unknown = sb_workload_at(w, i);
    assert_non_null(unknown);
    assert_string_equal(unknown->ns, "shop.orders"); /* not shop.$cmd */
    assert_string_equal(unknown->shape->op, "update");
    assert_string_equal(unknown->apps.item[0].name, "checkout");
    assert_true(unknown->sums.count == 2 && unknown->sums.total_ms == 200);
    sb_workload_free(w);
}

static void envelopes_of_one_millisecond_may_come_before_their_writes(void **state)
{
    (void)state;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    add(w, envelope_of("conn1", 1000, 3)); /* a log sorted by its text: COMMAND before WRITE */
    add(w, envelope_of("conn1", 1000, 3));
    add(w, write_of("conn1", 1000, 3));
    add(w, write_of("conn1", 1000, 3));
    sb_assert_ok(sb_workload_settle(w, INT64_MAX, &err), err);
    assert_int_equal(sb_workload_totals(w).count, 2);
    assert_int_equal(count_of(w, "{\"a\":1}"), 2);
    sb_workload_free(w);
}

static void writes_and_envelopes_of_one_millisecond_pair_off(void **state)
{
    (void)state;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    for (int i = 0; i < 3; i++)
        add(w, write_of("conn1", 1000, 3));
    for (int i = 0; i < 3; i++)
        add(w, envelope_of("conn1", 1000, 3));
    sb_assert_ok(sb_workload_settle(w, INT64_MAX, &err), err);
    assert_int_equal(sb_workload_totals(w).count, 3);
    sb_workload_free(w);
    /* the next command began in the very millisecond in which the write ended, and waited: it is another one */
    w = sb_workload_new(NULL, &err);
    add(w, write_of("conn1", 1000, 3));
    add(w, envelope_of("conn1", 1000, 3));
    add(w, envelope_of("conn1", 1400, 400));
    sb_assert_ok(sb_workload_settle(w, INT64_MAX, &err), err);
    assert_int_equal(sb_workload_totals(w).count, 2);
    assert_int_equal(count_of(w, SB_SHAPE_UNKNOWN), 1);
    sb_workload_free(w);
    /* and so is a write that ended after the envelope */
    w = sb_workload_new(NULL, &err);
    add(w, envelope_of("conn1", 1000, 50));
    add(w, write_of("conn1", 1010, 5));
    add(w, envelope_of("conn1", 1011, 6));
    sb_assert_ok(sb_workload_settle(w, INT64_MAX, &err), err);
    assert_int_equal(sb_workload_totals(w).count, 2);
    assert_int_equal(sb_workload_totals(w).total_ms, 55);
    assert_int_equal(count_of(w, SB_SHAPE_UNKNOWN), 1);
    sb_workload_free(w);
}

static void more_connections_than_are_kept_lose_nothing(void **state)
{
    (void)state;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    char ctx[32];
    for (int i = 0; i < 50000; i++) {
        snprintf(ctx, sizeof ctx, "conn%d", i);
        add(w, envelope_of(ctx, 1000 + i, 1));
    }
    sb_assert_ok(sb_workload_settle(w, INT64_MAX, &err), err);
    assert_int_equal(sb_workload_totals(w).count, 50000);
    sb_workload_free(w);
}

/* ---- quantiles ---- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The documented bound: exact below 64 ms, at most 1/64 off above. */
static void quantiles_are_within_their_bound(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 42);
    enum { N = 5000 };
    static int64_t values[N];
    for (int kind = 0; kind < 4; kind++) {
        struct sb_workload *w = sb_workload_new(NULL, &err);
        for (int i = 0; i < N; i++) {
            values[i] = kind == 0   ? (int64_t)sb_rng_below(&rng, 64)
                        : kind == 1 ? (int64_t)sb_rng_below(&rng, 100000)
                        : kind == 2 ? (int64_t)sb_rng_exponential(&rng, 300)
                                    : INT64_C(1) << sb_rng_below(&rng, 31);
            add(w, make(SB_OP_FIND, "a.b", "{\"find\":\"b\"}", i, values[i]));
        }
        qsort(values, N, sizeof values[0], by_value);
        for (int q = 1; q <= 1000; q++) {
            int64_t exact = values[(q * N + 999) / 1000 - 1], got = (int64_t)sb_work_quantile(sb_workload_at(w, 0), q / 1000.0);
            int64_t off = got > exact ? got - exact : exact - got;
            assert_true(exact < 64 ? off == 0 : off * 64 <= exact);
        }
        assert_int_equal(sb_work_quantile(sb_workload_at(w, 0), 1.0), values[N - 1]);
        sb_workload_free(w);
    }
}

/* ---- merging ---- */

static struct sb_slow_op random_op(struct sb_rng *rng, int64_t at_ms)
{
    static const char *const ns[] = {"shop.orders", "shop.carts", "crm.users"};
    static const char *const commands[] = {
        "{\"find\":\"c\",\"filter\":{\"a\":1}}",
        "{\"find\":\"c\",\"filter\":{\"a\":1,\"b\":{\"$gt\":2}},\"sort\":{\"c\":1}}",
        "{\"find\":\"c\",\"filter\":{\"$or\":[{\"a\":1},{\"b\":1}]}}",
        "{\"find\":\"c\",\"filter\":{\"b\":{\"$gt\":2},\"a\":7},\"sort\":{\"c\":1}}",
    };
    static const char *const plans[] = {"COLLSCAN", "IXSCAN { a: 1 }", "IDHACK"};
    static const char *const apps[] = {"checkout", "reporting", "batch", "crm"};
    struct sb_slow_op op = make(SB_OP_FIND, ns[sb_rng_below(rng, 3)], commands[sb_rng_below(rng, 4)], at_ms, (int64_t)sb_rng_exponential(rng, 200));
    op.plan = span(plans[sb_rng_below(rng, 3)]);
    op.app = span(apps[sb_rng_below(rng, 4)]);
    op.docs_examined = (int64_t)sb_rng_below(rng, 1000);
    op.returned = (int64_t)sb_rng_below(rng, 10);
    op.has_sort_stage = sb_rng_below(rng, 5) == 0;
    if (sb_rng_below(rng, 10) == 0)
        op.duration_ms = SB_ABSENT;
    return op;
}

static void same_shares(const struct sb_shares *a, const struct sb_shares *b)
{
    assert_true(a->n == b->n && a->other == b->other);
    for (size_t i = 0; i < a->n; i++) {
        assert_string_equal(a->item[i].name, b->item[i].name);
        assert_true(a->item[i].count == b->item[i].count);
    }
}

static void assert_same_workload(const struct sb_workload *a, const struct sb_workload *b)
{
    assert_int_equal(sb_workload_size(a), sb_workload_size(b));
    for (size_t i = 0; i < sb_workload_size(a); i++) {
        const struct sb_work *x = sb_workload_at(a, i), *y = sb_workload_at(b, i);
        assert_string_equal(x->ns, y->ns);
        assert_string_equal(x->shape->fingerprint, y->shape->fingerprint);
        assert_memory_equal(&x->sums, &y->sums, sizeof x->sums);
        assert_true(x->first_ms == y->first_ms && x->last_ms == y->last_ms && x->example_ms == y->example_ms);
        assert_int_equal(x->example.n, y->example.n);
        assert_memory_equal(x->example.p, y->example.p, x->example.n);
        same_shares(&x->plans, &y->plans);
        same_shares(&x->apps, &y->apps);
        for (int q = 0; q <= 100; q += 5)
            assert_true(sb_work_quantile(x, q / 100.0) == sb_work_quantile(y, q / 100.0));
        struct sb_work_sums u = sb_work_window(a, x, 3000, 9000, NULL), v = sb_work_window(b, y, 3000, 9000, NULL);
        assert_memory_equal(&u, &v, sizeof u);
        assert_true(sb_work_window_quantile(a, x, 3000, 9000, 0.9) == sb_work_window_quantile(b, y, 3000, 9000, 0.9));
    }
}

static void merged_parts_are_as_one_pass(void **state)
{
    (void)state;
    const struct sb_workload_options options = {.examples = true, .bucket_ms = 500, .buckets = 40};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sb_rng rng, where;
        sb_rng_seed(&rng, seed);
        sb_rng_seed(&where, seed + 100);
        struct sb_workload *one = sb_workload_new(&options, &err), *parts[3];
        for (int i = 0; i < 3; i++)
            parts[i] = sb_workload_new(&options, &err);
        int64_t borders[2] = {(int64_t)sb_rng_below(&where, 10000), (int64_t)sb_rng_below(&where, 10000)};
        for (int64_t t = 0; t < 10000; t += 5) {
            struct sb_slow_op op = random_op(&rng, t);
            add(one, op);
            add(parts[(t >= borders[0]) + (t >= borders[1])], op);
        }
        sb_assert_ok(sb_workload_merge(parts[0], parts[1], &err), err);
        sb_assert_ok(sb_workload_merge(parts[0], parts[2], &err), err);
        assert_same_workload(one, parts[0]);
        sb_workload_free(one);
        for (int i = 0; i < 3; i++)
            sb_workload_free(parts[i]);
    }
}

/* ---- bounds ---- */

static void what_does_not_fit_goes_to_a_visible_other(void **state)
{
    (void)state;
    const struct sb_workload_options options = {.max_shapes = 10};
    struct sb_workload *w = sb_workload_new(&options, &err), *v = sb_workload_new(&options, &err);
    for (int i = 0; i < 100; i++) {
        char command[64];
        snprintf(command, sizeof command, "{\"find\":\"c\",\"filter\":{\"f%d\":1}}", i);
        add(w, make(SB_OP_FIND, "a.b", command, i, 1));
        add(v, make(SB_OP_FIND, "a.c", command, i, 1));
    }
    assert_in_range(sb_workload_size(w), 8, 10);
    assert_int_equal(sb_workload_other(w)->sums.count, 100 - sb_workload_size(w));
    assert_string_equal(sb_workload_other(w)->ns, "*");
    assert_int_equal(sb_workload_totals(w).count, 100);
    sb_assert_ok(sb_workload_merge(w, v, &err), err);
    assert_int_equal(sb_workload_totals(w).count, 200);
    assert_in_range(sb_workload_size(w), 8, 10);
    sb_workload_free(w);
    sb_workload_free(v);
}

static void what_takes_most_time_is_kept_apart(void **state)
{
    (void)state;
    const struct sb_workload_options options = {.max_shapes = 16};
    struct sb_workload *w = sb_workload_new(&options, &err);
    const struct sb_work *ranked[16] = {NULL};
    for (int i = 0; i < 500; i++) {
        char command[64];
        snprintf(command, sizeof command, "{\"find\":\"c\",\"filter\":{\"f%d\":1}}", i);
        add(w, make(SB_OP_FIND, "a.b", command, i, 12));
        if (i >= 250) /* when there are too many already */
            add(w, make(SB_OP_FIND, "a.b", "{\"find\":\"c\",\"filter\":{\"hot\":1}}", i, 100000));
    }
    sb_workload_rank(w, ranked);
    assert_string_equal(ranked[0]->shape->text, "{\"hot\":1}");
    assert_true(ranked[0]->sums.count == 250 && ranked[0]->sums.total_ms == 25000000);
    assert_true(sb_workload_totals(w).count == 750);
    assert_int_equal(sb_work_quantile(ranked[0], 0.5), 100000); /* the middle of the bucket is 99328: less than all of them */
    sb_workload_free(w);
}

static void what_is_met_most_is_kept_by_name(void **state)
{
    (void)state;
    struct sb_shares s = {.n = 0}, t = {.n = 0};
    char name[20];
    uint64_t sum = 0;
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "app%d", i);
        assert_int_equal(sb_shares_add(&s, 8, span(name), 1), 0);
        assert_int_equal(sb_shares_add(&s, 8, i % 3 ? span("busy") : span("at times"), 1), 0);
    }
    assert_string_equal(sb_shares_top(&s), "busy");
    for (size_t i = 0; i < s.n; i++) {
        sum += s.item[i].count;
        assert_true(!sb_streq(s.item[i].name, "busy") || s.item[i].count == 200);
    }
    assert_true(s.n <= 8 && sum + s.other == 600);
    assert_int_equal(sb_shares_merge(&t, 8, &s), 0);
    assert_true(t.other == s.other && t.n == s.n);
    sb_shares_release(&s);
    sb_shares_release(&t);
}

static void shapes_of_any_size_stay_within_the_bytes_allowed(void **state)
{
    (void)state;
    const struct sb_workload_options options = {.max_bytes = 1 << 20, .examples = true};
    struct sb_workload *w = sb_workload_new(&options, &err);
    char *command = malloc(9000);
    assert_non_null(command);
    for (int i = 0; i < 2000; i++) {
        int n = snprintf(command, 9000, "{\"find\":\"c\",\"filter\":{\"f%d", i);
        memset(command + n, 'x', 3000);
        snprintf(command + n + 3000, 100, "\":1}}");
        add(w, make(SB_OP_FIND, "a.b", command, i, 1));
    }
    assert_int_equal(sb_workload_totals(w).count, 2000);
    assert_true(sb_workload_size(w) < 400);
    assert_non_null(sb_workload_other(w));
    free(command);
    sb_workload_free(w);
}

static void names_are_bounded(void **state)
{
    (void)state;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    char name[600];
    for (int i = 0; i < 100; i++) {
        struct sb_slow_op op = make(SB_OP_FIND, "a.b", "{\"find\":\"b\"}", i, 1);
        snprintf(name, sizeof name, "app%d", i);
        op.app = op.plan = op.query_hash = span(name);
        add(w, op);
    }
    const struct sb_work *work = sb_workload_at(w, 0);
    assert_true(work->apps.n < 100 && work->apps.n + work->apps.other == 100 && work->plans.n < 100 && work->plans.n + work->plans.other == 100);
    assert_string_equal(work->query_hash, "app99");
    /* names with a NUL inside, and very long ones */
    memset(name, 'y', sizeof name);
    name[3] = '\0';
    for (size_t n = 0; n < sizeof name; n += 7) {
        struct sb_slow_op op = make(SB_OP_FIND, "c.d", "{\"find\":\"b\"}", 1, 1);
        op.app = op.plan = op.query_hash = (struct sb_span){name + (n & 4), n & ~(size_t)7};
        add(w, op);
    }
    assert_int_equal(sb_workload_size(w), 2);
    sb_workload_free(w);
}

static void an_endless_stream_forgets(void **state)
{
    (void)state;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    char command[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(command, sizeof command, "{\"find\":\"c\",\"filter\":{\"f%d\":1}}", i);
        add(w, make(SB_OP_FIND, "a.b", command, i, 1));
        if (i % 100 == 99)
            sb_assert_ok(sb_workload_forget(w, i - 49, &err), err);
    }
    assert_int_equal(sb_workload_size(w), 50);
    /* the ones that stayed are found, the ones that went begin anew */
    snprintf(command, sizeof command, "{\"find\":\"c\",\"filter\":{\"f%d\":1}}", 999);
    add(w, make(SB_OP_FIND, "a.b", command, 2000, 1));
    assert_int_equal(sb_workload_size(w), 50);
    add(w, make(SB_OP_FIND, "a.b", "{\"find\":\"c\",\"filter\":{\"f3\":1}}", 2000, 1));
    assert_int_equal(sb_workload_size(w), 51);
    assert_int_equal(sb_workload_at(w, 50)->sums.count, 1);
    sb_workload_free(w);
}

/* ---- the sliding window ---- */

static void the_window_tells_before_from_after(void **state)
{
    (void)state;
    const struct sb_workload_options options = {.bucket_ms = 1000, .buckets = 60};
    struct sb_workload *w = sb_workload_new(&options, &err);
    const int64_t start = INT64_C(1700000000000);
    for (int64_t t = 0; t < 40000; t += 100) { /* 10 a second: 5 ms, from second 20 on 500 ms */
        struct sb_slow_op op = make(SB_OP_FIND, "a.b", "{\"find\":\"b\"}", start + t, t < 20000 ? 5 : 500);
        op.docs_examined = t < 20000 ? 1 : 1000;
        add(w, op);
    }
    const struct sb_work *work = sb_workload_at(w, 0);
    bool complete = false;
    struct sb_work_sums before = sb_work_window(w, work, start, start + 20000, &complete);
    assert_true(complete && before.count == 200 && before.total_ms == 1000 && before.docs_examined == 200 && before.max_ms == 5);
    struct sb_work_sums after = sb_work_window(w, work, start + 20000, start + 40000, &complete);
    assert_true(complete && after.count == 200 && after.total_ms == 100000 && after.docs_examined == 200000);
    assert_int_equal(sb_work_window(w, work, start + 40000, start + 50000, NULL).count, 0);
    assert_int_equal(sb_work_window(w, work, start + 5000, start + 6000, NULL).count, 10);
    uint64_t p95 = sb_work_window_quantile(w, work, start + 20000, start + 40000, 0.95);
    assert_true(p95 >= 420 && p95 <= 500); /* 500 / 2^(1/4) .. the largest that was seen */
    p95 = sb_work_window_quantile(w, work, start, start + 20000, 0.95);
    assert_true(p95 >= 4 && p95 <= 6);
    /* a minute later the beginning has left the ring, and it says so */
    add(w, make(SB_OP_FIND, "a.b", "{\"find\":\"b\"}", start + 75000, 1));
    before = sb_work_window(w, work, start, start + 20000, &complete);
    assert_true(!complete && before.count == 40);
    /* an operation that comes too late is not put where another minute is */
    add(w, make(SB_OP_FIND, "a.b", "{\"find\":\"b\"}", start + 1000, 1));
    assert_int_equal(sb_work_window(w, work, start + 61000, start + 62000, NULL).count, 0);
    sb_workload_free(w);
    w = sb_workload_new(NULL, &err);
    add(w, make(SB_OP_FIND, "a.b", "{\"find\":\"b\"}", start, 1));
    assert_int_equal(sb_work_window(w, sb_workload_at(w, 0), 0, INT64_MAX, &complete).count, 0);
    assert_false(complete); /* no window was asked for */
    sb_workload_free(w);
}

/* The documented bound of the window's quantile: a factor of 2^(1/4). */
static void window_quantiles_are_within_their_bound(void **state)
{
    (void)state;
    const struct sb_workload_options options = {.bucket_ms = 1000, .buckets = 10};
    for (int64_t ms = 0; ms < 5000; ms = ms < 100 ? ms + 1 : ms + 37) {
        struct sb_workload *w = sb_workload_new(&options, &err);
        for (int i = 0; i < 10; i++)
            add(w, make(SB_OP_FIND, "a.b", "{\"find\":\"b\"}", 1000, i < 9 ? ms : 100000));
        double got = (double)sb_work_window_quantile(w, sb_workload_at(w, 0), 0, 5000, 0.5), exact = (double)ms;
        assert_true(ms < 2 ? got == exact : got * 1.1893 + 0.6 >= exact && got <= exact * 1.1893 + 0.6);
        sb_workload_free(w);
    }
}

/* ---- a real log ---- */

static void read_log(struct sb_workload *w, const char *path, uint64_t *lines, uint64_t *slow)
{
    struct sb_infile *in = sb_infile_open(path, &err);
    if (!in)
        fail_msg("%s", err.msg);
    struct sb_mongolog reader;
    struct sb_log_line line;
    struct sb_slow_op op;
    struct sb_span text;
    enum sb_line_end end;
    sb_mongolog_init(&reader);
    while (sb_infile_line(in, &text, &end, &err) > 0) {
        assert_int_equal(sb_mongolog_line(&reader, text.p, text.n, &line, &op), SB_LOG_GOOD);
        ++*lines;
        if (!line.slow)
            continue;
        ++*slow;
        add(w, op);
    }
    sb_mongolog_release(&reader);
    sb_infile_close(in);
    sb_assert_ok(sb_workload_settle(w, INT64_MAX, &err), err);
}

static void assert_figures(const struct sb_workload *w, const char *op, const char *shape, uint64_t count, uint64_t total_ms)
{
    for (size_t i = 0; i < sb_workload_size(w); i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        if (strcmp(work->ns, "testdb.__examples") || strcmp(work->shape->op, op) || strcmp(work->shape->text, shape))
            continue;
        assert_int_equal(work->sums.count, count);
        assert_int_equal(work->sums.total_ms, total_ms);
        return;
    }
    fail_msg("no %s %s", op, shape);
}

static void the_sample_log_has_its_known_figures(void **state)
{
    (void)state;
    if (!sb_test_data())
        sb_test_skip("the recordings are not here");
    char path[512];
    snprintf(path, sizeof path, "%s/mongod-logs/sample-mongod.log.gz", sb_test_data());
    struct sb_workload *w = sb_workload_new(NULL, &err);
    uint64_t lines = 0, slow = 0;
    read_log(w, path, &lines, &slow);
    assert_int_equal(lines, 27995);
    assert_int_equal(slow, 27429);
    assert_figures(w, "find", "{\"email\":1}", 2988, 371660);
    assert_figures(w, "remove", "{\"email\":1}", 2988, 371478);
    assert_figures(w, "update", "{\"email\":1}", 2988, 371146);
    assert_figures(w, "insert", "", 10175, 1330364);
    assert_int_equal(sb_workload_totals(w).count, 27429 - 6060); /* every envelope of this log has its write */
    assert_int_equal(count_of(w, SB_SHAPE_UNKNOWN), 0);
    sb_workload_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_added_up_by_namespace_and_shape),
        cmocka_unit_test(what_was_added_up_elsewhere_keeps_its_count),
        cmocka_unit_test(a_write_and_its_envelope_count_once),
        cmocka_unit_test(a_bulk_of_writes_has_one_envelope),
        cmocka_unit_test(envelopes_without_a_write_stand_for_themselves),
        cmocka_unit_test(envelopes_of_one_millisecond_may_come_before_their_writes),
        cmocka_unit_test(writes_and_envelopes_of_one_millisecond_pair_off),
        cmocka_unit_test(more_connections_than_are_kept_lose_nothing),
        cmocka_unit_test(quantiles_are_within_their_bound),
        cmocka_unit_test(merged_parts_are_as_one_pass),
        cmocka_unit_test(what_does_not_fit_goes_to_a_visible_other),
        cmocka_unit_test(what_takes_most_time_is_kept_apart),
        cmocka_unit_test(what_is_met_most_is_kept_by_name),
        cmocka_unit_test(shapes_of_any_size_stay_within_the_bytes_allowed),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(an_endless_stream_forgets),
        cmocka_unit_test(the_window_tells_before_from_after),
        cmocka_unit_test(window_quantiles_are_within_their_bound),
        cmocka_unit_test(the_sample_log_has_its_known_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
