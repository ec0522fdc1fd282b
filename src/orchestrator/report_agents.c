/* SPDX-License-Identifier: Apache-2.0
 *
 * What the record says of the agents themselves: alarms that were noise, what of their cards was edited, what they were lowered to and what
 * brought that back. */
#include <signalbox/orchestrator/report.h>

#include <signalbox/base/json.h>
#include <signalbox/model/hush.h>

#include <stdlib.h>
#include <string.h>

struct sb_alarms_of *sb_report_alarms(struct sb_report *r, const char *rule)
{
    for (size_t i = 0; i < r->alarms_n; i++)
        if (sb_streq(r->alarms[i].rule, rule))
            return &r->alarms[i];
    struct sb_alarms_of fresh = {.rule = sb_format("%s", rule)};
    struct sb_alarms_of *slot = fresh.rule ? SB_PUSH(r->alarms) : NULL;
    if (slot)
        *slot = fresh;
    else
        free(fresh.rule);
    return slot;
}

static void count(struct sb_alarms_of *a, int mark, int by)
{
    a->useful += mark == SB_HUSH_USEFUL ? by : 0;
    a->known += mark == SB_HUSH_KNOWN ? by : 0;
    a->noise += mark == SB_HUSH_NOISE ? by : 0;
}

void sb_report_judged(struct sb_alarms_of *a, int before, int mark)
{
    count(a, before, -1);
    count(a, mark, 1);
}

static int add_edit(struct sb_record_of *r, const char *what)
{
    for (size_t i = 0; i < r->edits_n; i++)
        if (sb_streq(r->edits[i].what, what)) {
            r->edits[i].n++;
            return 0;
        }
    struct sb_counted *c = SB_PUSH(r->edits);
    if (!c)
        return -1;
    c->n = 1;
    return sb_str_set(&c->what, what);
}

int sb_report_edited(struct sb_record_of *r, const struct sb_entry *e)
{
    const json_t *sets = json_object_get(e->body, "sets"), *one;
    size_t i;
    json_array_foreach(sets, i, one) {
        const char *key = sb_json_str(one, "key");
        if (key && add_edit(r, key))
            return -1;
    }
    return 0;
}

int sb_report_reason(char ***reasons, size_t *n, const char *note)
{
    if (!note || !note[0])
        return 0;
    if (*n == SB_REASONS) {
        free((*reasons)[0]);
        memmove(*reasons, *reasons + 1, (SB_REASONS - 1) * sizeof **reasons);
        --*n;
    }
    return sb_strs_push(reasons, n, note);
}

static void demotion_release(struct sb_demotion *d)
{
    free(d->kind);
    free(d->environment);
    free(d->deployment);
    free(d->reason);
    free(d->policy);
    free(d->back_by);
    free(d->back_why);
}

/* A signed decision about one kind, or rule: of that place the lowerings that stood. */
int sb_report_came_back(struct sb_report *r, const struct sb_entry *e)
{
    for (size_t i = 0; i < r->demotions_n; i++) {
        struct sb_demotion *d = &r->demotions[i];
        if (d->back_at || !sb_streq(d->deployment, e->plan.deployment) || !sb_streq(d->kind, sb_json_str(e->body, "kind")) || !sb_streq(d->environment, sb_json_str(e->body, "environment")))
            continue;
        d->back_at = e->ts;
        if (sb_str_set(&d->back_by, sb_json_str(e->body, "by")) || sb_str_set(&d->back_why, sb_json_str(e->body, "reason")))
            return -1;
    }
    return 0;
}

int sb_report_lowered(struct sb_report *r, const struct sb_entry *e)
{
    struct sb_demotion d = {.at = e->ts, .level = sb_json_int(e->body, "level"), .to = sb_json_int(e->body, "lowered_to")}, *slot = NULL;
    if (!sb_json_str(e->body, "kind"))
        return 0;
    if (sb_str_set(&d.kind, sb_json_str(e->body, "kind")) == 0 && sb_str_set(&d.environment, sb_json_str(e->body, "environment")) == 0 &&
        sb_str_set(&d.deployment, e->plan.deployment) == 0 && sb_str_set(&d.reason, sb_json_str(e->body, "reason")) == 0 && sb_str_set(&d.policy, e->policy) == 0)
        slot = SB_PUSH(r->demotions);
    if (slot)
        *slot = d;
    else
        demotion_release(&d);
    return slot ? 0 : -1;
}

int sb_report_bundle(struct sb_report *r, const struct sb_entry *e)
{
    for (size_t i = 0; i < r->demotions_n; i++) {
        struct sb_demotion *d = &r->demotions[i];
        if (d->back_at || !sb_streq(d->deployment, e->plan.deployment) || sb_streq(d->policy, e->policy))
            continue;
        d->back_at = e->ts;
        if (sb_str_set(&d->back_by, sb_json_str(e->body, "signer")))
            return -1;
    }
    return 0;
}

void sb_report_agents_release(struct sb_report *r)
{
    for (size_t i = 0; i < r->alarms_n; i++)
        free(r->alarms[i].rule);
    free(r->alarms);
    for (size_t i = 0; i < r->demotions_n; i++)
        demotion_release(&r->demotions[i]);
    free(r->demotions);
    for (size_t i = 0; i < r->records_n; i++) {
        for (size_t k = 0; k < r->records[i].edits_n; k++)
            free(r->records[i].edits[k].what);
        free(r->records[i].edits);
        for (size_t k = 0; k < r->records[i].reasons_n; k++)
            free(r->records[i].reasons[k]);
        free(r->records[i].reasons);
    }
}
