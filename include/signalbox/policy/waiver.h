/* SPDX-License-Identifier: Apache-2.0
 *
 * waiver.h - the exception: one rule lifted from one plan, for at most 72 hours, by somebody whose rule it is.
 *
 *   {"format": "signalbox.waivers/1", "waivers": [
 *     {"id": "W-7", "rule": "IDX-07", "plan": SHA-256 of the card, or "fingerprint": of its commands, "by": "alice",
 *      "reason": "...", "ticket": "OPS-812", "from": RFC 3339, "until": RFC 3339, "signature": "-----BEGIN SSH SIGNATURE-----..."}]}
 *
 * A waiver counts when its rule says waivable_by and names a group with `by` in it, `by` did not write the plan, the plan is
 * this one, clock.utc is from `from` up to before `until`, these are no further apart than the bundle allows, and it is signed
 * where the bundle wants that. It lifts a rule that is true, or that cannot be decided. The verdict names every waiver that
 * was used, so that reports count exceptions apart from what passed. Thread: any; pure.
 */
#ifndef SIGNALBOX_POLICY_WAIVER_H
#define SIGNALBOX_POLICY_WAIVER_H

#include <signalbox/policy/policy.h>
#include <signalbox/policy/verifier.h>

#define SB_WAIVERS_MAX 200
#define SB_WAIVERS_MAX_BYTES (1 << 20)

/* Reads a file of waivers as the list for input.waivers: each with its sha256, `signed` true or false, without the signature.
 * v NULL: no signature can be checked, and one that is there is refused. A signature that is not good, or of somebody else
 * than `by`, refuses the file. New reference, or NULL with path in the message. */
json_t *sb_waivers_read(const char *text, size_t len, const char *path, const struct sb_policy_verifier *v, struct sb_err *err);

#endif
