/* SPDX-License-Identifier: Apache-2.0
 *
 * Who decides: the person the operating system names or, where the session names keys, whoever signed a statement that says
 * what is decided, with their SSH key. */
#include "private.h"

#include <signalbox/base/sshsig.h>

#include <inttypes.h>
#include <string.h>

#define STATEMENT_MAX 8192

static bool glass(const char *what)
{
    return sb_streq(what, "breakglass");
}

/* ---- what is signed ---- */

static bool is_nonce(const char *text)
{
    return text && strlen(text) == APPROVER_NONCE && strspn(text, "0123456789abcdef") == APPROVER_NONCE;
}

static bool nonce_is_new(const struct sb_card *c, const char *nonce)
{
    for (size_t i = 0; i < c->approvals_n; i++)
        if (sb_streq(c->approvals[i].nonce, nonce))
            return false;
    return true;
}

json_t *sb_o_read_statement(const char *text, struct sb_err *err)
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

static int statement_fits(const struct sb_card *c, const struct sb_decision_on *d, const char *what, const json_t *s, int64_t now, struct sb_err *err)
{
    char plan[SB_HEX_LEN + 8];
    int64_t made = sb_json_int(s, "iat");
    const char *nonce = sb_json_str(s, "nonce"), *by = sb_json_str(s, "by");
    snprintf(plan, sizeof plan, "sha256:%s", c->hash);
    if (!sb_streq(sb_json_str(s, "t"), what) || !sb_streq(sb_json_str(s, "plan"), plan) || sb_json_int(s, "rev") != c->revision)
        return sb_fail(err, SB_ESTATE, "what was signed is not to %s %s as it stands (revision %" PRId64 ", %.12s)", what, c->id, c->revision, c->hash);
    if (!sb_streq(sb_json_str(s, "target"), c->deployment_id))
        return sb_fail(err, SB_ESTATE, "what was signed is for another deployment than %s", c->deployment_id);
    if (glass(what) && (!sb_streq(sb_json_str(s, "reason"), d->reason) || !sb_streq(sb_json_str(s, "ticket"), d->ticket) || sb_json_int(s, "minutes") != d->minutes))
        return sb_fail(err, SB_EINPUT, "what was signed has another reason, ticket or time than what is asked");
    if ((sb_streq(what, "review") || sb_streq(what, "reject")) && !sb_streq(sb_json_str(s, "reason"), d->reason))
        return sb_fail(err, SB_EINPUT, "what was signed is another %s than what is asked", sb_streq(what, "review") ? what : "rejection");
    if (!by || !by[0] || !is_nonce(nonce))
        return sb_fail(err, SB_EINPUT, "the signed statement does not say by whom, or has no nonce");
    if (made < now - SB_O_SIGNED_WITHIN_MS || made > now + SB_O_SIGNED_WITHIN_MS)
        return sb_fail(err, SB_ESTATE, "the statement was not signed just now; sign it again");
    return nonce_is_new(c, nonce) ? 0 : sb_fail(err, SB_ESTATE, "this signed statement was used already");
}

static const char *namespace_of(const char *what)
{
    return glass(what) ? SB_BREAKGLASS_NAMESPACE : SB_APPROVAL_NAMESPACE;
}

bool sb_o_key_is_also(struct sb_orchestrator *o, const struct sb_decision_on *d, const char *what, const char *who)
{
    const struct sb_policy_verifier *v = o->opt.approvers;
    char *principal = NULL;
    bool also = v && who && d->statement && d->signature &&
                v->verify(v->ctx, namespace_of(what), d->statement, strlen(d->statement), d->signature, strlen(d->signature), who, &principal, NULL) == 0;
    free(principal);
    return also;
}

