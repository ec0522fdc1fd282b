/* SPDX-License-Identifier: Apache-2.0 */
#include "intake_rules.h"
#include "intake_slots.h"

#include <signalbox/base/str.h>
#include <signalbox/orchestrator/intake.h>

#include <stdlib.h>
#include <string.h>

#define DOUBT 300       /* the weight of "it may be something we do not know" */
#define LEAST 250       /* what weighs less was not understood */
#define ALONE_LEAST 300 /* the same of what no rule speaks for */
#define CLOSE_PERCENT 90 /* a second reading that weighs so much of the first is as good */
#define PART_LEAST 600  /* a part of a request is one of its own from this weight on */
#define REASONS_MAX 8
/* A word where a collection is spoken of, but none that stands for something else. */
#define NOT_A_NAME "(?!(?:a|an|all|any|app|application|checkout|cluster|collections?|database|db|every|everything|it|its|latency|login|my|our|page|queries|query|reads?|" \
                   "server|set|site|something|that|the|these|they|things?|this|what|which|who|why|writes?|is|are|up|down)\\b)"
#define NAMED "(?:\\b(?:collection|speed ?up|tune|optimi[sz]e|index(?:es)? (?:on|for|to)|watch|profile)\\s+(?:the\\s+)?(?:collection\\s+)?|^\\s*(?:why (?:is|are)\\s+)?(?:the\\s+)?)" \
              NOT_A_NAME "([A-Za-z_][A-Za-z0-9_\\-]{1,63})\\s*(?:$|[{?!,;]|\\s(?:is|are|got|gets|has|have|feels?|collection|slow|so|closely|please)\\b)"

struct sb_intake {
    struct sb_rules rules;
    struct sb_slot_patterns *slots;
    struct sb_regex *named;
    int deny, act, then, imperative, order, bid, says, back; /* classes with a meaning of their own; -1: the file has none */
};

struct sb_intake *sb_intake_new(const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err)
{
    struct sb_intake *in = calloc(1, sizeof *in);
    if (!in) {
        sb_fail_nomem(err);
        return NULL;
    }
    if (!(in->named = sb_regex_new(NAMED, SB_REGEX_CASELESS, err)) || !(in->slots = sb_slot_patterns_new(err)) ||
        sb_rules_read(&in->rules, text, len, path, problems, err)) {
        sb_intake_free(in);
        return NULL;
    }
    in->deny = sb_lexicon_class(in->rules.lexicon, "DENY", false);
    in->act = sb_lexicon_class(in->rules.lexicon, "ACT", false);
    in->then = sb_lexicon_class(in->rules.lexicon, "THEN", false);
    in->imperative = sb_lexicon_class(in->rules.lexicon, "IMPERATIVE", false);
    in->order = sb_lexicon_class(in->rules.lexicon, "ORDER", false);
    in->bid = sb_lexicon_class(in->rules.lexicon, "BID", false);
    in->says = sb_lexicon_class(in->rules.lexicon, "SAYS", false);
    in->back = sb_lexicon_class(in->rules.lexicon, "BACK", false);
    return in;
}

void sb_intake_free(struct sb_intake *in)
{
    if (!in)
        return;
    sb_rules_release(&in->rules);
    sb_slot_patterns_free(in->slots);
    sb_regex_free(in->named);
    free(in);
}

/* ---- a stretch of words, weighed ---- */

struct stretch {
    const char *text; /* from the first word's first byte */
    size_t len;
    const struct sb_word *words;
    size_t n;
    struct sb_classes all; /* of the words that are not denied */
};

struct weights {
    int64_t section[SB_SECTIONS_MAX], intent[SB_INTENT_STATUS + 1], foreign; /* foreign: of the kind that weighs most */
    size_t kind; /* its section */
    int first, second; /* intents; SB_INTENT_NONE where there is none */
};

static bool is(const struct sb_word *w, int class_)
{
    return class_ >= 0 && w->classes.w[class_ / 64] >> class_ % 64 & 1;
}

