/* SPDX-License-Identifier: Apache-2.0
 *
 * After a start: what an earlier process left open. An intent without a result is in doubt and is probed; nothing is ever
 * guessed from how far things usually get. */
#include "step_history.h"

#include <signalbox/base/hook.h>

#include <string.h>

#define PROBE_AGAIN_MS 2000

/* ---- outcomes without an answer ---- */

int sb_o_record_outcome(struct sb_orchestrator *o, struct held_card *card, int64_t step, int64_t tries, bool undo, const char *outcome, const char *message)
{
    int rc = sb_o_record(o, SB_ENTRY_STEP_RESULT, NULL, &(struct refs){.card = card},
                         json_pack("{s:I,s:I,s:b,s:s,s:b,s:o}", "step", (json_int_t)step, "try", (json_int_t)tries, "undo", undo, "outcome", outcome, "recovered", 1,
                                   "message", sb_o_words(message)), NULL);
    sb_hook("recover.result.recorded");
    return rc;
}

/* Each intent gets its outcome: where nobody has heard the answer it is "unknown", until a probe has looked. */
static int note_lost(struct sb_orchestrator *o, struct held_card *card, const struct sent_last *s, bool undo)
{
    for (size_t i = 0; i < s->beside_n; i++)
        if (sb_o_record_outcome(o, card, s->step, s->beside[i], undo, "unknown", "the last owner ended before it was answered"))
            return -1;
    if (!s->step || s->outcome != NO_OUTCOME || s->verified)
        return 0;
    return sb_o_record_outcome(o, card, s->step, s->tries, undo, "unknown", "the last owner ended before it was answered");
}

int sb_o_settle_unsent(struct sb_orchestrator *o, struct held_card *card)
{
    struct history h;
    if (sb_o_step_history(o, &card->card, &h, NULL))
        return -1;
    const struct sent_last *s = h.last_back ? &h.back : &h.forward;
    if (!s->step || s->outcome != NO_OUTCOME || s->tries == (h.last_back ? card->run.undo_tries : card->run.tries))
        return 0; /* it is not on the record, or it is one that was sent */
    if (sb_o_record_outcome(o, card, s->step, s->tries, h.last_back, "failed", "its record could not be confirmed at the time, so it was not sent"))
        return -1;
    *(h.last_back ? &card->run.undo_tries : &card->run.tries) = s->tries;
    return 0;
}

/* ---- the probe ---- */

static int record_probe(struct sb_orchestrator *o, struct held_card *card, const char *found, const char *detail)
{
    int rc = sb_o_record(o, SB_ENTRY_STEP_PROBE, NULL, &(struct refs){.card = card},
                         json_pack("{s:I,s:b,s:s,s:o}", "step", (json_int_t)card->run.step, "undo", card->run.undoing, "found", found, "detail", sb_o_words(detail)), NULL);
    sb_hook("recover.probe.recorded");
    return rc;
}

/* Puts on the record what the probe found, and with it the outcome of the open intent. */
static int record_found(struct sb_orchestrator *o, struct held_card *card, bool done, const char *detail)
{
    int64_t tries = card->run.undoing ? card->run.undo_tries : card->run.tries;
    if (record_probe(o, card, done ? "done" : "not_done", detail) ||
        sb_o_record_outcome(o, card, card->run.step, tries, card->run.undoing, done ? "ok" : "failed", detail))
        return -1;
    card->run.unanswered = false;
    card->run.sent = done;
    return 0;
}

static void found_forward(struct sb_orchestrator *o, struct held_card *card, enum truth done, bool running, const char *detail)
{
    if (running) {
        if (record_probe(o, card, "running", detail))
            return;
        card->run.sent = true; /* it has no outcome yet: reading back will tell */
        sb_o_must_move(o, card, SB_EV_PROBED_FORWARD, "it is still being done by the server; waiting for it");
    } else if (done != CHECK_TRUE && card->card.steps[card->run.step - 1].class_ == SB_STEP_IRREVERSIBLE) {
        record_probe(o, card, "not_done", detail);
        sb_o_notice(o, SB_HIGH, "%s: step %lld cannot be undone and is never sent twice; stop the card or roll it back", card->card.id, (long long)card->run.step);
        card->run.next_ms = INT64_MAX;
    } else if (record_found(o, card, done == CHECK_TRUE, detail)) {
        return; /* no record, no consequence: it is probed again */
    } else if (done == CHECK_TRUE) {
        sb_o_must_move(o, card, SB_EV_PROBED_FORWARD, "it had been done; reading it back");
    } else if (card->card.execute_by && sb_o_overdue(o, card->card.execute_by, card->execute_by_mono)) {
        sb_o_must_move(o, card, SB_EV_STEP_FAILED, "it had not been done, and the time to execute it is over");
    } else {
        sb_o_must_move(o, card, SB_EV_PROBED_FORWARD, "it had not been done; it is sent again if the facts still allow it");
    }
}

