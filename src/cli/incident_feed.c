/* SPDX-License-Identifier: Apache-2.0
 *
 * incident_feed.c - which files belong to which member, and one stream of them all. */
#include "incident.h"

#include <signalbox/base/array.h>
#include <signalbox/formats/ftdc.h>
#include <signalbox/formats/mongolog.h>

#include <bson/bson.h>
#include <dirent.h>
#include <sys/stat.h>

#define MAX_DEPTH 5
#define MAX_STREAMS 512
#define MAX_NOTES 64

struct stream {
    char *path;
    dev_t dev;             /* which file it is, by whatever name */
    ino_t ino;
    char *home;            /* whose it is: the folder, or the folder and the log's name */
    enum { OF_METRICS, OF_LOG, OF_SPANS } of;
    int member;
    int64_t key_ms;        /* time of what comes next, never going back */
    bool ended;
    /* diagnostic data */
    struct sb_ftdc *ftdc;
    struct sb_ftdc_doc doc;
    struct sb_vitals_map map;
    size_t sample, damaged, told;
    /* spans: those of the line at hand, in the order of their ends */
    struct sb_otlp otlp;
    struct sb_otlp_span *spans;
    size_t spans_n, spans_cap, span;
    /* a log, or spans */
    struct sb_infile *file;
    struct sb_mongolog reader;
    struct sb_log_line line;
    struct sb_slow_op op;
    uint64_t bad;
    int64_t connection_id; /* of the newest connection, which in one process only grows */
    unsigned fell;         /* how often it did not */
    bool said_back, said_mixed;
};

#define BACK_MS 60000 /* a line that much older than one before it: the clock was set back, or another file was put behind */
#define MIXED 3       /* connection ids fall when a server starts anew; where they do again and again, two servers write */
#define STARTED 4615611

struct sb_feed {
    struct sb_incidents *in;
    struct stream **streams;
    size_t streams_n, streams_cap;
    struct {
        char *text;
        bool failure; /* something was not read, rather than damaged */
    } notes[MAX_NOTES];
    size_t notes_n;
    size_t twice; /* files that were given more than once, and are read once */
    bool failed;
    struct sb_vitals vitals;
};

static void note(struct sb_feed *f, const char *fmt, ...) SB_PRINTF(2, 3);
static void note(struct sb_feed *f, const char *fmt, ...)
{
    struct sb_str s;
    va_list ap;
    if (f->notes_n == MAX_NOTES)
        return;
    sb_str_init(&s);
    va_start(ap, fmt);
    sb_str_vaddf(&s, fmt, ap);
    va_end(ap);
    f->notes[f->notes_n].failure = false;
    f->notes[f->notes_n].text = sb_str_take(&s);
    f->notes_n += f->notes[f->notes_n].text != NULL;
}

static void note_failure(struct sb_feed *f, const struct sb_err *why)
{
    size_t before = f->notes_n;
    note(f, "%s", why->msg);
    if (f->notes_n > before)
        f->notes[before].failure = true;
    f->failed = true;
}

const char *sb_feed_note(const struct sb_feed *f, size_t i, bool *failure)
{
    if (i >= f->notes_n)
        return NULL;
    *failure = f->notes[i].failure;
    return f->notes[i].text;
}

bool sb_feed_failed(const struct sb_feed *f)
{
    return f->failed;
}

int sb_feed_permille(const struct sb_feed *f)
{
    long sum = 0;
    for (size_t i = 0; i < f->streams_n; i++) {
        const struct stream *s = f->streams[i];
        int p = s->ended ? 1000 : s->of != OF_METRICS ? sb_infile_permille(s->file) : sb_ftdc_permille(s->ftdc);
        sum += p < 0 ? 0 : p;
    }
    return f->streams_n ? (int)(sum / (long)f->streams_n) : 0;
}

/* ---- finding ---- */

static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

static char *parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? sb_strdup_n(path, slash == path ? 1 : (size_t)(slash - path)) : sb_format(".");
}

/* diagnostic.data, and mongos's NAME.diagnostic.data, belong to the folder they are in. */
static char *home_of(const char *folder)
{
    return ends_with(base(folder), "diagnostic.data") ? parent(folder) : sb_format("%s", folder);
}

