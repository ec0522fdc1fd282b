/* SPDX-License-Identifier: Apache-2.0
 *
 * Going somewhere: rows, pages and links first, then from pane to pane, and how the panes stand. */
#include "state.h"

#include <stdio.h>

/* ---- rows, pages, links ---- */

/* The first row of a page that carries this link; row_n when none does. */
static size_t link_row(const struct sb_page *p, int link)
{
    size_t row = 0;
    while (row < p->row_n && p->row[row].link != link)
        row++;
    return row;
}

static void scroll_to(struct sb_tui *t, int64_t top)
{
    struct view *v = top_view(t);
    const struct sb_page *p = page_in_focus(t);
    int64_t most = (int64_t)p->row_n - (int64_t)t->frame.body_rows;
    v->top[v->tab] = (size_t)(top > most ? (most > 0 ? most : 0) : top < 0 ? 0 : top);
}

/* The row behind the last of those that belong to a link. */
static size_t link_end(const struct sb_page *p, size_t row)
{
    for (row++; row < p->row_n && !p->row[row].link; row++)
        continue;
    return row;
}

/* All that belongs to it, where the page says so: a value that was typed stands below the row that it is of. */
void show_link(struct sb_tui *t)
{
    struct view *v = top_view(t);
    const struct sb_page *p = &t->frame.body;
    size_t row = link_row(p, v->link), rows = t->frame.body_rows, top = v->top[v->tab];
    if (row == p->row_n || rows == 0)
        return;
    size_t last = v->kind == VIEW_EDIT ? link_end(p, row) - 1 : row;
    if (last >= top + rows)
        top = last - rows + 1;
    if (row < top)
        top = row;
    scroll_to(t, (int64_t)top);
}

void select_link(struct sb_tui *t, int link)
{
    top_view(t)->link = link;
    show_link(t);
}

/* One row: to the next link where the page has links, else by a line. */
static void step_page(struct sb_tui *t, int by)
{
    struct view *v = top_view(t);
    const struct sb_page *p = &t->frame.body;
    bool link = v->kind != VIEW_CARD && link_row(p, v->link + by) < p->row_n && v->link + by > 0;
    if (link) {
        select_link(t, v->link + by);
    } else {
        scroll_to(t, (int64_t)v->top[v->tab] + by);
    }
}

static void step_pages(struct sb_tui *t, int by, int64_t times)
{
    for (int64_t i = 0; i < times && i <= SB_PAGE_MAX_LINES; i++)
        step_page(t, by);
}

/* To the row with this number from above; in the ledger to the entry with this number. */
static void go_to_number(struct sb_tui *t, int64_t number)
{
    if (t->focus != PANE_AUDIT) {
        size_t n = pane_count(t, t->focus);
        if (n)
            pane_goto(t, (size_t)number < n ? (size_t)number - 1 : n - 1);
        return;
    }
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)number);
    if (pane_select(t, PANE_AUDIT, id))
        return;
    if (audit_goes_on(t) && number <= t->audit.head)
        t->audit.jump_seq = number; /* its page is asked for */
    else
        say(t, false, "Entry #%lld is not among those that are listed.", (long long)number);
}

bool move(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    struct view *v = top_view(t);
    int64_t times = t->count ? t->count : 1;
    bool panes = v->kind == VIEW_PANES;
    int64_t page = panes ? (int64_t)t->pane[t->focus].rows : (int64_t)t->frame.body_rows;
    if (page > 2)
        page--; /* one row stays in sight */
    int64_t top = panes ? 0 : (int64_t)v->top[v->tab];
    switch (action) {
    case SB_ACT_UP: panes ? pane_move(t, -times) : step_pages(t, -1, times); return true;
    case SB_ACT_DOWN: panes ? pane_move(t, times) : step_pages(t, 1, times); return true;
    case SB_ACT_PAGE_UP: panes ? pane_move(t, -page * times) : scroll_to(t, top - page * times); return true;
    case SB_ACT_PAGE_DOWN: panes ? pane_move(t, page * times) : scroll_to(t, top + page * times); return true;
    case SB_ACT_TOP:
    case SB_ACT_BOTTOM:
        place_note(t);
        if (!panes)
            scroll_to(t, t->count ? t->count - 1 : action == SB_ACT_TOP ? 0 : INT64_MAX);
        else if (t->count)
            go_to_number(t, t->count);
        else if (t->focus == PANE_AUDIT)
            audit_jump(t, action == SB_ACT_TOP ? 1 : -1, fx);
        else if (t->pane[t->focus].n)
            pane_goto(t, action == SB_ACT_TOP ? 0 : t->pane[t->focus].n - 1);
        return true;
    default:
        return false;
    }
}

/* ---- panes ---- */

void to_pane(struct sb_tui *t, int pane)
{
    if (pane != t->focus)
        place_note(t);
    pane_focus(t, pane);
}

static void side_pane(struct sb_tui *t, int by)
{
    switch (t->panes_as) {
    case PANES_ALONE: case PANES_BELOW: /* nothing stands beside: the neighbour is the next one */
        pane_focus(t, (t->focus + by + PANES) % PANES);
        break;
    case PANES_BESIDE: {
        int column = t->focus % 2 + by;
        if (column >= 0 && column <= 1)
            pane_focus(t, t->focus / 2 * 2 + column);
        break;
    }
    case PANES_DETAILED:
        if (by > 0)
            pane_focus(t, PANE_AUDIT);
        else if (t->focus == PANE_AUDIT)
            pane_focus(t, PANE_APPROVALS);
        break;
    }
}

bool move_panes(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    int times = (int)(t->count % PANES ? t->count % PANES : 1);
    switch (action) {
    case SB_ACT_NEXT_PANE: pane_focus(t, (t->focus + times) % PANES); return true;
    case SB_ACT_PREVIOUS_PANE: pane_focus(t, (t->focus + PANES - times) % PANES); return true;
    case SB_ACT_LEFT_PANE: side_pane(t, -1); return true;
    case SB_ACT_RIGHT_PANE: side_pane(t, 1); return true;
    case SB_ACT_TO_ANOMALIES: to_pane(t, PANE_ANOMALIES); return true;
    case SB_ACT_TO_PLANS: to_pane(t, PANE_PLANS); return true;
    case SB_ACT_TO_APPROVALS: to_pane(t, PANE_APPROVALS); return true;
    case SB_ACT_TO_AUDIT: to_pane(t, PANE_AUDIT); return true;
    case SB_ACT_ZOOM: t->zoomed = !t->zoomed; return true;
    case SB_ACT_LAYOUT: {
        static const char *const words[] = {"as fits", "side by side", "below one another"};
        t->arrangement = (t->arrangement + 1) % 3;
        say(t, false, "Panes: %s.", words[t->arrangement]);
        remember_panes(t, fx);
        return true;
    }
    case SB_ACT_GROW: case SB_ACT_SHRINK: {
        struct pane *p = &t->pane[t->focus];
        p->room += action == SB_ACT_GROW ? times : -times;
        p->room = p->room < 0 ? 0 : p->room > ROOM_MOST ? ROOM_MOST : p->room;
        if (t->panes_as == PANES_ALONE)
            say(t, false, "%s has the whole screen: its room among the four is kept for later.", pane_name(t->focus));
        remember_panes(t, fx);
        return true;
    }
    case SB_ACT_FOLLOW:
        pane_freeze(t, t->focus);
        panes_relist(t, fx);
        say(t, false, t->pane[t->focus].frozen ? "%s is frozen: its rows stay as they are, new ones are only counted." : "%s follows what is new again.", pane_name(t->focus));
        return true;
    default:
        return false;
    }
}
