/* SPDX-License-Identifier: Apache-2.0
 *
 * Time series: what is stored, what is shown, what 5.0 refuses, and that the other members have them too. */
#include "rig.h"

static struct rig r;

static int begin(void **state)
{
    (void)state;
    rig_init(&r);
    rig_ok(&r, "shop", "{'create':'readings','timeseries':{'timeField':'ts','metaField':'sensor','granularity':'minutes'}}");
    rig_ok(&r, "shop", "{'insert':'readings','documents':[{'_id':1,'ts':{'$date':{'$numberLong':'1000'}},'sensor':{'room':1},'v':5},"
                       "{'_id':2,'ts':{'$date':{'$numberLong':'2000'}},'sensor':{'room':2},'v':7},{'_id':2,'ts':{'$date':{'$numberLong':'3000'}},'sensor':{'room':2},'v':8}]}");
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_release(&r);
    return 0;
}

static void test_measurements(void **state)
{
    (void)state;
    rig_gives(&r, "shop", "{'count':'readings'}", "n", "3"); /* one _id is there twice */
    rig_gives(&r, "shop", "{'find':'readings','filter':{'_id':2},'sort':{'ts':-1},'projection':{'v':1}}", "cursor.firstBatch", "[{'_id':2,'v':8},{'_id':2,'v':7}]");
    rig_gives(&r, "shop", "{'find':'readings','filter':{'sensor.room':1}}", "cursor.firstBatch", "[{'_id':1,'ts':{'$date':'1970-01-01T00:00:01.000Z'},'sensor':{'room':1},'v':5}]");
    rig_gives(&r, "shop", "{'find':'readings','limit':1}", "cursor.ns", "'shop.readings'");
    rig_gives(&r, "shop", "{'aggregate':'readings','cursor':{},'pipeline':[{'$group':{'_id':'$sensor.room','sum':{'$sum':'$v'}}},{'$sort':{'_id':1}}]}", "cursor.firstBatch",
              "[{'_id':1,'sum':5},{'_id':2,'sum':15}]");
    rig_gives(&r, "shop", "{'distinct':'readings','key':'v'}", "values", "[5,7,8]");
    const uint8_t *reply = rig_run(&r, "shop", "{'insert':'readings','ordered':false,'documents':[{'_id':9},{'_id':9,'ts':'x'},{'_id':9,'ts':[{'$date':{'$numberLong':'1'}}]},"
                                              "{'_id':9,'ts':{'$date':{'$numberLong':'4000'}}}]}");
    rig_same_text("inserted", rig_at(reply, "n"), "1");
    assert_int_equal(sim_count(sim_find(reply, "writeErrors").p), 3);
    for (int i = 0; i < 3; i++) {
        char path[40];
        snprintf(path, sizeof path, "writeErrors.%d.code", i);
        assert_int_equal(rig_int(reply, path), 2);
    }
    assert_string_equal(sim_text(sim_path(reply, "writeErrors.0.errmsg")), "'ts' must be present and contain a valid BSON UTC datetime value");
    rig_gives(&r, "shop", "{'count':'readings'}", "n", "4");
}

