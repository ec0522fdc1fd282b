/* SPDX-License-Identifier: Apache-2.0
 *
 * One epoll over everything. A client is read until its message is whole, answered, and read again; while its answer is
 * late (an index build) or unread (a full socket) nothing more is taken from it. A killed member's port is closed and its
 * clients are cut; a hung one's sockets stay as they are, and nobody looks at them. */
#include <signalbox/base/clock.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/str.h>
#include <signalbox/sim/clients.h>
#include <signalbox/sim/cluster.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/server.h>
#include <signalbox/sim/wire.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK 65536
#define MAX_CLIENTS 4000
#define UNREAD_MAX (4 << 20) /* answers a client may leave unread before we stop reading from it */
#define KEEP_MAX (1 << 20)
#define HELD_MAX (256 << 20) /* what all clients together may make us hold, in and out */
#define SLICE_NS 5000000     /* real time that virtual events may take before sockets are looked at again */
#define FALL_BEHIND_US 1000000 /* real: beyond it virtual time gives way */
#define WAKE_MS 2            /* virtual events are run in batches of at least this much real time */
#define IDLE_MS 1000

struct peer {
    struct sim_server *v;
    int fd;
    struct sim_tls_conn *tls; /* NULL: it speaks plainly */
    struct sim_conn *conn;
    struct sb_str in, out;
    size_t sent; /* of out */
    size_t held; /* what in and out took when it was last counted */
    struct sim_wire_asked asked;
    bool waiting; /* for a late answer */
    bool ending;  /* closed once out is sent */
    bool lost;    /* its member has ended it: conn is NULL, and it is freed in the next round */
    uint32_t events;
    struct peer *next, **slot;
};

struct listener {
    int fd;
    struct sim_member *member;
};

struct sim_server {
    struct sim *s;         /* the set, or the mongos of ... */
    struct sim_cluster *c; /* the cluster; NULL: a set by itself */
    struct listener listener[SIM_CLUSTER_PORTS];
    int members, listeners, epoll; /* members: of a set */
    struct peer *peers;
    int peers_n;
    size_t held; /* the sum of theirs */
    int spare;   /* a descriptor to turn clients away with when there are no others */
    struct sim_w scratch;
    struct sim_tls *tls;
    double speed;
    int64_t real_ns, virtual_us; /* one moment on both clocks */
};

/* ---- making ---- */

static int bind_port(int port, struct sb_err *err)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (fd < 0)
        return sb_fail_errno(err, errno, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 128)) {
        int why = errno;
        close(fd);
        return sb_fail(err, SB_EUSAGE, "cannot listen on 127.0.0.1:%d: %s", port, strerror(why));
    }
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    return getsockname(fd, (struct sockaddr *)&a, &n) ? 0 : ntohs(a.sin_port);
}

static int listen_all(struct sim_server *v, const struct sim_server_options *o, int port[SIM_CLUSTER_PORTS], struct sb_err *err)
{
    for (int i = 0; i < v->listeners; i++) {
        if ((v->listener[i].fd = bind_port(o->port ? o->port + i : 0, err)) < 0)
            return -1;
        port[i] = port_of(v->listener[i].fd);
    }
    return 0;
}

static int watch_listeners(struct sim_server *v, struct sb_err *err)
{
    for (int i = 0; i < v->listeners; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = &v->listener[i]}};
        int k = i - 1;
        v->listener[i].member = !v->c ? &v->s->member[i] : i ? &v->c->shard[k / v->members]->member[k % v->members] : &v->s->member[0];
        if (epoll_ctl(v->epoll, EPOLL_CTL_ADD, v->listener[i].fd, &e))
            return sb_fail_errno(err, errno, "cannot watch a socket");
    }
    return 0;
}

static void on_life(struct sim_member *m, void *ctx);

static int make(struct sim_server *v, const struct sim_server_options *o, struct sim_setup *setup, const int *port, struct sb_err *err)
{
    if (o->shards) {
        if ((v->c = sim_cluster_new(setup, o->scenario, o->shards, port, err)))
            v->s = v->c->router;
        return v->c ? 0 : -1;
    }
    for (int i = 0; i < o->members; i++)
        setup->port[i] = port[i];
    return (v->s = sim_new(setup, err)) && sim_clients_load(v->s, o->scenario, err) == 0 ? 0 : -1;
}

