/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of a whole workload: 60 shapes on 8 collections with 30 answers that are known because they were planted, and small
 * collections of which the best set of indexes is found by trying all of them. The model of what an index saves is this file's
 * own. */
#include "test.h"

#include <signalbox/agents/index_optimizer.h>
#include <signalbox/agents/log_advice.h>
#include <signalbox/base/rng.h>
#include <signalbox/formats/mongolog.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCUMENTS 20000

static struct sb_workload *new_workload(void)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    assert_non_null(w);
    return w;
}

static void slow(struct sb_workload *w, int times, const char *ns, const char *command, const char *plan, int docs, int used, bool sorts)
{
    char *text = sb_format("{\"t\":{\"$date\":\"2026-11-23T09:05:10.707Z\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,\"ctx\":\"conn1\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\","
                           "\"ns\":\"%s\",\"command\":%s,\"planSummary\":\"%s\",%s\"docsExamined\":%d,\"nreturned\":%d,\"durationMillis\":%d}}", ns, command, plan,
                           sorts ? "\"hasSortStage\":true," : "", docs, used, 20 + docs / 100);
    struct sb_mongolog reader;
    struct sb_log_line l;
    struct sb_slow_op op;
    struct sb_err err = SB_ERR_INIT;
    sb_mongolog_init(&reader);
    if (sb_mongolog_line(&reader, text, strlen(text), &l, &op) != SB_LOG_GOOD || !l.slow)
        fail_msg("not a line: %s", text);
    for (int i = 0; i < times; i++)
        sb_assert_ok(sb_workload_add(w, &op, &err), err);
    sb_mongolog_release(&reader);
    free(text);
}

static void advise(struct sb_workload *w, struct sb_log_advice **a, size_t *n)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_log_question q = {.workload = w, .span_ms = 600000, .now_ms = SB_NO_TIME};
    sb_assert_ok(sb_log_advise(&q, a, n, &err), err);
}

/* ---- planted answers ---- */

#define PLACES 8
#define TEMPLATES 15

/* Shapes that belong together, on fields x1, x2, .. of their own, and the keys that they ask for: fields in brackets may stand
 * in any order. */
struct planted {
    const char *shape[4]; /* filter | sort | plan | documents used; # stands for the group's prefix */
    const char *keys[2];
};

static const struct planted templates[TEMPLATES] = {
    {{"\"#1\":1||COLLSCAN|9", "\"#1\":1,\"#2\":1||COLLSCAN|4", "\"#2\":1,\"#3\":1,\"#1\":1||COLLSCAN|2"}, {"[#1][#2][#3]"}},
    {{"\"#3\":{\"$gt\":1},\"#1\":1|\"#2\":-1|COLLSCAN|30", "\"#1\":1|\"#2\":1|COLLSCAN|90"}, {"[#1]#2 #3 "}},
    {{"\"#1\":1|\"#2\":1,\"#3\":-1|COLLSCAN|9", "\"#1\":1|\"#2\":-1,\"#3\":1|COLLSCAN|9"}, {"[#1]+#2 -#3 "}},
    {{"\"$or\":[{\"#1\":1},{\"#2\":{\"$lt\":5}}]||COLLSCAN|40"}, {"[#1]", "#2 "}},
    {{"\"#1\":1,\"#2\":{\"$in\":[1,2,3]}||COLLSCAN|7", "\"#2\":1||COLLSCAN|80"}, {"[#2][#1]"}},
    {{"\"#1\":{\"$regex\":\"^ab\"},\"#2\":1||COLLSCAN|12"}, {"[#2]#1 "}},
    {{"\"#1\":1||COLLSCAN|12000", "\"#1\":1,\"#2\":{\"$ne\":3}||COLLSCAN|11000"}, {NULL}},
    {{"\"#1\":{\"$regex\":\"ab\"}||COLLSCAN|3", "\"#2\":{\"$ne\":3}||COLLSCAN|3"}, {NULL}},
    {{"\"#1\":1,\"#2\":1||IXSCAN { #1: 1, #2: 1 }|3", "\"#1\":1||COLLSCAN|60"}, {NULL}},
    {{"\"$or\":[{\"#1\":1},{\"#2\":{\"$exists\":true}}]||COLLSCAN|3"}, {NULL}},
    {{"\"#1\":1||COLLSCAN|9", "\"#2\":1,\"#1\":1||COLLSCAN|4"}, {"[#1][#2]"}},
    {{"\"#1\":1||COLLSCAN|9", "\"#1\":1|\"#2\":1|COLLSCAN|9", "\"#1\":1,\"#2\":{\"$gt\":1}||COLLSCAN|4"}, {"[#1]#2 "}},
    {{"\"#1\":{\"$gt\":1}|\"#2\":1|COLLSCAN|9", "\"#1\":{\"$gt\":1,\"$lt\":7}|\"#2\":-1|COLLSCAN|9"}, {"#2 #1 "}},
    {{"\"$and\":[{\"#1\":1},{\"#2\":{\"$eq\":1}}]||COLLSCAN|9", "\"#2\":1,\"#1\":1||COLLSCAN|9"}, {"[#1 #2]"}},
    {{"\"#1\":1||COLLSCAN|50", "\"#2\":1||COLLSCAN|50", "\"#1\":1,\"#3\":{\"$ne\":1}||COLLSCAN|40"}, {"[#1]", "[#2]"}},
};

