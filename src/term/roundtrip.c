/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/term/roundtrip.h>

#include <stdlib.h>
#include <string.h>

bool sb_roundtrip_due(const struct sb_roundtrip *r)
{
    return !r->over && !r->waiting;
}

void sb_roundtrip_asked(struct sb_roundtrip *r, int64_t now)
{
    r->waiting = true;
    r->asked_at = now;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

bool sb_roundtrip_answered(struct sb_roundtrip *r, int64_t now, int64_t *median_ms)
{
    if (!r->waiting) /* to nothing that was asked */
        return false;
    r->waiting = false;
    if (r->over)
        return false;
    r->took_ms[r->n++] = now > r->asked_at ? now - r->asked_at : 0;
    if (r->n < SB_ROUNDTRIPS)
        return false;
    r->over = true;
    int64_t sorted[SB_ROUNDTRIPS];
    memcpy(sorted, r->took_ms, sizeof sorted);
    qsort(sorted, SB_ROUNDTRIPS, sizeof sorted[0], by_size);
    *median_ms = sorted[SB_ROUNDTRIPS / 2];
    return true;
}

int64_t sb_roundtrip_left_ms(const struct sb_roundtrip *r, int64_t now)
{
    int64_t past = now - r->asked_at;
    return r->waiting && past >= 0 && past < SB_ROUNDTRIP_WAIT_MS ? SB_ROUNDTRIP_WAIT_MS - past : 0;
}
