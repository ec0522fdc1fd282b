/* SPDX-License-Identifier: Apache-2.0
 *
 * The reads behind a catalogue. Each command that was sent is noted for the record. */
#include "bson_get.h"
#include "catalogue_shards.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/mongo/read_door.h>

#include <string.h>

#define MAX_INDEXES 200
#define NOT_ANSWERED (-2)

struct reading {
    struct sb_catalogue *c;
    char db[64], coll[192];
    bool failed; /* out of memory */
    const char *member; /* of the callback */
    bool seen[MAX_INDEXES]; /* on that member */
    struct sb_shards shards; /* what a mongos tells of them */
    bool by_shard;           /* its $indexStats has a row a shard */
};

static void note(struct reading *r, const char *member, const char *command)
{
    char *line = sb_format("%s: %s", member, command);
    if (!line || sb_strs_push(&r->c->commands, &r->c->commands_n, line))
        r->failed = true;
    free(line);
}

static void blind(struct reading *r, const char *fmt, ...) SB_PRINTF(2, 3);
static void blind(struct reading *r, const char *fmt, ...)
{
    struct sb_str s;
    sb_str_init(&s);
    va_list ap;
    va_start(ap, fmt);
    sb_str_vaddf(&s, fmt, ap);
    va_end(ap);
    if (!sb_str_ok(&s) || (!sb_strs_has(r->c->blind, r->c->blind_n, s.p) && sb_strs_push(&r->c->blind, &r->c->blind_n, s.p)))
        r->failed = true;
    sb_str_release(&s);
}

/* Runs a command with a cursor. Returns how many documents fn got, -1 when the server cannot be reached, NOT_ANSWERED when
 * it refused the command; err says which. */
static int64_t each(struct reading *r, struct sb_conn *conn, const char *db, const bson_t *command, sb_doc_fn fn, struct sb_err *err)
{
    char *text = bson_as_relaxed_extended_json(command, NULL);
    note(r, sb_conn_name(conn), text ? text : "?");
    bson_free(text);
    int64_t n = sb_read_cursor(conn, db, command, 10000, fn, r, err);
    if (n < 0)
        return err->code == SB_ECOMMAND ? NOT_ANSWERED : -1;
    return r->failed ? sb_fail_nomem(err) : n;
}

/* ---- the collection ---- */

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    bson_iter_t it, uuid;
    if (bson_iter_init_find(&it, doc, "type") && BSON_ITER_HOLDS_UTF8(&it) && sb_str_set(&r->c->type, bson_iter_utf8(&it, NULL)))
        r->failed = true;
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "info.uuid", &uuid) && BSON_ITER_HOLDS_BINARY(&uuid)) {
        bson_subtype_t subtype;
        uint32_t len;
        const uint8_t *data;
        bson_iter_binary(&uuid, &subtype, &len, &data);
        if (len == 16) {
            char hex[33];
            for (int i = 0; i < 16; i++)
                snprintf(hex + 2 * i, 3, "%02x", data[i]);
            if (sb_str_set(&r->c->uuid, hex))
                r->failed = true;
        }
    }
    r->c->exists = true;
    return false;
}

static int64_t int_field(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_NUMBER(&at) ? bson_iter_as_int64(&at) : 0;
}

/* What the storage engine counted of one index, where it tells. */
static void take_written(struct sb_catalogue *c, const bson_t *reply)
{
    bson_iter_t it, one, in, calls;
    if (!bson_iter_init_find(&it, reply, "indexDetails") || !BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &one))
        return;
    while (bson_iter_next(&one)) {
        struct sb_index_info *x = NULL;
        for (size_t i = 0; i < c->indexes_n; i++)
            if (sb_streq(c->indexes[i].name, bson_iter_key(&one)))
                x = &c->indexes[i];
        if (!x || !BSON_ITER_HOLDS_DOCUMENT(&one) || !bson_iter_recurse(&one, &in) || !bson_iter_find_descendant(&in, "cursor.insert calls", &calls) ||
            !BSON_ITER_HOLDS_NUMBER(&calls))
            continue;
        x->written = bson_iter_as_int64(&calls);
        x->knows_written = bson_iter_recurse(&one, &in) && bson_iter_find_descendant(&in, "cursor.remove calls", &calls) && BSON_ITER_HOLDS_NUMBER(&calls) &&
                           !__builtin_add_overflow(x->written, bson_iter_as_int64(&calls), &x->written);
    }
}

