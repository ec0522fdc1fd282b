/* SPDX-License-Identifier: Apache-2.0
 *
 * The step iterators "extracted", has every document with a field one of its _id in the other collection, and "embedded", does the step's
 * own aggregation find none of those with the field? The documents are gone over in the order of _id, so many at a time. One that has none is looked for again, since it may have gone meanwhile; what stays so is waited
 * for, with its _id, until somebody has seen to it. */
#include "step_iterator_kinds.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/base/clock.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define AT_ONCE 500
#define LOOK_MS 1500

struct ids {
    bson_t list; /* an array of _id */
    uint32_t n;
};

static bool take_id(void *ctx, const bson_t *doc)
{
    struct ids *ids = ctx;
    bson_iter_t it;
    char index[16];
    const char *key;
    if (bson_iter_init_find(&it, doc, "_id")) {
        bson_uint32_to_string(ids->n++, &key, index, sizeof index);
        BSON_APPEND_VALUE(&ids->list, key, bson_iter_value(&it));
    }
    return true;
}

struct walk {
    struct sb_conn *conn;
    const struct sb_step_work *work;
    const char *command; /* of "embedded": the aggregation that finds one that is not as it has to be; else NULL */
    char db[64], coll[192], other_db[64], other[192];
};

static int find(const struct walk *w, const char *db, const char *coll, const bson_t *filter, struct ids *out, struct sb_err *err)
{
    bson_t *c = BCON_NEW("find", BCON_UTF8(coll), "filter", BCON_DOCUMENT(filter), "projection", "{", "_id", BCON_INT32(1), "}", "sort", "{", "_id", BCON_INT32(1), "}", "hint", "{", "_id", BCON_INT32(1), "}",
                         "limit", BCON_INT64(AT_ONCE), "batchSize", BCON_INT64(AT_ONCE), "singleBatch", BCON_BOOL(true));
    int64_t n = sb_read_cursor(w->conn, db, c, AT_ONCE, take_id, out, err);
    bson_destroy(c);
    return n < 0 ? -1 : 0;
}

/* The next documents with the field behind a place, whatever the type of their _id. */
static int next_ids(const struct walk *w, const bson_value_t *at, struct ids *out, struct sb_err *err)
{
    bson_t *filter = BCON_NEW(w->work->field, "{", "$exists", BCON_BOOL(true), "}"), expr, gt, lit;
    if (at) {
        BSON_APPEND_DOCUMENT_BEGIN(filter, "$expr", &expr);
        BSON_APPEND_ARRAY_BEGIN(&expr, "$gt", &gt);
        BSON_APPEND_UTF8(&gt, "0", "$_id");
        BSON_APPEND_DOCUMENT_BEGIN(&gt, "1", &lit);
        BSON_APPEND_VALUE(&lit, "$literal", at);
        bson_append_document_end(&gt, &lit);
        bson_append_array_end(&expr, &gt);
        bson_append_document_end(filter, &expr);
    }
    int rc = find(w, w->db, w->coll, filter, out, err);
    bson_destroy(filter);
    return rc;
}

static int those_in(const struct walk *w, const bson_t *list, bool other, struct ids *out, struct sb_err *err)
{
    bson_t *filter = other ? BCON_NEW("_id", "{", "$in", BCON_ARRAY(list), "}") : BCON_NEW("_id", "{", "$in", BCON_ARRAY(list), "}", w->work->field, "{", "$exists", BCON_BOOL(true), "}");
    int rc = find(w, other ? w->other_db : w->db, other ? w->other : w->coll, filter, out, err);
    bson_destroy(filter);
    return rc;
}

