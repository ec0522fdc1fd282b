/* SPDX-License-Identifier: Apache-2.0
 *
 * The step iterators "both_written", "set_with", "unwritten", "retyped", "renamed" and "validated": do the applications write as the next phase needs it? The oplog tells what
 * each write has set, whoever made it. It is read onwards from where the last turn ended; one write that breaks the rule and the
 * counting begins anew behind it. An update whose one value is there already is told without it: such a write may look as if it
 * broke the rule, which costs time and nothing else. Whether a document keeps to a validator an update does not tell: those that were
 * written are asked for, by _id. */
#include "step_iterator_kinds.h"

#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/schema_validator.h>
#include <signalbox/formats/bsonscan.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define MOST_IDS 1000      /* of documents that are asked for in one turn */

struct look {
    const struct sb_turn_question *q;
    struct sb_place *place;
    uint32_t t, i; /* of the last entry */
    int64_t read, broken;
    char example[120];
    bson_t *ids; /* an array, of the documents that were written; NULL: the entries themselves tell */
    uint32_t ids_n;
};

static bool full(const struct look *l)
{
    return l->ids ? l->ids_n >= MOST_IDS : l->read >= SB_LOOK_ENTRIES;
}

/* ---- what a write has set ---- */

/* The value at the rest of a dotted path within a value; false: there is none. */
static bool within(bson_iter_t *at, const char *rest, bson_iter_t *out)
{
    bson_iter_t inner;
    if (!rest[0]) {
        *out = *at;
        return true;
    }
    return BSON_ITER_HOLDS_DOCUMENT(at) && bson_iter_recurse(at, &inner) && bson_iter_find_descendant(&inner, rest, out);
}

/* The value that a difference of the server ({u: changed, i: new, s<field>: within}) gives to a path. */
static bool set_by_diff(const bson_t *diff, const char *path, bson_iter_t *out)
{
    size_t n = strcspn(path, ".");
    const char *rest = path[n] ? path + n + 1 : path + n;
    char name[256], sub[260];
    bson_iter_t it, at;
    bson_t doc;
    if (n >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)n, path);
    snprintf(sub, sizeof sub, "s%s", name);
    static const char *const parts[] = {"u", "i"};
    for (size_t k = 0; k < SB_COUNT(parts); k++)
        if (bson_iter_init_find(&it, diff, parts[k]) && sb_sub_document(&it, &doc) && bson_iter_init_find(&at, &doc, name) && within(&at, rest, out))
            return true;
    return rest[0] && bson_iter_init_find(&it, diff, sub) && sb_sub_document(&it, &doc) && set_by_diff(&doc, rest, out);
}

bool sb_write_sets(const bson_t *o, const char *path, bson_iter_t *out)
{
    bson_iter_t it, at;
    bson_t doc;
    if (bson_iter_init_find(&it, o, "diff") && sb_sub_document(&it, &doc) && bson_has_field(o, "$v"))
        return set_by_diff(&doc, path, out);
    if (bson_iter_init_find(&it, o, "$set") && sb_sub_document(&it, &doc)) {
        for (bool more = bson_iter_init(&at, &doc) && bson_iter_next(&at); more; more = bson_iter_next(&at)) {
            size_t n = strlen(bson_iter_key(&at));
            if (strcmp(bson_iter_key(&at), path) == 0 && within(&at, "", out))
                return true;
            if (strncmp(bson_iter_key(&at), path, n) == 0 && path[n] == '.' && within(&at, path + n + 1, out))
                return true;
        }
        return false;
    }
    return !bson_has_field(o, "$v") && bson_iter_init(&it, o) && bson_iter_find_descendant(&it, path, out);
}

static bool same_value(bson_iter_t *a, bson_iter_t *b)
{
    bson_t x = BSON_INITIALIZER, y = BSON_INITIALIZER;
    BSON_APPEND_VALUE(&x, "v", bson_iter_value(a));
    BSON_APPEND_VALUE(&y, "v", bson_iter_value(b));
    bool same = bson_equal(&x, &y);
    bson_destroy(&x);
    bson_destroy(&y);
    return same;
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
    BSON_APPEND_VALUE(l->ids, key, bson_iter_value(&id));
    l->place->seen++;
}

static void begin_anew(struct look *l, int64_t seconds)
{
    l->broken++;
    l->place->since = (seconds + 1) * 1000;
    l->place->seen = 0;
}

