/* SPDX-License-Identifier: Apache-2.0
 *
 * The phases of a time series that takes a collection's place, where nothing stands in the way. A server renames none, so it has its
 * name from the beginning, beside; it has no unique _id and takes no $merge, so what is copied by hand is held against what there was,
 * measurement by measurement. What is changed from here is one name, at the end: the old collection stays aside, whole. */
#include "schema_change_private.h"

#include <inttypes.h>
#include <string.h>

#define MAX_TIME_MS 5000 /* of the rename, for its lock too */
#define MAJORITY_MAX_MS 10000

bool sb_change_series_barred(const struct change_facts *f)
{
    return f->offenders || f->left || f->indexes || f->validated || f->sharded;
}

size_t sb_change_series_phases(const struct change_facts *f)
{
    return sb_change_series_barred(f) ? 1 : 4;
}

/* The step before was told which time series it is about by the question's `into`. */
static int add_held(const struct change_maker *m, struct sb_card *c)
{
    free(c->blast_radius.lock);
    c->blast_radius.lock = sb_format("none: both collections are read, %s in the order of _id", m->q->ns);
    return !c->blast_radius.lock || sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, m->q->into) ||
                   sb_change_add_look(m, c, "series_held", sb_change_json(BCON_NEW("find", BCON_UTF8(m->f->coll), "sort", "{", "_id", BCON_INT32(1), "}", "$db", BCON_UTF8(m->f->db))))
               ? -1
               : 0;
}

static int write_card(const struct change_maker *m, const char *title, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    char *make = q->new_field ? sb_format("db.getSiblingDB(\"%s\").createCollection(\"%s_series\", {timeseries: {timeField: \"%s\", metaField: \"%s\", granularity: \"%s\"}})", m->f->db, m->f->coll, q->field, q->new_field, m->f->from_type)
                              : sb_format("db.getSiblingDB(\"%s\").createCollection(\"%s_series\", {timeseries: {timeField: \"%s\", granularity: \"%s\"}})", m->f->db, m->f->coll, q->field, m->f->from_type);
    int rc = !make || sb_change_look_card(m, 0, c, "write both", "series_written", sb_format("Both are written: %s", title),
                                          sb_format("The time series %s is made by hand, empty. Then the applications insert each measurement into it first and into %s behind it, with the same _id. The oplog shows what comes into %s; of each it is "
                                                    "asked whether it is in the time series, once and the same, for a while and enough inserts. An update or a delete breaks the rule. To go back, deploy the applications as they were, and drop "
                                                    "%s: nothing that only it holds is needed as long as %s is written.",
                                                    q->into, q->ns, q->ns, q->into, q->ns));
    rc = rc || sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, q->into) || sb_side_note_add(c, "By hand, before the applications are deployed", make);
    free(make);
    return rc ? -1 : 0;
}

static int copy_card(const struct change_maker *m, const char *title, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    int rc = sb_change_open_card(m, 1, c, SB_KIND_OBSERVE, "copy", sb_format("All is copied: %s", title),
                                 sb_format("What is older than the first measurement that was written to both is copied by hand, while the applications write both. A time series has no unique _id: what is sent twice is there twice. So the "
                                           "code of this card asks before each range which of it is there, and one copy of it may run at a time; it can be ended and begun anew. Then every document of %s is looked for in %s: each once, and "
                                           "saying the same. Whether it is so is asked until it is. What is deleted from %s meanwhile stays in the time series, and is not seen here. To go back, drop %s.",
                                           q->ns, q->into, q->ns, q->into));
    return rc || add_held(m, c) ? -1 : 0;
}

static char *renaming(const struct sb_card *c, const char *what, const char *from, const char *to)
{
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox %s/1%s", c->id, what);
    return sb_change_json(BCON_NEW("renameCollection", BCON_UTF8(from), "to", BCON_UTF8(to), "writeConcern", "{", "w", "majority", "wtimeout", BCON_INT32(MAJORITY_MAX_MS), "}", "maxTimeMS", BCON_INT32(MAX_TIME_MS), "comment",
                                   BCON_UTF8(comment), "$db", "admin"));
}

