/* SPDX-License-Identifier: Apache-2.0 */
#include "docs.h"
#include "dumplist.h"
#include "dumpmeta.h"
#include "folder.h"

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/bsoncheck.h>
#include <signalbox/formats/dumpwrite.h>
#include <signalbox/formats/mongodump.h>

#include <ctype.h>
#include <unistd.h>

#define BUCKETS "system.buckets."
#define TRUNCATED 238 /* the length of an escaped name that was too long for a file */
#define CANDIDATES 16 /* for the last document of a file */

enum piece_kind { PIECE_FOREIGN, PIECE_DATA, PIECE_METADATA };

/* A file of a database's folder. */
struct piece {
    const struct sb_entry *entry;
    enum piece_kind kind;
    bool gz;
    char *base;   /* its name without the ending, still escaped */
    char *name;   /* the collection's, once known */
    json_t *json; /* of metadata */
};

struct database {
    struct sb_backup *b;
    int dir;
    const char *db;
    bool one;     /* only one collection was asked for */
    const struct sb_dump_list *list; /* what the dump's maker says is in it */
    char *prefix; /* "db/" for findings, or "" */
    struct piece *pieces;
    size_t n, cap;
};

static bool ends(const char *text, const char *with, size_t *n)
{
    size_t all = strlen(text), part = strlen(with);
    *n = all - part;
    return all > part && strcmp(text + all - part, with) == 0;
}

static enum piece_kind kind_of(const char *file, size_t *base, bool *gz)
{
    *gz = true;
    if (ends(file, ".metadata.json.gz", base))
        return PIECE_METADATA;
    if (ends(file, ".bson.gz", base))
        return PIECE_DATA;
    *gz = false;
    if (ends(file, ".metadata.json", base))
        return PIECE_METADATA;
    return ends(file, ".bson", base) || ends(file, ".bin", base) ? PIECE_DATA : PIECE_FOREIGN;
}

char *sb_dump_data_name(const char *file)
{
    size_t n;
    bool gz;
    return kind_of(file, &n, &gz) == PIECE_DATA ? sb_strdup_n(file, n) : NULL;
}

