/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/cli/card_text.h>
#include <signalbox/cli/command.h>

#include "flat.h"

#include <inttypes.h>

static void print_evidence(const struct sb_evidence *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_print("  [%s] %s%s%s: %s\n      from %s\n", e[i].coverage, e[i].ns ? e[i].ns : "", e[i].ns ? " " : "", e[i].what ? e[i].what : "", e[i].value, e[i].source);
}

/* How a step goes that is more than one command. */
static void work(const struct sb_step_work *w)
{
    if (sb_streq(w->how, "batches"))
        sb_print("    in batches of %" PRId64 " documents by _id, at least %" PRId64 " ms apart while others work; held back by a lag over %" PRId64 " s, more than %" PRId64 " queued, a cache over %" PRId64
                 " %%, an oplog under %" PRId64 " s\n",
                 w->docs, w->delay_ms, w->max_lag_s, w->max_queued, w->max_cache_ppm / 10000, w->min_oplog_s);
    else if (w->how)
        sb_print("    until %" PRId64 " writes have kept to it, for %" PRId64 " s without one that did not\n", w->writes, w->quiet_s);
}

static void touches(const struct sb_blast_radius *b)
{
    sb_print("  touches %" PRId64 " documents, ", b->documents);
    if (b->bytes || !b->documents)
        sb_print("%" PRId64 " bytes, ", b->bytes);
    sb_print("on %" PRId64 " members; ", b->members);
    if (b->reads_per_s_milli || b->writes_per_s_milli)
        sb_print("%.1f reads/s, %.1f writes/s; lock: %s\n", (double)b->reads_per_s_milli / 1000, (double)b->writes_per_s_milli / 1000, b->lock);
    else
        sb_print("no traffic measured; lock: %s\n", b->lock);
}

static void watched(const struct sb_watch *w)
{
    sb_print("watch criteria\n");
    for (size_t i = 0; i < w->criteria_n; i++) {
        const struct sb_criterion *k = &w->criteria[i];
        sb_print("  %s %s %" PRId64 " %s%s", k->label, k->at_least ? "at least" : "at most", k->limit, k->unit ? k->unit : "", k->decisive ? " (decides)" : "");
        if (k->has_baseline)
            sb_print(", now %" PRId64, k->baseline);
        if (k->has_predicted)
            sb_print(", predicted %" PRId64 " (%s)", k->predicted, k->badge ? k->badge : SB_BADGE_ESTIMATED);
        sb_print("\n");
    }
    sb_print("  over %" PRId64 " s and at least %" PRId64 " operations\n", w->window_s, w->min_operations);
}

static void contract(const struct sb_card *c)
{
    sb_print("%s revision %" PRId64 " of %s: %s\n  why: %s\n  risk %s, confidence %.0f %%, written by %s, asked for by %s\n", c->id, c->revision, c->case_id, c->title,
             c->why, sb_name(&sb_levels, c->risk), (double)c->confidence_ppm / 1e4, c->author, c->requested_by);
    if (c->phase)
        sb_print("  phase %s%s%s\n", c->phase, c->after ? ", after " : "", c->after ? c->after : "");
    for (size_t i = 0; i < c->steps_n; i++) {
        sb_print("  step %" PRId64 " (class %s, %s)\n    do    %s\n", c->steps[i].n, sb_name(&sb_step_classes, c->steps[i].class_), sb_name(&sb_controls, c->steps[i].control),
                 c->steps[i].action);
        if (c->steps[i].undo)
            sb_print("    undo  %s\n          %s\n", c->steps[i].undo, sb_name(&sb_undo_labels, c->steps[i].undo_label));
        else
            sb_print("    undo  none: %s\n", sb_step_only_looks(&c->steps[i]) ? "it only looks" : sb_name(&sb_undo_labels, c->steps[i].undo_label));
        work(&c->steps[i].work);
    }
    for (size_t i = 0; i < c->notes_n; i++) {
        sb_print("  %s\n", c->notes[i].title);
        for (size_t k = 0; k < c->notes[i].lines_n; k++)
            sb_print("    | %s\n", c->notes[i].lines[k]);
    }
    if (c->kind != SB_KIND_ADVISORY)
        touches(&c->blast_radius);
    if (c->kind == SB_KIND_CREATE_INDEX)
        sb_print("  saves %.0f documents examined a second; costs about %" PRId64 " bytes and %.1f keys written a second\n", (double)c->impact.docs_saved / 1000,
             c->impact.bytes, (double)c->impact.writes_per_s_milli / 1000);
    sb_print("evidence\n");
    print_evidence(c->evidence, c->evidence_n);
    if (c->beside_n)
        sb_print("beside it (no part of what is approved)\n");
    print_evidence(c->beside, c->beside_n);
    for (size_t i = 0; i < c->rejected_n; i++)
        sb_print("  not proposed: %s: %s\n", c->rejected[i].key, c->rejected[i].reason);
    if (c->kind != SB_KIND_ADVISORY)
        watched(&c->watch);
}

