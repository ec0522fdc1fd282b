/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/backup_gather.h>

#include <signalbox/agents/backup_restore.h>

#include <signalbox/base/json.h>
#include <signalbox/formats/mongodump.h>

#include <string.h>

#define COLLECTIONS_MAX 100000

/* Of an index, what says nothing about which index it is, or is of servers long gone. */
static void strip_index(json_t *index)
{
    static const char *const aside[] = {"v", "ns", "background", "safe", "dropDups"};
    for (size_t i = 0; i < SB_COUNT(aside); i++)
        json_object_del(index, aside[i]);
}

/* Takes options and indexes (stolen) over as those of ns. */
static int take(struct sb_backup *out, const char *ns, bool view, json_t *options, json_t *indexes, struct sb_err *err)
{
    const char *dot = strchr(ns, '.');
    json_t *index, *all;
    size_t i;
    json_array_foreach(indexes, i, index)
        strip_index(index);
    json_object_del(options, "autoIndexId");
    json_object_del(options, "uuid");
    all = json_pack("{s:o,s:o,s:s}", "options", options, "indexes", indexes, "type", view ? "view" : "collection");
    char *db = sb_strdup_n(ns, (size_t)(dot - ns));
    bool fine = all && db && sb_dump_metadata(out, all, db, dot + 1, "the server", -1) && !out->nomem;
    json_decref(all);
    free(db);
    return fine ? 0 : sb_fail_nomem(err);
}

int sb_gather_expected(const struct sb_backup *plan, const struct sb_backup *read, struct sb_backup *out, struct sb_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < plan->collections_n; i++) {
        const struct sb_backup_collection *c = &plan->collections[i], *counted = sb_backup_collection_find(read, c->ns);
        if (sb_restore_skips(c->ns))
            continue;
        json_t *indexes = json_array(), *options = c->raw ? json_loads(c->raw, JSON_ALLOW_NUL, NULL) : json_object();
        for (size_t k = 0; indexes && k < c->indexes_n; k++)
            if (json_array_append_new(indexes, json_loads(c->indexes[k].raw, JSON_ALLOW_NUL, NULL)))
                rc = sb_fail_nomem(err);
        if (rc || take(out, c->ns, c->view, options, indexes, err))
            return -1;
        struct sb_backup_collection *to = sb_backup_collection(out, c->ns);
        if (to && counted) {
            to->documents = counted->documents;
            to->bytes = counted->bytes;
            memcpy(to->sum, counted->sum, sizeof to->sum);
        }
    }
    return rc;
}

/* ---- the server ---- */

struct gathering {
    struct sb_conn *c;
    const struct sb_backup *like;
    struct sb_backup *out;
    const char *db;
    json_t *indexes;
    struct sb_backup_collection *to;
    struct sb_err *err;
    int rc;
};

static json_t *json_of(const bson_t *doc)
{
    char *text = bson_as_canonical_extended_json(doc, NULL);
    json_t *v = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
    bson_free(text);
    return v;
}

static bool take_index(void *ctx, const bson_t *doc)
{
    struct gathering *g = ctx;
    return json_array_append_new(g->indexes, json_of(doc)) == 0;
}

static bool take_document(void *ctx, const bson_t *doc)
{
    struct gathering *g = ctx;
    g->to->documents++;
    g->to->bytes += doc->len;
    sb_backup_add_up(g->out, g->to->sum, bson_get_data(doc), doc->len);
    return true;
}

static int read_indexes(struct gathering *g, const char *coll, json_t **out)
{
    bson_t *command = BCON_NEW("listIndexes", BCON_UTF8(coll));
    g->indexes = *out = json_array();
    int rc = g->indexes ? sb_read_cursor(g->c, g->db, command, COLLECTIONS_MAX, take_index, g, g->err) < 0 : -1;
    bson_destroy(command);
    return rc ? -1 : 0;
}

static int read_documents(struct gathering *g, const char *ns)
{
    bson_t *command = BCON_NEW("find", BCON_UTF8(strchr(ns, '.') + 1), "filter", "{", "}");
    g->to = sb_backup_collection(g->out, ns);
    int rc = !g->to || sb_read_cursor(g->c, g->db, command, INT64_MAX, take_document, g, g->err) < 0 ? -1 : 0;
    bson_destroy(command);
    return rc;
}

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct gathering *g = ctx;
    json_t *all = json_of(doc), *indexes = NULL;
    const char *name = json_string_value(json_object_get(all, "name")), *type = json_string_value(json_object_get(all, "type"));
    char *ns = name ? sb_format("%s.%s", g->db, name) : NULL;
    if (ns && sb_backup_collection_find(g->like, ns)) {
        bool view = sb_streq(type, "view");
        json_t *options = json_object_get(all, "options");
        if (view)
            indexes = json_array();
        else
            g->rc = read_indexes(g, name, &indexes);
        if (g->rc == 0)
            g->rc = take(g->out, ns, view, options ? json_deep_copy(options) : json_object(), json_incref(indexes), g->err);
        json_decref(indexes);
    }
    json_decref(all);
    free(ns);
    return g->rc == 0;
}

static bool same_db(const char *a, const char *b)
{
    size_t n = strcspn(a, ".");
    return strncmp(a, b, n) == 0 && b[n] == '.';
}

int sb_gather(struct sb_conn *c, const struct sb_backup *like, bool documents, struct sb_backup *out, struct sb_err *err)
{
    struct gathering g = {.c = c, .like = like, .out = out, .err = err};
    for (size_t i = 0; i < like->collections_n && g.rc == 0; i++) {
        const char *ns = like->collections[i].ns;
        if (i && same_db(like->collections[i - 1].ns, ns)) /* they are sorted: one database's stand together */
            continue;
        char *db = sb_strdup_n(ns, strcspn(ns, "."));
        if (!db)
            return sb_fail_nomem(err);
        g.db = db;
        if (sb_read_cursor_json(c, db, "{\"listCollections\": 1}", COLLECTIONS_MAX, take_collection, &g, err) < 0)
            g.rc = -1;
        free(db);
    }
    for (size_t i = 0; i < out->collections_n && documents && g.rc == 0; i++) {
        if (out->collections[i].view)
            continue;
        char *ns = sb_format("%s", out->collections[i].ns), *db = ns ? sb_strdup_n(ns, strcspn(ns, ".")) : NULL;
        g.db = db;
        g.rc = db ? read_documents(&g, ns) : sb_fail_nomem(err);
        free(ns);
        free(db);
    }
    return g.rc;
}