static size_t length_at(const unsigned char *p)
{
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* Undoes the escapes of URLs: heap, or NULL where one is wrong (or hides a NUL). */
static char *unescape(const char *text)
{
    char *out = sb_format("%s", text), *to = out;
    for (const char *p = text; out && *p; p++) {
        int high = *p == '%' ? hex(p[1]) : 0, low = *p == '%' && high >= 0 ? hex(p[2]) : 0;
        if (high < 0 || low < 0 || (*p == '%' && !(high || low))) {
            free(out);
            return NULL;
        }
        *to++ = *p == '%' ? (char)(high << 4 | low) : *p;
        p += *p == '%' ? 2 : 0;
    }
    if (out)
        *to = '\0';
    return out;
}

static char *called(const struct database *d, const char *file)
{
    char *text = sb_format("%s%s", d->prefix, file);
    d->b->nomem |= text == NULL;
    return text;
}

/* ---- what lies in the folder ---- */

static bool plain_file(struct sb_backup *b, const struct sb_entry *e, const char *file, bool wanted)
{
    if (S_ISREG(e->mode))
        return true;
    const char *what = S_ISLNK(e->mode) ? "a symbolic link: what it points to is no part of this backup" : S_ISDIR(e->mode) ? "a folder" : "neither a file nor a folder";
    if (wanted)
        sb_backup_problem(b, "not_a_file", file, NULL, -1, "this should be a file, and is %s", what);
    else
        sb_backup_note(b, "foreign", file, NULL, -1, "this is %s, and no part of this backup", what);
    return false;
}

static void add_piece(struct database *d, const struct sb_entry *e, const char *only)
{
    struct piece p = {.entry = e};
    size_t n;
    char *file = called(d, e->name);
    if (!file)
        return;
    p.kind = kind_of(e->name, &n, &p.gz);
    if (only && (p.kind == PIECE_FOREIGN || strlen(only) != n || memcmp(e->name, only, n) != 0)) {
        free(file);
        return;
    }
    bool prelude = strcmp(e->name, "prelude.json") == 0 || strcmp(e->name, "prelude.json.gz") == 0;
    bool fine = plain_file(d->b, e, file, p.kind != PIECE_FOREIGN);
    if (fine && p.kind == PIECE_FOREIGN && !prelude)
        sb_backup_note(d->b, "foreign", file, NULL, -1, "this file is none of mongodump's, and no part of this backup");
    if (fine && p.kind != PIECE_FOREIGN) {
        sb_dump_list_want(d->list, d->b, file);
        if (p.gz)
            sb_backup_say(d->b, &d->b->packing, "gzip");
        p.base = sb_strdup_n(e->name, n);
        if (!p.base || SB_GROW(d->pieces, d->cap, d->n + 1)) {
            free(p.base);
            d->b->nomem = true;
        } else {
            d->pieces[d->n++] = p;
            d->b->files++;
            d->b->bytes += e->size;
            if (!d->b->oplog_to && e->mtime_ms > d->b->taken_at_ms) {
                d->b->taken_at_ms = e->mtime_ms;
                d->b->taken_from = "file time";
            }
        }
    }
    free(file);
}

/* The file base + ending, among those of the folder, which are in order of their names; NULL: there is none. */
static struct piece *named(const struct database *d, const char *base, const char *ending)
{
    char *name = sb_format("%s%s", base, ending);
    size_t lo = 0, hi = d->n;
    d->b->nomem |= name == NULL;
    while (name && lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(d->pieces[mid].entry->name, name);
        if (c == 0) {
            free(name);
            return &d->pieces[mid];
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    free(name);
    return NULL;
}

/* The file of this kind of the collection whose escaped name is base. */
static struct piece *of_collection(const struct database *d, const char *base, enum piece_kind kind)
{
    struct piece *p = named(d, base, kind == PIECE_DATA ? ".bson" : ".metadata.json");
    if (!p)
        p = named(d, base, kind == PIECE_DATA ? ".bson.gz" : ".metadata.json.gz");
    return p || kind != PIECE_DATA ? p : named(d, base, ".bin");
}

/* ---- metadata ---- */

static void read_metadata(struct database *d, struct piece *p)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    char *file = called(d, p->entry->name);
    sb_str_init(&text);
    if (file && sb_folder_text(d->b, d->dir, p->entry->name, file, SB_DUMP_METADATA_MAX, &text, &err))
        sb_backup_problem(d->b, "metadata_unreadable", file, NULL, -1, "%s", err.msg);
    else if (file)
        p->json = sb_dump_json(d->b, "metadata_invalid", file, NULL, -1, text.p, text.len);
    sb_str_release(&text);
    free(file);
}

/* The collection's name: from the file's, or where that was cut short, from the metadata. */
static void name_piece(struct database *d, struct piece *p)
{
    const char *said = NULL, *fault = NULL;
    char *file = called(d, p->entry->name);
    if (strlen(p->base) == TRUNCATED && strstr(p->base, "%24")) {
        const struct piece *metadata = p->kind == PIECE_METADATA ? p : of_collection(d, p->base, PIECE_METADATA);
        said = metadata ? sb_dump_metadata_name(metadata->json) : NULL;
        if (!said)
            sb_backup_problem(d->b, "name_lost", file, NULL, -1, "the file's name was cut short, and the whole name is in no metadata");
    } else {
        said = p->base;
    }
    p->name = said ? unescape(said) : NULL;
    if (said && (!p->name || (fault = sb_backup_name_fault(d->db, p->name)))) {
        sb_backup_problem(d->b, "name_invalid", file, NULL, -1, "the collection's name %s", fault ? fault : "is escaped wrongly");
        free(p->name);
        p->name = NULL;
    }
    free(file);
}

/* What the metadata are for: documents of this collection, or of its buckets. */
static bool has_data(const struct database *d, const struct piece *metadata, bool series)
{
    if (of_collection(d, metadata->base, PIECE_DATA))
        return true;
    char *buckets = series ? sb_format(BUCKETS "%s", metadata->base) : NULL;
    bool found = buckets && of_collection(d, buckets, PIECE_DATA);
    free(buckets);
    return found;
}

static void take_metadata(struct database *d, struct piece *p)
{
    char *file = called(d, p->entry->name);
    struct sb_backup_collection *c = p->json && p->name && file ? sb_dump_metadata(d->b, p->json, d->db, p->name, file, -1) : NULL;
    if (c && !c->view && !has_data(d, p, c->series))
        sb_backup_problem(d->b, "data_missing", file, c->ns, -1, "the collection's documents are missing: there is no %s.bson", p->base);
    json_decref(p->json);
    p->json = NULL;
    free(file);
}

/* ---- documents ---- */

/* Files that mongodump writes without metadata. */
static bool bare(const struct database *d, const char *name)
{
    char *series = sb_starts_with(name, BUCKETS) ? sb_format("%s.%s", d->db, name + strlen(BUCKETS)) : NULL;
    const struct sb_backup_collection *c = series ? sb_backup_collection_find(d->b, series) : NULL;
    bool of_series = c && c->series;
    free(series);
    return of_series || name[0] == '$' || strcmp(name, "system.indexes") == 0 || strcmp(name, "system.profile") == 0;
}

static void check_data_size(struct database *d, const struct piece *p, const char *file)
{
    uint64_t least = p->gz ? 18 : 5;
    if (p->entry->size < least && (p->gz || p->entry->size > 0))
        sb_backup_problem(d->b, "size_impossible", file, NULL, -1, "a file of %llu bytes holds no documents, and is not empty as that of an empty collection is",
                          (unsigned long long)p->entry->size);
    if (!p->gz && named(d, p->base, ".bson.gz"))
        sb_backup_problem(d->b, "data_twice", file, NULL, -1, "the collection's documents are here twice, packed and not");
}

/* The name under which documents are counted: buckets are those of their series. Heap. */
static char *data_ns(const struct database *d, const char *name)
{
    if (sb_starts_with(name, BUCKETS)) {
        char *series = sb_format("%s.%s", d->db, name + strlen(BUCKETS));
        const struct sb_backup_collection *c = series ? sb_backup_collection_find(d->b, series) : NULL;
        if (c && c->series)
            return series;
        free(series);
    }
    return sb_format("%s.%s", d->db, name);
}

/* Reads a file of documents, of a collection or (ns NULL) of the oplog. */
static void read_data(struct sb_backup *b, int dir, const char *name, const char *file, const char *ns, bool gz)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_docs docs;
    struct sb_window w;
    struct sb_source *source = sb_folder_source(dir, name, file, gz ? SB_SOURCE_UNPACK : SB_SOURCE_PLAIN, b->options.key, &err);
    if (!source) {
        sb_backup_problem(b, "unreadable", file, ns, -1, "%s", err.msg);
        return;
    }
    if (gz && sb_source_packing(source) != SB_PACKING_GZIP)
        sb_backup_problem(b, "packing_unexpected", file, ns, -1, "the file is called .gz and is not gzip data");
    if (sb_source_sealed(source))
        b->encrypted = 1;
    sb_window_init(&w, source, b);
    if (sb_docs_init(&docs, b, file, ns)) {
        docs.every_entry = true;
        sb_docs_read(&docs, &w);
        sb_docs_end(&docs);
        sb_docs_release(&docs);
    }
    sb_window_release(&w);
}

/* Tools before 2.2 kept all indexes of a database in one file, and wrote no metadata at all. */
static bool of_old_tools(const struct database *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->pieces[i].kind == PIECE_METADATA)
            return false;
    return of_collection(d, "system.indexes", PIECE_DATA) != NULL;
}

