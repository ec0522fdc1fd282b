/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server says about itself, its parameters, its log, its sessions. */
#include <signalbox/sim/accounts.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/profile.h>
#include <signalbox/sim/session.h>
#include <signalbox/sim/txn.h>

#include "commands.h"
#include "write_out.h"

#include <inttypes.h>
#include <string.h>

/* ---- what it is ---- */

int sim_cmd_build_info(struct sim_call *c)
{
    const struct sim *s = c->s;
    struct sim_w *w = c->reply;
    sim_w_textf(w, "version", "%d.%d.%d", s->version[0], s->version[1], s->version[2]);
    sim_w_text(w, "gitVersion", "nogit");
    sim_w_array(w, "modules");
    sim_w_end(w);
    sim_w_text(w, "allocator", "system");
    sim_w_text(w, "javascriptEngine", "none");
    sim_w_text(w, "sysInfo", "deprecated");
    sim_w_array(w, "versionArray");
    for (int i = 0; i < 3; i++)
        sim_w_i32(w, NULL, s->version[i]);
    sim_w_i32(w, NULL, 0);
    sim_w_end(w);
    sim_w_doc(w, "openssl");
    sim_w_text(w, "running", "disabled");
    sim_w_text(w, "compiled", "disabled");
    sim_w_end(w);
    sim_w_doc(w, "buildEnvironment");
    sim_w_text(w, "distmod", "");
    sim_w_text(w, "distarch", "x86_64");
    sim_w_text(w, "target_arch", "x86_64");
    sim_w_text(w, "target_os", "linux");
    sim_w_end(w);
    sim_w_i32(w, "bits", 64);
    sim_w_bool(w, "debug", false);
    sim_w_i32(w, "maxBsonObjectSize", SIM_MAX_DOC);
    sim_w_array(w, "storageEngines");
    sim_w_text(w, NULL, "wiredTiger");
    sim_w_end(w);
    sim_w_doc(w, "signalbox"); /* no server says this: what answers here is a simulation, and which one */
    sim_w_bool(w, "simulated", true);
    sim_w_text(w, "incarnation", s->incarnation);
    sim_w_i64(w, "seed", (int64_t)s->seed);
    sim_w_text(w, "scenario", s->scenario);
    sim_w_f64(w, "speed", s->speed);
    sim_w_end(w);
    return 0;
}

int sim_cmd_host_info(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_doc(w, "system");
    sim_w_date(w, "currentTime", sim_now_ms(c->s));
    sim_w_text(w, "hostname", c->m->host);
    sim_w_i32(w, "cpuAddrSize", 64);
    sim_w_i64(w, "memSizeMB", 8192);
    sim_w_i64(w, "memLimitMB", 8192);
    sim_w_i32(w, "numCores", (int64_t)c->s->costs.cores);
    sim_w_text(w, "cpuArch", "x86_64");
    sim_w_bool(w, "numaEnabled", false);
    sim_w_end(w);
    sim_w_doc(w, "os");
    sim_w_text(w, "type", "Linux");
    sim_w_text(w, "name", "simulated");
    sim_w_text(w, "version", "Kernel simulated");
    sim_w_end(w);
    sim_w_doc(w, "extra");
    sim_w_text(w, "versionString", "simulated");
    sim_w_text(w, "kernelVersion", "simulated");
    sim_w_i64(w, "pageSize", 4096);
    sim_w_i32(w, "numPages", 2097152);
    sim_w_i32(w, "maxOpenFiles", 64000);
    sim_w_i32(w, "physicalCores", (int64_t)c->s->costs.cores);
    sim_w_array(w, "mountInfo");
    sim_w_end(w);
    sim_w_end(w);
    return 0;
}

