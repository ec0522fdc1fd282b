/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lines.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/rng.h>
#include <signalbox/formats/logevent.h>
#include <signalbox/formats/mongolog.h>

#include <string.h>

#define assert_span(span, literal)                                            \
    do {                                                                      \
        assert_non_null((span).p);                                            \
        assert_int_equal((span).n, sizeof(literal) - 1);                      \
        assert_memory_equal((span).p, (literal), sizeof(literal) - 1);        \
    } while (0)

static struct sb_mongolog reader;
static struct sb_log_line line;
static struct sb_slow_op op;

static enum sb_log_status parse(const char *text)
{
    return sb_mongolog_line(&reader, text, strlen(text), &line, &op);
}

static int64_t when(const char *text)
{
    int64_t at;
    assert_int_equal(sb_time_parse(text, strlen(text), &at), 0);
    return at;
}

static int setup(void **state)
{
    (void)state;
    sb_mongolog_init(&reader);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sb_mongolog_release(&reader);
    return 0;
}

static void a_find_of_4_4_has_every_field(void **state)
{
    (void)state;
    assert_int_equal(parse(LINE_44_FIND), SB_LOG_GOOD);
    assert_true(line.at_ms == when("2021-03-04T05:06:07.089Z"));
    assert_true(line.id == 51803 && line.slow);
    assert_span(line.severity, "I");
    assert_span(line.component, "COMMAND");
    assert_span(line.ctx, "conn12");
    assert_span(line.msg, "Slow query");
    assert_int_equal(line.attr.p[0], '{');
    assert_int_equal(line.attr.p[line.attr.n - 1], '}');
    assert_int_equal(op.kind, SB_OP_FIND);
    assert_true(op.at_ms == line.at_ms && !op.cut && !op.envelope && op.has_sort_stage && !op.used_disk);
    assert_span(op.ns, "shop.orders");
    assert_span(op.target, "orders");
    assert_span(op.name, "find");
    assert_span(op.app, "check \"out\"");
    assert_span(op.ctx, "conn12");
    assert_span(op.plan, "COLLSCAN");
    assert_span(op.query_hash, "C0331D1A");
    assert_null(op.remote.p);
    assert_int_equal(op.command.form, SB_DOC_JSON);
    assert_int_equal(op.command.p[op.command.n - 1], '}');
    assert_int_equal(op.originating.form, SB_DOC_NONE);
    assert_int_equal(op.keys_examined, 0);
    assert_int_equal(op.docs_examined, 60000);
    assert_int_equal(op.returned, 20);
    assert_int_equal(op.yields, 60);
    assert_int_equal(op.response_bytes, 5789);
    assert_int_equal(op.duration_ms, 262);
    assert_true(op.working_ms == SB_ABSENT && op.error_code == SB_ABSENT && op.deleted == SB_ABSENT);
}

static void a_getmore_has_what_opened_its_cursor(void **state)
{
    (void)state;
    assert_int_equal(parse(LINE_50_GETMORE), SB_LOG_GOOD);
    assert_true(line.at_ms == when("2026-11-23T03:28:35.364Z"));
    assert_int_equal(op.kind, SB_OP_GETMORE);
    assert_span(op.plan, "IXSCAN { _fts: \"text\", _ftsx: 1 }");
    assert_span(op.remote, "127.0.0.1:38468");
    assert_int_equal(op.originating.form, SB_DOC_JSON);
    assert_memory_equal(op.originating.p, "{\"find\"", 7);
    assert_null(op.target.p); /* the first value is a number */
}

static void a_write_and_its_envelope_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(parse(LINE_60_REMOVE), SB_LOG_GOOD);
    assert_true(line.at_ms == when("2023-09-23T20:26:25.316Z"));
    assert_int_equal(op.kind, SB_OP_REMOVE);
    assert_false(op.envelope);
    assert_int_equal(op.deleted, 1);
    assert_span(op.name, "remove");
    assert_int_equal(parse(LINE_60_ENVELOPE), SB_LOG_GOOD);
    assert_int_equal(op.kind, SB_OP_REMOVE);
    assert_true(op.envelope);
    assert_span(op.target, "__examples");
    assert_span(op.ns, "testdb.$cmd");
}

