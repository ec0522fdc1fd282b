/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/telemetry/envelope.h>

#include "mix.h"

#include <signalbox/base/compiler.h>

#define SETS 16384
#define WAYS 4

/* A command longer than this is not held with its envelope: its shape is then unknown. */
#define MAX_COMMAND 16384

/* Logs that were sorted by their text have the envelopes of one millisecond before its writes: this many of them wait. */
#define MAX_HELD 8

/* An envelope that waits, with the bytes that its spans point to behind it. */
struct held {
    struct held *next; /* came before */
    struct sb_slow_op op;
    char bytes[];
};

struct slot {
    uint64_t key; /* connection, collection and operation; 0: free */
    int64_t write_ms;
    uint32_t writes; /* that have no envelope yet */
    struct held *held; /* the last one first */
};

struct sb_envelopes {
    sb_envelope_fn alone;
    void *ctx;
    size_t held;
    struct slot slots[SETS][WAYS];
};

struct sb_envelopes *sb_envelopes_new(sb_envelope_fn alone, void *ctx, struct sb_err *err)
{
    struct sb_envelopes *e = calloc(1, sizeof *e);
    if (!e) {
        sb_fail_nomem(err);
        return NULL;
    }
    e->alone = alone;
    e->ctx = ctx;
    return e;
}

void sb_envelopes_free(struct sb_envelopes *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < SETS && e->held; i++) {
        for (size_t k = 0; k < WAYS; k++) {
            while (e->slots[i][k].held) {
                struct held *next = e->slots[i][k].held->next;
                free(e->slots[i][k].held);
                e->slots[i][k].held = next;
            }
        }
    }
    free(e);
}

/* Hands back what is held in a slot and ended before before_ms, the oldest first. */
static int hand_back(struct sb_envelopes *e, struct slot *slot, int64_t before_ms, struct sb_err *err)
{
    struct held *oldest_first = NULL, **keep = &slot->held;
    while (*keep) {
        struct held *h = *keep;
        if (before_ms != INT64_MAX && h->op.at_ms >= before_ms) {
            keep = &h->next;
            continue;
        }
        *keep = h->next;
        h->next = oldest_first;
        oldest_first = h;
    }
    int rc = 0;
    while (oldest_first) {
        struct held *h = oldest_first;
        oldest_first = h->next;
        e->held--;
        rc = e->alone(e->ctx, &h->op, err) ? -1 : rc;
        free(h);
    }
    return rc;
}

static uint64_t key_of(const struct sb_slow_op *op, struct sb_span db, struct sb_span collection)
{
    uint64_t h = sb_mix((uint64_t)op->kind + 1, op->ctx.p, op->ctx.n);
    h = sb_mix(h, db.p, db.n);
    h = sb_mix(h, collection.p, collection.n);
    return h ? h : 1;
}

/* The part of a namespace before its first dot, and what is behind it. */
static struct sb_span db_of(struct sb_span ns, struct sb_span *rest)
{
    if (!ns.n)
        ns = SB_SPAN("");
    const char *dot = memchr(ns.p, '.', ns.n);
    size_t n = dot ? (size_t)(dot - ns.p) : ns.n;
    *rest = (struct sb_span){ns.p + n + (dot != NULL), ns.n - n - (dot != NULL)};
    return (struct sb_span){ns.p, n};
}

static int64_t newest(const struct slot *slot)
{
    return slot->held && slot->held->op.at_ms > slot->write_ms ? slot->held->op.at_ms : slot->write_ms;
}

/* The slot of a key, or the one that makes way for it: free, else the oldest, of those with nothing held if there are. */
static struct slot *find(struct sb_envelopes *e, uint64_t key)
{
    struct slot *set = e->slots[key % SETS], *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if ((!set[i].held && oldest->held) || (!set[i].held == !oldest->held && newest(&set[i]) < newest(oldest)))
            oldest = &set[i];
    }
    return oldest;
}

static int claim(struct sb_envelopes *e, uint64_t key, struct slot **out, struct sb_err *err)
{
    struct slot *slot = find(e, key);
    int rc = 0;
    if (slot->key != key) {
        rc = hand_back(e, slot, INT64_MAX, err);
        *slot = (struct slot){.key = key, .write_ms = SB_NO_TIME};
    }
    *out = slot;
    return rc;
}

