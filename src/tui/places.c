/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding back: the places that were left by a jump, in order, and the rows that were marked. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

/* ---- places ---- */

static void release(struct place *p)
{
    free(p->id);
    free(p->row);
}

void places_release(struct sb_tui *t)
{
    while (t->places.n)
        release(&t->places.place[--t->places.n]);
}

static bool same(const struct place *p, const struct view *v, int pane, const char *row)
{
    return p->kind == v->kind && sb_streq(p->id, v->id) && p->tab == v->tab && p->pane == pane && sb_streq(p->row, row);
}

/* Adds where the person is; false: it is nothing to come back to. */
static bool add(struct sb_tui *t)
{
    struct places *l = &t->places;
    const struct view *v = top_view(t);
    const char *row = t->pane[t->focus].selected;
    if (v->kind == VIEW_EDIT || v->kind == VIEW_HELP || v->kind == VIEW_MESSAGES || v->kind == VIEW_HUSHES || v->kind == VIEW_RECOVERY ||
        v->kind == VIEW_BACKUP || v->kind == VIEW_RUNNING || v->kind == VIEW_SCHEMA || v->kind == VIEW_PLAN || v->kind == VIEW_REPORT || v->kind == VIEW_DOCTOR || v->kind == VIEW_MEETING)
        return false;
    if (l->n && same(&l->place[l->n - 1], v, t->focus, row))
        return true;
    if (l->n == PLACES_KEPT) {
        release(&l->place[0]);
        memmove(&l->place[0], &l->place[1], --l->n * sizeof l->place[0]);
    }
    struct place *p = &l->place[l->n++];
    *p = (struct place){.kind = v->kind, .tab = v->tab, .pane = t->focus};
    set_text(&p->id, v->id);
    set_text(&p->row, row);
    return true;
}

void place_note(struct sb_tui *t)
{
    struct places *l = &t->places;
    while (l->n > l->at) /* what lay ahead is another road now */
        release(&l->place[--l->n]);
    add(t);
    l->at = l->n;
}

static void visit(struct sb_tui *t, const struct place *p, struct sb_effects *fx)
{
    while (t->views > 1)
        view_close(t);
    pane_focus(t, p->pane);
    if (p->row && !pane_select(t, p->pane, p->row) && p->kind == VIEW_PANES)
        say(t, false, "%s is not listed in %s any more.", p->row, pane_name(p->pane));
    if (p->kind == VIEW_PANES)
        return;
    view_open(t, p->kind, p->id, fx);
    open_tab(t, p->tab);
}

void place_go(struct sb_tui *t, int by, struct sb_effects *fx)
{
    struct places *l = &t->places;
    if (by < 0 && l->at == l->n && l->n) { /* so that going forward comes back to here */
        if (add(t))
            l->at = l->n - 1;
    }
    if (by < 0 ? l->at == 0 : l->at + 1 >= l->n) {
        say(t, false, by < 0 ? "There is no place before this one." : "There is no place after this one.");
        return;
    }
    l->at = by < 0 ? l->at - 1 : l->at + 1;
    visit(t, &l->place[l->at], fx);
}

/* ---- marks ---- */

static size_t find_mark(const struct pane *p, const char *id)
{
    size_t i = 0;
    while (i < p->marked_n && !sb_streq(p->marked[i], id))
        i++;
    return i;
}

bool marked(const struct sb_tui *t, int pane, const char *id)
{
    return id && find_mark(&t->pane[pane], id) < t->pane[pane].marked_n;
}

void mark_toggle(struct sb_tui *t)
{
    struct pane *p = &t->pane[t->focus];
    if (!p->selected || pane_count(t, t->focus) == 0) {
        say(t, false, "Nothing is selected that could be marked.");
        return;
    }
    size_t at = find_mark(p, p->selected);
    if (at < p->marked_n) {
        free(p->marked[at]);
        memmove(&p->marked[at], &p->marked[at + 1], (--p->marked_n - at) * sizeof p->marked[0]);
    } else if (p->marked_n == MARKS_MOST) {
        say(t, true, "No more than %d rows can be marked.", MARKS_MOST);
    } else {
        char **grown = realloc(p->marked, (p->marked_n + 1) * sizeof *grown);
        char *copy = sb_strdup_n(p->selected, strlen(p->selected));
        if (grown)
            p->marked = grown;
        if (!grown || !copy) {
            free(copy);
            say(t, true, "Out of memory: the row is not marked.");
            return;
        }
        p->marked[p->marked_n++] = copy;
    }
}

void mark_next(struct sb_tui *t)
{
    size_t n = pane_count(t, t->focus), at = t->pane[t->focus].index;
    char id[24];
    for (size_t i = 1; i <= n; i++)
        if (marked(t, t->focus, pane_row_id(t, t->focus, (at + i) % n, id))) {
            pane_goto(t, (at + i) % n);
            return;
        }
    say(t, false, "No row that is listed in %s is marked.", pane_name(t->focus));
}

void marks_clear(struct sb_tui *t, int pane)
{
    struct pane *p = &t->pane[pane];
    while (p->marked_n)
        free(p->marked[--p->marked_n]);
}
