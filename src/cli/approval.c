/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/base/sshsig.h>
#include <signalbox/cli/approval.h>
#include <signalbox/ledger/checkpoint.h>
#include <signalbox/policy/verifier.h>

#include <pwd.h>
#include <string.h>
#include <unistd.h>

static bool glass(const char *what)
{
    return sb_streq(what, "breakglass");
}

static json_t *checkpoint_json(const char *state_dir)
{
    struct sb_checkpoint c;
    char *path = state_dir ? sb_format("%s/checkpoint", state_dir) : NULL, root[SB_HEX_LEN + 1];
    int there = path ? sb_checkpoint_load(&c, NULL, path, NULL) : 0;
    free(path);
    if (there != 1)
        return json_null();
    sb_hex_encode(root, c.root.bytes, SB_HASH_LEN);
    return json_pack("{s:I,s:s}", "n", (json_int_t)c.size, "root", root);
}

static json_t *statement_json(const char *what, const struct sb_card *c, const struct sb_decision_on *d, const char *state_dir, const char *by, int64_t now, struct sb_err *err)
{
    struct sb_origin origin;
    char nonce[33], plan[SB_HEX_LEN + 8];
    sb_origin_system(&origin);
    snprintf(plan, sizeof plan, "sha256:%s", c->hash);
    if (sb_origin_nonce(&origin, nonce, err))
        return NULL;
    json_t *s = json_pack("{s:s,s:s,s:I,s:s?,s:s?,s:s,s:s,s:s,s:I,s:I,s:I,s:o}", "t", what, "plan", plan, "rev", (json_int_t)c->revision, "policy",
                          c->policy.policy.sha256, "decision", c->policy.decision_id, "target", c->deployment_id ? c->deployment_id : "", "by", by, "nonce", nonce, "iat",
                          (json_int_t)now, "approve_by", (json_int_t)c->approve_by, "execute_by", (json_int_t)c->execute_by, "cp", checkpoint_json(state_dir));
    if (s && glass(what) && (json_object_set_new(s, "reason", json_string(d->reason)) || json_object_set_new(s, "ticket", json_string(d->ticket)) ||
                             json_object_set_new(s, "minutes", json_integer(d->minutes)))) {
        json_decref(s);
        s = NULL;
    }
    if (s && (sb_streq(what, "review") || sb_streq(what, "reject")) && json_object_set_new(s, "reason", json_string(d->reason))) {
        json_decref(s);
        s = NULL;
    }
    if (!s)
        sb_fail_nomem(err);
    return s;
}

/* What the owner sent is held against the hash that was shown: its word is not enough for a signature. */
static int check_bytes(const struct sb_card *card, const char *hash, struct sb_err *err)
{
    struct sb_card copy;
    if (sb_record_copy(&sb_card_schema, &copy, card))
        return sb_fail_nomem(err);
    int rc = sb_card_seal(&copy, err);
    if (rc == 0 && !sb_streq(copy.hash, hash))
        rc = sb_fail(err, SB_ESTATE, "%.12s is not the hash of %s as it stands (revision %lld, %.12s): look at it again", hash, card->id, (long long)card->revision, copy.hash);
    sb_card_release(&copy);
    return rc;
}

int sb_approval_sign(const char *what, const struct sb_card *card, const char *state_dir, const char *key, const char *by, struct sb_decision_on *d, struct sb_err *err)
{
    return sb_approval_sign_at(what, card, state_dir, key, by, sb_wall_ms(), d, err);
}

int sb_approval_sign_at(const char *what, const struct sb_card *card, const char *state_dir, const char *key, const char *by, int64_t now, struct sb_decision_on *d, struct sb_err *err)
{
    struct sb_str bytes, signature;
    const struct passwd *pw = by ? NULL : getpwuid(getuid());
    const char *who = by ? by : pw ? pw->pw_name : NULL;
    if (!who)
        return sb_fail(err, SB_EINPUT, "this user has no name; say who approves with --as NAME");
    if (glass(what) && (!d->reason || !d->ticket))
        return sb_fail(err, SB_EUSAGE, "breaking the glass needs --reason TEXT and --ticket T");
    if ((sb_streq(what, "review") || sb_streq(what, "reject")) && !d->reason)
        return sb_fail(err, SB_EUSAGE, "a %s needs --reason TEXT", sb_streq(what, "review") ? what : "rejection");
    if (check_bytes(card, d->hash, err))
        return -1;
    sb_str_init(&bytes);
    sb_str_init(&signature);
    json_t *s = statement_json(what, card, d, state_dir, who, now, err);
    int rc = s ? sb_json_canonical(&bytes, s, err) : -1;
    if (rc == 0)
        rc = sb_sshsig_sign(key, glass(what) ? SB_BREAKGLASS_NAMESPACE : SB_APPROVAL_NAMESPACE, bytes.p, bytes.len, &signature, err);
    if (rc == 0 && (sb_str_set(&d->statement, bytes.p) || sb_str_set(&d->signature, signature.p)))
        rc = sb_fail_nomem(err);
    json_decref(s);
    sb_str_release(&bytes);
    sb_str_release(&signature);
    return rc;
}

int sb_approval_verify(const json_t *statement, const char *ns, const char *signature, struct sb_sshsig *sig, struct sb_err *err)
{
    struct sb_str bytes;
    sb_str_init(&bytes);
    int rc = sb_sshsig_parse(sig, signature, strlen(signature), err);
    if (rc == 0)
        rc = sb_json_canonical(&bytes, statement, err);
    if (rc == 0)
        rc = sb_sshsig_verify(sig, ns, bytes.p, bytes.len, err);
    sb_str_release(&bytes);
    return rc;
}
