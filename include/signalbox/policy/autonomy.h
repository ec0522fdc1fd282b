/* SPDX-License-Identifier: Apache-2.0
 *
 * autonomy.h - how much is done without being asked: one scale, per kind of action and environment.
 *
 *   L0  advises        L1  proposes        L2  also carries out approved plans in staging and dev
 *   L3  also carries out approved plans in production, in their window        L4  also carries out low-risk plans by itself
 *
 * L4 of the kind "rollback": what fails its watch window is rolled back without being asked.
 *
 * A bundle grants levels; nothing else raises one. What a level means is said by the bundle's rules, which read the fact
 * autonomy.level:
 *
 *   "autonomy": {"default": "L1",
 *                "levels": [{"kinds": ["index.create"], "env": "prod", "level": "L3", "until": "2027-02-28", "reason": "..."}],
 *                "limits": {"L4": {"min_decisions": 20, "accepted_ppm": 950000, "rolled_back_ppm": 10000, "reversed_ppm": 10000,
 *                                  "early_failures": 1}}}
 *
 * The first grant that fits counts, through its last day; else the default (L1 where it is not said). A record that breaks
 * the limits of a level lowers it, and the program does that by itself: sb_autonomy_review says so, and what it says goes
 * into the input as autonomy.lowered_to. It stays lowered under this very bundle, until somebody who may sign bundles signs
 * that this kind comes back, or another bundle comes into force; either begins a new count. At L0 what is proposed is an
 * advisory card: it can be read, and not approved. Limits that a bundle does not state are:
 *
 *         decisions that have to be seen   accepted at least   rolled back at most   reversed at most   failures before that
 *   L1                20                         0 %                  50 %                 50 %                 5
 *   L2                10                        60 %                  20 %                 20 %                 3
 *   L3                20                        80 %                  10 %                  5 %                 2
 *   L4                20                        95 %                   1 %                  1 %                 1
 *
 * A rule by which the Anomaly Detector announces (the measure that went out first) has limits too, "alarms": {"min_judged": 8,
 * "noise_ppm": 500000} beside those of the levels, and these when a bundle does not state them: when of so many that people
 * judged a larger share was noise, what it finds is advice, under this very bundle. min_judged 0: never.
 *
 * Thread: any; pure.
 */
#ifndef SIGNALBOX_POLICY_AUTONOMY_H
#define SIGNALBOX_POLICY_AUTONOMY_H

#include <signalbox/policy/policy.h>

#define SB_AUTONOMY_LEVELS 5
extern const struct sb_names sb_autonomy_levels; /* "L0" to "L4" */

#define SB_AUTONOMY_KINDS 13
extern const char *const sb_autonomy_kinds[SB_AUTONOMY_KINDS]; /* of action, as they are told; a bundle may grant levels to others */

struct sb_autonomy_limits {
    int64_t min_decisions;  /* fewer say nothing about shares */
    int64_t accepted_ppm;   /* of the decisions: at least */
    int64_t rolled_back_ppm, reversed_ppm; /* of the accepted: at most */
    int64_t early_failures; /* rolled back and reversed together, while there are fewer decisions: so many lower it */
};

/* What came of the proposals of one kind in one environment in the last thirty days, since the bundle came into force. */
struct sb_autonomy_record {
    int64_t decisions;   /* approved, rejected or expired by persons */
    int64_t accepted;    /* approved as they were proposed */
    int64_t rolled_back; /* of the accepted: failed in their watch window, or taken back in it */
    int64_t reversed;    /* of the accepted: undone later by somebody */
};

struct sb_autonomy_review {
    int level;      /* as granted */
    int lowered_to; /* <= level */
    char reason[200]; /* "" when it stays */
};

struct sb_alarm_limits {
    int64_t min_judged; /* useful, known and noise together; 0: the rule stays whatever is said of it */
    int64_t noise_ppm;  /* of the judged: at most */
};
struct sb_alarm_limits sb_alarm_limits_of(const struct sb_policy *p);

/* Whether a rule of alarms of which people called so many noise is too noisy; why then says it in a sentence. */
bool sb_alarm_is_noisy(const struct sb_policy *p, int64_t judged, int64_t noise, char why[200]);

/* The limits of a level under this bundle. L0 has none: everything is 0. */
struct sb_autonomy_limits sb_autonomy_limits_of(const struct sb_policy *p, int level);

/* The level granted to a kind of action in an environment (enum sb_environment) at an instant; -1 when the bundle has no
 * autonomy section. */
int sb_autonomy_level(const struct sb_policy *p, const char *kind, int environment, int64_t wall_ms);

/* Whether a record keeps the level. A record that contradicts itself (more accepted than decided, a negative number) lowers
 * to L1: it cannot be trusted. False when the bundle has no autonomy section; out is filled otherwise. */
bool sb_autonomy_review(const struct sb_policy *p, const char *kind, int environment, int64_t wall_ms, const struct sb_autonomy_record *record,
                        struct sb_autonomy_review *out);

#endif
