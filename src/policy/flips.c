/* SPDX-License-Identifier: Apache-2.0
 *
 * What would have to change: for every reason against a decision, one sentence on how it would fall away. */
#include "program.h"

#include <stdlib.h>

struct telling {
    const struct sb_policy *p;
    const json_t *input;
    const struct sb_value *facts;
    const enum sb_truth *truth;
    const struct sb_outcome_of *why;
    struct sb_policy_verdict *out;
};

/* Takes the sentence; an empty one is nothing to say. */
static int tell(struct telling *t, struct sb_str *sentence)
{
    char *text = sb_str_take(sentence);
    int rc = !text ? -1 : text[0] ? sb_strs_push(&t->out->would_flip, &t->out->would_flip_n, text) : 0;
    free(text);
    return rc;
}

/* The first fact a condition looks at. */
static const char *first_fact(const struct sb_policy *p, int node)
{
    for (; node != SB_NO_NODE; node = p->nodes[node].first)
        if (p->nodes[node].fact != SB_NO_FACT)
            return p->facts[p->nodes[node].fact].path;
    return "";
}

/* Some facts change by waiting, some by changing the card; the rest are what they are. */
static const char *way_out(const char *fact)
{
    if (sb_starts_with(fact, "health.") || sb_starts_with(fact, "history.") || sb_starts_with(fact, "clock."))
        return "wait until ";
    if (sb_starts_with(fact, "action.") || sb_starts_with(fact, "plan."))
        return "change it so that ";
    return "it would pass if ";
}

static int tell_deny(struct telling *t, const struct sb_rule *rule)
{
    struct sb_str s;
    sb_str_init(&s);
    if (rule->when == SB_NO_NODE) {
        sb_str_addf(&s, "rule %s forbids it outright (%s); no approval changes that", rule->id, rule->title);
    } else {
        sb_str_adds(&s, way_out(first_fact(t->p, rule->when)));
        sb_policy_make(t->p, rule->when, false, t->facts, &s);
        sb_str_addf(&s, " (rule %s)", rule->id);
    }
    return tell(t, &s);
}

struct unknown {
    int fact[8];
    size_t n;
};

static void missing_facts(const struct telling *t, int node, struct unknown *u)
{
    if (node == SB_NO_NODE)
        return;
    const struct sb_node *at = &t->p->nodes[node];
    int used[2] = {at->fact, at->other};
    for (size_t k = 0; k < 2; k++) {
        bool known = used[k] == SB_NO_FACT || t->facts[used[k]].type != SB_VALUE_NONE;
        for (size_t i = 0; i < u->n && !known; i++)
            known = u->fact[i] == used[k];
        if (!known && u->n < SB_COUNT(u->fact))
            u->fact[u->n++] = used[k];
    }
    for (int child = at->first; child != SB_NO_NODE; child = t->p->nodes[child].next)
        missing_facts(t, child, u);
}

static int tell_error(struct telling *t, const struct sb_rule *rule)
{
    struct unknown u = {.n = 0};
    struct sb_str s;
    sb_str_init(&s);
    missing_facts(t, rule->match, &u);
    missing_facts(t, rule->when, &u);
    for (size_t i = 0; i < u.n; i++)
        sb_str_addf(&s, "%s%s", i ? ", " : "measure ", t->p->facts[u.fact[i]].path);
    if (u.n)
        sb_str_addf(&s, ": rule %s cannot be decided without %s", rule->id, u.n == 1 ? "it" : "them");
    else
        sb_str_addf(&s, "rule %s cannot be decided on these facts: one of them is not of the type it looks for", rule->id);
    return tell(t, &s);
}

