/* SPDX-License-Identifier: Apache-2.0
 *
 * What the set says about itself must follow from what was done: counters, sizes, histograms, times, profile and log, with
 * names and numbers that differ from run to run of the generator, so that no reply can be a constant. Sessions and the
 * arguments that all commands share. */
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

static int64_t status(int member, const char *path)
{
    return rig_int(rig_ok_on(&r, member, "admin", "{'serverStatus':1}"), path);
}

static void random_name(struct sb_rng *rng, char out[12], char first)
{
    out[0] = first;
    for (int i = 1; i < 10; i++)
        out[i] = (char)('a' + rig_below(rng, 26));
    out[10] = '\0';
}

/* ---- sizes and names ---- */

static void test_catalogue_follows_the_data(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 101);
    int64_t objects = 0, bytes = 0, indexes_all = 0;
    char db[12], text[600], path[100];
    random_name(&rng, db, 'd');
    int colls = 2 + (int)rig_below(&rng, 3);
    for (int c = 0; c < colls; c++) {
        char coll[12], index[3][12];
        random_name(&rng, coll, 'c');
        int n = 20 + (int)rig_below(&rng, 200), kinds = 1 + (int)rig_below(&rng, 3);
        int64_t size = 0;
        for (int i = 0; i < n; i++) {
            int pad = (int)rig_below(&rng, 60);
            snprintf(text, sizeof text, "{'_id':%d,'a':%d,'p':'%.*s'}", i, i, pad, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
            bson_t *d = rig_json(text);
            size += d->len;
            bson_destroy(d);
            char command[700];
            snprintf(command, sizeof command, "{'insert':'%s','documents':[%s]}", coll, text);
            rig_ok(&r, db, command);
        }
        for (int k = 0; k < kinds; k++) {
            random_name(&rng, index[k], 'i');
            snprintf(text, sizeof text, "{'createIndexes':'%s','indexes':[{'key':{'f%d':1,'a':1},'name':'%s'}]}", coll, k, index[k]);
            rig_ok(&r, db, text);
        }
        objects += n;
        bytes += size;
        indexes_all += kinds + 1;
        snprintf(text, sizeof text, "{'collStats':'%s'}", coll);
        for (int m = 0; m < SIM_MEMBERS; m++) {
            rig_pass(&r, 1);
            const uint8_t *reply = rig_ok_on(&r, m, db, text);
            assert_int_equal(rig_int(reply, "count"), n);
            assert_int_equal(rig_int(reply, "size"), size);
            assert_int_equal(rig_int(reply, "avgObjSize"), size / n);
            assert_int_equal(rig_int(reply, "nindexes"), kinds + 1);
            int64_t sum = rig_int(reply, "indexSizes._id_");
            for (int k = 0; k < kinds; k++) {
                snprintf(path, sizeof path, "indexSizes.%s", index[k]);
                sum += rig_int(reply, path);
            }
            assert_int_equal(rig_int(reply, "totalIndexSize"), sum);
            assert_int_equal(rig_int(reply, "totalSize"), sum + rig_int(reply, "storageSize"));
            assert_int_equal(sim_count(sim_find(reply, "indexSizes").p), kinds + 1);
        }
        snprintf(text, sizeof text, "{'collStats':'%s','scale':10}", coll);
        assert_int_equal(rig_int(rig_ok(&r, db, text), "size"), size / 10);
        snprintf(text, sizeof text, "{'validate':'%s'}", coll);
        const uint8_t *reply = rig_ok(&r, db, text);
        assert_int_equal(rig_int(reply, "nrecords"), n);
        for (int k = 0; k < kinds; k++) {
            snprintf(path, sizeof path, "keysPerIndex.%s", index[k]);
            assert_int_equal(rig_int(reply, path), n);
        }
        snprintf(text, sizeof text, "{'listCollections':1,'filter':{'name':'%s'}}", coll);
        assert_int_equal(sim_count(sim_path(rig_ok(&r, db, text), "cursor.firstBatch").p), 1);
    }
    const uint8_t *reply = rig_ok(&r, db, "{'dbStats':1}");
    assert_int_equal(rig_int(reply, "collections"), colls);
    assert_int_equal(rig_int(reply, "objects"), objects);
    assert_int_equal(rig_int(reply, "dataSize"), bytes);
    assert_int_equal(rig_int(reply, "indexes"), indexes_all);
    rig_same_text("db", rig_at(reply, "db"), (snprintf(text, sizeof text, "'%s'", db), text));
    snprintf(text, sizeof text, "{'listDatabases':1,'filter':{'name':'%s'}}", db);
    assert_int_equal(sim_count(sim_find(rig_ok(&r, "admin", text), "databases").p), 1);
    rig_ok(&r, db, "{'dropDatabase':1}");
    assert_int_equal(sim_count(sim_find(rig_ok(&r, "admin", text), "databases").p), 0);
    rig_pass(&r, 2);
    assert_int_equal(sim_count(sim_find(rig_ok_on(&r, 2, "admin", text), "databases").p), 0);
}