static void policy(const struct sb_card *c)
{
    sb_print("%s by %s %s, decision %s\n", sb_name(&sb_decisions, c->policy.decision), c->policy.policy.bundle, c->policy.policy.version, c->policy.decision_id);
    for (size_t i = 0; i < c->policy.rules_n; i++)
        if (c->policy.rules[i].decides)
            sb_print("  %s: %s\n", c->policy.rules[i].id, c->policy.rules[i].title);
    for (size_t i = 0; i < c->policy.would_flip_n; i++)
        sb_print("  would change it: %s\n", c->policy.would_flip[i]);
}

static void report(const struct sb_card *c)
{
    sb_print("%s: %s\n", sb_name(&sb_verdicts, c->report.verdict), c->report.reason ? c->report.reason : "");
    for (size_t i = 0; i < c->report.readings_n && i < c->watch.criteria_n; i++) {
        const struct sb_criterion *k = &c->watch.criteria[i];
        const struct sb_watch_reading *r = &c->report.readings[i];
        sb_print("  %-62s ", k->label);
        if (k->has_baseline)
            sb_print("before %" PRId64 ", ", k->baseline);
        if (r->measured)
            sb_print("after %" PRId64 ", limit %" PRId64 " %s%s\n", r->value, k->limit, k->unit ? k->unit : "", !r->breached ? "" : k->at_least ? "  <- under" : "  <- over");
        else
            sb_print("not measured: %s\n", r->note ? r->note : "");
    }
    if (c->report.claims_n)
        sb_print("predicted against measured\n");
    for (size_t i = 0; i < c->report.claims_n; i++) {
        const struct sb_claim *k = &c->report.claims[i];
        sb_print("  %-62s said %" PRId64 " (%s), is %" PRId64 " %s, %s: factor %.2f, tolerated %.2f\n", k->label ? k->label : k->metric, k->predicted, k->badge, k->measured,
                 k->unit ? k->unit : "", sb_claim_word(k), (double)k->ratio_ppm / 1e6, (double)k->tolerated_ppm / 1e6);
    }
}

/* What is under way, and what has passed its limit meanwhile. */
static void running(const struct sb_card *c)
{
    const struct sb_progress *g = &c->progress;
    char left[32];
    if (!g->step)
        return;
    sb_print("%s step %" PRId64 " of %zu%s%s", g->undoing ? "undoing" : "running", g->step, c->steps_n, g->phase ? ": " : "", g->phase ? g->phase : "");
    if (g->total > 0)
        sb_print(", %" PRId64 " of %" PRId64, g->done, g->total);
    sb_duration_format(left, sizeof left, g->eta_ms);
    if (g->eta_ms > 0)
        sb_print(", about %s left", left);
    sb_print("%s%s\n", g->quorum ? "; committed when the quorum has it: " : "", g->quorum ? g->quorum : "");
    if (g->alarm)
        sb_print("ALARM: %s\n", g->alarm);
}

static const char *glass_text(const struct sb_card *c, char out[200])
{
    const struct sb_breakglass *g = &c->breakglass;
    char until[SB_TIME_LEN + 1];
    sb_time_format(until, g->until);
    out[0] = '\0';
    if (sb_card_glass_broken(c, sb_wall_ms()))
        snprintf(out, 200, "BREAK-GLASS until %s by %.60s", until, g->by);
    else if (g->id && !g->reviewed_by)
        snprintf(out, 200, "BREAK-GLASS by %.60s is over and has to be reviewed", g->by);
    else if (g->id)
        snprintf(out, 200, "break-glass by %.60s, reviewed by %.60s", g->by, g->reviewed_by);
    return out;
}

/* When the window opens that it waits for; NULL: it waits for none. */
static const char *starts(const struct sb_card *c)
{
    return c->state == SB_SCHEDULED && c->policy.waits_until ? c->policy.waits_until_local : NULL;
}

static void line(const struct sb_card *c)
{
    char glass[200];
    if (glass_text(c, glass)[0] == 'B')
        sb_print("!! %s: %s\n", c->id, glass);
    sb_print("%s  r%-2" PRId64 " %-18s %-5s %s%s%s%s\n", c->id, c->revision, sb_name(&sb_states, c->state), sb_name(&sb_levels, c->risk), c->title,
             c->simulated ? "  (SIMULATED)" : "", starts(c) ? "  starts " : "", starts(c) ? starts(c) : "");
}

/* Whether a person may still approve it, perhaps after it was measured anew; no other state is told to. */
static bool undecided(const struct sb_card *c)
{
    return c->state == SB_DRAFT || c->state == SB_PROPOSED || c->state == SB_AWAITING_APPROVAL || c->state == SB_STALE;
}

