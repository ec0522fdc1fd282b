/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/source.h>

#include "framed.h"

#include <signalbox/base/str.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define PACKED_BLOCK 65536

/* The bytes before that a frame of zstd may refer to: what wants more would take as much memory. */
#define ZSTD_WINDOW_LOG 25
#define ZSTD_SET_WINDOW_LOG 100 /* ZSTD_d_windowLogMax */
#define ZSTD_TOO_WIDE 16        /* ZSTD_error_frameParameter_windowTooLarge */

/* libzstd's streaming interface, as its manual gives it. */
struct zstd_in {
    const void *src;
    size_t size, pos;
};

struct zstd_out {
    void *dst;
    size_t size, pos;
};

struct zstd {
    void *library;
    void *stream;
    size_t (*free_stream)(void *stream);
    size_t (*decompress)(void *stream, struct zstd_out *out, struct zstd_in *in);
    unsigned (*is_error)(size_t code);
    int (*error_code)(size_t code);
};

struct sb_source {
    char *path;
    int fd;
    enum sb_packing packing;
    uint64_t taken, size;
    unsigned char *packed; /* what was read and not yet unpacked: [from, to) */
    size_t from, to;
    bool eof;      /* the file has no more bytes */
    bool broken;   /* what comes now cannot be unpacked: all before it was handed over */
    bool finished; /* the last member ended just where the bytes read so far do */
    bool trailing; /* bytes that belong to no member stand behind the last one */
    z_stream z;
    bool z_made;
    struct zstd zstd;
    struct sb_framed *framed;
    const unsigned char *block; /* what was unpacked and not yet given out */
    size_t block_n;
    const struct sb_seal_key *key;
    struct sb_seal *seal;  /* NULL: it is not sealed */
    unsigned char *sealed; /* a chunk with its tag, and the byte behind it, by which the last one is known */
    size_t sealed_n;
    unsigned char *opened; /* [opened_from, opened_n) was not given out yet */
    size_t opened_from, opened_n;
    bool opened_last;
};

