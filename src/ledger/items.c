/* SPDX-License-Identifier: Apache-2.0
 *
 * Which cards, cases and anomalies there are and which of them are open, folded from entries without parsing them whole.
 * tests/ledger proves that `open` is what the folds of model/ say. */
#include "derived.h"

#include <signalbox/model/lifecycle.h>

#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

void sb_items_release(struct sb_items *t)
{
    for (size_t i = 0; i < t->cap; i++)
        free(t->slot[i].id);
    free(t->slot);
    memset(t, 0, sizeof *t);
}

static struct sb_item_state *probe(const struct sb_items *t, const char *id, size_t n, uint64_t hash)
{
    size_t i = hash & (t->cap - 1);
    while (t->slot[i].id && (t->slot[i].hash != hash || strncmp(t->slot[i].id, id, n) != 0 || t->slot[i].id[n] != '\0'))
        i = (i + 1) & (t->cap - 1);
    return &t->slot[i];
}

struct sb_item_state *sb_items_find(const struct sb_items *t, const char *id, size_t n)
{
    if (t->cap == 0)
        return NULL;
    struct sb_item_state *s = probe(t, id, n, sb_fnv1a(SB_FNV_START, id, n));
    return s->id ? s : NULL;
}

static int grow(struct sb_items *t)
{
    struct sb_items bigger = {.cap = t->cap ? 2 * t->cap : 64};
    bigger.slot = calloc(bigger.cap, sizeof *bigger.slot);
    if (!bigger.slot)
        return -1;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slot[i].id)
            *probe(&bigger, t->slot[i].id, strlen(t->slot[i].id), t->slot[i].hash) = t->slot[i];
    free(t->slot);
    t->slot = bigger.slot;
    t->cap = bigger.cap;
    return 0;
}

struct sb_item_state *sb_items_add(struct sb_items *t, const char *id, size_t n)
{
    if (t->n * 2 >= t->cap && grow(t))
        return NULL;
    uint64_t hash = sb_fnv1a(SB_FNV_START, id, n);
    struct sb_item_state *s = probe(t, id, n, hash);
    s->id = sb_strdup_n(id, n);
    if (!s->id)
        return NULL;
    s->hash = hash;
    t->n++;
    return s;
}

/* ---- folding ---- */

struct fold {
    struct sb_items *t;
    const struct sb_entry_view *v;
    sb_item_load_fn load;
    void *ctx;
    struct sb_err *err;
};

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

/* The item behind a reference, made when it is new; *out is NULL when the entry has no such reference. */
static int touch(struct fold *f, struct sb_span ref, int kind, struct sb_item_state **out)
{
    struct sb_span id = sb_span_plain(ref);
    *out = NULL;
    if (!id.p || id.n == 0 || id.n > SB_ITEM_ID_MAX)
        return 0;
    struct sb_item_state *s = sb_items_find(f->t, id.p, id.n);
    if (!s) {
        s = sb_items_add(f->t, id.p, id.n);
        if (!s)
            return sb_fail_nomem(f->err);
        int known = f->load ? f->load(f->ctx, s, f->err) : 0;
        if (known < 0)
            return -1;
        if (known == 0) {
            s->kind = kind;
            s->first = f->v->seq;
        }
    }
    s->last = f->v->seq;
    s->dirty = true;
    note_number(f->t, kind, id);
    *out = s;
    return 0;
}

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

static bool span_true(struct sb_span value)
{
    return value.p && *value.p == 't';
}

/* A card's openness is that of its state, but for a failed card that somebody has seen and left. */
static void card_state(struct sb_item_state *s, int state)
{
    if (state >= 0)
        s->open = sb_state_open((enum sb_state)state) && !(state == SB_FAILED && s->closed);
}

static void fold_card(struct sb_item_state *s, const struct sb_entry_view *v)
{
    if (sb_span_is(v->kind, "state")) {
        if (sb_span_is(sb_span_find(v->body, "event"), "close"))
            s->closed = true;
        card_state(s, find_state(sb_span_find(v->body, "to")));
    } else if (sb_span_is(v->kind, "recommendation") || sb_span_is(v->kind, "edit")) {
        struct sb_span card = sb_span_find(v->body, "card"), state = sb_span_find(card, "state");
        s->closed = span_true(sb_span_find(card, "closed"));
        card_state(s, state.p ? find_state(state) : SB_DRAFT);
    }
}

static void fold_case(struct sb_item_state *s, const struct sb_entry_view *v)
{
    if (sb_span_is(v->kind, "request"))
        s->open = true;
    else if (sb_span_is(v->kind, "case.close"))
        s->open = false;
}

static void fold_anomaly(struct sb_item_state *s, const struct sb_entry_view *v)
{
    if (sb_span_is(v->kind, "anomaly")) {
        struct sb_span to = sb_span_find(v->body, "anomaly.to");
        s->open = !to.p || *to.p == 'n';
    }
}

int sb_items_apply(struct sb_items *t, const struct sb_entry_view *v, sb_item_load_fn load, void *ctx, struct sb_err *err)
{
    struct fold f = {t, v, load, ctx, err};
    struct sb_item_state *s;
    if (touch(&f, v->card, SB_ITEM_CARD, &s))
        return -1;
    if (s)
        fold_card(s, v);
    if (touch(&f, v->case_id, SB_ITEM_CASE, &s))
        return -1;
    if (s)
        fold_case(s, v);
    if (touch(&f, v->anomaly, SB_ITEM_ANOMALY, &s))
        return -1;
    if (s)
        fold_anomaly(s, v);
    struct sb_span decision = sb_span_plain(v->decision);
    if (decision.p)
        note_number(t, 3, decision);
    return 0;
}
