/* SPDX-License-Identifier: Apache-2.0
 *
 * The step iterator "pair_written": do the applications write a field in both of its collections? For each document that a write has
 * touched it is kept what the last write on either side has made of the field; as long as that differs, the oplog is read anew from
 * there in the next turn, so that nothing has to be remembered between two. What differs for longer than GRACE_S is held against the
 * documents themselves: a write that changes nothing is not in an oplog. */
#include "step_iterator_kinds.h"

#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/base/array.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_S 30
#define MOST_PAIRS 2000

/* ---- pairs ---- */

struct pair {
    uint64_t key;       /* of the _id */
    bson_t *id;         /* {"_id": it} */
    uint64_t made[2];   /* by the last write on this side; 0: none was seen */
    uint64_t at, before; /* since when they differ: of that entry, and of the one in front of it (0: the first of this turn) */
    bool differ;
};

struct look {
    const struct sb_turn_question *q;
    const char *ns[2];
    struct pair *pair;
    size_t n, cap;
    uint64_t *touch; /* moments of the writes of the field on the first side, in order */
    size_t touch_n, touch_cap;
    uint64_t at, last; /* of the entry that is looked at, and of the one in front of it */
    int64_t read;
    bool full, nomem;
};

static void look_release(struct look *l)
{
    for (size_t i = 0; i < l->n; i++)
        bson_destroy(l->pair[i].id);
    free(l->pair);
    free(l->touch);
}

static struct pair *pair_of(struct look *l, const bson_iter_t *id)
{
    uint64_t key = sb_value_hash(id);
    for (size_t i = 0; i < l->n; i++)
        if (l->pair[i].key == key)
            return &l->pair[i];
    for (size_t i = 0; l->n >= MOST_PAIRS && i < l->n; i++) /* those that are the same need not be kept */
        if (!l->pair[i].differ) {
            bson_destroy(l->pair[i].id);
            l->pair[i] = l->pair[--l->n];
            i--;
        }
    if (l->n >= MOST_PAIRS) {
        l->full = true;
        return NULL;
    }
    if (SB_GROW(l->pair, l->cap, l->n + 1)) {
        l->nomem = true;
        return NULL;
    }
    struct pair *p = &l->pair[l->n++];
    *p = (struct pair){.key = key, .id = bson_new()};
    BSON_APPEND_VALUE(p->id, "_id", bson_iter_value((bson_iter_t *)(uintptr_t)id));
    return p;
}

static void judge(void *ctx, const bson_t *entry)
{
    struct look *l = ctx;
    const char *ns = sb_text_at(entry, "ns"), *op = sb_text_at(entry, "op");
    bson_iter_t it, id;
    bson_t o, o2;
    int side = ns && strcmp(ns, l->ns[0]) == 0 ? 0 : ns && strcmp(ns, l->ns[1]) == 0 ? 1 : -1;
    if (side < 0 || !op || strlen(op) != 1 || !strchr("iud", op[0]) || !bson_iter_init_find(&it, entry, "o") || !sb_sub_document(&it, &o))
        return;
    bool update = bson_iter_init_find(&it, entry, "o2") && sb_sub_document(&it, &o2);
    uint64_t made = sb_write_makes(op, &o, l->q->step->work.field);
    if (!made || !bson_iter_init_find(&id, update ? &o2 : &o, "_id") || (op[0] == 'i' && made == SB_WRITE_TAKES))
        return;
    struct pair *p = pair_of(l, &id);
    if (!p)
        return;
    if (side == 0) {
        if (SB_GROW(l->touch, l->touch_cap, l->touch_n + 1)) {
            l->nomem = true;
            return;
        }
        l->touch[l->touch_n++] = l->at;
    }
    p->made[side] = made;
    bool differ = p->made[0] != p->made[1];
    if (differ && !p->differ) {
        p->at = l->at;
        p->before = l->last;
    }
    p->differ = differ;
}

static bool take_entry(void *ctx, const bson_t *doc)
{
    struct look *l = ctx;
    uint64_t ts = 0;
    sb_take_ts(&ts, doc);
    l->at = ts;
    sb_each_operation(doc, judge, l);
    if (l->full || l->nomem)
        return false; /* this entry is read again */
    l->read++;
    l->last = ts;
    l->full = l->read >= SB_LOOK_ENTRIES;
    return !l->full;
}

/* ---- what differs still ---- */

struct now {
    bson_t *doc;
};

static bool take_now(void *ctx, const bson_t *doc)
{
    ((struct now *)ctx)->doc = bson_copy(doc);
    return false;
}