/* mongos --configdb config/HOST: its config server is itself. */
static int router_options(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_array(w, "argv");
    sim_w_text(w, NULL, "mongos");
    sim_w_text(w, NULL, "--configdb");
    sim_w_textf(w, NULL, "%s/%s", c->s->set_name, c->m->name);
    sim_w_text(w, NULL, "--port");
    sim_w_textf(w, NULL, "%d", c->m->port);
    sim_w_end(w);
    sim_w_doc(w, "parsed");
    sim_w_doc(w, "net");
    sim_w_i32(w, "port", c->m->port);
    sim_w_end(w);
    sim_w_doc(w, "sharding");
    sim_w_textf(w, "configDB", "%s/%s", c->s->set_name, c->m->name);
    sim_w_end(w);
    sim_w_end(w);
    return 0;
}

int sim_cmd_get_cmd_line_opts(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    double cache_gb = c->s->costs.cache_bytes / 1073741824;
    if (sim_is_router(c->s))
        return router_options(c);
    sim_w_array(w, "argv");
    sim_w_text(w, NULL, "mongod");
    if (c->s->cluster)
        sim_w_text(w, NULL, "--shardsvr");
    sim_w_text(w, NULL, "--replSet");
    sim_w_text(w, NULL, c->s->set_name);
    sim_w_text(w, NULL, "--port");
    sim_w_textf(w, NULL, "%d", c->m->port);
    sim_w_text(w, NULL, "--bind_ip");
    sim_w_text(w, NULL, "127.0.0.1");
    sim_w_text(w, NULL, "--oplogSize");
    sim_w_textf(w, NULL, "%lld", (long long)(c->s->oplog_bytes >> 20));
    sim_w_text(w, NULL, "--wiredTigerCacheSizeGB");
    sim_w_textf(w, NULL, "%g", cache_gb);
    sim_w_end(w);
    sim_w_doc(w, "parsed");
    sim_w_doc(w, "net");
    sim_w_text(w, "bindIp", "127.0.0.1");
    sim_w_i32(w, "port", c->m->port);
    if (c->s->certificate_ends_ms) {
        sim_w_doc(w, "tls");
        sim_w_text(w, "mode", "requireTLS");
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_doc(w, "replication");
    sim_w_i32(w, "oplogSizeMB", c->s->oplog_bytes >> 20);
    sim_w_text(w, "replSet", c->s->set_name);
    sim_w_end(w);
    if (c->s->cluster) {
        sim_w_doc(w, "sharding");
        sim_w_text(w, "clusterRole", "shardsvr");
        sim_w_end(w);
    }
    if (c->s->accounts) {
        sim_w_doc(w, "security");
        sim_w_text(w, "authorization", "enabled");
        sim_w_end(w);
    }
    sim_w_doc(w, "storage");
    sim_w_textf(w, "dbPath", "/simulated/%d", c->m->id);
    sim_w_doc(w, "wiredTiger");
    sim_w_doc(w, "engineConfig");
    sim_w_f64(w, "cacheSizeGB", cache_gb);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_end(w);
    return 0;
}

/* ---- parameters ---- */

#define FCV_NS "admin.system.version"
#define FCV_ID "featureCompatibilityVersion"

/* What the member's own document says: a member that has not applied the change yet, tells what was before. */
static void put_fcv(struct sim_w *w, const struct sim_member *m)
{
    const struct sim *s = m->sim;
    const struct sim_coll *c = sim_coll_find(&m->cat, FCV_NS);
    struct sim_val said = sim_missing;
    for (uint64_t at = c ? sim_records_from(&c->records, 0) : 0; at && !said.type; at = sim_records_from(&c->records, at + 1)) {
        const struct sim_doc *d = sim_records_get(&c->records, at);
        if (d && sim_text_is(sim_find(d->bson, "_id"), FCV_ID))
            said = sim_find(d->bson, "version");
    }
    sim_w_doc(w, FCV_ID);
    if (sim_is_text(said.type))
        sim_w_val(w, "version", said);
    else
        sim_w_textf(w, "version", "%d.%d", s->version[0], s->version[1]);
    sim_w_end(w);
}

enum parameter_type { WHOLE, LONG, REAL, FLAG };

/* Those whose value holds for the simulator too. */
static const struct {
    const char *name;
    double value;
    enum parameter_type type;
    int since, until; /* major versions; until 0: still */
} parameters[] = {
    {"clientCursorMonitorFrequencySecs", 4, WHOLE, 0, 0},
    {"cursorTimeoutMillis", 600000, LONG, 0, 0},
    {"diagnosticDataCollectionEnabled", 0, FLAG, 0, 0},
    {"enableFlowControl", 1, FLAG, 0, 0},
    {"enableIndexBuildCommitQuorum", 1, FLAG, 0, 0},
    {"enableTestCommands", 1, FLAG, 0, 0},
    {"flowControlTargetLagSeconds", 10, WHOLE, 0, 0},
    {"internalQueryExecYieldIterations", 1000, WHOLE, 0, 0},
    {"internalQueryExecYieldPeriodMS", 10, WHOLE, 0, 0},
    {"internalQueryMaxBlockingSortMemoryUsageBytes", 104857600, WHOLE, 0, 0},
    {"internalQueryPlanEvaluationCollFraction", 0.3, REAL, 0, 0},
    {"internalQueryPlanEvaluationMaxResults", 101, WHOLE, 0, 0},
    {"internalQueryPlanEvaluationWorks", 10000, WHOLE, 0, 0},
    {"localLogicalSessionTimeoutMinutes", 30, WHOLE, 0, 0},
    {"logLevel", 0, WHOLE, 0, 0},
    {"logicalSessionRefreshMillis", 300000, WHOLE, 0, 0},
    {"maxIndexBuildMemoryUsageMegabytes", 200, WHOLE, 0, 0},
    {"maxNumActiveUserIndexBuilds", 3, WHOLE, 0, 0},
    {"maxTransactionLockRequestTimeoutMillis", 5, WHOLE, 0, 0},
    {"notablescan", 0, FLAG, 0, 0},
    {"periodicNoopIntervalSecs", 10, WHOLE, 0, 0},
    {"quiet", 0, FLAG, 0, 0},
    {"recoverFromOplogAsStandalone", 0, FLAG, 0, 0},
    {"storageEngineConcurrentReadTransactions", 128, WHOLE, 7, 0},
    {"storageEngineConcurrentWriteTransactions", 128, WHOLE, 7, 0},
    {"syncdelay", 60, REAL, 0, 0},
    {"transactionLifetimeLimitSeconds", 60, WHOLE, 0, 0},
    {"ttlMonitorEnabled", 1, FLAG, 0, 0},
    {"ttlMonitorSleepSecs", 60, WHOLE, 0, 0},
    {"watchdogPeriodSeconds", -1, WHOLE, 0, 0},
    {"wiredTigerConcurrentReadTransactions", 128, WHOLE, 0, 6},
    {"wiredTigerConcurrentWriteTransactions", 128, WHOLE, 0, 6},
    {"writePeriodicNoops", 1, FLAG, 0, 0},
};

static bool has_parameter(const struct sim *s, size_t i)
{
    return sim_since(s, parameters[i].since) && (!parameters[i].until || s->version[0] <= parameters[i].until);
}

static double value_of(const struct sim *s, size_t i)
{
    if (strncmp(parameters[i].name, "wiredTigerConcurrent", 20) == 0 || strncmp(parameters[i].name, "storageEngineConcurrent", 23) == 0)
        return s->costs.tickets;
    if (strcmp(parameters[i].name, "transactionLifetimeLimitSeconds") == 0)
        return (double)sim_txns_life(s);
    return parameters[i].value;
}

static void put_parameter(struct sim_w *w, const struct sim *s, size_t i)
{
    const char *name = parameters[i].name;
    double value = value_of(s, i);
    switch (parameters[i].type) {
    case WHOLE:
        sim_w_i32(w, name, (int64_t)value);
        break;
    case LONG:
        sim_w_i64(w, name, (int64_t)value);
        break;
    case REAL:
        sim_w_f64(w, name, value);
        break;
    case FLAG:
        sim_w_bool(w, name, value > 0);
        break;
    }
}

int sim_cmd_get_parameter(struct sim_call *c)
{
    struct sim_val what = sim_arg(c, "getParameter");
    bool all = sim_text_is(what, "*"), any = false;
    struct sim_w *w = c->reply;
    if (what.type == BSON_TYPE_DOCUMENT) {
        if (sim_truth(sim_find(what.p, "showDetails")))
            return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "the details of parameters are not simulated");
        all = sim_truth(sim_find(what.p, "allParameters"));
    }
    for (size_t i = 0; i < SB_COUNT(parameters); i++) {
        if (!has_parameter(c->s, i) || (!all && !sim_arg(c, parameters[i].name).type))
            continue;
        any = true;
        put_parameter(w, c->s, i);
    }
    if (all || sim_arg(c, FCV_ID).type) {
        put_fcv(w, c->m);
        any = true;
    }
    return any ? 0 : sim_fail(&c->fail, SIM_INVALID_OPTIONS, "no option found to get");
}

