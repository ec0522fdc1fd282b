/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_text.c - a fleet as text and as JSON. */
#include "fleet.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>

#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 100 /* between two looks for changes */

static const char *env_of(const struct sb_fleet_row *r)
{
    return sb_name(&sb_environments, r->environment);
}

static const char *health_name(int health)
{
    return sb_name(&sb_fleet_healths, health);
}

static void put_number(json_t *o, const char *key, double v)
{
    json_object_set_new(o, key, isfinite(v) ? json_real(v) : json_null());
}

static void put_row(json_t *o, const struct sb_fleet_row *r)
{
    char since[SB_TIME_LEN + 1];
    sb_time_format(since, r->since_ms);
    json_object_set_new(o, "member", json_string(r->name));
    json_object_set_new(o, "deployment", json_string(r->deployment));
    json_object_set_new(o, "environment", json_string(env_of(r)));
    json_object_set_new(o, "health", json_string(health_name((int)r->health)));
    json_object_set_new(o, "role", json_string(r->role));
    json_object_set_new(o, "why", sb_utf8_valid(r->why, strlen(r->why)) ? json_string(r->why) : json_string("(not to be written as text)"));
    json_object_set_new(o, "since", json_string(since));
    put_number(o, "ops_per_s", r->ops_per_s);
    put_number(o, "read_ms", r->read_ms);
    put_number(o, "write_ms", r->write_ms);
    put_number(o, "connections", r->connections);
    put_number(o, "queued", r->queued);
    put_number(o, "lag_s", r->lag_s);
}

static int unwritten(struct sb_err *err)
{
    return sb_fail(err, SB_EIO, "cannot write the result to standard output");
}

static int once_json(const struct sb_fleet_look *l, const size_t of[SB_FLEET_HEALTHS], struct sb_err *err)
{
    json_t *health = json_object(), *rows = json_array();
    for (int i = 0; i < SB_FLEET_HEALTHS; i++)
        json_object_set_new(health, health_name(i), json_integer((json_int_t)of[i]));
    for (size_t i = 0; i < l->list.n; i++) {
        if (l->list.line[i].row == SIZE_MAX)
            continue;
        json_t *row = json_object();
        put_row(row, &l->rows[l->list.line[i].row]);
        json_array_append_new(rows, row);
    }
    json_t *all = json_pack("{s:I, s:I, s:o, s:o}", "members", (json_int_t)l->rows_n, "deployments", (json_int_t)l->targets_n, "health", health, "rows", rows);
    if (!all)
        return sb_fail_nomem(err);
    return sb_print_json(all) ? unwritten(err) : 0;
}

int sb_fleet_print_once(struct sb_fleet_look *l, bool json, struct sb_err *err)
{
    size_t of[SB_FLEET_HEALTHS];
    sb_fleet_count(l->rows, l->rows_n, of);
    if (json)
        return once_json(l, of, err);
    for (size_t i = 0; i < l->list.n; i++) {
        const struct sb_fleet_line *line = &l->list.line[i];
        const struct sb_fleet_row *r = &l->rows[line->row == SIZE_MAX ? line->first : line->row];
        if (line->row == SIZE_MAX)
            sb_print("%s: %zu of %zu shown not well%s\n", sb_fleet_heading(r, (enum sb_fleet_group)l->group), line->wrong, line->shown, line->headless ? ", no primary" : "");
        else
            sb_print("  %-11s %-8s %-21s %-10s %s\n", health_name((int)r->health), env_of(r), r->name, r->role, r->why);
    }
    sb_print("%zu members of %zu deployments:", l->rows_n, l->targets_n);
    bool first = true;
    for (int i = SB_FLEET_HEALTHS - 1; i >= 0; i--)
        if (of[i]) {
            sb_print("%s %zu %s", first ? "" : ",", of[i], health_name(i));
            first = false;
        }
    return sb_print("\n") ? unwritten(err) : 0;
}

/* ---- changes ---- */

