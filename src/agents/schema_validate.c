/* SPDX-License-Identifier: Apache-2.0
 *
 * A validator, as the phases of a plan: warn, watch, repair, enforce. */
#include "schema_repair.h"

#include "architect.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/schema_review.h>
#include <signalbox/agents/schema_validate.h>
#include <signalbox/agents/schema_validator.h>

#include <inttypes.h>
#include <string.h>

#define MAX_TIME_MS 10000 /* a collMod waits for the collection's lock */
#define MAX_BYTES 32768   /* of a validator that people are to read and approve */
#define RULES_TOLD 8

struct validate {
    const struct sb_change_question *q;
    struct change_facts f;
    struct change_maker m;
    struct sb_schema_coverage cover;
    struct sb_validator proposed;
    struct sb_validator_live live;
    struct repairs repairs;
    bson_t *whole; /* what will be set: the proposal, and what is there already */
    struct sb_str text;
};

static void release(struct validate *v)
{
    sb_validator_release(&v->proposed);
    sb_validator_live_release(&v->live);
    if (v->whole)
        bson_destroy(v->whole);
    sb_repairs_release(&v->repairs);
    sb_change_facts_release(&v->f);
    sb_str_release(&v->text);
}

/* ---- in words ---- */

static void tell_coverage(const struct validate *v, char *out, size_t cap)
{
    if (v->cover.how == SB_COVERAGE_ALL)
        snprintf(out, cap, "measured");
    else if (v->cover.documents > 0)
        snprintf(out, cap, "sampled %" PRId64 " of %" PRId64, v->cover.sampled, v->cover.documents);
    else
        snprintf(out, cap, "sampled %" PRId64, v->cover.sampled);
}

static void tell_rules(struct validate *v)
{
    const struct sb_validator *p = &v->proposed;
    for (size_t i = 0; i < p->rules_n && i < RULES_TOLD; i++)
        sb_str_addf(&v->text, "%s%s %s (%" PRIu64 " of those that were read %s not)", i ? "; " : ". Broken in the sample: ", p->rules[i].path, p->rules[i].rule, p->rules[i].offenders,
                    p->rules[i].offenders == 1 ? "does" : "do");
    if (p->rules_n > RULES_TOLD)
        sb_str_addf(&v->text, "; and %zu rules more", p->rules_n - RULES_TOLD);
}

static void tell_dry_run(struct sb_str *out, const struct sb_dry_run *d, int64_t documents)
{
    if (d->offenders < 0)
        sb_str_addf(out, "%s", d->note);
    else if (documents >= 0)
        sb_str_addf(out, "%" PRId64 " of %" PRId64 " documents do not keep to it", d->offenders, documents);
    else
        sb_str_addf(out, "%" PRId64 " documents do not keep to it", d->offenders);
}

/* How what breaks a rule is mended where there are no cards: by a request of its own, which is a plan of its own. */
static void tell_requests(struct validate *v)
{
    size_t told = 0;
    for (size_t i = 0; i < v->proposed.rules_n && told < RULES_TOLD; i++) {
        const struct sb_validator_rule *r = &v->proposed.rules[i];
        if (strpbrk(r->path, "[]*\"'` "))
            continue;
        sb_str_adds(&v->text, told++ ? "; " : ". To mend them, ask for a plan of its own: ");
        if (r->type)
            sb_str_addf(&v->text, "\"convert %s to %s in %s\"", r->path, r->type, v->q->ns);
        else
            sb_str_addf(&v->text, "\"add field %s with default VALUE to %s\"", r->path, v->q->ns);
    }
}

static int add_evidence(struct validate *v, const char *what, char *value, const char *coverage)
{
    int rc = value ? sb_evidence_add(&v->f.evidence, &v->f.evidence_n, v->cover.member, v->q->ns, what, value, coverage, v->q->now) : -1;
    free(value);
    return rc;
}

static int tell(struct validate *v)
{
    char coverage[80];
    struct sb_str dry;
    sb_str_init(&dry);
    tell_coverage(v, coverage, sizeof coverage);
    tell_dry_run(&dry, &v->live.proposed, v->cover.documents);
    sb_str_addf(&v->text, "%s: a validator of what 99 %% of the documents do (%s): %s", v->q->ns, coverage, dry.p);
    tell_rules(v);
    if (v->live.validator) {
        sb_str_addf(&v->text, ". It has one already, level %s, action %s: ", v->live.level, v->live.action);
        tell_dry_run(&v->text, &v->live.existing, v->cover.documents);
    }
    bool counted = v->live.proposed.offenders >= 0;
    int rc = add_evidence(v, "what the validator is made of", sb_format("%" PRId64 " documents", v->cover.sampled), coverage) || !sb_str_ok(&dry) || !sb_str_ok(&v->text) ||
             add_evidence(v, "dry run", sb_format("%s", dry.p), counted ? "measured" : "unknown");
    for (size_t i = 0; rc == 0 && i < v->live.proposed.sample_n; i++)
        rc = add_evidence(v, "a document that breaks it, by _id", sb_format("%s", v->live.proposed.sample[i]), "measured");
    for (size_t i = 0; rc == 0 && i < v->proposed.rules_n && i < RULES_TOLD; i++)
        rc = add_evidence(v, v->proposed.rules[i].path, sb_format("%s: %" PRIu64 " in the sample break this", v->proposed.rules[i].rule, v->proposed.rules[i].offenders), coverage);
    sb_str_release(&dry);
    return rc ? -1 : 0;
}

