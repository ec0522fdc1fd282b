/* SPDX-License-Identifier: Apache-2.0
 *
 * The step iterator "batches": ranges of _id in order, each with so many documents at most. What is read on the way is bounded:
 * a range is found by walking the _id index, and whether anything in it is to be changed by looking for the first that is. */
#include "step_iterator_kinds.h"

#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/base/clock.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define LOOK_MS 1500 /* ranges are passed for so long in one turn */

/* One range: ids that were found, in order. */
struct ids {
    bson_value_t first, last;
    int64_t n;
};

struct walk {
    struct sb_conn *conn;
    const struct sb_turn_question *q;
    struct sb_statement s;
    bson_value_t at; /* the lower end, and */
    bool has_at, inclusive;
    bson_value_t end; /* of the pass */
    bool has_end;
};

static void ids_release(struct ids *i)
{
    if (i->n) {
        bson_value_destroy(&i->first);
        bson_value_destroy(&i->last);
    }
    i->n = 0;
}

static bool take_id(void *ctx, const bson_t *doc)
{
    struct ids *i = ctx;
    bson_iter_t it;
    if (!bson_iter_init_find(&it, doc, "_id"))
        return true;
    if (i->n == 0)
        bson_value_copy(bson_iter_value(&it), &i->first);
    else
        bson_value_destroy(&i->last);
    bson_value_copy(bson_iter_value(&it), &i->last);
    i->n++;
    return true;
}

static bool is_number(bson_type_t type)
{
    return type == BSON_TYPE_INT32 || type == BSON_TYPE_INT64 || type == BSON_TYPE_DOUBLE || type == BSON_TYPE_DECIMAL128;
}

/* The walk has come to the type of the last _id: only there the server can compare them. */
static bool near_end(const struct walk *w)
{
    return w->has_at && w->has_end && (w->at.value_type == w->end.value_type || (is_number(w->at.value_type) && is_number(w->end.value_type)));
}

static void add_range(bson_t *filter, const struct walk *w, const bson_value_t *to)
{
    bson_t range;
    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &range);
    if (w->has_at)
        BSON_APPEND_VALUE(&range, w->inclusive ? "$gte" : "$gt", &w->at);
    if (to)
        BSON_APPEND_VALUE(&range, "$lte", to);
    else if (near_end(w))
        BSON_APPEND_VALUE(&range, "$lte", &w->end);
    bson_append_document_end(filter, &range);
}

/* The ids that fit a filter, in this order (1 or -1), `limit` of them. */
static int find_ids(const struct walk *w, const bson_t *filter, int order, int64_t limit, struct ids *out, struct sb_err *err)
{
    bson_t c, sub;
    memset(out, 0, sizeof *out);
    bson_init(&c);
    BSON_APPEND_UTF8(&c, "find", w->s.coll);
    BSON_APPEND_DOCUMENT(&c, "filter", filter);
    BSON_APPEND_DOCUMENT_BEGIN(&c, "projection", &sub);
    BSON_APPEND_INT32(&sub, "_id", 1);
    bson_append_document_end(&c, &sub);
    BSON_APPEND_DOCUMENT_BEGIN(&c, "sort", &sub);
    BSON_APPEND_INT32(&sub, "_id", order);
    bson_append_document_end(&c, &sub);
    BSON_APPEND_DOCUMENT_BEGIN(&c, "hint", &sub);
    BSON_APPEND_INT32(&sub, "_id", 1);
    bson_append_document_end(&c, &sub);
    BSON_APPEND_INT64(&c, "limit", limit);
    BSON_APPEND_INT64(&c, "batchSize", limit);
    BSON_APPEND_BOOL(&c, "singleBatch", true);
    int64_t n = sb_read_cursor(w->conn, w->s.db, &c, limit, take_id, out, err);
    bson_destroy(&c);
    if (n < 0)
        ids_release(out);
    return n < 0 ? -1 : 0;
}

/* The first _id behind the walk's place, whatever its type: the server's comparisons keep to one type, its index does not. */
static int find_start(const struct walk *w, struct ids *out, struct sb_err *err)
{
    bson_t filter = BSON_INITIALIZER, expr, gt, lit;
    if (w->has_at) {
        BSON_APPEND_DOCUMENT_BEGIN(&filter, "$expr", &expr);
        BSON_APPEND_ARRAY_BEGIN(&expr, "$gt", &gt);
        BSON_APPEND_UTF8(&gt, "0", "$_id");
        BSON_APPEND_DOCUMENT_BEGIN(&gt, "1", &lit);
        BSON_APPEND_VALUE(&lit, "$literal", &w->at);
        bson_append_document_end(&gt, &lit);
        bson_append_array_end(&expr, &gt);
        bson_append_document_end(&filter, &expr);
    }
    int rc = find_ids(w, &filter, 1, 1, out, err);
    bson_destroy(&filter);
    return rc;
}

