/* SPDX-License-Identifier: Apache-2.0
 *
 * What each action does. Decisions about cards are in decide.c. */
#include "state.h"

#include <signalbox/term/vis.h>

#include <stdlib.h>

#define NOTE_STAYS_MS 1000 /* a message that has stood so long goes with the next key */
#define SEARCHES_MOST 100 /* of one key: each may go through all rows */

/* ---- which rows, and in which order ---- */

static void order(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    struct pane *p = &t->pane[t->focus];
    if (t->focus == PANE_AUDIT || p->frozen) {
        say(t, false, t->focus == PANE_AUDIT ? "The ledger is listed as it was written, the newest first." : "%s is frozen: its rows stay as they are.", pane_name(t->focus));
        return;
    }
    if (action == SB_ACT_SORT)
        pane_sort(t, t->focus);
    else
        p->reversed = !p->reversed;
    panes_relist(t, fx);
    remember_panes(t, fx);
    say(t, false, "%s by %s%s.", pane_name(t->focus), sort_name(p->sort), p->reversed ? ", turned round" : "");
}

static bool sift(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    switch (action) {
    case SB_ACT_FILTER: filter_open(t); return true;
    case SB_ACT_UNDO_FILTER: filter_undo(t, fx); return true;
    case SB_ACT_SORT: case SB_ACT_REVERSE: order(t, action, fx); return true;
    case SB_ACT_COLUMNS: {
        static const char *const words[COLUMNS] = {"as many columns as fit", "as few columns as can be", "all columns, even where little is left for the text"};
        struct pane *p = &t->pane[t->focus];
        p->columns = (enum columns)((p->columns + 1) % COLUMNS);
        say(t, false, "%s shows %s.", pane_name(t->focus), words[p->columns]);
        remember_panes(t, fx);
        return true;
    }
    case SB_ACT_MARK: mark_toggle(t); return true;
    case SB_ACT_NEXT_MARK: mark_next(t); return true;
    case SB_ACT_CLEAR_MARKS: marks_clear(t, t->focus); return true;
    default: return false;
    }
}

/* ---- opening ---- */

static void open_row(struct sb_tui *t, struct sb_effects *fx)
{
    const struct held_card *card = pane_held(t);
    const struct sb_anomaly *anomaly = pane_anomaly(t);
    const struct sb_audit_row *row = pane_audit(t);
    if (card)
        view_open(t, VIEW_CARD, card->row.id, fx);
    else if (anomaly)
        view_open(t, VIEW_ANOMALY, anomaly->id, fx);
    else if (row && row->card)
        view_open(t, VIEW_CARD, row->card, fx);
    else if (row && row->case_id)
        view_open(t, VIEW_CASE, row->case_id, fx);
    else if (row)
        say(t, false, "#%lld %s: %s", (long long)row->seq, row->kind, row->text);
    else
        say(t, false, "%s is empty.", pane_name(t->focus));
}

static void open_link(struct sb_tui *t, struct sb_effects *fx)
{
    const struct view *v = top_view(t);
    if (v->kind == VIEW_EDIT) {
        size_t key = (size_t)v->link - 1;
        if (v->link > 0 && key < edit_keys()) {
            const char *now = t->edit.changed[key] ? t->edit.changed[key] : t->edit.now[key];
            line_open(t, LINE_VALUE, sb_edit_keys[key].key, now);
        }
    } else if (v->kind == VIEW_CASE || v->kind == VIEW_PLAN) {
        const struct sb_case *c = find_case(t, v->id);
        if (c && v->link > 0 && (size_t)v->link <= c->cards_n)
            view_open(t, VIEW_CARD, c->cards[v->link - 1], fx);
        else if (c && c->anomaly && v->kind == VIEW_CASE && (size_t)v->link == c->cards_n + 1)
            view_open(t, VIEW_ANOMALY, c->anomaly, fx);
    } else if (v->kind == VIEW_MEETING) {
        if (v->id)
            view_open(t, VIEW_CARD, v->id, fx);
    } else if (v->kind == VIEW_ANOMALY) {
        const struct held_anomaly *a = find_anomaly(t, v->id);
        if (a && a->anomaly.case_id)
            view_open(t, VIEW_CASE, a->anomaly.case_id, fx);
    } else if (v->kind == VIEW_RECOVERY) {
        open_backup(t, v->link, fx);
    }
}

