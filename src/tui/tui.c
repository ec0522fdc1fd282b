/* SPDX-License-Identifier: Apache-2.0
 *
 * Beginning, end, and one event after the other. */
#include "state.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

/* ---- effects ---- */

void sb_effects_init(struct sb_effects *e)
{
    *e = (struct sb_effects){NULL, 0, 0};
}

void sb_effects_clear(struct sb_effects *e)
{
    for (size_t i = 0; i < e->n; i++) {
        sb_message_free(e->fx[i].ask);
        free(e->fx[i].text);
    }
    e->n = 0;
}

void sb_effects_release(struct sb_effects *e)
{
    sb_effects_clear(e);
    free(e->fx);
    sb_effects_init(e);
}

void fx_add(struct sb_effects *fx, enum sb_effect_kind kind, struct sb_message *ask, char *text)
{
    if (SB_GROW(fx->fx, fx->cap, fx->n + 1)) {
        sb_message_free(ask);
        free(text);
        return;
    }
    fx->fx[fx->n++] = (struct sb_fx){kind, ask, text};
}

int64_t fx_ask(struct sb_tui *t, struct sb_effects *fx, struct sb_message *m)
{
    if (!m) {
        say(t, true, "Out of memory: nothing was sent.");
        return 0;
    }
    m->seq = ++t->next_seq;
    fx_add(fx, SB_FX_ASK, m, NULL);
    return t->next_seq;
}

void fx_ask_text(struct sb_tui *t, struct sb_effects *fx, int type, const char *text)
{
    fx_ask(t, fx, sb_message_text(type, 0, text));
}

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
            want_case(t, held->card.case_id, fx);
        else
            fx_ask_text(t, fx, SB_ASK_CARD, id);
    } else if (kind == VIEW_CASE) {
        want_case(t, id, fx);
    }
}

