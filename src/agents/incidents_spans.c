/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents_spans.c - which service it was: spans of clients, joined with logged operations by the traceparent in a command's
 * comment, and without one by namespace and time. */
#include "incidents_private.h"

#include <signalbox/base/array.h>

#define MAX_CALLS 512

void sb_spans_release(struct spans *s)
{
    for (size_t i = 0; i < s->calls_n; i++) {
        free(s->calls[i].service);
        free(s->calls[i].version);
        free(s->calls[i].ns);
    }
    free(s->calls);
    free(s->trace);
}

void sb_spans_open(struct sb_incidents *in, int64_t from_ms)
{
    struct spans *s = &in->log.spans;
    for (size_t i = 0; i < s->calls_n; i++) {
        s->calls[i].during = sb_cells_between(s->calls[i].cell, from_ms - SB_APART_MS, INT64_MAX);
        s->calls[i].before = sb_cells_between(s->calls[i].cell, from_ms - SB_BEFORE_MS, from_ms - SB_APART_MS - 1000);
        s->calls[i].traced = 0;
    }
}

static uint64_t mix(uint64_t h, struct sb_span text)
{
    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * UINT64_C(1099511628211);
    return (h ^ text.n) * UINT64_C(1099511628211);
}

/* The one that was not heard of for longest gives way. */
static struct call *call_of(struct spans *s, const struct sb_otlp_span *span)
{
    static const struct sb_span dot = {".", 1};
    bool whole = span->collection.n > 0;
    uint64_t h = mix(mix(mix(mix(UINT64_C(14695981039346656037), span->service), span->version), span->db), span->collection) | 1;
    size_t oldest = 0;
    for (size_t i = 0; i < s->calls_n; i++) {
        if (s->calls[i].hash == h)
            return &s->calls[i];
        if (s->calls[i].last_ms < s->calls[oldest].last_ms)
            oldest = i;
    }
    struct call made = {.hash = h};
    made.service = sb_strdup_n(span->service.p, span->service.n);
    made.version = sb_strdup_n(span->version.n ? span->version.p : "", span->version.n);
    made.ns = sb_format("%.*s%.*s%.*s", (int)span->db.n, span->db.p, whole ? (int)dot.n : 0, dot.p, (int)span->collection.n, whole ? span->collection.p : "");
    if (!made.service || !made.version || !made.ns || (s->calls_n < MAX_CALLS && SB_GROW(s->calls, s->calls_cap, s->calls_n + 1))) {
        free(made.service);
        free(made.version);
        free(made.ns);
        return NULL;
    }
    if (s->calls_n < MAX_CALLS) {
        oldest = s->calls_n++;
    } else {
        free(s->calls[oldest].service);
        free(s->calls[oldest].version);
        free(s->calls[oldest].ns);
    }
    s->calls[oldest] = made;
    return &s->calls[oldest];
}

static struct call *call_by(struct spans *s, uint64_t hash)
{
    for (size_t i = 0; hash && i < s->calls_n; i++)
        if (s->calls[i].hash == hash)
            return &s->calls[i];
    return NULL;
}

/* Where what is known of this id is kept; an older one that has its place gives way. */
static struct trace *trace_of(struct spans *s, struct sb_span id)
{
    char lower[32];
    for (size_t i = 0; i < sizeof lower; i++)
        lower[i] = id.p[i] >= 'A' && id.p[i] <= 'F' ? (char)(id.p[i] + 32) : id.p[i];
    uint64_t h = mix(UINT64_C(14695981039346656037), (struct sb_span){lower, sizeof lower}) | 1;
    struct trace *t = &s->trace[(h >> 20) % SB_TRACES];
    if (t->id != h)
        *t = (struct trace){.id = h};
    return t;
}

static void join(struct sb_incidents *in, const struct trace *t)
{
    struct call *c = call_by(&in->log.spans, t->call);
    for (size_t i = 0; c && t->deed && i < in->log.deeds_n; i++)
        if (in->log.deeds[i].hash == t->deed) {
            in->log.deeds[i].call = t->call;
            c->traced += in->open.is;
            return;
        }
}

void sb_spans_logged(struct sb_incidents *in, struct deed *d, const struct sb_slow_op *op)
{
    struct sb_span id, command = {op->command.p, op->command.n};
    if (!in->log.spans.trace || op->command.form != SB_DOC_JSON || !sb_otlp_traceparent(command, &id))
        return;
    struct trace *t = trace_of(&in->log.spans, id);
    t->deed = d->hash;
    join(in, t);
}

int sb_incidents_span(struct sb_incidents *in, const struct sb_otlp_span *span, struct sb_err *err)
{
    struct spans *s = &in->log.spans;
    int64_t at_ms = span->end_ms;
    if (!sb_otlp_is_call(span))
        return 0;
    if (!s->trace && !(s->trace = calloc(SB_TRACES, sizeof *s->trace)))
        return sb_fail_nomem(err);
    struct call *c = call_of(s, span);
    if (!c)
        return sb_fail_nomem(err);
    int64_t ms = span->duration_us / 1000;
    struct cell one = {.count = 1, .ms = ms > 1000000000 ? 1000000000 : (uint32_t)ms, .errors = span->error};
    c->last_ms = at_ms;
    sb_tally_add(sb_tally_at(c->cell, at_ms), &one);
    if (in->open.is && at_ms >= in->open.from_ms - SB_APART_MS)
        sb_tally_add(&c->during, &one);
    if (!span->trace_id.p)
        return 0;
    struct trace *t = trace_of(s, span->trace_id);
    t->call = c->hash;
    join(in, t);
    return 0;
}

/* The namespace, or its database where a span does not say more. */
static bool is_at(const struct call *c, const char *ns)
{
    size_t n = strlen(c->ns);
    return strcmp(c->ns, ns) == 0 || (!strchr(c->ns, '.') && strncmp(c->ns, ns, n) == 0 && ns[n] == '.');
}

/* Time beyond what it took before, and a second for each failure beyond those before. */
static double added(const struct sb_incidents *in, const struct call *c)
{
    double share = (double)(in->now_ms - in->open.from_ms + SB_APART_MS) / 1000 / SB_BEFORE_S;
    return c->during.ms - c->before.ms * share + 1000 * (c->during.errors - c->before.errors * share);
}

const struct call *sb_spans_suspect(const struct sb_incidents *in, const char *ns, const struct deed *const *deeds, size_t n, bool *traced)
{
    const struct spans *s = &in->log.spans;
    const struct call *most = NULL;
    *traced = false;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; deeds[i]->call && k < s->calls_n; k++)
            if (s->calls[k].hash == deeds[i]->call && s->calls[k].traced) {
                *traced = true;
                return &s->calls[k];
            }
    for (size_t i = 0; i < s->calls_n; i++) {
        const struct call *c = &s->calls[i];
        if (c->during.count && (!ns || is_at(c, ns)) && added(in, c) > 0 && (!most || added(in, c) > added(in, most)))
            most = c;
    }
    return most;
}
