/* SPDX-License-Identifier: Apache-2.0
 *
 * The stretch of the ledger that is in memory, and asking for more as the person scrolls. It has no gaps: a page that
 * joins it makes it longer, one that does not replaces it. When it grows over its bound, the end that is further from
 * what was just added is dropped; if that is the newest end, the pane is behind the head until it goes back there. */
#include "state.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

void audit_rows_release(struct sb_audit_row *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_audit_row_schema, &row[i]);
}

void audit_release(struct audit *a)
{
    audit_rows_release(a->row, a->n);
    free(a->row);
    audit_rows_release(a->recent, a->recent_n);
    free(a->recent);
    found_release(&a->found);
    free(a->hunt.text);
    memset(a, 0, sizeof *a);
}

static void drop_oldest(struct audit *a, size_t n)
{
    audit_rows_release(a->row, n);
    a->n -= n;
    memmove(a->row, a->row + n, a->n * sizeof a->row[0]);
    a->at_start = false;
}

static void drop_newest(struct audit *a, size_t n)
{
    if (n == 0) /* also when nothing was ever held */
        return;
    a->n -= n;
    audit_rows_release(a->row + a->n, n);
}

/* Keeps a copy of a row that belongs to a card or case. */
static void remember(struct audit *a, const struct sb_audit_row *row)
{
    if (!row->card && !row->case_id)
        return;
    if (a->recent_n && a->recent[a->recent_n - 1].seq >= row->seq)
        return;
    if (a->recent_n == RECENT_KEPT) {
        audit_rows_release(a->recent, RECENT_KEPT / 4);
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
    found_entry(t, row);
    a->head = row->seq;
    a->barred = false;
    if (!joins)
        return;
    if (a->n == AUDIT_KEPT && t->pane[PANE_AUDIT].index > AUDIT_KEPT / 2) {
        drop_newest(a, AUDIT_KEPT / 4); /* the reader is at the old end: that is the one to keep */
        return;
    }
    if (a->n == AUDIT_KEPT)
        drop_oldest(a, AUDIT_KEPT / 4);
    if (SB_GROW(a->row, a->cap, a->n + 1)) {
        audit_rows_release(a->row, a->n);
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
    if (page->searched_from < 0 || page->searched_from > SB_JSON_MAX_INT || page->searched_to < 0 || page->searched_to > SB_JSON_MAX_INT)
        return false;
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
    bool awaited = seq && seq == a->asked;
    int64_t jump_seq = awaited ? a->jump_seq : 0;
    if (awaited)
        a->asked = a->jump_seq = 0;
    if (!awaited && page->searched_from)
        return; /* what was found for a search that nobody waits for is no stretch of the ledger */
    if ((awaited && a->asked_void) || !in_order(page)) {
        a->barred |= awaited && !a->asked_void; /* else it would be asked again and again */
        return;
    }
    if (page->head > a->head && page->head <= SB_JSON_MAX_INT)
        a->head = page->head;
    if (awaited && a->asked_for == ASKED_FOUND) {
        found_page(t, page);
        return;
    }
    if (awaited && a->asked_for == ASKED_HUNT) {
        hunt_page(t, page);
        return;
    }
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
    if (jump_seq && t->focus == PANE_AUDIT) { /* unless the person has gone elsewhere */
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)jump_seq);
        pane_select(t, PANE_AUDIT, id);
    }
}

void audit_failed(struct sb_tui *t, int64_t seq)
{
    struct audit *a = &t->audit;
    if (!seq || seq != a->asked)
        return;
    a->asked = 0;
    a->jump = 0;
    a->jump_seq = 0;
    a->barred = !a->asked_void;
    hunt_stop(t);
}

/* The rows that are listed, oldest first: those in memory, or what was found of them; a frozen pane lists none that came later. */
static const struct sb_audit_row *listed(const struct sb_tui *t, size_t *n)
{
    const struct audit *a = &t->audit;
    bool filtered = filter_on(t, PANE_AUDIT);
    const struct sb_audit_row *row = filtered ? a->found.row : a->row;
    *n = filtered ? a->found.n : a->n;
    while (a->frozen && *n && row[*n - 1].seq > a->frozen)
        --*n;
    return row;
}