static struct stream *add_stream(struct sb_feed *f, const char *path, char *home, int of, struct sb_err *err)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s || !home || SB_GROW(f->streams, f->streams_cap, f->streams_n + 1) || !(s->path = sb_format("%s", path))) {
        free(s);
        free(home);
        sb_fail_nomem(err);
        return NULL;
    }
    struct stat st = {0};
    if (stat(path, &st) == 0) {
        s->dev = st.st_dev;
        s->ino = st.st_ino;
    }
    s->home = home;
    s->of = of;
    s->key_ms = INT64_MIN;
    sb_mongolog_init(&s->reader);
    sb_otlp_init(&s->otlp);
    f->streams[f->streams_n++] = s;
    return s;
}

/* The same file by two arguments, or by a link, is one: its samples would come twice. */
static bool is_known(struct sb_feed *f, const char *path)
{
    struct stat st;
    if (stat(path, &st))
        return false;
    for (size_t i = 0; i < f->streams_n; i++)
        if (f->streams[i]->dev == st.st_dev && f->streams[i]->ino == st.st_ino) {
            f->twice++;
            return true;
        }
    return false;
}

static int add_ftdc(struct sb_feed *f, const char *path, char *home, struct sb_err *err)
{
    if (is_known(f, path)) {
        free(home);
        return 0;
    }
    struct stream *s = add_stream(f, path, home, OF_METRICS, err);
    struct sb_err failed = SB_ERR_INIT;
    if (!s)
        return -1;
    s->ftdc = sb_ftdc_open(path, &failed);
    if (s->ftdc)
        return 0;
    if (failed.code == SB_ENOMEM)
        return sb_fail_nomem(err);
    note_failure(f, &failed);
    s->ended = true;
    return 0;
}

/* JSON of which the first line is one of spans. The file is at its beginning again afterwards. */
static bool is_of_spans(const char *path, struct sb_infile **file, struct sb_err *err)
{
    struct sb_span line;
    enum sb_line_end end;
    bool is = sb_infile_kind(*file) == SB_INFILE_OTHER && sb_infile_line(*file, &line, &end, err) > 0 && sb_otlp_is(line.p, line.n);
    if (is) {
        sb_infile_close(*file);
        *file = sb_infile_open(path, err);
    }
    return is && *file;
}

/* A log, spans, or diagnostic data by another name; what is none of them is nobody's. */
static int add_file(struct sb_feed *f, const char *path, struct sb_err *err)
{
    struct sb_err failed = SB_ERR_INIT;
    if (is_known(f, path))
        return 0;
    struct sb_infile *file = sb_infile_open(path, &failed);
    char *folder = parent(path);
    int rc = folder ? 0 : sb_fail_nomem(err);
    if (!file && failed.code == SB_ENOMEM)
        rc = sb_fail_nomem(err);
    else if (!file) {
        note_failure(f, &failed);
    } else if (rc == 0 && sb_infile_kind(file) == SB_INFILE_FTDC) {
        rc = add_ftdc(f, path, home_of(folder), err);
    } else if (rc == 0 && sb_infile_kind(file) == SB_INFILE_MONGOLOG) {
        struct stream *s = add_stream(f, path, home_of(folder), OF_LOG, err);
        if (s) {
            s->file = file;
            file = NULL;
        }
        rc = s ? 0 : -1;
    } else if (rc == 0 && is_of_spans(path, &file, &failed)) {
        struct stream *s = add_stream(f, path, sb_format("%s", path), OF_SPANS, err);
        if (s) {
            s->file = file;
            file = NULL;
        }
        rc = s ? 0 : -1;
    }
    sb_infile_close(file);
    free(folder);
    return rc;
}

static int add_folder(struct sb_feed *f, const char *folder, int depth, struct sb_err *err)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort), rc = 0;
    bool metrics = false;
    if (n < 0)
        return sb_fail(err, SB_EINPUT, "cannot read the folder %s", folder);
    for (int i = 0; i < n; i++) {
        struct stat st;
        const char *name = names[i]->d_name;
        char *path = name[0] == '.' ? NULL : sb_format("%s/%s", folder, name);
        if (rc || !path || stat(path, &st) || f->streams_n >= MAX_STREAMS)
            ;
        else if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
            rc = add_folder(f, path, depth + 1, err);
        else if (S_ISREG(st.st_mode) && sb_starts_with(name, "metrics."))
            metrics = true;
        else if (S_ISREG(st.st_mode))
            rc = add_file(f, path, err);
        free(path);
        free(names[i]);
    }
    free(names);
    if (rc == 0 && metrics)
        rc = add_ftdc(f, folder, home_of(folder), err);
    return rc;
}

