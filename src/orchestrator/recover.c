/* SPDX-License-Identifier: Apache-2.0
 *
 * After a start: what an earlier process left open. An intent without a result is in doubt and is probed; nothing is ever
 * guessed from how far things usually get. */
#include "private.h"

#include <signalbox/base/hook.h>

#include <string.h>

#define PROBE_AGAIN_MS 2000

/* ---- what the record says of a card's steps ---- */

struct history {
    int64_t started;      /* highest forward step with an intent */
    int64_t verified;     /* forward steps verified, counted from 1 */
    int64_t attempts;     /* of the last step */
    int64_t open_step;    /* of the intent without a result; 0 none */
    bool open_undo;
    int64_t undone;       /* undo steps verified */
    bool result_unverified; /* the last forward step was answered and not read back */
};

static int take_entry(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct history *h = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    int64_t step = sb_json_int(e->body, "step");
    bool undo = json_is_true(json_object_get(e->body, "undo"));
    switch (e->kind) {
    case SB_ENTRY_STEP_INTENT:
        h->open_step = step;
        h->open_undo = undo;
        h->attempts = sb_json_int(e->body, "try");
        if (!undo && step > h->started)
            h->started = step;
        break;
    case SB_ENTRY_STEP_RESULT:
        if (undo == h->open_undo && step == h->open_step && !sb_streq(sb_json_str(e->body, "outcome"), "unknown"))
            h->open_step = 0;
        h->result_unverified = !undo && sb_streq(sb_json_str(e->body, "outcome"), "ok");
        break;
    case SB_ENTRY_STEP_VERIFIED:
        if (json_is_true(json_object_get(e->body, "ok"))) {
            if (undo)
                h->undone++;
            else
                h->verified = step;
            h->result_unverified = false;
        }
        break;
    default:
        break;
    }
    return 0;
}

static int read_history(struct sb_orchestrator *o, const char *card, struct history *h, struct sb_err *err)
{
    memset(h, 0, sizeof *h);
    h->attempts = 1;
    return sb_ledger_by_ref(o->ledger, card, take_entry, h, err);
}

/* ---- the probe ---- */

static void record_probe(struct sb_orchestrator *o, struct held_card *card, const char *found, const char *detail)
{
    sb_o_record(o, SB_ENTRY_STEP_PROBE, NULL, &(struct refs){.card = card},
                json_pack("{s:I,s:b,s:s,s:s}", "step", (json_int_t)card->run.step, "undo", card->run.undoing, "found", found, "detail", detail), NULL);
}

/* The open intent has an outcome now, found by looking instead of by an answer. */
static void record_recovered(struct sb_orchestrator *o, struct held_card *card, const char *outcome)
{
    sb_o_record(o, SB_ENTRY_STEP_RESULT, NULL, &(struct refs){.card = card},
                json_pack("{s:I,s:I,s:b,s:s,s:b}", "step", (json_int_t)card->run.step, "try", (json_int_t)card->run.attempt, "undo", card->run.undoing,
                          "outcome", outcome, "recovered", 1), NULL);
}

static void found_forward(struct sb_orchestrator *o, struct held_card *card, enum truth done, bool running, const char *detail)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    if (done == CHECK_TRUE) {
        record_probe(o, card, "done", detail);
        record_recovered(o, card, "ok");
        card->run.resume_verify = true;
        sb_o_move(o, card, SB_EV_PROBED_FORWARD, NULL, "it had been done; reading it back", NULL);
    } else if (running) {
        record_probe(o, card, "running", detail);
        card->run.resume_verify = true;
        sb_o_move(o, card, SB_EV_PROBED_FORWARD, NULL, "it is still being done by the server; waiting for it", NULL);
    } else if (card->card.execute_by && now > card->card.execute_by) {
        record_probe(o, card, "not_done", detail);
        record_recovered(o, card, "failed");
        sb_o_move(o, card, SB_EV_STEP_FAILED, NULL, "it had not been done, and the time to execute it is over", NULL);
    } else if (card->card.steps[card->run.step - 1].class_ == SB_STEP_IRREVERSIBLE) {
        record_probe(o, card, "not_done", detail);
        sb_o_notice(o, SB_HIGH, "%s: step %lld cannot be undone and is never sent twice; stop the card or roll it back", card->card.id, (long long)card->run.step);
        card->run.next_ms = INT64_MAX;
    } else {
        record_probe(o, card, "not_done", detail);
        record_recovered(o, card, "failed");
        card->run.resume_verify = false;
        card->run.attempt++;
        sb_o_move(o, card, SB_EV_PROBED_FORWARD, NULL, "it had not been done; it is sent again", NULL);
    }
}

static void found_back(struct sb_orchestrator *o, struct held_card *card, enum truth gone, const char *detail)
{
    record_probe(o, card, gone == CHECK_TRUE ? "done" : "not_done", detail);
    record_recovered(o, card, gone == CHECK_TRUE ? "ok" : "failed");
    card->run.probed_back = true;
    card->run.resume_verify = gone == CHECK_TRUE;
    sb_o_move(o, card, SB_EV_PROBED_BACK, NULL, gone == CHECK_TRUE ? "the undo had been done; reading it back" : "the undo had not been done; it is sent again", NULL);
}

