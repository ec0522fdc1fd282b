/* SPDX-License-Identifier: Apache-2.0
 *
 * digest_table.c - the digest for people, within 80 columns.
 */
#include "digest.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/term/glyph.h>

#include <inttypes.h>

#define MAX_SHAPES 25
#define MAX_EVENTS 40
#define MAX_CLIENTS 8
#define WIDTH 80

/* ---- cells ---- */

/* Appends what may be shown of the text, in at most `columns`, padded with blanks to that many. */
static void left(struct sb_str *out, const char *raw, int columns)
{
    struct sb_clusters all, r;
    struct sb_cluster c;
    int used = 0, total = 0;
    sb_clusters_init(&all, raw, strlen(raw), 0);
    r = all;
    while (total <= columns && sb_clusters_next(&all, &c))
        total += c.width;
    int room = total > columns ? columns - 2 : columns;
    while (used < total && sb_clusters_next(&r, &c) && used + c.width <= room) {
        sb_str_add(out, c.p, c.n);
        used += c.width;
    }
    if (total > columns) {
        sb_str_adds(out, "..");
        used += 2;
    }
    for (; used < columns; used++)
        sb_str_addc(out, ' ');
}

static void right(struct sb_str *out, const char *plain, int columns)
{
    sb_str_addf(out, "%*s", columns, plain);
}

/* 27995 as 27,995. */
static const char *grouped(char out[32], uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, v);
    char *to = out;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

/* A duration in three digits or so: 254 ms, 12.3 s, 22.2 min, 6.1 h. */
static const char *span(char out[32], double ms)
{
    if (ms < 9.95)
        snprintf(out, 32, "%.1f ms", ms);
    else if (ms < 999.5)
        snprintf(out, 32, "%.0f ms", ms);
    else if (ms < 99950)
        snprintf(out, 32, "%.1f s", ms / 1000);
    else if (ms < 5997000)
        snprintf(out, 32, "%.1f min", ms / 60000);
    else
        snprintf(out, 32, "%.1f h", ms / 3600000);
    return out;
}

static const char *size(char out[32], uint64_t bytes)
{
    static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB"};
    double v = (double)bytes;
    size_t i = 0;
    while (v >= 999.5 && i + 1 < SB_COUNT(unit)) {
        v /= 1000;
        i++;
    }
    snprintf(out, 32, i ? "%.1f %s" : "%.0f %s", v, unit[i]);
    return out;
}

/* 2023-09-23 20:24:35 */
static const char *moment(char out[32], int64_t at_ms)
{
    char text[SB_TIME_LEN + 1];
    sb_time_format(text, at_ms);
    snprintf(out, 32, "%.10s %.8s", text, text + 11);
    return out;
}

/* Ends a line without the blanks at its end. */
static void end_line(struct sb_str *out)
{
    size_t n = out->len;
    while (n && out->p[n - 1] == ' ')
        n--;
    sb_str_truncate(out, n);
    sb_str_addc(out, '\n');
}

/* ---- sections ---- */

static void add_sources(struct sb_str *out, const struct sb_digest *d)
{
    char a[32], b[32];
    for (size_t i = 0; i < d->parts_n; i++) {
        const struct sb_digest_part *part = d->parts[i];
        if (!part->opened || part->kind == SB_INFILE_OTHER)
            continue;
        left(out, part->path, WIDTH);
        end_line(out);
        sb_str_addf(out, "  %s", sb_infile_kind_name(part->kind));
        if (part->version[0]) {
            sb_str_adds(out, " of MongoDB ");
            left(out, part->version, (int)strlen(part->version));
        }
        if (part->kind == SB_INFILE_FTDC)
            sb_str_addf(out, ", %s samples of up to %s metrics, ", grouped(a, part->samples), grouped(b, part->metrics));
        else
            sb_str_addf(out, ", %s %s, ", grouped(a, part->lines), part->kind == SB_INFILE_PROFILE_BSON ? "documents" : "lines");
        sb_str_adds(out, size(b, part->bytes));
        if (part->bad_lines)
            sb_str_addf(out, ", %s bad", grouped(a, part->bad_lines));
        end_line(out);
        if (part->from_ms != SB_NO_TIME) {
            sb_str_addf(out, "  %s to %s UTC", moment(a, part->from_ms), moment(b, part->to_ms));
            end_line(out);
        }
    }
}

static void add_ratio(struct sb_str *out, const struct sb_work *w)
{
    char text[32] = "-";
    const struct sb_work_sums *s = &w->sums;
    uint64_t useful = sb_work_used(w->shape, s); /* what the examined documents were for */
    if (s->docs_examined && useful)
        snprintf(text, sizeof text, s->docs_examined < 10 * useful ? "%.1f" : "%.0f", (double)s->docs_examined / (double)useful);
    else if (s->docs_examined)
        grouped(text, s->docs_examined);
    right(out, text, 8);
}

