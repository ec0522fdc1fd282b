/* SPDX-License-Identifier: Apache-2.0
 *
 * window.h (private) - a source seen through a window that moves on and grows with what has to be seen at once.
 *
 * Memory: 256 KiB, and as much as the longest stretch that was asked for. Thread: one owner.
 */
#ifndef SIGNALBOX_SRC_FORMATS_WINDOW_H
#define SIGNALBOX_SRC_FORMATS_WINDOW_H

#include <signalbox/formats/backup.h>
#include <signalbox/formats/source.h>

struct sb_window {
    struct sb_source *source;
    struct sb_backup *told; /* is told of what was read */
    unsigned char *p;
    size_t from, to, cap;
    uint64_t base;  /* of p[0] in the unpacked stream */
    uint64_t taken; /* what was told already */
    bool end;
};

/* Takes the source over. */
void sb_window_init(struct sb_window *w, struct sb_source *source, struct sb_backup *told);
void sb_window_release(struct sb_window *w);

/* Makes `want` bytes visible: how many are (fewer only at the end), or -1 where reading fails or memory runs out. */
int64_t sb_window_want(struct sb_window *w, size_t want, const unsigned char **p, struct sb_err *err);

static inline void sb_window_take(struct sb_window *w, size_t n)
{
    w->from += n;
}

/* Where the next byte is in the unpacked stream. */
static inline uint64_t sb_window_at(const struct sb_window *w)
{
    return w->base + w->from;
}

#endif
