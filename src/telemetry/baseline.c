/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/telemetry/baseline.h>

#include <math.h>
#include <string.h>

void sb_baseline_init(struct sb_baseline *l)
{
    memset(l, 0, sizeof *l);
}

/* First place in sorted whose value is not below v. */
static size_t lower_bound(const struct sb_baseline *l, double v)
{
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->sorted[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void sb_baseline_add(struct sb_baseline *l, double value)
{
    if (!isfinite(value) || value < 0)
        return;
    if (l->n == SB_BASELINE_WINDOW) {
        size_t at = lower_bound(l, l->ring[l->next]);
        memmove(&l->sorted[at], &l->sorted[at + 1], (l->n - at - 1) * sizeof l->sorted[0]);
        l->n--;
    }
    size_t at = lower_bound(l, value);
    memmove(&l->sorted[at + 1], &l->sorted[at], (l->n - at) * sizeof l->sorted[0]);
    l->sorted[at] = value;
    l->n++;
    l->ring[l->next] = value;
    l->next = (l->next + 1) % SB_BASELINE_WINDOW;
}

bool sb_baseline_warm(const struct sb_baseline *l)
{
    return l->n >= SB_BASELINE_WARMUP;
}

double sb_baseline_median(const struct sb_baseline *l)
{
    if (l->n == 0)
        return 0;
    size_t mid = l->n / 2;
    return l->n % 2 ? l->sorted[mid] : (l->sorted[mid - 1] + l->sorted[mid]) / 2;
}

/* The distances from the median, smallest first, come from walking outwards from the middle: the k-th step is the k-th
 * smallest distance. */
double sb_baseline_spread(const struct sb_baseline *l)
{
    if (l->n < 2)
        return 0;
    double median = sb_baseline_median(l);
    size_t right = lower_bound(l, median), left = right, steps = (l->n + 1) / 2;
    double distance = 0;
    for (size_t i = 0; i < steps; i++) {
        double to_left = left > 0 ? median - l->sorted[left - 1] : INFINITY;
        double to_right = right < l->n ? l->sorted[right] - median : INFINITY;
        if (to_left < to_right) {
            distance = to_left;
            left--;
        } else {
            distance = to_right;
            right++;
        }
    }
    return 1.4826 * distance;
}

double sb_baseline_quantile(const struct sb_baseline *l, double q)
{
    if (l->n == 0)
        return 0;
    double rank = ceil(q * (double)l->n);
    size_t i = rank < 1 ? 0 : (size_t)rank - 1;
    return l->sorted[i < l->n ? i : l->n - 1];
}
