/* SPDX-License-Identifier: Apache-2.0
 *
 * Breaking the glass: one person lifts every soft rule from one plan for at most an hour, with a reason and a ticket, for all
 * to see; and the review by somebody else, without which the same person breaks no other. Hard rules stay. */
#include "private.h"

#include <inttypes.h>
#include <string.h>

#define MAX_TEXT 500

static int need(const char *text, const char *what, struct sb_err *err)
{
    if (!text || !text[strspn(text, " \t")])
        return sb_fail(err, SB_EINPUT, "breaking the glass needs a %s", what);
    return strlen(text) <= MAX_TEXT ? 0 : sb_fail(err, SB_EINPUT, "the %s is longer than %d bytes", what, MAX_TEXT);
}

/* A plan that was denied: by soft rules alone, and while it may still be approved. */
static int check_denied(const struct sb_orchestrator *o, const struct held_card *c, struct sb_err *err)
{
    const struct sb_policy_verdict *v = &c->card.policy;
    bool soft = false;
    for (size_t i = 0; i < v->rules_n; i++) {
        if (v->rules[i].decides && v->rules[i].level != SB_RULE_SOFT)
            return sb_fail(err, SB_EPOLICY, "%s was denied by %s, which is no soft rule: no glass lifts it", c->card.id, v->rules[i].id);
        soft |= v->rules[i].decides;
    }
    if (!soft)
        return sb_fail(err, SB_EPOLICY, "%s was denied because no rule allows it: no glass lifts that", c->card.id);
    return sb_o_overdue(o, c->card.approve_by, c->approve_by_mono) ? sb_fail(err, SB_ESTATE, "%s could be approved until some time ago; ask for it again", c->card.id) : 0;
}

/* A plan that is waiting: for approvals, for its window, for whatever a soft rule wants, also between two steps. */
static bool waits(int state)
{
    return state == SB_AWAITING_APPROVAL || state == SB_APPROVED || state == SB_SCHEDULED || state == SB_EXECUTING || state == SB_PAUSED;
}

static int check_card(struct sb_orchestrator *o, const struct held_card *c, const struct sb_decision_on *d, struct sb_err *err)
{
    const struct sb_card *card = &c->card;
    if (!waits(card->state) && card->state != SB_DENIED)
        return sb_fail(err, SB_ESTATE, "%s is %s: the glass is broken for a card that waits, or that soft rules denied", card->id, sb_name(&sb_states, card->state));
    if (!d->hash || !sb_streq(d->hash, card->hash))
        return sb_o_other_hash(o, card, d->hash, err);
    if (card->environment == SB_ENV_PROD && !sb_streq(d->target, card->target))
        return sb_fail(err, SB_EPOLICY, "type the target's name, %s, to break the glass for %s (from a shell: --target %s)", card->target, card->id, card->target);
    return card->state == SB_DENIED ? check_denied(o, c, err) : 0;
}

/* How long policy lets this person, and what of it was asked for. */
static int find_time(struct sb_orchestrator *o, const struct approver *a, int64_t minutes, int64_t *ms, struct sb_err *err)
{
    const char *by = a->by;
    int64_t most = sb_policy_breakglass_ms(o->policy, by);
    struct sb_err why = SB_ERR_INIT;
    const char *due = most ? sb_o_unreviewed_by(o, by, a->fingerprint[0] ? a->fingerprint : NULL, &why) : NULL;
    if (!most)
        return sb_fail(err, SB_EPOLICY, "policy %s does not let %s break the glass", sb_policy_id(o->policy)->bundle, by);
    if (why.code != SB_OK) {
        *err = why;
        return -1;
    }
    if (due)
        return sb_fail(err, SB_EPOLICY, "%s broke the glass for %s, and nobody has reviewed it yet: signalbox cards review %s --reason TEXT", by, due, due);
    if (minutes < 0 || minutes * 60000 > most)
        return sb_fail(err, SB_EPOLICY, "the glass is broken for 1 to %" PRId64 " minutes, not for %" PRId64, most / 60000, minutes);
    *ms = minutes ? minutes * 60000 : most;
    return 0;
}

