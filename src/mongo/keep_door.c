/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch of documents that is changed, and of which it is kept beside what a field said: an update with "$keepIn" ({coll, field}) is
 * one transaction. The documents that fit are read; where what is kept of one is not what its field says by now, it is kept anew;
 * then they are changed. So what is kept is what was replaced: whoever writes one of them meanwhile ends the transaction, and the
 * batch is sent again. No server knows "$keepIn": whoever sends the command by hand gets an error and changes nothing. What fields
 * say passes through memory and stands in no record. */
#include "carry.h"

#include <signalbox/model/permit.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES (12 << 20)
#define MESSAGE_DOCS 1000

/* ---- what may pass ---- */

struct kept {
    const char *coll, *into, *field;
    bson_t q, u;
};

static bool text_at(const bson_t *doc, const char *path, const char **out)
{
    bson_iter_t it, at;
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, path, &at) || !BSON_ITER_HOLDS_UTF8(&at) || !*bson_iter_utf8(&at, NULL))
        return false;
    *out = bson_iter_utf8(&at, NULL);
    return true;
}

static bool part_at(const bson_t *doc, const char *path, bool array, bson_t *out)
{
    bson_iter_t it, at;
    uint32_t len;
    const uint8_t *data;
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, path, &at) || !(array ? BSON_ITER_HOLDS_ARRAY(&at) : BSON_ITER_HOLDS_DOCUMENT(&at)))
        return false;
    if (array)
        bson_iter_array(&at, &len, &data);
    else
        bson_iter_document(&at, &len, &data);
    return bson_init_static(out, data, len);
}

/* The one stage of the update changes this field and no other. */
static bool changes_only(const bson_t *u, const char *field)
{
    bson_iter_t it, stage, set;
    if (bson_count_keys(u) != 1 || !bson_iter_init(&it, u) || !bson_iter_next(&it) || !BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &stage) || !bson_iter_next(&stage))
        return false;
    if (strcmp(bson_iter_key(&stage), "$unset") == 0)
        return BSON_ITER_HOLDS_UTF8(&stage) && strcmp(bson_iter_utf8(&stage, NULL), field) == 0;
    return BSON_ITER_HOLDS_DOCUMENT(&stage) && bson_iter_recurse(&stage, &set) && bson_iter_next(&set) && strcmp(bson_iter_key(&set), field) == 0 && !bson_iter_next(&set);
}

static bool read_command(const bson_t *command, struct kept *k)
{
    return text_at(command, "update", &k->coll) && text_at(command, "$keepIn.coll", &k->into) && text_at(command, "$keepIn.field", &k->field) &&
           strncmp(k->into, SB_BEFORE_PREFIX, sizeof SB_BEFORE_PREFIX - 1) == 0 && k->field[0] != '$' && part_at(command, "updates.0.q", false, &k->q) &&
           part_at(command, "updates.0.u", true, &k->u) && changes_only(&k->u, k->field);
}

int sb_keep_look(const bson_t *command, struct sb_err *err)
{
    struct kept k;
    return read_command(command, &k) ? 0 : sb_fail(err, SB_EPOLICY, "an update with $keepIn changes the one field that is kept, in a collection whose name begins with %s", SB_BEFORE_PREFIX);
}

/* ---- the documents of a batch ---- */

struct keeping {
    struct sb_carry t;
    struct kept k;
    struct sb_carried mine, beside; /* beside: {_id, v}, what has to stand there */
    bool *stands;                /* by document: it does already */
    int64_t anew, n, changed;
};

/* What has to be kept of a document: its _id, and its field as v, which is not there where the field is not. */
static bson_t *what_it_says(const struct keeping *k, const bson_t *doc)
{
    bson_t *out = bson_new();
    bson_iter_t it, at;
    if (bson_iter_init_find(&it, doc, "_id"))
        BSON_APPEND_VALUE(out, "_id", bson_iter_value(&it));
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, k->k.field, &at))
        BSON_APPEND_VALUE(out, "v", bson_iter_value(&at));
    return out;
}

static int hold_against_what_stands(struct keeping *k)
{
    struct sb_carried there = {.n = 0};
    bson_t *filter = sb_carried_by_ids(&k->mine, NULL);
    int rc = sb_carry_read(&k->t, k->k.into, filter, NULL, &there);
    bson_destroy(filter);
    size_t at = 0;
    for (size_t i = 0; rc == 0 && i < k->beside.n; i++) {
        bool is = at < there.n && sb_same_id(k->beside.item[i], there.item[at]);
        k->stands[i] = is && bson_equal(k->beside.item[i], there.item[at]);
        k->anew += !k->stands[i];
        at += is;
    }
    sb_carried_release(&there);
    return rc;
}

