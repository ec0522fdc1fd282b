/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/source.h>

#include <signalbox/base/str.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define PACKED_BLOCK 65536

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
    z_stream z;
    bool z_made;
    struct zstd zstd;
};

/* read(2) through EINTR: bytes, 0 or -1. */
static int64_t read_fd(struct sb_source *s, void *p, size_t cap, struct sb_err *err)
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
            if (s->packed[s->from] != 0x1f)
                return 0;
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

static int open_zstd(struct sb_source *s, struct sb_err *err)
{
    struct zstd *z = &s->zstd;
    z->library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!z->library)
        return sb_fail(err, SB_EINPUT, "%s is packed with zstd, and libzstd.so.1 is not installed: install libzstd1 or unpack it",
                       s->path);
    void *(*make)(void);
    *(void **)&make = dlsym(z->library, "ZSTD_createDStream");
    *(void **)&z->free_stream = dlsym(z->library, "ZSTD_freeDStream");
    *(void **)&z->decompress = dlsym(z->library, "ZSTD_decompressStream");
    *(void **)&z->is_error = dlsym(z->library, "ZSTD_isError");
    if (!make || !z->free_stream || !z->decompress || !z->is_error)
        return sb_fail(err, SB_EINPUT, "%s is packed with zstd and this libzstd.so.1 cannot unpack a stream", s->path);
    z->stream = make();
    s->finished = true;
    return z->stream ? 0 : sb_fail_nomem(err);
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
            return out.pos ? (int64_t)out.pos : damaged(s, "zstd", err);
        }
        s->finished = z == 0;
        if (!more && out.pos == 0 && !s->finished)
            return damaged(s, "zstd", err);
    }
    return (int64_t)out.pos;
}

/* ---- opening ---- */

static int open_fd(struct sb_source *s, struct sb_err *err)
{
    struct stat st;
    if (strcmp(s->path, "-") == 0) {
        s->fd = STDIN_FILENO;
    } else {
        s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (s->fd < 0) {
            sb_fail_errno(err, errno, "cannot open %s", s->path);
            if (err)
                err->code = SB_EINPUT; /* a name that was given wrongly */
            return -1;
        }
    }
    if (fstat(s->fd, &st))
        return sb_fail_errno(err, errno, "cannot look at %s", s->path);
    if (S_ISDIR(st.st_mode))
        return sb_fail(err, SB_EINPUT, "%s is a folder", s->path);
    s->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    if (s->size)
        posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint; what it answers does not matter */
    return 0;
}

/* Reads the first bytes, which stay in `packed`, and sets up what they ask for. */
static int detect(struct sb_source *s, struct sb_err *err)
{
    while (s->to < 4) {
        int64_t n = read_fd(s, s->packed + s->to, PACKED_BLOCK - s->to, err);
        if (n < 0)
            return -1;
        s->to += (size_t)n;
        if (n == 0) {
            s->eof = true;
            break;
        }
    }
    const unsigned char *p = s->packed;
    if (s->to >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
        s->packing = SB_PACKING_GZIP;
        return open_gzip(s, err);
    }
    if (s->to >= 4 && p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) {
        s->packing = SB_PACKING_ZSTD;
        return open_zstd(s, err);
    }
    return 0;
}

struct sb_source *sb_source_open(const char *path, struct sb_err *err)
{
    struct sb_source *s = calloc(1, sizeof *s);
    if (!s) {
        sb_fail_nomem(err);
        return NULL;
    }
    s->fd = -1;
    s->path = sb_format("%s", path);
    s->packed = malloc(PACKED_BLOCK);
    if (!s->path || !s->packed)
        sb_fail_nomem(err);
    else if (open_fd(s, err) == 0 && detect(s, err) == 0)
        return s;
    sb_source_close(s);
    return NULL;
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

uint64_t sb_source_taken(const struct sb_source *s)
{
    return s->taken;
}

uint64_t sb_source_size(const struct sb_source *s)
{
    return s->size;
}
