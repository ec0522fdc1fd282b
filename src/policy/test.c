/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <signalbox/policy/test.h>

#include <inttypes.h>
#include <stdlib.h>

static const struct sb_member members[] = {
    SB_MEMBER(struct sb_policy_report, tests, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_policy_report, failed, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_policy_report, failures, SB_STRS, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_policy_report, rules, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_policy_report, rules_true, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_policy_report, rules_false, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_policy_report, conditions, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_policy_report, conditions_true, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_policy_report, conditions_false, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_policy_report, gaps, SB_STRS, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_policy_report, mutants, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_policy_report, caught, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_policy_report, survivors, SB_STRS, SB_ALWAYS, NULL),
};
const struct sb_schema sb_policy_report_schema = SB_SCHEMA("report", struct sb_policy_report, members);

static const struct sb_probe no_probe = {.negate = -1, .skip = -1, .window = -1, .weaken = -1, .part = -1, .batch = -1};

static const char *const part_text[SB_PARTS] = {
    [SB_PART_APPROVALS] = "approvals", [SB_PART_MORE] = "more approvals", [SB_PART_GROUPS] = "groups", [SB_PART_CHECKS] = "checks", [SB_PART_WINDOWS] = "windows",
    [SB_PART_REDACTION] = "redaction", [SB_PART_NOT_AUTHOR] = "other than the author", [SB_PART_NOT_EXECUTOR] = "other than the executor", [SB_PART_TYPED] = "typed target",
};

struct one_test {
    const char *name;
    json_t *input; /* own reference */
    const json_t *expect;
};

struct runner {
    const struct sb_policy *p;
    struct one_test *tests;
    size_t n;
    struct sb_policy_report *out;
};

/* ---- inputs ---- */

/* RFC 7396: what `patch` names replaces, null removes, objects merge. The depth of the file bounds the recursion. */
static int merge(json_t *into, const json_t *patch)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)patch, key, v) {
        json_t *old = json_object_get(into, key);
        if (json_is_null(v)) {
            json_object_del(into, key);
        } else if (json_is_object(v) && json_is_object(old)) {
            if (merge(old, v))
                return -1;
        } else if (json_object_set_new(into, key, json_deep_copy(v))) {
            return -1;
        }
    }
    return 0;
}

static json_t *input_of(const struct sb_policy *p, const json_t *test)
{
    const char *base = sb_json_str(test, "base");
    const json_t *from = base ? json_object_get(json_object_get(p->tree, "inputs"), base) : NULL;
    json_t *input = from ? json_deep_copy(from) : json_object();
    if (input && (merge(input, json_object_get(test, "input")) || sb_policy_freeze(p, input, NULL))) {
        json_decref(input);
        input = NULL;
    }
    return input;
}

static int load_tests(struct runner *r)
{
    const json_t *tests = json_object_get(r->p->tree, "tests");
    r->tests = calloc(json_array_size(tests) + 1, sizeof *r->tests);
    if (!r->tests)
        return -1;
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *one = json_array_get(tests, i);
        r->tests[i] = (struct one_test){sb_json_str(one, "name"), input_of(r->p, one), json_object_get(one, "expect")};
        r->n = i + 1;
        if (!r->tests[i].input)
            return -1;
    }
    return 0;
}

/* ---- comparing ---- */

/* The ids of the rules that decide, or of the advisory rules that are true, against the expected list. */
static bool same_rules(const struct sb_policy_verdict *v, bool advice, const json_t *expected, struct sb_str *found)
{
    size_t n = 0, hits = 0;
    for (size_t i = 0; i < v->rules_n; i++) {
        const struct sb_rule_result *r = &v->rules[i];
        if (advice ? r->level != SB_RULE_ADVISORY || r->result != SB_TRUE : !r->decides)
            continue;
        sb_str_addf(found, "%s%s", n++ ? " " : "", r->id);
        for (size_t k = 0; k < json_array_size(expected); k++)
            hits += sb_streq(r->id, json_string_value(json_array_get(expected, k)));
    }
    return hits == n && n == json_array_size(expected);
}

static bool same_words(char *const *words, size_t n, const json_t *expected)
{
    if (json_array_size(expected) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!sb_strs_has(words, n, json_string_value(json_array_get(expected, i))))
            return false;
    return true;
}

