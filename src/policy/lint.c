/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree of a bundle that loaded, walked once more with the list of facts beside it: what can never be true, what never
 * decides. Only what is certain is said. */
#include "linter.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct sb_member finding_members[] = {
    SB_MEMBER(struct sb_lint_finding, line, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_lint_finding, column, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_lint_finding, at, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_lint_finding, rule, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_lint_finding, what, SB_STR, SB_ALWAYS, NULL),
};
static const struct sb_schema finding_schema = SB_SCHEMA("finding", struct sb_lint_finding, finding_members);

static const struct sb_member lint_members[] = {
    SB_LIST(struct sb_lint, findings, SB_RECS, SB_ALWAYS, &finding_schema),
};
const struct sb_schema sb_lint_schema = SB_SCHEMA("lint", struct sb_lint, lint_members);

void sb_lint_say(struct linter *t, const char *fmt, ...)
{
    struct sb_lint_finding *f = SB_PUSH(t->out->findings);
    struct sb_str what;
    va_list ap;
    sb_str_init(&what);
    va_start(ap, fmt);
    sb_str_vaddf(&what, fmt, ap);
    va_end(ap);
    if (f) {
        f->line = f->column = 1;
        sb_policy_place(t->l.text, t->l.len, t->l.at.p, &f->line, &f->column);
        f->what = sb_str_take(&what);
    }
    sb_str_release(&what);
    t->failed |= !f || !f->what || sb_str_set(&f->at, t->l.at.len ? t->l.at.p : "/") || sb_str_set(&f->rule, t->rule);
}

/* ---- conditions ---- */

static const char *const type_text[] = {[SB_FACT_INT] = "an integer", [SB_FACT_STR] = "a text", [SB_FACT_BOOL] = "true or false", [SB_FACT_LIST] = "a list"};

static bool type_fits(enum sb_fact_type type, const json_t *v)
{
    switch (type) {
    case SB_FACT_INT: return json_is_integer(v);
    case SB_FACT_STR: return json_is_string(v);
    case SB_FACT_BOOL: return json_is_boolean(v);
    case SB_FACT_LIST: return false;
    }
    return false;
}

static void check_constant(struct linter *t, const struct sb_fact *fact, const json_t *v)
{
    if (!type_fits(fact->type, v))
        sb_lint_say(t, "%s is %s: compared with this it is always an error", fact->path, type_text[fact->type]);
    else if (fact->type == SB_FACT_STR && !sb_fact_allows(fact, json_string_value(v)))
        sb_lint_say(t, "%s is never \"%.60s\"; it is one of: %s", fact->path, json_string_value(v), fact->domain);
}

/* The state of each window is a fact too, and the texts that are frozen with it. */
static const struct sb_fact *fact_of(struct linter *t, const char *path)
{
    static const char *const texts[] = {"next", "next_local", "tz", "kind"};
    const char *last = strrchr(path, '.');
    char active[120];
    if (!last || !sb_starts_with(path, "calendar.") || last - path > 80)
        return sb_fact_find(path);
    snprintf(active, sizeof active, "%.*s.active", (int)(last - path), path);
    bool text = false, state = strcmp(last, ".active") == 0;
    for (size_t i = 0; i < SB_COUNT(texts); i++)
        text |= strcmp(last + 1, texts[i]) == 0;
    for (size_t i = 0; i < t->p->windows_n && (text || state); i++)
        if (strcmp(t->p->facts[t->p->windows[i].active].path, active) == 0) {
            t->window = (struct sb_fact){"the state of a window", state ? SB_FACT_BOOL : SB_FACT_STR, NULL};
            return &t->window;
        }
    return NULL;
}

static void check_fact_name(struct linter *t, const char *path)
{
    if (!fact_of(t, path))
        sb_lint_say(t, "no decision input has a fact %.100s", path);
}

static void check_operator(struct linter *t, const struct sb_fact *fact, const char *op, const json_t *v)
{
    bool order = sb_streq(op, "lt") || sb_streq(op, "le") || sb_streq(op, "gt") || sb_streq(op, "ge") || sb_streq(op, "within");
    bool pattern = sb_streq(op, "glob") || sb_streq(op, "regex");
    size_t i;
    json_t *one;
    if (fact->type == SB_FACT_LIST || (order && fact->type != SB_FACT_INT) || (pattern && fact->type != SB_FACT_STR)) {
        sb_lint_say(t, "%s is %s: %s is always an error on it", fact->path, type_text[fact->type], op);
    } else if (json_is_object(v)) {
        const char *other = sb_json_str(v, "fact");
        const struct sb_fact *with = fact_of(t, other ? other : "");
        if (!with)
            check_fact_name(t, other ? other : "");
        else if (with->type != fact->type)
            sb_lint_say(t, "%s is %s and %s is %s: comparing them is always an error", fact->path, type_text[fact->type], with->path, type_text[with->type]);
    } else if (sb_streq(op, "in") || sb_streq(op, "nin")) {
        json_array_foreach((json_t *)(uintptr_t)v, i, one)
            check_constant(t, fact, one);
    } else if (!order && !pattern) {
        check_constant(t, fact, v);
    }
}

