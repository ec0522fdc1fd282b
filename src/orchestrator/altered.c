/* SPDX-License-Identifier: Apache-2.0
 *
 * Once a minute a worker looks at what others may have altered: collections, indexes, validators, parameters, the feature compatibility
 * version, the set's members, versions, processes, and which applications connect with which driver. What differs from the last
 * look goes on the record as a mark of the Anomaly Detector, and among the suspects of what deviates next. What this program executed
 * itself is there already. What a server does not answer, or the login may not read, is not looked at. */
#include "private.h"

#include <signalbox/agents/anomaly_detector.h>
#include <signalbox/mongo/read_door.h>

#include <string.h>
#include <time.h>

#define AGAIN_MS 60000
#define FIRST_MS 5000     /* after the connection */
#define COLLECTIONS 100   /* that are looked at; the first by name of database, as the server lists them */
#define CLIENTS 200
#define BURST 4           /* commands, and then a second's rest: others ask the same member */

/* ---- on a worker ---- */

struct looking {
    struct sb_conn *conn;
    struct sb_setup *out;
    bool hurried;
    int sent;
    const char *db; /* whose collections are being listed */
    char **ns;
    size_t ns_n;
};

static void rest_a_little(struct looking *k)
{
    if (!k->hurried && ++k->sent % BURST == 0)
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
}

static bool ask(struct looking *k, const char *command, bson_t *reply)
{
    rest_a_little(k);
    return sb_read_json(k->conn, "admin", command, reply, NULL) == 0;
}

static const char *text_at(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_UTF8(&at) ? bson_iter_utf8(&at, NULL) : NULL;
}

/* A value of a document as Extended JSON; NULL out of memory. */
static char *value_of(const bson_iter_t *it)
{
    bson_t one = BSON_INITIALIZER;
    size_t n;
    char *all = bson_append_iter(&one, "v", 1, it) ? bson_as_relaxed_extended_json(&one, &n) : NULL, *out = NULL;
    const char *from = all ? strchr(all, ':') : NULL, *end = all ? strrchr(all, '}') : NULL;
    if (from && end && end > from) {
        from += 1 + strspn(from + 1, " ");
        while (end > from && end[-1] == ' ')
            end--;
        out = sb_strdup_n(from, (size_t)(end - from));
    }
    bson_free(all);
    bson_destroy(&one);
    return out;
}

static bool document_at(const bson_iter_t *it, bson_t *out)
{
    uint32_t len;
    const uint8_t *data;
    if (!BSON_ITER_HOLDS_DOCUMENT(it))
        return false;
    bson_iter_document(it, &len, &data);
    return bson_init_static(out, data, len);
}

static int read_process(struct looking *k, const char *member)
{
    bson_t reply;
    bson_iter_t it, at;
    char id[25];
    int rc = 0;
    if (ask(k, "{\"hello\": 1}", &reply)) {
        if (bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "topologyVersion.processId", &at) && BSON_ITER_HOLDS_OID(&at)) {
            bson_oid_to_string(bson_iter_oid(&at), id);
            rc = sb_setup_mark(k->out, SB_FACT_PROCESS, member) || sb_setup_add(k->out, SB_FACT_PROCESS, member, "process", id);
        }
        bson_destroy(&reply);
    }
    if (rc == 0 && ask(k, "{\"buildInfo\": 1}", &reply)) {
        const char *version = text_at(&reply, "version");
        if (version)
            rc = sb_setup_mark(k->out, SB_FACT_VERSION, member) || sb_setup_add(k->out, SB_FACT_VERSION, member, "version", version);
        bson_destroy(&reply);
    }
    return rc;
}

