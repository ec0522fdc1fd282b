/* SPDX-License-Identifier: Apache-2.0
 *
 * What would break a change of a field, looked for before anything is planned. Each question stops at the first document that
 * answers it, and has a time limit; where that is not enough the card says that it is not known. */
#include "schema_change_private.h"

#include "architect_read.h"
#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/schema_validator.h>
#include <signalbox/base/str.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define MAX_TIME_EXCEEDED 50
#define MAX_FIELD 200

void sb_change_facts_release(struct change_facts *f)
{
    for (size_t i = 0; i < f->evidence_n; i++)
        sb_record_release(&sb_evidence_schema, &f->evidence[i]);
    free(f->evidence);
    free(f->indexes);
    memset(f, 0, sizeof *f);
}

/* ---- names ---- */

static int check_name(const char *name, const char *what, struct sb_err *err)
{
    size_t n = name ? strlen(name) : 0;
    if (n == 0 || n > MAX_FIELD || name[0] == '.' || name[n - 1] == '.' || strstr(name, ".."))
        return sb_fail(err, SB_EINPUT, "the %s has 1 to %d bytes, and no part of a path may be empty", what, MAX_FIELD);
    if (strcmp(name, "_id") == 0 || sb_starts_with(name, "_id."))
        return sb_fail(err, SB_EINPUT, "_id cannot be changed: a document keeps it for life");
    for (const char *p = name; *p; p += strcspn(p, "."), p += *p == '.') {
        size_t len = strcspn(p, ".");
        if (*p == '$' || memchr(p, '$', len))
            return sb_fail(err, SB_EINPUT, "the %s holds a $, which commands would take for an operator", what);
        if (strspn(p, "0123456789") == len)
            return sb_fail(err, SB_EINPUT, "the %s names a position in an array: such a field cannot be moved by a pipeline", what);
    }
    if (strpbrk(name, "{}[]"))
        return sb_fail(err, SB_EINPUT, "the %s holds a bracket", what);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
            return sb_fail(err, SB_EINPUT, "the %s holds control characters", what);
    return 0;
}

static bool path_within(const char *inner, const char *outer)
{
    size_t n = strlen(outer);
    return strncmp(inner, outer, n) == 0 && inner[n] == '.';
}

int sb_change_names(const struct sb_change_question *q, struct sb_err *err)
{
    if (check_name(q->field, "field's name", err))
        return -1;
    if (q->change == SB_CHANGE_RETYPE && !(q->type && (!q->from_type || sb_change_converts(q->from_type, q->type))))
        return sb_fail(err, SB_EINPUT, "from %.30s to %.30s there is no way that keeps what a value says", q->from_type ? q->from_type : "?", q->type ? q->type : "?");
    if (q->change == SB_CHANGE_EMBED && (strchr(q->field, '.') || (q->new_field && strchr(q->new_field, '.'))))
        return sb_fail(err, SB_EINPUT, "what refers, and what gets the copy, are fields of the document itself, and lie within no other");
    if (q->change == SB_CHANGE_EXTRACT && strchr(q->field, '.'))
        return sb_fail(err, SB_EINPUT, "%.100s lies within another field: move it to the top first, \"rename %.60s to NAME in ...\"", q->field, q->field);
    if (q->change != SB_CHANGE_RENAME && q->change != SB_CHANGE_EMBED)
        return 0;
    if (check_name(q->new_field, "field's new name", err))
        return -1;
    if (strcmp(q->field, q->new_field) == 0)
        return sb_fail(err, SB_EINPUT, "the field is called %.100s already", q->field);
    if (path_within(q->field, q->new_field) || path_within(q->new_field, q->field))
        return sb_fail(err, SB_EINPUT, "one of %.90s and %.90s lies within the other: they cannot stand beside each other for a while", q->field, q->new_field);
    return 0;
}

/* ---- the server's answers ---- */

