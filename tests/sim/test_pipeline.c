/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregation stages, accumulators and expressions; projections, sorts and cursors of find. */
#include "rig.h"

static struct rig r;

static int begin(void **state)
{
    (void)state;
    rig_init(&r);
    rig_ok(&r, "t", "{'insert':'c','documents':["
                    "{'_id':1,'k':'a','v':10,'tags':['x','y'],'s':{'u':1,'w':2}},"
                    "{'_id':2,'k':'b','v':20,'tags':[]},"
                    "{'_id':3,'k':'a','v':30.5,'tags':['y']},"
                    "{'_id':4,'k':'c','v':null,'tags':null},"
                    "{'_id':5,'k':'a','s':{'u':3}},"
                    "{'_id':6,'v':{'$numberLong':'7'},'tags':'z'}]}");
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_release(&r);
    return 0;
}

static const struct {
    const char *pipeline, *result;
} pipelines[] = {
    {"[]", NULL},
    {"[{'$match':{'k':'a'}},{'$count':'n'}]", "[{'n':3}]"},
    {"[{'$match':{'k':'none'}},{'$count':'n'}]", "[]"},
    {"[{'$sort':{'v':-1,'_id':1}},{'$limit':2},{'$project':{'v':1}}]", "[{'_id':3,'v':30.5},{'_id':2,'v':20}]"},
    {"[{'$sort':{'_id':-1}},{'$skip':4},{'$project':{'_id':1}}]", "[{'_id':2},{'_id':1}]"},
    {"[{'$limit':3},{'$skip':1},{'$project':{'k':1,'_id':0}}]", "[{'k':'b'},{'k':'a'}]"},
    {"[{'$limit':1},{'$project':{'s':0,'tags':0,'_id':0}}]", "[{'k':'a','v':10}]"},
    {"[{'$limit':1},{'$project':{'s.u':1}}]", "[{'_id':1,'s':{'u':1}}]"},
    {"[{'$limit':1},{'$project':{'_id':0,'double':{'$multiply':['$v',2]},'k':1}}]", "[{'k':'a','double':20}]"},
    {"[{'$limit':1},{'$addFields':{'v':{'$add':['$v',1]},'w':'$s.w'}},{'$project':{'tags':0,'s':0}}]", "[{'_id':1,'k':'a','v':11,'w':2}]"},
    {"[{'$limit':1},{'$set':{'x':{'$literal':'$v'}}},{'$project':{'x':1}}]", "[{'_id':1,'x':'$v'}]"},
    {"[{'$unwind':'$tags'},{'$project':{'tags':1}}]", "[{'_id':1,'tags':'x'},{'_id':1,'tags':'y'},{'_id':3,'tags':'y'},{'_id':6,'tags':'z'}]"},
    {"[{'$unwind':{'path':'$tags','preserveNullAndEmptyArrays':true}},{'$group':{'_id':null,'n':{'$sum':1}}}]", "[{'_id':null,'n':7}]"},
    {"[{'$group':{'_id':'$k','n':{'$sum':1}}},{'$sort':{'_id':1}}]", "[{'_id':null,'n':1},{'_id':'a','n':3},{'_id':'b','n':1},{'_id':'c','n':1}]"},
    {"[{'$group':{'_id':null,'sum':{'$sum':'$v'},'avg':{'$avg':'$v'},'min':{'$min':'$v'},'max':{'$max':'$v'}}}]",
     "[{'_id':null,'sum':67.5,'avg':16.875,'min':7,'max':30.5}]"},
    {"[{'$match':{'_id':{'$in':[1,2]}}},{'$group':{'_id':null,'sum':{'$sum':'$v'},'avg':{'$avg':'$v'}}}]", "[{'_id':null,'sum':30,'avg':15}]"},
    {"[{'$match':{'k':'none'}},{'$group':{'_id':null,'n':{'$sum':1}}}]", "[]"},
    {"[{'$sort':{'_id':1}},{'$group':{'_id':'$k','first':{'$first':'$_id'},'last':{'$last':'$_id'},'all':{'$push':'$_id'}}},{'$match':{'_id':'a'}}]",
     "[{'_id':'a','first':1,'last':5,'all':[1,3,5]}]"},
    {"[{'$group':{'_id':null,'set':{'$addToSet':'$k'}}},{'$project':{'_id':0,'n':{'$size':'$set'}}}]", "[{'n':3}]"},
    {"[{'$group':{'_id':{'k':'$k','big':{'$gt':['$v',15]}},'n':{'$count':{}}}},{'$match':{'_id.k':'a','_id.big':true}}]", "[{'_id':{'k':'a','big':true},'n':1}]"},
    {"[{'$match':{'_id':1}},{'$project':{'_id':0,'a':{'$cond':[{'$gte':['$v',10]},'yes','no']},'b':{'$ifNull':['$none','dflt']},"
     "'c':{'$concat':['$k','-',{'$arrayElemAt':['$tags',1]}]},'d':{'$subtract':['$v',0.5]},'e':{'$divide':['$v',4]}}}]",
     "[{'a':'yes','b':'dflt','c':'a-y','d':9.5,'e':2.5}]"},
    {"[{'$match':{'_id':1}},{'$project':{'_id':0,'a':{'$and':[1,'x']},'b':{'$or':[0,null]},'c':{'$not':[true]},'d':{'$cmp':[2,1]},'e':{'$first':'$tags'},'f':{'$last':'$tags'},'g':{'$ne':['$v',10]}}}]",
     "[{'a':true,'b':false,'c':false,'d':1,'e':'x','f':'y','g':false}]"},
    {"[{'$match':{'_id':4}},{'$project':{'_id':0,'sum':{'$add':['$v',1]},'none':'$nothing'}}]", "[{'sum':null}]"},
    /* stages with stages of their own, and those that are short for others */
    {"[{'$facet':{'n':[{'$count':'n'}],'k':[{'$match':{'k':'a'}},{'$project':{'_id':1}}],'none':[{'$match':{'k':'zz'}}]}}]",
     "[{'n':[{'n':6}],'k':[{'_id':1},{'_id':3},{'_id':5}],'none':[]}]"},
    {"[{'$match':{'k':'zz'}},{'$facet':{'a':[{'$limit':1}]}}]", "[{'a':[]}]"},
    {"[{'$match':{'k':{'$exists':true}}},{'$sortByCount':'$k'},{'$limit':1}]", "[{'_id':'a','count':3}]"},
    {"[{'$sortByCount':{'$type':'$v'}},{'$match':{'_id':'int'}}]", "[{'_id':'int','count':2}]"},
    {"[{'$bucket':{'groupBy':'$_id','boundaries':[1,3,5],'default':'rest'}}]", "[{'_id':1,'count':2},{'_id':3,'count':2},{'_id':'rest','count':2}]"},
    {"[{'$match':{'_id':{'$lt':5}}},{'$bucket':{'groupBy':'$_id','boundaries':[1,2,9],'output':{'all':{'$push':'$_id'}}}}]", "[{'_id':1,'all':[1]},{'_id':2,'all':[2,3,4]}]"},
    {"[{'$match':{'_id':1}},{'$project':{'k':1}},{'$unionWith':{'coll':'c','pipeline':[{'$match':{'_id':2}},{'$project':{'k':1}}]}}]", "[{'_id':1,'k':'a'},{'_id':2,'k':'b'}]"},
    {"[{'$limit':1},{'$unionWith':'nothing'},{'$count':'n'}]", "[{'n':1}]"},
    {"[{'$match':{'_id':{'$lte':2}}},{'$project':{'tags':1}},{'$unwind':{'path':'$tags','includeArrayIndex':'at','preserveNullAndEmptyArrays':true}}]",
     "[{'_id':1,'tags':'x','at':0},{'_id':1,'tags':'y','at':1},{'_id':2,'at':null}]"},
    /* $lookup by a pipeline: with variables, with an equality beside it, with neither */
    {"[{'$match':{'_id':{'$lt':3}}},{'$project':{'v':1}},{'$lookup':{'from':'c','as':'more','let':{'v':'$v'},'pipeline':[{'$match':{'$expr':{'$gt':['$v','$$v']}}},{'$project':{'_id':1}}]}}]",
     "[{'_id':1,'v':10,'more':[{'_id':2},{'_id':3}]},{'_id':2,'v':20,'more':[{'_id':3}]}]"},
    {"[{'$match':{'_id':1}},{'$project':{'k':1}},{'$lookup':{'from':'c','as':'j','localField':'k','foreignField':'k','pipeline':[{'$match':{'v':{'$gt':10}}},{'$project':{'_id':1}}]}}]",
     "[{'_id':1,'k':'a','j':[{'_id':3}]}]"},
    {"[{'$match':{'_id':1}},{'$project':{'_id':1}},{'$lookup':{'from':'c','as':'j','pipeline':[{'$count':'n'}]}}]", "[{'_id':1,'j':[{'n':6}]}]"},
    {"[{'$match':{'_id':5}},{'$project':{'_id':1}},{'$lookup':{'from':'c','as':'j','let':{'t':'$tags'},'pipeline':[{'$match':{'_id':1}},{'$project':{'_id':0,'t':{'$ifNull':['$$t','none']},'in':{'$type':'$$t'}}}]}}]",
     "[{'_id':5,'j':[{'t':'none','in':'missing'}]}]"},
    {"[{'$match':{'_id':1}},{'$project':{'s':1}},{'$lookup':{'from':'c','as':'j','let':{'s':'$s'},'pipeline':[{'$match':{'_id':2}},{'$project':{'_id':0,'w':'$$s.w','lit':{'$literal':'$$s'}}}]}}]",
     "[{'_id':1,'s':{'u':1,'w':2},'j':[{'w':2,'lit':'$$s'}]}]"},
    /* forms that bind variables */
    {"[{'$match':{'_id':1}},{'$project':{'_id':0,'m':{'$map':{'input':'$tags','as':'t','in':{'$concat':['$k','$$t']}}},'f':{'$filter':{'input':[1,5,9],'as':'n','cond':{'$lt':['$$n','$v']}}},"
     "'r':{'$reduce':{'input':[1,2,3],'initialValue':10,'in':{'$subtract':['$$value','$$this']}}},'l':{'$let':{'vars':{'a':'$v','b':2},'in':{'$add':['$$a','$$b']}}}}}]",
     "[{'m':['ax','ay'],'f':[1,5,9],'r':4,'l':12}]"},
    {"[{'$match':{'_id':1}},{'$project':{'_id':0,'x':{'$map':{'input':[1,2],'in':{'$map':{'input':[10],'in':{'$add':['$$this',1]}}}}},'y':{'$let':{'vars':{'a':1},'in':{'$let':{'vars':{'a':{'$add':['$$a',1]}},'in':'$$a'}}}}}}]",
     "[{'x':[[11],[11]],'y':2}]"},
    {"[{'$match':{'_id':{'$in':[1,4]}}},{'$project':{'s':{'$switch':{'branches':[{'case':{'$eq':['$k','a']},'then':'first'}],'default':{'$toUpper':'$k'}}}}}]", "[{'_id':1,'s':'first'},{'_id':4,'s':'C'}]"},
    {"[{'$match':{'_id':4}},{'$project':{'_id':0,'m':{'$map':{'input':'$tags','in':1}},'f':{'$filter':{'input':'$nothing','as':'x','cond':true}}}}]", "[{'m':null,'f':null}]"},
    {"[{'$match':{'_id':1}},{'$project':{'_id':0,'k':{'$cond':[{'$eq':['$k','b']},'$k','$$REMOVE']},'r':'$$ROOT.s.u'}}]", "[{'r':1}]"},
    /* functions */
    {"[{'$match':{'_id':1}},{'$project':{'_id':0,'a':{'$mod':['$v',3]},'b':{'$abs':-2},'c':{'$ceil':1.2},'d':{'$floor':-1.2},'e':{'$round':[2.5]},'f':{'$round':[1234.5678,2]},'g':{'$round':[1250,-2]},'h':{'$trunc':-1.9},'i':{'$sqrt':16},'j':{'$pow':[2,3]}}}]",
     "[{'a':1,'b':2,'c':2,'d':-2,'e':2,'f':1234.57,'g':1200,'h':-1,'i':4,'j':8}]"},
    {"[{'$match':{'_id':1}},{'$project':{'_id':0,'a':{'$max':[1,'$v',3]},'b':{'$min':'$tags'},'c':{'$sum':[1,'x',2.5]},'d':{'$avg':[1,2]},'e':{'$in':['x','$tags']},'f':{'$isArray':['$tags']},'g':{'$isNumber':'$k'},"
     "'h':{'$concatArrays':['$tags',[1]]},'i':{'$mergeObjects':['$s',{'w':9,'z':1}]},'j':{'$objectToArray':{'q':1}},'k':{'$bsonSize':{'a':1}},'l':{'$bsonSize':'$none'}}}]",
     "[{'a':10,'b':'x','c':3.5,'d':1.5,'e':true,'f':true,'g':false,'h':['x','y',1],'i':{'u':1,'w':9,'z':1},'j':[{'k':'q','v':1}],'k':12,'l':null}]"},
    {"[{'$match':{'_id':1}},{'$project':{'_id':0,'a':{'$toUpper':'aB'},'b':{'$toLower':'aB'},'c':{'$strLenCP':'\u00fcx'},'d':{'$split':['a-b-','-']},'e':{'$toString':'$v'},'f':{'$toString':true},'g':{'$type':'$none'},'h':{'$toUpper':'$none'}}}]",
     "[{'a':'AB','b':'ab','c':2,'d':['a','b',''],'e':'10','f':'true','g':'missing','h':''}]"},
    {"[{'$match':{'_id':1}},{'$set':{'d':{'$literal':{'$date':'2024-02-29T23:05:07.089Z'}}}},{'$project':{'_id':0,'y':{'$year':'$d'},'mo':{'$month':'$d'},'da':{'$dayOfMonth':'$d'},'h':{'$hour':'$d'},'mi':{'$minute':'$d'},"
     "'s':{'$second':'$d'},'ms':{'$millisecond':'$d'},'w':{'$dayOfWeek':{'date':'$d'}},'j':{'$dayOfYear':'$d'},'t':{'$dateToString':{'date':'$d','format':'%Y/%m/%d %H:%M:%S.%L %j%%'}},'i':{'$dateToString':{'date':'$d'}},'n':{'$year':'$none'}}}]",
     "[{'y':2024,'mo':2,'da':29,'h':23,'mi':5,'s':7,'ms':89,'w':5,'j':60,'t':'2024/02/29 23:05:07.089 060%','i':'2024-02-29T23:05:07.089Z','n':null}]"},
    {"[{'$limit':1},{'$project':{'_id':0,'t':{'$dateToString':{'date':{'$date':{'$numberLong':'-1'}}}}}}]", "[{'t':'1969-12-31T23:59:59.999Z'}]"},
    {"[{'$limit':1},{'$set':{'d':{'$literal':{'$date':'1970-01-02T00:00:00.001Z'}}}},{'$project':{'_id':0,'a':{'$convert':{'input':'$d','to':'long'}},'b':{'$convert':{'input':'$d','to':'double'}},"
     "'c':{'$convert':{'input':'$d','to':'decimal'}},'e':{'$convert':{'input':'$d','to':'int','onError':'no'}},'f':{'$convert':{'input':'$d','to':'string'}}}}]",
     "[{'a':86400001,'b':86400001,'c':{'$numberDecimal':'86400001'},'e':'no','f':'1970-01-02T00:00:00.001Z'}]"},
    {"[{'$limit':1},{'$project':{'_id':0,'a':{'$convert':{'input':'2024-02-29','to':'date'}},'b':{'$convert':{'input':'2024-02-29T23:05:07.5+01:30','to':'date'}},'c':{'$convert':{'input':'2023-02-29','to':'date','onError':'no'}},"
     "'d':{'$convert':{'input':'12.50','to':'decimal'}},'e':{'$convert':{'input':' 12','to':'int','onError':null}},'f':{'$convert':{'input':7,'to':'long'}},'g':{'$convert':{'input':'2147483648','to':'int','onError':'$k'}},"
     "'h':{'$convert':{'input':'$none','to':'int','onNull':'nothing'}},'i':{'$convert':{'input':'$none','to':'int'}}}}]",
     "[{'a':{'$date':'2024-02-29T00:00:00.000Z'},'b':{'$date':'2024-02-29T21:35:07.500Z'},'c':'no','d':{'$numberDecimal':'12.50'},'e':null,'f':7,'g':'a','h':'nothing','i':null}]"},
};

