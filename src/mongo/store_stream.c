/* SPDX-License-Identifier: Apache-2.0
 *
 * By commands of its own and not by the driver's change streams: those select a server again after a failure, and in a set that is not
 * looked through any more (see connect_to in store_door.c) that may wait for ever. */
#include "store_private.h"

#include <signalbox/mongo/store_stream.h>

#include <string.h>

#define EVENTS 500        /* of one answer */
#define TOKEN_MOST 4096   /* bytes; theirs have about a hundred */

struct sb_store_stream {
    struct sb_store_door *door;
    char *coll;
    bson_t *match, *token; /* token NULL: nothing was told yet */
    int64_t cursor;        /* 0: it is to be opened */
};

struct sb_store_stream *sb_store_stream_open(const char *uri, const char *database, const char *coll, const bson_t *match, struct sb_err *err)
{
    struct sb_store_stream *x = calloc(1, sizeof *x);
    if (!x || (coll && sb_str_set(&x->coll, coll))) {
        sb_fail_nomem(err);
        goto fail;
    }
    x->match = bson_copy(match);
    if ((x->door = sb_store_door_open(uri, database, err)))
        return x;
fail:
    sb_store_stream_close(x);
    return NULL;
}

static void kill_cursor(struct sb_store_door *d, const char *coll, int64_t cursor)
{
    bson_t *kill = BCON_NEW("killCursors", BCON_UTF8(coll), "cursors", "[", BCON_INT64(cursor), "]"), reply;
    if (sb_store_door_send(d, d->database, kill, NULL, true, &reply, NULL) == 0)
        bson_destroy(&reply);
    bson_destroy(kill);
}

void sb_store_stream_close(struct sb_store_stream *x)
{
    if (!x)
        return;
    if (x->door && x->cursor && !x->door->failed)
        kill_cursor(x->door, x->coll ? x->coll : "$cmd.aggregate", x->cursor);
    sb_store_door_close(x->door);
    free(x->coll);
    bson_destroy(x->match);
    bson_destroy(x->token);
    free(x);
}

static bool lacks_them(int64_t code)
{
    static const int64_t all[] = {13, 59, 238, 40324, 40573}; /* not for this login; no such command, not implemented, no such stage, no replica set */
    for (size_t i = 0; i < SB_COUNT(all); i++)
        if (all[i] == code)
            return true;
    return false;
}

/* The server does not know any more what came after the token: the oplog is too short, or it is no token of its own. */
static bool forgot(int64_t code)
{
    static const int64_t all[] = {136, 260, 280, 286}; /* capped position lost, invalid token, fatal error of a stream, history lost */
    for (size_t i = 0; i < SB_COUNT(all); i++)
        if (all[i] == code)
            return true;
    return false;
}

static int take_token(struct sb_store_stream *x, bson_iter_t *at, struct sb_err *err)
{
    uint32_t len;
    const uint8_t *data;
    bson_t token;
    bson_iter_document(at, &len, &data);
    if (len > TOKEN_MOST || !bson_init_static(&token, data, len))
        return sb_fail(err, SB_EINPUT, "a change stream's token is none, or of more than %d bytes", TOKEN_MOST);
    bson_destroy(x->token);
    x->token = bson_copy(&token);
    return 0;
}

/* What an answer tells: how many events, where it stands, whether it goes on. */
static int take(struct sb_store_stream *x, const bson_t *reply, const char *batch, int64_t *n, struct sb_err *err)
{
    bson_iter_t it, at, one, id;
    char path[32];
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, "cursor.id", &at) || !BSON_ITER_HOLDS_INT(&at))
        return sb_fail(err, SB_EINPUT, "an answer of the store without a cursor");
    x->cursor = bson_iter_as_int64(&at);
    snprintf(path, sizeof path, "cursor.%s", batch);
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, path, &at) || !BSON_ITER_HOLDS_ARRAY(&at) || !bson_iter_recurse(&at, &one))
        return sb_fail(err, SB_EINPUT, "an answer of the store whose cursor has no %s", batch);
    while (bson_iter_next(&one)) {
        ++*n;
        if (BSON_ITER_HOLDS_DOCUMENT(&one) && bson_iter_recurse(&one, &id) && bson_iter_find(&id, "_id") && BSON_ITER_HOLDS_DOCUMENT(&id) && take_token(x, &id, err))
            return -1;
    }
    if (bson_iter_init(&it, reply) && bson_iter_find_descendant(&it, "cursor.postBatchResumeToken", &at) && BSON_ITER_HOLDS_DOCUMENT(&at))
        return take_token(x, &at, err);
    return 0;
}

