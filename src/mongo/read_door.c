/* SPDX-License-Identifier: Apache-2.0 */
#include "private.h"

enum { TAKES_MAX_TIME = 1, NEEDS_LOOK = 2 };

/* Sorted as read: what a server may be asked. Anything that is not here is refused. */
static const struct {
    const char *name;
    unsigned flags;
} allowed[] = {
    {"aggregate", TAKES_MAX_TIME | NEEDS_LOOK},
    {"analyzeShardKey", TAKES_MAX_TIME},
    {"balancerStatus", 0},
    {"buildInfo", 0},
    {"collStats", TAKES_MAX_TIME},
    {"connPoolStats", 0},
    {"connectionStatus", 0},
    {"count", TAKES_MAX_TIME},
    {"currentOp", TAKES_MAX_TIME},
    {"dbStats", TAKES_MAX_TIME},
    {"distinct", TAKES_MAX_TIME},
    {"explain", NEEDS_LOOK},
    {"find", TAKES_MAX_TIME},
    {"getCmdLineOpts", 0},
    {"getDiagnosticData", 0},
    {"getLog", 0},
    {"getMore", 0},
    {"getParameter", 0},
    {"hello", 0},
    {"hostInfo", 0},
    {"isMaster", 0},
    {"killCursors", 0}, /* ends a cursor of our own */
    {"listCollections", TAKES_MAX_TIME},
    {"listDatabases", TAKES_MAX_TIME},
    {"listIndexes", TAKES_MAX_TIME},
    {"listShards", TAKES_MAX_TIME},
    {"ping", 0},
    {"profile", NEEDS_LOOK},
    {"replSetGetConfig", 0},
    {"replSetGetStatus", 0},
    {"serverStatus", 0},
    {"top", 0},
};

static int look_at_aggregate(const bson_t *command, struct sb_err *err)
{
    static const char *const writing[] = {"$out", "$merge"};
    bson_iter_t it, stages, stage;
    if (!bson_iter_init_find(&it, command, "pipeline") || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &stages))
        return sb_fail(err, SB_EINTERNAL, "an aggregate without a pipeline");
    while (bson_iter_next(&stages)) {
        if (!BSON_ITER_HOLDS_DOCUMENT(&stages) || !bson_iter_recurse(&stages, &stage))
            return sb_fail(err, SB_EINTERNAL, "a pipeline stage that is not a document");
        while (bson_iter_next(&stage))
            for (size_t i = 0; i < SB_COUNT(writing); i++)
                if (strcmp(bson_iter_key(&stage), writing[i]) == 0)
                    return sb_fail(err, SB_EPOLICY, "the stage %s writes; it has no way through the read door", writing[i]);
    }
    return 0;
}

/* explain never applies a write, but it may only be about commands whose plan we want. */
static int look_at_explain(const bson_t *command, struct sb_err *err)
{
    static const char *const about[] = {"find", "aggregate", "count", "distinct", "update", "delete", "findAndModify"};
    bson_iter_t it, inner;
    if (!bson_iter_init_find(&it, command, "explain") || !BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &inner) ||
        !bson_iter_next(&inner))
        return sb_fail(err, SB_EINTERNAL, "an explain without a command");
    for (size_t i = 0; i < SB_COUNT(about); i++)
        if (strcmp(bson_iter_key(&inner), about[i]) == 0) {
            if (strcmp(about[i], "aggregate") != 0)
                return 0;
            bson_t sub;
            uint32_t len;
            const uint8_t *data;
            bson_iter_document(&it, &len, &data);
            return bson_init_static(&sub, data, len) ? look_at_aggregate(&sub, err) : sb_fail(err, SB_EINTERNAL, "a broken explain");
        }
    return sb_fail(err, SB_EPOLICY, "explain of %s is not on the list of reads", bson_iter_key(&inner));
}

static int look_at_profile(const bson_t *command, struct sb_err *err)
{
    bson_iter_t it;
    if (bson_iter_init_find(&it, command, "profile") && BSON_ITER_HOLDS_NUMBER(&it) && bson_iter_as_int64(&it) == -1 &&
        bson_count_keys(command) == 1)
        return 0;
    return sb_fail(err, SB_EPOLICY, "only {profile: -1} reads; setting the profiler needs a permit");
}

/* Finds the row of a command, looks into it where a name is not enough. Returns its flags, or -1. */
static int check(const bson_t *command, struct sb_err *err)
{
    bson_iter_t it;
    if (!bson_iter_init(&it, command) || !bson_iter_next(&it))
        return sb_fail(err, SB_EINTERNAL, "an empty command");
    const char *name = bson_iter_key(&it);
    for (size_t i = 0; i < SB_COUNT(allowed); i++) {
        if (strcmp(name, allowed[i].name) != 0)
            continue;
        if (allowed[i].flags & NEEDS_LOOK) {
            if (strcmp(name, "aggregate") == 0 && look_at_aggregate(command, err))
                return -1;
            if (strcmp(name, "explain") == 0 && look_at_explain(command, err))
                return -1;
            if (strcmp(name, "profile") == 0 && look_at_profile(command, err))
                return -1;
        }
        return (int)allowed[i].flags;
    }
    return sb_fail(err, SB_EPOLICY, "the command %s is not on the list of reads", name);
}

int sb_read_allowed(const bson_t *command, struct sb_err *err)
{
    return check(command, err) < 0 ? -1 : 0;
}

void sb_read_tell(struct sb_conn *c, sb_told_fn fn, void *ctx)
{
    c->told = fn;
    c->told_ctx = ctx;
}

