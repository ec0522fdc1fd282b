/* SPDX-License-Identifier: Apache-2.0
 *
 * What a field refers to, a document of another collection, is taken into the documents that refer to it. */
#include "schema_change_private.h"

#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/base/str.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define BATCH_MAX_MS 10000
#define MAJORITY_MAX_MS 10000
#define LARGE_REFERENCED (1 << 20)  /* what is that large is better asked for than held by many */
#define LARGE_OWNER (14 << 20)      /* with the other in it, it might pass the 16 MiB that a document may have */
#define MAX_TIME_EXCEEDED 50
#define JOINED "signalbox_referenced" /* the $lookup's result; it is in no document */

/* ---- looking ---- */

struct referenced {
    const char *foreign;
    bool there, plain, indexed, any;
};

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct referenced *r = ctx;
    const char *type = sb_text_at(doc, "type");
    r->there = true;
    r->plain = !type || strcmp(type, "collection") == 0;
    return false;
}

/* A unique index on what is referred to: there is one document for each value, and it is found without reading all. */
static bool take_index(void *ctx, const bson_t *doc)
{
    struct referenced *r = ctx;
    bson_iter_t it;
    bson_t key;
    bool unique = bson_iter_init_find(&it, doc, "unique") && bson_iter_as_bool(&it);
    if (bson_iter_init_find(&it, doc, "key") && sb_sub_document(&it, &key))
        r->indexed |= bson_count_keys(&key) == 1 && bson_has_field(&key, r->foreign) && (unique || strcmp(r->foreign, "_id") == 0) && !bson_has_field(doc, "partialFilterExpression") && !bson_has_field(doc, "hidden");
    return true;
}

static bool take_any(void *ctx, const bson_t *doc)
{
    (void)doc;
    ((struct referenced *)ctx)->any = true;
    return false;
}

static bson_t *larger_than(int32_t bytes)
{
    return BCON_NEW("$expr", "{", "$gt", "[", "{", "$bsonSize", "$$ROOT", "}", BCON_INT32(bytes), "]", "}");
}

/* Is a document that is referred to larger than is taken in? As sb_change_any. */
static int large_there(struct change_look *l, const char *coll, struct sb_err *err)
{
    struct referenced r = {.any = false};
    bson_t *filter = larger_than(LARGE_REFERENCED), *c = BCON_NEW("find", BCON_UTF8(coll), "filter", BCON_DOCUMENT(filter), "projection", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
    int64_t n = sb_read_cursor(l->conn, l->f->db, c, 1, take_any, &r, err);
    bson_destroy(c);
    bson_destroy(filter);
    if (n < 0 && err->code == SB_ECOMMAND && (err->detail == MAX_TIME_EXCEEDED || sb_server_lacks(err->detail))) {
        *err = (struct sb_err)SB_ERR_INIT;
        return 2;
    }
    return n < 0 ? -1 : r.any;
}

static int look_referenced(struct change_look *l, const char *coll, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    struct referenced r = {.foreign = q->foreign};
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(coll), "}"), *indexes = BCON_NEW("listIndexes", BCON_UTF8(coll));
    int rc = sb_read_cursor(l->conn, l->f->db, list, 1, take_collection, &r, err) < 0 ? -1 : 0;
    if (rc == 0 && (!r.there || !r.plain))
        rc = sb_fail(err, SB_EINPUT, r.there ? "%.200s is no plain collection" : "there is no collection %.200s", q->from);
    rc = rc || sb_read_cursor(l->conn, l->f->db, indexes, 100, take_index, &r, err) < 0 ? -1 : 0;
    if (rc == 0 && !r.indexed)
        rc = sb_fail(err, SB_EINPUT, "no unique index of %.120s is on %.80s alone: for each document all of it would be read, and more than one might be meant", q->from, q->foreign);
    bson_destroy(list);
    bson_destroy(indexes);
    return rc;
}