struct sim_server *sim_server_new(const struct sim_server_options *o, struct sb_err *err)
{
    struct sim_server *v = calloc(1, sizeof *v);
    if (!v) {
        sb_fail_nomem(err);
        return NULL;
    }
    v->speed = o->speed;
    v->members = o->members;
    v->listeners = o->shards ? 1 + o->shards * o->members : o->members;
    v->tls = o->tls;
    v->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sim_w_init(&v->scratch);
    int port[SIM_CLUSTER_PORTS];
    for (int i = 0; i < SIM_CLUSTER_PORTS; i++)
        v->listener[i].fd = -1;
    struct sim_setup setup = {.seed = o->seed, .start_ms = o->start_ms, .speed = o->speed, .scenario_name = o->scenario->name,
                              .incarnation = o->incarnation, .members = o->members, .pid = getpid(), .accounts = o->accounts,
                              .certificate_ends_ms = o->tls ? sim_tls_ends_ms(o->tls) : 0};
    memcpy(setup.version, o->version, sizeof setup.version);
    v->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (v->epoll < 0) {
        sb_fail_errno(err, errno, "cannot watch sockets");
        goto fail;
    }
    if (listen_all(v, o, port, err) || make(v, o, &setup, port, err) || watch_listeners(v, err))
        goto fail;
    for (int i = -1; i < (v->c ? v->c->shards : 0); i++) {
        struct sim *s = i < 0 ? v->s : v->c->shard[i];
        s->on_life = on_life;
        s->on_life_ctx = v;
    }
    return v;
fail:
    sim_server_free(v);
    return NULL;
}

struct sim *sim_server_set(struct sim_server *v)
{
    return v->s;
}

struct sim_cluster *sim_server_cluster(struct sim_server *v)
{
    return v->c;
}

void sim_server_uri(const struct sim_server *v, struct sb_str *out)
{
    sb_str_adds(out, "mongodb://");
    for (int i = 0; i < v->s->members; i++)
        sb_str_addf(out, "%s%s", i ? "," : "", v->s->member[i].name);
    sb_str_adds(out, v->c ? "/" : "/?replicaSet=" SIM_SET_NAME);
    if (v->tls)
        sb_str_adds(out, v->c ? "?tls=true" : "&tls=true");
}

/* ---- peers ---- */

static void peer_free(struct peer *p)
{
    struct sim_server *v = p->v;
    *p->slot = p->next;
    if (p->next)
        p->next->slot = p->slot;
    v->peers_n--;
    v->held -= p->held;
    sim_tls_conn_free(p->tls);
    close(p->fd);
    if (p->conn) {
        p->conn->answer = NULL;
        sim_conn_close(p->conn);
    }
    sb_str_release(&p->in);
    sb_str_release(&p->out);
    free(p);
}

/* A client that is left waiting would wake us for ever: it is taken, and dropped, with the one descriptor kept for that. */
static void turn_away(struct sim_server *v, int listener)
{
    if (v->spare >= 0)
        close(v->spare);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    v->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_late_answer(struct sim_conn *conn, const uint8_t *reply);

/* The member ends the connection, in the middle of an event: the peer itself is freed when the loop comes to it. */
static void on_lost(struct sim_conn *conn)
{
    struct peer *p = conn->owner;
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data = {.ptr = p}};
    p->conn = NULL;
    p->lost = true;
    shutdown(p->fd, SHUT_RDWR);
    if (epoll_ctl(p->v->epoll, EPOLL_CTL_MOD, p->fd, &e) == 0)
        p->events = e.events;
}

