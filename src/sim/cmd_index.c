/* SPDX-License-Identifier: Apache-2.0
 *
 * createIndexes, dropIndexes, listIndexes. */
#include <signalbox/sim/build.h>
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/pipeline.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/text.h>

#include "commands.h"
#include "ddl.h"
#include "series.h"

#include <stdlib.h>
#include <string.h>

/* ---- createIndexes ---- */

/* Everything but name and v decides whether two indexes are the same. */
static bool same_options(const struct sim_index *a, const struct sim_index *b)
{
    bool partial = (a->partial != NULL) == (b->partial != NULL);
    if (partial && a->partial)
        partial = sim_compare_docs(a->partial->source->bson, b->partial->source->bson) == 0;
    return partial && a->unique == b->unique && a->sparse == b->sparse && a->hidden == b->hidden && a->ttl == b->ttl &&
           a->expire_after == b->expire_after;
}

/* -1 conflicts, 0 new, 1 is there already. */
static int compare_with(struct sim_call *c, const struct sim_coll *coll, const struct sim_index *x)
{
    for (unsigned i = 0; coll && i < coll->indexes; i++) {
        const struct sim_index *y = coll->index[i];
        bool name = strcmp(x->name, y->name) == 0, key = sim_compare_docs(sim_index_key(x).p, sim_index_key(y).p) == 0, options = same_options(x, y);
        if (x->is_id && y->is_id)
            return 1;
        if (name && key && options)
            return 1;
        if (name) {
            struct sb_str a, b;
            sb_str_init(&a);
            sb_str_init(&b);
            sim_shell_doc(&a, x->spec->bson);
            sim_shell_doc(&b, y->spec->bson);
            sim_fail(&c->fail, SIM_INDEX_KEY_CONFLICT,
                     "An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can "
                     "cause conflicts. Please refer to our documentation. Requested index: %s, existing index: %s", a.p, b.p);
            sb_str_release(&a);
            sb_str_release(&b);
            return -1;
        }
        if (key && options)
            return sim_fail(&c->fail, SIM_INDEX_OPTIONS_CONFLICT, "Index already exists with a different name: %s", y->name);
        if (key && (x->partial != NULL) == (y->partial != NULL)) {
            struct sb_str a, b;
            sb_str_init(&a);
            sb_str_init(&b);
            sim_shell_doc(&a, x->spec->bson);
            sim_shell_doc(&b, y->spec->bson);
            sim_fail(&c->fail, SIM_INDEX_OPTIONS_CONFLICT,
                     "An equivalent index already exists with the same name but different options. Requested index: %s, existing index: %s", a.p, b.p);
            sb_str_release(&a);
            sb_str_release(&b);
            return -1;
        }
    }
    return 0;
}

static int check_quorum(struct sim_call *c, struct sim_val q)
{
    if (!q.type || sim_text_is(q, "votingMembers") || sim_text_is(q, "majority"))
        return 0;
    int64_t n = sim_int(q, -1);
    if (sim_is_number(q.type) && n >= 0 && n <= c->s->members)
        return 0;
    return sim_fail(&c->fail, sim_is_number(q.type) ? 100 : 79, "Commit quorum cannot be satisfied with the current replica set configuration");
}

/* A command that waits for its build. */
struct waiting {
    struct sim_conn *conn;
    struct sim_member *m;
    struct sim_op op;
    struct sim_running *running;
    unsigned before;
    bool created;
    struct sim_doc *quorum; /* {commitQuorum: ..} */
    char ns[272];
};

static void waiting_free(void *ctx)
{
    struct waiting *w = ctx;
    sim_op_release(&w->op);
    sim_doc_unref(w->quorum);
    free(w);
}

static void put_index_counts(struct sim_w *w, int64_t before, int64_t after, bool created, struct sim_val quorum)
{
    sim_w_i32(w, "numIndexesBefore", before);
    sim_w_i32(w, "numIndexesAfter", after);
    sim_w_bool(w, "createdCollectionAutomatically", created);
    if (quorum.type)
        sim_w_val(w, "commitQuorum", quorum);
    else
        sim_w_text(w, "commitQuorum", "votingMembers");
}

