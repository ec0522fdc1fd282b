/* SPDX-License-Identifier: Apache-2.0
 *
 * What fields said before a change that loses it. The server copies it into a collection beside (_id, and the value as v), and
 * from there back: an aggregation in batches each, of which the way back touches only documents that still say what the change made
 * of them. What was written between the copy and the change is kept by the change itself, batch by batch. */
#include "schema_change_private.h"

#include <signalbox/model/permit.h>

#include <inttypes.h>
#include <string.h>

#define MAJORITY_MAX_MS 10000
#define BATCH_MAX_MS 10000

/* Named after the card and the moment it was written: a record that was begun anew counts its cards from 1 again. */
static void name_of(const struct change_maker *m, size_t i, char *out, size_t cap)
{
    snprintf(out, cap, SB_BEFORE_PREFIX "C-%06" PRId64 "_%" PRIx64, m->q->first_card + (int64_t)i, (uint64_t)(m->q->now / 1000));
}

/* An aggregation in three stages; they are destroyed. */
static char *three(const struct change_maker *m, size_t i, int step, const char *what, const char *coll, bson_t *match, bson_t *project, bson_t *merge)
{
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/%d%s", m->q->first_card + (int64_t)i, step, what);
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(coll), "pipeline", "[", "{", "$match", BCON_DOCUMENT(match), "}", "{", "$project", BCON_DOCUMENT(project), "}", "{", "$merge", BCON_DOCUMENT(merge), "}", "]",
                         "cursor", "{", "}", "writeConcern", "{", "w", "majority", "wtimeout", BCON_INT32(MAJORITY_MAX_MS), "}", "maxTimeMS", BCON_INT32(BATCH_MAX_MS), "comment", BCON_UTF8(comment), "$db",
                         BCON_UTF8(m->f->db));
    bson_destroy(match);
    bson_destroy(project);
    bson_destroy(merge);
    return sb_change_json(c);
}

static char *dropping(const struct change_maker *m, size_t i)
{
    char name[96];
    name_of(m, i, name, sizeof name);
    return sb_change_json(BCON_NEW("drop", BCON_UTF8(name), "writeConcern", "{", "w", "majority", "wtimeout", BCON_INT32(MAJORITY_MAX_MS), "}", "$db", BCON_UTF8(m->f->db)));
}

int sb_change_keep(const struct change_maker *m, size_t i, struct sb_card *c, bson_t *filter)
{
    char name[96], path[256];
    name_of(m, i, name, sizeof name);
    snprintf(path, sizeof path, "$%s", m->q->field);
    bson_t *merge = BCON_NEW("into", BCON_UTF8(name), "on", "_id", "whenMatched", "keepExisting", "whenNotMatched", "insert");
    char *action = three(m, i, 1, "", m->f->coll, filter, BCON_NEW("_id", BCON_INT32(1), "v", BCON_UTF8(path)), merge), *undo = dropping(m, i);
    if (!undo) {
        free(action);
        return -1;
    }
    if (sb_change_add_batches(m, c, action, undo, SB_UNDO_LOSSLESS))
        return -1;
    char *beside = sb_format("%s.%s", m->f->db, name);
    int rc = beside ? sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, beside) : -1;
    free(beside);
    if (m->f->before_bytes > 0)
        c->blast_radius.est_bytes = m->f->before_bytes;
    char *text = sb_format("What %s said stands in %s.%s, and with it the way back. Once it is gone this cannot be taken back.\n"
                           "Dropping is left to a person, in mongosh: db.getSiblingDB(\"%s\").getCollection(\"%s\").drop()",
                           m->q->field, m->f->db, name, m->f->db, name);
    rc = rc || !text || sb_side_note_add(c, "When the way back is no longer wanted", text) ? -1 : 0;
    free(text);
    return rc;
}

