/* SPDX-License-Identifier: Apache-2.0
 *
 * An approval: of exactly these bytes, by a person (signed.c says who it is). */
#include "private.h"

#include <signalbox/base/hook.h>

#include <inttypes.h>
#include <string.h>

/* ---- may it be approved ---- */

struct hash_sought {
    const char *hash;
    bool found;
};

static int seek_hash(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    (void)err;
    struct hash_sought *s = ctx;
    s->found = sb_streq(e->plan.hash, s->hash);
    return s->found;
}

/* Every entry of a card carries the hash that it had. When the record cannot be read the older words are the safer ones. */
int sb_o_other_hash(struct sb_orchestrator *o, const struct sb_card *card, const char *hash, struct sb_err *err)
{
    struct hash_sought s = {hash, false};
    bool known = sb_streq(hash, card->hash) || (hash && sb_ledger_by_ref(o->ledger, card->id, seek_hash, &s, NULL)) || s.found;
    if (!known)
        return sb_fail(err, SB_ESTATE, "%.12s is the hash of no revision of %s: it stands at revision %" PRId64 ", %.12s", hash && *hash ? hash : "nothing", card->id, card->revision, card->hash);
    return sb_fail(err, SB_ESTATE, "%s has changed since it was shown (revision %" PRId64 ", %.12s): look at it again", card->id, card->revision, card->hash);
}

static int check_card(struct sb_orchestrator *o, const struct held_card *c, const struct sb_decision_on *d, struct sb_err *err)
{
    const struct sb_card *card = &c->card;
    if (card->state != SB_AWAITING_APPROVAL) {
        char why[160];
        sb_lifecycle_reason(why, sizeof why, (enum sb_state)card->state, SB_EV_APPROVE);
        return sb_fail(err, SB_ESTATE, "%s: %s", card->id, why);
    }
    if (!d->hash || !sb_streq(d->hash, card->hash) || (d->revision && d->revision != card->revision))
        return sb_o_other_hash(o, card, d->hash, err);
    if (sb_o_overdue(o, card->approve_by, c->approve_by_mono))
        return sb_fail(err, SB_ESTATE, "%s could be approved until a moment ago; it has expired", card->id);
    if (d->batch > 1 && card->environment == SB_ENV_PROD)
        return sb_fail(err, SB_EPOLICY, "%s is in prod: there every card is approved by itself", card->id);
    bool typed = card->policy.requires.typed_target || card->environment == SB_ENV_PROD;
    if (typed && !sb_streq(d->target, card->target))
        return sb_fail(err, SB_EPOLICY, "type the target's name, %s, to approve %s (from a shell: --target %s)", card->target, card->id, card->target);
    return 0;
}

/* One key is one person, whatever it is called. */
static bool has_approved(const struct sb_card *card, const struct approver *a)
{
    for (size_t i = 0; i < card->approvals_n; i++) {
        const struct sb_approval *x = &card->approvals[i];
        if (!x->voided && x->revision == card->revision && (sb_streq(x->by, a->by) || (a->fingerprint[0] && sb_streq(x->key, a->fingerprint))))
            return true;
    }
    return false;
}

/* Is the author of this revision the one who approves it? He is known by the account that he wrote it from, and may sign under
 * another name. 0: nothing says so; 1, and how it is known; -1 error. */
static int is_author(struct sb_orchestrator *o, const struct seat *s, const struct sb_card *c, const struct sb_decision_on *d, const struct approver *a, const char **how,
                     struct sb_err *err)
{
    const char *key = a->fingerprint[0] ? a->fingerprint : NULL;
    *how = "";
    if (sb_streq(c->author, a->by))
        return 1;
    *how = ", who signs under that name";
    if (key && sb_streq(c->author_signs, a->by))
        return 1;
    *how = ", whose key this is";
    if (sb_o_key_is_also(o, d, "approve", c->author) || sb_o_key_is_also(o, d, "approve", c->author_signs))
        return 1;
    *how = ", and this comes from the same account";
    if (sb_streq(c->author, s->actor.principal))
        return 1;
    *how = ", from whose account this person has signed before";
    return key ? sb_o_has_signed_from(o, a->by, key, c->author, err) : 0;
}

