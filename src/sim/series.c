/* SPDX-License-Identifier: Apache-2.0 */
#include "series.h"

#include "ddl.h"
#include "view.h"

#include <stdio.h>
#include <string.h>

#define BUCKETS "system.buckets."
#define INSIDE "measurement"
#define LONGEST 255

static const struct {
    const char *name;
    int32_t span_s; /* what one bucket of a server holds at most */
} granularities[] = {{"seconds", 3600}, {"minutes", 86400}, {"hours", 2592000}};

/* ---- finding ---- */

const uint8_t *sim_series_options(const struct sim_coll *coll)
{
    struct sim_val v = strncmp(coll->name, BUCKETS, sizeof BUCKETS - 1) == 0 ? sim_find(coll->options->bson, "timeseries") : sim_missing;
    return v.type == BSON_TYPE_DOCUMENT ? v.p : NULL;
}

static const char *text_of(const struct sim_coll *coll, const char *option)
{
    struct sim_val v = sim_find(sim_series_options(coll), option);
    return sim_is_text(v.type) ? sim_text(v) : NULL;
}

static int buckets_ns(const char *ns, char out[272])
{
    size_t db = strcspn(ns, ".");
    return ns[db] ? snprintf(out, 272, "%.*s." BUCKETS "%s", (int)db, ns, ns + db + 1) : LONGEST + 1;
}

struct sim_coll *sim_series_find(const struct sim_catalog *cat, const char *ns)
{
    char behind[272];
    if (buckets_ns(ns, behind) > LONGEST || sim_coll_find(cat, ns) || !sim_view_find(cat, ns))
        return NULL;
    struct sim_coll *coll = sim_coll_find(cat, behind);
    return coll && sim_series_options(coll) ? coll : NULL;
}

int64_t sim_series_count(const struct sim_catalog *cat)
{
    int64_t n = 0;
    for (size_t i = 0; i < cat->n; i++)
        n += sim_series_options(cat->coll[i]) != NULL;
    return n;
}

/* ---- create and drop ---- */

static int check_name(struct sim_call *c, const char *field, const char *name)
{
    return strchr(name, '.') ? sim_fail(&c->fail, SIM_INVALID_OPTIONS, "%s: '%s' must be a top-level field and not contain a '.'", c->ns, field) : 0;
}

static int check_fields(struct sim_call *c, const uint8_t *spec)
{
    static const char *const texts[] = {"timeField", "metaField", "granularity"};
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(spec); sim_next(&it, &e);) {
        size_t i = 0;
        while (i < SB_COUNT(texts) && strcmp(texts[i], e.key) != 0)
            i++;
        if (i == SB_COUNT(texts) && strcmp(e.key, "bucketMaxSpanSeconds") != 0)
            return sim_fail(&c->fail, SIM_UNKNOWN_FIELD, "BSON field 'create.timeseries.%.100s' is an unknown field.", e.key);
        if (i < SB_COUNT(texts) && !sim_is_text(e.v.type))
            return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'create.timeseries.%s' is the wrong type '%s', expected type 'string'", e.key, sim_type_name(e.v.type));
    }
    struct sim_val time = sim_find(spec, "timeField"), meta = sim_find(spec, "metaField");
    if (!time.type)
        return sim_fail(&c->fail, SIM_MISSING_FIELD, "BSON field 'create.timeseries.timeField' is missing but a required field");
    if (check_name(c, "timeField", sim_text(time)))
        return -1;
    if (!meta.type)
        return 0;
    if (strcmp(sim_text(meta), "_id") == 0)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "'metaField' cannot be \"_id\"");
    if (strcmp(sim_text(meta), sim_text(time)) == 0)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "'metaField' cannot be the same as 'timeField'");
    return check_name(c, "metaField", sim_text(meta));
}

static int check_others(struct sim_call *c)
{
    static const char *const others[] = {"size", "max", "autoIndexId", "idIndex", "validator", "validationLevel", "validationAction", "viewOn", "pipeline"};
    const char *found = sim_truth(sim_arg(c, "capped")) ? "capped" : NULL;
    for (size_t i = 0; !found && i < SB_COUNT(others); i++)
        if (sim_arg(c, others[i]).type)
            found = others[i];
    return found ? sim_fail(&c->fail, SIM_INVALID_OPTIONS, "%s: 'timeseries' is not allowed with '%s'", c->ns, found) : 0;
}

