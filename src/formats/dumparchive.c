/* SPDX-License-Identifier: Apache-2.0 */
#include "docs.h"
#include "dumpmeta.h"

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/bsoncheck.h>
#include <signalbox/formats/mongodump.h>

#include <bson/bson.h>
#include <inttypes.h>

#define BUCKETS "system.buckets."

static const unsigned char magic[] = {0x6d, 0xe2, 0x99, 0x81};

/* A namespace in the archive. Those of collections stand in the order of the backup's collections. */
struct part {
    struct sb_docs docs;
    bool announced, opened, closed;
    bool dropped; /* it has no metadata, as one that was dropped while it was dumped */
};

struct reading {
    struct sb_backup *b;
    struct sb_window w;
    const char *file;
    bool every_entry;
    struct part *parts;
    size_t parts_n, parts_cap;
    struct part oplog;
};

bool sb_dump_archive_begins(const unsigned char *p, size_t n)
{
    return n >= sizeof magic && memcmp(p, magic, sizeof magic) == 0;
}

enum next { NEXT_DOCUMENT, NEXT_TERMINATOR, NEXT_END, NEXT_BROKEN };

/* What comes next; a document is visible, of *n bytes, and still to be taken. What is broken is told. */
static enum next look_next(struct reading *r, const char *ns, const unsigned char **p, size_t *n)
{
    struct sb_err err = SB_ERR_INIT;
    int64_t at = (int64_t)sb_window_at(&r->w), have = sb_window_want(&r->w, 4, p, &err);
    if (have == 0)
        return NEXT_END;
    if (have >= 4) {
        int32_t length = sb_bson_length(*p);
        if (length == -1) {
            sb_window_take(&r->w, 4);
            return NEXT_TERMINATOR;
        }
        if (length < SB_BSON_MIN || (size_t)length > SB_BSON_MAX) {
            sb_backup_problem(r->b, "block_broken", r->file, ns, at, "%d is neither a document's length nor the end of a block: what follows cannot be read", length);
            return NEXT_BROKEN;
        }
        *n = (size_t)length;
        have = sb_window_want(&r->w, *n, p, &err);
        if (have >= length)
            return NEXT_DOCUMENT;
    }
    if (have < 0)
        sb_backup_problem(r->b, err.code == SB_EINPUT ? "packing_damaged" : "unreadable", r->file, ns, at, "%s", err.msg);
    else
        sb_backup_problem(r->b, "truncated", r->file, ns, at, "the archive ends within a block");
    return NEXT_BROKEN;
}

/* The part of db.collection; what is of a time series' buckets belongs to the series. NULL: out of memory, or too many. */
static struct part *part_of(struct reading *r, const char *db, const char *collection)
{
    if (!db[0] && strcmp(collection, "oplog") == 0) {
        if (!r->oplog.docs.file && !sb_docs_init(&r->oplog.docs, r->b, r->file, NULL))
            return NULL;
        r->oplog.docs.with_crc = true;
        r->oplog.docs.every_entry = r->every_entry;
        return &r->oplog;
    }
    char *ns = sb_format("%s.%s", db, collection), *series = NULL;
    struct sb_backup_collection *c = NULL;
    struct part *part = NULL;
    if (ns && sb_starts_with(collection, BUCKETS) && (series = sb_format("%s.%s", db, collection + strlen(BUCKETS))) &&
        (c = sb_backup_collection_find(r->b, series)) && !c->series)
        c = NULL;
    if (ns && !c)
        c = sb_backup_collection(r->b, ns);
    if (c) {
        size_t i = (size_t)(c - r->b->collections);
        if (SB_GROW(r->parts, r->parts_cap, i + 1) == 0) {
            r->parts_n = i + 1 > r->parts_n ? i + 1 : r->parts_n;
            part = &r->parts[i];
            if (!part->docs.file && !sb_docs_init(&part->docs, r->b, r->file, c->ns))
                part = NULL;
            else
                part->docs.with_crc = true;
        }
    }
    r->b->nomem |= part == NULL;
    free(ns);
    free(series);
    return part;
}

/* ---- the prelude ---- */

static const char *text_in(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : NULL;
}

/* A document of the archive's own, checked: false when it is broken, which is told. */
static bool own_document(struct reading *r, const unsigned char *p, size_t n, bson_t *doc)
{
    struct sb_bson_look look;
    if (sb_bson_whole(p, n, &look) && !look.not_utf8 && bson_init_static(doc, p, n))
        return true;
    sb_backup_problem(r->b, "header_invalid", r->file, NULL, (int64_t)(sb_window_at(&r->w) + look.at), "a header %s", look.fault ? look.fault : "with text that is not UTF-8");
    return false;
}

/* Of what type the prelude calls a namespace decides how it is restored. Tools that knew no time series did not write it. */
static void take_type(struct reading *r, struct sb_backup_collection *c, const char *type, int64_t at)
{
    bool said = type && type[0], view = sb_streq(type, "view"), series = sb_streq(type, "timeseries");
    if (!said && !c->series)
        return;
    if (view != c->view || series != c->series)
        sb_backup_problem(r->b, "metadata_mismatch", r->file, c->ns, at, "the prelude calls this a %s, and its options are those of a %s", said ? type : "collection",
                          c->view ? "view" : c->series ? "timeseries" : "collection");
    c->view = view;
    c->series = series;
}

