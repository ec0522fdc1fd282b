/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/card_edit.h>
#include <signalbox/model/entry.h>

#include <inttypes.h>
#include <string.h>

static const char *const kind_text[SB_ENTRY_KINDS] = {
    [SB_ENTRY_START] = "start", [SB_ENTRY_STOP] = "stop", [SB_ENTRY_LOGIN] = "login",
    [SB_ENTRY_POLICY_LOAD] = "policy.load", [SB_ENTRY_BOUND] = "deployment.bound", [SB_ENTRY_REQUEST] = "request",
    [SB_ENTRY_INTENT] = "intent", [SB_ENTRY_VERDICT] = "verdict", [SB_ENTRY_HANDOFF] = "handoff",
    [SB_ENTRY_COMMAND] = "command", [SB_ENTRY_RECOMMENDATION] = "recommendation", [SB_ENTRY_EDIT] = "edit",
    [SB_ENTRY_APPROVAL] = "approval", [SB_ENTRY_APPROVAL_VOID] = "approval.void", [SB_ENTRY_STATE] = "state",
    [SB_ENTRY_STEP_INTENT] = "step.intent", [SB_ENTRY_STEP_RESULT] = "step.result",
    [SB_ENTRY_STEP_VERIFIED] = "step.verified", [SB_ENTRY_STEP_PROBE] = "step.probe", [SB_ENTRY_WATCH] = "watch",
    [SB_ENTRY_CASE_CLOSE] = "case.close", [SB_ENTRY_ANOMALY] = "anomaly", [SB_ENTRY_ACK] = "ack",
    [SB_ENTRY_SAMPLER] = "sampler", [SB_ENTRY_REFUSED] = "refused",
    [SB_ENTRY_BREAKGLASS] = "breakglass", [SB_ENTRY_REVIEW] = "review", [SB_ENTRY_AUTONOMY] = "autonomy",
    [SB_ENTRY_SCHEDULE] = "schedule", [SB_ENTRY_CLOCK] = "clock", [SB_ENTRY_MARK] = "mark",
    [SB_ENTRY_HUSH] = "hush", [SB_ENTRY_HUSH_END] = "hush.end", [SB_ENTRY_REMARK] = "remark",
    [SB_ENTRY_HOOK] = "hook",
    [SB_ENTRY_KNOBS] = "step.knobs", [SB_ENTRY_PROOF] = "proof", [SB_ENTRY_DRILL] = "drill",
    [SB_ENTRY_EXERCISE] = "exercise",
    [SB_ENTRY_HELD] = "step.held",
    [SB_ENTRY_BACKUP] = "backup",
    [SB_ENTRY_REPORT] = "report",
    [SB_ENTRY_SUMMARY] = "summary",
    [SB_ENTRY_LEASE] = "lease",
};
const struct sb_names sb_entry_kinds = {"kind of entry", kind_text, SB_ENTRY_KINDS};

static const struct sb_member actor_members[] = {
    SB_MEMBER(struct sb_actor, principal, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_actor, loginuid, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_actor, session, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_actor, tty, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_actor, ssh_fp, SB_STR, 0, NULL),
};
const struct sb_schema sb_actor_schema = SB_SCHEMA("actor", struct sb_actor, actor_members);

static const struct sb_member plan_members[] = {
    SB_MEMBER_AS("case", struct sb_plan_ref, case_id, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_plan_ref, card, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_plan_ref, revision, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_plan_ref, hash, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_plan_ref, anomaly, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_plan_ref, deployment, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_plan_ref, simulated, SB_BOOL, 0, NULL),
};
const struct sb_schema sb_plan_ref_schema = SB_SCHEMA("plan", struct sb_plan_ref, plan_members);

void sb_entry_release(struct sb_entry *e)
{
    sb_record_release(&sb_actor_schema, &e->actor);
    sb_record_release(&sb_plan_ref_schema, &e->plan);
    free(e->decision);
    free(e->policy);
    json_decref(e->body);
    memset(e, 0, sizeof *e);
}

/* ---- folding ---- */

static int unusable(const struct sb_entry *e, const char *what, struct sb_err *err)
{
    return sb_fail(err, SB_EINPUT, "entry %lld (%s) has no usable %s", (long long)e->seq, sb_name(&sb_entry_kinds, e->kind), what);
}

