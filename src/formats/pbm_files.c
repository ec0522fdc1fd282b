/* SPDX-License-Identifier: Apache-2.0
 *
 * The contents of a replica set's part of a backup in Percona's stores: logical ones and physical ones. */
#include "pbm.h"
#include "dumpmeta.h"

#include <signalbox/base/json.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/bsoncheck.h>
#include <signalbox/formats/mongodump.h>

#include <bson/bson.h>
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define BUCKETS "system.buckets."

/* A path as metadata give it, within the store? */
static bool path_fine(struct sb_backup *b, const char *path)
{
    bool up = path[0] == '/';
    for (const char *p = path; *p && !up; p += strcspn(p, "/"), p += *p == '/')
        up = strncmp(p, "..", 2) == 0 && (p[2] == '\0' || p[2] == '/');
    if (up)
        sb_backup_problem(b, "path_escapes", path, NULL, -1, "the metadata name a file outside the store: it was not looked at");
    return !up;
}

#define SIZE_ANY (-1)
#define SIZE_ANY_BUT_0 (-2)

/* Is the file there, with this size? Told when not. */
static bool file_there(struct sb_pbm *s, struct sb_backup *b, const char *path, int64_t size)
{
    struct sb_err err = SB_ERR_INIT;
    struct stat st;
    if (!path_fine(b, path))
        return false;
    int fd = sb_folder_file(s->dir, path, &st, &err);
    if (fd < 0) {
        sb_backup_problem(b, err.detail == ENOENT ? "file_missing" : "unreadable", path, NULL, -1, "%s",
                          err.detail == ENOENT ? "the metadata name this file, and it is not there" : err.msg);
        return false;
    }
    close(fd);
    b->files++;
    b->bytes += (uint64_t)st.st_size;
    if (size >= 0 ? st.st_size != size : size == SIZE_ANY_BUT_0 && st.st_size == 0)
        sb_backup_problem(b, "size_mismatch", path, NULL, -1, "the file has %" PRId64 " bytes%s", (int64_t)st.st_size, size >= 0 ? ", not what the metadata say" : "");
    return true;
}

/* Opens a file that should be packed so. NULL: told, or noted where it cannot be unpacked here. */
static struct sb_source *open_packed(struct sb_pbm *s, struct sb_backup *b, const char *path, enum sb_packing packing)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_source *source = path_fine(b, path) ? sb_folder_source(s->dir, path, path, packing == SB_PACKING_NONE ? SB_SOURCE_RAW : SB_SOURCE_UNPACK, NULL, &err) : NULL;
    if (!source && err.detail == ENOTSUP) {
        if (!b->no_codec)
            sb_backup_note(b, "codec_missing", path, NULL, -1, "%s; nothing packed like it was read", err.msg);
        b->no_codec = true;
    } else if (!source && err.msg[0]) {
        sb_backup_problem(b, "unreadable", path, NULL, -1, "%s", err.msg);
    } else if (source && sb_source_packing(source) != packing) {
        sb_backup_problem(b, "packing_unexpected", path, NULL, 0, "the file is not packed as the metadata say: it was cut off or overwritten at its beginning");
        sb_source_close(source);
        return NULL;
    }
    return source;
}

bool sb_pbm_documents(struct sb_pbm *s, struct sb_backup *b, const char *path, enum sb_packing packing, const char *ns, struct sb_docs *docs)
{
    struct sb_source *source = open_packed(s, b, path, packing);
    struct sb_window w;
    if (!source)
        return false;
    sb_window_init(&w, source, b);
    bool made = sb_docs_init(docs, b, path, ns);
    if (made) {
        docs->with_crc = ns != NULL;
        sb_docs_read(docs, &w);
        sb_docs_end(docs);
    }
    sb_window_release(&w);
    return made;
}

/* ---- logical ---- */

static bool is_called(const char *path, const char *name)
{
    size_t n = strlen(path), m = strlen(name);
    return n > m + 1 && path[n - m - 1] == '/' && strcmp(path + n - m, name) == 0;
}

