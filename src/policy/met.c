/* SPDX-License-Identifier: Apache-2.0
 *
 * What is required against what is there: approvals, groups, prerequisites, windows, redaction. */
#include "run.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <stdlib.h>

#define MAX_APPROVALS 1000 /* looked at in an input */

static int add_words(char ***list, size_t *n, const json_t *words)
{
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        if (!sb_strs_has(*list, *n, word) && sb_strs_push(list, n, word))
            return -1;
    }
    return 0;
}

static bool list_has(const json_t *list, const char *word)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (sb_streq(json_string_value(json_array_get(list, i)), word))
            return true;
    return false;
}

/* ---- what the rules want ---- */

static enum sb_truth check_truth(const struct sb_run *r, const char *name)
{
    const struct sb_check_rule *c = sb_check_rule_find(r->p, name);
    if (c)
        return sb_policy_truth(r->p, c->node, r->facts, NULL, r->probe);
    return list_has(json_object_get(r->input, "checks"), name) ? SB_TRUE : SB_FALSE;
}

static bool is_true(const struct sb_value *v)
{
    return v->type == SB_VALUE_BOOL && v->i;
}

/* Open for this plan: a freeze when it is over, and any window for what has begun as far as its overrun says. */
static enum sb_truth window_truth(const struct sb_run *r, const char *name)
{
    const struct sb_window *w = sb_window_find(r->p, name);
    const struct sb_value *active = &r->facts[w->active];
    if (w->overrun == SB_OVERRUN_FINISH_PLAN && is_true(&r->facts[r->p->started]))
        return SB_TRUE;
    if (w->overrun == SB_OVERRUN_FINISH_STEP && is_true(&r->facts[r->p->in_step]))
        return SB_TRUE;
    if (active->type != SB_VALUE_BOOL)
        return SB_ERROR;
    return (active->i != 0) != w->freeze ? SB_TRUE : SB_FALSE;
}

static int need_groups(struct sb_run *r, const struct sb_rule *rule)
{
    for (size_t i = 0; i < json_array_size(rule->groups); i++) {
        const char *name = json_string_value(json_array_get(rule->groups, i));
        int64_t n = rule->group_approvals ? rule->group_approvals : 1;
        size_t k = 0;
        while (k < r->groups_n && !sb_streq(r->groups[k].name, name))
            k++;
        if (k == r->groups_n) {
            struct sb_group_need *g = SB_PUSH(r->groups);
            if (!g)
                return -1;
            g->name = name;
        }
        if (n > r->groups[k].n)
            r->groups[k].n = n;
    }
    return 0;
}

int sb_run_require(struct sb_run *r, size_t at, bool *unknown)
{
    struct sb_rule rule = r->p->rules[at];
    struct sb_requires *q = &r->out->requires;
    if (r->probe && r->probe->weaken == (int)at) { /* a mutant: one part of it is not asked for */
        switch ((enum sb_part)r->probe->part) {
        case SB_PART_APPROVALS: rule.approvals = 0; break;
        case SB_PART_MORE: rule.more_approvals = 0; break;
        case SB_PART_GROUPS: rule.groups = NULL; break;
        case SB_PART_CHECKS: rule.checks = NULL; break;
        case SB_PART_WINDOWS: rule.windows = NULL; break;
        case SB_PART_REDACTION: rule.redaction = NULL; break;
        case SB_PART_NOT_AUTHOR: rule.not_author = false; break;
        case SB_PART_NOT_EXECUTOR: rule.not_executor = false; break;
        case SB_PART_TYPED: rule.typed_target = false; break;
        case SB_PARTS: break;
        }
    }
    r->most = rule.approvals > r->most ? rule.approvals : r->most;
    r->more += rule.more_approvals;
    q->not_author |= rule.not_author;
    q->not_executor |= rule.not_executor;
    q->typed_target |= rule.typed_target;
    for (size_t i = 0; i < json_array_size(rule.checks); i++)
        *unknown |= check_truth(r, json_string_value(json_array_get(rule.checks, i))) == SB_ERROR;
    for (size_t i = 0; r->execute && i < json_array_size(rule.windows); i++)
        *unknown |= window_truth(r, json_string_value(json_array_get(rule.windows, i))) == SB_ERROR;
    return need_groups(r, &rule) || add_words(&q->checks, &q->checks_n, rule.checks) || add_words(&q->windows, &q->windows_n, rule.windows) ||
                   add_words(&q->redaction, &q->redaction_n, rule.redaction)
               ? -1
               : 0;
}

/* ---- approvals ---- */

bool sb_policy_wrote_it(const json_t *input, const char *who)
{
    const json_t *editors = json_object_get(input, "editors");
    const char *author = sb_json_str(json_object_get(input, "author"), "principal");
    const char *editor = json_string_value(json_array_get(editors, json_array_size(editors) - 1));
    return (author && strcmp(author, who) == 0) || (editor && strcmp(editor, who) == 0);
}

static bool carries_it_out(const struct sb_run *r, const char *who)
{
    return r->execute && sb_streq(sb_json_str(json_object_get(r->input, "actor"), "principal"), who);
}

static size_t approvals_n(const struct sb_run *r)
{
    size_t n = json_array_size(json_object_get(r->input, "approvals"));
    return n < MAX_APPROVALS ? n : MAX_APPROVALS;
}