/* read(2) through EINTR: bytes, 0 or -1. */
static int64_t read_raw(struct sb_source *s, void *p, size_t cap, struct sb_err *err)
{
    ssize_t n;
    do
        n = read(s->fd, p, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sb_fail_errno(err, errno, "cannot read %s", s->path);
    s->taken += (uint64_t)n;
    return n;
}

/* Opens the next chunk. */
static int next_chunk(struct sb_source *s, struct sb_err *err)
{
    size_t whole = sb_seal_chunk(s->seal) + SB_SEAL_TAG;
    while (s->sealed_n <= whole) {
        int64_t n = read_raw(s, s->sealed + s->sealed_n, whole + 1 - s->sealed_n, err);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        s->sealed_n += (size_t)n;
    }
    s->opened_last = s->sealed_n <= whole;
    size_t n = s->opened_last ? s->sealed_n : whole;
    if (sb_seal_open(s->seal, s->sealed, n, s->opened_last, s->opened, err)) {
        sb_err_prefix(err, "%s", s->path);
        return -1;
    }
    s->opened_from = 0;
    s->opened_n = n - SB_SEAL_TAG;
    memmove(s->sealed, s->sealed + n, s->sealed_n - n);
    s->sealed_n -= n;
    return 0;
}

/* The file's bytes, opened where they are sealed. */
static int64_t read_fd(struct sb_source *s, void *p, size_t cap, struct sb_err *err)
{
    if (!s->seal)
        return read_raw(s, p, cap, err);
    while (s->opened_from == s->opened_n) {
        if (s->opened_last)
            return 0;
        if (next_chunk(s, err))
            return -1;
    }
    size_t n = s->opened_n - s->opened_from < cap ? s->opened_n - s->opened_from : cap;
    memcpy(p, s->opened + s->opened_from, n);
    s->opened_from += n;
    return (int64_t)n;
}

/* Makes packed bytes available: false at the end of the file (or on error, with *rc -1). */
static bool refill(struct sb_source *s, int *rc, struct sb_err *err)
{
    if (s->from < s->to)
        return true;
    if (s->eof)
        return false;
    int64_t n = read_fd(s, s->packed, PACKED_BLOCK, err);
    if (n < 0)
        *rc = -1;
    if (n <= 0) {
        s->eof = true;
        return false;
    }
    s->from = 0;
    s->to = (size_t)n;
    return true;
}

/* ---- gzip ---- */

static int open_gzip(struct sb_source *s, struct sb_err *err)
{
    s->z_made = inflateInit2(&s->z, 16 + MAX_WBITS) == Z_OK;
    return s->z_made ? 0 : sb_fail_nomem(err);
}

static int damaged(const struct sb_source *s, const char *what, struct sb_err *err)
{
    return sb_fail(err, SB_EINPUT, "%s: the %s data is damaged or cut off near byte %llu of the file", s->path, what,
                   (unsigned long long)(s->taken - (s->to - s->from)));
}

static int64_t read_gzip(struct sb_source *s, void *p, size_t cap, struct sb_err *err)
{
    s->z.next_out = p;
    s->z.avail_out = cap < 1u << 30 ? (uInt)cap : 1u << 30;
    uInt room = s->z.avail_out;
    int rc = 0;
    if (s->broken)
        return damaged(s, "gzip", err);
    while (s->z.avail_out == room) {
        if (!refill(s, &rc, err)) {
            if (rc)
                return -1;
            return s->finished ? 0 : damaged(s, "gzip", err);
        }
        if (s->finished) { /* another member, or padding behind the last one */
            if (s->packed[s->from] != 0x1f) {
                s->trailing = true;
                return 0;
            }
            inflateReset(&s->z);
            s->finished = false;
        }
        s->z.next_in = s->packed + s->from;
        s->z.avail_in = (uInt)(s->to - s->from);
        int z = inflate(&s->z, Z_NO_FLUSH);
        s->from = s->to - s->z.avail_in;
        if (z == Z_MEM_ERROR)
            return sb_fail_nomem(err);
        if (z == Z_STREAM_END)
            s->finished = true;
        else if (z != Z_OK && z != Z_BUF_ERROR) {
            s->broken = true;
            return s->z.avail_out < room ? (int64_t)(room - s->z.avail_out) : damaged(s, "gzip", err);
        }
    }
    return room - s->z.avail_out;
}

/* ---- zstd ---- */

static int cannot_unpack(const struct sb_source *s, const char *how, struct sb_err *err)
{
    sb_fail(err, SB_EINPUT, "%s is packed with %s", s->path, how);
    if (err)
        err->detail = ENOTSUP;
    return -1;
}

/* The window that the first frame wants, by its header (RFC 8878, 3.1.1.1). */
static uint64_t zstd_window(const unsigned char *p, size_t n)
{
    if (n < 6)
        return 0;
    if (!(p[4] & 0x20))
        return (UINT64_C(1) << (10 + (p[5] >> 3))) / 8 * (8 + (p[5] & 7));
    static const size_t ids[] = {0, 1, 2, 4}, sizes[] = {1, 2, 4, 8};
    size_t at = 5 + ids[p[4] & 3], size = sizes[p[4] >> 6];
    uint64_t window = 0;
    for (size_t i = 0; i < size && at + i < n; i++)
        window |= (uint64_t)p[at + i] << (8 * i);
    return window;
}

static int open_zstd(struct sb_source *s, struct sb_err *err)
{
    struct zstd *z = &s->zstd;
    z->library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!z->library)
        return cannot_unpack(s, "zstd, and libzstd.so.1 is not installed: install libzstd1 or unpack it", err);
    void *(*make)(void);
    *(void **)&make = dlsym(z->library, "ZSTD_createDStream");
    *(void **)&z->free_stream = dlsym(z->library, "ZSTD_freeDStream");
    *(void **)&z->decompress = dlsym(z->library, "ZSTD_decompressStream");
    *(void **)&z->is_error = dlsym(z->library, "ZSTD_isError");
    *(void **)&z->error_code = dlsym(z->library, "ZSTD_getErrorCode");
    size_t (*set)(void *stream, int parameter, int value);
    *(void **)&set = dlsym(z->library, "ZSTD_DCtx_setParameter");
    if (!make || !z->free_stream || !z->decompress || !z->is_error || !z->error_code || !set)
        return cannot_unpack(s, "zstd and this libzstd.so.1 cannot unpack a stream within bounded memory", err);
    if (zstd_window(s->packed, s->to) > UINT64_C(1) << ZSTD_WINDOW_LOG)
        return cannot_unpack(s, "zstd in a window of more than 32 MiB, which would take as much memory here: unpack it", err);
    z->stream = make();
    s->finished = true;
    if (!z->stream || z->is_error(set(z->stream, ZSTD_SET_WINDOW_LOG, ZSTD_WINDOW_LOG)))
        return sb_fail_nomem(err);
    return 0;
}