static void an_aggregate_of_8_0_has_the_new_names(void **state)
{
    (void)state;
    assert_int_equal(parse(LINE_80_AGGREGATE), SB_LOG_GOOD);
    assert_true(line.at_ms == when("2024-10-08T14:21:00.001Z"));
    assert_span(line.service, "S");
    assert_int_equal(op.kind, SB_OP_AGGREGATE);
    assert_span(op.query_hash, "0AF2A881");
    assert_true(op.used_disk && op.from_multi_planner && op.replanned);
    assert_int_equal(op.working_ms, 90);
    assert_int_equal(op.duration_ms, 130);
    assert_int_equal(op.write_conflicts, 2);
    assert_int_equal(op.error_code, 50);
}

static void kinds_are_told_by_type_and_first_key(void **state)
{
    (void)state;
    static const struct {
        const char *type, *command;
        enum sb_op_kind kind;
        const char *label;
    } cases[] = {
        {"command", "{\"find\":\"c\"}", SB_OP_FIND, "find"},
        {"command", "{\"aggregate\":\"c\"}", SB_OP_AGGREGATE, "aggregate"},
        {"command", "{\"count\":\"c\"}", SB_OP_COUNT, "count"},
        {"command", "{\"distinct\":\"c\"}", SB_OP_DISTINCT, "distinct"},
        {"command", "{\"insert\":\"c\"}", SB_OP_INSERT, "insert"},
        {"command", "{\"update\":\"c\"}", SB_OP_UPDATE, "update"},
        {"command", "{\"delete\":\"c\"}", SB_OP_REMOVE, "remove"},
        {"update", "{\"q\":{}}", SB_OP_UPDATE, "update"},
        {"remove", "{\"q\":{}}", SB_OP_REMOVE, "remove"},
        {"command", "{\"getMore\":1}", SB_OP_GETMORE, "getmore"},
        {"command", "{\"findAndModify\":\"c\"}", SB_OP_FIND_AND_MODIFY, "findAndModify"},
        {"command", "{\"findandmodify\":\"c\"}", SB_OP_FIND_AND_MODIFY, "findAndModify"},
        {"command", "{\"listIndexes\":\"c\"}", SB_OP_COMMAND, "listIndexes"},
        {"command", "{}", SB_OP_COMMAND, "command"},
        {"none", "{\"createIndexes\":\"c\"}", SB_OP_INTERNAL, "indexBuild"},
        {"none", "{\"other\":1}", SB_OP_INTERNAL, "internal"},
        {"query", "{\"$truncated\":\"{ find: \\\"c\\\", filter: { a: 1\"}", SB_OP_FIND, "find"},
        {"command", "{\"$truncated\":\"{ aggregate: \\\"c\\\", pipeline: [\"}", SB_OP_AGGREGATE, "aggregate"},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,\"ctx\":\"x\","
                 "\"msg\":\"Slow query\",\"attr\":{\"type\":\"%s\",\"ns\":\"a.b\",\"command\":%s,\"durationMillis\":1}}",
                 cases[i].type, cases[i].command);
        assert_int_equal(parse(text), SB_LOG_GOOD);
        assert_int_equal(op.kind, cases[i].kind);
        struct sb_span label = sb_slow_op_label(&op);
        assert_int_equal(label.n, strlen(cases[i].label));
        assert_memory_equal(label.p, cases[i].label, label.n);
        assert_int_equal(op.command_truncated, strstr(cases[i].command, "$truncated") != NULL);
    }
}

