/* SPDX-License-Identifier: Apache-2.0
 *
 * console.h - the console on a session: what `demo` and `console` share.
 */
#ifndef SIGNALBOX_CLI_CONSOLE_H
#define SIGNALBOX_CLI_CONSOLE_H

#include <signalbox/cli/session.h>

struct sb_console_options {
    struct sb_session_options session;
    bool line;       /* a slow line: sends less */
    bool presenter;  /* the screen is shown to others: names and values are pseudonyms, and the meeting is opened */
    int64_t minutes; /* of the meeting, for each card; 0: five */
    const char *theme, *keymap; /* a built-in name or a path; NULL: the config's, else dark and default */
    void (*begun)(void *ctx, struct sb_session *s); /* called once, before the screen is there; NULL: nobody */
    void *ctx;
};

/* Runs until the person leaves or the terminal goes. Returns the exit status. */
int sb_console_run(const struct sb_console_options *o);

/* The same as lines of text on standard output, with words read from standard input; needs no terminal. The exit status. */
int sb_console_aloud(const struct sb_session_options *o);

#endif