bool audit_goes_on(const struct sb_tui *t)
{
    const struct audit *a = &t->audit;
    return !filter_on(t, PANE_AUDIT) && !a->frozen && !t->bye && a->n && (!a->at_start || a->row[a->n - 1].seq < a->head);
}

size_t audit_count(const struct sb_tui *t)
{
    size_t n;
    listed(t, &n);
    return n;
}

const struct sb_audit_row *audit_row(const struct sb_tui *t, size_t from_newest)
{
    size_t n;
    const struct sb_audit_row *row = listed(t, &n);
    return from_newest < n ? &row[n - 1 - from_newest] : NULL;
}

/* match NULL: for a page of all rows. */
static void send(struct sb_tui *t, enum asked_for what, struct sb_audit_ask ask, const char *match, struct sb_effects *fx)
{
    struct sb_message *m = sb_message_new(SB_ASK_AUDIT, 0);
    if (!m || sb_str_set(&ask.match, match)) {
        sb_message_free(m);
        return;
    }
    *(struct sb_audit_ask *)m->body = ask;
    t->audit.asked = fx_ask(t, fx, m);
    t->audit.asked_for = what;
    t->audit.asked_void = false;
}

static void ask(struct sb_tui *t, int64_t before, int64_t limit, struct sb_effects *fx)
{
    send(t, ASKED_ROWS, (struct sb_audit_ask){.before = before, .limit = limit}, NULL, fx);
}

static void ask_found(struct sb_tui *t, struct sb_effects *fx)
{
    const struct filter *f = &t->pane[PANE_AUDIT].filter;
    struct sb_audit_ask ask = {.before = found_want(t), .limit = FOUND_PAGE, .caseless = f->caseless, .without = f->without};
    if (ask.before >= 0)
        send(t, ASKED_FOUND, ask, filter_given_up(f) ? NULL : f->text + f->without, fx);
}

void audit_want(struct sb_tui *t, struct sb_effects *fx)
{
    struct audit *a = &t->audit;
    const struct pane *p = &t->pane[PANE_AUDIT];
    if (a->asked || a->barred || t->bye)
        return;
    if (a->hunt.on) {
        send(t, ASKED_HUNT, (struct sb_audit_ask){.before = a->hunt.at, .limit = 1, .plain = true, .caseless = true, .upward = a->hunt.upward}, a->hunt.text, fx);
        return;
    }
    if (filter_on(t, PANE_AUDIT)) {
        ask_found(t, fx);
        return;
    }
    if (a->jump_seq) {
        ask(t, a->jump_seq + AUDIT_PAGE / 2, AUDIT_PAGE, fx);
        return;
    }
    if (a->n == 0) {
        if (a->head > 0)
            ask(t, 0, AUDIT_PAGE, fx);
        return;
    }
    size_t count = audit_count(t), margin = p->rows + 20;
    if (!a->at_start && p->top + p->rows + margin > count)
        ask(t, a->row[0].seq, AUDIT_PAGE, fx);
    else if (a->row[a->n - 1].seq < a->head && p->top < margin)
        ask(t, a->row[a->n - 1].seq + AUDIT_PAGE + 1, AUDIT_PAGE, fx);
}

void audit_jump(struct sb_tui *t, int to, struct sb_effects *fx)
{
    struct audit *a = &t->audit;
    bool there = a->n == 0 || (to > 0 ? a->row[a->n - 1].seq == a->head : a->at_start);
    if (there || t->bye || filter_on(t, PANE_AUDIT)) {
        pane_goto(t, to > 0 || audit_count(t) == 0 ? 0 : audit_count(t) - 1);
        return;
    }
    hunt_stop(t);
    ask(t, to > 0 ? 0 : AUDIT_PAGE + 1, AUDIT_PAGE, fx);
    a->jump = to;
}
