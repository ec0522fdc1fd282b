/* SPDX-License-Identifier: Apache-2.0
 *
 * Autonomy that the program takes back from itself. A bundle grants levels; the record of what came of the proposals (the last
 * thirty days, since this very bundle came into force, or since the kind came back) may break the limits of one: then it is
 * lowered, by an entry, and stays so until another bundle comes into force, or somebody who may sign bundles signs that this kind
 * comes back (comeback.c): a level rises by a decision about policy only. */
#include "private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define RECORD_DAYS 30

struct sb_levels {
    int64_t since;    /* wall: when this bundle came into force here first */
    int64_t from;     /* its entry */
    json_t *lowered;  /* {"prod index.create": {"to": 1, "from": 3, "seq": 812}}: what stands, and the entry that said so */
    json_t *back;     /* {"prod index.create": wall}: when it came back last; what came of it before counts no more */
};

static void slot_name(char out[80], const char *kind, int environment)
{
    snprintf(out, 80, "%s %.60s", sb_name(&sb_environments, environment), kind);
}

static void free_levels(struct sb_levels *levels)
{
    if (!levels)
        return;
    json_decref(levels->lowered);
    json_decref(levels->back);
    free(levels);
}

/* ---- what the record says ---- */

struct looking {
    struct sb_orchestrator *o;
    struct sb_levels *levels;
    int64_t *seqs;
    size_t seqs_n;
};

static int first_load(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct looking *k = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    if (e->kind != SB_ENTRY_POLICY_LOAD || !sb_streq(e->plan.deployment, k->o->deployment))
        return 0;
    k->levels->since = e->ts;
    k->levels->from = e->seq;
    return 1;
}

static int note_lowered(struct sb_levels *levels, const char *kind, int environment, int64_t level, int64_t to, int64_t seq)
{
    char slot[80];
    slot_name(slot, kind, environment);
    const json_t *before = json_object_get(levels->lowered, slot);
    return before && sb_json_int(before, "to") <= to ? 0 : json_object_set_new(levels->lowered, slot, json_pack("{s:I,s:I,s:I}", "to", (json_int_t)to, "from", (json_int_t)level, "seq", (json_int_t)seq));
}

static int note_back(struct sb_levels *levels, const char *kind, int environment, int64_t at)
{
    char slot[80];
    slot_name(slot, kind, environment);
    json_object_del(levels->lowered, slot);
    return json_object_set_new(levels->back, slot, json_integer(at));
}

static int take(struct looking *k, int64_t seq, struct sb_err *err)
{
    struct sb_entry e;
    if (sb_ledger_entry(k->o->ledger, seq, &e, err))
        return -1;
    const char *kind = sb_json_str(e.body, "kind"), *env = sb_json_str(e.body, "environment");
    int rc = 0, environment = env ? sb_name_find(&sb_environments, env) : -1;
    bool ours = e.kind == SB_ENTRY_AUTONOMY && kind && environment >= 0 && sb_streq(e.plan.deployment, k->o->deployment) && sb_streq(e.policy, sb_policy_id(k->o->policy)->sha256);
    if (ours && (sb_json_str(e.body, "by") ? note_back(k->levels, kind, environment, e.ts)
                                       : note_lowered(k->levels, kind, environment, sb_json_int(e.body, "level"), sb_json_int(e.body, "lowered_to"), seq)))
        rc = sb_fail_nomem(err);
    sb_entry_release(&e);
    return rc;
}

static int read_levels(struct sb_orchestrator *o, struct sb_err *err)
{
    struct sb_levels *levels = calloc(1, sizeof *levels);
    struct looking k = {.o = o, .levels = levels};
    if (!levels)
        return sb_fail_nomem(err);
    levels->lowered = json_object();
    levels->back = json_object();
    levels->since = sb_origin_wall_ms(o->opt.origin);
    int rc = levels->lowered && levels->back ? sb_ledger_by_ref(o->ledger, sb_policy_id(o->policy)->sha256, first_load, &k, err) : sb_fail_nomem(err);
    if (rc == 0 && levels->from)
        rc = sb_ledger_seqs_of(o->ledger, levels->from, sb_ledger_head(o->ledger), SB_ENTRY_AUTONOMY, &k.seqs, &k.seqs_n, err);
    for (size_t i = 0; rc == 0 && i < k.seqs_n; i++)
        rc = take(&k, k.seqs[i], err);
    free(k.seqs);
    if (rc)
        free_levels(levels);
    else
        o->levels = levels;
    return rc;
}

