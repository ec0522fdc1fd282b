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

#define AGAIN_MS 60000    /* unless the options say otherwise */
#define FIRST_MS 5000     /* after the connection */
#define COLLECTIONS 100   /* that are looked at; the first by name of database, as the server lists them */
#define CLIENTS 200
#define BURST 4           /* commands, and then a rest: others ask the same member */
#define RESTS 60          /* of so many a pause between two looks would be made: a second of a minute */
#define SLICE_MS 50       /* of a rest: who ends the program does not wait for it */

/* ---- on a worker ---- */

struct looking {
    struct sb_conn *conn;
    struct sb_setup *out;
    const atomic_bool *give_up; /* NULL: nobody else asks */
    int64_t rest_ms;
    int sent;
    const char *db; /* whose collections are being listed */
    const char *of; /* whose indexes */
    char **ns;
    size_t ns_n;
    bool failed;    /* out of memory, or of room */
};

static bool over(const struct looking *k)
{
    return k->give_up && atomic_load(k->give_up);
}

static void rest_a_little(struct looking *k)
{
    if (++k->sent % BURST)
        return;
    for (int64_t left = k->rest_ms; left > 0 && !over(k); left -= SLICE_MS)
        nanosleep(&(struct timespec){.tv_nsec = 1000000L * (left < SLICE_MS ? left : SLICE_MS)}, NULL);
}

static bool ask(struct looking *k, const char *command, bson_t *reply)
{
    rest_a_little(k);
    return !over(k) && sb_read_json(k->conn, "admin", command, reply, NULL) == 0;
}

/* One command, whose reply is taken into the look. */
static int take(struct looking *k, const char *command, int (*fn)(struct sb_setup *, const char *, const bson_t *), const char *member)
{
    bson_t reply;
    if (!ask(k, command, &reply))
        return 0;
    int rc = fn(k->out, member, &reply);
    bson_destroy(&reply);
    return rc;
}

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct looking *k = ctx;
    char *ns = NULL;
    k->failed |= sb_setup_take_collection(k->out, k->db, doc, &ns) != 0;
    k->failed |= ns && sb_strs_push(&k->ns, &k->ns_n, ns) != 0;
    free(ns);
    return !k->failed && k->ns_n < COLLECTIONS;
}

static bool take_index(void *ctx, const bson_t *doc)
{
    struct looking *k = ctx;
    k->failed |= sb_setup_take_index(k->out, k->of, doc) != 0;
    return !k->failed;
}

static bool take_client(void *ctx, const bson_t *doc)
{
    struct looking *k = ctx;
    k->failed |= sb_setup_take_client(k->out, doc) != 0;
    return !k->failed;
}

static int read_databases(struct looking *k)
{
    bson_t dbs, one;
    bson_iter_t it, list, name;
    uint32_t len;
    const uint8_t *data;
    bool whole = true;
    if (!ask(k, "{\"listDatabases\": 1, \"nameOnly\": true}", &dbs))
        return 0;
    if (bson_iter_init_find(&it, &dbs, "databases") && BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &list))
        while (bson_iter_next(&list) && k->ns_n < COLLECTIONS && !k->failed) {
            if (!BSON_ITER_HOLDS_DOCUMENT(&list))
                continue;
            bson_iter_document(&list, &len, &data);
            if (!bson_init_static(&one, data, len) || !bson_iter_init_find(&name, &one, "name") || !BSON_ITER_HOLDS_UTF8(&name))
                continue;
            k->db = bson_iter_utf8(&name, NULL);
            if (strcmp(k->db, "admin") == 0 || strcmp(k->db, "local") == 0 || strcmp(k->db, "config") == 0)
                continue;
            rest_a_little(k);
            whole &= sb_read_cursor_json(k->conn, k->db, "{\"listCollections\": 1}", COLLECTIONS, take_collection, k, NULL) >= 0;
        }
    bson_destroy(&dbs);
    if (k->failed)
        return -1;
    return whole && k->ns_n < COLLECTIONS ? sb_setup_mark(k->out, SB_FACT_COLLECTION, "") : 0; /* of a part nobody knows what is new */
}

