/* SPDX-License-Identifier: Apache-2.0 */
#include "carry.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (48 << 20) /* of a batch, in memory and in one transaction */
#define COMMIT_MS 10000

void sb_carried_release(struct sb_carried *d)
{
    for (size_t i = 0; i < d->n; i++)
        bson_destroy(d->item[i]);
    free(d->item);
    memset(d, 0, sizeof *d);
}

int sb_carry_nomem(struct sb_carry *t)
{
    snprintf(t->out->message, sizeof t->out->message, "out of memory");
    return -1;
}

static int failed(struct sb_carry *t, const bson_error_t *e, const char *name)
{
    sb_write_failed(t->c, e, name, t->out);
    return -1;
}

int sb_carry_differs(struct sb_carry *t, const char *why)
{
    t->out->code = SB_CARRY_DIFFERS;
    snprintf(t->out->message, sizeof t->out->message, "%s; nothing of this batch was changed", why);
    return -1;
}

int sb_carry_begin(struct sb_carry *t, struct sb_conn *c, const char *db, const bson_t *command, struct sb_write_result *out)
{
    bson_error_t e = {0};
    bson_iter_t it;
    mongoc_transaction_opt_t *opts = mongoc_transaction_opts_new();
    mongoc_read_concern_t *snapshot = mongoc_read_concern_new();
    mongoc_write_concern_t *majority = mongoc_write_concern_new();
    *t = (struct sb_carry){.c = c, .out = out, .db = db, .comment = ""};
    out->outcome = SB_OUTCOME_FAILED;
    c->refused[0] = '\0';
    mongoc_read_concern_set_level(snapshot, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
    mongoc_write_concern_set_wmajority(majority, COMMIT_MS);
    mongoc_transaction_opts_set_read_concern(opts, snapshot);
    mongoc_transaction_opts_set_write_concern(opts, majority);
    if (bson_iter_init_find(&it, command, "comment") && BSON_ITER_HOLDS_UTF8(&it))
        t->comment = bson_iter_utf8(&it, NULL);
    t->max_ms = bson_iter_init_find(&it, command, "maxTimeMS") && BSON_ITER_HOLDS_INT(&it) ? bson_iter_as_int64(&it) : COMMIT_MS;
    t->session = mongoc_client_start_session(c->client, NULL, &e);
    int rc = t->session && mongoc_client_session_start_transaction(t->session, opts, &e) ? 0 : failed(t, &e, "startTransaction");
    mongoc_write_concern_destroy(majority);
    mongoc_read_concern_destroy(snapshot);
    mongoc_transaction_opts_destroy(opts);
    return rc;
}

void sb_carry_end(struct sb_carry *t)
{
    if (t->session) /* what was not committed is aborted with it */
        mongoc_client_session_destroy(t->session);
    t->session = NULL;
}

int sb_carry_read(struct sb_carry *t, const char *coll, const bson_t *filter, const bson_t *only, struct sb_carried *out)
{
    bson_error_t e = {0};
    const bson_t *doc;
    int rc = 0;
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "hint", "{", "_id", BCON_INT32(1), "}", "comment", BCON_UTF8(t->comment), "maxTimeMS", BCON_INT64(t->max_ms));
    if (only)
        BSON_APPEND_DOCUMENT(opts, "projection", only);
    mongoc_collection_t *from = mongoc_client_get_collection(t->c->client, t->db, coll);
    mongoc_cursor_t *cursor = mongoc_client_session_append(t->session, opts, &e) ? mongoc_collection_find_with_opts(from, filter, opts, NULL) : NULL;
    while (rc == 0 && cursor && mongoc_cursor_next(cursor, &doc)) {
        if ((out->bytes += doc->len) > MAX_BYTES) {
            snprintf(t->out->message, sizeof t->out->message, "a batch holds more than %d MiB: set batch_docs to less", MAX_BYTES >> 20);
            t->out->code = SB_CARRY_DIFFERS;
            rc = -1;
        } else if (SB_GROW(out->item, out->cap, out->n + 1)) {
            rc = sb_carry_nomem(t);
        } else {
            out->item[out->n++] = bson_copy(doc);
        }
    }
    if (rc == 0 && (!cursor || mongoc_cursor_error(cursor, &e)))
        rc = failed(t, &e, "find");
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(from);
    bson_destroy(opts);
    return rc;
}

int sb_carry_send(struct sb_carry *t, const bson_t *command, const char *name, bson_t *reply)
{
    bson_error_t e = {0};
    bson_t opts = BSON_INITIALIZER;
    bson_iter_t it, at;
    int rc = -1;
    if (!mongoc_client_session_append(t->session, &opts, &e)) {
        bson_init(reply);
        bson_destroy(&opts);
        return failed(t, &e, name);
    }
    if (!mongoc_client_command_with_opts(t->c->client, t->db, command, NULL, &opts, reply, &e)) {
        failed(t, &e, name);
    } else if (bson_iter_init(&it, reply) && bson_iter_find_descendant(&it, "writeErrors.0.errmsg", &at) && BSON_ITER_HOLDS_UTF8(&at)) {
        const char *why = bson_iter_utf8(&at, NULL);
        t->out->code = bson_iter_init(&it, reply) && bson_iter_find_descendant(&it, "writeErrors.0.code", &at) ? bson_iter_as_int64(&at) : SB_CARRY_DIFFERS;
        snprintf(t->out->message, sizeof t->out->message, "%s: %.400s", name, why);
    } else {
        rc = 0;
    }
    bson_destroy(&opts);
    return rc;
}

int sb_carry_commit(struct sb_carry *t)
{
    bson_error_t e = {0};
    bson_t reply;
    bson_iter_t it;
    bool ok = mongoc_client_session_commit_transaction(t->session, &reply, &e);
    if (!ok)
        failed(t, &e, "commitTransaction");
    else if (bson_iter_init_find(&it, &reply, "writeConcernError")) { /* it is done, but not known to be where it had to be */
        t->out->outcome = SB_OUTCOME_UNKNOWN;
        t->out->code = 64;
        snprintf(t->out->message, sizeof t->out->message, "the transaction was committed, and a majority has not confirmed it in time");
        ok = false;
    }
    bson_destroy(&reply);
    return ok ? 0 : -1;
}

bool sb_same_id(const bson_t *a, const bson_t *b)
{
    bson_iter_t x, y;
    bson_t i = BSON_INITIALIZER, k = BSON_INITIALIZER;
    bool same = bson_iter_init_find(&x, a, "_id") && bson_iter_init_find(&y, b, "_id") && BSON_APPEND_VALUE(&i, "_id", bson_iter_value(&x)) && BSON_APPEND_VALUE(&k, "_id", bson_iter_value(&y)) && bson_equal(&i, &k);
    bson_destroy(&i);
    bson_destroy(&k);
    return same;
}

bson_t *sb_carried_by_ids(const struct sb_carried *d, const bool *which)
{
    bson_t *filter = bson_new(), id, list;
    bson_iter_t it;
    char index[16];
    const char *key;
    uint32_t n = 0;
    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &id);
    BSON_APPEND_ARRAY_BEGIN(&id, "$in", &list);
    for (size_t i = 0; i < d->n; i++) {
        if ((which && !which[i]) || !bson_iter_init_find(&it, d->item[i], "_id"))
            continue;
        bson_uint32_to_string(n++, &key, index, sizeof index);
        BSON_APPEND_VALUE(&list, key, bson_iter_value(&it));
    }
    bson_append_array_end(&id, &list);
    bson_append_document_end(filter, &id);
    return filter;
}
