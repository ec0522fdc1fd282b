/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal backend. Curses is opened on the terminal, so that it learns its size and modes, and then its output
 * descriptor is replaced by a file in memory: what it "writes" is collected there and sent by flush. */
#include "backend.h"
#include "restore.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/str.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#define PASTE_ON "\x1B[?2004h"
#define PASTE_OFF "\x1B[?2004l"

struct terminal {
    struct sb_backend base;
    SCREEN *screen;
    FILE *out_file;
    int out_fd; /* what curses writes to: first the terminal, then `memory` */
    int memory;
    struct termios cooked, raw;
    struct sb_str waiting; /* made, not yet taken by the terminal */
    size_t sent;           /* bytes of `waiting` that are out */
    bool gone;
    bool cursor_shown;
    int cursor_x, cursor_y;
    attr_t attrs[SB_ROLES];
    int pair[SB_ROLES]; /* 0: the terminal's own colours; beside others the Linux console has no underline */
    cchar_t *line; /* room for one row */
    int line_cap;
};

static struct terminal *terminal(struct sb_backend *b)
{
    return (struct terminal *)b;
}

static void queue(struct terminal *t, const char *bytes, size_t n)
{
    sb_str_add(&t->waiting, bytes, n);
    t->base.bytes += n;
}

/* Moves what curses wrote into the queue. */
static void collect(struct terminal *t)
{
    off_t n = lseek(t->memory, 0, SEEK_CUR);
    off_t at = 0;
    char block[8192];
    while (at < n) {
        ssize_t got = pread(t->memory, block, sizeof block, at);
        if (got <= 0)
            break;
        queue(t, block, (size_t)got);
        at += got;
    }
    if (n > 0 && (ftruncate(t->memory, 0) || lseek(t->memory, 0, SEEK_SET)))
        t->gone = true; /* a file in memory that cannot be emptied: nothing sensible can be shown any more */
}

static int flush(struct sb_backend *b)
{
    struct terminal *t = terminal(b);
    while (!t->gone && t->sent < t->waiting.len) {
        ssize_t n = write(b->fd, t->waiting.p + t->sent, t->waiting.len - t->sent);
        if (n > 0)
            t->sent += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return 1;
        else if (n == 0 || errno != EINTR)
            t->gone = true;
    }
    sb_str_clear(&t->waiting);
    t->sent = 0;
    return t->gone ? -1 : 0;
}

/* Flushes, waiting for a slow terminal no longer than this. */
static void flush_within(struct terminal *t, int64_t ms)
{
    int64_t until = sb_mono_ms() + ms;
    while (flush(&t->base) == 1) {
        int64_t left = until - sb_mono_ms();
        struct pollfd fd = {t->base.fd, POLLOUT, 0};
        if (left <= 0 || (poll(&fd, 1, (int)left) < 0 && errno != EINTR))
            break;
    }
}

static int from_environment(const char *name)
{
    const char *text = getenv(name);
    int64_t v;
    return text && sb_parse_i64(text, &v) == 0 && v > 0 && v <= SB_CELLS_MAX_SIDE ? (int)v : 0;
}

static void size(struct sb_backend *b, int *w, int *h)
{
    struct winsize ws = {0};
    if (ioctl(b->fd, TIOCGWINSZ, &ws))
        ws = (struct winsize){0};
    int most_w = from_environment("COLUMNS"), most_h = from_environment("LINES"); /* term.h owns the plain names */
    *w = ws.ws_col && (!most_w || ws.ws_col < most_w) ? ws.ws_col : most_w ? most_w : 80;
    *h = ws.ws_row && (!most_h || ws.ws_row < most_h) ? ws.ws_row : most_h ? most_h : 24;
}

/* ---- looks ---- */

static int color_number(const struct terminal *t, const struct sb_color *c, bool foreground, attr_t *attrs)
{
    if (c->own)
        return -1;
    if (t->base.colors > 256) /* numbers below 8 mean the palette there, not colours */
        return c->rgb < 8 ? 8 : (int)c->rgb;
    if (t->base.colors == 256)
        return sb_color_256(c->rgb);
    if (t->base.colors == 16 || c->ansi < 8)
        return c->ansi;
    if (c->ansi == 8) /* bold black is invisible on many */
        return foreground ? COLOR_WHITE : COLOR_BLACK;
    if (foreground)
        *attrs |= A_BOLD;
    return c->ansi - 8;
}

