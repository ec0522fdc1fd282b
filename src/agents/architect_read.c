/* SPDX-License-Identifier: Apache-2.0 */
#include "architect_read.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/schema_read.h>
#include <signalbox/base/clock.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>

#define BATCH 1000
#define MAX_RANGES 50
/* From this share of a collection on, $sample reads and sorts all of it; below this many documents that does not matter. */
#define SAMPLE_SHARE 20
#define SAMPLE_ALWAYS 20000

struct reading {
    struct sb_conn *conn;
    char db[64], coll[192];
    struct sb_infer *in;
    struct sb_schema_coverage *cover;
    struct sb_err failure;  /* of the inference */
    bson_value_t last;      /* the _id of the last document; value_type 0: none */
    int64_t got, want;      /* want 0: all */
    sb_schema_progress progress;
    void *progress_ctx;
};

/* ---- taking documents ---- */

static bool take(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    const uint8_t *data = bson_get_data(doc);
    bson_iter_t it;
    if (!sb_bson_check(data, doc->len, NULL))
        return true;
    if (sb_infer_document(r->in, data, doc->len, &r->failure))
        return false;
    r->got++;
    r->cover->sampled++;
    if (r->progress)
        r->progress(r->progress_ctx, r->got, r->want ? r->want : r->cover->documents);
    if (r->last.value_type)
        bson_value_destroy(&r->last);
    r->last = (bson_value_t){.value_type = BSON_TYPE_EOD};
    if (bson_iter_init_find(&it, doc, "_id"))
        bson_value_copy(bson_iter_value(&it), &r->last);
    return true;
}

/* Sends one command and takes its documents, at most max; then rests as long as that took. How many came, or -1. */
static int64_t run(struct reading *r, const bson_t *command, int64_t max, struct sb_err *err)
{
    int64_t began = sb_mono_ms(), before = r->got;
    if (sb_read_cursor(r->conn, r->db, command, max, take, r, err) < 0)
        return -1;
    if (r->failure.code) {
        if (err)
            *err = r->failure;
        return -1;
    }
    sb_architect_rest(began);
    return r->got - before;
}

/* ---- the commands ---- */

static bson_t *find_command(const struct reading *r, int order, int64_t limit)
{
    return BCON_NEW("find", BCON_UTF8(r->coll), "sort", "{", "_id", BCON_INT32(order), "}", "limit", BCON_INT64(limit), "batchSize", BCON_INT64(limit), "singleBatch",
                    BCON_BOOL(true));
}

/* The same between two ids: from (inclusive, or not) up to `to` (inclusive, or not). Either may be NULL. */
static int64_t find_between(struct reading *r, const char *from_op, const bson_value_t *from, const char *to_op, const bson_value_t *to, int64_t limit, struct sb_err *err)
{
    bson_t filter, id, *command = find_command(r, 1, limit);
    BSON_APPEND_DOCUMENT_BEGIN(command, "filter", &filter);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &id);
    if (from)
        bson_append_value(&id, from_op, -1, from);
    if (to)
        bson_append_value(&id, to_op, -1, to);
    bson_append_document_end(&filter, &id);
    bson_append_document_end(command, &filter);
    int64_t n = run(r, command, limit, err);
    bson_destroy(command);
    return n;
}

static int64_t sample(struct reading *r, int64_t want, struct sb_err *err)
{
    bson_t *command = BCON_NEW("aggregate", BCON_UTF8(r->coll), "pipeline", "[", "{", "$sample", "{", "size", BCON_INT64(want), "}", "}", "]", "cursor", "{", "batchSize",
                               BCON_INT64(want < BATCH ? want : BATCH), "}");
    int64_t n = run(r, command, want, err);
    bson_destroy(command);
    return n;
}

/* The first documents in the order the server likes best: for a view, and where there is no _id. */
static int first_ones(struct reading *r, int64_t want, struct sb_err *err)
{
    r->cover->how = SB_COVERAGE_FIRST;
    bson_t *command = BCON_NEW("find", BCON_UTF8(r->coll), "limit", BCON_INT64(want), "batchSize", BCON_INT64(want < BATCH ? want : BATCH));
    int64_t n = run(r, command, want, err);
    bson_destroy(command);
    return n < 0 ? -1 : 0;
}

