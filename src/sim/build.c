/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/build.h>
#include <signalbox/sim/plan_cache.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/text.h>
#include <signalbox/sim/contend.h>

#include "build_log.h"

#include <stdlib.h>
#include <string.h>

#define TICK_US 100000
#define LOAD_SHARE 0.25 /* sorting between the scan and the insertion, as a share of the scan */

enum phase { IDLE, SCAN, SORT_KEYS, INSERT, READY, DONE, LOST /* with its process: begins anew with the next one */ };

/* One member's part. */
struct part {
    enum phase phase;
    int64_t from, to; /* of the phase */
    int64_t scanned;  /* records put into the trees so far */
    int64_t total;    /* records when it began */
    int64_t keys;
    unsigned life; /* how often it has begun */
    struct sim_running *running; /* the coordinator's thread */
    int32_t opid;
};

struct sim_build {
    uint8_t uuid[16], coll[16];
    char ns[272];
    struct sim_doc *specs; /* {indexes: [..]} with normal specifications */
    struct sim_doc *names; /* {0: "a_1", ...} */
    struct sim_doc *quorum; /* {commitQuorum: ..} */
    struct sim_doc *command;
    struct part part[SIM_MEMBERS_MAX];
    struct sim_build_waiter waiter;
    unsigned before; /* indexes before the build */
    int64_t started;
    int asked;         /* the member whose command waits for it */
    uint64_t start_ts, end_ts; /* of its entries; end_ts 0: not yet */
    bool over;       /* on the primary: committed or aborted; the others follow by the oplog */
    struct sim_fail why;
};

struct sim_builds {
    struct sim_build **item;
    size_t n, cap;
};

struct sim_builds *sim_builds_new(void)
{
    return calloc(1, sizeof(struct sim_builds));
}

static void build_free(struct sim_build *b)
{
    if (b->waiter.fn)
        b->waiter.drop(b->waiter.ctx);
    sim_doc_unref(b->specs);
    sim_doc_unref(b->names);
    sim_doc_unref(b->quorum);
    sim_doc_unref(b->command);
    sim_fail_release(&b->why);
    free(b);
}

void sim_builds_free(struct sim_builds *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        build_free(b->item[i]);
    free(b->item);
    free(b);
}

static struct sim_build *find(const struct sim *s, const uint8_t uuid[16])
{
    for (size_t i = 0; i < s->builds->n; i++)
        if (memcmp(s->builds->item[i]->uuid, uuid, 16) == 0)
            return s->builds->item[i];
    return NULL;
}

/* Forgets a build in which no member takes part any more. */
static void forget_if_done(struct sim *s, struct sim_build *b)
{
    for (int i = 0; i < s->members; i++)
        if (b->part[i].phase != DONE)
            return;
    for (size_t i = 0; i < s->builds->n; i++)
        if (s->builds->item[i] == b) {
            s->builds->item[i] = s->builds->item[--s->builds->n];
            build_free(b);
            return;
        }
}

/* ---- the indexes of a build on one member ---- */

static struct sim_coll *coll_of(const struct sim_build *b, struct sim_member *m)
{
    return sim_coll_by_uuid(&m->cat, b->coll);
}

static bool ours(const struct sim_build *b, const struct sim_index *x)
{
    return x->building && memcmp(x->build_uuid, b->uuid, 16) == 0;
}

static int add_indexes(struct sim_build *b, struct sim_member *m, struct sim_fail *f)
{
    struct sim_coll *c = coll_of(b, m);
    struct sim_iter it = sim_iter_of(sim_find(b->specs->bson, "indexes").p);
    struct sim_elem e;
    if (!c)
        return sim_fail(f, SIM_NAMESPACE_NOT_FOUND, "ns does not exist");
    while (sim_next(&it, &e)) {
        struct sim_index *x = sim_index_new(e.v.p, f);
        if (!x)
            return -1;
        x->building = true;
        x->since_us = m->sim->now;
        memcpy(x->build_uuid, b->uuid, 16);
        if (sim_coll_add_index(c, x, f))
            return -1;
    }
    return 0;
}

