/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/term/svg.h>

#include <inttypes.h>
#include <string.h>

/* A cell in hundredths of a pixel, and where the text's base line lies in it. */
#define CELL_W 840
#define CELL_H 1700
#define BASE 1300
#define OWN_FG 0xd8d8d8 /* for the terminal's own colours, which nobody can know */
#define OWN_BG 0x101010

static uint32_t color(const struct sb_color *c, uint32_t own)
{
    return c->own ? own : c->rgb;
}

static void escape(struct sb_str *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *named = text[i] == '&' ? "&amp;" : text[i] == '<' ? "&lt;" : text[i] == '>' ? "&gt;" : NULL;
        if (named)
            sb_str_adds(out, named);
        else
            sb_str_addc(out, text[i]);
    }
}

static void pixels(struct sb_str *out, const char *name, int hundredths)
{
    sb_str_addf(out, " %s=\"%d.%02d\"", name, hundredths / 100, hundredths % 100);
}

/* Cells of one role from x on: as many as follow one another. */
static int run_of(const struct sb_cells *c, int x, int y)
{
    int n = 1;
    while (x + n < c->w && sb_cell_at(c, x + n, y)->role == sb_cell_at(c, x, y)->role)
        n++;
    return n;
}

static void run(const struct sb_cells *c, const struct sb_theme *theme, int x, int y, int n, struct sb_str *out)
{
    const struct sb_style *s = &theme->style[sb_cell_at(c, x, y)->role];
    uint32_t fg = color(&s->fg, OWN_FG), bg = color(&s->bg, OWN_BG);
    if (s->attrs & SB_ATTR_REVERSE) {
        uint32_t keep = fg;
        fg = bg;
        bg = keep;
    }
    sb_str_adds(out, "<rect");
    pixels(out, "x", x * CELL_W);
    pixels(out, "y", y * CELL_H);
    pixels(out, "width", n * CELL_W);
    pixels(out, "height", CELL_H);
    sb_str_addf(out, " fill=\"#%06" PRIx32 "\"/>\n<text xml:space=\"preserve\"", bg);
    pixels(out, "x", x * CELL_W);
    pixels(out, "y", y * CELL_H + BASE);
    pixels(out, "textLength", n * CELL_W);
    sb_str_addf(out, " lengthAdjust=\"spacingAndGlyphs\" fill=\"#%06" PRIx32 "\"%s%s%s>", fg, s->attrs & SB_ATTR_BOLD ? " font-weight=\"bold\"" : "",
                s->attrs & SB_ATTR_ITALIC ? " font-style=\"italic\"" : "", s->attrs & SB_ATTR_UNDERLINE ? " text-decoration=\"underline\"" : "");
    for (int i = 0; i < n; i++)
        escape(out, sb_cell_at(c, x + i, y)->text, sb_cell_at(c, x + i, y)->n);
    sb_str_adds(out, "</text>\n");
}

void sb_cells_svg(const struct sb_cells *c, const struct sb_theme *theme, struct sb_str *out)
{
    sb_str_adds(out, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
    pixels(out, "width", c->w * CELL_W);
    pixels(out, "height", c->h * CELL_H);
    sb_str_adds(out, " font-family=\"monospace\" font-size=\"14\">\n");
    for (int y = 0; y < c->h; y++)
        for (int x = 0; x < c->w;) {
            int n = run_of(c, x, y);
            run(c, theme, x, y, n, out);
            x += n;
        }
    sb_str_adds(out, "</svg>\n");
}
