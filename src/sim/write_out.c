/* SPDX-License-Identifier: Apache-2.0 */
#include "write_out.h"

#include "bind.h"
#include "ddl.h"
#include "view.h"

#include <signalbox/sim/pipeline.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/stage.h>

#include <stdio.h>
#include <string.h>

#define NO_MATCH 13113 /* MergeStageNoMatchingDocument */

/* ---- reading the stage ---- */

/* A collection's name, or {db, coll}. */
static int read_target(struct sim_call *c, struct sim_val v, const char *stage, struct sim_out *out)
{
    struct sim_val db = v.type == BSON_TYPE_DOCUMENT ? sim_find(v.p, "db") : sim_missing, coll = v.type == BSON_TYPE_DOCUMENT ? sim_find(v.p, "coll") : v;
    if ((db.type && !sim_is_text(db.type)) || !sim_is_text(coll.type) || !sim_text_n(coll))
        return sim_fail(&c->fail, 16990, "%s wants the name of a collection, or {db, coll}; found: %s", stage, sim_type_name(v.type));
    int n = snprintf(out->ns, sizeof out->ns, "%s.%s", db.type ? sim_text(db) : c->db, sim_text(coll));
    if (n > 255 || strchr(db.type ? sim_text(db) : "", '.'))
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "Invalid %s target namespace, %.200s", stage, out->ns);
    return 0;
}

static int read_on(struct sim_call *c, struct sim_val v, struct sim_out *out)
{
    struct sim_elem e;
    if (!v.type || sim_is_text(v.type)) {
        out->on[out->on_n++] = v.type ? sim_text(v) : "_id";
        return 0;
    }
    for (struct sim_iter it = sim_iter_of(v.p); v.type == BSON_TYPE_ARRAY && sim_next(&it, &e);) {
        if (!sim_is_text(e.v.type) || out->on_n == SIM_MERGE_ON)
            return sim_fail(&c->fail, 51134, "$merge 'on' array elements must be strings, at most %d; found %s", SIM_MERGE_ON, sim_type_name(e.v.type));
        out->on[out->on_n++] = sim_text(e.v);
    }
    return out->on_n ? 0 : sim_fail(&c->fail, v.type == BSON_TYPE_ARRAY ? 51187 : 51186, "$merge 'on' field must be either a string or a non-empty array of strings");
}

/* The place of a word in a list; -1 with the error. Missing: the first. */
static int read_word(struct sim_call *c, struct sim_val v, const char *name, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!v.type || sim_text_is(v, words[i]))
            return (int)i;
    return sim_fail(&c->fail, SIM_BAD_VALUE, "Enumeration value '%.60s' for field '$merge.%s' is not a valid value.",
                    sim_is_text(v.type) ? sim_text(v) : sim_type_name(v.type), name);
}

static int read_merge(struct sim_call *c, struct sim_val v, struct sim_out *out)
{
    static const char *const matched[] = {"merge", "replace", "keepExisting", "fail"}, *const not_matched[] = {"insert", "discard", "fail"};
    struct sim_elem e;
    if (sim_is_text(v.type))
        return read_target(c, v, "$merge", out) ? -1 : read_on(c, sim_missing, out);
    if (v.type != BSON_TYPE_DOCUMENT)
        return sim_fail(&c->fail, 51182, "$merge requires a string or object argument, but found %s", sim_type_name(v.type));
    for (struct sim_iter it = sim_iter_of(v.p); sim_next(&it, &e);)
        if (strcmp(e.key, "into") != 0 && strcmp(e.key, "on") != 0 && strcmp(e.key, "let") != 0 && strcmp(e.key, "whenMatched") != 0 &&
            strcmp(e.key, "whenNotMatched") != 0)
            return sim_fail(&c->fail, SIM_UNKNOWN_FIELD, "BSON field '$merge.%.100s' is an unknown field.", e.key);
    struct sim_val when = sim_find(v.p, "whenMatched");
    out->let = sim_find(v.p, "let");
    if (when.type == BSON_TYPE_ARRAY) {
        out->matched = SIM_MERGE_STAGES;
        out->stages = when;
    } else {
        int i = read_word(c, when, "whenMatched", matched, SB_COUNT(matched));
        if (i < 0)
            return -1;
        out->matched = (enum sim_when_matched)i;
    }
    if (out->let.type && (out->let.type != BSON_TYPE_DOCUMENT || out->matched != SIM_MERGE_STAGES))
        return sim_fail(&c->fail, 51199, "Cannot use 'let' variables with 'whenMatched: %s' mode", sim_is_text(when.type) ? sim_text(when) : "merge");
    int i = read_word(c, sim_find(v.p, "whenNotMatched"), "whenNotMatched", not_matched, SB_COUNT(not_matched));
    if (i < 0)
        return -1;
    out->not_matched = (enum sim_when_not_matched)i;
    if (out->matched == SIM_MERGE_CLASHES && out->not_matched != SIM_MERGE_INSERTS)
        return sim_fail(&c->fail, 51189, "Combination of $merge modes 'whenMatched: fail' and 'whenNotMatched: %s' is not supported", not_matched[i]);
    return read_target(c, sim_find(v.p, "into"), "$merge", out) || read_on(c, sim_find(v.p, "on"), out) ? -1 : 0;
}