/* Integer bounds that leave nothing between them. */
static void check_bounds(struct linter *t, const json_t *condition)
{
    int64_t low = INT64_MIN, high = INT64_MAX;
    const char *op;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)condition, op, v) {
        bool within = sb_streq(op, "within"), eq = sb_streq(op, "eq");
        if (!json_is_integer(v) && !within)
            continue;
        int64_t a = json_integer_value(within ? json_array_get(v, 0) : v), b = within ? json_integer_value(json_array_get(v, 1)) : a;
        a += sb_streq(op, "gt");
        b -= sb_streq(op, "lt");
        if ((within || eq || sb_streq(op, "ge") || sb_streq(op, "gt")) && a > low)
            low = a;
        if ((within || eq || sb_streq(op, "le") || sb_streq(op, "lt")) && b < high)
            high = b;
    }
    if (low > high)
        sb_lint_say(t, "no integer is at least %" PRId64 " and at most %" PRId64 ": this is never true", low, high);
}

/* The depth of the file bounds the recursion, here and in expression. fact NULL: an item of a list, of whatever type. */
static void condition(struct linter *t, const struct sb_fact *fact, const json_t *v)
{
    static const struct sb_fact length = {"the length of a list", SB_FACT_INT, NULL};
    const char *op;
    json_t *arg;
    json_object_foreach((json_t *)(uintptr_t)v, op, arg) {
        size_t mark = sb_loader_enter(&t->l, op);
        bool items = sb_streq(op, "any") || sb_streq(op, "all"), count = sb_streq(op, "count");
        if (sb_streq(op, "not"))
            condition(t, fact, arg);
        else if ((items || count) && fact && fact->type != SB_FACT_LIST)
            sb_lint_say(t, "%s is %s, not a list: %s is always an error on it", fact->path, type_text[fact->type], op);
        else if (items || count)
            condition(t, count ? &length : NULL, arg);
        else if (fact && !sb_streq(op, "exists"))
            check_operator(t, fact, op, arg);
        sb_loader_leave(&t->l, mark);
    }
    check_bounds(t, v);
}

static void expressions(struct linter *t, const json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)list, i, one) {
        size_t mark = sb_loader_enter_item(&t->l, i);
        sb_lint_expression(t, one);
        sb_loader_leave(&t->l, mark);
    }
}

void sb_lint_expression(struct linter *t, const json_t *v)
{
    const char *key;
    json_t *arg;
    json_object_foreach((json_t *)(uintptr_t)v, key, arg) {
        size_t mark = sb_loader_enter(&t->l, key);
        if (sb_streq(key, "all") || sb_streq(key, "any")) {
            expressions(t, arg);
        } else if (sb_streq(key, "not")) {
            sb_lint_expression(t, arg);
        } else if (sb_streq(key, "count")) {
            size_t inner = sb_loader_enter(&t->l, "of");
            expressions(t, json_object_get(arg, "of"));
            sb_loader_leave(&t->l, inner);
        } else {
            check_fact_name(t, key);
            if (fact_of(t, key))
                condition(t, fact_of(t, key), arg);
        }
        sb_loader_leave(&t->l, mark);
    }
}

/* ---- rules by themselves ---- */

static void check_message(struct linter *t, const char *message)
{
    size_t mark = sb_loader_enter(&t->l, "message");
    for (const char *p = message ? strchr(message, '{') : NULL; p; p = strchr(p + 1, '{')) {
        char path[201];
        size_t n = strcspn(p + 1, "}");
        if (p[1 + n] != '}' || n >= sizeof path)
            continue;
        memcpy(path, p + 1, n);
        path[n] = '\0';
        check_fact_name(t, path);
    }
    sb_loader_leave(&t->l, mark);
}

/* "2026-11-23", nothing else. */
static bool is_day(const char *text)
{
    int64_t ms;
    char full[32];
    snprintf(full, sizeof full, "%sT00:00:00Z", text);
    return strlen(text) == 10 && sb_time_parse(full, strlen(full), &ms) == 0;
}

