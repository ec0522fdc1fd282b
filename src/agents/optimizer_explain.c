/* SPDX-License-Identifier: Apache-2.0
 *
 * The command that explains a shape, from the operation that was kept as its example. */
#include "optimizer.h"

#include <string.h>

bson_t *sb_example_document(const struct sb_doc *d)
{
    if (d->form == SB_DOC_JSON && !d->cut)
        return bson_new_from_json((const uint8_t *)d->p, (ssize_t)d->n, NULL);
    if (d->form == SB_DOC_BSON)
        return bson_new_from_data((const uint8_t *)d->p, d->n);
    return NULL;
}

/* The parts of a find or aggregate that decide its plan; session, cluster time and the like stay behind. */
static bool copy_read(const bson_t *command, bson_t *inner)
{
    static const char *const keep[] = {"find", "aggregate", "count", "distinct", "key", "filter", "query", "sort", "projection", "limit", "skip",
                                       "collation", "pipeline", "let"};
    bson_iter_t it;
    bool known = false;
    if (!bson_iter_init(&it, command))
        return false;
    while (bson_iter_next(&it)) {
        const char *name = bson_iter_key(&it);
        for (size_t i = 0; i < SB_COUNT(keep); i++)
            if (strcmp(name, keep[i]) == 0)
                bson_append_iter(inner, name, -1, &it);
        known |= strcmp(name, "find") == 0 || strcmp(name, "aggregate") == 0 || strcmp(name, "count") == 0 || strcmp(name, "distinct") == 0;
    }
    if (bson_has_field(inner, "aggregate") && !bson_has_field(inner, "cursor")) {
        bson_t cursor;
        BSON_APPEND_DOCUMENT_BEGIN(inner, "cursor", &cursor);
        bson_append_document_end(inner, &cursor);
    }
    return known;
}

char *sb_index_explain_command(const struct sb_workload *w, const char *ns, const char *fingerprint)
{
    const struct sb_work *work = sb_workload_find(w, ns, fingerprint);
    bson_t *command = work ? sb_example_document(&work->example) : NULL;
    if (!command)
        return NULL;
    bson_t inner, explain;
    char *copy = NULL;
    bson_init(&inner);
    if (copy_read(command, &inner)) {
        BSON_APPEND_INT64(&inner, "maxTimeMS", 4000);
        bson_init(&explain);
        BSON_APPEND_DOCUMENT(&explain, "explain", &inner);
        BSON_APPEND_UTF8(&explain, "verbosity", "executionStats");
        char *text = bson_as_canonical_extended_json(&explain, NULL);
        copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
        bson_free(text);
        bson_destroy(&explain);
    }
    bson_destroy(&inner);
    bson_destroy(command);
    return copy;
}
