/* SPDX-License-Identifier: Apache-2.0
 *
 * The other tabs of a card: evidence, policy, rollback, watch, history. Hand-offs are in case.c: they are the case's. */
#include "../state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- evidence ---- */

void view_facts(const struct sb_tui *t, const struct sb_evidence *e, size_t n, struct sb_page *p)
{
    char age[TEXT_MAX];
    for (size_t i = 0; i < n; i++) {
        sb_page_line(p);
        view_badge(p, e[i].coverage);
        int indent = p->width >= 60 ? 17 : 2; /* one column for all, wide enough for "[sampled 0.4 %]" */
        sb_page_tab(p, sb_page_column(p) < indent ? indent : sb_page_column(p) + 1);
        sb_page_wrapf(p, SB_ROLE_TEXT, indent, "%s: ", e[i].what ? e[i].what : "?");
        sb_page_wrap(p, SB_ROLE_STRONG, indent, e[i].value);
        sb_page_line(p);
        sb_page_tab(p, indent);
        sb_page_wrapf(p, SB_ROLE_DIM, indent, "%s%s%s", e[i].ns ? e[i].ns : "", e[i].ns && e[i].ns[0] ? ", " : "", e[i].source ? e[i].source : "?");
        if (e[i].taken_at) {
            int64_t now = deployment_now(t), ms = now ? gap(e[i].taken_at, now) : 0;
            fmt_left(age, ms < 0 ? 0 : ms);
            if (now)
                sb_page_wrapf(p, SB_ROLE_DIM, indent, ", %s old", age);
            else {
                fmt_when(age, e[i].taken_at, t->wall);
                sb_page_wrapf(p, SB_ROLE_DIM, indent, ", taken %s", age);
            }
        }
    }
}

void view_evidence(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    view_facts(t, c->evidence, c->evidence_n, p);
    if (c->evidence_n == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DOUBT, "The card rests on no evidence.");
    }
    if (c->beside_n) {
        view_heading(p, "Beside it (no part of what is approved)");
        view_facts(t, c->beside, c->beside_n, p);
    }
    if (c->shapes_n) {
        view_heading(p, "Shapes it serves");
        for (size_t i = 0; i < c->shapes_n; i++) {
            sb_page_line(p);
            sb_page_exact(p, SB_ROLE_TEXT, 2, c->shapes[i]);
        }
    }
    if (c->rejected_n) {
        view_heading(p, "Not proposed, and why");
        for (size_t i = 0; i < c->rejected_n; i++) {
            sb_page_line(p);
            sb_page_exact(p, SB_ROLE_TEXT, 2, c->rejected[i].key);
            sb_page_wrapf(p, SB_ROLE_DIM, 4, ": %s", c->rejected[i].reason ? c->rejected[i].reason : "");
        }
    }
}

/* ---- policy ---- */

static enum sb_role decision_role(int decision)
{
    return decision == SB_DENY ? SB_ROLE_BAD : decision == SB_ALLOW ? SB_ROLE_GOOD : SB_ROLE_DOUBT;
}

static void rule(const struct sb_rule_result *r, struct sb_page *p)
{
    bool error = r->result == SB_ERROR;
    sb_page_line(p);
    sb_page_text(p, r->decides ? SB_ROLE_CURSOR : SB_ROLE_TEXT, r->decides ? "> " : "  ");
    sb_page_field(p, SB_ROLE_ID, 9, r->id);
    sb_page_field(p, SB_ROLE_DIM, 9, sb_name(&sb_rule_levels, r->level));
    enum sb_role effect = r->result == SB_FALSE ? SB_ROLE_DIM : r->effect == SB_RULE_DENY ? SB_ROLE_BAD : SB_ROLE_TEXT;
    sb_page_field(p, effect, 8, sb_name(&sb_rule_effects, r->effect));
    sb_page_field(p, error ? SB_ROLE_BAD : r->result == SB_TRUE ? SB_ROLE_STRONG : SB_ROLE_DIM, 6, sb_name(&sb_truths, r->result));
    sb_page_wrap(p, SB_ROLE_TEXT, LABEL, r->title);
    if (r->message && r->message[0]) {
        sb_page_line(p);
        sb_page_tab(p, LABEL);
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, r->message);
    }
    const char *path;
    json_t *v;
    json_object_foreach(r->values, path, v) {
        char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        sb_page_line(p);
        sb_page_tab(p, LABEL);
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL + 2, "%s = %s", path, text ? text : "?");
        free(text);
    }
}

static void list(struct sb_page *p, const char *label, char *const *items, size_t n)
{
    if (n == 0)
        return;
    view_label(p, label);
    for (size_t i = 0; i < n; i++)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s%s", i ? ", " : "", items[i]);
}

