/* SPDX-License-Identifier: Apache-2.0 */
#include "architect.h"
#include "architect_read.h"
#include "bson_get.h"

#include <signalbox/agents/schema_crowd.h>
#include <signalbox/base/record.h>
#include <signalbox/base/str.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define DATABASES_TOLD 3
#define LONGEST_FAMILY 80 /* bytes of it that are told */

/* ---- what there is ---- */

int sb_crowd_add_name(struct sb_crowd *c, const char *name)
{
    char out[256];
    size_t n = 0;
    for (const char *p = name; *p && n + 1 < sizeof out;) {
        size_t digits = strspn(p, "0123456789");
        out[n++] = digits ? '#' : *p;
        p += digits ? digits : 1;
    }
    out[n] = '\0';
    return sb_strs_push(&c->family, &c->family_n, out);
}

static int by_count(const void *a, const void *b)
{
    const struct sb_crowd_database *x = a, *y = b;
    return x->collections != y->collections ? (x->collections < y->collections) - (x->collections > y->collections) : strcmp(x->name, y->name);
}

const struct sb_crowd_database *sb_crowd_largest(const struct sb_crowd *c)
{
    const struct sb_crowd_database *most = NULL;
    for (size_t i = 0; i < c->n; i++)
        if (!most || by_count(&c->database[i], most) < 0)
            most = &c->database[i];
    return most;
}

void sb_crowd_release(struct sb_crowd *c)
{
    for (size_t i = 0; i < c->family_n; i++)
        free(c->family[i]);
    free(c->family);
    c->family = NULL;
    c->family_n = 0;
}

/* ---- what there is to say ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The largest family among the names; its size. A name without a digit is of none. */
static size_t alike(struct sb_crowd *c, const char **family)
{
    size_t most = 0;
    *family = NULL;
    if (c->family_n)
        qsort(c->family, c->family_n, sizeof *c->family, by_text);
    for (size_t i = 0, k; i < c->family_n; i = k) {
        for (k = i + 1; k < c->family_n && strcmp(c->family[i], c->family[k]) == 0;)
            k++;
        if (k - i > most && strchr(c->family[i], '#')) {
            most = k - i;
            *family = c->family[i];
        }
    }
    return most;
}

static void tell(const struct sb_crowd *c, int64_t collections, int64_t indexes, int64_t bytes, struct sb_str *s)
{
    sb_str_addf(s, "%s%" PRId64 " collections", c->more ? "at least " : "", collections);
    for (size_t i = 0; i < c->n && i < DATABASES_TOLD; i++)
        sb_str_addf(s, "%s%s %" PRId64, i ? ", " : " (", c->database[i].name, c->database[i].collections);
    sb_str_addf(s, "%s)", c->n > DATABASES_TOLD ? ", ..." : "");
    if (indexes >= 0)
        sb_str_addf(s, ", with %" PRId64 " indexes", indexes);
    if (indexes >= 0 && bytes >= 0)
        sb_str_addf(s, " of %" PRId64 " bytes", bytes);
    sb_str_addf(s, "; MongoDB advises at most %d in a replica set, for each is opened and kept up, however little it holds", SB_CROWD_LIMIT);
}

int sb_schema_find_crowd(struct sb_crowd *c, struct sb_schema_findings *out, struct sb_err *err)
{
    int64_t collections = 0, indexes = 0, bytes = 0;
    const char *family;
    size_t same = alike(c, &family);
    struct sb_str s;
    qsort(c->database, c->n, sizeof *c->database, by_count);
    for (size_t i = 0; i < c->n; i++) {
        const struct sb_crowd_database *d = &c->database[i];
        collections += d->collections;
        indexes = indexes < 0 || d->indexes < 0 ? -1 : indexes + d->indexes;
        bytes = bytes < 0 || d->index_bytes < 0 ? -1 : bytes + d->index_bytes;
    }
    bool of_a_kind = same >= SB_CROWD_ALIKE && 2 * (int64_t)same > c->database[0].collections;
    if (collections < SB_CROWD_LIMIT && !of_a_kind)
        return 0;
    sb_str_init(&s);
    tell(c, collections, indexes, bytes, &s);
    if (of_a_kind)
        sb_str_addf(&s, ". %zu of %s differ in the digits of their names only (%.*s): one collection with these as a field, first in its index, holds the same", same, c->database[0].name, LONGEST_FAMILY, family);
    int rc = sb_str_ok(&s) ? sb_schema_found(out, err, "many_collections", "%s", s.p) : sb_fail_nomem(err);
    sb_str_release(&s);
    return rc;
}

