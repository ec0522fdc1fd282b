/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes and plans: keys, uniqueness, kinds of indexes, which index answers what and at what cost, and explain. */
#include "rig.h"

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

static void create(const char *coll, const char *key, const char *name, const char *more)
{
    char text[500];
    snprintf(text, sizeof text, "{'createIndexes':'%s','indexes':[{'key':%s,'name':'%s'%s}]}", coll, key, name, more);
    rig_ok(&r, "t", text);
}

static void insert(const char *coll, const char *doc)
{
    char text[500];
    snprintf(text, sizeof text, "{'insert':'%s','documents':[%s]}", coll, doc);
    rig_ok(&r, "t", text);
}

/* ---- kinds of indexes ---- */

static void test_unique(void **state)
{
    (void)state;
    create("u", "{'a':1,'b':-1}", "ab", ",'unique':true");
    insert("u", "{'_id':1,'a':1,'b':1}");
    insert("u", "{'_id':2,'a':1,'b':2}");
    insert("u", "{'_id':3}");
    const uint8_t *reply = rig_run(&r, "t", "{'insert':'u','documents':[{'_id':4,'a':1,'b':2.0}]}");
    rig_same_text("code", rig_at(reply, "writeErrors.0.code"), "11000");
    rig_same_text("keyPattern", rig_at(reply, "writeErrors.0.keyPattern"), "{'a':1,'b':-1}");
    rig_same_text("keyValue", rig_at(reply, "writeErrors.0.keyValue"), "{'a':1,'b':2}");
    rig_same_text("errmsg", rig_at(reply, "writeErrors.0.errmsg"), "'E11000 duplicate key error collection: t.u index: ab dup key: { a: 1, b: 2.0 }'");
    rig_fails(&r, "t", "{'insert':'u','documents':[{'_id':5,'b':null}]}", 11000, "dup key: { a: null, b: null }"); /* as missing */
    rig_fails(&r, "t", "{'update':'u','updates':[{'q':{'_id':1},'u':{'$set':{'b':2}}}]}", 11000, "index: ab");
    rig_gives(&r, "t", "{'find':'u','filter':{'_id':1}}", "cursor.firstBatch", "[{'_id':1,'a':1,'b':1}]");
    rig_ok(&r, "t", "{'update':'u','updates':[{'q':{'_id':1},'u':{'$set':{'b':1}}}]}"); /* itself is no double */
    /* elements of arrays are keys; twice in one document is once */
    create("um", "{'l':1}", "l", ",'unique':true");
    insert("um", "{'_id':1,'l':[1,2,2]}");
    rig_fails(&r, "t", "{'insert':'um','documents':[{'_id':2,'l':[3,2]}]}", 11000, "dup key: { l: 2 }");
    /* the _id */
    rig_fails(&r, "t", "{'insert':'u','documents':[{'_id':1}]}", 11000, "index: _id_ dup key: { _id: 1 }");
    /* an index that cannot be unique is not built, and leaves nothing */
    insert("dups", "{'_id':1,'a':1},{'_id':2,'a':1}");
    rig_fails(&r, "t", "{'createIndexes':'dups','indexes':[{'key':{'a':1},'name':'a','unique':true}]}", 11000, "E11000 duplicate key error collection: t.dups index: a dup key: { a: 1 }");
    rig_pass(&r, 5);
    for (int i = 0; i < SIM_MEMBERS; i++)
        assert_int_equal(sim_count(sim_path(rig_ok_on(&r, i, "t", "{'listIndexes':'dups'}"), "cursor.firstBatch").p), 1);
}