/* The case of what is selected or open; NULL: it has none. */
static const char *case_in_focus(const struct sb_tui *t)
{
    const struct view *v = top_view_of(t);
    const struct held_card *card = v->kind == VIEW_PANES ? pane_held(t) : v->kind == VIEW_CARD || v->kind == VIEW_EDIT ? find_card(t, v->id) : NULL;
    const struct held_anomaly *held = v->kind == VIEW_ANOMALY ? find_anomaly(t, v->id) : NULL;
    const struct sb_anomaly *anomaly = held ? &held->anomaly : v->kind == VIEW_PANES ? pane_anomaly(t) : NULL;
    const struct sb_audit_row *row = v->kind == VIEW_PANES ? pane_audit(t) : NULL;
    const char *id = card ? card->row.case_id : anomaly ? anomaly->case_id : row ? row->case_id : NULL;
    return id && id[0] ? id : NULL;
}

static void show_tab(struct sb_tui *t, int tab)
{
    struct view *v = top_view(t);
    if (v->kind == VIEW_CARD)
        open_tab(t, (enum tab)((tab + TABS) % TABS));
}

/* All a row says. What somebody pastes it into must not take a line end in a title for an Enter. */
static void copy_row(const struct sb_tui *t, size_t row, struct sb_str *out)
{
    struct sb_str words;
    sb_str_init(&words);
    row_words(t, t->focus, row, &words);
    sb_vis_text(out, words.p, 0);
    sb_str_release(&words);
}

static void copy(struct sb_tui *t, struct sb_effects *fx)
{
    struct sb_str text;
    sb_str_init(&text);
    const struct view *v = top_view(t);
    const struct sb_card *card = card_in_focus(t);
    if (v->kind == VIEW_CARD && v->tab == TAB_COMMANDS && card) { /* exactly, one command a line */
        for (size_t i = 0; i < card->steps_n; i++)
            sb_str_addf(&text, "%s\n", card->steps[i].action ? card->steps[i].action : "");
    } else if (v->kind == VIEW_PANES && t->pane[t->focus].marked_n) { /* the marked rows that are listed, in their order */
        char id[24];
        for (size_t row = 0; row < pane_count(t, t->focus); row++)
            if (marked(t, t->focus, pane_row_id(t, t->focus, row, id))) {
                copy_row(t, row, &text);
                sb_str_addc(&text, '\n');
            }
    } else if (v->kind == VIEW_PANES) {
        copy_row(t, t->pane[t->focus].index, &text);
    } else if (t->frame.pages != t->pages) { /* the key came with the one that opened it: what is in the frame is another */
        say(t, false, "Not copied: this page has not been on the screen yet.");
        return;
    } else {
        const struct sb_page *p = page_in_focus(t);
        for (size_t i = 0; i < p->row_n; i++) {
            sb_page_row_text(p, i, &text);
            sb_str_addc(&text, '\n');
        }
    }
    bool empty = text.len == 0;
    char *taken = sb_str_take(&text);
    if (empty || !taken) {
        free(taken);
        say(t, false, "There is nothing to copy here.");
    } else {
        fx_add(fx, SB_FX_COPY, NULL, taken);
    }
}

/* ---- the rest ---- */

