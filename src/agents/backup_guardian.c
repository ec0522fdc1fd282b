/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/backup_guardian.h>

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/dumpwrite.h>
#include <signalbox/formats/mongodump.h>
#include <signalbox/formats/pbm.h>
#include <signalbox/formats/snapshot.h>
#include <signalbox/formats/source.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 3          /* folders of backups within one another */
#define MANIFEST_MAX (1 << 20)
#define IN_FOLDER_MAX 10000

static struct sb_backup *add(struct sb_backups *list, const char *path, const struct sb_backup_options *options, struct sb_err *err)
{
    if (SB_GROW(list->items, list->cap, list->n + 1)) {
        sb_fail_nomem(err);
        return NULL;
    }
    struct sb_backup *b = &list->items[list->n];
    if (sb_backup_init(b, path, options, err)) {
        sb_backup_release(b);
        return NULL;
    }
    list->n++;
    return b;
}

void sb_backups_release(struct sb_backups *list)
{
    for (size_t i = 0; i < list->n; i++)
        sb_backup_release(&list->items[i]);
    free(list->items);
    memset(list, 0, sizeof *list);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The folder that a file is in, heap. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? sb_format(".") : slash == path ? sb_format("/") : sb_strdup_n(path, (size_t)(slash - path));
}

/* The name of the folder itself, also of "dump/shop/" and ".": heap. */
static char *folder_name(const char *path)
{
    char *real = realpath(path, NULL), *name = real ? sb_format("%s", base_name(real)) : NULL;
    free(real);
    return name;
}

static int open_folder(const char *path, struct sb_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : sb_fail_errno(err, errno, "cannot open the folder %s", path);
}

/* ---- stores of Percona's ---- */

/* All backups of the store in dir (taken over), or the one whose metadata are in `only`. */
static int check_store(struct sb_backups *list, const char *path, int dir, const char *only, const struct sb_backup_options *options, struct sb_err *err)
{
    struct sb_pbm *store = sb_pbm_open(dir, err);
    int rc = store ? 0 : -1, one = only && store ? sb_pbm_find(store, only) : -1;
    size_t n = store ? sb_pbm_backups(store) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (only && (int)i != one)
            continue;
        struct sb_backup *b = add(list, path, options, err);
        if (b)
            sb_pbm_check(store, i, b);
        rc = b ? 0 : -1;
    }
    if (rc == 0 && n == 0) {
        struct sb_backup *b = add(list, path, options, err);
        if (b)
            sb_pbm_check_empty(store, b);
        rc = b ? 0 : -1;
    }
    sb_pbm_close(store);
    return rc;
}

/* ---- files ---- */

static bool ends(const char *text, const char *with)
{
    size_t n = strlen(text), m = strlen(with);
    return n > m && strcmp(text + n - m, with) == 0;
}

/* How the bytes begin that are encrypted by the usual tools; NULL: not so. */
static const char *encrypted_by(const unsigned char *p, size_t n)
{
    static const struct {
        const char *begin, *what;
    } known[] = {{"Salted__", "openssl"}, {"age-encryption.org/v1", "age"}, {"-----BEGIN PGP MESSAGE", "PGP"}, {"-----BEGIN AGE ENCRYPTED", "age"}};
    for (size_t i = 0; i < SB_COUNT(known); i++)
        if (n >= strlen(known[i].begin) && memcmp(p, known[i].begin, strlen(known[i].begin)) == 0)
            return known[i].what;
    return NULL;
}

/* Without a key that is all that can be known of it. */
static bool is_sealed(const char *path)
{
    unsigned char head[8];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool yes = fd >= 0 && read(fd, head, sizeof head) == (ssize_t)sizeof head && sb_seal_begins(head, sizeof head);
    if (fd >= 0)
        close(fd);
    return yes;
}

static void set_file_time(struct sb_backup *b, const struct stat *st)
{
    b->files = 1;
    b->bytes = st->st_size > 0 ? (uint64_t)st->st_size : 0;
    b->taken_at_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    b->taken_from = "file time";
}

