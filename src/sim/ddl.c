/* SPDX-License-Identifier: Apache-2.0
 *
 * create, drop, dropDatabase, collMod, renameCollection and what is near them. */
#include <signalbox/sim/apply.h>
#include <signalbox/sim/build.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/plan_cache.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/contend.h>

#include "commands.h"
#include "ddl.h"
#include "series.h"
#include "view.h"

#include <string.h>

int sim_check_writable(struct sim_call *c)
{
    const char *name = c->ns + strlen(c->db) + 1;
    if (strcmp(name, "system.profile") == 0)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "cannot write to %s", c->ns);
    if (strncmp(name, "system.", 7) == 0 && strcmp(c->db, "config") != 0 && strcmp(c->db, "admin") != 0)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "cannot write to '%s'", c->ns);
    if (strchr(name, '$'))
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "Invalid collection name: %s", name);
    if (strcmp(c->ns, "local.oplog.rs") == 0)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "cannot write to '%s'", c->ns);
    return 0;
}

int sim_change_catalog(struct sim_call *c, const char *db, const uint8_t *uuid, const uint8_t *o, const uint8_t *o2)
{
    if (sim_apply_command(c->s, c->m, db, uuid, o, &c->fail))
        return -1;
    struct sim_coll *coll = uuid ? sim_coll_by_uuid(&c->m->cat, uuid) : NULL;
    if (coll && coll->records.count) /* the change itself is seen at once, who writes waits until its lock is free */
        sim_lock_exclusive(c->m, coll, (int64_t)c->s->costs.ddl_us);
    if (strcmp(db, "local") == 0)
        return 0;
    return sim_log_command(c->s, db, uuid, o, o2) ? sim_fail_nomem(&c->fail) : 0;
}

struct sim_coll *sim_create_coll(struct sim_call *c, const uint8_t *options)
{
    struct sim_w w;
    struct sim_elem e;
    uint8_t uuid[16];
    sim_new_uuid(c->s, uuid);
    sim_w_init(&w);
    sim_w_text(&w, "create", c->ns + strlen(c->db) + 1);
    for (struct sim_iter it = sim_iter_of(options); sim_next(&it, &e);)
        sim_w_val_n(&w, e.key, e.key_n, e.v);
    sim_w_doc(&w, "idIndex");
    sim_w_i32(&w, "v", 2);
    sim_w_doc(&w, "key");
    sim_w_i32(&w, "_id", 1);
    sim_w_end(&w);
    sim_w_text(&w, "name", "_id_");
    sim_w_end(&w);
    const uint8_t *o = sim_w_done(&w);
    int rc = o ? sim_change_catalog(c, c->db, uuid, o, NULL) : sim_fail_nomem(&c->fail);
    sim_w_release(&w);
    return rc ? NULL : sim_coll_find(&c->m->cat, c->ns);
}

struct sim_coll *sim_need_coll(struct sim_call *c)
{
    static const uint8_t none[] = {5, 0, 0, 0, 0};
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    return coll ? coll : sim_create_coll(c, none);
}

/* ---- validators ---- */

