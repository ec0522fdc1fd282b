/* SPDX-License-Identifier: Apache-2.0
 *
 * Which cards, cases and anomalies are open, folded from entries without parsing them whole. tests/ledger proves that the
 * answer is that of the folds of model/. */
#include "derived.h"

#include <signalbox/base/array.h>
#include <signalbox/model/lifecycle.h>

#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

void sb_items_release(struct sb_items *t)
{
    free(t->item);
    free(t->slot);
    if (t->n)
        sb_str_release(&t->ids);
    memset(t, 0, sizeof *t);
}

const char *sb_items_id(const struct sb_items *t, const struct sb_item_state *item)
{
    return t->ids.p + item->id;
}

static uint32_t hash_of(const char *id, size_t n)
{
    uint64_t h = sb_fnv1a(SB_FNV_START, id, n);
    return (uint32_t)(h ^ h >> 32);
}

static bool is_item(const struct sb_items *t, const struct sb_item_state *item, const char *id, size_t n)
{
    return item->n == n && memcmp(t->ids.p + item->id, id, n) == 0;
}

/* The slot of an id: the one that holds it, or the free one where it belongs. */
static struct sb_item_slot *probe(const struct sb_items *t, const char *id, size_t n, uint32_t hash)
{
    size_t i = hash & (t->slots - 1);
    while (t->slot[i].at && (t->slot[i].hash != hash || !is_item(t, &t->item[t->slot[i].at - 1], id, n)))
        i = (i + 1) & (t->slots - 1);
    return &t->slot[i];
}

struct sb_item_state *sb_items_find(const struct sb_items *t, const char *id, size_t n)
{
    if (t->slots == 0)
        return NULL;
    const struct sb_item_slot *s = probe(t, id, n, hash_of(id, n));
    return s->at ? &t->item[s->at - 1] : NULL;
}

static int grow_index(struct sb_items *t)
{
    size_t slots = t->slots ? 2 * t->slots : 64;
    struct sb_item_slot *slot = calloc(slots, sizeof *slot);
    if (!slot)
        return -1;
    for (size_t i = 0; i < t->slots; i++)
        if (t->slot[i].at) { /* all ids differ: the next free one is its place */
            size_t k = t->slot[i].hash & (slots - 1);
            while (slot[k].at)
                k = (k + 1) & (slots - 1);
            slot[k] = t->slot[i];
        }
    free(t->slot);
    t->slot = slot;
    t->slots = slots;
    return 0;
}

struct sb_item_state *sb_items_add(struct sb_items *t, const char *id, size_t n)
{
    if (t->n == 0)
        sb_str_init(&t->ids);
    if ((t->n * 2 >= t->slots && grow_index(t)) || t->n >= UINT32_MAX / 2 || SB_GROW(t->item, t->cap, t->n + 1))
        return NULL;
    size_t at = t->ids.len;
    sb_str_add(&t->ids, id, n);
    sb_str_add(&t->ids, "", 1);
    if (!sb_str_ok(&t->ids))
        return NULL;
    uint32_t hash = hash_of(id, n);
    *probe(t, id, n, hash) = (struct sb_item_slot){hash, (uint32_t)++t->n};
    struct sb_item_state *item = &t->item[t->n - 1];
    *item = (struct sb_item_state){.id = at, .n = (uint32_t)n};
    return item;
}

int sb_items_purge(struct sb_items *t)
{
    struct sb_items kept = {.n = 0};
    memcpy(kept.number, t->number, sizeof kept.number);
    for (size_t i = 0; i < t->n; i++) {
        if (t->item[i].gone)
            continue;
        struct sb_item_state *item = sb_items_add(&kept, sb_items_id(t, &t->item[i]), t->item[i].n);
        if (!item) {
            sb_items_release(&kept);
            return -1;
        }
        size_t id = item->id;
        *item = t->item[i];
        item->id = id;
    }
    sb_items_release(t);
    *t = kept;
    return 0;
}

/* ---- what an entry does to an item ---- */

enum change {
    STAYS,
    OPENS,  /* or stays open */
    RESTS,  /* not open, but its having been closed has to be remembered */
    GOES,
};

static int find_state(struct sb_span text)
{
    char name[32];
    struct sb_span inside = sb_span_plain(text);
    if (!inside.p || inside.n >= sizeof name)
        return -1;
    memcpy(name, inside.p, inside.n);
    name[inside.n] = '\0';
    return sb_name_find(&sb_states, name);
}

