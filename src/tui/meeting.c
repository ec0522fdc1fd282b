/* SPDX-License-Identifier: Apache-2.0
 *
 * The meeting: an agenda of the cards that await approval, a clock for each, and what was decided of them, by whom and why.
 * Nothing is approved here: that is done by who is named, at a console that shows the card as it is, or from a shell. */
#include "state.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

#define MINUTE 60000
#define CLOCK_STEP_MOST 5000 /* a longer step between two ticks is a clock that was set, or a process that was stopped */
#define SLOW_STEP_MOST 65000 /* on a slow line the clock ticks once a minute */
#define DECISION_MOST 800    /* bytes: with what is added it is a note of the ledger */

const struct agenda_item *meeting_item(const struct sb_tui *t)
{
    const struct meeting *m = &t->meeting;
    return m->at < m->items ? &m->item[m->at] : NULL;
}

const struct decision *meeting_decision(const struct sb_tui *t, const char *card)
{
    for (size_t i = t->meeting.decisions; i-- > 0;)
        if (sb_streq(t->meeting.decision[i].card, card))
            return &t->meeting.decision[i];
    return NULL;
}

static bool on_agenda(const struct meeting *m, const char *id)
{
    for (size_t i = 0; i < m->items; i++)
        if (sb_streq(m->item[i].id, id))
            return true;
    return false;
}

/* Cards that came meanwhile are put at the end; none moves, and one that has left the queue keeps its place. */
void meeting_fill(struct sb_tui *t)
{
    struct meeting *m = &t->meeting;
    for (size_t i = 0; i < t->cards && m->items < AGENDA_MOST; i++) {
        const struct sb_card_row *row = &t->card[i]->row;
        if (row->state != SB_AWAITING_APPROVAL || on_agenda(m, row->id))
            continue;
        char *id = sb_format("%s", row->id);
        if (!id || SB_GROW(m->item, m->items_cap, m->items + 1)) {
            free(id);
            return;
        }
        m->item[m->items++] = (struct agenda_item){.id = id, .limit_ms = m->minutes * MINUTE};
    }
    struct view *v = top_view(t);
    const struct agenda_item *item = meeting_item(t);
    if (v->kind == VIEW_MEETING && item && !sb_streq(v->id, item->id)) {
        set_text(&v->id, item->id);
        v->top[0] = 0;
    }
}

/* Time counts in the steps in which it is seen to pass: a clock that is set forward or back takes nothing from a card. */
void meeting_tick(struct sb_tui *t, int64_t wall)
{
    struct meeting *m = &t->meeting;
    int64_t step = gap(m->seen, wall);
    bool open = false;
    for (int i = 0; i < t->views; i++)
        open = open || t->view[i].kind == VIEW_MEETING;
    if (m->seen && open && m->at < m->items) {
        if (step >= 0 && step <= (t->slow ? SLOW_STEP_MOST : CLOCK_STEP_MOST))
            m->item[m->at].spent_ms += step;
        else
            say(t, true, "The clock was set, or this console was stopped: the agenda's clocks go on from where they were.");
    }
    m->seen = open ? wall : 0;
}

void meeting_open(struct sb_tui *t, struct sb_effects *fx)
{
    for (int i = 0; i < t->views; i++)
        if (t->view[i].kind == VIEW_MEETING) {
            say(t, false, "The meeting is open already: Escape leads back to it.");
            return;
        }
    view_open(t, VIEW_MEETING, NULL, fx);
    if (!t->meeting.began)
        t->meeting.began = t->wall;
    meeting_fill(t);
}

static void step(struct sb_tui *t, int by)
{
    struct meeting *m = &t->meeting;
    if (m->items == 0)
        say(t, false, "There is no card on the agenda.");
    else
        m->at = (m->at + m->items + (size_t)((int64_t)m->items + by)) % m->items;
    meeting_fill(t);
}

static void export_minutes(struct sb_tui *t, struct sb_effects *fx)
{
    char *text = md_minutes(t);
    if (text)
        fx_add(fx, SB_FX_EXPORT_MD, NULL, text);
    else
        say(t, true, "Out of memory: no minutes were written.");
    t->meeting.unwritten = text ? 0 : t->meeting.unwritten;
}

