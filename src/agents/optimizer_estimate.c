/* SPDX-License-Identifier: Apache-2.0
 *
 * How many documents a value leads to, and a key's beginning, as far as a sample or the shapes tell. */
#include "optimizer.h"

#include <math.h>
#include <string.h>

#define STEPS 60 /* of a bisection */

/* Distinct values that are to be expected among n of a field that has so many, each as often as the others. */
static double expected(double values, double n)
{
    return values * -expm1(n * log1p(-1 / values));
}

/* Distinct values among `all`, of which a sample of n saw `seen`. A sample in which hardly a value repeats can come from a field
 * in which none does. */
static double distinct_in(double all, double n, double seen)
{
    if (seen >= expected(all, n) * 0.999)
        return all;
    double low = seen > 1 ? seen : 1 + 1e-9, high = all;
    for (int i = 0; i < STEPS; i++) {
        double middle = (low + high) / 2;
        if (expected(middle, n) < seen)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

double sb_documents_each(const struct sb_index_question *q, const char *path)
{
    const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, path);
    const struct sb_catalogue *c = q->catalogue;
    if (!f || f->distinct_ppm <= 0)
        return 0;
    double present = (double)f->present_ppm / 1e6 * (f->array_mean_milli > 1000 ? (double)f->array_mean_milli / 1000 : 1);
    double n = (double)c->sampled * present, all = (double)c->documents * present, seen = n * (double)f->distinct_ppm / 1e6;
    if (c->sampled <= 0 || c->documents <= c->sampled || seen < 1.5)
        return 1e6 / (double)f->distinct_ppm * (c->sampled > 0 && c->documents > c->sampled ? (double)c->documents / (double)c->sampled : 1);
    return all / distinct_in(all, n, seen);
}

/* Fields of one document go together more often than not: of those behind the most selective one each counts less. */
static double together(double *parts, size_t n)
{
    double product = 1, weight = 1;
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && parts[k] < parts[k - 1]; k--) {
            double t = parts[k];
            parts[k] = parts[k - 1];
            parts[k - 1] = t;
        }
    for (size_t i = 0; i < n; i++, weight /= 2)
        product *= pow(parts[i], weight);
    return product;
}

static bool compared(const struct candidate *c, const char *path)
{
    for (size_t i = 0; i < c->equalities; i++)
        if (!c->field[i].list && strcmp(c->field[i].path, path) == 0)
            return true;
    return false;
}

double sb_documents_found(const struct sb_index_question *q, const struct candidate *c, const struct candidate *key)
{
    double documents = (double)q->catalogue->documents, parts[SB_INDEX_MAX_FIELDS], first = 0;
    size_t n = 0;
    for (size_t i = 0; i < key->n && compared(c, key->field[i].path); i++) {
        double each = sb_documents_each(q, key->field[i].path);
        if (each <= 0)
            break;
        if (i == 0)
            first = each;
        if (documents > 0)
            parts[n++] = each < documents ? each / documents : 1;
    }
    return n ? documents * together(parts, n) : first;
}
