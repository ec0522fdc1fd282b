/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch of documents that is deleted because another collection holds them: one transaction, so that a reader finds each of them
 * in one place, and one that somebody has changed meanwhile stays. "$copyTo": they are put there first, then read back and compared,
 * byte by byte. "$sameIn": those go of which every field is the same in the document of that _id there. "$noneIn": those of whose _id
 * there is none with a field, which are copies that were too late. None of them is known to a server: whoever sends the command by hand
 * gets an error and deletes nothing. The documents pass through memory and stand in no record; their
 * SHA-256 does. */
#include "carry.h"

#include <signalbox/base/hash.h>
#include <signalbox/model/permit.h>
#include <signalbox/mongo/write_door.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES (12 << 20)
#define MESSAGE_DOCS 1000

/* ---- what may pass ---- */

enum how { COPY_TO, SAME_IN, NONE_IN, HOWS };
static const char *const hows[HOWS] = {"$copyTo", "$sameIn", "$noneIn"};

/* Exactly one of them, and a name that documents may be held in. */
static bool other_name(const bson_t *command, const char **name, const char **field, enum how *how)
{
    bson_iter_t it, at, in;
    int n = 0;
    for (int i = 0; i < HOWS; i++)
        if (bson_iter_init_find(&it, command, hows[i])) {
            n++;
            at = it;
            *how = (enum how)i;
        }
    *field = NULL;
    if (n != 1)
        return false;
    if (*how == NONE_IN) {
        if (!BSON_ITER_HOLDS_DOCUMENT(&at) || !bson_iter_recurse(&at, &in) || !bson_iter_find(&in, "field") || !BSON_ITER_HOLDS_UTF8(&in))
            return false;
        *field = bson_iter_utf8(&in, NULL);
        if (!(*field)[0] || (*field)[0] == '$' || strcmp(*field, "_id") == 0 || !bson_iter_recurse(&at, &in) || !bson_iter_find(&in, "coll"))
            return false;
        at = in;
    }
    if (!BSON_ITER_HOLDS_UTF8(&at))
        return false;
    *name = bson_iter_utf8(&at, NULL);
    return (*name)[0] && !strchr(*name, '$') && strncmp(*name, "system.", 7) != 0 && strncmp(*name, SB_SCRATCH_PREFIX, sizeof SB_SCRATCH_PREFIX - 1) != 0 &&
           strncmp(*name, SB_BEFORE_PREFIX, sizeof SB_BEFORE_PREFIX - 1) != 0;
}

int sb_move_look(const bson_t *command, struct sb_err *err)
{
    static const char *const known[] = {"delete", "deletes", "$copyTo", "$sameIn", "$noneIn", "maxTimeMS", "comment", "$db"};
    static const char *const members[] = {"q", "limit", "hint"};
    const char *other, *of;
    enum how how;
    bson_iter_t it, list, field, at;
    bool ok = true, range = false, all = false;
    int n = 0;
    bson_iter_init(&it, command);
    while (bson_iter_next(&it)) {
        bool is = false;
        for (size_t i = 0; i < SB_COUNT(known); i++)
            is |= strcmp(bson_iter_key(&it), known[i]) == 0;
        if (!is)
            return sb_fail(err, SB_EPOLICY, "delete with %.60s is not on the list of writes", bson_iter_key(&it));
    }
    ok = bson_iter_init_find(&it, command, "delete") && BSON_ITER_HOLDS_UTF8(&it) && other_name(command, &other, &of, &how) && strcmp(bson_iter_utf8(&it, NULL), other) != 0;
    if (!ok)
        return sb_fail(err, SB_EPOLICY, "documents are only deleted here when another collection, named by $copyTo or $sameIn, holds them, or one named by $noneIn has none of their _id");
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

struct move {
    struct sb_carry t;
    const char *coll, *other, *field; /* field: of "$noneIn" */
    enum how how;
    struct sb_carried mine, theirs;
    bool *goes, *absent; /* by document of `mine`: it is deleted; it is not there yet */
    size_t left, moved;
    struct sb_hash digest;
};

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

/* Both lists are in the order of _id, and theirs holds no other ids. */
static void compare(struct move *m)
{
    size_t k = 0;
    for (size_t i = 0; i < m->mine.n; i++) {
        bool there = k < m->theirs.n && sb_same_id(m->mine.item[i], m->theirs.item[k]);
        m->absent[i] = !there;
        m->goes[i] = there ? (m->how == COPY_TO ? bson_equal(m->mine.item[i], m->theirs.item[k]) : m->how == SAME_IN && within(m->mine.item[i], m->theirs.item[k])) : m->how != SAME_IN;
        k += there;
        m->moved += m->goes[i];
        m->left += !m->goes[i];
    }
}

/* Sends a part; how many documents it came to. */
static int carry(struct move *m, bson_t *command, const char *name, int64_t *n)
{
    bson_t reply;
    bson_iter_t it;
    int rc = sb_carry_send(&m->t, command, name, &reply);
    if (rc == 0)
        *n = bson_iter_init_find(&it, &reply, "n") && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
    bson_destroy(&reply);
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
        BSON_APPEND_UTF8(&command, "comment", m->t.comment);
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
            return sb_carry_differs(&m->t, "not every document was taken");
    }
    return 0;
}