/* ---- walks ---- */

/* Everything from the first _id on, a batch after the other. */
static int walk_all(struct reading *r, const bson_value_t *low, const bson_value_t *high, struct sb_err *err)
{
    r->cover->how = SB_COVERAGE_ALL;
    int64_t n = find_between(r, "$gte", low, "$lte", high, BATCH, err);
    while (n == BATCH) {
        bson_value_t from;
        if (!r->last.value_type)
            return sb_fail(err, SB_ECOMMAND, "a document without an _id: the walk cannot go on behind it");
        bson_value_copy(&r->last, &from);
        n = find_between(r, "$gt", &from, "$lte", high, BATCH, err);
        bson_value_destroy(&from);
    }
    return n < 0 ? -1 : 0;
}

/* So many from the beginning of each range; what one does not have, the next ones give. */
static int walk_ranges(struct reading *r, const struct sb_id_edges *edges, int64_t want, struct sb_err *err)
{
    int64_t ranges = want / 20 < 1 ? 1 : want / 20 > MAX_RANGES ? MAX_RANGES : want / 20;
    r->cover->how = SB_COVERAGE_RANGES;
    r->cover->ranges = ranges;
    for (int64_t i = 0; i < ranges; i++) {
        int64_t quota = (want - r->got) / (ranges - i);
        bson_value_t from = sb_id_between(edges, i, ranges), to = sb_id_between(edges, i + 1, ranges);
        const bson_value_t *begin = i == 0 ? &edges->low : &from, *end = i + 1 == ranges ? &edges->high : &to;
        const char *end_op = i + 1 == ranges ? "$lte" : "$lt", *begin_op = "$gte";
        bson_value_t last = {.value_type = BSON_TYPE_EOD};
        for (int64_t n = BATCH; quota > 0 && n == BATCH; quota -= n) {
            n = find_between(r, begin_op, begin, end_op, end, quota < BATCH ? quota : BATCH, err);
            if (last.value_type)
                bson_value_destroy(&last);
            last = (bson_value_t){.value_type = BSON_TYPE_EOD};
            if (n < 0)
                return -1;
            if (r->last.value_type)
                bson_value_copy(&r->last, &last);
            begin = &last;
            begin_op = "$gt";
        }
        if (last.value_type)
            bson_value_destroy(&last);
    }
    return 0;
}

static int walk_ends(struct reading *r, int64_t want, struct sb_err *err)
{
    r->cover->how = SB_COVERAGE_ENDS;
    for (int order = 1; order >= -1; order -= 2) {
        int64_t half = order == 1 ? want - want / 2 : want / 2;
        bson_t *command = find_command(r, order, half < BATCH ? half : BATCH);
        int64_t n = half ? run(r, command, half < BATCH ? half : BATCH, err) : 0;
        bson_destroy(command);
        if (n < 0)
            return -1;
    }
    return 0;
}

static int walk(struct reading *r, int64_t want, struct sb_err *err)
{
    struct sb_id_edges edges = {.found = false};
    bool all = want == 0 || (r->cover->documents >= 0 && want >= r->cover->documents);
    int rc = sb_id_edges_find(r->conn, r->db, r->coll, &edges, err);
    if (rc == 0 && !edges.found)
        rc = r->cover->documents == 0 ? 0 : first_ones(r, all ? INT32_MAX : want, err);
    else if (rc == 0 && all && sb_id_same_order(&edges))
        rc = walk_all(r, &edges.low, &edges.high, err);
    else if (rc == 0 && all) /* ids of several types: a walk by comparison would see those of one */
        rc = first_ones(r, INT32_MAX, err);
    else if (rc == 0 && sb_id_divisible(&edges))
        rc = walk_ranges(r, &edges, want, err);
    else if (rc == 0)
        rc = walk_ends(r, want, err);
    if (all)
        r->cover->how = SB_COVERAGE_ALL;
    sb_id_edges_release(&edges);
    return rc;
}

