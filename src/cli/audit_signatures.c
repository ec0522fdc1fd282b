/* SPDX-License-Identifier: Apache-2.0
 *
 * The signatures under approvals, broken glass and its reviews, judged again from the record alone: each over the very bytes of
 * its statement, the statement about the very plan of its approval, and by a key that the file of signers allows at the time of
 * the entry. */
#include "audit.h"

#include <signalbox/base/sshsig.h>
#include <signalbox/cli/approval.h>
#include <signalbox/policy/verifier.h>

#include <stdio.h>
#include <string.h>

struct judging {
    struct sb_ledger *l;
    const struct sb_signers *keys;
    struct sb_signature_report *out;
    int64_t *seqs;
    size_t seqs_n;
};

static int note_approval(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    static const char kind[] = "\"kind\":\"approval\"", glass[] = "\"kind\":\"breakglass\"", review[] = "\"kind\":\"review\"";
    struct judging *j = ctx;
    sb_audit_may_stop();
    if (!memmem(bytes, n, kind, sizeof kind - 1) && !memmem(bytes, n, glass, sizeof glass - 1) && !memmem(bytes, n, review, sizeof review - 1))
        return 0;
    int64_t *slot = SB_PUSH(j->seqs);
    if (!slot)
        return sb_fail_nomem(err);
    *slot = seq;
    return 0;
}

/* The statement says what the approval beside it says. */
static int same_approval(const json_t *statement, const json_t *approval, struct sb_err *err)
{
    char plan[SB_HEX_LEN + 8];
    const char *hash = sb_json_str(approval, "hash");
    snprintf(plan, sizeof plan, "sha256:%.64s", hash ? hash : "");
    const char *nonce = sb_json_str(approval, "nonce");
    bool glass = nonce == NULL; /* the breaking of the glass and its review have none, and no revision */
    if (!sb_streq(sb_json_str(statement, "plan"), plan) || (!glass && sb_json_int(statement, "rev") != sb_json_int(approval, "revision")))
        return sb_fail(err, SB_ENO, "the signed statement is about another plan than the entry");
    if (!sb_streq(sb_json_str(statement, "by"), sb_json_str(approval, "by")) || (!glass && !sb_streq(sb_json_str(statement, "nonce"), nonce)))
        return sb_fail(err, SB_ENO, "the signed statement is of another person or another moment than the approval");
    return 0;
}

/* What the entry says of the decision. */
static const json_t *object_of(const struct sb_entry *e)
{
    return e->kind == SB_ENTRY_REVIEW ? e->body : json_object_get(e->body, e->kind == SB_ENTRY_BREAKGLASS ? "breakglass" : "approval");
}

static int judge(const struct judging *j, const struct sb_entry *e, struct sb_err *err)
{
    bool glass = e->kind == SB_ENTRY_BREAKGLASS;
    const char *ns = glass ? SB_BREAKGLASS_NAMESPACE : SB_APPROVAL_NAMESPACE;
    const json_t *statement = json_object_get(e->body, "statement"), *approval = object_of(e);
    const char *text = sb_json_str(e->body, "signature"), *by = sb_json_str(approval, "by");
    char print[SB_SSHKEY_PRINT];
    struct sb_sshsig sig;
    if (!text)
        return sb_fail(err, SB_ENO, "its signature is no text");
    int rc = sb_approval_verify(statement, ns, text, &sig, err);
    if (rc == 0)
        rc = sb_sshkey_print(sig.key, print, err);
    if (rc == 0 && !sb_streq(print, sb_json_str(approval, "key")))
        rc = sb_fail(err, SB_ENO, "it was signed with %s, and the approval names another key", print);
    if (rc == 0)
        rc = same_approval(statement, approval, err);
    if (rc == 0)
        rc = sb_signers_allow(j->keys, by ? by : "", sig.key, ns, e->ts, err);
    sb_sshsig_release(&sig);
    return rc;
}

static int judge_entry(struct judging *j, int64_t seq, struct sb_err *err)
{
    struct sb_entry e;
    struct sb_err why = SB_ERR_INIT;
    sb_audit_may_stop();
    if (sb_ledger_entry(j->l, seq, &e, err))
        return -1;
    bool approval = e.kind == SB_ENTRY_APPROVAL || e.kind == SB_ENTRY_BREAKGLASS || e.kind == SB_ENTRY_REVIEW, is_signed = approval && json_object_get(e.body, "signature");
    j->out->is_signed += is_signed;
    j->out->unsigned_ += approval && !is_signed && e.kind != SB_ENTRY_REVIEW;
    if (is_signed && judge(j, &e, &why) && !j->out->bad) {
        j->out->bad = seq;
        snprintf(j->out->what, sizeof j->out->what, "%s", why.msg);
    }
    sb_entry_release(&e);
    return why.code == SB_ENOMEM ? sb_fail_nomem(err) : 0;
}

int sb_audit_signatures(const char *dir, const struct sb_signers *keys, int64_t entries, struct sb_signature_report *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct judging j = {.keys = keys, .out = out};
    if (!entries)
        return 0;
    j.l = sb_ledger_open(dir, SB_LEDGER_READ, NULL, err);
    int rc = j.l ? sb_ledger_bytes(j.l, 1, entries, note_approval, &j, err) : -1;
    for (size_t i = 0; rc == 0 && i < j.seqs_n; i++)
        rc = judge_entry(&j, j.seqs[i], err);
    free(j.seqs);
    sb_ledger_close(j.l);
    return rc;
}
