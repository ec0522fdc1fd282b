/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots by patterns, each with the intents it holds for; the namespace by the words that have its form, checked against
 * the collections there are. */
#include "intake_slots.h"

#include <signalbox/agents/index_asked.h>
#include <signalbox/base/regex.h>
#include <signalbox/base/str.h>
#include <signalbox/model/names.h>

#include <stdlib.h>
#include <string.h>

#define ALL UINT32_MAX
#define OF(intent) (UINT32_C(1) << (intent))
#define SCHEMA (OF(SB_INTENT_SCHEMA_CHANGE) | OF(SB_INTENT_SCHEMA_REVIEW) | OF(SB_INTENT_SCHEMA_VALIDATE) | OF(SB_INTENT_POLICY_CHECK))
#define CHANGES (OF(SB_INTENT_SCHEMA_CHANGE) | OF(SB_INTENT_POLICY_CHECK))
#define INDEX (OF(SB_INTENT_INDEX_CREATE) | OF(SB_INTENT_INDEX_RETIRE) | OF(SB_INTENT_INDEX_REVIEW) | OF(SB_INTENT_OPS_KILL) | OF(SB_INTENT_POLICY_CHECK))
#define WORD "[\"'`]?([A-Za-z_$][A-Za-z0-9_.\\-]{0,119})[\"'`]?"
#define NOT(words) "(?!(?:" words ")\\b)"
#define KINDS "string|str|int|int32|int64|integer|long|double|float|decimal|decimal128|date|iso ?date|timestamp|bool|boolean|object ?id|uuid|array|object|number"
#define DAY "(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|satur|sat|sun)(?:day)?s?"
#define PART "(?:morning|noon|afternoon|evening|night|midnight)"
#define CLOCK "(?:\\d{1,2}:\\d{2}(?::\\d{2})?|\\d{1,2} ?(?:am|pm)|noon|midnight)(?: ?(?:utc|cet|cest|gmt|z))?"
#define MONTH "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
#define DATE "(?:\\d{4}-\\d{2}-\\d{2}(?:[T ]\\d{2}:\\d{2}(?::\\d{2})?Z?)?|\\d{1,2}(?:st|nd|rd|th)? " MONTH "(?: \\d{4})?|" MONTH " \\d{1,2}(?:st|nd|rd|th)?(?:,? \\d{4})?)"
#define SPAN "(?:\\d+(?:\\.\\d+)? ?(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|months?|quarters?|years?)\\b|(?:an?|one|two|three|half an) (?:minute|hour|day|week|month|quarter|year)s?)"
#define RELATIVE "(?:today|tonight|yesterday|tomorrow|overnight|(?:last|this|next|the past|the last) (?:second|minute|hour|day|night|week|weekend|month|quarter|year|" PART "|" DAY ")|" SPAN " ago|in " SPAN ")"
#define WHEN "(?:" DATE "|" RELATIVE "|" DAY "|" CLOCK "|(?:in the )?" PART ")"