static bool ended(const struct sb_card *c)
{
    return !sb_state_open((enum sb_state)c->state) || c->closed;
}

/* What is wanted before it can start, or that it went without; then who approved, and whether that still counts. */
static void approvals(const struct sb_card *c)
{
    char at[SB_TIME_LEN + 1];
    bool went = !undecided(c) && !(ended(c) && c->state != SB_DONE && c->state != SB_ROLLED_BACK && c->state != SB_FAILED);
    if (c->state == SB_AWAITING_APPROVAL) {
        sb_print("approvals: %zu of %" PRId64, sb_card_approvals(c), sb_card_approvals_wanted(c));
        for (size_t i = 0; i < c->policy.requires.groups_n; i++)
            sb_print("%s%s", i ? " and " : ", from ", c->policy.requires.groups[i]);
        sb_print("\n");
    } else if (went && sb_card_approvals(c) == 0) {
        sb_print("approvals: none, policy let it go without\n");
    }
    for (size_t i = 0; i < c->approvals_n; i++) {
        const struct sb_approval *a = &c->approvals[i];
        sb_time_format(at, a->at);
        sb_print("approved by %s%s%s at %s for revision %" PRId64 "%s%s\n", a->by, a->key ? " with the key " : "", a->key ? a->key : "", at, a->revision, a->voided ? ", void: " : "", a->voided && a->void_reason ? a->void_reason : "");
    }
}

/* The moment that counts in this state: until when something can be decided or started, or since when it is as it is. */
static void deadline(const struct sb_card *c)
{
    char at[SB_TIME_LEN + 1];
    bool starts = c->state == SB_APPROVED || c->state == SB_SCHEDULED;
    int64_t moment = undecided(c) ? c->approve_by : starts ? c->execute_by : ended(c) ? c->changed_at : 0;
    if (!moment)
        return;
    sb_time_format(at, moment);
    if (c->state == SB_STALE)
        sb_print("measure it anew, edit or reject it by %s; ", at);
    else
        sb_print("%s %s; ", undecided(c) ? "approve by" : starts ? "execute by" : "ended; its last entry is of", at);
}

/* What people changed since it was proposed; it is in the commands already. */
static void edits(const struct sb_card *c)
{
    for (size_t i = 0; i < c->edits_n; i++) {
        const struct sb_card_edit *e = &c->edits[i];
        sb_print("edited: %s by %s in revision %" PRId64 "\n  - %s\n  + %s\n", e->what ? e->what : "?", e->by ? e->by : "?", e->revision,
                 e->was && e->was[0] ? e->was : "(none)", e->now && e->now[0] ? e->now : "(none)");
    }
    if (c->revision > 1 && c->edits_n == 0)
        sb_print("edited: everything that can be edited is again as it was first proposed\n");
}

static void whole(const struct sb_card *c)
{
    char glass[200];
    if (glass_text(c, glass)[0])
        sb_print("%s%s (%s): %s\n", glass[0] == 'B' ? "!! " : "", glass, c->breakglass.ticket, c->breakglass.reason);
    if (c->breakglass.reviewed_by)
        sb_print("  review: %s\n", c->breakglass.review ? c->breakglass.review : "");
    sb_print("%s%s, %s\n", sb_name(&sb_states, c->state), c->closed ? " (closed)" : "", c->note ? c->note : "");
    running(c);
    edits(c);
    contract(c);
    if (c->state != SB_ADVISORY) {
        sb_print("policy: ");
        policy(c);
    }
    approvals(c);
    if (c->report.opened_at) {
        sb_print("verdict ");
        report(c);
    }
    deadline(c);
    sb_print("hash %s\n", c->hash);
    if (starts(c))
        sb_print("starts %s, if facts and policy are then as they must be\n", starts(c));
}

/* ---- what others call: no text of a card may put a line of its own among ours ---- */

static void print_flat(const struct sb_card *c, void (*print)(const struct sb_card *))
{
    struct sb_card copy;
    json_t *json = sb_record_to_json(&sb_card_schema, c), *flat = json ? sb_flat(json) : NULL;
    if (flat && sb_record_from_json(&sb_card_schema, &copy, flat, NULL) == 0) {
        print(&copy);
        sb_card_release(&copy);
    } else {
        sb_print("%s cannot be shown: out of memory\n", c->id);
    }
    json_decref(flat);
    json_decref(json);
}

void sb_card_print_contract(const struct sb_card *c)
{
    print_flat(c, contract);
}

void sb_card_print_policy(const struct sb_card *c)
{
    print_flat(c, policy);
}

void sb_card_print_report(const struct sb_card *c)
{
    print_flat(c, report);
}

void sb_card_print_line(const struct sb_card *c)
{
    print_flat(c, line);
}

void sb_card_print(const struct sb_card *c)
{
    print_flat(c, whole);
}