static struct stretch stretch(const char *request, const struct sb_word *words, size_t n)
{
    struct stretch s = {.words = words, .n = n, .text = request};
    if (n) {
        s.text = request + words[0].from;
        s.len = words[n - 1].to - words[0].from;
    }
    for (size_t i = 0; i < n; i++)
        if (!words[i].denied)
            sb_classes_add(&s.all, &words[i].classes);
    return s;
}

/* A word that counts for nothing, quoted or denied, stands in this stretch of the text. */
static bool counts_not(const struct stretch *s, const struct sb_match *m)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->words[i].denied && s->words[i].from - s->words[0].from < m->to && s->words[i].to - s->words[0].from > m->from)
            return true;
    return false;
}

static bool matches(const struct sb_intake *in, const struct sb_rule *r, const struct stretch *s, bool *hit, struct sb_match *m)
{
    if (r->re)
        return s->len && sb_regex_match(r->re, s->text, s->len, m, 1, NULL) == 1 && (in->rules.section[r->section].kind != SB_SECTION_INTENT || !counts_not(s, m));
    return sb_rule_matches(r, s->words, s->n, &s->all, hit);
}

/* How the words may be taken: at most as a wish to look at something, where they are somebody else's or say what not to do. */
enum taken { TAKEN_WHOLE, TAKEN_DENIED, TAKEN_QUOTED };

/* Intents that change nothing. */
static bool looks(int intent, enum taken taken)
{
    switch (intent) {
    case SB_INTENT_ANOMALY_WATCH: case SB_INTENT_SCHEMA_VALIDATE:
        return taken == TAKEN_DENIED; /* "change nothing, only watch" is a wish of the asker's own */
    case SB_INTENT_INDEX_REVIEW: case SB_INTENT_SCHEMA_REVIEW: case SB_INTENT_ANOMALY_INVESTIGATE: case SB_INTENT_OPS_CURRENT: case SB_INTENT_BACKUP_CHECK:
    case SB_INTENT_POLICY_CHECK: case SB_INTENT_REPORT: case SB_INTENT_STATUS:
        return true;
    default:
        return false;
    }
}

/* Where no rule speaks for it, a leaning has to be a strong one. */
static int64_t lean_on(int64_t rules, int64_t leaning)
{
    return rules <= 0 && rules + leaning < ALONE_LEAST ? 0 : rules + leaning;
}

static void weigh(const struct sb_intake *in, const struct stretch *s, enum taken taken, struct weights *w)
{
    const struct sb_rules *rules = &in->rules;
    struct sb_match m[1];
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < rules->n; i++)
        if (rules->section[rules->rules[i].section].kind != SB_SECTION_DANGER && matches(in, &rules->rules[i], s, NULL, m))
            w->section[rules->rules[i].section] += rules->rules[i].weight;
    for (size_t i = 0; i < rules->sections_n; i++) {
        const struct sb_section *section = &rules->section[i];
        if (section->kind == SB_SECTION_INTENT && (taken == TAKEN_WHOLE || looks(section->intent, taken))) {
            w->intent[section->intent] += w->section[i];
        } else if (section->kind == SB_SECTION_FOREIGN && w->section[i] > w->foreign) {
            w->foreign = w->section[i];
            w->kind = i;
        }
    }
    int64_t leaning[SB_OUTCOMES]; /* how much rather than to none */
    sb_leanings_weigh(&rules->leanings, rules->lexicon, s->words, s->n, leaning, SB_INTENT_NONE, NULL);
    for (int i = SB_INTENT_NONE + 1; i <= SB_INTENT_STATUS; i++)
        if (taken == TAKEN_WHOLE || looks(i, taken))
            w->intent[i] = lean_on(w->intent[i], leaning[i] - leaning[SB_INTENT_NONE]);
    w->first = w->second = SB_INTENT_NONE;
    for (int i = SB_INTENT_NONE + 1; i <= SB_INTENT_STATUS; i++) {
        if (w->intent[i] <= 0)
            continue;
        if (w->first == SB_INTENT_NONE || w->intent[i] > w->intent[w->first]) {
            w->second = w->first;
            w->first = i;
        } else if (w->second == SB_INTENT_NONE || w->intent[i] > w->intent[w->second]) {
            w->second = i;
        }
    }
}

