/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/infile.h>

#include <signalbox/formats/mongolog.h>
#include <signalbox/formats/profile.h>
#include <signalbox/formats/source.h>

/* Bytes asked for at a time: large enough that a system call does not count, small enough to stay in the second-level
 * cache until the lines are read. */
#define BLOCK ((size_t)256 << 10)

/* So many lines are looked at for one that tells the kind. */
#define SNIFF_LINES 1000

struct sb_infile {
    struct sb_source *source;
    char *path;
    char *buf; /* [from, to) is unread */
    size_t cap, from, to;
    bool eof;
    enum sb_infile_kind kind;
    const char *what;
    uint64_t number, bytes;
    uint64_t taken, limit; /* unpacked bytes; limit 0: none */
};

/* ---- the buffer ---- */

void sb_infile_limit(struct sb_infile *in, uint64_t bytes)
{
    in->limit = bytes;
}

/* The next bytes of the file, unpacked; of one that has a limit no more than that. */
static int64_t read_on(struct sb_infile *in, char *p, struct sb_err *err)
{
    int64_t n = sb_source_read(in->source, p, BLOCK, err);
    in->taken += n > 0 ? (uint64_t)n : 0;
    if (n > 0 && in->limit && in->taken > in->limit)
        return sb_fail(err, SB_EINPUT, "larger than %llu bytes, which is more than such a file has", (unsigned long long)in->limit);
    return n;
}

/* Reads on, behind what is unread, making room for a line or document of up to max bytes: 1, 0 at the end of the file or
 * when max bytes are unread, -1. */
static int fill(struct sb_infile *in, size_t max, struct sb_err *err)
{
    size_t unread = in->to - in->from;
    if (in->eof || unread >= max)
        return 0;
    if (in->from) {
        memmove(in->buf, in->buf + in->from, unread);
        in->from = 0;
        in->to = unread;
    }
    if (in->cap - in->to < BLOCK) {
        size_t cap = in->cap * 2;
        char *p = realloc(in->buf, cap);
        if (!p)
            return sb_fail_nomem(err);
        in->buf = p;
        in->cap = cap;
    }
    int64_t n = read_on(in, in->buf + in->to, err);
    if (n < 0)
        return -1;
    in->eof = n == 0;
    in->to += (size_t)n;
    return n > 0;
}

/* ---- lines ---- */

static void give(struct sb_infile *in, size_t n, size_t step, struct sb_span *out)
{
    *out = (struct sb_span){in->buf + in->from, n};
    in->from += step;
    in->bytes += step;
    in->number++;
}

/* Passes over the rest of a line whose beginning stays where it is. */
static int pass_over(struct sb_infile *in, struct sb_span *line, struct sb_err *err)
{
    memmove(in->buf, in->buf + in->from, in->to - in->from);
    in->to -= in->from;
    in->from = 0;
    if (in->cap < SB_INFILE_MAX_LINE + BLOCK) {
        char *p = realloc(in->buf, SB_INFILE_MAX_LINE + BLOCK);
        if (!p)
            return sb_fail_nomem(err);
        in->buf = p;
        in->cap = SB_INFILE_MAX_LINE + BLOCK;
    }
    char *rest = in->buf + SB_INFILE_MAX_LINE;
    for (;;) {
        size_t n = in->to - SB_INFILE_MAX_LINE;
        const char *newline = memchr(rest, '\n', n);
        if (newline) {
            give(in, SB_INFILE_MAX_LINE, (size_t)(newline + 1 - in->buf), line);
            return 1;
        }
        in->to = SB_INFILE_MAX_LINE;
        in->bytes += n;
        int64_t got = in->eof ? 0 : read_on(in, rest, err);
        if (got < 0)
            return -1;
        if (got == 0) {
            in->eof = true;
            give(in, SB_INFILE_MAX_LINE, SB_INFILE_MAX_LINE, line);
            return 1;
        }
        in->to += (size_t)got;
    }
}

