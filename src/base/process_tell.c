/* SPDX-License-Identifier: Apache-2.0
 *
 * A program is told something and heard, both without waiting longer than it may take. */
#include <signalbox/base/clock.h>
#include <signalbox/base/process.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 20 /* at whether it has ended, and whether we are to give up */
#define GRACE_MS 200

struct telling {
    struct sb_process p;
    const char *text;
    size_t left, most;
    struct sb_told *told;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void unblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void tell(struct telling *t)
{
    ssize_t n = write(t->p.in, t->text, t->left);
    if (n > 0) {
        t->text += n;
        t->left -= (size_t)n;
    }
    if (t->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) /* it has read all, or reads no more */
        close_fd(&t->p.in);
}

/* False: there is no more. */
static bool hear(struct telling *t)
{
    char buf[4096];
    ssize_t n = read(t->p.out, buf, sizeof buf);
    if (n > 0 && t->told->output.len < t->most) {
        size_t room = t->most - t->told->output.len;
        sb_str_add(&t->told->output, buf, (size_t)n < room ? (size_t)n : room);
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* True: it has ended by itself. What it left behind in its group goes with it. */
static bool ended(struct telling *t, pid_t group)
{
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)t->p.pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid != t->p.pid)
        return false;
    for (int i = 0; i < 64 && t->p.out >= 0; i++) { /* what is in the pipe already */
        struct pollfd fd = {t->p.out, POLLIN, 0};
        if (poll(&fd, 1, 0) != 1 || !hear(t))
            break;
    }
    kill(-group, SIGKILL); /* before it is waited for: until then its number is nobody else's */
    t->told->status = sb_process_wait(&t->p);
    return true;
}

static void end(struct telling *t, pid_t group)
{
    int64_t until = sb_mono_ms() + GRACE_MS;
    siginfo_t info = {0};
    kill(-group, SIGTERM);
    while (sb_mono_ms() < until && waitid(P_PID, (id_t)t->p.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != t->p.pid)
        poll(NULL, 0, LOOK_MS);
    kill(-group, SIGKILL);
    sb_process_wait(&t->p);
}

int sb_process_tell(const char *const argv[], const char *text, size_t len, size_t most, int limit_ms, const atomic_bool *give_up, struct sb_told *told, struct sb_err *err)
{
    struct telling t = {.text = text, .left = len, .most = most, .told = told};
    int64_t began = sb_mono_ms();
    told->status = -1;
    told->late = false;
    told->ms = 0;
    if (sb_process_spawn_marked(&t.p, argv, SB_PROCESS_IN | SB_PROCESS_OUT | SB_PROCESS_OUT_BOTH | SB_PROCESS_OWN_GROUP | SB_PROCESS_DIE_WITH_US, told->mark, told->also, err))
        return -1;
    pid_t group = t.p.pid;
    unblock(t.p.in);
    unblock(t.p.out);
    for (;;) {
        struct pollfd fds[] = {{t.p.in, POLLOUT, 0}, {t.p.out, POLLIN, 0}}; /* one that is closed is -1, and passed over */
        if (poll(fds, 2, LOOK_MS) > 0) {
            if (fds[0].revents)
                tell(&t);
            if (fds[1].revents && !hear(&t))
                close_fd(&t.p.out);
        }
        if (ended(&t, group))
            break;
        told->late = sb_mono_ms() - began >= limit_ms;
        if (told->late || (give_up && atomic_load(give_up))) {
            end(&t, group);
            break;
        }
    }
    told->ms = sb_mono_ms() - began;
    return sb_str_ok(&told->output) ? 0 : sb_fail_nomem(err);
}
