/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch of documents that is deleted because another collection holds them: one transaction, so that a reader finds each of them
 * in one place, and one that somebody has changed meanwhile stays. "$copyTo": they are put there first, then read back and compared,
 * byte by byte. "$sameIn": those go of which every field is the same in the document of that _id there. Neither is known to a server:
 * whoever sends the command by hand gets an error and deletes nothing. The documents pass through memory and stand in no record; their
 * SHA-256 does. */
#include "private.h"

#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>
#include <signalbox/model/permit.h>
#include <signalbox/mongo/write_door.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (48 << 20)  /* of a batch, in memory and in one transaction */
#define MESSAGE_BYTES (12 << 20)
#define MESSAGE_DOCS 1000
#define COMMIT_MS 10000
#define NOT_THE_SAME (-1) /* no server's code: it is not tried again */

/* ---- what may pass ---- */

static bool other_name(const bson_t *command, const char **name, bool *copies)
{
    bson_iter_t it;
    *copies = bson_iter_init_find(&it, command, "$copyTo");
    if (*copies == (bson_has_field(command, "$sameIn") != 0) || (!*copies && !bson_iter_init_find(&it, command, "$sameIn")) || !BSON_ITER_HOLDS_UTF8(&it))
        return false;
    *name = bson_iter_utf8(&it, NULL);
    return (*name)[0] && !strchr(*name, '$') && strncmp(*name, "system.", 7) != 0 && strncmp(*name, SB_SCRATCH_PREFIX, sizeof SB_SCRATCH_PREFIX - 1) != 0 &&
           strncmp(*name, SB_BEFORE_PREFIX, sizeof SB_BEFORE_PREFIX - 1) != 0;
}

int sb_move_look(const bson_t *command, struct sb_err *err)
{
    static const char *const known[] = {"delete", "deletes", "$copyTo", "$sameIn", "maxTimeMS", "comment", "$db"};
    static const char *const members[] = {"q", "limit", "hint"};
    const char *other;
    bson_iter_t it, list, field, at;
    bool copies, ok = true, range = false, all = false;
    int n = 0;
    bson_iter_init(&it, command);
    while (bson_iter_next(&it)) {
        bool is = false;
        for (size_t i = 0; i < SB_COUNT(known); i++)
            is |= strcmp(bson_iter_key(&it), known[i]) == 0;
        if (!is)
            return sb_fail(err, SB_EPOLICY, "delete with %.60s is not on the list of writes", bson_iter_key(&it));
    }
    ok = bson_iter_init_find(&it, command, "delete") && BSON_ITER_HOLDS_UTF8(&it) && other_name(command, &other, &copies) && strcmp(bson_iter_utf8(&it, NULL), other) != 0;
    if (!ok)
        return sb_fail(err, SB_EPOLICY, "documents are only deleted here when another collection, named by $copyTo or $sameIn, holds them");
    if (!bson_iter_init_find(&it, command, "deletes") || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &list))
        return sb_fail(err, SB_EPOLICY, "a delete without its statement");
    for (; ok && bson_iter_next(&list); n++) {
        ok = n == 0 && BSON_ITER_HOLDS_DOCUMENT(&list) && bson_iter_recurse(&list, &field);
        while (ok && bson_iter_next(&field)) {
            bool is = false;
            for (size_t i = 0; i < SB_COUNT(members); i++)
                is |= strcmp(bson_iter_key(&field), members[i]) == 0;
            ok = is;
        }
        range = ok && bson_iter_recurse(&list, &field) && bson_iter_find_descendant(&field, "q._id", &at) && BSON_ITER_HOLDS_DOCUMENT(&at);
        all = ok && bson_iter_recurse(&list, &field) && bson_iter_find(&field, "limit") && BSON_ITER_HOLDS_INT(&field) && bson_iter_as_int64(&field) == 0;
    }
    return ok && n == 1 && range && all ? 0 : sb_fail(err, SB_EPOLICY, "a delete may hold one statement: a filter with a range of _id, and no limit");
}

/* ---- the documents of a batch ---- */

struct docs {
    bson_t **item;
    size_t n, cap, bytes;
};

static void docs_release(struct docs *d)
{
    for (size_t i = 0; i < d->n; i++)
        bson_destroy(d->item[i]);
    free(d->item);
    memset(d, 0, sizeof *d);
}

