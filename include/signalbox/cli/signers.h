/* SPDX-License-Identifier: Apache-2.0
 *
 * signers.h - who may sign policies and waivers: an allowed_signers file of SSH keys as a verifier for policy/.
 *
 * Thread: read once, then constant.
 */
#ifndef SIGNALBOX_CLI_SIGNERS_H
#define SIGNALBOX_CLI_SIGNERS_H

#include <signalbox/base/sshsig.h>
#include <signalbox/policy/verifier.h>

struct sb_policy_signers {
    struct sb_signers keys;
    struct sb_policy_verifier verifier; /* its ctx is this struct: do not move it */
};

/* Every line has to be usable: a file that guards safety is right, or refused. Release also after a failure. */
int sb_policy_signers_load(struct sb_policy_signers *s, const char *path, struct sb_err *err);
void sb_policy_signers_release(struct sb_policy_signers *s);

#endif
