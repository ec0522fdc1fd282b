/* SPDX-License-Identifier: Apache-2.0 */
#include "bson_get.h"

#include <signalbox/agents/catalogue_replies.h>

#include <string.h>

#define MAX_COLLECTIONS 2000
#define MAX_INDEXES 200

void sb_catalogue_replies_release(struct sb_catalogue_replies *r)
{
    for (size_t i = 0; i < r->items_n; i++)
        sb_catalogue_release(&r->items[i]);
    free(r->items);
    memset(r, 0, sizeof *r);
}

static int64_t number_at(const bson_t *doc, const char *path)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_NUMBER(&at) ? bson_iter_as_int64(&at) : 0;
}

static struct sb_catalogue *place(struct sb_catalogue_replies *r, const char *ns)
{
    for (size_t i = 0; i < r->items_n; i++)
        if (sb_streq(r->items[i].ns, ns))
            return &r->items[i];
    struct sb_catalogue *c = r->items_n < MAX_COLLECTIONS ? SB_PUSH(r->items) : NULL;
    if (!c || sb_str_set(&c->ns, ns))
        return NULL;
    c->exists = true;
    return c;
}

/* listIndexes names its cursor "db.collection", in some versions "db.$cmd.listIndexes.collection". */
static struct sb_catalogue *place_of_cursor(struct sb_catalogue_replies *r, const char *ns)
{
    static const char middle[] = ".$cmd.listIndexes.";
    const char *at = strstr(ns, middle);
    if (!at)
        return strstr(ns, ".$cmd.") ? NULL : place(r, ns);
    char *plain = sb_format("%.*s.%s", (int)(at - ns), ns, at + sizeof middle - 1);
    struct sb_catalogue *c = plain ? place(r, plain) : NULL;
    free(plain);
    return c;
}

static struct sb_index_info *index_named(struct sb_catalogue *c, const char *name)
{
    for (size_t i = 0; i < c->indexes_n; i++)
        if (sb_streq(c->indexes[i].name, name))
            return &c->indexes[i];
    struct sb_index_info *x = c->indexes_n < MAX_INDEXES ? SB_PUSH(c->indexes) : NULL;
    return x && sb_str_set(&x->name, name) == 0 ? x : NULL;
}

static int take_spec(struct sb_catalogue *c, const bson_t *spec)
{
    const char *name = sb_text_at(spec, "name");
    struct sb_index_info *x = name ? index_named(c, name) : NULL;
    return !name || (x && x->fields_n) ? 0 : x ? sb_index_info_take(x, spec) : c->indexes_n < MAX_INDEXES ? -1 : 0;
}

static int take_use(struct sb_catalogue *c, const bson_t *doc)
{
    const char *name = sb_text_at(doc, "name");
    bson_t spec;
    bson_iter_t it, at;
    if (!name)
        return 0;
    if (bson_iter_init_find(&it, doc, "spec") && sb_sub_document(&it, &spec) && take_spec(c, &spec))
        return -1;
    struct sb_index_info *x = index_named(c, name);
    if (!x)
        return c->indexes_n < MAX_INDEXES ? -1 : 0;
    x->members++;
    x->uses += number_at(doc, "accesses.ops");
    x->building = x->building || (bson_iter_init_find(&it, doc, "building") && bson_iter_as_bool(&it));
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "accesses.since", &at) && BSON_ITER_HOLDS_DATE_TIME(&at)) {
        int64_t since = bson_iter_date_time(&at);
        x->since = x->since == 0 || since < x->since ? since : x->since;
        x->since_all = since > x->since_all ? since : x->since_all;
    }
    c->knows_index_stats = true;
    return 0;
}

/* A collection that listCollections lists: that it is a view, or a time-series collection. */
static int take_collection(struct sb_catalogue_replies *r, const char *db, const bson_t *doc)
{
    const char *name = sb_text_at(doc, "name"), *type = sb_text_at(doc, "type");
    char *ns = name && type ? sb_format("%s.%s", db, name) : NULL;
    struct sb_catalogue *c = ns ? place(r, ns) : NULL;
    int rc = c && sb_str_set(&c->type, type) ? -1 : 0;
    free(ns);
    return rc;
}

