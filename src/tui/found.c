/* SPDX-License-Identifier: Apache-2.0
 *
 * What of the ledger fits the filter. The console does not hold the ledger: it asks whoever does for what fits, stretch by
 * stretch from the newest entry on, and says how far that is. One ask is on its way at a time, and each is answered within
 * milliseconds; another filter begins anew and lets the late answer pass. An expression that was given up is not asked for
 * any more: then the pages hold every row. */
#include "state.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

void found_release(struct found *f)
{
    audit_rows_release(f->row, f->n);
    free(f->row);
    *f = (struct found){.row = NULL};
}

void found_start(struct sb_tui *t)
{
    struct audit *a = &t->audit;
    found_release(&a->found);
    a->asked_void |= a->asked && a->asked_for == ASKED_FOUND;
    a->barred = false;
    hunt_stop(t);
}

/* How far a page goes: what was searched, or, where nothing was to be compared, its rows. False: it goes no further than we
 * are, which is its end whatever it says. */
static bool reach(const struct found *f, const struct sb_audit_page *page, int64_t *from, int64_t *to)
{
    *from = page->searched_from ? page->searched_from : page->rows_n ? page->rows[0].seq : 0;
    *to = page->searched_from ? page->searched_to : page->rows_n ? page->rows[page->rows_n - 1].seq : 0;
    return *to > 0 && *to <= *from && (!f->newest || *to < f->oldest);
}

void found_page(struct sb_tui *t, struct sb_audit_page *page)
{
    struct found *f = &t->audit.found;
    int64_t from, to;
    size_t n = 0, skip = 0;
    if (!reach(f, page, &from, &to)) {
        f->at_start = true;
        return;
    }
    while (skip < page->rows_n && f->newest && page->rows[skip].seq >= f->oldest)
        skip++;
    while (skip + n < page->rows_n && f->n + n < FOUND_KEPT && page->rows[skip + n].seq >= to)
        n++;
    if (!f->newest)
        f->newest = from;
    f->full = f->n + n >= FOUND_KEPT;
    f->oldest = f->full && n ? page->rows[skip + n - 1].seq : to;
    f->at_start = page->at_start && !f->full;
    if (page->undecided > 0)
        t->pane[PANE_AUDIT].filter.undecided += (size_t)page->undecided;
    if (SB_GROW(f->row, f->cap, f->n + n)) {
        f->full = true;
        say(t, true, "Out of memory: no further entries are looked for.");
        return;
    }
    memmove(f->row + n, f->row, f->n * sizeof f->row[0]);
    for (size_t i = 0; i < n; i++) {
        struct sb_audit_row *row = &page->rows[skip + n - 1 - i]; /* newest first there, oldest first here */
        f->row[i] = *row;
        memset(row, 0, sizeof *row);
    }
    f->n += n;
}

void found_entry(struct sb_tui *t, const struct sb_audit_row *row)
{
    struct found *f = &t->audit.found;
    if (!filter_on(t, PANE_AUDIT) || f->newest == 0 || row->seq <= f->newest)
        return; /* before the first page has come, it will be on it */
    f->newest = row->seq;
    if (!filter_fits_entry(t, row))
        return;
    if (SB_GROW(f->row, f->cap, f->n + 1) || sb_record_copy(&sb_audit_row_schema, &f->row[f->n], row)) {
        say(t, true, "Out of memory: entry %lld is not listed.", (long long)row->seq);
        return;
    }
    f->n++;
}

int64_t found_want(const struct sb_tui *t)
{
    const struct found *f = &t->audit.found;
    if (f->at_start || f->full || t->audit.head == 0)
        return -1;
    return f->newest ? f->oldest : 0;
}

int64_t found_searched(const struct sb_tui *t)
{
    const struct found *f = &t->audit.found;
    return f->newest ? f->newest - f->oldest + 1 : 0;
}
