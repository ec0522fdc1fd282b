/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan backward: the undo of each step that was begun, last first, each read back; and the abort of a running build,
 * which is the same command and leaves the card as it stands. */
#include "private.h"

#include <signalbox/base/hook.h>

#include <string.h>

#define INDEX_NOT_FOUND 27
#define NAMESPACE_NOT_FOUND 26

static const struct sb_step *step_of(const struct held_card *card)
{
    return card->run.step >= 1 && (size_t)card->run.step <= card->card.steps_n ? &card->card.steps[card->run.step - 1] : NULL;
}

/* Hiding fits where a plan got worse and the index is whole; everything else is dropped. */
bool sb_o_hide_fits(const struct sb_orchestrator *o, const struct held_card *card)
{
    return card->card.kind == SB_KIND_CREATE_INDEX && sb_streq(card->card.report.remedy, "hide") && card->card.steps_n && card->card.steps[0].hide &&
           !card->run.forward_away && !card->run.unanswered && sb_hello_replicated(&o->facts.hello) && o->facts.version_number >= 40400;
}

struct sb_check sb_o_undo_check(const struct held_card *card)
{
    const struct sb_step *s = step_of(card);
    if (card->card.kind != SB_KIND_CREATE_INDEX && s && s->check_before_n)
        return s->check_before[s->check_before_n - 1]; /* the undo puts back what the step found: its last check before says what that was */
    return (struct sb_check){.check = (char *)(uintptr_t)(card->run.hiding ? "index_hidden" : "index_gone"), .ns = card->card.target, .name = card->card.index_name};
}

static void finish_undo(struct sb_orchestrator *o, struct held_card *card)
{
    bool stopping = card->run.stopping, hiding = card->run.hiding, nothing = card->run.started == 0;
    sb_hook("undo.done");
    card->run.undoing = card->run.stopping = card->run.hiding = false;
    card->run.phase = PHASE_NONE;
    if (stopping) {
        sb_o_notice(o, SB_MEDIUM, "%s: the running step was aborted and what it had begun is gone", card->card.id);
        return;
    }
    card->run.started = 0;
    sb_o_must_move(o, card, SB_EV_ROLLBACK_DONE,
                   nothing  ? "nothing of the plan had been sent, so there is nothing to take back"
                   : hiding ? "the index is hidden: no plan uses it; it still costs writes until it is dropped"
                            : "read back: what the plan had changed is as it was");
}

void sb_o_undo_failed(struct sb_orchestrator *o, struct held_card *card, const char *why)
{
    card->run.phase = PHASE_NONE;
    if (!card->run.stopping) {
        sb_o_must_move(o, card, SB_EV_ROLLBACK_FAILED, why);
        return;
    }
    card->run.undoing = card->run.stopping = false;
    struct sb_str hand;
    sb_str_init(&hand);
    sb_o_by_hand(card, &hand);
    sb_o_notice(o, SB_HIGH, "%s: the abort failed, and what the step had begun may still be there: %s. By hand: %s", card->card.id, why, hand.len ? hand.p : "-");
    sb_str_release(&hand);
}

#define LOOK_AGAIN_MS 1000
#define LOOK_FOR_MS 60000 /* and no longer */

static void looked(struct sb_orchestrator *o, struct checking *c)
{
    struct held_card *card = sb_o_checking_card(o, c);
    if (card) {
        const struct check_result *r = &c->results[0];
        card->run.away = false;
        if (card->card.state != SB_ROLLING_BACK || card->run.sent)
            ; /* somebody has decided otherwise meanwhile */
        else if (r->truth == CHECK_TRUE) {
            card->run.looked_back = true;
            sb_o_undo_on(o, card);
        } else if (r->truth == CHECK_FALSE || sb_mono_ms() >= card->run.give_up_ms)
            sb_o_undo_failed(o, card, r->text);
        else
            card->run.next_ms = sb_mono_ms() + LOOK_AGAIN_MS;
    }
    sb_o_checking_free(c);
}

/* An index goes by its name, and somebody may have given the name to another one since. Not where a build is under way, which is ours:
 * it is to be ended at once. */
static bool looks_first(const struct held_card *card)
{
    return card->card.kind == SB_KIND_CREATE_INDEX && card->card.index_key && !card->run.looked_back && !card->run.stopping && !card->run.forward_away;
}

static void look(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_check ours = {.check = (char *)(uintptr_t) "index_ours", .ns = card->card.target, .name = card->card.index_name, .value = card->card.index_key};
    if (card->run.phase != PHASE_PRECHECK)
        card->run.give_up_ms = sb_mono_ms() + LOOK_FOR_MS;
    card->run.phase = PHASE_PRECHECK;
    card->run.away = sb_o_check(o, card, &ours, 1, looked);
    if (!card->run.away)
        card->run.next_ms = sb_mono_ms() + LOOK_AGAIN_MS;
}