static void found_back(struct sb_orchestrator *o, struct held_card *card, bool done, const char *detail)
{
    if (record_found(o, card, done, detail))
        return;
    if (card->run.stopping) {
        sb_o_undo_on(o, card);
        return;
    }
    card->run.probed_back = true;
    sb_o_must_move(o, card, SB_EV_PROBED_BACK, done ? "the undo had been done; reading it back" : "the undo had not been done; it is sent again");
}

/* Not known yet: asked again, never guessed. Why is said once. */
static void ask_again(struct sb_orchestrator *o, struct held_card *card, const char *why)
{
    card->run.phase = PHASE_PROBE;
    if (sb_streq(card->run.waits, why))
        return;
    snprintf(card->run.waits, sizeof card->run.waits, "%s", why);
    sb_o_notice(o, SB_HIGH, "%s stays in doubt: %s", card->card.id, why);
}

/* Its own index is being built, or is there and not yet on every member: reading back will tell. */
static bool being_done(const struct held_card *card, const struct sb_catalogue *catalogue)
{
    char why[200];
    return card->card.kind == SB_KIND_CREATE_INDEX &&
           sb_catalogue_built(catalogue, card->card.index_name, card->card.index_key, why, sizeof why) == SB_BUILDING;
}

static void probed(struct sb_orchestrator *o, struct checking *c)
{
    struct held_card *card = sb_o_checking_card(o, c);
    sb_hook("recover.probed");
    if (card) {
        const struct check_result *r = &c->results[0];
        bool running = c->have_catalogue && !card->run.undoing && being_done(card, &c->catalogue);
        card->run.away = false;
        card->run.phase = PHASE_NONE;
        card->run.next_ms = sb_mono_ms() + PROBE_AGAIN_MS;
        if (card->card.state != SB_IN_DOUBT && !card->run.stopping)
            ; /* a person has decided meanwhile */
        else if (r->truth == CHECK_UNKNOWN && !running)
            ask_again(o, card, r->text);
        else if (card->run.undoing)
            found_back(o, card, r->truth == CHECK_TRUE, r->text);
        else
            found_forward(o, card, r->truth, running, r->text);
    }
    sb_o_checking_free(c);
}

void sb_o_probe(struct sb_orchestrator *o, struct held_card *card)
{
    if (card->run.away || !sb_o_may_send(o, card) || card->run.step < 1 || (size_t)card->run.step > card->card.steps_n)
        return; /* it stays in doubt */
    const struct sb_step *s = &card->card.steps[card->run.step - 1];
    struct sb_check undone = sb_o_undo_check(card);
    const struct sb_check *check = !card->run.undoing && s->check_after_n ? &s->check_after[0] : &undone;
    sb_hook("recover.probe.begin");
    card->run.phase = PHASE_PROBE;
    card->run.away = sb_o_check(o, card, check, 1, probed);
    if (!card->run.away)
        card->run.next_ms = sb_mono_ms() + PROBE_AGAIN_MS;
}

/* ---- the start ---- */

/* A simulator that has ended takes its open cards with it. */
static void end_simulated(struct sb_orchestrator *o, struct held_card *card)
{
    static const enum sb_event ends[] = {SB_EV_EXPIRE, SB_EV_SUPERSEDE, SB_EV_WATCH_INCONCLUSIVE, SB_EV_LOST, SB_EV_STOP, SB_EV_CLOSE};
    struct history h;
    if (sb_o_step_history(o, &card->card, &h, NULL) || note_lost(o, card, &h.forward, false) || note_lost(o, card, &h.back, true))
        return;
    for (size_t i = 0; i < SB_COUNT(ends) && sb_card_open(&card->card); i++)
        if (sb_lifecycle_next((enum sb_state)card->card.state, ends[i]))
            sb_o_move(o, card, ends[i], NULL, "the simulator it was for has ended", NULL);
}

