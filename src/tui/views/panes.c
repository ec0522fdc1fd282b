/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the four panes. The gutter holds the cursor, so that moving it changes two cells. */
#include "../state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the filter is, and how far it is with the ledger. On its way the figure moves in steps, so that a slow line is not
 * kept busy by it. */
static void filtered(const struct sb_tui *t, int pane, struct sb_page *p)
{
    const struct found *f = &t->audit.found;
    const struct pane *pn = &t->pane[pane];
    char all[TEXT_MAX], found[TEXT_MAX], searched[TEXT_MAX];
    fmt_count(all, pane == PANE_AUDIT ? t->audit.head : (int64_t)pn->all);
    fmt_count(found, (int64_t)pane_count(t, pane));
    sb_page_textf(p, SB_ROLE_COUNT, "/%s/ ", pn->filter.text);
    if (pane != PANE_AUDIT) {
        sb_page_textf(p, SB_ROLE_COUNT, "of %s ", all);
    } else {
        int64_t n = found_searched(t);
        bool whole = f->at_start || f->full;
        fmt_count(searched, whole || n < 10000 ? n : n / 10000 * 10000);
        sb_page_textf(p, SB_ROLE_COUNT, f->full ? "the newest %s; searched %s of %s " : "%s found; searched %s of %s ", found, searched, all);
    }
}

static void hunting(const struct sb_tui *t, struct sb_page *p)
{
    const struct hunt *h = &t->audit.hunt;
    char all[TEXT_MAX], searched[TEXT_MAX];
    fmt_count(all, t->audit.head);
    fmt_count(searched, h->searched < 10000 ? h->searched : h->searched / 10000 * 10000);
    sb_page_textf(p, SB_ROLE_COUNT, "looking for \"%s\"; searched %s of %s ", h->text, searched, all);
}

void view_pane_title(const struct sb_tui *t, int pane, struct sb_page *p)
{
    const struct pane *pn = &t->pane[pane];
    bool focus = pane == t->focus;
    enum sb_mark rule = focus ? SB_MARK_HEAVY : SB_MARK_RULE;
    enum sb_role line = focus ? SB_ROLE_CURSOR : SB_ROLE_RULE;
    size_t n = pane_count(t, pane);
    char count[TEXT_MAX];
    fmt_count(count, pane == PANE_AUDIT ? t->audit.head : (int64_t)n);
    sb_page_line(p);
    sb_page_mark(p, line, rule, 1);
    sb_page_textf(p, focus ? SB_ROLE_TITLE_FOCUS : SB_ROLE_TITLE, " %s ", pane_name(pane));
    sb_page_textf(p, pane != PANE_AUDIT && n ? SB_ROLE_STRONG : SB_ROLE_DIM, "%s%s ", pane == PANE_AUDIT ? "#" : "", count);
    if (pn->frozen)
        sb_page_text(p, SB_ROLE_COUNT, "frozen ");
    if (pn->filter.re)
        filtered(t, pane, p);
    if (pane == PANE_AUDIT && t->audit.hunt.on)
        hunting(t, p);
    if (pn->sort != SORT_NEWEST || pn->reversed)
        sb_page_textf(p, SB_ROLE_COUNT, "by %s%s ", sort_name(pn->sort), pn->reversed ? ", turned round" : "");
    if (pn->marked_n)
        sb_page_textf(p, SB_ROLE_COUNT, "%zu marked ", pn->marked_n);
    if (pn->fresh)
        sb_page_textf(p, SB_ROLE_COUNT, "+%zu new ", pn->fresh);
    size_t below = n > pn->top + pn->rows ? n - pn->top - pn->rows : 0;
    char more[64] = "";
    if (pane != PANE_AUDIT && (pn->top || below))
        snprintf(more, sizeof more, " %zu above, %zu below ", pn->top, below);
    else if (pane == PANE_AUDIT && focus && n)
        snprintf(more, sizeof more, " at #%" PRId64 " ", audit_row(t, pn->index < n ? pn->index : n - 1)->seq);
    int end = p->width - (int)strlen(more) - 1;
    sb_page_mark(p, line, rule, end - sb_page_column(p));
    sb_page_text(p, SB_ROLE_DIM, more);
    sb_page_mark(p, line, rule, p->width - sb_page_column(p));
}

