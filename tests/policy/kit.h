/* SPDX-License-Identifier: Apache-2.0
 *
 * kit.h - bundles and inputs written with ' for ", for the tests of policy. */
#ifndef SIGNALBOX_TESTS_POLICY_KIT_H
#define SIGNALBOX_TESTS_POLICY_KIT_H

#include "test.h"

#include <signalbox/policy/policy.h>

#include <string.h>

#define KIT_ALLOW "{'id':'A','level':'hard','effect':'allow','title':'everything','match':{'v':{'eq':1}}}"

static inline char *kit_quotes(const char *text)
{
    char *copy = sb_format("%s", text);
    assert_non_null(copy);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    return copy;
}

/* sections: "'windows':{...}," or ""; rules: a list without its brackets. */
static inline char *kit_text(const char *sections, const char *rules)
{
    char *raw = sb_format("{'format':'signalbox.policy/1','bundle':'t','version':'1','default':'deny',%s'rules':[%s]}", sections, rules);
    assert_non_null(raw);
    char *text = kit_quotes(raw);
    free(raw);
    return text;
}

static inline struct sb_policy *kit_bundle(const char *sections, const char *rules)
{
    struct sb_err err = SB_ERR_INIT;
    char *text = kit_text(sections, rules);
    struct sb_policy *p = sb_policy_load(text, strlen(text), "t", &sb_zones_of_system, &err);
    if (!p)
        fail_msg("%s", err.msg);
    free(text);
    return p;
}

static inline void kit_refused(const char *sections, const char *rules, const char *says)
{
    struct sb_err err = SB_ERR_INIT;
    char *text = kit_text(sections, rules);
    assert_null(sb_policy_load(text, strlen(text), "t", &sb_zones_of_system, &err));
    if (!strstr(err.msg, says) || strncmp(err.msg, "t:1:", 4) != 0)
        fail_msg("%s\n says: %s\n not: %s", text, err.msg, says);
    free(text);
}

static inline json_t *kit_input(const struct sb_policy *p, const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    char *copy = kit_quotes(text);
    json_t *v = sb_json_parse(copy, strlen(copy), "input", SB_JSON_STRICT, &err);
    if (!v)
        fail_msg("%s", err.msg);
    free(copy);
    sb_assert_ok(sb_policy_freeze(p, v, &err), err);
    return v;
}

/* The decision about an input, frozen first. v may be NULL. */
static inline void kit_decide(const struct sb_policy *p, const char *in, int decision, struct sb_policy_verdict *v)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_policy_verdict own;
    json_t *input = kit_input(p, in);
    sb_assert_ok(sb_policy_evaluate(p, input, v ? v : &own, &err), err);
    int found = v ? v->decision : own.decision;
    if (found != decision) {
        struct sb_str page;
        sb_str_init(&page);
        sb_policy_explain(input, v ? v : &own, &page);
        fail_msg("%s: %s, expected %s\n%s", in, sb_name(&sb_decisions, found), sb_name(&sb_decisions, decision), page.p);
    }
    json_decref(input);
    if (!v)
        sb_policy_verdict_release(&own);
}

#endif
