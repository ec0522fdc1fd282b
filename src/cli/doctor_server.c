/* SPDX-License-Identifier: Apache-2.0
 *
 * What the deployment lets this login read. Each read that the program makes is made once, on each member: what a server grants
 * and what it has is learned from its answers, not from a list of roles. */
#include "doctor.h"

#include <signalbox/base/clock.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define UNAUTHORIZED 13 /* the server's code for what this login may not */
#define SKEW_MS 2000

/* What each read is for. */
static const struct {
    const char *db, *command, *name, *blind;
    bool cursor, of_set; /* of_set: a standalone has it not, and is said to be one */
    bool about_one;      /* what it fails for may hold for this collection only, unless it is that it is not known or not granted */
} reads[] = {
    {"admin", "{\"serverStatus\": 1}", "serverStatus", "load, cache, queues and connections", false, false, false},
    {"admin", "{\"replSetGetStatus\": 1}", "replSetGetStatus", "lag, members and elections", false, true, false},
    {"admin", "{\"getLog\": \"global\"}", "getLog", "slow operations, and so the shapes behind an anomaly", false, false, false},
    {"admin", "{\"top\": 1}", "top", "latency by collection, and so most anomalies", false, false, false},
    {"admin", "{\"dbStats\": 1}", "dbStats", "room on the disk before a build", false, false, false},
    {"admin", "{\"listDatabases\": 1, \"nameOnly\": true}", "listDatabases", "which collections there are", false, false, false},
    {"admin", "{\"profile\": -1}", "profile", "operations too quick for the log", false, false, true},
    {"admin", "{\"aggregate\": \"system.version\", \"pipeline\": [{\"$indexStats\": {}}], \"cursor\": {}}", "$indexStats",
     "use of indexes, and whether each member has finished a build", true, false, true},
    {"admin", "{\"aggregate\": 1, \"pipeline\": [{\"$currentOp\": {\"allUsers\": true}}, {\"$limit\": 1}], \"cursor\": {}}", "$currentOp",
     "builds that run, long operations and transactions", true, false, false},
    {"local", "{\"find\": \"oplog.rs\", \"sort\": {\"$natural\": -1}, \"limit\": 1, \"projection\": {\"ts\": 1}}", "find on local.oplog.rs",
     "how far back the oplog goes", true, true, false},
};
#define READS SB_COUNT(reads)

struct tally {
    size_t members, answered[READS];
    struct sb_err why[READS]; /* the first refusal; it names the member */
    int64_t skew_ms;
    bool skew_known;
    int64_t certificate_ends; /* of the one that ends first; 0: none was told */
    const char *certificate_of;
    int64_t disk_ppm, disk_left; /* free, where least is; disk_ppm -1: nobody told */
    const char *disk_of;
};

enum { READ_STATUS = 0, READ_DISK = 4 }; /* places in the table whose answers are looked into */

static bool pass(void *ctx, const bson_t *doc)
{
    (void)ctx;
    (void)doc;
    return false;
}

/* The server's clock against ours, read in the middle of the exchange. */
static void take_skew(const bson_t *reply, int64_t before, struct tally *t)
{
    bson_iter_t it;
    if (!bson_iter_init_find(&it, reply, "localTime") || !BSON_ITER_HOLDS_DATE_TIME(&it))
        return;
    int64_t skew = bson_iter_date_time(&it) - (before + sb_wall_ms()) / 2;
    if (!t->skew_known || llabs(skew) > llabs(t->skew_ms))
        t->skew_ms = skew;
    t->skew_known = true;
}

/* The end of the certificate that the member shows to its clients. */
static void take_certificate(const bson_t *reply, const char *member, struct tally *t)
{
    bson_iter_t it, at;
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, "security.SSLServerCertificateExpirationDate", &at) || !BSON_ITER_HOLDS_DATE_TIME(&at))
        return;
    int64_t ends = bson_iter_date_time(&at);
    if (ends <= 0 || (t->certificate_ends && ends >= t->certificate_ends))
        return;
    t->certificate_ends = ends;
    t->certificate_of = member;
}

