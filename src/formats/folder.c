/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"
#include "window.h"

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sb_entry *)a)->name, ((const struct sb_entry *)b)->name);
}

int sb_entries_read(struct sb_entries *list, int dir, struct sb_err *err)
{
    memset(list, 0, sizeof *list);
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    int rc = 0;
    if (!d) {
        sb_fail_errno(err, errno, "cannot read the folder");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    while (rc == 0 && (errno = 0, e = readdir(d))) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (list->n == SB_FOLDER_MAX) {
            rc = sb_fail(err, SB_EINPUT, "the folder has more than %d entries", SB_FOLDER_MAX);
        } else if (SB_GROW(list->items, list->cap, list->n + 1) || !(list->items[list->n].name = sb_format("%s", e->d_name))) {
            rc = sb_fail_nomem(err);
        } else {
            struct sb_entry *item = &list->items[list->n++];
            if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                item->mode = st.st_mode & S_IFMT;
                item->size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
                item->mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
            }
        }
    }
    if (rc == 0 && errno)
        rc = sb_fail_errno(err, errno, "cannot read the folder");
    closedir(d);
    if (list->n)
        qsort(list->items, list->n, sizeof *list->items, by_name);
    return rc;
}

void sb_entries_release(struct sb_entries *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].name);
    free(list->items);
    memset(list, 0, sizeof *list);
}

int sb_folder_open(int dir, const char *name, struct sb_err *err)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : sb_fail_errno(err, errno, "cannot open the folder %s", name);
}

int sb_folder_file(int dir, const char *path, struct stat *st, struct sb_err *err)
{
    struct stat own;
    int at = dup(dir);
    if (at < 0)
        return sb_fail_errno(err, errno, "cannot open %s", path);
    for (;;) {
        size_t n = strcspn(path, "/");
        char part[256];
        if (n == 0 || n >= sizeof part || (n == 2 && path[0] == '.' && path[1] == '.')) {
            close(at);
            return sb_fail(err, SB_EINPUT, "%s is no path within the backup", path);
        }
        memcpy(part, path, n);
        part[n] = '\0';
        bool folder = path[n] == '/';
        int next = openat(at, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (folder ? O_DIRECTORY : 0));
        int saved = errno;
        close(at);
        if (next < 0) {
            sb_fail_errno(err, saved, "cannot open %s", part);
            return -1;
        }
        at = next;
        if (!folder)
            break;
        path += n + 1;
    }
    if (!st)
        st = &own;
    if (fstat(at, st) || !S_ISREG(st->st_mode)) {
        close(at);
        return sb_fail(err, SB_EINPUT, "%s is not a plain file", path);
    }
    return at;
}

struct sb_source *sb_folder_source(int dir, const char *path, const char *called, enum sb_source_how how, const struct sb_seal_key *key, struct sb_err *err)
{
    int fd = sb_folder_file(dir, path, NULL, err);
    return fd >= 0 ? sb_source_open_fd(fd, called, how, key, err) : NULL;
}

bool sb_folder_sealed(int fd)
{
    unsigned char head[8];
    return pread(fd, head, sizeof head, 0) == (ssize_t)sizeof head && sb_seal_begins(head, sizeof head);
}

int sb_folder_text(struct sb_backup *b, int dir, const char *path, const char *called, size_t max, struct sb_str *out, struct sb_err *err)
{
    struct sb_source *source = sb_folder_source(dir, path, called, SB_SOURCE_UNPACK, b->options.key, err);
    struct sb_window w;
    const unsigned char *p;
    if (!source)
        return -1;
    if (sb_source_sealed(source))
        b->encrypted = 1;
    sb_window_init(&w, source, b);
    int64_t n;
    while ((n = sb_window_want(&w, 1, &p, err)) > 0 && out->len <= max) {
        sb_str_add(out, p, (size_t)n);
        sb_window_take(&w, (size_t)n);
    }
    int rc = n < 0 ? -1 : out->len > max ? sb_fail(err, SB_EINPUT, "%s is longer than %zu MiB, which its kind never is", called, max >> 20) : 0;
    sb_window_release(&w);
    return rc == 0 && !sb_str_ok(out) ? sb_fail_nomem(err) : rc;
}
