/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/log.h>
#include <signalbox/sim/op.h>
#include <signalbox/sim/profile.h>
#include <signalbox/sim/contend.h>
#include <signalbox/sim/role.h>

#include "flow.h"
#include "query_stats.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void sim_op_init(struct sim_op *op, struct sim_conn *conn)
{
    memset(op, 0, offsetof(struct sim_op, ns));
    op->ns[0] = op->replan_reason[0] = op->error_msg[0] = '\0';
    op->m = conn->m;
    op->conn = conn;
    op->type = "command";
    op->top = SIM_TOP_COMMANDS;
    op->opid = ++conn->m->next_opid;
    op->start = conn->m->sim->now;
    sb_str_init(&op->plan);
    op->nreturned = op->ninserted = op->nmatched = op->nmodified = op->nupserted = op->ndeleted = -1;
    op->keys_inserted = op->keys_deleted = -1;
}

void sim_op_release(struct sim_op *op)
{
    sb_str_release(&op->plan);
    sim_doc_unref(op->exec_stats);
    sim_doc_unref(op->command);
    sim_doc_unref(op->originating);
}

static struct sim_coll *coll_of(const struct sim_op *op)
{
    return sim_coll_find(&op->m->cat, op->base ? op->base : op->ns);
}

static int level_of(const struct sim_op *op, const struct sim_filter **filter)
{
    const struct sim_db *db = sim_db_find(&op->m->cat, op->ns, strcspn(op->ns, "."));
    *filter = db ? db->profiler.filter : NULL;
    return db ? db->profiler.level : 0;
}

bool sim_op_may_profile(const struct sim_op *op)
{
    const struct sim_filter *filter;
    int level = level_of(op, &filter);
    if (level == 0)
        return false;
    return level == 2 || filter || sim_cost_of(&op->m->sim->costs, &op->work) > (double)op->m->slow_ms * 300;
}

void sim_op_exec(struct sim_op *op, const struct sim_exec *e, struct sim_exec_mark *since)
{
    struct sim_totals t;
    int64_t keys = since ? since->keys : 0, docs = since ? since->docs : 0, works = since ? since->works : 0;
    sim_exec_totals(e, &t);
    op->has_plan = true;
    op->keys += t.keys - keys;
    op->docs += t.docs - docs;
    op->works += e->root->works - works;
    op->has_sort = t.sort;
    op->used_disk = t.used_disk;
    op->collscan = op->in_order = t.collscan;
    op->from_multi = e->from_multi;
    op->replanned = e->replanned;
    if (e->replanned)
        memcpy(op->replan_reason, e->replan_reason, sizeof op->replan_reason);
    op->has_hash = e->has_hash;
    op->query_hash = e->query_hash;
    op->plan_cache_key = e->plan_cache_key;
    sb_str_clear(&op->plan);
    sim_exec_summary(e, &op->plan);
    const struct sim_coll *c = e->q.coll;
    int64_t average = c && c->records.count ? (int64_t)(c->records.bytes / c->records.count) : 0;
    op->work.keys += t.keys - keys + (since ? 0 : e->trial_keys);
    op->work.docs += t.docs - docs + (since ? 0 : e->trial_docs);
    op->work.doc_bytes += (t.docs - docs) * average;
    if (t.sort && !keys && !docs)
        op->work.sorted += e->root->need_time;
    if (since)
        *since = (struct sim_exec_mark){t.keys, t.docs, e->root->works};
    if (!sim_op_may_profile(op))
        return;
    struct sim_w w;
    sim_w_init(&w);
    double ms = sim_cost_of(&op->m->sim->costs, &op->work) / 1000, units = (double)(t.keys + 8 * t.docs);
    sim_explain_stats(&w, e->root, e->root->works / 1000, units > 0 ? ms / units : 0);
    const uint8_t *done = sim_w_done(&w);
    sim_doc_unref(op->exec_stats);
    op->exec_stats = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
}

/* Waits that end before the work begins. A statement runs under its command's ticket. */
static void wait_to_begin(struct sim_op *op)
{
    struct sim_coll *c = op->counts_write && op->in_top ? coll_of(op) : NULL;
    if (op->counts_write && !op->is_statement && !op->in_txn) {
        op->flow_us = sim_flow_wait(op->m, op->works / 1000 + 1);
        if (!op->conn->timed) /* who is answered at once waits for nobody */
            op->flow_us = 0;
        op->m->n.flow_us += op->flow_us + (op->works / 1000 + 1) * 2;
    }
    if (!op->is_statement && (op->counts_read || op->counts_write))
        op->ticket_us = sim_wait_ticket(op->m, op->counts_write);
    int64_t lock = op->counts_write && op->conn->timed ? sim_wait_lock(op->m, c) - op->flow_us - op->ticket_us : 0;
    if (lock <= 0)
        return;
    op->lock_us += lock;
    c->lock_waits++;
    c->lock_wait_us += lock;
}

