/* SPDX-License-Identifier: Apache-2.0 */
#include "architect.h"
#include "architect_read.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/schema_index.h>
#include <signalbox/base/array.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>

#define MANY_INDEXES 20
#define LONG_ARRAY 200 /* keys of one document in one index */
#define MAX_SPOTS 16
#define VIEW 166 /* CommandNotSupportedOnView */

/* Where a dotted path leads: it may end in several places, now through an array, now not. */
struct spots {
    const struct sb_seen_types *types[MAX_SPOTS];
    size_t n;
    uint64_t longest; /* array on the way, or at its end */
    bool unknown;     /* names on the way are folded, or there were too many places */
};

static void note_array(struct spots *s, const struct sb_seen_types *types)
{
    for (size_t i = 0; i < types->n; i++)
        if (types->item[i]->type == SB_BSON_ARRAY && types->item[i]->of.array && types->item[i]->of.array->length.most > s->longest)
            s->longest = types->item[i]->of.array->length.most;
}

static void follow(struct spots *s, const struct sb_seen_object *o, const char *path);

static void follow_types(struct spots *s, const struct sb_seen_types *types, const char *rest)
{
    for (size_t i = 0; i < types->n; i++) {
        const struct sb_seen_type *t = types->item[i];
        if (t->type == SB_BSON_OBJECT && t->of.object)
            follow(s, t->of.object, rest);
        else if (t->type == SB_BSON_ARRAY && t->of.array)
            follow_types(s, &t->of.array->types, rest);
    }
}

static void follow(struct spots *s, const struct sb_seen_object *o, const char *path)
{
    size_t n = strcspn(path, ".");
    s->unknown = s->unknown || o->rest || o->unlisted;
    for (size_t i = 0; i < o->n; i++) {
        const struct sb_seen_types *types = &o->field[i]->types;
        if (o->field[i]->full_n != n || memcmp(o->field[i]->name, path, n) != 0)
            continue;
        note_array(s, types);
        if (path[n])
            follow_types(s, types, path + n + 1);
        else if (s->n < MAX_SPOTS)
            s->types[s->n++] = types;
        else
            s->unknown = true;
    }
}

/* ---- findings ---- */

int sb_schema_found(struct sb_schema_findings *out, struct sb_err *err, const char *code, const char *fmt, ...)
{
    struct sb_str text;
    va_list ap;
    sb_str_init(&text);
    va_start(ap, fmt);
    sb_str_vaddf(&text, fmt, ap);
    va_end(ap);
    char *sentence = sb_str_take(&text), *path = sb_format("%s", "");
    if (!sentence || !path || SB_GROW(out->item, out->cap, out->n + 1)) {
        free(sentence);
        free(path);
        return sb_fail_nomem(err);
    }
    out->item[out->n++] = (struct sb_schema_finding){.code = code, .path = path, .text = sentence};
    size_t *link = &out->found;
    while (*link)
        link = &out->item[*link - 1].next;
    *link = out->n;
    return 0;
}

static uint64_t count_type(const struct spots *s, uint8_t type, uint64_t *all)
{
    uint64_t n = 0;
    *all = 0;
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->types[i]->n; k++) {
            const struct sb_seen_type *t = s->types[i]->item[k];
            const struct sb_seen_types *inner = t->type == SB_BSON_ARRAY && t->of.array ? &t->of.array->types : NULL;
            *all += t->count;
            n += t->type == type ? t->count : 0;
            for (size_t m = 0; inner && m < inner->n; m++) /* one date in an array will do */
                if (inner->item[m]->type == type) {
                    n += t->count;
                    break;
                }
        }
    return n;
}

static int look_at_key(const struct sb_infer *in, const char *name, const char *path, bool complete, struct sb_schema_findings *out, struct sb_err *err)
{
    struct spots s = {.n = 0};
    uint64_t documents = sb_infer_root(in)->count;
    follow(&s, sb_infer_root(in), path);
    if (s.unknown)
        return 0;
    if (s.n == 0)
        return sb_schema_found(out, err, "index_on_missing_field", "index %s: none of the %" PRIu64 " documents%s has %s", name, documents, complete ? "" : " of the sample", path);
    if (s.longest >= LONG_ARRAY)
        return sb_schema_found(out, err, "index_on_long_array", "index %s: an array on the way to %s has up to %" PRIu64 " elements, and a document has as many keys in it", name, path,
                    s.longest);
    return 0;
}