static void take_data(struct database *d, struct piece *p, bool first_look)
{
    char *file = called(d, p->entry->name), *ns = p->name ? data_ns(d, p->name) : NULL;
    if (file && first_look) {
        check_data_size(d, p, file);
        bool alone = p->name && !bare(d, p->name) && !of_collection(d, p->base, PIECE_METADATA);
        if (alone && d->one) /* one file was named: mongodump writes such a one, too, to standard output */
            sb_backup_note(d->b, "metadata_missing", file, ns, -1, "there are no options and indexes beside it");
        else if (alone && of_old_tools(d))
            sb_backup_note(d->b, "metadata_old", file, ns, -1, "its options are not kept, and its indexes are in system.indexes.bson, as by tools before 2.2");
        else if (alone)
            sb_backup_problem(d->b, "metadata_missing", file, ns, -1, "the collection's options and indexes are missing: there is no %s.metadata.json", p->base);
        struct sb_backup_collection *c = ns ? sb_backup_collection(d->b, ns) : NULL;
        if (c)
            c->data = true;
    } else if (file && ns) {
        read_data(d->b, d->dir, p->entry->name, file, ns, p->gz);
    }
    free(file);
    free(ns);
}

/* ---- a database ---- */

static void read_prelude(struct sb_backup *b, int dir, const char *name, const char *file)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    json_t *json = NULL;
    sb_str_init(&text);
    if (sb_folder_text(b, dir, name, file, SB_DUMP_METADATA_MAX, &text, &err))
        sb_backup_problem(b, "prelude_invalid", file, NULL, -1, "%s", err.msg);
    else
        json = sb_dump_json(b, "prelude_invalid", file, NULL, -1, text.p, text.len);
    sb_backup_say(b, &b->server_version, json_string_value(json_object_get(json, "ServerVersion")));
    sb_backup_say(b, &b->tool_version, json_string_value(json_object_get(json, "ToolVersion")));
    json_decref(json);
    sb_str_release(&text);
}