int sb_read(struct sb_conn *c, const char *db, const bson_t *command, bson_t *reply, struct sb_err *err)
{
    int flags = check(command, err);
    if (flags < 0)
        return -1;
    bson_t with_limit;
    const bson_t *send = command;
    if ((flags & TAKES_MAX_TIME) && !bson_has_field(command, "maxTimeMS")) {
        bson_copy_to(command, &with_limit);
        BSON_APPEND_INT64(&with_limit, "maxTimeMS", c->max_time_ms);
        send = &with_limit;
    }
    bson_error_t e = {0};
    if (c->told)
        c->told(c->told_ctx, c->name, db, send);
    atomic_fetch_add_explicit(&c->commands, 1, memory_order_relaxed);
    c->refused[0] = '\0';
    bool ok = mongoc_client_command_with_opts(c->client, db, send, NULL, NULL, reply, &e);
    if (send == &with_limit)
        bson_destroy(&with_limit);
    if (ok)
        return 0;
    atomic_fetch_add_explicit(&c->errors, 1, memory_order_relaxed);
    bson_destroy(reply);
    bson_iter_t it;
    const char *name = bson_iter_init(&it, command) && bson_iter_next(&it) ? bson_iter_key(&it) : "command";
    return sb_mongo_error(c, &e, name, err);
}

static bson_t *from_json(const char *command, struct sb_err *err)
{
    bson_error_t e;
    bson_t *doc = bson_new_from_json((const uint8_t *)command, -1, &e);
    if (!doc)
        sb_fail(err, SB_EINTERNAL, "a command that is not Extended JSON: %s", e.message);
    return doc;
}

int sb_read_json(struct sb_conn *c, const char *db, const char *command, bson_t *reply, struct sb_err *err)
{
    bson_t *doc = from_json(command, err);
    if (!doc)
        return -1;
    int rc = sb_read(c, db, doc, reply, err);
    bson_destroy(doc);
    return rc;
}

/* One batch of a cursor reply. Returns 1 to go on, 0 when fn wants no more, -1 when the reply has no cursor. */
static int give_batch(const bson_t *reply, const char *batch, int64_t max, int64_t *given, int64_t *id, char *coll, size_t coll_cap,
                      sb_doc_fn fn, void *ctx, struct sb_err *err)
{
    bson_iter_t it, field;
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, "cursor.id", &field) || !BSON_ITER_HOLDS_INT(&field))
        return sb_fail(err, SB_ESERVER, "an answer without a cursor");
    *id = bson_iter_as_int64(&field);
    if (bson_iter_init(&it, reply) && bson_iter_find_descendant(&it, "cursor.ns", &field) && BSON_ITER_HOLDS_UTF8(&field)) {
        const char *dot = strchr(bson_iter_utf8(&field, NULL), '.');
        snprintf(coll, coll_cap, "%s", dot ? dot + 1 : "");
    }
    char path[32];
    snprintf(path, sizeof path, "cursor.%s", batch);
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, path, &field) || !BSON_ITER_HOLDS_ARRAY(&field))
        return sb_fail(err, SB_ESERVER, "an answer whose cursor has no %s", batch);
    bson_iter_t one;
    bson_iter_recurse(&field, &one);
    while (bson_iter_next(&one)) {
        uint32_t len;
        const uint8_t *data;
        bson_t doc;
        if (!BSON_ITER_HOLDS_DOCUMENT(&one))
            continue;
        bson_iter_document(&one, &len, &data);
        if (!bson_init_static(&doc, data, len))
            continue;
        if (*given >= max)
            return 0;
        ++*given;
        if (!fn(ctx, &doc))
            return 0;
    }
    return 1;
}

static void kill_cursor(struct sb_conn *c, const char *db, const char *coll, int64_t id)
{
    bson_t *command = BCON_NEW("killCursors", BCON_UTF8(coll), "cursors", "[", BCON_INT64(id), "]");
    bson_t reply;
    if (sb_read(c, db, command, &reply, NULL) == 0)
        bson_destroy(&reply);
    bson_destroy(command);
}

int64_t sb_read_cursor(struct sb_conn *c, const char *db, const bson_t *command, int64_t max, sb_doc_fn fn, void *ctx,
                       struct sb_err *err)
{
    bson_t reply;
    int64_t given = 0, id = 0;
    char coll[256] = "";
    if (sb_read(c, db, command, &reply, err))
        return -1;
    int more = give_batch(&reply, "firstBatch", max, &given, &id, coll, sizeof coll, fn, ctx, err);
    bson_destroy(&reply);
    while (more == 1 && id != 0 && given < max) {
        bson_t *next = BCON_NEW("getMore", BCON_INT64(id), "collection", BCON_UTF8(coll), "batchSize", BCON_INT64(1000));
        int rc = sb_read(c, db, next, &reply, err);
        bson_destroy(next);
        if (rc)
            return -1;
        more = give_batch(&reply, "nextBatch", max, &given, &id, coll, sizeof coll, fn, ctx, err);
        bson_destroy(&reply);
    }
    if (id != 0 && coll[0])
        kill_cursor(c, db, coll, id);
    return more < 0 ? -1 : given;
}

int64_t sb_read_cursor_json(struct sb_conn *c, const char *db, const char *command, int64_t max, sb_doc_fn fn, void *ctx,
                            struct sb_err *err)
{
    bson_t *doc = from_json(command, err);
    if (!doc)
        return -1;
    int64_t n = sb_read_cursor(c, db, doc, max, fn, ctx, err);
    bson_destroy(doc);
    return n;
}
