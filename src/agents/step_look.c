/* SPDX-License-Identifier: Apache-2.0
 *
 * The step iterators "both_written", "set_with", "unwritten", "retyped", "renamed" and "validated": do the applications write as the next phase needs it? The oplog tells what
 * each write has set, whoever made it. It is read onwards from where the last turn ended; one write that breaks the rule and the
 * counting begins anew behind it. An update whose one value is there already is told without it: such a write may look as if it
 * broke the rule, which costs time and nothing else. Whether a document keeps to a validator an update does not tell, nor whether a
 * change of a part of a field has made it the same as another: those that were written are asked for, by _id. */
#include "step_iterator_kinds.h"

#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/schema_validator.h>
#include <signalbox/formats/bsonscan.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define MOST_IDS 1000 /* of documents that are asked for in one turn */

struct look {
    const struct sb_turn_question *q;
    struct sb_place *place;
    uint32_t t, i; /* of the last entry */
    int64_t read, broken;
    char example[120];
    bool validated;
    bson_t ids; /* an array, of the documents that have to be asked: of each that was written, or of those of which the entry does not tell */
    uint32_t ids_n;
};

static bool full(const struct look *l)
{
    return l->ids_n >= MOST_IDS || l->read >= SB_LOOK_ENTRIES;
}

/* ---- one entry ---- */

/* An update names its document in o2, an insert in the document itself. */
static void note_id(struct look *l, const bson_t *entry, const bson_t *o)
{
    bson_iter_t it, id;
    bson_t o2;
    char index[16];
    const char *key;
    bool update = bson_iter_init_find(&it, entry, "o2") && sb_sub_document(&it, &o2);
    if (!bson_iter_init_find(&id, update ? &o2 : o, "_id"))
        return;
    bson_uint32_to_string(l->ids_n++, &key, index, sizeof index);
    BSON_APPEND_VALUE(&l->ids, key, bson_iter_value(&id));
    l->place->seen++;
}

static void begin_anew(struct look *l, int64_t seconds)
{
    l->broken++;
    l->place->since = (seconds + 1) * 1000;
    l->place->seen = 0;
}

enum said { SAYS_NOTHING, SAYS_SAME, SAYS_OTHER, ASK_THE_DOCUMENT };

/* Does a write make the same of both fields? One that changes a part of a field, or makes it anew by a part, may make the same of both
 * and say so in two ways: then the document tells. */
static enum said both_say(const char *op, const bson_t *o, const struct sb_step_work *w)
{
    bson_iter_t a, b;
    uint64_t old = sb_write_makes(op, o, w->field), fresh = sb_write_makes(op, o, w->new_field);
    bool takes = old == SB_WRITE_TAKES, whole = sb_write_sets(o, w->field, &a);
    if (!old || (takes && (op[0] == 'i' || sb_write_sets(o, w->new_field, &b))))
        return SAYS_NOTHING; /* only the new one is written, which is what comes to be */
    if (old == fresh)
        return SAYS_SAME;
    return fresh <= SB_WRITE_TAKES || takes || (whole && sb_write_sets(o, w->new_field, &b)) ? SAYS_OTHER : ASK_THE_DOCUMENT;
}

static void judge_both(struct look *l, const bson_t *entry, const bson_t *o, const char *op, int64_t seconds)
{
    const struct sb_step_work *w = &l->q->step->work;
    enum said says = op && strlen(op) == 1 && strchr("iu", op[0]) ? both_say(op, o, w) : SAYS_NOTHING;
    if (says == ASK_THE_DOCUMENT) {
        note_id(l, entry, o);
    } else if (says == SAYS_SAME) {
        l->place->seen++;
    } else if (says == SAYS_OTHER) {
        begin_anew(l, seconds);
        snprintf(l->example, sizeof l->example, "%.80s %s %.80s", w->field, sb_write_makes(op, o, w->new_field) > SB_WRITE_TAKES ? "with another value than" : "without", w->new_field);
    }
}