/* The build is over: answers who asked, when he is still there. */
static void answer(struct sim *s, void *ctx, const struct sim_fail *f)
{
    struct waiting *x = ctx;
    struct sim_w w;
    struct sim_coll *coll = sim_coll_find(&x->m->cat, x->ns);
    sim_w_init(&w);
    if (f) {
        if (f->code == SIM_INTERRUPTED) { /* the wait for the write concern was interrupted too */
            sim_w_doc(&w, "writeConcernError");
            sim_w_i32(&w, "code", SIM_INTERRUPTED);
            sim_w_text(&w, "codeName", "Interrupted");
            sim_w_text(&w, "errmsg", "operation was interrupted");
            sim_w_doc(&w, "errInfo");
            sim_w_doc(&w, "writeConcern");
            sim_w_text(&w, "w", "majority");
            sim_w_i32(&w, "wtimeout", 0);
            sim_w_text(&w, "provenance", "implicitDefault");
            sim_w_end(&w);
            sim_w_end(&w);
            sim_w_end(&w);
        }
        x->op.error = f->code;
        snprintf(x->op.error_msg, sizeof x->op.error_msg, "%s", f->msg);
    } else {
        put_index_counts(&w, x->before, coll ? coll->indexes : 0, x->created, sim_find(x->quorum->bson, "commitQuorum"));
    }
    sim_spread(s); /* the answer waits for a majority */
    const uint8_t *reply = f ? sim_reply_fail(s, x->m, &w, f) : sim_reply_ok(s, x->m, &w);
    x->op.reslen = reply ? (int64_t)sim_doc_len(reply) + 21 : 0;
    x->op.latency_us = s->now - x->op.start;
    x->op.start = s->now;
    struct sim_conn *conn = x->conn;
    if (x->running) { /* while it stands in the list, the client may go and take itself out of it */
        conn = x->running->conn;
        sim_running_end(x->m, x->running);
    }
    if (conn) {
        x->op.conn = conn;
        sim_op_finish(&x->op);
        conn->waiting_opid = 0;
        if (reply && conn->answer)
            conn->answer(conn, reply);
    }
    sim_w_release(&w);
    waiting_free(x);
}

static int begin_build(struct sim_call *c, struct sim_coll *coll, const struct sim_val *specs, size_t n, unsigned before, bool created)
{
    struct waiting *x = calloc(1, sizeof *x);
    struct sim_w w;
    if (!x)
        return sim_fail_nomem(&c->fail);
    sim_w_init(&w);
    sim_w_val(&w, "commitQuorum", sim_arg(c, "commitQuorum"));
    const uint8_t *quorum = sim_w_done(&w);
    x->quorum = quorum ? sim_doc_new(quorum) : NULL;
    sim_w_release(&w);
    x->conn = c->conn;
    x->m = c->m;
    x->before = before;
    x->created = created;
    snprintf(x->ns, sizeof x->ns, "%s", c->ns);
    x->op = c->op;
    sb_str_init(&x->op.plan);
    x->op.exec_stats = x->op.originating = NULL;
    x->op.command = c->op.command ? sim_doc_ref(c->op.command) : NULL;
    x->op.read_concern = x->op.write_concern = NULL; /* they lie in the request, which is gone by then */
    x->running = sim_running_new(c->m, c->conn, "command", c->ns, c->op.command);
    if (!x->running || !x->quorum) {
        if (x->running)
            sim_running_end(c->m, x->running);
        waiting_free(x);
        return sim_fail_nomem(&c->fail);
    }
    x->running->opid = c->op.opid;
    c->conn->waiting_opid = c->op.opid;
    struct sim_build_waiter waiter = {answer, x, waiting_free, c->conn, c->op.opid};
    if (sim_build_begin(c->s, coll, specs, n, sim_arg(c, "commitQuorum"), c->op.command, &waiter, &c->fail)) {
        sim_running_end(c->m, x->running);
        c->conn->waiting_opid = 0;
        waiting_free(x);
        return -1;
    }
    c->later = true;
    return 0;
}

