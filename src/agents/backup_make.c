/* SPDX-License-Identifier: Apache-2.0 */
#include "bson_get.h"

#include <signalbox/agents/backup_make.h>
#include <signalbox/base/clock.h>

#include <signalbox/agents/backup_restore.h>
#include <signalbox/agents/oplog.h>
#include <signalbox/base/json.h>
#include <signalbox/base/record.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS "system.buckets."
#define NESTING 4

struct making {
    struct sb_conn *c;
    const struct sb_make_options *o;
    struct sb_dump_writer *w;
    struct sb_made *made;
    struct sb_err *err;
    const char *db;
    char **dbs;
    size_t dbs_n;
    char **names, **described; /* collections of this database, and what listCollections says of each */
    bool *series, *views;
    size_t names_n, described_n, kinds_n;
    bool *found; /* by place */
    struct sb_str indexes;
    bool last_kept; /* of the oplog's entries the last one is in the dump */
    int rc;
};

/* Is it asked for: by itself, or with its database? */
static bool wanted(const struct making *m, const char *ns)
{
    bool any = m->o->places_n == 0;
    for (size_t i = 0; i < m->o->places_n; i++) {
        size_t n = strlen(m->o->places[i]);
        bool this_one = strncmp(ns, m->o->places[i], n) == 0 && (ns[n] == '\0' || (ns[n] == '.' && !strchr(m->o->places[i], '.')));
        any |= this_one;
        if (this_one && m->found)
            m->found[i] = true;
    }
    return any;
}

/* ---- metadata ---- */

static bool take_index(void *ctx, const bson_t *doc)
{
    struct making *m = ctx;
    char *text = bson_as_canonical_extended_json(doc, NULL);
    sb_str_addf(&m->indexes, "%s%s", m->indexes.len ? "," : "", text ? text : "");
    m->rc = text ? m->rc : sb_fail_nomem(m->err);
    bson_free(text);
    return text != NULL;
}

static int write_metadata(struct making *m, size_t i)
{
    struct sb_str text, name;
    const char *type = m->views[i] ? "view" : m->series[i] ? "timeseries" : "collection";
    bson_t *command = BCON_NEW("listIndexes", BCON_UTF8(m->names[i]));
    sb_str_init(&text);
    sb_str_init(&name);
    sb_str_clear(&m->indexes);
    int rc = m->views[i] || sb_read_cursor(m->c, m->db, command, INT64_MAX, take_index, m, m->err) >= 0 ? m->rc : -1;
    if (rc == 0)
        rc = sb_json_string(&name, m->names[i], strlen(m->names[i]), m->err);
    sb_str_addf(&text, "{%s,\"indexes\":[%s],\"collectionName\":%s,\"type\":\"%s\"}", m->described[i], m->indexes.p, name.p, type);
    if (rc == 0)
        rc = sb_str_ok(&text) && sb_str_ok(&name) && sb_str_ok(&m->indexes) ? sb_dump_writer_metadata(m->w, m->db, m->names[i], text.p, type, m->err) : sb_fail_nomem(m->err);
    bson_destroy(command);
    sb_str_release(&text);
    sb_str_release(&name);
    return rc;
}

/* ---- collections ---- */

static bool take_document(void *ctx, const bson_t *doc)
{
    struct making *m = ctx;
    m->rc = sb_dump_writer_add(m->w, bson_get_data(doc), doc->len, m->err);
    m->made->documents++;
    m->made->bytes += doc->len;
    if (m->o->read)
        m->o->read(m->o->ctx, doc->len);
    return m->rc == 0;
}

static int write_documents(struct making *m, size_t i)
{
    char *name = m->series[i] ? sb_format(BUCKETS "%s", m->names[i]) : sb_format("%s", m->names[i]);
    bson_t *command = name ? BCON_NEW("find", BCON_UTF8(name), "filter", "{", "}") : NULL;
    int rc = !name ? sb_fail_nomem(m->err) : sb_dump_writer_open(m->w, m->db, name, m->err);
    if (rc == 0 && sb_read_cursor(m->c, m->db, command, INT64_MAX, take_document, m, m->err) < 0)
        rc = -1;
    if (command)
        bson_destroy(command);
    free(name);
    return rc ? -1 : m->rc;
}

