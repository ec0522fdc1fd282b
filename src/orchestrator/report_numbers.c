/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/orchestrator/report.h>

#include <math.h>
#include <stdlib.h>

#define LEAST_BOUNDED 6 /* of fewer values not even the smallest and the largest hold the median with 95 % */
#define Z 1.959963984540054

static int rising(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

/* The k-th smallest and the k-th largest of n hold the median with probability 1 - 2 P(B < k), B binomial of n and 1/2: the
 * largest k for which that is at least 95 %. Terms are summed as logarithms, since 2^-n has no floating point. */
static size_t order_of_bounds(size_t n)
{
    double sum = 0, choose = 0; /* log C(n, i) */
    size_t k = 0;
    for (size_t i = 0; i < n / 2; i++) {
        sum += exp(choose - (double)n * log(2));
        if (sum > 0.025)
            break;
        k = i + 1;
        choose += log((double)(n - i)) - log((double)(i + 1));
    }
    return k;
}

struct sb_median sb_median_of(struct sb_values *v)
{
    struct sb_median m = {.n = v->of_n};
    if (!m.n)
        return m;
    qsort(v->of, v->of_n, sizeof *v->of, rising);
    m.middle = v->of_n % 2 ? v->of[v->of_n / 2] : v->of[v->of_n / 2 - 1] / 2 + v->of[v->of_n / 2] / 2;
    m.p90 = v->of[(v->of_n * 9 + 9) / 10 - 1];
    size_t k = m.n >= LEAST_BOUNDED ? order_of_bounds(m.n) : 0;
    m.bounded = k > 0;
    if (k) {
        m.low = v->of[k - 1];
        m.high = v->of[v->of_n - k];
    }
    return m;
}

int64_t sb_record_said_ppm(const struct sb_record_of *r)
{
    int64_t judged = r->passed + r->failed;
    return judged > 0 ? r->sure_ppm / judged : -1;
}

struct sb_rate sb_rate_of(int64_t hits, int64_t n)
{
    struct sb_rate s = {.hits = hits, .n = n, .high_ppm = 1000000};
    if (n <= 0)
        return s;
    double p = (double)hits / (double)n, z2 = Z * Z / (double)n;
    double middle = (p + z2 / 2) / (1 + z2), half = Z * sqrt(p * (1 - p) / (double)n + z2 / (4 * (double)n)) / (1 + z2);
    s.ppm = (int64_t)(p * 1e6 + 0.5);
    s.low_ppm = (int64_t)(fmax(middle - half, 0) * 1e6 + 0.5);
    s.high_ppm = (int64_t)(fmin(middle + half, 1) * 1e6 + 0.5);
    return s;
}