/* metadata.json of a set, or meta.pbm: the namespaces with their sizes and checksums. */
static json_t *read_namespaces(struct sb_pbm *s, struct sb_backup *b, const char *path, bool second_look)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    json_t *json = NULL;
    sb_str_init(&text);
    if (sb_folder_text(b, s->dir, path, path, SB_STORE_METADATA_MAX, &text, &err)) {
        if (!second_look)
            sb_backup_problem(b, "metadata_unreadable", path, NULL, -1, "%s", err.msg);
    } else if (is_called(path, "meta.pbm")) {
        const char *what;
        if (!(json = sb_pbm_specs((const unsigned char *)text.p, text.len, &what)) && !second_look)
            sb_backup_problem(b, "metadata_invalid", path, NULL, -1, "%s", what);
    } else if (!(json = json_loadb(text.p, text.len, 0, NULL)) && !second_look) {
        json = sb_dump_json(b, "metadata_invalid", path, NULL, -1, text.p, text.len);
    }
    sb_str_release(&text);
    return json;
}

/* A number in Extended JSON or not; -1: none. The checksum is signed. */
static bool number_in(const json_t *object, const char *key, int64_t *out)
{
    const json_t *v = json_object_get(object, key);
    const char *text = json_string_value(json_object_get(v, "$numberLong"));
    if (!text)
        text = json_string_value(json_object_get(v, "$numberInt"));
    if (text)
        return sb_parse_i64(text, out) == 0;
    *out = (int64_t)json_integer_value(v);
    return json_is_integer(v);
}

static void look_at_namespace(struct sb_backup *b, struct sb_pbm *s, const json_t *n, const char *meta_path, const char *path, const char *db, const char *name,
                              int64_t size)
{
    const char *text = sb_json_str(n, "metadata"), *type = sb_json_str(n, "type");
    json_t *json = text && text[0] ? sb_dump_json(b, "metadata_invalid", meta_path, name, -1, text, strlen(text)) : NULL;
    struct sb_backup_collection *c = json ? sb_dump_metadata(b, json, db, name, meta_path, -1) : NULL;
    if (c) {
        c->view |= sb_streq(type, "view");
        c->series |= sb_streq(type, "timeseries");
    }
    json_decref(json);
    if (size > 0)
        file_there(s, b, path, SIZE_ANY_BUT_0);
}

static void read_namespace(struct sb_backup *b, struct sb_pbm *s, const json_t *n, const char *path, enum sb_packing packing, const char *ns, int64_t size)
{
    struct sb_docs docs;
    int64_t crc;
    bool has_crc = number_in(n, "crc", &crc);
    if (!sb_pbm_documents(s, b, path, packing, ns, &docs))
        return;
    if (docs.bytes != (uint64_t)size)
        sb_backup_problem(b, "size_mismatch", path, ns, -1, "the file holds %" PRIu64 " bytes of documents, and the metadata say %" PRId64, docs.bytes, size);
    else if (!has_crc || (uint64_t)crc != docs.crc)
        sb_backup_problem(b, has_crc ? "crc_mismatch" : "crc_missing", path, ns, -1, "%s",
                          has_crc ? "the documents do not have the CRC-64 that the metadata say" : "the metadata have no checksum of the documents");
    sb_docs_release(&docs);
}