/* Every decision about the card: whether it can be made here and now, and why not. */
static void possible(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    char why[512];
    view_heading(p, "What can be decided now, and why not");
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++) {
        if (!(sb_actions[a].flags & SB_DANGEROUS) || !(sb_actions[a].contexts & SB_AT(CARD)))
            continue;
        bool no = decision_refused(t, (enum sb_action)a, c, why);
        if (no && is_knob((enum sb_action)a))
            continue; /* most cards have none */
        const char *keys = sb_keymap_keys(t->keymap, SB_IN_CARD, (enum sb_action)a), *label = sb_actions[a].label[0] ? sb_actions[a].label : sb_actions[a].name;
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, "  ");
        sb_page_field(p, SB_ROLE_KEY, 4, keys);
        sb_page_field(p, no ? SB_ROLE_DIM : SB_ROLE_STRONG, 14, a == SB_ACT_PAUSE && c->state == SB_PAUSED ? "resume" : label);
        sb_page_wrap(p, no ? SB_ROLE_TEXT : SB_ROLE_GOOD, 20, no ? why : "yes");
    }
}

void view_policy(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    const struct sb_policy_verdict *v = &c->policy;
    view_label(p, "Decision");
    sb_page_text(p, decision_role(v->decision), sb_name(&sb_decisions, v->decision));
    sb_page_wrapf(p, SB_ROLE_DIM, LABEL, "  by %s %s", v->policy.bundle ? v->policy.bundle : "?", v->policy.version ? v->policy.version : "");
    if (v->policy.sha256)
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, " (%.8s)", v->policy.sha256);
    if (v->decision_id)
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, ", decision %s", v->decision_id);
    if (v->decision == SB_REQUIRE) {
        view_label(p, "Approvals");
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%" PRId64 "%s", sb_card_approvals_wanted(c), v->requires.not_author ? ", not by the author" : "");
        list(p, "Groups", v->requires.groups, v->requires.groups_n);
        list(p, "Windows", v->requires.windows, v->requires.windows_n);
        list(p, "Checks", v->requires.checks, v->requires.checks_n);
    }
    view_heading(p, "Rules that applied (> decides)");
    for (size_t i = 0; i < v->rules_n; i++)
        rule(&v->rules[i], p);
    if (v->rules_n == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, "  none: what no rule allows is denied");
    }
    if (v->would_flip_n) {
        view_heading(p, "What would change the answer");
        for (size_t i = 0; i < v->would_flip_n; i++) {
            sb_page_line(p);
            sb_page_mark(p, SB_ROLE_DIM, SB_MARK_DOT, 1);
            sb_page_wrapf(p, SB_ROLE_TEXT, 2, " %s", v->would_flip[i]);
        }
    }
    possible(t, c, p);
}

/* ---- rollback ---- */

void view_rollback(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    static const char *const labels[] = {"lossless: everything is as it was before", "lossy: not everything comes back", "impossible: there is no way back"};
    char why[256];
    sb_page_line(p);
    if (sb_lifecycle_next((enum sb_state)c->state, SB_EV_ROLLBACK))
        sb_page_wrap(p, SB_ROLE_TEXT, 0, "It can be rolled back now. The undo of what was done is carried out, the last step first:");
    else {
        sb_lifecycle_reason(why, sizeof why, (enum sb_state)c->state, SB_EV_ROLLBACK);
        sb_page_wrapf(p, SB_ROLE_TEXT, 0, "Not now: %s. This is how it would be taken back, the last step first:", why);
    }
    for (size_t i = c->steps_n; i-- > 0;) {
        const struct sb_step *s = &c->steps[i];
        sb_page_line(p);
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_TITLE, "Undo of step %" PRId64 "  ", s->n);
        bool known = s->undo_label >= 0 && s->undo_label < (int)SB_COUNT(labels);
        sb_page_wrap(p, s->undo_label == SB_UNDO_LOSSLESS ? SB_ROLE_GOOD : s->undo_label == SB_UNDO_LOSSY ? SB_ROLE_DOUBT : SB_ROLE_BAD, 2, known ? labels[s->undo_label] : "?");
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, "  ");
        if (s->undo)
            sb_page_exact(p, SB_ROLE_UNDO, 2, s->undo);
        else
            sb_page_text(p, SB_ROLE_BAD, "there is none");
    }
    if (c->steps_n == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, "This card sends no command: there is nothing to take back.");
    }
    (void)t;
}

/* ---- watch ---- */

