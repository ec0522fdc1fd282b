/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations that servers wrote down, added to the workload. */
#include "private.h"

#include <signalbox/base/record.h>
#include <signalbox/formats/profile.h>

#include <string.h>

/* An envelope whose write has not shown up after this long will not. */
#define SETTLE_MS 10000

/* Our own polling is not the workload. */
static bool ours(const struct sb_slow_op *op)
{
    return sb_span_equal(op->app, SB_SPAN("signalbox"));
}

/* While a database's profiler is tailed, its slow operations come that way: the log would count them twice. */
static bool tailed(const struct sb_telemetry *t, struct sb_span ns)
{
    const char *dot = ns.p ? memchr(ns.p, '.', ns.n) : NULL;
    if (!dot)
        return false;
    for (size_t i = 0; i < t->tailed_n; i++)
        if (strlen(t->tailed[i]) == (size_t)(dot - ns.p) && memcmp(t->tailed[i], ns.p, (size_t)(dot - ns.p)) == 0)
            return true;
    return false;
}

static void add(struct sb_telemetry *t, const struct sb_slow_op *op)
{
    int ignored = sb_workload_add(t->work, op, NULL); /* out of memory: the workload itself counts what it lost */
    (void)ignored;
}

static void take_log(struct sb_telemetry *t, const struct sb_sample *s)
{
    struct sb_mongolog reader;
    struct sb_log_line line;
    struct sb_slow_op op;
    sb_mongolog_init(&reader);
    const char *p = s->log.p, *end = p + s->log.len;
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        if (!eol)
            eol = end;
        enum sb_log_status status = sb_mongolog_line(&reader, p, (size_t)(eol - p), &line, &op);
        p = eol + 1;
        t->log_bad += status == SB_LOG_BAD;
        if (status == SB_LOG_BAD || status == SB_LOG_NOMEM)
            continue;
        if (line.at_ms != SB_NO_TIME)
            line.at_ms -= s->ahead_ms;
        if (line.slow && op.at_ms != SB_NO_TIME)
            op.at_ms -= s->ahead_ms;
        if (line.slow && ours(&op))
            continue;
        if (line.slow && !tailed(t, op.ns))
            add(t, &op);
        if (t->o.line)
            t->o.line(t->o.ctx, s->member, &line, line.slow ? &op : NULL);
    }
    sb_mongolog_release(&reader);
}

static void take_profile(struct sb_telemetry *t, const struct sb_sample *s)
{
    const uint8_t *p = (const uint8_t *)s->profile.p;
    size_t left = s->profile.len;
    while (left >= 5) {
        uint32_t n;
        memcpy(&n, p, sizeof n);
        n = BSON_UINT32_FROM_LE(n);
        if (n < 5 || n > left)
            return;
        struct sb_slow_op op;
        if (sb_profile_bson_data(p, n, &op) && !ours(&op)) {
            if (op.at_ms != SB_NO_TIME)
                op.at_ms -= s->ahead_ms;
            add(t, &op);
        }
        p += n;
        left -= n;
    }
}

void sb_telemetry_ops(struct sb_telemetry *t, const struct sb_sample *s)
{
    if (s->log.len)
        take_log(t, s);
    if (s->profile.len)
        take_profile(t, s);
    if (s->ok) {
        int ignored = sb_workload_settle(t->work, s->at - SETTLE_MS, NULL);
        (void)ignored;
    }
}
