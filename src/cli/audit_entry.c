/* SPDX-License-Identifier: Apache-2.0
 *
 * One entry for people: its line, and below it all that a reader of the record needs to judge it. Texts from outside are made
 * flat first: one that holds a line end could put a line of its own among those of the record. */
#include "audit.h"
#include "flat.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/card_text.h>
#include <signalbox/cli/command.h>
#include <signalbox/policy/policy.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int flat_card(const struct sb_card *card, struct sb_card *out)
{
    json_t *raw = sb_record_to_json(&sb_card_schema, card), *json = raw ? sb_flat(raw) : NULL;
    int rc = json ? sb_record_from_json(&sb_card_schema, out, json, NULL) : -1;
    json_decref(raw);
    json_decref(json);
    return rc;
}

/* ---- parts ---- */

/* A text of the body along a dotted path; NULL where there is none. */
static const char *text(const struct sb_entry *e, const char *path)
{
    return json_string_value(sb_json_path(e->body, path));
}

static int64_t number(const struct sb_entry *e, const char *path)
{
    return (int64_t)json_integer_value(sb_json_path(e->body, path));
}

static double percent(int64_t ppm)
{
    return (double)ppm / 1e4;
}

/* "  label  text", nothing where there is no text. */
static void field(const char *label, const char *value)
{
    char *one_line = value && value[0] ? sb_flat_text(value, strlen(value)) : NULL;
    if (one_line)
        sb_print("  %-9s %s\n", label, one_line);
    free(one_line);
}

void sb_audit_line(const struct sb_entry *e)
{
    char at[SB_TIME_LEN + 1];
    struct sb_str line;
    sb_str_init(&line);
    sb_entry_text(e, &line);
    sb_time_format(at, e->ts);
    char *who = sb_flat_text(e->actor.principal ? e->actor.principal : "-", e->actor.principal ? strlen(e->actor.principal) : 1), *what = sb_flat_text(line.p, line.len);
    sb_print("%s  #%-5" PRId64 " %-16s %s%s\n", at, e->seq, who ? who : "?", e->plan.simulated ? "[simulated] " : "", what ? what : "?");
    free(who);
    free(what);
    sb_str_release(&line);
}

/* ---- details, by kind ---- */

static void anomaly(const struct sb_entry *e)
{
    struct sb_anomaly a;
    if (sb_record_from_json(&sb_anomaly_schema, &a, json_object_get(e->body, "anomaly"), NULL))
        return;
    sb_print("  class     %s, confidence %.0f %%%s%s\n", sb_name(&sb_anomaly_classes, a.class_), percent(a.confidence_ppm), a.class_reason ? ": " : "",
             a.class_reason ? a.class_reason : "");
    for (size_t i = 0; i < a.signals_n; i++)
        sb_print("  signal    %s %s%s%s %" PRId64 " -> %" PRId64 " %s\n", a.signals[i].metric, a.signals[i].subject ? a.signals[i].subject : "", a.signals[i].shard ? " on " : "", a.signals[i].shard ? a.signals[i].shard : "", a.signals[i].baseline,
                 a.signals[i].value, a.signals[i].unit ? a.signals[i].unit : "");
    for (size_t i = 0; i < a.causes_n; i++)
        sb_print("  suspect   %" PRId64 ". %s (%.0f %%)%s%s\n", a.causes[i].rank, a.causes[i].what, percent(a.causes[i].confidence_ppm),
                 a.causes[i].evidence ? ": " : "", a.causes[i].evidence ? a.causes[i].evidence : "");
    sb_anomaly_release(&a);
}

static void intent(const struct sb_entry *e)
{
    sb_print("  read with confidence %.0f %%", percent(number(e, "reading.confidence_ppm")));
    if (text(e, "reading.runner_up"))
        sb_print("; next best %s, %.0f %%", text(e, "reading.runner_up"), percent(number(e, "reading.runner_up_ppm")));
    sb_print("\n");
}

static void verdict(const struct sb_entry *e)
{
    struct sb_policy_verdict v;
    if (sb_record_from_json(&sb_policy_verdict_schema, &v, json_object_get(e->body, "verdict"), NULL))
        return;
    struct sb_str page;
    sb_str_init(&page);
    sb_policy_explain(json_object_get(e->body, "input"), &v, &page);
    for (const char *p = page.p; *p;) {
        int n = (int)strcspn(p, "\n");
        sb_print("  %.*s\n", n, p);
        p += n + (p[n] == '\n');
    }
    field("decision", e->decision);
    field("bundle", e->policy);
    sb_str_release(&page);
    sb_policy_verdict_release(&v);
}