static void accept_one(struct sim_server *v, struct listener *l)
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    char remote[64];
    int on = 1, fd = accept4(l->fd, (struct sockaddr *)&a, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        turn_away(v, l->fd);
    if (fd < 0)
        return; /* or it has gone again */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct peer *p = v->peers_n < MAX_CLIENTS ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        close(fd);
        return;
    }
    sb_str_init(&p->in);
    sb_str_init(&p->out);
    p->v = v;
    p->fd = fd;
    p->events = EPOLLIN;
    p->next = v->peers;
    p->slot = &v->peers;
    if (p->next)
        p->next->slot = &p->next;
    v->peers = p;
    v->peers_n++;
    snprintf(remote, sizeof remote, "127.0.0.1:%d", ntohs(a.sin_port));
    p->conn = sim_conn_open(l->member, remote, false);
    p->tls = v->tls ? sim_tls_accept(v->tls, fd) : NULL;
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = p}};
    if (!p->conn || (v->tls && !p->tls) || epoll_ctl(v->epoll, EPOLL_CTL_ADD, fd, &e)) {
        peer_free(p);
        return;
    }
    p->conn->owner = p;
    p->conn->answer = on_late_answer;
    p->conn->lost = on_lost;
}

/* What is wanted of a socket follows from what is under way. */
static void rewatch(struct peer *p)
{
    size_t unread = p->out.len - p->sent;
    bool writes = unread || (p->tls && sim_tls_wants_write(p->tls));
    uint32_t want = p->conn && p->conn->m->hung ? 0 : (writes ? EPOLLOUT : 0) | (p->waiting ? EPOLLRDHUP : p->ending || unread > UNREAD_MAX ? 0 : EPOLLIN);
    if (want == p->events)
        return;
    struct epoll_event e = {.events = want, .data = {.ptr = p}};
    if (epoll_ctl(p->v->epoll, EPOLL_CTL_MOD, p->fd, &e) == 0)
        p->events = want;
}

/* False: the client has gone. */
static bool flush(struct peer *p)
{
    while (p->sent < p->out.len) {
        size_t left = p->out.len - p->sent;
        ssize_t n = p->tls ? sim_tls_send(p->tls, p->out.p + p->sent, left) : send(p->fd, p->out.p + p->sent, left, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n < 0)
            break;
        p->sent += (size_t)n;
    }
    size_t rest = p->out.len - p->sent;
    if (rest == 0 && p->out.cap > KEEP_MAX) { /* a large answer was an exception */
        sb_str_release(&p->out);
        p->sent = 0;
    } else if (rest == 0 || p->sent > KEEP_MAX) { /* a client that always leaves a little must not make it grow */
        memmove(p->out.p, p->out.p + p->sent, rest);
        sb_str_truncate(&p->out, rest);
        p->sent = 0;
    }
    return rest || !p->ending;
}

/* Whole messages that have come in, as long as each is answered at once. False: there was none to be handled. */
static bool handle_messages(struct peer *p)
{
    size_t at = 0;
    while (p->conn && !p->conn->m->hung && !p->waiting && !p->ending && p->out.len - p->sent <= UNREAD_MAX) {
        int64_t n = sim_wire_length((const uint8_t *)p->in.p + at, p->in.len - at);
        if (n < 0)
            p->ending = true;
        if (n <= 0 || (size_t)n > p->in.len - at)
            break;
        switch (sim_wire_handle(p->conn, (const uint8_t *)p->in.p + at, (size_t)n, &p->v->scratch, &p->asked, &p->out)) {
        case SIM_WIRE_DONE: break;
        case SIM_WIRE_LATER: p->waiting = true; break;
        case SIM_WIRE_CLOSE: p->ending = true; break;
        }
        at += (size_t)n;
    }
    if (at) { /* what follows the last whole message begins the buffer anew */
        memmove(p->in.p, p->in.p + at, p->in.len - at);
        sb_str_truncate(&p->in, p->in.len - at);
    }
    if (p->in.len == 0 && p->in.cap > KEEP_MAX) /* a large message was an exception */
        sb_str_release(&p->in);
    return at > 0;
}

static void count_held(struct peer *p)
{
    size_t now = p->in.cap + p->out.cap;
    p->v->held += now - p->held;
    p->held = now;
}

/* Where all together hold too much, the one that holds most has to go. It is freed when its socket says so: another event
 * of this round may be its own. */
static void make_room(struct sim_server *v)
{
    while (v->held > HELD_MAX) {
        struct peer *most = v->peers;
        for (struct peer *p = v->peers; p; p = p->next)
            if (p->held > most->held)
                most = p;
        sb_str_release(&most->in);
        sb_str_release(&most->out);
        most->sent = 0;
        most->ending = true;
        shutdown(most->fd, SHUT_RDWR);
        count_held(most);
    }
}

