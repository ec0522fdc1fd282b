/* SPDX-License-Identifier: Apache-2.0
 *
 * An approval: of exactly these bytes, by a person who is told by the operating system or, where the session names keys, by
 * their SSH signature under a statement that says what is approved. */
#include "private.h"

#include <signalbox/base/hook.h>
#include <signalbox/base/sshsig.h>

#include <inttypes.h>
#include <string.h>

#define NONCE_LEN 32
#define STATEMENT_MAX 4096
#define SIGNED_WITHIN_MS (10 * 60 * 1000) /* a statement is made for now */

/* Who approves, and what their signature adds. */
struct approver {
    const char *by;      /* points into statement, or is the seat's */
    json_t *statement;   /* that was signed; NULL: nothing was */
    const char *nonce;   /* of the statement */
    char fingerprint[SB_SSHKEY_PRINT];
};

/* ---- what is signed ---- */

static bool is_nonce(const char *text)
{
    return text && strlen(text) == NONCE_LEN && strspn(text, "0123456789abcdef") == NONCE_LEN;
}

static bool nonce_is_new(const struct sb_card *c, const char *nonce)
{
    for (size_t i = 0; i < c->approvals_n; i++)
        if (sb_streq(c->approvals[i].nonce, nonce))
            return false;
    return true;
}

static json_t *read_statement(const char *text, struct sb_err *err)
{
    struct sb_str same;
    size_t n = strlen(text);
    json_t *s = n <= STATEMENT_MAX ? sb_json_parse(text, n, "the signed statement", SB_JSON_STRICT, err) : NULL;
    sb_str_init(&same);
    if (n > STATEMENT_MAX)
        sb_fail(err, SB_EINPUT, "the signed statement is longer than %d bytes", STATEMENT_MAX);
    else if (s && (sb_json_canonical(&same, s, err) || same.len != n || memcmp(same.p, text, n) != 0)) {
        if (err->code == SB_OK)
            sb_fail(err, SB_EINPUT, "the signed statement is not canonical JSON: what is recorded would not give the signed bytes again");
        json_decref(s);
        s = NULL;
    }
    sb_str_release(&same);
    return s;
}

static int statement_fits(struct sb_orchestrator *o, const struct sb_card *c, const json_t *s, struct sb_err *err)
{
    char plan[SB_HEX_LEN + 8];
    int64_t now = sb_origin_wall_ms(o->opt.origin), made = sb_json_int(s, "iat");
    const char *nonce = sb_json_str(s, "nonce"), *by = sb_json_str(s, "by");
    snprintf(plan, sizeof plan, "sha256:%s", c->hash);
    if (!sb_streq(sb_json_str(s, "t"), "approve") || !sb_streq(sb_json_str(s, "plan"), plan) || sb_json_int(s, "rev") != c->revision)
        return sb_fail(err, SB_ESTATE, "what was signed is not the approval of %s as it stands (revision %" PRId64 ", %.12s)", c->id, c->revision, c->hash);
    if (!sb_streq(sb_json_str(s, "target"), c->deployment_id))
        return sb_fail(err, SB_ESTATE, "what was signed is for another deployment than %s", c->deployment_id);
    if (!by || !by[0] || !is_nonce(nonce))
        return sb_fail(err, SB_EINPUT, "the signed statement does not say by whom, or has no nonce");
    if (made < now - SIGNED_WITHIN_MS || made > now + SIGNED_WITHIN_MS)
        return sb_fail(err, SB_ESTATE, "the statement was not signed just now; sign it again");
    return nonce_is_new(c, nonce) ? 0 : sb_fail(err, SB_ESTATE, "this signed statement was used already");
}