static void test_merge_keeps(void **state)
{
    (void)state;
    static const char kept[] = "{'aggregate':'merge_from','pipeline':[{'$match':{'v':{'$exists':true}}},{'$project':{'v':1}},{'$merge':{'into':'merge_into','on':'_id','whenMatched':'keepExisting','whenNotMatched':'insert'}}],'cursor':{}}";
    rig_ok(&r, "t", "{'insert':'merge_from','documents':[{'_id':1,'v':'a'},{'_id':2,'v':'b'},{'_id':3}]}");
    rig_ok(&r, "t", kept);
    rig_gives(&r, "t", "{'find':'merge_into','sort':{'_id':1}}", "cursor.firstBatch", "[{'_id':1,'v':'a'},{'_id':2,'v':'b'}]");
    rig_ok(&r, "t", "{'update':'merge_from','updates':[{'q':{},'u':{'$set':{'v':'z'}},'multi':true}]}");
    rig_ok(&r, "t", kept); /* what is there stays, what is new comes */
    rig_gives(&r, "t", "{'find':'merge_into','sort':{'_id':1}}", "cursor.firstBatch", "[{'_id':1,'v':'a'},{'_id':2,'v':'b'},{'_id':3,'v':'z'}]");
    rig_ok(&r, "t", "{'delete':'merge_from','deletes':[{'q':{'_id':3},'limit':1}]}");
    rig_ok(&r, "t", "{'update':'merge_from','updates':[{'q':{'_id':2},'u':{'$set':{'v':'own'}}}]}");
    rig_ok(&r, "t", "{'aggregate':'merge_into','pipeline':[{'$merge':{'into':'merge_from','whenMatched':[{'$set':{'v':{'$cond':[{'$eq':['$v','z']},'$$new.v','$v']}}}],'whenNotMatched':'discard'}}],'cursor':{}}");
    rig_gives(&r, "t", "{'find':'merge_from','sort':{'_id':1}}", "cursor.firstBatch", "[{'_id':1,'v':'a'},{'_id':2,'v':'own'}]");
}