static const struct pattern {
    size_t slot;
    uint32_t intents;
    const char *re;
} patterns[] = {
#define SLOT(name) offsetof(struct sb_slots, name)
    {SLOT(key), ALL, "(\\{[^{}]{1,500}\\})"},
    {SLOT(index), ALL, "\\b(?:named|called)\\s+[\"'`]?([A-Za-z0-9_.\\-]{1,120})"},
    {SLOT(index), INDEX, "(?<![\\w.])([A-Za-z][A-Za-z0-9_.]*_(?:-?1|text|2dsphere|hashed)(?:_[A-Za-z0-9_.\\-]+)?)(?![\\w\\-])"},
    {SLOT(index), OF(SB_INTENT_INDEX_RETIRE), "\\b(?:index|idx)\\s+[\"'`]?" NOT("on|of|in|from|for|is|are|the|a|that|which|and|or|with|named|called|has|was|it|build") "([A-Za-z0-9_\\-.]*[_0-9][A-Za-z0-9_\\-.]*)"},
    {SLOT(index), OF(SB_INTENT_INDEX_RETIRE), "[\"'`]?([A-Za-z0-9]+_[A-Za-z0-9_\\-]*)[\"'`]? (?:index|idx)\\b"},
    {SLOT(field), CHANGES, "\\brena?m?e?n?a?m?e?(?:ing)?\\s+(?:the\\s+)?(?:field\\s+|column\\s+|attribute\\s+)?" WORD "\\s*(?:\\b(?:to|into|as|in)\\b|->|=>)"},
    {SLOT(field), CHANGES, "\\b(?:convert|cast|change|retype|split|turn|extract|backfill|migrate|unset|flatten|merge|populate|move)\\s+(?:all\\s+|the\\s+|type\\s+of\\s+|missing\\s+|every\\s+|field\\s+){0,3}"
                           NOT("data|schema|type|documents?|docs?|to|from|of|in|into|it|everything|line|phone|zip|embedded") WORD},
    {SLOT(field), SCHEMA | OF(SB_INTENT_INDEX_CREATE), "\\b(?:fields?|columns?|attributes?|property)\\s+" NOT("on|of|in|from|for|is|are|the|a|that|to|which|and|or|with|has|was|as|does|names?|types?") WORD},
    {SLOT(field), SCHEMA, "\\b(?:the|a|an|missing|obsolete|deprecated|old|new)\\s+" NOT("the|a|new|old|which|mandatory|missing") WORD "\\s+(?:field|column|attribute|property)\\b"},
    {SLOT(new_field), CHANGES, "\\b(?:rename|renaming|renmae)\\b.{1,140}?(?:\\b(?:to|into|as)\\b|->|=>)\\s*" WORD},
    {SLOT(new_field), CHANGES, "\\bmov(?:e|ing)\\s+(?:the\\s+)?(?:fields?\\s+)?[\"'`]?\\w+(?:\\.[\\w\\-]+)+[\"'`]?\\s+(?:up\\s+)?(?:\\bto\\b|\\binto\\b|->|=>)\\s*" NOT("an?|the|its|own|their|another|separate|other|collection|collections") WORD "(?!\\s+collection)"},
    {SLOT(type), CHANGES, "\\b(?:to|into|as)\\s+(?:an?\\s+)?(" KINDS ")\\b"},
    {SLOT(target), OF(SB_INTENT_BACKUP_RESTORE) | OF(SB_INTENT_BACKUP_DRILL), "\\b(?:into|to|onto|on|in)\\s+(?:an?\\s+|the\\s+|our\\s+)?((?:scratch|spare|sandbox|staging|stage|dev|test|temp|temporary|throw-?away|prod|production)(?:[ \\-](?:instance|cluster|machine|host|box|server|environment))?)\\b"},
    {SLOT(target), OF(SB_INTENT_BACKUP_RESTORE), "\\binto\\s+(?:the\\s+)?" WORD},
    {SLOT(duration), ALL, "\\b(?:for|within|over|older than|longer than|more than|less than|newer than|at least|after|every|during|running)\\s+(?:the\\s+)?(?:last\\s+|next\\s+|past\\s+)?(" SPAN ")"},
    {SLOT(duration), ALL, "(?<![\\w:.])(" SPAN ")(?! ago)"},
    {SLOT(time), ALL, "\\b(?:(?:at|by|on|around|about|from)\\s+)?((?:between|since|until|till|before|after)?\\s*(?:the )?" WHEN "(?:\\s*,?\\s*(?:at |and |to |until |- ?)?" WHEN ")*)(?![\\w\\-])"},
    {SLOT(deployment), ALL, "\\b(prod(?:uction)?(?:-[a-z0-9\\-]+)?|staging|stage|dev(?:elopment)?|dr)\\b"},
    {SLOT(deployment), ALL, "\\b(?:deployment|cluster|replica set)\\s+" NOT("is|are|was|has|to|for|in|on|at|of|and|or|will|cope|healthy|ready|status|state|after|before|with|that|while|during|the|a|now|over") "([A-Za-z][A-Za-z0-9_\\-]{1,62})"},
    {SLOT(app), ALL, "\\b(?:app|application|client)\\s+" NOT("is|are|was|has|to|for|in|on|at|and|or|that|which|logs?|errors?|see|sees|code|the|a|keeps|gets") "[\"'`]?([A-Za-z0-9_.\\-]{1,64})"},
    {SLOT(app), ALL, "\\b(?:the|from|by|our)\\s+" NOT("the|whole|new|old|our") "([A-Za-z][A-Za-z0-9_\\-]{1,63})\\s+(?:app|application|service|tool)\\b"},
    {SLOT(opid), OF(SB_INTENT_OPS_KILL) | OF(SB_INTENT_OPS_CURRENT), "\\b(?:op|opid|killop|operation|query|session)\\b[\\s(\"'#:]*((?:[A-Za-z0-9_]+:)?-?\\d{1,19})(?![\\w:.])"},
    {SLOT(number), ALL, "\\{[^{}]*\\}(*SKIP)(*F)|(?<![\\w.:\\-])(\\d[\\d.,]* ?(?:x|%|percent|k|million|billion|gb|tb|mb)?(?:/s)?)(?![\\w:\\-])(?! ?(?:ms|s|secs?|seconds?|mins?|minutes?|hours?|days?|weeks?|months?|years?|am|pm)\\b)"},
};