static int set_life(struct sim_call *c, struct sim_val v)
{
    int64_t seconds = sim_int(v, 0);
    if (!sim_is_number(v.type) || seconds < 1 || seconds > INT32_MAX)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "Invalid value for parameter transactionLifetimeLimitSeconds: it is at least 1");
    sim_w_int(c->reply, "was", sim_txns_life(c->s));
    c->s->costs.transaction_life_s = (double)seconds;
    return 0;
}

int sim_cmd_set_parameter(struct sim_call *c)
{
    struct sim_elem e;
    struct sim_iter it = sim_iter_of(c->body);
    sim_next(&it, &e);
    while (sim_next(&it, &e)) {
        if (e.key[0] == '$' || strcmp(e.key, "lsid") == 0 || strcmp(e.key, "comment") == 0)
            continue;
        if (strcmp(e.key, "transactionLifetimeLimitSeconds") == 0)
            return set_life(c, e.v);
        for (size_t i = 0; i < SB_COUNT(parameters); i++)
            if (has_parameter(c->s, i) && strcmp(e.key, parameters[i].name) == 0)
                return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "setting the parameter %s is not simulated", e.key);
        return sim_fail(&c->fail, -1, "attempted to set unrecognized parameter [%.100s], use help:true to see options ", e.key);
    }
    return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "no option found to set, use help:true to see options ");
}