static int check_validator(struct sim_call *c, struct sim_val v)
{
    if (!v.type)
        return 0;
    if (v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field '%s.validator' is the wrong type '%s', expected type 'object'", c->cmd->name, sim_type_name(v.type));
    if (!sim_is_empty(v.p) && (strcmp(c->db, "admin") == 0 || strcmp(c->db, "local") == 0 || strcmp(c->db, "config") == 0))
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Document validators are not allowed on collection %s in the %s internal database", c->ns, c->db);
    struct sim_filter *f = sim_filter_new(v.p, &c->fail);
    sim_filter_free(f);
    return f ? 0 : -1;
}

static int check_enumeration(struct sim_call *c, const char *field, const char *const *values, size_t n)
{
    struct sim_val v = sim_arg(c, field);
    bool found = !v.type;
    for (size_t i = 0; i < n; i++)
        found = found || sim_text_is(v, values[i]);
    return found ? 0
                 : sim_fail(&c->fail, SIM_BAD_VALUE, "Enumeration value '%.60s' for field '%s.%s' is not a valid value.",
                            sim_is_text(v.type) ? sim_text(v) : "", c->cmd->name, field);
}

static int check_validation(struct sim_call *c)
{
    static const char *const levels[] = {"strict", "moderate", "off"}, *const actions[] = {"error", "warn"};
    return check_enumeration(c, "validationLevel", levels, SB_COUNT(levels)) || check_enumeration(c, "validationAction", actions, SB_COUNT(actions))
               ? -1
               : 0;
}

/* ---- create ---- */

int sim_cmd_create(struct sim_call *c)
{
    bool capped = false;
    int64_t size = 0, max = 0;
    if (sim_call_ns(c) || sim_check_writable(c) || sim_arg_bool(c, "capped", &capped) || sim_arg_int(c, "size", &size) || sim_arg_int(c, "max", &max))
        return -1;
    if (sim_coll_find(&c->m->cat, c->ns))
        return sim_fail(&c->fail, SIM_NAMESPACE_EXISTS, "Collection already exists. NS: %s", c->ns);
    if (sim_view_find(&c->m->cat, c->ns))
        return sim_fail(&c->fail, SIM_NAMESPACE_EXISTS, "A %s already exists. NS: %s", sim_series_find(&c->m->cat, c->ns) ? "timeseries collection" : "view", c->ns);
    if (sim_arg(c, "timeseries").type)
        return sim_series_create(c);
    if (sim_arg(c, "expireAfterSeconds").type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "'expireAfterSeconds' is only supported on time-series collections");
    if (sim_arg(c, "viewOn").type || sim_arg(c, "pipeline").type)
        return sim_view_create(c);
    if (capped && size <= 0)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "the 'size' field is required when 'capped' is true");
    if (!capped && (sim_arg(c, "size").type || sim_arg(c, "max").type))
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "the 'capped' field needs to be true when either the 'size' or 'max' fields are present");
    if (check_validator(c, sim_arg(c, "validator")) || check_validation(c))
        return -1;
    struct sim_w w;
    sim_w_init(&w);
    if (capped) {
        sim_w_bool(&w, "capped", true);
        sim_w_int(&w, "size", (size + 255) / 256 * 256);
        if (max)
            sim_w_int(&w, "max", max);
    }
    sim_w_val(&w, "validator", sim_arg(c, "validator"));
    sim_w_val(&w, "validationLevel", sim_arg(c, "validationLevel"));
    sim_w_val(&w, "validationAction", sim_arg(c, "validationAction"));
    const uint8_t *options = sim_w_done(&w);
    if (!options)
        sim_fail_nomem(&c->fail);
    struct sim_coll *coll = options ? sim_create_coll(c, options) : NULL;
    sim_w_release(&w);
    return coll ? 0 : -1;
}

/* ---- drop ---- */

int sim_drop_coll(struct sim_call *c, struct sim_coll *coll)
{
    struct sim_w w;
    uint8_t uuid[16];
    char db[128];
    memcpy(uuid, coll->uuid, 16);
    snprintf(db, sizeof db, "%.*s", (int)coll->db_n, coll->ns);
    sim_build_abort_named(c->s, coll, "*", c->conn);
    sim_w_init(&w);
    sim_w_text(&w, "drop", coll->name);
    const uint8_t *o = sim_w_done(&w);
    int rc = o ? sim_change_catalog(c, db, uuid, o, NULL) : sim_fail_nomem(&c->fail);
    sim_w_release(&w);
    return rc;
}

static void log_command(struct sim_call *c, int id, const char *msg)
{
    struct sim_w w;
    char thread[32];
    sim_w_init(&w);
    sim_w_text(&w, "namespace", c->ns);
    const uint8_t *attr = sim_w_done(&w);
    snprintf(thread, sizeof thread, "conn%d", c->conn->id);
    if (attr)
        sim_log(c->m, c->s->now, 'I', "COMMAND", id, thread, msg, attr);
    sim_w_release(&w);
}

int sim_cmd_drop(struct sim_call *c)
{
    if (sim_call_ns(c))
        return -1;
    log_command(c, 518070, "CMD: drop");
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    if (!coll && sim_view_find(&c->m->cat, c->ns))
        return sim_series_find(&c->m->cat, c->ns) ? sim_series_drop(c) : sim_view_drop(c);
    if (!coll)
        return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "ns not found");
    const char *name = c->ns + strlen(c->db) + 1;
    if (strcmp(c->db, "local") == 0 || (strncmp(name, "system.", 7) == 0 && strcmp(name, "system.profile") != 0))
        return sim_fail(&c->fail, SIM_ILLEGAL_OPERATION, "can't drop system collection %s", c->ns);
    sim_w_i32(c->reply, "nIndexesWas", coll->indexes);
    sim_w_text(c->reply, "ns", c->ns);
    if (strcmp(name, "system.profile") == 0) {
        if (sim_db_need(&c->m->cat, c->db, strlen(c->db))->profiler.level)
            return sim_fail(&c->fail, SIM_ILLEGAL_OPERATION, "turn off profiling before dropping system.profile collection");
        sim_coll_drop(&c->m->cat, coll); /* every member has its own */
        return 0;
    }
    return sim_drop_coll(c, coll);
}