static void back(struct sb_tui *t, struct sb_effects *fx)
{
    if (t->overlay == OVER_LINE || t->overlay == OVER_PALETTE) {
        if (t->overlay == OVER_LINE && t->line_for == LINE_FILTER)
            filter_leave(t, fx);
        t->overlay = OVER_NONE;
        return;
    }
    if (t->audit.hunt.on)
        hunt_stop(t);
    else if (t->note_shown)
        t->note_shown = false;
    else if (t->search.shown)
        t->search.shown = false;
    else if (t->views > 1)
        view_close(t);
    else if (filter_on(t, t->focus))
        filter_clear(t, fx);
    else if (t->zoomed)
        t->zoomed = false;
}

static void quit(struct sb_tui *t, struct sb_effects *fx)
{
    if (!t->copy && (sb_tui_executing(t) || is_watching(t)) && t->overlay != OVER_CONFIRM) {
        confirm_open(t, CONFIRM_QUIT, NULL, fx);
        return;
    }
    meeting_leave(t, fx);
    fx_ask_text(t, fx, SB_ASK_BYE, t->seat.who ? t->seat.who : "");
    fx_add(fx, SB_FX_QUIT, NULL, NULL);
}

void suspend(struct sb_tui *t, struct sb_effects *fx)
{
    if (sb_tui_executing(t))
        say(t, true, "Not suspended: a plan is being carried out, and stopping this process would stop it half way.");
    else
        fx_add(fx, SB_FX_SUSPEND, NULL, NULL);
}

static void request_history(struct sb_tui *t, int by)
{
    if (t->line_for != LINE_REQUEST)
        return;
    if ((by < 0 && t->request_at == 0) || (by > 0 && t->request_at >= t->request_n))
        return;
    t->request_at = (size_t)((int64_t)t->request_at + by);
    line_set(&t->line, t->request_at < t->request_n ? t->request[t->request_at] : "");
}

/* Actions while a line or the palette is open. */
static void act_on_line(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    bool palette = t->overlay == OVER_PALETTE;
    if (line_act(&t->line, action)) {
        line_changed(t, fx);
        return;
    }
    switch (action) {
    case SB_ACT_UP: case SB_ACT_PAGE_UP: palette ? (void)(t->palette_at -= action == SB_ACT_UP ? 1 : 8) : request_history(t, -1); break;
    case SB_ACT_DOWN: case SB_ACT_PAGE_DOWN: palette ? (void)(t->palette_at += action == SB_ACT_DOWN ? 1 : 8) : request_history(t, 1); break;
    case SB_ACT_SUBMIT: palette ? palette_submit(t, fx) : line_submit(t, fx); break;
    default: back(t, fx);
    }
    enum sb_action matches[SB_ACTIONS];
    int n = palette ? (int)palette_matches(t, matches) : 0;
    t->palette_at = t->palette_at >= n ? n - 1 : t->palette_at;
    t->palette_at = t->palette_at < 0 ? 0 : t->palette_at;
}