static int read_now(struct sb_conn *c, const char *ns, const struct pair *p, const char *field, struct now *out, struct sb_err *err)
{
    char db[64], coll[192];
    if (!sb_ns_split(ns, db, coll))
        return sb_fail(err, SB_EINTERNAL, "the step does not say which collections are looked at");
    bson_t *find = BCON_NEW("find", BCON_UTF8(coll), "filter", BCON_DOCUMENT(p->id), "projection", "{", "_id", BCON_INT32(1), field, BCON_INT32(1), "}", "limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
    int64_t n = sb_read_cursor(c, db, find, 1, take_now, out, err);
    bson_destroy(find);
    return n < 0 ? -1 : 0;
}

/* Do both documents say the same by now? 1, 0, -1. */
static int same_now(struct sb_conn *c, const struct look *l, const struct pair *p, struct sb_err *err)
{
    struct now a = {NULL}, b = {NULL};
    bson_iter_t x, y;
    const char *field = l->q->step->work.field;
    int rc = read_now(c, l->ns[0], p, field, &a, err) || read_now(c, l->ns[1], p, field, &b, err) ? -1 : 0;
    if (rc == 0) {
        bool there = a.doc && bson_iter_init_find(&x, a.doc, field), also = b.doc && bson_iter_init_find(&y, b.doc, field);
        rc = there == also && (!there || sb_value_hash(&x) == sb_value_hash(&y));
    }
    if (a.doc)
        bson_destroy(a.doc);
    if (b.doc)
        bson_destroy(b.doc);
    return rc;
}

/* From where it has to be read anew (0: from nowhere), and the newest write that was not followed. */
static int look_at_pairs(struct sb_conn *c, struct look *l, uint64_t *hold, uint64_t *before, uint64_t *broken, struct sb_err *err)
{
    *hold = *before = *broken = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct pair *p = &l->pair[i];
        if (!p->differ)
            continue;
        if ((int64_t)(p->at >> 32) + GRACE_S > l->q->now / 1000) {
            if (!*hold || p->at < *hold) {
                *hold = p->at;
                *before = p->before;
            }
            continue;
        }
        int same = same_now(c, l, p, err);
        if (same < 0)
            return -1;
        if (!same && p->at > *broken)
            *broken = p->at;
    }
    return 0;
}

static int conclude(struct sb_conn *c, struct look *l, struct sb_turn_answer *out, struct sb_err *err)
{
    const struct sb_step_work *w = &l->q->step->work;
    struct sb_place *p = &out->next;
    uint64_t hold, before, broken;
    if (look_at_pairs(c, l, &hold, &before, &broken, err))
        return -1;
    if (broken) {
        p->since = ((int64_t)(broken >> 32) + 1) * 1000;
        p->seen = 0;
    }
    for (size_t i = 0; i < l->touch_n; i++)
        p->seen += l->touch[i] > broken && (!hold || l->touch[i] < hold);
    uint64_t upto = hold ? before : l->last;
    if (upto && sb_look_remember(p, (uint32_t)(upto >> 32), (uint32_t)upto))
        return sb_fail_nomem(err);
    int64_t end = hold ? (int64_t)(hold >> 32) * 1000 : l->q->now, quiet_s = (end - p->since) / 1000;
    bool done = p->seen >= w->writes && quiet_s >= w->quiet_s && !l->full;
    out->turn = done ? SB_TURN_DONE : SB_TURN_WAIT;
    if (done)
        snprintf(out->why, sizeof out->why, "for %" PRId64 " s each of %" PRId64 " writes of %.60s has made %.80s say the same", quiet_s, p->seen, w->field, l->ns[1]);
    else
        snprintf(out->why, sizeof out->why, "%" PRId64 " of %" PRId64 " writes seen, %" PRId64 " s of %" PRId64 " s without one that breaks the rule%s%.60s%s%.80s", p->seen, w->writes, quiet_s > 0 ? quiet_s : 0,
                 w->quiet_s, broken ? "; the last one that did: " : "", broken ? w->field : "", broken ? " was written and not made the same in " : "", broken ? l->ns[1] : "");
    return 0;
}

int sb_next_pair(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    struct look l = {.q = q, .ns = {q->ns, q->step->work.new_field}};
    struct sb_look_reading r = {.server = server, .q = q, .take = take_entry, .ctx = &l};
    if (!q->step->work.field || !l.ns[1])
        return sb_fail(err, SB_EINTERNAL, "the step does not say which writes are looked at");
    int rc = sb_look_read(&r, out, err);
    if (rc == 1)
        rc = l.nomem ? sb_fail_nomem(err) : conclude(r.conn, &l, out, err);
    sb_conn_close(r.conn);
    look_release(&l);
    return rc;
}
