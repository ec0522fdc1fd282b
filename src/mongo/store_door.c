/* SPDX-License-Identifier: Apache-2.0 */
#include "store_private.h"

#include <signalbox/mongo/write_door.h>

#include <string.h>

#define ACKNOWLEDGED_MS 5000 /* a majority has so long to take a write */
#define CONNECT_MS 3000
#define SELECT_MS 5000
#define SOCKET_MS 15000
#define READ_MS 10000
#define RESCAN_MS 86400000
#define DUPLICATE_KEY 11000
#define BATCH 200            /* documents of one answer */

/* A new connection in the place of what there was. One whose server has gone is not used again: where the driver (1.23) looks through a set
 * again, whose connections have ended meanwhile and that refuses new ones, it waits for ever for a lock that it holds. So it does not do that
 * by itself either: every minute, or when a connection was idle for a while, or has ended since. */
static int connect_to(struct sb_store_door *d, struct sb_err *err)
{
    if (d->session)
        mongoc_client_session_destroy(d->session);
    sb_conn_close(d->conn);
    d->session = NULL;
    mongoc_uri_t *of = mongoc_uri_copy(d->server->uri);
    /* one attempt exactly: whoever asked reads back what got lost. A reply of a member that was primary is no answer. */
    mongoc_uri_set_option_as_bool(of, MONGOC_URI_RETRYWRITES, false);
    mongoc_uri_set_option_as_bool(of, MONGOC_URI_RETRYREADS, false);
    mongoc_uri_set_option_as_int32(of, MONGOC_URI_HEARTBEATFREQUENCYMS, RESCAN_MS);
    mongoc_uri_set_option_as_int32(of, MONGOC_URI_SOCKETCHECKINTERVALMS, RESCAN_MS);
    d->conn = sb_conn_found(of, CONNECT_MS, SELECT_MS, SOCKET_MS, err);
    mongoc_uri_destroy(of);
    d->failed = false;
    if (!d->conn)
        return -1;
    d->conn->max_time_ms = READ_MS;
    d->conn->unlooked = true;
    return 0;
}

/* Before each command. */
static int connected(struct sb_store_door *d, struct sb_err *err)
{
    return d->conn && !d->failed ? 0 : connect_to(d, err);
}

struct sb_store_door *sb_store_door_open(const char *uri, const char *database, struct sb_err *err)
{
    static const char *const never[] = {"admin", "local", "config"};
    struct sb_store_door *d = calloc(1, sizeof *d);
    if (!d) {
        sb_fail_nomem(err);
        return NULL;
    }
    bool fits = database[0] && strlen(database) < sizeof d->database && !strpbrk(database, "/\\. \"$*<>:|?");
    for (size_t i = 0; i < SB_COUNT(never); i++)
        fits = fits && strcmp(database, never[i]) != 0;
    if (!fits) {
        sb_fail(err, SB_EUSAGE, "\"%.64s\" cannot be the name of the store's database", database);
        goto fail;
    }
    snprintf(d->database, sizeof d->database, "%s", database);
    d->server = sb_server_new(uri, false, err);
    if (!d->server)
        goto fail;
    if (connect_to(d, err) == 0)
        return d;
fail:
    sb_store_door_close(d);
    return NULL;
}

void sb_store_door_close(struct sb_store_door *d)
{
    if (!d)
        return;
    if (d->session)
        mongoc_client_session_destroy(d->session);
    sb_conn_close(d->conn);
    sb_server_free(d->server);
    free(d);
}

const char *sb_store_door_shown(const struct sb_store_door *d)
{
    return sb_server_shown(d->server);
}

/* ---- sending ---- */

/* The session, made when the first server has answered: before that nobody knows whether there are any. NULL with err. */
static mongoc_client_session_t *session_of(struct sb_store_door *d, struct sb_err *err)
{
    bson_error_t e = {0};
    if (d->session)
        return d->session;
    mongoc_session_opt_t *opts = mongoc_session_opts_new();
    mongoc_session_opts_set_causal_consistency(opts, true);
    d->session = mongoc_client_start_session(d->conn->client, opts, &e);
    mongoc_session_opts_destroy(opts);
    if (!d->session) {
        d->failed = true;
        sb_mongo_error(d->conn, &e, "a session", err);
    }
    return d->session;
}

