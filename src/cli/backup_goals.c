/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_goals.c - what `backup status` says beyond what lies in the stores: the oplog of the deployment as it is now against the
 * newest backup, how long a restore takes by the drills that were made, and which schedules have ever come to their end.
 */
#include "backup_goals.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/json.h>
#include <signalbox/base/record.h>
#include <signalbox/cli/config.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>

/* ---- the deployment ---- */

static bool take_ts(void *ctx, const bson_t *doc)
{
    uint64_t *ts = ctx;
    bson_iter_t it;
    uint32_t t, i;
    if (bson_iter_init_find(&it, doc, "ts") && BSON_ITER_HOLDS_TIMESTAMP(&it)) {
        bson_iter_timestamp(&it, &t, &i);
        *ts = (uint64_t)t << 32 | i;
    }
    return false;
}

static int one_entry(struct sb_conn *c, const char *command, uint64_t *ts, struct sb_err *err)
{
    *ts = 0;
    return sb_read_cursor_json(c, "local", command, 1, take_ts, ts, err) < 0 ? -1 : 0;
}

static int ask(struct sb_goals *g, struct sb_conn *c, uint64_t point, struct sb_err *err)
{
    char first_write[256];
    snprintf(first_write, sizeof first_write,
             "{\"find\": \"oplog.rs\", \"filter\": {\"ts\": {\"$gt\": {\"$timestamp\": {\"t\": %" PRIu64 ", \"i\": %" PRIu64 "}}}, \"op\": {\"$in\": [\"i\", \"u\", \"d\", \"c\"]}}, \"limit\": 1}",
             point >> 32, point & UINT32_MAX);
    return one_entry(c, "{\"find\": \"oplog.rs\", \"sort\": {\"$natural\": 1}, \"limit\": 1}", &g->oplog_from, err) ||
                   one_entry(c, "{\"find\": \"oplog.rs\", \"sort\": {\"$natural\": -1}, \"limit\": 1}", &g->oplog_to, err) || one_entry(c, first_write, &g->unprotected, err)
               ? -1
               : 0;
}

static void look_live(struct sb_goals *g, const struct sb_config_deployment *d, uint64_t point)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str uri;
    sb_str_init(&uri);
    if (!d->uri_file)
        sb_fail(&err, SB_EUSAGE, "the config names no connection string for it");
    struct sb_server *server = d->uri_file && sb_uri_from_file(d->uri_file, &uri, &err) == 0 ? sb_server_new(uri.p, true, &err) : NULL;
    struct sb_conn *c = server ? sb_conn_to_primary(server, SB_LANE_CONTROL, &err) : NULL;
    g->live = c && ask(g, c, point, &err) == 0 && g->oplog_to;
    if (!g->live)
        snprintf(g->blind, sizeof g->blind, "%s", err.code != SB_OK ? err.msg : "it has no oplog");
    sb_conn_close(c);
    sb_server_free(server);
    explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
}

/* ---- the record ---- */

static int take_drill(struct sb_goals *g, const char *deployment, const struct sb_entry *e, struct sb_err *err)
{
    const char *path = sb_json_str(json_object_get(e->body, "backup"), "path");
    int level = sb_streq(e->plan.deployment, deployment) ? sb_drill_level(e) : -1;
    if (level < 0)
        return 0;
    g->drill_at = e->ts;
    g->drill_level = level;
    snprintf(g->drill, sizeof g->drill, "%s", sb_json_str(e->body, "about") ? sb_json_str(e->body, "about") : "?");
    if (path && access(path, F_OK) && !sb_strs_has(g->gone, g->gone_n, path) && sb_strs_push(&g->gone, &g->gone_n, path))
        return sb_fail_nomem(err);
    if (level < SB_DRILL_COUNTS)
        return 0;
    struct sb_rto_drill *d = SB_PUSH(g->drills);
    if (!d)
        return sb_fail_nomem(err);
    *d = (struct sb_rto_drill){(uint64_t)sb_json_int(json_object_get(e->body, "backup"), "files_bytes"), sb_json_int(e->body, "restore_ms")};
    return 0;
}