static void act_here(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    struct view *v = top_view(t);
    int times = (int)(t->count % TABS ? t->count % TABS : 1);
    switch (action) {
    case SB_ACT_OPEN:
        place_note(t);
        v->kind == VIEW_PANES ? open_row(t, fx) : open_link(t, fx);
        break;
    case SB_ACT_CASE: {
        const char *id = case_in_focus(t);
        place_note(t);
        if (id)
            view_open(t, VIEW_CASE, id, fx);
        else
            say(t, false, "This belongs to no case.");
        break;
    }
    case SB_ACT_UNDO_CHANGE:
        if (v->link > 0 && (size_t)v->link <= edit_keys())
            set_text(&t->edit.changed[v->link - 1], NULL);
        break;
    case SB_ACT_WHY: {
        const struct held_card *card = v->kind == VIEW_PANES ? pane_held(t) : find_card(t, v->id);
        if (!card) {
            say(t, false, "No card is selected.");
            break;
        }
        place_note(t);
        if (v->kind != VIEW_CARD)
            view_open(t, VIEW_CARD, card->row.id, fx);
        show_tab(t, TAB_POLICY);
        break;
    }
    case SB_ACT_SUMMARY: show_tab(t, TAB_SUMMARY); break;
    case SB_ACT_COMMANDS: show_tab(t, TAB_COMMANDS); break;
    case SB_ACT_EVIDENCE: show_tab(t, TAB_EVIDENCE); break;
    case SB_ACT_POLICY: show_tab(t, TAB_POLICY); break;
    case SB_ACT_UNDOING: show_tab(t, TAB_ROLLBACK); break;
    case SB_ACT_WATCH: show_tab(t, TAB_WATCH); break;
    case SB_ACT_HISTORY: show_tab(t, TAB_HISTORY); break;
    case SB_ACT_HANDOFFS: show_tab(t, TAB_HANDOFFS); break;
    case SB_ACT_NEXT_TAB: show_tab(t, (int)v->tab + times); break;
    case SB_ACT_PREVIOUS_TAB: show_tab(t, (int)v->tab + TABS - times); break;
    case SB_ACT_REQUEST: line_open(t, LINE_REQUEST, NULL, ""); break;
    case SB_ACT_SEARCH: line_open(t, LINE_SEARCH, NULL, ""); break;
    case SB_ACT_SEARCH_NEXT: case SB_ACT_SEARCH_PREVIOUS: {
        int64_t hits = t->count && t->count < SEARCHES_MOST ? t->count : 1;
        for (int64_t i = 0; i < hits; i++)
            search_go(t, action == SB_ACT_SEARCH_NEXT ? 1 : -1, false);
        break;
    }
    case SB_ACT_COPY: copy(t, fx); break;
    case SB_ACT_EXPORT: line_open(t, LINE_EXPORT, NULL, "text"); break;
    case SB_ACT_MESSAGES: view_open(t, VIEW_MESSAGES, NULL, fx); break;
    case SB_ACT_HELP: view_open(t, VIEW_HELP, NULL, fx); break;
    case SB_ACT_PALETTE: palette_open(t); break;
    case SB_ACT_MOUSE:
        mouse_switch(t, !t->mouse, fx);
        say(t, false, t->mouse ? "The mouse is on: a click selects, the wheel scrolls; hold Shift to select text for the terminal." : "The mouse is off.");
        break;
    case SB_ACT_LINE_FACE: slow_switch(t, fx); break;
    case SB_ACT_PAUSE_ALL: pause_all(t, fx); break;
    case SB_ACT_REDRAW: fx_add(fx, SB_FX_REDRAW, NULL, NULL); break;
    case SB_ACT_SUSPEND: suspend(t, fx); break;
    case SB_ACT_QUIT: quit(t, fx); break;
    case SB_ACT_JUMP_BACK: place_go(t, -1, fx); break;
    case SB_ACT_JUMP_FORWARD: place_go(t, 1, fx); break;
    case SB_ACT_BACK: back(t, fx); break;
    default:
        if (!act_on_anomaly(t, action, fx) && !meeting_act(t, action, fx) && !act_on_recovery(t, action, fx) && !act_on_running(t, action, fx) && !act_on_replay(t, action, fx) && !act_on_schema(t, action, fx) && !act_on_plan(t, action, fx) && !act_on_report(t, action, fx) && !act_on_doctor(t, action, fx))
            decide(t, action, fx);
    }
}

void act(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    char why[512];
    if (t->overlay == OVER_LINE || t->overlay == OVER_PALETTE) {
        act_on_line(t, action, fx);
        return;
    }
    if (refused(t, action, why)) {
        say(t, true, "%s", why);
        fx_add(fx, SB_FX_BELL, NULL, NULL);
        return;
    }
    /* what was said is read by now, and may not be so any more; the messages keep it */
    if (action != SB_ACT_BACK && t->notes && t->wall - t->note[t->notes - 1].wall >= NOTE_STAYS_MS)
        t->note_shown = false;
    bool panes = top_view(t)->kind == VIEW_PANES;
    if (!move(t, action, fx) && !(panes && (move_panes(t, action, fx) || sift(t, action, fx))))
        act_here(t, action, fx);
    t->count = 0;
}