int sb_change_evidence(struct change_look *l, const char *what, const char *value, const char *coverage)
{
    return sb_evidence_add(&l->f->evidence, &l->f->evidence_n, sb_conn_name(l->conn), l->q->ns, what, value, coverage, l->q->now);
}

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct change_look *l = ctx;
    bson_iter_t it, at;
    bson_t options;
    l->found = true;
    if (bson_iter_init_find(&it, doc, "type") && BSON_ITER_HOLDS_UTF8(&it))
        snprintf(l->kind, sizeof l->kind, "%s", bson_iter_utf8(&it, NULL));
    if (bson_iter_init_find(&it, doc, "options") && sb_sub_document(&it, &options) && !l->have_options) {
        bson_copy_to(&options, &l->options);
        l->have_options = true;
        l->capped = bson_iter_init_find(&at, &options, "capped") && bson_iter_as_bool(&at);
    }
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "info.uuid", &at) && BSON_ITER_HOLDS_BINARY(&at)) {
        bson_subtype_t subtype;
        uint32_t len;
        const uint8_t *data;
        bson_iter_binary(&at, &subtype, &len, &data);
        for (uint32_t i = 0; len == 16 && i < len; i++)
            snprintf(l->f->uuid + 2 * i, 3, "%02x", data[i]);
    }
    return false;
}

static bool touches(const bson_t *key, const char *field)
{
    bson_iter_t it;
    for (bool more = bson_iter_init(&it, key) && bson_iter_next(&it); more; more = bson_iter_next(&it))
        if (strcmp(bson_iter_key(&it), field) == 0 || path_within(bson_iter_key(&it), field) || path_within(field, bson_iter_key(&it)))
            return true;
    return false;
}

/* An index on the field alone, and when documents expire by it. */
static void take_index_alone(struct change_look *l, const bson_t *doc, const bson_t *key)
{
    bson_iter_t it;
    const char *name = bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "?";
    if (bson_count_keys(key) != 1 || !bson_has_field(key, l->q->field))
        return;
    snprintf(l->f->plain_index, sizeof l->f->plain_index, "%s", name);
    if (bson_iter_init_find(&it, doc, "expireAfterSeconds") && BSON_ITER_HOLDS_NUMBER(&it)) {
        l->f->ttl_s = bson_iter_as_int64(&it);
        snprintf(l->f->ttl_name, sizeof l->f->ttl_name, "%s", name);
    }
}

static bool take_index(void *ctx, const bson_t *doc)
{
    struct change_look *l = ctx;
    bson_iter_t it;
    bson_t key;
    if (!bson_iter_init_find(&it, doc, "key") || !sb_sub_document(&it, &key))
        return true;
    bson_iter_t first;
    l->leads |= bson_iter_init(&first, &key) && bson_iter_next(&first) && strcmp(bson_iter_key(&first), l->q->field) == 0 && !bson_has_field(doc, "hidden");
    bool unique = bson_iter_init_find(&it, doc, "unique") && bson_iter_as_bool(&it);
    if (touches(&key, l->q->field))
        sb_str_addf(&l->on_field, "%s%.120s%s", l->on_field.len ? ", " : "", bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "?", unique ? " (unique)" : "");
    if (l->q->change == SB_CHANGE_EXPIRE)
        take_index_alone(l, doc, &key);
    if (l->q->change == SB_CHANGE_SERIES && unique)
        sb_str_addf(&l->uniques, "%s%.120s", l->uniques.len ? ", " : "", bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "?");
    if (touches(&key, l->q->field) && bson_has_field(doc, "expireAfterSeconds"))
        snprintf(l->ttl, sizeof l->ttl, "%s", bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "?");
    bool given = l->q->change == SB_CHANGE_RENAME || l->q->change == SB_CHANGE_ADD || l->q->change == SB_CHANGE_RETYPE;
    bool goes = l->q->change == SB_CHANGE_RENAME || l->q->change == SB_CHANGE_REMOVE || l->q->change == SB_CHANGE_EXTRACT;
    bool everywhere = !bson_has_field(doc, "partialFilterExpression") && !(bson_iter_init_find(&it, doc, "sparse") && bson_iter_as_bool(&it));
    if (goes && unique && everywhere && touches(&key, l->q->field))
        snprintf(l->unique_old, sizeof l->unique_old, "%s", bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "?");
    if (given && unique && touches(&key, l->q->change == SB_CHANGE_RENAME ? l->q->new_field : l->q->field))
        l->unique_new = true;
    return true;
}