/* Reads body[key] as a record into dst (overwritten). */
static int body_record(const struct sb_entry *e, const char *key, const struct sb_schema *s, void *dst, struct sb_err *err)
{
    if (sb_record_from_json(s, dst, json_object_get(e->body, key), err)) {
        sb_err_prefix(err, "entry %lld (%s)", (long long)e->seq, sb_name(&sb_entry_kinds, e->kind));
        return -1;
    }
    return 0;
}

/* Replaces *slot by a freshly read record, so that a failure leaves the old value whole. */
#define REPLACE(slot, schema, key)                              \
    do {                                                        \
        __typeof__(slot) fresh;                                 \
        if (body_record(e, key, schema, &fresh, err))           \
            return -1;                                          \
        sb_record_release(schema, &(slot));                     \
        (slot) = fresh;                                         \
    } while (0)

#define SWAP(a, b)                  \
    do {                            \
        __typeof__(a) other = (a);  \
        (a) = (b);                  \
        (b) = other;                \
    } while (0)

static int fold_contract(struct sb_card *card, const struct sb_entry *e, struct sb_err *err)
{
    struct sb_card fresh;
    if (body_record(e, "card", &sb_card_schema, &fresh, err))
        return -1;
    if (sb_card_seal(&fresh, err)) {
        sb_card_release(&fresh);
        return -1;
    }
    sb_card_forget_edits(&fresh); /* never what the entry itself says of them */
    if (e->kind == SB_ENTRY_EDIT && sb_card_carry_edits(&fresh, card, e->actor.principal, e->ts)) {
        sb_card_release(&fresh);
        return sb_fail_nomem(err);
    }
    if (e->kind == SB_ENTRY_EDIT) { /* approvals stay in the history; they count no more, being of another revision */
        SWAP(fresh.breakglass, card->breakglass); /* it ends, being for other bytes; its review is still due */
        SWAP(fresh.beside, card->beside); /* it names the key that it is about */
        SWAP(fresh.beside_n, card->beside_n);
        SWAP(fresh.approvals, card->approvals);
        SWAP(fresh.approvals_n, card->approvals_n);
    }
    sb_card_release(card);
    *card = fresh;
    return 0;
}

static int fold_state(struct sb_card *card, const struct sb_entry *e, struct sb_err *err)
{
    const char *to = sb_json_str(e->body, "to"), *event = sb_json_str(e->body, "event");
    int state = to ? sb_name_find(&sb_states, to) : -1;
    if (state < 0 || !event)
        return unusable(e, "state", err);
    if (sb_str_set(&card->note, sb_json_str(e->body, "note")))
        return sb_fail_nomem(err);
    card->state = state;
    if (sb_name_find(&sb_events, event) == SB_EV_CLOSE)
        card->closed = true;
    if (state != SB_EXECUTING && state != SB_ROLLING_BACK && state != SB_IN_DOUBT && state != SB_PAUSED) {
        free(card->progress.phase);
        free(card->progress.quorum);
        free(card->progress.alarm);
        memset(&card->progress, 0, sizeof card->progress);
    }
    return 0;
}

static int void_approvals(struct sb_card *card, const struct sb_entry *e, struct sb_err *err)
{
    const char *reason = sb_json_str(e->body, "reason");
    for (size_t i = 0; i < card->approvals_n; i++) {
        struct sb_approval *a = &card->approvals[i];
        if (a->voided)
            continue;
        if (sb_str_set(&a->void_reason, reason))
            return sb_fail_nomem(err);
        a->voided = true;
    }
    return 0;
}

static int fold_review(struct sb_card *card, const struct sb_entry *e, struct sb_err *err)
{
    const char *by = sb_json_str(e->body, "by"), *id = sb_json_str(e->body, "id");
    if (!by || !id || !sb_streq(id, card->breakglass.id))
        return unusable(e, "review", err);
    return sb_str_set(&card->breakglass.reviewed_by, by) || sb_str_set(&card->breakglass.review, sb_json_str(e->body, "reason")) ? sb_fail_nomem(err) : 0;
}

/* The knobs of a step that goes in batches stand as the card says until somebody turns them. */
static void fold_knobs_of(struct sb_card *card, int64_t step)
{
    const struct sb_step *s = step >= 1 && (size_t)step <= card->steps_n ? &card->steps[step - 1] : NULL;
    if (card->progress.batch_docs || !s || !sb_streq(s->work.how, "batches"))
        return;
    card->progress.batch_docs = s->work.docs;
    card->progress.batch_delay_ms = s->work.delay_ms;
    card->progress.batches_at_once = 1;
}

