/* SPDX-License-Identifier: Apache-2.0
 *
 * `lock` guards what is known; it is never held while the store or the deployment is asked. The thread has a door of its own, and so has
 * each worker that enters: a door belongs to one thread at a time. */
#include "private.h"

#include <signalbox/shared/tenure.h>

#include <signalbox/base/clock.h>
#include <signalbox/base/hook.h>
#include <signalbox/bus/pool.h>
#include <signalbox/mongo/fence_door.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MOST 64 /* under way at once */
#define BEATS 4       /* in the life of a lease */

struct sb_tenure {
    struct sb_tenure_options o;
    char *uri, *database, *name, *owner, *host, *boot, *program, *executor_uri, *deployment;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_mutex_t order; /* held around each write about steps, so that one that says "none" never follows the one that names the next; taken before lock */
    pthread_cond_t wake, ended;
    bool stopping, over, idle;
    /* under the lock */
    enum sb_tenure_state state;
    bool own;                /* by what the store said last */
    struct sb_lease lease;   /* as it was seen last */
    int64_t good_until;      /* mono */
    int64_t recorded, fenced; /* epochs: on the record; whose fence was raised by us */
    int64_t fence_failed;    /* the epoch whose fence could not be raised, as was told */
    bool others_fence;       /* another's was found in the deployment at our epoch or beyond */
    char why[800];           /* what stands in the way */
    char doubt[300];         /* why a person's word does not count; "": there is none, or it does */
    struct sb_lease_step steps[STEPS_MOST];
    size_t steps_n;
    bool close_wanted;
    bool doubted; /* renew it at once */
};

static struct sb_lease_self self(const struct sb_tenure *t)
{
    return (struct sb_lease_self){.owner = t->owner, .host = t->host, .boot = t->boot, .program = t->program, .pid = t->o.pid};
}

static void tell(struct sb_tenure *t, int event, const struct sb_lease *lease, const char *before, const char *why)
{
    struct sb_tenure_news *news = calloc(1, sizeof *news); /* it is large; without memory it is told by what may not be done */
    if (!news)
        return;
    news->event = event;
    news->lease = *lease;
    snprintf(news->before, sizeof news->before, "%s", before ? before : "");
    snprintf(news->why, sizeof news->why, "%s", why ? why : "");
    t->o.tell(t->o.ctx, news);
    free(news);
}

/* ---- what is known: under the lock ---- */

static bool good(const struct sb_tenure *t)
{
    return t->state == SB_TENURE_MINE && sb_mono_ms() < t->good_until;
}

static void others(struct sb_tenure *t)
{
    const struct sb_lease *l = &t->lease;
    t->state = SB_TENURE_OTHERS;
    if (l->open.card[0] && l->owner[0] && strcmp(l->owner, t->owner) != 0)
        snprintf(t->why, sizeof t->why, "ledger %.40s on %.80s (pid %" PRId64 ", epoch %" PRId64 ") owns it, or left %.40s step %" PRId64 " open: when its lease is over only a person may say that it is dead (signalbox store take-over %.60s)%s",
                 l->owner, l->host, l->pid, l->epoch, l->open.card, l->open.step, t->name, t->doubt);
    else
        snprintf(t->why, sizeof t->why, "ledger %.40s on %.80s (pid %" PRId64 ", epoch %" PRId64 ") owns this deployment", l->owner[0] ? l->owner : "?", l->host, l->pid, l->epoch);
}