static void a_command_that_the_server_shortened_is_marked(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"COMMAND\",\"id\":51803,"
                           "\"ctx\":\"x\",\"msg\":\"Slow query\",\"attr\":{\"type\":\"command\",\"ns\":\"a.b\",\"command\":"
                           "{\"find\":\"b\",\"filter\":{\"x\":{\"$in\":[1,2]}}},\"durationMillis\":1},\"truncated\":{\"command\":"
                           "{\"truncated\":{\"filter\":{\"omitted\":5}}}},\"size\":{\"command\":99999}}"),
                     SB_LOG_GOOD);
    assert_true(op.command_truncated && !op.cut);
    assert_int_equal(op.duration_ms, 1);
}

/* A span after a cut is absent, or what it is in the whole line. */
static bool span_holds(struct sb_span cut, struct sb_span whole)
{
    return !cut.p || sb_span_equal(cut, whole);
}

static bool doc_holds(const struct sb_doc *cut, const struct sb_doc *whole)
{
    if (cut->form == SB_DOC_NONE)
        return true;
    return cut->form == whole->form && cut->n <= whole->n && memcmp(cut->p, whole->p, cut->n) == 0 && cut->cut == (cut->n < whole->n);
}

static bool number_holds(int64_t cut, int64_t whole)
{
    return cut == SB_ABSENT || cut == whole;
}

static void check_cut(const char *text, size_t n, const struct sb_log_line *whole_line, const struct sb_slow_op *whole)
{
    /* a copy of just that size, so that a sanitizer sees a read behind it */
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    enum sb_log_status status = sb_mongolog_line(&reader, copy, n, &line, &op);
    assert_int_not_equal(status, SB_LOG_GOOD);
    assert_int_equal(status, n > 46 ? SB_LOG_CUT : line.at_ms == SB_NO_TIME ? SB_LOG_BAD : SB_LOG_CUT);
    if (status == SB_LOG_CUT) {
        assert_true(line.at_ms == whole_line->at_ms && number_holds(line.id, whole_line->id));
        assert_true(span_holds(line.ctx, whole_line->ctx) && span_holds(line.msg, whole_line->msg));
        assert_true(span_holds(line.severity, whole_line->severity) && span_holds(line.component, whole_line->component));
    }
    if (line.slow) {
        assert_true(op.cut || !strcmp("}", text + n)); /* all but the very last bracket: the operation itself is whole */
        assert_true(span_holds(op.ns, whole->ns) && span_holds(op.app, whole->app) && span_holds(op.plan, whole->plan));
        assert_true(span_holds(op.remote, whole->remote) && span_holds(op.query_hash, whole->query_hash));
        assert_true(span_holds(op.name, whole->name) && span_holds(op.target, whole->target));
        assert_true(doc_holds(&op.command, &whole->command) && doc_holds(&op.originating, &whole->originating));
        const int64_t *a = &op.duration_ms, *b = &whole->duration_ms; /* all numbers stand behind each other */
        for (const int64_t *end = &op.error_code + 1; a < end; a++, b++)
            assert_true(number_holds(*a, *b));
        assert_true(!op.has_sort_stage || whole->has_sort_stage);
        assert_true(!op.used_disk || whole->used_disk);
    }
    free(copy);
}

static void a_cut_anywhere_invents_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {LINE_44_FIND, LINE_50_GETMORE, LINE_60_REMOVE, LINE_60_ENVELOPE, LINE_80_AGGREGATE};
    for (size_t i = 0; i < SB_COUNT(lines); i++) {
        struct sb_mongolog other;
        struct sb_log_line whole_line;
        struct sb_slow_op whole;
        sb_mongolog_init(&other);
        size_t n = strlen(lines[i]);
        assert_int_equal(sb_mongolog_line(&other, lines[i], n, &whole_line, &whole), SB_LOG_GOOD);
        for (size_t cut = 0; cut < n; cut++)
            check_cut(lines[i], cut, &whole_line, &whole);
        sb_mongolog_release(&other);
    }
}

