/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include <signalbox/sim/pipeline.h>
#include <signalbox/sim/repl.h>

#include "commands.h"
#include "ddl.h"
#include "series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 20

static struct sim_coll *views_of(const struct sim_catalog *cat, const char *ns)
{
    char name[272];
    snprintf(name, sizeof name, "%.*s.system.views", (int)strcspn(ns, "."), ns);
    return sim_coll_find(cat, name);
}

static struct sim_val id_of(const char *ns, uint8_t value[300])
{
    uint32_t n = (uint32_t)strlen(ns) + 1; /* a namespace is shorter than 272 bytes */
    memcpy(value, &(uint32_t){n}, 4);
    memcpy(value + 4, ns, n);
    return (struct sim_val){BSON_TYPE_UTF8, n + 4, value};
}

static uint64_t find(struct sim_coll *views, const char *ns)
{
    uint8_t value[300];
    return views ? sim_coll_by_id(views, id_of(ns, value)) : 0;
}

const uint8_t *sim_view_find(const struct sim_catalog *cat, const char *ns)
{
    struct sim_coll *views = views_of(cat, ns);
    uint64_t rid = find(views, ns);
    return rid ? sim_records_get(&views->records, rid)->bson : NULL;
}

size_t sim_views_of(const struct sim_catalog *cat, const char *db)
{
    const struct sim_coll *views = views_of(cat, db);
    return views ? (size_t)views->records.count : 0;
}

/* ---- reading ---- */

static void put_stages(struct sim_w *w, struct sim_val stages)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(stages.p); stages.type == BSON_TYPE_ARRAY && sim_next(&it, &e);)
        sim_w_val(w, NULL, e.v);
}

/* Of a time series, and not of its measurements. */
static bool asks_for_statistics(struct sim_val stages)
{
    struct sim_elem e;
    struct sim_iter it = sim_iter_of(stages.p);
    return stages.type == BSON_TYPE_ARRAY && sim_next(&it, &e) && e.v.type == BSON_TYPE_DOCUMENT && sim_find(e.v.p, "$collStats").type;
}

int sim_view_resolve(struct sim_call *c, struct sim_val stages, struct sim_w *w)
{
    const uint8_t *view[DEEPEST];
    size_t n = 0;
    bool whole = asks_for_statistics(stages) && sim_series_find(&c->m->cat, c->ns);
    for (const uint8_t *v; !sim_coll_find(&c->m->cat, c->ns) && (v = sim_view_find(&c->m->cat, c->ns));) {
        if (n == DEEPEST)
            return sim_fail(&c->fail, 165, "View depth too deep or view cycle detected; maximum depth is %d", DEEPEST);
        view[n++] = v;
        snprintf(c->ns, sizeof c->ns, "%s.%.200s", c->db, sim_text(sim_find(v, "viewOn")));
    }
    if (n == 0)
        return 0;
    c->op.base = c->ns;
    sim_w_array(w, "pipeline");
    while (n && !whole)
        put_stages(w, sim_find(view[--n], "pipeline"));
    put_stages(w, stages);
    sim_w_end(w);
    return sim_w_done(w) ? 1 : sim_fail_nomem(&c->fail);
}

/* ---- other questions as pipelines ---- */

static void put_stage(struct sim_w *w, const char *name, struct sim_val v)
{
    if (!v.type || v.type == BSON_TYPE_NULL || (v.type == BSON_TYPE_DOCUMENT && sim_is_empty(v.p)))
        return;
    sim_w_doc(w, NULL);
    sim_w_val(w, name, v);
    sim_w_end(w);
}

static void put_number(struct sim_w *w, const char *name, struct sim_val v)
{
    int64_t n = sim_int(v, 0);
    if (n == 0)
        return;
    sim_w_doc(w, NULL);
    sim_w_i64(w, name, n < 0 ? -n : n);
    sim_w_end(w);
}

static int refuse_options(struct sim_call *c, const uint8_t *cmd)
{
    static const char *const none[] = {"tailable", "noCursorTimeout", "min", "max", "returnKey", "showRecordId"};
    for (size_t i = 0; i < SB_COUNT(none); i++)
        if (sim_truth(sim_find(cmd, none[i])))
            return sim_fail(&c->fail, 168, "Option %s not supported in aggregation.", none[i]);
    if (sim_truth(sim_find(cmd, "singleBatch")) && sim_int(sim_find(cmd, "limit"), 0) != 1)
        return sim_fail(&c->fail, 168, "Option singleBatch not supported in aggregation.");
    return 0;
}

/* Elements of an array one by one, each value once. */
static int put_distinct(struct sim_call *c, struct sim_w *w, const char *key)
{
    char path[256];
    if (strchr(key, '.'))
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "distinct of a dotted path on a view is not simulated");
    snprintf(path, sizeof path, "$%.250s", key);
    sim_w_doc(w, NULL);
    sim_w_doc(w, "$unwind");
    sim_w_text(w, "path", path);
    sim_w_bool(w, "preserveNullAndEmptyArrays", true);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_doc(w, NULL);
    sim_w_doc(w, "$group");
    sim_w_null(w, "_id");
    sim_w_doc(w, "distinct");
    sim_w_text(w, "$addToSet", path);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_end(w);
    return 0;
}

