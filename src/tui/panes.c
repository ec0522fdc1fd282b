/* SPDX-License-Identifier: Apache-2.0
 *
 * The four panes as lists. Nothing moves under the reader: the selection is an id, not a row, and when rows come or go
 * above it the viewport goes along, so that it stays where it is on the screen. A pane that nobody reads and that stands
 * at its newest row shows what is new; a frozen one lists what it listed when it was frozen. */
#include "state.h"

#include <signalbox/base/array.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *pane_name(int pane)
{
    static const char *const names[PANES] = {"Anomalies", "Plans", "Approvals", "Audit"};
    return names[pane];
}

const char *sort_name(int sort)
{
    static const char *const names[SORTS] = {"age", "risk", "time left", "title"};
    return names[sort];
}

bool column_shown(const struct sb_tui *t, int pane, bool fits)
{
    return t->pane[pane].columns == COLUMNS_ALL || (fits && t->pane[pane].columns == COLUMNS_AS_FITS);
}

size_t pane_count(const struct sb_tui *t, int pane)
{
    return pane == PANE_AUDIT ? audit_count(t) : t->pane[pane].n;
}

const char *pane_row_id(const struct sb_tui *t, int pane, size_t row, char buf[24])
{
    if (row >= pane_count(t, pane))
        return NULL;
    if (pane == PANE_AUDIT) {
        snprintf(buf, 24, "%" PRId64, audit_row(t, row)->seq);
        return buf;
    }
    const struct pane *p = &t->pane[pane];
    const char *id = pane == PANE_ANOMALIES ? t->anomaly[p->list[row]]->anomaly.id : t->card[p->list[row]]->row.id;
    return id ? id : "";
}

/* The row that holds this id; count when none does. */
static size_t find_row(const struct sb_tui *t, int pane, const char *id)
{
    size_t n = pane_count(t, pane);
    if (!id)
        return n;
    if (pane == PANE_AUDIT) {
        int64_t seq;
        if (sb_parse_i64(id, &seq))
            return n;
        size_t low = 0, high = n; /* sequence numbers fall with the row */
        while (low < high) {
            size_t mid = low + (high - low) / 2;
            if (audit_row(t, mid)->seq > seq)
                low = mid + 1;
            else
                high = mid;
        }
        return low < n && audit_row(t, low)->seq == seq ? low : n;
    }
    char buf[24];
    size_t hint = t->pane[pane].index;
    if (hint < n && sb_streq(pane_row_id(t, pane, hint, buf), id))
        return hint;
    for (size_t i = 0; i < n; i++)
        if (sb_streq(pane_row_id(t, pane, i, buf), id))
            return i;
    return n;
}

static void list_add(struct sb_tui *t, int pane, size_t i)
{
    struct pane *p = &t->pane[pane];
    if (SB_GROW(p->list, p->cap, p->n + 1) == 0)
        p->list[p->n++] = (uint32_t)i;
}

static void list_if_fit(struct sb_tui *t, int pane, size_t i)
{
    t->pane[pane].all++;
    if (pane == PANE_ANOMALIES ? filter_fits_anomaly(t, t->anomaly[i]) : filter_fits_card(t, pane, t->card[i]))
        list_add(t, pane, i);
}

struct order {
    const struct sb_tui *t;
    int pane;
};

