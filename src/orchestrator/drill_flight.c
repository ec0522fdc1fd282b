/* SPDX-License-Identifier: Apache-2.0
 *
 * The writes that carry documents: one is under way, in a thread of its own, while the next one is read, put on the record and packed
 * here. It is not sent before the one before it has come back well, and not before the guard has answered for it. */
#include "drill.h"

#include <signalbox/base/hook.h>
#include <signalbox/bus/pool.h>

#include <string.h>

/* ---- the thread that sends ---- */

static void *send_main(void *arg)
{
    struct drill_flight *f = arg;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (!f->up && !f->end)
            pthread_cond_wait(&f->turn, &f->lock);
        if (!f->up)
            break;
        pthread_mutex_unlock(&f->lock);
        sb_hook("drill.send.before");
        sb_scratch_send(f->door, f->parcel, &f->result);
        sb_hook("drill.send.after");
        pthread_mutex_lock(&f->lock);
        f->up = false;
        pthread_cond_broadcast(&f->turn);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static int begin(struct drill *d, struct sb_err *err)
{
    struct drill_flight *f = &d->flight;
    if (f->started)
        return 0;
    f->other = sb_scratch_open(d->o->target, d->facts.id, d->nonce, d->by_operator, err);
    if (!f->other)
        return -1;
    f->up = f->end = false;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->turn, NULL);
    if (sb_thread_start(&f->thread, send_main, f, "drill", err)) {
        pthread_mutex_destroy(&f->lock);
        pthread_cond_destroy(&f->turn);
        sb_scratch_close(f->other);
        return -1;
    }
    f->started = true;
    return 0;
}

void sb_drill_flight_end(struct drill *d)
{
    struct drill_flight *f = &d->flight;
    if (!f->started)
        return;
    pthread_mutex_lock(&f->lock);
    f->end = true;
    pthread_cond_broadcast(&f->turn);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->turn);
    sb_scratch_close(f->other);
    f->started = false;
}

/* ---- one write after the other ---- */

/* What came back, which is then no longer under way. False: nothing was. */
static bool take_back(struct drill_flight *f, struct drill_sent *sent, struct sb_write_result *result)
{
    if (!f->sent.step)
        return false;
    pthread_mutex_lock(&f->lock);
    while (f->up)
        pthread_cond_wait(&f->turn, &f->lock);
    pthread_mutex_unlock(&f->lock);
    *sent = f->sent;
    *result = f->result;
    f->sent.step = 0;
    return true;
}

static void send_off(struct drill_flight *f, const struct drill_sent *sent, struct sb_scratch *door, struct sb_scratch_parcel *parcel)
{
    f->sent = *sent;
    pthread_mutex_lock(&f->lock);
    f->door = door;
    f->parcel = parcel;
    f->up = true;
    pthread_cond_broadcast(&f->turn);
    pthread_mutex_unlock(&f->lock);
}

/* Puts on the record what came back, and says whether it was well. */
static int put_down(struct drill *d, const struct drill_sent *sent, struct sb_write_result *result, struct sb_err *err)
{
    int rc = sb_drill_came_of(d, sent->step, result, err);
    if (result->outcome == SB_OUTCOME_OK) {
        d->documents += sent->documents;
        d->bytes += sent->bytes;
    } else if (rc == 0) {
        rc = sb_fail(err, result->outcome == SB_OUTCOME_UNKNOWN ? SB_ESERVER : SB_ECOMMAND, "%s", result->message);
    }
    sb_write_result_release(result);
    return rc;
}

int sb_drill_land(struct drill *d, struct sb_err *err)
{
    struct drill_sent sent;
    struct sb_write_result result;
    return take_back(&d->flight, &sent, &result) ? put_down(d, &sent, &result, err) : 0;
}

/* It has its intent, and is not sent: that is on the record, too. */
static void keep_back(struct drill *d, const struct drill_sent *sent, const char *why)
{
    struct sb_write_result result = {.outcome = SB_OUTCOME_FAILED};
    snprintf(result.message, sizeof result.message, "not sent: %s", why);
    sb_drill_came_of(d, sent->step, &result, NULL); /* the first cause is what counts */
}

/* Makes the next write ready while the one before it is under way. */
static struct sb_scratch_parcel *make_ready(struct drill *d, const struct sb_restore_step *step, struct sb_scratch *door, struct drill_sent *next, struct sb_err *err)
{
    struct sb_scratch_docs docs = {step->docs, step->bytes, step->n};
    struct sb_scratch_parcel *parcel = NULL;
    struct sb_permit permit;
    struct sb_str text;
    sb_str_init(&text);
    sb_str_adds(&text, step->command);
    sb_str_addc(&text, ',');
    int rc = sb_scratch_docs_text(&text, step->docs_key, &docs, err);
    sb_str_addc(&text, '}');
    if (rc == 0)
        rc = sb_str_ok(&text) ? sb_drill_intend(d, text.p, &permit, err) : sb_fail_nomem(err);
    if (rc == 0) {
        next->step = d->steps;
        parcel = sb_scratch_pack(door, &permit, text.p, &docs, err);
        if (!parcel)
            keep_back(d, next, err->msg);
    }
    sb_str_release(&text);
    return parcel;
}

int sb_drill_fly(struct drill *d, const struct sb_restore_step *step, struct sb_err *err)
{
    struct drill_flight *f = &d->flight;
    bool insert = strcmp(step->docs_key, "documents") == 0;
    struct drill_sent before, next = {.documents = insert ? step->n : 0, .bytes = insert ? step->bytes : 0};
    struct sb_write_result result;
    if (begin(d, err))
        return -1;
    struct sb_scratch *door = f->sent.step && f->door == d->door ? f->other : d->door;
    struct sb_scratch_parcel *parcel = make_ready(d, step, door, &next, err);
    if (!parcel)
        return -1;
    if (!take_back(f, &before, &result)) {
        send_off(f, &next, door, parcel);
        return 0;
    }
    if (result.outcome == SB_OUTCOME_OK) {
        send_off(f, &next, door, parcel);
        return put_down(d, &before, &result, err);
    }
    sb_scratch_parcel_free(parcel);
    int rc = put_down(d, &before, &result, err);
    keep_back(d, &next, "the write before it failed");
    return rc;
}
