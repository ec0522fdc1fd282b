/* SPDX-License-Identifier: Apache-2.0
 *
 * From state to a frame: layout first, then all text, then (in paint.c) cells. */
#include "state.h"

#include <signalbox/base/array.h>

#include <string.h>

#define WIDE_CARD 150   /* from here on a card shows two pages side by side */
#define BESIDE_W 140    /* from here on panes stand side by side by themselves: rows need width more than height */
#define STACK_ROWS 12   /* four panes of a title and two rows */
#define BESIDE_ROWS 8
#define DETAIL_ROWS 30  /* and this high, what is selected is shown in full */
#define STATUS_MOST 4   /* lines of a long message */
#define REST_MS 150     /* longer than a held key takes from one row to the next, shorter than a person waits */

/* ---- layout ---- */

static const char *const pane_box[PANES] = {"anomalies", "plans", "approvals", "audit"};

static enum panes_as panes_as(const struct sb_tui *t, int w, int rows)
{
    bool beside = t->arrangement == 1 || (t->arrangement == 0 && w >= BESIDE_W);
    if (t->zoomed || rows < (beside ? BESIDE_ROWS : STACK_ROWS))
        return PANES_ALONE;
    return !beside ? PANES_BELOW : t->arrangement == 0 && rows >= DETAIL_ROWS ? PANES_DETAILED : PANES_BESIDE;
}

static int weight(const struct sb_tui *t, int pane)
{
    return 1 << t->pane[pane].room;
}

static void lay_panes(struct sb_tui *t, int parent, int w, int rows)
{
    struct sb_layout *l = &t->frame.layout;
    t->panes_as = panes_as(t, w, rows);
    switch (t->panes_as) {
    case PANES_ALONE:
        sb_layout_add(l, parent, pane_box[t->focus], SB_BELOW, SB_FILL, 1, 0);
        break;
    case PANES_BELOW:
        for (int p = 0; p < PANES; p++)
            sb_layout_add(l, parent, pane_box[p], SB_BELOW, SB_FILL, weight(t, p), 3);
        break;
    case PANES_BESIDE:
        for (int half = 0; half < 2; half++) {
            int row = sb_layout_add(l, parent, half ? "lower" : "upper", SB_BESIDE, SB_FILL, weight(t, 2 * half) + weight(t, 2 * half + 1), 4);
            sb_layout_add(l, row, pane_box[2 * half], SB_BELOW, SB_FILL, weight(t, 2 * half), 8);
            sb_layout_add(l, row, half ? "bar-lower" : "bar-upper", SB_BELOW, SB_FIXED, 1, 0);
            sb_layout_add(l, row, pane_box[2 * half + 1], SB_BELOW, SB_FILL, weight(t, 2 * half + 1), 8);
        }
        break;
    case PANES_DETAILED: {
        int both = sb_layout_add(l, parent, "both", SB_BESIDE, SB_FILL, 1, 0);
        int left = sb_layout_add(l, both, "left", SB_BELOW, SB_FILL, 1, 0);
        sb_layout_add(l, both, "bar-upper", SB_BELOW, SB_FIXED, 1, 0);
        int right = sb_layout_add(l, both, "right", SB_BELOW, SB_FILL, 1, 0);
        for (int p = PANE_ANOMALIES; p < PANE_AUDIT; p++)
            sb_layout_add(l, left, pane_box[p], SB_BELOW, SB_FILL, weight(t, p), 3);
        sb_layout_add(l, right, "detail", SB_BELOW, SB_FILL, 6, 3); /* an anomaly's page is longer than the ledger's news */
        sb_layout_add(l, right, pane_box[PANE_AUDIT], SB_BELOW, SB_FILL, weight(t, PANE_AUDIT), 3);
        break;
    }
    }
}

