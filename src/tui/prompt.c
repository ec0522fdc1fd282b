/* SPDX-License-Identifier: Apache-2.0
 *
 * The line at the bottom when it is being typed in, the palette, and searching. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

/* ---- the line ---- */

void line_open(struct sb_tui *t, enum line_for what, const char *about, const char *text)
{
    t->overlay = OVER_LINE;
    t->line_for = what;
    set_text(&t->line_card, about);
    line_set(&t->line, text);
    t->request_at = t->request_n;
}

void line_changed(struct sb_tui *t, struct sb_effects *fx)
{
    t->palette_at = 0;
    if (t->overlay == OVER_LINE && t->line_for == LINE_FILTER)
        filter_typed(t, fx);
}

static void remember_request(struct sb_tui *t)
{
    if (t->request_n && sb_streq(t->request[t->request_n - 1], t->line.text.p))
        return;
    if (t->request_n == REQUESTS_KEPT) {
        free(t->request[0]);
        memmove(&t->request[0], &t->request[1], --t->request_n * sizeof t->request[0]);
        /* sb_strs_push keeps no capacity: REQUESTS_KEPT - 1 is not a power of two, so there is room */
    }
    if (sb_strs_push(&t->request, &t->request_n, t->line.text.p))
        say(t, true, "Out of memory: the request is not kept in the history.");
}

static void send_request(struct sb_tui *t, struct sb_effects *fx)
{
    if (t->bye) {
        say(t, true, "The orchestrator has ended: nobody would answer.");
        return;
    }
    remember_request(t);
    fx_ask_text(t, fx, SB_ASK_REQUEST, t->line.text.p);
    if (t->veil) /* the messages are shown to others long after the line is gone */
        say(t, false, "Asked.");
    else
        say(t, false, "Asked: %s", t->line.text.p);
}

void line_submit(struct sb_tui *t, struct sb_effects *fx)
{
    const char *text = t->line.text.p;
    bool empty = text[strspn(text, " ")] == '\0';
    if (t->line_for == LINE_FILTER && !filter_submit(t))
        return; /* the line above it says what is wrong */
    t->overlay = OVER_NONE;
    switch (t->line_for) {
    case LINE_REQUEST:
        if (!empty)
            send_request(t, fx);
        break;
    case LINE_REJECT:
    case LINE_CLOSE:
        if (empty)
            say(t, true, "A reason is needed: nothing was sent.");
        else
            decide_with(t, t->line_for == LINE_REJECT ? SB_ASK_REJECT : SB_ASK_CLOSE, t->line_card, text, fx);
        break;
    case LINE_SEARCH:
        if (!empty)
            set_text(&t->search.text, text);
        search_go(t, 1, !empty);
        break;
    case LINE_VALUE:
        edit_change(t, text);
        break;
    case LINE_EXPORT:
        export_as(t, text, fx);
        break;
    case LINE_REMARK:
        if (empty)
            say(t, true, "An empty note: nothing was sent.");
        else
            remark_send(t, t->line_card, text, fx);
        break;
    case LINE_DECISION:
        meeting_decided(t, t->line_card, text, fx);
        break;
    case LINE_BLACKOUT:
        blackout_send(t, t->line_card, text, fx);
        break;
    case LINE_RUNNING:
        running_only(t, text);
        break;
    case LINE_DIVIDE:
        report_divide(t, text, fx);
        break;
    case LINE_FILTER:
        break; /* it has taken effect while it was typed */
    }
    line_set(&t->line, "");
}

/* ---- searching ---- */

static bool row_matches(const struct sb_tui *t, int pane, size_t row, const char *needle)
{
    struct sb_str words;
    sb_str_init(&words);
    row_words(t, pane, row, &words);
    bool yes = strcasestr(words.p, needle) != NULL;
    sb_str_release(&words);
    return yes;
}