/* False: it is to be freed. */
static bool serve_peer(struct peer *p)
{
    bool more;
    do { /* what unread answers held up has nobody else to wake it once they are out */
        more = handle_messages(p) || p->out.len;
        if (p->ending && p->out.len == p->sent)
            return false;
        if (!flush(p))
            return false;
    } while (more && p->out.len == 0);
    rewatch(p);
    return true;
}

static void on_late_answer(struct sim_conn *conn, const uint8_t *reply)
{
    struct peer *p = conn->owner;
    sim_wire_answer(conn, &p->asked, reply, &p->out);
    p->waiting = false;
    p->ending = p->ending || p->asked.ends || !sb_str_ok(&p->out);
    if (p->events & EPOLLOUT || conn->m->hung)
        return;
    /* not sent from here: an event of the simulation must not free its own client */
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data = {.ptr = p}};
    if (epoll_ctl(p->v->epoll, EPOLL_CTL_MOD, p->fd, &e) == 0)
        p->events = e.events;
}

/* As the server says that what came was no TLS, or that the client's certificate is not one of ours. */
static void tell_broken(struct peer *p)
{
    char ctx[32];
    struct sim_w w;
    if (!p->conn || !p->tls || !sim_tls_why(p->tls)[0])
        return;
    snprintf(ctx, sizeof ctx, "conn%d", p->conn->id);
    sim_w_init(&w);
    sim_w_doc(&w, "error");
    sim_w_i32(&w, "code", 141);
    sim_w_text(&w, "codeName", "SSLHandshakeFailed");
    sim_w_textf(&w, "errmsg", "SSL peer: %s", sim_tls_why(p->tls));
    sim_w_end(&w);
    sim_w_text(&w, "remote", p->conn->remote);
    sim_w_i32(&w, "connectionId", p->conn->id);
    const uint8_t *attr = sim_w_done(&w);
    if (attr)
        sim_log(p->conn->m, p->v->s->now, 'I', "NETWORK", 22988, ctx, "Error receiving request from client. Ending connection from remote", attr);
    sim_w_release(&w);
}

