/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/cli/card_text.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/tour.h>

#include <inttypes.h>
#include <string.h>

#define QUIET_MS (15 * 60 * 1000) /* deployment time without an anomaly after which there is nothing to tell */
#define SILENCE_MS 120000         /* real time without any news */
#define APPROVED_MS 5000          /* real time in which an approval takes effect */
#define AWAY_MS 20000             /* real time without a sample */
#define SILENT_MS 3000             /* a sample comes every second */

struct tour {
    struct sb_session *s;
    int64_t seq;
    int64_t first_at, now; /* deployment time */
    int64_t approved_at;   /* monotonic */
    int64_t told_at;       /* of the line that was told last */
    int64_t samples, sampled_at; /* how many there were, and when (monotonic) the last one was new */
    bool connected, warm, anomaly_told, class_told, card_told, approved, rolled_back, over;
    int class_;            /* of the anomaly as last told */
    int state;             /* of the card as last told */
    int64_t readings;      /* told */
    int64_t progress;      /* percent last told */
    char *card, *case_id;
    bool welcomed;
    struct sb_err err;
};

static void heading(const char *title)
{
    sb_print("\n== %s\n", title);
}

/* News of what happened a little earlier is told when it comes: time only goes on. */
static void at(struct tour *t, int64_t ms)
{
    char text[SB_TIME_LEN + 1];
    t->told_at = ms > t->told_at ? ms : t->told_at;
    sb_time_format(text, t->told_at);
    sb_print("%.8s  ", text + 11);
}

static void ask(struct tour *t, struct sb_message *m)
{
    if (m)
        m->seq = ++t->seq;
    sb_session_ask(t->s, m);
}

static void ask_decision(struct tour *t, int type, const struct sb_card *c)
{
    struct sb_message *m = sb_message_new(type, 0);
    struct sb_decision_on *d = m ? m->body : NULL;
    if (d && (sb_str_set(&d->card, c->id) || sb_str_set(&d->hash, c->hash) || sb_str_set(&d->target, c->target))) {
        sb_message_free(m);
        m = NULL;
    }
    if (d)
        d->revision = c->revision;
    ask(t, m);
}

/* ---- what is told ---- */

static void tell_strip(struct tour *t, const struct sb_strip *s)
{
    if (!s->ledger_ok) { /* what happens now is on no record: there is nothing to follow any more */
        sb_fail(&t->err, SB_ELEDGER, "%s", s->ledger_note ? s->ledger_note : "the ledger cannot be written");
        t->over = true;
        return;
    }
    t->now = s->at ? s->at : t->now;
    if (s->samples != t->samples || t->sampled_at == 0) {
        t->samples = s->samples;
        t->sampled_at = sb_mono_ms();
    } else if (sb_mono_ms() - t->sampled_at > AWAY_MS) {
        sb_fail(&t->err, SB_ESERVER, "%s: no sample for %d s: %s", sb_session_target(t->s), AWAY_MS / 1000, s->note ? s->note : "it does not answer");
        t->over = true;
        return;
    }
    if (t->approved && t->state == SB_AWAITING_APPROVAL && sb_mono_ms() - t->approved_at > APPROVED_MS) {
        sb_fail(&t->err, SB_EPOLICY, "%s still waits: policy wants other or more approvals than the one person of a tour can give", t->card);
        t->over = true;
        return;
    }
    if (s->samples == 0)
        return;
    if (!t->connected) {
        t->connected = true;
        t->first_at = s->at;
        heading("Watching");
        for (size_t i = 0; i < s->members_n; i++)
            sb_print("  %-22s %s\n", s->members[i].name, s->members[i].state);
    }
    if (!t->warm && s->warmup_need > 0 && s->warmup_done >= s->warmup_need) {
        t->warm = true;
        at(t, s->at);
        sb_print("baselines learned from %" PRId64 " samples; the program sends %.1f commands a second to the busiest member\n", s->samples,
                 (double)s->commands_per_s_milli / 1000);
    }
    if (t->warm && !t->anomaly_told && s->at - t->first_at > QUIET_MS) {
        heading("Nothing to report");
        sb_print("No anomaly in %" PRId64 " minutes of deployment time.\n", (s->at - t->first_at) / 60000);
        t->over = true;
    }
}