static void judge(void *ctx, const bson_t *entry)
{
    struct look *l = ctx;
    const int64_t seconds = l->t;
    const struct sb_step_work *w = &l->q->step->work;
    bson_iter_t it, a, b;
    bson_t o;
    const char *ns = sb_text_at(entry, "ns");
    if (sb_streq(w->how, "renamed") && sb_streq(ns, w->field)) {
        begin_anew(l, seconds);
        snprintf(l->example, sizeof l->example, "one to %.100s", ns);
        return;
    }
    if (!sb_streq(ns, l->q->ns))
        return;
    if (sb_streq(w->how, "renamed")) {
        l->place->seen++;
        return;
    }
    if (!bson_iter_init_find(&it, entry, "o") || !sb_sub_document(&it, &o))
        return;
    const char *op = sb_text_at(entry, "op");
    if (l->validated) {
        note_id(l, entry, &o);
        return;
    }
    if (sb_streq(w->how, "both_written")) {
        judge_both(l, entry, &o, op, seconds);
        return;
    }
    bool retyped = sb_streq(w->how, "retyped"), with = sb_streq(w->how, "set_with");
    bool field = sb_write_sets(&o, w->field, &a), renamed = w->new_field && !retyped && sb_write_sets(&o, w->new_field, &b);
    bool part = !field && op && sb_streq(w->how, "unwritten") && sb_write_makes(op, &o, w->field) > SB_WRITE_TAKES;
    renamed |= with && op && sb_write_makes(op, &o, w->new_field) > SB_WRITE_TAKES; /* also of a copy that is changed in a part */
    bool broken = with ? field && !renamed : retyped ? field && sb_streq(sb_bson_type_name((uint8_t)bson_iter_type(&a)), w->new_field) : field || part;
    if (broken) {
        begin_anew(l, seconds);
        snprintf(l->example, sizeof l->example, "%.80s %s %.80s", w->field, with ? "without" : retyped ? "was written as" : "was still written", retyped || with ? w->new_field : "");
    } else if (retyped || with ? field : renamed || !w->new_field) {
        l->place->seen++;
    }
}

static bool take_entry(void *ctx, const bson_t *doc)
{
    struct look *l = ctx;
    bson_iter_t it;
    if (bson_iter_init_find(&it, doc, "ts") && BSON_ITER_HOLDS_TIMESTAMP(&it))
        bson_iter_timestamp(&it, &l->t, &l->i);
    l->read++;
    sb_each_operation(doc, judge, l);
    return !full(l);
}

static bool take_any(void *ctx, const bson_t *doc)
{
    (void)doc;
    *(bool *)ctx = true;
    return false;
}

static void conclude(const struct look *l, struct sb_turn_answer *out)
{
    const struct sb_step_work *w = &l->q->step->work;
    const struct sb_place *p = l->place;
    int64_t quiet_s = (l->q->now - p->since) / 1000;
    bool both = sb_streq(w->how, "both_written");
    if (p->seen >= w->writes && quiet_s >= w->quiet_s && !full(l)) {
        out->turn = SB_TURN_DONE;
        if (l->validated)
            snprintf(out->why, sizeof out->why, "for %" PRId64 " s none of %" PRId64 " writes has left a document that breaks the validator", quiet_s, p->seen);
        else if (both)
            snprintf(out->why, sizeof out->why, "for %" PRId64 " s each of %" PRId64 " writes of %.60s has written %.60s too, with the same value", quiet_s, p->seen, w->field, w->new_field);
        else if (sb_streq(w->how, "renamed"))
            snprintf(out->why, sizeof out->why, "for %" PRId64 " s no write has come to %.80s; %" PRId64 " came to %.80s", quiet_s, w->field, p->seen, l->q->ns);
        else if (sb_streq(w->how, "set_with"))
            snprintf(out->why, sizeof out->why, "for %" PRId64 " s each of %" PRId64 " writes of %.60s has written %.60s too", quiet_s, p->seen, w->field, w->new_field);
        else if (sb_streq(w->how, "retyped"))
            snprintf(out->why, sizeof out->why, "for %" PRId64 " s none of %" PRId64 " writes of %.60s has written a %.20s", quiet_s, p->seen, w->field, w->new_field);
        else
            snprintf(out->why, sizeof out->why, "for %" PRId64 " s no write has set %.60s; %" PRId64 " writes were seen", quiet_s, w->field, p->seen);
        return;
    }
    out->turn = SB_TURN_WAIT;
    snprintf(out->why, sizeof out->why, "%" PRId64 " of %" PRId64 " writes seen, %" PRId64 " s of %" PRId64 " s without one that breaks the rule%s%.100s", p->seen, w->writes, quiet_s > 0 ? quiet_s : 0,
             w->quiet_s, l->broken ? "; the last one that did: " : "", l->example);
}

