/* SPDX-License-Identifier: Apache-2.0
 *
 * What people changed on a card, as - and + lines: what stands there next to what stood there. */
#include "../state.h"

#include <inttypes.h>
#include <stdlib.h>

static void side(struct sb_page *p, enum sb_role role, int left, const char *mark, const char *text)
{
    sb_page_line(p);
    sb_page_tab(p, left);
    sb_page_text(p, role, mark);
    sb_page_exact(p, role, left + 2, text && text[0] ? text : "(none)");
}

void view_difference(struct sb_page *p, int left, const char *was, const char *now)
{
    side(p, SB_ROLE_REMOVED, left, "- ", was);
    side(p, SB_ROLE_ADDED, left, "+ ", now);
}

void view_edits(const struct sb_tui *t, const struct sb_card *c, int left, struct sb_page *p)
{
    for (size_t i = 0; i < c->edits_n; i++) {
        const struct sb_card_edit *e = &c->edits[i];
        char when[TEXT_MAX], *was = edit_plain(e->was), *now = edit_plain(e->now);
        fmt_when(when, e->at, t->wall);
        if (i) {
            sb_page_line(p);
            sb_page_tab(p, left);
        }
        sb_page_wrap(p, SB_ROLE_STRONG, left, e->what);
        sb_page_wrapf(p, SB_ROLE_DIM, left, " by %s, revision %" PRId64 ", %s", e->by && e->by[0] ? e->by : "?", e->revision, when);
        if (was && now)
            view_difference(p, left, was, now);
        else
            sb_page_wrap(p, SB_ROLE_BAD, left, ": out of memory");
        free(was);
        free(now);
    }
    if (c->edits_n == 0)
        sb_page_wrap(p, SB_ROLE_TEXT, left, "everything that can be edited is again as it was first proposed");
}
