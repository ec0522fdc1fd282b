/* SPDX-License-Identifier: Apache-2.0
 *
 * What a bundle names beside its rules: groups, prerequisites, tags, holds, waivers, break-glass. */
#include "loader.h"

#include <signalbox/base/array.h>

#include <stdlib.h>

#define MAX_NAMED 100
#define MAX_WAIVER_H 72

bool sb_policy_name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return n > 0 && n <= 40 && !name[n];
}

/* Reads every member of a section with `one`. */
static int each(struct sb_loader *l, const char *section, int (*one)(struct sb_loader *l, const char *name, const json_t *v))
{
    return sb_loader_named(l, section, MAX_NAMED, "must be an object of at most 100 members", one);
}

static bool words_ok(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)) || !json_string_length(json_array_get(list, i)) || json_string_length(json_array_get(list, i)) > SB_POLICY_MAX_TEXT)
            return false;
    return json_is_array(list) && json_array_size(list) > 0 && json_array_size(list) <= 1000;
}

/* ---- groups ---- */

static int read_group(struct sb_loader *l, const char *name, const json_t *v)
{
    if (!words_ok(v))
        return sb_loader_refuse(l, json_is_array(v) && !json_array_size(v) ? "a group with nobody in it" : "must be a list of 1 to 1000 principals");
    for (size_t i = 0; i < json_array_size(v); i++)
        for (size_t k = 0; k < i; k++)
            if (json_equal(json_array_get(v, i), json_array_get(v, k)))
                return sb_loader_refuse_name(l, "twice in the group:", json_string_value(json_array_get(v, i)));
    if (SB_GROW(l->p->groups, l->p->groups_cap, l->p->groups_n + 1))
        return sb_fail_nomem(l->err);
    l->p->groups[l->p->groups_n++] = (struct sb_group){name, v};
    return 0;
}

const struct sb_group *sb_group_find(const struct sb_policy *p, const char *name)
{
    for (size_t i = 0; i < p->groups_n; i++)
        if (sb_streq(p->groups[i].name, name))
            return &p->groups[i];
    return NULL;
}

bool sb_group_has(const struct sb_group *g, const char *principal)
{
    for (size_t i = 0; g && principal && i < json_array_size(g->members); i++)
        if (strcmp(json_string_value(json_array_get(g->members, i)), principal) == 0)
            return true;
    return false;
}

int sb_policy_groups_of(const struct sb_policy *p, const char *who, char ***names, size_t *n)
{
    for (size_t i = 0; i < p->groups_n; i++)
        if (sb_group_has(&p->groups[i], who) && sb_strs_push(names, n, p->groups[i].name))
            return -1;
    return 0;
}

/* ---- prerequisites ---- */

static int read_check(struct sb_loader *l, const char *name, const json_t *v)
{
    static const char *const keys[] = {"title", "when"};
    struct sb_check_rule c = {.name = name};
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || sb_loader_text(l, v, "title", true, &c.title))
        return -1;
    size_t mark = sb_loader_enter(l, "when");
    c.node = sb_compile_expression(l, json_object_get(v, "when"));
    sb_loader_leave(l, mark);
    if (c.node < 0)
        return -1;
    if (SB_GROW(l->p->checks, l->p->checks_cap, l->p->checks_n + 1))
        return sb_fail_nomem(l->err);
    l->p->checks[l->p->checks_n++] = c;
    return 0;
}

const struct sb_check_rule *sb_check_rule_find(const struct sb_policy *p, const char *name)
{
    for (size_t i = 0; i < p->checks_n; i++)
        if (sb_streq(p->checks[i].name, name))
            return &p->checks[i];
    return NULL;
}

/* ---- tags, holds: used by freeze.c from the tree ---- */

static int read_tag(struct sb_loader *l, const char *name, const json_t *v)
{
    (void)name;
    return words_ok(v) ? 0 : sb_loader_refuse(l, "must be a list of patterns of namespaces");
}

static int read_hold(struct sb_loader *l, const char *name, const json_t *v)
{
    static const char *const keys[] = {"title", "ns", "until"};
    const char *title, *until;
    int64_t days;
    (void)name;
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || sb_loader_text(l, v, "title", true, &title) || sb_loader_text(l, v, "until", true, &until))
        return -1;
    if (!sb_policy_date(until, &days))
        return sb_loader_refuse_name(l, "until is the last day of the hold, such as 2027-06-30, not", until);
    return words_ok(json_object_get(v, "ns")) ? 0 : sb_loader_refuse(l, "ns must be a list of patterns of namespaces");
}