static int by_number(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* What comes first is what wants attention first: the highest risk, the least time. What is equal stays newest first. */
static int compare(const void *a, const void *b, void *ctx)
{
    const struct order *o = ctx;
    const struct pane *p = &o->t->pane[o->pane];
    size_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    int by = 0;
    if (o->pane == PANE_ANOMALIES) {
        const struct sb_anomaly *x = &o->t->anomaly[i]->anomaly, *y = &o->t->anomaly[k]->anomaly;
        by = p->sort == SORT_RISK ? by_number(y->severity, x->severity) : p->sort == SORT_TITLE ? strcmp(x->title ? x->title : "", y->title ? y->title : "") : 0;
    } else {
        const struct sb_card_row *x = &o->t->card[i]->row, *y = &o->t->card[k]->row;
        int64_t left_x = x->state == SB_AWAITING_APPROVAL ? x->approve_by : x->execute_by, left_y = y->state == SB_AWAITING_APPROVAL ? y->approve_by : y->execute_by;
        by = p->sort == SORT_RISK     ? by_number(y->risk, x->risk)
             : p->sort == SORT_EXPIRY ? by_number(left_x ? left_x : INT64_MAX, left_y ? left_y : INT64_MAX)
             : p->sort == SORT_TITLE  ? strcmp(x->title ? x->title : "", y->title ? y->title : "")
                                      : 0;
    }
    if (by == 0)
        by = by_number((int64_t)k, (int64_t)i);
    return p->reversed ? -by : by;
}

static void put_in_order(struct sb_tui *t, int pane)
{
    struct pane *p = &t->pane[pane];
    if ((p->sort != SORT_NEWEST || p->reversed) && p->n > 1)
        qsort_r(p->list, p->n, sizeof p->list[0], compare, &(struct order){t, pane});
}

void pane_sort(struct sb_tui *t, int pane)
{
    struct pane *p = &t->pane[pane];
    p->sort = (enum sort)((p->sort + 1) % SORTS);
    if (pane == PANE_ANOMALIES && p->sort == SORT_EXPIRY) /* an anomaly has no time by which it ends */
        p->sort = SORT_TITLE;
}

/* Makes the lists of cards and anomalies from the store, newest first; frozen ones from the ids they hold. */
static void make_lists(struct sb_tui *t)
{
    for (int pane = PANE_ANOMALIES; pane < PANE_AUDIT; pane++) {
        struct pane *p = &t->pane[pane];
        p->n = p->all = 0;
        size_t stored = pane == PANE_ANOMALIES ? t->anomalies : t->cards;
        if (p->frozen) {
            for (size_t h = 0, i = stored; h < p->held_n; h++)
                for (size_t tried = 0; tried < stored; tried++) {
                    i = i ? i - 1 : stored - 1; /* on from the last: they stand in the same order, mostly */
                    if (sb_streq(pane == PANE_ANOMALIES ? t->anomaly[i]->anomaly.id : t->card[i]->row.id, p->held[h])) {
                        list_if_fit(t, pane, i);
                        break;
                    }
                }
            continue;
        }
        for (size_t i = stored; i-- > 0;)
            if (pane == PANE_ANOMALIES || t->card[i]->pane == pane)
                list_if_fit(t, pane, i);
        put_in_order(t, pane);
    }
}

static uint64_t entered(const struct sb_tui *t, int pane, size_t row)
{
    if (pane == PANE_AUDIT)
        return (uint64_t)audit_row(t, row)->seq;
    const struct pane *p = &t->pane[pane];
    return pane == PANE_ANOMALIES ? t->anomaly[p->list[row]]->entered : t->card[p->list[row]]->entered;
}

/* How many arrived that the reader has not had before the eyes: above the viewport, or kept out by a freeze. */
static void count_fresh(struct sb_tui *t, int pane)
{
    struct pane *p = &t->pane[pane];
    p->fresh = 0;
    if (p->frozen) {
        if (pane == PANE_AUDIT)
            p->fresh = t->audit.head > t->audit.frozen ? (size_t)(t->audit.head - t->audit.frozen) : 0;
        else if (pane == PANE_ANOMALIES)
            for (size_t i = 0; i < t->anomalies; i++)
                p->fresh += t->anomaly[i]->entered > p->held_at;
        else
            for (size_t i = 0; i < t->cards; i++)
                p->fresh += t->card[i]->pane == pane && t->card[i]->entered > p->held_at;
        return;
    }
    if (pane != PANE_AUDIT && (p->sort != SORT_NEWEST || p->reversed))
        return; /* what is new may be anywhere */
    if (p->top == 0) {
        if (pane_count(t, pane))
            p->seen = entered(t, pane, 0);
    } else {
        while (p->fresh < p->top && p->fresh < pane_count(t, pane) && entered(t, pane, p->fresh) > p->seen)
            p->fresh++;
    }
    if (pane == PANE_AUDIT && t->audit.n && !filter_on(t, pane) && t->audit.head > t->audit.row[t->audit.n - 1].seq)
        p->fresh += (size_t)(t->audit.head - t->audit.row[t->audit.n - 1].seq);
}

static void select_row(struct sb_tui *t, int pane, size_t row)
{
    char buf[24];
    t->pane[pane].index = row;
    set_text(&t->pane[pane].selected, pane_row_id(t, pane, row, buf));
}

/* After the list changed: finds the selection again and keeps it where it is on the screen. */
static void settle(struct sb_tui *t, int pane, struct sb_effects *fx)
{
    struct pane *p = &t->pane[pane];
    size_t n = pane_count(t, pane);
    bool reading = pane == t->focus && t->views == 1;
    if (!p->selected || (!reading && !p->touched && p->top == 0 && !p->frozen)) {
        p->index = 0;
        if (n)
            select_row(t, pane, 0);
    } else {
        size_t offset = p->index >= p->top ? p->index - p->top : 0, row = find_row(t, pane, p->selected);
        if (row < n) {
            bool newest_shown = p->top == 0 && !reading;
            p->index = row;
            p->top = newest_shown ? 0 : row > offset ? row - offset : 0;
        } else {
            char *gone = p->selected;
            p->selected = NULL;
            size_t next = p->index < n ? p->index : n ? n - 1 : 0;
            if (n)
                select_row(t, pane, next);
            p->index = next;
            if (reading && t->overlay == OVER_NONE && !t->filtering) { /* what is typed now was meant for the row that went away */
                if (pane != PANE_AUDIT)
                    say(t, false, n ? "%s has left %s; the cursor is now on %s." : "%s has left %s.", gone, pane_name(pane), p->selected ? p->selected : "");
                fx_add(fx, SB_FX_FLUSH, NULL, NULL);
            }
            free(gone);
        }
    }
    pane_fit(t, pane, p->rows);
}

void panes_list_new(struct sb_tui *t, struct sb_effects *fx)
{
    if (t->unlisted)
        panes_relist(t, fx);
}

void panes_relist(struct sb_tui *t, struct sb_effects *fx)
{
    t->unlisted = false;
    make_lists(t);
    t->lists++;
    for (int pane = 0; pane < PANES; pane++)
        settle(t, pane, fx);
}

void panes_settle(struct sb_tui *t, int pane, struct sb_effects *fx)
{
    t->lists++;
    settle(t, pane, fx);
}

void pane_fit(struct sb_tui *t, int pane, size_t rows)
{
    struct pane *p = &t->pane[pane];
    size_t n = pane_count(t, pane);
    bool reading = pane == t->focus;
    p->rows = rows;
    if (p->index >= n)
        p->index = n ? n - 1 : 0;
    if (p->top + rows > n)
        p->top = n > rows ? n - rows : 0;
    if (reading && rows) {
        if (p->index < p->top)
            p->top = p->index;
        else if (p->index >= p->top + rows)
            p->top = p->index - rows + 1;
    }
    count_fresh(t, pane);
}

void pane_goto(struct sb_tui *t, size_t row)
{
    if (row >= pane_count(t, t->focus))
        return;
    select_row(t, t->focus, row);
    t->pane[t->focus].touched = row != 0;
    pane_fit(t, t->focus, t->pane[t->focus].rows);
}

void pane_move(struct sb_tui *t, int64_t by)
{
    size_t n = pane_count(t, t->focus);
    if (n == 0)
        return;
    size_t before = t->pane[t->focus].index;
    int64_t row = (int64_t)before + by;
    pane_goto(t, row < 0 ? 0 : row >= (int64_t)n ? n - 1 : (size_t)row);
    t->moving = t->pane[t->focus].index != before;
    t->moved_at = t->wall;
}

bool pane_select(struct sb_tui *t, int pane, const char *id)
{
    size_t row = find_row(t, pane, id);
    if (row == pane_count(t, pane))
        return false;
    select_row(t, pane, row);
    t->pane[pane].touched = row != 0;
    pane_fit(t, pane, t->pane[pane].rows);
    return true;
}

void pane_focus(struct sb_tui *t, int pane)
{
    t->focus = pane;
    pane_fit(t, pane, t->pane[pane].rows);
}

void pane_freeze(struct sb_tui *t, int pane)
{
    struct pane *p = &t->pane[pane];
    if (p->frozen) {
        for (size_t i = 0; i < p->held_n; i++)
            free(p->held[i]);
        free(p->held);
        p->held = NULL;
        p->held_n = 0;
        t->audit.frozen = pane == PANE_AUDIT ? 0 : t->audit.frozen;
        p->frozen = false;
        return;
    }
    char buf[24];
    if (pane == PANE_AUDIT)
        t->audit.frozen = t->audit.head;
    else
        for (size_t i = 0; i < p->n; i++)
            if (sb_strs_push(&p->held, &p->held_n, pane_row_id(t, pane, i, buf)))
                break;
    p->held_at = t->arrivals;
    p->frozen = true;
}

void pane_release(struct pane *p)
{
    for (size_t i = 0; i < p->held_n; i++)
        free(p->held[i]);
    free(p->held);
    while (p->marked_n)
        free(p->marked[--p->marked_n]);
    free(p->marked);
    filter_release(&p->filter);
    free(p->list);
    free(p->selected);
}

const struct held_card *pane_held(const struct sb_tui *t)
{
    const struct pane *p = &t->pane[t->focus];
    if ((t->focus != PANE_PLANS && t->focus != PANE_APPROVALS) || p->index >= p->n)
        return NULL;
    return t->card[p->list[p->index]];
}

const struct sb_card *pane_card(const struct sb_tui *t)
{
    const struct held_card *held = pane_held(t);
    return held ? held->card : NULL;
}

const struct sb_anomaly *pane_anomaly(const struct sb_tui *t)
{
    const struct pane *p = &t->pane[PANE_ANOMALIES];
    return t->focus == PANE_ANOMALIES && p->index < p->n ? &t->anomaly[p->list[p->index]]->anomaly : NULL;
}

const struct sb_audit_row *pane_audit(const struct sb_tui *t)
{
    return t->focus == PANE_AUDIT ? audit_row(t, t->pane[PANE_AUDIT].index) : NULL;
}
