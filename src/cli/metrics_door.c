/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP, as much of it as a scraper needs: GET /metrics, one request a connection, every read and write bounded in bytes and time. */
#include "metrics.h"

#include <signalbox/base/clock.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST_REQUEST 8192
#define MOST_MS 5000 /* a connection's whole life */

struct client {
    int fd; /* -1: a free place */
    int64_t until;
    char request[MOST_REQUEST];
    size_t got;
    struct sb_str answer; /* being sent when it holds anything */
    size_t sent;
};

struct metrics_door {
    int fd;
    char *path; /* of a Unix socket, to be removed; NULL: none */
    struct client client[SB_METRICS_CLIENTS];
};

/* ---- opening ---- */

static int bad_address(const char *address, struct sb_err *err)
{
    return sb_fail(err, SB_EUSAGE, "--metrics takes 127.0.0.1:PORT, [::1]:PORT or unix:/PATH, not \"%.200s\": what it tells is not for other hosts", address);
}

/* The bytes of the address; 0: it is none of the three. */
static socklen_t parse(const char *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    bool four = sb_starts_with(address, "127.0.0.1:"), six = sb_starts_with(address, "[::1]:");
    if (sb_starts_with(address, "unix:/")) {
        struct sockaddr_un *u = (struct sockaddr_un *)out;
        if (strlen(address + 5) >= sizeof u->sun_path)
            return 0;
        u->sun_family = AF_UNIX;
        memcpy(u->sun_path, address + 5, strlen(address + 5) + 1);
        return sizeof *u;
    }
    char *end;
    long port = four || six ? strtol(strrchr(address, ':') + 1, &end, 10) : 0;
    if (port < 1 || port > 65535 || *end)
        return 0;
    if (four) {
        struct sockaddr_in *a = (struct sockaddr_in *)out;
        a->sin_family = AF_INET;
        a->sin_port = htons((uint16_t)port);
        a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof *a;
    }
    struct sockaddr_in6 *b = (struct sockaddr_in6 *)out;
    b->sin6_family = AF_INET6;
    b->sin6_port = htons((uint16_t)port);
    b->sin6_addr = in6addr_loopback;
    return sizeof *b;
}

/* A socket file that nobody listens on any more is ours to replace; anything else at that place is not. */
static void remove_stale(const struct sockaddr_un *u)
{
    struct stat st;
    int fd = lstat(u->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)u, sizeof *u) < 0 && errno == ECONNREFUSED)
        unlink(u->sun_path);
    close(fd);
}

struct metrics_door *sb_metrics_door_open(const char *address, struct sb_err *err)
{
    struct sockaddr_storage where;
    socklen_t len = parse(address, &where);
    if (!len) {
        bad_address(address, err);
        return NULL;
    }
    struct metrics_door *d = calloc(1, sizeof *d);
    bool local = where.ss_family == AF_UNIX;
    if (!d || (local && !(d->path = sb_format("%s", address + 5)))) {
        free(d);
        sb_fail_nomem(err);
        return NULL;
    }
    for (size_t i = 0; i < SB_METRICS_CLIENTS; i++) {
        d->client[i].fd = -1;
        sb_str_init(&d->client[i].answer);
    }
    d->fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (local)
        remove_stale((const struct sockaddr_un *)&where);
    else if (d->fd >= 0)
        setsockopt(d->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    mode_t mask = local ? umask(0177) : 0;
    int rc = d->fd >= 0 ? bind(d->fd, (const struct sockaddr *)&where, len) : -1;
    int why = errno;
    if (local)
        umask(mask);
    if (rc == 0 && (rc = listen(d->fd, 16)) < 0)
        why = errno;
    if (rc == 0)
        return d;
    sb_fail_errno(err, why, "--metrics: cannot listen on %.200s", address);
    free(d->path);
    d->path = NULL; /* it is not ours */
    sb_metrics_door_close(d);
    return NULL;
}

static void let_go(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    sb_str_release(&c->answer);
    sb_str_init(&c->answer);
}

void sb_metrics_door_close(struct metrics_door *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < SB_METRICS_CLIENTS; i++)
        let_go(&d->client[i]);
    if (d->fd >= 0)
        close(d->fd);
    if (d->path)
        unlink(d->path);
    free(d->path);
    free(d);
}

