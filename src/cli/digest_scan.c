/* SPDX-License-Identifier: Apache-2.0
 *
 * digest_scan.c - one file of a digest, from its first line to its last.
 */
#include "digest.h"

#include <signalbox/formats/ftdc.h>
#include <signalbox/formats/mongolog.h>
#include <signalbox/formats/profile.h>

#include <bson/bson.h>

/* The progress is looked at so often, in lines. */
#define PROGRESS_EVERY 4096

struct sb_digest_part *sb_digest_part_new(const char *path, struct sb_digest_range range, struct sb_err *err)
{
    struct sb_digest_part *part = calloc(1, sizeof *part);
    if (!part || !(part->path = sb_format("%s", path)) || !(part->work = sb_workload_new(NULL, err))) {
        sb_digest_part_free(part);
        sb_fail_nomem(err);
        return NULL;
    }
    part->range = range;
    part->from_ms = part->to_ms = SB_NO_TIME;
    part->connections.peak = SB_ABSENT;
    return part;
}

void sb_digest_part_free(struct sb_digest_part *part)
{
    if (!part)
        return;
    sb_workload_free(part->work);
    sb_digest_events_release(&part->events);
    sb_digest_connections_release(&part->connections);
    free(part->path);
    free(part->damage);
    free(part);
}

static bool in_range(const struct sb_digest_part *part, int64_t at_ms)
{
    return at_ms == SB_NO_TIME || (at_ms >= part->range.since_ms && at_ms < part->range.until_ms);
}

static void note_time(struct sb_digest_part *part, int64_t at_ms)
{
    if (at_ms == SB_NO_TIME)
        return;
    if (part->from_ms == SB_NO_TIME || at_ms < part->from_ms)
        part->from_ms = at_ms;
    if (at_ms > part->to_ms)
        part->to_ms = at_ms;
}

static void note_bad(struct sb_digest_part *part, uint64_t number, const char *what)
{
    if (part->bad_lines++ == 0) {
        part->first_bad = number;
        part->first_bad_what = what;
    }
}

/* "Build Info" says which version wrote the log; of several the last. */
static void note_version(struct sb_digest_part *part, const struct sb_log_line *line)
{
    struct sb_span version;
    if (line->id != 23403 || !line->attr.p || !sb_jt_find_string(line->attr, "buildInfo.version", &version))
        return;
    if (version.n < sizeof part->version) {
        memcpy(part->version, version.p, version.n);
        part->version[version.n] = '\0';
    }
}

static int take_log_line(struct sb_digest_part *part, const struct sb_log_line *line, const struct sb_slow_op *op)
{
    struct sb_log_event event;
    note_time(part, line->at_ms);
    note_version(part, line);
    if (!in_range(part, line->at_ms)) {
        if (line->slow) /* the write of a command that ends in the range may have ended before it */
            sb_workload_pass(part->work, op);
        return 0;
    }
    if (line->slow)
        return sb_workload_add(part->work, op, &part->error);
    if (sb_digest_connection_add(&part->connections, line) ||
        (sb_log_event(line, &event) && sb_digest_event_add(&part->events, line, &event)))
        return sb_fail_nomem(&part->error);
    return 0;
}

static const char *bad_line(enum sb_line_end end, enum sb_log_status status)
{
    if (end == SB_LINE_TOO_LONG)
        return "this line is too long to be a log line";
    if (status == SB_LOG_CUT)
        return end == SB_LINE_UNENDED ? "the file ends in the middle of this line" : "this line is cut off";
    return "this line cannot be read";
}

static bool blank(struct sb_span line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r')
            return false;
    return true;
}

static int scan_log(struct sb_digest_part *part, struct sb_infile *in)
{
    struct sb_mongolog reader;
    struct sb_span text;
    struct sb_log_line line;
    struct sb_slow_op op;
    enum sb_line_end end;
    int rc;
    sb_mongolog_init(&reader);
    while ((rc = sb_infile_line(in, &text, &end, &part->error)) > 0) {
        uint64_t number = sb_infile_number(in);
        if (number % PROGRESS_EVERY == 0)
            atomic_store_explicit(&part->permille, sb_infile_permille(in), memory_order_relaxed);
        if (blank(text))
            continue;
        enum sb_log_status status = end == SB_LINE_TOO_LONG ? SB_LOG_BAD : sb_mongolog_line(&reader, text.p, text.n, &line, &op);
        if (status == SB_LOG_NOMEM)
            rc = sb_fail_nomem(&part->error);
        else if (status != SB_LOG_GOOD)
            note_bad(part, number, bad_line(end, status));
        else
            rc = take_log_line(part, &line, &op);
        if (rc < 0)
            break;
    }
    sb_mongolog_release(&reader);
    return rc;
}

static int take_op(struct sb_digest_part *part, const struct sb_slow_op *op)
{
    note_time(part, op->at_ms);
    return in_range(part, op->at_ms) ? sb_workload_add(part->work, op, &part->error) : 0;
}

