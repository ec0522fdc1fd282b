/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates: what each operator makes of a document, upserts, and the words of refusals. */
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

/* One document before, an update, and the document after (NULL: as before, nModified 0). */
static const struct {
    const char *before, *update, *after;
} changes[] = {
    {"{'_id':1}", "{'$set':{'a':1}}", "{'_id':1,'a':1}"},
    {"{'_id':1,'a':1}", "{'$set':{'a':1}}", NULL},
    {"{'_id':1,'a':1}", "{'$set':{'a':1.0}}", "{'_id':1,'a':1.0}"},
    {"{'_id':1}", "{'$set':{'a.b.c':1}}", "{'_id':1,'a':{'b':{'c':1}}}"},
    {"{'_id':1,'a':[1,2]}", "{'$set':{'a.1':5}}", "{'_id':1,'a':[1,5]}"},
    {"{'_id':1,'a':[1]}", "{'$set':{'a.3':5}}", "{'_id':1,'a':[1,null,null,5]}"},
    {"{'_id':1,'a':[{'b':1}]}", "{'$set':{'a.0.b':2}}", "{'_id':1,'a':[{'b':2}]}"},
    {"{'_id':1,'a':1,'b':2}", "{'$unset':{'a':''}}", "{'_id':1,'b':2}"},
    {"{'_id':1}", "{'$unset':{'a':''}}", NULL},
    {"{'_id':1,'a':[1,2]}", "{'$unset':{'a.0':''}}", "{'_id':1,'a':[null,2]}"},
    {"{'_id':1,'a':{'b':1,'c':2}}", "{'$unset':{'a.b':''}}", "{'_id':1,'a':{'c':2}}"},
    {"{'_id':1,'a':1}", "{'$inc':{'a':2}}", "{'_id':1,'a':3}"},
    {"{'_id':1,'a':1}", "{'$inc':{'a':0}}", NULL},
    {"{'_id':1}", "{'$inc':{'a':2}}", "{'_id':1,'a':2}"},
    {"{'_id':1,'a':2147483647}", "{'$inc':{'a':1}}", "{'_id':1,'a':{'$numberLong':'2147483648'}}"},
    {"{'_id':1,'a':1}", "{'$inc':{'a':0.5}}", "{'_id':1,'a':1.5}"},
    {"{'_id':1,'a':1}", "{'$inc':{'a':{'$numberLong':'1'}}}", "{'_id':1,'a':{'$numberLong':'2'}}"},
    {"{'_id':1,'a':{'$numberDecimal':'1.5'}}", "{'$inc':{'a':1}}", "{'_id':1,'a':{'$numberDecimal':'2.5'}}"},
    {"{'_id':1,'a':3}", "{'$mul':{'a':2}}", "{'_id':1,'a':6}"},
    {"{'_id':1}", "{'$mul':{'a':2}}", "{'_id':1,'a':0}"},
    {"{'_id':1,'a':3}", "{'$min':{'a':2}}", "{'_id':1,'a':2}"},
    {"{'_id':1,'a':3}", "{'$min':{'a':4}}", NULL},
    {"{'_id':1}", "{'$min':{'a':4}}", "{'_id':1,'a':4}"},
    {"{'_id':1,'a':3}", "{'$max':{'a':'x'}}", "{'_id':1,'a':'x'}"},
    {"{'_id':1}", "{'$push':{'a':1}}", "{'_id':1,'a':[1]}"},
    {"{'_id':1,'a':[1]}", "{'$push':{'a':[2,3]}}", "{'_id':1,'a':[1,[2,3]]}"},
    {"{'_id':1,'a':[1]}", "{'$push':{'a':{'$each':[2,3]}}}", "{'_id':1,'a':[1,2,3]}"},
    {"{'_id':1,'a':[1,2]}", "{'$push':{'a':{'$each':[3],'$slice':-2}}}", "{'_id':1,'a':[2,3]}"},
    {"{'_id':1,'a':[1,2]}", "{'$push':{'a':{'$each':[3],'$slice':2}}}", NULL}, /* cut to what was there */
    {"{'_id':1,'a':[1,2]}", "{'$push':{'a':{'$each':[],'$slice':0}}}", "{'_id':1,'a':[]}"},
    {"{'_id':1,'a':[1,2]}", "{'$push':{'a':{'$each':[9,8],'$position':1}}}", "{'_id':1,'a':[1,9,8,2]}"},
    {"{'_id':1,'a':[1,2]}", "{'$push':{'a':{'$each':[9],'$position':-1}}}", "{'_id':1,'a':[1,9,2]}"},
    {"{'_id':1,'a':[3,1]}", "{'$push':{'a':{'$each':[2],'$sort':1}}}", "{'_id':1,'a':[1,2,3]}"},
    {"{'_id':1,'a':[{'s':1},{'s':3}]}", "{'$push':{'a':{'$each':[{'s':2}],'$sort':{'s':-1},'$slice':2}}}", "{'_id':1,'a':[{'s':3},{'s':2}]}"},
    {"{'_id':1,'a':[1]}", "{'$addToSet':{'a':1}}", NULL},
    {"{'_id':1,'a':[1]}", "{'$addToSet':{'a':{'$each':[1,2,2]}}}", "{'_id':1,'a':[1,2]}"},
    {"{'_id':1}", "{'$addToSet':{'a':1}}", "{'_id':1,'a':[1]}"},
    {"{'_id':1,'a':[1,2,1]}", "{'$pull':{'a':1}}", "{'_id':1,'a':[2]}"},
    {"{'_id':1,'a':[1,2,3]}", "{'$pull':{'a':{'$gte':2}}}", "{'_id':1,'a':[1]}"},
    {"{'_id':1,'a':[{'x':1,'y':1},{'x':2}]}", "{'$pull':{'a':{'x':1}}}", "{'_id':1,'a':[{'x':2}]}"},
    {"{'_id':1}", "{'$pull':{'a':1}}", NULL},
    {"{'_id':1,'a':[1,2,3,1]}", "{'$pullAll':{'a':[1,3]}}", "{'_id':1,'a':[2]}"},
    {"{'_id':1,'a':[1,2]}", "{'$pop':{'a':1}}", "{'_id':1,'a':[1]}"},
    {"{'_id':1,'a':[1,2]}", "{'$pop':{'a':-1}}", "{'_id':1,'a':[2]}"},
    {"{'_id':1,'a':[]}", "{'$pop':{'a':1}}", NULL},
    {"{'_id':1,'a':1}", "{'$rename':{'a':'b'}}", "{'_id':1,'b':1}"},
    {"{'_id':1,'a':{'x':1},'b':2}", "{'$rename':{'a.x':'c.y'}}", "{'_id':1,'a':{},'b':2,'c':{'y':1}}"},
    {"{'_id':1}", "{'$rename':{'a':'b'}}", NULL},
    {"{'_id':1,'a':13}", "{'$bit':{'a':{'and':10}}}", "{'_id':1,'a':8}"},
    {"{'_id':1,'a':1}", "{'$bit':{'a':{'or':6,'xor':1}}}", "{'_id':1,'a':6}"},
    {"{'_id':1,'a':1}", "{'$setOnInsert':{'a':9},'$set':{'b':1}}", "{'_id':1,'a':1,'b':1}"},
    {"{'_id':1,'a':1,'b':1}", "{'c':3}", "{'_id':1,'c':3}"},
    {"{'_id':1,'a':1}", "{'_id':1,'a':1}", NULL},
    {"{'_id':1,'b':1,'a':1}", "{'$set':{'c':1,'a':2}}", "{'_id':1,'b':1,'a':2,'c':1}"},
    {"{'_id':1}", "{'$set':{'z':1,'y':2}}", "{'_id':1,'y':2,'z':1}"}, /* new fields in the order of their names */
    {"{'_id':1}", "{}", NULL},
};

