/* SPDX-License-Identifier: Apache-2.0
 *
 * The socket on which the owner of a ledger listens for other consoles, `cards` and `ask`: a thread of its own that
 * carries lines of JSON to and from seats. Who a client is, is what the kernel says (SO_PEERCRED), never what it says. Other
 * users come in only where the config names a group: they may pass through the folder to the socket, and see nothing else of it. */
#include "private.h"

#include <signalbox/base/array.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_CLIENTS 32
#define MAX_IN (1 << 20)   /* a client's line */
#define MAX_OUT (16 << 20) /* news that a client does not read; then it is cut off */

struct client {
    int fd;
    int64_t seat;
    struct sb_queue *news;
    struct sb_str in, out;
    bool gone;
};

struct sb_porter {
    struct sb_orchestrator *o;
    int listen_fd, stop_fd;
    char path[108];
    pthread_t thread;
    struct client *clients[MAX_CLIENTS];
    size_t n;
    struct sb_queue **old; /* queues of clients that left, until the orchestrator's goodbye has come through them */
    size_t old_n, old_cap;
};

static void drop_client(struct sb_porter *p, size_t i)
{
    struct client *c = p->clients[i];
    sb_orchestrator_ask(p->o, c->seat, sb_message_text(SB_ASK_BYE, 0, "the client closed its socket"));
    if (SB_GROW(p->old, p->old_cap, p->old_n + 1) == 0)
        p->old[p->old_n++] = c->news;
    close(c->fd);
    sb_str_release(&c->in);
    sb_str_release(&c->out);
    free(c);
    p->clients[i] = p->clients[--p->n];
}

static void accept_client(struct sb_porter *p)
{
    int fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    struct ucred who;
    socklen_t len = sizeof who;
    struct client *c = NULL;
    if (p->n == MAX_CLIENTS || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) || !(c = calloc(1, sizeof *c)) ||
        !(c->news = sb_queue_new(16, NULL)) || !(c->seat = sb_orchestrator_sit_as(p->o, c->news, who.uid, who.pid))) {
        if (c && c->news)
            sb_queue_free(c->news);
        free(c);
        close(fd);
        return;
    }
    c->fd = fd;
    sb_str_init(&c->in);
    sb_str_init(&c->out);
    p->clients[p->n++] = c;
}

/* Asks only: news are not taken from clients. */
static void take_line(struct sb_porter *p, struct client *c, const char *line, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *json = sb_json_parse(line, n, "message", SB_JSON_STRICT, &err);
    struct sb_message *m = json ? sb_message_from_json(json, &err) : NULL;
    json_decref(json);
    int64_t seq = 0;
    int status = 2;
    if (m && m->type <= SB_ASK_BYE) {
        seq = m->seq;
        if (sb_orchestrator_ask(p->o, c->seat, m))
            return;
        status = sb_exit_status(SB_ENOMEM);
        sb_fail(&err, SB_ENOMEM, "out of memory: what was asked did not get to the owner of the ledger");
    } else {
        sb_message_free(m);
    }
    struct sb_message *answer = sb_message_new(SB_NEWS_ANSWER, seq);
    if (!answer) {
        c->gone = true; /* cut off rather than left waiting */
        return;
    }
    struct sb_answer *a = answer->body;
    a->status = status;
    int ignored = sb_str_set(&a->text, err.msg[0] ? err.msg : "only asks are taken on this socket");
    (void)ignored;
    json_t *out = sb_message_to_json(answer);
    char *text = out ? json_dumps(out, JSON_COMPACT) : NULL;
    sb_str_adds(&c->out, text);
    sb_str_addc(&c->out, '\n');
    free(text);
    json_decref(out);
    sb_message_free(answer);
}

static void read_client(struct sb_porter *p, struct client *c)
{
    char chunk[16384];
    ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
    if (n <= 0) {
        c->gone = n == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
    sb_str_add(&c->in, chunk, (size_t)n);
    char *start = c->in.p, *eol;
    while ((eol = memchr(start, '\n', c->in.len - (size_t)(start - c->in.p)))) {
        take_line(p, c, start, (size_t)(eol - start));
        start = eol + 1;
    }
    size_t rest = c->in.len - (size_t)(start - c->in.p);
    if (start != c->in.p) {
        memmove(c->in.p, start, rest);
        sb_str_truncate(&c->in, rest);
    }
    c->gone = !sb_str_ok(&c->in) || rest > MAX_IN;
}

static void fetch_news(struct client *c)
{
    struct sb_mail mail;
    while (c->out.len < MAX_OUT && sb_queue_take(c->news, &mail)) {
        struct sb_message *m = mail.payload;
        json_t *json = sb_message_to_json(m);
        char *line = json ? json_dumps(json, JSON_COMPACT) : NULL;
        if (line) {
            sb_str_adds(&c->out, line);
            sb_str_addc(&c->out, '\n');
        }
        free(line);
        json_decref(json);
        sb_message_free(m);
    }
    c->gone |= !sb_str_ok(&c->out) || c->out.len >= MAX_OUT;
}

static void write_client(struct client *c)
{
    ssize_t n = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL);
    if (n < 0) {
        c->gone = errno != EAGAIN && errno != EINTR;
        return;
    }
    memmove(c->out.p, c->out.p + n, c->out.len - (size_t)n);
    sb_str_truncate(&c->out, c->out.len - (size_t)n);
}