/* ---- the words of a request ---- */

/* A verb behind "do not" asks for nothing. True: there is one, and no other verb that asks for a change. */
static bool deny(const struct sb_intake *in, struct sb_word *words, size_t n)
{
    bool any = false, other = false;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; is(&words[i], in->deny) && j < n && j <= i + 2 && words[j].sentence == words[i].sentence; j++)
            words[j].denied = is(&words[j], in->act) || words[j].denied;
    for (size_t i = 0; i < n; i++) {
        any = any || words[i].denied;
        other = other || (is(&words[i], in->act) && !words[i].denied);
    }
    return any && !other;
}

/* A rule speaks for the intent that weighs most, and not only what words lean to. */
static bool spoken(const struct sb_intake *in, const struct weights *w)
{
    int64_t rules = 0;
    for (size_t i = 0; i < in->rules.sections_n; i++)
        if (in->rules.section[i].kind == SB_SECTION_INTENT && in->rules.section[i].intent == w->first)
            rules += w->section[i];
    return w->first != SB_INTENT_NONE && rules > 0 && w->intent[w->first] >= LEAST;
}

/* Whether what stands between quotation marks is left out: always, where anything else speaks for something. True: it was
 * read after all, and may only ask to look: so may the few words that stand around it. */
static bool leave_quotes(const struct sb_intake *in, const char *request, struct sb_word *words, size_t n)
{
    bool any = false, denied[SB_WORDS_MAX];
    for (size_t i = 0; i < n; i++) {
        denied[i] = words[i].denied;
        any = any || words[i].quoted;
        words[i].denied = words[i].denied || words[i].quoted;
    }
    if (!any)
        return false;
    struct weights w;
    struct stretch s = stretch(request, words, n);
    weigh(in, &s, TAKEN_WHOLE, &w);
    if (spoken(in, &w) || w.foreign >= LEAST)
        return false;
    for (size_t i = 0; i < n; i++)
        words[i].denied = denied[i];
    return true;
}

/* "skip the approval" is no question about approvals: of such a wish the words count for nothing, unless it is asked. */
static void set_aside(const struct sb_intake *in, const char *request, size_t len, struct sb_word *words, size_t n)
{
    for (size_t i = 0; i < in->rules.n; i++) {
        const struct sb_rule *r = &in->rules.rules[i];
        struct sb_match m[1];
        if (!in->rules.section[r->section].aside || !r->re || sb_regex_match(r->re, request, len, m, 1, NULL) != 1)
            continue;
        for (size_t k = 0; k < n; k++) {
            bool asked = false;
            for (size_t j = k; j < n && words[j].sentence == words[k].sentence; j++)
                asked = asked || is(&words[j], SB_FORM_ASKS);
            words[k].denied = words[k].denied || (!asked && words[k].from >= m[0].from && words[k].to <= m[0].to);
        }
    }
}

static size_t read_words(const struct sb_intake *in, const char *request, size_t len, char *const *known, size_t known_n, struct sb_word *words, enum taken *taken)
{
    size_t n = sb_words_read(in->rules.lexicon, request, len, known, known_n, words, SB_WORDS_MAX);
    *taken = deny(in, words, n) ? TAKEN_DENIED : TAKEN_WHOLE;
    *taken = leave_quotes(in, request, words, n) ? TAKEN_QUOTED : *taken;
    set_aside(in, request, len, words, n);
    return n;
}

