/* SPDX-License-Identifier: Apache-2.0
 *
 * Ledger first: an entry, then the change that follows from it, then the news. */
#include "private.h"

#include <signalbox/base/hook.h>

#include <string.h>

json_t *sb_o_words(const char *text)
{
    return text ? sb_json_of_bytes(text, strlen(text)) : json_null();
}

/* Fills in what the entry belongs to: copies, because the fold replaces the texts they come from. */
static int refer(struct sb_orchestrator *o, struct sb_plan_ref *plan, const struct refs *r)
{
    plan->simulated = o->facts.simulated;
    if (sb_str_set(&plan->deployment, o->deployment))
        return -1;
    if (r && r->card) {
        const struct sb_card *c = &r->card->card;
        plan->revision = c->revision;
        plan->simulated |= c->simulated; /* there may be no connection yet; a card that is just being recommended says nothing yet */
        if (sb_str_set(&plan->deployment, c->deployment) || sb_str_set(&plan->card, c->id) || sb_str_set(&plan->case_id, c->case_id) ||
            sb_str_set(&plan->hash, c->hash) || sb_str_set(&plan->anomaly, c->anomaly))
            return -1;
    }
    return (r && r->case_ && sb_str_set(&plan->case_id, r->case_->case_.id)) || (r && r->anomaly && sb_str_set(&plan->anomaly, r->anomaly->anomaly.id)) ? -1 : 0;
}

static void tell_entry(struct sb_orchestrator *o, const struct sb_entry *e)
{
    struct sb_audit_row row;
    if (sb_entry_row(e, &row))
        return;
    sb_o_tell_all(o, SB_NEWS_ENTRY, &row);
    sb_record_release(&sb_audit_row_schema, &row);
}

/* The entry is on the record: what it means for card, case and anomaly. A fold that fails here is a bug or want of memory;
 * the ledger is right, so the value is read from it anew. */
static void follow(struct sb_orchestrator *o, const struct sb_entry *e, const struct refs *r)
{
    struct sb_err err = SB_ERR_INIT;
    if (r && r->card) {
        if (sb_card_fold(&r->card->card, e, &err)) {
            struct sb_card fresh;
            if (sb_ledger_card(o->ledger, e->plan.card, &fresh, &err) == 0) {
                sb_card_release(&r->card->card);
                r->card->card = fresh;
            } else {
                sb_o_notice(o, SB_HIGH, "%s could not be brought up to its record: %s", e->plan.card, err.msg);
            }
        }
        sb_o_tell_all(o, SB_NEWS_CARD, &r->card->card);
    }
    struct held_case *c = r ? r->case_ : NULL;
    if (!c && e->plan.case_id && e->kind == SB_ENTRY_RECOMMENDATION)
        c = sb_o_case(o, e->plan.case_id);
    if (c) {
        if (sb_case_fold(&c->case_, e, &err))
            sb_o_notice(o, SB_HIGH, "%s could not be brought up to its record: %s", c->case_.id, err.msg);
        sb_o_tell_all(o, SB_NEWS_CASE, &c->case_);
    }
    if (r && r->anomaly) {
        if (sb_anomaly_fold(&r->anomaly->anomaly, e, &err))
            sb_o_notice(o, SB_HIGH, "%s could not be brought up to its record: %s", r->anomaly->anomaly.id, err.msg);
        if (e->kind == SB_ENTRY_ANOMALY)
            sb_o_ended(o, &r->anomaly->anomaly);
        sb_o_tell_all(o, SB_NEWS_ANOMALY, &r->anomaly->anomaly);
    }
}

