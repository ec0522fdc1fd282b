/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"

#include <signalbox/base/array.h>
#include <signalbox/policy/autonomy.h>

#include <inttypes.h>

#define MAX_GRANTS 200
#define DAY_MS INT64_C(86400000)
#define MAX_COUNT INT64_C(1000000000) /* a share of it in millionths fits 64 bits */

static const char *const level_text[SB_AUTONOMY_LEVELS] = {"L0", "L1", "L2", "L3", "L4"};
const struct sb_names sb_autonomy_levels = {"level", level_text, SB_AUTONOMY_LEVELS};

const char *const sb_autonomy_kinds[SB_AUTONOMY_KINDS] = {"index.create", "index.hide", "index.unhide", "index.drop", "profile.set", "schema.observe", "schema.backfill", "schema.contract",
                                                          "schema.validator", "schema.expire", "schema.rename", "op.kill", "rollback"};

static const struct sb_autonomy_limits shipped[SB_AUTONOMY_LEVELS] = {
    [1] = {20, 0, 500000, 500000, 5},
    [2] = {10, 600000, 200000, 200000, 3},
    [3] = {20, 800000, 100000, 50000, 2},
    [4] = {20, 950000, 10000, 10000, 1},
};

static const struct sb_alarm_limits shipped_alarms = {8, 500000};

/* ---- reading ---- */

static int read_level(struct sb_loader *l, const json_t *object, const char *key, int *out)
{
    const char *text;
    if (sb_loader_text(l, object, key, true, &text))
        return -1;
    *out = sb_name_find(&sb_autonomy_levels, text);
    return *out < 0 ? sb_loader_refuse_name(l, "a level is L0, L1, L2, L3 or L4, not", text) : 0;
}

static int read_grant(struct sb_loader *l, const json_t *v)
{
    static const char *const keys[] = {"kinds", "env", "level", "until", "reason"};
    const char *env, *until, *reason;
    if (SB_GROW(l->p->levels, l->p->levels_cap, l->p->levels_n + 1))
        return sb_fail_nomem(l->err);
    struct sb_grant *g = &l->p->levels[l->p->levels_n++];
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || sb_loader_words(l, v, "kinds", &g->kinds) || sb_loader_text(l, v, "env", true, &env) ||
        sb_loader_text(l, v, "until", false, &until) || sb_loader_text(l, v, "reason", false, &reason) || read_level(l, v, "level", &g->level))
        return -1;
    if (!json_array_size(g->kinds))
        return sb_loader_refuse(l, "kinds must be a list of kinds of action");
    g->environment = sb_name_find(&sb_environments, env);
    if (g->environment < 0)
        return sb_loader_refuse_name(l, "env must be prod, staging or dev, not", env);
    g->last_day = INT64_MAX;
    return until && !sb_policy_date(until, &g->last_day) ? sb_loader_refuse_name(l, "until is a day, such as 2027-02-28, not", until) : 0;
}

/* A member that is not said keeps what is shipped. */
static int read_limit(struct sb_loader *l, const json_t *v, const char *key, int64_t high, int64_t *out)
{
    return json_object_get(v, key) ? sb_loader_int(l, v, key, 0, high, out) : 0;
}

static int read_limits(struct sb_loader *l, const json_t *limits)
{
    static const char *const levels[] = {"L1", "L2", "L3", "L4", "alarms"};
    static const char *const alarm_keys[] = {"min_judged", "noise_ppm"};
    static const char *const keys[] = {"min_decisions", "accepted_ppm", "rolled_back_ppm", "reversed_ppm", "early_failures"};
    size_t mark = sb_loader_enter(l, "limits");
    if (limits && sb_loader_keys(l, limits, levels, SB_COUNT(levels)))
        return -1;
    for (size_t i = 0; i < SB_COUNT(levels) - 1; i++) {
        struct sb_autonomy_limits *to = &l->p->limits[i + 1];
        const json_t *v = json_object_get(limits, levels[i]);
        if (!v)
            continue;
        size_t inner = sb_loader_enter(l, levels[i]);
        if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || read_limit(l, v, keys[0], MAX_COUNT, &to->min_decisions) || read_limit(l, v, keys[1], 1000000, &to->accepted_ppm) ||
            read_limit(l, v, keys[2], 1000000, &to->rolled_back_ppm) || read_limit(l, v, keys[3], 1000000, &to->reversed_ppm) ||
            read_limit(l, v, keys[4], MAX_COUNT, &to->early_failures))
            return -1;
        sb_loader_leave(l, inner);
    }
    const json_t *alarms = json_object_get(limits, "alarms");
    if (alarms) {
        size_t inner = sb_loader_enter(l, "alarms");
        if (sb_loader_keys(l, alarms, alarm_keys, SB_COUNT(alarm_keys)) || read_limit(l, alarms, alarm_keys[0], MAX_COUNT, &l->p->alarms.min_judged) ||
            read_limit(l, alarms, alarm_keys[1], 1000000, &l->p->alarms.noise_ppm))
            return -1;
        sb_loader_leave(l, inner);
    }
    sb_loader_leave(l, mark);
    return 0;
}