static void move_to(struct walk *w, const bson_value_t *id, bool inclusive)
{
    bson_value_t copy;
    bson_value_copy(id, &copy);
    if (w->has_at)
        bson_value_destroy(&w->at);
    w->at = copy;
    w->has_at = true;
    w->inclusive = inclusive;
}

/* Is there anything between the walk's place and `to` that the step's filter fits? 1, 0, -1. */
static int anything(const struct walk *w, const bson_value_t *to, struct sb_err *err)
{
    bson_t filter = BSON_INITIALIZER;
    struct ids found;
    add_range(&filter, w, to);
    bson_concat(&filter, &w->s.q);
    int rc = find_ids(w, &filter, 1, 1, &found, err);
    bson_destroy(&filter);
    if (rc == 0) {
        rc = found.n > 0;
        ids_release(&found);
    }
    return rc;
}

/* The step's own command over this range, and nothing else of it changed. */
static char *narrowed(const struct walk *w, const bson_value_t *to)
{
    bson_t range = BSON_INITIALIZER;
    add_range(&range, w, to);
    char *command = sb_statement_narrowed(&w->s, &range);
    bson_destroy(&range);
    return command;
}

static int set_id(char **to, const bson_value_t *at)
{
    bson_t doc = BSON_INITIALIZER;
    if (at)
        BSON_APPEND_VALUE(&doc, "_id", at);
    char *json = at ? bson_as_canonical_extended_json(&doc, NULL) : NULL;
    int rc = (at && !json) || sb_str_set(to, json) ? -1 : 0;
    bson_free(json);
    bson_destroy(&doc);
    return rc;
}

/* Over what is walked once, and not swept. */
static bool once(const struct walk *w)
{
    return w->q->undo || w->s.once;
}

/* A pass is over: 0 and the next one begins, or there is an answer (1). */
static int pass_over(const struct walk *w, struct sb_turn_answer *out)
{
    struct sb_place *p = &out->next;
    if (once(w) || (p->pass > 1 && !p->dirty)) {
        out->turn = SB_TURN_DONE;
        snprintf(out->why, sizeof out->why, once(w) ? "all %" PRId64 " documents were gone over" : "all %" PRId64 " documents were looked at again, and nothing is left to do", p->docs);
        return 1;
    }
    if (p->pass >= SB_STEP_PASSES) {
        out->turn = SB_TURN_FAILED;
        snprintf(out->why, sizeof out->why, "after %d passes documents are still found that are to be changed: somebody writes them so, or they cannot be changed", SB_STEP_PASSES);
        return 1;
    }
    p->pass++;
    p->dirty = false;
    p->docs = 0;
    return 0;
}

static void forget_end(struct walk *w)
{
    if (w->has_end)
        bson_value_destroy(&w->end);
    w->has_end = false;
}

/* The last _id that there is as a pass begins; without one there is no document. */
static int find_end(struct walk *w, struct sb_turn_answer *out, struct sb_err *err)
{
    bson_t all = BSON_INITIALIZER;
    struct ids last;
    forget_end(w);
    int rc = find_ids(w, &all, -1, 1, &last, err);
    bson_destroy(&all);
    if (rc || last.n == 0)
        return rc;
    bson_value_copy(&last.first, &w->end);
    w->has_end = true;
    ids_release(&last);
    return set_id(&out->next.end, &w->end) ? sb_fail_nomem(err) : 0;
}

/* The range up to `last` is one of those that are sent. */
static int add_batch(const struct walk *w, const bson_value_t *last, struct sb_turn_answer *out)
{
    struct sb_turn_batch *b = &out->batch[out->batches];
    b->command = narrowed(w, last);
    b->to = out->next;
    b->to.at = b->to.end = NULL;
    out->batches++;
    return !b->command || set_id(&b->to.at, last) ? -1 : 0;
}

static int walk_on(struct walk *w, struct sb_turn_answer *out, struct sb_err *err)
{
    int64_t until = sb_mono_ms() + LOOK_MS;
    while (sb_mono_ms() < until) {
        bson_t filter = BSON_INITIALIZER;
        struct ids range = {.n = 0};
        if (w->has_at)
            add_range(&filter, w, NULL);
        int rc = w->has_at ? find_ids(w, &filter, 1, w->q->docs, &range, err) : 0;
        bson_destroy(&filter);
        if (rc)
            return -1;
        if (range.n == 0) {
            if (!near_end(w) && find_start(w, &range, err))
                return -1;
            if (range.n) {
                move_to(w, &range.first, true);
                ids_release(&range);
                continue;
            }
            if (out->batches)
                break; /* nothing is gone over again before all that was sent is done */
            if (w->has_at)
                bson_value_destroy(&w->at);
            w->has_at = false;
            if (set_id(&out->next.at, NULL) || set_id(&out->next.end, NULL))
                return sb_fail_nomem(err);
            if (pass_over(w, out))
                return 0;
            if (find_end(w, out, err))
                return -1;
            continue;
        }
        int found = anything(w, &range.last, err);
        out->next.dirty |= found > 0;
        out->next.docs += range.n;
        rc = found < 0 || (found > 0 && add_batch(w, &range.last, out)) || set_id(&out->next.at, &range.last) ? -1 : 0;
        move_to(w, &range.last, false);
        ids_release(&range);
        if (rc)
            return found < 0 ? -1 : sb_fail_nomem(err);
        if (out->batches >= w->q->at_once && out->batches)
            break;
    }
    out->turn = out->batches ? SB_TURN_SEND : SB_TURN_WAIT;
    snprintf(out->why, sizeof out->why, "looking again at what was done: %" PRId64 " documents so far", out->next.docs);
    return 0;
}