static void gutter(const struct sb_tui *t, int pane, size_t row, struct sb_page *p)
{
    sb_page_line(p);
    bool here = row == t->pane[pane].index && pane == t->focus && t->views == 1;
    char id[24];
    bool mark = marked(t, pane, pane_row_id(t, pane, row, id));
    sb_page_text(p, here ? SB_ROLE_CURSOR : SB_ROLE_TEXT, here && !mark ? "> " : here ? ">" : mark ? " " : "  ");
    if (mark)
        sb_page_text(p, SB_ROLE_COUNT, "*");
}

/* A column with a blank at its end. */
static void column(struct sb_page *p, enum sb_role role, int width, const char *text)
{
    sb_page_field(p, role, width - 1, text);
    sb_page_text(p, SB_ROLE_TEXT, " ");
}

/* What is left of the line, at least `least` cells, without `behind` cells at its end. */
static int rest(const struct sb_page *p, int behind, int least)
{
    int w = p->width - sb_page_column(p) - behind;
    return w > least ? w : least;
}

#define SPARK_FROM 76 /* as wide as this there is room for how what is furthest out went */
#define SPARK_CELLS 12
#define SPARK_FEW 6   /* where there is less than SPARK_WIDE */
#define SPARK_WIDE 92

/* The usual values before it, the moment at which it began, and what came then. */
static void feed_spark(const struct sb_plot *plot, size_t cells, struct sb_page *p)
{
    int64_t v[SB_PLOT_MOST], most = plot->high > 0 ? plot->high : 1;
    size_t n = sb_plot_values(plot, v), from = n > cells ? n - cells : 0;
    int end = sb_page_column(p) + (int)cells + 2;
    if (plot->began >= 0 && (size_t)plot->began < n && (size_t)plot->began < from + cells / 3)
        from = (size_t)plot->began > cells / 3 ? (size_t)plot->began - cells / 3 : 0;
    size_t to = from + cells < n ? from + cells : n;
    for (size_t i = from; i < to; i++)
        most = v[i] > most ? v[i] : most;
    for (size_t i = from; i < to; i++) {
        if ((int64_t)i == plot->began)
            sb_page_mark(p, SB_ROLE_STRONG, SB_MARK_BAR, 1);
        if (v[i] < 0)
            sb_page_text(p, SB_ROLE_DIM, " ");
        else
            sb_page_spark(p, v[i] > plot->high || v[i] < plot->low ? SB_ROLE_BAD : SB_ROLE_DIM, &v[i], 1, most);
    }
    sb_page_tab(p, end);
}

static void anomaly_row(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_page *p)
{
    char when[TEXT_MAX];
    fmt_clock(when, a->detected_at);
    bool over = a->to != 0;
    column(p, SB_ROLE_DIM, 9, when);
    column(p, over ? SB_ROLE_DIM : level_role(a->severity), 7, sb_name(&sb_levels, a->severity));
    if (column_shown(t, PANE_ANOMALIES, p->width >= 76))
        column(p, SB_ROLE_TEXT, 15, a->trend ? "trend" : sb_name(&sb_anomaly_classes, a->class_));
    if (a->plots_n && p->width >= SPARK_FROM)
        feed_spark(&a->plots[0], p->width >= SPARK_WIDE ? SPARK_CELLS : SPARK_FEW, p);
    struct sb_str state;
    sb_str_init(&state);
    if (over)
        sb_str_adds(&state, " over");
    if (a->hushed)
        sb_str_adds(&state, " quiet");
    if (a->acked_by)
        sb_str_addf(&state, " taken by %s", a->acked_by);
    int behind = sb_text_width(state.p, t->ascii);
    if (behind > p->width / 3)
        behind = p->width / 3;
    sb_page_field(p, over ? SB_ROLE_DIM : SB_ROLE_TEXT, rest(p, behind, 8), a->title);
    sb_page_field(p, over ? SB_ROLE_GOOD : SB_ROLE_DIM, behind, state.p);
    sb_str_release(&state);
}

