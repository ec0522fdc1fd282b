/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/dumpwrite.h>

#include "archivewrite.h"
#include "outfile.h"

#include <signalbox/base/base64.h>
#include <signalbox/base/file.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/hook.h>
#include <signalbox/base/json.h>
#include <signalbox/formats/backup.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST 238 /* of an escaped name; then the beginning of it */
#define KEPT 208

struct sb_dump_writer {
    char *path, *partial;
    bool finished;
    json_t *files;
    const struct sb_seal_key *key;
    /* the file that is open */
    int fd;
    char *name; /* below the folder */
    struct sb_outfile *file;
    struct sb_archive *archive; /* NULL: it is a folder */
};

/* ---- names ---- */

static char *escaped(const char *name)
{
    struct sb_str out;
    struct sb_hash hash;
    sb_str_init(&out);
    for (const char *p = name; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (isalnum(c) || strchr("-_.~$&+=:@", c))
            sb_str_addc(&out, *p);
        else
            sb_str_addf(&out, "%%%02X", c);
    }
    if (out.len > LONGEST) {
        if (sb_hash_bytes(&hash, name, strlen(name), NULL)) {
            sb_str_release(&out);
            return NULL;
        }
        sb_str_truncate(&out, KEPT);
        sb_str_adds(&out, "%24");
        size_t from = out.len;
        sb_base64_encode(&out, hash.bytes, 20);
        sb_str_truncate(&out, from + 27); /* as much as mongodump's digest has, without the padding */
        for (size_t i = from; i < out.len; i++)
            out.p[i] = out.p[i] == '+' ? '-' : out.p[i] == '/' ? '_' : out.p[i];
    }
    return sb_str_take(&out);
}

/* ---- files ---- */

/* What is written is on the disk then, and the file is closed. */
static int sync_file(struct sb_dump_writer *w, struct sb_hash *hash, uint64_t *bytes, struct sb_err *err)
{
    int rc = sb_outfile_end(w->file, hash, bytes, err);
    if (rc == 0 && fsync(w->fd))
        rc = sb_fail_errno(err, errno, "cannot write %s", sb_outfile_name(w->file));
    close(w->fd);
    w->fd = -1;
    return rc;
}

static int close_file(struct sb_dump_writer *w, struct sb_err *err)
{
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1];
    uint64_t bytes;
    if (w->fd < 0)
        return 0;
    if (sync_file(w, &hash, &bytes, err))
        return -1;
    sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
    return json_array_append_new(w->files, json_pack("{s:s,s:I,s:s}", "path", w->name, "bytes", (json_int_t)bytes, "sha256", hex)) ? sb_fail_nomem(err) : 0;
}