void meeting_leave(struct sb_tui *t, struct sb_effects *fx)
{
    if (t->meeting.unwritten)
        export_minutes(t, fx);
}

bool meeting_act(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    struct meeting *m = &t->meeting;
    const struct agenda_item *item = meeting_item(t);
    switch (action) {
    case SB_ACT_MEETING: meeting_open(t, fx); return true;
    case SB_ACT_NEXT_CARD: step(t, 1); return true;
    case SB_ACT_PREVIOUS_CARD: step(t, -1); return true;
    case SB_ACT_MINUTES: export_minutes(t, fx); return true;
    case SB_ACT_MORE_TIME:
        if (item)
            m->item[m->at].limit_ms += MINUTE;
        return true;
    case SB_ACT_DECIDE:
        if (item && whole_card(t, item->id))
            line_open(t, LINE_DECISION, item->id, "approved by ");
        else
            say(t, false, item ? "The card has not come yet." : "There is no card on the agenda.");
        return true;
    default: return false;
    }
}

/* ---- what was decided ---- */

static char *trimmed(const char *from, const char *to)
{
    while (from < to && *from == ' ')
        from++;
    while (to > from && to[-1] == ' ')
        to--;
    return to > from ? sb_strdup_n(from, (size_t)(to - from)) : NULL;
}

/* "approved by Ann, Ben: it was tried out on staging". False: something is missing, and that is said. */
static bool parse(struct sb_tui *t, const char *text, struct decision *d)
{
    static const char *const words[] = {"approved", "rejected", "deferred"};
    const char *by = strstr(text, " by "), *colon = by ? strchr(by, ':') : NULL;
    for (size_t i = 0; i < SB_COUNT(words); i++)
        if (by && (size_t)(by - text) == strlen(words[i]) && sb_starts_with(text, words[i]))
            d->what = words[i];
    if (d->what && colon) {
        d->names = trimmed(by + 4, colon);
        d->reason = trimmed(colon + 1, colon + strlen(colon));
    }
    if (d->what && d->names && d->reason && strlen(text) <= DECISION_MOST)
        return true;
    say(t, true, strlen(text) > DECISION_MOST ? "That is too long for the record: nothing was written down."
                                              : "A decision is written as: approved (rejected, deferred) by NAMES: REASON. Nothing was written down.");
    return false;
}

static void decision_release(struct decision *d)
{
    free(d->card);
    free(d->hash);
    free(d->title);
    free(d->names);
    free(d->reason);
}

/* Into the minutes here, and into the record of the card. */
void meeting_decided(struct sb_tui *t, const char *id, const char *text, struct sb_effects *fx)
{
    struct meeting *m = &t->meeting;
    const struct sb_card *c = whole_card(t, id);
    struct decision d = {.at = t->wall};
    if (!c || !c->hash) {
        say(t, true, "The card is not here any more: nothing was written down.");
        return;
    }
    if (!parse(t, text, &d)) {
        decision_release(&d);
        return;
    }
    d.revision = c->revision;
    d.card = sb_format("%s", id);
    d.hash = sb_format("%s", c->hash);
    d.title = sb_format("%s", c->title ? c->title : "");
    char *note = sb_format("meeting: %s by %s: %s; revision %lld, hash %.16s", d.what, d.names, d.reason, (long long)d.revision, c->hash);
    if (!d.card || !d.hash || !d.title || !note || SB_GROW(m->decision, m->decisions_cap, m->decisions + 1)) {
        decision_release(&d);
        say(t, true, "Out of memory: nothing was written down.");
    } else {
        say(t, false, "Written down: %s %s by %s.", d.card, d.what, d.names);
        m->decision[m->decisions++] = d;
        m->unwritten++;
        if (!t->bye)
            remark_send(t, id, note, fx);
    }
    free(note);
}

void meeting_release(struct meeting *m)
{
    for (size_t i = 0; i < m->items; i++)
        free(m->item[i].id);
    free(m->item);
    for (size_t i = 0; i < m->decisions; i++)
        decision_release(&m->decision[i]);
    free(m->decision);
}
