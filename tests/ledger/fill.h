/* SPDX-License-Identifier: Apache-2.0
 *
 * fill.h - a ledger with something in it: whole cases as an orchestrator would write them. */
#ifndef SIGNALBOX_TESTS_LEDGER_FILL_H
#define SIGNALBOX_TESTS_LEDGER_FILL_H

#include "test.h"

#include <signalbox/ledger/ledger.h>

#include <string.h>

#define FILL_CASE_ENTRIES 21

static const char fill_command[] = "{\"createIndexes\":\"orders\",\"indexes\":[{\"key\":{\"status\":{\"$numberInt\":\"1\"}},\"name\":\"status_1\"}],\"$db\":\"shop\"}";

static inline struct sb_ledger *fill_own(const char *dir, struct sb_origin *origin)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *l = sb_ledger_open(dir, SB_LEDGER_OWN, origin, &err);
    if (!l)
        fail_msg("%s", err.msg);
    return l;
}

/* One entry as it may be appended; release it. */
static inline struct sb_entry fill_entry(int kind, const char *case_id, const char *card, const char *anomaly, json_t *body)
{
    struct sb_entry e = {.kind = kind, .body = body};
    assert_non_null(body);
    assert_int_equal(sb_str_set(&e.actor.principal, "alice") | sb_str_set(&e.actor.loginuid, "1000") | sb_str_set(&e.plan.case_id, case_id) |
                         sb_str_set(&e.plan.card, card) | sb_str_set(&e.plan.anomaly, anomaly) | sb_str_set(&e.plan.deployment, "shop"),
                     0);
    return e;
}

static inline json_t *fill_card(const char *id, const char *case_id)
{
    struct sb_card c = {.revision = 1, .kind = SB_KIND_CREATE_INDEX, .created_at = INT64_C(1767603600000)};
    assert_int_equal(sb_str_set(&c.id, id) | sb_str_set(&c.case_id, case_id) | sb_str_set(&c.title, "Create index status_1 on shop.orders") |
                         sb_str_set(&c.author, "index_optimizer") | sb_str_set(&c.requested_by, "alice") | sb_str_set(&c.target, "shop.orders") |
                         sb_str_set(&c.why, "Every read of open orders examines the whole collection: caf\xC3\xA9, \xF0\x9F\x98\x80, a tab\t and \"quotes\"."),
                     0);
    struct sb_step *step = SB_PUSH(c.steps);
    assert_non_null(step);
    step->n = 1;
    assert_int_equal(sb_str_set(&step->action, fill_command) | sb_str_set(&step->undo, "{\"dropIndexes\":\"orders\",\"index\":\"status_1\",\"$db\":\"shop\"}"), 0);
    assert_int_equal(sb_evidence_add(&c.evidence, &c.evidence_n, "slow query log of db1", "shop.orders", "documents examined per returned", "20000 to 1",
                                     "measured", INT64_C(1767603600000)), 0);
    json_t *json = json_pack("{s:o}", "card", sb_record_to_json(&sb_card_schema, &c));
    sb_card_release(&c);
    return json;
}

static inline json_t *fill_case_body(const char *id, const char *text)
{
    struct sb_case c = {.opened_at = INT64_C(1767603600000)};
    assert_int_equal(sb_str_set(&c.id, id) | sb_str_set(&c.text, text) | sb_str_set(&c.requested_by, "alice"), 0);
    json_t *json = json_pack("{s:o}", "case", sb_record_to_json(&sb_case_schema, &c));
    sb_case_release(&c);
    return json;
}

static inline json_t *fill_anomaly(const char *id, bool over)
{
    struct sb_anomaly a = {.from = INT64_C(1767603600000), .detected_at = INT64_C(1767603660000), .to = over ? INT64_C(1767603900000) : 0};
    assert_int_equal(sb_str_set(&a.id, id) | sb_str_set(&a.title, "Reads of shop.orders take 38 times as long"), 0);
    json_t *json = json_pack("{s:o}", "anomaly", sb_record_to_json(&sb_anomaly_schema, &a));
    sb_anomaly_release(&a);
    return json;
}

static inline json_t *fill_state(const char *event, const char *from, const char *to)
{
    return json_pack("{s:s,s:s,s:s,s:s}", "event", event, "from", from, "to", to, "note", "because");
}

static inline json_t *fill_verdict(const char *stage, const char *decision)
{
    return json_pack("{s:s,s:{s:s,s:[],s:{s:i,s:[],s:[],s:[]},s:[],s:{s:s,s:s}},s:{s:i,s:s,s:{s:s,s:[s]}}}", "stage", stage, "verdict", "decision", decision,
                     "rules", "requires", "approvals", 1, "groups", "windows", "checks", "would_flip", "policy", "bundle", "default", "version", "1",
                     "input", "v", 1, "stage", stage, "action", "kind", "index.create", "ns", "shop.orders");
}

struct fill {
    struct sb_ledger *l;
    char case_id[16], card[16], anomaly[16];
    int64_t appended; /* acknowledged */
};

static inline void fill_add(struct fill *f, int kind, json_t *body, const char *decision)
{
    struct sb_err err = SB_ERR_INIT;
    bool of_card = kind != SB_ENTRY_REQUEST && kind != SB_ENTRY_INTENT && kind != SB_ENTRY_ANOMALY;
    struct sb_entry e = fill_entry(kind, kind == SB_ENTRY_ANOMALY ? NULL : f->case_id, of_card ? f->card : NULL, kind == SB_ENTRY_ANOMALY ? f->anomaly : NULL, body);
    assert_int_equal(sb_str_set(&e.decision, decision), 0);
    sb_assert_ok(sb_ledger_append(f->l, &e, &err), err);
    f->appended++;
    sb_entry_release(&e);
}

