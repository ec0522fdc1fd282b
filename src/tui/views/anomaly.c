/* SPDX-License-Identifier: Apache-2.0
 *
 * An anomaly: what changed, when, how much, which class, and who is suspected. */
#include "../state.h"

#include <inttypes.h>

static void names(struct sb_page *p, const char *label, char *const *items, size_t n)
{
    if (n == 0)
        return;
    view_label(p, label);
    for (size_t i = 0; i < n; i++)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s%s", i ? ", " : "", items[i]);
}

static void signals(const struct sb_anomaly *a, struct sb_page *p)
{
    char before[TEXT_MAX], now[TEXT_MAX];
    view_heading(p, "Signals");
    for (size_t i = 0; i < a->signals_n; i++) {
        const struct sb_signal *s = &a->signals[i];
        fmt_value(before, s->baseline, s->unit);
        fmt_value(now, s->value, s->unit);
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_bar(p, 8, s->score_ppm, 1000000);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_textf(p, SB_ROLE_DIM, "%s ", before);
        sb_page_mark(p, SB_ROLE_DIM, SB_MARK_ARROW, 1);
        sb_page_textf(p, SB_ROLE_STRONG, " %s", now);
        sb_page_tab(p, 34);
        sb_page_wrapf(p, SB_ROLE_TEXT, 34, " %s", s->metric ? s->metric : "?");
        if (s->subject && s->subject[0])
            sb_page_wrapf(p, SB_ROLE_DIM, 34, " of %s", s->subject);
        if (s->shard)
            sb_page_wrapf(p, SB_ROLE_DIM, 34, " on %s", s->shard);
    }
}

static void causes(const struct sb_anomaly *a, struct sb_page *p)
{
    char share[TEXT_MAX];
    view_heading(p, "Suspects");
    for (size_t i = 0; i < a->causes_n; i++) {
        const struct sb_cause *k = &a->causes[i];
        fmt_ppm(share, k->confidence_ppm);
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_TEXT, " %" PRId64 ". ", k->rank);
        sb_page_field(p, SB_ROLE_STRONG, -6, share);
        sb_page_wrapf(p, SB_ROLE_TEXT, 11, " %s", k->what ? k->what : "?");
        if (k->evidence && k->evidence[0]) {
            sb_page_line(p);
            sb_page_tab(p, 11);
            sb_page_wrap(p, SB_ROLE_DIM, 11, k->evidence);
        }
    }
    fmt_ppm(share, a->unexplained_ppm);
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_TEXT, "    ");
    sb_page_field(p, SB_ROLE_DOUBT, -6, share);
    sb_page_text(p, SB_ROLE_DOUBT, " not explained");
}

/* The moment of a value, the last one there is when the picture tells of none. */
static int64_t moment_of(const struct sb_plot *plot, size_t k)
{
    int64_t after, at;
    return __builtin_mul_overflow((int64_t)k, plot->step_ms, &after) || __builtin_add_overflow(plot->from, after, &at) ? INT64_MAX : at;
}

