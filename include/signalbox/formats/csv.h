/* SPDX-License-Identifier: Apache-2.0
 *
 * csv.h - comma-separated values as they come through a pipe: bytes in, rows of cells out, each with its place.
 *
 * A row is a line (LF or CRLF); a cell may stand in quotes, in which "" is a quote and a comma is a comma. A line end within
 * quotes ends the row all the same and is flagged: whoever must answer each row at once cannot wait for a quote that never
 * closes. A byte order mark at the very beginning is passed over. Bounds: lines of SB_CSV_MAX_LINE bytes, of which the rest is
 * passed over and flagged, and SB_CSV_MAX_CELLS cells. Memory: one line. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_CSV_H
#define SIGNALBOX_FORMATS_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_CSV_MAX_LINE ((size_t)64 << 10)
#define SB_CSV_MAX_CELLS 1024

struct sb_csv_cell {
    const char *p; /* without quotes; n bytes, which may be any, and a NUL behind them */
    size_t n;
    size_t column; /* of its first byte in the line, from 1 */
};

enum sb_csv_flaw {
    SB_CSV_WHOLE,
    SB_CSV_TOO_LONG,     /* the cells are those of its beginning */
    SB_CSV_TOO_MANY,     /* more cells than SB_CSV_MAX_CELLS: the rest is left out */
    SB_CSV_OPEN_QUOTE,   /* a quote is not closed on the line */
    SB_CSV_AFTER_QUOTE,  /* text between a closing quote and the comma: it is left out */
};

struct sb_csv_row {
    uint64_t line; /* from 1 */
    struct sb_csv_cell cell[SB_CSV_MAX_CELLS];
    size_t n;      /* 0: an empty line */
    enum sb_csv_flaw flaw;
    size_t flaw_column;
};

struct sb_csv;

struct sb_csv *sb_csv_new(void); /* NULL out of memory */
void sb_csv_free(struct sb_csv *c);

/* Takes the bytes up to the first line end among them, or all; returns how many. *row is filled and *complete set when a row
 * has ended. The cells are valid until the next call. */
size_t sb_csv_feed(struct sb_csv *c, const char *bytes, size_t n, struct sb_csv_row *row, bool *complete);

/* What stands behind the last line end: true when there is a row. */
bool sb_csv_end(struct sb_csv *c, struct sb_csv_row *row);

enum sb_csv_value { SB_CSV_NUMBER, SB_CSV_MISSING, SB_CSV_TEXT };

/* A finite decimal number, blanks around it aside. MISSING: nothing, or a word for it (nan, inf, null, na, none, -). */
enum sb_csv_value sb_csv_number(const struct sb_csv_cell *cell, double *out);

/* A time in ms since 1970: 2026-11-23, with T or a blank 09:05 or 09:05:10.707, with a zone or without (then UTC); or a
 * number of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by its size. 0 or -1. */
int sb_csv_time(const struct sb_csv_cell *cell, int64_t *ms);

#endif
