/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared store beside the ledger: what is on the record is copied there, what others have approved is taken from there, and a step
 * is only sent when the store has said that it may be. One worker at a time has the store; what is to be asked waits for its turn. */
#include "private.h"

#include <signalbox/base/array.h>
#include <signalbox/base/hook.h>
#include <signalbox/shared/listener.h>
#include <signalbox/shared/store.h>
#include <signalbox/shared/tenure.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#define ROUND_MS 1000    /* between two looks for what others have approved, where the store does not tell of them */
#define LOOK_MS 30000    /* and where it does */
#define AGAIN_MS 3000    /* and where the store is not as it has to be */
#define BEAT_MS 5000
#define TAKEN_MOST 50    /* approvals of one round */
#define QUICK_MS 10000   /* facts and verdict that are older are read again before a step is sent */
#define WAITING_MOST 1000

/* A step that wants to be sent. */
struct store_ask {
    char *card, *nonce;
    int64_t step, turn, upto, asked_ms, epoch;
    int class_;
    bool ok;
    char why[400];
};

struct store_reply {
    char *nonce;
    bool ok;
    int64_t n;
    char why[400];
};

struct store_side {
    struct sb_store *store;  /* the worker's while a round is away */
    bool away;
    int64_t next_ms, beat_ms;
    enum sb_store_state state;
    char why[512];
    bool known;              /* a round has told how it stands */
    int64_t acked;
    struct store_ask *asks;  /* for the next round */
    size_t asks_n;
    struct store_reply *replies;
    size_t replies_n;
    int64_t accept_seat, accept_seq; /* of who has accepted what is held; 0: nobody */
    bool accept;
    struct sb_listener *listener;  /* NULL: the store was not well yet */
    atomic_bool telling;     /* its mail is on the way */
    bool told, again;        /* something is there for us; something has to be looked for again */
    bool deaf;               /* it was said that the store does not tell */
    int64_t look_ms;
};

struct round {
    struct errand way;
    struct sb_orchestrator *o;
    struct sb_store *store;
    bool beat, accept, look, looked;
    struct sb_store_host host;
    int64_t head;
    struct store_ask *asks;
    size_t asks_n;
    struct store_reply *replies;
    size_t replies_n, replied;
    struct sb_store_approval *taken;
    size_t taken_n;
    int64_t now;             /* of the store, with what was taken */
    enum sb_store_state state;
    char why[512], id[40];
    int64_t acked;
    struct sb_err accept_err;
};

static void free_asks(struct store_ask *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].card);
        free(list[i].nonce);
    }
    free(list);
}

static void free_replies(struct store_reply *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i].nonce);
    free(list);
}

static void free_round(void *p)
{
    struct round *r = p;
    free_asks(r->asks, r->asks_n);
    free_replies(r->replies, r->replies_n);
    for (size_t i = 0; i < r->taken_n; i++)
        sb_store_approval_release(&r->taken[i]);
    free(r->taken);
    free(r);
}

static void say_state(char *out, size_t cap, enum sb_store_state state, const char *why)
{
    snprintf(out, cap, "store %s: nothing is executed (%.300s)", sb_name(&sb_store_states, (int)state), why);
}

bool sb_o_store_stops(const struct sb_orchestrator *o, char *why, size_t cap)
{
    const struct store_side *s = o->store_side;
    if (!s || (s->known && s->state == SB_STORE_WELL))
        return false;
    if (!s->known)
        snprintf(why, cap, "the store has not answered yet: nothing is executed");
    else
        say_state(why, cap, s->state, s->why);
    return true;
}

/* ---- the worker's part ---- */

static void ask_gates(struct round *r, struct sb_ledger *reader)
{
    for (size_t i = 0; i < r->asks_n; i++) {
        struct store_ask *a = &r->asks[i];
        struct sb_err err = SB_ERR_INIT;
        const struct sb_store_step step = {.card = a->card, .deployment_id = r->host.deployment_id, .step = a->step, .upto = a->upto, .nonce = a->nonce, .class_ = a->class_, .epoch = a->epoch};
        a->ok = sb_store_gate(r->store, reader, &step, &err) == 0;
        snprintf(a->why, sizeof a->why, "%s", a->ok ? "" : err.msg);
    }
}

