/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>
#include <signalbox/sim/catalog.h>
#include <signalbox/sim/plan_cache.h>

#include "mix.h"

#include <stdlib.h>
#include <string.h>

void sim_catalog_init(struct sim_catalog *c)
{
    memset(c, 0, sizeof *c);
    c->next_id = 1;
}

static void coll_free(struct sim_coll *c)
{
    for (unsigned i = 0; i < c->indexes; i++)
        sim_index_free(c->index[i]);
    sim_plan_cache_free(c->plans);
    sim_filter_free(c->validator);
    sim_records_release(&c->records);
    sim_doc_unref(c->options);
    free(c->ns);
    free(c);
}

static void db_free(struct sim_db *db)
{
    sim_filter_free(db->profiler.filter);
    free(db->name);
    free(db);
}

void sim_catalog_release(struct sim_catalog *c)
{
    for (size_t i = 0; i < c->n; i++)
        coll_free(c->coll[i]);
    for (size_t i = 0; i < c->db_n; i++)
        db_free(c->db[i]);
    free(c->coll);
    free(c->db);
    free(c->slot);
    memset(c, 0, sizeof *c);
}

static size_t slot_of(const struct sim_catalog *c, const char *ns)
{
    return sim_mix(SB_FNV_START, ns, strlen(ns)) & (c->slots - 1);
}

/* Builds the table anew: collections come and go rarely. */
static int rehash(struct sim_catalog *c)
{
    size_t slots = 64;
    while (slots < c->n * 2)
        slots *= 2;
    struct sim_coll **slot = calloc(slots, sizeof(struct sim_coll *));
    if (!slot)
        return -1;
    free(c->slot);
    c->slot = slot;
    c->slots = slots;
    for (size_t i = 0; i < c->n; i++) {
        size_t at = slot_of(c, c->coll[i]->ns);
        while (slot[at])
            at = (at + 1) & (slots - 1);
        slot[at] = c->coll[i];
    }
    return 0;
}

struct sim_coll *sim_coll_find(const struct sim_catalog *c, const char *ns)
{
    if (!c->slots)
        return NULL;
    for (size_t at = slot_of(c, ns); c->slot[at]; at = (at + 1) & (c->slots - 1))
        if (strcmp(c->slot[at]->ns, ns) == 0)
            return c->slot[at];
    return NULL;
}

struct sim_coll *sim_coll_by_uuid(const struct sim_catalog *c, const uint8_t uuid[16])
{
    for (size_t i = 0; i < c->n; i++)
        if (memcmp(c->coll[i]->uuid, uuid, 16) == 0)
            return c->coll[i];
    return NULL;
}

struct sim_db *sim_db_find(const struct sim_catalog *c, const char *name, size_t n)
{
    for (size_t i = 0; i < c->db_n; i++)
        if (strlen(c->db[i]->name) == n && memcmp(c->db[i]->name, name, n) == 0)
            return c->db[i];
    return NULL;
}

struct sim_db *sim_db_need(struct sim_catalog *c, const char *name, size_t n)
{
    struct sim_db *db = sim_db_find(c, name, n);
    if (db)
        return db;
    if (SB_GROW(c->db, c->db_cap, c->db_n + 1) || !(db = calloc(1, sizeof *db)))
        return NULL;
    if (!(db->name = sb_strdup_n(name, n))) {
        free(db);
        return NULL;
    }
    return c->db[c->db_n++] = db;
}

static int add_id_index(struct sim_coll *coll, int64_t now_us, struct sim_fail *f)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_doc(&w, "key");
    sim_w_i32(&w, "_id", 1);
    sim_w_end(&w);
    sim_w_text(&w, "name", "_id_");
    const uint8_t *spec = sim_w_done(&w);
    struct sim_index *x = spec ? sim_index_new(spec, f) : NULL;
    sim_w_release(&w);
    if (!x)
        return -1;
    x->since_us = now_us;
    return sim_coll_add_index(coll, x, f);
}