static void test_what_it_is(void **state)
{
    (void)state;
    rig_gives(&r, "shop", "{'listCollections':1,'filter':{'type':'timeseries'}}", "cursor.firstBatch",
              "[{'name':'readings','type':'timeseries','options':{'timeseries':{'timeField':'ts','metaField':'sensor','granularity':'minutes','bucketMaxSpanSeconds':86400}},"
              "'info':{'readOnly':false}}]");
    rig_gives(&r, "shop", "{'listCollections':1,'nameOnly':true,'filter':{'type':'collection'}}", "cursor.firstBatch",
              "[{'name':'system.buckets.readings','type':'collection'},{'name':'system.views','type':'collection'}]");
    const uint8_t *stats = rig_ok(&r, "shop", "{'collStats':'readings'}");
    rig_same_text("ns", rig_at(stats, "ns"), "'shop.readings'");
    rig_same_text("buckets", rig_at(stats, "timeseries.bucketsNs"), "'shop.system.buckets.readings'");
    assert_int_equal(rig_int(stats, "timeseries.bucketCount"), 3);
    assert_false(sim_path(rig_ok(&r, "shop", "{'collStats':'system.buckets.readings'}"), "timeseries").type);
    rig_gives(&r, "shop", "{'aggregate':'readings','cursor':{},'pipeline':[{'$collStats':{'count':{}}},{'$project':{'count':1}}]}", "cursor.firstBatch", "[{'count':3}]");
    rig_gives(&r, "shop", "{'listIndexes':'readings'}", "cursor.firstBatch", "[]");
    rig_gives(&r, "admin", "{'serverStatus':1}", "catalogStats.timeseries", "1");
    rig_pass(&r, 1);
    for (int i = 1; i < SIM_MEMBERS; i++) {
        rig_same_text("on a secondary", rig_at(rig_ok_on(&r, i, "shop", "{'count':'readings'}"), "n"), "3");
        rig_same_text("on a secondary", rig_at(rig_ok_on(&r, i, "shop", "{'listCollections':1,'filter':{'name':'readings'}}"), "cursor.firstBatch.0.type"), "'timeseries'");
    }
}

