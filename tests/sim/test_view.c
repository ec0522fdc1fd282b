/* SPDX-License-Identifier: Apache-2.0
 *
 * Views: what they show, what cannot be done with them, and that the other members have them too. */
#include "rig.h"

static struct rig r;

static int begin(void **state)
{
    (void)state;
    rig_init(&r);
    rig_ok(&r, "shop", "{'insert':'orders','documents':[{'_id':1,'s':'paid','n':5,'tags':['a','b']},{'_id':2,'s':'open','n':7,'tags':['b']},"
                       "{'_id':3,'s':'paid','n':9},{'_id':4,'s':'paid','n':2}]}");
    rig_ok(&r, "shop", "{'create':'paid','viewOn':'orders','pipeline':[{'$match':{'s':'paid'}},{'$project':{'s':0}}]}");
    rig_ok(&r, "shop", "{'create':'big','viewOn':'paid','pipeline':[{'$match':{'n':{'$gte':5}}}]}");
    rig_ok(&r, "shop", "{'create':'all','viewOn':'orders'}");
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_release(&r);
    return 0;
}

static void test_questions(void **state)
{
    (void)state;
    rig_gives(&r, "shop", "{'find':'paid','sort':{'n':1},'projection':{'tags':0}}", "cursor.firstBatch", "[{'_id':4,'n':2},{'_id':1,'n':5},{'_id':3,'n':9}]");
    rig_gives(&r, "shop", "{'find':'paid','filter':{'s':'paid'}}", "cursor.firstBatch", "[]"); /* asked of what the view shows */
    rig_gives(&r, "shop", "{'find':'big','filter':{'_id':{'$lt':3}}}", "cursor.firstBatch", "[{'_id':1,'n':5,'tags':['a','b']}]");
    rig_gives(&r, "shop", "{'find':'big','sort':{'_id':-1},'skip':1,'limit':1,'singleBatch':true,'projection':{'_id':1}}", "cursor.firstBatch", "[{'_id':1}]");
    rig_gives(&r, "shop", "{'find':'big'}", "cursor.ns", "'shop.big'");
    rig_gives(&r, "shop", "{'count':'paid'}", "n", "3");
    rig_gives(&r, "shop", "{'count':'paid','query':{'n':{'$gt':2}},'limit':1}", "n", "1");
    rig_gives(&r, "shop", "{'count':'paid','query':{'n':100}}", "n", "0");
    rig_gives(&r, "shop", "{'distinct':'all','key':'s'}", "values", "['paid','open']");
    rig_gives(&r, "shop", "{'distinct':'all','key':'tags'}", "values", "['a','b']");
    rig_gives(&r, "shop", "{'aggregate':'big','cursor':{},'pipeline':[{'$group':{'_id':null,'sum':{'$sum':'$n'}}}]}", "cursor.firstBatch", "[{'_id':null,'sum':14}]");
    char text[200];
    const uint8_t *reply = rig_ok(&r, "shop", "{'find':'all','batchSize':1}");
    snprintf(text, sizeof text, "{'getMore':{'$numberLong':'%lld'},'collection':'all'}", (long long)rig_int(reply, "cursor.id"));
    assert_int_equal(sim_count(sim_path(rig_ok(&r, "shop", text), "cursor.nextBatch").p), 3);
    rig_fails(&r, "shop", "{'find':'all','limit':2,'singleBatch':true}", 168, "Option singleBatch not supported in aggregation.");
    rig_fails(&r, "shop", "{'find':'all','noCursorTimeout':true}", 168, "Option noCursorTimeout not supported");
}

