/* SPDX-License-Identifier: Apache-2.0
 *
 * page.h - lines of sanitized, styled text: what a view prepares and a painter only copies.
 *
 * Text of any origin goes in; it passes the sanitizer there and then, and what the sanitizer had to escape gets the role
 * `escape`, so that a real U+202E and the letters "\u{202e}" do not look alike. What comes out is struct sb_safe. A page
 * has a width: wrapped text keeps to it; other text that does not fit is cut at the edge, with a mark, and the page
 * remembers that something was cut. Memory running out empties nothing and sets `failed`. Thread: one owner.
 */
#ifndef SIGNALBOX_TERM_PAGE_H
#define SIGNALBOX_TERM_PAGE_H

#include <signalbox/base/str.h>
#include <signalbox/term/cells.h>

#define SB_PAGE_MAX_LINES 20000
#define SB_PAGE_MAX_BYTES (8u << 20)

struct sb_page_span {
    size_t at, n; /* bytes of `text` */
    int width;
    uint8_t role;
};

struct sb_page_row {
    size_t span, spans;
    int width;
    int link; /* what a view wants to find again here; 0 nothing */
};

struct sb_page {
    int width;
    bool ascii;  /* the terminal shows nothing else */
    bool cut;    /* something did not fit */
    bool failed; /* out of memory */
    enum sb_role fill; /* of the blanks around the text */
    struct sb_str text;
    struct sb_page_span *span;
    size_t span_n, span_cap;
    struct sb_page_row *row;
    size_t row_n, row_cap;
};

void sb_page_init(struct sb_page *p);
void sb_page_release(struct sb_page *p);

/* Empties it; keeps the memory. */
void sb_page_start(struct sb_page *p, int width, bool ascii);

/* Begins a line. Everything below adds to the last line begun (and begins the first by itself). */
void sb_page_line(struct sb_page *p);
void sb_page_link(struct sb_page *p, int link);
int sb_page_column(const struct sb_page *p); /* where the next character goes */

/* Adds text on this line; what goes over the page's width is cut. NULL adds nothing. */
void sb_page_text(struct sb_page *p, enum sb_role role, const char *text);
void sb_page_textf(struct sb_page *p, enum sb_role role, const char *fmt, ...) SB_PRINTF(3, 4);

/* Blanks up to a column. */
void sb_page_tab(struct sb_page *p, int column);

/* Text in exactly `width` cells: filled up with blanks, or cut with a mark. A negative width sets it to the right. */
void sb_page_field(struct sb_page *p, enum sb_role role, int width, const char *text);
void sb_page_fieldf(struct sb_page *p, enum sb_role role, int width, const char *fmt, ...) SB_PRINTF(4, 5);

/* Text that ends at the page's right edge, if it fits behind what is there; else nothing. */
void sb_page_right(struct sb_page *p, enum sb_role role, const char *text);

/* Text from here on, wrapped at blanks (inside a word where that is longer than a line); further lines begin at column
 * `indent`. */
void sb_page_wrap(struct sb_page *p, enum sb_role role, int indent, const char *text);
void sb_page_wrapf(struct sb_page *p, enum sb_role role, int indent, const char *fmt, ...) SB_PRINTF(4, 5);

/* The same without losing or moving a character: for text that is approved as it stands. Breaks behind a comma, a colon
 * or an opening bracket where one is near. */
void sb_page_exact(struct sb_page *p, enum sb_role role, int indent, const char *text);

/* A bar of `width` cells of which `part` of `whole` are filled. */
void sb_page_bar(struct sb_page *p, int width, int64_t part, int64_t whole);

/* A column of one cell for each value, from the lowest for 0 to the highest for `most` and more. */
void sb_page_spark(struct sb_page *p, enum sb_role role, const int64_t *values, size_t n, int64_t most);

/* Our own line-drawing and marking glyphs; in ASCII where the terminal shows nothing else. */
enum sb_mark {
    SB_MARK_RULE, SB_MARK_HEAVY, SB_MARK_BAR, SB_MARK_TOP_LEFT, SB_MARK_TOP_RIGHT, SB_MARK_BOTTOM_LEFT, SB_MARK_BOTTOM_RIGHT, SB_MARK_CUT,
    SB_MARK_DOT, SB_MARK_UP, SB_MARK_DOWN, SB_MARK_ARROW, SB_MARK_FULL, SB_MARK_REST,
    SB_MARKS
};
struct sb_safe sb_mark(enum sb_mark mark, bool ascii);
void sb_page_mark(struct sb_page *p, enum sb_role role, enum sb_mark mark, int times);

struct sb_safe sb_page_safe(const struct sb_page *p, const struct sb_page_span *span);

/* Appends one line as text. */
void sb_page_row_text(const struct sb_page *p, size_t row, struct sb_str *out);

/* The first line from `from` on, going by `step` (1 or -1), that holds the text without regard to ASCII case; row_n when
 * there is none. */
size_t sb_page_find(const struct sb_page *p, size_t from, int step, const char *needle);

/* Paints lines from `top` into `where` (blanked first in the page's `fill`) and marks what is found of `needle` (NULL:
 * nothing). */
void sb_page_paint(struct sb_cells *c, struct sb_rect where, const struct sb_page *p, size_t top, const char *needle);

/* Cells the text would take. */
int sb_text_width(const char *text, bool ascii);

#endif