static void dress(struct sb_backend *b, const struct sb_theme *theme)
{
    struct terminal *t = terminal(b);
    static const struct {
        unsigned ours;
        attr_t theirs;
    } map[] = {{SB_ATTR_BOLD, A_BOLD}, {SB_ATTR_DIM, A_DIM}, {SB_ATTR_UNDERLINE, A_UNDERLINE}, {SB_ATTR_REVERSE, A_REVERSE}, {SB_ATTR_ITALIC, A_ITALIC}};
    for (int role = 0; role < SB_ROLES; role++) {
        const struct sb_style *s = &theme->style[role];
        attr_t attrs = A_NORMAL;
        for (size_t i = 0; i < SB_COUNT(map); i++)
            if (s->attrs & map[i].ours)
                attrs |= map[i].theirs;
        t->pair[role] = t->base.colors && !(s->fg.own && s->bg.own) ? role + 1 : 0;
        if (t->pair[role])
            init_extended_pair(t->pair[role], color_number(t, &s->fg, true, &attrs), color_number(t, &s->bg, false, &attrs));
        t->attrs[role] = attrs;
    }
}

/* ---- frames ---- */

static void to_curses(const struct terminal *t, const struct sb_cell *cell, cchar_t *out)
{
    wchar_t text[1 + SB_MAX_MARKS + 1];
    size_t n = 0;
    for (size_t at = 0; at < cell->n && n + 1 < SB_COUNT(text);) {
        uint32_t point;
        size_t len = sb_utf8_decode(cell->text + at, cell->n - at, &point);
        if (!len)
            break;
        text[n++] = (wchar_t)point;
        at += len;
    }
    text[n] = L'\0';
    int pair = t->pair[cell->role];
    if (n == 0 || setcchar(out, text, t->attrs[cell->role], (short)pair, &pair) == ERR)
        setcchar(out, L" ", A_NORMAL, (short)pair, &pair);
}

static void put_run(struct terminal *t, const struct sb_cells *frame, const struct sb_run *run)
{
    int n = 0;
    for (int x = run->x; x < run->x + run->n; x++) {
        const struct sb_cell *cell = sb_cell_at(frame, x, run->y);
        if (cell->width)
            to_curses(t, cell, &t->line[n++]);
    }
    mvadd_wchnstr(run->y, run->x, t->line, n);
}

/* Makes curses and our picture of the screen as large as the frame. */
static int fit(struct terminal *t, const struct sb_cells *frame, struct sb_err *err)
{
    if (frame->w > t->line_cap) {
        cchar_t *line = realloc(t->line, (size_t)frame->w * sizeof *line);
        if (!line)
            return sb_fail_nomem(err);
        t->line = line;
        t->line_cap = frame->w;
    }
    if (frame->w != t->base.front.w || frame->h != t->base.front.h) {
        if (sb_cells_resize(&t->base.front, frame->w, frame->h, err))
            return -1;
        t->base.known = false;
        if ((COLS != frame->w || LINES != frame->h) && frame->w > 0 && frame->h > 0) {
            resizeterm(frame->h, frame->w);
            sb_restore_resized(frame->h);
        }
    }
    return 0;
}

static int blit(struct sb_backend *b, const struct sb_cells *frame, int cursor_x, int cursor_y, struct sb_err *err)
{
    struct terminal *t = terminal(b);
    if (fit(t, frame, err))
        return -1;
    if (frame->w == 0 || frame->h == 0)
        return 0;
    bool shown = cursor_x >= 0 && cursor_x < frame->w && cursor_y >= 0 && cursor_y < frame->h;
    bool moved = shown != t->cursor_shown || (shown && (cursor_x != t->cursor_x || cursor_y != t->cursor_y));
    bool whole = !b->known;
    struct sb_cells nothing = {0, 0, NULL};
    struct sb_run run = {0, 0, 0};
    bool changed = whole;
    while (sb_cells_diff(whole ? &nothing : &b->front, frame, &run)) {
        put_run(t, frame, &run);
        changed = true;
    }
    if (!changed && !moved)
        return 0;
    if (whole)
        redrawwin(stdscr);
    if (shown != t->cursor_shown)
        curs_set(shown);
    leaveok(stdscr, !shown);
    if (shown)
        move(cursor_y, cursor_x);
    wnoutrefresh(stdscr);
    doupdate();
    collect(t);
    sb_cells_copy(&b->front, frame);
    b->known = true;
    t->cursor_shown = shown;
    t->cursor_x = cursor_x;
    t->cursor_y = cursor_y;
    return sb_str_ok(&t->waiting) ? 0 : sb_fail_nomem(err);
}

