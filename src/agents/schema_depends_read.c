/* SPDX-License-Identifier: Apache-2.0
 *
 * What the servers hold that depends on a field: indexes, the validator, views; and the drivers that are connected. */
#include "schema_depends_private.h"

#include "architect_read.h"
#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/base/str.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define MOST 200 /* indexes, collections of the database, connections */
#define DEPTH 40
#define DRIVERS 20

struct reading {
    struct sb_depends *out;
    struct sb_conn *conn;
    const char *ns, *field;
    char db[64], coll[192];
    int64_t now;
    bool found, failed;
    char seen[DRIVERS][200]; /* applications with their driver */
    size_t seen_n;
};

static void add(struct reading *r, const char *what, const char *value, const char *coverage)
{
    if (sb_depends_add(r->out, sb_conn_name(r->conn), r->ns, what, value, coverage, r->now))
        r->failed = true;
}

/* ---- indexes ---- */

static bool take_index(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    bson_iter_t it, key;
    bool on = false;
    struct sb_str s;
    sb_str_init(&s);
    if (bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it))
        sb_str_addf(&s, "%.120s (", bson_iter_utf8(&it, NULL));
    bool more = bson_iter_init_find(&it, doc, "key") && BSON_ITER_HOLDS_DOCUMENT(&it) && bson_iter_recurse(&it, &key);
    for (size_t i = 0; more && bson_iter_next(&key); i++) {
        on |= sb_depends_on_path(bson_iter_key(&key), r->field);
        sb_str_addf(&s, "%s%.100s", i ? ", " : "", bson_iter_key(&key));
    }
    static const char *const words[] = {"unique", "sparse", "hidden"};
    sb_str_addc(&s, ')');
    for (size_t i = 0; i < SB_COUNT(words); i++)
        if (bson_iter_init_find(&it, doc, words[i]) && bson_iter_as_bool(&it))
            sb_str_addf(&s, ", %s", words[i]);
    if (bson_has_field(doc, "partialFilterExpression"))
        sb_str_adds(&s, ", partial");
    if (bson_has_field(doc, "expireAfterSeconds"))
        sb_str_adds(&s, ", deletes by time");
    r->failed |= !sb_str_ok(&s);
    if (on && sb_str_ok(&s))
        add(r, "index", s.p, "measured");
    sb_str_release(&s);
    return true;
}

/* ---- the validator, and views ---- */

/* Is the field named anywhere: as a key, as a "$path", or in a list of required names? */
static bool names(const bson_iter_t *at, const char *field, int depth)
{
    bson_iter_t it;
    if (depth > DEPTH)
        return true; /* not looked at: rather one too many */
    if (BSON_ITER_HOLDS_UTF8(at)) {
        const char *text = bson_iter_utf8(at, NULL);
        return sb_streq(text, field) || (text[0] == '$' && sb_depends_on_path(text + 1, field));
    }
    if ((!BSON_ITER_HOLDS_DOCUMENT(at) && !BSON_ITER_HOLDS_ARRAY(at)) || !bson_iter_recurse(at, &it))
        return false;
    while (bson_iter_next(&it))
        if ((BSON_ITER_HOLDS_DOCUMENT(at) && sb_depends_on_path(bson_iter_key(&it), field)) || names(&it, field, depth + 1))
            return true;
    return false;
}

/* Does it hold {from: coll}, {coll: coll}, or the name itself behind $unionWith? */
static bool joins(const bson_iter_t *at, const char *coll, int depth)
{
    bson_iter_t it;
    if (depth > DEPTH || (!BSON_ITER_HOLDS_DOCUMENT(at) && !BSON_ITER_HOLDS_ARRAY(at)) || !bson_iter_recurse(at, &it))
        return false;
    while (bson_iter_next(&it)) {
        bool place = sb_streq(bson_iter_key(&it), "from") || sb_streq(bson_iter_key(&it), "coll") || sb_streq(bson_iter_key(&it), "$unionWith");
        if ((place && BSON_ITER_HOLDS_UTF8(&it) && sb_streq(bson_iter_utf8(&it, NULL), coll)) || joins(&it, coll, depth + 1))
            return true;
    }
    return false;
}