/* How far it is, or how long it has: the last column of a plan. */
static void plan_progress(const struct sb_tui *t, const struct held_card *held, bool wide, struct sb_str *out)
{
    char text[TEXT_MAX];
    const struct sb_card *c = held->card;
    if (!c)
        return;
    if ((c->state == SB_EXECUTING || c->state == SB_ROLLING_BACK) && c->progress.total > 0) {
        sb_str_addf(out, " %lld %%", (long long)(c->progress.done >= c->progress.total ? 100 : c->progress.done / (c->progress.total / 100 + 1)));
    } else if (c->state == SB_WATCHING && c->report.ends_at && deployment_now(t)) {
        int64_t left = gap(deployment_now(t), c->report.ends_at);
        fmt_left(text, left > 0 ? left : 0);
        sb_str_addf(out, " %s left", text);
    } else if (c->state == SB_FAILED) {
        sb_str_adds(out, c->report.verdict == SB_VERDICT_FAIL ? " verdict FAIL" : " failed");
    } else if (c->state == SB_SCHEDULED && c->policy.waits_until && c->policy.waits_until_local) {
        fmt_opening(text, c->policy.waits_until_local, gap(t->wall, c->policy.waits_until));
        sb_str_addf(out, "%s%s", wide ? " starts " : " ", text);
    } else if (c->execute_by && (c->state == SB_APPROVED || c->state == SB_SCHEDULED)) {
        fmt_when(text, c->execute_by, t->wall);
        sb_str_addf(out, " by %s", text);
    }
}

static void approval_state(const struct sb_tui *t, const struct sb_card_row *c, bool wide, struct sb_str *out)
{
    char text[TEXT_MAX];
    sb_str_addf(out, wide ? " %lld of %lld approved" : " %lld/%lld", (long long)c->approvals, (long long)c->wanted);
    if (c->approve_by) {
        int64_t left = gap(t->wall, c->approve_by);
        fmt_left(text, left > 0 ? left : 0);
        sb_str_addf(out, left > 0 ? ", %s left" : ", out of time", text);
    }
}

static void card_row(const struct sb_tui *t, const struct held_card *held, int pane, struct sb_page *p)
{
    const struct sb_card_row *c = &held->row;
    char state[TEXT_MAX];
    bool wide = p->width >= 110;
    column(p, SB_ROLE_ID, 9, c->id);
    if (pane == PANE_PLANS || c->state != SB_AWAITING_APPROVAL) { /* a frozen row may have moved on */
        fmt_words(state, sb_name(&sb_states, c->state));
        column(p, state_role(c->state), 13, state);
    }
    if (wide) {
        char risk[TEXT_MAX];
        snprintf(risk, sizeof risk, "%s risk", sb_name(&sb_levels, c->risk));
        column(p, level_role(c->risk), 12, risk);
    } else {
        column(p, level_role(c->risk), 7, sb_name(&sb_levels, c->risk));
    }
    if (column_shown(t, pane, p->width >= 70))
        column(p, SB_ROLE_TEXT, wide ? 22 : 15, c->target);
    struct sb_str tail;
    sb_str_init(&tail);
    if (pane == PANE_PLANS)
        plan_progress(t, held, wide, &tail);
    else
        approval_state(t, c, wide, &tail);
    int behind = sb_text_width(tail.p, t->ascii);
    if (behind > p->width / 3)
        behind = p->width / 3;
    sb_page_field(p, SB_ROLE_TEXT, rest(p, behind, 8), c->title);
    sb_page_field(p, SB_ROLE_DIM, behind, tail.p);
    sb_str_release(&tail);
}

static void audit_line(const struct sb_tui *t, const struct sb_audit_row *r, struct sb_page *p)
{
    char when[TEXT_MAX], head[TEXT_MAX];
    snprintf(head, sizeof head, "%" PRId64, t->audit.head);
    int digits = (int)strlen(head) > 4 ? (int)strlen(head) : 4;
    fmt_clock(when, r->ts);
    sb_page_fieldf(p, SB_ROLE_ID, -digits, "%" PRId64, r->seq);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    column(p, SB_ROLE_DIM, 9, when);
    if (column_shown(t, PANE_AUDIT, p->width >= 56))
        column(p, SB_ROLE_TEXT, p->width >= 76 ? 17 : 12, r->actor);
    if (column_shown(t, PANE_AUDIT, p->width >= 90))
        column(p, SB_ROLE_DIM, 17, r->kind);
    if (column_shown(t, PANE_AUDIT, p->width >= 70))
        column(p, SB_ROLE_ID, 9, r->card ? r->card : r->case_id);
    sb_page_field(p, SB_ROLE_TEXT, rest(p, 0, 4), r->text);
}

