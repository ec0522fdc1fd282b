/* SPDX-License-Identifier: Apache-2.0 */
#include "columns_class.h"

#include <signalbox/base/str.h>

#include <strings.h>

/* Words that say what a metric measures, and so what its being out speaks for. What only tells that somebody is hurt
 * (latency, errors) speaks for no class. */
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

void sb_columns_class_init(struct sb_columns_class *c)
{
    memset(c, 0, sizeof *c);
}

void sb_columns_class_add(struct sb_columns_class *c, const char *name)
{
    c->all++;
    for (size_t i = 0; i < SB_COUNT(words); i++) {
        if (!strcasestr(name, words[i].word))
            continue;
        c->votes[words[i].class]++;
        if (!c->word[words[i].class])
            c->word[words[i].class] = words[i].word;
        return;
    }
}

enum sb_anomaly_class sb_columns_class_tell(const struct sb_columns_class *c, double *confidence, char **reason)
{
    static const enum sb_anomaly_class by_rarity[] = {SB_CLASS_CHANGE, SB_CLASS_MAINTENANCE, SB_CLASS_CODE,
                                                      SB_CLASS_DEPENDENCY, SB_CLASS_INFRASTRUCTURE, SB_CLASS_LOAD};
    enum sb_anomaly_class best = SB_CLASS_UNKNOWN;
    int votes = 0;
    for (size_t i = 0; i < SB_COUNT(by_rarity); i++)
        if (c->votes[by_rarity[i]] > votes) {
            best = by_rarity[i];
            votes = c->votes[best];
        }
    *confidence = best == SB_CLASS_UNKNOWN ? 0 : 0.5 * votes / c->all;
    *reason = best == SB_CLASS_UNKNOWN ? sb_format("the names of the columns do not say what they measure")
                                       : sb_format("%d of %d columns that are out are named for it (\"%s\"); a CSV has nothing else to go by",
                                                   votes, c->all, c->word[best]);
    return best;
}