static void test_every_operator(void **state)
{
    (void)state;
    for (size_t i = 0; i < SB_COUNT(changes); i++) {
        char text[500];
        rig_ok(&r, "t", "{'delete':'c','deletes':[{'q':{},'limit':0}]}");
        snprintf(text, sizeof text, "{'insert':'c','documents':[%s]}", changes[i].before);
        rig_ok(&r, "t", text);
        snprintf(text, sizeof text, "{'update':'c','updates':[{'q':{'_id':1},'u':%s}]}", changes[i].update);
        const uint8_t *reply = rig_ok(&r, "t", text);
        if (rig_int(reply, "n") != 1 || rig_int(reply, "nModified") != (changes[i].after != NULL))
            fail_msg("%s on %s: %s", changes[i].update, changes[i].before, rig_text(reply));
        bson_t *want = rig_json(changes[i].after ? changes[i].after : changes[i].before);
        struct sim_val is = sim_path(rig_ok(&r, "t", "{'find':'c','filter':{}}"), "cursor.firstBatch.0");
        if (is.type != BSON_TYPE_DOCUMENT || is.n != want->len || memcmp(is.p, bson_get_data(want), want->len) != 0)
            fail_msg("%s on %s\n gives %s", changes[i].update, changes[i].before, rig_text(is.p));
        bson_destroy(want);
    }
}