/* ---- cards ---- */

static char *modifying(const struct validate *v, size_t i, const char *what, const bson_t *validator, const char *level, const char *action)
{
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/1%s", v->q->first_card + (int64_t)i, what);
    bson_t none = BSON_INITIALIZER;
    bson_t *c = BCON_NEW("collMod", BCON_UTF8(v->f.coll), "validator", BCON_DOCUMENT(validator ? validator : &none), "validationLevel", BCON_UTF8(level), "validationAction", BCON_UTF8(action), "maxTimeMS",
                         BCON_INT32(MAX_TIME_MS), "comment", BCON_UTF8(comment), "$db", BCON_UTF8(v->f.db));
    return sb_change_json(c);
}

/* Sets level and action of the whole validator; the way back is what stood there. */
static int add_modifying(const struct validate *v, size_t i, struct sb_card *c, const char *level, const char *action, const bson_t *was, const char *was_level, const char *was_action)
{
    char *before = sb_validator_state(was, was_level, was_action), *after = sb_validator_state(v->whole, level, action);
    struct sb_step *s = SB_PUSH(c->steps);
    int rc = -1;
    if (s && before && after) {
        s->n = (int64_t)c->steps_n;
        s->class_ = SB_STEP_IDEMPOTENT;
        s->control = SB_CONTROL_NEITHER;
        s->undo_label = SB_UNDO_LOSSLESS;
        s->action = modifying(v, i, "", v->whole, level, action);
        s->undo = modifying(v, i, " undo", was, was_level, was_action);
        c->blast_radius.lock = sb_format("exclusive on %s for an instant", v->q->ns);
        rc = !s->action || !s->undo || !c->blast_radius.lock || sb_change_check_place(&v->m, s) || sb_check_add(&s->check_before, &s->check_before_n, "validator", v->q->ns, NULL, before) ||
             sb_check_add(&s->check_after, &s->check_after_n, "validator", v->q->ns, NULL, after);
    }
    c->blast_radius.documents = v->f.documents;
    free(before);
    free(after);
    return rc ? -1 : 0;
}

static int plan_cards(const struct validate *v, struct sb_card *card)
{
    const char *ns = v->q->ns;
    char *nor = NULL;
    size_t last = v->m.phases - 1;
    struct sb_card *enforce = &card[last];
    int rc = sb_change_open_card(&v->m, 0, &card[0], SB_KIND_VALIDATOR, "warn", sb_format("Validate %s: warn", ns),
                                 sb_format("The server writes into its log which writes break the rules, and refuses none of them; updates of documents that break them already are left alone.%s Taken back, the collection has %s.",
                                           v->live.validator ? " What the present validator says stays part of it." : "", v->live.validator ? "the validator that it has now" : "no validator, as now")) ||
             add_modifying(v, 0, &card[0], "moderate", "warn", v->live.validator, v->live.level, v->live.action);
    rc = rc || sb_change_look_card(&v->m, 1, &card[1], "watch", "validated", sb_format("Validate %s: watch the writes", ns),
                                   sb_format("Each document that an application writes is held against the validator, until none has broken it for a while. What breaks it is in the server's log; the applications, or the documents, "
                                             "are mended meanwhile."));
    for (size_t i = 0; i < v->repairs.n; i++)
        rc = rc || sb_repair_plan(&v->repairs.item[i], 2 + i, v->m.phases, &card[2 + i]);
    rc = rc || sb_change_open_card(&v->m, last, enforce, SB_KIND_VALIDATOR, "enforce", sb_format("Validate %s: enforce", ns),
                                   sb_format("From here on the server refuses a write that breaks the rules (error 121, DocumentValidationFailure). It begins only when no document breaks them. Taken back, it warns again.")) ||
         add_modifying(v, last, enforce, "strict", "error", v->whole, "moderate", "warn");
    if (rc == 0) {
        bson_t *offenders = BCON_NEW("$nor", "[", BCON_DOCUMENT(v->whole), "]");
        nor = sb_change_json(offenders);
        enforce->risk = SB_MEDIUM;
        enforce->needs_person = true;
        struct sb_step *s = &enforce->steps[0];
        rc = !nor || sb_check_add(&s->check_before, &s->check_before_n, "none_match", ns, NULL, nor);
        if (rc == 0) { /* what the undo puts back is read off the last check */
            struct sb_check nothing = s->check_before[s->check_before_n - 1];
            s->check_before[s->check_before_n - 1] = s->check_before[s->check_before_n - 2];
            s->check_before[s->check_before_n - 2] = nothing;
        }
    }
    free(nor);
    return rc ? -1 : 0;
}