static void judge(struct look *l, const bson_t *entry, int64_t seconds)
{
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
    if (l->ids) {
        note_id(l, entry, &o);
        return;
    }
    bool both = sb_streq(w->how, "both_written"), retyped = sb_streq(w->how, "retyped"), with = sb_streq(w->how, "set_with");
    const char *op = sb_text_at(entry, "op");
    bool field = sb_write_sets(&o, w->field, &a), renamed = w->new_field && !retyped && sb_write_sets(&o, w->new_field, &b);
    bool part = !field && op && sb_streq(w->how, "unwritten") && !strchr(w->field, '.') && sb_write_makes(op, &o, w->field) > SB_WRITE_TAKES;
    renamed |= with && op && sb_write_makes(op, &o, w->new_field) > SB_WRITE_TAKES; /* also of a copy that is changed in a part */
    bool broken = with ? field && !renamed : both ? field && !(renamed && same_value(&a, &b)) : retyped ? field && sb_streq(sb_bson_type_name((uint8_t)bson_iter_type(&a)), w->new_field) : field || part;
    if (broken) {
        begin_anew(l, seconds);
        snprintf(l->example, sizeof l->example, "%.80s %s %.80s", w->field, both || with ? (renamed ? "with another value than" : "without") : retyped ? "was written as" : "was still written",
                 both || retyped || with ? w->new_field : "");
    } else if (both || retyped || with ? field : renamed || !w->new_field) {
        l->place->seen++;
    }
}

static bool take_entry(void *ctx, const bson_t *doc)
{
    struct look *l = ctx;
    bson_iter_t it, ops;
    bson_t o, list, one;
    if (bson_iter_init_find(&it, doc, "ts") && BSON_ITER_HOLDS_TIMESTAMP(&it))
        bson_iter_timestamp(&it, &l->t, &l->i);
    l->read++;
    bool transaction = bson_iter_init_find(&it, doc, "op") && BSON_ITER_HOLDS_UTF8(&it) && strcmp(bson_iter_utf8(&it, NULL), "c") == 0;
    if (!transaction) {
        judge(l, doc, l->t);
        return !full(l);
    }
    if (!bson_iter_init_find(&it, doc, "o") || !sb_sub_document(&it, &o) || !bson_iter_init_find(&ops, &o, "applyOps") || !BSON_ITER_HOLDS_ARRAY(&ops))
        return true;
    uint32_t len;
    const uint8_t *data;
    bson_iter_array(&ops, &len, &data);
    if (!bson_init_static(&list, data, len))
        return true;
    for (bool more = bson_iter_init(&it, &list) && bson_iter_next(&it); more; more = bson_iter_next(&it))
        if (sb_sub_document(&it, &one))
            judge(l, &one, l->t);
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
        if (l->ids)
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

/* Does a document that was written break the collection's validator, as it stands by now? 0 with the place set; -1. A collection
 * without one ends the look. */
static int hold_against(struct look *l, struct sb_conn *c, const char *db, const char *coll, struct sb_turn_answer *out, struct sb_err *err)
{
    struct sb_validator_live live;
    bool found = false;
    int rc = sb_validator_read(c, db, coll, &live, err);
    if (rc == 0 && !live.validator) {
        out->turn = SB_TURN_FAILED;
        snprintf(out->why, sizeof out->why, "%.60s.%.100s has no validator any more: somebody has taken it away", db, coll);
    } else if (rc == 0 && l->ids_n) {
        bson_t *find = BCON_NEW("find", BCON_UTF8(coll), "filter", "{", "_id", "{", "$in", BCON_ARRAY(l->ids), "}", "$nor", "[", BCON_DOCUMENT(live.validator), "]", "}", "projection", "{", "_id", BCON_INT32(1), "}",
                                "limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
        rc = sb_read_cursor(c, db, find, 1, take_any, &found, err) < 0 ? -1 : 0;
        bson_destroy(find);
    }
    sb_validator_live_release(&live);
    if (found) {
        begin_anew(l, l->t);
        snprintf(l->example, sizeof l->example, "a document of %.60s was written that the validator does not accept", coll);
    }
    return rc;
}

int sb_next_look(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    struct look l = {.q = q, .place = &out->next};
    struct sb_look_reading r = {.server = server, .q = q, .take = take_entry, .ctx = &l};
    bool validated = sb_streq(q->step->work.how, "validated");
    if (!validated && !q->step->work.field)
        return sb_fail(err, SB_EINTERNAL, "the step does not say which writes are looked at");
    if (validated)
        l.ids = bson_new();
    int rc = sb_look_read(&r, out, err);
    bool read = rc == 1;
    if (read)
        rc = l.read && sb_look_remember(&out->next, l.t, l.i) ? sb_fail_nomem(err) : 0;
    if (read && rc == 0 && l.ids)
        rc = hold_against(&l, r.conn, r.db, r.coll, out, err);
    if (read && rc == 0 && out->turn != SB_TURN_FAILED)
        conclude(&l, out);
    sb_conn_close(r.conn);
    if (l.ids)
        bson_destroy(l.ids);
    return rc;
}
