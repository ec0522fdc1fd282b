/* SPDX-License-Identifier: Apache-2.0
 *
 * intake_lexicon.h - what the lexicon looks like inside: for the reader of words only. Thread: see intake_words.h.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_INTAKE_LEXICON_H
#define SIGNALBOX_ORCHESTRATOR_INTAKE_LEXICON_H

#include "intake_words.h"

#define PHRASE_MAX 5 /* words */

struct lexicon_word {
    char text[SB_WORD_MAX + 1];
    bool exact; /* as it is written; else a stem */
    struct sb_classes classes;
    struct sb_classes literal; /* of a stem: the words of rules that have it */
};

struct lexicon_phrase {
    uint8_t n;
    char word[PHRASE_MAX][SB_WORD_MAX + 1]; /* stems */
    struct sb_classes classes;
};

struct sb_lexicon {
    char *classes[SB_CLASSES_MAX];
    size_t classes_n;
    struct sb_classes grammar; /* those that nothing leans on */
    struct lexicon_word *words;
    size_t words_n, words_cap;
    struct lexicon_phrase *phrases;
    size_t phrases_n, phrases_cap;
    size_t first[256]; /* the first word that begins with this byte */
};

/* Cuts the endings off, in place: indexes, indexing and indexed become index. Whether it had an ending of these. */
bool sb_stem(char *word);
/* Adds the classes of a word in lower case; typos: also where it is a slip of the pen. */
void sb_lexicon_look_up(const struct sb_lexicon *l, const char *text, bool typos, struct sb_classes *out);
/* Adds the classes of the longest phrase that begins here; how many words it has, 0: none. */
size_t sb_lexicon_phrase(const struct sb_lexicon *l, const char (*stems)[SB_WORD_MAX + 1], size_t n, struct sb_classes *out);

#endif
