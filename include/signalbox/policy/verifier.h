/* SPDX-License-Identifier: Apache-2.0
 *
 * verifier.h - who signed these bytes? Policy does not know how signatures work; whoever hands one in does.
 *
 * Thread: that of the caller.
 */
#ifndef SIGNALBOX_POLICY_VERIFIER_H
#define SIGNALBOX_POLICY_VERIFIER_H

#include <signalbox/base/error.h>
#include <stddef.h>

#define SB_POLICY_NAMESPACE "signalbox-policy" /* of a bundle's signature, over the bytes of its file */
#define SB_WAIVER_NAMESPACE "signalbox-waiver" /* of a waiver's, over its canonical bytes without the signature */

#define SB_APPROVAL_NAMESPACE "signalbox-approve" /* of an approval's, over the canonical bytes of its statement */

#define SB_BREAKGLASS_NAMESPACE "signalbox-breakglass" /* the same, where the glass is broken */

#define SB_TAKEOVER_NAMESPACE "signalbox-takeover" /* of a person's word that the owner of a deployment is dead (shared/lease.h) */

struct sb_policy_verifier {
    /* 0: signature is a good one of these n bytes in this namespace, by a key of `who` (NULL: of anybody who may sign there);
     * *principal is whose (heap; the caller frees). -1 with the reason. */
    int (*verify)(void *ctx, const char *name_space, const void *bytes, size_t n, const char *signature, size_t signature_n, const char *who,
                  char **principal, struct sb_err *err);
    void *ctx;
};

#endif