/* What the store said. Returns the event to tell of, -1 none; *before: the owner before. */
static int learn(struct sb_tenure *t, enum sb_leased answer, const struct sb_lease *lease, int64_t asked_ms, const struct sb_err *err, char before[128])
{
    bool was_mine = t->own;
    enum sb_tenure_state was_state = t->state;
    int64_t was_epoch = t->lease.epoch;
    int event = -1;
    snprintf(before, 128, "%s", t->lease.owner);
    if (answer == SB_LEASE_ERROR) {
        if (!good(t)) {
            t->state = SB_TENURE_AWAY;
            snprintf(t->why, sizeof t->why, "store away: nothing is executed (%.400s)", err->msg);
        }
        return -1;
    }
    bool held = sb_lease_held(lease) != sb_lease_held(&t->lease) || (sb_lease_held(lease) && lease->hold.until != t->lease.hold.until);
    t->lease = *lease;
    t->own = answer == SB_LEASE_MINE;
    if (answer == SB_LEASE_MINE) {
        t->state = SB_TENURE_MINE;
        t->good_until = asked_ms + t->o.lease_ms;
        t->why[0] = '\0';
        event = !was_mine || lease->epoch != was_epoch ? SB_TENURE_TAKEN : held ? SB_TENURE_HELD : -1;
    } else {
        event = was_mine || was_state != SB_TENURE_OTHERS ? SB_TENURE_LOST : -1;
        if (!was_mine)
            before[0] = '\0';
        others(t);
    }
    return event;
}

/* The worst of what is under way: that is what a lease names. */
static struct sb_lease_step worst(const struct sb_tenure *t)
{
    struct sb_lease_step out = {.card = ""};
    for (size_t i = 0; i < t->steps_n; i++)
        if (!out.card[0] || t->steps[i].class_ > out.class_)
            out = t->steps[i];
    return out;
}

/* ---- the thread ---- */

static enum sb_leased take(struct sb_tenure *t, struct sb_store_door *door, struct sb_lease *lease, int64_t *asked, struct sb_err *err)
{
    struct sb_lease_self me = self(t);
    struct sb_lease_belief belief = {.accept = t->o.accept, .ctx = t->o.ctx};
    enum sb_leased answer = sb_lease_take_believing(door, t->deployment, t->name, &me, t->o.lease_ms, &belief, lease, err);
    *asked = belief.asked_ms;
    pthread_mutex_lock(&t->lock);
    snprintf(t->doubt, sizeof t->doubt, "%s", belief.doubt);
    pthread_mutex_unlock(&t->lock);
    return answer;
}

/* The fence is ours, from an epoch that the store no longer knows: it was restored from an old copy. We were the last to own the
 * deployment, and go on behind that epoch. */
static bool advance(struct sb_tenure *t, struct sb_store_door *door, int64_t epoch, int64_t to)
{
    struct sb_lease lease;
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease_self me = self(t);
    char before[128];
    pthread_mutex_lock(&t->order);
    int64_t asked = sb_mono_ms();
    enum sb_leased answer = door ? sb_lease_advance(door, t->deployment, &me, epoch, to, t->o.lease_ms, &lease, &err) : SB_LEASE_ERROR;
    pthread_mutex_unlock(&t->order);
    if (answer != SB_LEASE_MINE)
        return false;
    pthread_mutex_lock(&t->lock);
    int event = learn(t, answer, &lease, asked, &err, before);
    pthread_mutex_unlock(&t->lock);
    if (event >= 0)
        tell(t, event, &lease, before, NULL);
    return true;
}

static void raise_fence(struct sb_tenure *t, struct sb_store_door *door, int64_t epoch)
{
    struct sb_fence_seen seen;
    struct sb_err err = SB_ERR_INIT;
    enum sb_fence raised = sb_fence_raise(t->o.server, t->executor_uri, t->deployment, epoch, t->owner, &seen, &err);
    if (raised == SB_FENCE_OTHERS && strcmp(seen.owner, t->owner) == 0 && seen.epoch >= epoch && seen.epoch < INT64_MAX && advance(t, door, epoch, seen.epoch + 1))
        return; /* when that is on the record it is raised */
    pthread_mutex_lock(&t->lock);
    struct sb_lease lease = t->lease;
    bool first = raised == SB_FENCE_MINE || t->fence_failed != epoch;
    if (raised == SB_FENCE_MINE)
        t->fenced = epoch;
    else
        t->fence_failed = epoch;
    t->others_fence = raised == SB_FENCE_OTHERS;
    if (t->others_fence)
        snprintf(t->why, sizeof t->why, "%s", err.msg);
    pthread_mutex_unlock(&t->lock);
    if (first)
        tell(t, SB_TENURE_FENCE, &lease, NULL, raised == SB_FENCE_MINE ? "" : err.msg);
}

