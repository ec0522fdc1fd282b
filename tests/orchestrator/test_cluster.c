/* SPDX-License-Identifier: Apache-2.0
 *
 * A card of a sharded cluster, behind the mongos: between its intent and its command somebody puts another index on one shard, which
 * refuses. The step has failed, and says where it was done and where not; rolled back, it is gone where it was, and what the other
 * one made stays. Then the same index is built on both, and that is read back shard by shard. */
#include "lab.h"

#include <signalbox/base/hook.h>

#include <stdatomic.h>

#define REQUEST "create an index on shop.orders {sku: 1}"
#define INDEX "sku_1"

static char shard_uri[2][300];
static atomic_bool rival; /* to be made before the next command is sent */

static void on_shard(int shard, const char *json, bson_t *reply)
{
    bson_error_t e;
    mongoc_client_t *c = mongoc_client_new(shard_uri[shard]);
    bson_t *command = bson_new_from_json((const uint8_t *)json, -1, &e);
    assert_non_null(c);
    assert_non_null(command);
    if (!mongoc_client_command_simple(c, "shop", command, NULL, reply, &e))
        fail_msg("%s: %s", json, e.message);
    bson_destroy(command);
    mongoc_client_destroy(c);
}

void sb_hook(const char *point)
{
    if (strcmp(point, "execute.intent.after") == 0 && atomic_exchange(&rival, false)) {
        bson_t reply;
        on_shard(1, "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"sku\": 1}, \"name\": \"theirs\"}]}", &reply);
        bson_destroy(&reply);
    }
}

static bool has(int shard, const char *name)
{
    bson_t reply;
    on_shard(shard, "{\"listIndexes\": \"orders\"}", &reply);
    char *text = bson_as_json(&reply, NULL), quoted[80];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    bool found = strstr(text, quoted) != NULL;
    bson_free(text);
    bson_destroy(&reply);
    return found;
}

static void take_shards(const struct lab *l)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *ready = sb_json_parse(l->line, strlen(l->line), "sim", SB_JSON_ALLOW_REAL, &err), *shards = json_object_get(ready, "shards");
    for (int i = 0; i < 2; i++) {
        char name[8];
        snprintf(name, sizeof name, "shard%d", i);
        json_t *members = json_object_get(shards, name);
        assert_int_equal(json_array_size(members), 3);
        snprintf(shard_uri[i], sizeof shard_uri[i], "mongodb://%s,%s,%s/?replicaSet=%s", json_string_value(json_array_get(members, 0)),
                 json_string_value(json_array_get(members, 1)), json_string_value(json_array_get(members, 2)), name);
    }
    json_decref(ready);
}

static void roll_back(struct lab *l)
{
    assert_int_equal(lab_ask(l, &l->bob, lab_decision(l, SB_ASK_ROLLBACK, l->card.hash, l->card.target, "one shard has refused it")), 0);
}

static void what_one_shard_refuses_is_undone_on_the_other(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, &(struct lab_options){.scenario = "tests/e2e/cluster.scenario", .environment = SB_ENV_STAGING});
    take_shards(&l);
    lab_propose(&l, REQUEST, SB_AWAITING_APPROVAL);
    atomic_store(&rival, true);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_FAILED);
    assert_non_null(strstr(l.card.note, "it was done on shard shard0 and failed on shard shard1: "));
    assert_true(has(0, INDEX) && !has(1, INDEX) && has(1, "theirs"));
    roll_back(&l);
    lab_until_state(&l, SB_ROLLED_BACK);
    assert_true(!has(0, INDEX) && has(1, "theirs"));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 2);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_RESULT, NULL), 2);
}

static void an_index_is_read_back_from_every_shard(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, &(struct lab_options){.scenario = "tests/e2e/cluster.scenario", .environment = SB_ENV_STAGING});
    take_shards(&l);
    lab_propose(&l, REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_WATCHING);
    assert_true(has(0, INDEX) && has(1, INDEX));
    assert_true(sb_starts_with(l.o->facts.id, "cluster:"));
    assert_int_equal(l.o->facts.shards_n, 2);
    lab_close(&l);
}

static void answer_is(struct lab *l, const char *request, int code, const char *says)
{
    int got = lab_ask(l, &l->alice, sb_message_text(SB_ASK_REQUEST, 0, request));
    if (got != code || !strstr(l->answer, says))
        fail_msg("%s: %d, %s", request, got, l->answer);
}

/* No mongos shows the oplogs of its shards: what would watch them is refused. */
static void what_watches_the_oplog_is_refused(void **state)
{
    struct lab l;
    (void)state;
    lab_open(&l, &(struct lab_options){.scenario = "tests/e2e/cluster.scenario", .environment = SB_ENV_STAGING});
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (l.samples < 5)
        lab_wait(&l, until);
    static const char *const changes[] = {"rename sku to code in shop.orders", "remove field sku from shop.orders", "convert created_at from date to string in shop.orders"};
    for (size_t i = 0; i < SB_COUNT(changes); i++)
        answer_is(&l, changes[i], 1, "a sharded cluster has one on each shard");
    answer_is(&l, "propose a validator for shop.orders", 0, "No plan: a sharded cluster has an oplog on each shard");
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_RECOMMENDATION, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_shard_refuses_is_undone_on_the_other),
        cmocka_unit_test(an_index_is_read_back_from_every_shard),
        cmocka_unit_test(what_watches_the_oplog_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
