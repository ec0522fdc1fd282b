/* SPDX-License-Identifier: Apache-2.0
 *
 * A change of documents is rehearsed on another deployment: on a copy of a sample there, by the commands that the card has, and what
 * was measured stands beside the card. Here nothing is written, and there nothing is left. */
#include "lab.h"

#include <signalbox/mongo/write_door.h>

#define SCENARIO "tests/orchestrator/rehearsal.scenario"
#define CHANGE "convert qty from string to int in shop.orders"

struct stage {
    struct lab l, there;
    char file[160], uri[512], card[32];
};

static void open_stage(struct stage *s, bool named, const char *sensitive)
{
    struct sb_err err = SB_ERR_INIT;
    const char *dir = sb_test_dir();
    memset(s, 0, sizeof *s);
    snprintf(s->file, sizeof s->file, "%s/staging.uri", dir);
    snprintf(s->there.dir, sizeof s->there.dir, "%s/trials", dir);
    lab_start_sim(&s->there, SCENARIO);
    json_t *ready = sb_json_parse(s->there.line, strlen(s->there.line), "sim", SB_JSON_ALLOW_REAL, &err);
    assert_non_null(ready);
    snprintf(s->uri, sizeof s->uri, "%s", sb_json_str(ready, "uri"));
    json_decref(ready);
    sb_assert_ok(sb_file_write(s->file, 0600, s->there.wire.uri, strlen(s->there.wire.uri), &err), err);
    struct lab_options o = {.state_dir = dir, .environment = SB_ENV_PROD, .scenario = SCENARIO, .what_if_uri_file = named ? s->file : NULL, .what_if_environment = SB_ENV_STAGING,
                              .policy_old = {NULL, "{\"health.lag_s\": {\"ge\": 10}}"}, .policy_new = {NULL, "{\"health.lag_s\": {\"ge\": 1000}}"}}; /* time runs fast there: a busy machine lags */
    if (sensitive) {
        o.policy_old[0] = "\"rules\": [";
        o.policy_new[0] = sensitive;
    }
    lab_open(&s->l, &o);
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (lab_ask(&s->l, &s->l.alice, sb_message_text(SB_ASK_REQUEST, 0, CHANGE)) != 0 || !s->l.have_card) {
        lab_take(&s->l, &s->l.alice, 0, 100);
        if (sb_mono_ms() > until)
            fail_msg("nothing was proposed: %s", s->l.answer);
    }
    while (s->l.card.kind != SB_KIND_OBSERVE && s->l.card.kind != SB_KIND_BACKFILL)
        lab_wait(&s->l, until);
    int64_t n; /* a look at who writes the new type comes before the change */
    assert_int_equal(sb_parse_i64(s->l.card.id + 2, &n), 0);
    snprintf(s->card, sizeof s->card, "C-%06" PRId64, n + (s->l.card.kind == SB_KIND_OBSERVE));
}

static void close_stage(struct stage *s)
{
    lab_close(&s->l);
    lab_end(&s->there);
}

static int rehearse(struct stage *s)
{
    char text[64];
    snprintf(text, sizeof text, "rehearse %s", s->card);
    return lab_ask(&s->l, &s->l.bob, sb_message_text(SB_ASK_REQUEST, 0, text));
}

static const struct sb_evidence *fact(const struct sb_card *c, const char *what)
{
    for (size_t i = 0; i < c->beside_n; i++)
        if (sb_streq(c->beside[i].what, what))
            return &c->beside[i];
    for (size_t i = 0; i < c->beside_n; i++)
        print_message("%s: %s\n", c->beside[i].what, c->beside[i].value);
    fail_msg("nothing beside the card says %s", what);
    return NULL;
}

static bool has_been(const struct sb_card *c)
{
    for (size_t n = 0; n < c->beside_n; n++)
        if (sb_streq(c->beside[n].what, "rehearsed: documents changed there"))
            return true;
    return false;
}

/* Time runs fast there: on a busy machine a member may lag, or a command be too late, and then it is asked for once more. */
static void until_rehearsed(struct stage *s)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    for (size_t told = 0; !(sb_streq(s->l.card.id, s->card) && has_been(&s->l.card)); lab_wait(&s->l, until)) {
        if (!sb_streq(s->l.card.id, s->card) || s->l.card.beside_n == told)
            continue;
        told = s->l.card.beside_n;
        print_message("%s\n", s->l.card.beside[told - 1].value);
        rehearse(s);
    }
}

/* How many documents of a collection there fit. */
static int64_t count_there(mongoc_client_t *client, const char *coll, const bson_t *filter)
{
    bson_error_t e;
    mongoc_collection_t *c = mongoc_client_get_collection(client, "shop", coll);
    int64_t n = mongoc_collection_count_documents(c, filter, NULL, NULL, NULL, &e);
    if (n < 0)
        fail_msg("%s", e.message);
    mongoc_collection_destroy(c);
    return n;
}