static int tell_default(struct telling *t)
{
    struct sb_str s;
    sb_str_init(&s);
    sb_str_addf(&s, "no rule of %s allows ", t->p->id.bundle);
    sb_policy_fill("{action.kind} at {stage} in {target.env}", t->input, &s);
    if (tell(t, &s))
        return -1;
    for (size_t i = 0; i < t->p->rules_n; i++) { /* allow rules that are about this, but want something else */
        const struct sb_rule *rule = &t->p->rules[i];
        if (rule->effect != SB_RULE_ALLOW || rule->level == SB_RULE_ADVISORY || rule->when == SB_NO_NODE || t->truth[i] == SB_TRUE)
            continue;
        if (rule->match != SB_NO_NODE && sb_policy_truth(t->p, rule->match, t->facts, NULL, NULL) != SB_TRUE)
            continue;
        sb_str_init(&s);
        sb_str_addf(&s, "rule %s would allow it if ", rule->id);
        sb_policy_make(t->p, rule->when, true, t->facts, &s);
        if (tell(t, &s))
            return -1;
    }
    return 0;
}

static void add_others(struct telling *t, struct sb_str *s)
{
    const json_t *editors = json_object_get(t->input, "editors");
    const char *author = sb_json_str(json_object_get(t->input, "author"), "principal");
    const char *editor = json_string_value(json_array_get(editors, json_array_size(editors) - 1));
    const char *names[2] = {author, sb_streq(author, editor) ? NULL : editor};
    bool first = true;
    if (!t->out->requires.not_author)
        return;
    sb_str_adds(s, " by somebody other than ");
    for (size_t i = 0; i < 2; i++)
        if (names[i]) {
            sb_str_addf(s, "%s%s", first ? "" : " and ", names[i]);
            first = false;
        }
    if (first)
        sb_str_adds(s, "the author");
}

static int tell_approvals(struct telling *t)
{
    int64_t lacking = t->out->requires.approvals - t->why->given;
    struct sb_str s;
    sb_str_init(&s);
    if (lacking > 0) {
        static const char *const words[] = {"", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
        sb_str_addf(&s, "%s%s approval%s", words[lacking], t->why->given ? " more" : "", lacking == 1 ? "" : "s");
        add_others(t, &s);
        for (size_t i = 0; i < t->why->given_by_n; i++)
            sb_str_addf(&s, "%s%s", i ? ", " : "; given so far by ", t->why->given_by[i]);
    }
    return tell(t, &s);
}

static int tell_words(struct telling *t, const json_t *words, const char *before, const char *after)
{
    for (size_t i = 0; i < json_array_size(words); i++) {
        struct sb_str s;
        sb_str_init(&s);
        sb_str_addf(&s, "%s%s%s", before, json_string_value(json_array_get(words, i)), after);
        if (tell(t, &s))
            return -1;
    }
    return 0;
}

static int tell_rules(struct telling *t)
{
    for (size_t i = 0; i < t->p->rules_n; i++) {
        const struct sb_rule *rule = &t->p->rules[i];
        if (rule->level == SB_RULE_ADVISORY)
            continue;
        if (t->truth[i] == SB_TRUE && rule->effect == SB_RULE_DENY && tell_deny(t, rule))
            return -1;
        if (t->truth[i] == SB_ERROR && tell_error(t, rule))
            return -1;
    }
    return 0;
}

static int tell_input(struct telling *t)
{
    const json_t *v = json_object_get(t->input, "v");
    struct sb_str s;
    sb_str_init(&s);
    if (!json_is_object(t->input))
        sb_str_adds(&s, "give a decision input: it must be an object");
    else if (v && !(json_is_integer(v) && json_integer_value(v) == SB_INPUT_VERSION))
        sb_str_addf(&s, "give a decision input of version %d: this program knows no other", SB_INPUT_VERSION);
    return tell(t, &s);
}

int sb_policy_flips(const struct sb_policy *p, const json_t *input, const struct sb_value *facts, const enum sb_truth *truth,
                    const struct sb_outcome_of *why, struct sb_policy_verdict *out)
{
    struct telling t = {p, input, facts, truth, why, out};
    if (tell_input(&t) || tell_rules(&t) || (!why->allowed && tell_default(&t)) || tell_approvals(&t) ||
        tell_words(&t, why->missing_groups, "an approval by a member of ", "") || tell_words(&t, why->missing_checks, "the check ", " must be found true"))
        return -1;
    return 0;
}
