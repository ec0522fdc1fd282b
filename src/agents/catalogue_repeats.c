/* SPDX-License-Identifier: Apache-2.0
 *
 * Which keys a unique index would meet twice: counted over the whole collection, on a secondary where there is one, for a few seconds
 * at most. What holds an array in the sample is not counted: an index enters each of its elements. */
#include <signalbox/agents/catalogue.h>
#include <signalbox/mongo/read_door.h>

#include <string.h>

#define MOST_FIELDS 32
#define COUNT_MS 5000

struct counting {
    int64_t keys, documents;
    bool told;
};

static bool take(void *ctx, const bson_t *doc)
{
    struct counting *n = ctx;
    bson_iter_t it;
    n->told = true;
    if (bson_iter_init_find(&it, doc, "keys") && BSON_ITER_HOLDS_NUMBER(&it))
        n->keys = bson_iter_as_int64(&it);
    if (bson_iter_init_find(&it, doc, "documents") && BSON_ITER_HOLDS_NUMBER(&it))
        n->documents = bson_iter_as_int64(&it);
    return true;
}

static bool holds_array(const struct sb_catalogue *c, const char *path)
{
    for (size_t i = 0; i < c->fields_n; i++)
        if (sb_streq(c->fields[i].path, path))
            return c->fields[i].array;
    return false;
}

/* Only what the index takes in: its filter, or of a sparse one documents that have a field of the key. */
static void append_match(bson_t *pipeline, const bson_t *key, const bson_t *options)
{
    bson_iter_t it, filter;
    bson_t stage, match, arms, arm, exists;
    char n[16];
    bool sparse = bson_iter_init_find(&it, options, "sparse") && bson_iter_as_bool(&it);
    BSON_APPEND_DOCUMENT_BEGIN(pipeline, "0", &stage);
    if (bson_iter_init_find(&filter, options, "partialFilterExpression") && BSON_ITER_HOLDS_DOCUMENT(&filter)) {
        bson_append_iter(&stage, "$match", -1, &filter);
    } else {
        BSON_APPEND_DOCUMENT_BEGIN(&stage, "$match", &match);
        if (sparse)
            BSON_APPEND_ARRAY_BEGIN(&match, "$or", &arms);
        int i = 0;
        for (bool more = sparse && bson_iter_init(&it, key); more && bson_iter_next(&it); i++) {
            snprintf(n, sizeof n, "%d", i);
            BSON_APPEND_DOCUMENT_BEGIN(&arms, n, &arm);
            BSON_APPEND_DOCUMENT_BEGIN(&arm, bson_iter_key(&it), &exists);
            BSON_APPEND_BOOL(&exists, "$exists", true);
            bson_append_document_end(&arm, &exists);
            bson_append_document_end(&arms, &arm);
        }
        if (sparse)
            bson_append_array_end(&match, &arms);
        bson_append_document_end(&stage, &match);
    }
    bson_append_document_end(pipeline, &stage);
}