static char *with_prefix(const char *text, const char *prefix)
{
    struct sb_str s;
    sb_str_init(&s);
    for (; *text; text++)
        *text == '#' ? sb_str_adds(&s, prefix) : sb_str_addc(&s, *text);
    return s.len ? sb_str_take(&s) : sb_format("%s", "");
}

/* Takes what stands before the bar. */
static char *part(char **rest)
{
    char *at = *rest, *bar = strchr(at, '|');
    if (bar)
        *bar = '\0';
    *rest = bar ? bar + 1 : at + strlen(at);
    return at;
}

static void plant(struct sb_workload *w, struct sb_rng *r, const char *ns, const struct planted *p, const char *prefix, size_t *shapes)
{
    for (size_t i = 0; i < SB_COUNT(p->shape) && p->shape[i]; i++) {
        char *text = with_prefix(p->shape[i], prefix), *rest = text;
        char *filter = part(&rest), *sort = part(&rest), *plan = part(&rest);
        int used = (int)strtol(rest, NULL, 10);
        bool scan = strcmp(plan, "COLLSCAN") == 0;
        char *command = sb_format("{\"find\":\"%s\",\"filter\":{%s},\"sort\":{%s},\"$db\":\"d\"}", strchr(ns, '.') + 1, filter, sort);
        slow(w, 10 + (int)sb_rng_below(r, 40), ns, command, plan, scan ? DOCUMENTS : used, used, sort[0] != '\0');
        free(command);
        free(text);
        ++*shapes;
    }
}

/* "[a b]c +d -e ": does the key have these fields, those in brackets in any order, those with a sign turned like that or all
 * the other way? */
static bool is_key(const bson_t *key, const char *want)
{
    bson_iter_t it;
    int turn = 0;
    if (!bson_iter_init(&it, key))
        return false;
    for (const char *p = want; *p;) {
        const char *end = *p == '[' ? strchr(p, ']') : strchr(p, ' ');
        bool block = *p == '[', down = *p == '-', turned = down || *p == '+';
        size_t names = 1;
        for (const char *c = p; block && c < end; c++)
            names += *c == ' ';
        char body[256];
        snprintf(body, sizeof body, " %.*s ", (int)(end - p) - (block || turned), p + (block || turned));
        for (size_t i = 0; i < names; i++) {
            char name[128];
            if (!bson_iter_next(&it))
                return false;
            snprintf(name, sizeof name, " %s ", bson_iter_key(&it));
            if (!strstr(body, name))
                return false;
            int this_turn = (int)bson_iter_as_int64(&it) * (down ? -1 : 1);
            if (turned && turn && turn != this_turn)
                return false;
            turn = turned ? this_turn : turn;
        }
        p = end + 1;
    }
    return !bson_iter_next(&it);
}