enum sb_context context_behind(const struct sb_tui *t)
{
    static const enum sb_context panes[PANES] = {SB_IN_ANOMALIES, SB_IN_PLANS, SB_IN_APPROVALS, SB_IN_AUDIT};
    switch (top_view_of(t)->kind) {
    case VIEW_PANES: return panes[t->focus];
    case VIEW_CARD: return SB_IN_CARD;
    case VIEW_CASE: return SB_IN_CASE;
    case VIEW_ANOMALY: return SB_IN_ANOMALY;
    case VIEW_EDIT: return SB_IN_EDIT;
    case VIEW_HELP: case VIEW_MESSAGES: return SB_IN_TEXT;
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
    const struct held_card *held = find_card(t, v->id);
    return held ? &held->card : NULL;
}

/* ---- news ---- */

/* What a plan has come to is said wherever one is looking, and in the place of what was said of it on the way. */
static void tell_outcome(struct sb_tui *t, const struct sb_card *c)
{
    bool judged = c->report.verdict != SB_VERDICT_NONE && (c->state == SB_DONE || c->state == SB_FAILED);
    bool ended = c->state == SB_DONE || c->state == SB_FAILED || c->state == SB_ROLLED_BACK || c->state == SB_IN_DOUBT || c->state == SB_STALE || c->state == SB_EXPIRED;
    const char *why = judged ? c->report.reason : c->note;
    char state[64];
    fmt_words(state, sb_name(&sb_states, c->state));
    if (ended)
        say(t, c->state != SB_ROLLED_BACK && (c->state != SB_DONE || (judged && c->report.verdict != SB_VERDICT_PASS)), "%s is %s%s%s%s%s", c->id, state,
            judged ? ": " : "", judged ? sb_name(&sb_verdicts, c->report.verdict) : "", why && why[0] ? ": " : "", why ? why : "");
}

/* A card that is being looked at was changed by somebody else: typeahead was meant for the old one. True: it is new and open,
 * so that nothing that is listed moves by it; thousands of them may come at once, and are listed together. */
static bool card_news(struct sb_tui *t, struct sb_card *fresh, struct sb_effects *fx)
{
    const struct view *v = top_view_of(t);
    const struct held_card *old = find_card(t, fresh->id);
    bool open = (v->kind == VIEW_CARD || v->kind == VIEW_EDIT) && sb_streq(v->id, fresh->id);
    bool listed = !old && sb_card_open(fresh);
    if (open && old && !sb_streq(old->card.hash, fresh->hash)) {
        say(t, true, "%s has changed: this is revision %lld. Read it again before you decide.", fresh->id, (long long)fresh->revision);
        fx_add(fx, SB_FX_FLUSH, NULL, NULL);
    } else if (open && old && old->card.state != fresh->state) {
        fx_add(fx, SB_FX_FLUSH, NULL, NULL);
    }
    if (old && old->card.state != fresh->state)
        tell_outcome(t, fresh);
    store_take_card(t, fresh);
    confirm_check(t);
    return listed;
}

static void answer_news(struct sb_tui *t, const struct sb_answer *a)
{
    if (a->text && a->text[0])
        say(t, !a->ok, "%s", a->text);
}

static void take_news(struct sb_tui *t, struct sb_message *m, struct sb_effects *fx)
{
    bool waits = false;
    switch (m->type) {
    case SB_NEWS_WELCOME:
        sb_record_release(sb_message_schema(m->type), &t->welcome);
        t->welcome = *(struct sb_welcome *)m->body;
        memset(m->body, 0, sizeof t->welcome);
        t->welcomed = true;
        break;
    case SB_NEWS_STRIP:
        sb_record_release(sb_message_schema(m->type), &t->strip);
        t->strip = *(struct sb_strip *)m->body;
        memset(m->body, 0, sizeof t->strip);
        t->have_strip = true;
        break;
    case SB_NEWS_ANOMALY: store_take_anomaly(t, m->body); break;
    case SB_NEWS_CARD: waits = card_news(t, m->body, fx); break;
    case SB_NEWS_CASE: store_take_case(t, m->body); break;
    case SB_NEWS_AUDIT: audit_page(t, m->seq, m->body); break;
    case SB_NEWS_ENTRY: audit_entry(t, m->body); break;
    case SB_NEWS_NOTICE: {
        const struct sb_notice *n = m->body;
        say(t, n->severity != SB_LOW, "%s", n->text ? n->text : "");
        break;
    }
    case SB_NEWS_ANSWER:
        audit_failed(t, m->seq);
        answer_news(t, m->body);
        batch_answer(t, m->seq, ((const struct sb_answer *)m->body)->ok);
        break;
    case SB_NEWS_BYE: {
        const struct sb_text *why = m->body;
        t->bye = true;
        say(t, true, "The orchestrator has ended%s%s. What is on the screen stays; %s leaves.", why->text && why->text[0] ? ": " : "", why->text ? why->text : "",
            sb_keymap_keys(t->keymap, SB_IN_MAIN, SB_ACT_QUIT) ? sb_keymap_keys(t->keymap, SB_IN_MAIN, SB_ACT_QUIT) : "q");
        break;
    }
    default:
        break; /* asks are not for us */
    }
    sb_message_free(m);
    if (waits)
        t->unlisted = true;
    else
        panes_relist(t, fx);
}

/* ---- keys ---- */

static void paste(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx)
{
    if (t->overlay == OVER_CONFIRM) {
        say(t, true, t->confirm.target ? "A paste never confirms: type it." : "A paste never confirms.");
    } else if (t->overlay == OVER_LINE || t->overlay == OVER_PALETTE) {
        if (!line_paste(&t->line, key->text, key->n) || key->cut)
            say(t, true, "Not everything that was pasted could be taken into one line.");
        line_changed(t, fx);
    } else {
        say(t, true, "Text was pasted where keys are expected: nothing was done.");
    }
}

static void unbound(struct sb_tui *t, struct sb_effects *fx)
{
    char name[SB_KEY_NAME_MAX];
    struct sb_str keys;
    sb_str_init(&keys);
    for (size_t i = 0; i < t->pending_n; i++) {
        sb_key_name(name, &t->pending[i]);
        sb_str_addf(&keys, "%s%s", i ? " " : "", name);
    }
    const char *help = sb_keymap_keys(t->keymap, context_of(t), SB_ACT_HELP);
    say(t, false, "%s does nothing here.%s%s%s", keys.p, help ? " " : "", help ? help : "", help ? " shows the keys." : "");
    fx_add(fx, SB_FX_BELL, NULL, NULL);
    sb_str_release(&keys);
}

static bool typing(const struct sb_tui *t)
{
    return t->overlay == OVER_LINE || t->overlay == OVER_PALETTE || (t->overlay == OVER_CONFIRM && t->confirm.target);
}

static bool printable(const struct sb_key *key)
{
    return key->code == SB_KEY_CHAR && !(key->mods & (SB_MOD_CTRL | SB_MOD_ALT));
}

static void take_key(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx)
{
    t->audit.barred = false;
    t->moving = false; /* whatever the key does, it does it to what is selected now */
    if (key->code == SB_KEY_PASTE) {
        t->pending_n = 0;
        paste(t, key, fx);
        return;
    }
    if (key->code == SB_KEY_MOUSE) {
        t->pending_n = 0;
        mouse_key(t, key, fx);
        return;
    }
    if (t->overlay == OVER_CONFIRM && t->confirm.target) { /* the line of a question has the keys of a line */
        enum sb_action action = SB_ACT_NONE;
        if (!printable(key) && sb_keymap_find(t->keymap, SB_IN_LINE, key, 1, &action) != SB_BOUND)
            sb_keymap_find(t->keymap, SB_IN_CONFIRM, key, 1, &action);
        confirm_key(t, key, action, fx);
        return;
    }
    if (typing(t) && printable(key)) {
        if (!line_type(&t->line, key->point))
            fx_add(fx, SB_FX_BELL, NULL, NULL);
        line_changed(t, fx);
        return;
    }
    if (t->pending_n == SB_KEYS_MAX)
        t->pending_n = 0;
    t->pending[t->pending_n++] = *key;
    enum sb_action action = SB_ACT_NONE;
    switch (sb_keymap_find(t->keymap, context_of(t), t->pending, t->pending_n, &action)) {
    case SB_BOUND:
        t->pending_n = 0;
        if (t->overlay == OVER_CONFIRM)
            confirm_key(t, key, action, fx);
        else if (action == SB_ACT_COUNT)
            count_key(t, key);
        else
            act(t, action, fx);
        break;
    case SB_PARTIAL:
        break;
    case SB_UNBOUND:
        if (t->overlay == OVER_CONFIRM)
            confirm_key(t, key, SB_ACT_NONE, fx);
        else
            unbound(t, fx);
        t->pending_n = 0;
        t->count = 0;
        break;
    }
}

/* On a screen too small to show anything nobody decides anything; but one can leave. */
static void key_unseen(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx)
{
    enum sb_action action = SB_ACT_NONE;
    if (sb_keymap_find(t->keymap, SB_IN_GLOBAL, key, 1, &action) == SB_BOUND && (action == SB_ACT_QUIT || action == SB_ACT_REDRAW || action == SB_ACT_SUSPEND))
        act(t, action, fx);
}

void sb_tui_update(struct sb_tui *t, const struct sb_tui_event *event, struct sb_effects *fx)
{
    if (event->wall_ms > 0)
        t->wall = event->wall_ms;
    if (event->kind != SB_TUI_NEWS)
        panes_list_new(t, fx);
    switch (event->kind) {
    case SB_TUI_KEY:
        if (t->frame.too_small)
            key_unseen(t, event->key, fx);
        else
            take_key(t, event->key, fx);
        break;
    case SB_TUI_NEWS: take_news(t, event->news, fx); break;
    case SB_TUI_TICK: break;
    case SB_TUI_SAY: say(t, event->bad, "%s", event->text); break;
    case SB_TUI_EDITED:
        if (top_view(t)->kind == VIEW_EDIT)
            edit_from_text(t, event->text);
        break;
    case SB_TUI_SUSPEND: suspend(t, fx); break;
    }
}

bool sb_tui_executing(const struct sb_tui *t)
{
    for (size_t i = 0; i < t->cards; i++) {
        int state = t->card[i]->card.state;
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

struct sb_tui *sb_tui_new(const struct sb_tui_setup *setup, struct sb_err *err)
{
    struct sb_tui *t = calloc(1, sizeof *t);
    if (!t) {
        sb_fail_nomem(err);
        return NULL;
    }
    t->keymap = setup->keymap;
    t->ascii = setup->ascii;
    t->mouse = setup->mouse;
    t->wall = setup->wall_ms;
    t->views = 1;
    line_init(&t->line);
    line_init(&t->confirm.typed);
    each_page(t, sb_page_init);
    for (int p = 0; p < PANES; p++)
        t->pane[p].room = ROOM_FIRST;
    recall_panes(t, setup->remembered);
    t->seat.read_only = setup->seat.read_only;
    if (sb_str_set(&t->seat.who, setup->seat.who) || sb_str_set(&t->seat.how, setup->seat.how) || sb_str_set(&t->seat.tty, setup->seat.tty) ||
        sb_str_set(&t->connecting, setup->connecting)) {
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
    places_release(t);
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
}