/* A hint that names nothing: the server tells the question, as a tree of what was asked. */
static void test_unknown_hint(void **state)
{
    (void)state;
    static const struct {
        const char *find, *told;
    } cases[] = {
        {"", "ns=t.uhTree: $and\nSort: {}\nProj: {}\n"},
        {",'filter':{'a':1}", "ns=t.uhTree: a $eq 1\nSort: {}\nProj: {}\n"},
        {",'filter':{'b':{'$gt':2.0},'a':'x'},'limit':5,'skip':2,'batchSize':0", "ns=t.uh batchSize=0 limit=5 skip=2Tree: $and\n    a $eq \"x\"\n    b $gt 2.0\nSort: {}\nProj: {}\n"},
        {",'filter':{'$or':[{'a':{'$in':[1,2]}},{'b':{'$ne':true}}]},'sort':{'a':-1},'projection':{'a':1}",
         "ns=t.uhTree: $or\n    a $in [ 1 2 ]\n    $not\n        b $eq true\nSort: { a: -1 }\nProj: { a: 1 }\n"},
        {",'filter':{'l':{'$elemMatch':{'q':{'$exists':true},'r':{'$mod':[4,1]}}}}", "ns=t.uhTree: l $elemMatch (obj)\n    $and\n        r mod 4 % x == 1\n        q exists\nSort: {}\nProj: {}\n"},
        {",'filter':{'a':{'$type':'string'},'l':{'$size':3}}", "ns=t.uhTree: $and\n    l $size : 3\n    a type: [ 2 ]\nSort: {}\nProj: {}\n"},
    };
    insert("uh", "{'_id':1,'a':1}");
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char find[400], said[600];
        snprintf(find, sizeof find, "{'find':'uh'%s,'hint':'none_1'}", cases[i].find);
        snprintf(said, sizeof said, "error processing query: %s planner returned error :: caused by :: hint provided does not correspond to an existing index", cases[i].told);
        rig_fails(&r, "t", find, 2, said);
    }
}

static void test_sparse_partial_hidden(void **state)
{
    (void)state;
    insert("k", "{'_id':1,'a':1,'s':'x'},{'_id':2,'s':'y'},{'_id':3,'a':null},{'_id':4,'a':5,'s':'x'}");
    create("k", "{'a':1}", "sp", ",'sparse':true");
    rig_gives(&r, "t", "{'validate':'k'}", "keysPerIndex.sp", "3");
    create("k", "{'a':-1}", "pa", ",'partialFilterExpression':{'s':'x'}");
    rig_gives(&r, "t", "{'validate':'k'}", "keysPerIndex.pa", "2");
    /* a partial index is used only where the query implies its filter */
    rig_gives(&r, "t", "{'explain':{'find':'k','filter':{'a':5},'hint':'pa'},'verbosity':'executionStats'}", "executionStats.totalKeysExamined", "1");
    rig_gives(&r, "t", "{'explain':{'find':'k','filter':{'a':{'$gte':1},'s':'x'},'sort':{'a':-1}},'verbosity':'queryPlanner'}", "queryPlanner.winningPlan.inputStage.inputStage", "missing");
    rig_ok(&r, "t", "{'update':'k','updates':[{'q':{'_id':2},'u':{'$set':{'a':9,'s':'x'}}}]}");
    rig_gives(&r, "t", "{'validate':'k'}", "keysPerIndex.pa", "3");
    rig_ok(&r, "t", "{'update':'k','updates':[{'q':{'_id':2},'u':{'$set':{'s':'z'}}}]}");
    rig_gives(&r, "t", "{'validate':'k'}", "keysPerIndex.pa", "2");
    /* hidden: kept true, not used, refused as a hint */
    insert("h", "{'_id':1,'a':1},{'_id':2,'a':2}");
    create("h", "{'a':1}", "a_1", "");
    rig_gives(&r, "t", "{'explain':{'find':'h','filter':{'a':1}},'verbosity':'queryPlanner'}", "queryPlanner.winningPlan.stage", "'FETCH'");
    const uint8_t *reply = rig_ok(&r, "t", "{'collMod':'h','index':{'name':'a_1','hidden':true}}");
    rig_same_text("hidden", rig_at(reply, "hidden_old"), "false");
    rig_gives(&r, "t", "{'explain':{'find':'h','filter':{'a':1}},'verbosity':'queryPlanner'}", "queryPlanner.winningPlan.stage", "'COLLSCAN'");
    rig_fails(&r, "t", "{'find':'h','filter':{'a':1},'hint':'a_1'}", 2, "hint provided does not correspond to an existing index");
    insert("h", "{'_id':3,'a':3}");
    rig_ok(&r, "t", "{'collMod':'h','index':{'keyPattern':{'a':1},'hidden':false}}");
    rig_gives(&r, "t", "{'find':'h','filter':{'a':3},'hint':'a_1'}", "cursor.firstBatch", "[{'_id':3,'a':3}]");
    rig_gives(&r, "t", "{'listIndexes':'h'}", "cursor.firstBatch.1", "{'v':2,'key':{'a':1},'name':'a_1'}");
}