static void a_number_at_the_cut_is_not_believed(void **state)
{
    (void)state;
    static const char text[] = LINE_44_FIND;
    const char *at = strstr(text, "\"docsExamined\":60000");
    size_t n = (size_t)(at - text) + strlen("\"docsExamined\":60");
    assert_int_equal(sb_mongolog_line(&reader, text, n, &line, &op), SB_LOG_CUT);
    assert_true(op.docs_examined == SB_ABSENT && op.keys_examined == 0);
    n += 3; /* all digits, but what says so is missing */
    assert_int_equal(sb_mongolog_line(&reader, text, n, &line, &op), SB_LOG_CUT);
    assert_true(op.docs_examined == SB_ABSENT);
    assert_int_equal(sb_mongolog_line(&reader, text, n + 1, &line, &op), SB_LOG_CUT);
    assert_int_equal(op.docs_examined, 60000);
}

static void what_is_no_log_line_is_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "hello",
        "{",
        "{}",
        "[1,2]",
        "2021-03-04T05:06:07.089+0000 I COMMAND [conn1] command shop.orders",
        "{\"a\":1}",
        "{\"t\":{\"$date\":\"yesterday\"},\"s\":\"I\",\"c\":\"X\",\"id\":1,\"msg\":\"m\"}",
        "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"}}",
        "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"X\"}",
        "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"X\",\"id\":1,\"msg\":\"m\"}trailing",
        "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"X\",\"id\":1,\"msg\":\"m\",\"attr\":5}",
        "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"X\",\"id\":1,\"msg\":\"tab\there\"}",
    };
    for (size_t i = 0; i < SB_COUNT(bad); i++)
        assert_int_equal(parse(bad[i]), SB_LOG_BAD);
    /* a NUL anywhere, also in what is passed over */
    char text[] = LINE_44_FIND;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char was = text[i];
        text[i] = '\0';
        assert_int_equal(sb_mongolog_line(&reader, text, sizeof text - 1, &line, &op), SB_LOG_BAD);
        text[i] = was;
    }
}

static void carriage_returns_and_unusual_times_are_fine(void **state)
{
    (void)state;
    static const char *const times[] = {
        "2021-03-04T05:06:07.089+00:00", "2021-03-04T05:06:07.089Z",   "2021-03-04T10:36:07.089+05:30", "2021-03-03T21:06:07.089-08:00",
        "2021-03-04T05:06:07.089+0000",  "2021-03-04T05:06:07.089123Z",
    };
    for (size_t i = 0; i < SB_COUNT(times); i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"t\":{\"$date\":\"%s\"},\"s\":\"W\",\"c\":\"NETWORK\",\"id\":7,\"ctx\":\"-\",\"msg\":\"m\"}\r", times[i]);
        assert_int_equal(parse(text), SB_LOG_GOOD);
        assert_true(line.at_ms == when("2021-03-04T05:06:07.089Z"));
        assert_false(line.slow);
    }
}

/* The reader remembers the last minute: times in any order must come out as if it did not. */
static void times_do_not_depend_on_the_line_before(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 5);
    static const char *const offsets[] = {"Z", "+00:00", "-04:00", "+05:45"};
    for (int i = 0; i < 20000; i++) {
        char time[64], text[256];
        snprintf(time, sizeof time, "2024-02-%02uT%02u:%02u:%02u.%03u%s", 28 + (unsigned)sb_rng_below(&rng, 2), (unsigned)sb_rng_below(&rng, 2) * 23,
                 (unsigned)sb_rng_below(&rng, 60), (unsigned)sb_rng_below(&rng, 60), (unsigned)sb_rng_below(&rng, 1000),
                 offsets[sb_rng_below(&rng, 4)]);
        snprintf(text, sizeof text, "{\"t\":{\"$date\":\"%s\"},\"s\":\"I\",\"c\":\"X\",\"id\":7,\"ctx\":\"-\",\"msg\":\"m\"}", time);
        assert_int_equal(parse(text), SB_LOG_GOOD);
        assert_true(line.at_ms == when(time));
    }
}

