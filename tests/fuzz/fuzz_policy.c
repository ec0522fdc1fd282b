/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the policy loader, and evaluation under whatever loads: a bundle, and behind a line "--" a decision input. A
 * bundle that loads has canonical bytes of its own that load to the same; the same input gives the same verdict; nothing
 * is allowed by an input that is no object; a rule that denies is never outvoted. */
#include "fuzz.h"

#include <signalbox/base/record.h>
#include <signalbox/model/names.h>
#include <signalbox/policy/test.h>

static void check_verdict(const struct sb_policy_verdict *v, const json_t *input)
{
    if (!json_is_object(input))
        check(v->decision == SB_DENY);
    bool allowed = false;
    for (size_t i = 0; i < v->rules_n; i++) {
        const struct sb_rule_result *r = &v->rules[i];
        if (r->level == SB_RULE_ADVISORY) {
            check(!r->decides);
            continue;
        }
        if (r->effect == SB_RULE_DENY && r->result == SB_TRUE)
            check(v->decision == SB_DENY);
        allowed |= r->effect == SB_RULE_ALLOW && r->result == SB_TRUE;
        const char *env = sb_json_str(json_object_get(input, "target"), "env");
        if (r->result == SB_ERROR)
            check(v->decision == SB_DENY || (v->decision == SB_REQUIRE && (sb_streq(env, "staging") || sb_streq(env, "dev"))));
    }
    if (v->decision == SB_ALLOW)
        check(allowed);
}

static void evaluate(const struct sb_policy *p, const json_t *input)
{
    struct sb_policy_verdict v, again;
    struct sb_str page;
    sb_str_init(&page);
    check(sb_policy_evaluate(p, input, &v, NULL) == 0);
    check(sb_policy_evaluate(p, input, &again, NULL) == 0);
    check(sb_record_equal(&sb_policy_verdict_schema, &v, &again));
    check_verdict(&v, input);
    sb_policy_explain(input, &v, &page);
    check(page.len > 0);
    sb_str_release(&page);
    sb_policy_verdict_release(&v);
    sb_policy_verdict_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *cut = memmem(text, size, "\n--\n", 4);
    size_t n = cut ? (size_t)(cut - text) : size;
    struct sb_err err = SB_ERR_INIT;
    struct sb_policy *p = sb_policy_load(text, n, "fuzz", &sb_zones_of_system, &err);
    if (!p) {
        check(err.code != SB_OK && strncmp(err.msg, "fuzz", 4) == 0); /* the place is named */
        return 0;
    }
    struct sb_policy *same = sb_policy_load(sb_policy_text(p), strlen(sb_policy_text(p)), "canonical", &sb_zones_of_system, &err);
    check(same && sb_streq(sb_policy_id(p)->sha256, sb_policy_id(same)->sha256));
    sb_policy_free(same);
    json_t *input = cut ? sb_json_parse(cut + 4, size - n - 4, "input", SB_JSON_STRICT, NULL) : NULL;
    evaluate(p, NULL);
    if (input)
        evaluate(p, input);
    json_decref(input);
    struct sb_policy_report report;
    check(sb_policy_test(p, &report, NULL) == 0);
    check(report.failed <= report.tests && report.caught <= report.mutants);
    sb_record_release(&sb_policy_report_schema, &report);
    sb_policy_free(p);
    return 0;
}
