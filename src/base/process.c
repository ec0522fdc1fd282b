/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/base/process.h>

#include "process_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The environment without what is not named here. Made before the fork: between fork and exec nothing may be allocated. */
struct environment {
    char text[7][4300];
    char *list[8];
};

static bool put_variable(struct environment *e, size_t *n, const char *name, const char *value)
{
    if ((size_t)snprintf(e->text[*n], sizeof e->text[*n], "%s%s", name, value) >= sizeof e->text[*n])
        return false;
    e->list[*n] = e->text[*n];
    ++*n;
    return true;
}

/* False: what has to be in it is too long. */
static bool bare_environment(struct environment *e, const char *mark, const char *also)
{
    static const char *const kept[] = {"PATH", "HOME", "LANG", "LC_ALL", "TZ"};
    size_t n = 0;
    for (size_t i = 0; i < SB_COUNT(kept); i++) {
        const char *value = getenv(kept[i]);
        char name[16];
        snprintf(name, sizeof name, "%s=", kept[i]);
        if (value)
            put_variable(e, &n, name, value); /* one that is too long is not told */
    }
    bool all = (!mark || put_variable(e, &n, SB_PROCESS_MARK, mark)) && (!also || put_variable(e, &n, "", also));
    e->list[n] = NULL;
    return all;
}

/* Between fork and exec: only async-signal-safe calls. Reports errno through `report` when exec fails. */
static SB_NORETURN void run_child(const char *const argv[], unsigned flags, int in, int out, int report, pid_t parent, struct environment *bare)
{
    if (flags & SB_PROCESS_OWN_GROUP)
        setpgid(0, 0);
    if (flags & SB_PROCESS_DIE_WITH_US) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(127); /* the parent died before prctl took hold */
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if ((!(flags & SB_PROCESS_OUR_IN) && dup2(in >= 0 ? in : null, 0) < 0) || (out >= 0 && dup2(out, 1) < 0) ||
        ((flags & SB_PROCESS_QUIET) && dup2(null, 2) < 0))
        _exit(127);
    if (flags & SB_PROCESS_OUT_BOTH && dup2(1, 2) < 0)
        _exit(127);
    if (bare)
        environ = bare->list;
    execvp(argv[0], (char *const *)argv);
    int errnum = errno;
    ssize_t ignored = write(report, &errnum, sizeof errnum);
    (void)ignored;
    _exit(127);
}

static int spawn(struct sb_process *p, const char *const argv[], unsigned flags, const char *mark, const char *also, struct sb_err *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, report[2] = {-1, -1};
    struct environment *bare = flags & SB_PROCESS_BARE ? malloc(sizeof *bare) : NULL;
    *p = (struct sb_process){0, -1, -1};
    int rc = -1;
    if (flags & SB_PROCESS_BARE && !bare)
        return sb_fail_nomem(err);
    if (bare && !bare_environment(bare, mark, also)) {
        sb_fail(err, SB_EINPUT, "what %s is to find in its environment is too long", argv[0]);
        goto fail;
    }
    if (pipe2(report, O_CLOEXEC) || ((flags & SB_PROCESS_IN) && pipe2(in, O_CLOEXEC)) ||
        ((flags & SB_PROCESS_OUT) && pipe2(out, O_CLOEXEC))) {
        sb_fail_errno(err, errno, "cannot make a pipe for %s", argv[0]);
        goto fail;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        sb_fail_errno(err, errno, "cannot start %s", argv[0]);
        goto fail;
    }
    if (pid == 0)
        run_child(argv, flags, in[0], out[1], report[1], parent, bare);
    close_fd(&report[1]);
    int errnum = 0;
    ssize_t n;
    do
        n = read(report[0], &errnum, sizeof errnum);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof errnum) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        sb_fail_errno(err, errnum, "cannot start %s", argv[0]);
        goto fail;
    }
    p->pid = pid;
    p->in = in[1];
    p->out = out[0];
    in[1] = out[0] = -1;
    rc = 0;
fail:
    free(bare);
    close_fd(&in[0]);
    close_fd(&in[1]);
    close_fd(&out[0]);
    close_fd(&out[1]);
    close_fd(&report[0]);
    close_fd(&report[1]);
    return rc;
}

int sb_process_spawn(struct sb_process *p, const char *const argv[], unsigned flags, struct sb_err *err)
{
    return spawn(p, argv, flags, NULL, NULL, err);
}

int sb_process_spawn_marked(struct sb_process *p, const char *const argv[], unsigned flags, const char *mark, const char *also, struct sb_err *err)
{
    return spawn(p, argv, flags | SB_PROCESS_BARE, mark, also, err);
}

static int status_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int sb_process_wait(struct sb_process *p)
{
    close_fd(&p->in);
    close_fd(&p->out);
    if (p->pid <= 0)
        return -1;
    int status;
    pid_t got;
    do
        got = waitpid(p->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    p->pid = 0;
    return got < 0 ? -1 : status_code(status);
}

int sb_process_stop(struct sb_process *p, int grace_ms)
{
    if (p->pid <= 0)
        return -1;
    close_fd(&p->in);
    close_fd(&p->out);
    kill(p->pid, SIGTERM);
    int64_t until = sb_mono_ms() + grace_ms;
    while (sb_mono_ms() < until) {
        int status;
        pid_t got = waitpid(p->pid, &status, WNOHANG);
        if (got == p->pid) {
            p->pid = 0;
            return status_code(status);
        }
        if (got < 0 && errno != EINTR)
            break;
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    if (p->pid > 0)
        kill(p->pid, SIGKILL);
    return sb_process_wait(p);
}