/* Approvals that count: of a named person, each person once, and not of who wrote it or carries it out where a rule says so. */
static int count_approvals(struct sb_run *r)
{
    const json_t *list = json_object_get(r->input, "approvals");
    for (size_t i = 0; i < approvals_n(r); i++) {
        const char *by = sb_json_str(json_array_get(list, i), "by");
        bool own = json_is_true(json_object_get(json_array_get(list, i), "own")); /* the author's, under another name */
        if (!by || !by[0] || sb_strs_has(r->why.given_by, r->why.given_by_n, by) || (r->out->requires.not_author && (own || sb_policy_wrote_it(r->input, by))) ||
            (r->out->requires.not_executor && carries_it_out(r, by)))
            continue;
        if (sb_strs_push(&r->why.given_by, &r->why.given_by_n, by))
            return -1;
    }
    r->why.given = (int64_t)r->why.given_by_n;
    return 0;
}

/* How many of those that count are in a group; each person once, by their first approval that says so. */
static int64_t group_approvals(const struct sb_run *r, const char *group)
{
    const json_t *list = json_object_get(r->input, "approvals");
    int64_t n = 0;
    for (size_t i = 0; i < r->why.given_by_n; i++)
        for (size_t k = 0; k < approvals_n(r); k++) {
            const json_t *one = json_array_get(list, k);
            if (sb_streq(sb_json_str(one, "by"), r->why.given_by[i]) && list_has(json_object_get(one, "groups"), group)) {
                n++;
                break;
            }
        }
    return n;
}

static int append(json_t *list, const char *fmt, ...) SB_PRINTF(2, 3);

static int append(json_t *list, const char *fmt, ...)
{
    struct sb_str s;
    va_list ap;
    sb_str_init(&s);
    va_start(ap, fmt);
    sb_str_vaddf(&s, fmt, ap);
    va_end(ap);
    int rc = sb_str_ok(&s) ? json_array_append_new(list, json_string(s.p)) : -1;
    sb_str_release(&s);
    return rc ? -1 : 0;
}

static int compare_groups(struct sb_run *r)
{
    struct sb_requires *q = &r->out->requires;
    for (size_t i = 0; i < r->groups_n; i++) {
        const struct sb_group_need *g = &r->groups[i];
        int64_t given = group_approvals(r, g->name);
        char text[120];
        snprintf(text, sizeof text, "%" PRId64 " of %.100s", g->n, g->name);
        if (sb_strs_push(&q->groups, &q->groups_n, g->n > 1 ? text : g->name))
            return -1;
        if (given >= g->n)
            continue;
        if (g->n - given == 1 ? append(r->why.missing_groups, "an approval by a member of %s", g->name)
                              : append(r->why.missing_groups, "%" PRId64 " approvals by members of %s", g->n - given, g->name))
            return -1;
    }
    return 0;
}

/* ---- the rest ---- */

static int compare_windows(struct sb_run *r)
{
    const struct sb_requires *q = &r->out->requires;
    for (size_t i = 0; r->execute && i < q->windows_n; i++)
        if (window_truth(r, q->windows[i]) == SB_FALSE && append(r->why.missing_windows, "%s", q->windows[i]))
            return -1;
    return 0;
}

/* What cannot be decided is not missing: it is an error of the rule that wants it. */
static int compare_checks(struct sb_run *r)
{
    const struct sb_requires *q = &r->out->requires;
    for (size_t i = 0; i < q->checks_n; i++)
        if (check_truth(r, q->checks[i]) == SB_FALSE && append(r->why.missing_checks, "%s", q->checks[i]))
            return -1;
    for (size_t i = 0; i < q->redaction_n; i++)
        if (!list_has(json_object_get(json_object_get(r->input, "handling"), "redaction"), q->redaction[i]) && append(r->why.missing_redaction, "%s", q->redaction[i]))
            return -1;
    return 0;
}

void sb_run_forget_wait(struct sb_run *r)
{
    r->out->waits_until = 0;
    free(r->out->waits_until_local);
    r->out->waits_until_local = NULL;
}

/* Nothing but windows is missing: which, and until when at least. */
static int note_wait(struct sb_run *r)
{
    const json_t *calendar = json_object_get(r->input, "calendar");
    bool known = true;
    for (size_t i = 0; i < json_array_size(r->why.missing_windows); i++) {
        const char *name = json_string_value(json_array_get(r->why.missing_windows, i));
        const json_t *state = json_object_get(calendar, name);
        const char *next = sb_json_str(state, "next"), *local = sb_json_str(state, "next_local"), *tz = sb_json_str(state, "tz");
        int64_t at;
        if (sb_strs_push(&r->out->waits_for, &r->out->waits_for_n, name))
            return -1;
        known = known && next && sb_time_parse(next, strlen(next), &at) == 0;
        if (!known || at <= r->out->waits_until)
            continue;
        r->out->waits_until = at;
        free(r->out->waits_until_local);
        r->out->waits_until_local = local && tz ? sb_format("%.40s (%.64s)", local, tz) : NULL;
        if (local && tz && !r->out->waits_until_local)
            return -1;
    }
    if (!known)
        sb_run_forget_wait(r);
    return 0;
}

int sb_run_met(struct sb_run *r)
{
    struct sb_outcome_of *w = &r->why;
    struct sb_requires *q = &r->out->requires;
    w->missing_groups = json_array();
    w->missing_checks = json_array();
    w->missing_windows = json_array();
    w->missing_redaction = json_array();
    q->approvals = r->most + r->more;
    if (r->error && !r->prod && q->approvals < 1) {
        q->approvals = 1;
        w->error_asks = true;
    }
    if (!w->missing_groups || !w->missing_checks || !w->missing_windows || !w->missing_redaction || count_approvals(r) || compare_groups(r) || compare_checks(r) ||
        compare_windows(r))
        return -1;
    bool persons = w->given >= q->approvals && !json_array_size(w->missing_groups);
    bool rest = persons && !json_array_size(w->missing_checks) && !json_array_size(w->missing_redaction);
    r->out->wants_persons = !persons;
    if (rest && json_array_size(w->missing_windows) && note_wait(r))
        return -1;
    return rest && !json_array_size(w->missing_windows);
}
