/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of events and the order of their fields: MongoDB 5.0's manual, "Change Events". */
#include "change_event.h"

#include <signalbox/sim/catalog.h>

#include <stdio.h>
#include <string.h>

/* ---- tokens ---- */

#define TOKEN_HEX 28 /* "82", the time, the index, the kind */

void sim_mark_write(struct sim_w *w, const char *key, const struct sim_mark *m)
{
    /* a time sorts behind every event of that time */
    uint32_t index = m->kind == SIM_MARK_TIME ? UINT32_MAX : m->index;
    sim_w_doc(w, key);
    sim_w_textf(w, "_data", "82%016llX%08X%02X", (unsigned long long)m->ts, (unsigned)index, (unsigned)m->kind);
    sim_w_end(w);
}

static bool hex(const char *p, size_t n, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        const char *digits = "0123456789ABCDEF", *d = p[i] ? strchr(digits, p[i]) : NULL;
        if (!d)
            return false;
        *out = *out << 4 | (uint64_t)(d - digits);
    }
    return true;
}

int sim_mark_read(const uint8_t *token, struct sim_mark *out, struct sim_fail *f)
{
    struct sim_val data = sim_find(token, "_data");
    uint64_t version, ts, index, kind;
    if (!sim_is_text(data.type))
        return sim_fail(f, 40647, "Bad resume token: _data of missing or of wrong type");
    const char *p = sim_text(data);
    if (sim_text_n(data) != TOKEN_HEX || !hex(p, 2, &version) || !hex(p + 2, 16, &ts) || !hex(p + 18, 8, &index) || !hex(p + 26, 2, &kind))
        return sim_fail(f, 50811, "resume token string was not a valid hex string");
    if (version != 0x82 || kind > SIM_MARK_INVALIDATE)
        return sim_fail(f, 50811, "the resume token is none of this server's");
    *out = (struct sim_mark){ts, kind == SIM_MARK_TIME ? 0 : (uint32_t)index, (enum sim_mark_kind)kind};
    return 0;
}

/* ---- entries ---- */

static struct sim_val parts_of(const uint8_t *entry)
{
    struct sim_val parts = sim_path(entry, "o.applyOps");
    return parts.type == BSON_TYPE_ARRAY ? parts : sim_missing;
}

uint32_t sim_entry_ops(const uint8_t *entry)
{
    struct sim_val parts = parts_of(entry);
    return parts.type ? (uint32_t)sim_count(parts.p) : 1;
}

static const uint8_t *part_at(const uint8_t *entry, uint32_t index)
{
    struct sim_val parts = parts_of(entry);
    struct sim_elem e;
    if (!parts.type)
        return entry;
    for (struct sim_iter it = sim_iter_of(parts.p); sim_next(&it, &e);)
        if (index-- == 0)
            return e.v.type == BSON_TYPE_DOCUMENT ? e.v.p : NULL;
    return NULL;
}

/* ---- whose business it is ---- */

static bool is_own_db(const char *ns, size_t n)
{
    static const char *const own[] = {"admin", "config", "local"};
    for (size_t i = 0; i < SB_COUNT(own); i++)
        if (strlen(own[i]) == n && memcmp(own[i], ns, n) == 0)
            return true;
    return false;
}

static bool watches(const struct sim_watch *x, const char *ns)
{
    size_t db = strcspn(ns, ".");
    if (x->kind == SIM_WATCH_COLL)
        return strcmp(x->ns, ns) == 0;
    if (strncmp(ns + db, ".system.", 8) == 0)
        return false;
    return x->kind == SIM_WATCH_ALL ? !is_own_db(ns, db) : strlen(x->ns) == db && memcmp(x->ns, ns, db) == 0;
}

/* ---- events ---- */

