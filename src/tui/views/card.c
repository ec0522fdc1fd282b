/* SPDX-License-Identifier: Apache-2.0
 *
 * A card: its title, its tabs, the summary and the commands - what has to be read before it is approved. */
#include "../state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void view_card_title(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    char state[TEXT_MAX];
    fmt_words(state, sb_name(&sb_states, c->state));
    sb_page_line(p);
    sb_page_textf(p, SB_ROLE_TITLE, "%s", c->id ? c->id : "");
    sb_page_textf(p, SB_ROLE_DIM, " rev %" PRId64 "  ", c->revision);
    sb_page_text(p, state_role(c->state), state);
    if (c->progress.total > 0 && (c->state == SB_EXECUTING || c->state == SB_ROLLING_BACK)) {
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_bar(p, 12, c->progress.done, c->progress.total);
    }
    sb_page_text(p, SB_ROLE_TEXT, "  ");
    view_company(t, c->id, p);
    sb_page_field(p, SB_ROLE_STRONG, p->width - sb_page_column(p), c->title);
}

/* How the tabs are written where there is little room: all but the open one without blanks, or without their keys. */
enum tab_form { TABS_ROOMY, TABS_TIGHT, TABS_NAMES };

/* What a tab says; a star: it has to be read and was not. */
static void tab_label(const struct sb_tui *t, const struct sb_card *c, int tab, bool on, enum tab_form form, char out[TEXT_MAX])
{
    static const char *const names[TABS] = {"summary", "commands", "evidence", "policy", "rollback", "watch", "history", "hand-offs"};
    static const enum sb_action actions[TABS] = {SB_ACT_SUMMARY, SB_ACT_COMMANDS, SB_ACT_EVIDENCE, SB_ACT_POLICY, SB_ACT_UNDOING, SB_ACT_WATCH, SB_ACT_HISTORY, SB_ACT_HANDOFFS};
    const char *key = form == TABS_NAMES && !on ? NULL : sb_keymap_keys(t->keymap, SB_IN_CARD, actions[tab]);
    bool same = sb_streq(t->read_card, c->id) && sb_streq(t->read_hash, c->hash);
    bool must = c->state == SB_AWAITING_APPROVAL && tab <= TAB_COMMANDS && !(same && t->read[tab].done);
    snprintf(out, TEXT_MAX, "%s%s%s%s%s%s", on ? "[" : " ", key ? key : "", key && (on || form == TABS_ROOMY) ? " " : "", names[tab], must ? "*" : "",
             on ? "]" : must || form != TABS_ROOMY ? "" : " ");
}

/* The roomiest form in which all tabs fit. */
static enum tab_form tabs_form(const struct sb_tui *t, const struct sb_card *c, enum tab tab, int width)
{
    char label[TEXT_MAX];
    for (int form = TABS_ROOMY; form < TABS_NAMES; form++) {
        int all = 0;
        for (int i = 0; i < TABS; i++) {
            tab_label(t, c, i, i == (int)tab, (enum tab_form)form, label);
            all += sb_text_width(label, t->ascii);
        }
        if (all <= width)
            return (enum tab_form)form;
    }
    return TABS_NAMES;
}

int view_tab_at(const struct sb_tui *t, const struct sb_card *c, enum tab tab, int x)
{
    char label[TEXT_MAX];
    enum tab_form form = tabs_form(t, c, tab, t->frame.tabs.width);
    for (int i = 0; i < TABS && x >= 0; i++) {
        tab_label(t, c, i, i == (int)tab, form, label);
        int width = sb_text_width(label, t->ascii);
        if (x < width)
            return i;
        x -= width;
    }
    return -1;
}

void view_tabs(const struct sb_tui *t, const struct sb_card *c, enum tab tab, struct sb_page *p)
{
    char label[TEXT_MAX];
    enum tab_form form = tabs_form(t, c, tab, p->width);
    sb_page_line(p);
    for (int i = 0; i < TABS; i++) {
        bool on = i == (int)tab;
        tab_label(t, c, i, on, form, label);
        sb_page_text(p, on ? SB_ROLE_TAB_ON : SB_ROLE_TAB, label);
    }
    bool same = sb_streq(t->read_card, c->id) && sb_streq(t->read_hash, c->hash);
    if (c->state == SB_AWAITING_APPROVAL)
        sb_page_right(p, SB_ROLE_DIM, same && t->read[0].done && t->read[1].done ? "read" : "* to be read");
}

