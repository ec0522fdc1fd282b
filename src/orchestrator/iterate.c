/* SPDX-License-Identifier: Apache-2.0
 *
 * A step that is many commands: the specialist's iterator says what the next one is, here it gets its intent, is sent and
 * answered, and between two of them nothing is held that the record does not hold. A batch fits only what is not changed yet, so
 * one whose answer was lost is not doubted: it is asked for again, and changes what is left. The work rests when the servers are
 * pressed, and asks policy again now and then, because a window closes and a freeze begins while it runs. */
#include "private.h"

#include <signalbox/base/hook.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ASK_POLICY_MS 60000
#define LOOK_AGAIN_MS 1000   /* between two looks at writes, or at servers that are pressed */
#define TRY_AGAIN_MS 2000    /* behind a server that did not answer */
#define TRIES 60             /* in a row that came to nothing */
#define REST_TIMES 24        /* a batch rests so many times as long as it took, while others work on the server: it is at batches for 4 %
                              * of the time, less than the share that the 95th percentile of what others do leaves out; where
                              * simulated time runs faster what it took is mostly not the server's, and it rests for less */
#define REST_TIMES_LEAST 4
#define IDLE_PER_S_MILLI 20000
#define OWN_PER_BATCH 4      /* reads and writes of our own around one batch, at most */
#define WRITE_CONFLICT 112
#define NEAR_CACHE_PPM 50000 /* so far below the limit of the cache it is near it */

/* A batch that went out in the last turn. */
struct lane {
    struct sb_place to; /* once it is done, and those before it are */
    bool done;
};

struct iterating {
    int64_t step;
    bool undo;
    struct sb_place place;       /* as far as is done */
    struct lane lane[SB_TURN_BATCHES];
    int64_t sent, answered;      /* of these */
    int64_t took_ms;             /* the longest of them */
    struct { /* the first that was refused for good, else the first that may be sent again */
        bool any, passes, slow;
        char why[256];
    } refused;
    int64_t batches, changed;
    int64_t docs, delay_ms, at_once; /* the knobs as they are set now */
    int64_t size;                /* of the next batch: less than docs behind one that took too long */
    int64_t lanes;               /* of the next turn: fewer than at_once where the servers are near a limit */
    int64_t began_ms, began_docs; /* mono, and where: for how long the rest will take */
    int64_t asked_ms;            /* mono: policy was asked */
    int64_t failures;            /* in a row */
    int64_t answered_ms;         /* mono: when the last one was answered; 0: not yet */
    char shown[256];
};

void sb_o_drop_work(struct held_card *card)
{
    struct iterating *w = card->run.work;
    if (!w)
        return;
    free(w->place.at);
    free(w->place.end);
    for (size_t i = 0; i < SB_COUNT(w->lane); i++)
        free(w->lane[i].to.at);
    free(w);
    card->run.work = NULL;
}

static struct sb_step *step_of(struct held_card *card)
{
    return card->run.step >= 1 && (size_t)card->run.step <= card->card.steps_n ? &card->card.steps[card->run.step - 1] : NULL;
}

/* ---- where it stands, by the record ---- */

struct recall {
    struct held_card *card;
    struct iterating *w;
    struct lane lane[SB_TURN_BATCHES]; /* of the newest turn */
    int64_t tries[SB_TURN_BATCHES];
    size_t n;
};

static int take_intent(struct recall *r, const struct sb_entry *e, struct sb_err *err)
{
    struct iterating *w = r->w;
    if (sb_json_int(e->body, "beside") == 0)
        r->n = 0;
    w->batches = sb_json_int(e->body, "batch");
    if (r->n == SB_COUNT(r->lane))
        return 0;
    struct sb_place *to = &r->lane[r->n].to;
    r->lane[r->n].done = false;
    r->tries[r->n++] = sb_json_int(e->body, "try");
    to->pass = sb_json_int(e->body, "pass");
    to->docs = sb_json_int(e->body, "done");
    to->since = sb_json_int(e->body, "since");
    if (to->since && !w->place.since)
        w->place.since = to->since;
    return sb_str_set(&to->at, sb_json_str(e->body, "to")) ? sb_fail_nomem(err) : 0;
}