static const char *name_of(const bson_t *command)
{
    bson_iter_t it;
    return bson_iter_init(&it, command) && bson_iter_next(&it) ? bson_iter_key(&it) : "command";
}

int sb_store_door_send(struct sb_store_door *d, const char *db, const bson_t *command, const char *level, bool in_session, bson_t *reply, struct sb_err *err)
{
    bson_error_t e = {0};
    bson_t opts = BSON_INITIALIZER;
    int rc = -1;
    mongoc_client_session_t *session = NULL;
    d->refused = 0;
    if (connected(d, err) || (in_session && !(session = session_of(d, err))))
        goto out;
    if (level) {
        mongoc_read_concern_t *concern = mongoc_read_concern_new();
        mongoc_read_concern_set_level(concern, level);
        mongoc_read_concern_append(concern, &opts);
        mongoc_read_concern_destroy(concern);
    }
    if (session && !mongoc_client_session_append(session, &opts, &e)) {
        sb_mongo_error(d->conn, &e, name_of(command), err);
        goto out;
    }
    d->conn->refused[0] = '\0';
    atomic_fetch_add_explicit(&d->conn->commands, 1, memory_order_relaxed);
    bool ok = level ? mongoc_client_read_command_with_opts(d->conn->client, db, command, NULL, &opts, reply, &e)
                    : mongoc_client_command_with_opts(d->conn->client, db, command, NULL, &opts, reply, &e);
    if (ok) {
        rc = 0;
        goto out;
    }
    bson_destroy(reply);
    d->failed = true;
    d->refused = e.domain == MONGOC_ERROR_SERVER ? (int64_t)e.code : 0;
    sb_mongo_error(d->conn, &e, name_of(command), err);
out:
    bson_destroy(&opts);
    return rc;
}

/* The first failure that an answer holds although it says ok. 0: there is none. */
static int64_t failure_in(const bson_t *reply, const char *place, char *message, size_t cap)
{
    bson_iter_t it, at, field;
    int64_t code = 0;
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, place, &at) || !BSON_ITER_HOLDS_DOCUMENT(&at) || !bson_iter_recurse(&at, &field))
        return 0;
    code = -1;
    while (bson_iter_next(&field)) {
        if (strcmp(bson_iter_key(&field), "code") == 0 && BSON_ITER_HOLDS_INT(&field))
            code = bson_iter_as_int64(&field);
        if (strcmp(bson_iter_key(&field), "errmsg") == 0 && BSON_ITER_HOLDS_UTF8(&field))
            snprintf(message, cap, "%s", bson_iter_utf8(&field, NULL));
    }
    return code ? code : -1; /* a failure all the same */
}

static int64_t int_in(const bson_t *reply, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, reply, key) && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
}

