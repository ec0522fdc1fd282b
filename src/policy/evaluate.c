/* SPDX-License-Identifier: Apache-2.0
 *
 * From the truth of the rules to a decision. */
#include "program.h"

#include <stdlib.h>

#define MAX_APPROVALS 1000 /* looked at in an input */
#define FEW_FACTS 256

struct run {
    const struct sb_policy *p;
    const json_t *input;
    const struct sb_probe *probe;
    struct sb_value few[FEW_FACTS], *facts;
    enum sb_truth *truth; /* of each rule */
    struct sb_policy_verdict *out;
    bool prod;
    bool denied, error, allowed;
    struct sb_outcome_of why;
    json_t *missing_groups, *missing_checks;
};

/* ---- results ---- */

static int show_values(struct run *r, const struct sb_rule *rule, struct sb_rule_result *result)
{
    result->values = json_object();
    for (size_t i = 0; i < rule->shown_n && result->values; i++) {
        const struct sb_value *v = &r->facts[rule->shown[i]];
        json_t *copy = v->json ? json_deep_copy(v->json) : json_null();
        if (!copy || json_object_set_new_nocheck(result->values, r->p->facts[rule->shown[i]].path, copy)) {
            json_decref(result->values);
            result->values = NULL;
        }
    }
    return result->values ? 0 : -1;
}

static int add_result(struct run *r, const struct sb_rule *rule, enum sb_truth truth)
{
    struct sb_rule_result *result = SB_PUSH(r->out->rules);
    if (!result)
        return -1;
    result->level = rule->level;
    result->effect = rule->effect;
    result->result = (int)truth;
    if (sb_str_set(&result->id, rule->id) || sb_str_set(&result->title, rule->title) || show_values(r, rule, result))
        return -1;
    if (truth == SB_FALSE || !rule->message)
        return 0;
    struct sb_str text;
    sb_str_init(&text);
    sb_policy_fill(rule->message, r->input, &text);
    result->message = sb_str_take(&text);
    return result->message ? 0 : -1;
}

static int add_words(char ***list, size_t *n, const json_t *words)
{
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        if (!sb_strs_has(*list, *n, word) && sb_strs_push(list, n, word))
            return -1;
    }
    return 0;
}

static int add_requirements(struct run *r, const struct sb_rule *rule)
{
    struct sb_requires *q = &r->out->requires;
    if (rule->approvals > q->approvals)
        q->approvals = rule->approvals;
    q->not_author |= rule->not_author;
    q->typed_target |= rule->typed_target;
    return add_words(&q->groups, &q->groups_n, rule->groups) || add_words(&q->checks, &q->checks_n, rule->checks) ? -1 : 0;
}

/* ---- rules ---- */

/* Kleene's "and" of match and when; *applies is false when match says no. */
static enum sb_truth rule_truth(const struct run *r, const struct sb_rule *rule, bool *applies)
{
    bool every = r->probe && r->probe->test;
    enum sb_truth match = rule->match == SB_NO_NODE ? SB_TRUE : sb_policy_truth(r->p, rule->match, r->facts, NULL, r->probe);
    *applies = match != SB_FALSE;
    if (!*applies && !every)
        return SB_FALSE;
    enum sb_truth when = rule->when == SB_NO_NODE ? SB_TRUE : sb_policy_truth(r->p, rule->when, r->facts, NULL, r->probe);
    if (match == SB_FALSE || when == SB_FALSE)
        return SB_FALSE;
    return match == SB_ERROR || when == SB_ERROR ? SB_ERROR : SB_TRUE;
}

static int run_rules(struct run *r)
{
    for (size_t i = 0; i < r->p->rules_n; i++) {
        const struct sb_rule *rule = &r->p->rules[i];
        bool applies;
        r->truth[i] = SB_FALSE;
        if (r->probe && r->probe->skip == (int)i)
            continue;
        enum sb_truth t = r->truth[i] = rule_truth(r, rule, &applies);
        if (r->probe && r->probe->rule)
            r->probe->rule[i] |= t == SB_TRUE ? SB_SEEN_TRUE : t == SB_FALSE ? SB_SEEN_FALSE : SB_SEEN_ERROR;
        if (!applies)
            continue;
        if (add_result(r, rule, t))
            return -1;
        if (rule->level == SB_RULE_ADVISORY)
            continue;
        r->error |= t == SB_ERROR;
        if (t != SB_TRUE)
            continue;
        r->denied |= rule->effect == SB_RULE_DENY;
        r->allowed |= rule->effect == SB_RULE_ALLOW;
        if (rule->effect == SB_RULE_REQUIRE && add_requirements(r, rule))
            return -1;
    }
    return 0;
}

/* ---- what is required against what is there ---- */

static bool wrote_it(const struct run *r, const char *who)
{
    const json_t *editors = json_object_get(r->input, "editors");
    const char *author = sb_json_str(json_object_get(r->input, "author"), "principal");
    const char *editor = json_string_value(json_array_get(editors, json_array_size(editors) - 1));
    return (author && strcmp(author, who) == 0) || (editor && strcmp(editor, who) == 0);
}

/* Approvals that count: of a named person, each person once, and not of who wrote it where a rule says so. */
static int count_approvals(struct run *r)
{
    const json_t *list = json_object_get(r->input, "approvals");
    size_t n = json_array_size(list) < MAX_APPROVALS ? json_array_size(list) : MAX_APPROVALS;
    for (size_t i = 0; i < n; i++) {
        const char *by = sb_json_str(json_array_get(list, i), "by");
        if (!by || !by[0] || sb_strs_has(r->why.given_by, r->why.given_by_n, by) || (r->out->requires.not_author && wrote_it(r, by)))
            continue;
        if (sb_strs_push(&r->why.given_by, &r->why.given_by_n, by))
            return -1;
    }
    r->why.given = (int64_t)r->why.given_by_n;
    return 0;
}

