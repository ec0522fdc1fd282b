/* SPDX-License-Identifier: Apache-2.0 */
#include "private.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/record.h>
#include <signalbox/mongo/scratch_door.h>

#define SOCKET_MS 600000

struct sb_scratch {
    const struct sb_server *server;
    struct sb_conn *conn;
    char id[128], nonce[40];
    bool by_operator;
};

/* What a drill does. `docs`: the member whose documents may come beside the command. */
static const struct {
    const char *name, *docs;
} writes[] = {
    {"insert", "documents"}, {"update", "updates"}, {"delete", "deletes"}, {"create", NULL}, {"createIndexes", NULL}, {"dropIndexes", NULL}, {"drop", NULL},
};

static bool of_the_server(const char *db)
{
    return strcmp(db, "admin") == 0 || strcmp(db, "local") == 0 || strcmp(db, "config") == 0;
}

/* ---- what there is ---- */

struct looking {
    struct sb_conn *c;
    struct sb_scratch_seen *seen;
    const char *db;
    char **dbs;
    size_t dbs_n;
    bool nomem;
};

static const char *text_of(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
}

static bool take_mark(void *ctx, const bson_t *doc)
{
    struct sb_scratch_seen *seen = ctx;
    const char *id = text_of(doc, "_id");
    seen->by_operator |= strcmp(id, "scratch") == 0;
    if (strcmp(id, "drill") == 0) {
        seen->by_drill = true;
        snprintf(seen->drill, sizeof seen->drill, "%s", text_of(doc, "drill"));
        snprintf(seen->nonce, sizeof seen->nonce, "%s", text_of(doc, "nonce"));
    }
    return true;
}

static int read_marks(struct sb_conn *c, struct sb_scratch_seen *seen, struct sb_err *err)
{
    return sb_read_cursor_json(c, SB_SCRATCH_DB, "{\"find\": \"" SB_SCRATCH_COLL "\", \"filter\": {\"_id\": {\"$in\": [\"scratch\", \"drill\"]}}}", 10, take_mark, seen, err) < 0 ? -1 : 0;
}

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct looking *l = ctx;
    const char *name = text_of(doc, "name");
    if ((strcmp(l->db, SB_SCRATCH_DB) == 0 && strcmp(name, SB_SCRATCH_COLL) == 0) || strcmp(name, "system.views") == 0 || strcmp(name, "system.profile") == 0)
        return true; /* a server keeps the latter two when all views are dropped, and when nothing is profiled any more */
    if (l->seen->held_n < SB_SCRATCH_HELD && !(l->seen->held[l->seen->held_n++] = sb_format("%s.%s", l->db, name))) {
        l->seen->held_n--;
        l->nomem = true;
    }
    l->seen->held_all++;
    return true;
}

static int take_databases(struct looking *l, const bson_t *reply, struct sb_err *err)
{
    bson_iter_t it, list, field;
    if (!bson_iter_init_find(&it, reply, "databases") || !BSON_ITER_HOLDS_ARRAY(&it) || !bson_iter_recurse(&it, &list))
        return sb_fail(err, SB_ESERVER, "%s: listDatabases names no databases", sb_conn_name(l->c));
    while (bson_iter_next(&list))
        if (BSON_ITER_HOLDS_DOCUMENT(&list) && bson_iter_recurse(&list, &field) && bson_iter_find(&field, "name") && BSON_ITER_HOLDS_UTF8(&field) &&
            sb_strs_push(&l->dbs, &l->dbs_n, bson_iter_utf8(&field, NULL)))
            return sb_fail_nomem(err);
    return 0;
}

