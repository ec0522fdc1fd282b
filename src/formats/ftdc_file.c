/* SPDX-License-Identifier: Apache-2.0
 *
 * ftdc_file.c - files and folders of diagnostic data, document by document, past what is damaged. */
#include <signalbox/formats/ftdc.h>

#include <signalbox/base/str.h>
#include <signalbox/formats/source.h>

#include <bson/bson.h>
#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>

#define BLOCK ((size_t)256 << 10)
#define HEAD 27 /* length, 0x09 "_id" 0, 8 bytes, 0x10 "type" 0, 4 bytes */

struct sb_ftdc {
    struct sb_ftdc_decoder *decoder;
    char **paths;
    size_t paths_n, at; /* the file that is open, or comes next */
    bool folder;
    struct sb_source *source; /* NULL between files */
    uint8_t *buf;             /* [from, to) is unread */
    size_t cap, from, to;
    bool eof;
    uint64_t offset;          /* of buf[from] in the file */
    uint64_t bytes, size, size_before;
    int64_t newest_ms;        /* the last sample's `start`, INT64_MIN none yet */
    size_t damaged, notes_n;
    char *notes[SB_FTDC_NOTES];
};

/* ---- what there is to read ---- */

/* metrics.interim is younger than every archive; a server that was killed may leave its unfinished copy beside it. */
static bool is_archive(const char *name)
{
    return sb_starts_with(name, "metrics.") && !sb_starts_with(name, "metrics.interim");
}

static int add_path(struct sb_ftdc *f, const char *folder, const char *name)
{
    char *path = folder ? sb_format("%s/%s", folder, name) : sb_format("%s", name);
    struct stat st;
    if (!path)
        return -1;
    char **more = realloc(f->paths, (f->paths_n + 1) * sizeof *more);
    if (!more) {
        free(path);
        return -1;
    }
    f->paths = more;
    f->paths[f->paths_n++] = path;
    f->size += stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
    return 0;
}

static int add_folder(struct sb_ftdc *f, const char *folder, struct sb_err *err)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort), rc = 0;
    bool interim = false;
    if (n < 0)
        return sb_fail(err, SB_EINPUT, "cannot read the folder %s", folder);
    for (int i = 0; i < n; i++) {
        interim |= strcmp(names[i]->d_name, "metrics.interim") == 0;
        if (rc == 0 && is_archive(names[i]->d_name) && add_path(f, folder, names[i]->d_name))
            rc = sb_fail_nomem(err);
        free(names[i]);
    }
    free(names);
    if (rc == 0 && interim && add_path(f, folder, "metrics.interim"))
        rc = sb_fail_nomem(err);
    if (rc == 0 && f->paths_n == 0)
        rc = sb_fail(err, SB_EINPUT, "the folder %s holds no diagnostic data (files named metrics.*)", folder);
    f->folder = true;
    return rc;
}

struct sb_ftdc *sb_ftdc_open(const char *path, struct sb_err *err)
{
    struct sb_ftdc *f = calloc(1, sizeof *f);
    struct stat st;
    if (!f) {
        sb_fail_nomem(err);
        return NULL;
    }
    f->newest_ms = INT64_MIN;
    f->decoder = sb_ftdc_decoder_new(err);
    f->cap = 2 * BLOCK;
    f->buf = malloc(f->cap);
    int rc = f->decoder && f->buf ? 0 : sb_fail_nomem(err);
    if (rc == 0 && strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        rc = add_folder(f, path, err);
    else if (rc == 0)
        rc = add_path(f, NULL, path) ? sb_fail_nomem(err) : 0;
    if (rc == 0 && !f->folder && !(f->source = sb_source_open(path, err)))
        rc = -1; /* one file that was named wrongly: told now */
    if (rc == 0)
        return f;
    sb_ftdc_close(f);
    return NULL;
}

void sb_ftdc_close(struct sb_ftdc *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->paths_n; i++)
        free(f->paths[i]);
    for (size_t i = 0; i < f->notes_n; i++)
        free(f->notes[i]);
    free(f->paths);
    sb_source_close(f->source);
    sb_ftdc_decoder_free(f->decoder);
    free(f->buf);
    free(f);
}

/* ---- notes ---- */

static void note(struct sb_ftdc *f, bool damage, uint64_t offset, const char *what)
{
    f->damaged += damage;
    if (f->notes_n == SB_FTDC_NOTES)
        return;
    char *text = sb_format("%s: byte %" PRIu64 ": %s", f->paths[f->at], offset, what);
    if (text)
        f->notes[f->notes_n++] = text;
}