static int64_t read_zstd(struct sb_source *s, void *p, size_t cap, struct sb_err *err)
{
    struct zstd_out out = {p, cap, 0};
    int rc = 0;
    if (s->broken)
        return damaged(s, "zstd", err);
    while (out.pos == 0) {
        bool more = refill(s, &rc, err);
        if (rc)
            return -1;
        if (!more && s->finished)
            return 0;
        struct zstd_in in = {s->packed, s->to, s->from};
        size_t z = s->zstd.decompress(s->zstd.stream, &out, &in);
        s->from = in.pos;
        if (s->zstd.is_error(z)) {
            s->broken = true;
            if (!out.pos && s->zstd.error_code(z) == ZSTD_TOO_WIDE)
                return sb_fail(err, SB_EINPUT, "%s: a frame of zstd in it wants a window of more than 32 MiB", s->path);
            return out.pos ? (int64_t)out.pos : damaged(s, "zstd", err);
        }
        s->finished = z == 0;
        if (!more && out.pos == 0 && !s->finished)
            return damaged(s, "zstd", err);
    }
    return (int64_t)out.pos;
}

/* ---- snappy and S2 ---- */

static int open_framed(struct sb_source *s, struct sb_err *err)
{
    s->framed = sb_framed_new();
    return s->framed ? 0 : sb_fail_nomem(err);
}

static int64_t read_framed(struct sb_source *s, void *p, size_t cap, struct sb_err *err)
{
    int rc = 0;
    if (s->broken)
        return damaged(s, "snappy", err);
    while (s->block_n == 0) {
        const char *what = NULL;
        size_t used;
        if (!refill(s, &rc, err)) {
            if (rc || sb_framed_whole(s->framed))
                return rc;
            return damaged(s, "snappy", err);
        }
        int got = sb_framed_feed(s->framed, s->packed + s->from, s->to - s->from, &used, &s->block, &s->block_n, &what);
        s->from += used;
        if (got < 0) {
            s->broken = true;
            s->block_n = 0;
            return sb_fail(err, SB_EINPUT, "%s: %s, before byte %llu of the file", s->path, what, (unsigned long long)(s->taken - (s->to - s->from)));
        }
    }
    size_t n = s->block_n < cap ? s->block_n : cap;
    memcpy(p, s->block, n);
    s->block += n;
    s->block_n -= n;
    return (int64_t)n;
}

/* ---- opening ---- */

static int open_path(struct sb_source *s, struct sb_err *err)
{
    if (strcmp(s->path, "-") == 0) {
        s->fd = STDIN_FILENO;
        return 0;
    }
    s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (s->fd >= 0)
        return 0;
    sb_fail_errno(err, errno, "cannot open %s", s->path);
    if (err)
        err->code = SB_EINPUT; /* a name that was given wrongly */
    return -1;
}

static int look_at_fd(struct sb_source *s, struct sb_err *err)
{
    struct stat st;
    if (fstat(s->fd, &st))
        return sb_fail_errno(err, errno, "cannot look at %s", s->path);
    if (S_ISDIR(st.st_mode))
        return sb_fail(err, SB_EINPUT, "%s is a folder", s->path);
    s->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    if (s->size)
        posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint; what it answers does not matter */
    return 0;
}

static int head(struct sb_source *s, size_t wanted, struct sb_err *err)
{
    while (s->to < wanted && !s->eof) {
        int64_t n = read_fd(s, s->packed + s->to, PACKED_BLOCK - s->to, err);
        if (n < 0)
            return -1;
        s->to += (size_t)n;
        s->eof = n == 0;
    }
    return 0;
}

/* What was read becomes the beginning of the first chunk, and what is inside it is looked at like the beginning of a file. */
static int open_seal(struct sb_source *s, struct sb_err *err)
{
    if (!s->key) {
        sb_fail(err, SB_EINPUT, "%s is sealed: it wants its key (--key-file)", s->path);
        if (err)
            err->detail = EACCES;
        return -1;
    }
    if (head(s, SB_SEAL_HEADER, err))
        return -1;
    if (s->to < SB_SEAL_HEADER)
        return sb_fail(err, SB_EINPUT, "%s is sealed, and cut off within its header", s->path);
    struct sb_seal *seal = sb_seal_of(s->key, s->packed, err);
    if (!seal) {
        sb_err_prefix(err, "%s", s->path);
        return -1;
    }
    s->sealed = malloc(PACKED_BLOCK + sb_seal_chunk(seal) + SB_SEAL_TAG + 1);
    s->opened = malloc(sb_seal_chunk(seal));
    s->seal = seal;
    if (!s->sealed || !s->opened)
        return sb_fail_nomem(err);
    s->sealed_n = s->to - SB_SEAL_HEADER;
    memcpy(s->sealed, s->packed + SB_SEAL_HEADER, s->sealed_n);
    s->to = 0;
    s->eof = false;
    return 0;
}