/* Into the document, from where the others have it by the oplog. What the version would forbid is not simulated. */
static int write_fcv(struct sim_call *c, const char *version)
{
    struct sim_w w;
    char ns[sizeof c->ns];
    int64_t matched = 0;
    sim_w_init(&w);
    sim_w_doc(&w, "q");
    sim_w_text(&w, "_id", FCV_ID);
    sim_w_end(&w);
    sim_w_doc(&w, "u");
    sim_w_doc(&w, "$set");
    sim_w_text(&w, "version", version);
    sim_w_end(&w);
    sim_w_end(&w);
    const uint8_t *statement = sim_w_done(&w);
    memcpy(ns, c->ns, sizeof ns);
    snprintf(c->ns, sizeof c->ns, "%s", FCV_NS);
    int rc = statement ? sim_write_update(c, statement, &matched) : sim_fail_nomem(&c->fail);
    memcpy(c->ns, ns, sizeof ns);
    sim_w_release(&w);
    return rc;
}

int sim_cmd_set_fcv(struct sim_call *c)
{
    struct sim_val v = sim_arg(c, "setFeatureCompatibilityVersion");
    char own[16], before[16] = "4.4";
    snprintf(own, sizeof own, "%d.%d", c->s->version[0], c->s->version[1]);
    if (sim_since(c->s, 6))
        snprintf(before, sizeof before, "%d.0", c->s->version[0] - 1);
    bool down = sim_text_is(v, before);
    if (sim_since(c->s, 7) && !sim_truth(sim_arg(c, "confirm")) && down)
        return sim_fail(&c->fail, 7369100,
                        "Once you have downgraded the FCV, if you choose to downgrade the binary version, it will require support assistance. Please re-run "
                        "this command with 'confirm: true' to acknowledge this and continue with the FCV downgrade.");
    if (sim_since(c->s, 7) && !sim_truth(sim_arg(c, "confirm")))
        return sim_fail(&c->fail, 7369100,
                        "Once you have upgraded to %s, you will not be able to downgrade FCV and binary version without support assistance. Please re-run "
                        "this command with 'confirm: true' to acknowledge this and continue with the FCV upgrade.", own);
    if (down || sim_text_is(v, own))
        return write_fcv(c, down ? before : own);
    if (sim_since(c->s, 6))
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "a feature compatibility version other than %s and %s is not simulated", before, own);
    return sim_fail(&c->fail, 4926900,
                    "Invalid value for featureCompatibilityVersiondocument in admin.system.version, found %.40s, expected '4.4' or '4.9' or '5.0. See "
                    "https://docs.mongodb.com/master/release-notes/4.4-compatibility/#feature-compatibility.", sim_is_text(v.type) ? sim_text(v) : "");
}

