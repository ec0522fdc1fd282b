/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.h - a recorded decision, asked again of another bundle: what would have been different?
 *
 * What the recorded bundle froze into the input stays where the other bundle says the same; windows of another definition,
 * groups, tags, holds and levels are taken from the other bundle, windows at the input's own clock. Thread: any; pure.
 */
#ifndef SIGNALBOX_POLICY_REPLAY_H
#define SIGNALBOX_POLICY_REPLAY_H

#include <signalbox/policy/policy.h>

/* How a second verdict differs from a first. */
enum sb_policy_change {
    SB_CHANGE_UNCHANGED,
    SB_CHANGE_NEWLY_DENIED,
    SB_CHANGE_NEWLY_PERMITTED, /* anything that it lets pass with less: also with fewer approvals, or without a window */
    SB_CHANGE_MORE_APPROVALS,  /* lets it pass with more: approvals, groups, checks, windows */
    SB_CHANGE_ERROR,           /* denied or asked about because a rule cannot be decided; or the entry cannot be read */
    SB_CHANGES
};
extern const struct sb_names sb_policy_changes;

enum sb_policy_change sb_policy_compare(const struct sb_policy_verdict *first, const struct sb_policy_verdict *second);

struct sb_policy_replayed {
    int change;             /* enum sb_policy_change */
    int before, after;      /* enum sb_decision */
    char *rules;            /* the rules that decide now: "APP-01 WIN-02" */
    int64_t approvals_before, approvals_after;
};
void sb_policy_replayed_release(struct sb_policy_replayed *r);

/* A VERDICT entry's body under candidate. out is overwritten. -1 only when memory runs out: a body that cannot be read is
 * SB_CHANGE_ERROR. */
int sb_policy_replay(const struct sb_policy *candidate, const json_t *body, struct sb_policy_replayed *out, struct sb_err *err);

#endif
