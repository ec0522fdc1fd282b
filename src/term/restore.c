/* SPDX-License-Identifier: Apache-2.0 */
#include "restore.h"

#include <signalbox/base/compiler.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* What ends the process unless somebody catches it: faults first, then what others may send. */
static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF};
#define FAULTS 7

static struct {
    volatile sig_atomic_t armed;
    int tty;
    int real_stderr; /* 0: not redirected */
    struct termios cooked;
    char bytes[512];
    unsigned n;
    struct sigaction before[SB_COUNT(fatal)];
    char stack[64 * 1024]; /* of the handlers: the fault may be a stack overflow */
} record;

/* Async-signal-safe. */
static void put_back(void)
{
    if (!record.armed)
        return;
    record.armed = 0;
    /* the descriptor is non-blocking; a terminal that takes nothing now is not waited for */
    unsigned sent = 0;
    for (int tries = 0; sent < record.n && tries < 100; tries++) {
        ssize_t n = write(record.tty, record.bytes + sent, record.n - sent);
        if (n > 0)
            sent += (unsigned)n;
        else if (n < 0 && errno != EINTR)
            break;
    }
    tcsetattr(record.tty, TCSANOW, &record.cooked);
    if (record.real_stderr > 0)
        dup2(record.real_stderr, STDERR_FILENO);
}

static void on_fatal(int sig)
{
    int kept = errno;
    bool ours = record.armed;
    put_back();
    bool fault = false;
    for (int i = 0; i < FAULTS; i++)
        fault |= sig == fatal[i];
    if (ours) {
        static const char by_fault[] = "signalbox: ended by a fault in the program; the terminal was put back\n";
        static const char by_signal[] = "signalbox: ended by a signal; the terminal was put back\n";
        ssize_t ignored = fault ? write(STDERR_FILENO, by_fault, sizeof by_fault - 1) : write(STDERR_FILENO, by_signal, sizeof by_signal - 1);
        (void)ignored;
    }
    signal(sig, SIG_DFL);
    errno = kept;
    raise(sig);
}

static void catch_fatal(void)
{
    stack_t stack = {.ss_sp = record.stack, .ss_size = sizeof record.stack};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SB_COUNT(fatal); i++) {
        sigaction(fatal[i], &action, &record.before[i]);
        if (record.before[i].sa_handler == SIG_IGN && i >= FAULTS) /* whoever started us wants it ignored */
            sigaction(fatal[i], &record.before[i], NULL);
    }
}

static void at_exit(void)
{
    put_back();
}

void sb_restore_arm(int tty, const struct termios *cooked, int height)
{
    static bool registered;
    if (!registered) {
        registered = true;
        atexit(at_exit);
    }
    if (!record.armed)
        catch_fatal();
    record.tty = tty;
    record.cooked = *cooked;
    record.n = height ? sb_restore_bytes(record.bytes, sizeof record.bytes, height) : 0;
    record.armed = 1;
}

void sb_restore_resized(int height)
{
    record.n = 0;
    record.n = sb_restore_bytes(record.bytes, sizeof record.bytes, height);
}

void sb_restore_disarm(void)
{
    if (!record.armed)
        return;
    record.armed = 0;
    for (size_t i = 0; i < SB_COUNT(fatal); i++)
        sigaction(fatal[i], &record.before[i], NULL);
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
}

int sb_restore_redirect(const char *path)
{
    int to = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (to < 0)
        return -1;
    int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    int rc = kept < 0 || dup2(to, STDERR_FILENO) < 0 ? -1 : 0;
    int why = errno;
    close(to);
    if (rc && kept >= 0)
        close(kept);
    if (rc == 0)
        record.real_stderr = kept;
    errno = why;
    return rc;
}

void sb_restore_stderr(void)
{
    if (record.real_stderr <= 0)
        return;
    dup2(record.real_stderr, STDERR_FILENO);
    close(record.real_stderr);
    record.real_stderr = 0;
}