/* Cache, disk and other writers. us: what it works without them. */
static void wait_for_pages(struct sim_op *op, double us)
{
    const struct sim_work *w = &op->work;
    struct sim_coll *c = op->in_top ? coll_of(op) : NULL;
    if (!c)
        return;
    struct sim_wants wants = {.docs = (double)w->docs, .doc_bytes = (double)w->doc_bytes, .in_order = op->in_order, .keys = (double)w->keys,
                              .keys_written = (double)w->keys_written, .docs_written = (double)w->docs_written,
                              .bytes_written = (double)w->bytes_written, .keeps_old = op->keeps_old,
                              .docs_new = op->ninserted > 0 ? (double)op->ninserted : 0};
    struct sim_pages pages = sim_store_use(op->m, c, &wants);
    op->read_us += pages.read_us;
    op->read_bytes += (int64_t)(pages.read * op->m->sim->costs.page_bytes);
    op->evict_us += pages.evict_us;
    if (op->hot_id && op->conn->timed && w->docs_written)
        op->conflict_us += sim_wait_document(op->m, op->hot_id, (int64_t)us + pages.read_us + pages.evict_us, &op->conflicts);
}

/* Of the other members the one with most room answers first. */
static double crowd_of_followers(const struct sim_member *m)
{
    const struct sim *s = m->sim;
    double least = 0;
    for (int i = 0; i < s->members; i++)
        if (i != m->id && s->member[i].up && !s->member[i].hung && sim_bears_data(&s->member[i])) {
            double crowd = sim_crowd(&s->member[i]);
            least = least > 0 && least < crowd ? least : crowd;
        }
    return least > 0 ? least : 1;
}

static int64_t wait_for_others(const struct sim_op *op)
{
    const struct sim_costs *k = &op->m->sim->costs;
    struct sb_rng *rng = &op->m->rng;
    double us = k->journal_us * sim_cost_spread(k, rng) * (sim_store_writing(op->m) ? 2 : 1) * sim_crowd(op->m);
    op->m->n.log_sync_us += (int64_t)us;
    if (op->waits) /* a secondary has to do the same work before it can say that it has it */
        us += crowd_of_followers(op->m) * (k->replicate_us * sim_cost_spread(k, rng) + (double)op->work.keys_written * k->key_write_us +
                                           (double)op->work.docs_written * k->doc_write_us);
    return (int64_t)us;
}

bool sim_op_time(struct sim_op *op)
{
    struct sim *s = op->m->sim;
    static const struct sim_work none;
    double cpu = sim_cost_of(&s->costs, op->inner_us ? &none : &op->work) * sim_cost_spread(&s->costs, &op->m->rng);
    double us = cpu * sim_crowd(op->m);
    int64_t before = op->lock_us + op->conflict_us + op->read_us + op->evict_us; /* of its statements, in inner_us already */
    wait_to_begin(op);
    wait_for_pages(op, us);
    if (op->counts_write && op->work.docs_written && !op->is_statement && !op->in_txn)
        op->wait_us = wait_for_others(op);
    cpu += op->is_statement || !op->inner_us ? cpu * (double)op->conflicts : 0; /* each attempt worked in vain */
    op->cpu_us = (int64_t)cpu + op->inner_cpu_us;
    op->latency_us = (int64_t)us + op->inner_us + op->flow_us + op->ticket_us + op->lock_us + op->conflict_us + op->read_us + op->evict_us - before + op->wait_us;
    return op->max_time_ms && op->latency_us > op->max_time_ms * 1000;
}

int64_t sim_op_working(const struct sim_op *op)
{
    return op->latency_us - op->flow_us - op->ticket_us - op->lock_us - op->wait_us;
}

int64_t sim_bucket_lower(unsigned b)
{
    if (b == 0)
        return 0;
    if (b <= 11)
        return INT64_C(1) << b;
    unsigned half = b - 11; /* 3072, 4096, 6144, 8192 ... */
    int64_t power = INT64_C(2048) << half / 2;
    return half % 2 ? power + power / 2 : power;
}

/* The server's histogram: powers of two up to 2048, then their halves too. Bucket i holds what is at least lower(i). */
static unsigned bucket_of(int64_t us)
{
    unsigned b = 0;
    while (b + 1 < SIM_HISTOGRAM && us >= sim_bucket_lower(b + 1))
        b++;
    return b;
}

/* Others get their answer at once: what they leave behind is written now. */
int64_t sim_op_end(const struct sim_op *op)
{
    return op->conn->timed ? op->start + op->latency_us : op->m->sim->now;
}

