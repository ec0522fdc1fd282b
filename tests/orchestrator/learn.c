/* SPDX-License-Identifier: Apache-2.0
 *
 * Learns what words lean to (intake_lean.h) from sentences behind their intents, and writes the `lean` lines of the file of
 * intents: `learn INTENTS SENTENCES...`, on stdout. Multinomial logistic regression by AdaGrad from a fixed seed, so that the
 * same sentences give the same lines; a trait counts from three sentences on. 500 of weight are one natural logarithm of odds.
 * Only sentences that rules may be written by are given to it, never those that a test measures with. */
#include "../../src/orchestrator/intake_lean.h"
#include "../../src/orchestrator/intake_rules.h"

#include <signalbox/base/array.h>
#include <signalbox/base/file.h>
#include <signalbox/base/rng.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT 500.0
#define ROUNDS 25
#define RATE 0.15
#define SHRINK 2e-3
#define SEEN_LEAST 3
#define SAID_LEAST 60

struct trait {
    char text[SB_TRAIT_MAX];
    size_t seen;
    double weight[SB_OUTCOMES], squares[SB_OUTCOMES], sum[SB_OUTCOMES]; /* sum: of the weights after each round */
};

struct sentence {
    uint32_t *trait;
    size_t n, cap;
    int outcome;
};

static struct {
    struct trait *traits;
    size_t n, cap;
    struct sb_leanings names; /* trait -> index, by its place in items */
    struct sentence *sentences;
    size_t sentences_n, sentences_cap;
} all;

static void must(bool ok)
{
    if (!ok) {
        fputs("learn: out of memory, or a file that cannot be read\n", stderr);
        exit(1);
    }
}

static void note(void *ctx, const char *trait, size_t word)
{
    struct sentence *s = ctx;
    struct sb_err err = SB_ERR_INIT;
    (void)word;
    const struct sb_leaning *found = sb_leanings_find(&all.names, trait);
    size_t at = found ? (size_t)(found - all.names.items) : all.n;
    if (!found) {
        struct sb_leaning item = {0};
        snprintf(item.trait, sizeof item.trait, "%s", trait);
        must(!SB_GROW(all.traits, all.cap, all.n + 1) && !sb_leanings_add(&all.names, &item, &err));
        memcpy(all.traits[all.n++].text, item.trait, sizeof item.trait);
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->trait[i] == at)
            return;
    must(!SB_GROW(s->trait, s->cap, s->n + 1));
    s->trait[s->n++] = (uint32_t)at;
    all.traits[at].seen++;
}

static void read_sentences(const struct sb_rules *rules, const char *path)
{
    struct sb_str text;
    struct sb_err err = SB_ERR_INIT;
    char *rest, *line;
    sb_str_init(&text);
    must(!sb_file_read(path, 1 << 20, &text, &err));
    for (line = strtok_r(text.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct sb_word words[SB_WORDS_MAX];
        char *tab = strchr(line, '\t');
        if (line[0] == '#' || !tab)
            continue;
        *tab = '\0';
        must(!SB_GROW(all.sentences, all.sentences_cap, all.sentences_n + 1));
        struct sentence *s = &all.sentences[all.sentences_n++];
        memset(s, 0, sizeof *s);
        must((s->outcome = sb_name_find(&sb_intents, line)) >= 0);
        sb_traits(rules->lexicon, words, sb_words_read(rules->lexicon, tab + 1, strlen(tab + 1), NULL, 0, words, SB_WORDS_MAX), note, s);
    }
    sb_str_release(&text);
}

static void step(const struct sentence *s)
{
    double score[SB_OUTCOMES] = {0}, most = -1e300, sum = 0;
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < SB_OUTCOMES; k++)
            score[k] += all.traits[s->trait[i]].seen >= SEEN_LEAST ? all.traits[s->trait[i]].weight[k] : 0;
    for (size_t k = 0; k < SB_OUTCOMES; k++)
        most = score[k] > most ? score[k] : most;
    for (size_t k = 0; k < SB_OUTCOMES; k++)
        sum += score[k] = exp(score[k] - most);
    for (size_t k = 0; k < SB_OUTCOMES; k++) {
        double off = score[k] / sum - ((int)k == s->outcome);
        for (size_t i = 0; i < s->n; i++) {
            struct trait *t = &all.traits[s->trait[i]];
            if (t->seen < SEEN_LEAST)
                continue;
            t->squares[k] += off * off;
            double pace = RATE / sqrt(t->squares[k] + 1e-6), w = t->weight[k] - pace * off, less = pace * SHRINK;
            t->weight[k] = w > less ? w - less : w < -less ? w + less : 0; /* what says little falls to nothing */
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct trait *)a)->text, ((const struct trait *)b)->text);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What is added to all outcomes alike decides nothing: without it most weights are small, and are left out. */
static double common(const struct trait *t)
{
    double sorted[SB_OUTCOMES];
    memcpy(sorted, t->weight, sizeof sorted);
    qsort(sorted, SB_OUTCOMES, sizeof *sorted, by_size);
    return sorted[SB_OUTCOMES / 2];
}

static void write_lines(void)
{
    qsort(all.traits, all.n, sizeof *all.traits, by_text);
    for (size_t i = 0; i < all.n; i++) {
        bool any = false;
        double less = common(&all.traits[i]);
        for (int k = 0; k < SB_OUTCOMES; k++) {
            long w = lround((all.traits[i].weight[k] - less) * UNIT);
            if (all.traits[i].seen < SEEN_LEAST || labs(w) < SAID_LEAST)
                continue;
            if (!any)
                printf("lean \"%s\"", all.traits[i].text);
            printf(" %s %ld", sb_name(&sb_intents, k), w);
            any = true;
        }
        if (any)
            putchar('\n');
    }
}

int main(int argc, char **argv)
{
    struct sb_rules rules;
    struct sb_problems problems;
    struct sb_str text;
    struct sb_err err = SB_ERR_INIT;
    struct sb_rng rng;
    sb_problems_init(&problems);
    sb_str_init(&text);
    must(argc > 2 && !sb_file_read(argv[1], SB_CONF_MAX_BYTES, &text, &err) && !sb_rules_read(&rules, text.p, text.len, argv[1], &problems, &err) && !problems.count);
    for (int i = 2; i < argc; i++)
        read_sentences(&rules, argv[i]);
    sb_rng_seed(&rng, 1);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = all.sentences_n; i > 1; i--) {
            size_t j = (size_t)sb_rng_below(&rng, i);
            struct sentence s = all.sentences[i - 1];
            all.sentences[i - 1] = all.sentences[j];
            all.sentences[j] = s;
        }
        for (size_t i = 0; i < all.sentences_n; i++)
            step(&all.sentences[i]);
        for (size_t i = 0; i < all.n; i++)
            for (size_t k = 0; k < SB_OUTCOMES; k++)
                all.traits[i].sum[k] += all.traits[i].weight[k];
    }
    for (size_t i = 0; i < all.n; i++) /* the mean of all rounds is steadier than the last one */
        for (size_t k = 0; k < SB_OUTCOMES; k++)
            all.traits[i].weight[k] = all.traits[i].sum[k] / ROUNDS;
    write_lines();
    for (size_t i = 0; i < all.sentences_n; i++)
        free(all.sentences[i].trait);
    free(all.sentences);
    free(all.traits);
    sb_leanings_release(&all.names);
    sb_rules_release(&rules);
    sb_problems_release(&problems);
    sb_str_release(&text);
    return ferror(stdout) ? 1 : 0;
}
