/* SPDX-License-Identifier: Apache-2.0
 *
 * A collection that becomes capped. The server's own conversion locks the database, drops the indexes and what does not fit, and cannot
 * be taken back; so a new collection is made beside with the same indexes, filled in the order of _id, which is measured to be that of
 * insertion, and put in the old one's place once nobody writes. The old one stays aside, whole. What is written meanwhile is caught up
 * with and never written twice by the applications: a capped collection drops what was put in first, and that has to be the oldest. */
#include "schema_change_private.h"

#include <signalbox/model/permit.h>

#include <inttypes.h>
#include <string.h>

#define MAX_TIME_MS 5000 /* of a rename, for its lock too */
#define BATCH_MAX_MS 10000
#define MAJORITY_MAX_MS 10000

static void made_name(const struct change_maker *m, char *out, size_t cap)
{
    snprintf(out, cap, SB_MADE_PREFIX "C-%06" PRId64 "_%" PRIx64, m->q->first_card, (uint64_t)(m->q->now / 1000));
}

/* ---- commands ---- */

static bson_t *majority(void)
{
    return BCON_NEW("w", "majority", "wtimeout", BCON_INT32(MAJORITY_MAX_MS));
}

static char *finished(bson_t *c, const char *db)
{
    bson_t *w = majority();
    BSON_APPEND_DOCUMENT(c, "writeConcern", w);
    BSON_APPEND_UTF8(c, "$db", db);
    bson_destroy(w);
    return sb_change_json(c);
}

static char *creating(const struct change_maker *m, const struct change_capped *k, const char *made)
{
    bson_t *c = BCON_NEW("create", BCON_UTF8(made), "capped", BCON_BOOL(true), "size", BCON_INT64(k->bytes));
    bson_concat(c, &k->options);
    return finished(c, m->f->db);
}

static char *indexing(const struct change_maker *m, const struct change_capped *k, const char *made)
{
    bson_t *c = BCON_NEW("createIndexes", BCON_UTF8(made), "indexes", BCON_ARRAY(&k->indexes));
    return finished(c, m->f->db);
}

static char *dropping(const struct change_maker *m, const char *made)
{
    return finished(BCON_NEW("drop", BCON_UTF8(made)), m->f->db);
}

/* Whole documents from one into the other, where none of their _id is there; `least` NULL: all of them. */
static char *copying(const struct change_maker *m, size_t card, int step, const char *what, const char *from, const char *into, const bson_t *least)
{
    char comment[96];
    bson_t *match = bson_new(), list, one, id;
    bson_iter_t it;
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/%d%s", m->q->first_card + (int64_t)card, step, what);
    if (least && bson_iter_init_find(&it, least, "_id")) {
        BSON_APPEND_ARRAY_BEGIN(match, "$and", &list);
        BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &one);
        BSON_APPEND_DOCUMENT_BEGIN(&one, "_id", &id);
        BSON_APPEND_VALUE(&id, "$gte", bson_iter_value(&it));
        bson_append_document_end(&one, &id);
        bson_append_document_end(&list, &one);
        bson_append_array_end(match, &list);
    }
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(from), "pipeline", "[", "{", "$match", BCON_DOCUMENT(match), "}", "{", "$merge", "{", "into", BCON_UTF8(into), "on", "_id", "whenMatched", "keepExisting",
                         "whenNotMatched", "insert", "}", "}", "]", "cursor", "{", "}", "maxTimeMS", BCON_INT32(BATCH_MAX_MS), "comment", BCON_UTF8(comment));
    bson_destroy(match);
    return finished(c, m->f->db);
}

static char *renaming(const struct change_maker *m, int step, const char *what, const char *from, const char *to)
{
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/%d%s", m->q->first_card + 1, step, what);
    char *a = sb_format("%s.%s", m->f->db, from), *b = sb_format("%s.%s", m->f->db, to), *out = NULL;
    if (a && b)
        out = finished(BCON_NEW("renameCollection", BCON_UTF8(a), "to", BCON_UTF8(b), "maxTimeMS", BCON_INT32(MAX_TIME_MS), "comment", BCON_UTF8(comment)), "admin");
    free(a);
    free(b);
    return out;
}

