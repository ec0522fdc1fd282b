/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of `signalbox detect` know of each other. */
#ifndef SIGNALBOX_CLI_DETECT_H
#define SIGNALBOX_CLI_DETECT_H

#include <signalbox/agents/columns.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/csv.h>
#include <signalbox/telemetry/streaming.h>

struct sb_detect {
    bool json;
    int64_t train;      /* rows that are only learned from */
    uint64_t rows;      /* with values, so far */
    uint64_t bad;       /* places that were wrong */
    bool begun;         /* the first row was seen: what follows is known */
    bool as_columns;
    size_t time_cell, value_cell;
    bool timed;         /* a time was read */
    int64_t at_ms;      /* the last one */
    struct sb_str out;  /* not yet written */
    struct sb_streaming *series;
    struct sb_columns *columns;
    size_t cells;       /* columns: in a row, the time among them */
    double *values;
};

/* The place and what is wrong there, on stderr; only the first ones are said one by one. */
void sb_detect_complain(struct sb_detect *d, uint64_t line, size_t column, const char *fmt, ...) SB_PRINTF(4, 5);

/* The time of a row; one that cannot be read is the last one. */
int64_t sb_detect_time(struct sb_detect *d, const struct sb_csv_row *row, bool *known);

/* detect_rows.c: answers a row of two cells. */
void sb_detect_row(struct sb_detect *d, const struct sb_csv_row *row);

#endif
