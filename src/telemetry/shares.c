/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/telemetry/shares.h>

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>

#include <stdlib.h>
#include <string.h>

static int by_count(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The half that was met least goes to `other`; of equals the later ones. -1 out of memory. */
static int make_room(struct sb_shares *s)
{
    size_t leave = (s->n + 1) / 2, kept = 0;
    uint64_t *counts = malloc(s->n * sizeof *counts);
    if (!counts)
        return -1;
    for (size_t i = 0; i < s->n; i++)
        counts[i] = s->item[i].count;
    qsort(counts, s->n, sizeof *counts, by_count);
    uint64_t limit = counts[leave - 1]; /* this and less goes, as far as there are as many to go */
    size_t below = 0;
    while (below < s->n && counts[below] < limit)
        below++;
    free(counts);
    size_t equals_stay = 0;
    for (size_t i = 0; i < s->n; i++)
        equals_stay += s->item[i].count == limit;
    equals_stay -= leave - below;
    for (size_t i = 0; i < s->n; i++) {
        struct sb_share *x = &s->item[i];
        bool stays = x->count > limit || (x->count == limit && equals_stay);
        equals_stay -= stays && x->count == limit;
        if (stays) {
            s->item[kept++] = *x;
        } else {
            s->other += x->count;
            free(x->name);
        }
    }
    s->n = kept;
    s->last = 0;
    return 0;
}

static bool is(const struct sb_share *x, struct sb_span name)
{
    return x->name_n == name.n && (name.n == 0 || memcmp(x->name, name.p, name.n) == 0);
}

int sb_shares_add(struct sb_shares *s, size_t most, struct sb_span name, uint64_t count)
{
    if (s->last < s->n && is(&s->item[s->last], name)) {
        s->item[s->last].count += count;
        return 0;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (is(&s->item[i], name)) {
            s->item[i].count += count;
            s->last = i;
            return 0;
        }
    }
    char *copy = NULL;
    if ((s->n >= most && make_room(s)) || SB_GROW(s->item, s->cap, s->n + 1) || (copy = sb_strdup_n(name.p, name.n)) == NULL) {
        s->other += count;
        return -1;
    }
    s->last = s->n++;
    s->item[s->last] = (struct sb_share){copy, name.n, count};
    return 0;
}

int sb_shares_merge(struct sb_shares *to, size_t most, const struct sb_shares *from)
{
    int rc = 0;
    to->other += from->other;
    for (size_t i = 0; i < from->n; i++)
        rc |= sb_shares_add(to, most, (struct sb_span){from->item[i].name, from->item[i].name_n}, from->item[i].count);
    return rc;
}

const char *sb_shares_top(const struct sb_shares *s)
{
    const struct sb_share *best = NULL;
    for (size_t i = 0; i < s->n; i++)
        if (!best || s->item[i].count > best->count)
            best = &s->item[i];
    return best ? best->name : NULL;
}

void sb_shares_release(struct sb_shares *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->item[i].name);
    free(s->item);
    *s = (struct sb_shares){.n = 0};
}
