/* SPDX-License-Identifier: Apache-2.0 */
#include "change_stream.h"

#include "change_event.h"
#include "commands.h"
#include "series.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

struct sim_stream {
    struct sim_member *m;
    struct sim_doc *source; /* {pipeline: [...]}, from which the stages borrow */
    struct sim_pipeline stages;
    struct sim_watch watch;
    uint64_t ts;    /* where it is: this time's first operation that it has not looked at, */
    uint32_t index; /* by its number in the entry */
    uint64_t coll_id, rid; /* where that lies in this member's oplog; 0: to be looked for */
    bool ends, over;       /* an invalidate follows; it was made */
    struct sim_mark told;
};

/* ---- options ---- */

int sim_stream_check(struct sim_val spec, struct sim_fail *f)
{
    static const char *const known[] = {"fullDocument", "resumeAfter", "startAfter", "startAtOperationTime", "allChangesForCluster"},
                             *const newer[] = {"fullDocumentBeforeChange", "showExpandedEvents", "showMigrationEvents", "allowToRunOnConfigDB"};
    struct sim_elem e;
    int from = 0;
    for (struct sim_iter it = sim_iter_of(spec.p); sim_next(&it, &e);) {
        size_t i = 0;
        for (size_t k = 0; k < SB_COUNT(newer); k++)
            if (strcmp(newer[k], e.key) == 0 && sim_truth(e.v) && !sim_text_is(e.v, "off"))
                return sim_fail(f, SIM_NOT_IMPLEMENTED, "the option %s of $changeStream is not simulated", e.key);
            else if (strcmp(newer[k], e.key) == 0)
                goto next;
        while (i < SB_COUNT(known) && strcmp(known[i], e.key) != 0)
            i++;
        if (i == SB_COUNT(known))
            return sim_fail(f, SIM_UNKNOWN_FIELD, "BSON field '$changeStream.%.100s' is an unknown field.", e.key);
        if ((i == 1 || i == 2) && e.v.type != BSON_TYPE_DOCUMENT)
            return sim_fail(f, SIM_TYPE_MISMATCH, "BSON field '$changeStream.%s' is the wrong type '%s', expected type 'object'", e.key, sim_type_name(e.v.type));
        if (i == 3 && e.v.type != BSON_TYPE_TIMESTAMP)
            return sim_fail(f, SIM_TYPE_MISMATCH, "BSON field '$changeStream.%s' is the wrong type '%s', expected type 'timestamp'", e.key, sim_type_name(e.v.type));
        if (i == 0 && (sim_text_is(e.v, "whenAvailable") || sim_text_is(e.v, "required")))
            return sim_fail(f, SIM_NOT_IMPLEMENTED, "fullDocument: '%s' is not simulated", sim_text(e.v));
        if (i == 0 && !sim_text_is(e.v, "default") && !sim_text_is(e.v, "updateLookup"))
            return sim_fail(f, SIM_BAD_VALUE, "Enumeration value '%.60s' for field '$changeStream.fullDocument' is not a valid value.",
                            sim_is_text(e.v.type) ? sim_text(e.v) : sim_type_name(e.v.type));
        from += i >= 1 && i <= 3;
next:;
    }
    return from > 1 ? sim_fail(f, 40674, "Only one type of resume option is allowed, but multiple were found.") : 0;
}

int sim_stream_check_stages(const struct sim_pipeline *p, struct sim_fail *f)
{
    static const enum sim_pipe_kind allowed[] = {SIM_PIPE_MATCH, SIM_PIPE_PROJECT, SIM_PIPE_ADD_FIELDS, SIM_PIPE_UNSET, SIM_PIPE_REPLACE_ROOT, SIM_PIPE_REPLACE_WITH};
    for (size_t i = 1; i < p->n; i++) {
        size_t k = 0;
        while (k < SB_COUNT(allowed) && allowed[k] != p->pipe[i].kind)
            k++;
        if (k == SB_COUNT(allowed))
            return sim_fail(f, SIM_ILLEGAL_OPERATION, "%s is not permitted in a $changeStream pipeline", sim_pipe_name(p->pipe[i].kind));
    }
    return 0;
}