int sb_infile_line(struct sb_infile *in, struct sb_span *line, enum sb_line_end *end, struct sb_err *err)
{
    size_t looked = 0;
    for (;;) {
        size_t unread = in->to - in->from;
        const char *start = in->buf + in->from, *newline = unread > looked ? memchr(start + looked, '\n', unread - looked) : NULL;
        if (newline) {
            size_t n = (size_t)(newline - start);
            *end = n > SB_INFILE_MAX_LINE ? SB_LINE_TOO_LONG : SB_LINE_WHOLE;
            give(in, n > SB_INFILE_MAX_LINE ? SB_INFILE_MAX_LINE : n, n + 1, line);
            return 1;
        }
        if (unread > SB_INFILE_MAX_LINE) {
            *end = SB_LINE_TOO_LONG;
            return pass_over(in, line, err);
        }
        looked = unread;
        int rc = fill(in, SB_INFILE_MAX_LINE + 1, err);
        if (rc < 0)
            return -1;
        if (rc == 0 && in->eof) {
            if (unread == 0)
                return 0;
            *end = SB_LINE_UNENDED;
            give(in, unread, unread, line);
            return 1;
        }
    }
}

/* ---- documents ---- */

static size_t document_length(const struct sb_infile *in)
{
    uint32_t n;
    memcpy(&n, in->buf + in->from, sizeof n);
    return BSON_UINT32_FROM_LE(n);
}

