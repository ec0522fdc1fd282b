/* SPDX-License-Identifier: Apache-2.0
 *
 * The stretch of the ledger that is in memory, and asking for more as the person scrolls. It has no gaps: a page that
 * joins it makes it longer, one that does not replaces it. When it grows over its bound, the end that is further from
 * what was just added is dropped; if that is the newest end, the pane is behind the head until it goes back there. */
#include "state.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

static void release_rows(struct sb_audit_row *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_audit_row_schema, &row[i]);
}

void audit_release(struct audit *a)
{
    release_rows(a->row, a->n);
    free(a->row);
    release_rows(a->recent, a->recent_n);
    free(a->recent);
    memset(a, 0, sizeof *a);
}

static void drop_oldest(struct audit *a, size_t n)
{
    release_rows(a->row, n);
    a->n -= n;
    memmove(a->row, a->row + n, a->n * sizeof a->row[0]);
    a->at_start = false;
}

static void drop_newest(struct audit *a, size_t n)
{
    if (n == 0) /* also when nothing was ever held */
        return;
    a->n -= n;
    release_rows(a->row + a->n, n);
}

/* Keeps a copy of a row that belongs to a card or case. */
static void remember(struct audit *a, const struct sb_audit_row *row)
{
    if (!row->card && !row->case_id)
        return;
    if (a->recent_n && a->recent[a->recent_n - 1].seq >= row->seq)
        return;
    if (a->recent_n == RECENT_KEPT) {
        release_rows(a->recent, RECENT_KEPT / 4);
        a->recent_n -= RECENT_KEPT / 4;
        memmove(a->recent, a->recent + RECENT_KEPT / 4, a->recent_n * sizeof a->recent[0]);
    }
    if (SB_GROW(a->recent, a->recent_cap, a->recent_n + 1) || sb_record_copy(&sb_audit_row_schema, &a->recent[a->recent_n], row))
        return; /* the history tab lacks a row; the ledger has it */
    a->recent_n++;
}

void audit_entry(struct sb_tui *t, struct sb_audit_row *row)
{
    struct audit *a = &t->audit;
    bool joins = a->n == 0 ? a->head == 0 : a->row[a->n - 1].seq == a->head; /* else the person is further back */
    if (row->seq <= a->head || row->seq > SB_JSON_MAX_INT)
        return;
    remember(a, row);
    a->head = row->seq;
    if (!joins)
        return;
    if (a->n == AUDIT_KEPT && t->pane[PANE_AUDIT].index > AUDIT_KEPT / 2) {
        drop_newest(a, AUDIT_KEPT / 4); /* the reader is at the old end: that is the one to keep */
        return;
    }
    if (a->n == AUDIT_KEPT)
        drop_oldest(a, AUDIT_KEPT / 4);
    if (SB_GROW(a->row, a->cap, a->n + 1)) {
        release_rows(a->row, a->n);
        a->n = 0; /* asked for anew when there is room */
        return;
    }
    a->row[a->n++] = *row;
    memset(row, 0, sizeof *row);
}

/* Moves the page's rows (newest first) into the window at position `at`, oldest first. */
static bool insert(struct audit *a, size_t at, struct sb_audit_page *page, size_t from, size_t n)
{
    if (SB_GROW(a->row, a->cap, a->n + n))
        return false;
    memmove(a->row + at + n, a->row + at, (a->n - at) * sizeof a->row[0]);
    for (size_t i = 0; i < n; i++) {
        struct sb_audit_row *row = &page->rows[from + n - 1 - i];
        a->row[at + i] = *row;
        memset(row, 0, sizeof *row);
    }
    a->n += n;
    return true;
}

/* True when the rows are newest first without doubles, with numbers that can be reckoned with: the socket's other end may
 * be anything. */
static bool in_order(const struct sb_audit_page *page)
{
    if (page->rows_n && (page->rows[0].seq > SB_JSON_MAX_INT || page->rows[page->rows_n - 1].seq < 0))
        return false;
    for (size_t i = 1; i < page->rows_n; i++)
        if (page->rows[i].seq >= page->rows[i - 1].seq)
            return false;
    return true;
}