static bool list_has(const json_t *list, const char *word)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (sb_streq(json_string_value(json_array_get(list, i)), word))
            return true;
    return false;
}

static bool group_approved(const struct run *r, const char *group)
{
    const json_t *list = json_object_get(r->input, "approvals");
    size_t n = json_array_size(list) < MAX_APPROVALS ? json_array_size(list) : MAX_APPROVALS;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        const char *by = sb_json_str(one, "by");
        if (by && sb_strs_has(r->why.given_by, r->why.given_by_n, by) && list_has(json_object_get(one, "groups"), group))
            return true;
    }
    return false;
}

/* 1 everything that is required is there, 0 not, -1 out of memory. */
static int met(struct run *r)
{
    const struct sb_requires *q = &r->out->requires;
    const json_t *checks = json_object_get(r->input, "checks");
    r->missing_groups = json_array();
    r->missing_checks = json_array();
    if (!r->missing_groups || !r->missing_checks || count_approvals(r))
        return -1;
    for (size_t i = 0; i < q->groups_n; i++)
        if (!group_approved(r, q->groups[i]) && json_array_append_new(r->missing_groups, json_string(q->groups[i])))
            return -1;
    for (size_t i = 0; i < q->checks_n; i++)
        if (!list_has(checks, q->checks[i]) && json_array_append_new(r->missing_checks, json_string(q->checks[i])))
            return -1;
    return r->why.given >= q->approvals && !json_array_size(r->missing_groups) && !json_array_size(r->missing_checks);
}

static int decide(struct run *r)
{
    bool input_ok = json_is_object(r->input);
    const json_t *v = json_object_get(r->input, "v");
    if (v && !(json_is_integer(v) && json_integer_value(v) == SB_INPUT_VERSION))
        input_ok = false;
    if (r->error && !r->prod && r->out->requires.approvals < 1) {
        r->out->requires.approvals = 1;
        r->why.error_asks = true;
    }
    int all_met = met(r);
    if (all_met < 0)
        return -1;
    r->out->decision = !input_ok || r->denied || (r->error && r->prod) || !r->allowed ? SB_DENY : all_met ? SB_ALLOW : SB_REQUIRE;
    return 0;
}

/* Marks the rules that made the decision what it is. */
static void mark(struct run *r)
{
    bool by_rule = r->denied || (r->error && r->prod);
    for (size_t i = 0; i < r->out->rules_n; i++) {
        struct sb_rule_result *one = &r->out->rules[i];
        bool is_true = one->result == SB_TRUE, is_error = one->result == SB_ERROR;
        if (one->level == SB_RULE_ADVISORY)
            continue;
        switch (r->out->decision) {
        case SB_DENY:
            one->decides = by_rule && ((is_true && one->effect == SB_RULE_DENY) || (is_error && r->prod));
            break;
        case SB_REQUIRE:
            one->decides = (is_true && one->effect == SB_RULE_REQUIRE) || is_error;
            break;
        default:
            one->decides = is_true && one->effect == SB_RULE_ALLOW;
        }
    }
}

static int run(struct run *r)
{
    sb_policy_resolve(r->p, r->input, r->facts);
    const struct sb_value *env = &r->facts[r->p->env];
    r->prod = !(env->type == SB_VALUE_STR && (strcmp(env->s, "staging") == 0 || strcmp(env->s, "dev") == 0));
    if (sb_record_copy(&sb_bundle_id_schema, &r->out->policy, &r->p->id) || run_rules(r) || decide(r))
        return -1;
    mark(r);
    if (r->out->decision == SB_ALLOW || r->probe)
        return 0;
    r->why.prod = r->prod;
    r->why.allowed = r->allowed;
    r->why.missing_groups = r->missing_groups;
    r->why.missing_checks = r->missing_checks;
    return sb_policy_flips(r->p, r->input, r->facts, r->truth, &r->why, r->out);
}

int sb_policy_run(const struct sb_policy *p, const json_t *input, const struct sb_probe *probe, struct sb_policy_verdict *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct run r = {.p = p, .input = input, .probe = probe, .out = out};
    r.facts = p->facts_n <= FEW_FACTS ? r.few : calloc(p->facts_n, sizeof *r.facts);
    r.truth = calloc(p->rules_n ? p->rules_n : 1, sizeof *r.truth);
    int rc = r.facts && r.truth ? run(&r) : -1;
    if (rc) {
        sb_policy_verdict_release(out);
        sb_fail_nomem(err);
    }
    for (size_t i = 0; i < r.why.given_by_n; i++)
        free(r.why.given_by[i]);
    free(r.why.given_by);
    json_decref(r.missing_groups);
    json_decref(r.missing_checks);
    if (r.facts != r.few)
        free(r.facts);
    free(r.truth);
    return rc;
}

int sb_policy_evaluate(const struct sb_policy *p, const json_t *input, struct sb_policy_verdict *out, struct sb_err *err)
{
    return sb_policy_run(p, input, NULL, out, err);
}

void sb_policy_verdict_release(struct sb_policy_verdict *v)
{
    sb_record_release(&sb_policy_verdict_schema, v);
}
