/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/telemetry/rarity.h>

#include <math.h>
#include <string.h>

#define STEPS 8.          /* bins in an octave */
#define TAIL 0.02         /* the share from which the exponent is estimated */
#define TAIL_LEAST 3.     /* and at least so many values */
#define PRIOR 2.          /* values of one bin's width that the estimate begins with */
#define MEAN_LEAST 0.03   /* the steepest tail that is believed */
#define FIRST 1.5         /* what the very first deviation adds to the evidence of its being the first */
#define FORGOTTEN 0.02    /* a bin with less of a value than this is empty */
#define UNIT_MOST 1e15

static int bin_of(double x)
{
    return (int)floor(STEPS * log2(x));
}

void sb_rarity_init(struct sb_rarity *r)
{
    memset(r, 0, sizeof *r);
    r->unit = 1;
}

static void rescale(struct sb_rarity *r)
{
    for (int i = 0; i < SB_RARITY_BINS; i++)
        r->bin[i] = (float)(r->bin[i] / r->unit);
    r->total /= r->unit;
    r->unit = 1;
}

/* A new largest: the bins move down, and what falls out of the last one is small enough to count as none. */
static void raise_top(struct sb_rarity *r, int to)
{
    int by = to - r->top;
    if (by >= SB_RARITY_BINS) {
        memset(r->bin, 0, sizeof r->bin);
    } else {
        memmove(&r->bin[by], &r->bin[0], (size_t)(SB_RARITY_BINS - by) * sizeof r->bin[0]);
        memset(&r->bin[0], 0, (size_t)by * sizeof r->bin[0]);
    }
    r->top = to;
}

void sb_rarity_add(struct sb_rarity *r, double x)
{
    r->unit /= 1 - 1 / SB_RARITY_MEMORY;
    if (r->unit > UNIT_MOST)
        rescale(r);
    r->total += r->unit;
    if (!(x > 0))
        return;
    int b = bin_of(x);
    if (!r->any)
        r->top = b;
    r->any = true;
    if (b > r->top)
        raise_top(r, b);
    int i = r->top - b;
    if (i < SB_RARITY_BINS)
        r->bin[i] += (float)r->unit;
}

/* The exponent of the tail: over the mean of log(x / u) of what is above u, the value that TAIL of all exceed. */
static double exponent(const struct sb_rarity *r, int first, double total)
{
    double goal = fmax(TAIL * total, TAIL_LEAST), weight = 0, sum = 0;
    int i = first;
    for (; i < SB_RARITY_BINS && weight < goal; i++) {
        double w = r->bin[i] / r->unit;
        weight += w;
        sum += w * (r->top - i + 0.5) / STEPS * M_LN2;
    }
    double edge = (r->top - i + 1) / STEPS * M_LN2;
    double mean = (sum + PRIOR / STEPS * M_LN2 - weight * edge) / (weight + PRIOR);
    return 1 / fmax(mean, MEAN_LEAST);
}

double sb_rarity_of(const struct sb_rarity *r, double x)
{
    double total = r->total / r->unit;
    if (!(x > 0) || total <= 0)
        return 0;
    int first = 0;
    while (first < SB_RARITY_BINS && r->bin[first] / r->unit < FORGOTTEN)
        first++;
    if (first == SB_RARITY_BINS)
        return log10(total + 1) + FIRST;
    double at = STEPS * log2(x), end = r->top - first + 1;
    if (at > end)
        return fmin(log10((total + 1) / 0.5) + exponent(r, first, total) * (at - end) / STEPS * M_LOG10E * M_LN2, SB_RARITY_MOST);
    int b = (int)floor(at), in = r->top - b;
    double above = 0;
    for (int i = first; i < in && i < SB_RARITY_BINS; i++)
        above += r->bin[i];
    if (in >= 0 && in < SB_RARITY_BINS)
        above += r->bin[in] * (1 - (at - b));
    double p = (above / r->unit + 0.5) / (total + 1);
    return p < 1 ? -log10(p) : 0;
}
