/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/tui/layout.h>

#include <string.h>

void sb_layout_init(struct sb_layout *l, enum sb_dir dir)
{
    l->n = 1;
    l->box[0] = (struct sb_box){.name = "screen", .parent = -1, .dir = dir, .fit = SB_FILL, .want = 1};
}

int sb_layout_add(struct sb_layout *l, int parent, const char *name, enum sb_dir dir, enum sb_fit fit, int want, int least)
{
    if (l->n == SB_BOXES_MAX || parent < 0 || parent >= l->n)
        return -1;
    l->box[l->n] = (struct sb_box){name, parent, dir, fit, want > 0 ? want : 0, least > 0 ? least : 0, {0, 0, 0, 0}};
    return l->n++;
}

static int least_of(const struct sb_box *b)
{
    return b->fit == SB_FIXED ? b->want : b->fit == SB_FIT && b->least > b->want ? b->want : b->least;
}

/* Shares `room` cells among the children of a box along its direction. */
static void share(struct sb_layout *l, int parent, int room, int size[SB_BOXES_MAX])
{
    int weight = 0;
    for (int i = 1; i < l->n; i++) {
        if (l->box[i].parent != parent)
            continue;
        int least = least_of(&l->box[i]);
        size[i] = least < room ? least : room;
        room -= size[i];
        weight += l->box[i].fit == SB_FILL ? l->box[i].want : 0;
    }
    for (int i = 1; i < l->n; i++) {
        if (l->box[i].parent != parent || l->box[i].fit != SB_FIT)
            continue;
        int more = l->box[i].want - size[i] < room ? l->box[i].want - size[i] : room;
        if (more > 0) {
            size[i] += more;
            room -= more;
        }
    }
    for (int i = 1; i < l->n && weight > 0; i++) {
        if (l->box[i].parent != parent || l->box[i].fit != SB_FILL)
            continue;
        int more = (int)((int64_t)room * l->box[i].want / weight);
        size[i] += more;
        room -= more;
        weight -= l->box[i].want;
    }
}

void sb_layout_solve(struct sb_layout *l, int w, int h)
{
    l->box[0].at = (struct sb_rect){0, 0, w > 0 ? w : 0, h > 0 ? h : 0};
    for (int p = 0; p < l->n; p++) { /* a parent was always added before its children */
        int size[SB_BOXES_MAX] = {0};
        struct sb_rect at = l->box[p].at;
        bool below = l->box[p].dir == SB_BELOW;
        share(l, p, below ? at.h : at.w, size);
        int offset = 0;
        for (int i = p + 1; i < l->n; i++) {
            if (l->box[i].parent != p)
                continue;
            l->box[i].at = below ? (struct sb_rect){at.x, at.y + offset, at.w, size[i]} : (struct sb_rect){at.x + offset, at.y, size[i], at.h};
            offset += size[i];
        }
    }
}

struct sb_rect sb_layout_at(const struct sb_layout *l, const char *name)
{
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->box[i].name, name) == 0)
            return l->box[i].at;
    return (struct sb_rect){0, 0, 0, 0};
}

void sb_layout_text(const struct sb_layout *l, struct sb_str *out)
{
    /* depth first, by walking the parents of each box: there are never many */
    int stack[SB_BOXES_MAX], depth = 0, next[SB_BOXES_MAX];
    stack[0] = 0;
    next[0] = 1;
    for (bool fresh = true; depth >= 0;) {
        const struct sb_box *b = &l->box[stack[depth]];
        if (fresh)
            sb_str_addf(out, "%*s%s %d,%d %dx%d\n", 2 * depth, "", b->name, b->at.x, b->at.y, b->at.w, b->at.h);
        int child = next[depth];
        while (child < l->n && l->box[child].parent != stack[depth])
            child++;
        next[depth] = child + 1;
        fresh = child < l->n;
        if (fresh) {
            stack[++depth] = child;
            next[depth] = child + 1;
        } else {
            depth--;
        }
    }
}
