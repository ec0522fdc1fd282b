/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_repair.h"

#include "bson_get.h"

#include <inttypes.h>
#include <string.h>

#define PROPERTIES_LOOKED_AT 40 /* of the collection's own validator */

struct finding {
    const struct sb_server *server;
    const struct sb_change_question *q;
    const struct sb_validator *proposed;
    struct repairs *out;
    struct sb_reads *reads;
    struct sb_err *err;
};

static void release(struct repair *r)
{
    free((char *)(uintptr_t)r->q.field);
    free((char *)(uintptr_t)r->q.type);
    free((char *)(uintptr_t)r->q.value);
    free((char *)(uintptr_t)r->q.only);
    sb_change_facts_release(&r->f);
}

void sb_repairs_release(struct repairs *r)
{
    for (size_t i = 0; i < r->n; i++)
        release(&r->item[i]);
    r->n = 0;
    sb_str_release(&r->asks);
}

static bool requires(const bson_t *schema, const char *field)
{
    bson_iter_t it, list;
    for (bool more = bson_iter_init_find(&it, schema, "required") && bson_iter_recurse(&it, &list) && bson_iter_next(&list); more; more = bson_iter_next(&list))
        if (BSON_ITER_HOLDS_UTF8(&list) && strcmp(bson_iter_utf8(&list, NULL), field) == 0)
            return true;
    return false;
}

static void ask(struct finding *w, const char *field, const char *why)
{
    sb_str_addf(&w->out->asks, "%s%s: %s", w->out->asks.len ? "; " : "", field, why);
}

/* Looks whether it can be carried out, and how many documents it comes to. type, value and only: of its kind, the others NULL.
 * documents: NULL, or gets how many values do not convert. 0; what cannot be is told and leads to no card. */
static int add(struct finding *w, enum sb_change_kind change, const char *field, const char *type, const char *value, const char *only, int64_t *unconverted)
{
    if (w->out->n == SB_VALIDATE_REPAIRS) {
        ask(w, field, "more classes than one plan mends: ask again when this one is done");
        return 0;
    }
    struct repair *r = &w->out->item[w->out->n];
    *r = (struct repair){.q = *w->q};
    r->q.change = change;
    r->q.repair = true;
    r->q.field = sb_format("%s", field);
    r->q.type = type ? sb_format("%s", type) : NULL;
    r->q.value = value ? sb_format("%s", value) : NULL;
    r->q.only = only ? sb_format("%s", only) : NULL;
    w->out->n++;
    if (!r->q.field || (type && !r->q.type) || (value && !r->q.value) || (only && !r->q.only))
        return sb_fail_nomem(w->err);
    struct sb_err why = SB_ERR_INIT;
    int rc = sb_change_names(&r->q, &why) || sb_change_look(w->server, &r->q, &r->f, w->reads, &why) ? -1 : 0;
    if (rc && why.code != SB_EINPUT && why.code != SB_ESTATE) {
        *w->err = why;
        return -1;
    }
    if (rc == 0 && unconverted)
        *unconverted = r->f.offenders;
    if (rc || r->f.left == 0) { /* nothing fits by now, or it is refused */
        if (rc)
            ask(w, field, why.msg);
        release(r);
        w->out->n--;
    }
    return 0;
}

/* ---- the classes ---- */

/* {$nor: [{$jsonSchema: {properties: {field: rule}}}]} as Extended JSON; NULL: out of memory. */
static char *breaks(const char *field, const bson_t *rule)
{
    return sb_change_json(BCON_NEW("$nor", "[", "{", "$jsonSchema", "{", "properties", "{", field, BCON_DOCUMENT(rule), "}", "}", "}", "]"));
}

/* What has a value that breaks the field's rule gets none. */
static int set_aside(struct finding *w, const char *field, const bson_t *rule)
{
    if (requires(w->proposed->schema, field)) {
        ask(w, field, "some values break its rule and do not convert, and it has to be there: what they are to become only a person knows");
        return 0;
    }
    char *only = breaks(field, rule);
    int rc = only ? add(w, SB_CHANGE_REMOVE, field, NULL, NULL, only, NULL) : sb_fail_nomem(w->err);
    free(only);
    return rc;
}