static int check_signature(struct sb_orchestrator *o, const struct sb_decision_on *d, const char *by, char fingerprint[SB_SSHKEY_PRINT], struct sb_err *err)
{
    const struct sb_policy_verifier *v = o->opt.approvers;
    struct sb_sshsig sig;
    char *principal = NULL;
    size_t n = strlen(d->signature);
    if (n > SB_SSHSIG_MAX)
        return sb_fail(err, SB_EINPUT, "the signature is longer than %d bytes", SB_SSHSIG_MAX);
    int rc = sb_sshsig_parse(&sig, d->signature, n, err) || sb_sshkey_print(sig.key, fingerprint, err) ||
             v->verify(v->ctx, SB_APPROVAL_NAMESPACE, d->statement, strlen(d->statement), d->signature, n, by, &principal, err);
    sb_sshsig_release(&sig);
    free(principal);
    if (rc) {
        sb_err_prefix(err, "the signature does not count");
        if (err->code == SB_ENO)
            err->code = SB_EPOLICY;
    }
    return rc ? -1 : 0;
}

/* Who it is. Releases nothing on failure but what it made. */
static int find_approver(struct sb_orchestrator *o, const struct sb_card *c, const struct seat *s, const struct sb_decision_on *d, struct approver *a, struct sb_err *err)
{
    memset(a, 0, sizeof *a);
    a->by = s->actor.principal;
    bool is_signed = d->statement && d->signature;
    if (o->opt.approvers && !is_signed)
        return sb_fail(err, SB_EPOLICY, "approvals are signed here; sign with: signalbox cards approve %s --hash %s --sign KEY", c->id, c->hash);
    if (!o->opt.approvers)
        return is_signed ? sb_fail(err, SB_EPOLICY, "the signature cannot be checked: the config names no approval_signers") : 0;
    if (!(a->statement = read_statement(d->statement, err)))
        return -1;
    a->by = sb_json_str(a->statement, "by");
    a->nonce = sb_json_str(a->statement, "nonce");
    if (statement_fits(o, c, a->statement, err) || check_signature(o, d, a->by, a->fingerprint, err)) {
        json_decref(a->statement);
        return -1;
    }
    return 0;
}

/* ---- may it be approved ---- */

static int check_card(struct sb_orchestrator *o, const struct held_card *c, const struct sb_decision_on *d, struct sb_err *err)
{
    const struct sb_card *card = &c->card;
    if (card->state != SB_AWAITING_APPROVAL) {
        char why[160];
        sb_lifecycle_reason(why, sizeof why, (enum sb_state)card->state, SB_EV_APPROVE);
        return sb_fail(err, SB_ESTATE, "%s: %s", card->id, why);
    }
    if (!d->hash || !sb_streq(d->hash, card->hash) || (d->revision && d->revision != card->revision))
        return sb_fail(err, SB_ESTATE, "%s has changed since it was shown (revision %" PRId64 ", %.12s): look at it again", card->id, card->revision, card->hash);
    if (sb_o_overdue(o, card->approve_by, c->approve_by_mono))
        return sb_fail(err, SB_ESTATE, "%s could be approved until a moment ago; it has expired", card->id);
    bool typed = card->policy.requires.typed_target || card->environment == SB_ENV_PROD;
    if (typed && !sb_streq(d->target, card->target))
        return sb_fail(err, SB_EPOLICY, "type the target's name, %s, to approve %s", card->target, card->id);
    return 0;
}

static bool has_approved(const struct sb_card *card, const char *principal)
{
    for (size_t i = 0; i < card->approvals_n; i++)
        if (!card->approvals[i].voided && card->approvals[i].revision == card->revision && sb_streq(card->approvals[i].by, principal))
            return true;
    return false;
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

static json_t *approval_json(struct sb_orchestrator *o, const struct held_card *c, const struct seat *s, const struct approver *a, const char *nonce)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, sb_origin_wall_ms(o->opt.origin));
    return json_pack("{s:s,s:s?,s:s,s:I,s:s,s:s,s:s*}", "by", a->by, "how", s->how, "hash", c->card.hash, "revision", (json_int_t)c->card.revision, "at", at,
                     "nonce", nonce, "key", a->fingerprint[0] ? a->fingerprint : NULL);
}