static int check(const char *request, size_t *len, struct sb_err *err)
{
    *len = strlen(request);
    if (*len > SB_REQUEST_MAX)
        return sb_fail(err, SB_EINPUT, "the request is longer than %d bytes", SB_REQUEST_MAX);
    if (!sb_utf8_valid(request, *len))
        return sb_fail(err, SB_EINPUT, "the request is not UTF-8 text");
    for (const char *p = request; *p; p++)
        if (((unsigned char)*p < 0x20 && !strchr("\t\r\n", *p)) || *p == 0x7F)
            return sb_fail(err, SB_EINPUT, "the request holds a control character (byte %zu)", (size_t)(p - request) + 1);
    return 0;
}

/* ---- the reading ---- */

static void add_quoted(struct sb_str *out, const char *p, size_t n, size_t *count)
{
    if (*count < REASONS_MAX)
        sb_str_addf(out, "%s\"%.*s\"", *count ? ", " : "", (int)n, p);
    ++*count;
}

static void mark_leaning(const struct sb_intake *in, const struct stretch *s, int intent, bool *hit)
{
    int64_t sums[SB_OUTCOMES], by_word[SB_WORDS_MAX] = {0}, most = 0;
    sb_leanings_weigh(&in->rules.leanings, in->rules.lexicon, s->words, s->n, sums, intent, by_word);
    for (size_t i = 0; i < s->n; i++)
        most = by_word[i] > most ? by_word[i] : most;
    for (size_t i = 0; i < s->n; i++)
        hit[i] = most > 0 && by_word[i] * 2 >= most;
}

/* What decided, in the asker's own words. */
static void quote(const struct sb_intake *in, const char *request, const struct stretch *s, int intent, size_t kind, struct sb_str *out)
{
    bool hit[SB_WORDS_MAX] = {false};
    size_t count = 0;
    for (size_t i = 0; i < in->rules.n; i++) {
        const struct sb_rule *r = &in->rules.rules[i];
        const struct sb_section *section = &in->rules.section[r->section];
        struct sb_match m[1];
        bool of_it = intent == SB_INTENT_NONE ? r->section == kind : section->kind == SB_SECTION_INTENT && section->intent == intent;
        if (of_it && r->weight > 0 && matches(in, r, s, hit, m) && r->re)
            add_quoted(out, s->text + m[0].from, m[0].to - m[0].from, &count);
    }
    if (count == 0 && !memchr(hit, true, sizeof hit)) /* no rule: what leant to it most */
        mark_leaning(in, s, intent, hit);
    for (size_t i = 0; i < s->n; i++)
        if (hit[i])
            add_quoted(out, request + s->words[i].from, s->words[i].to - s->words[i].from, &count);
}

/* The share of the winner, per million, made into how often such a share is right. */
static int64_t calibrated(const struct sb_rules *r, int64_t ppm)
{
    for (size_t i = 0; i < r->calibration_n; i++) {
        int64_t x = r->calibration[i].share * 1000, y = r->calibration[i].ppm;
        int64_t x0 = i ? r->calibration[i - 1].share * 1000 : 0, y0 = i ? r->calibration[i - 1].ppm : 0;
        if (ppm <= x)
            return x == x0 ? y : y0 + (y - y0) * (ppm - x0) / (x - x0);
    }
    return r->calibration_n ? r->calibration[r->calibration_n - 1].ppm : ppm;
}

const char *sb_intake_example(const struct sb_intake *in, int intent)
{
    for (size_t i = 0; i < in->rules.sections_n; i++)
        if (in->rules.section[i].kind == SB_SECTION_INTENT && in->rules.section[i].intent == intent && in->rules.section[i].text)
            return in->rules.section[i].text;
    return sb_name(&sb_intents, intent);
}

static int warn(const struct sb_intake *in, const char *request, struct sb_word *words, size_t n, struct sb_reading_of *out, struct sb_err *err)
{
    bool denied[SB_WORDS_MAX];
    struct sb_match m[1];
    for (size_t i = 0; i < n; i++) { /* here also what is quoted counts */
        denied[i] = words[i].denied;
        words[i].denied = words[i].denied && !words[i].quoted;
    }
    struct stretch s = stretch(request, words, n);
    for (size_t i = 0; i < in->rules.n && !out->warning; i++) {
        const struct sb_rule *r = &in->rules.rules[i];
        if (in->rules.section[r->section].kind == SB_SECTION_DANGER && matches(in, r, &s, NULL, m) && sb_str_set(&out->warning, in->rules.section[r->section].text))
            return sb_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++)
        words[i].denied = denied[i];
    return 0;
}

