/* SPDX-License-Identifier: Apache-2.0
 *
 * detect.c - `signalbox detect`: a CSV stream in, each row answered by how anomalous it is; or, of many columns, incidents.
 *
 * What was read is answered before more is read, so that whoever writes a row and waits has its answer, and a big file goes
 * through in big pieces. */
#include "detect.h"

#include <signalbox/cli/command.h>
#include <signalbox/cli/incident_report.h>

#include <errno.h>
#include <math.h>
#include <strings.h>
#include <unistd.h>

#define PIECE (64 << 10)
#define SAID_ONE_BY_ONE 20

void sb_detect_complain(struct sb_detect *d, uint64_t line, size_t column, const char *fmt, ...)
{
    if (d->bad++ >= SAID_ONE_BY_ONE)
        return;
    struct sb_err err = SB_ERR_INIT;
    char what[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    sb_fail(&err, SB_EINPUT, "standard input:%llu:%zu: %s", (unsigned long long)line, column, what);
    sb_complain(&err);
}

int64_t sb_detect_time(struct sb_detect *d, const struct sb_csv_row *row, bool *known)
{
    int64_t at_ms;
    *known = false;
    if (row->n <= d->time_cell) {
        sb_detect_complain(d, row->line, 1, "the row has no time");
        return d->at_ms;
    }
    const struct sb_csv_cell *cell = &row->cell[d->time_cell];
    if (sb_csv_time(cell, &at_ms)) {
        sb_detect_complain(d, row->line, cell->column, "not a time: \"%.*s\"", (int)(cell->n < 40 ? cell->n : 40), cell->p);
        return d->at_ms;
    }
    if (d->timed && at_ms <= d->at_ms)
        sb_detect_complain(d, row->line, cell->column, at_ms < d->at_ms ? "the time is before that of the last row" : "the time is that of the last row again");
    d->timed = *known = true;
    d->at_ms = at_ms;
    return at_ms;
}

/* ---- what the first row says about the rest ---- */

/* Names, not values: none of its cells is a number, nor its first one a time. */
static bool is_header(const struct sb_csv_row *row)
{
    double number;
    int64_t at_ms;
    for (size_t i = 0; i < row->n; i++)
        if (sb_csv_number(&row->cell[i], &number) == SB_CSV_NUMBER || (row->cell[i].n && sb_csv_time(&row->cell[i], &at_ms) == 0))
            return false;
    return row->cell[0].n > 0 && sb_csv_number(&row->cell[0], &number) == SB_CSV_TEXT;
}

static bool names_a_time(const struct sb_csv_cell *cell)
{
    static const char *const names[] = {"timestamp", "time", "date", "datetime", "date_time", "ts", "at"};
    for (size_t i = 0; i < SB_COUNT(names); i++)
        if (strlen(names[i]) == cell->n && strncasecmp(names[i], cell->p, cell->n) == 0)
            return true;
    return false;
}

static int begin_columns(struct sb_detect *d, const struct sb_csv_row *row, bool header, struct sb_err *err)
{
    d->as_columns = true;
    d->cells = row->n;
    d->values = calloc(row->n, sizeof *d->values);
    d->columns = sb_columns_new(err);
    if (!d->values || !d->columns)
        return sb_fail_nomem(err);
    if (!header)
        sb_detect_complain(d, row->line, 1, "%zu columns and no header that names them; they are called by their numbers", row->n);
    for (size_t i = 0; i < row->n; i++) {
        const struct sb_csv_cell *cell = &row->cell[i];
        if (i == d->time_cell)
            continue;
        char *name = header && cell->n ? sb_strdup_n(cell->p, cell->n) : sb_format("column %zu", i + 1);
        int rc = name ? sb_columns_add(d->columns, name, err) : sb_fail_nomem(err);
        free(name);
        if (rc)
            return -1;
    }
    return 0;
}

/* Returns 1 when the row was only names, 0 when it is to be answered, -1. */
static int begin(struct sb_detect *d, const struct sb_csv_row *row, struct sb_err *err)
{
    bool header = is_header(row);
    d->begun = true;
    for (size_t i = 0; header && i < row->n; i++)
        if (names_a_time(&row->cell[i])) {
            d->time_cell = i;
            break;
        }
    d->value_cell = d->time_cell == 0 ? 1 : 0;
    if (row->n > 2)
        return begin_columns(d, row, header, err) ? -1 : header;
    d->series = sb_streaming_new();
    if (!d->series)
        return sb_fail_nomem(err);
    if (header && !d->json)
        sb_str_adds(&d->out, "timestamp,value,anomaly_score\n");
    return header;
}

/* ---- rows of many columns ---- */

static int take_columns(struct sb_detect *d, const struct sb_csv_row *row, struct sb_err *err)
{
    bool known;
    int64_t at_ms = sb_detect_time(d, row, &known);
    size_t n = 0;
    for (size_t i = 0; i < d->cells; i++) {
        if (i == d->time_cell)
            continue;
        double *value = &d->values[n++];
        *value = NAN;
        if (i >= row->n) {
            sb_detect_complain(d, row->line, row->cell[row->n - 1].column, "the row has %zu cells, not %zu", row->n, d->cells);
            while (n < d->cells - 1)
                d->values[n++] = NAN;
            break;
        }
        const struct sb_csv_cell *cell = &row->cell[i];
        if (sb_csv_number(cell, value) != SB_CSV_NUMBER)
            sb_detect_complain(d, row->line, cell->column, cell->n ? "not a number: \"%.*s\"" : "the value is missing%.*s", (int)(cell->n < 40 ? cell->n : 40), cell->p);
    }
    if (row->n > d->cells)
        sb_detect_complain(d, row->line, row->cell[d->cells].column, "the row has %zu cells, not %zu; the rest is left out", row->n, d->cells);
    d->rows++;
    return sb_columns_row(d->columns, at_ms, d->values, n, (int64_t)d->rows <= d->train, err);
}

static int finish_columns(struct sb_detect *d, struct sb_err *err)
{
    size_t n;
    if (sb_columns_finish(d->columns, err))
        return -1;
    const struct sb_incident *found = sb_columns_incidents(d->columns, &n);
    if (d->json ? sb_incidents_print_json(found, n, err) : sb_incidents_print_text(found, n, err))
        return -1;
    if (sb_columns_left_out(d->columns))
        return sb_fail(err, SB_EINPUT, "%llu more incidents were found than are kept", (unsigned long long)sb_columns_left_out(d->columns));
    return 0;
}

/* ---- the stream ---- */

static int take(struct sb_detect *d, const struct sb_csv_row *row, struct sb_err *err)
{
    static const char *const flaws[] = {"", "the line is longer than 64 KiB; what is beyond is left out", "more than 1024 cells; the rest is left out",
                                        "a quote is not closed on its line", "text behind a closing quote; it is left out"};
    if (row->n == 0 && row->flaw == SB_CSV_WHOLE)
        return 0;
    if (row->flaw != SB_CSV_WHOLE)
        sb_detect_complain(d, row->line, row->flaw_column, "%s", flaws[row->flaw]);
    if (!d->begun) {
        int rc = begin(d, row, err);
        if (rc)
            return rc < 0 ? -1 : 0;
    }
    if (d->as_columns)
        return take_columns(d, row, err);
    sb_detect_row(d, row);
    return sb_str_ok(&d->out) ? 0 : sb_fail_nomem(err);
}

static int put(struct sb_detect *d, struct sb_err *err)
{
    if (d->out.len == 0)
        return 0;
    bool written = fwrite(d->out.p, 1, d->out.len, stdout) == d->out.len && fflush(stdout) == 0;
    int why = errno;
    sb_str_clear(&d->out);
    return written ? 0 : sb_fail_errno(err, why, "cannot write to standard output");
}

static int64_t read_piece(char *piece, struct sb_err *err)
{
    for (;;) {
        ssize_t n = read(STDIN_FILENO, piece, PIECE);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return sb_fail_errno(err, errno, "cannot read standard input");
    }
}

static int run(struct sb_detect *d, struct sb_csv *csv, char *piece, struct sb_csv_row *row, struct sb_err *err)
{
    bool complete;
    for (;;) {
        int64_t n = read_piece(piece, err);
        if (n <= 0) {
            if (n < 0)
                return -1;
            if (sb_csv_end(csv, row) && take(d, row, err))
                return -1;
            return put(d, err);
        }
        for (size_t at = 0; at < (size_t)n;) {
            at += sb_csv_feed(csv, piece + at, (size_t)n - at, row, &complete);
            if (complete && take(d, row, err))
                return -1;
        }
        if (put(d, err))
            return -1;
    }
}

int sb_cmd_detect(int argc, char **argv)
{
    struct sb_detect d = {.json = false};
    const char *train = NULL;
    const struct sb_option known[] = {{"--json", &d.json, NULL}, {"--train", NULL, &train}};
    int words = sb_options_read(argc, argv, known, SB_COUNT(known));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("detect reads standard input: signalbox detect <FILE");
    if (sb_option_number("detect", "--train", train, 0, INT64_MAX, &d.train))
        return 2;
    struct sb_err err = SB_ERR_INIT;
    int status = 0;
    sb_str_init(&d.out);
    struct sb_csv *csv = sb_csv_new();
    struct sb_csv_row *row = malloc(sizeof *row);
    char *piece = malloc(PIECE);
    int rc = csv && row && piece ? run(&d, csv, piece, row, &err) : sb_fail_nomem(&err);
    if (rc == 0 && d.as_columns)
        rc = finish_columns(&d, &err);
    if (rc)
        status = sb_complain(&err);
    else if (d.rows == 0)
        status = sb_usage_error("standard input has no row with a time and a value");
    else if (d.bad)
        status = 2;
    if (d.bad > SAID_ONE_BY_ONE)
        sb_usage_error("standard input: %llu more places were wrong", (unsigned long long)(d.bad - SAID_ONE_BY_ONE));
    free(piece);
    free(row);
    free(d.values);
    sb_csv_free(csv);
    sb_columns_free(d.columns);
    sb_streaming_free(d.series);
    sb_str_release(&d.out);
    return status;
}
