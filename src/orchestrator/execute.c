/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan forward: facts and policy again just before each step, the step, reading back. Every arrow between two of them
 * is a piece of mail, so that the thread never waits. */
#include "private.h"

#include <signalbox/base/hook.h>

#include <string.h>

#define TRY_AGAIN_MS 2000      /* between two looks at facts or servers that were not there */
#define DENIED_AGAIN_MS 15000  /* between two askings of a policy that said no just now */
#define REVIEW_MS (10 * 60 * 1000) /* a card whose window opens later is looked at now and then: facts drift, rules are waived */
#define WAIVER_MS (60 * 1000)      /* the same where a file of waivers is read, which may lift the rule it waits for */
#define VERIFY_EVERY_MS 1000
#define VERIFY_FOR_MS 120000   /* a command that was answered is read back for so long */

static struct sb_step *step_of(struct held_card *card)
{
    return card->run.step >= 1 && (size_t)card->run.step <= card->card.steps_n ? &card->card.steps[card->run.step - 1] : NULL;
}

static bool prod(const struct sb_orchestrator *o)
{
    return o->opt.environment == SB_ENV_PROD;
}

bool sb_o_may_send(const struct sb_orchestrator *o, const struct held_card *card)
{
    return o->connected && !o->target_error && !sb_server_read_only(o->opt.server) && sb_streq(card->card.deployment_id, o->facts.id);
}

void sb_o_hold(struct held_card *card)
{
    card->run.turn++;
    card->run.away = false;
    card->run.fresh = false;
    card->run.phase = PHASE_NONE;
}

/* ---- before a step ---- */

/* Policy asks for the health of the members: before the first samples nothing is known of it. */
static bool seen_members(const struct sb_orchestrator *o)
{
    return o->have_strip && o->strip.samples >= (int64_t)o->strip.members_n;
}

/* Keeps the card waiting, and says why once. by: what holds back a step of many commands that has begun. */
static void wait_because(struct sb_orchestrator *o, struct held_card *card, const char *by, const char *why, int64_t again_ms)
{
    bool told = sb_streq(card->run.waits, why);
    snprintf(card->run.waits, sizeof card->run.waits, "%s", why);
    card->run.next_ms = sb_mono_ms() + again_ms;
    if (card->card.state == SB_APPROVED)
        sb_o_move(o, card, SB_EV_WAIT, NULL, card->run.waits, NULL);
    else if (!told)
        sb_o_notice(o, SB_MEDIUM, "%s waits: %s", card->card.id, why);
    if (card->card.state == SB_EXECUTING && card->run.work)
        sb_o_hold_back(o, card, by, why);
    if (card->card.state == SB_EXECUTING)
        card->run.phase = PHASE_PRECHECK;
}

static void wait_for(struct sb_orchestrator *o, struct held_card *card, const char *why, int64_t again_ms)
{
    wait_because(o, card, "facts", why, again_ms);
}

/* The same where policy is what it waits for. Where that is a window, the clock wakes it when the window opens. */
static void wait_for_policy(struct sb_orchestrator *o, struct held_card *card, const char *why)
{
    int64_t opens = card->run.opens_at, by = card->card.execute_by;
    bool waiting = card->card.state == SB_APPROVED || card->card.state == SB_SCHEDULED;
    char text[sizeof card->run.waits], at[SB_TIME_LEN + 1];
    sb_time_format(at, by);
    bool expires = waiting && opens && by && opens > by;
    snprintf(text, sizeof text, "%s%s%.*s%s", why, expires ? "; it expires before that, at " : "", expires ? 16 : 0, at, expires ? "Z" : "");
    bool timed = (waiting || card->card.state == SB_EXECUTING) && opens && sb_due_set(&o->openings, card->card.id, opens, NULL) == 0;
    if (timed && card->card.state == SB_SCHEDULED && !sb_streq(card->card.note, text))
        sb_o_move(o, card, SB_EV_WAIT, NULL, text, NULL);
    wait_because(o, card, "policy", text, !timed ? DENIED_AGAIN_MS : o->waivers_path ? WAIVER_MS : REVIEW_MS);
}

