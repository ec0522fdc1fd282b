/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that are not decided to the last: some fields may still change places, some may still turn. Two of them are merged into
 * one that serves whom either serves, where there is one. */
#ifndef SIGNALBOX_AGENTS_OPTIMIZER_MERGE_H
#define SIGNALBOX_AGENTS_OPTIMIZER_MERGE_H

#include "optimizer.h"

struct order {
    struct key_field field[SB_INDEX_MAX_FIELDS]; /* by block */
    size_t n;
};

/* What the candidate asks: its equalities in any order, then the rest. */
void sb_order_of(struct order *o, const struct candidate *c);

/* The key of an index that exists: false when it is not an ordered one. */
bool sb_order_of_index(struct order *o, const struct sb_index_info *index);

/* False when no key serves both. out may be neither of them. */
bool sb_order_merge(const struct order *a, const struct order *b, struct order *out);

/* Brings each block into its order, and turns nothing. */
void sb_order_settle(struct order *o, const struct sb_index_question *q);

/* optimizer_extend.c. Brings the key's order, where it is open, in line with indexes that exist, and notes in p which of them are
 * not needed beside it. */
void sb_plan_stand_for(const struct sb_index_question *q, const struct candidate *all, size_t n, struct planned *p, struct order *o);

/* Adds to the key the few fields with which an operation that returns much needs no document, where the sample says that it can. */
void sb_plan_cover(const struct sb_index_question *q, const struct candidate *all, size_t n, struct planned *p);

#endif
