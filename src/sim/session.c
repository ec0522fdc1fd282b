/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/hash.h>
#include <signalbox/sim/session.h>
#include <signalbox/sim/txn.h>

#include <stdlib.h>
#include <string.h>

struct entry {
    uint8_t id[16];
    bool used;
    struct sim_turn turn;
    struct sim_doc *reply;
    uint64_t touched;
};

/* Open addressing over a table that is rebuilt when it is half full of live and forgotten entries. */
struct sim_sessions {
    struct entry *slot;
    size_t slots, n;
    uint64_t clock;
};

struct sim_sessions *sim_sessions_new(void)
{
    return calloc(1, sizeof(struct sim_sessions));
}

void sim_sessions_free(struct sim_sessions *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->slots; i++)
        sim_doc_unref(t->slot[i].reply);
    free(t->slot);
    free(t);
}

static struct entry *place(struct entry *slot, size_t slots, const uint8_t id[16])
{
    size_t at = sb_fnv1a(SB_FNV_START, id, 16) & (slots - 1);
    while (slot[at].used && memcmp(slot[at].id, id, 16) != 0)
        at = (at + 1) & (slots - 1);
    return &slot[at];
}

static int compare_touched(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* A moment such that half of the sessions were used later; 0 while there are few. */
static uint64_t oldest_kept(const struct sim_sessions *t)
{
    if (t->n < SIM_SESSIONS_MAX)
        return 0;
    uint64_t *all = malloc(t->n * sizeof *all);
    if (!all)
        return 0;
    size_t n = 0;
    for (size_t i = 0; i < t->slots; i++)
        if (t->slot[i].used)
            all[n++] = t->slot[i].touched;
    qsort(all, n, sizeof *all, compare_touched);
    uint64_t at = all[n / 2];
    free(all);
    return at;
}

static int rebuild(struct sim_sessions *t)
{
    uint64_t least = oldest_kept(t);
    size_t slots = 256;
    while (slots < t->n * 4)
        slots *= 2;
    struct entry *slot = calloc(slots, sizeof *slot);
    if (!slot)
        return -1;
    size_t n = 0;
    for (size_t i = 0; i < t->slots; i++) {
        if (!t->slot[i].used)
            continue;
        if (t->slot[i].touched < least && t->slot[i].turn.state != SIM_TURN_OPEN) {
            sim_doc_unref(t->slot[i].reply);
            continue;
        }
        *place(slot, slots, t->slot[i].id) = t->slot[i];
        n++;
    }
    free(t->slot);
    t->slot = slot;
    t->slots = slots;
    t->n = n;
    return 0;
}

static const uint8_t *id_of(const uint8_t *lsid)
{
    struct sim_val id = sim_find(lsid, "id");
    return id.type == BSON_TYPE_BINARY && id.n == 21 ? id.p + 5 : NULL;
}

/* Made when missing; NULL for a malformed lsid or out of memory. */
static struct entry *need(struct sim *s, const uint8_t *lsid)
{
    struct sim_sessions *t = s->sessions;
    const uint8_t *id = id_of(lsid);
    if (!id || ((!t->slots || t->n * 2 >= t->slots) && rebuild(t)))
        return NULL;
    struct entry *e = place(t->slot, t->slots, id);
    if (!e->used) {
        memcpy(e->id, id, 16);
        e->used = true;
        e->turn.number = INT64_MIN;
        t->n++;
    }
    e->touched = ++t->clock;
    return e;
}

struct sim_turn *sim_session_turn(struct sim *s, const uint8_t *lsid)
{
    struct entry *e = need(s, lsid);
    return e ? &e->turn : NULL;
}

const uint8_t *sim_session_retried(struct sim *s, const uint8_t *lsid, int64_t txn, struct sim_fail *f)
{
    struct entry *e = need(s, lsid);
    if (!e)
        return NULL;
    if (txn < e->turn.number) {
        sim_fail(f, SIM_TXN_TOO_OLD, "Retryable write with txnNumber %lld is prohibited on session because a newer %s with txnNumber %lld has already "
                 "started on this session.", (long long)txn, e->turn.state == SIM_TURN_WRITE ? "retryable write" : "transaction", (long long)e->turn.number);
        return NULL;
    }
    if (txn == e->turn.number)
        return e->reply ? e->reply->bson : NULL;
    if (e->turn.state == SIM_TURN_OPEN) {
        sim_txn_abort_session(s, lsid);
        e = need(s, lsid);
    }
    sim_doc_unref(e->reply);
    e->reply = NULL;
    e->turn = (struct sim_turn){.number = txn};
    return NULL;
}

void sim_session_remember(struct sim *s, const uint8_t *lsid, int64_t txn, const uint8_t *reply)
{
    struct entry *e = need(s, lsid);
    if (!e || e->turn.number != txn)
        return;
    sim_doc_unref(e->reply);
    e->reply = sim_doc_new(reply);
    e->turn.ts = s->last_ts;
}

void sim_sessions_forget_after(struct sim *s, uint64_t ts)
{
    for (size_t i = 0; i < s->sessions->slots; i++) {
        struct entry *e = &s->sessions->slot[i];
        if (!e->used || e->turn.ts <= ts)
            continue;
        if (e->turn.state == SIM_TURN_COMMITTED)
            e->turn.state = SIM_TURN_ABORTED;
        sim_doc_unref(e->reply);
        e->reply = NULL;
    }
}

void sim_session_touch(struct sim *s, const uint8_t *lsid)
{
    need(s, lsid);
}

void sim_session_end(struct sim *s, const uint8_t *lsid)
{
    /* the entry stays until the table is rebuilt, but holds nothing: a hole would break the probing of others */
    const uint8_t *id = id_of(lsid);
    struct entry *e = id && s->sessions->slots ? place(s->sessions->slot, s->sessions->slots, id) : NULL;
    if (!e || !e->used)
        return;
    sim_txn_abort_session(s, lsid);
    sim_doc_unref(e->reply);
    e->reply = NULL;
    e->touched = 0;
}

size_t sim_session_count(const struct sim *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->sessions->slots; i++)
        n += s->sessions->slot[i].used && s->sessions->slot[i].touched;
    return n;
}
