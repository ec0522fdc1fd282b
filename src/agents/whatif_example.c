/* SPDX-License-Identifier: Apache-2.0
 *
 * An example of a shape that asks for what a document has. */
#include <signalbox/agents/whatif_card.h>

#include <string.h>

#define MOST_DEPTH 16

/* A value that is compared as it stands: no document (of operators, or one that is to be equal as a whole), no list. */
static bool is_plain(const bson_iter_t *it)
{
    return !BSON_ITER_HOLDS_DOCUMENT(it) && !BSON_ITER_HOLDS_ARRAY(it) && !BSON_ITER_HOLDS_REGEX(it);
}

/* The first plain value that a path reaches, through lists on the way. */
static bool reach(const bson_iter_t *document, const char *path, int depth, bson_iter_t *out)
{
    bson_iter_t it = *document, in, each;
    size_t n = strcspn(path, ".");
    if (depth > MOST_DEPTH || !bson_iter_find_w_len(&it, path, (int)n))
        return false;
    const char *rest = path[n] ? path + n + 1 : NULL;
    if (!rest && is_plain(&it)) {
        *out = it;
        return true;
    }
    if (BSON_ITER_HOLDS_DOCUMENT(&it))
        return rest && bson_iter_recurse(&it, &in) && reach(&in, rest, depth + 1, out);
    if (!BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &each) || !bson_iter_next(&each))
        return false;
    if (!rest && is_plain(&each)) {
        *out = each;
        return true;
    }
    return rest && BSON_ITER_HOLDS_DOCUMENT(&each) && bson_iter_recurse(&each, &in) && reach(&in, rest, depth + 1, out);
}

/* {$eq: V} or {$in: [...]}, and nothing beside it. */
static bool is_equality(const bson_iter_t *it)
{
    bson_iter_t op;
    if (is_plain(it))
        return true;
    return BSON_ITER_HOLDS_DOCUMENT(it) && bson_iter_recurse(it, &op) && bson_iter_next(&op) && (strcmp(bson_iter_key(&op), "$eq") == 0 || strcmp(bson_iter_key(&op), "$in") == 0) &&
           !bson_iter_next(&op);
}

/* *changed: how many comparisons ask for the document's values. False: it has not what is compared. */
static bool append_filter(bson_t *out, const char *key, bson_iter_t *filter, const bson_t *document, size_t *changed)
{
    bson_iter_t it, root, value;
    bson_t child;
    bool ok = BSON_ITER_HOLDS_DOCUMENT(filter) && bson_iter_recurse(filter, &it) && BSON_APPEND_DOCUMENT_BEGIN(out, key, &child);
    if (!ok)
        return false;
    while (ok && bson_iter_next(&it)) {
        const char *path = bson_iter_key(&it);
        if (path[0] == '$' || !is_equality(&it)) {
            ok = bson_append_iter(&child, path, -1, &it);
            continue;
        }
        ok = bson_iter_init(&root, document) && reach(&root, path, 0, &value) && bson_append_iter(&child, path, -1, &value);
        ++*changed;
    }
    return bson_append_document_end(out, &child) && ok;
}

/* The first stage, when it is a $match. */
static bool append_pipeline(bson_t *out, bson_iter_t *pipeline, const bson_t *document, size_t *changed)
{
    bson_iter_t stage, in;
    bson_t list, child;
    bool ok = BSON_ITER_HOLDS_ARRAY(pipeline) && bson_iter_recurse(pipeline, &stage) && BSON_APPEND_ARRAY_BEGIN(out, "pipeline", &list);
    if (!ok)
        return false;
    for (bool first = true; ok && bson_iter_next(&stage); first = false) {
        bool match = first && BSON_ITER_HOLDS_DOCUMENT(&stage) && bson_iter_recurse(&stage, &in) && bson_iter_next(&in) && strcmp(bson_iter_key(&in), "$match") == 0;
        if (!match) {
            ok = bson_append_iter(&list, bson_iter_key(&stage), -1, &stage);
            continue;
        }
        ok = BSON_APPEND_DOCUMENT_BEGIN(&list, bson_iter_key(&stage), &child) && append_filter(&child, "$match", &in, document, changed);
        ok = bson_append_document_end(&list, &child) && ok;
    }
    return bson_append_array_end(out, &list) && ok;
}

char *sb_what_if_example(const char *explain, const bson_t *document)
{
    bson_t *own = explain ? bson_new_from_json((const uint8_t *)explain, -1, NULL) : NULL, out = BSON_INITIALIZER, inner;
    bson_iter_t it, in;
    size_t changed = 0;
    char *text = NULL, *copy = NULL;
    bool ok = own && bson_iter_init(&it, own);
    while (ok && bson_iter_next(&it)) {
        if (strcmp(bson_iter_key(&it), "explain") != 0 || !BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &in)) {
            ok = bson_append_iter(&out, bson_iter_key(&it), -1, &it);
            continue;
        }
        ok = BSON_APPEND_DOCUMENT_BEGIN(&out, "explain", &inner);
        while (ok && bson_iter_next(&in)) {
            const char *key = bson_iter_key(&in);
            if (strcmp(key, "filter") == 0 || strcmp(key, "query") == 0)
                ok = append_filter(&inner, key, &in, document, &changed);
            else if (strcmp(key, "pipeline") == 0)
                ok = append_pipeline(&inner, &in, document, &changed);
            else
                ok = bson_append_iter(&inner, key, -1, &in);
        }
        ok = bson_append_document_end(&out, &inner) && ok;
    }
    if (ok && changed && (text = bson_as_canonical_extended_json(&out, NULL)))
        copy = sb_strdup_n(text, strlen(text));
    bson_free(text);
    bson_destroy(&out);
    if (own)
        bson_destroy(own);
    return copy;
}
