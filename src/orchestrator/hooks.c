/* SPDX-License-Identifier: Apache-2.0
 *
 * The config's lines of hooks. */
#include "rephrase.h"
#include "summarise.h"

#include <signalbox/base/array.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/record.h>
#include <signalbox/base/str.h>
#include <signalbox/model/entry.h>
#include <signalbox/model/lifecycle.h>
#include <signalbox/orchestrator/hooks.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WITHIN_MS 10000
#define WITHIN_LEAST_MS 100
#define WITHIN_MOST_MS (5 * 60 * 1000)

bool sb_event_hook_guards(const char *event)
{
    return strncmp(event, "before", 6) == 0;
}

static bool is_event(const char *name)
{
    if (strcmp(name, SB_HOOK_BEFORE_STEP) == 0 || strcmp(name, SB_HOOK_REPHRASE) == 0 || strcmp(name, SB_HOOK_SUMMARISE) == 0 || strcmp(name, "anomaly.began") == 0 || strcmp(name, "anomaly.over") == 0)
        return true;
    if (strncmp(name, "state.", 6) == 0)
        return sb_name_find(&sb_states, name + 6) >= 0;
    int kind = sb_name_find(&sb_entry_kinds, name);
    return kind >= 0 && kind != SB_ENTRY_HOOK; /* what tells of hooks would tell of itself for ever */
}

/* "500ms", "20s", "2min" in milliseconds; -1: it is none. */
static int64_t duration_of(const char *word)
{
    static const struct { const char *unit; int64_t ms; } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}};
    size_t n = strspn(word, "0123456789");
    char digits[12];
    int64_t count;
    if (n == 0 || n > 6)
        return -1;
    snprintf(digits, sizeof digits, "%.*s", (int)n, word);
    for (size_t i = 0; i < SB_COUNT(units); i++)
        if (strcmp(word + n, units[i].unit) == 0)
            return sb_parse_i64(digits, &count) ? -1 : count * units[i].ms;
    return -1;
}

int sb_event_hook_read(struct sb_event_hook *h, const char *const *word, size_t n, struct sb_err *err)
{
    size_t at = 1;
    memset(h, 0, sizeof *h);
    h->within_ms = WITHIN_MS;
    if (n < 2)
        return sb_fail(err, SB_EINPUT, "must be: hook EVENT [within DURATION] COMMAND [ARGUMENT...], or ... shell \"LINE\"");
    if (!is_event(word[0]))
        return sb_fail(err, SB_EINPUT, "there is no event \"%s\": before.step, rephrase, summarise, anomaly.began, anomaly.over, state.STATE, or a kind of entry (signalbox help hooks)", word[0]);
    if (strcmp(word[1], "within") == 0) {
        if (n < 4 || (h->within_ms = duration_of(word[2])) < 0 || h->within_ms < WITHIN_LEAST_MS || h->within_ms > WITHIN_MOST_MS)
            return sb_fail(err, SB_EINPUT, "within is followed by a duration from 100ms to 5min, and the command");
        at = 3;
    }
    bool shell = h->shell = strcmp(word[at], "shell") == 0;
    if (shell && n != at + 2)
        return sb_fail(err, SB_EINPUT, "shell is followed by one line, in quotation marks");
    if (!shell && word[at][0] != '/')
        return sb_fail(err, SB_EINPUT, "the command \"%s\" must be an absolute path (or: shell \"LINE\")", word[at]);
    static const char *const shell_words[] = {"/bin/sh", "-c"};
    int rc = sb_str_set(&h->event, word[0]);
    for (size_t i = 0; rc == 0 && shell && i < SB_COUNT(shell_words); i++)
        rc = sb_strs_push(&h->argv, &h->argv_n, shell_words[i]);
    for (size_t i = at + shell; rc == 0 && i < n; i++)
        rc = sb_strs_push(&h->argv, &h->argv_n, word[i]);
    char **ended = rc ? NULL : realloc(h->argv, (h->argv_n + 1) * sizeof *ended);
    if (!ended) {
        sb_event_hook_release(h);
        return sb_fail_nomem(err);
    }
    h->argv = ended;
    h->argv[h->argv_n] = NULL;
    return 0;
}

void sb_event_hook_release(struct sb_event_hook *h)
{
    free(h->event);
    for (size_t i = 0; i < h->argv_n; i++)
        free(h->argv[i]);
    free(h->argv);
    memset(h, 0, sizeof *h);
}
