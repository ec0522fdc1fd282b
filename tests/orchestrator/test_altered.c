/* SPDX-License-Identifier: Apache-2.0
 *
 * The look at what others altered, over the wire: two looks at a simulated set, and what a person did in between with the driver. The
 * feature compatibility version, a version and a restart are told by tests/agents/test_alterations.c: the simulator has one each. */
#include "lab.h"

struct told {
    char text[4000];
    int n;
};

static void take(void *ctx, const struct sb_alteration *a)
{
    struct told *t = ctx;
    snprintf(t->text + strlen(t->text), sizeof t->text - strlen(t->text), "%s\n", a->what);
    t->n++;
}

static void take_all_but_clients(void *ctx, const struct sb_alteration *a)
{
    if (a->kind != SB_FACT_CLIENT)
        take(ctx, a);
}

static void command(struct lab *l, const char *db, const char *json)
{
    bson_error_t error;
    bson_t reply, *c = bson_new_from_json((const uint8_t *)json, -1, &error);
    assert_non_null(c);
    bool ok = mongoc_client_command_simple(l->client, db, c, NULL, &reply, &error);
    bson_destroy(&reply);
    bson_destroy(c);
    if (!ok)
        fail_msg("%s: %s", json, error.message);
}

static void look(struct lab *l, char **members, size_t n, struct sb_setup *out)
{
    *out = (struct sb_setup){.at = 1};
    assert_int_equal(sb_o_altered_read(l->server, members, n, members[0], NULL, out), 0);
    assert_false(out->full);
}

static void what_others_alter_is_seen(void **state)
{
    (void)state;
    struct lab l;
    struct sb_setup before, now;
    char *members[8];
    size_t n = 0;
    lab_open(&l, &(struct lab_options){.scenario = NULL});
    json_t *ready = json_loads(l.line, 0, NULL), *list = json_object_get(ready, "members"), *one;
    size_t i;
    json_array_foreach(list, i, one)
        members[n++] = (char *)(uintptr_t)json_string_value(one);
    command(&l, "crm", "{\"create\": \"leads\"}");
    command(&l, "crm", "{\"createIndexes\": \"leads\", \"indexes\": [{\"key\": {\"a\": 1}, \"name\": \"a_1\"}]}");
    look(&l, members, n, &before);
    look(&l, members, n, &now);
    struct told none = {.n = 0}, told = {.n = 0};
    assert_int_equal(sb_setup_compare(&before, &now, take_all_but_clients, &none), 0); /* those of the shop come when they have something to ask */
    assert_string_equal(none.text, "");
    sb_setup_release(&before);
    before = now;

    command(&l, "crm", "{\"dropIndexes\": \"leads\", \"index\": \"a_1\"}");
    command(&l, "crm", "{\"createIndexes\": \"leads\", \"indexes\": [{\"key\": {\"b\": 1}, \"name\": \"b_1\"}]}");
    command(&l, "crm", "{\"collMod\": \"leads\", \"validator\": {\"name\": {\"$type\": \"string\"}}}");
    command(&l, "crm", "{\"create\": \"calls\"}");
    command(&l, "admin", "{\"setParameter\": 1, \"transactionLifetimeLimitSeconds\": 45}");
    mongoc_uri_t *uri = mongoc_uri_copy(mongoc_client_get_uri(l.client));
    mongoc_uri_set_appname(uri, "crm-4.2");
    mongoc_client_t *newcomer = mongoc_client_new_from_uri(uri);
    bson_t ping = BSON_INITIALIZER;
    BSON_APPEND_INT32(&ping, "ping", 1);
    assert_true(mongoc_client_command_simple(newcomer, "crm", &ping, NULL, NULL, NULL));
    look(&l, members, n, &now);
    assert_int_equal(sb_setup_compare(&before, &now, take, &told), 0);
    static const char *const said[] = {"index a_1 of crm.leads is gone", "index b_1 of crm.leads was made", "the validator of crm.leads was set", "collection crm.calls was made",
                                       "parameter transactionLifetimeLimitSeconds of ", " is 45, was 60", "application crm-4.2 is new (mongoc"};
    for (size_t k = 0; k < SB_COUNT(said); k++)
        if (!strstr(told.text, said[k]))
            fail_msg("not told: %s, of:\n%s", said[k], told.text);
    bson_destroy(&ping);
    mongoc_client_destroy(newcomer);
    mongoc_uri_destroy(uri);
    sb_setup_release(&before);
    sb_setup_release(&now);
    json_decref(ready);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_others_alter_is_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