static bool take_shard_key(void *ctx, const bson_t *doc)
{
    struct change_look *l = ctx;
    bson_iter_t it;
    bson_t key;
    l->sharded = true;
    if (bson_iter_init_find(&it, doc, "key") && sb_sub_document(&it, &key))
        l->on_shard_key = touches(&key, l->q->field) || (l->q->new_field && touches(&key, l->q->new_field));
    return false;
}

static bool take_one(void *ctx, const bson_t *doc)
{
    (void)doc;
    *(bool *)ctx = true;
    return false;
}

int sb_change_any(struct change_look *l, bson_t *filter, struct sb_err *err)
{
    bool found = false;
    bson_t *c = BCON_NEW("find", BCON_UTF8(l->f->coll), "filter", BCON_DOCUMENT(filter), "projection", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
    int64_t n = sb_read_cursor(l->conn, l->f->db, c, 1, take_one, &found, err);
    bson_destroy(c);
    bson_destroy(filter);
    if (n < 0 && err->code == SB_ECOMMAND && (err->detail == MAX_TIME_EXCEEDED || sb_server_lacks(err->detail))) {
        *err = (struct sb_err)SB_ERR_INIT;
        return 2;
    }
    return n < 0 ? -1 : found;
}

int64_t sb_change_count(struct change_look *l, bson_t *filter, char *note, size_t cap, struct sb_err *err)
{
    struct sb_dry_run run;
    int rc = sb_count_fits(l->conn, l->q->ns, l->f->documents, filter, &run, err);
    int64_t n = rc ? -1 : run.offenders;
    if (rc == 0)
        snprintf(note, cap, "%s", run.note);
    sb_dry_run_release(&run);
    bson_destroy(filter);
    return n;
}

static int read_collection(struct change_look *l, struct sb_err *err)
{
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(l->f->coll), "}");
    int64_t n = sb_read_cursor(l->conn, l->f->db, list, 1, take_collection, l, err);
    bson_destroy(list);
    if (n < 0)
        return -1;
    if (!l->found)
        return sb_fail(err, SB_EINPUT, "there is no collection %.200s", l->q->ns);
    if (strcmp(l->kind, "view") == 0)
        return sb_fail(err, SB_EINPUT, "%.200s is a view: change the collection behind it", l->q->ns);
    if (strcmp(l->kind, "timeseries") == 0)
        return sb_fail(err, SB_EINPUT, "%.200s is a time series: its measurements cannot be updated field by field", l->q->ns);
    if (l->capped)
        return sb_fail(err, SB_EINPUT, "%.200s is capped: its documents %s", l->q->ns, l->q->change == SB_CHANGE_EXPIRE || l->q->change == SB_CHANGE_ARCHIVE ? "go when it is full, and by no time" : "may not grow or shrink");
    bson_t *indexes = BCON_NEW("listIndexes", BCON_UTF8(l->f->coll));
    n = sb_read_cursor(l->conn, l->f->db, indexes, 100, take_index, l, err);
    bson_destroy(indexes);
    bson_t *stats = BCON_NEW("collStats", BCON_UTF8(l->f->coll)), reply;
    int rc = n < 0 ? -1 : sb_read(l->conn, l->f->db, stats, &reply, err);
    bson_destroy(stats);
    if (rc)
        return -1;
    bson_iter_t it;
    l->f->documents = bson_iter_init_find(&it, &reply, "count") && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : 0;
    l->f->bytes = bson_iter_init_find(&it, &reply, "size") && BSON_ITER_HOLDS_NUMBER(&it) ? bson_iter_as_int64(&it) : 0;
    bson_destroy(&reply);
    bson_t *config = BCON_NEW("find", "collections", "filter", "{", "_id", BCON_UTF8(l->q->ns), "}", "limit", BCON_INT64(1));
    struct sb_err none = SB_ERR_INIT; /* where there is no sharding there is no such collection, or nobody may read it */
    sb_read_cursor(l->conn, "config", config, 1, take_shard_key, l, &none);
    bson_destroy(config);
    bool moves = l->q->change == SB_CHANGE_ARCHIVE || l->q->change == SB_CHANGE_EXTRACT || l->q->change == SB_CHANGE_EMBED;
    if (l->sharded && moves)
        return sb_fail(err, SB_EINPUT, "%.200s is sharded: documents are moved within one shard only", l->q->ns);
    if (l->on_shard_key && l->q->change != SB_CHANGE_EXPIRE && l->q->change != SB_CHANGE_SERIES)
        return sb_fail(err, SB_EINPUT, "%.100s is part of the shard key of %.150s: the key says where a document lives", l->q->field, l->q->ns);
    return 0;
}

