/* SPDX-License-Identifier: Apache-2.0
 *
 * One card of the agenda, large and calm: a wide margin, a blank line between all things, and nothing that moves but the
 * clock. What the card consists of in detail is a key away. */
#include "../state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BIG_ROWS 24 /* as high as this there is room for a clock that the last row of chairs can read */

static int margin(const struct sb_page *p)
{
    return p->width >= 120 ? p->width / 6 : p->width >= 60 ? 6 : 1;
}

static void begin(struct sb_page *p)
{
    sb_page_line(p);
    sb_page_tab(p, margin(p));
}

static void clock_text(const struct agenda_item *item, char out[TEXT_MAX])
{
    int64_t left = item->limit_ms - item->spent_ms, s = (left < 0 ? -left : left + 999) / 1000;
    snprintf(out, TEXT_MAX, "%s%02" PRId64 ":%02" PRId64, left < 0 ? "+" : "", s / 60 % 100, s % 60);
}

/* Digits of three by five cells. */
static void big_clock(struct sb_page *p, enum sb_role role, const char *text)
{
    static const char shapes[] = "0123456789:+";
    static const char *const rows[][5] = {
        {"###", "# #", "# #", "# #", "###"}, {"  #", "  #", "  #", "  #", "  #"}, {"###", "  #", "###", "#  ", "###"}, {"###", "  #", "###", "  #", "###"},
        {"# #", "# #", "###", "  #", "  #"}, {"###", "#  ", "###", "  #", "###"}, {"###", "#  ", "###", "# #", "###"}, {"###", "  #", "  #", "  #", "  #"},
        {"###", "# #", "###", "# #", "###"}, {"###", "# #", "###", "  #", "###"}, {"   ", " # ", "   ", " # ", "   "}, {"   ", " # ", "###", " # ", "   "},
    };
    for (int y = 0; y < 5; y++) {
        begin(p);
        for (const char *c = text; *c; c++) {
            const char *shape = strchr(shapes, *c) ? rows[strchr(shapes, *c) - shapes][y] : "   ";
            for (int x = 0; x < 3; x++)
                shape[x] == '#' ? sb_page_mark(p, role, SB_MARK_FULL, 2) : sb_page_text(p, SB_ROLE_TEXT, "  ");
            sb_page_text(p, SB_ROLE_TEXT, "  ");
        }
    }
}

static void said(struct sb_page *p, bool roomy, const char *label, enum sb_role role, const char *text)
{
    int at = margin(p) + 11;
    if (!text || !text[0])
        return;
    if (roomy)
        sb_page_line(p);
    begin(p);
    sb_page_field(p, SB_ROLE_DIM, 11, label);
    sb_page_wrap(p, role, at, text);
}

static void of_card(const struct sb_tui *t, const struct sb_card *c, bool roomy, struct sb_page *p)
{
    char text[3 * TEXT_MAX], docs[TEXT_MAX], size[TEXT_MAX], took[TEXT_MAX], left[TEXT_MAX];
    int worst = SB_UNDO_LOSSLESS;
    for (size_t i = 0; i < c->steps_n; i++)
        worst = c->steps[i].undo_label > worst ? c->steps[i].undo_label : worst;
    sb_page_line(p);
    begin(p);
    sb_page_wrap(p, SB_ROLE_STRONG, margin(p), c->title);
    if (!roomy)
        sb_page_line(p);
    said(p, roomy, "Where", SB_ROLE_STRONG, c->target);
    said(p, roomy, "Why", SB_ROLE_TEXT, c->why);
    fmt_count(docs, c->blast_radius.documents);
    fmt_bytes(size, c->blast_radius.bytes);
    fmt_left(took, c->blast_radius.est_duration_ms);
    snprintf(text, sizeof text, "%s documents, %s; about %s of work", docs, size, took);
    said(p, roomy, "Touches", SB_ROLE_TEXT, text);
    said(p, roomy, "Risk", level_role(c->risk), sb_name(&sb_levels, c->risk));
    said(p, roomy, "Undo", worst == SB_UNDO_LOSSLESS ? SB_ROLE_GOOD : SB_ROLE_BAD, c->steps_n == 0 ? "nothing to take back" : sb_name(&sb_undo_labels, worst));
    fmt_words(text, sb_name(&sb_states, c->state));
    if (c->state == SB_AWAITING_APPROVAL && c->approve_by) {
        int64_t until = gap(t->wall, c->approve_by);
        fmt_left(left, until > 0 ? until : 0);
        snprintf(text, sizeof text, "awaits approval: %zu of %" PRId64 " given, %s left", sb_card_approvals(c), sb_card_approvals_wanted(c), left);
    }
    said(p, roomy, "State", state_role(c->state), text);
    /* where it does not fit it breaks in its middle, not before its last digits */
    bool halves = c->hash && strlen(c->hash) == SB_HEX_LEN && p->width - margin(p) - 11 < SB_HEX_LEN;
    snprintf(text, sizeof text, halves ? "%.32s %s" : "%s%s", c->hash ? c->hash : "", halves ? c->hash + 32 : "");
    said(p, roomy, "Hash", SB_ROLE_DIM, text);
}

static void decided(const struct sb_tui *t, const char *id, bool roomy, struct sb_page *p)
{
    const struct decision *d = meeting_decision(t, id);
    struct sb_str text;
    sb_str_init(&text);
    if (d)
        sb_str_addf(&text, "%s by %s: %s", d->what, d->names, d->reason);
    said(p, roomy, "Decision", d ? SB_ROLE_GOOD : SB_ROLE_DOUBT, d ? text.p : "none yet");
    sb_str_release(&text);
}

void view_meeting_title(const struct sb_tui *t, struct sb_page *p)
{
    const struct meeting *m = &t->meeting;
    const struct agenda_item *item = meeting_item(t);
    char clock[TEXT_MAX], text[2 * TEXT_MAX];
    sb_page_text(p, SB_ROLE_TITLE, "Meeting");
    if (!item)
        return;
    sb_page_textf(p, SB_ROLE_TEXT, "   card %zu of %zu   %s   %zu decided", m->at + 1, m->items, item->id, m->decisions);
    clock_text(item, clock);
    snprintf(text, sizeof text, item->spent_ms > item->limit_ms ? "%s over time" : "%s left", clock);
    sb_page_right(p, item->spent_ms > item->limit_ms ? SB_ROLE_BAD : SB_ROLE_STRONG, text);
}

void view_meeting(const struct sb_tui *t, struct sb_page *p, int rows)
{
    const struct agenda_item *item = meeting_item(t);
    const struct sb_card *c = item ? whole_card(t, item->id) : NULL;
    char clock[TEXT_MAX];
    bool roomy = rows >= BIG_ROWS;
    if (!item) {
        sb_page_line(p);
        begin(p);
        sb_page_wrap(p, SB_ROLE_TEXT, margin(p), "No card awaits approval: the agenda is empty. One that comes is put on it.");
        return;
    }
    if (c) {
        of_card(t, c, roomy, p);
    } else {
        sb_page_line(p);
        begin(p);
        sb_page_textf(p, SB_ROLE_DOUBT, "%s was asked for and has not come yet.", item->id);
    }
    decided(t, item->id, roomy, p);
    if (!roomy || (int)p->row_n + 7 > rows)
        return;
    sb_page_line(p);
    sb_page_line(p);
    clock_text(item, clock);
    big_clock(p, item->spent_ms > item->limit_ms ? SB_ROLE_BAD : SB_ROLE_TEXT, clock);
}