/* Before, so far and the limit on one scale: twice the limit, so that the limit stands in the middle whatever was before. */
static void sparks(const struct sb_criterion *k, const struct trace *seen, struct sb_page *p)
{
    int64_t most = k->limit > 0 && k->limit < INT64_MAX / 2 ? 2 * k->limit : k->baseline;
    sb_page_line(p);
    sb_page_tab(p, 13);
    if (k->has_baseline) {
        sb_page_text(p, SB_ROLE_DIM, "before ");
        sb_page_spark(p, SB_ROLE_TEXT, &k->baseline, 1, most);
    }
    sb_page_text(p, SB_ROLE_DIM, k->has_baseline ? "  since " : "since ");
    sb_page_spark(p, SB_ROLE_STRONG, seen->value, seen->n, most);
    sb_page_text(p, SB_ROLE_DIM, "  limit ");
    sb_page_spark(p, SB_ROLE_TEXT, &k->limit, 1, most);
}

/* What the card said it would be, and how far what was measured is from it. */
static void prediction(const struct sb_criterion *k, const struct sb_watch_reading *r, struct sb_page *p)
{
    char said[TEXT_MAX];
    fmt_value(said, k->predicted, k->unit);
    sb_page_line(p);
    sb_page_tab(p, 13);
    sb_page_text(p, SB_ROLE_DIM, "said ");
    sb_page_field(p, SB_ROLE_TEXT, 14, said);
    sb_page_textf(p, SB_ROLE_DIM, " (%s)", k->badge && k->badge[0] ? k->badge : SB_BADGE_ESTIMATED);
    if (!r || !r->measured)
        return;
    struct sb_claim c = {.predicted = k->predicted, .measured = r->value, .ratio_ppm = sb_claim_ratio(k->predicted, r->value),
                         .tolerated_ppm = sb_claim_tolerated(k->metric), .badge = k->badge && k->badge[0] ? k->badge : (char[]){SB_BADGE_ESTIMATED}};
    c.kept = sb_claim_within(c.ratio_ppm, c.tolerated_ppm);
    sb_page_text(p, c.kept ? SB_ROLE_GOOD : SB_ROLE_DOUBT, " ");
    sb_page_wrapf(p, c.kept ? SB_ROLE_GOOD : SB_ROLE_DOUBT, 13, "%s: %.2f of what was said, tolerated %.2f", sb_claim_word(&c), (double)c.ratio_ppm / 1e6,
                  (double)c.tolerated_ppm / 1e6);
}

static void criterion(const struct sb_criterion *k, const struct sb_watch_reading *r, const struct trace *seen, bool ended, struct sb_page *p)
{
    char before[TEXT_MAX], now[TEXT_MAX], limit[TEXT_MAX];
    fmt_value(before, k->baseline, k->unit);
    fmt_value(limit, k->limit, k->unit);
    if (r && r->measured)
        fmt_value(now, r->value, k->unit);
    else
        snprintf(now, sizeof now, "-");
    sb_page_line(p);
    bool judged = r && r->measured;
    const char *word = !judged ? "not measured" : r->breached ? "breached" : "kept";
    sb_page_field(p, !judged ? SB_ROLE_DOUBT : r->breached ? SB_ROLE_BAD : SB_ROLE_GOOD, 13, word);
    sb_page_wrap(p, SB_ROLE_STRONG, 13, k->label && k->label[0] ? k->label : k->metric);
    if (k->decisive)
        sb_page_wrap(p, SB_ROLE_DIM, 13, "  (decisive)");
    sb_page_line(p);
    sb_page_tab(p, 13);
    sb_page_text(p, SB_ROLE_DIM, "before ");
    sb_page_field(p, SB_ROLE_TEXT, 12, k->has_baseline ? before : "-");
    sb_page_text(p, SB_ROLE_DIM, ended ? " at the verdict " : " now ");
    sb_page_field(p, judged ? SB_ROLE_STRONG : SB_ROLE_DOUBT, 12, now);
    sb_page_text(p, SB_ROLE_DIM, " limit ");
    sb_page_textf(p, SB_ROLE_TEXT, "%s %s", k->at_least ? ">=" : "<=", limit);
    if (k->has_predicted)
        prediction(k, r, p);
    sb_page_line(p);
    sb_page_tab(p, 13);
    if (judged) { /* how much of the limit is used up */
        sb_page_bar(p, 24, r->value, k->limit > 0 ? k->limit : 1);
        sb_page_textf(p, SB_ROLE_DIM, " of the limit, %" PRId64 " sample%s", r->samples, r->samples == 1 ? "" : "s");
        if (seen)
            sparks(k, seen, p);
    } else if (r && r->note) {
        sb_page_wrap(p, SB_ROLE_DOUBT, 13, r->note);
    }
    if (judged && r->breached && k->on_breach && k->on_breach[0])
        sb_page_wrapf(p, SB_ROLE_BAD, 13, "  remedy: %s", k->on_breach);
}