static void drop_indexes(const struct sim_build *b, struct sim_member *m)
{
    struct sim_coll *c = coll_of(b, m);
    for (unsigned i = 0; c && i < c->indexes;) {
        if (ours(b, c->index[i])) {
            sim_build_log_drop(m, b->ns, b->coll, c->index[i]->name);
            sim_store_dropped(m, (double)c->index[i]->key_bytes);
            sim_coll_drop_index(c, c->index[i]);
        } else {
            i++;
        }
    }
}

static int fill(struct sim_build *b, struct sim_member *m, uint64_t upto, struct sim_fail *f)
{
    struct sim_coll *c = coll_of(b, m);
    struct part *p = &b->part[m->id];
    uint64_t most = upto == UINT64_MAX ? UINT64_MAX : upto > (uint64_t)p->scanned ? upto - (uint64_t)p->scanned : 0, done = 0;
    for (unsigned i = 0; c && i < c->indexes; i++)
        if (ours(b, c->index[i]) && sim_coll_fill_index(c, c->index[i], most, &done, f))
            return -1;
    p->scanned += (int64_t)done;
    return 0;
}

static bool works(const struct part *p)
{
    return p->phase == SCAN || p->phase == SORT_KEYS || p->phase == INSERT;
}

static int64_t count_keys(const struct sim_build *b, struct sim_member *m)
{
    struct sim_coll *c = coll_of(b, m);
    int64_t n = 0;
    for (unsigned i = 0; c && i < c->indexes; i++)
        if (ours(b, c->index[i]))
            n += (int64_t)sim_btree_count(c->index[i]->tree);
    return n;
}

/* ---- a member's part begins, goes on, ends ---- */

struct tick {
    uint8_t uuid[16];
    struct sim_member *m;
    unsigned life; /* of the part: those of an earlier one are void */
};

static void on_tick(struct sim *s, void *ctx);

static int next_tick(struct sim *s, struct sim_build *b, struct sim_member *m, int64_t at)
{
    struct tick *t = malloc(sizeof *t);
    if (!t)
        return -1;
    memcpy(t->uuid, b->uuid, 16);
    t->m = m;
    t->life = b->part[m->id].life;
    if (sim_at(s, at, on_tick, t, free)) {
        free(t);
        return -1;
    }
    return 0;
}

static void show(struct part *p, const char *what, int64_t done, int64_t total)
{
    struct sim_running *r = p->running;
    if (!r)
        return;
    r->done = done;
    r->total = total;
    if (total)
        snprintf(r->msg, sizeof r->msg, "Index Build: %s Index Build: %s: %lld/%lld %lld%%", what, what, (long long)done, (long long)total,
                 (long long)(done * 100 / total));
    else
        snprintf(r->msg, sizeof r->msg, "Index Build: %s", what);
}

/* What the coordinator's thread shows as its command: the whole one on the primary, the bare one elsewhere. */
static struct sim_doc *thread_command(const struct sim_build *b, const struct sim_member *m)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "createIndexes", strchr(b->ns, '.') + 1);
    sim_w_val(&w, "indexes", sim_find(b->specs->bson, "indexes"));
    if (m->primary && b->command) {
        struct sim_iter it = sim_iter_of(b->command->bson);
        struct sim_elem e;
        while (sim_next(&it, &e))
            if (strcmp(e.key, "createIndexes") != 0 && strcmp(e.key, "indexes") != 0)
                sim_w_val_n(&w, e.key, e.key_n, e.v);
    }
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

