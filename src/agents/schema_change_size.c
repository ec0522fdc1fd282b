/* SPDX-License-Identifier: Apache-2.0
 *
 * Would a document pass the 16 MiB that a server allows, with what the change gives it? The server computes the size that each would
 * have, and those that would pass are counted and named before anything is planned. */
#include "schema_change_private.h"

#include "architect_read.h"
#include "bson_get.h"

#include <signalbox/agents/schema_validator.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define LARGEST 16777216  /* of a document, in bytes */
#define LEVEL 7           /* what a document takes around what is in it: type, end of the name, length, end */
#define FEW 1000          /* documents that are so large that the other's size has to be looked at */

/* {"v": what the field will be}. NULL: it is not known, or the change gives none. */
static bson_t *given(const struct sb_change_question *q, struct sb_err *err)
{
    char path[256];
    snprintf(path, sizeof path, "$%s", q->field);
    if (q->change == SB_CHANGE_RENAME)
        return BCON_NEW("v", BCON_UTF8(path));
    if (q->change == SB_CHANGE_RETYPE)
        return sb_change_converted(q, path, false);
    if (q->expression)
        return sb_change_expression(q, err);
    bson_t *v = q->change == SB_CHANGE_ADD ? sb_change_value(q->value) : NULL, *literal = NULL, sub;
    bson_iter_t it;
    if (v && bson_iter_init_find(&it, v, "v")) {
        literal = bson_new();
        BSON_APPEND_DOCUMENT_BEGIN(literal, "v", &sub);
        BSON_APPEND_VALUE(&sub, "$literal", bson_iter_value(&it));
        bson_append_document_end(literal, &sub);
    }
    if (v)
        bson_destroy(v);
    return literal;
}

/* What a field of this name takes beyond {"v": its value}, with the documents that it is in where they are not there. */
static int32_t around(const char *name)
{
    int32_t n = (int32_t)strlen(name) - LEVEL + 1;
    for (const char *p = name; *p; p++)
        n += *p == '.' ? LEVEL - 1 : 0;
    return n;
}

/* {$expr: {$gt: [{$add: [size, {$bsonSize: v}, around]}, LARGEST]}}; v is destroyed. */
static bson_t *passing(const struct sb_change_question *q, bson_t *v)
{
    char path[256];
    snprintf(path, sizeof path, "$%s", q->field);
    const char *name = q->change == SB_CHANGE_RENAME ? q->new_field : q->field;
    bool in_place = q->change == SB_CHANGE_RETYPE;
    bson_t *was = in_place ? BCON_NEW("$subtract", "[", "{", "$bsonSize", "$$ROOT", "}", "{", "$bsonSize", "{", "v", BCON_UTF8(path), "}", "}", "]") : BCON_NEW("$bsonSize", "$$ROOT");
    bson_t *out = BCON_NEW("$expr", "{", "$gt", "[", "{", "$add", "[", BCON_DOCUMENT(was), "{", "$bsonSize", BCON_DOCUMENT(v), "}", BCON_INT32(in_place ? 0 : around(name)), "]", "}", BCON_INT32(LARGEST), "]", "}");
    bson_destroy(was);
    bson_destroy(v);
    return out;
}

static int refuse(struct change_look *l, int64_t n, const char *such_as, struct sb_err *err)
{
    char count[40];
    snprintf(count, sizeof count, n < 0 ? "documents" : n == 1 ? "%" PRId64 " document" : "%" PRId64 " documents", n);
    return sb_fail(err, SB_EINPUT, "%s of %.120s would pass the 16 MiB that the server allows, with what it gets%s%.200s. Make them smaller, or change them by hand first", count, l->q->ns, such_as[0] ? ": _id " : "", such_as);
}

