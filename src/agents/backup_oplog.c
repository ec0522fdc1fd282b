/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of an oplog as ordinary commands. An entry may come a second time (the oplog begins before the copy of a collection
 * does): each becomes a write that may be made again. */
#include "bson_get.h"
#include "restore.h"

#include <signalbox/base/record.h>

#include <string.h>

#define NAMESPACE_EXISTS 48
#define NAMESPACE_NOT_FOUND 26
#define INDEX_NOT_FOUND 27
#define NESTING 4
#define PATH_MAX_LEN 1024

struct entry {
    const char *op, *ns;
    bson_t o, o2;
    bool has_o, has_o2;
    uint64_t ts;
};

static int refuse(const struct entry *e, struct sb_err *err, const char *what)
{
    return sb_fail(err, SB_ESTATE, "the oplog's entry of %llu:%llu (%s of %s) cannot be replayed by this program: %s", (unsigned long long)(e->ts >> 32),
                   (unsigned long long)(e->ts & UINT32_MAX), e->op, e->ns, what);
}

static bool read_entry(const bson_t *doc, struct entry *e)
{
    bson_iter_t it;
    uint32_t t, i;
    *e = (struct entry){.op = "", .ns = "", .ts = e->ts};
    if (!bson_iter_init(&it, doc))
        return false;
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "ts") == 0 && BSON_ITER_HOLDS_TIMESTAMP(&it)) {
            bson_iter_timestamp(&it, &t, &i);
            e->ts = (uint64_t)t << 32 | i;
        } else if (strcmp(key, "op") == 0 && BSON_ITER_HOLDS_UTF8(&it)) {
            e->op = bson_iter_utf8(&it, NULL);
        } else if (strcmp(key, "ns") == 0 && BSON_ITER_HOLDS_UTF8(&it)) {
            e->ns = bson_iter_utf8(&it, NULL);
        } else if (strcmp(key, "o") == 0) {
            e->has_o = sb_sub_document(&it, &e->o);
        } else if (strcmp(key, "o2") == 0) {
            e->has_o2 = sb_sub_document(&it, &e->o2);
        }
    }
    return e->op[0] && e->has_o;
}

/* {_id: ...} of a document; false: it has none. */
static bool id_of(const bson_t *doc, bson_t *out)
{
    bson_iter_t it;
    bson_init(out);
    return bson_iter_init_find(&it, doc, "_id") && bson_append_iter(out, "_id", 3, &it);
}

static int add_update(struct sb_restore *r, const struct entry *e, const bson_t *q, const bson_t *u, bool upsert, struct sb_err *err)
{
    bson_t s;
    bson_init(&s);
    BSON_APPEND_DOCUMENT(&s, "q", q);
    BSON_APPEND_DOCUMENT(&s, "u", u);
    BSON_APPEND_BOOL(&s, "upsert", upsert);
    int rc = sb_restore_add(r, SB_STRETCH_UPDATE, e->ns, bson_get_data(&s), s.len, err);
    bson_destroy(&s);
    return rc;
}

/* ---- the differences of version 2 ---- */

struct diff {
    bson_t set, unset, slice; /* slice: what becomes $push with $slice, of arrays that were cut */
    const char *fault;
};

static void walk_diff(struct diff *d, const bson_t *diff, const char *path, int depth);

/* "a.b" + "." + "c"; a name that a path cannot hold is a fault. */
static bool join(struct diff *d, char *out, size_t cap, const char *path, const char *name)
{
    int n = snprintf(out, cap, "%s%s%s", path, path[0] ? "." : "", name);
    if (!name[0] || strchr(name, '.') || name[0] == '$' || n < 0 || (size_t)n >= cap)
        d->fault = "it alters a field whose name cannot stand in a path";
    return !d->fault;
}

static void add_fields(struct diff *d, bson_t *to, const bson_iter_t *from, const char *path, bool unset)
{
    bson_iter_t it;
    char full[PATH_MAX_LEN];
    if (!BSON_ITER_HOLDS_DOCUMENT(from) || !bson_iter_recurse(from, &it)) {
        d->fault = "its difference is not built as differences are";
        return;
    }
    while (!d->fault && bson_iter_next(&it))
        if (join(d, full, sizeof full, path, bson_iter_key(&it)) && !(unset ? bson_append_int32(to, full, -1, 1) : bson_append_iter(to, full, -1, &it)))
            d->fault = "its difference is too long";
}