/* ---- counters ---- */

/* Entries of its oplog that others have read from the primary: documents returned as any others. */
static int64_t followed(void)
{
    int64_t n = 0;
    for (int i = 1; i < r.s->members; i++)
        if (r.s->member[i].role.sync == 0)
            n += r.s->member[i].n.fetch_ops;
    return n;
}

static void test_counters_follow_the_operations(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 102);
    static const char *const paths[] = {"opcounters.insert", "opcounters.query", "opcounters.update", "opcounters.delete", "opcounters.getmore",
                                        "metrics.document.inserted", "metrics.document.returned", "metrics.document.updated", "metrics.document.deleted",
                                        "metrics.commands.find.total", "metrics.commands.count.total", "metrics.queryExecutor.scannedObjects",
                                        "metrics.queryExecutor.collectionScans.total", "metrics.operation.scanAndOrder", "opLatencies.reads.ops",
                                        "opLatencies.writes.ops", "metrics.commands.nope", "network.numRequests", "metrics.commands.find.failed", "asserts.user"};
    int64_t before[SB_COUNT(paths)], want[SB_COUNT(paths)] = {0};
    int inserts = 5 + (int)rig_below(&rng, 20), finds = 3 + (int)rig_below(&rng, 9), scans = 2 + (int)rig_below(&rng, 4), updates = 2 + (int)rig_below(&rng, 5);
    char text[300];
    for (size_t i = 0; i < SB_COUNT(paths); i++)
        before[i] = strcmp(paths[i], "metrics.commands.nope") == 0 ? 0 : status(0, paths[i]);
    int64_t requests = status(0, "network.numRequests"), read_by_others = followed();
    for (int i = 0; i < inserts; i++) {
        snprintf(text, sizeof text, "{'insert':'o','documents':[{'_id':%d,'a':%d}]}", i, i);
        rig_ok(&r, "cnt", text);
    }
    for (int i = 0; i < finds; i++) {
        snprintf(text, sizeof text, "{'find':'o','filter':{'_id':%d}}", i % inserts);
        rig_ok(&r, "cnt", text);
    }
    for (int i = 0; i < scans; i++)
        rig_ok(&r, "cnt", "{'find':'o','filter':{'b':1},'sort':{'a':1}}");
    for (int i = 0; i < updates; i++)
        rig_ok(&r, "cnt", "{'update':'o','updates':[{'q':{'_id':1},'u':{'$inc':{'n':1}}}]}");
    rig_ok(&r, "cnt", "{'delete':'o','deletes':[{'q':{'_id':0},'limit':1}]}");
    const uint8_t *reply = rig_ok(&r, "cnt", "{'find':'o','batchSize':2}");
    snprintf(text, sizeof text, "{'getMore':{'$numberLong':'%lld'},'collection':'o'}", (long long)rig_int(reply, "cursor.id"));
    rig_ok(&r, "cnt", text);
    rig_ok(&r, "cnt", "{'count':'o','query':{'_id':2}}");
    rig_fails(&r, "cnt", "{'find':'o','filter':{'$bad':1}}", 2, "unknown");
    want[0] = want[5] = inserts;
    want[1] = finds + scans + 2;
    want[2] = want[7] = updates;
    want[3] = want[8] = 1;
    want[4] = 1;
    want[6] = finds + (inserts - 1);
    want[9] = finds + scans + 2;
    want[10] = 1;
    want[11] = finds + scans * inserts + updates + 1 + (inserts - 1);
    want[12] = scans + 1;
    want[13] = scans;
    want[14] = finds + scans + 4; /* and the getMore, the count and the one that failed */
    want[15] = inserts + updates + 1;
    want[18] = want[19] = 1;
    want[6] += followed() - read_by_others;
    want[11] += followed() - read_by_others;
    for (size_t i = 0; i < SB_COUNT(paths); i++) {
        if (strcmp(paths[i], "metrics.commands.nope") == 0)
            continue;
        int64_t is = status(0, paths[i]) - before[i];
        if (strcmp(paths[i], "network.numRequests") == 0)
            assert_true(is >= inserts + finds + scans + updates + 5);
        else if (is != want[i])
            fail_msg("%s: %lld, not %lld", paths[i], (long long)is, (long long)want[i]);
    }
    assert_true(status(0, "network.numRequests") > requests);
    /* the others only replicate */
    rig_pass(&r, 2);
    assert_true(status(1, "opcountersRepl.insert") >= inserts);
    assert_int_equal(status(1, "opcounters.insert"), 0);
    /* top and the histogram of the collection */
    reply = rig_ok(&r, "admin", "{'top':1}");
    const uint8_t *top = sim_find(sim_find(reply, "totals").p, "cnt.o").p;
    assert_int_equal(rig_int(top, "insert.count"), inserts);
    assert_int_equal(rig_int(top, "queries.count"), finds + scans + 2);
    assert_int_equal(rig_int(top, "update.count"), updates);
    assert_int_equal(rig_int(top, "remove.count"), 1);
    assert_int_equal(rig_int(top, "getmore.count"), 1);
    reply = rig_ok(&r, "cnt", "{'aggregate':'o','pipeline':[{'$collStats':{'latencyStats':{'histograms':true}}}],'cursor':{}}");
    int64_t ops = rig_int(reply, "cursor.firstBatch.0.latencyStats.reads.ops"), sum = 0;
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(sim_path(reply, "cursor.firstBatch.0.latencyStats.reads.histogram").p); sim_next(&it, &e);)
        sum += sim_int(sim_find(e.v.p, "count"), 0);
    assert_int_equal(sum, ops);
}

