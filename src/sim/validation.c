/* SPDX-License-Identifier: Apache-2.0 */
#include "validation.h"

#include "schema.h"

#include <signalbox/sim/log.h>

#include <stdlib.h>
#include <string.h>

/* {failingDocumentId, details} as 5.0 tells it for a $jsonSchema. Of a query expression the whole is told, not which of its
 * clauses failed. */
static void put_err_info(struct sim_w *w, const struct sim_coll *coll, const uint8_t *doc)
{
    const uint8_t *validator = coll->validator->source->bson;
    struct sim_val schema = sim_find(validator, "$jsonSchema");
    sim_w_doc(w, "errInfo");
    sim_w_val(w, "failingDocumentId", sim_find(doc, "_id"));
    sim_w_doc(w, "details");
    if (schema.type == BSON_TYPE_DOCUMENT && !sim_schema_match(schema.p, sim_val_doc(doc))) {
        sim_w_text(w, "operatorName", "$jsonSchema");
        sim_w_val(w, "title", sim_find(schema.p, "title"));
        sim_w_val(w, "description", sim_find(schema.p, "description"));
        sim_w_array(w, "schemaRulesNotSatisfied");
        sim_schema_explain(schema.p, sim_val_doc(doc), w);
        sim_w_end(w);
    } else {
        struct sim_iter it = sim_iter_of(validator);
        struct sim_elem e;
        sim_w_text(w, "operatorName", sim_next(&it, &e) && e.key[0] == '$' ? e.key : "$and");
        sim_w_copy(w, "specifiedAs", validator);
        sim_w_text(w, "reason", "expression did not match");
    }
    sim_w_end(w);
    sim_w_end(w);
}

static void warn(struct sim_call *c, const struct sim_coll *coll, const uint8_t *doc)
{
    struct sim_w w;
    char thread[32];
    sim_w_init(&w);
    sim_w_text(&w, "namespace", coll->ns);
    sim_w_copy(&w, "document", doc);
    put_err_info(&w, coll, doc);
    const uint8_t *attr = sim_w_done(&w);
    snprintf(thread, sizeof thread, "conn%d", c->conn->id);
    if (attr)
        sim_log(c->m, c->s->now, 'W', "STORAGE", 20294, thread, "Document would fail validation", attr);
    sim_w_release(&w);
}

int sim_validate_document(struct sim_call *c, const struct sim_coll *coll, const uint8_t *old, const uint8_t *doc, struct sim_fail *f)
{
    if (!coll->validator || coll->validates_off || sim_truth(sim_arg(c, "bypassDocumentValidation")) || sim_match(coll->validator->root, doc))
        return 0;
    if (coll->validates_moderately && old && !sim_match(coll->validator->root, old))
        return 0;
    if (coll->only_warns) {
        warn(c, coll, doc);
        return 0;
    }
    struct sim_w w;
    sim_w_init(&w);
    put_err_info(&w, coll, doc);
    const uint8_t *done = sim_w_done(&w);
    sim_fail(f, SIM_VALIDATION, "Document failed validation");
    free(f->extra);
    f->extra = done ? malloc(sim_doc_len(done)) : NULL;
    if (f->extra)
        memcpy(f->extra, done, sim_doc_len(done));
    sim_w_release(&w);
    return -1;
}
