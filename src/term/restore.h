/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to term/: putting the terminal back when the process is about to die.
 *
 * Signal handlers have nothing but process-wide data, so this is the one place of term/ that has some. What they write is
 * prepared beforehand; they call write, tcsetattr, dup2, fcntl, signal and raise only. */
#ifndef SIGNALBOX_SRC_TERM_RESTORE_H
#define SIGNALBOX_SRC_TERM_RESTORE_H

#include <termios.h>

/* From now on a fatal signal, and exit(), put this terminal back. height: its lines, 0 while curses is not open. Asks
 * terminfo for the sequences, which is why only curses.c calls it. */
void sb_restore_arm(int tty, const struct termios *cooked, int height);
void sb_restore_resized(int height);
void sb_restore_disarm(void);

/* Sends standard error to a file (NULL: nowhere) and back: 0 or -1 with errno. */
int sb_restore_redirect(const char *path);
void sb_restore_stderr(void);

/* The bytes that put the screen back, for restore.c; made by curses.c, which knows terminfo. */
unsigned sb_restore_bytes(char *out, unsigned cap, int height);

#endif