static void work_with(struct round *r, struct sb_ledger *reader)
{
    struct sb_err err = SB_ERR_INIT;
    if (r->accept)
        sb_store_accept(r->store, reader, &r->accept_err);
    if (sb_store_find_fault(r->store, NULL) != SB_STORE_WELL && sb_store_check(r->store, reader, NULL) != SB_STORE_WELL)
        return;
    for (; r->replied < r->replies_n; r->replied++) {
        const struct store_reply *x = &r->replies[r->replied];
        if (sb_store_answer(r->store, x->nonce, x->ok, x->n, x->why, &err))
            return;
    }
    if (sb_store_acked(r->store) < r->head && sb_store_publish(r->store, reader, 0, &r->acked, &err)) {
        for (size_t i = 0; i < r->asks_n && sb_store_find_fault(r->store, NULL) == SB_STORE_WELL; i++) /* it is not the store that is amiss */
            snprintf(r->asks[i].why, sizeof r->asks[i].why, "what is decided could not be copied to the store: %.300s", err.msg);
        return;
    }
    ask_gates(r, reader);
    if (r->beat && sb_store_host_beat(r->store, &r->host, &err))
        return;
    if (!r->look || sb_store_approvals_wanted(r->store, TAKEN_MOST, &r->taken, &r->taken_n, &err))
        return;
    r->looked = r->taken_n == 0 || (sb_store_now(r->store, &r->now, &err) == 0 && r->taken_n < TAKEN_MOST);
}

static void round_back(struct sb_orchestrator *o, void *p);

static void round_work(void *p)
{
    struct round *r = p;
    struct sb_err err = SB_ERR_INIT;
    const char *why = "";
    struct sb_ledger *reader = sb_ledger_open(r->o->state_dir, SB_LEDGER_READ, NULL, &err);
    if (reader)
        work_with(r, reader);
    r->state = sb_store_find_fault(r->store, &why);
    snprintf(r->why, sizeof r->why, "%s", why);
    if (!reader) {
        r->state = SB_STORE_AWAY;
        snprintf(r->why, sizeof r->why, "the ledger could not be read for the store: %s", err.msg);
    }
    for (size_t i = 0; i < r->asks_n; i++)
        if (!r->asks[i].ok && r->state != SB_STORE_WELL)
            say_state(r->asks[i].why, sizeof r->asks[i].why, r->state, r->why);
        else if (!r->asks[i].ok && !r->asks[i].why[0])
            snprintf(r->asks[i].why, sizeof r->asks[i].why, "the store was not asked");
    r->acked = sb_store_acked(r->store);
    snprintf(r->id, sizeof r->id, "%s", sb_store_id(r->store));
    sb_ledger_close(reader);
    sb_o_post_done(r->o, &r->way, round_back, r, free_round);
}

/* ---- what others have approved ---- */

static void reply(struct store_side *s, const char *nonce, bool ok, int64_t n, const char *why)
{
    char *copy = sb_format("%s", nonce);
    struct store_reply *slot = copy ? SB_PUSH(s->replies) : NULL;
    if (!slot) { /* it still wants an answer, and is taken again */
        s->again = true;
        free(copy);
        return;
    }
    *slot = (struct store_reply){.nonce = copy, .ok = ok, .n = n};
    snprintf(slot->why, sizeof slot->why, "%s", why);
}

