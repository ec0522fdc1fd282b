/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_paint.c - the picture of a fleet. */
#include "fleet_private.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define WIDE 120

static enum sb_role role_of(enum sb_fleet_health health)
{
    switch (health) {
    case SB_FLEET_WELL: return SB_ROLE_GOOD;
    case SB_FLEET_UNASKED: return SB_ROLE_DOUBT;
    case SB_FLEET_LAGGING: return SB_ROLE_MEDIUM;
    case SB_FLEET_ODD: return SB_ROLE_HIGH;
    default: return SB_ROLE_BAD;
    }
}

/* ---- above the list ---- */

static void put_header(struct sb_page *p, const struct sb_fleet_view *v)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, v->wall_ms);
    p->fill = SB_ROLE_HEADER;
    bool simulated = false;
    for (size_t i = 0; i < v->rows_n && !simulated; i++)
        simulated = v->rows[i].simulated;
    if (simulated) {
        sb_page_text(p, SB_ROLE_HEADER, " ");
        sb_page_text(p, SB_ROLE_SIMULATED, "[ SIMULATED ]");
    }
    sb_page_textf(p, SB_ROLE_HEADER, " Fleet: %zu members of %zu deployments, %zu asked", v->rows_n, v->deployments, v->asked);
    if (p->width >= WIDE)
        sb_page_textf(p, SB_ROLE_HEADER, "; %zu lanes, the longest wait %" PRId64 " ms, %zu series watched closely", v->lanes, v->late_ms, v->watched);
    at[19] = 'Z';
    at[20] = '\0';
    sb_page_right(p, SB_ROLE_HEADER, at + 11);
}

static void put_counts(const struct sb_fleet_page *f, struct sb_page *p, const struct sb_fleet_view *v)
{
    size_t of[SB_FLEET_HEALTHS];
    sb_fleet_count(v->rows, v->rows_n, of);
    for (int i = SB_FLEET_HEALTHS - 1; i >= 0; i--)
        if (of[i])
            sb_page_textf(p, role_of((enum sb_fleet_health)i), " %zu %s ", of[i], sb_name(&sb_fleet_healths, i));
    if (v->incidents_n)
        sb_page_textf(p, SB_ROLE_HIGH, "  %zu incident%s", v->incidents_n, v->incidents_n == 1 ? "" : "s");
    if (f->filter[0] && f->over != FLEET_FILTER)
        sb_page_textf(p, SB_ROLE_DOUBT, "  only %s", f->filter);
    if (f->wants.only_wrong)
        sb_page_text(p, SB_ROLE_DOUBT, "  only what is not well");
}

static void put_heads(struct sb_page *p)
{
    bool wide = p->width >= WIDE;
    sb_page_textf(p, SB_ROLE_DIM, "  %-12s%-*s %-10s%6s%8s%5s", "health", wide ? 40 : 21, "member", "role", "ops/s", "read ms", "lag");
    if (wide)
        sb_page_textf(p, SB_ROLE_DIM, "%9s%8s%8s", "write ms", "conns", "queued");
    sb_page_text(p, SB_ROLE_DIM, "  why");
}

/* ---- the list ---- */

static void number(struct sb_page *p, int width, double n, bool fraction)
{
    if (!isfinite(n))
        sb_page_field(p, SB_ROLE_DIM, -width, "-");
    else if (n >= 9999.5 || !fraction)
        sb_page_fieldf(p, SB_ROLE_TEXT, -width, "%.0f", n);
    else
        sb_page_fieldf(p, SB_ROLE_TEXT, -width, "%.1f", n);
}

static void put_row(struct sb_page *p, const struct sb_fleet_row *r)
{
    bool wide = p->width >= WIDE;
    sb_page_field(p, role_of(r->health), 12, sb_name(&sb_fleet_healths, (int)r->health));
    sb_page_field(p, SB_ROLE_ID, wide ? 40 : 21, r->name);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_field(p, SB_ROLE_TEXT, 10, r->role[0] ? r->role : "-");
    number(p, 6, r->ops_per_s, false);
    number(p, 8, r->read_ms, true);
    number(p, 5, r->lag_s, false);
    if (wide) {
        number(p, 9, r->write_ms, true);
        number(p, 8, r->connections, false);
        number(p, 8, r->queued, false);
    }
    sb_page_textf(p, SB_ROLE_DIM, "  %s", r->why);
}

