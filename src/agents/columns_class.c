/* SPDX-License-Identifier: Apache-2.0 */
#include "columns_class.h"

#include <signalbox/base/str.h>

#include <strings.h>

/* Words that say what a metric measures, and so what its being out speaks for. */
static const struct {
    const char *word;
    enum sb_anomaly_class class;
} words[] = {
    {"examined", SB_CLASS_CODE},        {"scanned", SB_CLASS_CODE},        {"collscan", SB_CLASS_CODE},
    {"conflict", SB_CLASS_CODE},        {"scan", SB_CLASS_CODE},           {"sort", SB_CLASS_CODE},
    {"disk", SB_CLASS_INFRASTRUCTURE},  {"iowait", SB_CLASS_INFRASTRUCTURE}, {"cpu", SB_CLASS_INFRASTRUCTURE},
    {"memory", SB_CLASS_INFRASTRUCTURE}, {"cache", SB_CLASS_INFRASTRUCTURE}, {"lag", SB_CLASS_INFRASTRUCTURE},
    {"swap", SB_CLASS_INFRASTRUCTURE},  {"connection", SB_CLASS_DEPENDENCY}, {"pool", SB_CLASS_DEPENDENCY},
    {"waiting", SB_CLASS_DEPENDENCY},   {"backup", SB_CLASS_MAINTENANCE},  {"index_build", SB_CLASS_MAINTENANCE},
    {"compact", SB_CLASS_MAINTENANCE},  {"version", SB_CLASS_CHANGE},      {"request", SB_CLASS_LOAD},
    {"ops", SB_CLASS_LOAD},             {"quer", SB_CLASS_LOAD},           {"insert", SB_CLASS_LOAD},
    {"reads", SB_CLASS_LOAD},           {"writes", SB_CLASS_LOAD},         {"rate", SB_CLASS_LOAD},
    {"bytes_in", SB_CLASS_LOAD},        {"network", SB_CLASS_LOAD},
};

static const char *const failures[] = {"error", "fail", "assert", "exception", "timeout", "5xx"};
static const char *const latencies[] = {"latenc", "duration", "response", "p95", "p99", "slow", "_ms", "time"};

void sb_columns_class_init(struct sb_columns_class *c)
{
    memset(c, 0, sizeof *c);
}

static const char *one_of(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasestr(name, list[i]))
            return list[i];
    return NULL;
}

/* What the name speaks for: its place among the words, or SB_COUNT(words). */
static size_t find(const char *name)
{
    size_t i = 0;
    while (i < SB_COUNT(words) && !strcasestr(name, words[i].word))
        i++;
    return i;
}

void sb_columns_class_add(struct sb_columns_class *c, const char *name, bool up)
{
    const char *failed = one_of(name, failures, SB_COUNT(failures)), *slow = one_of(name, latencies, SB_COUNT(latencies));
    size_t i = find(name);
    c->all++;
    if (failed || slow) {
        c->failed = c->failed ? c->failed : failed;
        c->slow = c->slow || failed ? c->slow : slow;
        return;
    }
    if (i == SB_COUNT(words))
        return;
    if (words[i].class == SB_CLASS_LOAD && !up) {
        c->fell++;
        return;
    }
    c->votes[words[i].class]++;
    if (!c->word[words[i].class])
        c->word[words[i].class] = words[i].word;
}

void sb_columns_class_calm(struct sb_columns_class *c, const char *name)
{
    size_t i = find(name);
    if (i == SB_COUNT(words))
        return;
    c->rate_calm |= words[i].class == SB_CLASS_LOAD;
    c->cost_calm |= words[i].class == SB_CLASS_CODE;
}

/* A cause is out before what it brings about: a full processor under more work is the work's. */
static enum sb_anomaly_class by_words(const struct sb_columns_class *c)
{
    static const enum sb_anomaly_class by_cause[] = {SB_CLASS_CHANGE, SB_CLASS_MAINTENANCE, SB_CLASS_CODE, SB_CLASS_LOAD, SB_CLASS_DEPENDENCY,
                                                     SB_CLASS_INFRASTRUCTURE};
    for (size_t i = 0; i < SB_COUNT(by_cause); i++)
        if (c->votes[by_cause[i]])
            return by_cause[i];
    return SB_CLASS_UNKNOWN;
}

/* Nothing that is out is a cause: what stayed calm beside it tells. */
static enum sb_anomaly_class by_calm(const struct sb_columns_class *c, const char **why)
{
    if (c->fell && !c->slow && !c->failed) {
        *why = "less is asked, and nothing is slow";
        return SB_CLASS_DEPENDENCY;
    }
    if (c->failed && !c->slow && c->rate_calm) {
        *why = "operations fail at the usual rate";
        return SB_CLASS_CODE;
    }
    if (c->slow && (c->rate_calm || c->fell)) {
        *why = c->cost_calm ? "operations take longer, at no higher rate and the usual cost" : "operations take longer, at no higher rate";
        return SB_CLASS_INFRASTRUCTURE;
    }
    *why = c->slow || c->failed ? "what is out tells that somebody is hurt, and no column tells of the rate of operations"
                                : "the names of the columns do not say what they measure";
    return SB_CLASS_UNKNOWN;
}

enum sb_anomaly_class sb_columns_class_tell(const struct sb_columns_class *c, double *confidence, char **reason)
{
    enum sb_anomaly_class best = by_words(c);
    const char *why;
    if (best == SB_CLASS_UNKNOWN) {
        best = by_calm(c, &why);
        *confidence = best == SB_CLASS_UNKNOWN ? 0 : 0.3;
        *reason = sb_format("%s", why);
        return best;
    }
    *confidence = 0.5 * c->votes[best] / c->all;
    *reason = sb_format("%d of %d columns that are out are named for it (\"%s\"); a CSV has nothing else to go by", c->votes[best], c->all, c->word[best]);
    return best;
}
