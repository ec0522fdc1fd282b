/* SPDX-License-Identifier: Apache-2.0 */
#include "checkup.h"

#include <signalbox/base/clock.h>
#include <signalbox/bus/pool.h>
#include <signalbox/model/message.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TELL_MS 200 /* within a step */

struct checkup {
    struct sb_pool *pool; /* of one worker */
    struct sb_queue *news;
    atomic_bool leaving;
    /* what is asked: written before the worker is given it, and not while he has it */
    struct doctor_asked asked;
    struct sb_screen_size terminal;
    sb_checkup_settle_fn settle;
    void *ctx;
    /* the worker's */
    int64_t told_ms, told_step;
};

static void free_message(void *m)
{
    sb_message_free(m);
}

static bool post(struct checkup *c, const struct sb_doctor *found)
{
    struct sb_message *m = sb_message_copy_of(SB_NEWS_DOCTOR, 0, found);
    return m && sb_queue_post(c->news, SB_NEWS_DOCTOR, m, free_message);
}

static bool told(void *ctx, const struct sb_doctor *so_far)
{
    struct checkup *c = ctx;
    int64_t now = sb_mono_ms();
    if (so_far->step != c->told_step || now - c->told_ms >= TELL_MS) {
        c->told_step = so_far->step;
        c->told_ms = now;
        post(c, so_far); /* what is lost for want of memory comes with the next one */
    }
    return !atomic_load(&c->leaving);
}

/* That it is over is told whatever else fails: else the page would wait for ever. */
static void tell_end(struct checkup *c, struct doctor *d, const char *failed)
{
    free(d->found.doing);
    d->found.doing = NULL;
    d->found.done = true;
    if (failed && sb_str_set(&d->found.failed, failed))
        d->found.failed = NULL;
    if (post(c, &d->found))
        return;
    sb_doctor_release(d);
    d->found = (struct sb_doctor){.done = true};
    post(c, &d->found);
}

static void work(void *arg)
{
    struct checkup *c = arg;
    struct doctor d = {.told = told, .ctx = c};
    struct sb_err err = SB_ERR_INIT;
    c->told_step = c->told_ms = 0;
    c->settle(c->ctx, &c->asked);
    int rc = sb_doctor_look(&d, &c->asked, &err);
    tell_end(c, &d, rc ? err.msg : NULL);
    sb_doctor_release(&d);
}

static struct checkup *make(struct sb_queue *news, struct sb_err *err)
{
    struct checkup *c = calloc(1, sizeof *c);
    if (!c) {
        sb_fail_nomem(err);
        return NULL;
    }
    c->news = news;
    c->pool = sb_pool_new(1, err);
    if (c->pool)
        return c;
    free(c);
    return NULL;
}

static void cannot(struct sb_queue *news, const char *why)
{
    struct sb_doctor none = {.done = true, .failed = (char *)(uintptr_t)why};
    struct sb_message *m = sb_message_copy_of(SB_NEWS_DOCTOR, 0, &none);
    if (m)
        sb_queue_post(news, SB_NEWS_DOCTOR, m, free_message);
}

void sb_checkup_begin(struct checkup **at, struct sb_queue *news, const struct doctor_asked *asked, sb_checkup_settle_fn settle, void *ctx)
{
    struct sb_err err = SB_ERR_INIT;
    if (!*at && !(*at = make(news, &err))) {
        cannot(news, err.msg);
        return;
    }
    struct checkup *c = *at;
    if (sb_pool_busy(c->pool))
        return;
    c->asked = *asked;
    c->terminal = *asked->terminal;
    c->asked.terminal = &c->terminal;
    c->settle = settle;
    c->ctx = ctx;
    if (!sb_pool_submit(c->pool, work, c, NULL))
        cannot(news, "no memory is left for it");
}

bool sb_checkup_end(struct checkup *c, int grace_ms)
{
    if (!c)
        return true;
    atomic_store(&c->leaving, true);
    if (!sb_pool_free(c->pool, grace_ms))
        return false;
    free(c);
    return true;
}