static void test_ttl_deletes(void **state)
{
    (void)state;
    char text[300];
    create("ttl", "{'at':1}", "at_1", ",'expireAfterSeconds':600");
    int64_t now = sim_now_ms(r.s);
    snprintf(text, sizeof text, "{'_id':1,'at':{'$date':{'$numberLong':'%lld'}}},{'_id':2,'at':{'$date':{'$numberLong':'%lld'}}},{'_id':3,'at':'text'},{'_id':4}",
             (long long)now, (long long)now + 400000);
    insert("ttl", text);
    rig_pass(&r, 590);
    rig_gives(&r, "t", "{'count':'ttl'}", "n", "4");
    rig_pass(&r, 100);
    rig_gives(&r, "t", "{'distinct':'ttl','key':'_id'}", "values", "[2,3,4]");
    rig_ok(&r, "t", "{'collMod':'ttl','index':{'name':'at_1','expireAfterSeconds':5}}");
    rig_pass(&r, 70);
    rig_gives(&r, "t", "{'distinct':'ttl','key':'_id'}", "values", "[3,4]");
    rig_same_text("secondary", rig_at(rig_ok_on(&r, 1, "t", "{'distinct':'ttl','key':'_id'}"), "values"), "[3,4]");
    assert_int_equal(rig_int(rig_ok(&r, "admin", "{'serverStatus':1}"), "metrics.ttl.deletedDocuments"), 2);
}

static void test_hashed(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        char text[60];
        snprintf(text, sizeof text, "{'_id':%d,'city':'c%d'}", i, i % 8);
        insert("ha", text);
    }
    create("ha", "{'city':'hashed'}", "city_hashed", "");
    const uint8_t *reply = rig_ok(&r, "t", "{'explain':{'find':'ha','filter':{'city':'c3'}},'verbosity':'executionStats'}");
    rig_same_text("stage", rig_at(reply, "queryPlanner.winningPlan.inputStage.indexName"), "'city_hashed'");
    assert_int_equal(rig_int(reply, "executionStats.totalKeysExamined"), 5);
    assert_int_equal(rig_int(reply, "executionStats.nReturned"), 5);
    rig_gives(&r, "t", "{'explain':{'find':'ha','filter':{'city':{'$gt':'c3'}}},'verbosity':'queryPlanner'}", "queryPlanner.winningPlan.stage", "'COLLSCAN'");
    rig_gives(&r, "t", "{'explain':{'find':'ha','sort':{'city':1}},'verbosity':'queryPlanner'}", "queryPlanner.winningPlan.stage", "'SORT'");
    rig_fails(&r, "t", "{'insert':'ha','documents':[{'city':['a']}]}", 16766, "hashed indexes do not currently support array values");
    rig_fails(&r, "t", "{'createIndexes':'ha','indexes':[{'key':{'x':'hashed'},'name':'x','unique':true}]}", 16764, "cannot guarantee uniqueness");
}

static void test_multikey(void **state)
{
    (void)state;
    insert("m", "{'_id':1,'a':[1,2,3]},{'_id':2,'a':7,'b':{'c':[{'d':1},{'d':2}]}}");
    create("m", "{'a':1}", "a", "");
    create("m", "{'b.c.d':1,'a':1}", "bcd", "");
    create("m", "{'_id':1,'none':1}", "flat", "");
    const uint8_t *reply = rig_ok(&r, "t", "{'explain':{'find':'m','filter':{'b.c.d':2},'hint':'bcd'},'verbosity':'queryPlanner'}");
    rig_same_text("multikey", rig_at(reply, "queryPlanner.winningPlan.inputStage.multiKeyPaths"), "{'b.c.d':['b.c'],'a':['a']}");
    rig_same_text("multikey", rig_at(reply, "queryPlanner.winningPlan.inputStage.isMultiKey"), "true");
    rig_fails(&r, "t", "{'insert':'m','documents':[{'_id':3,'a':[1],'b':{'c':[{'d':1}]}}]}", 171, "cannot index parallel arrays [a] [d]");
}