int sim_coll_read_validator(struct sim_coll *c, struct sim_fail *f)
{
    const uint8_t *options = c->options->bson;
    struct sim_val v = sim_find(options, "validator");
    struct sim_filter *fresh = NULL;
    if (v.type == BSON_TYPE_DOCUMENT && !sim_is_empty(v.p) && !(fresh = sim_filter_new(v.p, f)))
        return -1;
    sim_filter_free(c->validator);
    c->validator = fresh;
    c->validates_off = sim_text_is(sim_find(options, "validationLevel"), "off");
    c->validates_moderately = sim_text_is(sim_find(options, "validationLevel"), "moderate");
    c->only_warns = sim_text_is(sim_find(options, "validationAction"), "warn");
    return 0;
}

struct sim_coll *sim_coll_new(struct sim_catalog *c, const char *ns, const uint8_t uuid[16], const uint8_t *options, int64_t now_us,
                              struct sim_fail *f)
{
    struct sim_coll *coll = calloc(1, sizeof *coll);
    if (!coll) {
        sim_fail_nomem(f);
        return NULL;
    }
    sim_records_init(&coll->records);
    coll->ns = sb_strdup_n(ns, strlen(ns));
    coll->options = sim_doc_new(options);
    coll->plans = sim_plan_cache_new();
    if (!coll->ns || !coll->options || !coll->plans || SB_GROW(c->coll, c->cap, c->n + 1)) {
        sim_fail_nomem(f);
        goto fail;
    }
    coll->db_n = strcspn(ns, ".");
    coll->name = coll->ns + coll->db_n + 1;
    coll->id = c->next_id++;
    memcpy(coll->uuid, uuid, 16);
    coll->capped = sim_truth(sim_find(options, "capped"));
    coll->max_bytes = (uint64_t)sim_int(sim_find(options, "size"), 0);
    coll->max_docs = (uint64_t)sim_int(sim_find(options, "max"), 0);
    if (sim_coll_read_validator(coll, f))
        goto fail;
    if (!sim_db_need(c, ns, coll->db_n)) {
        sim_fail_nomem(f);
        goto fail;
    }
    if (strcmp(ns, "local.oplog.rs") != 0 && strcmp(coll->name, "system.profile") != 0 && add_id_index(coll, now_us, f))
        goto fail;
    c->coll[c->n++] = coll;
    if (rehash(c)) {
        c->n--;
        sim_fail_nomem(f);
        goto fail;
    }
    return coll;
fail:
    coll_free(coll);
    return NULL;
}

int sim_coll_rename(struct sim_catalog *c, struct sim_coll *coll, const char *ns)
{
    char *was = coll->ns, *fresh = sb_strdup_n(ns, strlen(ns));
    coll->ns = fresh;
    if (!fresh || !sim_db_need(c, ns, strcspn(ns, ".")) || rehash(c)) {
        coll->ns = was;
        free(fresh);
        return -1;
    }
    free(was);
    coll->db_n = strcspn(ns, ".");
    coll->name = coll->ns + coll->db_n + 1;
    coll->id = c->next_id++;
    coll->version++;
    sim_plan_cache_clear(coll->plans);
    return 0;
}

void sim_coll_drop(struct sim_catalog *c, struct sim_coll *coll)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->coll[i] == coll) {
            memmove(c->coll + i, c->coll + i + 1, (c->n - i - 1) * sizeof(struct sim_coll *));
            c->n--;
            break;
        }
    memset(c->slot, 0, c->slots * sizeof(struct sim_coll *));
    for (size_t i = 0; i < c->n; i++) { /* there was room for more */
        size_t at = slot_of(c, c->coll[i]->ns);
        while (c->slot[at])
            at = (at + 1) & (c->slots - 1);
        c->slot[at] = c->coll[i];
    }
    coll_free(coll);
}

