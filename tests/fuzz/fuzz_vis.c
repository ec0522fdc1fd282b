/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the sanitizer, through which all that came from outside goes to a screen. The first byte is the flags. What comes
 * out is strict UTF-8, holds nothing that moves a cursor, hides or turns text, at most SB_MAX_MARKS marks on a base, and
 * passes a second time unchanged. The same holds where it is taken cluster by cluster into a clipped row of cells. */
#include "fuzz.h"

#include <signalbox/term/glyph.h>
#include <signalbox/term/page.h>
#include <signalbox/term/vis.h>

/* Said without the tables of the sanitizer. */
static bool dangerous(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0x00, 0x1F}, {0x7F, 0x9F}, {0xAD, 0xAD}, {0x034F, 0x034F}, {0x061C, 0x061C}, {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x200B, 0x200F}, {0x2028, 0x202E},
        {0x2060, 0x206F}, {0x3164, 0x3164}, {0xE000, 0xF8FF}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0xE0000, 0x10FFFF},
    };
    for (size_t i = 0; i < SB_COUNT(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

static void check_shown(const struct sb_str *s, unsigned flags)
{
    int marks = 0;
    for (size_t i = 0; i < s->len;) {
        uint32_t c;
        int width;
        size_t n = sb_utf8_decode(s->p + i, s->len - i, &c);
        check(n > 0);
        i += n;
        if (c == '\n' && (flags & SB_VIS_NEWLINE)) {
            marks = 0;
            continue;
        }
        check(!dangerous(c));
        check(!(flags & SB_VIS_ASCII) || c < 0x7F);
        marks = sb_glyph_of(c, &width) == SB_GLYPH_MARK ? marks + 1 : 0;
        check(marks <= SB_MAX_MARKS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned flags = data[0] & (SB_VIS_NEWLINE | SB_VIS_TAB | SB_VIS_ASCII);
    struct sb_str once, twice;
    sb_str_init(&once);
    sb_str_init(&twice);
    sb_vis(&once, data + 1, size - 1, flags);
    check(sb_str_ok(&once));
    check_shown(&once, flags);
    sb_vis(&twice, once.p, once.len, flags);
    check(twice.len == once.len && memcmp(twice.p, once.p, once.len) == 0);
    struct sb_clusters r;
    struct sb_cluster c;
    sb_str_clear(&twice);
    sb_clusters_init(&r, data + 1, size - 1, flags);
    while (sb_clusters_next(&r, &c)) {
        check(c.n > 0 && c.width >= 0);
        check(c.escaped || c.n <= SB_CLUSTER_MAX);
        sb_str_add(&twice, c.p, c.n);
    }
    check(twice.len == once.len && memcmp(twice.p, once.p, once.len) == 0);
    sb_str_release(&once);
    sb_str_release(&twice);
    return 0;
}