static void check_review(struct linter *t, const char *review_by, const char *today)
{
    size_t mark = sb_loader_enter(&t->l, "review_by");
    if (review_by && !is_day(review_by))
        sb_lint_say(t, "\"%.40s\" is no day, such as 2027-05-01", review_by);
    else if (review_by && strcmp(review_by, today) < 0)
        sb_lint_say(t, "its review was due on %s", review_by);
    sb_loader_leave(&t->l, mark);
}

static void check_rule(struct linter *t, const struct sb_rule *r, const json_t *json, const char *today)
{
    static const char *const parts[] = {"match", "when"};
    for (size_t i = 0; i < SB_COUNT(parts); i++) {
        size_t mark = sb_loader_enter(&t->l, parts[i]);
        sb_lint_expression(t, json_object_get(json, parts[i]));
        sb_loader_leave(&t->l, mark);
    }
    check_message(t, r->message);
    check_review(t, r->review_by, today);
    if (r->effect == SB_RULE_REQUIRE && r->level != SB_RULE_ADVISORY && !r->approvals && !r->more_approvals && !json_array_size(r->groups) &&
        !json_array_size(r->checks) && !json_array_size(r->windows) && !json_array_size(r->redaction) && !r->not_author && !r->not_executor && !r->typed_target)
        sb_lint_say(t, "it requires nothing");
    if (r->group_approvals && !json_array_size(r->groups))
        sb_lint_say(t, "group_approvals without groups asks for nothing");
    sb_lint_windows_of(t, r);
}

/* ---- rules beside each other ---- */

/* Every condition of a is a condition of b too: where b is true, a is. */
static bool covers(const json_t *a, const json_t *b)
{
    static const char *const parts[] = {"match", "when"};
    for (size_t i = 0; i < SB_COUNT(parts); i++) {
        const char *key;
        json_t *v;
        json_object_foreach(json_object_get(a, parts[i]), key, v)
            if (!json_equal(v, json_object_get(json_object_get(b, "match"), key)) && !json_equal(v, json_object_get(json_object_get(b, "when"), key)))
                return false;
    }
    return true;
}

static void check_pairs(struct linter *t, const struct sb_policy *p, size_t at, const json_t *rules)
{
    const struct sb_rule *r = &p->rules[at];
    const json_t *json = json_array_get(rules, at);
    for (size_t i = 0; i < p->rules_n && r->level != SB_RULE_ADVISORY; i++) {
        const struct sb_rule *other = &p->rules[i];
        const json_t *cover = json_array_get(rules, i);
        if (i == at || other->effect != SB_RULE_DENY || other->level == SB_RULE_ADVISORY || !covers(cover, json))
            continue;
        if (covers(json, cover) && r->effect == SB_RULE_DENY && at < i)
            continue; /* the same twice: the later one is told */
        sb_lint_say(t, "it never decides anything: wherever it is true, %s denies", other->id);
        return;
    }
}

static void check_whole(struct linter *t, const struct sb_policy *p)
{
    bool allows = false;
    for (size_t i = 0; i < p->rules_n; i++)
        allows |= p->rules[i].effect == SB_RULE_ALLOW && p->rules[i].level != SB_RULE_ADVISORY;
    t->rule = NULL;
    if (!allows)
        sb_lint_say(t, "no rule allows anything, so everything is denied");
    if (json_array_size(json_object_get(p->tree, "tests")) == 0)
        sb_lint_say(t, "it has no tests");
}

int sb_policy_lint(const struct sb_policy *p, const char *text, size_t len, const char *today, struct sb_lint *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct linter t = {.l = {.text = text, .len = len}, .p = p, .out = out, .today = today};
    const json_t *rules = json_object_get(p->tree, "rules");
    sb_str_init(&t.l.at);
    check_whole(&t, p);
    sb_lint_sections(&t);
    for (size_t i = 0; i < p->rules_n; i++) {
        size_t mark = sb_loader_enter(&t.l, "rules");
        sb_loader_enter_item(&t.l, i);
        t.rule = p->rules[i].id;
        check_rule(&t, &p->rules[i], json_array_get(rules, i), today);
        check_pairs(&t, p, i, rules);
        sb_loader_leave(&t.l, mark);
    }
    bool good = !t.failed && sb_str_ok(&t.l.at);
    sb_str_release(&t.l.at);
    if (good)
        return 0;
    sb_record_release(&sb_lint_schema, out);
    return sb_fail_nomem(err);
}