static void fold_knobs(struct sb_card *card, const struct sb_entry *e)
{
    card->progress.batch_docs = sb_json_int(e->body, "docs");
    card->progress.batch_delay_ms = sb_json_int(e->body, "delay_ms");
    int64_t at_once = sb_json_int(e->body, "at_once");
    card->progress.batches_at_once = at_once > 0 ? at_once : 1; /* before there was this knob none is told */
}

static int fold_step(struct sb_card *card, const struct sb_entry *e, const char *phase, struct sb_err *err)
{
    int64_t batch = sb_json_int(e->body, "batch");
    char text[64];
    snprintf(text, sizeof text, "batch %" PRId64, batch);
    if (sb_str_set(&card->progress.phase, batch ? text : phase))
        return sb_fail_nomem(err);
    struct sb_progress *p = &card->progress;
    int64_t step = sb_json_int(e->body, "step"), done = sb_json_int(e->body, "done");
    bool undo = json_is_true(json_object_get(e->body, "undo")), beside = e->kind == SB_ENTRY_STEP_RESULT && batch && p->step == step && p->undoing == undo && done < p->done;
    fold_knobs_of(card, step);
    p->step = step;
    p->undoing = undo;
    p->done = beside ? p->done : done; /* one that was sent with it reaches further */
    card->progress.total = sb_json_int(e->body, "total");
    card->progress.eta_ms = sb_json_int(e->body, "eta_ms");
    free(card->progress.alarm);
    card->progress.alarm = NULL;
    return 0;
}

/* What has been changed so far stays as it was shown. */
static int fold_held(struct sb_card *card, const struct sb_entry *e, struct sb_err *err)
{
    const char *since = sb_json_str(e->body, "since"), *why = sb_json_str(e->body, "why"), *event = sb_json_str(e->body, "event");
    if (!event || !why)
        return unusable(e, "held", err);
    card->progress.step = sb_json_int(e->body, "step");
    card->progress.undoing = json_is_true(json_object_get(e->body, "undo"));
    free(card->progress.phase);
    card->progress.phase = since ? sb_format("%s since %.19sZ: %s", event, since, why) : sb_format("%s: %s", event, why);
    return card->progress.phase ? 0 : sb_fail_nomem(err);
}

static int fold_proof(struct sb_card *card, const struct sb_entry *e, struct sb_err *err)
{
    const json_t *list = json_object_get(e->body, "evidence"), *one;
    size_t i;
    json_array_foreach(list, i, one) {
        struct sb_evidence *slot = SB_PUSH(card->beside);
        if (!slot)
            return sb_fail_nomem(err);
        if (sb_record_from_json(&sb_evidence_schema, slot, one, err)) {
            card->beside_n--;
            return -1;
        }
    }
    return 0;
}

static int fold_into_card(struct sb_card *card, const struct sb_entry *e, struct sb_err *err)
{
    switch (e->kind) {
    case SB_ENTRY_RECOMMENDATION:
    case SB_ENTRY_EDIT:
        return fold_contract(card, e, err);
    case SB_ENTRY_VERDICT:
        REPLACE(card->policy, &sb_policy_verdict_schema, "verdict");
        return 0;
    case SB_ENTRY_APPROVAL: {
        struct sb_approval *slot = SB_PUSH(card->approvals);
        if (!slot)
            return sb_fail_nomem(err);
        if (body_record(e, "approval", &sb_approval_schema, slot, err)) {
            card->approvals_n--;
            return -1;
        }
        return 0;
    }
    case SB_ENTRY_BREAKGLASS:
        REPLACE(card->breakglass, &sb_breakglass_schema, "breakglass");
        return 0;
    case SB_ENTRY_REVIEW:
        return fold_review(card, e, err);
    case SB_ENTRY_APPROVAL_VOID:
        return void_approvals(card, e, err);
    case SB_ENTRY_STATE:
        return fold_state(card, e, err);
    case SB_ENTRY_STEP_INTENT:
        return fold_step(card, e, "sent", err);
    case SB_ENTRY_STEP_RESULT:
        return fold_step(card, e, "answered; reading back", err);
    case SB_ENTRY_STEP_PROBE:
        return fold_step(card, e, sb_json_str(e->body, "detail"), err);
    case SB_ENTRY_STEP_VERIFIED:
        return fold_step(card, e, json_is_true(json_object_get(e->body, "ok")) ? "verified" : "read-back failed", err);
    case SB_ENTRY_WATCH:
        REPLACE(card->report, &sb_watch_report_schema, "report");
        return 0;
    case SB_ENTRY_KNOBS:
        fold_knobs(card, e);
        return 0;
    case SB_ENTRY_HELD:
        return fold_held(card, e, err);
    case SB_ENTRY_PROOF:
    case SB_ENTRY_SUMMARY:
        return fold_proof(card, e, err);
    default:
        return 0; /* belongs to the card, changes nothing on it */
    }
}