static int begin_part(struct sim *s, struct sim_build *b, struct sim_member *m, struct sim_fail *f)
{
    struct part *p = &b->part[m->id];
    struct sim_coll *c = coll_of(b, m);
    if (add_indexes(b, m, f)) {
        drop_indexes(b, m);
        return -1;
    }
    struct sim_wants all = {.docs = (double)c->records.count, .doc_bytes = (double)c->records.bytes, .in_order = true};
    sim_store_use(m, c, &all);
    sim_lock_exclusive(m, c, (int64_t)s->costs.ddl_us);
    p->total = (int64_t)c->records.count;
    p->scanned = p->keys = 0;
    p->life++;
    p->phase = SCAN;
    p->from = s->now;
    p->to = s->now + (int64_t)((double)p->total * s->costs.build_doc_us * sim_cost_spread(&s->costs, &m->rng)) + 1000;
    struct sim_doc *command = thread_command(b, m);
    p->running = sim_running_new(m, NULL, "command", b->ns, command);
    sim_doc_unref(command);
    if (p->running) {
        p->opid = p->running->opid = ++m->next_opid;
        snprintf(p->running->desc, sizeof p->running->desc, "IndexBuildsCoordinatorMongod-%u", (unsigned)(s->builds->n ? s->builds->n - 1 : 0));
        p->running->is_build = p->running->write = true;
        p->running->takes_core = true;
    }
    show(p, "scanning collection", 0, p->total);
    sim_build_log_start(m, b->uuid, b->coll, b->ns, sim_find(b->specs->bson, "indexes").p, s->last_ts);
    return next_tick(s, b, m, s->now + TICK_US < p->to ? s->now + TICK_US : p->to) ? sim_fail_nomem(f) : 0;
}

static void end_part(struct sim_build *b, struct sim_member *m)
{
    struct part *p = &b->part[m->id];
    p->phase = DONE;
    if (p->running)
        sim_running_end(m, p->running);
    p->running = NULL;
}

/* Puts in what was written meanwhile and opens the indexes to questions. A broken uniqueness is a failure. */
static int finish_indexes(struct sim_build *b, struct sim_member *m, struct sim_fail *f)
{
    struct sim_coll *c = coll_of(b, m);
    if (!c)
        return 0;
    if (fill(b, m, UINT64_MAX, f))
        return -1;
    for (unsigned i = 0; i < c->indexes; i++)
        if (ours(b, c->index[i]) && c->index[i]->failed) {
            *f = *c->index[i]->failed;
            c->index[i]->failed->extra = NULL; /* the failure owns it now */
            return -1;
        }
    for (unsigned i = 0; i < c->indexes; i++)
        if (ours(b, c->index[i])) {
            c->index[i]->building = false;
            c->index[i]->since_us = m->sim->now;
        }
    c->version++;
    sim_plan_cache_clear(c->plans);
    sim_lock_exclusive(m, c, (int64_t)m->sim->costs.ddl_us);
    return 0;
}

/* Telling makes the set go on: the build may be gone after it, so whoever ends it takes the waiter out first. */
static struct sim_build_waiter take_waiter(struct sim_build *b)
{
    struct sim_build_waiter w = b->waiter;
    b->waiter.fn = NULL;
    return w;
}

static void tell_waiter(struct sim *s, const struct sim_build_waiter *w, const struct sim_fail *f)
{
    if (w->fn)
        w->fn(s, w->ctx, f);
}

static void log_end(struct sim *s, struct sim_build *b, const char *what, const struct sim_fail *why)
{
    struct sim_w w;
    char buf[32];
    char db[128];
    snprintf(db, sizeof db, "%.*s", (int)strcspn(b->ns, "."), b->ns);
    sim_w_init(&w);
    sim_w_text(&w, what, strchr(b->ns, '.') + 1);
    sim_w_uuid(&w, "indexBuildUUID", b->uuid);
    sim_w_val(&w, "indexes", sim_find(b->specs->bson, "indexes"));
    if (why) {
        sim_w_doc(&w, "cause");
        sim_w_bool(&w, "ok", false);
        sim_w_i32(&w, "code", why->code);
        sim_w_text(&w, "codeName", sim_code_name(why->code, buf));
        sim_w_text(&w, "errmsg", why->msg);
        sim_w_end(&w);
    }
    const uint8_t *o = sim_w_done(&w);
    if (o && sim_log_command(s, db, b->coll, o, NULL))
        o = NULL; /* the oplog is out of memory: the others will see it when it has some */
    *(b->over ? &b->end_ts : &b->start_ts) = s->last_ts;
    sim_w_release(&w);
}

