/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/orchestrator/intake.h>

#include <string.h>

static char *known[] = {(char *)"shop.orders", (char *)"shop.carts", (char *)"crm.users", (char *)"old.carts"};

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

static const struct {
    const char *text;
    int intent;
    const char *ns, *key, *index;
} rows[] = {
    {"orders is slow", SB_INTENT_INDEX_REVIEW, "shop.orders", NULL, NULL},
    {"speed up crm.users please", SB_INTENT_INDEX_REVIEW, "crm.users", NULL, NULL},
    {"which indexes are missing on shop.carts?", SB_INTENT_INDEX_REVIEW, "shop.carts", NULL, NULL},
    {"create an index on shop.orders {status: 1, created_at: -1}", SB_INTENT_INDEX_CREATE, "shop.orders", "{status: 1, created_at: -1}", NULL},
    {"add a unique index {email: 1} named by_email to users", SB_INTENT_INDEX_CREATE, "crm.users", "{email: 1}", "by_email"},
    {"why did latency of shop.orders jump at 14:05?", SB_INTENT_ANOMALY_INVESTIGATE, "shop.orders", NULL, NULL},
    {"watch shop.orders closely", SB_INTENT_ANOMALY_WATCH, "shop.orders", NULL, NULL},
    {"rename customer_name to name in shop.orders", SB_INTENT_SCHEMA_CHANGE, "shop.orders", NULL, NULL},
    {"are our backups good?", SB_INTENT_BACKUP_CHECK, NULL, NULL, NULL},
    {"drop unused indexes on crm.users", SB_INTENT_INDEX_RETIRE, "crm.users", NULL, NULL},
    {"what is the status of the cluster", SB_INTENT_STATUS, NULL, NULL, NULL},
    {"carts is slow", SB_INTENT_INDEX_REVIEW, NULL, NULL, NULL}, /* two collections of that name: asked back, not guessed */
    {"write me a poem", SB_INTENT_NONE, NULL, NULL, NULL},
    {"", SB_INTENT_NONE, NULL, NULL, NULL},
};

static void a_collection_is_spoken_of(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } said[] = {
        {"carts is slow", "carts"}, {"the baskets are slow", "baskets"}, {"speed up the collection wish-lists", "wish-lists"}, {"why is checkouts so slow?", "checkouts"},
        {"create an index on baskets {a: 1}", "baskets"}, {"watch baskets closely", "baskets"}, {"everything is slow", NULL}, {"why is it slow", NULL},
        {"make it faster", NULL}, {"the database is slow", NULL}, {"shop.nothing is slow", NULL}, {"", NULL},
    };
    struct sb_intake *in = shipped();
    for (size_t i = 0; i < SB_COUNT(said); i++) {
        char *word = sb_intake_named(in, said[i].text);
        if (!sb_streq(word, said[i].word))
            fail_msg("\"%s\" speaks of %s", said[i].text, word ? word : "nothing");
        free(word);
    }
    sb_intake_free(in);
}

static void requests_are_read(void **state)
{
    (void)state;
    struct sb_intake *in = shipped();
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct sb_reading_of r;
        struct sb_err err = SB_ERR_INIT;
        sb_assert_ok(sb_intake_read(in, rows[i].text, known, SB_COUNT(known), &r, &err), err);
        if (r.intent != rows[i].intent || !sb_streq(r.slots.ns, rows[i].ns) || !sb_streq(r.slots.key, rows[i].key) || !sb_streq(r.slots.index, rows[i].index))
            fail_msg("\"%s\" was read as %s, ns %s, key %s, index %s", rows[i].text, sb_name(&sb_intents, r.intent), r.slots.ns, r.slots.key, r.slots.index);
        assert_true(r.reason && r.reason[0]);
        assert_true(r.confidence_ppm > 0 && r.confidence_ppm <= 1000000 && r.runner_up_ppm <= r.confidence_ppm);
        sb_record_release(&sb_reading_of_schema, &r);
    }
    sb_intake_free(in);
}