/* Where the plan stands, by the record alone. */
static void place(struct sb_orchestrator *o, struct held_card *card, const struct history *h)
{
    struct run *r = &card->run;
    int state = card->card.state;
    r->started = h->started;
    r->tries = h->forward.step > h->verified ? h->forward.tries : 0;
    r->undo_tries = h->undo_tries;
    r->undoing = state == SB_ROLLING_BACK || (state == SB_IN_DOUBT && h->last_back) || (state == SB_FAILED && h->stopped && h->back.step);
    if (r->undoing) {
        r->hiding = h->back.step ? h->hiding : state == SB_ROLLING_BACK && sb_o_hide_fits(o, card);
        r->step = h->back.step && !h->back.verified ? h->back.step : h->started - h->undone;
        r->sent = sb_sent_unverified(&h->back);
        r->unanswered = sb_sent_in_doubt(&h->back);
    } else {
        r->step = h->verified + 1;
        r->sent = sb_sent_unverified(&h->forward);
        r->unanswered = sb_sent_in_doubt(&h->forward);
    }
}

int sb_o_recall(struct sb_orchestrator *o, struct held_card *card, struct sb_err *err)
{
    struct history h;
    if (sb_o_step_history(o, &card->card, &h, err))
        return -1;
    place(o, card, &h);
    return 0;
}

static void recover_forward(struct sb_orchestrator *o, struct held_card *card, const struct history *h)
{
    if (sb_sent_refused(&h->forward))
        sb_o_must_move(o, card, SB_EV_STEP_FAILED, h->forward.why);
    else if (card->card.state == SB_PAUSED)
        sb_o_notice(o, SB_MEDIUM, "%s is paused; %s", card->card.id,
                    sb_sent_in_doubt(&h->forward) ? "whether its last step happened is not known, and is looked at when it is resumed" : "resume it, stop it or roll it back");
    else if (sb_sent_in_doubt(&h->forward))
        sb_o_must_move(o, card, SB_EV_LOST, "the last owner ended between an intent and its result");
    else
        sb_o_run(o, card);
}

static void recover_back(struct sb_orchestrator *o, struct held_card *card, const struct history *h)
{
    if (sb_sent_refused(&h->back))
        sb_o_undo_failed(o, card, h->back.why);
    else if (sb_sent_in_doubt(&h->back))
        sb_o_must_move(o, card, SB_EV_LOST, "the last owner ended between the undo's intent and its result");
    else
        sb_o_undo_on(o, card);
}

/* A stop that the last owner had not carried to its end: the running step is aborted, or how its abort went is looked at. */
static void recover_stopped(struct sb_orchestrator *o, struct held_card *card, const struct history *h)
{
    if (!h->stopped || h->back.verified || !sb_o_may_send(o, card))
        return;
    if (!h->back.step) {
        if (sb_sent_in_doubt(&h->forward))
            sb_o_abort(o, card);
        return;
    }
    card->run.stopping = true;
    if (sb_sent_refused(&h->back))
        sb_o_undo_failed(o, card, h->back.why);
    else if (sb_sent_in_doubt(&h->back))
        sb_o_probe(o, card);
    else
        sb_o_undo_on(o, card);
}

static void recover_watch(struct sb_orchestrator *o, struct held_card *card)
{
    if (!card->card.report.opened_at)
        sb_o_open_watch(o, card);
    else if (card->card.report.verdict != SB_VERDICT_NONE)
        sb_o_follow_verdict(o, card);
}

/* Its approvals may have been complete when the last owner ended. */
static void recover_approved(struct sb_orchestrator *o, struct held_card *card)
{
    if (sb_card_approvals(&card->card) && sb_o_gate(o, card, "approve", NULL, NULL, false, NULL) == SB_ALLOW)
        sb_o_move(o, card, SB_EV_APPROVED, NULL, "its approvals were complete when the last owner ended", NULL);
}