static void when_and_left(const struct sb_tui *t, struct sb_page *p, const char *what, int64_t at)
{
    char when[TEXT_MAX], left[TEXT_MAX];
    if (!at)
        return;
    fmt_when(when, at, t->wall);
    int64_t ms = gap(t->wall, at);
    fmt_left(left, ms < 0 ? -ms : ms);
    sb_page_wrapf(p, ms < 0 ? SB_ROLE_BAD : SB_ROLE_TEXT, LABEL, ms < 0 ? "%s %sZ (%s ago)" : "%s %sZ (in %s)", what, when, left);
}

static void where(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    view_label(p, "Where");
    sb_page_wrap(p, SB_ROLE_STRONG, LABEL, c->target && c->target[0] ? c->target : "-");
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, " on %s, ", c->deployment ? c->deployment : "?");
    bool prod = c->environment == SB_ENV_PROD;
    sb_page_wrap(p, prod ? SB_ROLE_ENV_PROD : SB_ROLE_ENV_OTHER, LABEL, prod ? "[ PROD ]" : sb_name(&sb_environments, c->environment));
    if (c->simulated) {
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_wrap(p, SB_ROLE_SIMULATED, LABEL, "[ SIMULATED ]");
    }
    (void)t;
}

static void blast(const struct sb_card *c, struct sb_page *p)
{
    const struct sb_blast_radius *b = &c->blast_radius;
    char docs[TEXT_MAX], size[TEXT_MAX], more[TEXT_MAX], reads[TEXT_MAX], writes[TEXT_MAX], took[TEXT_MAX];
    fmt_count(docs, b->documents);
    fmt_bytes(size, b->bytes);
    fmt_bytes(more, b->est_bytes);
    fmt_milli(reads, b->reads_per_s_milli, "/s");
    fmt_milli(writes, b->writes_per_s_milli, "/s");
    fmt_left(took, b->est_duration_ms);
    view_label(p, "Touches");
    bool sized = b->bytes || !b->documents; /* a collection with documents has a size: it was not looked up */
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s documents%s%s, on %" PRId64 " members; ", docs, sized ? ", " : "", sized ? size : "", b->members);
    if (b->reads_per_s_milli || b->writes_per_s_milli)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s reads, %s writes", reads, writes);
    else
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, "no traffic measured");
    for (size_t i = 0; i < b->apps_n; i++)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s%s", i ? ", " : "; apps ", b->apps[i]);
    view_label(p, "Costs");
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "about %s of work, %s on disk", took, more);
    if (b->lock && b->lock[0])
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "; lock: %s", b->lock);
}

/* The weakest promise among the steps' undo. */
static int worst_undo(const struct sb_card *c)
{
    int worst = SB_UNDO_LOSSLESS;
    for (size_t i = 0; i < c->steps_n; i++)
        if (c->steps[i].undo_label > worst)
            worst = c->steps[i].undo_label;
    return worst;
}

static void undo(const struct sb_card *c, struct sb_page *p)
{
    int worst = worst_undo(c);
    view_label(p, "Undo");
    size_t looks = 0;
    for (size_t i = 0; i < c->steps_n; i++)
        looks += sb_step_only_looks(&c->steps[i]);
    if (looks == c->steps_n) {
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, c->steps_n ? "nothing to take back: it only looks" : "nothing to take back: the card has no steps");
        return;
    }
    sb_page_wrapf(p, worst == SB_UNDO_LOSSLESS ? SB_ROLE_GOOD : worst == SB_UNDO_LOSSY ? SB_ROLE_DOUBT : SB_ROLE_BAD, LABEL,
                  worst == SB_UNDO_LOSSLESS ? "lossless" : worst == SB_UNDO_LOSSY ? "lossy: not everything comes back" : "impossible: it cannot be taken back");
    if (worst != SB_UNDO_IMPOSSIBLE)
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, ", %zu command%s on tab 5", c->steps_n - looks, c->steps_n - looks == 1 ? "" : "s");
}