/* ---- the validator ---- */

static bool named(const bson_t *doc, const char *path, const char *name)
{
    bson_iter_t it, at, item;
    if (!bson_iter_init(&it, doc) || !bson_iter_find_descendant(&it, path, &at))
        return false;
    if (BSON_ITER_HOLDS_DOCUMENT(&at))
        return bson_iter_recurse(&at, &item) && bson_iter_find(&item, name);
    for (bool more = BSON_ITER_HOLDS_ARRAY(&at) && bson_iter_recurse(&at, &item) && bson_iter_next(&item); more; more = bson_iter_next(&item))
        if (BSON_ITER_HOLDS_UTF8(&item) && strcmp(bson_iter_utf8(&item, NULL), name) == 0)
            return true;
    return false;
}

static int check_validator(struct change_look *l, struct sb_err *err)
{
    bson_iter_t it, at;
    const char *added = l->q->change == SB_CHANGE_RENAME || l->q->change == SB_CHANGE_EMBED ? l->q->new_field : l->q->change == SB_CHANGE_ADD ? l->q->field : NULL;
    if (l->q->change == SB_CHANGE_EXPIRE || l->q->change == SB_CHANGE_ARCHIVE || !l->have_options || !bson_iter_init_find(&it, &l->options, "validator"))
        return 0;
    l->f->validated = true;
    bool closed = bson_iter_init(&it, &l->options) && bson_iter_find_descendant(&it, "validator.$jsonSchema.additionalProperties", &at) && BSON_ITER_HOLDS_BOOL(&at) && !bson_iter_bool(&at);
    if (closed && added && !named(&l->options, "validator.$jsonSchema.properties", added))
        return sb_fail(err, SB_ESTATE, "the validator of %.120s allows no field %.80s (additionalProperties is false): it would refuse each changed document. Let it allow the field first", l->q->ns, added);
    bool goes = l->q->change == SB_CHANGE_RENAME || l->q->change == SB_CHANGE_REMOVE || l->q->change == SB_CHANGE_EXTRACT;
    if (goes && named(&l->options, "validator.$jsonSchema.required", l->q->field))
        return sb_fail(err, SB_ESTATE, "the validator of %.120s requires %.80s, which the plan takes away at its end. Let it be optional first", l->q->ns, l->q->field);
    if (l->q->change == SB_CHANGE_SERIES)
        return 0;
    return sb_change_evidence(l, "validator", "there is one; it neither forbids the field that comes nor requires the one that goes", "measured") ? sb_fail_nomem(err) : 0;
}

/* ---- the documents ---- */

/* A part of a path that is given, before its last one, that is there and holds no document: it would be overwritten by one. Arrays were
 * looked for. 0 or the refusal. */
static int check_parents(struct change_look *l, const char *path, struct sb_err *err)
{
    char part[MAX_FIELD + 1];
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
        snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
        int found = sb_change_any(l, BCON_NEW(part, "{", "$exists", BCON_BOOL(true), "$not", "{", "$type", "object", "}", "}"), err);
        if (found < 0)
            return -1;
        if (found == 1)
            return sb_fail(err, SB_EINPUT, "%.100s lies within %.100s, which holds a value of its own in some documents: what it says would be lost", path, part);
        if (found == 2)
            return sb_fail(err, SB_ESTATE, "%.100s lies within %.100s, and whether that holds a value of its own somewhere could not be found out in time", path, part);
    }
    return 0;
}

