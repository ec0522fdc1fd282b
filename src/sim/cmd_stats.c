/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists and sizes: listDatabases, listCollections, collStats, dbStats, dataSize, validate, dbHash. */
#include <signalbox/base/hash.h>
#include <signalbox/sim/cursor.h>
#include <signalbox/sim/pipeline.h>

#include "commands.h"
#include "diag.h"
#include "series.h"
#include "view.h"

#include <openssl/evp.h>
#include <string.h>

static int64_t whole_pages(double bytes)
{
    return bytes <= 0 ? 4096 : ((int64_t)bytes / 4096 + 1) * 4096;
}

/* Block compression as snappy gives on documents of this kind, and prefix compression of keys. */
int64_t sim_storage_bytes(const struct sim_coll *c)
{
    return whole_pages((double)(c->most_bytes > c->records.bytes ? c->most_bytes : c->records.bytes) * 0.4);
}

/* Of the file, what deleted documents left behind. */
static int64_t free_bytes(const struct sim_coll *c)
{
    return sim_storage_bytes(c) - whole_pages((double)c->records.bytes * 0.4);
}

int64_t sim_index_storage_bytes(const struct sim_index *x)
{
    return whole_pages((double)x->key_bytes * 0.55);
}

int64_t sim_coll_index_storage_bytes(const struct sim_coll *c)
{
    int64_t n = 0;
    for (unsigned i = 0; i < c->indexes; i++)
        n += sim_index_storage_bytes(c->index[i]);
    return n;
}

void sim_put_storage_stats(struct sim_w *w, const struct sim *s, const struct sim_coll *c, int64_t scale)
{
    (void)s;
    sim_w_int(w, "size", (int64_t)c->records.bytes / scale);
    sim_w_int(w, "count", (int64_t)c->records.count);
    if (c->records.count)
        sim_w_int(w, "avgObjSize", (int64_t)(c->records.bytes / c->records.count));
    sim_w_int(w, "storageSize", sim_storage_bytes(c) / scale);
    sim_w_int(w, "freeStorageSize", free_bytes(c) / scale);
    sim_w_bool(w, "capped", c->capped);
    if (c->capped) {
        sim_w_int(w, "max", c->max_docs ? (int64_t)c->max_docs : 0);
        sim_w_int(w, "maxSize", (int64_t)c->max_bytes / scale);
    }
    sim_w_i32(w, "nindexes", c->indexes);
    sim_w_array(w, "indexBuilds");
    for (unsigned i = 0; i < c->indexes; i++)
        if (c->index[i]->building)
            sim_w_text(w, NULL, c->index[i]->name);
    sim_w_end(w);
    sim_w_doc(w, "indexDetails");
    for (unsigned i = 0; i < c->indexes; i++) {
        sim_w_doc(w, c->index[i]->name);
        sim_w_doc(w, "cursor");
        sim_w_int(w, "insert calls", (int64_t)c->index[i]->entered);
        sim_w_int(w, "remove calls", (int64_t)c->index[i]->removed);
        sim_w_end(w);
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_int(w, "totalIndexSize", sim_coll_index_storage_bytes(c) / scale);
    sim_w_int(w, "totalSize", (sim_storage_bytes(c) + sim_coll_index_storage_bytes(c)) / scale);
    sim_w_doc(w, "indexSizes");
    for (unsigned i = 0; i < c->indexes; i++)
        sim_w_int(w, c->index[i]->name, sim_index_storage_bytes(c->index[i]) / scale);
    sim_w_end(w);
    sim_w_i32(w, "scaleFactor", scale);
}

static int scale_of(struct sim_call *c, int64_t *scale)
{
    *scale = 1;
    if (sim_arg_int(c, "scale", scale))
        return -1;
    return *scale < 1 ? sim_fail(&c->fail, SIM_BAD_VALUE, "Scale factor must be greater than zero") : 0;
}

int sim_cmd_coll_stats(struct sim_call *c)
{
    int64_t scale;
    if (sim_call_ns(c) || scale_of(c, &scale))
        return -1;
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns), *series = coll ? NULL : sim_series_find(&c->m->cat, c->ns);
    sim_w_text(c->reply, "ns", c->ns);
    if (series) {
        sim_series_put_stats(c->reply, series);
        coll = series;
    }
    if (!coll) { /* of a collection that is not there the server says that it is empty */
        static const char *const zero[] = {"size", "count", "storageSize", "totalSize", "nindexes", "totalIndexSize"};
        for (size_t i = 0; i < SB_COUNT(zero); i++)
            sim_w_i32(c->reply, zero[i], 0);
        sim_w_doc(c->reply, "indexDetails");
        sim_w_end(c->reply);
        sim_w_doc(c->reply, "indexSizes");
        sim_w_end(c->reply);
        sim_w_i32(c->reply, "scaleFactor", scale);
        return 0;
    }
    sim_put_storage_stats(c->reply, c->s, coll, scale);
    return 0;
}