/* ---- the cards ---- */

/* A step that is one command; action and undo are taken. NULL: out of memory. */
static struct sb_step *add_command(struct sb_card *c, char *action, char *undo)
{
    struct sb_step *s = action && undo ? SB_PUSH(c->steps) : NULL;
    if (!s) {
        free(action);
        free(undo);
        return NULL;
    }
    s->n = (int64_t)c->steps_n;
    s->class_ = SB_STEP_CHECKED;
    s->control = SB_CONTROL_NEITHER;
    s->undo_label = SB_UNDO_LOSSLESS;
    s->action = action;
    s->undo = undo;
    return s;
}

static int before(struct sb_step *s, const char *check, const char *ns, const char *name, const char *value)
{
    return sb_check_add(&s->check_before, &s->check_before_n, check, ns, name, value);
}

static int after(struct sb_step *s, const char *check, const char *ns, const char *value)
{
    return sb_check_add(&s->check_after, &s->check_after_n, check, ns, NULL, value);
}

/* The size and how many indexes, as the check "capped" takes it. */
static void shape(const struct change_capped *k, bool indexed, char *out, size_t cap)
{
    snprintf(out, cap, "%" PRId64 "/%zu", k->bytes, indexed ? k->indexes_n + 1 : (size_t)1);
}

static int copy_card(const struct change_maker *m, const struct change_capped *k, const char *made, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    char value[64], *ns = sb_format("%s.%s", m->f->db, made);
    int rc = !ns || sb_change_open_card(m, 0, c, SB_KIND_BACKFILL, "copy", sb_format("Make %s capped at %" PRId64 " bytes: copy", q->ns, k->bytes),
                                        sb_format("A capped collection with the same indexes is made beside, and the newest documents go into it in the order of _id, which is that in which they were inserted; %s Nothing is changed "
                                                  "about %s yet, and the applications write it as before. Taken back, the copy is dropped.",
                                                  k->lost_text, q->ns));
    struct sb_step *s = rc ? NULL : add_command(c, creating(m, k, made), dropping(m, made));
    shape(k, false, value, sizeof value);
    rc = rc || !s || sb_change_check_place(m, s) || before(s, "name_free", ns, NULL, NULL) || after(s, "capped", ns, value);
    if (rc == 0 && k->indexes_n) {
        s = add_command(c, indexing(m, k, made), dropping(m, made));
        rc = !s || before(s, "capped", ns, NULL, value) || sb_change_check_place(m, s);
        shape(k, true, value, sizeof value);
        rc = rc || after(s, "capped", ns, value);
    }
    rc = rc || sb_change_add_batches(m, c, copying(m, 0, (int)c->steps_n + 1, "", m->f->coll, made, k->least), dropping(m, made), SB_UNDO_LOSSLESS);
    rc = rc || sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, ns);
    c->blast_radius.est_bytes = m->f->bytes < k->bytes ? m->f->bytes : k->bytes;
    c->needs_person = true;
    free(ns);
    return rc ? -1 : 0;
}

static int switch_notes(const struct change_maker *m, const char *aside, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    char *stop = sb_format("It waits until nobody has written to %s for %d s, as the oplog says. Then it catches up, and two renames follow each other at once; between them %s does not exist, and a write would make it anew: the second rename "
                           "would be refused, and both stay as they are. A write that came in that moment is found in %s.%s.",
                           q->ns, SB_RENAME_QUIET_S, q->ns, m->f->db, aside);
    char *then = sb_format("A capped collection takes no time-to-live index, and cannot be sharded. Before 5.0 nothing can be deleted from it, and an update may not make a document longer. Its oldest documents go by "
                           "themselves when it is full.");
    char *kept = sb_format("%s.%s is all that there was, with its indexes, and takes the room that it took. Dropping it is left to a person: db.getSiblingDB(\"%s\").getCollection(\"%s\").drop()", m->f->db, aside, m->f->db, aside);
    int rc = !stop || !then || !kept || sb_side_note_add(c, "Stop whoever writes for a minute", stop) || sb_side_note_add(c, "What the applications can do no longer", then) ||
             sb_side_note_add(c, "When the way back is no longer wanted", kept);
    free(stop);
    free(then);
    free(kept);
    return rc ? -1 : 0;
}

