/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer.h"

#include <inttypes.h>
#include <string.h>

void sb_index_advice_release(struct sb_index_advice *a)
{
    sb_card_release(&a->card);
    for (size_t i = 0; i < a->findings_n; i++) {
        free(a->findings[i].subject);
        free(a->findings[i].text);
    }
    free(a->findings);
    free(a->summary);
    memset(a, 0, sizeof *a);
}

static int find_out(struct sb_index_advice *a, const char *subject, const char *text)
{
    struct sb_finding *f = SB_PUSH(a->findings);
    return !f || sb_str_set(&f->subject, subject) || sb_str_set(&f->text, text) ? -1 : 0;
}

int sb_index_paths(const struct sb_workload *w, const char *ns, const char *key, char ***paths, size_t *n)
{
    size_t entries = sb_workload_size(w);
    bson_t *doc = key ? bson_new_from_json((const uint8_t *)key, -1, NULL) : NULL;
    bson_iter_t it;
    int rc = 0;
    if (doc && bson_iter_init(&it, doc))
        while (rc == 0 && bson_iter_next(&it))
            if (!sb_strs_has(*paths, *n, bson_iter_key(&it)))
                rc = sb_strs_push(paths, n, bson_iter_key(&it));
    if (doc)
        bson_destroy(doc);
    for (size_t i = 0; i < entries && rc == 0 && *n < 3 * SB_INDEX_MAX_FIELDS; i++) {
        const struct sb_work *work = sb_workload_at(w, i);
        if (!sb_streq(work->ns, ns))
            continue;
        for (size_t k = 0; k < work->shape->predicates_n && rc == 0; k++) {
            const char *path = work->shape->predicates[k].path;
            if (path[0] && path[0] != '$' && !sb_strs_has(*paths, *n, path))
                rc = sb_strs_push(paths, n, path);
        }
        for (size_t k = 0; k < work->shape->sorts_n && rc == 0; k++)
            if (!sb_strs_has(*paths, *n, work->shape->sorts[k].path))
                rc = sb_strs_push(paths, n, work->shape->sorts[k].path);
        for (size_t k = 0; k < work->shape->projected_n && rc == 0 && !work->shape->projects_id; k++) /* an index could answer it alone */
            if (!sb_strs_has(*paths, *n, work->shape->projected[k]))
                rc = sb_strs_push(paths, n, work->shape->projected[k]);
    }
    return rc;
}

const char *sb_index_forbidden(const struct sb_index_question *q)
{
    char db[64], coll[192];
    if (!bson_utf8_validate(q->ns, strlen(q->ns), false))
        return "its name is no text";
    if (!sb_ns_split(q->ns, db, coll))
        return "it is not a collection: write database.collection";
    if (sb_streq(db, "local") || sb_streq(db, "admin") || sb_streq(db, "config"))
        return "nothing is ever proposed on the server's own databases";
    if (sb_starts_with(coll, "system."))
        return "nothing is ever proposed on a system collection";
    if (!q->catalogue->exists)
        return "there is no such collection";
    if (q->catalogue->type && !sb_streq(q->catalogue->type, "collection"))
        return "it is a view or a time-series collection, whose indexes are not advised on by this version";
    if (q->catalogue->indexes_n >= SB_INDEX_MAX_PER_COLLECTION)
        return "the collection has as many indexes as the server allows (64)";
    return NULL;
}

static int conclude(struct sb_index_advice *out, char *summary)
{
    out->summary = summary;
    return summary ? 0 : -1;
}

/* ---- an index that the workload asks for ---- */

