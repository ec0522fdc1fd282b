/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "../formats/ftdc_write.h"

#include <signalbox/telemetry/vitals.h>

#include <math.h>
#include <string.h>

static struct sb_err err;

/* ---- where they are in a chunk ---- */

static void append_path(bson_t *doc, const char *path, int64_t value)
{
    const char *dot = strchr(path, '.');
    bson_t inner;
    if (!dot) {
        BSON_APPEND_INT64(doc, path, value);
        return;
    }
    bson_append_document_begin(doc, path, (int)(dot - path), &inner);
    append_path(&inner, dot + 1, value);
    bson_append_document_end(doc, &inner);
}

static void read_from(const bson_t *ref, uint32_t metrics, struct sb_vitals *out, bool *is_server)
{
    static int64_t none[64];
    static struct sb_ftdc_decoder *d;
    struct sb_vitals_map map;
    struct sb_ftdc_chunk chunk;
    struct sb_str inner, data;
    uLongf n;
    unsigned char packed[8192];
    if (!d)
        d = sb_ftdc_decoder_new(&err);
    sb_str_init(&inner);
    sb_str_init(&data);
    put_chunk(&inner, ref, none, metrics, 1);
    n = sizeof packed;
    assert_int_equal(compress2(packed, &n, (const unsigned char *)inner.p, inner.len, 6), Z_OK);
    put_le32(&data, (uint32_t)inner.len);
    sb_str_add(&data, packed, n);
    sb_assert_ok(sb_ftdc_decode(d, (const uint8_t *)data.p, data.len, &chunk, &err), err);
    *is_server = sb_vitals_map(&map, &chunk);
    if (*is_server)
        sb_vitals_read(&map, &chunk, 0, out);
    sb_str_release(&inner);
    sb_str_release(&data);
}

static void numbers_are_found_by_their_paths(void **state)
{
    static const char *const prefixes[] = {"", "common."}; /* 8.0 in a sharded cluster */
    (void)state;
    for (size_t i = 0; i < SB_COUNT(prefixes); i++) {
        struct sb_vitals v;
        bool is_server;
        char path[200];
        bson_t ref = BSON_INITIALIZER;
        static const struct {
            const char *path;
            int64_t value;
        } numbers[] = {
            {"serverStatus.opLatencies.reads.ops", 11},
            {"serverStatus.queues.execution.read.totalTickets", 12}, /* the other path of 8.0 */
            {"serverStatus.locks.Global.timeAcquiringMicros.r", 13},
            {"serverStatus.locks.Collection.timeAcquiringMicros.w", 14},
            {"systemMetrics.disks.sda.io_time_ms", 15},
            {"replSetGetStatus.members.1.state", 2},
            {"replSetGetStatus.members.1.health", 1},
            {"replSetGetStatus.members.60.state", 8}, /* more than a set can have */
        };
        BSON_APPEND_DATE_TIME(&ref, "start", 1000);
        for (size_t k = 0; k < SB_COUNT(numbers); k++) {
            snprintf(path, sizeof path, "%s%s", prefixes[i], numbers[k].path);
            append_path(&ref, path, numbers[k].value);
        }
        read_from(&ref, 1 + SB_COUNT(numbers), &v, &is_server);
        assert_true(is_server);
        assert_int_equal(v.at_ms, 1000);
        assert_int_equal(v.value[SB_VITAL_READ_OPS], 11);
        assert_int_equal(v.value[SB_VITAL_READ_TICKETS], 12);
        assert_int_equal(v.value[SB_VITAL_LOCK_WAIT_US], 27);
        assert_int_equal(v.value[SB_VITAL_WRITE_OPS], SB_VITAL_ABSENT);
        assert_int_equal(v.disks_n, 1);
        assert_int_equal(v.disk_busy_ms[0], 15);
        assert_int_equal(v.peers_n, 2);
        assert_int_equal(v.peer[1].state, 2);
        assert_true(v.peer[1].healthy && !v.peer[1].self);
        assert_int_equal(v.peer[1].applied_ms, SB_VITAL_ABSENT);
        bson_destroy(&ref);
    }
    struct sb_vitals v;
    bool is_server;
    bson_t ref = BSON_INITIALIZER;
    BSON_APPEND_INT32(&ref, "ops", 1);
    read_from(&ref, 1, &v, &is_server);
    assert_false(is_server);
    bson_destroy(&ref);
}

/* ---- what they say ---- */