static void test_stages(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(pipelines); i++) {
        char text[1400];
        snprintf(text, sizeof text, "{'aggregate':'c','pipeline':%s,'cursor':{}}", pipelines[i].pipeline);
        if (pipelines[i].result)
            rig_gives(&r, "t", text, "cursor.firstBatch", pipelines[i].result);
        else
            assert_int_equal(sim_count(sim_path(rig_ok(&r, "t", text), "cursor.firstBatch").p), 6);
    }
    assert_int_equal(sim_count(sim_path(rig_ok(&r, "t", "{'aggregate':'c','pipeline':[{'$sample':{'size':4}}],'cursor':{}}"), "cursor.firstBatch").p), 4);
    assert_int_equal(sim_count(sim_path(rig_ok(&r, "t", "{'aggregate':'none','pipeline':[],'cursor':{}}"), "cursor.firstBatch").p), 0);
}

static const struct {
    const char *command;
    int code;
    const char *msg;
} refusals[] = {
    {"{'aggregate':'c','pipeline':[{'$nope':1}],'cursor':{}}", 40324, "Unrecognized pipeline stage name: '$nope'"},
    {"{'aggregate':'c','pipeline':[{'$lookup':1}],'cursor':{}}", 9, "the $lookup stage specification must be an object, but found int"},
    {"{'aggregate':'c','pipeline':[{'$lookup':{'from':1}}],'cursor':{}}", 9, "$lookup argument 'from' must be a string, found type int"},
    {"{'aggregate':'c','pipeline':[{'$lookup':{'form':'d'}}],'cursor':{}}", 9, "unknown argument to $lookup: form"},
    {"{'aggregate':'c','pipeline':[{'$lookup':{'as':'x'}}],'cursor':{}}", 9, "must specify 'from' field for a $lookup"},
    {"{'aggregate':'c','pipeline':[{'$lookup':{'from':'d'}}],'cursor':{}}", 9, "must specify 'as' field for a $lookup"},
    {"{'aggregate':'c','pipeline':[{'$lookup':{'from':'d','as':'x','localField':'a'}}],'cursor':{}}", 9, "$lookup requires either 'pipeline' or both"},
    {"{'aggregate':'c','pipeline':[{'$lookup':{'from':'d','as':'x','pipeline':[{'$nope':1}]}}],'cursor':{}}", 40324, "Unrecognized pipeline stage name: '$nope'"},
    {"{'aggregate':'none','pipeline':[{'$lookup':{'from':'d','as':'x','let':{'a':'$a'},'pipeline':[{'$match':{'$expr':{'$eq':['$b','$$c']}}}]}}],'cursor':{}}", 17276, "Use of undefined variable: c"},
    {"{'aggregate':'c','pipeline':[{'$lookup':{'from':'d','as':'x','let':{'a':'$a'}}}],'cursor':{}}", 9, "'let' argument must also specify 'pipeline'"},
    {"{'aggregate':'c','pipeline':[{'$lookup':{'from':'d','as':'x','pipeline':[{'$collStats':{}}]}}],'cursor':{}}", 51047, "not allowed within a $lookup"},
    {"{'aggregate':'c','pipeline':[{'$facet':{}}],'cursor':{}}", 40169, "non-empty"},
    {"{'aggregate':'c','pipeline':[{'$facet':{'a':1}}],'cursor':{}}", 40170, "must be arrays"},
    {"{'aggregate':'c','pipeline':[{'$facet':{'a':[{'$facet':{'b':[]}}]}}],'cursor':{}}", 40600, "$facet is not allowed to be used within a $facet stage"},
    {"{'aggregate':'c','pipeline':[{'$facet':{'a':[{'$indexStats':{}}]}}],'cursor':{}}", 40600, "$indexStats is not allowed"},
    {"{'aggregate':'c','pipeline':[{'$sortByCount':'k'}],'cursor':{}}", 40148, "$-prefixed"},
    {"{'aggregate':'c','pipeline':[{'$bucket':{'groupBy':'$v','boundaries':[5,1]}}],'cursor':{}}", 40194, "ascending"},
    {"{'aggregate':'c','pipeline':[{'$bucket':{'groupBy':'$_id','boundaries':[50,60]}}],'cursor':{}}", 40066, "no default"},
    {"{'aggregate':'c','pipeline':[{'$unwind':{'path':'$tags','includeArrayIndex':''}}],'cursor':{}}", 28810, "non-empty"},
    {"{'aggregate':'c','pipeline':[{'$unwind':{'path':'$tags','includeArrayIndex':'$i'}}],'cursor':{}}", 28822, "prefixed"},
    {"{'aggregate':'c','pipeline':[{'$project':{'a':{'$map':{'input':'$k','in':1}}}}],'cursor':{}}", 16883, "must be an array not string"},
    {"{'aggregate':'c','pipeline':[{'$project':{'a':{'$map':{'input':'$k'}}}}],'cursor':{}}", 16880, "Missing 'in' parameter to $map"},
    {"{'aggregate':'c','pipeline':[{'$project':{'a':'$$nope'}}],'cursor':{}}", 17276, "Use of undefined variable: nope"},
    {"{'aggregate':'c','pipeline':[{'$project':{'a':{'$mod':['$_id',0]}}}],'cursor':{}}", 16610, "can't $mod by zero"},
    {"{'aggregate':'c','pipeline':[{'$project':{'a':{'$in':[1,'$k']}}}],'cursor':{}}", 40081, "requires an array as a second argument, found: string"},
    {"{'aggregate':'c','pipeline':[{'$project':{'a':{'$mod':[1]}}}],'cursor':{}}", 16020, "takes exactly 2 arguments. 1 were passed in."},
    {"{'aggregate':'c','pipeline':[{'$project':{'a':{'$dateToString':{'date':'$k'}}}}],'cursor':{}}", 16006, "can't convert from BSON type string to Date"},
    {"{'aggregate':'c','pipeline':[{'$project':{'a':{'$reduce':{'input':[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],'initialValue':[1,2,3,4],'in':{'$concatArrays':['$$value','$$value']}}}}}],'cursor':{}}",
     238, "more than 256 MiB"},
    {"{'aggregate':'c','pipeline':[],'cursor':{},'let':{'A':1}}", 9, "invalid character for a user variable name"},
    {"{'aggregate':'c','pipeline':[{'$lookup':{'from':'d','as':'x','localField':'a.0.b','foreignField':'c'}}],'cursor':{}}", 238, "by an element of an array"},
    {"{'aggregate':'c','pipeline':[{'$unionWith':{'pipeline':[]}}],'cursor':{}}", 40414, "$unionWith.coll"},
    {"{'aggregate':'c','pipeline':[{}],'cursor':{}}", 40323, "A pipeline stage specification object must contain exactly one field."},
    {"{'aggregate':'c','pipeline':[{'$match':1}],'cursor':{}}", 15959, "the match filter must be an expression in an object"},
    {"{'aggregate':'c','pipeline':[{'$limit':0}],'cursor':{}}", 15958, "the limit must be positive"},
    {"{'aggregate':'c','pipeline':[{'$limit':'x'}],'cursor':{}}", 2, "invalid argument to $limit stage: Expected a number in: $limit: \"x\""},
    {"{'aggregate':'c','pipeline':[{'$skip':-1}],'cursor':{}}", 5107200, "invalid argument to $skip stage: Expected a non-negative number in: $skip: -1"},
    {"{'aggregate':'c','pipeline':[{'$sort':{}}],'cursor':{}}", 15976, "$sort stage must have at least one sort key"},
    {"{'aggregate':'c','pipeline':[{'$sort':{'a':2}}],'cursor':{}}", 15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)"},
    {"{'aggregate':'c','pipeline':[{'$group':{'n':{'$sum':1}}}],'cursor':{}}", 15955, "a group specification must include an _id"},
    {"{'aggregate':'c','pipeline':[{'$group':{'_id':1,'n':{'$nope':1}}}],'cursor':{}}", 15952, "unknown group operator '$nope'"},
    {"{'aggregate':'c','pipeline':[{'$group':{'_id':1,'n':5}}],'cursor':{}}", 40234, "The field 'n' must be an accumulator object"},
    {"{'aggregate':'c','pipeline':[{'$project':{}}],'cursor':{}}", 51272, "Invalid $project :: caused by :: projection specification must have at least one field"},
    {"{'aggregate':'c','pipeline':[{'$project':{'a':1,'b':0}}],'cursor':{}}", 31254, "Cannot do exclusion on field b in inclusion projection"},
    {"{'aggregate':'c','pipeline':[{'$project':{'x':{'$nope':1}}}],'cursor':{}}", 31325, "Invalid $project :: caused by :: Unknown expression $nope"},
    {"{'aggregate':'c','pipeline':[{'$unwind':'tags'}],'cursor':{}}", 28818, "path option to $unwind stage should be prefixed with a '$': tags"},
    {"{'aggregate':'c','pipeline':[{'$count':''}],'cursor':{}}", 40156, "the count field must be a non-empty string"},
    {"{'aggregate':'c','pipeline':[{'$match':{}},{'$indexStats':{}}],'cursor':{}}", 40602, "$indexStats is only valid as the first stage in a pipeline."},
    {"{'aggregate':'c','pipeline':[{'$project':{'x':{'$divide':['$v',0]}}}],'cursor':{}}", 2, "can't $divide by zero"},
    {"{'aggregate':'c','pipeline':[{'$project':{'x':{'$add':['$k',1]}}}],'cursor':{}}", 14, "$add only supports numeric or date types, not string"},
    {"{'aggregate':'c','pipeline':[]}", 9, "The 'cursor' option is required, except for aggregate with the explain argument"},
    {"{'aggregate':'c','pipeline':1,'cursor':{}}", 14, "'pipeline' option must be specified as an array"},
    {"{'aggregate':1,'pipeline':[{'$match':{}}],'cursor':{}}", 73, "{aggregate: 1} is not valid for '$match'; a collection is required."},
    {"{'aggregate':'c','pipeline':[],'cursor':{},'nope':1}", 40415, "BSON field 'aggregate.nope' is an unknown field."},
    {"{'aggregate':'c','pipeline':[{'$currentOp':{}}],'cursor':{}}", 73, "$currentOp must be run against the 'admin' database with {aggregate: 1}"},
    {"{'aggregate':'c','pipeline':[],'cursor':{},'collation':{'locale':'fr'}}", 238, "collation"},
    {"{'aggregate':'c','pipeline':[],'cursor':{},'collation':{'locale':'simple','strength':1}}", 238, "collation"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(refusals); i++)
        rig_fails(&r, "t", refusals[i].command, refusals[i].code, refusals[i].msg);
}

