/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch window: what the card promised, measured in deployment time, and the verdict: PASS, FAIL or INCONCLUSIVE. */
#include "trial.h"

#include <signalbox/agents/whatif_card.h>
#include <signalbox/base/hook.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define READ_EVERY_MS 2000    /* real time between two readings, and */
#define READINGS 10           /* about so many in a window */
#define SETTLE_MS 10000       /* the first seconds are not counted: plans and caches settle, operations from before end */
#define LEAST_SAMPLES 10      /* operations a latency must rest on */
#define LEAST_OBSERVED 0.8    /* of the window, for a PASS */
#define ENTRIES 4             /* sample summaries put on the record in one window */
#define EARLY_BREACHES 4      /* readings in a row that end a window early */
#define PUT_BACK_AGAIN_MS 30000 /* between two attempts to put the profiler back */
#define BY_ITSELF 4          /* the level from which a FAIL is taken back without being asked */
#define OVERDUE_MS 60000      /* real time after which a window that is not observed ends all the same */

/* One reading, on its way from the telemetry thread over a worker and back. */
struct taking {
    struct sb_orchestrator *o;
    struct errand way;
    char *card_id, *ns, *index, *db;
    struct sb_criterion *criteria; /* copies */
    size_t criteria_n;
    struct sb_watch_reading *readings;   /* one a criterion */
    int64_t from, opened_at;
    int64_t now;                   /* deployment time of the reading */
    struct sb_ns_work work;
    char **explains;               /* one a criterion, on the collection itself; NULL: it is not explained, or there is no example of the shape */
    int64_t keys, keys_at;         /* written to the index until then, at an earlier reading; keys -1: none yet */
    char **members;
    size_t members_n;
    char *primary;
    char *scratch;                 /* of a what-if: its collection; NULL: it is none */
    json_t *sensitive;
    int64_t all;                   /* documents that its sample stands for */
};

static void free_taking(void *p)
{
    struct taking *t = p;
    for (size_t i = 0; i < t->criteria_n; i++) {
        sb_record_release(&sb_criterion_schema, &t->criteria[i]);
        free(t->readings ? t->readings[i].note : NULL);
    }
    for (size_t i = 0; t->explains && i < t->criteria_n; i++)
        free(t->explains[i]);
    free(t->explains);
    free(t->criteria);
    free(t->readings);
    for (size_t i = 0; i < t->members_n; i++)
        free(t->members[i]);
    free(t->members);
    free(t->primary);
    free(t->card_id);
    free(t->ns);
    free(t->index);
    free(t->db);
    free(t->scratch);
    json_decref(t->sensitive);
    free(t);
}

int64_t sb_o_deployment_now(const struct sb_orchestrator *o)
{
    if (!o->have_strip || !o->strip.at)
        return sb_origin_wall_ms(o->opt.origin);
    return o->strip.at + (sb_mono_ms() - o->strip_mono_ms) * o->facts.speed;
}

/* Deployment time from the opening that is not judged: an interval between two polls must not reach back in front of it. */
static int64_t settle_ms(const struct sb_orchestrator *o)
{
    return SETTLE_MS + 2 * o->sample_period_ms * o->facts.speed;
}

/* ---- 1. on the telemetry thread ---- */

/* The explain of a shape that is to be explained on the scratch collection. */
static void try_shape(struct taking *t, size_t i, const struct sb_view *view)
{
    const struct sb_criterion *c = &t->criteria[i];
    const struct sb_work *w = sb_workload_find(sb_view_workload(view), t->ns, c->subject);
    if (w && sb_what_if_leaves_out(t->sensitive, w->shape)) {
        sb_o_unmeasured(&t->readings[i], "it asks for a sensitive field, which is not copied");
        return;
    }
    t->explains[i] = sb_index_explain_command(sb_view_workload(view), t->ns, c->subject);
}