int sim_cmd_data_size(struct sim_call *c)
{
    struct sim_val v = sim_arg(c, "dataSize");
    if (!sim_is_text(v.type))
        return sim_fail(&c->fail, SIM_TYPE_MISMATCH, "BSON field 'dataSize.dataSize' is the wrong type '%s', expected type 'string'", sim_type_name(v.type));
    struct sim_coll *coll = sim_coll_find(&c->m->cat, sim_text(v));
    sim_w_bool(c->reply, "estimate", false);
    sim_w_int(c->reply, "size", coll ? (int64_t)coll->records.bytes : 0);
    sim_w_int(c->reply, "numObjects", coll ? (int64_t)coll->records.count : 0);
    sim_w_i32(c->reply, "millis", 0);
    return 0;
}

/* ---- databases ---- */

struct db_sums {
    int64_t collections, objects, indexes;
    double data, storage, free, index_storage;
};

static void sum_db(const struct sim_catalog *cat, const char *db, struct db_sums *out)
{
    size_t n = strlen(db);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < cat->n; i++) {
        const struct sim_coll *c = cat->coll[i];
        if (c->db_n != n || memcmp(c->ns, db, n) != 0)
            continue;
        out->collections++;
        out->objects += (int64_t)c->records.count;
        out->indexes += c->indexes;
        out->data += (double)c->records.bytes;
        out->storage += (double)sim_storage_bytes(c);
        out->free += (double)free_bytes(c);
        out->index_storage += (double)sim_coll_index_storage_bytes(c);
    }
}

int sim_cmd_db_stats(struct sim_call *c)
{
    int64_t scale;
    struct db_sums sum;
    struct sim_w *w = c->reply;
    if (scale_of(c, &scale))
        return -1;
    sum_db(&c->m->cat, c->db, &sum);
    double by = (double)scale;
    bool free_storage = sim_truth(sim_arg(c, "freeStorage"));
    sim_w_text(w, "db", c->db);
    sim_w_i32(w, "collections", sum.collections);
    sim_w_i32(w, "views", (int64_t)sim_views_of(&c->m->cat, c->db));
    sim_w_int(w, "objects", sum.objects);
    sim_w_f64(w, "avgObjSize", sum.objects ? sum.data / (double)sum.objects : 0);
    sim_w_f64(w, "dataSize", sum.data / by);
    sim_w_f64(w, "storageSize", sum.storage / by);
    if (free_storage)
        sim_w_f64(w, "freeStorageSize", sum.free / by);
    sim_w_i32(w, "indexes", sum.indexes);
    sim_w_f64(w, "indexSize", sum.index_storage / by);
    if (free_storage)
        sim_w_f64(w, "indexFreeStorageSize", 0);
    sim_w_f64(w, "totalSize", (sum.storage + sum.index_storage) / by);
    if (free_storage)
        sim_w_f64(w, "totalFreeStorageSize", sum.free / by);
    sim_w_f64(w, "scaleFactor", by);
    sim_w_f64(w, "fsUsedSize", sim_disk_used(c->m) / by);
    sim_w_f64(w, "fsTotalSize", c->s->costs.disk_bytes / by);
    return 0;
}