static void take_approvals(struct sb_orchestrator *o, struct round *r)
{
    struct store_side *s = o->store_side;
    for (size_t i = 0; i < r->taken_n; i++) {
        struct sb_store_approval *a = &r->taken[i];
        struct sb_err err = SB_ERR_INIT;
        bool queued = false;
        for (size_t k = 0; k < s->replies_n; k++) /* its answer is on the way */
            queued |= sb_streq(s->replies[k].nonce, a->nonce);
        if (queued)
            continue;
        sb_hook("store.approval.taken");
        int rc = sb_o_decide_from_store(o, a, r->now, &err);
        sb_hook("store.approval.recorded");
        if (rc && !sb_ledger_writable(o->ledger, NULL)) {
            s->again = true; /* nothing was decided: it is taken again */
            return;
        }
        reply(s, a->nonce, rc == 0, sb_ledger_head(o->ledger), rc ? err.msg : sb_streq(a->what, "approve") ? "approved" : "rejected");
    }
}

/* ---- what the store tells by itself ---- */

struct telling {
    struct errand way;
};

static void told(struct sb_orchestrator *o, void *p)
{
    struct store_side *s = o->store_side;
    char why[300];
    bool none;
    free(p);
    atomic_store(&s->telling, false);
    s->told = true;
    sb_listener_find_fault(s->listener, &none, why, sizeof why);
    if (none && !s->deaf)
        sb_o_notice(o, SB_LOW, "The store does not tell of changes, so what others approve is looked for every second: %s", why);
    s->deaf = none;
    sb_o_tick_store(o);
}

/* On the listener's thread. Without memory it is found by the clock. */
static void tell(void *ctx)
{
    struct sb_orchestrator *o = ctx;
    struct telling *t = atomic_exchange(&o->store_side->telling, true) ? NULL : calloc(1, sizeof *t);
    if (t)
        sb_o_post_done(o, &t->way, told, t, free);
}

static void start_listener(struct sb_orchestrator *o, struct store_side *s)
{
    struct sb_err err = SB_ERR_INIT;
    const struct sb_listener_options w = {.uri = o->opt.store_uri, .database = o->opt.store_database, .log = sb_ledger_id(o->ledger), .wake = tell, .ctx = o};
    s->listener = sb_listener_start(&w, &err);
}

bool sb_o_halt_store_side(struct sb_orchestrator *o, int grace_ms)
{
    return !o->store_side || sb_listener_halt(o->store_side->listener, grace_ms);
}

/* ---- how it stands ---- */

static void note_state(struct sb_orchestrator *o, const struct round *r)
{
    struct store_side *s = o->store_side;
    bool changed = !s->known || s->state != r->state || (r->state != SB_STORE_WELL && r->state != SB_STORE_AWAY && strcmp(s->why, r->why) != 0);
    enum sb_store_state was = s->state;
    bool first = !s->known;
    s->state = r->state;
    s->known = true;
    s->acked = r->acked;
    snprintf(s->why, sizeof s->why, "%s", r->why);
    if (!changed)
        return;
    sb_o_record(o, SB_ENTRY_STORE, NULL, NULL, json_pack("{s:s,s:s,s:I,s:o}", "event", sb_name(&sb_store_states, (int)r->state), "store", r->id, "acked", (json_int_t)r->acked, "why", sb_o_words(r->why)), NULL);
    if (r->state != SB_STORE_WELL)
        sb_o_notice(o, SB_HIGH, "Store %s: nothing is executed. Watching, rejecting, stopping, aborting and rolling back go on with the ledger here. %s", sb_name(&sb_store_states, (int)r->state), r->why);
    else if (!first && was != SB_STORE_WELL)
        sb_o_notice(o, SB_MEDIUM, "The store is there again.");
    if (!first && r->state == SB_STORE_WELL && o->tenure)
        sb_tenure_doubt(o->tenure); /* it may have lost the lease as well */
    sb_o_tell_strip(o);
}