/* Both looks at a database's folder: at its names and metadata, and (second) at its documents. */
static void look_at(struct database *d, const struct sb_entries *list, const char *only)
{
    for (size_t i = 0; i < list->n; i++)
        add_piece(d, &list->items[i], only);
    for (size_t i = 0; i < d->n; i++)
        if (d->pieces[i].kind == PIECE_METADATA)
            read_metadata(d, &d->pieces[i]);
    for (size_t i = 0; i < d->n; i++)
        name_piece(d, &d->pieces[i]);
    for (size_t i = 0; i < d->n; i++)
        if (d->pieces[i].kind == PIECE_METADATA)
            take_metadata(d, &d->pieces[i]);
    for (size_t i = 0; i < d->n; i++)
        if (d->pieces[i].kind == PIECE_DATA)
            take_data(d, &d->pieces[i], true);
}

static void release_database(struct database *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->pieces[i].base);
        free(d->pieces[i].name);
        json_decref(d->pieces[i].json);
    }
    free(d->pieces);
    free(d->prefix);
    if (d->dir >= 0)
        close(d->dir);
}

/* ---- the whole ---- */

enum sb_dump_folder sb_dump_folder_look(int dir)
{
    struct sb_entries list, inner;
    enum sb_dump_folder found = SB_DUMP_NONE;
    size_t n;
    bool gz;
    if (sb_entries_read(&list, dir, NULL)) {
        sb_entries_release(&list);
        return SB_DUMP_NONE;
    }
    for (size_t i = 0; i < list.n && found != SB_DUMP_DATABASE; i++) {
        const char *name = list.items[i].name;
        if (strcmp(name, "oplog.bson") == 0 || strcmp(name, "oplog.bson.gz") == 0) {
            found = SB_DUMP_ROOT;
        } else if (!S_ISDIR(list.items[i].mode) && kind_of(name, &n, &gz) != PIECE_FOREIGN) {
            found = SB_DUMP_DATABASE;
        } else if (S_ISDIR(list.items[i].mode) && found == SB_DUMP_NONE) {
            int fd = sb_folder_open(dir, name, NULL);
            if (fd >= 0 && sb_entries_read(&inner, fd, NULL) == 0) {
                for (size_t k = 0; k < inner.n && found == SB_DUMP_NONE; k++)
                    found = kind_of(inner.items[k].name, &n, &gz) != PIECE_FOREIGN ? SB_DUMP_ROOT : SB_DUMP_NONE;
                sb_entries_release(&inner);
            }
            if (fd >= 0)
                close(fd);
        }
    }
    sb_entries_release(&list);
    return found;
}

struct root {
    struct sb_backup *b;
    int dir;
    struct sb_entries list, *inner; /* inner: of each database */
    struct database *databases;
    size_t n;
    struct sb_dump_list made;
};

static void open_database(struct root *r, int from, const char *name, const char *db, const char *prefix, const char *only)
{
    struct sb_err err = SB_ERR_INIT;
    struct database *d = &r->databases[r->n];
    struct sb_entries *list = &r->inner[r->n];
    int fd = name ? sb_folder_open(from, name, &err) : dup(from);
    *d = (struct database){.b = r->b, .dir = fd, .db = db, .one = only != NULL, .list = &r->made, .prefix = sb_format("%s", prefix)};
    r->n++;
    if (!d->prefix)
        r->b->nomem = true;
    else if (fd < 0 || sb_entries_read(list, fd, &err))
        sb_backup_problem(r->b, "unreadable", name ? name : ".", NULL, -1, "%s", err.msg[0] ? err.msg : "the folder cannot be opened");
    else
        look_at(d, list, only);
}