static bool has_colls(const struct sim_catalog *cat, const char *db)
{
    size_t n = strlen(db);
    for (size_t i = 0; i < cat->n; i++)
        if (cat->coll[i]->db_n == n && memcmp(cat->coll[i]->ns, db, n) == 0)
            return true;
    return false;
}

int sim_cmd_list_databases(struct sim_call *c)
{
    const struct sim_catalog *cat = &c->m->cat;
    bool names = sim_truth(sim_arg(c, "nameOnly"));
    int64_t total = 0;
    struct sim_val filter = sim_arg(c, "filter");
    struct sim_filter *f = NULL;
    struct sim_w one;
    if (filter.type == BSON_TYPE_DOCUMENT && !(f = sim_filter_new(filter.p, &c->fail)))
        return -1;
    sim_w_init(&one);
    sim_w_array(c->reply, "databases");
    /* in order of name, as the server lists them */
    const char *last = "";
    for (;;) {
        const char *next = NULL;
        for (size_t i = 0; i < cat->db_n; i++)
            if (strcmp(cat->db[i]->name, last) > 0 && (!next || strcmp(cat->db[i]->name, next) < 0) && has_colls(cat, cat->db[i]->name))
                next = cat->db[i]->name;
        if (!next)
            break;
        last = next;
        struct db_sums sum;
        sum_db(cat, next, &sum);
        int64_t bytes = (int64_t)(sum.storage + sum.index_storage);
        sim_w_clear(&one);
        sim_w_text(&one, "name", next);
        if (!names) {
            sim_w_i64(&one, "sizeOnDisk", bytes);
            sim_w_bool(&one, "empty", false);
        }
        const uint8_t *doc = sim_w_done(&one);
        if (!doc || (f && !sim_match(f->root, doc)))
            continue;
        total += bytes;
        sim_w_copy(c->reply, NULL, doc);
    }
    sim_w_end(c->reply);
    if (!names) {
        sim_w_i64(c->reply, "totalSize", total);
        sim_w_i64(c->reply, "totalSizeMb", total >> 20);
    }
    sim_w_release(&one);
    sim_filter_free(f);
    return 0;
}

/* ---- collections ---- */

static struct sim_doc *coll_info(const struct sim_coll *coll, bool names)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "name", coll->name);
    sim_w_text(&w, "type", "collection");
    if (!names) {
        sim_w_copy(&w, "options", coll->options->bson);
        sim_w_doc(&w, "info");
        sim_w_bool(&w, "readOnly", false);
        sim_w_uuid(&w, "uuid", coll->uuid);
        sim_w_end(&w);
        if (coll->indexes && coll->index[0]->is_id)
            sim_w_copy(&w, "idIndex", coll->index[0]->spec->bson);
    }
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

static struct sim_doc *view_info(const uint8_t *view, const char *name, bool names)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "name", name);
    sim_w_text(&w, "type", "view");
    if (!names) {
        sim_w_doc(&w, "options");
        sim_w_val(&w, "viewOn", sim_find(view, "viewOn"));
        sim_w_val(&w, "pipeline", sim_find(view, "pipeline"));
        sim_w_end(&w);
        sim_w_doc(&w, "info");
        sim_w_bool(&w, "readOnly", true);
        sim_w_end(&w);
    }
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    return d;
}

/* Takes d. */
static int add_info(struct sim_call *c, struct sim_docs *docs, struct sim_doc *d, const struct sim_filter *f)
{
    if (d && f && !sim_match(f->root, d->bson))
        sim_doc_unref(d);
    else if (sim_docs_add(docs, d))
        return sim_fail_nomem(&c->fail);
    return 0;
}

