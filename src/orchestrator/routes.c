/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is asked about what: a table, so that a hand-off can say why; and how what nobody takes yet is done today. */
#include "private.h"

#include <signalbox/orchestrator/routes.h>

/* What has to hold for a route to be taken. */
enum condition { ALWAYS, HAS_NAMESPACE, HAS_PLACE, HAS_KEY, IS_CODE_OR_CHANGE, IS_LOAD, IS_OTHER };

static const struct route routes[] = {
    {SB_INTENT_INDEX_CREATE, HAS_KEY, SB_BY_INDEX_OPTIMIZER, "the request names a collection and an index key", "a wrong index costs every write and can flip other plans"},
    {SB_INTENT_INDEX_CREATE, HAS_NAMESPACE, SB_BY_INDEX_OPTIMIZER, "the request names a collection; its workload decides the key", "a wrong index costs every write and can flip other plans"},
    {SB_INTENT_INDEX_REVIEW, HAS_NAMESPACE, SB_BY_INDEX_OPTIMIZER, "the request is about the speed of one collection", "an index build loads every member"},
    {SB_INTENT_INDEX_REVIEW, HAS_PLACE, SB_BY_INDEX_OPTIMIZER, "the request is about the speed of every collection of a database", "an index build loads every member: the cards are decided on one by one"},
    {SB_INTENT_INDEX_RETIRE, HAS_PLACE, SB_BY_INDEX_OPTIMIZER, "the request is about indexes that nobody needs", "what is used once a month looks unused: it is hidden first, and watched"},
    {SB_INTENT_ANOMALY_WATCH, HAS_NAMESPACE, SB_BY_ANOMALY_DETECTOR, "the request wants one collection looked at more closely than its slow operations allow", "the profiler costs every operation of the database a little"},
    {SB_INTENT_ANOMALY_INVESTIGATE, IS_CODE_OR_CHANGE, SB_BY_INDEX_OPTIMIZER, "each operation examines more than it did: an index may be missing", "an index build loads a server that is already slow"},
    {SB_INTENT_ANOMALY_INVESTIGATE, IS_LOAD, SB_BY_ORCHESTRATOR, "more of the same operations at the same cost: an index would not help", "none: nothing is proposed"},
    {SB_INTENT_ANOMALY_INVESTIGATE, IS_OTHER, SB_BY_ORCHESTRATOR, "no specialist of this version has a remedy for this class", "none: nothing is proposed"},
    {SB_INTENT_SCHEMA_REVIEW, HAS_NAMESPACE, SB_BY_DATA_ARCHITECT, "the request is about what the documents of one collection look like", "a sample is read, by a bounded load and from a secondary where there is one"},
    {SB_INTENT_SCHEMA_CHANGE, HAS_NAMESPACE, SB_BY_DATA_ARCHITECT, "the request changes what the documents of one collection look like", "every document is changed, and the applications have to follow: in phases, each with its gate"},
    {SB_INTENT_BACKUP_CHECK, ALWAYS, SB_BY_BACKUP_GUARDIAN, "the request is about what could be brought back", "none: what lies there is read, and nothing is restored"},
    {SB_INTENT_BACKUP_DRILL, ALWAYS, SB_BY_BACKUP_GUARDIAN, "the request is about proof that a backup can be restored", "it writes, into the throw-away deployment of the config and nowhere else"},
    {SB_INTENT_BACKUP_RESTORE, ALWAYS, SB_BY_BACKUP_GUARDIAN, "the request is about bringing something back: the steps of it, its time and its loss", "none: what lies there is read, and nothing is restored"},
    {SB_INTENT_STATUS, ALWAYS, SB_BY_ORCHESTRATOR, "the cluster's state is known here", "none: nothing is read or changed"},
};

