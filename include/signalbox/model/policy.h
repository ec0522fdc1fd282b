/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.h - what policy said about a decision input: a value, without the language that led to it (policy/ has that).
 *
 * The JSON form is that of `signalbox policy eval`.
 */
#ifndef SIGNALBOX_MODEL_POLICY_H
#define SIGNALBOX_MODEL_POLICY_H

#include <signalbox/model/names.h>

enum sb_rule_level { SB_RULE_HARD, SB_RULE_SOFT, SB_RULE_ADVISORY };
extern const struct sb_names sb_rule_levels;

enum sb_rule_effect { SB_RULE_DENY, SB_RULE_REQUIRE, SB_RULE_ALLOW };
extern const struct sb_names sb_rule_effects;

enum sb_truth { SB_FALSE, SB_TRUE, SB_ERROR }; /* three-valued: an error is never "false" */
extern const struct sb_names sb_truths;

/* One rule that applied, with the values it looked at. */
struct sb_rule_result {
    char *id;
    int level;  /* enum sb_rule_level */
    int effect; /* enum sb_rule_effect */
    int result; /* enum sb_truth */
    bool decides;    /* it is among the reasons for the decision */
    char *title;
    char *message;
    char *waived_by; /* the waiver that lifts it from this plan; NULL: none */
    json_t *values; /* object: dotted path -> value found, null where the fact is missing */
};

struct sb_requires {
    int64_t approvals;
    char **groups;
    size_t groups_n;
    char **windows;
    size_t windows_n;
    char **checks;
    size_t checks_n;
    char **redaction;  /* profiles that have to be in force where its data is shown */
    size_t redaction_n;
    bool not_author;   /* the approver may not be the author */
    bool not_executor; /* nor who carries it out */
    bool typed_target; /* the approver types the target's name */
    bool batch;        /* no demand: several such cards may be approved with one sequence */
};

struct sb_bundle_id {
    char *bundle;
    char *version;
    char *sha256;
};

struct sb_policy_verdict {
    int decision; /* enum sb_decision */
    struct sb_rule_result *rules;
    size_t rules_n;
    struct sb_requires requires;
    char **would_flip; /* sentences: what would have to change */
    size_t would_flip_n;
    char **waits_for;    /* windows, when nothing but them is missing right before a step */
    size_t waits_for_n;
    int64_t waits_until; /* wall: when they may be open; 0: not said */
    char *waits_until_local; /* the same on the window's own clock: "Tue 2026-11-24 22:00 (Europe/Amsterdam)"; NULL: not said */
    char **waivers;      /* ids of those that were used: an exception counts as one, not as a pass */
    size_t waivers_n;
    struct sb_bundle_id policy;
    char *decision_id; /* ledger's name for it; NULL before it is recorded */
    bool wants_persons; /* among what is missing are approvals; known to whoever asked, no part of the JSON form */
};

extern const struct sb_schema sb_policy_verdict_schema;
extern const struct sb_schema sb_rule_result_schema;
extern const struct sb_schema sb_bundle_id_schema;

#endif
