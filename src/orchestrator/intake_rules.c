/* SPDX-License-Identifier: Apache-2.0 */
#include "intake_rules.h"

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define GAP 4 /* words between two items, where nothing is said */
#define WEIGHT_MAX 10000
#define STEPS_MAX 20000

struct reading {
    struct sb_rules *r;
    bool broken; /* the section that is read is none */
};

static void no_memory(const struct sb_conf_row *row, struct sb_problems *problems)
{
    sb_problems_add(problems, row->path, row->line, "out of memory, or more than %d classes and single words", SB_CLASSES_MAX);
}

/* ---- words ---- */

static bool is_class_name(const char *w)
{
    if (!isupper((unsigned char)*w))
        return false;
    for (; *w; w++)
        if (!isupper((unsigned char)*w) && !isdigit((unsigned char)*w) && *w != '_')
            return false;
    return true;
}

static void read_class(struct sb_rules *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    bool plain = strcmp(row->word[0], "plain") == 0, grammar = strcmp(row->word[0], "grammar") == 0;
    size_t from = plain ? 1 : 2;
    if (!plain && (row->n < 3 || !is_class_name(row->word[1]))) {
        sb_problems_add(problems, row->path, row->line, "must be: %s NAME WORD..., the name in capitals", row->word[0]);
        return;
    }
    int class_ = plain ? -1 : sb_lexicon_class(r->lexicon, row->word[1], true);
    if (!plain && class_ < 0)
        no_memory(row, problems);
    else if (!plain && class_ < SB_FORM_COUNT && class_ != SB_FORM_DURATION && class_ != SB_FORM_CLOCK)
        sb_problems_add(problems, row->path, row->line, "%s is told by its form, not by a list", row->word[1]);
    if (grammar && class_ >= 0)
        sb_lexicon_grammar(r->lexicon, class_);
    for (size_t i = from; (plain || class_ >= 0) && i < row->n; i++) {
        const char *w = row->word[i];
        for (const char *p = w; *p; p++)
            if (isupper((unsigned char)*p)) {
                sb_problems_add(problems, row->path, row->line, "\"%s\": words are written in lower case", w);
                return;
            }
        if (*w && sb_lexicon_add(r->lexicon, class_, w)) {
            no_memory(row, problems);
            return;
        }
    }
}

/* ---- rules ---- */

/* A|B, each a class or a word. */
static int read_alternatives(struct sb_rules *r, const char *text, struct sb_rule_item *item, const struct sb_conf_row *row, struct sb_problems *problems)
{
    for (const char *at = text; *at;) {
        char name[64];
        size_t n = strcspn(at, "|");
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        int class_ = is_class_name(name) ? sb_lexicon_class(r->lexicon, name, false) : sb_lexicon_literal(r->lexicon, name);
        if (class_ < 0 && is_class_name(name))
            sb_problems_add(problems, row->path, row->line, "there is no class %s above this line", name);
        else if (class_ < 0)
            no_memory(row, problems);
        if (class_ < 0)
            return -1;
        sb_classes_set(&item->any, (size_t)class_);
        at += n + (at[n] == '|');
    }
    return 0;
}

static int read_items(struct sb_rules *r, struct sb_rule *rule, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_rule_item next = {.how = SB_ITEM_ANYWHERE};
    for (size_t i = 2; i < row->n; i++) {
        const char *w = row->word[i];
        int64_t gap;
        if (strcmp(w, "+") == 0) {
            next.how = SB_ITEM_AFTER;
            next.gap = 0;
        } else if (w[0] == '.' && w[1] == '.' && sb_parse_i64(w + 2, &gap) == 0 && gap >= 0 && gap <= 100) {
            next.how = SB_ITEM_AFTER;
            next.gap = (uint8_t)gap;
        } else if (strcmp(w, "&") == 0) {
            next.how = SB_ITEM_ANYWHERE;
        } else if (strcmp(w, "!") == 0) {
            next.how = SB_ITEM_ABSENT;
        } else if (strcmp(w, "^") == 0) {
            next.first = true;
        } else if (strcmp(w, "$") == 0 && rule->n) {
            rule->item[rule->n - 1].last = true;
        } else if (rule->n == SB_ITEMS_MAX) {
            sb_problems_add(problems, row->path, row->line, "more than %d items", SB_ITEMS_MAX);
            return -1;
        } else if (read_alternatives(r, w, &next, row, problems)) {
            return -1;
        } else {
            rule->item[rule->n++] = next;
            next = (struct sb_rule_item){.how = SB_ITEM_AFTER, .gap = GAP};
        }
    }
    if (rule->n == 0 || rule->item[0].how != SB_ITEM_ANYWHERE) {
        sb_problems_add(problems, row->path, row->line, "terms begin with a class or a word");
        return -1;
    }
    return 0;
}