/* "Index build failed: UUID: Collection ns ( UUID ) :: caused by :: ..." */
static void full_reason(const struct sim_build *b, struct sim_fail *f)
{
    char build[37], coll[37];
    sim_uuid_text(build, b->uuid);
    sim_uuid_text(coll, b->coll);
    sim_fail_prefix(f, "Index build failed: %s: Collection %s ( %s ) :: caused by :: ", build, b->ns, coll);
}

/* Ends the build on the primary; the others learn of it from the oplog. Takes why. */
static void abort_build(struct sim *s, struct sim_build *b, struct sim_fail *why)
{
    struct sim_member *p = sim_primary(s);
    if (b->over || !p)
        return;
    b->over = true;
    log_end(s, b, "abortIndexBuild", why);
    sim_build_log_failed(p, b->waiter.conn ? b->waiter.conn->id : 0, b->uuid, why);
    drop_indexes(b, p);
    sim_build_log_cleaned(p, b->uuid);
    end_part(b, p);
    full_reason(b, why);
    struct sim_build_waiter waiter = take_waiter(b);
    forget_if_done(s, b);
    tell_waiter(s, &waiter, why);
    sim_fail_release(why);
}

static void commit_build(struct sim *s, struct sim_build *b)
{
    struct sim_member *p = sim_primary(s);
    struct sim_coll *c = coll_of(b, p);
    struct sim_fail f = SIM_FAIL_INIT;
    sim_build_log_quorum(p, b->uuid, b->coll, b->quorum->bson, b->names->bson);
    if (finish_indexes(b, p, &f)) {
        abort_build(s, b, &f);
        return;
    }
    b->over = true;
    log_end(s, b, "commitIndexBuild", NULL);
    sim_build_log_done(p, b->uuid, b->coll, b->ns, b->names->bson, s->last_ts, b->before, c ? c->indexes : 0, b->waiter.conn ? b->waiter.conn->id : 0,
                       s->now - b->started, b->command, b->part[p->id].total / 1000);
    end_part(b, p);
    struct sim_build_waiter waiter = take_waiter(b);
    forget_if_done(s, b);
    tell_waiter(s, &waiter, NULL);
}

/* With a voting member away the default quorum waits, as MongoDB does. */
static void try_commit(struct sim *s, struct sim_build *b)
{
    struct sim_val q = sim_find(b->quorum->bson, "commitQuorum");
    int ready = 0, need = sim_text_is(q, "votingMembers") || !q.type ? sim_data_votes(s) : sim_text_is(q, "majority") ? sim_majority(s) : (int)sim_int(q, 1);
    struct sim_member *p = sim_primary(s);
    for (int i = 0; i < s->members; i++)
        ready += s->seat[i].votes && (b->part[i].phase == READY || b->part[i].phase == DONE);
    if (p && !b->over && b->part[p->id].phase == READY && ready >= (need < 1 ? 1 : need))
        commit_build(s, b);
}

/* Keys in order go straight to the file: nothing of the new index is in the cache. */
static void write_tree(const struct sim_build *b, struct sim_member *m)
{
    struct sim_coll *c = coll_of(b, m);
    double bytes = 0;
    for (unsigned i = 0; c && i < c->indexes; i++)
        if (ours(b, c->index[i]))
            bytes += (double)c->index[i]->key_bytes * 1.2;
    m->n.bytes_evicted += (int64_t)bytes; /* each page as it is filled */
    sim_store_write(m, bytes);
    if (c)
        sim_store_cold(c, bytes);
}

