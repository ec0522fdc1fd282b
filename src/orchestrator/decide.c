/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person decides about a card: approve (approve.c), edit, reject, pause, resume, stop, roll back, measure anew, close. Each ask
 * is followed or refused in one sentence, and either way it is on the record. */
#include "private.h"

#include <signalbox/shared/store.h>
#include <inttypes.h>
#include <string.h>

#define MAX_REASON 1000

/* The card of an ask: one that is held, or one that ended long ago and is fetched for a roll back. */
static struct held_card *card_of(struct sb_orchestrator *o, const char *id, struct sb_err *err)
{
    struct held_card *c = sb_o_card(o, id);
    if (c)
        return c;
    struct sb_card card;
    if (sb_o_rests(o, id)) {
        sb_fail(err, SB_ELEDGER, "%s could not be read from its entries", id);
        return NULL;
    }
    if (sb_ledger_card(o->ledger, id ? id : "", &card, NULL)) {
        sb_fail(err, SB_EINPUT, "there is no card %s", id ? id : "");
        return NULL;
    }
    c = sb_o_new_card(o);
    if (!c) {
        sb_card_release(&card);
        sb_fail_nomem(err);
        return NULL;
    }
    c->card = card;
    if (sb_o_recall(o, c, err)) {
        sb_o_forget_card(o, c);
        return NULL;
    }
    return c;
}

int sb_o_may_act(const struct sb_orchestrator *o, const struct held_card *c, struct sb_err *err)
{
    const char *why = NULL;
    if (sb_server_read_only(o->opt.server))
        return sb_fail(err, SB_EPOLICY, "this console is read-only: nothing can be approved or executed from it");
    if (o->target_error)
        return sb_fail(err, SB_ESERVER, "%s", o->target_error);
    if (!sb_ledger_writable(o->ledger, &why)) {
        struct sb_str hand;
        sb_str_init(&hand);
        if (c)
            sb_o_by_hand(c, &hand);
        bool fits = hand.len + strlen(why) + 128 < sizeof err->msg; /* half a command is worse than none; a notice has it whole */
        sb_fail(err, SB_ELEDGER, "nothing is executed: %s%s%s", why,
                hand.len && fits ? ". To take it back by hand, in mongosh: " : "", hand.len && fits ? hand.p : "");
        sb_str_release(&hand);
        return -1;
    }
    if (!o->connected)
        return sb_fail(err, SB_ESERVER, "there is no connection yet: %s", o->connect_note ? o->connect_note : "connecting");
    if (c && !sb_streq(c->card.deployment_id, o->facts.id))
        return sb_fail(err, SB_ESTATE, "%s is for %s (%s), and this console is on %s", c->card.id, c->card.deployment, c->card.deployment_id, o->facts.id);
    return 0;
}

/* ---- the others ---- */

static int need_reason(const struct sb_decision_on *d, struct sb_err *err)
{
    if (!d->reason || !d->reason[0])
        return sb_fail(err, SB_EINPUT, "a reason is needed: it is what the next person reads");
    if (strlen(d->reason) > MAX_REASON)
        return sb_fail(err, SB_EINPUT, "the reason is longer than %d bytes", MAX_REASON);
    return 0;
}

static int unmet(const struct held_card *c, const char *when, struct sb_err *err)
{
    char missing[300];
    sb_o_unmet(c, missing, sizeof missing);
    return sb_fail(err, SB_EPOLICY, "policy wants more %s: %s (%s)", when, missing, c->card.id);
}