/* "options": {...}, "uuid": "..." as mongodump writes them. */
static char *describe(const bson_t *doc)
{
    bson_iter_t it, in;
    bson_t part;
    struct sb_str text;
    const uint8_t *p;
    uint32_t n;
    bson_subtype_t kind;
    sb_str_init(&text);
    char *options = NULL;
    if (bson_iter_init_find(&it, doc, "options") && BSON_ITER_HOLDS_DOCUMENT(&it)) {
        bson_iter_document(&it, &n, &p);
        options = bson_init_static(&part, p, n) ? bson_as_canonical_extended_json(&part, NULL) : NULL;
    }
    sb_str_addf(&text, "\"options\":%s,\"uuid\":\"", options ? options : "{}");
    if (bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, "info.uuid", &in) && BSON_ITER_HOLDS_BINARY(&in)) {
        bson_iter_binary(&in, &kind, &n, &p);
        for (uint32_t i = 0; i < n && n == 16; i++)
            sb_str_addf(&text, "%02x", p[i]);
    }
    sb_str_addc(&text, '"');
    bson_free(options);
    return sb_str_take(&text);
}

static int add_bool(bool **list, size_t n, bool value)
{
    bool *grown = realloc(*list, (n + 1) * sizeof **list);
    if (!grown)
        return -1;
    *list = grown;
    grown[n] = value;
    return 0;
}

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct making *m = ctx;
    bson_iter_t it;
    const char *name = bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : NULL;
    const char *type = bson_iter_init_find(&it, doc, "type") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "collection";
    char *ns = name ? sb_format("%s.%s", m->db, name) : NULL;
    if (ns && !sb_restore_skips(ns) && wanted(m, ns)) {
        char *text = describe(doc);
        if (!text || sb_strs_push(&m->names, &m->names_n, name) || sb_strs_push(&m->described, &m->described_n, text) ||
            add_bool(&m->series, m->kinds_n, strcmp(type, "timeseries") == 0) || add_bool(&m->views, m->kinds_n, strcmp(type, "view") == 0))
            m->rc = sb_fail_nomem(m->err);
        m->kinds_n++;
        free(text);
    }
    free(ns);
    return m->rc == 0;
}

static void swap_names(struct making *m, struct making *other)
{
    struct making was = *m;
    m->names = other->names, m->described = other->described, m->series = other->series, m->views = other->views;
    m->names_n = other->names_n, m->described_n = other->described_n, m->kinds_n = other->kinds_n;
    other->names = was.names, other->described = was.described, other->series = was.series, other->views = was.views;
    other->names_n = was.names_n, other->described_n = was.described_n, other->kinds_n = was.kinds_n;
}

static void forget_names(struct making *m)
{
    for (size_t i = 0; i < m->names_n; i++)
        free(m->names[i]);
    for (size_t i = 0; i < m->described_n; i++)
        free(m->described[i]);
    free(m->names);
    free(m->described);
    free(m->series);
    free(m->views);
    m->names = m->described = NULL;
    m->series = m->views = NULL;
    m->names_n = m->described_n = m->kinds_n = 0;
}

/* The collections of a database, with their metadata; m then holds their names. */
static int describe_database(struct making *m, const char *db)
{
    m->db = db;
    int rc = sb_read_cursor_json(m->c, db, "{\"listCollections\": 1}", INT64_MAX, take_collection, m, m->err) < 0 ? -1 : m->rc;
    for (size_t i = 0; rc == 0 && i < m->names_n; i++) {
        rc = write_metadata(m, i);
        m->made->collections++;
    }
    return rc;
}

/* An archive wants the metadata of all before the documents of any; a folder does not mind. */
static int write_databases(struct making *m)
{
    struct making *each = calloc(m->dbs_n + 1, sizeof *each); /* only the lists of each are used */
    int rc = each ? 0 : sb_fail_nomem(m->err);
    for (size_t i = 0; rc == 0 && i < m->dbs_n; i++) {
        rc = describe_database(m, m->dbs[i]);
        swap_names(m, &each[i]);
    }
    for (size_t i = 0; rc == 0 && i < m->dbs_n; i++) {
        m->db = m->dbs[i];
        swap_names(m, &each[i]);
        for (size_t k = 0; rc == 0 && k < m->names_n; k++)
            rc = m->views[k] ? 0 : write_documents(m, k);
        swap_names(m, &each[i]);
    }
    for (size_t i = 0; each && i < m->dbs_n; i++)
        forget_names(&each[i]);
    free(each);
    return rc;
}