static void server(struct sb_vitals *v, int64_t second)
{
    memset(v, 0, sizeof *v);
    for (int i = 0; i < SB_VITALS_N; i++)
        v->value[i] = SB_VITAL_ABSENT;
    v->at_ms = second * 1000;
    v->value[SB_VITAL_UPTIME_MS] = second * 1000;
    v->value[SB_VITAL_PID] = 7;
    v->value[SB_VITAL_READ_OPS] = second * 30;
    v->value[SB_VITAL_GETMORES] = second * 10;
    v->value[SB_VITAL_READ_US] = second * 30 * 2500;
    v->value[SB_VITAL_ASSERTS] = second == 6 ? 60 + 9 : second * 10;
    v->value[SB_VITAL_CONNECTIONS] = 40;
    v->value[SB_VITAL_CPUS] = 2;
    v->value[SB_VITAL_CPU_IDLE_MS] = second * 500;
    v->value[SB_VITAL_CPU_IOWAIT_MS] = second * 500;
    v->value[SB_VITAL_OWN_USER_US] = second * 600000;
    v->value[SB_VITAL_OWN_SYSTEM_US] = 0;
}

static void counters_become_rates(void **state)
{
    (void)state;
    struct sb_pulse p = {0};
    struct sb_vitals v;
    double r[SB_READINGS_N];
    for (int64_t s = 0; s < 7; s++) {
        server(&v, s);
        assert_int_equal(sb_pulse_take(&p, &v, r), SB_PULSE_ON);
        if (s == 0)
            assert_true(isnan(r[SB_READING_READS]) && r[SB_READING_CONNECTIONS] == 40);
    }
    assert_true(fabs(r[SB_READING_READS] - 20) < 1e-9); /* what members fetch from each other is no load */
    assert_true(fabs(r[SB_READING_READ_MS] - 2.5) < 1e-9);
    assert_true(fabs(r[SB_READING_ERRORS] - 19) < 1e-9); /* of one second, not of five */
    assert_true(fabs(r[SB_READING_CPU] - 50) < 1e-9);
    assert_true(fabs(r[SB_READING_IOWAIT] - 25) < 1e-9);
    assert_true(fabs(r[SB_READING_OWN_CPU] - 30) < 1e-9);
    assert_true(fabs(r[SB_READING_OTHER_CPU] - 20) < 1e-9);
    assert_true(isnan(r[SB_READING_WRITE_MS]) && isnan(r[SB_READING_LAG]) && isnan(r[SB_READING_DISK]));
}

static void a_new_process_and_a_clock_that_goes_back_begin_anew(void **state)
{
    (void)state;
    struct sb_pulse p = {0};
    struct sb_vitals v;
    double r[SB_READINGS_N];
    for (int64_t s = 100; s < 110; s++) {
        server(&v, s);
        sb_pulse_take(&p, &v, r);
    }
    server(&v, 110);
    v.value[SB_VITAL_PID] = 8;
    assert_int_equal(sb_pulse_take(&p, &v, r), SB_PULSE_RESTARTED);
    assert_true(isnan(r[SB_READING_READS]));
    server(&v, 111);
    v.value[SB_VITAL_PID] = 8;
    v.value[SB_VITAL_READ_OPS] = 5; /* a counter that went back alone */
    assert_int_equal(sb_pulse_take(&p, &v, r), SB_PULSE_ON);
    assert_true(isnan(r[SB_READING_READS]) && !isnan(r[SB_READING_ERRORS]));
    v.value[SB_VITAL_UPTIME_MS] = 3;
    assert_int_equal(sb_pulse_take(&p, &v, r), SB_PULSE_RESTARTED);
    v.at_ms += 1000;
    v.value[SB_VITAL_PID] = v.value[SB_VITAL_UPTIME_MS] = SB_VITAL_ABSENT; /* the last sample before it ends has no serverStatus */
    assert_int_equal(sb_pulse_take(&p, &v, r), SB_PULSE_ON);
    v.at_ms -= 61000;
    assert_int_equal(sb_pulse_take(&p, &v, r), SB_PULSE_BACK);
    v.at_ms += 600000; /* too far apart for a rate */
    assert_int_equal(sb_pulse_take(&p, &v, r), SB_PULSE_ON);
    assert_true(isnan(r[SB_READING_ERRORS]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_found_by_their_paths),
        cmocka_unit_test(counters_become_rates),
        cmocka_unit_test(a_new_process_and_a_clock_that_goes_back_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