static int read_collections(struct looking *k)
{
    int rc = read_databases(k);
    for (size_t i = 0; i < k->ns_n && rc == 0 && !over(k); i++) {
        k->of = k->ns[i];
        const char *dot = strchr(k->of, '.');
        char *db = sb_strdup_n(k->of, (size_t)(dot - k->of));
        bson_t *command = BCON_NEW("listIndexes", BCON_UTF8(dot + 1));
        rest_a_little(k);
        if (db && command && sb_read_cursor(k->conn, db, command, 100, take_index, k, NULL) >= 0 && !k->failed)
            rc = sb_setup_mark(k->out, SB_FACT_INDEX, k->of);
        bson_destroy(command);
        free(db);
        rc = k->failed ? -1 : rc;
    }
    return rc;
}

static int read_clients(struct looking *k)
{
    rest_a_little(k);
    if (sb_read_cursor_json(k->conn, "admin",
                            "{\"aggregate\": 1, \"pipeline\": [{\"$currentOp\": {\"allUsers\": true, \"idleConnections\": true}}, {\"$match\": {\"appName\": {\"$exists\": true}}}, "
                            "{\"$group\": {\"_id\": {\"app\": \"$appName\", \"driver\": \"$clientMetadata.driver.name\", \"version\": \"$clientMetadata.driver.version\"}}}, "
                            "{\"$limit\": 200}], \"cursor\": {}}",
                            CLIENTS, take_client, k, NULL) < 0)
        return 0;
    return k->failed ? -1 : sb_setup_mark(k->out, SB_FACT_CLIENT, "");
}

int sb_o_altered_read(const struct sb_server *server, char *const *members, size_t n, const char *primary, const atomic_bool *give_up, int64_t rest_ms, struct sb_setup *out)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct looking k = {.conn = sb_conn_to_member(server, members[i], SB_LANE_CONTROL, NULL), .out = out, .give_up = give_up, .rest_ms = rest_ms};
        bool leads = primary ? strcmp(members[i], primary) == 0 : n == 1;
        if (!k.conn)
            continue;
        rc = take(&k, "{\"hello\": 1}", sb_setup_take_hello, members[i]) || take(&k, "{\"buildInfo\": 1}", sb_setup_take_build, members[i]) ||
             take(&k, "{\"getParameter\": \"*\"}", sb_setup_take_parameters, members[i]);
        if (rc == 0 && leads)
            rc = take(&k, "{\"getParameter\": 1, \"featureCompatibilityVersion\": 1}", sb_setup_take_fcv, "") ||
                 take(&k, "{\"replSetGetConfig\": 1}", sb_setup_take_config, "") || read_collections(&k) || read_clients(&k);
        rc = over(&k) ? -1 : rc;
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

static int64_t again_ms(const struct sb_orchestrator *o)
{
    return o->opt.altered_every_ms ? o->opt.altered_every_ms : AGAIN_MS;
}

static void work(void *p)
{
    struct altered_look *l = p;
    l->failed = sb_o_altered_read(l->o->opt.server, l->members, l->members_n, l->primary, &l->o->hooks_give_up, again_ms(l->o) / RESTS, &l->found) != 0 && !l->found.full;
    sb_o_post_done(l->o, &l->way, back, l, free_look);
}

void sb_o_tick_altered(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    /* two runs of one seed tell the same: what a minute of the machine's clock meets is left out of them */
    if (!o->connected || o->altered.looking || !o->have_strip || now < o->altered.next_ms || o->opt.origin->seeded)
        return;
    int64_t again = again_ms(o);
    bool first = o->altered.next_ms == 0;
    o->altered.next_ms = now + (first && again > FIRST_MS ? FIRST_MS : again);
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