static bool same_answer(const struct sb_log_advice *a, const char *ns, const char *want)
{
    bson_t *key = strcmp(a->ns, ns) == 0 && a->kind == SB_ADVICE_CREATE ? bson_new_from_json((const uint8_t *)a->key, -1, NULL) : NULL;
    bool is = key && is_key(key, want);
    if (key)
        bson_destroy(key);
    return is;
}

static void planted_answers_are_found_and_no_others(void **state)
{
    (void)state;
    size_t answers = 0, all_shapes = 0, rounds = 20;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct sb_rng r;
        struct sb_workload *w = new_workload();
        size_t shapes = 0, wanted = 0, proposed = 0, n;
        struct sb_log_advice *a;
        char ns[30][16], prefix[30][16];
        size_t kind[30];
        sb_rng_seed(&r, seed);
        for (size_t i = 0; i < 30; i++) { /* each template twice, anywhere */
            kind[i] = i % TEMPLATES;
            snprintf(ns[i], sizeof ns[i], "d.c%u", (unsigned)sb_rng_below(&r, PLACES));
            snprintf(prefix[i], sizeof prefix[i], "%c%u_%zu.x", (char)('a' + sb_rng_below(&r, 26)), (unsigned)sb_rng_below(&r, 90), i);
            plant(w, &r, ns[i], &templates[kind[i]], prefix[i], &shapes);
        }
        advise(w, &a, &n);
        for (size_t i = 0; i < 30; i++)
            for (size_t k = 0; k < 2 && templates[kind[i]].keys[k]; k++) {
                char *want = with_prefix(templates[kind[i]].keys[k], prefix[i]);
                bool found = false;
                for (size_t j = 0; j < n && !found; j++)
                    found = same_answer(&a[j], ns[i], want);
                if (!found) {
                    for (size_t j = 0; j < n; j++)
                        if (strcmp(a[j].ns, ns[i]) == 0)
                            print_error("%s %s: %s\n", sb_advice_kind_name(a[j].kind), a[j].key ? a[j].key : "", a[j].reason);
                    fail_msg("seed %llu: %s wants %s", (unsigned long long)seed, ns[i], want);
                }
                wanted++;
                free(want);
            }
        for (size_t j = 0; j < n; j++)
            proposed += a[j].kind == SB_ADVICE_CREATE || a[j].kind == SB_ADVICE_REPLACE;
        assert_int_equal(proposed, wanted);
        answers += 30;
        all_shapes += shapes;
        sb_log_advice_free(a, n);
        sb_workload_free(w);
    }
    print_message("planted: %zu of %zu answers, %zu shapes a workload on %d collections\n", answers, 30 * rounds, all_shapes / rounds, PLACES);
}

/* ---- the best that there is ---- */

#define FIELDS 4
#define SHAPES 3
#define MOST_KEYS 400

struct key {
    int n, field[FIELDS], direction[FIELDS];
};

struct shape {
    bool equal[FIELDS];
    int range;                 /* field, or -1 */
    int sorts, sort[2], direction[2];
    bool limited;
    int times;
};

static const double part_equal[FIELDS] = {1.0 / 400, 1.0 / 50, 1.0 / 20, 1.0 / 8};
#define PART_RANGE 0.1
#define LIMIT 10.0

static double used_by(const struct shape *s)
{
    double docs = DOCUMENTS;
    for (int i = 0; i < FIELDS; i++)
        docs *= s->equal[i] ? part_equal[i] : 1;
    docs *= s->range >= 0 ? PART_RANGE : 1;
    return s->limited && docs > LIMIT ? LIMIT : docs;
}

/* Documents examined for one operation with this index: what its bounds let through, and of a sort that the index gives no
 * more than the limit wants. */