/* A view uses the indexes of its collection, and its work is counted there. */
static void test_its_collection_does_the_work(void **state)
{
    (void)state;
    static const char explain[] = "{'explain':{'find':'big','filter':{'_id':3}},'verbosity':'executionStats'}";
    const uint8_t *reply = rig_ok(&r, "shop", explain);
    rig_same_text("namespace", rig_at(reply, "queryPlanner.namespace"), "missing");
    rig_same_text("stages", rig_at(reply, "stages.0.$cursor.queryPlanner.namespace"), "'shop.orders'");
    assert_int_equal(rig_int(reply, "stages.0.$cursor.executionStats.totalDocsExamined"), 4);
    rig_ok(&r, "shop", "{'createIndexes':'orders','indexes':[{'key':{'s':1},'name':'s_1'}]}");
    reply = rig_ok(&r, "shop", explain);
    assert_int_equal(rig_int(reply, "stages.0.$cursor.executionStats.totalDocsExamined"), 3);
    rig_same_text("command", rig_at(reply, "command.aggregate"), "'big'");
    rig_ok(&r, "shop", "{'find':'big'}");
    assert_int_equal(rig_int(rig_ok(&r, "shop", "{'aggregate':'orders','cursor':{},'pipeline':[{'$indexStats':{}},{'$match':{'name':'s_1'}}]}"), "cursor.firstBatch.0.accesses.ops"), 1);
}

