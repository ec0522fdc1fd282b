/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/otlp.h>

#include <string.h>

#define TRACE_ID 32
#define TRACEPARENT 55 /* 00-32-16-02 */

struct reader {
    struct sb_jt j;
    struct sb_otlp *otlp;
    sb_otlp_fn fn;
    void *arg;
    int stopped;
    bool nomem;
    struct sb_span service, version; /* of the resource at hand */
};

typedef bool (*take_fn)(struct reader *r, struct sb_span key, void *to);

void sb_otlp_init(struct sb_otlp *o)
{
    memset(o, 0, sizeof *o);
}

void sb_otlp_release(struct sb_otlp *o)
{
    sb_scratch_release(&o->scratch);
}

bool sb_otlp_is(const char *p, size_t n)
{
    struct sb_jt j = sb_jt_begin(p, n);
    struct sb_span key;
    bool first = true, escaped;
    return sb_jt_open(&j, '{') && sb_jt_member(&j, &first, &key, &escaped) && SB_SPAN_IS(key, "resourceSpans");
}

bool sb_otlp_is_call(const struct sb_otlp_span *s)
{
    bool mongodb = s->system.p ? SB_SPAN_IS(s->system, "mongodb") : s->collection.n > 0;
    return mongodb && s->service.n > 0 && s->db.n > 0 && s->duration_us != SB_ABSENT;
}

/* ---- JSON ---- */

static bool each_member(struct reader *r, take_fn take, void *to)
{
    struct sb_span key;
    bool first = true, escaped;
    sb_jt_blank(&r->j);
    if (r->j.p < r->j.end && *r->j.p != '{') /* null, as some write what is empty */
        return sb_jt_skip(&r->j, NULL);
    if (!sb_jt_open(&r->j, '{'))
        return false;
    while (sb_jt_member(&r->j, &first, &key, &escaped))
        if (!take(r, key, to))
            return false;
    return r->j.state == SB_JT_OK;
}

static bool each_element(struct reader *r, bool (*take)(struct reader *r, void *to), void *to)
{
    bool first = true;
    sb_jt_blank(&r->j);
    if (r->j.p < r->j.end && *r->j.p != '[')
        return sb_jt_skip(&r->j, NULL);
    if (!sb_jt_open(&r->j, '['))
        return false;
    while (sb_jt_element(&r->j, &first))
        if (!take(r, to))
            return false;
    return r->j.state == SB_JT_OK;
}

/* A string; another kind of value leaves it absent. */
static bool take_string(struct reader *r, struct sb_span *out)
{
    struct sb_span raw;
    bool escaped;
    if (r->j.p < r->j.end && *r->j.p != '"')
        return sb_jt_skip(&r->j, NULL);
    if (!sb_jt_string(&r->j, &raw, &escaped))
        return false;
    if (escaped && !sb_scratch_unescape(&r->otlp->scratch, raw, &raw)) {
        r->nomem = true;
        return false;
    }
    *out = raw;
    return true;
}

/* "1544712660000000000" or the number itself: at most 19 digits, else absent. */
static bool take_nanos(struct reader *r, int64_t *out)
{
    struct sb_span raw;
    if (!sb_jt_skip(&r->j, &raw))
        return false;
    if (raw.n >= 2 && raw.p[0] == '"')
        raw = (struct sb_span){raw.p + 1, raw.n - 2};
    int64_t v = 0;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] < '0' || raw.p[i] > '9' || i == 19 || v > (INT64_MAX - 9) / 10)
            return true;
        v = v * 10 + (raw.p[i] - '0');
    }
    if (raw.n)
        *out = v;
    return true;
}

/* A number, or the name that stands for it. */
static bool take_code(struct reader *r, const char *name, int64_t number, bool *is)
{
    struct sb_span raw;
    if (!sb_jt_skip(&r->j, &raw))
        return false;
    *is = raw.n && (raw.p[0] == '"' ? raw.n == strlen(name) + 2 && memcmp(raw.p + 1, name, raw.n - 2) == 0 : sb_jt_number(raw) == number);
    return true;
}