static void test_time_passes(void **state)
{
    (void)state;
    int64_t before = status(0, "uptimeMillis"), checkpoints = status(0, "wiredTiger.transaction.transaction checkpoints");
    rig_pass(&r, 321);
    int64_t after = status(0, "uptimeMillis");
    assert_in_range(after - before, 321000, 321010);
    assert_int_equal(status(0, "wiredTiger.transaction.transaction checkpoints") - checkpoints, 5);
    const uint8_t *reply = rig_ok(&r, "admin", "{'hello':1}");
    assert_int_equal(sim_i64(sim_find(reply, "localTime").p), sim_now_ms(r.s));
    /* the last write is the one that was done */
    rig_ok(&r, "tm", "{'insert':'x','documents':[{'_id':1}]}");
    reply = rig_ok(&r, "admin", "{'replSetGetStatus':1}");
    assert_int_equal(sim_i64(sim_path(reply, "members.0.optimeDate").p), sim_now_ms(r.s) / 1000 * 1000);
    assert_int_equal(rig_int(reply, "members.0.state"), 1);
    assert_int_equal(rig_int(reply, "members.1.state"), 2);
    /* a secondary that does not apply falls behind, and catches up */
    r.s->member[1].frozen = true;
    for (int i = 0; i < 5; i++) {
        char text[80];
        rig_pass(&r, 10);
        snprintf(text, sizeof text, "{'insert':'x','documents':[{'_id':%d}]}", i + 10);
        rig_ok(&r, "tm", text);
    }
    rig_pass(&r, 5);
    reply = rig_ok(&r, "admin", "{'replSetGetStatus':1}");
    int64_t lag = sim_i64(sim_path(reply, "members.0.optimeDate").p) - sim_i64(sim_path(reply, "members.1.optimeDate").p);
    assert_in_range(lag, 40000, 60000);
    assert_int_equal(rig_int(rig_ok_on(&r, 1, "tm", "{'count':'x'}"), "n"), 1);
    r.s->member[1].frozen = false;
    rig_ok(&r, "tm", "{'insert':'x','documents':[{'_id':99}]}");
    rig_pass(&r, 12);
    assert_int_equal(rig_int(rig_ok_on(&r, 1, "tm", "{'count':'x'}"), "n"), 7);
}

