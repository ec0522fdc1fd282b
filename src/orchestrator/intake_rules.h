/* SPDX-License-Identifier: Apache-2.0
 *
 * intake_rules.h - the file of intents, read: classes of words, rules with weights by what they speak for, the calibration.
 * Its lines are explained at the top of intents.data. Thread: read only once it is loaded.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_INTAKE_RULES_H
#define SIGNALBOX_ORCHESTRATOR_INTAKE_RULES_H

#include "intake_lean.h"
#include "intake_words.h"

#include <signalbox/base/conf.h>
#include <signalbox/base/regex.h>
#include <signalbox/model/names.h>

#define SB_ITEMS_MAX 12
#define SB_SECTIONS_MAX 64
#define SB_CALIBRATION_MAX 16

enum sb_section_kind { SB_SECTION_INTENT, SB_SECTION_FOREIGN, SB_SECTION_DANGER };

struct sb_section {
    enum sb_section_kind kind;
    int intent;
    char *text; /* an intent's example; what is foreign; what is said of a danger */
    bool aside; /* of a danger: its words count for no intent */
};

enum sb_item_how { SB_ITEM_AFTER, SB_ITEM_ANYWHERE, SB_ITEM_ABSENT };

struct sb_rule_item {
    struct sb_classes any;
    uint8_t how, gap; /* gap: words that may stand between */
    bool first;       /* it begins the request */
    bool last;        /* nothing follows it in its sentence */
};

struct sb_rule {
    size_t section;
    int64_t weight;
    struct sb_regex *re; /* NULL: the items */
    size_t n;
    struct sb_rule_item item[SB_ITEMS_MAX];
};

struct sb_rules {
    struct sb_lexicon *lexicon;
    struct sb_section section[SB_SECTIONS_MAX];
    size_t sections_n;
    struct sb_rule *rules;
    size_t n, cap;
    struct sb_leanings leanings;
    struct { int64_t share, ppm; } calibration[SB_CALIBRATION_MAX]; /* share rising, per thousand */
    size_t calibration_n;
};

/* Problems are noted with file and line. -1: out of memory. */
int sb_rules_read(struct sb_rules *r, const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err);
void sb_rules_release(struct sb_rules *r);

/* Whether the items of a rule stand in the words (a denied word stands for nothing); hit (NULL: not wanted) marks those that
 * count. all: the union of the words' classes. */
bool sb_rule_matches(const struct sb_rule *rule, const struct sb_word *words, size_t n, const struct sb_classes *all, bool *hit);

#endif