static void test_refused_specifications(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int code;
        const char *msg;
    } cases[] = {
        {"{'key':{},'name':'x'}", 67, "Index keys cannot be empty."},
        {"{'key':{'a':0},'name':'x'}", 67, "Values in the index key pattern cannot be 0."},
        {"{'key':{'a':'nope'},'name':'x'}", 67, "Unknown index plugin 'nope'"},
        {"{'key':{'a':true},'name':'x'}", 67, "Values in v:2 index key pattern cannot be of type bool."},
        {"{'key':{'':1},'name':'x'}", 67, "Index keys cannot be an empty field."},
        {"{'key':{'a.':1},'name':'x'}", 67, "Index keys cannot contain an empty field."},
        {"{'key':{'$a':1},'name':'x'}", 67, "Index key contains an illegal field name: field name starts with '$'."},
        {"{'key':{'a':1}}", 9, "The 'name' field is a required property of an index specification"},
        {"{'name':'x'}", 9, "The 'key' field is a required property of an index specification"},
        {"{'key':{'a':1},'name':''}", 67, "index name cannot be empty"},
        {"{'key':{'a':1},'name':'x','nope':1}", 197, "The field 'nope' is not valid for an index specification."},
        {"{'key':{'a':1},'name':'x','sparse':'y'}", 14, "must be a bool, but got string"},
        {"{'key':{'a':1},'name':'x','sparse':true,'partialFilterExpression':{'a':1}}", 67, "cannot mix \"partialFilterExpression\" and \"sparse\" options"},
        {"{'key':{'a':1,'b':1},'name':'x','expireAfterSeconds':5}", 67, "TTL indexes are single-field indexes, compound indexes do not support TTL."},
        {"{'key':{'a':'hashed','b':'hashed'},'name':'x'}", 31303, "A maximum of one index field is allowed to be hashed but found 2"},
        {"{'key':{'a':'2dsphere'},'name':'x'}", 238, "indexes of type 2dsphere are not simulated"},
        {"{'key':{'a.$**':1},'name':'x'}", 238, "wildcard indexes are not simulated"},
        {"{'key':{'a':1},'name':'x','collation':{'locale':'fr'}}", 238, "the index option collation is not simulated"},
        {"{'key':{'a':1},'name':'x','partialFilterExpression':{'$nope':1}}", 2, "unknown top level operator: $nope"},
        {"{'key':{'a':1},'name':'x','partialFilterExpression':{'a':{'$ne':1}}}", 67, "Expression not supported in partial index"},
        {"{'key':{'a':1},'name':'x','partialFilterExpression':{'$or':[{'a':1},{'b':1}]}}", 67, "Expression not supported in partial index"},
        {"{'key':{'a':1,'a':1},'name':'x'}", 2, "appears multiple times"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char text[300];
        if (strstr(cases[i].msg, "multiple"))
            continue; /* JSON has no doubles */
        snprintf(text, sizeof text, "{'createIndexes':'spec','indexes':[%s]}", cases[i].spec);
        rig_fails(&r, "t", text, cases[i].code, cases[i].msg);
    }
    rig_fails(&r, "t", "{'createIndexes':'spec','indexes':[]}", 2, "Must specify at least one index to create");
    rig_fails(&r, "t", "{'createIndexes':'spec'}", 40414, "BSON field 'createIndexes.indexes' is missing but a required field");
    rig_fails(&r, "t", "{'createIndexes':'spec','indexes':[{'key':{'a':1},'name':'a'}],'commitQuorum':9}", 100, "Commit quorum cannot be satisfied");
    rig_fails(&r, "t", "{'listIndexes':'spec'}", 26, "ns does not exist: t.spec");
}

/* ---- plans ---- */

static void fill_plans(void)
{
    for (int i = 0; i < 20; i++) {
        static char text[100000];
        size_t n = (size_t)snprintf(text, sizeof text, "{'insert':'p','documents':[");
        for (int k = 0; k < 500; k++) {
            int id = i * 500 + k;
            n += (size_t)snprintf(text + n, sizeof text - n, "%s{'_id':%d,'u':%d,'s':%d,'t':%d,'z':%d}", k ? "," : "", id, id % 500, id % 5, 10000 - id, id % 1000);
        }
        snprintf(text + n, sizeof text - n, "]}");
        rig_ok(&r, "t", text);
    }
    create("p", "{'u':1}", "u_1", "");
    create("p", "{'u':1,'t':-1}", "u_1_t_-1", "");
    create("p", "{'s':1,'u':1}", "s_1_u_1", "");
    create("p", "{'z':1,'s':1,'t':1}", "z_1_s_1_t_1", "");
}

