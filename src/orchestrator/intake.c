/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/base/regex.h>
#include <signalbox/orchestrator/intake.h>

#include <string.h>

#define DOUBT 300 /* the weight of "it may be something we do not know" */
/* A word where a collection is spoken of, but none that stands for something else. */
#define NOT_A_NAME "(?!(?:a|an|all|any|app|application|checkout|cluster|collections?|database|db|every|everything|it|its|latency|login|my|our|page|queries|query|reads?|" \
                   "server|set|site|something|that|the|these|they|things?|this|what|which|who|why|writes?|is|are|up|down)\\b)"
#define NAMED "(?:\\b(?:collection|speed ?up|tune|optimi[sz]e|index(?:es)? (?:on|for|to)|watch|profile)\\s+(?:the\\s+)?(?:collection\\s+)?|^\\s*(?:why (?:is|are)\\s+)?(?:the\\s+)?)" \
              NOT_A_NAME "([A-Za-z_][A-Za-z0-9_\\-]{1,63})\\s*(?:$|[{?!,;]|\\s(?:is|are|got|gets|has|have|feels?|collection|slow|so|closely|please)\\b)"
#define NAMESPACE "\\b([A-Za-z0-9_\\-]{1,64})\\.([A-Za-z0-9_\\-][A-Za-z0-9_.\\-]{0,120}[A-Za-z0-9_\\-]|[A-Za-z0-9_\\-])"

#define FOREIGN_MAX 8

struct pattern {
    int intent;
    size_t foreign; /* of intent none: which of the kinds that are not ours */
    int64_t weight;
    struct sb_regex *re;
    char *source;
};

struct sb_intake {
    struct pattern *patterns;
    size_t n, cap;
    struct sb_regex *ns, *key, *name, *word, *named;
    char *foreign[FOREIGN_MAX];
    size_t foreign_n;
    int intent; /* while reading the file; -1: no section yet, none: the last foreign one */
};

static void read_row(void *ctx, const struct sb_conf_row *row, struct sb_problems *problems)
{
    struct sb_intake *in = ctx;
    if (row->n == 2 && strcmp(row->word[0], "intent") == 0) {
        in->intent = sb_name_find(&sb_intents, row->word[1]);
        if (in->intent <= SB_INTENT_NONE) {
            sb_problems_add(problems, row->path, row->line, "\"%s\" is not an intent", row->word[1]);
            in->intent = -1;
        }
        return;
    }
    if (row->n == 2 && strcmp(row->word[0], "foreign") == 0) {
        bool fits = in->foreign_n < FOREIGN_MAX;
        if (fits && !(in->foreign[in->foreign_n] = sb_strdup_n(row->word[1], strlen(row->word[1]))))
            sb_problems_add(problems, row->path, row->line, "out of memory");
        else if (!fits)
            sb_problems_add(problems, row->path, row->line, "there are more than %d foreign sections", FOREIGN_MAX);
        in->intent = fits && in->foreign[in->foreign_n] ? SB_INTENT_NONE : -1;
        in->foreign_n += in->intent == SB_INTENT_NONE;
        return;
    }
    int64_t weight;
    if (row->n != 3 || strcmp(row->word[0], "match") != 0 || sb_parse_i64(row->word[1], &weight) || weight < 1 || weight > 1000) {
        sb_problems_add(problems, row->path, row->line, "must be: intent NAME, foreign WHAT, or: match WEIGHT(1..1000) REGEX");
        return;
    }
    if (in->intent < SB_INTENT_NONE) {
        sb_problems_add(problems, row->path, row->line, "a match stands before its intent");
        return;
    }
    struct sb_err err = SB_ERR_INIT;
    struct sb_regex *re = sb_regex_new(row->word[2], SB_REGEX_CASELESS, &err);
    char *source = sb_strdup_n(row->word[2], strlen(row->word[2]));
    if (!re || !source || SB_GROW(in->patterns, in->cap, in->n + 1)) {
        sb_problems_add(problems, row->path, row->line, "%s", re ? "out of memory" : err.msg);
        sb_regex_free(re);
        free(source);
        return;
    }
    in->patterns[in->n++] = (struct pattern){in->intent, in->foreign_n ? in->foreign_n - 1 : 0, weight, re, source};
}