int sb_change_look_embed(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    char db[64], coll[192], note[256] = "", value[200];
    if (!sb_ns_split(q->from, db, coll))
        return sb_fail(err, SB_EINPUT, "\"%.100s\" is not a collection; write it as database.collection", q->from);
    if (strcmp(db, l->f->db) != 0 || strcmp(coll, l->f->coll) == 0)
        return sb_fail(err, SB_EINPUT, "%.120s has to be another collection of the same database as %.120s", q->from, q->ns);
    snprintf(l->f->into, sizeof l->f->into, "%s", coll);
    if (look_referenced(l, coll, err))
        return -1;
    int found = sb_change_any(l, BCON_NEW(q->field, "{", "$type", "array", "}"), err);
    if (found < 0)
        return -1;
    if (found == 1)
        return sb_fail(err, SB_EINPUT, "%.100s is an array in some documents: an array of what it refers to may grow without end, and is not taken in", q->field);
    found = sb_change_any(l, BCON_NEW(q->new_field, "{", "$exists", BCON_BOOL(true), "}"), err);
    if (found)
        return found < 0 ? -1 : sb_fail(err, SB_EINPUT, found == 1 ? "%.100s exists already: the way back could not tell it from what was copied. Name another, \"... as NAME\"" : "whether %.100s exists could not be found out in time", q->new_field);
    found = large_there(l, coll, err);
    int owner = found < 0 ? -1 : sb_change_any(l, larger_than(LARGE_OWNER), err);
    if (found < 0 || owner < 0)
        return -1;
    if (found == 1)
        return sb_fail(err, SB_EINPUT, "a document of %.120s is larger than %d MiB, and would be carried by many", q->from, LARGE_REFERENCED >> 20);
    if (owner == 1 && sb_change_look_joined_size(l, coll, LARGE_OWNER, err))
        return -1;
    if (owner == 1 && sb_change_evidence(l, "documents beyond 14 MiB", "none of them, of the first 1000, passes 16 MiB with what it gets", "measured"))
        return sb_fail_nomem(err);
    if (sb_change_evidence(l, "sizes", found == 2 || owner == 2 ? "not known: the server cannot tell in time; a document that would pass 16 MiB stops the plan at its batch" : "what is referred to is below 1 MiB, and what gets it below 16 MiB with it",
                           found == 2 || owner == 2 ? "unknown" : "measured"))
        return sb_fail_nomem(err);
    l->f->left = sb_change_count(l, BCON_NEW(q->field, "{", "$exists", BCON_BOOL(true), "}"), note, sizeof note, err);
    if (l->f->left < 0 && err->code != SB_OK)
        return -1;
    snprintf(value, sizeof value, l->f->left < 0 ? "not counted" : "%" PRId64 " of %" PRId64 " documents", l->f->left, l->f->documents);
    return sb_change_evidence(l, "documents that refer", value, l->f->left < 0 ? "unknown" : "measured") ? sb_fail_nomem(err) : 0;
}

/* ---- the cards ---- */

static bson_t *joining(const struct change_maker *m)
{
    return BCON_NEW("from", BCON_UTF8(m->f->into), "localField", BCON_UTF8(m->q->field), "foreignField", BCON_UTF8(m->q->foreign), "as", JOINED);
}

/* The field gets the document that was found, where it has nothing yet. */
static char *copying(const struct change_maker *m)
{
    char comment[96], path[256];
    const char *field = m->q->field, *fresh = m->q->new_field;
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/1", m->q->first_card + 1);
    snprintf(path, sizeof path, "$%s", fresh);
    bson_t *join = joining(m), *first = BCON_NEW("$arrayElemAt", "[", "$" JOINED, BCON_INT32(0), "]");
    bson_t *stage = BCON_NEW("$set", "{", fresh, "{", "$cond", "[", "{", "$and", "[", "{", "$eq", "[", "{", "$type", BCON_UTF8(path), "}", "missing", "]", "}", "{", "$ne", "[", "{", "$type", "$$new.v", "}", "missing", "]", "}", "]",
                             "}", "$$new.v", BCON_UTF8(path), "]", "}", "}");
    bson_t *merge = BCON_NEW("into", BCON_UTF8(m->f->coll), "on", "_id", "whenMatched", "[", BCON_DOCUMENT(stage), "]", "whenNotMatched", "discard");
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(m->f->coll), "pipeline", "[", "{", "$match", "{", field, "{", "$exists", BCON_BOOL(true), "}", fresh, "{", "$exists", BCON_BOOL(false), "}", "}", "}", "{", "$lookup",
                         BCON_DOCUMENT(join), "}", "{", "$project", "{", "_id", BCON_INT32(1), "v", BCON_DOCUMENT(first), "}", "}", "{", "$merge", BCON_DOCUMENT(merge), "}", "]", "cursor", "{", "}", "writeConcern", "{", "w",
                         "majority", "wtimeout", BCON_INT32(MAJORITY_MAX_MS), "}", "maxTimeMS", BCON_INT32(BATCH_MAX_MS), "comment", BCON_UTF8(comment), "$db", BCON_UTF8(m->f->db));
    bson_destroy(join);
    bson_destroy(first);
    bson_destroy(stage);
    bson_destroy(merge);
    return sb_change_json(c);
}

