/* SPDX-License-Identifier: Apache-2.0
 *
 * `lock` guards what is known; it is never held while the store is asked. */
#include "private.h"

#include <signalbox/bus/pool.h>
#include <signalbox/mongo/store_stream.h>
#include <signalbox/shared/listener.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 500     /* of one question: so long the end of the thread may take */
#define AGAIN_MS 1000   /* after a failure */
#define DEAF_MS 60000   /* a store without change streams may be another one by then */

struct sb_listener {
    struct sb_listener_options o;
    char *uri, *database, *log;
    bson_t *match;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop, ended;
    bool stopping, over;
    /* under the lock */
    bool tells, none;
    char why[400];
};

/* An owner gives the answers itself; whoever looks waits for them. Beats are not told: they come every few seconds from every host. */
static bson_t *match_of(const char *log)
{
    if (log)
        return BCON_NEW("operationType", "{", "$in", "[", BCON_UTF8("insert"), BCON_UTF8("replace"), "]", "}", "fullDocument.l", BCON_UTF8(log));
    return BCON_NEW("$or", "[",
                    "{", "ns.coll", "{", "$in", "[", BCON_UTF8(SB_STORE_CARDS), BCON_UTF8(SB_STORE_INCIDENTS), "]", "}", "}",
                    "{", "ns.coll", BCON_UTF8(SB_STORE_APPROVALS), "operationType", BCON_UTF8("update"), "}",
                    "{", "ns.coll", BCON_UTF8(SB_STORE_HOSTS), "operationType", "{", "$ne", BCON_UTF8("update"), "}", "}",
                    "{", "ns.coll", BCON_UTF8(SB_STORE_HOSTS), "updateDescription.updatedFields.draining", "{", "$exists", BCON_BOOL(true), "}", "}",
                    "]");
}

/* Returns whether it is to be told. */
static bool learn(struct sb_listener *w, enum sb_store_heard heard, const struct sb_err *err)
{
    bool tells = heard != SB_STORE_HEARD_ERROR && heard != SB_STORE_HEARD_DEAF;
    pthread_mutex_lock(&w->lock);
    bool none = heard == SB_STORE_HEARD_DEAF, changed = tells != w->tells || none != w->none;
    w->tells = tells;
    w->none = none;
    snprintf(w->why, sizeof w->why, "%s", tells ? "" : err->msg);
    pthread_mutex_unlock(&w->lock);
    return changed || heard == SB_STORE_HEARD_CHANGE || heard == SB_STORE_HEARD_ANEW;
}

/* Under the lock. */
static void rest(struct sb_listener *w, int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    while (!w->stopping && pthread_cond_timedwait(&w->stop, &w->lock, &at) != ETIMEDOUT)
        ;
}

static void *listener_main(void *arg)
{
    struct sb_listener *w = arg;
    struct sb_store_stream *x = NULL;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        struct sb_err err = SB_ERR_INIT;
        int64_t n = 0;
        pthread_mutex_unlock(&w->lock);
        if (!x)
            x = sb_store_stream_open(w->uri, w->database, w->log ? SB_STORE_APPROVALS : NULL, w->match, &err);
        enum sb_store_heard heard = x ? sb_store_stream_wait(x, WAIT_MS, &n, &err) : SB_STORE_HEARD_ERROR;
        bool wakes = learn(w, heard, &err);
        pthread_mutex_lock(&w->lock);
        if (wakes && !w->stopping) {
            pthread_mutex_unlock(&w->lock);
            w->o.wake(w->o.ctx);
            pthread_mutex_lock(&w->lock);
        }
        if (!w->tells)
            rest(w, w->none ? DEAF_MS : AGAIN_MS);
    }
    pthread_mutex_unlock(&w->lock);
    sb_store_stream_close(x);
    pthread_mutex_lock(&w->lock);
    w->over = true;
    pthread_cond_broadcast(&w->ended);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

void sb_listener_free(struct sb_listener *w)
{
    if (!w)
        return;
    free(w->uri);
    free(w->database);
    free(w->log);
    bson_destroy(w->match);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->stop);
    pthread_cond_destroy(&w->ended);
    free(w);
}

struct sb_listener *sb_listener_start(const struct sb_listener_options *o, struct sb_err *err)
{
    struct sb_listener *w = calloc(1, sizeof *w);
    pthread_condattr_t attr;
    if (!w) {
        sb_fail_nomem(err);
        return NULL;
    }
    w->o = *o;
    snprintf(w->why, sizeof w->why, "the store was not asked yet");
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->stop, &attr);
    pthread_cond_init(&w->ended, &attr);
    pthread_condattr_destroy(&attr);
    w->match = match_of(o->log);
    if (!w->match || sb_str_set(&w->uri, o->uri) || sb_str_set(&w->database, o->database ? o->database : SB_STORE_DATABASE) || (o->log && sb_str_set(&w->log, o->log)))
        sb_fail_nomem(err);
    else if (sb_thread_start(&w->thread, listener_main, w, "sb-listener", err) == 0)
        return w;
    sb_listener_free(w);
    return NULL;
}

bool sb_listener_tells(struct sb_listener *w)
{
    pthread_mutex_lock(&w->lock);
    bool tells = w->tells;
    pthread_mutex_unlock(&w->lock);
    return tells;
}

void sb_listener_find_fault(struct sb_listener *w, bool *none, char *why, size_t cap)
{
    pthread_mutex_lock(&w->lock);
    *none = w->none;
    snprintf(why, cap, "%s", w->why);
    pthread_mutex_unlock(&w->lock);
}

int sb_store_tells(struct sb_store *s, struct sb_err *err)
{
    return sb_store_door_tells(s->door, err);
}

bool sb_listener_halt(struct sb_listener *w, int grace_ms)
{
    if (!w)
        return true;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += grace_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->stop);
    while (!w->over && pthread_cond_timedwait(&w->ended, &w->lock, &until) != ETIMEDOUT)
        ;
    bool over = w->over;
    pthread_mutex_unlock(&w->lock);
    if (over)
        pthread_join(w->thread, NULL);
    else
        pthread_detach(w->thread);
    return over;
}