static const struct {
    const char *command, *summary; /* stages and indexes of the winning plan */
    int keys, docs, returned;
} plans[] = {
    {"'find':'p','filter':{'_id':5}", "IDHACK", 1, 1, 1},
    {"'find':'p','filter':{'t':7}", "COLLSCAN", 0, 10000, 1},
    {"'find':'p','filter':{'u':7}", "FETCH IXSCAN u_1", 20, 20, 20},
    {"'find':'p','filter':{'u':7},'sort':{'t':-1}", "FETCH IXSCAN u_1_t_-1", 20, 20, 20},      /* no sort in memory */
    {"'find':'p','filter':{'u':7},'sort':{'t':1}", "FETCH IXSCAN u_1_t_-1", 20, 20, 20},       /* backwards */
    {"'find':'p','filter':{'u':7},'sort':{'z':1}", "SORT FETCH IXSCAN u_1", 20, 20, 20},
    {"'find':'p','filter':{'u':{'$in':[1,2]}},'sort':{'t':-1},'limit':3", "LIMIT FETCH SORT_MERGE IXSCAN u_1_t_-1", 4, 3, 3},
    {"'find':'p','filter':{'u':7,'s':2}", "FETCH IXSCAN u_1", 20, 20, 20}, /* as good as the others: the first one */
    {"'find':'p','filter':{'u':7,'s':3}", "FETCH IXSCAN s_1_u_1", 0, 0, 0},
    {"'find':'p','filter':{'s':2,'u':{'$lt':10}}", "FETCH IXSCAN s_1_u_1", 40, 40, 40},
    {"'find':'p','filter':{'u':{'$gte':490},'s':4}", "FETCH IXSCAN s_1_u_1", 40, 40, 40},
    {"'find':'p','filter':{'u':7},'projection':{'u':1,'t':1,'_id':0}", "PROJECTION_COVERED IXSCAN u_1_t_-1", 20, 0, 20},
    {"'find':'p','filter':{'u':7},'projection':{'u':1}", "PROJECTION_SIMPLE FETCH IXSCAN u_1", 20, 20, 20},
    {"'find':'p','filter':{'z':{'$gt':990},'t':{'$lt':50}}", "FETCH IXSCAN z_1_s_1_t_1", -1, 9, 9}, /* t in the key, behind a gap */
    {"'find':'p','filter':{'$or':[{'u':3},{'z':900}]}", "SUBPLAN FETCH OR IXSCAN u_1 IXSCAN z_1_s_1_t_1", 30, 30, 30},
    {"'find':'p','filter':{'$or':[{'u':3},{'t':1}]}", "SUBPLAN COLLSCAN", 0, 10000, 21},
    {"'find':'p','sort':{'t':1},'limit':4", "SORT COLLSCAN", 0, 10000, 4},
    {"'find':'p','sort':{'u':-1,'t':1},'limit':4", "LIMIT FETCH IXSCAN u_1_t_-1", 4, 4, 4},
    {"'find':'p','filter':{'u':7},'hint':{'$natural':1}", "COLLSCAN", 0, 10000, 20},
    {"'find':'p','filter':{'t':7},'hint':'u_1'", "FETCH IXSCAN u_1", 10000, 10000, 1},
    {"'find':'p','filter':{'u':7},'limit':3", "LIMIT FETCH IXSCAN u_1", 3, 3, 3},
    {"'find':'p','filter':{'u':7},'skip':15", "SKIP FETCH IXSCAN u_1", 20, 20, 5},
    {"'count':'p','query':{'u':7}", "COUNT COUNT_SCAN u_1", 21, 0, -1},
    {"'count':'p','query':{}", "RECORD_STORE_FAST_COUNT", 0, 0, -1},
    {"'count':'p','query':{'t':{'$gt':9990}}", "COUNT COLLSCAN", 0, 10000, -1},
    {"'distinct':'p','key':'u'", "PROJECTION_COVERED DISTINCT_SCAN u_1", 500, 0, -1},
    {"'distinct':'p','key':'z','query':{'u':3}", "FETCH IXSCAN u_1", 20, 20, -1},
    {"'update':'p','updates':[{'q':{'u':7},'u':{'$set':{'n':1}},'multi':true}]", "UPDATE FETCH IXSCAN u_1", 20, 20, -1},
    {"'delete':'p','deletes':[{'q':{'u':7,'s':2},'limit':1}]", "DELETE FETCH IXSCAN u_1", 20, 20, -1}, /* the trial came to the end of it */
    {"'aggregate':'p','pipeline':[{'$match':{'u':7}},{'$sort':{'t':-1}},{'$limit':2}],'cursor':{}", "LIMIT FETCH IXSCAN u_1_t_-1", 2, 2, 2},
};