/* Of the set's version of features every member tells the same. */
static int read_parameters(struct looking *k, const char *member, bool fcv_too)
{
    bson_t reply;
    bson_iter_t it;
    if (!ask(k, "{\"getParameter\": \"*\"}", &reply))
        return 0;
    const char *fcv = text_at(&reply, "featureCompatibilityVersion.version");
    int rc = sb_setup_mark(k->out, SB_FACT_PARAMETER, member);
    if (rc == 0 && fcv && fcv_too)
        rc = sb_setup_mark(k->out, SB_FACT_FCV, "") || sb_setup_add(k->out, SB_FACT_FCV, "", "version", fcv);
    if (rc == 0 && bson_iter_init(&it, &reply))
        while (rc == 0 && bson_iter_next(&it)) {
            static const char *const none[] = {"ok", "operationTime", "featureCompatibilityVersion"};
            const char *name = bson_iter_key(&it);
            bool skip = name[0] == '$' || !name[0];
            for (size_t i = 0; i < SB_COUNT(none); i++)
                skip |= strcmp(name, none[i]) == 0;
            char *value = skip ? NULL : value_of(&it);
            rc = skip ? 0 : value ? sb_setup_add(k->out, SB_FACT_PARAMETER, member, name, value) : -1;
            free(value);
        }
    bson_destroy(&reply);
    return rc;
}

static int read_topology(struct looking *k)
{
    bson_t reply, member;
    bson_iter_t it, list, at;
    if (!ask(k, "{\"replSetGetConfig\": 1}", &reply))
        return 0;
    int rc = 0;
    if (bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "config.members", &at) && BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, &list)) {
        rc = sb_setup_mark(k->out, SB_FACT_TOPOLOGY, "");
        while (rc == 0 && bson_iter_next(&list)) {
            const char *host = document_at(&list, &member) ? text_at(&member, "host") : NULL;
            static const char *const facts[] = {"priority", "votes", "hidden", "arbiterOnly", "secondaryDelaySecs", "slaveDelay"};
            struct sb_str text;
            sb_str_init(&text);
            for (size_t i = 0; host && i < SB_COUNT(facts); i++)
                if (bson_iter_init_find(&at, &member, facts[i]) && (BSON_ITER_HOLDS_NUMBER(&at) || BSON_ITER_HOLDS_BOOL(&at)))
                    sb_str_addf(&text, "%s%s %lld", text.len ? ", " : "", facts[i], (long long)bson_iter_as_int64(&at));
            rc = !host ? 0 : sb_str_ok(&text) ? sb_setup_add(k->out, SB_FACT_TOPOLOGY, "", host, text.p) : -1;
            sb_str_release(&text);
        }
    }
    bson_destroy(&reply);
    return rc;
}

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct looking *k = ctx;
    bson_iter_t it, at;
    const char *name = text_at(doc, "name"), *type = text_at(doc, "type");
    if (!name || sb_starts_with(name, "system.") || sb_starts_with(name, "signalbox_") || (type && strcmp(type, "collection") != 0))
        return true;
    char *ns = sb_format("%s.%s", k->db, name), *value = NULL;
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "options.validator", &at))
        value = value_of(&at);
    int rc = !ns || sb_strs_push(&k->ns, &k->ns_n, ns) || sb_setup_add(k->out, SB_FACT_COLLECTION, "", ns, "") || sb_setup_mark(k->out, SB_FACT_VALIDATOR, ns);
    struct sb_str text;
    sb_str_init(&text);
    const char *level = text_at(doc, "options.validationLevel"), *action = text_at(doc, "options.validationAction");
    if (value)
        sb_str_addf(&text, "%s%s%s%s", level ? level : "", level ? ", " : "", action ? action : "", action ? ": " : ""), sb_str_adds(&text, value);
    rc = rc || !sb_str_ok(&text) || sb_setup_add(k->out, SB_FACT_VALIDATOR, ns, "validator", text.len ? text.p : "");
    sb_str_release(&text);
    free(value);
    free(ns);
    return !rc && k->ns_n < COLLECTIONS;
}

struct of_ns {
    struct looking *k;
    const char *ns;
    bool failed;
};

static bool take_index(void *ctx, const bson_t *doc)
{
    struct of_ns *x = ctx;
    const char *name = text_at(doc, "name");
    bson_t kept = BSON_INITIALIZER;
    bson_copy_to_excluding_noinit(doc, &kept, "v", "name", "ns", NULL);
    size_t n;
    char *spec = bson_as_relaxed_extended_json(&kept, &n);
    x->failed = spec && name ? sb_setup_add(x->k->out, SB_FACT_INDEX, x->ns, name, spec) != 0 : !spec;
    bson_free(spec);
    bson_destroy(&kept);
    return !x->failed;
}