/* The work stands behind the last batch that is done and has none before it that is not. */
static int move_up(struct iterating *w, const struct lane *lane, size_t n, struct sb_err *err)
{
    size_t done = 0;
    while (done < n && lane[done].done)
        done++;
    if (done == 0)
        return 0;
    const struct sb_place *to = &lane[done - 1].to;
    w->place.pass = to->pass;
    w->place.docs = to->docs;
    w->place.dirty = to->dirty;
    return sb_str_set(&w->place.at, to->at) ? sb_fail_nomem(err) : 0;
}

static int take_entry(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct recall *r = ctx;
    struct iterating *w = r->w;
    (void)bytes;
    (void)n;
    if (e->kind == SB_ENTRY_HELD) {
        sb_o_hold_recall(r->card, e);
        return 0;
    }
    if (e->kind == SB_ENTRY_KNOBS) {
        w->docs = sb_json_int(e->body, "docs");
        w->delay_ms = sb_json_int(e->body, "delay_ms");
        w->at_once = sb_json_int(e->body, "at_once");
        return 0;
    }
    if ((e->kind != SB_ENTRY_STEP_INTENT && e->kind != SB_ENTRY_STEP_RESULT) || sb_json_int(e->body, "step") != w->step ||
        json_is_true(json_object_get(e->body, "undo")) != w->undo || sb_json_int(e->body, "batch") == 0)
        return 0;
    if (e->kind == SB_ENTRY_STEP_INTENT)
        return take_intent(r, e, err);
    w->changed += sb_json_int(e->body, "changed"); /* also of one that failed half-way */
    for (size_t i = 0; i < r->n; i++)
        r->lane[i].done |= r->tries[i] == sb_json_int(e->body, "try") && sb_streq(sb_json_str(e->body, "outcome"), "ok");
    return move_up(w, r->lane, r->n, err);
}

/* The work of the present step, taken up from the record where it is not in hand. A sweep that was interrupted begins anew: what
 * it had passed without a command is not on the record. */
static struct iterating *take_up(struct sb_orchestrator *o, struct held_card *card, struct sb_err *err)
{
    struct iterating *w = card->run.work;
    const struct sb_step *s = step_of(card);
    if (w && w->step == card->run.step && w->undo == card->run.undoing)
        return w;
    sb_o_drop_work(card);
    w = calloc(1, sizeof *w);
    if (!w || !s) {
        free(w);
        sb_fail_nomem(err);
        return NULL;
    }
    *w = (struct iterating){.step = card->run.step, .undo = card->run.undoing, .place.pass = 1, .docs = s->work.docs, .delay_ms = s->work.delay_ms, .at_once = 1};
    card->run.work = w;
    struct recall r = {.card = card, .w = w};
    int rc = sb_ledger_by_ref(o->ledger, card->card.id, take_entry, &r, err);
    for (size_t i = 0; i < SB_COUNT(r.lane); i++)
        free(r.lane[i].to.at);
    if (rc) {
        sb_o_drop_work(card);
        return NULL;
    }
    if (w->place.pass > 1) {
        free(w->place.at);
        w->place.at = NULL;
        w->place.docs = 0;
    }
    w->size = w->docs;
    w->at_once = w->at_once < 1 ? 1 : w->at_once > SB_TURN_BATCHES ? SB_TURN_BATCHES : w->at_once; /* before there was this knob none is told */
    w->lanes = w->at_once;
    w->began_ms = w->asked_ms = sb_mono_ms();
    w->began_docs = w->place.docs;
    return w;
}

/* ---- what is shown ---- */

static int64_t eta_ms(const struct sb_orchestrator *o, const struct iterating *w, int64_t done, int64_t total)
{
    int64_t gone = sb_mono_ms() - w->began_ms, made = done - w->began_docs, left = total - done;
    double ms = made > 0 && left > 0 ? (double)gone * (double)left / (double)made * (double)(o->facts.speed > 0 ? o->facts.speed : 1) : 0;
    return ms < 1e15 ? (int64_t)ms : 0;
}

/* What there is to do: counted when the card was proposed, and at least what has been done, where the collection has grown since. */
static int64_t whole(const struct held_card *card, int64_t done)
{
    return card->card.blast_radius.documents > done ? card->card.blast_radius.documents : done;
}