static void round_back(struct sb_orchestrator *o, void *p)
{
    struct round *r = p;
    struct store_side *s = o->store_side;
    s->away = false;
    note_state(o, r);
    for (size_t i = r->replied; i < r->replies_n; i++) /* those that did not get there */
        reply(s, r->replies[i].nonce, r->replies[i].ok, r->replies[i].n, r->replies[i].why);
    if (r->accept) {
        sb_o_answer(o, s->accept_seat, s->accept_seq, &r->accept_err, NULL, NULL, "The store is taken as it is; its copy of this ledger is filled up again.");
        s->accept = false;
        s->accept_seat = s->accept_seq = 0;
    }
    s->again |= r->look && !r->looked;
    if (!o->stopping && r->taken_n && r->now)
        take_approvals(o, r);
    for (size_t i = 0; i < r->asks_n && !o->stopping; i++) {
        const struct store_ask *a = &r->asks[i];
        struct held_card *card = sb_o_card(o, a->card);
        if (card && card->run.turn == a->turn)
            sb_o_store_answered(o, card, a->step, a->ok ? NULL : a->why, sb_mono_ms() - a->asked_ms < QUICK_MS);
    }
    bool well = r->state == SB_STORE_WELL;
    s->next_ms = sb_mono_ms() + (well ? ROUND_MS : AGAIN_MS);
    if (s->asks_n || (well && (s->told || s->replies_n || sb_ledger_head(o->ledger) > s->acked)))
        s->next_ms = 0;
    if (well && !s->listener && !o->stopping)
        start_listener(o, s);
    free_round(r);
    sb_o_tick_store(o);
}

/* ---- rounds ---- */

/* Opens it as soon as it is known what is watched: that is not to be the store. */
static bool open_store(struct sb_orchestrator *o, struct store_side *s)
{
    struct sb_err err = SB_ERR_INIT;
    if (s->store)
        return true;
    if (!o->facts.id[0])
        return false;
    const struct sb_store_options opt = {.uri = o->opt.store_uri, .database = o->opt.store_database, .state_dir = o->state_dir, .log = sb_ledger_id(o->ledger), .watched_id = o->facts.id,
                                         .on_watched = o->opt.store_on_watched};
    s->store = sb_store_open(&opt, &err);
    if (!s->store) {
        s->known = true;
        s->state = SB_STORE_REFUSED;
        snprintf(s->why, sizeof s->why, "%s", err.msg);
        s->next_ms = sb_mono_ms() + AGAIN_MS;
    }
    return s->store != NULL;
}

/* Something is to be done in a round now, or to be looked for. */
static bool wanted(struct sb_orchestrator *o, const struct store_side *s, int64_t now, bool look)
{
    return look || s->asks_n || s->accept || s->replies_n || !s->known || s->state != SB_STORE_WELL || now >= s->beat_ms || sb_ledger_head(o->ledger) > s->acked;
}

void sb_o_tick_store(struct sb_orchestrator *o)
{
    struct store_side *s = o->store_side;
    int64_t now = sb_mono_ms();
    if (!s || s->away || o->stopping || (now < s->next_ms && !s->asks_n && !s->accept && !s->told) || !open_store(o, s))
        return;
    bool look = s->told || s->again || now >= s->look_ms || !s->listener || !sb_listener_tells(s->listener);
    if (!wanted(o, s, now, look)) {
        s->next_ms = now + ROUND_MS;
        return;
    }
    struct round *r = calloc(1, sizeof *r);
    if (!r)
        return;
    r->o = o;
    r->store = s->store;
    r->accept = s->accept;
    r->look = look;
    if (look) {
        s->told = s->again = false;
        s->look_ms = now + LOOK_MS;
    }
    r->head = sb_ledger_head(o->ledger);
    r->beat = now >= s->beat_ms;
    if (r->beat)
        s->beat_ms = now + BEAT_MS;
    r->host = (struct sb_store_host){.host = o->opt.origin->host, .boot = o->opt.origin->boot, .program = SIGNALBOX_VERSION, .pid = o->opt.origin->pid, .deployment_id = o->facts.id,
                                     .deployment = o->deployment, .environment = sb_name(&sb_environments, o->opt.environment), .team = o->opt.team, .class_ = o->opt.class_, .head = r->head};
    r->asks = s->asks;
    r->asks_n = s->asks_n;
    r->replies = s->replies;
    r->replies_n = s->replies_n;
    s->asks = NULL;
    s->replies = NULL;
    s->asks_n = s->replies_n = 0;
    s->away = sb_o_work(o, &r->way, round_work, r, free_round);
}

