/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a deployment is and what it can answer: found out by asking, never by assuming. */
#include "private.h"

#include <signalbox/base/record.h>

static void copy_text(char *out, size_t cap, const bson_t *doc, const char *path)
{
    bson_iter_t it, field;
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &field) && BSON_ITER_HOLDS_UTF8(&field))
        snprintf(out, cap, "%s", bson_iter_utf8(&field, NULL));
}

static bool get_bool(const bson_t *doc, const char *path)
{
    bson_iter_t it, field;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &field) && bson_iter_as_bool(&field);
}

static int64_t get_int(const bson_t *doc, const char *path)
{
    bson_iter_t it, field;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &field) && BSON_ITER_HOLDS_NUMBER(&field)
               ? bson_iter_as_int64(&field)
               : 0;
}

static int copy_hosts(const bson_t *doc, const char *key, char ***list, size_t *n)
{
    bson_iter_t it, one;
    if (!bson_iter_init_find(&it, doc, key) || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &one))
        return 0;
    while (bson_iter_next(&one))
        if (BSON_ITER_HOLDS_UTF8(&one) && *n < 64 && sb_strs_push(list, n, bson_iter_utf8(&one, NULL)))
            return -1;
    return 0;
}

static int ask_hello(struct sb_conn *c, struct sb_hello *h, struct sb_err *err)
{
    bson_t reply;
    struct sb_err why = SB_ERR_INIT;
    if (sb_read_json(c, "admin", "{\"hello\": 1}", &reply, &why)) {
        if (why.code != SB_ECOMMAND || sb_read_json(c, "admin", "{\"isMaster\": 1}", &reply, &why)) {
            if (err)
                *err = why;
            return -1;
        }
    }
    copy_text(h->set_name, sizeof h->set_name, &reply, "setName");
    copy_text(h->me, sizeof h->me, &reply, "me");
    copy_text(h->primary, sizeof h->primary, &reply, "primary");
    char msg[16] = "";
    copy_text(msg, sizeof msg, &reply, "msg");
    h->is_mongos = strcmp(msg, "isdbgrid") == 0;
    h->is_primary = get_bool(&reply, "isWritablePrimary") || get_bool(&reply, "ismaster");
    h->is_secondary = get_bool(&reply, "secondary");
    h->min_wire = get_int(&reply, "minWireVersion");
    h->max_wire = get_int(&reply, "maxWireVersion");
    int rc = copy_hosts(&reply, "hosts", &h->members, &h->members_n) || copy_hosts(&reply, "passives", &h->members, &h->members_n) ||
             copy_hosts(&reply, "arbiters", &h->members, &h->members_n) || copy_hosts(&reply, "arbiters", &h->arbiters, &h->arbiters_n);
    bson_destroy(&reply);
    return rc ? sb_fail_nomem(err) : 0;
}

void sb_blind(struct sb_deployment_facts *f, const char *sentence)
{
    int ignored = sb_strs_push(&f->blind, &f->blind_n, sentence);
    (void)ignored;
}

static int ask_build(struct sb_conn *c, struct sb_deployment_facts *f, char *incarnation, size_t cap, struct sb_err *err)
{
    bson_t reply;
    if (sb_read_json(c, "admin", "{\"buildInfo\": 1}", &reply, err))
        return -1;
    copy_text(f->version, sizeof f->version, &reply, "version");
    int64_t part[3] = {0};
    for (int i = 0; i < 3; i++) {
        char path[24];
        snprintf(path, sizeof path, "versionArray.%d", i);
        part[i] = get_int(&reply, path);
    }
    f->version_number = part[0] * 10000 + part[1] * 100 + part[2];
    f->simulated = get_bool(&reply, "signalbox.simulated");
    f->mongod = !f->simulated && bson_has_field(&reply, "storageEngines") && !bson_has_field(&reply, "ferretdbVersion");
    f->speed = f->simulated ? get_int(&reply, "signalbox.speed") : 1;
    if (f->speed < 1)
        f->speed = 1;
    copy_text(incarnation, cap, &reply, "signalbox.incarnation");
    bson_destroy(&reply);
    return 0;
}

