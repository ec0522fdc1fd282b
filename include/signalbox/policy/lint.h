/* SPDX-License-Identifier: Apache-2.0
 *
 * lint.h - what is probably a mistake in a bundle that loads: a rule that can never match, one that decides nothing, a fact
 * that no decision input has, a value it never has, a review that is overdue; a window that is over, that nobody looks at, or
 * that is never open together with another that is wanted too; a group, tag or check that no rule names; a hold or a grant
 * that has ended.
 *
 * Nothing here changes a decision. Every finding has its place in the file. Thread: any; pure.
 */
#ifndef SIGNALBOX_POLICY_LINT_H
#define SIGNALBOX_POLICY_LINT_H

#include <signalbox/policy/policy.h>

struct sb_lint_finding {
    int64_t line, column; /* from 1 */
    char *at;             /* JSON pointer: "/rules/3/when" */
    char *rule;           /* its id; NULL: about the bundle */
    char *what;
};

struct sb_lint {
    struct sb_lint_finding *findings;
    size_t findings_n;
};
extern const struct sb_schema sb_lint_schema;

/* text: what p was loaded from. today: "2026-11-23", what review_by is compared with. out is overwritten; -1 only when
 * memory runs out. */
int sb_policy_lint(const struct sb_policy *p, const char *text, size_t len, const char *today, struct sb_lint *out, struct sb_err *err);

#endif