static int advance(struct sim *s, struct sim_build *b, struct sim_member *m, struct sim_fail *f)
{
    struct part *p = &b->part[m->id];
    if (p->running)
        p->running->yields = (s->now - b->started) / 11000;
    if (p->phase == SCAN && s->now < p->to) {
        int64_t done = (int64_t)((double)p->total * (double)(s->now - p->from) / (double)(p->to - p->from));
        if (fill(b, m, (uint64_t)done, f))
            return -1;
        show(p, "scanning collection", done, p->total);
    } else if (p->phase == SCAN) {
        if (fill(b, m, UINT64_MAX, f))
            return -1;
        sim_build_log_scanned(m, b->uuid, b->coll, b->ns, p->scanned, s->now - p->from);
        m->n.wt_cursor_nexts += p->scanned;
        m->n.lock_w += (s->now - p->from) / 11000; /* it yields as often as it shows */
        m->n.lock_r += (s->now - p->from) / 11000;
        p->phase = SORT_KEYS;
        p->to = s->now + (int64_t)((double)(p->to - p->from) * LOAD_SHARE);
        p->from = s->now;
        show(p, "scanning collection", 0, 0);
    } else if (p->phase == SORT_KEYS && s->now >= p->to) {
        p->keys = count_keys(b, m);
        p->phase = INSERT;
        p->from = s->now;
        p->to = s->now + (int64_t)((double)p->keys * s->costs.build_key_us) + 1000;
    } else if (p->phase == INSERT && s->now < p->to) {
        int64_t done = (int64_t)((double)p->keys * (double)(s->now - p->from) / (double)(p->to - p->from));
        show(p, "inserting keys from external sorter into index", done, p->keys);
    } else if (p->phase == INSERT) {
        sim_build_log_inserted(m, b->uuid, b->ns, b->names->bson, p->keys, s->now - p->from);
        m->n.wt_bulk_inserts += p->keys;
        write_tree(b, m);
        p->phase = READY;
        m->n.lock_read += 8; /* it looks at what was written beside it again and again */
        m->n.lock_shared++; /* for the rest of what was written beside it */
        if (sim_primary(s))
            sim_primary(s)->n.build_votes++;
        if (p->running) { /* it waits: no core, no progress */
            p->running->takes_core = false;
            p->running->msg[0] = '\0';
            p->running->total = 0;
        }
        try_commit(s, b);
    }
    return 0;
}

static void on_tick(struct sim *s, void *ctx)
{
    struct tick *t = ctx;
    struct sim_build *b = find(s, t->uuid);
    struct sim_member *m = t->m;
    unsigned life = t->life;
    free(t);
    if (!b || !works(&b->part[m->id]) || b->part[m->id].life != life)
        return;
    if (m->hung) { /* time stands still for it */
        b->part[m->id].from += TICK_US;
        b->part[m->id].to += TICK_US;
        if (next_tick(s, b, m, s->now + TICK_US))
            return; /* out of memory: the build stands still when it goes on, and can be aborted */
        return;
    }
    uint8_t uuid[16];
    memcpy(uuid, b->uuid, 16);
    struct sim_fail f = SIM_FAIL_INIT;
    if (advance(s, b, m, &f)) {
        abort_build(s, b, &f);
        return;
    }
    b = find(s, uuid); /* it may have been committed */
    if (!b || !works(&b->part[m->id]))
        return;
    int64_t at = s->now + TICK_US, to = b->part[m->id].to;
    if (next_tick(s, b, m, at < to || to <= s->now ? at : to)) {
        sim_fail_nomem(&f);
        abort_build(s, b, &f);
    }
}

/* ---- begin and end ---- */