static void read_rule(struct reading *reading, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_rules *r = reading->r;
    bool terms = strcmp(row->word[0], "terms") == 0;
    struct sb_rule rule = {.section = r->sections_n - 1};
    if (row->n < 3 || (!terms && row->n != 3) || sb_parse_i64(row->word[1], &rule.weight) || rule.weight == 0 || rule.weight < -WEIGHT_MAX || rule.weight > WEIGHT_MAX) {
        sb_problems_add(problems, row->path, row->line, "must be: match WEIGHT REGEX, or: terms WEIGHT ITEM..., the weight from 1 to %d, or below 0 against it", WEIGHT_MAX);
        return;
    }
    if (!r->sections_n || reading->broken) {
        sb_problems_add(problems, row->path, row->line, "a rule stands before its section");
        return;
    }
    struct sb_err err = SB_ERR_INIT;
    if (!terms && !(rule.re = sb_regex_new(row->word[2], SB_REGEX_CASELESS, &err)))
        sb_problems_add(problems, row->path, row->line, "%s", err.msg);
    if (terms ? read_items(r, &rule, row, problems) : !rule.re)
        return;
    if (SB_GROW(r->rules, r->cap, r->n + 1)) {
        no_memory(row, problems);
        sb_regex_free(rule.re);
        return;
    }
    r->rules[r->n++] = rule;
}

static void read_section(struct reading *reading, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_rules *r = reading->r;
    bool intent = strcmp(row->word[0], "intent") == 0;
    const char *text = intent ? row->n > 2 ? row->word[2] : NULL : row->word[1];
    struct sb_section s = {.kind = intent ? SB_SECTION_INTENT : strcmp(row->word[0], "foreign") == 0 ? SB_SECTION_FOREIGN : SB_SECTION_DANGER};
    s.aside = s.kind == SB_SECTION_DANGER && row->n == 3;
    reading->broken = true;
    if (s.aside && strcmp(row->word[2], "aside") != 0)
        sb_problems_add(problems, row->path, row->line, "must be: danger SENTENCE, or danger SENTENCE aside");
    else if (intent && (s.intent = sb_name_find(&sb_intents, row->word[1])) <= SB_INTENT_NONE)
        sb_problems_add(problems, row->path, row->line, "\"%s\" is not an intent", row->word[1]);
    else if (r->sections_n == SB_SECTIONS_MAX)
        sb_problems_add(problems, row->path, row->line, "there are more than %d sections", SB_SECTIONS_MAX);
    else if (text && !(s.text = sb_strdup_n(text, strlen(text))))
        no_memory(row, problems);
    else {
        r->section[r->sections_n++] = s;
        reading->broken = false;
    }
}

static void read_calibration(struct sb_rules *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    int64_t share, sure;
    if (row->n != 3 || sb_parse_i64(row->word[1], &share) || sb_parse_i64(row->word[2], &sure) || share < 0 || share > 1000 || sure < 0 || sure > 1000 ||
        (r->calibration_n && (share <= r->calibration[r->calibration_n - 1].share || sure * 1000 < r->calibration[r->calibration_n - 1].ppm))) {
        sb_problems_add(problems, row->path, row->line, "must be: calibrate SHARE SURE, both per thousand, from line to line rising");
    } else if (r->calibration_n == SB_CALIBRATION_MAX) {
        sb_problems_add(problems, row->path, row->line, "there are more than %d points of calibration", SB_CALIBRATION_MAX);
    } else {
        r->calibration[r->calibration_n].share = share;
        r->calibration[r->calibration_n++].ppm = sure * 1000;
    }
}

