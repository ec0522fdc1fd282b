/* SPDX-License-Identifier: Apache-2.0
 *
 * intake_words.h - a request as words, each with the classes it belongs to.
 *
 * A lexicon holds classes of words ("drop remove delete" are DROP). A word is looked up as it stands, then by its stem, then
 * as a misspelling of a word that is known (five letters or more, one letter wrong; two from nine letters on); the words of
 * `plain` are nobody's misspelling. Some classes are given by form and not by a list (sb_word_form): numbers, times, names.
 * Thread: a lexicon that is sealed is read only.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_INTAKE_WORDS_H
#define SIGNALBOX_ORCHESTRATOR_INTAKE_WORDS_H

#include <signalbox/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SB_WORDS_MAX 400 /* of a request; what stands behind them is not looked at */
#define SB_CLASSES_MAX 1024
#define SB_WORD_MAX 31   /* bytes that are compared */

struct sb_classes {
    uint64_t w[SB_CLASSES_MAX / 64];
};

static inline bool sb_classes_meet(const struct sb_classes *a, const struct sb_classes *b)
{
    uint64_t both = 0;
    for (size_t i = 0; i < SB_CLASSES_MAX / 64; i++)
        both |= a->w[i] & b->w[i];
    return both != 0;
}

static inline void sb_classes_add(struct sb_classes *to, const struct sb_classes *more)
{
    for (size_t i = 0; i < SB_CLASSES_MAX / 64; i++)
        to->w[i] |= more->w[i];
}

static inline void sb_classes_set(struct sb_classes *to, size_t which)
{
    to->w[which / 64] |= UINT64_C(1) << which % 64;
}

/* Classes by form: the first numbers, in this order. */
enum sb_word_form {
    SB_FORM_NUMBER,   /* 42, 10k, 90% */
    SB_FORM_TIMES,    /* 3x */
    SB_FORM_DURATION, /* 30s, 15min */
    SB_FORM_CLOCK,    /* 14:05, 3am, 2026-03-01 */
    SB_FORM_NAME,     /* shop.orders */
    SB_FORM_IDENT,    /* created_at, customerId, `qty` */
    SB_FORM_INDEX,    /* status_1_created_at_-1 */
    SB_FORM_KEY,      /* {a: 1} */
    SB_FORM_OPERATOR, /* $lookup */
    SB_FORM_CALL,     /* find( */
    SB_FORM_PATH,     /* /search, main.py, a URL */
    SB_FORM_KNOWN,    /* a collection that there is */
    SB_FORM_FOREIGN,  /* letters of another script */
    SB_FORM_ASKS,     /* the last word of a sentence that ends in a question mark */
    SB_FORM_COUNT
};

struct sb_word {
    uint32_t from, to; /* bytes of the request */
    uint16_t sentence; /* which one */
    bool quoted;       /* inside quotation marks with more than two words in them */
    bool denied;       /* "do not ..." stands before it */
    struct sb_classes classes;
    char text[SB_WORD_MAX + 1]; /* lower case; cut */
};

struct sb_lexicon;

struct sb_lexicon *sb_lexicon_new(struct sb_err *err);
void sb_lexicon_free(struct sb_lexicon *l);

/* The number of a class, made where there is none (create), else -1: none, out of memory, or there are too many. */
int sb_lexicon_class(struct sb_lexicon *l, const char *name, bool create);
/* It says how a sentence is built and not what it is about: nothing leans on it. */
void sb_lexicon_grammar(struct sb_lexicon *l, int class_);
/* A word, or several with blanks between them, of this class; class_ -1: plain. 0 or -1. */
int sb_lexicon_add(struct sb_lexicon *l, int class_, const char *text);
/* The class that a single word alone makes up: for rules that name a word. -1: out of memory or too many. */
int sb_lexicon_literal(struct sb_lexicon *l, const char *word);
/* After the last word, before the first look-up. */
void sb_lexicon_seal(struct sb_lexicon *l);

/* The words of a request that is UTF-8; how many. known: namespaces there are. */
size_t sb_words_read(const struct sb_lexicon *l, const char *text, size_t len, char *const *known, size_t known_n, struct sb_word *out, size_t max);

#endif
