/* SPDX-License-Identifier: Apache-2.0
 *
 * incident_remote.c - `signalbox incident --follow` on a running set, or on each shard of a cluster: from every member, once a second, the document that it
 * writes to its diagnostic data, and the new lines of its log. */
#include "incident.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/target.h>
#include <signalbox/mongo/read_door.h>
#include <signalbox/telemetry/sample.h>

#include <time.h>

#define EVERY_MS 1000     /* of the deployment's time */
#define RETRY_ROUNDS 10   /* before a member that did not answer is asked again */
#define SESSIONS_EVERY 5  /* of such samples, its sessions are asked whose transactions those are */
#define MAX_LINES 2000    /* more than a reply of getLog has */

/* A set has its own members, leader and incidents: each shard of a cluster is one. */
struct watched_set {
    struct sb_incidents *in;
    size_t notes; /* said */
};

struct asked {
    struct sb_conn *conn;
    struct sb_incidents *in; /* of its set */
    int member;
    int64_t retry_mono; /* 0: it answers */
    int64_t lines_seen; /* totalLinesWritten of the last reply; -1 none */
    uint64_t lost;      /* lines that were overwritten unread */
    bool said_lost, plain; /* plain: it does not give its diagnostic data */
    bool logless, sessionless;
    unsigned looks; /* samples in which it said that transactions are open and idle */
    struct sb_str text; /* the new lines of this round */
};

struct remote_line {
    int64_t at_ms;
    size_t member, from, n;
};

struct remote {
    struct watched_set *sets;
    size_t sets_n, sets_cap;
    struct asked *asked;
    size_t n, cap;
    struct remote_line *lines;
    size_t lines_n, lines_cap;
    struct sb_ftdc_decoder *decoder;
    struct sb_mongolog reader;
    struct sb_vitals_map map;
    struct sb_vitals vitals;
    int64_t period_ms;
};

static void say(const struct asked *a, const char *fmt, ...) SB_PRINTF(2, 3);
static void say(const struct asked *a, const char *fmt, ...)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    va_list ap;
    sb_str_init(&text);
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    sb_fail(&err, SB_ESERVER, "%s: %s", sb_conn_name(a->conn), sb_str_ok(&text) ? text.p : "out of memory");
    sb_complain(&err);
    sb_str_release(&text);
}

/* ---- one member's metrics ---- */

static int learn_hosts(struct sb_incidents *in, const bson_t *doc, struct sb_err *err)
{
    bson_iter_t it, members, one, name;
    static const char *const where[] = {"replSetGetStatus.members", "common.replSetGetStatus.members", "shard.replSetGetStatus.members"};
    bool found = false;
    for (size_t i = 0; i < SB_COUNT(where) && !found; i++)
        found = bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, where[i], &members) && BSON_ITER_HOLDS_ARRAY(&members) && bson_iter_recurse(&members, &one);
    for (size_t place = 0; found && bson_iter_next(&one); place++)
        if (BSON_ITER_HOLDS_DOCUMENT(&one) && bson_iter_recurse(&one, &name) && bson_iter_find(&name, "name") && BSON_ITER_HOLDS_UTF8(&name) &&
            sb_incidents_peer(in, place, bson_iter_utf8(&name, NULL), err))
            return -1;
    return 0;
}

/* What getDiagnosticData answers, without its envelope; or, where the server does not have it, what it is made of. */
static int ask_metrics(struct asked *a, bson_t *out, struct sb_err *err)
{
    bson_t reply, status;
    bson_iter_t it;
    const uint8_t *data;
    uint32_t n;
    if (!a->plain && sb_read_json(a->conn, "admin", "{\"getDiagnosticData\": 1}", &reply, err) == 0) {
        bson_t inner;
        bool ok = bson_iter_init_find(&it, &reply, "data") && BSON_ITER_HOLDS_DOCUMENT(&it);
        if (ok) {
            bson_iter_document(&it, &n, &data);
            ok = bson_init_static(&inner, data, n);
        }
        if (ok)
            bson_copy_to(&inner, out);
        bson_destroy(&reply);
        return ok ? 0 : sb_fail(err, SB_ESERVER, "its diagnostic data is no document");
    }
    if (!a->plain && err->code != SB_ECOMMAND)
        return -1;
    a->plain = true;
    if (sb_read_json(a->conn, "admin", "{\"serverStatus\": 1}", &reply, err))
        return -1;
    bson_init(out);
    if (bson_iter_init_find(&it, &reply, "localTime") && BSON_ITER_HOLDS_DATE_TIME(&it))
        BSON_APPEND_DATE_TIME(out, "start", bson_iter_date_time(&it));
    BSON_APPEND_DOCUMENT(out, "serverStatus", &reply);
    bson_destroy(&reply);
    struct sb_err alone = SB_ERR_INIT; /* a server without a set has no status of it */
    if (sb_read_json(a->conn, "admin", "{\"replSetGetStatus\": 1}", &status, &alone) == 0) {
        BSON_APPEND_DOCUMENT(out, "replSetGetStatus", &status);
        bson_destroy(&status);
    }
    return 0;
}