void sim_db_drop(struct sim_catalog *c, struct sim_db *db)
{
    for (size_t i = 0; i < c->db_n; i++)
        if (c->db[i] == db) {
            memmove(c->db + i, c->db + i + 1, (c->db_n - i - 1) * sizeof(struct sim_db *));
            c->db_n--;
            db_free(db);
            return;
        }
}

/* ---- indexes ---- */

struct sim_index *sim_coll_index(const struct sim_coll *c, const char *name, size_t n)
{
    for (unsigned i = 0; i < c->indexes; i++)
        if (strlen(c->index[i]->name) == n && memcmp(c->index[i]->name, name, n) == 0)
            return c->index[i];
    return NULL;
}

struct sim_index *sim_coll_index_by_key(const struct sim_coll *c, const uint8_t *key)
{
    for (unsigned i = 0; i < c->indexes; i++)
        if (sim_compare_docs(sim_index_key(c->index[i]).p, key) == 0)
            return c->index[i];
    return NULL;
}

int sim_coll_add_index(struct sim_coll *c, struct sim_index *x, struct sim_fail *f)
{
    if (c->indexes == SIM_MAX_INDEXES) {
        sim_fail(f, SIM_CANNOT_CREATE_INDEX, "add index fails, too many indexes for %s key:%s", c->ns, x->name);
        sim_index_free(x);
        return -1;
    }
    c->index[c->indexes++] = x;
    x->id = ++c->version;
    sim_plan_cache_clear(c->plans);
    return 0;
}

void sim_coll_drop_index(struct sim_coll *c, struct sim_index *x)
{
    for (unsigned i = 0; i < c->indexes; i++)
        if (c->index[i] == x) {
            memmove(c->index + i, c->index + i + 1, (c->indexes - i - 1) * sizeof(struct sim_index *));
            c->indexes--;
            c->version++;
            sim_plan_cache_clear(c->plans);
            sim_index_free(x);
            return;
        }
}

/* A duplicate in an index that is being built is kept for the end of the build. */
static void note_failed(struct sim_index *x, struct sim_fail *f)
{
    if (!x->failed && (x->failed = malloc(sizeof *x->failed)))
        *x->failed = *f;
    else
        sim_fail_release(f);
    *f = (struct sim_fail)SIM_FAIL_INIT;
}

int sim_coll_fill_index(struct sim_coll *c, struct sim_index *x, uint64_t max, uint64_t *done, struct sim_fail *f)
{
    struct sim_keys k;
    int rc = 0;
    sim_keys_init(&k);
    for (*done = 0; *done < max && rc == 0; ++*done) {
        uint64_t rid = sim_records_from(&c->records, x->scanned + 1);
        if (!rid)
            break;
        const uint8_t *doc = sim_records_get(&c->records, rid)->bson;
        sim_keys_clear(&k);
        rc = sim_index_keys(x, doc, &k, f);
        if (rc == 0)
            rc = sim_index_insert(x, &k, rid, c->ns, doc, f);
        if (rc && f->code == SIM_DUPLICATE_KEY) {
            note_failed(x, f);
            rc = 0;
        }
        x->scanned = rid;
    }
    sim_keys_release(&k);
    return rc;
}

/* ---- records ---- */

static bool concerns(const struct sim_index *x, uint64_t rid)
{
    return !x->building || rid <= x->scanned;
}

static void unindex(struct sim_coll *c, unsigned upto, uint64_t rid, const uint8_t *doc, int64_t *count)
{
    struct sim_keys k;
    struct sim_fail f = SIM_FAIL_INIT;
    sim_keys_init(&k);
    for (unsigned i = 0; i < upto; i++) {
        sim_keys_clear(&k);
        if (!concerns(c->index[i], rid) || sim_index_keys(c->index[i], doc, &k, &f))
            continue;
        sim_index_remove(c->index[i], &k, rid);
        *count += (int64_t)k.n;
    }
    sim_keys_release(&k);
}