static int digest(struct move *m, const struct sb_carried *d, const bool *which, struct sb_hash *out)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_slice *slices = calloc(d->n ? d->n : 1, sizeof *slices);
    size_t n = 0;
    if (!slices)
        return sb_carry_nomem(&m->t);
    for (size_t i = 0; i < d->n; i++)
        if (!which || which[i])
            slices[n++] = (struct sb_slice){bson_get_data(d->item[i]), d->item[i]->len};
    int rc = sb_hash_slices(out, slices, n, &err);
    free(slices);
    return rc ? sb_carry_nomem(&m->t) : 0;
}

/* What stands there now of those that go is byte for byte what stands here. */
static int verify(struct move *m)
{
    struct sb_carried copies = {.n = 0};
    struct sb_hash there;
    bson_t *filter = sb_carried_by_ids(&m->mine, m->goes);
    int rc = sb_carry_read(&m->t, m->other, filter, NULL, &copies);
    bson_destroy(filter);
    rc = rc || digest(m, &copies, NULL, &there) ? -1 : 0;
    if (rc == 0 && (copies.n != m->moved || !sb_hash_same(there.bytes, m->digest.bytes)))
        rc = sb_carry_differs(&m->t, "a copy was read back that is not what was copied");
    sb_carried_release(&copies);
    return rc;
}

static int delete_those(struct move *m)
{
    int64_t n = 0;
    bson_t *filter = sb_carried_by_ids(&m->mine, m->goes);
    bson_t *command = BCON_NEW("delete", BCON_UTF8(m->coll), "deletes", "[", "{", "q", BCON_DOCUMENT(filter), "limit", BCON_INT32(0), "}", "]", "comment", BCON_UTF8(m->t.comment), "maxTimeMS",
                               BCON_INT64(m->t.max_ms));
    int rc = carry(m, command, "delete", &n);
    bson_destroy(command);
    bson_destroy(filter);
    if (rc == 0 && n != (int64_t)m->moved)
        rc = sb_carry_differs(&m->t, "not as many documents were deleted as are held by the other collection");
    return rc;
}

static int work(struct move *m, const bson_t *q)
{
    if (sb_carry_read(&m->t, m->coll, q, NULL, &m->mine))
        return -1;
    m->goes = calloc(m->mine.n + 1, sizeof *m->goes);
    m->absent = calloc(m->mine.n + 1, sizeof *m->absent);
    if (!m->goes || !m->absent)
        return sb_carry_nomem(&m->t);
    if (m->mine.n == 0)
        return 0;
    bson_t id_only = BSON_INITIALIZER;
    BSON_APPEND_INT32(&id_only, "_id", 1);
    bson_t *filter = sb_carried_by_ids(&m->mine, NULL);
    if (m->field) {
        bson_t there = BSON_INITIALIZER;
        BSON_APPEND_BOOL(&there, "$exists", true);
        BSON_APPEND_DOCUMENT(filter, m->field, &there);
        bson_destroy(&there);
    }
    int rc = sb_carry_read(&m->t, m->other, filter, m->field ? &id_only : NULL, &m->theirs);
    bson_destroy(filter);
    bson_destroy(&id_only);
    if (rc)
        return -1;
    compare(m);
    if (m->moved == 0)
        return 0;
    if (digest(m, &m->mine, m->goes, &m->digest) || (m->how == COPY_TO && (insert_absent(m) || verify(m))))
        return -1;
    return delete_those(m);
}

static void tell(struct move *m)
{
    char hex[SB_HEX_LEN + 1];
    sb_hex_encode(hex, m->digest.bytes, SB_HASH_LEN);
    m->t.out->outcome = SB_OUTCOME_OK;
    m->t.out->reply = m->moved ? sb_format("{ \"ok\" : 1, \"n\" : %zu, \"nModified\" : %zu, \"left\" : %zu, \"sha256\" : \"%s\" }", m->mine.n, m->moved, m->left, hex)
                             : sb_format("{ \"ok\" : 1, \"n\" : %zu, \"nModified\" : 0, \"left\" : %zu }", m->mine.n, m->left);
}

static const char *text_of(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
}

void sb_write_move(struct sb_conn *c, const char *db, const bson_t *command, struct sb_write_result *out)
{
    struct move m = {.coll = text_of(command, "delete")};
    bson_iter_t it, at;
    bson_t q;
    uint32_t len;
    const uint8_t *data;
    if (sb_carry_begin(&m.t, c, db, command, out))
        goto out;
    if (!other_name(command, &m.other, &m.field, &m.how) || !bson_iter_init(&it, command) || !bson_iter_find_descendant(&it, "deletes.0.q", &at) || !BSON_ITER_HOLDS_DOCUMENT(&at)) {
        snprintf(out->message, sizeof out->message, "the command does not say what is deleted");
        goto out;
    }
    bson_iter_document(&at, &len, &data);
    if (bson_init_static(&q, data, len) && work(&m, &q) == 0 && (m.moved == 0 || sb_carry_commit(&m.t) == 0))
        tell(&m);
out:
    sb_carry_end(&m.t);
    sb_carried_release(&m.mine);
    sb_carried_release(&m.theirs);
    free(m.goes);
    free(m.absent);
}
