/* SPDX-License-Identifier: Apache-2.0
 *
 * Access control: what is answered before a login, what each role may, a login step by step with a client of the test's own, and every
 * way in which one goes wrong. That independent clients can log in is in tests/e2e/logins.py. */
#include "rig.h"

#include <signalbox/base/base64.h>
#include <signalbox/sim/accounts.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define ACCOUNTS                                                                                                                                     \
    "account watch\nset password \"s3cret, one\"\nset roles clusterMonitor\n"                                                                        \
    "account reader\nset password r\nset roles clusterMonitor readAnyDatabase\n"                                                                     \
    "account doer\nset password d\nset roles readWriteAnyDatabase dbAdminAnyDatabase\n"                                                              \
    "account dba shop\nset password x\nset roles root\n"                                                                                             \
    "account nobody\nset password n\n"

static struct sim_accounts *parse(const char *text, struct sb_err *err)
{
    return sim_accounts_parse(text, strlen(text), "accounts", err);
}

static struct rig r;
static struct sim_accounts *accounts;

static int begin(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    rig_init(&r);
    accounts = parse(ACCOUNTS, &err);
    sb_assert_ok(accounts ? 0 : -1, err);
    r.s->accounts = accounts;
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_release(&r);
    sim_accounts_free(accounts);
    return 0;
}

static int64_t code_of(const char *db, const char *json)
{
    bson_t *b = rig_json(json);
    int64_t code = sim_int(sim_find(rig_send(&r, 0, db, bson_get_data(b)), "code"), 0);
    bson_destroy(b);
    return code;
}

/* ---- a client ---- */

static struct sb_str payload; /* of the newest answer */

static const uint8_t *sasl(const char *name, const char *db, const char *text, bool skip)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_i32(&w, name, 1);
    sim_w_i32(&w, "conversationId", 1);
    sim_w_text(&w, "mechanism", "SCRAM-SHA-256");
    sim_w_binary(&w, "payload", 0, text, strlen(text));
    sim_w_doc(&w, "options");
    sim_w_bool(&w, "skipEmptyExchange", skip);
    sim_w_end(&w);
    const uint8_t *reply = rig_send(&r, 0, db, sim_w_done(&w));
    struct sim_val v = sim_find(reply, "payload");
    sb_str_clear(&payload);
    if (v.type == BSON_TYPE_BINARY)
        sb_str_add(&payload, v.p + 5, v.n - 5);
    sim_w_release(&w);
    return reply;
}

static void mac(uint8_t out[32], const void *key, const char *text)
{
    unsigned n = 32;
    assert_non_null(HMAC(EVP_sha256(), key, 32, (const uint8_t *)text, strlen(text), out, &n));
}

/* The client's last message to this challenge, and the signature that it then waits for. */
static void answer(const char *bare, const char *password, struct sb_str *last, struct sb_str *signature)
{
    struct sb_str salt, auth, proof;
    uint8_t salted[32], key[32], stored[32], sign[32], server[32];
    char challenge[1024], nonce[512];
    snprintf(challenge, sizeof challenge, "%s", payload.p);
    assert_int_equal(sscanf(challenge, "r=%511[^,]", nonce), 1);
    const char *s = strstr(challenge, ",s=") + 3;
    sb_str_init(&salt);
    sb_str_init(&auth);
    sb_str_init(&proof);
    assert_int_equal(sb_base64_decode(&salt, s, strcspn(s, ",")), 0);
    assert_int_equal(PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const uint8_t *)salt.p, (int)salt.len, (int)strtol(strstr(challenge, ",i=") + 3, NULL, 10), EVP_sha256(), 32, salted), 1);
    mac(key, salted, "Client Key");
    mac(server, salted, "Server Key");
    assert_int_equal(EVP_Digest(key, 32, stored, NULL, EVP_sha256(), NULL), 1);
    sb_str_addf(last, "c=biws,r=%s", nonce);
    sb_str_addf(&auth, "%s,%s,%s", bare, challenge, last->p);
    mac(sign, stored, auth.p);
    for (int i = 0; i < 32; i++)
        sign[i] ^= key[i];
    sb_str_adds(last, ",p=");
    sb_base64_encode(last, sign, 32);
    mac(sign, server, auth.p);
    sb_str_adds(signature, "v=");
    sb_base64_encode(signature, sign, 32);
    sb_str_release(&proof);
    sb_str_release(&auth);
    sb_str_release(&salt);
}