int sim_view_question(struct sim_call *c, const uint8_t *cmd, const char *name, struct sim_w *w)
{
    bool find = strcmp(name, "find") == 0, count = strcmp(name, "count") == 0;
    struct sim_val key = sim_find(cmd, "key");
    if (find && refuse_options(c, cmd))
        return -1;
    sim_w_array(w, "pipeline");
    put_stage(w, "$match", sim_find(cmd, find ? "filter" : "query"));
    put_stage(w, "$sort", sim_find(cmd, "sort"));
    put_number(w, "$skip", sim_find(cmd, "skip"));
    put_number(w, "$limit", sim_find(cmd, "limit"));
    put_stage(w, "$project", sim_find(cmd, "projection"));
    if (count) {
        sim_w_doc(w, NULL);
        sim_w_text(w, "$count", "count");
        sim_w_end(w);
    } else if (!find) {
        if (!sim_is_text(key.type))
            return sim_fail(&c->fail, key.type ? SIM_TYPE_MISMATCH : SIM_MISSING_FIELD, "BSON field 'distinct.key' is missing but a required field");
        if (put_distinct(c, w, sim_text(key)))
            return -1;
    }
    sim_w_end(w);
    return sim_w_done(w) ? 0 : sim_fail_nomem(&c->fail);
}

/* ---- definitions ---- */

/* system.views of the database, made when its first view is. */
static struct sim_coll *need_views(struct sim_call *c)
{
    char ns[sizeof c->ns];
    memcpy(ns, c->ns, sizeof ns);
    snprintf(c->ns, sizeof c->ns, "%s.system.views", c->db);
    struct sim_coll *views = sim_need_coll(c);
    memcpy(c->ns, ns, sizeof ns);
    return views;
}

static int check(struct sim_call *c, struct sim_val on, struct sim_val pipeline)
{
    static const char *const others[] = {"capped", "size", "max", "validator", "validationLevel", "validationAction"};
    struct sim_pipeline p = {0};
    if (!sim_is_text(on.type))
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field '%s.viewOn' is the wrong type '%s', expected type 'string'", c->cmd->name, sim_type_name(on.type));
    if (!sim_text_n(on) || strlen(sim_text(on)) != sim_text_n(on))
        return sim_fail(&c->fail, SIM_BAD_VALUE, "'viewOn' cannot be empty");
    if (pipeline.type && pipeline.type != BSON_TYPE_ARRAY)
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field '%s.pipeline' is the wrong type '%s', expected type 'array'", c->cmd->name, sim_type_name(pipeline.type));
    for (size_t i = 0; i < SB_COUNT(others); i++)
        if (sim_arg(c, others[i]).type)
            return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Cannot specify view-specific fields and %s", others[i]);
    if (!pipeline.type)
        return 0;
    int rc = sim_pipeline_init(&p, pipeline, &c->fail);
    sim_pipeline_release(&p);
    return rc;
}

static struct sim_doc *definition(const struct sim_call *c, struct sim_val on, struct sim_val pipeline)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "_id", c->ns);
    sim_w_val(&w, "viewOn", on);
    sim_w_array(&w, "pipeline");
    put_stages(&w, pipeline);
    sim_w_end(&w);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

int sim_view_define(struct sim_call *c, struct sim_val on, struct sim_val pipeline)
{
    struct sim_write_work work = {0};
    struct sim_coll *views = need_views(c);
    struct sim_doc *d = views ? definition(c, on, pipeline) : NULL;
    if (!d)
        return c->fail.code ? -1 : sim_fail_nomem(&c->fail);
    int rc = sim_coll_insert(views, d, &work, &c->fail) ? 0 : -1;
    if (rc == 0 && sim_log_insert(c->s, views, d, work.keys_inserted, NULL))
        rc = sim_fail_nomem(&c->fail);
    sim_doc_unref(d);
    return rc;
}

int sim_view_create(struct sim_call *c)
{
    struct sim_val on = sim_arg(c, "viewOn"), pipeline = sim_arg(c, "pipeline");
    if (!on.type)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "'viewOn' is required when 'pipeline' is specified");
    return check(c, on, pipeline) ? -1 : sim_view_define(c, on, pipeline);
}

int sim_view_modify(struct sim_call *c)
{
    static const char *const others[] = {"index", "validator", "validationLevel", "validationAction"};
    struct sim_coll *views = views_of(&c->m->cat, c->ns);
    uint64_t rid = find(views, c->ns);
    struct sim_write_work work = {0};
    struct sim_doc *old = sim_doc_ref(sim_records_get(&views->records, rid));
    struct sim_val on = sim_arg(c, "viewOn"), pipeline = sim_arg(c, "pipeline");
    struct sim_doc *d = NULL;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < SB_COUNT(others); i++)
        if (sim_arg(c, others[i]).type)
            rc = sim_fail(&c->fail, SIM_INVALID_OPTIONS, "option not supported on a view: %s", others[i]);
    if (!on.type)
        on = sim_find(old->bson, "viewOn");
    if (!pipeline.type)
        pipeline = sim_find(old->bson, "pipeline");
    if (rc == 0)
        rc = check(c, on, pipeline);
    if (rc == 0 && !(d = definition(c, on, pipeline)))
        rc = sim_fail_nomem(&c->fail);
    if (rc == 0)
        rc = sim_coll_replace(views, rid, d, &work, &c->fail);
    if (rc == 0 && sim_log_update(c->s, views, old, d, work.keys_inserted + work.keys_deleted, true, NULL))
        rc = sim_fail_nomem(&c->fail);
    sim_doc_unref(d);
    sim_doc_unref(old);
    return rc;
}

int sim_view_drop(struct sim_call *c)
{
    struct sim_coll *views = views_of(&c->m->cat, c->ns);
    uint64_t rid = find(views, c->ns);
    struct sim_write_work work = {0};
    struct sim_doc *old = sim_doc_ref(sim_records_get(&views->records, rid));
    sim_coll_remove(views, rid, &work);
    int rc = sim_log_delete(c->s, views, old, work.keys_deleted, NULL) ? sim_fail_nomem(&c->fail) : 0;
    sim_doc_unref(old);
    if (rc == 0)
        sim_w_text(c->reply, "ns", c->ns);
    return rc;
}