static int64_t number_of(const bson_t *reply, const char *key)
{
    bson_iter_t it;
    if (!bson_iter_init_find(&it, reply, key) || !BSON_ITER_HOLDS_NUMBER(&it))
        return -1;
    double v = bson_iter_as_double(&it);
    return v >= 0 && v < 9e18 ? (int64_t)v : -1;
}

/* Room on the disk that the member's data lies on. */
static void take_disk(const bson_t *reply, const char *member, struct tally *t)
{
    int64_t total = number_of(reply, "fsTotalSize"), used = number_of(reply, "fsUsedSize");
    if (total <= 0 || used < 0 || used > total)
        return;
    int64_t ppm = (int64_t)((double)(total - used) / (double)total * 1e6);
    if (t->disk_ppm >= 0 && ppm >= t->disk_ppm)
        return;
    t->disk_ppm = ppm;
    t->disk_left = total - used;
    t->disk_of = member;
}

static bool about_the_server(const struct sb_err *why)
{
    return why->code != SB_ECOMMAND || why->detail == UNAUTHORIZED || sb_server_lacks(why->detail);
}

static int read_one(struct sb_conn *c, size_t i, const char *member, struct tally *t, struct sb_err *why)
{
    bson_t reply;
    int64_t before = sb_wall_ms();
    if (reads[i].cursor) {
        if (sb_read_cursor_json(c, reads[i].db, reads[i].command, 1, pass, NULL, why) < 0)
            return reads[i].about_one && !about_the_server(why) ? 0 : -1;
        return 0;
    }
    if (sb_read_json(c, reads[i].db, reads[i].command, &reply, why))
        return reads[i].about_one && !about_the_server(why) ? 0 : -1;
    if (i == READ_STATUS) {
        take_skew(&reply, before, t);
        take_certificate(&reply, member, t);
    } else if (i == READ_DISK) {
        take_disk(&reply, member, t);
    }
    bson_destroy(&reply);
    return 0;
}

static void ask_member(const struct sb_server *server, const char *member, bool replicated, struct tally *t)
{
    struct sb_err away = SB_ERR_INIT; /* set: it does not answer, and the rest would only wait for it again */
    struct sb_conn *c = sb_conn_to_member(server, member, SB_LANE_CONTROL, &away);
    t->members++;
    for (size_t i = 0; i < READS; i++) {
        struct sb_err why = away;
        if ((reads[i].of_set && !replicated) || (away.code == SB_OK && read_one(c, i, member, t, &why) == 0)) {
            t->answered[i]++;
            continue;
        }
        if (t->why[i].code == SB_OK)
            t->why[i] = why;
        if (why.code == SB_ESERVER)
            away = why;
    }
    sb_conn_close(c);
}

static void tell_reads(struct doctor *d, const struct tally *t)
{
    size_t good = 0;
    for (size_t i = 0; i < READS; i++)
        good += t->answered[i] == t->members;
    if (good)
        sb_found(d, SB_FOUND_GOOD, "deployment", "", "%zu of %zu kinds of reads are answered by every member", good, READS);
    for (size_t i = 0; i < READS; i++) {
        const struct sb_err *why = &t->why[i];
        if (t->answered[i] == t->members)
            continue;
        bool refused = why->code == SB_ECOMMAND && why->detail == UNAUTHORIZED;
        sb_found(d, SB_FOUND_WRONG, "deployment",
                 refused ? "db.getSiblingDB(\"admin\").grantRolesToUser(USER, [\"clusterMonitor\", \"readAnyDatabase\", {role: \"read\", db: \"local\"}])"
                 : why->code == SB_ESERVER ? "look whether this member runs, and whether it can be reached from here"
                                           : "",
                 "%s fails on %zu of %zu members (%s). Blind: %s", reads[i].name, t->members - t->answered[i], t->members, why->msg, reads[i].blind);
    }
}

/* ---- who is logged in ---- */

struct login {
    bool known, named; /* the server told; it told a user */
    char user[256];
    bool create, drop, modify;
};