static int look_at_ttl(const struct sb_infer *in, const char *name, const char *path, struct sb_schema_findings *out, struct sb_err *err)
{
    struct spots s = {.n = 0};
    uint64_t all;
    follow(&s, sb_infer_root(in), path);
    uint64_t dates = count_type(&s, SB_BSON_DATE, &all);
    if (s.unknown || all == 0 || dates == all)
        return 0;
    return sb_schema_found(out, err, "ttl_without_date", "index %s: %" PRIu64 " of %" PRIu64 " values of %s are no date, and their documents never expire", name, all - dates, all, path);
}

int sb_schema_find_index(const struct sb_infer *in, const bson_t *index, bool complete, struct sb_schema_findings *out, struct sb_err *err)
{
    bson_iter_t it, key;
    if (sb_infer_root(in)->count < SB_INDEX_EVIDENCE)
        return 0;
    const char *name = bson_iter_init_find(&it, index, "name") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "?";
    bool ttl = bson_iter_init_find(&it, index, "expireAfterSeconds");
    if (!bson_iter_init_find(&it, index, "key") || !BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &key))
        return 0;
    while (bson_iter_next(&key)) {
        const char *path = bson_iter_key(&key);
        if (strcmp(path, "_id") == 0 || path[0] == '_' || strstr(path, "$**")) /* of text indexes, and of all there is */
            continue;
        if (look_at_key(in, name, path, complete, out, err) || (ttl && look_at_ttl(in, name, path, out, err)))
            return -1;
    }
    return 0;
}

int sb_schema_find_indexes(size_t n, struct sb_schema_findings *out, struct sb_err *err)
{
    return n < MANY_INDEXES ? 0 : sb_schema_found(out, err, "many_indexes", "%zu indexes: each write keeps all of them (a server takes 64)", n);
}

/* ---- where they come from ---- */

struct listing {
    const struct sb_infer *in;
    struct sb_schema_findings *out;
    struct sb_err *err;
    size_t n;
    bool complete, failed;
};

static bool take_index(void *ctx, const bson_t *index)
{
    struct listing *l = ctx;
    l->n++;
    l->failed = sb_schema_find_index(l->in, index, l->complete, l->out, l->err) != 0;
    return !l->failed;
}

int sb_schema_find_live_indexes(const struct sb_server *server, const char *ns, const struct sb_infer *in, bool complete, struct sb_schema_findings *out, struct sb_reads *reads,
                                struct sb_err *err)
{
    struct listing l = {.in = in, .out = out, .err = err, .complete = complete};
    struct sb_err why = SB_ERR_INIT;
    char db[64], coll[192];
    if (!sb_ns_split(ns, db, coll))
        return sb_fail(err, SB_EUSAGE, "%s is not a collection's name; write it as database.collection", ns);
    struct sb_conn *conn = sb_architect_connect(server, reads, err);
    if (!conn)
        return -1;
    bson_t *list = BCON_NEW("listIndexes", BCON_UTF8(coll));
    int64_t n = sb_read_cursor(conn, db, list, 1000, take_index, &l, &why);
    bson_destroy(list);
    sb_conn_close(conn);
    if (l.failed)
        return -1;
    if (n < 0) /* a view has none */
        return why.detail == VIEW ? 0 : sb_schema_found(out, err, "blind", "its indexes could not be looked at: %s", why.msg);
    return sb_schema_find_indexes(l.n, out, err);
}

int sb_schema_find_dumped_indexes(const bson_t *metadata, const struct sb_infer *in, bool complete, struct sb_schema_findings *out, struct sb_err *err)
{
    struct listing l = {.in = in, .out = out, .err = err, .complete = complete};
    bson_iter_t it, one;
    if (!bson_iter_init_find(&it, metadata, "indexes") || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &one))
        return 0;
    while (bson_iter_next(&one)) {
        const uint8_t *data;
        uint32_t n;
        bson_t index;
        if (!BSON_ITER_HOLDS_DOCUMENT(&one))
            continue;
        bson_iter_document(&one, &n, &data);
        if (bson_init_static(&index, data, n) && !take_index(&l, &index))
            return -1;
    }
    return sb_schema_find_indexes(l.n, out, err);
}
