/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.h - a few worker threads for work that may block.
 *
 * Any thread submits; a worker runs the job; the job posts its result to a queue itself. All signals are blocked in
 * workers. Ending never waits for a job that hangs: sb_pool_free joins the idle workers and abandons those that are still
 * busy after grace_ms (their memory stays theirs; the process is about to end).
 */
#ifndef SIGNALBOX_BUS_POOL_H
#define SIGNALBOX_BUS_POOL_H

#include <signalbox/base/error.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct sb_pool;

typedef void (*sb_job_fn)(void *arg);

struct sb_pool *sb_pool_new(size_t workers, struct sb_err *err);

/* A place among the waiting jobs that somebody made beforehand, mostly as a part of what the job is about. It must stay until
 * fn or drop was called, and is free again from then on. */
struct sb_job {
    struct sb_job *next;
    sb_job_fn fn;
    void *arg;
    void (*drop)(void *arg);
    bool lent; /* it is not the pool's to free */
};

/* Queues fn(arg) without memory. False only when the pool is ending: drop(arg) was called. */
bool sb_pool_submit_job(struct sb_pool *pool, struct sb_job *job, sb_job_fn fn, void *arg, void (*drop)(void *arg));

/* Queues fn(arg). On failure drop(arg) is called (when given) and false returned. drop is also called for a job that
 * never started because the pool was freed. */
bool sb_pool_submit(struct sb_pool *pool, sb_job_fn fn, void *arg, void (*drop)(void *arg));

/* Number of jobs that were submitted and have not ended. */
size_t sb_pool_busy(struct sb_pool *pool);

/* True when every worker ended in time. */
bool sb_pool_free(struct sb_pool *pool, int grace_ms);

/* Starts a thread with every signal blocked, so that signals reach the thread that asks for them. 0 or -1. */
int sb_thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name, struct sb_err *err);

#endif