/* Sends what writes, with the concern that a store wants. reply is always initialised. */
static enum sb_store_wrote send_write(struct sb_store_door *d, bson_t *command, bson_t *reply, struct sb_err *err)
{
    bson_error_t e = {0};
    bson_t concern, opts = BSON_INITIALIZER;
    struct sb_write_result out = {.outcome = SB_OUTCOME_FAILED};
    char message[400] = "it gave no reason";
    enum sb_store_wrote wrote = SB_STORE_FAILED;
    mongoc_client_session_t *session = connected(d, err) ? NULL : session_of(d, err);
    bson_init(reply);
    if (!session) {
        d->failed = true;
        goto out;
    }
    if (!mongoc_client_session_append(session, &opts, &e)) {
        sb_mongo_error(d->conn, &e, name_of(command), err);
        goto out;
    }
    BSON_APPEND_DOCUMENT_BEGIN(command, "writeConcern", &concern);
    BSON_APPEND_UTF8(&concern, "w", "majority");
    BSON_APPEND_INT32(&concern, "wtimeout", ACKNOWLEDGED_MS);
    bson_append_document_end(command, &concern);
    bson_destroy(reply);
    d->conn->refused[0] = '\0';
    atomic_fetch_add_explicit(&d->conn->commands, 1, memory_order_relaxed);
    if (!mongoc_client_command_with_opts(d->conn->client, d->database, command, NULL, &opts, reply, &e)) {
        sb_write_failed(d->conn, &e, name_of(command), &out);
        d->failed = out.code != DUPLICATE_KEY;
        sb_fail(err, out.code > 0 ? SB_ECOMMAND : SB_ESERVER, "%s", out.message);
        wrote = out.outcome == SB_OUTCOME_UNKNOWN ? SB_STORE_LOST : out.code == DUPLICATE_KEY ? SB_STORE_NOT : SB_STORE_FAILED;
        goto out;
    }
    int64_t code = failure_in(reply, "writeErrors.0", message, sizeof message);
    if (code) {
        sb_fail(err, SB_ECOMMAND, "%s: %s: %s", d->conn->name, name_of(command), message);
        wrote = code == DUPLICATE_KEY ? SB_STORE_NOT : SB_STORE_FAILED;
    } else if (failure_in(reply, "writeConcernError", message, sizeof message)) {
        sb_fail(err, SB_ESERVER, "%s: %s: no majority has it yet: %s", d->conn->name, name_of(command), message);
        wrote = SB_STORE_LOST;
    } else {
        wrote = SB_STORE_WROTE;
    }
out:
    if (wrote == SB_STORE_NOT && err)
        *err = (struct sb_err)SB_ERR_INIT; /* that is an answer */
    bson_destroy(&opts);
    return wrote;
}

/* ---- what is written ---- */

enum sb_store_wrote sb_store_door_insert(struct sb_store_door *d, const char *coll, const bson_t *const *documents, size_t count, size_t *n, struct sb_err *err)
{
    bson_t command = BSON_INITIALIZER, list, reply;
    size_t bytes = 0, there = 0;
    bool fits = count > 0 && count <= SB_STORE_BATCH_MOST;
    BSON_APPEND_UTF8(&command, "insert", coll);
    BSON_APPEND_BOOL(&command, "ordered", true);
    BSON_APPEND_ARRAY_BEGIN(&command, "documents", &list);
    for (size_t i = 0; fits && i < count; i++) {
        char key[24];
        bytes += documents[i]->len;
        fits = documents[i]->len <= SB_STORE_DOCUMENT_BYTES && bytes <= SB_STORE_BATCH_BYTES + SB_STORE_DOCUMENT_BYTES;
        snprintf(key, sizeof key, "%zu", i);
        fits = fits && BSON_APPEND_DOCUMENT(&list, key, documents[i]);
    }
    bson_append_array_end(&command, &list);
    enum sb_store_wrote wrote = SB_STORE_FAILED;
    if (!fits) {
        sb_fail(err, SB_EINPUT, "the store takes documents of at most %d bytes, at most %d at once", SB_STORE_DOCUMENT_BYTES, SB_STORE_BATCH_MOST);
    } else {
        wrote = send_write(d, &command, &reply, err);
        int64_t took = int_in(&reply, "n");
        there = wrote == SB_STORE_WROTE ? count : took > 0 && (size_t)took < count && wrote != SB_STORE_LOST ? (size_t)took : 0;
        /* what came before one that failed is there, and has a majority only where the answer says nothing else */
        char message[8];
        if (wrote != SB_STORE_WROTE && failure_in(&reply, "writeConcernError", message, sizeof message))
            wrote = SB_STORE_LOST, there = 0;
        bson_destroy(&reply);
    }
    if (n)
        *n = there;
    bson_destroy(&command);
    return wrote;
}

static void append_change(bson_t *out, const char *key, const bson_t *update, bool pipeline)
{
    if (pipeline)
        BSON_APPEND_ARRAY(out, key, update);
    else
        BSON_APPEND_DOCUMENT(out, key, update);
}