static int roll_back(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, struct sb_err *err)
{
    if (sb_o_may_act(o, c, err))
        return -1;
    if (!sb_lifecycle_next((enum sb_state)c->card.state, SB_EV_ROLLBACK)) {
        char why[160];
        sb_lifecycle_reason(why, sizeof why, (enum sb_state)c->card.state, SB_EV_ROLLBACK);
        return sb_fail(err, SB_ESTATE, "%s: %s", c->card.id, why);
    }
    if (c->card.kind == SB_KIND_KILL_OP)
        return sb_fail(err, SB_ESTATE, "%s: an operation that was ended cannot be brought back: its client sends it again, or does not", c->card.id);
    if (sb_o_phase_may_go_back(o, c, err))
        return -1;
    if (c->card.environment == SB_ENV_PROD && !sb_streq(d->target, c->card.target))
        return sb_fail(err, SB_EPOLICY, "type the target's name, %s, to roll %s back (from a shell: --target %s)", c->card.target, c->card.id, c->card.target);
    int decision = sb_o_gate(o, c, "execute", &s->actor, &(struct extra){s->actor.principal, false}, true, err);
    if (decision < 0 || decision == SB_DENY)
        return -1;
    if (decision == SB_REQUIRE)
        return unmet(c, "before it is rolled back", err);
    char note[160];
    snprintf(note, sizeof note, "rolled back by %.100s", s->actor.principal);
    return sb_o_move(o, c, SB_EV_ROLLBACK, &s->actor, note, err);
}

static int simple(struct sb_orchestrator *o, struct seat *s, struct held_card *c, int type, const struct sb_decision_on *d, struct sb_err *err)
{
    static const struct {
        int type;
        enum sb_event event;
        const char *verb;
        bool acts, reason;
    } asks[] = {
        {SB_ASK_REJECT, SB_EV_REJECT, "rejected", false, true}, {SB_ASK_PAUSE, SB_EV_PAUSE, "paused", false, false},
        {SB_ASK_RESUME, SB_EV_RESUME, "resumed", true, false},  {SB_ASK_STOP, SB_EV_STOP, "stopped", false, false},
        {SB_ASK_CLOSE, SB_EV_CLOSE, "closed", false, true},
    };
    for (size_t i = 0; i < SB_COUNT(asks); i++) {
        if (asks[i].type != type)
            continue;
        if ((asks[i].acts && sb_o_may_act(o, c, err)) || (asks[i].reason && need_reason(d, err)))
            return -1;
        char note[512];
        bool reason = d->reason && d->reason[0];
        snprintf(note, sizeof note, "%s by %.100s%s%.300s", asks[i].verb, s->actor.principal, reason ? ": " : "", reason ? d->reason : "");
        return sb_o_move(o, c, asks[i].event, &s->actor, note, err);
    }
    return sb_fail(err, SB_EINTERNAL, "an ask that nobody answers");
}

static int measure_anew(struct sb_orchestrator *o, struct held_card *c, struct sb_err *err)
{
    if (sb_o_may_act(o, c, err))
        return -1;
    if (c->card.state != SB_STALE) {
        char why[160];
        sb_lifecycle_reason(why, sizeof why, (enum sb_state)c->card.state, SB_EV_REFRESH);
        return sb_fail(err, SB_ESTATE, "%s: %s", c->card.id, why);
    }
    return sb_o_refresh(o, c, err);
}

static const char *said_of_pause(const struct held_card *c)
{
    if (c->card.kind == SB_KIND_CREATE_INDEX && (c->run.forward_away || c->run.unanswered))
        return "paused: no further step starts. An index build cannot be paused: it goes on to its end; stop aborts it";
    if (c->run.work)
        return "paused: the batch that is away ends, and no further one starts";
    return c->run.forward_away ? "paused: no further step starts; the command that is away cannot be paused" : "paused: no further step starts";
}

static const char *said_of_stop(const struct held_card *c)
{
    if (c->run.stopping)
        return "stopped: what its step has begun is being aborted with dropIndexes";
    return c->run.forward_away ? "stopped; the command that is away cannot be aborted, and its answer is recorded when it comes" : "stopped";
}

static const char *said(int type, const struct held_card *c)
{
    bool runs = c->card.state == SB_EXECUTING || c->card.state == SB_PAUSED || c->card.state == SB_ROLLING_BACK;
    switch (type) {
    case SB_ASK_APPROVE: return "approved";
    case SB_ASK_EDIT:
        if (c->card.state == SB_PAUSED)
            return "goes on with its batches as set now once it is resumed; what was approved is unchanged";
        return runs ? "goes on with its batches as set now; what was approved is unchanged" : "edited; its approvals are void";
    case SB_ASK_REJECT: return "rejected";
    case SB_ASK_PAUSE: return said_of_pause(c);
    case SB_ASK_RESUME: return "resumed";
    case SB_ASK_STOP: return said_of_stop(c);
    case SB_ASK_ROLLBACK: return "is being rolled back";
    case SB_ASK_BREAKGLASS: return "has its soft rules lifted for a while; somebody else has to review that afterwards";
    case SB_ASK_REVIEW: return "is reviewed";
    case SB_ASK_REFRESH: return "is being measured anew";
    case SB_ASK_WHAT_IF: return "is tried out by a card of its own";
    default: return "closed";
    }
}