static void put_environment(struct sb_page *p, int environment)
{
    bool prod = environment == SB_ENV_PROD;
    sb_page_textf(p, prod ? SB_ROLE_ENV_PROD : SB_ROLE_ENV_OTHER, "[ %s ]", prod ? "PROD" : sb_name(&sb_environments, environment));
}

static void put_heading(struct sb_page *p, const struct sb_fleet_line *l, const struct sb_fleet_row *first, int group)
{
    sb_page_text(p, SB_ROLE_TITLE, sb_fleet_heading(first, (enum sb_fleet_group)group));
    if (group == SB_FLEET_BY_DEPLOYMENT) {
        sb_page_text(p, SB_ROLE_TEXT, " ");
        put_environment(p, first->environment);
    }
    sb_page_textf(p, SB_ROLE_DIM, "  %zu", l->shown);
    if (l->wrong)
        sb_page_textf(p, SB_ROLE_BAD, ", %zu not well", l->wrong);
    if (l->headless)
        sb_page_text(p, SB_ROLE_BAD, ", no primary");
}

static void put_incident(struct sb_page *p, const struct sb_fleet_incident *i)
{
    const struct sb_anomaly *a = &i->anomaly;
    sb_page_field(p, SB_ROLE_ID, 10, a->id);
    sb_page_field(p, a->acked_by ? SB_ROLE_TEXT : level_role(a->severity), 13, a->acked_by ? "acknowledged" : "open");
    sb_page_field(p, SB_ROLE_STRONG, p->width >= WIDE ? 24 : 10, i->deployment);
    int from = sb_page_column(p) + 1;
    sb_page_tab(p, from);
    put_environment(p, i->environment);
    sb_page_tab(p, from + 12);
    sb_page_textf(p, SB_ROLE_DIM, "%s  ", sb_name(&sb_anomaly_classes, a->class_));
    sb_page_text(p, SB_ROLE_TEXT, a->title);
}

static const char *nothing(const struct sb_fleet_page *f)
{
    return f->filter[0] ? "  no member matches the filter" : f->wants.only_wrong ? "  all are well" : "  no members";
}

static void put_lines(struct sb_fleet_page *f, const struct sb_fleet_view *v)
{
    struct sb_page *p = &f->page;
    size_t rows = f->rows, n = fleet_lines(v);
    if (f->at < f->top)
        f->top = f->at;
    if (rows && f->at >= f->top + rows)
        f->top = f->at - rows + 1;
    if (f->top && f->top + rows > n)
        f->top = n > rows ? n - rows : 0;
    for (size_t i = f->top; i < f->top + rows; i++) {
        sb_page_line(p);
        if (i == v->incidents_n && v->list->n == 0)
            sb_page_text(p, SB_ROLE_DIM, nothing(f));
        if (i >= n)
            continue;
        sb_page_text(p, SB_ROLE_CURSOR, i == f->at ? "> " : "  ");
        const struct sb_fleet_row *r = fleet_row(v, i);
        if (i < v->incidents_n)
            put_incident(p, &v->incidents[i]);
        else if (r)
            put_row(p, r);
        else
            put_heading(p, &v->list->line[i - v->incidents_n], &v->rows[v->list->line[i - v->incidents_n].first], f->wants.group);
    }
}

/* ---- texts: help, messages, an incident ---- */

static void put_time(struct sb_page *p, const char *label, int64_t ms)
{
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, ms);
    view_label(p, label);
    sb_page_text(p, SB_ROLE_TEXT, at);
}

