/* SPDX-License-Identifier: Apache-2.0
 *
 * Having the Data Architect propose a validator: a worker reads a sample and counts who would break it; the answer says so, and the
 * cards of a plan come of it where one is asked for and possible. One such read at a time. */
#include "private.h"

#include <signalbox/agents/schema_validate.h>
#include <signalbox/base/regex.h>

#include <string.h>

struct validate {
    struct sb_orchestrator *o;
    struct errand way;
    char *case_id, *ns, *deployment, *deployment_id, *requested_by;
    struct sb_change_question q; /* its texts point at ours */
    const char *cannot;
    struct sb_change_plan plan;
    struct sb_err err;
};

static void free_validate(void *p)
{
    struct validate *v = p;
    free(v->case_id);
    free(v->ns);
    free(v->deployment);
    free(v->deployment_id);
    free(v->requested_by);
    sb_change_plan_release(&v->plan);
    free(v);
}

/* It asks, and wants nothing changed. */
static bool only_asks(const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_regex *re = sb_regex_new("^\\s*(?:how many|how much|which|what|who|is|are|do|does|did|would|could|count|check|list|show|tell|test|dry.?run)\\b|\\bdry.?run\\b|\\?\\s*$", SB_REGEX_CASELESS, &err);
    struct sb_match m[1];
    bool asks = re && sb_regex_match(re, text, strlen(text), m, 1, &err) == 1;
    sb_regex_free(re);
    return asks;
}

/* An open card of a plan for the same collection's validator. */
static const struct held_card *planned(const struct sb_orchestrator *o, const struct validate *v)
{
    for (size_t i = 0; i < o->cards_n; i++) {
        const struct sb_card *k = &o->cards[i]->card;
        if (k->kind == SB_KIND_VALIDATOR && sb_card_open(k) && sb_streq(k->target, v->ns) && sb_streq(k->deployment_id, v->deployment_id))
            return o->cards[i];
    }
    return NULL;
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct validate *v = p;
    struct held_case *held = sb_o_case(o, v->case_id);
    o->reviewing = false;
    if (!held) {
        free_validate(v);
        return;
    }
    sb_o_record_reads(o, held, &v->plan.reads);
    const struct held_card *same = v->err.code == SB_OK && v->plan.n ? planned(o, v) : NULL;
    struct sb_str text;
    sb_str_init(&text);
    if (same)
        sb_str_addf(&text, "%s is about this validator already (%s)", same->card.id, sb_name(&sb_states, same->card.state));
    for (size_t i = 0; i < v->plan.n && !same && v->err.code == SB_OK; i++) {
        sb_str_addf(&text, "%s: %s, %s; ", v->plan.card[i].id, v->plan.card[i].phase, v->plan.card[i].title);
        sb_o_propose(o, &v->plan.card[i], "proposed by the Data Architect", &v->err);
        held = sb_o_case(o, v->case_id);
    }
    if (!same && v->plan.text)
        sb_str_adds(&text, v->plan.text);
    if (held && v->err.code == SB_OK && !v->plan.n)
        sb_o_hand_over(o, held, &(struct handing){.from = SB_BY_DATA_ARCHITECT, .to = SB_BY_ORCHESTRATOR, .back = true, .why = "the documents were held against a validator; what was found is the answer",
                                                  .risk = "none: nothing is proposed", .evidence = v->plan.evidence, .n = v->plan.evidence_n}, &v->err);
    if (held && v->err.code == SB_OK && !v->plan.n)
        sb_o_finish_look(o, held, true, sb_str_ok(&text) ? text.p : "out of memory");
    else if (held)
        sb_o_finish_consult(o, held, same ? same->card.id : NULL, &v->err, sb_str_ok(&text) ? text.p : "out of memory");
    sb_str_release(&text);
    free_validate(v);
}

static void look(void *p)
{
    struct validate *v = p;
    sb_validator_plan(v->o->opt.server, &v->q, v->cannot, &v->plan, &v->err);
    sb_o_post_done(v->o, &v->way, back, v, free_validate);
}

/* Why this deployment can have no such plan; NULL: it can. */
static const char *obstacle(const struct sb_orchestrator *o)
{
    if (!o->facts.simulated && !o->facts.mongod)
        return "this server is not MongoDB's own, and is not known to take a collMod with a validator";
    if (o->facts.hello.is_mongos)
        return "a sharded cluster has an oplog on each shard, which no mongos shows, and by it the second phase is measured";
    if (!sb_hello_replicated(&o->facts.hello))
        return "this server keeps no record of writes (it is no replica set), by which the second phase is measured";
    return NULL;
}

int sb_o_consult_validate(struct sb_orchestrator *o, struct held_case *held, const char *ns, struct sb_err *err)
{
    if (!o->connected)
        return sb_fail(err, SB_ESERVER, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
    if (o->reviewing)
        return sb_fail(err, SB_ESTATE, "A collection is being read for another request, and one is read at a time: ask again when that is answered.");
    struct validate *v = calloc(1, sizeof *v);
    if (!v)
        return sb_fail_nomem(err);
    v->o = o;
    v->cannot = only_asks(held->case_.text) ? "" : obstacle(o);
    if (sb_str_set(&v->case_id, held->case_.id) || sb_str_set(&v->ns, ns) || sb_str_set(&v->deployment, o->deployment) || sb_str_set(&v->deployment_id, o->facts.id) ||
        sb_str_set(&v->requested_by, held->case_.requested_by)) {
        free_validate(v);
        return sb_fail_nomem(err);
    }
    v->q = (struct sb_change_question){.change = SB_CHANGE_VALIDATE, .ns = v->ns, .first_card = o->last_card + 1, .case_id = v->case_id, .deployment = v->deployment, .deployment_id = v->deployment_id, .requested_by = v->requested_by,
                                       .environment = o->opt.environment, .simulated = o->facts.simulated, .members = sb_o_node_count(o),
                                       .now = sb_o_deployment_now(o)};
    if (!v->cannot)
        o->last_card += SB_VALIDATE_CARDS; /* numbers that lead to no card are left out, never given twice */
    held->consulting = o->reviewing = true;
    if (!sb_o_work(o, &v->way, look, v, free_validate)) {
        held->consulting = o->reviewing = false;
        return sb_fail_nomem(err);
    }
    return 0;
}
