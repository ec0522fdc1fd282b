/* SPDX-License-Identifier: Apache-2.0
 *
 * What of the ledger fits the filter. The console does not hold the ledger: it asks for page after page from the newest
 * entry on, keeps what fits and says how far it is. One page is on its way at a time, so a key is never behind more than
 * the matching of one; another filter begins anew and lets the late page pass. */
#include "state.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

static void release_rows(struct sb_audit_row *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sb_record_release(&sb_audit_row_schema, &row[i]);
}

void found_release(struct found *f)
{
    release_rows(f->row, f->n);
    free(f->row);
    *f = (struct found){.row = NULL};
}

void found_start(struct sb_tui *t)
{
    struct audit *a = &t->audit;
    found_release(&a->found);
    a->asked_void = a->asked && a->asked_found;
}

/* Takes the rows that fit (newest first), and puts them in front of what was found. */
void found_page(struct sb_tui *t, struct sb_audit_page *page)
{
    struct found *f = &t->audit.found;
    struct sb_audit_row keep[FOUND_PAGE];
    size_t n = 0;
    for (size_t i = 0; i < page->rows_n && n < FOUND_PAGE && f->n + n < FOUND_KEPT; i++) {
        struct sb_audit_row *row = &page->rows[i];
        if (f->newest && row->seq >= f->oldest)
            continue;
        if (!f->newest)
            f->newest = row->seq;
        f->oldest = row->seq;
        if (!filter_fits_entry(t, row))
            continue;
        keep[n++] = *row;
        memset(row, 0, sizeof *row);
    }
    f->full = f->n + n >= FOUND_KEPT;
    f->at_start = page->at_start && !f->full;
    if (SB_GROW(f->row, f->cap, f->n + n)) {
        release_rows(keep, n);
        f->full = true;
        say(t, true, "Out of memory: no further entries are looked for.");
        return;
    }
    memmove(f->row + n, f->row, f->n * sizeof f->row[0]);
    for (size_t i = 0; i < n; i++)
        f->row[n - 1 - i] = keep[i];
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