static bson_t *replacement(const bson_t *doc)
{
    bson_t *one = bson_new(), q;
    bson_iter_t it;
    bson_iter_init_find(&it, doc, "_id");
    BSON_APPEND_DOCUMENT_BEGIN(one, "q", &q);
    BSON_APPEND_VALUE(&q, "_id", bson_iter_value(&it));
    bson_append_document_end(one, &q);
    BSON_APPEND_DOCUMENT(one, "u", doc);
    BSON_APPEND_BOOL(one, "upsert", true);
    return one;
}

static int keep_anew(struct keeping *k)
{
    size_t i = 0;
    while (i < k->beside.n) {
        bson_t command = BSON_INITIALIZER, list, reply;
        char index[16];
        const char *key;
        uint32_t n = 0;
        BSON_APPEND_UTF8(&command, "update", k->k.into);
        BSON_APPEND_UTF8(&command, "comment", k->t.comment);
        BSON_APPEND_ARRAY_BEGIN(&command, "updates", &list);
        for (; i < k->beside.n && n < MESSAGE_DOCS && (n == 0 || list.len + k->beside.item[i]->len < MESSAGE_BYTES); i++) {
            if (k->stands[i])
                continue;
            bson_t *one = replacement(k->beside.item[i]);
            bson_uint32_to_string(n++, &key, index, sizeof index);
            BSON_APPEND_DOCUMENT(&list, key, one);
            bson_destroy(one);
        }
        bson_append_array_end(&command, &list);
        bson_iter_t it;
        int rc = 0;
        if (n) {
            rc = sb_carry_send(&k->t, &command, "update", &reply);
            bool all = rc == 0 && bson_iter_init_find(&it, &reply, "n") && BSON_ITER_HOLDS_NUMBER(&it) && bson_iter_as_int64(&it) == (int64_t)n;
            bson_destroy(&reply);
            rc = rc == 0 && !all ? sb_carry_differs(&k->t, "not everything was kept") : rc;
        }
        bson_destroy(&command);
        if (rc)
            return -1;
    }
    return 0;
}

static int change(struct keeping *k)
{
    bson_t reply;
    bson_iter_t it;
    bson_t *filter = sb_carried_by_ids(&k->mine, NULL);
    bson_t *command = BCON_NEW("update", BCON_UTF8(k->k.coll), "updates", "[", "{", "q", BCON_DOCUMENT(filter), "u", BCON_ARRAY(&k->k.u), "multi", BCON_BOOL(true), "hint", "{", "_id", BCON_INT32(1), "}", "}", "]",
                               "comment", BCON_UTF8(k->t.comment), "maxTimeMS", BCON_INT64(k->t.max_ms));
    int rc = sb_carry_send(&k->t, command, "update", &reply);
    if (rc == 0) {
        k->n = bson_iter_init_find(&it, &reply, "n") && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
        k->changed = bson_iter_init_find(&it, &reply, "nModified") && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : -1;
        rc = k->n == (int64_t)k->mine.n ? 0 : sb_carry_differs(&k->t, "not as many documents were changed as were kept");
    }
    bson_destroy(&reply);
    bson_destroy(command);
    bson_destroy(filter);
    return rc;
}

static int work(struct keeping *k)
{
    bson_t *only = BCON_NEW("_id", BCON_INT32(1), k->k.field, BCON_INT32(1));
    int rc = sb_carry_read(&k->t, k->k.coll, &k->k.q, only, &k->mine);
    bson_destroy(only);
    if (rc || k->mine.n == 0)
        return rc;
    k->stands = calloc(k->mine.n, sizeof *k->stands);
    k->beside.item = calloc(k->mine.n, sizeof *k->beside.item);
    if (!k->stands || !k->beside.item)
        return sb_carry_nomem(&k->t);
    for (; k->beside.n < k->mine.n; k->beside.n++)
        k->beside.item[k->beside.n] = what_it_says(k, k->mine.item[k->beside.n]);
    return hold_against_what_stands(k) || keep_anew(k) || change(k) || sb_carry_commit(&k->t) ? -1 : 0;
}

void sb_write_keep(struct sb_conn *c, const char *db, const bson_t *command, struct sb_write_result *out)
{
    struct keeping k = {.anew = 0};
    if (sb_carry_begin(&k.t, c, db, command, out))
        goto out;
    if (!read_command(command, &k.k)) {
        snprintf(out->message, sizeof out->message, "the command does not say what is kept");
        goto out;
    }
    if (work(&k) == 0) {
        out->outcome = SB_OUTCOME_OK;
        out->code = 0;
        out->reply = sb_format("{ \"ok\" : 1, \"n\" : %" PRId64 ", \"nModified\" : %" PRId64 ", \"kept_anew\" : %" PRId64 " }", k.n, k.changed, k.anew);
    }
out:
    sb_carry_end(&k.t);
    sb_carried_release(&k.mine);
    sb_carried_release(&k.beside);
    free(k.stands);
}