static void take_stats(struct reading *r, const bson_t *reply)
{
    r->c->documents = int_field(reply, "count");
    r->c->bytes = int_field(reply, "size");
    bson_iter_t sharded;
    r->c->sharded = bson_iter_init_find(&sharded, reply, "sharded") && bson_iter_as_bool(&sharded);
    r->c->average_bytes = r->c->documents ? r->c->bytes / r->c->documents : 0;
    take_written(r->c, reply);
    bson_iter_t it, one;
    if (!bson_iter_init_find(&it, reply, "indexSizes") || !BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &one))
        return;
    while (bson_iter_next(&one))
        for (size_t i = 0; i < r->c->indexes_n; i++)
            if (sb_streq(r->c->indexes[i].name, bson_iter_key(&one)) && BSON_ITER_HOLDS_NUMBER(&one))
                r->c->indexes[i].bytes = bson_iter_as_int64(&one);
}

/* ---- indexes ---- */

/* A finished index is its own specification; one that is being built is {buildUUID, spec}. */
static bool take_index(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    if (r->c->indexes_n >= MAX_INDEXES)
        return false;
    struct sb_index_info *index = SB_PUSH(r->c->indexes);
    bson_iter_t it;
    bson_t spec;
    bool building = bson_iter_init_find(&it, doc, "buildUUID");
    const bson_t *from = doc;
    if (building && bson_iter_init_find(&it, doc, "spec") && sb_sub_document(&it, &spec))
        from = &spec;
    if (!index || sb_index_info_take(index, from)) {
        r->failed = true;
        return false;
    }
    index->building = building;
    return true;
}

static void uneven(struct reading *r, const char *fmt, ...) SB_PRINTF(2, 3);
static void uneven(struct reading *r, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (r->c->uneven_n < MAX_INDEXES && sb_strs_push(&r->c->uneven, &r->c->uneven_n, text))
        r->failed = true;
}

/* The member's own key of an index that the primary lists with another one. */
static void compare_keys(struct reading *r, const struct sb_index_info *index, const bson_t *doc)
{
    bson_iter_t it;
    bson_t key;
    if (!bson_iter_init_find(&it, doc, "key") || !sb_sub_document(&it, &key))
        return;
    char *text = bson_as_canonical_extended_json(&key, NULL);
    const struct sb_index_info *same = text ? sb_catalogue_index_by_key(r->c, text) : NULL;
    if (text && !sb_catalogue_index_has_key(index, text))
        uneven(r, "%.120s has another key on %.100s than on the primary%s%.120s", index->name, r->member, same ? ", that of " : "", same ? same->name : "");
    bson_free(text);
}

/* A mongos lists the indexes of one shard; another one may have more. True when memory ran out. */
static bool take_unlisted(struct reading *r, const char *name, const bson_t *doc)
{
    bson_iter_t it;
    bson_t spec;
    if (sb_catalogue_index(r->c, name) || r->c->indexes_n >= MAX_INDEXES || !bson_iter_init_find(&it, doc, "spec") || !sb_sub_document(&it, &spec))
        return false;
    struct sb_index_info *index = SB_PUSH(r->c->indexes);
    r->failed = !index || sb_index_info_take(index, &spec);
    return r->failed;
}

static bool take_use(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    bson_iter_t it;
    if (!bson_iter_init_find(&it, doc, "name") || !BSON_ITER_HOLDS_UTF8(&it))
        return true;
    const char *name = bson_iter_utf8(&it, NULL);
    if (sb_shards_take(&r->shards, doc)) {
        r->by_shard = true;
        if (take_unlisted(r, name, doc))
            return false;
    } else if (!sb_catalogue_index(r->c, name) && !(bson_iter_init_find(&it, doc, "building") && bson_iter_as_bool(&it)))
        uneven(r, "%.120s is on %.100s and not on the primary", name, r->member);
    for (size_t i = 0; i < r->c->indexes_n; i++) {
        struct sb_index_info *index = &r->c->indexes[i];
        if (!sb_streq(index->name, name))
            continue;
        r->seen[i] = true;
        if (!r->by_shard) /* of shards it is told by their names */
            compare_keys(r, index, doc);
        if (bson_iter_init_find(&it, doc, "building") && bson_iter_as_bool(&it))
            index->building = true;
        else
            index->members++;
        index->uses += int_field(doc, "accesses.ops");
        bson_iter_t at;
        if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "accesses.since", &at) && BSON_ITER_HOLDS_DATE_TIME(&at)) {
            int64_t since = bson_iter_date_time(&at);
            if (index->since == 0 || since < index->since)
                index->since = since;
            if (since > index->since_all)
                index->since_all = since;
        }
    }
    return true;
}