/* ---- waivers ---- */

static int read_waivers(struct sb_loader *l)
{
    static const char *const keys[] = {"signed", "max_h"};
    const json_t *v = json_object_get(l->p->tree, "waivers"), *hours = json_object_get(v, "max_h"), *is_signed = json_object_get(v, "signed");
    l->p->waivers_max_ms = MAX_WAIVER_H * INT64_C(3600000);
    if (!v)
        return 0;
    size_t mark = sb_loader_enter(l, "waivers");
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)))
        return -1;
    if (hours && (!json_is_integer(hours) || json_integer_value(hours) < 1 || json_integer_value(hours) > MAX_WAIVER_H))
        return sb_loader_refuse(l, "max_h must be an integer from 1 to 72");
    if (is_signed && !json_is_boolean(is_signed))
        return sb_loader_refuse(l, "signed must be true or false");
    if (hours)
        l->p->waivers_max_ms = json_integer_value(hours) * INT64_C(3600000);
    l->p->waivers_signed = json_is_true(is_signed);
    sb_loader_leave(l, mark);
    return 0;
}

/* ---- break-glass ---- */

static int read_breakglass(struct sb_loader *l)
{
    static const char *const keys[] = {"group", "max_min"};
    const json_t *v = json_object_get(l->p->tree, "breakglass");
    int64_t minutes = 0;
    if (!v)
        return 0;
    size_t mark = sb_loader_enter(l, "breakglass");
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || sb_loader_text(l, v, "group", true, &l->p->breakglass_group) ||
        sb_loader_int(l, v, "max_min", 1, SB_BREAKGLASS_MAX_MIN, &minutes))
        return -1;
    if (!sb_group_find(l->p, l->p->breakglass_group))
        return sb_loader_refuse_name(l, "there is no group", l->p->breakglass_group);
    l->p->breakglass_max_ms = (minutes ? minutes : SB_BREAKGLASS_MAX_MIN) * INT64_C(60000);
    sb_loader_leave(l, mark);
    return 0;
}

int64_t sb_policy_breakglass_ms(const struct sb_policy *p, const char *who)
{
    return p->breakglass_group && sb_group_has(sb_group_find(p, p->breakglass_group), who) ? p->breakglass_max_ms : 0;
}

int sb_loader_sections(struct sb_loader *l)
{
    l->p->has_groups = json_object_get(l->p->tree, "groups") != NULL;
    return sb_loader_windows(l) || each(l, "groups", read_group) || each(l, "checks", read_check) || each(l, "tags", read_tag) || each(l, "holds", read_hold) ||
                   read_waivers(l) || read_breakglass(l) || sb_loader_autonomy(l) || sb_loader_batch(l)
               ? -1
               : 0;
}

/* ---- what a rule says of them ---- */

/* The requirement can be met by the groups that there are. */
int sb_loader_check_groups(struct sb_loader *l, const struct sb_rule *rule)
{
    char what[200];
    for (size_t i = 0; l->p->has_groups && i < json_array_size(rule->groups); i++) {
        const char *name = json_string_value(json_array_get(rule->groups, i));
        const struct sb_group *g = sb_group_find(l->p, name);
        if (!g)
            return sb_loader_refuse_name(l, "there is no group", name);
        if ((int64_t)json_array_size(g->members) >= (rule->group_approvals ? rule->group_approvals : 1))
            continue;
        snprintf(what, sizeof what, "the group %.60s has %zu member%s, and %d of them would have to approve", name, json_array_size(g->members),
                 json_array_size(g->members) == 1 ? "" : "s", (int)rule->group_approvals);
        return sb_loader_refuse(l, what);
    }
    if (rule->waivable_by && !sb_group_find(l->p, rule->waivable_by))
        return sb_loader_refuse_name(l, "there is no group", rule->waivable_by);
    for (size_t i = 0; i < json_array_size(rule->windows); i++)
        if (!sb_window_find(l->p, json_string_value(json_array_get(rule->windows, i))))
            return sb_loader_refuse_name(l, "there is no window", json_string_value(json_array_get(rule->windows, i)));
    return 0;
}
