/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of alarms that people call noise. What was said of anomalies in the last thirty days, since this very bundle came into
 * force, is counted by the rule that announced them; one that breaks the limits of the bundle becomes advice, as any level that
 * is lowered (levels.c): what it finds is recorded and listed, opens no case and rings no bell. */
#include "private.h"

#include <signalbox/policy/autonomy.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REACH_MS (30 * INT64_C(86400000))
#define ANNOUNCES 1 /* L1, as what proposes */
#define ADVISES 0

struct judged {
    char *anomaly, *rule;
    int mark; /* enum sb_hush_kind: the last word on it */
    int64_t at;
};

struct sb_alarms {
    int64_t next_seq; /* of the ledger: what has not been looked at */
    struct judged *items;
    size_t items_n;
};

/* ---- reading the record ---- */

static bool wants(const char *bytes, size_t n)
{
    return sb_o_says(bytes, n, "\"kind\":\"hush\"");
}

/* "ns.read_latency_us of shop.orders": the rule stands in front. */
static char *rule_of(const char *like)
{
    const char *of = strstr(like, " of ");
    return sb_format("%.*s", of ? (int)(of - like) : (int)strlen(like), like);
}

static int remember(struct sb_alarms *k, const struct sb_hush *h, int64_t at, struct sb_err *err)
{
    struct judged *slot = NULL;
    for (size_t i = 0; i < k->items_n && !slot; i++)
        if (sb_streq(k->items[i].anomaly, h->anomaly))
            slot = &k->items[i];
    if (!slot) {
        struct judged fresh = {.anomaly = sb_format("%s", h->anomaly), .rule = rule_of(h->like)};
        slot = fresh.anomaly && fresh.rule ? SB_PUSH(k->items) : NULL;
        if (!slot) {
            free(fresh.anomaly);
            free(fresh.rule);
            return sb_fail_nomem(err);
        }
        *slot = fresh;
    }
    slot->mark = h->kind;
    slot->at = at;
    return 0;
}

static int take(struct sb_orchestrator *o, int64_t seq, struct sb_err *err)
{
    struct sb_entry e;
    struct sb_hush h;
    int rc = 0;
    if (sb_ledger_entry(o->ledger, seq, &e, err))
        return -1;
    if (e.kind == SB_ENTRY_HUSH && e.plan.simulated == o->facts.simulated && sb_streq(e.plan.deployment, o->deployment) &&
        sb_record_from_json(&sb_hush_schema, &h, json_object_get(e.body, "hush"), NULL) == 0) {
        if (h.kind != SB_HUSH_BLACKOUT && h.anomaly && h.like)
            rc = remember(o->alarms, &h, e.ts, err);
        sb_record_release(&sb_hush_schema, &h);
    }
    sb_entry_release(&e);
    return rc;
}

/* ---- what it comes to ---- */

static void kind_of(char out[80], const char *rule)
{
    snprintf(out, 80, "alarm.%.60s", rule);
}

int sb_o_review_alarms(struct sb_orchestrator *o, struct held_anomaly *a, struct sb_err *err)
{
    const char *rule = sb_anomaly_rule(&a->anomaly);
    char kind[80], why[200];
    int64_t to, judged = 0, noise = 0;
    kind_of(kind, rule);
    if (!rule[0])
        return 0;
    if ((!o->alarms && !(o->alarms = calloc(1, sizeof *o->alarms))) || sb_o_lowered_to(o, kind, o->opt.environment, &to, err))
        return err->code == SB_OK ? sb_fail_nomem(err) : -1;
    if (to >= 0)
        return 0;
    if (sb_o_follow(o, &o->alarms->next_seq, REACH_MS, wants, take, err))
        return -1;
    int64_t since = sb_o_counts_since(o, kind, o->opt.environment);
    for (size_t i = 0; i < o->alarms->items_n; i++) {
        const struct judged *j = &o->alarms->items[i];
        bool counts = j->at >= since && sb_streq(j->rule, rule);
        judged += counts;
        noise += counts && j->mark == SB_HUSH_NOISE;
    }
    if (!sb_alarm_is_noisy(o->policy, judged, noise, why))
        return 0;
    char *came = sb_format("%" PRId64 " judged by people, %" PRId64 " of them noise", judged, noise);
    int rc = came ? sb_o_lower(o, &(struct refs){.anomaly = a},
                               &(struct sb_o_lowering){.kind = kind, .environment = o->opt.environment, .level = ANNOUNCES, .to = ADVISES, .reason = why, .by = SB_BY_ANOMALY_DETECTOR,
                                                       .what = "what people said of its alarms in 30 days", .came_of_it = came,
                                                       .ns = a->anomaly.namespaces_n ? a->anomaly.namespaces[0] : NULL, .broke_what = "the anomaly that broke the limit",
                                                       .broke = a->anomaly.id, .risk = "who is called for nothing does not come when it matters: what it finds is advice until somebody answers for it",
                                                       .outcome = "what this rule finds is recorded, opens no case and rings no bell; " SB_O_COMES_BACK},
                               json_pack("{s:I,s:I}", "judged", (json_int_t)judged, "noise", (json_int_t)noise), err)
                  : sb_fail_nomem(err);
    free(came);
    return rc;
}

/* Somebody found one like it useful: that is the last word. */
static bool found_useful(const struct sb_orchestrator *o, const struct sb_anomaly *a)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    struct sb_str like;
    bool found = false;
    sb_str_init(&like);
    sb_anomaly_likeness(a, &like);
    for (size_t i = 0; i < o->hushes.list_n; i++)
        found |= o->hushes.list[i].kind == SB_HUSH_USEFUL && o->hushes.list[i].until > now && sb_streq(o->hushes.list[i].like, like.p);
    sb_str_release(&like);
    return found;
}

char *sb_o_alarm_is_advice(struct sb_orchestrator *o, const struct sb_anomaly *a)
{
    const char *rule = sb_anomaly_rule(a);
    char kind[80];
    int64_t to;
    struct sb_err unread = SB_ERR_INIT;
    kind_of(kind, rule);
    if (!rule[0] || sb_o_lowered_to(o, kind, o->opt.environment, &to, &unread) || to < 0 || found_useful(o, a)) /* what cannot be read silences nothing */
        return NULL;
    return sb_format("%s is advice only: too many of its alarms were noise (policy levels)", kind);
}

void sb_o_free_alarms(struct sb_orchestrator *o)
{
    for (size_t i = 0; o->alarms && i < o->alarms->items_n; i++) {
        free(o->alarms->items[i].anomaly);
        free(o->alarms->items[i].rule);
    }
    if (o->alarms)
        free(o->alarms->items);
    free(o->alarms);
    o->alarms = NULL;
}
