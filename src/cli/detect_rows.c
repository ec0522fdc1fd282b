/* SPDX-License-Identifier: Apache-2.0
 *
 * One row in, one row out. */
#include "detect.h"

#include <signalbox/base/clock.h>
#include <signalbox/term/vis.h>

#include <math.h>

/* A cell as it came; with what would drive a terminal or break the row made harmless. */
static void cell_again(struct sb_str *out, const struct sb_csv_cell *cell)
{
    bool plain = true;
    for (size_t i = 0; i < cell->n && plain; i++) {
        unsigned char c = (unsigned char)cell->p[i];
        plain = c >= 0x20 && c < 0x7f && c != '"' && c != ',';
    }
    if (plain) {
        sb_str_add(out, cell->p, cell->n);
        return;
    }
    struct sb_str shown;
    sb_str_init(&shown);
    sb_vis(&shown, cell->p, cell->n, 0);
    sb_str_addc(out, '"');
    for (size_t i = 0; i < shown.len; i++) {
        if (shown.p[i] == '"')
            sb_str_addc(out, '"');
        sb_str_addc(out, shown.p[i]);
    }
    sb_str_addc(out, '"');
    out->failed |= shown.failed;
    sb_str_release(&shown);
}

/* Six decimals, without a locale. */
static void score_digits(struct sb_str *out, double score)
{
    char digits[9];
    long v = lround(score * 1e6);
    digits[0] = (char)('0' + v / 1000000);
    digits[1] = '.';
    for (int i = 7; i > 1; i--, v /= 10)
        digits[i] = (char)('0' + v % 10);
    sb_str_add(out, digits, 8);
}

static void answer_json(struct sb_detect *d, uint64_t line, bool known, int64_t at_ms, double value, double score)
{
    char at[SB_TIME_LEN + 1];
    sb_str_addf(&d->out, "{\"line\":%llu,\"timestamp\":", (unsigned long long)line);
    if (known) {
        sb_time_format(at, at_ms);
        sb_str_addf(&d->out, "\"%s\"", at);
    } else {
        sb_str_adds(&d->out, "null");
    }
    if (isfinite(value))
        sb_str_addf(&d->out, ",\"value\":%.15g,\"anomaly_score\":", value);
    else
        sb_str_adds(&d->out, ",\"value\":null,\"anomaly_score\":");
    score_digits(&d->out, score);
    sb_str_adds(&d->out, "}\n");
}

static double value_of(struct sb_detect *d, const struct sb_csv_row *row)
{
    double value = NAN;
    if (row->n <= d->value_cell) {
        sb_detect_complain(d, row->line, row->n ? row->cell[row->n - 1].column : 1, "the row has no value");
        return NAN;
    }
    const struct sb_csv_cell *cell = &row->cell[d->value_cell];
    switch (sb_csv_number(cell, &value)) {
    case SB_CSV_NUMBER:
        return value;
    case SB_CSV_MISSING:
        sb_detect_complain(d, row->line, cell->column, cell->n ? "the value is missing (\"%.*s\")" : "the value is missing%.*s", (int)(cell->n < 40 ? cell->n : 40), cell->p);
        return NAN;
    case SB_CSV_TEXT:
        break;
    }
    sb_detect_complain(d, row->line, cell->column, "the value is not a number: \"%.*s\"", (int)(cell->n < 40 ? cell->n : 40), cell->p);
    return NAN;
}

void sb_detect_row(struct sb_detect *d, const struct sb_csv_row *row)
{
    static const struct sb_csv_cell nothing = {"", 0, 1};
    bool known;
    int64_t at_ms = sb_detect_time(d, row, &known);
    double value = value_of(d, row);
    if (row->n > 2)
        sb_detect_complain(d, row->line, row->cell[2].column, "the row has more than two cells; the rest is left out");
    d->rows++;
    double score = sb_streaming_take(d->series, at_ms, value, (int64_t)d->rows <= d->train).score;
    if (d->json) {
        answer_json(d, row->line, known, at_ms, value, score);
        return;
    }
    cell_again(&d->out, row->n > d->time_cell ? &row->cell[d->time_cell] : &nothing);
    sb_str_addc(&d->out, ',');
    cell_again(&d->out, row->n > d->value_cell ? &row->cell[d->value_cell] : &nothing);
    sb_str_addc(&d->out, ',');
    score_digits(&d->out, score);
    sb_str_addc(&d->out, '\n');
}