/* ---- the buffer ---- */

/* Reads until `need` bytes are unread: 1, 0 at the end of the file (with less), -1 out of memory. A disk that fails, or
 * packing that is broken, ends the file and is noted. */
static int fill(struct sb_ftdc *f, size_t need, struct sb_err *err)
{
    while (f->to - f->from < need && !f->eof) {
        if (f->from) {
            memmove(f->buf, f->buf + f->from, f->to - f->from);
            f->to -= f->from;
            f->from = 0;
        }
        if (f->cap - f->to < BLOCK) {
            uint8_t *more = realloc(f->buf, f->cap * 2);
            if (!more)
                return sb_fail_nomem(err);
            f->buf = more;
            f->cap *= 2;
        }
        struct sb_err failed = SB_ERR_INIT;
        int64_t n = sb_source_read(f->source, f->buf + f->to, BLOCK, &failed);
        if (n < 0 && failed.code == SB_ENOMEM)
            return sb_fail_nomem(err);
        if (n < 0)
            note(f, true, f->offset + (f->to - f->from), failed.msg);
        f->eof = n <= 0;
        f->to += n > 0 ? (size_t)n : 0;
        f->bytes += n > 0 ? (uint64_t)n : 0;
    }
    return f->to - f->from >= need;
}

static void step(struct sb_ftdc *f, size_t n)
{
    f->from += n;
    f->offset += n;
}

static bool looks_like_head(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, sizeof n);
    n = BSON_UINT32_FROM_LE(n);
    return n > HEAD && n <= SB_FTDC_MAX_DOCUMENT && memcmp(p + 4, "\x09_id", 5) == 0 && memcmp(p + 17, "\x10type", 6) == 0;
}

/* Goes on to the next place that looks like a document's beginning, at least one byte on: 1, 0 none left, -1. */
static int resync(struct sb_ftdc *f, struct sb_err *err)
{
    step(f, 1);
    for (;;) {
        int rc = fill(f, HEAD, err);
        if (rc <= 0) {
            step(f, rc == 0 ? f->to - f->from : 0);
            return rc;
        }
        size_t last = f->to - f->from - HEAD;
        for (size_t i = 0; i <= last; i++) {
            const uint8_t *mark = memchr(f->buf + f->from + i + 4, 0x09, last - i + 1);
            if (!mark)
                break;
            i = (size_t)(mark - f->buf) - f->from - 4;
            if (looks_like_head(mark - 4)) {
                step(f, i);
                return 1;
            }
        }
        step(f, last + 1);
    }
}

/* ---- documents ---- */

/* Reads the document's fields: false and what is wrong. */
static bool read_document(const uint8_t *p, size_t n, struct sb_ftdc_doc *doc, struct sb_span *data, const char **what)
{
    bson_t bson;
    bson_iter_t it;
    int32_t type = -1;
    *data = (struct sb_span){NULL, 0};
    memset(doc, 0, sizeof *doc);
    *what = "this document is no sound BSON";
    if (!bson_init_static(&bson, p, n) || !bson_iter_init(&it, &bson))
        return false;
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "_id") == 0 && BSON_ITER_HOLDS_DATE_TIME(&it)) {
            doc->at_ms = bson_iter_date_time(&it);
        } else if (strcmp(key, "type") == 0 && BSON_ITER_HOLDS_INT32(&it)) {
            type = bson_iter_int32(&it);
        } else if (strcmp(key, "doc") == 0 && BSON_ITER_HOLDS_DOCUMENT(&it)) {
            const uint8_t *bytes;
            uint32_t length;
            bson_iter_document(&it, &length, &bytes);
            doc->doc = (struct sb_span){(const char *)bytes, length};
        } else if (strcmp(key, "data") == 0 && BSON_ITER_HOLDS_BINARY(&it)) {
            const uint8_t *bytes;
            bson_subtype_t subtype;
            uint32_t length;
            bson_iter_binary(&it, &subtype, &length, &bytes);
            *data = (struct sb_span){(const char *)bytes, length};
        }
    }
    if (it.err_off)
        return false;
    doc->kind = type == 0 ? SB_FTDC_METADATA : type == 1 ? SB_FTDC_METRICS : SB_FTDC_OTHER;
    *what = doc->kind == SB_FTDC_METRICS ? "this metrics document has no data" : "this document is not of the kind that it says it is";
    return doc->kind == SB_FTDC_METRICS ? data->p != NULL : data->p == NULL; /* only metrics are packed */
}

