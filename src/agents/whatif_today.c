/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is without the new index: the indexes of today, as they are built on a sample, and the plan that a shape has. */
#include "whatif.h"

#include <string.h>

#define MOST_DEPTH 32 /* of a plan, and of a filter */

static bool like(const char *pattern, const char *text)
{
    if (*pattern == '\0')
        return *text == '\0';
    if (*pattern == '*')
        return like(pattern + 1, text) || (*text && like(pattern, text + 1));
    return *text && *pattern == *text && like(pattern + 1, text + 1);
}

bool sb_what_if_sensitive(const json_t *names, const char *path)
{
    const json_t *one;
    size_t i;
    for (const char *p = path; p && *p; p = strchr(p, '.') ? strchr(p, '.') + 1 : NULL) {
        char part[128];
        snprintf(part, sizeof part, "%.*s", (int)strcspn(p, "."), p);
        json_array_foreach(names, i, one) {
            const char *name = json_string_value(one);
            if (name && strlen(name) < 64 && like(name, part))
                return true;
        }
    }
    return false;
}

/* ---- an index as it is ---- */

/* Some field that a filter asks for is sensitive, or it is nested too deep to tell. */
static bool filter_is_sensitive(const json_t *names, const bson_iter_t *filter, int depth)
{
    bson_iter_t it, in;
    if (!bson_iter_recurse(filter, &it) || depth == 0)
        return true;
    while (bson_iter_next(&it)) {
        if (sb_what_if_sensitive(names, bson_iter_key(&it)))
            return true;
        if ((BSON_ITER_HOLDS_DOCUMENT(&it) || BSON_ITER_HOLDS_ARRAY(&it)) && (in = it, filter_is_sensitive(names, &in, depth - 1)))
            return true;
    }
    return false;
}

static bool may_copy(const struct sb_index_info *x, const bson_t *spec, const json_t *sensitive)
{
    bson_iter_t it;
    if (!x->fields_n)
        return false;
    for (size_t i = 0; i < x->fields_n; i++)
        if (x->fields[i].kind || strchr(x->fields[i].path, '$') || sb_what_if_sensitive(sensitive, x->fields[i].path))
            return false;
    return !bson_iter_init_find(&it, spec, "partialFilterExpression") || (BSON_ITER_HOLDS_DOCUMENT(&it) && !filter_is_sensitive(sensitive, &it, MOST_DEPTH));
}

char *sb_what_if_copy_index(const struct sb_index_info *x, const json_t *sensitive, const char *scratch, const char *card_id, int step, bool replicated, const char *db)
{
    static const char *const keep[] = {"key", "name", "sparse", "partialFilterExpression", "collation"};
    bson_t *own = x->spec ? bson_new_from_json((const uint8_t *)x->spec, -1, NULL) : NULL, c, specs, spec;
    char comment[96];
    bson_iter_t it;
    if (!own || !may_copy(x, own, sensitive)) {
        if (own)
            bson_destroy(own);
        return NULL;
    }
    bson_init(&c);
    BSON_APPEND_UTF8(&c, "createIndexes", scratch);
    BSON_APPEND_ARRAY_BEGIN(&c, "indexes", &specs);
    BSON_APPEND_DOCUMENT_BEGIN(&specs, "0", &spec);
    for (size_t i = 0; i < SB_COUNT(keep); i++)
        if (bson_iter_init_find(&it, own, keep[i]))
            bson_append_iter(&spec, keep[i], -1, &it);
    bson_append_document_end(&specs, &spec);
    bson_append_array_end(&c, &specs);
    if (replicated)
        BSON_APPEND_UTF8(&c, "commitQuorum", "votingMembers");
    BSON_APPEND_INT32(&c, "maxTimeMS", SB_WHAT_IF_MAX_TIME_MS);
    snprintf(comment, sizeof comment, "signalbox %s/%d", card_id, step);
    BSON_APPEND_UTF8(&c, "comment", comment);
    BSON_APPEND_UTF8(&c, "$db", db);
    bson_destroy(own);
    char *text = bson_as_canonical_extended_json(&c, NULL), *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    bson_destroy(&c);
    return copy;
}

/* ---- today's plan ---- */

struct plan {
    char index[256]; /* "": none */
    bool scans, several, by_id, too_deep;
    size_t stages;
};

static void take_stage(struct plan *p, const char *stage)
{
    p->stages++;
    p->scans |= strcmp(stage, "COLLSCAN") == 0;
    p->by_id |= strcmp(stage, "IDHACK") == 0;
}

/* A plan within a plan, and none of what it is about: a filter may hold a field that is called "stage". */
static bool is_plan(const char *key)
{
    static const char *const plans[] = {"inputStage", "thenStage", "elseStage", "innerStage", "outerStage", "queryPlan", "winningPlan"};
    bool plan = key[0] >= '0' && key[0] <= '9'; /* of inputStages, or shards */
    for (size_t i = 0; i < SB_COUNT(plans) && !plan; i++)
        plan = strcmp(key, plans[i]) == 0;
    return plan;
}

static void walk(struct plan *p, const bson_iter_t *plan, int depth)
{
    bson_iter_t it, in;
    if (depth == 0 || !bson_iter_recurse(plan, &it)) {
        p->too_deep = true;
        return;
    }
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (BSON_ITER_HOLDS_UTF8(&it) && strcmp(key, "stage") == 0) {
            take_stage(p, bson_iter_utf8(&it, NULL));
        } else if (BSON_ITER_HOLDS_UTF8(&it) && strcmp(key, "indexName") == 0) {
            const char *name = bson_iter_utf8(&it, NULL);
            p->several |= p->index[0] && strcmp(p->index, name) != 0;
            p->too_deep |= strlen(name) >= sizeof p->index;
            snprintf(p->index, sizeof p->index, "%s", name);
        } else if (BSON_ITER_HOLDS_ARRAY(&it) || (BSON_ITER_HOLDS_DOCUMENT(&it) && is_plan(key))) {
            in = it;
            walk(p, &in, depth - 1);
        }
    }
}

char *sb_what_if_today(const bson_t *reply, char *why, size_t cap)
{
    static const char *const places[] = {"queryPlanner.winningPlan", "stages.0.$cursor.queryPlanner.winningPlan"};
    struct plan p = {.stages = 0};
    bson_iter_t it, at;
    why[0] = '\0';
    for (size_t i = 0; i < SB_COUNT(places) && !p.stages; i++)
        if (bson_iter_init(&it, reply) && bson_iter_find_descendant(&it, places[i], &at) && BSON_ITER_HOLDS_DOCUMENT(&at))
            walk(&p, &at, MOST_DEPTH);
    if (!p.stages)
        snprintf(why, cap, "the server's explain does not tell its plan");
    else if (p.too_deep)
        snprintf(why, cap, "today's plan is nested too deep to be read");
    else if (p.several || (p.index[0] && (p.scans || p.by_id)))
        snprintf(why, cap, "today's plan uses several indexes at once, to which no hint leads");
    else if (p.index[0])
        return sb_format("%s", p.index);
    else if (p.by_id)
        return sb_format("_id_");
    else if (p.scans)
        return sb_format("$natural");
    else
        snprintf(why, cap, "today's plan reads nothing");
    return NULL;
}