void sb_o_tell_by_hand(struct sb_orchestrator *o, int64_t seat)
{
    for (size_t i = 0; i < o->cards_n; i++) {
        struct held_card *c = o->cards[i];
        struct sb_str hand;
        sb_str_init(&hand);
        if (sb_card_open(&c->card))
            sb_o_by_hand(c, &hand);
        struct sb_message *m = hand.len ? sb_message_new(SB_NEWS_NOTICE, 0) : NULL;
        if (m) {
            struct sb_notice *n = m->body;
            n->severity = SB_HIGH;
            n->text = sb_format("%s is %s. To take it back by hand, in mongosh: %s", c->card.id, sb_name(&sb_states, c->card.state), hand.p);
            if (seat)
                sb_o_tell(o, seat, m);
            else
                sb_o_tell_all(o, SB_NEWS_NOTICE, n);
            if (!seat)
                sb_message_free(m);
        }
        sb_str_release(&hand);
    }
}

/* Says once that the ledger cannot be written, and once that it can again. */
static void note_ledger(struct sb_orchestrator *o)
{
    const char *why = NULL;
    bool ok = sb_ledger_writable(o->ledger, &why);
    if (ok == o->ledger_was_ok)
        return;
    o->ledger_was_ok = ok;
    if (ok)
        sb_o_notice(o, SB_MEDIUM, "The ledger can be written again.");
    else
        sb_o_notice(o, SB_HIGH, "Nothing is executed: %s", why ? why : "the ledger cannot be written");
    if (!ok)
        sb_o_tell_by_hand(o, 0);
    sb_o_tell_strip(o);
}