int sb_scratch_look(struct sb_conn *c, struct sb_scratch_seen *seen, struct sb_err *err)
{
    struct looking l = {.c = c, .seen = seen};
    bson_t reply;
    memset(seen, 0, sizeof *seen);
    int rc = sb_read_json(c, "admin", "{\"listDatabases\": 1, \"nameOnly\": true}", &reply, err);
    if (rc == 0) {
        rc = take_databases(&l, &reply, err);
        bson_destroy(&reply);
    }
    for (size_t i = 0; rc == 0 && i < l.dbs_n; i++) {
        l.db = l.dbs[i];
        if (!of_the_server(l.db))
            rc = sb_read_cursor_json(c, l.db, "{\"listCollections\": 1, \"nameOnly\": true}", INT64_MAX, take_collection, &l, err) < 0 ? -1 : 0;
    }
    if (rc == 0)
        rc = read_marks(c, seen, err);
    if (rc == 0 && l.nomem)
        rc = sb_fail_nomem(err);
    for (size_t i = 0; i < l.dbs_n; i++)
        free(l.dbs[i]);
    free(l.dbs);
    return rc;
}

void sb_scratch_seen_release(struct sb_scratch_seen *seen)
{
    for (size_t i = 0; i < seen->held_n; i++)
        free(seen->held[i]);
    memset(seen, 0, sizeof *seen);
}

/* ---- the door ---- */

struct sb_scratch *sb_scratch_open(const struct sb_server *s, const char *deployment_id, const char *nonce, bool by_operator, struct sb_err *err)
{
    struct sb_scratch *d = calloc(1, sizeof *d);
    mongoc_uri_t *uri = d ? mongoc_uri_copy(s->uri) : NULL;
    if (!uri) {
        free(d);
        sb_fail_nomem(err);
        return NULL;
    }
    d->server = s;
    d->by_operator = by_operator;
    snprintf(d->id, sizeof d->id, "%s", deployment_id);
    snprintf(d->nonce, sizeof d->nonce, "%s", nonce);
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false);
    d->conn = sb_conn_found(uri, 3000, 5000, SOCKET_MS, err);
    mongoc_uri_destroy(uri);
    if (!d->conn) {
        free(d);
        return NULL;
    }
    d->conn->max_time_ms = 4000;
    return d;
}

void sb_scratch_close(struct sb_scratch *d)
{
    if (!d)
        return;
    sb_conn_close(d->conn);
    free(d);
}

static int check_place(struct sb_scratch *d, bool marking, struct sb_err *err)
{
    struct sb_deployment_facts facts;
    struct sb_scratch_seen seen = {.by_operator = false};
    if (sb_deployment_identify(d->conn, &facts, err))
        return -1;
    bool same = strcmp(facts.id, d->id) == 0 && !facts.hello.is_mongos; /* a cluster is no throw-away deployment */
    if (!same)
        sb_fail(err, SB_EPOLICY, "%s calls itself %s now, and was %s: nothing more is written to it", sb_conn_name(d->conn), facts.id, d->id);
    sb_deployment_facts_release(&facts);
    if (!same || read_marks(d->conn, &seen, err))
        return -1;
    if (d->by_operator && !seen.by_operator)
        return sb_fail(err, SB_EPOLICY, "the mark {_id: \"scratch\"} is gone from " SB_SCRATCH_DB "." SB_SCRATCH_COLL " of %s: nothing more is written to it", sb_conn_name(d->conn));
    if (marking ? seen.by_drill : !seen.by_drill || strcmp(seen.nonce, d->nonce) != 0)
        return sb_fail(err, SB_EPOLICY, marking ? "%s carries the mark of another drill" : "the mark of this drill is gone from %s: nothing more is written to it", sb_conn_name(d->conn));
    return 0;
}