static double examined(const struct shape *s, const struct key *k)
{
    double docs = DOCUMENTS, behind = 1;
    int at = 0, equalities = 0, turn = 0, sorted = 0;
    for (int i = 0; i < FIELDS; i++)
        equalities += s->equal[i];
    int all = equalities;
    while (at < k->n && s->equal[k->field[at]]) {
        docs *= part_equal[k->field[at]];
        equalities--;
        at++;
    }
    if (at == 0 && all > 0)
        equalities = all;
    for (; sorted < s->sorts && at < k->n && k->field[at] == s->sort[sorted]; sorted++, at++) {
        int this_turn = k->direction[at] * s->direction[sorted];
        if (turn && turn != this_turn)
            break;
        turn = this_turn;
    }
    bool ordered = sorted == s->sorts;
    if (at < k->n && k->field[at] == s->range && (ordered || sorted == 0))
        docs *= PART_RANGE;
    else if (s->range >= 0)
        behind *= PART_RANGE;
    for (int i = 0; i < FIELDS; i++) {
        bool in_bounds = false;
        for (int j = 0; j < k->n; j++)
            in_bounds = in_bounds || (j < at && k->field[j] == i);
        if (s->equal[i] && !in_bounds)
            behind *= part_equal[i];
    }
    if (docs == DOCUMENTS && (s->sorts == 0 || !ordered))
        return DOCUMENTS;
    if (ordered && s->limited && LIMIT / behind < docs)
        return LIMIT / behind;
    return docs;
}

static double total(const struct shape *s, double cost[SHAPES][MOST_KEYS], const int *set, int n)
{
    double sum = 0;
    for (int i = 0; i < SHAPES; i++) {
        double best = DOCUMENTS;
        for (int k = 0; k < n; k++)
            best = cost[i][set[k]] < best ? cost[i][set[k]] : best;
        sum += best * s[i].times;
    }
    return sum;
}

static int all_keys(struct key *out)
{
    int n = 0;
    for (int length = 1; length <= FIELDS; length++)
        for (int code = 0; code < FIELDS * FIELDS * FIELDS * FIELDS; code++)
            for (int turns = 0; turns < 4; turns++) {
                struct key k = {.n = length};
                bool twice = false;
                for (int i = 0, c = code; i < FIELDS; i++, c /= FIELDS) {
                    k.field[i] = c % FIELDS;
                    k.direction[i] = i > 0 && i < 3 && (turns >> (i - 1) & 1) ? -1 : 1;
                    twice = twice || (i >= length && k.field[i] != 0);
                    for (int j = 0; j < i && i < length; j++)
                        twice = twice || k.field[j] == k.field[i];
                }
                bool spare = (length < 2 && turns) || (length < 3 && turns > 1);
                if (!twice && !spare && n < MOST_KEYS)
                    out[n++] = k;
            }
    return n;
}

static void make_shape(struct sb_rng *r, struct shape *s)
{
    memset(s, 0, sizeof *s);
    s->range = -1;
    s->times = 5 + (int)sb_rng_below(r, 30);
    bool taken[FIELDS] = {false};
    size_t equal = 1 + sb_rng_below(r, 2);
    for (size_t i = 0; i < equal; i++) {
        size_t f = sb_rng_below(r, FIELDS);
        s->equal[f] = taken[f] = true;
    }
    size_t f = sb_rng_below(r, FIELDS), what = sb_rng_below(r, 4);
    if (!taken[f] && what < 2) { /* sorted and limited, or all of a range */
        s->sorts = 1;
        s->sort[0] = (int)f;
        s->direction[0] = sb_rng_below(r, 2) ? 1 : -1;
        s->limited = true;
    } else if (!taken[f] && what == 2) {
        s->range = (int)f;
    }
}

static void tell(struct sb_workload *w, const struct shape *s)
{
    struct sb_str filter;
    sb_str_init(&filter);
    for (int i = 0; i < FIELDS; i++)
        if (s->equal[i])
            sb_str_addf(&filter, "%s\"f%d\":1", filter.len ? "," : "", i);
    if (s->range >= 0)
        sb_str_addf(&filter, ",\"f%d\":{\"$gt\":1}", s->range);
    char *sort = s->sorts ? sb_format(",\"sort\":{\"f%d\":%d},\"limit\":10", s->sort[0], s->direction[0]) : sb_format("%s", "");
    char *command = sb_format("{\"find\":\"c\",\"filter\":{%s}%s,\"$db\":\"d\"}", filter.p, sort);
    slow(w, s->times, "d.c", command, "COLLSCAN", DOCUMENTS, (int)(used_by(s) + 0.5), s->sorts > 0);
    free(command);
    free(sort);
    sb_str_release(&filter);
}