static void decide(const struct sb_intake *in, const struct weights *w, bool ours, struct sb_reading_of *out)
{
    int64_t best = w->intent[w->first];
    if (w->foreign > best && w->foreign >= LEAST && !ours) {
        out->intent = SB_INTENT_NONE;
        out->runner_up = w->first;
        int64_t all = w->foreign + best + DOUBT;
        out->confidence_ppm = calibrated(&in->rules, w->foreign * 1000000 / all);
        out->runner_up_ppm = best * 1000000 / all;
    } else if (best < LEAST) {
        out->intent = SB_INTENT_NONE;
        out->runner_up = w->first;
        out->confidence_ppm = calibrated(&in->rules, (2 * LEAST - best) * 1000000 / (2 * LEAST));
        out->runner_up_ppm = best * 1000000 / (2 * LEAST);
    } else {
        int64_t other = w->intent[w->second] > 0 ? w->intent[w->second] : 0, against = w->foreign > 0 && !ours ? w->foreign : 0;
        int64_t all = best + (other > against ? other : against) + DOUBT;
        out->intent = w->first;
        out->runner_up = w->second;
        out->confidence_ppm = calibrated(&in->rules, best * 1000000 / all);
        out->runner_up_ppm = other * 1000000 / all;
    }
    if (out->runner_up_ppm > 1000000 - out->confidence_ppm)
        out->runner_up_ppm = 1000000 - out->confidence_ppm;
    if (out->runner_up_ppm > out->confidence_ppm)
        out->runner_up_ppm = out->confidence_ppm;
}

/* Words that read as well one way as the other are asked back. */
static int ask_back(const struct sb_intake *in, const struct weights *w, struct sb_reading_of *out, struct sb_err *err)
{
    if (out->intent == SB_INTENT_NONE || out->unclear || w->second == SB_INTENT_NONE || w->intent[w->second] * 100 < w->intent[w->first] * CLOSE_PERCENT)
        return 0;
    out->unclear = sb_format("it can be read in two ways: %s, as in \"%s\", or %s, as in \"%s\"", sb_name(&sb_intents, w->first), sb_intake_example(in, w->first),
                             sb_name(&sb_intents, w->second), sb_intake_example(in, w->second));
    return out->unclear ? 0 : sb_fail_nomem(err);
}

static int say_why(const struct sb_intake *in, const char *request, const struct stretch *s, const struct weights *w, enum taken taken, struct sb_reading_of *out, struct sb_err *err)
{
    bool foreign = out->intent == SB_INTENT_NONE && w->foreign > w->intent[w->first] && w->foreign >= LEAST;
    struct sb_str reason;
    sb_str_init(&reason);
    if (foreign) {
        sb_str_addf(&reason, "%s: ", in->rules.section[w->kind].text);
        if (sb_str_set(&out->foreign, in->rules.section[w->kind].text)) {
            sb_str_release(&reason);
            return sb_fail_nomem(err);
        }
    }
    if (foreign || out->intent != SB_INTENT_NONE)
        quote(in, request, s, out->intent, w->kind, &reason);
    else
        sb_str_adds(&reason, "no words of index, schema, backup, anomaly, capacity or policy work");
    if (out->intent != SB_INTENT_NONE && out->runner_up != SB_INTENT_NONE) {
        sb_str_addf(&reason, "; rather than %s: ", sb_name(&sb_intents, out->runner_up));
        quote(in, request, s, out->runner_up, 0, &reason);
    }
    if (taken == TAKEN_QUOTED)
        sb_str_adds(&reason, "; it stands in quotation marks: such words are read as a report, and change nothing");
    else if (taken == TAKEN_DENIED)
        sb_str_adds(&reason, "; it says what not to do, and asks for no change");
    if (out->warning)
        sb_str_addf(&reason, "; %s", out->warning);
    out->reason = sb_str_take(&reason);
    return out->reason ? 0 : sb_fail_nomem(err);
}

