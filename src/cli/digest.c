/* SPDX-License-Identifier: Apache-2.0
 *
 * digest.c - `signalbox digest`: logs and profiles in, slow operations by shape out.
 */
#include "digest.h"

#include <signalbox/base/clock.h>
#include <signalbox/bus/pool.h>
#include <signalbox/bus/queue.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/when.h>

#include <dirent.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

/* The progress bar appears after a second and moves ten times a second. */
#define BAR_AFTER_MS 1000
#define BAR_EVERY_MS 100
#define MAX_DEPTH 3 /* of folders in a folder */

struct options {
    bool json, quiet, advice;
    const char *catalogue;
    struct sb_digest_range range;
};

/* The files to read, in order; those found in a folder are passed over when they are of another kind. */
struct paths {
    char **path;
    bool *from_folder;
    size_t n, cap;
};

struct job {
    struct sb_digest_part *part;
    struct sb_queue *done;
};

struct run {
    const struct options *options;
    struct paths paths;
    struct sb_digest digest;
    struct sb_queue *done;
    struct sb_pool *pool;
    size_t merged, submitted, workers;
    int status;    /* the worst so far */
    bool bar;      /* a bar stands on the terminal */
    int64_t start_ms;
};

/* ---- what to read ---- */

static int add_path(struct paths *p, const char *path, bool from_folder)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        char **path_new = realloc(p->path, cap * sizeof *path_new);
        if (path_new)
            p->path = path_new;
        bool *from_new = realloc(p->from_folder, cap * sizeof *from_new);
        if (from_new)
            p->from_folder = from_new;
        if (!path_new || !from_new)
            return -1;
        p->cap = cap;
    }
    char *copy = sb_format("%s", path);
    if (!copy)
        return -1;
    p->path[p->n] = copy;
    p->from_folder[p->n++] = from_folder;
    return 0;
}

static void release_paths(struct paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->path[i]);
    free(p->path);
    free(p->from_folder);
}

/* The plain files of a folder and of those in it (a member has its diagnostic.data in one, a set its members), by name; what begins
 * with a dot is nobody's log. A link to a folder is not followed, so that none comes twice. */
static int add_folder(struct paths *p, const char *folder, int depth, struct sb_err *err)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort), rc = 0;
    if (n < 0)
        return sb_fail(err, SB_EINPUT, "cannot read the folder %s", folder);
    for (int i = 0; i < n; i++) {
        struct stat st;
        char *path = names[i]->d_name[0] == '.' ? NULL : sb_format("%s/%s", folder, names[i]->d_name);
        if (rc || !path)
            ;
        else if (depth < MAX_DEPTH && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            rc = add_folder(p, path, depth + 1, err);
        else if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && add_path(p, path, true))
            rc = sb_fail_nomem(err);
        free(path);
        free(names[i]);
    }
    free(names);
    return rc;
}