static bool take_session(void *ctx, const bson_t *doc)
{
    return sb_sample_transaction(ctx, doc);
}

/* Whose the transactions are that are left open. What cannot be asked is not known, and no reason to give up. */
static int ask_sessions(struct remote *r, struct asked *a, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    int64_t idle = r->vitals.value[SB_VITAL_TRANSACTIONS_IDLE];
    if (a->sessionless || idle == SB_VITAL_ABSENT || idle <= 0 || a->looks++ % SESSIONS_EVERY)
        return 0;
    struct sb_sample *s = sb_sample_new(sb_conn_name(a->conn), r->vitals.at_ms);
    if (!s)
        return sb_fail_nomem(err);
    if (sb_read_cursor_json(a->conn, "admin", SB_SAMPLE_TRANSACTIONS, SB_IDLE_TRANSACTIONS, take_session, s, &why) < 0 && why.code == SB_ECOMMAND) {
        a->sessionless = true;
        say(a, "whose transactions are left open is not to be had: %s", why.msg);
    }
    for (size_t i = 0; i < s->idle_n; i++)
        sb_incidents_transaction(a->in, a->member, &(struct sb_open_transaction){s->idle[i].app, s->idle[i].client, s->idle[i].open_ms, s->idle[i].idle_ms}, r->vitals.at_ms);
    sb_sample_free(s);
    return 0;
}

/* 0, or -1: *err says why, SB_ENOMEM or of the server. */
static int sample(struct remote *r, struct asked *a, struct sb_err *err)
{
    bson_t doc;
    struct sb_ftdc_chunk chunk;
    if (ask_metrics(a, &doc, err))
        return -1;
    int rc = sb_ftdc_flatten(r->decoder, bson_get_data(&doc), doc.len, &chunk, err);
    if (rc == 0 && !sb_vitals_map(&r->map, &chunk))
        rc = sb_fail(err, SB_ESERVER, "its metrics have no time");
    if (rc == 0 && learn_hosts(a->in, &doc, err) == 0) {
        sb_vitals_read(&r->map, &chunk, 0, &r->vitals);
        rc = sb_incidents_sample(a->in, a->member, &r->vitals, err) || ask_sessions(r, a, err) ? -1 : 0;
    }
    bson_destroy(&doc);
    return rc;
}

/* ---- and its log ---- */