static void put_head(const struct sim *s, struct sim_w *w, const struct sim_mark *mark, const uint8_t *entry, const char *type)
{
    sim_mark_write(w, "_id", mark);
    sim_w_text(w, "operationType", type);
    sim_w_val(w, "clusterTime", sim_find(entry, "ts"));
    if (sim_since(s, 6))
        sim_w_val(w, "wallTime", sim_find(entry, "wall"));
    if (!parts_of(entry).type)
        return;
    sim_w_val(w, "txnNumber", sim_find(entry, "txnNumber"));
    sim_w_val(w, "lsid", sim_find(entry, "lsid"));
}

static void put_ns(struct sim_w *w, const char *key, const char *ns)
{
    size_t db = strcspn(ns, ".");
    sim_w_doc(w, key);
    sim_w_text_n(w, "db", ns, db);
    if (ns[db])
        sim_w_text(w, "coll", ns + db + 1);
    sim_w_end(w);
}

/* The document as this member has it now: null when it is gone. */
static void put_lookup(const struct sim_member *m, struct sim_w *w, const uint8_t *op)
{
    struct sim_val uuid = sim_find(op, "ui"), id = sim_path(op, "o2._id");
    const struct sim_coll *c = uuid.type == BSON_TYPE_BINARY && uuid.n == 21 ? sim_coll_by_uuid(&m->cat, uuid.p + 5) : NULL;
    uint64_t rid = c && id.type ? sim_coll_by_id(c, id) : 0;
    const struct sim_doc *d = rid ? sim_records_get(&c->records, rid) : NULL;
    if (d)
        sim_w_copy(w, "fullDocument", d->bson);
    else
        sim_w_null(w, "fullDocument");
}

/* removed: the fields that are gone; else those that are new or other ones. */
static void put_diff(struct sim_w *w, struct sb_str *path, const uint8_t *diff, bool removed, unsigned depth)
{
    struct sim_elem e, x;
    size_t n = path->len;
    for (struct sim_iter it = sim_iter_of(diff); sim_next(&it, &e) && depth <= SIM_MAX_DEPTH; sb_str_truncate(path, n)) {
        if (e.v.type != BSON_TYPE_DOCUMENT)
            continue;
        if (e.key[0] == 's') {
            sb_str_addf(path, "%s.", e.key + 1);
            put_diff(w, path, e.v.p, removed, depth + 1);
            continue;
        }
        if ((strcmp(e.key, "d") == 0) != removed)
            continue;
        for (struct sim_iter inner = sim_iter_of(e.v.p); sim_next(&inner, &x); sb_str_truncate(path, n)) {
            sb_str_add(path, x.key, x.key_n);
            if (!sb_str_ok(path))
                w->failed = true;
            else if (removed)
                sim_w_text_n(w, NULL, path->p, path->len);
            else
                sim_w_val_n(w, path->p, path->len, x.v);
        }
    }
}

static void put_update(struct sim_w *w, const uint8_t *diff)
{
    struct sb_str path;
    sb_str_init(&path);
    sim_w_doc(w, "updateDescription");
    sim_w_doc(w, "updatedFields");
    put_diff(w, &path, diff, false, 0);
    sim_w_end(w);
    sim_w_array(w, "removedFields");
    put_diff(w, &path, diff, true, 0);
    sim_w_end(w);
    sim_w_array(w, "truncatedArrays"); /* entries replace arrays as a whole */
    sim_w_end(w);
    sim_w_end(w);
    sb_str_release(&path);
}

static int document_event(const struct sim_member *m, const struct sim_watch *watch, const uint8_t *entry, const uint8_t *op, char kind,
                          const struct sim_mark *mark, struct sim_w *w)
{
    const char *ns = sim_text(sim_find(op, "ns"));
    struct sim_val o = sim_find(op, "o"), id = sim_path(op, kind == 'u' ? "o2._id" : "o._id"), diff = sim_path(op, "o.diff");
    if (!watches(watch, ns) || o.type != BSON_TYPE_DOCUMENT)
        return 0;
    bool update = kind == 'u' && diff.type == BSON_TYPE_DOCUMENT && sim_find(o.p, "$v").type;
    put_head(m->sim, w, mark, entry, kind == 'i' ? "insert" : kind == 'd' ? "delete" : update ? "update" : "replace");
    if (update && watch->lookup)
        put_lookup(m, w, op);
    else if (kind != 'd' && !update)
        sim_w_copy(w, "fullDocument", o.p);
    put_ns(w, "ns", ns);
    sim_w_doc(w, "documentKey");
    sim_w_val(w, "_id", id);
    sim_w_end(w);
    if (update)
        put_update(w, diff.p);
    return 1;
}