/* ---- log ---- */

int sim_cmd_get_log(struct sim_call *c)
{
    struct sim_val which = sim_arg(c, "getLog");
    if (!sim_is_text(which.type))
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "Argument to getLog must be of type String; found %s", sim_type_name(which.type));
    if (sim_text_is(which, "*")) {
        sim_w_array(c->reply, "names");
        sim_w_text(c->reply, NULL, "global");
        sim_w_text(c->reply, NULL, "startupWarnings");
        sim_w_end(c->reply);
        return 0;
    }
    if (!sim_text_is(which, "global") && !sim_text_is(which, "startupWarnings"))
        return sim_fail(&c->fail, -1, "no RamLog named: %.100s", sim_text(which));
    sim_log_write(c->reply, c->m, sim_text_is(which, "startupWarnings"));
    return 0;
}

int sim_cmd_log_rotate(struct sim_call *c)
{
    (void)c;
    return 0;
}

/* ---- profiler ---- */

static void log_profiler(struct sim_call *c, int level, int64_t slow_ms, double rate, const struct sim_db *now)
{
    struct sim_w w;
    char thread[32];
    sim_w_init(&w);
    sim_w_doc(&w, "from");
    sim_w_i32(&w, "level", level);
    sim_w_int(&w, "slowms", slow_ms);
    sim_w_f64(&w, "sampleRate", rate);
    sim_w_end(&w);
    sim_w_doc(&w, "to");
    sim_w_i32(&w, "level", now->profiler.level);
    sim_w_int(&w, "slowms", c->m->slow_ms);
    sim_w_f64(&w, "sampleRate", c->m->sample_rate);
    sim_w_end(&w);
    const uint8_t *attr = sim_w_done(&w);
    snprintf(thread, sizeof thread, "conn%d", c->conn->id);
    if (attr)
        sim_log(c->m, c->s->now, 'I', "COMMAND", 48742, thread, "Profiler settings changed", attr);
    sim_w_release(&w);
}

static int set_profile_filter(struct sim_call *c, struct sim_db *db)
{
    struct sim_val filter = sim_arg(c, "filter");
    struct sim_filter *fresh = NULL;
    if (!filter.type)
        return 0;
    if (filter.type == BSON_TYPE_DOCUMENT) {
        if (!(fresh = sim_filter_new(filter.p, &c->fail)))
            return -1;
    } else if (!sim_text_is(filter, "unset")) {
        return sim_fail(&c->fail, SIM_BAD_VALUE, "Expected an object, or the string 'unset'.");
    }
    sim_filter_free(db->profiler.filter);
    db->profiler.filter = fresh;
    return 0;
}