static void read_series(struct taking *t, size_t i, const struct sb_view *view)
{
    struct sb_criterion *c = &t->criteria[i];
    struct sb_watch_reading *r = &t->readings[i];
    bool reads = sb_streq(c->metric, "ns_read_latency_us"), writes = sb_streq(c->metric, "ns_write_latency_us");
    if (reads || writes) {
        int64_t n = reads ? t->work.reads : t->work.writes, us = reads ? t->work.read_us : t->work.write_us;
        if (n >= LEAST_SAMPLES)
            sb_o_measured(r, c, us / n, n);
        else
            sb_o_unmeasured(r, n ? "too few operations yet" : "no such operation was seen");
    } else if (sb_streq(c->metric, "shape_latency_us")) {
        const struct sb_work *w = sb_workload_find(sb_view_workload(view), t->ns, c->subject);
        struct sb_work_sums s = {0};
        if (w)
            s = sb_work_window(sb_view_workload(view), w, t->from, t->now + 1, NULL);
        if (s.timed >= LEAST_SAMPLES)
            sb_o_measured(r, c, (int64_t)sb_work_window_quantile(sb_view_workload(view), w, t->from, t->now + 1, 0.95) * 1000, (int64_t)s.timed);
        else
            sb_o_unmeasured(r, s.timed ? "too few slow operations to judge" : "none was slow enough to be written down");
    } else if (t->scratch && sb_starts_with(c->metric, "what_if_docs")) {
        try_shape(t, i, view);
    } else if (sb_streq(c->metric, "shape_docs_per_returned")) {
        t->explains[i] = sb_index_explain_command(sb_view_workload(view), t->ns, c->subject);
    }
}

static void read_on_worker(void *p);

static void read_view(void *p, const struct sb_view *view)
{
    struct taking *t = p;
    t->now = sb_view_now(view);
    sb_history_window(sb_view_history(view), t->ns, t->from, t->now + 1, &t->work);
    for (size_t i = 0; i < t->criteria_n; i++)
        read_series(t, i, view);
    sb_o_work(t->o, &t->way, read_on_worker, t, free_taking);
}

/* ---- 2. on a worker ---- */

/* An explain runs the query: on a secondary where there is one. */
static struct sb_conn *connect_reader(const struct taking *t, struct sb_err *err)
{
    const char *member = t->members_n ? t->members[0] : t->primary;
    for (size_t i = 0; t->primary && i < t->members_n; i++)
        if (strcmp(t->members[i], t->primary) != 0) {
            member = t->members[i];
            break;
        }
    return member ? sb_conn_to_member(t->o->opt.server, member, SB_LANE_CONTROL, err) : NULL;
}

static void explain_shape(struct taking *t, const char *explain, const struct sb_criterion *c, struct sb_watch_reading *r)
{
    struct sb_err err = SB_ERR_INIT;
    if (!explain && r->note)
        return;
    if (!explain) {
        sb_o_unmeasured(r, "no example of the shape was kept, so it could not be explained");
        return;
    }
    struct sb_conn *conn = connect_reader(t, &err);
    if (!conn)
        sb_o_unmeasured(r, err.msg[0] ? err.msg : "no member to ask");
    else if (t->scratch)
        sb_o_read_trial(&(struct trial_read){conn, conn, t->db, t->scratch}, explain, c, r);
    else
        sb_o_read_explain(conn, t->db, explain, c, r);
    sb_conn_close(conn);
}

/* Keys entered and taken out between two readings. The first one only says from what number it is counted. */
static void read_keys(struct taking *t, const struct sb_index_info *index, const struct sb_criterion *c, struct sb_watch_reading *r)
{
    bool told = index && index->knows_written;
    int64_t keys = told ? index->written - t->keys : 0, ms = t->now - t->keys_at;
    if (!told)
        sb_o_unmeasured(r, "the server does not tell how many keys were written to it");
    else if (t->keys < 0 || keys < 0 || ms <= 0)
        sb_o_unmeasured(r, "counted from now on");
    else if (keys < LEAST_SAMPLES)
        sb_o_unmeasured(r, "too few keys yet");
    else
        sb_o_measured(r, c, (int64_t)((double)keys * 1e6 / (double)ms), keys);
    if (told && (t->keys < 0 || keys < 0)) { /* fewer than before: another primary, which has counted for itself */
        t->keys = index->written;
        t->keys_at = t->now;
    }
}

static void taken(struct sb_orchestrator *o, void *p);