static int list_databases(struct making *m)
{
    bson_iter_t it, list, field;
    bson_t reply;
    if (sb_read_json(m->c, "admin", "{\"listDatabases\": 1, \"nameOnly\": true}", &reply, m->err))
        return -1;
    int rc = 0;
    if (bson_iter_init_find(&it, &reply, "databases") && BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &list))
        while (rc == 0 && bson_iter_next(&list))
            if (BSON_ITER_HOLDS_DOCUMENT(&list) && bson_iter_recurse(&list, &field) && bson_iter_find(&field, "name") && BSON_ITER_HOLDS_UTF8(&field))
                rc = sb_strs_push(&m->dbs, &m->dbs_n, bson_iter_utf8(&field, NULL)) ? sb_fail_nomem(m->err) : 0;
    bson_destroy(&reply);
    return rc;
}

/* ---- the oplog ---- */

/* The time of the newest entry; 0: there is no oplog here. */
static int newest(struct making *m, uint64_t *ts)
{
    struct sb_err why = SB_ERR_INIT;
    if (sb_oplog_time(m->c, SB_OPLOG_NEWEST, ts, &why) == 0)
        return 0;
    if (why.code == SB_ECOMMAND) /* no such collection, or no right to it: then not by it */
        return snprintf(m->made->how, sizeof m->made->how, "the oplog cannot be read (%s)", why.msg), 0;
    *m->err = why;
    return -1;
}

/* The collection that a command of the oplog is about, wanted or not. */
static bool command_wanted(const struct making *m, const char *ns, const bson_iter_t *first)
{
    size_t db = strcspn(ns, ".");
    char *of = BSON_ITER_HOLDS_UTF8(first) ? sb_format("%.*s.%s", (int)db, ns, bson_iter_utf8(first, NULL)) : NULL;
    bool yes = of && !sb_restore_skips(of) && wanted(m, of);
    free(of);
    return yes;
}

static bool document_at(const bson_t *doc, const char *key, bson_t *out)
{
    bson_iter_t it;
    const uint8_t *p;
    uint32_t n;
    if (!bson_iter_init_find(&it, doc, key) || !BSON_ITER_HOLDS_DOCUMENT(&it))
        return false;
    bson_iter_document(&it, &n, &p);
    return bson_init_static(out, p, n);
}

static bool filter(struct making *m, const bson_t *entry, bson_t *out, int depth);

/* Of {applyOps: [...]} what was chosen; false: nothing was. */
static bool filter_ops(struct making *m, const bson_t *entry, const bson_t *o, bson_t *out, int depth)
{
    bson_iter_t it, one;
    bson_t body, list, kept;
    const uint8_t *p;
    uint32_t n, kept_n = 0;
    char key[16];
    bson_copy_to_excluding_noinit(entry, out, "o", NULL);
    BSON_APPEND_DOCUMENT_BEGIN(out, "o", &body);
    BSON_APPEND_ARRAY_BEGIN(&body, "applyOps", &list);
    if (bson_iter_init_find(&it, o, "applyOps") && BSON_ITER_HOLDS_ARRAY(&it) && bson_iter_recurse(&it, &one))
        while (bson_iter_next(&one)) {
            bson_t inner;
            if (!BSON_ITER_HOLDS_DOCUMENT(&one))
                continue;
            bson_iter_document(&one, &n, &p);
            bson_init(&kept);
            if (bson_init_static(&inner, p, n) && filter(m, &inner, &kept, depth + 1)) {
                snprintf(key, sizeof key, "%u", kept_n++);
                BSON_APPEND_DOCUMENT(&list, key, &kept);
            }
            bson_destroy(&kept);
        }
    bson_append_array_end(&body, &list);
    bson_copy_to_excluding_noinit(o, &body, "applyOps", NULL);
    bson_append_document_end(out, &body);
    return kept_n > 0;
}

/* The entry as it concerns what was chosen, into out (initialised); false: it does not. */
static bool filter(struct making *m, const bson_t *entry, bson_t *out, int depth)
{
    bson_iter_t it, first;
    bson_t o;
    const char *op = bson_iter_init_find(&it, entry, "op") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
    const char *ns = bson_iter_init_find(&it, entry, "ns") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
    bool command = strcmp(op, "c") == 0;
    if (command && depth < NESTING && document_at(entry, "o", &o) && bson_has_field(&o, "applyOps"))
        return filter_ops(m, entry, &o, out, depth);
    bool yes = strcmp(op, "n") == 0 ? depth == 0
               : command            ? document_at(entry, "o", &o) && bson_iter_init(&first, &o) && bson_iter_next(&first) && command_wanted(m, ns, &first)
                                    : !sb_restore_skips(ns) && wanted(m, ns);
    return yes && bson_concat(out, entry);
}