static void take_actions(bson_iter_t *privilege, struct login *l)
{
    bson_iter_t actions;
    if (!bson_iter_recurse(privilege, &actions) || !bson_iter_find(&actions, "actions") || !BSON_ITER_HOLDS_ARRAY(&actions))
        return;
    bson_iter_t action;
    for (bool ok = bson_iter_recurse(&actions, &action); ok && bson_iter_next(&action);) {
        const char *name = BSON_ITER_HOLDS_UTF8(&action) ? bson_iter_utf8(&action, NULL) : "";
        bool any = strcmp(name, "anyAction") == 0;
        l->create |= any || strcmp(name, "createIndex") == 0;
        l->drop |= any || strcmp(name, "dropIndex") == 0;
        l->modify |= any || strcmp(name, "collMod") == 0;
    }
}

static int ask_login(struct sb_conn *c, struct login *l, struct sb_err *err)
{
    bson_t reply;
    bson_iter_t it, at, each, user;
    memset(l, 0, sizeof *l);
    if (sb_read_json(c, "admin", "{\"connectionStatus\": 1, \"showPrivileges\": true}", &reply, err))
        return -1;
    if (bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "authInfo.authenticatedUsers", &at) && BSON_ITER_HOLDS_ARRAY(&at)) {
        l->known = true;
        if (bson_iter_recurse(&at, &each) && bson_iter_next(&each) && bson_iter_recurse(&each, &user) && bson_iter_find(&user, "user") && BSON_ITER_HOLDS_UTF8(&user)) {
            l->named = true;
            snprintf(l->user, sizeof l->user, "%s", bson_iter_utf8(&user, NULL));
        }
    }
    if (bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "authInfo.authenticatedUserPrivileges", &at) && BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, &each))
        while (bson_iter_next(&each))
            take_actions(&each, l);
    bson_destroy(&reply);
    return 0;
}

/* The login that executes: what it may do on some collection at least; on which, the server says when it is asked to. */
static void look_at_executor(struct doctor *d, const struct sb_target *t, struct sb_server *monitor)
{
    struct sb_err err = SB_ERR_INIT;
    struct login l;
    struct sb_server *own = t->executor.len ? sb_server_new(t->executor.p, true, &err) : NULL;
    const struct sb_server *server = own ? own : monitor;
    struct sb_conn *c = t->executor.len && !own ? NULL : sb_conn_to_primary(server, SB_LANE_CONTROL, &err);
    const char *which = own ? "the executor's login" : "the login";
    if (!c || ask_login(c, &l, &err))
        sb_found(d, SB_FOUND_WRONG, "deployment", "", "%s: %s", t->executor_from && t->executor.len ? t->executor_from : which, err.msg);
    else if (!l.known)
        sb_found(d, SB_FOUND_NOTE, "deployment", "", "the server does not tell what %s may do", which);
    else if (!l.named)
        sb_found(d, SB_FOUND_NOTE, "deployment", "switch access control on, and give the connection string a user", "nobody is logged in: whoever reaches this server may do everything");
    else if (!l.create || !l.drop || !l.modify)
        sb_found(d, SB_FOUND_WRONG, "deployment", "a role with createIndex, dropIndex and collMod on the databases that are to be changed",
                 "%s (%s) lacks%s%s%s: cards for these end in a refusal", which, l.user, l.create ? "" : " createIndex", l.drop ? "" : " dropIndex", l.modify ? "" : " collMod");
    else
        sb_found(d, SB_FOUND_GOOD, "deployment", "", "%s (%s) may create, drop and hide indexes", which, l.user);
    sb_conn_close(c);
    sb_server_free(own);
}

/* ---- the set ---- */

#define DAY_MS INT64_C(86400000)
#define SOON_DAYS 30     /* a certificate is to be renewed */
#define VERY_SOON_DAYS 7

static void tell_certificate(struct doctor *d, const struct tally *t)
{
    char when[SB_TIME_LEN + 1];
    int64_t now = sb_wall_ms(), days = (t->certificate_ends - now) / DAY_MS;
    if (!t->certificate_ends)
        return;
    sb_time_format(when, t->certificate_ends);
    when[10] = '\0';
    static const char mend[] = "have it renewed; when it has ended, nobody gets in who checks it, this program among them";
    if (t->certificate_ends <= now)
        sb_found(d, SB_FOUND_WRONG, "deployment", mend, "the certificate of %s ended on %s", t->certificate_of, when);
    else if (days < SOON_DAYS)
        sb_found(d, days < VERY_SOON_DAYS ? SB_FOUND_WRONG : SB_FOUND_NOTE, "deployment", mend, "the certificate of %s ends on %s, in %" PRId64 " days", t->certificate_of, when, days);
    else
        sb_found(d, SB_FOUND_GOOD, "deployment", "", "the members' certificates hold, the first of them until %s", when);
}

