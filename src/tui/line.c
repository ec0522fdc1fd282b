/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of typed text. Only characters that the terminal shows as themselves may be typed or pasted into it, so what is
 * seen is what is sent. */
#include "state.h"

#include <signalbox/term/glyph.h>
#include <signalbox/term/vis.h>

#include <string.h>

void line_init(struct line *l)
{
    sb_str_init(&l->text);
    l->at = 0;
}

void line_release(struct line *l)
{
    sb_str_release(&l->text);
    l->at = 0;
}

void line_set(struct line *l, const char *text)
{
    sb_str_clear(&l->text);
    l->at = 0;
    if (text)
        line_paste(l, text, strlen(text));
}

static bool put(struct line *l, const char *bytes, size_t n)
{
    if (l->text.len + n > LINE_MAX_BYTES)
        return false;
    size_t tail = l->text.len - l->at;
    sb_str_add(&l->text, bytes, n);
    if (!sb_str_ok(&l->text)) {
        l->text.failed = false; /* what was there is there; this character is not */
        return false;
    }
    memmove(l->text.p + l->at + n, l->text.p + l->at, tail);
    memcpy(l->text.p + l->at, bytes, n);
    l->at += n;
    return true;
}

bool line_type(struct line *l, uint32_t point)
{
    int width;
    enum sb_glyph glyph = sb_glyph_of(point, &width);
    if (glyph == SB_GLYPH_CONTROL || glyph == SB_GLYPH_HIDDEN || (glyph == SB_GLYPH_MARK && l->at == 0))
        return false;
    char bytes[4];
    return put(l, bytes, sb_utf8_encode(point, bytes));
}

bool line_paste(struct line *l, const char *bytes, size_t n)
{
    bool whole = true, blank = false;
    for (size_t at = 0; at < n;) {
        uint32_t point;
        size_t len = sb_utf8_decode(bytes + at, n - at, &point);
        at += len ? len : 1;
        if (!len) {
            whole = false;
            continue;
        }
        bool white = point == '\n' || point == '\r' || point == '\t'; /* several lines become one */
        if (white && !blank)
            point = ' ';
        if (!(white && blank))
            whole &= line_type(l, point);
        blank = point == ' ';
    }
    return whole;
}

/* Length of the character before the cursor, 0 at the beginning. Marks go with their base. */
static size_t before(const struct line *l)
{
    size_t start = 0, next = 0;
    struct sb_clusters r;
    struct sb_cluster c;
    sb_clusters_init(&r, l->text.p, l->at, 0);
    while (sb_clusters_next(&r, &c)) {
        start = next;
        next = (size_t)(r.p - l->text.p);
    }
    return l->at - start;
}

static size_t after(const struct line *l)
{
    struct sb_clusters r;
    struct sb_cluster c;
    sb_clusters_init(&r, l->text.p + l->at, l->text.len - l->at, 0);
    return sb_clusters_next(&r, &c) ? (size_t)(r.p - (l->text.p + l->at)) : 0;
}

/* Takes n bytes before the cursor away. */
static void erase(struct line *l, size_t n)
{
    memmove(l->text.p + l->at - n, l->text.p + l->at, l->text.len - l->at);
    sb_str_truncate(&l->text, l->text.len - n);
    l->at -= n;
}

static size_t word_before(const struct line *l)
{
    size_t at = l->at;
    while (at > 0 && l->text.p[at - 1] == ' ')
        at--;
    while (at > 0 && l->text.p[at - 1] != ' ')
        at--;
    return l->at - at;
}

bool line_act(struct line *l, enum sb_action action)
{
    switch (action) {
    case SB_ACT_LINE_LEFT: l->at -= before(l); return true;
    case SB_ACT_LINE_RIGHT: l->at += after(l); return true;
    case SB_ACT_LINE_HOME: l->at = 0; return true;
    case SB_ACT_LINE_END: l->at = l->text.len; return true;
    case SB_ACT_LINE_ERASE: erase(l, before(l)); return true;
    case SB_ACT_LINE_ERASE_WORD: erase(l, word_before(l)); return true;
    case SB_ACT_LINE_DELETE: {
        size_t n = after(l);
        l->at += n;
        erase(l, n);
        return true;
    }
    case SB_ACT_LINE_CLEAR:
        sb_str_clear(&l->text);
        l->at = 0;
        return true;
    default:
        return false;
    }
}

void line_show(const struct line *l, struct sb_page *p, int room, bool ascii, int *cursor)
{
    /* skip characters from the left until the cursor is in view */
    char *head = sb_strdup_n(l->text.p, l->at);
    if (!head) {
        p->failed = true;
        return;
    }
    int width = sb_text_width(head, ascii);
    free(head);
    struct sb_clusters r;
    struct sb_cluster c;
    sb_clusters_init(&r, l->text.p, l->at, ascii ? SB_VIS_ASCII : 0);
    while (width >= room && sb_clusters_next(&r, &c))
        width -= c.width;
    *cursor = sb_page_column(p) + width;
    sb_page_field(p, SB_ROLE_INPUT, room, r.p);
}
