/* SPDX-License-Identifier: Apache-2.0
 *
 * backend.h - the seam between frames and what shows them: a terminal (curses.c), or nothing (headless.c, for tests).
 *
 * The terminal backend uses curses for one thing: turning the difference of two frames into bytes. Those bytes go into
 * memory; sb_backend_flush writes as many as the terminal takes and never blocks, so a slow line cannot hold up the poll
 * loop. Keys are read from sb_backend_fd by the caller and decoded by term/keys.h; curses never reads. An unchanged frame
 * makes no bytes; nothing but a resize (and the first frame) clears the screen.
 *
 * While it is open: the terminal is raw and on its alternate screen, bracketed paste is on (and the mouse, if it was
 * switched on; both are off again whatever ends the process), standard error goes to a file,
 * and handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT put the terminal back before the process dies. They need
 * one process-wide record (in curses.c), so at most one terminal backend is open at a time.
 *
 * Thread: the main thread alone. Opening sets the locale's LC_CTYPE from the environment.
 */
#ifndef SIGNALBOX_TERM_BACKEND_H
#define SIGNALBOX_TERM_BACKEND_H

#include <signalbox/base/error.h>
#include <signalbox/term/cells.h>
#include <signalbox/term/theme.h>

struct sb_backend;

/* Opens the terminal behind standard input and output. stderr_path (NULL: /dev/null) is appended to. */
struct sb_backend *sb_backend_open(const char *stderr_path, struct sb_err *err);

/* What opening would find, without touching the terminal: 0, with the colours it would use (0: none, or NO_COLOR) and its size;
 * or -1 with what sb_backend_open would say. */
int sb_backend_look(int *colors, int *w, int *h, struct sb_err *err);

/* The version of the library that runs, "6.4.20221231". */
const char *sb_term_library(void);

/* Shows nothing; keys are read from in_fd (borrowed), the size is what was last set. */
struct sb_backend *sb_backend_open_headless(int in_fd, int w, int h, struct sb_err *err);
void sb_backend_headless_resize(struct sb_backend *b, int w, int h);

/* Puts the terminal back as it was and frees. Bytes the terminal does not take within half a second are given up. */
void sb_backend_close(struct sb_backend *b); /* NULL is fine */

/* Where keys come from; non-blocking. */
int sb_backend_fd(const struct sb_backend *b);

/* The size as it is now: LINES and COLUMNS where they are set and smaller, else what the terminal says. */
void sb_backend_size(struct sb_backend *b, int *w, int *h);

/* Colours it can show: 0 (none, or NO_COLOR), 8, 16, 256 or 1 << 24. */
int sb_backend_colors(const struct sb_backend *b);

/* True where the locale is not UTF-8: pages are then made of ASCII. */
bool sb_backend_ascii(const struct sb_backend *b);

/* Takes the looks of the roles; the next blit repaints everything. */
void sb_backend_dress(struct sb_backend *b, const struct sb_theme *theme);

/* Makes the bytes that turn the last frame into this one. cursor_x < 0 hides the cursor. */
int sb_backend_blit(struct sb_backend *b, const struct sb_cells *frame, int cursor_x, int cursor_y, struct sb_err *err);

/* Writes what the terminal takes now. 0: all is out, 1: more is waiting (poll the descriptor for writing), -1: the
 * terminal is gone. */
int sb_backend_flush(struct sb_backend *b);

void sb_backend_bell(struct sb_backend *b);

/* How a person who looks elsewhere is told: by the bell, or by a notification of the desktop, where the terminal makes one of the
 * sequence (OSC 9 or OSC 777); no answer tells whether it does. */
enum sb_notice_by { SB_NOTICE_NONE, SB_NOTICE_BELL, SB_NOTICE_OSC9, SB_NOTICE_OSC777 };

/* What is sent for it; empty for NONE. Of the text, letters, digits, blanks and . - : stay, 120 bytes at most: nothing in it can end
 * the sequence. */
#define SB_NOTICE_BYTES 200
void sb_notice_bytes(enum sb_notice_by by, const char *text, char out[SB_NOTICE_BYTES]);
void sb_backend_notice(struct sb_backend *b, enum sb_notice_by by, const char *text);

/* Asks the terminal who it is (DA1), where its description (terminfo's u9) says that it answers that, and neither tmux nor screen
 * would answer in its place; false: it was not asked. The answer comes in as struct sb_input's `answers`. */
bool sb_backend_ask(struct sb_backend *b);

/* Asks for reports of the mouse, or for none; at first there are none. They come in as SB_KEY_MOUSE. While they do, the
 * terminal's own selection needs Shift. */
void sb_backend_mouse(struct sb_backend *b, bool on);

/* Asks the terminal to take text into its clipboard (OSC 52, as it is, and wrapped for tmux and screen; screen itself gets only
 * the wrapped one). Where a screen may have shown some of it the next blit repaints every cell. False when it is too long. */
bool sb_backend_copy(struct sb_backend *b, const void *text, size_t n);

/* Forgets what is on the screen: the next blit repaints every cell. */
void sb_backend_forget(struct sb_backend *b);

/* Leaves the terminal to somebody else (job control), and takes it again; the next blit repaints. */
void sb_backend_leave(struct sb_backend *b);
void sb_backend_enter(struct sb_backend *b);

/* Bytes made so far. For tests and measurements. */
uint64_t sb_backend_bytes(const struct sb_backend *b);

#endif
