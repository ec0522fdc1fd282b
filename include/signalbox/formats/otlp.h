/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp.h - OpenTelemetry spans as a collector's file exporter writes them: OTLP as JSON, one request a line.
 *
 *   {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}}]},
 *     "scopeSpans":[{"spans":[{"traceId":"..","spanId":"..","kind":3,"startTimeUnixNano":"..","endTimeUnixNano":"..",
 *       "attributes":[{"key":"db.system","value":{"stringValue":"mongodb"}},..],"status":{"code":2}}]}]}]}
 *
 * Numbers of 64 bits may be strings or numbers, kinds and codes may be names; attributes by the conventions of databases
 * before and since 2024 (db.name and db.mongodb.collection, db.namespace and db.collection.name) and before 2022
 * ("instrumentationLibrarySpans"). What is not known is passed over; a line that is not such JSON, or ends too early, is bad,
 * and what its spans before that place said was handed over. Text points into the line or, where escapes had to be undone, into
 * the reader, until the next line. Memory: no more than the longest line. Thread: one owner a reader.
 */
#ifndef SIGNALBOX_FORMATS_OTLP_H
#define SIGNALBOX_FORMATS_OTLP_H

#include <signalbox/formats/mongolog.h>

struct sb_otlp_span {
    struct sb_span service, version; /* of the resource */
    struct sb_span name;
    struct sb_span trace_id;         /* 32 hexadecimal digits; absent where it is anything else */
    struct sb_span system, db, collection, operation; /* of a call to a database */
    int64_t start_ms, end_ms;        /* SB_NO_TIME where it does not say, or before the start */
    int64_t duration_us;             /* SB_ABSENT */
    bool client, error;
};

/* Of a service, to a MongoDB database that it names, with a beginning and an end. */
bool sb_otlp_is_call(const struct sb_otlp_span *span);

/* Nonzero ends the reading. */
typedef int (*sb_otlp_fn)(void *arg, const struct sb_otlp_span *span);

struct sb_otlp {
    struct sb_scratch scratch;
};

void sb_otlp_init(struct sb_otlp *o);
void sb_otlp_release(struct sb_otlp *o);

/* Whether a file that begins with this line is one of spans. */
bool sb_otlp_is(const char *p, size_t n);

/* Hands over every span of the line: SB_LOG_GOOD, SB_LOG_BAD (also where it was cut), or SB_LOG_NOMEM. *stopped: what fn
 * returned. */
enum sb_log_status sb_otlp_line(struct sb_otlp *o, const char *p, size_t n, sb_otlp_fn fn, void *arg, int *stopped);

/* The trace id in a command's comment: of the "traceparent" as W3C has it ("00-TRACE-SPAN-FLAGS") that stands in the comment's
 * text or in its member of that name. False: there is none. */
bool sb_otlp_traceparent(struct sb_span command, struct sb_span *trace_id);

#endif