static int explain_rest(const struct sb_index_question *q, const struct candidate *all, size_t n, const struct candidate *lead, struct sb_index_advice *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct candidate *c = &all[i];
        if (lead && c->work == lead->work && c->arm == lead->arm && c->inner == lead->inner)
            continue;
        char *subject = sb_format("%s %s%s%s", c->work->shape->op, c->work->shape->text, c->work->shape->sort[0] ? " sort " : "", c->work->shape->sort);
        char *text = c->why_not[0]                              ? sb_format("%s", c->why_not)
                     : lead && sb_candidate_within(c, lead)     ? sb_format("served by the index proposed here")
                                                                : sb_format("would need an index of its own; one index at a time");
        text = sb_shape_shards_said(q->catalogue, c->work->shape, text);
        int rc = subject && text ? find_out(out, subject, text) : -1;
        if (rc == 0 && out->proposes && !c->why_not[0] && c->n && !sb_candidate_within(c, lead)) {
            struct sb_rejected *r = SB_PUSH(out->card.rejected);
            char *key = sb_candidate_key(c), *shown = key ? sb_index_key_shown(key) : NULL;
            rc = !r || !shown || sb_str_set(&r->key, shown) || sb_str_set(&r->reason, text) ? -1 : 0;
            free(key);
            free(shown);
        }
        free(subject);
        free(text);
        if (rc)
            return -1;
    }
    (void)q;
    return 0;
}

int sb_candidate_alternatives(const struct candidate *lead, struct sb_rejected **list, size_t *n)
{
    if (lead->n < 2)
        return 0;
    struct candidate shorter = *lead;
    shorter.n = lead->equalities && lead->equalities < lead->n ? lead->equalities : lead->n - 1;
    char *key = sb_candidate_key(&shorter), *shown = key ? sb_index_key_shown(key) : NULL;
    const char *reason = lead->work->shape->sorts_n ? "would find the documents but leave the sort to memory" : "would leave more documents to be read and thrown away";
    struct sb_rejected *r = sb_list_push((void **)list, n, sizeof **list);
    int rc = !r || !shown || sb_str_set(&r->key, shown) || sb_str_set(&r->reason, reason) ? -1 : 0;
    free(key);
    free(shown);
    return rc;
}

int sb_plan_say(const struct planned *p, const struct sb_index_question *q, struct sb_card *card)
{
    int rc = 0;
    for (size_t i = 0; i < p->replaces_n && rc == 0; i++) {
        char *text = p->reorders[i]
                         ? sb_format("%s holds the same fields in another order, and every shape that was seen to need it is served by this one: ask to retire indexes of %s when this one is built; what is too fast to be written down may use it, so that it is hidden and watched first",
                                     p->replaces[i]->name, q->ns)
                         : sb_format("%s begins this index's key and is not needed beside it: ask to retire indexes of %s when this one is built", p->replaces[i]->name, q->ns);
        rc = text ? sb_evidence_add(&card->evidence, &card->evidence_n, "listIndexes", q->ns, "replaces", text, "measured", q->to) : -1;
        free(text);
    }
    if (rc == 0 && p->covering) {
        char *text = sb_format("the last %zu of its fields find nothing: with them the answer comes from the index alone, without the documents", p->covering);
        rc = text ? sb_evidence_add(&card->evidence, &card->evidence_n, "sample of documents", q->ns, "covers", text, "estimated", q->to) : -1;
        free(text);
    }
    return rc;
}

static int advise_workload(const struct sb_index_question *q, struct sb_index_advice *out, struct sb_err *err)
{
    struct candidate *all = NULL;
    struct planned *plan = NULL;
    size_t n = 0, planned = 0;
    char *key = NULL, *shown = NULL, *name = NULL;
    int rc = -1;
    if (sb_candidates_collect(q, &all, &n) || sb_plan_make(q, all, n, &plan, &planned)) {
        sb_fail_nomem(err);
        goto out;
    }
    const struct candidate *lead = planned ? &plan[0].key : NULL;
    if (!lead) {
        rc = explain_rest(q, all, n, NULL, out) ||
                     conclude(out, n ? sb_format("no index is proposed for %s: each of its %zu logged shapes has a reason", q->ns, n)
                                     : sb_format("no index is proposed for %s: none of its operations was slow enough to be written down", q->ns))
                 ? sb_fail_nomem(err)
                 : 0;
        goto out;
    }
    key = sb_candidate_key(lead);
    name = sb_candidate_name(lead, q->catalogue);
    shown = key ? sb_index_key_shown(key) : NULL;
    if (!name || !shown) {
        sb_fail_nomem(err);
        goto out;
    }
    if (sb_index_card(q, key, name, lead, NULL, all, n, &out->card, err))
        goto out;
    out->proposes = true;
    if (sb_plan_say(&plan[0], q, &out->card)) {
        sb_fail_nomem(err);
        goto out;
    }
    rc = sb_candidate_alternatives(lead, &out->card.rejected, &out->card.rejected_n) || explain_rest(q, all, n, lead, out) ||
                 conclude(out, sb_format("an index on %s would serve %s %s", shown, lead->work->shape->op, lead->work->shape->text))
             ? sb_fail_nomem(err)
             : 0;
out:
    free(key);
    free(shown);
    free(name);
    free(plan);
    free(all);
    return rc;
}

