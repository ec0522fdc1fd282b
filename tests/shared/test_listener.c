/* SPDX-License-Identifier: Apache-2.0
 *
 * Being told by the store, on three simulated members, over real sockets: each change once, also where the primary is killed; whose
 * changes they are; and an end that does not wait for the store. */
#include "test.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/base/json.h>
#include <signalbox/base/process.h>
#include <signalbox/mongo/store_stream.h>
#include <signalbox/shared/listener.h>

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define LOG "00112233445566778899aabbccddeeff"
#define PATIENCE_MS 60000

static struct {
    struct sb_process sim;
    char uri[300], name[32];
    mongoc_client_t *client;
    int db;
} lab;

static void start_set(const char *program, const char *scenario)
{
    struct sb_err err = SB_ERR_INIT;
    char line[2000];
    size_t n = 0;
    const char *const argv[] = {program, "sim", "--scenario", scenario, "--seed", "3", NULL};
    sb_assert_ok(sb_process_spawn(&lab.sim, argv, SB_PROCESS_OUT | SB_PROCESS_DIE_WITH_US, &err), err);
    while (n + 1 < sizeof line && read(lab.sim.out, line + n, 1) == 1 && line[n] != '\n')
        n++;
    json_t *ready = sb_json_parse(line, n, "sim", SB_JSON_ALLOW_REAL, &err);
    assert_non_null(ready);
    snprintf(lab.uri, sizeof lab.uri, "%s", sb_json_str(ready, "uri"));
    json_decref(ready);
    lab.client = mongoc_client_new(lab.uri);
    assert_non_null(lab.client);
}

static void end_set(void)
{
    if (!lab.client)
        return;
    mongoc_client_destroy(lab.client);
    lab.client = NULL;
    sb_process_stop(&lab.sim, 2000);
}

static int start(void **state)
{
    (void)state;
    sb_mongo_init();
    if (getenv("SIGNALBOX"))
        start_set(getenv("SIGNALBOX"), "calm");
    return 0;
}

static int end(void **state)
{
    (void)state;
    end_set();
    sb_mongo_cleanup();
    return 0;
}

static int fresh(void **state)
{
    (void)state;
    if (!lab.client)
        sb_test_skip("SIGNALBOX does not name the program, whose simulator is wanted");
    snprintf(lab.name, sizeof lab.name, "live%d", ++lab.db);
    return 0;
}

static bool by_hand_on(const char *db, const char *json)
{
    bson_error_t e = {0};
    bson_t reply, *command = bson_new_from_json((const uint8_t *)json, -1, &e);
    assert_non_null(command);
    bool ok = mongoc_client_write_command_with_opts(lab.client, db, command, NULL, &reply, &e);
    bson_destroy(command);
    bson_destroy(&reply);
    return ok;
}

/* What is not primary yet, or no more, refuses it. */
static void by_hand(const char *fmt, ...) SB_PRINTF(1, 2);
static void by_hand(const char *fmt, ...)
{
    char json[1000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(json, sizeof json, fmt, ap);
    va_end(ap);
    for (int64_t until = sb_mono_ms() + PATIENCE_MS; !by_hand_on(lab.name, json); usleep(100000))
        if (sb_mono_ms() > until)
            fail_msg("%s is refused", json);
}

static void put(const char *id, const char *log)
{
    by_hand("{\"update\": \"approvals\", \"updates\": [{\"q\": {\"_id\": \"%s\"}, \"u\": {\"$set\": {\"l\": \"%s\", \"answer\": null}}, \"upsert\": true}], \"writeConcern\": {\"w\": \"majority\"}}", id, log);
}

/* Waits until so many changes were told in all; *anew counts how often it began without a memory. */
static void hear(struct sb_store_stream *x, int64_t wanted, int *anew)
{
    int64_t got = 0, n;
    for (int64_t until = sb_mono_ms() + PATIENCE_MS; got < wanted || wanted == 0;) {
        struct sb_err err = SB_ERR_INIT;
        enum sb_store_heard heard = sb_store_stream_wait(x, 300, &n, &err);
        got += n;
        *anew += heard == SB_STORE_HEARD_ANEW;
        if (wanted == 0 && heard != SB_STORE_HEARD_ERROR)
            break;
        if (sb_mono_ms() > until)
            fail_msg("%lld of %lld were told: %s", (long long)got, (long long)wanted, err.msg);
        if (heard == SB_STORE_HEARD_ERROR)
            usleep(200000);
    }
    assert_int_equal(got, wanted);
}

/* The primary is killed again and again, and with it every stream that was open there. */
static void each_change_is_told_once(void **state)
{
    (void)state;
    static const char scenario[] = "title \"a store\"\ncollection shop.a 10\n    field _id \"seq('a')\"\n"
                                   "every 8s from 3s kill primary\nevery 8s from 6s restart 0\nevery 8s from 6s restart 1\nevery 8s from 6s restart 2\n";
    struct sb_err err = SB_ERR_INIT;
    char path[400];
    int64_t made = 0, told = 0, n;
    int breaks = 0, anew = 0;
    bson_t match = BSON_INITIALIZER;
    snprintf(path, sizeof path, "%s/store.scenario", sb_test_dir());
    sb_assert_ok(sb_file_write(path, 0600, scenario, strlen(scenario), &err), err);
    end_set();
    start_set(getenv("SIGNALBOX"), path);
    put("n0", LOG); /* what was there is not told */
    struct sb_store_stream *x = sb_store_stream_open(lab.uri, lab.name, "approvals", &match, &err);
    assert_non_null(x);
    hear(x, 0, &anew);
    for (int64_t until = sb_mono_ms() + PATIENCE_MS; breaks < 2 || told < made;) {
        enum sb_store_heard heard = sb_store_stream_wait(x, 300, &n, &err);
        told += n;
        anew += heard == SB_STORE_HEARD_ANEW;
        breaks += heard == SB_STORE_HEARD_ERROR;
        if (heard == SB_STORE_HEARD_ERROR) /* what comes now is not told by any stream that is open */
            for (int i = 0; i < 3; i++) {
                char id[32];
                snprintf(id, sizeof id, "a%lld", (long long)++made);
                put(id, LOG);
            }
        if (sb_mono_ms() > until)
            fail_msg("%lld of %lld were told, after %d failures: %s", (long long)told, (long long)made, breaks, err.msg);
    }
    hear(x, 0, &anew); /* and no more */
    assert_int_equal(told, made);
    assert_int_equal(anew, 1);
    sb_store_stream_close(x);
    bson_destroy(&match);
    end_set();
    start_set(getenv("SIGNALBOX"), "calm");
}

/* ---- the thread ---- */

static atomic_int wakes;

static void wake(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&wakes, 1);
}