/* ---- members ---- */

static bool has_metrics(const struct sb_feed *f, const char *home)
{
    for (size_t i = 0; i < f->streams_n; i++)
        if (f->streams[i]->of == OF_METRICS && strcmp(f->streams[i]->home, home) == 0)
            return true;
    return false;
}

/* In a folder without metrics logs are told apart by their names: mongod-0.log.gz, mongod-1.log.2026-11-23T09-00-00. */
static int split_logs(struct sb_feed *f, struct sb_err *err)
{
    for (size_t i = 0; i < f->streams_n; i++) {
        struct stream *s = f->streams[i];
        const char *name = base(s->path), *end = strstr(name, ".log");
        if (s->of != OF_LOG || !end || end == name || has_metrics(f, s->home) || strcmp(base(s->home), name) == 0)
            continue;
        bool alone = true;
        for (size_t k = 0; k < f->streams_n; k++) {
            const char *other = base(f->streams[k]->path);
            alone &= f->streams[k]->of != OF_LOG || strncmp(other, name, (size_t)(end - name) + 4) == 0 || !strstr(other, ".log") ||
                     strncmp(f->streams[k]->path, s->path, (size_t)(name - s->path)) != 0;
        }
        char *home = alone ? NULL : sb_format("%.*s", (int)(end - s->path), s->path);
        if (!alone && !home)
            return sb_fail_nomem(err);
        if (home) {
            free(s->home);
            s->home = home;
        }
    }
    return 0;
}

/* "." is called as the folder is that it stands for. */
static int add_member(struct sb_feed *f, const char *home, bool alike, struct sb_err *err)
{
    bool here = strcmp(base(home), ".") == 0 || strcmp(base(home), "..") == 0;
    char *real = here ? realpath(home, NULL) : NULL;
    int member = sb_incidents_member(f->in, alike ? home : base(real ? real : home), err);
    free(real);
    return member;
}

/* By the last part of its folder's name, and by all of it where two are called alike. */
static int name_members(struct sb_feed *f, struct sb_err *err)
{
    for (size_t i = 0; i < f->streams_n; i++) {
        struct stream *s = f->streams[i];
        bool alike = false;
        s->member = -1;
        if (s->of == OF_SPANS)
            continue;
        for (size_t k = 0; k < f->streams_n; k++) {
            if (k < i && strcmp(f->streams[k]->home, s->home) == 0)
                s->member = f->streams[k]->member;
            alike |= f->streams[k]->of != OF_SPANS && strcmp(f->streams[k]->home, s->home) != 0 && strcmp(base(f->streams[k]->home), base(s->home)) == 0;
        }
        if (s->member < 0)
            s->member = add_member(f, s->home, alike, err);
        if (s->member < 0)
            return -1;
    }
    return 0;
}

/* ---- reading on ---- */

static void come_to(struct stream *s, int64_t at_ms)
{
    s->key_ms = at_ms > s->key_ms ? at_ms : s->key_ms;
}

/* What a member calls the others. */
static int learn_hosts(struct sb_feed *f, const struct sb_ftdc_chunk *chunk, struct sb_err *err)
{
    bson_t bson;
    bson_iter_t it, members, one, at;
    size_t place = 0;
    static const char *const where[] = {"replSetGetStatus.members", "common.replSetGetStatus.members", "shard.replSetGetStatus.members"};
    bool found = false;
    for (size_t i = 0; i < SB_COUNT(where) && !found; i++)
        found = bson_init_static(&bson, chunk->reference, chunk->reference_n) && bson_iter_init(&it, &bson) &&
                bson_iter_find_descendant(&it, where[i], &members) && BSON_ITER_HOLDS_ARRAY(&members) && bson_iter_recurse(&members, &one);
    if (!found)
        return 0;
    for (; bson_iter_next(&one); place++)
        if (BSON_ITER_HOLDS_DOCUMENT(&one) && bson_iter_recurse(&one, &at) && bson_iter_find(&at, "name") && BSON_ITER_HOLDS_UTF8(&at) &&
            sb_incidents_peer(f->in, place, bson_iter_utf8(&at, NULL), err))
            return -1;
    return 0;
}

static void tell_damage(struct sb_feed *f, struct stream *s)
{
    for (const char *text; (text = sb_ftdc_note(s->ftdc, s->told)) != NULL; s->told++)
        note(f, "%s", text);
    if (sb_ftdc_damaged(s->ftdc) != s->damaged)
        sb_incidents_hole(f->in, s->member);
    s->damaged = sb_ftdc_damaged(s->ftdc);
}

