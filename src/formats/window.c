/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM ((size_t)256 << 10)

void sb_window_init(struct sb_window *w, struct sb_source *source, struct sb_backup *told)
{
    memset(w, 0, sizeof *w);
    w->source = source;
    w->told = told;
}

void sb_window_release(struct sb_window *w)
{
    sb_source_close(w->source);
    free(w->p);
    memset(w, 0, sizeof *w);
}

static int make_room(struct sb_window *w, size_t want, struct sb_err *err)
{
    if (w->from) {
        memmove(w->p, w->p + w->from, w->to - w->from);
        w->base += w->from;
        w->to -= w->from;
        w->from = 0;
    }
    size_t cap = w->cap ? w->cap : FIRST_ROOM;
    while (cap < want)
        cap *= 2;
    if (cap == w->cap)
        return 0;
    unsigned char *p = realloc(w->p, cap);
    if (!p)
        return sb_fail_nomem(err);
    w->p = p;
    w->cap = cap;
    return 0;
}

int64_t sb_window_want(struct sb_window *w, size_t want, const unsigned char **p, struct sb_err *err)
{
    if (w->to - w->from < want && !w->end) {
        if (make_room(w, want, err))
            return -1;
        while (w->to < want && !w->end) {
            int64_t n = sb_source_read(w->source, w->p + w->to, w->cap - w->to, err);
            if (n < 0)
                return -1;
            w->end = n == 0;
            w->to += (size_t)n;
        }
        uint64_t taken = sb_source_taken(w->source);
        if (w->told->options.read)
            w->told->options.read(w->told->options.ctx, taken - w->taken);
        w->taken = taken;
    }
    *p = w->p + w->from;
    return (int64_t)(w->to - w->from);
}