/* 0, or the server's code. */
static int64_t log_in(const char *user, const char *db, const char *password, bool skip)
{
    char bare[200], first[220];
    struct sb_str last, signature;
    snprintf(bare, sizeof bare, "n=%s,r=abcdefghijklmnop", user);
    snprintf(first, sizeof first, "n,,%s", bare);
    const uint8_t *reply = sasl("saslStart", db, first, skip);
    int64_t code = sim_int(sim_find(reply, "code"), 0);
    if (code)
        return code;
    assert_false(sim_truth(sim_find(reply, "done")));
    sb_str_init(&last);
    sb_str_init(&signature);
    answer(bare, password, &last, &signature);
    reply = sasl("saslContinue", db, last.p, skip);
    code = sim_int(sim_find(reply, "code"), 0);
    if (!code) {
        assert_string_equal(payload.p, signature.p);
        assert_int_equal(sim_truth(sim_find(reply, "done")), skip);
    }
    if (!code && !skip)
        assert_true(sim_truth(sim_find(sasl("saslContinue", db, "", skip), "done")));
    sb_str_release(&last);
    sb_str_release(&signature);
    return code;
}

/* ---- tests ---- */

static void before_a_login(void **state)
{
    (void)state;
    static const char *const shut[] = {"{'find': 'orders'}", "{'insert': 'orders', 'documents': [{'a': 1}]}", "{'serverStatus': 1}", "{'listCollections': 1}"};
    static const char *const open[] = {"{'hello': 1}", "{'isMaster': 1}", "{'ping': 1}", "{'buildInfo': 1}", "{'connectionStatus': 1}", "{'logout': 1}"};
    for (size_t i = 0; i < SB_COUNT(shut); i++)
        assert_int_equal(code_of("shop", shut[i]), SIM_UNAUTHORIZED);
    for (size_t i = 0; i < SB_COUNT(open); i++)
        assert_int_equal(code_of("admin", open[i]), 0);
    r.s->accounts = NULL; /* and without accounts all is open, and nobody can log in */
    assert_int_equal(code_of("shop", shut[0]), 0);
    assert_int_equal(log_in("watch", "admin", "s3cret, one", true), 18);
}

static void what_each_role_may(void **state)
{
    (void)state;
    static const struct {
        const char *db, *command;
        bool watch, reader, doer, dba;
    } tries[] = {
        {"admin", "{'serverStatus': 1}", 1, 1, 0, 1},
        {"admin", "{'aggregate': 1, 'pipeline': [{'$currentOp': {}}], 'cursor': {}}", 1, 1, 0, 1},
        {"local", "{'find': 'oplog.rs', 'limit': 1}", 1, 1, 1, 1},
        {"shop", "{'find': 'orders'}", 0, 1, 1, 1},
        {"shop", "{'aggregate': 'orders', 'pipeline': [], 'cursor': {}}", 0, 1, 1, 1},
        {"shop", "{'aggregate': 'orders', 'pipeline': [{'$indexStats': {}}], 'cursor': {}}", 1, 1, 1, 1},
        {"shop", "{'listIndexes': 'orders'}", 0, 1, 1, 1},
        {"shop", "{'insert': 'orders', 'documents': [{'a': 1}]}", 0, 0, 1, 1},
        {"shop", "{'createIndexes': 'orders', 'indexes': [{'key': {'a': 1}, 'name': 'a_1'}]}", 0, 0, 1, 1},
        {"shop", "{'collMod': 'orders', 'index': {'name': 'a_1', 'hidden': true}}", 0, 0, 1, 1},
        {"shop", "{'dropIndexes': 'orders', 'index': 'a_1'}", 0, 0, 1, 1},
        {"shop", "{'profile': -1}", 1, 1, 1, 1},
        {"shop", "{'profile': 0}", 0, 0, 1, 1},
        {"admin", "{'replSetFreeze': 0}", 0, 0, 0, 1},
    };
    r.s->accounts = NULL;
    assert_int_equal(code_of("shop", "{'insert': 'orders', 'documents': [{'a': 1}, {'a': 2}]}"), 0);
    r.s->accounts = accounts;
    static const struct {
        const char *user, *db, *password;
    } who[] = {{"watch", "admin", "s3cret, one"}, {"reader", "admin", "r"}, {"doer", "admin", "d"}, {"dba", "shop", "x"}};
    for (size_t u = 0; u < SB_COUNT(who); u++) {
        assert_int_equal(log_in(who[u].user, who[u].db, who[u].password, u % 2), 0);
        for (size_t i = 0; i < SB_COUNT(tries); i++) {
            bool may = u == 0 ? tries[i].watch : u == 1 ? tries[i].reader : u == 2 ? tries[i].doer : tries[i].dba;
            int64_t code = code_of(tries[i].db, tries[i].command);
            if ((code != SIM_UNAUTHORIZED) != may)
                fail_msg("%s: %s: %d", who[u].user, tries[i].command, (int)code);
        }
    }
    assert_int_equal(code_of("admin", "{'logout': 1}"), 0);
    assert_int_equal(code_of("shop", "{'find': 'orders'}"), SIM_UNAUTHORIZED);
    assert_int_equal(log_in("nobody", "admin", "n", true), 0); /* without a role one is in, and may nothing */
    assert_int_equal(code_of("shop", "{'find': 'orders'}"), SIM_UNAUTHORIZED);
}