/* ---- find ---- */

static const struct {
    const char *more, *batch;
} finds[] = {
    {"'filter':{'$or':[{'_id':2},{'v':10}]},'projection':{'k':1}", "[{'_id':1,'k':'a'},{'_id':2,'k':'b'}]"}, /* one branch has an index, the other none */
    {"'filter':{'_id':1},'projection':{'k':1}", "[{'_id':1,'k':'a'}]"},
    {"'filter':{'_id':1},'projection':{'k':1,'_id':0}", "[{'k':'a'}]"},
    {"'filter':{'_id':1},'projection':{'tags':0,'s.w':0}", "[{'_id':1,'k':'a','v':10,'s':{'u':1}}]"},
    {"'filter':{'_id':1},'projection':{'s':{'u':1}}", "[{'_id':1,'s':{'u':1}}]"},
    {"'filter':{'k':'a'},'sort':{'_id':-1},'limit':2,'projection':{'_id':1}", "[{'_id':5},{'_id':3}]"},
    {"'filter':{'k':'a'},'sort':{'_id':1},'skip':1,'limit':1,'projection':{'_id':1}", "[{'_id':3}]"},
    {"'sort':{'v':1},'projection':{'v':1},'filter':{'v':{'$exists':true}}", "[{'_id':4,'v':null},{'_id':6,'v':7},{'_id':1,'v':10},{'_id':2,'v':20},{'_id':3,'v':30.5}]"},
    {"'sort':{'tags':1,'_id':1},'projection':{'_id':1}", "[{'_id':2},{'_id':4},{'_id':5},{'_id':1},{'_id':3},{'_id':6}]"}, /* the empty array first */
    {"'sort':{'s.u':-1,'_id':1},'projection':{'_id':1},'limit':2", "[{'_id':5},{'_id':1}]"},
    {"'sort':{'$natural':-1},'projection':{'_id':1},'limit':2", "[{'_id':6},{'_id':5}]"},
    {"'filter':{'k':'a'},'limit':-1,'projection':{'_id':1}", NULL},
    {"'filter':{'tags':'y'},'projection':{'_id':1},'sort':{'_id':1}", "[{'_id':1},{'_id':3}]"},
    {"'filter':{'$expr':{'$gt':['$v','$$least']}},'let':{'least':15},'projection':{'_id':1}", "[{'_id':2},{'_id':3}]"},
    {"'filter':{'_id':1},'projection':{'tags':{'$slice':1},'s':0,'v':0}", "[{'_id':1,'k':'a','tags':['x']}]"},
    {"'filter':{'_id':1},'projection':{'k':1,'tags':{'$slice':-1}}", "[{'_id':1,'k':'a','tags':['y']}]"},
    {"'filter':{'_id':{'$in':[1,6]}},'projection':{'_id':0,'k':0,'v':0,'s':0,'tags':{'$slice':[1,5]}}", "[{'tags':['y']},{'tags':'z'}]"},
    {"'filter':{'_id':{'$lte':2}},'projection':{'tags':{'$elemMatch':{'$gt':'x'}}}", "[{'_id':1,'tags':['y']},{'_id':2}]"},
};

/* ---- $lookup ---- */