static void send(struct sb_backend *b, const char *bytes, size_t n)
{
    queue(terminal(b), bytes, n);
}

/* ---- in and out ---- */

/* tputs gives its characters to a function without a context. */
static struct {
    char *p;
    unsigned n, cap;
} sink;

static int into_sink(int c)
{
    if (sink.n < sink.cap)
        sink.p[sink.n++] = (char)c;
    return c;
}

static void sequence(const char *text)
{
    if (text && text != (char *)-1)
        tputs(text, 1, into_sink);
}

unsigned sb_restore_bytes(char *out, unsigned cap, int height)
{
    sink.p = out;
    sink.n = 0;
    sink.cap = cap;
    for (const char *p = SB_MOUSE_OFF PASTE_OFF; *p; p++) /* whether the mouse is on is not known here; off does no harm */
        into_sink(*p);
    sequence(exit_attribute_mode);
    sequence(orig_pair);
    if (change_scroll_region)
        sequence(tparm(change_scroll_region, 0, height - 1));
    if (cursor_address)
        sequence(tparm(cursor_address, height - 1, 0));
    sequence(exit_ca_mode);
    sequence(cursor_normal);
    sequence("\r\n");
    return sink.n;
}

static void leave(struct sb_backend *b)
{
    struct terminal *t = terminal(b);
    queue(t, PASTE_OFF, sizeof PASTE_OFF - 1);
    if (b->mouse)
        queue(t, SB_MOUSE_OFF, sizeof SB_MOUSE_OFF - 1);
    curs_set(1);
    t->cursor_shown = true; /* the next blit hides it again */
    endwin();
    collect(t);
    flush_within(t, 500);
    tcsetattr(b->fd, TCSANOW, &t->cooked);
    sb_restore_disarm();
}

static void enter(struct sb_backend *b)
{
    struct terminal *t = terminal(b);
    tcsetattr(b->fd, TCSANOW, &t->raw);
    sb_restore_arm(b->fd, &t->cooked, LINES);
    queue(t, PASTE_ON, sizeof PASTE_ON - 1);
    if (b->mouse)
        queue(t, SB_MOUSE_ON, sizeof SB_MOUSE_ON - 1);
    clearok(curscr, TRUE);
}

static void close_it(struct sb_backend *b)
{
    struct terminal *t = terminal(b);
    if (t->screen) {
        leave(b);
        tcflush(b->fd, TCIFLUSH); /* what was typed for the console is not for the shell */
        sb_restore_stderr();
        delscreen(t->screen);
    }
    if (t->out_file)
        fclose(t->out_file);
    if (t->memory >= 0)
        close(t->memory);
    if (b->fd >= 0)
        close(b->fd);
    sb_cells_release(&b->front);
    sb_str_release(&t->waiting);
    free(t->line);
    free(t);
}

static const struct sb_backend_kind kind = {close_it, size, dress, blit, flush, send, leave, enter};

/* A descriptor of our own for the terminal: non-blocking mode belongs to an open file, and the one behind standard output
 * is shared with the shell. */
static int open_tty(struct sb_err *err)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return sb_fail(err, SB_EUSAGE, "the console needs a terminal, and standard input or output is none");
    char path[64];
    int fd = -1;
    if (ttyname_r(STDOUT_FILENO, path, sizeof path) == 0)
        fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? sb_fail_errno(err, errno, "cannot open the terminal") : fd;
}

static int check_term(const char *term, struct sb_err *err)
{
    if (!term || !term[0])
        return sb_fail(err, SB_EUSAGE, "TERM is not set: set it to what your terminal is, for example TERM=xterm-256color");
    if (strcmp(term, "dumb") == 0)
        return sb_fail(err, SB_EUSAGE, "TERM=dumb cannot place text on a screen: use a terminal that can, or the commands that print text");
    return 0;
}

/* tmux and screen answer in the terminal's place: how late says nothing of its line. */
static bool multiplexed(const char *term)
{
    const char *tmux = getenv("TMUX"), *screen = getenv("STY");
    return (tmux && tmux[0]) || (screen && screen[0]) || sb_starts_with(term, "screen") || sb_starts_with(term, "tmux");
}

