/* SPDX-License-Identifier: Apache-2.0
 *
 * The one command of a step that goes in batches, and what becomes of it over a range of _id: nothing of it is changed but the
 * range. It is an update or a delete of one statement, or an aggregation whose first stage is a $match and whose last one a $merge. */
#include "step_iterator_kinds.h"

#include "bson_get.h"

#include <string.h>

#define AGGREGATE "aggregate"
#define DELETE "delete"

static bool sub_array(const bson_t *all, const char *path, bson_t *out)
{
    bson_iter_t it, at;
    uint32_t len;
    const uint8_t *data;
    if (!bson_iter_init(&it, all) || !bson_iter_find_descendant(&it, path, &at) || !BSON_ITER_HOLDS_ARRAY(&at))
        return false;
    bson_iter_array(&at, &len, &data);
    return bson_init_static(out, data, len);
}

int sb_statement_open(const char *command, struct sb_statement *s, struct sb_err *err)
{
    bson_iter_t it, at;
    memset(s, 0, sizeof *s);
    s->all = bson_new_from_json((const uint8_t *)command, -1, NULL);
    bool ok = s->all && bson_iter_init(&it, s->all) && bson_iter_next(&it) && BSON_ITER_HOLDS_UTF8(&it) && strlen(bson_iter_utf8(&it, NULL)) < sizeof s->coll;
    s->merges = ok && strcmp(bson_iter_key(&it), AGGREGATE) == 0;
    s->deletes = ok && strcmp(bson_iter_key(&it), DELETE) == 0;
    s->once = s->merges || (s->deletes && bson_has_field(s->all, "$noneIn"));
    ok = ok && (s->merges || s->deletes || strcmp(bson_iter_key(&it), "update") == 0);
    if (ok)
        snprintf(s->coll, sizeof s->coll, "%s", bson_iter_utf8(&it, NULL));
    ok = ok && bson_iter_init_find(&it, s->all, "$db") && BSON_ITER_HOLDS_UTF8(&it) && strlen(bson_iter_utf8(&it, NULL)) < sizeof s->db;
    if (ok)
        snprintf(s->db, sizeof s->db, "%s", bson_iter_utf8(&it, NULL));
    ok = ok && bson_iter_init(&it, s->all) && bson_iter_find_descendant(&it, s->merges ? "pipeline.0.$match" : s->deletes ? "deletes.0.q" : "updates.0.q", &at) &&
         sb_sub_document(&at, &s->q);
    ok = ok && (s->deletes || sub_array(s->all, s->merges ? "pipeline" : "updates.0.u", &s->u));
    return ok ? 0 : sb_fail(err, SB_EINTERNAL, "the step's command is none that can be divided");
}

void sb_statement_release(struct sb_statement *s)
{
    if (s->all)
        bson_destroy(s->all);
    s->all = NULL;
}

/* The one statement of an update or a delete. */
static void narrow_statement(const struct sb_statement *s, const bson_t *range, bson_t *out)
{
    bson_t list, one, q, hint;
    bson_append_array_begin(out, s->deletes ? "deletes" : "updates", -1, &list);
    BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &one);
    BSON_APPEND_DOCUMENT_BEGIN(&one, "q", &q);
    bson_concat(&q, range);
    bson_concat(&q, &s->q);
    bson_append_document_end(&one, &q);
    if (s->deletes) {
        BSON_APPEND_INT32(&one, "limit", 0);
    } else {
        BSON_APPEND_ARRAY(&one, "u", &s->u);
        BSON_APPEND_BOOL(&one, "multi", true);
    }
    BSON_APPEND_DOCUMENT_BEGIN(&one, "hint", &hint);
    BSON_APPEND_INT32(&hint, "_id", 1);
    bson_append_document_end(&one, &hint);
    bson_append_document_end(&list, &one);
    bson_append_array_end(out, &list);
}

static void narrow_pipeline(const struct sb_statement *s, const bson_t *range, bson_t *out)
{
    bson_t list, stage, q, hint;
    bson_iter_t it;
    BSON_APPEND_ARRAY_BEGIN(out, "pipeline", &list);
    BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$match", &q);
    bson_concat(&q, range);
    bson_concat(&q, &s->q);
    bson_append_document_end(&stage, &q);
    bson_append_document_end(&list, &stage);
    for (bool more = bson_iter_init(&it, &s->u) && bson_iter_next(&it) && bson_iter_next(&it); more; more = bson_iter_next(&it))
        BSON_APPEND_VALUE(&list, bson_iter_key(&it), bson_iter_value(&it));
    bson_append_array_end(out, &list);
    BSON_APPEND_DOCUMENT_BEGIN(out, "hint", &hint);
    BSON_APPEND_INT32(&hint, "_id", 1);
    bson_append_document_end(out, &hint);
}

char *sb_statement_narrowed(const struct sb_statement *s, const bson_t *range)
{
    bson_t out = BSON_INITIALIZER;
    bson_iter_t it;
    for (bool more = bson_iter_init(&it, s->all) && bson_iter_next(&it); more; more = bson_iter_next(&it)) {
        if (strcmp(bson_iter_key(&it), s->deletes ? "deletes" : "updates") == 0)
            narrow_statement(s, range, &out);
        else if (strcmp(bson_iter_key(&it), "pipeline") == 0)
            narrow_pipeline(s, range, &out);
        else
            BSON_APPEND_VALUE(&out, bson_iter_key(&it), bson_iter_value(&it));
    }
    char *json = bson_as_canonical_extended_json(&out, NULL), *copy = json ? sb_strdup_n(json, strlen(json)) : NULL;
    bson_free(json);
    bson_destroy(&out);
    return copy;
}

bool sb_command_divides(const char *command)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_statement s;
    bool divides = command && sb_statement_open(command, &s, &err) == 0;
    if (command)
        sb_statement_release(&s);
    return divides;
}

bool sb_command_counts(const char *command)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_statement s;
    bool counts = command && sb_statement_open(command, &s, &err) == 0 && !s.merges && !s.deletes;
    if (command)
        sb_statement_release(&s);
    return counts;
}
