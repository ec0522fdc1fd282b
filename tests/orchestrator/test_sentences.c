/* SPDX-License-Identifier: Apache-2.0
 *
 * How well requests are understood: two halves of a set of sentences, each behind its intent. Rules are written looking at
 * the first half; of the second one only figures are told, so that it stays what the rules have not seen. Of each half at
 * least 95 of 100 must be read right, none that is ours refused, and all that is not ours refused. A third file holds what
 * was written later to mend the rules by. Prints how often a reading was right by how sure it was, over the two halves. */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/orchestrator/intake.h>

#include <string.h>

#define FOLDER "tests/orchestrator/sentences/"
#define BUCKETS 10 /* of 10 percent */

struct tally {
    size_t n, right, refused, taken; /* refused: ours, read as none; taken: not ours, read as ours */
    size_t in_bucket[BUCKETS], right_in[BUCKETS];
    int64_t sure[BUCKETS]; /* sums */
};

static struct sb_intake *shipped(void)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_problems problems;
    struct sb_str text;
    sb_problems_init(&problems);
    sb_str_init(&text);
    sb_assert_ok(sb_file_read("src/orchestrator/intents.data", 1 << 20, &text, &err), err);
    struct sb_intake *in = sb_intake_new(text.p, text.len, "intents.data", &problems, &err);
    assert_non_null(in);
    if (problems.count)
        fail_msg("%s", problems.text.p);
    sb_problems_release(&problems);
    sb_str_release(&text);
    return in;
}

static void read_one(const struct sb_intake *in, char *line, bool tell, struct tally *t)
{
    char *tab = strchr(line, '\t');
    struct sb_reading_of r;
    struct sb_err err = SB_ERR_INIT;
    assert_non_null(tab);
    *tab = '\0';
    int wanted = sb_name_find(&sb_intents, line);
    assert_true(wanted >= 0);
    sb_assert_ok(sb_intake_read(in, tab + 1, NULL, 0, &r, &err), err);
    size_t bucket = r.confidence_ppm >= 1000000 ? BUCKETS - 1 : (size_t)(r.confidence_ppm * BUCKETS / 1000000);
    bool right = r.intent == wanted;
    t->n++;
    t->right += right;
    t->refused += wanted != SB_INTENT_NONE && r.intent == SB_INTENT_NONE;
    t->taken += wanted == SB_INTENT_NONE && r.intent != SB_INTENT_NONE;
    t->in_bucket[bucket]++;
    t->right_in[bucket] += right;
    t->sure[bucket] += r.confidence_ppm;
    if (!right && tell)
        print_message("  %s, read as %s (%s): %s\n", line, sb_name(&sb_intents, r.intent), r.reason, tab + 1);
    sb_record_release(&sb_reading_of_schema, &r);
}

static void read_half(const struct sb_intake *in, const char *name, bool tell, struct tally *t)
{
    char path[128], *rest, *line;
    struct sb_str text;
    struct sb_err err = SB_ERR_INIT;
    snprintf(path, sizeof path, FOLDER "%s.txt", name);
    sb_str_init(&text);
    sb_assert_ok(sb_file_read(path, 1 << 20, &text, &err), err);
    for (line = strtok_r(text.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (line[0] != '#')
            read_one(in, line, tell, t);
    sb_str_release(&text);
    print_message("%s: %zu of %zu right (%.1f %%); ours but refused: %zu; not ours but taken: %zu\n", name, t->right, t->n, 100.0 * (double)t->right / (double)t->n, t->refused, t->taken);
}

static void both_halves(void **state)
{
    (void)state;
    struct sb_intake *in = shipped();
    struct tally t[2] = {{0}}, more = {0};
    read_half(in, "first", true, &t[0]);
    read_half(in, "second", false, &t[1]);
    read_half(in, "more", true, &more);
    print_message("sure      sentences   said   right\n");
    for (size_t i = 0; i < BUCKETS; i++) {
        size_t n = t[0].in_bucket[i] + t[1].in_bucket[i], right = t[0].right_in[i] + t[1].right_in[i];
        if (n)
            print_message("%3zu-%3zu %% %8zu  %5.1f  %6.1f %%\n", i * 10, i * 10 + 10, n, (double)(t[0].sure[i] + t[1].sure[i]) / 1e4 / (double)n, 100.0 * (double)right / (double)n);
    }
    for (size_t i = 0; i < SB_COUNT(t); i++) {
        assert_true(t[i].n >= 240);
        assert_true(t[i].right * 100 >= t[i].n * 95);
        assert_int_equal(t[i].refused, 0);
        assert_int_equal(t[i].taken, 0);
    }
    assert_true(more.right * 100 >= more.n * 95);
    sb_intake_free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
