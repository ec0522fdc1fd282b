/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/orchestrator/drill_target.h>

#include <signalbox/base/file.h>
#include <signalbox/base/hook.h>
#include <signalbox/base/process.h>
#include <signalbox/base/str.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAID_MAX 4096
#define PROGRAM_MAX 4096
#define GRACE_MS 2000

int sb_drill_program_check(const char *program, struct sb_err *err)
{
    struct stat st;
    if (program[0] != '/')
        return sb_fail(err, SB_EUSAGE, "%s is no absolute path of a program", program);
    if (stat(program, &st))
        return sb_fail_errno(err, errno, "cannot look at %s", program);
    if (!S_ISREG(st.st_mode) || access(program, X_OK))
        return sb_fail(err, SB_EUSAGE, "%s is no program that may be run", program);
    return st.st_mode & 022 ? sb_fail(err, SB_EUSAGE, "%s may be written by others than its owner, so it is not run: chmod go-w it", program) : 0;
}

/* Runs it and keeps what it says, in *said when that is wanted (init it first). */
static int run(const char *program, const char *what, const char *dir, int limit_s, struct sb_str *said, struct sb_err *err)
{
    const char *const argv[] = {program, what, dir, NULL};
    struct sb_told told = {.mark = dir, .status = -1};
    sb_str_init(&told.output);
    int rc = sb_process_tell(argv, "", 0, SAID_MAX, limit_s * 1000, NULL, &told, err);
    if (rc == 0 && told.late)
        rc = sb_fail(err, SB_EIO, "%s %s took longer than %d s and was ended", program, what, limit_s);
    else if (rc == 0 && told.status != 0)
        rc = sb_fail(err, SB_EIO, "%s %s failed with %d: %.200s", program, what, told.status, told.output.len ? told.output.p : "it said nothing");
    else if (rc == 0 && said)
        sb_str_add(said, told.output.p, told.output.len);
    sb_str_release(&told.output);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)at;
    return kind == FTW_DP ? rmdir(path) : unlink(path);
}

/* Has it stopped (program NULL: nothing was started), ends what is running of it all the same; then the folder goes. */
static int end(const char *dir, const char *program, struct sb_err *err)
{
    int rc = program && (sb_drill_program_check(program, err) || run(program, "stop", dir, SB_DRILL_STOP_S, NULL, err)) ? -1 : 0;
    if (sb_process_end_marked(dir, GRACE_MS) < 0 && rc == 0)
        rc = sb_fail(err, SB_EIO, "/proc cannot be read, so that what was started in %s may be running", dir);
    return rc ? rc : nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) ? sb_fail_errno(err, errno, "cannot remove %s", dir) : 0;
}