/* The next sample of the stream: 0 with its time in key_ms or `ended`, or -1. */
static int next_sample(struct sb_feed *f, struct stream *s, struct sb_err *err)
{
    s->sample++;
    while (s->sample >= s->doc.chunk.samples) {
        int rc = sb_ftdc_next(s->ftdc, &s->doc, err);
        tell_damage(f, s);
        if (rc < 0)
            return -1;
        s->ended = rc == 0;
        if (s->ended) {
            sb_incidents_hole(f->in, s->member);
            return 0;
        }
        s->sample = s->doc.chunk.skip;
        if (s->doc.kind != SB_FTDC_METRICS || !sb_vitals_map(&s->map, &s->doc.chunk))
            s->doc.chunk.samples = s->sample = 0;
        else if (learn_hosts(f, &s->doc.chunk, err))
            return -1;
    }
    come_to(s, s->doc.chunk.values[(s->map.start - 1) * s->doc.chunk.samples + s->sample]);
    return 0;
}

static int by_end(const void *a, const void *b)
{
    const struct sb_otlp_span *x = a, *y = b;
    return (x->end_ms > y->end_ms) - (x->end_ms < y->end_ms);
}

static int keep_span(void *arg, const struct sb_otlp_span *span)
{
    struct stream *s = arg;
    if (!sb_otlp_is_call(span))
        return 0;
    if (SB_GROW(s->spans, s->spans_cap, s->spans_n + 1))
        return -1;
    s->spans[s->spans_n++] = *span;
    return 0;
}

/* Once a file: what makes its lines less than they seem. */
static void notice(struct sb_feed *f, struct stream *s)
{
    int64_t id;
    if (s->key_ms != INT64_MIN && s->line.at_ms < s->key_ms - BACK_MS && !s->said_back) {
        note(f, "%s: its times go back by %lld s at line %llu", s->path, (long long)((s->key_ms - s->line.at_ms) / 1000), (unsigned long long)sb_infile_number(s->file));
        s->said_back = true;
    }
    if (s->line.id == STARTED)
        s->connection_id = 0;
    if (!SB_SPAN_IS(s->line.msg, "Connection accepted") || !s->line.attr.p || !sb_jt_find_integer(s->line.attr, "connectionId", &id))
        return;
    s->fell += id < s->connection_id;
    s->connection_id = id;
    if (s->fell >= MIXED && !s->said_mixed) {
        note(f, "%s: lines of more than one server are mixed in it: what they tell is told of one member", s->path);
        s->said_mixed = true;
    }
}

/* What a line holds: its spans in order of time, or itself. */
static enum sb_log_status read_line(struct stream *s, const struct sb_span *text)
{
    if (s->of == OF_LOG)
        return sb_mongolog_line(&s->reader, text->p, text->n, &s->line, &s->op);
    int stopped;
    s->spans_n = s->span = 0;
    enum sb_log_status status = sb_otlp_line(&s->otlp, text->p, text->n, keep_span, s, &stopped);
    if (s->spans_n)
        qsort(s->spans, s->spans_n, sizeof *s->spans, by_end);
    return stopped ? SB_LOG_NOMEM : status;
}

/* The next line that can be read; of spans, the next one. */
static int next_line(struct sb_feed *f, struct stream *s, struct sb_err *err)
{
    struct sb_span text;
    enum sb_line_end end;
    struct sb_err failed = SB_ERR_INIT;
    int rc;
    if (s->of == OF_SPANS && s->span + 1 < s->spans_n) {
        come_to(s, s->spans[++s->span].end_ms);
        return 0;
    }
    while ((rc = sb_infile_line(s->file, &text, &end, &failed)) > 0) {
        enum sb_log_status status = end == SB_LINE_TOO_LONG ? SB_LOG_BAD : read_line(s, &text);
        if (status == SB_LOG_NOMEM)
            return sb_fail_nomem(err);
        bool any = s->of == OF_LOG ? status == SB_LOG_GOOD && s->line.at_ms != SB_NO_TIME : s->spans_n > 0;
        s->bad += text.n > 0 && (s->of == OF_LOG ? !any : status != SB_LOG_GOOD);
        if (any && s->of == OF_LOG)
            notice(f, s);
        if (any) {
            come_to(s, s->of == OF_LOG ? s->line.at_ms : s->spans[0].end_ms);
            return 0;
        }
    }
    if (rc < 0 && failed.code == SB_ENOMEM)
        return sb_fail_nomem(err);
    if (rc < 0)
        note_failure(f, &failed);
    if (s->bad)
        note(f, "%s: %llu line%s could not be read", s->path, (unsigned long long)s->bad, s->bad == 1 ? "" : "s");
    s->ended = true;
    return 0;
}