/* lean TRAIT INTENT WEIGHT ... */
static void read_leaning(struct sb_rules *r, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_leaning item = {0};
    struct sb_err err = SB_ERR_INIT;
    bool right = row->n >= 4 && row->n % 2 == 0 && strlen(row->word[1]) < sizeof item.trait;
    for (size_t i = 2; right && i < row->n; i += 2) {
        int64_t weight;
        int outcome = sb_name_find(&sb_intents, row->word[i]);
        right = outcome >= 0 && sb_parse_i64(row->word[i + 1], &weight) == 0 && weight >= -WEIGHT_MAX && weight <= WEIGHT_MAX;
        if (right)
            item.weight[outcome] = (int16_t)weight;
    }
    if (!right) {
        sb_problems_add(problems, row->path, row->line, "must be: lean WORD INTENT WEIGHT [INTENT WEIGHT]..., the word at most %d bytes, weights up to %d", SB_TRAIT_MAX - 1, WEIGHT_MAX);
        return;
    }
    snprintf(item.trait, sizeof item.trait, "%s", row->word[1]);
    if (sb_leanings_add(&r->leanings, &item, &err))
        sb_problems_add(problems, row->path, row->line, "%s", err.msg);
}

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct reading *reading = ctx;
    const char *what = row->word[0];
    if (strcmp(what, "class") == 0 || strcmp(what, "grammar") == 0 || strcmp(what, "plain") == 0)
        read_class(reading->r, row, problems);
    else if (strcmp(what, "match") == 0 || strcmp(what, "terms") == 0)
        read_rule(reading, row, problems);
    else if ((strcmp(what, "intent") == 0 && (row->n == 2 || row->n == 3)) || (strcmp(what, "foreign") == 0 && row->n == 2) ||
             (strcmp(what, "danger") == 0 && (row->n == 2 || row->n == 3)))
        read_section(reading, row, problems);
    else if (strcmp(what, "lean") == 0)
        read_leaning(reading->r, row, problems);
    else if (strcmp(what, "calibrate") == 0)
        read_calibration(reading->r, row, problems);
    else
        sb_problems_add(problems, row->path, row->line, "must begin with: class, grammar, plain, intent NAME [EXAMPLE], foreign WHAT, danger WHAT, match, terms, lean, or calibrate");
}

int sb_rules_read(struct sb_rules *r, const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err)
{
    memset(r, 0, sizeof *r);
    struct reading reading = {.r = r};
    if (!(r->lexicon = sb_lexicon_new(err)) || sb_conf_parse(text, len, path, read_row, &reading, problems, err)) {
        sb_rules_release(r);
        return -1;
    }
    sb_lexicon_seal(r->lexicon);
    return 0;
}

void sb_rules_release(struct sb_rules *r)
{
    for (size_t i = 0; i < r->n; i++)
        sb_regex_free(r->rules[i].re);
    for (size_t i = 0; i < r->sections_n; i++)
        free(r->section[i].text);
    free(r->rules);
    sb_leanings_release(&r->leanings);
    sb_lexicon_free(r->lexicon);
    memset(r, 0, sizeof *r);
}

/* ---- matching ---- */

static bool fits(const struct sb_rule_item *item, const struct sb_word *words, size_t n, size_t at)
{
    return !words[at].denied && sb_classes_meet(&item->any, &words[at].classes) && (!item->first || at == 0) &&
           (!item->last || at + 1 == n || words[at + 1].sentence != words[at].sentence);
}

static bool anywhere(const struct sb_rule_item *item, const struct sb_word *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fits(item, words, n, i))
            return true;
    return false;
}

/* One rule over one request: the work is bounded, whatever the words are. */
struct walk {
    const struct sb_rule *rule;
    const struct sb_word *words;
    size_t n, steps;
    bool *hit;
};

/* The items from `which` on, the one before it standing at `before`. */
static bool follow(struct walk *k, size_t which, size_t before)
{
    if (which == k->rule->n)
        return true;
    const struct sb_rule_item *item = &k->rule->item[which];
    if (item->how == SB_ITEM_ABSENT)
        return !anywhere(item, k->words, k->n) && follow(k, which + 1, before);
    size_t from = item->how == SB_ITEM_AFTER ? before + 1 : 0, to = item->how == SB_ITEM_AFTER ? before + 2 + item->gap : k->n;
    for (size_t i = from; i < to && i < k->n; i++) {
        if (++k->steps > STEPS_MAX || (item->how == SB_ITEM_AFTER && k->words[i].sentence != k->words[before].sentence))
            return false;
        if (fits(item, k->words, k->n, i) && follow(k, which + 1, i)) {
            if (k->hit)
                k->hit[i] = true;
            return true;
        }
    }
    return false;
}

bool sb_rule_matches(const struct sb_rule *rule, const struct sb_word *words, size_t n, const struct sb_classes *all, bool *hit)
{
    for (size_t i = 0; i < rule->n; i++)
        if (rule->item[i].how != SB_ITEM_ABSENT && !sb_classes_meet(&rule->item[i].any, all))
            return false;
    struct walk k = {.rule = rule, .words = words, .n = n, .hit = hit};
    return follow(&k, 0, 0);
}