static struct sim_doc *doc_of(struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(w);
    return d;
}

static int set_specs(struct sim_build *b, const struct sim_val *specs, size_t n, struct sim_fail *f)
{
    struct sim_w w, names;
    sim_w_init(&w);
    sim_w_init(&names);
    sim_w_array(&w, "indexes");
    for (size_t i = 0; i < n; i++) {
        char key[24];
        struct sim_index *x = sim_index_new(specs[i].p, f); /* for its normal form */
        if (!x) {
            sim_w_release(&w);
            sim_w_release(&names);
            return -1;
        }
        snprintf(key, sizeof key, "%zu", i);
        sim_w_copy(&w, NULL, x->spec->bson);
        sim_w_text(&names, key, x->name);
        sim_index_free(x);
    }
    sim_w_end(&w);
    b->specs = doc_of(&w);
    b->names = doc_of(&names);
    return b->specs && b->names ? 0 : sim_fail_nomem(f);
}

static struct sim_build *build_new(struct sim *s, const uint8_t *uuid, const struct sim_coll *c, struct sim_fail *f)
{
    struct sim_build *b = calloc(1, sizeof *b);
    if (!b || SB_GROW(s->builds->item, s->builds->cap, s->builds->n + 1)) {
        free(b);
        sim_fail_nomem(f);
        return NULL;
    }
    memcpy(b->uuid, uuid, 16);
    memcpy(b->coll, c->uuid, 16);
    snprintf(b->ns, sizeof b->ns, "%s", c->ns);
    b->before = c->indexes;
    b->started = s->now;
    s->builds->item[s->builds->n++] = b;
    return b;
}

static void start_entry(struct sim *s, struct sim_build *b)
{
    log_end(s, b, "startIndexBuild", NULL);
}

int sim_build_begin(struct sim *s, struct sim_coll *c, const struct sim_val *specs, size_t n, struct sim_val quorum, struct sim_doc *command,
                    const struct sim_build_waiter *waiter, struct sim_fail *f)
{
    uint8_t uuid[16];
    struct sim_w w;
    sim_new_uuid(s, uuid);
    struct sim_build *b = build_new(s, uuid, c, f);
    if (!b)
        return -1;
    sim_w_init(&w);
    sim_w_val(&w, "commitQuorum", quorum);
    b->quorum = doc_of(&w);
    b->command = command ? sim_doc_ref(command) : NULL;
    b->waiter = *waiter;
    b->asked = s->primary_id;
    if (!b->quorum)
        sim_fail_nomem(f);
    if (!b->quorum || set_specs(b, specs, n, f)) {
        b->waiter.fn = NULL;
        s->builds->n--;
        build_free(b);
        return -1;
    }
    sim_build_log_register(sim_primary(s), waiter->conn ? waiter->conn->id : 0, b->uuid, b->coll, b->ns, b->names->bson);
    start_entry(s, b);
    if (begin_part(s, b, sim_primary(s), f)) {
        for (int i = 0; i < s->members; i++)
            b->part[i].phase = DONE;
        b->waiter.fn = NULL;
        b->over = true;
        log_end(s, b, "abortIndexBuild", f);
        end_part(b, sim_primary(s));
        forget_if_done(s, b);
        return -1;
    }
    sim_build_log_waiting(sim_primary(s), waiter->conn ? waiter->conn->id : 0, b->uuid);
    return 0;
}

int sim_build_start_here(struct sim *s, struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f)
{
    struct sim_val id = sim_find(o, "indexBuildUUID");
    struct sim_build *b = id.type == BSON_TYPE_BINARY ? find(s, id.p + 5) : NULL;
    (void)uuid;
    return b && b->part[m->id].phase == IDLE ? begin_part(s, b, m, f) : 0;
}

