/* SPDX-License-Identifier: Apache-2.0
 *
 * Beginning, end, and one event after the other. */
#include "state.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

/* ---- small things ---- */

void set_text(char **slot, const char *text)
{
    char *copy = text ? sb_strdup_n(text, strlen(text)) : NULL; /* text may lie in *slot */
    free(*slot);
    *slot = copy;
}

void say(struct sb_tui *t, bool bad, const char *fmt, ...)
{
    struct sb_str text;
    sb_str_init(&text);
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    if (t->notes == NOTES_KEPT) {
        free(t->note[0].text);
        memmove(&t->note[0], &t->note[1], --t->notes * sizeof t->note[0]);
    }
    char *taken = sb_str_take(&text);
    if (!taken || SB_GROW(t->note, t->notes_cap, t->notes + 1)) {
        free(taken);
        return;
    }
    t->note[t->notes++] = (struct note){t->wall, bad, taken};
    t->note_shown = true;
    t->note_waits = false;
}

bool names_veiled(struct sb_tui *t)
{
    if (t->veil)
        say(t, true, "Nothing is asked for by a name of a shown screen: it is a pseudonym.");
    return t->veil != NULL;
}

void reading_reset(struct reading *r)
{
    r->n = 0;
    r->done = false;
}

void reading_note(struct reading *r, const struct sb_page *p, size_t top, size_t rows)
{
    if (r->done || p->cut || p->failed)
        return;
    if (r->n != p->row_n || r->width != p->width) { /* wrapped anew: what was seen cannot be told any more */
        r->n = 0;
        if (SB_GROW(r->line, r->cap, p->row_n))
            return;
        memset(r->line, 0, p->row_n * sizeof r->line[0]);
        r->n = p->row_n;
        r->width = p->width;
    }
    for (size_t i = top; i < top + rows && i < r->n; i++)
        r->line[i] = true;
    size_t seen = 0;
    while (seen < r->n && r->line[seen])
        seen++;
    r->done = seen == r->n;
}

/* ---- views ---- */

struct view *top_view(struct sb_tui *t)
{
    return &t->view[t->views - 1];
}

const struct view *top_view_of(const struct sb_tui *t)
{
    return &t->view[t->views - 1];
}

void view_close(struct sb_tui *t)
{
    if (t->views == 1)
        return;
    if (top_view(t)->kind == VIEW_EDIT)
        edit_release(&t->edit);
    free(top_view(t)->id);
    t->views--;
    t->pages++;
    t->search.shown = false;
}

void open_tab(struct sb_tui *t, enum tab tab)
{
    t->pages += top_view(t)->tab != tab;
    top_view(t)->tab = tab;
}

/* Asks for the case of a card, so that its tab can tell the hand-offs. */
static void want_case(struct sb_tui *t, const char *id, struct sb_effects *fx)
{
    if (id && id[0] && !find_case(t, id) && !t->bye)
        fx_ask_text(t, fx, SB_ASK_CASE, id);
}

void view_open(struct sb_tui *t, enum view_kind kind, const char *id, struct sb_effects *fx)
{
    if (t->views == VIEWS_MAX) {
        say(t, true, "Too many pages are open: Escape closes this one.");
        return;
    }
    struct view *v = &t->view[t->views];
    *v = (struct view){.kind = kind, .link = 1, .help_for = context_of(t)};
    set_text(&v->id, id);
    t->views++;
    t->pages++;
    t->search.shown = false;
    t->note_shown = false;
    if (kind == VIEW_CARD) {
        const struct held_card *held = find_card(t, id);
        if (held)
            want_case(t, held->row.case_id, fx);
        else
            fx_ask_text(t, fx, SB_ASK_CARD, id);
    } else if (kind == VIEW_CASE || kind == VIEW_PLAN) {
        want_case(t, id, fx);
    }
}

enum sb_context context_behind(const struct sb_tui *t)
{
    static const enum sb_context panes[PANES] = {SB_IN_ANOMALIES, SB_IN_PLANS, SB_IN_APPROVALS, SB_IN_AUDIT};
    switch (top_view_of(t)->kind) {
    case VIEW_PANES: return panes[t->focus];
    case VIEW_CARD: return SB_IN_CARD;
    case VIEW_CASE: case VIEW_PLAN: return SB_IN_CASE;
    case VIEW_ANOMALY: return SB_IN_ANOMALY;
    case VIEW_EDIT: return SB_IN_EDIT;
    case VIEW_HELP: case VIEW_MESSAGES: case VIEW_HUSHES: return SB_IN_TEXT;
    case VIEW_MEETING: return SB_IN_MEETING;
    case VIEW_RECOVERY: case VIEW_BACKUP: return SB_IN_RECOVERY;
    case VIEW_RUNNING: return SB_IN_RUNNING;
    case VIEW_SCHEMA: return SB_IN_PAGE;
    case VIEW_REPORT: return SB_IN_REPORT;
    case VIEW_DOCTOR: return SB_IN_PAGE;
    case VIEWS: break;
    }
    return SB_IN_GLOBAL;
}