static void walk_array(struct diff *d, bson_iter_t *it, const char *path, int depth)
{
    char full[PATH_MAX_LEN];
    bson_t inner;
    while (!d->fault && bson_iter_next(it)) {
        const char *key = bson_iter_key(it);
        if (strcmp(key, "a") == 0)
            continue;
        if (strcmp(key, "l") == 0 && BSON_ITER_HOLDS_INT(it))
            bson_append_int64(&d->slice, path, -1, bson_iter_as_int64(it));
        else if (key[0] == 'u' && join(d, full, sizeof full, path, key + 1))
            bson_append_iter(&d->set, full, -1, it);
        else if (key[0] == 's' && join(d, full, sizeof full, path, key + 1) && sb_sub_document(it, &inner))
            walk_diff(d, &inner, full, depth + 1);
        else if (!d->fault)
            d->fault = "its difference of an array is of a kind that is not known";
    }
}

static void walk_diff(struct diff *d, const bson_t *diff, const char *path, int depth)
{
    bson_iter_t it, in;
    char full[PATH_MAX_LEN];
    bson_t inner;
    if (depth > 100 || !bson_iter_init(&it, diff)) {
        d->fault = "its difference is too deep";
        return;
    }
    if (bson_iter_init_find(&in, diff, "a") && BSON_ITER_HOLDS_BOOL(&in) && bson_iter_bool(&in)) {
        walk_array(d, &it, path, depth);
        return;
    }
    while (!d->fault && bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "u") == 0 || strcmp(key, "i") == 0)
            add_fields(d, &d->set, &it, path, false);
        else if (strcmp(key, "d") == 0)
            add_fields(d, &d->unset, &it, path, true);
        else if (key[0] == 's' && join(d, full, sizeof full, path, key + 1) && sb_sub_document(&it, &inner))
            walk_diff(d, &inner, full, depth + 1);
        else if (!d->fault)
            d->fault = "its difference is of a kind that is not known";
    }
}

static int add_slices(struct sb_restore *r, const struct entry *e, const bson_t *q, const bson_t *slices, struct sb_err *err)
{
    bson_iter_t it;
    int rc = 0;
    for (bool ok = bson_iter_init(&it, slices); ok && rc == 0 && bson_iter_next(&it);) {
        bson_t u, push, field, each;
        bson_init(&u);
        BSON_APPEND_DOCUMENT_BEGIN(&u, "$push", &push);
        bson_append_document_begin(&push, bson_iter_key(&it), -1, &field);
        BSON_APPEND_ARRAY_BEGIN(&field, "$each", &each);
        bson_append_array_end(&field, &each);
        BSON_APPEND_INT64(&field, "$slice", bson_iter_as_int64(&it));
        bson_append_document_end(&push, &field);
        bson_append_document_end(&u, &push);
        rc = add_update(r, e, q, &u, false, err);
        bson_destroy(&u);
    }
    return rc;
}

static int add_diff(struct sb_restore *r, const struct entry *e, const bson_t *q, const bson_t *diff, struct sb_err *err)
{
    struct diff d = {.fault = NULL};
    bson_t u;
    bson_init(&d.set);
    bson_init(&d.unset);
    bson_init(&d.slice);
    bson_init(&u);
    walk_diff(&d, diff, "", 0);
    if (!bson_empty(&d.set))
        BSON_APPEND_DOCUMENT(&u, "$set", &d.set);
    if (!bson_empty(&d.unset))
        BSON_APPEND_DOCUMENT(&u, "$unset", &d.unset);
    int rc = d.fault ? refuse(e, err, d.fault) : add_slices(r, e, q, &d.slice, err);
    if (rc == 0 && !bson_empty(&u))
        rc = add_update(r, e, q, &u, false, err);
    bson_destroy(&d.set);
    bson_destroy(&d.unset);
    bson_destroy(&d.slice);
    bson_destroy(&u);
    return rc;
}

/* ---- kinds of entries ---- */