static bool property_of(const bson_t *schema, const char *field, bson_t *out)
{
    bson_iter_t it, list;
    return bson_iter_init_find(&it, schema, "properties") && bson_iter_recurse(&it, &list) && bson_iter_find(&list, field) && sb_sub_document(&list, out);
}

static int wrong_type(struct finding *w, const struct sb_validator_rule *r)
{
    bson_t rule;
    int64_t unconverted = 0;
    size_t before = w->out->n;
    bool plain = !strchr(r->path, '.') && property_of(w->proposed->schema, r->path, &rule);
    if (r->type && add(w, SB_CHANGE_RETYPE, r->path, r->type, NULL, NULL, &unconverted))
        return -1;
    bool converts = w->out->n > before;
    if (converts && unconverted <= 0)
        return 0;
    if (!plain) {
        ask(w, r->path, "what is left there only a person can mend: it lies within another field");
        return 0;
    }
    return set_aside(w, r->path, &rule);
}

/* The value of a type that says least. NULL: there is none, such as of a date. */
static const char *empty_of(const bson_t *rule)
{
    static const char *const empty[][2] = {
        {"string", "{\"v\":\"\"}"}, {"bool", "{\"v\":false}"}, {"array", "{\"v\":[]}"}, {"object", "{\"v\":{}}"}, {"null", "{\"v\":null}"}, {"int", "{\"v\":{\"$numberInt\":\"0\"}}"},
        {"long", "{\"v\":{\"$numberLong\":\"0\"}}"}, {"double", "{\"v\":{\"$numberDouble\":\"0.0\"}}"}, {"number", "{\"v\":{\"$numberInt\":\"0\"}}"}, {"decimal", "{\"v\":{\"$numberDecimal\":\"0\"}}"},
    };
    bson_iter_t it, list;
    const char *type = NULL;
    if (bson_iter_init_find(&it, rule, "bsonType") && BSON_ITER_HOLDS_UTF8(&it))
        type = bson_iter_utf8(&it, NULL);
    for (bool more = BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &list) && bson_iter_next(&list); more; more = bson_iter_next(&list))
        if (BSON_ITER_HOLDS_UTF8(&list) && strcmp(bson_iter_utf8(&list, NULL), "null") == 0)
            type = "null"; /* where nothing is a value it is that */
    for (size_t i = 0; type && i < SB_COUNT(empty); i++)
        if (strcmp(empty[i][0], type) == 0)
            return empty[i][1];
    return NULL;
}

static int missing(struct finding *w, const struct sb_validator_rule *r)
{
    bson_t rule;
    const char *value = !strchr(r->path, '.') && property_of(w->proposed->schema, r->path, &rule) ? empty_of(&rule) : NULL;
    if (!value) {
        ask(w, r->path, "it is missing, and no value of its type says nothing: ask \"add field ... with default VALUE\"");
        return 0;
    }
    return add(w, SB_CHANGE_ADD, r->path, NULL, value, NULL, NULL);
}

static bool has_rule(const struct sb_validator *v, const char *path)
{
    for (size_t i = 0; i < v->rules_n; i++)
        if (strcmp(v->rules[i].path, path) == 0)
            return true;
    return false;
}