/* ---- builds ---- */

/* Every index that one running createIndexes is about gets a row. */
static bool take_build(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    bson_iter_t it, list, one, name;
    const char *msg = "";
    if (bson_iter_init_find(&it, doc, "msg") && BSON_ITER_HOLDS_UTF8(&it))
        msg = bson_iter_utf8(&it, NULL);
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, "command.indexes", &list) || !BSON_ITER_HOLDS_ARRAY(&list) ||
        !bson_iter_recurse(&list, &one))
        return true;
    while (bson_iter_next(&one)) {
        if (!BSON_ITER_HOLDS_DOCUMENT(&one) || !bson_iter_recurse(&one, &name) || !bson_iter_find(&name, "name") || !BSON_ITER_HOLDS_UTF8(&name))
            continue;
        struct sb_build_info *b = SB_PUSH(r->c->builds);
        if (!b || sb_str_set(&b->name, bson_iter_utf8(&name, NULL)) || sb_str_set(&b->member, r->member) || sb_str_set(&b->msg, msg)) {
            r->failed = true;
            return false;
        }
        b->done = int_field(doc, "progress.done");
        b->total = int_field(doc, "progress.total");
        b->running_ms = int_field(doc, "microsecs_running") / 1000;
    }
    return true;
}

static bson_t *builds_command(const char *ns)
{
    return BCON_NEW("aggregate", BCON_INT32(1), "pipeline", "[", "{", "$currentOp", "{", "allUsers", BCON_BOOL(true), "}", "}", "{",
                    "$match", "{", "ns", BCON_UTF8(ns), "command.createIndexes", "{", "$exists", BCON_BOOL(true), "}", "}", "}", "]",
                    "cursor", "{", "}");
}

/* ---- one member ---- */

static void ask_builds(struct reading *r, struct sb_conn *conn)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t *builds = builds_command(r->c->ns);
    if (each(r, conn, "admin", builds, take_build, &err) < 0) {
        r->c->knows_builds = false;
        blind(r, "running builds on %s: %s", sb_conn_name(conn), err.msg);
    }
    bson_destroy(builds);
}

static struct sb_conn *connect_member(struct reading *r, const struct sb_server *server, const char *member)
{
    struct sb_err err = SB_ERR_INIT;
    r->member = member;
    struct sb_conn *conn = sb_conn_to_member(server, member, SB_LANE_CONTROL, &err);
    if (!conn) {
        blind(r, "%s: %s", member, err.msg);
        r->c->knows_builds = false;
    }
    return conn;
}

static void ask_member(struct reading *r, const struct sb_server *server, const char *member)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_conn *conn = connect_member(r, server, member);
    if (!conn)
        return;
    bson_t *stats = BCON_NEW("aggregate", BCON_UTF8(r->coll), "pipeline", "[", "{", "$indexStats", "{", "}", "}", "]", "cursor", "{", "}");
    memset(r->seen, 0, sizeof r->seen);
    int64_t n = each(r, conn, r->db, stats, take_use, &err);
    for (size_t i = 0; n >= 0 && !r->by_shard && i < r->c->indexes_n; i++)
        if (!r->seen[i] && !r->c->indexes[i].building)
            uneven(r, "%.120s is on the primary and not on %.100s", r->c->indexes[i].name, member);
    if (n >= 0)
        r->c->members_answered++;
    else if (n == NOT_ANSWERED)
        r->c->knows_index_stats = false;
    if (n < 0)
        blind(r, "index use on %s: %s", member, err.msg);
    bson_destroy(stats);

    if (n == -1)
        r->c->knows_builds = false; /* out of reach: not asked a second time */
    else
        ask_builds(r, conn);
    sb_conn_close(conn);
}

static bool take_shard_key(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    bson_iter_t it;
    bson_t key;
    char *text = bson_iter_init_find(&it, doc, "key") && sb_sub_document(&it, &key) ? bson_as_canonical_extended_json(&key, NULL) : NULL;
    if (text && sb_str_set(&r->c->shard_key, text))
        r->failed = true;
    bson_free(text);
    return false;
}

