/* SPDX-License-Identifier: Apache-2.0
 *
 * baseline.h - the usual level of one series: where it is, and how much it moves.
 *
 * A window of the last SB_BASELINE_WINDOW values, kept sorted beside its ring, so that median and median absolute deviation
 * (Rousseeuw and Croux 1993; 1.4826 makes the MAD a standard deviation for a normal series) cost no sort. One outlier
 * moves neither. Values are non-negative finite doubles; others are ignored. Thread: one owner.
 */
#ifndef SIGNALBOX_TELEMETRY_BASELINE_H
#define SIGNALBOX_TELEMETRY_BASELINE_H

#include <stdbool.h>
#include <stddef.h>

#define SB_BASELINE_WINDOW 120
#define SB_BASELINE_WARMUP 20 /* values before it is believed */

struct sb_baseline {
    double ring[SB_BASELINE_WINDOW];
    double sorted[SB_BASELINE_WINDOW];
    size_t n;    /* values in the window */
    size_t next; /* where the next one goes in the ring */
};

void sb_baseline_init(struct sb_baseline *l);
void sb_baseline_add(struct sb_baseline *l, double value);
bool sb_baseline_warm(const struct sb_baseline *l);
double sb_baseline_median(const struct sb_baseline *l); /* 0 when empty */
double sb_baseline_spread(const struct sb_baseline *l); /* 1.4826 * MAD */

/* Quantile q in 0..1 of the window, by the nearest rank. */
double sb_baseline_quantile(const struct sb_baseline *l, double q);

#endif
