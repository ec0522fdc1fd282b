/* SPDX-License-Identifier: Apache-2.0
 *
 * The wire: well-formed messages are answered, every malformed one is refused or ends the connection, and none is trusted. */
#include "rig.h"

#include <signalbox/sim/wire.h>

#define OP_MSG 2013
#define OP_QUERY 2004

static struct rig r;

static int begin(void **state)
{
    (void)state;
    rig_init(&r);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_release(&r);
    return 0;
}

struct bytes {
    uint8_t b[4096];
    size_t n;
};

static void put32(struct bytes *m, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        m->b[m->n++] = (uint8_t)(v >> 8 * i);
}

static void set32(struct bytes *m, size_t at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        m->b[at + (size_t)i] = (uint8_t)(v >> 8 * i);
}

static void begin_message(struct bytes *m, uint32_t opcode)
{
    m->n = 0;
    put32(m, 0);
    put32(m, 77);
    put32(m, 0);
    put32(m, opcode);
}

static void put_json(struct bytes *m, const char *json)
{
    bson_t *b = rig_json(json);
    memcpy(m->b + m->n, bson_get_data(b), b->len);
    m->n += b->len;
    bson_destroy(b);
}

static void finish(struct bytes *m)
{
    set32(m, 0, (uint32_t)m->n);
}

static void message(struct bytes *m, uint32_t flags, const char *json)
{
    begin_message(m, OP_MSG);
    put32(m, flags);
    m->b[m->n++] = 0;
    put_json(m, json);
    finish(m);
}

/* The message lies alone in memory, so that a sanitizer sees every byte read behind it. */
static enum sim_wire_result handle(const struct bytes *m, struct sb_str *out)
{
    struct sim_wire_asked asked;
    uint8_t *alone = malloc(m->n ? m->n : 1);
    memcpy(alone, m->b, m->n);
    sb_str_clear(out);
    enum sim_wire_result result = sim_wire_handle(r.conn[0], alone, m->n, &r.w, &asked, out);
    free(alone);
    return result;
}

/* The document of an answer that refers to our request. */
static const uint8_t *answered(const struct bytes *m)
{
    static struct sb_str out;
    if (!out.p)
        sb_str_init(&out);
    assert_int_equal(handle(m, &out), SIM_WIRE_DONE);
    assert_true(out.len > 21);
    assert_int_equal(sim_u32((const uint8_t *)out.p), out.len);
    assert_int_equal(sim_u32((const uint8_t *)out.p + 8), 77);
    bool reply = sim_u32((const uint8_t *)out.p + 12) == 1;
    const uint8_t *doc = (const uint8_t *)out.p + (reply ? 36 : 21);
    assert_true(sim_valid(doc, out.len - (reply ? 36 : 21)));
    return doc;
}

static void closes(const struct bytes *m)
{
    struct sb_str out;
    sb_str_init(&out);
    assert_int_equal(handle(m, &out), SIM_WIRE_CLOSE);
    assert_int_equal(out.len, 0);
    sb_str_release(&out);
}

static void refused(const struct bytes *m, int code)
{
    const uint8_t *doc = answered(m);
    if (sim_int(sim_find(doc, "code"), 0) != code)
        fail_msg("wanted %d: %s", code, rig_text(doc));
}