/* One seed, one history; another seed, another. */
static void test_seeds(void **state)
{
    (void)state;
    uint64_t hash[3];
    for (int i = 0; i < 3; i++) {
        struct sim_setup setup = {.seed = i == 2 ? 8 : 7, .start_ms = RIG_START_MS, .speed = 1, .scenario_name = "x", .port = {1, 2, 3}, .members = 3, .pid = 1};
        struct sb_err err = SB_ERR_INIT;
        struct rig one = {0};
        one.s = sim_new(&setup, &err);
        sim_w_init(&one.w);
        for (int m = 0; m < SIM_MEMBERS; m++)
            one.conn[m] = sim_conn_open(&one.s->member[m], "127.0.0.1:1", false);
        for (int k = 0; k < 50; k++) {
            char text[80];
            snprintf(text, sizeof text, "{'insert':'x','documents':[{'_id':%d,'a':%d}]}", k, k % 3);
            rig_ok(&one, "t", text);
            rig_ok(&one, "t", "{'find':'x','filter':{'a':1}}");
            rig_pass(&one, 0.3);
        }
        hash[i] = sim_trace_hash(one.s);
        for (int m = 0; m < SIM_MEMBERS; m++)
            sim_conn_close(one.conn[m]);
        sim_w_release(&one.w);
        sim_free(one.s);
    }
    assert_true(hash[0] == hash[1]);
    assert_true(hash[0] != hash[2]);
}

/* ---- profile and log ---- */

static int profiled(int member, const char *db, const char *filter)
{
    char text[200];
    snprintf(text, sizeof text, "{'count':'system.profile','query':%s}", filter);
    return (int)rig_int(rig_ok_on(&r, member, db, text), "n");
}

static void slow_query(const char *db)
{
    rig_ok(&r, db, "{'find':'s','filter':{'none':1}}");
}

static void test_profile(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        char text[4000];
        size_t n = (size_t)snprintf(text, sizeof text, "{'insert':'s','documents':[");
        for (int k = 0; k < 100; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s{'_id':%d}", k ? "," : "", i * 100 + k);
        snprintf(text + n, sizeof text - n, "]}");
        rig_ok(&r, "prof", text);
    }
    slow_query("prof");
    assert_int_equal(profiled(0, "prof", "{}"), 0); /* off */
    const uint8_t *reply = rig_ok(&r, "prof", "{'profile':1,'slowms':1}");
    assert_int_equal(rig_int(reply, "was"), 0);
    assert_int_equal(rig_int(reply, "slowms"), 100);
    slow_query("prof");
    rig_ok(&r, "prof", "{'find':'s','filter':{'_id':5}}");
    assert_int_equal(profiled(0, "prof", "{'op':'query'}"), 1); /* only what is slow */
    rig_gives(&r, "prof", "{'profile':-1}", "slowms", "1");
    rig_ok(&r, "prof", "{'profile':2,'slowms':100000}");
    rig_ok(&r, "prof", "{'find':'s','filter':{'_id':5}}");
    rig_ok(&r, "prof", "{'update':'s','updates':[{'q':{'_id':5},'u':{'$set':{'a':1}}}]}");
    rig_ok(&r, "prof", "{'insert':'s','documents':[{'_id':'n'}]}");
    rig_ok(&r, "prof", "{'delete':'s','deletes':[{'q':{'_id':'n'},'limit':1}]}");
    rig_ok(&r, "prof", "{'count':'s','query':{'_id':1}}");
    rig_ok(&r, "prof", "{'aggregate':'s','pipeline':[{'$match':{'_id':1}}],'cursor':{}}");
    assert_int_equal(profiled(0, "prof", "{'op':'query','command.find':'s'}"), 2);
    assert_int_equal(profiled(0, "prof", "{'op':'update'}"), 1);
    assert_int_equal(profiled(0, "prof", "{'op':'insert'}"), 1);
    assert_int_equal(profiled(0, "prof", "{'op':'remove'}"), 1);
    assert_int_equal(profiled(0, "prof", "{'op':'command','command.count':'s'}"), 1);
    rig_gives(&r, "prof", "{'find':'system.profile','filter':{'op':'query','command.filter._id':5},'projection':{'_id':0,'docsExamined':1,'nreturned':1,'planSummary':1}}",
              "cursor.firstBatch.0", "{'docsExamined':1,'nreturned':1,'planSummary':'IDHACK'}");
    /* a sample */
    rig_ok(&r, "prof", "{'profile':1,'slowms':0,'sampleRate':0.3}");
    int before = profiled(0, "prof", "{'op':'query'}");
    for (int i = 0; i < 400; i++)
        rig_ok(&r, "prof", "{'find':'s','filter':{'_id':7}}");
    assert_in_range(profiled(0, "prof", "{'op':'query'}") - before, 70, 170);
    /* a filter takes the place of both */
    rig_ok(&r, "prof", "{'profile':1,'slowms':100,'sampleRate':1.0,'filter':{'nreturned':{'$gte':50}}}");
    before = profiled(0, "prof", "{'op':'query'}");
    rig_ok(&r, "prof", "{'find':'s','limit':60}");
    rig_ok(&r, "prof", "{'find':'s','limit':40}");
    assert_int_equal(profiled(0, "prof", "{'op':'query'}") - before, 1);
    rig_ok(&r, "prof", "{'profile':0,'filter':'unset'}");
    /* other databases and members have their own */
    slow_query("prof2");
    assert_int_equal(profiled(0, "prof2", "{}"), 0);
    rig_pass(&r, 2);
    assert_int_equal(profiled(1, "prof", "{}"), 0);
    rig_fails(&r, "prof", "{'insert':'system.profile','documents':[{}]}", 73, "cannot write to prof.system.profile");
    rig_ok(&r, "prof", "{'drop':'system.profile'}");
    rig_gives(&r, "prof", "{'profile':-1}", "was", "0");
    rig_ok(&r, "prof", "{'profile':0,'slowms':100,'sampleRate':1.0}");
}