/* Why the facts that were read do not let the step begin; NULL: they do. *unknown: they could not be read, or it is only for
 * now: the card waits, and they are read again. */
static const char *obstacle(const struct sb_orchestrator *o, const struct checking *c, bool *unknown)
{
    const struct check_result *failure = sb_o_first_failure(c, false);
    *unknown = failure && failure->passes;
    if (failure)
        return failure->text;
    *unknown = true;
    if (c->err.code != SB_OK)
        return c->err.msg;
    failure = sb_o_first_failure(c, prod(o)); /* elsewhere a server may be one that cannot tell */
    return failure ? failure->text : NULL;
}

/* One that only looks moves nothing, and may look for weeks; one that ends an operation changes no fact of another plan, and may be
 * what lets it go on. */
static bool moves_nothing(const struct held_card *card)
{
    return card->card.kind == SB_KIND_OBSERVE || card->card.kind == SB_KIND_KILL_OP;
}

/* The interlocking: one plan at a time moves on a collection (or a database, where a card is about one). Their facts would
 * change under each other's feet. And an index is dropped only while no other one is watched for doing without: one at a time. True: the
 * card waits for another one. */
static bool interlocked(struct sb_orchestrator *o, struct held_card *card)
{
    char why[160];
    for (size_t i = 0; i < o->cards_n; i++) {
        const struct held_card *other = o->cards[i];
        int s = other->card.state;
        bool watched = s == SB_WATCHING && card->card.kind == SB_KIND_DROP_INDEX && (other->card.kind == SB_KIND_HIDE_INDEX || other->card.kind == SB_KIND_DROP_INDEX);
        bool moves = watched || s == SB_EXECUTING || s == SB_PAUSED || s == SB_ROLLING_BACK || s == SB_IN_DOUBT || other->run.forward_away || other->run.stopping;
        if (other == card || !moves || moves_nothing(card) || moves_nothing(other) || !sb_streq(other->card.target, card->card.target) || !sb_streq(other->card.deployment_id, card->card.deployment_id))
            continue;
        snprintf(why, sizeof why, "%s is %s on %.80s", other->card.id, sb_name(&sb_states, s), card->card.target);
        wait_for(o, card, why, TRY_AGAIN_MS);
        return true;
    }
    return false;
}

/* A later phase waits for the one before it; where that will never be done, it ends. */
static bool waits_its_turn(struct sb_orchestrator *o, struct held_card *card)
{
    char why[200];
    bool never = false;
    if (!sb_o_phase_waits(o, card, &never, why, sizeof why))
        return false;
    if (never)
        sb_o_move(o, card, SB_EV_EXPIRE, NULL, why, NULL);
    else
        wait_for(o, card, why, TRY_AGAIN_MS);
    return true;
}

/* By the shared store somebody else may act here, or nobody for now. True: the card waits. */
static bool not_ours(struct sb_orchestrator *o, struct held_card *card)
{
    char why[256];
    if (!sb_o_not_ours(o, false, why, sizeof why))
        return false;
    wait_for(o, card, why, TRY_AGAIN_MS);
    return true;
}

/* Why a plan that was approved needs more by now; it goes on the record and the screen. */
static void require_again(struct sb_orchestrator *o, struct held_card *card, bool waiting)
{
    char missing[300], note[360];
    sb_o_unmet(card, missing, sizeof missing);
    snprintf(note, sizeof note, "policy wants more now: %s%s", missing, waiting ? "" : "; nothing more was sent");
    if (waiting)
        sb_o_move(o, card, SB_EV_REQUIRE, NULL, note, NULL);
    else
        sb_o_must_move(o, card, SB_EV_STEP_FAILED, note);
}

