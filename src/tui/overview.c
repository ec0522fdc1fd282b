/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/tui/overview.h>

#include "state.h"

#include <stdio.h>
#include <string.h>

#define ABOVE 2 /* lines: header, heads */
#define BELOW 3 /* the cursor's row in two lines, or the filter; keys */
#define WIDE 120
#define LATE_MS 60000

void sb_overview_page_init(struct sb_overview_page *p, const char *filter, int group)
{
    *p = (struct sb_overview_page){.group = group};
    snprintf(p->filter, sizeof p->filter, "%s", filter ? filter : "");
    sb_page_init(&p->page);
}

void sb_overview_page_release(struct sb_overview_page *p)
{
    sb_page_release(&p->page);
}

/* ---- the cursor ---- */

static const struct sb_overview_row *row_at(const struct sb_overview_view *v, size_t at)
{
    const struct sb_overview_line *l = v->overview && at < v->list->n ? &v->list->line[at] : NULL;
    return l && l->row != SIZE_MAX ? &v->overview->rows[l->row] : NULL;
}

static void go(struct sb_overview_page *p, const struct sb_overview_view *v, int64_t to)
{
    int64_t last = v->overview ? (int64_t)v->list->n - 1 : -1;
    p->at = to < 0 || last < 0 ? 0 : (size_t)(to < last ? to : last);
    const struct sb_overview_row *r = row_at(v, p->at);
    snprintf(p->id, sizeof p->id, "%s", r ? r->id : "");
    snprintf(p->log, sizeof p->log, "%s", r ? v->overview->owners[r->owner].log : "");
}

void sb_overview_page_settle(struct sb_overview_page *p, const struct sb_overview_view *v)
{
    bool follows = p->id[0] && p->at > 1; /* who looks at the worst goes on to look at the worst */
    for (size_t i = 0; follows && v->overview && i < v->list->n; i++) {
        const struct sb_overview_row *r = row_at(v, i);
        if (!r || strcmp(r->id, p->id) != 0 || strcmp(v->overview->owners[r->owner].log, p->log) != 0)
            continue;
        p->top = p->top + i > p->at ? p->top + i - p->at : 0; /* and stays at its height on the screen */
        p->at = i;
        return;
    }
    bool row = p->id[0];
    go(p, v, (int64_t)p->at);
    if (row && !p->id[0]) /* it was on a row, and headings came between */
        go(p, v, (int64_t)p->at + 1);
}

/* ---- keys ---- */

static enum sb_overview_act type(struct sb_overview_page *p, const struct sb_key *key)
{
    size_t n = strlen(p->filter);
    char bytes[4];
    switch (key->code) {
    case SB_KEY_ENTER:
        p->typing = false;
        return SB_OVERVIEW_RELIST;
    case SB_KEY_ESCAPE:
        p->typing = false;
        memcpy(p->filter, p->before, sizeof p->filter);
        return SB_OVERVIEW_RELIST;
    case SB_KEY_BACKSPACE:
        if (n)
            p->filter[sb_utf8_whole(p->filter, n - 1)] = '\0';
        return SB_OVERVIEW_RELIST;
    case SB_KEY_CHAR:
        if (key->mods || key->point < ' ' || key->point == 0x7f || n + 4 >= sizeof p->filter)
            return SB_OVERVIEW_NOTHING;
        size_t len = sb_utf8_encode(key->point, bytes);
        memcpy(p->filter + n, bytes, len);
        p->filter[n + len] = '\0';
        return SB_OVERVIEW_RELIST;
    default:
        return SB_OVERVIEW_NOTHING;
    }
}

/* On a narrow screen a row has no room for its title: that of the cursor's row has a line of its own. */
static bool narrow(const struct sb_overview_page *p)
{
    return p->page.width > 0 && p->page.width < WIDE;
}

static size_t height(const struct sb_overview_page *p, int h)
{
    int rest = h - ABOVE - BELOW - narrow(p);
    return rest > 0 ? (size_t)rest : 0;
}

