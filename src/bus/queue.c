/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/bus/queue.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct lane {
    struct sb_letter *head, **tail;
    size_t n;
};

struct sb_queue {
    int doorbell;
    size_t telemetry_cap;
    pthread_mutex_t lock; /* guards all below */
    struct lane control, telemetry;
    struct sb_letter *reserve; /* for control mail, when there is no memory */
    size_t reserve_n;
    bool closed;
    uint64_t dropped;
    size_t high_water;
};

static void lane_init(struct lane *l)
{
    l->head = NULL;
    l->tail = &l->head;
    l->n = 0;
}

static void lane_push(struct lane *l, struct sb_letter *node)
{
    node->next = NULL;
    *l->tail = node;
    l->tail = &node->next;
    l->n++;
}

static struct sb_letter *lane_pop(struct lane *l)
{
    struct sb_letter *node = l->head;
    if (!node)
        return NULL;
    l->head = node->next;
    if (!l->head)
        l->tail = &l->head;
    l->n--;
    return node;
}

static void free_payload(struct sb_mail *mail)
{
    if (mail->free_payload && mail->payload)
        mail->free_payload(mail->payload);
}

static void free_nodes(struct sb_letter *node)
{
    while (node) {
        struct sb_letter *next = node->next;
        bool lent = node->lent;
        free_payload(&node->mail); /* and a lent one with it */
        if (!lent)
            free(node);
        node = next;
    }
}

/* Under the lock: a node that is not used any more, or NULL when it was kept. */
static struct sb_letter *spare(struct sb_queue *q, struct sb_letter *node)
{
    if (q->reserve_n >= SB_QUEUE_RESERVE)
        return node;
    node->next = q->reserve;
    node->mail = (struct sb_mail){0};
    q->reserve = node;
    q->reserve_n++;
    return NULL;
}

static int fill_reserve(struct sb_queue *q)
{
    while (q->reserve_n < SB_QUEUE_RESERVE) {
        struct sb_letter *node = calloc(1, sizeof *node);
        if (!node)
            return -1;
        spare(q, node);
    }
    return 0;
}

struct sb_queue *sb_queue_new(size_t telemetry_cap, struct sb_err *err)
{
    struct sb_queue *q = calloc(1, sizeof *q);
    if (!q) {
        sb_fail_nomem(err);
        return NULL;
    }
    q->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->doorbell < 0) {
        sb_fail_errno(err, errno, "cannot make a wake-up descriptor");
        free(q);
        return NULL;
    }
    q->telemetry_cap = telemetry_cap ? telemetry_cap : 1;
    pthread_mutex_init(&q->lock, NULL);
    lane_init(&q->control);
    lane_init(&q->telemetry);
    if (fill_reserve(q)) {
        sb_queue_free(q);
        sb_fail_nomem(err);
        return NULL;
    }
    return q;
}

