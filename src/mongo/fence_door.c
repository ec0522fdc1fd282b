/* SPDX-License-Identifier: Apache-2.0 */
#include "private.h"

#include <signalbox/mongo/fence_door.h>

#define SOCKET_MS 10000
#define WTIMEOUT_MS 5000
#define DUPLICATE_KEY 11000

static struct sb_conn *open_door(const struct sb_server *s, const char *executor_uri, const char *deployment_id, struct sb_err *err)
{
    struct sb_deployment_facts facts;
    if (s->read_only) {
        sb_fail(err, SB_EPOLICY, "this connection is read-only: no fence is written");
        return NULL;
    }
    mongoc_uri_t *uri = executor_uri ? mongoc_uri_new(executor_uri) : mongoc_uri_copy(s->uri);
    if (!uri) {
        sb_fail(err, SB_EUSAGE, "the executor's connection string is not a valid mongodb:// URI");
        return NULL;
    }
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false); /* a conditional write that is made twice says no to its maker */
    struct sb_conn *c = sb_conn_found(uri, 3000, 5000, SOCKET_MS, err);
    mongoc_uri_destroy(uri);
    if (!c)
        return NULL;
    c->max_time_ms = 4000;
    if (sb_deployment_identify(c, &facts, err)) {
        sb_conn_close(c);
        return NULL;
    }
    bool same = strcmp(facts.id, deployment_id) == 0;
    if (!same) {
        sb_fail(err, SB_EPOLICY, "%s calls itself %s, and the lease is for %s: no fence is written", sb_conn_name(c), facts.id, deployment_id);
        sb_conn_close(c);
        c = NULL;
    }
    sb_deployment_facts_release(&facts);
    return c;
}

/* The statement {q, u, upsert} with a majority. */
static bson_t *statement(bson_t *q, bson_t *u, bool upsert)
{
    bson_t *command = BCON_NEW("update", SB_FENCE_COLL, "updates", "[", "{", "q", BCON_DOCUMENT(q), "u", BCON_DOCUMENT(u), "upsert", BCON_BOOL(upsert), "}", "]",
                               "writeConcern", "{", "w", "majority", "wtimeout", BCON_INT32(WTIMEOUT_MS), "}", "maxTimeMS", BCON_INT32(WTIMEOUT_MS));
    bson_destroy(q);
    bson_destroy(u);
    return command;
}

static bool first_error(const bson_t *reply, const char *path, int64_t *code, char *text, size_t cap)
{
    bson_iter_t it, at, field;
    *code = 0;
    text[0] = '\0';
    if (!bson_iter_init(&it, reply) || !bson_iter_find_descendant(&it, path, &at) || !BSON_ITER_HOLDS_DOCUMENT(&at) || !bson_iter_recurse(&at, &field))
        return false;
    while (bson_iter_next(&field)) {
        if (strcmp(bson_iter_key(&field), "code") == 0 && BSON_ITER_HOLDS_INT(&field))
            *code = bson_iter_as_int64(&field);
        if (strcmp(bson_iter_key(&field), "errmsg") == 0 && BSON_ITER_HOLDS_UTF8(&field))
            snprintf(text, cap, "%.200s", bson_iter_utf8(&field, NULL));
    }
    return true;
}

static bool take(void *ctx, const bson_t *doc)
{
    struct sb_fence_seen *seen = ctx;
    bson_iter_t it;
    if (bson_iter_init_find(&it, doc, "epoch") && BSON_ITER_HOLDS_INT(&it))
        seen->epoch = bson_iter_as_int64(&it);
    if (bson_iter_init_find(&it, doc, "owner") && BSON_ITER_HOLDS_UTF8(&it))
        snprintf(seen->owner, sizeof seen->owner, "%s", bson_iter_utf8(&it, NULL));
    return true;
}

