/* SPDX-License-Identifier: Apache-2.0
 *
 * What a retype and a computed field have to look at, and the plan of a retype. Values that do not convert are counted and a few
 * of their documents named before anything is planned. */
#include "schema_change_private.h"

#include "architect_read.h"

#include <signalbox/agents/schema_validator.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define SAMPLE 200 /* documents whose field is measured, for what will be kept */
#define OF_INDEX 32 /* bytes that a document costs in the index on _id, about */

/* ---- counting ---- */

/* How many fit, and which for example, as evidence. what is destroyed. */
static int count(struct change_look *l, bson_t *what, const char *name, const char *then, int64_t *n, struct sb_err *err)
{
    struct sb_dry_run run;
    int rc = sb_count_fits(l->conn, l->q->ns, l->f->documents, what, &run, err);
    bson_destroy(what);
    if (rc)
        return -1;
    struct sb_str s;
    sb_str_init(&s);
    *n = run.offenders;
    if (run.offenders < 0)
        sb_str_adds(&s, run.note);
    else
        sb_str_addf(&s, "%" PRId64 " documents", run.offenders);
    for (size_t i = 0; then && i < run.sample_n; i++)
        sb_str_addf(&s, "%s%s", i ? ", " : ", such as ", run.sample[i]);
    if (then && run.offenders > 0)
        sb_str_addf(&s, "; %s", then);
    rc = sb_str_ok(&s) && sb_change_evidence(l, name, s.p, run.offenders < 0 ? "unknown" : "measured") == 0 ? 0 : sb_fail_nomem(err);
    sb_str_release(&s);
    sb_dry_run_release(&run);
    return rc;
}

static bool take_size(void *ctx, const bson_t *doc)
{
    int64_t *sum = ctx;
    sum[0] += doc->len;
    sum[1]++;
    return true;
}

int sb_change_look_kept(struct change_look *l, struct sb_err *err)
{
    struct change_facts *f = l->f;
    int64_t sum[2] = {0, 0};
    if (f->left < 0 && count(l, sb_change_left(l->q, f->from_type), "documents that are changed", l->q->repair ? "they break the rule" : NULL, &f->left, err))
        return -1;
    bson_t *unkept = BCON_NEW("_id", "{", "$type", "null", "}"), *filter = sb_change_left(l->q, f->from_type);
    bson_concat(unkept, filter);
    int found = sb_change_any(l, unkept, err);
    if (found) {
        bson_destroy(filter);
        return found < 0 ? -1 : sb_fail(err, SB_EINPUT, "the _id of a document of %.150s is null: a server keeps nothing beside under such an _id", l->q->ns);
    }
    bson_t *c = BCON_NEW("find", BCON_UTF8(f->coll), "filter", BCON_DOCUMENT(filter), "projection", "{", "_id", BCON_INT32(1), l->q->field, BCON_INT32(1), "}", "limit", BCON_INT64(SAMPLE), "singleBatch",
                         BCON_BOOL(true));
    int64_t n = sb_read_cursor(l->conn, f->db, c, SAMPLE, take_size, sum, err);
    bson_destroy(c);
    bson_destroy(filter);
    if (n < 0)
        return -1;
    int64_t each = sum[1] ? sum[0] / sum[1] + OF_INDEX : 0, docs = f->left >= 0 ? f->left : f->documents;
    f->before_bytes = each && docs > INT64_MAX / each ? INT64_MAX : each * docs;
    char *text = sb_format("about %" PRId64 " bytes, its index included: %" PRId64 " documents with %" PRId64 " bytes each; it stays until somebody drops it, or this is taken back", f->before_bytes, docs, each);
    int rc = text && sb_change_evidence(l, "what is kept for the way back", text, "estimated") == 0 ? 0 : sb_fail_nomem(err);
    free(text);
    return rc;
}

/* ---- a retype ---- */