#define LITTLE_PPM 150000
#define TOO_LITTLE_PPM 50000

static void tell_disk(struct doctor *d, const struct tally *t)
{
    if (t->disk_ppm < 0)
        return;
    sb_found(d, t->disk_ppm < TOO_LITTLE_PPM ? SB_FOUND_WRONG : t->disk_ppm < LITTLE_PPM ? SB_FOUND_NOTE : SB_FOUND_GOOD, "deployment",
             t->disk_ppm < LITTLE_PPM ? "make room before an index is built or a restore begun; when it is full, the member stops" : "",
             "the disk of %s has %" PRId64 " GB free (%" PRId64 " %%)%s", t->disk_of, t->disk_left / 1000000000, t->disk_ppm / 10000, t->members > 1 ? ", the least of the members" : "");
}

static void look_at_members(struct doctor *d, const struct sb_server *server, const struct sb_deployment_facts *facts)
{
    struct tally t = {.disk_ppm = -1};
    const struct sb_hello *h = &facts->hello;
    bool replicated = sb_hello_replicated(h);
    for (size_t i = 0; i < facts->shards_n; i++)
        for (size_t k = 0; k < facts->shards[i].hosts_n; k++)
            ask_member(server, facts->shards[i].hosts[k], true, &t);
    for (size_t i = 0; i < h->members_n; i++) {
        bool arbiter = false;
        for (size_t k = 0; k < h->arbiters_n; k++)
            arbiter |= strcmp(h->members[i], h->arbiters[k]) == 0;
        if (!arbiter && sb_doctor_doing(d, "the deployment: %s, member %zu of %zu", h->members[i], i + 1, h->members_n))
            ask_member(server, h->members[i], replicated, &t);
    }
    if (!h->members_n && !facts->shards_n && sb_server_seeds(server))
        ask_member(server, sb_server_seed(server, 0), replicated, &t);
    tell_reads(d, &t);
    if (t.skew_known && !facts->simulated && llabs(t.skew_ms) > SKEW_MS)
        sb_found(d, SB_FOUND_NOTE, "clock", "run chrony or systemd-timesyncd on both", "a member's clock is %" PRId64 " ms %s this one", (int64_t)llabs(t.skew_ms),
                 t.skew_ms > 0 ? "ahead of" : "behind");
    tell_certificate(d, &t);
    tell_disk(d, &t);
}

void sb_doctor_server(struct doctor *d, const struct sb_target *t)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_deployment_facts facts;
    struct sb_server *server = sb_server_new(t->uri.p, true, &err);
    struct sb_conn *c = server ? sb_conn_to_primary(server, SB_LANE_CONTROL, &err) : NULL;
    if (!c || sb_deployment_identify(c, &facts, &err)) {
        sb_found(d, SB_FOUND_WRONG, "deployment", err.code == SB_ESERVER ? "look whether it runs, whether the connection string names it with its set's name, and whether the login is right" : "",
                 "%s%s%s", t->uri_from ? t->uri_from : "", t->uri_from ? ": " : "", err.msg);
    } else {
        sb_found(d, SB_FOUND_GOOD, "deployment", "", "%s: %s%s%s, MongoDB %s%s", t->name, facts.hello.set_name[0] ? "replica set " : facts.hello.is_mongos ? "sharded cluster" : "standalone server", facts.hello.set_name,
                 facts.simulated ? " (SIMULATED)" : "", facts.version, facts.id[0] ? "" : ", its identity is not known");
        for (size_t i = 0; i < facts.blind_n; i++)
            sb_found(d, SB_FOUND_NOTE, "deployment", "", "Blind to %s", facts.blind[i]);
        look_at_members(d, server, &facts);
        if (sb_doctor_step(d, t->executor.len ? "the login that executes" : "what the login may do"))
            look_at_executor(d, t, server);
        sb_deployment_facts_release(&facts);
    }
    sb_conn_close(c);
    sb_server_free(server);
}