/* The first of a that is not in b; both in the order of _id. */
static bool first_without(const struct ids *a, const struct ids *b, bson_value_t *out)
{
    bson_iter_t x, y;
    bool more = bson_iter_init(&y, &b->list) && bson_iter_next(&y);
    for (bool go = bson_iter_init(&x, &a->list) && bson_iter_next(&x); go; go = bson_iter_next(&x)) {
        bson_t i = BSON_INITIALIZER, k = BSON_INITIALIZER;
        BSON_APPEND_VALUE(&i, "v", bson_iter_value(&x));
        if (more)
            BSON_APPEND_VALUE(&k, "v", bson_iter_value(&y));
        bool same = bson_equal(&i, &k);
        bson_destroy(&i);
        bson_destroy(&k);
        if (!same) {
            bson_value_copy(bson_iter_value(&x), out);
            return true;
        }
        more = bson_iter_next(&y);
    }
    return false;
}

static void ids_init(struct ids *i)
{
    bson_init(&i->list);
    i->n = 0;
}

/* One that has none: 1 with its _id, 0 there is none such, -1. Asked twice: what has gone meanwhile is gone, what has come is there. */
static int missing(const struct walk *w, const struct ids *mine, bson_value_t *out, struct sb_err *err)
{
    struct ids theirs, still;
    ids_init(&theirs);
    ids_init(&still);
    int rc = those_in(w, &mine->list, true, &theirs, err);
    bool lacks = rc == 0 && first_without(mine, &theirs, out);
    if (lacks) {
        bson_value_destroy(out);
        rc = those_in(w, &mine->list, false, &still, err);
        bson_reinit(&theirs.list);
        theirs.n = 0;
        rc = rc || those_in(w, &still.list, true, &theirs, err) ? -1 : first_without(&still, &theirs, out);
    }
    bson_destroy(&theirs.list);
    bson_destroy(&still.list);
    return rc;
}

/* The same of "embedded". An aggregation that begins with a $match, over these documents. */
static int differing(const struct walk *w, const struct ids *mine, bson_value_t *out, struct sb_err *err)
{
    struct sb_statement s;
    struct ids found;
    bson_t in = BSON_INITIALIZER, id;
    bson_iter_t it;
    bson_error_t e;
    int rc = -1;
    ids_init(&found);
    BSON_APPEND_DOCUMENT_BEGIN(&in, "_id", &id);
    BSON_APPEND_ARRAY(&id, "$in", &mine->list);
    bson_append_document_end(&in, &id);
    char *command = sb_statement_open(w->command, &s, err) ? NULL : sb_statement_narrowed(&s, &in);
    bson_t *all = command ? bson_new_from_json((const uint8_t *)command, -1, &e) : NULL;
    if (all) {
        bson_t send = BSON_INITIALIZER;
        bson_copy_to_excluding_noinit(all, &send, "$db", NULL);
        rc = sb_read_cursor(w->conn, s.db, &send, 1, take_id, &found, err) < 0 ? -1 : 0;
        bson_destroy(&send);
        bson_destroy(all);
    } else if (err->code == SB_OK) {
        sb_fail_nomem(err);
    }
    if (rc == 0 && found.n && bson_iter_init(&it, &found.list) && bson_iter_next(&it)) {
        bson_value_copy(bson_iter_value(&it), out);
        rc = 1;
    }
    free(command);
    sb_statement_release(&s);
    bson_destroy(&found.list);
    bson_destroy(&in);
    return rc;
}

static int keep(struct sb_place *p, const bson_value_t *at)
{
    bson_t doc = BSON_INITIALIZER;
    BSON_APPEND_VALUE(&doc, "_id", at);
    char *json = bson_as_canonical_extended_json(&doc, NULL);
    int rc = !json || sb_str_set(&p->at, json) ? -1 : 0;
    bson_free(json);
    bson_destroy(&doc);
    return rc;
}

