/* SPDX-License-Identifier: Apache-2.0
 *
 * What would have to change: for every reason against a decision, one sentence on how it would fall away. */
#include "program.h"

#include <inttypes.h>
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
    if (sb_starts_with(fact, "health.") || sb_starts_with(fact, "history.") || sb_starts_with(fact, "clock.") || sb_starts_with(fact, "calendar."))
        return "wait until ";
    if (sb_starts_with(fact, "action.") || sb_starts_with(fact, "plan."))
        return "change it so that ";
    return "it would pass if ";
}

/* Who may lift a rule from this one plan. */
static void add_waiver(const struct sb_rule *rule, struct sb_str *s)
{
    if (rule->waivable_by)
        sb_str_addf(s, ", or a waiver by a member of %s", rule->waivable_by);
}

/* "the window eu-night opens on Tue 2026-11-24 22:00 (Europe/Amsterdam)" */
static void add_window(struct telling *t, const char *name, struct sb_str *s)
{
    const json_t *state = json_object_get(json_object_get(t->input, "calendar"), name);
    const char *next = sb_json_str(state, "next_local"), *tz = sb_json_str(state, "tz");
    bool freeze = sb_window_find(t->p, name)->freeze;
    sb_str_addf(s, "the %s %s %s", freeze ? "freeze" : "window", name, freeze ? "ends" : "opens");
    if (next)
        sb_str_addf(s, " on %s (%s)", next, tz ? tz : "?");
    else
        sb_str_adds(s, freeze ? ", and no end is in sight" : ", and that is not within years");
}

/* A rule whose condition is one window, which is active. */
static const char *only_window(const struct telling *t, const struct sb_rule *rule)
{
    for (size_t i = 0; i < t->p->windows_n; i++)
        if (t->p->nodes[rule->when].kind == SB_NODE_TEST && t->p->nodes[rule->when].fact == t->p->windows[i].active && t->p->windows[i].freeze)
            return t->p->windows[i].name;
    return NULL;
}

static int tell_deny(struct telling *t, const struct sb_rule *rule)
{
    struct sb_str s;
    sb_str_init(&s);
    const char *freeze = rule->when == SB_NO_NODE ? NULL : only_window(t, rule);
    if (rule->when == SB_NO_NODE) {
        sb_str_addf(&s, "rule %s forbids it outright (%s); no approval changes that", rule->id, rule->title);
    } else if (freeze) {
        sb_str_adds(&s, "wait until ");
        add_window(t, freeze, &s);
        sb_str_addf(&s, " (rule %s)", rule->id);
    } else {
        sb_str_adds(&s, way_out(first_fact(t->p, rule->when)));
        sb_policy_make(t->p, rule->when, false, t->facts, &s);
        sb_str_addf(&s, " (rule %s)", rule->id);
    }
    add_waiver(rule, &s);
    return tell(t, &s);
}

struct unknown {
    int fact[8];
    size_t n;
};

static void missing_fact(const struct telling *t, int fact, struct unknown *u)
{
    bool known = fact == SB_NO_FACT || t->facts[fact].type != SB_VALUE_NONE;
    for (size_t i = 0; i < u->n && !known; i++)
        known = u->fact[i] == fact;
    if (!known && u->n < SB_COUNT(u->fact))
        u->fact[u->n++] = fact;
}

/* Of what is not decided only: a fact that is missing where it makes no difference is not wanted. */
static void missing_facts(const struct telling *t, int node, struct unknown *u)
{
    if (node == SB_NO_NODE || sb_policy_truth(t->p, node, t->facts, NULL, NULL) != SB_ERROR)
        return;
    const struct sb_node *at = &t->p->nodes[node];
    bool of_items = at->kind == SB_NODE_EACH || at->kind == SB_NODE_SOME || at->kind == SB_NODE_LENGTH;
    missing_fact(t, at->fact, u);
    missing_fact(t, at->other, u);
    for (int child = of_items ? SB_NO_NODE : at->first; child != SB_NO_NODE; child = t->p->nodes[child].next)
        missing_facts(t, child, u);
}

static int tell_error(struct telling *t, const struct sb_rule *rule)
{
    struct unknown u = {.n = 0};
    struct sb_str s;
    sb_str_init(&s);
    missing_facts(t, rule->match, &u);
    missing_facts(t, rule->when, &u);
    for (size_t i = 0; i < json_array_size(rule->checks); i++) {
        const struct sb_check_rule *c = sb_check_rule_find(t->p, json_string_value(json_array_get(rule->checks, i)));
        missing_facts(t, c ? c->node : SB_NO_NODE, &u);
    }
    for (size_t i = 0; i < json_array_size(rule->windows); i++)
        missing_fact(t, sb_window_find(t->p, json_string_value(json_array_get(rule->windows, i)))->active, &u);
    for (size_t i = 0; i < u.n; i++)
        sb_str_addf(&s, "%s%s", i ? ", " : "measure ", t->p->facts[u.fact[i]].path);
    if (u.n)
        sb_str_addf(&s, ": rule %s cannot be decided without %s", rule->id, u.n == 1 ? "it" : "them");
    else
        sb_str_addf(&s, "rule %s cannot be decided on these facts: one of them is not of the type it looks for", rule->id);
    add_waiver(rule, &s);
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
    if (t->out->requires.not_executor)
        sb_str_adds(s, ", and not by who carries it out");
}

static int tell_approvals(struct telling *t)
{
    int64_t lacking = t->out->requires.approvals - t->why->given;
    struct sb_str s;
    sb_str_init(&s);
    if (lacking > 0) {
        static const char *const words[] = {"", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
        if (lacking < (int64_t)SB_COUNT(words))
            sb_str_adds(&s, words[lacking]);
        else
            sb_str_addf(&s, "%" PRId64, lacking);
        sb_str_addf(&s, "%s approval%s", t->why->given ? " more" : "", lacking == 1 ? "" : "s");
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

/* "the check fresh-drill must be found true: recovery.drill_age_s is at most 604800 (it is 900000)" */
static int tell_checks(struct telling *t)
{
    for (size_t i = 0; i < json_array_size(t->why->missing_checks); i++) {
        const char *name = json_string_value(json_array_get(t->why->missing_checks, i));
        const struct sb_check_rule *c = sb_check_rule_find(t->p, name);
        struct sb_str s;
        sb_str_init(&s);
        sb_str_addf(&s, "the check %s must be found true", name);
        if (c) {
            sb_str_adds(&s, ": ");
            sb_policy_make(t->p, c->node, true, t->facts, &s);
        }
        if (tell(t, &s))
            return -1;
    }
    return 0;
}

static int tell_windows(struct telling *t)
{
    for (size_t i = 0; i < json_array_size(t->why->missing_windows); i++) {
        struct sb_str s;
        sb_str_init(&s);
        sb_str_adds(&s, "wait until ");
        add_window(t, json_string_value(json_array_get(t->why->missing_windows, i)), &s);
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
        tell_words(&t, why->missing_groups, "", "") || tell_checks(&t) || tell_windows(&t) ||
        tell_words(&t, why->missing_redaction, "the redaction profile ", " has to be in force"))
        return -1;
    return 0;
}
