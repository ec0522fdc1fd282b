/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal backend on a real pseudo-terminal: a child opens it and paints, the parent keeps every byte. */
#include "test.h"

#include <signalbox/base/file.h>
#include <signalbox/term/backend.h>
#include <signalbox/term/page.h>

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static struct sb_str out;   /* what the terminal received */
static struct termios before, after;

static void load_theme(struct sb_backend *b, const char *name)
{
    struct sb_err err = SB_ERR_INIT;
    char path[64];
    snprintf(path, sizeof path, "themes/%s.theme", name);
    struct sb_str text;
    struct sb_problems problems;
    struct sb_theme theme;
    sb_str_init(&text);
    sb_problems_init(&problems);
    if (sb_file_read(path, 65536, &text, &err) == 0 && sb_theme_parse(&theme, text.p, text.len, path, &problems, &err) == 0)
        sb_backend_dress(b, &theme);
    sb_str_release(&text);
    sb_problems_release(&problems);
}

/* Rows of text with every role on it; `mark` is where a cursor mark stands. */
static void paint(struct sb_cells *c, int mark)
{
    struct sb_page p;
    sb_page_init(&p);
    sb_page_start(&p, c->w, false);
    for (int y = 0; y < c->h; y++) {
        sb_page_line(&p);
        sb_page_text(&p, SB_ROLE_CURSOR, y == mark ? "> " : "  ");
        sb_page_textf(&p, (enum sb_role)(y % SB_ROLES), "row %d \xE5\x8F\xB0\xE5\xB8\xB3 e\xCC\x81 of a screen", y);
    }
    sb_page_paint(c, (struct sb_rect){0, 0, c->w, c->h}, &p, 0, NULL);
    sb_page_release(&p);
}

/* A child's tools: marks in the byte stream say where a phase begins. */
struct child {
    struct sb_backend *b;
    struct sb_cells c;
};

static bool child_open(struct child *k)
{
    struct sb_err err = SB_ERR_INIT;
    k->b = sb_backend_open(NULL, &err);
    if (!k->b) {
        printf("REFUSED: %s\n", err.msg);
        fflush(stdout);
        return false;
    }
    load_theme(k->b, "dark");
    int w, h;
    sb_backend_size(k->b, &w, &h);
    sb_cells_init(&k->c);
    return sb_cells_resize(&k->c, w, h, &err) == 0;
}

static uint64_t child_show(struct child *k, int mark)
{
    struct sb_err err = SB_ERR_INIT;
    uint64_t was = sb_backend_bytes(k->b);
    paint(&k->c, mark);
    if (sb_backend_blit(k->b, &k->c, -1, -1, &err))
        _exit(90);
    while (sb_backend_flush(k->b) == 1) {
        struct pollfd fd = {sb_backend_fd(k->b), POLLOUT, 0};
        poll(&fd, 1, 1000);
    }
    return sb_backend_bytes(k->b) - was;
}

static void child_close(struct child *k)
{
    sb_backend_close(k->b);
    sb_cells_release(&k->c);
}

