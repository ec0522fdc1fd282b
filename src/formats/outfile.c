/* SPDX-License-Identifier: Apache-2.0 */
#include "outfile.h"

#include <signalbox/base/file.h>
#include <signalbox/base/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sb_outfile {
    int fd;
    char *name;
    struct sb_seal *seal; /* NULL: it is not sealed */
    struct sb_digest *digest; /* NULL: none is wanted */
    uint64_t bytes; /* that were written */
    size_t len;     /* of what waits to be */
    unsigned char waiting[SB_SEAL_CHUNK], sealed[SB_SEAL_CHUNK + SB_SEAL_TAG];
};

static int write_out(struct sb_outfile *f, const unsigned char *p, size_t n, struct sb_err *err)
{
    if (f->digest && sb_digest_add(f->digest, p, n))
        return sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest");
    if (sb_write_all(f->fd, p, n))
        return sb_fail_errno(err, errno, "cannot write %s", f->name);
    f->bytes += n;
    return 0;
}

static int flush(struct sb_outfile *f, bool last, struct sb_err *err)
{
    int rc = f->seal ? sb_seal_add(f->seal, f->waiting, f->len, last, f->sealed, err) || write_out(f, f->sealed, f->len + SB_SEAL_TAG, err) : write_out(f, f->waiting, f->len, err);
    f->len = 0;
    return rc ? -1 : 0;
}

struct sb_outfile *sb_outfile_new(int fd, const char *name, const struct sb_seal_key *key, bool digest, struct sb_err *err)
{
    struct sb_outfile *f = calloc(1, sizeof *f);
    unsigned char header[SB_SEAL_HEADER];
    if (!f || !(f->name = sb_format("%s", name)) || (digest && !(f->digest = sb_digest_new()))) {
        sb_outfile_free(f);
        sb_fail_nomem(err);
        return NULL;
    }
    f->fd = fd;
    if (key && (!(f->seal = sb_seal_new(key, header, err)) || write_out(f, header, sizeof header, err))) {
        sb_outfile_free(f);
        return NULL;
    }
    return f;
}

void sb_outfile_free(struct sb_outfile *f)
{
    if (!f)
        return;
    sb_seal_free(f->seal);
    sb_digest_free(f->digest);
    explicit_bzero(f->waiting, sizeof f->waiting);
    free(f->name);
    free(f);
}

const char *sb_outfile_name(const struct sb_outfile *f)
{
    return f->name;
}

/* A full chunk is written when more comes: the last one is known by nothing coming. */
int sb_outfile_add(struct sb_outfile *f, const void *p, size_t n, struct sb_err *err)
{
    const unsigned char *from = p;
    while (n) {
        if (f->len == SB_SEAL_CHUNK && flush(f, false, err))
            return -1;
        size_t part = n < SB_SEAL_CHUNK - f->len ? n : SB_SEAL_CHUNK - f->len;
        memcpy(f->waiting + f->len, from, part);
        f->len += part;
        from += part;
        n -= part;
    }
    return 0;
}

int sb_outfile_end(struct sb_outfile *f, struct sb_hash *hash, uint64_t *bytes, struct sb_err *err)
{
    if (flush(f, true, err))
        return -1;
    *bytes = f->bytes;
    return f->digest && sb_digest_end(f->digest, hash) ? sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest") : 0;
}