int sim_out_read(struct sim_call *c, struct sim_val *stages, struct sim_w *w, struct sim_out *out)
{
    struct sim_elem e, last = {0};
    size_t n = 0, i = 0;
    memset(out, 0, sizeof *out);
    if (stages->type != BSON_TYPE_ARRAY)
        return 0;
    for (struct sim_iter it = sim_iter_of(stages->p); sim_next(&it, &e); n++)
        last = e;
    struct sim_val plain = n && last.v.type == BSON_TYPE_DOCUMENT ? sim_find(last.v.p, "$out") : sim_missing;
    struct sim_val merge = n && last.v.type == BSON_TYPE_DOCUMENT ? sim_find(last.v.p, "$merge") : sim_missing;
    if (!plain.type && !merge.type)
        return 0;
    out->is_merge = merge.type != 0;
    if (out->is_merge ? read_merge(c, merge, out) : read_target(c, plain, "$out", out))
        return -1;
    sim_w_array(w, "pipeline");
    for (struct sim_iter it = sim_iter_of(stages->p); sim_next(&it, &e) && i + 1 < n; i++)
        sim_w_val(w, NULL, e.v);
    sim_w_end(w);
    const uint8_t *done = sim_w_done(w);
    if (!done)
        return sim_fail_nomem(&c->fail);
    *stages = sim_find(done, "pipeline");
    return 0;
}

/* ---- writing ---- */

/* A unique index over exactly these fields: otherwise one document might match several. */
static bool is_unique(const struct sim_out *out, const struct sim_coll *coll)
{
    for (unsigned i = 0; i < coll->indexes; i++) {
        const struct sim_index *x = coll->index[i];
        size_t found = 0;
        for (unsigned k = 0; k < x->fields; k++)
            for (size_t j = 0; j < out->on_n; j++)
                found += strcmp(x->field[k].path, out->on[j]) == 0;
        if ((x->unique || x->is_id) && !x->partial && !x->building && x->fields == out->on_n && found == out->on_n)
            return true;
    }
    return false;
}

/* {q: by the fields of `on`, u: what is to become of what it finds}. NULL with the error. */
static const uint8_t *statement(struct sim_call *c, const struct sim_out *out, const uint8_t *doc, struct sim_w *w)
{
    struct sim_w values;
    struct sim_binding b[SIM_BINDINGS] = {{"new", sim_val_doc(doc)}};
    size_t n = 1;
    int rc = 0;
    sim_w_init(&values);
    sim_w_doc(w, "q");
    for (size_t i = 0; i < out->on_n; i++) {
        struct sim_val v = sim_path(doc, out->on[i]);
        if (!v.type || v.type == BSON_TYPE_NULL || v.type == BSON_TYPE_UNDEFINED || v.type == BSON_TYPE_ARRAY)
            rc = sim_fail(&c->fail, 51132, "$merge write error: 'on' field '%.100s' cannot be missing, null, undefined or an array", out->on[i]);
        sim_w_doc(w, out->on[i]);
        sim_w_val(w, "$eq", v);
        sim_w_end(w);
    }
    sim_w_end(w);
    if (out->let.type && rc == 0)
        rc = sim_bind_let(out->let, doc, &values, b, &n, &c->fail);
    if (out->matched == SIM_MERGE_STAGES) {
        sim_bind(out->stages, b, n, w, "u");
    } else if (out->matched == SIM_MERGE_REPLACES) {
        sim_w_copy(w, "u", doc);
    } else {
        sim_w_doc(w, "u");
        sim_w_copy(w, out->matched == SIM_MERGE_MERGES ? "$set" : "$setOnInsert", doc); /* the latter: what is there stays */
        sim_w_end(w);
    }
    const uint8_t *done = sim_w_done(w);
    sim_w_release(&values);
    if (rc == 0 && !done)
        rc = sim_fail_nomem(&c->fail);
    return rc ? NULL : done;
}