static int find_granularity(struct sim_call *c, const uint8_t *spec, size_t *out)
{
    struct sim_val word = sim_find(spec, "granularity"), span = sim_find(spec, "bucketMaxSpanSeconds");
    *out = 0;
    while (word.type && *out < SB_COUNT(granularities) && !sim_text_is(word, granularities[*out].name))
        ++*out;
    if (*out == SB_COUNT(granularities))
        return sim_fail(&c->fail, SIM_BAD_VALUE, "Enumeration value '%.60s' for field 'create.timeseries.granularity' is not a valid value.", sim_text(word));
    if (span.type && sim_int(span, 0) != granularities[*out].span_s)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Timeseries 'bucketMaxSpanSeconds' is not configurable to a value other than the default of %d for the provided granularity",
                        (int)granularities[*out].span_s);
    return 0;
}

static const uint8_t *options_of(const uint8_t *spec, size_t granularity, struct sim_val expire, struct sim_w *w)
{
    sim_w_bool(w, "clusteredIndex", true);
    if (expire.type)
        sim_w_i64(w, "expireAfterSeconds", sim_int(expire, 0));
    sim_w_doc(w, "timeseries");
    sim_w_val(w, "timeField", sim_find(spec, "timeField"));
    sim_w_val(w, "metaField", sim_find(spec, "metaField"));
    sim_w_text(w, "granularity", granularities[granularity].name);
    sim_w_i32(w, "bucketMaxSpanSeconds", granularities[granularity].span_s);
    sim_w_end(w);
    return sim_w_done(w);
}

static int create_behind(struct sim_call *c, const char *behind, const uint8_t *options)
{
    char ns[sizeof c->ns];
    memcpy(ns, c->ns, sizeof ns);
    snprintf(c->ns, sizeof c->ns, "%s", behind);
    int rc = sim_create_coll(c, options) ? 0 : -1;
    memcpy(c->ns, ns, sizeof ns);
    return rc;
}

static int define_view(struct sim_call *c, const char *behind)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "viewOn", behind + strlen(c->db) + 1);
    sim_w_array(&w, "pipeline");
    sim_w_doc(&w, NULL);
    sim_w_doc(&w, "$replaceRoot");
    sim_w_text(&w, "newRoot", "$" INSIDE);
    sim_w_end(&w);
    sim_w_end(&w);
    sim_w_end(&w);
    const uint8_t *done = sim_w_done(&w);
    int rc = done ? sim_view_define(c, sim_find(done, "viewOn"), sim_find(done, "pipeline")) : sim_fail_nomem(&c->fail);
    sim_w_release(&w);
    return rc;
}

int sim_series_create(struct sim_call *c)
{
    char behind[272];
    struct sim_val expire = sim_arg(c, "expireAfterSeconds");
    const uint8_t *spec = NULL;
    size_t granularity;
    if (sim_arg_doc(c, "timeseries", &spec) || !spec)
        return c->fail.code ? -1 : sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'create.timeseries' is the wrong type 'null', expected type 'object'");
    if (check_fields(c, spec) || check_others(c) || find_granularity(c, spec, &granularity))
        return -1;
    if (expire.type && (!sim_is_number(expire.type) || sim_int(expire, 0) < 0 || sim_int(expire, 0) > INT32_MAX))
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "the value of 'expireAfterSeconds' must be between 0 and %d", INT32_MAX);
    if (buckets_ns(c->ns, behind) > LONGEST)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "Fully qualified namespace is too long. Max: %d", LONGEST);
    if (sim_coll_find(&c->m->cat, behind))
        return sim_fail(&c->fail, SIM_NAMESPACE_EXISTS, "Collection already exists. NS: %s", behind);
    struct sim_w w;
    sim_w_init(&w);
    const uint8_t *options = options_of(spec, granularity, expire, &w);
    int rc = !options ? sim_fail_nomem(&c->fail) : create_behind(c, behind, options);
    sim_w_release(&w);
    return rc ? -1 : define_view(c, behind);
}

int sim_series_drop(struct sim_call *c)
{
    struct sim_coll *coll = sim_series_find(&c->m->cat, c->ns);
    sim_w_i32(c->reply, "nIndexesWas", 0);
    return sim_drop_coll(c, coll) ? -1 : sim_view_drop(c);
}

/* ---- what it is ---- */

