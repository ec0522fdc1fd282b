/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/fleet.h>

#include <signalbox/sim/value.h>
#include <signalbox/sim/wire.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OP_REPLY = 1, OP_MSG = 2013, OP_QUERY = 2004 };

#define UPTIME_MS 86400000
#define SLOWER 20 /* times, the reads of a slow member */
#define NOISE 0.1

void sim_fleet_set_name(char out[32], int set)
{
    snprintf(out, 32, "fleet%03d", set);
}

enum sim_fleet_fault sim_fleet_fault(const struct sim_fleet *f, const struct sim_fleet_member *m)
{
    return f->at_fault ? m->fault : SIM_FLEET_NONE;
}

/* Deals the faults out: each member is as likely to have one, and none has two. */
static void deal(struct sim_fleet *f, struct sb_rng *rng)
{
    int left = f->n;
    for (int kind = 0; kind < SIM_FLEET_FAULTS; kind++)
        for (int k = 0; k < f->setup.faults[kind] && left > 0; k++, left--) {
            int at = (int)sb_rng_below(rng, (uint64_t)left);
            for (int i = 0; i < f->n; i++)
                if (f->member[i].fault == SIM_FLEET_NONE && at-- == 0) {
                    f->member[i].fault = (enum sim_fleet_fault)kind;
                    break;
                }
        }
}

struct sim_fleet *sim_fleet_new(const struct sim_fleet_setup *setup, struct sb_err *err)
{
    struct sim_fleet *f = calloc(1, sizeof *f);
    struct sb_rng rng, own;
    if (!f || !(f->member = calloc((size_t)setup->sets * (size_t)setup->members, sizeof *f->member))) {
        sb_fail_nomem(err);
        free(f);
        return NULL;
    }
    f->setup = *setup;
    f->n = setup->sets * setup->members;
    sim_w_init(&f->scratch);
    sb_rng_seed(&rng, setup->seed);
    for (int i = 0; i < f->n; i++) {
        struct sim_fleet_member *m = &f->member[i];
        char use[32];
        snprintf(use, sizeof use, "member %d", i);
        sb_rng_fork(&own, &rng, use);
        *m = (struct sim_fleet_member){.set = i / setup->members, .place = i % setup->members, .fault = SIM_FLEET_NONE, .rng = own};
        m->ops_per_s = 50 + 400 * sb_rng_unit(&m->rng);
        m->read_us = 300 + 900 * sb_rng_unit(&m->rng);
        m->connections = 20 + 100 * sb_rng_unit(&m->rng);
    }
    deal(f, &rng);
    return f;
}

void sim_fleet_free(struct sim_fleet *f)
{
    if (!f)
        return;
    sim_w_release(&f->scratch);
    free(f->member);
    free(f);
}

/* ---- what it counts ---- */

/* About bell-shaped, with a spread of NOISE around 1. */
static double about_one(struct sb_rng *rng)
{
    double sum = 0;
    for (int i = 0; i < 4; i++)
        sum += sb_rng_unit(rng) - 0.5;
    return fmax(0.1, 1 + NOISE * sum * 1.7);
}

static void grow(struct sim_fleet *f, struct sim_fleet_member *m, int64_t now_us)
{
    double s = (double)(now_us - m->counted_us) / 1e6, read_us = m->read_us * (sim_fleet_fault(f, m) == SIM_FLEET_SLOW ? SLOWER : 1);
    if (s <= 0)
        return;
    double queries = m->ops_per_s * s * about_one(&m->rng), writes = m->place ? 0 : queries / 4;
    m->queries += queries;
    m->writes += writes;
    m->reads_us += queries * read_us * about_one(&m->rng);
    m->writes_us += writes * 2 * m->read_us * about_one(&m->rng);
    m->counted_us = now_us;
}

/* ---- what it says ---- */

static void put_host(const struct sim_fleet *f, struct sim_w *w, const char *key, int set, int place)
{
    sim_w_textf(w, key, "127.0.0.1:%d", f->member[set * f->setup.members + place].port);
}

