/* SPDX-License-Identifier: Apache-2.0
 *
 * What an index's options keep out: the operations that can no longer use it, the documents that are not in it, and what it
 * does to the collection. Where the answer depends on a value it is not guessed: a shape holds no values. */
#include "optimizer.h"

#include <inttypes.h>
#include <string.h>

/* ---- may this shape use it ---- */

/* Some predicate that holds for every document wants the field to be there. A plain value may be null, which no shape tells;
 * the warning about a sparse index says so. */
static bool asks_for(const struct sb_shape *s, const char *path)
{
    for (size_t i = 0; i < s->predicates_n; i++) {
        const struct sb_predicate *p = &s->predicates[i];
        if (p->arm == 0 && strcmp(p->path, path) == 0 && p->class_ != SB_PREDICATE_NOT_EXISTS && p->class_ != SB_PREDICATE_NE && p->class_ != SB_PREDICATE_OTHER)
            return true;
    }
    return false;
}

static bool only_exists(const bson_iter_t *value)
{
    bson_iter_t op;
    return BSON_ITER_HOLDS_DOCUMENT(value) && bson_iter_recurse(value, &op) && bson_iter_next(&op) && strcmp(bson_iter_key(&op), "$exists") == 0 &&
           bson_iter_as_bool(&op) && !bson_iter_next(&op);
}

static enum fit worse(enum fit a, enum fit b)
{
    return a > b ? a : b;
}

/* Does the operation ask for no more than the filter lets in? path: the field that decides; it points into the filter. */
static enum fit within_filter(const struct sb_shape *s, bson_iter_t *filter, int depth, const char **path)
{
    enum fit all = FIT_WHOLE;
    while (bson_iter_next(filter)) {
        const char *key = bson_iter_key(filter);
        bson_iter_t arm, inner;
        enum fit one = FIT_NOT;
        if (key[0] == '$' && depth > 0 && BSON_ITER_HOLDS_ARRAY(filter) && bson_iter_recurse(filter, &arm)) {
            bool and_ = strcmp(key, "$and") == 0;
            one = and_ ? FIT_WHOLE : FIT_NOT;
            while (bson_iter_next(&arm))
                if (BSON_ITER_HOLDS_DOCUMENT(&arm) && bson_iter_recurse(&arm, &inner)) {
                    enum fit here = within_filter(s, &inner, depth - 1, path);
                    one = and_ ? worse(one, here) : here == FIT_NOT ? one : FIT_VALUES; /* which arm holds is a matter of values */
                }
        } else if (asks_for(s, key)) {
            one = only_exists(filter) ? FIT_WHOLE : FIT_VALUES;
        }
        if (key[0] != '$' && one > all)
            *path = key;
        all = worse(all, one);
    }
    return all;
}

/* The same collation, whatever the order of its members. */
static bool same_collation(const char *asked, const bson_iter_t *option)
{
    uint32_t n;
    const uint8_t *bytes;
    bson_t doc;
    bson_iter_document(option, &n, &bytes);
    char *text = bson_init_static(&doc, bytes, n) ? bson_as_relaxed_extended_json(&doc, NULL) : NULL;
    json_t *a = json_loads(asked, 0, NULL), *b = text ? json_loads(text, 0, NULL) : NULL;
    bool same = a && b && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    bson_free(text);
    return same;
}

enum fit sb_options_fit(const bson_t *options, const struct candidate *c, const char *first, char *why, size_t cap)
{
    const struct sb_shape *s = c->work->shape;
    bson_iter_t it, filter;
    const char *path = "?";
    if (bson_iter_init_find(&it, options, "hidden") && bson_iter_as_bool(&it)) {
        snprintf(why, cap, "it is to be hidden, so no operation uses it before it is unhidden");
        return FIT_NOT;
    }
    if (bson_iter_init_find(&it, options, "sparse") && bson_iter_as_bool(&it) && !asks_for(s, first)) {
        snprintf(why, cap, "it is sparse, and documents without %.120s are wanted as well", first);
        return FIT_NOT;
    }
    if (bson_iter_init_find(&it, options, "partialFilterExpression") && BSON_ITER_HOLDS_DOCUMENT(&it) && bson_iter_recurse(&it, &filter)) {
        enum fit fit = within_filter(s, &filter, 8, &path);
        if (fit == FIT_NOT)
            snprintf(why, cap, "its filter is on %.120s, and documents outside of it are wanted as well", path);
        else if (fit == FIT_VALUES)
            snprintf(why, cap, "only those that ask for a %.120s within its filter can use it, and how many do is not known", path);
        if (fit != FIT_WHOLE)
            return fit;
    }
    if (bson_iter_init_find(&it, options, "collation") && BSON_ITER_HOLDS_DOCUMENT(&it) && !same_collation(s->collation, &it)) {
        snprintf(why, cap, "they have %s collation, so where they compare strings they cannot use it", s->collation[0] ? "another" : "no");
        return FIT_VALUES;
    }
    return FIT_WHOLE;
}