static void count_latency(struct sim_op *op)
{
    struct sim_counters *n = &op->m->n;
    enum sim_latency_kind kind = op->counts_write ? SIM_LAT_WRITES : op->counts_read ? SIM_LAT_READS : SIM_LAT_COMMANDS;
    if (!op->is_statement) {
        n->latency[kind].us += op->latency_us;
        n->latency[kind].count++;
        if (op->waits && (op->wait_us || op->failed_writes)) { /* who failed waits for what was there before */
            n->wait_num++;
            n->wait_ms += op->wait_us / 1000;
        }
    }
    struct sim_coll *c = op->in_top ? coll_of(op) : NULL;
    if (!c)
        return;
    int64_t us = op->latency_us - (op->is_statement ? 0 : op->wait_us);
    c->top[op->top].us += us;
    c->top[op->top].count++;
    struct sim_usage *lock = op->counts_write ? &c->write_lock : &c->read_lock;
    lock->us += us;
    lock->count++;
    struct sim_latency *l = &c->latency[kind];
    l->us += us;
    l->ops++;
    l->bucket[bucket_of(us)]++;
    if (op->collscan) {
        c->scans_total++;
        c->scans_nontailable += !op->tailable;
    }
}

/* While an index is built, what happens to its keys goes to a table beside it, and from there into the index. */
static void count_side_writes(const struct sim_op *op)
{
    int64_t rows = (op->ninserted > 0 ? op->ninserted : 0) + (op->ndeleted > 0 ? op->ndeleted : 0);
    const struct sim_coll *c = rows && op->in_top ? coll_of(op) : NULL;
    for (unsigned i = 0; rows && c && i < c->indexes; i++)
        if (c->index[i]->building) {
            op->m->n.wt_inserts += rows;
            op->m->n.wt_removes += rows;
        }
}

static void count_work(struct sim_op *op)
{
    struct sim_counters *n = &op->m->n;
    n->keys += op->keys;
    n->docs += op->docs;
    if (op->collscan) {
        n->scans_total++;
        n->scans_nontailable += !op->tailable;
    }
    n->scan_and_order += op->has_sort;
    n->returned += op->nreturned > 0 ? op->nreturned : 0;
    n->inserted += op->ninserted > 0 ? op->ninserted : 0;
    n->updated += op->nmatched > 0 ? op->nmatched : 0;
    n->deleted += op->ndeleted > 0 ? op->ndeleted : 0;
    n->wt_modifies += op->nmodified > 0 ? op->nmodified : 0;
    n->wt_removes += op->keys_deleted > 0 ? op->keys_deleted : 0;
    if (op->is_statement)
        return; /* the command's own work holds the rest */
    n->cpu_us += op->cpu_us;
    n->write_conflicts += op->conflicts;
    n->ticket_waits_of[!op->counts_write] += op->ticket_us > 0;
    n->ticket_wait_us_of[!op->counts_write] += op->ticket_us;
    n->sorted_keys += op->work.sorted;
    n->sort_spills += op->used_disk;
    n->over_time += op->error == SIM_MAX_TIME;
    n->lock_waits += op->lock_us > 0;
    n->lock_wait_us += op->lock_us;
    int64_t yields = op->works / 1000;
    n->lock_r += op->counts_write ? 1 : yields + 1;
    n->lock_w += op->counts_write ? yields + 2 : 0;
    n->txn_begins += yields + 1; /* each yield ends a transaction */
    n->txn_rollbacks += yields;
    if (op->failed_writes) { /* each was begun, found out that it must not be, and taken back */
        n->wt_inserts += op->failed_writes;
        n->wt_removes += op->failed_writes;
        n->lock_r += 4 * op->failed_writes; /* it looks once more for what is in its way, and waits for that */
        n->txn_begins += 4 * op->failed_writes;
        n->txn_rollbacks += 4 * op->failed_writes;
        n->log_syncs++;
    }
    if (op->work.docs_written) {
        n->txn_commits++;
        n->log_writes += op->work.docs_written + 1; /* and where its session has got to */
        n->log_bytes += op->work.bytes_written + 64 * op->work.docs_written;
        n->log_syncs++;
    } else {
        n->txn_rollbacks++;
    }
    count_side_writes(op);
    /* of a collection and an index; of all its indexes, the oplog and sessions too, and of a batch again for each part of it */
    n->wt_cursors += op->counts_write ? 8 + op->work.docs_written / 5 : 3;
    n->wt_cursor_searches += 1 + (op->in_order ? 0 : op->docs);
    n->wt_cursor_nexts += op->keys + op->docs;
    n->wt_inserts += op->work.docs_written + op->work.keys_written;
    n->wt_pages_requested += op->keys / 8 + (op->in_order ? op->work.doc_bytes / (int64_t)op->m->sim->costs.page_bytes : op->docs) + op->work.docs_written +
                             op->work.keys_written + 2;
}