static int next_ranges(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    struct walk w = {.q = q};
    bson_t *at = q->place.at ? bson_new_from_json((const uint8_t *)q->place.at, -1, NULL) : NULL, *end = q->place.end ? bson_new_from_json((const uint8_t *)q->place.end, -1, NULL) : NULL;
    bson_iter_t it;
    const char *command = q->undo ? q->step->undo : q->step->action;
    char db[64], coll[192];
    bool target = sb_ns_split(q->ns, db, coll);
    int rc = target ? -1 : sb_fail(err, SB_EINTERNAL, "the step's collection has no name that can be read");
    if (q->place.at && !(at && bson_iter_init_find(&it, at, "_id"))) {
        sb_fail(err, SB_EINTERNAL, "the place on the record cannot be read");
        goto out;
    }
    if (at)
        move_to(&w, bson_iter_value(&it), false);
    if (end && bson_iter_init_find(&it, end, "_id")) {
        bson_value_copy(bson_iter_value(&it), &w.end);
        w.has_end = true;
    }
    if (!command || sb_statement_open(command, &w.s, err) || !(w.conn = sb_conn_to_primary(server, SB_LANE_BULK, err)))
        goto out;
    rc = target ? sb_same_collection(w.conn, db, coll, q->uuid, out->why, sizeof out->why, err) : -1;
    if (rc == 1 && strcmp(coll, w.s.coll) != 0) /* what is read stands beside the collection that is changed */
        rc = sb_same_collection(w.conn, w.s.db, w.s.coll, NULL, out->why, sizeof out->why, err);
    if (rc == 0)
        out->turn = SB_TURN_FAILED;
    if (rc == 1)
        rc = !w.has_end && find_end(&w, out, err) ? -1 : walk_on(&w, out, err);
out:
    sb_conn_close(w.conn);
    if (w.has_at)
        bson_value_destroy(&w.at);
    forget_end(&w);
    sb_statement_release(&w.s);
    if (at)
        bson_destroy(at);
    if (end)
        bson_destroy(end);
    return rc;
}

static bool appends(const char *command)
{
    struct sb_err none = SB_ERR_INIT;
    struct sb_statement s;
    char into[192];
    bool is = command && sb_statement_open(command, &s, &none) == 0 && sb_statement_appends(&s, into, sizeof into);
    if (command)
        sb_statement_release(&s);
    return is;
}

int sb_next_batch(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    return !q->undo && appends(q->step->action) ? sb_next_append(server, q, out, err) : next_ranges(server, q, out, err);
}

/* ---- is it still the one? ---- */

struct there {
    bool found;
    char uuid[33];
};

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct there *t = ctx;
    bson_iter_t it, uuid;
    t->found = true;
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "info.uuid", &uuid) && BSON_ITER_HOLDS_BINARY(&uuid)) {
        bson_subtype_t subtype;
        uint32_t len;
        const uint8_t *data;
        bson_iter_binary(&uuid, &subtype, &len, &data);
        for (uint32_t i = 0; len == 16 && i < len; i++)
            snprintf(t->uuid + 2 * i, 3, "%02x", data[i]);
    }
    return false;
}

int sb_same_collection(struct sb_conn *c, const char *db, const char *coll, const char *uuid, char *why, size_t cap, struct sb_err *err)
{
    struct there t = {.found = false};
    bson_t *command = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(coll), "}");
    int64_t n = sb_read_cursor(c, db, command, 1, take_collection, &t, err);
    bson_destroy(command);
    if (n < 0)
        return -1;
    if (!t.found)
        snprintf(why, cap, "%.60s.%.100s does not exist any more: it was dropped or renamed", db, coll);
    else if (uuid && uuid[0] && t.uuid[0] && strcmp(uuid, t.uuid) != 0)
        snprintf(why, cap, "%.60s.%.100s was dropped and made anew since", db, coll);
    else
        return 1;
    return 0;
}