/* What policy wants before a start; later verdicts are about something else, a roll back for example. */
static void wanted(const struct sb_card *c, size_t given, struct sb_page *p)
{
    const struct sb_requires *r = &c->policy.requires;
    sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, "%zu of %" PRId64, given, sb_card_approvals_wanted(c));
    if (r->not_author)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, ", by somebody else than %s", c->author && c->author[0] ? c->author : "the author");
    for (size_t i = 0; i < r->groups_n; i++)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s%s", i ? " and " : ", from ", r->groups[i]);
    for (size_t i = 0; i < r->windows_n; i++)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s%s", i ? ", " : "; inside ", r->windows[i]);
    if (r->typed_target || c->environment == SB_ENV_PROD)
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, "; the target's name is typed");
    else if (r->batch)
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, "; together with marked cards of its class, if wanted");
}

static bool waits_for_start(const struct sb_card *c)
{
    return c->state == SB_APPROVED || c->state == SB_SCHEDULED;
}

static bool waits_for_decision(const struct sb_card *c)
{
    return c->state == SB_DRAFT || c->state == SB_PROPOSED || c->state == SB_AWAITING_APPROVAL || c->state == SB_STALE || c->state == SB_EXPIRED;
}

static void approvers(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    view_label(p, "Approvals");
    size_t given = sb_card_approvals(c);
    if (waits_for_decision(c) || waits_for_start(c))
        wanted(c, given, p);
    else
        sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, given ? "%zu given" : "none was given", given);
    for (size_t i = 0; i < c->approvals_n; i++) {
        const struct sb_approval *a = &c->approvals[i];
        char when[TEXT_MAX];
        fmt_when(when, a->at, t->wall);
        sb_page_line(p);
        sb_page_tab(p, LABEL);
        bool counts = !a->voided && a->revision == c->revision && sb_streq(a->hash, c->hash);
        sb_page_wrapf(p, counts ? SB_ROLE_GOOD : SB_ROLE_DIM, LABEL, "%s by %s%s%s, revision %" PRId64 "%s%s%s", when, a->by ? a->by : "?",
                      a->key ? ", signed with " : "", a->key ? a->key : "", a->revision, counts ? "" : " (void",
                      counts || !a->void_reason ? "" : ": ", counts ? "" : a->void_reason ? a->void_reason : "");
        if (!counts)
            sb_page_wrap(p, SB_ROLE_DIM, LABEL, ")");
    }
}

static void expected(const struct sb_card *c, struct sb_page *p)
{
    const struct sb_impact *i = &c->impact;
    char share[TEXT_MAX], docs[TEXT_MAX], keys[TEXT_MAX];
    if (!i->score_ppm && !i->docs_saved)
        return;
    fmt_ppm(share, i->score_ppm);
    fmt_milli(docs, i->docs_saved, "");
    fmt_milli(keys, i->writes_per_s_milli, "/s");
    view_label(p, "Expected");
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "saves %s of the operation time there and %s documents examined a second; costs %s index keys written", share, docs, keys);
}

static void progress(const struct sb_card *c, struct sb_page *p)
{
    const struct sb_progress *g = &c->progress;
    if (!g->step)
        return;
    char left[TEXT_MAX];
    view_label(p, g->undoing ? "Undoing" : "Running");
    sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, "step %" PRId64 " of %zu", g->step, c->steps_n);
    if (g->phase)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, ": %s", g->phase);
    if (g->total > 0) {
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_bar(p, 16, g->done, g->total);
        char done[TEXT_MAX], total[TEXT_MAX];
        fmt_count(done, g->done);
        fmt_count(total, g->total);
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, " %s of %s", done, total);
    }
    if (g->eta_ms > 0) {
        fmt_left(left, g->eta_ms);
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, ", about %s left", left);
    }
    if (g->quorum)
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, "; committed when the quorum has it: %s", g->quorum);
    if (g->batch_docs > 0) {
        view_label(p, "Knobs");
        sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, "%" PRId64 " documents a batch", g->batch_docs);
        sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, ", %" PRId64 " ms apart", g->batch_delay_ms);
        sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, ", %" PRId64 " at once", g->batches_at_once);
        sb_page_wrap(p, SB_ROLE_DIM, LABEL, "; bigger, smaller, slower, faster, wider and narrower turn them while it runs, and the record keeps it");
    }
    if (g->alarm) {
        view_label(p, "Alarm");
        sb_page_wrap(p, SB_ROLE_BAD, LABEL, g->alarm);
    }
}