/* Reads the first bytes, which stay in `packed`, and sets up what they ask for. */
static int detect(struct sb_source *s, enum sb_source_how how, struct sb_err *err)
{
    if (head(s, SB_FRAMED_HEADER, err))
        return -1;
    const unsigned char *p = s->packed;
    if (!s->seal && sb_seal_begins(p, s->to))
        return open_seal(s, err) ? -1 : detect(s, how, err);
    if (how == SB_SOURCE_PLAIN)
        return 0;
    if (s->to >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
        s->packing = SB_PACKING_GZIP;
        return open_gzip(s, err);
    }
    if (s->to >= 4 && p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) {
        s->packing = SB_PACKING_ZSTD;
        return open_zstd(s, err);
    }
    if (s->to >= 4 && p[0] == 0x04 && p[1] == 0x22 && p[2] == 0x4d && p[3] == 0x18) {
        s->packing = SB_PACKING_LZ4;
        return cannot_unpack(s, "lz4, which cannot be unpacked here", err);
    }
    if (sb_framed_begins(p, s->to)) {
        s->packing = SB_PACKING_FRAMED;
        return open_framed(s, err);
    }
    return 0;
}

/* fd < 0: the path is opened. */
static struct sb_source *open_source(int fd, const char *path, const struct sb_seal_key *key, enum sb_source_how how, struct sb_err *err)
{
    struct sb_source *s = calloc(1, sizeof *s);
    if (!s) {
        if (fd >= 0)
            close(fd);
        sb_fail_nomem(err);
        return NULL;
    }
    s->fd = fd;
    s->key = key;
    s->path = sb_format("%s", path);
    s->packed = malloc(PACKED_BLOCK);
    if (!s->path || !s->packed)
        sb_fail_nomem(err);
    else if ((fd >= 0 || open_path(s, err) == 0) && look_at_fd(s, err) == 0 && (how == SB_SOURCE_RAW || detect(s, how, err) == 0))
        return s;
    sb_source_close(s);
    return NULL;
}

struct sb_source *sb_source_open(const char *path, struct sb_err *err)
{
    return open_source(-1, path, NULL, SB_SOURCE_UNPACK, err);
}

struct sb_source *sb_source_open_sealed(const char *path, const struct sb_seal_key *key, struct sb_err *err)
{
    return open_source(-1, path, key, SB_SOURCE_UNPACK, err);
}

bool sb_source_sealed(const struct sb_source *s)
{
    return s->seal != NULL;
}

struct sb_source *sb_source_open_fd(int fd, const char *name, enum sb_source_how how, const struct sb_seal_key *key, struct sb_err *err)
{
    return open_source(fd, name, key, how, err);
}

void sb_source_close(struct sb_source *s)
{
    if (!s)
        return;
    if (s->z_made)
        inflateEnd(&s->z);
    if (s->zstd.stream)
        s->zstd.free_stream(s->zstd.stream);
    if (s->zstd.library)
        dlclose(s->zstd.library);
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    sb_framed_free(s->framed);
    sb_seal_free(s->seal);
    free(s->sealed);
    free(s->opened);
    free(s->packed);
    free(s->path);
    free(s);
}

int64_t sb_source_read(struct sb_source *s, void *p, size_t cap, struct sb_err *err)
{
    if (s->packing == SB_PACKING_GZIP)
        return read_gzip(s, p, cap, err);
    if (s->packing == SB_PACKING_ZSTD)
        return read_zstd(s, p, cap, err);
    if (s->packing == SB_PACKING_FRAMED)
        return read_framed(s, p, cap, err);
    if (s->from < s->to) { /* what detect read */
        size_t n = s->to - s->from < cap ? s->to - s->from : cap;
        memcpy(p, s->packed + s->from, n);
        s->from += n;
        return (int64_t)n;
    }
    return s->eof ? 0 : read_fd(s, p, cap, err);
}

enum sb_packing sb_source_packing(const struct sb_source *s)
{
    return s->packing;
}

bool sb_source_trailing(const struct sb_source *s)
{
    return s->trailing;
}

uint64_t sb_source_taken(const struct sb_source *s)
{
    return s->taken;
}

uint64_t sb_source_size(const struct sb_source *s)
{
    return s->size;
}
