/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what an outside program says of a request that was not understood: the first line is the request, the rest is what it says.
 * What is taken names nothing but words of the request or collections that are known in short there, is understood and clear, and
 * is marked; what is not taken has its reason. */
#include "../../src/orchestrator/rephrase.h"
#include "fuzz.h"

#include <signalbox/base/file.h>

static char *const known[] = {(char *)"shop.orders", (char *)"shop.carts", (char *)"crm.users"};

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
    const uint8_t *end = memchr(data, '\n', size);
    size_t n = end ? (size_t)(end - data) : size;
    char *request = sb_strdup_n((const char *)data, n);
    const char *said = end ? (const char *)end + 1 : "";
    struct sb_reading_of r;
    struct sb_err err = SB_ERR_INIT;
    check(request != NULL);
    if (sb_rephrased_read(intake(), request, said, end ? size - n - 1 : 0, known, SB_COUNT(known), &r, &err)) {
        check(err.msg[0]);
    } else {
        check(r.intent > SB_INTENT_NONE && !r.unclear && r.warning && strstr(r.warning, "by an outside program"));
        check(!r.slots.key || strcasestr(request, r.slots.key));
        check(!r.slots.field || strcasestr(request, r.slots.field));
        check(!r.slots.opid || strcasestr(request, r.slots.opid));
        sb_record_release(&sb_reading_of_schema, &r);
    }
    free(request);
    return 0;
}
