/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <signalbox/policy/replay.h>

#include <stdlib.h>

static const char *const change_text[SB_CHANGES] = {
    [SB_CHANGE_UNCHANGED] = "unchanged", [SB_CHANGE_NEWLY_DENIED] = "newly_denied", [SB_CHANGE_NEWLY_PERMITTED] = "newly_permitted",
    [SB_CHANGE_MORE_APPROVALS] = "more_approvals", [SB_CHANGE_ERROR] = "error",
};
const struct sb_names sb_policy_changes = {"change", change_text, SB_CHANGES};

/* A word of a that b does not have. */
static bool lacks(char *const *a, size_t a_n, char *const *b, size_t b_n)
{
    for (size_t i = 0; i < a_n; i++)
        if (!sb_strs_has(b, b_n, a[i]))
            return true;
    return false;
}

/* a asks for something that b does not. */
static bool asks_more(const struct sb_requires *a, const struct sb_requires *b)
{
    return a->approvals > b->approvals || (a->not_author && !b->not_author) || (a->not_executor && !b->not_executor) || (a->typed_target && !b->typed_target) ||
           lacks(a->groups, a->groups_n, b->groups, b->groups_n) || lacks(a->checks, a->checks_n, b->checks, b->checks_n) ||
           lacks(a->windows, a->windows_n, b->windows, b->windows_n) || lacks(a->redaction, a->redaction_n, b->redaction, b->redaction_n);
}

/* Some rule that decides could not be decided itself. */
static bool by_error(const struct sb_policy_verdict *v)
{
    for (size_t i = 0; i < v->rules_n; i++)
        if (v->rules[i].decides && v->rules[i].result == SB_ERROR)
            return true;
    return false;
}

enum sb_policy_change sb_policy_compare(const struct sb_policy_verdict *first, const struct sb_policy_verdict *second)
{
    if (second->decision > first->decision)
        return SB_CHANGE_NEWLY_PERMITTED; /* deny, require, allow: in this order */
    if (second->decision == SB_DENY && first->decision == SB_DENY)
        return SB_CHANGE_UNCHANGED;
    if (by_error(second) && !by_error(first))
        return SB_CHANGE_ERROR;
    if (second->decision < first->decision)
        return second->decision == SB_DENY ? SB_CHANGE_NEWLY_DENIED : SB_CHANGE_MORE_APPROVALS;
    if (asks_more(&first->requires, &second->requires))
        return SB_CHANGE_NEWLY_PERMITTED; /* where it asks for less and for more, the less is what matters */
    return asks_more(&second->requires, &first->requires) ? SB_CHANGE_MORE_APPROVALS : SB_CHANGE_UNCHANGED;
}

static int note_rules(const struct sb_policy_verdict *v, struct sb_policy_replayed *out)
{
    struct sb_str s;
    sb_str_init(&s);
    for (size_t i = 0; i < v->rules_n; i++)
        if (v->rules[i].decides)
            sb_str_addf(&s, "%s%s", s.len ? " " : "", v->rules[i].id);
    if (!s.len)
        sb_str_adds(&s, v->decision == SB_DENY ? "no rule allows it" : "-");
    out->rules = sb_str_take(&s);
    return out->rules ? 0 : -1;
}

int sb_policy_replay(const struct sb_policy *candidate, const json_t *body, struct sb_policy_replayed *out, struct sb_err *err)
{
    struct sb_policy_verdict before, after;
    struct sb_err why = SB_ERR_INIT;
    json_t *input = json_deep_copy(json_object_get(body, "input"));
    memset(out, 0, sizeof *out);
    if (!input || sb_record_from_json(&sb_policy_verdict_schema, &before, json_object_get(body, "verdict"), &why)) {
        json_decref(input);
        out->change = SB_CHANGE_ERROR;
        out->rules = sb_format("the entry cannot be read%s%s", why.msg[0] ? ": " : "", why.msg);
        return out->rules && why.code != SB_ENOMEM ? 0 : sb_fail_nomem(err);
    }
    int rc = sb_policy_freeze(candidate, input, err) || sb_policy_evaluate(candidate, input, &after, err) ? -1 : 0;
    if (rc == 0) {
        out->change = (int)sb_policy_compare(&before, &after);
        out->before = before.decision;
        out->after = after.decision;
        out->approvals_before = before.requires.approvals;
        out->approvals_after = after.requires.approvals;
        if (note_rules(&after, out))
            rc = sb_fail_nomem(err);
        sb_policy_verdict_release(&after);
    }
    sb_policy_verdict_release(&before);
    json_decref(input);
    return rc;
}

void sb_policy_replayed_release(struct sb_policy_replayed *r)
{
    free(r->rules);
    memset(r, 0, sizeof *r);
}
