/* SPDX-License-Identifier: Apache-2.0
 *
 * INTENT, the command on a worker, RESULT. An answer is never let go of: where it cannot be recorded now it is kept, and
 * nothing follows from it until it is on the record. */
#include "private.h"

#include <signalbox/shared/tenure.h>

#include <signalbox/base/hook.h>

#include <inttypes.h>
#include <string.h>

struct sending {
    struct sb_orchestrator *o;
    struct errand way;
    struct sending *next; /* of the card's answers that wait for the record */
    char *card_id, *command, *deployment_id;
    struct sb_permit permit;
    struct sb_write_result result;
    int64_t step, tries, turn;
    bool undo;
    struct sb_lease_step lease; /* as the store is told of it, while */
    bool entered;               /* it is under way by the store's lease */
    bool alone;                 /* sent without the store: it was away */
    struct batch batch; /* n 0: the command is the whole step. `to` is not held */
};

static void free_sending(void *p)
{
    struct sending *s = p;
    free(s->card_id);
    free(s->command);
    free(s->deployment_id);
    sb_write_result_release(&s->result);
    free(s);
}

void sb_o_drop_results(struct held_card *card)
{
    while (card->run.unrecorded) {
        struct sending *s = card->run.unrecorded;
        card->run.unrecorded = s->next;
        free_sending(s);
    }
}

static void sent(struct sb_orchestrator *o, void *p);

static void send_work(void *p)
{
    struct sending *s = p;
    struct sb_err err = SB_ERR_INIT;
    sb_hook("execute.send.before");
    s->entered = s->o->tenure && sb_tenure_enter(s->o->tenure, &s->lease, &s->alone, &err) == 0;
    if (s->o->tenure && !s->entered) {
        /* a fence that is another's does not pass; a store or a fence that did not answer does, as a server that did not */
        s->result = (struct sb_write_result){.outcome = SB_OUTCOME_FAILED, .code = err.code == SB_EPOLICY ? -1 : 0};
        snprintf(s->result.message, sizeof s->result.message, "%s", err.msg);
        sb_o_post_done(s->o, &s->way, sent, s, free_sending);
        return;
    }
    sb_hook("execute.send.fenced");
    sb_write(s->o->opt.server, s->o->executor_uri, s->deployment_id, &s->permit, s->command, &s->result);
    sb_hook("execute.send.after");
    sb_o_post_done(s->o, &s->way, sent, s, free_sending);
}

/* What makes one approval start one execution: its nonce goes in with the first intent and is refused a second time. */
char *sb_o_start_nonce(const struct held_card *card)
{
    for (size_t i = 0; i < card->card.approvals_n; i++) {
        const struct sb_approval *a = &card->card.approvals[i];
        if (!a->voided && a->revision == card->card.revision && a->nonce)
            return sb_format("%s", a->nonce);
    }
    return sb_format("%s", card->card.hash); /* policy allowed it by itself: of these bytes, once */
}

int sb_o_send(struct sb_orchestrator *o, struct held_card *card, const char *command, bool undo, const struct batch *batch, struct sb_err *err)
{
    struct sending *s = calloc(1, sizeof *s);
    int64_t tries = (undo ? card->run.undo_tries : card->run.tries) + 1, beside = batch ? batch->beside : 0;
    bool first = !undo && card->run.step == 1 && tries == 1;
    char *nonce = first ? sb_o_start_nonce(card) : NULL;
    if (!s || (first && !nonce) || sb_str_set(&s->card_id, card->card.id) || sb_str_set(&s->command, command) || sb_str_set(&s->deployment_id, o->facts.id)) {
        free(nonce);
        if (s)
            free_sending(s);
        return sb_fail_nomem(err);
    }
    s->o = o;
    sb_o_lease_step(card, card->run.step, undo, &s->lease);
    s->step = card->run.step;
    s->tries = tries;
    s->undo = undo;
    if (batch)
        s->batch = *batch;
    s->batch.to = NULL;
    sb_hook(undo ? "undo.intent.before" : "execute.intent.before");
    json_t *body = json_pack("{s:I,s:I,s:b}", "step", (json_int_t)s->step, "try", (json_int_t)tries, "undo", undo);
    if (batch && body && json_object_update_new(body, json_pack("{s:I,s:I,s:I,s:s?,s:I,s:I}", "batch", (json_int_t)batch->n, "beside", (json_int_t)batch->beside, "pass", (json_int_t)batch->pass, "to", batch->to, "done",
                                                                (json_int_t)batch->done, "total", (json_int_t)batch->total))) {
        json_decref(body);
        body = NULL;
    }
    int rc = sb_o_record_intent(o, card, body, command, nonce, &s->permit, err);
    free(nonce);
    if (rc) {
        card->run.unsent = true;
        free_sending(s);
        return -1;
    }
    sb_hook(undo ? "undo.intent.after" : "execute.intent.after");
    *(undo ? &card->run.undo_tries : &card->run.tries) = tries;
    if (!undo && card->run.step > card->run.started)
        card->run.started = card->run.step;
    card->run.phase = PHASE_SEND;
    card->run.away = true;
    card->run.sent = card->run.unanswered = false;
    card->run.forward_away += !undo;
    card->run.turn += beside == 0;
    s->turn = card->run.turn;
    if (!sb_o_work(o, &s->way, send_work, s, free_sending)) {
        card->run.away = beside > 0;
        card->run.phase = beside > 0 ? PHASE_SEND : PHASE_NONE;
        card->run.forward_away -= !undo;
        sb_o_record_outcome(o, card, card->run.step, tries, undo, "failed", "no worker took it: it was not sent");
        return sb_fail(err, SB_ENOMEM, "no worker took the command: it was not sent");
    }
    return 0;
}

