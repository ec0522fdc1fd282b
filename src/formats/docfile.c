/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/docfile.h>

#include <signalbox/formats/extjson.h>
#include <signalbox/formats/jsontext.h>
#include <signalbox/formats/source.h>

#include <inttypes.h>

#define BLOCK ((size_t)256 << 10)
#define MAX_INDENT 64 /* of a document's first line; a deeper one is looked for without it */
#define ARCHIVE_MAGIC 0x8199e26dU /* of mongodump --archive */

struct sb_docfile {
    struct sb_source *source;
    char *path;
    char *buf; /* [from, to) is unread */
    size_t cap, from, to;
    bool eof;
    enum sb_docfile_kind kind;
    uint64_t gone;  /* bytes of the file before buf[0] */
    uint64_t lines; /* line ends among them */
    uint64_t column; /* characters behind the last of those */
    bool in_array, comma; /* JSON: inside a top-level array; a comma or the bracket is next */
    bool loose; /* a document was passed over, and perhaps the comma behind it */
    struct sb_extjson x;
    uint64_t documents, damaged;
    char first_damage[512];
};

/* ---- the buffer ---- */

static void count_lines(const char *p, size_t n, uint64_t *lines, uint64_t *column)
{
    const char *end = p + n, *newline;
    while ((newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        ++*lines;
        *column = 0;
        p = newline + 1;
    }
    for (; p < end; p++)
        *column += ((unsigned char)*p & 0xC0) != 0x80;
}

/* Forgets what was read. */
static void discard(struct sb_docfile *d)
{
    if (d->kind == SB_DOCFILE_JSON)
        count_lines(d->buf, d->from, &d->lines, &d->column);
    d->gone += d->from;
    memmove(d->buf, d->buf + d->from, d->to - d->from);
    d->to -= d->from;
    d->from = 0;
}

/* Reads on behind what is unread: 1, 0 at the end of the file or when max bytes are unread, -1. */
static int fill(struct sb_docfile *d, size_t max, struct sb_err *err)
{
    if (d->eof || d->to - d->from >= max)
        return 0;
    if (d->from)
        discard(d);
    if (d->cap - d->to < BLOCK) {
        char *p = realloc(d->buf, d->cap * 2);
        if (!p)
            return sb_fail_nomem(err);
        d->buf = p;
        d->cap *= 2;
    }
    /* as much as there is room for: a document that has not ended yet is read anew each time, so the steps have to grow */
    size_t before = d->to;
    while (d->to < d->cap && !d->eof) {
        int64_t n = sb_source_read(d->source, d->buf + d->to, d->cap - d->to, err);
        if (n < 0) /* what came before it is given out first; the source says the same again */
            return d->to > before ? 1 : -1;
        d->eof = n == 0;
        d->to += (size_t)n;
    }
    return d->to > before;
}

static int at_byte(const struct sb_docfile *d, struct sb_err *err, const char *what)
{
    return sb_fail(err, SB_EINPUT, "%s: byte %" PRIu64 ": %s", d->path, d->gone + d->from, what);
}

/* "path:line:column: what" for the byte at offset `at` of the buffer. */
static int at_place(const struct sb_docfile *d, size_t at, const char *what, struct sb_err *err)
{
    uint64_t lines = d->lines, column = d->column;
    count_lines(d->buf, at, &lines, &column);
    return sb_fail(err, SB_EINPUT, "%s:%" PRIu64 ":%" PRIu64 ": %s", d->path, lines + 1, column + 1, what);
}

/* Counts a damaged document. Of JSON the first one's place is looked for here, and no other's: that takes a walk. */
static void note_damage(struct sb_docfile *d, size_t at, const char *what)
{
    struct sb_err why = SB_ERR_INIT;
    if (d->damaged++)
        return;
    at_place(d, at, what, &why);
    snprintf(d->first_damage, sizeof d->first_damage, "%s", why.msg);
}

/* ---- BSON ---- */

static int next_bson(struct sb_docfile *d, struct sb_span *document, struct sb_err *err)
{
    for (;;) {
        int rc = 1;
        while (d->to - d->from < 4 && (rc = fill(d, 4, err)) == 1)
            ;
        if (rc < 0)
            return -1;
        if (d->to == d->from)
            return 0;
        if (d->to - d->from < 4)
            return at_byte(d, err, "the file ends within a document");
        size_t n = sb_le32((const uint8_t *)d->buf + d->from), wrong;
        if (n < 5 || n > SB_DOCFILE_MAX_BSON)
            return at_byte(d, err, "no document of BSON begins here (its length is impossible), and where the next one does cannot be told");
        while (d->to - d->from < n && (rc = fill(d, n, err)) == 1)
            ;
        if (rc < 0)
            return -1;
        if (d->to - d->from < n)
            return at_byte(d, err, "the file ends within this document");
        const uint8_t *data = (const uint8_t *)d->buf + d->from;
        bool good = sb_bson_check(data, n, &wrong);
        if (!good && d->damaged++ == 0)
            snprintf(d->first_damage, sizeof d->first_damage, "%s: byte %" PRIu64 ": the document that begins at byte %" PRIu64 " is damaged here", d->path,
                     d->gone + d->from + wrong, d->gone + d->from);
        d->from += n;
        if (good) {
            *document = (struct sb_span){(const char *)data, n};
            d->documents++;
            return 1;
        }
    }
}

/* ---- JSON ---- */

/* How the line of the document at buf[at] begins, when only blanks stand before it; else an empty indent. */
static size_t indent_of(const struct sb_docfile *d, size_t at, char indent[MAX_INDENT])
{
    size_t n = 0;
    while (n < at && (d->buf[at - n - 1] == ' ' || d->buf[at - n - 1] == '\t'))
        n++;
    if (n > MAX_INDENT || (n < at && d->buf[at - n - 1] != '\n'))
        return 0;
    memcpy(indent, d->buf + at - n, n);
    return n;
}

/* The first line in [from, to) of the buffer, but for the one that from is in, that begins with this indent and a '{': where
 * its '{' is, or SIZE_MAX. */
static size_t find_line(const struct sb_docfile *d, size_t from, size_t to, const char *indent, size_t n)
{
    while (from < to) {
        const char *newline = memchr(d->buf + from, '\n', to - from);
        if (!newline)
            return SIZE_MAX;
        from = (size_t)(newline - d->buf) + 1;
        if (from < to && to - from > n && memcmp(d->buf + from, indent, n) == 0 && d->buf[from + n] == '{')
            return from + n;
    }
    return SIZE_MAX;
}

/* Whether what stands in [p, end) could be between two documents. A bracket too many in a document ends it too early. */
static bool may_follow(const struct sb_docfile *d, const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p == end || *p == '{' || (d->in_array ? *p == ',' || *p == ']' : *p == '[');
}

/* Passes over the document at buf[from], which is wrong: to behind its brackets, or to the next line that begins as its own
 * did. It is looked for in steps that double, so that many small documents that are wrong cost no more than their size. */
static int pass_over(struct sb_docfile *d, struct sb_err *err)
{
    char indent[MAX_INDENT];
    size_t n = indent_of(d, d->from, indent);
    for (size_t window = 4096;; window *= 2) {
        int rc = 1;
        while (d->to - d->from < window && (rc = fill(d, window, err)) == 1)
            ;
        if (rc < 0)
            return -1;
        bool last = d->to - d->from <= window && d->eof;
        size_t end = d->to - d->from < window ? d->to : d->from + window;
        size_t line = find_line(d, d->from, end, indent, n), limit = line == SIZE_MAX ? end : line;
        struct sb_jt j = sb_jt_make(d->buf + d->from, limit - d->from);
        bool closed = sb_jt_skip(&j, NULL);
        size_t behind = (size_t)(j.p - d->buf);
        if (closed && may_follow(d, j.p, d->buf + limit)) {
            d->from = behind;
        } else if (closed && line == SIZE_MAX) {
            size_t near = behind + 4096 + 16 * (behind - d->from);
            line = find_line(d, behind, near < d->to ? near : d->to, indent, n);
            d->from = line == SIZE_MAX ? behind : line;
        } else if (line != SIZE_MAX) {
            d->from = line;
        } else if (last) {
            d->from = d->to;
        } else if (window >= SB_DOCFILE_MAX_TEXT) { /* as much as may be held: all but what could be the beginning of such a line goes */
            d->from = end - n - 1;
        } else {
            continue;
        }
        return 0;
    }
}

/* Goes to where the next document, or something else, begins: 1 there is something, 0 the end, -1. */
static int go_to_value(struct sb_docfile *d, struct sb_err *err)
{
    for (;;) {
        while (d->from < d->to) {
            char c = d->buf[d->from];
            if (c == '[' && !d->in_array)
                d->in_array = true;
            else if (c == ']' && d->in_array)
                d->in_array = d->comma = false;
            else if (c == ',' && (d->comma || (d->loose && d->in_array)))
                d->comma = d->loose = false;
            else if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
                return 1;
            d->from++;
        }
        int rc = fill(d, BLOCK, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            return d->in_array ? at_place(d, d->to, "the file ends within an array of documents", err) : 0;
    }
}

/* What stands there is no object: a complaint, and to the next line or bracket. */
static int pass_over_other(struct sb_docfile *d, struct sb_err *err)
{
    note_damage(d, d->from, d->comma ? "a comma or ] was expected between documents" : "a document begins with {");
    d->comma = false;
    for (;;) {
        while (d->from < d->to) {
            const char *from = d->buf + d->from;
            size_t n = d->to - d->from < 4096 ? d->to - d->from : 4096; /* what is found is mostly near */
            const char *newline = memchr(from, '\n', n), *brace = memchr(from, '{', newline ? (size_t)(newline - from) : n);
            if (newline || brace) {
                d->from = (size_t)((brace ? brace : newline) - d->buf);
                return 0;
            }
            d->from += n;
        }
        int rc = fill(d, BLOCK, err);
        if (rc <= 0)
            return rc;
    }
}

/* Reads the object at buf[from]: 1, 0 it was passed over, -1. */
static int read_object(struct sb_docfile *d, struct sb_span *document, struct sb_err *err)
{
    enum sb_extjson_status status;
    int rc;
    while ((status = sb_extjson_read(&d->x, d->buf + d->from, d->to - d->from)) == SB_EXTJSON_CUT && (rc = fill(d, SB_DOCFILE_MAX_TEXT, err)) != 0)
        if (rc < 0)
            return -1;
    if (status == SB_EXTJSON_NOMEM)
        return sb_fail_nomem(err);
    if (status == SB_EXTJSON_OK) {
        d->from += d->x.at;
        d->comma = d->in_array;
        d->loose = false;
        d->documents++;
        *document = (struct sb_span){(const char *)d->x.p, d->x.n};
        return 1;
    }
    bool bad = status == SB_EXTJSON_BAD;
    size_t at = bad ? d->from + d->x.at : d->from;
    const char *what = bad ? d->x.what : d->eof ? "the file ends within the document that begins here" : "a document that is longer than 64 MiB";
    char indent[MAX_INDENT];
    if (!bad && d->eof && find_line(d, d->from, d->to, indent, indent_of(d, d->from, indent)) == SIZE_MAX) {
        at_place(d, at, what, err);
        d->from = d->to;
        return -1;
    }
    note_damage(d, at, what);
    d->comma = false;
    d->loose = true;
    return pass_over(d, err);
}

static int next_json(struct sb_docfile *d, struct sb_span *document, struct sb_err *err)
{
    for (;;) {
        int rc = go_to_value(d, err);
        if (rc <= 0)
            return rc;
        if (d->buf[d->from] == '{' && !d->comma)
            rc = read_object(d, document, err);
        else
            rc = pass_over_other(d, err);
        if (rc)
            return rc;
    }
}

/* ---- what it is ---- */

static int not_documents(struct sb_docfile *d, struct sb_err *err)
{
    const uint8_t *p = (const uint8_t *)d->buf;
    if (d->to >= 4 && sb_le32(p) == ARCHIVE_MAGIC)
        return sb_fail(err, SB_EINPUT, "%s is an archive of mongodump; documents are read from its folder form (mongodump --out), or from bsondump's JSON", d->path);
    bool binary = memchr(p, 0, d->to < 512 ? d->to : 512) != NULL;
    return sb_fail(err, SB_EINPUT, "%s holds neither BSON documents nor JSON%s", d->path, binary ? " (it is binary data of another kind)" : "");
}

static bool begins_as_bson(const struct sb_docfile *d)
{
    const uint8_t *p = (const uint8_t *)d->buf;
    if (d->to < 5)
        return false;
    size_t n = sb_le32(p);
    if (n < 5 || n > SB_DOCFILE_MAX_BSON || !(p[4] ? sb_bson_type_name(p[4]) != NULL : n == 5))
        return false;
    return d->to < n || p[n - 1] == 0;
}

static int find_kind(struct sb_docfile *d, struct sb_err *err)
{
    int rc = 1;
    while (d->to < BLOCK && (rc = fill(d, BLOCK, err)) == 1)
        ;
    if (rc < 0 && d->to == 0)
        return -1;
    if (begins_as_bson(d)) {
        d->kind = SB_DOCFILE_BSON;
        return 0;
    }
    struct sb_jt j = sb_jt_begin(d->buf, d->to);
    while (j.p == j.end && !d->eof) { /* nothing but blanks so far */
        d->from = d->to;
        if (fill(d, BLOCK, err) < 0)
            return -1;
        j = sb_jt_begin(d->buf + d->from, d->to - d->from);
    }
    if (j.p == j.end)
        return 0;
    if (*j.p != '{' && *j.p != '[')
        return not_documents(d, err);
    d->kind = SB_DOCFILE_JSON;
    if (d->to >= 3 && memcmp(d->buf, "\xEF\xBB\xBF", 3) == 0)
        d->from = 3;
    return 0;
}

struct sb_docfile *sb_docfile_open(const char *path, struct sb_err *err)
{
    struct sb_docfile *d = calloc(1, sizeof *d);
    if (!d) {
        sb_fail_nomem(err);
        return NULL;
    }
    d->cap = 2 * BLOCK;
    d->buf = malloc(d->cap);
    d->path = sb_format("%s", path);
    if (!d->buf || !d->path)
        sb_fail_nomem(err);
    else if ((d->source = sb_source_open(path, err)) != NULL && find_kind(d, err) == 0)
        return d;
    sb_docfile_close(d);
    return NULL;
}

void sb_docfile_close(struct sb_docfile *d)
{
    if (!d)
        return;
    sb_source_close(d->source);
    sb_extjson_release(&d->x);
    free(d->buf);
    free(d->path);
    free(d);
}

int sb_docfile_next(struct sb_docfile *d, struct sb_span *document, struct sb_err *err)
{
    return d->kind == SB_DOCFILE_BSON ? next_bson(d, document, err) : d->kind == SB_DOCFILE_JSON ? next_json(d, document, err) : 0;
}

enum sb_docfile_kind sb_docfile_kind(const struct sb_docfile *d)
{
    return d->kind;
}

const char *sb_docfile_kind_name(enum sb_docfile_kind kind)
{
    return kind == SB_DOCFILE_BSON ? "bson" : kind == SB_DOCFILE_JSON ? "json" : "empty";
}

uint64_t sb_docfile_documents(const struct sb_docfile *d)
{
    return d->documents;
}

uint64_t sb_docfile_damaged(const struct sb_docfile *d)
{
    return d->damaged;
}

const char *sb_docfile_first_damage(const struct sb_docfile *d)
{
    return d->first_damage;
}

uint64_t sb_docfile_bytes(const struct sb_docfile *d)
{
    return d->gone + d->from;
}

int sb_docfile_permille(const struct sb_docfile *d)
{
    uint64_t size = sb_source_size(d->source);
    return size ? (int)(sb_source_taken(d->source) * 1000 / size) : -1;
}
