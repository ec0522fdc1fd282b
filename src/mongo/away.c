/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/mongo/away.h>

#include <signalbox/base/compiler.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLING " calling hello on '"

/* The numbers are those of OpenSSL's verification (x509_vfy.h), which the driver repeats. */
static const struct {
    int number;
    const char *mend;
} refusals[] = {
    {9, "its time has not come: look at the clocks of both hosts"},
    {10, "renew it on the server, or look at this host's clock"},
    {18, "name the file with the certificate of its CA as tlsCAFile"},
    {19, "name the file with the certificate of its CA as tlsCAFile"},
    {20, "name the file with the certificate of its CA as tlsCAFile"},
    {21, "name the file with the certificate of its CA as tlsCAFile"},
    {62, "name the host in the connection string as the certificate does"},
    {64, "name the host in the connection string as the certificate does"},
};

/* The reason of one host, without the host; n: its length. NULL: there is none. */
static const char *next_reason(const char **at, size_t *n)
{
    const char *open = strchr(*at, '['), *close = open ? strstr(open, "] [") : NULL;
    if (!open)
        return NULL;
    if (!close)
        close = strrchr(open, ']') ? strrchr(open, ']') : open + strlen(open);
    *at = close;
    *n = (size_t)(close - open - 1);
    const char *host = memmem(open, *n, CALLING, strlen(CALLING));
    if (host)
        *n = (size_t)(host - open - 1);
    return open + 1;
}

#define CLOSED "connection closed"
#define REFUSED "connection refused"

static bool is(const char *reason, size_t n, const char *text)
{
    return n == strlen(text) && memcmp(reason, text, n) == 0;
}

/* In which of these ways the driver tells of a connection that the server has ended is up to chance: it was about to write, or to read. */
static bool is_end(const char *reason, size_t n)
{
    static const char *const ends[] = {CLOSED, "Server closed connection.", "Failed to write rpc bytes.", "Failed to receive length header from server.",
                                       "Failed to receive rpc bytes from server."};
    for (size_t i = 0; i < SB_COUNT(ends); i++)
        if (is(reason, n, ends[i]))
            return true;
    return false;
}

/* What all hosts say; NULL: they do not say the same. Behind TLS the same end of a connection may also be told as a refused one: ended
 * by one host is taken for ended by all. */
static const char *one_reason(const char *message, bool tls, size_t *n)
{
    const char *at = message, *first = next_reason(&at, n), *other;
    size_t other_n;
    while (first && (other = next_reason(&at, &other_n))) {
        bool both_end = (is_end(first, *n) || (tls && is(first, *n, REFUSED))) && (is_end(other, other_n) || (tls && is(other, other_n, REFUSED)));
        if (!both_end && (other_n != *n || memcmp(first, other, *n) != 0))
            return NULL;
        if (both_end && is_end(other, other_n)) {
            first = other;
            *n = other_n;
        }
    }
    return first;
}

static const char *mend_of(long number)
{
    for (size_t i = 0; i < SB_COUNT(refusals); i++)
        if (refusals[i].number == number)
            return refusals[i].mend;
    return "look at the certificate with openssl s_client";
}

bool sb_away_sentence(char *out, size_t cap, const char *message, bool tls, bool certificate)
{
    static const char handshake[] = "TLS handshake failed: ", refused[] = "certificate verify failed (";
    char text[256];
    size_t n;
    const char *reason = one_reason(message, tls, &n), *found = strchr(message, '[');
    if (!reason) {
        snprintf(out, cap, "out of reach, or no MongoDB server: %s", found ? found : message);
        return true;
    }
    snprintf(text, sizeof text, "%.*s", (int)(n < sizeof text ? n : sizeof text - 1), reason);
    const char *verify = strstr(text, refused);
    if (verify) {
        const char *why = strstr(verify, "): ");
        snprintf(out, cap, "the server's certificate is refused: %s; %s", why ? why + 3 : verify, mend_of(strtol(verify + strlen(refused), NULL, 10)));
        return false;
    }
    if (strncmp(text, handshake, strlen(handshake)) == 0) {
        snprintf(out, cap, "%s: does this server speak TLS? The connection string wants it (tls=true)", text);
        return true;
    }
    bool ended = is_end(text, strlen(text)), refuses = tls && strcmp(text, REFUSED) == 0;
    if (tls && (ended || refuses))
        snprintf(out, cap, "out of reach (%s), or the server ends the connection behind the TLS handshake: it may %s (tlsCertificateKeyFile)", text,
                 certificate ? "refuse the client's certificate" : "want a certificate of the client's");
    else if (ended)
        snprintf(out, cap, "out of reach, or no MongoDB server: [%s]; it may want TLS (tls=true in the connection string)", text);
    else
        snprintf(out, cap, "out of reach, or no MongoDB server: [%s]", text);
    return true;
}