int sb_infile_document(struct sb_infile *in, struct sb_span *document, struct sb_err *err)
{
    for (;;) {
        size_t unread = in->to - in->from, need = 4;
        if (unread >= 4) {
            need = document_length(in);
            if (need < 5 || need > SB_INFILE_MAX_DOCUMENT)
                return sb_fail(err, SB_EINPUT, "%s: the document at byte %llu claims to be %zu bytes long: the file is damaged there",
                               in->path, (unsigned long long)in->bytes, need);
            if (unread >= need) {
                give(in, need, need, document);
                return 1;
            }
        }
        int rc = fill(in, SB_INFILE_MAX_DOCUMENT, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            return unread == 0 ? 0
                               : sb_fail(err, SB_EINPUT, "%s: ends within the document at byte %llu", in->path,
                                         (unsigned long long)in->bytes);
    }
}

/* ---- the kind ---- */

/* A BSON document's first element is so named and of such a type. */
static bool begins_with(const struct sb_infile *in, char type, const char *name)
{
    size_t n = strlen(name) + 1;
    return in->to - in->from >= 5 + n && in->buf[in->from + 4] == type && memcmp(in->buf + in->from + 5, name, n) == 0;
}

static bool looks_like_bson(const struct sb_infile *in)
{
    if (in->to - in->from < 5)
        return false;
    size_t n = document_length(in);
    if (n < 5 || n > SB_INFILE_MAX_DOCUMENT)
        return false;
    bson_t doc;
    if (in->to - in->from >= n)
        return bson_init_static(&doc, (const uint8_t *)in->buf + in->from, n) && bson_validate(&doc, BSON_VALIDATE_NONE, NULL);
    return begins_with(in, 0x09, "_id") || begins_with(in, 0x02, "op");
}

/* FTDC: {_id: date, type: int32, ...}. */
static bool looks_like_ftdc(const struct sb_infile *in)
{
    static const char type[] = "\x10type";
    size_t at = in->from + 4 + 1 + 4 + 8;
    return begins_with(in, 0x09, "_id") && in->to >= at + sizeof type && memcmp(in->buf + at, type, sizeof type) == 0;
}

static void set_kind(struct sb_infile *in, enum sb_infile_kind kind, const char *what)
{
    in->kind = kind;
    in->what = what;
}

static void sniff_bson(struct sb_infile *in)
{
    struct sb_slow_op op;
    size_t n = document_length(in);
    bool whole = in->to - in->from >= n;
    bool profile = whole ? sb_profile_bson_data((const uint8_t *)in->buf + in->from, n, &op) : begins_with(in, 0x02, "op");
    if (looks_like_ftdc(in))
        set_kind(in, SB_INFILE_FTDC, "holds diagnostic data (FTDC)");
    else if (profile)
        set_kind(in, SB_INFILE_PROFILE_BSON, "holds documents of system.profile as BSON");
    else
        set_kind(in, SB_INFILE_OTHER, "holds BSON documents that are not system.profile's");
}

/* What text is that is no log of ours. */
static const char *name_text(const char *p, size_t n)
{
    if (memchr(p, '\0', n))
        return "is binary data, not a log";
    size_t odd = 0;
    for (size_t i = 0; i < n && i < 4096; i++)
        odd += (unsigned char)p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' && p[i] != '\t';
    if (odd > 8)
        return "is binary data, not a log";
    if (n > 24 && p[4] == '-' && p[7] == '-' && p[10] == 'T' && p[0] == '2')
        return "is a text log, as MongoDB wrote before 4.4; the structured (JSON) log is needed";
    if (*p == '{' || *p == '[')
        return "is JSON, but neither a mongod log nor documents of system.profile";
    return "is text, but no structured mongod log (JSON lines, MongoDB 4.4 and later)";
}

static int sniff_text(struct sb_infile *in, struct sb_err *err)
{
    struct sb_mongolog reader;
    struct sb_log_line line;
    struct sb_slow_op op;
    enum sb_log_status as_log = SB_LOG_BAD, as_profile = SB_LOG_BAD;
    const char *p = in->buf + in->from, *end = in->buf + in->to;
    sb_mongolog_init(&reader);
    set_kind(in, SB_INFILE_OTHER, name_text(p, (size_t)(end - p)));
    for (int i = 0; i < SNIFF_LINES && p < end && in->kind == SB_INFILE_OTHER && as_log != SB_LOG_NOMEM; i++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((eol ? eol : end) - p);
        as_log = sb_mongolog_line(&reader, p, n, &line, &op);
        /* the last line in the buffer may go on, and a recording may begin in the middle of one */
        if (as_log == SB_LOG_GOOD || as_log == SB_LOG_CUT)
            set_kind(in, SB_INFILE_MONGOLOG, "is a mongod log");
        else if (as_log == SB_LOG_BAD && (as_profile = sb_profile_json(&reader.scratch, p, n, &op)) == SB_LOG_GOOD)
            set_kind(in, SB_INFILE_PROFILE_JSON, "holds documents of system.profile as JSON");
        p += n + 1;
    }
    sb_mongolog_release(&reader);
    return as_log == SB_LOG_NOMEM || as_profile == SB_LOG_NOMEM ? sb_fail_nomem(err) : 0;
}

static int sniff(struct sb_infile *in, struct sb_err *err)
{
    int rc;
    do
        rc = fill(in, BLOCK, err);
    while (rc > 0);
    if (rc < 0)
        return -1;
    if (in->to == 0)
        set_kind(in, SB_INFILE_EMPTY, "is empty");
    else if (looks_like_bson(in))
        sniff_bson(in);
    else
        return sniff_text(in, err);
    return 0;
}

struct sb_infile *sb_infile_open(const char *path, struct sb_err *err)
{
    struct sb_infile *in = calloc(1, sizeof *in);
    if (!in) {
        sb_fail_nomem(err);
        return NULL;
    }
    in->cap = BLOCK + BLOCK / 4;
    in->buf = malloc(in->cap);
    in->path = sb_format("%s", path);
    if (!in->buf || !in->path)
        sb_fail_nomem(err);
    else if ((in->source = sb_source_open(path, err)) != NULL && sniff(in, err) == 0)
        return in;
    sb_infile_close(in);
    return NULL;
}

void sb_infile_close(struct sb_infile *in)
{
    if (!in)
        return;
    sb_source_close(in->source);
    free(in->buf);
    free(in->path);
    free(in);
}

enum sb_infile_kind sb_infile_kind(const struct sb_infile *in)
{
    return in->kind;
}

const char *sb_infile_kind_name(enum sb_infile_kind kind)
{
    static const char *const names[] = {"empty", "mongolog", "profile-bson", "profile-json", "ftdc", "other"};
    return (unsigned)kind < SB_COUNT(names) ? names[kind] : "other";
}

const char *sb_infile_what(const struct sb_infile *in)
{
    return in->what;
}

uint64_t sb_infile_number(const struct sb_infile *in)
{
    return in->number;
}

uint64_t sb_infile_bytes(const struct sb_infile *in)
{
    return in->bytes;
}

int sb_infile_permille(const struct sb_infile *in)
{
    uint64_t size = sb_source_size(in->source);
    return size ? (int)(sb_source_taken(in->source) * 1000 / size) : -1;
}