static void each_namespace(struct sb_pbm *s, struct sb_backup *b, const json_t *meta, const char *set, const char *meta_path, bool second_look)
{
    json_t *json = read_namespaces(s, b, meta_path, second_look);
    const json_t *list = json_object_get(json, "namespaces"), *n;
    enum sb_packing packing;
    const char *suffix;
    size_t i;
    if (json && !json_is_array(list) && !second_look)
        sb_backup_problem(b, "metadata_invalid", meta_path, NULL, -1, "it lists no namespaces");
    if (!sb_pbm_packing(sb_json_str(meta, "compression"), &packing, &suffix))
        list = NULL; /* told with the backup's metadata */
    json_array_foreach(list, i, n) {
        const char *db = sb_json_str(n, "db"), *name = sb_json_str(n, "collection"), *fault = db && name ? sb_backup_name_fault(db, name) : "is missing";
        int64_t size;
        bool sized = number_in(n, "size", &size) && size >= 0;
        if (fault || !sized) {
            if (!second_look)
                sb_backup_problem(b, fault ? "name_invalid" : "metadata_invalid", meta_path, name, -1, "a namespace %s", fault ? fault : "without a size");
            continue;
        }
        /* buckets are called by their series */
        bool buckets = sb_starts_with(name, BUCKETS) && name[sizeof BUCKETS - 1];
        char *ns = sb_format("%s.%s", db, buckets ? name + sizeof BUCKETS - 1 : name), *path = ns ? sb_format("%s/%s/%s%s", sb_json_str(meta, "name"), set, ns, suffix) : NULL;
        if (!path)
            b->nomem = true;
        else if (!second_look && buckets && size > 0)
            file_there(s, b, path, SIZE_ANY_BUT_0);
        else if (!second_look && !buckets)
            look_at_namespace(b, s, n, meta_path, path, db, name, size);
        else if (second_look && size > 0)
            read_namespace(b, s, n, path, packing, ns, size);
        free(ns);
        free(path);
    }
    json_decref(json);
}

/* The folder of oplog slices of a set's own: they should follow one another from its first write to its last. */
static void own_slices(struct sb_pbm *s, struct sb_backup *b, const json_t *set, const char *folder, bool second_look)
{
    struct sb_slices list = {0};
    bool foreign = false;
    uint64_t reached = sb_pbm_time(set, "first_write_ts"), last = sb_pbm_time(set, "last_write_ts");
    struct sb_err err = SB_ERR_INIT;
    int at = dup(s->dir), next;
    for (const char *p = folder; at >= 0 && *p; p += strcspn(p, "/"), p += *p == '/') {
        char *part = sb_strdup_n(p, strcspn(p, "/"));
        next = part ? sb_folder_open(at, part, &err) : -1;
        close(at);
        at = next;
        free(part);
    }
    if (at < 0) {
        if (!second_look)
            sb_backup_problem(b, "file_missing", folder, NULL, -1, "the folder with the oplog of the backup cannot be opened");
        return;
    }
    sb_slices_read(&list, at, folder, "", &foreign);
    close(at);
    sb_slices_sort(&list);
    for (size_t i = 0; i < list.n; i++) {
        struct sb_slice_file *f = &list.items[i];
        if (f->from > reached && !second_look)
            sb_backup_problem(b, "oplog_hole", f->path, NULL, -1, "the oplog from %u:%u to %u:%u is missing before this slice", (unsigned)(reached >> 32), (unsigned)reached,
                              (unsigned)(f->from >> 32), (unsigned)f->from);
        reached = f->to > reached ? f->to : reached;
        if (!second_look) {
            file_there(s, b, f->path, SIZE_ANY_BUT_0);
            continue;
        }
        sb_slice_check(s, b, f);
        if (f->state == SLICE_BAD)
            sb_backup_problem(b, "slice_bad", f->path, NULL, -1, "%s", f->what ? f->what : "it is damaged");
        b->no_codec |= f->state == SLICE_NO_CODEC;
        if (!b->oplog_from || f->from < b->oplog_from)
            b->oplog_from = f->from;
    }
    if (!second_look && reached < last)
        sb_backup_problem(b, "oplog_hole", folder, NULL, -1, "the oplog of the backup ends before its last write, at %u:%u", (unsigned)(last >> 32), (unsigned)last);
    b->oplog_to = reached > b->oplog_to ? reached : b->oplog_to;
    sb_slices_release(&list);
}

static bool is_folder_metadata(const char *path)
{
    return is_called(path, "metadata.json") || is_called(path, "meta.pbm");
}

