/* SPDX-License-Identifier: Apache-2.0
 *
 * exercise_run.h - an exercise beside the console that it is done in: what is told on the way, and its end on the record. */
#ifndef SIGNALBOX_SRC_CLI_EXERCISE_RUN_H
#define SIGNALBOX_SRC_CLI_EXERCISE_RUN_H

#include "exercise.h"

#include <signalbox/cli/session.h>

#include <pthread.h>

struct exercise_run {
    struct exercise x;
    int64_t speed;
    const char *debrief; /* where the Markdown goes; NULL: nowhere */
    struct sb_session *session;
    int64_t started_at, begun_at; /* by the clock of the record: the simulated one began; the trouble begins */
    pthread_t thread;
    bool watching;
    int64_t first; /* the entry with which this run began: the thread's, and whoever has joined it; 0: not found yet */
    pthread_mutex_t lock; /* of leaving */
    pthread_cond_t bell;
    bool leaving;
};

/* The session has begun: the brief, hints in their time and the end are told as notices from here on, and when the ledger is
 * closed the result is appended to it and the debrief printed. Thread: the main thread. */
void sb_exercise_begun(void *run, struct sb_session *s);

#endif
