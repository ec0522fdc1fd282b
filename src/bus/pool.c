/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/bus/pool.h>

#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct sb_pool {
    pthread_mutex_t lock; /* guards all below but threads */
    pthread_cond_t work, idle;
    struct sb_job *head, **tail;
    size_t busy;   /* queued or running */
    size_t alive;  /* workers that have not returned */
    bool ending;
    bool abandoned; /* the last worker out frees the pool */
    pthread_t *threads;
    size_t n;
};

int sb_thread_start(pthread_t *thread, void *(*main)(void *), void *arg, const char *name, struct sb_err *err)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(thread, NULL, main, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc)
        return sb_fail_errno(err, rc, "cannot start the thread %s", name);
    pthread_setname_np(*thread, name);
    return 0;
}

static void destroy(struct sb_pool *pool)
{
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->idle);
    free(pool->threads);
    free(pool);
}

static void *worker(void *arg)
{
    struct sb_pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->head && !pool->ending)
            pthread_cond_wait(&pool->work, &pool->lock);
        if (pool->ending)
            break;
        struct sb_job *job = pool->head;
        pool->head = job->next;
        if (!pool->head)
            pool->tail = &pool->head;
        pthread_mutex_unlock(&pool->lock);
        bool lent = job->lent;
        job->fn(job->arg); /* a lent one may be gone with it */
        if (!lent)
            free(job);
        pthread_mutex_lock(&pool->lock);
        pool->busy--;
    }
    pool->alive--;
    bool last = pool->abandoned && pool->alive == 0;
    pthread_cond_signal(&pool->idle);
    pthread_mutex_unlock(&pool->lock);
    if (last)
        destroy(pool);
    return NULL;
}

struct sb_pool *sb_pool_new(size_t workers, struct sb_err *err)
{
    struct sb_pool *pool = calloc(1, sizeof *pool);
    pthread_t *threads = calloc(workers ? workers : 1, sizeof *threads);
    if (!pool || !threads) {
        free(pool);
        free(threads);
        sb_fail_nomem(err);
        return NULL;
    }
    pool->threads = threads;
    pool->tail = &pool->head;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->idle, &attr);
    pthread_condattr_destroy(&attr);
    for (size_t i = 0; i < workers; i++) {
        pthread_mutex_lock(&pool->lock);
        pool->alive++;
        pthread_mutex_unlock(&pool->lock);
        if (sb_thread_start(&pool->threads[i], worker, pool, "sb-worker", err)) {
            pthread_mutex_lock(&pool->lock);
            pool->alive--;
            pthread_mutex_unlock(&pool->lock);
            sb_pool_free(pool, 1000);
            return NULL;
        }
        pool->n++;
    }
    return pool;
}

static bool submit(struct sb_pool *pool, struct sb_job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool taken = !pool->ending;
    if (taken) {
        *pool->tail = job;
        pool->tail = &job->next;
        pool->busy++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

static void drop_job(struct sb_job *job)
{
    bool lent = job->lent;
    if (job->drop)
        job->drop(job->arg);
    if (!lent)
        free(job);
}

bool sb_pool_submit_job(struct sb_pool *pool, struct sb_job *job, sb_job_fn fn, void *arg, void (*drop)(void *arg))
{
    *job = (struct sb_job){NULL, fn, arg, drop, true};
    bool taken = submit(pool, job);
    if (!taken)
        drop_job(job);
    return taken;
}

bool sb_pool_submit(struct sb_pool *pool, sb_job_fn fn, void *arg, void (*drop)(void *arg))
{
    struct sb_job *job = malloc(sizeof *job);
    if (!job) {
        if (drop)
            drop(arg);
        return false;
    }
    *job = (struct sb_job){NULL, fn, arg, drop, false};
    bool taken = submit(pool, job);
    if (!taken)
        drop_job(job);
    return taken;
}

size_t sb_pool_busy(struct sb_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t n = pool->busy;
    pthread_mutex_unlock(&pool->lock);
    return n;
}

bool sb_pool_free(struct sb_pool *pool, int grace_ms)
{
    if (!pool)
        return true;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += (long)(grace_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    struct sb_job *waiting = pool->head;
    pool->head = NULL;
    pool->tail = &pool->head;
    pthread_cond_broadcast(&pool->work);
    while (pool->alive && pthread_cond_timedwait(&pool->idle, &pool->lock, &until) == 0)
        ;
    bool all = pool->alive == 0;
    pool->abandoned = !all;
    /* copies, because the last worker may free the pool as soon as the lock is gone */
    size_t n = pool->n;
    pthread_t *threads = pool->threads;
    if (!all) {
        for (size_t i = 0; i < n; i++)
            pthread_detach(threads[i]);
    }
    pthread_mutex_unlock(&pool->lock);
    while (waiting) {
        struct sb_job *next = waiting->next;
        drop_job(waiting);
        waiting = next;
    }
    if (all) {
        for (size_t i = 0; i < n; i++)
            pthread_join(threads[i], NULL);
        destroy(pool);
    }
    return all;
}