static int index_doc(struct sim_coll *c, uint64_t rid, const uint8_t *doc, struct sim_write_work *work, struct sim_fail *f)
{
    struct sim_keys k;
    int rc = 0;
    unsigned i = 0;
    sim_keys_init(&k);
    for (; i < c->indexes && rc == 0; i++) {
        struct sim_index *x = c->index[i];
        if (!concerns(x, rid))
            continue;
        sim_keys_clear(&k);
        rc = sim_index_keys(x, doc, &k, f);
        if (rc == 0)
            rc = sim_index_insert(x, &k, rid, c->ns, doc, f);
        if (rc && x->building) {
            note_failed(x, f);
            rc = 0;
        }
        if (rc == 0)
            work->keys_inserted += (int64_t)k.n;
    }
    sim_keys_release(&k);
    if (rc) {
        int64_t ignored = 0;
        unindex(c, i - 1, rid, doc, &ignored);
    }
    return rc;
}

static void cut_capped(struct sim_coll *c, struct sim_write_work *work)
{
    while (c->records.count > 1 &&
           ((c->max_bytes && c->records.bytes > c->max_bytes) || (c->max_docs && c->records.count > c->max_docs)))
        sim_coll_remove(c, c->records.first, work);
}

uint64_t sim_coll_insert(struct sim_coll *c, struct sim_doc *d, struct sim_write_work *work, struct sim_fail *f)
{
    uint64_t rid = c->records.next;
    if (index_doc(c, rid, d->bson, work, f))
        return 0;
    if (!sim_records_add(&c->records, sim_doc_ref(d))) {
        int64_t ignored = 0;
        sim_doc_unref(d);
        unindex(c, c->indexes, rid, d->bson, &ignored);
        sim_fail_nomem(f);
        return 0;
    }
    if (c->capped)
        cut_capped(c, work);
    if (c->records.bytes > c->most_bytes)
        c->most_bytes = c->records.bytes;
    return rid;
}

struct change {
    struct sim_index *x;
    uint64_t rid;
    int64_t count;
    bool insert;
    struct sim_keys *into;
    bool failed;
};

static void collect_key(void *ctx, const uint8_t *key, size_t n)
{
    struct change *ch = ctx;
    sb_str_add(&ch->into->bytes, key, n);
    if (SB_GROW(ch->into->end, ch->into->cap, ch->into->n + 1))
        ch->failed = true;
    else
        ch->into->end[ch->into->n++] = ch->into->bytes.len;
}

/* Changes one index from the keys of the old document to those of the new one. */
static int reindex(struct sim_coll *c, struct sim_index *x, uint64_t rid, const uint8_t *old, const uint8_t *doc,
                   struct sim_write_work *work, struct sim_fail *f)
{
    struct sim_keys was, is, out, in;
    sim_keys_init(&was);
    sim_keys_init(&is);
    sim_keys_init(&out);
    sim_keys_init(&in);
    int rc = -1;
    if (sim_index_keys(x, old, &was, f) || sim_index_keys(x, doc, &is, f))
        goto done;
    struct change away = {.into = &out}, here = {.into = &in};
    sim_keys_minus(&was, &is, collect_key, &away);
    sim_keys_minus(&is, &was, collect_key, &here);
    if (away.failed || here.failed || !sb_str_ok(&out.bytes) || !sb_str_ok(&in.bytes)) {
        sim_fail_nomem(f);
        goto done;
    }
    in.is_multikey = is.is_multikey;
    memcpy(in.multikey, is.multikey, sizeof in.multikey);
    if (sim_index_insert(x, &in, rid, c->ns, doc, f))
        goto done;
    sim_index_remove(x, &out, rid);
    work->keys_inserted += (int64_t)in.n;
    work->keys_deleted += (int64_t)out.n;
    rc = 0;
done:
    sim_keys_release(&was);
    sim_keys_release(&is);
    sim_keys_release(&out);
    sim_keys_release(&in);
    return rc;
}