void sb_queue_free(struct sb_queue *q)
{
    if (!q)
        return;
    free_nodes(q->control.head);
    free_nodes(q->telemetry.head);
    free_nodes(q->reserve);
    close(q->doorbell);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static void ring(struct sb_queue *q)
{
    uint64_t one = 1;
    ssize_t ignored = write(q->doorbell, &one, sizeof one); /* full counter: it is ringing already */
    (void)ignored;
}

/* Under the lock. Returns the node that had to make way, or NULL. */
static struct sb_letter *put_telemetry(struct sb_queue *q, struct sb_letter *node)
{
    if (node->key)
        for (struct sb_letter **at = &q->telemetry.head; *at; at = &(*at)->next)
            if ((*at)->key == node->key) {
                struct sb_letter *old = *at;
                node->next = old->next;
                *at = node;
                if (q->telemetry.tail == &old->next)
                    q->telemetry.tail = &node->next;
                old->next = NULL;
                return old;
            }
    struct sb_letter *old = NULL;
    if (q->telemetry.n >= q->telemetry_cap) {
        old = lane_pop(&q->telemetry);
        old->next = NULL;
        q->dropped++;
    }
    lane_push(&q->telemetry, node);
    return old;
}

/* Under the lock. Returns what is to be freed outside of it, or NULL. */
static struct sb_letter *put(struct sb_queue *q, bool telemetry, struct sb_letter *node)
{
    struct sb_letter *old = NULL;
    if (q->closed)
        return node;
    if (telemetry)
        old = put_telemetry(q, node);
    else
        lane_push(&q->control, node);
    size_t waiting = q->control.n + q->telemetry.n;
    if (waiting > q->high_water)
        q->high_water = waiting;
    ring(q); /* under the lock, so that the bell rings exactly while mail waits; the write cannot block */
    return old;
}

static bool post(struct sb_queue *q, bool telemetry, uint64_t key, struct sb_mail mail)
{
    struct sb_letter *node = malloc(sizeof *node), *old = NULL;
    pthread_mutex_lock(&q->lock);
    if (!node && !telemetry && q->reserve) {
        node = q->reserve;
        q->reserve = node->next;
        q->reserve_n--;
    }
    bool posted = node && !q->closed;
    if (node) {
        *node = (struct sb_letter){NULL, key, mail, false};
        old = put(q, telemetry, node);
    }
    pthread_mutex_unlock(&q->lock);
    free_nodes(old);
    if (!node)
        free_payload(&mail);
    return posted;
}

bool sb_queue_post(struct sb_queue *q, int kind, void *payload, sb_free_fn free_fn)
{
    return post(q, false, 0, (struct sb_mail){kind, payload, free_fn});
}

bool sb_queue_post_letter(struct sb_queue *q, struct sb_letter *letter, int kind, void *payload, sb_free_fn free_fn)
{
    *letter = (struct sb_letter){NULL, 0, {kind, payload, free_fn}, true};
    pthread_mutex_lock(&q->lock);
    struct sb_letter *refused = put(q, false, letter);
    pthread_mutex_unlock(&q->lock);
    free_nodes(refused);
    return !refused;
}

bool sb_queue_post_telemetry(struct sb_queue *q, uint64_t key, int kind, void *payload, sb_free_fn free_fn)
{
    return post(q, true, key, (struct sb_mail){kind, payload, free_fn});
}

bool sb_queue_take(struct sb_queue *q, struct sb_mail *mail)
{
    struct sb_letter *free_this = NULL;
    pthread_mutex_lock(&q->lock);
    struct sb_letter *node = lane_pop(&q->control);
    if (!node)
        node = lane_pop(&q->telemetry);
    if (!node) { /* silence the doorbell while nobody can post: a later post rings it again */
        uint64_t count;
        ssize_t ignored = read(q->doorbell, &count, sizeof count);
        (void)ignored;
    }
    if (node) {
        *mail = node->mail;
        free_this = node->lent ? NULL : spare(q, node);
    }
    pthread_mutex_unlock(&q->lock);
    free(free_this);
    return node != NULL;
}

static bool is_closed(struct sb_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool closed = q->closed;
    pthread_mutex_unlock(&q->lock);
    return closed;
}

bool sb_queue_wait(struct sb_queue *q, struct sb_mail *mail, int timeout_ms)
{
    int64_t until = timeout_ms < 0 ? INT64_MAX : sb_mono_ms() + timeout_ms;
    while (!sb_queue_take(q, mail)) {
        int64_t left = timeout_ms < 0 ? -1 : until - sb_mono_ms();
        if (timeout_ms >= 0 && left <= 0)
            return false;
        struct pollfd fd = {q->doorbell, POLLIN, 0};
        if (poll(&fd, 1, (int)left) < 0 && errno != EINTR)
            return false;
        if (is_closed(q))
            return sb_queue_take(q, mail);
    }
    return true;
}

int sb_queue_fd(const struct sb_queue *q)
{
    return q->doorbell;
}

void sb_queue_close(struct sb_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    struct sb_letter *control = q->control.head, *telemetry = q->telemetry.head;
    lane_init(&q->control);
    lane_init(&q->telemetry);
    pthread_mutex_unlock(&q->lock);
    free_nodes(control);
    free_nodes(telemetry);
    ring(q);
}

uint64_t sb_queue_dropped(struct sb_queue *q)
{
    pthread_mutex_lock(&q->lock);
    uint64_t n = q->dropped;
    pthread_mutex_unlock(&q->lock);
    return n;
}

size_t sb_queue_high_water(struct sb_queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->high_water;
    pthread_mutex_unlock(&q->lock);
    return n;
}
