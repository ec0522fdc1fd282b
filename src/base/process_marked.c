/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that were marked when they were started, and what they have started since: found by their environment, ended by a
 * descriptor of each, so that a number that another process has got meanwhile is nobody's death. */
#include <signalbox/base/clock.h>
#include <signalbox/base/process.h>

#include "process_mark.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define ENVIRON_MAX ((size_t)64 << 10) /* the mark is among the first that a program is given */
#define LOOK_MS 20
#define KILLED_MS 5000 /* for the system to end what hangs in it */

/* A variable of the environment as /proc gives it, one behind the other, each with a NUL at its end. */
static bool holds(const char *p, size_t n, const char *wanted)
{
    size_t len = strlen(wanted) + 1;
    for (size_t at = 0; at + len <= n; at += strnlen(p + at, n - at) + 1)
        if (memcmp(p + at, wanted, len) == 0)
            return true;
    return false;
}

static bool carries(int proc, const char *pid, const char *wanted, char *buffer)
{
    char path[64];
    size_t n = 0;
    ssize_t got = 1;
    snprintf(path, sizeof path, "%.20s/environ", pid);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && n < ENVIRON_MAX && (got = read(fd, buffer + n, ENVIRON_MAX - n)) > 0)
        n += (size_t)got;
    if (fd >= 0)
        close(fd);
    return holds(buffer, n, wanted);
}

/* Sends the signal to all that carry it: how many there are, or -1. */
static int signal_all(const char *wanted, int sig, char *buffer)
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    int n = 0;
    if (!d)
        return -1;
    while ((e = readdir(d))) {
        int64_t pid = 0;
        int fd = sb_parse_i64(e->d_name, &pid) == 0 && pid > 1 && pid != getpid() && carries(dirfd(d), e->d_name, wanted, buffer) ? pidfd_open((pid_t)pid, 0) : -1;
        if (fd < 0)
            continue;
        if (carries(dirfd(d), e->d_name, wanted, buffer) && pidfd_send_signal(fd, sig, NULL, 0) == 0)
            n++;
        close(fd);
    }
    closedir(d);
    return n;
}

int sb_process_end_marked(const char *mark, int grace_ms)
{
    char wanted[4300], *buffer = malloc(ENVIRON_MAX);
    int found = -1;
    if (buffer && (size_t)snprintf(wanted, sizeof wanted, SB_PROCESS_MARK "%s", mark) < sizeof wanted)
        found = signal_all(wanted, SIGTERM, buffer);
    int64_t until = sb_mono_ms() + grace_ms;
    int left = found;
    while (left > 0 && sb_mono_ms() < until && (left = signal_all(wanted, 0, buffer)) > 0)
        poll(NULL, 0, LOOK_MS);
    until = sb_mono_ms() + KILLED_MS;
    while (left > 0 && sb_mono_ms() < until && (left = signal_all(wanted, SIGKILL, buffer)) > 0) /* one that is being started meanwhile is met the next time */
        poll(NULL, 0, LOOK_MS);
    free(buffer);
    return found;
}
