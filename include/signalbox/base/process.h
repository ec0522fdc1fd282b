/* SPDX-License-Identifier: Apache-2.0
 *
 * process.h - child processes without a shell.
 *
 * The program is named by an absolute path or found on PATH; arguments pass as they are. The child gets default signal
 * dispositions, an empty signal mask and the three standard descriptors only (everything else is close-on-exec).
 * Thread: any; one owner of a struct at a time.
 */
#ifndef SIGNALBOX_BASE_PROCESS_H
#define SIGNALBOX_BASE_PROCESS_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <sys/types.h>

struct sb_process {
    pid_t pid; /* 0: none */
    int in;    /* we write, the child reads; -1 where not asked for */
    int out;   /* the child's standard output; -1 where not asked for */
};

enum sb_process_flags {
    SB_PROCESS_IN = 1,          /* a pipe to its standard input; else /dev/null */
    SB_PROCESS_OUT = 2,         /* a pipe from its standard output; else ours */
    SB_PROCESS_QUIET = 4,       /* its standard error goes to /dev/null; else ours */
    SB_PROCESS_OUR_IN = 16,     /* its standard input is ours: it has the terminal */
    SB_PROCESS_DIE_WITH_US = 8, /* SIGTERM when the starting thread's process dies (Linux) */
};

int sb_process_spawn(struct sb_process *p, const char *const argv[], unsigned flags, struct sb_err *err);

/* Waits for the end: the exit status, or 128 + signal, or -1. Closes both pipes first. */
int sb_process_wait(struct sb_process *p);

/* SIGTERM, then SIGKILL when it is still there after grace_ms; then as sb_process_wait. */
int sb_process_stop(struct sb_process *p, int grace_ms);

#endif