static void summary_of(const uint8_t *p, char *out, size_t n)
{
    struct sim_val stage = sim_find(p, "stage"), index = sim_find(p, "indexName"), one = sim_find(p, "inputStage"), many = sim_find(p, "inputStages");
    struct sim_elem e;
    bool merge = sim_text_is(stage, "SORT_MERGE");
    snprintf(out + strlen(out), n - strlen(out), "%s%s%s%s", *out ? " " : "", sim_text(stage), index.type ? " " : "", index.type ? sim_text(index) : "");
    if (one.type)
        summary_of(one.p, out, n);
    for (struct sim_iter it = sim_iter_of(many.p); many.type && sim_next(&it, &e);) {
        summary_of(e.v.p, out, n);
        if (merge)
            break; /* one for all */
    }
}

static void test_which_plan_and_what_it_costs(void **state)
{
    (void)state;
    fill_plans();
    for (size_t i = 0; i < SB_COUNT(plans); i++) {
        char text[500], summary[200] = "";
        snprintf(text, sizeof text, "{'explain':{%s},'verbosity':'executionStats'}", plans[i].command);
        const uint8_t *reply = rig_ok(&r, "t", text);
        summary_of(sim_path(reply, "queryPlanner.winningPlan").p, summary, sizeof summary);
        int keys = (int)rig_int(reply, "executionStats.totalKeysExamined"), docs = (int)rig_int(reply, "executionStats.totalDocsExamined"),
            returned = (int)rig_int(reply, "executionStats.nReturned");
        if (strcmp(summary, plans[i].summary) != 0 || (plans[i].keys >= 0 && keys != plans[i].keys) || docs != plans[i].docs ||
            (plans[i].returned >= 0 && returned != plans[i].returned))
            fail_msg("%s\n %s keys %d docs %d returned %d\n not %s keys %d docs %d returned %d", plans[i].command, summary, keys, docs, returned, plans[i].summary,
                     plans[i].keys, plans[i].docs, plans[i].returned);
    }
    /* explained writes change nothing */
    rig_gives(&r, "t", "{'count':'p','query':{'n':1}}", "n", "0");
    rig_gives(&r, "t", "{'count':'p','query':{}}", "n", "10000");
}

static void test_verbosity(void **state)
{
    (void)state;
    const uint8_t *reply = rig_ok(&r, "t", "{'explain':{'find':'p','filter':{'u':7},'sort':{'t':-1}},'verbosity':'queryPlanner'}");
    assert_false(sim_find(reply, "executionStats").type);
    assert_true(sim_path(reply, "queryPlanner.queryHash").type);
    assert_int_equal(sim_count(sim_path(reply, "queryPlanner.rejectedPlans").p), 1);
    reply = rig_ok(&r, "t", "{'explain':{'find':'p','filter':{'u':7},'sort':{'t':-1}},'verbosity':'executionStats'}");
    assert_true(sim_path(reply, "executionStats.executionStages").type);
    assert_false(sim_path(reply, "executionStats.allPlansExecution").type);
    reply = rig_ok(&r, "t", "{'explain':{'find':'p','filter':{'u':7},'sort':{'t':-1}}}");
    assert_int_equal(sim_count(sim_path(reply, "executionStats.allPlansExecution").p), 2);
    /* each stage's numbers fit together */
    const uint8_t *fetch = sim_path(reply, "executionStats.executionStages").p;
    int64_t works = rig_int(fetch, "works") - rig_int(fetch, "advanced") - rig_int(fetch, "needTime");
    assert_in_range(works, 1, 2); /* the end, once more after a trial that came to it */
    assert_int_equal(rig_int(fetch, "nReturned"), rig_int(reply, "executionStats.nReturned"));
    assert_int_equal(rig_int(fetch, "docsExamined"), rig_int(reply, "executionStats.totalDocsExamined"));
    assert_int_equal(rig_int(fetch, "inputStage.keysExamined"), rig_int(reply, "executionStats.totalKeysExamined"));
}

