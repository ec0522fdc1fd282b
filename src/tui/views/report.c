/* SPDX-License-Identifier: Apache-2.0
 *
 * What the work came to: each duration as a row of characters on one axis, before and after a date where it is divided; what went wrong;
 * the report card of each specialist, of each rule of alarms, and what was lowered. */
#include "../state.h"

#include <signalbox/tui/plot_row.h>

#include <inttypes.h>

#define WIDE 110    /* from here on the bounds stand beside the picture */
#define NAME 24
#define VALUE 11    /* a duration */
#define BOUNDS 23

/* ---- durations ---- */

static int cells_of(const struct sb_page *p)
{
    int cells = p->width - NAME - VALUE - 7 - (p->width >= WIDE ? BOUNDS : 0);
    return cells > SB_PLOT_ROW_MOST ? SB_PLOT_ROW_MOST : cells < 10 ? 10 : cells;
}

static void fmt_duration(char out[TEXT_MAX], int64_t ms)
{
    if (ms < 1000)
        snprintf(out, TEXT_MAX, "%" PRId64 " ms", ms);
    else
        fmt_left(out, ms);
}

static void axis(struct sb_page *p, int64_t most)
{
    char end[TEXT_MAX];
    int cells = cells_of(p);
    fmt_duration(end, most);
    sb_page_line(p);
    sb_page_tab(p, NAME);
    sb_page_text(p, SB_ROLE_DIM, "|0");
    sb_page_fieldf(p, SB_ROLE_DIM, -(cells - 1), "%s", end);
    sb_page_text(p, SB_ROLE_DIM, "|");
    sb_page_fieldf(p, SB_ROLE_DIM, -VALUE, "median");
    sb_page_fieldf(p, SB_ROLE_DIM, -5, "n");
    if (p->width >= WIDE)
        sb_page_text(p, SB_ROLE_DIM, "  with 95 % between");
}

static void duration(struct sb_page *p, const struct sb_report_page *r, const struct sb_report_row *x, int64_t most)
{
    char row[SB_PLOT_ROW_MOST + 1], middle[TEXT_MAX] = "-", low[TEXT_MAX], high[TEXT_MAX];
    sb_plot_row(row, cells_of(p), x, most);
    if (x->n)
        fmt_duration(middle, x->median);
    sb_page_line(p);
    sb_page_fieldf(p, x->after ? SB_ROLE_DIM : SB_ROLE_TEXT, NAME, " %s", x->after ? "   after the date" : x->what);
    sb_page_text(p, SB_ROLE_DIM, "|");
    sb_page_text(p, r->sides_n > 1 && x->after ? SB_ROLE_STRONG : SB_ROLE_TEXT, row);
    sb_page_text(p, SB_ROLE_DIM, "|");
    sb_page_fieldf(p, SB_ROLE_STRONG, -VALUE, "%s", middle);
    sb_page_fieldf(p, SB_ROLE_DIM, -5, "%" PRId64, x->n);
    if (p->width < WIDE)
        return;
    fmt_duration(low, x->low);
    fmt_duration(high, x->high);
    if (x->bounded)
        sb_page_textf(p, SB_ROLE_DIM, "  %s to %s", low, high);
    else if (x->n)
        sb_page_text(p, SB_ROLE_DIM, "  too few to bound");
}

/* Two medians differ when what is sure of one has nothing in common with what is sure of the other. */
static void change(struct sb_page *p, const struct sb_report_row *before, const struct sb_report_row *after)
{
    bool both = before->bounded && after->bounded, shorter = both && after->high < before->low, longer = both && after->low > before->high;
    sb_page_line(p);
    sb_page_tab(p, NAME + 1);
    sb_page_text(p, shorter ? SB_ROLE_GOOD : longer ? SB_ROLE_BAD : SB_ROLE_DIM, !both ? "too few to compare" : shorter ? "shorter" : longer ? "longer" : "no difference shown");
}

static const struct sb_report_row *other_side(const struct sb_report_page *r, const struct sb_report_row *x)
{
    for (size_t i = 0; i < r->rows_n; i++)
        if (r->rows[i].after && sb_streq(r->rows[i].what, x->what))
            return &r->rows[i];
    return NULL;
}