/* mongodump --gzip packs the oplog too, and calls it oplog.bson all the same. No first entry begins with these bytes: as a length they are
 * half a megabyte, and then comes the type of a field, which is never 0. Beside packed collections only the former counts. */
static bool oplog_packed(const struct root *r, const struct sb_entry *oplog)
{
    unsigned char head[5];
    int fd = strcmp(oplog->name, "oplog.bson") == 0 ? sb_folder_file(r->dir, oplog->name, NULL, NULL) : -1;
    bool yes = strcmp(oplog->name, "oplog.bson") != 0 || (fd >= 0 && pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 &&
                                                          (head[4] == 0 || sb_streq(r->b->packing, "gzip")));
    if (fd >= 0)
        close(fd);
    return yes;
}

static void look_at_top(struct root *r, const struct sb_entry *e, const struct sb_entry **oplog)
{
    bool is_oplog = strcmp(e->name, "oplog.bson") == 0 || strcmp(e->name, "oplog.bson.gz") == 0;
    bool prelude = strcmp(e->name, "prelude.json") == 0 || strcmp(e->name, "prelude.json.gz") == 0;
    if (!plain_file(r->b, e, e->name, is_oplog || prelude))
        return;
    r->b->files++;
    r->b->bytes += e->size;
    if (strcmp(e->name, SB_DUMP_MANIFEST) == 0) /* it was read first */
        return;
    if (prelude || is_oplog)
        sb_dump_list_want(&r->made, r->b, e->name);
    if (prelude) {
        read_prelude(r->b, r->dir, e->name, e->name);
    } else if (is_oplog) {
        if (*oplog)
            sb_backup_problem(r->b, "data_twice", e->name, NULL, -1, "the oplog is here twice, packed and not");
        *oplog = e;
        if (e->size == 0)
            sb_backup_problem(r->b, "oplog_empty", e->name, NULL, -1, "the oplog is empty, and mongodump writes one entry at least");
    } else {
        sb_backup_note(r->b, "foreign", e->name, NULL, -1, "this file is none of mongodump's, and no part of this backup");
    }
}

/* ---- how a file ends ---- */

static bool is_row(const unsigned char *p, size_t n)
{
    size_t at = 0;
    while (n - at >= SB_BSON_MIN) {
        size_t len = length_at(p + at);
        if (len < SB_BSON_MIN || len > n - at)
            return false;
        at += len;
    }
    return at == n;
}

/* How long the documents are that may end where these bytes do, into len: at most `most` of them. */
static size_t may_end_here(const unsigned char *p, size_t n, size_t *len, size_t most)
{
    size_t found = 0;
    for (size_t k = SB_BSON_MIN; found < most && k <= n && k <= SB_BSON_MAX && p[n - 1] == 0; k++)
        if (length_at(p + n - k) == k)
            len[found++] = k;
    return found;
}

enum ending { CUT, WHOLE, TOO_SHORT };

/* Where a file ends some document ends, whose length stands where it begins, and there another one ends: a part of a document looks
 * like the first, and like both hardly ever. p: the last n bytes of a larger file. TOO_SHORT: more of it has to be seen. */
static enum ending how_it_ends(const unsigned char *p, size_t n)
{
    size_t last[CANDIDATES], before;
    size_t found = may_end_here(p, n, last, CANDIDATES);
    bool wants_more = n < 2 * SB_BSON_MAX && p[n - 1] == 0;
    for (size_t i = 0; i < found; i++)
        if (may_end_here(p, n - last[i], &before, 1))
            return WHOLE;
    return found == CANDIDATES ? WHOLE : wants_more ? TOO_SHORT : CUT;
}

/* Without reading what lies before: a small file whole, of a large one its end, as far back as its last two documents may begin. What
 * cannot be read is told when it is read. */
static bool ends_whole(int fd, uint64_t size, bool *nomem)
{
    static const size_t looks[] = {(size_t)64 << 10, (size_t)1 << 20, 2 * SB_BSON_MAX};
    enum ending how = size ? TOO_SHORT : WHOLE;
    for (size_t i = 0; i < SB_COUNT(looks) && how == TOO_SHORT; i++) {
        size_t n = size < looks[i] ? (size_t)size : looks[i];
        unsigned char *p = malloc(n);
        *nomem |= p == NULL;
        if (!p || pread(fd, p, n, (off_t)(size - n)) != (ssize_t)n)
            how = WHOLE;
        else
            how = n < size ? how_it_ends(p, n) : is_row(p, n) ? WHOLE : CUT;
        free(p);
    }
    return how != CUT;
}