/* ---- the answer ---- */

static const char *outcome_name(enum sb_outcome outcome)
{
    return outcome == SB_OUTCOME_OK ? "ok" : outcome == SB_OUTCOME_FAILED ? "failed" : "unknown";
}

int64_t sb_o_reply_changed(const char *reply)
{
    json_t *json = reply ? json_loads(reply, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    int64_t n = json_integer_value(json_object_get(json, "nModified"));
    json_decref(json);
    return n;
}

static int record_result(struct sb_orchestrator *o, struct held_card *card, struct sending *s)
{
    json_t *body = json_pack("{s:I,s:I,s:b,s:s,s:I,s:o,s:o,s:I}", "step", (json_int_t)s->step, "try", (json_int_t)s->tries, "undo", s->undo, "outcome",
                             outcome_name(s->result.outcome), "code", (json_int_t)s->result.code, "message", sb_o_words(s->result.message[0] ? s->result.message : NULL),
                             "reply", sb_o_words(s->result.reply), "millis", (json_int_t)s->result.millis);
    if (body && s->batch.n && json_object_update_new(body, json_pack("{s:I,s:I,s:I,s:I,s:I}", "batch", (json_int_t)s->batch.n, "changed", (json_int_t)sb_o_reply_changed(s->result.reply), "done",
                                                                     (json_int_t)s->batch.done, "total", (json_int_t)s->batch.total, "eta_ms", (json_int_t)s->batch.eta_ms))) {
        json_decref(body);
        body = NULL;
    }
    if (body && s->alone && json_object_set_new(body, "without_store", json_true())) {
        json_decref(body);
        body = NULL;
    }
    if (sb_o_record(o, SB_ENTRY_STEP_RESULT, NULL, &(struct refs){.card = card}, body, NULL))
        return -1;
    if (s->entered && s->result.outcome != SB_OUTCOME_UNKNOWN) /* one without an answer may still be on its way: until the record has settled it */
        sb_tenure_leave(o->tenure, &s->lease);
    s->entered = false;
    return 0;
}

/* What a step altered may be why something deviates next. */
static void tell_change(struct sb_orchestrator *o, const struct sb_card *c, const struct sending *s)
{
    char *what = sb_format("%s %s step %" PRId64 " (%s)", c->id, s->undo ? "took back" : "executed", s->step, c->title);
    const char *ns = c->blast_radius.namespaces_n == 1 ? c->blast_radius.namespaces[0] : NULL;
    if (what)
        sb_o_changed(o, &(struct sb_change){.what = what, .ns = ns, .alters = true});
    sb_o_altered_own(o, ns);
    free(what);
}

static void answered(struct sb_orchestrator *o, struct held_card *card, struct sending *s)
{
    bool overtaken = s->turn != card->run.turn;
    if (s->result.outcome == SB_OUTCOME_OK && s->batch.n <= 1) /* of many, the first one tells of all */
        tell_change(o, &card->card, s);
    sb_hook(s->undo ? "undo.result.after" : "execute.result.after");
    if (s->batch.n)
        sb_o_batch_answered(o, card, s->batch.beside, &s->result, overtaken);
    else if (s->undo)
        sb_o_sent_undo(o, card, &s->result, overtaken);
    else
        sb_o_sent_forward(o, card, &s->result, overtaken);
    free_sending(s);
}

static void sent(struct sb_orchestrator *o, void *p)
{
    struct sending *s = p;
    struct held_card *card = sb_o_card(o, s->card_id);
    sb_hook(s->undo ? "undo.result.before" : "execute.result.before");
    if (!card) {
        free_sending(s);
        return;
    }
    card->run.forward_away -= !s->undo;
    if (card->run.unrecorded == NULL && record_result(o, card, s) == 0) {
        answered(o, card, s);
        return;
    }
    struct sending **end = &card->run.unrecorded;
    while (*end)
        end = &(*end)->next;
    *end = s;
    sb_o_notice(o, SB_HIGH, "%s: the server answered step %" PRId64 "%s (%s), and the answer cannot be recorded yet: nothing follows from it until it is",
                card->card.id, s->step, s->undo ? "'s undo" : "", outcome_name(s->result.outcome));
}

/* ---- what could not be recorded ---- */

void sb_o_must_move(struct sb_orchestrator *o, struct held_card *card, enum sb_event event, const char *note)
{
    struct sb_err err = SB_ERR_INIT;
    char text[sizeof card->run.owed_note];
    snprintf(text, sizeof text, "%s", note ? note : ""); /* the note may be the card's own, which the fold replaces */
    if (sb_o_move(o, card, event, NULL, text, &err) == 0 || err.code == SB_ESTATE)
        return;
    card->run.owed = (int)event;
    snprintf(card->run.owed_note, sizeof card->run.owed_note, "%s", text);
}

void sb_o_tick_results(struct sb_orchestrator *o, struct held_card *card)
{
    if (!sb_ledger_writable(o->ledger, NULL))
        return;
    while (card->run.unrecorded) {
        struct sending *s = card->run.unrecorded;
        if (record_result(o, card, s))
            return;
        card->run.unrecorded = s->next;
        answered(o, card, s);
    }
    if (card->run.unsent && sb_o_settle_unsent(o, card) == 0)
        card->run.unsent = false;
    if (card->run.owed >= 0) {
        enum sb_event event = (enum sb_event)card->run.owed;
        char note[sizeof card->run.owed_note];
        snprintf(note, sizeof note, "%s", card->run.owed_note);
        card->run.owed = -1;
        sb_o_must_move(o, card, event, note);
    }
}