static void test_what_it_is(void **state)
{
    (void)state;
    rig_gives(&r, "shop", "{'listCollections':1,'filter':{'type':'view','name':'big'}}", "cursor.firstBatch",
              "[{'name':'big','type':'view','options':{'viewOn':'paid','pipeline':[{'$match':{'n':{'$gte':5}}}]},'info':{'readOnly':true}}]");
    rig_gives(&r, "shop", "{'listCollections':1,'nameOnly':true,'filter':{'name':{'$in':['all','orders','system.views']}}}", "cursor.firstBatch",
              "[{'name':'orders','type':'collection'},{'name':'system.views','type':'collection'},{'name':'all','type':'view'}]");
    assert_int_equal(rig_int(rig_ok(&r, "shop", "{'dbStats':1}"), "views"), 3);
    assert_int_equal(rig_int(rig_ok(&r, "shop", "{'dbStats':1}"), "collections"), 2);
    rig_pass(&r, 1);
    for (int i = 1; i < SIM_MEMBERS; i++) {
        rig_same_text("on a secondary", rig_at(rig_ok_on(&r, i, "shop", "{'count':'big'}"), "n"), "2");
        assert_int_equal(sim_count(sim_path(rig_ok_on(&r, i, "shop", "{'listCollections':1,'filter':{'type':'view'}}"), "cursor.firstBatch").p), 3);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const no[] = {"{'insert':'paid','documents':[{'a':1}]}", "{'update':'paid','updates':[{'q':{},'u':{'$set':{'a':1}}}]}",
                                     "{'delete':'paid','deletes':[{'q':{},'limit':0}]}", "{'findAndModify':'paid','query':{},'remove':true}",
                                     "{'createIndexes':'paid','indexes':[{'key':{'a':1},'name':'a_1'}]}", "{'dropIndexes':'paid','index':'*'}",
                                     "{'collStats':'paid'}", "{'listIndexes':'paid'}", "{'validate':'paid'}"};
    for (size_t i = 0; i < SB_COUNT(no); i++)
        rig_fails(&r, "shop", no[i], 166, "Namespace shop.paid is a view, not a collection");
    rig_fails(&r, "admin", "{'renameCollection':'shop.paid','to':'shop.x'}", 166, "cannot rename view: shop.paid");
    rig_fails(&r, "admin", "{'renameCollection':'shop.orders','to':'shop.paid'}", 48, "a view already exists with that name: shop.paid");
    rig_fails(&r, "shop", "{'create':'paid'}", 48, "A view already exists. NS: shop.paid");
    rig_fails(&r, "shop", "{'create':'orders','viewOn':'paid'}", 48, "Collection already exists");
    rig_fails(&r, "shop", "{'create':'v','viewOn':''}", 2, "'viewOn' cannot be empty");
    rig_fails(&r, "shop", "{'create':'v','pipeline':[]}", 72, "'viewOn' is required when 'pipeline' is specified");
    rig_fails(&r, "shop", "{'create':'v','viewOn':'orders','pipeline':[{'$nope':1}]}", 40324, "Unrecognized pipeline stage name");
    rig_fails(&r, "shop", "{'create':'v','viewOn':'orders','capped':true,'size':4096}", 72, "Cannot specify view-specific fields");
    rig_fails(&r, "shop", "{'aggregate':'orders','cursor':{},'pipeline':[{'$lookup':{'from':'paid','localField':'_id','foreignField':'_id','as':'o'}}]}", 238,
              "$lookup from a view is not simulated");
    rig_gives(&r, "shop", "{'count':'orders'}", "n", "4");
}

static void test_a_view_is_changed(void **state)
{
    (void)state;
    rig_ok(&r, "shop", "{'collMod':'paid','pipeline':[{'$match':{'s':'open'}}]}");
    rig_gives(&r, "shop", "{'listCollections':1,'filter':{'name':'paid'}}", "cursor.firstBatch.0.options", "{'viewOn':'orders','pipeline':[{'$match':{'s':'open'}}]}");
    rig_gives(&r, "shop", "{'count':'paid'}", "n", "1");
    rig_ok(&r, "shop", "{'collMod':'paid','viewOn':'all','pipeline':[]}");
    rig_gives(&r, "shop", "{'count':'paid'}", "n", "4");
    rig_pass(&r, 1);
    rig_same_text("on a secondary", rig_at(rig_ok_on(&r, 1, "shop", "{'listCollections':1,'filter':{'name':'paid'}}"), "cursor.firstBatch.0.options.viewOn"), "'all'");
    rig_gives(&r, "shop", "{'find':'paid','filter':{'$expr':{'$eq':['$_id','$$x']}},'let':{'x':3},'projection':{'_id':1}}", "cursor.firstBatch", "[{'_id':3}]");
    rig_fails(&r, "shop", "{'collMod':'paid','validator':{}}", 72, "option not supported on a view: validator");
    rig_fails(&r, "shop", "{'collMod':'paid','index':{'name':'a_1','hidden':true}}", 72, "option not supported on a view: index");
    rig_fails(&r, "shop", "{'collMod':'paid','pipeline':[{'$nope':1}]}", 40324, "Unrecognized pipeline stage name");
    rig_fails(&r, "shop", "{'collMod':'paid','viewOn':''}", 2, "'viewOn' cannot be empty");
    rig_fails(&r, "shop", "{'collMod':'orders','viewOn':'x'}", 72, "'viewOn' option only supported on a view");
    rig_gives(&r, "shop", "{'count':'paid'}", "n", "4");
}

static void test_end_of_views(void **state)
{
    (void)state;
    char text[120];
    rig_ok(&r, "shop", "{'drop':'paid'}");
    rig_gives(&r, "shop", "{'count':'big'}", "n", "0"); /* a view of nothing */
    rig_pass(&r, 1);
    for (int i = 1; i < SIM_MEMBERS; i++)
        rig_same_text("on a secondary", rig_at(rig_ok_on(&r, i, "shop", "{'listCollections':1,'nameOnly':true,'filter':{'type':'view'}}"), "cursor.firstBatch"),
                      "[{'name':'big','type':'view'},{'name':'all','type':'view'}]");
    rig_fails(&r, "shop", "{'drop':'paid'}", 26, "ns not found");
    rig_gives(&r, "shop", "{'count':'orders'}", "n", "4");
    rig_ok(&r, "shop", "{'create':'paid','viewOn':'big'}"); /* a circle */
    rig_fails(&r, "shop", "{'find':'paid'}", 165, "View depth too deep or view cycle detected");
    rig_ok(&r, "deep", "{'insert':'c','documents':[{'_id':1}]}");
    for (int i = 0; i < 21; i++) {
        snprintf(text, sizeof text, i ? "{'create':'v%d','viewOn':'v%d'}" : "{'create':'v%d','viewOn':'c'}", i, i - 1);
        rig_ok(&r, "deep", text);
    }
    rig_gives(&r, "deep", "{'count':'v19'}", "n", "1");
    rig_fails(&r, "deep", "{'count':'v20'}", 165, "maximum depth is 20");
    rig_ok(&r, "deep", "{'dropDatabase':1}");
    rig_gives(&r, "deep", "{'listCollections':1}", "cursor.firstBatch", "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_questions, begin, end),
        cmocka_unit_test_setup_teardown(test_its_collection_does_the_work, begin, end),
        cmocka_unit_test_setup_teardown(test_what_it_is, begin, end),
        cmocka_unit_test_setup_teardown(test_refusals, begin, end),
        cmocka_unit_test_setup_teardown(test_a_view_is_changed, begin, end),
        cmocka_unit_test_setup_teardown(test_end_of_views, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