enum sb_store_wrote sb_store_door_update(struct sb_store_door *d, const char *coll, const bson_t *query, const bson_t *update, bool pipeline, bool upsert, struct sb_err *err)
{
    bson_t command = BSON_INITIALIZER, list, one, reply;
    BSON_APPEND_UTF8(&command, "update", coll);
    BSON_APPEND_ARRAY_BEGIN(&command, "updates", &list);
    BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &one);
    BSON_APPEND_DOCUMENT(&one, "q", query);
    append_change(&one, "u", update, pipeline);
    BSON_APPEND_BOOL(&one, "upsert", upsert);
    bson_append_document_end(&list, &one);
    bson_append_array_end(&command, &list);
    enum sb_store_wrote wrote = SB_STORE_FAILED;
    if (command.len > SB_STORE_DOCUMENT_BYTES) {
        sb_fail(err, SB_EINPUT, "the store takes documents of at most %d bytes", SB_STORE_DOCUMENT_BYTES);
    } else {
        wrote = send_write(d, &command, &reply, err);
        if (wrote == SB_STORE_WROTE && int_in(&reply, "n") == 0)
            wrote = SB_STORE_NOT;
        bson_destroy(&reply);
    }
    bson_destroy(&command);
    return wrote;
}

enum sb_store_wrote sb_store_door_modify(struct sb_store_door *d, const char *coll, const bson_t *query, const bson_t *update, bool pipeline, bool upsert, bson_t *after,
                                         struct sb_err *err)
{
    bson_t command = BSON_INITIALIZER, reply;
    bson_iter_t it;
    BSON_APPEND_UTF8(&command, "findAndModify", coll);
    BSON_APPEND_DOCUMENT(&command, "query", query);
    append_change(&command, "update", update, pipeline);
    BSON_APPEND_BOOL(&command, "upsert", upsert);
    BSON_APPEND_BOOL(&command, "new", true);
    enum sb_store_wrote wrote = send_write(d, &command, &reply, err);
    if (wrote == SB_STORE_WROTE && bson_iter_init_find(&it, &reply, "value") && BSON_ITER_HOLDS_DOCUMENT(&it)) {
        uint32_t len;
        const uint8_t *data;
        bson_t value;
        bson_iter_document(&it, &len, &data);
        if (len > SB_STORE_DOCUMENT_BYTES || !bson_init_static(&value, data, len)) {
            sb_fail(err, SB_EINPUT, "%s: findAndModify: an answer that is no document, or too long a one", d->conn->name);
            wrote = SB_STORE_LOST;
        } else if (after) {
            bson_copy_to(&value, after);
        }
    } else if (wrote == SB_STORE_WROTE) {
        wrote = SB_STORE_NOT;
    }
    bson_destroy(&reply);
    bson_destroy(&command);
    return wrote;
}

int sb_store_door_index(struct sb_store_door *d, const char *coll, const char *name, const bson_t *keys, struct sb_err *err)
{
    bson_t command = BSON_INITIALIZER, list, one, reply;
    BSON_APPEND_UTF8(&command, "createIndexes", coll);
    BSON_APPEND_ARRAY_BEGIN(&command, "indexes", &list);
    BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &one);
    BSON_APPEND_DOCUMENT(&one, "key", keys);
    BSON_APPEND_UTF8(&one, "name", name);
    bson_append_document_end(&list, &one);
    bson_append_array_end(&command, &list);
    enum sb_store_wrote wrote = send_write(d, &command, &reply, err);
    bson_destroy(&reply);
    bson_destroy(&command);
    return wrote == SB_STORE_WROTE ? 0 : -1;
}

/* ---- what is read ---- */

/* Gives the documents of one batch to fn. 1 to go on, 0 fn wants no more, -1 the answer is none. */
static int give(const bson_t *reply, const char *batch, int64_t most, int64_t *given, int64_t *cursor, sb_doc_fn fn, void *ctx, struct sb_err *err)
{
    bson_iter_t it, at, one;
    char path[32];
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, "cursor.id", &at) || !BSON_ITER_HOLDS_INT(&at))
        return sb_fail(err, SB_EINPUT, "an answer of the store without a cursor");
    *cursor = bson_iter_as_int64(&at);
    snprintf(path, sizeof path, "cursor.%s", batch);
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, path, &at) || !BSON_ITER_HOLDS_ARRAY(&at) || !bson_iter_recurse(&at, &one))
        return sb_fail(err, SB_EINPUT, "an answer of the store whose cursor has no %s", batch);
    while (bson_iter_next(&one)) {
        uint32_t len;
        const uint8_t *data;
        bson_t doc;
        if (!BSON_ITER_HOLDS_DOCUMENT(&one))
            continue;
        bson_iter_document(&one, &len, &data);
        if (len > SB_STORE_DOCUMENT_BYTES || !bson_init_static(&doc, data, len))
            return sb_fail(err, SB_EINPUT, "a document of the store is longer than %d bytes", SB_STORE_DOCUMENT_BYTES);
        if (*given >= most)
            return 0;
        ++*given;
        if (!fn(ctx, &doc))
            return 0;
    }
    return 1;
}