void sb_o_answer_decision(struct sb_orchestrator *o, const struct seat *s, int type, int64_t seq, const char *id, struct held_card *c, const char *more, struct sb_err *err)
{
    if (err->code != SB_OK) /* a refusal is an event too; when even that cannot be recorded, the answer still says why */
        sb_o_record(o, SB_ENTRY_REFUSED, &s->actor, &(struct refs){.card = c}, json_pack("{s:s,s:o}", "ask", sb_message_name(type), "why", sb_o_words(err->msg)), NULL);
    sb_o_answer(o, s->id, seq, err, id, c ? c->card.case_id : NULL, "%s %s%s.", id ? id : "", c ? said(type, c) : "", more);
}

void sb_o_decide(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    struct sb_err err = SB_ERR_INIT;
    struct seat *s = sb_o_seat(o, seat);
    if (!s)
        return;
    bool editing = m->type == SB_ASK_EDIT;
    const struct sb_decision_on *d = m->body;
    const struct sb_edit *e = m->body;
    char *id = sb_format("%s", editing ? e->card : d->card); /* the card may be let go of meanwhile */
    struct held_card *c = id ? card_of(o, id, &err) : NULL;
    int rc = -1;
    if (s->read_only || sb_server_read_only(o->opt.server)) {
        sb_fail(&err, SB_EPOLICY, "this console is read-only: nothing can be decided from it");
        c = NULL;
    }
    if (c && m->type == SB_ASK_APPROVE)
        rc = sb_o_approve(o, s, c, d, &err);
    else if (c && editing)
        rc = sb_o_edit(o, s, m->seq, c, e, &err);
    else if (c && m->type == SB_ASK_ROLLBACK)
        rc = roll_back(o, s, c, d, &err);
    else if (c && m->type == SB_ASK_BREAKGLASS)
        rc = sb_o_break_glass(o, s, c, d, &err);
    else if (c && m->type == SB_ASK_REVIEW)
        rc = sb_o_review(o, s, c, d, &err);
    else if (c && m->type == SB_ASK_REFRESH)
        rc = measure_anew(o, c, &err);
    else if (c && m->type == SB_ASK_WHAT_IF)
        rc = sb_o_consult_what_if(o, s, m->seq, c, &err);
    else if (c)
        rc = simple(o, s, c, m->type, d, &err);
    if (rc < 0 && err.code == SB_OK)
        sb_fail_nomem(&err);
    if (rc == 0)
        err = (struct sb_err)SB_ERR_INIT;
    char more[400] = "";
    if (c && rc == 0 && m->type == SB_ASK_APPROVE && c->card.state == SB_AWAITING_APPROVAL)
        sb_o_still_wanted(c, more, sizeof more);
    if (rc <= 0)
        sb_o_answer_decision(o, s, m->type, m->seq, id, c, more, &err);
    free(id);
}

/* ---- through the store ---- */

struct nonce_sought {
    const char *nonce;
    bool found;
};

static int seek_rejection(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    (void)err;
    struct nonce_sought *s = ctx;
    s->found = e->kind == SB_ENTRY_STORE && sb_streq(sb_json_str(e->body, "nonce"), s->nonce);
    return s->found;
}

static bool has_nonce(const struct sb_card *c, const char *nonce)
{
    for (size_t i = 0; i < c->approvals_n; i++)
        if (sb_streq(c->approvals[i].nonce, nonce))
            return true;
    return false;
}

static int rejected_by(struct sb_orchestrator *o, const struct seat *s, struct held_card *c, const char *by, const char *reason, struct sb_err *err)
{
    char note[512];
    snprintf(note, sizeof note, "rejected by %.100s, signed, through the store: %.300s", by, reason);
    return sb_o_move(o, c, SB_EV_REJECT, &s->actor, note, err);
}