static const struct {
    const char *spec, *match, *found; /* of the one document that matches: the _ids found for it */
} lookups[] = {
    {"'localField':'k','foreignField':'ref'", "{'_id':1}", "[{'_id':10},{'_id':13}]"},
    {"'localField':'k','foreignField':'ref'", "{'_id':2}", "[{'_id':11},{'_id':13}]"},     /* an element of the other's array */
    {"'localField':'k','foreignField':'ref'", "{'_id':4}", "[]"},
    {"'localField':'none','foreignField':'ref'", "{'_id':1}", "[{'_id':12},{'_id':14}]"},   /* missing is asked for as null */
    {"'localField':'v','foreignField':'ref'", "{'_id':4}", "[{'_id':12},{'_id':14}]"},      /* and null too */
    {"'localField':'tags','foreignField':'tag'", "{'_id':1}", "[{'_id':10},{'_id':11}]"},   /* each element of an array */
    {"'localField':'tags','foreignField':'tag'", "{'_id':2}", "[{'_id':12},{'_id':13},{'_id':14}]"}, /* an empty one: as missing */
    {"'localField':'s.u','foreignField':'n.u'", "{'_id':5}", "[{'_id':14}]"},
    {"'localField':'list.u','foreignField':'n.u'", "{'_id':7}", "[{'_id':14},{'_id':15}]"}, /* through an array on the way */
    {"'localField':'re','foreignField':'ref'", "{'_id':7}", "[]"},                          /* a pattern is a value here */
    {"'localField':'re','foreignField':'n.u'", "{'_id':7}", "[{'_id':15}]"},
};

static void lookup_data(void)
{
    rig_ok(&r, "l", "{'insert':'c','documents':[{'_id':1,'k':'a','tags':['x','y']},{'_id':2,'k':'b','tags':[]},{'_id':4,'k':'c','v':null},{'_id':5,'s':{'u':3}},"
                    "{'_id':7,'list':[{'u':3},{'w':1},{'u':4}],'re':[{'$regularExpression':{'pattern':'^a','options':''}},4]}]}");
    rig_ok(&r, "l", "{'insert':'d','documents':[{'_id':10,'ref':'a','tag':'x'},{'_id':11,'ref':'b','tag':'y'},{'_id':12,'ref':null},"
                    "{'_id':13,'ref':['b','a']},{'_id':14,'n':{'u':3}},{'_id':15,'ref':'q','tag':'q','n':{'u':4}}]}");
}

static void test_lookup(void **state)
{
    (void)state;
    char text[600];
    lookup_data();
    for (int indexed = 0; indexed < 2; indexed++) { /* the same with and without an index for each */
        for (size_t i = 0; i < SB_COUNT(lookups); i++) {
            snprintf(text, sizeof text, "{'aggregate':'c','cursor':{},'pipeline':[{'$match':%s},{'$lookup':{'from':'d',%s,'as':'o'}},"
                                        "{'$unwind':{'path':'$o','preserveNullAndEmptyArrays':false}},{'$replaceWith':{'_id':'$o._id'}},{'$sort':{'_id':1}}]}",
                     lookups[i].match, lookups[i].spec);
            rig_gives(&r, "l", text, "cursor.firstBatch", lookups[i].found);
        }
        rig_ok(&r, "l", "{'createIndexes':'d','indexes':[{'key':{'ref':1},'name':'ref_1'},{'key':{'tag':1},'name':'tag_1'},{'key':{'n.u':1},'name':'n.u_1'}]}");
    }
    rig_gives(&r, "l", "{'aggregate':'c','cursor':{},'pipeline':[{'$match':{'_id':1}},{'$lookup':{'from':'d','localField':'k','foreignField':'ref','as':'tags'}},{'$project':{'tags._id':1}}]}",
              "cursor.firstBatch", "[{'_id':1,'tags':[{'_id':10},{'_id':13}]}]");
    rig_gives(&r, "l", "{'aggregate':'c','cursor':{},'pipeline':[{'$match':{'_id':1}},{'$lookup':{'from':'nowhere','localField':'k','foreignField':'ref','as':'o'}},{'$project':{'o':1}}]}",
              "cursor.firstBatch", "[{'_id':1,'o':[]}]");
}

/* What the inner questions look at is looked at by the command: without an index all of it, each time. */
static void test_lookup_is_paid_for(void **state)
{
    (void)state;
    static const char join[] = "{'explain':{'aggregate':'p','cursor':{},'pipeline':[{'$lookup':{'from':'q','localField':'a','foreignField':'b','as':'o'}}]},'verbosity':'executionStats'}";
    static const char plain[] = "{'aggregate':'p','cursor':{},'pipeline':[{'$lookup':{'from':'q','localField':'a','foreignField':'b','as':'o'}}]}";
    char text[200];
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof text, "{'insert':'q','documents':[{'_id':%d,'b':%d}]}", i, i % 100);
        rig_ok(&r, "l", text);
        snprintf(text, sizeof text, "{'insert':'p','documents':[{'_id':%d,'a':%d}]}", i, i);
        if (i < 20)
            rig_ok(&r, "l", text);
    }
    const uint8_t *reply = rig_ok(&r, "l", join);
    assert_int_equal(rig_int(reply, "stages.1.totalDocsExamined"), 20 * 300);
    assert_int_equal(rig_int(reply, "stages.1.totalKeysExamined"), 0);
    assert_int_equal(rig_int(reply, "stages.1.collectionScans"), 40); /* as the recorded server counts */
    assert_int_equal(rig_int(reply, "stages.1.nReturned"), 20);
    int64_t docs = rig_int(rig_ok(&r, "admin", "{'serverStatus':1}"), "metrics.queryExecutor.scannedObjects");
    rig_ok(&r, "l", plain);
    reply = rig_ok(&r, "admin", "{'serverStatus':1}");
    assert_int_equal(rig_int(reply, "metrics.queryExecutor.scannedObjects") - docs, 20 + 20 * 300);
    assert_true(rig_int(reply, "metrics.aggStageCounters.$lookup") > 0);
    rig_ok(&r, "l", plain);
    int64_t slow = r.conn[0]->latency_us;
    rig_ok(&r, "l", "{'createIndexes':'q','indexes':[{'key':{'b':1},'name':'b_1'}]}");
    rig_ok(&r, "l", plain);
    assert_true(r.conn[0]->latency_us * 5 < slow);
    reply = rig_ok(&r, "l", join);
    assert_int_equal(rig_int(reply, "stages.1.totalDocsExamined"), 60);
    assert_int_equal(rig_int(reply, "stages.1.totalKeysExamined"), 60);
    assert_int_equal(rig_int(reply, "stages.1.collectionScans"), 0);
    rig_same_text("indexesUsed", rig_at(reply, "stages.1.indexesUsed"), "['b_1']");
    assert_int_equal(rig_int(rig_ok(&r, "l", "{'aggregate':'q','cursor':{},'pipeline':[{'$indexStats':{}},{'$match':{'name':'b_1'}}]}"), "cursor.firstBatch.0.accesses.ops"), 40);
}

