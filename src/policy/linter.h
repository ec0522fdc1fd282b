/* SPDX-License-Identifier: Apache-2.0
 *
 * linter.h - one walk through a bundle that loaded: lint.c looks at rules, lint_sections.c at what is named beside them. */
#ifndef SIGNALBOX_SRC_POLICY_LINTER_H
#define SIGNALBOX_SRC_POLICY_LINTER_H

#include "loader.h"

#include <signalbox/policy/lint.h>

struct linter {
    struct sb_loader l; /* for its place */
    const struct sb_policy *p;
    struct sb_lint *out;
    const char *rule, *today;
    struct sb_fact window; /* calendar.NAME.active, while it is looked at */
    bool failed; /* out of memory */
};

/* A finding at where the linter stands. */
void sb_lint_say(struct linter *t, const char *fmt, ...) SB_PRINTF(2, 3);

void sb_lint_expression(struct linter *t, const json_t *v);

/* The windows that one rule requires, beside each other. */
void sb_lint_windows_of(struct linter *t, const struct sb_rule *r);

void sb_lint_sections(struct linter *t);

#endif
