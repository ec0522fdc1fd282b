/* SPDX-License-Identifier: Apache-2.0
 *
 * The step ledger: facts again, INTENT, the command, RESULT, reading back, VERIFIED; and the same backwards for the undo.
 * Every arrow between two of them is a piece of mail, so that the thread never waits. */
#include "private.h"

#include <signalbox/base/hook.h>

#include <inttypes.h>
#include <string.h>

#define TRY_AGAIN_MS 2000      /* between two looks at facts or servers that were not there */
#define DENIED_AGAIN_MS 15000  /* between two askings of a policy that said no just now */
#define VERIFY_EVERY_MS 1000
#define VERIFY_FOR_MS 120000   /* a command that was answered is read back for so long */

static void begin_step(struct sb_orchestrator *o, struct held_card *card);
static void verify(struct sb_orchestrator *o, struct held_card *card);
static void undo_next(struct sb_orchestrator *o, struct held_card *card);

static struct sb_step *step_of(struct held_card *card)
{
    return card->run.step >= 1 && (size_t)card->run.step <= card->card.steps_n ? &card->card.steps[card->run.step - 1] : NULL;
}

static bool prod(const struct sb_orchestrator *o)
{
    return o->opt.environment == SB_ENV_PROD;
}

/* ---- before anything starts ---- */

/* Keeps the card waiting, and says why once. */
static void wait_for(struct sb_orchestrator *o, struct held_card *card, const char *why, int64_t again_ms)
{
    card->run.next_ms = sb_mono_ms() + again_ms;
    if (card->card.state == SB_APPROVED)
        sb_o_move(o, card, SB_EV_WAIT, NULL, why, NULL);
    else if (!sb_streq(card->card.note, why))
        sb_o_notice(o, SB_MEDIUM, "%s waits: %s", card->card.id, why);
}

static void prechecked(struct sb_orchestrator *o, struct checking *c)
{
    struct held_card *card = sb_o_card(o, c->card_id);
    if (!card) {
        sb_o_checking_free(c);
        return;
    }
    card->run.away = false;
    card->run.phase = PHASE_NONE;
    const struct check_result *failure = sb_o_first_failure(c, prod(o));
    card->run.builds = c->have_catalogue && c->catalogue.knows_builds ? (int64_t)c->catalogue.builds_n : -1;
    struct sb_err err = SB_ERR_INIT;
    if (card->card.state != SB_APPROVED && card->card.state != SB_SCHEDULED) {
        /* somebody rejected or edited it meanwhile */
    } else if (failure && failure->truth == CHECK_UNKNOWN) {
        wait_for(o, card, failure->text, TRY_AGAIN_MS);
    } else if (failure) {
        sb_o_move(o, card, SB_EV_DRIFT, NULL, failure->text, NULL);
    } else {
        int decision = sb_o_gate(o, card, "execute", NULL, NULL, false, &err);
        if (decision == SB_ALLOW)
            sb_o_move(o, card, SB_EV_START, NULL, "facts read again, policy asked again", NULL);
        else if (decision == SB_REQUIRE)
            sb_o_move(o, card, SB_EV_REQUIRE, NULL, "policy wants more approvals now", NULL);
        else
            wait_for(o, card, err.msg, DENIED_AGAIN_MS);
    }
    sb_o_checking_free(c);
}

void sb_o_try_start(struct sb_orchestrator *o, struct held_card *card)
{
    if (!o->connected || o->target_error || sb_server_read_only(o->opt.server) || card->run.away || !card->card.steps_n ||
        !sb_ledger_writable(o->ledger, NULL) || !sb_streq(card->card.deployment_id, o->facts.id))
        return;
    const struct sb_step *first = &card->card.steps[0];
    card->run.phase = PHASE_PRECHECK;
    card->run.away = true;
    if (!sb_o_check(o, card, first->check_before, first->check_before_n, prechecked)) {
        card->run.phase = PHASE_NONE;
        card->run.away = false;
        card->run.next_ms = sb_mono_ms() + TRY_AGAIN_MS;
    }
}

/* ---- sending ---- */