/* Rules of the collection's own validator that say more than a type: an enum, a range, a pattern. */
static int own_rules(struct finding *w, const bson_t *validator)
{
    static const char *const bounds[] = {"enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "minLength", "maxLength", "multipleOf"};
    bson_iter_t it, at, list;
    int looked = 0;
    if (!validator || !bson_iter_init(&it, validator) || !bson_iter_find_descendant(&it, "$jsonSchema.properties", &at) || !bson_iter_recurse(&at, &list))
        return 0;
    while (bson_iter_next(&list) && looked < PROPERTIES_LOOKED_AT) {
        bson_t rule;
        bool bounded = false;
        for (size_t i = 0; i < SB_COUNT(bounds) && !bounded; i++)
            bounded = sb_sub_document(&list, &rule) && bson_has_field(&rule, bounds[i]);
        if (!bounded)
            continue;
        looked++;
        const char *field = bson_iter_key(&list);
        if (!has_rule(w->proposed, field) && set_aside(w, field, &rule))
            return -1;
    }
    return 0;
}

int sb_repairs_find(const struct sb_server *server, const struct sb_change_question *q, const struct sb_validator *proposed, const struct sb_validator_live *live, struct repairs *out, struct sb_reads *reads,
                    struct sb_err *err)
{
    struct finding w = {server, q, proposed, out, reads, err};
    memset(out, 0, sizeof *out);
    sb_str_init(&out->asks);
    int rc = 0;
    for (size_t i = 0; i < proposed->rules_n && rc == 0; i++) {
        const struct sb_validator_rule *r = &proposed->rules[i];
        if (strpbrk(r->path, "[]*\"'` ") || sb_starts_with(r->rule, "each element"))
            ask(&w, r->path, "within arrays or under names that are data nothing is mended by one path");
        else
            rc = strcmp(r->rule, SB_RULE_THERE) == 0 ? missing(&w, r) : wrong_type(&w, r);
    }
    if (rc == 0 && live->existing.offenders > 0)
        rc = own_rules(&w, live->validator);
    return rc;
}

/* ---- the cards ---- */

static int default_card(const struct change_maker *m, size_t i, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    bson_t *v = sb_change_value(q->value);
    char *shown = v ? sb_format("%s", q->value) : NULL;
    int rc = !shown || sb_change_open_card(m, i, c, SB_KIND_BACKFILL, "repair, missing", sb_change_title(m, "Repair, missing: give"),
                                           sb_format("The validator wants %s in every document. Those without it get the value that says least, %.60s. Is another one right? Then reject this, and ask \"add field %s with default "
                                                     "VALUE to %s\" before the last phase. Taken back, it goes from those that got it here and still say so.",
                                                     q->field, shown, q->field, q->ns));
    rc = rc || sb_change_keep(m, i, c, sb_change_left(q, NULL)) || sb_change_add_batches(m, c, sb_change_kept_update(m, i, sb_change_left(q, NULL), sb_change_giving(q->field, v)), sb_change_put_back(m, i), SB_UNDO_LOSSLESS);
    free(shown);
    if (v)
        bson_destroy(v);
    return rc ? -1 : 0;
}

static int aside_card(const struct change_maker *m, size_t i, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    return sb_change_open_card(m, i, c, SB_KIND_CONTRACT, "repair, set aside", sb_change_title(m, "Repair, set aside: values of"),
                               sb_format("Some values of %s break its rule and do not convert. They are kept in a collection beside and the field goes from these documents: what is to become of each only a person knows. Taken back, "
                                         "each document that has none then gets the value it had, until somebody drops what was kept.",
                                         q->field)) ||
                   sb_change_keep(m, i, c, sb_change_left(q, NULL)) ||
                   sb_change_add_batches(m, c, sb_change_kept_update(m, i, sb_change_left(q, NULL), sb_change_unsetting(q->field)), sb_change_put_back(m, i), SB_UNDO_LOSSLESS)
               ? -1
               : 0;
}

int sb_repair_plan(const struct repair *r, size_t at, size_t phases, struct sb_card *card)
{
    struct change_maker m = {.q = &r->q, .f = &r->f, .phases = phases};
    int rc = r->q.change == SB_CHANGE_RETYPE ? sb_change_convert_card(&m, at, card, "repair, wrong type") : r->q.change == SB_CHANGE_ADD ? default_card(&m, at, card) : aside_card(&m, at, card);
    card->needs_person = true;
    return rc;
}