bool sb_o_ask_store(struct sb_orchestrator *o, struct held_card *card, int64_t step)
{
    struct store_side *s = o->store_side;
    if (!s)
        return false;
    const struct sb_step *of = step >= 1 && (size_t)step <= card->card.steps_n ? &card->card.steps[step - 1] : NULL;
    struct store_ask a = {.step = step, .upto = sb_ledger_head(o->ledger), .asked_ms = sb_mono_ms(), .class_ = of ? of->class_ : 0};
    a.epoch = sb_o_epoch(o);
    bool first = card->run.started == 0 && step == 1;
    a.card = sb_format("%s", card->card.id);
    a.nonce = first ? sb_o_start_nonce(card) : NULL;
    struct store_ask *slot = a.card && (!first || a.nonce) && s->asks_n < WAITING_MOST ? SB_PUSH(s->asks) : NULL;
    if (!slot) {
        free(a.card);
        free(a.nonce);
        card->run.phase = card->card.state == SB_EXECUTING ? PHASE_PRECHECK : PHASE_NONE;
        card->run.next_ms = 0; /* what guards is not passed by because there is no memory: again at the next tick */
        return true;
    }
    a.turn = ++card->run.turn;
    *slot = a;
    card->run.away = true;
    card->run.phase = PHASE_PRECHECK;
    sb_o_tick_store(o);
    return true;
}

int sb_o_open_store_side(struct sb_orchestrator *o, struct sb_err *err)
{
    if (!o->opt.store_uri)
        return 0;
    o->store_side = calloc(1, sizeof *o->store_side);
    return o->store_side ? 0 : sb_fail_nomem(err);
}

void sb_o_free_store_side(struct sb_orchestrator *o)
{
    struct store_side *s = o->store_side;
    if (!s)
        return;
    free_asks(s->asks, s->asks_n);
    free_replies(s->replies, s->replies_n);
    sb_listener_free(s->listener);
    sb_store_close(s->store);
    free(s);
    o->store_side = NULL;
}

/* ---- what a person says about it ---- */

void sb_o_ask_store_of(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const struct sb_remark_on *r = m->body;
    struct store_side *s = o->store_side;
    struct seat *who = sb_o_seat(o, seat);
    struct sb_err err = SB_ERR_INIT;
    if (!who)
        return;
    if (!s)
        sb_fail(&err, SB_ESTATE, "the config names no store");
    else if (!sb_streq(r->id, "accept-restored"))
        sb_fail(&err, SB_EINPUT, "the store can be asked: accept-restored");
    else if (who->read_only || sb_server_read_only(o->opt.server))
        sb_fail(&err, SB_EPOLICY, "this console is read-only: nothing can be decided from it");
    else if (!r->text || !r->text[0] || strlen(r->text) > SB_STORE_REASON_MOST)
        sb_fail(&err, SB_EINPUT, "a reason is needed, of at most %d bytes: it is what the next person reads", SB_STORE_REASON_MOST);
    else if (s->accept)
        sb_fail(&err, SB_ESTATE, "somebody accepts it right now");
    else if (!s->known || s->state != SB_STORE_HELD)
        sb_fail(&err, SB_ESTATE, "the store is not held (it is %s): there is nothing to accept", s->known ? sb_name(&sb_store_states, (int)s->state) : "not known yet");
    else if (sb_o_record(o, SB_ENTRY_STORE, &who->actor, NULL,
                         json_pack("{s:s,s:o,s:o,s:s}", "event", "accepted", "reason", sb_o_words(r->text), "why", sb_o_words(s->why), "by", who->actor.principal), &err) == 0) {
        s->accept = true;
        s->accept_seat = seat;
        s->accept_seq = m->seq;
        sb_o_tick_store(o);
        return;
    }
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL, " ");
}