static bool same_requires(const struct sb_requires *q, const json_t *expected)
{
    const json_t *approvals = json_object_get(expected, "approvals"), *groups = json_object_get(expected, "groups");
    const json_t *checks = json_object_get(expected, "checks"), *author = json_object_get(expected, "not_author");
    const json_t *typed = json_object_get(expected, "typed_target"), *windows = json_object_get(expected, "windows");
    const json_t *redaction = json_object_get(expected, "redaction"), *executor = json_object_get(expected, "not_executor");
    const json_t *batch = json_object_get(expected, "batch");
    return (!windows || same_words(q->windows, q->windows_n, windows)) && (!redaction || same_words(q->redaction, q->redaction_n, redaction)) &&
           (!executor || json_is_true(executor) == q->not_executor) && (!approvals || json_integer_value(approvals) == q->approvals) && (!groups || same_words(q->groups, q->groups_n, groups)) &&
           (!checks || same_words(q->checks, q->checks_n, checks)) && (!author || json_is_true(author) == q->not_author) &&
           (!typed || json_is_true(typed) == q->typed_target) && (!batch || json_is_true(batch) == q->batch);
}

/* Appends why the verdict is not the expected one; nothing when it is. */
static void compare(const struct sb_policy_verdict *v, const json_t *expect, struct sb_str *why)
{
    const char *decision = sb_json_str(expect, "decision");
    const json_t *rules = json_object_get(expect, "rules"), *advice = json_object_get(expect, "advice");
    struct sb_str found;
    sb_str_init(&found);
    if (!sb_streq(decision, sb_name(&sb_decisions, v->decision)))
        sb_str_addf(why, "decision %s, expected %s; ", sb_name(&sb_decisions, v->decision), decision);
    if (rules && !same_rules(v, false, rules, &found))
        sb_str_addf(why, "decided by [%s]; ", found.p);
    sb_str_clear(&found);
    if (advice && !same_rules(v, true, advice, &found))
        sb_str_addf(why, "advised by [%s]; ", found.p);
    if (!same_requires(&v->requires, json_object_get(expect, "requires")))
        sb_str_addf(why, "requires %" PRId64 " approvals%s%s and other lists than expected, or other flags; ", v->requires.approvals,
                    v->requires.not_author ? ", not the author" : "", v->requires.typed_target ? ", typed target" : "");
    if (json_object_get(expect, "waits_for") && !same_words(v->waits_for, v->waits_for_n, json_object_get(expect, "waits_for")))
        sb_str_addf(why, "waits for %zu windows, or others than expected; ", v->waits_for_n);
    if (json_object_get(expect, "waivers") && !same_words(v->waivers, v->waivers_n, json_object_get(expect, "waivers")))
        sb_str_addf(why, "%zu waivers are used, or others than expected; ", v->waivers_n);
    if (why->len > 2)
        sb_str_truncate(why, why->len - 2);
    sb_str_release(&found);
}

/* 1 passes, 0 fails (why is filled), -1 out of memory. */
static int run_test(const struct runner *r, const struct one_test *t, const struct sb_probe *probe, struct sb_str *why)
{
    struct sb_policy_verdict v;
    if (sb_policy_run(r->p, t->input, probe, &v, NULL))
        return -1;
    compare(&v, t->expect, why);
    sb_policy_verdict_release(&v);
    return !sb_str_ok(why) ? -1 : why->len == 0;
}

/* ---- passing, coverage, mutants ---- */

static int take(char ***list, size_t *n, struct sb_str *text)
{
    char *p = sb_str_take(text);
    int rc = p ? sb_strs_push(list, n, p) : -1;
    free(p);
    return rc;
}

static int run_tests(struct runner *r, const struct sb_probe *probe)
{
    for (size_t i = 0; i < r->n; i++) {
        struct sb_str why;
        sb_str_init(&why);
        int passed = run_test(r, &r->tests[i], probe, &why);
        r->out->tests++;
        if (passed == 0) {
            struct sb_str line;
            sb_str_init(&line);
            sb_str_addf(&line, "%s: %s", r->tests[i].name, why.p);
            r->out->failed++;
            if (take(&r->out->failures, &r->out->failures_n, &line))
                passed = -1;
        }
        sb_str_release(&why);
        if (passed < 0)
            return -1;
    }
    return 0;
}