static int read_collections(struct looking *k)
{
    bson_t dbs, one;
    bson_iter_t it, list;
    int rc = 0;
    if (!ask(k, "{\"listDatabases\": 1, \"nameOnly\": true}", &dbs))
        return 0;
    bool whole = true;
    if (bson_iter_init_find(&it, &dbs, "databases") && BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &list))
        while (bson_iter_next(&list) && k->ns_n < COLLECTIONS) {
            k->db = document_at(&list, &one) ? text_at(&one, "name") : NULL;
            if (!k->db || strcmp(k->db, "admin") == 0 || strcmp(k->db, "local") == 0 || strcmp(k->db, "config") == 0)
                continue;
            rest_a_little(k);
            whole &= sb_read_cursor_json(k->conn, k->db, "{\"listCollections\": 1}", COLLECTIONS, take_collection, k, NULL) >= 0;
        }
    bson_destroy(&dbs);
    if (whole && k->ns_n < COLLECTIONS) /* of a part nobody knows what is new */
        rc = sb_setup_mark(k->out, SB_FACT_COLLECTION, "");
    for (size_t i = 0; i < k->ns_n && rc == 0; i++) {
        struct of_ns x = {k, k->ns[i], false};
        const char *dot = strchr(x.ns, '.');
        char *db = sb_strdup_n(x.ns, (size_t)(dot - x.ns));
        bson_t *command = BCON_NEW("listIndexes", BCON_UTF8(dot + 1));
        rest_a_little(k);
        if (db && command && sb_read_cursor(k->conn, db, command, 100, take_index, &x, NULL) >= 0 && !x.failed)
            rc = sb_setup_mark(k->out, SB_FACT_INDEX, x.ns);
        bson_destroy(command);
        free(db);
        rc = x.failed ? -1 : rc;
    }
    return rc;
}

static bool take_client(void *ctx, const bson_t *doc)
{
    struct of_ns *x = ctx;
    const char *app = text_at(doc, "_id.app"), *driver = text_at(doc, "_id.driver"), *version = text_at(doc, "_id.version");
    char *value = sb_format("%s %s", driver ? driver : "a driver that does not tell", version ? version : "");
    if (app && app[0] && !sb_starts_with(app, "signalbox"))
        x->failed = !value || sb_setup_add(x->k->out, SB_FACT_CLIENT, "", app, value);
    free(value);
    return !x->failed;
}

static int read_clients(struct looking *k)
{
    struct of_ns x = {k, "", false};
    rest_a_little(k);
    if (sb_read_cursor_json(k->conn, "admin",
                            "{\"aggregate\": 1, \"pipeline\": [{\"$currentOp\": {\"allUsers\": true, \"idleConnections\": true}}, {\"$match\": {\"appName\": {\"$exists\": true}}}, "
                            "{\"$group\": {\"_id\": {\"app\": \"$appName\", \"driver\": \"$clientMetadata.driver.name\", \"version\": \"$clientMetadata.driver.version\"}}}, "
                            "{\"$limit\": 200}], \"cursor\": {}}",
                            CLIENTS, take_client, &x, NULL) < 0)
        return 0;
    return x.failed ? -1 : sb_setup_mark(k->out, SB_FACT_CLIENT, "");
}

int sb_o_altered_read(const struct sb_server *server, char *const *members, size_t n, const char *primary, bool hurried, struct sb_setup *out)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct looking k = {.conn = sb_conn_to_member(server, members[i], SB_LANE_CONTROL, NULL), .out = out, .hurried = hurried};
        bool leads = primary ? strcmp(members[i], primary) == 0 : n == 1;
        if (!k.conn)
            continue;
        rc = read_process(&k, members[i]) || read_parameters(&k, members[i], leads);
        if (rc == 0 && leads)
            rc = read_topology(&k) || read_collections(&k) || read_clients(&k);
        for (size_t j = 0; j < k.ns_n; j++)
            free(k.ns[j]);
        free(k.ns);
        sb_conn_close(k.conn);
    }
    return rc ? -1 : 0;
}

