/* SPDX-License-Identifier: Apache-2.0
 *
 * Values and filters: the order of values, their index keys, and what each operator matches. */
#include "rig.h"

#include <signalbox/sim/key.h>
#include <signalbox/sim/match.h>

/* ---- values ---- */

/* Ascending; values of one row are equal. The manual, "Comparison/Sort Order". */
static const char *const ascending[][4] = {
    {"{'$minKey':1}"},
    {"{'$undefined':true}"},
    {"null"},
    {"{'$numberDouble':'NaN'}", "{'$numberDecimal':'NaN'}"},
    {"{'$numberDouble':'-Infinity'}", "{'$numberDecimal':'-Infinity'}"},
    {"{'$numberLong':'-9223372036854775808'}"},
    {"-1", "-1.0", "{'$numberLong':'-1'}", "{'$numberDecimal':'-1'}"},
    {"0", "-0.0", "{'$numberLong':'0'}", "{'$numberDecimal':'0'}"},
    {"0.5", "{'$numberDecimal':'0.5'}"},
    {"1", "1.0", "{'$numberLong':'1'}", "{'$numberDecimal':'1.0'}"},
    {"{'$numberLong':'9007199254740992'}", "{'$numberDouble':'9007199254740992'}"},
    {"{'$numberLong':'9007199254740993'}", "{'$numberDecimal':'9007199254740993'}"},
    {"{'$numberLong':'9223372036854775807'}"},
    {"{'$numberDouble':'Infinity'}"},
    {"''"},
    {"'\\u0000'"},
    {"'A'", "{'$symbol':'A'}"},
    {"'a'"},
    {"'a\\u0000b'"},
    {"'ab'"},
    {"'\\u00e9'"},
    {"{}"},
    {"{'a':1}", "{'a':1.0}"},
    {"{'a':1,'b':1}"},
    {"{'a':2}"},
    {"{'b':1}"},
    {"{'a':'x'}"},
    {"[]"},
    {"[1]", "[1.0]"},
    {"[1,2]"},
    {"[2]"},
    {"{'$binary':{'base64':'','subType':'00'}}"},
    {"{'$binary':{'base64':'AA==','subType':'00'}}"},
    {"{'$binary':{'base64':'AA==','subType':'05'}}"},
    {"{'$binary':{'base64':'AAE=','subType':'00'}}"},
    {"{'$oid':'000000000000000000000000'}"},
    {"{'$oid':'00000000000000000000000a'}"},
    {"false"},
    {"true"},
    {"{'$date':{'$numberLong':'-1'}}"},
    {"{'$date':{'$numberLong':'0'}}"},
    {"{'$timestamp':{'t':0,'i':1}}"},
    {"{'$timestamp':{'t':4294967295,'i':1}}"},
    {"{'$regularExpression':{'pattern':'a','options':''}}"},
    {"{'$regularExpression':{'pattern':'a','options':'i'}}"},
    {"{'$code':'a'}"},
    {"{'$maxKey':1}"},
};

static bson_t *value_doc(const char *json)
{
    char text[300];
    snprintf(text, sizeof text, "{'v':%s}", json);
    return rig_json(text);
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static int compare_keys(struct sim_val a, struct sim_val b, bool down)
{
    struct sb_str x, y;
    sb_str_init(&x);
    sb_str_init(&y);
    sim_key_field(&x, a, down);
    sim_key_field(&y, b, down);
    size_t n = x.len;
    sb_str_addc(&x, SIM_KEY_END);
    sb_str_addc(&y, SIM_KEY_END);
    assert_int_equal(sim_key_field_size((const uint8_t *)x.p, down), n);
    int c = memcmp(x.p, y.p, x.len < y.len ? x.len : y.len);
    c = c ? c : (x.len > y.len) - (x.len < y.len);
    sb_str_release(&x);
    sb_str_release(&y);
    return sign(c);
}

static void test_order_of_values_and_of_their_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(ascending); i++)
        for (size_t j = 0; j < SB_COUNT(ascending); j++)
            for (size_t p = 0; p < 4 && ascending[i][p]; p++)
                for (size_t q = 0; q < 4 && ascending[j][q]; q++) {
                    bson_t *a = value_doc(ascending[i][p]), *b = value_doc(ascending[j][q]);
                    struct sim_val x = sim_find(bson_get_data(a), "v"), y = sim_find(bson_get_data(b), "v");
                    int want = sign((int)i - (int)j);
                    if (sign(sim_compare(x, y)) != want)
                        fail_msg("%s against %s: %d, not %d", ascending[i][p], ascending[j][q], sim_compare(x, y), want);
                    if (compare_keys(x, y, false) != want || compare_keys(x, y, true) != -want)
                        fail_msg("keys of %s and %s: %d, descending %d, not %d", ascending[i][p], ascending[j][q], compare_keys(x, y, false),
                                 compare_keys(x, y, true), want);
                    bson_destroy(a);
                    bson_destroy(b);
                }
}

