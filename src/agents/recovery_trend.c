/* SPDX-License-Identifier: Apache-2.0
 *
 * What is usual, and where it leads to. */
#include "recoverability.h"

#include <stdlib.h>

#define DAY_MS (24.0 * 3600 * 1000)
#define HOUR_MS INT64_C(3600000)
#define OTHERS_LEAST 4
#define POINTS_MOST 60 /* the newest of them: all pairs are looked at */

static int rising(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t sb_median(int64_t *v, size_t n)
{
    if (n)
        qsort(v, n, sizeof *v, rising);
    return n ? v[n / 2] : 0;
}

bool sb_far_out(const int64_t *others, size_t n, int64_t x, int64_t *usual)
{
    int64_t *copy = n >= OTHERS_LEAST ? malloc(n * sizeof *copy) : NULL;
    *usual = 0;
    if (!copy)
        return false;
    memcpy(copy, others, n * sizeof *copy);
    *usual = sb_median(copy, n);
    for (size_t i = 0; i < n; i++)
        copy[i] = llabs(others[i] - *usual);
    double spread = 3.5 * 1.4826 * (double)sb_median(copy, n), least = (double)*usual / 5;
    free(copy);
    return (double)llabs(x - *usual) > (spread > least ? spread : least);
}

static int rising_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sb_slope_per_day(const int64_t *x_ms, const int64_t *y, size_t n)
{
    if (n > POINTS_MOST) {
        x_ms += n - POINTS_MOST;
        y += n - POINTS_MOST;
        n = POINTS_MOST;
    }
    if (n < 3 || x_ms[n - 1] - x_ms[0] < HOUR_MS)
        return 0;
    double *slope = malloc(n * (n - 1) / 2 * sizeof *slope), middle = 0;
    size_t k = 0;
    for (size_t i = 0; slope && i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            if (x_ms[j] > x_ms[i])
                slope[k++] = (double)(y[j] - y[i]) / ((double)(x_ms[j] - x_ms[i]) / DAY_MS);
    if (k) {
        qsort(slope, k, sizeof *slope, rising_double);
        middle = slope[k / 2];
    }
    free(slope);
    return middle;
}
