/* SPDX-License-Identifier: Apache-2.0
 *
 * test.h - a bundle's own tests: do they pass, do they look at everything, and would they notice a mistake?
 *
 * A test gives an input (merged over a named one as RFC 7396 merges) and what it expects: the decision; `rules`, exactly the
 * rules that decide; `advice`, exactly the advisory rules that are true; `requires`, the members that are named; `waits_for`,
 * exactly the windows it waits for; `waivers`, exactly those that are used.
 *
 * Coverage: every rule and every condition (one operator on one fact) must be seen true and seen false; counted in
 * integers. Mutation: each condition turned round, each window turned round, each rule left out, each part of what a rule
 * requires left out, each kind of a batch left out or its kinds or risk not looked at, one at a time; a mutant under which every test still passes shows that the tests would not notice. An
 * input that names clock.utc gets the windows' states by it. Thread: any; pure.
 */
#ifndef SIGNALBOX_POLICY_TEST_H
#define SIGNALBOX_POLICY_TEST_H

#include <signalbox/policy/policy.h>

struct sb_policy_report {
    int64_t tests, failed;
    char **failures; /* "hot index is kept: decision allow, expected deny" */
    size_t failures_n;
    int64_t rules, rules_true, rules_false;
    int64_t conditions, conditions_true, conditions_false;
    char **gaps;     /* "IDX-07: action.index.ops_24h is above 0: never false" */
    size_t gaps_n;
    int64_t mutants, caught;
    char **survivors; /* "IDX-07 left out" */
    size_t survivors_n;
};
extern const struct sb_schema sb_policy_report_schema;

/* out is overwritten. -1 only when memory runs out. With a failing test no mutants are tried. */
int sb_policy_test(const struct sb_policy *p, struct sb_policy_report *out, struct sb_err *err);

/* Every test passed and every mutant was caught. */
bool sb_policy_report_ok(const struct sb_policy_report *r);

#endif