static void show(struct sb_orchestrator *o, struct held_card *card, struct iterating *w, const char *text)
{
    struct sb_progress *p = &card->card.progress;
    if (sb_streq(w->shown, text))
        return;
    snprintf(w->shown, sizeof w->shown, "%s", text);
    if (sb_str_set(&p->phase, text))
        return;
    p->step = w->step;
    p->undoing = w->undo;
    p->done = w->place.docs;
    p->total = whole(card, p->done);
    p->eta_ms = w->place.pass == 1 ? eta_ms(o, w, p->done, p->total) : 0;
    sb_o_tell_all(o, SB_NEWS_CARD, &card->card);
}

static void again(struct held_card *card, int64_t in_ms)
{
    card->run.phase = PHASE_ITERATE;
    card->run.next_ms = sb_mono_ms() + in_ms;
}

static void fail(struct sb_orchestrator *o, struct held_card *card, const struct iterating *w, const char *why)
{
    char text[sizeof card->run.owed_note];
    snprintf(text, sizeof text, "%.150s (done: %" PRId64 " batches, %" PRId64 " documents changed)", why, w->batches, w->changed);
    sb_o_drop_work(card);
    if (card->run.undoing) {
        sb_o_undo_failed(o, card, text);
        return;
    }
    card->run.phase = PHASE_NONE;
    sb_o_must_move(o, card, SB_EV_STEP_FAILED, text);
}

/* Policy is asked again now and then, and when one of its windows closes or a freeze begins. The way back is not held up. */
static bool policy_due(const struct sb_orchestrator *o, const struct held_card *card, const struct iterating *w)
{
    bool turned = card->run.asks_at && sb_origin_wall_ms(o->opt.origin) >= card->run.asks_at;
    return !w->undo && (turned || sb_mono_ms() - w->asked_ms >= ASK_POLICY_MS);
}

/* ---- a turn ---- */

struct turn {
    struct sb_orchestrator *o;
    struct errand way;
    char *card_id, *ns, *uuid;
    int64_t turn;
    struct sb_step step;
    struct sb_turn_question q;
    struct sb_turn_answer a;
    struct sb_err err;
};

static void free_turn(void *p)
{
    struct turn *t = p;
    free(t->card_id);
    free(t->ns);
    free(t->uuid);
    free(t->q.place.at);
    free(t->q.place.end);
    sb_record_release(&sb_step_schema, &t->step);
    sb_turn_answer_release(&t->a);
    free(t);
}

static void take_place(struct sb_place *to, struct sb_place *from)
{
    free(to->at);
    free(to->end);
    *to = *from;
    from->at = from->end = NULL;
}

static json_t *proof(const char *how, const char *why)
{
    return json_pack("[{s:s,s:s,s:o}]", "check", how, "result", "true", "text", sb_o_words(why));
}

/* It is all done, and the iterator has looked at it again: that is the reading back. */
static void finish(struct sb_orchestrator *o, struct held_card *card, struct iterating *w, const char *why)
{
    const struct sb_step *s = step_of(card);
    bool undo = w->undo, looked = !sb_streq(s->work.how, "batches") || !sb_command_counts(undo ? s->undo : s->action);
    char text[300];
    snprintf(text, sizeof text, "%.200s; %" PRId64 " documents changed", why, w->changed);
    if (sb_o_record(o, SB_ENTRY_STEP_VERIFIED, NULL, &(struct refs){.card = card},
                    json_pack("{s:I,s:b,s:b,s:o}", "step", (json_int_t)w->step, "undo", undo, "ok", 1, "checks", proof(s->work.how, looked ? why : text)), NULL)) {
        again(card, TRY_AGAIN_MS);
        return;
    }
    sb_hook("iterate.verified");
    sb_o_drop_work(card);
    if (undo)
        sb_o_undo_verified(o, card);
    else
        sb_o_step_done(o, card);
}

/* All of a turn at once, each with its intent. One that cannot go out ends the turn: those before it are waited for, and what
 * hindered it is met again by the next turn. */