static struct sim_doc *shown_view(const struct sim_call *c, const uint8_t *view, const struct sim_coll *views, bool names)
{
    const char *ns = sim_text(sim_find(view, "_id"));
    const struct sim_coll *series = sim_series_find(&c->m->cat, ns);
    return series ? sim_series_info(series, names) : view_info(view, ns + views->db_n + 1, names);
}

static int collect_views(struct sim_call *c, struct sim_docs *docs, const struct sim_coll *views, bool names, const struct sim_filter *f)
{
    int rc = 0;
    for (uint64_t rid = 0; rc == 0 && (rid = sim_records_from(&views->records, rid + 1));) {
        const uint8_t *view = sim_records_get(&views->records, rid)->bson;
        rc = add_info(c, docs, shown_view(c, view, views, names), f);
    }
    return rc;
}

static int collect_colls(struct sim_call *c, struct sim_docs *docs)
{
    bool names = sim_truth(sim_arg(c, "nameOnly"));
    struct sim_val filter = sim_arg(c, "filter");
    struct sim_filter *f = NULL;
    size_t n = strlen(c->db);
    int rc = 0;
    if (filter.type == BSON_TYPE_DOCUMENT && !(f = sim_filter_new(filter.p, &c->fail)))
        return -1;
    for (size_t i = 0; rc == 0 && i < c->m->cat.n; i++) {
        const struct sim_coll *coll = c->m->cat.coll[i];
        if (coll->db_n != n || memcmp(coll->ns, c->db, n) != 0)
            continue;
        rc = add_info(c, docs, coll_info(coll, names), f);
        if (rc == 0 && strcmp(coll->name, "system.views") == 0)
            rc = collect_views(c, docs, coll, names, f);
    }
    sim_filter_free(f);
    return rc;
}

int sim_cmd_list_collections(struct sim_call *c)
{
    struct sim_docs docs = {0};
    if (collect_colls(c, &docs)) {
        sim_docs_release(&docs);
        return -1;
    }
    sim_w_doc(c->reply, "cursor");
    sim_w_i64(c->reply, "id", 0); /* all in one batch: there are never many */
    sim_w_textf(c->reply, "ns", "%s.$cmd.listCollections", c->db);
    sim_w_array(c->reply, "firstBatch");
    for (size_t i = 0; i < docs.n; i++)
        sim_w_copy(c->reply, NULL, docs.d[i]->bson);
    sim_w_end(c->reply);
    sim_w_end(c->reply);
    sim_docs_release(&docs);
    return 0;
}

/* ---- validate, dbHash ---- */

int sim_cmd_validate(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    static const char *const empty[] = {"warnings", "errors", "extraIndexEntries", "missingIndexEntries", "corruptRecords"};
    if (sim_call_ns(c))
        return -1;
    struct sim_coll *coll = sim_coll_find(&c->m->cat, c->ns);
    if (!coll)
        return sim_fail(&c->fail, SIM_NAMESPACE_NOT_FOUND, "Collection '%s' does not exist to validate.", c->ns);
    c->op.work.docs = (int64_t)coll->records.count;
    c->op.work.doc_bytes = (int64_t)coll->records.bytes;
    sim_w_text(w, "ns", c->ns);
    sim_w_i32(w, "nInvalidDocuments", 0);
    sim_w_int(w, "nrecords", (int64_t)coll->records.count);
    sim_w_i32(w, "nIndexes", coll->indexes);
    sim_w_doc(w, "keysPerIndex");
    for (unsigned i = 0; i < coll->indexes; i++)
        sim_w_int(w, coll->index[i]->name, (int64_t)sim_btree_count(coll->index[i]->tree));
    sim_w_end(w);
    sim_w_doc(w, "indexDetails");
    for (unsigned i = 0; i < coll->indexes; i++) {
        sim_w_doc(w, coll->index[i]->name);
        sim_w_bool(w, "valid", true);
        sim_w_end(w);
        c->op.work.keys += (int64_t)sim_btree_count(coll->index[i]->tree);
    }
    sim_w_end(w);
    sim_w_bool(w, "valid", true);
    sim_w_bool(w, "repaired", false);
    for (size_t i = 0; i < SB_COUNT(empty); i++) {
        sim_w_array(w, empty[i]);
        sim_w_end(w);
    }
    return 0;
}

