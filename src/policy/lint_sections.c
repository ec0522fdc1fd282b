/* SPDX-License-Identifier: Apache-2.0
 *
 * What lint says of windows, groups, checks, tags, holds, levels and batches. */
#include "linter.h"

#include <string.h>

/* Two windows that a rule wants at once have to be open at once some time: looked for over two years from today. */
static bool ever_together(const struct sb_window *a, const struct sb_window *b, int64_t from)
{
    for (int64_t t = from, last = from + 2 * 366 * INT64_C(86400); t < last;) {
        int64_t next_a, next_b;
        bool open_a = sb_window_active(a, t, &next_a) != a->freeze, open_b = sb_window_active(b, t, &next_b) != b->freeze;
        if (open_a && open_b)
            return true;
        t = !open_a && (open_b || next_a > next_b) ? next_a : next_b;
        if (t == SB_ZONE_NEVER)
            return false;
    }
    return false;
}

void sb_lint_windows_of(struct linter *t, const struct sb_rule *r)
{
    int64_t day;
    if (!sb_policy_date(t->today, &day))
        return;
    for (size_t i = 0; i < json_array_size(r->windows); i++)
        for (size_t k = 0; k < i; k++) {
            const struct sb_window *a = sb_window_find(t->p, json_string_value(json_array_get(r->windows, k)));
            const struct sb_window *b = sb_window_find(t->p, json_string_value(json_array_get(r->windows, i)));
            if (a->zone && b->zone && !ever_together(a, b, day * 86400))
                sb_lint_say(t, "the windows %s and %s are never open together within two years", a->name, b->name);
        }
}

/* ---- what is named beside the rules ---- */

static bool words_have(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (sb_streq(json_string_value(json_array_get(list, i)), name))
            return true;
    return false;
}

static bool node_uses(const struct sb_policy *p, int fact)
{
    for (size_t i = 0; i < p->nodes_n; i++)
        if (p->nodes[i].fact == fact || p->nodes[i].other == fact)
            return true;
    return false;
}

/* A text of some rule's expressions: a group, tag or hold that is named nowhere is no use. */
static bool constant_is(const struct sb_policy *p, const char *name)
{
    for (size_t i = 0; i < p->nodes_n; i++)
        for (size_t k = 0; k < p->nodes[i].values; k++)
            if (p->nodes[i].value && p->nodes[i].value[k].type == SB_VALUE_STR && strcmp(p->nodes[i].value[k].s, name) == 0)
                return true;
    return false;
}

static bool rule_uses(const struct sb_policy *p, const char *section, const char *name)
{
    for (size_t i = 0; i < p->rules_n; i++) {
        const struct sb_rule *r = &p->rules[i];
        const json_t *list = strcmp(section, "windows") == 0 ? r->windows : strcmp(section, "checks") == 0 ? r->checks : r->groups;
        if (words_have(list, name) || (strcmp(section, "groups") == 0 && sb_streq(r->waivable_by, name)))
            return true;
    }
    return false;
}

static void check_window(struct linter *t, const struct sb_window *w)
{
    int64_t today, next;
    if (!rule_uses(t->p, "windows", w->name) && !node_uses(t->p, w->active))
        sb_lint_say(t, "no rule looks at this window");
    if (!w->zone || !sb_policy_date(t->today, &today))
        return;
    if (!sb_window_active(w, today * 86400, &next) && next == SB_ZONE_NEVER)
        sb_lint_say(t, w->has_to && w->to < today * 86400 ? "this window is over" : "this window is never open");
}

static void check_named(struct linter *t, const char *section, const char *name, const json_t *v)
{
    const struct sb_check_rule *c = sb_check_rule_find(t->p, name);
    if (strcmp(section, "windows") == 0) {
        check_window(t, sb_window_find(t->p, name));
    } else if (strcmp(section, "checks") == 0) {
        size_t mark = sb_loader_enter(&t->l, "when");
        sb_lint_expression(t, json_object_get(v, "when"));
        sb_loader_leave(&t->l, mark);
        if (c && !rule_uses(t->p, section, name))
            sb_lint_say(t, "no rule requires this check");
    } else if (strcmp(section, "groups") == 0) {
        if (!rule_uses(t->p, section, name) && !constant_is(t->p, name) && !sb_streq(t->p->breakglass_group, name))
            sb_lint_say(t, "no rule names this group");
    } else if (strcmp(section, "tags") == 0) {
        if (!constant_is(t->p, name))
            sb_lint_say(t, "no rule names this tag");
    } else if (strcmp(sb_json_str(v, "until"), t->today) < 0) {
        sb_lint_say(t, "this hold ended on %s", sb_json_str(v, "until"));
    }
}

static bool level_is_read(const struct sb_policy *p)
{
    for (size_t i = 0; i < p->facts_n; i++)
        if (strcmp(p->facts[i].path, "autonomy.level") == 0)
            return true;
    return false;
}

/* The highest level is for a time, and for production with a reason. */
static void check_autonomy(struct linter *t)
{
    const json_t *levels = json_object_get(json_object_get(t->p->tree, "autonomy"), "levels");
    for (size_t i = 0; i < t->p->levels_n; i++) {
        const struct sb_grant *g = &t->p->levels[i];
        const char *until = sb_json_str(json_array_get(levels, i), "until");
        size_t mark = sb_loader_enter(&t->l, "autonomy");
        sb_loader_enter(&t->l, "levels");
        sb_loader_enter_item(&t->l, i);
        if (until && strcmp(until, t->today) < 0)
            sb_lint_say(t, "this grant ended on %s", until);
        else if (g->level == 4 && !until)
            sb_lint_say(t, "L4 without \"until\" never has to be shown again");
        sb_loader_leave(&t->l, mark);
    }
    if (t->p->has_autonomy && !level_is_read(t->p))
        sb_lint_say(t, "no rule reads autonomy.level, so the levels mean nothing");
}

/* A kind that is spelled in no rule is never allowed, so nobody could approve a batch of it. */
static void check_batch(struct linter *t)
{
    for (size_t i = 0; i < t->p->batches_n; i++) {
        const struct sb_batch_grant *g = &t->p->batches[i];
        size_t mark = sb_loader_enter(&t->l, "batch");
        sb_loader_enter_item(&t->l, i);
        for (size_t k = 0; k < json_array_size(g->kinds); k++) {
            const char *kind = json_string_value(json_array_get(g->kinds, k));
            if (!constant_is(t->p, kind))
                sb_lint_say(t, "no rule names the kind %s", kind);
            for (size_t other = 0; other < i; other++)
                if (sb_streq(t->p->batches[other].risk, g->risk) && sb_streq(t->p->batches[other].env, g->env) && words_have(t->p->batches[other].kinds, kind))
                    sb_lint_say(t, "%s is granted before", kind);
        }
        sb_loader_leave(&t->l, mark);
    }
}

void sb_lint_sections(struct linter *t)
{
    static const char *const sections[] = {"windows", "checks", "groups", "tags", "holds"};
    for (size_t i = 0; i < SB_COUNT(sections); i++) {
        size_t mark = sb_loader_enter(&t->l, sections[i]);
        const char *name;
        json_t *v;
        json_object_foreach(json_object_get(t->p->tree, sections[i]), name, v) {
            size_t inner = sb_loader_enter(&t->l, name);
            check_named(t, sections[i], name, v);
            sb_loader_leave(&t->l, inner);
        }
        sb_loader_leave(&t->l, mark);
    }
    check_autonomy(t);
    check_batch(t);
}