int sb_loader_autonomy(struct sb_loader *l)
{
    static const char *const keys[] = {"default", "levels", "limits"};
    const json_t *v = json_object_get(l->p->tree, "autonomy");
    memcpy(l->p->limits, shipped, sizeof shipped);
    l->p->alarms = shipped_alarms;
    l->p->level_default = 1;
    l->p->has_autonomy = v != NULL;
    if (!v)
        return 0;
    size_t mark = sb_loader_enter(l, "autonomy");
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || (json_object_get(v, "default") && read_level(l, v, "default", &l->p->level_default)) ||
        sb_loader_list(l, json_object_get(v, "levels"), "levels", MAX_GRANTS, "must be a list of at most 200 grants", read_grant) || read_limits(l, json_object_get(v, "limits")))
        return -1;
    sb_loader_leave(l, mark);
    return 0;
}

/* ---- asking ---- */

struct sb_autonomy_limits sb_autonomy_limits_of(const struct sb_policy *p, int level)
{
    return level >= 0 && level < SB_AUTONOMY_LEVELS ? p->limits[level] : (struct sb_autonomy_limits){0};
}

int sb_autonomy_level(const struct sb_policy *p, const char *kind, int environment, int64_t wall_ms)
{
    int64_t day = wall_ms / DAY_MS;
    if (!p->has_autonomy)
        return -1;
    for (size_t i = 0; i < p->levels_n; i++) {
        const struct sb_grant *g = &p->levels[i];
        if (g->environment != environment || day > g->last_day)
            continue;
        for (size_t k = 0; k < json_array_size(g->kinds); k++)
            if (sb_streq(json_string_value(json_array_get(g->kinds, k)), kind))
                return g->level;
    }
    return p->level_default;
}

static bool share_over(int64_t part, int64_t whole, int64_t ppm)
{
    return part * 1000000 > whole * ppm;
}

/* Why a record does not keep a level; false when it does. */
static bool breaks(const struct sb_autonomy_limits *m, const struct sb_autonomy_record *r, char *why, size_t cap)
{
    int64_t failures = r->rolled_back + r->reversed;
    if (r->decisions < m->min_decisions) {
        if (!m->early_failures || failures < m->early_failures)
            return false;
        snprintf(why, cap, "%" PRId64 " of the first %" PRId64 " decisions failed, were rolled back or were reversed", failures, r->decisions);
        return true;
    }
    if (share_over(r->decisions - r->accepted, r->decisions, 1000000 - m->accepted_ppm))
        snprintf(why, cap, "%" PRId64 " of %" PRId64 " proposals were accepted; at least %" PRId64 " in a million have to be", r->accepted, r->decisions, m->accepted_ppm);
    else if (share_over(r->rolled_back, r->accepted, m->rolled_back_ppm))
        snprintf(why, cap, "%" PRId64 " of %" PRId64 " failed their watch or were rolled back; at most %" PRId64 " in a million may be", r->rolled_back, r->accepted, m->rolled_back_ppm);
    else if (share_over(r->reversed, r->accepted, m->reversed_ppm))
        snprintf(why, cap, "%" PRId64 " of %" PRId64 " were reversed later; at most %" PRId64 " in a million may be", r->reversed, r->accepted, m->reversed_ppm);
    else
        return false;
    return true;
}

bool sb_autonomy_review(const struct sb_policy *p, const char *kind, int environment, int64_t wall_ms, const struct sb_autonomy_record *r, struct sb_autonomy_review *out)
{
    int level = sb_autonomy_level(p, kind, environment, wall_ms);
    char why[200];
    if (level < 0)
        return false;
    *out = (struct sb_autonomy_review){level, level, ""};
    bool sound = r->accepted >= 0 && r->rolled_back >= 0 && r->reversed >= 0 && r->decisions >= r->accepted && r->decisions <= MAX_COUNT &&
                 r->rolled_back <= r->accepted && r->reversed <= r->accepted;
    if (!sound && level > 1) {
        out->lowered_to = 1;
        snprintf(out->reason, sizeof out->reason, "the record of %.60s contradicts itself", kind);
    }
    for (; sound && out->lowered_to > 0 && breaks(&p->limits[out->lowered_to], r, why, sizeof why); out->lowered_to--)
        if (!out->reason[0])
            snprintf(out->reason, sizeof out->reason, "%s", why);
    return true;
}

struct sb_alarm_limits sb_alarm_limits_of(const struct sb_policy *p)
{
    return p->alarms;
}

bool sb_alarm_is_noisy(const struct sb_policy *p, int64_t judged, int64_t noise, char why[200])
{
    const struct sb_alarm_limits *m = &p->alarms;
    if (!m->min_judged || judged < m->min_judged || judged > MAX_COUNT || noise > judged || !share_over(noise, judged, m->noise_ppm))
        return false;
    snprintf(why, 200, "%" PRId64 " of %" PRId64 " that people judged were noise; at most %" PRId64 " in a million may be", noise, judged, m->noise_ppm);
    return true;
}
