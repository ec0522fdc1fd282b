/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done by the wall clock: recurring requests, cards whose window opens, and a clock that somebody sets.
 *
 * A run of a schedule is one entry, the request with its planned time: what has been run is read from there, so that neither a
 * restart nor another owner of the ledger runs it again. Of what was missed the newest is caught up, once. A run whose request
 * comes to nothing is over like any other. */
#include "private.h"

#include <signalbox/base/hook.h>

#include <inttypes.h>
#include <string.h>

#define AGAIN_MS 5000  /* after a run that could not be recorded */
#define FIRST_SAMPLES 3 /* before them nothing is known of the deployment, and a request would be answered so */

static void name_of_run(const struct sb_schedule *s, char out[SB_O_RUN_NAME])
{
    snprintf(out, SB_O_RUN_NAME, SB_O_SCHEDULE "%s", s->name);
}

/* ---- what the record says ---- */

struct reading_runs {
    const struct sb_orchestrator *o;
    struct recurring *r;
    size_t taken;
};

static int take_run(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct reading_runs *k = ctx;
    const char *planned = sb_json_str(e->body, "planned");
    int64_t at;
    (void)bytes;
    (void)n;
    if (e->kind != SB_ENTRY_REQUEST || !sb_streq(e->plan.deployment, k->o->deployment) || !planned || sb_time_parse(planned, strlen(planned), &at))
        return 0;
    return sb_ran_add(&k->r->ran, at, err) || sb_str_set(&k->r->last_case, e->plan.case_id) ? sb_fail_nomem(err) : 0;
}

static int read_runs(struct sb_orchestrator *o, struct recurring *r, struct sb_err *err)
{
    char name[SB_O_RUN_NAME];
    name_of_run(r->schedule, name);
    return sb_ledger_by_ref(o->ledger, name, take_run, &(struct reading_runs){.o = o, .r = r}, err);
}

struct defined {
    const struct sb_orchestrator *o;
    json_t *last; /* by name: the body of the last entry about it, and its time */
};

static int take_defined(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct defined *k = ctx;
    const char *name = sb_json_str(e->body, "name");
    (void)bytes;
    (void)n;
    if (e->kind != SB_ENTRY_SCHEDULE || !name || !sb_streq(e->plan.deployment, k->o->deployment))
        return 0;
    return json_object_set_new(k->last, name, json_pack("{s:O,s:I}", "body", e->body, "ts", (json_int_t)e->ts)) ? sb_fail_nomem(err) : 0;
}

static int record_schedule(struct sb_orchestrator *o, const char *event, const char *name, const char *when, const char *request, struct sb_err *err)
{
    return sb_o_record(o, SB_ENTRY_SCHEDULE, NULL, NULL, json_pack("{s:s,s:s,s:s,s:s}", "event", event, "name", name, "when", when, "request", request), err);
}

static bool began(const json_t *defined)
{
    return sb_streq(sb_json_str(json_object_get(defined, "body"), "event"), "began");
}

/* Since when this very line has been there: from then on its runs count. */
static int begin(struct sb_orchestrator *o, struct recurring *r, const json_t *defined, struct sb_err *err)
{
    const struct sb_schedule *s = r->schedule;
    const json_t *body = json_object_get(defined, "body");
    int64_t now = sb_origin_wall_ms(o->opt.origin), ts = sb_json_int(defined, "ts");
    r->ran.since = ts;
    if (began(defined) && sb_streq(sb_json_str(body, "when"), s->when) && sb_streq(sb_json_str(body, "request"), s->request) && ts <= now)
        return read_runs(o, r, err);
    r->ran.since = now;
    return record_schedule(o, "began", s->name, s->when, s->request, err) || read_runs(o, r, err) ? -1 : 0;
}

/* What has left the config ends: should it come back, nothing is caught up from the time in between. */
static int end_others(struct sb_orchestrator *o, json_t *last, struct sb_err *err)
{
    const char *name;
    json_t *defined;
    json_object_foreach(last, name, defined) {
        const json_t *body = json_object_get(defined, "body");
        if (!sb_schedule_find(o->opt.schedules, o->opt.schedules_n, name) && began(defined) && record_schedule(o, "ended", name, sb_json_str(body, "when"), sb_json_str(body, "request"), err))
            return -1;
    }
    return 0;
}

/* ---- planning ---- */