int sb_card_fold(struct sb_card *card, const struct sb_entry *e, struct sb_err *err)
{
    if (fold_into_card(card, e, err))
        return -1;
    card->changed_at = e->ts;
    return 0;
}

int sb_case_fold(struct sb_case *c, const struct sb_entry *e, struct sb_err *err)
{
    switch (e->kind) {
    case SB_ENTRY_REQUEST:
        REPLACE(*c, &sb_case_schema, "case");
        return 0;
    case SB_ENTRY_INTENT:
        REPLACE(c->reading, &sb_reading_of_schema, "reading");
        return 0;
    case SB_ENTRY_HANDOFF: {
        struct sb_handoff *slot = SB_PUSH(c->handoffs);
        if (!slot)
            return sb_fail_nomem(err);
        if (body_record(e, "handoff", &sb_handoff_schema, slot, err)) {
            c->handoffs_n--;
            return -1;
        }
        return 0;
    }
    case SB_ENTRY_RECOMMENDATION:
        if (!e->plan.card)
            return unusable(e, "card", err);
        if (!sb_strs_has(c->cards, c->cards_n, e->plan.card) && sb_strs_push(&c->cards, &c->cards_n, e->plan.card))
            return sb_fail_nomem(err);
        return 0;
    case SB_ENTRY_CASE_CLOSE:
        if (sb_str_set(&c->outcome, sb_json_str(e->body, "outcome")))
            return sb_fail_nomem(err);
        c->closed_at = e->ts;
        return 0;
    default:
        return 0;
    }
}

int sb_anomaly_fold(struct sb_anomaly *a, const struct sb_entry *e, struct sb_err *err)
{
    if (e->kind == SB_ENTRY_ANOMALY) {
        struct sb_anomaly fresh;
        if (body_record(e, "anomaly", &sb_anomaly_schema, &fresh, err))
            return -1;
        if (!fresh.acked_by) { /* the detector does not know who took it */
            fresh.acked_by = a->acked_by;
            a->acked_by = NULL;
        }
        if (!fresh.remarks_n) { /* nor what was noted */
            fresh.remarks = a->remarks;
            fresh.remarks_n = a->remarks_n;
            a->remarks = NULL;
            a->remarks_n = 0;
        }
        sb_anomaly_release(a);
        *a = fresh;
    } else if (e->kind == SB_ENTRY_ACK) {
        if (sb_str_set(&a->acked_by, sb_json_str(e->body, "by")))
            return sb_fail_nomem(err);
    } else if (e->kind == SB_ENTRY_REMARK) {
        struct sb_remark fresh;
        if (body_record(e, "remark", &sb_remark_schema, &fresh, err))
            return -1;
        struct sb_remark *slot = SB_PUSH(a->remarks);
        if (!slot) {
            sb_record_release(&sb_remark_schema, &fresh);
            return sb_fail_nomem(err);
        }
        *slot = fresh;
    }
    return 0;
}

int sb_drill_level(const struct sb_entry *e)
{
    if (e->kind != SB_ENTRY_DRILL || !sb_streq(sb_json_str(e->body, "event"), "ended") || sb_streq(sb_json_str(e->body, "stage"), "guard"))
        return -1;
    bool simulated = sb_streq(sb_json_str(json_object_get(e->body, "cap"), "code"), "simulated");
    const char *level = sb_json_str(e->body, simulated && e->plan.simulated ? "level" : "policy_level");
    bool ok = json_is_true(json_object_get(e->body, "ok"));
    return ok && level && level[0] == 'L' && level[1] >= '1' && level[1] <= '5' ? level[1] - '0' : 0;
}
