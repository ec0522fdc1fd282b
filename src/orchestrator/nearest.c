/* SPDX-License-Identifier: Apache-2.0
 *
 * How far two names are from each other, and the known ones that are nearest to one that is not. */
#include <signalbox/base/str.h>
#include <signalbox/orchestrator/nearest.h>

#include <ctype.h>
#include <string.h>

#define LONGEST 64 /* bytes that are compared */

int sb_distance(const char *a, size_t an, const char *b, size_t bn, int most)
{
    int rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *row = rows[2];
    an = an < LONGEST ? an : LONGEST;
    bn = bn < LONGEST ? bn : LONGEST;
    for (size_t j = 0; j <= bn; j++)
        before[j] = last[j] = (int)j;
    for (size_t i = 1; i <= an; i++) {
        int best = row[0] = (int)i;
        for (size_t j = 1; j <= bn; j++) {
            int d = last[j - 1] + (a[i - 1] != b[j - 1]);
            d = last[j] + 1 < d ? last[j] + 1 : d;
            d = row[j - 1] + 1 < d ? row[j - 1] + 1 : d;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < d)
                d = before[j - 2] + 1;
            row[j] = d;
            best = d < best ? d : best;
        }
        if (best > most)
            return most + 1;
        int *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[bn];
}

static int name_distance(const char *a, const char *b, int most)
{
    char x[LONGEST], y[LONGEST];
    size_t n = strnlen(a, LONGEST), k = strnlen(b, LONGEST);
    for (size_t i = 0; i < n; i++)
        x[i] = (char)tolower((unsigned char)a[i]);
    for (size_t i = 0; i < k; i++)
        y[i] = (char)tolower((unsigned char)b[i]);
    return sb_distance(x, n, y, k, most);
}

/* The whole names are compared, or what stands behind their first dots: orders is near to shop.order. */
static int between(const char *name, const char *known, int most)
{
    const char *dot = strchr(name, '.'), *known_dot = strchr(known, '.');
    int whole = name_distance(name, known, most), tail = known_dot ? name_distance(dot ? dot + 1 : name, known_dot + 1, most) : most + 1;
    tail += dot != NULL; /* the database is another */
    return tail < whole ? tail : whole;
}

size_t sb_nearest(const char *name, char *const *known, size_t known_n, const char **out, size_t max)
{
    int far[SB_NEAREST_MAX], most = strlen(name) < 6 ? 1 : strlen(name) < 12 ? 2 : 3;
    size_t n = 0;
    max = max < SB_NEAREST_MAX ? max : SB_NEAREST_MAX;
    for (size_t i = 0; i < known_n; i++) {
        int d = between(name, known[i], most);
        size_t at = n;
        if (d > most)
            continue;
        while (at > 0 && far[at - 1] > d)
            at--;
        if (at == max)
            continue;
        n += n < max;
        memmove(&far[at + 1], &far[at], (n - at - 1) * sizeof *far);
        memmove(&out[at + 1], &out[at], (n - at - 1) * sizeof *out);
        far[at] = d;
        out[at] = known[i];
    }
    return n;
}