static void handoff(const struct sb_entry *e)
{
    struct sb_handoff h;
    field("risk", text(e, "handoff.risk"));
    if (text(e, "handoff.otherwise"))
        field("else", text(e, "handoff.otherwise"));
    if (sb_record_from_json(&sb_handoff_schema, &h, json_object_get(e->body, "handoff"), NULL))
        return;
    for (size_t i = 0; i < h.evidence_n; i++)
        sb_print("  evidence  [%s] %s%s%s: %s, from %s\n", h.evidence[i].coverage, h.evidence[i].ns ? h.evidence[i].ns : "", h.evidence[i].ns ? " " : "",
                 h.evidence[i].what ? h.evidence[i].what : "", h.evidence[i].value, h.evidence[i].source);
    sb_record_release(&sb_handoff_schema, &h);
}

static void contract(const struct sb_entry *e, const struct sb_card *card)
{
    if (e->kind == SB_ENTRY_EDIT) {
        size_t i;
        json_t *set;
        json_array_foreach(json_object_get(e->body, "sets"), i, set)
            sb_print("  set       %s = %s\n", sb_json_str(set, "key") ? sb_json_str(set, "key") : "?", sb_json_str(set, "value") ? sb_json_str(set, "value") : "?");
    }
    if (card) {
        sb_card_print_contract(card);
        field("hash", card->hash);
    }
}

static void approval(const struct sb_entry *e)
{
    sb_print("  for revision %" PRId64 ", through %s\n", number(e, "approval.revision"), text(e, "approval.how") ? text(e, "approval.how") : "?");
    field("hash", text(e, "approval.hash"));
    field("nonce", text(e, "approval.nonce"));
    if (text(e, "statement.cp.root"))
        sb_print("  ledger    %" PRId64 " entries with the root %s\n", number(e, "statement.cp.n"), text(e, "statement.cp.root"));
}

static void step_intent(const struct sb_entry *e)
{
    field("sha256", text(e, "sha256"));
    if (number(e, "try") > 1)
        sb_print("  try       %" PRId64 "\n", number(e, "try"));
    if (text(e, "nonce"))
        sb_print("  starts    what the approval %s allowed, and uses it up\n", text(e, "nonce"));
}

static void step_result(const struct sb_entry *e)
{
    if (json_is_true(json_object_get(e->body, "recovered")))
        sb_print("  recovered: nobody saw the answer; the state was read back\n");
    else
        sb_print("  after     %" PRId64 " ms\n", number(e, "millis"));
    if (number(e, "code"))
        sb_print("  code      %" PRId64 "\n", number(e, "code"));
    field("message", text(e, "message"));
    field("reply", text(e, "reply"));
}

static void checks(const struct sb_entry *e)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(e->body, "checks"), i, one)
        sb_print("  check     %s: %s%s%s\n", sb_json_str(one, "check") ? sb_json_str(one, "check") : "?", sb_json_str(one, "result") ? sb_json_str(one, "result") : "?",
                 sb_json_str(one, "text") ? ", " : "", sb_json_str(one, "text") ? sb_json_str(one, "text") : "");
}

static void watch(const struct sb_card *card)
{
    if (card && card->report.verdict) {
        sb_card_print_report(card);
        field("remedy", card->report.remedy);
    }
}

static void details(const struct sb_entry *e, const struct sb_card *card)
{
    switch (e->kind) {
    case SB_ENTRY_ANOMALY: anomaly(e); break;
    case SB_ENTRY_REQUEST: field("asked by", text(e, "case.requested_by")); break;
    case SB_ENTRY_INTENT: intent(e); break;
    case SB_ENTRY_VERDICT: verdict(e); break;
    case SB_ENTRY_HANDOFF: handoff(e); break;
    case SB_ENTRY_COMMAND: field("error", text(e, "error")); break;
    case SB_ENTRY_RECOMMENDATION:
    case SB_ENTRY_EDIT: contract(e, card); break;
    case SB_ENTRY_APPROVAL: approval(e); break;
    case SB_ENTRY_STEP_INTENT: step_intent(e); break;
    case SB_ENTRY_STEP_RESULT: step_result(e); break;
    case SB_ENTRY_STEP_VERIFIED: checks(e); break;
    case SB_ENTRY_STEP_PROBE: field("found", text(e, "detail")); break;
    case SB_ENTRY_WATCH: watch(card); break;
    default: break; /* the line says it all */
    }
}

void sb_audit_details(const struct sb_entry *e, const struct sb_card *card)
{
    struct sb_entry shown = *e;
    struct sb_card shown_card;
    bool has_card = card && card->id && flat_card(card, &shown_card) == 0;
    shown.body = sb_flat(e->body);
    if (shown.body)
        details(&shown, has_card ? &shown_card : NULL);
    json_decref(shown.body);
    if (has_card)
        sb_card_release(&shown_card);
}