static void lay_out(struct sb_tui *t, int w, int h, int status_lines)
{
    struct sb_layout *l = &t->frame.layout;
    const struct view *v = top_view(t);
    sb_layout_init(l, SB_BELOW);
    sb_layout_add(l, 0, "header", SB_BELOW, SB_FIXED, 1, 0);
    int most = h < 16 ? 1 : h < 34 ? 3 : h < 50 ? 5 : 9;
    int strip = v->kind == VIEW_PANES || (h >= 34 && v->kind != VIEW_MEETING) ? view_strip_lines(t) : 0;
    if (strip > most) /* of a cluster a line a shard, if not all of its members have room */
        strip = view_strip_short(t) && view_strip_short(t) < most ? view_strip_short(t) : most;
    sb_layout_add(l, 0, "strip", SB_BELOW, SB_FIXED, strip, 0);
    if (v->kind == VIEW_PANES) {
        int panes = sb_layout_add(l, 0, "panes", SB_BELOW, SB_FILL, 1, 1);
        lay_panes(t, panes, w, h - 1 - strip - 3);
    } else {
        sb_layout_add(l, 0, "title", SB_BELOW, SB_FIXED, 1, 0);
        if (v->kind == VIEW_CARD)
            sb_layout_add(l, 0, "tabs", SB_BELOW, SB_FIXED, 1, 0);
        int pages = sb_layout_add(l, 0, "pages", SB_BESIDE, SB_FILL, 1, 1);
        if (v->kind == VIEW_CARD && w >= WIDE_CARD) {
            sb_layout_add(l, pages, "side", SB_BELOW, SB_FILL, 1, 0);
            sb_layout_add(l, pages, "bar-pages", SB_BELOW, SB_FIXED, 1, 0);
        }
        sb_layout_add(l, pages, "body", SB_BELOW, SB_FILL, 1, 0);
    }
    sb_layout_add(l, 0, "status", SB_BELOW, SB_FIXED, 1, 0);
    sb_layout_add(l, 0, "request", SB_BELOW, SB_FIXED, 1, 0);
    sb_layout_add(l, 0, "footer", SB_BELOW, SB_FIXED, 1, 0);
    sb_layout_solve(l, w, h);
    for (int i = 0; i < l->n; i++) /* a long message lies over the rows above it: nothing moves for it */
        if (strcmp(l->box[i].name, "status") == 0) {
            l->box[i].at.y -= status_lines - 1;
            l->box[i].at.h = status_lines;
        }
}

/* ---- text ---- */

static void start(struct sb_tui *t, struct sb_page *p, const char *box, int margin)
{
    sb_page_start(p, sb_layout_at(&t->frame.layout, box).w - margin, t->ascii);
}

/* How long it still is until the selection counts as resting; 0: it rests. A clock that was set back ends the rest. */
static int64_t rest_ms(const struct sb_tui *t)
{
    int64_t since = gap(t->moved_at, t->wall);
    return t->moving && since >= 0 && since < REST_MS ? REST_MS - since : 0;
}

/* The page beside the panes. While the selection moves on, that of the row before stays and its heading says so: a move
 * is a small frame on a slow line, and the page follows as a frame of its own. */
static void make_detail(struct sb_tui *t)
{
    struct frame *f = &t->frame;
    struct sb_rect at = sb_layout_at(&f->layout, "detail");
    char buf[24];
    const char *id = pane_row_id(t, t->focus, t->pane[t->focus].index, buf);
    if (at.w <= 0) {
        set_text(&f->detail_of, NULL);
        return;
    }
    bool same = f->detail_pane == t->focus && sb_streq(f->detail_of, id);
    f->detail_stays = rest_ms(t) && f->detail_of && !same && f->detail.width == at.w - 2;
    if (!f->detail_stays) {
        set_text(&f->detail_of, id);
        f->detail_pane = t->focus;
        start(t, &f->detail, "detail", 2);
        view_detail(t, &f->detail);
    }
    start(t, &f->detail_title, "detail", 0);
    view_detail_title(f->detail_pane, f->detail_of, f->detail_stays, &f->detail_title);
}

static void make_panes(struct sb_tui *t, struct sb_effects *fx)
{
    struct frame *f = &t->frame;
    for (int p = 0; p < PANES; p++) {
        struct sb_rect at = sb_layout_at(&f->layout, pane_box[p]);
        f->pane_shown[p] = at.h > 0 && at.w > 0;
        if (!f->pane_shown[p])
            continue;
        size_t rows = (size_t)(at.h - 1);
        pane_fit(t, p, rows);
        start(t, &f->pane_title[p], pane_box[p], 0);
        view_pane_title(t, p, &f->pane_title[p]);
        start(t, &f->pane[p], pane_box[p], 0);
        view_pane(t, p, &f->pane[p], rows);
    }
    f->lists = t->lists;
    audit_want(t, fx);
    make_detail(t);
}