static const struct {
    const char *update;
    int code;
    const char *msg;
} refusals[] = {
    {"{'$nope':{'a':1}}", 9, "Unknown modifier: $nope. Expected a valid update modifier or pipeline-style update specified as an array"},
    {"{'$set':1}", 9, "Modifiers operate on fields but we found type int instead."},
    {"{'$set':{'_id':2}}", 66, "Performing an update on the path '_id' would modify the immutable field '_id'"},
    {"{'$unset':{'_id':1}}", 66, "Performing an update on the path '_id' would modify the immutable field '_id'"},
    {"{'_id':2,'a':1}", 66, "After applying the update, the (immutable) field '_id' was found to have been altered to _id: 2"},
    {"{'$set':{'a':1},'$inc':{'a':1}}", 40, "Updating the path 'a' would create a conflict at 'a'"},
    {"{'$set':{'a':1,'a.b':1}}", 40, "Updating the path 'a.b' would create a conflict at 'a'"},
    {"{'$inc':{'a':'x'}}", 14, "Cannot increment with non-numeric argument: {a: \"x\"}"},
    {"{'$mul':{'a':'x'}}", 14, "Cannot multiply with non-numeric argument: {a: \"x\"}"},
    {"{'$inc':{'s':1}}", 14, "Cannot apply $inc to a value of non-numeric type. {_id: 1} has the field 's' of non-numeric type string"},
    {"{'$mul':{'s':1}}", 14, "Cannot apply $mul to a value of non-numeric type. {_id: 1} has the field 's' of non-numeric type string"},
    {"{'$push':{'s':1}}", 2, "The field 's' must be an array but is of type string in document {_id: 1}"},
    {"{'$addToSet':{'s':1}}", 2, "Cannot apply $addToSet to non-array field. Field named 's' has non-array type string"},
    {"{'$pull':{'s':1}}", 2, "Cannot apply $pull to a non-array value"},
    {"{'$pop':{'s':1}}", 14, "Path 's' contains an element of non-array type 'string'"},
    {"{'$pop':{'list':3}}", 9, "$pop expects 1 or -1, found: 3"},
    {"{'$set':{'s.x':1}}", 28, "Cannot create field 'x' in element {s: \"text\"}"},
    {"{'$set':{'list.x':1}}", 28, "Cannot create field 'x' in element {list: [ 1, 2 ]}"},
    {"{'$set':{'':1}}", 56, "An empty update path is not valid."},
    {"{'$set':{'a..b':1}}", 56, "The update path 'a..b' contains an empty field name, which is not allowed."},
    {"{'$set':{'a.':1}}", 56, "The update path 'a.' contains an empty field name, which is not allowed."},
    {"{'$push':{'list':{'$each':1}}}", 2, "The argument to $each in $push must be an array but it was of type: int"},
    {"{'$push':{'list':{'$each':[1],'$nope':1}}}", 2, "Unrecognized clause in $push: $nope"},
    {"{'$rename':{'s':1}}", 2, "The 'to' field for $rename must be a string: s: 1"},
    {"{'$rename':{'s':'s'}}", 2, "The source and target field for $rename must differ: s: \"s\""},
    {"{'$rename':{'list.0':'b'}}", 2, "The source field cannot be an array element, 'list.0' in doc with _id: 1 has an array field called 'list'"},
    {"{'$bit':{'s':{'and':1}}}", 2, "Cannot apply $bit to a value of non-integral type._id: 1 has the field s of non-integer type string"},
    {"{'$bit':{'a':{'nope':1}}}", 2, "The $bit modifier only supports 'and', 'or', and 'xor', not 'nope' which is an unknown operator: {nope: 1}"},
    {"{'$pullAll':{'list':1}}", 2, "$pullAll requires an array argument but was given a int"},
    {"{'$set':{'list.$':1}}", 2, "The positional operator did not find the match needed from the query."},
    {"{'$set':{'s.$[]':1}}", 2, "Cannot apply array updates to non-array element s"},
    {"{'$set':{'none.$[]':1}}", 2, "The path 'none' must exist in the document in order to apply array updates."},
    {"{'$set':{'list.$[x]':1}}", 2, "No array filter found for identifier 'x' in path 'list.$[x]'"},
    {"{'$rename':{'list.$[]':'b'}}", 2, "The source field for $rename may not be dynamic"},
    {"{'a':1,'$set':{'b':1}}", 52, "The dollar ($) prefixed field '$set' in '$set' is not allowed in the context of an update's replacement document."},
    {"[{'$match':{'a':1}}]", 72, "$match is not allowed to be used within an update"},
    {"[{'$set':{}}]", 40177, "specification must have at least one field"},
    {"[{'$set':{'_id':7}}]", 66, "the (immutable) field '_id' was found to have been altered"},
    {"[{'$replaceWith':'$s'}]", 40228, "'newRoot' expression must evaluate to an object, but resulting value was of type: string"},
    {"[{'$unset':[1]}]", 31120, "$unset specification must be a string or an array containing only string values"},
    {"[{'$replaceRoot':{}}]", 40414, "newRoot"},
    {"1", 9, "Update argument must be either an object or an array"},
};

