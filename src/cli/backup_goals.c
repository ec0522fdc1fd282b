/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_goals.c - what `backup status` says beyond what lies in the stores: the oplog of the deployment as it is now against the
 * newest backup, how long a restore takes by the drills that were made, and which schedules have ever come to their end.
 */
#include "backup_goals.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/record.h>
#include <signalbox/cli/config.h>
#include <signalbox/cli/session.h>

#include <inttypes.h>

static void look_live(struct sb_goals *g, const struct sb_config_deployment *d, const struct sb_backup *newest)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str uri;
    sb_str_init(&uri);
    if (!d->uri_file)
        sb_fail(&err, SB_EUSAGE, "the config names no connection string for it");
    struct sb_server *server = d->uri_file && sb_uri_from_file(d->uri_file, &uri, &err) == 0 ? sb_server_new(uri.p, true, &err) : NULL;
    sb_backup_live(&g->now, server, err.msg, newest);
    sb_server_free(server);
    explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
}

/* ---- the record ---- */

static int take_drills(struct sb_goals *g, struct sb_err *err)
{
    for (size_t i = 0; i < g->seen_n; i++) {
        const struct sb_recovery_drill *d = &g->seen[i];
        if (d->path && access(d->path, F_OK) && !sb_strs_has(g->gone, g->gone_n, d->path) && sb_strs_push(&g->gone, &g->gone_n, d->path))
            return sb_fail_nomem(err);
        if (d->counts < SB_DRILL_COUNTS)
            continue;
        struct sb_rto_drill *to = SB_PUSH(g->drills);
        if (!to)
            return sb_fail_nomem(err);
        *to = (struct sb_rto_drill){(uint64_t)d->bytes, d->restore_ms};
    }
    return 0;
}

static int look_at_record(struct sb_goals *g, const struct sb_config_deployment *d, const char *state_dir, int64_t now, struct sb_err *err)
{
    struct sb_ledger *l = sb_ledger_open(state_dir, SB_LEDGER_READ, NULL, err);
    int rc = l && sb_recovery_drills(l, d->name, &g->seen, &g->seen_n, err) == 0 ? sb_recovery_came(l, d->name, &g->came, &g->came_n, err) : -1;
    for (size_t i = 0; rc == 0 && i < g->schedules_n; i++)
        rc = sb_recovery_run_of(l, d->name, &d->schedules[i], now, &g->schedules[i], err);
    sb_ledger_close(l);
    return rc ? -1 : take_drills(g, err);
}

/* What the policy of the config asks. */
static int find_limits(struct sb_recovery_limits *limits, const char *policy, struct sb_err *err)
{
    struct sb_str text;
    const char *path;
    sb_str_init(&text);
    struct sb_policy *p = sb_policy_text_of(policy ? policy : "default", &text, &path, err) ? NULL : sb_policy_load(text.p, text.len, path, &sb_zones_of_system, err);
    *limits = p ? sb_recovery_limits_of(p) : SB_NO_LIMITS;
    int rc = p ? 0 : -1;
    sb_policy_free(p);
    sb_str_release(&text);
    return rc;
}

int sb_goals_find(struct sb_goals *g, const struct sb_config_deployment *d, const char *policy, const char *state_dir, const struct sb_backups *list, struct sb_err *err)
{
    const struct sb_backup *newest = sb_backups_newest(list, NULL);
    int64_t now = sb_wall_ms();
    look_live(g, d, newest);
    for (size_t i = 0; i < d->schedules_n; i++) {
        struct sb_recovery_run *s = SB_PUSH(g->schedules);
        if (!s)
            return sb_fail_nomem(err);
        s->name = d->schedules[i].name;
    }
    int rc = sb_ledger_find(state_dir, NULL) ? 0 : look_at_record(g, d, state_dir, now, err);
    if (newest)
        sb_rto_estimate(g->drills, g->drills_n, newest->bytes, &g->rto);
    struct sb_recovery_input in = {.deployment = d->name, .now = now, .paths = d->backups, .paths_n = d->backups_n, .key_file = d->backup_key_file, .key_fault = g->key_fault, .backups = list, .drills = g->seen, .drills_n = g->seen_n, .came = g->came, .came_n = g->came_n, .live = &g->now,
                                   .runs = g->schedules, .runs_n = g->schedules_n};
    return rc || find_limits(&in.limits, policy, err) ? -1 : sb_recoverability(&in, &g->recovery, err);
}

