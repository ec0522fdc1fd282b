/* SPDX-License-Identifier: Apache-2.0
 *
 * incident_follow.c - `signalbox incident --follow`: logs that still grow in, each incident out when it begins and when it is
 * over. */
#include "incident.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/incident_report.h>
#include <signalbox/formats/tail.h>

#include <time.h>

#define LOOK_MS 20 /* between two looks at files in which there was nothing */

struct followed {
    const char *path;
    struct sb_tail *tail;
    struct sb_mongolog reader;
    struct sb_log_line line;
    struct sb_slow_op op;
    int member;
    bool waits;  /* the line is to be handed on */
    bool failed; /* said */
    uint64_t bad;
};

struct follow {
    struct sb_incidents *in;
    struct followed *log;
    size_t n, notes;
    bool json;
    int64_t newest_ms, newest_mono; /* the newest line's time, and when it was read */
};

static void say(const struct followed *l, const char *what)
{
    struct sb_err err = SB_ERR_INIT;
    sb_fail(&err, SB_EINPUT, "%s: %s", l->path, what);
    sb_complain(&err);
}

/* The next line that can be read, if there is one: 0 or -1. */
static int look(struct followed *l, struct sb_err *err)
{
    struct sb_span text;
    enum sb_line_end end;
    struct sb_err failed = SB_ERR_INIT;
    while (!l->waits) {
        enum sb_log_status status;
        switch (sb_tail_next(l->tail, &text, &end, &failed)) {
        case SB_TAIL_NOTHING:
            return 0;
        case SB_TAIL_ROTATED:
            say(l, "another file has this name now; the old one was read to its end");
            break;
        case SB_TAIL_CUT:
            say(l, "it became shorter and is read from its beginning; what was cut off unread is lost");
            break;
        case SB_TAIL_FAILED:
            if (failed.code == SB_ENOMEM)
                return sb_fail_nomem(err);
            if (!l->failed)
                sb_complain(&failed);
            l->failed = true;
            return 0;
        case SB_TAIL_LINE:
            l->failed = false;
            status = end == SB_LINE_TOO_LONG ? SB_LOG_BAD : sb_mongolog_line(&l->reader, text.p, text.n, &l->line, &l->op);
            if (status == SB_LOG_NOMEM)
                return sb_fail_nomem(err);
            l->waits = status == SB_LOG_GOOD && l->line.at_ms != SB_NO_TIME;
            if (!l->waits && text.n && l->bad++ == 0)
                say(l, "a line could not be read; of more like it nothing is said");
            break;
        }
    }
    return 0;
}

static int print(bool json, const char *event, const struct sb_incident *incident, struct sb_err *err)
{
    if (json)
        return sb_incident_print_event(event, incident, err);
    if (sb_print("%s: ", event))
        return sb_fail(err, SB_EIO, "cannot write the result to standard output");
    return sb_incident_print_text(incident, err);
}

int sb_incident_tell(struct sb_incidents *in, bool json, size_t *notes, struct sb_err *err)
{
    struct sb_incident one;
    int rc = sb_incidents_opened(in, &one, err);
    if (rc < 0)
        return -1;
    if (rc > 0) {
        rc = print(json, "open", &one, err);
        sb_incident_release(&one);
    }
    while (rc == 0 && sb_incidents_take(in, &one)) {
        rc = print(json, "over", &one, err);
        sb_incident_release(&one);
    }
    for (const char *note; rc == 0 && (note = sb_incidents_note(in, *notes)) != NULL; ++*notes) {
        struct sb_err said = SB_ERR_INIT;
        sb_fail(&said, SB_EINPUT, "%s", note);
        sb_complain(&said);
    }
    return rc;
}

static int tell(struct follow *f, struct sb_err *err)
{
    return sb_incident_tell(f->in, f->json, &f->notes, err);
}

/* Hands on the earliest line of all: 1, 0 there is none now, -1. */
static int step(struct follow *f, struct sb_err *err)
{
    struct followed *first = NULL;
    for (size_t i = 0; i < f->n; i++) {
        if (look(&f->log[i], err))
            return -1;
        if (f->log[i].waits && (!first || f->log[i].line.at_ms < first->line.at_ms))
            first = &f->log[i];
    }
    if (!first)
        return 0;
    if (sb_incidents_log(f->in, first->member, &first->line, first->line.slow ? &first->op : NULL, err))
        return -1;
    if (first->line.at_ms > f->newest_ms) {
        f->newest_ms = first->line.at_ms;
        f->newest_mono = sb_mono_ms();
    }
    first->waits = false;
    return tell(f, err) ? -1 : 1;
}

/* By the servers' clocks: as long after the newest line as it was read by ours. */
static int pass_time(struct follow *f, struct sb_err *err)
{
    if (!f->newest_ms)
        return 0;
    if (sb_incidents_pass(f->in, f->newest_ms + sb_mono_ms() - f->newest_mono, err) || tell(f, err))
        return -1;
    return fflush(stdout) ? sb_fail(err, SB_EIO, "cannot write the result to standard output") : 0;
}

static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Called by its file, or by all of its path where two files are called alike. */
static int open_log(struct follow *f, char **paths, size_t n, size_t i, struct sb_err *err)
{
    struct followed *l = &f->log[f->n];
    bool alike = false;
    for (size_t k = 0; k < n; k++)
        alike |= k != i && strcmp(base(paths[k]), base(paths[i])) == 0;
    l->path = paths[i];
    l->tail = sb_tail_open(paths[i], err);
    if (!l->tail)
        return -1;
    sb_mongolog_init(&l->reader);
    f->n++;
    const char *name = alike ? paths[i] : base(paths[i]), *end = strstr(name, ".log");
    char *called = sb_strdup_n(name, end && end != name ? (size_t)(end - name) : strlen(name));
    if (!called)
        return sb_fail_nomem(err);
    l->member = sb_incidents_member(f->in, called, err);
    free(called);
    return l->member < 0 ? -1 : 0;
}

int sb_incident_follow(char **paths, size_t n, bool json, struct sb_err *err)
{
    struct follow f = {.in = sb_incidents_new(err), .log = calloc(n, sizeof *f.log), .json = json};
    int rc = f.in && f.log ? 0 : sb_fail_nomem(err);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = open_log(&f, paths, n, i, err);
    while (rc == 0) {
        while ((rc = step(&f, err)) > 0)
            ;
        if (rc == 0)
            rc = pass_time(&f, err);
        if (rc == 0)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    for (size_t i = 0; i < f.n; i++) {
        sb_tail_close(f.log[i].tail);
        sb_mongolog_release(&f.log[i].reader);
    }
    free(f.log);
    sb_incidents_free(f.in);
    return rc;
}
