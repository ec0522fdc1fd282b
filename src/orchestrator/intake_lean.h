/* SPDX-License-Identifier: Apache-2.0
 *
 * intake_lean.h - what single words and pairs of words lean to, learnt from sentences: what no rule was written for.
 *
 * A trait of a request is a word (its stem), a class, two of them side by side, or the first of all ("^ show"). Each trait has
 * a weight for each intent and for none; they come from tests/orchestrator/learn.c and stand in the file of intents as lines of
 * their own (`lean`), so that they can be read and changed. Thread: read only once it is sealed.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_INTAKE_LEAN_H
#define SIGNALBOX_ORCHESTRATOR_INTAKE_LEAN_H

#include "intake_words.h"

#include <signalbox/model/names.h>

#define SB_TRAIT_MAX (2 * SB_WORD_MAX + 4) /* bytes, with the NUL */
#define SB_OUTCOMES (SB_INTENT_STATUS + 1) /* the intents, and none */

struct sb_leaning {
    char trait[SB_TRAIT_MAX];
    int16_t weight[SB_OUTCOMES];
};

struct sb_leanings {
    struct sb_leaning *items;
    size_t n, cap;
    uint32_t *slots; /* a hash table of items, 1 + index; slots_n is a power of two */
    size_t slots_n;
};

/* Adds one; a trait is given once (-1 with err). */
int sb_leanings_add(struct sb_leanings *l, const struct sb_leaning *item, struct sb_err *err);
void sb_leanings_release(struct sb_leanings *l);
const struct sb_leaning *sb_leanings_find(const struct sb_leanings *l, const char *trait);

/* Each trait of the words that are not denied, in their order, each as often as it stands there; of which word. */
typedef void (*sb_trait_fn)(void *ctx, const char *trait, size_t word);
void sb_traits(const struct sb_lexicon *lexicon, const struct sb_word *words, size_t n, sb_trait_fn fn, void *ctx);

/* The sums over the words, a trait counted once. by_word (NULL: not wanted): what each of the n words adds to one outcome. */
void sb_leanings_weigh(const struct sb_leanings *l, const struct sb_lexicon *lexicon, const struct sb_word *words, size_t n, int64_t sums[SB_OUTCOMES], int outcome, int64_t *by_word);

#endif