static void send(struct sb_orchestrator *o, struct held_card *card, struct iterating *w, struct sb_turn_answer *a)
{
    struct sb_err err = SB_ERR_INIT;
    bool undo = w->undo;
    w->shown[0] = '\0';
    w->sent = w->answered = w->took_ms = 0;
    memset(&w->refused, 0, sizeof w->refused);
    for (size_t i = 0; i < a->batches; i++) {
        struct lane *l = &w->lane[i];
        take_place(&l->to, &a->batch[i].to);
        l->done = false;
        int64_t total = whole(card, l->to.docs);
        struct batch b = {.n = w->batches + 1, .beside = (int64_t)i, .pass = l->to.pass, .to = l->to.at, .done = l->to.docs, .total = total,
                          .eta_ms = l->to.pass == 1 ? eta_ms(o, w, l->to.docs, total) : 0};
        if (sb_o_send(o, card, a->batch[i].command, undo, &b, &err))
            break;
        w->batches++;
        w->sent++;
    }
    if (w->sent == 0)
        fail(o, card, w, err.msg);
}

static void turn_back(struct sb_orchestrator *o, void *p)
{
    struct turn *t = p;
    struct held_card *card = sb_o_card(o, t->card_id);
    struct iterating *w = card ? card->run.work : NULL;
    sb_hook("iterate.turn");
    if (!card || card->run.turn != t->turn || !w) {
        free_turn(t);
        return;
    }
    bool batches = sb_streq(t->step.work.how, "batches");
    card->run.away = false;
    card->run.phase = PHASE_NONE;
    if (!w->undo && card->card.state != SB_EXECUTING) {
        ; /* paused meanwhile: it is asked for again when it goes on */
    } else if (t->err.code != SB_OK) {
        if (++w->failures >= TRIES) {
            fail(o, card, w, t->err.msg);
        } else {
            show(o, card, w, t->err.msg);
            again(card, TRY_AGAIN_MS);
        }
    } else if (t->a.turn == SB_TURN_SEND && policy_due(o, card, w)) {
        again(card, 0); /* its window may have closed while the batch was looked for */
    } else if (t->a.turn == SB_TURN_SEND) {
        free(w->place.end);
        w->place.end = t->a.next.end;
        t->a.next.end = NULL;
        send(o, card, w, &t->a);
    } else if (t->a.turn == SB_TURN_WAIT) {
        take_place(&w->place, &t->a.next);
        w->failures = 0;
        show(o, card, w, t->a.why);
        again(card, batches ? 0 : LOOK_AGAIN_MS);
    } else if (t->a.turn == SB_TURN_DONE) {
        finish(o, card, w, t->a.why);
    } else {
        fail(o, card, w, t->a.why);
    }
    free_turn(t);
}

static void turn_work(void *p)
{
    struct turn *t = p;
    sb_step_next(t->o->opt.server, &t->q, &t->a, &t->err);
    sb_o_post_done(t->o, &t->way, turn_back, t, free_turn);
}

/* The UUID that the collection has to have, by the step's checks. */
static const char *uuid_of(const struct sb_step *s)
{
    for (size_t i = 0; i < s->check_before_n; i++)
        if (sb_streq(s->check_before[i].check, "collection"))
            return s->check_before[i].value;
    return NULL;
}

static int ask_next(struct sb_orchestrator *o, struct held_card *card, const struct iterating *w)
{
    const struct sb_step *s = step_of(card);
    struct turn *t = calloc(1, sizeof *t);
    if (!t)
        return -1;
    t->o = o;
    t->q = (struct sb_turn_question){.step = &t->step, .undo = w->undo, .docs = w->size > 0 ? w->size : 1, .at_once = (size_t)w->lanes, .now = sb_o_deployment_now(o), .place = w->place};
    t->q.place.at = t->q.place.end = NULL;
    if (sb_record_copy(&sb_step_schema, &t->step, s)) {
        memset(&t->step, 0, sizeof t->step);
        free_turn(t);
        return -1;
    }
    if (sb_str_set(&t->card_id, card->card.id) || sb_str_set(&t->ns, card->card.target) || sb_str_set(&t->uuid, uuid_of(s)) || sb_str_set(&t->q.place.at, w->place.at) || sb_str_set(&t->q.place.end, w->place.end)) {
        free_turn(t);
        return -1;
    }
    t->q.ns = t->ns;
    t->q.uuid = t->uuid;
    t->turn = ++card->run.turn;
    card->run.phase = PHASE_ITERATE;
    card->run.away = sb_o_work(o, &t->way, turn_work, t, free_turn);
    return card->run.away ? 0 : -1;
}

/* Looking at writes sends nothing; that it has begun, and from when on writes count, is put on the record all the same, and with
 * it that nothing of it is open: it may be stopped at any moment. */
