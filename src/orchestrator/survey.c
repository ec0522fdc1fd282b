/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server can bear: room on its disk, how far back its oplog goes, what has been running on a collection for long.
 * Read on a worker; what a server does not tell stays unknown, with the reason. */
#include "private.h"

#include <signalbox/agents/disk.h>
#include <signalbox/agents/oplog.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define AGAIN_MS 60000 /* between two surveys while nothing runs that is to be held back by one */
#define RUNNING_MS 5000
#define OLD_MS 180000  /* what was surveyed longer ago is not known any more */
#define OPS_LOOKED_AT 1000

static int64_t number_at(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_NUMBER(&at) ? bson_iter_as_int64(&at) : -1;
}

static void note(struct survey *s, const char *what, const char *member, const char *why)
{
    if (!s->note[0])
        snprintf(s->note, sizeof s->note, "%s of %.80s cannot be measured: %.120s", what, member, why);
}

/* ---- one member ---- */

static void read_disk(struct sb_conn *conn, const char *member, struct survey *s, int64_t *free_bytes)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t total;
    if (sb_disk_read(conn, &total, free_bytes, &err)) {
        *free_bytes = -1;
        note(s, "the disk", member, err.msg);
        return;
    }
    int64_t ppm = (int64_t)((double)*free_bytes / (double)total * 1e6);
    if (s->disk_free_ppm < 0 || ppm < s->disk_free_ppm)
        s->disk_free_ppm = ppm;
}

static void read_oplog(struct sb_conn *conn, const char *member, struct survey *s)
{
    struct sb_err err = SB_ERR_INIT;
    uint64_t from = 0, to = 0;
    int64_t window;
    if (sb_oplog_time(conn, SB_OPLOG_OLDEST, &from, &err) || sb_oplog_time(conn, SB_OPLOG_NEWEST, &to, &err) ||
        (from ? sb_oplog_window(conn, from, to, &window, &err) : sb_fail(&err, SB_ESERVER, "its oplog is empty"))) {
        note(s, "the oplog window", member, err.msg);
        s->oplog_unknown = true;
    } else if (s->oplog_window_s < 0 || window < s->oplog_window_s) {
        s->oplog_window_s = window;
    }
}

void sb_o_survey_read(const struct sb_server *server, char *const *members, size_t n, bool replicated, struct survey *out)
{
    *out = (struct survey){.disk_free_ppm = -1, .oplog_window_s = -1};
    bool all_disks = n > 0 && n <= SURVEY_MEMBERS;
    for (size_t i = 0; i < n && i < SURVEY_MEMBERS; i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_conn *conn = sb_conn_to_member(server, members[i], SB_LANE_CONTROL, &err);
        out->free_bytes[i] = -1;
        if (!conn)
            note(out, "the disk", members[i], err.msg);
        else
            read_disk(conn, members[i], out, &out->free_bytes[i]);
        if (conn && replicated)
            read_oplog(conn, members[i], out);
        all_disks &= out->free_bytes[i] >= 0;
        out->oplog_unknown |= !conn;
        sb_conn_close(conn);
    }
    if (!all_disks)
        out->disk_free_ppm = -1; /* the fullest may be the one that does not tell */
    if (out->oplog_unknown)
        out->oplog_window_s = -1;
    out->taken_mono = sb_mono_ms();
}

/* ---- what runs on a collection ---- */

struct oldest {
    const char *ns;
    int64_t us;
    bool transaction, failed;
    char what[120];
};

static const char *text_at(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_UTF8(&at) ? bson_iter_utf8(&at, NULL) : NULL;
}