/* ---- the whole ---- */

/* Why no plan is made of it; NULL: one is. */
static const char *reason_against(const struct validate *v)
{
    if (bson_count_keys(v->proposed.schema) < 2)
        return "the documents that were read have nothing in common that is sure enough for a rule: there are too few of them, or too many kinds";
    if (v->live.kind[0] && strcmp(v->live.kind, "collection") != 0)
        return "only a collection has a validator: it is a view or a time series";
    if (v->live.validator && strcmp(v->live.action, "error") == 0 && strcmp(v->live.level, "off") != 0)
        return "its validator refuses writes already, and to warn first would let them through meanwhile: nothing is proposed";
    if (v->whole->len > MAX_BYTES)
        return "the validator would be larger than a person can read and approve";
    return NULL;
}

static int look(const struct sb_server *server, struct validate *v, struct sb_reads *reads, struct sb_err *err)
{
    struct sb_infer *in = sb_infer_new(err);
    if (!in)
        return -1;
    int rc = sb_schema_read(server, v->q->ns, SB_REVIEW_SAMPLE, in, &v->cover, NULL, NULL, reads, err);
    if (rc == 0) {
        sb_infer_finish(in);
        rc = sb_validator_propose(in, &v->proposed, err);
    }
    sb_infer_free(in);
    if (rc || sb_validator_dry_run(server, v->q->ns, v->cover.documents, v->proposed.schema, reads, &v->live, err))
        return -1;
    v->whole = v->live.validator ? BCON_NEW("$and", "[", BCON_DOCUMENT(v->live.validator), "{", "$jsonSchema", BCON_DOCUMENT(v->proposed.schema), "}", "]")
                                 : BCON_NEW("$jsonSchema", BCON_DOCUMENT(v->proposed.schema));
    v->f.documents = v->cover.documents > 0 ? v->cover.documents : v->cover.sampled;
    snprintf(v->f.uuid, sizeof v->f.uuid, "%s", v->live.uuid);
    return 0;
}

int sb_validator_plan(const struct sb_server *server, const struct sb_change_question *q, const char *cannot, struct sb_change_plan *out, struct sb_err *err)
{
    struct validate v = {.q = q, .m = {.q = q, .f = &v.f, .phases = 3}, .proposed = {.schema = NULL}, .live = {.proposed = {.offenders = -1}, .existing = {.offenders = -1}}};
    memset(out, 0, sizeof *out);
    sb_str_init(&v.text);
    sb_str_init(&v.repairs.asks);
    int rc = -1;
    if (!sb_ns_split(q->ns, v.f.db, v.f.coll)) {
        sb_fail(err, SB_EINPUT, "\"%.100s\" is not a collection; write it as database.collection", q->ns);
        goto out;
    }
    if (look(server, &v, &out->reads, err))
        goto out;
    if (tell(&v)) {
        sb_fail_nomem(err);
        goto out;
    }
    const char *why = cannot ? cannot : reason_against(&v);
    if (why && why[0])
        sb_str_addf(&v.text, ". No plan: %s", why);
    if (!why) {
        if (sb_repairs_find(server, q, &v.proposed, &v.live, &v.repairs, &out->reads, err))
            goto out;
        v.m.phases = 3 + v.repairs.n;
        if (v.repairs.asks.len)
            sb_str_addf(&v.text, ". Not mended by the plan: %s", v.repairs.asks.p);
        if (plan_cards(&v, out->card))
            goto nomem;
        out->n = v.m.phases;
    } else if (v.live.proposed.offenders) {
        tell_requests(&v);
    }
    sb_str_addc(&v.text, '.');
    if (sb_str_ok(&v.text) && (out->text = sb_str_take(&v.text))) {
        rc = 0;
        if (out->n == 0) { /* the cards hold copies of it */
            out->evidence = v.f.evidence;
            out->evidence_n = v.f.evidence_n;
            v.f.evidence = NULL;
            v.f.evidence_n = 0;
        }
        goto out;
    }
nomem:
    sb_fail_nomem(err);
out:
    release(&v);
    return rc;
}