struct sb_slot_patterns {
    struct sb_regex *re[SB_COUNT(patterns)];
};

struct sb_slot_patterns *sb_slot_patterns_new(struct sb_err *err)
{
    struct sb_slot_patterns *p = calloc(1, sizeof *p);
    if (!p)
        sb_fail_nomem(err);
    for (size_t i = 0; p && i < SB_COUNT(patterns); i++)
        if (!(p->re[i] = sb_regex_new(patterns[i].re, SB_REGEX_CASELESS, err))) {
            sb_slot_patterns_free(p);
            return NULL;
        }
    return p;
}

void sb_slot_patterns_free(struct sb_slot_patterns *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < SB_COUNT(patterns); i++)
        sb_regex_free(p->re[i]);
    free(p);
}

/* ---- the namespace ---- */

static int take(char **slot, const char *from, size_t n, struct sb_err *err)
{
    free(*slot);
    *slot = sb_strdup_n(from, n);
    return *slot ? 0 : sb_fail_nomem(err);
}

static bool has_form(const struct sb_word *w, enum sb_word_form f)
{
    return w->classes.w[f / 64] >> f % 64 & 1;
}

static bool equals(const char *name, const char *p, size_t n)
{
    return strlen(name) == n && memcmp(name, p, n) == 0;
}

/* The only namespace of this collection name, or NULL. */
static const char *only_of(const char *p, size_t n, char *const *known, size_t known_n)
{
    const char *found = NULL;
    for (size_t i = 0; i < known_n; i++) {
        const char *dot = strchr(known[i], '.');
        if (!dot || !equals(dot + 1, p, n))
            continue;
        if (found)
            return NULL;
        found = known[i];
    }
    return found;
}

/* A dotted name: a namespace that is known; one with a field behind it; a collection with a field; else as it stands. */
static int take_dotted(struct sb_slots *s, const char *p, size_t n, bool with_field, char *const *known, size_t known_n, struct sb_err *err)
{
    for (size_t i = 0; i < known_n; i++) {
        size_t k = strlen(known[i]);
        if (k < n && memcmp(known[i], p, k) == 0 && p[k] == '.')
            return take(&s->ns, p, k, err) || (!s->field && take(&s->field, p + k + 1, n - k - 1, err)) ? -1 : 0;
    }
    const char *dot = memchr(p, '.', n), *second = dot ? memchr(dot + 1, '.', n - (size_t)(dot + 1 - p)) : NULL;
    const char *only = dot && with_field ? only_of(p, (size_t)(dot - p), known, known_n) : NULL;
    if (only)
        return sb_str_set(&s->ns, only) || (!s->field && take(&s->field, dot + 1, n - (size_t)(dot + 1 - p), err)) ? sb_fail_nomem(err) : 0;
    if (second && with_field && !known_n)
        return take(&s->ns, p, (size_t)(second - p), err) || (!s->field && take(&s->field, second + 1, n - (size_t)(second + 1 - p), err)) ? -1 : 0;
    return take(&s->ns, p, n, err);
}

/* "db1.example.com:27017": a member, where operations are spoken of. */
static bool is_member(const char *p, size_t n, int intent)
{
    size_t digits = 0;
    while (digits < n && p[n - 1 - digits] >= '0' && p[n - 1 - digits] <= '9')
        digits++;
    return (OF(intent) & (OF(SB_INTENT_OPS_KILL) | OF(SB_INTENT_OPS_CURRENT))) && digits && digits <= 5 && digits < n && p[n - 1 - digits] == ':';
}

