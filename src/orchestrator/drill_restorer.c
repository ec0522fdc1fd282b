/* SPDX-License-Identifier: Apache-2.0
 *
 * A restore by another program: the operator's own mongorestore, told where from and where to on its command line and in a file that
 * only we may read. It runs twice where there is an oplog: for the collections, which are compared then, and for the oplog. While it
 * runs, the identity and the marks of the target are read again every second; where they are not as they were, it is ended. */
#include "drill.h"

#include <signalbox/base/file.h>
#include <signalbox/base/hook.h>
#include <signalbox/base/json.h>
#include <signalbox/base/process.h>
#include <signalbox/bus/pool.h>
#include <signalbox/formats/mongodump.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAID_MAX ((size_t)256 << 10) /* of what it says, by which its hash is made */
#define VERSION_S 20
#define WORDS_MAX 16
#define LOOK_MS 1000

/* ---- the guard while it runs ---- */

struct guarding {
    struct drill *d;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool over;
    atomic_bool give_up;
    struct sb_err why;
};

static void *guard(void *arg)
{
    struct guarding *g = arg;
    pthread_mutex_lock(&g->lock);
    while (!g->over && !atomic_load(&g->give_up)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += LOOK_MS / 1000;
        pthread_cond_timedwait(&g->wake, &g->lock, &until);
        if (g->over)
            break;
        pthread_mutex_unlock(&g->lock);
        if (sb_scratch_still(g->d->door, &g->why))
            atomic_store(&g->give_up, true);
        pthread_mutex_lock(&g->lock);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

static int run_guarded(struct drill *d, const char *const argv[], struct sb_told *told, struct sb_err *err)
{
    struct guarding g = {.d = d, .why = SB_ERR_INIT};
    pthread_condattr_t monotonic;
    pthread_t thread;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&g.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&g.lock, NULL);
    int rc = sb_thread_start(&thread, guard, &g, "sb-guard", err);
    if (rc == 0) {
        rc = sb_process_tell(argv, "", 0, SAID_MAX, d->o->limit_s ? d->o->limit_s * 1000 : SB_DRILL_RESTORER_S * 1000, &g.give_up, told, err);
        pthread_mutex_lock(&g.lock);
        g.over = true;
        pthread_cond_signal(&g.wake);
        pthread_mutex_unlock(&g.lock);
        pthread_join(thread, NULL);
    }
    if (rc == 0 && g.why.code != SB_OK) {
        *err = g.why;
        sb_err_prefix(err, "%s was ended", d->o->restorer);
        rc = -1;
    }
    pthread_cond_destroy(&g.wake);
    pthread_mutex_destroy(&g.lock);
    return rc;
}

/* ---- one run ---- */

static json_t *words_of(const char *const argv[])
{
    json_t *list = json_array();
    for (size_t i = 0; list && argv[i]; i++)
        if (json_array_append_new(list, sb_json_of_bytes(argv[i], strlen(argv[i])))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

char *sb_drill_program_text(const char *const argv[])
{
    json_t *command = json_pack("{s:o}", "$program", words_of(argv));
    char *text = command ? json_dumps(command, JSON_COMPACT) : NULL;
    json_decref(command);
    return text;
}

/* Its intent; the door lets it through only with that, and only while the target is what it was. */
static int begin(struct drill *d, const char *const argv[], struct sb_err *err)
{
    struct sb_permit permit;
    char *text = sb_drill_program_text(argv);
    int rc = text ? sb_drill_intend(d, text, &permit, err) : sb_fail_nomem(err);
    sb_hook("drill.send.before");
    if (rc == 0 && sb_scratch_hand_over(d->door, &permit, text, err)) {
        struct sb_err why = SB_ERR_INIT;
        struct sb_write_result refused = {.outcome = SB_OUTCOME_FAILED};
        snprintf(refused.message, sizeof refused.message, "%s", err->msg);
        sb_drill_came_of(d, d->steps, &refused, &why); /* the first cause is what counts */
        rc = -1;
    }
    free(text);
    return rc;
}

int sb_drill_keep_run(struct drill *d, const char *const argv[], const struct sb_told *told, struct sb_err *err)
{
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1] = "";
    if (sb_hash_bytes(&hash, told->output.p, told->output.len, NULL) == 0)
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
    json_t *run = json_pack("{s:o,s:i,s:b,s:I,s:o,s:s}", "arguments", words_of(argv + 1), "exit", told->status, "late", told->late, "took_ms", (json_int_t)told->ms, "output", sb_drill_kept(&told->output),
                            "output_sha256", hex);
    return run && json_array_append_new(d->runs, run) == 0 ? 0 : sb_fail_nomem(err);
}

/* What came of it, on the record and in the report; then whether that was well. */
static int judge(struct drill *d, const char *const argv[], struct sb_told *told, int rc, struct sb_err *err)
{
    struct sb_write_result result = {.outcome = SB_OUTCOME_OK, .code = told->status, .millis = told->ms};
    struct sb_err why = SB_ERR_INIT;
    char line[240] = "";
    sb_drill_make_harmless(d, &told->output);
    sb_drill_last_line(&told->output, line, sizeof line);
    if (rc == 0 && told->late)
        rc = sb_fail(err, SB_EIO, "%s took longer than %" PRId64 " s and was ended", d->o->restorer, told->ms / 1000);
    else if (rc == 0 && told->status != 0)
        rc = sb_fail(err, SB_ENO, "%s ended with %d: %s", d->o->restorer, told->status, line[0] ? line : "it said nothing");
    if (rc) {
        result.outcome = told->status < 0 ? SB_OUTCOME_UNKNOWN : SB_OUTCOME_FAILED;
        snprintf(result.message, sizeof result.message, "%s", err->msg);
    }
    if (sb_drill_keep_run(d, argv, told, rc ? &why : err))
        rc = -1;
    if (sb_drill_came_of(d, d->steps, &result, rc ? &why : err))
        rc = -1;
    d->restorer_ms += told->ms;
    return rc;
}

static int run(struct drill *d, const char *const argv[], struct sb_err *err)
{
    struct sb_told told = {.mark = d->place.dir, .status = -1};
    if (begin(d, argv, err))
        return -1;
    sb_str_init(&told.output);
    int rc = judge(d, argv, &told, run_guarded(d, argv, &told, err), err);
    sb_process_end_marked(d->place.dir, 0); /* nothing of it may write any more */
    sb_hook("drill.send.after");
    sb_str_release(&told.output);
    return rc;
}

/* ---- what it is told ---- */

/* The connection string is for its eyes only: in a file, which is JSON and so YAML. */
static int put_config(struct drill *d, struct sb_err *err)
{
    struct sb_str text;
    char *path = sb_format("%s/config", d->place.dir);
    sb_str_init(&text);
    sb_str_adds(&text, "{\"uri\": ");
    int rc = sb_json_string(&text, d->uri.p, d->uri.len, err);
    sb_str_adds(&text, "}\n");
    int fd = rc == 0 && path && sb_str_ok(&text) ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (rc == 0 && (!path || !sb_str_ok(&text)))
        rc = sb_fail_nomem(err);
    else if (rc == 0 && (fd < 0 || sb_write_all(fd, text.p, text.len)))
        rc = sb_fail_errno(err, errno, "cannot write %s", path);
    if (fd >= 0)
        close(fd);
    explicit_bzero(text.p, text.len);
    sb_str_release(&text);
    free(path);
    return rc;
}

struct words {
    const char *argv[WORDS_MAX];
    char *own[WORDS_MAX];
    size_t n;
    bool nomem;
};

static void say(struct words *w, char *word) /* heap */
{
    w->nomem |= word == NULL;
    w->own[w->n] = word;
    w->argv[w->n++] = word;
}

static void release_words(struct words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->own[i]);
}

static void begin_words(struct drill *d, struct words *w)
{
    *w = (struct words){.n = 0};
    say(w, sb_format("%s", d->o->restorer));
    say(w, sb_format("--config=%s/config", d->place.dir));
    say(w, sb_format("--stopOnError"));
}

/* A whole dump as it is, a dump of one database as a part of what lies beside it. */
static int say_where(struct drill *d, struct words *w, struct sb_err *err)
{
    const struct sb_backup *b = &d->plan.items[0];
    char *real = realpath(b->path, NULL), *slash = real ? strrchr(real, '/') : NULL;
    if (!real)
        return sb_fail_errno(err, errno, "cannot look at %s", b->path);
    int rc = 0, dir = b->kind == SB_BACKUP_DUMP_FOLDER ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (b->kind == SB_BACKUP_DUMP_ARCHIVE) {
        say(w, sb_format("--archive=%s", real));
    } else if (dir < 0) {
        rc = sb_fail(err, SB_EINPUT, "%s is one file of a dump: another program restores a whole one", b->path);
    } else if (sb_dump_folder_look(dir) == SB_DUMP_DATABASE && slash) {
        *slash = '\0';
        say(w, sb_format("--dir=%s", real[0] ? real : "/"));
        say(w, sb_format("--nsInclude=%s.*", slash + 1));
    } else {
        say(w, sb_format("--dir=%s", real));
    }
    if (dir >= 0)
        close(dir);
    if (sb_streq(b->packing, "gzip"))
        say(w, sb_format("--gzip"));
    free(real);
    return rc;
}

static int fits(const struct sb_backup *b, struct sb_err *err)
{
    if (b->encrypted == 1)
        return sb_fail(err, SB_EINPUT, "the backup is sealed, which only this program opens: drill it without another program");
    if (b->packing && strcmp(b->packing, "none") != 0 && strcmp(b->packing, "gzip") != 0)
        return sb_fail(err, SB_EINPUT, "the backup is packed with %s, which mongorestore does not unpack", b->packing);
    return 0;
}

/* The target held nothing before (an operator's mark says that what else is there does not matter): so nothing is there but what the
 * backup holds. That all of it is there the comparison shows. */
int sb_drill_nothing_else(struct drill *d, struct sb_err *err)
{
    struct sb_scratch_seen seen;
    int rc = sb_scratch_look(d->conn, &seen, err);
    for (size_t i = 0; rc == 0 && i < seen.held_n; i++)
        if (!sb_backup_collection_find(&d->plan.items[0], seen.held[i]))
            rc = sb_fail(err, SB_ENO, "%s made %s, which the backup does not hold", d->program, seen.held[i]);
    if (rc == 0 && seen.held_all > d->plan.items[0].collections_n)
        rc = sb_fail(err, SB_ENO, "%s made %" PRIu64 " collections, and the backup holds %zu", d->program, seen.held_all, d->plan.items[0].collections_n);
    sb_scratch_seen_release(&seen);
    return rc;
}

/* ---- what it is ---- */

static int hash_program(struct drill *d, struct sb_err *err)
{
    struct sb_digest *digest = sb_digest_new();
    struct sb_hash hash;
    char chunk[65536];
    ssize_t n = 0;
    int fd = digest ? open(d->program, O_RDONLY | O_CLOEXEC) : -1, rc = digest ? 0 : sb_fail_nomem(err);
    while (rc == 0 && fd >= 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
        rc = sb_digest_add(digest, chunk, (size_t)n) ? sb_fail(err, SB_EINTERNAL, "libcrypto could not compute a SHA-256 digest") : 0;
    if (rc == 0 && (fd < 0 || n < 0))
        rc = sb_fail_errno(err, errno, "cannot read %s", d->program);
    if (rc == 0 && sb_digest_end(digest, &hash) == 0)
        sb_hex_encode(d->restorer_sha256, hash.bytes, SB_HASH_LEN);
    if (fd >= 0)
        close(fd);
    sb_digest_free(digest);
    return rc;
}

/* The first line that it says of itself; what does not answer that is run all the same, and says nothing. */
static int ask_version(struct drill *d, const char *how, struct sb_err *err)
{
    const char *const argv[] = {d->program, how, NULL};
    struct sb_told told = {.mark = d->place.dir, .status = -1};
    sb_str_init(&told.output);
    int rc = sb_process_tell(argv, "", 0, 1024, VERSION_S * 1000, NULL, &told, err);
    sb_drill_make_harmless(d, &told.output);
    if (rc == 0 && told.status == 0)
        snprintf(d->restorer_version, sizeof d->restorer_version, "%.*s", (int)sb_utf8_whole(told.output.p, strcspn(told.output.p, "\n") < 80 ? strcspn(told.output.p, "\n") : 80), told.output.p);
    sb_str_release(&told.output);
    return rc;
}

/* ---- the drill's ---- */

int sb_drill_program_begin(struct drill *d, const char *version, struct sb_err *err)
{
    if (sb_drill_program_check(d->program, err) || sb_uri_from_file(d->o->target_file, &d->uri, err) || sb_drill_place_make(&d->place, d->o->dir, err))
        return -1;
    return hash_program(d, err) || ask_version(d, version, err) ? -1 : 0;
}

int sb_drill_restorer_begin(struct drill *d, struct sb_err *err)
{
    return fits(&d->plan.items[0], err) || sb_drill_program_begin(d, "--version", err) || put_config(d, err) ? -1 : 0;
}

int sb_drill_restorer_data(struct drill *d, struct sb_err *err)
{
    struct words w;
    begin_words(d, &w);
    say(&w, sb_format("--nsExclude=admin.*"));
    say(&w, sb_format("--nsExclude=config.*"));
    say(&w, sb_format("--nsExclude=local.*"));
    int rc = say_where(d, &w, err);
    if (rc == 0)
        rc = w.nomem ? sb_fail_nomem(err) : run(d, w.argv, err);
    if (rc == 0 && !d->by_operator)
        rc = sb_drill_nothing_else(d, err);
    release_words(&w);
    return rc;
}

int sb_drill_restorer_entry(struct drill *d, const unsigned char *p, size_t n, struct sb_err *err)
{
    char *folder = d->oplog_fd < 0 ? sb_format("%s/oplog", d->place.dir) : NULL, *path = folder ? sb_format("%s/oplog.bson", folder) : NULL;
    int rc = d->oplog_fd < 0 && !path ? sb_fail_nomem(err) : folder ? sb_dir_make(folder, 0700, err) : 0;
    if (rc == 0 && path && (d->oplog_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
        rc = sb_fail_errno(err, errno, "cannot write %s", path);
    if (rc == 0 && sb_write_all(d->oplog_fd, p, n))
        rc = sb_fail_errno(err, errno, "cannot write the oplog for %s", d->o->restorer);
    free(folder);
    free(path);
    return rc;
}

int sb_drill_restorer_oplog(struct drill *d, struct sb_err *err)
{
    struct words w;
    begin_words(d, &w);
    say(&w, sb_format("--oplogReplay"));
    if (d->o->until)
        say(&w, sb_format("--oplogLimit=%" PRIu64 ":0", (d->o->until >> 32) + 1));
    say(&w, sb_format("--dir=%s/oplog", d->place.dir));
    int rc = w.nomem ? sb_fail_nomem(err) : run(d, w.argv, err);
    release_words(&w);
    return rc;
}

json_t *sb_drill_restorer_report(const struct drill *d)
{
    if (!d->program)
        return json_null();
    return json_pack("{s:o,s:s,s:o,s:i,s:O}", "program", sb_json_of_bytes(d->program, strlen(d->program)), "sha256", d->restorer_sha256, "version",
                     d->restorer_version[0] ? sb_json_of_bytes(d->restorer_version, strlen(d->restorer_version)) : json_null(), "limit_s", d->o->limit_s ? d->o->limit_s : SB_DRILL_RESTORER_S, "runs", d->runs);
}

int sb_drill_restorer_end(struct drill *d, struct sb_err *err)
{
    if (d->oplog_fd >= 0)
        close(d->oplog_fd);
    d->oplog_fd = -1;
    explicit_bzero(d->uri.p, d->uri.len);
    sb_str_release(&d->uri);
    explicit_bzero(d->pbm_uri.p, d->pbm_uri.len);
    sb_str_release(&d->pbm_uri);
    return sb_drill_target_stop(&d->place, err);
}