static int command_event(const struct sim_member *m, const struct sim_watch *watch, const uint8_t *entry, const uint8_t *op, const struct sim_mark *mark,
                         struct sim_w *w)
{
    const char *cmd_ns = sim_text(sim_find(op, "ns"));
    struct sim_val o = sim_find(op, "o"), to;
    struct sim_elem first;
    char ns[272];
    int db = (int)strcspn(cmd_ns, ".");
    struct sim_iter it = sim_iter_of(o.p);
    if (o.type != BSON_TYPE_DOCUMENT || !sim_next(&it, &first))
        return 0;
    bool coll = watch->kind == SIM_WATCH_COLL;
    if (strcmp(first.key, "drop") == 0 && sim_is_text(first.v.type)) {
        snprintf(ns, sizeof ns, "%.*s.%s", db, cmd_ns, sim_text(first.v));
        if (!watches(watch, ns))
            return 0;
        put_head(m->sim, w, mark, entry, "drop");
        put_ns(w, "ns", ns);
        return coll ? 2 : 1;
    }
    if (strcmp(first.key, "renameCollection") == 0 && sim_is_text(first.v.type) && sim_is_text((to = sim_find(o.p, "to")).type)) {
        if (!watches(watch, sim_text(first.v)) && !watches(watch, sim_text(to)))
            return 0;
        put_head(m->sim, w, mark, entry, "rename");
        put_ns(w, "ns", sim_text(first.v));
        put_ns(w, "to", sim_text(to));
        return coll ? 2 : 1;
    }
    if (strcmp(first.key, "dropDatabase") == 0 && !coll && !is_own_db(cmd_ns, (size_t)db)) {
        if (watch->kind == SIM_WATCH_DB && (strlen(watch->ns) != (size_t)db || memcmp(watch->ns, cmd_ns, (size_t)db) != 0))
            return 0;
        snprintf(ns, sizeof ns, "%.*s", db, cmd_ns);
        put_head(m->sim, w, mark, entry, "dropDatabase");
        put_ns(w, "ns", ns);
        return watch->kind == SIM_WATCH_DB ? 2 : 1;
    }
    return 0;
}

int sim_change_event(const struct sim_member *m, const struct sim_watch *watch, const uint8_t *entry, uint32_t index, struct sim_w *w)
{
    const uint8_t *op = part_at(entry, index);
    struct sim_val kind = op ? sim_find(op, "op") : sim_missing, ts = sim_find(entry, "ts");
    struct sim_mark mark = {ts.type == BSON_TYPE_TIMESTAMP ? (uint64_t)sim_i64(ts.p) : 0, index, SIM_MARK_EVENT};
    if (!sim_is_text(kind.type) || !sim_is_text(sim_find(op, "ns").type) || sim_truth(sim_find(op, "fromMigrate")))
        return 0;
    char k = sim_text(kind)[0];
    if (k == 'i' || k == 'u' || k == 'd')
        return document_event(m, watch, entry, op, k, &mark, w);
    return k == 'c' ? command_event(m, watch, entry, op, &mark, w) : 0;
}

void sim_invalidate_event(const struct sim *s, const uint8_t *entry, uint32_t index, struct sim_w *w)
{
    struct sim_val ts = sim_find(entry, "ts");
    struct sim_mark mark = {ts.type == BSON_TYPE_TIMESTAMP ? (uint64_t)sim_i64(ts.p) : 0, index, SIM_MARK_INVALIDATE};
    put_head(s, w, &mark, entry, "invalidate");
}
