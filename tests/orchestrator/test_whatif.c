/* SPDX-License-Identifier: Apache-2.0
 *
 * A card's index is tried out: on a sample, by a card of its own, whose copy and index are gone afterwards, also where the process
 * that made them is; and where policy, or a sensitive field, does not let it, the reason is told and nothing is written. */
#include "lab.h"

#include <signalbox/mongo/write_door.h>

#define SCENARIO "tests/e2e/what-if.scenario"
#define WITH_LIMIT 3 /* documents to one returned, which an index on the very filter and sort is held to */

static int try_out(struct lab *l, const struct lab_seat *s)
{
    return lab_ask(l, s, lab_decision(l, SB_ASK_WHAT_IF, NULL, NULL, NULL));
}

/* The same in plain language. */
static int prove(struct lab *l, const struct lab_seat *s)
{
    char *text = sb_format("please prove %s.", l->card.id);
    int rc = lab_ask(l, s, sb_message_text(SB_ASK_REQUEST, 0, text));
    free(text);
    return rc;
}

/* Collections of the database whose names say that they are scratch. */
static int scratches_of(mongoc_client_t *client)
{
    bson_error_t e;
    bson_t opts = BSON_INITIALIZER;
    int n = 0;
    mongoc_database_t *db = mongoc_client_get_database(client, "shop");
    char **names = mongoc_database_get_collection_names_with_opts(db, &opts, &e);
    assert_non_null(names);
    for (char **name = names; *name; name++)
        n += strncmp(*name, SB_SCRATCH_PREFIX, sizeof SB_SCRATCH_PREFIX - 1) == 0;
    bson_strfreev(names);
    mongoc_database_destroy(db);
    return n;
}

static int scratches(struct lab *l)
{
    return scratches_of(l->client);
}

/* Asks until the slow question has been seen and a card is proposed for it. */
static void propose(struct lab *l)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!l->have_card || l->card.kind != SB_KIND_CREATE_INDEX || l->card.shapes_n == 0) {
        lab_ask(l, &l->alice, sb_message_text(SB_ASK_REQUEST, 0, "review the indexes on shop.orders"));
        for (int i = 0; i < 5; i++)
            lab_take(l, &l->alice, 0, 100);
        if (sb_mono_ms() > until)
            fail_msg("nothing was proposed: %s", l->answer);
    }
    lab_until_state(l, SB_AWAITING_APPROVAL);
}

/* Takes news until the card with this id stands beside its proof, or the trial has ended. */
static void until_proved(struct lab *l, const char *id)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!sb_streq(l->card.id, id) || l->card.beside_n == 0)
        lab_wait(l, until);
}

static const struct sb_evidence *fact(const struct sb_card *c, const char *begins)
{
    for (size_t i = 0; i < c->beside_n; i++)
        if (sb_starts_with(c->beside[i].what, begins))
            return &c->beside[i];
    for (size_t i = 0; i < c->beside_n; i++)
        print_message("%s: %s\n", c->beside[i].what, c->beside[i].value);
    fail_msg("nothing beside the card begins with %s", begins);
    return NULL;
}

static void until_gone(struct lab *l)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (scratches(l))
        lab_wait(l, until);
}

static int count_writes(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    int64_t *of = ctx; /* copies without permit's intent are impossible: what is counted is what was sent, by verb */
    (void)bytes;
    (void)n;
    (void)err;
    const char *command = sb_json_str(e->body, "command");
    if (e->kind == SB_ENTRY_STEP_INTENT && command) {
        of[0] += strstr(command, "\"$out\"") != NULL;
        of[1] += strstr(command, "\"createIndexes\"") != NULL;
        of[2] += strstr(command, "\"drop\"") != NULL;
        of[3] += strstr(command, "\"$unset\"") != NULL;
    }
    return 0;
}

