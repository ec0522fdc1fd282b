/* SPDX-License-Identifier: Apache-2.0 */
#include "intake_lean.h"
#include "intake_lexicon.h"

#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 12 /* of one word: itself and its classes */
#define COUNTED_MAX 2048

/* ---- the table ---- */

static size_t place(const struct sb_leanings *l, const char *trait)
{
    size_t at = (size_t)sb_fnv1a(SB_FNV_START, trait, strlen(trait)) & (l->slots_n - 1);
    while (l->slots[at] && strcmp(l->items[l->slots[at] - 1].trait, trait) != 0)
        at = (at + 1) & (l->slots_n - 1);
    return at;
}

static int rehash(struct sb_leanings *l, size_t slots_n)
{
    uint32_t *slots = calloc(slots_n, sizeof *slots);
    if (!slots)
        return -1;
    free(l->slots);
    l->slots = slots;
    l->slots_n = slots_n;
    for (size_t i = 0; i < l->n; i++)
        l->slots[place(l, l->items[i].trait)] = (uint32_t)i + 1;
    return 0;
}

int sb_leanings_add(struct sb_leanings *l, const struct sb_leaning *item, struct sb_err *err)
{
    if (SB_GROW(l->items, l->cap, l->n + 1) || (l->slots_n < 2 * (l->n + 1) && rehash(l, l->slots_n ? l->slots_n * 2 : 1024)))
        return sb_fail_nomem(err);
    size_t at = place(l, item->trait);
    if (l->slots[at])
        return sb_fail(err, SB_EINPUT, "\"%s\" stands there already", item->trait);
    l->items[l->n++] = *item;
    l->slots[at] = (uint32_t)l->n;
    return 0;
}

void sb_leanings_release(struct sb_leanings *l)
{
    free(l->items);
    free(l->slots);
    memset(l, 0, sizeof *l);
}

const struct sb_leaning *sb_leanings_find(const struct sb_leanings *l, const char *trait)
{
    if (!l->n)
        return NULL;
    uint32_t at = l->slots[place(l, trait)];
    return at ? &l->items[at - 1] : NULL;
}

/* ---- the traits of a request ---- */

/* What one word is called: its stem, or what it is by its form, and its classes (in capitals). */
struct names {
    char stem[SB_WORD_MAX + 1];
    const char *name[NAMES_MAX];
    size_t n;
};

static bool set(const struct sb_classes *c, size_t which)
{
    return c->w[which / 64] >> which % 64 & 1;
}

static void name_word(const struct sb_lexicon *l, const struct sb_word *w, struct names *names)
{
    names->n = 1;
    memcpy(names->stem, w->text, sizeof names->stem);
    sb_stem(names->stem);
    names->name[0] = names->stem;
    for (size_t f = 0; f < SB_FORM_COUNT; f++)
        if (f != SB_FORM_CALL && f != SB_FORM_KNOWN && f != SB_FORM_ASKS && set(&w->classes, f)) {
            names->name[0] = l->classes[f];
            break;
        }
    for (size_t block = 0; block < SB_CLASSES_MAX / 64; block++)
        for (uint64_t left = w->classes.w[block] & ~l->grammar.w[block]; left && names->n < NAMES_MAX; left &= left - 1) {
            size_t k = block * 64 + (size_t)__builtin_ctzll(left);
            if (k >= SB_FORM_COUNT && isupper((unsigned char)l->classes[k][0])) /* one of small letters is a rule's own word */
                names->name[names->n++] = l->classes[k];
        }
}

void sb_traits(const struct sb_lexicon *l, const struct sb_word *words, size_t n, sb_trait_fn fn, void *ctx)
{
    struct names names[2];
    char trait[SB_TRAIT_MAX];
    bool any = false;
    for (size_t i = 0, turn = 0; i < n; i++) {
        if (words[i].denied)
            continue;
        struct names *now = &names[turn], *before = &names[1 - turn];
        name_word(l, &words[i], now);
        for (size_t k = 0; k < now->n; k++) {
            fn(ctx, now->name[k], i);
            if (!any) {
                snprintf(trait, sizeof trait, "^ %s", now->name[k]);
                fn(ctx, trait, i);
            }
            for (size_t j = 0; any && words[i].sentence == words[i - 1].sentence && j < before->n; j++) {
                if ((k == 0) != (j == 0) && !(now->n == 1 || before->n == 1)) /* like with like */
                    continue;
                snprintf(trait, sizeof trait, "%s %s", before->name[j], now->name[k]);
                fn(ctx, trait, i);
            }
        }
        if (set(&words[i].classes, SB_FORM_ASKS))
            fn(ctx, "ASKS", i);
        any = true;
        turn = 1 - turn;
    }
}

struct sum {
    const struct sb_leanings *l;
    int64_t *sums, *by_word;
    int outcome;
    const struct sb_leaning *counted[COUNTED_MAX];
    size_t n;
};

static void add(void *ctx, const char *trait, size_t word)
{
    struct sum *s = ctx;
    const struct sb_leaning *item = sb_leanings_find(s->l, trait);
    if (!item || s->n == COUNTED_MAX)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (s->counted[i] == item)
            return;
    s->counted[s->n++] = item;
    for (size_t i = 0; i < SB_OUTCOMES; i++)
        s->sums[i] += item->weight[i];
    if (s->by_word)
        s->by_word[word] += item->weight[s->outcome];
}

void sb_leanings_weigh(const struct sb_leanings *l, const struct sb_lexicon *lexicon, const struct sb_word *words, size_t n, int64_t sums[SB_OUTCOMES], int outcome, int64_t *by_word)
{
    struct sum s = {.l = l, .sums = sums, .by_word = by_word, .outcome = outcome};
    memset(sums, 0, SB_OUTCOMES * sizeof *sums);
    if (l->n && n)
        sb_traits(lexicon, words, n, add, &s);
}