static int look_at_drills(struct sb_goals *g, struct sb_ledger *l, const char *deployment, struct sb_err *err)
{
    int64_t *seqs = NULL;
    size_t n = 0;
    int rc = sb_ledger_seqs_of(l, 1, sb_ledger_head(l), SB_ENTRY_DRILL, &seqs, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sb_entry e;
        rc = sb_ledger_entry(l, seqs[i], &e, err);
        if (rc == 0) {
            rc = take_drill(g, deployment, &e, err);
            sb_entry_release(&e);
        }
    }
    free(seqs);
    return rc;
}

struct runs {
    struct sb_ledger *l;
    const char *deployment;
    char **cases;
    size_t cases_n;
    struct sb_goal_schedule *to;
    bool closed;
};

static int take_run(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct runs *r = ctx;
    (void)bytes, (void)n;
    if (e->kind != SB_ENTRY_REQUEST || !e->plan.case_id || !sb_streq(e->plan.deployment, r->deployment))
        return 0;
    r->to->runs++;
    return sb_strs_push(&r->cases, &r->cases_n, e->plan.case_id) ? sb_fail_nomem(err) : 0;
}

static int take_close(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct runs *r = ctx;
    (void)bytes, (void)n, (void)err;
    if (e->kind != SB_ENTRY_CASE_CLOSE || json_is_true(json_object_get(e->body, "unfinished")))
        return 0;
    r->to->completed_at = e->ts;
    r->closed = true;
    return 1;
}

/* The newest run that has come to its end. */
static int look_at_schedule(struct sb_goal_schedule *s, struct sb_ledger *l, const char *deployment, struct sb_err *err)
{
    struct runs r = {.l = l, .deployment = deployment, .to = s};
    char *ref = sb_format("schedule:%s", s->name);
    int rc = ref ? sb_ledger_by_ref(l, ref, take_run, &r, err) : sb_fail_nomem(err);
    for (size_t i = r.cases_n; rc == 0 && i > 0 && !r.closed; i--)
        rc = sb_ledger_by_ref(l, r.cases[i - 1], take_close, &r, err);
    for (size_t i = 0; i < r.cases_n; i++)
        free(r.cases[i]);
    free(r.cases);
    free(ref);
    return rc;
}

int sb_goals_find(struct sb_goals *g, const struct sb_config_deployment *d, const char *state_dir, const struct sb_backup *newest, struct sb_err *err)
{
    memset(g, 0, sizeof *g);
    uint64_t point = newest && newest->oplog_to && !newest->pitr.n ? newest->oplog_to : (uint64_t)(newest ? sb_backup_point(newest) / 1000 : 0) << 32;
    look_live(g, d, point);
    g->covered = g->live && newest && g->oplog_from <= point;
    for (size_t i = 0; i < d->schedules_n; i++) {
        struct sb_goal_schedule *s = SB_PUSH(g->schedules);
        if (!s)
            return sb_fail_nomem(err);
        s->name = d->schedules[i].name;
    }
    if (sb_ledger_find(state_dir, NULL))
        return 0;
    struct sb_ledger *l = sb_ledger_open(state_dir, SB_LEDGER_READ, NULL, err);
    int rc = l ? look_at_drills(g, l, d->name, err) : -1;
    for (size_t i = 0; rc == 0 && i < g->schedules_n; i++)
        rc = look_at_schedule(&g->schedules[i], l, d->name, err);
    sb_ledger_close(l);
    if (newest)
        sb_rto_estimate(g->drills, g->drills_n, newest->bytes, &g->rto);
    return rc;
}

void sb_goals_release(struct sb_goals *g)
{
    for (size_t i = 0; i < g->gone_n; i++)
        free(g->gone[i]);
    free(g->gone);
    free(g->drills);
    free(g->schedules);
    memset(g, 0, sizeof *g);
}

/* ---- told ---- */

static json_t *live_json(const struct sb_goals *g, int64_t now)
{
    if (!g->live)
        return json_pack("{s:o}", "blind", sb_backup_text_json(g->blind));
    return json_pack("{s:o,s:o,s:I,s:b,s:o,s:o}", "oplog_from", sb_backup_ts_json(g->oplog_from), "oplog_to", sb_backup_ts_json(g->oplog_to), "oplog_window_s",
                     (json_int_t)((g->oplog_to >> 32) - (g->oplog_from >> 32)), "covers_newest", g->covered, "unprotected_since", sb_backup_ts_json(g->unprotected), "unprotected_s",
                     g->unprotected ? json_integer(now / 1000 - (int64_t)(g->unprotected >> 32)) : json_null());
}