int sb_intake_read(const struct sb_intake *in, const char *request, char *const *namespaces, size_t namespaces_n,
                   struct sb_reading_of *out, struct sb_err *err)
{
    struct sb_word words[SB_WORDS_MAX];
    struct weights w;
    size_t len;
    enum taken taken;
    memset(out, 0, sizeof *out);
    if (check(request, &len, err))
        return -1;
    size_t n = read_words(in, request, len, namespaces, namespaces_n, words, &taken);
    struct stretch s = stretch(request, words, n);
    weigh(in, &s, taken, &w);
    if (warn(in, request, words, n, out, err))
        goto fail;
    if (taken == TAKEN_QUOTED && out->warning) /* somebody's text with orders in it: nothing at all comes of that */
        memset(&w, 0, sizeof w);
    out->intent = w.first;
    if (sb_slots_fill(in->slots, request, len, words, n, namespaces, namespaces_n, out, err))
        goto fail;
    decide(in, &w, out->slots.ns && sb_strs_has(namespaces, namespaces_n, out->slots.ns), out);
    if (ask_back(in, &w, out, err) || say_why(in, request, &s, &w, taken, out, err))
        goto fail;
    return 0;
fail:
    sb_record_release(&sb_reading_of_schema, out);
    return -1;
}

/* ---- several requests in one ---- */

/* Where a part may begin: behind "then", or at a verb that tells to do something behind "and" or a comma. 0: not here. */
static bool may_begin(const struct sb_intake *in, const char *request, const struct sb_word *words, size_t i)
{
    if (is(&words[i - 1], in->then))
        return true;
    if (!is(&words[i], in->imperative))
        return false;
    for (const char *p = request + words[i - 1].to; p < request + words[i].from; p++)
        if (strchr(",;.\n", *p))
            return true;
    return strcmp(words[i - 1].text, "and") == 0 || strcmp(words[i - 1].text, "also") == 0;
}

/* A stretch of words that may be a part, read by itself. */
struct part {
    size_t from, to; /* words */
    int strong;      /* the intent it has beyond doubt; SB_INTENT_NONE: none */
    int first;       /* the intent that weighs most */
};

static struct part read_part(const struct sb_intake *in, const char *request, const struct sb_word *words, size_t from, size_t to)
{
    struct part p = {.from = from, .to = to, .strong = SB_INTENT_NONE, .first = SB_INTENT_NONE};
    struct weights w;
    struct stretch s = stretch(request, words + from, to - from);
    if (to - from < 2) /* one word alone belongs to what stands before it */
        return p;
    weigh(in, &s, TAKEN_WHOLE, &w);
    p.first = w.first;
    if (w.intent[w.first] >= PART_LEAST && w.intent[w.first] > w.foreign && w.intent[w.second] * 100 < w.intent[w.first] * CLOSE_PERCENT)
        p.strong = w.first;
    return p;
}

static bool any_is(const struct sb_word *words, const struct part *p, int class_)
{
    for (size_t i = p->from; i < p->to; i++)
        if (is(&words[i], class_))
            return true;
    return false;
}

/* It tells to do something, or asks: not only how things are. What is no known verb and has a collection behind it is one too
 * ("index a.b by c"). */
static bool orders(const struct sb_intake *in, const struct sb_word *words, const struct part *p)
{
    for (size_t i = p->from; i < p->to; i++) {
        bool named = i + 1 < p->to && is(&words[i + 1], SB_FORM_NAME) && !is(&words[i], SB_FORM_NAME);
        bool verb = named || is(&words[i], in->order) || is(&words[i], in->imperative) || is(&words[i], in->act);
        bool begins = i == p->from || words[i - 1].sentence != words[i].sentence || is(&words[i - 1], in->bid);
        if ((verb && begins) || is(&words[i], SB_FORM_ASKS))
            return true;
    }
    return false;
}

