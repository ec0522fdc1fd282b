/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents that go to another collection because of their age; and what there has to be where documents go to. */
#include "schema_change_private.h"

#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/base/clock.h>
#include <signalbox/model/permit.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define BATCH_MAX_MS 10000
#define BATCH_BYTES (4 << 20) /* of the documents of a batch, about: they pass through memory */
#define BATCH_DOCS 200

/* ---- where documents go to ---- */

static bool take_any(void *ctx, const bson_t *doc)
{
    (void)doc;
    *(bool *)ctx = true;
    return false;
}

int sb_change_look_target(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    char db[64];
    bool there = false, holds = false;
    if (!q->into || !sb_ns_split(q->into, db, l->f->into) || strlen(q->into) > 200)
        return sb_fail(err, SB_EINPUT, "\"%.100s\" is not a collection's name: write it as database.collection", q->into ? q->into : "");
    if (strcmp(db, l->f->db) != 0)
        return sb_fail(err, SB_EINPUT, "%.120s is in another database than %.120s: documents are moved within one", q->into, q->ns);
    if (strcmp(l->f->into, l->f->coll) == 0)
        return sb_fail(err, SB_EINPUT, "they are in %.150s already", q->into);
    if (sb_starts_with(l->f->into, "system.") || sb_starts_with(l->f->into, SB_BEFORE_PREFIX) || sb_starts_with(l->f->into, SB_SCRATCH_PREFIX) || strchr(l->f->into, '$'))
        return sb_fail(err, SB_EINPUT, "%.150s is a name that documents are not moved to", q->into);
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(l->f->into), "}", "nameOnly", BCON_BOOL(true));
    int64_t n = sb_read_cursor(l->conn, db, list, 1, take_any, &there, err);
    bson_destroy(list);
    if (n >= 0 && there) {
        bson_t *find = BCON_NEW("find", BCON_UTF8(l->f->into), "projection", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
        n = sb_read_cursor(l->conn, db, find, 1, take_any, &holds, err);
        bson_destroy(find);
    }
    if (n < 0)
        return -1;
    if (holds)
        return sb_fail(err, SB_EINPUT, "%.120s holds documents already: what is moved there could not be told from them on the way back. Name another, \"... into %.60s.NAME\"", q->into, db);
    return sb_change_evidence(l, q->into, there ? "there, and empty" : "not there yet", "measured") ? sb_fail_nomem(err) : 0;
}

/* ---- looking ---- */

static bson_t *older(const struct sb_change_question *q)
{
    return BCON_NEW(q->field, "{", "$lt", BCON_DATE_TIME(q->now - q->expire_s * 1000), "}");
}

int sb_change_look_archive(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    struct change_facts *f = l->f;
    char note[256] = "", value[200];
    if (sb_change_look_target(l, err))
        return -1;
    if (!l->leads)
        return sb_fail(err, SB_EINPUT, "no index of %.120s begins with %.80s: what is old could only be found by reading everything, again and again. Ask for one first, \"create an index on %.100s {%.60s: 1}\"", q->ns,
                       q->field, q->ns, q->field);
    f->left = sb_change_count(l, older(q), note, sizeof note, err);
    if (f->left < 0)
        return err->code != SB_OK ? -1 : sb_fail(err, SB_ESTATE, "how much of %.100s is that old could not be counted, so nothing is proposed: %.150s", q->ns, note);
    if (f->left == 0)
        return sb_fail(err, SB_ENO, "no document of %.120s is that old by %.80s: there is nothing to archive", q->ns, q->field);
    snprintf(value, sizeof value, "%" PRId64 " of %" PRId64 " documents", f->left, f->documents);
    if (sb_change_evidence(l, "what goes", value, "measured"))
        return sb_fail_nomem(err);
    int64_t others = sb_change_count(l, BCON_NEW(q->field, "{", "$not", "{", "$type", "date", "}", "}"), note, sizeof note, err);
    if (others < 0 && err->code != SB_OK)
        return -1;
    snprintf(value, sizeof value, others < 0 ? "not counted: those stay" : "%" PRId64 " documents: those stay", others);
    return sb_change_evidence(l, "without a date in it", value, others < 0 ? "unknown" : "measured") ? sb_fail_nomem(err) : 0;
}

/* ---- the card ---- */

char *sb_change_move(const struct change_maker *m, size_t i, const char *what, const char *from, const char *how, const char *other, bson_t *filter)
{
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/1%s", m->q->first_card + (int64_t)i, what);
    bson_t *c = BCON_NEW("delete", BCON_UTF8(from), "deletes", "[", "{", "q", BCON_DOCUMENT(filter), "limit", BCON_INT32(0), "}", "]", how, BCON_UTF8(other), "maxTimeMS", BCON_INT32(BATCH_MAX_MS), "comment",
                         BCON_UTF8(comment), "$db", BCON_UTF8(m->f->db));
    bson_destroy(filter);
    return sb_change_json(c);
}

int sb_change_plan_archive(const struct change_maker *m, struct sb_card *card)
{
    const struct sb_change_question *q = m->q;
    const struct change_facts *f = m->f;
    char then[SB_TIME_LEN + 1];
    sb_time_format(then, q->now - q->expire_s * 1000);
    int64_t each = f->documents > 0 ? f->bytes / f->documents + 1 : 1, docs = BATCH_BYTES / each;
    int rc = sb_change_open_card(m, 0, card, SB_KIND_CONTRACT, "archive", sb_format("Archive documents of %s into %s", q->ns, q->into),
                                 sb_format("%" PRId64 " of %" PRId64 " documents, those whose %s is before %s, go to %s. Each batch is one transaction: they are put there, read back, compared byte by byte and deleted here, so that "
                                           "a reader finds each in one of both. One that is written meanwhile is not moved by that batch but looked at again. Taken back, they come the same way; one whose _id is taken "
                                           "by then by another document stays there.",
                                           f->left, f->documents, q->field, then, q->into));
    rc = rc || sb_change_add_batches(m, card, sb_change_move(m, 0, "", f->coll, "$copyTo", f->into, older(q)), sb_change_move(m, 0, " undo", f->into, "$copyTo", f->coll, older(q)), SB_UNDO_LOSSLESS);
    if (rc)
        return -1;
    card->steps[0].work.docs = docs < 1 ? 1 : docs < BATCH_DOCS ? docs : BATCH_DOCS;
    card->blast_radius.est_bytes = f->left * each;
    free(card->blast_radius.lock);
    card->blast_radius.lock = sb_format("none beyond the documents of a batch while its transaction runs; %" PRId64 " documents a batch", card->steps[0].work.docs);
    card->needs_person = true;
    return !card->blast_radius.lock || sb_strs_push(&card->blast_radius.namespaces, &card->blast_radius.namespaces_n, q->into) ||
                   sb_side_note_add(card, "Who reads what is old", "A read of the one collection does not find what is in the other: whoever asks for documents of any age has to ask both, or $unionWith.\n"
                                                                   "The new collection has the index on _id and no other, until somebody makes one.")
               ? -1
               : 0;
}
