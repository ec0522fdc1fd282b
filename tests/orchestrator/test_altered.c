/* SPDX-License-Identifier: Apache-2.0
 *
 * The look at what others altered, over the wire: a person alters a simulated set behind the program's back with the driver, each kind of
 * thing by its real command. Two looks and what differs; a set that comes back as another release; and the running orchestrator, in
 * whose record each becomes one mark, once, and nothing where nothing was altered. */
#include "lab.h"

#include <arpa/inet.h>
#include <sqlite3.h>
#include <sys/socket.h>

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
    assert_int_equal(sb_o_altered_read(l->server, members, n, members[0], NULL, 0, out), 0);
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

/* ---- a set that comes back as another release ---- */

/* A simulator on these ports; false: somebody else has one of them. */
static bool start(struct sb_process *sim, int port, const char *version, const char *seed, char line[4096])
{
    struct sb_err err = SB_ERR_INIT;
    char number[16];
    size_t n = 0;
    snprintf(number, sizeof number, "%d", port);
    const char *const argv[] = {getenv("SIGNALBOX"), "sim", "--scenario", "tests/e2e/crash.scenario", "--port", number, "--server-version", version, "--seed", seed, NULL};
    sb_assert_ok(sb_process_spawn(sim, argv, SB_PROCESS_OUT | SB_PROCESS_DIE_WITH_US, &err), err);
    while (n + 1 < 4096 && read(sim->out, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
    if (n)
        return true;
    sb_process_stop(sim, 2000);
    return false;
}

static void look_at_release(const char *line, struct sb_setup *out)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *ready = json_loads(line, 0, NULL), *list = json_object_get(ready, "members"), *one;
    struct sb_server *server = sb_server_new(sb_json_str(ready, "uri"), true, &err);
    char *members[8];
    size_t n = 0, i;
    assert_non_null(server);
    json_array_foreach(list, i, one)
        members[n++] = (char *)(uintptr_t)json_string_value(one);
    *out = (struct sb_setup){.at = 1};
    assert_int_equal(sb_o_altered_read(server, members, n, members[0], NULL, 0, out), 0);
    sb_server_free(server);
    json_decref(ready);
}

static void another_release_is_seen(void **state)
{
    (void)state;
    struct sb_process sim;
    struct sb_setup before, now;
    struct told told = {.n = 0};
    char line[4096];
    int port = 0;
    sb_mongo_init();
    for (int turn = 0; turn < 20; turn++) {
        port = 20000 + (int)(getpid() * 7 + turn * 613) % 10000; /* below those that the system gives away */
        if (!start(&sim, port, "5.0", "1", line))
            continue;
        look_at_release(line, &before);
        sb_process_stop(&sim, 2000);
        if (start(&sim, port, "6.0", "2", line))
            break;
        sb_setup_release(&before);
        port = 0;
    }
    if (!port)
        fail_msg("no three ports in a row were free");
    look_at_release(line, &now);
    sb_process_stop(&sim, 2000);
    assert_int_equal(sb_setup_compare(&before, &now, take_all_but_clients, &told), 0);
    char want[1000] = "the feature compatibility version is 6.0, was 5.0\n";
    for (int i = 0; i < 3; i++)
        snprintf(want + strlen(want), sizeof want - strlen(want), "127.0.0.1:%d runs version 6.0.16, was 5.0.7\n", port + i);
    for (int i = 0; i < 3; i++)
        snprintf(want + strlen(want), sizeof want - strlen(want), "127.0.0.1:%d was started again\n", port + i);
    assert_string_equal(told.text, want);
    sb_setup_release(&before);
    sb_setup_release(&now);
}

/* ---- the running program ---- */

/* Every mark of the record, one a line. */
static void marks(const struct lab *l, struct sb_str *out)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    char path[200];
    snprintf(path, sizeof path, "%s/ledger.db", l->dir);
    sb_str_clear(out);
    sb_str_adds(out, "");
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 60000);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT json_extract(json, '$.body.text') FROM entry WHERE instr(json, '\"mark\"') AND json_extract(json, '$.kind') = 'mark' ORDER BY seq", -1, &q, NULL), SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW)
        sb_str_addf(out, "%s\n", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    sqlite3_close(db);
    assert_true(sb_str_ok(out));
}

