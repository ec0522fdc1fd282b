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
#include <signalbox/base/str.h>
#include <stdatomic.h>
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
    SB_PROCESS_OUT_BOTH = 128,  /* its standard error goes where its standard output goes */
    SB_PROCESS_OWN_GROUP = 32,  /* a process group of its own, so that its children can be ended with it */
    SB_PROCESS_BARE = 64,       /* of the environment only PATH, HOME, LANG, LC_ALL and TZ: no credentials */
};

int sb_process_spawn(struct sb_process *p, const char *const argv[], unsigned flags, struct sb_err *err);

/* The same with SB_PROCESS_BARE, and SIGNALBOX_MARK=mark in its environment, by which it and what it starts can be found, and also
 * ("NAME=VALUE"); each may be NULL. -1 also where one of them is longer than an environment's text here (4 KiB). */
int sb_process_spawn_marked(struct sb_process *p, const char *const argv[], unsigned flags, const char *mark, const char *also, struct sb_err *err);

/* Ends every process of this user that carries the mark: SIGTERM, then SIGKILL for those that are there after grace_ms. How many there
 * were; -1: /proc cannot be read. What gave itself another environment is not found. */
int sb_process_end_marked(const char *mark, int grace_ms);

/* Waits for the end: the exit status, or 128 + signal, or -1. Closes both pipes first. */
int sb_process_wait(struct sb_process *p);

/* SIGTERM, then SIGKILL when it is still there after grace_ms; then as sb_process_wait. */
int sb_process_stop(struct sb_process *p, int grace_ms);

/* A program that is given a text and may say something: own group, bare environment, its standard error with its output. */
struct sb_told {
    const char *mark, *also; /* as in sb_process_spawn_marked; NULL: none */
    int status;      /* as sb_process_wait; -1: it was ended, or could not be started */
    bool late;       /* the time was over, and its whole group was killed */
    int64_t ms;      /* how long it took */
    struct sb_str output; /* its first bytes, `most` at most; init it first */
};

/* Waits for its end, at most limit_ms and not beyond *give_up (NULL: never). What it does not read of the text is not told to
 * it; what it says beyond `most` bytes is read and forgotten. The calling thread blocks SIGPIPE, as every sb_thread does.
 * -1: it could not be started. */
int sb_process_tell(const char *const argv[], const char *text, size_t len, size_t most, int limit_ms, const atomic_bool *give_up, struct sb_told *told, struct sb_err *err);

#endif