static void add_entry(struct sb_str *out, const struct sb_work *w)
{
    const struct sb_work_sums *s = &w->sums;
    char text[32];
    left(out, w->ns, 26);
    sb_str_addc(out, ' ');
    left(out, w->shape->op, 13);
    right(out, grouped(text, s->count), 8);
    right(out, span(text, (double)s->total_ms), 9);
    right(out, s->timed ? span(text, (double)s->total_ms / (double)s->timed) : "-", 8);
    right(out, s->timed ? span(text, (double)sb_work_quantile(w, 0.95)) : "-", 7);
    add_ratio(out, w);
    end_line(out);
    struct sb_str shape;
    sb_str_init(&shape);
    sb_str_adds(&shape, w->shape->unknown ? "(its filter was not logged)" : w->shape->text);
    if (w->shape->sort[0])
        sb_str_addf(&shape, " sort %s", w->shape->sort);
    if (w->shape->stages[0])
        sb_str_addf(&shape, " %s", w->shape->stages);
    if (w->shape->distinct[0])
        sb_str_addf(&shape, " of %s", w->shape->distinct);
    if (s->sorted)
        sb_str_adds(&shape, " (sorted in memory)");
    const char *plan = sb_digest_plan(w);
    if (shape.len || plan[0]) {
        sb_str_adds(out, "  ");
        left(out, shape.p, plan[0] ? 46 : 78);
        sb_str_adds(out, "  ");
        left(out, plan, 30);
        end_line(out);
    }
    sb_str_release(&shape);
}

static int add_shapes(struct sb_str *out, const struct sb_workload *work)
{
    char a[32], b[32], c[32];
    size_t n = sb_workload_size(work), shown = n < MAX_SHAPES ? n : MAX_SHAPES;
    struct sb_work_sums total = sb_workload_totals(work);
    const struct sb_work **ranked = calloc(n + 1, sizeof *ranked);
    if (!ranked)
        return -1;
    sb_workload_rank(work, ranked);
    sb_str_addf(out, "\n%s slow operation%s of %s shape%s, %s in all\n\n", grouped(a, total.count),
                total.count == 1 ? "" : "s", grouped(b, n), n == 1 ? "" : "s", span(c, (double)total.total_ms));
    if (n)
        sb_str_addf(out, "%-26s %-13s%8s%9s%8s%7s%8s\n", "NAMESPACE", "OP", "COUNT", "TOTAL", "MEAN", "P95", "DOC/HIT");
    for (size_t i = 0; i < shown; i++)
        add_entry(out, ranked[i]);
    if (sb_workload_other(work))
        sb_str_addf(out, "More shapes than are kept apart: %s operations are left together.\n",
                    grouped(a, sb_workload_other(work)->sums.count));
    if (n > shown)
        sb_str_addf(out, "%s more shapes: --json has them all.\n", grouped(a, n - shown));
    free(ranked);
    return 0;
}

static void add_events(struct sb_str *out, const struct sb_digest_events *events)
{
    char a[32];
    if (!events->n)
        return;
    size_t shown = events->n < MAX_EVENTS ? events->n : MAX_EVENTS;
    sb_str_adds(out, "\nEVENTS\n");
    for (size_t i = 0; i < shown; i++) {
        const struct sb_digest_event *e = &events->items[i];
        struct sb_str text;
        sb_str_init(&text);
        if (e->count > 1)
            sb_str_addf(&text, "%s x ", grouped(a, e->count));
        sb_str_adds(&text, e->message);
        sb_str_addf(out, "%s ", moment(a, e->at_ms));
        left(out, e->severity, 2);
        sb_str_addc(out, ' ');
        left(out, text.p, WIDTH - 23);
        end_line(out);
        sb_str_release(&text);
    }
    if (events->n > shown)
        sb_str_addf(out, "%s more events: --json has them all.\n", grouped(a, events->n - shown));
    if (events->left_out)
        sb_str_addf(out, "%s others were too many to be kept apart.\n", grouped(a, events->left_out));
}

static int by_count(const void *a, const void *b)
{
    const struct sb_share *x = *(const struct sb_share *const *)a, *y = *(const struct sb_share *const *)b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void add_connections(struct sb_str *out, const struct sb_digest_connections *c)
{
    char a[32], b[32];
    const struct sb_share *sorted[SB_DIGEST_MAX_CLIENTS];
    if (!c->opened && !c->closed && !c->clients.n)
        return;
    sb_str_addf(out, "\nCONNECTIONS\n%s opened, %s closed", grouped(a, c->opened), grouped(b, c->closed));
    if (c->peak != SB_ABSENT)
        sb_str_addf(out, ", %s open at most", grouped(a, (uint64_t)c->peak));
    sb_str_addc(out, '\n');
    for (size_t i = 0; i < c->clients.n; i++)
        sorted[i] = &c->clients.item[i];
    qsort(sorted, c->clients.n, sizeof *sorted, by_count);
    for (size_t i = 0; i < c->clients.n && i < MAX_CLIENTS; i++) {
        right(out, grouped(a, sorted[i]->count), 10);
        sb_str_adds(out, " by ");
        left(out, sorted[i]->name, WIDTH - 14);
        end_line(out);
    }
    if (c->clients.n > MAX_CLIENTS || c->clients.other)
        sb_str_addf(out, "       and %s%s more applications\n", c->clients.other ? "at least " : "",
                    grouped(a, (c->clients.n > MAX_CLIENTS ? c->clients.n - MAX_CLIENTS : 0) + (c->clients.other != 0)));
}

int sb_digest_table(const struct sb_digest *d, struct sb_err *err)
{
    struct sb_str out;
    sb_str_init(&out);
    add_sources(&out, d);
    int rc = add_shapes(&out, d->work);
    add_events(&out, &d->events);
    add_connections(&out, &d->connections);
    rc = sb_digest_advice_text(d, &out) || rc;
    if (rc || !sb_str_ok(&out))
        rc = sb_fail_nomem(err);
    else if (sb_print("%s", out.p))
        rc = sb_fail(err, SB_EIO, "the digest could not be written to standard output");
    sb_str_release(&out);
    return rc;
}