/* The hooks, and then the store: what they are told is the verdict of just now. */
static bool asked_before(struct sb_orchestrator *o, struct held_card *card, int64_t step)
{
    return sb_o_ask_hooks(o, card, step) || sb_o_ask_store(o, card, step);
}

static void start(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_err err = SB_ERR_INIT;
    int decision = sb_o_gate(o, card, "execute", NULL, NULL, false, &err);
    if (decision == SB_ALLOW && asked_before(o, card, 1)) {
        ; /* their answer comes by mail */
    } else if (decision == SB_ALLOW) {
        card->run.fresh = true;
        sb_o_move(o, card, SB_EV_START, NULL, "facts read again, policy asked again", NULL);
    } else if (decision == SB_REQUIRE) {
        require_again(o, card, true);
    } else {
        wait_for_policy(o, card, err.msg);
    }
}

/* A step of a plan that runs already. */
static void go_on(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_err err = SB_ERR_INIT;
    int decision = sb_o_gate(o, card, "execute", NULL, NULL, false, &err);
    if (decision == SB_ALLOW && asked_before(o, card, card->run.step)) {
        ; /* their answer comes by mail */
    } else if (decision == SB_ALLOW) {
        card->run.fresh = true;
        sb_o_begin_step(o, card);
    } else if (decision == SB_REQUIRE) {
        require_again(o, card, false);
    } else {
        wait_for_policy(o, card, err.msg);
    }
}

static void prechecked(struct sb_orchestrator *o, struct checking *c)
{
    struct held_card *card = sb_o_checking_card(o, c);
    sb_hook("execute.prechecked");
    if (card) {
        bool unknown, waiting = card->card.state == SB_APPROVED || card->card.state == SB_SCHEDULED;
        const char *why = obstacle(o, c, &unknown);
        bool late = card->card.execute_by && sb_o_overdue(o, card->card.execute_by, card->execute_by_mono) && card->run.started == 0;
        card->run.away = false;
        card->run.phase = PHASE_NONE;
        card->run.builds = c->have_catalogue && c->catalogue.knows_builds ? (int64_t)c->catalogue.builds_n : -1;
        card->run.oldest_op_s = c->knows_oldest ? c->oldest.seconds : -1;
        if (!waiting && card->card.state != SB_EXECUTING)
            ; /* somebody has decided otherwise meanwhile */
        else if (late && waiting)
            sb_o_move(o, card, SB_EV_EXPIRE, NULL, "it was not started in time", NULL);
        else if (late)
            sb_o_must_move(o, card, SB_EV_STEP_FAILED, "nothing was sent, and the time to execute it is over");
        else if (waiting && interlocked(o, card))
            ; /* it has begun meanwhile: what it changes is not drift */
        else if (why && unknown)
            wait_for(o, card, why, TRY_AGAIN_MS);
        else if (!why && not_ours(o, card))
            ; /* it is asked again */
        else if (why && waiting)
            sb_o_move(o, card, SB_EV_DRIFT, NULL, why, NULL);
        else if (why)
            sb_o_must_move(o, card, SB_EV_STEP_FAILED, why);
        else if (waiting)
            start(o, card);
        else
            go_on(o, card);
    }
    sb_o_checking_free(c);
}

#define HELD_UP_MS 2000            /* a step that a hook has kept back is tried again after so long, */
#define HELD_UP_MOST_MS (10 * 60 * 1000) /* then after twice that, at most after this */

void sb_o_hooks_answered(struct sb_orchestrator *o, struct held_card *card, int64_t step, const char *why)
{
    bool waiting = card->card.state == SB_APPROVED || card->card.state == SB_SCHEDULED;
    card->run.away = false;
    card->run.let = why ? 0 : step;
    if (!waiting && card->card.state != SB_EXECUTING)
        return; /* somebody has decided otherwise meanwhile */
    if (why) {
        int64_t again = HELD_UP_MS;
        for (int64_t i = 0; i < card->run.held_up && again < HELD_UP_MOST_MS; i++)
            again *= 2;
        card->run.held_up++;
        wait_for(o, card, why, again < HELD_UP_MOST_MS ? again : HELD_UP_MOST_MS);
        return;
    }
    card->run.held_up = 0;
    card->run.next_ms = 0; /* facts and policy again: they were read before the hooks were asked */
    if (waiting)
        sb_o_try_start(o, card);
    else
        sb_o_begin_step(o, card);
}