static void slow_operations_are_told_by_id_then_by_message(void **state)
{
    (void)state;
    static const char head[] = "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"COMMAND\",";
    static const char attr[] = "\"attr\":{\"type\":\"command\",\"ns\":\"a.b\",\"command\":{\"find\":\"b\"},\"durationMillis\":3}}";
    char text[512];
    snprintf(text, sizeof text, "%s\"msg\":\"Slow query\",%s", head, attr);
    assert_int_equal(parse(text), SB_LOG_GOOD);
    assert_true(line.slow && op.duration_ms == 3);
    snprintf(text, sizeof text, "%s\"id\":51803,\"msg\":\"Langsame Abfrage\",%s", head, attr);
    assert_int_equal(parse(text), SB_LOG_GOOD);
    assert_true(line.slow && op.duration_ms == 3);
    snprintf(text, sizeof text, "%s\"id\":1,\"msg\":\"Slow query\",%s", head, attr);
    assert_int_equal(parse(text), SB_LOG_GOOD);
    assert_false(line.slow);
    /* attr before what says that it is one */
    snprintf(text, sizeof text, "%s%.*s,\"id\":51803,\"msg\":\"Slow query\"}", head, (int)strlen(attr) - 1, attr);
    assert_int_equal(parse(text), SB_LOG_GOOD);
    assert_true(line.slow && op.duration_ms == 3);
}

static void events_are_told_by_id_then_by_message_then_by_severity(void **state)
{
    (void)state;
    static const struct {
        const char *rest;
        enum sb_log_event_kind kind;
        const char *detail;
    } cases[] = {
        {"\"s\":\"I\",\"c\":\"REPL\",\"id\":21358,\"msg\":\"renamed\",\"attr\":{\"newState\":\"PRIMARY\",\"oldState\":\"SECONDARY\"}}", SB_EVENT_STATE, "SECONDARY"},
        {"\"s\":\"I\",\"c\":\"REPL\",\"msg\":\"Replica set state transition\",\"attr\":{\"newState\":\"PRIMARY\",\"oldState\":\"SECONDARY\"}}", SB_EVENT_STATE, "SECONDARY"},
        {"\"s\":\"I\",\"c\":\"INDEX\",\"id\":20384,\"msg\":\"Index build: starting\",\"attr\":{\"namespace\":\"a.b\",\"properties\":{\"name\":\"x_1\"}}}", SB_EVENT_INDEX_BUILD, "a.b"},
        {"\"s\":\"I\",\"c\":\"COMMAND\",\"id\":20499,\"msg\":\"serverStatus was very slow\",\"attr\":{}}", SB_EVENT_SLOW_STATUS, NULL},
        {"\"s\":\"E\",\"c\":\"STORAGE\",\"id\":22435,\"msg\":\"WiredTiger error\",\"attr\":{\"error\":28}}", SB_EVENT_ERROR, NULL},
        {"\"s\":\"W\",\"c\":\"STORAGE\",\"id\":20294,\"msg\":\"w\",\"attr\":{\"namespace\":\"shop.orders\"}}", SB_EVENT_WARNING, "shop.orders"},
        {"\"s\":\"I\",\"c\":\"STORAGE\",\"id\":1,\"msg\":\"nothing\"}", SB_EVENT_NONE, NULL},
        {"\"s\":\"I\",\"c\":\"NETWORK\",\"id\":22943,\"msg\":\"Connection accepted\",\"attr\":{\"connectionCount\":5}}", SB_EVENT_NONE, NULL},
    };
    for (size_t i = 0; i < SB_COUNT(cases); i++) {
        char text[512];
        struct sb_log_event event = {.kind = SB_EVENT_NONE};
        snprintf(text, sizeof text, "{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},%s", cases[i].rest);
        assert_int_equal(parse(text), SB_LOG_GOOD);
        assert_int_equal(sb_log_event(&line, &event), cases[i].kind != SB_EVENT_NONE);
        assert_int_equal(event.kind, cases[i].kind);
        if (cases[i].detail) {
            assert_int_equal(event.detail[0].n, strlen(cases[i].detail));
            assert_memory_equal(event.detail[0].p, cases[i].detail, event.detail[0].n);
        }
    }
}