struct move {
    struct sb_conn *c;
    mongoc_client_session_t *session;
    struct sb_write_result *out;
    const char *db, *coll, *other, *comment;
    bool copies;
    int64_t max_ms;
    struct docs mine, theirs;
    bool *goes, *absent; /* by document of `mine`: it is deleted; it is not there yet */
    size_t left, moved;
    struct sb_hash digest;
};

static int nomem(struct move *m)
{
    snprintf(m->out->message, sizeof m->out->message, "out of memory");
    return -1;
}

static int failed(struct move *m, const bson_error_t *e, const char *name)
{
    sb_write_failed(m->c, e, name, m->out);
    return -1;
}

static int differs(struct move *m, const char *why)
{
    m->out->code = NOT_THE_SAME;
    snprintf(m->out->message, sizeof m->out->message, "%s; nothing of this batch was changed", why);
    return -1;
}

/* The documents that fit, in the order of _id, within the transaction. */
static int read_docs(struct move *m, const char *coll, const bson_t *filter, struct docs *out)
{
    bson_error_t e = {0};
    const bson_t *doc;
    int rc = 0;
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "hint", "{", "_id", BCON_INT32(1), "}", "comment", BCON_UTF8(m->comment), "maxTimeMS", BCON_INT64(m->max_ms));
    mongoc_collection_t *from = mongoc_client_get_collection(m->c->client, m->db, coll);
    mongoc_cursor_t *cursor = mongoc_client_session_append(m->session, opts, &e) ? mongoc_collection_find_with_opts(from, filter, opts, NULL) : NULL;
    while (rc == 0 && cursor && mongoc_cursor_next(cursor, &doc)) {
        if ((out->bytes += doc->len) > MAX_BYTES) {
            snprintf(m->out->message, sizeof m->out->message, "a batch holds more than %d MiB: set batch_docs to less", MAX_BYTES >> 20);
            m->out->code = NOT_THE_SAME;
            rc = -1;
        } else if (SB_GROW(out->item, out->cap, out->n + 1)) {
            rc = nomem(m);
        } else {
            out->item[out->n++] = bson_copy(doc);
        }
    }
    if (rc == 0 && (!cursor || mongoc_cursor_error(cursor, &e)))
        rc = failed(m, &e, "find");
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(from);
    bson_destroy(opts);
    return rc;
}

static bool same_id(const bson_t *a, const bson_t *b)
{
    bson_iter_t x, y;
    bson_t i = BSON_INITIALIZER, k = BSON_INITIALIZER;
    bool same = bson_iter_init_find(&x, a, "_id") && bson_iter_init_find(&y, b, "_id") && BSON_APPEND_VALUE(&i, "_id", bson_iter_value(&x)) && BSON_APPEND_VALUE(&k, "_id", bson_iter_value(&y)) && bson_equal(&i, &k);
    bson_destroy(&i);
    bson_destroy(&k);
    return same;
}

/* Is each field of a the same in b? */
static bool within(const bson_t *a, const bson_t *b)
{
    bson_iter_t x, y;
    bool same = bson_iter_init(&x, a);
    while (same && bson_iter_next(&x)) {
        bson_t i = BSON_INITIALIZER, k = BSON_INITIALIZER;
        same = bson_iter_init_find(&y, b, bson_iter_key(&x)) && BSON_APPEND_VALUE(&i, "v", bson_iter_value(&x)) && BSON_APPEND_VALUE(&k, "v", bson_iter_value(&y)) && bson_equal(&i, &k);
        bson_destroy(&i);
        bson_destroy(&k);
    }
    return same;
}

/* {_id: {$in: [of those]}}; which NULL: of all. */
static bson_t *by_ids(const struct docs *d, const bool *which)
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

/* Both lists are in the order of _id, and theirs holds no other ids. */
static void compare(struct move *m)
{
    size_t k = 0;
    for (size_t i = 0; i < m->mine.n; i++) {
        bool there = k < m->theirs.n && same_id(m->mine.item[i], m->theirs.item[k]);
        m->absent[i] = !there;
        m->goes[i] = there ? (m->copies ? bson_equal(m->mine.item[i], m->theirs.item[k]) : within(m->mine.item[i], m->theirs.item[k])) : m->copies;
        k += there;
        m->moved += m->goes[i];
        m->left += !m->goes[i];
    }
}