static void test_creation(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        int code;
        const char *text;
    } no[] = {
        {"'timeseries':{}", 40414, "create.timeseries.timeField' is missing"},
        {"'timeseries':{'timeField':1}", 14, "create.timeseries.timeField' is the wrong type"},
        {"'timeseries':{'timeField':'a.b'}", 72, "'timeField' must be a top-level field"},
        {"'timeseries':{'timeField':'a','metaField':'_id'}", 72, "'metaField' cannot be"},
        {"'timeseries':{'timeField':'a','metaField':'a'}", 72, "the same as 'timeField'"},
        {"'timeseries':{'timeField':'a','granularity':'days'}", 2, "create.timeseries.granularity"},
        {"'timeseries':{'timeField':'a','bucketMaxSpanSeconds':60}", 72, "not configurable"},
        {"'timeseries':{'timeField':'a','x':1}", 40415, "create.timeseries.x"},
        {"'timeseries':{'timeField':'a'},'validator':{'a':1}", 72, "'timeseries' is not allowed with 'validator'"},
        {"'timeseries':{'timeField':'a'},'capped':true,'size':4096", 72, "'timeseries' is not allowed with 'capped'"},
        {"'timeseries':{'timeField':'a'},'viewOn':'b'", 72, "'timeseries' is not allowed with 'viewOn'"},
        {"'timeseries':{'timeField':'a'},'expireAfterSeconds':-1", 72, "expireAfterSeconds"},
        {"'expireAfterSeconds':60", 72, "only supported on time-series collections"},
    };
    char text[300];
    for (size_t i = 0; i < SB_COUNT(no); i++) {
        snprintf(text, sizeof text, "{'create':'other',%s}", no[i].fields);
        rig_fails(&r, "shop", text, no[i].code, no[i].text);
    }
    rig_gives(&r, "shop", "{'listCollections':1,'filter':{'name':{'$in':['other','system.buckets.other']}}}", "cursor.firstBatch", "[]");
    rig_fails(&r, "shop", "{'create':'readings','timeseries':{'timeField':'ts'}}", 48, "A timeseries collection already exists");
    rig_ok(&r, "shop", "{'create':'other','timeseries':{'timeField':'ts','bucketMaxSpanSeconds':3600},'expireAfterSeconds':60}");
    rig_gives(&r, "shop", "{'listCollections':1,'filter':{'name':'other'}}", "cursor.firstBatch.0.options",
              "{'expireAfterSeconds':60,'timeseries':{'timeField':'ts','granularity':'seconds','bucketMaxSpanSeconds':3600}}");
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *db, *command;
        int code;
        const char *text;
    } no[] = {
        {"shop", "{'update':'readings','updates':[{'q':{'sensor.room':1},'u':{'$set':{'sensor.room':3}}}]}", 72, "non-multi update"},
        {"shop", "{'update':'readings','updates':[{'q':{'sensor.room':1},'u':{'$set':{'sensor.room':3}},'multi':true,'upsert':true}]}", 72, "upsert"},
        {"shop", "{'update':'readings','updates':[{'q':{'v':5},'u':{'$set':{'sensor.room':3}},'multi':true}]}", 72, "querying on a field that is not the metaField"},
        {"shop", "{'update':'readings','updates':[{'q':{},'u':{'$set':{'v':3}},'multi':true}]}", 72, "updates a field that is not the metaField"},
        {"shop", "{'update':'readings','updates':[{'q':{},'u':{'v':3},'multi':true}]}", 72, "replacement"},
        {"shop", "{'update':'readings','updates':[{'q':{},'u':{'$set':{'sensor':1}},'multi':true},{'q':{},'u':{'$set':{'sensor':2}},'multi':true}]}", 20, "more than one update"},
        {"shop", "{'delete':'readings','deletes':[{'q':{'sensor.room':1},'limit':1}]}", 20, "non-multi delete"},
        {"shop", "{'delete':'readings','deletes':[{'q':{'$or':[{'sensor.room':1},{'_id':1}]},'limit':0}]}", 72, "querying on a field that is not the metaField"},
        {"shop", "{'findAndModify':'readings','query':{},'remove':true}", 166, "is a view"},
        {"shop", "{'createIndexes':'readings','indexes':[{'key':{'sensor':1},'name':'a','unique':true}]}", 72, "Unique indexes are not supported"},
        {"shop", "{'createIndexes':'readings','indexes':[{'key':{'ts':1},'name':'a','expireAfterSeconds':1}]}", 72, "TTL indexes are not supported"},
        {"shop", "{'createIndexes':'readings','indexes':[{'key':{'v':1},'name':'a'}]}", 67, "Invalid index spec"},
        {"shop", "{'createIndexes':'readings','indexes':[{'key':{'sensor.room':1},'name':'a'}]}", 238, "not simulated"},
        {"shop", "{'collMod':'readings','validator':{'a':1}}", 72, "option not supported on a time-series collection: validator"},
        {"shop", "{'aggregate':'readings','cursor':{},'pipeline':[{'$changeStream':{}}]}", 166, "Namespace shop.readings is a timeseries collection"},
        {"shop", "{'aggregate':'plain','cursor':{},'pipeline':[{'$merge':'readings'}]}", 166, "shop.readings"},
        {"shop", "{'aggregate':'plain','cursor':{},'pipeline':[{'$out':'readings'}]}", 166, "shop.readings"},
        {"shop", "{'insert':'system.buckets.readings','documents':[{'a':1}]}", 73, "cannot write to"},
        {"admin", "{'renameCollection':'shop.readings','to':'shop.x'}", 166, "cannot rename view"},
        {"admin", "{'renameCollection':'shop.plain','to':'shop.readings'}", 48, "already exists"},
        {"admin", "{'renameCollection':'shop.system.buckets.readings','to':'shop.x'}", 20, "cannot rename"},
    };
    rig_ok(&r, "shop", "{'insert':'plain','documents':[{'_id':1,'ts':{'$date':{'$numberLong':'1'}}}]}");
    for (size_t i = 0; i < SB_COUNT(no); i++)
        rig_fails(&r, no[i].db, no[i].command, no[i].code, no[i].text);
    rig_gives(&r, "shop", "{'aggregate':'readings','cursor':{},'pipeline':[{'$group':{'_id':null,'n':{'$sum':1},'v':{'$sum':'$v'},'room':{'$sum':'$sensor.room'}}}]}", "cursor.firstBatch",
              "[{'_id':null,'n':3,'v':20,'room':5}]");
}