static void test_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(finds); i++) {
        char text[500];
        snprintf(text, sizeof text, "{'find':'c',%s}", finds[i].more);
        if (finds[i].batch)
            rig_gives(&r, "t", text, "cursor.firstBatch", finds[i].batch);
        else
            rig_fails(&r, "t", text, 51024, "BSON field 'limit' value must be >= 0, actual value '-1'");
    }
    rig_fails(&r, "t", "{'find':'c','projection':{'a':1,'b':0}}", 31254, "Cannot do exclusion on field b in inclusion projection");
    rig_fails(&r, "t", "{'find':'c','projection':{'a':0,'b':1}}", 31253, "Cannot do inclusion on field b in exclusion projection");
    rig_fails(&r, "t", "{'find':'c','projection':{'a':1,'a.b':1}}", 31249, "Path collision at a.b");
    rig_fails(&r, "t", "{'find':'c','sort':{'a':5}}", 15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)");
    rig_fails(&r, "t", "{'find':'c','filter':1}", 14, "BSON field 'FindCommandRequest.filter' is the wrong type 'int', expected type 'object'");
    rig_fails(&r, "t", "{'find':1}", 73, "collection name has invalid type int");
    rig_fails(&r, "t", "{'find':''}", 73, "Invalid namespace specified 't.'");
    rig_fails(&r, "t", "{'find':'c','projection':{'a':{'$slice':'x'}}}", 28667, "Invalid $slice syntax");
    rig_fails(&r, "t", "{'find':'c','projection':{'a':{'$slice':[1,0]}}}", 28729, "must be positive: 0");
    rig_fails(&r, "t", "{'find':'c','projection':{'a':{'$elemMatch':1}}}", 31274, "object required");
    rig_fails(&r, "t", "{'find':'c','projection':{'a.b':{'$elemMatch':{'x':1}}}}", 31275, "nested field");
    rig_fails(&r, "t", "{'find':'c','projection':{'z':0,'a':{'$elemMatch':{'x':1}}}}", 31253, "exclusion projection");
    static const char *const others[] = {"'min':{'a':1}", "'max':{'a':1}", "'returnKey':true", "'showRecordId':true", "'collation':{'locale':'fr'}", "'projection':{'tags.$':1}",
                                         "'projection':{'a':{'$add':[1,2]}}"};
    for (size_t i = 0; i < SB_COUNT(others); i++) {
        char text[200];
        snprintf(text, sizeof text, "{'find':'c',%s}", others[i]);
        rig_fails(&r, "t", text, 238, "not simulated");
    }
}

static void test_distinct_and_count(void **state)
{
    (void)state;
    rig_gives(&r, "t", "{'distinct':'c','key':'k'}", "values", "['a','b','c']");
    rig_gives(&r, "t", "{'distinct':'c','key':'tags'}", "values", "['x','y',null,'z']");
    rig_gives(&r, "t", "{'distinct':'c','key':'s.u','query':{'_id':{'$lt':4}}}", "values", "[1]");
    rig_gives(&r, "t", "{'count':'c','query':{'k':'a'}}", "n", "3");
    rig_gives(&r, "t", "{'count':'c','query':{},'skip':2,'limit':3}", "n", "3");
    rig_gives(&r, "t", "{'count':'c','query':{'k':'a'},'skip':2}", "n", "1");
    rig_gives(&r, "t", "{'count':'c','limit':-2}", "n", "2");
    rig_gives(&r, "t", "{'count':'none'}", "n", "0");
    rig_fails(&r, "t", "{'distinct':'c'}", 40414, "BSON field 'distinct.key' is missing but a required field");
}

/* ---- cursors ---- */

static void fill(const char *coll, int n)
{
    for (int i = 0; i < n; i++) {
        char text[120];
        snprintf(text, sizeof text, "{'insert':'%s','documents':[{'_id':%d,'a':%d}]}", coll, i, i % 10);
        rig_ok(&r, "t", text);
    }
}

static void test_batches(void **state)
{
    (void)state;
    fill("big", 350);
    const uint8_t *reply = rig_ok(&r, "t", "{'find':'big'}");
    assert_int_equal(sim_count(sim_path(reply, "cursor.firstBatch").p), 101);
    int64_t id = rig_int(reply, "cursor.id"), seen = 101;
    assert_true(id != 0);
    char text[200];
    snprintf(text, sizeof text, "{'getMore':{'$numberLong':'%lld'},'collection':'big','batchSize':100}", (long long)id);
    while (id) {
        reply = rig_ok(&r, "t", text);
        seen += (int64_t)sim_count(sim_path(reply, "cursor.nextBatch").p);
        id = rig_int(reply, "cursor.id");
    }
    assert_int_equal(seen, 350);
    rig_fails(&r, "t", text, 43, "not found");
    /* a batch of nothing opens a cursor */
    reply = rig_ok(&r, "t", "{'find':'big','batchSize':0}");
    assert_int_equal(sim_count(sim_path(reply, "cursor.firstBatch").p), 0);
    assert_true(rig_int(reply, "cursor.id") != 0);
    /* one batch ends it */
    assert_int_equal(rig_int(rig_ok(&r, "t", "{'find':'big','batchSize':5,'singleBatch':true}"), "cursor.id"), 0);
    /* an aggregate is read on in the same way */
    reply = rig_ok(&r, "t", "{'aggregate':'big','pipeline':[{'$match':{'a':{'$gte':5}}}],'cursor':{'batchSize':50}}");
    assert_int_equal(sim_count(sim_path(reply, "cursor.firstBatch").p), 50);
    snprintf(text, sizeof text, "{'getMore':{'$numberLong':'%lld'},'collection':'big'}", (long long)rig_int(reply, "cursor.id"));
    reply = rig_ok(&r, "t", text);
    assert_int_equal(sim_count(sim_path(reply, "cursor.nextBatch").p), 125);
    assert_int_equal(rig_int(reply, "cursor.id"), 0);
}

static void test_a_cursor_meets_changes(void **state)
{
    (void)state;
    fill("ch", 200);
    rig_ok(&r, "t", "{'createIndexes':'ch','indexes':[{'key':{'a':1},'name':'a_1'}]}");
    const uint8_t *reply = rig_ok(&r, "t", "{'find':'ch','filter':{'a':{'$gte':0}},'hint':'a_1','batchSize':10}");
    char more[200];
    snprintf(more, sizeof more, "{'getMore':{'$numberLong':'%lld'},'collection':'ch','batchSize':10}", (long long)rig_int(reply, "cursor.id"));
    rig_ok(&r, "t", "{'delete':'ch','deletes':[{'q':{'_id':{'$lt':150}},'limit':0}]}"); /* with the key it stands at */
    size_t n = 0;
    for (int64_t id = 1; id;) {
        reply = rig_ok(&r, "t", more);
        n += sim_count(sim_path(reply, "cursor.nextBatch").p);
        id = rig_int(reply, "cursor.id");
    }
    assert_int_equal(n, 50);
    reply = rig_ok(&r, "t", "{'find':'ch','filter':{'a':{'$gte':0}},'hint':'a_1','batchSize':10}");
    snprintf(more, sizeof more, "{'getMore':{'$numberLong':'%lld'},'collection':'ch','batchSize':10}", (long long)rig_int(reply, "cursor.id"));
    rig_ok(&r, "t", "{'dropIndexes':'ch','index':'a_1'}");
    rig_fails(&r, "t", more, 175, "index 'a_1' dropped");
    reply = rig_ok(&r, "t", "{'find':'ch','batchSize':10}");
    snprintf(more, sizeof more, "{'getMore':{'$numberLong':'%lld'},'collection':'ch','batchSize':10}", (long long)rig_int(reply, "cursor.id"));
    rig_ok(&r, "t", "{'drop':'ch'}");
    rig_fails(&r, "t", more, 175, "collection dropped");
}

static void test_cursors_are_killed_and_expire(void **state)
{
    (void)state;
    fill("ex", 200);
    const uint8_t *reply = rig_ok(&r, "t", "{'find':'ex'}");
    int64_t id = rig_int(reply, "cursor.id");
    char text[200];
    snprintf(text, sizeof text, "{'killCursors':'ex','cursors':[{'$numberLong':'%lld'},{'$numberLong':'77'}]}", (long long)id);
    reply = rig_ok(&r, "t", text);
    assert_int_equal(rig_int(reply, "cursorsKilled.0"), id);
    assert_int_equal(rig_int(reply, "cursorsNotFound.0"), 77);
    reply = rig_ok(&r, "t", "{'find':'ex'}");
    snprintf(text, sizeof text, "{'getMore':{'$numberLong':'%lld'},'collection':'ex','batchSize':1}", (long long)rig_int(reply, "cursor.id"));
    int64_t timed_out = rig_int(rig_ok(&r, "admin", "{'serverStatus':1}"), "metrics.cursor.timedOut");
    rig_pass(&r, 500);
    rig_ok(&r, "t", text);
    rig_pass(&r, 620);
    rig_fails(&r, "t", text, 43, "not found");
    assert_true(rig_int(rig_ok(&r, "admin", "{'serverStatus':1}"), "metrics.cursor.timedOut") > timed_out);
    /* of another collection, of another member */
    reply = rig_ok(&r, "t", "{'find':'ex'}");
    id = rig_int(reply, "cursor.id");
    snprintf(text, sizeof text, "{'getMore':{'$numberLong':'%lld'},'collection':'c'}", (long long)id);
    rig_fails(&r, "t", text, 13, "but cursor belongs to a different namespace t.ex");
    snprintf(text, sizeof text, "{'getMore':{'$numberLong':'%lld'},'collection':'ex'}", (long long)id);
    assert_int_equal(sim_int(sim_find(rig_on(&r, 1, "t", text), "code"), 0), 43);
}