void sb_goals_release(struct sb_goals *g)
{
    for (size_t i = 0; i < g->gone_n; i++)
        free(g->gone[i]);
    free(g->gone);
    free(g->drills);
    free(g->key_fault);
    for (size_t i = 0; i < g->came_n; i++)
        free(g->came[i]);
    free(g->came);
    free(g->schedules);
    for (size_t i = 0; i < g->seen_n; i++)
        sb_record_release(&sb_recovery_drill_schema, &g->seen[i]);
    free(g->seen);
    sb_record_release(&sb_recovery_schema, &g->recovery);
    memset(g, 0, sizeof *g);
}

/* ---- told ---- */

/* Heap. */
static char *about_drill(const struct sb_recovery_drill *d)
{
    char took[64];
    sb_duration_format(took, sizeof took, d->restore_ms);
    const char *path = d->path ? d->path : "?";
    return d->ok ? sb_format("%s restored in %s, shown to L%" PRId64, path, took, d->level) : sb_format("%s failed: %s", path, d->cause ? d->cause : "?");
}

static json_t *live_json(const struct sb_goals *g, int64_t now)
{
    if (!g->now.known)
        return json_pack("{s:o}", "blind", sb_backup_text_json(g->now.blind));
    return json_pack("{s:o,s:o,s:I,s:b,s:o,s:o}", "oplog_from", sb_backup_ts_json(g->now.oplog_from), "oplog_to", sb_backup_ts_json(g->now.oplog_to), "oplog_window_s",
                     (json_int_t)g->now.window_s, "covers_newest", g->now.covers, "unprotected_since", sb_backup_ts_json(g->now.unprotected), "unprotected_s",
                     g->now.unprotected ? json_integer(now / 1000 - (int64_t)(g->now.unprotected >> 32)) : json_null());
}

static json_t *last_drill_json(const struct sb_goals *g)
{
    const struct sb_recovery_drill *d = g->seen_n ? &g->seen[g->seen_n - 1] : NULL;
    char *about = d ? about_drill(d) : NULL;
    json_t *v = d ? json_pack("{s:o,s:b,s:i,s:o}", "at", sb_backup_ms_json(d->at), "ok", d->counts > 0, "level", (int)d->counts, "about", sb_backup_text_json(about)) : json_null();
    free(about);
    return v;
}

/* One list of what could be brought back. */
static json_t *part_of(const struct sb_goals *g, const char *key)
{
    json_t *all = sb_record_to_json(&sb_recovery_schema, &g->recovery), *part = json_incref(json_object_get(all, key));
    json_decref(all);
    return part ? part : json_array();
}

