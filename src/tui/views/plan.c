/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of a case: each card a phase, with where it stands, what has to be true before it as it was measured when this page was
 * asked for, how it is taken back, how far it is and how long the rest takes, and how its batches go. */
#include "../state.h"

#include <inttypes.h>

#define BAR 20

/* Before the first step: who is up and which collection it is; told only where it is not so. */
static bool usual(const struct sb_gate_fact *f)
{
    return sb_streq(f->check, "primary") || sb_streq(f->check, "members_up") || sb_streq(f->check, "collection");
}

static void gate_facts(const struct sb_tui *t, const char *card, struct sb_page *p)
{
    size_t all = 0, hold = 0, unlisted = 0;
    for (size_t i = 0; i < t->gates.facts_n; i++) {
        const struct sb_gate_fact *f = &t->gates.facts[i];
        all += sb_streq(f->card, card);
        hold += sb_streq(f->card, card) && sb_streq(f->result, "true");
        unlisted += sb_streq(f->card, card) && sb_streq(f->result, "true") && usual(f);
    }
    if (all == 0)
        return;
    char when[TEXT_MAX];
    fmt_clock(when, t->gates.at);
    view_label(p, "");
    sb_page_wrapf(p, hold == all ? SB_ROLE_GOOD : SB_ROLE_BAD, LABEL, "%s%zu of %zu checks hold, measured at %sZ", hold == all ? "" : "CLOSED: ", hold, all, when);
    if (unlisted)
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, "; not listed: %zu that always %s to hold", unlisted, unlisted == 1 ? "has" : "have");
    for (size_t i = 0; i < t->gates.facts_n; i++) {
        const struct sb_gate_fact *f = &t->gates.facts[i];
        bool yes = sb_streq(f->result, "true");
        if (!sb_streq(f->card, card) || (yes && usual(f)))
            continue;
        view_label(p, "");
        sb_page_wrapf(p, yes ? SB_ROLE_TEXT : SB_ROLE_DOUBT, LABEL, "%s: %s", yes ? "yes" : sb_streq(f->result, "unknown") ? "not known" : "NO", f->text);
    }
}

static void gate(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    char state[TEXT_MAX];
    const struct held_card *before = c->after ? find_card(t, c->after) : NULL;
    view_label(p, "Gate");
    if (!c->after) {
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, "it is the first");
    } else {
        bool done = before && before->row.state == SB_DONE;
        fmt_words(state, before ? sb_name(&sb_states, before->row.state) : "not loaded");
        sb_page_wrapf(p, done ? SB_ROLE_GOOD : SB_ROLE_DOUBT, LABEL, "after %s, which is %s", c->after, state);
    }
    gate_facts(t, c->id, p);
}

static void undo(const struct sb_card *c, struct sb_page *p)
{
    view_label(p, "Undo");
    for (size_t i = 0; i < c->steps_n; i++) {
        const struct sb_step *s = &c->steps[i];
        bool sends = !sb_step_only_looks(s);
        const char *label = !sends ? "nothing to take back: it only looks" : s->undo ? sb_name(&sb_undo_labels, s->undo_label) : "impossible: there is none";
        bool worse = sends && (!s->undo || s->undo_label != SB_UNDO_LOSSLESS);
        if (c->steps_n > 1)
            sb_page_wrapf(p, SB_ROLE_DIM, LABEL, "%sstep %zu: ", i ? "; " : "", i + 1);
        sb_page_wrap(p, worse ? SB_ROLE_DOUBT : SB_ROLE_TEXT, LABEL, label);
    }
}

static void progress(const struct sb_card *c, struct sb_page *p)
{
    const struct sb_progress *g = &c->progress;
    char a[TEXT_MAX], b[TEXT_MAX];
    if (g->step == 0)
        return;
    view_label(p, "Progress");
    if (c->state == SB_EXECUTING || c->state == SB_PAUSED || c->state == SB_ROLLING_BACK) {
        if (g->total > 0) {
            fmt_count(a, g->done);
            fmt_count(b, g->total);
            sb_page_bar(p, BAR, g->done, g->total);
            sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, " %s of %s%s", a, b, g->undoing ? ", backward" : "");
        }
        if (g->eta_ms > 0) {
            fmt_left(a, g->eta_ms);
            sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, ", about %s left, its rests included", a);
        }
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, "%s%s", g->total > 0 ? "; " : "", g->phase ? g->phase : "");
    } else {
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, c->note ? c->note : "");
    }
}

static void knobs(const struct sb_tui *t, const struct sb_card *c, struct sb_page *p)
{
    const struct sb_progress *g = &c->progress;
    bool runs = (c->state == SB_EXECUTING || c->state == SB_PAUSED || c->state == SB_ROLLING_BACK) && g->batch_docs > 0;
    const struct sb_step_work *w = NULL;
    for (size_t i = 0; i < c->steps_n && !w; i++)
        w = sb_streq(c->steps[i].work.how, "batches") ? &c->steps[i].work : NULL;
    if (!w)
        return;
    view_label(p, "Knobs");
    sb_page_wrapf(p, runs ? SB_ROLE_STRONG : SB_ROLE_TEXT, LABEL, "%" PRId64 " documents a batch, %" PRId64 " ms apart, %" PRId64 " at once", runs ? g->batch_docs : w->docs,
                  runs ? g->batch_delay_ms : w->delay_ms, runs ? g->batches_at_once : 1);
    if (runs && !t->welcome.read_only)
        sb_page_wrap(p, SB_ROLE_DIM, LABEL, "; Enter opens the card, where keys turn them");
}

static void phase(const struct sb_tui *t, const char *id, size_t link, struct sb_page *p)
{
    const struct held_card *held = find_card(t, id);
    const struct sb_card *c = whole_card(t, id);
    char state[TEXT_MAX];
    fmt_words(state, held ? sb_name(&sb_states, held->row.state) : "not loaded");
    sb_page_line(p);
    sb_page_line(p);
    sb_page_link(p, (int)link);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_field(p, SB_ROLE_ID, 10, id);
    sb_page_field(p, held ? state_role(held->row.state) : SB_ROLE_DIM, 18, state);
    sb_page_field(p, SB_ROLE_STRONG, p->width - sb_page_column(p), c && c->phase ? c->phase : held ? held->row.title : "");
    if (!c) {
        view_label(p, "");
        sb_page_wrap(p, SB_ROLE_DIM, LABEL, "it was asked for and has not come yet");
        return;
    }
    if (c->phase) {
        view_label(p, "Does");
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, c->title ? c->title : "");
    }
    gate(t, c, p);
    undo(c, p);
    progress(c, p);
    knobs(t, c, p);
}

void view_plan(const struct sb_tui *t, const char *case_id, struct sb_page *p)
{
    const struct sb_case *c = find_case(t, case_id);
    if (!c) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DOUBT, " The case was asked for and has not come yet.");
        return;
    }
    size_t done = 0;
    for (size_t i = 0; i < c->cards_n; i++) {
        const struct held_card *held = find_card(t, c->cards[i]);
        done += held && held->row.state == SB_DONE;
    }
    view_label(p, "Request");
    sb_page_wrap(p, SB_ROLE_STRONG, LABEL, c->text ? c->text : "");
    view_label(p, "Phases");
    if (c->cards_n == 0)
        sb_page_text(p, SB_ROLE_DIM, "none: no card came of it");
    else
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%zu of %zu done%s", done, c->cards_n, sb_streq(t->gates.case_id, case_id) ? "" : "; the gates are being measured");
    for (size_t i = 0; i < c->cards_n; i++)
        phase(t, c->cards[i], i + 1, p);
}