static void text_of_incident(const struct sb_fleet_incident *i, struct sb_page *p)
{
    const struct sb_anomaly *a = &i->anomaly;
    sb_page_line(p);
    sb_page_wrap(p, SB_ROLE_TITLE, 0, a->title);
    view_label(p, "Of");
    sb_page_textf(p, SB_ROLE_TEXT, "%s ", i->deployment);
    put_environment(p, i->environment);
    put_time(p, "Began", a->from);
    put_time(p, "Seen", a->detected_at);
    view_label(p, "Class");
    sb_page_textf(p, SB_ROLE_STRONG, "%s", sb_name(&sb_anomaly_classes, a->class_));
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, ", sure to %" PRId64 " %%: %s", a->confidence_ppm / 10000, a->class_reason);
    view_label(p, "Taken by");
    sb_page_text(p, a->acked_by ? SB_ROLE_TEXT : SB_ROLE_DIM, a->acked_by ? a->acked_by : "nobody");
    view_label(p, "Record");
    if (i->entry)
        sb_page_textf(p, SB_ROLE_TEXT, "entry %" PRId64 " of the fleet's ledger", i->entry);
    else
        sb_page_text(p, SB_ROLE_DOUBT, "on none");
    for (size_t k = 0; k < a->signals_n; k++) {
        const struct sb_signal *s = &a->signals[k];
        view_label(p, k ? "" : "Signals");
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s of %s: %" PRId64 "%s%s, usually %" PRId64, s->metric, s->subject, s->value, s->unit[0] ? " " : "", s->unit, s->baseline);
    }
}

static void text_of_messages(const struct sb_fleet_page *f, struct sb_page *p)
{
    size_t kept = f->notes < FLEET_NOTES ? f->notes : FLEET_NOTES;
    for (size_t k = 0; k < kept; k++) {
        const struct fleet_note *n = &f->note[(f->notes - 1 - k) % FLEET_NOTES];
        char when[TEXT_MAX];
        fmt_clock(when, n->wall_ms);
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_DIM, "%s ", when);
        sb_page_text(p, n->bad ? SB_ROLE_BAD : SB_ROLE_TEXT, n->bad ? "! " : "  ");
        sb_page_wrap(p, SB_ROLE_TEXT, LABEL, n->text);
    }
    if (!kept)
        sb_page_text(p, SB_ROLE_DIM, "none");
}

static void make_text(struct sb_fleet_page *f, const struct sb_fleet_view *v, int width)
{
    struct sb_page *p = &f->text;
    const struct sb_fleet_incident *i = f->over == FLEET_INCIDENT ? fleet_incident(v, f->incident) : NULL;
    sb_page_start(p, width, f->ascii);
    if (f->over == FLEET_HELP) {
        sb_page_wrapf(p, SB_ROLE_DIM, 0, "Keymap %s.", sb_keymap_name(f->keymap));
        view_keys(f->keymap, false, SB_IN_FLEET, false, p);
        view_keys(f->keymap, false, SB_IN_LINE, true, p);
    } else if (f->over == FLEET_MESSAGES) {
        text_of_messages(f, p);
    } else if (i) {
        text_of_incident(i, p);
    } else {
        sb_page_wrapf(p, SB_ROLE_DIM, 0, "%s is not listed any more: it is over, or the filter leaves it out. `signalbox incident --fleet` has it.", f->incident);
    }
    if (f->text_top + f->rows > p->row_n)
        f->text_top = p->row_n > f->rows ? p->row_n - f->rows : 0;
}

/* ---- below the list ---- */

/* Says what the cursor's line is about. */
static void put_about(const struct sb_fleet_page *f, const struct sb_fleet_view *v, struct sb_page *p)
{
    const struct sb_fleet_row *r = fleet_row(v, f->at);
    char at[SB_TIME_LEN + 1];
    p->fill = SB_ROLE_STATUS;
    if (f->at < v->incidents_n && !fleet_shows_text(f)) {
        const struct sb_fleet_incident *i = &v->incidents[f->at];
        sb_page_textf(p, SB_ROLE_STATUS, " %s %s: %s", i->anomaly.id, i->anomaly.acked_by ? i->anomaly.acked_by : i->entry ? "on record" : "on no record", i->anomaly.class_reason);
    } else if (r && !fleet_shows_text(f)) {
        sb_time_format(at, r->since_ms);
        at[19] = '\0';
        sb_page_textf(p, SB_ROLE_STATUS, " %s %s since %s Z %s", r->deployment, sb_name(&sb_fleet_healths, (int)r->health), at + 11, r->why);
    }
}