static enum sb_overview_act act_on(struct sb_overview_page *p, enum sb_action action, const struct sb_overview_view *v, int h)
{
    if (action != SB_ACT_BACK) /* which takes the note away, and else the filter */
        p->note[0] = '\0';
    int64_t at = (int64_t)p->at, page = height(p, h) ? (int64_t)height(p, h) : 1;
    switch (action) {
    case SB_ACT_UP: go(p, v, at - 1); return SB_OVERVIEW_PAINT;
    case SB_ACT_DOWN: go(p, v, at + 1); return SB_OVERVIEW_PAINT;
    case SB_ACT_PAGE_UP: go(p, v, at - page); return SB_OVERVIEW_PAINT;
    case SB_ACT_PAGE_DOWN: go(p, v, at + page); return SB_OVERVIEW_PAINT;
    case SB_ACT_TOP: go(p, v, 0); return SB_OVERVIEW_PAINT;
    case SB_ACT_BOTTOM: go(p, v, INT64_MAX); return SB_OVERVIEW_PAINT;
    case SB_ACT_OPEN:
        if (p->id[0])
            return SB_OVERVIEW_OPEN;
        if (v->overview && v->list->n)
            snprintf(p->note, sizeof p->note, "That is a heading: a card or an incident below it can be opened.");
        p->note_bad = false;
        return SB_OVERVIEW_PAINT;
    case SB_ACT_GROUP:
        p->group = (p->group + 1) % SB_OVERVIEW_GROUPS;
        return SB_OVERVIEW_RELIST;
    case SB_ACT_MINE:
        p->mine = !p->mine;
        return SB_OVERVIEW_RELIST;
    case SB_ACT_FILTER:
        memcpy(p->before, p->filter, sizeof p->before);
        p->typing = true;
        return SB_OVERVIEW_PAINT;
    case SB_ACT_BACK:
        if (!p->note[0])
            p->filter[0] = '\0';
        p->note[0] = '\0';
        return SB_OVERVIEW_RELIST;
    case SB_ACT_REDRAW: return SB_OVERVIEW_REDRAW;
    case SB_ACT_QUIT: return SB_OVERVIEW_LEAVE;
    default:
        snprintf(p->note, sizeof p->note, "That is for an opened deployment: the keys of this page are in its last line.");
        p->note_bad = false;
        return SB_OVERVIEW_PAINT;
    }
}

enum sb_overview_act sb_overview_page_key(struct sb_overview_page *p, const struct sb_key *key, const struct sb_overview_view *v, int h)
{
    enum sb_action action = SB_ACT_NONE;
    if (p->typing)
        return type(p, key);
    if (p->pending_n == SB_KEYS_MAX)
        p->pending_n = 0;
    p->pending[p->pending_n++] = *key;
    enum sb_lookup found = sb_keymap_find(v->keymap, SB_IN_OVERVIEW, p->pending, p->pending_n, &action);
    if (found == SB_PARTIAL)
        return SB_OVERVIEW_NOTHING;
    p->pending_n = 0;
    return found == SB_BOUND ? act_on(p, action, v, h) : SB_OVERVIEW_NOTHING;
}

/* ---- the picture ---- */

static enum sb_role role_of(const struct sb_overview_row *r)
{
    return r->incident ? level_role(r->level) : state_role(r->state);
}

static void put_header(const struct sb_overview_page *f, struct sb_page *p, const struct sb_overview_view *v)
{
    char at[TEXT_MAX];
    const struct sb_overview *o = v->overview;
    sb_page_line(p);
    if (o)
        sb_page_textf(p, SB_ROLE_HEADER, " Fleet: %zu open, of %zu ledger%s", o->rows_n, o->owners_n, o->owners_n == 1 ? "" : "s");
    else
        sb_page_text(p, SB_ROLE_HEADER, " Fleet: nothing was read yet");
    if (p->width >= WIDE && v->store)
        sb_page_textf(p, SB_ROLE_HEADER, "  store %s", v->store);
    if (f->filter[0] && !f->typing)
        sb_page_textf(p, SB_ROLE_DOUBT, "  only %s", f->filter);
    if (f->mine)
        sb_page_text(p, SB_ROLE_DOUBT, "  only yours");
    if (o && o->odd)
        sb_page_textf(p, SB_ROLE_BAD, "  %lld left out", (long long)o->odd);
    fmt_clock(at, v->now_ms);
    sb_page_right(p, SB_ROLE_HEADER, at);
}