static void an_index_is_tried_out_on_a_sample(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = SCENARIO, .policy_old = {"\"rules\": [", "{\"health.lag_s\": {\"ge\": 10}}"}, .policy_new = {"\"sensitive\": [\"total\"], \"rules\": [", "{\"health.lag_s\": {\"ge\": 1000}}"}}; /* time runs fast there: a busy machine lags */
    lab_open(&l, &o);
    propose(&l);
    char *id = sb_format("%s", l.card.id), *hash = sb_format("%s", l.card.hash);
    if (prove(&l, &l.bob) != 0)
        fail_msg("%s", l.answer);
    assert_non_null(strstr(l.answer, "what is found out will stand beside "));
    until_proved(&l, id);
    assert_string_equal(l.card.hash, hash); /* beside it: nothing that is approved has changed */
    assert_int_equal(l.card.state, SB_AWAITING_APPROVAL);
    const struct sb_evidence *with = fact(&l.card, "with the index: documents examined"), *without = fact(&l.card, "without it, by today's plan"), *size = fact(&l.card, "size of the index");
    if (!sb_starts_with(with->coverage, "measured on a sample of 1000 of "))
        fail_msg("%s: %s", with->coverage, with->value);
    int64_t a = strtoll(with->value, NULL, 10), b = strtoll(without->value, NULL, 10);
    if (a < 1 || a > WITH_LIMIT || b < 30 * a) /* a hundredth of the sample has the value */
        fail_msg("with %s, without %s", with->value, without->value);
    if (!strstr(without->value, "to 1, which is by the index created_at_1; 1000 examined, so between ")) /* which gives the order, and has to be read through */
        fail_msg("%s", without->value);
    assert_true(strtoll(size->value, NULL, 10) > 20000);
    until_gone(&l);
    lab_close(&l);
    int64_t sent[4] = {0};
    lab_each_entry(&l, count_writes, sent);
    assert_int_equal(sent[0], 1);
    assert_int_equal(sent[1], 2); /* what is there on created_at, and the new one; not that of the sensitive field */
    assert_int_equal(sent[2], 1);
    assert_int_equal(sent[3], 1); /* the sensitive field stayed behind */
    assert_int_equal(lab_entries(&l, SB_ENTRY_PROOF, NULL), 1);
    free(id);
    free(hash);
}

/* What the example asks for is in no sample: documents of the sample say what is asked for, and that is an estimate. */
static void an_example_that_is_not_in_the_sample_is_made_of_it(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = "tests/orchestrator/nobody.scenario"};
    lab_open(&l, &o);
    propose(&l);
    char *id = sb_format("%s", l.card.id);
    if (prove(&l, &l.bob) != 0)
        fail_msg("%s", l.answer);
    until_proved(&l, id);
    const struct sb_evidence *with = fact(&l.card, "with the index: documents examined"), *without = fact(&l.card, "without it, by today's plan");
    if (!strstr(with->value, "asked with the values of a document of the sample") || strcmp(with->coverage, "estimated") != 0 || strtoll(with->value, NULL, 10) != 1)
        fail_msg("with: %s, %s", with->coverage, with->value);
    if (!strstr(without->value, "which is a scan; 1000 examined") || !sb_starts_with(without->coverage, "measured")) /* that finds nothing either, and reads all to find it out */
        fail_msg("without: %s, %s", without->coverage, without->value);
    until_gone(&l);
    lab_close(&l);
    free(id);
}

static void what_must_not_be_tried_out_is_not(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_PROD, .scenario = SCENARIO};
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(prove(&l, &l.bob), 4);
    assert_non_null(strstr(l.answer, "ask on a drill copy or on staging"));
    assert_int_equal(scratches(&l), 0);
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);

    struct lab_options s = {.environment = SB_ENV_STAGING, .scenario = SCENARIO, .policy_old = {"\"rules\": ["},
                            .policy_new = {"\"sensitive\": [\"customer_id\"], \"rules\": ["}};
    lab_open(&l, &s);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(try_out(&l, &l.bob), 1);
    assert_non_null(strstr(l.answer, "customer_id is a sensitive field, which is not copied"));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