json_t *sb_goals_json(const struct sb_goals *g, int64_t now)
{
    json_t *gone = json_array(), *schedules = json_array();
    for (size_t i = 0; i < g->gone_n; i++)
        json_array_append_new(gone, sb_backup_text_json(g->gone[i]));
    for (size_t i = 0; i < g->schedules_n; i++)
        json_array_append_new(schedules, json_pack("{s:s,s:I,s:o}", "name", g->schedules[i].name, "runs", (json_int_t)g->schedules[i].runs, "completed_at", sb_backup_ms_json(g->schedules[i].completed_at)));
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "live", live_json(g, now), "rto",
                     g->rto.n ? json_pack("{s:I,s:I,s:I,s:I,s:I,s:b}", "drills", (json_int_t)g->rto.n, "largest_bytes", (json_int_t)g->rto.largest, "least_ms", (json_int_t)g->rto.least_ms, "middle_ms",
                                          (json_int_t)g->rto.middle_ms, "most_ms", (json_int_t)g->rto.most_ms, "extrapolated", g->rto.times_ppm > 2000000)
                              : json_null(),
                     "last_drill", g->drill_at ? json_pack("{s:o,s:b,s:i,s:o}", "at", sb_backup_ms_json(g->drill_at), "ok", g->drill_level > 0, "level", g->drill_level, "about", sb_backup_text_json(g->drill)) : json_null(),
                     "schedules", schedules, "drilled_and_gone", gone);
}

static void line(struct sb_str *out, const char *label, struct sb_str *text)
{
    sb_str_addf(out, "  %-14s", label);
    sb_backup_wrap(out, text->p, 16, 16);
    sb_str_addc(out, '\n');
    sb_str_clear(text);
}

static void tell_live(struct sb_str *out, const struct sb_goals *g, const struct sb_backup *newest, int64_t now, struct sb_str *text)
{
    char age[64];
    if (!g->live) {
        sb_str_addf(text, "not known: %s", g->blind);
        line(out, "oplog now", text);
        return;
    }
    sb_duration_format(age, sizeof age, (int64_t)((g->oplog_to >> 32) - (g->oplog_from >> 32)) * 1000);
    sb_str_addf(text, "reaches back %s, to ", age);
    sb_backup_moment(text, (int64_t)(g->oplog_from >> 32) * 1000);
    if (newest)
        sb_str_adds(text, g->covered ? ": over the newest backup" : ": NOT to the newest backup; what was written in between is in neither");
    line(out, "oplog now", text);
    if (g->unprotected) {
        sb_duration_format(age, sizeof age, now - (int64_t)(g->unprotected >> 32) * 1000);
        sb_backup_moment(text, (int64_t)(g->unprotected >> 32) * 1000);
        sb_str_addf(text, ", %s ago%s", age, g->covered ? "" : ", or before");
    } else {
        sb_str_adds(text, "none: nothing was written since");
    }
    line(out, "at risk since", text);
}

void sb_goals_tell(struct sb_str *out, const struct sb_goals *g, const struct sb_backup *newest, int64_t now)
{
    struct sb_str text;
    char age[64];
    sb_str_init(&text);
    tell_live(out, g, newest, now, &text);
    sb_rto_text(&g->rto, &text);
    line(out, "restore takes", &text);
    if (g->drill_at) {
        sb_duration_format(age, sizeof age, now - g->drill_at);
        sb_str_addf(&text, "%s ago: %s", age, g->drill);
        line(out, "last drill", &text);
    }
    for (size_t i = 0; i < g->schedules_n; i++) {
        sb_duration_format(age, sizeof age, now - g->schedules[i].completed_at);
        if (g->schedules[i].completed_at)
            sb_str_addf(&text, "%s came to its end %s ago", g->schedules[i].name, age);
        else
            sb_str_addf(&text, "%s has NEVER come to its end (%" PRId64 " runs)", g->schedules[i].name, g->schedules[i].runs);
        line(out, i ? "" : "schedules", &text);
    }
    for (size_t i = 0; i < g->gone_n; i++) {
        sb_str_addf(&text, "%s was drilled, and is not there any more", g->gone[i]);
        line(out, i ? "" : "gone", &text);
    }
    sb_str_release(&text);
}
