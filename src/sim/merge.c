/* SPDX-License-Identifier: Apache-2.0
 *
 * $merge: each document of a pipeline becomes one update of the collection that it goes into, by its _id. */
#include "bind.h"
#include "ddl.h"

#include <signalbox/sim/pipeline.h>

#include <string.h>

struct merge {
    const char *into;
    const char *matched;     /* "replace", "keepExisting", "merge"; NULL: a pipeline */
    struct sim_val pipeline; /* in which $$new is the document that comes */
    bool insert;             /* what is not there */
};

static const char *text_or(struct sim_val v, const char *otherwise)
{
    return sim_is_text(v.type) ? sim_text(v) : otherwise;
}

static int read_spec(struct sim_call *c, struct sim_val spec, struct merge *m)
{
    struct sim_val into = spec.type == BSON_TYPE_DOCUMENT ? sim_find(spec.p, "into") : spec, rule = sim_missing, on = sim_missing, missing = sim_missing;
    struct sim_elem e;
    static const char *const known[] = {"into", "on", "whenMatched", "whenNotMatched"};
    for (struct sim_iter it = sim_iter_of(spec.p); spec.type == BSON_TYPE_DOCUMENT && sim_next(&it, &e);) {
        size_t i = 0;
        while (i < SB_COUNT(known) && strcmp(known[i], e.key) != 0)
            i++;
        if (i == SB_COUNT(known))
            return sim_fail(&c->fail, strcmp(e.key, "let") == 0 ? SIM_NOT_IMPLEMENTED : SIM_UNKNOWN_FIELD, "BSON field '$merge.%.60s' is an unknown field.", e.key);
    }
    if (spec.type == BSON_TYPE_DOCUMENT) {
        rule = sim_find(spec.p, "whenMatched");
        on = sim_find(spec.p, "on");
        missing = sim_find(spec.p, "whenNotMatched");
    }
    if (!sim_is_text(into.type) || !sim_text(into)[0])
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "$merge into another database is not simulated");
    if (on.type && !sim_text_is(on, "_id"))
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "$merge on other fields than _id is not simulated");
    m->into = sim_text(into);
    m->pipeline = rule.type == BSON_TYPE_ARRAY ? rule : sim_missing;
    m->matched = m->pipeline.type ? NULL : text_or(rule, "merge");
    m->insert = strcmp(text_or(missing, "insert"), "insert") == 0;
    if (!m->insert && !sim_text_is(missing, "discard"))
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "$merge with whenNotMatched: %.30s is not simulated", text_or(missing, "?"));
    if (m->matched ? strcmp(m->matched, "replace") != 0 && strcmp(m->matched, "keepExisting") != 0 && strcmp(m->matched, "merge") != 0 : m->insert)
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "$merge with whenMatched: %.30s and whenNotMatched: %s is not simulated", m->matched ? m->matched : "a pipeline", m->insert ? "insert" : "discard");
    return 0;
}

/* {q: {_id: ..}, u: .., upsert: ..} */
static const uint8_t *statement(const struct merge *m, const uint8_t *doc, struct sim_w *w)
{
    struct sim_elem e;
    sim_w_doc(w, "q");
    sim_w_val(w, "_id", sim_find(doc, "_id"));
    sim_w_end(w);
    if (!m->matched) {
        struct sim_binding fresh = {"new", sim_val_doc(doc)};
        sim_bind(m->pipeline, &fresh, 1, w, "u");
    } else if (strcmp(m->matched, "replace") == 0) {
        sim_w_copy(w, "u", doc);
    } else {
        sim_w_doc(w, "u");
        sim_w_doc(w, strcmp(m->matched, "merge") == 0 ? "$set" : "$setOnInsert");
        for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);)
            if (strcmp(e.key, "_id") != 0)
                sim_w_val_n(w, e.key, e.key_n, e.v);
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_bool(w, "upsert", m->insert);
    return sim_w_done(w);
}

int sim_write_merge(struct sim_call *c, struct sim_val spec, const struct sim_docs *docs)
{
    char from[sizeof c->ns];
    struct merge m = {.into = NULL};
    struct sim_w w;
    if (read_spec(c, spec, &m))
        return -1;
    snprintf(from, sizeof from, "%s", c->ns);
    snprintf(c->ns, sizeof c->ns, "%s.%s", c->db, m.into);
    int rc = sim_check_writable(c);
    sim_w_init(&w);
    for (size_t i = 0; rc == 0 && i < docs->n; i++) {
        sim_w_clear(&w);
        const uint8_t *update = statement(&m, docs->d[i]->bson, &w);
        struct sim_val id = sim_find(docs->d[i]->bson, "_id");
        if (!id.type || id.type == BSON_TYPE_NULL || id.type == BSON_TYPE_UNDEFINED || id.type == BSON_TYPE_ARRAY)
            rc = sim_fail(&c->fail, 51132, "$merge write error: 'on' field '_id' cannot be missing, null, undefined or an array");
        else
            rc = update ? sim_run_update(c, update) : sim_fail_nomem(&c->fail);
    }
    sim_w_release(&w);
    snprintf(c->ns, sizeof c->ns, "%s", from);
    return rc;
}