enum sb_context context_of(const struct sb_tui *t)
{
    switch (t->overlay) {
    case OVER_CONFIRM: return SB_IN_CONFIRM;
    case OVER_LINE: return SB_IN_LINE;
    case OVER_PALETTE: return SB_IN_PALETTE;
    case OVER_NONE: break;
    }
    return context_behind(t);
}

const struct sb_page *page_in_focus(const struct sb_tui *t)
{
    const struct view *v = top_view_of(t);
    return t->frame.side_shown && v->kind == VIEW_CARD && v->tab == TAB_SUMMARY ? &t->frame.side : &t->frame.body;
}

const struct sb_card *card_in_focus(const struct sb_tui *t)
{
    const struct view *v = top_view_of(t);
    if (v->kind == VIEW_PANES)
        return pane_card(t);
    if (v->kind != VIEW_CARD && v->kind != VIEW_EDIT)
        return NULL;
    return whole_card(t, v->id);
}

/* ---- events ---- */

/* What the caller wanted to be opened, once it is there. */
static void open_wanted(struct sb_tui *t, struct sb_effects *fx)
{
    bool card = t->opens && find_card(t, t->opens), anomaly = t->opens && !card && find_anomaly(t, t->opens);
    if (!card && !anomaly)
        return;
    view_open(t, card ? VIEW_CARD : VIEW_ANOMALY, t->opens, fx);
    free(t->opens);
    t->opens = NULL;
}

void sb_tui_update(struct sb_tui *t, const struct sb_tui_event *event, struct sb_effects *fx)
{
    if (event->wall_ms > 0)
        t->wall = event->wall_ms;
    meeting_tick(t, t->wall);
    if (event->kind != SB_TUI_NEWS)
        strip_show(t, event->kind == SB_TUI_KEY);
    if (event->kind != SB_TUI_NEWS)
        panes_list_new(t, fx);
    switch (event->kind) {
    case SB_TUI_KEY: take_key(t, event->key, fx); break;
    case SB_TUI_NEWS:
        take_news(t, event->news, fx);
        open_wanted(t, fx);
        break;
    case SB_TUI_TICK: break;
    case SB_TUI_SAY: say(t, event->bad, "%s", event->text); break;
    case SB_TUI_EDITED:
        if (top_view(t)->kind == VIEW_EDIT)
            edit_from_text(t, event->text);
        break;
    case SB_TUI_LINE: slow_measured(t, event->ms, fx); break;
    case SB_TUI_SUSPEND: suspend(t, fx); break;
    }
    running_want(t, fx);
    company_tell(t, fx);
}

bool is_watching(const struct sb_tui *t)
{
    for (size_t i = 0; i < t->cards; i++)
        if (t->card[i]->row.state == SB_WATCHING)
            return true;
    return false;
}

bool sb_tui_executing(const struct sb_tui *t)
{
    for (size_t i = 0; i < t->cards; i++) {
        int state = t->card[i]->row.state;
        if (state == SB_EXECUTING || state == SB_ROLLING_BACK || state == SB_IN_DOUBT)
            return true;
    }
    return false;
}

/* ---- beginning and end ---- */

static void each_page(struct sb_tui *t, void (*fn)(struct sb_page *))
{
    struct frame *f = &t->frame;
    struct sb_page *pages[] = {&f->header, &f->strip, &f->status, &f->request, &f->footer, &f->title, &f->tabs, &f->body, &f->side,
                               &f->box, &f->typed, &f->detail, &f->detail_title};
    for (size_t i = 0; i < SB_COUNT(pages); i++)
        fn(pages[i]);
    for (int p = 0; p < PANES; p++) {
        fn(&f->pane[p]);
        fn(&f->pane_title[p]);
    }
}

/* What the caller tells of the deployment is veiled as what comes later. */
static int veil_own(struct sb_tui *t)
{
    char *name = t->veil && t->connecting ? veil_name(t->veil, t->connecting) : NULL;
    if (!t->veil || !t->connecting)
        return 0;
    free(t->connecting);
    t->connecting = name;
    return name ? 0 : -1;
}