static void take_namespace(struct reading *r, const bson_t *doc, int64_t at)
{
    const char *db = text_in(doc, "db"), *name = text_in(doc, "collection"), *metadata = text_in(doc, "metadata"), *type = text_in(doc, "type");
    const char *fault = db && name ? sb_backup_name_fault(db, name) : NULL;
    if (!db || !name || fault) {
        sb_backup_problem(r->b, fault ? "name_invalid" : "header_invalid", r->file, name, at, "a namespace of the prelude: its name %s", fault ? fault : "is missing");
        return;
    }
    char *ns = sb_format("%s.%s", db, name);
    bool long_text = metadata && strlen(metadata) > SB_DUMP_METADATA_MAX;
    if (long_text)
        sb_backup_problem(r->b, "metadata_invalid", r->file, ns, at, "its metadata are longer than %zu MiB, which they never are", SB_DUMP_METADATA_MAX >> 20);
    json_t *json = metadata && metadata[0] && !long_text ? sb_dump_json(r->b, "metadata_invalid", r->file, ns, at, metadata, strlen(metadata)) : NULL;
    struct sb_backup_collection *c = NULL;
    if (json && db[0] && (c = sb_dump_metadata(r->b, json, db, name, r->file, at))) {
        take_type(r, c, type, at);
    } else if (db[0] && name[0] != '$' && !metadata) {
        sb_backup_problem(r->b, "metadata_missing", r->file, ns, at, "the archive has no options and indexes of this collection");
    }
    json_decref(json);
    free(ns);
    struct part *part = part_of(r, db, name);
    if (part && part->announced)
        sb_backup_problem(r->b, "namespace_twice", r->file, part->docs.ns, at, "the prelude names this namespace twice");
    if (part) {
        part->announced = true;
        part->dropped = db[0] && name[0] != '$' && metadata && !metadata[0];
    }
}

/* The magic number and the first block. False: the rest makes no sense. */
static bool read_prelude(struct reading *r)
{
    struct sb_err err = SB_ERR_INIT;
    const unsigned char *p;
    size_t n = 0;
    bson_t doc;
    int64_t have = sb_window_want(&r->w, sizeof magic, &p, &err);
    if (have < 0) {
        sb_backup_problem(r->b, "packing_damaged", r->file, NULL, 0, "%s", err.msg);
        return false;
    }
    if (!sb_dump_archive_begins(p, (size_t)have)) {
        sb_backup_problem(r->b, "magic", r->file, NULL, 0, "it does not begin with the bytes that every archive begins with");
        return false;
    }
    sb_window_take(&r->w, sizeof magic);
    enum next next = look_next(r, NULL, &p, &n);
    if (next != NEXT_DOCUMENT) {
        if (next != NEXT_BROKEN)
            sb_backup_problem(r->b, "prelude_missing", r->file, NULL, (int64_t)sb_window_at(&r->w), "there is no prelude");
        return false;
    }
    if (!own_document(r, p, n, &doc))
        return false;
    sb_backup_say(r->b, &r->b->server_version, text_in(&doc, "server_version"));
    sb_backup_say(r->b, &r->b->tool_version, text_in(&doc, "tool_version"));
    if (!sb_streq(text_in(&doc, "version"), "0.1"))
        sb_backup_problem(r->b, "archive_version", r->file, NULL, (int64_t)sizeof magic, "the archive is not of format 0.1, the only one there is");
    sb_window_take(&r->w, n);
    while ((next = look_next(r, NULL, &p, &n)) == NEXT_DOCUMENT) {
        if (own_document(r, p, n, &doc))
            take_namespace(r, &doc, (int64_t)sb_window_at(&r->w));
        sb_window_take(&r->w, n);
    }
    if (next == NEXT_END)
        sb_backup_problem(r->b, "truncated", r->file, NULL, (int64_t)sb_window_at(&r->w), "the archive ends within its prelude");
    return next == NEXT_TERMINATOR;
}

/* ---- the blocks ---- */

static void close_part(struct reading *r, struct part *part, const bson_t *doc, int64_t at)
{
    bson_iter_t it;
    part->closed = true;
    if (!bson_iter_init_find(&it, doc, "CRC") || !BSON_ITER_HOLDS_INT64(&it))
        sb_backup_problem(r->b, "crc_missing", r->file, part->docs.ns, at, "the namespace is closed without a checksum");
    else if ((uint64_t)bson_iter_int64(&it) != part->docs.crc)
        sb_backup_problem(r->b, "crc_mismatch", r->file, part->docs.ns, at, "its %" PRIu64 " documents do not have the CRC-64 that the archive says", part->docs.documents);
}