static void durations(struct sb_page *p, const struct sb_report_page *r, bool incident, int64_t most)
{
    axis(p, most);
    for (size_t i = 0; i < r->rows_n; i++) {
        const struct sb_report_row *x = &r->rows[i], *after = r->sides_n > 1 ? other_side(r, x) : NULL;
        if (x->incident != incident || x->after)
            continue;
        duration(p, r, x, most);
        if (after) {
            duration(p, r, after, most);
            change(p, x, after);
        }
    }
}

/* ---- the rest ---- */

static void side(struct sb_page *p, const struct sb_report_page *r, const struct sb_report_side *s)
{
    char low[TEXT_MAX], high[TEXT_MAX], waited[TEXT_MAX];
    fmt_ppm(low, s->low_ppm);
    fmt_ppm(high, s->high_ppm);
    fmt_left(waited, s->queued_ms);
    view_label(p, r->sides_n < 2 ? "All" : s->after ? "After" : "Before");
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%" PRId64 " %s; ", s->incidents, s->incidents == 1 ? "incident" : "incidents");
    sb_page_wrapf(p, s->gone_wrong ? SB_ROLE_BAD : SB_ROLE_TEXT, LABEL, "%" PRId64 " of %" PRId64 " %s went wrong", s->gone_wrong, s->executed, s->executed == 1 ? "change" : "changes");
    if (s->executed)
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, " (95 %%: %s to %s)", low, high);
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "; cards waited %s", waited);
    fmt_ppm(low, s->drills_low_ppm);
    fmt_ppm(high, s->drills_high_ppm);
    if (s->drills) {
        sb_page_wrapf(p, s->drills_passed < s->drills ? SB_ROLE_BAD : SB_ROLE_TEXT, LABEL, "; %" PRId64 " of %" PRId64 " restore %s passed", s->drills_passed, s->drills, s->drills == 1 ? "drill" : "drills");
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, " (95 %%: %s to %s)", low, high);
    } else {
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, "; no restore drill");
    }
    if (!s->entries)
        sb_page_wrap(p, SB_ROLE_DOUBT, LABEL, "; no entry of this side counts");
}

static void card(struct sb_page *p, const struct sb_report_card *c)
{
    char said[TEXT_MAX], low[TEXT_MAX], high[TEXT_MAX], passed[TEXT_MAX];
    char *who = sb_format("%s, %s", c->author ? c->author : "?", c->kind ? c->kind : "?");
    sb_page_line(p);
    sb_page_fieldf(p, SB_ROLE_TEXT, 34, " %s", who ? who : "");
    free(who);
    const int64_t counts[] = {c->proposed, c->accepted, c->edited, c->rejected, c->expired, c->reversed, c->passed, c->failed};
    for (size_t i = 0; i < SB_COUNT(counts); i++)
        sb_page_fieldf(p, i >= 3 && i != 6 && counts[i] ? SB_ROLE_BAD : counts[i] ? SB_ROLE_STRONG : SB_ROLE_DIM, -5, "%" PRId64, counts[i]);
    if (c->said_ppm >= 0 && c->passed + c->failed > 0) {
        fmt_ppm(said, c->said_ppm);
        fmt_ppm(passed, c->passed * 1000000 / (c->passed + c->failed));
        fmt_ppm(low, c->low_ppm);
        fmt_ppm(high, c->high_ppm);
        sb_page_line(p);
        sb_page_tab(p, 3);
        sb_page_wrapf(p, SB_ROLE_DIM, 3, "was %s sure; %s of %" PRId64 " passed (95 %%: %s to %s)", said, passed, c->passed + c->failed, low, high);
    }
    for (size_t i = 0; i < c->notes_n; i++) {
        sb_page_line(p);
        sb_page_tab(p, 3);
        sb_page_wrap(p, SB_ROLE_DIM, 5, c->notes[i]);
    }
}

