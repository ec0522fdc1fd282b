/* SPDX-License-Identifier: Apache-2.0
 *
 * Spans of OpenTelemetry as lines of OTLP JSON, of every convention, cut anywhere and wrong; and the traceparent of a comment. */
#include "test.h"

#include <signalbox/formats/otlp.h>

#include <stdio.h>
#include <string.h>

#define ATTR(key, value) "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" value "\"}}"
#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

static const char whole[] =
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[" ATTR("telemetry.sdk.language", "java") "," ATTR("service.name", "checkout") "," ATTR("service.version", "4.2") "]},"
    "\"scopeSpans\":[{\"scope\":{\"name\":\"mongo\"},\"spans\":["
    "{\"traceId\":\"" TRACE "\",\"spanId\":\"00f067aa0ba902b7\",\"parentSpanId\":\"\",\"name\":\"find orders\",\"kind\":3,"
    "\"startTimeUnixNano\":\"1795424400000000000\",\"endTimeUnixNano\":\"1795424400250000000\",\"attributes\":[" ATTR("db.system", "mongodb") ","
    ATTR("db.name", "shop") "," ATTR("db.mongodb.collection", "orders") "," ATTR("db.operation", "find") ",{\"key\":\"n\",\"value\":{\"intValue\":\"5\"}}],\"status\":{}},"
    "{\"traceId\":\"no\",\"name\":\"a\\\"b\",\"kind\":\"SPAN_KIND_CLIENT\",\"startTimeUnixNano\":1795424400000000000,\"endTimeUnixNano\":1795424400001000000,"
    "\"attributes\":[" ATTR("db.system.name", "mongodb") "," ATTR("db.namespace", "crm") "," ATTR("db.collection.name", "u\\u0073ers") "],"
    "\"status\":{\"message\":\"x\",\"code\":\"STATUS_CODE_ERROR\"}}]}]},"
    "{\"scopeSpans\":[{\"spans\":[{\"name\":\"GET /\",\"kind\":2,\"startTimeUnixNano\":\"5\",\"endTimeUnixNano\":\"3\"}]}],"
    "\"resource\":{\"attributes\":[" ATTR("service.name", "web") "]}}]}";

struct seen {
    struct sb_otlp_span span[8];
    size_t n, stop_at;
};

static int see(void *arg, const struct sb_otlp_span *span)
{
    struct seen *s = arg;
    if (s->n < SB_COUNT(s->span))
        s->span[s->n] = *span;
    s->n++;
    return s->n == s->stop_at ? 7 : 0;
}

static enum sb_log_status read_line(struct sb_otlp *o, const char *p, size_t n, struct seen *s)
{
    int stopped;
    memset(s, 0, sizeof *s);
    return sb_otlp_line(o, p, n, see, s, &stopped);
}

static void is_text(struct sb_span s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static void test_a_line(void **state)
{
    (void)state;
    struct sb_otlp o;
    struct seen s;
    sb_otlp_init(&o);
    assert_true(sb_otlp_is(whole, sizeof whole - 1));
    assert_int_equal(read_line(&o, whole, sizeof whole - 1, &s), SB_LOG_GOOD);
    assert_int_equal(s.n, 3);
    const struct sb_otlp_span *a = &s.span[0], *b = &s.span[1], *c = &s.span[2];
    is_text(a->service, "checkout");
    is_text(a->version, "4.2");
    is_text(a->trace_id, TRACE);
    is_text(a->db, "shop");
    is_text(a->collection, "orders");
    is_text(a->operation, "find");
    assert_int_equal(a->start_ms, INT64_C(1795424400000));
    assert_int_equal(a->end_ms, INT64_C(1795424400250));
    assert_int_equal(a->duration_us, 250000);
    assert_true(a->client && !a->error && sb_otlp_is_call(a));
    is_text(b->service, "checkout");
    is_text(b->name, "a\"b");
    is_text(b->collection, "users");
    assert_null(b->trace_id.p);
    assert_true(b->client && b->error && sb_otlp_is_call(b));
    is_text(c->service, "web"); /* though it stands behind its spans */
    assert_int_equal(c->duration_us, SB_ABSENT);
    assert_false(c->client || sb_otlp_is_call(c));
    sb_otlp_release(&o);
}

/* What stands before a cut is handed over as it is in the whole line, and the line is bad. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    struct sb_otlp o;
    struct seen s, all;
    sb_otlp_init(&o);
    read_line(&o, whole, sizeof whole - 1, &all);
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *copy = malloc(n + 1); /* its end is the end of memory: asan sees a byte read beyond */
        assert_non_null(copy);
        memcpy(copy, whole, n);
        assert_int_equal(read_line(&o, copy, n, &s), SB_LOG_BAD);
        assert_true(s.n <= all.n);
        for (size_t i = 0; i < s.n; i++)
            assert_int_equal(s.span[i].duration_us, all.span[i].duration_us);
        free(copy);
    }
    sb_otlp_release(&o);
}