static void check_end(struct database *d, const struct piece *p)
{
    struct stat st;
    int fd = sb_folder_file(d->dir, p->entry->name, &st, NULL);
    char *file = called(d, p->entry->name);
    if (fd >= 0 && file && !sb_folder_sealed(fd) && !ends_whole(fd, (uint64_t)st.st_size, &d->b->nomem))
        sb_backup_problem(d->b, "truncated", file, NULL, -1, "no document ends where the file ends: it was cut, or something else stands behind its documents");
    if (fd >= 0)
        close(fd);
    free(file);
}

/* The first look reads no documents; how the files of them end it sees all the same. */
static void check_ends(struct root *r)
{
    for (size_t k = 0; k < r->n; k++)
        for (size_t i = 0; i < r->databases[k].n; i++)
            if (r->databases[k].pieces[i].kind == PIECE_DATA && !r->databases[k].pieces[i].gz)
                check_end(&r->databases[k], &r->databases[k].pieces[i]);
}

/* The second look: every byte of the documents. */
static void read_all(struct root *r)
{
    for (size_t k = 0; k < r->n; k++)
        for (size_t i = 0; i < r->databases[k].n; i++)
            if (r->databases[k].pieces[i].kind == PIECE_DATA)
                take_data(&r->databases[k], &r->databases[k].pieces[i], false);
}

static void finish(struct root *r, const struct sb_entry *oplog)
{
    if (r->b->encrypted == 1 && !r->made.sealed)
        sb_backup_problem(r->b, "manifest_missing", SB_DUMP_MANIFEST, NULL, -1, "files are sealed here, and the list of them, which is sealed too, is not: whether this is all of them, and each in its place, nobody knows");
    if (r->b->problems.all == 0)
        r->b->level = 1;
    if (oplog) /* in any case: it alone says when the dump was made */
        read_data(r->b, r->dir, oplog->name, oplog->name, NULL, oplog_packed(r, oplog));
    if (r->b->options.quick)
        check_ends(r);
    else {
        read_all(r);
        if (r->b->problems.all == 0 && !r->b->nomem && !r->b->stopped)
            r->b->level = 2;
    }
    for (size_t k = 0; k < r->n; k++) {
        release_database(&r->databases[k]);
        sb_entries_release(&r->inner[k]);
    }
    free(r->databases);
    free(r->inner);
    sb_entries_release(&r->list);
    sb_dump_list_release(&r->made);
}

static bool make_room(struct root *r, size_t n)
{
    r->databases = calloc(n + 1, sizeof *r->databases);
    r->inner = calloc(n + 1, sizeof *r->inner);
    r->b->nomem |= !r->databases || !r->inner;
    return r->databases && r->inner;
}

void sb_dump_root(struct sb_backup *b, int dir)
{
    struct sb_err err = SB_ERR_INIT;
    struct root r = {.b = b, .dir = dir};
    const struct sb_entry *oplog = NULL;
    b->kind = SB_BACKUP_DUMP_FOLDER;
    if (sb_entries_read(&r.list, dir, &err))
        sb_backup_problem(b, "unreadable", ".", NULL, -1, "%s", err.msg);
    else if (sb_dump_list_read(&r.made, b, dir, &r.list) && make_room(&r, r.list.n)) {
        for (size_t i = 0; i < r.list.n; i++) {
            const struct sb_entry *e = &r.list.items[i];
            char *prefix = S_ISDIR(e->mode) ? sb_format("%s/", e->name) : NULL;
            const char *fault = S_ISDIR(e->mode) ? sb_backup_name_fault(e->name, "-") : NULL;
            if (fault)
                sb_backup_problem(b, "name_invalid", e->name, NULL, -1, "the name of this folder %s: mongorestore refuses it", fault);
            else if (prefix)
                open_database(&r, dir, e->name, e->name, prefix, NULL);
            else
                look_at_top(&r, e, &oplog);
            free(prefix);
        }
    }
    finish(&r, oplog);
}

void sb_dump_database(struct sb_backup *b, int dir, const char *db, const char *only)
{
    struct root r = {.b = b, .dir = dir};
    b->kind = SB_BACKUP_DUMP_FOLDER;
    if (make_room(&r, 1))
        open_database(&r, dir, NULL, db, "", only);
    finish(&r, NULL);
}