static int count_in(const struct sb_str *text, const char *what)
{
    int n = 0;
    for (const char *at = text->p; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static void wait_for_mark(struct lab *l, const char *what, struct sb_str *out)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    do {
        lab_take(l, &l->alice, 0, 100);
        marks(l, out);
        if (sb_mono_ms() > until)
            fail_msg("no mark says \"%s\"; those there are:\n%s", what, out->p);
    } while (!strstr(out->p, what));
}

/* Collections are made until one of them is marked: what is altered from here on differs from a look. */
static void wait_for_a_look(struct lab *l, const char *name, struct sb_str *out)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS, next = 0;
    char json[80], said[80];
    snprintf(said, sizeof said, "collection probe.%s", name);
    for (int i = 0;;) {
        int64_t now = sb_mono_ms();
        if (now >= next) { /* the look before the first may have come after it; each one more makes the looks longer */
            snprintf(json, sizeof json, "{\"create\": \"%s%d\"}", name, i++);
            command(l, "probe", json);
            next = now + 1000;
        }
        lab_take(l, &l->alice, 0, 100);
        marks(l, out);
        if (strstr(out->p, said))
            return;
        if (now > until)
            fail_msg("nobody looked; the notices: %s", l->notices.p ? l->notices.p : "");
    }
}

/* Another driver says who it is; the connection stays open. */
static int another_driver(const char *host_port, const char *app)
{
    bson_t *hello = BCON_NEW("hello", BCON_INT32(1), "client", "{", "application", "{", "name", BCON_UTF8(app), "}", "driver", "{", "name", "nodejs", "version", "5.1.0", "}", "os", "{",
                             "type", "Linux", "}", "}", "$db", "admin");
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(strchr(host_port, ':') + 1, NULL, 10)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int32_t head[5] = {(int32_t)(21 + hello->len), 1, 0, 2013, 0};
    uint8_t kind = 0, answer[16];
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    assert_true(send(fd, head, sizeof head, 0) == (ssize_t)sizeof head && send(fd, &kind, 1, 0) == 1);
    assert_int_equal(send(fd, bson_get_data(hello), hello->len, 0), hello->len);
    assert_int_equal(recv(fd, answer, sizeof answer, MSG_WAITALL), sizeof answer);
    bson_destroy(hello);
    return fd;
}

/* The configuration as it is, with another priority for the second member. */
static void reconfigure(struct lab *l)
{
    bson_error_t error;
    bson_t reply, ask = BSON_INITIALIZER;
    BSON_APPEND_INT32(&ask, "replSetGetConfig", 1);
    assert_true(mongoc_client_command_simple(l->client, "admin", &ask, NULL, &reply, &error));
    char *text = bson_as_canonical_extended_json(&reply, NULL);
    json_t *all = json_loads(text, 0, NULL), *config = json_object_get(all, "config"), *second = json_array_get(json_object_get(config, "members"), 1);
    long long version = strtoll(json_string_value(json_object_get(json_object_get(config, "version"), "$numberInt")), NULL, 10);
    char number[24];
    snprintf(number, sizeof number, "%lld", version + 1);
    json_object_set_new(config, "version", json_pack("{s:s}", "$numberInt", number));
    json_object_set_new(second, "priority", json_pack("{s:s}", "$numberDouble", "0.5"));
    char *changed = json_dumps(config, 0);
    struct sb_str json;
    sb_str_init(&json);
    sb_str_addf(&json, "{\"replSetReconfig\": %s}", changed);
    command(l, "admin", json.p);
    sb_str_release(&json);
    free(changed);
    json_decref(all);
    bson_free(text);
    bson_destroy(&reply);
    bson_destroy(&ask);
}