/* What an approval says where nobody signed it: it binds plan, revision, policy, target and the ledger as it stood. */
static json_t *statement_json(struct sb_orchestrator *o, const struct held_card *c, const char *by, const char *nonce)
{
    struct sb_hash root;
    char hex[SB_HEX_LEN + 1] = "", plan[SB_HEX_LEN + 8];
    int64_t head = sb_ledger_head(o->ledger);
    if (sb_ledger_root(o->ledger, head, &root, NULL) == 0)
        sb_hex_encode(hex, root.bytes, SB_HASH_LEN);
    snprintf(plan, sizeof plan, "sha256:%s", c->card.hash);
    return json_pack("{s:s,s:s,s:I,s:s,s:s?,s:s,s:s,s:s,s:I,s:I,s:{s:I,s:s}}", "t", "approve", "plan", plan, "rev", (json_int_t)c->card.revision, "policy",
                     sb_policy_id(o->policy)->sha256, "decision", c->card.policy.decision_id, "target", c->card.deployment_id, "by", by, "nonce", nonce,
                     "approve_by", (json_int_t)c->card.approve_by, "execute_by", (json_int_t)c->card.execute_by, "cp", "n", (json_int_t)head, "root", hex);
}

static int record(struct sb_orchestrator *o, struct held_card *c, const struct seat *s, const struct approver *a, const struct sb_decision_on *d, struct sb_err *err)
{
    char nonce[NONCE_LEN + 1];
    struct sb_actor actor = s->actor;
    if (a->statement)
        snprintf(nonce, sizeof nonce, "%s", a->nonce);
    else if (sb_origin_nonce(o->opt.origin, nonce, err))
        return -1;
    if (a->statement)
        actor.ssh_fp = (char *)(uintptr_t)a->fingerprint;
    json_t *statement = a->statement ? json_incref(a->statement) : statement_json(o, c, a->by, nonce);
    return sb_o_record(o, SB_ENTRY_APPROVAL, &actor, &(struct refs){.card = c},
                       json_pack("{s:o,s:o,s:s*}", "approval", approval_json(o, c, s, a, nonce), "statement", statement, "signature", a->statement ? d->signature : NULL), err);
}

static int approve_by(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, const struct approver *a, struct sb_err *err)
{
    if (c->card.policy.requires.not_author && sb_streq(c->card.author, a->by))
        return sb_fail(err, SB_EPOLICY, "%s wrote this revision of %s and cannot approve it", a->by, c->card.id);
    bool again = has_approved(&c->card, a->by);
    int decision = sb_o_gate(o, c, "approve", &s->actor, again ? NULL : a->by, false, err);
    if (decision < 0)
        return -1;
    if (decision == SB_DENY) {
        sb_o_move(o, c, SB_EV_DENY, NULL, "policy denies it now", NULL);
        return -1;
    }
    if (again && decision == SB_REQUIRE)
        return approved_already(c, a->by, err);
    sb_hook("decide.approval.before");
    if (again) /* it is on the record, and what follows from it could not be recorded then */
        return sb_o_move(o, c, SB_EV_APPROVED, &s->actor, "it had been approved", err);
    if (record(o, c, s, a, d, err))
        return -1;
    sb_hook("decide.approval.recorded");
    char note[240];
    snprintf(note, sizeof note, "approved by %.100s%s%s", a->by, a->statement ? ", signed with " : "", a->fingerprint);
    return sb_o_move(o, c, decision == SB_ALLOW ? SB_EV_APPROVED : SB_EV_APPROVE, &s->actor, note, err);
}

int sb_o_approve(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, struct sb_err *err)
{
    struct approver a;
    if (sb_o_may_act(o, c, err) || check_card(o, c, d, err) || find_approver(o, &c->card, s, d, &a, err))
        return -1;
    int rc = approve_by(o, s, c, d, &a, err);
    json_decref(a.statement);
    return rc;
}