/* The oplog of a set in one file. */
static void own_oplog(struct sb_pbm *s, struct sb_backup *b, const json_t *set, const char *path, enum sb_packing packing)
{
    struct sb_docs docs;
    uint64_t last = sb_pbm_time(set, "last_write_ts");
    if (!sb_pbm_documents(s, b, path, packing, NULL, &docs))
        return;
    if (docs.documents && docs.last > last)
        sb_backup_note(b, "oplog_longer", path, NULL, -1, "the oplog goes on after the last write that the metadata name");
    sb_docs_release(&docs);
}

/* Until 2.2 the oplog is one file, whatever the data are. */
static bool is_file(struct sb_pbm *s, const char *path)
{
    int fd = sb_folder_file(s->dir, path, NULL, NULL);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void sb_pbm_logical(struct sb_pbm *s, struct sb_backup *b, const json_t *meta, const json_t *set, bool second_look)
{
    const char *dump = sb_json_str(set, "backup_name"), *oplog = sb_json_str(set, "oplog_name"), *name = sb_json_str(set, "name"), *suffix;
    enum sb_packing packing;
    if (!dump || !dump[0] || !oplog || !oplog[0]) {
        if (!second_look)
            sb_backup_problem(b, "metadata_invalid", NULL, name, -1, "the metadata of the set do not name its %s", dump && dump[0] ? "oplog" : "data");
        return;
    }
    if (!sb_pbm_packing(sb_json_str(meta, "compression"), &packing, &suffix))
        return;
    bool folder = is_folder_metadata(dump);
    if (!second_look && file_there(s, b, dump, SIZE_ANY_BUT_0) && folder)
        each_namespace(s, b, meta, name, dump, false);
    else if (second_look && folder && path_fine(b, dump))
        each_namespace(s, b, meta, name, dump, true);
    else if (second_look) {
        struct sb_source *source = open_packed(s, b, dump, packing);
        if (source)
            sb_dump_archive(b, source, dump, false);
    }
    if (folder && !is_file(s, oplog)) {
        if (path_fine(b, oplog))
            own_slices(s, b, set, oplog, second_look);
    } else if (!second_look) {
        file_there(s, b, oplog, SIZE_ANY_BUT_0);
    } else {
        own_oplog(s, b, set, oplog, packing);
    }
}

/* ---- physical ---- */

struct physical {
    const char *name;
    int64_t offset, length, size, stored;
};

static void read_whole(struct sb_pbm *s, struct sb_backup *b, const char *path, enum sb_packing packing, const struct physical *f)
{
    static const unsigned char wt_magic[] = {0x41, 0xd8, 0x01, 0x00}; /* of WiredTiger's first block */
    struct sb_source *source = open_packed(s, b, path, packing);
    struct sb_err err = SB_ERR_INIT;
    struct sb_window w;
    const unsigned char *p;
    int64_t n;
    uint64_t all = 0;
    if (!source)
        return;
    sb_window_init(&w, source, b);
    while ((n = sb_window_want(&w, 4, &p, &err)) > 0) {
        size_t len = strlen(f->name);
        if (all == 0 && f->offset <= 0 && len > 3 && strcmp(f->name + len - 3, ".wt") == 0 && (n < 4 || memcmp(p, wt_magic, 4) != 0))
            sb_backup_problem(b, "wiredtiger_magic", path, NULL, 0, "a file of WiredTiger that does not begin like one");
        all += (uint64_t)n;
        sb_window_take(&w, (size_t)n);
    }
    if (n < 0)
        sb_backup_problem(b, err.code == SB_EINPUT ? "packing_damaged" : "unreadable", path, NULL, (int64_t)all, "%s", err.msg);
    else if (f->length > 0 && all > (uint64_t)f->length)
        sb_backup_problem(b, "size_mismatch", path, NULL, -1, "it unpacks to %" PRIu64 " bytes, and the metadata say %" PRId64 " at most", all, f->length);
    sb_window_release(&w);
}

static void take_file(struct sb_pbm *s, struct sb_backup *b, const json_t *meta, const char *set, const struct physical *f, bool second_look)
{
    enum sb_packing packing;
    const char *suffix;
    if (!sb_pbm_packing(sb_json_str(meta, "compression"), &packing, &suffix))
        return;
    if (f->length < 0 || f->offset < 0)
        return; /* not changed since the backup that this one builds upon */
    char range[64] = "";
    if (f->length > 0)
        snprintf(range, sizeof range, ".%" PRId64 "-%" PRId64, f->offset, f->length);
    char *path = sb_format("%s/%s/%s%s%s", sb_json_str(meta, "name"), set, f->name, suffix, range);
    if (!path)
        b->nomem = true;
    else if (!second_look)
        file_there(s, b, path, f->stored > 0 ? f->stored : f->size > 0 ? SIZE_ANY_BUT_0 : SIZE_ANY);
    else if (f->size > 0 || f->stored > 0) /* of nothing, nothing is written: not even a packing's beginning */
        read_whole(s, b, path, packing, f);
    free(path);
}

static int64_t whole(const bson_t *doc, const char *key)
{
    bson_iter_t it;
    return bson_iter_init_find(&it, doc, key) && (BSON_ITER_HOLDS_INT64(&it) || BSON_ITER_HOLDS_INT32(&it)) ? bson_iter_as_int64(&it) : 0;
}

/* filelist.pbm: a document a file. */
static size_t read_list(struct sb_pbm *s, struct sb_backup *b, const json_t *meta, const char *set, const char *path, bool second_look)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_source *source = sb_folder_source(s->dir, path, path, SB_SOURCE_RAW, NULL, &err);
    struct sb_window w;
    const unsigned char *p;
    size_t files = 0;
    int64_t have;
    const char *what = NULL;
    if (!source)
        return 0;
    sb_window_init(&w, source, b);
    while (!what && (have = sb_window_want(&w, 4, &p, &err)) != 0) {
        int32_t n = have >= 4 ? sb_bson_length(p) : 0;
        struct sb_bson_look look;
        bson_t doc;
        bson_iter_t it;
        if (n < SB_BSON_MIN || n > (1 << 20) || sb_window_want(&w, (size_t)n, &p, &err) < n || !sb_bson_whole(p, (size_t)n, &look) || !bson_init_static(&doc, p, (size_t)n) ||
            !bson_iter_init_find(&it, &doc, "filename") || !BSON_ITER_HOLDS_UTF8(&it)) {
            what = "the list of files is damaged or cut off";
            continue;
        }
        char *name = sb_format("%s", bson_iter_utf8(&it, NULL));
        struct physical f = {name, whole(&doc, "offset"), whole(&doc, "length"), whole(&doc, "fileSize"), whole(&doc, "stgSize")};
        sb_window_take(&w, (size_t)n);
        if (name)
            take_file(s, b, meta, set, &f, second_look);
        b->nomem |= name == NULL;
        free(name);
        files++;
    }
    if (what && !second_look)
        sb_backup_problem(b, "metadata_invalid", path, NULL, (int64_t)sb_window_at(&w), "%s", what);
    sb_window_release(&w);
    return files;
}

void sb_pbm_physical(struct sb_pbm *s, struct sb_backup *b, const json_t *meta, const json_t *set, bool second_look)
{
    const char *name = sb_json_str(set, "name"), *backup = sb_json_str(meta, "name");
    const json_t *files = json_object_get(set, "files"), *file;
    size_t i, n = json_array_size(files);
    if (!backup || !name)
        return;
    json_array_foreach(files, i, file) {
        struct physical f = {sb_json_str(file, "filename"), sb_json_int(file, "offset"), sb_json_int(file, "length"), sb_json_int(file, "fileSize"), sb_json_int(file, "stgSize")};
        if (f.name)
            take_file(s, b, meta, name, &f, second_look);
    }
    char *list = n ? NULL : sb_format("%s/%s/filelist.pbm", backup, name);
    if (list && path_fine(b, list) && read_list(s, b, meta, name, list, second_look) == 0 && !second_look)
        sb_backup_problem(b, "file_missing", list, NULL, -1, "the list of the backup's files is not there, or empty");
    free(list);
}
