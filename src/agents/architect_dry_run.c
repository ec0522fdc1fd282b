/* SPDX-License-Identifier: Apache-2.0
 *
 * Who would not keep to a validator: counted by the server, by ranges of _id, without writing anything. */
#include "architect_read.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/schema_validator.h>
#include <signalbox/base/clock.h>
#include <signalbox/mongo/read_door.h>

#define PER_RANGE 20000
#define MAX_RANGES 500

struct run {
    struct sb_conn *conn;
    char db[64], coll[192];
    struct sb_id_edges edges;
    int64_t documents;
};

/* {$nor: [validator]} */
static bson_t *offenders_of(const bson_t *validator)
{
    return BCON_NEW("$nor", "[", BCON_DOCUMENT(validator), "]");
}

/* Those of one range ([i, i + 1) n-ths; n 1: all of them), added to the dry run. */
static int count_range(struct run *r, const bson_t *what, int64_t i, int64_t n, struct sb_dry_run *out, struct sb_err *err)
{
    bson_t *command = BCON_NEW("count", BCON_UTF8(r->coll)), query, id, reply;
    bson_iter_t it;
    int64_t began = sb_mono_ms();
    BSON_APPEND_DOCUMENT_BEGIN(command, "query", &query);
    if (n > 1) {
        bson_value_t from = sb_id_between(&r->edges, i, n), to = sb_id_between(&r->edges, i + 1, n);
        BSON_APPEND_DOCUMENT_BEGIN(&query, "_id", &id);
        bson_append_value(&id, "$gte", -1, i == 0 ? &r->edges.low : &from);
        bson_append_value(&id, i + 1 == n ? "$lte" : "$lt", -1, i + 1 == n ? &r->edges.high : &to);
        bson_append_document_end(&query, &id);
    }
    bson_concat(&query, what);
    bson_append_document_end(command, &query);
    int rc = sb_read(r->conn, r->db, command, &reply, err);
    if (rc == 0) {
        if (bson_iter_init_find(&it, &reply, "n") && BSON_ITER_HOLDS_NUMBER(&it))
            out->offenders += bson_iter_as_int64(&it);
        bson_destroy(&reply);
    }
    bson_destroy(command);
    sb_architect_rest(began);
    return rc;
}

static bool take_sample(void *ctx, const bson_t *doc)
{
    int64_t counted = ((struct sb_dry_run *)ctx)->offenders;
    int rc = sb_dry_run_add(ctx, bson_get_data(doc), doc->len);
    ((struct sb_dry_run *)ctx)->offenders = counted; /* the server has counted them */
    return rc == 0;
}

static int sample(struct run *r, const bson_t *what, struct sb_dry_run *out, struct sb_err *err)
{
    bson_t *command = BCON_NEW("find", BCON_UTF8(r->coll), "projection", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(SB_VALIDATOR_SAMPLES)), filter;
    BSON_APPEND_DOCUMENT_BEGIN(command, "filter", &filter);
    bson_concat(&filter, what);
    bson_append_document_end(command, &filter);
    int64_t n = sb_read_cursor(r->conn, r->db, command, SB_VALIDATOR_SAMPLES, take_sample, out, err);
    bson_destroy(command);
    return n < 0 ? -1 : 0;
}

/* What the server cannot do, or not within its time, is a note and no failure of the whole. */
static void dry_run(struct run *r, const bson_t *what, struct sb_dry_run *out)
{
    struct sb_err why = SB_ERR_INIT;
    int64_t n = r->edges.found && sb_id_divisible(&r->edges) && r->documents > PER_RANGE ? r->documents / PER_RANGE + 1 : 1;
    n = n < MAX_RANGES ? n : MAX_RANGES;
    out->offenders = 0;
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < n; i++)
        rc = count_range(r, what, i, n, out, &why);
    if (rc == 0 && out->offenders)
        rc = sample(r, what, out, &why);
    if (rc) {
        sb_dry_run_release(out);
        snprintf(out->note, sizeof out->note, "not counted: %s", why.msg);
    }
}