/* The column of the cursor in what is typed, or -1. */
static int put_below(struct sb_fleet_page *f, const struct sb_fleet_view *v)
{
    static const char *const heads[] = {[FLEET_FILTER] = " Filter: ", [FLEET_SEARCH] = " /", [FLEET_PALETTE] = " :"};
    struct sb_page *p = &f->page;
    int cursor = -1;
    sb_page_line(p);
    if (fleet_context(f) != SB_IN_FLEET) {
        sb_page_text(p, SB_ROLE_KEY, heads[f->over]);
        int room = p->width - sb_page_column(p) - 1, left = room - (f->problem[0] ? (int)strlen(f->problem) + 3 : 0);
        line_show(&f->line, p, left > room / 3 ? left : room / 3, f->ascii, &cursor);
        if (f->problem[0])
            sb_page_textf(p, SB_ROLE_NOTICE_BAD, "  %s", f->problem);
    } else if (f->note_shown) {
        const struct fleet_note *n = &f->note[(f->notes - 1) % FLEET_NOTES];
        sb_page_textf(p, n->bad ? SB_ROLE_NOTICE_BAD : SB_ROLE_NOTICE, "%s%s", n->bad ? " ! " : "   ", n->text);
    } else {
        put_about(f, v, p);
    }
    return cursor;
}

static void put_keys(struct sb_fleet_page *f)
{
    static const enum sb_action always[] = {SB_ACT_BACK, SB_ACT_HELP, SB_ACT_QUIT};
    struct sb_page *p = &f->page;
    enum sb_context context = fleet_context(f);
    int reserve = 0;
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_FOOTER, " ");
    if (context != SB_IN_FLEET) {
        view_footer_key(p, sb_keymap_keys(f->keymap, context, SB_ACT_SUBMIT), f->over == FLEET_PALETTE ? "does it" : f->over == FLEET_FILTER ? "keeps the filter" : "takes the line", 0);
        view_footer_key(p, sb_keymap_keys(f->keymap, context, SB_ACT_BACK), "leaves it", 0);
        return;
    }
    for (size_t i = 0; i < SB_COUNT(always); i++) {
        const char *keys = sb_keymap_keys(f->keymap, context, always[i]);
        reserve += keys ? sb_text_width(keys, p->ascii) + (int)strlen(sb_actions[always[i]].label) + 3 : 0;
    }
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS && !fleet_shows_text(f); a++)
        if ((sb_actions[a].contexts & SB_AT(FLEET)) && !view_footer_key(p, sb_keymap_keys(f->keymap, context, (enum sb_action)a), sb_actions[a].label, reserve))
            break;
    for (size_t i = 0; i < SB_COUNT(always); i++)
        view_footer_key(p, sb_keymap_keys(f->keymap, context, always[i]), sb_actions[always[i]].label, 0);
}

/* ---- all of it ---- */

