/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the CSV reader, fed in pieces whose size the first byte says. Cells lie in their line, each ends with a NUL, places
 * only grow; the pieces make no difference; a number is finite. */
#include "fuzz.h"

#include <signalbox/formats/csv.h>

#include <math.h>

static struct sb_csv_row row;

static uint64_t look_at(uint64_t hash)
{
    size_t column = 0;
    check(row.n <= SB_CSV_MAX_CELLS);
    check((row.flaw == SB_CSV_WHOLE) == (row.flaw_column == 0));
    for (size_t i = 0; i < row.n; i++) {
        const struct sb_csv_cell *c = &row.cell[i];
        double v = 0;
        int64_t ms = 0;
        check(c->p[c->n] == '\0' && c->column > column && c->n <= SB_CSV_MAX_LINE);
        column = c->column;
        if (sb_csv_number(c, &v) == SB_CSV_NUMBER)
            check(isfinite(v));
        if (sb_csv_time(c, &ms) == 0)
            check(ms > -100000000000000000 && ms < 100000000000000000);
        for (size_t k = 0; k < c->n; k++)
            hash = (hash ^ (uint8_t)c->p[k]) * 1099511628211u;
        hash = (hash ^ c->column) * 1099511628211u;
    }
    return (hash ^ row.line ^ (uint64_t)row.flaw << 32) * 1099511628211u;
}

static uint64_t read_all(const char *p, size_t n, size_t piece)
{
    struct sb_csv *c = sb_csv_new();
    uint64_t hash = 14695981039346656037u;
    bool complete;
    check(c != NULL);
    for (size_t at = 0; at < n;) {
        size_t size = n - at < piece ? n - at : piece, took = sb_csv_feed(c, p + at, size, &row, &complete);
        check(took > 0 && took <= size);
        at += took;
        if (complete)
            hash = look_at(hash);
    }
    if (sb_csv_end(c, &row))
        hash = look_at(hash);
    sb_csv_free(c);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *p = (const char *)data + 1;
    check(read_all(p, size - 1, (size_t)data[0] + 1) == read_all(p, size - 1, size));
    return 0;
}