static void logins_that_fail(void **state)
{
    (void)state;
    assert_int_equal(log_in("watch", "admin", "wrong", true), 18);
    assert_int_equal(log_in("watch", "shop", "s3cret, one", true), 18);
    assert_int_equal(log_in("stranger", "admin", "x", true), 18);
    assert_int_equal(sim_int(sim_find(sasl("saslContinue", "admin", "c=biws", true), "code"), 0), 17); /* there is no conversation */
    static const char *const firsts[] = {"", "n", "n,,", "n,,n=watch", "n,,n=watch,r=", "n,,r=abc,n=watch", "p=tls-unique,,n=watch,r=abc", "n,a=dba,n=watch,r=abc",
                                         "n,,n=wat=ch,r=abc", "n,,m=x,n=watch,r=abc", "n,,n=watch,r=a\tb"};
    for (size_t i = 0; i < SB_COUNT(firsts); i++)
        assert_int_equal(sim_int(sim_find(sasl("saslStart", "admin", firsts[i], true), "code"), 0), 18);
    static const char *const lasts[] = {"", "c=biws", "c=biws,r=abc,p=AAAA", "c=eSws,r=abc,p=AAAA", ",p="};
    for (size_t i = 0; i < SB_COUNT(lasts); i++) {
        assert_int_equal(sim_int(sim_find(sasl("saslStart", "admin", "n,,n=watch,r=abc", true), "code"), 0), 0);
        assert_int_equal(sim_int(sim_find(sasl("saslContinue", "admin", lasts[i], true), "code"), 0), 18);
        assert_int_equal(sim_int(sim_find(sasl("saslContinue", "admin", lasts[i], true), "code"), 0), 17); /* one try a conversation */
    }
    assert_int_equal(code_of("admin", "{'serverStatus': 1}"), SIM_UNAUTHORIZED);
    assert_int_equal(log_in("watch", "admin", "s3cret, one", false), 0);
    assert_int_equal(r.s->member[0].n.logins.successful, 1);
    assert_true(r.s->member[0].n.logins.received > 10);
}

static void files_of_accounts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } tries[] = {
        {"", "accounts:1: no account stands in it"},
        {"account\n", "accounts:1: write: account NAME"},
        {"account a b.c\nset password x\n", "accounts:1: the name of an account"},
        {"account a\nset password x\naccount a\nset password y\n", "accounts:3: there already is an account \"a\""},
        {"set password x\n", "accounts:1: this line belongs to no account"},
        {"account a\nset password\n", "accounts:2: a password is one word"},
        {"account a\nset password \"\"\n", "accounts:2: a password is one word"},
        {"account a\nset password \303\274\n", "accounts:2: a password is one word"},
        {"account a\nset password x y\n", "accounts:2: a password is one word"},
        {"account a\nset roles root king\nset password x\n", "accounts:2: there is no role \"king\""},
        {"account a\nset colour red\n", "accounts:2: a line is account NAME"},
        {"account a\nset roles root\n", "the account \"a\" has no password"},
    };
    for (size_t i = 0; i < SB_COUNT(tries); i++) {
        struct sb_err err = SB_ERR_INIT;
        assert_null(parse(tries[i].text, &err));
        if (!strstr(err.msg, tries[i].says))
            fail_msg("expected \"%s\" in: %s", tries[i].says, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(before_a_login, begin, end),
        cmocka_unit_test_setup_teardown(what_each_role_may, begin, end),
        cmocka_unit_test_setup_teardown(logins_that_fail, begin, end),
        cmocka_unit_test(files_of_accounts),
    };
    sb_str_init(&payload);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sb_str_release(&payload);
    return failed;
}
