/* SPDX-License-Identifier: Apache-2.0 */
#include "screen_private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define READ_MOST (64 << 10) /* bytes of input in one turn: a flood leaves room for everything else */

int64_t screen_now(const struct screen *s)
{
    if (s->o->origin)
        return sb_origin_wall_ms(s->o->origin);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void screen_give(struct screen *s, struct sb_tui_event *event)
{
    event->wall_ms = screen_now(s);
    sb_tui_update(s->tui, event, &s->fx);
    s->dirty = true;
    screen_run_effects(s);
}

/* ---- how late the terminal answers ---- */

static void take_answers(struct screen *s)
{
    int64_t ms;
    if (s->answers == s->input.answers)
        return;
    s->answers = s->input.answers;
    if (s->end < 0 && sb_roundtrip_answered(&s->trip, sb_mono_ms(), &ms) && ms > SB_ROUNDTRIP_SLOW_MS) {
        struct sb_tui_event event = {.kind = SB_TUI_LINE, .ms = ms};
        screen_give(s, &event);
    }
}

/* Only behind a picture that is out, so that no answer waits for it. Returns what a flush does. */
static int ask_terminal(struct screen *s)
{
    if (!sb_roundtrip_due(&s->trip))
        return 0;
    if (!sb_backend_ask(s->backend)) {
        s->trip.over = true;
        return 0;
    }
    sb_roundtrip_asked(&s->trip, sb_mono_ms()); /* before it goes out: no figure is smaller than what it was */
    return sb_backend_flush(s->backend);
}

void screen_settle(struct screen *s)
{
    char bytes[256];
    s->trip.over = true;
    for (int64_t left; s->end != SB_SCREEN_GONE && (left = sb_roundtrip_left_ms(&s->trip, sb_mono_ms())) > 0;) {
        struct pollfd fd = {sb_backend_fd(s->backend), POLLIN, 0};
        if (poll(&fd, 1, (int)left) <= 0)
            continue;
        ssize_t n = read(fd.fd, bytes, sizeof bytes);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            break;
        s->drop_input = true;
        if (n > 0)
            sb_input_feed(&s->input, bytes, (size_t)n);
        if (s->answers != s->input.answers)
            s->trip.waiting = false;
    }
    s->answers = s->input.answers;
}

/* ---- what comes in ---- */

static void on_key(void *ctx, const struct sb_key *key)
{
    struct screen *s = ctx;
    if (s->drop_input || s->end >= 0)
        return;
    struct sb_tui_event event = {.kind = SB_TUI_KEY, .key = key};
    screen_give(s, &event);
}

static void read_keys(struct screen *s)
{
    char bytes[4096];
    size_t total = 0;
    s->drop_input = false;
    while (total < READ_MOST && s->end < 0) {
        ssize_t n = read(sb_backend_fd(s->backend), bytes, sizeof bytes);
        if (n > 0) {
            sb_input_feed(&s->input, bytes, (size_t)n);
            take_answers(s);
            total += (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            if (n == 0 || errno != EAGAIN)
                s->end = SB_SCREEN_GONE;
            break;
        }
    }
}

static void read_news(struct screen *s)
{
    struct sb_mail mail;
    while (sb_queue_take(s->o->news, &mail)) {
        struct sb_tui_event event = {.kind = SB_TUI_NEWS, .news = mail.payload};
        if (mail.payload)
            screen_give(s, &event);
    }
}

static void read_signals(struct screen *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGHUP: s->end = SB_SCREEN_GONE; break;
        case SIGTERM: case SIGINT: s->end = SB_SCREEN_STOPPED; break;
        case SIGTSTP: {
            struct sb_tui_event event = {.kind = SB_TUI_SUSPEND};
            screen_give(s, &event);
            break;
        }
        case SIGCONT: sb_backend_enter(s->backend); break; /* somebody stopped us and let us go on: the modes may be gone */
        default: break;                                    /* SIGWINCH: every frame asks for the size */
        }
        s->dirty = true;
    }
}

/* ---- what goes out ---- */

static int show(struct screen *s, struct sb_err *err)
{
    int w, h, x, y;
    sb_backend_size(s->backend, &w, &h);
    if ((s->cells.w != w || s->cells.h != h) && sb_cells_resize(&s->cells, w, h, err))
        return -1;
    sb_tui_recalc(s->tui, s->cells.w, s->cells.h, &s->fx);
    s->dirty = false;
    screen_run_effects(s);
    sb_tui_paint(s->tui, &s->cells, &x, &y);
    if (sb_backend_blit(s->backend, &s->cells, x, y, err))
        return -1;
    if (s->export)
        screen_export(s);
    return 0;
}

/* How long nothing has to be done: until a key is complete, or the clock on the screen ticks. */
static int64_t idle_ms(const struct screen *s, int64_t key_since)
{
    int64_t tick = sb_tui_tick_in(s->tui), key = sb_input_wait_ms(&s->input);
    if (key >= 0) {
        key -= sb_mono_ms() - key_since;
        if (key < 0)
            key = 0;
    }
    return tick < 0 ? key : key < 0 ? tick : key < tick ? key : tick;
}