static int switch_card(const struct change_maker *m, const struct change_capped *k, const char *made, const char *aside, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    char value[64], quiet[24], *made_ns = sb_format("%s.%s", m->f->db, made), *aside_ns = sb_format("%s.%s", m->f->db, aside);
    snprintf(quiet, sizeof quiet, "%d", SB_RENAME_QUIET_S);
    shape(k, true, value, sizeof value);
    int rc = !made_ns || !aside_ns ||
             sb_change_open_card(m, 1, c, SB_KIND_RENAME, "switch", sb_format("Make %s capped at %" PRId64 " bytes: switch", q->ns, k->bytes),
                                 sb_format("Once nobody writes, what has come since is copied, %s gets the name %s, and the capped one gets its name. Taken back, the names go back, and what was written to the capped one since is put into "
                                           "the old one; a document that both have stays there as it was, also where it was changed since.",
                                           q->ns, aside_ns));
    rc = rc || sb_change_add_batches(m, c, copying(m, 1, 1, "", m->f->coll, made, k->least), copying(m, 1, 1, " undo", made, m->f->coll, NULL), SB_UNDO_LOSSY);
    struct sb_step *s = rc ? NULL : &c->steps[0];
    if (s)
        s->work.quiet_s = SB_RENAME_QUIET_S;
    rc = rc || before(s, "no_writes", q->ns, NULL, quiet) || before(s, "capped", made_ns, NULL, value);
    s = rc ? NULL : add_command(c, renaming(m, 2, "", m->f->coll, aside), renaming(m, 2, " undo", aside, m->f->coll));
    rc = rc || !s || sb_change_check_place(m, s) || before(s, "no_build", q->ns, NULL, NULL) || before(s, "no_writes", q->ns, NULL, quiet) || before(s, "held", q->ns, made_ns, NULL) ||
         before(s, "name_free", aside_ns, NULL, NULL) || before(s, "named", q->ns, NULL, m->f->uuid) || after(s, "named", aside_ns, m->f->uuid);
    s = rc ? NULL : add_command(c, renaming(m, 3, "", made, m->f->coll), renaming(m, 3, " undo", m->f->coll, made));
    rc = rc || !s || before(s, "primary", NULL, NULL, NULL) || before(s, "members_up", NULL, NULL, NULL) || before(s, "capped", made_ns, NULL, value) || before(s, "name_free", q->ns, NULL, NULL) ||
         after(s, "capped", q->ns, value);
    c->risk = SB_HIGH;
    c->needs_person = true;
    free(c->blast_radius.lock);
    c->blast_radius.lock = sb_format("exclusive on %s for a moment, twice; it is waited for %d s at most, and all others wait behind it", q->ns, MAX_TIME_MS / 1000);
    rc = rc || !c->blast_radius.lock || sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, made_ns) ||
         sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, aside_ns) || switch_notes(m, aside, c);
    free(made_ns);
    free(aside_ns);
    return rc ? -1 : 0;
}

int sb_change_capped(const struct sb_server *server, const struct sb_change_question *q, struct sb_change_plan *out, struct sb_err *err)
{
    struct change_facts f = {.documents = 0};
    struct change_capped k = {.bytes = 0};
    struct change_maker m = {.q = q, .f = &f, .phases = 2};
    char made[96];
    bson_init(&k.options);
    bson_init(&k.indexes);
    made_name(&m, made, sizeof made);
    int rc = sb_change_look_capped(server, q, &f, &k, &out->reads, err);
    if (rc == 0) {
        out->n = m.phases;
        rc = copy_card(&m, &k, made, &out->card[0]) || switch_card(&m, &k, made, f.into, &out->card[1]) ? sb_fail_nomem(err) : 0;
    }
    bson_destroy(&k.options);
    bson_destroy(&k.indexes);
    if (k.least)
        bson_destroy(k.least);
    sb_change_facts_release(&f);
    return rc;
}