/* ---- the oplog ---- */

static const struct sim_coll *oplog_of(const struct sim_stream *x)
{
    return sim_coll_find(&x->m->cat, "local.oplog.rs");
}

static uint64_t ts_of(const struct sim_doc *entry)
{
    struct sim_val ts = sim_find(entry->bson, "ts");
    return ts.type == BSON_TYPE_TIMESTAMP ? (uint64_t)sim_i64(ts.p) : 0;
}

/* The first record of that time or a later one; where there is none, the next that comes. Times rise with the records. */
static uint64_t seek(const struct sim_records *r, uint64_t ts)
{
    uint64_t low = r->first, high = r->next;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2, at = sim_records_from(r, middle);
        if (at && at < high && ts_of(sim_records_get(r, at)) < ts)
            low = at + 1;
        else
            high = middle;
    }
    return low;
}

static int history_lost(struct sim_fail *f)
{
    return sim_fail(f, SIM_HISTORY_LOST, "Resume of change stream was not possible, as the resume point may no longer be in the oplog.");
}

/* The oplog reaches back to where the stream is to begin, unless nothing was ever before its first entry. */
static int check_history(const struct sim_stream *x, const struct sim_mark *after, struct sim_fail *f)
{
    const struct sim_coll *oplog = oplog_of(x);
    uint64_t first = oplog ? sim_records_from(&oplog->records, 0) : 0;
    const struct sim_doc *oldest = first ? sim_records_get(&oplog->records, first) : NULL;
    if (!oldest)
        return history_lost(f);
    if (ts_of(oldest) > x->ts && !sim_text_is(sim_path(oldest->bson, "o.msg"), "initiating set"))
        return history_lost(f);
    if (!after || after->kind == SIM_MARK_TIME)
        return 0;
    uint64_t at = sim_records_from(&oplog->records, seek(&oplog->records, after->ts));
    const struct sim_doc *entry = at ? sim_records_get(&oplog->records, at) : NULL;
    if (entry && ts_of(entry) == after->ts && after->index < sim_entry_ops(entry->bson))
        return 0;
    return sim_fail(f, SIM_CHANGE_STREAM_FATAL, "cannot resume stream; the resume token was not found.");
}

/* The entry that the stream looks at; NULL: none that a majority has. */
static const struct sim_doc *entry_at(struct sim_stream *x, struct sim_fail *f)
{
    const struct sim_coll *oplog = oplog_of(x);
    if (!oplog)
        return NULL;
    if (x->coll_id != oplog->id) {
        x->coll_id = oplog->id;
        x->rid = seek(&oplog->records, x->ts);
    }
    if (x->rid < oplog->records.first) {
        sim_fail(f, SIM_CAPPED_POSITION_LOST, "CollectionScan died due to position in capped collection being deleted. Last seen record id: RecordId(%llu)",
                 (unsigned long long)x->rid);
        return NULL;
    }
    uint64_t at = sim_records_from(&oplog->records, x->rid);
    const struct sim_doc *entry = at ? sim_records_get(&oplog->records, at) : NULL;
    if (!entry || ts_of(entry) > sim_committed(x->m).ts)
        return NULL;
    x->rid = at;
    if (ts_of(entry) > x->ts) {
        x->ts = ts_of(entry);
        x->index = 0;
    }
    return entry;
}

/* ---- events ---- */

static struct sim_doc *doc_of(struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(w);
    return d;
}

static int changed_id(const struct sim_doc *event, struct sim_val found, struct sim_fail *f)
{
    const struct sim_val token = sim_find(event->bson, "_id"), was = sim_find(token.p, "_data"), is = found.type == BSON_TYPE_DOCUMENT ? sim_find(found.p, "_data") : sim_missing;
    return sim_fail(f, SIM_CHANGE_STREAM_FATAL,
                    "Encountered an event whose _id field, which contains the resume token, was modified by the pipeline. Modifying the _id field of an event "
                    "makes it impossible to resume the stream from that event. Only transformations that retain the unmodified _id field are allowed. "
                    "Expected: { _id: { _data: \"%s\" } } but found: %s", sim_text(was), is.type ? "another one" : "none");
}