static void make_tab(const struct sb_tui *t, const struct sb_card *c, enum tab tab, struct sb_page *p)
{
    switch (tab) {
    case TAB_SUMMARY: view_summary(t, c, p); break;
    case TAB_COMMANDS: view_commands(t, c, p); break;
    case TAB_EVIDENCE: view_evidence(t, c, p); break;
    case TAB_POLICY: view_policy(t, c, p); break;
    case TAB_ROLLBACK: view_rollback(t, c, p); break;
    case TAB_WATCH: view_watch(t, c, p); break;
    case TAB_HISTORY: view_history(t, c, p); break;
    case TAB_HANDOFFS: view_handoffs(t, c, p); break;
    case TABS: break;
    }
}

static void missing(struct sb_tui *t, const char *what)
{
    sb_page_textf(&t->frame.title, SB_ROLE_TITLE, "%s", top_view(t)->id ? top_view(t)->id : "");
    sb_page_textf(&t->frame.body, SB_ROLE_DOUBT, "%s was asked for and has not come yet.", what);
}

/* The title and the page of what is open, apart from cards. */
static void make_page(struct sb_tui *t, const struct view *v)
{
    struct frame *f = &t->frame;
    if (v->kind == VIEW_CASE) {
        const struct sb_case *c = find_case(t, v->id);
        if (!c) {
            missing(t, "The case");
            return;
        }
        sb_page_textf(&f->title, SB_ROLE_TITLE, "Case %s", c->id ? c->id : "");
        view_case(t, c, &f->body);
    } else if (v->kind == VIEW_ANOMALY) {
        const struct held_anomaly *a = find_anomaly(t, v->id);
        if (!a) {
            missing(t, "The anomaly");
            return;
        }
        sb_page_textf(&f->title, SB_ROLE_TITLE, "Anomaly %s", a->anomaly.id ? a->anomaly.id : "");
        view_anomaly(t, &a->anomaly, &f->body);
    } else if (v->kind == VIEW_EDIT) {
        const struct sb_card *card = whole_card(t, v->id);
        sb_page_textf(&f->title, SB_ROLE_TITLE, "Edit %s", v->id ? v->id : "");
        if (card)
            view_edit(t, card, &f->body);
    } else if (v->kind == VIEW_HELP) {
        sb_page_text(&f->title, SB_ROLE_TITLE, "Help");
        view_help(t, v->help_for, &f->body);
    } else if (v->kind == VIEW_HUSHES) {
        sb_page_text(&f->title, SB_ROLE_TITLE, "Silenced");
        view_hushes(t, &f->body);
    } else if (v->kind == VIEW_MEETING) {
        view_meeting_title(t, &f->title);
        view_meeting(t, &f->body, (int)f->body_rows);
    } else if (v->kind == VIEW_RECOVERY) {
        sb_page_text(&f->title, SB_ROLE_TITLE, "What could be brought back");
        view_recovery(t, &f->body);
    } else if (v->kind == VIEW_RUNNING) {
        view_running_title(t, &f->title);
        view_running(t, &f->body);
    } else if (v->kind == VIEW_SCHEMA) {
        sb_page_textf(&f->title, SB_ROLE_TITLE, "Schema of %s", v->id ? v->id : "");
        view_schema(t, v->id, &f->body);
    } else if (v->kind == VIEW_PLAN) {
        sb_page_textf(&f->title, SB_ROLE_TITLE, "Plan of %s", v->id ? v->id : "");
        view_plan(t, v->id, &f->body);
    } else if (v->kind == VIEW_REPORT) {
        sb_page_text(&f->title, SB_ROLE_TITLE, "What the work came to");
        view_report(t, &f->body);
    } else if (v->kind == VIEW_DOCTOR) {
        view_doctor_title(t, &f->title);
        view_doctor(t, &f->body);
    } else if (v->kind == VIEW_BACKUP) {
        sb_page_textf(&f->title, SB_ROLE_TITLE, "Backup %s", v->id ? v->id : "");
        view_backup(t, v->id, &f->body);
    } else if (v->kind == VIEW_MESSAGES) {
        sb_page_text(&f->title, SB_ROLE_TITLE, "Messages of this session, the newest first");
        view_messages(t, &f->body);
    }
}