/* A part of the path, before its last one, that holds an array somewhere. 0 or the refusal. */
static int check_arrays(struct change_look *l, const char *path, struct sb_err *err)
{
    char part[MAX_FIELD + 1];
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.')) {
        snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
        int found = sb_change_any(l, BCON_NEW(part, "{", "$type", "array", "}"), err);
        if (found < 0)
            return -1;
        if (found == 1)
            return sb_fail(err, SB_EINPUT, "%.100s goes through %.100s, which holds an array in some documents: the field of each of its elements cannot be moved by one path", path, part);
        if (found == 2 && sb_change_evidence(l, part, "not known whether some document holds an array here: looking took too long", "unknown"))
            return sb_fail_nomem(err);
    }
    return 0;
}

static bson_t *of_expression(const char *operator, const char *a, const char *b)
{
    char left[MAX_FIELD + 2], right[MAX_FIELD + 2];
    snprintf(left, sizeof left, "$%s", a);
    snprintf(right, sizeof right, "$%s", b);
    return BCON_NEW("$expr", "{", operator, "[", BCON_UTF8(left), BCON_UTF8(right), "]", "}");
}

static int check_rename(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    bson_t *other = of_expression("$ne", q->field, q->new_field), *filter = BCON_NEW(q->new_field, "{", "$exists", BCON_BOOL(true), "}");
    bson_concat(filter, other);
    bson_destroy(other);
    int found = sb_change_any(l, filter, err);
    if (found < 0)
        return -1;
    if (found == 1)
        return sb_fail(err, SB_EINPUT, "%.90s exists already, with another value than %.90s: the rename would have to overwrite it. Is it a field of its own?", q->new_field, q->field);
    if (sb_change_evidence(l, q->new_field, found ? "not known whether it exists: looking took too long; a batch never overwrites it" : "no document holds it with another value", found ? "unknown" : "measured"))
        return sb_fail_nomem(err);
    return check_arrays(l, q->new_field, err) || check_parents(l, q->new_field, err) ? -1 : 0;
}

static bool take_duplicate(void *ctx, const bson_t *doc)
{
    return take_one(ctx, doc);
}

/* The values that come under a unique index: two the same would stop the plan in the middle. */
static int check_unique(struct change_look *l, struct sb_err *err)
{
    bool twice = false;
    char path[MAX_FIELD + 2];
    if (!l->unique_new)
        return 0;
    if (l->q->change == SB_CHANGE_RETYPE || l->q->expression)
        return sb_fail(err, SB_EINPUT, "a unique index is on %.150s: whether two of its values become the same is not known before they do", l->q->field);
    if (l->q->change == SB_CHANGE_ADD)
        return sb_fail(err, SB_EINPUT, "a unique index is on %.150s: the same value cannot be given to every document", l->q->field);
    snprintf(path, sizeof path, "$%s", l->q->field);
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(l->f->coll), "pipeline", "[", "{", "$group", "{", "_id", BCON_UTF8(path), "n", "{", "$sum", BCON_INT32(1), "}", "}", "}", "{", "$match", "{", "n", "{", "$gt",
                         BCON_INT32(1), "}", "}", "}", "{", "$limit", BCON_INT32(1), "}", "]", "cursor", "{", "}", "allowDiskUse", BCON_BOOL(false));
    int64_t n = sb_read_cursor(l->conn, l->f->db, c, 1, take_duplicate, &twice, err);
    bson_destroy(c);
    if (n < 0 && err->code != SB_ECOMMAND)
        return -1;
    if (n < 0)
        return sb_fail(err, SB_ESTATE, "a unique index is on %.90s, and whether %.90s holds a value twice could not be found out in time", l->q->new_field, l->q->field);
    if (twice)
        return sb_fail(err, SB_EINPUT, "a unique index is on %.90s, and %.90s holds a value twice (or is missing in two documents)", l->q->new_field, l->q->field);
    return sb_change_evidence(l, l->q->field, "every value once, as the unique index on the new name wants it", "measured") ? sb_fail_nomem(err) : 0;
}