/* Opens a new file below the folder; takes its name. */
static int open_file(struct sb_dump_writer *w, char *name, struct sb_err *err)
{
    if (!name || close_file(w, err)) {
        free(name);
        return name ? -1 : sb_fail_nomem(err);
    }
    free(w->name);
    w->name = name;
    sb_outfile_free(w->file);
    w->file = NULL;
    char *full = sb_format("%s/%s", w->partial, name), *slash = full ? strrchr(full, '/') : NULL;
    if (!full)
        return sb_fail_nomem(err);
    *slash = '\0';
    int rc = sb_dir_make(full, 0700, err);
    *slash = '/';
    if (rc == 0 && (w->fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
        rc = sb_fail_errno(err, errno, "cannot write %s", full);
    if (rc == 0 && !(w->file = sb_outfile_new(w->fd, full, w->key, true, err)))
        rc = -1;
    free(full);
    return rc;
}

static char *name_of(const char *db, const char *collection, const char *ending)
{
    char *base = escaped(collection), *name = base ? sb_format("%s/%s%s", db, base, ending) : NULL;
    free(base);
    return name;
}

static int check_name(const char *db, const char *collection, struct sb_err *err)
{
    const char *fault = sb_backup_name_fault(db, collection);
    return fault || !db[0] ? sb_fail(err, SB_EINPUT, "%s.%s cannot be dumped: its name %s", db, collection, fault ? fault : "has no database") : 0;
}

/* ---- the writer ---- */

static struct sb_dump_writer *make_writer(const char *path, bool folder, const struct sb_seal_key *key, struct sb_err *err)
{
    struct sb_dump_writer *w = calloc(1, sizeof *w);
    size_t n = strlen(path);
    struct stat st;
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (!w || !(w->path = sb_strdup_n(path, n)) || !(w->files = json_array())) {
        sb_fail_nomem(err);
        goto fail;
    }
    w->fd = -1;
    w->key = key;
    if (lstat(w->path, &st) == 0) {
        sb_fail(err, SB_EUSAGE, "%s is there already, and nothing is written over", w->path);
        goto fail;
    }
    char *partial = sb_format("%s.partial-XXXXXX", w->path);
    if (!partial || (folder ? !mkdtemp(partial) : (w->fd = mkostemp(partial, O_CLOEXEC)) < 0)) {
        if (partial)
            sb_fail_errno(err, errno, "cannot make a %s beside %s", folder ? "folder" : "file", w->path);
        else
            sb_fail_nomem(err);
        free(partial);
        goto fail;
    }
    w->partial = partial;
    return w;
fail:
    if (w)
        w->fd = -1;
    sb_dump_writer_free(w);
    return NULL;
}

struct sb_dump_writer *sb_dump_writer_new(const char *path, const struct sb_seal_key *key, struct sb_err *err)
{
    return make_writer(path, true, key, err);
}

struct sb_dump_writer *sb_dump_writer_archive(const char *path, const struct sb_dump_archive_options *o, struct sb_err *err)
{
    struct sb_dump_writer *w = make_writer(path, false, o->key, err);
    if (w && (w->file = sb_outfile_new(w->fd, w->partial, w->key, false, err)) && (w->archive = sb_archive_new(w->file, o, err)))
        return w;
    sb_dump_writer_free(w);
    return NULL;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)at;
    return kind == FTW_DP ? rmdir(path) : unlink(path);
}

void sb_dump_writer_free(struct sb_dump_writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    if (w->partial && !w->finished)
        nftw(w->partial, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    sb_archive_free(w->archive);
    sb_outfile_free(w->file);
    json_decref(w->files);
    free(w->name);
    free(w->path);
    free(w->partial);
    free(w);
}

int sb_dump_writer_add(struct sb_dump_writer *w, const unsigned char *p, size_t n, struct sb_err *err)
{
    return w->archive ? sb_archive_add(w->archive, p, n, err) : sb_outfile_add(w->file, p, n, err);
}

int sb_dump_writer_metadata(struct sb_dump_writer *w, const char *db, const char *collection, const char *text, const char *type, struct sb_err *err)
{
    if (check_name(db, collection, err))
        return -1;
    if (w->archive)
        return sb_archive_metadata(w->archive, db, collection, text, type, err);
    return open_file(w, name_of(db, collection, ".metadata.json"), err) || sb_outfile_add(w->file, text, strlen(text), err) ? -1 : 0;
}

int sb_dump_writer_announce_oplog(struct sb_dump_writer *w, struct sb_err *err)
{
    return w->archive ? sb_archive_metadata(w->archive, "", "oplog", "", "", err) : 0;
}

int sb_dump_writer_open(struct sb_dump_writer *w, const char *db, const char *collection, struct sb_err *err)
{
    if (db && check_name(db, collection, err))
        return -1;
    if (w->archive)
        return sb_archive_open(w->archive, db ? db : "", db ? collection : "oplog", err);
    return open_file(w, db ? name_of(db, collection, ".bson") : sb_format("oplog.bson"), err) ? -1 : 0;
}

/* ---- the end ---- */

static int write_json(struct sb_dump_writer *w, const char *name, const json_t *v, struct sb_err *err)
{
    char *text = json_dumps(v, JSON_INDENT(1));
    int rc = text && v ? open_file(w, sb_format("%s", name), err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = sb_outfile_add(w->file, text, strlen(text), err);
    free(text);
    return rc;
}

static int sync_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)at;
    int fd = kind == FTW_D ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, rc = 0;
    if (fd >= 0) {
        rc = fsync(fd);
        close(fd);
    }
    return rc;
}

static int sync_above(const char *path)
{
    char *above = sb_format("%s", path), *slash = above ? strrchr(above, '/') : NULL;
    if (slash)
        slash[slash == above] = '\0';
    int fd = above ? open(slash ? above : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, rc = fd >= 0 ? fsync(fd) : -1;
    if (fd >= 0)
        close(fd);
    free(above);
    return rc;
}

static int end_folder(struct sb_dump_writer *w, const char *server_version, json_t *about, struct sb_err *err)
{
    json_t *prelude = json_pack("{s:s,s:s}", "ServerVersion", server_version, "ToolVersion", "signalbox"), *manifest = json_pack("{s:i}", "signalbox_dump", 1);
    int rc = write_json(w, "prelude.json", prelude, err) || close_file(w, err) ? -1 : 0;
    if (rc == 0 && (!manifest || json_object_update(manifest, about) || json_object_set(manifest, "files", w->files)))
        rc = sb_fail_nomem(err);
    if (rc == 0)
        rc = write_json(w, SB_DUMP_MANIFEST, manifest, err) || close_file(w, err) ? -1 : 0;
    json_decref(prelude);
    json_decref(manifest);
    return rc;
}

static int end_archive(struct sb_dump_writer *w, struct sb_err *err)
{
    uint64_t bytes;
    return sb_archive_end(w->archive, err) || sync_file(w, NULL, &bytes, err) ? -1 : 0;
}

int sb_dump_writer_finish(struct sb_dump_writer *w, const char *server_version, json_t *about, struct sb_err *err)
{
    int rc = w->archive ? end_archive(w, err) : end_folder(w, server_version, about, err);
    sb_hook("dump.finish.before");
    if (rc == 0 && ((!w->archive && nftw(w->partial, sync_one, 16, FTW_PHYS)) || renameat2(AT_FDCWD, w->partial, AT_FDCWD, w->path, RENAME_NOREPLACE)))
        rc = sb_fail_errno(err, errno, "cannot give the dump its name, %s", w->path);
    if (rc == 0) {
        w->finished = true;
        if (sync_above(w->path))
            rc = sb_fail_errno(err, errno, "the dump %s is whole, and whether its name is on the disk is not known", w->path);
    }
    return rc;
}