/* ---- serving ---- */

int sb_metrics_door_wants(const struct metrics_door *d, struct pollfd *fds)
{
    int64_t now = sb_mono_ms(), first = -1;
    bool room = false;
    for (size_t i = 0; i < SB_METRICS_CLIENTS; i++) {
        const struct client *c = &d->client[i];
        room |= c->fd < 0;
        fds[1 + i] = (struct pollfd){c->fd, c->answer.len ? POLLOUT : POLLIN, 0};
        int64_t left = c->until > now ? c->until - now : 0;
        if (c->fd >= 0 && (first < 0 || left < first))
            first = left;
    }
    fds[0] = (struct pollfd){room ? d->fd : -1, POLLIN, 0};
    return (int)first;
}

static void reply(struct client *c, const char *status, const char *type, const struct sb_str *body)
{
    sb_str_addf(&c->answer, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, type, body->len);
    sb_str_add(&c->answer, body->p, body->len);
    c->sent = 0;
    if (!sb_str_ok(&c->answer))
        let_go(c);
}

static void answer(struct client *c, const struct metrics *m)
{
    struct sb_str body;
    sb_str_init(&body);
    if (sb_starts_with(c->request, "GET /metrics ") || sb_starts_with(c->request, "GET /metrics?")) {
        sb_metrics_write(m, &body);
        reply(c, "200 OK", "text/plain; version=0.0.4; charset=utf-8", &body);
    } else if (sb_starts_with(c->request, "GET ")) {
        sb_str_adds(&body, "there is /metrics\n");
        reply(c, "404 Not Found", "text/plain", &body);
    } else {
        sb_str_adds(&body, "only GET is answered\n");
        reply(c, "405 Method Not Allowed", "text/plain", &body);
    }
    sb_str_release(&body);
}

static void read_some(struct client *c, const struct metrics *m)
{
    ssize_t n = read(c->fd, c->request + c->got, sizeof c->request - 1 - c->got);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        let_go(c);
        return;
    }
    c->got += (size_t)n;
    c->request[c->got] = '\0';
    if (strstr(c->request, "\r\n\r\n") || strstr(c->request, "\n\n"))
        answer(c, m);
    else if (c->got == sizeof c->request - 1 || strlen(c->request) < c->got)
        let_go(c); /* no end of the headers in sight, or a NUL: no client of HTTP */
}

static void write_some(struct client *c)
{
    ssize_t n = send(c->fd, c->answer.p + c->sent, c->answer.len - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        c->sent += (size_t)n;
    if (n <= 0 || c->sent == c->answer.len)
        let_go(c);
}

void sb_metrics_door_serve(struct metrics_door *d, const struct metrics *m, const struct pollfd *fds)
{
    int64_t now = sb_mono_ms();
    for (size_t i = 0; i < SB_METRICS_CLIENTS; i++) {
        struct client *c = &d->client[i];
        if (c->fd < 0)
            continue;
        if (fds[1 + i].revents && fds[1 + i].fd == c->fd) {
            if (c->answer.len)
                write_some(c);
            else
                read_some(c, m);
        }
        if (c->fd >= 0 && now > c->until)
            let_go(c);
    }
    for (size_t i = 0; fds[0].revents && i < SB_METRICS_CLIENTS; i++) {
        struct client *c = &d->client[i];
        if (c->fd >= 0)
            continue;
        c->fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (c->fd < 0)
            break;
        c->got = 0;
        c->until = now + MOST_MS;
    }
}