/* Indexes on an empty collection need no build. */
static int create_at_once(struct sim_call *c, struct sim_coll *coll, const struct sim_val *specs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sim_index *x = sim_index_new(specs[i].p, &c->fail);
        struct sim_w w;
        if (!x)
            return -1;
        sim_w_init(&w);
        sim_w_text(&w, "createIndexes", coll->name);
        sim_w_all(&w, x->spec->bson);
        sim_index_free(x);
        const uint8_t *o = sim_w_done(&w);
        int rc = o ? sim_change_catalog(c, c->db, coll->uuid, o, NULL) : sim_fail_nomem(&c->fail);
        sim_w_release(&w);
        if (rc)
            return -1;
    }
    return 0;
}

/* Checks all specifications; fresh gets those that are not there yet. */
static int check_specs(struct sim_call *c, const struct sim_coll *coll, struct sim_val list, struct sim_val *fresh, size_t *n)
{
    struct sim_elem e;
    *n = 0;
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);) {
        if (e.v.type != BSON_TYPE_DOCUMENT)
            return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "The elements of the 'indexes' array must be objects, but got %s", sim_type_name(e.v.type));
        struct sim_index *x = sim_index_new(e.v.p, &c->fail);
        if (!x)
            return -1;
        int same = compare_with(c, coll, x);
        for (size_t i = 0; same == 0 && i < *n; i++) { /* twice in one command */
            struct sim_index *y = sim_index_new(fresh[i].p, &c->fail);
            if (y && strcmp(x->name, y->name) == 0)
                same = sim_compare_docs(sim_index_key(x).p, sim_index_key(y).p) == 0 && same_options(x, y)
                           ? 1
                           : sim_fail(&c->fail, SIM_INDEX_KEY_CONFLICT, "Identical index names in one command: %.100s", x->name);
            sim_index_free(y);
        }
        sim_index_free(x);
        if (same < 0)
            return -1;
        if (same)
            continue;
        if (*n == SIM_MAX_INDEXES)
            return sim_fail(&c->fail, SIM_CANNOT_CREATE_INDEX, "add index fails, too many indexes for %s", c->ns);
        fresh[(*n)++] = e.v;
    }
    return 0;
}

int sim_cmd_create_indexes(struct sim_call *c)
{
    struct sim_val list = sim_arg(c, "indexes"), fresh[SIM_MAX_INDEXES];
    size_t n;
    if (sim_call_ns(c))
        return -1;
    c->op.in_top = false;
    if (list.type != BSON_TYPE_ARRAY)
        return sim_fail(&c->fail, list.type ? SIM_TYPE_MISMATCH : SIM_MISSING_FIELD, "BSON field 'createIndexes.indexes' is missing but a required field");
    if (sim_is_empty(list.p))
        return sim_fail(&c->fail, SIM_BAD_VALUE, "Must specify at least one index to create");
    if (sim_check_writable(c) || check_quorum(c, sim_arg(c, "commitQuorum")))
        return -1;
    struct sim_coll *coll = sim_series_find(&c->m->cat, c->ns);
    if (coll)
        return sim_series_refuse_indexes(c, coll, list);
    coll = sim_coll_find(&c->m->cat, c->ns);
    bool created = !coll;
    if (check_specs(c, coll, list, fresh, &n))
        return -1;
    if (!coll && !(coll = sim_need_coll(c)))
        return -1;
    unsigned before = coll->indexes;
    if (n == 0) {
        sim_w_i32(c->reply, "numIndexesBefore", before);
        sim_w_i32(c->reply, "numIndexesAfter", before);
        sim_w_text(c->reply, "note", "all indexes already exist");
        return 0;
    }
    if (before + n > SIM_MAX_INDEXES)
        return sim_fail(&c->fail, SIM_CANNOT_CREATE_INDEX, "add index fails, too many indexes for %s", c->ns);
    for (size_t i = 0; i < n; i++) {
        struct sim_val name = sim_find(fresh[i].p, "name");
        struct sim_index *same = sim_coll_index(coll, sim_text(name), sim_text_n(name));
        if (same && same->building)
            return sim_fail(&c->fail, SIM_INDEX_BUILD_ABORTED, "an index build of this name is in progress already");
    }
    if (coll->records.count)
        return begin_build(c, coll, fresh, n, before, created);
    if (create_at_once(c, coll, fresh, n))
        return -1;
    put_index_counts(c->reply, before, coll->indexes, created, sim_arg(c, "commitQuorum"));
    return 0;
}

