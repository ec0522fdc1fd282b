/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer_merge.h"

#include <string.h>

void sb_order_of(struct order *o, const struct candidate *c)
{
    o->n = c->n;
    size_t sorted = 0;
    for (size_t i = 0; i < c->n; i++) {
        o->field[i] = c->field[i];
        o->field[i].block = i < c->equalities ? 0 : (unsigned)(i - c->equalities) + 1;
        sorted += !c->field[i].free;
    }
    for (size_t i = 0; sorted == 1 && i < o->n; i++)
        o->field[i].free = true; /* one field sorts either way, read from either end */
}

bool sb_order_of_index(struct order *o, const struct sb_index_info *index)
{
    if (index->fields_n == 0 || index->fields_n > SB_INDEX_MAX_FIELDS)
        return false;
    o->n = index->fields_n;
    for (size_t i = 0; i < o->n; i++) {
        if (index->fields[i].direction == 0 || strchr(index->fields[i].path, '$'))
            return false;
        o->field[i] = (struct key_field){index->fields[i].path, (int)index->fields[i].direction, o->n == 1, false, (unsigned)i};
    }
    return true;
}

static const struct key_field *find(const struct order *o, const char *path)
{
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->field[i].path, path) == 0)
            return &o->field[i];
    return NULL;
}

/* +1: as it stands; -1: b turned round; 0: neither agrees with a. */
static int turn_of(const struct order *a, const struct order *b)
{
    int turn = 0;
    for (size_t i = 0; i < b->n; i++) {
        const struct key_field *f = find(a, b->field[i].path);
        if (!f || f->free || b->field[i].free)
            continue;
        int this_turn = f->direction * b->field[i].direction;
        if (turn && turn != this_turn)
            return 0;
        turn = this_turn;
    }
    return turn ? turn : 1;
}

struct merging {
    const struct order *from[2];
    bool used[2][SB_INDEX_MAX_FIELDS];
    size_t left[2];
    int turn; /* of the second */
    struct order *out;
    unsigned block;
};

/* The first block that is not used up; its fields that are left, as bits. */
static unsigned first_block(const struct merging *m, int side)
{
    const struct order *o = m->from[side];
    unsigned bits = 0;
    size_t i = 0;
    while (m->used[side][i])
        i++;
    for (size_t k = i; k < o->n && o->field[k].block == o->field[i].block; k++)
        bits |= m->used[side][k] ? 0 : 1u << k;
    return bits;
}

static void take(struct merging *m, int side, size_t i)
{
    struct key_field f = m->from[side]->field[i];
    if (side == 1 && !f.free)
        f.direction *= m->turn;
    f.block = m->block;
    m->used[side][i] = true;
    m->left[side]--;
    const struct key_field *other = find(m->from[1 - side], f.path);
    if (other && !other->free && f.free) {
        f.free = false;
        f.direction = side == 0 ? other->direction * m->turn : other->direction;
    }
    if (other)
        f.list = f.list && other->list;
    m->out->field[m->out->n++] = f;
}

/* Takes what the two first blocks have in common; one of them must be used up by it. */
static bool take_common(struct merging *m)
{
    const struct order *a = m->from[0], *b = m->from[1];
    unsigned in_a = first_block(m, 0), in_b = first_block(m, 1), common_a = 0, common_b = 0;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if ((in_a >> i & 1) && (in_b >> k & 1) && strcmp(a->field[i].path, b->field[k].path) == 0) {
                common_a |= 1u << i;
                common_b |= 1u << k;
            }
    if (!common_a || (common_a != in_a && common_b != in_b))
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (common_a >> i & 1)
            take(m, 0, i);
    for (size_t k = 0; k < b->n; k++)
        if (common_b >> k & 1) {
            m->used[1][k] = true;
            m->left[1]--;
        }
    m->block++;
    return true;
}

static bool take_rest(struct merging *m, int side)
{
    if (m->out->n + m->left[side] > SB_INDEX_MAX_FIELDS)
        return false;
    while (m->left[side]) {
        unsigned bits = first_block(m, side);
        for (size_t i = 0; i < m->from[side]->n; i++)
            if (bits >> i & 1)
                take(m, side, i);
        m->block++;
    }
    return true;
}

bool sb_order_merge(const struct order *a, const struct order *b, struct order *out)
{
    struct merging m = {.from = {a, b}, .left = {a->n, b->n}, .turn = turn_of(a, b), .out = out};
    out->n = 0;
    if (!m.turn)
        return false;
    while (m.left[0] && m.left[1])
        if (!take_common(&m))
            return false;
    return take_rest(&m, 0) && take_rest(&m, 1);
}

void sb_order_settle(struct order *o, const struct sb_index_question *q)
{
    for (size_t i = 1; i < o->n; i++)
        for (size_t k = i; k > 0 && o->field[k].block == o->field[k - 1].block && sb_field_before(q, &o->field[k], &o->field[k - 1]); k--) {
            struct key_field f = o->field[k];
            o->field[k] = o->field[k - 1];
            o->field[k - 1] = f;
        }
}