/* ---- all of it ---- */

struct listed {
    bool found, view;
};

static bool take_listed(void *ctx, const bson_t *doc)
{
    struct listed *l = ctx;
    bson_iter_t it;
    l->found = true;
    l->view = bson_iter_init_find(&it, doc, "type") && BSON_ITER_HOLDS_UTF8(&it) && strcmp(bson_iter_utf8(&it, NULL), "collection") != 0;
    return false;
}

static int look_up(struct reading *r, const char *ns, struct listed *l, struct sb_err *err)
{
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(r->coll), "}");
    int64_t n = sb_read_cursor(r->conn, r->db, list, 1, take_listed, l, err);
    bson_destroy(list);
    if (n < 0)
        return -1;
    return l->found ? 0 : sb_fail(err, SB_EINPUT, "there is no collection %s here", ns);
}

static void count(struct reading *r)
{
    bson_t *command = BCON_NEW("count", BCON_UTF8(r->coll)), reply;
    bson_iter_t it;
    r->cover->documents = -1;
    if (sb_read(r->conn, r->db, command, &reply, NULL) == 0) {
        if (bson_iter_init_find(&it, &reply, "n") && BSON_ITER_HOLDS_NUMBER(&it))
            r->cover->documents = bson_iter_as_int64(&it);
        bson_destroy(&reply);
    }
    bson_destroy(command);
}

static int read_it(struct reading *r, const char *ns, int64_t want, struct sb_err *err)
{
    struct listed l = {false, false};
    struct sb_schema_coverage *cover = r->cover;
    if (look_up(r, ns, &l, err))
        return -1;
    if (!l.view)
        count(r);
    else
        cover->documents = -1; /* a view's count would read all of it */
    bool all = want == 0 || (cover->documents >= 0 && want >= cover->documents);
    bool small = cover->documents <= SAMPLE_ALWAYS || want * SAMPLE_SHARE < cover->documents;
    if (!all && small) {
        struct sb_err why = SB_ERR_INIT;
        cover->how = SB_COVERAGE_SAMPLE;
        if (sample(r, want, &why) >= 0)
            return 0;
        if (why.code != SB_ECOMMAND || cover->sampled) {
            if (err)
                *err = why;
            return -1;
        }
        snprintf(cover->note, sizeof cover->note, "no $sample: %s", why.msg);
    } else if (!all) {
        snprintf(cover->note, sizeof cover->note, "no $sample: for so large a part of the collection it would read and sort all of it");
    }
    if (!l.view)
        return walk(r, want, err);
    int rc = first_ones(r, all ? INT32_MAX : want, err);
    cover->how = all ? SB_COVERAGE_ALL : SB_COVERAGE_FIRST;
    return rc;
}

int sb_schema_read(const struct sb_server *server, const char *ns, int64_t want, struct sb_infer *in, struct sb_schema_coverage *out,
                   sb_schema_progress progress, void *ctx, struct sb_reads *reads, struct sb_err *err)
{
    struct reading r = {.in = in, .cover = out, .last = {.value_type = BSON_TYPE_EOD}, .want = want, .progress = progress, .progress_ctx = ctx};
    *out = (struct sb_schema_coverage){.documents = -1};
    if (!sb_ns_split(ns, r.db, r.coll))
        return sb_fail(err, SB_EUSAGE, "%s is not a collection's name; write it as database.collection", ns);
    r.conn = sb_architect_connect(server, reads, err);
    if (!r.conn)
        return -1;
    snprintf(out->member, sizeof out->member, "%s", sb_conn_name(r.conn));
    int rc = read_it(&r, ns, want, err);
    if (r.last.value_type)
        bson_value_destroy(&r.last);
    sb_conn_close(r.conn);
    return rc;
}

const char *sb_coverage_name(enum sb_coverage_how how)
{
    static const char *const names[] = {"all", "sample", "ranges", "ends", "first"};
    return (unsigned)how < SB_COUNT(names) ? names[how] : "?";
}
