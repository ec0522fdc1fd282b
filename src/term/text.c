/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/term/text.h>

void sb_cells_text(const struct sb_cells *c, struct sb_str *out)
{
    for (int y = 0; y < c->h; y++) {
        size_t end = out->len;
        for (int x = 0; x < c->w; x++) {
            const struct sb_cell *cell = sb_cell_at(c, x, y);
            sb_str_add(out, cell->text, cell->n);
            if (cell->n && !(cell->n == 1 && cell->text[0] == ' '))
                end = out->len;
        }
        sb_str_truncate(out, end);
        sb_str_addc(out, '\n');
    }
}

void sb_cells_roles(const struct sb_cells *c, struct sb_str *out)
{
    for (int y = 0; y < c->h; y++) {
        for (int x = 0; x < c->w; x++)
            sb_str_addc(out, sb_roles[sb_cell_at(c, x, y)->role].letter);
        sb_str_addc(out, '\n');
    }
}