static int carry(struct move *m, bson_t *command, const char *name, int64_t *n)
{
    bson_error_t e = {0};
    bson_t opts = BSON_INITIALIZER, reply;
    bson_iter_t it, at;
    int rc = -1;
    if (!mongoc_client_session_append(m->session, &opts, &e)) {
        bson_destroy(&opts);
        return failed(m, &e, name);
    }
    if (!mongoc_client_command_with_opts(m->c->client, m->db, command, NULL, &opts, &reply, &e)) {
        failed(m, &e, name);
    } else if (bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "writeErrors.0.errmsg", &at) && BSON_ITER_HOLDS_UTF8(&at)) {
        const char *why = bson_iter_utf8(&at, NULL);
        m->out->code = bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "writeErrors.0.code", &at) ? bson_iter_as_int64(&at) : NOT_THE_SAME;
        snprintf(m->out->message, sizeof m->out->message, "%s: %.400s", name, why);
    } else {
        *n = bson_iter_init_find(&it, &reply, "n") && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
        rc = 0;
    }
    bson_destroy(&reply);
    bson_destroy(&opts);
    return rc;
}

static int insert_absent(struct move *m)
{
    size_t i = 0;
    while (i < m->mine.n) {
        bson_t command = BSON_INITIALIZER, list;
        char index[16];
        const char *key;
        uint32_t n = 0;
        int64_t done = 0;
        BSON_APPEND_UTF8(&command, "insert", m->other);
        BSON_APPEND_UTF8(&command, "comment", m->comment);
        BSON_APPEND_ARRAY_BEGIN(&command, "documents", &list);
        for (; i < m->mine.n && n < MESSAGE_DOCS && (n == 0 || list.len + m->mine.item[i]->len < MESSAGE_BYTES); i++) {
            if (!m->goes[i] || !m->absent[i])
                continue;
            bson_uint32_to_string(n++, &key, index, sizeof index);
            BSON_APPEND_DOCUMENT(&list, key, m->mine.item[i]);
        }
        bson_append_array_end(&command, &list);
        int rc = n ? carry(m, &command, "insert", &done) : 0;
        bson_destroy(&command);
        if (rc)
            return -1;
        if (done != n)
            return differs(m, "not every document was taken");
    }
    return 0;
}

static int digest(struct move *m, const struct docs *d, const bool *which, struct sb_hash *out)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_slice *slices = calloc(d->n ? d->n : 1, sizeof *slices);
    size_t n = 0;
    if (!slices)
        return nomem(m);
    for (size_t i = 0; i < d->n; i++)
        if (!which || which[i])
            slices[n++] = (struct sb_slice){bson_get_data(d->item[i]), d->item[i]->len};
    int rc = sb_hash_slices(out, slices, n, &err);
    free(slices);
    return rc ? nomem(m) : 0;
}

/* What stands there now of those that go is byte for byte what stands here. */
static int verify(struct move *m)
{
    struct docs copies = {.n = 0};
    struct sb_hash there;
    bson_t *filter = by_ids(&m->mine, m->goes);
    int rc = read_docs(m, m->other, filter, &copies);
    bson_destroy(filter);
    rc = rc || digest(m, &copies, NULL, &there) ? -1 : 0;
    if (rc == 0 && (copies.n != m->moved || !sb_hash_same(there.bytes, m->digest.bytes)))
        rc = differs(m, "a copy was read back that is not what was copied");
    docs_release(&copies);
    return rc;
}

static int delete_those(struct move *m)
{
    int64_t n = 0;
    bson_t *filter = by_ids(&m->mine, m->goes);
    bson_t *command = BCON_NEW("delete", BCON_UTF8(m->coll), "deletes", "[", "{", "q", BCON_DOCUMENT(filter), "limit", BCON_INT32(0), "}", "]", "comment", BCON_UTF8(m->comment), "maxTimeMS",
                               BCON_INT64(m->max_ms));
    int rc = carry(m, command, "delete", &n);
    bson_destroy(command);
    bson_destroy(filter);
    if (rc == 0 && n != (int64_t)m->moved)
        rc = differs(m, "not as many documents were deleted as are held by the other collection");
    return rc;
}