/* Takes or renews, then what follows from it. False: the store did not answer. */
static bool beat(struct sb_tenure *t, struct sb_store_door **door)
{
    struct sb_lease lease = {.epoch = 0};
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease_self me = self(t);
    char before[128];
    int64_t asked = sb_mono_ms();
    if (!*door)
        *door = sb_store_door_open(t->uri, t->database, &err);
    pthread_mutex_lock(&t->order);
    pthread_mutex_lock(&t->lock);
    bool mine = t->own;
    int64_t epoch = t->lease.epoch;
    bool ours_open = t->lease.open.card[0] && t->lease.open.epoch == epoch;
    if (t->idle)
        t->steps_n = 0;
    bool close = mine && (t->close_wanted || (t->idle && ours_open));
    struct sb_lease_step rest = worst(t);
    t->close_wanted = t->idle = t->doubted = false;
    pthread_mutex_unlock(&t->lock);
    sb_hook("tenure.beat");
    enum sb_leased answer = !*door ? SB_LEASE_ERROR
                            : close ? sb_lease_close_step(*door, t->deployment, &me, epoch, t->o.lease_ms, &rest, &lease, &err)
                            : mine  ? sb_lease_renew(*door, t->deployment, &me, epoch, t->o.lease_ms, &lease, &err)
                                    : take(t, *door, &lease, &asked, &err);
    pthread_mutex_unlock(&t->order);
    if (answer == SB_LEASE_ERROR) { /* the next one connects anew */
        sb_store_door_close(*door);
        *door = NULL;
    }
    pthread_mutex_lock(&t->lock);
    t->close_wanted |= close && answer == SB_LEASE_ERROR;
    int event = learn(t, answer, &lease, asked, &err, before);
    bool owns = t->state == SB_TENURE_MINE, recorded = t->recorded == t->lease.epoch;
    bool inherited = owns && t->lease.open.card[0] && t->lease.open.epoch != t->lease.epoch;
    bool raise = owns && recorded && (t->lease.epoch > 1 || t->others_fence) && t->fenced != t->lease.epoch;
    bool settle = inherited && recorded && t->fenced == t->lease.epoch;
    int64_t now_epoch = t->lease.epoch;
    pthread_mutex_unlock(&t->lock);
    if (event >= 0)
        tell(t, event, &lease, before, NULL);
    if (raise)
        raise_fence(t, *door, now_epoch);
    if (settle) { /* the fence stands between the former owner's idempotent step and what comes after it */
        pthread_mutex_lock(&t->lock);
        t->close_wanted = true;
        pthread_mutex_unlock(&t->lock);
    }
    return answer != SB_LEASE_ERROR;
}

/* Whoever looks at the hosts sees that this one has not died. Where it does not get there, its beat grows old. */
static void note_draining(struct sb_tenure *t, struct sb_store_door *door)
{
    bson_t *query = BCON_NEW("_id", BCON_UTF8(t->owner)), *update = BCON_NEW("$set", "{", "draining", BCON_BOOL(true), "}", "$currentDate", "{", "beat", BCON_BOOL(true), "}");
    sb_store_door_update(door, SB_STORE_HOSTS, query, update, false, false, NULL);
    bson_destroy(query);
    bson_destroy(update);
}

static void give_back(struct sb_tenure *t, struct sb_store_door *door)
{
    struct sb_lease lease;
    struct sb_err err = SB_ERR_INIT;
    struct sb_lease_self me = self(t);
    pthread_mutex_lock(&t->lock);
    bool mine = t->own && t->steps_n == 0;
    int64_t epoch = t->lease.epoch;
    bool close = t->close_wanted;
    pthread_mutex_unlock(&t->lock);
    struct sb_lease_step none = {.card = ""};
    if (door && mine && close)
        sb_lease_close_step(door, t->deployment, &me, epoch, t->o.lease_ms, &none, &lease, &err);
    if (door && mine)
        sb_lease_release(door, t->deployment, &me, epoch, &lease, &err); /* not released: it ends by itself */
    if (door)
        note_draining(t, door);
}

