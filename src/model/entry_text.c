/* SPDX-License-Identifier: Apache-2.0
 *
 * One line for people out of an entry: the audit pane, `audit tail`, the tour. */
#include <signalbox/base/clock.h>
#include <signalbox/model/entry.h>

static const char *text(const struct sb_entry *e, const char *path)
{
    const json_t *v = sb_json_path(e->body, path);
    return json_is_string(v) ? json_string_value(v) : "?";
}

static void step_text(const struct sb_entry *e, struct sb_str *out)
{
    sb_str_addf(out, "step %lld%s: ", (long long)sb_json_int(e->body, "step"),
                json_is_true(json_object_get(e->body, "undo")) ? " (undo)" : "");
}

static void watch_text(const struct sb_entry *e, struct sb_str *out)
{
    const char *verdict = text(e, "report.verdict");
    if (sb_streq(verdict, sb_name(&sb_verdicts, SB_VERDICT_NONE)))
        sb_str_addf(out, "watching: %lld s observed, %lld operations", (long long)json_integer_value(sb_json_path(e->body, "report.observed_s")),
                    (long long)json_integer_value(sb_json_path(e->body, "report.operations")));
    else
        sb_str_addf(out, "verdict %s: %s", verdict, text(e, "report.reason"));
}

static void request_text(const struct sb_entry *e, struct sb_str *out)
{
    int64_t missed = sb_json_int(e->body, "missed");
    sb_str_addf(out, "\"%s\"", text(e, "case.text"));
    if (json_is_string(sb_json_path(e->body, "planned")))
        sb_str_addf(out, ", planned for %s", text(e, "planned"));
    if (missed > 0)
        sb_str_addf(out, "; %lld before it %s missed", (long long)missed, missed == 1 ? "was" : "were");
}

static void clock_text(const struct sb_entry *e, struct sb_str *out)
{
    char by[64];
    int64_t jump = sb_json_int(e->body, "jump_ms"), already = sb_json_int(e->body, "already_run");
    sb_duration_format(by, sizeof by, jump < 0 ? (jump == INT64_MIN ? INT64_MAX : -jump) : jump);
    sb_str_addf(out, "the clock was set %s by %s", jump < 0 ? "back" : "forward", by);
    if (already > 0)
        sb_str_addf(out, "; %lld planned %s still to come by it %s run already and will not run again", (long long)already, already == 1 ? "run" : "runs", already == 1 ? "has" : "have");
}

