/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts about which collection has which name, and whether somebody writes to it. On a worker. */
#include "private.h"

#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

/* ---- names ---- */

struct naming {
    char uuid[33];
    bool found;
};

static bool take_name(void *ctx, const bson_t *doc)
{
    struct naming *n = ctx;
    bson_iter_t it, at;
    bson_subtype_t subtype;
    uint32_t len = 0;
    const uint8_t *bytes;
    n->found = true;
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "info.uuid", &at) && BSON_ITER_HOLDS_BINARY(&at))
        bson_iter_binary(&at, &subtype, &len, &bytes);
    for (uint32_t i = 0; len == 16 && i < len; i++)
        snprintf(n->uuid + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

/* What has the name, on the primary. -1 with err. */
static int read_name(const struct checking *c, const char *ns, struct naming *n, struct sb_err *err)
{
    char db[64], coll[192];
    if (!ns || !sb_ns_split(ns, db, coll))
        return sb_fail(err, SB_EINPUT, "it is no collection's name");
    struct sb_conn *conn = sb_conn_to_primary(c->o->opt.server, SB_LANE_CONTROL, err);
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(coll), "}");
    int64_t got = conn ? sb_read_cursor(conn, db, list, 1, take_name, n, err) : -1;
    bson_destroy(list);
    sb_conn_close(conn);
    return got < 0 ? -1 : 0;
}

void sb_o_check_named(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct naming n = {.found = false};
    if (read_name(c, k->ns, &n, &err))
        sb_o_check_result(r, CHECK_UNKNOWN, "what is called %.100s cannot be read: %.120s", k->ns ? k->ns : "?", err.msg);
    else if (!n.found || !sb_streq(n.uuid, k->value))
        sb_o_check_result(r, CHECK_FALSE, "%s is called %.150s", n.found ? "another collection" : "nothing", k->ns);
    else
        sb_o_check_result(r, CHECK_TRUE, "the collection is called %.150s", k->ns);
}

void sb_o_check_name_free(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct naming n = {.found = false};
    if (read_name(c, k->ns, &n, &err))
        sb_o_check_result(r, CHECK_UNKNOWN, "whether something is called %.100s cannot be read: %.120s", k->ns ? k->ns : "?", err.msg);
    else
        sb_o_check_result(r, n.found ? CHECK_FALSE : CHECK_TRUE, "%s is called %.150s", n.found ? "something" : "nothing", k->ns);
}

/* ---- a capped collection ---- */

struct shape {
    int64_t bytes;
    bool capped;
};

static bool take_shape(void *ctx, const bson_t *doc)
{
    struct shape *s = ctx;
    bson_iter_t it, at;
    s->capped = bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "options.capped", &at) && bson_iter_as_bool(&at);
    s->bytes = bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "options.size", &at) && BSON_ITER_HOLDS_NUMBER(&at) ? bson_iter_as_int64(&at) : 0;
    return false;
}

static bool take_one_more(void *ctx, const bson_t *doc)
{
    (void)doc;
    ++*(int64_t *)ctx;
    return true;
}

void sb_o_check_capped(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct shape s = {.capped = false};
    char db[64], coll[192], found[64];
    int64_t indexes = 0;
    bool named = k->ns && sb_ns_split(k->ns, db, coll);
    struct sb_conn *conn = named ? sb_conn_to_primary(c->o->opt.server, SB_LANE_CONTROL, &err) : NULL;
    if (named && conn) {
        bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(coll), "}"), *of = BCON_NEW("listIndexes", BCON_UTF8(coll));
        int64_t n = sb_read_cursor(conn, db, list, 1, take_shape, &s, &err);
        if (n > 0)
            sb_read_cursor(conn, db, of, 100, take_one_more, &indexes, &err);
        bson_destroy(list);
        bson_destroy(of);
    }
    sb_conn_close(conn);
    snprintf(found, sizeof found, "%" PRId64 "/%" PRId64, s.bytes, indexes);
    if (!named || err.code != SB_OK)
        sb_o_check_result(r, CHECK_UNKNOWN, "whether %.100s is capped cannot be read: %.120s", k->ns ? k->ns : "?", err.msg);
    else if (!s.capped || !sb_streq(found, k->value))
        sb_o_check_result(r, CHECK_FALSE, "%.120s is not capped so: bytes/indexes are %.60s", k->ns, s.capped ? found : "not those of a capped collection");
    else
        sb_o_check_result(r, CHECK_TRUE, "%.120s is capped at %" PRId64 " bytes and has %" PRId64 " indexes", k->ns, s.bytes, indexes);
}

struct oldest {
    bson_t *at_least; /* {_id: {$gte: it}} */
};

static bool take_oldest(void *ctx, const bson_t *doc)
{
    struct oldest *o = ctx;
    bson_iter_t it;
    bson_t range;
    if (!bson_iter_init_find(&it, doc, "_id"))
        return false;
    o->at_least = bson_new();
    BSON_APPEND_DOCUMENT_BEGIN(o->at_least, "_id", &range);
    BSON_APPEND_VALUE(&range, "$gte", bson_iter_value(&it));
    bson_append_document_end(o->at_least, &range);
    return false;
}