json_t *sb_goals_json(const struct sb_goals *g, int64_t now)
{
    json_t *gone = json_array(), *schedules = json_array();
    for (size_t i = 0; i < g->gone_n; i++)
        json_array_append_new(gone, sb_backup_text_json(g->gone[i]));
    for (size_t i = 0; i < g->schedules_n; i++)
        json_array_append_new(schedules, json_pack("{s:s,s:I,s:o}", "name", g->schedules[i].name, "runs", (json_int_t)g->schedules[i].runs, "completed_at", sb_backup_ms_json(g->schedules[i].completed_at)));
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "live", live_json(g, now), "rto",
                     g->rto.n ? json_pack("{s:I,s:I,s:I,s:I,s:I,s:b}", "drills", (json_int_t)g->rto.n, "largest_bytes", (json_int_t)g->rto.largest, "least_ms", (json_int_t)g->rto.least_ms, "middle_ms",
                                          (json_int_t)g->rto.middle_ms, "most_ms", (json_int_t)g->rto.most_ms, "extrapolated", g->rto.times_ppm > 2000000)
                              : json_null(),
                     "last_drill", last_drill_json(g),
                     "schedules", schedules, "drilled_and_gone", gone, "objectives", part_of(g, "goals"), "environments", part_of(g, "places"), "drills", part_of(g, "drills"));
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
    if (!g->now.known) {
        sb_str_addf(text, "not known: %s", g->now.blind);
        line(out, "oplog now", text);
        return;
    }
    sb_duration_format(age, sizeof age, g->now.window_s * 1000);
    sb_str_addf(text, "holds %s at the present rate of writes; its first entry is of ", age);
    sb_backup_moment(text, (int64_t)(g->now.oplog_from >> 32) * 1000);
    if (newest)
        sb_str_adds(text, g->now.covers ? ", before the newest backup" : ", AFTER the newest backup: what was written in between is in neither");
    line(out, "oplog now", text);
    if (g->now.unprotected) {
        int64_t since = (int64_t)(g->now.unprotected >> 32) * 1000;
        sb_duration_format(age, sizeof age, now - since);
        sb_backup_moment(text, since);
        sb_str_addf(text, ", %s%s%s", since > now ? "by a clock that is ahead of this one" : age, since > now ? "" : " ago", g->now.covers ? "" : ", or before");
    } else {
        sb_str_adds(text, "none: nothing was written since");
    }
    line(out, "at risk since", text);
}

/* Each goal with its limit, and when that is crossed. */
static void tell_asked(struct sb_str *out, const struct sb_goals *g, struct sb_str *text)
{
    static const char *const words[SB_GOAL_STATES] = {[SB_GOAL_BLIND] = "?", [SB_GOAL_SEEN] = "", [SB_GOAL_MET] = "met", [SB_GOAL_MISSED] = "MISSED"};
    for (size_t i = 0; i < g->recovery.goals_n; i++) {
        const struct sb_recovery_goal *o = &g->recovery.goals[i];
        sb_str_addf(text, "%s%s%s: %s", words[o->state], words[o->state][0] ? " " : "", o->name, o->value ? o->value : "not known");
        if (o->limit)
            sb_str_addf(text, " (%s)", o->limit);
        if (o->crosses) {
            sb_str_adds(text, o->state == SB_GOAL_MISSED ? ", crossed at " : ", crossed by ");
            sb_backup_moment(text, o->crosses);
        }
        if (o->note)
            sb_str_addf(text, ": %s", o->note);
        line(out, i ? "" : "asked of it", text);
    }
}

static void tell_places(struct sb_str *out, const struct sb_goals *g, struct sb_str *text)
{
    char best[64], worst[64];
    for (size_t i = 0; i < g->recovery.places_n; i++) {
        const struct sb_recovery_place *p = &g->recovery.places[i];
        sb_duration_format(best, sizeof best, p->best_ms);
        sb_duration_format(worst, sizeof worst, p->worst_ms);
        sb_str_addf(text, "%s: %" PRId64 " of %" PRId64 " drills passed, to L%" PRId64 "%s", p->target, p->passed, p->drills, p->level, p->counts < p->level ? " (L2 counts)" : "");
        if (p->passed)
            sb_str_addf(text, ", in %s to %s", best, worst);
        sb_str_addf(text, "; the last one, of %s, ", p->last_path ? p->last_path : "?");
        if (p->cause)
            sb_str_addf(text, "FAILED: %s", p->cause);
        else
            sb_str_addf(text, "with %" PRId64 " differences", p->differences);
        line(out, i ? "" : "restored into", text);
    }
}

void sb_goals_tell(struct sb_str *out, const struct sb_goals *g, const struct sb_backup *newest, int64_t now)
{
    struct sb_str text;
    char age[64];
    sb_str_init(&text);
    tell_live(out, g, newest, now, &text);
    sb_rto_text(&g->rto, &text);
    line(out, "restore takes", &text);
    if (g->seen_n) {
        char *about = about_drill(&g->seen[g->seen_n - 1]);
        sb_duration_format(age, sizeof age, now - g->seen[g->seen_n - 1].at);
        sb_str_addf(&text, "%s ago: %s", age, about ? about : "?");
        free(about);
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
    tell_asked(out, g, &text);
    tell_places(out, g, &text);
    sb_str_release(&text);
}