/* What a node belongs to: nodes are made check by check, then rule by rule. */
static const char *owner_of(const struct sb_policy *p, int node)
{
    const char *found = "?";
    for (size_t i = 0; i < p->checks_n && p->checks[i].node <= node; i++)
        found = p->checks[i].name;
    for (size_t i = 0; i < p->rules_n; i++) {
        int first = p->rules[i].match != SB_NO_NODE ? p->rules[i].match : p->rules[i].when;
        if (first > node)
            break;
        found = p->rules[i].id;
    }
    return found;
}

static void say_test(const struct sb_policy *p, int node, struct sb_str *out)
{
    sb_str_addf(out, "%s: ", owner_of(p, node));
    if (p->nodes[node].fact == SB_NO_FACT)
        sb_str_addf(out, "the condition %s inside a list", sb_name(&sb_ops, p->nodes[node].op));
    else
        sb_policy_say(p, node, out);
}

static int gap(struct runner *r, const char *rule, int node, unsigned char seen)
{
    struct sb_str line;
    sb_str_init(&line);
    if (rule)
        sb_str_addf(&line, "%s", rule);
    else
        say_test(r->p, node, &line);
    bool yes = seen & SB_SEEN_TRUE, no = seen & SB_SEEN_FALSE;
    sb_str_addf(&line, ": never %s", !yes && !no ? "true and never false" : !yes ? "true" : "false");
    return take(&r->out->gaps, &r->out->gaps_n, &line);
}

static int count_coverage(struct runner *r, const struct sb_probe *probe)
{
    struct sb_policy_report *out = r->out;
    for (size_t i = 0; i < r->p->rules_n; i++) {
        unsigned char seen = probe->rule[i];
        out->rules++;
        out->rules_true += (seen & SB_SEEN_TRUE) != 0;
        out->rules_false += (seen & SB_SEEN_FALSE) != 0;
        if ((seen & (SB_SEEN_TRUE | SB_SEEN_FALSE)) != (SB_SEEN_TRUE | SB_SEEN_FALSE) && gap(r, r->p->rules[i].id, 0, seen))
            return -1;
    }
    for (size_t i = 0; i < r->p->nodes_n; i++) {
        if (r->p->nodes[i].kind != SB_NODE_TEST)
            continue;
        unsigned char seen = probe->test[r->p->nodes[i].test];
        out->conditions++;
        out->conditions_true += (seen & SB_SEEN_TRUE) != 0;
        out->conditions_false += (seen & SB_SEEN_FALSE) != 0;
        if ((seen & (SB_SEEN_TRUE | SB_SEEN_FALSE)) != (SB_SEEN_TRUE | SB_SEEN_FALSE) && gap(r, NULL, (int)i, seen))
            return -1;
    }
    return 0;
}

/* 1 some test fails under this mutant, 0 none does, -1 out of memory. */
static int caught(const struct runner *r, const struct sb_probe *mutant)
{
    for (size_t i = 0; i < r->n; i++) {
        struct sb_str why;
        sb_str_init(&why);
        int passed = run_test(r, &r->tests[i], mutant, &why);
        sb_str_release(&why);
        if (passed <= 0)
            return passed < 0 ? -1 : 1;
    }
    return 0;
}

static void say_batch(const struct sb_policy *p, const struct sb_probe *mutant, struct sb_str *out)
{
    const json_t *kinds = p->batches[mutant->batch].kinds;
    size_t n = json_array_size(kinds), part = (size_t)mutant->part;
    sb_str_addf(out, "batch %d: %s%s", mutant->batch, part < n ? json_string_value(json_array_get(kinds, part)) : part == n ? "any kind" : "any risk",
                part < n ? " left out" : "");
}

