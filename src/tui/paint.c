/* SPDX-License-Identifier: Apache-2.0
 *
 * From a prepared frame to cells: text is copied and lines are drawn; nothing is worked out. */
#include "state.h"

#include <string.h>

static struct sb_rect at(const struct sb_tui *t, const char *box)
{
    return sb_layout_at(&t->frame.layout, box);
}

static struct sb_rect inset(struct sb_rect r, int x)
{
    return (struct sb_rect){r.x + x, r.y, r.w > 2 * x ? r.w - 2 * x : 0, r.h};
}

static void paint_bar(const struct sb_tui *t, struct sb_cells *c, const char *box)
{
    struct sb_rect r = at(t, box);
    for (int y = r.y; y < r.y + r.h && r.w; y++)
        sb_cells_put(c, r, r.x, y, sb_mark(SB_MARK_BAR, t->ascii), SB_ROLE_RULE);
}

static const char *needle(const struct sb_tui *t)
{
    return t->search.shown ? t->search.text : NULL;
}

/* At the right edge: what is above and below. */
static void paint_more(const struct sb_tui *t, struct sb_cells *c, struct sb_rect r, const struct sb_page *p, size_t top)
{
    if (r.h < 1)
        return;
    if (top > 0)
        sb_cells_put(c, r, r.x + r.w - 1, r.y, sb_mark(SB_MARK_UP, t->ascii), SB_ROLE_COUNT);
    if (top + (size_t)r.h < p->row_n)
        sb_cells_put(c, r, r.x + r.w - 1, r.y + r.h - 1, sb_mark(SB_MARK_DOWN, t->ascii), SB_ROLE_COUNT);
}

static void paint_panes(const struct sb_tui *t, struct sb_cells *c)
{
    static const char *const boxes[PANES] = {"anomalies", "plans", "approvals", "audit"};
    const struct frame *f = &t->frame;
    for (int p = 0; p < PANES; p++) {
        if (!f->pane_shown[p])
            continue;
        struct sb_rect r = at(t, boxes[p]);
        sb_page_paint(c, (struct sb_rect){r.x, r.y, r.w, 1}, &f->pane_title[p], 0, NULL);
        sb_page_paint(c, (struct sb_rect){r.x, r.y + 1, r.w, r.h - 1}, &f->pane[p], 0, p == t->focus ? needle(t) : NULL);
    }
    struct sb_rect detail = at(t, "detail");
    if (detail.w > 0) {
        sb_page_paint(c, (struct sb_rect){detail.x, detail.y, detail.w, 1}, &f->detail_title, 0, NULL);
        struct sb_rect text = inset((struct sb_rect){detail.x, detail.y + 1, detail.w, detail.h - 1}, 1);
        sb_page_paint(c, text, &f->detail, 0, NULL);
        paint_more(t, c, (struct sb_rect){detail.x, detail.y + 1, detail.w, detail.h - 1}, &f->detail, 0);
    }
    paint_bar(t, c, "bar-upper");
    paint_bar(t, c, "bar-lower");
}

/* A mark in the margin beside the selected link. */
static void paint_link(const struct sb_tui *t, struct sb_cells *c, struct sb_rect body)
{
    const struct frame *f = &t->frame;
    const struct view *v = top_view_of(t);
    if (v->kind == VIEW_CARD)
        return;
    for (size_t row = f->body_top; row < f->body.row_n && row < f->body_top + (size_t)body.h; row++)
        if (f->body.row[row].link && f->body.row[row].link == v->link) {
            sb_cells_put(c, body, body.x, body.y + (int)(row - f->body_top), SB_SAFE(">"), SB_ROLE_CURSOR);
            return;
        }
}

static void paint_view(const struct sb_tui *t, struct sb_cells *c)
{
    const struct frame *f = &t->frame;
    sb_page_paint(c, inset(at(t, "title"), 1), &f->title, 0, NULL);
    sb_page_paint(c, inset(at(t, "tabs"), 1), &f->tabs, 0, NULL);
    struct sb_rect body = at(t, "body"), side = at(t, "side");
    sb_page_paint(c, inset(body, 1), &f->body, f->body_top, page_in_focus(t) == &f->body ? needle(t) : NULL);
    paint_link(t, c, body);
    paint_more(t, c, body, &f->body, f->body_top);
    if (f->side_shown) {
        sb_page_paint(c, inset(side, 1), &f->side, f->side_top, page_in_focus(t) == &f->side ? needle(t) : NULL);
        paint_more(t, c, side, &f->side, f->side_top);
        paint_bar(t, c, "bar-pages");
    }
}