/* The meta field alone can be changed, and deletes go by it. */
static void test_meta(void **state)
{
    (void)state;
    const uint8_t *reply = rig_ok(&r, "shop", "{'update':'readings','updates':[{'q':{'$and':[{'sensor.room':2}]},'u':{'$set':{'sensor.room':4}},'multi':true}]}");
    assert_int_equal(rig_int(reply, "nModified"), 2);
    rig_gives(&r, "shop", "{'distinct':'readings','key':'sensor'}", "values", "[{'room':1},{'room':4}]");
    assert_int_equal(rig_int(rig_ok(&r, "shop", "{'delete':'readings','deletes':[{'q':{'sensor.room':4},'limit':0}]}"), "n"), 2);
    rig_gives(&r, "shop", "{'find':'readings','projection':{'v':1}}", "cursor.firstBatch", "[{'_id':1,'v':5}]");
    rig_ok(&r, "shop", "{'create':'other','timeseries':{'timeField':'ts'}}");
    rig_ok(&r, "shop", "{'insert':'other','documents':[{'ts':{'$date':{'$numberLong':'1'}}}]}");
    rig_fails(&r, "shop", "{'delete':'other','deletes':[{'q':{'a':1},'limit':0}]}", 72, "does not have a metaField");
    rig_fails(&r, "shop", "{'update':'other','updates':[{'q':{},'u':{'$set':{'a':1}},'multi':true}]}", 72, "does not have a metaField");
    assert_int_equal(rig_int(rig_ok(&r, "shop", "{'delete':'other','deletes':[{'q':{},'limit':0}]}"), "n"), 1);
    rig_pass(&r, 1);
    rig_same_text("on a secondary", rig_at(rig_ok_on(&r, 1, "shop", "{'count':'readings'}"), "n"), "1");
}

static void test_end(void **state)
{
    (void)state;
    char text[300];
    rig_ok(&r, "shop", "{'create':'short','timeseries':{'timeField':'ts'},'expireAfterSeconds':60}");
    snprintf(text, sizeof text, "{'insert':'short','documents':[{'_id':1,'ts':{'$date':{'$numberLong':'%lld'}}},{'_id':2,'ts':{'$date':{'$numberLong':'%lld'}}}]}",
             (long long)(RIG_START_MS - 3660 * 1000), (long long)(RIG_START_MS - 3500 * 1000)); /* the bucket of the second may hold one that stays */
    rig_ok(&r, "shop", text);
    rig_pass(&r, 70);
    rig_gives(&r, "shop", "{'find':'short','projection':{'_id':1}}", "cursor.firstBatch", "[{'_id':2}]");
    rig_gives(&r, "shop", "{'count':'readings'}", "n", "3");
    rig_ok(&r, "shop", "{'drop':'readings'}");
    rig_ok(&r, "shop", "{'drop':'short'}");
    rig_pass(&r, 1);
    for (int i = 0; i < SIM_MEMBERS; i++)
        rig_same_text("what is left", rig_at(rig_ok_on(&r, i, "shop", "{'listCollections':1,'nameOnly':true}"), "cursor.firstBatch"), "[{'name':'system.views','type':'collection'}]");
    rig_ok(&r, "shop", "{'insert':'readings','documents':[{'_id':1}]}"); /* the name is that of a plain collection now */
    rig_gives(&r, "shop", "{'listCollections':1,'filter':{'name':'readings'}}", "cursor.firstBatch.0.type", "'collection'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_measurements, begin, end),
        cmocka_unit_test_setup_teardown(test_what_it_is, begin, end),
        cmocka_unit_test_setup_teardown(test_creation, begin, end),
        cmocka_unit_test_setup_teardown(test_refusals, begin, end),
        cmocka_unit_test_setup_teardown(test_meta, begin, end),
        cmocka_unit_test_setup_teardown(test_end, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