static void read_on_worker(void *p)
{
    struct taking *t = p;
    struct sb_members m = {(const char *const *)t->members, t->members_n, t->primary};
    struct sb_catalogue cat;
    struct sb_err err = SB_ERR_INIT;
    char *scratch = t->scratch ? sb_format("%s.%s", t->db, t->scratch) : NULL;
    bool have = sb_catalogue_read(t->o->opt.server, &m, scratch ? scratch : t->ns, &cat, &err) == 0;
    free(scratch);
    const struct sb_index_info *index = have ? sb_catalogue_index(&cat, t->index) : NULL;
    for (size_t i = 0; i < t->criteria_n; i++) {
        const struct sb_criterion *c = &t->criteria[i];
        struct sb_watch_reading *r = &t->readings[i];
        if (sb_streq(c->metric, "shape_docs_per_returned")) {
            explain_shape(t, t->explains[i], c, r);
        } else if (sb_starts_with(c->metric, "what_if_docs")) {
            explain_shape(t, t->explains[i], c, r);
        } else if (sb_streq(c->metric, "what_if_bytes")) {
            if (index && index->bytes && cat.documents > 0)
                sb_o_measured(r, c, (int64_t)((double)index->bytes * (double)t->all / (double)cat.documents), cat.documents);
            else
                sb_o_unmeasured(r, "the server does not tell its size");
        } else if (sb_streq(c->metric, "index_keys_per_s_milli")) {
            read_keys(t, have ? index : NULL, c, r);
        } else if (sb_streq(c->metric, "index_uses")) {
            if (index && cat.knows_index_stats)
                sb_o_measured(r, c, index->uses, 1);
            else
                sb_o_unmeasured(r, !have ? err.msg : index ? "the server has no $indexStats" : "the index is not there");
        } else if (sb_streq(c->metric, "index_bytes")) {
            if (index && index->bytes)
                sb_o_measured(r, c, index->bytes, 1);
            else
                sb_o_unmeasured(r, "the server does not tell its size");
        }
    }
    if (have)
        sb_catalogue_release(&cat);
    sb_o_post_done(t->o, &t->way, taken, t, free_taking);
}

/* ---- 3. back on the orchestrator's thread ---- */

static int keep_readings(struct sb_card *card, struct taking *t, int64_t settle_s)
{
    struct sb_watch_report *report = &card->report;
    struct sb_watch_reading *fresh = t->readings;
    for (size_t i = 0; i < report->readings_n && i < t->criteria_n; i++)
        if (sb_criterion_is_event(&t->criteria[i])) { /* it is not measured but awaited */
            struct sb_watch_reading none = fresh[i];
            fresh[i] = report->readings[i];
            report->readings[i] = none;
        }
    for (size_t i = 0; i < report->readings_n; i++)
        free(report->readings[i].note);
    free(report->readings);
    report->readings = fresh;
    report->readings_n = t->criteria_n;
    t->readings = calloc(t->criteria_n ? t->criteria_n : 1, sizeof *t->readings);
    if (!t->readings)
        t->criteria_n = 0;
    report->operations = t->work.reads + t->work.writes;
    int64_t elapsed = (t->now - t->opened_at) / 1000;
    report->observed_s = t->work.covered_ms / 1000;
    if (report->observed_s > elapsed)
        report->observed_s = elapsed;
    int64_t uncounted = elapsed - report->observed_s;
    report->settling_s = uncounted < settle_s ? uncounted : settle_s;
    report->missing_s = uncounted - report->settling_s;
    return sb_claims_take(&card->watch, report->readings, report->readings_n, &report->claims, &report->claims_n);
}

static const char *text_of(const struct sb_criterion *c)
{
    return c->label ? c->label : c->metric;
}

/* What takes the card back. gently: an index that made nothing worse but plans is only hidden. */
static char *remedy_of(const struct sb_card *card, bool gently)
{
    return sb_format("%s", card->kind == SB_KIND_HIDE_INDEX ? "unhide" : card->kind == SB_KIND_DROP_INDEX ? "create" : gently ? "hide" : "drop");
}

/* What was predicted and did not come true stands behind the reason, whatever the verdict is. */
static void add_claims(const struct sb_watch_report *r, char **reason)
{
    struct sb_str s;
    sb_str_init(&s);
    if (*reason && r->claims_n) {
        sb_str_addf(&s, "%s; ", *reason);
        sb_claims_text(r->claims, r->claims_n, &s);
    }
    char *whole = s.len ? sb_str_take(&s) : NULL;
    if (whole) {
        free(*reason);
        *reason = whole;
    }
    sb_str_release(&s);
}