int sim_cmd_drop_database(struct sim_call *c)
{
    struct sim_w w;
    if (strcmp(c->db, "admin") == 0 || strcmp(c->db, "local") == 0 || strcmp(c->db, "config") == 0)
        return sim_fail(&c->fail, SIM_ILLEGAL_OPERATION, "Cannot drop '%s' database in a replica set", c->db);
    struct sim_catalog *cat = &c->m->cat;
    size_t n = strlen(c->db);
    bool any = false;
    for (size_t i = 0; i < cat->n;) {
        struct sim_coll *coll = cat->coll[i];
        if (coll->db_n != n || memcmp(coll->ns, c->db, n) != 0) {
            i++;
            continue;
        }
        any = true;
        if (strcmp(coll->name, "system.profile") == 0)
            sim_coll_drop(cat, coll);
        else if (sim_drop_coll(c, coll))
            return -1;
    }
    if (!any)
        return 0;
    sim_w_init(&w);
    sim_w_i32(&w, "dropDatabase", 1);
    const uint8_t *o = sim_w_done(&w);
    int rc = o ? sim_change_catalog(c, c->db, NULL, o, NULL) : sim_fail_nomem(&c->fail);
    sim_w_release(&w);
    if (rc == 0)
        sim_w_text(c->reply, "dropped", c->db);
    return rc;
}

/* ---- collMod ---- */

static int mod_index(struct sim_call *c, struct sim_coll *coll, const uint8_t *spec, struct sim_w *o)
{
    struct sim_val name = sim_find(spec, "name"), key = sim_find(spec, "keyPattern"), hidden = sim_find(spec, "hidden"),
                   expire = sim_find(spec, "expireAfterSeconds");
    struct sim_index *x = NULL;
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(spec); sim_next(&it, &e);)
        if (strcmp(e.key, "name") && strcmp(e.key, "keyPattern") && strcmp(e.key, "hidden") && strcmp(e.key, "expireAfterSeconds"))
            return sim_fail(&c->fail, SIM_UNKNOWN_FIELD, "BSON field 'collMod.index.%.100s' is an unknown field.", e.key);
    if (name.type && key.type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Cannot specify both key pattern and name.");
    if (!name.type && !key.type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Must specify either index name or key pattern.");
    if (!hidden.type && !expire.type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "no expireAfterSeconds or hidden field");
    if (sim_is_text(name.type))
        x = sim_coll_index(coll, sim_text(name), sim_text_n(name));
    else if (key.type == BSON_TYPE_DOCUMENT)
        x = sim_coll_index_by_key(coll, key.p);
    if (!x || x->building)
        return sim_fail(&c->fail, SIM_INDEX_NOT_FOUND, "cannot find index %.200s for ns %s", sim_is_text(name.type) ? sim_text(name) : "", c->ns);
    if (hidden.type && x->is_id)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "can't hide _id index");
    if (expire.type && !sim_is_number(expire.type))
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "expireAfterSeconds field must be a number");
    if (expire.type && (x->fields != 1 || x->is_id))
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "TTL indexes are single-field indexes, compound indexes do not support TTL.");
    sim_w_doc(o, "index");
    sim_w_text(o, "name", x->name);
    if (expire.type) {
        if (x->ttl)
            sim_w_int(c->reply, "expireAfterSeconds_old", x->expire_after);
        sim_w_int(c->reply, "expireAfterSeconds_new", sim_int(expire, 0));
        sim_w_i32(o, "expireAfterSeconds", sim_int(expire, 0));
    }
    if (hidden.type && sim_truth(hidden) != x->hidden) {
        sim_w_bool(c->reply, "hidden_old", x->hidden);
        sim_w_bool(c->reply, "hidden_new", sim_truth(hidden));
        sim_w_bool(o, "hidden", sim_truth(hidden));
    }
    sim_w_end(o);
    return 0;
}