/* No anomaly is good news only as far as somebody looks. */
static void no_anomaly(const struct sb_tui *t, struct sb_page *p)
{
    const struct sb_strip *s = &t->strip;
    size_t seen = 0;
    for (size_t i = 0; i < s->members_n; i++)
        seen += s->members[i].healthy;
    if (!t->have_strip)
        sb_page_text(p, SB_ROLE_DIM, "waiting for the first sample");
    else if (seen == 0)
        sb_page_text(p, SB_ROLE_DOUBT, s->members_n ? "not known: no member answers" : "not known: no member has answered yet");
    else if (s->warmup_done < s->warmup_need)
        sb_page_textf(p, SB_ROLE_DIM, "learning what is normal: %lld of %lld samples", (long long)s->warmup_done, (long long)s->warmup_need);
    else if (seen < s->members_n)
        sb_page_textf(p, SB_ROLE_DOUBT, "nothing out of the ordinary on %zu of %zu members", seen, s->members_n);
    else
        sb_page_text(p, SB_ROLE_DIM, "nothing out of the ordinary");
}

static void empty(const struct sb_tui *t, int pane, struct sb_page *p)
{
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_TEXT, "  ");
    if (!t->welcomed)
        sb_page_text(p, SB_ROLE_DIM, "not connected yet");
    else if (filter_on(t, pane) && (pane == PANE_AUDIT || t->pane[pane].all))
        sb_page_text(p, SB_ROLE_DIM, pane == PANE_AUDIT && found_want(t) >= 0 ? "nothing found so far; Escape lists all again" : "no row fits the filter; Escape lists all again");
    else if (pane == PANE_ANOMALIES)
        no_anomaly(t, p);
    else if (pane == PANE_AUDIT)
        sb_page_text(p, SB_ROLE_DIM, t->audit.asked ? "asking for the newest entries" : "no entries yet");
    else
        sb_page_text(p, SB_ROLE_DIM, pane == PANE_PLANS ? "no plan is open" : "nothing waits for an approval");
}

void view_pane(const struct sb_tui *t, int pane, struct sb_page *p, size_t rows)
{
    const struct pane *pn = &t->pane[pane];
    size_t n = pane_count(t, pane);
    if (n == 0 && rows)
        empty(t, pane, p);
    for (size_t row = pn->top; row < n && row < pn->top + rows; row++) {
        gutter(t, pane, row, p);
        if (pane == PANE_ANOMALIES)
            anomaly_row(t, &t->anomaly[pn->list[row]]->anomaly, p);
        else if (pane == PANE_AUDIT)
            audit_line(t, audit_row(t, row), p);
        else
            card_row(t, t->card[pn->list[row]], pane, p);
    }
}

/* Says of which row the page below it is, and when that is not the one with the cursor. */
void view_detail_title(int pane, const char *id, bool stays, struct sb_page *p)
{
    sb_page_line(p);
    sb_page_mark(p, SB_ROLE_RULE, SB_MARK_RULE, 1);
    sb_page_text(p, stays ? SB_ROLE_DOUBT : SB_ROLE_TITLE, stays ? " Was selected " : " Selected ");
    sb_page_textf(p, SB_ROLE_DIM, "%s%s ", id && pane == PANE_AUDIT ? "#" : "", id ? id : "nothing");
    sb_page_mark(p, SB_ROLE_RULE, SB_MARK_RULE, p->width - sb_page_column(p));
}

/* Of the row that is selected in the pane with the keys: all there is, as it is when opened. */
void view_detail(const struct sb_tui *t, struct sb_page *p)
{
    const struct sb_card *card = pane_card(t);
    const struct sb_anomaly *anomaly = pane_anomaly(t);
    const struct sb_audit_row *row = pane_audit(t);
    if (!card && row)
        card = whole_card(t, row->card);
    if (row) {
        view_label(p, "Entry");
        sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, "%s by %s", row->kind ? row->kind : "?", row->actor ? row->actor : "?");
        view_label(p, "Text");
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, row->text);
        sb_page_line(p);
    }
    if (card)
        view_summary(t, card, p);
    else if (anomaly)
        view_anomaly(t, anomaly, p);
    else if (whole_awaited(t))
        sb_page_text(p, SB_ROLE_DIM, "The card was asked for and has not come yet.");
}