/* What a trial leaves that was killed after its copy: the collection, and the intent in the trials' ledger. */
static void leave_behind(struct lab *l, const char *uri, mongoc_client_t *client)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_deployment_facts facts;
    struct sb_permit permit;
    char trials[sizeof l->dir + sizeof "/trials"];
    bson_error_t e;
    snprintf(trials, sizeof trials, "%s/trials", l->dir);
    sb_assert_ok(sb_dir_make(trials, 0700, &err), err);
    struct sb_server *server = sb_server_new(uri, true, &err);
    struct sb_conn *conn = sb_conn_to_primary(server, SB_LANE_BULK, &err);
    assert_non_null(conn);
    sb_assert_ok(sb_deployment_ask(conn, &facts, &err), err);
    struct sb_ledger *ledger = sb_ledger_open(trials, SB_LEDGER_OWN, &l->origin, &err);
    assert_non_null(ledger);
    struct sb_entry entry = {.kind = SB_ENTRY_STEP_INTENT, .actor.principal = (char *)(uintptr_t)"alice",
                             .body = json_pack("{s:i,s:i,s:b,s:s,s:s,s:s,s:s}", "step", 1, "try", 1, "undo", false, "trial", "T-killed", "db", "shop", "scratch", SB_SCRATCH_PREFIX "T-killed", "target", facts.id)};
    sb_assert_ok(sb_ledger_intent(ledger, &entry, "{\"aggregate\":\"orders\",\"pipeline\":[{\"$out\":\"x\"}],\"$db\":\"shop\"}", facts.id, NULL, &permit, &err), err);
    json_decref(entry.body);
    sb_ledger_close(ledger);
    sb_deployment_facts_release(&facts);
    sb_conn_close(conn);
    sb_server_free(server);
    bson_t *create = BCON_NEW("create", SB_SCRATCH_PREFIX "T-killed"), reply;
    if (!mongoc_client_command_simple(client, "shop", create, NULL, &reply, &e))
        fail_msg("%s", e.message);
    bson_destroy(&reply);
    bson_destroy(create);
    assert_int_equal(scratches_of(client), 1);
}

/* Policy's word about the deployment for trials, in the case. */
static int count_there(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes, (void)n, (void)err;
    const json_t *in = json_object_get(e->body, "input"), *target = json_object_get(in, "target"), *health = json_object_get(in, "health");
    if (e->kind == SB_ENTRY_VERDICT && sb_streq(sb_json_str(target, "deployment"), "what_if") && e->plan.case_id && json_object_get(health, "lag_s") && json_object_get(health, "builds") &&
        json_integer_value(json_object_get(health, "members_up")) == 3)
        ++*(int64_t *)ctx;
    return 0;
}

/* The health of the deployment for trials decides, and what it says stands beside the card. */
static void what_is_not_well_is_left_alone(void **state)
{
    (void)state;
    struct lab l, there = {.line = ""};
    struct sb_err err = SB_ERR_INIT;
    char file[160], uri[512];
    const char *dir = sb_test_dir();
    snprintf(file, sizeof file, "%s/staging.uri", dir);
    snprintf(there.dir, sizeof there.dir, "%s/trials", dir);
    lab_start_sim(&there, SCENARIO);
    json_t *ready = sb_json_parse(there.line, strlen(there.line), "sim", SB_JSON_ALLOW_REAL, &err);
    assert_non_null(ready);
    snprintf(uri, sizeof uri, "%s", sb_json_str(ready, "uri"));
    json_decref(ready);
    sb_assert_ok(sb_file_write(file, 0600, there.wire.uri, strlen(there.wire.uri), &err), err);
    struct lab_options o = {.state_dir = dir, .environment = SB_ENV_PROD, .scenario = SCENARIO, .what_if_uri_file = file, .what_if_environment = SB_ENV_STAGING, .policy_old = {"{\"health.lag_s\": {\"ge\": 10}}"}, .policy_new = {"{\"health.lag_s\": {\"ge\": 0}}"}};
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    char *id = sb_format("%s", l.card.id);
    assert_int_equal(prove(&l, &l.bob), 0);
    lab_until_notice(&l, "policy denies it there: a member lags by");
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!sb_streq(l.card.id, id) || l.card.beside_n == 0)
        lab_wait(&l, until);
    assert_non_null(strstr(fact(&l.card, "tried out elsewhere")->value, "not tried out: policy denies it there"));
    mongoc_client_t *client = mongoc_client_new(uri);
    assert_int_equal(scratches_of(client), 0);
    mongoc_client_destroy(client);
    lab_stop(&l);
    int64_t asked = 0;
    lab_each_entry(&l, count_there, &asked);
    assert_int_equal(asked, 1);
    assert_int_equal(l.wire.sent_n + there.wire.sent_n, 0);
    lab_end(&l);
    lab_end(&there);
    free(id);
}