/* The newest lines: those that were written since the last reply, as far as the server still has them. */
static int ask_log(struct remote *r, struct asked *a, struct sb_err *err)
{
    bson_t reply;
    bson_iter_t it, line;
    int64_t total = 0, held = 0;
    sb_str_clear(&a->text);
    if (a->logless)
        return 0;
    if (sb_read_json(a->conn, "admin", "{\"getLog\": \"global\"}", &reply, err)) {
        a->logless = err->code == SB_ECOMMAND;
        if (a->logless)
            say(a, "its log is not to be had: %s", err->msg);
        return a->logless ? 0 : -1;
    }
    if (bson_iter_init_find(&it, &reply, "totalLinesWritten") && BSON_ITER_HOLDS_NUMBER(&it))
        total = bson_iter_as_int64(&it);
    bool any = bson_iter_init_find(&it, &reply, "log") && BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &line);
    while (any && held < MAX_LINES && bson_iter_next(&line))
        held++;
    bool anew = a->lines_seen < 0 || total < a->lines_seen; /* the first time, or it was restarted */
    int64_t fresh = anew ? held : total - a->lines_seen, skip = fresh < held ? held - fresh : 0;
    if (fresh > held) {
        a->lost += (uint64_t)(fresh - held);
        if (!a->said_lost)
            say(a, "%lld lines of its log were overwritten before they were read; that happens where it writes more than %lld between two looks", (long long)(fresh - held), (long long)held);
        a->said_lost = true;
    }
    a->lines_seen = total;
    any = any && bson_iter_recurse(&it, &line);
    while (any && bson_iter_next(&line)) {
        uint32_t n;
        struct sb_log_line l;
        struct sb_slow_op op;
        if (skip-- > 0 || !BSON_ITER_HOLDS_UTF8(&line))
            continue;
        const char *text = bson_iter_utf8(&line, &n);
        if (sb_mongolog_line(&r->reader, text, n, &l, &op) != SB_LOG_GOOD && l.at_ms == SB_NO_TIME)
            continue;
        if (SB_GROW(r->lines, r->lines_cap, r->lines_n + 1))
            break;
        r->lines[r->lines_n++] = (struct remote_line){l.at_ms, (size_t)(a - r->asked), a->text.len, n};
        sb_str_add(&a->text, text, n);
    }
    bson_destroy(&reply);
    return sb_str_ok(&a->text) ? 0 : sb_fail_nomem(err);
}