void view_watch(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    const struct sb_watch *w = &c->watch;
    const struct sb_watch_report *r = &c->report;
    char window[TEXT_MAX], left[TEXT_MAX], ops[TEXT_MAX], need[TEXT_MAX];
    fmt_left(window, ms_of(w->window_s));
    fmt_count(need, w->min_operations);
    fmt_count(ops, r->operations);
    view_label(p, "Verdict");
    if (r->verdict == SB_VERDICT_NONE)
        sb_page_text(p, SB_ROLE_DOUBT, r->opened_at ? "none yet: it is being measured" : "none yet: measuring begins when the last step is verified");
    else {
        sb_page_text(p, r->verdict == SB_VERDICT_PASS ? SB_ROLE_GOOD : r->verdict == SB_VERDICT_FAIL ? SB_ROLE_BAD : SB_ROLE_DOUBT, sb_name(&sb_verdicts, r->verdict));
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "  %s", r->reason ? r->reason : "");
    }
    if (r->remedy && r->remedy[0]) {
        view_label(p, "Remedy");
        sb_page_wrap(p, SB_ROLE_DANGER, LABEL, r->remedy);
    }
    view_label(p, "Window");
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s (%" PRId64 " s) once carried out, at least %s operations", window, w->window_s, need);
    if (r->opened_at) {
        /* the strip's time may lag behind the report's: before the window is as much as at its beginning */
        int64_t whole = gap(r->opened_at, r->ends_at), now = deployment_now(t), ms = gap(now, r->ends_at);
        bool ended = r->verdict != SB_VERDICT_NONE;
        fmt_left(left, ms < 0 ? 0 : ms > whole ? whole : ms);
        view_label(p, ended ? "Measured" : "So far");
        if (!ended && now)
            sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, "%s left; ", left);
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s operations in %" PRId64 " s", ops, r->observed_s);
        if (r->settling_s)
            sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "; the first %" PRId64 " s, in which plans and caches settle, are not counted", r->settling_s);
        if (r->missing_s)
            sb_page_wrapf(p, SB_ROLE_DOUBT, LABEL, "; %" PRId64 " s could not be observed", r->missing_s);
        sb_page_line(p);
        sb_page_tab(p, LABEL);
        int64_t past = ended ? ms_of(sb_watch_elapsed_s(r)) : gap(r->opened_at, now);
        sb_page_bar(p, 30, past < 0 ? 0 : past, whole);
        sb_page_text(p, SB_ROLE_DIM, " of the window");
    }
    if (r->measured && r->verdict == SB_VERDICT_NONE) {
        view_label(p, "Waits");
        sb_page_wrap(p, SB_ROLE_STRONG, LABEL, "what is measured stands; the verdict waits for the events below");
    }
    view_heading(p, "Criteria");
    for (size_t i = 0; i < w->criteria_n; i++)
        criterion(&w->criteria[i], i < r->readings_n ? &r->readings[i] : NULL, trace_of(t, c, i), r->verdict != SB_VERDICT_NONE, p);
}

/* ---- history ---- */

void view_entries(const struct sb_tui *t, const char *card, const char *case_id, struct sb_page *p)
{
    const struct audit *a = &t->audit;
    size_t shown = 0;
    for (size_t i = a->recent_n; i-- > 0;) {
        const struct sb_audit_row *r = &a->recent[i];
        bool of_card = card && r->card && sb_streq(r->card, card), of_case = case_id && r->case_id && sb_streq(r->case_id, case_id);
        if (!of_card && !of_case)
            continue;
        char when[TEXT_MAX];
        fmt_when(when, r->ts, t->wall);
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_ID, "#%" PRId64 " ", r->seq);
        sb_page_textf(p, SB_ROLE_DIM, "%s ", when);
        sb_page_textf(p, SB_ROLE_TEXT, "%s  ", r->actor ? r->actor : "?");
        sb_page_wrap(p, SB_ROLE_TEXT, 9, r->text);
        shown++;
    }
    if (shown == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIM, "none among the entries that are loaded");
    }
    sb_page_line(p);
    sb_page_wrap(p, SB_ROLE_DIM, 0, "The whole record: signalbox audit show ");
    sb_page_wrap(p, SB_ROLE_DIM, 0, case_id && case_id[0] ? case_id : "CASE");
}

void view_history(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_TITLE, "Ledger entries, the newest first");
    view_entries(t, c->id, c->case_id, p);
}