static void search_pane(struct sb_tui *t, int step, bool from_here)
{
    size_t n = pane_count(t, t->focus), at = t->pane[t->focus].index;
    bool beyond = t->focus == PANE_AUDIT && n && audit_goes_on(t);
    size_t within = !beyond ? n : step > 0 ? n - at : at + 1;
    hunt_stop(t);
    for (size_t tried = 0; tried + (beyond && !from_here) < within; tried++) {
        size_t row = (at + (size_t)((int64_t)n + step * (int64_t)(tried + !from_here))) % n;
        if (!row_matches(t, t->focus, row, t->search.text))
            continue;
        if ((step > 0 && row < at) || (step < 0 && row > at))
            say(t, false, "Search went on from the other end.");
        if (from_here)
            place_note(t);
        pane_goto(t, row);
        t->search.shown = true;
        return;
    }
    if (beyond)
        hunt_start(t, step);
    else if (t->focus == PANE_AUDIT && filter_on(t, PANE_AUDIT))
        say(t, false, "\"%s\" is not in the %zu entries that are listed.", t->search.text, n);
    else
        say(t, false, "\"%s\" is not in %s.", t->search.text, pane_name(t->focus));
}

void search_go(struct sb_tui *t, int step, bool from_here)
{
    if (!t->search.text) {
        say(t, false, "Nothing was searched for yet.");
        return;
    }
    t->note_shown = false;
    if (top_view(t)->kind == VIEW_PANES) {
        search_pane(t, step, from_here);
        return;
    }
    struct view *v = top_view(t);
    const struct sb_page *p = page_in_focus(t);
    size_t found = p->row_n;
    if (p->row_n)
        found = sb_page_find(p, t->search.shown && !from_here ? t->search.row + (size_t)step : v->top[v->tab], step, t->search.text);
    if (found == p->row_n && p->row_n) {
        found = sb_page_find(p, step > 0 ? 0 : p->row_n - 1, step, t->search.text);
        if (found < p->row_n)
            say(t, false, "Search went on from the other end.");
    }
    if (found == p->row_n) {
        say(t, false, "\"%s\" is not on this page.", t->search.text);
        return;
    }
    v->top[v->tab] = found; /* the next recalc keeps it within the page */
    t->search.row = found;
    t->search.shown = true;
}

/* ---- the palette ---- */

void palette_open(struct sb_tui *t)
{
    t->overlay = OVER_PALETTE;
    t->palette_at = 0;
    line_set(&t->line, "");
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* How well `typed` fits: every letter in order; letters together and at the start of a word count more. 0: it does not. */
static int fuzzy(const char *text, const char *typed)
{
    int score = 1, run = 0;
    const char *p = text;
    for (; *typed; typed++) {
        if (*typed == ' ')
            continue;
        const char *start = p;
        while (*p && lower(*p) != lower(*typed))
            p++;
        if (!*p)
            return 0;
        run = p == start ? run + 1 : 0;
        bool word = p == text || p[-1] == ' ' || p[-1] == '-';
        score += 1 + 3 * run + (word ? 4 : 0);
        p++;
    }
    return score;
}

size_t palette_rank(const char *typed, enum sb_action out[SB_ACTIONS])
{
    int score[SB_ACTIONS];
    size_t n = 0;
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++) {
        if ((sb_actions[a].contexts & ~(SB_AT(LINE) | SB_AT(CONFIRM) | SB_AT(PALETTE))) == 0)
            continue; /* means something only while a line or a question is open */
        int by_name = fuzzy(sb_actions[a].name, typed) * 2, by_help = fuzzy(sb_actions[a].help, typed);
        int s = by_name > by_help ? by_name : by_help;
        if (s == 0)
            continue;
        size_t at = n++;
        for (; at > 0 && score[at - 1] < s; at--) { /* stable insertion: the best first, else in the table's order */
            score[at] = score[at - 1];
            out[at] = out[at - 1];
        }
        score[at] = s;
        out[at] = (enum sb_action)a;
    }
    return n;
}

size_t palette_matches(const struct sb_tui *t, enum sb_action out[SB_ACTIONS])
{
    return palette_rank(t->line.text.p, out);
}

void palette_submit(struct sb_tui *t, struct sb_effects *fx)
{
    enum sb_action matches[SB_ACTIONS];
    size_t n = palette_matches(t, matches);
    t->overlay = OVER_NONE;
    if ((size_t)t->palette_at >= n) {
        say(t, false, "No action is called \"%s\".", t->line.text.p);
        return;
    }
    enum sb_action action = matches[t->palette_at];
    const char *keys = sb_keymap_keys(t->keymap, context_of(t), action);
    if (!sb_action_applies(action, context_of(t)))
        say(t, false, "%s means nothing here.", sb_actions[action].name);
    else if (sb_actions[action].flags & SB_DELIBERATE)
        say(t, false, "%s is done by its own key only: %s.", sb_actions[action].name, keys ? keys : "none is bound");
    else
        act(t, action, fx);
}