static void put_set(const struct sim_fleet *f, const struct sim_fleet_member *m, int64_t now_ms, struct sim_w *w)
{
    char name[32];
    sim_fleet_set_name(name, m->set);
    sim_w_textf(w, "setName", "%s%s", sim_fleet_fault(f, m) == SIM_FLEET_LIES ? "not-" : "", name);
    sim_w_i32(w, "setVersion", 1);
    sim_w_bool(w, "isWritablePrimary", m->place == 0);
    sim_w_bool(w, "secondary", m->place != 0);
    sim_w_array(w, "hosts");
    for (int i = 0; i < f->setup.members; i++)
        put_host(f, w, NULL, m->set, i);
    sim_w_end(w);
    put_host(f, w, "primary", m->set, 0);
    put_host(f, w, "me", m->set, m->place);
    sim_w_doc(w, "lastWrite");
    sim_w_date(w, "lastWriteDate", now_ms / 1000 * 1000);
    sim_w_end(w);
}

static void put_hello(const struct sim_fleet *f, const struct sim_fleet_member *m, int64_t now_ms, struct sim_w *w)
{
    sim_w_bool(w, "helloOk", true);
    sim_w_bool(w, "ismaster", m->place == 0);
    put_set(f, m, now_ms, w);
    sim_w_i32(w, "maxBsonObjectSize", SIM_MAX_DOC);
    sim_w_i32(w, "maxMessageSizeBytes", SIM_WIRE_MAX);
    sim_w_i32(w, "maxWriteBatchSize", 100000);
    sim_w_date(w, "localTime", now_ms);
    sim_w_i32(w, "minWireVersion", 0);
    sim_w_i32(w, "maxWireVersion", 13);
    sim_w_bool(w, "readOnly", false);
}

static void put_latency(struct sim_w *w, const char *key, double us, double ops)
{
    sim_w_doc(w, key);
    sim_w_i64(w, "latency", (int64_t)us);
    sim_w_i64(w, "ops", (int64_t)ops);
    sim_w_end(w);
}

static void put_status(const struct sim_fleet *f, const struct sim_fleet_member *m, int64_t now_ms, int64_t up_ms, struct sim_w *w)
{
    put_host(f, w, "host", m->set, m->place);
    sim_w_text(w, "version", "5.0.9");
    sim_w_text(w, "process", "mongod");
    sim_w_i64(w, "pid", 1000 + (m - f->member));
    sim_w_i64(w, "uptimeMillis", up_ms);
    sim_w_date(w, "localTime", now_ms);
    sim_w_doc(w, "connections");
    sim_w_i32(w, "current", (int64_t)m->connections);
    sim_w_i32(w, "available", 50000);
    sim_w_end(w);
    sim_w_doc(w, "globalLock");
    sim_w_doc(w, "currentQueue");
    sim_w_i32(w, "total", 0);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_doc(w, "opcounters");
    sim_w_i64(w, "query", (int64_t)m->queries);
    sim_w_i64(w, "update", (int64_t)m->writes);
    sim_w_end(w);
    sim_w_doc(w, "opLatencies");
    put_latency(w, "reads", m->reads_us, m->queries);
    put_latency(w, "writes", m->writes_us, m->writes);
    sim_w_end(w);
    sim_w_doc(w, "repl");
    put_set(f, m, now_ms, w);
    sim_w_end(w);
    sim_w_doc(w, "signalbox"); /* no server says this */
    sim_w_bool(w, "simulated", true);
    sim_w_end(w);
}

static void put_members(const struct sim_fleet *f, const struct sim_fleet_member *m, int64_t now_ms, struct sim_w *w)
{
    char name[32];
    sim_fleet_set_name(name, m->set);
    sim_w_text(w, "set", name);
    sim_w_date(w, "date", now_ms);
    sim_w_i32(w, "myState", m->place ? 2 : 1);
    sim_w_array(w, "members");
    for (int i = 0; i < f->setup.members; i++) {
        sim_w_doc(w, NULL);
        sim_w_i32(w, "_id", i);
        put_host(f, w, "name", m->set, i);
        sim_w_f64(w, "health", 1);
        sim_w_i32(w, "state", i ? 2 : 1);
        sim_w_text(w, "stateStr", i ? "SECONDARY" : "PRIMARY");
        if (i == m->place)
            sim_w_bool(w, "self", true);
        sim_w_end(w);
    }
    sim_w_end(w);
}

