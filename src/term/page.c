/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/term/page.h>
#include <signalbox/term/vis.h>

#include <stdlib.h>
#include <string.h>

void sb_page_init(struct sb_page *p)
{
    memset(p, 0, sizeof *p);
    sb_str_init(&p->text);
}

void sb_page_release(struct sb_page *p)
{
    sb_str_release(&p->text);
    free(p->span);
    free(p->row);
    sb_page_init(p);
}

void sb_page_start(struct sb_page *p, int width, bool ascii)
{
    p->width = width > 0 ? width : 0;
    p->ascii = ascii;
    p->cut = p->failed = false;
    p->fill = SB_ROLE_TEXT;
    sb_str_clear(&p->text);
    p->span_n = p->row_n = 0;
}

static unsigned flags(const struct sb_page *p)
{
    return p->ascii ? SB_VIS_ASCII : 0;
}

void sb_page_line(struct sb_page *p)
{
    if (p->row_n == SB_PAGE_MAX_LINES) {
        p->cut = true;
        return;
    }
    if (SB_GROW(p->row, p->row_cap, p->row_n + 1)) {
        p->failed = true;
        return;
    }
    p->row[p->row_n++] = (struct sb_page_row){p->span_n, 0, 0, 0};
}

/* The line being written, NULL when there can be none. */
static struct sb_page_row *current(struct sb_page *p)
{
    if (p->row_n == 0)
        sb_page_line(p);
    return p->row_n && !p->failed ? &p->row[p->row_n - 1] : NULL;
}

void sb_page_link(struct sb_page *p, int link)
{
    struct sb_page_row *row = current(p);
    if (row)
        row->link = link;
}

int sb_page_column(const struct sb_page *p)
{
    return p->row_n ? p->row[p->row_n - 1].width : 0;
}

/* Appends sanitized bytes to the current line without looking at the page's width. */
static void add(struct sb_page *p, enum sb_role role, const char *bytes, size_t n, int width)
{
    struct sb_page_row *row = current(p);
    if (!row)
        return;
    if (p->text.len + n > SB_PAGE_MAX_BYTES || (p->row_n == SB_PAGE_MAX_LINES && p->cut)) {
        p->cut = true;
        return;
    }
    struct sb_page_span *last = row->spans ? &p->span[p->span_n - 1] : NULL;
    if (!last || last->role != role) {
        if (SB_GROW(p->span, p->span_cap, p->span_n + 1)) {
            p->failed = true;
            return;
        }
        last = &p->span[p->span_n++];
        *last = (struct sb_page_span){p->text.len, 0, 0, (uint8_t)role};
        row->spans++;
    }
    sb_str_add(&p->text, bytes, n);
    if (!sb_str_ok(&p->text)) {
        p->failed = true;
        return;
    }
    last->n += n;
    last->width += width;
    row->width += width;
}

static void add_cluster(struct sb_page *p, enum sb_role role, const struct sb_cluster *c)
{
    add(p, c->escaped ? SB_ROLE_ESCAPE : role, c->p, c->n, c->width);
}

static void blanks(struct sb_page *p, enum sb_role role, int n)
{
    for (; n > 0; n--)
        add(p, role, " ", 1, 1);
}

/* Takes the last `cells` or more cells of the line back, whole clusters only. */
static void take_back(struct sb_page *p, int cells)
{
    struct sb_page_row *row = current(p);
    while (row && cells > 0 && row->spans) {
        struct sb_page_span *last = &p->span[p->span_n - 1];
        struct sb_clusters r;
        struct sb_cluster c = {0}, end = {0};
        sb_clusters_init(&r, p->text.p + last->at, last->n, 0);
        while (sb_clusters_next(&r, &c))
            end = c;
        last->n -= end.n;
        last->width -= end.width;
        row->width -= end.width;
        cells -= end.width;
        p->text.len -= end.n;
        if (last->n == 0) {
            p->span_n--;
            row->spans--;
        }
    }
}

static void cut_here(struct sb_page *p, int limit)
{
    p->cut = true;
    int over = sb_page_column(p) + 1 - limit;
    if (limit <= 0)
        return;
    if (over > 0)
        take_back(p, over);
    struct sb_safe mark = sb_mark(SB_MARK_CUT, p->ascii);
    add(p, SB_ROLE_DIM, mark.p, mark.n, 1);
}

/* Adds as much as fits before column `limit`; what does not fit is marked. */
static void add_upto(struct sb_page *p, enum sb_role role, const char *text, int limit)
{
    if (!text)
        return;
    struct sb_clusters r;
    struct sb_cluster c;
    sb_clusters_init(&r, text, strlen(text), flags(p));
    while (sb_clusters_next(&r, &c)) {
        if (sb_page_column(p) + c.width > limit) {
            cut_here(p, limit);
            return;
        }
        add_cluster(p, role, &c);
    }
}

