/* SPDX-License-Identifier: Apache-2.0
 *
 * incidents_watch.c - when a reading is far out. */
#include "incidents_private.h"

#include <math.h>

/* A value is out when it is `z` spreads and `step` above the median and `ratio` times it; it deviates after `persist` such
 * seconds in a row. Why these:
 *  - z 5 on a spread that is never taken smaller than `rel` of the median: a robust 5 sigma, so that a calm and very even
 *    series does not make an alarm of nothing;
 *  - ratio 2 for latencies: what takes twice as long is felt. From 1.5 on (soft) it counts where a cause stands beside it (a
 *    full processor, twice the load, an operator's command): traffic that slowly rises by a half makes that much without one.
 *    Five times and half a millisecond count as well: on a fast machine a scan shows as no more;
 *  - step: below it nobody is hurt (2 ms of mean latency, 3 errors a second, 50 connections, 10 s of lag: the server's own
 *    flow control begins there);
 *  - connections made: each costs a thread and a handshake; a pool that fills is over within the five seconds of its mean;
 *  - a transaction that is open and does nothing for twelve seconds holds back what the cache may forget: no request takes so
 *    long between two statements;
 *  - time in logged operations, of a member that has no samples: 0.3 s more in each second, and four times as much;
 *  - persist: latencies are means over five seconds, so one slow operation is in five values: six are more than one. Errors
 *    are of one second each: six in a row are no burst. A lag is seen by heartbeats every two seconds, and jumps by ten when
 *    an idle primary writes its periodic no-op: four outlast that. */
static const struct rule {
    bool impact;
    double z, ratio, step, rel, least_spread;
    int persist;
    double soft_ratio, soft_step; /* 0: none */
} rules[SB_READINGS_N] = {
    [SB_READING_READ_MS] = {true, 5, 2, 2, .15, .1, 6, 1.5, 1},
    [SB_READING_WRITE_MS] = {true, 5, 2, 2, .15, .1, 6, 1.5, 1},
    [SB_READING_COMMAND_MS] = {true, 5, 2, 2, .15, .1, 6, 1.5, 1},
    [SB_READING_ERRORS] = {true, 5, 4, 3, .2, .5, 6, 0, 0},
    [SB_READING_CONNECTIONS] = {true, 5, 2.5, 50, .05, 1, 4, 0, 0},
    [SB_READING_QUEUE] = {true, 5, 4, 5, .2, 1, 6, 0, 0},
    [SB_READING_CONFLICTS] = {true, 5, 8, 10, .2, 1, 6, 0, 0},
    [SB_READING_LOCK_WAIT] = {true, 5, 5, 1000, .2, 20, 6, 0, 0},
    [SB_READING_FLOW] = {true, 1, 1, 1, 0, .1, 5, 0, 0},
    [SB_READING_LAG] = {true, 5, 3, 10, .2, 1, 4, 0, 0},
    [SB_READING_STALL] = {true, 1, 1, 1, 0, .1, 4, 0, 0},
    [SB_READING_IDLE] = {true, 1, 1, 1, 0, .1, 8, 0, 0},
    [SB_READING_LOGGED] = {true, 5, 4, 300, .2, 25, 6, 0, 0},
    [SB_READING_CONNECTING] = {true, 5, 10, 10, .2, 1, 8, 0, 0},
    [SB_READING_ACTIVE] = {false, 5, 1.5, 5, .1, 1, 5, 0, 0},
    [SB_READING_READS] = {false, 5, 1.8, 10, .1, 1, 5, 0, 0},
    [SB_READING_WRITES] = {false, 5, 1.8, 10, .1, 1, 5, 0, 0},
    [SB_READING_COMMANDS] = {false, 5, 2, 10, .1, 1, 5, 0, 0},
    [SB_READING_OPS] = {false, 5, 1.8, 10, .1, 1, 5, 0, 0},
    [SB_READING_DOCS_WRITTEN] = {false, 5, 4, 100, .2, 1, 4, 0, 0},
    [SB_READING_DOCS_RETURNED] = {false, 5, 4, 500, .2, 1, 4, 0, 0},
    [SB_READING_EXAMINED] = {false, 5, 4, 1000, .2, 1, 4, 0, 0},
    [SB_READING_EXAMINED_PER_OP] = {false, 5, 3, 20, .2, 1, 4, 0, 0},
    [SB_READING_COLLECTION_SCANS] = {false, 4, 3, .5, .2, .1, 4, 0, 0},
    [SB_READING_SORTS] = {false, 4, 3, 1, .2, .2, 4, 0, 0},
    [SB_READING_MAJORITY_MS] = {false, 5, 2, 5, .2, 1, 4, 0, 0},
    [SB_READING_JOURNAL_MS] = {false, 5, 3, 10, .2, 1, 4, 0, 0},
    [SB_READING_TRANSACTIONS] = {false, 5, 3, 3, .2, 1, 4, 0, 0},
    [SB_READING_TRANSACTIONS_IDLE] = {true, 5, 2, 1, .2, .2, 12, 0, 0},
    [SB_READING_CURSORS] = {true, 5, 3, 100, .2, 2, 5, 0, 0},
    [SB_READING_CPU] = {false, 3, 1.3, 20, .05, 4, 4, 0, 0},
    [SB_READING_OTHER_CPU] = {false, 4, 1.5, 25, .1, 4, 4, 0, 0},
    [SB_READING_OWN_CPU] = {false, 4, 1.5, 15, .1, 3, 4, 0, 0},
    [SB_READING_CPU_PER_OP] = {false, 5, 2, .5, .1, .1, 4, 0, 0},
    [SB_READING_IOWAIT] = {false, 5, 3, 15, .2, 1, 4, 0, 0},
    [SB_READING_DISK] = {false, 4, 1.5, 40, .1, 4, 4, 0, 0},
    [SB_READING_CACHE_FILL] = {false, 4, 1.02, 4, .01, 1, 5, 0, 0},
    [SB_READING_CACHE_DIRTY] = {false, 4, 2, 8, .1, 1, 4, 0, 0},
    [SB_READING_PAGES_READ] = {false, 5, 5, 100, .2, 5, 4, 0, 0},
    [SB_READING_APP_EVICTIONS] = {false, 5, 3, 20, .2, 1, 4, 0, 0},
    [SB_READING_BYTES_OUT] = {false, 5, 4, 1e6, .2, 1e4, 4, 0, 0},
    [SB_READING_TTL_DELETES] = {false, 5, 5, 200, .2, 5, 3, 0, 0},
    [SB_READING_BACKUP_CURSOR] = {false, 1, 1, 1, 0, .1, 2, 0, 0},
};