/* Runs fn on a terminal of its own; returns the wait status. */
static int on_pty(int (*fn)(void), const char *term, int w, int h)
{
    int master, ready[2];
    char none;
    struct winsize ws = {.ws_col = (unsigned short)w, .ws_row = (unsigned short)h};
    sb_str_clear(&out);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = forkpty(&master, NULL, NULL, &ws);
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("TERM", term, 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        unsetenv("LINES");
        unsetenv("COLUMNS");
        close(ready[1]);
        if (read(ready[0], &none, 1) != 0) /* the end: the modes have been looked at before they are changed */
            _exit(91);
        close(ready[0]);
        _exit(fn());
    }
    close(ready[0]);
    assert_int_equal(tcgetattr(master, &before), 0);
    close(ready[1]);
    char block[4096];
    for (;;) {
        ssize_t n = read(master, block, sizeof block);
        if (n > 0)
            sb_str_add(&out, block, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else
            break; /* EIO: the child has gone */
        tcgetattr(master, &after);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (tcgetattr(master, &after))
        memset(&after, 0, sizeof after);
    close(master);
    return status;
}

static size_t count(const char *needle)
{
    size_t n = 0;
    for (const char *p = out.p; (p = memmem(p, out.len - (size_t)(p - out.p), needle, strlen(needle))); p++)
        n++;
    return n;
}

/* Every way to erase more than the line the cursor is on. */
static size_t clears(void)
{
    return count("\x1B[2J") + count("\x1B[3J") + count("\x1B[J") + count("\x1B[0J") + count("\x1B[1J") + count("\x1B" "c");
}

static int paint_some_frames(void)
{
    struct child k;
    if (!child_open(&k))
        return 1;
    child_show(&k, 2);
    for (int i = 0; i < 50; i++)
        if (child_show(&k, 2) != 0)
            return 2; /* an unchanged frame makes bytes */
    for (int y = 3; y < 20; y++)
        if (child_show(&k, y) >= 200)
            return 3; /* a cursor move is expensive */
    printf("PHASE");
    fflush(stdout);
    child_close(&k);
    return 0;
}

static void an_unchanged_frame_costs_nothing_and_a_cursor_move_little(void **state)
{
    (void)state;
    static const char *const terms[] = {"xterm-256color", "screen-256color", "tmux-256color", "linux", "xterm", "vt100"};
    for (size_t i = 0; i < SB_COUNT(terms); i++) {
        int status = on_pty(paint_some_frames, terms[i], 80, 24);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("%s: status %x", terms[i], status);
    }
}

static int frames_and_a_resize(void)
{
    struct child k;
    struct sb_err err = SB_ERR_INIT;
    if (!child_open(&k))
        return 1;
    child_show(&k, 2);
    write(STDOUT_FILENO, "<FIRST>", 7);
    for (int i = 0; i < 100; i++) {
        /* whole screens of blanks and of text in turn: where erasing would pay most */
        if (i % 2) {
            sb_cells_fill(&k.c, (struct sb_rect){0, 0, k.c.w, k.c.h - 1}, SB_ROLE_TEXT);
            if (sb_backend_blit(k.b, &k.c, -1, -1, &err) || sb_backend_flush(k.b))
                return 2;
        } else {
            child_show(&k, i % 20);
        }
    }
    write(STDOUT_FILENO, "<RESIZE>", 8);
    struct winsize ws = {.ws_col = 100, .ws_row = 30};
    ioctl(STDOUT_FILENO, TIOCSWINSZ, &ws);
    int w, h;
    sb_backend_size(k.b, &w, &h);
    if (w != 100 || h != 30 || sb_cells_resize(&k.c, w, h, &err))
        return 3;
    child_show(&k, 1);
    child_close(&k);
    return 0;
}

static void nothing_but_a_resize_clears_the_screen(void **state)
{
    (void)state;
    int status = on_pty(frames_and_a_resize, "xterm-256color", 80, 24);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char *first = strstr(out.p, "<FIRST>"), *resize = strstr(out.p, "<RESIZE>");
    assert_non_null(first);
    assert_non_null(resize);
    struct sb_str whole = out;
    out.p = first;
    out.len = (size_t)(resize - first);
    assert_int_equal(clears(), 0);
    out = whole;
}

static int just_open(void)
{
    struct child k;
    if (!child_open(&k))
        return 42;
    child_show(&k, 1);
    child_close(&k);
    return 0;
}

/* The last words of a terminal that is put back: paste mode off, main screen, cursor on. */
static void assert_put_back(const char *how)
{
    const char *tail = out.len > 400 ? out.p + out.len - 400 : out.p;
    if (!strstr(tail, "\x1B[?2004l") || !strstr(tail, "\x1B[?1049l") || !strstr(tail, "\x1B[?25h"))
        fail_msg("%s: the screen was not put back", how);
    if (after.c_lflag != before.c_lflag || after.c_iflag != before.c_iflag || after.c_oflag != before.c_oflag)
        fail_msg("%s: the modes were not put back", how);
}

static int open_and_segv(void)
{
    struct child k;
    child_open(&k);
    child_show(&k, 1);
    raise(SIGSEGV);
    return 0;
}

static int open_and_abort(void)
{
    struct child k;
    child_open(&k);
    child_show(&k, 1);
    abort();
}

static int open_and_exit(void)
{
    struct child k;
    child_open(&k);
    child_show(&k, 1);
    exit(3);
}

static int overflow_the_stack(int depth)
{
    volatile char big[65536];
    big[0] = (char)depth;
    return depth > 1000000 ? 0 : overflow_the_stack(depth + 1) + big[0];
}

static int open_and_overflow(void)
{
    struct child k;
    child_open(&k);
    child_show(&k, 1);
    return overflow_the_stack(0);
}

static void every_way_to_die_puts_the_terminal_back(void **state)
{
    (void)state;
    int status = on_pty(just_open, "xterm-256color", 80, 24);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_put_back("closing");
    status = on_pty(open_and_abort, "xterm-256color", 80, 24);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_put_back("SIGABRT");
    status = on_pty(open_and_exit, "xterm-256color", 80, 24);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_put_back("exit()");
}

static void a_fault_puts_the_terminal_back(void **state)
{
    (void)state;
    if (SANITIZED)
        sb_test_skip("the sanitizer keeps SIGSEGV to itself");
    int status = on_pty(open_and_segv, "xterm-256color", 80, 24);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_put_back("SIGSEGV");
    assert_non_null(strstr(out.p, "ended by a fault in the program"));
    status = on_pty(open_and_overflow, "xterm-256color", 80, 24);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_put_back("stack overflow");
}

static void an_unfit_terminal_is_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *term, *says;
    } cases[] = {
        {"dumb", "TERM=dumb cannot place text on a screen"}, {"", "TERM is not set"}, {"nosuchterm", "TERM=nosuchterm is not known here"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        int status = on_pty(just_open, cases[i].term, 80, 24);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
        if (!strstr(out.p, cases[i].says))
            fail_msg("%s: %s", cases[i].term, out.p);
        assert_int_equal(count("\x1B["), 0);
    }
}

static int colours_and_size(void)
{
    struct child k;
    if (!child_open(&k))
        return 42;
    int w, h, colors = sb_backend_colors(k.b);
    sb_backend_size(k.b, &w, &h);
    child_show(&k, 1);
    child_close(&k);
    printf("COLOURS %d SIZE %dx%d\n", colors, w, h);
    fflush(stdout);
    return 0;
}

static int no_colour(void)
{
    setenv("NO_COLOR", "1", 1);
    return colours_and_size();
}

static int smaller_by_environment(void)
{
    setenv("COLUMNS", "60", 1);
    setenv("LINES", "100", 1);
    return colours_and_size();
}

static void colours_and_size_are_the_terminals(void **state)
{
    (void)state;
    static const struct {
        const char *term;
        int (*fn)(void);
        int w, h;
        const char *says;
    } cases[] = {
        {"xterm-256color", colours_and_size, 200, 60, "COLOURS 256 SIZE 200x60"}, {"xterm", colours_and_size, 33, 7, "COLOURS 8 SIZE 33x7"},
        {"vt100", colours_and_size, 80, 24, "COLOURS 0 SIZE 80x24"}, {"xterm-256color", no_colour, 80, 24, "COLOURS 0 SIZE 80x24"},
        {"xterm-256color", smaller_by_environment, 80, 24, "COLOURS 256 SIZE 60x24"}, {"xterm-256color", colours_and_size, 0, 0, "COLOURS 256 SIZE 80x24"},
        {"xterm-256color", colours_and_size, 1, 1, "COLOURS 256 SIZE 1x1"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        int status = on_pty(cases[i].fn, cases[i].term, cases[i].w, cases[i].h);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !strstr(out.p, cases[i].says))
            fail_msg("case %zu: status %x, %s", i, status, strstr(out.p, "COLOURS") ? strstr(out.p, "COLOURS") : "nothing");
        if (strstr(cases[i].says, "COLOURS 0"))
            assert_int_equal(count("\x1B[38;") + count("\x1B[3" "1m"), 0);
    }
}

/* A terminal that takes nothing (Ctrl-S): painting goes on, flushing says so and does not block. */
static int a_stopped_terminal(void)
{
    struct child k;
    if (!child_open(&k))
        return 1;
    child_show(&k, 1);
    tcflow(STDOUT_FILENO, TCOOFF);
    struct sb_err err = SB_ERR_INIT;
    int waiting = 0;
    for (int i = 0; i < 200 && waiting != 1; i++) {
        paint(&k.c, i % 20);
        if (sb_backend_blit(k.b, &k.c, -1, -1, &err))
            return 2;
        waiting = sb_backend_flush(k.b);
    }
    if (waiting != 1)
        return 3;
    tcflow(STDOUT_FILENO, TCOON);
    while ((waiting = sb_backend_flush(k.b)) == 1) {
        struct pollfd fd = {sb_backend_fd(k.b), POLLOUT, 0};
        if (poll(&fd, 1, 5000) <= 0)
            return 4;
    }
    child_close(&k);
    return waiting ? 5 : 0;
}

static void a_stopped_terminal_does_not_block(void **state)
{
    (void)state;
    int status = on_pty(a_stopped_terminal, "xterm-256color", 80, 24);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("status %x", status);
}

static void no_terminal_is_refused_in_words(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[0], STDIN_FILENO);
        struct sb_err err = SB_ERR_INIT;
        struct sb_backend *b = sb_backend_open(NULL, &err);
        _exit(!b && err.code == SB_EUSAGE && strstr(err.msg, "needs a terminal") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(fds[0]);
    close(fds[1]);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void what_is_copied_is_wrapped_for_the_multiplexer(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_backend *b = sb_backend_open_headless(-1, 80, 24, &err);
    assert_non_null(b);
    uint64_t was = sb_backend_bytes(b);
    unsetenv("TMUX");
    unsetenv("STY");
    setenv("TERM", "xterm", 1);
    assert_true(sb_backend_copy(b, "hello", 5));
    assert_int_equal(sb_backend_bytes(b) - was, strlen("\x1B]52;c;aGVsbG8=\a"));
    was = sb_backend_bytes(b);
    setenv("TMUX", "x", 1);
    assert_true(sb_backend_copy(b, "hello", 5));
    assert_int_equal(sb_backend_bytes(b) - was, strlen("\x1B]52;c;aGVsbG8=\a\x1BPtmux;\x1B\x1B]52;c;aGVsbG8=\a\x1B\\"));
    unsetenv("TMUX");
    setenv("TERM", "screen-256color", 1);
    was = sb_backend_bytes(b);
    char text[300];
    memset(text, 'a', sizeof text); /* 400 characters in base 64: two pieces */
    assert_true(sb_backend_copy(b, text, sizeof text));
    assert_int_equal(sb_backend_bytes(b) - was, strlen("\x1B]52;c;\a") + 400 + strlen("\x1BP\x1B]52;c;\x1B\\" "\x1BP\a\x1B\\") + 400 + 2 * strlen("\x1BP\x1B\\"));
    setenv("STY", "1.pts", 1); /* screen itself: what is not its own it would show as text */
    was = sb_backend_bytes(b);
    assert_true(sb_backend_copy(b, text, sizeof text));
    assert_int_equal(sb_backend_bytes(b) - was, strlen("\x1BP\x1B]52;c;\x1B\\" "\x1BP\a\x1B\\") + 400 + 2 * strlen("\x1BP\x1B\\"));
    unsetenv("STY");
    char *big = calloc(1, 100000);
    assert_false(sb_backend_copy(b, big, 100000));
    free(big);
    unsetenv("TMUX");
    sb_backend_close(b);
}

static void a_notice_ends_where_it_says(void **state)
{
    char sent[SB_NOTICE_BYTES], many[1000];
    (void)state;
    sb_notice_bytes(SB_NOTICE_NONE, "C-000001 awaits approval", sent);
    assert_string_equal(sent, "");
    sb_notice_bytes(SB_NOTICE_BELL, "C-000001 awaits approval", sent);
    assert_string_equal(sent, "\a");
    sb_notice_bytes(SB_NOTICE_OSC9, "C-000001 awaits approval", sent);
    assert_string_equal(sent, "\x1B]9;Signalbox: C-000001 awaits approval\a");
    sb_notice_bytes(SB_NOTICE_OSC777, "a\a\x1B]0;x;y\x9C\n", sent);
    assert_string_equal(sent, "\x1B]777;notify;Signalbox;a???0?x?y??\a");
    memset(many, 'm', sizeof many);
    many[sizeof many - 1] = '\0';
    sb_notice_bytes(SB_NOTICE_OSC777, many, sent);
    assert_int_equal(strlen(sent), strlen("\x1B]777;notify;Signalbox;\a") + 120);
}

int main(void)
{
    sb_str_init(&out);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unchanged_frame_costs_nothing_and_a_cursor_move_little),
        cmocka_unit_test(nothing_but_a_resize_clears_the_screen),
        cmocka_unit_test(every_way_to_die_puts_the_terminal_back),
        cmocka_unit_test(a_fault_puts_the_terminal_back),
        cmocka_unit_test(an_unfit_terminal_is_refused_in_words),
        cmocka_unit_test(colours_and_size_are_the_terminals),
        cmocka_unit_test(a_stopped_terminal_does_not_block),
        cmocka_unit_test(no_terminal_is_refused_in_words),
        cmocka_unit_test(a_notice_ends_where_it_says),
        cmocka_unit_test(what_is_copied_is_wrapped_for_the_multiplexer),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    sb_str_release(&out);
    return rc;
}