static const uint8_t *answer(struct sim_fleet *f, struct sim_fleet_member *m, const char *command, int64_t now_us)
{
    struct sim_w *w = &f->scratch;
    int64_t now_ms = f->setup.start_ms + now_us / 1000, up_ms = UPTIME_MS + now_us / 1000;
    bool knows = true;
    sim_w_clear(w);
    if (strcasecmp(command, "hello") == 0 || strcasecmp(command, "isMaster") == 0) {
        put_hello(f, m, now_ms, w);
    } else if (strcmp(command, "serverStatus") == 0) {
        grow(f, m, now_us);
        put_status(f, m, now_ms, up_ms, w);
    } else if (strcmp(command, "replSetGetStatus") == 0) {
        put_members(f, m, now_ms, w);
    } else if (strcmp(command, "buildInfo") == 0) {
        sim_w_text(w, "version", "5.0.9");
    } else if (strcmp(command, "ping") != 0) {
        knows = false;
        sim_w_i32(w, "code", 59);
        sim_w_text(w, "codeName", "CommandNotFound");
        sim_w_text(w, "errmsg", "no such command: a member of a simulated fleet answers only what a monitor asks");
    }
    sim_w_f64(w, "ok", knows);
    return sim_w_done(w);
}

/* ---- messages ---- */

static void put_i32(struct sb_str *out, uint32_t v)
{
    uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    sb_str_add(out, b, sizeof b);
}

static void put_message(const uint8_t *bytes, bool query, const uint8_t *reply, struct sb_str *out)
{
    size_t n = sim_doc_len(reply);
    put_i32(out, (uint32_t)(SIM_WIRE_HEADER + (query ? 20 : 5) + n));
    put_i32(out, 1);
    sb_str_add(out, bytes + 4, 4);
    put_i32(out, query ? OP_REPLY : OP_MSG);
    for (int i = 0; query && i < 4; i++)
        put_i32(out, i ? 0 : 8); /* AwaitCapable; cursor id, starting from */
    if (query)
        put_i32(out, 1);
    else
        sb_str_add(out, "\0\0\0\0", 5);
    sb_str_add(out, reply, n);
}

/* The command's document: of OP_QUERY behind flags, name, skip and number; of OP_MSG the first section, and no other. NULL: not so. */
static const uint8_t *body_of(const uint8_t *bytes, size_t n, bool query)
{
    size_t at = SIM_WIRE_HEADER + 4;
    if (n < at + 1)
        return NULL;
    if (query) {
        const uint8_t *nul = memchr(bytes + at, 0, n - at);
        if (!nul)
            return NULL;
        at = (size_t)(nul - bytes) + 1 + 8;
    } else if (sim_u32(bytes + SIM_WIRE_HEADER) != 0 || bytes[at++] != 0) {
        return NULL;
    }
    return at < n && n - at >= 5 && sim_doc_len(bytes + at) == n - at && sim_valid(bytes + at, n - at) ? bytes + at : NULL;
}

bool sim_fleet_handle(struct sim_fleet *f, struct sim_fleet_member *m, const uint8_t *bytes, size_t n, int64_t now_us, struct sb_str *out)
{
    bool query = sim_i32(bytes + 12) == OP_QUERY;
    const uint8_t *body = body_of(bytes, n, query);
    struct sim_elem first;
    if (!body)
        return false;
    struct sim_iter it = sim_iter_of(body);
    if (!sim_next(&it, &first))
        return false;
    const uint8_t *reply = answer(f, m, first.key, now_us);
    if (!reply)
        return false;
    put_message(bytes, query, reply, out);
    return sb_str_ok(out);
}