static void paint_frame(const struct sb_tui *t, struct sb_cells *c, struct sb_rect r, enum sb_role role)
{
    int right = r.x + r.w - 1, bottom = r.y + r.h - 1;
    struct sb_safe rule = sb_mark(SB_MARK_RULE, t->ascii), bar = sb_mark(SB_MARK_BAR, t->ascii);
    sb_cells_fill(c, r, SB_ROLE_DIALOG);
    sb_cells_repeat(c, r, r.x, r.y, rule, r.w, role);
    sb_cells_repeat(c, r, r.x, bottom, rule, r.w, role);
    for (int y = r.y; y <= bottom; y++) {
        sb_cells_put(c, r, r.x, y, bar, role);
        sb_cells_put(c, r, right, y, bar, role);
    }
    sb_cells_put(c, r, r.x, r.y, sb_mark(SB_MARK_TOP_LEFT, t->ascii), role);
    sb_cells_put(c, r, right, r.y, sb_mark(SB_MARK_TOP_RIGHT, t->ascii), role);
    sb_cells_put(c, r, r.x, bottom, sb_mark(SB_MARK_BOTTOM_LEFT, t->ascii), role);
    sb_cells_put(c, r, right, bottom, sb_mark(SB_MARK_BOTTOM_RIGHT, t->ascii), role);
}

static void paint_box(const struct sb_tui *t, struct sb_cells *c)
{
    const struct frame *f = &t->frame;
    struct sb_rect r = f->box_at;
    bool typed = t->overlay == OVER_CONFIRM && t->confirm.target;
    /* a margin on both sides, so that what lies behind does not touch the frame */
    sb_cells_fill(c, (struct sb_rect){r.x - 2, r.y, r.w + 4, r.h}, SB_ROLE_TEXT);
    paint_frame(t, c, r, t->overlay == OVER_CONFIRM ? SB_ROLE_DIALOG_FRAME : SB_ROLE_RULE);
    struct sb_rect in = {r.x + 2, r.y + 1, r.w - 4, r.h - 2 - (typed ? 2 : 0)};
    sb_page_paint(c, in, &f->box, f->box_top, NULL);
    paint_more(t, c, (struct sb_rect){r.x, in.y, r.w - 1, in.h}, &f->box, f->box_top);
    if (typed && r.h > 4)
        sb_page_paint(c, (struct sb_rect){r.x + 2, r.y + r.h - 2, r.w - 4, 1}, &f->typed, 0, NULL);
}

void sb_tui_paint(const struct sb_tui *t, struct sb_cells *c, int *cursor_x, int *cursor_y)
{
    const struct frame *f = &t->frame;
    *cursor_x = *cursor_y = -1;
    sb_cells_fill(c, (struct sb_rect){0, 0, c->w, c->h}, SB_ROLE_TEXT);
    if (f->too_small) {
        sb_page_paint(c, (struct sb_rect){0, 0, c->w, c->h}, &f->body, 0, NULL);
        return;
    }
    *cursor_x = f->cursor_x;
    *cursor_y = f->cursor_y;
    sb_page_paint(c, at(t, "header"), &f->header, 0, NULL);
    sb_page_paint(c, at(t, "strip"), &f->strip, 0, NULL);
    if (top_view_of(t)->kind == VIEW_PANES)
        paint_panes(t, c);
    else
        paint_view(t, c);
    if (f->box_shown)
        paint_box(t, c);
    struct sb_rect status = at(t, "status");
    sb_page_paint(c, status, &f->status, 0, NULL);
    sb_page_paint(c, at(t, "request"), &f->request, 0, NULL);
    sb_page_paint(c, at(t, "footer"), &f->footer, 0, NULL);
}
