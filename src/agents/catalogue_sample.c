/* SPDX-License-Identifier: Apache-2.0
 *
 * What a sample of documents says about the fields an index would have. Values are hashed and forgotten. */
#include <signalbox/agents/catalogue.h>
#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>
#include <signalbox/mongo/read_door.h>

#include <string.h>

#define MAX_DEPTH 32
#define MAX_ELEMENTS 1000 /* of one array, looked at */
#define MAX_ASIDE 16      /* fields of indexes that exist */

struct tally {
    const char *path;
    int64_t present, elements, documents_with_array;
    int64_t bytes, key_bytes, values;
    uint64_t *hashes;
    size_t hashes_n, hashes_cap;
    bool array, aside;
};

struct sb_sampling {
    const char **paths;
    struct tally *tallies;
    size_t n;
    int64_t documents;
    bool failed;
};

static size_t value_size(const bson_iter_t *it)
{
    /* the distance to the next element less the name: what the value itself takes */
    return it->next_off > it->d1 && it->d1 ? it->next_off - it->d1 : 1;
}

/* What a key keeps of a value: a byte for its type and its bytes in an order that compares, numbers as wide as a double. */
static size_t key_size(const bson_iter_t *it, size_t n)
{
    switch (bson_iter_type(it)) {
    case BSON_TYPE_UTF8:
        return n > 5 ? n - 5 + 2 : 2; /* without its length */
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_DATE_TIME:
    case BSON_TYPE_TIMESTAMP:
        return 9;
    case BSON_TYPE_BOOL:
    case BSON_TYPE_NULL:
    case BSON_TYPE_UNDEFINED:
    case BSON_TYPE_MINKEY:
    case BSON_TYPE_MAXKEY:
        return 1;
    default:
        return n + 1;
    }
}

static void take_value(struct sb_sampling *s, struct tally *t, const bson_iter_t *it)
{
    size_t n = value_size(it);
    uint8_t type = (uint8_t)bson_iter_type(it);
    uint64_t h = sb_fnv1a(SB_FNV_START, &type, 1);
    if (it->d1)
        h = sb_fnv1a(h, it->raw + it->d1, n);
    t->values++;
    t->bytes += (int64_t)n;
    t->key_bytes += (int64_t)key_size(it, n);
    if (SB_GROW(t->hashes, t->hashes_cap, t->hashes_n + 1)) {
        s->failed = true;
        return;
    }
    t->hashes[t->hashes_n++] = h;
}

/* Takes every value that `path` reaches below a document, through arrays on the way, as an index would. Returns how many. */
static int64_t reach(struct sb_sampling *s, struct tally *t, const bson_iter_t *document, const char *path, int depth)
{
    bson_iter_t it = *document, child;
    size_t n = strcspn(path, ".");
    if (depth > MAX_DEPTH || !bson_iter_find_w_len(&it, path, (int)n))
        return 0;
    const char *rest = path[n] ? path + n + 1 : NULL;
    if (BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &child)) {
        t->array = true;
        int64_t found = 0, looked = 0;
        while (bson_iter_next(&child) && looked++ < MAX_ELEMENTS) {
            bson_iter_t inner;
            if (!rest) {
                take_value(s, t, &child);
                found++;
            } else if (BSON_ITER_HOLDS_DOCUMENT(&child) && bson_iter_recurse(&child, &inner)) {
                found += reach(s, t, &inner, rest, depth + 1);
            }
        }
        return found ? found : !rest;
    }
    if (!rest) {
        take_value(s, t, &it);
        return 1;
    }
    return BSON_ITER_HOLDS_DOCUMENT(&it) && bson_iter_recurse(&it, &child) ? reach(s, t, &child, rest, depth + 1) : 0;
}

/* Of the values that one document has brought, those that differ: an index enters each of them once. */
static int64_t different(struct tally *t, size_t from)
{
    int64_t n = 0;
    for (size_t i = from; i < t->hashes_n; i++) {
        bool seen = false;
        for (size_t k = from; k < i && !seen; k++)
            seen = t->hashes[k] == t->hashes[i];
        n += !seen;
    }
    return n;
}

