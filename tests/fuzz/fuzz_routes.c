/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes a file of routes of the operator's, before the built-in one. What is wrong is told by line; what is taken names a known
 * intent, task and specialist and says why; and whatever it says, no chain does a task twice, and every chain ends. */
#include "fuzz.h"

#include <signalbox/base/file.h>
#include <signalbox/orchestrator/routes.h>

static const struct sb_str *built_in(void)
{
    static struct sb_str text;
    if (!text.len) {
        sb_str_init(&text);
        check(sb_file_read("src/orchestrator/routes.data", SB_CONF_MAX_BYTES, &text, NULL) == 0);
    }
    return &text;
}

static void walk(const struct sb_routes *r, int intent, unsigned facts)
{
    unsigned done = 0;
    int steps = 0;
    for (const struct sb_route *x = sb_routes_first(r, intent, facts); x; x = sb_routes_next(r, intent, x->task, facts, done)) {
        check(x->intent == intent && x->task > SB_TASK_NONE && x->task < SB_TASKS && (x->needs & ~facts) == 0);
        check(!(done >> x->task & 1) && x->why[0] && x->risk[0] && ++steps <= SB_TASKS);
        done |= 1u << x->task;
        struct sb_str other;
        sb_str_init(&other);
        sb_routes_otherwise(r, x, &other);
        check(sb_str_ok(&other));
        sb_str_release(&other);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_problems problems;
    struct sb_err err = SB_ERR_INIT;
    char *own = sb_strdup_n((const char *)data, size);
    sb_problems_init(&problems);
    check(own != NULL);
    struct sb_routes *r = sb_routes_new(own, size, "fuzz", built_in()->p, built_in()->len, &problems, &err);
    check(r != NULL);
    check(problems.count == 0 || strncmp(problems.text.p, "fuzz:", 5) == 0);
    for (int intent = SB_INTENT_NONE; intent <= SB_INTENT_STATUS; intent++) {
        walk(r, intent, 0);
        walk(r, intent, ~0u);
        walk(r, intent, SB_FACT_NAMESPACE | SB_FACT_PLACE | SB_FACT_NOTHING | SB_FACT_DOCUMENTS | SB_FACT_BACKUPS);
        check(sb_routes_instead(r, intent)[0]);
    }
    sb_routes_free(r);
    sb_problems_release(&problems);
    free(own);
    return 0;
}