static int try_mutant(struct runner *r, const struct sb_probe *mutant, int node)
{
    int seen = caught(r, mutant);
    r->out->mutants++;
    r->out->caught += seen > 0;
    if (seen)
        return seen < 0 ? -1 : 0;
    struct sb_str line;
    sb_str_init(&line);
    if (mutant->skip >= 0) {
        sb_str_addf(&line, "%s: left out", r->p->rules[mutant->skip].id);
    } else if (mutant->weaken >= 0) {
        sb_str_addf(&line, "%s: requires no %s", r->p->rules[mutant->weaken].id, part_text[mutant->part]);
    } else if (mutant->batch >= 0) {
        say_batch(r->p, mutant, &line);
    } else if (mutant->window >= 0) {
        sb_str_addf(&line, "window %s: turned round", r->p->windows[mutant->window].name);
    } else {
        say_test(r->p, node, &line);
        sb_str_adds(&line, ": turned round");
    }
    return take(&r->out->survivors, &r->out->survivors_n, &line);
}

/* A part that a rule does not require anyway is no mutant. Advice requires nothing of anybody. */
static bool has_part(const struct sb_rule *rule, enum sb_part part)
{
    if (rule->level == SB_RULE_ADVISORY)
        return false;
    switch (part) {
    case SB_PART_APPROVALS: return rule->approvals > 0;
    case SB_PART_MORE: return rule->more_approvals > 0;
    case SB_PART_GROUPS: return json_array_size(rule->groups) > 0;
    case SB_PART_CHECKS: return json_array_size(rule->checks) > 0;
    case SB_PART_WINDOWS: return json_array_size(rule->windows) > 0;
    case SB_PART_REDACTION: return json_array_size(rule->redaction) > 0;
    case SB_PART_NOT_AUTHOR: return rule->not_author;
    case SB_PART_NOT_EXECUTOR: return rule->not_executor;
    case SB_PART_TYPED: return rule->typed_target;
    case SB_PARTS: break;
    }
    return false;
}

static int try_parts(struct runner *r, size_t rule)
{
    for (int part = 0; part < SB_PARTS; part++) {
        struct sb_probe mutant = no_probe;
        mutant.weaken = (int)rule;
        mutant.part = part;
        if (has_part(&r->p->rules[rule], (enum sb_part)part) && try_mutant(r, &mutant, 0))
            return -1;
    }
    return 0;
}

static int try_batches(struct runner *r)
{
    struct sb_probe mutant = no_probe;
    for (size_t i = 0; i < r->p->batches_n; i++)
        for (size_t part = 0; part < json_array_size(r->p->batches[i].kinds) + 2; part++) {
            mutant.batch = (int)i;
            mutant.part = (int)part;
            if (try_mutant(r, &mutant, 0))
                return -1;
        }
    return 0;
}

static int try_mutants(struct runner *r)
{
    struct sb_probe mutant = no_probe;
    for (size_t i = 0; i < r->p->rules_n; i++) {
        mutant.skip = (int)i;
        if (try_mutant(r, &mutant, 0) || try_parts(r, i))
            return -1;
    }
    mutant = no_probe;
    for (size_t i = 0; i < r->p->nodes_n; i++) {
        mutant.negate = r->p->nodes[i].test;
        if (r->p->nodes[i].kind == SB_NODE_TEST && try_mutant(r, &mutant, (int)i))
            return -1;
    }
    mutant = no_probe;
    for (size_t i = 0; i < r->p->windows_n; i++) {
        mutant.window = (int)i;
        if (try_mutant(r, &mutant, 0))
            return -1;
    }
    return try_batches(r);
}

int sb_policy_test(const struct sb_policy *p, struct sb_policy_report *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct runner r = {.p = p, .out = out};
    struct sb_probe probe = no_probe;
    probe.test = calloc(p->tests + 1, 1);
    probe.rule = calloc(p->rules_n + 1, 1);
    int rc = probe.test && probe.rule ? load_tests(&r) : -1;
    if (rc == 0)
        rc = run_tests(&r, &probe) || count_coverage(&r, &probe) || (out->failed == 0 && try_mutants(&r)) ? -1 : 0;
    for (size_t i = 0; i < r.n; i++)
        json_decref(r.tests[i].input);
    free(r.tests);
    free(probe.test);
    free(probe.rule);
    if (rc) {
        sb_record_release(&sb_policy_report_schema, out);
        sb_fail_nomem(err);
    }
    return rc;
}

bool sb_policy_report_ok(const struct sb_policy_report *r)
{
    return r->failed == 0 && r->caught == r->mutants;
}
