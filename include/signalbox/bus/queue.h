/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.h - how one thread hands something to another: a mutex, a list and a doorbell.
 *
 * Any thread may post; one thread reads. Posting never blocks, never reorders within a lane and takes ownership of the
 * payload. Two lanes: control mail is never dropped (for want of memory it goes into a reserve that was made with the queue); telemetry mail has a bounded ring in which the oldest is dropped, and
 * counted, when the reader is behind (and mail with the same key replaces what is still waiting). The doorbell is an
 * eventfd: it becomes readable when mail waits, several posts may ring it once, so the reader drains until NULL. No lock
 * is held across a post or a free. Closing drops what waits and makes later posts free their payload.
 */
#ifndef SIGNALBOX_BUS_QUEUE_H
#define SIGNALBOX_BUS_QUEUE_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sb_queue;

typedef void (*sb_free_fn)(void *payload);

struct sb_mail {
    int kind;      /* the reader's own vocabulary */
    void *payload; /* the reader's to free from here on */
    sb_free_fn free_payload;
};

/* telemetry_cap: how many telemetry mails may wait. */
struct sb_queue *sb_queue_new(size_t telemetry_cap, struct sb_err *err);
void sb_queue_free(struct sb_queue *q); /* nobody may post any more; frees what waits */

/* Any thread. Out of memory even in the reserve of SB_QUEUE_RESERVE control mails, or closed: the payload is freed and false
 * returned. */
#define SB_QUEUE_RESERVE 256
bool sb_queue_post(struct sb_queue *q, int kind, void *payload, sb_free_fn free_payload);

/* A place in the queue that somebody made beforehand, mostly as a part of what it carries: mail that has one can be posted
 * without memory. It must stay until the mail was taken or its payload freed, and is free again from then on. */
struct sb_letter {
    struct sb_letter *next;
    uint64_t key;
    struct sb_mail mail;
    bool lent; /* it is not the queue's to free */
};

/* Control mail that is never lost: false only when the queue is closed, and the payload was freed. */
bool sb_queue_post_letter(struct sb_queue *q, struct sb_letter *letter, int kind, void *payload, sb_free_fn free_payload);

/* key != 0: a waiting mail with the same key is replaced in its place. */
bool sb_queue_post_telemetry(struct sb_queue *q, uint64_t key, int kind, void *payload, sb_free_fn free_payload);

/* Reader: the next mail (control before telemetry), or false when there is none; the doorbell is then silent. */
bool sb_queue_take(struct sb_queue *q, struct sb_mail *mail);

/* Reader: as take, but waits up to timeout_ms (-1: for ever) for mail; false also when the queue was closed. */
bool sb_queue_wait(struct sb_queue *q, struct sb_mail *mail, int timeout_ms);

/* Readable while mail waits; for poll(2). Owned by the queue. */
int sb_queue_fd(const struct sb_queue *q);

/* Any thread. */
void sb_queue_close(struct sb_queue *q);
uint64_t sb_queue_dropped(struct sb_queue *q);
size_t sb_queue_high_water(struct sb_queue *q);

#endif