/* ---- dropIndexes ---- */

static void log_drop(struct sim_call *c, const struct sim_coll *coll, struct sim_val index)
{
    struct sim_w w;
    char thread[32];
    sim_w_init(&w);
    sim_w_text(&w, "namespace", c->ns);
    sim_w_doc(&w, "uuid");
    sim_w_uuid(&w, "uuid", coll->uuid);
    sim_w_end(&w);
    sim_w_val(&w, "indexes", index);
    const uint8_t *attr = sim_w_done(&w);
    snprintf(thread, sizeof thread, "conn%d", c->conn->id);
    if (attr)
        sim_log(c->m, c->s->now, 'I', "COMMAND", 51806, thread, "CMD: dropIndexes", attr);
    sim_w_release(&w);
}

static int drop_index(struct sim_call *c, struct sim_coll *coll, struct sim_index *x)
{
    struct sim_w o;
    uint8_t uuid[16];
    memcpy(uuid, coll->uuid, 16);
    sim_w_init(&o);
    sim_w_text(&o, "dropIndexes", coll->name);
    sim_w_text(&o, "index", x->name);
    struct sim_doc *spec = sim_doc_ref(x->spec);
    const uint8_t *done = sim_w_done(&o);
    int rc = done ? sim_change_catalog(c, c->db, uuid, done, spec->bson) : sim_fail_nomem(&c->fail);
    sim_doc_unref(spec);
    sim_w_release(&o);
    return rc;
}

static int find_named(struct sim_call *c, struct sim_coll *coll, struct sim_val name, struct sim_index **out)
{
    struct sim_index *x = sim_coll_index(coll, sim_text(name), sim_text_n(name));
    if (!x)
        return sim_fail(&c->fail, SIM_INDEX_NOT_FOUND, "index not found with name [%.200s]", sim_text(name));
    if (x->is_id)
        return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "cannot drop _id index");
    *out = x;
    return 0;
}

static int drop_all(struct sim_call *c, struct sim_coll *coll)
{
    for (unsigned i = coll->indexes; i-- > 0;)
        if (!coll->index[i]->is_id && drop_index(c, coll, coll->index[i]))
            return -1;
    sim_w_text(c->reply, "msg", "non-_id indexes dropped for collection");
    return 0;
}

static int drop_listed(struct sim_call *c, struct sim_coll *coll, struct sim_val list)
{
    struct sim_elem e;
    struct sim_index *x;
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);) { /* an unknown name drops nothing */
        if (!sim_is_text(e.v.type))
            return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "dropIndexes %s (%s) failed to parse index names", c->ns, sim_type_name(e.v.type));
        if (find_named(c, coll, e.v, &x))
            return -1;
    }
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);)
        if (find_named(c, coll, e.v, &x) || drop_index(c, coll, x))
            return -1;
    return 0;
}