/* ---- where it comes from ---- */

/* One database. What it does not tell, for whatever reason, is left out; a collection of a cluster is counted once a shard. */
static void ask(struct sb_conn *conn, struct sb_crowd *c, const char *name)
{
    struct sb_err none = SB_ERR_INIT;
    bson_t reply;
    if (strcmp(name, "admin") == 0 || strcmp(name, "local") == 0 || strcmp(name, "config") == 0)
        return;
    if (c->n == SB_CROWD_DATABASES || strlen(name) >= sizeof c->database[0].name || sb_read_json(conn, name, "{\"dbStats\": 1}", &reply, &none)) {
        c->more = true;
        return;
    }
    struct sb_crowd_database *d = &c->database[c->n];
    *d = (struct sb_crowd_database){.collections = sb_number_of(&reply, "collections"), .indexes = sb_number_of(&reply, "indexes"), .index_bytes = sb_number_of(&reply, "indexSize")};
    snprintf(d->name, sizeof d->name, "%s", name);
    if (d->collections >= 0 && !bson_has_field(&reply, "raw"))
        c->n++;
    else
        c->more = true;
    bson_destroy(&reply);
}

static int ask_each(struct sb_conn *conn, struct sb_crowd *c)
{
    struct sb_err none = SB_ERR_INIT;
    bson_t reply;
    bson_iter_t it, one, at;
    if (sb_read_json(conn, "admin", "{\"listDatabases\": 1, \"nameOnly\": true}", &reply, &none))
        return -1;
    for (bool more = bson_iter_init_find(&it, &reply, "databases") && BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &one) && bson_iter_next(&one); more; more = bson_iter_next(&one))
        if (BSON_ITER_HOLDS_DOCUMENT(&one) && bson_iter_recurse(&one, &at) && bson_iter_find(&at, "name") && BSON_ITER_HOLDS_UTF8(&at))
            ask(conn, c, bson_iter_utf8(&at, NULL));
    bson_destroy(&reply);
    return 0;
}

struct naming {
    struct sb_crowd *c;
    bool failed;
};

static bool take_name(void *ctx, const bson_t *doc)
{
    struct naming *n = ctx;
    const char *type = sb_text_at(doc, "type"), *name = sb_text_at(doc, "name");
    if (name && !sb_streq(type, "view"))
        n->failed = sb_crowd_add_name(n->c, name) != 0;
    return !n->failed;
}

int sb_schema_find_live_crowd(const struct sb_server *server, struct sb_schema_findings *out, struct sb_reads *reads, struct sb_err *err)
{
    struct sb_err none = SB_ERR_INIT;
    struct sb_conn *conn = sb_architect_connect(server, reads, err);
    struct sb_crowd *c = conn ? calloc(1, sizeof *c) : NULL;
    struct naming naming = {.c = c};
    int rc = conn ? 0 : -1;
    if (conn && !c)
        rc = sb_fail_nomem(err);
    const struct sb_crowd_database *most = rc == 0 && ask_each(conn, c) == 0 ? sb_crowd_largest(c) : NULL;
    if (most && most->collections >= SB_CROWD_ALIKE)
        sb_read_cursor_json(conn, most->name, "{\"listCollections\": 1, \"nameOnly\": true}", SB_CROWD_NAMES, take_name, &naming, &none);
    if (naming.failed)
        rc = sb_fail_nomem(err);
    else if (most)
        rc = sb_schema_find_crowd(c, out, err);
    if (c)
        sb_crowd_release(c);
    free(c);
    sb_conn_close(conn);
    return rc;
}