int64_t sb_store_door_find(struct sb_store_door *d, const char *coll, const bson_t *filter, const bson_t *sort, int64_t most, sb_doc_fn fn, void *ctx, struct sb_err *err)
{
    bson_t command = BSON_INITIALIZER, reply;
    int64_t given = 0, cursor = 0;
    BSON_APPEND_UTF8(&command, "find", coll);
    BSON_APPEND_DOCUMENT(&command, "filter", filter);
    if (sort)
        BSON_APPEND_DOCUMENT(&command, "sort", sort);
    BSON_APPEND_INT64(&command, "limit", most);
    BSON_APPEND_INT32(&command, "batchSize", BATCH);
    BSON_APPEND_INT64(&command, "maxTimeMS", READ_MS);
    int rc = sb_store_door_send(d, d->database, &command, MONGOC_READ_CONCERN_LEVEL_MAJORITY, true, &reply, err);
    bson_destroy(&command);
    if (rc)
        return -1;
    int more = give(&reply, "firstBatch", most, &given, &cursor, fn, ctx, err);
    bson_destroy(&reply);
    while (more == 1 && cursor && given < most) {
        bson_t next = BSON_INITIALIZER;
        BSON_APPEND_INT64(&next, "getMore", cursor);
        BSON_APPEND_UTF8(&next, "collection", coll);
        BSON_APPEND_INT32(&next, "batchSize", BATCH);
        rc = sb_store_door_send(d, d->database, &next, NULL, true, &reply, err);
        bson_destroy(&next);
        if (rc)
            return -1;
        more = give(&reply, "nextBatch", most, &given, &cursor, fn, ctx, err);
        bson_destroy(&reply);
    }
    if (cursor && more != 1) { /* the server lets it go by itself otherwise */
        bson_t *kill = BCON_NEW("killCursors", BCON_UTF8(coll), "cursors", "[", BCON_INT64(cursor), "]");
        if (sb_store_door_send(d, d->database, kill, NULL, true, &reply, NULL) == 0)
            bson_destroy(&reply);
        bson_destroy(kill);
    }
    return more < 0 ? -1 : given;
}

static bool keep_first(void *ctx, const bson_t *doc)
{
    bson_copy_to(doc, ctx);
    return false;
}

int sb_store_door_one(struct sb_store_door *d, const char *coll, const bson_t *filter, bson_t *out, struct sb_err *err)
{
    bson_t command = BSON_INITIALIZER, reply;
    int64_t given = 0, cursor = 0;
    BSON_APPEND_UTF8(&command, "find", coll);
    BSON_APPEND_DOCUMENT(&command, "filter", filter);
    BSON_APPEND_INT64(&command, "limit", 1);
    BSON_APPEND_BOOL(&command, "singleBatch", true);
    BSON_APPEND_INT64(&command, "maxTimeMS", READ_MS); /* without a majority it would wait for one for ever */
    int rc = sb_store_door_send(d, d->database, &command, MONGOC_READ_CONCERN_LEVEL_LINEARIZABLE, false, &reply, err);
    bson_destroy(&command);
    if (rc)
        return -1;
    rc = give(&reply, "firstBatch", 1, &given, &cursor, keep_first, out, err);
    bson_destroy(&reply);
    return rc < 0 ? -1 : (int)given;
}

/* ---- who is there ---- */