/* ---- expressions that fail ---- */

static void test_an_expression_fails_the_command(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "{'find':'x','filter':{'$expr':{'$gt':[{'$divide':[10,'$v']},1]}}}",
        "{'find':'x','filter':{'a':{'$gte':0},'b':{'$gte':0},'$or':[{'v':9},{'$expr':{'$gt':[{'$divide':[10,'$v']},1]}}]}}",
        "{'count':'x','query':{'$expr':{'$gt':[{'$divide':[10,'$v']},1]}}}",
        "{'distinct':'x','key':'v','query':{'$expr':{'$gt':[{'$divide':[10,'$v']},1]}}}",
        "{'aggregate':'x','cursor':{},'pipeline':[{'$match':{'$expr':{'$gt':[{'$divide':[10,'$v']},1]}}}]}",
        "{'aggregate':'x','cursor':{},'pipeline':[{'$set':{'w':1}},{'$match':{'$expr':{'$gt':[{'$divide':[10,'$v']},1]}}}]}",
        "{'update':'x','updates':[{'q':{'$expr':{'$gt':[{'$divide':[10,'$v']},1]}},'u':{'$set':{'w':1}},'multi':true}]}",
        "{'delete':'x','deletes':[{'q':{'$expr':{'$gt':[{'$divide':[10,'$v']},1]}},'limit':0}]}",
        "{'findAndModify':'x','query':{'v':{'$lt':1},'$expr':{'$gt':[{'$divide':[10,'$v']},1]}},'remove':true}"};
    rig_ok(&r, "t", "{'insert':'x','documents':[{'_id':1,'a':1,'b':1,'v':0},{'_id':2,'a':2,'b':1,'v':2}]}");
    rig_ok(&r, "t", "{'createIndexes':'x','indexes':[{'key':{'a':1},'name':'a_1'},{'key':{'b':1},'name':'b_1'}]}");
    for (size_t i = 0; i < SB_COUNT(commands); i++)
        rig_fails(&r, "t", commands[i], 2, "can't $divide by zero");
    rig_gives(&r, "t", "{'count':'x'}", "n", "2");
    rig_gives(&r, "t", "{'find':'x','filter':{'v':{'$gt':0},'$expr':{'$gt':[{'$divide':[10,'$v']},1]}},'projection':{'_id':1}}", "cursor.firstBatch", "[{'_id':2}]");
    /* in a validator it is a document that is not valid */
    rig_ok(&r, "t", "{'create':'valid','validator':{'$expr':{'$gt':[{'$divide':[10,'$v']},1]}}}");
    rig_fails(&r, "t", "{'insert':'valid','documents':[{'v':0}]}", 121, "Document failed validation");
    rig_ok(&r, "t", "{'insert':'valid','documents':[{'v':2}]}");
}

/* ---- cursors that go on ---- */

static const uint8_t *next_of(int64_t id, const char *more)
{
    char text[200];
    snprintf(text, sizeof text, "{'getMore':{'$numberLong':'%lld'},'collection':'tail'%s}", (long long)id, more);
    return rig_run(&r, "t", text);
}

static void put_tail(int id)
{
    char text[120];
    snprintf(text, sizeof text, "{'insert':'tail','documents':[{'_id':%d,'odd':%s}]}", id, id % 2 ? "true" : "false");
    rig_ok(&r, "t", text);
}

static void new_tail(void)
{
    rig_run(&r, "t", "{'drop':'tail'}");
    rig_ok(&r, "t", "{'create':'tail','capped':true,'size':4096,'max':5}");
    for (int i = 1; i <= 3; i++)
        put_tail(i);
}

static void test_a_cursor_is_tailed(void **state)
{
    (void)state;
    new_tail();
    const uint8_t *reply = rig_ok(&r, "t", "{'find':'tail','tailable':true,'filter':{'odd':true}}");
    rig_same_text("first", rig_at(reply, "cursor.firstBatch"), "[{'_id':1,'odd':true},{'_id':3,'odd':true}]");
    int64_t id = rig_int(reply, "cursor.id");
    assert_true(id != 0); /* at its end, and open */
    assert_int_equal(sim_count(sim_path(next_of(id, ""), "cursor.nextBatch").p), 0);
    put_tail(4);
    put_tail(5);
    reply = next_of(id, "");
    rig_same_text("next", rig_at(reply, "cursor.nextBatch"), "[{'_id':5,'odd':true}]");
    assert_int_equal(rig_int(reply, "cursor.id"), id);
    for (int i = 6; i <= 11; i++) /* what it saw last is pushed out */
        put_tail(i);
    reply = next_of(id, "");
    assert_int_equal(rig_int(reply, "code"), 136);
    assert_int_equal(rig_int(next_of(id, ""), "code"), 43);
    rig_ok(&r, "t", "{'create':'none','capped':true,'size':4096}");
    rig_gives(&r, "t", "{'find':'none','tailable':true}", "cursor.id", "0"); /* of an empty collection it ends at once */
    rig_gives(&r, "t", "{'find':'nowhere','tailable':true}", "cursor.id", "0");
    reply = rig_ok(&r, "t", "{'explain':{'find':'tail','filter':{'_id':9},'tailable':true},'verbosity':'queryPlanner'}");
    rig_same_text("plan", rig_at(reply, "queryPlanner.winningPlan.stage"), "'COLLSCAN'");
    rig_fails(&r, "t", "{'find':'c','tailable':true}", 2, "tailable cursor requested on non capped collection");
    rig_fails(&r, "t", "{'find':'tail','awaitData':true}", 9, "Cannot set 'awaitData' without also setting 'tailable'");
    rig_fails(&r, "t", "{'find':'tail','tailable':true,'singleBatch':true}", 9, "cannot use tailable option with the 'singleBatch' option");
    rig_fails(&r, "t", "{'find':'tail','tailable':true,'sort':{'_id':1}}", 2, "cannot use tailable option with a sort other than {$natural: 1}");
}

struct late_insert {
    int id;
};

static void insert_late(struct sim *s, void *ctx)
{
    (void)s;
    struct sim_w body, out;
    const uint8_t *reply;
    struct sim_conn *conn = sim_conn_open(&r.s->member[0], "127.0.0.1:50001", false);
    sim_w_init(&body);
    sim_w_init(&out);
    sim_w_text(&body, "insert", "tail");
    sim_w_array(&body, "documents");
    sim_w_doc(&body, NULL);
    sim_w_i32(&body, "_id", ((struct late_insert *)ctx)->id);
    sim_w_bool(&body, "odd", ((struct late_insert *)ctx)->id % 2);
    sim_w_end(&body);
    sim_w_end(&body);
    sim_w_text(&body, "$db", "t");
    struct sim_request rq = {.body = sim_w_done(&body), .bytes = 100};
    assert_int_equal(sim_dispatch(conn, &rq, &out, &reply), SIM_ANSWERED);
    sim_w_release(&body);
    sim_w_release(&out);
    sim_conn_close(conn);
}