static void test_good_messages(void **state)
{
    (void)state;
    struct bytes m;
    message(&m, 0, "{'ping':1,'$db':'admin'}");
    assert_true(sim_truth(sim_find(answered(&m), "ok")));
    /* a sequence of documents */
    begin_message(&m, OP_MSG);
    put32(&m, 0);
    m.b[m.n++] = 1;
    size_t at = m.n;
    put32(&m, 0);
    memcpy(m.b + m.n, "documents", 10);
    m.n += 10;
    put_json(&m, "{'_id':1}");
    put_json(&m, "{'_id':2}");
    set32(&m, at, (uint32_t)(m.n - at));
    m.b[m.n++] = 0;
    put_json(&m, "{'insert':'w','$db':'t'}");
    finish(&m);
    assert_int_equal(sim_int(sim_find(answered(&m), "n"), 0), 2);
    /* with its checksum */
    message(&m, 1, "{'ping':1,'$db':'admin'}");
    set32(&m, 0, (uint32_t)m.n + 4);
    put32(&m, sim_crc32c(m.b, m.n));
    assert_true(sim_truth(sim_find(answered(&m), "ok")));
    m.b[m.n - 1] ^= 1;
    closes(&m);
    assert_int_equal(sim_crc32c((const uint8_t *)"123456789", 9), 0xe3069283); /* RFC 3720's check value */
    /* an answer that nobody wants */
    struct sb_str out;
    sb_str_init(&out);
    message(&m, 2, "{'insert':'w','documents':[{'_id':3}],'$db':'t','writeConcern':{'w':0}}");
    assert_int_equal(handle(&m, &out), SIM_WIRE_DONE);
    assert_int_equal(out.len, 0);
    sb_str_release(&out);
    rig_gives(&r, "t", "{'count':'w'}", "n", "3");
    /* optional flags are passed over */
    message(&m, 1u << 16, "{'ping':1,'$db':'admin'}");
    assert_true(sim_truth(sim_find(answered(&m), "ok")));
    /* the handshake of older drivers */
    begin_message(&m, OP_QUERY);
    put32(&m, 0);
    memcpy(m.b + m.n, "admin.$cmd", 11);
    m.n += 11;
    put32(&m, 0);
    put32(&m, (uint32_t)-1);
    put_json(&m, "{'isMaster':1,'helloOk':true}");
    finish(&m);
    assert_true(sim_truth(sim_find(answered(&m), "ismaster")));
}

static void test_lengths(void **state)
{
    (void)state;
    uint8_t b[4] = {15, 0, 0, 0};
    assert_int_equal(sim_wire_length(b, 3), 0);
    assert_int_equal(sim_wire_length(b, 4), -1);
    b[0] = 16;
    assert_int_equal(sim_wire_length(b, 4), 16);
    memcpy(b, "\x00\x6c\xdc\x02", 4); /* 48,000,000 */
    assert_int_equal(sim_wire_length(b, 4), 48000000);
    b[0] = 1;
    assert_int_equal(sim_wire_length(b, 4), -1);
    memset(b, 0xff, 4);
    assert_int_equal(sim_wire_length(b, 4), -1);
}

static void test_malformed_messages(void **state)
{
    (void)state;
    struct bytes m;
    begin_message(&m, 2012); /* compressed, which was never offered */
    put32(&m, 0);
    finish(&m);
    closes(&m);
    begin_message(&m, 2002); /* a legacy insert */
    finish(&m);
    closes(&m);
    begin_message(&m, OP_MSG); /* no flags */
    finish(&m);
    closes(&m);
    message(&m, 4, "{'ping':1,'$db':'admin'}"); /* a required flag nobody knows */
    closes(&m);
    message(&m, 1, "{'ping':1,'$db':'admin'}"); /* a checksum announced and not there */
    closes(&m);
    begin_message(&m, OP_MSG);
    put32(&m, 0);
    finish(&m);
    refused(&m, 40587); /* no body */
    message(&m, 0, "{'ping':1}");
    refused(&m, 40571); /* no $db */
    message(&m, 0, "{'$db':'admin'}");
    refused(&m, 59);
    message(&m, 0, "{'ping':1,'$db':'a.b'}");
    refused(&m, 73);
    message(&m, 0, "{'ping':1,'$db':''}");
    refused(&m, 73);
    message(&m, 0, "{'ping':1,'$db':'admin'}");
    m.b[20] = 2;
    refused(&m, 40432); /* a section of no kind */
    message(&m, 0, "{'ping':1,'$db':'admin'}");
    m.b[m.n++] = 0;
    put_json(&m, "{'ping':1,'$db':'admin'}");
    finish(&m);
    refused(&m, 40430); /* two bodies */
    message(&m, 0, "{'ping':1,'$db':'admin'}");
    set32(&m, 21, 1000);
    refused(&m, 22); /* longer than its message */
    message(&m, 0, "{'ping':1,'$db':'admin'}");
    set32(&m, 21, 3);
    refused(&m, 22);
    message(&m, 0, "{'insert':'w','documents':[{'_id':9}],'$db':'t'}");
    m.b[m.n++] = 1;
    size_t at = m.n;
    put32(&m, 0);
    memcpy(m.b + m.n, "documents", 10);
    m.n += 10;
    set32(&m, at, (uint32_t)(m.n - at));
    finish(&m);
    refused(&m, 40433); /* in both */
    message(&m, 0, "{'ping':1,'$db':'admin'}");
    m.b[m.n++] = 1;
    put32(&m, 9999);
    finish(&m);
    refused(&m, 22); /* a sequence that does not fit */
}