/* MD5 over the documents in order of _id: equal on members with equal data. */
static int hash_coll(const struct sim_coll *c, char hex[33])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int ok = ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL);
    struct sim_cursor at;
    sim_cursor_init(&at, c->index[0]->tree);
    for (bool more = ok && sim_cursor_seek(&at, (const uint8_t *)"", 0); more && ok; more = sim_cursor_next(&at)) {
        size_t n;
        const uint8_t *key = sim_cursor_key(&at, &n);
        const struct sim_doc *d = sim_records_get(&c->records, sim_key_rid_of(key, n));
        ok = EVP_DigestUpdate(ctx, d->bson, sim_doc_len(d->bson));
    }
    sim_cursor_release(&at);
    ok = ok && EVP_DigestFinal_ex(ctx, digest, &len) && len == 16;
    EVP_MD_CTX_free(ctx);
    if (ok)
        sb_hex_encode(hex, digest, 16);
    return ok ? 0 : -1;
}

static bool wanted(struct sim_call *c, const struct sim_coll *coll)
{
    struct sim_val list = sim_arg(c, "collections");
    struct sim_elem e;
    if (coll->capped || !coll->indexes || !coll->index[0]->is_id || strncmp(coll->name, "system.", 7) == 0)
        return false;
    if (list.type != BSON_TYPE_ARRAY || sim_is_empty(list.p))
        return true;
    for (struct sim_iter it = sim_iter_of(list.p); sim_next(&it, &e);)
        if (sim_text_is(e.v, coll->name))
            return true;
    return false;
}

int sim_cmd_db_hash(struct sim_call *c)
{
    struct sim_w *w = c->reply;
    struct sim_catalog *cat = &c->m->cat;
    size_t n = strlen(c->db);
    struct sb_str all; /* the digests of the collections, of which the last digest is made */
    char hex[33];
    sb_str_init(&all);
    sim_w_text(w, "host", c->m->host);
    sim_w_doc(w, "collections");
    for (size_t i = 0; i < cat->n; i++) {
        if (cat->coll[i]->db_n != n || memcmp(cat->coll[i]->ns, c->db, n) != 0 || !wanted(c, cat->coll[i]))
            continue;
        if (hash_coll(cat->coll[i], hex)) {
            sb_str_release(&all);
            return sim_fail(&c->fail, 1, "the digest could not be computed");
        }
        sim_w_text(w, cat->coll[i]->name, hex);
        sb_str_add(&all, hex, 32);
        c->op.work.docs += (int64_t)cat->coll[i]->records.count;
        c->op.work.doc_bytes += (int64_t)cat->coll[i]->records.bytes;
    }
    sim_w_end(w);
    sim_w_array(w, "capped");
    sim_w_end(w);
    sim_w_doc(w, "uuids");
    for (size_t i = 0; i < cat->n; i++)
        if (cat->coll[i]->db_n == n && memcmp(cat->coll[i]->ns, c->db, n) == 0 && wanted(c, cat->coll[i]))
            sim_w_uuid(w, cat->coll[i]->name, cat->coll[i]->uuid);
    sim_w_end(w);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (sb_str_ok(&all) && EVP_Digest(all.p, all.len, digest, &len, EVP_md5(), NULL) && len == 16) {
        sb_hex_encode(hex, digest, 16);
        sim_w_text(w, "md5", hex);
    }
    sb_str_release(&all);
    sim_w_i32(w, "timeMillis", 0);
    return 0;
}