/* A card's openness is that of its state, but for a failed card that somebody has seen and left. */
static enum change card_in(int state, bool closed)
{
    if (state < 0)
        return STAYS;
    if (state == SB_FAILED && closed)
        return RESTS;
    return sb_state_open((enum sb_state)state) ? OPENS : GOES;
}

static enum change change_card(const struct sb_entry_view *v, bool *closed)
{
    if (sb_span_is(v->kind, "state")) {
        *closed |= sb_span_is(v->body_part[SB_BODY_EVENT], "close");
        return card_in(find_state(v->body_part[SB_BODY_TO]), *closed);
    }
    if (sb_span_is(v->kind, "recommendation") || sb_span_is(v->kind, "edit")) {
        struct sb_span state = v->body_part[SB_BODY_CARD_STATE], seen = v->body_part[SB_BODY_CARD_CLOSED];
        *closed = seen.p && *seen.p == 't';
        return card_in(state.p ? find_state(state) : SB_DRAFT, *closed);
    }
    return STAYS;
}

static enum change change_case(const struct sb_entry_view *v)
{
    return sb_span_is(v->kind, "request") ? OPENS : sb_span_is(v->kind, "case.close") ? GOES : STAYS;
}

static enum change change_anomaly(const struct sb_entry_view *v)
{
    struct sb_span to = v->body_part[SB_BODY_ANOMALY_TO];
    return !sb_span_is(v->kind, "anomaly") ? STAYS : !to.p || *to.p == 'n' ? OPENS : GOES;
}

/* ---- folding ---- */

/* "C-000012" -> 12; 0 for anything else */
static int64_t number_of(const char *id, size_t n, char prefix)
{
    if (n < 3 || n > 18 || id[0] != prefix || id[1] != '-')
        return 0;
    int64_t v = 0;
    for (size_t i = 2; i < n; i++) {
        if (id[i] < '0' || id[i] > '9')
            return 0;
        v = v * 10 + (id[i] - '0');
    }
    return v;
}

static void note_number(struct sb_items *t, int which, struct sb_span id)
{
    static const char prefix[4] = {'C', 'K', 'A', 'd'};
    int64_t v = number_of(id.p, id.n, prefix[which]);
    if (v > t->number[which])
        t->number[which] = v;
}

/* Entries of one case come in a row: the item is mostly the one before, whose number is noted. */
static struct sb_item_state *recent(const struct sb_items *t, int kind, struct sb_span id)
{
    size_t at = t->recent[kind];
    return at < t->n && is_item(t, &t->item[at], id.p, id.n) ? &t->item[at] : NULL;
}

static int apply(struct sb_items *t, const struct sb_entry_view *v, int kind, struct sb_span ref)
{
    if (!ref.p || ref.n < 3 || ref.n > SB_ITEM_ID_MAX + 2)
        return 0;
    struct sb_span id = {ref.p + 1, ref.n - 2};
    struct sb_item_state *item = recent(t, kind, id);
    if (!item) {
        if (!sb_span_plain(ref).p)
            return 0;
        note_number(t, kind, id);
        item = sb_items_find(t, id.p, id.n);
    }
    bool known = item && !item->gone, closed = known && item->closed;
    enum change change = kind == SB_ITEM_CARD ? change_card(v, &closed) : kind == SB_ITEM_CASE ? change_case(v) : change_anomaly(v);
    if (!known && (change == STAYS || change == GOES))
        return 0;
    if (!item)
        item = sb_items_add(t, id.p, id.n);
    if (!item)
        return -1;
    if (!known) {
        t->gone -= item->gone;
        item->gone = false;
        item->kind = (uint8_t)kind;
        item->first = v->seq;
        item->entries = 0;
    }
    t->recent[kind] = (size_t)(item - t->item);
    item->closed = closed;
    item->entries++;
    item->dirty = true;
    if (change == GOES) {
        item->gone = true;
        t->gone++;
    } else if (change != STAYS) {
        item->open = change == OPENS;
    }
    return 0;
}

int sb_items_apply(struct sb_items *t, const struct sb_entry_view *v, struct sb_err *err)
{
    struct sb_span decision = sb_span_plain(v->decision);
    if (decision.p)
        note_number(t, 3, decision);
    if (apply(t, v, SB_ITEM_CARD, v->card) || apply(t, v, SB_ITEM_CASE, v->case_id) || apply(t, v, SB_ITEM_ANOMALY, v->anomaly))
        return sb_fail_nomem(err);
    return 0;
}