void sb_o_store_answered(struct sb_orchestrator *o, struct held_card *card, int64_t step, const char *why, bool quick)
{
    bool waiting = card->card.state == SB_APPROVED || card->card.state == SB_SCHEDULED;
    card->run.away = false;
    card->run.phase = PHASE_NONE;
    card->run.next_ms = 0;
    if ((!waiting && card->card.state != SB_EXECUTING) || (waiting ? 1 : card->run.step) != step)
        return; /* somebody has decided otherwise meanwhile */
    if (why) {
        wait_because(o, card, "store", why, TRY_AGAIN_MS);
        return;
    }
    if (not_ours(o, card)) /* by now */
        return;
    card->run.fresh = quick;
    if (waiting && quick)
        sb_o_move(o, card, SB_EV_START, NULL, "facts read again, policy asked again, and the store has it", NULL);
    else if (waiting)
        sb_o_try_start(o, card);
    else
        sb_o_begin_step(o, card);
}

/* While the store is not there nothing is read and asked for each try. */
static bool store_stops(struct sb_orchestrator *o, struct held_card *card)
{
    char why[sizeof card->run.waits];
    if (!sb_o_store_stops(o, why, sizeof why))
        return false;
    wait_because(o, card, "store", why, TRY_AGAIN_MS);
    return true;
}

static void precheck(struct sb_orchestrator *o, struct held_card *card, const struct sb_step *s)
{
    sb_hook("execute.precheck.begin");
    card->run.away = seen_members(o) && sb_o_check(o, card, s->check_before, s->check_before_n, prechecked);
    card->run.phase = card->run.away || card->card.state == SB_EXECUTING ? PHASE_PRECHECK : PHASE_NONE; /* what waits may expire */
    if (!card->run.away)
        card->run.next_ms = 0; /* at the next tick */
}

void sb_o_try_start(struct sb_orchestrator *o, struct held_card *card)
{
    if (!sb_o_may_send(o, card) || card->run.away || !card->card.steps_n || !sb_ledger_writable(o->ledger, NULL))
        return;
    if (!card->run.started && waits_its_turn(o, card))
        return;
    if (interlocked(o, card)) /* what would be read now is already changing */
        return;
    if (store_stops(o, card))
        return;
    precheck(o, card, &card->card.steps[0]);
}

/* ---- a stale card ---- */

static void refreshed(struct sb_orchestrator *o, struct checking *c)
{
    struct held_card *card = sb_o_checking_card(o, c);
    if (card) {
        bool unknown;
        const char *why = obstacle(o, c, &unknown);
        card->run.away = false;
        if (card->card.state == SB_STALE && !why)
            sb_o_move(o, card, SB_EV_REFRESH, NULL, "its facts were read again and are as the card says", NULL);
        else if (card->card.state == SB_STALE)
            sb_o_notice(o, SB_MEDIUM, "%s stays stale: %s", card->card.id, why);
    }
    sb_o_checking_free(c);
}

int sb_o_refresh(struct sb_orchestrator *o, struct held_card *card, struct sb_err *err)
{
    if (card->run.away)
        return sb_fail(err, SB_ESTATE, "%s: its facts are being read right now", card->card.id);
    if (!card->card.steps_n)
        return sb_fail(err, SB_ESTATE, "%s has no steps whose facts could be read", card->card.id);
    card->run.away = sb_o_check(o, card, card->card.steps[0].check_before, card->card.steps[0].check_before_n, refreshed);
    return card->run.away ? 0 : sb_fail_nomem(err);
}

/* ---- reading back ---- */