int sim_cmd_profile(struct sim_call *c)
{
    struct sim_val level = sim_arg(c, "profile"), rate = sim_arg(c, "sampleRate");
    int64_t n = sim_int(level, -2), slow = c->m->slow_ms;
    if (!sim_is_number(level.type))
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'profile.profile' is the wrong type '%s', expected types '[long, int, decimal, double']",
                        sim_type_name(level.type));
    struct sim_db *db = sim_db_find(&c->m->cat, c->db, strlen(c->db));
    int was = db ? db->profiler.level : 0;
    double was_rate = c->m->sample_rate;
    sim_w_i32(c->reply, "was", was);
    sim_w_i32(c->reply, "slowms", c->m->slow_ms);
    sim_w_f64(c->reply, "sampleRate", was_rate);
    if (db && db->profiler.filter)
        sim_w_copy(c->reply, "filter", db->profiler.filter->source->bson);
    if (n < 0 || n > 2) { /* only asks; settings of the whole process may come with it */
        if (sim_arg(c, "slowms").type && sim_arg_int(c, "slowms", &c->m->slow_ms))
            return -1;
        return 0;
    }
    if (sim_arg_int(c, "slowms", &slow))
        return -1;
    if (rate.type && (!sim_is_number(rate.type) || sim_number(rate) < 0 || sim_number(rate) > 1))
        return sim_fail(&c->fail, SIM_BAD_VALUE, "sampleRate must be between 0.0 and 1.0 inclusive");
    if (!(db = sim_db_need(&c->m->cat, c->db, strlen(c->db))))
        return sim_fail_nomem(&c->fail);
    if (set_profile_filter(c, db) || (n > 0 && sim_profile_create(c->m, c->db, &c->fail)))
        return -1;
    int64_t was_slow = c->m->slow_ms;
    db->profiler.level = (int)n;
    c->m->slow_ms = slow;
    if (rate.type)
        c->m->sample_rate = (double)sim_number(rate);
    log_profiler(c, was, was_slow, was_rate, db);
    return 0;
}

/* ---- connections and sessions ---- */

int sim_cmd_ping(struct sim_call *c)
{
    (void)c;
    return 0;
}

int sim_cmd_features(struct sim_call *c)
{
    sim_w_i32(c->reply, "oidMachine", (int32_t)(c->s->seed & 0xffffff));
    return 0;
}

int sim_cmd_whatsmyuri(struct sim_call *c)
{
    sim_w_text(c->reply, "you", c->conn->remote);
    return 0;
}

int sim_cmd_connection_status(struct sim_call *c)
{
    sim_w_doc(c->reply, "authInfo");
    sim_put_login(c->reply, c->conn, sim_truth(sim_arg(c, "showPrivileges")));
    sim_w_end(c->reply);
    return 0;
}

static void put_pool(struct sim_w *w, const char *name)
{
    sim_w_doc(w, name);
    sim_w_i32(w, "inUse", 0);
    sim_w_i32(w, "available", 1);
    sim_w_i32(w, "created", 1);
    sim_w_i32(w, "refreshing", 0);
    sim_w_end(w);
}

int sim_cmd_conn_pool_stats(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    int n = c->s->members;
    sim_w_i32(w, "numClientConnections", 0);
    sim_w_i32(w, "numAScopedConnections", 0);
    sim_w_i32(w, "totalInUse", 0);
    sim_w_i32(w, "totalAvailable", n);
    sim_w_i32(w, "totalCreated", n);
    sim_w_i32(w, "totalRefreshing", 0);
    sim_w_doc(w, "pools");
    sim_w_doc(w, "NetworkInterfaceTL-ReplNetwork");
    sim_w_i32(w, "poolInUse", 0);
    sim_w_i32(w, "poolAvailable", n);
    sim_w_i32(w, "poolCreated", n);
    sim_w_i32(w, "poolRefreshing", 0);
    for (int i = 0; i < n; i++)
        put_pool(w, c->s->member[i].name);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_doc(w, "hosts");
    for (int i = 0; i < n; i++)
        put_pool(w, c->s->member[i].name);
    sim_w_end(w);
    sim_w_i32(w, "numReplicaSetMonitorsCreated", 0);
    sim_w_doc(w, "replicaSets");
    sim_w_end(w);
    return 0;
}