/* The usual band is dim, what leaves it stands out, and below it the moment is marked at which it began. */
static void plots(const struct sb_anomaly *a, int64_t now, struct sb_page *p)
{
    char low[TEXT_MAX], high[TEXT_MAX], when[TEXT_MAX];
    for (size_t i = 0; i < a->plots_n; i++) {
        const struct sb_plot *plot = &a->plots[i];
        int64_t v[SB_PLOT_MOST], most = plot->high > 0 ? plot->high : 1;
        size_t n = sb_plot_values(plot, v), room = p->width > LABEL + 2 ? (size_t)(p->width - LABEL - 2) : 1, from = n > room ? n - room : 0;
        for (size_t k = from; k < n; k++)
            most = v[k] > most ? v[k] : most;
        fmt_value(low, plot->low, plot->unit);
        fmt_value(high, plot->high, plot->unit);
        view_label(p, i ? "" : "Picture");
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s of %s", plot->metric ? plot->metric : "?", plot->subject ? plot->subject : "?");
        if (plot->shard)
            sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, " on %s", plot->shard);
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, ", usually %s to %s", low, high);
        fmt_value(high, most, plot->unit);
        sb_page_wrapf(p, SB_ROLE_DIM, LABEL, ", at most %s", high);
        sb_page_line(p);
        sb_page_tab(p, LABEL);
        for (size_t k = from; k < n; k++) {
            if (v[k] < 0)
                sb_page_text(p, SB_ROLE_DIM, " ");
            else
                sb_page_spark(p, v[k] > plot->high || v[k] < plot->low ? SB_ROLE_BAD : SB_ROLE_DIM, &v[k], 1, most);
        }
        if (plot->began < (int64_t)from || plot->began >= (int64_t)n)
            continue;
        fmt_when(when, moment_of(plot, (size_t)plot->began), now);
        sb_page_line(p);
        sb_page_tab(p, LABEL + (int)(plot->began - (int64_t)from));
        sb_page_mark(p, SB_ROLE_STRONG, SB_MARK_UP, 1);
        if (LABEL + (int)(plot->began - (int64_t)from) + 20 < p->width)
            sb_page_textf(p, SB_ROLE_DIM, " %sZ", when);
    }
}

/* The place of a moment among the values of a picture; -1: before or behind them. */
static int64_t place_of(const struct sb_plot *plot, size_t n, int64_t at)
{
    uint64_t k = plot->step_ms > 0 && at >= plot->from ? ((uint64_t)at - (uint64_t)plot->from) / (uint64_t)plot->step_ms : n;
    return k < n ? (int64_t)k : -1;
}

/* One line for each kind of happening, on the time axis of the first picture, cell for cell. */
static void axis(const struct sb_anomaly *a, int64_t now, struct sb_page *p)
{
    static const char *const kinds[] = {"metric", "log", "marker", "seen"};
    const struct sb_plot *plot = &a->plots[0];
    char when[TEXT_MAX];
    int64_t v[SB_PLOT_MOST];
    size_t n = sb_plot_values(plot, v), room = p->width > LABEL + 2 ? (size_t)(p->width - LABEL - 2) : 1, from = n > room ? n - room : 0;
    for (size_t k = 0; k < SB_COUNT(kinds); k++) {
        bool on[SB_PLOT_MOST] = {false}, any = false;
        for (size_t i = 0; i < a->timeline_n; i++) {
            int64_t at = sb_streq(a->timeline[i].kind, kinds[k]) ? place_of(plot, n, a->timeline[i].at) : -1;
            if (at < (int64_t)from)
                continue;
            on[at] = any = true;
        }
        if (!any)
            continue;
        view_label(p, kinds[k]);
        for (size_t c = from; c < n; c++)
            sb_page_mark(p, on[c] ? SB_ROLE_STRONG : SB_ROLE_DIM, on[c] ? SB_MARK_UP : SB_MARK_DOT, 1);
    }
    fmt_when(when, moment_of(plot, from), now);
    sb_page_line(p);
    sb_page_tab(p, LABEL);
    sb_page_textf(p, SB_ROLE_DIM, "%sZ", when);
    fmt_when(when, moment_of(plot, n), now);
    if (n - from > 24) {
        sb_page_tab(p, LABEL + (int)(n - from) - sb_text_width(when, false) - 1);
        sb_page_textf(p, SB_ROLE_DIM, "%sZ", when);
    }
}

static void timeline(const struct sb_anomaly *a, int64_t now, struct sb_page *p)
{
    char when[TEXT_MAX];
    if (a->timeline_n)
        view_heading(p, "Timeline");
    if (a->timeline_n && a->plots_n)
        axis(a, now, p);
    for (size_t i = 0; i < a->timeline_n; i++) {
        const struct sb_happening *h = &a->timeline[i];
        fmt_when(when, h->at, now);
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_DIM, " %s ", when);
        sb_page_field(p, sb_streq(h->kind, "metric") ? SB_ROLE_TEXT : SB_ROLE_STRONG, 7, h->kind);
        sb_page_wrap(p, SB_ROLE_TEXT, sb_page_column(p), h->what);
    }
}