static int record_verified(struct sb_orchestrator *o, struct held_card *card, const struct checking *c, bool ok)
{
    int64_t tries = card->run.undoing ? card->run.undo_tries : card->run.tries;
    if (card->run.unanswered && sb_o_record_outcome(o, card, card->run.step, tries, card->run.undoing, ok ? "ok" : "failed", "found by reading back"))
        return -1;
    card->run.unanswered = false;
    return sb_o_record(o, SB_ENTRY_STEP_VERIFIED, NULL, &(struct refs){.card = card},
                       json_pack("{s:I,s:b,s:b,s:o}", "step", (json_int_t)card->run.step, "undo", card->run.undoing, "ok", ok, "checks", sb_o_checks_json(c)), NULL);
}

void sb_o_step_done(struct sb_orchestrator *o, struct held_card *card)
{
    card->run.phase = PHASE_NONE;
    card->run.step++;
    card->run.tries = 0;
    card->run.sent = false;
    if ((size_t)card->run.step > card->card.steps_n)
        sb_o_must_move(o, card, SB_EV_STEPS_DONE, "every step was read back");
    else if (card->card.state == SB_EXECUTING)
        sb_o_begin_step(o, card);
}

static bool building_ours(const struct held_card *card, const struct checking *c)
{
    for (size_t i = 0; c->have_catalogue && i < c->catalogue.builds_n; i++)
        if (sb_streq(c->catalogue.builds[i].name, card->card.index_name))
            return true;
    return false;
}

static void not_verified(struct sb_orchestrator *o, struct held_card *card, const char *why)
{
    if (card->run.undoing) {
        sb_o_undo_failed(o, card, why);
    } else {
        card->run.phase = PHASE_NONE;
        sb_o_must_move(o, card, SB_EV_STEP_FAILED, why);
    }
}

static void verified(struct sb_orchestrator *o, struct checking *c)
{
    struct held_card *card = sb_o_checking_card(o, c);
    sb_hook("execute.verified.before");
    if (!card) {
        sb_o_checking_free(c);
        return;
    }
    const struct check_result *failure = sb_o_first_failure(c, true);
    bool undoing = card->run.undoing, waits = undoing && card->run.forward_away;
    card->run.away = false;
    card->run.next_ms = sb_mono_ms() + VERIFY_EVERY_MS; /* members may be finishing */
    if (!undoing && building_ours(card, c))
        card->run.give_up_ms = sb_mono_ms() + VERIFY_FOR_MS; /* from the end of the build on, however long it takes */
    if (!failure && !waits) {
        if (record_verified(o, card, c, true) == 0) {
            sb_hook("execute.verified.after");
            if (undoing)
                sb_o_undo_verified(o, card);
            else
                sb_o_step_done(o, card);
        }
    } else if (failure && failure->truth == CHECK_FALSE && !waits && undoing && card->run.undo_again) {
        card->run.undo_again = card->run.sent = false;
        sb_o_undo_on(o, card);
    } else if (sb_mono_ms() >= card->run.give_up_ms && record_verified(o, card, c, false) == 0) {
        not_verified(o, card, failure ? failure->text : "the command never answered");
    }
    sb_o_checking_free(c);
}

static void check_now(struct sb_orchestrator *o, struct held_card *card)
{
    const struct sb_step *s = step_of(card);
    struct sb_check undone = sb_o_undo_check(card);
    if (!s)
        return;
    card->run.away = card->run.undoing ? sb_o_check(o, card, &undone, 1, verified) : sb_o_check(o, card, s->check_after, s->check_after_n, verified);
    if (!card->run.away)
        card->run.next_ms = sb_mono_ms() + VERIFY_EVERY_MS;
}

void sb_o_verify(struct sb_orchestrator *o, struct held_card *card)
{
    sb_hook("execute.verify.begin");
    card->run.phase = PHASE_VERIFY;
    card->run.give_up_ms = sb_mono_ms() + VERIFY_FOR_MS;
    check_now(o, card);
}