static int open_cursor(struct sb_store_door *d, const char *coll, const bson_t *match, const bson_t *token, bson_t *reply, struct sb_err *err)
{
    bson_t command = BSON_INITIALIZER, stages, stage, spec, cursor;
    if (coll)
        BSON_APPEND_UTF8(&command, "aggregate", coll);
    else
        BSON_APPEND_INT32(&command, "aggregate", 1);
    BSON_APPEND_ARRAY_BEGIN(&command, "pipeline", &stages);
    BSON_APPEND_DOCUMENT_BEGIN(&stages, "0", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$changeStream", &spec);
    if (token)
        BSON_APPEND_DOCUMENT(&spec, "resumeAfter", token);
    bson_append_document_end(&stage, &spec);
    bson_append_document_end(&stages, &stage);
    if (match) {
        BSON_APPEND_DOCUMENT_BEGIN(&stages, "1", &stage);
        BSON_APPEND_DOCUMENT(&stage, "$match", match);
        bson_append_document_end(&stages, &stage);
    }
    bson_append_array_end(&command, &stages);
    BSON_APPEND_DOCUMENT_BEGIN(&command, "cursor", &cursor);
    BSON_APPEND_INT32(&cursor, "batchSize", EVENTS);
    bson_append_document_end(&command, &cursor);
    int rc = sb_store_door_send(d, d->database, &command, MONGOC_READ_CONCERN_LEVEL_MAJORITY, true, reply, err);
    bson_destroy(&command);
    return rc;
}

static enum sb_store_heard begin(struct sb_store_stream *x, int64_t *n, struct sb_err *err)
{
    bson_t reply;
    bool anew = x->token == NULL;
    if (open_cursor(x->door, x->coll, x->match, x->token, &reply, err)) {
        if (forgot(x->door->refused)) {
            bson_destroy(x->token);
            x->token = NULL;
        }
        return lacks_them(x->door->refused) ? SB_STORE_HEARD_DEAF : SB_STORE_HEARD_ERROR;
    }
    int rc = take(x, &reply, "firstBatch", n, err);
    bson_destroy(&reply);
    return rc ? SB_STORE_HEARD_ERROR : anew ? SB_STORE_HEARD_ANEW : *n ? SB_STORE_HEARD_CHANGE : SB_STORE_HEARD_NOTHING;
}

enum sb_store_heard sb_store_stream_wait(struct sb_store_stream *x, int64_t wait_ms, int64_t *n, struct sb_err *err)
{
    bson_t next = BSON_INITIALIZER, reply;
    *n = 0;
    if (!x->cursor)
        return begin(x, n, err);
    BSON_APPEND_INT64(&next, "getMore", x->cursor);
    BSON_APPEND_UTF8(&next, "collection", x->coll ? x->coll : "$cmd.aggregate");
    BSON_APPEND_INT32(&next, "batchSize", EVENTS);
    BSON_APPEND_INT64(&next, "maxTimeMS", wait_ms < 1 ? 1 : wait_ms < SB_STORE_WAIT_MOST_MS ? wait_ms : SB_STORE_WAIT_MOST_MS);
    int rc = sb_store_door_send(x->door, x->door->database, &next, NULL, true, &reply, err);
    bson_destroy(&next);
    if (rc == 0) {
        rc = take(x, &reply, "nextBatch", n, err);
        bson_destroy(&reply);
    } else {
        x->cursor = 0;
        if (forgot(x->door->refused)) {
            bson_destroy(x->token);
            x->token = NULL;
        }
    }
    return rc ? SB_STORE_HEARD_ERROR : *n ? SB_STORE_HEARD_CHANGE : SB_STORE_HEARD_NOTHING;
}

int sb_store_door_tells(struct sb_store_door *d, struct sb_err *err)
{
    bson_t reply;
    bson_iter_t it, at;
    if (open_cursor(d, NULL, NULL, NULL, &reply, err))
        return lacks_them(d->refused) ? 0 : -1;
    if (bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "cursor.id", &at) && BSON_ITER_HOLDS_INT(&at) && bson_iter_as_int64(&at))
        kill_cursor(d, "$cmd.aggregate", bson_iter_as_int64(&at));
    bson_destroy(&reply);
    return 1;
}