/* Decides from what has been read. Returns the verdict; reason and remedy are new strings (or NULL). */
static int judge(const struct sb_card *card, int64_t settle_s, bool overdue, char **reason, char **remedy)
{
    const struct sb_watch *w = &card->watch;
    const struct sb_watch_report *r = &card->report;
    struct sb_str breaches, blind, missed, aside;
    int verdict = SB_VERDICT_PASS;
    bool drop = false, any = false;
    sb_str_init(&breaches);
    sb_str_init(&blind);
    sb_str_init(&missed);
    sb_str_init(&aside);
    *remedy = NULL;
    for (size_t i = 0; i < w->criteria_n && i < r->readings_n; i++) {
        const struct sb_criterion *c = &w->criteria[i];
        const struct sb_watch_reading *x = &r->readings[i];
        if (sb_criterion_is_event(c) && x->measured && x->breached) {
            sb_str_addf(&missed, "%s%s: %s (%" PRId64 " s of %" PRId64 " s)", missed.len ? "; " : "", text_of(c), x->note ? x->note : "missed", x->value, c->limit);
        } else if (x->measured && x->breached && !sb_streq(c->metric, "index_uses")) {
            sb_str_addf(&breaches, "%s%s is %" PRId64 " %s, limit %" PRId64, any ? "; " : "", text_of(c), x->value, c->unit ? c->unit : "", c->limit);
            drop |= sb_streq(c->on_breach, "drop");
            any = true;
        } else if (c->decisive && (!x->measured || x->breached)) { /* an index nobody used proves nothing either way */
            sb_str_addf(&blind, "%s%s: %s", blind.len ? "; " : "", text_of(c), x->measured ? "hardly any use" : x->note ? x->note : "not measured");
        } else if (!x->measured && !sb_criterion_is_event(c)) {
            sb_str_addf(&aside, "%s%s%s%s%s", aside.len ? ", " : "", text_of(c), x->note ? " (" : "", x->note ? x->note : "", x->note ? ")" : "");
        }
    }
    if (missed.len) { /* whatever the measures say */
        verdict = SB_VERDICT_FAIL;
        *reason = sb_format("%s", missed.p);
        *remedy = remedy_of(card, false);
    } else if (r->operations < w->min_operations) {
        verdict = SB_VERDICT_INCONCLUSIVE;
        *reason = sb_format("only %" PRId64 " operations on %s were seen, %" PRId64 " are needed to judge; read back, %s", r->operations,
                            card->target, w->min_operations,
                            card->kind == SB_KIND_CREATE_INDEX ? "the index is there" : card->kind == SB_KIND_HIDE_INDEX ? "the index is hidden" : "it is done");
    } else if (any) {
        verdict = SB_VERDICT_FAIL;
        *reason = sb_format("%s", breaches.p);
        *remedy = remedy_of(card, !drop);
    } else if (blind.len) {
        verdict = SB_VERDICT_INCONCLUSIVE;
        *reason = sb_format("not everything that decides could be measured: %s", blind.p);
    } else if (!w->window_s && !w->criteria_n) {
        *reason = sb_format("read back: it is done, and there is nothing to be watched");
    } else if (overdue || r->observed_s <= 0 || (double)r->observed_s < LEAST_OBSERVED * (double)(w->window_s - settle_s)) {
        verdict = SB_VERDICT_INCONCLUSIVE;
        *reason = sb_format("the window was observed for %" PRId64 " s only, of %" PRId64 " s behind its first %" PRId64 " s", r->observed_s, w->window_s - settle_s, settle_s);
    } else {
        *reason = sb_format("every criterion %swas met over %" PRId64 " operations in %" PRId64 " s, behind %" PRId64 " s of settling that are not counted%s%s",
                            aside.len ? "that decides " : "", r->operations, r->observed_s, r->settling_s, aside.len ? "; not measured: " : "", aside.len ? aside.p : "");
    }
    add_claims(r, reason);
    sb_str_release(&breaches);
    sb_str_release(&blind);
    sb_str_release(&missed);
    sb_str_release(&aside);
    return verdict;
}

static int record_report(struct sb_orchestrator *o, struct held_card *card)
{
    card->watch.recorded_at = card->watch.last_at;
    return sb_o_record(o, SB_ENTRY_WATCH, NULL, &(struct refs){.card = card},
                       json_pack("{s:o}", "report", sb_record_to_json(&sb_watch_report_schema, &card->card.report)), NULL);
}