/* A unique index on the field that goes, where more than one document comes to be without it. */
static int check_unique_old(const struct change_look *l, struct sb_err *err)
{
    const char *field = l->q->field;
    return l->unique_old[0] ? sb_fail(err, SB_EINPUT, "the unique index %.80s is on %.80s: without it two documents are the same to that index, and the server refuses the second. Drop it first, or make it anew as a partial "
                                                      "one for documents that have %.80s",
                                      l->unique_old, field, field)
                            : 0;
}

static int check_documents(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    int found = q->change == SB_CHANGE_ADD ? 1 : sb_change_any(l, BCON_NEW(q->field, "{", "$exists", BCON_BOOL(true), "}"), err);
    if (found < 0)
        return -1;
    if (found == 0)
        return sb_fail(err, SB_EINPUT, "no document of %.150s holds %.100s", q->ns, q->field);
    if (q->change == SB_CHANGE_SERIES)
        return sb_change_look_series(l, err);
    if (!q->only && l->f->documents > 1 && check_unique_old(l, err))
        return -1;
    if (q->change == SB_CHANGE_EXPIRE)
        return sb_change_look_expire(l, err);
    if (q->change == SB_CHANGE_ARCHIVE)
        return sb_change_look_archive(l, err);
    if (q->change == SB_CHANGE_EXTRACT)
        return sb_change_look_extract(l, err);
    if (q->change == SB_CHANGE_EMBED)
        return sb_change_look_embed(l, err);
    if (check_arrays(l, q->field, err) || (q->change == SB_CHANGE_ADD && check_parents(l, q->field, err)) || (q->change == SB_CHANGE_RENAME && check_rename(l, err)) || check_unique(l, err))
        return -1;
    if (q->change == SB_CHANGE_REMOVE) /* of a few documents that break a rule it is known by now how many they are */
        return sb_change_look_kept(l, err) || (q->only && l->f->left != 1 && check_unique_old(l, err)) ? -1 : 0;
    if (q->change == SB_CHANGE_RETYPE && sb_change_look_retype(l, err))
        return -1;
    if (q->expression && sb_change_look_computed(l, err))
        return -1;
    if (q->repair && q->change == SB_CHANGE_ADD && sb_change_look_kept(l, err))
        return -1;
    return sb_change_look_size(l, err);
}

/* What every card of the plan rests on, whatever else was found. */
static int tell_size(struct change_look *l)
{
    char *size = sb_format("%" PRId64 " documents, %" PRId64 " bytes", l->f->documents, l->f->bytes);
    int rc = size ? sb_change_evidence(l, "the collection", size, "measured") : -1;
    free(size);
    return rc || sb_change_evidence(l, "indexes on the field", l->on_field.len ? l->on_field.p : "none", "measured") ? -1 : 0;
}

int sb_change_look(const struct sb_server *server, const struct sb_change_question *q, struct change_facts *f, struct sb_reads *reads, struct sb_err *err)
{
    struct change_look l = {.q = q, .f = f};
    *f = (struct change_facts){.left = -1, .offenders = -1, .before_bytes = -1, .ttl_s = -1};
    sb_str_init(&l.on_field);
    sb_str_init(&l.uniques);
    int rc = -1;
    if (!sb_ns_split(q->ns, f->db, f->coll)) {
        sb_fail(err, SB_EINPUT, "\"%.100s\" is not a collection; write it as database.collection", q->ns);
        goto out;
    }
    if (!(l.conn = sb_architect_connect(server, reads, err)) || read_collection(&l, err) || check_validator(&l, err) || check_documents(&l, err))
        goto out;
    const struct sb_str *told = q->change == SB_CHANGE_SERIES ? &l.uniques : &l.on_field;
    f->sharded = l.sharded;
    if (tell_size(&l) || (told->len && (!sb_str_ok(told) || sb_str_set(&f->indexes, told->p))))
        sb_fail_nomem(err);
    else
        rc = 0;
out:
    sb_conn_close(l.conn);
    sb_str_release(&l.on_field);
    sb_str_release(&l.uniques);
    if (l.have_options)
        bson_destroy(&l.options);
    return rc;
}
