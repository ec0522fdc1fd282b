/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/cli/signers.h>

#include <string.h>

static int verify(void *ctx, const char *name_space, const void *bytes, size_t n, const char *signature, size_t signature_n, const char *who, char **principal,
                  struct sb_err *err)
{
    const struct sb_policy_signers *s = ctx;
    struct sb_sshsig sig;
    int64_t now = sb_wall_ms();
    int rc = sb_sshsig_parse(&sig, signature, signature_n, err);
    if (rc == 0)
        rc = sb_sshsig_verify(&sig, name_space, bytes, n, err);
    const char *found = rc == 0 && !who ? sb_signers_find(&s->keys, sig.key, name_space, now) : who;
    if (rc == 0 && who)
        rc = sb_signers_allow(&s->keys, who, sig.key, name_space, now, err);
    else if (rc == 0 && !found)
        rc = sb_fail(err, SB_ENO, "the key that made it is not among those that may sign %s", name_space);
    if (rc == 0 && sb_str_set(principal, found))
        rc = sb_fail_nomem(err);
    sb_sshsig_release(&sig);
    return rc;
}

int sb_policy_signers_load(struct sb_policy_signers *s, const char *path, struct sb_err *err)
{
    struct sb_problems problems;
    memset(s, 0, sizeof *s);
    s->verifier = (struct sb_policy_verifier){verify, s};
    sb_problems_init(&problems);
    int rc = sb_signers_load(&s->keys, path, &problems, err);
    if (rc == 0 && problems.count)
        rc = sb_fail(err, SB_EINPUT, "%s", problems.text.p);
    else if (rc == 0 && s->keys.n == 0)
        rc = sb_fail(err, SB_EINPUT, "%s: nobody in it may sign", path);
    sb_problems_release(&problems);
    return rc;
}

void sb_policy_signers_release(struct sb_policy_signers *s)
{
    sb_signers_release(&s->keys);
}
