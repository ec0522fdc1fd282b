/* SPDX-License-Identifier: Apache-2.0
 *
 * The step iterators "series_written", does whatever is inserted into a collection come into its time series too, and "series_held", is
 * each document of the collection in the time series? A server keeps a time series in buckets, of which an oplog tells no measurement:
 * so the time series itself is asked, by _id and within the times of those that are asked about, which keeps that to a few buckets. There
 * is no unique _id in it: each has to be there once, and to say the same. The fields of a measurement may come in another order. */
#include "step_iterator_kinds.h"

#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/hash.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_S 30
#define MOST 2000    /* inserts that are looked at in one turn */
#define AT_ONCE 500  /* measurements that are asked for at once */
#define LOOK_MS 1500

/* ---- measurements ---- */

struct measurement {
    uint64_t key, says; /* of its _id, and of all its fields */
    bson_t *id;         /* {"_id": it} */
    int64_t time;       /* in its time field; */
    bool dated;         /* else there is no one date in it */
    uint64_t at, before; /* of its oplog entry, and of the one in front of it (0: the first of this turn) */
    int found, same;     /* how often it is in the time series, and how often it says the same there */
};

struct list {
    struct measurement *item;
    size_t n, cap;
    const char *time; /* the time field */
    bool nomem;
};

static void list_release(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        bson_destroy(l->item[i].id);
    free(l->item);
    l->item = NULL;
    l->n = l->cap = 0;
}

/* The same for the same fields, in whatever order they come. */
static uint64_t says(const bson_t *doc)
{
    bson_iter_t it;
    uint64_t sum = 0;
    for (bool more = bson_iter_init(&it, doc) && bson_iter_next(&it); more; more = bson_iter_next(&it)) {
        uint64_t value = sb_value_hash(&it);
        sum += sb_fnv1a(sb_fnv1a(0, bson_iter_key(&it), strlen(bson_iter_key(&it))), &value, sizeof value);
    }
    return sum;
}

static struct measurement *add(struct list *l, const bson_t *doc)
{
    bson_iter_t it;
    if (!bson_iter_init_find(&it, doc, "_id"))
        return NULL;
    if (SB_GROW(l->item, l->cap, l->n + 1)) {
        l->nomem = true;
        return NULL;
    }
    struct measurement *m = &l->item[l->n++];
    *m = (struct measurement){.key = sb_value_hash(&it), .says = says(doc), .id = bson_new()};
    BSON_APPEND_VALUE(m->id, "_id", bson_iter_value(&it));
    m->dated = bson_iter_init_find(&it, doc, l->time) && BSON_ITER_HOLDS_DATE_TIME(&it);
    m->time = m->dated ? bson_iter_date_time(&it) : 0;
    return m;
}

static bool take_old(void *ctx, const bson_t *doc)
{
    struct list *l = ctx;
    add(l, doc);
    return !l->nomem;
}

/* ---- the time series ---- */

struct series {
    struct sb_conn *conn;
    const char *ns;
    char db[64], coll[192];
    const char *time; /* the field that has to be its time field */
    bool fits;
};

static bool take_kind(void *ctx, const bson_t *doc)
{
    struct series *s = ctx;
    s->fits = sb_streq(sb_text_at(doc, "type"), "timeseries") && sb_streq(sb_text_at(doc, "options.timeseries.timeField"), s->time);
    return false;
}

/* 1: it is there; 0: it is waited for; -1. */
static int is_there(struct series *s, struct sb_turn_answer *out, struct sb_err *err)
{
    if (!s->time || !s->ns || !sb_ns_split(s->ns, s->db, s->coll))
        return sb_fail(err, SB_EINTERNAL, "the step does not say which time series is looked at");
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(s->coll), "}");
    int64_t n = sb_read_cursor(s->conn, s->db, list, 1, take_kind, s, err);
    bson_destroy(list);
    if (n < 0)
        return -1;
    if (!s->fits) {
        out->turn = SB_TURN_WAIT;
        snprintf(out->why, sizeof out->why, "%.120s is no time series on %.60s: it has to be made first", s->ns, s->time);
    }
    return s->fits;
}

