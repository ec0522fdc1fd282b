/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening the plan of a case: its cards as phases. What has to be true before them is measured each time it is asked for. */
#include "state.h"

static const char *case_meant(const struct sb_tui *t)
{
    const struct view *v = top_view_of(t);
    const struct held_card *card = v->kind == VIEW_PANES ? pane_held(t) : v->kind == VIEW_CARD ? find_card(t, v->id) : NULL;
    const char *id = v->kind == VIEW_CASE || v->kind == VIEW_PLAN ? v->id : card ? card->row.case_id : NULL;
    return id && id[0] ? id : NULL;
}

bool act_on_plan(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    if (action != SB_ACT_PLAN)
        return false;
    const char *id = case_meant(t);
    char *copy = id ? sb_format("%s", id) : NULL;
    if (!id) {
        say(t, false, "This belongs to no case.");
    } else if (copy) {
        if (top_view(t)->kind != VIEW_PLAN)
            view_open(t, VIEW_PLAN, copy, fx);
        fx_ask_text(t, fx, SB_ASK_PLAN, copy);
        const struct sb_case *c = find_case(t, copy);
        for (size_t i = 0; c && i < c->cards_n; i++) /* lists hold rows of most cards */
            if (!whole_card(t, c->cards[i]))
                fx_ask_text(t, fx, SB_ASK_CARD, c->cards[i]);
    }
    free(copy);
    return true;
}