/* What has been on the screen counts for the contract with this hash only. */
static void note_reading(struct sb_tui *t, struct held_card *held, enum tab tab, const struct sb_page *p, size_t top, size_t rows)
{
    const struct sb_card *c = held->card;
    if (!sb_streq(t->read_card, c->id) || !sb_streq(t->read_hash, c->hash)) {
        set_text(&t->read_card, c->id);
        set_text(&t->read_hash, c->hash);
        reading_reset(&t->read[0]);
        reading_reset(&t->read[1]);
    }
    if (t->overlay == OVER_NONE || t->overlay == OVER_LINE)
        reading_note(&t->read[tab == TAB_COMMANDS], p, top, rows);
    if (t->read[0].done && t->read[1].done && !sb_streq(held->read_hash, c->hash))
        set_text(&held->read_hash, c->hash);
}

static size_t keep_within(size_t *top, const struct sb_page *p, size_t rows)
{
    if (*top + rows > p->row_n)
        *top = p->row_n > rows ? p->row_n - rows : 0;
    return *top;
}

static void make_card(struct sb_tui *t, struct view *v, size_t rows)
{
    struct frame *f = &t->frame;
    struct held_card *held = find_card(t, v->id);
    if (!held || !held->card) {
        missing(t, "The card");
        return;
    }
    const struct sb_card *c = held->card;
    f->side_shown = sb_layout_at(&f->layout, "side").w > 0;
    enum tab tab = f->side_shown && v->tab == TAB_SUMMARY ? TAB_COMMANDS : v->tab;
    view_card_title(t, c, &f->title);
    make_tab(t, c, tab, &f->body);
    /* where both pages are shown, the summary tab scrolls the summary and the others scroll their own */
    f->body_top = keep_within(&v->top[tab], &f->body, rows);
    if (f->side_shown) {
        start(t, &f->side, "side", 2);
        view_summary(t, c, &f->side);
        f->side_top = keep_within(&v->top[TAB_SUMMARY], &f->side, rows);
        note_reading(t, held, TAB_SUMMARY, &f->side, f->side_top, rows);
    }
    if (tab == TAB_SUMMARY || tab == TAB_COMMANDS)
        note_reading(t, held, tab, &f->body, f->body_top, rows);
    view_tabs(t, c, v->tab, &f->tabs); /* they say what is left to read */
}

static void make_view(struct sb_tui *t)
{
    struct frame *f = &t->frame;
    struct view *v = top_view(t);
    f->side_shown = false;
    f->pages = t->pages;
    set_text(&f->detail_of, NULL);
    start(t, &f->title, "title", 2);
    start(t, &f->tabs, "tabs", 2);
    start(t, &f->body, "body", 2);
    struct sb_rect body = sb_layout_at(&f->layout, "body"), status = sb_layout_at(&f->layout, "status");
    int rows = body.h - (status.h > 1 ? status.h - 1 : 0);
    f->body_rows = rows > 0 ? (size_t)rows : 0;
    if (v->kind == VIEW_CARD) {
        make_card(t, v, f->body_rows);
    } else {
        make_page(t, v);
        if (v->kind == VIEW_EDIT && t->edit.typed) { /* the page may have grown by it, below the edge */
            t->edit.typed = false;
            show_link(t);
        }
        f->body_top = keep_within(&v->top[v->tab], &f->body, f->body_rows);
    }
}

/* ---- the box ---- */

/* Places the box in the middle, or with its lower edge at `bottom`; header, status, request and footer stay in sight. */
static void box(struct sb_tui *t, int w, int h, int bottom)
{
    struct frame *f = &t->frame;
    int most_w = f->w - 2, most_h = f->h - 4;
    w = w < most_w ? w : most_w;
    h = h < most_h ? h : most_h;
    f->box_at = (struct sb_rect){(f->w - w) / 2, bottom >= 0 ? bottom - h : 1 + (most_h - h) / 2, w, h};
    f->box_shown = w > 4 && h > 2;
}