static int64_t count_of(struct sb_conn *conn, const char *db, const char *coll, const bson_t *query, struct sb_err *err)
{
    bson_t *command = BCON_NEW("count", BCON_UTF8(coll), "query", BCON_DOCUMENT(query)), reply;
    bson_iter_t it;
    int64_t n = -1;
    if (sb_read(conn, db, command, &reply, err) == 0) {
        n = bson_iter_init_find(&it, &reply, "n") && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
        bson_destroy(&reply);
    }
    bson_destroy(command);
    return n;
}

/* Both are counted by the index on _id: what is in the copy came from nowhere else. */
void sb_o_check_held(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    struct oldest o = {NULL};
    char db[64], coll[192], other_db[64], other[192];
    int64_t here = -1, there = -1;
    bool named = k->ns && k->name && sb_ns_split(k->ns, db, coll) && sb_ns_split(k->name, other_db, other);
    struct sb_conn *conn = named ? sb_conn_to_primary(c->o->opt.server, SB_LANE_BULK, &err) : NULL;
    if (named && conn) {
        bson_t *find = BCON_NEW("find", BCON_UTF8(other), "projection", "{", "_id", BCON_INT32(1), "}", "sort", "{", "$natural", BCON_INT32(1), "}", "limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
        if (sb_read_cursor(conn, other_db, find, 1, take_oldest, &o, &err) >= 0) {
            bson_t all = BSON_INITIALIZER;
            here = count_of(conn, db, coll, o.at_least ? o.at_least : &all, &err);
            there = here < 0 ? -1 : count_of(conn, other_db, other, o.at_least ? o.at_least : &all, &err);
            bson_destroy(&all);
        }
        bson_destroy(find);
        if (o.at_least)
            bson_destroy(o.at_least);
    }
    sb_conn_close(conn);
    if (here < 0 || there < 0)
        sb_o_check_result(r, CHECK_UNKNOWN, "whether what %.80s holds is in the copy cannot be counted: %.120s", k->ns ? k->ns : "?", err.msg);
    else if (here != there)
        sb_o_check_result(r, CHECK_FALSE, "%.80s holds %" PRId64 " documents that are to be in the copy, and the copy %" PRId64 ": somebody has written meanwhile", k->ns, here, there);
    else
        sb_o_check_result(r, CHECK_TRUE, "each of %" PRId64 " documents of %.80s that are to be in the copy is in it", here, k->ns);
}

/* ---- writes ---- */

static bool take_write(void *ctx, const bson_t *doc)
{
    (void)doc;
    *(bool *)ctx = true;
    return false;
}

/* Was there a write in the last so many seconds, by the clock of the server? Read forward, as an oplog can be sought into. */
static int find_write(struct sb_conn *conn, const char *ns, int64_t now_ms, int64_t seconds, bool *found, struct sb_err *err)
{
    int64_t from = now_ms / 1000 - seconds;
    bson_t *find = BCON_NEW("find", "oplog.rs", "filter", "{", "ts", "{", "$gte", BCON_TIMESTAMP((uint32_t)(from > 0 ? from : 0), 0), "}", "$or", "[", "{", "ns", BCON_UTF8(ns), "op", "{", "$in", "[", "i", "u", "d", "]",
                            "}", "}", "{", "op", "c", "o.applyOps.ns", BCON_UTF8(ns), "}", "]", "}", "projection", "{", "ts", BCON_INT32(1), "}", "limit", BCON_INT64(1),
                            "singleBatch", BCON_BOOL(true));
    int rc = sb_read_cursor(conn, "local", find, 1, take_write, found, err) < 0 ? -1 : 0;
    bson_destroy(find);
    return rc;
}

void sb_o_check_no_writes(const struct checking *c, const struct sb_check *k, struct check_result *r)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t seconds;
    bool found = false;
    if (!k->ns || !k->value || sb_parse_i64(k->value, &seconds) || seconds < 1) {
        sb_o_check_result(r, CHECK_FALSE, "the card does not say for how long nobody may have written");
        return;
    }
    struct sb_conn *conn = sb_conn_to_primary(c->o->opt.server, SB_LANE_BULK, &err);
    int64_t now = conn ? sb_o_clock_of(conn, &err) : -1;
    if (now < 0 || find_write(conn, k->ns, now, seconds, &found, &err)) {
        sb_o_check_result(r, CHECK_UNKNOWN, "whether somebody writes to %.80s cannot be seen: %.120s", k->ns, err.msg);
    } else if (found) {
        r->passes = true; /* whoever writes may be stopped yet */
        sb_o_check_result(r, CHECK_FALSE, "somebody has written to %.80s in the last %" PRId64 " s", k->ns, seconds);
    } else {
        sb_o_check_result(r, CHECK_TRUE, "nobody has written to %.80s for %" PRId64 " s", k->ns, seconds);
    }
    sb_conn_close(conn);
}