static void conclude(struct sb_orchestrator *o, struct held_card *card, bool overdue)
{
    struct sb_watch_report *r = &card->card.report;
    char *reason = NULL, *remedy = NULL;
    r->verdict = judge(&card->card, settle_ms(o) / 1000, overdue, &reason, &remedy);
    free(r->reason);
    free(r->remedy);
    r->reason = reason;
    r->remedy = remedy;
    sb_hook("watch.verdict.before");
    if (record_report(o, card)) { /* no record, no verdict: it is tried again */
        card->card.report.verdict = SB_VERDICT_NONE;
        return;
    }
    sb_hook("watch.verdict.recorded");
    sb_o_follow_verdict(o, card);
}

/* What has failed is an incident on whoever wrote its commands (the operator, where somebody has edited them), with the readings that decided; its rollback stands on the card. */
static void tell_author(struct sb_orchestrator *o, const struct held_card *card, bool begun)
{
    const struct sb_card *c = &card->card;
    struct sb_evidence *facts = NULL;
    size_t n = 0;
    struct sb_err err = SB_ERR_INIT;
    int author = sb_name_find(&sb_specialists, c->author), rc = 0;
    char *title = sb_format("%s failed its watch window: %.300s", c->id, c->report.reason ? c->report.reason : "no reason was given");
    char *outcome = begun ? sb_format("%s is being rolled back, as policy grants", c->id) : sb_format("the rollback of %s is prepared and waits for a person: signalbox cards rollback %s", c->id, c->id);
    for (size_t i = 0; rc == 0 && i < c->report.readings_n; i++) {
        char value[64];
        snprintf(value, sizeof value, "%" PRId64 ", limit %" PRId64, c->report.readings[i].value, c->watch.criteria[i].limit);
        if (c->report.readings[i].measured && c->report.readings[i].breached)
            rc = sb_evidence_add(&facts, &n, "the watch window", c->target, c->watch.criteria[i].label, value, "measured", card->watch.last_at);
    }
    rc = rc || !title || !outcome || sb_evidence_add(&facts, &n, "the watch window", c->target, "card", c->id, "measured", card->watch.last_at)
             ? sb_fail_nomem(&err)
             : sb_o_own_incident(o, author > SB_BY_ORCHESTRATOR ? author : SB_BY_OPERATOR, title, "what was changed may go on doing harm until it is taken back", facts, n, outcome, &err);
    if (rc)
        sb_o_notice(o, SB_MEDIUM, "%s failed its watch window, and the incident is not on the record: %s", c->id, err.msg);
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_evidence_schema, &facts[i]);
    free(facts);
    free(title);
    free(outcome);
}

void sb_o_follow_verdict(struct sb_orchestrator *o, struct held_card *card)
{
    int verdict = card->card.report.verdict;
    char note[512];
    snprintf(note, sizeof note, "verdict %s: %.400s", sb_name(&sb_verdicts, verdict), card->card.report.reason ? card->card.report.reason : "");
    sb_o_move(o, card, verdict == SB_VERDICT_PASS ? SB_EV_WATCH_PASS : verdict == SB_VERDICT_FAIL ? SB_EV_WATCH_FAIL : SB_EV_WATCH_INCONCLUSIVE, NULL, note, NULL);
    sb_o_take_back_failed(o, card);
    if (verdict == SB_VERDICT_FAIL && card->card.state != SB_WATCHING) /* else the move could not be recorded, and comes again */
        tell_author(o, card, card->card.state != SB_FAILED);
}

void sb_o_take_back_failed(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_err err = SB_ERR_INIT;
    const struct sb_card *c = &card->card;
    if (c->state != SB_FAILED || c->closed || c->report.verdict != SB_VERDICT_FAIL || card->run.undo_tries ||
        sb_autonomy_level(o->policy, "rollback", c->environment, sb_origin_wall_ms(o->opt.origin)) < BY_ITSELF || !sb_o_may_send(o, card))
        return;
    sb_hook("watch.take_back");
    if (sb_o_gate(o, card, "execute", NULL, NULL, true, &err) == SB_ALLOW)
        sb_o_move(o, card, SB_EV_ROLLBACK, NULL, "it failed its watch window, and policy grants L4 to rolling back", NULL);
    else
        sb_o_notice(o, SB_HIGH, "%s failed its watch window and is not rolled back by itself: %s", c->id, err.msg[0] ? err.msg : "policy wants it approved");
}

