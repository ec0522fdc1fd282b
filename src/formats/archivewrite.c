/* SPDX-License-Identifier: Apache-2.0 */
#include "archivewrite.h"

#include <bson/bson.h>
#include <signalbox/base/record.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/checksum.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const unsigned char magic[] = {0x6d, 0xe2, 0x99, 0x81}, terminator[] = {0xff, 0xff, 0xff, 0xff};

struct sb_archive {
    struct sb_outfile *file;
    bool begun; /* the prelude has its end */
    char **views; /* "db", "name", "db", ...: the format wants an end of each */
    size_t views_n;
    char *db, *collection; /* whose documents come; NULL: nobody's */
    bool any;              /* one came */
    uint64_t crc;
    bool gzip;
    z_stream z;
    unsigned char packed[16384];
};

/* ---- down to the file ---- */

static int deflate_some(struct sb_archive *a, const unsigned char *p, size_t n, int how, struct sb_err *err)
{
    int z = Z_OK;
    a->z.next_in = (unsigned char *)(uintptr_t)p;
    a->z.avail_in = (uInt)n;
    do {
        a->z.next_out = a->packed;
        a->z.avail_out = sizeof a->packed;
        z = deflate(&a->z, how);
        if (z == Z_STREAM_ERROR)
            return sb_fail(err, SB_EINTERNAL, "zlib could not pack %s", sb_outfile_name(a->file));
        if (sb_outfile_add(a->file, a->packed, sizeof a->packed - a->z.avail_out, err))
            return -1;
    } while (a->z.avail_in || a->z.avail_out == 0 || (how == Z_FINISH && z != Z_STREAM_END));
    return 0;
}

static int put(struct sb_archive *a, const void *p, size_t n, struct sb_err *err)
{
    return !n ? 0 : a->gzip ? deflate_some(a, p, n, Z_NO_FLUSH, err) : sb_outfile_add(a->file, p, n, err);
}

/* ---- the format ---- */

static int put_bson(struct sb_archive *a, bson_t *doc, struct sb_err *err)
{
    int rc = doc ? put(a, bson_get_data(doc), doc->len, err) : sb_fail_nomem(err);
    if (doc)
        bson_destroy(doc);
    return rc;
}

struct sb_archive *sb_archive_new(struct sb_outfile *file, const struct sb_dump_archive_options *o, struct sb_err *err)
{
    struct sb_archive *a = calloc(1, sizeof *a);
    if (!a || (o->gzip && deflateInit2(&a->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)) {
        free(a);
        sb_fail_nomem(err);
        return NULL;
    }
    a->file = file;
    a->gzip = o->gzip;
    if (put(a, magic, sizeof magic, err) || put_bson(a, BCON_NEW("concurrent_collections", BCON_INT32(1), "version", BCON_UTF8("0.1"), "server_version", BCON_UTF8(o->server_version),
                                                                 "tool_version", BCON_UTF8("signalbox")), err)) {
        sb_archive_free(a);
        return NULL;
    }
    return a;
}

void sb_archive_free(struct sb_archive *a)
{
    if (!a)
        return;
    if (a->gzip)
        deflateEnd(&a->z);
    for (size_t i = 0; i < a->views_n; i++)
        free(a->views[i]);
    free(a->views);
    free(a->db);
    free(a->collection);
    free(a);
}

int sb_archive_metadata(struct sb_archive *a, const char *db, const char *collection, const char *text, const char *type, struct sb_err *err)
{
    if (a->begun)
        return sb_fail(err, SB_EINTERNAL, "%s.%s comes after the archive's prelude was ended", db, collection);
    if (strcmp(type, "view") == 0 && (sb_strs_push(&a->views, &a->views_n, db) || sb_strs_push(&a->views, &a->views_n, collection)))
        return sb_fail_nomem(err);
    return put_bson(a, BCON_NEW("db", BCON_UTF8(db), "collection", BCON_UTF8(collection), "metadata", BCON_UTF8(text), "size", BCON_INT32(0), "type", BCON_UTF8(type)), err);
}

static int put_header(struct sb_archive *a, const char *db, const char *collection, bool eof, struct sb_err *err)
{
    return put_bson(a, BCON_NEW("db", BCON_UTF8(db), "collection", BCON_UTF8(collection), "EOF", BCON_BOOL(eof), "CRC", BCON_INT64(eof ? (int64_t)a->crc : 0)), err);
}

/* The end of a namespace's documents, with their checksum. */
static int put_end(struct sb_archive *a, const char *db, const char *collection, struct sb_err *err)
{
    return put_header(a, db, collection, true, err) || put(a, terminator, sizeof terminator, err) ? -1 : 0;
}

static int close_namespace(struct sb_archive *a, struct sb_err *err)
{
    int rc = !a->collection ? 0 : (a->any && put(a, terminator, sizeof terminator, err)) || put_end(a, a->db, a->collection, err) ? -1 : 0;
    free(a->db);
    free(a->collection);
    a->db = a->collection = NULL;
    a->any = false;
    a->crc = 0;
    return rc;
}

static int end_prelude(struct sb_archive *a, struct sb_err *err)
{
    int rc = a->begun ? 0 : put(a, terminator, sizeof terminator, err);
    for (size_t i = 0; !a->begun && rc == 0 && i + 1 < a->views_n; i += 2)
        rc = put_end(a, a->views[i], a->views[i + 1], err);
    a->begun = true;
    return rc;
}

int sb_archive_open(struct sb_archive *a, const char *db, const char *collection, struct sb_err *err)
{
    if (end_prelude(a, err) || close_namespace(a, err))
        return -1;
    a->db = sb_format("%s", db);
    a->collection = sb_format("%s", collection);
    return a->db && a->collection ? 0 : sb_fail_nomem(err);
}

int sb_archive_add(struct sb_archive *a, const unsigned char *document, size_t n, struct sb_err *err)
{
    if (!a->any && put_header(a, a->db, a->collection, false, err))
        return -1;
    a->any = true;
    a->crc = sb_crc64(a->crc, document, n);
    return put(a, document, n, err);
}

int sb_archive_end(struct sb_archive *a, struct sb_err *err)
{
    return end_prelude(a, err) || close_namespace(a, err) || (a->gzip && deflate_some(a, NULL, 0, Z_FINISH, err)) ? -1 : 0;
}
