/* SPDX-License-Identifier: Apache-2.0
 *
 * What speaks against a capped collection, and how much of the old one fits: who deletes or changes documents, whether the order of _id
 * is that of insertion, and which documents are too old to stay. */
#include "schema_change_private.h"

#include "architect_read.h"
#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define ROUND 256          /* a server's sizes are multiples of this */
#define LEAST_BYTES 4096
#define LONGEST_NAME 235
#define ORDER_LOOK 1000    /* neighbours that are held against each other, at either end */
#define FALLING_PER_MILLE 20 /* two clients that insert at once may be out of step so often */
#define FIT_LOOK 200000    /* documents whose size is read, from the newest on */

struct looking {
    struct sb_conn *conn;
    const struct sb_change_question *q;
    struct change_facts *f;
    struct change_capped *k;
    char kind[32], refused[160];
    bool found, taken, sharded;
};

static int tell(struct looking *l, const char *what, const char *value, const char *coverage)
{
    return sb_evidence_add(&l->f->evidence, &l->f->evidence_n, sb_conn_name(l->conn), l->q->ns, what, value, coverage, l->q->now);
}

/* ---- the collection ---- */

static void take_options(struct looking *l, const bson_t *options)
{
    static const char *const carried[] = {"validator", "validationLevel", "validationAction", "collation"};
    bson_iter_t it;
    for (bool more = bson_iter_init(&it, options) && bson_iter_next(&it); more; more = bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        bool known = false;
        for (size_t i = 0; i < SB_COUNT(carried); i++)
            known |= strcmp(key, carried[i]) == 0;
        if (known)
            BSON_APPEND_VALUE(&l->k->options, key, bson_iter_value(&it));
        else if (strcmp(key, "capped") == 0 && bson_iter_as_bool(&it))
            snprintf(l->refused, sizeof l->refused, "it is capped already");
        else if (strcmp(key, "uuid") != 0 && strcmp(key, "capped") != 0 && !l->refused[0])
            snprintf(l->refused, sizeof l->refused, "it has the option %.60s, which a capped collection cannot have or would not get", key);
    }
}

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct looking *l = ctx;
    bson_iter_t it, at;
    bson_t options;
    const char *name = sb_text_at(doc, "name"), *type = sb_text_at(doc, "type");
    l->taken |= sb_streq(name, l->f->into);
    if (!sb_streq(name, l->f->coll))
        return true;
    l->found = true;
    snprintf(l->kind, sizeof l->kind, "%s", type ? type : "collection");
    if (bson_iter_init_find(&it, doc, "options") && sb_sub_document(&it, &options))
        take_options(l, &options);
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "info.uuid", &at) && BSON_ITER_HOLDS_BINARY(&at)) {
        bson_subtype_t subtype;
        uint32_t n;
        const uint8_t *bytes;
        bson_iter_binary(&at, &subtype, &n, &bytes);
        for (uint32_t i = 0; n == 16 && i < n; i++)
            snprintf(l->f->uuid + 2 * i, 3, "%02x", bytes[i]);
    }
    return true;
}

static bool take_index(void *ctx, const bson_t *doc)
{
    struct looking *l = ctx;
    char index[16];
    const char *key, *name = sb_text_at(doc, "name");
    bson_t spec;
    if (sb_streq(name, "_id_"))
        return true;
    if (bson_has_field(doc, "expireAfterSeconds"))
        snprintf(l->refused, sizeof l->refused, "documents expire by its index %.80s, and a capped collection lets none expire: its size is all that bounds it", name ? name : "?");
    bson_uint32_to_string((uint32_t)l->k->indexes_n++, &key, index, sizeof index);
    BSON_APPEND_DOCUMENT_BEGIN(&l->k->indexes, key, &spec);
    bson_copy_to_excluding_noinit(doc, &spec, "v", "ns", NULL);
    bson_append_document_end(&l->k->indexes, &spec);
    return true;
}

static bool take_any(void *ctx, const bson_t *doc)
{
    (void)doc;
    *(bool *)ctx = true;
    return false;
}