static void tell_anomaly(struct tour *t, const struct sb_anomaly *a)
{
    if (!t->connected || (a->to && !t->anomaly_told))
        return; /* of an earlier run */
    if (a->trend) {
        at(t, a->detected_at);
        sb_print("%s trend: %s\n", a->id, a->title);
        return;
    }
    if (!t->anomaly_told) {
        t->anomaly_told = true;
        heading("Anomaly");
        at(t, a->detected_at);
        sb_print("%s %s\n", a->id, a->title);
    }
    if (t->class_told && a->class_ != t->class_) {
        t->class_ = a->class_;
        at(t, t->now);
        sb_print("%s is now class %s: %s\n", a->id, sb_name(&sb_anomaly_classes, a->class_), a->class_reason);
    }
    if (!t->class_told && (a->shapes_n || a->class_ == SB_CLASS_LOAD)) {
        t->class_told = true;
        t->class_ = a->class_;
        sb_print("  began %" PRId64 " s before it was detected; class %s: %s\n", (a->detected_at - a->from) / 1000, sb_name(&sb_anomaly_classes, a->class_),
                 a->class_reason);
        for (size_t i = 0; i < a->causes_n; i++)
            sb_print("  suspect %" PRId64 ": %s\n      %s\n", a->causes[i].rank, a->causes[i].what, a->causes[i].evidence);
        sb_print("  not explained: %.0f %%\n", (double)a->unexplained_ppm / 1e4);
    }
}

static void tell_readings(struct tour *t, const struct sb_card *c)
{
    const struct sb_watch_report *r = &c->report;
    if (r->readings_n == 0 || r->observed_s == t->readings)
        return;
    t->readings = r->observed_s;
    at(t, t->now);
    sb_print("watching %" PRId64 " of %" PRId64 " s, %" PRId64 " operations", r->observed_s, c->watch.window_s, r->operations);
    for (size_t i = 0; i < r->readings_n && i < c->watch.criteria_n; i++)
        if (r->readings[i].measured && c->watch.criteria[i].decisive)
            sb_print("; %s %" PRId64 "%s", c->watch.criteria[i].metric, r->readings[i].value, !r->readings[i].breached ? "" : c->watch.criteria[i].at_least ? " (under its limit)" : " (over its limit)");
    sb_print("\n");
}

static void tell_progress(struct tour *t, const struct sb_card *c)
{
    const struct sb_progress *p = &c->progress;
    int64_t percent = p->total > 0 ? p->done * 100 / p->total : -1;
    if (percent >= 0 && percent / 25 != t->progress / 25) {
        t->progress = percent;
        at(t, t->now);
        sb_print("%s: %" PRId64 " %%\n", p->phase ? p->phase : "building", percent);
    }
}

static void tell_card_news(struct tour *t, const struct sb_card *c)
{
    if (t->card && !sb_streq(t->card, c->id))
        return;
    if (!t->card && (sb_str_set(&t->card, c->id) || sb_str_set(&t->case_id, c->case_id)))
        return;
    bool moved = c->state != t->state;
    if (!t->card_told && c->state != SB_DRAFT && c->state != SB_PROPOSED) {
        t->card_told = true;
        heading("Card");
        sb_card_print_contract(c);
        heading("Policy");
        sb_card_print_policy(c);
    }
    if (moved && t->card_told) {
        at(t, t->now);
        sb_print("%s is %s%s%s\n", c->id, sb_name(&sb_states, c->state), c->note ? ": " : "", c->note ? c->note : "");
    }
    t->state = c->state;
    if (c->state == SB_AWAITING_APPROVAL && !t->approved) {
        t->approved = true;
        t->approved_at = sb_mono_ms();
        heading("Approval");
        sb_print("An operator would press A, read the commands, and type %s. Hash signed: %s\n", c->target, c->hash);
        ask_decision(t, SB_ASK_APPROVE, c);
    }
    if (c->state == SB_EXECUTING)
        tell_progress(t, c);
    if (c->state == SB_WATCHING)
        tell_readings(t, c);
    if (moved && (c->state == SB_DONE || (c->state == SB_FAILED && c->report.verdict)) && !t->rolled_back) {
        heading("Verdict");
        sb_card_print_report(c);
    }
    if (moved && c->state == SB_FAILED && c->report.verdict == SB_VERDICT_FAIL && !t->rolled_back) {
        t->rolled_back = true;
        heading("Roll back");
        sb_print("An operator would press u and type %s.\n", c->target);
        ask_decision(t, SB_ASK_ROLLBACK, c);
    } else if (moved && !sb_card_open(c)) {
        t->over = true;
    } else if (moved && c->state == SB_FAILED) {
        bool silent = sb_mono_ms() - t->sampled_at > SILENT_MS; /* then it is the server's silence that it failed of */
        sb_fail(&t->err, silent ? SB_ESERVER : SB_ENO, "%s failed: %s", c->id, c->note ? c->note : "");
        t->over = true;
    }
}