static int find_key(const struct key *keys, int n, const char *json)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, NULL);
    struct key k = {.n = 0};
    bson_iter_t it;
    int found = -1;
    assert_non_null(doc);
    bson_iter_init(&it, doc);
    while (bson_iter_next(&it) && k.n < FIELDS) {
        k.field[k.n] = bson_iter_key(&it)[1] - '0';
        k.direction[k.n++] = 1; /* one sorted field at most: either way will do */
    }
    bson_destroy(doc);
    for (int i = 0; i < n && found < 0; i++) {
        bool same = keys[i].n == k.n;
        for (int j = 0; j < k.n && same; j++)
            same = keys[i].field[j] == k.field[j] && keys[i].direction[j] == 1;
        found = same ? i : found;
    }
    return found;
}

static void no_set_of_as_many_indexes_is_better(void **state)
{
    (void)state;
    static struct key keys[MOST_KEYS];
    static double cost[SHAPES][MOST_KEYS];
    int n = all_keys(keys);
    double worst = 0;
    for (uint64_t seed = 100; seed < 400; seed++) {
        struct sb_rng r;
        struct shape s[SHAPES];
        struct sb_workload *w = new_workload();
        struct sb_log_advice *a;
        size_t advice_n;
        int ours[SHAPES + 1], ours_n = 0, needed = SHAPES;
        double best[SHAPES + 1];
        sb_rng_seed(&r, seed);
        for (int i = 0; i < SHAPES; i++) {
            make_shape(&r, &s[i]);
            tell(w, &s[i]);
            for (int k = 0; k < n; k++)
                cost[i][k] = examined(&s[i], &keys[k]);
        }
        advise(w, &a, &advice_n);
        for (size_t i = 0; i < advice_n; i++)
            if (a[i].kind == SB_ADVICE_CREATE) {
                assert_true(ours_n < SHAPES + 1);
                ours[ours_n] = find_key(keys, n, a[i].key);
                assert_true(ours[ours_n] >= 0);
                ours_n++;
            }
        for (int k = 0; k <= SHAPES; k++)
            best[k] = 1e18;
        int set[SHAPES];
        for (set[0] = 0; set[0] < n; set[0]++) {
            double t = total(s, cost, set, 1);
            best[1] = t < best[1] ? t : best[1];
            for (set[1] = set[0] + 1; set[1] < n; set[1]++) {
                t = total(s, cost, set, 2);
                best[2] = t < best[2] ? t : best[2];
            }
        }
        best[3] = 0; /* one for each shape: its own best */
        for (int i = 0; i < SHAPES; i++) {
            double own = DOCUMENTS;
            for (int k = 0; k < n; k++)
                own = cost[i][k] < own ? cost[i][k] : own;
            best[3] += own * s[i].times;
        }
        for (int k = SHAPES; k >= 1; k--)
            needed = best[k] <= best[SHAPES] * 1.0001 ? k : needed; /* the optimum, and the fewest indexes that give it */
        double mine = total(s, cost, ours, ours_n);
        bool bad = ours_n > needed || ours_n < 1 || mine > best[ours_n] * 1.05;
        for (size_t i = 0; i < advice_n && bad; i++)
            print_error("%s %s: %s\n", sb_advice_kind_name(a[i].kind), a[i].key ? a[i].key : "", a[i].reason);
        if (bad)
            fail_msg("seed %llu: %d indexes examine %.0f documents; %d would do, and %.0f", (unsigned long long)seed, ours_n, mine, needed, ours_n ? best[ours_n] : 0);
        double over = mine / best[ours_n] - 1;
        worst = over > worst ? over : worst;
        sb_log_advice_free(a, advice_n);
        sb_workload_free(w);
    }
    print_message("against all sets of indexes: at most %.1f %% more documents examined than the best, and never more indexes\n", worst * 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_answers_are_found_and_no_others),
        cmocka_unit_test(no_set_of_as_many_indexes_is_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
