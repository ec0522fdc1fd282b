/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what reads spans: a line of OTLP JSON and the traceparent of a comment. Whatever comes, text stays within the input or
 * the reader's own memory, a duration is never below nothing, and what a cut leaves was in the whole. */
#include "fuzz.h"

#include <signalbox/formats/otlp.h>

struct seen {
    const char *p;
    size_t n, spans;
    struct sb_otlp *o;
};

static void within(const struct seen *s, struct sb_span t)
{
    const struct sb_scratch *x = &s->o->scratch;
    check(!t.n || (t.p >= s->p && t.p + t.n <= s->p + s->n) || (x->p && t.p >= x->p && t.p + t.n <= x->p + x->n));
}

static int see(void *arg, const struct sb_otlp_span *span)
{
    struct seen *s = arg;
    within(s, span->service);
    within(s, span->version);
    within(s, span->name);
    within(s, span->trace_id);
    within(s, span->system);
    within(s, span->db);
    within(s, span->collection);
    within(s, span->operation);
    check(span->duration_us >= -1 && (span->duration_us == SB_ABSENT) == (span->end_ms == SB_NO_TIME));
    check(span->trace_id.n == 0 || span->trace_id.n == 32);
    check(!sb_otlp_is_call(span) || (span->service.n && span->db.n && span->duration_us >= 0));
    s->spans++;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_otlp o;
    struct sb_span id;
    int stopped;
    const char *p = (const char *)data;
    sb_otlp_init(&o);
    struct seen all = {p, size, 0, &o}, cut = {p, size / 2, 0, &o};
    check(sb_otlp_line(&o, p, size, see, &all, &stopped) != SB_LOG_NOMEM && stopped == 0);
    sb_otlp_line(&o, p, size / 2, see, &cut, &stopped);
    check(cut.spans <= all.spans);
    sb_otlp_is(p, size);
    if (sb_otlp_traceparent((struct sb_span){p, size}, &id))
        check(id.n == 32 && id.p >= p && id.p + 32 <= p + size);
    sb_otlp_release(&o);
    return 0;
}
