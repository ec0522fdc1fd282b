/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reading of requests in plain language with the patterns that are shipped. A reading is the same every time,
 * its shares stay within one million, and its slots are words of the request or names that were known: a request cannot
 * make the program speak of something else. */
#include "fuzz.h"

#include <signalbox/base/file.h>
#include <signalbox/base/record.h>
#include <signalbox/orchestrator/intake.h>

static const struct sb_intake *intake(void)
{
    static struct sb_intake *in;
    if (in)
        return in;
    struct sb_str text;
    struct sb_problems problems;
    sb_str_init(&text);
    sb_problems_init(&problems);
    check(sb_file_read("src/orchestrator/intents.data", SB_CONF_MAX_BYTES, &text, NULL) == 0);
    in = sb_intake_new(text.p, text.len, "intents.data", &problems, NULL);
    check(in && problems.count == 0);
    sb_str_release(&text);
    sb_problems_release(&problems);
    return in;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *const known[] = {(char *)"shop.orders", (char *)"shop.carts", (char *)"archive.orders", (char *)"odd", (char *)"shop.a.b"};
    struct sb_reading_of reading, again;
    struct sb_err err = SB_ERR_INIT;
    char *request = sb_strdup_n((const char *)data, size);
    check(request != NULL);
    size_t n = strlen(request);
    if (sb_intake_read(intake(), request, known, SB_COUNT(known), &reading, &err) == 0) {
        check(n <= SB_REQUEST_MAX && sb_utf8_valid(request, n));
        check(sb_intake_read(intake(), request, known, SB_COUNT(known), &again, &err) == 0);
        check(sb_record_equal(&sb_reading_of_schema, &reading, &again));
        check(reading.intent >= 0 && reading.confidence_ppm >= 0 && reading.confidence_ppm <= 1000000);
        check(reading.runner_up_ppm >= 0 && reading.runner_up_ppm <= reading.confidence_ppm);
        check(reading.reason && sb_utf8_valid(reading.reason, strlen(reading.reason)));
        check(!reading.slots.ns || strstr(request, reading.slots.ns) || sb_strs_has(known, SB_COUNT(known), reading.slots.ns));
        check(!reading.slots.key || strstr(request, reading.slots.key));
        check(!reading.slots.index || strstr(request, reading.slots.index));
        json_t *json = sb_record_to_json(&sb_reading_of_schema, &reading);
        check(json != NULL);
        json_decref(json);
        sb_record_release(&sb_reading_of_schema, &reading);
        sb_record_release(&sb_reading_of_schema, &again);
    } else {
        check(err.code == SB_EINPUT && err.msg[0]);
    }
    free(request);
    return 0;
}