void sb_page_text(struct sb_page *p, enum sb_role role, const char *text)
{
    add_upto(p, role, text, p->width);
}

/* Formats into a heap string and hands it on. */
#define FORMATTED(p, fmt, call)                     \
    do {                                            \
        struct sb_str text;                         \
        sb_str_init(&text);                         \
        va_list ap;                                 \
        va_start(ap, fmt);                          \
        sb_str_vaddf(&text, fmt, ap);               \
        va_end(ap);                                 \
        if (sb_str_ok(&text))                       \
            call;                                   \
        else                                        \
            (p)->failed = true;                     \
        sb_str_release(&text);                      \
    } while (0)

void sb_page_textf(struct sb_page *p, enum sb_role role, const char *fmt, ...)
{
    FORMATTED(p, fmt, sb_page_text(p, role, text.p));
}

void sb_page_tab(struct sb_page *p, int column)
{
    if (column > p->width)
        column = p->width;
    blanks(p, p->fill, column - sb_page_column(p));
}

int sb_text_width(const char *text, bool ascii)
{
    int width = 0;
    struct sb_clusters r;
    struct sb_cluster c;
    sb_clusters_init(&r, text ? text : "", text ? strlen(text) : 0, ascii ? SB_VIS_ASCII : 0);
    while (sb_clusters_next(&r, &c) && width < SB_CELLS_MAX_SIDE * SB_CELLS_MAX_SIDE)
        width += c.width;
    return width;
}

void sb_page_field(struct sb_page *p, enum sb_role role, int width, const char *text)
{
    int cells = width < 0 ? -width : width;
    int end = sb_page_column(p) + cells;
    if (end > p->width)
        end = p->width;
    if (width < 0)
        blanks(p, role, end - sb_page_column(p) - sb_text_width(text, p->ascii));
    add_upto(p, role, text, end);
    blanks(p, role, end - sb_page_column(p));
}

void sb_page_fieldf(struct sb_page *p, enum sb_role role, int width, const char *fmt, ...)
{
    FORMATTED(p, fmt, sb_page_field(p, role, width, text.p));
}

void sb_page_right(struct sb_page *p, enum sb_role role, const char *text)
{
    int width = sb_text_width(text, p->ascii);
    if (sb_page_column(p) + width > p->width)
        return;
    blanks(p, role, p->width - width - sb_page_column(p));
    add_upto(p, role, text, p->width);
}

/* Begins a line that continues the one before. */
static void continue_line(struct sb_page *p, int indent)
{
    sb_page_line(p);
    blanks(p, p->fill, indent < p->width - 1 ? indent : 0);
}

/* Cells of the word that begins at r, counted only until it is known to be wider than `enough`. */
static int word_width(struct sb_clusters r, int enough)
{
    int width = 0;
    struct sb_cluster c;
    while (width <= enough && sb_clusters_next(&r, &c) && !(c.n == 1 && c.p[0] == ' '))
        width += c.width;
    return width;
}

/* Adds a cluster, on a further line when it does not fit; an escape may be broken between its characters. False when a
 * whole line has no room for it. */
static bool add_wrapped(struct sb_page *p, enum sb_role role, int indent, const struct sb_cluster *c)
{
    size_t pieces = c->escaped ? c->n : 1;
    struct sb_cluster piece = *c;
    for (size_t i = 0; i < pieces; i++) {
        if (c->escaped)
            piece = (struct sb_cluster){c->p + i, 1, 1, true};
        if (sb_page_column(p) + piece.width > p->width)
            continue_line(p, indent);
        if (sb_page_column(p) + piece.width > p->width) {
            p->cut = true;
            return false;
        }
        add_cluster(p, role, &piece);
    }
    return true;
}

void sb_page_wrap(struct sb_page *p, enum sb_role role, int indent, const char *text)
{
    if (!text || p->width <= 0)
        return;
    struct sb_clusters r;
    struct sb_cluster c;
    sb_clusters_init(&r, text, strlen(text), flags(p));
    int room = p->width - (indent < p->width - 1 ? indent : 0); /* of a whole line */
    bool word_begins = true, fresh = false;                     /* fresh: a further line with nothing on it yet */
    while (r.p < r.end && !p->failed) {
        if (word_begins && !fresh && sb_page_column(p) > 0) {
            int width = word_width(r, p->width);
            /* a word longer than a whole line is broken anyway: it may as well begin here */
            if (sb_page_column(p) + width > p->width && width <= room) {
                continue_line(p, indent);
                fresh = true;
            }
        }
        if (!sb_clusters_next(&r, &c))
            break;
        word_begins = c.n == 1 && c.p[0] == ' ';
        if (word_begins && (fresh || sb_page_column(p) >= p->width)) /* a break stands for the blank */
            continue;
        if (!add_wrapped(p, role, indent, &c))
            return;
        fresh = false;
    }
}