static int scan_profile_json(struct sb_digest_part *part, struct sb_infile *in)
{
    struct sb_scratch scratch = {NULL, 0, 0, 0};
    struct sb_span text;
    struct sb_slow_op op;
    enum sb_line_end end;
    int rc;
    while ((rc = sb_infile_line(in, &text, &end, &part->error)) > 0) {
        uint64_t number = sb_infile_number(in);
        if (number % PROGRESS_EVERY == 0)
            atomic_store_explicit(&part->permille, sb_infile_permille(in), memory_order_relaxed);
        if (blank(text))
            continue;
        enum sb_log_status status = end == SB_LINE_TOO_LONG ? SB_LOG_BAD : sb_profile_json(&scratch, text.p, text.n, &op);
        if (status == SB_LOG_NOMEM)
            rc = sb_fail_nomem(&part->error);
        else if (status != SB_LOG_GOOD)
            note_bad(part, number, bad_line(end, status));
        else
            rc = take_op(part, &op);
        if (rc < 0)
            break;
    }
    sb_scratch_release(&scratch);
    return rc;
}

static int scan_profile_bson(struct sb_digest_part *part, struct sb_infile *in)
{
    struct sb_span document;
    struct sb_slow_op op;
    int rc;
    while ((rc = sb_infile_document(in, &document, &part->error)) > 0) {
        uint64_t number = sb_infile_number(in);
        if (number % PROGRESS_EVERY == 0)
            atomic_store_explicit(&part->permille, sb_infile_permille(in), memory_order_relaxed);
        if (!sb_profile_bson_data((const uint8_t *)document.p, document.n, &op))
            note_bad(part, number, "this document is not one of system.profile");
        else if (take_op(part, &op))
            return -1;
    }
    return rc;
}

/* ---- diagnostic data ---- */

/* The metadata document has buildInfo; where the document is of another kind nothing is known. */
static void note_build(struct sb_digest_part *part, struct sb_span doc)
{
    bson_t bson;
    bson_iter_t it, at;
    uint32_t n;
    if (!doc.p || !bson_init_static(&bson, (const uint8_t *)doc.p, doc.n) || !bson_iter_init(&it, &bson))
        return;
    if (!bson_iter_find_descendant(&it, "buildInfo.version", &at) || !BSON_ITER_HOLDS_UTF8(&at))
        return;
    const char *version = bson_iter_utf8(&at, &n);
    if (n < sizeof part->version) {
        memcpy(part->version, version, n);
        part->version[n] = '\0';
    }
}

static void take_chunk(struct sb_digest_part *part, const struct sb_ftdc_chunk *chunk)
{
    const int64_t *start = sb_ftdc_column(chunk, "start");
    bool in = false;
    for (size_t s = chunk->skip; s < chunk->samples; s++) {
        int64_t at_ms = start ? start[s] : SB_NO_TIME;
        note_time(part, at_ms);
        if (in_range(part, at_ms)) {
            part->samples++;
            in = true;
        }
    }
    if (in && chunk->metrics_n > part->metrics)
        part->metrics = chunk->metrics_n;
}

/* What is damaged is left out and said, as a bad line of a log is. */
static int scan_ftdc(struct sb_digest_part *part)
{
    struct sb_ftdc_doc doc;
    int rc;
    if (strcmp(part->path, "-") == 0)
        return sb_fail(&part->error, SB_EINPUT, "diagnostic data (FTDC) is read from files, not from standard input");
    struct sb_ftdc *f = sb_ftdc_open(part->path, &part->error);
    if (!f)
        return -1;
    while ((rc = sb_ftdc_next(f, &doc, &part->error)) > 0) {
        atomic_store_explicit(&part->permille, sb_ftdc_permille(f), memory_order_relaxed);
        if (doc.kind == SB_FTDC_METADATA)
            note_build(part, doc.doc);
        else if (doc.kind == SB_FTDC_METRICS)
            take_chunk(part, &doc.chunk);
    }
    part->bytes = sb_ftdc_bytes(f);
    part->bad_lines = sb_ftdc_damaged(f);
    part->damage = sb_ftdc_note(f, 0) ? sb_format("%s", sb_ftdc_note(f, 0)) : NULL;
    sb_ftdc_close(f);
    return rc;
}

void sb_digest_scan(struct sb_digest_part *part)
{
    struct sb_infile *in = sb_infile_open(part->path, &part->error);
    if (!in)
        return;
    part->kind = sb_infile_kind(in);
    part->opened = true;
    int rc = 0;
    switch (part->kind) {
    case SB_INFILE_EMPTY:
        break;
    case SB_INFILE_MONGOLOG:
        rc = scan_log(part, in);
        break;
    case SB_INFILE_PROFILE_JSON:
        rc = scan_profile_json(part, in);
        break;
    case SB_INFILE_PROFILE_BSON:
        rc = scan_profile_bson(part, in);
        break;
    case SB_INFILE_FTDC:
        rc = scan_ftdc(part);
        break;
    case SB_INFILE_OTHER:
        sb_fail(&part->error, SB_EINPUT, "%s:1: the file %s", part->path, sb_infile_what(in));
        break;
    }
    if (part->kind != SB_INFILE_FTDC) {
        part->lines = sb_infile_number(in);
        part->bytes = sb_infile_bytes(in);
    }
    if (rc >= 0 && sb_workload_settle(part->work, INT64_MAX, &part->error))
        rc = -1;
    sb_infile_close(in);
}