static int begin_look(struct sb_orchestrator *o, struct held_card *card, struct iterating *w, struct sb_err *err)
{
    struct sb_permit unused;
    const struct sb_step *s = step_of(card);
    int64_t since = sb_o_deployment_now(o);
    char *command = sb_format("%s", s->action), *nonce = sb_format("%s", card->card.hash);
    int64_t tries = card->run.tries + 1;
    int rc = !command || !nonce
                 ? sb_fail_nomem(err)
                 : sb_o_record_intent(o, card, json_pack("{s:I,s:I,s:b,s:I,s:I,s:I}", "step", (json_int_t)w->step, "try", (json_int_t)tries, "undo", 0, "batch", (json_int_t)1, "pass", (json_int_t)1,
                                                         "since", (json_int_t)since), command, w->step == 1 && tries == 1 ? nonce : NULL, &unused, err);
    free(command);
    free(nonce);
    if (rc)
        return -1;
    card->run.tries = tries;
    card->run.started = w->step > card->run.started ? w->step : card->run.started;
    w->place.since = since;
    return sb_o_record_outcome(o, card, w->step, tries, false, "ok", "nothing was sent: the looking has begun") ? sb_fail(err, SB_ELEDGER, "the record cannot be written") : 0;
}

/* ---- between two turns ---- */

/* False: policy does not allow the next turn, and that is being seen to. */
static bool still_allowed(struct sb_orchestrator *o, struct held_card *card, struct iterating *w)
{
    if (!policy_due(o, card, w))
        return true;
    w->asked_ms = sb_mono_ms();
    if (sb_o_gate(o, card, "execute", NULL, NULL, false, NULL) == SB_ALLOW)
        return true;
    card->run.fresh = false; /* what it waits for, and until when, is found out as before any step */
    sb_o_begin_step(o, card);
    return false;
}

/* On the way to a limit: half of what is borne. What is not known is not near. */
static bool near_a_limit(const struct sb_orchestrator *o, const struct sb_step_work *work)
{
    struct sb_step_work half = *work;
    struct sb_o_pressure p;
    half.max_lag_s = work->max_lag_s > 1 ? work->max_lag_s / 2 : work->max_lag_s;
    half.max_queued = work->max_queued > 1 ? work->max_queued / 2 : work->max_queued;
    half.max_cache_ppm = work->max_cache_ppm > NEAR_CACHE_PPM ? work->max_cache_ppm - NEAR_CACHE_PPM : work->max_cache_ppm;
    half.min_oplog_s = 2 * work->min_oplog_s;
    return sb_o_pressure(o, &half, &p) && !sb_streq(p.by, "unknown");
}

/* The servers are pressed: it waits, or a person is called. Before that comes to be, fewer batches go out at once. */
static bool held_back(struct sb_orchestrator *o, struct held_card *card, struct iterating *w)
{
    char note[sizeof card->run.owed_note];
    struct sb_o_pressure p;
    const struct sb_step *s = step_of(card);
    if (!w->undo && (sb_o_store_stops(o, note, sizeof note) || sb_o_not_ours(o, false, note, sizeof note))) {
        sb_o_hold_back(o, card, "store", note);
        again(card, LOOK_AGAIN_MS);
        return true;
    }
    if (w->lanes > 1 && near_a_limit(o, &s->work))
        w->lanes /= 2;
    if (!sb_o_pressure(o, &s->work, &p))
        return false;
    w->lanes = 1;
    sb_o_hold_back(o, card, p.by, p.why);
    if (p.critical && !w->undo) {
        snprintf(note, sizeof note, "critical load: %s; resume it when that is over", p.why);
        card->run.phase = PHASE_NONE;
        sb_o_must_move(o, card, SB_EV_PAUSE, note);
        return true;
    }
    again(card, LOOK_AGAIN_MS);
    return true;
}

bool sb_o_batches_run(const struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->cards_n; i++) {
        const struct held_card *c = o->cards[i];
        bool runs = c->card.state == SB_EXECUTING || c->card.state == SB_ROLLING_BACK;
        if (runs && c->run.work && c->run.work->docs > 0)
            return true;
    }
    return false;
}

