/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.h - policy as code: a bundle of rules, and what it says about a decision input (input.h).
 *
 * A bundle is one strict JSON file (unknown keys, duplicates, reals, nesting over 16 and files over 1 MiB are refused):
 *
 *   {"format": "signalbox.policy/1", "bundle": "default", "version": "2026.11.1", "default": "deny",
 *    "rules": [{"id": "HLT-01", "level": "hard", "effect": "deny", "title": "...", "owner": "...", "review_by": "2027-05-01",
 *               "match": EXPRESSION, "when": EXPRESSION, "message": "lag is {health.lag_s} s", "waivable_by": GROUP,
 *               "require": {"approvals": 1, "more_approvals": 1, "groups": [], "group_approvals": 1, "checks": [], "windows": [],
 *                           "redaction": [], "not_author": true, "not_executor": true, "typed_target": true}}],
 *    "windows": {NAME: WINDOW}, "groups": {NAME: ["alice"]}, "checks": {NAME: {"title": "...", "when": EXPRESSION}},
 *    "tags": {NAME: [PATTERN]}, "holds": {NAME: {"title": "...", "ns": [PATTERN], "until": "2027-06-30"}},
 *    "autonomy": {...} (autonomy.h), "batch": [{"kinds": ["index.hide"], "risk": "low", "env": "dev", "reason": "..."}],
 *    "waivers": {"signed": true, "max_h": 72}, "breakglass": {"group": NAME, "max_min": 60},
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
 * default: deny. What the true require rules demand adds up (most approvals and on top of them all more_approvals; all groups,
 * checks, windows and redaction profiles; each flag) and is compared with the input: not met means require. Advisory rules
 * decide nothing. typed_target is asked of whoever approves; it is no fact of the input.
 *
 *   WINDOW      {"kind": "allow", "tz": "Europe/Amsterdam", "days": ["mon"], "start": "22:00", "duration_min": 360,
 *               "from": "2026-12-18T00:00", "to": "2027-01-04T08:00", "except": ["2026-12-24"], "overrun": "finish_step"}:
 *               on these days, or without days and start from `from` to `to`. A rule that requires a window of kind allow
 *               wants it open, of kind deny (a freeze) wants it over. Windows are looked at right before a step (stage
 *               execute); before that they are shown. A plan that has begun goes on to its end (overrun finish_plan), to the
 *               end of its step (finish_step), or stops at the next safe point (pause). Also a fact: calendar.NAME.active.
 *   groups      who may speak for a group. The bundle alone says who is in one: actor.groups and approvals[].groups follow
 *               from it. A rule that needs more of a group than it has members is refused. group_approvals: of each group.
 *   checks      prerequisites by name. One that the bundle does not describe is looked for in input.checks.
 *   tags, holds name collections by patterns; action.tags and action.holds follow from them. A hold ends with its day.
 *   batch       kinds of action of which several cards may be approved with one sequence, by risk (low, medium) and environment
 *               (staging, dev); none without it. Never in prod, nor where an approval is wanted of a group, of more than one
 *               person or with the target typed, nor under a waiver or an error. Then requires.batch is true.
 *   breakglass  who may lift every soft rule from one plan for at most max_min minutes, with a reason and a ticket; hard rules
 *               stay. Without it nobody may.
 *   waivable_by whose members may lift this rule from one plan, for a time (waiver.h).
 *
 * Evaluation is pure: no clock, no locale, no just-in-time compiler. Thread: a loaded policy is constant; any thread.
 */
#ifndef SIGNALBOX_POLICY_POLICY_H
#define SIGNALBOX_POLICY_POLICY_H

#include <signalbox/base/json.h>
#include <signalbox/base/zone.h>
#include <signalbox/model/policy.h>

#define SB_POLICY_MAX_BYTES (1 << 20)
#define SB_POLICY_MAX_DEPTH 16
#define SB_POLICY_MAX_RULES 1000
#define SB_POLICY_MAX_NODES 20000
#define SB_POLICY_MAX_APPROVALS 9

struct sb_policy;

/* Reads a bundle; path is its name in messages ("path:line:column: /rules/3/when: ..."). NULL on error. zones: where the data
 * of its time zones is; a zone that is not there refuses the bundle. NULL: no window is computed, for asking again about
 * inputs in which they are frozen. */
struct sb_policy *sb_policy_load(const char *text, size_t len, const char *path, const struct sb_zone_source *zones, struct sb_err *err);
void sb_policy_free(struct sb_policy *p); /* NULL is fine */

/* Name, version and the SHA-256 of the bundle's canonical bytes. Borrowed. */
const struct sb_bundle_id *sb_policy_id(const struct sb_policy *p);

/* The bundle's canonical bytes, NUL-terminated: what is hashed, and what POLICY_LOAD keeps. Borrowed. */
const char *sb_policy_text(const struct sb_policy *p);

#define SB_BREAKGLASS_MAX_MIN 60

/* For how long this person may break the glass, in milliseconds; 0: not at all. */
int64_t sb_policy_breakglass_ms(const struct sb_policy *p, const char *who);

/* Appends the names of the groups that this person may speak for. */
int sb_policy_groups_of(const struct sb_policy *p, const char *who, char ***names, size_t *n) SB_MUST_USE;

/* The tightest bound that the bundle's checks set on a number of the input ("recovery.drill_age_s"): the least `le`, or with
 * `least` the greatest `ge`; -1: none does. To be shown beside the measure; nothing is decided by it. */
int64_t sb_policy_limit(const struct sb_policy *p, const char *fact, bool least);

/* The names of fields whose values must not be recorded ("sensitive": ["email", "*ssn*"]); NULL: none. Borrowed. */
const json_t *sb_policy_sensitive(const struct sb_policy *p);

/* Freezes into an input what the bundle itself knows and the input does not say: the state of every window at clock.utc with
 * its next change and the hash of the zone's data; groups of the actor and of the approvers; tags and holds of the
 * collections; the autonomy level. What was frozen before under the same definition stays as it is, so that a decision is
 * asked again as it was asked. -1 only when memory runs out. */
int sb_policy_freeze(const struct sb_policy *p, json_t *input, struct sb_err *err);

/* Decides on a frozen input. out is overwritten; -1 only when memory runs out. An input that is no object denies. */
int sb_policy_evaluate(const struct sb_policy *p, const json_t *input, struct sb_policy_verdict *out, struct sb_err *err);
void sb_policy_verdict_release(struct sb_policy_verdict *v);

/* Appends a page for people: the decision, each rule that applied with the values it saw, and what would change it. */
void sb_policy_explain(const json_t *input, const struct sb_policy_verdict *v, struct sb_str *out);

#endif
