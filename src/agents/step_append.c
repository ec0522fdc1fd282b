/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches that put whole documents into a collection made here, one behind the other in the order of _id: what is put in first is what
 * a capped collection drops first. So there is one batch at a time, and nothing is put in again that was dropped: no document older than
 * the oldest one there. A walk, and sweeps for those whose _id is smaller than that of a document that came before them. */
#include "step_iterator_kinds.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/base/clock.h>
#include <signalbox/model/permit.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define LOOK_MS 1500

struct append {
    struct sb_conn *conn;
    const struct sb_turn_question *q;
    struct sb_statement s;
    char into[192];
    bson_value_t first; /* none older is put in */
    bool has_first;
};

bool sb_statement_appends(const struct sb_statement *s, char *into, size_t cap)
{
    bson_iter_t it, at;
    if (!s->merges || !bson_iter_init(&it, s->all) || !bson_iter_find_descendant(&it, "pipeline.1.$merge.into", &at) || !BSON_ITER_HOLDS_UTF8(&at) || strlen(bson_iter_utf8(&at, NULL)) >= cap)
        return false;
    snprintf(into, cap, "%s", bson_iter_utf8(&at, NULL));
    return strncmp(into, SB_MADE_PREFIX, sizeof SB_MADE_PREFIX - 1) == 0;
}

struct ids {
    bson_t list; /* an array of _id */
    uint32_t n;
    bson_value_t first, last;
};

static bool take_id(void *ctx, const bson_t *doc)
{
    struct ids *ids = ctx;
    bson_iter_t it;
    char index[16];
    const char *key;
    if (!bson_iter_init_find(&it, doc, "_id"))
        return true;
    if (ids->n)
        bson_value_destroy(&ids->last);
    else
        bson_value_copy(bson_iter_value(&it), &ids->first);
    bson_value_copy(bson_iter_value(&it), &ids->last);
    bson_uint32_to_string(ids->n++, &key, index, sizeof index);
    BSON_APPEND_VALUE(&ids->list, key, bson_iter_value(&it));
    return true;
}

static void ids_init(struct ids *i)
{
    bson_init(&i->list);
    i->n = 0;
}

static void ids_release(struct ids *i)
{
    if (i->n) {
        bson_value_destroy(&i->first);
        bson_value_destroy(&i->last);
    }
    bson_destroy(&i->list);
}

static int find(const struct append *a, const char *coll, const bson_t *filter, const char *order, int way, int64_t limit, struct ids *out, struct sb_err *err)
{
    bson_t *c = BCON_NEW("find", BCON_UTF8(coll), "filter", BCON_DOCUMENT(filter), "projection", "{", "_id", BCON_INT32(1), "}", "sort", "{", order, BCON_INT32(way), "}", "limit", BCON_INT64(limit), "batchSize", BCON_INT64(limit),
                         "singleBatch", BCON_BOOL(true));
    int64_t n = sb_read_cursor(a->conn, a->s.db, c, limit, take_id, out, err);
    bson_destroy(c);
    return n < 0 ? -1 : 0;
}

/* The oldest that is there: what was put in before it has been dropped, or was never to be put in. */
static int find_first(struct append *a, struct sb_err *err)
{
    bson_t all = BSON_INITIALIZER;
    struct ids first;
    ids_init(&first);
    int rc = find(a, a->into, &all, "$natural", 1, 1, &first, err);
    if (rc == 0 && first.n) {
        bson_value_copy(&first.last, &a->first);
        a->has_first = true;
    }
    ids_release(&first);
    bson_destroy(&all);
    return rc;
}

/* Behind `at`, or from the oldest that may be put in, up to `to`. */
static void add_range(bson_t *out, const struct append *a, const bson_value_t *at, const struct ids *mine, const bson_value_t *to)
{
    bson_t range;
    BSON_APPEND_DOCUMENT_BEGIN(out, "_id", &range);
    if (at)
        BSON_APPEND_VALUE(&range, "$gt", at);
    else if (a->has_first)
        BSON_APPEND_VALUE(&range, "$gte", &a->first);
    else if (mine)
        BSON_APPEND_VALUE(&range, "$gte", &mine->first);
    BSON_APPEND_VALUE(&range, "$lte", to);
    bson_append_document_end(out, &range);
}

/* How many of these are there already; -1. */
static int64_t held(const struct append *a, const struct ids *mine, struct sb_err *err)
{
    bson_t *filter = BCON_NEW("_id", "{", "$in", BCON_ARRAY(&mine->list), "}");
    struct ids theirs;
    ids_init(&theirs);
    int rc = find(a, a->into, filter, "_id", 1, mine->n, &theirs, err);
    int64_t n = rc ? -1 : (int64_t)theirs.n;
    ids_release(&theirs);
    bson_destroy(filter);
    return n;
}

static int keep(char **to, const bson_value_t *at)
{
    bson_t doc = BSON_INITIALIZER;
    BSON_APPEND_VALUE(&doc, "_id", at);
    char *json = bson_as_canonical_extended_json(&doc, NULL);
    int rc = !json || sb_str_set(to, json) ? -1 : 0;
    bson_free(json);
    bson_destroy(&doc);
    return rc;
}