static void paint_palette(struct sb_fleet_page *f, struct sb_cells *c)
{
    enum sb_action matches[SB_ACTIONS];
    size_t n = fleet_matches(f, matches), rows = f->rows < 12 ? f->rows : 12, at = (size_t)f->palette_at, top = at >= rows && rows ? at - rows + 1 : 0;
    struct sb_page *p = &f->box;
    sb_page_start(p, c->w, f->ascii);
    for (size_t i = top; i < n && i < top + rows; i++) {
        const char *keys = sb_keymap_keys(f->keymap, SB_IN_FLEET, matches[i]);
        sb_page_line(p);
        sb_page_text(p, i == at ? SB_ROLE_CURSOR : SB_ROLE_TEXT, i == at ? "> " : "  ");
        sb_page_field(p, SB_ROLE_STRONG, 18, sb_actions[matches[i]].name);
        sb_page_field(p, SB_ROLE_KEY, 10, keys ? keys : "");
        sb_page_text(p, SB_ROLE_TEXT, sb_actions[matches[i]].help);
    }
    if (n == 0)
        sb_page_text(p, SB_ROLE_DOUBT, "  no action fits");
    int h = (int)p->row_n;
    struct sb_rect where = {0, c->h - FLEET_BELOW - h - 1, c->w, h + 1};
    if (where.y < 0)
        return;
    sb_cells_fill(c, where, SB_ROLE_DIALOG);
    sb_cells_repeat(c, where, 0, where.y, sb_mark(SB_MARK_RULE, f->ascii), c->w, SB_ROLE_RULE);
    sb_page_paint(c, (struct sb_rect){0, where.y + 1, c->w, h}, p, 0, NULL);
}

static void too_small(struct sb_fleet_page *f, struct sb_cells *c)
{
    sb_page_start(&f->page, c->w, f->ascii);
    sb_page_wrapf(&f->page, SB_ROLE_DOUBT, 0, "%dx%d is too small: %dx%d is needed", c->w, c->h, SB_TUI_LEAST_W, SB_TUI_LEAST_H);
    sb_page_paint(c, (struct sb_rect){0, 0, c->w, c->h}, &f->page, 0, NULL);
}

/* A line of the page, or several, in the fill of their own. */
static void paint_line(struct sb_cells *c, struct sb_page *p, int y, size_t line, int lines, enum sb_role fill)
{
    p->fill = fill;
    sb_page_paint(c, (struct sb_rect){0, y, c->w, lines}, p, line, NULL);
}

void sb_fleet_page_paint(struct sb_fleet_page *f, const struct sb_fleet_view *v, struct sb_cells *cells, int *cursor_x, int *cursor_y)
{
    struct sb_page *p = &f->page;
    int h = cells->h;
    *cursor_x = -1;
    *cursor_y = 0;
    if (cells->w < SB_TUI_LEAST_W || h < SB_TUI_LEAST_H) {
        too_small(f, cells);
        return;
    }
    f->rows = (size_t)(h - FLEET_ABOVE - FLEET_BELOW);
    sb_page_start(p, cells->w, f->ascii);
    sb_page_line(p);
    put_header(p, v);
    sb_page_line(p);
    put_counts(f, p, v);
    sb_page_line(p);
    put_heads(p);
    if (fleet_shows_text(f))
        make_text(f, v, cells->w - 2);
    put_lines(f, v);
    int x = put_below(f, v);
    put_keys(f);
    paint_line(cells, p, 0, 0, 1, SB_ROLE_HEADER);
    paint_line(cells, p, 1, 1, h - 3, SB_ROLE_TEXT);
    paint_line(cells, p, h - 2, (size_t)h - 2, 1, f->note_shown && fleet_context(f) == SB_IN_FLEET ? (f->note[(f->notes - 1) % FLEET_NOTES].bad ? SB_ROLE_NOTICE_BAD : SB_ROLE_NOTICE) : SB_ROLE_STATUS);
    paint_line(cells, p, h - 1, (size_t)h - 1, 1, SB_ROLE_FOOTER);
    if (fleet_shows_text(f)) {
        sb_cells_fill(cells, (struct sb_rect){0, FLEET_ABOVE - 1, cells->w, (int)f->rows + 1}, SB_ROLE_TEXT);
        sb_page_paint(cells, (struct sb_rect){1, FLEET_ABOVE, cells->w - 2, (int)f->rows}, &f->text, f->text_top, NULL);
    } else if (f->over == FLEET_PALETTE) {
        paint_palette(f, cells);
    }
    if (x >= 0) {
        *cursor_x = x < cells->w ? x : cells->w - 1;
        *cursor_y = h - FLEET_BELOW;
    } else if (!fleet_shows_text(f)) {
        *cursor_x = 0;
        *cursor_y = FLEET_ABOVE + (int)(f->at - f->top);
    }
}
