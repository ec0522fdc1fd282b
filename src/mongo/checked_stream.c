/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream of the driver's that passes on what the server sends and looks at each reply when its last bytes arrive: these
 * are kept back from the driver where the reply is not well formed, and the connection counts as broken. It never reads
 * ahead of the driver, so that a poll on the socket below still tells the truth. */
#include "private.h"

#include <signalbox/mongo/reply_check.h>

#include <errno.h>

#define KEPT 65536 /* buffers up to this size are kept for the next reply */

/* Its own number, so that the driver takes it for none of its own kinds (mongoc-stream-private.h knows 1 to 6). */
#define STREAM_TYPE 100

struct checked {
    mongoc_stream_t stream; /* first: the driver knows this part */
    mongoc_stream_t *below;
    struct sb_conn *conn;
    uint8_t *msg;
    size_t len, cap, total; /* total: 0 until the header is there */
    bool broken;
};

/* Exported by libmongoc-1.0 for the makers of other languages' drivers, though no installed header declares it: connects
 * over TCP or a Unix socket, with TLS as the connection string says. user_data is the client. */
mongoc_stream_t *mongoc_client_default_stream_initiator(const mongoc_uri_t *uri, const mongoc_host_list_t *host, void *user_data,
                                                        bson_error_t *error);

static struct checked *checked_of(mongoc_stream_t *s)
{
    return (struct checked *)(void *)s;
}

static void release(struct checked *k)
{
    free(k->msg);
    free(k);
}

static void on_destroy(mongoc_stream_t *s)
{
    mongoc_stream_destroy(checked_of(s)->below);
    release(checked_of(s));
}

static void on_failed(mongoc_stream_t *s)
{
    mongoc_stream_failed(checked_of(s)->below);
    release(checked_of(s));
}

static int on_close(mongoc_stream_t *s)
{
    return mongoc_stream_close(checked_of(s)->below);
}

static int on_flush(mongoc_stream_t *s)
{
    return mongoc_stream_flush(checked_of(s)->below);
}

static ssize_t on_writev(mongoc_stream_t *s, mongoc_iovec_t *iov, size_t n, int32_t timeout)
{
    return mongoc_stream_writev(checked_of(s)->below, iov, n, timeout);
}

static int on_setsockopt(mongoc_stream_t *s, int level, int name, void *value, mongoc_socklen_t len)
{
    return mongoc_stream_setsockopt(checked_of(s)->below, level, name, value, len);
}

static mongoc_stream_t *on_base(mongoc_stream_t *s)
{
    return checked_of(s)->below;
}

static bool on_check_closed(mongoc_stream_t *s)
{
    const struct checked *k = checked_of(s);
    return !k->conn->unlooked && (k->broken || mongoc_stream_check_closed(k->below)); /* else the next command tells */
}

static bool on_timed_out(mongoc_stream_t *s)
{
    return !checked_of(s)->broken && mongoc_stream_timed_out(checked_of(s)->below);
}

static bool on_should_retry(mongoc_stream_t *s)
{
    return !checked_of(s)->broken && mongoc_stream_should_retry(checked_of(s)->below);
}

static int refuse(struct checked *k, const char *why, int error)
{
    k->broken = true;
    snprintf(k->conn->refused, sizeof k->conn->refused, "%s", why);
    errno = error;
    return -1;
}

static int reserve(struct checked *k, size_t n)
{
    if (n <= k->cap)
        return 0;
    uint8_t *p = realloc(k->msg, n);
    if (!p)
        return refuse(k, "there is no memory for it", ENOMEM);
    k->msg = p;
    k->cap = n;
    return 0;
}

/* Takes note of n bytes on their way to the driver, reply by reply. */
static int note(struct checked *k, const uint8_t *p, size_t n)
{
    while (n) {
        size_t want = k->total ? k->total : SB_REPLY_HEAD, take = want - k->len < n ? want - k->len : n;
        const char *wrong = NULL;
        if (reserve(k, want))
            return -1;
        memcpy(k->msg + k->len, p, take);
        k->len += take;
        p += take;
        n -= take;
        if (k->len < want)
            continue;
        if (!k->total) {
            wrong = sb_reply_check_head(k->msg, &k->total);
        } else {
            wrong = sb_reply_check(k->msg, k->len);
            k->len = k->total = 0;
            if (k->cap > KEPT) {
                free(k->msg);
                k->msg = NULL;
                k->cap = 0;
            }
        }
        if (wrong)
            return refuse(k, wrong, EPROTO);
    }
    return 0;
}

static ssize_t on_readv(mongoc_stream_t *s, mongoc_iovec_t *iov, size_t iov_n, size_t min_bytes, int32_t timeout)
{
    struct checked *k = checked_of(s);
    if (k->broken) {
        errno = EPROTO;
        return -1;
    }
    ssize_t got = mongoc_stream_readv(k->below, iov, iov_n, min_bytes, timeout);
    size_t left = got > 0 ? (size_t)got : 0;
    for (size_t i = 0; i < iov_n && left; i++) {
        size_t n = iov[i].iov_len < left ? iov[i].iov_len : left;
        if (note(k, iov[i].iov_base, n))
            return -1;
        left -= n;
    }
    return got;
}

mongoc_stream_t *sb_checked_connect(const mongoc_uri_t *uri, const mongoc_host_list_t *host, void *conn, bson_error_t *error)
{
    struct sb_conn *c = conn;
    struct checked *k = calloc(1, sizeof *k);
    if (!k) {
        bson_set_error(error, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT, "out of memory");
        return NULL;
    }
    k->below = mongoc_client_default_stream_initiator(uri, host, c->client, error);
    if (!k->below) {
        free(k);
        return NULL;
    }
    k->conn = c;
    k->stream = (mongoc_stream_t){
        .type = STREAM_TYPE,
        .destroy = on_destroy,
        .close = on_close,
        .flush = on_flush,
        .writev = on_writev,
        .readv = on_readv,
        .setsockopt = on_setsockopt,
        .get_base_stream = on_base,
        .check_closed = on_check_closed,
        .failed = on_failed,
        .timed_out = on_timed_out,
        .should_retry = on_should_retry,
    };
    return &k->stream;
}