struct matching {
    struct measurement *from;
    size_t n;
};

static bool take_new(void *ctx, const bson_t *doc)
{
    struct matching *m = ctx;
    bson_iter_t it;
    if (!bson_iter_init_find(&it, doc, "_id"))
        return true;
    uint64_t key = sb_value_hash(&it), all = says(doc);
    for (size_t i = 0; i < m->n; i++)
        if (m->from[i].key == key) {
            m->from[i].found++;
            m->from[i].same += m->from[i].says == all;
        }
    return true;
}

static int ask(const struct series *s, struct measurement *from, size_t n, struct sb_err *err)
{
    struct matching m = {from, n};
    bson_t list = BSON_INITIALIZER;
    int64_t first = INT64_MAX, last = INT64_MIN;
    uint32_t dated = 0;
    for (size_t i = 0; i < n; i++) {
        char index[16];
        const char *key;
        bson_iter_t it;
        if (!from[i].dated || !bson_iter_init_find(&it, from[i].id, "_id"))
            continue;
        bson_uint32_to_string(dated++, &key, index, sizeof index);
        BSON_APPEND_VALUE(&list, key, bson_iter_value(&it));
        first = from[i].time < first ? from[i].time : first;
        last = from[i].time > last ? from[i].time : last;
    }
    int64_t found = 0;
    if (dated) {
        bson_t *find = BCON_NEW("find", BCON_UTF8(s->coll), "filter", "{", s->time, "{", "$gte", BCON_DATE_TIME(first), "$lte", BCON_DATE_TIME(last), "}", "_id", "{", "$in", BCON_ARRAY(&list), "}", "}", "batchSize",
                                BCON_INT32(1000));
        found = sb_read_cursor(s->conn, s->db, find, INT64_MAX, take_new, &m, err);
        bson_destroy(find);
    }
    bson_destroy(&list);
    return found < 0 ? -1 : 0;
}

static int ask_all(const struct series *s, struct list *l, struct sb_err *err)
{
    for (size_t i = 0; i < l->n; i += AT_ONCE)
        if (ask(s, l->item + i, l->n - i < AT_ONCE ? l->n - i : AT_ONCE, err))
            return -1;
    return 0;
}

static bool is_right(const struct measurement *m)
{
    return m->found == 1 && m->same == 1;
}

static void tell_wrong(const struct measurement *m, const struct series *s, char *out, size_t cap)
{
    char *json = bson_as_relaxed_extended_json(m->id, NULL);
    const char *id = json ? json : "a document";
    if (!m->dated)
        snprintf(out, cap, "%.80s has no one date in %.60s", id, s->time);
    else if (m->found == 1)
        snprintf(out, cap, "%.80s says something else in %.100s", id, s->ns);
    else
        snprintf(out, cap, m->found ? "%.80s is in %.100s more than once" : "%.80s is not in %.100s", id, s->ns);
    bson_free(json);
}

/* ---- written to both? ---- */

struct look {
    const struct sb_turn_question *q;
    struct list list;
    uint64_t at, last; /* of the entry that is looked at, and of the one in front of it */
    uint64_t changed;  /* of the last update or delete: a time series follows none */
    int64_t read;
    bool full;
};

static void judge(void *ctx, const bson_t *entry)
{
    struct look *l = ctx;
    const char *ns = sb_text_at(entry, "ns"), *op = sb_text_at(entry, "op");
    bson_iter_t it;
    bson_t o;
    if (!sb_streq(ns, l->q->ns) || !op || !bson_iter_init_find(&it, entry, "o") || !sb_sub_document(&it, &o))
        return;
    if (strcmp(op, "u") == 0 || strcmp(op, "d") == 0)
        l->changed = l->at;
    struct measurement *m = strcmp(op, "i") == 0 ? add(&l->list, &o) : NULL;
    if (m) {
        m->at = l->at;
        m->before = l->last;
    }
}