static int plan(struct sb_orchestrator *o, const struct recurring *r, struct sb_err *err)
{
    int64_t wake = sb_schedule_wake(r->schedule, &r->ran, sb_origin_wall_ms(o->opt.origin));
    if (wake != SB_SCHEDULE_NEVER)
        return sb_due_set(&o->runs_due, r->schedule->name, wake, err);
    sb_due_drop(&o->runs_due, r->schedule->name);
    return 0;
}

static void free_recurring(struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->recurring_n; i++) {
        sb_ran_release(&o->recurring[i].ran);
        free(o->recurring[i].last_case);
    }
    free(o->recurring);
    o->recurring = NULL;
    o->recurring_n = 0;
    sb_due_release(&o->runs_due);
}

static int load(struct sb_orchestrator *o, struct sb_err *err)
{
    struct defined k = {o, json_object()};
    int rc = !k.last ? sb_fail_nomem(err) : sb_ledger_by_ref(o->ledger, "schedule", take_defined, &k, err);
    for (size_t i = 0; rc == 0 && i < o->opt.schedules_n; i++) {
        struct recurring *r = SB_PUSH(o->recurring);
        if (!r) {
            rc = sb_fail_nomem(err);
            break;
        }
        r->schedule = &o->opt.schedules[i];
        rc = begin(o, r, json_object_get(k.last, r->schedule->name), err) || plan(o, r, err) ? -1 : 0;
    }
    if (rc == 0)
        rc = end_others(o, k.last, err);
    json_decref(k.last);
    if (rc)
        free_recurring(o);
    return rc;
}

/* ---- running ---- */

static struct recurring *find(struct sb_orchestrator *o, const char *name)
{
    for (size_t i = 0; i < o->recurring_n; i++)
        if (sb_streq(o->recurring[i].schedule->name, name))
            return &o->recurring[i];
    return NULL;
}

/* Requests are taken: what is due is run rather than waited with. */
static bool ready(const struct sb_orchestrator *o)
{
    return o->recurring_loaded && o->connected && !o->target_error && o->have_strip && o->strip.samples >= FIRST_SAMPLES && sb_ledger_writable(o->ledger, NULL);
}

static void run(struct sb_orchestrator *o, struct recurring *r, struct sb_err *err)
{
    char local[128], name[SB_O_RUN_NAME];
    struct sb_o_planned p = {.event = name};
    if (r->unsure && read_runs(o, r, err)) /* the append that failed may be on the record all the same */
        return;
    r->unsure = false;
    p.at = sb_schedule_due(r->schedule, &r->ran, sb_origin_wall_ms(o->opt.origin), &p.missed);
    if (!p.at || sb_ran_add(&r->ran, p.at, err)) /* the memory first: what is on the record may not be run again */
        return;
    name_of_run(r->schedule, name);
    sb_schedule_local(r->schedule, p.at, local, sizeof local);
    sb_hook("schedule.run.before");
    char *case_id = sb_o_planned_request(o, &p, r->schedule->request, err);
    if (!case_id) {
        sb_ran_drop(&r->ran, p.at);
        r->unsure = true;
        return;
    }
    free(r->last_case);
    r->last_case = case_id;
    if (p.missed)
        sb_o_notice(o, SB_MEDIUM, "%s: the run planned for %s is caught up as %s; %" PRId64 " before it %s missed", name, local, case_id, p.missed, p.missed == 1 ? "was" : "were");
    else
        sb_o_notice(o, SB_LOW, "%s: the run planned for %s is %s", name, local, case_id);
}

static void run_due(struct sb_orchestrator *o)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    char *name;
    while (ready(o) && (name = sb_due_take(&o->runs_due, now))) {
        struct sb_err err = SB_ERR_INIT;
        struct recurring *r = find(o, name);
        if (r)
            run(o, r, &err);
        if (r && err.code != SB_OK)
            sb_o_notice(o, SB_MEDIUM, SB_O_SCHEDULE "%s: its run could not be recorded, and is tried again: %s", name, err.msg);
        if (r && (err.code != SB_OK ? sb_due_set(&o->runs_due, name, now + AGAIN_MS, NULL) : plan(o, r, NULL)))
            o->recurring_loaded = false; /* no memory to plan with: it is all read again */
        free(name);
    }
}

static void load_once(struct sb_orchestrator *o)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t now = sb_mono_ms();
    if (o->recurring_loaded || !o->opt.recurring || sb_server_read_only(o->opt.server) || now < o->recurring_again_ms || !sb_ledger_writable(o->ledger, NULL))
        return;
    free_recurring(o);
    o->recurring_loaded = load(o, &err) == 0;
    o->recurring_again_ms = now + AGAIN_MS;
    if (!o->recurring_loaded)
        sb_o_notice(o, SB_MEDIUM, "Nothing recurring is run until the record can be read: %s", err.msg);
}