/* Policy denies it in prod; on the deployment that the config names it is done, with a ledger of its own, and nothing is written here. */
static void in_prod_it_is_tried_out_elsewhere(void **state)
{
    (void)state;
    struct lab l, there = {.line = ""};
    struct sb_err err = SB_ERR_INIT;
    char file[160], uri[512];
    const char *dir = sb_test_dir();
    snprintf(file, sizeof file, "%s/staging.uri", sb_test_dir());
    snprintf(there.dir, sizeof there.dir, "%s/trials", dir); /* what is sent there stands on a record of its own */
    lab_start_sim(&there, SCENARIO);
    json_t *ready = sb_json_parse(there.line, strlen(there.line), "sim", SB_JSON_ALLOW_REAL, &err);
    assert_non_null(ready);
    snprintf(uri, sizeof uri, "%s", sb_json_str(ready, "uri"));
    json_decref(ready);
    sb_assert_ok(sb_file_write(file, 0600, there.wire.uri, strlen(there.wire.uri), &err), err);
    struct lab_options o = {.state_dir = dir, .environment = SB_ENV_PROD, .scenario = SCENARIO, .what_if_uri_file = file, .what_if_environment = SB_ENV_STAGING, .policy_old = {"\"rules\": [", "{\"health.lag_s\": {\"ge\": 10}}"}, .policy_new = {"\"sensitive\": [\"total\"], \"rules\": [", "{\"health.lag_s\": {\"ge\": 1000}}"}}; /* time runs fast there: a busy machine lags */
    lab_open(&l, &o);
    propose(&l);
    char *id = sb_format("%s", l.card.id), *hash = sb_format("%s", l.card.hash);
    mongoc_client_t *client = mongoc_client_new(uri);
    leave_behind(&l, uri, client);
    if (prove(&l, &l.bob) != 0)
        fail_msg("%s", l.answer);
    assert_non_null(strstr(l.answer, "was denied"));
    assert_non_null(strstr(l.answer, "It is tried out on the deployment that the config names"));
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!sb_streq(l.card.id, id) || l.card.beside_n == 0) {
        lab_wait(&l, until);
        if (l.notices.p && strstr(l.notices.p, "could not be tried out elsewhere"))
            fail_msg("%s", l.notices.p);
    }
    assert_string_equal(l.card.hash, hash);
    const struct sb_evidence *with = fact(&l.card, "with the index: documents examined"), *without = fact(&l.card, "without it, by today's plan");
    assert_true(sb_starts_with(with->source, "T-") && strstr(with->source, " on "));
    assert_true(sb_starts_with(with->coverage, "measured on a sample of 1000 of "));
    if (!strstr(without->value, "which is by the index created_at_1"))
        fail_msg("%s", without->value);
    const struct sb_evidence *cost = fact(&l.card, "what the trial cost there");
    if (!strstr(cost->value, "1000 documents copied, 2 indexes built on them, ") || !strstr(cost->value, " commands in "))
        fail_msg("%s", cost->value);
    assert_int_equal(scratches(&l), 0);
    assert_int_equal(scratches_of(client), 0);
    mongoc_client_destroy(client);
    lab_stop(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
    assert_int_equal(lab_entries(&l, SB_ENTRY_PROOF, NULL), 1);
    int64_t asked = 0;
    lab_each_entry(&l, count_there, &asked);
    assert_int_equal(asked, 1);
    int64_t sent[4] = {0};
    lab_each_entry(&there, count_writes, sent);
    assert_true(sent[0] == 2 && sent[1] == 2 && sent[2] == 2 && sent[3] == 1); /* a copy and a drop are those of the one before */
    assert_int_equal(l.wire.sent_n, 0);
    assert_true(there.wire.sent_n > 0);
    lab_end(&l);
    lab_end(&there);
    free(id);
    free(hash);
}