static struct timespec after(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static void *tenure_main(void *arg)
{
    struct sb_tenure *t = arg;
    struct sb_store_door *door = NULL;
    pthread_mutex_lock(&t->lock);
    while (!t->stopping) {
        bool known = t->deployment != NULL;
        pthread_mutex_unlock(&t->lock);
        bool answered = known && beat(t, &door);
        pthread_mutex_lock(&t->lock);
        struct timespec until = after(t->o.lease_ms / BEATS);
        bool kicked = t->close_wanted || t->doubted || (t->recorded == t->lease.epoch && t->lease.epoch > 1 && t->state == SB_TENURE_MINE && t->fenced != t->lease.epoch && t->fence_failed != t->lease.epoch);
        if (!t->stopping && !(known ? answered && kicked : t->deployment != NULL))
            pthread_cond_timedwait(&t->wake, &t->lock, &until);
    }
    pthread_mutex_unlock(&t->lock);
    if (t->deployment)
        give_back(t, door);
    sb_store_door_close(door);
    pthread_mutex_lock(&t->lock);
    t->over = true;
    pthread_cond_broadcast(&t->ended);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* ---- for the others ---- */

static void release(struct sb_tenure *t)
{
    free(t->uri);
    free(t->database);
    free(t->name);
    free(t->owner);
    free(t->host);
    free(t->boot);
    free(t->program);
    free(t->executor_uri);
    free(t->deployment);
    pthread_mutex_destroy(&t->lock);
    pthread_mutex_destroy(&t->order);
    pthread_cond_destroy(&t->wake);
    pthread_cond_destroy(&t->ended);
    free(t);
}

struct sb_tenure *sb_tenure_start(const struct sb_tenure_options *o, struct sb_err *err)
{
    struct sb_tenure *t = calloc(1, sizeof *t);
    pthread_condattr_t attr;
    if (!t) {
        sb_fail_nomem(err);
        return NULL;
    }
    t->o = *o;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_init(&t->order, NULL);
    pthread_cond_init(&t->wake, &attr);
    pthread_cond_init(&t->ended, &attr);
    pthread_condattr_destroy(&attr);
    snprintf(t->why, sizeof t->why, "the store was not asked yet who owns this deployment");
    if (sb_str_set(&t->uri, o->uri) || sb_str_set(&t->database, o->database) || sb_str_set(&t->name, o->name) || sb_str_set(&t->owner, o->owner) || sb_str_set(&t->host, o->host) ||
        sb_str_set(&t->boot, o->boot) || sb_str_set(&t->program, o->program) || (o->executor_uri && sb_str_set(&t->executor_uri, o->executor_uri))) {
        sb_fail_nomem(err);
        release(t);
        return NULL;
    }
    if (sb_thread_start(&t->thread, tenure_main, t, "sb-tenure", err)) {
        release(t);
        return NULL;
    }
    return t;
}

void sb_tenure_watch(struct sb_tenure *t, const char *deployment_id)
{
    pthread_mutex_lock(&t->lock);
    if (!t->deployment && sb_str_set(&t->deployment, deployment_id))
        snprintf(t->why, sizeof t->why, "memory ran out");
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void sb_tenure_recorded(struct sb_tenure *t, int64_t epoch)
{
    pthread_mutex_lock(&t->lock);
    t->recorded = epoch;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void sb_tenure_doubt(struct sb_tenure *t)
{
    pthread_mutex_lock(&t->lock);
    t->good_until = 0;
    t->doubted = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
}

void sb_tenure_idle(struct sb_tenure *t)
{
    pthread_mutex_lock(&t->lock);
    t->idle = true;
    pthread_mutex_unlock(&t->lock);
}

enum sb_tenure_state sb_tenure_state(struct sb_tenure *t, struct sb_lease *lease)
{
    pthread_mutex_lock(&t->lock);
    enum sb_tenure_state state = t->state;
    if (lease)
        *lease = t->lease;
    pthread_mutex_unlock(&t->lock);
    return state;
}

/* Under the lock. */
static bool may(struct sb_tenure *t, bool back, char *why, size_t cap)
{
    int64_t left = t->good_until - sb_mono_ms();
    char until[SB_TIME_LEN + 1];
    why[0] = '\0';
    if (t->others_fence)
        snprintf(why, cap, "%s", t->why);
    else if (t->state == SB_TENURE_OTHERS)
        snprintf(why, cap, "%s: nothing is executed from here", t->why);
    else if (back)
        return true;
    else if (t->state != SB_TENURE_MINE)
        snprintf(why, cap, "%s", t->why);
    else if (left < t->o.lease_ms / 3)
        snprintf(why, cap, "the lease of this deployment is about to end, or has: it is renewed first");
    else if (t->recorded != t->lease.epoch)
        snprintf(why, cap, "epoch %" PRId64 " of this deployment is not on the record yet", t->lease.epoch);
    else if (t->lease.open.card[0] && t->lease.open.epoch != t->lease.epoch)
        snprintf(why, cap, "%.60s step %" PRId64 " of the former owner may still be on its way: the fence is raised first%s", t->lease.open.card, t->lease.open.step,
                 t->fence_failed == t->lease.epoch ? ", and that failed" : "");
    else if (sb_lease_held(&t->lease)) {
        sb_time_format(until, t->lease.hold.until);
        snprintf(why, cap, "maintenance until %.16sZ by %.60s (%.200s): watched, and nothing is executed", until, t->lease.hold.by, t->lease.hold.reason);
    }
    return why[0] == '\0';
}

bool sb_tenure_may(struct sb_tenure *t, bool back, char *why, size_t cap)
{
    char text[600];
    pthread_mutex_lock(&t->lock);
    bool yes = may(t, back, text, sizeof text);
    pthread_mutex_unlock(&t->lock);
    if (why)
        snprintf(why, cap, "%s", text);
    return yes;
}

static bool same(const struct sb_lease_step *a, const struct sb_lease_step *b)
{
    return a->step == b->step && a->back == b->back && strcmp(a->card, b->card) == 0;
}

static int add(struct sb_tenure *t, const struct sb_lease_step *step, struct sb_lease_step *named, int64_t *epoch, struct sb_err *err)
{
    char why[600];
    int rc = 0;
    bool named_already = false;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->steps_n; i++)
        named_already |= same(&t->steps[i], step);
    if (!may(t, step->back, why, sizeof why))
        rc = sb_fail(err, SB_ESTATE, "%s", why);
    else if (t->steps_n < STEPS_MOST)
        t->steps[t->steps_n++] = *step;
    else if (!named_already) /* a step of many commands keeps a place for each that was never answered: what is named counts */
        rc = sb_fail(err, SB_ESTATE, "too many steps are under way at once");
    t->idle = false; /* it was, before this one */
    *named = worst(t);
    named->back = step->back;
    *epoch = t->lease.epoch;
    pthread_mutex_unlock(&t->lock);
    return rc;
}

static int fence(struct sb_tenure *t, int64_t epoch, bool back, bool *alone, struct sb_err *err)
{
    struct sb_fence_seen seen;
    struct sb_err why = SB_ERR_INIT;
    pthread_mutex_lock(&t->lock);
    bool raised = t->fenced == epoch;
    pthread_mutex_unlock(&t->lock);
    sb_hook("tenure.fence.before");
    enum sb_fence answer = raised ? sb_fence_confirm(t->o.server, t->executor_uri, t->deployment, epoch, t->owner, &seen, &why)
                                  : sb_fence_raise(t->o.server, t->executor_uri, t->deployment, epoch, t->owner, &seen, &why);
    pthread_mutex_lock(&t->lock);
    if (answer == SB_FENCE_MINE)
        t->fenced = epoch;
    t->others_fence = answer == SB_FENCE_OTHERS;
    if (t->others_fence)
        snprintf(t->why, sizeof t->why, "%s", why.msg);
    pthread_mutex_unlock(&t->lock);
    if (answer == SB_FENCE_MINE)
        return 0;
    if (answer == SB_FENCE_UNKNOWN && back) {
        *alone = true;
        return 0;
    }
    return sb_fail(err, answer == SB_FENCE_OTHERS ? SB_EPOLICY : SB_ESERVER, "not sent: %s", why.msg);
}

int sb_tenure_enter(struct sb_tenure *t, const struct sb_lease_step *step, bool *alone, struct sb_err *err)
{
    struct sb_lease_step named;
    struct sb_lease_self me = self(t);
    struct sb_lease *lease = malloc(sizeof *lease);
    struct sb_err why = SB_ERR_INIT;
    int64_t epoch, asked;
    char before[128];
    *alone = false;
    if (!lease)
        return sb_fail_nomem(err);
    pthread_mutex_lock(&t->order);
    if (add(t, step, &named, &epoch, err)) {
        pthread_mutex_unlock(&t->order);
        free(lease);
        return -1;
    }
    struct sb_store_door *door = epoch > 0 ? sb_store_door_open(t->uri, t->database, &why) : NULL;
    asked = sb_mono_ms();
    enum sb_leased answer = door ? sb_lease_open_step(door, t->deployment, &me, epoch, t->o.lease_ms, &named, lease, &why) : SB_LEASE_ERROR;
    pthread_mutex_unlock(&t->order);
    sb_store_door_close(door);
    int rc = 0;
    if (answer == SB_LEASE_MINE) {
        pthread_mutex_lock(&t->lock);
        t->lease = *lease;
        t->good_until = asked + t->o.lease_ms;
        pthread_mutex_unlock(&t->lock);
    } else if (answer == SB_LEASE_NOT) {
        bool ours = strcmp(lease->owner, t->owner) == 0 && lease->epoch == epoch;
        pthread_mutex_lock(&t->lock);
        int event = ours ? -1 : learn(t, answer, lease, asked, &why, before);
        if (ours)
            t->lease = *lease; /* held since the last beat */
        pthread_mutex_unlock(&t->lock);
        if (event >= 0)
            tell(t, event, lease, before, NULL);
        rc = sb_fail(err, SB_ESTATE, ours ? "not sent: the deployment is held for maintenance, or a former owner's step is open" : "not sent: another console owns this deployment now (epoch %lld)", (long long)lease->epoch);
    } else if (step->back) {
        *alone = true;
    } else {
        rc = sb_fail(err, SB_ESERVER, "not sent: store away: %.440s", why.msg);
    }
    if (rc == 0 && epoch > 0)
        rc = fence(t, epoch, step->back, alone, err);
    if (rc)
        sb_tenure_leave(t, step);
    free(lease);
    return rc;
}

void sb_tenure_leave(struct sb_tenure *t, const struct sb_lease_step *step)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->steps_n; i++)
        if (same(&t->steps[i], step)) {
            t->steps[i] = t->steps[--t->steps_n];
            t->close_wanted = true;
            pthread_cond_signal(&t->wake);
            break;
        }
    pthread_mutex_unlock(&t->lock);
}

bool sb_tenure_halt(struct sb_tenure *t, int grace_ms)
{
    if (!t)
        return true;
    struct timespec until = after(grace_ms);
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->wake);
    while (!t->over && pthread_cond_timedwait(&t->ended, &t->lock, &until) != ETIMEDOUT)
        ;
    bool over = t->over;
    pthread_mutex_unlock(&t->lock);
    if (over)
        pthread_join(t->thread, NULL);
    else
        pthread_detach(t->thread);
    return over;
}

void sb_tenure_free(struct sb_tenure *t)
{
    if (t)
        release(t);
}