static void connections_are_counted_from_their_lines(void **state)
{
    (void)state;
    int64_t open;
    struct sb_span remote, app;
    assert_int_equal(parse("{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"NETWORK\",\"id\":22943,\"ctx\":\"l\","
                           "\"msg\":\"Connection accepted\",\"attr\":{\"remote\":\"1.2.3.4:5\",\"connectionId\":1,\"connectionCount\":17}}"),
                     SB_LOG_GOOD);
    assert_int_equal(sb_log_connection(&line, &open, &remote, &app), SB_CONNECTION_OPENED);
    assert_int_equal(open, 17);
    assert_span(remote, "1.2.3.4:5");
    assert_int_equal(parse("{\"t\":{\"$date\":\"2021-03-04T05:06:07.089+00:00\"},\"s\":\"I\",\"c\":\"NETWORK\",\"id\":51800,\"ctx\":\"l\","
                           "\"msg\":\"client metadata\",\"attr\":{\"remote\":\"1.2.3.4:5\",\"doc\":{\"driver\":{\"name\":\"x\"},"
                           "\"application\":{\"name\":\"checkout\"}}}}"),
                     SB_LOG_GOOD);
    assert_int_equal(sb_log_connection(&line, &open, &remote, &app), SB_CONNECTION_CLIENT);
    assert_span(app, "checkout");
}

/* Whatever happens to the bytes of a line, it is read to an end, and what it gives is within it. */
static void damaged_lines_are_survived(void **state)
{
    (void)state;
    static const char *const lines[] = {LINE_44_FIND, LINE_50_GETMORE, LINE_60_REMOVE, LINE_80_AGGREGATE};
    struct sb_rng rng;
    sb_rng_seed(&rng, 9);
    size_t counts[4] = {0};
    for (int round = 0; round < 100000; round++) {
        const char *from = lines[sb_rng_below(&rng, SB_COUNT(lines))];
        size_t n = strlen(from);
        char *text = malloc(n);
        assert_non_null(text);
        memcpy(text, from, n);
        for (uint64_t hits = 1 + sb_rng_below(&rng, 4); hits; hits--)
            text[sb_rng_below(&rng, n)] = (char)sb_rng_below(&rng, 256);
        enum sb_log_status status = sb_mongolog_line(&reader, text, n, &line, &op);
        assert_true(status <= SB_LOG_BAD);
        counts[status]++;
        if (line.slow && op.command.form != SB_DOC_NONE)
            assert_true(op.command.p >= text && op.command.p + op.command.n <= text + n);
        free(text);
    }
    assert_true(counts[SB_LOG_GOOD] > 1000 && counts[SB_LOG_BAD] > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_find_of_4_4_has_every_field),
        cmocka_unit_test(a_getmore_has_what_opened_its_cursor),
        cmocka_unit_test(a_write_and_its_envelope_are_told_apart),
        cmocka_unit_test(an_aggregate_of_8_0_has_the_new_names),
        cmocka_unit_test(kinds_are_told_by_type_and_first_key),
        cmocka_unit_test(a_command_that_the_server_shortened_is_marked),
        cmocka_unit_test(a_cut_anywhere_invents_nothing),
        cmocka_unit_test(a_number_at_the_cut_is_not_believed),
        cmocka_unit_test(what_is_no_log_line_is_bad),
        cmocka_unit_test(carriage_returns_and_unusual_times_are_fine),
        cmocka_unit_test(times_do_not_depend_on_the_line_before),
        cmocka_unit_test(slow_operations_are_told_by_id_then_by_message),
        cmocka_unit_test(events_are_told_by_id_then_by_message_then_by_severity),
        cmocka_unit_test(connections_are_counted_from_their_lines),
        cmocka_unit_test(damaged_lines_are_survived),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