/* By the key, where what is missing is as null: an index holds them as one. */
static void append_group(bson_t *pipeline, const bson_t *key)
{
    bson_iter_t it;
    bson_t stage, group, id, value, list, n;
    char name[16], path[512];
    int i = 0;
    BSON_APPEND_DOCUMENT_BEGIN(pipeline, "1", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$group", &group);
    BSON_APPEND_DOCUMENT_BEGIN(&group, "_id", &id);
    for (bool more = bson_iter_init(&it, key); more && bson_iter_next(&it); i++) {
        snprintf(name, sizeof name, "k%d", i);
        snprintf(path, sizeof path, "$%.500s", bson_iter_key(&it));
        BSON_APPEND_DOCUMENT_BEGIN(&id, name, &value);
        BSON_APPEND_ARRAY_BEGIN(&value, "$ifNull", &list);
        BSON_APPEND_UTF8(&list, "0", path);
        BSON_APPEND_NULL(&list, "1");
        bson_append_array_end(&value, &list);
        bson_append_document_end(&id, &value);
    }
    bson_append_document_end(&group, &id);
    BSON_APPEND_DOCUMENT_BEGIN(&group, "n", &n);
    BSON_APPEND_INT32(&n, "$sum", 1);
    bson_append_document_end(&group, &n);
    bson_append_document_end(&stage, &group);
    bson_append_document_end(pipeline, &stage);
}

static bson_t *count_command(const char *coll, const bson_t *key, const bson_t *options)
{
    bson_t pipeline, cursor, *command = bson_new();
    bson_iter_t collation;
    bson_t *twice = BCON_NEW("$match", "{", "n", "{", "$gt", BCON_INT32(1), "}", "}");
    bson_t *sum = BCON_NEW("$group", "{", "_id", BCON_NULL, "keys", "{", "$sum", BCON_INT32(1), "}", "documents", "{", "$sum", "$n", "}", "}");
    BSON_APPEND_UTF8(command, "aggregate", coll);
    BSON_APPEND_ARRAY_BEGIN(command, "pipeline", &pipeline);
    append_match(&pipeline, key, options);
    append_group(&pipeline, key);
    BSON_APPEND_DOCUMENT(&pipeline, "2", twice);
    BSON_APPEND_DOCUMENT(&pipeline, "3", sum);
    bson_append_array_end(command, &pipeline);
    BSON_APPEND_DOCUMENT_BEGIN(command, "cursor", &cursor);
    bson_append_document_end(command, &cursor);
    if (bson_iter_init_find(&collation, options, "collation") && BSON_ITER_HOLDS_DOCUMENT(&collation))
        bson_append_iter(command, "collation", -1, &collation);
    BSON_APPEND_INT64(command, "maxTimeMS", COUNT_MS);
    bson_destroy(twice);
    bson_destroy(sum);
    return command;
}

/* What stands in the way of counting; NULL: nothing does. */
static const char *not_countable(const struct sb_catalogue *c, const bson_t *key, char *why, size_t cap)
{
    bson_iter_t it;
    if (bson_count_keys(key) > MOST_FIELDS)
        return "its key has too many fields";
    for (bool more = bson_iter_init(&it, key); more && bson_iter_next(&it);) {
        const char *path = bson_iter_key(&it);
        if (!BSON_ITER_HOLDS_NUMBER(&it) || !path[0] || strchr(path, '$') || strlen(path) > 500)
            return "its key has a field that is not one of plain values";
        if (holds_array(c, path)) {
            snprintf(why, cap, "%.100s holds arrays", path);
            return why;
        }
    }
    return NULL;
}

static int count(const struct sb_server *server, const char *member, struct sb_catalogue *c, const bson_t *key, const bson_t *options, struct sb_err *err)
{
    char db[64], coll[192];
    struct counting n = {.told = false};
    struct sb_err why = SB_ERR_INIT;
    struct sb_repeats *out = &c->repeats;
    bson_t *command = sb_ns_split(c->ns, db, coll) ? count_command(coll, key, options) : NULL;
    struct sb_conn *conn = command ? sb_conn_to_member(server, member, SB_LANE_BULK, &why) : NULL;
    int64_t got = conn ? sb_read_cursor(conn, db, command, 1, take, &n, &why) : -1;
    char *line = sb_format("%s: aggregate of %s: keys that are there more than once, for %d ms at most", member, c->ns, COUNT_MS);
    int rc = line && sb_strs_push(&c->commands, &c->commands_n, line) == 0 ? 0 : sb_fail_nomem(err);
    out->known = got >= 0;
    out->keys = n.keys;
    out->documents = n.documents;
    if (got < 0)
        snprintf(out->why, sizeof out->why, "%.150s", why.msg);
    free(line);
    if (command)
        bson_destroy(command);
    sb_conn_close(conn);
    return rc;
}

int sb_catalogue_count_repeats(const struct sb_server *server, const struct sb_members *members, struct sb_catalogue *c, const char *key, const char *options, struct sb_err *err)
{
    bson_t *k = key ? bson_new_from_json((const uint8_t *)key, -1, NULL) : NULL, *o = options ? bson_new_from_json((const uint8_t *)options, -1, NULL) : NULL;
    const char *member = members->data_n ? members->data[0] : members->primary;
    bson_iter_t it;
    char buf[160];
    int rc = 0;
    for (size_t i = 0; i < members->data_n; i++)
        if (members->primary && strcmp(members->data[i], members->primary) != 0)
            member = members->data[i];
    if (k && o && member && bson_iter_init_find(&it, o, "unique") && bson_iter_as_bool(&it)) {
        const char *why = not_countable(c, k, buf, sizeof buf);
        c->repeats.asked = true;
        if (why)
            snprintf(c->repeats.why, sizeof c->repeats.why, "%.159s", why);
        else
            rc = count(server, member, c, k, o, err);
    }
    if (k)
        bson_destroy(k);
    if (o)
        bson_destroy(o);
    return rc;
}