void sb_o_free_levels(struct sb_orchestrator *o)
{
    free_levels(o->levels);
    o->levels = NULL;
}

/* ---- the report card ---- */

/* Whoever it is about has an incident of its own: with what it rests on, and what it takes for the level to come back. */
static int tell_agent(struct sb_orchestrator *o, const struct sb_o_lowering *l, struct sb_err *err)
{
    int64_t now = sb_o_deployment_now(o);
    struct sb_evidence *facts = NULL;
    size_t n = 0;
    const char *who = l->by > SB_BY_ORCHESTRATOR ? sb_name(&sb_specialists, l->by) : "specialists";
    char *title = sb_format("%s of the %s in %s is lowered from L%d to L%d: %s", l->kind, who, sb_name(&sb_environments, l->environment), l->level, l->to, l->reason);
    int rc = !title || sb_evidence_add(&facts, &n, "the ledger", NULL, l->what, l->came_of_it, "measured", now) ||
             sb_evidence_add(&facts, &n, "the ledger", l->ns, l->broke_what, l->broke, "measured", now);
    rc = rc ? sb_fail_nomem(err) : sb_o_own_incident(o, l->by > SB_BY_ORCHESTRATOR ? l->by : SB_BY_ORCHESTRATOR, title, l->risk, facts, n, l->outcome, err);
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_evidence_schema, &facts[i]);
    free(facts);
    free(title);
    return rc;
}

int sb_o_lower(struct sb_orchestrator *o, const struct refs *refs, const struct sb_o_lowering *l, json_t *record, struct sb_err *err)
{
    const char *env = sb_name(&sb_environments, l->environment);
    if (sb_o_record(o, SB_ENTRY_AUTONOMY, NULL, refs,
                    json_pack("{s:s,s:s,s:i,s:i,s:s,s:o}", "kind", l->kind, "environment", env, "level", l->level, "lowered_to", l->to, "reason", l->reason, "record", record), err))
        return -1;
    sb_o_notice(o, SB_HIGH, "%s in %s is lowered from L%d to L%d until a signed decision brings it back: %s", l->kind, env, l->level, l->to, l->reason);
    if (note_lowered(o->levels, l->kind, l->environment, l->level, l->to, sb_ledger_head(o->ledger)))
        return sb_fail_nomem(err);
    struct sb_err untold = SB_ERR_INIT;
    if (tell_agent(o, l, &untold)) /* the level is lowered all the same */
        sb_o_notice(o, SB_MEDIUM, "the incident on %s is not on the record: %s", l->kind, untold.msg);
    return 0;
}

static int lower(struct sb_orchestrator *o, struct held_card *card, const char *kind, const struct sb_autonomy_review *v, const struct sb_autonomy_record *r,
                 struct sb_err *err)
{
    int author = card->card.author ? sb_name_find(&sb_specialists, card->card.author) : -1;
    json_t *record = json_pack("{s:I,s:I,s:I,s:I}", "decisions", (json_int_t)r->decisions, "accepted", (json_int_t)r->accepted, "rolled_back", (json_int_t)r->rolled_back,
                               "reversed", (json_int_t)r->reversed);
    char *came = sb_format("%" PRId64 " decided on, %" PRId64 " accepted, %" PRId64 " taken back in their watch, %" PRId64 " undone later", r->decisions, r->accepted, r->rolled_back, r->reversed);
    int rc = came ? sb_o_lower(o, &(struct refs){.card = card},
                               &(struct sb_o_lowering){.kind = kind, .environment = card->card.environment, .level = v->level, .to = v->lowered_to, .reason = v->reason, .by = author,
                                                       .what = "what came of its proposals in 30 days", .came_of_it = came, .ns = card->card.target,
                                                       .broke_what = "the card that broke the limit", .broke = card->card.id,
                                                       .risk = "what it proposes further may do the same harm: it is advice until somebody answers for it",
                                                       .outcome = v->lowered_to > 0 ? "what it proposes is not carried out above the lowered level; " SB_O_COMES_BACK
                                                                               : "what it proposes is advice that nobody can approve; " SB_O_COMES_BACK},
                               record, err)
                  : sb_fail_nomem(err);
    free(came);
    return rc;
}

