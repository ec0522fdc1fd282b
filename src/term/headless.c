/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"

#include <stdlib.h>

struct headless {
    struct sb_backend base;
    int w, h;
};

static void close_it(struct sb_backend *b)
{
    sb_cells_release(&b->front);
    free(b);
}

static void size(struct sb_backend *b, int *w, int *h)
{
    *w = ((struct headless *)b)->w;
    *h = ((struct headless *)b)->h;
}

static void dress(struct sb_backend *b, const struct sb_theme *theme)
{
    (void)b;
    (void)theme;
}

static int blit(struct sb_backend *b, const struct sb_cells *frame, int cursor_x, int cursor_y, struct sb_err *err)
{
    (void)cursor_x;
    (void)cursor_y;
    if ((b->front.w != frame->w || b->front.h != frame->h) && sb_cells_resize(&b->front, frame->w, frame->h, err))
        return -1;
    sb_cells_copy(&b->front, frame);
    b->known = true;
    return 0;
}

static int flush(struct sb_backend *b)
{
    (void)b;
    return 0;
}

static void send(struct sb_backend *b, const char *bytes, size_t n)
{
    (void)bytes;
    b->bytes += n;
}

static void nothing(struct sb_backend *b)
{
    (void)b;
}

static const struct sb_backend_kind kind = {close_it, size, dress, blit, flush, send, nothing, nothing};

struct sb_backend *sb_backend_open_headless(int in_fd, int w, int h, struct sb_err *err)
{
    struct headless *b = calloc(1, sizeof *b);
    if (!b) {
        sb_fail_nomem(err);
        return NULL;
    }
    b->base = (struct sb_backend){.kind = &kind, .fd = in_fd, .colors = 256};
    sb_cells_init(&b->base.front);
    b->w = w;
    b->h = h;
    return &b->base;
}

void sb_backend_headless_resize(struct sb_backend *b, int w, int h)
{
    ((struct headless *)b)->w = w;
    ((struct headless *)b)->h = h;
}