static int take_update(struct sb_restore *r, const struct entry *e, struct sb_err *err)
{
    bson_iter_t it;
    bson_t q, diff, u;
    int64_t version = 1;
    if (!e->has_o2 || !id_of(&e->o2, &q))
        return refuse(e, err, "it does not say which document it is about");
    if (bson_iter_init_find(&it, &e->o, "$v"))
        version = bson_iter_as_int64(&it);
    int rc;
    if (version == 2 && bson_iter_init_find(&it, &e->o, "diff") && sb_sub_document(&it, &diff)) {
        rc = add_diff(r, e, &q, &diff, err);
    } else if (version == 1) {
        bson_init(&u);
        bson_copy_to_excluding_noinit(&e->o, &u, "$v", NULL);
        bool whole = !bson_iter_init(&it, &u) || !bson_iter_next(&it) || bson_iter_key(&it)[0] != '$';
        rc = add_update(r, e, &q, &u, whole, err);
        bson_destroy(&u);
    } else {
        rc = refuse(e, err, "its version is not known");
    }
    bson_destroy(&q);
    return rc;
}

static int take_insert(struct sb_restore *r, const struct entry *e, struct sb_err *err)
{
    bson_t q;
    int rc = id_of(&e->o, &q) ? add_update(r, e, &q, &e->o, true, err) : refuse(e, err, "its document has no _id");
    bson_destroy(&q);
    return rc;
}

static int take_delete(struct sb_restore *r, const struct entry *e, struct sb_err *err)
{
    bson_t q, s;
    if (!id_of(&e->o, &q))
        return refuse(e, err, "it does not say which document it is about");
    bson_init(&s);
    BSON_APPEND_DOCUMENT(&s, "q", &q);
    BSON_APPEND_INT32(&s, "limit", 1);
    int rc = sb_restore_add(r, SB_STRETCH_DELETE, e->ns, bson_get_data(&s), s.len, err);
    bson_destroy(&s);
    bson_destroy(&q);
    return rc;
}

/* What a command of the oplog becomes; `leave`: its members that say how it was made, and no server takes. */
static const struct {
    const char *name, *as;
    int64_t forgive;
    const char *leave[3];
} commands[] = {
    {"create", "create", NAMESPACE_EXISTS, {"create", "idIndex", "autoIndexId"}},
    {"drop", "drop", NAMESPACE_NOT_FOUND, {"drop", NULL, NULL}},
    {"dropIndexes", "dropIndexes", INDEX_NOT_FOUND, {"dropIndexes", "key", "name"}},
    {"deleteIndexes", "dropIndexes", INDEX_NOT_FOUND, {"deleteIndexes", "key", "name"}},
    {"commitIndexBuild", "createIndexes", 0, {"commitIndexBuild", "indexBuildUUID", NULL}},
    {"startIndexBuild", NULL, 0, {NULL}},
    {"abortIndexBuild", NULL, 0, {NULL}},
};

static int hand_command(struct sb_restore *r, const struct entry *e, const char *as, const char *ns, const bson_t *members, int64_t forgive, struct sb_err *err)
{
    struct sb_str text;
    char *json = bson_as_canonical_extended_json(members, NULL);
    sb_str_init(&text);
    int rc = !json ? refuse(e, err, "it cannot be written as text") : sb_restore_flush(r, err) ? -1 : sb_restore_begin(&text, as, ns, err);
    if (rc == 0 && !bson_empty(members)) {
        size_t n = strlen(json);
        sb_str_addc(&text, ',');
        sb_str_add(&text, json + 1, n - 2);
    }
    if (rc == 0 && !sb_strs_has(r->altered, r->altered_n, ns) && sb_strs_push(&r->altered, &r->altered_n, ns))
        rc = sb_fail_nomem(err);
    if (rc == 0)
        rc = sb_restore_hand(r, &text, forgive, err);
    bson_free(json);
    sb_str_release(&text);
    return rc;
}

/* {createIndexes: "orders", v, key, name, ...}: the index's own members are the entry's. */
static int take_index(struct sb_restore *r, const struct entry *e, const char *ns, struct sb_err *err)
{
    bson_t all, list, one;
    bson_init(&all);
    BSON_APPEND_ARRAY_BEGIN(&all, "indexes", &list);
    BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &one);
    bson_copy_to_excluding_noinit(&e->o, &one, "createIndexes", NULL);
    bson_append_document_end(&list, &one);
    bson_append_array_end(&all, &list);
    int rc = hand_command(r, e, "createIndexes", ns, &all, 0, err);
    bson_destroy(&all);
    return rc;
}