/* ---- attributes ---- */

struct attribute {
    struct sb_span key, value;
};

static bool take_value(struct reader *r, struct sb_span key, void *to)
{
    return SB_SPAN_IS(key, "stringValue") ? take_string(r, to) : sb_jt_skip(&r->j, NULL);
}

static bool take_pair(struct reader *r, struct sb_span key, void *to)
{
    struct attribute *a = to;
    if (SB_SPAN_IS(key, "key"))
        return take_string(r, &a->key);
    return SB_SPAN_IS(key, "value") ? each_member(r, take_value, &a->value) : sb_jt_skip(&r->j, NULL);
}

static bool take_resource_attribute(struct reader *r, void *to)
{
    struct attribute a = {{NULL, 0}, {NULL, 0}};
    (void)to;
    if (!each_member(r, take_pair, &a))
        return false;
    if (a.key.p && SB_SPAN_IS(a.key, "service.name"))
        r->service = a.value;
    else if (a.key.p && SB_SPAN_IS(a.key, "service.version"))
        r->version = a.value;
    return true;
}

static bool take_span_attribute(struct reader *r, void *to)
{
    struct sb_otlp_span *s = to;
    struct attribute a = {{NULL, 0}, {NULL, 0}};
    if (!each_member(r, take_pair, &a))
        return false;
    if (!a.key.p || !a.value.p)
        return true;
    if (SB_SPAN_IS(a.key, "db.system") || SB_SPAN_IS(a.key, "db.system.name"))
        s->system = a.value;
    else if (SB_SPAN_IS(a.key, "db.name") || SB_SPAN_IS(a.key, "db.namespace"))
        s->db = a.value;
    else if (SB_SPAN_IS(a.key, "db.mongodb.collection") || SB_SPAN_IS(a.key, "db.collection.name"))
        s->collection = a.value;
    else if (SB_SPAN_IS(a.key, "db.operation") || SB_SPAN_IS(a.key, "db.operation.name"))
        s->operation = a.value;
    return true;
}

/* ---- spans ---- */

static bool take_status(struct reader *r, struct sb_span key, void *to)
{
    return SB_SPAN_IS(key, "code") ? take_code(r, "STATUS_CODE_ERROR", 2, to) : sb_jt_skip(&r->j, NULL);
}

struct times {
    struct sb_otlp_span *span;
    int64_t start_ns, end_ns;
};

static bool take_span_member(struct reader *r, struct sb_span key, void *to)
{
    struct times *t = to;
    struct sb_otlp_span *s = t->span;
    if (SB_SPAN_IS(key, "traceId"))
        return take_string(r, &s->trace_id);
    if (SB_SPAN_IS(key, "name"))
        return take_string(r, &s->name);
    if (SB_SPAN_IS(key, "kind"))
        return take_code(r, "SPAN_KIND_CLIENT", 3, &s->client);
    if (SB_SPAN_IS(key, "startTimeUnixNano"))
        return take_nanos(r, &t->start_ns);
    if (SB_SPAN_IS(key, "endTimeUnixNano"))
        return take_nanos(r, &t->end_ns);
    if (SB_SPAN_IS(key, "attributes"))
        return each_element(r, take_span_attribute, s);
    return SB_SPAN_IS(key, "status") ? each_member(r, take_status, &s->error) : sb_jt_skip(&r->j, NULL);
}

static bool is_hex(struct sb_span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789abcdefABCDEF", s.p[i]) || !s.p[i])
            return false;
    return true;
}

static bool take_span(struct reader *r, void *to)
{
    struct sb_otlp_span s = {.start_ms = SB_NO_TIME, .end_ms = SB_NO_TIME, .duration_us = SB_ABSENT, .service = r->service, .version = r->version};
    struct times t = {&s, SB_ABSENT, SB_ABSENT};
    (void)to;
    if (!each_member(r, take_span_member, &t))
        return false;
    if (s.trace_id.n != TRACE_ID || !is_hex(s.trace_id))
        s.trace_id = (struct sb_span){NULL, 0};
    if (t.start_ns != SB_ABSENT)
        s.start_ms = t.start_ns / 1000000;
    if (t.start_ns != SB_ABSENT && t.end_ns >= t.start_ns) {
        s.end_ms = t.end_ns / 1000000;
        s.duration_us = (t.end_ns - t.start_ns) / 1000;
    }
    r->stopped = r->fn(r->arg, &s);
    return r->stopped == 0;
}