static int add_rename(const struct change_maker *m, const char *aside, const char *quiet, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    struct sb_step *s = SB_PUSH(c->steps);
    if (!s)
        return -1;
    s->n = (int64_t)c->steps_n;
    s->class_ = SB_STEP_CHECKED;
    s->control = SB_CONTROL_NEITHER;
    s->undo_label = SB_UNDO_LOSSLESS;
    s->action = renaming(c, "", q->ns, aside);
    s->undo = renaming(c, " undo", aside, q->ns);
    int rc = !s->action || !s->undo || sb_change_check_place(m, s) || sb_check_add(&s->check_before, &s->check_before_n, "no_build", q->ns, NULL, NULL);
    rc = rc || sb_check_add(&s->check_before, &s->check_before_n, "no_writes", q->ns, NULL, quiet) || sb_check_add(&s->check_before, &s->check_before_n, "name_free", aside, NULL, NULL);
    rc = rc || sb_check_add(&s->check_before, &s->check_before_n, "named", q->ns, NULL, m->f->uuid) || sb_check_add(&s->check_after, &s->check_after_n, "named", aside, NULL, m->f->uuid);
    return rc ? -1 : 0;
}

static int read_card(const struct change_maker *m, const char *title, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    char quiet[24];
    snprintf(quiet, sizeof quiet, "%d", SB_RENAME_QUIET_S);
    int rc = sb_change_open_card(m, 2, c, SB_KIND_OBSERVE, "read the new", sb_format("Only the new is written: %s", title),
                                 sb_format("The applications read %s, and then stop writing %s. Once the oplog has held no write to it for %d s, every document is looked for in %s once more. Who still reads the old one a server does not "
                                           "tell: the code has to.",
                                           q->into, q->ns, SB_RENAME_QUIET_S, q->into));
    return rc || add_held(m, c) || sb_check_add(&c->steps[0].check_before, &c->steps[0].check_before_n, "no_writes", q->ns, NULL, quiet) ? -1 : 0;
}

static int contract_card(const struct change_maker *m, const char *title, struct sb_card *c)
{
    const struct sb_change_question *q = m->q;
    char quiet[24], *aside = sb_format("%s.%s_before_series", m->f->db, m->f->coll);
    snprintf(quiet, sizeof quiet, "%d", SB_RENAME_QUIET_S);
    int rc = !aside || sb_change_open_card(m, 3, c, SB_KIND_RENAME, "contract", sb_format("Contract: %s", title),
                                           sb_format("%s gets the name %s, once the oplog has held no write to it for %d s: one command, under an exclusive lock of a moment. Whoever still reads by the old name finds nothing and gets no "
                                                     "error, and who writes by it makes a new collection. Taken back, it has its name again, as long as nobody has made that anew; what was written to the time series alone is not in it.",
                                                     q->ns, aside, SB_RENAME_QUIET_S));
    rc = rc || add_rename(m, aside, quiet, c);
    if (rc == 0) {
        free(c->blast_radius.lock);
        c->blast_radius.lock = sb_format("exclusive on %s for a moment; it is waited for %d s at most, and all others wait behind it", q->ns, MAX_TIME_MS / 1000);
        char *kept = sb_format("%s is all that there was, with its indexes, and takes the room that it took. Dropping it is left to a person.", aside);
        rc = !c->blast_radius.lock || !kept || sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, aside) || sb_side_note_add(c, "When the way back is no longer wanted", kept);
        free(kept);
    }
    c->risk = SB_HIGH;
    c->needs_person = true;
    c->blast_radius.documents = m->f->documents;
    c->blast_radius.bytes = m->f->bytes;
    free(aside);
    return rc ? -1 : 0;
}

int sb_change_series_cards(const struct change_maker *m, struct sb_card *card)
{
    struct sb_change_question q = *m->q;
    struct change_maker under = {.q = &q, .f = m->f, .phases = m->phases};
    char *into = sb_format("%s_series", q.ns), *title = sb_format("time series of %s on %s%s%s", q.ns, q.field, q.new_field ? ", meta " : "", q.new_field ? q.new_field : "");
    q.into = into;
    int rc = !into || !title || write_card(&under, title, &card[0]) || copy_card(&under, title, &card[1]) || read_card(&under, title, &card[2]) || contract_card(&under, title, &card[3]) ? -1 : 0;
    for (size_t i = 0; rc == 0 && i < 3; i++)
        rc = sb_change_series_code(&q, i, &card[i]);
    free(into);
    free(title);
    return rc;
}