static void test_a_cursor_waits_for_data(void **state)
{
    (void)state;
    new_tail();
    const uint8_t *reply = rig_ok(&r, "t", "{'find':'tail','tailable':true,'awaitData':true,'filter':{'odd':true}}");
    int64_t id = rig_int(reply, "cursor.id"), began = r.s->now;
    int64_t getmores = rig_int(rig_ok(&r, "admin", "{'serverStatus':1}"), "opcounters.getmore");
    assert_int_equal(sim_count(sim_path(next_of(id, ""), "cursor.nextBatch").p), 0);
    assert_in_range(r.s->now - began, 1000000, 1100000); /* a second unless it is told */
    began = r.s->now;
    assert_int_equal(rig_int(next_of(id, ",'maxTimeMS':300"), "cursor.id"), id);
    assert_in_range(r.s->now - began, 300000, 330000);
    struct late_insert even = {4}, odd = {5};
    began = r.s->now;
    assert_int_equal(sim_at(r.s, began + 100000, insert_late, &even, NULL), 0); /* nothing for it: it goes on waiting, no longer in all */
    assert_int_equal(sim_at(r.s, began + 200000, insert_late, &odd, NULL), 0);
    rig_same_text("the document it waited for", rig_at(next_of(id, ""), "cursor.nextBatch"), "[{'_id':5,'odd':true}]");
    assert_in_range(r.s->now - began, 200000, 220000);
    even.id = 6;
    began = r.s->now;
    assert_int_equal(sim_at(r.s, began + 400000, insert_late, &even, NULL), 0);
    assert_int_equal(sim_count(sim_path(next_of(id, ""), "cursor.nextBatch").p), 0);
    assert_in_range(r.s->now - began, 1000000, 1100000);
    reply = rig_ok(&r, "admin", "{'serverStatus':1}");
    assert_int_equal(rig_int(reply, "opcounters.getmore") - getmores, 4); /* however often they were run */
}

/* ---- $out, $merge ---- */

static void aggregate(const char *stages)
{
    char json[900];
    snprintf(json, sizeof json, "{'aggregate':'c','pipeline':[%s],'cursor':{}}", stages);
    rig_gives(&r, "t", json, "cursor.firstBatch", "[]"); /* what is written is not given back */
}

static void refused(const char *stages, int32_t code, const char *words)
{
    char json[900];
    snprintf(json, sizeof json, "{'aggregate':'c','pipeline':[%s],'cursor':{}}", stages);
    rig_fails(&r, "t", json, code, words);
}

#define GROUP "{'$match':{'k':{'$ne':'c'}}},{'$group':{'_id':'$k','n':{'$sum':1}}}"

static void test_out(void **state)
{
    (void)state;
    static const char all[] = "{'find':'made','sort':{'_id':1}}";
    aggregate(GROUP ",{'$out':'made'}");
    rig_gives(&r, "t", all, "cursor.firstBatch", "[{'_id':null,'n':1},{'_id':'a','n':3},{'_id':'b','n':1}]");
    aggregate("{'$match':{'_id':2}},{'$project':{'k':1}},{'$out':{'db':'t','coll':'made'}}"); /* in the place of what was there */
    rig_gives(&r, "t", all, "cursor.firstBatch", "[{'_id':2,'k':'b'}]");
    aggregate("{'$match':{'_id':2}},{'$project':{'k':1}},{'$out':{'db':'u','coll':'made'}}");
    rig_gives(&r, "u", all, "cursor.firstBatch", "[{'_id':2,'k':'b'}]");
    rig_pass(&r, 1);
    rig_same_text("a secondary has it", rig_at(rig_ok_on(&r, 1, "u", all), "cursor.firstBatch"), "[{'_id':2,'k':'b'}]");
    refused("{'$out':'made'},{'$match':{}}", 40601, "can only be the final stage");
    refused("{'$out':7}", 16990, "wants the name of a collection");
    refused("{'$out':'system.profile'}", 73, "cannot write to");
}

static void test_merge(void **state)
{
    (void)state;
    static const char all[] = "{'find':'sums','sort':{'_id':1}}";
    rig_ok(&r, "t", "{'insert':'sums','documents':[{'_id':'a','n':1,'kept':true},{'_id':'z','n':9}]}");
    aggregate("{'$match':{'k':'c'}},{'$group':{'_id':'$k','n':{'$sum':1}}},{'$merge':'sums'}");
    rig_gives(&r, "t", all, "cursor.firstBatch", "[{'_id':'a','n':1,'kept':true},{'_id':'c','n':1},{'_id':'z','n':9}]");
    aggregate("{'$match':{'k':'a'}},{'$group':{'_id':'$k','n':{'$sum':1}}},{'$merge':{'into':'sums'}}");
    rig_gives(&r, "t", all, "cursor.firstBatch", "[{'_id':'a','n':3,'kept':true},{'_id':'c','n':1},{'_id':'z','n':9}]");
    aggregate("{'$match':{'k':{'$in':['a','b']}}},{'$group':{'_id':'$k','m':{'$sum':1}}},"
              "{'$merge':{'into':{'db':'t','coll':'sums'},'whenMatched':'replace','whenNotMatched':'discard'}}");
    rig_gives(&r, "t", all, "cursor.firstBatch", "[{'_id':'a','m':3},{'_id':'c','n':1},{'_id':'z','n':9}]");
    aggregate("{'$match':{'k':{'$in':['a','b']}}},{'$group':{'_id':'$k','m':{'$sum':10}}},{'$merge':{'into':'sums','whenMatched':'keepExisting'}}");
    rig_gives(&r, "t", all, "cursor.firstBatch", "[{'_id':'a','m':3},{'_id':'b','m':10},{'_id':'c','n':1},{'_id':'z','n':9}]");
    aggregate("{'$match':{'k':'a'}},{'$group':{'_id':'$k','m':{'$sum':2}}},"
              "{'$merge':{'into':'sums','whenMatched':[{'$set':{'m':{'$add':['$m','$$new.m']},'by':'$$x'}}],'let':{'new':'$$ROOT','x':{'$concat':['s','um']}}}}");
    rig_gives(&r, "t", "{'find':'sums','filter':{'_id':'a'}}", "cursor.firstBatch", "[{'_id':'a','m':9,'by':'sum'}]");
    refused("{'$match':{'k':'a'}},{'$group':{'_id':'$k'}},{'$merge':{'into':'sums','whenMatched':'fail'}}", 11000, "E11000 duplicate key");
    refused("{'$match':{'_id':1}},{'$project':{'_id':'none'}},{'$merge':{'into':'sums','whenNotMatched':'fail'}}", 13113, "could not find a matching document");
    /* by another field: only with a unique index over it */
    rig_ok(&r, "t", "{'insert':'by_k','documents':[{'_id':1,'k':'a'}]}");
    refused("{'$match':{'k':'a'}},{'$merge':{'into':'by_k','on':'k'}}", 51183, "Cannot find index");
    rig_ok(&r, "t", "{'createIndexes':'by_k','indexes':[{'key':{'k':1},'name':'k_1','unique':true}]}");
    aggregate("{'$match':{'k':'b'}},{'$project':{'_id':0,'k':1,'v':1}},{'$merge':{'into':'by_k','on':'k'}}");
    aggregate("{'$match':{'_id':3}},{'$project':{'_id':0,'k':1,'v':1}},{'$merge':{'into':'by_k','on':['k']}}");
    rig_gives(&r, "t", "{'find':'by_k','sort':{'k':1},'projection':{'_id':0}}", "cursor.firstBatch", "[{'k':'a','v':30.5},{'k':'b','v':20}]");
    refused("{'$project':{'_id':0,'v':1}},{'$merge':{'into':'by_k','on':'k'}}", 51132, "'on' field 'k' cannot be missing");
    refused("{'$merge':{'into':'sums','how':1}}", 40415, "unknown field");
    refused("{'$merge':{'into':'sums','whenMatched':'twice'}}", 2, "not a valid value");
    refused("{'$merge':7}", 51182, "requires a string or object");
    refused("{'$merge':'sums'},{'$limit':1}", 40601, "can only be the final stage");
    rig_same_text("not on a secondary", rig_at(rig_on(&r, 1, "t", "{'aggregate':'c','pipeline':[{'$merge':'sums'}],'cursor':{}}"), "codeName"), "'NotWritablePrimary'");
    rig_pass(&r, 1);
    rig_same_text("a secondary has it", rig_at(rig_ok_on(&r, 1, "t", "{'find':'sums','filter':{'_id':'a'}}"), "cursor.firstBatch"), "[{'_id':'a','m':9,'by':'sum'}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_merge_keeps),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_lookup_is_paid_for),
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_distinct_and_count),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_a_cursor_meets_changes),
        cmocka_unit_test(test_cursors_are_killed_and_expire),
        cmocka_unit_test(test_an_expression_fails_the_command),
        cmocka_unit_test(test_a_cursor_is_tailed),
        cmocka_unit_test(test_a_cursor_waits_for_data),
        cmocka_unit_test(test_out),
        cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