static int mod_options(struct sim_call *c, const struct sim_coll *coll, struct sim_w *o)
{
    struct sim_val validator = sim_arg(c, "validator"), level = sim_arg(c, "validationLevel"), action = sim_arg(c, "validationAction");
    if (check_validator(c, validator) || check_validation(c))
        return -1;
    sim_w_val(o, "validator", validator);
    sim_w_val(o, "validationLevel", level);
    sim_w_val(o, "validationAction", action);
    if (validator.type && !level.type && !sim_find(coll->options->bson, "validationLevel").type)
        sim_w_text(o, "validationLevel", "strict");
    if (validator.type && !action.type && !sim_find(coll->options->bson, "validationAction").type)
        sim_w_text(o, "validationAction", "error");
    return 0;
}

static void log_coll_mod(struct sim_call *c)
{
    struct sim_w w;
    struct sim_elem e;
    char thread[32];
    sim_w_init(&w);
    sim_w_doc(&w, "cmdObj");
    for (struct sim_iter it = sim_iter_of(c->body); sim_next(&it, &e);)
        if (e.key[0] != '$' && strcmp(e.key, "lsid") != 0 && strcmp(e.key, "writeConcern") != 0 && strcmp(e.key, "comment") != 0)
            sim_w_val_n(&w, e.key, e.key_n, e.v);
    sim_w_end(&w);
    const uint8_t *attr = sim_w_done(&w);
    snprintf(thread, sizeof thread, "conn%d", c->conn->id);
    if (attr)
        sim_log(c->m, c->s->now, 'I', "COMMAND", 5324200, thread, "CMD: collMod", attr);
    sim_w_release(&w);
}

/* What else a server changes of a time series, its granularity and expiry, is among the options that are not simulated. */
static int refuse_series(struct sim_call *c)
{
    static const char *const others[] = {"validator", "validationLevel", "validationAction", "viewOn", "pipeline"};
    for (size_t i = 0; i < SB_COUNT(others); i++)
        if (sim_arg(c, others[i]).type)
            return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "option not supported on a time-series collection: %s", others[i]);
    return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "this change of a time series is not simulated");
}

int sim_cmd_coll_mod(struct sim_call *c)
{
    struct sim_w o;
    const uint8_t *index = NULL;
    if (sim_call_ns(c))
        return -1;
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    if (!coll && sim_series_find(&c->m->cat, c->ns))
        return refuse_series(c);
    if (!coll && sim_view_find(&c->m->cat, c->ns))
        return sim_view_modify(c);
    if (!coll)
        return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "ns does not exist");
    if (sim_arg(c, "viewOn").type || sim_arg(c, "pipeline").type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "'%s' option only supported on a view", sim_arg(c, "pipeline").type ? "pipeline" : "viewOn");
    if (sim_arg_doc(c, "index", &index))
        return -1;
    sim_w_init(&o);
    sim_w_text(&o, "collMod", coll->name);
    int rc = index ? mod_index(c, coll, index, &o) : 0;
    if (rc == 0)
        rc = mod_options(c, coll, &o);
    if (rc == 0) {
        log_coll_mod(c);
        const uint8_t *done = sim_w_done(&o);
        struct sim_w o2;
        sim_w_init(&o2);
        sim_w_doc(&o2, "collectionOptions_old");
        sim_w_uuid(&o2, "uuid", coll->uuid);
        sim_w_all(&o2, coll->options->bson);
        sim_w_end(&o2);
        const uint8_t *old = sim_w_done(&o2);
        uint8_t uuid[16];
        memcpy(uuid, coll->uuid, 16);
        rc = done && old ? sim_change_catalog(c, c->db, uuid, done, old) : sim_fail_nomem(&c->fail);
        sim_w_release(&o2);
    }
    sim_w_release(&o);
    return rc;
}

/* ---- renameCollection ---- */

static int check_renamed(struct sim_call *c, const char *which, const char *ns)
{
    const char *dot = strchr(ns, '.');
    if (!dot || dot == ns || !dot[1] || dot[1] == '.' || strchr(dot, '$') || strlen(ns) > 255)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "Invalid %s namespace: %.255s", which, ns);
    if (strncmp(dot + 1, "system.", 7) == 0 || strncmp(ns, "local.", 6) == 0 || strncmp(ns, "admin.", 6) == 0 || strncmp(ns, "config.", 7) == 0)
        return sim_fail(&c->fail, SIM_ILLEGAL_OPERATION, "error with %s namespace: cannot rename %.255s", which, ns);
    return 0;
}