/* What is not ours is told from what was not understood; what only sounds like it is ours all the same. */
static void what_is_not_ours_is_called_by_its_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int intent;
        const char *foreign;
    } said[] = {
        {"how do I write a $lookup with a pipeline?", SB_INTENT_NONE, "a question for the documentation"},
        {"what is an index?", SB_INTENT_NONE, "a question for the documentation"},
        {"what is the difference between a replica set and a cluster", SB_INTENT_NONE, "a question for the documentation"},
        {"TypeError: Cannot read property 'find' of undefined", SB_INTENT_NONE, "an error of an application"},
        {"why do I get MongoServerSelectionError in my tests", SB_INTENT_NONE, "an error of an application"},
        {"my script throws E11000 on insert", SB_INTENT_NONE, "an error of an application"},
        {"how do I install pymongo with pip", SB_INTENT_NONE, "the set-up of a driver"},
        {"create an index with mongoose", SB_INTENT_INDEX_CREATE, NULL},
        {"connect my node.js service to the cluster", SB_INTENT_NONE, "the set-up of a driver"},
        {"hello there!", SB_INTENT_NONE, "conversation"},
        {"how are you?", SB_INTENT_NONE, "conversation"},
        {"write me a poem", SB_INTENT_NONE, "conversation"},
        {"xyzzy", SB_INTENT_NONE, NULL},
        {"the thing with the customers again", SB_INTENT_NONE, NULL},
        {"", SB_INTENT_NONE, NULL},
        {"hey, orders is slow", SB_INTENT_INDEX_REVIEW, NULL},
        {"how are the members?", SB_INTENT_STATUS, NULL},
        {"what is the state of the replica set", SB_INTENT_STATUS, NULL},
        {"why does the checkout app see errors since 14:05", SB_INTENT_ANOMALY_INVESTIGATE, NULL},
        {"what does the documentation say about slow queries on shop.orders?", SB_INTENT_INDEX_REVIEW, NULL}, /* it names what we know */
    };
    struct sb_intake *in = shipped();
    for (size_t i = 0; i < SB_COUNT(said); i++) {
        struct sb_reading_of r;
        struct sb_err err = SB_ERR_INIT;
        sb_assert_ok(sb_intake_read(in, said[i].text, known, SB_COUNT(known), &r, &err), err);
        if (r.intent != said[i].intent || !sb_streq(r.foreign, said[i].foreign))
            fail_msg("\"%s\" was read as %s, %s", said[i].text, sb_name(&sb_intents, r.intent), r.reason);
        assert_true(r.confidence_ppm > 0 && (!r.foreign || sb_starts_with(r.reason, r.foreign)));
        sb_record_release(&sb_reading_of_schema, &r);
    }
    sb_intake_free(in);
}

static void hostile_requests_are_bounded(void **state)
{
    (void)state;
    struct sb_intake *in = shipped();
    struct sb_reading_of r;
    struct sb_err err = SB_ERR_INIT;
    char *big = malloc(1 << 20);
    memset(big, 'a', (1 << 20) - 1);
    big[(1 << 20) - 1] = '\0';
    assert_int_equal(sb_intake_read(in, big, known, SB_COUNT(known), &r, &err), -1);
    assert_int_equal(sb_exit_status(err.code), 2);
    assert_int_equal(sb_intake_read(in, "\xff\xfe slow", known, SB_COUNT(known), &r, &err), -1);
    for (int i = 0; i < SB_REQUEST_MAX; i += 2)
        memcpy(big + i, ".{", 2);
    big[SB_REQUEST_MAX] = '\0';
    sb_assert_ok(sb_intake_read(in, big, known, SB_COUNT(known), &r, &err), err);
    sb_record_release(&sb_reading_of_schema, &r);
    free(big);
    sb_intake_free(in);
}

static void a_wrong_file_is_said_line_by_line(void **state)
{
    (void)state;
    static const char text[] = "match 5 x\nintent nonsense\nmatch 5 x\nintent report\nmatch 0 x\nmatch 5 (\nwords\nmatch 5 fine\n";
    struct sb_problems problems;
    struct sb_err err = SB_ERR_INIT;
    sb_problems_init(&problems);
    struct sb_intake *in = sb_intake_new(text, sizeof text - 1, "f", &problems, &err);
    assert_non_null(in);
    assert_int_equal(problems.count, 6);
    assert_non_null(strstr(problems.text.p, "f:1: "));
    assert_non_null(strstr(problems.text.p, "f:6: the regular expression is wrong"));
    sb_intake_free(in);
    sb_problems_release(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(a_collection_is_spoken_of),
        cmocka_unit_test(what_is_not_ours_is_called_by_its_name),
        cmocka_unit_test(hostile_requests_are_bounded),
        cmocka_unit_test(a_wrong_file_is_said_line_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