/* ---- an index that was asked for ---- */

struct answer_to_asked {
    struct candidate *all; /* every shape of the collection */
    size_t n;
    struct candidate lead, helped; /* the costliest it serves, and the costliest it serves in part, with the key's own fields */
    bool serves, helps;
    struct candidate barred; /* the costliest that the key would serve and the options keep out, in whole or in part */
    bool bars;
    char bar[256];           /* how */
};

/* What the options take away from what the key would serve. */
static void bar(struct answer_to_asked *a, const bson_t *options, const struct candidate *c, const char *first, bool *whole, bool *part)
{
    char why[256];
    if (!*whole && !*part)
        return;
    enum fit fit = sb_options_fit(options, c, first, why, sizeof why);
    if (fit == FIT_WHOLE)
        return;
    if (!a->bars || c->sums.total_ms > a->barred.sums.total_ms) {
        a->bars = true;
        a->barred = *c;
        memcpy(a->bar, why, sizeof a->bar);
    }
    *part = fit == FIT_VALUES;
    *whole = false;
}

/* Which shapes an index on this key would serve. `key` is borrowed by the candidates. -1 out of memory. */
static int look_for_use(const struct sb_index_question *q, const bson_t *key, const bson_t *options, struct answer_to_asked *a)
{
    struct candidate index = {.n = 0};
    if (sb_candidates_collect(q, &a->all, &a->n))
        return -1;
    bool ordered = sb_candidate_of_key(&index, key);
    for (size_t i = 0; i < a->n; i++) {
        const struct candidate *c = &a->all[i];
        if (c->why_not[0] || !ordered)
            continue;
        bool whole = sb_key_serves(c, &index), part = !whole && sb_candidate_helped_by(c, &index);
        bar(a, options, c, index.field[0].path, &whole, &part);
        struct candidate *best = whole ? &a->lead : &a->helped;
        bool *found = whole ? &a->serves : &a->helps;
        if ((whole || part) && (!*found || c->sums.total_ms > best->sums.total_ms)) {
            *best = *c;
            memcpy(best->field, index.field, sizeof best->field);
            best->n = index.n;
            *found = true;
        }
    }
    return 0;
}

