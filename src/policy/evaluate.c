/* SPDX-License-Identifier: Apache-2.0
 *
 * From the truth of the rules to a decision. */
#include "run.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- results ---- */

/* The values of the facts that a rule looks at; rules that look at the same ones share them. */
static int show_values(struct sb_run *r, const struct sb_rule *rule, struct sb_rule_result *result)
{
    json_t **shared = &r->values[rule->like];
    if (!*shared) {
        json_t *values = json_object();
        for (size_t i = 0; i < rule->shown_n && values; i++) {
            const struct sb_value *v = &r->facts[rule->shown[i]];
            /* a reference, not a copy: an input is not changed once it is asked about */
            json_t *value = v->json ? json_incref((json_t *)(uintptr_t)v->json) : json_null();
            if (json_object_set_new_nocheck(values, r->p->facts[rule->shown[i]].path, value)) {
                json_decref(values);
                values = NULL;
            }
        }
        *shared = values;
    }
    result->values = json_incref(*shared);
    return result->values ? 0 : -1;
}

static int add_result(struct sb_run *r, const struct sb_rule *rule, enum sb_truth truth, const char *waiver)
{
    struct sb_rule_result *result = &r->out->rules[r->out->rules_n++]; /* room was made for all */
    result->level = rule->level;
    result->effect = rule->effect;
    result->result = (int)truth;
    if (sb_str_set(&result->id, rule->id) || sb_str_set(&result->title, rule->title) || sb_str_set(&result->waived_by, waiver) || show_values(r, rule, result))
        return -1;
    if (waiver && !sb_strs_has(r->out->waivers, r->out->waivers_n, waiver) && sb_strs_push(&r->out->waivers, &r->out->waivers_n, waiver))
        return -1;
    if (truth == SB_FALSE || !rule->message)
        return 0;
    struct sb_str text;
    sb_str_init(&text);
    sb_policy_fill(rule->message, r->input, &text);
    result->message = sb_str_take(&text);
    return result->message ? 0 : -1;
}

/* ---- rules ---- */

/* Not where coverage and mutants count conditions: there each is a condition of its own. */
static enum sb_truth match_truth(const struct sb_run *r, const struct sb_rule *rule)
{
    if (rule->match == SB_NO_NODE)
        return SB_TRUE;
    if (r->probe)
        return sb_policy_truth(r->p, rule->match, r->facts, NULL, r->probe);
    signed char *asked = &r->matches[rule->same];
    if (*asked == UNASKED)
        *asked = (signed char)sb_policy_truth(r->p, rule->match, r->facts, NULL, NULL);
    return (enum sb_truth)*asked;
}

/* Kleene's "and" of match and when; *applies is false when match says no. */
static enum sb_truth rule_truth(const struct sb_run *r, const struct sb_rule *rule, bool *applies)
{
    bool every = r->probe && r->probe->test;
    enum sb_truth match = match_truth(r, rule);
    *applies = match != SB_FALSE;
    if (!*applies && !every)
        return SB_FALSE;
    enum sb_truth when = rule->when == SB_NO_NODE ? SB_TRUE : sb_policy_truth(r->p, rule->when, r->facts, NULL, r->probe);
    if (match == SB_FALSE || when == SB_FALSE)
        return SB_FALSE;
    return match == SB_ERROR || when == SB_ERROR ? SB_ERROR : SB_TRUE;
}

/* What one rule says: its truth, its result, and what follows for the decision. */
static int run_rule(struct sb_run *r, size_t i)
{
    const struct sb_rule *rule = &r->p->rules[i];
    bool applies, unknown = false;
    enum sb_truth t = rule_truth(r, rule, &applies);
    if (r->probe && r->probe->rule)
        r->probe->rule[i] |= t == SB_TRUE ? SB_SEEN_TRUE : t == SB_FALSE ? SB_SEEN_FALSE : SB_SEEN_ERROR;
    r->truth[i] = t;
    if (!applies)
        return 0;
    const char *waiver = t == SB_FALSE || rule->level == SB_RULE_ADVISORY ? NULL : sb_waiver_of(r->p, rule, r->input);
    if (waiver)
        r->truth[i] = SB_FALSE;
    else if (t == SB_TRUE && rule->effect == SB_RULE_REQUIRE && rule->level != SB_RULE_ADVISORY) {
        if (sb_run_require(r, i, &unknown))
            return -1;
        if (unknown) /* whether it is met cannot be decided: then the rule cannot */
            r->truth[i] = t = SB_ERROR;
    }
    if (add_result(r, rule, t, waiver))
        return -1;
    if (waiver || rule->level == SB_RULE_ADVISORY)
        return 0;
    r->error |= t == SB_ERROR;
    r->denied |= t == SB_TRUE && rule->effect == SB_RULE_DENY;
    r->allowed |= t == SB_TRUE && rule->effect == SB_RULE_ALLOW;
    return 0;
}

