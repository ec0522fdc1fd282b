/* SPDX-License-Identifier: Apache-2.0
 *
 * screen.h - the console's main loop: one poll over the terminal, the news and the signals.
 *
 * Thread: the main thread alone, and it needs every signal blocked in all other threads (bus/pool.h does that). The loop
 * owns the terminal until it returns. It never waits for the orchestrator or a worker, and a terminal that takes no output
 * (a slow line, Ctrl-S) holds up nothing but its own picture: frames that were not sent are replaced by the newest one.
 */
#ifndef SIGNALBOX_CLI_SCREEN_H
#define SIGNALBOX_CLI_SCREEN_H

#include <signalbox/base/clock.h>
#include <signalbox/bus/queue.h>
#include <signalbox/model/message.h>
#include <signalbox/term/backend.h>

/* A theme or keymap: its text, and what it is called in messages. len 0: none. */
struct sb_screen_file {
    const char *path, *text;
    size_t len;
};

#define SB_SCREEN_PANES "console.panes" /* the file in the state folder that remembers how the panes stand; a zoomed one is not: every start shows all four */
#define SB_SCREEN_STDERR "console.stderr" /* the one there that takes what is written to standard error meanwhile */

/* What is shown on. */
struct sb_screen_size {
    int colors, w, h;
};

struct sb_screen_options {
    struct sb_queue *news;                            /* mail with a struct sb_message as payload; drained until the end */
    void (*ask)(void *ctx, struct sb_message *m);     /* takes m; must not block */
    void (*doctor)(void *ctx, const struct sb_screen_size *terminal); /* looks for what is wrong, and posts what it finds among the news; must not block */
    void *ctx;
    struct sb_seat seat;                              /* who sits here; borrowed */
    const char *connecting;                           /* what the screen says it connects to; may be NULL */
    struct sb_screen_file theme, mono;                /* mono is used where there are no colours, or NO_COLOR is set */
    struct sb_screen_file keymap[2];                  /* read one over the other; the second may be empty */
    const char *problems;                             /* of other files, a line each, told as messages; may be NULL */
    const char *state_dir;                            /* for copied and exported text, edits and standard error; NULL: neither is kept */
    const char *remembered;                           /* the text of SB_SCREEN_PANES, or NULL */
    const unsigned char *veil;                        /* as in sb_tui_setup */
    int64_t minutes;                                  /* the same */
    bool line;                                        /* as in sb_tui_setup; mono is used whatever the terminal can */
    bool mouse;                                       /* its reports are asked for from the beginning */
    int notice;                                       /* enum sb_notice_by */
    bool osc52;                                       /* copying also sets the terminal's clipboard */
    const char *signing_key;                          /* an approval is signed with it before it is asked; NULL: none is signed here */
    const char *signing_name;                         /* who signs, in the file of signers; NULL: the operating system's name */
    bool elsewhere;                                   /* cards are another host's: a rejection is signed as well, and no statement names a checkpoint of here */
    int64_t ahead_ms;                                 /* elsewhere: of the clock by which signatures are judged, over this machine's */
    const char *opens;                                /* as open in sb_tui_setup */
    const struct sb_origin *origin;                   /* whose wall clock is shown; NULL: the machine's */
    struct sb_backend *backend;                       /* NULL: the terminal is opened, and closed at the end; for tests: borrowed */
};

enum sb_screen_end {
    SB_SCREEN_LEFT,    /* the person left */
    SB_SCREEN_GONE,    /* the terminal is gone (SIGHUP, or it cannot be read): the caller detaches. SIGHUP is ignored from here on */
    SB_SCREEN_STOPPED, /* SIGTERM or SIGINT */
};

/* Runs until one of these happens, or returns -1 with err when the console could not be shown at all. */
int sb_screen_run(const struct sb_screen_options *o, struct sb_err *err);

#endif