static void cards(struct sb_page *p, const struct sb_report_page *r, bool after)
{
    static const char *const heads[] = {"prop", "acc", "edit", "rej", "exp", "back", "pass", "fail"};
    bool any = false;
    view_heading(p, r->sides_n < 2 ? "Report cards" : after ? "Report cards, after the date" : "Report cards, before the date");
    for (size_t i = 0; i < r->cards_n; i++) {
        if (r->cards[i].after != after)
            continue;
        if (!any) {
            sb_page_line(p);
            sb_page_tab(p, 34);
            for (size_t k = 0; k < SB_COUNT(heads); k++)
                sb_page_field(p, SB_ROLE_DIM, -5, heads[k]);
        }
        any = true;
        card(p, &r->cards[i]);
    }
    if (!any) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIM, " nothing was proposed");
    }
}

static void alarms(struct sb_page *p, const struct sb_report_page *r, bool after)
{
    static const char *const heads[] = {"told", "quiet", "useful", "known", "noise"};
    char share[TEXT_MAX], low[TEXT_MAX], high[TEXT_MAX];
    bool any = false;
    for (size_t i = 0; i < r->alarms_n; i++) {
        const struct sb_report_alarm *a = &r->alarms[i];
        int64_t judged = a->useful + a->known + a->noise;
        if (a->after != after)
            continue;
        if (!any) {
            sb_page_line(p);
            sb_page_field(p, SB_ROLE_DIM, 34, " anomaly_detector, what went out");
            for (size_t k = 0; k < SB_COUNT(heads); k++)
                sb_page_field(p, SB_ROLE_DIM, -7, heads[k]);
        }
        any = true;
        sb_page_line(p);
        sb_page_fieldf(p, SB_ROLE_TEXT, 34, " %s", a->rule ? a->rule : "?");
        const int64_t counts[] = {a->told, a->quiet, a->useful, a->known, a->noise};
        for (size_t k = 0; k < SB_COUNT(counts); k++)
            sb_page_fieldf(p, k == 4 && counts[k] ? SB_ROLE_BAD : counts[k] ? SB_ROLE_STRONG : SB_ROLE_DIM, -7, "%" PRId64, counts[k]);
        if (judged <= 0)
            continue;
        fmt_ppm(share, a->noise * 1000000 / judged);
        fmt_ppm(low, a->low_ppm);
        fmt_ppm(high, a->high_ppm);
        sb_page_line(p);
        sb_page_tab(p, 3);
        sb_page_wrapf(p, SB_ROLE_DIM, 3, "%s of %" PRId64 " judged were false alarms (95 %%: %s to %s)", share, judged, low, high);
    }
}

void view_report(const struct sb_tui *t, struct sb_page *p)
{
    const struct sb_report_page *r = &t->report;
    char when[TEXT_MAX], from[TEXT_MAX];
    if (!r->at) {
        sb_page_text(p, SB_ROLE_DOUBT, "The record is being gone through.");
        return;
    }
    fmt_when(when, r->at, t->wall);
    view_label(p, "Record");
    int64_t begin = 0;
    for (size_t i = 0; i < r->sides_n && !begin; i++)
        begin = r->sides[i].from;
    fmt_when(from, begin, t->wall);
    if (begin)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "from %sZ to %sZ", from, when);
    else
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, "no entry counts");
    if (r->split) {
        fmt_when(from, r->split, t->wall);
        sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, ", divided at %sZ", from);
    }
    if (r->simulated)
        sb_page_wrap(p, SB_ROLE_DOUBT, LABEL, ", SIMULATED");
    for (size_t i = 0; i < r->sides_n; i++)
        side(p, r, &r->sides[i]);
    int64_t most = sb_plot_most(r->rows, r->rows_n);
    if (most) {
        view_heading(p, "Cycle time of cards");
        durations(p, r, false, most);
        view_heading(p, "Incidents");
        durations(p, r, true, most);
        sb_page_line(p);
        sb_page_wrap(p, SB_ROLE_DIM, 1, " o the median, [=] where it lies with 95 %, > nine in ten are shorter; the axis is logarithmic");
    }
    for (size_t i = 0; i < r->sides_n; i++) {
        cards(p, r, i > 0);
        alarms(p, r, i > 0);
    }
    if (r->lowered_n)
        view_heading(p, "Lowered");
    for (size_t i = 0; i < r->lowered_n; i++) {
        sb_page_line(p);
        sb_page_wrapf(p, SB_ROLE_DOUBT, 3, " %s", r->lowered[i]);
    }
}