static void use_oplog_time(struct sb_backup *b)
{
    if (b->oplog_to) {
        b->taken_at_ms = (int64_t)(b->oplog_to >> 32) * 1000;
        b->taken_from = "oplog";
    }
}

static int check_archive(struct sb_backup *b, const char *path, struct sb_err *err)
{
    static const char *const packings[] = {
        [SB_PACKING_NONE] = "none", [SB_PACKING_GZIP] = "gzip", [SB_PACKING_ZSTD] = "zstd", [SB_PACKING_FRAMED] = "snappy or s2", [SB_PACKING_LZ4] = "lz4"};
    struct sb_source *source = sb_source_open_sealed(path, b->options.key, err);
    if (!source)
        return -1;
    b->kind = SB_BACKUP_DUMP_ARCHIVE;
    b->encrypted = sb_source_sealed(source);
    sb_backup_say(b, &b->packing, packings[sb_source_packing(source)]);
    bool prelude = sb_dump_archive(b, source, base_name(path), true);
    b->level = prelude ? 1 : 0;
    if (prelude && !b->options.quick && !b->problems.all && !b->nomem && !b->stopped)
        b->level = 2;
    use_oplog_time(b);
    return 0;
}

/* One .bson file: what its folder says of it counts. */
static int check_data_file(struct sb_backup *b, const char *path, const char *only, struct sb_err *err)
{
    char *folder = folder_of(path), *db = folder ? folder_name(folder) : NULL;
    int dir = folder && db ? open_folder(folder, err) : sb_fail_nomem(err);
    if (dir >= 0) {
        b->encrypted = 0;
        sb_dump_database(b, dir, db, only);
        close(dir);
    }
    free(folder);
    free(db);
    return dir >= 0 ? 0 : -1;
}

static void unknown_file(struct sb_backup *b, const char *path, const unsigned char *p, size_t n)
{
    const char *by = encrypted_by(p, n);
    if (by) {
        b->encrypted = 1;
        sb_backup_problem(b, "encrypted", base_name(path), NULL, 0, "it is encrypted (%s): what is in it cannot be seen", by);
    } else if (n == 0) {
        sb_backup_problem(b, "empty", base_name(path), NULL, -1, "the file is empty");
    } else if (ends(path, ".archive") || ends(path, ".archive.gz")) {
        b->kind = SB_BACKUP_DUMP_ARCHIVE;
        sb_backup_problem(b, "magic", base_name(path), NULL, 0, "it does not begin with the bytes that every archive begins with");
    } else {
        sb_backup_problem(b, "unknown_kind", base_name(path), NULL, -1, "this is no backup of a kind that is known here");
    }
}

