/* SPDX-License-Identifier: Apache-2.0
 *
 * activate.h - what comes into force: the bundle that is offered, or the last good one.
 *
 * An offer is refused when it does not load (a missing zone, a group that is too small), when signatures are asked for and it
 * has no good one, when its version is lower than the one that was in force last under its name, or, where signatures are
 * asked for, when that version was in force with other content. A bundle that came with the program needs no signature. What
 * was refused is said; the last good one of this deployment goes on, and without one nothing does. Thread: any; pure.
 */
#ifndef SIGNALBOX_POLICY_ACTIVATE_H
#define SIGNALBOX_POLICY_ACTIVATE_H

#include <signalbox/policy/policy.h>
#include <signalbox/policy/verifier.h>

struct sb_policy_offer {
    const char *text, *path;
    size_t len;
    const char *signature; /* of the file beside it; NULL: none */
    size_t signature_n;
    bool built_in;         /* came with the program */
};

/* What the record says of earlier times. */
struct sb_policy_past {
    const char *text;      /* the last one in force for this deployment; NULL: none */
    size_t len;
    const json_t *versions; /* {NAME: {"version", "sha256"}}: the last in force under each name; NULL: none */
};

struct sb_policy_activation {
    struct sb_policy *policy;
    char *signer;          /* who signed it; NULL: nobody had to */
    struct sb_err alarm;   /* with a code: why the offer was refused; policy is the last good one */
};

/* verifier NULL: no signature is asked for. out is overwritten; its policy and signer are the caller's. -1 with the reason:
 * there is nothing to go on with. */
int sb_policy_activate(const struct sb_policy_offer *offer, const struct sb_policy_past *past, const struct sb_zone_source *zones,
                       const struct sb_policy_verifier *verifier, struct sb_policy_activation *out, struct sb_err *err);

/* Below, equal to or above 0 as version a is lower than, the same as or higher than b: "2026.11" is lower than "2026.11.1". */
int sb_policy_version_compare(const char *a, const char *b);

/* A copy of versions (NULL: none) in which this bundle is the last in force under its name. NULL out of memory. */
json_t *sb_policy_versions_with(const json_t *versions, const struct sb_bundle_id *id);

#endif