static void test_slow_queries_are_logged(void **state)
{
    (void)state;
    rig_ok(&r, "lg", "{'insert':'s','documents':[{'_id':1}]}");
    rig_ok(&r, "lg", "{'profile':0,'slowms':0}");
    int64_t lines = rig_int(rig_ok(&r, "admin", "{'getLog':'global'}"), "totalLinesWritten");
    rig_ok(&r, "lg", "{'find':'s','filter':{'who':'xyzzy'},'comment':'from a test'}");
    rig_ok(&r, "lg", "{'profile':0,'slowms':100}");
    const uint8_t *reply = rig_ok(&r, "admin", "{'getLog':'global'}");
    assert_true(rig_int(reply, "totalLinesWritten") > lines);
    char *log = rig_at(reply, "log");
    assert_non_null(strstr(log, "xyzzy"));
    assert_non_null(strstr(log, "COLLSCAN"));
    free(log);
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(sim_find(reply, "log").p); sim_next(&it, &e);) { /* every line is JSON, or cut */
        bson_error_t err;
        if (sim_text_n(e.v) >= SIM_LOG_CHARS - 1)
            continue;
        bson_t *b = bson_new_from_json((const uint8_t *)sim_text(e.v), (ssize_t)sim_text_n(e.v), &err);
        if (!b && !strstr(err.message, "date")) /* Debian's libbson does not read zones with a colon */
            fail_msg("%s: %s", err.message, sim_text(e.v));
        if (b)
            bson_destroy(b);
    }
}

/* ---- sessions ---- */

