/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what is read of indexes from files that somebody recorded: the replies of a catalogue, one a line, and the log lines
 * of builds and drops. Whatever stands in them, there is advice about it without a crash, and each piece has its reason. */
#include "fuzz.h"

#include <signalbox/agents/catalogue_replies.h>
#include <signalbox/agents/log_advice.h>
#include <signalbox/formats/mongolog.h>

static void take_line(struct sb_workload *w, struct sb_log_indexes *x, struct sb_catalogue_replies *r, const char *p, size_t n)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_mongolog reader;
    struct sb_log_line line;
    struct sb_slow_op op;
    sb_mongolog_init(&reader);
    enum sb_log_status status = sb_mongolog_line(&reader, p, n, &line, &op);
    if (status == SB_LOG_GOOD && line.slow)
        check(sb_workload_add(w, &op, &err) == 0);
    else if (status == SB_LOG_GOOD)
        check(sb_log_indexes_line(x, &line) == 0);
    else
        sb_catalogue_replies_take(r, p, n, &err);
    sb_mongolog_release(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_workload *w = sb_workload_new(NULL, &err);
    struct sb_log_indexes x = {NULL, 0, 0};
    struct sb_catalogue_replies r = {NULL, 0, 0};
    struct sb_log_advice *advice;
    size_t n;
    check(w != NULL);
    for (const char *p = (const char *)data, *end = p + size; p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
        take_line(w, &x, &r, p, (size_t)(stop - p));
        p = stop + 1;
    }
    sb_catalogue_replies_end(&r);
    struct sb_log_question q = {.workload = w, .indexes = &x, .catalogues = r.items, .catalogues_n = r.items_n, .span_ms = 1000, .now_ms = SB_NO_TIME};
    check(sb_log_advise(&q, &advice, &n, &err) == 0);
    for (size_t i = 0; i < n; i++)
        check(advice[i].ns && advice[i].reason);
    sb_log_advice_free(advice, n);
    sb_catalogue_replies_release(&r);
    sb_log_indexes_release(&x);
    sb_workload_free(w);
    return 0;
}