/* The one type that the values have and that can be converted. */
static int find_from(struct change_look *l, struct sb_err *err)
{
    static const char *const types[] = {"string", "int", "long", "double", "date", "objectId"};
    const struct sb_change_question *q = l->q;
    for (size_t i = 0; i < SB_COUNT(types); i++) {
        if (q->from_type ? strcmp(q->from_type, types[i]) != 0 : !sb_change_converts(types[i], q->type))
            continue;
        int found = sb_change_any(l, BCON_NEW(q->field, "{", "$type", BCON_UTF8(types[i]), "}"), err);
        if (found < 0)
            return -1;
        if (found == 2 && !q->from_type)
            return sb_fail(err, SB_ESTATE, "of which types %.80s is could not be found out in time: say from which, \"convert %.80s from string to %.20s\"", q->field, q->field, q->type);
        if (found && l->f->from_type[0])
            return sb_fail(err, SB_EINPUT, "%.80s is a %s in some documents and a %s in others: say from which, \"convert %.60s from %s to %.20s\"", q->field, l->f->from_type, types[i], q->field, types[i], q->type);
        if (found)
            snprintf(l->f->from_type, sizeof l->f->from_type, "%s", types[i]);
    }
    return l->f->from_type[0] ? 0 : sb_fail(err, SB_EINPUT, "no value of %.80s is a %.20s", q->field, q->from_type ? q->from_type : "type that can be converted so");
}

/* Does the collection's $jsonSchema let the field be of this type? What it does not say it allows. */
static bool allows(const struct change_look *l, const char *type)
{
    bson_iter_t it, at, item;
    struct sb_str path;
    bool ok = true;
    sb_str_init(&path);
    sb_str_adds(&path, "validator.$jsonSchema");
    for (const char *p = l->q->field; *p; p += strcspn(p, "."), p += *p == '.')
        sb_str_addf(&path, ".properties.%.*s", (int)strcspn(p, "."), p);
    sb_str_adds(&path, ".bsonType");
    if (l->have_options && sb_str_ok(&path) && bson_iter_init(&it, &l->options) && bson_iter_find_descendant(&it, path.p, &at)) {
        ok = BSON_ITER_HOLDS_UTF8(&at) && strcmp(bson_iter_utf8(&at, NULL), type) == 0;
        for (bool more = BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, &item) && bson_iter_next(&item); more && !ok; more = bson_iter_next(&item))
            ok = BSON_ITER_HOLDS_UTF8(&item) && strcmp(bson_iter_utf8(&item, NULL), type) == 0;
    }
    sb_str_release(&path);
    return ok;
}

/* What the ones become that do not convert must not be what is converted. */
static int check_otherwise(const struct change_look *l, struct sb_err *err)
{
    bson_t *v = sb_change_value(l->q->otherwise);
    bson_iter_t it;
    if (l->q->otherwise && !v)
        return sb_fail(err, SB_EINPUT, "what values become that do not convert cannot be read: write it as JSON");
    bool same = v && bson_iter_init_find(&it, v, "v") && BSON_ITER_HOLDS_UTF8(&it) && strcmp(l->f->from_type, "string") == 0;
    if (v)
        bson_destroy(v);
    return same ? sb_fail(err, SB_EINPUT, "values that do not convert cannot become a string: that is the type that goes") : 0;
}

int sb_change_look_retype(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    int found = sb_change_any(l, BCON_NEW(q->field, "{", "$type", "array", "}"), err);
    if (found < 0)
        return -1;
    if (found == 1)
        return sb_fail(err, SB_EINPUT, "%.100s is an array in some documents: its elements cannot be converted by one path", q->field);
    if (l->ttl[0])
        return sb_fail(err, SB_EINPUT, "the time-to-live index %.80s is on %.80s: what it deletes depends on the type. Take it away first, and make it anew afterwards", l->ttl, q->field);
    if (find_from(l, err) || check_otherwise(l, err))
        return -1;
    if (!allows(l, q->type))
        return sb_fail(err, SB_ESTATE, "the validator of %.120s does not allow %.80s to be a %.20s: it would refuse each converted document. Let it allow both first", q->ns, q->field, q->type);
    if (count(l, sb_change_offenders(q, l->f->from_type), "values that do not convert", q->otherwise ? "they become what was asked for" : "they stay as they are", &l->f->offenders, err))
        return -1;
    if (sb_change_look_kept(l, err))
        return -1;
    if (!q->repair && l->f->left == 0 && l->f->offenders > 0)
        return sb_fail(err, SB_EINPUT, "no value of %.80s converts to %.20s: all %" PRId64 " stay as they are, and there is nothing to plan. Say what they are to become: \"..., replacing what does not parse with null\"", q->field, q->type, l->f->offenders);
    return 0;
}

/* ---- a computed field ---- */