int sim_build_commit_here(struct sim *s, struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f)
{
    struct sim_val id = sim_find(o, "indexBuildUUID");
    struct sim_build *b = id.type == BSON_TYPE_BINARY ? find(s, id.p + 5) : NULL;
    (void)uuid;
    if (!b || b->part[m->id].phase == DONE)
        return 0;
    int rc = finish_indexes(b, m, f);
    struct sim_coll *c = coll_of(b, m);
    sim_build_log_done(m, b->uuid, b->coll, b->ns, b->names->bson, m->applied_ts, b->before, c ? c->indexes : 0, 0, s->now - b->started,
                       NULL, b->part[m->id].total / 1000);
    end_part(b, m);
    forget_if_done(s, b);
    return rc;
}

int sim_build_abort_here(struct sim *s, struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f)
{
    struct sim_val id = sim_find(o, "indexBuildUUID");
    struct sim_build *b = id.type == BSON_TYPE_BINARY ? find(s, id.p + 5) : NULL;
    (void)uuid;
    (void)f;
    if (!b || b->part[m->id].phase == DONE)
        return 0;
    drop_indexes(b, m);
    end_part(b, m);
    forget_if_done(s, b);
    return 0;
}

/* "collection scan stopped. totalRecords: N; ..." as the server words it */
static void interrupted(const struct sim_build *b, int32_t code, struct sim_fail *f)
{
    const struct part *p = &b->part[0];
    if (p->phase == SCAN)
        sim_fail(f, code, "collection scan stopped. totalRecords: %lld; durationMillis: 0ms; phase: collection scan; collectionScanPosition: "
                          "RecordId(%lld); readSource: kMajorityCommitted :: caused by :: operation was interrupted",
                 (long long)p->scanned, (long long)p->scanned);
    else
        sim_fail(f, code, "operation was interrupted");
}

size_t sim_build_abort_named(struct sim *s, struct sim_coll *c, const char *name, const struct sim_conn *conn)
{
    size_t n = 0;
    for (size_t i = 0; i < s->builds->n;) {
        struct sim_build *b = s->builds->item[i];
        bool fits = memcmp(b->coll, c->uuid, 16) == 0 && !b->over &&
                    (strcmp(name, "*") == 0 || (sim_count(b->names->bson) == 1 && sim_text_is(sim_find(b->names->bson, "0"), name)));
        if (!fits) {
            i++;
            continue;
        }
        struct sim_fail f = SIM_FAIL_INIT;
        interrupted(b, SIM_INDEX_BUILD_ABORTED, &f);
        const struct part *p = &b->part[s->primary_id];
        sim_build_log_abort(sim_primary(s), conn ? conn->id : 0, b->uuid, b->coll, b->names->bson, p->scanned, p->phase == SCAN);
        abort_build(s, b, &f);
        n++;
        i = 0; /* the list has changed */
    }
    return n;
}

bool sim_build_kill(struct sim *s, struct sim_member *m, int32_t opid)
{
    for (size_t i = 0; i < s->builds->n; i++) {
        struct sim_build *b = s->builds->item[i];
        if (m != sim_primary(s) || b->over || (b->part[m->id].opid != opid && b->waiter.opid != opid))
            continue;
        struct sim_fail f = SIM_FAIL_INIT;
        interrupted(b, SIM_INTERRUPTED, &f);
        sim_build_log_stopped(m, b->uuid, b->coll, b->part[m->id].scanned, SIM_INTERRUPTED);
        abort_build(s, b, &f);
        return true;
    }
    return false;
}

void sim_build_forget(struct sim *s, const struct sim_conn *conn)
{
    for (size_t i = 0; i < s->builds->n; i++)
        if (s->builds->item[i]->waiter.conn == conn) {
            sim_build_log_background(conn->m, conn->id, s->builds->item[i]->uuid);
            s->builds->item[i]->waiter.conn = NULL;
        }
}