/* The command without "$db" and what stands for its documents; NULL: it may not be sent, or not with these documents. */
static bson_t *prepare(const char *text, const struct sb_scratch_docs *docs, char *db, size_t db_cap, size_t *row, struct sb_err *err)
{
    bson_error_t e;
    bson_t *all = bson_new_from_json((const uint8_t *)text, -1, &e), *command = NULL;
    bson_iter_t it, in;
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1];
    if (!all) {
        sb_fail(err, SB_EINPUT, "a command that is not Extended JSON: %s", e.message);
        return NULL;
    }
    const char *name = bson_iter_init(&it, all) && bson_iter_next(&it) ? bson_iter_key(&it) : "";
    for (*row = 0; *row < SB_COUNT(writes) && strcmp(name, writes[*row].name) != 0; ++*row)
        ;
    snprintf(db, db_cap, "%s", text_of(all, "$db"));
    if (*row == SB_COUNT(writes)) {
        sb_fail(err, SB_EPOLICY, "the command %s is not on the list of what a drill writes", name);
        goto out;
    }
    if (!db[0] || strlen(text_of(all, "$db")) >= db_cap || of_the_server(db)) {
        sb_fail(err, SB_EPOLICY, "nothing is ever written to the database \"%s\"", db);
        goto out;
    }
    const char *key = writes[*row].docs;
    if (docs) {
        if (!key || !bson_iter_init_find(&it, all, key) || !BSON_ITER_HOLDS_DOCUMENT(&it) || !bson_iter_recurse(&it, &in) || !bson_iter_find(&in, "sha256") ||
            !BSON_ITER_HOLDS_UTF8(&in) || sb_hash_bytes(&hash, docs->p, docs->bytes, err)) {
            sb_fail(err, SB_EINTERNAL, "a command that does not say which documents go with it");
            goto out;
        }
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
        if (strcmp(hex, bson_iter_utf8(&in, NULL)) != 0) {
            sb_fail(err, SB_EPOLICY, "the command is for other documents than these");
            goto out;
        }
    }
    command = bson_new();
    if (docs)
        bson_copy_to_excluding_noinit(all, command, "$db", key, NULL);
    else
        bson_copy_to_excluding_noinit(all, command, "$db", NULL);
out:
    bson_destroy(all);
    return command;
}

/* The documents as they lie behind one another; NULL: out of memory, or they are none. */
static bson_t *split(const struct sb_scratch_docs *docs)
{
    bson_t *list = calloc(docs->n ? docs->n : 1, sizeof *list);
    size_t at = 0;
    uint64_t i = 0;
    for (; list && i < docs->n && docs->bytes - at >= 5; i++) {
        uint32_t n;
        memcpy(&n, docs->p + at, 4);
        n = BSON_UINT32_FROM_LE(n);
        if (n > docs->bytes - at || !bson_init_static(&list[i], docs->p + at, n))
            break;
        at += n;
    }
    if (list && (i != docs->n || at != docs->bytes)) {
        free(list);
        list = NULL;
    }
    return list;
}

/* A write that was looked at and made ready; nothing of it was sent. */
struct sb_scratch_parcel {
    bson_t *command;
    mongoc_bulk_operation_t *inserts; /* of this door's client; NULL: the command is sent as it is */
    char db[128];
    bool marking;
};

void sb_scratch_parcel_free(struct sb_scratch_parcel *p)
{
    if (!p)
        return;
    bson_destroy(p->command);
    if (p->inserts)
        mongoc_bulk_operation_destroy(p->inserts);
    free(p);
}

/* By the driver's own way, which splits by what the server takes at once. */
static int pack_inserts(struct sb_scratch *d, struct sb_scratch_parcel *p, const bson_t *list, uint64_t n, struct sb_err *err)
{
    bson_error_t e;
    bson_t opts;
    bson_iter_t it;
    mongoc_collection_t *coll = mongoc_client_get_collection(d->conn->client, p->db, text_of(p->command, "insert"));
    p->inserts = mongoc_collection_create_bulk_operation_with_opts(coll, NULL); /* without options it is an ordered one */
    if (bson_iter_init_find(&it, p->command, "bypassDocumentValidation") && bson_iter_as_bool(&it))
        mongoc_bulk_operation_set_bypass_document_validation(p->inserts, true);
    bson_init(&opts);
    BSON_APPEND_BOOL(&opts, "validate", false); /* the driver's own look at names: they were in a database before */
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && i < n; i++)
        if (!mongoc_bulk_operation_insert_with_opts(p->inserts, &list[i], &opts, &e))
            rc = sb_fail(err, SB_EINPUT, "a document that cannot be sent: %s", e.message);
    bson_destroy(&opts);
    mongoc_collection_destroy(coll);
    return rc;
}