static void remarks(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_page *p)
{
    char when[TEXT_MAX];
    if (a->remarks_n)
        view_heading(p, "Notes");
    for (size_t i = 0; i < a->remarks_n; i++) {
        const struct sb_remark *r = &a->remarks[i];
        fmt_when(when, r->at, t->wall);
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_DIM, " %s ", when);
        sb_page_wrapf(p, SB_ROLE_STRONG, 11, "%s: ", r->by ? r->by : "?");
        sb_page_wrap(p, SB_ROLE_TEXT, 11, r->text);
    }
}

/* What is said of it: by whom it was judged, and whether it is announced. */
static void said(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_page *p)
{
    const struct sb_hush *h = said_of(t, a->id);
    if (h) {
        view_label(p, "Judged");
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s, by %s", sb_name(&sb_hush_kinds, h->kind), h->by ? h->by : "?");
    }
    if (a->hushed) {
        view_label(p, "Quiet");
        sb_page_wrap(p, SB_ROLE_DOUBT, LABEL, a->hushed);
    }
}

void view_anomaly(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_page *p)
{
    char when[TEXT_MAX], then[TEXT_MAX], share[TEXT_MAX];
    int64_t now = deployment_now(t) ? deployment_now(t) : t->wall;
    view_label(p, "What");
    sb_page_wrap(p, SB_ROLE_STRONG, LABEL, a->title);
    fmt_when(when, a->from, now);
    fmt_when(then, a->to ? a->to : a->detected_at, now);
    fmt_left(share, gap(a->from, a->to ? a->to : now));
    view_label(p, "When");
    if (a->to)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "from %sZ to %sZ: over after %s", when, then, share);
    else
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "since %sZ, seen at %sZ, still going on: %s", when, then, share);
    if (a->trend) {
        fmt_when(when, a->limit_from, now);
        fmt_when(then, a->limit_to, now);
        sb_page_wrapf(p, SB_ROLE_STRONG, LABEL, "; a trend: the limit is crossed between %sZ and %s%s", when, a->limit_to ? then : "later, perhaps never", a->limit_to ? "Z" : "");
    }
    view_label(p, "Severity");
    sb_page_text(p, level_role(a->severity), sb_name(&sb_levels, a->severity));
    fmt_ppm(share, a->confidence_ppm);
    view_label(p, "Class");
    sb_page_wrap(p, SB_ROLE_STRONG, LABEL, sb_name(&sb_anomaly_classes, a->class_));
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, " (%s)%s%s", share, a->class_reason ? ": " : "", a->class_reason ? a->class_reason : "");
    names(p, "Where", a->namespaces, a->namespaces_n);
    names(p, "Apps", a->apps, a->apps_n);
    names(p, "Members", a->members, a->members_n);
    view_label(p, "Taken by");
    sb_page_wrap(p, a->acked_by ? SB_ROLE_TEXT : SB_ROLE_DOUBT, LABEL, a->acked_by ? a->acked_by : "nobody yet");
    said(t, a, p);
    if (a->case_id) {
        view_label(p, "Case");
        sb_page_link(p, 1);
        sb_page_wrap(p, SB_ROLE_ID, LABEL, a->case_id);
    }
    plots(a, now, p);
    signals(a, p);
    if (!a->trend)
        causes(a, p);
    timeline(a, now, p);
    remarks(t, a, p);
    if (a->evidence_n) {
        view_heading(p, "Evidence");
        view_facts(t, a->evidence, a->evidence_n, p);
    }
    if (a->case_id) {
        view_heading(p, "What was done");
        view_entries(t, NULL, a->case_id, p);
    }
}