static void test_plan_cache(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'planCacheClear':'p'}");
    rig_gives(&r, "t", "{'aggregate':'p','pipeline':[{'$planCacheStats':{}}],'cursor':{}}", "cursor.firstBatch", "[]");
    for (int i = 0; i < 4; i++) {
        char text[200];
        snprintf(text, sizeof text, "{'find':'p','filter':{'u':%d},'sort':{'t':-1}}", i);
        rig_ok(&r, "t", text);
    }
    const uint8_t *reply = rig_ok(&r, "t", "{'aggregate':'p','pipeline':[{'$planCacheStats':{}}],'cursor':{}}");
    assert_int_equal(sim_count(sim_path(reply, "cursor.firstBatch").p), 1);
    rig_same_text("active", rig_at(reply, "cursor.firstBatch.0.isActive"), "true");
    create("p", "{'t':1}", "t_1", ""); /* a new index empties it */
    rig_gives(&r, "t", "{'aggregate':'p','pipeline':[{'$planCacheStats':{}}],'cursor':{}}", "cursor.firstBatch", "[]");
}

static void test_sort_memory(void **state)
{
    (void)state;
    static char doc[70000], text[72000];
    memset(doc, 'x', 60000);
    for (int i = 0; i < 1800; i++) { /* 108 MB to sort */
        snprintf(text, sizeof text, "{'insert':'huge','documents':[{'_id':%d,'k':%d,'pad':'%s'}]}", i, (i * 7919) % 1800, doc);
        rig_ok(&r, "t", text);
    }
    rig_fails(&r, "t", "{'find':'huge','sort':{'k':1}}", 292, "Sort exceeded memory limit of 104857600 bytes, but did not opt in to external sorting.");
    rig_ok(&r, "t", "{'find':'huge','sort':{'k':1},'allowDiskUse':true,'batchSize':2}");
    rig_ok(&r, "t", "{'find':'huge','sort':{'k':1},'limit':10}");
    rig_ok(&r, "t", "{'drop':'huge'}");
}

/* ---- $indexStats ---- */

static void test_accesses(void **state)
{
    (void)state;
    insert("acc", "{'_id':1,'a':1},{'_id':2,'a':2}");
    create("acc", "{'a':1}", "a_1", "");
    for (int i = 0; i < 5; i++)
        rig_ok(&r, "t", "{'find':'acc','filter':{'a':1}}");
    rig_ok(&r, "t", "{'update':'acc','updates':[{'q':{'a':2},'u':{'$set':{'x':1}}}]}");
    rig_ok(&r, "t", "{'explain':{'find':'acc','filter':{'a':1}}}"); /* counts nothing */
    rig_gives(&r, "t", "{'aggregate':'acc','pipeline':[{'$indexStats':{}},{'$match':{'name':'a_1'}}],'cursor':{}}", "cursor.firstBatch.0.accesses.ops", "6");
    rig_pass(&r, 1);
    rig_same_text("secondary", rig_at(rig_ok_on(&r, 1, "t", "{'aggregate':'acc','pipeline':[{'$indexStats':{}},{'$match':{'name':'a_1'}}],'cursor':{}}"), "cursor.firstBatch.0.accesses.ops"), "0");
    rig_ok_on(&r, 1, "t", "{'find':'acc','filter':{'a':1}}");
    rig_same_text("secondary", rig_at(rig_ok_on(&r, 1, "t", "{'aggregate':'acc','pipeline':[{'$indexStats':{}},{'$match':{'name':'a_1'}}],'cursor':{}}"), "cursor.firstBatch.0.accesses.ops"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_unknown_hint),
        cmocka_unit_test(test_sparse_partial_hidden),
        cmocka_unit_test(test_ttl_deletes),
        cmocka_unit_test(test_hashed),
        cmocka_unit_test(test_multikey),
        cmocka_unit_test(test_refused_specifications),
        cmocka_unit_test(test_which_plan_and_what_it_costs),
        cmocka_unit_test(test_verbosity),
        cmocka_unit_test(test_plan_cache),
        cmocka_unit_test(test_sort_memory),
        cmocka_unit_test(test_accesses),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