bool sim_build_running(const struct sim *s, const uint8_t uuid[16])
{
    for (size_t i = 0; i < s->builds->n; i++)
        if (memcmp(s->builds->item[i]->coll, uuid, 16) == 0 && !s->builds->item[i]->over)
            return true;
    return false;
}

/* ---- elections and processes ---- */

void sim_builds_step_up(struct sim *s)
{
    for (size_t i = s->builds->n; i-- > 0;) /* a build that is over leaves the list and moves the last one to its place */
        if (i < s->builds->n)
            try_commit(s, s->builds->item[i]);
}

void sim_builds_step_down(struct sim_member *m)
{
    struct sim *s = m->sim;
    for (size_t i = 0; i < s->builds->n; i++) {
        struct sim_build *b = s->builds->item[i];
        if (b->asked != m->id || !b->waiter.fn)
            continue;
        struct sim_fail f = SIM_FAIL_INIT;
        sim_fail(&f, SIM_STATE_CHANGE, "operation was interrupted");
        sim_build_log_background(m, b->waiter.conn ? b->waiter.conn->id : 0, b->uuid);
        struct sim_build_waiter waiter = take_waiter(b);
        tell_waiter(s, &waiter, &f);
        sim_fail_release(&f);
        i = SIZE_MAX; /* the list may have changed: from the beginning, without this one */
    }
}

void sim_builds_killed(struct sim_member *m)
{
    struct sim *s = m->sim;
    for (size_t i = 0; i < s->builds->n; i++) {
        struct sim_build *b = s->builds->item[i];
        struct part *p = &b->part[m->id];
        if (b->asked == m->id && b->waiter.fn) {
            b->waiter.fn = NULL;
            b->waiter.drop(b->waiter.ctx);
        }
        if (works(p) || p->phase == READY)
            p->phase = LOST;
        p->running = NULL; /* it ends with the process */
    }
}

/* One build on a member that has its entries up to applied_ts and no process that works for it. False: the list changed. */
static bool rejoin_one(struct sim *s, struct sim_build *b, struct sim_member *m)
{
    struct part *p = &b->part[m->id];
    struct sim_fail f = SIM_FAIL_INIT;
    drop_indexes(b, m);
    p->phase = IDLE;
    if (b->start_ts > m->applied_ts)
        return true; /* the oplog will tell it */
    if (!(b->over && b->end_ts <= m->applied_ts) && begin_part(s, b, m, &f) == 0)
        return true;
    sim_fail_release(&f);
    size_t n = s->builds->n;
    end_part(b, m);
    forget_if_done(s, b);
    return s->builds->n == n;
}

void sim_builds_rejoin(struct sim *s, struct sim_member *m)
{
    for (size_t i = 0; i < s->builds->n;) {
        struct sim_build *b = s->builds->item[i];
        struct part *p = &b->part[m->id];
        if (p->running)
            sim_running_end(m, p->running);
        p->running = NULL;
        i += rejoin_one(s, b, m);
    }
}

void sim_builds_forked(struct sim *s, uint64_t ts)
{
    for (size_t i = 0; i < s->builds->n;) {
        struct sim_build *b = s->builds->item[i];
        if (b->end_ts > ts) { /* how it ended is no history any more; whoever has seen it will roll that back */
            b->over = false;
            b->end_ts = 0;
            for (int k = 0; k < s->members; k++)
                if (s->member[k].branch_n && b->part[k].phase == DONE)
                    b->part[k].phase = LOST;
        }
        if (b->start_ts <= ts) {
            i++;
            continue;
        }
        struct sim_fail f = SIM_FAIL_INIT;
        sim_fail(&f, SIM_STATE_CHANGE, "operation was interrupted");
        struct sim_build_waiter waiter = take_waiter(b);
        for (int k = 0; k < s->members; k++)
            end_part(b, &s->member[k]);
        forget_if_done(s, b);
        tell_waiter(s, &waiter, &f);
        sim_fail_release(&f);
        i = 0; /* the list has changed */
    }
}