/* For as many results as there are rules, at once: a list that grows is copied over and over, which a decision feels. */
static int make_room(struct sb_run *r)
{
    size_t cap = 1; /* what SB_PUSH takes for granted */
    while (cap < r->p->rules_n)
        cap *= 2;
    r->out->rules = calloc(cap, sizeof *r->out->rules);
    return r->out->rules ? 0 : -1;
}

static int run_rules(struct sb_run *r)
{
    if (make_room(r))
        return -1;
    for (size_t i = 0; i < r->p->rules_n; i++) {
        r->truth[i] = SB_FALSE;
        if (!(r->probe && r->probe->skip == (int)i) && run_rule(r, i))
            return -1;
    }
    return 0;
}

/* ---- the decision ---- */

static int decide(struct sb_run *r)
{
    bool input_ok = json_is_object(r->input);
    const json_t *v = json_object_get(r->input, "v");
    if (v && !(json_is_integer(v) && json_integer_value(v) == SB_INPUT_VERSION))
        input_ok = false;
    int all_met = sb_run_met(r);
    if (all_met < 0)
        return -1;
    bool no = !input_ok || r->denied || (r->error && r->prod) || !r->allowed;
    r->out->decision = no ? SB_DENY : all_met ? SB_ALLOW : SB_REQUIRE;
    if (no) { /* waiting alone would not help */
        while (r->out->waits_for_n)
            free(r->out->waits_for[--r->out->waits_for_n]);
        sb_run_forget_wait(r);
    }
    return 0;
}

/* Marks the rules that made the decision what it is. */
static void mark(struct sb_run *r)
{
    bool by_rule = r->denied || (r->error && r->prod);
    for (size_t i = 0; i < r->out->rules_n; i++) {
        struct sb_rule_result *one = &r->out->rules[i];
        bool is_true = one->result == SB_TRUE, is_error = one->result == SB_ERROR;
        if (one->level == SB_RULE_ADVISORY || one->waived_by)
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

static int run(struct sb_run *r)
{
    sb_policy_resolve(r->p, r->input, r->facts);
    if (r->probe && r->probe->window >= 0) { /* a mutant: a window is closed when it is open */
        struct sb_value *active = &r->facts[r->p->windows[r->probe->window].active];
        active->i = active->type == SB_VALUE_BOOL ? !active->i : active->i;
    }
    const struct sb_value *stage = &r->facts[r->p->stage];
    r->execute = stage->type == SB_VALUE_STR && strcmp(stage->s, "execute") == 0;
    const struct sb_value *env = &r->facts[r->p->env];
    r->prod = !(env->type == SB_VALUE_STR && (strcmp(env->s, "staging") == 0 || strcmp(env->s, "dev") == 0));
    if (sb_record_copy(&sb_bundle_id_schema, &r->out->policy, &r->p->id) || run_rules(r) || decide(r))
        return -1;
    r->out->requires.batch = sb_run_batch(r);
    mark(r);
    if (r->out->decision == SB_ALLOW || r->probe)
        return 0;
    r->why.prod = r->prod;
    r->why.allowed = r->allowed;
    return sb_policy_flips(r->p, r->input, r->facts, r->truth, &r->why, r->out);
}

int sb_policy_run(const struct sb_policy *p, const json_t *input, const struct sb_probe *probe, struct sb_policy_verdict *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct sb_run r;
    memset(&r, 0, offsetof(struct sb_run, few)); /* what is few is filled in below, as far as it is looked at */
    memset((char *)&r + offsetof(struct sb_run, out), 0, sizeof r - offsetof(struct sb_run, out));
    r.p = p;
    r.input = input;
    r.probe = probe;
    r.out = out;
    bool few = p->rules_n <= FEW_RULES;
    r.facts = p->facts_n <= FEW_FACTS ? r.few : calloc(p->facts_n, sizeof *r.facts);
    r.truth = few ? r.few_truths : calloc(p->rules_n, sizeof *r.truth);
    r.values = few ? memset(r.few_values, 0, p->rules_n * sizeof *r.values) : calloc(p->rules_n, sizeof *r.values);
    r.matches = few ? r.few_matches : malloc(p->rules_n);
    if (r.matches)
        memset(r.matches, UNASKED, p->rules_n);
    int rc = r.facts && r.truth && r.values && r.matches ? run(&r) : -1;
    if (rc) {
        sb_policy_verdict_release(out);
        sb_fail_nomem(err);
    }
    for (size_t i = 0; i < r.why.given_by_n; i++)
        free(r.why.given_by[i]);
    free(r.why.given_by);
    free(r.groups);
    json_decref(r.why.missing_groups);
    json_decref(r.why.missing_checks);
    json_decref(r.why.missing_windows);
    json_decref(r.why.missing_redaction);
    if (r.facts != r.few)
        free(r.facts);
    for (size_t i = 0; r.values && i < p->rules_n; i++)
        json_decref(r.values[i]);
    if (r.values != r.few_values)
        free(r.values);
    if (r.truth != r.few_truths)
        free(r.truth);
    if (r.matches != r.few_matches)
        free(r.matches);
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
