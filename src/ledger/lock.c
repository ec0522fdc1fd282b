/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>
#include <signalbox/ledger/lock.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE 20 /* tries of 25 ms */

/* State and start time of a process from /proc/PID/stat; false when there is no such process. The name in it may hold
 * blanks and brackets, so reading starts behind the last closing bracket. */
static bool look_up(int64_t pid, char *state, int64_t *started)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    struct sb_str text;
    sb_str_init(&text);
    bool found = false;
    if (sb_file_read(path, 4096, &text, NULL) == 0) {
        const char *rest = strrchr(text.p, ')');
        unsigned long long ticks;
        /* state is field 3, start time field 22 */
        if (rest && sscanf(rest + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", state, &ticks) == 2) {
            *started = (int64_t)ticks;
            found = true;
        }
    }
    sb_str_release(&text);
    return found;
}

static struct flock whole_file(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

/* Reads "PID STARTED\n"; a name that is not of a living process with that start time is an old one. */
static void read_name(int fd, struct sb_owner *out)
{
    char text[64];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    out->pid = out->started = 0;
    out->state = '?';
    if (n <= 0)
        return;
    text[n] = '\0';
    long long pid, started;
    int64_t really;
    if (sscanf(text, "%lld %lld", &pid, &started) == 2 && look_up(pid, &out->state, &really) && really == started) {
        out->pid = pid;
        out->started = started;
    }
}

static int refuse(int fd, const char *path, struct sb_err *err)
{
    struct sb_owner owner;
    for (int tries = 0; tries < 20; tries++) { /* the owner writes its name right after it has the lock */
        read_name(fd, &owner);
        if (owner.pid)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    if (!owner.pid)
        return sb_fail(err, SB_ELEDGER, "another process owns this ledger (%s)", path);
    return sb_fail(err, SB_ELEDGER, "process %" PRId64 " owns this ledger%s (%s)", owner.pid,
                   owner.state == 'T' ? " and is stopped; continue it with SIGCONT, or end it" : "", path);
}

int sb_lock_take(struct sb_lock *lock, const char *path, struct sb_err *err)
{
    lock->fd = -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sb_fail(err, SB_ELEDGER, "cannot open %s: %s", path, strerrordesc_np(errno));
    struct flock want = whole_file(F_WRLCK);
    for (int tries = 0; fcntl(fd, F_OFD_SETLK, &want); tries++) {
        bool held = errno == EAGAIN || errno == EACCES;
        if (held && tries < PATIENCE) { /* who only lists the cards has it for a moment */
            nanosleep(&(struct timespec){.tv_nsec = 25000000}, NULL);
            continue;
        }
        int rc = held ? refuse(fd, path, err) : sb_fail(err, SB_ELEDGER, "cannot lock %s: %s", path, strerrordesc_np(errno));
        close(fd);
        return rc;
    }
    char state;
    int64_t started = 0;
    look_up(getpid(), &state, &started);
    char name[64];
    int n = snprintf(name, sizeof name, "%lld %" PRId64 "\n", (long long)getpid(), started);
    if (ftruncate(fd, 0) || pwrite(fd, name, (size_t)n, 0) != n) {
        sb_fail(err, SB_ELEDGER, "cannot write %s: %s", path, strerrordesc_np(errno));
        close(fd);
        return -1;
    }
    lock->fd = fd;
    return 0;
}

void sb_lock_release(struct sb_lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}

int sb_lock_owner(const char *path, struct sb_owner *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    out->state = '?';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : sb_fail_errno(err, errno, "cannot open %s", path);
    struct flock probe = whole_file(F_WRLCK);
    int rc = fcntl(fd, F_OFD_GETLK, &probe);
    if (rc) {
        rc = sb_fail_errno(err, errno, "cannot look at the lock %s", path);
    } else if (probe.l_type != F_UNLCK) {
        out->held = true;
        read_name(fd, out);
    }
    close(fd);
    return rc;
}