static void make_confirm(struct sb_tui *t)
{
    struct frame *f = &t->frame;
    struct confirm *q = &t->confirm;
    int w = f->w - 4 < 110 ? f->w - 4 : 110, extra = q->target ? 2 : 0;
    sb_page_start(&f->box, w - 4, t->ascii);
    view_confirm(t, &f->box);
    box(t, w, (int)f->box.row_n + 2 + extra, -1);
    if (!f->box_shown)
        return;
    f->box_rows = (size_t)(f->box_at.h - 2 - extra > 0 ? f->box_at.h - 2 - extra : 0);
    f->box_top = keep_within(&q->top, &f->box, f->box_rows);
    reading_note(&q->read, &f->box, f->box_top, f->box_rows);
    q->shown = true;
    if (!q->target || f->box_at.h <= 4)
        return;
    sb_page_start(&f->typed, f->box_at.w - 4, t->ascii);
    sb_page_text(&f->typed, SB_ROLE_KEY, "> ");
    line_show(&q->typed, &f->typed, f->box_at.w - 7, t->ascii, &f->cursor_x);
    f->cursor_x += f->box_at.x + 2;
    f->cursor_y = f->box_at.y + f->box_at.h - 2;
}

static void make_palette(struct sb_tui *t)
{
    struct frame *f = &t->frame;
    int rows = f->h - 8 < 12 ? f->h - 8 : 12, w = f->w - 2 < 100 ? f->w - 2 : 100;
    if (rows < 1)
        rows = 1;
    sb_page_start(&f->box, w - 4, t->ascii);
    view_palette(t, &f->box, (size_t)rows);
    box(t, w, rows + 2, f->h - 3);
    f->box_top = 0;
}

/* The longest of these that fits, over as many lines as there are. */
static void too_small(struct sb_tui *t)
{
    struct frame *f = &t->frame;
    char text[2][TEXT_MAX];
    snprintf(text[0], TEXT_MAX, "%dx%d is too small: %dx%d is needed", f->w, f->h, SB_TUI_LEAST_W, SB_TUI_LEAST_H);
    snprintf(text[1], TEXT_MAX, "%dx%d < %dx%d", f->w, f->h, SB_TUI_LEAST_W, SB_TUI_LEAST_H);
    for (size_t i = 0; i < SB_COUNT(text); i++) {
        sb_page_start(&f->body, f->w, t->ascii);
        sb_page_wrap(&f->body, SB_ROLE_DOUBT, 0, text[i]);
        if ((int)f->body.row_n <= f->h)
            return;
    }
    sb_page_start(&f->body, f->w, t->ascii);
    sb_page_textf(&f->body, SB_ROLE_DOUBT, "< %dx%d", SB_TUI_LEAST_W, SB_TUI_LEAST_H);
}

/* ---- all of it ---- */

void sb_tui_recalc(struct sb_tui *t, int w, int h, struct sb_effects *fx)
{
    struct frame *f = &t->frame;
    panes_list_new(t, fx);
    meeting_fill(t);
    f->w = w;
    f->h = h;
    f->cursor_x = f->cursor_y = -1;
    f->box_shown = f->side_shown = f->detail_stays = false;
    f->too_small = w < SB_TUI_LEAST_W || h < SB_TUI_LEAST_H;
    if (f->too_small) {
        too_small(t);
        return;
    }
    sb_page_start(&f->status, w, t->ascii);
    view_status(t, &f->status);
    int lines = f->status.row_n > STATUS_MOST ? STATUS_MOST : f->status.row_n < 1 ? 1 : (int)f->status.row_n;
    lay_out(t, w, h, lines);
    start(t, &f->header, "header", 0);
    view_header(t, &f->header);
    start(t, &f->strip, "strip", 0);
    view_strip(t, &f->strip, sb_layout_at(&f->layout, "strip").h);
    if (top_view(t)->kind == VIEW_PANES)
        make_panes(t, fx);
    else
        make_view(t);
    whole_want(t, fx);
    start(t, &f->request, "request", 0);
    int cursor = -1;
    view_request(t, &f->request, &cursor);
    if (cursor >= 0) {
        f->cursor_x = cursor;
        f->cursor_y = sb_layout_at(&f->layout, "request").y;
    }
    start(t, &f->footer, "footer", 0);
    view_footer(t, &f->footer);
    if (t->overlay == OVER_CONFIRM)
        make_confirm(t);
    else if (t->overlay == OVER_PALETTE)
        make_palette(t);
}

int64_t sb_tui_tick_in(const struct sb_tui *t)
{
    /* the clock in the header: the next full second; or the page that follows the selection */
    int64_t unit = t->slow ? 60000 : 1000, clock = unit - (t->wall % unit + unit) % unit, rest = t->frame.detail_stays ? rest_ms(t) : 0;
    return t->frame.too_small ? -1 : rest && rest < clock ? rest : clock;
}