/* The deployment named may not be the one itself. */
static void elsewhere_is_not_here(void **state)
{
    (void)state;
    struct lab l;
    struct sb_err err = SB_ERR_INIT;
    char file[160];
    snprintf(file, sizeof file, "%s/here.uri", sb_test_dir());
    struct lab_options o = {.environment = SB_ENV_PROD, .scenario = SCENARIO, .what_if_uri_file = file, .what_if_environment = SB_ENV_STAGING};
    lab_open(&l, &o);
    json_t *ready = sb_json_parse(l.line, strlen(l.line), "sim", SB_JSON_ALLOW_REAL, &err);
    sb_assert_ok(sb_file_write(file, 0600, sb_json_str(ready, "uri"), strlen(sb_json_str(ready, "uri")), &err), err);
    json_decref(ready);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(prove(&l, &l.bob), 0);
    lab_until_notice(&l, "is this very one");
    assert_int_equal(scratches(&l), 0);
    lab_close(&l);
}

/* What the config says nothing of is prod, and there nothing is copied. */
static void elsewhere_is_prod_where_nothing_is_said(void **state)
{
    (void)state;
    struct lab l;
    struct sb_err err = SB_ERR_INIT;
    char file[160];
    snprintf(file, sizeof file, "%s/unsaid.uri", sb_test_dir());
    struct lab_options o = {.environment = SB_ENV_PROD, .scenario = SCENARIO, .what_if_uri_file = file};
    lab_open(&l, &o);
    json_t *ready = sb_json_parse(l.line, strlen(l.line), "sim", SB_JSON_ALLOW_REAL, &err);
    sb_assert_ok(sb_file_write(file, 0600, sb_json_str(ready, "uri"), strlen(sb_json_str(ready, "uri")), &err), err);
    json_decref(ready);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(prove(&l, &l.bob), 0);
    lab_until_notice(&l, "policy denies it there: in prod nothing is copied");
    assert_int_equal(scratches(&l), 0);
    lab_close(&l);
}

/* The process ends while the copy is there: the next one reads what there is to read, and drops it. */
static void a_copy_that_was_left_is_dropped(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = SCENARIO};
    lab_open(&l, &o);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    if (try_out(&l, &l.bob) != 0)
        fail_msg("%s", l.answer);
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!scratches(&l))
        lab_wait(&l, until);
    lab_stop(&l);
    lab_start(&l, &o);
    until_gone(&l);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_index_is_tried_out_on_a_sample), cmocka_unit_test(an_example_that_is_not_in_the_sample_is_made_of_it), cmocka_unit_test(what_must_not_be_tried_out_is_not),
                                       cmocka_unit_test(in_prod_it_is_tried_out_elsewhere), cmocka_unit_test(elsewhere_is_not_here), cmocka_unit_test(elsewhere_is_prod_where_nothing_is_said),
                                       cmocka_unit_test(what_is_not_well_is_left_alone),
                                       cmocka_unit_test(a_copy_that_was_left_is_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