/* By its name or its first bytes (unpacked). */
static int check_file(struct sb_backups *list, const char *path, const struct stat *st, const struct sb_backup_options *options, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    unsigned char head[4096];
    char *data = sb_dump_data_name(base_name(path)), *folder = NULL;
    int64_t n = 0, got = 1;
    int rc = -1;
    if (ends(path, ".pbm.json")) {
        folder = folder_of(path);
        int dir = folder ? open_folder(folder, err) : sb_fail_nomem(err);
        rc = dir >= 0 ? check_store(list, path, dir, base_name(path), options, err) : -1;
        goto out;
    }
    struct sb_backup *b = add(list, path, options, err);
    if (!b)
        goto out;
    set_file_time(b, st);
    rc = 0;
    struct sb_source *source = sb_source_open_sealed(path, options->key, &why);
    while (source && got > 0 && (size_t)n < sizeof head) {
        got = sb_source_read(source, head + n, sizeof head - (size_t)n, &why);
        n += got > 0 ? got : 0;
    }
    sb_source_close(source);
    if (data) {
        b->files = b->bytes = 0;
        rc = check_data_file(b, path, data, err);
    } else if (!source || got < 0) {
        bool locked = !source && (why.detail == EACCES || why.detail == EKEYREJECTED) && is_sealed(path);
        b->kind = locked || ends(path, ".archive") || ends(path, ".archive.gz") ? SB_BACKUP_DUMP_ARCHIVE : SB_BACKUP_UNKNOWN;
        b->encrypted = locked ? 1 : b->encrypted;
        sb_backup_problem(b, locked && why.detail == EKEYREJECTED ? "key_wrong" : locked ? "key_missing" : why.detail == ENOTSUP ? "codec_missing" : why.code == SB_EINPUT && source ? "packing_damaged" : "unreadable", base_name(path), NULL, -1, "%s", why.msg);
    } else if (sb_dump_archive_begins(head, (size_t)n)) {
        rc = check_archive(b, path, err);
    } else if (sb_snapshot_look((const char *)head, (size_t)n)) {
        struct sb_str text;
        sb_str_init(&text);
        source = sb_source_open_sealed(path, options->key, err);
        while (source && text.len <= MANIFEST_MAX && (got = sb_source_read(source, head, sizeof head, err)) > 0)
            sb_str_add(&text, head, (size_t)got);
        sb_source_close(source);
        sb_snapshot_check(b, base_name(path), text.p, text.len);
        sb_str_release(&text);
    } else {
        unknown_file(b, path, head, (size_t)n);
    }
out:
    free(data);
    free(folder);
    return rc;
}

/* ---- folders ---- */

static int check_any(struct sb_backups *list, const char *path, const struct sb_backup_options *options, int depth, bool named, struct sb_err *err);

/* A file that belongs to a dump. */
static bool is_dump_file(const char *name)
{
    char *base = sb_dump_data_name(name);
    free(base);
    return base || ends(name, ".metadata.json") || ends(name, ".metadata.json.gz") || strcmp(name, SB_DUMP_MANIFEST) == 0 || strcmp(name, "prelude.json") == 0;
}

/* Is the entry of an open folder a backup of its own: a store, a dump of several databases, an archive? */
static bool is_backup_inside(int dir, const char *path, const char *name)
{
    struct stat st;
    bool found = false;
    if (name[0] == '.' || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
        return false;
    if (S_ISDIR(st.st_mode)) {
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        found = fd >= 0 && (sb_pbm_folder_look(fd) || sb_dump_folder_look(fd) == SB_DUMP_ROOT);
        if (fd >= 0)
            close(fd);
    } else if (S_ISREG(st.st_mode) && !is_dump_file(name)) {
        char *inner = sb_format("%s/%s", path, name);
        struct sb_source *source = inner ? sb_source_open(inner, NULL) : NULL;
        unsigned char head[4];
        found = source ? sb_source_read(source, head, sizeof head, NULL) == sizeof head && sb_dump_archive_begins(head, sizeof head) : inner && is_sealed(inner);
        sb_source_close(source);
        free(inner);
    }
    return found;
}

static bool holds_backups(int dir, const char *path)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    bool found = false;
    for (int i = 0; i < n; i++) {
        found = found || (i < IN_FOLDER_MAX && is_backup_inside(dir, path, names[i]->d_name));
        free(names[i]);
    }
    free(names);
    return found;
}