static int reject_signed(struct sb_orchestrator *o, const struct seat *s, struct held_card *c, const struct sb_decision_on *d, struct sb_err *err)
{
    struct approver a;
    char why[160];
    if (!sb_lifecycle_next((enum sb_state)c->card.state, SB_EV_REJECT)) {
        sb_lifecycle_reason(why, sizeof why, (enum sb_state)c->card.state, SB_EV_REJECT);
        return sb_fail(err, SB_ESTATE, "%s: %s", c->card.id, why);
    }
    if (need_reason(d, err) || sb_o_approver(o, &c->card, s, d, "reject", &a, err))
        return -1;
    struct sb_actor actor = s->actor;
    actor.ssh_fp = a.fingerprint;
    int rc = sb_o_record(o, SB_ENTRY_STORE, &actor, &(struct refs){.card = c},
                         json_pack("{s:s,s:s,s:s,s:O,s:s,s:s,s:o}", "event", "rejected", "by", a.by, "nonce", a.nonce, "statement", a.statement, "signature", d->signature, "key", a.fingerprint, "why",
                                   sb_o_words(d->reason)), err);
    if (rc == 0)
        rc = rejected_by(o, s, c, a.by, d->reason, err);
    sb_o_approver_release(&a);
    return rc;
}

/* It is on the record, and this program ended before what follows from it was, or before its answer was in the store. */
static int taken_before(struct sb_orchestrator *o, const struct seat *s, struct held_card *c, const struct sb_store_approval *a, bool approves, struct sb_err *err)
{
    if (!approves)
        return c->card.state == SB_REJECTED ? 0 : rejected_by(o, s, c, a->by, a->reason ? a->reason : "", err);
    if (c->card.state != SB_AWAITING_APPROVAL || sb_o_gate(o, c, "approve", &s->actor, NULL, false, err) != SB_ALLOW)
        return 0; /* it has been used since, or more is wanted than this one */
    return sb_o_move(o, c, SB_EV_APPROVED, &s->actor, "it had been approved", err);
}

/* Whoever wrote it into the store is nobody here; who has signed it counts. */
int sb_o_decide_from_store(struct sb_orchestrator *o, const struct sb_store_approval *a, int64_t now, struct sb_err *err)
{
    char from[] = "store";
    struct seat s = {.how = from, .protocol = SB_PROTOCOL, .signed_now = now, .actor = {.principal = from}};
    const struct sb_decision_on d = {.card = a->card, .revision = a->revision, .hash = a->sha256, .target = a->target, .reason = a->reason, .statement = a->statement, .signature = a->signature};
    bool approves = sb_streq(a->what, "approve");
    struct nonce_sought sought = {a->nonce, false};
    struct held_card *c = card_of(o, a->card, err);
    json_t *statement = c ? sb_o_read_statement(a->statement, err) : NULL;
    int rc = -1;
    if (!statement)
        ;
    else if (!sb_streq(sb_json_str(statement, "nonce"), a->nonce))
        sb_fail(err, SB_EINPUT, "it stands in the store under another nonce than was signed");
    else if (sb_server_read_only(o->opt.server))
        sb_fail(err, SB_EPOLICY, "this console is read-only: nothing can be decided from it");
    else if (!approves && sb_ledger_by_ref(o->ledger, c->card.id, seek_rejection, &sought, err))
        ;
    else if (approves ? has_nonce(&c->card, a->nonce) : sought.found)
        rc = taken_before(o, &s, c, a, approves, err);
    else
        rc = approves ? sb_o_approve(o, &s, c, &d, err) : reject_signed(o, &s, c, &d, err);
    json_decref(statement);
    if (rc && err->code == SB_OK)
        sb_fail_nomem(err);
    if (rc)
        sb_o_record(o, SB_ENTRY_REFUSED, &s.actor, &(struct refs){.card = c},
                    json_pack("{s:s,s:o,s:o}", "ask", approves ? "approve" : "reject", "why", sb_o_words(err->msg), "by", sb_o_words(a->by)), NULL);
    return rc ? -1 : 0;
}
