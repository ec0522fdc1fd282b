/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/bus/pool.h>
#include <signalbox/cli/link.h>
#include <signalbox/ledger/lock.h>

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_LINE (8 << 20)
#define NAMES_TOLD 3

struct sb_link {
    int fd;
    struct sb_queue *news;
    pthread_t thread;
    pthread_mutex_t lock; /* one writer at a time */
};

static void free_message(void *m)
{
    sb_message_free(m);
}

static void take_line(struct sb_link *l, const char *line, size_t n)
{
    json_t *json = sb_json_parse(line, n, "the owner's message", SB_JSON_STRICT, NULL);
    struct sb_message *m = json ? sb_message_from_json(json, NULL) : NULL;
    json_decref(json);
    if (!m)
        return; /* a newer owner may tell things that are not known here */
    if (m->type == SB_NEWS_STRIP)
        sb_queue_post_telemetry(l->news, 1, m->type, m, free_message);
    else
        sb_queue_post(l->news, m->type, m, free_message);
}

static void *link_main(void *arg)
{
    struct sb_link *l = arg;
    struct sb_str buf;
    sb_str_init(&buf);
    char chunk[65536];
    for (;;) {
        ssize_t n = recv(l->fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        sb_str_add(&buf, chunk, (size_t)n);
        if (!sb_str_ok(&buf) || buf.len > MAX_LINE)
            break;
        char *start = buf.p, *eol;
        while ((eol = memchr(start, '\n', buf.len - (size_t)(start - buf.p)))) {
            take_line(l, start, (size_t)(eol - start));
            start = eol + 1;
        }
        size_t rest = buf.len - (size_t)(start - buf.p);
        memmove(buf.p, start, rest);
        sb_str_truncate(&buf, rest);
    }
    sb_str_release(&buf);
    struct sb_message *bye = sb_message_text(SB_NEWS_BYE, 0, "the signalbox that owns the ledger has ended");
    if (bye)
        sb_queue_post(l->news, SB_NEWS_BYE, bye, free_message);
    return NULL;
}

/* One that is stopped takes connections and answers none; nobody waits for it, and nobody overtakes it. */
static int owner_runs(const char *state_dir, struct sb_err *err)
{
    struct sb_owner owner;
    char *path = sb_format("%s/lock", state_dir);
    int rc = path ? sb_lock_owner(path, &owner, NULL) : -1;
    free(path);
    if (rc || !owner.held || owner.state != 'T')
        return 0; /* what cannot be told will be seen */
    return sb_fail(err, SB_ESTATE, "process %lld owns the ledger and is stopped: it answers nothing, and is not overtaken. Continue it (kill -CONT %lld), or end it",
                   (long long)owner.pid, (long long)owner.pid);
}

void sb_link_elsewhere(const char *state_dir, struct sb_err *err)
{
    char *path = sb_format("%s/fleet", state_dir);
    DIR *dir = path ? opendir(path) : NULL;
    struct sb_str names;
    struct dirent *e;
    sb_str_init(&names);
    for (int n = 0; dir && n < NAMES_TOLD && (e = readdir(dir));) {
        char *ledger = e->d_name[0] != '.' ? sb_format("%s/%s/signalbox/ledger.db", path, e->d_name) : NULL;
        if (ledger && access(ledger, F_OK) == 0)
            sb_str_addf(&names, "%s%s", n++ ? ", " : "", e->d_name);
        free(ledger);
    }
    if (names.len && sb_str_ok(&names)) {
        const struct sb_err was = *err;
        sb_fail(err, was.code, "%.200s; here serve --fleet keeps one for each deployment: XDG_STATE_HOME=%.120s/NAME, of %.100s", was.msg, path, names.p);
    }
    sb_str_release(&names);
    if (dir)
        closedir(dir);
    free(path);
}

struct sb_link *sb_link_open(const char *state_dir, struct sb_queue *news, struct sb_err *err)
{
    if (owner_runs(state_dir, err))
        return NULL;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (snprintf(at.sun_path, sizeof at.sun_path, "%s/socket", state_dir) >= (int)sizeof at.sun_path) {
        sb_fail(err, SB_EIO, "the state folder's path is too long for a socket: %s", state_dir);
        return NULL;
    }
    struct sb_link *l = calloc(1, sizeof *l);
    if (!l) {
        sb_fail_nomem(err);
        return NULL;
    }
    l->news = news;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&at, sizeof at)) {
        sb_fail_errno(err, errno, "no signalbox answers on %s", at.sun_path);
        if (l->fd >= 0)
            close(l->fd);
        free(l);
        return NULL;
    }
    pthread_mutex_init(&l->lock, NULL);
    if (sb_thread_start(&l->thread, link_main, l, "sb-link", err)) {
        close(l->fd);
        pthread_mutex_destroy(&l->lock);
        free(l);
        return NULL;
    }
    return l;
}

bool sb_link_ask(struct sb_link *l, struct sb_message *m)
{
    json_t *json = m ? sb_message_to_json(m) : NULL;
    char *line = json ? json_dumps(json, JSON_COMPACT) : NULL;
    bool ok = line != NULL;
    if (line) {
        pthread_mutex_lock(&l->lock);
        size_t n = strlen(line);
        line[n] = '\n';
        for (size_t done = 0; done <= n && ok;) {
            ssize_t w = send(l->fd, line + done, n + 1 - done, MSG_NOSIGNAL);
            if (w < 0 && errno != EINTR)
                ok = false;
            else if (w > 0)
                done += (size_t)w;
        }
        pthread_mutex_unlock(&l->lock);
    }
    free(line);
    json_decref(json);
    sb_message_free(m);
    return ok;
}

pid_t sb_link_owner(const struct sb_link *l)
{
    struct ucred who;
    socklen_t len = sizeof who;
    return getsockopt(l->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) ? 0 : who.pid;
}

void sb_link_close(struct sb_link *l)
{
    if (!l)
        return;
    shutdown(l->fd, SHUT_RDWR);
    pthread_join(l->thread, NULL);
    close(l->fd);
    pthread_mutex_destroy(&l->lock);
    free(l);
}