struct sb_intake *sb_intake_new(const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err)
{
    struct sb_intake *in = calloc(1, sizeof *in);
    if (!in) {
        sb_fail_nomem(err);
        return NULL;
    }
    in->intent = -1;
    in->ns = sb_regex_new(NAMESPACE, 0, err);
    in->key = sb_regex_new("\\{[^{}]{1,500}\\}", 0, err);
    in->name = sb_regex_new("\\b(?:named|called)\\s+[\"']?([A-Za-z0-9_.\\-]{1,120})", SB_REGEX_CASELESS, err);
    in->word = sb_regex_new("\\b[A-Za-z0-9_\\-]{2,64}\\b", 0, err);
    in->named = sb_regex_new(NAMED, SB_REGEX_CASELESS, err);
    if (!in->ns || !in->key || !in->name || !in->word || !in->named || sb_conf_parse(text, len, path, read_row, in, problems, err)) {
        sb_intake_free(in);
        return NULL;
    }
    return in;
}

void sb_intake_free(struct sb_intake *in)
{
    if (!in)
        return;
    for (size_t i = 0; i < in->n; i++) {
        sb_regex_free(in->patterns[i].re);
        free(in->patterns[i].source);
    }
    free(in->patterns);
    for (size_t i = 0; i < in->foreign_n; i++)
        free(in->foreign[i]);
    sb_regex_free(in->ns);
    sb_regex_free(in->key);
    sb_regex_free(in->name);
    sb_regex_free(in->word);
    sb_regex_free(in->named);
    free(in);
}

/* ---- slots ---- */

static int take(char **slot, const char *request, struct sb_match m, struct sb_err *err)
{
    free(*slot);
    *slot = sb_strdup_n(request + m.from, m.to - m.from);
    return *slot ? 0 : sb_fail_nomem(err);
}

static bool equals(const char *text, const char *request, struct sb_match m)
{
    return strlen(text) == m.to - m.from && strncmp(text, request + m.from, m.to - m.from) == 0;
}

/* db.coll where written out; else a bare word that is the collection of exactly one known namespace. */
static int find_namespace(const struct sb_intake *in, const char *request, size_t len, char *const *known, size_t known_n,
                          struct sb_slots *slots, struct sb_err *err)
{
    struct sb_match m[3];
    size_t at = 0;
    while (at < len && sb_regex_match(in->ns, request + at, len - at, m, 3, NULL) == 1) {
        struct sb_match whole = {m[0].from + at, m[0].to + at};
        for (size_t i = 0; i < known_n; i++)
            if (equals(known[i], request, whole))
                return take(&slots->ns, request, whole, err);
        if (!slots->ns && take(&slots->ns, request, whole, err)) /* not known: kept, and said later that it does not exist */
            return -1;
        at = whole.to;
    }
    if (slots->ns)
        return 0;
    at = 0;
    while (at < len && sb_regex_match(in->word, request + at, len - at, m, 1, NULL) == 1) {
        struct sb_match word = {m[0].from + at, m[0].to + at};
        const char *found = NULL;
        size_t count = 0;
        for (size_t i = 0; i < known_n; i++) {
            const char *dot = strchr(known[i], '.');
            if (dot && equals(dot + 1, request, word)) {
                found = known[i];
                count++;
            }
        }
        if (count == 1)
            return sb_str_set(&slots->ns, found) ? sb_fail_nomem(err) : 0;
        at = word.to;
    }
    return 0;
}

static int find_slots(const struct sb_intake *in, const char *request, size_t len, char *const *known, size_t known_n,
                      struct sb_slots *slots, struct sb_err *err)
{
    struct sb_match m[2];
    if (find_namespace(in, request, len, known, known_n, slots, err))
        return -1;
    if (sb_regex_match(in->key, request, len, m, 1, NULL) == 1 && take(&slots->key, request, m[0], err))
        return -1;
    if (sb_regex_match(in->name, request, len, m, 2, NULL) == 1 && take(&slots->index, request, m[1], err))
        return -1;
    return 0;
}

/* ---- the reading ---- */

static void rank(const int64_t *score, size_t n, int *first, int *second)
{
    *first = *second = SB_INTENT_NONE;
    for (size_t i = 1; i < n; i++) {
        if (score[i] <= 0)
            continue;
        if (*first == SB_INTENT_NONE || score[i] > score[*first]) {
            *second = *first;
            *first = (int)i;
        } else if (*second == SB_INTENT_NONE || score[i] > score[*second]) {
            *second = (int)i;
        }
    }
}

