/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <inttypes.h>
#include <stdlib.h>

static void add_upper(struct sb_str *out, const char *text)
{
    for (; *text; text++)
        sb_str_addc(out, *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text);
}

static void add_rule(const struct sb_rule_result *r, struct sb_str *out)
{
    const char *key;
    json_t *value;
    sb_str_addf(out, "  %-8s %-7s %-5s  %s  %s%s\n", sb_name(&sb_rule_levels, r->level), sb_name(&sb_rule_effects, r->effect),
                sb_name(&sb_truths, r->result), r->id, r->title ? r->title : "", r->decides ? "   <- decides" : "");
    if (r->message)
        sb_str_addf(out, "                           %s\n", r->message);
    if (r->waived_by)
        sb_str_addf(out, "                           WAIVED for this plan by %s\n", r->waived_by);
    bool first = true;
    json_object_foreach(r->values, key, value) {
        char *text = json_is_null(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        sb_str_addf(out, "%s%s = %s", first ? "                           " : ", ", key, text ? text : "unknown");
        free(text);
        first = false;
    }
    if (!first)
        sb_str_addc(out, '\n');
}

static void add_words(struct sb_str *out, const char *what, char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_str_addf(out, "%s%s", i ? ", " : what, words[i]);
}

static void add_requires(const struct sb_requires *q, struct sb_str *out)
{
    if (!q->approvals && !q->groups_n && !q->checks_n && !q->windows_n && !q->redaction_n)
        return;
    sb_str_addf(out, "Requires %" PRId64 " approval%s", q->approvals, q->approvals == 1 ? "" : "s");
    if (q->not_author)
        sb_str_adds(out, ", not by the author");
    if (q->not_executor)
        sb_str_adds(out, ", nor by who carries it out");
    if (q->typed_target)
        sb_str_adds(out, ", the target typed");
    if (q->batch)
        sb_str_adds(out, ", several such cards at once");
    add_words(out, "; of the groups ", q->groups, q->groups_n);
    add_words(out, "; checks ", q->checks, q->checks_n);
    add_words(out, "; windows ", q->windows, q->windows_n);
    add_words(out, "; redaction ", q->redaction, q->redaction_n);
    sb_str_addc(out, '\n');
}

/* How the windows stand that are required, as they were frozen into the input. */
static void add_calendar(const struct sb_requires *q, const json_t *input, struct sb_str *out)
{
    for (size_t i = 0; i < q->windows_n; i++) {
        const json_t *state = json_object_get(json_object_get(input, "calendar"), q->windows[i]);
        const char *next = sb_json_str(state, "next_local"), *tz = sb_json_str(state, "tz");
        bool freeze = sb_streq(sb_json_str(state, "kind"), "deny"), active = json_is_true(json_object_get(state, "active"));
        const char *now = !state ? "unknown" : freeze ? (active ? "in force" : "not in force") : active ? "open" : "closed";
        const char *then = freeze ? (active ? "ends" : "begins") : active ? "closes" : "opens";
        sb_str_addf(out, "  %s %s is %s", freeze ? "freeze" : "window", q->windows[i], now);
        if (next)
            sb_str_addf(out, "; it %s on %s (%s)", then, next, tz ? tz : "?");
        sb_str_addc(out, '\n');
    }
}

void sb_policy_explain(const json_t *input, const struct sb_policy_verdict *v, struct sb_str *out)
{
    add_upper(out, sb_name(&sb_decisions, v->decision));
    if (input)
        sb_policy_fill("   {action.kind} on {action.ns} in {target.env}, at {stage}", input, out);
    sb_str_addf(out, "   policy %s %s (%.8s)\n", v->policy.bundle ? v->policy.bundle : "?", v->policy.version ? v->policy.version : "?",
                v->policy.sha256 ? v->policy.sha256 : "?");
    for (size_t i = 0; i < v->rules_n; i++)
        add_rule(&v->rules[i], out);
    if (v->rules_n == 0)
        sb_str_adds(out, "  no rule is about this\n");
    add_requires(&v->requires, out);
    add_calendar(&v->requires, input, out);
    add_words(out, "Exceptions used: waiver ", v->waivers, v->waivers_n);
    if (v->waivers_n)
        sb_str_addc(out, '\n');
    for (size_t i = 0; i < v->would_flip_n; i++)
        sb_str_addf(out, "%s%s\n", i ? "         " : "To pass: ", v->would_flip[i]);
}