/* When the window opens that it waits for, or what else it waits for. */
static void starts(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    char left[TEXT_MAX];
    if (c->state != SB_SCHEDULED)
        return;
    view_label(p, "Starts");
    if (c->policy.waits_until && c->policy.waits_until_local) {
        fmt_left(left, gap(t->wall, c->policy.waits_until) > 0 ? gap(t->wall, c->policy.waits_until) : 0);
        sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, "%s, in %s", c->policy.waits_until_local, left);
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, ", if facts and policy are then as they must be");
    } else {
        sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, "when it may: %s", c->note ? c->note : "it waits");
    }
}

/* Only the moments that still count: none once it has started. */
static void expires(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    bool decide = waits_for_decision(c);
    if (!decide && !waits_for_start(c))
        return;
    view_label(p, "Expires");
    if (decide)
        when_and_left(t, p, "approve by", c->approve_by);
    if (decide && c->approve_by && c->execute_by)
        sb_page_text(p, SB_ROLE_TEXT, ", ");
    when_and_left(t, p, "execute by", c->execute_by);
    if (!c->execute_by && !(decide && c->approve_by))
        sb_page_text(p, SB_ROLE_TEXT, "never");
}

/* In red and in words, before everything else that is said of the card. */
static void glass(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    const struct sb_breakglass *g = &c->breakglass;
    char until[TEXT_MAX];
    if (!g->id)
        return;
    bool broken = sb_card_glass_broken(c, t->wall);
    fmt_when(until, g->until, t->wall);
    view_label(p, "Glass");
    if (broken)
        sb_page_wrapf(p, SB_ROLE_ENV_PROD, LABEL, "[ BREAK-GLASS until %sZ ]", until);
    else
        sb_page_wrapf(p, g->reviewed_by ? SB_ROLE_TEXT : SB_ROLE_BAD, LABEL, "broken until %sZ%s%s", until, g->reviewed_by ? ", reviewed by " : ", TO BE REVIEWED",
                      g->reviewed_by ? g->reviewed_by : "");
    sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, " by %s, %s: %s", g->by, g->ticket, g->reason);
    sb_page_wrap(p, SB_ROLE_TEXT, LABEL, broken ? " (soft rules are lifted from this plan)" : "");
}

/* What people do by hand, where that is all that the card is about. */
static void by_hand(const struct sb_card *c, struct sb_page *p)
{
    view_label(p, "Steps");
    for (size_t i = 0; i < c->notes_n; i++) {
        if (i) {
            sb_page_line(p);
            sb_page_tab(p, LABEL);
        }
        sb_page_wrap(p, SB_ROLE_STRONG, LABEL, c->notes[i].title);
        for (size_t k = 0; k < c->notes[i].lines_n; k++)
            sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s%s", k ? " " : ": ", c->notes[i].lines[k]);
    }
}

/* What is asked of those who decide. */
static void asked_for(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    undo(c, p);
    approvers(t, c, p);
    starts(t, c, p);
    expires(t, c, p);
    blast(c, p);
    expected(c, p);
    view_label(p, "Policy");
    if (c->state == SB_ADVISORY) {
        sb_page_wrap(p, SB_ROLE_DIM, LABEL, "not asked: this is advice, and nobody can approve it");
        return;
    }
    sb_page_wrap(p, c->policy.decision == SB_DENY ? SB_ROLE_BAD : SB_ROLE_TEXT, LABEL, sb_name(&sb_decisions, c->policy.decision));
    sb_page_wrapf(p, SB_ROLE_DIM, LABEL, " by %s %s (tab 4)", c->policy.policy.bundle ? c->policy.policy.bundle : "?", c->policy.policy.version ? c->policy.policy.version : "");
}