static void test_retryable_writes(void **state)
{
    (void)state;
    static const char session[] = "'lsid':{'id':{'$binary':{'base64':'AAAAAAAAQACAAAAAAAAAAA==','subType':'04'}}}";
    char text[500];
    for (int i = 0; i < 3; i++) { /* the same number: done once */
        snprintf(text, sizeof text, "{'update':'rt','updates':[{'q':{'_id':1},'u':{'$inc':{'n':1}},'upsert':true}],%s,'txnNumber':{'$numberLong':'5'}}", session);
        const uint8_t *reply = rig_ok(&r, "t", text);
        assert_int_equal(rig_int(reply, "n"), 1);
        assert_true(sim_path(reply, "upserted.0._id").type);
    }
    rig_gives(&r, "t", "{'find':'rt'}", "cursor.firstBatch", "[{'_id':1,'n':1}]");
    snprintf(text, sizeof text, "{'update':'rt','updates':[{'q':{'_id':1},'u':{'$inc':{'n':1}}}],%s,'txnNumber':{'$numberLong':'6'}}", session);
    rig_ok(&r, "t", text);
    rig_gives(&r, "t", "{'find':'rt'}", "cursor.firstBatch", "[{'_id':1,'n':2}]");
    snprintf(text, sizeof text, "{'insert':'rt','documents':[{'_id':9}],%s,'txnNumber':{'$numberLong':'4'}}", session);
    rig_fails(&r, "t", text, 225, "Retryable write with txnNumber 4 is prohibited on session");
    snprintf(text, sizeof text, "{'findAndModify':'rt','query':{'_id':1},'update':{'$inc':{'n':1}},'new':true,%s,'txnNumber':{'$numberLong':'7'}}", session);
    for (int i = 0; i < 2; i++)
        rig_gives(&r, "t", text, "value", "{'_id':1,'n':3}");
    assert_true(status(0, "transactions.retriedCommandsCount") >= 3);
    snprintf(text, sizeof text, "{'insert':'rt','documents':[{'_id':2}],'txnNumber':{'$numberLong':'1'}}");
    rig_fails(&r, "t", text, 72, "Transaction number requires a session ID to also be specified");
    /* the oplog entries carry the session */
    rig_gives(&r, "local", "{'find':'oplog.rs','filter':{'ns':'t.rt','op':'i'},'sort':{'$natural':-1},'limit':1}", "cursor.firstBatch.0.txnNumber", "5");
}

/* ---- what all commands share ---- */

static void test_a_version_of_the_api(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'insert':'api','documents':[{'_id':1}],'apiVersion':'1','apiStrict':true}");
    rig_gives(&r, "t", "{'find':'api','apiVersion':'1','apiStrict':true,'apiDeprecationErrors':true}", "cursor.firstBatch", "[{'_id':1}]");
    rig_ok(&r, "t", "{'collStats':'api','apiVersion':'1'}");
    rig_fails(&r, "t", "{'collStats':'api','apiVersion':'1','apiStrict':true}", 323, "but the command collStats is not in API Version 1");
    rig_fails(&r, "t", "{'count':'api','apiVersion':'1','apiStrict':true}", 323, "count is not in API Version 1"); /* it is from 6.0 on */
    rig_fails(&r, "t", "{'aggregate':'api','pipeline':[{'$indexStats':{}}],'cursor':{},'apiVersion':'1','apiStrict':true}", 323, "stage $indexStats is not allowed");
    rig_fails(&r, "t", "{'find':'api','apiVersion':'2'}", 322, "API version must be");
    rig_fails(&r, "t", "{'find':'api','apiStrict':true}", 4886600, "without passing apiVersion");
}

static void test_shared_arguments(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'insert':'sh','documents':[{'_id':1}]}");
    rig_fails(&r, "t", "{'nope':1}", 59, "no such command: 'nope'");
    rig_fails(&r, "t", "{'Find':'sh'}", 59, "no such command: 'Find'");
    rig_fails(&r, "t", "{'replSetGetStatus':1}", 13, "replSetGetStatus may only be run against the admin database.");
    rig_fails(&r, "t", "{'find':'sh','maxTimeMS':-1}", 2, "value for maxTimeMS is out of range");
    rig_fails(&r, "t", "{'find':'sh','maxTimeMS':'x'}", 14, "maxTimeMS");
    rig_fails(&r, "t", "{'find':'sh','readConcern':{'level':'nope'}}", 9, "is not a valid value");
    rig_fails(&r, "t", "{'insert':'sh','documents':[{'_id':2}],'writeConcern':{'w':'nope'}}", 79, "No write concern mode named 'nope'");
    rig_fails(&r, "t", "{'insert':'sh','documents':[{'_id':2}],'writeConcern':{'w':51}}", 9, "w has to be a non-negative number and not greater than 50");
    rig_fails(&r, "t", "{'insert':'sh','documents':[]}", 16, "Write batch sizes must be between 1 and 100000. Got 0 operations.");
    rig_fails(&r, "t", "{'insert':'sh','documents':[1]}", 14, "BSON field 'insert.documents.0' is the wrong type 'int', expected type 'object'");
    rig_fails(&r, "t", "{'insert':'a$b','documents':[{}]}", 73, "Invalid collection name");
    rig_fails(&r, "local", "{'insert':'oplog.rs','documents':[{}]}", 73, "cannot write to 'local.oplog.rs'");
    /* only the primary takes writes; a secondary reads when it is told to */
    const uint8_t *reply = rig_on(&r, 1, "t", "{'insert':'sh','documents':[{'_id':7}]}");
    assert_int_equal(rig_int(reply, "code"), 10107);
    reply = rig_on(&r, 1, "t", "{'find':'sh','$readPreference':{'mode':'primary'}}");
    assert_int_equal(rig_int(reply, "code"), 13435);
    /* a write is read on a secondary once its time is asked for */
    reply = rig_ok(&r, "t", "{'insert':'sh','documents':[{'_id':50}],'writeConcern':{'w':1}}");
    struct sim_val at = sim_find(reply, "operationTime");
    char text[200];
    snprintf(text, sizeof text, "{'count':'sh','readConcern':{'afterClusterTime':{'$timestamp':{'t':%u,'i':%u}}}}", sim_u32(at.p + 4), sim_u32(at.p));
    rig_same_text("causal", rig_at(rig_ok_on(&r, 1, "t", text), "n"), "2");
    /* a time limit that is over */
    for (int i = 0; i < 20; i++) {
        static char big[200000];
        size_t n = (size_t)snprintf(big, sizeof big, "{'insert':'slow','documents':[");
        for (int k = 0; k < 2000; k++)
            n += (size_t)snprintf(big + n, sizeof big - n, "%s{'_id':%d}", k ? "," : "", i * 2000 + k);
        snprintf(big + n, sizeof big - n, "]}");
        rig_ok(&r, "t", big);
    }
    rig_fails(&r, "t", "{'find':'slow','filter':{'none':1},'maxTimeMS':1}", 50, "operation exceeded time limit");
    rig_ok(&r, "t", "{'find':'slow','filter':{'_id':5},'maxTimeMS':1000}");
}