void sb_o_iterate(struct sb_orchestrator *o, struct held_card *card)
{
    struct sb_err err = SB_ERR_INIT;
    if (card->run.away || (!card->run.undoing && card->card.state != SB_EXECUTING))
        return;
    if (card->run.forward_away) { /* the way back begins behind the batch that is away */
        again(card, 100);
        return;
    }
    struct iterating *w = take_up(o, card, &err);
    if (!w) {
        sb_o_notice(o, SB_HIGH, "%s cannot go on yet: %s", card->card.id, err.msg);
        again(card, TRY_AGAIN_MS);
        return;
    }
    const struct sb_step *s = step_of(card);
    bool batches = sb_streq(s->work.how, "batches");
    if ((batches && held_back(o, card, w)) || !still_allowed(o, card, w))
        return;
    if (sb_o_hold_over(o, card)) { /* what cannot be recorded is not sent */
        again(card, TRY_AGAIN_MS);
        return;
    }
    if (!batches && !w->place.since && begin_look(o, card, w, &err))
        fail(o, card, w, err.msg);
    else if (ask_next(o, card, w))
        again(card, TRY_AGAIN_MS);
}

static bool has_turn(const struct held_card *card)
{
    const struct run *r = &card->run;
    bool runs = r->undoing ? card->card.state == SB_ROLLING_BACK : card->card.state == SB_EXECUTING;
    return r->phase == PHASE_ITERATE && runs && !r->away && !r->unrecorded && r->owed < 0;
}

int64_t sb_o_until_turn(const struct sb_orchestrator *o)
{
    int64_t first = INT64_MAX, now = sb_mono_ms();
    for (size_t i = 0; i < o->cards_n; i++) {
        int64_t left = has_turn(o->cards[i]) ? o->cards[i]->run.next_ms - now : INT64_MAX;
        first = left < first ? left : first;
    }
    return first > 0 ? first : 0;
}

void sb_o_tick_turns(struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->cards_n; i++)
        if (has_turn(o->cards[i]) && sb_mono_ms() >= o->cards[i]->run.next_ms)
            sb_o_iterate(o, o->cards[i]);
}

/* ---- the answer to a batch ---- */

/* Behind which the same batch may be sent again: a primary that is one no more or is out of reach, a time limit, a conflict, a lost
 * line, a transaction that is gone or whose snapshot is. */
static bool passes(const struct sb_write_result *r)
{
    static const int64_t never[] = {66, 121, 10334, 11000, 17419}; /* what a document itself stands against: _id, validator, size, a key that is there */
    for (size_t i = 0; i < SB_COUNT(never); i++)
        if (r->code == never[i])
            return false;
    static const int64_t codes[] = {0, EHOSTUNREACH, 6, 7, 24, 46, 50, 64, 89, 91, 112, 189, 239, 246, 251, 262, 279, 317, 9001, 10107, 11600, 11601, 11602, 13435, 13436};
    for (size_t i = 0; i < SB_COUNT(codes); i++)
        if (r->code == codes[i])
            return true;
    return r->outcome == SB_OUTCOME_UNKNOWN;
}

/* How long it rests: with nobody else at work on the primary not at all. */
static int64_t rest_ms(const struct sb_orchestrator *o, const struct iterating *w, int64_t took)
{
    int64_t foreground = sb_o_foreground(o), speed = o->facts.speed > 0 ? o->facts.speed : 1, now = sb_mono_ms();
    int64_t period = w->answered_ms ? now - w->answered_ms : took; /* with the reading in front of it: what is taken for our own must not hide others */
    int64_t times = REST_TIMES / speed > REST_TIMES_LEAST ? REST_TIMES / speed : REST_TIMES_LEAST;
    int64_t own = w->sent * OWN_PER_BATCH * 1000000 / (period > 0 ? period : 1) / speed;
    if (foreground >= 0 && foreground - own < IDLE_PER_S_MILLI)
        return 0;
    return w->delay_ms > took * times ? w->delay_ms : took * times;
}