static int make_asked(const struct sb_index_question *q, const char *name, const char *shown, struct sb_index_advice *out, struct sb_err *err)
{
    struct answer_to_asked a = {.all = NULL};
    bson_t *key = bson_new_from_json((const uint8_t *)q->key, -1, NULL), *options = bson_new_from_json((const uint8_t *)(q->options ? q->options : "{}"), -1, NULL);
    char fails[512];
    int rc = -1;
    if (!key || !options) {
        sb_fail_nomem(err);
    } else if (sb_build_fails(q, key, options, fails, sizeof fails)) {
        rc = conclude(out, sb_format("no index on %s of %s is proposed: %s", shown, q->ns, fails)) ? sb_fail_nomem(err) : 0;
    } else if (look_for_use(q, key, options, &a)) {
        sb_fail_nomem(err);
    } else if (sb_index_card(q, q->key, name, a.serves ? &a.lead : NULL, a.helps ? &a.helped : NULL, a.all, a.n, &out->card, err) == 0) {
        out->proposes = true;
        rc = (fails[0] && sb_card_warn(&out->card, SB_MEDIUM, sb_format("%s", fails))) || (a.bars && sb_options_warn_of_use(&a.barred, a.bar, &out->card)) ||
                     sb_options_warn(q, options, key, &out->card)
                 ? sb_fail_nomem(err)
                 : conclude(out, a.serves ? sb_format("an index on %s of %s, as it was asked for; it would serve %s %s", shown, q->ns, a.lead.work->shape->op, a.lead.work->shape->text)
                           : sb_format("an index on %s of %s, as it was asked for; no operation that needs it was seen", shown, q->ns));
    }
    if (key)
        bson_destroy(key);
    if (options)
        bson_destroy(options);
    free(a.all);
    return rc;
}

/* What was asked for and the index on the same key is not; NULL: nothing. */
static const char *lacking(const struct sb_index_question *q, const struct sb_index_info *same)
{
    bson_t *options = q->options ? bson_new_from_json((const uint8_t *)q->options, -1, NULL) : NULL;
    bson_iter_t it;
    const char *lacks = NULL;
    if (options) {
        bool unique = bson_iter_init_find(&it, options, "unique") && bson_iter_as_bool(&it), sparse = bson_iter_init_find(&it, options, "sparse") && bson_iter_as_bool(&it);
        lacks = unique && !same->unique                                                       ? "unique"
                : sparse && !same->sparse                                                     ? "sparse"
                : bson_has_field(options, "expireAfterSeconds") && !same->ttl                 ? "one by which documents expire"
                : bson_has_field(options, "partialFilterExpression") && !same->partial        ? "partial"
                                                                                              : NULL;
        bson_destroy(options);
    }
    return lacks;
}

static int advise_asked(const struct sb_index_question *q, struct sb_index_advice *out, struct sb_err *err)
{
    const struct sb_index_info *same = sb_catalogue_index_by_key(q->catalogue, q->key);
    char *shown = sb_index_key_shown(q->key);
    if (!shown)
        return sb_fail_nomem(err);
    if (same) {
        const char *lacks = lacking(q, same);
        int rc = conclude(out, sb_format("%s already has an index on %s: %s%s%s%s%s", q->ns, shown, same->name, same->hidden ? " (it is hidden)" : "", lacks ? "; it is not " : "", lacks ? lacks : "",
                                         lacks ? ", and this console does not make it so in place: ask to retire it first, or alter it by hand" : ""));
        free(shown);
        return rc;
    }
    char *wanted = q->name ? sb_format("%s", q->name) : sb_index_default_name(q->key);
    if (wanted && q->name && sb_catalogue_index(q->catalogue, wanted)) {
        int rc = conclude(out, sb_format("%s already has an index named %s, on another key", q->ns, wanted));
        free(wanted);
        free(shown);
        return rc;
    }
    char *name = wanted ? sb_index_free_name(q->catalogue, wanted) : NULL;
    free(wanted);
    int rc = name ? make_asked(q, name, shown, out, err) : -1;
    free(shown);
    free(name);
    return rc;
}

int sb_index_advise(const struct sb_index_question *q, struct sb_index_advice *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    const char *no = sb_index_forbidden(q);
    int rc;
    if (no)
        rc = conclude(out, sb_format("no index is proposed for %s: %s", q->ns, no)) ? sb_fail_nomem(err) : 0;
    else
        rc = q->key ? advise_asked(q, out, err) : advise_workload(q, out, err);
    for (size_t i = 0; rc == 0 && i < q->catalogue->uneven_n; i++)
        rc = find_out(out, q->catalogue->sharded ? "indexes of the shards" : "indexes of the members", q->catalogue->uneven[i]) ? sb_fail_nomem(err) : 0;
    if (rc)
        sb_index_advice_release(out);
    return rc;
}