static bool take_entry(void *ctx, const bson_t *doc)
{
    struct making *m = ctx;
    bson_t kept;
    uint64_t ts = 0;
    sb_take_ts(&ts, doc);
    if (!m->made->to && ts != m->made->from) {
        m->rc = sb_fail(m->err, SB_ESTATE, "the oplog was overwritten while the dump was made: what was written meanwhile is lost, and the dump would not be of one moment");
        return false;
    }
    m->made->to = ts;
    bson_init(&kept);
    m->last_kept = filter(m, doc, &kept, 0);
    if (m->last_kept) {
        m->rc = sb_dump_writer_add(m->w, bson_get_data(&kept), kept.len, m->err);
        m->made->entries++;
    }
    bson_destroy(&kept);
    return m->rc == 0;
}

/* The moment that the dump is of must stand in its oplog: where the last entry concerns nothing of it, one that does nothing does. */
static int close_oplog(struct making *m)
{
    if (m->last_kept || !m->made->to)
        return 0;
    bson_t *entry = BCON_NEW("ts", BCON_TIMESTAMP((uint32_t)(m->made->to >> 32), (uint32_t)m->made->to), "v", BCON_INT32(2), "op", BCON_UTF8("n"), "ns", BCON_UTF8(""), "o", "{", "msg",
                             BCON_UTF8("what came up to here is of other collections"), "}");
    int rc = sb_dump_writer_add(m->w, bson_get_data(entry), entry->len, m->err);
    bson_destroy(entry);
    m->made->entries += rc == 0;
    return rc;
}

static int write_oplog(struct making *m)
{
    uint64_t to;
    if (newest(m, &to))
        return -1;
    bson_t *command = BCON_NEW("find", "oplog.rs", "filter", "{", "ts", "{", "$gte", BCON_TIMESTAMP((uint32_t)(m->made->from >> 32), (uint32_t)m->made->from), "$lte",
                               BCON_TIMESTAMP((uint32_t)(to >> 32), (uint32_t)to), "}", "}");
    bool *found = m->found;
    m->found = NULL;
    int rc = sb_dump_writer_open(m->w, NULL, NULL, m->err) || sb_read_cursor(m->c, "local", command, INT64_MAX, take_entry, m, m->err) < 0 ? -1 : m->rc;
    m->found = found;
    bson_destroy(command);
    if (rc == 0)
        rc = close_oplog(m);
    m->made->consistent = rc == 0;
    if (rc == 0) {
        char at[SB_TIME_LEN + 1];
        sb_time_format(at, (int64_t)(to >> 32) * 1000);
        snprintf(m->made->how, sizeof m->made->how, "by its oplog, to %s (%" PRIu64 ":%" PRIu64 ")", at, to >> 32, to & UINT32_MAX);
    }
    return rc;
}

int sb_backup_make(struct sb_conn *c, const struct sb_make_options *o, struct sb_dump_writer *w, struct sb_made *made, struct sb_err *err)
{
    struct making m = {.c = c, .o = o, .w = w, .made = made, .err = err, .found = calloc(o->places_n + 1, sizeof(bool))};
    memset(made, 0, sizeof *made);
    sb_str_init(&m.indexes);
    int rc = !m.found ? sb_fail_nomem(err) : newest(&m, &made->from) || list_databases(&m) ? -1 : 0;
    if (rc == 0 && made->from)
        rc = sb_dump_writer_announce_oplog(w, err);
    if (rc == 0)
        rc = write_databases(&m);
    for (size_t i = 0; rc == 0 && i < o->places_n; i++)
        if (!m.found[i])
            rc = sb_fail(err, SB_EINPUT, "there is nothing of %s to dump", o->places[i]);
    if (rc == 0 && made->from)
        rc = write_oplog(&m);
    else if (rc == 0 && !made->how[0])
        snprintf(made->how, sizeof made->how, "the server has no oplog");
    for (size_t i = 0; i < m.dbs_n; i++)
        free(m.dbs[i]);
    free(m.dbs);
    free(m.found);
    sb_str_release(&m.indexes);
    return rc;
}