int sb_count_fits(struct sb_conn *c, const char *ns, int64_t documents, const bson_t *what, struct sb_dry_run *out, struct sb_err *err)
{
    struct run r = {.conn = c, .documents = documents};
    *out = (struct sb_dry_run){.offenders = -1};
    if (!sb_ns_split(ns, r.db, r.coll) || sb_id_edges_find(c, r.db, r.coll, &r.edges, err))
        return -1;
    dry_run(&r, what, out);
    sb_id_edges_release(&r.edges);
    return 0;
}

static void take_text(const bson_t *doc, const char *path, char *out, size_t cap)
{
    bson_iter_t it, field;
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &field) && BSON_ITER_HOLDS_UTF8(&field))
        snprintf(out, cap, "%s", bson_iter_utf8(&field, NULL));
}

static bool take_options(void *ctx, const bson_t *doc)
{
    struct sb_validator_live *live = ctx;
    bson_iter_t it, field;
    const uint8_t *data;
    uint32_t n;
    live->exists = true;
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "options.validator", &field) && BSON_ITER_HOLDS_DOCUMENT(&field)) {
        bson_iter_document(&field, &n, &data);
        if (n > 5)
            live->validator = bson_new_from_data(data, n);
    }
    take_text(doc, "type", live->kind, sizeof live->kind);
    take_text(doc, "options.validationLevel", live->level, sizeof live->level);
    take_text(doc, "options.validationAction", live->action, sizeof live->action);
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "info.uuid", &field) && BSON_ITER_HOLDS_BINARY(&field)) {
        bson_subtype_t subtype;
        bson_iter_binary(&field, &subtype, &n, &data);
        for (uint32_t i = 0; n == 16 && i < n; i++)
            snprintf(live->uuid + 2 * i, 3, "%02x", data[i]);
    }
    return false;
}

int sb_validator_read(struct sb_conn *c, const char *db, const char *coll, struct sb_validator_live *out, struct sb_err *err)
{
    *out = (struct sb_validator_live){.proposed = {.offenders = -1}, .existing = {.offenders = -1}, .level = "strict", .action = "error"};
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(coll), "}");
    int rc = sb_read_cursor(c, db, list, 1, take_options, out, err) < 0 ? -1 : 0;
    bson_destroy(list);
    return rc;
}

char *sb_validator_state(const bson_t *validator, const char *level, const char *action)
{
    bson_t doc = BSON_INITIALIZER;
    if (validator && !bson_empty(validator)) {
        BSON_APPEND_DOCUMENT(&doc, "validator", validator);
        BSON_APPEND_UTF8(&doc, "level", level);
        BSON_APPEND_UTF8(&doc, "action", action);
    }
    char *json = bson_as_canonical_extended_json(&doc, NULL), *copy = json ? sb_format("%s", json) : NULL;
    bson_free(json);
    bson_destroy(&doc);
    return copy;
}

int sb_validator_dry_run(const struct sb_server *server, const char *ns, int64_t documents, const bson_t *schema, struct sb_reads *reads, struct sb_validator_live *out, struct sb_err *err)
{
    struct run r = {.documents = documents};
    *out = (struct sb_validator_live){.proposed = {.offenders = -1}, .existing = {.offenders = -1}};
    if (!sb_ns_split(ns, r.db, r.coll))
        return sb_fail(err, SB_EUSAGE, "%s is not a collection's name; write it as database.collection", ns);
    if ((r.conn = sb_architect_connect(server, reads, err)) == NULL)
        return -1;
    bson_t *rule = BCON_NEW("$jsonSchema", BCON_DOCUMENT(schema)), *proposed = offenders_of(rule), *existing = NULL;
    int rc = sb_validator_read(r.conn, r.db, r.coll, out, err);
    if (rc == 0)
        rc = sb_id_edges_find(r.conn, r.db, r.coll, &r.edges, err);
    if (rc == 0) {
        dry_run(&r, proposed, &out->proposed);
        if (out->validator && (existing = offenders_of(out->validator)))
            dry_run(&r, existing, &out->existing);
    }
    sb_id_edges_release(&r.edges);
    if (existing)
        bson_destroy(existing);
    bson_destroy(proposed);
    bson_destroy(rule);
    sb_conn_close(r.conn);
    return rc;
}

void sb_validator_live_release(struct sb_validator_live *live)
{
    sb_dry_run_release(&live->proposed);
    sb_dry_run_release(&live->existing);
    if (live->validator)
        bson_destroy(live->validator);
    live->validator = NULL;
}
