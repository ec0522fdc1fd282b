/* SPDX-License-Identifier: Apache-2.0
 *
 * How well requests are understood: two pairs of halves, sentences behind their intents. Rules are written, and what words
 * lean to is learnt (`make learn`), looking at the first and the third file; of the second and the fourth only figures are told,
 * so that they stay what has not been seen. The later pair is the harder one: other voices, and its sentences were written
 * before the rules were mended by its first half. `more` holds what was written in between, `fifth` what somebody wrote who had read no rule, and `sixth` what came after. Of `fourth` the four
 * that were refused, of `fifth` the seven, of `sixth` the three, of `seventh` the six and of `eighth` the seven that were wrong were looked at once, and mended by
 * rules of their kind, and by `ninth` rules were mended as by the first; by `tenth` nothing was: what it says is what strangers' sentences come to; of `eleventh` the five. Every file is
 * read as `ask --classify` reads it, cut into the requests that stand in it. Prints how often a reading was
 * right by how sure it was, over the halves not seen, and what was taken for what in all. */
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

static size_t taken_for[SB_INTENT_STATUS + 1][SB_INTENT_STATUS + 1]; /* what it is, what it was read as: in the halves not seen */

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

/* The intents of a request in order, "backup.check+index.retire", as `ask --classify` reads it; how sure of the first. */
static void read_whole(const struct sb_intake *in, const char *text, char *names, size_t size, struct sb_reading_of *first)
{
    struct sb_reading_of r[SB_INTAKE_PARTS_MAX];
    struct sb_err err = SB_ERR_INIT;
    size_t n = sb_intake_read_all(in, text, NULL, 0, r, &err), at = 0;
    sb_assert_ok(n ? 0 : -1, err);
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(names + at, size - at, "%s%s", i ? "+" : "", sb_name(&sb_intents, r[i].intent));
        assert_true(at < size);
        if (i)
            sb_record_release(&sb_reading_of_schema, &r[i]);
    }
    *first = r[0];
}

static void read_one(const struct sb_intake *in, char *line, bool seen, struct tally *t)
{
    char *tab = strchr(line, '\t'), names[SB_INTAKE_PARTS_MAX * 32];
    struct sb_reading_of r;
    assert_non_null(tab);
    *tab = '\0';
    read_whole(in, tab + 1, names, sizeof names, &r);
    size_t bucket = r.confidence_ppm >= 1000000 ? BUCKETS - 1 : (size_t)(r.confidence_ppm * BUCKETS / 1000000);
    bool right = strcmp(names, line) == 0, foreign = strcmp(line, "none") == 0;
    int wanted = sb_name_find(&sb_intents, line), read = sb_name_find(&sb_intents, names); /* -1: several */
    assert_true(wanted >= 0 || strchr(line, '+'));
    t->n++;
    t->right += right;
    t->refused += !foreign && r.intent == SB_INTENT_NONE;
    t->taken += foreign && !right;
    t->in_bucket[bucket]++;
    t->right_in[bucket] += right;
    t->sure[bucket] += r.confidence_ppm;
    if (!seen && wanted >= 0 && read >= 0)
        taken_for[wanted][read]++;
    if (!right && seen)
        print_message("  %s, read as %s (%s): %s\n", line, names, r.reason, tab + 1);
    sb_record_release(&sb_reading_of_schema, &r);
}

static void read_half(const struct sb_intake *in, const char *name, bool seen, struct tally *t)
{
    char path[128], *rest, *line;
    struct sb_str text;
    struct sb_err err = SB_ERR_INIT;
    snprintf(path, sizeof path, FOLDER "%s.txt", name);
    sb_str_init(&text);
    sb_assert_ok(sb_file_read(path, 1 << 20, &text, &err), err);
    for (line = strtok_r(text.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (line[0] != '#')
            read_one(in, line, seen, t);
    sb_str_release(&text);
    print_message("%s: %zu of %zu right (%.1f %%); ours but refused: %zu; not ours but taken: %zu\n", name, t->right, t->n, 100.0 * (double)t->right / (double)t->n, t->refused, t->taken);
}

static void print_confusion(void)
{
    print_message("what it is, and how often what was read, in the halves not seen:\n");
    for (int i = 0; i <= SB_INTENT_STATUS; i++) {
        print_message("%-20s", sb_name(&sb_intents, i));
        for (int j = 0; j <= SB_INTENT_STATUS; j++)
            if (taken_for[i][j])
                print_message(" %s %zu", i == j ? "right" : sb_name(&sb_intents, j), taken_for[i][j]);
        print_message("\n");
    }
}

static void both_halves(void **state)
{
    (void)state;
    static const struct { const char *name; bool seen; size_t least, percent, refused, taken; } files[] = {
        {"first", true, 240, 97, 0, 0},  {"second", false, 240, 95, 0, 0}, {"third", true, 800, 97, 2, 0},    {"fourth", false, 180, 95, 2, 0},
                 {"more", true, 2000, 97, 5, 0}, {"fifth", false, 150, 95, 0, 0},  {"sixth", false, 95, 95, 0, 0},    {"seventh", false, 200, 95, 0, 0},
                 {"eighth", false, 100, 97, 0, 0}, {"ninth", true, 250, 97, 0, 0}, {"tenth", false, 100, 95, 0, 0},
                 {"eleventh", true, 150, 97, 0, 0}};
    struct sb_intake *in = shipped();
    struct tally t[SB_COUNT(files)] = {{0}};
    for (size_t i = 0; i < SB_COUNT(files); i++)
        read_half(in, files[i].name, files[i].seen, &t[i]);
    print_message("sure      sentences   said   right\n");
    for (size_t b = 0; b < BUCKETS; b++) {
        size_t n = t[1].in_bucket[b] + t[3].in_bucket[b], right = t[1].right_in[b] + t[3].right_in[b];
        if (n)
            print_message("%3zu-%3zu %% %8zu  %5.1f  %6.1f %%\n", b * 10, b * 10 + 10, n, (double)(t[1].sure[b] + t[3].sure[b]) / 1e4 / (double)n, 100.0 * (double)right / (double)n);
    }
    print_confusion();
    for (size_t i = 0; i < SB_COUNT(files); i++) {
        assert_true(t[i].n >= files[i].least);
        assert_true(t[i].right * 100 >= t[i].n * files[i].percent);
        assert_true(t[i].refused <= files[i].refused);
        assert_true(t[i].taken <= files[i].taken);
    }
    sb_intake_free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
