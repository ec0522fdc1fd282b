/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages on cells, and what is found on a page. */
#include <signalbox/term/page.h>

#include <string.h>

/* Offset of needle in text at or behind from, without regard to ASCII case; SIZE_MAX when it is not there. */
static size_t find(const struct sb_str *text, size_t from, const char *needle)
{
    const char *hit = from <= text->len && needle[0] ? strcasestr(text->p + from, needle) : NULL;
    return hit ? (size_t)(hit - text->p) : SIZE_MAX;
}

size_t sb_page_find(const struct sb_page *p, size_t from, int step, const char *needle)
{
    struct sb_str text;
    sb_str_init(&text);
    size_t found = p->row_n;
    for (size_t row = from; row < p->row_n; row += (size_t)step) { /* below 0 it wraps around and the loop ends */
        sb_str_clear(&text);
        sb_page_row_text(p, row, &text);
        if (find(&text, 0, needle) != SIZE_MAX) {
            found = row;
            break;
        }
    }
    sb_str_release(&text);
    return found;
}

/* Cells of text that passed the sanitizer. */
static int cells_of(const char *text, size_t n)
{
    int width = 0;
    struct sb_clusters r;
    struct sb_cluster c;
    sb_clusters_init(&r, text, n, 0);
    while (sb_clusters_next(&r, &c))
        width += c.width;
    return width;
}

/* Gives the matches of one painted line the role `match`. */
static void paint_matches(struct sb_cells *c, struct sb_rect where, const struct sb_page *p, size_t row, int y, const char *needle)
{
    struct sb_str text;
    sb_str_init(&text);
    sb_page_row_text(p, row, &text);
    size_t len = strlen(needle);
    for (size_t hit = find(&text, 0, needle); hit != SIZE_MAX; hit = find(&text, hit + len, needle))
        sb_cells_tint(c, sb_rect_clip((struct sb_rect){where.x + cells_of(text.p, hit), y, cells_of(text.p + hit, len), 1}, where), SB_ROLE_MATCH);
    sb_str_release(&text);
}

void sb_page_paint(struct sb_cells *c, struct sb_rect where, const struct sb_page *p, size_t top, const char *needle)
{
    sb_cells_fill(c, where, p->fill);
    for (int line = 0; line < where.h && top + (size_t)line < p->row_n; line++) {
        const struct sb_page_row *row = &p->row[top + (size_t)line];
        int x = where.x;
        for (size_t i = 0; i < row->spans; i++) {
            const struct sb_page_span *span = &p->span[row->span + i];
            x = sb_cells_put(c, where, x, where.y + line, sb_page_safe(p, span), (enum sb_role)span->role);
        }
        if (needle && needle[0])
            paint_matches(c, where, p, top + (size_t)line, where.y + line, needle);
    }
}
