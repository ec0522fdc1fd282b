/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples from a real server's recorded replies, and from hostile ones. */
#include "test.h"

#include <signalbox/base/json.h>
#include <signalbox/base/process.h>
#include <signalbox/telemetry/sample.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bson_t *doc(const char *json)
{
    bson_error_t e;
    bson_t *d = bson_new_from_json((const uint8_t *)json, -1, &e);
    if (!d)
        fail_msg("%s", e.message);
    return d;
}

/* The first recorded reply whose command has this key, of member 0; NULL and skipped without the recordings. */
static bson_t *recorded(const char *topic, const char *command)
{
    const char *data = sb_test_data();
    if (!data)
        return NULL;
    char line[512];
    snprintf(line, sizeof line, "zcat %s/replies-5.0.7/%s.jsonl.gz | jq -c 'select(.command.%s and .member[\"$numberInt\"]==\"0\").reply' | head -1", data, topic, command);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t cap = 8 << 20;
    char *text = malloc(cap);
    size_t n = fread(text, 1, cap - 1, p);
    text[n] = '\0';
    pclose(p);
    bson_t *d = n ? doc(text) : NULL;
    free(text);
    return d;
}

static void a_real_server_status_has_every_metric_of_its_version(void **state)
{
    (void)state;
    bson_t *reply = recorded("server", "serverStatus");
    if (!reply)
        sb_test_skip("the recorded replies are not here");
    struct sb_sample *s = sb_sample_new("m:1", 1);
    sb_sample_server_status(s, reply);
    for (int i = 0; i < SB_METRIC_N; i++)
        if (s->value[i] == SB_NO_VALUE)
            fail_msg("%s was not found in a real 5.0 serverStatus", sb_metric_path((enum sb_metric)i));
    assert_true(s->at > INT64_C(1700000000000) && s->pid > 0 && s->uptime_ms > 0);
    assert_true(s->value[SB_METRIC_CACHE_MAX] > 0 && s->value[SB_METRIC_CONNECTIONS] > 0);
    sb_sample_free(s);
    bson_destroy(reply);
}

static void real_members_and_top(void **state)
{
    (void)state;
    bson_t *repl = recorded("server", "replSetGetStatus"), *top = recorded("server", "top");
    if (!repl || !top)
        sb_test_skip("the recorded replies are not here");
    struct sb_sample *s = sb_sample_new("m:1", 1);
    sb_sample_repl_status(s, repl);
    assert_int_equal(s->peers_n, 3);
    assert_true(s->is_primary);
    assert_string_equal(s->state, "PRIMARY");
    for (size_t i = 0; i < 3; i++)
        assert_true(s->peers[i].healthy && s->peers[i].optime_s > 0);
    assert_int_equal(sb_sample_top(s, top), 0);
    assert_true(s->has_top);
    for (size_t i = 0; i < s->ns_n; i++) {
        assert_non_null(strchr(s->ns[i].ns, '.'));
        assert_false(sb_starts_with(s->ns[i].ns, "local."));
    }
    sb_sample_free(s);
    bson_destroy(repl);
    bson_destroy(top);
}

static void the_log_is_taken_once_and_gaps_are_counted(void **state)
{
    (void)state;
    struct sb_sample *s = sb_sample_new("m:1", 1);
    int64_t seen = -1;
    bson_t *first = doc("{\"totalLinesWritten\": 5, \"log\": [\"d\", \"e\\n\"]}");
    assert_int_equal(sb_sample_log(s, first, &seen), 0);
    assert_string_equal(s->log.p, "d\ne\n"); /* what the server still holds */
    assert_int_equal(s->log_gap, 0);
    sb_str_clear(&s->log);
    assert_int_equal(sb_sample_log(s, first, &seen), 0);
    assert_int_equal(s->log.len, 0);
    bson_t *later = doc("{\"totalLinesWritten\": 9, \"log\": [\"h\", \"i\"]}");
    assert_int_equal(sb_sample_log(s, later, &seen), 0);
    assert_string_equal(s->log.p, "h\ni\n");
    assert_int_equal(s->log_gap, 2); /* f and g passed unseen */
    sb_str_clear(&s->log);
    bson_t *restarted = doc("{\"totalLinesWritten\": 1, \"log\": [\"a\"]}");
    assert_int_equal(sb_sample_log(s, restarted, &seen), 0);
    assert_string_equal(s->log.p, "a\n");
    bson_destroy(first);
    bson_destroy(later);
    bson_destroy(restarted);
    sb_sample_free(s);
}