static int turn(struct screen *s, int64_t *key_since, struct sb_err *err)
{
    int waiting = sb_backend_flush(s->backend);
    if (waiting < 0) {
        s->end = SB_SCREEN_GONE;
        return 0;
    }
    if (s->dirty && !waiting) { /* a frame is made only when the one before it is out: on a slow line they replace each other */
        if (show(s, err))
            return -1;
        waiting = sb_backend_flush(s->backend);
    }
    if (!waiting)
        waiting = ask_terminal(s);
    struct pollfd fds[3] = {{sb_backend_fd(s->backend), (short)(POLLIN | (waiting > 0 ? POLLOUT : 0)), 0}, {sb_queue_fd(s->o->news), POLLIN, 0}, {s->signals, POLLIN, 0}};
    int64_t wait = s->dirty && !waiting ? 0 : idle_ms(s, *key_since);
    int ready = poll(fds, 3, (int)wait);
    if (ready < 0 && errno != EINTR)
        return sb_fail_errno(err, errno, "cannot wait for the terminal");
    if (ready > 0 && fds[2].revents)
        read_signals(s);
    if (s->end < 0 && ready > 0 && fds[1].revents)
        read_news(s);
    if (s->end < 0 && ready > 0 && (fds[0].revents & (POLLIN | POLLHUP | POLLERR))) {
        read_keys(s);
        *key_since = sb_mono_ms();
    } else if (sb_input_wait_ms(&s->input) >= 0 && sb_mono_ms() - *key_since >= sb_input_wait_ms(&s->input)) {
        sb_input_timeout(&s->input);
        *key_since = sb_mono_ms();
    }
    if (s->end < 0 && sb_tui_tick_in(s->tui) >= 0 && ready == 0) {
        struct sb_tui_event event = {.kind = SB_TUI_TICK};
        screen_give(s, &event);
    }
    return 0;
}

/* ---- setting up ---- */

static int take_signals(struct screen *s, sigset_t *before, struct sb_err *err)
{
    sigset_t ours;
    sigemptyset(&ours);
    static const int caught[] = {SIGWINCH, SIGHUP, SIGTERM, SIGINT, SIGTSTP, SIGCONT};
    for (size_t i = 0; i < SB_COUNT(caught); i++)
        sigaddset(&ours, caught[i]);
    pthread_sigmask(SIG_BLOCK, &ours, before);
    s->signals = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    return s->signals < 0 ? sb_fail_errno(err, errno, "cannot listen to signals") : 0;
}

int screen_dress(struct screen *s, bool line, struct sb_problems *problems, struct sb_err *err)
{
    const struct sb_screen_options *o = s->o;
    const struct sb_screen_file *file = (sb_backend_colors(s->backend) && !line) || !o->mono.len ? &o->theme : &o->mono;
    struct sb_theme fresh;
    if (sb_theme_parse(&fresh, file->text, file->len, file->path, problems, err))
        return -1;
    s->theme = fresh;
    sb_backend_dress(s->backend, &s->theme);
    return 0;
}

static int load(struct screen *s, struct sb_problems *problems, struct sb_err *err)
{
    const struct sb_screen_options *o = s->o;
    if (screen_dress(s, o->line, problems, err))
        return -1;
    s->keymap = sb_keymap_new();
    if (!s->keymap)
        return sb_fail_nomem(err);
    const struct sb_screen_file *last = &o->keymap[0];
    for (size_t i = 0; i < SB_COUNT(o->keymap); i++) {
        if (o->keymap[i].len == 0)
            continue;
        last = &o->keymap[i];
        if (sb_keymap_read(s->keymap, last->text, last->len, last->path, problems, err))
            return -1;
    }
    sb_keymap_check(s->keymap, last->path, problems);
    return 0;
}

static int open_tui(struct screen *s, struct sb_err *err)
{
    struct sb_problems problems;
    sb_problems_init(&problems);
    if (s->o->problems)
        sb_str_addf(&problems.text, "%s\n", s->o->problems);
    int rc = load(s, &problems, err);
    if (rc == 0) {
        struct sb_tui_setup setup = {.keymap = s->keymap, .seat = s->o->seat, .connecting = s->o->connecting, .problems = problems.text.p,
                                     .ascii = sb_backend_ascii(s->backend), .remembered = s->o->remembered, .mouse = s->o->mouse, .notices = s->o->notice != SB_NOTICE_NONE,
                                     .line = s->o->line, .veil = s->o->veil, .open = s->o->opens, .copy = s->o->elsewhere, .minutes = s->o->minutes, .wall_ms = screen_now(s)};
        s->tui = sb_tui_new(&setup, err);
        rc = s->tui ? 0 : -1;
    }
    sb_problems_release(&problems);
    return rc;
}

int sb_screen_run(const struct sb_screen_options *o, struct sb_err *err)
{
    struct screen s = {.o = o, .signals = -1, .end = -1, .dirty = true, .backend = o->backend, .trip = {.over = o->line}};
    sigset_t before;
    int rc = -1;
    sb_cells_init(&s.cells);
    sb_effects_init(&s.fx);
    sb_input_init(&s.input, on_key, &s);
    char *log = o->state_dir ? sb_format("%s/%s", o->state_dir, SB_SCREEN_STDERR) : NULL;
    if (take_signals(&s, &before, err))
        goto out;
    if (!s.backend && !(s.backend = sb_backend_open(log, err)))
        goto out;
    if (open_tui(&s, err))
        goto out;
    if (show(&s, err)) /* the first picture before anything else */
        goto out;
    sb_backend_flush(s.backend);
    sb_tui_start(s.tui, &s.fx);
    screen_run_effects(&s);
    rc = 0;
    for (int64_t key_since = 0; rc == 0 && s.end < 0;)
        rc = turn(&s, &key_since, err);
out:
    free(log);
    if (s.backend)
        screen_settle(&s);
    if (!o->backend)
        sb_backend_close(s.backend);
    sb_tui_free(s.tui);
    sb_keymap_free(s.keymap);
    sb_input_release(&s.input);
    sb_effects_release(&s.fx);
    sb_cells_release(&s.cells);
    if (s.signals >= 0)
        close(s.signals);
    if (s.end == SB_SCREEN_GONE)
        signal(SIGHUP, SIG_IGN); /* a second one would kill what the caller still has to end well */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc ? -1 : s.end;
}