/* Did a write that ended at write_ms run inside the envelope? What is not known is given the benefit of the doubt. */
static bool inside(int64_t write_ms, const struct sb_slow_op *envelope)
{
    if (write_ms == SB_NO_TIME || envelope->at_ms == SB_NO_TIME)
        return true;
    if (write_ms > envelope->at_ms)
        return false;
    /* both moments and the duration are cut to milliseconds, so they may be one apart */
    return envelope->duration_ms < 0 || envelope->at_ms - write_ms <= envelope->duration_ms + 1;
}

void sb_envelopes_write(struct sb_envelopes *e, const struct sb_slow_op *op)
{
    struct sb_span collection, db = db_of(op->ns, &collection);
    uint64_t key = key_of(op, db, collection);
    struct slot *slot = find(e, key);
    for (struct held **h = &slot->held; slot->key == key && *h; h = &(*h)->next) {
        if (inside(op->at_ms, &(*h)->op)) {
            struct held *next = (*h)->next;
            free(*h);
            *h = next;
            e->held--;
            return;
        }
    }
    if (slot->key != key) {
        if (slot->held)
            return; /* every way holds an envelope: an envelope of this write will count for itself */
        *slot = (struct slot){.key = key};
    }
    slot->write_ms = op->at_ms;
    slot->writes++;
}

static struct sb_span put(char **to, struct sb_span text)
{
    if (!text.p)
        return text;
    struct sb_span copy = {*to, text.n};
    if (text.n)
        memcpy(*to, text.p, text.n);
    *to += text.n;
    return copy;
}

static struct held *hold(const struct sb_slow_op *op, struct sb_span db)
{
    bool command = op->command.form != SB_DOC_NONE && op->command.n <= MAX_COMMAND;
    size_t n = db.n + 1 + op->target.n + op->app.n + op->plan.n + op->query_hash.n + (command ? op->command.n : 0);
    struct held *held = malloc(sizeof *held + n);
    if (!held)
        return NULL;
    char *to = held->bytes;
    held->op = *op;
    held->op.ns = put(&to, db);
    *to++ = '.';
    held->op.ns.n += 1 + op->target.n;
    put(&to, op->target);
    held->op.target = held->op.ctx = held->op.remote = (struct sb_span){NULL, 0};
    held->op.app = put(&to, op->app);
    held->op.plan = put(&to, op->plan);
    held->op.query_hash = put(&to, op->query_hash);
    held->op.name = SB_SPAN("update"); /* not asked: the kind has a name */
    held->op.originating = (struct sb_doc){SB_DOC_NONE, false, NULL, 0};
    held->op.command = (struct sb_doc){SB_DOC_NONE, false, NULL, 0};
    if (command) {
        held->op.command = op->command;
        held->op.command.p = put(&to, (struct sb_span){op->command.p, op->command.n}).p;
    }
    return held;
}

int sb_envelopes_take(struct sb_envelopes *e, const struct sb_slow_op *op, struct sb_err *err)
{
    struct sb_span rest, db = db_of(op->ns, &rest);
    struct slot *slot;
    if (!op->target.n || !op->ctx.n || !db.n)
        return e->alone(e->ctx, op, err); /* nothing to tell it by */
    if (claim(e, key_of(op, db, op->target), &slot, err))
        return -1;
    if (slot->writes && inside(slot->write_ms, op)) {
        slot->writes--;
        return 0;
    }
    slot->writes = 0; /* what is left is of commands long gone */
    size_t held = 0;
    for (const struct held *h = slot->held; h; h = h->next)
        held++;
    if (hand_back(e, slot, held < MAX_HELD ? op->at_ms : INT64_MAX, err))
        return -1;
    struct held *h = hold(op, db);
    if (!h)
        return e->alone(e->ctx, op, err); /* better counted now, with its write perhaps, than lost */
    h->next = slot->held;
    slot->held = h;
    e->held++;
    return 0;
}

int sb_envelopes_settle(struct sb_envelopes *e, int64_t before_ms, struct sb_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < SETS && (e->held || before_ms == INT64_MAX); i++) {
        for (size_t k = 0; k < WAYS; k++) {
            struct slot *slot = &e->slots[i][k];
            rc = hand_back(e, slot, before_ms, err) ? -1 : rc;
            if (before_ms == INT64_MAX)
                *slot = (struct slot){.key = 0};
        }
    }
    return rc;
}