static int collect(struct paths *p, int n, char **words, struct sb_err *err)
{
    for (int i = 0; i < n; i++) {
        struct stat st;
        if (strcmp(words[i], "-") != 0 && stat(words[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            size_t before = p->n;
            if (add_folder(p, words[i], 0, err))
                return -1;
            if (p->n == before)
                return sb_fail(err, SB_EINPUT, "the folder %s holds no file", words[i]);
        } else if (add_path(p, words[i], false)) {
            return sb_fail_nomem(err);
        }
    }
    return 0;
}

/* ---- scanning on several cores ---- */

static void run_job(void *arg)
{
    struct job *job = arg;
    sb_digest_scan(job->part);
    atomic_store(&job->part->scanned, true);
    sb_queue_post(job->done, 0, NULL, free); /* only wakes the waiting: the flag is what counts */
    free(job);
}

static size_t cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? (size_t)n : 1;
}

static int submit(struct run *r, struct sb_err *err)
{
    size_t i = r->submitted;
    struct job *job = calloc(1, sizeof *job);
    r->digest.parts[i] = sb_digest_part_new(r->paths.path[i], r->options->range, err);
    if (!job || !r->digest.parts[i]) {
        free(job);
        return sb_fail_nomem(err);
    }
    *job = (struct job){r->digest.parts[i], r->done};
    r->submitted++;
    return sb_pool_submit(r->pool, run_job, job, free) ? 0 : sb_fail_nomem(err);
}

/* Says what is wrong with a file; a folder's files of other kinds are nobody's fault. */
static void complain_of(struct run *r, size_t i)
{
    const struct sb_digest_part *part = r->digest.parts[i];
    bool other_kind = part->opened && part->kind == SB_INFILE_OTHER;
    if (r->bar) {
        fputs("\r\033[K", stderr);
        r->bar = false;
    }
    if (part->error.code && !(r->paths.from_folder[i] && other_kind)) {
        int status = sb_complain(&part->error);
        r->status = status > r->status ? status : r->status;
    }
    struct sb_err err = SB_ERR_INIT;
    if (part->damage && !r->options->quiet) {
        sb_fail(&err, SB_EINPUT, part->bad_lines > 1 ? "%s (and %llu more places); what could be read is counted" : "%s; what could be read is counted",
                part->damage, (unsigned long long)part->bad_lines - 1);
        sb_complain(&err);
    } else if (part->bad_lines && !r->options->quiet) {
        sb_fail(&err, SB_EINPUT, "%s:%llu: %s; %llu such %s counted as bad and left out", part->path,
                (unsigned long long)part->first_bad, part->first_bad_what, (unsigned long long)part->bad_lines,
                part->bad_lines == 1 ? "line was" : "lines were");
        sb_complain(&err);
    }
}

static int merge(struct run *r, size_t i, struct sb_err *err)
{
    struct sb_digest *d = &r->digest;
    struct sb_digest_part *part = d->parts[i];
    complain_of(r, i);
    if (sb_workload_merge(d->work, part->work, err))
        return -1;
    if (sb_log_indexes_merge(&d->indexes, &part->indexes) || sb_digest_events_merge(&d->events, &part->events) || sb_digest_connections_merge(&d->connections, &part->connections))
        return sb_fail_nomem(err);
    sb_workload_free(part->work);
    sb_log_indexes_release(&part->indexes);
    part->work = NULL;
    sb_digest_events_release(&part->events);
    sb_digest_connections_release(&part->connections);
    return 0;
}

static void draw_bar(struct run *r)
{
    if (sb_mono_ms() - r->start_ms < BAR_AFTER_MS)
        return;
    long done = (long)r->merged * 1000;
    for (size_t i = r->merged; i < r->submitted; i++) {
        int permille = atomic_load_explicit(&r->digest.parts[i]->permille, memory_order_relaxed);
        done += permille > 0 ? permille : 0;
    }
    int share = (int)(done / (long)r->paths.n), filled = share * 40 / 1000;
    char line[41];
    memset(line, '.', 40);
    memset(line, '#', (size_t)(filled < 40 ? filled : 40));
    line[40] = '\0';
    fprintf(stderr, "\r[%s] %3d %%  file %zu of %zu", line, share / 10, r->merged + 1, r->paths.n);
    fflush(stderr);
    r->bar = true;
}

/* Keeps the workers busy, no more than two files ahead of each, and merges in order. */
static int scan_all(struct run *r, struct sb_err *err)
{
    const char *term = getenv("TERM");
    bool with_bar = !r->options->quiet && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    r->start_ms = sb_mono_ms();
    while (r->merged < r->paths.n) {
        while (r->submitted < r->paths.n && r->submitted < r->merged + 2 * r->workers)
            if (submit(r, err))
                return -1;
        struct sb_mail mail;
        sb_queue_wait(r->done, &mail, BAR_EVERY_MS);
        for (; r->merged < r->submitted && atomic_load(&r->digest.parts[r->merged]->scanned); r->merged++)
            if (merge(r, r->merged, err))
                return -1;
        if (with_bar)
            draw_bar(r);
    }
    if (r->bar)
        fputs("\r\033[K", stderr);
    return 0;
}

static int prepare(struct run *r, struct sb_err *err)
{
    size_t n = r->paths.n;
    r->workers = cores() < n ? cores() : n;
    r->digest.parts = calloc(n, sizeof(struct sb_digest_part *));
    r->digest.parts_n = n;
    r->digest.connections.peak = SB_ABSENT;
    if (!r->digest.parts)
        return sb_fail_nomem(err);
    r->digest.work = sb_workload_new(NULL, err);
    r->done = r->digest.work ? sb_queue_new(1, err) : NULL;
    r->pool = r->done ? sb_pool_new(r->workers, err) : NULL;
    return r->pool ? 0 : -1;
}

/* Whether there is anything to report of. Nothing in a folder was ours: then that is worth a word. */
static bool check_kinds(struct run *r)
{
    size_t ours = 0;
    for (size_t i = 0; i < r->digest.parts_n; i++)
        ours += r->digest.parts[i]->opened && r->digest.parts[i]->kind <= SB_INFILE_FTDC;
    if (ours || r->status)
        return ours > 0;
    struct sb_err err = SB_ERR_INIT;
    sb_fail(&err, SB_EINPUT, "none of the %zu files is a mongod log, diagnostic data (FTDC) or holds documents of system.profile", r->digest.parts_n);
    r->status = sb_complain(&err);
    return false;
}

static int64_t span_of(const struct sb_digest *d)
{
    int64_t from = INT64_MAX, to = INT64_MIN;
    for (size_t i = 0; i < d->parts_n; i++) {
        if (d->parts[i]->from_ms == SB_NO_TIME)
            continue;
        from = d->parts[i]->from_ms < from ? d->parts[i]->from_ms : from;
        to = d->parts[i]->to_ms > to ? d->parts[i]->to_ms : to;
    }
    return to > from ? to - from : 0;
}

static int advise(struct run *r, struct sb_err *err)
{
    struct sb_digest *d = &r->digest;
    if (r->options->catalogue && sb_digest_catalogue(d, r->options->catalogue, err))
        return -1;
    int64_t end = SB_NO_TIME;
    for (size_t i = 0; i < d->parts_n; i++)
        if (d->parts[i]->from_ms != SB_NO_TIME && d->parts[i]->to_ms > end)
            end = d->parts[i]->to_ms;
    if (d->catalogue.at_ms > end)
        end = d->catalogue.at_ms;
    const struct sb_log_question q = {.workload = d->work, .indexes = &d->indexes, .catalogues = d->catalogue.items, .catalogues_n = d->catalogue.items_n,
                                      .span_ms = d->span_ms, .now_ms = end};
    return sb_log_advise(&q, &d->advice, &d->advice_n, err);
}

static int report(struct run *r, struct sb_err *err)
{
    r->digest.span_ms = span_of(&r->digest);
    if (sb_digest_events_finish(&r->digest, r->digest.span_ms))
        return sb_fail_nomem(err);
    bool something = check_kinds(r);
    uint64_t lost = sb_workload_lost(r->digest.work);
    if (lost)
        return sb_fail(err, SB_ENOMEM, "out of memory: %llu operations could not be counted", (unsigned long long)lost);
    r->digest.advised = r->options->advice;
    if (r->options->advice && advise(r, err))
        return -1;
    if (r->options->json)
        return sb_digest_json(&r->digest, err);
    return something ? sb_digest_table(&r->digest, err) : 0;
}

static void release(struct run *r)
{
    if (!sb_pool_free(r->pool, 60000))
        return; /* a worker hangs in a read: what it uses stays, the process ends */
    sb_queue_free(r->done);
    for (size_t i = 0; r->digest.parts && i < r->digest.parts_n; i++)
        sb_digest_part_free(r->digest.parts[i]);
    free(r->digest.parts);
    sb_workload_free(r->digest.work);
    sb_digest_events_release(&r->digest.events);
    sb_digest_connections_release(&r->digest.connections);
    sb_log_advice_free(r->digest.advice, r->digest.advice_n);
    sb_log_indexes_release(&r->digest.indexes);
    sb_catalogue_replies_release(&r->digest.catalogue);
    release_paths(&r->paths);
}

static int digest(const struct options *options, int n, char **words)
{
    struct sb_err err = SB_ERR_INIT;
    struct run *r = calloc(1, sizeof *r);
    if (!r) {
        sb_fail_nomem(&err);
        return sb_complain(&err);
    }
    r->options = options;
    int status;
    if (collect(&r->paths, n, words, &err) || prepare(r, &err) || scan_all(r, &err) || report(r, &err))
        status = sb_complain(&err);
    else
        status = r->status;
    release(r);
    free(r);
    return status;
}

int sb_cmd_digest(int argc, char **argv)
{
    struct options options = {.range = {INT64_MIN + 1, INT64_MAX}};
    const char *since = NULL, *until = NULL;
    const struct sb_option known[] = {
        {"--json", &options.json, NULL},
        {"--quiet", &options.quiet, NULL},
        {"--advice", &options.advice, NULL},
        {"--catalogue", NULL, &options.catalogue},
        {"--since", NULL, &since},
        {"--until", NULL, &until},
    };
    int n = sb_options_read(argc, argv, known, SB_COUNT(known));
    if (n < 0)
        return 2;
    if (n == 0)
        return sb_usage_error("digest wants files: signalbox digest [--json] [--since T] [--until T] [--advice [--catalogue FILE]] PATH...");
    if (options.catalogue && !options.advice)
        return sb_usage_error("--catalogue is for advice: add --advice");
    if (since && sb_when(since, &options.range.since_ms))
        return sb_usage_error("--since %s is not a time: write 2026-11-23, 2026-11-23T09:05 or 2026-11-23T09:05:10Z", since);
    if (until && sb_when(until, &options.range.until_ms))
        return sb_usage_error("--until %s is not a time: write 2026-11-23, 2026-11-23T09:05 or 2026-11-23T09:05:10Z", until);
    if (options.range.since_ms > options.range.until_ms)
        return sb_usage_error("--since %s is later than --until %s: nothing can lie between them", since, until);
    return digest(&options, n, argv + 1);
}