/* Marks what an archive had of an interim file, and remembers the newest sample. */
static void note_times(struct sb_ftdc *f, struct sb_ftdc_chunk *chunk)
{
    const int64_t *start = sb_ftdc_column(chunk, "start");
    const char *name = strrchr(f->paths[f->at], '/');
    bool interim = f->folder && name && strcmp(name, "/metrics.interim") == 0;
    if (!start)
        return;
    while (interim && chunk->skip < chunk->samples && start[chunk->skip] <= f->newest_ms)
        chunk->skip++;
    f->newest_ms = start[chunk->samples - 1];
}

/* The document where the buffer stands, n bytes: 1 it was read, 0 it is damaged, -1. */
static int take(struct sb_ftdc *f, size_t n, struct sb_ftdc_doc *doc, struct sb_err *err)
{
    const char *what;
    struct sb_span data;
    struct sb_err wrong = SB_ERR_INIT;
    if (!read_document(f->buf + f->from, n, doc, &data, &what)) {
        note(f, true, f->offset, what);
        return 0;
    }
    if (doc->kind == SB_FTDC_METRICS && sb_ftdc_decode(f->decoder, (const uint8_t *)data.p, data.n, &doc->chunk, &wrong)) {
        if (wrong.code == SB_ENOMEM)
            return sb_fail_nomem(err);
        char text[600];
        snprintf(text, sizeof text, "this chunk cannot be read: %s", wrong.msg);
        note(f, true, f->offset, text);
        return 0;
    }
    if (doc->kind == SB_FTDC_METRICS)
        note_times(f, &doc->chunk);
    step(f, n);
    return 1;
}

/* The next document of the open file: 1, 0 at its end, -1. */
static int next_in_file(struct sb_ftdc *f, struct sb_ftdc_doc *doc, struct sb_err *err)
{
    for (;;) {
        int rc = fill(f, HEAD, err);
        if (rc <= 0) {
            if (rc == 0 && f->to > f->from)
                note(f, false, f->offset, "the file ends within a document");
            return rc;
        }
        const uint8_t *p = f->buf + f->from;
        if (looks_like_head(p)) {
            uint32_t n;
            memcpy(&n, p, sizeof n);
            n = BSON_UINT32_FROM_LE(n);
            rc = fill(f, n, err);
            if (rc < 0)
                return -1;
            if (rc > 0 && (rc = take(f, n, doc, err)) != 0)
                return rc;
            if (f->to - f->from < n)
                note(f, false, f->offset, "the file ends within a document, or its length is wrong");
        } else {
            note(f, true, f->offset, "no document of diagnostic data begins here");
        }
        rc = resync(f, err);
        if (rc <= 0)
            return rc;
    }
}

static int open_next(struct sb_ftdc *f)
{
    struct sb_err failed = SB_ERR_INIT;
    f->from = f->to = 0;
    f->offset = 0;
    f->eof = false;
    if (!(f->source = sb_source_open(f->paths[f->at], &failed)))
        note(f, true, 0, failed.msg);
    return f->source ? 0 : -1;
}

int sb_ftdc_next(struct sb_ftdc *f, struct sb_ftdc_doc *doc, struct sb_err *err)
{
    for (; f->at < f->paths_n; f->at++) {
        if (!f->source && open_next(f))
            continue;
        int rc = next_in_file(f, doc, err);
        if (rc)
            return rc;
        f->size_before += sb_source_taken(f->source);
        sb_source_close(f->source);
        f->source = NULL;
    }
    return 0;
}

size_t sb_ftdc_damaged(const struct sb_ftdc *f)
{
    return f->damaged;
}

const char *sb_ftdc_note(const struct sb_ftdc *f, size_t i)
{
    return i < f->notes_n ? f->notes[i] : NULL;
}

uint64_t sb_ftdc_bytes(const struct sb_ftdc *f)
{
    return f->bytes;
}

int sb_ftdc_permille(const struct sb_ftdc *f)
{
    uint64_t taken = f->size_before + (f->source ? sb_source_taken(f->source) : 0);
    return f->size ? (int)(taken * 1000 / f->size > 1000 ? 1000 : taken * 1000 / f->size) : -1;
}