static int open_curses(struct terminal *t, const char *term, struct sb_err *err)
{
    t->out_fd = fcntl(t->base.fd, F_DUPFD_CLOEXEC, 3);
    t->out_file = t->out_fd < 0 ? NULL : fdopen(t->out_fd, "w");
    t->memory = memfd_create("signalbox-screen", MFD_CLOEXEC);
    if (!t->out_file || t->memory < 0) {
        int why = errno;
        if (!t->out_file && t->out_fd >= 0)
            close(t->out_fd);
        return sb_fail_errno(err, why, "cannot set up the screen");
    }
    t->screen = newterm(term, t->out_file, stdin);
    if (!t->screen)
        return sb_fail(err, SB_EUSAGE, "the terminal type TERM=%s is not known here, or cannot address its cursor: try TERM=xterm", term);
    raw();
    noecho();
    nonl();
    if (dup3(t->memory, t->out_fd, O_CLOEXEC) < 0)
        return sb_fail_errno(err, errno, "cannot set up the screen");
    typeahead(-1);
    const char *no_color = getenv("NO_COLOR");
    if (!(no_color && no_color[0]) && has_colors() && start_color() == OK) {
        use_default_colors();
        bool rgb = COLORS > 256 && tigetflag("RGB") > 0;
        t->base.colors = COLOR_PAIRS <= SB_ROLES ? 0 : rgb ? 1 << 24 : COLORS >= 256 ? 256 : COLORS >= 16 ? 16 : COLORS >= 8 ? 8 : 0;
    }
    const char *question = tigetstr("u9");
    t->base.answers = question && question != (char *)-1 && strcmp(question, SB_WHO_ARE_YOU) == 0 && !multiplexed(term);
    curs_set(0);
    collect(t);
    return 0;
}

/* As start_color would count them, from the terminal's description alone. */
int sb_backend_look(int *colors, int *w, int *h, struct sb_err *err)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    struct winsize ws;
    int why;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return sb_fail(err, SB_EUSAGE, "standard input or output is no terminal");
    if (check_term(term, err))
        return -1;
    if (setupterm(term, STDOUT_FILENO, &why) == ERR || !tigetstr("cup") || tigetstr("cup") == (char *)-1)
        return sb_fail(err, SB_EUSAGE, "the terminal type TERM=%s is not known here, or cannot address its cursor: try TERM=xterm", term);
    int n = tigetnum("colors");
    *colors = no_color && no_color[0] ? 0 : n > 256 && tigetflag("RGB") > 0 ? 1 << 24 : n >= 256 ? 256 : n >= 16 ? 16 : n >= 8 ? 8 : 0;
    bool told = ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col && ws.ws_row;
    *w = told ? ws.ws_col : tigetnum("cols");
    *h = told ? ws.ws_row : tigetnum("lines");
    del_curterm(cur_term);
    return 0;
}

const char *sb_term_library(void)
{
    const char *name = curses_version(); /* "ncurses 6.4.20221231" */
    const char *space = strchr(name, ' ');
    return space ? space + 1 : name;
}

struct sb_backend *sb_backend_open(const char *stderr_path, struct sb_err *err)
{
    struct terminal *t = calloc(1, sizeof *t);
    if (!t) {
        sb_fail_nomem(err);
        return NULL;
    }
    t->base.kind = &kind;
    t->memory = t->out_fd = -1;
    sb_str_init(&t->waiting);
    const char *term = getenv("TERM");
    setlocale(LC_CTYPE, "");
    t->base.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    t->base.fd = open_tty(err);
    if (t->base.fd < 0 || check_term(term, err))
        goto fail;
    if (tcgetattr(t->base.fd, &t->cooked)) {
        sb_fail_errno(err, errno, "cannot read the terminal's modes");
        goto fail;
    }
    sb_restore_arm(t->base.fd, &t->cooked, 0);
    if (open_curses(t, term, err))
        goto fail;
    sb_restore_arm(t->base.fd, &t->cooked, LINES);
    t->raw = t->cooked;
    cfmakeraw(&t->raw);
    if (tcsetattr(t->base.fd, TCSANOW, &t->raw) || sb_restore_redirect(stderr_path)) {
        sb_fail_errno(err, errno, "cannot set the terminal up");
        goto fail;
    }
    queue(t, PASTE_ON, sizeof PASTE_ON - 1);
    return &t->base;
fail:
    if (!t->screen)
        sb_restore_disarm();
    sb_backend_close(&t->base);
    return NULL;
}