int sb_change_look_computed(struct change_look *l, struct sb_err *err)
{
    bson_t *v = sb_change_expression(l->q, err), *never = sb_change_exists(l->q->field, false, NULL, false), expr, eq;
    bson_iter_t it;
    if (!v) {
        bson_destroy(never);
        return -1;
    }
    bson_iter_init_find(&it, v, "v"); /* computed for every document and compared with what none is: an error shows */
    BSON_APPEND_DOCUMENT_BEGIN(never, "$expr", &expr);
    BSON_APPEND_ARRAY_BEGIN(&expr, "$eq", &eq);
    BSON_APPEND_VALUE(&eq, "0", bson_iter_value(&it));
    BSON_APPEND_MAXKEY(&eq, "1");
    bson_append_array_end(&expr, &eq);
    bson_append_document_end(never, &expr);
    bson_destroy(v);
    int found = sb_change_any(l, never, err);
    if (found < 0 && err->code == SB_ECOMMAND) {
        struct sb_err why = *err;
        return sb_fail(err, SB_EINPUT, "the server cannot compute %.60s for every document: %.200s", l->q->field, why.msg);
    }
    if (found < 0)
        return -1;
    if (found == 2 && sb_change_evidence(l, l->q->field, "not known whether it can be computed for every document: trying took too long; where it cannot, the plan stops at that batch", "unknown"))
        return sb_fail_nomem(err);
    if (count(l, sb_change_left(l->q, NULL), "documents that get it", NULL, &l->f->left, err))
        return -1;
    if (count(l, sb_change_offenders(l->q, NULL), "documents it cannot be computed for", "what it is computed from is missing there: they stay without it", &l->f->offenders, err))
        return -1;
    if (l->f->left == 0 && l->f->offenders > 0)
        return sb_fail(err, SB_EINPUT, "%.80s can be computed for none of the %" PRId64 " documents without it: what it is computed from is missing there, or is of another form", l->q->field, l->f->offenders);
    return 0;
}

/* ---- the plan ---- */

static char *title(const struct change_maker *m, const char *what)
{
    return sb_format("%s %s from %s to %s in %s", what, m->q->field, m->f->from_type, m->q->type, m->q->ns);
}

/* {$set: {field: what it becomes}} */
static bson_t *converting(const struct sb_change_question *q)
{
    char path[256];
    snprintf(path, sizeof path, "$%s", q->field);
    bson_t *v = sb_change_converted(q, path, false), *stage = bson_new(), set;
    bson_iter_t it;
    bson_iter_init_find(&it, v, "v");
    BSON_APPEND_DOCUMENT_BEGIN(stage, "$set", &set);
    BSON_APPEND_VALUE(&set, q->field, bson_iter_value(&it));
    bson_append_document_end(stage, &set);
    bson_destroy(v);
    return stage;
}

int sb_change_convert_card(const struct change_maker *m, size_t i, struct sb_card *convert, const char *phase)
{
    const struct sb_change_question *q = m->q;
    int rc = sb_change_open_card(m, i, convert, SB_KIND_BACKFILL, phase, title(m, "Convert"),
                                 sb_format("What %s says is kept in a collection beside, then every %s becomes a %s. Values that do not convert %s. Taken back, each document that still says what the conversion made of it "
                                           "gets the value it had; one that was written since keeps what it says. That way back is there until somebody drops what was kept.",
                                           q->field, m->f->from_type, q->type, q->otherwise ? "become what was asked for" : "stay as they are"));
    rc = rc || sb_change_keep(m, i, convert, sb_change_left(q, m->f->from_type));
    rc = rc || sb_change_add_batches(m, convert, sb_change_kept_update(m, i, sb_change_left(q, m->f->from_type), converting(q)), sb_change_put_back(m, i), SB_UNDO_LOSSLESS);
    convert->needs_person = true;
    return rc || sb_change_mention_indexes(m, convert) ? -1 : 0;
}

int sb_change_plan_retype(const struct change_maker *m, struct sb_card *card)
{
    const struct sb_change_question *q = m->q;
    struct sb_card *look = &card[0];
    int rc = sb_change_look_card(m, 0, look, "write the new", "retyped", title(m, "The new type is written: convert"),
                                 sb_format("The applications read %s as a %s and as a %s, and write it as a %s. The oplog shows whether no write sets a %s any more; until then nothing is converted. Whether they can read "
                                           "both a server does not tell.",
                                           q->field, m->f->from_type, q->type, q->type, m->f->from_type));
    if (rc == 0)
        rc = sb_str_set(&look->steps[0].work.new_field, m->f->from_type);
    return rc || sb_change_convert_card(m, 1, &card[1], "convert") ? -1 : 0;
}