static int tell(const struct sb_fleet_news *n, bool json)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, n->at_ms);
    if (!json)
        return sb_print("%s %s %s: %s (was %s)%s%s\n", at, n->row.deployment, n->row.name, health_name((int)n->row.health), health_name((int)n->was), n->row.why[0] ? ": " : "",
                        n->row.why);
    json_t *o = json_pack("{s:s, s:s, s:s}", "event", "change", "at", at, "was", health_name((int)n->was));
    if (!o)
        return -1;
    put_row(o, &n->row);
    return sb_print_json(o);
}

static int tell_incident(const struct sb_fleet_told *t, bool json)
{
    const struct sb_fleet_incident *i = &t->incident;
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, t->at_ms);
    if (t->what == SB_FLEET_SAID) {
        struct sb_err said = SB_ERR_INIT;
        sb_fail(&said, SB_ELEDGER, "%s", t->text);
        sb_complain(&said);
        return 0;
    }
    if (!json)
        return sb_print("%s %s: incident %s %s: %s: %s\n", at, i->deployment, i->anomaly.id, sb_name(&sb_fleet_whats, (int)t->what), sb_name(&sb_anomaly_classes, i->anomaly.class_), i->anomaly.title);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "event", "incident", "what", sb_name(&sb_fleet_whats, (int)t->what), "at", at, "deployment", i->deployment, "environment",
                          sb_name(&sb_environments, i->environment), "anomaly", sb_record_to_json(&sb_anomaly_schema, &i->anomaly));
    return o ? sb_print_json(o) : -1;
}

static int tell_incidents(struct sb_fleet_look *l, bool json)
{
    struct sb_fleet_told told;
    int rc = 0;
    while (rc == 0 && sb_fleet_record_next(l->record, &told)) {
        if (told.what == SB_FLEET_SAID || sb_fleet_look_wants_incident(l, &told.incident)) /* what is not shown is on the record all the same */
            rc = tell_incident(&told, json);
        sb_anomaly_release(&told.incident.anomaly);
    }
    return rc;
}

static int tell_end(struct sb_fleet_look *l, bool json)
{
    struct sb_fleet_figures g;
    sb_fleet_figures(l->fleet, &g);
    if (!json)
        return sb_print("%zu members, %zu asked; %llu polls, %llu failed; %zu lanes, at most %zu; %zu of %zu series watched in full; the longest wait for a lane %lld ms\n",
                        g.members, g.asked, (unsigned long long)g.polls, (unsigned long long)g.failed, g.lanes, g.lanes_high, g.watched, g.series, (long long)g.late_ms);
    json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "end", "members", (json_int_t)g.members, "asked", (json_int_t)g.asked, "polls",
                          (json_int_t)g.polls, "failed", (json_int_t)g.failed, "lanes", (json_int_t)g.lanes, "lanes_high", (json_int_t)g.lanes_high, "late_ms",
                          (json_int_t)g.late_ms, "series", (json_int_t)g.series, "watched", (json_int_t)g.watched, "passed_over", (json_int_t)g.passed_over, "news_lost",
                          (json_int_t)g.news_lost);
    return o ? sb_print_json(o) : -1;
}

int sb_fleet_print_changes(struct sb_fleet_look *l, bool json, int64_t seconds, struct sb_err *err)
{
    int64_t until = seconds ? sb_mono_ms() + seconds * 1000 : INT64_MAX;
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGHUP);
    for (bool ends = false; !ends;) {
        struct sb_fleet_news news;
        ends = sigtimedwait(&ending, NULL, &(struct timespec){.tv_nsec = LOOK_MS * 1000000}) > 0 || sb_mono_ms() >= until;
        while (sb_fleet_next_news(l->fleet, &news))
            if (sb_fleet_look_wants(l, &news.row) && tell(&news, json))
                return unwritten(err);
        if (tell_incidents(l, json) || fflush(stdout))
            return unwritten(err);
    }
    return tell_end(l, json) ? unwritten(err) : 0;
}
