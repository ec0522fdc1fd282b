/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching the ledger for a text beyond the entries in memory: asked stretch by stretch of whoever holds it, to the next
 * entry that has it, on from the other end, and at most once around. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

void hunt_stop(struct sb_tui *t)
{
    struct audit *a = &t->audit;
    if (a->hunt.on && a->asked && a->asked_for == ASKED_HUNT)
        a->asked_void = true;
    free(a->hunt.text);
    a->hunt = (struct hunt){.on = false};
}

void hunt_start(struct sb_tui *t, int step)
{
    struct audit *a = &t->audit;
    const struct sb_audit_row *here = audit_row(t, t->pane[PANE_AUDIT].index);
    hunt_stop(t);
    if (!here || a->n == 0)
        return;
    a->hunt = (struct hunt){.on = true, .upward = step < 0, .origin = here->seq};
    a->hunt.at = a->hunt.upward ? a->row[a->n - 1].seq : a->row[0].seq;
    set_text(&a->hunt.text, t->search.text);
    if (!a->hunt.text) {
        a->hunt.on = false;
        say(t, true, "Out of memory: the ledger is not searched.");
    }
}

static void found(struct sb_tui *t, int64_t seq)
{
    struct audit *a = &t->audit;
    char id[24];
    if (a->hunt.wrapped)
        say(t, false, "Search went on from the other end.");
    hunt_stop(t);
    place_note(t);
    t->search.shown = true;
    snprintf(id, sizeof id, "%lld", (long long)seq);
    if (!pane_select(t, PANE_AUDIT, id))
        a->jump_seq = seq; /* its page is asked for */
}

/* What is nonsense ends it: the other end of the socket may be anything. */
static bool goes_on(const struct hunt *h, const struct sb_audit_page *page)
{
    int64_t from = page->searched_from, to = page->searched_to;
    if (from < 1 || to < 1 || from > SB_JSON_MAX_INT || to > SB_JSON_MAX_INT)
        return false;
    return h->upward ? from <= to && from > h->at : from >= to && (h->at == 0 || from < h->at);
}

void hunt_page(struct sb_tui *t, const struct sb_audit_page *page)
{
    struct hunt *h = &t->audit.hunt;
    bool progress = goes_on(h, page);
    if (progress) {
        h->searched += llabs((long long)(page->searched_from - page->searched_to)) + 1;
        h->at = page->searched_to;
    }
    bool around = h->wrapped && progress && (h->upward ? h->at >= h->origin : h->at <= h->origin);
    if (progress && page->rows_n && page->rows[0].seq == page->searched_to) {
        found(t, page->rows[0].seq);
    } else if (around || (!page->at_start && !progress) || (page->at_start && h->wrapped)) {
        say(t, false, "\"%s\" is not in the ledger.", h->text);
        hunt_stop(t);
    } else if (page->at_start) {
        h->wrapped = true;
        h->at = 0;
    }
}
