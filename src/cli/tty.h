/* SPDX-License-Identifier: Apache-2.0
 *
 * tty.h - what a page that has the terminal to itself, and no console behind it, does with keys, signals and the size. Thread: the main
 * thread's. */
#ifndef SIGNALBOX_SRC_CLI_TTY_H
#define SIGNALBOX_SRC_CLI_TTY_H

#include <signalbox/term/backend.h>
#include <signalbox/term/keys.h>

#include <signal.h>

/* From here on signals come as reads; *before is for whoever sets the mask back, also after a failure. -1 with err, or what to poll. */
int sb_tty_signals(sigset_t *before, struct sb_err *err);

/* What was typed goes to in. False: the terminal has gone. */
bool sb_tty_read_keys(struct sb_backend *b, struct sb_input *in);

/* Takes what has come; *leaves is set where it asks for the end. True: paint anew (the size may be another, or somebody stopped us). */
bool sb_tty_read_signals(struct sb_backend *b, int signals, bool *leaves);

/* The cells get the size that the terminal has. */
int sb_tty_fit(struct sb_backend *b, struct sb_cells *cells, struct sb_err *err);

#endif