/* Who holds it, for the message; that it cannot be read changes nothing: it is not ours. */
static void tell_others(struct sb_conn *c, struct sb_fence_seen *seen, struct sb_err *err)
{
    sb_read_cursor_json(c, SB_FENCE_DB, "{\"find\": \"" SB_FENCE_COLL "\", \"filter\": {\"_id\": \"epoch\"}}", 1, take, seen, NULL);
    if (seen->epoch)
        sb_fail(err, SB_EPOLICY, "fenced: another console holds epoch %lld of this deployment (ledger %s)", (long long)seen->epoch, seen->owner[0] ? seen->owner : "unknown");
    else
        sb_fail(err, SB_EPOLICY, "fenced: the fence of this deployment (" SB_FENCE_DB "." SB_FENCE_COLL ") is not at our epoch");
}

static enum sb_fence send_it(struct sb_conn *c, const bson_t *command, struct sb_fence_seen *seen, struct sb_err *err)
{
    bson_error_t e = {0};
    bson_t reply;
    bson_iter_t it;
    int64_t code;
    char text[256];
    enum sb_fence answer = SB_FENCE_UNKNOWN;
    c->refused[0] = '\0';
    if (!mongoc_client_command_with_opts(c->client, SB_FENCE_DB, command, NULL, NULL, &reply, &e)) {
        sb_mongo_error(c, &e, "update of the fence", err);
        if (err && err->code == SB_ECOMMAND && err->detail == 13)
            sb_err_prefix(err, "the executor's login needs readWrite on " SB_FENCE_DB ": ");
    } else if (first_error(&reply, "writeErrors.0", &code, text, sizeof text)) {
        if (code == DUPLICATE_KEY) {
            answer = SB_FENCE_OTHERS;
            tell_others(c, seen, err);
        } else {
            sb_fail(err, SB_ESERVER, "%s: the fence was not written: %s", sb_conn_name(c), text);
        }
    } else if (first_error(&reply, "writeConcernError", &code, text, sizeof text)) {
        sb_fail(err, SB_ESERVER, "%s: no majority has acknowledged the fence: %s", sb_conn_name(c), text);
    } else if (bson_iter_init_find(&it, &reply, "n") && BSON_ITER_HOLDS_INT(&it) && bson_iter_as_int64(&it) == 1) {
        answer = SB_FENCE_MINE;
    } else {
        answer = SB_FENCE_OTHERS;
        tell_others(c, seen, err);
    }
    bson_destroy(&reply);
    return answer;
}

static enum sb_fence ask(const struct sb_server *s, const char *executor_uri, const char *deployment_id, bson_t *command, struct sb_fence_seen *seen, struct sb_err *err)
{
    memset(seen, 0, sizeof *seen);
    struct sb_conn *c = open_door(s, executor_uri, deployment_id, err);
    enum sb_fence answer = c ? send_it(c, command, seen, err) : SB_FENCE_UNKNOWN;
    sb_conn_close(c);
    bson_destroy(command);
    return answer;
}

enum sb_fence sb_fence_raise(const struct sb_server *s, const char *executor_uri, const char *deployment_id, int64_t epoch, const char *owner,
                             struct sb_fence_seen *seen, struct sb_err *err)
{
    /* where a later epoch stands the insert that follows from upsert meets the _id that is there: a duplicate key is the "no" */
    bson_t *q = BCON_NEW("_id", "epoch", "$or", "[", "{", "epoch", "{", "$lt", BCON_INT64(epoch), "}", "}", "{", "epoch", BCON_INT64(epoch), "owner", BCON_UTF8(owner), "}", "]");
    bson_t *u = BCON_NEW("$set", "{", "epoch", BCON_INT64(epoch), "owner", BCON_UTF8(owner), "}", "$inc", "{", "confirmed", BCON_INT64(1), "}");
    return ask(s, executor_uri, deployment_id, statement(q, u, true), seen, err);
}

enum sb_fence sb_fence_confirm(const struct sb_server *s, const char *executor_uri, const char *deployment_id, int64_t epoch, const char *owner,
                               struct sb_fence_seen *seen, struct sb_err *err)
{
    /* it counts, because a write that changes nothing would go into no oplog, and no majority would have to see it */
    bson_t *q = BCON_NEW("_id", "epoch", "epoch", BCON_INT64(epoch), "owner", BCON_UTF8(owner));
    bson_t *u = BCON_NEW("$inc", "{", "confirmed", BCON_INT64(1), "}");
    return ask(s, executor_uri, deployment_id, statement(q, u, false), seen, err);
}