/* The last _id that there is as a pass begins: what is written behind it meanwhile is not run after. 1: there is one; 0; -1. */
static int find_end(const struct append *a, char **to, struct sb_err *err)
{
    bson_t all = BSON_INITIALIZER;
    struct ids last;
    ids_init(&last);
    int rc = *to ? 0 : find(a, a->s.coll, &all, "_id", -1, 1, &last, err);
    if (rc == 0 && last.n && keep(to, &last.last))
        rc = sb_fail_nomem(err);
    ids_release(&last);
    bson_destroy(&all);
    return rc ? -1 : *to != NULL;
}

/* A pass is over. Before the names are switched until one finds nothing, else once again: the rest is caught up with then. */
static bool pass_over(const struct append *a, struct sb_turn_answer *out)
{
    struct sb_place *p = &out->next;
    bool to_the_end = a->q->step->work.quiet_s > 0;
    if (p->pass > 1 && (!p->dirty || !to_the_end)) {
        out->turn = SB_TURN_DONE;
        snprintf(out->why, sizeof out->why, p->dirty ? "what there was is copied; what comes meanwhile is caught up with before the names are switched" : "each of %" PRId64 " documents that are to be there is there", p->docs);
        return true;
    }
    if (p->pass >= SB_STEP_PASSES) {
        out->turn = SB_TURN_FAILED;
        snprintf(out->why, sizeof out->why, "after %d passes documents are still found that are not in the copy: somebody writes", SB_STEP_PASSES);
        return true;
    }
    p->pass++;
    p->dirty = false;
    p->docs = 0;
    return false;
}

static int walk_on(struct append *a, struct sb_turn_answer *out, struct sb_err *err)
{
    int64_t until = sb_mono_ms() + LOOK_MS;
    out->turn = SB_TURN_WAIT;
    while (sb_mono_ms() < until) {
        int ends = find_end(a, &out->next.end, err);
        if (ends < 0)
            return -1;
        bson_t *at = out->next.at ? bson_new_from_json((const uint8_t *)out->next.at, -1, NULL) : NULL, filter = BSON_INITIALIZER;
        bson_t *end = ends ? bson_new_from_json((const uint8_t *)out->next.end, -1, NULL) : NULL;
        bson_iter_t it, last;
        struct ids mine;
        bool has_at = at && bson_iter_init_find(&it, at, "_id");
        ends = end && bson_iter_init_find(&last, end, "_id");
        ids_init(&mine);
        if (ends)
            add_range(&filter, a, has_at ? bson_iter_value(&it) : NULL, NULL, bson_iter_value(&last));
        bson_concat(&filter, &a->s.q);
        int rc = !ends ? 0 : find(a, a->s.coll, &filter, "_id", 1, a->q->docs, &mine, err);
        int64_t there = rc == 0 && mine.n ? held(a, &mine, err) : 0;
        bool over = rc == 0 && mine.n == 0, sends = rc == 0 && there >= 0 && there < mine.n;
        rc = rc || there < 0 ? -1 : 0;
        out->next.docs += mine.n;
        if (sends) {
            bson_t range = BSON_INITIALIZER;
            out->next.dirty = true;
            add_range(&range, a, has_at ? bson_iter_value(&it) : NULL, &mine, &mine.last);
            out->batch[0].command = sb_statement_narrowed(&a->s, &range);
            out->batch[0].to = out->next;
            out->batch[0].to.at = out->batch[0].to.end = NULL;
            out->batches = 1;
            rc = !out->batch[0].command || keep(&out->batch[0].to.at, &mine.last) ? sb_fail_nomem(err) : 0;
            bson_destroy(&range);
        }
        if (rc == 0 && mine.n && keep(&out->next.at, &mine.last))
            rc = sb_fail_nomem(err);
        ids_release(&mine);
        bson_destroy(&filter);
        if (at)
            bson_destroy(at);
        if (end)
            bson_destroy(end);
        if (rc)
            return -1;
        if (sends) {
            out->turn = SB_TURN_SEND;
            return 0;
        }
        if (over) {
            free(out->next.at);
            free(out->next.end);
            out->next.at = out->next.end = NULL;
            if (pass_over(a, out))
                return 0;
        }
    }
    snprintf(out->why, sizeof out->why, "looking whether each is there: %" PRId64 " documents so far", out->next.docs);
    return 0;
}

int sb_next_append(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    struct append a = {.q = q};
    char db[64], coll[192];
    int rc = -1;
    if (!sb_ns_split(q->ns, db, coll) || !q->step->action || sb_statement_open(q->step->action, &a.s, err) || !sb_statement_appends(&a.s, a.into, sizeof a.into)) {
        sb_fail(err, SB_EINTERNAL, "the step does not say what goes where");
        goto out;
    }
    if (!(a.conn = sb_conn_to_primary(server, SB_LANE_BULK, err)))
        goto out;
    rc = sb_same_collection(a.conn, db, coll, q->uuid, out->why, sizeof out->why, err);
    if (rc == 1)
        rc = sb_same_collection(a.conn, a.s.db, a.into, NULL, out->why, sizeof out->why, err);
    if (rc == 0)
        out->turn = SB_TURN_FAILED;
    if (rc == 1)
        rc = find_first(&a, err) ? -1 : walk_on(&a, out, err);
out:
    sb_conn_close(a.conn);
    if (a.has_first)
        bson_value_destroy(&a.first);
    sb_statement_release(&a.s);
    return rc;
}