static bool take_entry(void *ctx, const bson_t *doc)
{
    struct look *l = ctx;
    uint64_t ts = 0;
    sb_take_ts(&ts, doc);
    l->at = ts;
    sb_each_operation(doc, judge, l);
    l->read++;
    l->last = ts;
    l->full = l->read >= SB_LOOK_ENTRIES || l->list.n >= MOST;
    return !l->full && !l->list.nomem;
}

static int conclude(const struct look *l, const struct series *s, struct sb_turn_answer *out, struct sb_err *err)
{
    const struct sb_step_work *w = &l->q->step->work;
    struct sb_place *p = &out->next;
    uint64_t hold = 0, before = 0, broken = l->changed;
    char why[200] = "";
    if (broken)
        snprintf(why, sizeof why, "a document was updated or deleted, which a time series does not follow");
    for (size_t i = 0; i < l->list.n; i++) {
        const struct measurement *m = &l->list.item[i];
        if (is_right(m))
            continue;
        if (!m->found && m->dated && (int64_t)(m->at >> 32) + GRACE_S > l->q->now / 1000) {
            if (!hold || m->at < hold) {
                hold = m->at;
                before = m->before;
            }
        } else if (m->at >= broken) {
            broken = m->at;
            tell_wrong(m, s, why, sizeof why);
        }
    }
    if (broken) {
        p->since = ((int64_t)(broken >> 32) + 1) * 1000;
        p->seen = 0;
    }
    for (size_t i = 0; i < l->list.n; i++)
        p->seen += l->list.item[i].at > broken && (!hold || l->list.item[i].at < hold);
    uint64_t upto = hold ? before : l->last;
    if (upto && sb_look_remember(p, (uint32_t)(upto >> 32), (uint32_t)upto))
        return sb_fail_nomem(err);
    int64_t end = hold ? (int64_t)(hold >> 32) * 1000 : l->q->now, quiet_s = (end - p->since) / 1000;
    bool done = p->seen >= w->writes && quiet_s >= w->quiet_s && !l->full;
    out->turn = done ? SB_TURN_DONE : SB_TURN_WAIT;
    if (done)
        snprintf(out->why, sizeof out->why, "for %" PRId64 " s each of %" PRId64 " documents that were inserted is in %.100s once, and says the same", quiet_s, p->seen, s->ns);
    else
        snprintf(out->why, sizeof out->why, "%" PRId64 " of %" PRId64 " inserts seen, %" PRId64 " s of %" PRId64 " s without one that breaks the rule%s%.150s", p->seen, w->writes, quiet_s > 0 ? quiet_s : 0, w->quiet_s,
                 broken ? "; the last one that did: " : "", why);
    return 0;
}

int sb_next_series_written(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    struct look l = {.q = q, .list = {.time = q->step->work.field}};
    struct series s = {.ns = q->step->work.new_field, .time = q->step->work.field};
    struct sb_look_reading r = {.server = server, .q = q, .take = take_entry, .ctx = &l};
    int rc = -1;
    if (!s.time || !s.ns) {
        sb_fail(err, SB_EINTERNAL, "the step does not say which writes are looked at");
        goto out;
    }
    rc = sb_look_read(&r, out, err);
    if (rc != 1)
        goto out;
    s.conn = r.conn;
    rc = l.list.nomem ? sb_fail_nomem(err) : is_there(&s, out, err);
    if (rc == 1)
        rc = ask_all(&s, &l.list, err) || conclude(&l, &s, out, err) ? -1 : 0;
    else if (rc == 0) { /* nothing was read: it begins once there is one */
        out->next.since = q->now;
        out->next.seen = 0;
    }
out:
    sb_conn_close(r.conn);
    list_release(&l.list);
    return rc;
}

/* ---- each is held ---- */