/* A profiler that was switched on for a while is put back when the while is over, and what was made to try an index out on is dropped:
 * that is their whole plan. */
static void end_by_itself(struct sb_orchestrator *o, struct held_card *card)
{
    bool tried = card->card.kind == SB_KIND_WHAT_IF;
    struct sb_err err = SB_ERR_INIT;
    card->watch.next_ms = sb_mono_ms() + PUT_BACK_AGAIN_MS;
    int decision = sb_o_may_send(o, card) ? sb_o_gate(o, card, "execute", NULL, NULL, true, &err)
                                          : sb_fail(&err, SB_EPOLICY, "this console may not write to the deployment");
    if (decision == SB_ALLOW || decision == SB_REQUIRE)
        sb_o_move(o, card, SB_EV_ROLLBACK, NULL, tried ? "it was tried out; the sample and its index are dropped" : "its time is over; what was set before is put back", NULL);
    else
        sb_o_notice(o, SB_HIGH, "%s: %s: %s", card->card.id, tried ? "the sample could not be dropped" : "the profiler could not be put back", err.msg);
}

/* What was found out goes beside the card that it is about: nothing of that is voided. */
static void prove(struct sb_orchestrator *o, const struct held_card *tried)
{
    struct held_card *of = sb_o_card(o, tried->card.proves);
    struct sb_evidence *list = NULL;
    size_t n = 0;
    json_t *facts = json_array();
    if (!of && sb_o_rests(o, tried->card.proves))
        of = sb_o_wake_card(o, tried->card.proves);
    int rc = of && facts ? sb_what_if_evidence(&tried->card, &list, &n, tried->watch.last_at) : -1;
    for (size_t i = 0; i < n; i++) {
        if (rc == 0 && json_array_append_new(facts, sb_record_to_json(&sb_evidence_schema, &list[i])))
            rc = -1;
        sb_record_release(&sb_evidence_schema, &list[i]);
    }
    free(list);
    struct sb_actor author = {.principal = tried->card.author};
    if (rc == 0)
        rc = sb_o_record(o, SB_ENTRY_PROOF, &author, &(struct refs){.card = of}, json_pack("{s:s,s:O}", "by", tried->card.id, "evidence", facts), NULL);
    json_decref(facts);
    if (rc)
        sb_o_notice(o, SB_MEDIUM, "%s: what was found out could not be put beside %s; it is in its own readings", tried->card.id, tried->card.proves);
    else
        sb_o_tell_all(o, SB_NEWS_CARD, &of->card);
}

/* One reading is all. */
static void tried_out(struct sb_orchestrator *o, struct held_card *card)
{
    card->card.report.measured = true;
    if (record_report(o, card)) /* no record: it is read again */
        card->card.report.measured = false;
    else
        prove(o, card);
}

static bool breached_now(const struct sb_card *card)
{
    for (size_t i = 0; i < card->report.readings_n; i++)
        if (card->report.readings[i].measured && card->report.readings[i].breached && !sb_criterion_is_event(&card->watch.criteria[i]) && !sb_streq(card->watch.criteria[i].metric, "index_uses") &&
            card->report.readings[i].samples >= LEAST_SAMPLES)
            return true;
    return false;
}

/* The measures stand. While an event is still awaited there is no verdict yet, unless they make one by themselves. */
static void end_measuring(struct sb_orchestrator *o, struct held_card *card, bool overdue, bool early)
{
    if (early || !sb_o_events_open(&card->card)) {
        conclude(o, card, overdue);
        return;
    }
    card->card.report.measured = true;
    card->watch.overdue = overdue;
    if (record_report(o, card)) /* no record: it is measured again */
        card->card.report.measured = false;
}

/* Looks whether an event has come, or its time is over. True: as long as one is awaited, nothing else is to be done. */
static bool follow_events(struct sb_orchestrator *o, struct held_card *card)
{
    bool news = sb_o_look_for_events(o, card), measured = card->card.report.measured;
    if (sb_o_event_missed(&card->card) || (measured && !sb_o_events_open(&card->card))) {
        conclude(o, card, card->watch.overdue);
        return true;
    }
    if (news)
        record_report(o, card);
    return measured;
}

