/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/tail.h>

#include <signalbox/base/str.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)64 << 10)

struct sb_tail {
    char *path;
    int fd;
    char *buf;
    size_t from, to, cap; /* read and not given out */
    size_t looked;        /* of that, without a newline */
    off_t at;             /* bytes of the file that were read */
    bool passing_over;    /* the rest of a line that was too long */
    bool ended;           /* another file has its name, and it was at its end once */
};

static int open_file(struct sb_tail *t, struct sb_err *err)
{
    int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0)
        return sb_fail(err, SB_EINPUT, "cannot open %s: %s", t->path, strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return sb_fail(err, SB_EINPUT, "%s is no file that can be followed", t->path);
    }
    t->fd = fd;
    t->at = 0;
    t->ended = false;
    return 0;
}

struct sb_tail *sb_tail_open(const char *path, struct sb_err *err)
{
    struct sb_tail *t = calloc(1, sizeof *t);
    if (!t) {
        sb_fail_nomem(err);
        return NULL;
    }
    t->fd = -1;
    t->cap = BLOCK;
    t->buf = malloc(t->cap);
    t->path = sb_format("%s", path);
    if (!t->buf || !t->path)
        sb_fail_nomem(err);
    else if (open_file(t, err) == 0)
        return t;
    sb_tail_close(t);
    return NULL;
}

void sb_tail_close(struct sb_tail *t)
{
    if (!t)
        return;
    if (t->fd >= 0)
        close(t->fd);
    free(t->buf);
    free(t->path);
    free(t);
}

/* More bytes: 1, 0 none now, -1. */
static int fill(struct sb_tail *t, struct sb_err *err)
{
    if (t->from) {
        memmove(t->buf, t->buf + t->from, t->to - t->from);
        t->to -= t->from;
        t->from = 0;
    }
    if (t->to == t->cap) {
        size_t cap = t->cap * 2 < SB_INFILE_MAX_LINE + BLOCK ? t->cap * 2 : SB_INFILE_MAX_LINE + BLOCK;
        char *more = realloc(t->buf, cap);
        if (!more)
            return sb_fail_nomem(err);
        t->buf = more;
        t->cap = cap;
    }
    ssize_t n;
    do
        n = read(t->fd, t->buf + t->to, t->cap - t->to);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sb_fail(err, SB_EINPUT, "cannot read %s: %s", t->path, strerror(errno));
    t->to += (size_t)n;
    t->at += n;
    return n > 0;
}

/* A line among the bytes that are there. */
static bool take_line(struct sb_tail *t, struct sb_span *line, enum sb_line_end *end)
{
    for (;;) {
        char *from = t->buf + t->from, *newline = memchr(from + t->looked, '\n', t->to - t->from - t->looked);
        size_t n = newline ? (size_t)(newline - from) : t->to - t->from;
        if (!newline && n <= SB_INFILE_MAX_LINE && !t->passing_over) {
            t->looked = n;
            return false;
        }
        bool over = t->passing_over;
        *line = (struct sb_span){from, n > SB_INFILE_MAX_LINE ? SB_INFILE_MAX_LINE : n};
        *end = newline && n <= SB_INFILE_MAX_LINE ? SB_LINE_WHOLE : SB_LINE_TOO_LONG;
        t->from += newline ? n + 1 : n;
        t->looked = 0;
        t->passing_over = !newline;
        if (!over)
            return true;
        if (!newline)
            return false;
    }
}

/* Nothing more can be read now: has another file taken the name, or was this one cut? */
static enum sb_tail_news at_end(struct sb_tail *t, struct sb_span *line, enum sb_line_end *end, struct sb_err *err)
{
    struct stat named, ours;
    if (fstat(t->fd, &ours) == 0 && ours.st_size < t->at) {
        t->from = t->to = t->looked = 0;
        t->passing_over = false;
        t->at = 0;
        if (lseek(t->fd, 0, SEEK_SET) == 0)
            return SB_TAIL_CUT;
        sb_fail(err, SB_EINPUT, "cannot read %s anew: %s", t->path, strerror(errno));
        return SB_TAIL_FAILED;
    }
    if (stat(t->path, &named) || (named.st_dev == ours.st_dev && named.st_ino == ours.st_ino)) {
        t->ended = false; /* there is none yet: who rotates is between two steps */
        return SB_TAIL_NOTHING;
    }
    if (!t->ended) { /* who writes may still hold the old one */
        t->ended = true;
        return SB_TAIL_NOTHING;
    }
    if (t->to > t->from && !t->passing_over) { /* its last line has no end, and will not get one */
        *line = (struct sb_span){t->buf + t->from, t->to - t->from};
        *end = SB_LINE_UNENDED;
        t->from = t->to;
        t->looked = 0;
        return SB_TAIL_LINE;
    }
    int old = t->fd;
    if (open_file(t, err))
        return SB_TAIL_FAILED;
    close(old);
    t->from = t->to = t->looked = 0;
    t->passing_over = false;
    return SB_TAIL_ROTATED;
}

enum sb_tail_news sb_tail_next(struct sb_tail *t, struct sb_span *line, enum sb_line_end *end, struct sb_err *err)
{
    for (;;) {
        if (take_line(t, line, end))
            return SB_TAIL_LINE;
        int rc = fill(t, err);
        if (rc < 0)
            return SB_TAIL_FAILED;
        if (rc == 0)
            return at_end(t, line, end, err);
        t->ended = false;
    }
}