/* Asked for only where transactions are open and idle; what is none, or says nonsense, is passed over. */
static void transactions_that_are_left_open(void **state)
{
    (void)state;
    struct sb_sample *s = sb_sample_new("m:1", 1);
    assert_non_null(s);
    static const char *const odd[] = {"{}", "{\"transaction\": 5}", "{\"type\": \"idleSession\", \"transaction\": {\"timeOpenMicros\": -5, \"timeInactiveMicros\": 1}}",
                                      "{\"transaction\": {\"timeOpenMicros\": \"7\", \"timeInactiveMicros\": 1}}"};
    assert_false(sb_sample_wants_transactions(s));
    for (int64_t idle = 0; idle < 2; idle++) {
        s->vitals.value[SB_VITAL_TRANSACTIONS_IDLE] = idle;
        assert_int_equal(sb_sample_wants_transactions(s), idle);
    }
    for (size_t i = 0; i < SB_COUNT(odd); i++) {
        bson_t *d = doc(odd[i]);
        assert_true(sb_sample_transaction(s, d));
        bson_destroy(d);
    }
    assert_int_equal(s->idle_n, 0);
    bson_t *one = doc("{\"type\": \"idleSession\", \"client\": \"10.0.0.7:41234\", \"appName\": \"report\", \"transaction\": {\"timeOpenMicros\": 12000000, \"timeInactiveMicros\": 11000000}}");
    for (int i = 0; i < SB_IDLE_TRANSACTIONS; i++)
        assert_true(sb_sample_transaction(s, one));
    assert_false(sb_sample_transaction(s, one)); /* there is no more room */
    assert_int_equal(s->idle_n, SB_IDLE_TRANSACTIONS);
    assert_string_equal(s->idle[0].app, "report");
    assert_string_equal(s->idle[0].client, "10.0.0.7:41234");
    assert_int_equal(s->idle[0].open_ms, 12000);
    assert_int_equal(s->idle[0].idle_ms, 11000);
    bson_destroy(one);
    sb_sample_free(s);
}

static void what_is_missing_or_odd_stays_unset(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}", "{\"opcounters\": 1, \"connections\": {\"current\": \"many\"}, \"wiredTiger\": []}",
        "{\"localTime\": 5, \"mem\": {\"resident\": {\"$numberDouble\": \"NaN\"}}, \"opLatencies\": {\"reads\": {}}}",
        "{\"members\": [1, {}, {\"name\": 3}], \"totals\": {\"a.b\": 1, \"c.d\": {\"readLock\": 1}}}",
    };
    for (size_t i = 0; i < SB_COUNT(odd); i++) {
        struct sb_sample *s = sb_sample_new("m:1", 77);
        bson_t *d = doc(odd[i]);
        sb_sample_server_status(s, d);
        sb_sample_repl_status(s, d);
        assert_int_equal(sb_sample_top(s, d), 0);
        int64_t seen = -1;
        assert_int_equal(sb_sample_log(s, d, &seen), 0);
        for (int m = 0; m < SB_METRIC_N; m++)
            assert_true(s->value[m] == SB_NO_VALUE);
        assert_int_equal(s->at, 77);
        assert_int_equal(s->peers_n, 0);
        sb_sample_free(s);
        bson_destroy(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_server_status_has_every_metric_of_its_version),
        cmocka_unit_test(real_members_and_top),
        cmocka_unit_test(the_log_is_taken_once_and_gaps_are_counted),
        cmocka_unit_test(transactions_that_are_left_open),
        cmocka_unit_test(what_is_missing_or_odd_stays_unset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