static void taken(struct sb_orchestrator *o, void *p)
{
    struct taking *t = p;
    struct held_card *card = sb_o_card(o, t->card_id);
    if (card)
        card->watch.away = false;
    if (!card || card->card.state != SB_WATCHING || card->card.report.measured) {
        free_taking(t);
        return;
    }
    struct sb_watch_report *r = &card->card.report;
    sb_hook("watch.taken");
    if (keep_readings(&card->card, t, settle_ms(o) / 1000))
        sb_o_notice(o, SB_MEDIUM, "%s: what was predicted could not be held against what was read: out of memory", card->card.id);
    card->watch.keys = t->keys;
    card->watch.keys_at = t->keys_at;
    card->watch.last_at = t->now;
    card->watch.breaches_in_a_row = breached_now(&card->card) ? card->watch.breaches_in_a_row + 1 : 0;
    bool over = t->now >= r->ends_at;
    bool early = card->watch.breaches_in_a_row >= EARLY_BREACHES && r->operations >= card->card.watch.min_operations;
    free_taking(t);
    if (card->card.kind == SB_KIND_WHAT_IF) {
        tried_out(o, card);
    } else if (over || early) {
        end_measuring(o, card, false, early);
    } else if (card->watch.last_at - card->watch.recorded_at >= card->card.watch.window_s * 1000 / ENTRIES) {
        record_report(o, card);
    } else {
        sb_o_tell_all(o, SB_NEWS_CARD, &card->card);
    }
}

static void take(struct sb_orchestrator *o, struct held_card *card)
{
    struct taking *t = calloc(1, sizeof *t);
    char db[64], coll[192];
    if (!t)
        return;
    t->o = o;
    t->opened_at = card->card.report.opened_at;
    t->from = t->opened_at + settle_ms(o);
    const json_t *names = sb_policy_sensitive(o->policy);
    bool what_if = card->card.kind == SB_KIND_WHAT_IF;
    t->scratch = what_if ? sb_what_if_scratch(card->card.id) : NULL;
    t->sensitive = what_if && names ? json_deep_copy(names) : NULL;
    t->all = what_if ? sb_what_if_all(&card->card) : 0;
    t->keys = card->watch.keys;
    t->keys_at = card->watch.keys_at;
    t->readings = calloc(card->card.watch.criteria_n ? card->card.watch.criteria_n : 1, sizeof *t->readings);
    t->explains = calloc(card->card.watch.criteria_n ? card->card.watch.criteria_n : 1, sizeof *t->explains);
    int rc = !t->readings || !t->explains || (what_if && (!t->scratch || (names && !t->sensitive))) || !sb_ns_split(card->card.target, db, coll) || sb_str_set(&t->card_id, card->card.id) || sb_str_set(&t->ns, card->card.target) ||
             sb_str_set(&t->index, card->card.index_name) || sb_str_set(&t->db, db) || sb_o_members(o, &t->members, &t->members_n, &t->primary);
    for (size_t i = 0; rc == 0 && i < card->card.watch.criteria_n; i++) {
        struct sb_criterion *c = SB_PUSH(t->criteria);
        rc = !c || sb_record_copy(&sb_criterion_schema, c, &card->card.watch.criteria[i]);
    }
    if (rc) {
        free_taking(t);
        return;
    }
    sb_hook("watch.read.begin");
    card->watch.away = true;
    sb_o_view(o, &t->way, read_view, t, free_taking);
}

/* ---- opening, and the clock's part ---- */

void sb_o_tail_profiles(struct sb_orchestrator *o)
{
    char **dbs = NULL;
    size_t n = 0;
    char db[64], coll[192];
    for (size_t i = 0; i < o->cards_n; i++) {
        const struct sb_card *c = &o->cards[i]->card;
        if (c->kind == SB_KIND_PROFILE && c->state == SB_WATCHING && sb_ns_split(c->target, db, coll) && !sb_strs_has(dbs, n, db) && sb_strs_push(&dbs, &n, db))
            break;
    }
    if (o->telemetry)
        sb_telemetry_tail_profiles(o->telemetry, dbs, n);
    for (size_t i = 0; i < n; i++)
        free(dbs[i]);
    free(dbs);
}