/* ---- forward ---- */

void sb_o_begin_step(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_step *s = step_of(card);
    if (!s) {
        sb_o_must_move(o, card, SB_EV_STEPS_DONE, "no step is left");
        return;
    }
    if (card->run.sent) {
        sb_o_verify(o, card);
        return;
    }
    if (!card->run.fresh && store_stops(o, card))
        return;
    if (!card->run.fresh) {
        precheck(o, card, s);
        return;
    }
    card->run.fresh = false;
    card->run.let = 0;
    if (sb_step_iterates(s)) {
        sb_o_iterate(o, card);
        return;
    }
    char *command = sb_format("%s", s->action); /* the fold of the intent may move the card's memory */
    if (!command || sb_o_send(o, card, command, false, NULL, &err)) {
        card->run.phase = PHASE_NONE;
        sb_o_must_move(o, card, SB_EV_STEP_FAILED, command ? err.msg : "out of memory");
    }
    free(command);
}

void sb_o_run(struct sb_orchestrator *o, struct held_card *card)
{
    if (card->run.away || card->run.phase == PHASE_VERIFY)
        return; /* resumed while the last step is still away, or is being read back: it goes on from there */
    if (card->run.step == 0)
        card->run.step = 1;
    if (card->run.unanswered && !card->run.sent)
        sb_o_must_move(o, card, SB_EV_LOST, "whether its last step happened is not known");
    else
        sb_o_begin_step(o, card);
}

void sb_o_sent_forward(struct sb_orchestrator *o, struct held_card *card, const struct sb_write_result *r, bool overtaken)
{
    if (overtaken) {
        if (r->outcome != SB_OUTCOME_FAILED && card->run.undoing)
            card->run.undo_again = true;
        else if (r->outcome != SB_OUTCOME_FAILED)
            sb_o_notice(o, SB_HIGH, "%s: step %lld was answered after the card was stopped: what it did may be there; roll the card back to take it away",
                        card->card.id, (long long)card->run.step);
        return;
    }
    card->run.away = false;
    card->run.sent = true;
    card->run.unanswered = r->outcome == SB_OUTCOME_UNKNOWN;
    if (r->outcome == SB_OUTCOME_FAILED) {
        card->run.phase = PHASE_NONE;
        sb_o_must_move(o, card, SB_EV_STEP_FAILED, r->message);
    } else if (r->outcome == SB_OUTCOME_UNKNOWN) {
        card->run.phase = PHASE_NONE;
        sb_o_must_move(o, card, SB_EV_LOST, r->message);
    } else {
        sb_o_verify(o, card);
    }
}

/* ---- the clock's part ---- */

static void tick_run(struct sb_orchestrator *o, struct held_card *card, int64_t now)
{
    int state = card->card.state;
    sb_o_tick_results(o, card);
    if ((card->run.forward_away || (card->run.unanswered && card->run.phase == PHASE_VERIFY)) && !card->run.polling && !card->run.undoing &&
        card->card.kind == SB_KIND_CREATE_INDEX)
        sb_o_poll_progress(o, card);
    if (card->run.away || now < card->run.next_ms || card->run.unrecorded || card->run.owed >= 0)
        return;
    if (state == SB_APPROVED || state == SB_SCHEDULED)
        sb_o_try_start(o, card);
    else if (card->run.phase == PHASE_VERIFY)
        check_now(o, card);
    else if (card->run.phase == PHASE_PRECHECK && state == SB_EXECUTING)
        sb_o_begin_step(o, card);
    else if (card->run.phase == PHASE_PRECHECK && state == SB_ROLLING_BACK)
        sb_o_undo_on(o, card);
    else if (card->run.phase == PHASE_PROBE || state == SB_IN_DOUBT)
        sb_o_probe(o, card);
}

void sb_o_tick_runs(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    for (size_t i = 0; i < o->cards_n; i++)
        tick_run(o, o->cards[i], now);
}
