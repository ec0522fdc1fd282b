/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/term/cells.h>

#include <stdlib.h>
#include <string.h>

void sb_cells_init(struct sb_cells *c)
{
    *c = (struct sb_cells){0, 0, NULL};
}

void sb_cells_release(struct sb_cells *c)
{
    free(c->cell);
    sb_cells_init(c);
}

static int clamp(int v, int most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

static struct sb_rect whole(const struct sb_cells *c)
{
    return (struct sb_rect){0, 0, c->w, c->h};
}

static struct sb_cell *at(struct sb_cells *c, int x, int y)
{
    return &c->cell[(size_t)y * (size_t)c->w + (size_t)x];
}

static void blank(struct sb_cell *cell, enum sb_role role)
{
    memset(cell, 0, sizeof *cell);
    cell->text[0] = ' ';
    cell->n = 1;
    cell->width = 1;
    cell->role = (uint8_t)role;
}

int sb_cells_resize(struct sb_cells *c, int w, int h, struct sb_err *err)
{
    w = clamp(w, SB_CELLS_MAX_SIDE);
    h = clamp(h, SB_CELLS_MAX_SIDE);
    size_t n = (size_t)w * (size_t)h;
    struct sb_cell *cell = n ? malloc(n * sizeof *cell) : NULL;
    if (n && !cell)
        return sb_fail_nomem(err);
    free(c->cell);
    *c = (struct sb_cells){w, h, cell};
    for (size_t i = 0; i < n; i++)
        blank(&cell[i], SB_ROLE_TEXT);
    return 0;
}

struct sb_rect sb_rect_clip(struct sb_rect r, struct sb_rect within)
{
    int x0 = r.x > within.x ? r.x : within.x, y0 = r.y > within.y ? r.y : within.y;
    int x1 = r.x + r.w < within.x + within.w ? r.x + r.w : within.x + within.w;
    int y1 = r.y + r.h < within.y + within.h ? r.y + r.h : within.y + within.h;
    return (struct sb_rect){x0, y0, x1 > x0 ? x1 - x0 : 0, y1 > y0 ? y1 - y0 : 0};
}

/* Before cells [x, x + n) of a row are overwritten: a wide cluster that straddles an edge loses its other half. */
static void split_wide(struct sb_cells *c, int x, int y, int n)
{
    if (x > 0 && at(c, x, y)->width == 0)
        blank(at(c, x - 1, y), at(c, x - 1, y)->role);
    int end = x + n;
    if (end < c->w && at(c, end, y)->width == 0)
        blank(at(c, end, y), at(c, end, y)->role);
}

void sb_cells_fill(struct sb_cells *c, struct sb_rect r, enum sb_role role)
{
    r = sb_rect_clip(r, whole(c));
    if (r.w == 0)
        return;
    for (int y = r.y; y < r.y + r.h; y++) {
        split_wide(c, r.x, y, r.w);
        for (int x = r.x; x < r.x + r.w; x++)
            blank(at(c, x, y), role);
    }
}

void sb_cells_tint(struct sb_cells *c, struct sb_rect r, enum sb_role role)
{
    r = sb_rect_clip(r, whole(c));
    for (int y = r.y; y < r.y + r.h; y++)
        for (int x = r.x; x < r.x + r.w; x++)
            at(c, x, y)->role = (uint8_t)role;
}

static void set(struct sb_cells *c, int x, int y, const struct sb_cluster *cluster, enum sb_role role)
{
    split_wide(c, x, y, cluster->width);
    struct sb_cell *cell = at(c, x, y);
    blank(cell, role);
    memcpy(cell->text, cluster->p, cluster->n);
    cell->n = (uint8_t)cluster->n;
    cell->width = (uint8_t)cluster->width;
    if (cluster->width == 2) {
        struct sb_cell *right = at(c, x + 1, y);
        memset(right, 0, sizeof *right);
        right->role = (uint8_t)role;
    }
}

int sb_cells_put(struct sb_cells *c, struct sb_rect clip, int x, int y, struct sb_safe text, enum sb_role role)
{
    clip = sb_rect_clip(clip, whole(c));
    bool row_shown = y >= clip.y && y < clip.y + clip.h;
    struct sb_clusters r;
    sb_clusters_init(&r, text.p, text.n, 0);
    struct sb_cluster cluster;
    while (sb_clusters_next(&r, &cluster)) {
        if (cluster.escaped) /* nothing safe holds what needs an escape: a broken promise is not painted */
            continue;
        if (row_shown && x >= clip.x && x + cluster.width <= clip.x + clip.w)
            set(c, x, y, &cluster, role);
        else if (row_shown && cluster.width == 2 && (x == clip.x - 1 || x == clip.x + clip.w - 1) && clip.w)
            sb_cells_fill(c, (struct sb_rect){x < clip.x ? clip.x : x, y, 1, 1}, role);
        x += cluster.width;
    }
    return x;
}

void sb_cells_repeat(struct sb_cells *c, struct sb_rect clip, int x, int y, struct sb_safe one, int n, enum sb_role role)
{
    clip = sb_rect_clip(clip, whole(c));
    int from = x > clip.x ? x : clip.x, to = x + n < clip.x + clip.w ? x + n : clip.x + clip.w;
    for (int at_x = from; at_x < to; at_x++)
        sb_cells_put(c, clip, at_x, y, one, role);
}

const struct sb_cell *sb_cell_at(const struct sb_cells *c, int x, int y)
{
    return &c->cell[(size_t)y * (size_t)c->w + (size_t)x];
}

static bool same_cell(const struct sb_cell *a, const struct sb_cell *b)
{
    return a->n == b->n && a->width == b->width && a->role == b->role && memcmp(a->text, b->text, a->n) == 0;
}

bool sb_cells_diff(const struct sb_cells *front, const struct sb_cells *back, struct sb_run *run)
{
    bool all = front->w != back->w || front->h != back->h;
    int x = run->x + run->n, y = run->y;
    for (; y < back->h; y++, x = 0)
        for (; x < back->w; x++) {
            const struct sb_cell *now = sb_cell_at(back, x, y);
            if (!all && same_cell(sb_cell_at(front, x, y), now))
                continue;
            int from = now->width == 0 && x > 0 ? x - 1 : x, to = x;
            while (to < back->w && (all || sb_cell_at(back, to, y)->width == 0 || !same_cell(sb_cell_at(front, to, y), sb_cell_at(back, to, y))))
                to++;
            *run = (struct sb_run){from, y, to - from};
            return true;
        }
    return false;
}

void sb_cells_copy(struct sb_cells *to, const struct sb_cells *from)
{
    if (from->cell)
        memcpy(to->cell, from->cell, (size_t)from->w * (size_t)from->h * sizeof *from->cell);
}
