/* SPDX-License-Identifier: Apache-2.0
 *
 * run.h - one evaluation: evaluate.c goes through the rules, met.c compares what they require with what is there. */
#ifndef SIGNALBOX_SRC_POLICY_RUN_H
#define SIGNALBOX_SRC_POLICY_RUN_H

#include "program.h"

#define FEW_FACTS 256
#define FEW_RULES 256
#define UNASKED (-1)

/* How many approvals of a group are wanted. */
struct sb_group_need {
    const char *name;
    int64_t n;
};

struct sb_run {
    const struct sb_policy *p;
    const json_t *input;
    const struct sb_probe *probe;
    struct sb_value few[FEW_FACTS], *facts;
    enum sb_truth few_truths[FEW_RULES], *truth; /* of each rule; a waived one is false */
    json_t *few_values[FEW_RULES], **values;     /* of each rule that is the first to look at its facts */
    signed char few_matches[FEW_RULES], *matches; /* the truth of each match that was asked, by the first rule that has it; else UNASKED */
    struct sb_policy_verdict *out;
    bool prod, execute;
    bool denied, error, allowed;
    int64_t most, more; /* approvals: the most that one rule wants, and what comes on top */
    struct sb_group_need *groups;
    size_t groups_n;
    struct sb_outcome_of why;
};

/* Takes what a true rule requires into account. unknown is set when one of its prerequisites or windows cannot be decided. */
int sb_run_require(struct sb_run *r, size_t rule, bool *unknown);

/* 1 everything that is required is there, 0 not, -1 out of memory. Fills in what is missing. */
int sb_run_met(struct sb_run *r);

/* Until when is not said after all. */
void sb_run_forget_wait(struct sb_run *r);

/* True when several such cards may be approved at once. To be asked once the decision is made. */
bool sb_run_batch(const struct sb_run *r);

#endif
