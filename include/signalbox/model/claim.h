/* SPDX-License-Identifier: Apache-2.0
 *
 * claim.h - what a card said would be, held against what was measured.
 *
 * A claim is one number of a watch window: the card predicted it, and a reading measured it. It was kept when the larger of
 * the two is at most a tolerated factor of the smaller: documents examined 1.2, the size of an index 1.25, everything else
 * 1.5. The badge is the coverage that the card gave the number (evidence.h): one that was called estimated and missed is an
 * estimate that missed; one that was not is a promise that was broken. All integers: factors in parts per million.
 */
#ifndef SIGNALBOX_MODEL_CLAIM_H
#define SIGNALBOX_MODEL_CLAIM_H

#include <signalbox/base/record.h>
#include <signalbox/base/error.h>
#include <signalbox/base/str.h>

#define SB_BADGE_ESTIMATED "estimated"

struct sb_claim {
    char *metric; /* of the criterion */
    char *label, *unit;
    int64_t predicted, measured;
    int64_t ratio_ppm;     /* measured to predicted */
    int64_t tolerated_ppm; /* the factor, either way */
    char *badge;
    bool kept;
};
extern const struct sb_schema sb_claim_schema;

struct sb_watch;
struct sb_watch_reading;

/* Measured to predicted in parts per million; one more than nothing where nothing was predicted. At most INT64_MAX. */
int64_t sb_claim_ratio(int64_t predicted, int64_t measured);

/* The factor in parts per million that is tolerated of this metric. */
int64_t sb_claim_tolerated(const char *metric);

bool sb_claim_within(int64_t ratio_ppm, int64_t tolerated_ppm);

/* The claims that can be held against a reading by now, as a new list in place of the old one. -1 out of memory: then the old
 * one stands. */
int sb_claims_take(const struct sb_watch *w, const struct sb_watch_reading *readings, size_t n, struct sb_claim **claims, size_t *claims_n) SB_MUST_USE;

/* Appends how many of them were kept, and each that was not: predicted, measured. Nothing where there are none. */
void sb_claims_text(const struct sb_claim *claims, size_t n, struct sb_str *out);

/* "kept", "missed" (an estimate), "broken" (it was not called one). */
const char *sb_claim_word(const struct sb_claim *c);

#endif