/* ---- what it means for the documents ---- */

int sb_card_warn(struct sb_card *card, int risk, char *text)
{
    char *why = text ? sb_format("%s Warning: %s.", card->why, text) : NULL;
    free(text);
    if (!why)
        return -1;
    free(card->why);
    card->why = why;
    card->risk = card->risk < risk ? risk : card->risk;
    return 0;
}

/* An index that is there already proves it: what is unique by fewer fields is so by more. */
static bool known_unique(const struct sb_catalogue *cat, const bson_t *key)
{
    for (size_t i = 0; i < cat->indexes_n; i++) {
        const struct sb_index_info *x = &cat->indexes[i];
        bool inside = (x->unique || strcmp(x->name, "_id_") == 0) && !x->partial && !x->sparse && !x->building && !x->collation && x->fields_n > 0;
        for (size_t k = 0; k < x->fields_n && inside; k++)
            inside = bson_has_field(key, x->fields[k].path);
        if (inside)
            return true;
    }
    return false;
}

static int warn_of_unique(const struct sb_index_question *q, const bson_t *options, const bson_t *key, struct sb_card *card)
{
    const struct sb_catalogue *cat = q->catalogue;
    bson_iter_t it;
    if (!bson_iter_init(&it, key) || !bson_iter_next(&it) || known_unique(cat, key))
        return 0;
    if (cat->repeats.known) /* none is there twice, or there would be no card; what is written until the build has begun is not known */
        return sb_evidence_add(&card->evidence, &card->evidence_n, "aggregate", q->ns, "keys that are there more than once", "none", "measured", q->to);
    const char *path = bson_iter_key(&it);
    const struct sb_field_fact *f = cat->sampled > 0 && bson_count_keys(key) == 1 ? sb_field_fact_of(cat, path) : NULL;
    bool all = !bson_has_field(options, "sparse") && !bson_has_field(options, "partialFilterExpression");
    if (f && f->present_ppm && f->distinct_ppm < 1000000)
        return sb_card_warn(card, SB_MEDIUM, sb_format("it is to be unique, and values of %s repeat in the sample (%.1f %% are distinct): the build fails at the first that is there twice", path,
                                               (double)f->distinct_ppm / 1e4));
    if (f && all && f->present_ppm < 1000000)
        return sb_card_warn(card, SB_MEDIUM, sb_format("it is to be unique, and %.1f %% of the sampled documents have no %s: the build fails at the second of them",
                                               100 - (double)f->present_ppm / 1e4, path));
    if (f && f->present_ppm && cat->sampled >= cat->documents)
        return 0;
    return sb_card_warn(card, SB_MEDIUM, sb_format("it is to be unique, and that its key is so is not known (%" PRId64 " of %" PRId64 " documents were sampled%s%s): the build fails at the first that is there twice",
                                           cat->sampled, cat->documents, cat->repeats.asked ? "; it was not counted: " : "", cat->repeats.asked ? cat->repeats.why : ""));
}

static int warn_of_expiry(const bson_iter_t *seconds, const bson_t *key, struct sb_card *card)
{
    bson_iter_t it;
    if (bson_count_keys(key) != 1)
        return sb_card_warn(card, SB_MEDIUM, sb_format("documents expire by an index on one field only: the server refuses it on %u", bson_count_keys(key)));
    if (!bson_iter_init(&it, key) || !bson_iter_next(&it))
        return 0;
    return sb_card_warn(card, SB_HIGH, sb_format("the server deletes each document %" PRId64 " s after the date in its %s; dropping the index brings none of them back", bson_iter_as_int64(seconds),
                                         bson_iter_key(&it)));
}

int sb_options_warn(const struct sb_index_question *q, const bson_t *options, const bson_t *key, struct sb_card *card)
{
    bson_iter_t it;
    if (bson_iter_init_find(&it, options, "unique") && bson_iter_as_bool(&it) && warn_of_unique(q, options, key, card))
        return -1;
    if (bson_iter_init_find(&it, options, "expireAfterSeconds") && warn_of_expiry(&it, key, card))
        return -1;
    if (bson_iter_init_find(&it, options, "sparse") && bson_iter_as_bool(&it))
        return sb_card_warn(card, SB_MEDIUM, sb_format("documents without its fields are not in it, so who asks for null cannot use it"));
    return 0;
}

int sb_options_warn_of_use(const struct candidate *c, const char *why, struct sb_card *card)
{
    const struct sb_shape *s = c->work->shape;
    return sb_card_warn(card, SB_MEDIUM, sb_format("for %s %s%s%s: %s", s->op, s->text, s->sort[0] ? " sorted by " : "", s->sort, why));
}
