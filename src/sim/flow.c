/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include <signalbox/sim/repl.h>

#include <math.h>

#define PERIOD_US INT64_C(1000000)
#define THRESHOLD_US 5e6     /* flowControlTargetLagSeconds by flowControlThresholdLagPercentage */
#define LEAST 100            /* flowControlMinTicketsPerSecond */
#define FUDGE 0.95           /* flowControlFudgeFactor */
#define ADDED 500            /* flowControlTicketAdderConstant, */
#define GROWTH 1.05          /* flowControlTicketMultiplierConstant: once a second when the lag is over */

/* The first entry of the stream that the majority has not. */
static uint64_t majority_at(struct sim *s)
{
    uint64_t lo = s->change_base, hi = sim_stream_end(s);
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (sim_change_at(s, mid)->ts <= s->commit_ts)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void grow(struct sim_flow *f, int64_t periods)
{
    for (; f->rate && periods > 0; periods--) {
        f->rate = (int64_t)((double)(f->rate + ADDED) * GROWTH);
        if (f->rate >= SIM_FLOW_MOST)
            f->rate = 0;
    }
}

void sim_flow_look(struct sim_member *m)
{
    struct sim *s = m->sim;
    struct sim_flow *f = &m->flow;
    int64_t passed = s->now - f->looked_us;
    if (f->looked_us && passed < PERIOD_US)
        return;
    uint64_t at = majority_at(s);
    double lag = m->primary && at < sim_stream_end(s) ? (double)(s->now - sim_change_at(s, at)->made_us) : 0;
    bool lagged = lag >= THRESHOLD_US;
    f->sustained = f->looked_us && at > f->majority_at ? (int64_t)((double)(at - f->majority_at) * 1e6 / (double)passed) : 0;
    if (f->lagged)
        f->lagged_us += passed;
    f->count += lagged && !f->lagged;
    if (!lagged) {
        grow(f, f->looked_us ? passed / PERIOD_US : 0);
    } else {
        double rate = FUDGE * (double)f->sustained * pow(0.5, (lag - THRESHOLD_US) / THRESHOLD_US);
        f->rate = rate > LEAST ? (int64_t)rate : LEAST;
    }
    f->lagged = lagged;
    f->majority_at = at;
    f->looked_us = s->now;
}

int64_t sim_flow_wait(struct sim_member *m, int64_t tickets)
{
    struct sim_flow *f = &m->flow;
    int64_t now = m->sim->now;
    sim_flow_look(m);
    if (!f->rate) {
        f->next_us = 0;
        return 0;
    }
    if (f->next_us < now)
        f->next_us = now;
    int64_t wait = f->next_us - now;
    f->next_us += tickets * 1000000 / f->rate;
    return wait;
}