static int by_time(const void *a, const void *b)
{
    const struct remote_line *x = a, *y = b;
    return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static int hand_on(struct remote *r, struct sb_err *err)
{
    qsort(r->lines, r->lines_n, sizeof *r->lines, by_time);
    for (size_t i = 0; i < r->lines_n; i++) {
        const struct remote_line *l = &r->lines[i];
        struct sb_log_line line;
        struct sb_slow_op op;
        enum sb_log_status status = sb_mongolog_line(&r->reader, r->asked[l->member].text.p + l->from, l->n, &line, &op);
        if (status == SB_LOG_NOMEM)
            return sb_fail_nomem(err);
        if (status != SB_LOG_BAD && sb_incidents_log(r->asked[l->member].in, r->asked[l->member].member, &line, line.slow ? &op : NULL, err))
            return -1;
    }
    r->lines_n = 0;
    return 0;
}

/* ---- a round ---- */

/* One that does not answer us may be well: what the others see of it counts. */
static int falls_silent(struct remote *r, struct asked *a, struct sb_err *err)
{
    if (err->code == SB_ENOMEM)
        return -1;
    if (!a->retry_mono)
        sb_complain(err);
    a->retry_mono = sb_mono_ms() + RETRY_ROUNDS * r->period_ms;
    sb_str_clear(&a->text);
    sb_incidents_hole(a->in, a->member);
    *err = (struct sb_err)SB_ERR_INIT;
    return 0;
}

static int round_of_all(struct remote *r, struct sb_err *err)
{
    size_t before;
    for (size_t i = 0; i < r->n; i++) {
        struct asked *a = &r->asked[i];
        before = r->lines_n;
        if (a->retry_mono && sb_mono_ms() < a->retry_mono)
            continue;
        if (ask_log(r, a, err)) {
            r->lines_n = before;
            if (falls_silent(r, a, err))
                return -1;
        } else if (a->retry_mono) {
            a->retry_mono = 0;
            say(a, "it answers again");
        }
    }
    if (hand_on(r, err))
        return -1;
    for (size_t i = 0; i < r->n; i++)
        if (!r->asked[i].retry_mono && sample(r, &r->asked[i], err) && falls_silent(r, &r->asked[i], err))
            return -1;
    return 0;
}

/* ---- beginning ---- */

static struct sb_incidents *add_set(struct remote *r, struct sb_err *err)
{
    if (SB_GROW(r->sets, r->sets_cap, r->sets_n + 1)) {
        sb_fail_nomem(err);
        return NULL;
    }
    struct watched_set *s = &r->sets[r->sets_n];
    *s = (struct watched_set){.in = sb_incidents_new(err)};
    r->sets_n += s->in != NULL;
    return s->in;
}

static int add_member(struct remote *r, struct sb_incidents *in, const struct sb_server *server, const char *host, struct sb_err *err)
{
    if (SB_GROW(r->asked, r->cap, r->n + 1))
        return sb_fail_nomem(err);
    struct asked *a = &r->asked[r->n];
    *a = (struct asked){.lines_seen = -1, .in = in, .conn = sb_conn_to_member(server, host, SB_LANE_SAMPLER, err)};
    if (!a->conn)
        return -1;
    sb_str_init(&a->text);
    r->n++;
    a->member = sb_incidents_member(in, host, err);
    return a->member < 0 ? -1 : 0;
}

static int add_members(struct remote *r, const struct sb_server *server, char *const *hosts, size_t n, struct sb_err *err)
{
    struct sb_incidents *in = n ? add_set(r, err) : NULL;
    int rc = n && !in ? -1 : 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_member(r, in, server, hosts[i], err);
    return rc;
}

/* The members as the first seed that answers tells them. */
static int find_members(struct remote *r, const struct sb_server *server, struct sb_err *err)
{
    int rc = -1;
    for (size_t i = 0; i < sb_server_seeds(server) && rc; i++) {
        struct sb_deployment_facts facts;
        struct sb_conn *c = sb_conn_to_member(server, sb_server_seed(server, i), SB_LANE_CONTROL, err);
        if (!c)
            return -1;
        rc = sb_deployment_ask(c, &facts, err);
        sb_conn_close(c);
        if (rc)
            continue;
        r->period_ms = EVERY_MS / (facts.speed > 0 ? facts.speed : 1);
        rc = add_members(r, server, facts.hello.members, facts.hello.members_n, err);
        for (size_t k = 0; k < facts.shards_n && rc == 0; k++)
            rc = add_members(r, server, facts.shards[k].hosts, facts.shards[k].hosts_n, err);
        if (rc == 0 && r->n == 0) {
            struct sb_incidents *in = add_set(r, err);
            rc = in ? add_member(r, in, server, sb_server_seed(server, i), err) : -1;
        }
        sb_deployment_facts_release(&facts);
        return rc;
    }
    return rc;
}

#define LATE 3 /* periods: then it was we who did not look, and no member stood still */

static int watch(struct remote *r, bool json, struct sb_err *err)
{
    int64_t before = 0;
    for (;;) {
        int64_t began = sb_mono_ms();
        for (size_t i = 0; i < r->n && before && began - before > LATE * r->period_ms; i++)
            sb_incidents_hole(r->asked[i].in, r->asked[i].member);
        before = began;
        if (round_of_all(r, err))
            return -1;
        for (size_t i = 0; i < r->sets_n; i++)
            if (sb_incident_tell(r->sets[i].in, json, &r->sets[i].notes, err))
                return -1;
        if (fflush(stdout))
            return sb_fail(err, SB_EIO, "cannot write the result to standard output");
        int64_t left = began + r->period_ms - sb_mono_ms();
        if (left > 0)
            nanosleep(&(struct timespec){.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000}, NULL);
    }
}

int sb_incident_remote(const char *deployment, const char *uri_file, bool json, struct sb_err *err)
{
    struct sb_config config = {0};
    struct sb_target target;
    struct remote r = {.sets = NULL};
    struct sb_server *server = NULL;
    sb_target_init(&target);
    sb_mongo_init();
    sb_mongolog_init(&r.reader);
    int rc = sb_config_use(&config, NULL, err) || sb_target_find(&target, &config, deployment, uri_file, err) ? -1 : 0;
    if (rc == 0 && (!(server = sb_server_new(target.uri.p, true, err)) || !(r.decoder = sb_ftdc_decoder_new(err))))
        rc = -1;
    if (rc == 0 && (find_members(&r, server, err) || watch(&r, json, err)))
        rc = -1;
    for (size_t i = 0; i < r.n; i++) {
        sb_conn_close(r.asked[i].conn);
        sb_str_release(&r.asked[i].text);
    }
    free(r.asked);
    free(r.lines);
    sb_ftdc_decoder_free(r.decoder);
    sb_mongolog_release(&r.reader);
    for (size_t i = 0; i < r.sets_n; i++)
        sb_incidents_free(r.sets[i].in);
    free(r.sets);
    sb_server_free(server);
    sb_mongo_cleanup();
    sb_target_release(&target);
    sb_config_release(&config);
    return rc;
}