/* All batches of a turn were answered. */
static void turn_over(struct sb_orchestrator *o, struct held_card *card, struct iterating *w)
{
    struct sb_err err = SB_ERR_INIT;
    bool on = w->undo || card->card.state == SB_EXECUTING;
    card->run.away = card->run.sent = card->run.unanswered = false;
    card->run.phase = PHASE_NONE;
    if (move_up(w, w->lane, (size_t)w->sent, &err)) {
        sb_o_drop_work(card); /* the record holds where it stands */
        if (on)
            again(card, TRY_AGAIN_MS);
        return;
    }
    if (!w->refused.any) {
        w->failures = 0;
        w->size = w->size < w->docs ? w->size + 1 : w->docs;
        w->lanes = w->lanes < w->at_once ? w->lanes + 1 : w->at_once;
        int64_t rest = rest_ms(o, w, w->took_ms);
        w->answered_ms = sb_mono_ms();
        if (on)
            again(card, rest);
        return;
    }
    if (w->refused.slow && w->lanes > 1)
        w->lanes /= 2;
    else if (w->refused.slow && w->size > 1)
        w->size /= 2;
    if (!w->refused.passes || ++w->failures >= TRIES) {
        fail(o, card, w, w->refused.why[0] ? w->refused.why : "the server refused it");
        return;
    }
    if (on) {
        show(o, card, w, w->refused.why);
        again(card, TRY_AGAIN_MS);
    }
}

void sb_o_batch_answered(struct sb_orchestrator *o, struct held_card *card, int64_t beside, const struct sb_write_result *r, bool overtaken)
{
    struct iterating *w = card->run.work;
    if (overtaken || !w || beside >= w->sent) { /* what it did is on the record, and whatever goes on takes it up from there */
        sb_o_drop_work(card);
        return;
    }
    w->changed += sb_o_reply_changed(r->reply);
    w->lane[beside].done = r->outcome == SB_OUTCOME_OK;
    w->took_ms = r->millis > w->took_ms ? r->millis : w->took_ms;
    if (r->outcome != SB_OUTCOME_OK && (!w->refused.any || (w->refused.passes && !passes(r)))) {
        w->refused.any = true;
        w->refused.passes = passes(r);
        w->refused.slow = r->code == 50 || r->code == 262 || r->code == WRITE_CONFLICT; /* fewer documents meet fewer writers */
        snprintf(w->refused.why, sizeof w->refused.why, "%s", r->message);
    }
    if (++w->answered == w->sent)
        turn_over(o, card, w);
}

/* ---- knobs ---- */

static const struct knob {
    const char *key;
    int64_t least, most;
} knobs[] = {{"batch_docs", 1, 10000}, {"batch_delay_ms", 0, 60000}, {"batches_at_once", 1, SB_TURN_BATCHES}};

static const struct knob *knob_of(const char *key)
{
    for (size_t i = 0; i < SB_COUNT(knobs); i++)
        if (sb_streq(key, knobs[i].key))
            return &knobs[i];
    return NULL;
}

bool sb_o_has_knobs(const struct held_card *card, const struct sb_edit *e)
{
    const struct sb_card *c = &card->card;
    bool runs = c->state == SB_EXECUTING || c->state == SB_PAUSED || c->state == SB_ROLLING_BACK, all = e->sets_n > 0;
    const struct sb_step *s = card->run.step >= 1 && (size_t)card->run.step <= c->steps_n ? &c->steps[card->run.step - 1] : NULL;
    for (size_t i = 0; i < e->sets_n; i++)
        all &= knob_of(e->sets[i].key) != NULL;
    return runs && all && s && sb_streq(s->work.how, "batches");
}

int sb_o_turn_knobs(struct sb_orchestrator *o, const struct seat *s, struct held_card *card, const struct sb_edit *e, struct sb_err *err)
{
    struct iterating *w = take_up(o, card, err);
    if (!w)
        return -1;
    int64_t to[SB_COUNT(knobs)] = {w->docs, w->delay_ms, w->at_once}, n;
    for (size_t i = 0; i < e->sets_n; i++) {
        const struct knob *k = knob_of(e->sets[i].key);
        if (sb_parse_i64(e->sets[i].value, &n) || n < k->least || n > k->most)
            return sb_fail(err, SB_EINPUT, "%s must be between %" PRId64 " and %" PRId64, k->key, k->least, k->most);
        to[k - knobs] = n;
    }
    if (sb_o_record(o, SB_ENTRY_KNOBS, &s->actor, &(struct refs){.card = card},
                    json_pack("{s:I,s:I,s:I}", "docs", (json_int_t)to[0], "delay_ms", (json_int_t)to[1], "at_once", (json_int_t)to[2]), err))
        return -1;
    w->docs = w->size = to[0];
    w->delay_ms = to[1];
    w->at_once = w->lanes = to[2];
    return 0;
}
