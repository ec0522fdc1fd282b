/* SPDX-License-Identifier: Apache-2.0
 *
 * Which cards are held whole. Every card that is told whole stays so, but of those that await approval only as many as came
 * last: there may be thousands, and nothing of them is needed before somebody looks at one. Then it is asked for, one at a
 * time, so that who runs through a list asks for where he comes to rest. What is approved is always whole: the page that has
 * to be read first is made of nothing else. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

#define WHOLE_LEFT (WHOLE_KEPT * 3 / 4) /* so that it is not looked through for each that comes */

const struct sb_card *whole_card(const struct sb_tui *t, const char *id)
{
    const struct held_card *held = find_card(t, id);
    return held ? held->card : NULL;
}

const struct sb_card *sb_tui_card(const struct sb_tui *t, const char *id)
{
    return whole_card(t, id);
}

void whole_drop(struct held_card *held, struct sb_tui *t)
{
    if (!held->card)
        return;
    sb_card_release(held->card);
    free(held->card);
    held->card = NULL;
    t->whole--;
}

/* Somebody looks at it, or is about to decide on it. */
static bool needed(const struct sb_tui *t, const struct held_card *held)
{
    const char *id = held->row.id;
    const struct confirm *q = &t->confirm;
    bool yes = sb_streq(id, t->pane[PANE_APPROVALS].selected) || marked(t, PANE_APPROVALS, id) || sb_streq(id, t->line_card) || sb_streq(id, q->card) || sb_streq(id, t->edit.card);
    for (int i = 0; i < t->views && !yes; i++)
        yes = sb_streq(id, t->view[i].id);
    for (size_t i = 0; i < q->batch_n && !yes; i++)
        yes = sb_streq(id, q->batch[i].card);
    return yes;
}

void whole_limit(struct sb_tui *t)
{
    if (t->whole <= WHOLE_KEPT)
        return;
    for (size_t i = 0; i < t->cards; i++) {
        struct held_card *held = t->card[i];
        if (held->card && held->pane == PANE_APPROVALS && held->came + WHOLE_LEFT <= t->whole_came && !needed(t, held))
            whole_drop(held, t);
    }
}

/* The card that is open, or selected where that is shown. */
static const char *in_focus(const struct sb_tui *t)
{
    const struct view *v = top_view_of(t);
    if (v->kind == VIEW_CARD || v->kind == VIEW_EDIT || v->kind == VIEW_MEETING)
        return v->id;
    const struct held_card *held = v->kind == VIEW_PANES ? pane_held(t) : NULL;
    return held ? held->row.id : NULL;
}

static bool is_row(const struct sb_tui *t, const char *id)
{
    const struct held_card *held = id ? find_card(t, id) : NULL;
    return held && !held->card;
}

const char *whole_awaited(const struct sb_tui *t)
{
    const char *id = in_focus(t);
    return is_row(t, id) ? id : NULL;
}

/* What else is to be whole: the card of the selected entry, and what is marked to be approved together. */
static const char *beside(const struct sb_tui *t)
{
    const struct pane *p = &t->pane[PANE_APPROVALS];
    const struct sb_audit_row *row = top_view_of(t)->kind == VIEW_PANES && t->panes_as == PANES_DETAILED ? pane_audit(t) : NULL;
    if (row && is_row(t, row->card))
        return row->card;
    for (size_t i = 0; i < p->marked_n && p->marked_n <= BATCH_MOST; i++)
        if (is_row(t, p->marked[i]))
            return p->marked[i];
    return NULL;
}

void whole_want(struct sb_tui *t, struct sb_effects *fx)
{
    if (t->card_asked || t->card_barred || t->bye || t->whole == t->cards)
        return;
    const char *id = whole_awaited(t);
    if (!id)
        id = beside(t);
    struct sb_message *m = id ? sb_message_text(SB_ASK_CARD, 0, id) : NULL;
    if (m)
        t->card_asked = fx_ask(t, fx, m);
}

void whole_answered(struct sb_tui *t, int64_t seq, const char *id)
{
    if (!t->card_asked || seq != t->card_asked)
        return;
    t->card_asked = 0;
    t->card_barred = !whole_card(t, id);
}
