/* SPDX-License-Identifier: Apache-2.0
 *
 * The classes of words: kept sorted by word, looked up as written, by stem, or as a misspelling. */
#include "intake_lexicon.h"

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>
#include <signalbox/orchestrator/nearest.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TYPO_LEAST 5  /* letters */
#define TYPO_TWO 9    /* from here on two letters may be wrong */

static const char *const form_names[SB_FORM_COUNT] = {
    [SB_FORM_NUMBER] = "NUMBER", [SB_FORM_TIMES] = "TIMES", [SB_FORM_DURATION] = "DURATION", [SB_FORM_CLOCK] = "CLOCK", [SB_FORM_NAME] = "NAME",
    [SB_FORM_IDENT] = "IDENT", [SB_FORM_INDEX] = "IXNAME", [SB_FORM_KEY] = "KEY", [SB_FORM_OPERATOR] = "OPERATOR", [SB_FORM_CALL] = "CALL",
    [SB_FORM_PATH] = "PATH", [SB_FORM_KNOWN] = "KNOWN", [SB_FORM_FOREIGN] = "SCRIPT", [SB_FORM_ASKS] = "ASKS",
};

struct sb_lexicon *sb_lexicon_new(struct sb_err *err)
{
    struct sb_lexicon *l = calloc(1, sizeof *l);
    for (size_t i = 0; l && i < SB_FORM_COUNT; i++)
        if (sb_lexicon_class(l, form_names[i], true) < 0) {
            sb_lexicon_free(l);
            l = NULL;
        }
    if (!l)
        sb_fail_nomem(err);
    return l;
}

void sb_lexicon_free(struct sb_lexicon *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->classes_n; i++)
        free(l->classes[i]);
    free(l->words);
    free(l->phrases);
    free(l);
}

int sb_lexicon_class(struct sb_lexicon *l, const char *name, bool create)
{
    for (size_t i = 0; i < l->classes_n; i++)
        if (strcmp(l->classes[i], name) == 0)
            return (int)i;
    if (!create || l->classes_n == SB_CLASSES_MAX || !(l->classes[l->classes_n] = sb_strdup_n(name, strlen(name))))
        return -1;
    return (int)l->classes_n++;
}

void sb_lexicon_grammar(struct sb_lexicon *l, int class_)
{
    sb_classes_set(&l->grammar, (size_t)class_);
}

/* ---- stems ---- */

static size_t undouble(char *w, size_t n)
{
    bool twice = n > 3 && w[n - 1] == w[n - 2] && !strchr("lsz", w[n - 1]);
    w[n - twice] = '\0';
    return n - twice;
}

static bool ends(const char *w, size_t n, const char *with)
{
    size_t k = strlen(with);
    return n > k && memcmp(w + n - k, with, k) == 0;
}

bool sb_stem(char *w)
{
    size_t n = strlen(w), whole = n;
    if (n > 4 && ends(w, n, "ies"))
        w[n - 3] = 'y', w[n -= 2] = '\0';
    else if (n > 4 && ends(w, n, "es") && (strchr("xsz", w[n - 3]) || ends(w, n, "ches") || ends(w, n, "shes")))
        w[n -= 2] = '\0';
    else if (n > 3 && w[n - 1] == 's' && !strchr("sui", w[n - 2]))
        w[--n] = '\0';
    if (n > 4 && ends(w, n, "ied"))
        w[n - 3] = 'y', w[n -= 2] = '\0';
    else if (n > 5 && ends(w, n, "ing"))
        n = (w[n - 3] = '\0', undouble(w, n - 3));
    else if (n > 4 && ends(w, n, "ed"))
        n = (w[n - 2] = '\0', undouble(w, n - 2));
    else if (n > 5 && ends(w, n, "ly"))
        w[n -= 2] = '\0';
    bool inflected = n < whole;
    if (n > 3 && w[n - 1] == 'e')
        w[--n] = '\0';
    if (n > 4 && ends(w, n, "iz")) /* optimize, optimise */
        w[n - 1] = 's';
    return inflected;
}

/* ---- filling ---- */

static int add_word(struct sb_lexicon *l, int class_, const char *text, bool stem, bool literal)
{
    if (SB_GROW(l->words, l->words_cap, l->words_n + 1))
        return -1;
    struct lexicon_word *w = &l->words[l->words_n];
    memset(w, 0, sizeof *w);
    snprintf(w->text, sizeof w->text, "%s", text);
    if (stem)
        sb_stem(w->text);
    w->exact = !stem;
    if (class_ >= 0)
        sb_classes_set(literal && stem ? &w->literal : &w->classes, (size_t)class_);
    l->words_n++;
    return 0;
}

int sb_lexicon_add(struct sb_lexicon *l, int class_, const char *text)
{
    if (!strchr(text, ' '))
        return add_word(l, class_, text, false, false) || add_word(l, class_, text, true, false) ? -1 : 0;
    if (SB_GROW(l->phrases, l->phrases_cap, l->phrases_n + 1))
        return -1;
    struct lexicon_phrase *p = &l->phrases[l->phrases_n++];
    memset(p, 0, sizeof *p);
    if (class_ >= 0)
        sb_classes_set(&p->classes, (size_t)class_);
    for (const char *at = text; *at && p->n < PHRASE_MAX;) {
        size_t k = strcspn(at, " ");
        snprintf(p->word[p->n], sizeof p->word[0], "%.*s", (int)k, at);
        if (add_word(l, -1, p->word[p->n], false, false)) /* so that it is no misspelling of another */
            return -1;
        sb_stem(p->word[p->n++]);
        at += k;
        at += strspn(at, " ");
    }
    return 0;
}

