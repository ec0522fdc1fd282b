/* SPDX-License-Identifier: Apache-2.0
 *
 * Who else has a card open. As long as nobody else sits at a console nothing is told or shown. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

void company_take(struct sb_tui *t, struct sb_looks *looks)
{
    sb_record_release(sb_message_schema(SB_NEWS_LOOKS), &t->looks);
    t->looks = *looks;
    memset(looks, 0, sizeof *looks);
    t->company = true;
}

void company_tell(struct sb_tui *t, struct sb_effects *fx)
{
    const struct view *v = top_view_of(t);
    const char *card = (v->kind == VIEW_CARD || v->kind == VIEW_EDIT) && v->id ? v->id : NULL;
    if (!t->company || t->bye || t->veil || sb_streq(card, t->looked)) /* a shown console knows the card's name, and says nothing */
        return;
    set_text(&t->looked, card);
    fx_ask_text(t, fx, SB_ASK_LOOK, card ? card : "");
}

void view_company(const struct sb_tui *t, const char *card, struct sb_page *p)
{
    size_t others = 0, own = 0;
    const char *who = NULL;
    for (size_t i = 0; i < t->looks.list_n; i++) {
        const struct sb_look *l = &t->looks.list[i];
        if (!sb_streq(l->card, card))
            continue;
        if (!own && sb_streq(l->who, t->welcome.actor) && sb_streq(t->looked, card)) {
            own++; /* one of this person's consoles is this one */
            continue;
        }
        who = l->who;
        others++;
    }
    if (!others)
        return;
    int room = p->width / 4, want = sb_text_width(who, t->ascii);
    sb_page_text(p, SB_ROLE_DOUBT, "open too: ");
    sb_page_field(p, SB_ROLE_DOUBT, want < room ? want : room, who);
    if (others > 1)
        sb_page_textf(p, SB_ROLE_DOUBT, " and %zu more", others - 1);
    sb_page_text(p, SB_ROLE_TEXT, "  ");
}
