/* SPDX-License-Identifier: Apache-2.0
 *
 * What a bundle knows by itself, written into the input, so that the input alone decides. */
#include "program.h"

#include <signalbox/base/clock.h>
#include <signalbox/policy/autonomy.h>

#include <inttypes.h>
#include <stdlib.h>

#define MAX_PRINCIPALS 1000
#define DAY_MS INT64_C(86400000)

/* The member of an input that is an object, made when it is missing; NULL when it is something else, or memory ran out. */
static json_t *part(json_t *input, const char *key)
{
    json_t *v = json_object_get(input, key);
    if (!v && json_object_set_new(input, key, json_object()) == 0)
        v = json_object_get(input, key);
    return json_is_object(v) ? v : NULL;
}

static int set(json_t *object, const char *key, json_t *value)
{
    return value && json_object_set_new(object, key, value) == 0 ? 0 : -1;
}

/* ---- windows ---- */

/* "Tue 2026-11-24 22:00" on the zone's own clock. */
static void local_text(const struct sb_window *w, int64_t utc, char *out, size_t cap)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    int64_t local = utc + sb_zone_offset(w->zone, utc), day = local / 86400 - (local % 86400 < 0), s = local - day * 86400, year;
    int month, mday;
    sb_date_of_days(day, &year, &month, &mday);
    snprintf(out, cap, "%s %04d-%02d-%02d %02d:%02d", days[sb_weekday(day)], (int)year, month, mday, (int)(s / 3600), (int)(s / 60 % 60));
}

static json_t *state_of(const struct sb_window *w, int64_t utc)
{
    int64_t next;
    bool active = sb_window_active(w, utc, &next);
    char at[SB_TIME_LEN + 1] = "", local[64] = "";
    if (next != SB_ZONE_NEVER) {
        sb_time_format(at, next * 1000);
        local_text(w, next, local, sizeof local);
    }
    return json_pack("{s:b,s:s?,s:s?,s:s,s:s,s:s,s:s,s:s}", "active", active, "next", at[0] ? at : NULL, "next_local", local[0] ? local : NULL, "kind",
                     w->freeze ? "deny" : "allow", "tz", w->tz, "tzdata", w->tzdata, "definition", w->definition, "overrun", sb_name(&sb_overruns, w->overrun));
}

/* A state that was frozen under this definition stays, and so does one that somebody wrote down by hand. */
static bool keeps(const json_t *state, const struct sb_window *w)
{
    const json_t *definition = json_object_get(state, "definition");
    return json_is_object(state) && (!definition || sb_streq(json_string_value(definition), w->definition));
}

static int freeze_windows(const struct sb_policy *p, json_t *input)
{
    const char *utc = sb_json_str(json_object_get(input, "clock"), "utc");
    int64_t now;
    bool known = utc && sb_time_parse(utc, strlen(utc), &now) == 0;
    json_t *calendar = p->windows_n ? part(input, "calendar") : NULL;
    for (size_t i = 0; calendar && i < p->windows_n; i++) {
        const struct sb_window *w = &p->windows[i];
        if (keeps(json_object_get(calendar, w->name), w))
            continue;
        json_object_del(calendar, w->name); /* of another definition */
        if (known && w->zone && set(calendar, w->name, state_of(w, now / 1000 - (now % 1000 < 0))))
            return -1;
    }
    return 0;
}

/* ---- groups ---- */