static void test_capped(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'create':'cap','capped':true,'size':4096,'max':5}");
    for (int i = 0; i < 12; i++) {
        char text[80];
        snprintf(text, sizeof text, "{'insert':'cap','documents':[{'_id':%d}]}", i);
        rig_ok(&r, "t", text);
    }
    rig_gives(&r, "t", "{'distinct':'cap','key':'_id'}", "values", "[7,8,9,10,11]");
    rig_pass(&r, 2);
    rig_same_text("secondary", rig_at(rig_ok_on(&r, 1, "t", "{'distinct':'cap','key':'_id'}"), "values"), "[7,8,9,10,11]");
    rig_fails(&r, "t", "{'create':'cap'}", 48, "Collection already exists. NS: t.cap");
    rig_fails(&r, "t", "{'create':'cap2','capped':true}", 72, "the 'size' field is required when 'capped' is true");
    rig_fails(&r, "t", "{'create':'cap2','size':5}", 72, "the 'capped' field needs to be true");
    rig_fails(&r, "t", "{'create':'ts','clusteredIndex':{'key':{'_id':1},'unique':true}}", 238, "not simulated");
}

static void test_renamed(void **state)
{
    (void)state;
    rig_ok(&r, "t", "{'insert':'old','documents':[{'_id':1,'a':1},{'_id':2,'a':2},{'_id':3,'a':3}]}");
    rig_ok(&r, "t", "{'createIndexes':'old','indexes':[{'key':{'a':1},'name':'a_1'}]}");
    rig_ok(&r, "t", "{'insert':'there','documents':[{'_id':9}]}");
    long long id = (long long)rig_int(rig_ok(&r, "t", "{'find':'old','batchSize':1}"), "cursor.id");
    rig_fails(&r, "admin", "{'renameCollection':'t.old','to':'t.there'}", 48, "target namespace exists");
    rig_fails(&r, "admin", "{'renameCollection':'t.old','to':'t.old'}", 20, "Can't rename a collection to itself");
    rig_fails(&r, "admin", "{'renameCollection':'t.none','to':'t.new'}", 26, "Source collection t.none does not exist");
    rig_fails(&r, "admin", "{'renameCollection':'t.old','to':'t.system.x'}", 20, "error with target namespace");
    rig_fails(&r, "admin", "{'renameCollection':'t.old','to':'nodot'}", 73, "Invalid target namespace");
    rig_fails(&r, "admin", "{'renameCollection':'t.old','to':'u.old'}", 238, "another database");
    rig_fails(&r, "t", "{'renameCollection':'t.old','to':'t.new'}", 13, "may only be run against the admin database");
    rig_ok(&r, "admin", "{'renameCollection':'t.old','to':'t.there','dropTarget':true}");
    rig_pass(&r, 2);
    for (int m = 0; m < SIM_MEMBERS; m++) {
        rig_same_text("documents", rig_at(rig_ok_on(&r, m, "t", "{'find':'there','filter':{'a':{'$gt':1}},'projection':{'_id':1},'hint':'a_1'}"), "cursor.firstBatch"),
                      "[{'_id':2},{'_id':3}]");
        rig_same_text("the old name", rig_at(rig_ok_on(&r, m, "t", "{'find':'old'}"), "cursor.firstBatch"), "[]");
    }
    char more[120];
    snprintf(more, sizeof more, "{'getMore':{'$numberLong':'%lld'},'collection':'old'}", id);
    rig_fails(&r, "t", more, 175, "");
    id = (long long)rig_int(rig_ok(&r, "t", "{'find':'there','batchSize':1}"), "cursor.id");
    rig_ok(&r, "admin", "{'renameCollection':'t.there','to':'t.aside'}");
    rig_ok(&r, "admin", "{'renameCollection':'t.aside','to':'t.there'}");
    snprintf(more, sizeof more, "{'getMore':{'$numberLong':'%lld'},'collection':'there'}", id);
    rig_fails(&r, "t", more, 175, "");
    rig_ok(&r, "t", "{'insert':'old','documents':[{'_id':7}]}"); /* a collection of its own */
    rig_gives(&r, "t", "{'count':'there'}", "n", "3");
}