static int approved_already(const struct held_card *c, const char *who, struct sb_err *err)
{
    char missing[300];
    sb_o_unmet(c, missing, sizeof missing);
    return sb_fail(err, SB_ESTATE, "%s has approved %s already; another person is needed: %s", who, c->card.id, missing);
}

void sb_o_still_wanted(const struct held_card *c, char *out, size_t cap)
{
    char missing[300];
    sb_o_unmet(c, missing, sizeof missing);
    snprintf(out, cap, ", %zu of %" PRId64 "; it still wants: %s", sb_card_approvals(&c->card), sb_card_approvals_wanted(&c->card), missing);
}

/* ---- on the record ---- */

static json_t *approval_json(struct sb_orchestrator *o, const struct held_card *c, const struct seat *s, const struct approver *a, bool own)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, sb_origin_wall_ms(o->opt.origin));
    return json_pack("{s:s,s:s?,s:s,s:I,s:s,s:s,s:s*,s:o*}", "by", a->by, "how", s->how, "hash", c->card.hash, "revision", (json_int_t)c->card.revision, "at", at,
                     "nonce", a->nonce, "key", a->fingerprint[0] ? a->fingerprint : NULL, "own", own ? json_true() : NULL);
}

static int record(struct sb_orchestrator *o, struct held_card *c, const struct seat *s, const struct approver *a, const struct sb_decision_on *d, bool own, struct sb_err *err)
{
    struct sb_actor actor = s->actor;
    if (a->fingerprint[0])
        actor.ssh_fp = (char *)(uintptr_t)a->fingerprint;
    return sb_o_record(o, SB_ENTRY_APPROVAL, &actor, &(struct refs){.card = c},
                       json_pack("{s:o,s:O,s:s*,s:o*}", "approval", approval_json(o, c, s, a, own), "statement", a->statement, "signature", a->fingerprint[0] ? d->signature : NULL,
                                 "batch", d->batch > 1 ? json_integer(d->batch) : NULL), err);
}

static int approve_by(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, const struct approver *a, struct sb_err *err)
{
    const char *how;
    int own = is_author(o, s, &c->card, d, a, &how, err);
    if (own < 0)
        return -1;
    if (c->card.policy.requires.not_author && own)
        return sb_fail(err, SB_EPOLICY, "%s wrote this revision of %s%s, and cannot approve it", c->card.author, c->card.id, how);
    bool again = has_approved(&c->card, a);
    int decision = sb_o_gate(o, c, "approve", &s->actor, again ? NULL : &(struct extra){a->by, own == 1}, false, err);
    if (decision < 0)
        return -1;
    if (decision == SB_DENY) {
        sb_o_move(o, c, SB_EV_DENY, NULL, "policy denies it now", NULL);
        return -1;
    }
    if (d->batch > 1 && !c->card.policy.requires.batch)
        return sb_fail(err, SB_EPOLICY, "policy wants %s approved by itself, not together with others", c->card.id);
    if (again && decision == SB_REQUIRE)
        return approved_already(c, a->by, err);
    sb_hook("decide.approval.before");
    if (again) /* it is on the record, and what follows from it could not be recorded then */
        return sb_o_move(o, c, SB_EV_APPROVED, &s->actor, "it had been approved", err);
    if (record(o, c, s, a, d, own == 1, err))
        return -1;
    sb_hook("decide.approval.recorded");
    char note[240];
    snprintf(note, sizeof note, "approved by %.100s%s%s", a->by, a->fingerprint[0] ? ", signed with " : "", a->fingerprint);
    return sb_o_move(o, c, decision == SB_ALLOW ? SB_EV_APPROVED : SB_EV_APPROVE, &s->actor, note, err);
}

int sb_o_approve(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, struct sb_err *err)
{
    struct approver a;
    if (sb_streq(s->how, "console") && s->protocol < SB_PROTOCOL)
        return sb_fail(err, SB_ESTATE, "%s: this console is older than the program that owns the record and may not show all that is approved: start it again from the same version", c->card.id);
    if (sb_o_may_act(o, c, err) || check_card(o, c, d, err) || sb_o_approver(o, &c->card, s, d, "approve", &a, err))
        return -1;
    int rc = approve_by(o, s, c, d, &a, err);
    sb_o_approver_release(&a);
    return rc;
}
