/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/csv.h>

#include <stdlib.h>
#include <string.h>

struct sb_csv {
    char line[SB_CSV_MAX_LINE + 1];
    size_t n;
    bool too_long;
    uint64_t number;
};

struct sb_csv *sb_csv_new(void)
{
    return calloc(1, sizeof(struct sb_csv));
}

void sb_csv_free(struct sb_csv *c)
{
    free(c);
}

static void flaw(struct sb_csv_row *row, enum sb_csv_flaw what, size_t column)
{
    if (row->flaw != SB_CSV_WHOLE)
        return;
    row->flaw = what;
    row->flaw_column = column;
}

/* Takes a quoted cell whose opening quote is at `at`; writes it without quotes over itself and returns where it ended. */
static size_t quoted(char *line, size_t at, size_t n, struct sb_csv_row *row, struct sb_csv_cell *cell)
{
    size_t from = at++, to = from;
    cell->p = line + from;
    for (;;) {
        if (at == n) {
            flaw(row, SB_CSV_OPEN_QUOTE, from + 1);
            break;
        }
        if (line[at] == '"') {
            if (at + 1 < n && line[at + 1] == '"') {
                at++;
            } else {
                at++;
                break;
            }
        }
        line[to++] = line[at++];
    }
    cell->n = to - from;
    if (at < n && line[at] != ',') {
        flaw(row, SB_CSV_AFTER_QUOTE, at + 1);
        while (at < n && line[at] != ',')
            at++;
    }
    line[to] = '\0'; /* at least the closing quote, or the end of the line, is there */
    return at;
}

static void split(char *line, size_t n, size_t begin, struct sb_csv_row *row)
{
    row->n = 0;
    if (begin == n)
        return;
    for (size_t at = begin;;) {
        if (row->n == SB_CSV_MAX_CELLS) {
            flaw(row, SB_CSV_TOO_MANY, at + 1);
            return;
        }
        struct sb_csv_cell *cell = &row->cell[row->n++];
        cell->column = at + 1;
        if (at < n && line[at] == '"') {
            at = quoted(line, at, n, row, cell);
        } else {
            const char *comma = memchr(line + at, ',', n - at);
            size_t end = comma ? (size_t)(comma - line) : n;
            cell->p = line + at;
            cell->n = end - at;
            at = end;
        }
        bool more = at < n;
        line[at] = '\0'; /* the comma, or the place behind the last byte */
        if (!more)
            return;
        at++;
    }
}

static void complete_row(struct sb_csv *c, struct sb_csv_row *row)
{
    row->line = ++c->number;
    row->flaw = SB_CSV_WHOLE;
    row->flaw_column = 0;
    if (c->too_long)
        flaw(row, SB_CSV_TOO_LONG, SB_CSV_MAX_LINE + 1);
    else if (c->n > 0 && c->line[c->n - 1] == '\r')
        c->n--;
    bool mark = c->number == 1 && c->n >= 3 && memcmp(c->line, "\xef\xbb\xbf", 3) == 0;
    split(c->line, c->n, mark ? 3 : 0, row);
    c->n = 0;
    c->too_long = false;
}

size_t sb_csv_feed(struct sb_csv *c, const char *bytes, size_t n, struct sb_csv_row *row, bool *complete)
{
    *complete = false;
    if (n == 0)
        return 0;
    const char *end = memchr(bytes, '\n', n);
    size_t take = end ? (size_t)(end - bytes) : n, room = SB_CSV_MAX_LINE - c->n, copy = take < room ? take : room;
    memcpy(c->line + c->n, bytes, copy);
    c->n += copy;
    c->too_long |= copy < take;
    if (!end)
        return n;
    complete_row(c, row);
    *complete = true;
    return take + 1;
}

bool sb_csv_end(struct sb_csv *c, struct sb_csv_row *row)
{
    if (c->n == 0 && !c->too_long)
        return false;
    complete_row(c, row);
    return true;
}