void view_summary(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    char text[TEXT_MAX];
    glass(t, c, p);
    view_label(p, "What");
    sb_page_wrap(p, SB_ROLE_STRONG, LABEL, c->title);
    where(t, c, p);
    if (c->phase) {
        view_label(p, "Phase");
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s%s%s", c->phase, c->after ? ", after " : "", c->after ? c->after : "");
    }
    view_label(p, "Why");
    sb_page_wrap(p, SB_ROLE_TEXT, LABEL, c->why);
    view_label(p, "Risk");
    sb_page_wrap(p, level_role(c->risk), LABEL, sb_name(&sb_levels, c->risk));
    fmt_ppm(text, c->confidence_ppm);
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, ", confidence %s", text);
    if (c->revision > 1) {
        view_label(p, "Edited");
        view_edits(t, c, LABEL, p);
    }
    if (c->kind == SB_KIND_ADVISORY)
        by_hand(c, p);
    else
        asked_for(t, c, p);
    view_label(p, "Author");
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s, asked by %s, case %s", c->author ? c->author : "?", c->requested_by ? c->requested_by : "?", c->case_id ? c->case_id : "-");
    view_label(p, "State");
    fmt_words(text, sb_name(&sb_states, c->state));
    sb_page_wrap(p, state_role(c->state), LABEL, text);
    sb_page_wrapf(p, SB_ROLE_DIM, LABEL, ": %s", sb_state_help((enum sb_state)c->state));
    progress(c, p);
    if (c->note && c->note[0]) {
        view_label(p, "Last");
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, c->note);
    }
    view_label(p, "Hash");
    sb_page_exact(p, SB_ROLE_DIM, LABEL, c->hash);
}

static void checks(struct sb_page *p, const char *label, const struct sb_check *check, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        view_label(p, i ? "" : label);
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL + 2, check[i].check);
        const char *parts[] = {check[i].ns, check[i].name, check[i].value};
        for (size_t k = 0; k < SB_COUNT(parts); k++)
            if (parts[k] && parts[k][0])
                sb_page_wrapf(p, SB_ROLE_DIM, LABEL + 2, " %s", parts[k]);
        const char *unit = sb_streq(check[i].check, "disk") ? "bytes free on each member" : sb_streq(check[i].check, "quiet") ? "s at most" : NULL;
        if (unit)
            sb_page_wrapf(p, SB_ROLE_DIM, LABEL + 2, " %s", unit);
    }
}

/* How a step goes that is more than one command. */
static void work(struct sb_page *p, const struct sb_step_work *w)
{
    if (!w->how)
        return;
    view_label(p, "how");
    if (sb_streq(w->how, "batches"))
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL + 2,
                      "in batches of %" PRId64 " documents by _id, at least %" PRId64 " ms apart while others work; held back by a lag over %" PRId64 " s, more than %" PRId64 " queued, a cache over %" PRId64
                      " %%, an oplog under %" PRId64 " s",
                      w->docs, w->delay_ms, w->max_lag_s, w->max_queued, w->max_cache_ppm / 10000, w->min_oplog_s);
    else
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL + 2, "until %" PRId64 " writes have kept to it, for %" PRId64 " s without one that did not", w->writes, w->quiet_s);
}

void view_commands(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    static const char *const classes[] = {"may be repeated", "checked before it is done", "cannot be taken back by repeating"};
    for (size_t i = 0; i < c->steps_n; i++) {
        const struct sb_step *s = &c->steps[i];
        if (i)
            sb_page_line(p);
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_TITLE, "Step %" PRId64 " of %zu", s->n, c->steps_n);
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, "  class %s (%s), %s, undo %s", sb_name(&sb_step_classes, s->class_),
                      s->class_ >= 0 && s->class_ < (int)SB_COUNT(classes) ? classes[s->class_] : "?",
                      s->control == SB_CONTROL_NEITHER ? "neither pausable nor abortable" : sb_name(&sb_controls, s->control), sb_name(&sb_undo_labels, s->undo_label));
        checks(p, "before", s->check_before, s->check_before_n);
        view_label(p, "do");
        sb_page_exact(p, SB_ROLE_COMMAND, LABEL, s->action);
        work(p, &s->work);
        checks(p, "after", s->check_after, s->check_after_n);
    }
    for (size_t i = 0; i < c->notes_n; i++) {
        view_heading(p, "");
        sb_page_wrap(p, SB_ROLE_TITLE, 0, c->notes[i].title);
        for (size_t k = 0; k < c->notes[i].lines_n; k++) {
            sb_page_line(p);
            sb_page_text(p, SB_ROLE_TEXT, "  ");
            sb_page_exact(p, SB_ROLE_COMMAND, 2, c->notes[i].lines[k]);
        }
    }
    if (c->steps_n == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, "This card sends no command.");
    }
    (void)t;
}
