/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_restore.h"

#include <signalbox/base/sshsig.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/session.h>
#include <signalbox/policy/verifier.h>

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS 5000 /* as for a mark: the decision does not wait for a deployment that is away */

static int sign(struct sb_signed *out, const struct sb_restore *r, const json_t *lowered, const char *policy, struct sb_err *err)
{
    const struct passwd *pw = r->by ? NULL : getpwuid(getuid());
    const char *by = r->by ? r->by : pw ? pw->pw_name : NULL;
    struct sb_str bytes, signature;
    if (!by)
        return sb_fail(err, SB_EINPUT, "this user has no name; say who signs with --as NAME");
    sb_str_init(&bytes);
    sb_str_init(&signature);
    json_t *s = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:I}", "t", "restore", "kind", sb_json_str(lowered, "kind"), "environment", sb_json_str(lowered, "environment"), "deployment",
                          sb_json_str(lowered, "deployment"), "policy", policy, "entry", (json_int_t)sb_json_int(lowered, "entry"), "reason", r->reason, "by", by, "iat",
                          (json_int_t)sb_wall_ms());
    int rc = s ? sb_json_canonical(&bytes, s, err) : sb_fail(err, SB_EINPUT, "the reason and the name have to be UTF-8");
    if (rc == 0)
        rc = sb_sshsig_sign(r->key, SB_POLICY_NAMESPACE, bytes.p, bytes.len, &signature, err);
    if (rc == 0 && (sb_str_set(&out->statement, bytes.p) || sb_str_set(&out->signature, signature.p)))
        rc = sb_fail_nomem(err);
    json_decref(s);
    sb_str_release(&bytes);
    sb_str_release(&signature);
    return rc;
}

/* Takes m. The exit status. */
static int tell(struct sb_session *s, struct sb_message *m, bool json, struct sb_err *err)
{
    sb_session_ask(s, sb_message_hello(1, "cli", false));
    if (sb_session_owns(s))
        sb_session_connected(s, CONNECT_MS);
    sb_session_ask(s, m);
    return sb_session_told(s, 2, json, err);
}

int sb_policy_restore_command(const struct sb_policy *policy, bool named, const char *dir, const struct sb_restore *r, struct sb_err *err)
{
    char sha256[SB_HEX_LEN + 1];
    json_t *lowered = NULL;
    struct sb_message *m = NULL;
    struct sb_session *s = NULL;
    int rc = -1;
    if (!r->reason || !r->reason[0] || !r->key)
        return sb_fail(err, SB_EUSAGE, "policy restore wants --reason TEXT and --sign KEY: it is a signed decision");
    if (sb_policy_lowered(policy, named, dir, &r->what, &lowered, sha256, err))
        goto out;
    if (!(m = sb_message_new(SB_ASK_RESTORE, 2))) {
        sb_fail_nomem(err);
        goto out;
    }
    if (sign(m->body, r, lowered, sha256, err))
        goto out;
    if ((s = sb_session_open(&(struct sb_session_options){.deployment = r->what.deployment, .attach = true}, err))) {
        rc = tell(s, m, r->json, err);
        m = NULL;
        sb_session_close(s, "a level came back, or not", rc);
    }
out:
    sb_message_free(m);
    json_decref(lowered);
    return rc;
}