/* The event through the stages behind. Takes the reference. 1 with *out, 0 it is filtered, -1. */
static int through_stages(struct sim_stream *x, struct sim_doc *event, struct sim_doc **out, struct sim_fail *f)
{
    struct sim_docs docs = {0};
    int64_t rows = 0;
    int rc = -1;
    if (!event || sim_docs_add(&docs, sim_doc_ref(event))) {
        sim_fail_nomem(f);
        goto out;
    }
    if (sim_pipeline_run(&x->stages, 1, &docs, &x->m->rng, NULL, &rows, f))
        goto out;
    rc = docs.n > 0;
    if (rc && !sim_identical(sim_find(docs.d[0]->bson, "_id"), sim_find(event->bson, "_id")))
        rc = changed_id(event, sim_find(docs.d[0]->bson, "_id"), f);
    if (rc > 0)
        *out = sim_doc_ref(docs.d[0]);
out:
    sim_docs_release(&docs);
    sim_doc_unref(event);
    return rc;
}

static int end_of(struct sim_stream *x, const struct sim_doc *entry, struct sim_doc **out, struct sim_fail *f)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_invalidate_event(x->m->sim, entry->bson, x->index - 1, &w);
    x->over = true;
    return through_stages(x, doc_of(&w), out, f);
}

int sim_stream_next(struct sim_stream *x, struct sim_doc **out, struct sim_fail *f)
{
    const struct sim_doc *entry;
    while (!x->over && (entry = entry_at(x, f))) {
        if (x->ends)
            return end_of(x, entry, out, f);
        uint32_t n = sim_entry_ops(entry->bson);
        while (x->index < n && !x->ends) {
            struct sim_w w;
            sim_w_init(&w);
            int told = sim_change_event(x->m, &x->watch, entry->bson, x->index++, &w), rc = 0;
            x->ends = told == 2;
            if (told)
                rc = through_stages(x, doc_of(&w), out, f);
            else
                sim_w_release(&w);
            if (rc)
                return rc;
        }
        if (x->ends)
            continue;
        x->ts++;
        x->index = 0;
        x->rid++;
    }
    return f->code ? -1 : 0;
}

void sim_stream_told(struct sim_stream *x, const struct sim_doc *event)
{
    struct sim_val token = sim_find(event->bson, "_id");
    struct sim_fail f = SIM_FAIL_INIT;
    if (token.type == BSON_TYPE_DOCUMENT)
        sim_mark_read(token.p, &x->told, &f); /* one of ours */
    sim_fail_release(&f);
}

void sim_stream_told_all(struct sim_stream *x)
{
    if (!x->over && !x->index)
        x->told = (struct sim_mark){x->ts - 1, 0, SIM_MARK_TIME};
}

bool sim_stream_over(const struct sim_stream *x)
{
    return x->over;
}

void sim_stream_put_token(const struct sim_stream *x, struct sim_w *w)
{
    sim_mark_write(w, "postBatchResumeToken", &x->told);
}

/* ---- the beginning ---- */

void sim_stream_free(struct sim_stream *x)
{
    if (!x)
        return;
    sim_pipeline_release(&x->stages);
    sim_doc_unref(x->source);
    free(x);
}

static int check_place(struct sim_call *c, const struct sim_watch *watch)
{
    struct sim_val level = c->op.read_concern ? sim_find(c->op.read_concern, "level") : sim_missing;
    const char *coll = strchr(c->ns, '.');
    if (c->in_txn)
        return sim_fail(&c->fail, SIM_NOT_IN_TXN, "Operation not permitted in transaction :: caused by :: Aggregation stage: '$changeStream' cannot run within a "
                                                  "multi-document transaction.");
    if (level.type && !sim_text_is(level, "majority"))
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "Aggregation stage $changeStream cannot run with a readConcern other than 'majority'. Current readConcern: "
                        "{ level: \"%.60s\" }", sim_text(level));
    bool own = strcmp(c->db, "admin") == 0 || strcmp(c->db, "config") == 0 || strcmp(c->db, "local") == 0;
    if (watch->kind != SIM_WATCH_ALL && own)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "$changeStream may not be opened on the internal %s database", c->db);
    if (watch->kind == SIM_WATCH_ALL && strcmp(c->db, "admin") != 0)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "A $changeStream with 'allChangesForCluster:true' may only be opened on the 'admin' database, and with no "
                                                       "collection name; found %s", c->ns);
    if (watch->kind == SIM_WATCH_COLL && coll && strncmp(coll, ".system.", 8) == 0)
        return sim_fail(&c->fail, SIM_INVALID_NAMESPACE, "$changeStream may not be opened on the internal %s collection", c->ns);
    if (watch->kind == SIM_WATCH_COLL && !sim_coll_find(&c->m->cat, c->ns) && sim_view_find(&c->m->cat, c->ns))
        return sim_fail(&c->fail, 166, "Namespace %s is a %s", c->ns, sim_series_find(&c->m->cat, c->ns) ? "timeseries collection" : "view, not a collection");
    return 0;
}