static void wait_for(int least)
{
    for (int64_t until = sb_mono_ms() + PATIENCE_MS; atomic_load(&wakes) < least; usleep(20000))
        if (sb_mono_ms() > until)
            fail_msg("%d of %d wakes", atomic_load(&wakes), least);
}

static struct sb_listener *listen_to(const char *uri, const char *log)
{
    struct sb_err err = SB_ERR_INIT;
    const struct sb_listener_options o = {.uri = uri, .database = lab.name, .log = log, .wake = wake};
    atomic_store(&wakes, 0);
    struct sb_listener *w = sb_listener_start(&o, &err);
    assert_non_null(w);
    return w;
}

static void an_owner_is_woken_for_its_own(void **state)
{
    (void)state;
    struct sb_listener *w = listen_to(lab.uri, LOG);
    wait_for(1); /* it begins */
    assert_true(sb_listener_tells(w));
    struct sb_err err = SB_ERR_INIT;
    int anew = 0;
    bson_t match = BSON_INITIALIZER;
    struct sb_store_stream *witness = sb_store_stream_open(lab.uri, lab.name, NULL, &match, &err);
    hear(witness, 0, &anew);
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "x%d", i);
        put(id, "ffeeddccbbaa99887766554433221100");
    }
    hear(witness, 20, &anew);
    sb_store_stream_close(witness);
    bson_destroy(&match);
    assert_int_equal(atomic_load(&wakes), 1);
    by_hand("{\"insert\": \"cards\", \"documents\": [{\"_id\": {\"l\": \"%s\", \"card\": \"C-1\"}, \"l\": \"%s\"}]}", LOG, LOG);
    put("y", LOG);
    wait_for(2);
    by_hand("{\"update\": \"approvals\", \"updates\": [{\"q\": {\"_id\": \"y\"}, \"u\": {\"$set\": {\"answer\": {\"ok\": true}}}}]}"); /* its own answer */
    put("z", LOG);
    wait_for(3);
    assert_int_equal(atomic_load(&wakes), 3); /* in this order: what is told is told in that of the writes */
    assert_true(sb_listener_halt(w, 20000));
    sb_listener_free(w);
}

static void who_looks_is_woken_for_all(void **state)
{
    (void)state;
    struct sb_listener *w = listen_to(lab.uri, NULL);
    wait_for(1);
    by_hand("{\"insert\": \"hosts\", \"documents\": [{\"_id\": \"%s\", \"draining\": false, \"beat\": 1}]}", LOG);
    wait_for(2);
    by_hand("{\"update\": \"hosts\", \"updates\": [{\"q\": {}, \"u\": {\"$set\": {\"beat\": 2}}}]}");
    by_hand("{\"update\": \"hosts\", \"updates\": [{\"q\": {}, \"u\": {\"$set\": {\"draining\": true}}}]}");
    wait_for(3);
    put("y", LOG); /* of no interest before it is answered */
    by_hand("{\"update\": \"approvals\", \"updates\": [{\"q\": {\"_id\": \"y\"}, \"u\": {\"$set\": {\"answer\": {\"ok\": true}}}}]}");
    wait_for(4);
    by_hand("{\"insert\": \"cards\", \"documents\": [{\"_id\": {\"l\": \"%s\", \"card\": \"C-1\"}}]}", LOG);
    wait_for(5);
    by_hand("{\"insert\": \"incidents\", \"documents\": [{\"_id\": {\"l\": \"%s\", \"incident\": \"A-1\"}}]}", LOG);
    wait_for(6);
    assert_int_equal(atomic_load(&wakes), 6);
    assert_true(sb_listener_halt(w, 20000));
    sb_listener_free(w);
}

static void one_that_nobody_tells_says_why(void **state)
{
    (void)state;
    bool none = true;
    char why[400] = "";
    struct sb_listener *w = listen_to("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300", LOG);
    for (int64_t until = sb_mono_ms() + PATIENCE_MS; !strstr(why, "127.0.0.1:1"); usleep(20000)) {
        sb_listener_find_fault(w, &none, why, sizeof why);
        if (sb_mono_ms() > until)
            fail_msg("it says %s", why);
    }
    assert_false(none);
    assert_false(sb_listener_tells(w));
    assert_int_equal(atomic_load(&wakes), 0); /* nothing has become other than it was */
    assert_true(sb_listener_halt(w, 20000));
    sb_listener_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_change_is_told_once, fresh), cmocka_unit_test_setup(an_owner_is_woken_for_its_own, fresh), cmocka_unit_test_setup(who_looks_is_woken_for_all, fresh),
        cmocka_unit_test_setup(one_that_nobody_tells_says_why, fresh),
    };
    return cmocka_run_group_tests_name("listener", tests, start, end);
}
