/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what an outside program says of a card's evidence: the first line is what it was sent, the rest is what it says. What is taken
 * is a plain line whose digits all stand in what was sent; what is not taken has its reason. */
#include "../../src/orchestrator/summarise.h"
#include "fuzz.h"

#include <signalbox/base/file.h>

#include <ctype.h>

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
    char *sent = sb_strdup_n((const char *)data, n), *words = NULL;
    struct sb_err err = SB_ERR_INIT;
    check(sent != NULL);
    if (sb_summary_read(intake(), sent, end ? (const char *)end + 1 : "", end ? size - n - 1 : 0, known, SB_COUNT(known), &words, &err)) {
        check(err.msg[0] && !words);
    } else {
        check(words && strlen(words) <= SB_SUMMARY_MAX);
        for (const char *p = words; *p; p++) {
            check(*p >= 0x20 && *p <= 0x7e);
            check(!isdigit((unsigned char)*p) || strchr(sent, *p));
        }
        check(!strcasestr(words, "http"));
    }
    free(words);
    free(sent);
    return 0;
}