static int name_them(struct change_look *l, const bson_t *filter, struct sb_err *err)
{
    struct sb_dry_run run;
    struct sb_str names;
    if (sb_count_fits(l->conn, l->q->ns, l->f->documents, filter, &run, err))
        return -1;
    sb_str_init(&names);
    for (size_t i = 0; i < run.sample_n; i++)
        sb_str_addf(&names, "%s%s", i ? ", " : "", run.sample[i]);
    int rc = sb_str_ok(&names) ? refuse(l, run.offenders, names.len ? names.p : "", err) : sb_fail_nomem(err);
    sb_str_release(&names);
    sb_dry_run_release(&run);
    return rc;
}

int sb_change_look_size(struct change_look *l, struct sb_err *err)
{
    bson_t *v = given(l->q, err);
    if (!v)
        return err->code != SB_OK ? -1 : 0; /* what is given cannot be read: that is told where it is used */
    bson_t *too_large = passing(l->q, v), *left = sb_change_left(l->q, l->f->from_type);
    bson_t *filter = BCON_NEW("$and", "[", BCON_DOCUMENT(left), BCON_DOCUMENT(too_large), "]");
    bson_destroy(left);
    bson_destroy(too_large);
    int found = sb_change_any(l, bson_copy(filter), err), rc = found < 0 ? -1 : 0;
    if (found == 1)
        rc = name_them(l, filter, err);
    else if (rc == 0 && sb_change_evidence(l, "the largest document", found ? "not known: the server cannot tell in time; one that would pass 16 MiB stops the plan at its batch" : "none passes 16 MiB with what it gets", found ? "unknown" : "measured"))
        rc = sb_fail_nomem(err);
    bson_destroy(filter);
    return rc;
}

/* ---- what takes in another document ---- */

struct joined {
    int64_t n;
    struct sb_str names;
};

static bool take_joined(void *ctx, const bson_t *doc)
{
    struct joined *j = ctx;
    bson_t id = BSON_INITIALIZER;
    bson_iter_t it;
    if (j->n++ < SB_VALIDATOR_SAMPLES && bson_iter_init_find(&it, doc, "_id")) {
        BSON_APPEND_VALUE(&id, "_id", bson_iter_value(&it));
        char *json = bson_as_relaxed_extended_json(&id, NULL);
        sb_str_addf(&j->names, "%s%.80s", j->n > 1 ? ", " : "", json ? json : "?");
        bson_free(json);
    }
    bson_destroy(&id);
    return true;
}

int sb_change_look_joined_size(struct change_look *l, const char *from, int32_t large, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    char path[256];
    struct joined j = {.n = 0};
    sb_str_init(&j.names);
    snprintf(path, sizeof path, "%s", q->field);
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(l->f->coll), "pipeline", "[", "{", "$match", "{", q->field, "{", "$exists", BCON_BOOL(true), "}", "$expr", "{", "$gt", "[", "{", "$bsonSize", "$$ROOT", "}", BCON_INT32(large), "]", "}", "}",
                         "}", "{", "$limit", BCON_INT32(FEW), "}", "{", "$project", "{", q->field, BCON_INT32(1), "n", "{", "$bsonSize", "$$ROOT", "}", "}", "}", "{", "$lookup", "{", "from", BCON_UTF8(from), "localField", BCON_UTF8(path),
                         "foreignField", BCON_UTF8(q->foreign), "as", "r", "}", "}", "{", "$project", "{", "n", "{", "$add", "[", "$n", "{", "$bsonSize", "{", "v", "{", "$arrayElemAt", "[", "$r", BCON_INT32(0), "]", "}", "}", "}",
                         BCON_INT32(around(q->new_field)), "]", "}", "}", "}", "{", "$match", "{", "n", "{", "$gt", BCON_INT32(LARGEST), "}", "}", "}", "]", "cursor", "{", "}");
    int64_t n = sb_read_cursor(l->conn, l->f->db, c, FEW, take_joined, &j, err);
    bson_destroy(c);
    int rc = n < 0 ? -1 : !sb_str_ok(&j.names) ? sb_fail_nomem(err) : j.n ? refuse(l, j.n, j.names.p, err) : 0;
    sb_str_release(&j.names);
    return rc;
}
