/* SPDX-License-Identifier: Apache-2.0
 *
 * A field that becomes a document of its own, in a collection beside, with the _id of the document that it was in. */
#include "schema_change_private.h"

#include <inttypes.h>
#include <string.h>

#define BATCH_MAX_MS 10000
#define MAJORITY_MAX_MS 10000
#define LONG_ARRAY "999" /* the place of an element that an array has which is better not in one document */

/* ---- looking ---- */

int sb_change_look_extract(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    char place[256], note[256] = "", value[200];
    if (sb_change_look_target(l, err))
        return -1;
    int found = sb_change_any(l, BCON_NEW("_id", BCON_NULL), err);
    if (found == 1)
        return sb_fail(err, SB_EINPUT, "the _id of a document of %.150s is null: a server puts nothing beside under such an _id", q->ns);
    if (found < 0)
        return -1;
    snprintf(place, sizeof place, "%s." LONG_ARRAY, q->field);
    found = sb_change_any(l, BCON_NEW(place, "{", "$exists", BCON_BOOL(true), "}"), err);
    if (found < 0)
        return -1;
    if (found && sb_change_evidence(l, "long arrays",
                                    found == 1 ? "one of 1000 elements or more: it moves as it is and grows on there, up to 16 MiB; a document for each element is the application's to write"
                                               : "not known whether there is one of 1000 elements: looking took too long",
                                    found == 1 ? "measured" : "unknown"))
        return sb_fail_nomem(err);
    l->f->left = sb_change_count(l, BCON_NEW(q->field, "{", "$exists", BCON_BOOL(true), "}"), note, sizeof note, err);
    if (l->f->left < 0 && err->code != SB_OK)
        return -1;
    snprintf(value, sizeof value, l->f->left < 0 ? "not counted" : "%" PRId64 " of %" PRId64 " documents", l->f->left, l->f->documents);
    return sb_change_evidence(l, "documents with the field", value, l->f->left < 0 ? "unknown" : "measured") ? sb_fail_nomem(err) : 0;
}

/* ---- the cards ---- */

/* An aggregation in three stages between both collections; merge is destroyed. */
static char *merging(const struct change_maker *m, size_t i, const char *what, const char *from, bson_t *merge)
{
    char comment[96];
    const char *field = m->q->field;
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/1%s", m->q->first_card + (int64_t)i, what);
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(from), "pipeline", "[", "{", "$match", "{", field, "{", "$exists", BCON_BOOL(true), "}", "}", "}", "{", "$project", "{", "_id", BCON_INT32(1), field, BCON_INT32(1), "}", "}",
                         "{", "$merge", BCON_DOCUMENT(merge), "}", "]", "cursor", "{", "}", "writeConcern", "{", "w", "majority", "wtimeout", BCON_INT32(MAJORITY_MAX_MS), "}", "maxTimeMS", BCON_INT32(BATCH_MAX_MS),
                         "comment", BCON_UTF8(comment), "$db", BCON_UTF8(m->f->db));
    bson_destroy(merge);
    return sb_change_json(c);
}

/* The field gets what the other document says, where it has none. */
static char *put_back(const struct change_maker *m, size_t i)
{
    char path[256], fresh[256];
    snprintf(path, sizeof path, "$%s", m->q->field);
    snprintf(fresh, sizeof fresh, "$$new.%s", m->q->field);
    return merging(m, i, " undo", m->f->into,
                   BCON_NEW("into", BCON_UTF8(m->f->coll), "on", "_id", "whenMatched", "[", "{", "$set", "{", m->q->field, "{", "$cond", "[", "{", "$eq", "[", "{", "$type", BCON_UTF8(path), "}", "missing", "]", "}",
                            BCON_UTF8(fresh), BCON_UTF8(path), "]", "}", "}", "}", "]", "whenNotMatched", "discard"));
}

/* What is beside and of whose document there is none with the field: the document was deleted, or lost the field, between being read and
 * being put beside. Deleting it again is its way back too. */
static char *sweeping(const struct change_maker *m, const char *what)
{
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/2%s", m->q->first_card + 1, what);
    return sb_change_json(BCON_NEW("delete", BCON_UTF8(m->f->into), "deletes", "[", "{", "q", "{", "}", "limit", BCON_INT32(0), "}", "]", "$noneIn", "{", "coll", BCON_UTF8(m->f->coll), "field", BCON_UTF8(m->q->field), "}",
                                   "maxTimeMS", BCON_INT32(BATCH_MAX_MS), "comment", BCON_UTF8(comment), "$db", BCON_UTF8(m->f->db)));
}