static int pack_docs(struct sb_scratch *d, struct sb_scratch_parcel *p, const char *name, const char *key, const struct sb_scratch_docs *docs, struct sb_err *err)
{
    bson_t *list = split(docs), array;
    if (!list)
        return sb_fail(err, SB_EINPUT, "the documents of a write cannot be taken apart");
    int rc = 0;
    if (strcmp(name, "insert") == 0) {
        rc = pack_inserts(d, p, list, docs->n, err);
    } else {
        BSON_APPEND_ARRAY_BEGIN(p->command, key, &array);
        for (uint64_t i = 0; i < docs->n; i++) {
            char at[24];
            snprintf(at, sizeof at, "%llu", (unsigned long long)i);
            BSON_APPEND_DOCUMENT(&array, at, &list[i]);
        }
        bson_append_array_end(p->command, &array);
    }
    free(list);
    return rc;
}

struct sb_scratch_parcel *sb_scratch_pack(struct sb_scratch *d, struct sb_permit *permit, const char *text, const struct sb_scratch_docs *docs, struct sb_err *err)
{
    struct sb_scratch_parcel *p = calloc(1, sizeof *p);
    size_t row = 0;
    if (!p) {
        sb_fail_nomem(err);
        return NULL;
    }
    p->command = prepare(text, docs, p->db, sizeof p->db, &row, err);
    if (!p->command || sb_permit_check(d->server, d->id, permit, text, err))
        goto out;
    permit->used = true;
    p->marking = strcmp(p->db, SB_SCRATCH_DB) == 0 && strcmp(text_of(p->command, "insert"), SB_SCRATCH_COLL) == 0;
    if (!docs || pack_docs(d, p, writes[row].name, writes[row].docs, docs, err) == 0)
        return p;
out:
    sb_scratch_parcel_free(p);
    return NULL;
}

static void send_inserts(struct sb_conn *c, mongoc_bulk_operation_t *inserts, struct sb_write_result *out)
{
    bson_error_t e = {0};
    bson_t reply;
    c->refused[0] = '\0';
    if (mongoc_bulk_operation_execute(inserts, &reply, &e))
        out->outcome = SB_OUTCOME_OK;
    else
        sb_write_failed(c, &e, "insert", out);
    bson_destroy(&reply);
}

static void refused(struct sb_write_result *out, const struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    out->outcome = SB_OUTCOME_FAILED;
    out->code = err->detail;
    snprintf(out->message, sizeof out->message, "%s", err->msg);
}

void sb_scratch_send(struct sb_scratch *d, struct sb_scratch_parcel *p, struct sb_write_result *out)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t start = sb_mono_ms();
    memset(out, 0, sizeof *out);
    out->outcome = SB_OUTCOME_FAILED;
    if (check_place(d, p->marking, &err))
        refused(out, &err);
    else if (p->inserts)
        send_inserts(d->conn, p->inserts, out);
    else
        sb_write_send(d->conn, p->db, p->command, out);
    out->millis = sb_mono_ms() - start;
    sb_scratch_parcel_free(p);
}

void sb_scratch_write(struct sb_scratch *d, struct sb_permit *permit, const char *text, const struct sb_scratch_docs *docs, struct sb_write_result *out)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_scratch_parcel *p = sb_scratch_pack(d, permit, text, docs, &err);
    if (p)
        sb_scratch_send(d, p, out);
    else
        refused(out, &err);
}

int sb_scratch_still(struct sb_scratch *d, struct sb_err *err)
{
    return check_place(d, false, err);
}

int sb_scratch_hand_over(struct sb_scratch *d, struct sb_permit *permit, const char *text, struct sb_err *err)
{
    if (sb_permit_check(d->server, d->id, permit, text, err))
        return -1;
    permit->used = true;
    return check_place(d, false, err);
}

int sb_scratch_docs_text(struct sb_str *out, const char *key, const struct sb_scratch_docs *docs, struct sb_err *err)
{
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1];
    if (sb_hash_bytes(&hash, docs->p, docs->bytes, err))
        return -1;
    sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
    sb_str_addf(out, "\"%s\":{\"n\":%llu,\"bytes\":%zu,\"sha256\":\"%s\"}", key, (unsigned long long)docs->n, docs->bytes, hex);
    return 0;
}