/* What members say to each other counts where it arrives: a heartbeat of each every two seconds, and for every batch that
 * a follower applies two getMores of it and two reports of its place. The idle primary's own entries make the batches. */
static void test_members_talk(void **state)
{
    (void)state;
    static const char *const paths[] = {"metrics.commands.replSetHeartbeat.total", "opcounters.getmore", "metrics.commands.replSetUpdatePosition.total", "opcounters.command",
                                        "opLatencies.commands.ops", "network.numRequests", "network.compression.snappy.compressor.bytesIn", "network.bytesOut", "network.physicalBytesOut"};
    int64_t delta[SB_COUNT(paths)], batches = 0, empty = 0, asked = 0;
    for (int m = 1; m < SIM_MEMBERS; m++) {
        batches -= status(m, "metrics.repl.apply.batches.num");
        empty -= status(m, "metrics.repl.network.getmores.numEmptyBatches");
        asked -= status(m, "metrics.repl.network.getmores.num");
    }
    for (size_t i = 0; i < SB_COUNT(paths); i++)
        delta[i] = -status(0, paths[i]);
    rig_pass(&r, 60);
    for (size_t i = 0; i < SB_COUNT(paths); i++)
        delta[i] += status(0, paths[i]);
    for (int m = 1; m < SIM_MEMBERS; m++) {
        batches += status(m, "metrics.repl.apply.batches.num");
        empty += status(m, "metrics.repl.network.getmores.numEmptyBatches");
        asked += status(m, "metrics.repl.network.getmores.num");
    }
    assert_true(batches >= 2);
    assert_int_equal(empty, batches);
    assert_int_equal(asked, 2 * batches);
    assert_true(delta[0] >= 58 && delta[0] <= 62);
    assert_int_equal(delta[1], 2 * batches);
    assert_int_equal(delta[2], 2 * batches);
    int64_t own = (int64_t)SB_COUNT(paths); /* serverStatus, by which this test looks */
    assert_int_equal(delta[3], delta[0] + delta[2] + own);
    assert_true(delta[4] >= delta[0] + delta[2] && delta[4] <= delta[0] + delta[2] + own);
    assert_int_equal(delta[5], delta[0] + delta[1] + delta[2] + own);
    assert_true(delta[6] > 0 && delta[8] < delta[7]); /* and goes packed over the line */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalogue_follows_the_data),
        cmocka_unit_test(test_counters_follow_the_operations),
        cmocka_unit_test(test_time_passes),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_slow_queries_are_logged),
        cmocka_unit_test(test_retryable_writes),
        cmocka_unit_test(test_members_talk),
        cmocka_unit_test(test_a_version_of_the_api),
        cmocka_unit_test(test_shared_arguments),
        cmocka_unit_test(test_capped),
        cmocka_unit_test(test_renamed),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