static void put_heads(struct sb_page *p)
{
    bool wide = p->width >= WIDE;
    sb_page_line(p);
    sb_page_textf(p, SB_ROLE_DIM, "  %-18s%-8s%-9s%-14s%-10s%-4s", "state", "level", "env", "deployment", "id", "you");
    if (wide)
        sb_page_textf(p, SB_ROLE_DIM, "%-14s%-20s%-8s", "team", "owner's host", "copy");
    sb_page_text(p, SB_ROLE_DIM, "what");
}

static void copy_age(char out[TEXT_MAX], const struct sb_overview *o, const struct sb_overview_owner *w)
{
    if (w->beat)
        fmt_left(out, o->now > w->beat ? o->now - w->beat : 0);
    else
        snprintf(out, TEXT_MAX, "-");
}

static void put_row(struct sb_page *p, const struct sb_overview_view *v, const struct sb_overview_row *r)
{
    static const char *const you[SB_MAYS] = {"no", "?", "yes"};
    const struct sb_overview_owner *w = &v->overview->owners[r->owner];
    bool late = !w->beat || v->overview->now - w->beat > LATE_MS, waits = !r->incident && r->state == SB_AWAITING_APPROVAL;
    char state[TEXT_MAX], age[TEXT_MAX];
    fmt_words(state, sb_overview_state(r));
    sb_page_field(p, role_of(r), 18, state);
    sb_page_field(p, level_role(r->level), 8, sb_name(&sb_levels, r->level));
    sb_page_field(p, w->environment == SB_ENV_PROD ? SB_ROLE_ENV_PROD : SB_ROLE_ENV_OTHER, 8, sb_name(&sb_environments, w->environment));
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_field(p, SB_ROLE_STRONG, 13, w->deployment ? w->deployment : "-");
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_field(p, SB_ROLE_ID, 10, r->id);
    sb_page_field(p, r->may == SB_MAY ? SB_ROLE_GOOD : SB_ROLE_DIM, 4, waits ? you[r->may] : "");
    if (p->width >= WIDE) {
        copy_age(age, v->overview, w);
        sb_page_field(p, SB_ROLE_TEXT, 13, w->team ? w->team : "-");
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, SB_ROLE_TEXT, 19, w->host ? w->host : "-");
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, late ? SB_ROLE_BAD : SB_ROLE_TEXT, 8, age);
    }
    sb_page_text(p, late ? SB_ROLE_BAD : SB_ROLE_TEXT, late ? "! " : "");
    sb_page_text(p, SB_ROLE_TEXT, r->title);
}

static void put_lines(struct sb_overview_page *f, const struct sb_overview_view *v, int h)
{
    struct sb_page *p = &f->page;
    size_t rows = height(f, h), n = v->overview ? v->list->n : 0;
    if (f->at < f->top)
        f->top = f->at;
    if (rows && f->at >= f->top + rows)
        f->top = f->at - rows + 1;
    if (f->top && f->top + rows > n)
        f->top = n > rows ? n - rows : 0;
    for (size_t i = f->top; i < f->top + rows; i++) {
        sb_page_line(p);
        if (i >= n) {
            if (i == 0 && v->overview)
                sb_page_text(p, SB_ROLE_DIM, f->filter[0] || f->mine ? "  nothing that is open fits" : "  nothing is open");
            continue;
        }
        const struct sb_overview_line *l = &v->list->line[i];
        sb_page_text(p, SB_ROLE_CURSOR, i == f->at ? "> " : "  ");
        if (l->row != SIZE_MAX) {
            put_row(p, v, &v->overview->rows[l->row]);
        } else {
            sb_page_text(p, SB_ROLE_TITLE, sb_overview_heading(v->overview, &v->overview->rows[l->first], (enum sb_overview_group)f->group));
            sb_page_textf(p, SB_ROLE_DIM, "  %zu", l->shown);
        }
    }
}

