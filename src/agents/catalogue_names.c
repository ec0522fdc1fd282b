/* SPDX-License-Identifier: Apache-2.0
 *
 * Which collections there are. */
#include <signalbox/agents/catalogue.h>
#include <signalbox/mongo/read_door.h>

#include <string.h>

struct listing {
    char ***names;
    size_t *n, max;
    const char *db;
    bool failed;
};

static bool take_name(void *ctx, const bson_t *doc)
{
    struct listing *l = ctx;
    bson_iter_t it;
    if (!bson_iter_init_find(&it, doc, "name") || !BSON_ITER_HOLDS_UTF8(&it) || sb_starts_with(bson_iter_utf8(&it, NULL), "system."))
        return true;
    char *ns = sb_format("%s.%s", l->db, bson_iter_utf8(&it, NULL));
    if (!ns || (!sb_strs_has(*l->names, *l->n, ns) && sb_strs_push(l->names, l->n, ns)))
        l->failed = true;
    free(ns);
    return !l->failed && *l->n < l->max;
}

static bool own(const char *db)
{
    return strcmp(db, "admin") != 0 && strcmp(db, "local") != 0 && strcmp(db, "config") != 0;
}

int sb_catalogue_names(struct sb_conn *conn, size_t max, char ***names, size_t *n)
{
    bson_t dbs;
    bson_iter_t it, one, name;
    if (sb_read_json(conn, "admin", "{\"listDatabases\": 1, \"nameOnly\": true}", &dbs, NULL))
        return -1;
    struct listing l = {.names = names, .n = n, .max = max};
    if (bson_iter_init_find(&it, &dbs, "databases") && BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &one))
        while (bson_iter_next(&one) && !l.failed && *n < max) {
            if (!BSON_ITER_HOLDS_DOCUMENT(&one) || !bson_iter_recurse(&one, &name) || !bson_iter_find(&name, "name") || !BSON_ITER_HOLDS_UTF8(&name) ||
                !own(bson_iter_utf8(&name, NULL)))
                continue;
            l.db = bson_iter_utf8(&name, NULL);
            sb_read_cursor_json(conn, l.db, "{\"listCollections\": 1, \"nameOnly\": true}", (int64_t)max, take_name, &l, NULL);
        }
    bson_destroy(&dbs);
    return l.failed ? -1 : 0;
}
