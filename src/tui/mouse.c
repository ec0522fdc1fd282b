/* SPDX-License-Identifier: Apache-2.0
 *
 * The mouse: a click selects what is under it, the wheel is three times the arrow key there. It decides nothing: no click
 * opens, confirms or approves. */
#include "state.h"

#define WHEEL_ROWS 3

void mouse_switch(struct sb_tui *t, bool on, struct sb_effects *fx)
{
    t->mouse = on;
    fx_add(fx, on ? SB_FX_MOUSE_ON : SB_FX_MOUSE_OFF, NULL, NULL);
}

static bool within(struct sb_rect r, const struct sb_key *key)
{
    return key->x >= r.x && key->x < r.x + r.w && key->y >= r.y && key->y < r.y + r.h;
}

static struct sb_rect at(const struct sb_tui *t, const char *box)
{
    return sb_layout_at(&t->frame.layout, box);
}

/* The pane under the pointer; PANE_NONE: it stands elsewhere. */
static int pane_at(const struct sb_tui *t, const struct sb_key *key)
{
    static const char *const boxes[PANES] = {"anomalies", "plans", "approvals", "audit"};
    for (int p = 0; p < PANES; p++)
        if (t->frame.pane_shown[p] && within(at(t, boxes[p]), key))
            return p;
    return PANE_NONE;
}

static void click_panes(struct sb_tui *t, const struct sb_key *key)
{
    static const char *const boxes[PANES] = {"anomalies", "plans", "approvals", "audit"};
    int pane = pane_at(t, key);
    if (pane == PANE_NONE)
        return;
    size_t top = t->pane[pane].top, line = (size_t)(key->y - at(t, boxes[pane]).y), row = top + line - 1;
    if (line > 0 && t->frame.lists != t->lists) { /* the row that was meant may stand elsewhere by now */
        say(t, false, "The rows have changed: click again.");
        return;
    }
    to_pane(t, pane);
    if (line == 0)
        return;
    pane_goto(t, row);
    t->pane[pane].top = top; /* what was clicked on stays where it is */
    pane_fit(t, pane, t->pane[pane].rows);
}

static void click_view(struct sb_tui *t, const struct sb_key *key)
{
    struct view *v = top_view(t);
    const struct frame *f = &t->frame;
    struct sb_rect body = at(t, "body"), tabs = at(t, "tabs");
    const struct sb_card *card = v->kind == VIEW_CARD ? whole_card(t, v->id) : NULL;
    if (card && within(tabs, key)) {
        int tab = view_tab_at(t, card, v->tab, key->x - tabs.x - 1); /* the page stands one column in */
        if (tab >= 0)
            open_tab(t, (enum tab)tab);
    } else if (v->kind != VIEW_CARD && within(body, key)) {
        size_t row = f->body_top + (size_t)(key->y - body.y);
        if (row < f->body.row_n && f->body.row[row].link)
            select_link(t, f->body.row[row].link);
    }
}

static void click(struct sb_tui *t, const struct sb_key *key)
{
    if (t->overlay == OVER_CONFIRM)
        say(t, true, "A click never confirms.");
    else if (t->overlay != OVER_NONE || within(at(t, "status"), key)) /* what is typed stays; a message may lie over rows */
        return;
    else if (top_view(t)->kind == VIEW_PANES)
        click_panes(t, key);
    else
        click_view(t, key);
}

static void wheel(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx)
{
    enum sb_action action = key->button == SB_WHEEL_UP ? SB_ACT_UP : SB_ACT_DOWN;
    int pane = PANE_NONE;
    switch (t->overlay) {
    case OVER_CONFIRM:
        for (int i = 0; i < WHEEL_ROWS; i++)
            confirm_key(t, key, action, fx);
        break;
    case OVER_PALETTE: act(t, action, fx); break;
    case OVER_LINE: break;
    case OVER_NONE:
        if (top_view(t)->kind == VIEW_PANES && (pane = pane_at(t, key)) != PANE_NONE)
            to_pane(t, pane);
        t->count = WHEEL_ROWS;
        act(t, action, fx);
        break;
    }
}

void mouse_key(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx)
{
    t->count = 0;
    if (!t->mouse) /* a report that was on its way when it was switched off */
        return;
    if (key->button == SB_BUTTON_LEFT)
        click(t, key);
    else
        wheel(t, key, fx);
}