/* Which indexes the shard key rests on is known by its key only. */
static void ask_shard_key(struct reading *r, struct sb_conn *conn)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t *find = BCON_NEW("find", "collections", "filter", "{", "_id", BCON_UTF8(r->c->ns), "}", "limit", BCON_INT64(1));
    if (each(r, conn, "config", find, take_shard_key, &err) < 0)
        blind(r, "the shard key: %s", err.msg);
    else if (!r->c->shard_key)
        blind(r, "the shard key: config.collections does not tell it");
    bson_destroy(find);
}

static int ask_primary(struct reading *r, struct sb_conn *conn, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    bson_t *collections = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(r->coll), "}");
    int64_t n = each(r, conn, r->db, collections, take_collection, &why);
    bson_destroy(collections);
    if (n < 0) {
        if (err)
            *err = why;
        return -1;
    }
    if (!r->c->exists)
        return 0;
    bson_t *indexes = BCON_NEW("listIndexes", BCON_UTF8(r->coll), "includeBuildUUIDs", BCON_BOOL(true));
    n = each(r, conn, r->db, indexes, take_index, &why);
    bson_destroy(indexes);
    if (n == NOT_ANSWERED) { /* a server that does not know the option: the plain list, which cannot tell a build */
        indexes = BCON_NEW("listIndexes", BCON_UTF8(r->coll));
        n = each(r, conn, r->db, indexes, take_index, &why);
        bson_destroy(indexes);
        blind(r, "unfinished builds in listIndexes: the server does not take includeBuildUUIDs");
    }
    if (n < 0) {
        if (err)
            *err = why;
        return -1;
    }
    bson_t *stats = BCON_NEW("collStats", BCON_UTF8(r->coll)), reply;
    note(r, sb_conn_name(conn), "collStats");
    if (sb_read(conn, r->db, stats, &reply, &why) == 0) {
        take_stats(r, &reply);
        bson_destroy(&reply);
        if (r->c->sharded)
            ask_shard_key(r, conn);
    } else {
        blind(r, "size of the collection: %s", why.msg);
    }
    bson_destroy(stats);
    return 0;
}

int sb_catalogue_read(const struct sb_server *server, const struct sb_members *members, const char *ns, struct sb_catalogue *out,
                      struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct reading r = {.c = out};
    if (!sb_ns_split(ns, r.db, r.coll))
        return sb_fail(err, SB_EUSAGE, "\"%s\" is not a collection; write it as database.collection", ns);
    if (sb_str_set(&out->ns, ns))
        return sb_fail_nomem(err);
    out->knows_builds = out->knows_index_stats = true;
    out->members = (int64_t)members->data_n;
    int rc = -1;
    const char *primary = members->primary ? members->primary : members->data_n ? members->data[0] : NULL;
    struct sb_conn *conn = NULL;
    if (!primary)
        sb_fail(err, SB_ESERVER, "no primary is known, so the indexes of %s cannot be read", ns);
    else
        conn = sb_conn_to_member(server, primary, SB_LANE_CONTROL, err);
    if (!conn || ask_primary(&r, conn, err))
        goto out;
    for (size_t i = 0; out->exists && i < members->data_n; i++)
        ask_member(&r, server, members->data[i]);
    if (r.by_shard) /* each that has a part of the collection has to have every index */
        out->members = out->members_answered = (int64_t)r.shards.n;
    if (sb_shards_tell(&r.shards, out))
        r.failed = true;
    rc = r.failed ? sb_fail_nomem(err) : 0;
out:
    sb_conn_close(conn);
    sb_shards_release(&r.shards);
    if (rc)
        sb_catalogue_release(out);
    return rc;
}

int sb_catalogue_read_builds(const struct sb_server *server, const struct sb_members *members, const char *ns,
                             struct sb_catalogue *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct reading r = {.c = out};
    if (!sb_ns_split(ns, r.db, r.coll) || sb_str_set(&out->ns, ns))
        return sb_fail_nomem(err);
    out->knows_builds = true;
    for (size_t i = 0; i < members->data_n; i++) {
        struct sb_conn *conn = connect_member(&r, server, members->data[i]);
        if (conn)
            ask_builds(&r, conn);
        sb_conn_close(conn);
    }
    if (r.failed) {
        sb_catalogue_release(out);
        return sb_fail_nomem(err);
    }
    return 0;
}