/* The level the record has brought this kind down to, or -1. */
static int64_t lowered_to(const struct sb_orchestrator *o, const char *kind, int environment)
{
    char slot[80];
    slot_name(slot, kind, environment);
    const json_t *to = json_object_get(o->levels->lowered, slot);
    return to ? sb_json_int(to, "to") : -1;
}

int64_t sb_o_counts_since(const struct sb_orchestrator *o, const char *kind, int environment)
{
    char slot[80];
    int64_t since = sb_origin_wall_ms(o->opt.origin) - RECORD_DAYS * DAY_MS;
    if (!o->levels)
        return since;
    slot_name(slot, kind, environment);
    int64_t back = json_integer_value(json_object_get(o->levels->back, slot));
    since = o->levels->since > since ? o->levels->since : since;
    return back > since ? back : since;
}

int sb_o_lowered_to(struct sb_orchestrator *o, const char *kind, int environment, int64_t *to, struct sb_err *err)
{
    *to = -1;
    if (!o->levels && read_levels(o, err))
        return -1;
    *to = lowered_to(o, kind, environment);
    return 0;
}

int sb_o_lowering_of(struct sb_orchestrator *o, const char *kind, int environment, int64_t *level, int64_t *seq, struct sb_err *err)
{
    char slot[80];
    if (!o->levels && read_levels(o, err))
        return -1;
    slot_name(slot, kind, environment);
    const json_t *lowered = json_object_get(o->levels->lowered, slot);
    *level = lowered ? sb_json_int(lowered, "from") : -1;
    *seq = lowered ? sb_json_int(lowered, "seq") : 0;
    return 0;
}

int sb_o_came_back(struct sb_orchestrator *o, const char *kind, int environment, struct sb_err *err)
{
    return note_back(o->levels, kind, environment, sb_origin_wall_ms(o->opt.origin)) ? sb_fail_nomem(err) : 0;
}

int sb_o_is_advice_only(struct sb_orchestrator *o, const struct sb_card *c, char *why, size_t cap, struct sb_err *err)
{
    const char *kind = sb_o_action_kind(c);
    int64_t lowered;
    int level = sb_autonomy_level(o->policy, kind, c->environment, sb_origin_wall_ms(o->opt.origin));
    if (sb_o_lowered_to(o, kind, c->environment, &lowered, err))
        return -1;
    if (level != 0 && lowered != 0)
        return 0;
    snprintf(why, cap, lowered == 0 ? "%s in %s is lowered to L0: it advises, and nobody can approve this (signalbox policy levels says why, policy restore brings it back)" : "policy has %s in %s at L0: it advises, and nobody can approve this",
             kind, sb_name(&sb_environments, c->environment));
    return 1;
}

int sb_o_describe_lowered(struct sb_orchestrator *o, struct sb_str *out, struct sb_err *err)
{
    char at[SB_TIME_LEN + 1];
    const char *slot;
    json_t *to;
    size_t n = 0;
    if (!o->levels && read_levels(o, err))
        return -1;
    sb_time_format(at, o->levels->since);
    sb_str_addf(out, ", since %.16sZ", at);
    json_object_foreach(o->levels->lowered, slot, to)
        sb_str_addf(out, "%s%s to L%" PRId64, n++ ? ", " : "; lowered by the record: ", slot, sb_json_int(to, "to"));
    if (!n)
        sb_str_adds(out, "; nothing is lowered");
    return 0;
}

int sb_o_review_level(struct sb_orchestrator *o, struct held_card *card, int64_t *lowered, struct sb_err *err)
{
    const char *kind = sb_o_action_kind(&card->card);
    int env = card->card.environment;
    struct sb_autonomy_record record;
    struct sb_autonomy_review v;
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    *lowered = -1;
    if (!o->levels && read_levels(o, err))
        return -1;
    if (sb_o_record_of(o, card->card.kind, env, sb_o_counts_since(o, kind, env), &record, err))
        return -1;
    *lowered = lowered_to(o, kind, env);
    if (!sb_autonomy_review(o->policy, kind, env, now, &record, &v) || v.lowered_to >= v.level || (*lowered >= 0 && *lowered <= v.lowered_to))
        return 0;
    if (lower(o, card, kind, &v, &record, err))
        return -1;
    *lowered = v.lowered_to;
    return 0;
}