static void recover_card(struct sb_orchestrator *o, struct held_card *card)
{
    struct history h;
    struct sb_err err = SB_ERR_INIT;
    if (sb_o_step_history(o, &card->card, &h, &err) || note_lost(o, card, &h.forward, false) || note_lost(o, card, &h.back, true)) {
        sb_o_notice(o, SB_HIGH, "%s cannot be taken up: %s", card->card.id, err.msg[0] ? err.msg : "the ledger cannot be written");
        return;
    }
    place(o, card, &h);
    int state = card->card.state;
    if ((state == SB_EXECUTING || state == SB_ROLLING_BACK || state == SB_IN_DOUBT) && !sb_o_may_send(o, card)) {
        sb_o_notice(o, SB_HIGH, "%s is %s and stays so: this console may not write", card->card.id, sb_name(&sb_states, state));
        return;
    }
    switch (state) {
    case SB_DRAFT:
        sb_o_move(o, card, SB_EV_PROPOSE, NULL, "taken up again after a restart", NULL);
        break;
    case SB_PROPOSED: {
        int decision = sb_o_gate(o, card, "gate", NULL, NULL, false, &err);
        sb_o_move(o, card, decision == SB_ALLOW ? SB_EV_ALLOW : decision == SB_REQUIRE ? SB_EV_REQUIRE : SB_EV_DENY, NULL, "policy was asked again after a restart", NULL);
        break;
    }
    case SB_AWAITING_APPROVAL:
        recover_approved(o, card);
        break;
    case SB_EXECUTING:
    case SB_PAUSED:
        recover_forward(o, card, &h);
        break;
    case SB_ROLLING_BACK:
        recover_back(o, card, &h);
        break;
    case SB_IN_DOUBT:
        sb_o_probe(o, card);
        break;
    case SB_FAILED:
        recover_stopped(o, card, &h);
        if (!h.stopped && !h.back.step)
            sb_o_take_back_failed(o, card);
        break;
    case SB_WATCHING:
        recover_watch(o, card);
        break;
    default:
        break; /* what waits, waits on; the clock takes it up */
    }
}

void sb_o_close_old_anomalies(struct sb_orchestrator *o, bool lasting)
{
    for (size_t i = 0; i < o->anomalies_n; i++) {
        struct held_anomaly *a = o->anomalies[i];
        if (a->detector_id || a->anomaly.to || sb_o_lasts(&a->anomaly) != lasting)
            continue;
        int64_t to = a->anomaly.to;
        a->anomaly.to = a->anomaly.detected_at; /* how long it went on is not known: it was last seen then */
        json_t *json = sb_record_to_json(&sb_anomaly_schema, &a->anomaly);
        a->anomaly.to = to;
        sb_o_record(o, SB_ENTRY_ANOMALY, NULL, &(struct refs){.anomaly = a}, json ? json_pack("{s:o}", "anomaly", json) : NULL, NULL);
    }
}

/* What rests waits on, but for what may go on now and what has ended with its simulator. */
static void wake_for_recovery(struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->resting_n;) {
        const struct resting *r = &o->resting[i];
        bool ours = sb_streq(r->deployment_id, o->facts.id);
        bool wanted = ours ? r->row.approvals > 0 : r->simulated && r->here;
        if (!wanted || !sb_o_wake_card(o, r->row.id))
            i++;
    }
}

void sb_o_recover(struct sb_orchestrator *o)
{
    sb_hook("recover.begin");
    sb_o_close_old_anomalies(o, false); /* the others go on while we are not looking: request.c */
    wake_for_recovery(o);
    for (size_t i = 0; i < o->cards_n; i++) {
        struct held_card *card = o->cards[i];
        if (!sb_card_open(&card->card))
            continue;
        if (sb_streq(card->card.deployment_id, o->facts.id))
            recover_card(o, card);
        else if (card->card.simulated && sb_streq(card->card.deployment, o->deployment))
            end_simulated(o, card);
    }
    for (size_t i = 0; i < o->cases_n; i++) {
        struct held_case *c = o->cases[i];
        if (!c->case_.closed_at && !c->consulting && c->case_.cards_n == 0)
            sb_o_record(o, SB_ENTRY_CASE_CLOSE, NULL, &(struct refs){.case_ = c}, json_pack("{s:s,s:b}", "outcome", "the console ended before a specialist had answered", "unfinished", 1), NULL);
        else if (!c->case_.closed_at)
            sb_o_close_case_if_settled(o, c->case_.id);
    }
    sb_o_tail_profiles(o);
    sb_hook("recover.done");
}