static int put_file(const char *dir, const char *name, const char *text, struct sb_err *err)
{
    char *path = sb_format("%s/%s", dir, name);
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1, rc = path ? 0 : sb_fail_nomem(err);
    if (path && (fd < 0 || sb_write_all(fd, text, strlen(text)) || fsync(fd)))
        rc = sb_fail_errno(err, errno, "cannot write %s", path);
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

/* ---- what earlier ones left ---- */

/* One whose lock is held is going on. */
static int end_leftover(const char *dir, struct sb_err *err)
{
    struct sb_str program;
    struct sb_lock lock = {-1};
    struct sb_owner owner;
    char *path = sb_format("%s/lock", dir), *named = sb_format("%s/program", dir);
    sb_str_init(&program);
    int rc = !path || !named ? sb_fail_nomem(err) : sb_lock_owner(path, &owner, err);
    if (rc == 0 && !owner.held && sb_lock_take(&lock, path, NULL) == 0) {
        if (access(named, F_OK)) /* killed before anything was started, or there was no such program */
            rc = end(dir, NULL, err);
        else
            rc = sb_file_read_named(named, PROGRAM_MAX, &program, err) || end(dir, program.p, err) ? -1 : 0;
        if (rc)
            sb_err_prefix(err, "what an earlier drill started (%s) could not be ended", dir);
        sb_lock_release(&lock);
    }
    sb_str_release(&program);
    free(path);
    free(named);
    return rc;
}

static int end_leftovers(const char *targets, struct sb_err *err)
{
    DIR *d = opendir(targets);
    struct dirent *e;
    int rc = d ? 0 : sb_fail_errno(err, errno, "cannot read %s", targets);
    while (rc == 0 && (e = readdir(d)))
        if (strncmp(e->d_name, "signalbox-", 10) == 0) {
            char *dir = sb_format("%s/%s", targets, e->d_name);
            rc = dir ? end_leftover(dir, err) : sb_fail_nomem(err);
            free(dir);
        }
    if (d)
        closedir(d);
    return rc;
}

/* ---- one ---- */

static void forget(struct sb_drill_target *t)
{
    sb_lock_release(&t->lock);
    free(t->dir);
    free(t->program);
    free(t->uri_file);
    *t = (struct sb_drill_target){.lock = {-1}};
}

/* The first line is the connection string. */
static int keep_uri(struct sb_drill_target *t, struct sb_str *said, struct sb_err *err)
{
    size_t n = said->p ? strcspn(said->p, "\r\n") : 0;
    if (n == 0 || strncmp(said->p, "mongodb", 7) != 0)
        return sb_fail(err, SB_EINPUT, "%s start did not say a connection string in its first line", t->program);
    sb_str_truncate(said, n);
    sb_str_addc(said, '\n');
    t->uri_file = sb_format("%s/uri", t->dir);
    return t->uri_file && sb_str_ok(said) ? put_file(t->dir, "uri", said->p, err) : sb_fail_nomem(err);
}

int sb_drill_place_make(struct sb_drill_target *t, const char *drills, struct sb_err *err)
{
    char *targets = sb_format("%s/targets", drills), *lock = NULL;
    *t = (struct sb_drill_target){.lock = {-1}};
    int rc = !targets ? sb_fail_nomem(err) : sb_dir_make(targets, 0700, err) || end_leftovers(targets, err) ? -1 : 0;
    if (rc == 0 && !(t->dir = sb_format("%s/signalbox-XXXXXX", targets)))
        rc = sb_fail_nomem(err);
    if (rc == 0 && !mkdtemp(t->dir)) {
        rc = sb_fail_errno(err, errno, "cannot make a folder in %s", targets);
        free(t->dir);
        t->dir = NULL;
    }
    if (rc == 0)
        rc = (lock = sb_format("%s/lock", t->dir)) ? sb_lock_take(&t->lock, lock, err) : sb_fail_nomem(err);
    if (rc) {
        if (t->dir)
            nftw(t->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        forget(t);
    }
    free(targets);
    free(lock);
    return rc;
}

int sb_drill_target_start(struct sb_drill_target *t, const char *drills, const char *program, int limit_s, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_str said;
    sb_str_init(&said);
    *t = (struct sb_drill_target){.lock = {-1}};
    if (sb_drill_program_check(program, err) || sb_drill_place_make(t, drills, err))
        return -1;
    t->program = sb_format("%s", program);
    int rc = t->program ? put_file(t->dir, "program", program, err) : sb_fail_nomem(err);
    sb_hook("drill.start.before");
    if (rc == 0 && (rc = run(program, "start", t->dir, limit_s ? limit_s : SB_DRILL_START_S, &said, err)) == 0)
        rc = keep_uri(t, &said, err);
    sb_hook("drill.start.after");
    if (rc && end(t->dir, program, &why))
        sb_err_prefix(err, "what it started may be running (%s)", why.msg);
    if (rc)
        forget(t);
    if (said.p)
        explicit_bzero(said.p, said.len);
    sb_str_release(&said);
    return rc;
}

int sb_drill_target_stop(struct sb_drill_target *t, struct sb_err *err)
{
    int rc = t->dir ? end(t->dir, t->program, err) : 0;
    forget(t);
    return rc;
}
