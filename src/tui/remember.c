/* SPDX-License-Identifier: Apache-2.0
 *
 * How the panes stand, from one session to the next. That one stands alone is not kept: no start may hide what waits for an
 * approval. */
#include "state.h"

#include <stdio.h>

void remember_panes(const struct sb_tui *t, struct sb_effects *fx)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_str_addf(&text, "layout %d pane %d sort", t->arrangement, t->focus);
    for (int pane = PANE_ANOMALIES; pane < PANE_AUDIT; pane++)
        sb_str_addf(&text, " %d%s", (int)t->pane[pane].sort, t->pane[pane].reversed ? "r" : "");
    sb_str_adds(&text, " columns");
    for (int pane = 0; pane < PANES; pane++)
        sb_str_addf(&text, " %d", (int)t->pane[pane].columns);
    sb_str_adds(&text, " room");
    for (int pane = 0; pane < PANES; pane++)
        sb_str_addf(&text, " %d", t->pane[pane].room);
    sb_str_addc(&text, '\n');
    char *taken = sb_str_take(&text);
    if (taken)
        fx_add(fx, SB_FX_REMEMBER, NULL, taken);
}

/* What it does not understand it passes over: a choice of layout is worth no message. */
void recall_panes(struct sb_tui *t, const char *text)
{
    int layout, focus, at = 0;
    if (!text || sscanf(text, "layout %1d pane %1d sort%n", &layout, &focus, &at) != 2 || at == 0 || layout < 0 || layout > 2 || focus < 0 || focus >= PANES)
        return;
    t->arrangement = layout;
    t->focus = focus;
    for (int pane = PANE_ANOMALIES; pane < PANE_AUDIT && text[at] == ' ' && text[at + 1] >= '0' && text[at + 1] < '0' + SORTS; pane++) {
        t->pane[pane].sort = (enum sort)(text[at + 1] - '0');
        t->pane[pane].reversed = text[at + 2] == 'r';
        at += 2 + t->pane[pane].reversed;
    }
    unsigned columns[PANES], room[PANES];
    int n = sscanf(text + at, " columns %1u %1u %1u %1u room %2u %2u %2u %2u", &columns[0], &columns[1], &columns[2], &columns[3], &room[0], &room[1], &room[2], &room[3]);
    for (int pane = 0; pane < PANES && n == 2 * PANES; pane++) {
        t->pane[pane].columns = (enum columns)(columns[pane] % COLUMNS);
        t->pane[pane].room = room[pane] <= ROOM_MOST ? (int)room[pane] : ROOM_FIRST;
    }
}