/* A namespace header: whose block begins. NULL: nobody's, which is told. */
static struct part *take_header(struct reading *r, const unsigned char *p, size_t n, bool *eof)
{
    bson_t doc;
    bson_iter_t it;
    int64_t at = (int64_t)sb_window_at(&r->w);
    *eof = false;
    if (!own_document(r, p, n, &doc))
        return NULL;
    const char *db = text_in(&doc, "db"), *name = text_in(&doc, "collection"), *fault = db && name ? sb_backup_name_fault(db, name) : "is missing";
    if (fault) {
        sb_backup_problem(r->b, "name_invalid", r->file, name, at, "a block's namespace: its name %s", fault);
        return NULL;
    }
    if (!bson_iter_init_find(&it, &doc, "EOF") || !BSON_ITER_HOLDS_BOOL(&it))
        sb_backup_problem(r->b, "header_invalid", r->file, name, at, "a block's header does not say whether its namespace ends");
    else
        *eof = bson_iter_bool(&it);
    struct part *part = part_of(r, db, name);
    if (!part)
        return NULL;
    if (!part->announced && !part->opened)
        sb_backup_problem(r->b, "namespace_unannounced", r->file, part->docs.oplog ? "oplog" : part->docs.ns, at, "documents of a namespace that the prelude does not name");
    if (part->closed)
        sb_backup_problem(r->b, "block_after_end", r->file, part->docs.ns, at, "a block of a namespace that was closed before");
    part->opened = true;
    if (*eof && !part->closed)
        close_part(r, part, &doc, at);
    return part;
}

/* One block. False: the end, or nothing more can be read. */
static bool read_block(struct reading *r)
{
    const unsigned char *p;
    size_t n = 0;
    bool eof;
    uint64_t at = sb_window_at(&r->w);
    enum next next = look_next(r, NULL, &p, &n);
    if (next == NEXT_TERMINATOR)
        sb_backup_problem(r->b, "block_broken", r->file, NULL, (int64_t)at, "a block ends that did not begin: what follows cannot be read");
    if (next != NEXT_DOCUMENT)
        return false;
    struct part *part = take_header(r, p, n, &eof);
    sb_window_take(&r->w, n);
    /* a pointer into parts: no other part is made before the block ends */
    for (bool told = false;;) {
        at = sb_window_at(&r->w);
        next = look_next(r, part ? part->docs.ns : NULL, &p, &n);
        if (next == NEXT_END)
            sb_backup_problem(r->b, "truncated", r->file, part ? part->docs.ns : NULL, (int64_t)at, "the archive ends within a block");
        if (next != NEXT_DOCUMENT)
            return next == NEXT_TERMINATOR;
        if (eof && !told)
            sb_backup_problem(r->b, "data_after_end", r->file, part ? part->docs.ns : NULL, (int64_t)at, "documents stand behind the end of their namespace");
        told |= eof;
        if (part)
            sb_docs_take(&part->docs, p, n, at);
        sb_window_take(&r->w, n);
        if (r->b->stopped)
            return false;
    }
}

static void end_part(struct reading *r, struct part *part)
{
    if (!part->docs.file)
        return;
    const char *ns = part->docs.oplog ? "oplog" : part->docs.ns;
    if (!part->opened && part->announced) /* a view too: its empty block is what makes mongorestore create it */
        sb_backup_problem(r->b, "namespace_missing", r->file, ns, -1, "the prelude names this namespace, and the archive ends without it");
    else if (part->opened && !part->closed)
        sb_backup_problem(r->b, "namespace_unfinished", r->file, ns, -1, "the archive ends before this namespace does: it was cut off, or its checksum is lost");
    if (part->dropped && part->docs.documents)
        sb_backup_problem(r->b, "metadata_missing", r->file, ns, -1, "the archive has documents of this collection, and no options and indexes");
    else if (part->dropped)
        sb_backup_note(r->b, "dropped", r->file, ns, -1, "it has neither metadata nor documents: it was dropped while it was dumped");
    sb_docs_end(&part->docs);
}

bool sb_dump_archive(struct sb_backup *b, struct sb_source *source, const char *file, bool every_entry)
{
    struct reading *r = calloc(1, sizeof *r);
    if (!r) {
        sb_source_close(source);
        b->nomem = true;
        return false;
    }
    r->b = b;
    r->file = file;
    r->every_entry = every_entry;
    sb_window_init(&r->w, source, b);
    uint64_t before = b->problems.all;
    bool whole = read_prelude(r), fine = whole && b->problems.all == before;
    if (whole && !b->options.quick) {
        while (!b->stopped && read_block(r))
            ;
        for (size_t i = 0; i < r->parts_n && !b->stopped; i++)
            end_part(r, &r->parts[i]);
        if (!b->stopped)
            end_part(r, &r->oplog);
        if (!b->stopped && sb_source_trailing(source))
            sb_backup_problem(b, "trailing_bytes", file, NULL, -1, "bytes that are not gzip data stand behind it: mongorestore refuses such a file");
    }
    for (size_t i = 0; i < r->parts_n; i++)
        sb_docs_release(&r->parts[i].docs);
    free(r->parts);
    sb_docs_release(&r->oplog.docs);
    sb_window_release(&r->w);
    free(r);
    return fine;
}