static void tell_case(struct tour *t, const struct sb_case *c)
{
    if (c->handoffs_n && !t->case_id) {
        const struct sb_handoff *h = &c->handoffs[c->handoffs_n - 1];
        if (sb_str_set(&t->case_id, c->id))
            return;
        heading("Hand-off");
        sb_print("%s: %s -> %s, because %s; risk: %s\n", c->id, sb_name(&sb_specialists, h->from), sb_name(&sb_specialists, h->to), h->why, h->risk);
    }
    if (c->closed_at && c->cards_n == 0 && sb_streq(c->id, t->case_id)) {
        heading("Outcome");
        sb_print("%s: %s\n", c->id, c->outcome);
        t->over = true;
    }
}

static void take(struct tour *t, const struct sb_message *m)
{
    switch (m->type) {
    case SB_NEWS_WELCOME: {
        const struct sb_welcome *w = m->body;
        if (w->deployment_id && w->deployment_id[0] && w->server_version && !t->welcomed) {
            t->welcomed = true;
            sb_print("%s%s: MongoDB %s, set %s, environment %s, policy %s\n", w->deployment, w->simulated ? " (SIMULATED)" : "", w->server_version,
                     w->set_name ? w->set_name : "-", sb_name(&sb_environments, w->environment), w->policy);
        }
        break;
    }
    case SB_NEWS_STRIP: tell_strip(t, m->body); break;
    case SB_NEWS_ANOMALY: tell_anomaly(t, m->body); break;
    case SB_NEWS_CARD: tell_card_news(t, m->body); break;
    case SB_NEWS_CASE: tell_case(t, m->body); break;
    case SB_NEWS_NOTICE: sb_print("  note: %s\n", ((const struct sb_notice *)m->body)->text); break;
    case SB_NEWS_ANSWER: {
        const struct sb_answer *a = m->body;
        if (!a->ok) {
            sb_fail(&t->err, a->status == sb_exit_status(SB_ELEDGER) ? SB_ELEDGER : SB_ENO, "%s", a->text);
            t->over = true;
        }
        break;
    }
    default: break;
    }
    if ((fflush(stdout) || ferror(stdout)) && !t->over) { /* told to nobody: why is said at the end of the program */
        sb_fail(&t->err, SB_EIO, "the tour could not be written to standard output");
        t->over = true;
    }
}

int sb_tour_run(struct sb_session *s, char **case_id, struct sb_err *err)
{
    struct tour t = {.s = s, .state = -1, .readings = -1, .progress = -1};
    ask(&t, sb_message_hello(0, "tour", false));
    sb_print("One case, from its beginning to its end, on a simulated replica set.\n");
    while (!t.over) {
        struct sb_message *m = sb_session_wait(s, -1, -1, SILENCE_MS);
        if (!m) {
            sb_fail(&t.err, SB_EIO, "no news for %d s", SILENCE_MS / 1000);
            break;
        }
        take(&t, m);
        if (m->type == SB_NEWS_BYE && !t.over) {
            const struct sb_text *why = m->body;
            sb_fail(&t.err, SB_EIO, "the orchestrator ended before the case did%s%s", why->text && why->text[0] ? ": " : "", why->text ? why->text : "");
            t.over = true;
        }
        sb_message_free(m);
    }
    free(t.card);
    if (t.err.code == SB_OK)
        *case_id = t.case_id;
    else
        free(t.case_id);
    if (t.err.code != SB_OK && err)
        *err = t.err;
    return t.err.code == SB_OK ? 0 : -1;
}