/* Whose the row is and what may be done about it. */
static void put_about(struct sb_page *p, const struct sb_overview_view *v, const struct sb_overview_row *r)
{
    const struct sb_overview_owner *w = &v->overview->owners[r->owner];
    char age[TEXT_MAX], left[TEXT_MAX];
    copy_age(age, v->overview, w);
    sb_page_textf(p, SB_ROLE_STATUS, " %s on %s, process %lld%s, copy of entry %lld, last beat %s ago", w->deployment ? w->deployment : "?", w->host ? w->host : "a host without a row",
                  (long long)w->pid, w->draining ? " (draining)" : "", (long long)r->n, age);
    sb_page_line(p);
    if (r->taken_by)
        sb_page_textf(p, SB_ROLE_STATUS, " taken by %s", r->taken_by);
    if (!r->incident && r->state == SB_AWAITING_APPROVAL) {
        sb_page_textf(p, SB_ROLE_STATUS, " %lld of %lld approvals", (long long)r->has, (long long)r->wants);
        if (r->expires) {
            fmt_left(left, r->expires - v->overview->now);
            sb_page_textf(p, SB_ROLE_STATUS, ", %s left", left);
        }
        sb_page_textf(p, r->may == SB_MAY ? SB_ROLE_GOOD : SB_ROLE_DOUBT, "; you %s%s%s", r->may == SB_MAY ? "may approve it" : r->may == SB_MAY_PERHAPS ? "may perhaps approve it" : "may not approve it",
                      r->may_why ? ": " : "", r->may_why ? r->may_why : "");
    }
}

/* Two lines, three on a narrow screen. Returns the column behind what is typed. */
static int put_below(struct sb_overview_page *f, const struct sb_overview_view *v)
{
    struct sb_page *p = &f->page;
    const struct sb_overview_row *r = row_at(v, f->at);
    if (narrow(f)) {
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_STRONG, " %s", r && r->title ? r->title : "");
    }
    sb_page_line(p);
    if (f->typing || f->problem[0]) {
        sb_page_text(p, SB_ROLE_REQUEST, " filter: ");
        sb_page_text(p, SB_ROLE_INPUT, f->filter);
        int x = sb_page_column(p);
        if (f->problem[0])
            sb_page_textf(p, SB_ROLE_NOTICE_BAD, "  %s", f->problem);
        sb_page_line(p);
        return x;
    }
    if (f->note[0] || v->wrong) {
        size_t before = p->row_n;
        sb_page_wrapf(p, f->note[0] && !f->note_bad ? SB_ROLE_NOTICE : SB_ROLE_NOTICE_BAD, 1, " %s", f->note[0] ? f->note : v->wrong);
        if (p->row_n == before)
            sb_page_line(p);
        return 0;
    }
    if (r)
        put_about(p, v, r);
    else
        sb_page_line(p);
    return 0;
}

static void put_keys(struct sb_overview_page *f, const struct sb_overview_view *v)
{
    static const enum sb_action shown[] = {SB_ACT_OPEN, SB_ACT_FILTER, SB_ACT_GROUP, SB_ACT_MINE, SB_ACT_BACK, SB_ACT_QUIT};
    struct sb_page *p = &f->page;
    sb_page_line(p);
    for (size_t i = 0; i < SB_COUNT(shown); i++) {
        const char *keys = sb_keymap_keys(v->keymap, SB_IN_OVERVIEW, shown[i]);
        sb_page_textf(p, SB_ROLE_KEY, " %s", keys ? keys : "-");
        sb_page_textf(p, SB_ROLE_FOOTER, " %s ", sb_actions[shown[i]].label);
    }
}

void sb_overview_page_paint(struct sb_overview_page *f, const struct sb_overview_view *v, struct sb_cells *cells, int *cursor_x, int *cursor_y)
{
    struct sb_page *p = &f->page;
    sb_page_start(p, cells->w, v->ascii);
    put_header(f, p, v);
    put_heads(p);
    put_lines(f, v, cells->h);
    int x = put_below(f, v);
    put_keys(f, v);
    sb_page_paint(cells, (struct sb_rect){0, 0, cells->w, cells->h}, p, 0, NULL);
    *cursor_x = f->typing ? (x < cells->w ? x : cells->w - 1) : 0;
    *cursor_y = f->typing ? cells->h - BELOW : ABOVE + (int)(f->at - f->top);
    if (*cursor_y >= cells->h || *cursor_y < 0 || cells->w == 0)
        *cursor_x = -1;
}