/* A folder that is no backup, or a dump of one database, may hold others. What in it is none goes unsaid. */
static int check_inside(struct sb_backups *list, const char *path, const struct sb_backup_options *options, int depth, struct sb_err *err)
{
    struct dirent **names = NULL;
    int n = depth < DEPTH_MAX ? scandir(path, &names, NULL, alphasort) : 0, rc = 0;
    for (int i = 0; i < n; i++) {
        char *inner = rc == 0 && i < IN_FOLDER_MAX && names[i]->d_name[0] != '.' && !is_dump_file(names[i]->d_name) ? sb_format("%s/%s", path, names[i]->d_name) : NULL;
        struct stat st;
        if (inner && lstat(inner, &st) == 0 && (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
            rc = check_any(list, inner, options, depth + 1, false, err);
        free(inner);
        free(names[i]);
    }
    free(names);
    return rc;
}

static int check_folder(struct sb_backups *list, const char *path, const struct stat *st, const struct sb_backup_options *options, int depth, bool named, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    size_t before = list->n;
    int dir = open_folder(path, &why), rc = 0;
    if (dir >= 0 && sb_pbm_folder_look(dir))
        return check_store(list, path, dir, NULL, options, err);
    enum sb_dump_folder look = dir >= 0 ? sb_dump_folder_look(dir) : SB_DUMP_NONE;
    bool others = look != SB_DUMP_NONE && depth < DEPTH_MAX && holds_backups(dir, path);
    if (look == SB_DUMP_DATABASE || (look == SB_DUMP_ROOT && !others)) {
        struct sb_backup *b = add(list, path, options, err);
        char *db = folder_name(path);
        if (b && db) {
            b->encrypted = 0;
            if (strstr(db, ".partial-"))
                sb_backup_problem(b, "unfinished", NULL, NULL, -1, "its name says that it was not finished: whatever made it was stopped");
            if (look == SB_DUMP_ROOT)
                sb_dump_root(b, dir);
            else
                sb_dump_database(b, dir, db, NULL);
            use_oplog_time(b);
        }
        rc = b && db ? 0 : sb_fail_nomem(err);
        free(db);
    }
    if (rc == 0 && dir >= 0 && (look == SB_DUMP_NONE || others))
        rc = check_inside(list, path, options, depth, err);
    if (rc == 0 && list->n == before && named) {
        struct sb_backup *b = add(list, path, options, err);
        rc = b ? 0 : -1;
        if (b)
            set_file_time(b, st);
        if (b && dir < 0)
            sb_backup_problem(b, "unreadable", NULL, NULL, -1, "%s", why.msg);
        else if (b)
            sb_backup_problem(b, "no_backup", NULL, NULL, -1, "there is no backup in this folder");
    }
    if (dir >= 0)
        close(dir);
    return rc;
}

/* named: a person asked for just this, so what it is must be said. */
static int check_any(struct sb_backups *list, const char *path, const struct sb_backup_options *options, int depth, bool named, struct sb_err *err)
{
    struct stat st;
    if (stat(path, &st)) {
        sb_fail_errno(err, errno, "cannot look at %s", path);
        if (err)
            err->code = SB_EINPUT;
        return -1;
    }
    if (S_ISDIR(st.st_mode))
        return check_folder(list, path, &st, options, depth, named, err);
    if (S_ISREG(st.st_mode)) {
        size_t before = list->n;
        int rc = check_file(list, path, &st, options, err);
        if (rc == 0 && !named && list->n == before + 1 && list->items[before].kind == SB_BACKUP_UNKNOWN) {
            sb_backup_release(&list->items[before]);
            list->n--;
        }
        return rc;
    }
    return sb_fail(err, SB_EINPUT, "%s is neither a file nor a folder", path);
}

int sb_backups_check(struct sb_backups *list, const char *path, const struct sb_backup_options *options, struct sb_err *err)
{
    size_t before = list->n;
    if (check_any(list, path, options, 0, true, err))
        return -1;
    for (size_t i = before; i < list->n; i++)
        sb_backup_sort(&list->items[i]);
    return 0;
}

static uint64_t size_below(int dir, const char *name, int depth)
{
    struct stat st;
    uint64_t all = 0;
    if (fstatat(dir, name, &st, depth ? AT_SYMLINK_NOFOLLOW : 0))
        return 0;
    if (S_ISREG(st.st_mode))
        return st.st_size > 0 ? (uint64_t)st.st_size : 0;
    if (!S_ISDIR(st.st_mode) || depth > 16)
        return 0;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    while (d && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            all += size_below(dirfd(d), e->d_name, depth + 1);
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
    return all;
}

uint64_t sb_backups_size(const char *path)
{
    return size_below(AT_FDCWD, path, 0);
}