static bool take_scope_member(struct reader *r, struct sb_span key, void *to)
{
    return SB_SPAN_IS(key, "spans") ? each_element(r, take_span, to) : sb_jt_skip(&r->j, NULL);
}

static bool take_scope(struct reader *r, void *to)
{
    return each_member(r, take_scope_member, to);
}

static bool take_resource_member(struct reader *r, struct sb_span key, void *to)
{
    return SB_SPAN_IS(key, "attributes") ? each_element(r, take_resource_attribute, to) : sb_jt_skip(&r->j, NULL);
}

/* The resource may stand behind its spans: it is looked for first. */
static bool find_resource(struct reader *r, struct sb_span key, void *to)
{
    return SB_SPAN_IS(key, "resource") ? each_member(r, take_resource_member, to) : sb_jt_skip(&r->j, NULL);
}

static bool find_scopes(struct reader *r, struct sb_span key, void *to)
{
    bool scopes = SB_SPAN_IS(key, "scopeSpans") || SB_SPAN_IS(key, "instrumentationLibrarySpans");
    return scopes ? each_element(r, take_scope, to) : sb_jt_skip(&r->j, NULL);
}

static bool take_resource_spans(struct reader *r, void *to)
{
    struct sb_jt from = r->j;
    r->service = r->version = (struct sb_span){NULL, 0};
    if (!each_member(r, find_resource, to) && r->nomem)
        return false;
    r->j = from;
    return each_member(r, find_scopes, to);
}

static bool take_request_member(struct reader *r, struct sb_span key, void *to)
{
    return SB_SPAN_IS(key, "resourceSpans") ? each_element(r, take_resource_spans, to) : sb_jt_skip(&r->j, NULL);
}

enum sb_log_status sb_otlp_line(struct sb_otlp *o, const char *p, size_t n, sb_otlp_fn fn, void *arg, int *stopped)
{
    struct reader r = {.j = sb_jt_begin(p, n), .otlp = o, .fn = fn, .arg = arg};
    sb_scratch_begin(&o->scratch, 2 * n + 1); /* the resource is read twice */
    bool ok = r.j.p < r.j.end && *r.j.p == '{' && each_member(&r, take_request_member, NULL);
    *stopped = r.stopped;
    return r.nomem ? SB_LOG_NOMEM : ok || r.stopped ? SB_LOG_GOOD : SB_LOG_BAD;
}

/* ---- a command's comment ---- */

static bool is_traceparent(const char *p, struct sb_span *trace_id)
{
    struct sb_span id = {p + 3, TRACE_ID}, parent = {p + 36, 16}, version = {p, 2}, flags = {p + 53, 2};
    if (p[2] != '-' || p[35] != '-' || p[52] != '-' || !is_hex(id) || !is_hex(parent) || !is_hex(version) || !is_hex(flags))
        return false;
    *trace_id = id;
    return true;
}

bool sb_otlp_traceparent(struct sb_span command, struct sb_span *trace_id)
{
    struct sb_span comment, text;
    if (!command.p || !sb_jt_find(command, "comment", &comment))
        return false;
    if (comment.n >= 2 && comment.p[0] == '"')
        text = (struct sb_span){comment.p + 1, comment.n - 2};
    else if (!sb_jt_find_string(comment, "traceparent", &text))
        return false;
    for (size_t at = 0; text.n >= TRACEPARENT && at + TRACEPARENT <= text.n && at < 4096; at++)
        if (text.p[at + 2] == '-' && is_traceparent(text.p + at, trace_id))
            return true;
    return false;
}