static int each_session(struct sim_call *c, const char *name, void (*fn)(struct sim *s, const uint8_t *lsid))
{
    struct sim_val list = sim_arg(c, name);
    struct sim_elem e;
    if (list.type != BSON_TYPE_ARRAY)
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field '%s.%s' is the wrong type '%s', expected type 'array'", name, name, sim_type_name(list.type));
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);)
        if (e.v.type == BSON_TYPE_DOCUMENT)
            fn(c->s, e.v.p);
    return 0;
}

int sim_cmd_end_sessions(struct sim_call *c)
{
    return each_session(c, "endSessions", sim_session_end);
}

int sim_cmd_kill_sessions(struct sim_call *c)
{
    return each_session(c, "killSessions", sim_session_end);
}

int sim_cmd_refresh_sessions(struct sim_call *c)
{
    return each_session(c, "refreshSessions", sim_session_touch);
}

int sim_cmd_start_session(struct sim_call *c)
{
    uint8_t uuid[16];
    sim_new_uuid(c->s, uuid);
    sim_w_doc(c->reply, "id");
    sim_w_uuid(c->reply, "id", uuid);
    sim_w_end(c->reply);
    sim_w_i32(c->reply, "timeoutMinutes", 30);
    return 0;
}

/* ---- the rest ---- */

void sim_put_rw_concern(struct sim_w *w, const struct sim *s)
{
    sim_w_doc(w, "defaultReadConcern");
    sim_w_text(w, "level", "local");
    sim_w_end(w);
    sim_w_doc(w, "defaultWriteConcern");
    sim_w_text(w, "w", "majority");
    sim_w_i32(w, "wtimeout", 0);
    sim_w_end(w);
    sim_w_text(w, "defaultWriteConcernSource", "implicit");
    sim_w_text(w, "defaultReadConcernSource", "implicit");
    sim_w_date(w, "localUpdateWallClockTime", s->start / 1000);
}

int sim_cmd_get_default_rw_concern(struct sim_call *c)
{
    sim_put_rw_concern(c->reply, c->s);
    return 0;
}

int sim_cmd_get_free_monitoring(struct sim_call *c)
{
    sim_w_text(c->reply, "state", "disabled");
    sim_w_text(c->reply, "message", "Free Monitoring support is not available in this build of MongoDB");
    return 0;
}

int sim_cmd_fsync(struct sim_call *c)
{
    if (sim_truth(sim_arg(c, "lock")))
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "fsync with lock is not simulated");
    sim_w_i32(c->reply, "numFiles", 1);
    return 0;
}

int sim_cmd_fsync_unlock(struct sim_call *c)
{
    return sim_fail(&c->fail, -1, "fsyncUnlock called when not locked");
}

int sim_cmd_list_commands(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    sim_w_doc(w, "commands");
    for (size_t i = 0; i < sim_commands_n; i++) {
        const struct sim_command *x = &sim_commands[i];
        if (!sim_command_known(c->s, x))
            continue;
        sim_w_doc(w, x->name);
        sim_w_text(w, "help", x->help);
        if (x->alias) {
            sim_w_array(w, "aliases");
            sim_w_text(w, NULL, x->alias);
            sim_w_end(w);
        }
        sim_w_bool(w, "requiresAuth", !(x->flags & SIM_BEFORE_AUTH));
        sim_w_bool(w, "secondaryOk", !(x->flags & SIM_PRIMARY) && !(x->flags & SIM_OPT_IN));
        if (x->flags & SIM_OPT_IN)
            sim_w_bool(w, "secondaryOverrideOk", true);
        sim_w_bool(w, "adminOnly", (x->flags & SIM_ADMIN) != 0);
        sim_w_array(w, "apiVersions");
        if (sim_command_in_api(c->s, x))
            sim_w_text(w, NULL, "1");
        sim_w_end(w);
        sim_w_array(w, "deprecatedApiVersions");
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_end(w);
    return 0;
}