/* Is there one of the noted documents that fits? 1, 0, -1. filter is destroyed. */
static int one_fits(const struct look *l, struct sb_conn *c, const char *db, const char *coll, bson_t *filter, struct sb_err *err)
{
    bool found = false;
    bson_t in = BSON_INITIALIZER, list;
    BSON_APPEND_DOCUMENT_BEGIN(&in, "_id", &list);
    BSON_APPEND_ARRAY(&list, "$in", &l->ids);
    bson_append_document_end(&in, &list);
    bson_concat(&in, filter);
    bson_t *find = BCON_NEW("find", BCON_UTF8(coll), "filter", BCON_DOCUMENT(&in), "projection", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
    int64_t n = sb_read_cursor(c, db, find, 1, take_any, &found, err);
    bson_destroy(find);
    bson_destroy(&in);
    bson_destroy(filter);
    return n < 0 ? -1 : found;
}

/* Does a document that was written break the collection's validator, as it stands by now? 0 with the place set; -1. A collection
 * without one ends the look. */
static int hold_against(struct look *l, struct sb_conn *c, const char *db, const char *coll, struct sb_turn_answer *out, struct sb_err *err)
{
    struct sb_validator_live live;
    int found = sb_validator_read(c, db, coll, &live, err);
    if (found == 0 && !live.validator) {
        out->turn = SB_TURN_FAILED;
        snprintf(out->why, sizeof out->why, "%.60s.%.100s has no validator any more: somebody has taken it away", db, coll);
    } else if (found == 0 && l->ids_n) {
        found = one_fits(l, c, db, coll, BCON_NEW("$nor", "[", BCON_DOCUMENT(live.validator), "]"), err);
    }
    sb_validator_live_release(&live);
    if (found > 0) {
        begin_anew(l, l->t);
        snprintf(l->example, sizeof l->example, "a document of %.60s was written that the validator does not accept", coll);
    }
    return found < 0 ? -1 : 0;
}

/* Do the fields of a document of which the entry did not tell say something else by now? 0 with the place set; -1. */
static int compare_both(struct look *l, struct sb_conn *c, const char *db, const char *coll, struct sb_err *err)
{
    const struct sb_step_work *w = &l->q->step->work;
    char *a = sb_format("$%s", w->field), *b = sb_format("$%s", w->new_field);
    int found = a && b ? one_fits(l, c, db, coll, BCON_NEW("$expr", "{", "$ne", "[", BCON_UTF8(a), BCON_UTF8(b), "]", "}"), err) : sb_fail_nomem(err);
    free(a);
    free(b);
    if (found > 0) {
        begin_anew(l, l->t);
        snprintf(l->example, sizeof l->example, "a part of %.60s was written, and %.60s says something else", w->field, w->new_field);
    }
    return found < 0 ? -1 : 0;
}

int sb_next_look(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    struct look l = {.q = q, .place = &out->next, .validated = sb_streq(q->step->work.how, "validated")};
    struct sb_look_reading r = {.server = server, .q = q, .take = take_entry, .ctx = &l};
    if (!l.validated && !q->step->work.field)
        return sb_fail(err, SB_EINTERNAL, "the step does not say which writes are looked at");
    if (sb_streq(q->step->work.how, "both_written") && !q->step->work.new_field)
        return sb_fail(err, SB_EINTERNAL, "the step does not say which fields are written together");
    bson_init(&l.ids);
    int rc = sb_look_read(&r, out, err);
    bool read = rc == 1;
    if (read)
        rc = l.read && sb_look_remember(&out->next, l.t, l.i) ? sb_fail_nomem(err) : 0;
    if (read && rc == 0 && l.validated)
        rc = hold_against(&l, r.conn, r.db, r.coll, out, err);
    else if (read && rc == 0 && l.ids_n)
        rc = compare_both(&l, r.conn, r.db, r.coll, err);
    if (read && rc == 0 && out->turn != SB_TURN_FAILED)
        conclude(&l, out);
    sb_conn_close(r.conn);
    bson_destroy(&l.ids);
    return rc;
}