int sim_cmd_drop_indexes(struct sim_call *c)
{
    struct sim_val index = sim_arg(c, "index");
    struct sim_index *x = NULL;
    if (sim_call_ns(c))
        return -1;
    c->op.in_top = false;
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    if (!coll)
        return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "ns not found %s", c->ns);
    if (!index.type)
        return sim_fail(&c->fail, SIM_MISSING_FIELD, "BSON field 'dropIndexes.index' is missing but a required field");
    log_drop(c, coll, index);
    unsigned before = coll->indexes;
    if (sim_is_text(index.type)) { /* unfinished ones end first */
        size_t aborted = sim_build_abort_named(c->s, coll, sim_text(index), c->conn);
        if (aborted && strcmp(sim_text(index), "*") != 0) {
            sim_w_i32(c->reply, "nIndexesWas", before);
            return 0;
        }
    }
    sim_w_i32(c->reply, "nIndexesWas", before);
    if (sim_text_is(index, "*"))
        return drop_all(c, coll);
    if (index.type == BSON_TYPE_ARRAY)
        return drop_listed(c, coll, index);
    if (index.type == BSON_TYPE_DOCUMENT) {
        x = sim_coll_index_by_key(coll, index.p);
        if (!x) {
            struct sb_str key;
            sb_str_init(&key);
            sim_shell_doc(&key, index.p);
            sim_fail(&c->fail, SIM_INDEX_NOT_FOUND, "can't find index with key: %.300s", key.p);
            sb_str_release(&key);
            return -1;
        }
        if (x->is_id)
            return sim_fail(&c->fail, SIM_INVALID_OPTIONS, "cannot drop _id index");
        return drop_index(c, coll, x);
    }
    if (!sim_is_text(index.type))
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'dropIndexes.index' is the wrong type '%s', expected types '[string, object]'",
                        sim_type_name(index.type));
    return find_named(c, coll, index, &x) || drop_index(c, coll, x) ? -1 : 0;
}

/* ---- listIndexes ---- */

static struct sim_doc *listed(const struct sim_index *x, bool build_uuids)
{
    if (!x->building || !build_uuids)
        return sim_doc_ref(x->spec);
    struct sim_w w;
    sim_w_init(&w);
    sim_w_uuid(&w, "buildUUID", x->build_uuid);
    sim_w_copy(&w, "spec", x->spec->bson);
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

int sim_cmd_list_indexes(struct sim_call *c)
{
    struct sim_docs docs = {0};
    bool uuids = false, more;
    struct sim_val cursor = sim_arg(c, "cursor");
    if (sim_call_ns(c) || sim_arg_bool(c, "includeBuildUUIDs", &uuids))
        return -1;
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    if (!coll && !sim_series_find(&c->m->cat, c->ns))
        return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "ns does not exist: %s", c->ns);
    int64_t batch = cursor.type == BSON_TYPE_DOCUMENT ? sim_int(sim_find(cursor.p, "batchSize"), -1) : -1;
    for (unsigned i = 0; coll && i < coll->indexes; i++)
        if (sim_docs_add(&docs, listed(coll->index[i], uuids))) {
            sim_docs_release(&docs);
            return sim_fail_nomem(&c->fail);
        }
    struct sim_open_cursor *open = sim_open_cursor_new(c->m, c->ns, c->s->now);
    if (!open) {
        sim_docs_release(&docs);
        return sim_fail_nomem(&c->fail);
    }
    open->docs = docs.d;
    open->docs_n = docs.n;
    struct sim_w batch_w;
    sim_w_init(&batch_w); /* the id stands in front of the batch here */
    int64_t n = sim_cursor_batch(open, &batch_w, "firstBatch", batch, &more, &c->op.work, &c->fail);
    if (n >= 0 && more && sim_cursor_keep(c->s, open))
        n = sim_fail_nomem(&c->fail);
    const uint8_t *done = sim_w_done(&batch_w);
    if (n >= 0 && done) {
        sim_w_doc(c->reply, "cursor");
        sim_w_i64(c->reply, "id", more ? open->id : 0);
        sim_w_text(c->reply, "ns", c->ns);
        sim_w_all(c->reply, done);
        sim_w_end(c->reply);
    }
    sim_w_release(&batch_w);
    if (n < 0 || !more)
        sim_open_cursor_free(open);
    return n < 0 ? -1 : 0;
}