/* False: the client has gone. */
static bool read_peer(struct peer *p)
{
    char chunk[READ_CHUNK];
    ssize_t n = p->tls ? sim_tls_recv(p->tls, chunk, sizeof chunk) : recv(p->fd, chunk, sizeof chunk, 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        tell_broken(p);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    sb_str_add(&p->in, chunk, (size_t)n);
    return sb_str_ok(&p->in);
}

static void on_peer(struct peer *p, uint32_t events)
{
    bool stays = !p->lost;
    if (!stays || (p->conn && p->conn->m->hung && !(events & (EPOLLHUP | EPOLLERR)))) {
        if (!stays)
            peer_free(p);
        return; /* nobody reads what a hung member is sent */
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        stays = read_peer(p);
    else if (events & EPOLLRDHUP)
        stays = false; /* nobody waits for the late answer any more */
    if (!stays || !serve_peer(p)) {
        peer_free(p);
        return;
    }
    count_held(p);
    make_room(p->v);
}

/* ---- a member's process ---- */

static void watch(struct sim_server *v, int fd, void *ptr, uint32_t events)
{
    struct epoll_event e = {.events = events, .data = {.ptr = ptr}};
    if (epoll_ctl(v->epoll, EPOLL_CTL_MOD, fd, &e) && errno == ENOENT && epoll_ctl(v->epoll, EPOLL_CTL_ADD, fd, &e))
        return; /* no memory in the kernel: the member is not reached, as one behind a broken line */
}

static void on_life(struct sim_member *m, void *ctx)
{
    struct sim_server *v = ctx;
    struct listener *l = v->listener;
    while (l->member != m)
        l++;
    if (!m->up) {
        if (l->fd >= 0)
            close(l->fd);
        l->fd = -1;
        return;
    }
    if (l->fd >= 0)
        watch(v, l->fd, l, m->hung ? 0 : EPOLLIN);
    for (struct peer *p = v->peers; p; p = p->next)
        if (p->conn && p->conn->m == m) {
            p->events = m->hung ? 0 : EPOLLIN | EPOLLOUT; /* a woken one has to look at what has come meanwhile */
            watch(v, p->fd, p, p->events);
        }
}

/* A member that has been started again listens on its old port, as soon as it can have it. */
static void reopen(struct sim_server *v)
{
    for (int i = 0; i < v->listeners; i++) {
        struct listener *l = &v->listener[i];
        struct sb_err err = SB_ERR_INIT;
        if (l->fd >= 0 || !l->member->up)
            continue;
        l->fd = bind_port(l->member->port, &err);
        if (l->fd >= 0)
            watch(v, l->fd, l, l->member->hung ? 0 : EPOLLIN);
    }
}

/* ---- time ---- */

static int64_t virtual_of(const struct sim_server *v, int64_t real_ns)
{
    return v->virtual_us + (int64_t)((double)(real_ns - v->real_ns) / 1000 * v->speed);
}

static int64_t next_event(const struct sim_server *v)
{
    return v->c ? sim_cluster_next_event(v->c) : sim_next_event(v->s);
}

static void run_until(struct sim_server *v, int64_t us)
{
    if (v->c)
        sim_cluster_run_until(v->c, us);
    else
        sim_run_until(v->s, us);
}

/* Runs what is due, for a slice of real time at most. */
static void run_events(struct sim_server *v)
{
    int64_t began = sb_mono_ns(), now = began, target = virtual_of(v, began);
    while (now - began < SLICE_NS && next_event(v) <= target) {
        run_until(v, next_event(v));
        now = sb_mono_ns();
    }
    if (next_event(v) > target) {
        run_until(v, target);
    } else if (target - v->s->now > (int64_t)(FALL_BEHIND_US * v->speed)) {
        v->real_ns = now;
        v->virtual_us = v->s->now;
    }
}

static int wait_ms(const struct sim_server *v)
{
    int64_t next = next_event(v);
    if (next == INT64_MAX)
        return IDLE_MS;
    double ms = (double)(next - virtual_of(v, sb_mono_ns())) / 1000 / v->speed;
    return ms <= 0 ? 0 : ms < WAKE_MS ? WAKE_MS : ms > IDLE_MS ? IDLE_MS : (int)ms;
}

/* ---- the loop ---- */

static bool is_listener(const struct sim_server *v, const void *p)
{
    return p >= (const void *)v->listener && p < (const void *)(v->listener + SIM_CLUSTER_PORTS);
}

int sim_server_run(struct sim_server *v, int stop_fd, struct sb_err *err)
{
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = NULL}}, ready[64];
    if (epoll_ctl(v->epoll, EPOLL_CTL_ADD, stop_fd, &e))
        return sb_fail_errno(err, errno, "cannot watch for the end");
    v->real_ns = sb_mono_ns();
    v->virtual_us = v->s->now;
    for (;;) {
        int n = epoll_wait(v->epoll, ready, SB_COUNT(ready), wait_ms(v));
        if (n < 0 && errno != EINTR)
            return sb_fail_errno(err, errno, "cannot wait for clients");
        run_events(v); /* first: an answer is of the time at which it was asked for */
        reopen(v);
        for (int i = 0; i < n; i++) {
            if (!ready[i].data.ptr)
                return 0;
            struct listener *l = ready[i].data.ptr;
            if (is_listener(v, l) && (l->fd < 0 || l->member->hung))
                continue;
            if (is_listener(v, l))
                accept_one(v, l);
            else
                on_peer(ready[i].data.ptr, ready[i].events);
        }
    }
}

void sim_server_free(struct sim_server *v)
{
    if (!v)
        return;
    while (v->peers)
        peer_free(v->peers);
    if (v->c)
        sim_cluster_free(v->c);
    else
        sim_free(v->s);
    for (int i = 0; i < SIM_CLUSTER_PORTS; i++)
        if (v->listener[i].fd >= 0)
            close(v->listener[i].fd);
    if (v->epoll >= 0)
        close(v->epoll);
    if (v->spare >= 0)
        close(v->spare);
    sim_w_release(&v->scratch);
    free(v);
}
