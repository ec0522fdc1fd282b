/* SPDX-License-Identifier: Apache-2.0
 *
 * program.h - a bundle in the form in which it is evaluated. */
#ifndef SIGNALBOX_SRC_POLICY_PROGRAM_H
#define SIGNALBOX_SRC_POLICY_PROGRAM_H

#include <signalbox/base/regex.h>
#include <signalbox/policy/autonomy.h>
#include <signalbox/policy/input.h>
#include <signalbox/policy/policy.h>

enum sb_node_kind {
    SB_NODE_ALL,    /* children */
    SB_NODE_ANY,    /* children */
    SB_NODE_NOT,    /* one child */
    SB_NODE_COUNT,  /* children; how many are true, compared by op with number */
    SB_NODE_TEST,   /* op on the subject */
    SB_NODE_EACH,   /* one child, of every item of the subject, which is a list */
    SB_NODE_SOME,   /* one child, of at least one item */
    SB_NODE_LENGTH, /* one child, of the list's length */
};

enum sb_op { SB_OP_EQ, SB_OP_NE, SB_OP_LT, SB_OP_LE, SB_OP_GT, SB_OP_GE, SB_OP_IN, SB_OP_NIN, SB_OP_GLOB, SB_OP_REGEX, SB_OP_EXISTS, SB_OP_WITHIN };
extern const struct sb_names sb_ops;

/* A scalar: a constant of a rule, or a fact as it was found. */
enum sb_value_type { SB_VALUE_NONE, SB_VALUE_INT, SB_VALUE_STR, SB_VALUE_BOOL, SB_VALUE_LIST, SB_VALUE_OTHER };

struct sb_value {
    enum sb_value_type type;
    int64_t i;         /* also of a bool */
    const char *s;     /* borrowed from the bundle's or the input's tree */
    size_t n;
    const json_t *json; /* of a list, and of what was found */
};

#define SB_POLICY_MAX_TEXT 4096 /* of a pattern, and of a text that is matched; a longer one is an error */

#define SB_NO_NODE (-1)
#define SB_NO_FACT (-1) /* the subject is not a fact but an item or a length */

struct sb_node {
    enum sb_node_kind kind;
    enum sb_op op;
    int fact;               /* SB_NODE_TEST, EACH, SOME, LENGTH: index into facts, or SB_NO_FACT */
    int other;              /* index of the fact to compare with, or SB_NO_FACT */
    int first, next;        /* child and sibling, or SB_NO_NODE */
    int test;               /* SB_NODE_TEST: its number, for coverage and mutants */
    struct sb_value *value; /* constants */
    size_t values;
    struct sb_regex *regex;
};

/* What happens to a plan that has begun when its window closes. */
enum sb_overrun { SB_OVERRUN_FINISH_STEP, SB_OVERRUN_FINISH_PLAN, SB_OVERRUN_PAUSE };
extern const struct sb_names sb_overruns;

struct sb_window {
    const char *name, *tz; /* borrowed from the tree */
    bool freeze;           /* kind deny */
    bool recurs;           /* on days; else from..to */
    enum sb_overrun overrun;
    unsigned days;         /* bit 0 is Sunday */
    int64_t start_s, duration_s;
    bool has_from, has_to;
    int64_t from, to;      /* local seconds */
    int64_t *except;       /* local days, whose occurrence is left out */
    size_t except_n;
    struct sb_zone *zone;  /* owned; NULL: not to be computed */
    char tzdata[65], definition[65]; /* SHA-256 in hexadecimal */
    int active;            /* the fact calendar.NAME.active */
};

struct sb_group {
    const char *name;
    const json_t *members;
};

/* So much is done without being asked, for these kinds of action. */
struct sb_grant {
    const json_t *kinds;
    int environment, level;
    int64_t last_day; /* since 1970-01-01 */
};

/* A prerequisite that the bundle describes. */
struct sb_check_rule {
    const char *name, *title;
    int node;
};

/* A kind of action of one risk in one environment of which several cards may be approved at once. */
struct sb_batch_grant {
    const json_t *kinds;
    const char *risk, *env; /* borrowed from the tree */
};

struct sb_rule {
    const char *id, *title, *message, *owner, *review_by, *waivable_by; /* borrowed from the tree; NULL when not said */
    enum sb_rule_level level;
    enum sb_rule_effect effect;
    int match, when;        /* nodes, or SB_NO_NODE */
    int *shown;             /* facts whose values a result shows */
    size_t shown_n;
    size_t like;            /* the first rule that shows the same facts: their results share the values */
    size_t same;            /* the first rule with the same match: it is asked once for all of them */
    int64_t approvals, more_approvals, group_approvals;
    const json_t *groups, *checks, *windows, *redaction; /* lists of strings, or NULL */
    bool not_author, not_executor, typed_target;
};

struct sb_fact_path {
    const char *path; /* owned; whole */
    size_t segments;
    char *segment[16]; /* into one copy */
    char *copy;
};