struct sending {
    struct sb_orchestrator *o;
    char *card_id, *command, *deployment_id;
    struct sb_permit permit;
    struct sb_write_result result;
    int64_t step, attempt;
    bool undo;
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

static void sent(struct sb_orchestrator *o, void *p);

static void send_work(void *p)
{
    struct sending *s = p;
    sb_hook("execute.send.before");
    sb_write(s->o->opt.server, s->o->executor_uri, s->deployment_id, &s->permit, s->command, &s->result);
    sb_hook("execute.send.after");
    sb_o_post_done(s->o, sent, s, free_sending);
}

/* What makes one approval start one execution: its nonce goes in with the first intent and is refused a second time. */
static char *start_nonce(const struct held_card *card)
{
    for (size_t i = 0; i < card->card.approvals_n; i++) {
        const struct sb_approval *a = &card->card.approvals[i];
        if (!a->voided && a->revision == card->card.revision && a->nonce)
            return sb_format("%s", a->nonce);
    }
    return sb_format("policy:%s:%" PRId64, card->card.hash, card->card.revision);
}

/* INTENT, then the command. -1 with err: nothing was sent. */
static int send_step(struct sb_orchestrator *o, struct held_card *card, const char *command, bool undo, struct sb_err *err)
{
    struct sending *s = calloc(1, sizeof *s);
    bool first = !undo && card->run.step == 1 && card->run.attempt == 1;
    char *nonce = first ? start_nonce(card) : NULL;
    if (!s || (first && !nonce) || sb_str_set(&s->card_id, card->card.id) || sb_str_set(&s->command, command) || sb_str_set(&s->deployment_id, o->facts.id)) {
        free(nonce);
        if (s)
            free_sending(s);
        return sb_fail_nomem(err);
    }
    s->o = o;
    s->step = card->run.step;
    s->attempt = card->run.attempt;
    s->undo = undo;
    sb_hook("execute.intent.before");
    json_t *body = json_pack("{s:I,s:I,s:b}", "step", (json_int_t)s->step, "try", (json_int_t)s->attempt, "undo", undo);
    int rc = sb_o_record_intent(o, card, body, command, nonce, &s->permit, err);
    free(nonce);
    if (rc) {
        free_sending(s);
        return -1;
    }
    sb_hook("execute.intent.after");
    if (!undo && card->run.step > card->run.started)
        card->run.started = card->run.step;
    card->run.phase = PHASE_SEND;
    card->run.away = true;
    card->run.forward_away |= !undo;
    if (!sb_o_work(o, send_work, s, free_sending)) { /* nothing was sent: the intent says so when it is probed */
        card->run.away = false;
        return sb_fail_nomem(err);
    }
    return 0;
}

static const char *outcome_name(enum sb_outcome outcome)
{
    return outcome == SB_OUTCOME_OK ? "ok" : outcome == SB_OUTCOME_FAILED ? "failed" : "unknown";
}

static void record_result(struct sb_orchestrator *o, struct held_card *card, const struct sending *s)
{
    sb_o_record(o, SB_ENTRY_STEP_RESULT, NULL, &(struct refs){.card = card},
                json_pack("{s:I,s:I,s:b,s:s,s:I,s:s?,s:s?,s:I}", "step", (json_int_t)s->step, "try", (json_int_t)s->attempt, "undo", s->undo, "outcome",
                          outcome_name(s->result.outcome), "code", (json_int_t)s->result.code, "message", s->result.message[0] ? s->result.message : NULL,
                          "reply", s->result.reply, "millis", (json_int_t)s->result.millis), NULL);
}

#define INDEX_NOT_FOUND 27
#define NAMESPACE_NOT_FOUND 26

static void sent_forward(struct sb_orchestrator *o, struct held_card *card, const struct sending *s)
{
    card->run.forward_away = false;
    if (card->run.undoing) /* an abort overtook it: the undo reads back what is left */
        return;
    card->run.away = false;
    if (card->card.state != SB_EXECUTING && card->card.state != SB_PAUSED)
        return;
    if (s->result.outcome == SB_OUTCOME_FAILED) {
        card->run.phase = PHASE_NONE;
        sb_o_move(o, card, SB_EV_STEP_FAILED, NULL, s->result.message, NULL);
    } else if (s->result.outcome == SB_OUTCOME_UNKNOWN) {
        sb_o_move(o, card, SB_EV_LOST, NULL, s->result.message, NULL);
    } else {
        verify(o, card);
    }
}

static void sent_undo(struct sb_orchestrator *o, struct held_card *card, const struct sending *s)
{
    card->run.away = false;
    bool already = s->result.code == INDEX_NOT_FOUND || s->result.code == NAMESPACE_NOT_FOUND;
    if (s->result.outcome == SB_OUTCOME_FAILED && !already) {
        card->run.phase = PHASE_NONE;
        if (card->run.stopping)
            sb_o_notice(o, SB_HIGH, "%s: the abort failed: %s", card->card.id, s->result.message);
        else
            sb_o_move(o, card, SB_EV_ROLLBACK_FAILED, NULL, s->result.message, NULL);
    } else if (s->result.outcome == SB_OUTCOME_UNKNOWN && !card->run.stopping) {
        sb_o_move(o, card, SB_EV_LOST, NULL, s->result.message, NULL);
    } else {
        verify(o, card);
    }
}

static void sent(struct sb_orchestrator *o, void *p)
{
    struct sending *s = p;
    struct held_card *card = sb_o_card(o, s->card_id);
    sb_hook("execute.result.before");
    if (card) {
        record_result(o, card, s);
        sb_hook("execute.result.after");
        if (s->undo)
            sent_undo(o, card, s);
        else
            sent_forward(o, card, s);
    }
    free_sending(s);
}

/* ---- reading back ---- */

static int record_verified(struct sb_orchestrator *o, struct held_card *card, const struct checking *c, bool ok)
{
    return sb_o_record(o, SB_ENTRY_STEP_VERIFIED, NULL, &(struct refs){.card = card},
                       json_pack("{s:I,s:b,s:b,s:o}", "step", (json_int_t)card->run.step, "undo", card->run.undoing, "ok", ok, "checks", sb_o_checks_json(c)), NULL);
}

static void step_done(struct sb_orchestrator *o, struct held_card *card)
{
    card->run.phase = PHASE_NONE;
    card->run.step++;
    card->run.attempt = 1;
    card->run.resume_verify = false;
    if ((size_t)card->run.step > card->card.steps_n)
        sb_o_move(o, card, SB_EV_STEPS_DONE, NULL, "every step was read back", NULL);
    else if (card->card.state == SB_EXECUTING)
        begin_step(o, card);
}

static void undo_done(struct sb_orchestrator *o, struct held_card *card)
{
    card->run.phase = PHASE_NONE;
    card->run.step--;
    undo_next(o, card);
}

static void verified(struct sb_orchestrator *o, struct checking *c)
{
    struct held_card *card = sb_o_card(o, c->card_id);
    if (!card) {
        sb_o_checking_free(c);
        return;
    }
    card->run.away = false;
    const struct check_result *failure = sb_o_first_failure(c, true);
    bool building = c->have_catalogue && c->catalogue.builds_n > 0;
    sb_hook("execute.verified.before");
    if (card->run.phase != PHASE_VERIFY) {
        /* it was overtaken by a stop or a roll back */
    } else if (!failure && !(card->run.undoing && card->run.forward_away)) {
        if (record_verified(o, card, c, true) == 0) {
            if (card->run.undoing)
                undo_done(o, card);
            else
                step_done(o, card);
        }
    } else if (sb_mono_ms() < card->run.give_up_ms || (building && !card->run.undoing)) {
        card->run.next_ms = sb_mono_ms() + VERIFY_EVERY_MS; /* members may be finishing */
    } else if (record_verified(o, card, c, false) == 0) {
        card->run.phase = PHASE_NONE;
        sb_o_move(o, card, card->run.undoing ? SB_EV_ROLLBACK_FAILED : SB_EV_STEP_FAILED, NULL, failure ? failure->text : "the command never answered", NULL);
    }
    sb_o_checking_free(c);
}

static void check_now(struct sb_orchestrator *o, struct held_card *card)
{
    const struct sb_step *s = step_of(card);
    struct sb_check gone = {.check = (char *)(uintptr_t)(card->run.hiding ? "index_hidden" : "index_gone"), .ns = card->card.target, .name = card->card.index_name};
    bool started;
    if (!s)
        return;
    if (!card->run.undoing) {
        started = sb_o_check(o, card, s->check_after, s->check_after_n, verified);
    } else if (card->card.kind == SB_KIND_CREATE_INDEX) {
        started = sb_o_check(o, card, &gone, 1, verified);
    } else { /* the undo puts back what the step found: its check before says what that was */
        size_t last = s->check_before_n - 1;
        started = s->check_before_n && sb_o_check(o, card, &s->check_before[last], 1, verified);
    }
    card->run.away = started;
    if (!started)
        card->run.next_ms = sb_mono_ms() + VERIFY_EVERY_MS;
}

static void verify(struct sb_orchestrator *o, struct held_card *card)
{
    card->run.phase = PHASE_VERIFY;
    card->run.give_up_ms = sb_mono_ms() + VERIFY_FOR_MS;
    check_now(o, card);
}

/* ---- forward ---- */

static void begin_step(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_step *s = step_of(card);
    if (!s) {
        sb_o_move(o, card, SB_EV_STEPS_DONE, NULL, "no step is left", NULL);
        return;
    }
    if (card->run.resume_verify) {
        verify(o, card);
        return;
    }
    char *command = sb_format("%s", s->action); /* the fold of the intent may move the card's memory */
    if (!command || send_step(o, card, command, false, &err)) {
        card->run.phase = PHASE_NONE;
        sb_o_move(o, card, SB_EV_STEP_FAILED, NULL, command ? err.msg : "out of memory", NULL);
    }
    free(command);
}

void sb_o_run(struct sb_orchestrator *o, struct held_card *card)
{
    if (card->run.away)
        return; /* resumed while the last step is still away: it goes on when that answers */
    if (card->run.step == 0) {
        card->run.step = 1;
        card->run.attempt = 1;
    }
    begin_step(o, card);
}

/* ---- backward ---- */

/* Hiding fits where a plan got worse and the index is whole; everything else is dropped. */
static bool hide_fits(const struct sb_orchestrator *o, const struct held_card *card)
{
    return card->card.kind == SB_KIND_CREATE_INDEX && sb_streq(card->card.report.remedy, "hide") && card->card.steps_n && card->card.steps[0].hide &&
           !card->run.forward_away && o->facts.hello.set_name[0] && o->facts.version_number >= 40400;
}

static void finish_undo(struct sb_orchestrator *o, struct held_card *card)
{
    bool stopping = card->run.stopping, hiding = card->run.hiding;
    card->run.undoing = card->run.stopping = card->run.hiding = false;
    card->run.phase = PHASE_NONE;
    card->run.started = 0;
    if (stopping)
        sb_o_notice(o, SB_MEDIUM, "%s: the running step was aborted and what it had begun is gone", card->card.id);
    else
        sb_o_move(o, card, SB_EV_ROLLBACK_DONE, NULL,
                  hiding ? "the index is hidden: no plan uses it; it still costs writes until it is dropped" : "read back: what the plan had changed is as it was", NULL);
}

static void undo_next(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_step *s = step_of(card);
    if (!s) {
        finish_undo(o, card);
        return;
    }
    if (card->run.resume_verify) {
        card->run.resume_verify = false;
        verify(o, card);
        return;
    }
    const char *text = card->run.hiding ? s->hide : s->undo;
    char *command = text ? sb_format("%s", text) : NULL;
    if (!command || send_step(o, card, command, true, &err)) {
        card->run.phase = PHASE_NONE;
        const char *why = !text ? "the step has no undo" : command ? err.msg : "out of memory";
        if (card->run.stopping)
            sb_o_notice(o, SB_HIGH, "%s: the abort was not sent: %s", card->card.id, why);
        else
            sb_o_move(o, card, SB_EV_ROLLBACK_FAILED, NULL, why, NULL);
    }
    free(command);
}

void sb_o_undo(struct sb_orchestrator *o, struct held_card *card)
{
    if (card->card.report.opened_at && !card->run.started)
        card->run.started = (int64_t)card->card.steps_n; /* it was carried out whole, perhaps by an earlier process */
    if (card->run.probed_back) {
        card->run.probed_back = false;
        undo_next(o, card);
        return;
    }
    card->run.resume_verify = false;
    card->run.undoing = true;
    card->run.stopping = false;
    card->run.hiding = hide_fits(o, card);
    card->run.step = card->run.started;
    card->run.attempt = 1;
    undo_next(o, card);
}

void sb_o_undo_on(struct sb_orchestrator *o, struct held_card *card)
{
    undo_next(o, card);
}

void sb_o_abort(struct sb_orchestrator *o, struct held_card *card)
{
    const struct sb_step *s = step_of(card);
    if (!card->run.forward_away || !s || s->control != SB_CONTROL_ABORTABLE)
        return;
    card->run.undoing = card->run.stopping = true;
    card->run.hiding = false;
    card->run.step = card->run.started;
    card->run.attempt = 1;
    undo_next(o, card);
}

/* ---- progress of a build ---- */

struct progress {
    struct sb_orchestrator *o;
    char *card_id, *ns, *index;
    char **members;
    size_t members_n;
    char *primary;
    struct sb_catalogue builds;
    bool have;
};

static void free_progress(void *p)
{
    struct progress *g = p;
    for (size_t i = 0; i < g->members_n; i++)
        free(g->members[i]);
    free(g->members);
    free(g->primary);
    free(g->card_id);
    free(g->ns);
    free(g->index);
    if (g->have)
        sb_catalogue_release(&g->builds);
    free(g);
}

/* The slowest member tells how far the build is. */
static void progress_back(struct sb_orchestrator *o, void *p)
{
    struct progress *g = p;
    struct held_card *card = sb_o_card(o, g->card_id);
    const struct sb_build_info *slowest = NULL;
    for (size_t i = 0; g->have && i < g->builds.builds_n; i++) {
        const struct sb_build_info *b = &g->builds.builds[i];
        if (sb_streq(b->name, g->index) && b->total > 0 && (!slowest || b->done * slowest->total < slowest->done * b->total))
            slowest = b;
    }
    if (card) {
        card->run.polling = false;
        struct sb_progress *shown = &card->card.progress;
        if (slowest && card->run.forward_away) {
            char phase[256];
            snprintf(phase, sizeof phase, "building on %zu members, slowest %.100s", g->members_n, slowest->member);
            shown->done = slowest->done;
            shown->total = slowest->total;
            shown->eta_ms = slowest->done > 0 ? slowest->running_ms * (slowest->total - slowest->done) / slowest->done : 0;
            if (sb_str_set(&shown->phase, phase) == 0)
                sb_o_tell_all(o, SB_NEWS_CARD, &card->card);
        }
    }
    free_progress(g);
}

static void progress_work(void *p)
{
    struct progress *g = p;
    struct sb_members m = {(const char *const *)g->members, g->members_n, g->primary};
    g->have = sb_catalogue_read_builds(g->o->opt.server, &m, g->ns, &g->builds, NULL) == 0;
    sb_o_post_done(g->o, progress_back, g, free_progress);
}

static void poll_progress(struct sb_orchestrator *o, struct held_card *card)
{
    struct progress *g = calloc(1, sizeof *g);
    if (!g)
        return;
    g->o = o;
    if (sb_str_set(&g->card_id, card->card.id) || sb_str_set(&g->ns, card->card.target) || sb_str_set(&g->index, card->card.index_name) ||
        sb_o_members(o, &g->members, &g->members_n, &g->primary)) {
        free_progress(g);
        return;
    }
    card->run.polling = sb_o_work(o, progress_work, g, free_progress);
}

/* ---- the clock's part ---- */

void sb_o_tick_runs(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    for (size_t i = 0; i < o->cards_n; i++) {
        struct held_card *card = o->cards[i];
        int state = card->card.state;
        if (card->run.forward_away && !card->run.polling && card->card.kind == SB_KIND_CREATE_INDEX) {
            poll_progress(o, card);
            continue;
        }
        if (card->run.away || now < card->run.next_ms)
            continue;
        if (state == SB_APPROVED || state == SB_SCHEDULED)
            sb_o_try_start(o, card);
        else if (card->run.phase == PHASE_VERIFY)
            check_now(o, card);
        else if (state == SB_IN_DOUBT)
            sb_o_probe(o, card);
    }
}
