/* SPDX-License-Identifier: Apache-2.0
 *
 * Which cards may be approved several at once (policy.h). Whatever a bundle grants: never in prod, and never what takes more
 * than one plain approval. */
#include "loader.h"
#include "run.h"

#include <signalbox/base/array.h>

#define MAX_GRANTS 200

/* ---- reading ---- */

static int read_grant(struct sb_loader *l, const json_t *v)
{
    static const char *const keys[] = {"kinds", "risk", "env", "reason"};
    const char *env, *risk, *reason;
    if (SB_GROW(l->p->batches, l->p->batches_cap, l->p->batches_n + 1))
        return sb_fail_nomem(l->err);
    struct sb_batch_grant *g = &l->p->batches[l->p->batches_n++];
    if (sb_loader_keys(l, v, keys, SB_COUNT(keys)) || sb_loader_words(l, v, "kinds", &g->kinds) || sb_loader_text(l, v, "risk", true, &risk) ||
        sb_loader_text(l, v, "env", true, &env) || sb_loader_text(l, v, "reason", false, &reason))
        return -1;
    if (!json_array_size(g->kinds))
        return sb_loader_refuse(l, "kinds must be a list of kinds of action");
    if (!sb_streq(risk, "low") && !sb_streq(risk, "medium"))
        return sb_loader_refuse_name(l, "risk must be low or medium (high risk is approved card by card), not", risk);
    if (!sb_streq(env, "staging") && !sb_streq(env, "dev"))
        return sb_loader_refuse_name(l, "env must be staging or dev (in prod the target of each card is typed), not", env);
    g->risk = risk;
    g->env = env;
    return 0;
}

int sb_loader_batch(struct sb_loader *l)
{
    return sb_loader_list(l, json_object_get(l->p->tree, "batch"), "batch", MAX_GRANTS, "must be a list of at most 200 grants", read_grant);
}

/* ---- asking ---- */

static bool fits(const struct sb_run *r, size_t at, const char *kind, const char *risk, const char *env)
{
    const struct sb_batch_grant *g = &r->p->batches[at];
    int kinds = (int)json_array_size(g->kinds), part = r->probe && r->probe->batch == (int)at ? r->probe->part : -1;
    bool found = part == kinds; /* a mutant: any kind */
    for (int i = 0; i < kinds && !found; i++)
        found = i != part && sb_streq(json_string_value(json_array_get(g->kinds, (size_t)i)), kind);
    return found && sb_streq(g->env, env) && (part == kinds + 1 || sb_streq(g->risk, risk));
}

bool sb_run_batch(const struct sb_run *r)
{
    const struct sb_requires *q = &r->out->requires;
    const json_t *action = json_object_get(r->input, "action");
    const char *kind = sb_json_str(action, "kind"), *risk = sb_json_str(action, "risk"), *env = sb_json_str(json_object_get(r->input, "target"), "env");
    if (r->out->decision == SB_DENY || r->prod || r->error || r->out->waivers_n || q->approvals != 1 || q->groups_n || q->typed_target || !kind || !risk)
        return false;
    for (size_t i = 0; i < r->p->batches_n; i++)
        if (fits(r, i, kind, risk, env))
            return true;
    return false;
}