static int take_batch(struct sb_catalogue_replies *r, const char *ns, const bson_iter_t *batch)
{
    bson_iter_t it;
    bson_t doc;
    int rc = 0;
    bool collections = strstr(ns, ".$cmd.listCollections") != NULL;
    char *db = sb_format("%.*s", (int)strcspn(ns, "."), ns);
    if (!db || !bson_iter_recurse(batch, &it)) {
        free(db);
        return db ? 0 : -1;
    }
    while (rc == 0 && bson_iter_next(&it)) {
        if (!sb_sub_document(&it, &doc))
            continue;
        bool use = bson_has_field(&doc, "accesses"), spec = !use && bson_has_field(&doc, "key") && bson_has_field(&doc, "name");
        struct sb_catalogue *c = use || spec ? place_of_cursor(r, ns) : NULL;
        if (c)
            rc = use ? take_use(c, &doc) : take_spec(c, &doc);
        else if (collections)
            rc = take_collection(r, db, &doc);
    }
    free(db);
    return rc;
}

static int take_stats(struct sb_catalogue_replies *r, const bson_t *reply)
{
    const char *ns = sb_text_at(reply, "ns");
    bson_iter_t it, one;
    if (!ns || !bson_iter_init_find(&it, reply, "indexSizes") || !BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &one))
        return 0;
    struct sb_catalogue *c = place(r, ns);
    if (!c)
        return r->items_n < MAX_COLLECTIONS ? -1 : 0;
    c->documents = number_at(reply, "count");
    c->bytes = number_at(reply, "size");
    c->average_bytes = c->documents ? c->bytes / c->documents : 0;
    while (bson_iter_next(&one)) {
        struct sb_index_info *x = BSON_ITER_HOLDS_NUMBER(&one) ? index_named(c, bson_iter_key(&one)) : NULL;
        if (x)
            x->bytes = bson_iter_as_int64(&one);
    }
    return 0;
}

static void take_time(struct sb_catalogue_replies *r, const bson_t *reply)
{
    bson_iter_t it;
    uint32_t seconds, unused;
    if (!bson_iter_init_find(&it, reply, "operationTime") || !BSON_ITER_HOLDS_TIMESTAMP(&it))
        return;
    bson_iter_timestamp(&it, &seconds, &unused);
    r->at_ms = (int64_t)seconds * 1000 > r->at_ms ? (int64_t)seconds * 1000 : r->at_ms;
}

int sb_catalogue_replies_take(struct sb_catalogue_replies *r, const char *line, size_t n, struct sb_err *err)
{
    bson_error_t e;
    bson_t *doc = bson_new_from_json((const uint8_t *)line, (ssize_t)n, &e), inner;
    if (!doc)
        return sb_fail(err, SB_EINPUT, "not a document of JSON: %s", e.message);
    const bson_t *reply = doc;
    bson_iter_t it, batch;
    if (bson_iter_init_find(&it, doc, "reply") && sb_sub_document(&it, &inner))
        reply = &inner;
    const char *ns = sb_text_at(reply, "cursor.ns");
    take_time(r, reply);
    int rc = take_stats(r, reply);
    if (rc == 0 && ns && bson_iter_init(&it, reply) && bson_iter_find_descendant(&it, "cursor.firstBatch", &batch) && BSON_ITER_HOLDS_ARRAY(&batch))
        rc = take_batch(r, ns, &batch);
    bson_destroy(doc);
    return rc ? sb_fail_nomem(err) : 0;
}

void sb_catalogue_replies_end(struct sb_catalogue_replies *r)
{
    int64_t most = 0;
    for (size_t i = 0; i < r->items_n; i++)
        for (size_t k = 0; k < r->items[i].indexes_n; k++)
            most = r->items[i].indexes[k].members > most ? r->items[i].indexes[k].members : most;
    for (size_t i = 0; i < r->items_n; i++) {
        struct sb_catalogue *c = &r->items[i];
        c->members = most;
        for (size_t k = 0; k < c->indexes_n; k++)
            c->members_answered = c->indexes[k].members > c->members_answered ? c->indexes[k].members : c->members_answered;
    }
}