/* Weighs every pattern; score by intent, foreign by kind. */
static void weigh(const struct sb_intake *in, const char *request, size_t len, int64_t *score, int64_t *foreign)
{
    struct sb_match m[1];
    for (size_t i = 0; i < in->n; i++) {
        const struct pattern *p = &in->patterns[i];
        if (sb_regex_match(p->re, request, len, m, 1, NULL) == 1)
            *(p->intent == SB_INTENT_NONE ? &foreign[p->foreign] : &score[p->intent]) += p->weight;
    }
}

/* What decided, in the asker's own words. */
static void quote(const struct sb_intake *in, const char *request, size_t len, int intent, size_t foreign, struct sb_str *out)
{
    struct sb_match m[1];
    const char *between = "";
    for (size_t i = 0; i < in->n; i++) {
        const struct pattern *p = &in->patterns[i];
        if (p->intent != intent || (intent == SB_INTENT_NONE && p->foreign != foreign) || sb_regex_match(p->re, request, len, m, 1, NULL) != 1)
            continue;
        sb_str_addf(out, "%s\"%.*s\"", between, (int)(m[0].to - m[0].from), request + m[0].from);
        between = ", ";
    }
}

/* The kind of what is not ours that weighs more than every intent; foreign_n: it may be ours. */
static size_t not_ours(const struct sb_intake *in, const int64_t *foreign, int64_t best, const struct sb_slots *slots, char *const *known, size_t known_n)
{
    size_t kind = in->foreign_n;
    if (slots->ns && sb_strs_has(known, known_n, slots->ns))
        return kind;
    for (size_t i = 0; i < in->foreign_n; i++)
        if (foreign[i] > best) {
            best = foreign[i];
            kind = i;
        }
    return kind;
}

int sb_intake_read(const struct sb_intake *in, const char *request, char *const *namespaces, size_t namespaces_n,
                   struct sb_reading_of *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    size_t len = strlen(request);
    if (len > SB_REQUEST_MAX)
        return sb_fail(err, SB_EINPUT, "the request is longer than %d bytes", SB_REQUEST_MAX);
    if (!sb_utf8_valid(request, len))
        return sb_fail(err, SB_EINPUT, "the request is not UTF-8 text");
    int64_t score[SB_INTENT_STATUS + 1] = {0}, foreign[FOREIGN_MAX] = {0};
    struct sb_str reason;
    sb_str_init(&reason);
    int rc = -1;
    if (find_slots(in, request, len, namespaces, namespaces_n, &out->slots, err))
        goto out;
    weigh(in, request, len, score, foreign);
    rank(score, SB_COUNT(score), &out->intent, &out->runner_up);
    size_t kind = not_ours(in, foreign, score[out->intent], &out->slots, namespaces, namespaces_n);
    int64_t decided = score[out->intent];
    if (kind < in->foreign_n) {
        out->runner_up = out->intent;
        out->intent = SB_INTENT_NONE;
        decided = foreign[kind];
        sb_str_addf(&reason, "%s: ", in->foreign[kind]);
        if (sb_str_set(&out->foreign, in->foreign[kind])) {
            sb_fail_nomem(err);
            goto out;
        }
    }
    quote(in, request, len, out->intent, kind, &reason);
    if (decided == 0) {
        sb_str_adds(&reason, "no words of index, schema, backup, anomaly, capacity or policy work");
        out->confidence_ppm = 1000000;
    } else {
        int64_t all = decided + (out->runner_up ? score[out->runner_up] : 0) + DOUBT;
        out->confidence_ppm = decided * 1000000 / all;
        out->runner_up_ppm = out->runner_up ? score[out->runner_up] * 1000000 / all : 0;
    }
    out->reason = sb_str_take(&reason);
    rc = out->reason ? 0 : sb_fail_nomem(err);
out:
    sb_str_release(&reason);
    if (rc)
        sb_record_release(&sb_reading_of_schema, out);
    return rc;
}

char *sb_intake_named(const struct sb_intake *in, const char *request)
{
    struct sb_match m[2];
    if (sb_regex_match(in->named, request, strlen(request), m, 2, NULL) != 1)
        return NULL;
    return sb_strdup_n(request + m[1].from, m[1].to - m[1].from);
}