int sb_store_door_now(struct sb_store_door *d, int64_t *out, struct sb_err *err)
{
    bson_t *command = BCON_NEW("hello", BCON_INT32(1)), reply;
    bson_iter_t it;
    int rc = sb_store_door_send(d, "admin", command, NULL, false, &reply, err);
    bson_destroy(command);
    if (rc)
        return -1;
    bool told = bson_iter_init_find(&it, &reply, "localTime") && BSON_ITER_HOLDS_DATE_TIME(&it);
    if (told)
        *out = bson_iter_date_time(&it);
    told = told && *out >= 0 && *out <= SB_STORE_LAST_MS;
    bson_destroy(&reply);
    return told ? 0 : sb_fail(err, SB_ESTATE, "the store does not tell its time (localTime of hello)");
}

int sb_store_door_ask(struct sb_store_door *d, struct sb_store_door_facts *out, struct sb_err *err)
{
    struct sb_deployment_facts facts;
    memset(out, 0, sizeof *out);
    if (connected(d, err))
        return -1;
    if (sb_deployment_identify(d->conn, &facts, err)) {
        d->failed = true;
        return -1;
    }
    snprintf(out->id, sizeof out->id, "%s", facts.id);
    snprintf(out->set_name, sizeof out->set_name, "%s", facts.hello.set_name);
    snprintf(out->version, sizeof out->version, "%s", facts.version);
    sb_deployment_facts_release(&facts);
    return sb_store_door_now(d, &out->now, err);
}

static int refuses(struct sb_store_door *d, const bson_t *command, bool *refused, char *message, size_t cap, struct sb_err *err)
{
    bson_error_t e = {0};
    bson_t reply;
    if (connected(d, err))
        return -1;
    d->conn->refused[0] = '\0';
    bool ok = mongoc_client_command_with_opts(d->conn->client, d->database, command, NULL, NULL, &reply, &e);
    *refused = ok ? failure_in(&reply, "writeConcernError", message, cap) != 0 : e.domain == MONGOC_ERROR_SERVER || e.domain == MONGOC_ERROR_WRITE_CONCERN;
    bson_destroy(&reply);
    if (ok || *refused)
        return 0;
    d->failed = true;
    return sb_mongo_error(d->conn, &e, name_of(command), err);
}

int sb_store_door_try(struct sb_store_door *d, struct sb_err *err)
{
    static const char coll[] = "trial";
    char message[200];
    bool refused = false;
    bson_t *write = BCON_NEW("update", BCON_UTF8(coll), "updates", "[", "{", "q", "{", "_id", BCON_UTF8("concern"), "}", "u", "{", "$set", "{", "n", BCON_INT32(1), "}", "}", "upsert",
                             BCON_BOOL(true), "}", "]", "writeConcern", "{", "w", BCON_INT32(49), "wtimeout", BCON_INT32(1), "}");
    bson_t *read = BCON_NEW("find", BCON_UTF8(coll), "filter", "{", "}", "limit", BCON_INT32(1), "singleBatch", BCON_BOOL(true), "readConcern", "{", "level", BCON_UTF8("signalbox"), "}");
    bson_t *one = BCON_NEW("_id", BCON_UTF8("one")), out;
    int rc = refuses(d, write, &refused, message, sizeof message, err);
    if (rc == 0 && !refused)
        rc = sb_fail(err, SB_ESTATE, "it says ok to a write that 49 members were to have: what it acknowledges need not be anywhere but there");
    if (rc == 0 && (rc = refuses(d, read, &refused, message, sizeof message, err)) == 0 && !refused)
        rc = sb_fail(err, SB_ESTATE, "it says ok to a read concern that does not exist: it does not look at what a read has to see");
    const bson_t *list[] = {one};
    for (int i = 0; rc == 0 && i < 2; i++) {
        enum sb_store_wrote wrote = sb_store_door_insert(d, coll, list, 1, NULL, err);
        if (wrote == SB_STORE_FAILED || wrote == SB_STORE_LOST)
            rc = -1;
        else if (i == 1 && wrote != SB_STORE_NOT)
            rc = sb_fail(err, SB_ESTATE, "it took two documents of one _id");
    }
    if (rc == 0) {
        int found = sb_store_door_one(d, coll, one, &out, err);
        if (found == 1)
            bson_destroy(&out);
        else
            rc = found < 0 ? -1 : sb_fail(err, SB_ESTATE, "what it had just acknowledged, it did not read back");
    }
    bson_destroy(one);
    bson_destroy(write);
    bson_destroy(read);
    return rc;
}
