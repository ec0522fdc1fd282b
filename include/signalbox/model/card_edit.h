/* SPDX-License-Identifier: Apache-2.0
 *
 * What people changed on a card: read off two revisions of it, never out of what somebody wrote about them. Pure; any thread. */
#ifndef SIGNALBOX_MODEL_CARD_EDIT_H
#define SIGNALBOX_MODEL_CARD_EDIT_H

#include <signalbox/model/card.h>

/* How the present first step wants a build to be committed: "votingMembers", "majority" or a number. Out of memory: "". */
#define SB_QUORUM_MAX 32
void sb_card_quorum(const struct sb_card *c, char out[SB_QUORUM_MAX]);

/* Appends what can be edited and differs between the two, in the order of sb_edit_keys: name, key, options, ... An entry has
 * `what`, `was` and `now`, and neither who nor when. 0, or -1 out of memory; what was appended until then stays. */
int sb_card_differences(const struct sb_card *before, const struct sb_card *after, struct sb_card_edit **out, size_t *n) SB_MUST_USE;

/* Carries on what differs from the first proposal: fresh is the revision that `by` made of `old`. What was changed back to what it
 * was leaves the list, so that it is never longer than what can be edited. 0, or -1 out of memory. */
int sb_card_carry_edits(struct sb_card *fresh, const struct sb_card *old, const char *by, int64_t at) SB_MUST_USE;

/* Empties that list. */
void sb_card_forget_edits(struct sb_card *c);

#endif