static void undo_next(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_err err = SB_ERR_INIT;
    const struct sb_step *s = step_of(card);
    if (!s) {
        finish_undo(o, card);
        return;
    }
    if (card->run.sent) {
        sb_o_verify(o, card);
        return;
    }
    if (sb_step_only_looks(s)) { /* it has changed nothing */
        card->run.step--;
        undo_next(o, card);
        return;
    }
    if (sb_step_iterates(s) && sb_command_divides(s->undo)) {
        sb_o_iterate(o, card);
        return;
    }
    if (looks_first(card)) {
        look(o, card);
        return;
    }
    card->run.looked_back = false;
    const char *text = card->run.hiding ? s->hide : s->undo;
    char *command = text ? sb_format("%s", text) : NULL; /* the fold of the intent may move the card's memory */
    if (!text)
        sb_o_undo_failed(o, card, "the step has no undo");
    else if (!command)
        sb_o_undo_failed(o, card, "out of memory");
    else if (sb_o_send(o, card, command, true, NULL, &err))
        sb_o_undo_failed(o, card, err.msg);
    free(command);
}

void sb_o_undo(struct sb_orchestrator *o, struct held_card *card)
{
    sb_hook("undo.begin");
    if (card->run.probed_back) {
        card->run.probed_back = false;
        undo_next(o, card);
        return;
    }
    sb_o_hold(card);
    card->run.sent = card->run.undo_again = card->run.looked_back = false;
    card->run.undoing = true;
    card->run.stopping = false;
    card->run.hiding = sb_o_hide_fits(o, card);
    card->run.step = card->run.started;
    undo_next(o, card);
}

void sb_o_undo_on(struct sb_orchestrator *o, struct held_card *card)
{
    undo_next(o, card);
}

void sb_o_undo_verified(struct sb_orchestrator *o, struct held_card *card)
{
    card->run.phase = PHASE_NONE;
    card->run.sent = card->run.undo_again = false;
    card->run.step--;
    undo_next(o, card);
}

void sb_o_abort(struct sb_orchestrator *o, struct held_card *card)
{
    const struct sb_step *s = step_of(card);
    bool under_way = !card->run.undoing && (card->run.forward_away || card->run.unanswered); /* an undo that is stopped is left where it is */
    sb_o_hold(card);
    if (!under_way || !s || s->control != SB_CONTROL_ABORTABLE)
        return;
    card->run.undoing = card->run.stopping = true;
    card->run.hiding = card->run.sent = card->run.undo_again = false;
    card->run.step = card->run.started;
    undo_next(o, card);
}

void sb_o_sent_undo(struct sb_orchestrator *o, struct held_card *card, const struct sb_write_result *r, bool overtaken)
{
    if (overtaken)
        return;
    bool already = r->code == INDEX_NOT_FOUND || r->code == NAMESPACE_NOT_FOUND;
    card->run.away = false;
    card->run.sent = true;
    card->run.unanswered = r->outcome == SB_OUTCOME_UNKNOWN;
    if (r->outcome == SB_OUTCOME_FAILED && !already)
        sb_o_undo_failed(o, card, r->message);
    else if (r->outcome == SB_OUTCOME_UNKNOWN && !card->run.stopping)
        sb_o_must_move(o, card, SB_EV_LOST, r->message);
    else
        sb_o_verify(o, card);
}

/* ---- by hand ---- */

/* One command as mongosh takes it; it is made from the very bytes on the card. */
static void for_mongosh(const char *command, struct sb_str *out)
{
    bson_t *doc = command ? bson_new_from_json((const uint8_t *)command, -1, NULL) : NULL, rest;
    bson_iter_t it;
    if (!doc)
        return;
    const char *db = bson_iter_init_find(&it, doc, "$db") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
    bson_init(&rest);
    bson_copy_to_excluding_noinit(doc, &rest, "$db", NULL);
    char *json = bson_as_relaxed_extended_json(&rest, NULL);
    if (json)
        sb_str_addf(out, "%sdb.getSiblingDB(\"%s\").runCommand(%s)", out->len ? "; " : "", db, json);
    bson_free(json);
    bson_destroy(&rest);
    bson_destroy(doc);
}

void sb_o_by_hand(const struct held_card *card, struct sb_str *out)
{
    for (int64_t i = card->run.started; i >= 1 && (size_t)i <= card->card.steps_n; i--)
        for_mongosh(card->card.steps[i - 1].undo, out);
}