/* From here on the Anomaly Detector's series decide: the case says so, and by which limits. */
static void hand_to_watch(struct sb_orchestrator *o, const struct held_card *card)
{
    const struct sb_card *c = &card->card;
    struct held_case *held = c->case_id ? sb_o_case(o, c->case_id) : NULL;
    struct sb_evidence *facts = NULL;
    struct sb_err err = SB_ERR_INIT;
    size_t n = 0;
    int rc = 0;
    if (!held)
        return;
    for (size_t i = 0; rc == 0 && i < c->watch.criteria_n; i++) {
        const struct sb_criterion *k = &c->watch.criteria[i];
        char *limit = sb_format("%s %" PRId64 " %s", k->at_least ? "at least" : "at most", k->limit, k->unit ? k->unit : "");
        rc = limit ? sb_evidence_add(&facts, &n, "the card", c->target, k->label ? k->label : k->metric, limit, "measured", card->card.report.opened_at) : -1;
        free(limit);
    }
    char *why = sb_format("%s is carried out: whether it did harm is measured for %" PRId64 " s now", c->id, c->watch.window_s);
    rc = rc || !why ? sb_fail_nomem(&err)
                    : sb_o_hand_over(o, held, &(struct handing){.from = SB_BY_ORCHESTRATOR, .to = SB_BY_ANOMALY_DETECTOR, .why = why, .risk = "a window sees what happens in it, and no nightly job after it",
                                                                .otherwise = "to whoever wrote it, if it fails", .evidence = facts, .n = n}, &err);
    if (rc)
        sb_o_notice(o, SB_MEDIUM, "%s is watched, and the hand-off is not on the record: %s", c->id, err.msg);
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_evidence_schema, &facts[i]);
    free(facts);
    free(why);
}

void sb_o_open_watch(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_watch_report *r = &card->card.report;
    sb_record_release(&sb_watch_report_schema, r);
    sb_o_forget_events(card);
    r->opened_at = sb_o_deployment_now(o);
    r->ends_at = r->opened_at + card->card.watch.window_s * 1000;
    memset(&card->watch, 0, sizeof card->watch);
    card->watch.keys = -1;
    card->watch.last_at = r->opened_at;
    card->watch.next_ms = sb_mono_ms() + READ_EVERY_MS;
    card->watch.overdue_ms = sb_mono_ms() + card->card.watch.window_s * 1000 / o->facts.speed + OVERDUE_MS;
    sb_hook("watch.open.before");
    record_report(o, card);
    sb_hook("watch.open.after");
    hand_to_watch(o, card);
    if (card->card.kind == SB_KIND_PROFILE)
        sb_o_tail_profiles(o);
}

void sb_o_tick_watches(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    for (size_t i = 0; o->telemetry && i < o->cards_n; i++) {
        struct held_card *card = o->cards[i];
        if (card->card.state != SB_WATCHING)
            continue;
        bool over = o->have_strip && o->strip.at >= card->card.report.ends_at;
        if (card->watch.overdue_ms == 0) { /* taken over from an earlier process */
            card->watch.keys = -1;
            card->watch.overdue_ms = now + card->card.watch.window_s * 1000 / o->facts.speed + OVERDUE_MS;
        }
        if (card->card.kind == SB_KIND_PROFILE) {
            if ((over || now > card->watch.overdue_ms) && now >= card->watch.next_ms)
                end_by_itself(o, card);
        } else if (card->card.kind == SB_KIND_WHAT_IF) {
            if (now >= card->watch.next_ms && (card->card.report.measured || now > card->watch.overdue_ms)) {
                end_by_itself(o, card);
            } else if (now >= card->watch.next_ms && !card->watch.away) {
                card->watch.next_ms = now + READ_EVERY_MS;
                take(o, card);
            }
        } else if (card->card.report.verdict != SB_VERDICT_NONE) {
            sb_o_follow_verdict(o, card); /* it is on the record, and what follows from it is not yet */
        } else if (follow_events(o, card)) {
            continue;
        } else if (now > card->watch.overdue_ms) {
            end_measuring(o, card, true, false); /* whatever still hangs */
        } else if (!card->watch.away && (now >= card->watch.next_ms || over)) {
            int64_t spread = card->card.watch.window_s * 1000 / o->facts.speed / READINGS;
            card->watch.next_ms = now + (spread > READ_EVERY_MS ? spread : READ_EVERY_MS);
            take(o, card);
        }
    }
}