static int check_signature(struct sb_orchestrator *o, const struct sb_decision_on *d, const char *what, const char *by, char fingerprint[SB_SSHKEY_PRINT], struct sb_err *err)
{
    const struct sb_policy_verifier *v = o->opt.approvers;
    struct sb_sshsig sig;
    char *principal = NULL;
    size_t n = strlen(d->signature);
    if (n > SB_SSHSIG_MAX)
        return sb_fail(err, SB_EINPUT, "the signature is longer than %d bytes", SB_SSHSIG_MAX);
    int rc = sb_sshsig_parse(&sig, d->signature, n, err) || sb_sshkey_print(sig.key, fingerprint, err) ||
             v->verify(v->ctx, namespace_of(what), d->statement, strlen(d->statement), d->signature, n, by, &principal, err);
    sb_sshsig_release(&sig);
    free(principal);
    if (rc) {
        sb_err_prefix(err, "the signature does not count");
        if (err->code == SB_ENO)
            err->code = SB_EPOLICY;
    }
    return rc ? -1 : 0;
}

/* What an approval says where nobody signed it: it binds plan, revision, policy, target and the ledger as it stood. */
static json_t *statement_json(struct sb_orchestrator *o, const struct sb_card *c, const char *what, const char *by, const char *nonce)
{
    struct sb_hash root;
    char hex[SB_HEX_LEN + 1] = "", plan[SB_HEX_LEN + 8];
    int64_t head = sb_ledger_head(o->ledger);
    if (sb_ledger_root(o->ledger, head, &root, NULL) == 0)
        sb_hex_encode(hex, root.bytes, SB_HASH_LEN);
    snprintf(plan, sizeof plan, "sha256:%s", c->hash);
    return json_pack("{s:s,s:s,s:I,s:s,s:s?,s:s,s:s,s:s,s:I,s:I,s:{s:I,s:s}}", "t", what, "plan", plan, "rev", (json_int_t)c->revision, "policy",
                     sb_policy_id(o->policy)->sha256, "decision", c->policy.decision_id, "target", c->deployment_id, "by", by, "nonce", nonce,
                     "approve_by", (json_int_t)c->approve_by, "execute_by", (json_int_t)c->execute_by, "cp", "n", (json_int_t)head, "root", hex);
}

/* Nobody signs here: who it is, is what the kernel says of the seat. */
static int by_seat(struct sb_orchestrator *o, const struct sb_card *c, const struct seat *s, const char *what, struct approver *a, struct sb_err *err)
{
    a->by = s->actor.principal;
    if (sb_origin_nonce(o->opt.origin, a->nonce, err))
        return -1;
    return (a->statement = statement_json(o, c, what, a->by, a->nonce)) ? 0 : sb_fail_nomem(err);
}

int sb_o_approver(struct sb_orchestrator *o, const struct sb_card *c, const struct seat *s, const struct sb_decision_on *d, const char *what, struct approver *a,
                  struct sb_err *err)
{
    memset(a, 0, sizeof *a);
    bool is_signed = d->statement && d->signature;
    if (o->opt.approvers && !is_signed)
        return sb_fail(err, SB_EPOLICY, "this is signed here: signalbox cards %s %s --hash %s --sign KEY, or set signing_key in the config of a console", what, c->id, c->hash);
    if (!o->opt.approvers)
        return is_signed ? sb_fail(err, SB_EPOLICY, "the signature cannot be checked: the config names no approval_signers") : by_seat(o, c, s, what, a, err);
    if (!(a->statement = sb_o_read_statement(d->statement, err)))
        return -1;
    a->by = sb_json_str(a->statement, "by");
    if (statement_fits(c, d, what, a->statement, s->signed_now ? s->signed_now : sb_origin_wall_ms(o->opt.origin), err) || check_signature(o, d, what, a->by, a->fingerprint, err)) {
        sb_o_approver_release(a);
        return -1;
    }
    snprintf(a->nonce, sizeof a->nonce, "%s", sb_json_str(a->statement, "nonce"));
    return 0;
}

void sb_o_approver_release(struct approver *a)
{
    json_decref(a->statement);
    a->statement = NULL;
}