void sb_entry_text(const struct sb_entry *e, struct sb_str *out)
{
    switch (e->kind) {
    case SB_ENTRY_START: sb_str_addf(out, "signalbox %s started", text(e, "version")); break;
    case SB_ENTRY_STOP: sb_str_addf(out, "stopped: %s", text(e, "reason")); break;
    case SB_ENTRY_LOGIN: sb_str_addf(out, "%s sat down (%s)", text(e, "seat.who"), text(e, "seat.how")); break;
    case SB_ENTRY_POLICY_LOAD: sb_str_addf(out, "policy %s %s in force", text(e, "policy.bundle"), text(e, "policy.version")); break;
    case SB_ENTRY_BOUND: sb_str_addf(out, "%s (%s) is %s", text(e, "deployment"), text(e, "environment"), text(e, "id")); break;
    case SB_ENTRY_REQUEST: request_text(e, out); break;
    case SB_ENTRY_INTENT: sb_str_addf(out, "read as %s: %s", text(e, "reading.intent"), text(e, "reading.reason")); break;
    case SB_ENTRY_VERDICT: sb_str_addf(out, "policy at %s: %s", text(e, "stage"), text(e, "verdict.decision")); break;
    case SB_ENTRY_HANDOFF: sb_str_addf(out, "%s -> %s: %s", text(e, "handoff.from"), text(e, "handoff.to"), text(e, "handoff.why")); break;
    case SB_ENTRY_COMMAND: sb_str_addf(out, "read on %s: %s", text(e, "member"), text(e, "command")); break;
    case SB_ENTRY_RECOMMENDATION: sb_str_addf(out, "proposed: %s", text(e, "card.title")); break;
    case SB_ENTRY_EDIT: sb_str_addf(out, "edited: %s", text(e, "diff")); break;
    case SB_ENTRY_APPROVAL: sb_str_addf(out, "approved %.12s", text(e, "approval.hash")); break;
    case SB_ENTRY_APPROVAL_VOID: sb_str_addf(out, "approvals void: %s", text(e, "reason")); break;
    case SB_ENTRY_STATE: sb_str_addf(out, "%s -> %s: %s", text(e, "from"), text(e, "to"), text(e, "note")); break;
    case SB_ENTRY_STEP_INTENT: step_text(e, out); sb_str_addf(out, "intent: %s", text(e, "command")); break;
    case SB_ENTRY_STEP_RESULT: step_text(e, out); sb_str_addf(out, "result %s", text(e, "outcome")); break;
    case SB_ENTRY_STEP_VERIFIED:
        step_text(e, out);
        sb_str_adds(out, json_is_true(json_object_get(e->body, "ok")) ? "verified by reading back" : "reading back found it not done");
        break;
    case SB_ENTRY_STEP_PROBE: step_text(e, out); sb_str_addf(out, "probe: %s", text(e, "found")); break;
    case SB_ENTRY_WATCH: watch_text(e, out); break;
    case SB_ENTRY_CASE_CLOSE: sb_str_addf(out, "case closed: %s", text(e, "outcome")); break;
    case SB_ENTRY_ANOMALY: sb_str_addf(out, "%s%s", text(e, "anomaly.title"), json_is_string(sb_json_path(e->body, "anomaly.to")) ? " (over)" : ""); break;
    case SB_ENTRY_ACK: sb_str_addf(out, "taken by %s", text(e, "by")); break;
    case SB_ENTRY_SAMPLER: sb_str_addf(out, "sampler: %lld commands, %lld errors", (long long)sb_json_int(e->body, "commands"), (long long)sb_json_int(e->body, "errors")); break;
    case SB_ENTRY_REFUSED: sb_str_addf(out, "refused %s: %s", text(e, "ask"), text(e, "why")); break;
    case SB_ENTRY_BREAKGLASS:
        sb_str_addf(out, "BREAK-GLASS by %s until %s, %s: %s", text(e, "breakglass.by"), text(e, "breakglass.until"), text(e, "breakglass.ticket"), text(e, "breakglass.reason"));
        break;
    case SB_ENTRY_REVIEW: sb_str_addf(out, "break-glass reviewed by %s: %s", text(e, "by"), text(e, "reason")); break;
    case SB_ENTRY_AUTONOMY:
        sb_str_addf(out, "%s in %s lowered from L%lld to L%lld: %s", text(e, "kind"), text(e, "environment"), (long long)sb_json_int(e->body, "level"),
                    (long long)sb_json_int(e->body, "lowered_to"), text(e, "reason"));
        break;
    case SB_ENTRY_SCHEDULE: sb_str_addf(out, "schedule %s %s: %s run \"%s\"", text(e, "name"), text(e, "event"), text(e, "when"), text(e, "request")); break;
    case SB_ENTRY_CLOCK: clock_text(e, out); break;
    default: sb_str_adds(out, "?");
    }
}

static void add_word(struct sb_str *out, const char *text)
{
    if (!text || !text[0])
        return;
    if (out->len)
        sb_str_add(out, "  ", 2);
    sb_str_adds(out, text);
}

void sb_audit_row_words(const struct sb_audit_row *row, struct sb_str *out)
{
    char number[24];
    snprintf(number, sizeof number, "#%lld", (long long)row->seq);
    add_word(out, number);
    add_word(out, row->actor);
    add_word(out, row->kind);
    add_word(out, row->card);
    add_word(out, row->case_id);
    add_word(out, row->text);
}

int sb_entry_row(const struct sb_entry *e, struct sb_audit_row *row)
{
    *row = (struct sb_audit_row){.seq = e->seq, .ts = e->ts};
    struct sb_str line;
    sb_str_init(&line);
    sb_entry_text(e, &line);
    row->text = sb_str_take(&line);
    if (!row->text || sb_str_set(&row->kind, sb_name(&sb_entry_kinds, e->kind)) || sb_str_set(&row->actor, e->actor.principal) ||
        sb_str_set(&row->case_id, e->plan.case_id) || sb_str_set(&row->card, e->plan.card)) {
        sb_record_release(&sb_audit_row_schema, row);
        return -1;
    }
    return 0;
}