static void take_view(struct reading *r, const char *name, const bson_t *doc)
{
    bson_iter_t it, on, pipeline;
    bool of = bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "options.viewOn", &on) && BSON_ITER_HOLDS_UTF8(&on) && sb_streq(bson_iter_utf8(&on, NULL), r->coll);
    bool has = bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "options.pipeline", &pipeline);
    if (!of && !(has && joins(&pipeline, r->coll, 0)))
        return;
    bool named = r->field && has && names(&pipeline, r->field, 0);
    char *text = sb_format("%.60s.%.120s, %s%s", r->db, name, of ? "of this collection" : "which joins this collection",
                           !r->field ? "" : named ? "; its pipeline names the field" : "; its pipeline does not name the field, but may hand it on");
    if (text)
        add(r, "view", text, "measured");
    r->failed |= !text;
    free(text);
}

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    bson_iter_t it, at;
    const char *name = bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
    bool view = bson_iter_init_find(&it, doc, "type") && BSON_ITER_HOLDS_UTF8(&it) && sb_streq(bson_iter_utf8(&it, NULL), "view");
    r->found |= sb_streq(name, r->coll);
    if (view)
        take_view(r, name, doc);
    else if (sb_streq(name, r->coll) && bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "options.validator", &at) && (!r->field || names(&at, r->field, 0)))
        add(r, "validator", r->field ? "it names the field" : "there is one", "measured");
    return true;
}

/* ---- drivers ---- */

static bool take_connection(void *ctx, const bson_t *doc)
{
    struct reading *r = ctx;
    bson_iter_t it, at;
    char text[200], version[40] = "", driver[60] = "?";
    const char *app = bson_iter_init_find(&it, doc, "appName") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : NULL;
    if (!app || sb_starts_with(app, "signalbox"))
        return true;
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "clientMetadata.driver.name", &at) && BSON_ITER_HOLDS_UTF8(&at))
        snprintf(driver, sizeof driver, "%s", bson_iter_utf8(&at, NULL));
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "clientMetadata.driver.version", &at) && BSON_ITER_HOLDS_UTF8(&at))
        snprintf(version, sizeof version, "%s", bson_iter_utf8(&at, NULL));
    snprintf(text, sizeof text, "%.80s, by the driver %s %s", app, driver, version);
    for (size_t i = 0; i < r->seen_n; i++)
        if (sb_streq(r->seen[i], text))
            return true;
    if (r->seen_n < DRIVERS)
        snprintf(r->seen[r->seen_n++], sizeof r->seen[0], "%s", text);
    return true;
}

static void blind(struct reading *r, const char *what, struct sb_err *err)
{
    char text[300];
    snprintf(text, sizeof text, "the server does not tell: %.250s", err->msg);
    add(r, what, text, "blind");
    *err = (struct sb_err)SB_ERR_INIT;
}

static void read_connections(struct reading *r)
{
    struct sb_err why = SB_ERR_INIT;
    bson_t *c = BCON_NEW("aggregate", BCON_INT32(1), "pipeline", "[", "{", "$currentOp", "{", "allUsers", BCON_BOOL(true), "idleConnections", BCON_BOOL(true), "}", "}", "{", "$project", "{", "appName",
                         BCON_INT32(1), "clientMetadata", BCON_INT32(1), "}", "}", "]", "cursor", "{", "}");
    int64_t n = sb_read_cursor(r->conn, "admin", c, MOST * 10, take_connection, r, &why);
    bson_destroy(c);
    if (n < 0)
        blind(r, "connected", &why);
    for (size_t i = 0; i < r->seen_n; i++)
        add(r, "connected", r->seen[i], "measured");
}

int sb_depends_read(const struct sb_server *server, const char *ns, const char *field, int64_t now, struct sb_depends *out, struct sb_err *err)
{
    struct reading r = {.out = out, .ns = ns, .field = field, .now = now};
    int rc = -1;
    if (!sb_ns_split(ns, r.db, r.coll))
        return sb_fail(err, SB_EINPUT, "\"%.100s\" is not a collection; write it as database.collection", ns);
    if (!(r.conn = sb_architect_connect(server, &out->reads, err)))
        return -1;
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1)), *indexes = BCON_NEW("listIndexes", BCON_UTF8(r.coll));
    if (sb_read_cursor(r.conn, r.db, list, INT64_MAX, take_collection, &r, err) < 0)
        goto out;
    if (!r.found) {
        sb_fail(err, SB_EINPUT, "there is no collection %.200s", ns);
        goto out;
    }
    struct sb_err why = SB_ERR_INIT;
    if (sb_read_cursor(r.conn, r.db, indexes, MOST, take_index, &r, &why) < 0)
        blind(&r, "indexes", &why);
    read_connections(&r);
    rc = r.failed ? sb_fail_nomem(err) : 0;
out:
    bson_destroy(list);
    bson_destroy(indexes);
    sb_conn_close(r.conn);
    return rc;
}