static int backfill_card(const struct change_maker *m, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    int rc = sb_change_open_card(m, 1, c, SB_KIND_BACKFILL, "backfill", sb_format("Backfill: extract %s of %s into %s", q->field, q->ns, q->into),
                                 sb_format("Every document with %s gets one of its _id in %s, which holds %s as it is; one that is there already keeps what it says. Behind it those go again of whose document there is none "
                                           "with %s any more: it was deleted while it was copied. Taken back, those go from %s that say what %s says; what says something else stays.",
                                           q->field, q->into, q->field, q->field, q->into, q->ns));
    char *undo = rc ? NULL : sb_change_move(m, 1, " undo", m->f->into, "$sameIn", m->f->coll, bson_new());
    bson_t *merge = BCON_NEW("into", BCON_UTF8(m->f->into), "on", "_id", "whenMatched", "keepExisting", "whenNotMatched", "insert");
    char *action = merging(m, 1, "", m->f->coll, merge);
    if (rc || !undo || sb_change_add_batches(m, c, action, undo, SB_UNDO_LOSSLESS)) {
        if (rc || !undo) {
            free(action);
            free(undo);
        }
        return -1;
    }
    char *again = sweeping(m, " undo");
    if (!again || sb_change_add_batches(m, c, sweeping(m, ""), again, SB_UNDO_LOSSLESS))
        return -1;
    if (m->f->left > 0 && m->f->documents > 0)
        c->blast_radius.est_bytes = m->f->bytes / m->f->documents * m->f->left;
    return sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, q->into);
}

static int read_card(const struct change_maker *m, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    int rc = sb_change_look_card(m, 2, c, "read the new", "unwritten", sb_format("Only the new is written: extract %s of %s into %s", q->field, q->ns, q->into),
                                 sb_format("The applications read %s from %s, and then stop writing it in %s. The oplog shows whether no write sets it there any more; then it is looked whether each document that still has it has one "
                                           "of its _id in %s. Who still reads it in the old place a server does not tell: the code has to.",
                                           q->field, q->into, q->ns, q->into));
    if (rc || sb_str_set(&c->steps[0].work.new_field, NULL)) /* every write of the collection that does not set the field counts */
        return -1;
    return sb_change_add_look(m, c, "extracted",
                              sb_change_json(BCON_NEW("find", BCON_UTF8(m->f->coll), "filter", "{", q->field, "{", "$exists", BCON_BOOL(true), "}", "}", "projection", "{", "_id", BCON_INT32(1), "}", "$db", BCON_UTF8(m->f->db))));
}

static int contract_card(const struct change_maker *m, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    int rc = sb_change_open_card(m, 3, c, SB_KIND_CONTRACT, "contract", sb_format("Contract: extract %s of %s into %s", q->field, q->ns, q->into),
                                 sb_format("%s is removed from every document of %s. Taken back, each that has none then gets what its document in %s says by then; what only it said is lost.", q->field, q->ns, q->into));
    if (rc || sb_change_add_batches(m, c, sb_change_update(m, 3, 1, "", sb_change_exists(q->field, true, NULL, false), sb_change_unsetting(q->field)), put_back(m, 3), SB_UNDO_LOSSY))
        return -1;
    c->needs_person = true;
    return sb_change_mention_indexes(m, c);
}

int sb_change_plan_extract(const struct change_maker *m, struct sb_card *card)
{
    const struct sb_change_question *q = m->q;
    int rc = sb_change_look_card(m, 0, &card[0], "write both", "pair_written", sb_format("Both are written: extract %s of %s into %s", q->field, q->ns, q->into),
                                 sb_format("The applications write %s in %s as before, and the same into the document of that _id in %s; of a document that they delete they delete both. The oplog shows whether every write is followed "
                                           "so within half a minute; until then nothing is copied. To go back, deploy the applications as they were.",
                                           q->field, q->ns, q->into));
    if (rc || sb_strs_push(&card[0].blast_radius.namespaces, &card[0].blast_radius.namespaces_n, q->into) || backfill_card(m, &card[1]) || read_card(m, &card[2]))
        return -1;
    char *text = m->f->indexes ? sb_format("On %s: %s. They serve what is read in %s. For %s make those it needs before it is read: \"create an index on %s {%s...: 1}\". What is unique in the one is so in the other only "
                                           "with an index of its own.",
                                           q->field, m->f->indexes, q->ns, q->into, q->into, q->field)
                               : NULL;
    rc = m->f->indexes && (!text || sb_side_note_add(&card[1], "Indexes, by the Index Optimizer", text)) ? -1 : contract_card(m, &card[3]);
    free(text);
    return rc;
}