struct sim_doc *sim_series_info(const struct sim_coll *coll, bool names)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "name", coll->name + sizeof BUCKETS - 1);
    sim_w_text(&w, "type", "timeseries");
    if (!names) {
        sim_w_doc(&w, "options");
        sim_w_val(&w, "expireAfterSeconds", sim_find(coll->options->bson, "expireAfterSeconds"));
        sim_w_val(&w, "timeseries", sim_find(coll->options->bson, "timeseries"));
        sim_w_end(&w);
        sim_w_doc(&w, "info");
        sim_w_bool(&w, "readOnly", false);
        sim_w_end(&w);
    }
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

void sim_series_put_stats(struct sim_w *w, const struct sim_coll *coll)
{
    sim_w_doc(w, "timeseries");
    sim_w_text(w, "bucketsNs", coll->ns);
    sim_w_int(w, "bucketCount", (int64_t)coll->records.count);
    if (coll->records.count)
        sim_w_int(w, "avgBucketSize", (int64_t)(coll->records.bytes / coll->records.count));
    sim_w_end(w);
}

/* ---- writes ---- */

struct sim_doc *sim_series_measurement(struct sim_call *c, const struct sim_coll *coll, const uint8_t *doc, struct sim_fail *f)
{
    const char *time = text_of(coll, "timeField");
    struct sim_w w;
    uint8_t oid[12];
    if (sim_doc_len(doc) > SIM_MAX_DOC)
        return sim_fail(f, SIM_BAD_VALUE, "object to insert too large. size in bytes: %u, max size: %d", sim_doc_len(doc), SIM_MAX_DOC), NULL;
    if (sim_find(doc, time).type != BSON_TYPE_DATE_TIME)
        return sim_fail(f, SIM_BAD_VALUE, "'%s' must be present and contain a valid BSON UTC datetime value", time), NULL;
    sim_new_oid(c->s, oid);
    sim_w_init(&w);
    sim_w_oid(&w, "_id", oid);
    sim_w_copy(&w, INSIDE, doc);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    if (!d)
        sim_fail_nomem(f);
    return d;
}

static bool is_meta(const char *path, const char *meta)
{
    size_t n = meta ? strlen(meta) : 0;
    return meta && strncmp(path, meta, n) == 0 && (!path[n] || path[n] == '.');
}

static int put_inside(struct sim_w *w, const char *path, struct sim_val v, struct sim_fail *f)
{
    char inside[300];
    if (snprintf(inside, sizeof inside, INSIDE ".%s", path) >= (int)sizeof inside)
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "a path this long in a time series is not simulated");
    sim_w_val(w, inside, v);
    return 0;
}

static int put_query(struct sim_w *w, const uint8_t *query, const char *meta, const char *verb, struct sim_fail *f)
{
    struct sim_elem e, one;
    for (struct sim_iter it = sim_iter_of(query); sim_next(&it, &e);) {
        bool joins = strcmp(e.key, "$and") == 0 || strcmp(e.key, "$or") == 0 || strcmp(e.key, "$nor") == 0;
        if (!joins || e.v.type != BSON_TYPE_ARRAY) {
            if (!is_meta(e.key, meta))
                return sim_fail(f, SIM_INVALID_OPTIONS, "Cannot perform %s on a time-series collection when querying on a field that is not the metaField", verb);
            if (put_inside(w, e.key, e.v, f))
                return -1;
            continue;
        }
        sim_w_array(w, e.key);
        for (struct sim_iter in = sim_iter_of(e.v.p); sim_next(&in, &one);) {
            sim_w_doc(w, NULL);
            if (one.v.type != BSON_TYPE_DOCUMENT || put_query(w, one.v.p, meta, verb, f))
                return f->code ? -1 : sim_fail(f, SIM_BAD_VALUE, "%s entries need to be full objects", e.key);
            sim_w_end(w);
        }
        sim_w_end(w);
    }
    return 0;
}

static int put_update(struct sim_w *w, struct sim_val u, const char *meta, struct sim_fail *f)
{
    struct sim_elem op, path;
    if (u.type == BSON_TYPE_ARRAY)
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "an update of a time series by a pipeline is not simulated");
    sim_w_doc(w, "u");
    bool any = false;
    for (struct sim_iter it = sim_iter_of(u.p); u.type == BSON_TYPE_DOCUMENT && sim_next(&it, &op); any = true) {
        if (op.key[0] != '$' || op.v.type != BSON_TYPE_DOCUMENT)
            return sim_fail(f, SIM_INVALID_OPTIONS, "Cannot perform a replacement document update on a time-series collection");
        sim_w_doc(w, op.key);
        for (struct sim_iter in = sim_iter_of(op.v.p); sim_next(&in, &path);) {
            if (!is_meta(path.key, meta))
                return sim_fail(f, SIM_INVALID_OPTIONS, "Cannot perform an update on a time-series collection which updates a field that is not the metaField");
            if (put_inside(w, path.key, path.v, f))
                return -1;
        }
        sim_w_end(w);
    }
    sim_w_end(w);
    return any ? 0 : sim_fail(f, SIM_INVALID_OPTIONS, "Cannot perform a replacement document update on a time-series collection");
}