static int record(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, const struct approver *a, int64_t ms, struct sb_err *err)
{
    char id[32], from[SB_TIME_LEN + 1], until[SB_TIME_LEN + 1];
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    struct sb_actor actor = s->actor;
    const char *key = a->fingerprint[0] ? a->fingerprint : NULL;
    if (key)
        actor.ssh_fp = (char *)(uintptr_t)key;
    snprintf(id, sizeof id, "G-%06" PRId64, sb_ledger_head(o->ledger) + 1);
    sb_time_format(from, now);
    sb_time_format(until, now + ms);
    json_t *glass = json_pack("{s:s,s:s,s:o,s:o,s:s,s:s,s:s,s:s*}", "id", id, "by", a->by, "reason", sb_o_words(d->reason), "ticket", sb_o_words(d->ticket), "hash",
                              c->card.hash, "from", from, "until", until, "key", key);
    if (sb_o_record(o, SB_ENTRY_BREAKGLASS, &actor, &(struct refs){.card = c},
                    json_pack("{s:o,s:O,s:s*}", "breakglass", glass, "statement", a->statement, "signature", key ? d->signature : NULL), err))
        return -1;
    sb_o_notice(o, SB_HIGH, "BREAK-GLASS: %s has lifted every soft rule from %s until %s (%s): %s", a->by, c->card.id, until, d->ticket, d->reason);
    c->run.next_ms = 0; /* what it waits for is asked about again at once */
    return 0;
}

int sb_o_break_glass(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, struct sb_err *err)
{
    struct approver a;
    int64_t ms = 0;
    if (sb_o_may_act(o, c, err) || need(d->reason, "reason", err) || need(d->ticket, "ticket", err) || check_card(o, c, d, err) ||
        sb_o_approver(o, &c->card, s, d, "breakglass", &a, err))
        return -1;
    int rc = find_time(o, &a, d->minutes, &ms, err) || record(o, s, c, d, &a, ms, err) ? -1 : 0;
    if (rc == 0 && c->card.state == SB_DENIED)
        rc = sb_o_move(o, c, SB_EV_BREAK_GLASS, &s->actor, "the soft rules that denied it are lifted for a while", err);
    sb_o_approver_release(&a);
    return rc;
}

/* Somebody else: neither of that name nor with that key, whatever the name. */
static int record_review(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, const struct approver *a, struct sb_err *err)
{
    const struct sb_breakglass *g = &c->card.breakglass;
    struct sb_actor actor = s->actor;
    const char *key = a->fingerprint[0] ? a->fingerprint : NULL;
    if (sb_streq(g->by, a->by) || (key && sb_streq(g->key, key)) || sb_o_key_is_also(o, d, "review", g->by))
        return sb_fail(err, SB_EPOLICY, "%s broke the glass and cannot review it", g->by);
    if (key)
        actor.ssh_fp = (char *)(uintptr_t)key;
    return sb_o_record(o, SB_ENTRY_REVIEW, &actor, &(struct refs){.card = c},
                       json_pack("{s:s,s:s,s:o,s:s*,s:s*,s:O*,s:s*}", "id", g->id, "by", a->by, "reason", sb_o_words(d->reason), "key", key, "hash", key ? c->card.hash : NULL,
                                 "statement", key ? a->statement : NULL, "signature", key ? d->signature : NULL), err);
}

int sb_o_review(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, struct sb_err *err)
{
    const struct sb_breakglass *g = &c->card.breakglass;
    struct approver a;
    if (!g->id)
        return sb_fail(err, SB_ESTATE, "nobody broke the glass for %s", c->card.id);
    if (g->reviewed_by)
        return sb_fail(err, SB_ESTATE, "%s was reviewed by %s already", g->id, g->reviewed_by);
    if (!d->reason || !d->reason[0] || strlen(d->reason) > MAX_TEXT)
        return sb_fail(err, SB_EINPUT, "a review says what was found, in at most %d bytes", MAX_TEXT);
    if (sb_o_approver(o, &c->card, s, d, "review", &a, err))
        return -1;
    int rc = record_review(o, s, c, d, &a, err);
    sb_o_approver_release(&a);
    return rc;
}