static void test_refusals(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'delete':'c','deletes':[{'q':{},'limit':0}]}");
    rig_ok(&r, "t", "{'insert':'c','documents':[{'_id':1,'s':'text','list':[1,2]}]}");
    for (size_t i = 0; i < SB_COUNT(refusals); i++) {
        char text[500];
        snprintf(text, sizeof text, "{'update':'c','updates':[{'q':{'_id':1},'u':%s}]}", refusals[i].update);
        rig_fails(&r, "t", text, refusals[i].code, refusals[i].msg);
        rig_gives(&r, "t", "{'find':'c','filter':{}}", "cursor.firstBatch", "[{'_id':1,'s':'text','list':[1,2]}]");
    }
    rig_fails(&r, "t", "{'update':'c','updates':[{'q':{},'u':{'a':1},'multi':true}]}", 9, "multi update is not supported for replacement-style update");
    rig_fails(&r, "t", "{'update':'c','updates':[{'q':{},'u':{'$set':{'a':1}},'nope':1}]}", 40415, "BSON field 'update.updates.nope' is an unknown field.");
    rig_fails(&r, "t", "{'update':'c','updates':[{'u':{'$set':{'a':1}}}]}", 40414, "BSON field 'update.updates.q' is missing but a required field");
    rig_fails(&r, "t", "{'delete':'c','deletes':[{'q':{}}]}", 40414, "BSON field 'delete.deletes.limit' is missing but a required field");
    rig_fails(&r, "t", "{'delete':'c','deletes':[{'q':{},'limit':2}]}", 9, "The limit field in delete objects must be 0 or 1. Got 2");
}