bool sb_sampling_take(void *sampling, const bson_t *doc)
{
    struct sb_sampling *s = sampling;
    s->documents++;
    for (size_t i = 0; i < s->n; i++) {
        bson_iter_t it;
        if (!bson_iter_init(&it, doc))
            continue;
        size_t from = s->tallies[i].hashes_n;
        int64_t found = reach(s, &s->tallies[i], &it, s->tallies[i].path, 0);
        int64_t entered = s->failed ? 0 : different(&s->tallies[i], from);
        s->tallies[i].present += found > 0;
        s->tallies[i].elements += entered ? entered : found > 0;
    }
    return !s->failed;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int64_t distinct(struct tally *t)
{
    int64_t n = 0;
    if (t->hashes_n)
        qsort(t->hashes, t->hashes_n, sizeof *t->hashes, compare_u64);
    for (size_t i = 0; i < t->hashes_n; i++)
        n += i == 0 || t->hashes[i] != t->hashes[i - 1];
    return n;
}

static int keep(const struct sb_sampling *s, struct sb_catalogue *c)
{
    for (size_t i = 0; i < s->n; i++) {
        struct tally *t = &s->tallies[i];
        struct sb_field_fact *f = SB_PUSH(c->fields);
        if (!f || sb_str_set(&f->path, t->path))
            return -1;
        f->array = t->array;
        f->present_ppm = s->documents ? t->present * 1000000 / s->documents : 0;
        f->distinct_ppm = t->values ? distinct(t) * 1000000 / t->values : 0;
        f->array_mean_milli = t->present ? t->elements * 1000 / t->present : 1000;
        f->value_bytes = t->values ? t->bytes / t->values : 0;
        f->key_bytes = t->values ? (t->key_bytes + t->values / 2) / t->values : 0;
        f->aside = t->aside;
    }
    c->sampled = s->documents;
    return 0;
}

/* Paths of ordered indexes that exist, behind those that were asked for. Returns how many there are then. */
static size_t add_aside(const struct sb_catalogue *c, const char **paths, size_t n)
{
    size_t asked = n;
    for (size_t i = 0; i < c->indexes_n; i++)
        for (size_t k = 0; k < c->indexes[i].fields_n && n < asked + MAX_ASIDE; k++) {
            const char *path = c->indexes[i].fields[k].path;
            bool have = !path || !c->indexes[i].fields[k].direction || !path[0] || path[0] == '$';
            for (size_t m = 0; m < n && !have; m++)
                have = strcmp(paths[m], path) == 0;
            if (!have)
                paths[n++] = path;
        }
    return n;
}

struct sb_sampling *sb_sampling_new(const struct sb_catalogue *c, const char *const *paths, size_t n)
{
    struct sb_sampling *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->paths = calloc(n + MAX_ASIDE, sizeof *s->paths);
    s->tallies = calloc(n + MAX_ASIDE, sizeof *s->tallies);
    if (!s->paths || !s->tallies) {
        int ignored = sb_sampling_end(s, NULL);
        (void)ignored;
        return NULL;
    }
    memcpy(s->paths, paths, n * sizeof *paths);
    s->n = add_aside(c, s->paths, n);
    for (size_t i = 0; i < s->n; i++) {
        s->tallies[i].path = s->paths[i];
        s->tallies[i].aside = i >= n;
    }
    return s;
}

int sb_sampling_end(struct sb_sampling *s, struct sb_catalogue *c)
{
    int rc = c && (s->failed || keep(s, c)) ? -1 : 0;
    for (size_t i = 0; i < s->n; i++)
        free(s->tallies[i].hashes);
    free(s->tallies);
    free(s->paths);
    free(s);
    return rc;
}

/* ---- read from a server ---- */

static void append_projection(bson_t *parent, const char *const *paths, size_t n)
{
    bson_t project;
    BSON_APPEND_DOCUMENT_BEGIN(parent, "$project", &project);
    for (size_t i = 0; i < n; i++) {
        bool covered = false; /* the server refuses a path beside its own prefix */
        for (size_t k = 0; k < n && !covered; k++) {
            size_t len = strlen(paths[k]);
            covered = k != i && strncmp(paths[i], paths[k], len) == 0 && (paths[i][len] == '.' || (paths[i][len] == '\0' && k < i));
        }
        if (!covered)
            BSON_APPEND_INT32(&project, paths[i], 1);
    }
    bson_append_document_end(parent, &project);
}

/* $sample, or where the server has none the first documents that a find gives, which is said. */
static int64_t sample(struct sb_conn *conn, const char *db, const char *coll, const char *const *paths, size_t n, int64_t want,
                      struct sb_sampling *s, bool *random, struct sb_err *err)
{
    bson_t command, pipeline, stage, sub, cursor;
    bson_init(&command);
    BSON_APPEND_UTF8(&command, "aggregate", coll);
    BSON_APPEND_ARRAY_BEGIN(&command, "pipeline", &pipeline);
    BSON_APPEND_DOCUMENT_BEGIN(&pipeline, "0", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$sample", &sub);
    BSON_APPEND_INT64(&sub, "size", want);
    bson_append_document_end(&stage, &sub);
    bson_append_document_end(&pipeline, &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&pipeline, "1", &stage);
    append_projection(&stage, paths, n);
    bson_append_document_end(&pipeline, &stage);
    bson_append_array_end(&command, &pipeline);
    BSON_APPEND_DOCUMENT_BEGIN(&command, "cursor", &cursor);
    BSON_APPEND_INT64(&cursor, "batchSize", want);
    bson_append_document_end(&command, &cursor);
    *random = true;
    int64_t got = sb_read_cursor(conn, db, &command, want, sb_sampling_take, s, err);
    bson_destroy(&command);
    if (got < 0 && err->code == SB_ECOMMAND) {
        *random = false;
        bson_t *find = BCON_NEW("find", BCON_UTF8(coll), "limit", BCON_INT64(want), "batchSize", BCON_INT64(want));
        got = sb_read_cursor(conn, db, find, want, sb_sampling_take, s, err);
        bson_destroy(find);
    }
    return got;
}

int sb_catalogue_sample(const struct sb_server *server, const struct sb_members *members, struct sb_catalogue *c,
                        const char *const *asked, size_t asked_n, int64_t want, struct sb_err *err)
{
    char db[64], coll[192];
    if (asked_n == 0 || !sb_ns_split(c->ns, db, coll))
        return 0;
    struct sb_sampling *s = sb_sampling_new(c, asked, asked_n);
    if (!s)
        return sb_fail_nomem(err);
    const char *member = members->data_n ? members->data[0] : members->primary;
    for (size_t i = 0; i < members->data_n; i++) /* a heavy read belongs on a secondary */
        if (members->primary && strcmp(members->data[i], members->primary) != 0) {
            member = members->data[i];
            break;
        }
    int rc = -1;
    bool random = false;
    struct sb_err why = SB_ERR_INIT;
    struct sb_conn *conn = member ? sb_conn_to_member(server, member, SB_LANE_BULK, &why) : NULL;
    int64_t got = conn ? sample(conn, db, coll, s->paths, s->n, want, s, &random, &why) : -1;
    char *line = sb_format("%s: %s of %lld documents", member ? member : "?", random ? "$sample" : "find", (long long)want);
    if (!line || s->failed || sb_strs_push(&c->commands, &c->commands_n, line)) {
        sb_fail_nomem(err);
    } else if (got < 0) {
        char *blind = sb_format("values of fields: no sample could be taken (%s)", why.msg);
        rc = blind && sb_strs_push(&c->blind, &c->blind_n, blind) == 0 ? 0 : sb_fail_nomem(err);
        free(blind);
    } else if (!random && sb_strs_push(&c->blind, &c->blind_n, "values of fields: the server has no $sample, so the first documents stand for all")) {
        sb_fail_nomem(err);
    } else {
        rc = 0;
    }
    free(line);
    sb_conn_close(conn);
    if (sb_sampling_end(s, rc == 0 && got >= 0 ? c : NULL))
        rc = sb_fail_nomem(err);
    return rc;
}