static void probed(struct sb_orchestrator *o, struct checking *c)
{
    struct held_card *card = sb_o_card(o, c->card_id);
    sb_hook("recover.probed");
    if (card) {
        const struct check_result *r = &c->results[0];
        bool running = false;
        card->run.away = false;
        card->run.phase = PHASE_NONE;
        for (size_t i = 0; c->have_catalogue && i < c->catalogue.builds_n; i++)
            running |= sb_streq(c->catalogue.builds[i].name, card->card.index_name);
        if (card->card.state != SB_IN_DOUBT) {
            /* a person has decided meanwhile */
        } else if (r->truth == CHECK_UNKNOWN && !running) {
            card->run.next_ms = sb_mono_ms() + PROBE_AGAIN_MS; /* not known yet: asked again, never guessed */
        } else if (card->run.undoing) {
            found_back(o, card, r->truth, r->text);
        } else {
            found_forward(o, card, r->truth, running, r->text);
        }
    }
    sb_o_checking_free(c);
}

void sb_o_probe(struct sb_orchestrator *o, struct held_card *card)
{
    if (card->run.away || !o->connected || card->run.step < 1 || (size_t)card->run.step > card->card.steps_n)
        return;
    const struct sb_step *s = &card->card.steps[card->run.step - 1];
    struct sb_check gone = {.check = (char *)(uintptr_t)"index_gone", .ns = card->card.target, .name = card->card.index_name};
    const struct sb_check *check = &gone;
    if (!card->run.undoing && s->check_after_n)
        check = &s->check_after[0];
    else if (card->card.kind != SB_KIND_CREATE_INDEX && s->check_before_n)
        check = &s->check_before[s->check_before_n - 1];
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
    for (size_t i = 0; i < SB_COUNT(ends) && sb_card_open(&card->card); i++)
        if (sb_lifecycle_next((enum sb_state)card->card.state, ends[i]))
            sb_o_move(o, card, ends[i], NULL, "the simulator it was for has ended", NULL);
}

static void recover_card(struct sb_orchestrator *o, struct held_card *card)
{
    struct history h;
    struct sb_err err = SB_ERR_INIT;
    if (read_history(o, card->card.id, &h, &err)) {
        sb_o_notice(o, SB_HIGH, "%s cannot be taken up: %s", card->card.id, err.msg);
        return;
    }
    card->run.started = h.started;
    card->run.attempt = h.attempts;
    card->run.undoing = h.open_step ? h.open_undo : card->card.state == SB_ROLLING_BACK;
    card->run.step = h.open_step ? h.open_step : card->run.undoing ? h.started - h.undone : h.verified + 1;
    card->run.resume_verify = h.result_unverified;
    switch (card->card.state) {
    case SB_DRAFT:
        sb_o_move(o, card, SB_EV_PROPOSE, NULL, "taken up again after a restart", NULL);
        break;
    case SB_PROPOSED: {
        int decision = sb_o_gate(o, card, "gate", NULL, NULL, false, &err);
        sb_o_move(o, card, decision == SB_ALLOW ? SB_EV_ALLOW : decision == SB_REQUIRE ? SB_EV_REQUIRE : SB_EV_DENY, NULL, "policy was asked again after a restart", NULL);
        break;
    }
    case SB_EXECUTING:
    case SB_ROLLING_BACK:
        if (h.open_step) {
            sb_o_move(o, card, SB_EV_LOST, NULL, "the last owner ended between an intent and its result", NULL);
        } else if (card->card.state == SB_EXECUTING) {
            sb_o_run(o, card);
        } else {
            sb_o_undo_on(o, card);
        }
        break;
    case SB_IN_DOUBT:
        sb_o_probe(o, card);
        break;
    default:
        break; /* what waits, waits on; the clock takes it up */
    }
}

static void close_old_anomalies(struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->anomalies_n; i++) {
        struct held_anomaly *a = o->anomalies[i];
        if (a->detector_id || a->anomaly.to)
            continue;
        int64_t to = a->anomaly.to;
        a->anomaly.to = a->anomaly.detected_at; /* how long it went on is not known: it was last seen then */
        json_t *json = sb_record_to_json(&sb_anomaly_schema, &a->anomaly);
        a->anomaly.to = to;
        sb_o_record(o, SB_ENTRY_ANOMALY, NULL, &(struct refs){.anomaly = a}, json ? json_pack("{s:o}", "anomaly", json) : NULL, NULL);
    }
}

void sb_o_recover(struct sb_orchestrator *o)
{
    close_old_anomalies(o);
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
            sb_o_record(o, SB_ENTRY_CASE_CLOSE, NULL, &(struct refs){.case_ = c}, json_pack("{s:s}", "outcome", "the console ended before a specialist had answered"), NULL);
        else if (!c->case_.closed_at)
            sb_o_close_case_if_settled(o, c->case_.id);
    }
    sb_o_tail_profiles(o);
}