/* A seat that was told goodbye gets nothing any more: its queue can go. */
static void sweep(struct sb_porter *p)
{
    for (size_t i = p->old_n; i-- > 0;) {
        struct sb_mail mail;
        bool bye = false;
        while (!bye && sb_queue_take(p->old[i], &mail)) {
            bye = mail.kind == SB_NEWS_BYE;
            mail.free_payload(mail.payload);
        }
        if (bye) {
            sb_queue_free(p->old[i]);
            p->old[i] = p->old[--p->old_n];
        }
    }
}

static void *porter_main(void *arg)
{
    struct sb_porter *p = arg;
    for (;;) {
        struct pollfd fds[2 + 2 * MAX_CLIENTS] = {{p->stop_fd, POLLIN, 0}, {p->listen_fd, POLLIN, 0}};
        size_t n = p->n;
        for (size_t i = 0; i < n; i++) {
            struct client *c = p->clients[i];
            fds[2 + 2 * i] = (struct pollfd){c->fd, (short)(POLLIN | (c->out.len ? POLLOUT : 0)), 0};
            fds[3 + 2 * i] = (struct pollfd){sb_queue_fd(c->news), POLLIN, 0};
        }
        if (poll(fds, 2 + 2 * n, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            break;
        for (size_t i = 0; i < n; i++) {
            struct client *c = p->clients[i];
            if (fds[2 + 2 * i].revents & (POLLIN | POLLHUP | POLLERR))
                read_client(p, c);
            if (fds[3 + 2 * i].revents)
                fetch_news(c);
            if (c->out.len && !c->gone)
                write_client(c);
        }
        for (size_t i = p->n; i-- > 0;)
            if (p->clients[i]->gone)
                drop_client(p, i);
        sweep(p);
        if (fds[1].revents)
            accept_client(p);
    }
    for (size_t i = 0; i < p->n; i++) { /* the last news, above all the goodbye */
        fetch_news(p->clients[i]);
        write_client(p->clients[i]);
    }
    while (p->n)
        drop_client(p, p->n - 1);
    return NULL;
}

/* The number of a group of the system. */
static int group_of(const char *name, gid_t *gid, struct sb_err *err)
{
    char buf[16384];
    struct group g, *found = NULL;
    int rc = getgrnam_r(name, &g, buf, sizeof buf, &found);
    if (rc || !found)
        return sb_fail(err, SB_EINPUT, "set group %s: %s", name, rc ? strerrordesc_np(rc) : "there is no such group on this host");
    *gid = g.gr_gid;
    return 0;
}

/* Before anybody can connect. Files in the folder keep their modes: the group passes through it and reads nothing there. */
static int let_in(const char *socket_path, const char *state_dir, const char *group, struct sb_err *err)
{
    gid_t gid;
    struct stat st;
    if (group && group_of(group, &gid, err))
        return -1;
    if (group && (chown(socket_path, (uid_t)-1, gid) || chmod(socket_path, 0660) || chown(state_dir, (uid_t)-1, gid) || chmod(state_dir, 0710)))
        return sb_fail(err, SB_EINPUT, "set group %s: %s cannot be opened to it: %s", group, state_dir, strerrordesc_np(errno));
    if (group)
        return 0;
    bool was_open = stat(state_dir, &st) == 0 && (st.st_mode & 0777) == 0710; /* as an earlier owner left it */
    if (chmod(socket_path, 0600) || (was_open && chmod(state_dir, 0700)))
        return sb_fail(err, SB_ELEDGER, "%s cannot be closed to others: %s", state_dir, strerrordesc_np(errno));
    return 0;
}

struct sb_porter *sb_porter_start(struct sb_orchestrator *o, const char *state_dir, const char *group, struct sb_err *err)
{
    struct sb_porter *p = calloc(1, sizeof *p);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (!p) {
        sb_fail_nomem(err);
        return NULL;
    }
    p->o = o;
    p->listen_fd = p->stop_fd = -1;
    if (snprintf(at.sun_path, sizeof at.sun_path, "%s/socket", state_dir) >= (int)sizeof at.sun_path) {
        sb_fail(err, SB_EINPUT, "the state folder's path is too long for a socket in it; set XDG_STATE_HOME to a shorter one: %s", state_dir);
        goto fail;
    }
    snprintf(p->path, sizeof p->path, "%s", at.sun_path);
    unlink(p->path); /* ours to take: the ledger's lock is held */
    p->stop_fd = eventfd(0, EFD_CLOEXEC);
    p->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->stop_fd < 0 || p->listen_fd < 0 || bind(p->listen_fd, (struct sockaddr *)&at, sizeof at)) {
        sb_fail(err, SB_ELEDGER, "cannot listen on %s: %s", p->path, strerrordesc_np(errno));
        goto fail;
    }
    if (let_in(p->path, state_dir, group, err))
        goto fail;
    if (listen(p->listen_fd, 16)) {
        sb_fail(err, SB_ELEDGER, "cannot listen on %s: %s", p->path, strerrordesc_np(errno));
        goto fail;
    }
    if (sb_thread_start(&p->thread, porter_main, p, "sb-porter", err))
        goto fail;
    return p;
fail:
    if (p->stop_fd >= 0)
        close(p->stop_fd);
    if (p->listen_fd >= 0)
        close(p->listen_fd);
    free(p);
    return NULL;
}

void sb_porter_stop(struct sb_porter *p)
{
    if (!p)
        return;
    uint64_t one = 1;
    ssize_t ignored = write(p->stop_fd, &one, sizeof one);
    (void)ignored;
    pthread_join(p->thread, NULL);
    unlink(p->path);
    close(p->listen_fd);
    close(p->stop_fd);
}

/* Frees what the orchestrator might have posted into: only when its thread has ended. */
void sb_porter_free(struct sb_porter *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->old_n; i++)
        sb_queue_free(p->old[i]);
    free(p->old);
    free(p);
}