/* Every message cut at every length, and with every byte changed at random: an answer, a refusal or an end. */
static void test_truncated_and_garbled(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "{'find':'w','filter':{'a':{'~type':'int'},'b.c':{'$in':[1,'x',null]}},'sort':{'a':-1},'limit':3,'projection':{'a':1},'$db':'t'}",
        "{'aggregate':'w','pipeline':[{'$match':{'a':{'$gt':1}}},{'$group':{'_id':'$k','n':{'$sum':{'$add':['$v',1]}}}},{'$sort':{'n':1}}],'cursor':{},'$db':'t'}",
        "{'update':'w','updates':[{'q':{'_id':1},'u':{'$set':{'a.b':1},'$push':{'l':{'$each':[1,2],'$slice':-3}}},'upsert':true}],'$db':'t'}",
        "{'createIndexes':'w2','indexes':[{'key':{'a':1,'b':-1},'name':'x','partialFilterExpression':{'a':{'$gt':5}}}],'$db':'t'}",
        "{'explain':{'find':'w','filter':{'$or':[{'a':1},{'_id':2}]}},'verbosity':'executionStats','$db':'t'}",
        "{'hello':1,'client':{'application':{'name':'x'},'driver':{'name':'d','version':'1'}},'$db':'admin'}",
        "{'collMod':'w','validator':{'$jsonSchema':{'required':['_id'],'properties':{'a':{'bsonType':'int'}}}},'$db':'t'}",
    };
    struct sb_rng rng;
    struct sb_str out;
    unsigned answers = 0;
    sb_str_init(&out);
    sb_rng_seed(&rng, 9);
    for (size_t i = 0; i < SB_COUNT(commands); i++) {
        struct bytes whole, m;
        message(&whole, 0, commands[i]);
        for (size_t n = SIM_WIRE_HEADER; n < whole.n; n++) {
            m = whole;
            m.n = n;
            finish(&m);
            if (handle(&m, &out) == SIM_WIRE_DONE)
                assert_false(sim_truth(sim_find((const uint8_t *)out.p + 21, "ok")));
        }
        for (int round = 0; round < 20000; round++) {
            m = whole;
            for (unsigned k = 1 + rig_below(&rng, 4); k; k--)
                m.b[SIM_WIRE_HEADER + rig_below(&rng, (unsigned)(m.n - SIM_WIRE_HEADER))] = rig_below(&rng, 3) ? (uint8_t)sb_rng_u64(&rng) : (uint8_t)rig_below(&rng, 20);
            enum sim_wire_result result = handle(&m, &out);
            answers += result == SIM_WIRE_DONE && out.len;
            if (result == SIM_WIRE_DONE && out.len)
                assert_true(sim_valid((const uint8_t *)out.p + 21, out.len - 21));
        }
        rig_pass(&r, 2);
    }
    assert_true(answers > 1000);
    sb_str_release(&out);
    rig_ok(&r, "admin", "{'ping':1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_messages),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_malformed_messages),
        cmocka_unit_test(test_truncated_and_garbled),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
