/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int sb_file_read(const char *path, size_t max, struct sb_str *out, struct sb_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sb_fail_errno(err, errno, "cannot open %s", path);
    int rc = -1;
    size_t start = out->len;
    for (;;) {
        char buf[16384];
        ssize_t n = read(fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            sb_fail_errno(err, errno, "cannot read %s", path);
            break;
        }
        if (n == 0) {
            rc = sb_str_ok(out) ? 0 : sb_fail_nomem(err);
            break;
        }
        if (out->len - start + (size_t)n > max) {
            sb_fail(err, SB_EINPUT, "%s is larger than %zu bytes", path, max);
            break;
        }
        sb_str_add(out, buf, (size_t)n);
    }
    close(fd);
    return rc;
}

int sb_file_read_named(const char *path, size_t max, struct sb_str *out, struct sb_err *err)
{
    int rc = sb_file_read(path, max, out, err);
    if (rc && err && err->code == SB_EIO)
        err->code = SB_EINPUT;
    return rc;
}

int sb_write_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

/* What was put into the folder is there after a power loss only when the folder itself was synced. -1 with errno; a file
 * system that knows no such thing has nothing to sync. */
static int sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = !slash ? sb_strdup_n(".", 1) : slash == path ? sb_strdup_n("/", 1) : sb_strdup_n(path, (size_t)(slash - path));
    if (!parent) {
        errno = ENOMEM;
        return -1;
    }
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = fd < 0 ? -1 : fsync(fd), why = errno;
    if (fd >= 0)
        close(fd);
    free(parent);
    errno = why;
    return rc && why != EINVAL && why != ENOTSUP ? -1 : 0;
}

int sb_file_write(const char *path, mode_t mode, const void *bytes, size_t n, struct sb_err *err)
{
    char *temp = sb_format("%s.XXXXXX", path);
    if (!temp)
        return sb_fail_nomem(err);
    int rc = -1;
    int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) {
        sb_fail_errno(err, errno, "cannot create a file beside %s", path);
        free(temp);
        return -1;
    }
    if (fchmod(fd, mode) || sb_write_all(fd, bytes, n) || fsync(fd)) {
        sb_fail_errno(err, errno, "cannot write %s", path);
        close(fd);
        goto out;
    }
    if (close(fd) || rename(temp, path)) {
        sb_fail_errno(err, errno, "cannot put %s in place", path);
        goto out;
    }
    rc = sync_parent(path) ? sb_fail_errno(err, errno, "%s is written, and may be the old one again after a power loss: its folder cannot be synced", path) : 0;
    free(temp);
    return rc;
out:
    unlink(temp);
    free(temp);
    return rc;
}

int sb_dir_make(const char *path, mode_t mode, struct sb_err *err)
{
    char *copy = sb_format("%s", path);
    if (!copy)
        return sb_fail_nomem(err);
    int rc = 0;
    for (char *p = copy + 1; rc == 0; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char saved = *p;
        *p = '\0';
        if (mkdir(copy, mode) == 0)
            (void)!sync_parent(copy); /* best effort: whoever puts a file in it is told when that cannot be synced */
        else if (errno != EEXIST)
            rc = sb_fail_errno(err, errno, "cannot create the folder %s", copy);
        *p = saved;
        if (saved == '\0')
            break;
    }
    free(copy);
    return rc;
}

static int home_path(struct sb_str *out, const char *variable, const char *below_home, struct sb_err *err)
{
    const char *base = getenv(variable);
    if (base && base[0] == '/') {
        sb_str_addf(out, "%s/signalbox", base);
    } else {
        const char *home = getenv("HOME");
        if (!home || home[0] != '/')
            return sb_fail(err, SB_EUSAGE, "neither %s nor HOME names a folder: set one of them", variable);
        sb_str_addf(out, "%s/%s/signalbox", home, below_home);
    }
    return sb_str_ok(out) ? 0 : sb_fail_nomem(err);
}

/* unusable, none: the code where it is there and cannot be used, and where something else stands in its place. */
static int check_state(const char *path, enum sb_code unusable, enum sb_code none, struct sb_err *err)
{
    struct stat st;
    if (stat(path, &st))
        return sb_fail(err, unusable, "cannot look at %s: %s", path, strerrordesc_np(errno));
    if (!S_ISDIR(st.st_mode))
        return sb_fail(err, none, "%s is not a folder; move it away, or set XDG_STATE_HOME to a folder of yours", path);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return sb_fail(err, unusable, "%s may be written by others; run: chmod 700 %s", path, path);
    return 0;
}

int sb_path_state(struct sb_str *out, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    if (home_path(out, "XDG_STATE_HOME", ".local/state", err))
        return -1;
    if (sb_dir_make(out->p, 0700, &why))
        return sb_fail(err, SB_ELEDGER, "%s; set XDG_STATE_HOME to a folder of yours", why.msg);
    return check_state(out->p, SB_ELEDGER, SB_ELEDGER, err);
}

int sb_path_state_seen(struct sb_str *out, struct sb_err *err)
{
    struct stat st;
    if (home_path(out, "XDG_STATE_HOME", ".local/state", err))
        return -1;
    return stat(out->p, &st) && (errno == ENOENT || errno == ENOTDIR) ? 0 : check_state(out->p, SB_ENO, SB_EINPUT, err);
}

int sb_path_config(struct sb_str *out, struct sb_err *err)
{
    return home_path(out, "XDG_CONFIG_HOME", ".config", err);
}