/* ---- the clock ---- */

/* Somebody has set it: on the record, and everything that goes by it is looked at anew. */
static void watch_clock(struct sb_orchestrator *o)
{
    int64_t wall = sb_origin_wall_ms(o->opt.origin), mono = sb_mono_ms(), already = 0;
    int64_t jump = 0, since = o->clock_wall ? mono - o->clock_mono : 0;
    if (o->clock_wall)
        jump = sb_clock_jump(o->clock_wall, o->clock_mono, wall, mono);
    else if (o->clock_floor > wall) /* it was set back while nobody ran; forward cannot be told from downtime */
        jump = sb_clock_jump(o->clock_floor, mono, wall, mono);
    for (size_t i = 0; jump < 0 && i < o->recurring_n; i++)
        for (size_t k = o->recurring[i].ran.at_n; k-- > 0 && o->recurring[i].ran.at[k] > wall;)
            already++;
    if (jump && sb_o_record(o, SB_ENTRY_CLOCK, NULL, NULL,
                            json_pack("{s:I,s:I,s:I}", "jump_ms", (json_int_t)jump, "mono_ms", (json_int_t)since, "already_run", (json_int_t)already), NULL))
        return; /* it is said when it can be recorded */
    o->clock_wall = wall;
    o->clock_mono = mono;
    if (!jump)
        return;
    char by[64];
    sb_duration_format(by, sizeof by, jump < 0 ? -jump : jump);
    sb_o_notice(o, SB_MEDIUM, "The clock was set %s by %s: windows, deadlines and schedules go by the new time%s", jump < 0 ? "back" : "forward", by,
                already ? "; what has run already is not run again" : "");
    for (size_t i = 0; i < o->cards_n; i++)
        if (o->cards[i]->card.state == SB_SCHEDULED)
            o->cards[i]->run.next_ms = 0;
    for (size_t i = 0; i < o->recurring_n; i++) {
        sb_ran_set_back(&o->recurring[i].ran, wall);
        if (plan(o, &o->recurring[i], NULL))
            o->recurring_loaded = false;
    }
}

/* ---- the loop's part ---- */

int64_t sb_o_until_due(const struct sb_orchestrator *o)
{
    int64_t opening = sb_due_next(&o->openings), due = ready(o) ? sb_due_next(&o->runs_due) : SB_SCHEDULE_NEVER;
    due = opening < due ? opening : due;
    int64_t left = due == SB_SCHEDULE_NEVER ? due : due - sb_origin_wall_ms(o->opt.origin);
    return left > 0 ? left : 0;
}

void sb_o_tick_due(struct sb_orchestrator *o)
{
    char *id;
    sb_hook("schedule.tick");
    watch_clock(o);
    while ((id = sb_due_take(&o->openings, sb_origin_wall_ms(o->opt.origin)))) {
        struct held_card *card = sb_o_card(o, id);
        if (card && (card->card.state == SB_SCHEDULED || (card->card.state == SB_EXECUTING && card->run.phase == PHASE_PRECHECK)))
            card->run.next_ms = 0; /* facts and policy, now */
        free(id);
    }
    load_once(o);
    run_due(o);
}

void sb_o_describe_schedules(const struct sb_orchestrator *o, struct sb_str *out)
{
    char local[128];
    if (o->opt.schedules_n && !o->opt.recurring)
        return;
    if (o->opt.schedules_n && sb_server_read_only(o->opt.server))
        sb_str_addf(out, "; %zu recurring %s, not run: this console is read-only", o->opt.schedules_n, o->opt.schedules_n == 1 ? "request" : "requests");
    for (size_t i = 0; i < o->recurring_n; i++) {
        const struct recurring *r = &o->recurring[i];
        int64_t next = sb_schedule_wake(r->schedule, &r->ran, sb_origin_wall_ms(o->opt.origin));
        sb_schedule_local(r->schedule, next, local, sizeof local);
        sb_str_addf(out, "; schedule %s (%s) runs \"%s\" next on %s%s%s", r->schedule->name, r->schedule->when, r->schedule->request, next == SB_SCHEDULE_NEVER ? "no day in sight" : local,
                    r->last_case ? ", last as " : "", r->last_case ? r->last_case : "");
    }
}

void sb_o_free_due(struct sb_orchestrator *o)
{
    free_recurring(o);
    sb_due_release(&o->openings);
}