/* Whether two stretches with an intent each are one request all the same. "index bloat on a.b, remove what nobody uses", "a query
 * is hung, kill it": the first says no more than why. "take the dump and restore a.b from it", "look at a.b and add indexes where
 * they lack": the looking is the way to the change. What is to be watched is watched after the change. */
static bool are_one(const struct sb_intake *in, const char *request, const struct sb_word *words, const struct part *before, const struct part *after)
{
    bool refers = any_is(words, after, in->back), asked = in->order < 0 || orders(in, words, before);
    if (!asked && (refers || !any_is(words, before, in->says)))
        return true;
    if (!refers)
        return false;
    int whole = read_part(in, request, words, before->from, after->to).first;
    return (whole == after->strong && looks(before->strong, TAKEN_QUOTED)) ||
           (whole == before->strong && after->strong != SB_INTENT_ANOMALY_WATCH && !looks(after->strong, TAKEN_QUOTED));
}

/* Where the words end that stand before the word `i`, without what only joins the two. */
static size_t joint(const struct sb_intake *in, const struct sb_word *words, size_t from, size_t i)
{
    while (i > from + 1 && (is(&words[i - 1], in->then) || strcmp(words[i - 1].text, "and") == 0 || strcmp(words[i - 1].text, "also") == 0))
        i--;
    return i;
}

size_t sb_intake_parts(const struct sb_intake *in, const char *request, struct sb_match *parts, size_t max)
{
    struct sb_word words[SB_WORDS_MAX];
    struct sb_err err = SB_ERR_INIT;
    size_t len, found = 0, from = 0;
    enum taken taken;
    if (check(request, &len, &err) || max == 0)
        return 0;
    size_t n = read_words(in, request, len, NULL, 0, words, &taken);
    parts[0] = (struct sb_match){0, len};
    for (size_t i = 1; i < n && found + 1 < max; i++) {
        if (words[i].denied || words[i].quoted || !may_begin(in, request, words, i)) /* what is quoted is not cut out of its marks */
            continue;
        size_t end = i + 1, cut = joint(in, words, from, i);
        while (end < n && !may_begin(in, request, words, end))
            end++;
        struct part before = read_part(in, request, words, from, cut), after = read_part(in, request, words, i, joint(in, words, i, end));
        if (before.strong == SB_INTENT_NONE || after.strong == SB_INTENT_NONE || before.strong == after.strong)
            continue;
        if (!is(&words[i - 1], in->then) && are_one(in, request, words, &before, &after))
            continue;
        parts[found].to = words[cut - 1].to;
        parts[++found] = (struct sb_match){words[i].from, len};
        from = i;
    }
    return found + 1;
}

size_t sb_intake_read_all(const struct sb_intake *in, const char *request, char *const *namespaces, size_t namespaces_n,
                          struct sb_reading_of out[SB_INTAKE_PARTS_MAX], struct sb_err *err)
{
    struct sb_match part[SB_INTAKE_PARTS_MAX];
    size_t n = sb_intake_parts(in, request, part, SB_COUNT(part));
    if (n < 2)
        return sb_intake_read(in, request, namespaces, namespaces_n, out, err) ? 0 : 1;
    for (size_t i = 0; i < n; i++) {
        char *words = sb_strdup_n(request + part[i].from, part[i].to - part[i].from);
        int rc = words ? sb_intake_read(in, words, namespaces, namespaces_n, &out[i], err) : sb_fail_nomem(err);
        free(words);
        if (rc == 0)
            continue;
        while (i > 0)
            sb_record_release(&sb_reading_of_schema, &out[--i]);
        return 0;
    }
    return n;
}

char *sb_intake_named(const struct sb_intake *in, const char *request)
{
    struct sb_match m[2];
    if (sb_regex_match(in->named, request, strlen(request), m, 2, NULL) != 1)
        return NULL;
    return sb_strdup_n(request + m[1].from, m[1].to - m[1].from);
}