static void test_positional(void **state)
{
    (void)state;
    static const struct {
        const char *q, *u, *after;
    } cases[] = {
        {"{'l':2}", "{'$set':{'l.$':9}}", "{'_id':1,'l':[1,9,3],'o':[{'k':'a','n':1},{'k':'b','n':2}]}"},
        {"{'l':{'$gt':1}}", "{'$inc':{'l.$':10}}", "{'_id':1,'l':[1,12,3],'o':[{'k':'a','n':1},{'k':'b','n':2}]}"},
        {"{'o.k':'b'}", "{'$set':{'o.$.n':7}}", "{'_id':1,'l':[1,2,3],'o':[{'k':'a','n':1},{'k':'b','n':7}]}"},
        {"{'o':{'$elemMatch':{'k':'b','n':2}}}", "{'$unset':{'o.$.n':1}}", "{'_id':1,'l':[1,2,3],'o':[{'k':'a','n':1},{'k':'b'}]}"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char text[500];
        rig_ok(&r, "t", "{'delete':'p','deletes':[{'q':{},'limit':0}]}");
        rig_ok(&r, "t", "{'insert':'p','documents':[{'_id':1,'l':[1,2,3],'o':[{'k':'a','n':1},{'k':'b','n':2}]}]}");
        snprintf(text, sizeof text, "{'update':'p','updates':[{'q':%s,'u':%s}]}", cases[i].q, cases[i].u);
        rig_ok(&r, "t", text);
        rig_gives(&r, "t", "{'find':'p'}", "cursor.firstBatch.0", cases[i].after);
    }
}

static void test_array_filters(void **state)
{
    (void)state;
    static const struct {
        const char *u, *filters, *after;
    } cases[] = {
        {"{'$inc':{'l.$[]':10}}", "[]", "{'_id':1,'l':[11,12,13],'o':[{'k':'a','n':[1,2]},{'k':'b','n':[3]}]}"},
        {"{'$set':{'l.$[x]':0}}", "[{'x':{'$gte':2}}]", "{'_id':1,'l':[1,0,0],'o':[{'k':'a','n':[1,2]},{'k':'b','n':[3]}]}"},
        {"{'$set':{'o.$[x].k':'z'}}", "[{'x.n':3}]", "{'_id':1,'l':[1,2,3],'o':[{'k':'a','n':[1,2]},{'k':'z','n':[3]}]}"},
        {"{'$mul':{'o.$[].n.$[y]':5}}", "[{'$or':[{'y':2},{'y':3}]}]", "{'_id':1,'l':[1,2,3],'o':[{'k':'a','n':[1,10]},{'k':'b','n':[15]}]}"},
        {"{'$unset':{'o.$[x].n':1},'$set':{'o.$[y].m':1}}", "[{'x.k':'a'},{'y.k':'b'}]", "{'_id':1,'l':[1,2,3],'o':[{'k':'a'},{'k':'b','n':[3],'m':1}]}"},
        {"{'$set':{'l.$[x]':0}}", "[{'x':9}]", "{'_id':1,'l':[1,2,3],'o':[{'k':'a','n':[1,2]},{'k':'b','n':[3]}]}"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char text[500];
        rig_ok(&r, "t", "{'delete':'p','deletes':[{'q':{},'limit':0}]}");
        rig_ok(&r, "t", "{'insert':'p','documents':[{'_id':1,'l':[1,2,3],'o':[{'k':'a','n':[1,2]},{'k':'b','n':[3]}]}]}");
        snprintf(text, sizeof text, "{'update':'p','updates':[{'q':{},'u':%s,'arrayFilters':%s}]}", cases[i].u, cases[i].filters);
        rig_ok(&r, "t", text);
        rig_gives(&r, "t", "{'find':'p'}", "cursor.firstBatch.0", cases[i].after);
    }
    rig_gives(&r, "t", "{'findAndModify':'p','query':{},'update':{'$set':{'l.$[x]':7}},'arrayFilters':[{'x':1}],'new':true}", "value.l", "[7,2,3]");
    rig_fails(&r, "t", "{'update':'p','updates':[{'q':{},'u':{'$set':{'a':1}},'arrayFilters':[{'x':1}]}]}", 9, "identifier 'x' was not used in the update");
    rig_fails(&r, "t", "{'update':'p','updates':[{'q':{},'u':{'$set':{'l.$[x]':1}},'arrayFilters':[{'x':1,'y':2}]}]}", 9, "single top-level field name");
    rig_fails(&r, "t", "{'update':'p','updates':[{'q':{},'u':{'$set':{'l.$[x]':1}},'arrayFilters':[{'x':1},{'x':2}]}]}", 9, "multiple array filters");
    rig_fails(&r, "t", "{'update':'p','updates':[{'q':{},'u':[{'$set':{'a':1}}],'arrayFilters':[{'x':1}]}]}", 9, "arrayFilters may not be specified");
}

static void test_pipelines(void **state)
{
    (void)state;
    static const struct {
        const char *before, *u, *after;
    } cases[] = {
        {"{'_id':1,'customer_name':'x','n':2}", "[{'$set':{'name':'$customer_name'}},{'$unset':'customer_name'}]", "{'_id':1,'n':2,'name':'x'}"},
        {"{'_id':1,'a':2,'b':3}", "[{'$addFields':{'c':{'$add':['$a','$b']}}},{'$set':{'d':{'$multiply':['$c',2]}}}]", "{'_id':1,'a':2,'b':3,'c':5,'d':10}"},
        {"{'_id':1,'a':1,'b':2}", "[{'$project':{'b':1}}]", "{'_id':1,'b':2}"},
        {"{'_id':1,'a':{'z':5}}", "[{'$replaceWith':'$a'}]", "{'_id':1,'z':5}"},
        {"{'_id':1,'a':1}", "[{'$replaceRoot':{'newRoot':{'was':'$$ROOT'}}}]", "{'_id':1,'was':{'_id':1,'a':1}}"},
        {"{'_id':1,'a':1,'b':1,'c':1}", "[{'$unset':['a','c']}]", "{'_id':1,'b':1}"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char text[500];
        rig_ok(&r, "t", "{'delete':'pl','deletes':[{'q':{},'limit':0}]}");
        snprintf(text, sizeof text, "{'insert':'pl','documents':[%s]}", cases[i].before);
        rig_ok(&r, "t", text);
        snprintf(text, sizeof text, "{'update':'pl','updates':[{'q':{},'u':%s,'multi':true}]}", cases[i].u);
        rig_gives(&r, "t", text, "nModified", "1");
        rig_gives(&r, "t", "{'find':'pl'}", "cursor.firstBatch.0", cases[i].after);
    }
    rig_gives(&r, "t", "{'update':'pl','updates':[{'q':{},'u':[{'$set':{'b':1}}]}]}", "nModified", "0");
    rig_ok(&r, "t", "{'update':'pl','updates':[{'q':{'_id':9,'k':4},'u':[{'$set':{'twice':{'$add':['$k','$k']}}}],'upsert':true}]}");
    rig_pass(&r, 2); /* a difference in the oplog is enough for the others */
    rig_same_text("upserted", rig_at(rig_ok_on(&r, 1, "t", "{'find':'pl','filter':{'_id':9}}"), "cursor.firstBatch.0"), "{'_id':9,'k':4,'twice':8}");
}

static void test_upserts(void **state)
{
    (void)state;
    static const struct {
        const char *q, *u, *made;
    } cases[] = {
        {"{'_id':5}", "{'$set':{'a':1}}", "{'_id':5,'a':1}"},
        {"{'_id':5,'b':{'$gt':3},'c':2}", "{'$inc':{'a':1}}", "{'_id':5,'c':2,'a':1}"},
        {"{'_id':5,'b.c':3}", "{'$set':{'b.d':4}}", "{'_id':5,'b':{'c':3,'d':4}}"},
        {"{'$and':[{'_id':5},{'x':1}]}", "{'$setOnInsert':{'a':1}}", "{'_id':5,'x':1,'a':1}"},
        {"{'_id':5,'x':{'$in':[7]}}", "{'$set':{'a':1}}", "{'_id':5,'x':7,'a':1}"},
        {"{'$or':[{'_id':5}]}", "{'$set':{'a':1}}", "{'_id':5,'a':1}"},
        {"{'_id':5,'old':1}", "{'a':1}", "{'_id':5,'a':1}"},
        {"{'old':1}", "{'_id':5,'a':1}", "{'_id':5,'a':1}"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char text[500];
        rig_ok(&r, "t", "{'delete':'u','deletes':[{'q':{},'limit':0}]}");
        snprintf(text, sizeof text, "{'update':'u','updates':[{'q':%s,'u':%s,'upsert':true}]}", cases[i].q, cases[i].u);
        const uint8_t *reply = rig_ok(&r, "t", text);
        rig_same_text(text, rig_at(reply, "upserted"), "[{'index':0,'_id':5}]");
        assert_int_equal(rig_int(rig_ok(&r, "t", "{'count':'u'}"), "n"), 1);
        rig_gives(&r, "t", "{'find':'u'}", "cursor.firstBatch.0", cases[i].made);
    }
    /* an _id is made where there is none, and found again by its reply */
    const uint8_t *reply = rig_ok(&r, "t", "{'update':'u','updates':[{'q':{'none':1},'u':{'$set':{'a':2}},'upsert':true}]}");
    assert_int_equal(sim_path(reply, "upserted.0._id").type, BSON_TYPE_OID);
    rig_fails(&r, "t", "{'update':'u','updates':[{'q':{'_id':8},'u':{'$set':{'_id':9}},'upsert':true}]}", 66, "immutable field '_id'");
}

static void test_several_statements(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'insert':'m','documents':[{'_id':1,'n':0},{'_id':2,'n':0},{'_id':3,'n':0}]}");
    const uint8_t *reply = rig_run(&r, "t", "{'update':'m','updates':[{'q':{'_id':1},'u':{'$inc':{'n':1}}},{'q':{'_id':2},'u':{'$nope':{'n':1}}},"
                                            "{'q':{'_id':3},'u':{'$inc':{'n':1}}}]}");
    assert_int_equal(rig_int(reply, "n"), 1); /* ordered: the third is not tried */
    assert_int_equal(rig_int(reply, "writeErrors.0.index"), 1);
    reply = rig_run(&r, "t", "{'update':'m','ordered':false,'updates':[{'q':{'_id':1},'u':{'$inc':{'n':1}}},{'q':{'_id':2},'u':{'$nope':{'n':1}}},"
                             "{'q':{'_id':3},'u':{'$inc':{'n':1}}}]}");
    assert_int_equal(rig_int(reply, "n"), 2);
    assert_int_equal(sim_count(sim_find(reply, "writeErrors").p), 1);
    rig_gives(&r, "t", "{'update':'m','updates':[{'q':{},'u':{'$set':{'all':1}},'multi':true}]}", "nModified", "3");
    rig_gives(&r, "t", "{'delete':'m','deletes':[{'q':{'_id':{'$gt':1}},'limit':1}]}", "n", "1");
    rig_gives(&r, "t", "{'delete':'m','deletes':[{'q':{},'limit':0}]}", "n", "2");
}

static void test_find_and_modify(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'insert':'f','documents':[{'_id':1,'n':5},{'_id':2,'n':3},{'_id':3,'n':4}]}");
    rig_gives(&r, "t", "{'findAndModify':'f','query':{},'sort':{'n':1},'update':{'$inc':{'n':10}}}", "value", "{'_id':2,'n':3}");
    rig_gives(&r, "t", "{'findAndModify':'f','query':{},'sort':{'n':-1},'update':{'$inc':{'n':10}},'new':true}", "value", "{'_id':2,'n':23}");
    rig_gives(&r, "t", "{'findAndModify':'f','query':{'_id':1},'update':{'$inc':{'n':1}},'new':true,'fields':{'n':1,'_id':0}}", "value", "{'n':6}");
    rig_gives(&r, "t", "{'findAndModify':'f','query':{'_id':9},'update':{'$inc':{'n':1}}}", "value", "null");
    const uint8_t *made = rig_ok(&r, "t", "{'findAndModify':'f','query':{'_id':9},'update':{'$inc':{'n':1}},'upsert':true,'new':true}");
    rig_same_text("made", rig_at(made, "value"), "{'_id':9,'n':1}");
    rig_same_text("made", rig_at(made, "lastErrorObject"), "{'n':1,'updatedExisting':false,'upserted':9}");
}

static void test_find_and_modify_removes(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'insert':'g','documents':[{'_id':1,'n':5},{'_id':2,'n':3}]}");
    rig_gives(&r, "t", "{'findAndModify':'g','query':{},'sort':{'n':1},'remove':true}", "value", "{'_id':2,'n':3}");
    assert_int_equal(rig_int(rig_ok(&r, "t", "{'count':'g'}"), "n"), 1);
    rig_fails(&r, "t", "{'findAndModify':'g','query':{}}", 9, "Either an update or remove=true must be specified");
    rig_fails(&r, "t", "{'findAndModify':'g','remove':true,'update':{'$set':{'a':1}}}", 9, "Cannot specify both an update and remove=true");
    rig_fails(&r, "t", "{'findAndModify':'g','remove':true,'new':true}", 9, "Cannot specify both new=true and remove=true");
}

static void test_validators(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'create':'v','validator':{'$jsonSchema':{'required':['n'],'properties':{'n':{'bsonType':'int','minimum':0},"
                    "'tags':{'bsonType':'array','items':{'bsonType':'string'}}},'additionalProperties':true}}}");
    rig_fails(&r, "t", "{'insert':'v','documents':[{'_id':1}]}", 121, "Document failed validation");
    rig_same_text("missing", rig_at(rig_run(&r, "t", "{'insert':'v','documents':[{'_id':1}]}"), "writeErrors.0.errInfo.details.schemaRulesNotSatisfied"),
                  "[{'operatorName':'required','specifiedAs':{'required':['n']},'missingProperties':['n']}]");
    rig_same_text("minimum", rig_at(rig_run(&r, "t", "{'insert':'v','documents':[{'_id':1,'n':-1}]}"),
                                    "writeErrors.0.errInfo.details.schemaRulesNotSatisfied.0.propertiesNotSatisfied.0.details.0"),
                  "{'operatorName':'minimum','specifiedAs':{'minimum':0},'reason':'comparison failed','consideredValue':-1}");
    rig_fails(&r, "t", "{'insert':'v','documents':[{'_id':1,'n':1,'tags':['a',2]}]}", 121, "Document failed validation");
    rig_ok(&r, "t", "{'insert':'v','documents':[{'_id':1,'n':1,'tags':['a']}]}");
    rig_ok(&r, "t", "{'insert':'v','documents':[{'_id':2}],'bypassDocumentValidation':true}");
    rig_fails(&r, "t", "{'update':'v','updates':[{'q':{'_id':1},'u':{'$set':{'n':-3}}}]}", 121, "Document failed validation");
    rig_fails(&r, "t", "{'update':'v','updates':[{'q':{'_id':2},'u':{'$set':{'x':1}}}]}", 121, "Document failed validation");
    rig_ok(&r, "t", "{'collMod':'v','validationLevel':'moderate'}");
    rig_ok(&r, "t", "{'update':'v','updates':[{'q':{'_id':2},'u':{'$set':{'x':1}}}]}"); /* it was wrong before */
    rig_fails(&r, "t", "{'update':'v','updates':[{'q':{'_id':1},'u':{'$set':{'n':-3}}}]}", 121, "Document failed validation");
    rig_ok(&r, "t", "{'collMod':'v','validationAction':'warn'}");
    rig_ok(&r, "t", "{'insert':'v','documents':[{'_id':3}]}");
    rig_ok(&r, "t", "{'collMod':'v','validator':{'n':{'$gt':5}},'validationAction':'error','validationLevel':'strict'}");
    rig_fails(&r, "t", "{'insert':'v','documents':[{'_id':4,'n':5}]}", 121, "Document failed validation");
    rig_ok(&r, "t", "{'insert':'v','documents':[{'_id':4,'n':6}]}");
    rig_ok(&r, "t", "{'collMod':'v','validator':{}}");
    rig_ok(&r, "t", "{'insert':'v','documents':[{'_id':5,'n':'anything'}]}");
    rig_fails(&r, "t", "{'collMod':'v','validator':{'$nope':1}}", 2, "unknown top level operator: $nope");
    rig_fails(&r, "t", "{'collMod':'v','validationLevel':'nope'}", 2, "Enumeration value 'nope' for field 'collMod.validationLevel' is not a valid value.");
    /* the members agree about the options */
    rig_pass(&r, 2);
    rig_same_text("options", rig_at(rig_ok_on(&r, 1, "t", "{'listCollections':1,'filter':{'name':'v'}}"), "cursor.firstBatch.0.options.validationAction"), "'error'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operator),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_positional),
        cmocka_unit_test(test_array_filters),
        cmocka_unit_test(test_pipelines),
        cmocka_unit_test(test_upserts),
        cmocka_unit_test(test_several_statements),
        cmocka_unit_test(test_find_and_modify),
        cmocka_unit_test(test_find_and_modify_removes),
        cmocka_unit_test(test_validators),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