static void trace(const struct sim_op *op)
{
    struct sim *s = op->m->sim;
    struct {
        int64_t now, latency, keys, docs, returned, member;
    } what = {op->start, op->latency_us, op->keys, op->docs, op->nreturned, op->m->id};
    sim_trace(s, &what, sizeof what);
    sim_trace(s, op->ns, strlen(op->ns));
    s->operations++;
}

/* What an operation leaves behind, written when its time is over. */
struct late {
    struct sim_member *m;
    unsigned life; /* of a process that was killed meanwhile nothing is written */
    int32_t conn_id;
    bool is_statement;
    char ns[272];
    struct sim_doc *attr, *profile;
};

static void late_free(void *ctx)
{
    struct late *l = ctx;
    sim_doc_unref(l->attr);
    sim_doc_unref(l->profile);
    free(l);
}

static void write_late(struct sim *s, void *ctx)
{
    struct late *l = ctx;
    char thread[32];
    snprintf(thread, sizeof thread, "conn%d", l->conn_id);
    if (l->life != l->m->life || !l->m->up) {
        late_free(l);
        return;
    }
    if (l->attr)
        sim_log(l->m, s->now, 'I', l->is_statement ? "WRITE" : "COMMAND", 51803, thread, "Slow query", l->attr->bson);
    if (l->profile)
        sim_profile_store(l->m, l->ns, l->profile);
    late_free(l);
}

static bool is_profiled_ns(const struct sim_op *op)
{
    bool command_ns = strstr(op->ns, ".$cmd") != NULL && strcmp(op->type, "command") == 0;
    return !command_ns && !strstr(op->ns, ".system.profile");
}

static void record(struct sim_op *op)
{
    const struct sim_filter *filter;
    int level = level_of(op, &filter);
    bool slow = (sim_since(op->m->sim, 8) ? sim_op_working(op) : op->latency_us) >= op->m->slow_ms * 1000;
    if (!slow && !level && !filter)
        return;
    bool sampled = op->m->sample_rate >= 1 || sb_rng_unit(&op->m->rng) < op->m->sample_rate;
    bool profile = level == 2 || (level == 1 && slow && sampled), line = slow && sampled;
    struct sim_doc *doc = profile || filter ? sim_profile_doc(op) : NULL;
    if (filter) { /* replaces slowms and the sample rate, for log and profile alike */
        line = doc && sim_match(filter->root, doc->bson);
        profile = level == 2 || (level && line);
    }
    struct late *l = line || profile ? calloc(1, sizeof *l) : NULL;
    if (!l) { /* nothing to write, or no memory: the line is missing */
        sim_doc_unref(doc);
        return;
    }
    l->m = op->m;
    l->life = op->m->life;
    l->conn_id = op->conn->id;
    l->is_statement = op->is_statement;
    memcpy(l->ns, op->ns, sizeof l->ns);
    l->attr = line ? sim_profile_attr(op) : NULL;
    l->profile = profile && is_profiled_ns(op) && doc ? sim_doc_ref(doc) : NULL;
    sim_doc_unref(doc);
    if (sim_op_end(op) <= op->m->sim->now || sim_at(op->m->sim, sim_op_end(op), write_late, l, late_free))
        write_late(op->m->sim, l);
}

struct ending {
    struct sim_member *m;
    int32_t opid;
};

static void end_running(struct sim *s, void *ctx)
{
    struct ending *e = ctx;
    (void)s;
    sim_running_end_opid(e->m, e->opid); /* it may have been killed meanwhile */
    free(e);
}

/* One of our own apps' operations occupies the member until its time is over. */
static void occupy(struct sim_op *op)
{
    struct sim *s = op->m->sim;
    if (!op->conn->timed || op->is_statement || op->latency_us < 200)
        return;
    struct sim_running *r = sim_running_new(op->m, op->conn, op->type, op->ns, op->command);
    if (!r)
        return;
    r->opid = op->opid;
    r->to = s->now + op->latency_us;
    r->write = op->counts_write;
    r->takes_core = true;
    r->flow_until = s->now + op->flow_us;
    r->ticket_at = r->flow_until + op->ticket_us;
    r->lock_until = r->ticket_at + op->lock_us;
    r->works_until = r->to - op->wait_us;
    r->yields = op->works / 1000;
    if (op->plan.len)
        r->plan = sb_strdup_n(op->plan.p, op->plan.len);
    struct ending *e = malloc(sizeof *e);
    if (e)
        *e = (struct ending){op->m, op->opid};
    if (!e || sim_at(s, r->to, end_running, e, free)) {
        free(e);
        sim_running_end(op->m, r);
    }
}

void sim_op_finish(struct sim_op *op)
{
    count_latency(op);
    count_work(op);
    trace(op);
    occupy(op);
    if (op->error)
        op->m->n.asserts_user++;
    if (op->m->sim->query_stats)
        sim_query_stats_count(op->m->sim->query_stats, op);
    record(op);
}
