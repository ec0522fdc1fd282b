/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/fleet.h>

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/sim/wire.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_IN 65536 /* no command that is answered here is as long */
#define PEERS_MAX 20000

struct peer {
    int fd; /* -1: it has gone, and is freed behind the round */
    struct sim_fleet_member *member;
    struct sb_str in;
    struct peer *next, **slot;
};

/* What an event is about: the first of each is told apart by where it lies. */
struct sim_fleet_server {
    struct sim_fleet *f;
    int *listener; /* one a member; -1 closed */
    int epoll;
    struct peer *peers, *gone;
    int peers_n;
    int64_t begun_ns, faults_after_ms;
};

static int listen_one(struct sim_fleet_server *v, int i, struct sb_err *err)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = &v->listener[i]}};
    if (fd < 0)
        return sb_fail(err, SB_EUSAGE, "cannot make socket %d of %d: %s (ulimit -n)", i + 1, v->f->n, strerrordesc_np(errno));
    v->listener[i] = fd;
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 16) || getsockname(fd, (struct sockaddr *)&a, &n) || epoll_ctl(v->epoll, EPOLL_CTL_ADD, fd, &e))
        return sb_fail_errno(err, errno, "cannot listen on 127.0.0.1");
    v->f->member[i].port = ntohs(a.sin_port);
    return 0;
}

struct sim_fleet_server *sim_fleet_server_new(struct sim_fleet *f, int64_t faults_after_ms, struct sb_err *err)
{
    struct sim_fleet_server *v = calloc(1, sizeof *v);
    if (!v || !(v->listener = calloc((size_t)f->n, sizeof *v->listener))) {
        sb_fail_nomem(err);
        free(v);
        return NULL;
    }
    v->f = f;
    v->faults_after_ms = faults_after_ms;
    for (int i = 0; i < f->n; i++)
        v->listener[i] = -1;
    int rc = (v->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ? sb_fail_errno(err, errno, "cannot watch sockets") : 0;
    for (int i = 0; i < f->n && rc == 0; i++)
        rc = listen_one(v, i, err);
    if (rc) {
        sim_fleet_server_free(v);
        return NULL;
    }
    return v;
}

static void drop(struct sim_fleet_server *v, struct peer *p)
{
    if (p->fd < 0)
        return;
    close(p->fd);
    p->fd = -1;
    *p->slot = p->next;
    if (p->next)
        p->next->slot = p->slot;
    p->next = v->gone; /* another event of this round may be its own */
    v->gone = p;
    v->peers_n--;
}

static void bury(struct sim_fleet_server *v)
{
    while (v->gone) {
        struct peer *p = v->gone;
        v->gone = p->next;
        sb_str_release(&p->in);
        free(p);
    }
}

static void take(struct sim_fleet_server *v, int i)
{
    int on = 1, fd = accept4(v->listener[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return; /* it has gone again, or there is no descriptor: it stays in the queue of the kernel */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct peer *p = v->peers_n < PEERS_MAX ? calloc(1, sizeof *p) : NULL;
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = p}};
    if (!p || epoll_ctl(v->epoll, EPOLL_CTL_ADD, fd, &e)) {
        close(fd);
        free(p);
        return;
    }
    *p = (struct peer){.fd = fd, .member = &v->f->member[i], .next = v->peers, .slot = &v->peers};
    sb_str_init(&p->in);
    if (p->next)
        p->next->slot = &p->next;
    v->peers = p;
    v->peers_n++;
}

/* False: end it. A client that does not read its small answers is one to end as well. */
static bool serve(struct sim_fleet_server *v, struct peer *p)
{
    struct sb_str out;
    bool stays = true;
    sb_str_init(&out);
    while (stays) {
        const uint8_t *bytes = (const uint8_t *)p->in.p;
        int64_t n = sim_wire_length(bytes, p->in.len);
        if (n == 0 || (n > 0 && n <= MOST_IN && (size_t)n > p->in.len))
            break;
        stays = n > 0 && n <= MOST_IN && sim_fleet_handle(v->f, p->member, bytes, (size_t)n, (sb_mono_ns() - v->begun_ns) / 1000, &out);
        if (stays) {
            memmove(p->in.p, p->in.p + n, p->in.len - (size_t)n);
            sb_str_truncate(&p->in, p->in.len - (size_t)n);
        }
    }
    if (out.len && send(p->fd, out.p, out.len, MSG_NOSIGNAL) != (ssize_t)out.len)
        stays = false;
    sb_str_release(&out);
    return stays;
}

static void on_peer(struct sim_fleet_server *v, struct peer *p)
{
    char chunk[8192];
    if (p->fd < 0)
        return;
    ssize_t n = recv(p->fd, chunk, sizeof chunk, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    bool hangs = sim_fleet_fault(v->f, p->member) == SIM_FLEET_HANGS;
    if (n > 0 && !hangs)
        sb_str_add(&p->in, chunk, (size_t)n); /* nobody reads what a hung member is sent */
    if (n <= 0 || !sb_str_ok(&p->in) || (!hangs && !serve(v, p)))
        drop(v, p);
}

/* Those that refuse from now on close what they have. */
static void begin_faults(struct sim_fleet_server *v)
{
    v->f->at_fault = true;
    for (int i = 0; i < v->f->n; i++)
        if (v->f->member[i].fault == SIM_FLEET_REFUSES) {
            close(v->listener[i]);
            v->listener[i] = -1;
        }
    for (struct peer *p = v->peers, *next; p; p = next) {
        next = p->next;
        if (p->member->fault == SIM_FLEET_REFUSES)
            drop(v, p);
    }
}

int sim_fleet_server_run(struct sim_fleet_server *v, int stop_fd, struct sb_err *err)
{
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = NULL}}, ready[64];
    if (epoll_ctl(v->epoll, EPOLL_CTL_ADD, stop_fd, &e))
        return sb_fail_errno(err, errno, "cannot watch for the end");
    v->begun_ns = sb_mono_ns();
    for (;;) {
        int64_t left = v->f->at_fault ? -1 : v->begun_ns / 1000000 + v->faults_after_ms - sb_mono_ms();
        if (!v->f->at_fault && left <= 0) {
            begin_faults(v);
            left = -1;
        }
        int n = epoll_wait(v->epoll, ready, SB_COUNT(ready), left > INT32_MAX ? INT32_MAX : (int)left);
        if (n < 0 && errno != EINTR)
            return sb_fail_errno(err, errno, "cannot wait for clients");
        for (int i = 0; i < n; i++) {
            int *listener = ready[i].data.ptr;
            if (!listener)
                return 0;
            if (listener >= v->listener && listener < v->listener + v->f->n)
                take(v, (int)(listener - v->listener));
            else
                on_peer(v, ready[i].data.ptr);
        }
        bury(v);
    }
}

void sim_fleet_server_free(struct sim_fleet_server *v)
{
    if (!v)
        return;
    while (v->peers)
        drop(v, v->peers);
    bury(v);
    for (int i = 0; i < v->f->n; i++)
        if (v->listener[i] >= 0)
            close(v->listener[i]);
    if (v->epoll >= 0)
        close(v->epoll);
    free(v->listener);
    free(v);
}
