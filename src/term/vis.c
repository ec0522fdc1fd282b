/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/term/glyph.h>
#include <signalbox/term/vis.h>

#include <string.h>

static bool plain(char c)
{
    return c >= 0x20 && c < 0x7F;
}

void sb_vis(struct sb_str *out, const void *bytes, size_t n, unsigned flags)
{
    struct sb_clusters r;
    sb_clusters_init(&r, bytes, n, flags);
    while (r.p < r.end) {
        /* a run of printable ASCII goes as a whole, but for its last byte, which may carry marks */
        size_t run = 0;
        while (r.p + run + 1 < r.end && plain(r.p[run]) && plain(r.p[run + 1]))
            run++;
        if (run) {
            sb_str_add(out, r.p, run);
            r.p += run;
        }
        struct sb_cluster c;
        if (sb_clusters_next(&r, &c))
            sb_str_add(out, c.p, c.n);
    }
}

void sb_vis_text(struct sb_str *out, const char *text, unsigned flags)
{
    if (text)
        sb_vis(out, text, strlen(text), flags);
}