/* ---- now and then ---- */

struct altered_look {
    struct sb_orchestrator *o;
    struct errand way;
    char **members, *primary;
    size_t members_n;
    struct sb_setup found;
    bool failed;
};

static void free_look(void *p)
{
    struct altered_look *l = p;
    for (size_t i = 0; i < l->members_n; i++)
        free(l->members[i]);
    free(l->members);
    free(l->primary);
    sb_setup_release(&l->found);
    free(l);
}

/* By this program, since the last look. */
static bool own(const struct sb_orchestrator *o, const struct sb_alteration *a)
{
    for (size_t i = 0; i < o->altered.own_n; i++)
        if (a->ns && (!o->altered.own[i] || strcmp(o->altered.own[i], a->ns) == 0))
            return true;
    return false;
}

void sb_o_altered_own(struct sb_orchestrator *o, const char *ns)
{
    char *copy = NULL, **slot = sb_str_set(&copy, ns) ? NULL : SB_PUSH(o->altered.own);
    if (slot)
        *slot = copy;
    else
        free(copy); /* it is told once more */
}

void sb_o_altered_release(struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->altered.own_n; i++)
        free(o->altered.own[i]);
    free(o->altered.own);
    o->altered.own = NULL;
    o->altered.own_n = 0;
    sb_setup_release(&o->altered.last);
}

static void tell(void *ctx, const struct sb_alteration *a)
{
    struct sb_orchestrator *o = ctx;
    struct sb_actor detector = {.principal = (char *)(uintptr_t)sb_name(&sb_specialists, SB_BY_ANOMALY_DETECTOR)};
    if (own(o, a))
        return;
    size_t n = strlen(a->what);
    char *text = sb_strdup_n(a->what, n > SB_MARK_MOST ? sb_utf8_whole(a->what, SB_MARK_MOST) : n);
    const char *about = a->ns ? a->ns : a->app ? a->app : "the deployment";
    if (text && sb_o_record(o, SB_ENTRY_MARK, &detector, NULL,
                            json_pack("{s:o,s:o,s:o,s:o}", "text", sb_o_words(text), "ns", sb_o_words(a->ns), "app", sb_o_words(a->app), "about", sb_o_words(about)), NULL) == 0)
        sb_o_changed(o, &(struct sb_change){.at = o->altered.last.at, .what = text, .ns = a->ns, .app = a->app, .alters = a->alters, .seen_at = sb_o_deployment_now(o)});
    free(text);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct altered_look *l = p;
    o->altered.looking = false;
    if (!l->failed) {
        bool first = o->altered.last.at == 0;
        if (!first && sb_setup_compare(&o->altered.last, &l->found, tell, o))
            sb_o_notice(o, SB_LOW, "Out of memory: not all of what was altered is told.");
        sb_o_altered_release(o);
        o->altered.last = l->found;
        l->found = (struct sb_setup){0};
    }
    free_look(l);
}

static void work(void *p)
{
    struct altered_look *l = p;
    l->failed = sb_o_altered_read(l->o->opt.server, l->members, l->members_n, l->primary, false, &l->found) != 0 && !l->found.full;
    sb_o_post_done(l->o, &l->way, back, l, free_look);
}

void sb_o_tick_altered(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    /* two runs of one seed tell the same: what a minute of the machine's clock meets is left out of them */
    if (!o->connected || o->altered.looking || !o->have_strip || now < o->altered.next_ms || o->opt.origin->seeded)
        return;
    bool first = o->altered.next_ms == 0;
    o->altered.next_ms = now + (first ? FIRST_MS : AGAIN_MS);
    struct altered_look *l = first ? NULL : calloc(1, sizeof *l);
    if (!l)
        return;
    l->o = o;
    l->found.at = sb_o_deployment_now(o);
    if (sb_o_members(o, &l->members, &l->members_n, &l->primary))
        free_look(l);
    else
        o->altered.looking = sb_o_work(o, &l->way, work, l, free_look);
}