static int read_place(struct looking *l, struct sb_err *err)
{
    struct change_facts *f = l->f;
    struct sb_err none = SB_ERR_INIT; /* where there is no sharding there is no such collection, or nobody may read it */
    bson_t reply;
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", "{", "$in", "[", BCON_UTF8(f->coll), BCON_UTF8(f->into), "]", "}", "}");
    bson_t *config = BCON_NEW("find", "collections", "filter", "{", "_id", BCON_UTF8(l->q->ns), "}", "limit", BCON_INT64(1)), *stats = BCON_NEW("collStats", BCON_UTF8(f->coll)), *indexes = BCON_NEW("listIndexes", BCON_UTF8(f->coll));
    int rc = -1;
    if (sb_read_cursor(l->conn, f->db, list, INT64_MAX, take_collection, l, err) < 0)
        goto out;
    sb_read_cursor(l->conn, "config", config, 1, take_any, &l->sharded, &none);
    if (!l->found)
        sb_fail(err, SB_EINPUT, "there is no collection %.200s", l->q->ns);
    else if (!sb_streq(l->kind, "collection"))
        sb_fail(err, SB_EINPUT, "%.150s is a %.20s: neither a view nor a time series becomes capped", l->q->ns, l->kind);
    else if (l->sharded)
        sb_fail(err, SB_EINPUT, "%.150s is sharded: no server caps a sharded collection", l->q->ns);
    else if (l->taken)
        sb_fail(err, SB_EINPUT, "%.60s.%.100s is there already, and the old collection would get that name: rename or drop it first", f->db, f->into);
    else if (!f->uuid[0])
        sb_fail(err, SB_ENO, "the server does not tell the UUID of %.150s: what has its name could not be told afterwards, so nothing is proposed", l->q->ns);
    else if (sb_read_cursor(l->conn, f->db, indexes, 100, take_index, l, err) >= 0 && l->refused[0])
        sb_fail(err, SB_EINPUT, "%.120s does not become capped: %.150s", l->q->ns, l->refused);
    else if (err->code == SB_OK && sb_read(l->conn, f->db, stats, &reply, err) == 0) {
        f->documents = sb_number_of(&reply, "count");
        f->bytes = sb_number_of(&reply, "size");
        bson_destroy(&reply);
        rc = 0;
    }
out:
    bson_destroy(list);
    bson_destroy(config);
    bson_destroy(stats);
    bson_destroy(indexes);
    return rc;
}

/* ---- who changes documents ---- */

static int look_at_changes(struct looking *l, struct sb_err *err)
{
    struct change_writes c;
    if (sb_change_count_writes(l->conn, l->q->ns, &c, err)) {
        struct sb_err why = *err;
        return sb_fail(err, SB_ESTATE, "whether documents of %.100s are deleted or changed cannot be read from the oplog, so nothing is proposed: %.120s", l->q->ns, why.msg);
    }
    if (c.deletes || c.updates)
        return sb_fail(err, SB_ENO, "%.100s does not become capped: the oplog holds %" PRId64 " deletes and %" PRId64 " updates of it%s. A copy would not follow them, before 5.0 a capped collection refuses deletes, and an update may make no document "
                                    "longer there. Where documents are to go after a time, \"expire documents in %.80s 30 days after FIELD\"", l->q->ns, c.deletes, c.updates, c.more ? ", or more" : "", l->q->ns);
    return tell(l, "deletes and updates in the oplog", "none: documents are only inserted", "measured") ? sb_fail_nomem(err) : 0;
}

/* ---- the order ---- */

static bool number_of(const bson_iter_t *it, double *out)
{
    switch (bson_iter_type(it)) {
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
        *out = (double)bson_iter_as_int64(it);
        return true;
    case BSON_TYPE_DOUBLE:
        *out = bson_iter_double(it);
        return true;
    case BSON_TYPE_DATE_TIME:
        *out = (double)bson_iter_date_time(it);
        return true;
    case BSON_TYPE_OID:
        *out = (double)bson_oid_get_time_t(bson_iter_oid(it));
        return true;
    default:
        return false;
    }
}

struct order {
    double last;
    bool has_last, back; /* from the newest on */
    int64_t compared, falling, others;
};

static bool take_order(void *ctx, const bson_t *doc)
{
    struct order *o = ctx;
    bson_iter_t it;
    double v;
    if (!bson_iter_init_find(&it, doc, "_id") || !number_of(&it, &v)) {
        o->others++;
        return true;
    }
    if (o->has_last) {
        o->compared++;
        o->falling += o->back ? v > o->last : v < o->last;
    }
    o->last = v;
    o->has_last = true;
    return true;
}

/* The ends of _id have one type, so that all have; and documents lie as they were inserted. */
static int look_at_order(struct looking *l, struct sb_err *err)
{
    struct sb_id_edges e = {.found = false};
    struct order o = {.compared = 0};
    char text[160];
    if (sb_id_edges_find(l->conn, l->f->db, l->f->coll, &e, err))
        return -1;
    bool one_type = !e.found || sb_id_divisible(&e);
    sb_id_edges_release(&e);
    for (int way = 1; one_type && way >= -1; way -= 2) {
        o.has_last = false;
        o.back = way < 0;
        bson_t *find = BCON_NEW("find", BCON_UTF8(l->f->coll), "projection", "{", "_id", BCON_INT32(1), "}", "hint", "{", "$natural", BCON_INT32(way), "}", "limit", BCON_INT64(ORDER_LOOK), "batchSize", BCON_INT64(ORDER_LOOK), "singleBatch", BCON_BOOL(true));
        int64_t n = sb_read_cursor(l->conn, l->f->db, find, ORDER_LOOK, take_order, &o, err);
        bson_destroy(find);
        if (n < 0)
            return -1;
    }
    if (!one_type || o.others || o.falling * 1000 > o.compared * FALLING_PER_MILLE)
        return sb_fail(err, SB_EINPUT, "%.120s does not become capped: its _id does not follow the order of insertion (%s), and only by _id it can be copied while it is written. A capped collection drops what was inserted first", l->q->ns,
                       !one_type || o.others ? "it is not an ObjectId, a number or a date in each" : "it falls from one document to the next");
    snprintf(text, sizeof text, "of %" PRId64 " neighbours, the oldest and the newest, the later one has the smaller _id in %" PRId64, o.compared, o.falling);
    return tell(l, "the order of _id and that of insertion", text, l->f->documents <= ORDER_LOOK ? "measured" : "sampled") ? sb_fail_nomem(err) : 0;
}