int sb_lexicon_literal(struct sb_lexicon *l, const char *word)
{
    int class_ = sb_lexicon_class(l, word, false);
    if (class_ >= 0)
        return class_;
    class_ = sb_lexicon_class(l, word, true);
    return class_ < 0 || add_word(l, class_, word, false, true) || add_word(l, class_, word, true, true) ? -1 : class_;
}

static int by_text(const void *a, const void *b)
{
    const struct lexicon_word *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (int)y->exact - (int)x->exact;
}

static int by_first(const void *a, const void *b)
{
    const struct lexicon_phrase *x = a, *y = b;
    int order = strcmp(x->word[0], y->word[0]);
    return order ? order : y->n - x->n; /* the longer one first */
}

void sb_lexicon_seal(struct sb_lexicon *l)
{
    size_t n = 0;
    if (l->words_n)
        qsort(l->words, l->words_n, sizeof *l->words, by_text);
    if (l->phrases_n)
        qsort(l->phrases, l->phrases_n, sizeof *l->phrases, by_first);
    for (size_t i = 0; i < l->words_n; i++) { /* each word once as it is written, and once as a stem */
        if (n && l->words[n - 1].exact == l->words[i].exact && strcmp(l->words[n - 1].text, l->words[i].text) == 0)
            sb_classes_add(&l->words[n - 1].classes, &l->words[i].classes), sb_classes_add(&l->words[n - 1].literal, &l->words[i].literal);
        else
            l->words[n++] = l->words[i];
    }
    l->words_n = n;
    for (size_t i = n; i-- > 0;)
        l->first[(unsigned char)l->words[i].text[0]] = i;
}

/* ---- looking up ---- */

/* The first entry of this text, or NULL; what is written so stands before the stem. */
static const struct lexicon_word *find(const struct sb_lexicon *l, const char *text)
{
    size_t low = 0, high = l->words_n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (strcmp(l->words[mid].text, text) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < l->words_n && strcmp(l->words[low].text, text) == 0 ? &l->words[low] : NULL;
}

static bool alphabetic(const char *w)
{
    for (; *w; w++)
        if (*w < 'a' || *w > 'z')
            return false;
    return true;
}

static const struct lexicon_word *find_typo(const struct sb_lexicon *l, const char *text)
{
    size_t n = strlen(text);
    if (n < TYPO_LEAST || !alphabetic(text))
        return NULL;
    int most = n >= TYPO_TWO ? 2 : 1;
    for (size_t i = l->first[(unsigned char)text[0]]; i < l->words_n && l->words[i].text[0] == text[0]; i++) {
        const struct lexicon_word *w = &l->words[i];
        size_t k = strlen(w->text);
        if (w->exact && k >= TYPO_LEAST && k + (size_t)most >= n && n + (size_t)most >= k && alphabetic(w->text) && sb_distance(text, n, w->text, k, most) <= most)
            return w;
    }
    return NULL;
}

/* What is written so in the list stands for itself ("price" is no "pricing"), and for a rule's own word ("violate", where a
 * rule says violates); with an ending, also for what it is made of ("deleted" is lost, and was to be deleted). What is not
 * there is known by its stem, else as a slip of the pen. */
void sb_lexicon_look_up(const struct sb_lexicon *l, const char *text, bool typos, struct sb_classes *out)
{
    char stem[SB_WORD_MAX + 1];
    const struct lexicon_word *as_written = find(l, text), *base, *end = l->words + l->words_n;
    if (as_written && !as_written->exact)
        as_written = NULL;
    if (as_written)
        sb_classes_add(out, &as_written->classes);
    snprintf(stem, sizeof stem, "%s", text);
    bool inflected = sb_stem(stem), known = as_written != NULL;
    base = find(l, stem);
    if (base && base->exact) {
        sb_classes_add(out, &base->classes);
        known = true;
        base = base + 1 < end && strcmp(base[1].text, stem) == 0 ? base + 1 : NULL;
    } else if (base && (!as_written || inflected)) {
        sb_classes_add(out, &base->classes);
    }
    known = known || base;
    if (base)
        sb_classes_add(out, &base->literal);
    if (!known && typos && (base = find_typo(l, text)))
        sb_classes_add(out, &base->classes);
}

size_t sb_lexicon_phrase(const struct sb_lexicon *l, const char (*stems)[SB_WORD_MAX + 1], size_t n, struct sb_classes *out)
{
    size_t low = 0, high = l->phrases_n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (strcmp(l->phrases[mid].word[0], stems[0]) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    size_t longest = 0;
    for (; low < l->phrases_n && strcmp(l->phrases[low].word[0], stems[0]) == 0; low++) {
        const struct lexicon_phrase *p = &l->phrases[low];
        size_t i = 1;
        while (i < p->n && i < n && strcmp(p->word[i], stems[i]) == 0)
            i++;
        if (i < p->n || (longest && p->n < longest))
            continue;
        longest = p->n;
        sb_classes_add(out, &p->classes);
    }
    return longest;
}