/* What has no route yet, and how it is done today. */
static const struct {
    int intent;
    const char *way;
} ways[] = {
    {SB_INTENT_SCHEMA_VALIDATE, "it is done from a shell: `signalbox schema --validator NS` proposes a validator from the documents and counts who would not keep to it, and to the one that is there"},
    {SB_INTENT_OPS_CURRENT, "no specialist of this version lists what is running. In mongosh: db.currentOp(); what was slow is in `signalbox digest LOG`"},
    {SB_INTENT_OPS_KILL, "nothing in this version ends an operation. In mongosh: db.killOp(ID), when it is no index build (that one ends by dropIndexes)"},
    {SB_INTENT_CAPACITY_PREPARE, "no specialist of this version plans capacity. What eases writes is to have fewer indexes: ask \"retire unused indexes on DATABASE\""},
    {SB_INTENT_POLICY_CHECK, "it is done from a shell: `signalbox policy explain DECISION` tells a verdict, `signalbox policy eval INPUT` asks for one"},
    {SB_INTENT_REPORT, "it is done from a shell: `signalbox report`"},
};

const char *sb_routes_instead(int intent)
{
    for (size_t i = 0; i < SB_COUNT(ways); i++)
        if (ways[i].intent == intent)
            return ways[i].way;
    return "no specialist of this version takes it";
}

const struct route *sb_o_route(int intent, const struct sb_slots *slots, const struct held_anomaly *a)
{
    for (size_t i = 0; i < SB_COUNT(routes); i++) {
        const struct route *r = &routes[i];
        int class_ = a ? a->anomaly.class_ : SB_CLASS_UNKNOWN;
        bool fits = r->condition == ALWAYS || (r->condition == HAS_NAMESPACE && slots->ns) || (r->condition == HAS_PLACE && (slots->ns || slots->database)) || (r->condition == HAS_KEY && slots->ns && slots->key) ||
                    (r->condition == IS_CODE_OR_CHANGE && a && (class_ == SB_CLASS_CODE || class_ == SB_CLASS_CHANGE)) || (r->condition == IS_LOAD && a && class_ == SB_CLASS_LOAD) ||
                    (r->condition == IS_OTHER && a);
        if (r->intent == intent && fits)
            return r;
    }
    return NULL;
}

static const char *const conditions[] = {[ALWAYS] = "", [HAS_NAMESPACE] = "it names a collection", [HAS_PLACE] = "it names a collection or a database", [HAS_KEY] = "it names a collection and a key",
                                         [IS_CODE_OR_CHANGE] = "the anomaly that is going on is one of code, or of a change", [IS_LOAD] = "the anomaly that is going on is one of load",
                                         [IS_OTHER] = "the anomaly that is going on is of another class"};

void sb_routes_otherwise(const struct route *taken, struct sb_str *out)
{
    for (size_t i = 0; i < SB_COUNT(routes); i++) {
        const struct route *r = &routes[i];
        if (r->intent == taken->intent && r != taken && r->condition != ALWAYS)
            sb_str_addf(out, "%sto %s, if %s", out->len ? "; " : "", sb_name(&sb_specialists, r->to), conditions[r->condition]);
    }
}

void sb_routes_known(struct sb_str *out)
{
    for (int intent = SB_INTENT_NONE + 1; intent <= SB_INTENT_STATUS; intent++)
        for (size_t i = 0; i < SB_COUNT(routes); i++)
            if (routes[i].intent == intent) {
                sb_str_addf(out, "%s%s", out->len ? ", " : "", sb_name(&sb_intents, intent));
                break;
            }
}

size_t sb_routes_of(const struct sb_reading_of *r, struct sb_route_told *out, size_t max)
{
    size_t n = 0;
    const struct route *taken = sb_o_route(r->intent, &r->slots, NULL);
    for (size_t i = 0; i < SB_COUNT(routes) && n < max; i++)
        if (routes[i].intent == r->intent)
            out[n++] = (struct sb_route_told){.to = routes[i].to, .when = conditions[routes[i].condition], .why = routes[i].why, .risk = routes[i].risk, .taken = &routes[i] == taken};
    return n;
}