struct sb_tui *sb_tui_new(const struct sb_tui_setup *setup, struct sb_err *err)
{
    struct sb_tui *t = calloc(1, sizeof *t);
    if (!t) {
        sb_fail_nomem(err);
        return NULL;
    }
    t->keymap = setup->keymap;
    t->ascii = setup->ascii;
    t->copy = setup->copy;
    t->mouse = setup->mouse;
    t->notices = setup->notices;
    t->noticed = setup->wall_ms;
    t->slow = t->zoomed = setup->line;
    t->wall = setup->wall_ms;
    t->views = 1;
    line_init(&t->line);
    line_init(&t->confirm.typed);
    each_page(t, sb_page_init);
    for (int p = 0; p < PANES; p++)
        t->pane[p].room = ROOM_FIRST;
    recall_panes(t, setup->remembered);
    t->meeting.minutes = setup->minutes > 0 ? setup->minutes : 5;
    if (setup->veil && !(t->veil = veil_new(setup->veil))) {
        sb_fail_nomem(err);
        sb_tui_free(t);
        return NULL;
    }
    t->seat.read_only = setup->seat.read_only;
    t->seat.protocol = SB_PROTOCOL;
    if (sb_str_set(&t->seat.who, setup->seat.who) || sb_str_set(&t->seat.how, setup->seat.how) || sb_str_set(&t->seat.tty, setup->seat.tty) ||
        sb_str_set(&t->seat.signs_as, setup->seat.signs_as) ||
        sb_str_set(&t->connecting, setup->connecting) || sb_str_set(&t->opens, setup->open) || veil_own(t)) {
        sb_fail_nomem(err);
        sb_tui_free(t);
        return NULL;
    }
    for (const char *p = setup->problems; p && *p;) {
        size_t n = strcspn(p, "\n");
        say(t, true, "%.*s", (int)n, p);
        p += n + (p[n] == '\n');
    }
    return t;
}

void sb_tui_free(struct sb_tui *t)
{
    if (!t)
        return;
    while (t->views > 1)
        view_close(t);
    confirm_close(t);
    line_release(&t->confirm.typed);
    free(t->confirm.read.line);
    edit_release(&t->edit);
    store_release(t);
    audit_release(&t->audit);
    for (int p = 0; p < PANES; p++)
        pane_release(&t->pane[p]);
    each_page(t, sb_page_release);
    free(t->frame.detail_of);
    for (size_t i = 0; i < t->notes; i++)
        free(t->note[i].text);
    free(t->note);
    for (size_t i = 0; i < t->request_n; i++)
        free(t->request[i]);
    free(t->request);
    line_release(&t->line);
    free(t->line_card);
    free(t->opens);
    places_release(t);
    meeting_release(&t->meeting);
    running_release(&t->running);
    replay_end(t);
    sb_record_release(sb_message_schema(SB_NEWS_LOOKS), &t->looks);
    free(t->looked);
    veil_free(t->veil);
    while (t->past_filters)
        free(t->past_filter[--t->past_filters].text);
    free(t->filter_before);
    free(t->filter_wrong);
    free(t->search.text);
    free(t->read[0].line);
    free(t->read[1].line);
    free(t->read_hash);
    free(t->read_card);
    sb_record_release(sb_message_schema(SB_NEWS_WELCOME), &t->welcome);
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), &t->strip);
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), &t->late);
    sb_record_release(&sb_hushes_schema, &t->hushes);
    sb_record_release(&sb_recovery_schema, &t->recovery);
    sb_record_release(&sb_schema_look_schema, &t->look);
    sb_record_release(&sb_plan_gates_schema, &t->gates);
    sb_record_release(&sb_report_page_schema, &t->report);
    free(t->report_split);
    sb_record_release(&sb_doctor_schema, &t->doctor.of);
    sb_record_release(sb_message_schema(SB_ASK_HELLO), &t->seat);
    free(t->connecting);
    free(t);
}

void sb_tui_start(struct sb_tui *t, struct sb_effects *fx)
{
    fx_ask(t, fx, sb_message_copy_of(SB_ASK_HELLO, 0, &t->seat));
    if (t->mouse)
        mouse_switch(t, true, fx);
    struct sb_message *m = sb_message_new(SB_ASK_AUDIT, 0);
    if (m)
        ((struct sb_audit_ask *)m->body)->limit = AUDIT_PAGE;
    t->audit.asked = fx_ask(t, fx, m);
    if (t->veil)
        meeting_open(t, fx);
}
