/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reading of requests in plain language with the rules that are shipped. A reading is the same every time, its
 * shares stay within one million, and its slots are words of the request or names that were known: a request cannot make the
 * program speak of something else. The parts of a request are stretches of it, in order, and each can be read. */
#include "fuzz.h"

#include <signalbox/base/file.h>
#include <signalbox/base/record.h>
#include <signalbox/orchestrator/intake.h>
#include <signalbox/orchestrator/nearest.h>

static char *const known[] = {(char *)"shop.orders", (char *)"shop.carts", (char *)"archive.orders", (char *)"odd", (char *)"shop.a.b"};

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

/* Each slot is text of the request, or of a name that is known. */
static void check_slots(const struct sb_slots *slots, const char *request)
{
    for (size_t i = 0; i < sb_slots_schema.n; i++) {
        const char *value = *(char *const *)(const void *)((const char *)slots + sb_slots_schema.member[i].offset);
        bool found = !value || strstr(request, value);
        for (size_t k = 0; !found && k < SB_COUNT(known); k++)
            found = strstr(known[k], value);
        check(found);
    }
}

static void check_reading(const char *request)
{
    struct sb_reading_of reading, again;
    struct sb_err err = SB_ERR_INIT;
    size_t n = strlen(request);
    if (sb_intake_read(intake(), request, known, SB_COUNT(known), &reading, &err)) {
        check(err.code == SB_EINPUT && err.msg[0]);
        return;
    }
    check(n <= SB_REQUEST_MAX && sb_utf8_valid(request, n));
    check(sb_intake_read(intake(), request, known, SB_COUNT(known), &again, &err) == 0);
    check(sb_record_equal(&sb_reading_of_schema, &reading, &again));
    check(reading.intent >= 0 && reading.confidence_ppm >= 0 && reading.confidence_ppm <= 1000000);
    check(reading.runner_up_ppm >= 0 && reading.runner_up_ppm <= reading.confidence_ppm);
    check(reading.reason && sb_utf8_valid(reading.reason, strlen(reading.reason)));
    check(!reading.unclear || sb_utf8_valid(reading.unclear, strlen(reading.unclear)));
    check_slots(&reading.slots, request);
    json_t *json = sb_record_to_json(&sb_reading_of_schema, &reading);
    check(json != NULL);
    json_decref(json);
    sb_record_release(&sb_reading_of_schema, &reading);
    sb_record_release(&sb_reading_of_schema, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *request = sb_strdup_n((const char *)data, size);
    const char *near[SB_NEAREST_MAX];
    struct sb_match part[SB_INTAKE_PARTS_MAX];
    check(request != NULL);
    check_reading(request);
    size_t n = sb_intake_parts(intake(), request, part, SB_COUNT(part));
    check(n <= SB_COUNT(part));
    for (size_t i = 0; i < n; i++) {
        check(part[i].from <= part[i].to && part[i].to <= strlen(request) && (i == 0 || part[i].from >= part[i - 1].to));
        char *text = sb_strdup_n(request + part[i].from, part[i].to - part[i].from);
        check(text != NULL);
        if (n > 1)
            check_reading(text);
        free(text);
    }
    check(sb_nearest(request, known, SB_COUNT(known), near, SB_COUNT(near)) <= SB_COUNT(near));
    free(request);
    return 0;
}