/* ---- what fits ---- */

struct fit {
    int64_t room, read, fits;
    bson_t *least;
    bool over;
};

static bool take_size(void *ctx, const bson_t *doc)
{
    struct fit *fit = ctx;
    bson_iter_t it;
    int64_t n = sb_number_of(doc, "n");
    fit->read++;
    fit->room -= n;
    if (fit->room < 0) {
        fit->over = true;
        return false;
    }
    fit->fits++;
    if (fit->least)
        bson_reinit(fit->least);
    else
        fit->least = bson_new();
    if (bson_iter_init_find(&it, doc, "_id"))
        BSON_APPEND_VALUE(fit->least, "_id", bson_iter_value(&it));
    return true;
}

static int look_at_fit(struct looking *l, struct sb_err *err)
{
    struct change_capped *k = l->k;
    struct fit fit = {.room = k->bytes};
    bool measured = true;
    int64_t lost = 0;
    char text[200];
    bson_t *find = BCON_NEW("aggregate", BCON_UTF8(l->f->coll), "pipeline", "[", "{", "$sort", "{", "_id", BCON_INT32(-1), "}", "}", "{", "$limit", BCON_INT32(FIT_LOOK), "}", "{", "$project", "{", "_id", BCON_INT32(1), "n", "{", "$bsonSize",
                            "$$ROOT", "}", "}", "}", "]", "hint", "{", "_id", BCON_INT32(1), "}", "cursor", "{", "batchSize", BCON_INT32(5000), "}");
    int64_t n = sb_read_cursor(l->conn, l->f->db, find, FIT_LOOK, take_size, &fit, err);
    bson_destroy(find);
    if (n < 0 && err->code != SB_ECOMMAND) {
        bson_destroy(fit.least);
        return -1;
    }
    if (n < 0 || (!fit.over && fit.read >= FIT_LOOK)) { /* the server cannot tell, or there are too many to be read */
        int64_t each = l->f->documents > 0 ? l->f->bytes / l->f->documents + 1 : 1;
        *err = (struct sb_err)SB_ERR_INIT;
        measured = false;
        lost = l->f->documents > k->bytes / each ? l->f->documents - k->bytes / each : 0;
    } else if (fit.over) {
        lost = l->f->documents > fit.fits ? l->f->documents - fit.fits : 0;
        k->least = fit.least;
        fit.least = NULL;
    }
    if (fit.least)
        bson_destroy(fit.least);
    snprintf(text, sizeof text, "%s%" PRId64 " of %" PRId64 " documents, the oldest: %" PRId64 " bytes of documents, and room for %" PRId64, measured ? "" : "about ", lost, l->f->documents, l->f->bytes, k->bytes);
    snprintf(k->lost_text, sizeof k->lost_text, "%s%" PRId64 " of %" PRId64 " documents do not fit, and are not in it.", measured ? "" : "about ", lost, l->f->documents);
    return tell(l, "what does not fit", text, measured ? "measured" : "estimated") ? sb_fail_nomem(err) : 0;
}

int sb_change_look_capped(const struct sb_server *server, const struct sb_change_question *q, struct change_facts *f, struct change_capped *k, struct sb_reads *reads, struct sb_err *err)
{
    struct looking l = {.q = q, .f = f, .k = k};
    char size[80];
    int rc = -1;
    if (!sb_ns_split(q->ns, f->db, f->coll))
        return sb_fail(err, SB_EINPUT, "\"%.100s\" is not a collection; write it as database.collection", q->ns);
    if (sb_starts_with(f->coll, "system.") || sb_starts_with(f->coll, "signalbox_") || strlen(q->ns) + sizeof "_uncapped" > LONGEST_NAME)
        return sb_fail(err, SB_EINPUT, "%.150s is a name that nothing is made capped of", q->ns);
    if (q->capped_at < LEAST_BYTES || q->capped_at > INT64_C(1) << 50)
        return sb_fail(err, SB_EINPUT, "a capped collection has a size between %d bytes and 1 PB", LEAST_BYTES);
    k->bytes = (q->capped_at + ROUND - 1) / ROUND * ROUND;
    snprintf(f->into, sizeof f->into, "%.180s_uncapped", f->coll);
    if (!(l.conn = sb_architect_connect(server, reads, err)) || read_place(&l, err) || look_at_changes(&l, err) || look_at_order(&l, err) || look_at_fit(&l, err))
        goto out;
    snprintf(size, sizeof size, "%" PRId64 " documents, %" PRId64 " bytes, %zu indexes beside that on _id", f->documents, f->bytes, k->indexes_n);
    rc = tell(&l, "the collection", size, "measured") ? sb_fail_nomem(err) : 0;
out:
    sb_conn_close(l.conn);
    return rc;
}