static void set_watch(struct sim_call *c, const uint8_t *spec, struct sim_watch *watch)
{
    watch->lookup = sim_text_is(sim_find(spec, "fullDocument"), "updateLookup");
    if (sim_truth(sim_find(spec, "allChangesForCluster")))
        watch->kind = SIM_WATCH_ALL;
    else if (sim_is_number(sim_arg(c, "aggregate").type))
        watch->kind = SIM_WATCH_DB;
    if (watch->kind != SIM_WATCH_ALL)
        snprintf(watch->ns, sizeof watch->ns, "%s", watch->kind == SIM_WATCH_DB ? c->db : c->ns);
}

/* Behind a token, at a time, or behind everything that this member has now. */
static int set_beginning(struct sim_stream *x, const uint8_t *spec, struct sim_fail *f)
{
    struct sim_val resume = sim_find(spec, "resumeAfter"), start = sim_find(spec, "startAfter"), at = sim_find(spec, "startAtOperationTime");
    struct sim_mark mark;
    if (!resume.type && !start.type) {
        x->ts = at.type ? (uint64_t)sim_i64(at.p) : x->m->applied_ts + 1;
        x->told = (struct sim_mark){x->ts - 1, 0, SIM_MARK_TIME};
        return at.type ? check_history(x, NULL, f) : 0;
    }
    if (sim_mark_read(resume.type ? resume.p : start.p, &mark, f))
        return -1;
    if (mark.kind == SIM_MARK_INVALIDATE && resume.type)
        return sim_fail(f, SIM_INVALID_RESUME_TOKEN, "Attempting to resume a change stream using 'resumeAfter' is not allowed from an invalidate notification.");
    x->told = mark;
    x->ts = mark.kind == SIM_MARK_TIME ? mark.ts + 1 : mark.ts;
    x->index = mark.kind == SIM_MARK_TIME ? 0 : mark.index + 1;
    return check_history(x, &mark, f);
}

int sim_stream_open(struct sim_call *c, struct sim_val stages, int64_t batch)
{
    struct sim_w w;
    struct sim_open_cursor *cursor = NULL;
    struct sim_stream *x = calloc(1, sizeof *x);
    sim_w_init(&w);
    sim_w_val(&w, "pipeline", stages);
    if (!x || !(x->source = doc_of(&w))) {
        free(x);
        return sim_fail_nomem(&c->fail);
    }
    x->m = c->m;
    if (sim_pipeline_init(&x->stages, sim_find(x->source->bson, "pipeline"), &c->fail) || sim_stream_check_stages(&x->stages, &c->fail))
        goto failed;
    const uint8_t *spec = x->stages.pipe[0].spec.p;
    set_watch(c, spec, &x->watch);
    if (check_place(c, &x->watch) || set_beginning(x, spec, &c->fail))
        goto failed;
    if (!(cursor = sim_open_cursor_new(c->m, c->op.ns, c->s->now))) {
        sim_fail_nomem(&c->fail);
        goto failed;
    }
    cursor->stream = x;
    cursor->tailable = cursor->awaits = true;
    c->op.tailable = true;
    return sim_reply_cursor(c, cursor, batch, false);
failed:
    sim_stream_free(x);
    return -1;
}