static void test_bytes_that_are_no_document(void **state)
{
    (void)state;
    bson_t *b = rig_json("{'a':1,'b':{'c':['x',null,2.5]},'d':{'$binary':{'base64':'AAEC','subType':'02'}},'e':{'$oid':'000000000000000000000000'},"
                         "'f':true,'g':{'$regularExpression':{'pattern':'a','options':'i'}},'h':{'$code':'x','$scope':{'y':1}},'i':{'$numberDecimal':'1'}}");
    uint8_t bytes[600];
    assert_true(b->len < sizeof bytes);
    memcpy(bytes, bson_get_data(b), b->len);
    assert_true(sim_valid(bytes, b->len));
    for (size_t n = 0; n < b->len; n++)
        assert_false(sim_valid(bytes, n));
    struct sb_rng rng;
    sb_rng_seed(&rng, 3);
    for (int round = 0; round < 200000; round++) { /* whatever passes may be walked */
        memcpy(bytes, bson_get_data(b), b->len);
        for (unsigned k = 1 + rig_below(&rng, 3); k; k--)
            bytes[rig_below(&rng, b->len)] = (uint8_t)sb_rng_u64(&rng);
        if (sim_valid(bytes, b->len)) {
            char *text = rig_text(bytes);
            free(text);
            assert_int_equal(sim_compare_docs(bytes, bytes), 0);
        }
    }
    bson_destroy(b);
    /* nested too deeply */
    struct sim_w w;
    sim_w_init(&w);
    for (int i = 0; i < SIM_MAX_DEPTH + 5; i++)
        sim_w_doc(&w, "a");
    const uint8_t *deep = sim_w_done(&w);
    assert_non_null(deep);
    assert_false(sim_valid(deep, sim_doc_len(deep)));
    sim_w_release(&w);
}

static void test_hash_is_the_servers(void **state)
{
    (void)state;
    bson_t *b = rig_json("{'v':'Oslo','i':2,'d':2.9,'n':null}");
    const uint8_t *d = bson_get_data(b);
    assert_true(sim_hash_val(sim_find(d, "v")) == INT64_C(7030531904285888099)); /* as a real one showed it */
    assert_true(sim_hash_val(sim_find(d, "i")) == sim_hash_val(sim_find(d, "d")));
    assert_true(sim_hash_val(sim_find(d, "n")) == sim_hash_val(sim_missing));
    bson_destroy(b);
}

/* ---- filters ---- */

static const char *const documents[] = {
    "{'_id':0}",
    "{'_id':1,'a':null}",
    "{'_id':2,'a':1}",
    "{'_id':3,'a':2.5}",
    "{'_id':4,'a':'abc'}",
    "{'_id':5,'a':[1,5,9]}",
    "{'_id':6,'a':[]}",
    "{'_id':7,'a':[[1,5],{'b':2}]}",
    "{'_id':8,'a':{'b':1,'c':[{'d':1},{'d':2}]}}",
    "{'_id':9,'a':[{'b':1,'c':1},{'b':2,'c':2},{'c':3}]}",
    "{'_id':10,'a':true}",
    "{'_id':11,'a':{'$date':{'$numberLong':'1000'}}}",
    "{'_id':12,'a':{'b':null}}",
    "{'_id':13,'a':'ABC'}",
    "{'_id':14,'a':{'$numberDouble':'NaN'}}",
    "{'_id':15,'a':['abc',{'$regularExpression':{'pattern':'^x','options':''}}]}",
    "{'_id':16,'a':{}}",
};