struct sb_policy {
    json_t *tree;
    char *text; /* canonical */
    struct sb_bundle_id id;
    struct sb_fact_path *facts;
    size_t facts_n, facts_cap;
    struct sb_node *nodes;
    size_t nodes_n, nodes_cap;
    struct sb_rule *rules;
    size_t rules_n, rules_cap;
    struct sb_window *windows;
    size_t windows_n, windows_cap;
    struct sb_group *groups;
    size_t groups_n, groups_cap;
    struct sb_check_rule *checks;
    size_t checks_n, checks_cap;
    bool has_autonomy;
    int level_default;
    struct sb_grant *levels;
    size_t levels_n, levels_cap;
    struct sb_autonomy_limits limits[SB_AUTONOMY_LEVELS];
    struct sb_alarm_limits alarms;
    struct sb_batch_grant *batches;
    size_t batches_n, batches_cap;
    bool has_groups;      /* the bundle alone says who is in a group */
    bool waivers_signed;
    int64_t waivers_max_ms;
    const char *breakglass_group; /* who may break the glass; NULL: nobody */
    int64_t breakglass_max_ms;
    size_t tests; /* SB_NODE_TESTs */
    int env, stage, started, in_step; /* the facts target.env, stage, plan.started, plan.in_step */
};

/* "2026-12-24" as days since 1970-01-01. */
bool sb_policy_date(const char *text, int64_t *days);

/* The principal is the author of the commands, or their last editor. */
bool sb_policy_wrote_it(const json_t *input, const char *who);

/* The id of the waiver, or of the broken glass, that lifts a rule from this plan; NULL: none. */
const char *sb_waiver_of(const struct sb_policy *p, const struct sb_rule *rule, const json_t *input);

const struct sb_window *sb_window_find(const struct sb_policy *p, const char *name);
const struct sb_group *sb_group_find(const struct sb_policy *p, const char *name);
const struct sb_check_rule *sb_check_rule_find(const struct sb_policy *p, const char *name);
bool sb_group_has(const struct sb_group *g, const char *principal);

/* Whether a window is active at an instant (seconds), and when that changes next: SB_ZONE_NEVER when it does not within some
 * years. Bounded by the window's own numbers. */
bool sb_window_active(const struct sb_window *w, int64_t utc, int64_t *next);

/* ---- evaluation with a glance inside, for tests, mutants and coverage ---- */

#define SB_SEEN_TRUE 1
#define SB_SEEN_FALSE 2
#define SB_SEEN_ERROR 4

/* Parts of a "require", for mutants that leave one out. */
enum sb_part {
    SB_PART_APPROVALS, SB_PART_MORE, SB_PART_GROUPS, SB_PART_CHECKS, SB_PART_WINDOWS, SB_PART_REDACTION, SB_PART_NOT_AUTHOR, SB_PART_NOT_EXECUTOR,
    SB_PART_TYPED, SB_PARTS
};

struct sb_probe {
    int negate;          /* the test whose result is turned round, or -1 */
    int skip;            /* the rule that is left out, or -1 */
    int window;          /* the window whose state is turned round, or -1 */
    int weaken, part;    /* the rule whose requirement loses this part, or -1 */
    int batch;           /* the batch grant that loses its kind number `part`; behind the last: that fits any kind, then any risk; or -1 */
    unsigned char *test; /* SB_SEEN_* a test, or NULL; when given, every condition is looked at */
    unsigned char *rule; /* the same a rule */
};

int sb_policy_run(const struct sb_policy *p, const json_t *input, const struct sb_probe *probe, struct sb_policy_verdict *out, struct sb_err *err);

/* All facts of an input, resolved once: values[p->facts_n]. */
void sb_policy_resolve(const struct sb_policy *p, const json_t *input, struct sb_value *values);

/* A node's truth on resolved facts. item: the subject where the node has no fact of its own. */
enum sb_truth sb_policy_truth(const struct sb_policy *p, int node, const struct sb_value *facts, const struct sb_value *item,
                              const struct sb_probe *probe);

struct sb_value sb_value_of(const json_t *json);
bool sb_glob(const char *pattern, size_t pattern_n, const char *text, size_t n);

/* ---- words ---- */

/* Appends what would have to change for a node to become true (or not true): "health.lag_s is below 10 (it is 12)". Nothing
 * when there is nothing to say. */
void sb_policy_make(const struct sb_policy *p, int node, bool want, const struct sb_value *facts, struct sb_str *out);

/* Appends the condition itself: "health.lag_s >= 10". */
void sb_policy_say(const struct sb_policy *p, int node, struct sb_str *out);

/* Appends message with its {dotted.path} filled in. */
void sb_policy_fill(const char *message, const json_t *input, struct sb_str *out);

/* Why this is not an allow, as sentences, into out->would_flip. */
struct sb_outcome_of {
    bool prod;
    bool allowed;          /* some allow rule is true */
    int64_t given;         /* approvals that count */
    char **given_by;
    size_t given_by_n;
    json_t *missing_groups, *missing_checks, *missing_windows, *missing_redaction; /* lists of strings */
    bool error_asks;       /* an error asks for an approval */
};
int sb_policy_flips(const struct sb_policy *p, const json_t *input, const struct sb_value *facts, const enum sb_truth *truth,
                    const struct sb_outcome_of *why, struct sb_policy_verdict *out);

#endif