static int find_namespace(const char *request, const struct sb_word *words, size_t n, char *const *known, size_t known_n, struct sb_reading_of *r, struct sb_err *err)
{
    struct sb_slots *s = &r->slots;
    bool with_field = (SCHEMA | INDEX) & OF(r->intent);
    for (size_t i = 0; i < n; i++) /* one that there is, whatever else is written */
        for (size_t j = 0; has_form(&words[i], SB_FORM_KNOWN) && j < known_n; j++)
            if (equals(known[j], request + words[i].from, words[i].to - words[i].from))
                return take(&s->ns, known[j], strlen(known[j]), err);
    for (size_t i = 0; i < n; i++)
        if (has_form(&words[i], SB_FORM_NAME) && !is_member(request + words[i].from, words[i].to - words[i].from, r->intent)) /* not known: kept, and said later that it does not exist */
            return take_dotted(s, request + words[i].from, words[i].to - words[i].from, with_field, known, known_n, err);
    for (size_t i = 0; i < n; i++) {
        const char *only = has_form(&words[i], SB_FORM_KNOWN) ? only_of(request + words[i].from, words[i].to - words[i].from, known, known_n) : NULL;
        if (only)
            return sb_str_set(&s->ns, only) ? sb_fail_nomem(err) : 0;
    }
    for (size_t i = 0; i < n; i++) /* a database of which there are collections */
        for (size_t j = 0; j < known_n; j++) {
            size_t k = words[i].to - words[i].from;
            if (strncmp(known[j], request + words[i].from, k) == 0 && known[j][k] == '.')
                return take(&s->database, request + words[i].from, k, err);
        }
    return 0;
}

/* ---- contradictions ---- */

static int contradict(struct sb_reading_of *r, char *sentence, struct sb_err *err)
{
    free(r->unclear);
    r->unclear = sentence;
    return sentence ? 0 : sb_fail_nomem(err);
}

static int contradictions(const char *request, const struct sb_word *words, size_t n, struct sb_reading_of *r, struct sb_err *err)
{
    const uint32_t of_one = OF(SB_INTENT_INDEX_CREATE) | OF(SB_INTENT_ANOMALY_WATCH) | OF(SB_INTENT_SCHEMA_VALIDATE);
    const struct sb_slots *s = &r->slots;
    const struct sb_word *key = NULL;
    if (s->field && s->new_field && strcmp(s->field, s->new_field) == 0)
        return contradict(r, sb_format("the field %s is to be called %s, as it is already: say the new name", s->field, s->new_field), err);
    for (size_t i = 0; (of_one & OF(r->intent)) && i < n; i++) {
        const struct sb_word *w = &words[i];
        const char *at = request + w->from;
        int k = (int)(w->to - w->from);
        size_t field = s->field ? strlen(s->field) : 0;
        bool with_field = field && (size_t)k > field && memcmp(at + k - field, s->field, field) == 0; /* users.email, of crm.users */
        if (has_form(w, SB_FORM_NAME) && s->ns && strchr(s->ns, '.') && !equals(s->ns, at, (size_t)k) && !with_field)
            return contradict(r, sb_format("the request names two collections, %s and %.*s: ask for one at a time", s->ns, k, at), err);
        bool is_key = has_form(w, SB_FORM_KEY) && sb_index_document_of(request, w->from) == SB_INDEX_DOCUMENT_KEY;
        if (is_key && key && r->intent == SB_INTENT_INDEX_CREATE)
            return contradict(r, sb_format("the request names two keys, %s and %.*s: ask for one index at a time", s->key ? s->key : "{...}", k, at), err);
        key = is_key ? w : key;
    }
    return 0;
}

int sb_slots_fill(const struct sb_slot_patterns *p, const char *request, size_t len, const struct sb_word *words, size_t n, char *const *known, size_t known_n,
                  struct sb_reading_of *r, struct sb_err *err)
{
    for (size_t i = 0; i < SB_COUNT(patterns); i++) {
        struct sb_match m[2];
        char **slot = (char **)(void *)((char *)&r->slots + patterns[i].slot);
        if (*slot || !(patterns[i].intents & OF(r->intent)) || sb_regex_match(p->re[i], request, len, m, 2, NULL) != 1)
            continue;
        while (m[1].from < m[1].to && request[m[1].from] == ' ')
            m[1].from++;
        bool said = patterns[i].slot == SLOT(number) && r->slots.opid && equals(r->slots.opid, request + m[1].from, m[1].to - m[1].from);
        if (!said && take(slot, request + m[1].from, m[1].to - m[1].from, err))
            return -1;
    }
    if (find_namespace(request, words, n, known, known_n, r, err))
        return -1;
    struct sb_slots *s = &r->slots;
    const char *becomes = s->new_field ? s->new_field : s->type;
    if (!s->target && becomes && sb_str_set(&s->target, becomes))
        return sb_fail_nomem(err);
    return contradictions(request, words, n, r, err);
}