static int count_updates(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    int64_t *of = ctx;
    (void)bytes, (void)n, (void)err;
    const char *command = sb_json_str(e->body, "command");
    if (e->kind == SB_ENTRY_STEP_INTENT && command) {
        of[0] += sb_starts_with(command, "{ \"update\" : \"" SB_SCRATCH_PREFIX) || sb_starts_with(command, "{\"update\":\"" SB_SCRATCH_PREFIX);
        of[1] += strstr(command, "\"$out\"") != NULL;
        of[2] += strstr(command, "\"drop\"") != NULL;
        of[3]++;
    }
    return 0;
}

static void a_change_is_rehearsed_elsewhere(void **state)
{
    (void)state;
    struct stage s;
    open_stage(&s, true, NULL);
    if (rehearse(&s) != 0)
        fail_msg("%s", s.l.answer);
    assert_non_null(strstr(s.l.answer, "is rehearsed on a sample, on the deployment that the config names"));
    until_rehearsed(&s);
    const struct sb_evidence *changed = fact(&s.l.card, "rehearsed: documents changed there"), *left = fact(&s.l.card, "rehearsed: documents it does not come to"),
                             *time = fact(&s.l.card, "rehearsed: time there, a document"), *here = fact(&s.l.card, "rehearsed: time here, all documents");
    assert_true(sb_starts_with(changed->source, "T-") && strstr(changed->source, " on "));
    assert_string_equal(changed->coverage, "measured on a sample of 1000");
    assert_string_equal(here->coverage, "estimated");
    assert_true(strtod(time->value, NULL) > 0);
    assert_non_null(strstr(changed->value, "what is kept beside before was not rehearsed"));
    assert_non_null(strstr(changed->value, "nothing is left to do"));
    int64_t done = strtoll(changed->value, NULL, 10), stays = strtoll(left->value, NULL, 10);
    assert_int_equal(done + stays, 1000);
    assert_true(stays > 0 && done > stays);
    assert_non_null(strstr(here->value, " of 3000, each as long as there"));

    mongoc_client_t *client = mongoc_client_new(s.uri);
    bson_t all = BSON_INITIALIZER, *odd = BCON_NEW("qty", "about three"), *id;
    bson_error_t e;
    const char *at = strstr(left->value, "such as {"), *end = at ? strchr(at, '}') : NULL; /* the first that is named is one there */
    assert_non_null(end);
    char *one = sb_strdup_n(at + 8, (size_t)(end - at) - 7);
    id = bson_new_from_json((const uint8_t *)one, -1, &e);
    if (!id)
        fail_msg("%s: %s", one, e.message);
    bson_concat(id, odd);
    assert_int_equal(count_there(client, "orders", id), 1);
    assert_int_equal(count_there(client, "orders", &all), 3000);
    bson_t *ints = BCON_NEW("qty", "{", "$type", "int", "}"); /* the collection itself was left alone */
    assert_int_equal(count_there(client, "orders", ints), 0);
    bson_t opts = BSON_INITIALIZER;
    mongoc_database_t *db = mongoc_client_get_database(client, "shop");
    char **names = mongoc_database_get_collection_names_with_opts(db, &opts, &e);
    for (char **name = names; name && *name; name++)
        assert_false(sb_starts_with(*name, SB_SCRATCH_PREFIX));
    bson_strfreev(names);
    mongoc_database_destroy(db);
    bson_destroy(ints);
    bson_destroy(id);
    bson_destroy(odd);
    mongoc_client_destroy(client);
    free(one);

    lab_stop(&s.l);
    int64_t here_sent[4] = {0};
    lab_each_entry(&s.l, count_updates, here_sent); /* the look before the change has an intent, too, and sends nothing */
    assert_int_equal(here_sent[0] + here_sent[1] + here_sent[2], 0);
    assert_true(lab_entries(&s.l, SB_ENTRY_PROOF, NULL) >= 1);
    int64_t sent[4] = {0};
    lab_each_entry(&s.there, count_updates, sent);
    assert_true(sent[0] >= 5 && sent[1] >= 1 && sent[2] == sent[1] && sent[3] > sent[0] + 2); /* and the index that there is */
    assert_int_equal(s.l.wire.sent_n, 0);
    lab_end(&s.l);
    lab_end(&s.there);
}

static void without_such_a_deployment_nothing_is_rehearsed(void **state)
{
    (void)state;
    struct stage s;
    open_stage(&s, false, NULL);
    assert_int_not_equal(rehearse(&s), 0);
    assert_non_null(strstr(s.l.answer, "the config names none: set what_if_uri_file"));
    close_stage(&s);
}

static void what_is_sensitive_is_not_copied_for_it(void **state)
{
    (void)state;
    struct stage s;
    open_stage(&s, true, "\"sensitive\": [\"qty\"], \"rules\": [");
    assert_int_not_equal(rehearse(&s), 0);
    assert_non_null(strstr(s.l.answer, "is about a sensitive field, which is not copied"));
    assert_int_equal(s.there.wire.sent_n, 0);
    close_stage(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_change_is_rehearsed_elsewhere), cmocka_unit_test(without_such_a_deployment_nothing_is_rehearsed),
                                       cmocka_unit_test(what_is_sensitive_is_not_copied_for_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
