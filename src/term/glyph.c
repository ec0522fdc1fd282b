/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/str.h>
#include <signalbox/term/glyph.h>
#include <signalbox/term/vis.h>

#include <locale.h>
#include <pthread.h>
#include <utf8proc.h>
#include <wchar.h>

/* wcwidth answers for the thread's locale; this one is made once and never changes. (locale_t)0: it could not be made,
 * and then nothing beyond ASCII agrees. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static locale_t utf8_locale;

static void make_locale(void)
{
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static int host_width(uint32_t point)
{
    pthread_once(&once, make_locale);
    if (!utf8_locale)
        return -1;
    locale_t before = uselocale(utf8_locale);
    int width = wcwidth((wchar_t)point);
    uselocale(before);
    return width;
}

/* Visible by the tables, and yet: blank (braille pattern blank, null notehead), or joined with a neighbour by some
 * terminals and not by others (regional indicators, emoji modifiers). */
static bool treacherous(uint32_t p)
{
    return p == 0x2800 || p == 0x1D159 || (p >= 0x1F1E6 && p <= 0x1F1FF) || (p >= 0x1F3FB && p <= 0x1F3FF);
}

enum sb_glyph sb_glyph_of(uint32_t point, int *width)
{
    *width = 0;
    if (point < 0x20 || point == 0x7F)
        return SB_GLYPH_CONTROL;
    if (point < 0x7F) {
        *width = 1;
        return SB_GLYPH_BASE;
    }
    if (point > 0x10FFFF)
        return SB_GLYPH_HIDDEN;
    const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)point);
    switch (property->category) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: /* every blank but the space itself only pretends to be one */
        return SB_GLYPH_HIDDEN;
    default:
        break;
    }
    int cells = utf8proc_charwidth((utf8proc_int32_t)point);
    if (property->ignorable || treacherous(point) || cells != host_width(point))
        return SB_GLYPH_HIDDEN;
    if (cells == 0)
        return property->category == UTF8PROC_CATEGORY_MN || property->category == UTF8PROC_CATEGORY_ME ? SB_GLYPH_MARK : SB_GLYPH_HIDDEN;
    *width = cells;
    return SB_GLYPH_BASE;
}

void sb_clusters_init(struct sb_clusters *r, const void *bytes, size_t n, unsigned flags)
{
    r->p = bytes;
    r->end = n ? r->p + n : r->p;
    r->flags = flags;
}

/* The n characters in r->escape stand for the `eaten` bytes. */
static bool escaped(struct sb_clusters *r, struct sb_cluster *c, size_t eaten, int n)
{
    *c = (struct sb_cluster){r->escape, (size_t)n, n, true};
    r->p += eaten;
    return true;
}

static bool control(struct sb_clusters *r, struct sb_cluster *c, uint32_t point)
{
    if (point == '\n' && (r->flags & SB_VIS_NEWLINE)) {
        *c = (struct sb_cluster){"\n", 1, 0, false};
        r->p++;
        return true;
    }
    if (point == '\t' && (r->flags & SB_VIS_TAB)) {
        *c = (struct sb_cluster){" ", 1, 1, false};
        r->p++;
        return true;
    }
    char first = point == '\n' || point == '\t' ? '\\' : '^';
    char second = point == '\n' ? 'n' : point == '\t' ? 't' : (char)(point ^ 0x40);
    return escaped(r, c, 1, snprintf(r->escape, sizeof r->escape, "%c%c", first, second));
}

bool sb_clusters_next(struct sb_clusters *r, struct sb_cluster *c)
{
    if (r->p >= r->end)
        return false;
    uint32_t point;
    size_t len = sb_utf8_decode(r->p, (size_t)(r->end - r->p), &point);
    if (!len)
        return escaped(r, c, 1, snprintf(r->escape, sizeof r->escape, "\\x%02x", (unsigned char)*r->p));
    int width = 0;
    switch (point > 0x7E && (r->flags & SB_VIS_ASCII) && point != 0x7F ? SB_GLYPH_HIDDEN : sb_glyph_of(point, &width)) {
    case SB_GLYPH_CONTROL:
        return control(r, c, point);
    case SB_GLYPH_MARK: /* here it has no base: it would sit on whatever was painted before */
    case SB_GLYPH_HIDDEN:
        return escaped(r, c, len, snprintf(r->escape, sizeof r->escape, "\\u{%x}", (unsigned)point));
    case SB_GLYPH_BASE:
        break;
    }
    *c = (struct sb_cluster){r->p, len, width, false};
    r->p += len;
    bool bare = r->flags & SB_VIS_ASCII;
    for (int marks = 0; !bare && marks < SB_MAX_MARKS && r->p < r->end && (unsigned char)*r->p >= 0x80; marks++) {
        len = sb_utf8_decode(r->p, (size_t)(r->end - r->p), &point);
        if (!len || sb_glyph_of(point, &width) != SB_GLYPH_MARK)
            break;
        c->n += len;
        r->p += len;
    }
    return true;
}