int sim_coll_replace(struct sim_coll *c, uint64_t rid, struct sim_doc *d, struct sim_write_work *work, struct sim_fail *f)
{
    const uint8_t *old = sim_records_get(&c->records, rid)->bson;
    for (unsigned i = 0; i < c->indexes; i++) {
        if (!concerns(c->index[i], rid))
            continue;
        if (reindex(c, c->index[i], rid, old, d->bson, work, f)) {
            if (c->index[i]->building) {
                note_failed(c->index[i], f);
                continue;
            }
            struct sim_write_work ignored = {0};
            struct sim_fail unused = SIM_FAIL_INIT;
            while (i--) /* back to how it was */
                if (concerns(c->index[i], rid))
                    reindex(c, c->index[i], rid, d->bson, old, &ignored, &unused);
            return -1;
        }
    }
    sim_records_set(&c->records, rid, sim_doc_ref(d));
    if (c->records.bytes > c->most_bytes)
        c->most_bytes = c->records.bytes;
    return 0;
}

void sim_coll_remove(struct sim_coll *c, uint64_t rid, struct sim_write_work *work)
{
    unindex(c, c->indexes, rid, sim_records_get(&c->records, rid)->bson, &work->keys_deleted);
    sim_records_remove(&c->records, rid);
}

int sim_coll_restore(struct sim_coll *c, uint64_t rid, struct sim_doc *d, struct sim_fail *f)
{
    struct sim_write_work work = {0};
    const struct sim_doc *now = sim_records_get(&c->records, rid);
    if (now && d)
        return sim_coll_replace(c, rid, d, &work, f);
    if (now)
        sim_coll_remove(c, rid, &work);
    if (now || !d)
        return 0;
    if (index_doc(c, rid, d->bson, &work, f))
        return -1;
    if (sim_records_put(&c->records, rid, sim_doc_ref(d)) == 0)
        return 0;
    sim_doc_unref(d);
    unindex(c, c->indexes, rid, d->bson, &work.keys_deleted);
    return sim_fail_nomem(f);
}

int sim_coll_take_over(struct sim_coll *to, const struct sim_coll *from, struct sim_fail *f)
{
    for (uint64_t rid = sim_records_from(&from->records, 1); rid; rid = sim_records_from(&from->records, rid + 1)) {
        struct sim_doc *d = sim_records_get(&from->records, rid);
        if (sim_records_put(&to->records, rid, sim_doc_ref(d))) {
            sim_doc_unref(d);
            return sim_fail_nomem(f);
        }
    }
    for (unsigned i = 0; i < from->indexes; i++) {
        struct sim_index *x = sim_index_copy(from->index[i], f);
        if (!x)
            return -1;
        x->since_us = from->index[i]->since_us;
        if (i >= to->indexes) {
            if (sim_coll_add_index(to, x, f))
                return -1;
            continue;
        }
        x->id = to->index[i]->id;
        sim_index_free(to->index[i]);
        to->index[i] = x;
    }
    return 0;
}

uint64_t sim_coll_by_id(const struct sim_coll *c, struct sim_val id)
{
    if (!c->indexes || !c->index[0]->is_id)
        return 0;
    struct sb_str key;
    struct sim_cursor at;
    uint64_t rid = 0;
    sb_str_init(&key);
    sim_key_field(&key, id, false);
    sb_str_addc(&key, SIM_KEY_END);
    sim_cursor_init(&at, c->index[0]->tree);
    if (sb_str_ok(&key) && sim_cursor_seek(&at, (const uint8_t *)key.p, key.len)) {
        size_t n;
        const uint8_t *p = sim_cursor_key(&at, &n);
        if (n > key.len && memcmp(p, key.p, key.len) == 0)
            rid = sim_key_rid_of(p, n);
    }
    sim_cursor_release(&at);
    sb_str_release(&key);
    return rid;
}

uint64_t sim_coll_index_bytes(const struct sim_coll *c)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < c->indexes; i++)
        n += c->index[i]->key_bytes;
    return n;
}
