/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/tls.h>

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct sim_tls {
    SSL_CTX *ctx;
    int64_t ends_ms;
};

struct sim_tls_conn {
    SSL *ssl;
    bool wants_write;
    char why[160];
};

/* What libssl says of the newest failure; "unknown error" when it says nothing. */
static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "unknown error";
}

static int64_t end_of(const X509 *certificate)
{
    struct tm tm;
    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return 1;
    int64_t s = timegm(&tm);
    return s > 0 ? s * 1000 : 1;
}

struct sim_tls *sim_tls_new(const char *certificate, const char *ca, struct sb_err *err)
{
    struct sim_tls *t = calloc(1, sizeof *t);
    ERR_clear_error();
    if (!t || !(t->ctx = SSL_CTX_new(TLS_server_method()))) {
        sb_fail_nomem(err);
        goto fail;
    }
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_use_certificate_chain_file(t->ctx, certificate) != 1) {
        sb_fail(err, SB_EUSAGE, "%s: no certificate can be read from it (%s); a PEM file with the server's certificate and its key is wanted", certificate, reason());
        goto fail;
    }
    if (SSL_CTX_use_PrivateKey_file(t->ctx, certificate, SSL_FILETYPE_PEM) != 1) {
        sb_fail(err, SB_EUSAGE, "%s: no key of this certificate can be read from it (%s)", certificate, reason());
        goto fail;
    }
    if (ca && SSL_CTX_load_verify_locations(t->ctx, ca, NULL) != 1) {
        sb_fail(err, SB_EUSAGE, "%s: no certificate of a CA can be read from it (%s)", ca, reason());
        goto fail;
    }
    if (ca)
        SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    t->ends_ms = end_of(SSL_CTX_get0_certificate(t->ctx));
    return t;
fail:
    sim_tls_free(t);
    return NULL;
}

void sim_tls_free(struct sim_tls *t)
{
    if (t)
        SSL_CTX_free(t->ctx);
    free(t);
}

int64_t sim_tls_ends_ms(const struct sim_tls *t)
{
    return t->ends_ms;
}

struct sim_tls_conn *sim_tls_accept(struct sim_tls *t, int fd)
{
    struct sim_tls_conn *c = calloc(1, sizeof *c);
    ERR_clear_error();
    if (!c || !(c->ssl = SSL_new(t->ctx)) || SSL_set_fd(c->ssl, fd) != 1) {
        sim_tls_conn_free(c);
        return NULL;
    }
    SSL_set_accept_state(c->ssl);
    return c;
}

void sim_tls_conn_free(struct sim_tls_conn *c)
{
    if (c)
        SSL_free(c->ssl);
    free(c);
}

/* What libssl gave, in the terms of recv and send. */
static ssize_t outcome(struct sim_tls_conn *c, int got)
{
    c->wants_write = false;
    if (got > 0)
        return got;
    long verified = SSL_get_verify_result(c->ssl);
    switch (SSL_get_error(c->ssl, got)) {
    case SSL_ERROR_WANT_WRITE:
        c->wants_write = true;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_READ:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SSL:
        snprintf(c->why, sizeof c->why, "%s%s%s", reason(), verified == X509_V_OK ? "" : ": ", verified == X509_V_OK ? "" : X509_verify_cert_error_string(verified));
        errno = EPROTO;
        return -1;
    default: /* the client has gone without a word */
        return 0;
    }
}

ssize_t sim_tls_recv(struct sim_tls_conn *c, void *buf, size_t n)
{
    ERR_clear_error();
    return outcome(c, SSL_read(c->ssl, buf, n > INT_MAX ? INT_MAX : (int)n));
}

ssize_t sim_tls_send(struct sim_tls_conn *c, const void *bytes, size_t n)
{
    ERR_clear_error();
    ssize_t sent = outcome(c, SSL_write(c->ssl, bytes, n > INT_MAX ? INT_MAX : (int)n));
    if (sent == 0) {
        errno = EPIPE;
        return -1;
    }
    return sent;
}

bool sim_tls_wants_write(const struct sim_tls_conn *c)
{
    return c->wants_write;
}

const char *sim_tls_why(const struct sim_tls_conn *c)
{
    return c->why;
}