static void each_becomes_one_mark(void **state)
{
    (void)state;
    struct lab l;
    struct sb_str found;
    sb_str_init(&found);
    lab_open(&l, &(struct lab_options){.scenario = "tests/orchestrator/altered.scenario", .altered_every_ms = 100});
    json_t *ready = json_loads(l.line, 0, NULL);
    command(&l, "crm", "{\"create\": \"leads\"}");
    command(&l, "crm", "{\"createIndexes\": \"leads\", \"indexes\": [{\"key\": {\"a\": 1}, \"name\": \"a_1\"}]}");
    wait_for_a_look(&l, "before", &found);

    command(&l, "crm", "{\"dropIndexes\": \"leads\", \"index\": \"a_1\"}");
    command(&l, "crm", "{\"collMod\": \"leads\", \"validator\": {\"name\": {\"$type\": \"string\"}}}");
    command(&l, "admin", "{\"setParameter\": 1, \"transactionLifetimeLimitSeconds\": 45}");
    command(&l, "admin", "{\"setFeatureCompatibilityVersion\": \"4.4\"}");
    reconfigure(&l);
    mongoc_uri_t *uri = mongoc_uri_copy(mongoc_client_get_uri(l.client));
    mongoc_uri_set_appname(uri, "crm-4.2");
    mongoc_client_t *newcomer = mongoc_client_new_from_uri(uri);
    bson_t ping = BSON_INITIALIZER;
    BSON_APPEND_INT32(&ping, "ping", 1);
    assert_true(mongoc_client_command_simple(newcomer, "crm", &ping, NULL, NULL, NULL));
    wait_for_mark(&l, "application crm-4.2 is new", &found);
    int other = another_driver(json_string_value(json_array_get(json_object_get(ready, "members"), 0)), "crm-4.2");
    wait_for_mark(&l, "application crm-4.2 comes with", &found);
    command(&l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"kill\"}]}");
    wait_for_mark(&l, "index kill of shop.orders was made", &found);
    wait_for_a_look(&l, "without", &found);
    command(&l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"customer_id\": 1}, \"name\": \"restart\"}], \"commitQuorum\": \"majority\"}");
    wait_for_mark(&l, "was started again", &found);
    wait_for_a_look(&l, "after", &found);

    static const struct {
        const char *said;
        int times;
    } want[] = {{"index a_1 of crm.leads is gone", 1},
                {"the validator of crm.leads was set: strict, error: {", 1},
                {"index kill of shop.orders was made", 1},
                {"index restart of shop.orders was made", 1},
                {" is 45, was 60\n", 3}, /* of each member */
                {"the feature compatibility version is 4.4, was 5.0\n", 1},
                {"priority 0.5, votes 1", 1},
                {"application crm-4.2 is new (mongoc", 1},
                {"application crm-4.2 comes with nodejs 5.1.0, was mongoc", 1},
                {" was started again\n", 1}};
    char restarted[80];
    snprintf(restarted, sizeof restarted, "%s was started again\n", l.wire.name[2]);
    int expected = 0, others = count_in(&found, "collection probe.") + count_in(&found, "collection crm.leads was made") + count_in(&found, "index a_1 of crm.leads was made") + count_in(&found, "application checkout is new");
    for (size_t i = 0; i < SB_COUNT(want); i++) {
        if (count_in(&found, want[i].said) != want[i].times)
            fail_msg("%d marks say \"%s\", not %d, of:\n%s", count_in(&found, want[i].said), want[i].said, want[i].times, found.p);
        expected += want[i].times;
    }
    assert_non_null(strstr(found.p, restarted));
    if (count_in(&found, "\n") != expected + others)
        fail_msg("there are marks of what nobody altered, of:\n%s", found.p);
    close(other);
    bson_destroy(&ping);
    mongoc_client_destroy(newcomer);
    mongoc_uri_destroy(uri);
    json_decref(ready);
    sb_str_release(&found);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_others_alter_is_seen), cmocka_unit_test(another_release_is_seen), cmocka_unit_test(each_becomes_one_mark)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