static int take(struct sb_restore *r, struct entry *e, int depth, struct sb_err *err);

static int take_apply_ops(struct sb_restore *r, struct entry *e, bson_iter_t *list, int depth, struct sb_err *err)
{
    bson_iter_t it, flag;
    bson_t doc;
    static const char *const parts[] = {"prepare", "partialTxn"};
    for (size_t i = 0; i < SB_COUNT(parts); i++)
        if (bson_iter_init_find(&flag, &e->o, parts[i]) && bson_iter_as_bool(&flag))
            return refuse(e, err, "it is a part of a transaction that ends in another entry");
    if (depth == NESTING || !BSON_ITER_HOLDS_ARRAY(list) || !bson_iter_recurse(list, &it))
        return refuse(e, err, "applyOps without its operations, or too deep");
    int rc = 0;
    while (rc == 0 && bson_iter_next(&it)) {
        struct entry inner = {.ts = e->ts};
        if (!sb_sub_document(&it, &doc) || !read_entry(&doc, &inner))
            rc = refuse(e, err, "one of its operations is not built as such are");
        else
            rc = take(r, &inner, depth + 1, err);
    }
    return rc;
}

static int take_command(struct sb_restore *r, struct entry *e, int depth, struct sb_err *err)
{
    bson_iter_t it;
    if (!bson_iter_init(&it, &e->o) || !bson_iter_next(&it))
        return refuse(e, err, "a command without a name");
    const char *name = bson_iter_key(&it);
    if (strcmp(name, "applyOps") == 0)
        return take_apply_ops(r, e, &it, depth, err);
    size_t db = strcspn(e->ns, ".");
    char *ns = BSON_ITER_HOLDS_UTF8(&it) ? sb_format("%.*s.%s", (int)db, e->ns, bson_iter_utf8(&it, NULL)) : NULL;
    int rc = 1;
    if (ns && sb_restore_skips(ns))
        rc = 0;
    else if (ns && strcmp(name, "createIndexes") == 0)
        rc = take_index(r, e, ns, err);
    for (size_t i = 0; ns && rc == 1 && i < SB_COUNT(commands); i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        if (!commands[i].as) {
            rc = 0;
            break;
        }
        bson_t members;
        bson_init(&members);
        bson_copy_to_excluding_noinit(&e->o, &members, commands[i].leave[0], commands[i].leave[1], commands[i].leave[2], NULL);
        rc = hand_command(r, e, commands[i].as, ns, &members, commands[i].forgive, err);
        bson_destroy(&members);
    }
    free(ns);
    return rc == 1 ? refuse(e, err, name) : rc;
}

static int take(struct sb_restore *r, struct entry *e, int depth, struct sb_err *err)
{
    if (strcmp(e->op, "n") == 0)
        return 0;
    if (strcmp(e->op, "c") == 0)
        return take_command(r, e, depth, err);
    if (sb_restore_skips(e->ns))
        return 0;
    if (sb_backup_name_fault("db", strchr(e->ns, '.') + 1))
        return refuse(e, err, "no collection can have this name");
    return strcmp(e->op, "i") == 0   ? take_insert(r, e, err)
           : strcmp(e->op, "u") == 0 ? take_update(r, e, err)
           : strcmp(e->op, "d") == 0 ? take_delete(r, e, err)
                                     : refuse(e, err, "its kind is not known");
}

int sb_restore_entry(struct sb_restore *r, uint64_t until, const unsigned char *p, size_t n, struct sb_err *err)
{
    bson_t doc;
    struct entry e = {.ts = 0};
    if (!bson_init_static(&doc, p, n) || !read_entry(&doc, &e))
        return sb_fail(err, SB_EINPUT, "an entry of the oplog without its kind or what it did");
    if (until && e.ts > until) {
        r->counts.later++;
        return 0;
    }
    r->counts.entries++;
    r->counts.last = e.ts;
    return take(r, &e, 0, err);
}
