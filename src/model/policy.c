/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/policy.h>

static const char *const level_text[] = {"hard", "soft", "advisory"};
const struct sb_names sb_rule_levels = {"level", level_text, SB_COUNT(level_text)};

static const char *const effect_text[] = {"deny", "require", "allow"};
const struct sb_names sb_rule_effects = {"effect", effect_text, SB_COUNT(effect_text)};

static const char *const truth_text[] = {"false", "true", "error"};
const struct sb_names sb_truths = {"result", truth_text, SB_COUNT(truth_text)};

static const struct sb_member rule_members[] = {
    SB_MEMBER(struct sb_rule_result, id, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_rule_result, level, SB_ENUM, 0, &sb_rule_levels),
    SB_MEMBER(struct sb_rule_result, effect, SB_ENUM, 0, &sb_rule_effects),
    SB_MEMBER(struct sb_rule_result, result, SB_ENUM, 0, &sb_truths),
    SB_MEMBER(struct sb_rule_result, decides, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_rule_result, title, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_rule_result, message, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_rule_result, waived_by, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_rule_result, values, SB_JSON, 0, NULL),
};
const struct sb_schema sb_rule_result_schema = SB_SCHEMA("rule", struct sb_rule_result, rule_members);

static const struct sb_member requires_members[] = {
    SB_MEMBER(struct sb_requires, approvals, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_requires, groups, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_requires, windows, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_requires, checks, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_requires, redaction, SB_STRS, 0, NULL),
    SB_MEMBER(struct sb_requires, not_author, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_requires, not_executor, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_requires, typed_target, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_requires, batch, SB_BOOL, 0, NULL),
};
static const struct sb_schema requires_schema = SB_SCHEMA("requires", struct sb_requires, requires_members);

static const struct sb_member bundle_members[] = {
    SB_MEMBER(struct sb_bundle_id, bundle, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_bundle_id, version, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_bundle_id, sha256, SB_STR, 0, NULL),
};
const struct sb_schema sb_bundle_id_schema = SB_SCHEMA("policy", struct sb_bundle_id, bundle_members);

static const struct sb_member verdict_members[] = {
    SB_MEMBER(struct sb_policy_verdict, decision, SB_ENUM, SB_NEEDED, &sb_decisions),
    SB_LIST(struct sb_policy_verdict, rules, SB_RECS, SB_ALWAYS, &sb_rule_result_schema),
    SB_MEMBER(struct sb_policy_verdict, requires, SB_REC, SB_ALWAYS, &requires_schema),
    SB_LIST(struct sb_policy_verdict, would_flip, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_policy_verdict, waits_for, SB_STRS, 0, NULL),
    SB_MEMBER(struct sb_policy_verdict, waits_until, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_policy_verdict, waits_until_local, SB_STR, 0, NULL),
    SB_LIST(struct sb_policy_verdict, waivers, SB_STRS, 0, NULL),
    SB_MEMBER(struct sb_policy_verdict, policy, SB_REC, SB_ALWAYS, &sb_bundle_id_schema),
    SB_MEMBER(struct sb_policy_verdict, decision_id, SB_STR, 0, NULL),
};
const struct sb_schema sb_policy_verdict_schema = SB_SCHEMA("verdict", struct sb_policy_verdict, verdict_members);
