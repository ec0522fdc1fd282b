/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.h - policy as code: a bundle of rules, and what it says about a decision input (input.h).
 *
 * A bundle is one strict JSON file (unknown keys, duplicates, reals, nesting over 16 and files over 1 MiB are refused):
 *
 *   {"format": "signalbox.policy/1", "bundle": "default", "version": "2026.11.1", "default": "deny",
 *    "rules": [{"id": "HLT-01", "level": "hard", "effect": "deny", "title": "...", "owner": "...", "review_by": "2027-05-01",
 *               "match": EXPRESSION, "when": EXPRESSION, "message": "lag is {health.lag_s} s",
 *               "require": {"approvals": 1, "groups": [], "checks": [], "not_author": true, "typed_target": true}}],
 *    "sensitive": ["email", "*ssn*"], "inputs": {"NAME": INPUT}, "tests": [{"name": "...", "base": "NAME", "input": INPUT, "expect": {...}}]}
 *
 * EXPRESSION is an object; all its members must be true. A member is {"all": [..]}, {"any": [..]}, {"not": {..}},
 * {"count": {"of": [..], "ge": 2}}, or a fact's dotted path with a CONDITION. A CONDITION is an object of operators, all of
 * which must be true: eq ne (string, integer, true, false), lt le gt ge (integer), in nin (a list), glob (a pattern or a
 * list of them: * any run, ? one character), regex (anywhere in the text), within [low, high], exists true/false, not
 * CONDITION; for a fact that is a list: any CONDITION, all CONDITION (of each item), count CONDITION (of its length). In
 * place of a constant, eq ne lt le gt ge take {"fact": "dotted.path"}. There are no loops, no arithmetic, no functions.
 *
 * Three values (Kleene): a fact that is missing or of another type makes an error, never "false"; only exists looks at a
 * missing fact. A rule is true when match and when both are.
 *
 * Decision: a true deny of level hard or soft denies. An error in a hard or soft rule denies in prod (also when target.env
 * is missing or unknown) and asks for one approval elsewhere. A true allow of level hard or soft is needed, else the
 * default: deny. What the true require rules demand adds up (most approvals, all groups, all checks, each flag) and is
 * compared with input.approvals and input.checks: not met means require. Advisory rules decide nothing. typed_target and
 * windows are shown to whoever asks; they are not facts of the input.
 *
 * Evaluation is pure: no clock, no locale, no just-in-time compiler. Thread: a loaded policy is constant; any thread.
 */
#ifndef SIGNALBOX_POLICY_POLICY_H
#define SIGNALBOX_POLICY_POLICY_H

#include <signalbox/base/json.h>
#include <signalbox/model/policy.h>

#define SB_POLICY_MAX_BYTES (1 << 20)
#define SB_POLICY_MAX_DEPTH 16
#define SB_POLICY_MAX_RULES 1000
#define SB_POLICY_MAX_NODES 20000
#define SB_POLICY_MAX_APPROVALS 9

struct sb_policy;

/* Reads a bundle; path is its name in messages ("path:line:column: /rules/3/when: ..."). NULL on error. */
struct sb_policy *sb_policy_load(const char *text, size_t len, const char *path, struct sb_err *err);
void sb_policy_free(struct sb_policy *p); /* NULL is fine */

/* Name, version and the SHA-256 of the bundle's canonical bytes. Borrowed. */
const struct sb_bundle_id *sb_policy_id(const struct sb_policy *p);

/* The bundle's canonical bytes, NUL-terminated: what is hashed, and what POLICY_LOAD keeps. Borrowed. */
const char *sb_policy_text(const struct sb_policy *p);

/* The names of fields whose values must not be recorded ("sensitive": ["email", "*ssn*"]); NULL: none. Borrowed. */
const json_t *sb_policy_sensitive(const struct sb_policy *p);

/* Decides. out is overwritten; -1 only when memory runs out. An input that is no object denies. */
int sb_policy_evaluate(const struct sb_policy *p, const json_t *input, struct sb_policy_verdict *out, struct sb_err *err);
void sb_policy_verdict_release(struct sb_policy_verdict *v);

/* Appends a page for people: the decision, each rule that applied with the values it saw, and what would change it. */
void sb_policy_explain(const json_t *input, const struct sb_policy_verdict *v, struct sb_str *out);

#endif