void audit_page(struct sb_tui *t, int64_t seq, struct sb_audit_page *page)
{
    struct audit *a = &t->audit;
    if (seq && seq == a->asked)
        a->asked = 0;
    if (!in_order(page))
        return;
    if (page->head > a->head && page->head <= SB_JSON_MAX_INT)
        a->head = page->head;
    size_t n = page->rows_n;
    for (size_t i = n; i-- > 0;)
        remember(a, &page->rows[i]);
    if (n == 0) {
        a->at_start |= page->at_start && (a->n == 0 || page->before <= a->row[0].seq);
        return;
    }
    int64_t newest = page->rows[0].seq, oldest = page->rows[n - 1].seq;
    if (a->n && oldest < a->row[0].seq && newest >= a->row[0].seq - 1) { /* joins the old end */
        size_t from = 0;
        while (from < n && page->rows[from].seq >= a->row[0].seq)
            from++;
        insert(a, 0, page, from, n - from);
        a->at_start = page->at_start;
        if (a->n > AUDIT_KEPT)
            drop_newest(a, a->n - AUDIT_KEPT);
    } else if (a->n && newest > a->row[a->n - 1].seq && oldest <= a->row[a->n - 1].seq + 1) { /* joins the new end */
        size_t take = 0;
        while (take < n && page->rows[take].seq > a->row[a->n - 1].seq)
            take++;
        insert(a, a->n, page, 0, take);
        if (a->n > AUDIT_KEPT)
            drop_oldest(a, a->n - AUDIT_KEPT);
    } else if (!a->n || newest < a->row[0].seq || oldest > a->row[a->n - 1].seq) {
        drop_newest(a, a->n);
        insert(a, 0, page, 0, n);
        a->at_start = page->at_start;
    }
    if (a->jump && t->focus == PANE_AUDIT && audit_count(t))
        pane_goto(t, a->jump > 0 ? 0 : audit_count(t) - 1);
    a->jump = 0;
}

/* Rows at the newest end that a frozen pane does not list. */
static size_t hidden(const struct sb_tui *t)
{
    const struct audit *a = &t->audit;
    size_t n = 0;
    while (a->frozen && n < a->n && a->row[a->n - 1 - n].seq > a->frozen)
        n++;
    return n;
}

size_t audit_count(const struct sb_tui *t)
{
    return t->audit.n - hidden(t);
}

const struct sb_audit_row *audit_row(const struct sb_tui *t, size_t from_newest)
{
    size_t count = audit_count(t);
    return from_newest < count ? &t->audit.row[count - 1 - from_newest] : NULL;
}

static void ask(struct sb_tui *t, int64_t before, struct sb_effects *fx)
{
    struct sb_message *m = sb_message_new(SB_ASK_AUDIT, 0);
    if (!m)
        return;
    *(struct sb_audit_ask *)m->body = (struct sb_audit_ask){.before = before, .limit = AUDIT_PAGE};
    t->audit.asked = fx_ask(t, fx, m);
}

void audit_want(struct sb_tui *t, struct sb_effects *fx)
{
    struct audit *a = &t->audit;
    const struct pane *p = &t->pane[PANE_AUDIT];
    if (a->asked || t->bye)
        return;
    if (a->n == 0) {
        if (a->head > 0)
            ask(t, 0, fx);
        return;
    }
    size_t count = audit_count(t), margin = p->rows + 20;
    if (!a->at_start && p->top + p->rows + margin > count)
        ask(t, a->row[0].seq, fx);
    else if (a->row[a->n - 1].seq < a->head && p->top < margin)
        ask(t, a->row[a->n - 1].seq + AUDIT_PAGE + 1, fx);
}

void audit_jump(struct sb_tui *t, int to, struct sb_effects *fx)
{
    struct audit *a = &t->audit;
    bool there = a->n == 0 || (to > 0 ? a->row[a->n - 1].seq == a->head : a->at_start);
    if (there || t->bye) {
        pane_goto(t, to > 0 || audit_count(t) == 0 ? 0 : audit_count(t) - 1);
        return;
    }
    ask(t, to > 0 ? 0 : AUDIT_PAGE + 1, fx);
    a->jump = to;
}