static int advance(struct sb_feed *f, struct stream *s, struct sb_err *err)
{
    return s->of != OF_METRICS ? next_line(f, s, err) : next_sample(f, s, err);
}

int sb_feed_step(struct sb_feed *f, struct sb_err *err)
{
    struct stream *first = NULL;
    for (size_t i = 0; i < f->streams_n; i++) {
        struct stream *s = f->streams[i];
        if (!s->ended && (!first || s->key_ms < first->key_ms || (s->key_ms == first->key_ms && s->of != OF_METRICS && first->of == OF_METRICS)))
            first = s;
    }
    if (!first)
        return 0;
    if (first->of == OF_SPANS) {
        if (sb_incidents_span(f->in, &first->spans[first->span], err))
            return -1;
    } else if (first->of == OF_LOG) {
        if (sb_incidents_log(f->in, first->member, &first->line, first->line.slow ? &first->op : NULL, err))
            return -1;
    } else {
        sb_vitals_read(&first->map, &first->doc.chunk, first->sample, &f->vitals);
        if (sb_incidents_sample(f->in, first->member, &f->vitals, err))
            return -1;
    }
    return advance(f, first, err) ? -1 : 1;
}

/* ---- opening ---- */

static int open_path(struct sb_feed *f, const char *given, struct sb_err *err)
{
    struct stat st;
    size_t before = f->streams_n, n = strlen(given);
    while (n > 1 && given[n - 1] == '/')
        n--;
    char *path = sb_strdup_n(given, n);
    if (!path)
        return sb_fail_nomem(err);
    int rc = 0;
    size_t twice = f->twice, said = f->notes_n;
    if (stat(path, &st))
        rc = sb_fail(err, SB_EINPUT, "there is no folder %s", path);
    else
        rc = S_ISDIR(st.st_mode) ? add_folder(f, path, 0, err) : add_file(f, path, err);
    if (rc == 0 && f->streams_n == before && f->twice == twice && f->notes_n == said)
        rc = sb_fail(err, SB_EINPUT, "%s holds neither diagnostic data (files named metrics.*) nor a structured mongod log nor spans (OTLP as JSON lines)", path);
    free(path);
    return rc;
}

struct sb_feed *sb_feed_open(char **paths, size_t n, struct sb_incidents *in, struct sb_err *err)
{
    struct sb_feed *f = calloc(1, sizeof *f);
    bool metrics = false;
    if (!f) {
        sb_fail_nomem(err);
        return NULL;
    }
    f->in = in;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct sb_err failed = SB_ERR_INIT;
        rc = open_path(f, paths[i], &failed);
        if (rc && (n == 1 || failed.code == SB_ENOMEM)) {
            *err = failed;
        } else if (rc) {
            note_failure(f, &failed);
            rc = 0;
        }
    }
    if (rc == 0 && (split_logs(f, err) || name_members(f, err)))
        rc = -1;
    for (size_t i = 0; i < f->streams_n && rc == 0; i++) {
        metrics |= f->streams[i]->of == OF_METRICS;
        rc = f->streams[i]->ended ? 0 : advance(f, f->streams[i], err);
    }
    if (rc == 0 && f->streams_n && !metrics)
        note(f, "there are logs and no diagnostic data: only what shows in slow operations, connections and states can be told");
    if (f->streams_n >= MAX_STREAMS)
        note(f, "more than %d files are too many at once: the rest is not read", MAX_STREAMS);
    if (rc == 0)
        return f;
    sb_feed_close(f);
    return NULL;
}

void sb_feed_close(struct sb_feed *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->streams_n; i++) {
        struct stream *s = f->streams[i];
        sb_ftdc_close(s->ftdc);
        sb_infile_close(s->file);
        sb_mongolog_release(&s->reader);
        sb_otlp_release(&s->otlp);
        free(s->spans);
        free(s->path);
        free(s->home);
        free(s);
    }
    free(f->streams);
    for (size_t i = 0; i < f->notes_n; i++)
        free(f->notes[i].text);
    free(f);
}