static void test_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum sb_log_status status;
        size_t spans;
    } cases[] = {
        {"", SB_LOG_BAD, 0},
        {"[]", SB_LOG_BAD, 0},
        {"{}", SB_LOG_GOOD, 0},
        {"{\"resourceSpans\":null}", SB_LOG_GOOD, 0},
        {"{\"resourceSpans\":[null,5,{\"scopeSpans\":{}}]}", SB_LOG_GOOD, 0},
        {"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}]}]}]}", SB_LOG_GOOD, 1},
        {"{\"resourceSpans\":[{\"instrumentationLibrarySpans\":[{\"spans\":[{\"startTimeUnixNano\":\"99999999999999999999\",\"endTimeUnixNano\":\"-1\"}]}]}]}", SB_LOG_GOOD, 1},
        {"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"startTimeUnixNano\":\"9223372036854775807\",\"endTimeUnixNano\":\"9223372036854775807\"}]}]}]}", SB_LOG_GOOD, 1},
        {"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\"}]},\"scopeSpans\":[{\"spans\":[{}}]}]}", SB_LOG_BAD, 1},
        {"{\"resourceLogs\":[]}", SB_LOG_GOOD, 0},
    };
    struct sb_otlp o;
    struct seen s;
    sb_otlp_init(&o);
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        if (read_line(&o, cases[i].line, strlen(cases[i].line), &s) != cases[i].status || s.n != cases[i].spans)
            fail_msg("%s: %zu spans", cases[i].line, s.n);
        for (size_t k = 0; k < s.n; k++)
            assert_false(sb_otlp_is_call(&s.span[k]));
    }
    int stopped;
    memset(&s, 0, sizeof s);
    s.stop_at = 2;
    assert_int_equal(sb_otlp_line(&o, whole, sizeof whole - 1, see, &s, &stopped), SB_LOG_GOOD);
    assert_int_equal(stopped, 7);
    assert_int_equal(s.n, 2);
    assert_false(sb_otlp_is("{\"t\":{}}", 8) || sb_otlp_is("x", 1) || sb_otlp_is("", 0));
    sb_otlp_release(&o);
}

static void test_the_traceparent_of_a_comment(void **state)
{
    (void)state;
    static const char *const with[] = {
        "{\"find\":\"orders\",\"comment\":\"00-" TRACE "-00f067aa0ba902b7-01\"}",
        "{\"find\":\"orders\",\"comment\":{\"traceparent\":\"00-" TRACE "-00f067aa0ba902b7-01\"},\"$db\":\"shop\"}",
        "{\"comment\":\"app=x,traceparent='00-" TRACE "-00f067aa0ba902b7-01' \"}",
    };
    static const char *const without[] = {
        "{\"find\":\"orders\"}", "{\"comment\":5}", "{\"comment\":\"00-" TRACE "-00f067aa0ba902b7-0\"}", "{\"comment\":\"00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01\"}",
        "{\"comment\":{\"traceparent\":7}}", "{\"comment\":\"00-", "",
    };
    struct sb_span id;
    for (size_t i = 0; i < SB_COUNT(with); i++) {
        assert_true(sb_otlp_traceparent((struct sb_span){with[i], strlen(with[i])}, &id));
        is_text(id, TRACE);
    }
    for (size_t i = 0; i < SB_COUNT(without); i++)
        assert_false(sb_otlp_traceparent((struct sb_span){without[i], strlen(without[i])}, &id));
    assert_false(sb_otlp_traceparent((struct sb_span){NULL, 0}, &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_the_traceparent_of_a_comment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