#define FAR_RATIO 5 /* of latencies of reads and writes */
#define FAR_STEP 0.5
#define SOFT_Z 4
#define SOFT_PERSIST 6
#define ACCEPT_MS 90000 /* out for so long, and nobody is hurt: it is usual now */
#define BACK_AFTER 4 /* values in a row that are well below the limit end a deviation */

bool sb_reading_is_impact(enum sb_reading r)
{
    return rules[r].impact;
}

static double spread_of(const struct watch *w, const struct rule *rule, double median)
{
    return fmax(fmax(sb_baseline_spread(&w->usual), rule->rel * median), rule->least_spread);
}

static double limit_of(enum sb_reading r, double median, double spread)
{
    const struct rule *rule = &rules[r];
    double felt = fmax(median * rule->ratio, median + rule->step);
    if (r == SB_READING_READ_MS || r == SB_READING_WRITE_MS)
        felt = fmin(felt, fmax(median * FAR_RATIO, median + FAR_STEP));
    return fmax(median + rule->z * spread, felt);
}

static void take_soft(struct watch *w, const struct rule *rule, double value, double median, double spread, int64_t at_ms)
{
    double limit = fmax(median + SOFT_Z * spread, fmax(median * rule->soft_ratio, median + rule->soft_step));
    if (rule->soft_ratio <= 0)
        return;
    if (value < limit) {
        w->soft_run = 0;
        w->soft = false;
        return;
    }
    if (w->soft_run++ == 0)
        w->soft_onset_ms = at_ms;
    w->soft = w->soft_run >= SOFT_PERSIST;
}

/* A value that is out begins a run; a run that lasts is a deviation, which ends below half way back to the median. */
void sb_watch_take(struct watch *w, enum sb_reading r, double value, int64_t at_ms, bool learn)
{
    const struct rule *rule = &rules[r];
    w->now = value;
    if (isnan(value)) {
        w->soft_run = 0;
        if (w->deviating && ++w->calm >= 2 * BACK_AFTER) /* there is nothing left to measure */
            w->deviating = false;
        w->run = w->deviating ? w->run : 0;
        w->soft = w->soft && w->deviating;
        return;
    }
    if (!learn) {
        w->sum += value;
        w->sum_n++;
    } else if (w->deviating && at_ms - w->onset_ms > ACCEPT_MS) { /* it stays there, and nothing comes of it */
        *w = (struct watch){.now = value};
    }
    if (!sb_baseline_warm(&w->usual)) {
        sb_baseline_add(&w->usual, value);
        return;
    }
    double median = sb_baseline_median(&w->usual), spread = spread_of(w, rule, median);
    double limit = limit_of(r, median, spread);
    take_soft(w, rule, value, median, spread, at_ms);
    if (value >= limit) {
        if (w->run++ == 0 && !w->deviating) {
            w->onset_ms = at_ms;
            w->before = median;
            w->peak = value;
        }
        w->calm = 0;
        w->deviating |= w->run >= rule->persist;
        w->told |= w->deviating && !learn;
    } else {
        w->run = 0;
        if (w->deviating && value < median + (limit - median) / 2 && ++w->calm >= BACK_AFTER)
            w->deviating = false;
    }
    if (w->deviating || w->run) {
        w->last_ms = at_ms;
        w->peak = fmax(w->peak, value);
    }
    if (learn && !w->run && !w->deviating)
        sb_baseline_add(&w->usual, value);
}

double sb_watch_growth(const struct watch *w, enum sb_reading r)
{
    double usual = fmax(sb_baseline_median(&w->usual), rules[r].least_spread); /* of what is usually not there at all, too */
    return sb_baseline_warm(&w->usual) && w->sum_n ? w->sum / w->sum_n / usual : 1;
}

/* 0 where it is usual, 0.5 at twice, 0.9 at ten times. */
double sb_watch_score(const struct watch *w)
{
    return w->peak > 0 && w->peak > w->before ? 1 - fmax(w->before, 0) / w->peak : 0;
}