static json_t *groups_of(const struct sb_policy *p, const char *principal)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < p->groups_n; i++)
        if (sb_group_has(&p->groups[i], principal) && json_array_append_new(list, json_string(p->groups[i].name))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static int freeze_groups(const struct sb_policy *p, json_t *input)
{
    json_t *actor = json_object_get(input, "actor"), *approvals = json_object_get(input, "approvals");
    if (!p->has_groups)
        return 0;
    if (json_is_object(actor) && set(actor, "groups", groups_of(p, sb_json_str(actor, "principal"))))
        return -1;
    for (size_t i = 0; i < json_array_size(approvals) && i < MAX_PRINCIPALS; i++) {
        json_t *one = json_array_get(approvals, i);
        if (json_is_object(one) && set(one, "groups", groups_of(p, sb_json_str(one, "by"))))
            return -1;
    }
    return 0;
}

/* ---- tags and holds ---- */

/* A whole database is meant by a namespace without a dot: patterns about its collections are about it too. */
static bool names(const json_t *patterns, const char *ns)
{
    bool database = !strchr(ns, '.');
    for (size_t i = 0; i < json_array_size(patterns); i++) {
        const char *pattern = json_string_value(json_array_get(patterns, i));
        size_t n = json_string_length(json_array_get(patterns, i));
        if (sb_glob(pattern, n, ns, strlen(ns)) || (database && sb_glob(pattern, strcspn(pattern, "."), ns, strlen(ns))))
            return true;
    }
    return false;
}

static bool any_names(const json_t *patterns, const json_t *namespaces)
{
    for (size_t i = 0; i < json_array_size(namespaces) && i < MAX_PRINCIPALS; i++) {
        const char *ns = json_string_value(json_array_get(namespaces, i));
        if (ns && strlen(ns) <= SB_POLICY_MAX_TEXT && names(patterns, ns))
            return true;
    }
    return false;
}

static int freeze_names(const struct sb_policy *p, json_t *input, const char *section, const char *key)
{
    const json_t *all = json_object_get(p->tree, section);
    json_t *action = json_object_get(input, "action"), *list;
    const json_t *namespaces = json_object_get(action, "ns");
    const char *name, *utc = sb_json_str(json_object_get(input, "clock"), "utc");
    json_t *v;
    int64_t now = 0, last;
    bool holds = strcmp(section, "holds") == 0, dated = utc && sb_time_parse(utc, strlen(utc), &now) == 0;
    if (!all || !json_is_array(namespaces))
        return 0;
    if (!(list = json_array()))
        return -1;
    json_object_foreach((json_t *)(uintptr_t)all, name, v) {
        bool on = any_names(holds ? json_object_get(v, "ns") : v, namespaces);
        if (on && holds && dated) /* without a clock a hold is on: nobody has shown that it is over */
            on = !sb_policy_date(sb_json_str(v, "until"), &last) || now < (last + 1) * DAY_MS;
        if (on && json_array_append_new(list, json_string(name))) {
            json_decref(list);
            return -1;
        }
    }
    return set(action, key, list);
}

/* ---- autonomy ---- */

static int freeze_autonomy(const struct sb_policy *p, json_t *input)
{
    const json_t *target = json_object_get(input, "target");
    const char *kind = sb_json_str(json_object_get(input, "action"), "kind"), *utc = sb_json_str(json_object_get(input, "clock"), "utc");
    int env = sb_name_find(&sb_environments, sb_json_str(target, "env") ? sb_json_str(target, "env") : "");
    int64_t now;
    if (!p->has_autonomy || !kind)
        return 0;
    json_t *autonomy = part(input, "autonomy");
    if (!autonomy)
        return 0;
    const json_t *lowered = json_object_get(autonomy, "lowered_to");
    bool dated = utc && sb_time_parse(utc, strlen(utc), &now) == 0;
    /* without a clock nothing that ends counts: beyond every last day */
    int level = sb_autonomy_level(p, kind, env < 0 ? SB_ENV_PROD : env, dated ? now : INT64_MAX);
    if (json_is_integer(lowered) && json_integer_value(lowered) < level)
        level = json_integer_value(lowered) > 0 ? (int)json_integer_value(lowered) : 0;
    return set(autonomy, "level", json_integer(level));
}

int sb_policy_freeze(const struct sb_policy *p, json_t *input, struct sb_err *err)
{
    if (!json_is_object(input))
        return 0;
    if (freeze_windows(p, input) || freeze_groups(p, input) || freeze_names(p, input, "tags", "tags") || freeze_names(p, input, "holds", "holds") ||
        freeze_autonomy(p, input))
        return sb_fail_nomem(err);
    return 0;
}