/* Finds the first document whose copy is not what it refers to. */
static char *comparing(const struct change_maker *m)
{
    char path[256];
    snprintf(path, sizeof path, "$%s", m->q->new_field);
    bson_t *join = joining(m);
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(m->f->coll), "pipeline", "[", "{", "$match", "{", m->q->field, "{", "$exists", BCON_BOOL(true), "}", "}", "}", "{", "$lookup", BCON_DOCUMENT(join), "}", "{", "$match", "{", "$expr", "{",
                         "$ne", "[", BCON_UTF8(path), "{", "$arrayElemAt", "[", "$" JOINED, BCON_INT32(0), "]", "}", "]", "}", "}", "}", "{", "$limit", BCON_INT32(1), "}", "{", "$project", "{", "_id", BCON_INT32(1), "}", "}", "]", "cursor",
                         "{", "}", "$db", BCON_UTF8(m->f->db));
    bson_destroy(join);
    return sb_change_json(c);
}

int sb_change_plan_embed(const struct change_maker *m, struct sb_card *card)
{
    const struct sb_change_question *q = m->q;
    int rc = sb_change_look_card(m, 0, &card[0], "write both", "set_with", sb_format("Both are written: embed %s into %s as %s", q->from, q->ns, q->new_field),
                                 sb_format("The applications write %s, a copy of the document of %s whose %s it names, wherever they write %s; and where they change such a document, all copies of it. The oplog shows whether each "
                                           "write of %s sets %s too; whether the copies are kept equal is measured behind the backfill. To go back, deploy the applications as they were.",
                                           q->new_field, q->from, q->foreign, q->field, q->field, q->new_field));
    rc = rc || sb_change_open_card(m, 1, &card[1], SB_KIND_BACKFILL, "backfill", sb_format("Backfill: embed %s into %s as %s", q->from, q->ns, q->new_field),
                                   sb_format("Every document with %s and without %s gets the document of %s that it names, found by the index on %s; one that names none stays without. Taken back, %s goes from every document, also where an application wrote it. %s stays as it is: dropping it, once nobody reads it, is a person's.",
                                             q->field, q->new_field, q->from, q->foreign, q->new_field, q->from));
    if (rc)
        return -1;
    char *undo = sb_change_update(m, 1, 1, " undo", sb_change_exists(q->new_field, true, NULL, false), sb_change_unsetting(q->new_field));
    if (!undo || sb_change_add_batches(m, &card[1], copying(m), undo, SB_UNDO_LOSSY))
        return -1;
    rc = sb_strs_push(&card[1].blast_radius.namespaces, &card[1].blast_radius.namespaces_n, q->from) ||
         sb_change_open_card(m, 2, &card[2], SB_KIND_OBSERVE, "compare", sb_format("Each copy is what it is a copy of: embed %s into %s as %s", q->from, q->ns, q->new_field),
                             sb_format("Every %s is held against the document of %s that %s names, until none differs; then the applications may read the copy.", q->new_field, q->from, q->field)) ||
         sb_change_add_look(m, &card[2], "embedded", comparing(m));
    return rc || !(card[2].blast_radius.lock = sb_format("none: documents are read, some hundreds at a time")) ? -1 : 0;
}