/* Of an idle transaction the server tells locks, and no collection: one that holds some collection may hold this one. */
static bool take_operation(void *ctx, const bson_t *doc)
{
    struct oldest *o = ctx;
    int64_t open = number_at(doc, "transaction.timeOpenMicros"), running = number_at(doc, "microsecs_running");
    const char *ns = text_at(doc, "ns"), *app = text_at(doc, "appName"), *op = text_at(doc, "op");
    bool here = ns && strcmp(ns, o->ns) == 0, hidden = open >= 0 && (!ns || !ns[0]) && text_at(doc, "locks.Collection");
    int64_t us = open > running ? open : running;
    if (!(here || hidden) || us <= o->us)
        return true;
    o->us = us;
    o->transaction = open >= 0;
    snprintf(o->what, sizeof o->what, "%.20s%s%.60s", open >= 0 ? "transaction" : op ? op : "operation", app ? " of " : "", app ? app : "");
    return true;
}

int sb_o_oldest_operation(const struct sb_server *server, char *const *members, size_t n, const char *ns, struct operation *out, struct sb_err *err)
{
    struct oldest oldest = {.ns = ns};
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < n; i++) {
        struct sb_conn *conn = sb_conn_to_member(server, members[i], SB_LANE_CONTROL, err);
        bson_t *command = BCON_NEW("aggregate", BCON_INT32(1), "pipeline", "[", "{", "$currentOp", "{", "allUsers", BCON_BOOL(true), "idleSessions",
                                   BCON_BOOL(true), "}", "}", "{", "$match", "{", "command.createIndexes", "{", "$exists", BCON_BOOL(false), "}", "$or", "[",
                                   "{", "ns", BCON_UTF8(ns), "}", "{", "transaction", "{", "$exists", BCON_BOOL(true), "}", "}", "]", "}", "}", "]", "cursor", "{", "}");
        int64_t before = oldest.us, got = conn ? sb_read_cursor(conn, "admin", command, OPS_LOOKED_AT, take_operation, &oldest, err) : -1;
        bson_destroy(command);
        sb_conn_close(conn);
        if (got < 0)
            return -1;
        if (oldest.us > before)
            snprintf(out->member, sizeof out->member, "%s", members[i]);
    }
    out->seconds = oldest.us / 1000000;
    snprintf(out->what, sizeof out->what, "%s", oldest.what);
    return 0;
}

/* ---- now and then ---- */

struct surveying {
    struct sb_orchestrator *o;
    struct errand way;
    char **members;
    size_t members_n;
    bool replicated;
    struct survey found;
};

static void free_surveying(void *p)
{
    struct surveying *s = p;
    for (size_t i = 0; i < s->members_n; i++)
        free(s->members[i]);
    free(s->members);
    free(s);
}

static void survey_back(struct sb_orchestrator *o, void *p)
{
    struct surveying *s = p;
    o->surveying = false;
    if (s->found.note[0] && strcmp(s->found.note, o->survey.note) != 0)
        sb_o_notice(o, SB_LOW, "Blind: %s", s->found.note);
    o->survey = s->found;
    sb_o_tell_levels(o, &o->survey);
    free_surveying(s);
}

static void survey_work(void *p)
{
    struct surveying *s = p;
    sb_o_survey_read(s->o->opt.server, s->members, s->members_n, s->replicated, &s->found);
    sb_o_post_done(s->o, &s->way, survey_back, s, free_surveying);
}

void sb_o_tick_survey(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    bool due = now >= o->next_survey_ms || (sb_o_batches_run(o) && now - o->survey.taken_mono >= RUNNING_MS && now - o->survey_asked_ms >= RUNNING_MS);
    if (!o->connected || o->surveying || !due)
        return;
    o->next_survey_ms = now + AGAIN_MS;
    o->survey_asked_ms = now;
    struct surveying *s = calloc(1, sizeof *s);
    if (!s)
        return;
    s->o = o;
    s->replicated = sb_hello_replicated(&o->facts.hello);
    if (sb_o_nodes(o, &s->members, &s->members_n)) {
        free_surveying(s);
        return;
    }
    o->surveying = sb_o_work(o, &s->way, survey_work, s, free_surveying);
}

const struct survey *sb_o_survey(const struct sb_orchestrator *o)
{
    return o->survey.taken_mono && sb_mono_ms() - o->survey.taken_mono <= OLD_MS ? &o->survey : NULL;
}