char *sb_change_kept_update(const struct change_maker *m, size_t i, bson_t *q, bson_t *stage)
{
    char name[96], *update = sb_change_update(m, i, 2, "", q, stage);
    bson_t *all = update ? bson_new_from_json((const uint8_t *)update, -1, NULL) : NULL, *out, keep;
    bson_iter_t it;
    free(update);
    if (!all)
        return NULL;
    name_of(m, i, name, sizeof name);
    out = bson_new();
    for (bool more = bson_iter_init(&it, all) && bson_iter_next(&it); more; more = bson_iter_next(&it)) {
        if (strcmp(bson_iter_key(&it), "writeConcern") == 0) /* the transaction has its own */
            continue;
        if (strcmp(bson_iter_key(&it), "maxTimeMS") == 0) {
            BSON_APPEND_DOCUMENT_BEGIN(out, "$keepIn", &keep);
            BSON_APPEND_UTF8(&keep, "coll", name);
            BSON_APPEND_UTF8(&keep, "field", m->q->field);
            bson_append_document_end(out, &keep);
        }
        BSON_APPEND_VALUE(out, bson_iter_key(&it), bson_iter_value(&it));
    }
    bson_destroy(all);
    return sb_change_json(out);
}

/* What the field is given: v of what was kept, where it says now what the change left behind; else what it says. */
static bson_t *given(const struct change_maker *m, const char *path)
{
    bson_t *stage = bson_new(), set, field, cond, when, eq, type, literal, *made = NULL;
    bson_iter_t it;
    BSON_APPEND_DOCUMENT_BEGIN(stage, "$set", &set);
    BSON_APPEND_DOCUMENT_BEGIN(&set, m->q->field, &field);
    BSON_APPEND_ARRAY_BEGIN(&field, "$cond", &cond);
    BSON_APPEND_DOCUMENT_BEGIN(&cond, "0", &when);
    BSON_APPEND_ARRAY_BEGIN(&when, "$eq", &eq);
    if (m->q->change == SB_CHANGE_RETYPE) {
        made = sb_change_converted(m->q, "$$new.v", false);
        bson_iter_init_find(&it, made, "v");
        BSON_APPEND_UTF8(&eq, "0", path);
        BSON_APPEND_VALUE(&eq, "1", bson_iter_value(&it));
    } else if (m->q->change == SB_CHANGE_ADD) { /* what was kept says that there was none: then there is none again */
        made = sb_change_value(m->q->value);
        bson_iter_init_find(&it, made, "v");
        BSON_APPEND_UTF8(&eq, "0", path);
        BSON_APPEND_DOCUMENT_BEGIN(&eq, "1", &literal);
        BSON_APPEND_VALUE(&literal, "$literal", bson_iter_value(&it));
        bson_append_document_end(&eq, &literal);
    } else {
        BSON_APPEND_DOCUMENT_BEGIN(&eq, "0", &type);
        BSON_APPEND_UTF8(&type, "$type", path);
        bson_append_document_end(&eq, &type);
        BSON_APPEND_UTF8(&eq, "1", "missing");
    }
    bson_append_array_end(&when, &eq);
    bson_append_document_end(&cond, &when);
    BSON_APPEND_UTF8(&cond, "1", "$$new.v");
    BSON_APPEND_UTF8(&cond, "2", path);
    bson_append_array_end(&field, &cond);
    bson_append_document_end(&set, &field);
    bson_append_document_end(stage, &set);
    if (made)
        bson_destroy(made);
    return stage;
}

char *sb_change_put_back(const struct change_maker *m, size_t i)
{
    char name[96], path[256];
    name_of(m, i, name, sizeof name);
    snprintf(path, sizeof path, "$%s", m->q->field);
    bson_t *stage = given(m, path);
    bson_t *merge = BCON_NEW("into", BCON_UTF8(m->f->coll), "on", "_id", "whenMatched", "[", BCON_DOCUMENT(stage), "]", "whenNotMatched", "discard");
    bson_destroy(stage);
    return three(m, i, 2, " undo", name, bson_new(), BCON_NEW("_id", BCON_INT32(1), "v", BCON_INT32(1)), merge);
}