static int check_kind(const uint8_t *statement, const char *meta, bool update, struct sim_fail *f)
{
    if (update && !sim_truth(sim_find(statement, "multi")))
        return sim_fail(f, SIM_INVALID_OPTIONS, "Cannot perform a non-multi update on a time-series collection");
    if (update && sim_truth(sim_find(statement, "upsert")))
        return sim_fail(f, SIM_INVALID_OPTIONS, "Cannot perform an upsert on a time-series collection");
    if (update && !meta)
        return sim_fail(f, SIM_INVALID_OPTIONS, "Cannot perform an update on a time-series collection that does not have a metaField");
    if (!update && !meta && !sim_is_empty(sim_find(statement, "q").p))
        return sim_fail(f, SIM_INVALID_OPTIONS, "Cannot perform a delete with a non-empty query on a time-series collection that does not have a metaField");
    if (!update && sim_int(sim_find(statement, "limit"), 0) != 0)
        return sim_fail(f, SIM_ILLEGAL_OPERATION, "Cannot perform a non-multi delete on a time-series collection");
    if (sim_find(statement, "hint").type || sim_find(statement, "arrayFilters").type)
        return sim_fail(f, SIM_NOT_IMPLEMENTED, "a hint or arrayFilters on a time series are not simulated");
    return 0;
}

int sim_series_begin(struct sim_call *c, const struct sim_coll *coll, size_t updates)
{
    if (updates > 1)
        return sim_fail(&c->fail, SIM_ILLEGAL_OPERATION, "Cannot perform more than one update on a time-series collection in a command");
    snprintf(c->ns, sizeof c->ns, "%s", coll->ns);
    return 0;
}

const uint8_t *sim_series_statement(const struct sim_coll *coll, const uint8_t *statement, bool update, struct sim_w *w, struct sim_fail *f)
{
    const char *meta = text_of(coll, "metaField");
    sim_w_clear(w);
    if (check_kind(statement, meta, update, f))
        return NULL;
    sim_w_doc(w, "q");
    if (put_query(w, sim_find(statement, "q").p, meta, update ? "an update" : "a delete", f))
        return NULL;
    sim_w_end(w);
    if (update && put_update(w, sim_find(statement, "u"), meta, f))
        return NULL;
    sim_w_val(w, "multi", sim_find(statement, "multi"));
    sim_w_val(w, "limit", sim_find(statement, "limit"));
    const uint8_t *done = sim_w_done(w);
    if (!done)
        sim_fail_nomem(f);
    return done;
}

/* ---- indexes ---- */

int sim_series_refuse_indexes(struct sim_call *c, const struct sim_coll *coll, struct sim_val list)
{
    static const struct {
        const char *option, *kind;
    } none[] = {{"unique", "Unique"}, {"expireAfterSeconds", "TTL"}, {"sparse", "Sparse"}, {"partialFilterExpression", "Partial"}};
    const char *time = text_of(coll, "timeField"), *meta = text_of(coll, "metaField");
    struct sim_elem spec, e;
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &spec);) {
        if (spec.v.type != BSON_TYPE_DOCUMENT)
            continue;
        for (size_t i = 0; i < SB_COUNT(none); i++) {
            struct sim_val v = sim_find(spec.v.p, none[i].option);
            if (v.type && (i || sim_truth(v)))
                return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "%s indexes are not supported on time-series collections", none[i].kind);
        }
        struct sim_val key = sim_find(spec.v.p, "key");
        for (struct sim_iter in = sim_iter_of(key.p); key.type == BSON_TYPE_DOCUMENT && sim_next(&in, &e);)
            if (strcmp(e.key, time) != 0 && !is_meta(e.key, meta))
                return sim_fail(&c->fail, SIM_CANNOT_CREATE_INDEX, "Invalid index spec for time-series collection: field '%.100s' is neither the metaField nor the timeField", e.key);
    }
    return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "a secondary index on a time series is not simulated");
}