static int work(struct move *m, const bson_t *q)
{
    if (read_docs(m, m->coll, q, &m->mine))
        return -1;
    m->goes = calloc(m->mine.n + 1, sizeof *m->goes);
    m->absent = calloc(m->mine.n + 1, sizeof *m->absent);
    if (!m->goes || !m->absent)
        return nomem(m);
    if (m->mine.n == 0)
        return 0;
    bson_t *filter = by_ids(&m->mine, NULL);
    int rc = read_docs(m, m->other, filter, &m->theirs);
    bson_destroy(filter);
    if (rc)
        return -1;
    compare(m);
    if (m->moved == 0)
        return 0;
    if (digest(m, &m->mine, m->goes, &m->digest) || (m->copies && (insert_absent(m) || verify(m))))
        return -1;
    return delete_those(m);
}

static int commit(struct move *m)
{
    bson_error_t e = {0};
    bson_t reply;
    bson_iter_t it;
    bool ok = mongoc_client_session_commit_transaction(m->session, &reply, &e);
    if (!ok)
        failed(m, &e, "commitTransaction");
    else if (bson_iter_init_find(&it, &reply, "writeConcernError")) { /* it is done, but not known to be where it had to be */
        m->out->outcome = SB_OUTCOME_UNKNOWN;
        m->out->code = 64;
        snprintf(m->out->message, sizeof m->out->message, "the transaction was committed, and a majority has not confirmed it in time");
        ok = false;
    }
    bson_destroy(&reply);
    return ok ? 0 : -1;
}

static void tell(struct move *m)
{
    char hex[SB_HEX_LEN + 1];
    sb_hex_encode(hex, m->digest.bytes, SB_HASH_LEN);
    m->out->outcome = SB_OUTCOME_OK;
    m->out->reply = m->moved ? sb_format("{ \"ok\" : 1, \"n\" : %zu, \"nModified\" : %zu, \"left\" : %zu, \"sha256\" : \"%s\" }", m->mine.n, m->moved, m->left, hex)
                             : sb_format("{ \"ok\" : 1, \"n\" : %zu, \"nModified\" : 0, \"left\" : %zu }", m->mine.n, m->left);
}

static const char *text_of(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
}

void sb_write_move(struct sb_conn *c, const char *db, const bson_t *command, struct sb_write_result *out)
{
    struct move m = {.c = c, .out = out, .db = db, .coll = text_of(command, "delete"), .comment = text_of(command, "comment")};
    bson_error_t e = {0};
    bson_iter_t it, at;
    bson_t q;
    uint32_t len;
    const uint8_t *data;
    mongoc_transaction_opt_t *opts = mongoc_transaction_opts_new();
    mongoc_read_concern_t *snapshot = mongoc_read_concern_new();
    mongoc_write_concern_t *majority = mongoc_write_concern_new();
    out->outcome = SB_OUTCOME_FAILED;
    c->refused[0] = '\0';
    mongoc_read_concern_set_level(snapshot, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
    mongoc_write_concern_set_wmajority(majority, COMMIT_MS);
    mongoc_transaction_opts_set_read_concern(opts, snapshot);
    mongoc_transaction_opts_set_write_concern(opts, majority);
    if (!other_name(command, &m.other, &m.copies) || !bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "deletes.0.q", &at) || !BSON_ITER_HOLDS_DOCUMENT(&at)) {
        snprintf(out->message, sizeof out->message, "the command does not say what is deleted");
        goto out;
    }
    bson_iter_document(&at, &len, &data);
    m.max_ms = bson_iter_init_find(&it, command, "maxTimeMS") && BSON_ITER_HOLDS_INT(&it) ? bson_iter_as_int64(&it) : COMMIT_MS;
    m.session = bson_init_static(&q, data, len) ? mongoc_client_start_session(c->client, NULL, &e) : NULL;
    if (!m.session || !mongoc_client_session_start_transaction(m.session, opts, &e)) {
        failed(&m, &e, "startTransaction");
        goto out;
    }
    if (work(&m, &q) == 0 && (m.moved == 0 || commit(&m) == 0))
        tell(&m);
out:
    if (m.session) /* what was not committed is aborted with it */
        mongoc_client_session_destroy(m.session);
    docs_release(&m.mine);
    docs_release(&m.theirs);
    free(m.goes);
    free(m.absent);
    mongoc_write_concern_destroy(majority);
    mongoc_read_concern_destroy(snapshot);
    mongoc_transaction_opts_destroy(opts);
}