/* The document with an _id, when that is asked for and it has none. NULL out of memory. */
static struct sim_doc *with_id(struct sim_call *c, struct sim_doc *d)
{
    struct sim_w w;
    uint8_t oid[12];
    if (sim_find(d->bson, "_id").type)
        return sim_doc_ref(d);
    sim_w_init(&w);
    sim_new_oid(c->s, oid);
    sim_w_oid(&w, "_id", oid);
    sim_w_all(&w, d->bson);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *fresh = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return fresh;
}

static int merge_one(struct sim_call *c, const struct sim_out *out, struct sim_coll *coll, struct sim_doc *d)
{
    struct sim_w w;
    int64_t matched = 0;
    int rc = 0;
    if (out->matched == SIM_MERGE_CLASHES)
        return sim_write_insert(c, coll, d->bson);
    sim_w_init(&w);
    bool by_id = out->on_n == 1 && strcmp(out->on[0], "_id") == 0;
    struct sim_doc *doc = by_id ? with_id(c, d) : sim_doc_ref(d);
    const uint8_t *update = doc ? statement(c, out, doc->bson, &w) : NULL;
    if (!update)
        rc = doc ? -1 : sim_fail_nomem(&c->fail);
    if (rc == 0)
        rc = sim_write_update(c, update, &matched);
    if (rc == 0 && !matched && out->not_matched == SIM_MERGE_INSERTS)
        rc = sim_write_insert(c, coll, doc->bson);
    else if (rc == 0 && !matched && out->not_matched == SIM_MERGE_MISSES)
        rc = sim_fail(&c->fail, NO_MATCH, "$merge could not find a matching document in the target collection for at least one document in the source collection");
    sim_w_release(&w);
    sim_doc_unref(doc);
    return rc;
}

static int write_all(struct sim_call *c, const struct sim_out *out, const struct sim_docs *docs)
{
    static const uint8_t no_options[] = {5, 0, 0, 0, 0};
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    if (!coll && sim_view_find(&c->m->cat, c->ns))
        return sim_fail(&c->fail, 166, "Namespace %s is a view, not a collection", c->ns);
    if (sim_check_writable(c) || (!out->is_merge && coll && sim_drop_coll(c, coll)))
        return -1;
    if (!(coll = out->is_merge ? sim_need_coll(c) : sim_create_coll(c, no_options)))
        return -1;
    if (out->is_merge && !is_unique(out, coll))
        return sim_fail(&c->fail, 51183, "Cannot find index to verify that join fields will be unique");
    for (size_t i = 0; i < docs->n; i++)
        if (out->is_merge ? merge_one(c, out, coll, docs->d[i]) : sim_write_insert(c, coll, docs->d[i]->bson))
            return -1;
    return 0;
}

int sim_out_write(struct sim_call *c, const struct sim_out *out, const struct sim_docs *docs)
{
    char ns[sizeof c->ns], db[sizeof c->db];
    if (c->in_txn)
        return sim_fail(&c->fail, SIM_NOT_IN_TXN, "Operation not permitted in transaction :: caused by :: Aggregation stage: '%s' cannot run within a "
                                                  "multi-document transaction.", out->is_merge ? "$merge" : "$out");
    if (!sim_is_writable(c->m))
        return sim_fail(&c->fail, SIM_NOT_PRIMARY, "not primary");
    memcpy(ns, c->ns, sizeof ns);
    memcpy(db, c->db, sizeof db);
    snprintf(c->ns, sizeof c->ns, "%s", out->ns);
    snprintf(c->db, sizeof c->db, "%.*s", (int)strcspn(out->ns, "."), out->ns);
    int rc = write_all(c, out, docs);
    memcpy(c->ns, ns, sizeof ns);
    memcpy(c->db, db, sizeof db);
    return rc;
}
