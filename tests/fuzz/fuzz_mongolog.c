/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what reads operations that servers wrote: log lines, profile documents as JSON and BSON, their shapes and the
 * workload. The first byte says how the rest is to be read. Whatever comes, spans stay within the input or the reader's
 * own memory, a line that is cut gives nothing that the whole line does not, a skeleton gives the same shape twice, and
 * what is added is counted. */
#include <signalbox/formats/logevent.h>
#include <signalbox/formats/profile.h>
#include <signalbox/telemetry/workload.h>

#include <stdlib.h>

static void check(bool fine)
{
    if (!fine)
        abort();
}

static bool within(struct sb_span s, const char *p, size_t n, const struct sb_scratch *scratch)
{
    if (!s.n)
        return true;
    return (s.p >= p && s.p + s.n <= p + n) || (scratch->p && s.p >= scratch->p && s.p + s.n <= scratch->p + scratch->n);
}

static void check_op(const struct sb_slow_op *op, const char *p, size_t n, const struct sb_scratch *scratch)
{
    check(within(op->ns, p, n, scratch) && within(op->app, p, n, scratch) && within(op->plan, p, n, scratch));
    check(within(op->ctx, p, n, scratch) && within(op->remote, p, n, scratch) && within(op->query_hash, p, n, scratch));
    check(within((struct sb_span){op->command.p, op->command.n}, p, n, scratch));
    check(within((struct sb_span){op->originating.p, op->originating.n}, p, n, scratch));
    check((unsigned)op->kind < SB_OP_KINDS);
}

/* A small skeleton buffer too, so that shapes that do not fit are met. */
static void check_shape(const struct sb_slow_op *op)
{
    static char skeleton[SB_SHAPE_MAX_SKELETON];
    static const size_t caps[] = {64, 200, sizeof skeleton};
    for (size_t i = 0; i < SB_COUNT(caps); i++) {
        size_t n = sb_shape_reduce(op, skeleton, caps[i]);
        check(n >= 2 && n <= caps[i]);
        struct sb_shape *a = sb_shape_parse(skeleton, n, NULL), *b = sb_shape_parse(skeleton, n, NULL);
        check(a && b && strcmp(a->fingerprint, b->fingerprint) == 0 && strcmp(a->text, b->text) == 0);
        check(sb_utf8_valid(a->text, strlen(a->text)) && sb_utf8_valid(a->sort, strlen(a->sort)));
        for (size_t k = 0; k < a->predicates_n; k++)
            check(a->predicates[k].arm < a->arms_n && a->predicates[k].path && a->predicates[k].op);
        for (size_t k = 0; k < a->arms_n; k++)
            check(a->arms[k].parent <= k);
        sb_shape_free(a);
        sb_shape_free(b);
    }
}

static bool same_or_absent(int64_t cut, int64_t whole)
{
    return cut == SB_ABSENT || cut == whole;
}

static void fuzz_log(const char *p, size_t n, struct sb_workload *w, uint64_t *added)
{
    struct sb_mongolog reader;
    struct sb_log_line line, cut_line;
    struct sb_slow_op op, cut;
    struct sb_log_event event;
    int64_t open;
    struct sb_span remote, app;
    sb_mongolog_init(&reader);
    enum sb_log_status status = sb_mongolog_line(&reader, p, n, &line, &op);
    if (status == SB_LOG_GOOD || status == SB_LOG_CUT) {
        check(line.at_ms != SB_NO_TIME && within(line.msg, p, n, &reader.scratch) && within(line.attr, p, n, &reader.scratch));
        sb_log_event(&line, &event);
        sb_log_connection(&line, &open, &remote, &app);
        if (line.slow) {
            check_op(&op, p, n, &reader.scratch);
            check_shape(&op);
            check(sb_workload_add(w, &op, NULL) == 0);
            ++*added;
        }
    }
    if (status == SB_LOG_GOOD && line.slow) {
        struct sb_mongolog other;
        sb_mongolog_init(&other);
        for (size_t k = 1; k < 8; k++) {
            sb_mongolog_line(&other, p, n * k / 8, &cut_line, &cut);
            if (cut_line.slow)
                check(same_or_absent(cut.duration_ms, op.duration_ms) && same_or_absent(cut.docs_examined, op.docs_examined));
        }
        sb_mongolog_release(&other);
    }
    sb_mongolog_release(&reader);
}

static void fuzz_profile_json(const char *p, size_t n, struct sb_workload *w, uint64_t *added)
{
    struct sb_scratch scratch = {NULL, 0, 0, 0};
    struct sb_slow_op op;
    if (sb_profile_json(&scratch, p, n, &op) <= SB_LOG_CUT) {
        check_op(&op, p, n, &scratch);
        check_shape(&op);
        check(sb_workload_add(w, &op, NULL) == 0);
        ++*added;
    }
    sb_scratch_release(&scratch);
}

static void fuzz_profile_bson(const char *p, size_t n, struct sb_workload *w, uint64_t *added)
{
    static const struct sb_scratch none;
    struct sb_slow_op op;
    if (sb_profile_bson_data((const uint8_t *)p, n, &op)) {
        check_op(&op, p, n, &none);
        check_shape(&op);
        check(sb_workload_add(w, &op, NULL) == 0);
        ++*added;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sb_workload_options options = {.max_shapes = 4, .examples = true, .bucket_ms = 1000, .buckets = 4};
    if (size == 0)
        return 0;
    struct sb_workload *w = sb_workload_new(&options, NULL);
    check(w != NULL);
    uint64_t added = 0;
    const char *p = (const char *)data + 1, *end = (const char *)data + size;
    if (data[0] == 'B') {
        fuzz_profile_bson(p, (size_t)(end - p), w, &added);
    } else {
        while (p < end) {
            const char *eol = memchr(p, '\n', (size_t)(end - p));
            size_t n = (size_t)((eol ? eol : end) - p);
            if (data[0] == 'P')
                fuzz_profile_json(p, n, w, &added);
            else
                fuzz_log(p, n, w, &added);
            p += n + 1;
        }
    }
    check(sb_workload_totals(w).count <= added);
    check(sb_workload_settle(w, INT64_MAX, NULL) == 0 && sb_workload_lost(w) == 0);
    sb_workload_free(w);
    return 0;
}