void sb_page_wrapf(struct sb_page *p, enum sb_role role, int indent, const char *fmt, ...)
{
    FORMATTED(p, fmt, sb_page_wrap(p, role, indent, text.p));
}

/* How well a line may be broken behind this cluster: 2 comma or blank, 1 colon or opening bracket, 0 not well. */
static int break_quality(const struct sb_cluster *c)
{
    return c->n != 1 ? 0 : c->p[0] == ',' || c->p[0] == ' ' ? 2 : memchr(":{[", c->p[0], 3) ? 1 : 0;
}

void sb_page_exact(struct sb_page *p, enum sb_role role, int indent, const char *text)
{
    if (!text || p->width <= 0)
        return;
    struct sb_clusters r, good;
    struct sb_cluster c;
    sb_clusters_init(&r, text, strlen(text), flags(p));
    /* the best break of this line, and where the text went on: behind a comma in the second half, else in the last third */
    int good_column = -1, good_quality = 0;
    while (!p->failed && sb_clusters_next(&r, &c)) {
        if (sb_page_column(p) + c.width > p->width) {
            if (p->row_n == SB_PAGE_MAX_LINES) {
                p->cut = true;
                return;
            }
            if (good_column >= 0) {
                take_back(p, sb_page_column(p) - good_column);
                r = good;
                good_column = -1;
                continue_line(p, indent);
                continue;
            }
            if (!c.escaped)
                continue_line(p, indent);
        }
        if (!add_wrapped(p, role, indent, &c))
            return;
        if (sb_page_column(p) < good_column)
            good_column = -1; /* that was the line before */
        int quality = break_quality(&c);
        if (quality && (good_column < 0 || quality >= good_quality) && sb_page_column(p) > p->width - p->width / (quality == 2 ? 2 : 3)) {
            good = r;
            good_column = sb_page_column(p);
            good_quality = quality;
        }
    }
}

void sb_page_bar(struct sb_page *p, int width, int64_t part, int64_t whole)
{
    for (; whole > INT32_MAX; whole /= 2)
        part /= 2;
    int64_t filled = whole <= 0 || part <= 0 ? 0 : part >= whole ? width : part * width / whole;
    sb_page_mark(p, SB_ROLE_BAR, SB_MARK_FULL, (int)filled);
    sb_page_mark(p, SB_ROLE_BAR_REST, SB_MARK_REST, width - (int)filled);
}

struct sb_safe sb_mark(enum sb_mark mark, bool ascii)
{
    static const struct {
        const char *ascii, *utf8;
    } marks[SB_MARKS] = {
        [SB_MARK_RULE] = {"-", "\xE2\x94\x80"}, [SB_MARK_HEAVY] = {"=", "\xE2\x95\x90"}, [SB_MARK_TOP_LEFT] = {"+", "\xE2\x94\x8C"},
        [SB_MARK_TOP_RIGHT] = {"+", "\xE2\x94\x90"}, [SB_MARK_BOTTOM_LEFT] = {"+", "\xE2\x94\x94"},
        [SB_MARK_BOTTOM_RIGHT] = {"+", "\xE2\x94\x98"},
        [SB_MARK_BAR] = {"|", "\xE2\x94\x82"}, [SB_MARK_CUT] = {"~", "\xE2\x80\xA6"},
        [SB_MARK_DOT] = {"*", "\xE2\x80\xA2"}, [SB_MARK_UP] = {"^", "\xE2\x86\x91"}, [SB_MARK_DOWN] = {"v", "\xE2\x86\x93"},
        [SB_MARK_ARROW] = {">", "\xE2\x86\x92"}, [SB_MARK_FULL] = {"#", "\xE2\x96\x88"}, [SB_MARK_REST] = {".", "\xE2\x96\x91"},
    };
    const char *text = ascii ? marks[mark].ascii : marks[mark].utf8;
    return (struct sb_safe){text, strlen(text), 1};
}

void sb_page_mark(struct sb_page *p, enum sb_role role, enum sb_mark mark, int times)
{
    struct sb_safe one = sb_mark(mark, p->ascii);
    for (; times > 0 && sb_page_column(p) < p->width; times--)
        add(p, role, one.p, one.n, 1);
}

struct sb_safe sb_page_safe(const struct sb_page *p, const struct sb_page_span *span)
{
    return (struct sb_safe){p->text.p + span->at, span->n, span->width};
}

void sb_page_row_text(const struct sb_page *p, size_t row, struct sb_str *out)
{
    if (row >= p->row_n)
        return;
    for (size_t i = 0; i < p->row[row].spans; i++) {
        const struct sb_page_span *span = &p->span[p->row[row].span + i];
        sb_str_add(out, p->text.p + span->at, span->n);
    }
}