/* The next documents behind a place, whatever the type of their _id. */
static int next_old(const struct series *s, const char *db, const char *coll, const bson_t *at, struct list *out, struct sb_err *err)
{
    bson_t *filter = bson_new(), expr, gt, lit;
    bson_iter_t it;
    if (at && bson_iter_init_find(&it, at, "_id")) {
        BSON_APPEND_DOCUMENT_BEGIN(filter, "$expr", &expr);
        BSON_APPEND_ARRAY_BEGIN(&expr, "$gt", &gt);
        BSON_APPEND_UTF8(&gt, "0", "$_id");
        BSON_APPEND_DOCUMENT_BEGIN(&gt, "1", &lit);
        BSON_APPEND_VALUE(&lit, "$literal", bson_iter_value(&it));
        bson_append_document_end(&gt, &lit);
        bson_append_array_end(&expr, &gt);
        bson_append_document_end(filter, &expr);
    }
    bson_t *c = BCON_NEW("find", BCON_UTF8(coll), "filter", BCON_DOCUMENT(filter), "sort", "{", "_id", BCON_INT32(1), "}", "hint", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(AT_ONCE), "batchSize", BCON_INT64(AT_ONCE),
                         "singleBatch", BCON_BOOL(true));
    int64_t n = sb_read_cursor(s->conn, db, c, AT_ONCE, take_old, out, err);
    bson_destroy(c);
    bson_destroy(filter);
    return n < 0 ? -1 : out->nomem ? sb_fail_nomem(err) : 0;
}

static int keep(struct sb_place *p, const bson_t *id)
{
    char *json = bson_as_canonical_extended_json(id, NULL);
    int rc = !json || sb_str_set(&p->at, json) ? -1 : 0;
    bson_free(json);
    return rc;
}

/* One batch. 1: go on; 0: *out says that it is over, or what is waited for; -1. */
static int go_on(const struct series *s, const char *db, const char *coll, struct sb_turn_answer *out, struct sb_err *err)
{
    struct list l = {.time = s->time};
    bson_t *at = out->next.at ? bson_new_from_json((const uint8_t *)out->next.at, -1, NULL) : NULL;
    int rc = next_old(s, db, coll, at, &l, err) || ask_all(s, &l, err) ? -1 : 1;
    const struct measurement *wrong = NULL;
    for (size_t i = 0; rc == 1 && !wrong && i < l.n; i++)
        wrong = is_right(&l.item[i]) ? NULL : &l.item[i];
    if (wrong) {
        out->turn = SB_TURN_WAIT;
        tell_wrong(wrong, s, out->why, sizeof out->why);
        rc = 0;
    } else if (rc == 1 && l.n == 0) {
        out->turn = SB_TURN_DONE;
        snprintf(out->why, sizeof out->why, "each of %" PRId64 " documents is in %.100s once, and says the same", out->next.docs, s->ns);
        rc = 0;
    } else if (rc == 1) {
        out->next.docs += (int64_t)l.n;
        if (keep(&out->next, l.item[l.n - 1].id))
            rc = sb_fail_nomem(err);
    }
    if (at)
        bson_destroy(at);
    list_release(&l);
    return rc;
}

int sb_next_series_held(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    struct series s = {.ns = q->step->work.new_field, .time = q->step->work.field};
    char db[64], coll[192];
    int64_t until = sb_mono_ms() + LOOK_MS;
    if (!sb_ns_split(q->ns, db, coll))
        return sb_fail(err, SB_EINTERNAL, "the step does not say which collection is looked at");
    if (!(s.conn = sb_conn_to_primary(server, SB_LANE_BULK, err)))
        return -1;
    int rc = sb_same_collection(s.conn, db, coll, q->uuid, out->why, sizeof out->why, err);
    if (rc == 0)
        out->turn = SB_TURN_FAILED;
    if (rc == 1)
        rc = is_there(&s, out, err);
    if (rc == 1) {
        out->turn = SB_TURN_WAIT;
        snprintf(out->why, sizeof out->why, "looking whether each is in %.100s", s.ns);
    }
    while (rc == 1 && sb_mono_ms() < until)
        rc = go_on(&s, db, coll, out, err);
    sb_conn_close(s.conn);
    return rc < 0 ? -1 : 0;
}