static void wait_for(const struct walk *w, const bson_value_t *id, struct sb_turn_answer *out)
{
    bson_t doc = BSON_INITIALIZER;
    BSON_APPEND_VALUE(&doc, "_id", id);
    char *json = bson_as_relaxed_extended_json(&doc, NULL);
    out->turn = SB_TURN_WAIT;
    if (w->command)
        snprintf(out->why, sizeof out->why, "%.80s: its copy is not what %.40s names", json ? json : "a document", w->work->field);
    else
        snprintf(out->why, sizeof out->why, "%.80s has %.40s, and %.80s holds no document of its _id", json ? json : "a document", w->work->field, w->other);
    bson_free(json);
    bson_destroy(&doc);
}

static int walk_on(const struct walk *w, bson_value_t *at, bool has_at, struct sb_turn_answer *out, struct sb_err *err)
{
    int64_t until = sb_mono_ms() + LOOK_MS;
    int rc = 0;
    out->turn = SB_TURN_WAIT;
    snprintf(out->why, sizeof out->why, w->command ? "looking whether each copy is what %.100s names" : "looking whether each has its document in %.100s", w->command ? w->work->field : w->other);
    while (rc == 0 && sb_mono_ms() < until) {
        struct ids mine;
        bson_value_t none;
        bson_iter_t it;
        ids_init(&mine);
        rc = next_ids(w, has_at ? at : NULL, &mine, err);
        int lacks = rc == 0 && mine.n ? (w->command ? differing(w, &mine, &none, err) : missing(w, &mine, &none, err)) : rc;
        rc = lacks < 0 ? -1 : 0;
        bool over = rc == 0 && (lacks > 0 || mine.n == 0);
        if (lacks > 0) {
            wait_for(w, &none, out);
            bson_value_destroy(&none);
        } else if (rc == 0 && mine.n == 0) {
            out->turn = SB_TURN_DONE;
            if (w->command)
                snprintf(out->why, sizeof out->why, "each of %" PRId64 " documents with %.60s has a copy of what it names, or names nothing that is there", out->next.docs, w->work->field);
            else
                snprintf(out->why, sizeof out->why, "each of %" PRId64 " documents with %.60s has one of its _id in %.100s", out->next.docs, w->work->field, w->other);
        } else if (rc == 0) {
            char index[16];
            const char *key;
            bson_uint32_to_string(mine.n - 1, &key, index, sizeof index);
            bson_iter_init_find(&it, &mine.list, key);
            if (has_at)
                bson_value_destroy(at);
            bson_value_copy(bson_iter_value(&it), at);
            has_at = true;
            out->next.docs += mine.n;
            rc = keep(&out->next, at) ? sb_fail_nomem(err) : 0;
        }
        bson_destroy(&mine.list);
        if (over)
            break;
    }
    if (has_at)
        bson_value_destroy(at);
    return rc;
}

int sb_next_extracted(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    bool embedded = sb_streq(q->step->work.how, "embedded");
    struct walk w = {.work = &q->step->work, .command = embedded ? q->step->action : NULL};
    bson_t *place = q->place.at ? bson_new_from_json((const uint8_t *)q->place.at, -1, NULL) : NULL;
    bson_iter_t it;
    bson_value_t at;
    int rc = -1;
    if (!sb_ns_split(q->ns, w.db, w.coll) || !w.work->field || (!embedded && (!w.work->new_field || !sb_ns_split(w.work->new_field, w.other_db, w.other)))) {
        sb_fail(err, SB_EINTERNAL, "the step does not say which collections are looked at");
        goto out;
    }
    if (!(w.conn = sb_conn_to_primary(server, SB_LANE_BULK, err)))
        goto out;
    rc = sb_same_collection(w.conn, w.db, w.coll, q->uuid, out->why, sizeof out->why, err);
    if (rc == 0)
        out->turn = SB_TURN_FAILED;
    if (rc == 1) {
        bool has_at = place && bson_iter_init_find(&it, place, "_id");
        if (has_at)
            bson_value_copy(bson_iter_value(&it), &at);
        rc = walk_on(&w, &at, has_at, out, err);
    }
out:
    sb_conn_close(w.conn);
    if (place)
        bson_destroy(place);
    return rc;
}