static inline void fill_intent(struct fill *f, bool undo, const char *nonce)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_permit permit;
    struct sb_entry e = fill_entry(SB_ENTRY_STEP_INTENT, f->case_id, f->card, NULL, json_pack("{s:i,s:i,s:b}", "step", 1, "try", 1, "undo", undo));
    sb_assert_ok(sb_ledger_intent(f->l, &e, fill_command, "rs-1", nonce, &permit, &err), err);
    f->appended++;
    sb_entry_release(&e);
}

static inline void fill_names(struct fill *f, struct sb_ledger *l, int n)
{
    *f = (struct fill){.l = l};
    snprintf(f->case_id, sizeof f->case_id, "K-%06d", n);
    snprintf(f->card, sizeof f->card, "C-%06d", n);
    snprintf(f->anomaly, sizeof f->anomaly, "A-%06d", n);
}

/* Anomaly, case and card, all still open: five entries. */
static inline void fill_open_case(struct sb_ledger *l, int n)
{
    struct fill f;
    fill_names(&f, l, n);
    fill_add(&f, SB_ENTRY_ANOMALY, fill_anomaly(f.anomaly, false), NULL);
    fill_add(&f, SB_ENTRY_REQUEST, fill_case_body(f.case_id, "orders is slow"), NULL);
    fill_add(&f, SB_ENTRY_RECOMMENDATION, fill_card(f.card, f.case_id), NULL);
    fill_add(&f, SB_ENTRY_STATE, fill_state("propose", "draft", "proposed"), NULL);
    fill_add(&f, SB_ENTRY_STATE, fill_state("require", "proposed", "awaiting_approval"), NULL);
}

/* A case from anomaly and request to a verdict: FILL_CASE_ENTRIES entries. */
static inline void fill_case(struct sb_ledger *l, int n)
{
    struct fill f;
    char nonce[40], decision[16], text[80];
    fill_names(&f, l, n);
    snprintf(nonce, sizeof nonce, "nonce-%d", n);
    snprintf(decision, sizeof decision, "d-%06d", n);
    snprintf(text, sizeof text, "orders is slow, says no. %d", n);
    fill_add(&f, SB_ENTRY_ANOMALY, fill_anomaly(f.anomaly, false), NULL);
    fill_add(&f, SB_ENTRY_REQUEST, fill_case_body(f.case_id, text), NULL);
    fill_add(&f, SB_ENTRY_INTENT, json_pack("{s:{s:s,s:i,s:i,s:{},s:s}}", "reading", "intent", "index.review", "confidence_ppm", 900000, "runner_up_ppm", 0, "slots", "reason", "slow"), NULL);
    fill_add(&f, SB_ENTRY_HANDOFF, json_pack("{s:{s:s,s:s,s:s,s:s,s:[]}}", "handoff", "from", "anomaly_detector", "to", "index_optimizer", "at",
                                             "2026-01-05T09:00:00.000Z", "why", "an unindexed field", "evidence"), NULL);
    fill_add(&f, SB_ENTRY_RECOMMENDATION, fill_card(f.card, f.case_id), NULL);
    fill_add(&f, SB_ENTRY_STATE, fill_state("propose", "draft", "proposed"), NULL);
    fill_add(&f, SB_ENTRY_VERDICT, fill_verdict("gate", "require"), decision);
    fill_add(&f, SB_ENTRY_STATE, fill_state("require", "proposed", "awaiting_approval"), NULL);
    fill_add(&f, SB_ENTRY_APPROVAL, json_pack("{s:{s:s,s:s,s:i,s:s,s:s}}", "approval", "by", "alice", "hash", "00", "revision", 1, "at", "2026-01-05T09:01:00.000Z", "nonce", nonce), NULL);
    fill_add(&f, SB_ENTRY_STATE, fill_state("approved", "awaiting_approval", "approved"), NULL);
    fill_add(&f, SB_ENTRY_VERDICT, fill_verdict("execute", "allow"), NULL);
    fill_add(&f, SB_ENTRY_STATE, fill_state("start", "approved", "executing"), NULL);
    fill_intent(&f, false, nonce);
    fill_add(&f, SB_ENTRY_STEP_RESULT, json_pack("{s:i,s:i,s:b,s:s,s:i}", "step", 1, "try", 1, "undo", 0, "outcome", "ok", "millis", 4100), NULL);
    fill_add(&f, SB_ENTRY_STEP_VERIFIED, json_pack("{s:i,s:b,s:b,s:[]}", "step", 1, "undo", 0, "ok", 1, "checks"), NULL);
    fill_add(&f, SB_ENTRY_STATE, fill_state("steps_done", "executing", "watching"), NULL);
    fill_add(&f, SB_ENTRY_WATCH, json_pack("{s:{s:i,s:i,s:i,s:s,s:s}}", "report", "observed_s", 300, "missing_s", 0, "operations", 5000, "verdict", "PASS", "reason", "every criterion held"), NULL);
    fill_add(&f, SB_ENTRY_STATE, fill_state("watch_pass", "watching", "done"), NULL);
    fill_add(&f, SB_ENTRY_ANOMALY, fill_anomaly(f.anomaly, true), NULL);
    fill_add(&f, SB_ENTRY_CASE_CLOSE, json_pack("{s:s}", "outcome", "the index helped"), NULL);
    fill_add(&f, SB_ENTRY_COMMAND, json_pack("{s:s,s:s,s:i}", "member", "db1", "command", "{\"ping\":1}", "millis", 2), NULL);
    assert_int_equal(f.appended, FILL_CASE_ENTRIES);
}

#endif