/* What a name is bound to: the set's own id, or the cluster's, which no rename of hosts changes. */
static int ask_identity(struct sb_conn *c, struct sb_deployment_facts *f, const char *incarnation, struct sb_err *err)
{
    char id[64] = "";
    bson_t reply;
    struct sb_err why = SB_ERR_INIT;
    if (f->hello.is_mongos) {
        if (sb_cluster_ask(c, f, id, sizeof id, err))
            return -1;
        if (!id[0]) {
            sb_blind(f, "the cluster's identity: config.version gave no clusterId, so the cluster is known by the address of its mongos only");
            snprintf(f->id, sizeof f->id, "mongos:%.100s", sb_conn_name(c));
        } else {
            snprintf(f->id, sizeof f->id, "cluster:%s%s%.40s", id, incarnation[0] ? "/" : "", incarnation);
        }
    } else if (f->hello.set_name[0]) {
        if (sb_read_json(c, "admin", "{\"replSetGetConfig\": 1}", &reply, &why) == 0) {
            bson_iter_t it, field;
            if (bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "config.settings.replicaSetId", &field) &&
                BSON_ITER_HOLDS_OID(&field))
                bson_oid_to_string(bson_iter_oid(&field), id);
            bson_destroy(&reply);
        } else if (why.code == SB_ESERVER) { /* it wants a login, or has gone: by its name alone another set could pass for it */
            if (err)
                *err = why;
            return -1;
        }
        if (!id[0]) {
            sb_blind(f, "the set's identity: replSetGetConfig gave no replicaSetId, so the set is known by its name only");
            snprintf(f->id, sizeof f->id, "name:%.100s", f->hello.set_name);
        } else if (incarnation[0]) {
            snprintf(f->id, sizeof f->id, "rs:%s/%.40s", id, incarnation);
        } else {
            snprintf(f->id, sizeof f->id, "rs:%s", id);
        }
    } else {
        sb_blind(f, "replication: this is a standalone server, so lag, members and elections cannot be seen");
        snprintf(f->id, sizeof f->id, "standalone:%.100s", f->hello.me[0] ? f->hello.me : sb_conn_name(c));
    }
    return 0;
}

bool sb_server_lacks(int64_t code)
{
    return code == 59 || code == 115 || code == 238 || code == 40324; /* CommandNotFound, CommandNotSupported, NotImplemented, unknown stage */
}

/* One command each, only to learn whether it is known. */
static void ask_abilities(struct sb_conn *c, struct sb_deployment_facts *f)
{
    static const struct {
        const char *db, *command, *blind;
        bool about_one; /* what it is refused for may hold for this database or collection only */
        bool of_mongod; /* a mongos has no such thing: it is asked of the shards' members */
    } probes[] = {
        {"admin", "{\"top\": 1}", "latency per collection: the server does not answer top", false, true},
        {"admin", "{\"getLog\": \"global\"}", "slow queries: the server does not answer getLog", false, false},
        {"admin", "{\"aggregate\": 1, \"pipeline\": [{\"$currentOp\": {\"allUsers\": true}}, {\"$limit\": 1}], \"cursor\": {}}",
         "running operations and index builds: the server does not answer $currentOp", false, false},
        {"admin", "{\"profile\": -1}", "operations that are not slow enough for the log: the server has no profiler", true, true},
        {"admin", "{\"aggregate\": \"system.version\", \"pipeline\": [{\"$indexStats\": {}}], \"cursor\": {}}",
         "use of indexes, and whether each member has finished a build: the server has no $indexStats", true, false},
    };
    for (size_t i = 0; i < SB_COUNT(probes); i++) {
        bson_t reply;
        struct sb_err why = SB_ERR_INIT;
        if (probes[i].of_mongod && f->hello.is_mongos)
            continue;
        if (sb_read_json(c, probes[i].db, probes[i].command, &reply, &why) == 0) {
            bson_destroy(&reply);
        } else if (why.code == SB_ECOMMAND && (!probes[i].about_one || sb_server_lacks(why.detail))) {
            char sentence[768];
            snprintf(sentence, sizeof sentence, "%s (%s)", probes[i].blind, why.msg);
            sb_blind(f, sentence);
        }
    }
}

int sb_deployment_identify(struct sb_conn *c, struct sb_deployment_facts *f, struct sb_err *err)
{
    memset(f, 0, sizeof *f);
    char incarnation[64] = "";
    if (ask_hello(c, &f->hello, err) || ask_build(c, f, incarnation, sizeof incarnation, err) ||
        ask_identity(c, f, incarnation, err)) {
        sb_deployment_facts_release(f);
        return -1;
    }
    return 0;
}

int sb_deployment_ask(struct sb_conn *c, struct sb_deployment_facts *f, struct sb_err *err)
{
    if (sb_deployment_identify(c, f, err))
        return -1;
    ask_abilities(c, f);
    return 0;
}

static void free_list(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

void sb_deployment_facts_release(struct sb_deployment_facts *f)
{
    free_list(f->hello.members, f->hello.members_n);
    free_list(f->hello.arbiters, f->hello.arbiters_n);
    free_list(f->blind, f->blind_n);
    sb_cluster_release(f);
    memset(f, 0, sizeof *f);
}