struct sb_mask *sb_o_open_mask(const struct sb_orchestrator *o, struct sb_err *err)
{
    const json_t *names = sb_policy_sensitive(o->policy);
    size_t n = json_array_size(names);
    const char **patterns = calloc(n + 1, sizeof *patterns);
    if (!patterns) {
        sb_fail_nomem(err);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        patterns[i] = json_string_value(json_array_get(names, i));
    struct sb_mask *m = sb_mask_open(o->state_dir, patterns, n, err);
    free(patterns);
    return m;
}

static bool from_server(int kind)
{
    return kind == SB_ENTRY_COMMAND || kind == SB_ENTRY_STEP_RESULT;
}

static int append(struct sb_orchestrator *o, struct sb_entry *e, const struct refs *refs, const char *command, const char *nonce,
                  struct sb_permit *permit, struct sb_err *err)
{
    e->policy = sb_policy_id(o->policy)->sha256;
    e->decision = refs ? (char *)(uintptr_t)refs->decision : NULL;
    struct sb_err why = SB_ERR_INIT;
    int rc = -1;
    if (refer(o, &e->plan, refs) || !e->body)
        sb_fail_nomem(&why);
    else if (from_server(e->kind) && sb_mask_body(o->mask, e->body, &why))
        sb_err_prefix(&why, "an entry could not be masked");
    else if (permit)
        rc = sb_ledger_intent(o->ledger, e, command, o->facts.id, nonce, permit, &why);
    else
        rc = sb_ledger_append(o->ledger, e, &why);
    note_ledger(o);
    if (rc && err)
        *err = why;
    if (rc == 0) {
        bool fresh = refs && refs->anomaly && !refs->anomaly->anomaly.title;
        tell_entry(o, e);
        follow(o, e, refs);
        sb_o_tell_hooks(o, e, fresh);
    }
    json_decref(e->body);
    sb_record_release(&sb_plan_ref_schema, &e->plan);
    return rc;
}

int sb_o_record(struct sb_orchestrator *o, int kind, const struct sb_actor *actor, const struct refs *refs, json_t *body, struct sb_err *err)
{
    struct sb_entry e = {.kind = kind, .actor = *(actor ? actor : &o->self), .body = body};
    return append(o, &e, refs, NULL, NULL, NULL, err);
}

int sb_o_record_intent(struct sb_orchestrator *o, struct held_card *card, json_t *body, const char *command, const char *nonce,
                       struct sb_permit *permit, struct sb_err *err)
{
    struct sb_entry e = {.kind = SB_ENTRY_STEP_INTENT, .actor = o->self, .body = body};
    return append(o, &e, &(struct refs){.card = card}, command, nonce, permit, err);
}

static bool living_approvals(const struct sb_card *c)
{
    for (size_t i = 0; i < c->approvals_n; i++)
        if (!c->approvals[i].voided)
            return true;
    return false;
}

static void carry_out(struct sb_orchestrator *o, struct held_card *card, unsigned effects, const struct sb_actor *actor, const char *note)
{
    if ((effects & SB_DO_VOID) && living_approvals(&card->card))
        sb_o_record(o, SB_ENTRY_APPROVAL_VOID, actor, &(struct refs){.card = card}, json_pack("{s:o}", "reason", sb_o_words(note)), NULL);
    if (effects & SB_DO_GATE) {
        int decision = sb_o_gate(o, card, "gate", actor, NULL, false, NULL);
        enum sb_event next = decision == SB_ALLOW ? SB_EV_ALLOW : decision == SB_REQUIRE ? SB_EV_REQUIRE : SB_EV_DENY;
        const char *why = decision < 0 ? "the verdict could not be recorded" : decision == SB_ALLOW ? "policy allows it" : decision == SB_REQUIRE ? "policy wants it approved" : "policy denies it";
        if (decision == SB_REQUIRE && card->card.needs_person && card->card.policy.decision == SB_ALLOW)
            why = "policy would let it go by itself, but it was asked for from a read-only console: a person approves it";
        sb_o_move(o, card, next, NULL, why, NULL);
    }
    if ((effects & SB_DO_HOLD) && !(effects & (SB_DO_UNDO | SB_DO_ABORT)) && card->card.state == SB_FAILED)
        sb_o_hold(card);
    if (effects & SB_DO_UNDO)
        sb_o_undo(o, card);
    else if (effects & SB_DO_ABORT)
        sb_o_abort(o, card);
    if (effects & SB_DO_RUN)
        sb_o_run(o, card);
    if (effects & SB_DO_PROBE)
        sb_o_probe(o, card);
    if (effects & SB_DO_WATCH)
        sb_o_open_watch(o, card);
    if (effects & SB_DO_END) {
        int64_t lowered;
        sb_o_review_level(o, card, &lowered, NULL); /* now rather than at the next question; it is asked again there */
        sb_o_close_case_if_settled(o, card->card.case_id);
    }
}

/* Words that may be a server's, without what policy calls sensitive. NULL: they cannot be masked. */
static json_t *masked_words(const struct sb_orchestrator *o, const char *text)
{
    struct sb_str out;
    json_t *words = sb_o_words(text);
    if (!json_is_string(words))
        return words;
    sb_str_init(&out);
    json_t *masked = sb_mask_text(o->mask, json_string_value(words), &out, NULL) == 0 ? json_string(out.p ? out.p : "") : NULL;
    sb_str_release(&out);
    json_decref(words);
    return masked;
}

int sb_o_move(struct sb_orchestrator *o, struct held_card *card, enum sb_event event, const struct sb_actor *actor, const char *note,
              struct sb_err *err)
{
    enum sb_state from = (enum sb_state)card->card.state;
    const struct sb_transition *t = sb_lifecycle_next(from, event);
    if (!t) {
        char why[160];
        sb_lifecycle_reason(why, sizeof why, from, event);
        return sb_fail(err, SB_ESTATE, "%s: %s", card->card.id, why);
    }
    json_t *body = json_pack("{s:s,s:s,s:s,s:o}", "event", sb_name(&sb_events, event), "from", sb_name(&sb_states, from), "to",
                             sb_name(&sb_states, t->to), "note", masked_words(o, note));
    if (sb_o_record(o, SB_ENTRY_STATE, actor, &(struct refs){.card = card}, body, err))
        return -1;
    sb_hook("record.moved");
    card->run.owed = -1;
    carry_out(o, card, t->effects, actor, note);
    if (card->card.state == SB_APPROVED && (event == SB_EV_ALLOW || event == SB_EV_APPROVED))
        sb_o_try_start(o, card);
    return 0;
}