static const struct {
    const char *filter, *ids;
} filters[] = {
    {"{}", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"},
    {"{'a':1}", "2 5"},
    {"{'a':{'$eq':1}}", "2 5"},
    {"{'a':null}", "0 1"},
    {"{'a':{'$ne':null}}", "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"},
    {"{'a':{'$ne':1}}", "0 1 3 4 6 7 8 9 10 11 12 13 14 15 16"},
    {"{'a':{'$gt':1}}", "3 5"},
    {"{'a':{'$gte':1}}", "2 3 5"},
    {"{'a':{'$lt':2}}", "2 5"},
    {"{'a':{'$lte':2.5}}", "2 3 5"},
    {"{'a':{'$gt':4,'$lt':2}}", "5"}, /* by different elements */
    {"{'a':{'$elemMatch':{'$gt':4,'$lt':9}}}", "5"},
    {"{'a':{'$elemMatch':{'$gt':9}}}", ""},
    {"{'a':{'$gte':null}}", "0 1"},
    {"{'a':{'$gt':null}}", ""},
    {"{'a':{'$gt':''}}", "4 13 15"},
    {"{'a':{'$lt':'abc'}}", "13"},
    {"{'a':{'$gt':false}}", "10"},
    {"{'a':{'$numberDouble':'NaN'}}", "14"},
    {"{'a':{'$gte':{'$numberDouble':'NaN'}}}", "14"},
    {"{'a':{'$lt':{'$numberDouble':'Infinity'}}}", "2 3 5"},
    {"{'a':{'$in':[1,'abc']}}", "2 4 5 15"},
    {"{'a':{'$in':[null]}}", "0 1"},
    {"{'a':{'$in':[]}}", ""},
    {"{'a':{'$nin':[1,'abc',null]}}", "3 6 7 8 9 10 11 12 13 14 16"},
    {"{'a':{'$nin':[]}}", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"},
    {"{'a':{'$in':[{'$regularExpression':{'pattern':'^ab','options':'i'}}]}}", "4 13 15"},
    {"{'a':{'$exists':true}}", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"},
    {"{'a':{'$exists':false}}", "0"},
    {"{'a':{'$exists':0}}", "0"},
    {"{'a.b':{'$exists':true}}", "7 8 9 12"},
    {"{'a.b':{'$exists':false}}", "0 1 2 3 4 5 6 10 11 13 14 15 16"},
    {"{'a.b':1}", "8 9"},
    {"{'a.b':2}", "7 9"},
    {"{'a.b':null}", "0 1 2 3 4 9 10 11 12 13 14 16"},
    {"{'a.0':1}", "5 7"},
    {"{'a.0':[1,5]}", "7"},
    {"{'a.0.1':5}", "7"},
    {"{'a.1.b':2}", "7 9"},
    {"{'a.c.d':2}", "8"},
    {"{'a.c.1.d':2}", "8"},
    {"{'a':[1,5]}", "7"},
    {"{'a':[1,5,9]}", "5"},
    {"{'a':[]}", "6"},
    {"{'a':{}}", "16"},
    {"{'a':{'b':2}}", "7"},
    {"{'a':{'b':null}}", "12"},
    {"{'a':{'$size':3}}", "5 9"},
    {"{'a':{'$size':0}}", "6"},
    {"{'a':{'$all':[1,9]}}", "5"},
    {"{'a':{'$all':[1]}}", "2 5"},
    {"{'a':{'$all':[]}}", ""},
    {"{'a':{'$all':[[1,5]]}}", "7"},
    {"{'a':{'$all':[{'$elemMatch':{'b':1,'c':1}},{'$elemMatch':{'b':2}}]}}", "9"},
    {"{'a':{'$elemMatch':{'b':1,'c':2}}}", ""},
    {"{'a.b':1,'a.c':2}", "9"},
    {"{'a':{'$elemMatch':{'b':2,'c':2}}}", "9"},
    {"{'a':{'$elemMatch':{'b':{'$exists':false},'c':3}}}", "9"},
    {"{'a':{'$elemMatch':{'$or':[{'b':2,'c':2},{'c':77}]}}}", "9"},
    {"{'a':{'~type':'array'}}", "5 6 7 9 15"},
    {"{'a':{'~type':'number'}}", "2 3 5 14"},
    {"{'a':{'~type':1}}", "3 14"},
    {"{'a':{'~type':['null','bool']}}", "1 10"},
    {"{'a':{'~type':'object'}}", "7 8 9 12 16"},
    {"{'a':{'$mod':[4,1]}}", "2 5"},
    {"{'a':{'$mod':[2,0]}}", "3"},
    {"{'a':{'~regex':'^ab'}}", "4 15"},
    {"{'a':{'~regex':'b','~options':'i'}}", "4 13 15"},
    {"{'a':{'$regularExpression':{'pattern':'^x','options':''}}}", "15"},
    {"{'a':{'$not':{'$gt':1}}}", "0 1 2 4 6 7 8 9 10 11 12 13 14 15 16"},
    {"{'a':{'$not':{'$regularExpression':{'pattern':'^ab','options':''}}}}", "0 1 2 3 5 6 7 8 9 10 11 12 13 14 16"},
    {"{'$or':[{'a':1},{'a':'abc'}]}", "2 4 5 15"},
    {"{'$and':[{'a':{'$gt':0}},{'a':{'$lt':2}}]}", "2 5"},
    {"{'$nor':[{'a':{'$exists':true}}]}", "0"},
    {"{'_id':{'$lt':3},'a':{'$ne':1}}", "0 1"},
    {"{'$comment':'x','_id':3}", "3"},
    {"{'$expr':false}", ""},
    {"{'$expr':{'$eq':['$a',1]}}", "2"},
    {"{'$expr':{'$and':[{'$gt':['$_id',3]},{'$lt':['$_id',6]}]}}", "4 5"},
    {"{'$nor':[{'$expr':{'$gte':['$_id',2]}}]}", "0 1"},
    {"{'$alwaysTrue':1,'_id':3}", "3"},
    {"{'$jsonSchema':{'required':['a'],'properties':{'a':{'bsonType':['int','string']}}}}", "2 4 13"},
    {"{'$nor':[{'$jsonSchema':{'properties':{'a':{'bsonType':'array','minItems':1}}}}]}", "1 2 3 4 6 8 10 11 12 13 14 16"},
    {"{'a':{'$gt':{'$minKey':1}},'_id':2}", "2"},
};

static void matching_ids(const char *filter, char out[200])
{
    bson_t *q = rig_json(filter);
    struct sim_fail f = SIM_FAIL_INIT;
    struct sim_filter *m = sim_filter_new(bson_get_data(q), &f);
    if (!m)
        fail_msg("%s: %d %s", filter, f.code, f.msg);
    out[0] = '\0';
    for (size_t i = 0; i < SB_COUNT(documents); i++) {
        bson_t *d = rig_json(documents[i]);
        if (sim_match(m->root, bson_get_data(d)))
            snprintf(out + strlen(out), 200 - strlen(out), "%s%zu", *out ? " " : "", i);
        bson_destroy(d);
    }
    sim_filter_free(m);
    bson_destroy(q);
}

static void test_every_operator(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(filters); i++) {
        char ids[200];
        matching_ids(filters[i].filter, ids);
        if (strcmp(ids, filters[i].ids) != 0)
            fail_msg("%s\n matches %s\n not     %s", filters[i].filter, ids, filters[i].ids);
    }
}

/* The same filters through find, with an index on a and without. */
static void test_find_agrees_with_the_matcher(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    for (size_t i = 0; i < SB_COUNT(documents); i++) {
        char text[300];
        snprintf(text, sizeof text, "{'insert':'c','documents':[%s]}", documents[i]);
        rig_ok(&r, "t", text);
    }
    for (int pass = 0; pass < 4; pass++) {
        static const char *const keys[] = {"", "{'a':1}", "{'a.b':1}", "{'a':-1,'_id':1}"};
        char text[400];
        if (pass) {
            snprintf(text, sizeof text, "{'createIndexes':'c','indexes':[{'key':%s,'name':'x%d'}]}", keys[pass], pass);
            rig_ok(&r, "t", text);
        }
        for (size_t i = 0; i < SB_COUNT(filters); i++) {
            char ids[200] = "";
            snprintf(text, sizeof text, "{'find':'c','filter':%s,'sort':{'_id':1}}", filters[i].filter);
            const uint8_t *reply = rig_ok(&r, "t", text);
            struct sim_elem e;
            for (struct sim_iter it = sim_iter_of(sim_path(reply, "cursor.firstBatch").p); sim_next(&it, &e);)
                snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%lld", *ids ? " " : "", (long long)sim_int(sim_find(e.v.p, "_id"), -1));
            if (strcmp(ids, filters[i].ids) != 0)
                fail_msg("pass %d: %s\n finds %s\n not   %s", pass, filters[i].filter, ids, filters[i].ids);
        }
        if (pass)
            rig_ok(&r, "t", "{'dropIndexes':'c','index':'*'}");
    }
    rig_release(&r);
}

static const struct {
    const char *filter;
    int code;
    const char *msg;
} refusals[] = {
    {"{'$bad':1}", 2, "unknown top level operator: $bad"},
    {"{'a':{'$bad':1}}", 2, "unknown operator: $bad"},
    {"{'a':{'$gt':1,'$bad':1}}", 2, "unknown operator: $bad"},
    {"{'$or':1}", 2, "$or must be an array"},
    {"{'$or':[]}", 2, "$and/$or/$nor must be a nonempty array"},
    {"{'$or':[1]}", 2, "$or/$and/$nor entries need to be full objects"},
    {"{'a':{'$in':1}}", 2, "$in needs an array"},
    {"{'a':{'$in':[{'$gt':1}]}}", 2, "cannot nest $ under $in"},
    {"{'a':{'$size':-1}}", 2, "$size may not be negative"},
    {"{'a':{'$size':'x'}}", 2, "$size needs a number"},
    {"{'a':{'$mod':[0,1]}}", 2, "divisor cannot be 0"},
    {"{'a':{'$mod':[1]}}", 2, "malformed mod"},
    {"{'a':{'$all':1}}", 2, "$all needs an array"},
    {"{'a':{'$elemMatch':1}}", 2, "$elemMatch needs an Object"},
    {"{'a':{'$not':1}}", 2, "$not needs a regex or a document"},
    {"{'a':{'$not':{}}}", 2, "$not cannot be empty"},
    {"{'a':{'~regex':1}}", 2, "$regex has to be a string"},
    {"{'a':{'~options':'i'}}", 2, "$options needs a $regex"},
    {"{'a':{'~regex':'('}}", 51091, "Regular expression is invalid"},
    {"{'a':{'~type':'nope'}}", 2, "Unknown type name alias: nope"},
    {"{'a':{'~type':77}}", 2, "Invalid numerical type code: 77"},
    {"{'a':{'$ne':{'$regularExpression':{'pattern':'a','options':''}}}}", 2, "Can't have regex as arg to $ne."},
    {"{'$jsonSchema':{'nope':1}}", 9, "Unknown $jsonSchema keyword: nope"},
    {"{'$jsonSchema':{'properties':{'a':{'bsonType':'nope'}}}}", 2, "Unknown type name alias: nope"},
    {"{'$where':'1'}", 238, "$where is not simulated"},
    {"{'a':{'$near':[1,2]}}", 238, "$near is not simulated"},
    {"{'a':{'$bitsAllSet':1}}", 238, "$bitsAllSet is not simulated"},
};

static void test_refused_filters(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(refusals); i++) {
        bson_t *q = rig_json(refusals[i].filter);
        struct sim_fail f = SIM_FAIL_INIT;
        struct sim_filter *m = sim_filter_new(bson_get_data(q), &f);
        if (m || f.code != refusals[i].code || !strstr(f.msg, refusals[i].msg))
            fail_msg("%s: %d %s", refusals[i].filter, f.code, f.msg);
        bson_destroy(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_values_and_of_their_keys),
        cmocka_unit_test(test_bytes_that_are_no_document),
        cmocka_unit_test(test_hash_is_the_servers),
        cmocka_unit_test(test_every_operator),
        cmocka_unit_test(test_find_agrees_with_the_matcher),
        cmocka_unit_test(test_refused_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
