/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>
#include <signalbox/sim/accounts.h>
#include <signalbox/sim/apply.h>
#include <signalbox/sim/build.h>
#include <signalbox/sim/clients.h>
#include <signalbox/sim/cluster.h>
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/rollback.h>
#include <signalbox/sim/session.h>
#include <signalbox/sim/contend.h>
#include <signalbox/sim/txn.h>
#include <signalbox/sim/wait.h>

#include "mix.h"
#include "query_stats.h"
#include "setup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- events: a binary heap by time, then by order of making ---- */

static bool sooner(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

int sim_at(struct sim *s, int64_t at, sim_event_fn fn, void *ctx, void (*drop)(void *ctx))
{
    if (SB_GROW(s->heap, s->heap_cap, s->heap_n + 1))
        return -1;
    size_t i = s->heap_n++;
    struct sim_event e = {at < s->now ? s->now : at, s->seq++, fn, ctx, drop};
    for (; i && sooner(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = e;
    return 0;
}

static struct sim_event take_event(struct sim *s)
{
    struct sim_event first = s->heap[0], last = s->heap[--s->heap_n];
    size_t i = 0;
    for (;;) {
        size_t k = 2 * i + 1;
        if (k >= s->heap_n)
            break;
        if (k + 1 < s->heap_n && sooner(&s->heap[k + 1], &s->heap[k]))
            k++;
        if (!sooner(&s->heap[k], &last))
            break;
        s->heap[i] = s->heap[k];
        i = k;
    }
    s->heap[i] = last;
    return first;
}

int64_t sim_next_event(const struct sim *s)
{
    return s->heap_n ? s->heap[0].at : INT64_MAX;
}

void sim_run_until(struct sim *s, int64_t us)
{
    while (s->heap_n && s->heap[0].at <= us) {
        struct sim_event e = take_event(s);
        s->now = e.at;
        e.fn(s, e.ctx);
    }
    if (us > s->now)
        s->now = us;
}

/* ---- trace and identities ---- */

void sim_trace(struct sim *s, const void *bytes, size_t n)
{
    s->trace = sim_mix(s->trace, bytes, n);
}

uint64_t sim_trace_hash(const struct sim *s)
{
    return s->trace;
}

void sim_new_uuid(struct sim *s, uint8_t uuid[16])
{
    uint64_t pair[2] = {sb_rng_u64(&s->uuid_rng), sb_rng_u64(&s->uuid_rng)};
    memcpy(uuid, pair, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

void sim_new_oid(struct sim *s, uint8_t oid[12])
{
    uint32_t seconds = (uint32_t)(s->now / 1000000);
    uint64_t rest = sb_rng_u64(&s->uuid_rng);
    oid[0] = (uint8_t)(seconds >> 24);
    oid[1] = (uint8_t)(seconds >> 16);
    oid[2] = (uint8_t)(seconds >> 8);
    oid[3] = (uint8_t)seconds;
    memcpy(oid + 4, &rest, 8);
}

/* ---- connections ---- */

static void log_conn(struct sim_conn *c, int id, const char *ctx, const char *msg, int count)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "remote", c->remote);
    sim_w_uuid(&w, "uuid", c->uuid);
    sim_w_i32(&w, "connectionId", c->id);
    sim_w_i32(&w, "connectionCount", count);
    const uint8_t *attr = sim_w_done(&w);
    if (attr)
        sim_log(c->m, c->m->sim->now, 'I', "NETWORK", id, ctx, msg, attr);
    sim_w_release(&w);
}

static void refuse(struct sim_member *m, const char *remote)
{
    struct sim_w w;
    m->n.connections_refused++;
    sim_w_init(&w);
    sim_w_text(&w, "remote", remote);
    sim_w_i32(&w, "connectionCount", m->conns_n);
    const uint8_t *attr = sim_w_done(&w);
    if (attr)
        sim_log(m, m->sim->now, 'I', "NETWORK", 22942, "listener", "Connection refused because there are too many open connections", attr);
    sim_w_release(&w);
}

struct sim_conn *sim_conn_open(struct sim_member *m, const char *remote, bool inside)
{
    if (m->conns_n >= m->sim->costs.max_conns) {
        refuse(m, remote);
        return NULL;
    }
    struct sim_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    sim_accepting(m);
    c->m = m;
    c->id = ++m->next_conn;
    c->inside = c->timed = inside;
    snprintf(c->remote, sizeof c->remote, "%s", remote);
    if (inside)
        sim_new_uuid(m->sim, c->uuid);
    else if (sb_random_bytes(c->uuid, sizeof c->uuid, NULL)) /* clients from outside must not shift the seed's numbers */
        memset(c->uuid, 0, sizeof c->uuid);
    c->next = m->conns;
    m->conns = c;
    m->conns_n++;
    m->n.connections_created++;
    log_conn(c, 22943, "listener", "Connection accepted", m->conns_n);
    return c;
}

static void conn_free(struct sim_conn *c)
{
    sim_doc_unref(c->metadata);
    sim_route_free(c->route);
    sim_login_free(c->login);
    free(c);
}

/* Out of every list that knows it. */
static void unlink_conn(struct sim_conn *c)
{
    struct sim_member *m = c->m;
    for (struct sim_conn **at = &m->conns; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    m->conns_n--;
    sim_build_forget(m->sim, c);
    sim_wait_forget(m->sim, c);
    for (struct sim_running *r = m->running; r; r = r->next)
        if (r->conn == c)
            r->conn = NULL;
}

void sim_conn_close(struct sim_conn *c)
{
    char ctx[32];
    snprintf(ctx, sizeof ctx, "conn%d", c->id);
    unlink_conn(c);
    log_conn(c, 22944, ctx, "Connection ended", c->m->conns_n);
    conn_free(c);
}

void sim_conn_cut_all(struct sim_member *m)
{
    while (m->conns) {
        struct sim_conn *c = m->conns;
        if (c->lost)
            c->lost(c);
        sim_conn_close(c);
    }
}

void sim_conn_metadata(struct sim_conn *c, const uint8_t *client)
{
    struct sim_val app = sim_path(client, "application.name");
    char ctx[32];
    struct sim_w w;
    if (sim_doc_len(client) > 512 * 8)
        return;
    if (sim_is_text(app.type))
        snprintf(c->app, sizeof c->app, "%s", sim_text(app));
    c->metadata = sim_doc_new(client);
    snprintf(ctx, sizeof ctx, "conn%d", c->id);
    sim_w_init(&w);
    sim_w_text(&w, "remote", c->remote);
    sim_w_text(&w, "client", ctx);
    sim_w_copy(&w, "doc", client);
    const uint8_t *attr = sim_w_done(&w);
    if (attr)
        sim_log(c->m, c->m->sim->now, 'I', "NETWORK", 51800, ctx, "client metadata", attr);
    sim_w_release(&w);
}

/* ---- operations under way ---- */

struct sim_running *sim_running_new(struct sim_member *m, struct sim_conn *conn, const char *op, const char *ns, struct sim_doc *command)
{
    struct sim_running *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->m = m;
    r->conn = conn;
    r->op = op;
    r->from = m->sim->now;
    r->to = r->works_until = INT64_MAX;
    if (!(r->ns = sb_strdup_n(ns, strlen(ns)))) {
        free(r);
        return NULL;
    }
    r->command = command ? sim_doc_ref(command) : NULL;
    r->next = m->running;
    m->running = r;
    m->running_n++;
    return r;
}

static void running_free(struct sim_running *r)
{
    sim_doc_unref(r->command);
    free(r->ns);
    free(r->plan);
    free(r);
}

void sim_running_end(struct sim_member *m, struct sim_running *r)
{
    for (struct sim_running **at = &m->running; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            m->running_n--;
            running_free(r);
            return;
        }
}

void sim_running_end_opid(struct sim_member *m, int32_t opid)
{
    for (struct sim_running *r = m->running; r; r = r->next)
        if (r->opid == opid) {
            sim_running_end(m, r);
            return;
        }
}

int sim_busy(const struct sim_member *m)
{
    int64_t now = m->sim->now;
    int n = 0;
    for (const struct sim_running *r = m->running; r; r = r->next)
        n += r->takes_core && now >= r->ticket_at && now >= r->lock_until && now < r->works_until;
    return n;
}

int sim_tickets_out(const struct sim_member *m, bool write)
{
    int64_t now = m->sim->now;
    int n = 0;
    for (const struct sim_running *r = m->running; r; r = r->next)
        n += r->takes_core && r->write == write && now >= r->ticket_at && now < r->works_until;
    return n;
}

int sim_queued(const struct sim_member *m, bool write)
{
    int64_t now = m->sim->now;
    int n = 0;
    for (const struct sim_running *r = m->running; r; r = r->next)
        n += r->takes_core && r->write == write && now >= r->flow_until && (now < r->ticket_at || now < r->lock_until);
    return n;
}

/* ---- the set ---- */

/* As after the first election: member 0 has won it with the votes of the others. */
static void role_init(struct sim_member *m)
{
    struct sim *s = m->sim;
    struct sim_role *r = &m->role;
    struct sim_optime first = {(uint64_t)(s->start / 1000000 - 10) << 32 | 1, -1};
    char use[40];
    snprintf(use, sizeof use, "replication of member %d", m->id);
    sb_rng_fork(&r->rng, &s->rng, use);
    m->primary = r->writable = m->id == 0;
    r->state = m->primary ? SIM_IS_PRIMARY : SIM_IS_SECONDARY;
    r->term = r->voted_term = r->config_term = r->config_version = 1;
    r->syncing = -1;
    r->sync = m->id == 0 ? -1 : m->id == 1 && s->members > 2 ? 2 : 0;
    r->heard_us = s->start;
    r->rbid = 1;
    r->transition = m->primary ? "stepUp" : "";
    if (m->primary) {
        r->elected_ts = (uint64_t)(s->start / 1000000) << 32 | 1;
        r->called[SIM_ELECTION_TIMEOUT] = r->succeeded[SIM_ELECTION_TIMEOUT] = r->caught_up_already = 1;
        r->race = (struct sim_race){.reason = SIM_ELECTION_TIMEOUT, .at_us = s->start, .term = 1, .started_us = s->start, .majority_us = s->start,
                                    .committed = first, .seen = first, .needed = s->members / 2 + 1, .prior = -1, .priority = 2};
    } else {
        r->vote = (struct sim_vote){.at_us = s->start, .term = 1, .started_us = s->start, .applied_us = s->start, .applied = first, .most = first,
                                    .priority = 1};
    }
}

static void member_init(struct sim *s, int i, const struct sim_setup *setup)
{
    struct sim_member *m = &s->member[i];
    char use[32];
    m->sim = s;
    m->id = i;
    m->port = setup->port[i];
    m->pid = setup->pid + i;
    m->up = true;
    m->life = 1;
    m->start_us = s->now;
    m->topology = i == 0 ? 6 : 4; /* as after the first election */
    role_init(m);
    snprintf(m->name, sizeof m->name, "127.0.0.1:%d", m->port);
    snprintf(m->host, sizeof m->host, "sim-%d:%d", i, m->port);
    snprintf(use, sizeof use, "member %d", i);
    sb_rng_fork(&m->rng, &s->rng, use);
    sim_catalog_init(&m->cat);
    m->slow_ms = 100;
    m->sample_rate = 1;
    sim_new_oid(s, m->process_id);
}

bool sim_version(const char *text, int version[3])
{
    static const struct {
        const char *text;
        int version[3];
    } known[] = {{"5.0", {5, 0, 7}}, {"6.0", {6, 0, 16}}, {"7.0", {7, 0, 12}}, {"8.0", {8, 0, 4}}};
    for (size_t i = 0; i < SB_COUNT(known); i++)
        if (strcmp(text, known[i].text) == 0) {
            memcpy(version, known[i].version, sizeof known[i].version);
            return true;
        }
    return false;
}

struct sim *sim_new(const struct sim_setup *setup, struct sb_err *err)
{
    struct sim *s = calloc(1, sizeof *s);
    if (!s) {
        sb_fail_nomem(err);
        return NULL;
    }
    s->seed = setup->seed;
    s->start = s->now = setup->start_ms * 1000;
    s->speed = setup->speed;
    s->members = setup->members;
    s->accounts = setup->accounts;
    s->certificate_ends_ms = setup->certificate_ends_ms;
    memcpy(s->version, setup->version, sizeof s->version);
    if (!s->version[0])
        sim_version("5.0", s->version);
    s->trace = SB_FNV_START;
    s->oplog_bytes = INT64_C(48) << 20;
    snprintf(s->scenario, sizeof s->scenario, "%s", setup->scenario_name);
    sim_costs_default(&s->costs);
    struct sb_rng root;
    sb_rng_seed(&root, setup->seed);
    sb_rng_fork(&s->rng, &root, "simulation");
    snprintf(s->set_name, sizeof s->set_name, "%s", setup->set_name ? setup->set_name : SIM_SET_NAME);
    char identities[64] = "identities"; /* shards of one seed are not the same set */
    if (setup->set_name)
        snprintf(identities, sizeof identities, "identities of %s", setup->set_name);
    sb_rng_fork(&s->uuid_rng, &root, identities);
    /* of the seed alone, whatever the time: a set keeps its id from run to run */
    uint64_t id[2] = {sb_rng_u64(&s->uuid_rng), sb_rng_u64(&s->uuid_rng)};
    memcpy(s->set_id, id, 12);
    s->term = s->commit_term = s->base_term = s->config_version = 1;
    for (int i = 0; i < s->members; i++)
        s->seat[i] = (struct sim_seat){.priority = i == 0 ? 2 : 1, .votes = 1};
    uint8_t incarnation[16];
    sim_new_uuid(s, incarnation);
    if (setup->incarnation)
        snprintf(s->incarnation, sizeof s->incarnation, "%s", setup->incarnation);
    else
        sb_hex_encode(s->incarnation, incarnation, 16);
    for (int i = 0; i < s->members; i++)
        member_init(s, i, setup);
    s->cursors = sim_cursors_new();
    s->sessions = sim_sessions_new();
    s->txns = sim_txns_new();
    s->builds = sim_builds_new();
    s->clients = sim_clients_new(s);
    s->waits = sim_waits_new();
    sim_roles_know(s);
    if (!s->cursors || !s->sessions || !s->txns || !s->builds || !s->clients || !s->waits || sim_setup_members(s) || sim_roles_begin(s) ||
        sim_txns_begin(s)) {
        sb_fail_nomem(err);
        sim_free(s);
        return NULL;
    }
    sim_roles_know(s); /* with the entries of the beginning */
    return s;
}

static void member_release(struct sim_member *m)
{
    while (m->running) {
        struct sim_running *next = m->running->next;
        running_free(m->running);
        m->running = next;
    }
    while (m->conns) {
        struct sim_conn *next = m->conns->next;
        conn_free(m->conns);
        m->conns = next;
    }
    sim_branch_release(m);
    sim_catalog_release(&m->cat);
    sim_snapshots_release(m);
    sim_log_release(m);
}

void sim_free(struct sim *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->heap_n; i++)
        if (s->heap[i].drop)
            s->heap[i].drop(s->heap[i].ctx);
    free(s->heap);
    sim_clients_free(s->clients);
    sim_query_stats_free(s->query_stats);
    sim_builds_free(s->builds);
    sim_cursors_free(s->cursors);
    sim_sessions_free(s->sessions);
    sim_txns_free(s->txns);
    sim_waits_free(s->waits);
    for (size_t i = 0; i < s->change_n; i++)
        sim_change_release(&s->change[i]);
    free(s->change);
    for (int i = 0; i < s->members; i++)
        member_release(&s->member[i]);
    sim_arena_spare_free(&s->spare_plan);
    free(s);
}