static int rename_coll(struct sim_call *c, struct sim_coll *from, const char *to, const struct sim_coll *target)
{
    struct sim_w w;
    uint8_t uuid[16];
    char db[128];
    memcpy(uuid, from->uuid, 16);
    snprintf(db, sizeof db, "%.*s", (int)from->db_n, from->ns);
    sim_w_init(&w);
    sim_w_text(&w, "renameCollection", from->ns);
    sim_w_text(&w, "to", to);
    sim_w_bool(&w, "stayTemp", false);
    if (target)
        sim_w_uuid(&w, "dropTarget", target->uuid);
    const uint8_t *o = sim_w_done(&w);
    int rc = o ? sim_change_catalog(c, db, uuid, o, NULL) : sim_fail_nomem(&c->fail);
    sim_w_release(&w);
    return rc;
}

static void log_rename(struct sim_call *c, const struct sim_coll *from, const char *to, bool drops)
{
    struct sim_w w;
    char thread[32];
    sim_w_init(&w);
    sim_w_text(&w, "sourceNamespace", from->ns);
    sim_w_text(&w, "targetNamespace", to);
    sim_w_text(&w, "dropTarget", drops ? "yes" : "no");
    const uint8_t *attr = sim_w_done(&w);
    snprintf(thread, sizeof thread, "conn%d", c->conn->id);
    if (attr)
        sim_log(c->m, c->s->now, 'I', "COMMAND", 20400, thread, "renameCollectionForCommand", attr);
    sim_w_release(&w);
}

int sim_cmd_rename_collection(struct sim_call *c)
{
    struct sim_val from = sim_arg(c, "renameCollection"), to = sim_arg(c, "to");
    bool drops = sim_truth(sim_arg(c, "dropTarget"));
    if (!sim_is_text(from.type) || !sim_is_text(to.type)) {
        const char *which = sim_is_text(from.type) ? "to" : "renameCollection";
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'renameCollection.%s' is the wrong type '%s', expected type 'string'", which,
                        sim_type_name(sim_is_text(from.type) ? to.type : from.type));
    }
    if (check_renamed(c, "source", sim_text(from)) || check_renamed(c, "target", sim_text(to)))
        return -1;
    if (strcmp(sim_text(from), sim_text(to)) == 0)
        return sim_fail(&c->fail, SIM_ILLEGAL_OPERATION, "Can't rename a collection to itself");
    struct sim_coll *coll = sim_coll_find(&c->m->cat, sim_text(from)), *target = sim_coll_find(&c->m->cat, sim_text(to));
    if (!coll && sim_view_find(&c->m->cat, sim_text(from)))
        return sim_fail(&c->fail, 166, "cannot rename view: %.200s", sim_text(from));
    if (!coll)
        return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "Source collection %.200s does not exist", sim_text(from));
    if (!target && sim_view_find(&c->m->cat, sim_text(to)))
        return sim_fail(&c->fail, SIM_NAMESPACE_EXISTS, "a view already exists with that name: %.200s", sim_text(to));
    if (strncmp(coll->ns, sim_text(to), coll->db_n + 1) != 0)
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "renaming a collection into another database is not simulated");
    if (target && !drops)
        return sim_fail(&c->fail, SIM_NAMESPACE_EXISTS, "target namespace exists");
    if (sim_build_running(c->s, coll->uuid) || (target && sim_build_running(c->s, target->uuid)))
        return sim_fail(&c->fail, 12587, "cannot perform operation: an index build is currently running for collection %s", sim_text(from));
    log_rename(c, coll, sim_text(to), drops);
    return rename_coll(c, coll, sim_text(to), target);
}

/* ---- refusals in the server's words ---- */

int sim_cmd_convert_to_capped(struct sim_call *c)
{
    if (sim_call_ns(c))
        return -1;
    if (!sim_coll_find(&c->m->cat, c->ns))
        return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "source collection %s does not exist", c->ns);
    return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "convertToCapped is not simulated");
}

int sim_cmd_compact(struct sim_call *c)
{
    if (sim_call_ns(c))
        return -1;
    if (c->m->primary && !sim_truth(sim_arg(c, "force")))
        return sim_fail(&c->fail, -1, "will not run compact on an active replica set primary as this is a slow blocking operation. use force:true to force");
    if (!sim_coll_find(&c->m->cat, c->ns))
        return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "collection does not exist");
    return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "compact is not simulated");
}

int sim_cmd_plan_cache_clear(struct sim_call *c)
{
    if (sim_call_ns(c))
        return -1;
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    if (coll)
        sim_plan_cache_clear(coll->plans);
    return 0;
}
