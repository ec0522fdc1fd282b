/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/backup_rto.h>

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <string.h>

#define KEPT 64 /* the newest of them */
#define MILLION UINT64_C(1000000)

/* How long this size takes at a drill's rate; rounded up, and no less than a millisecond. */
static int64_t at_rate(const struct sb_rto_drill *d, uint64_t bytes)
{
    unsigned __int128 ms = (unsigned __int128)bytes * (uint64_t)(d->ms > 0 ? d->ms : 1) / (d->bytes ? d->bytes : 1) + 1;
    return ms > INT64_MAX ? INT64_MAX : (int64_t)ms;
}

void sb_rto_estimate(const struct sb_rto_drill *drills, size_t n, uint64_t bytes, struct sb_rto *out)
{
    int64_t times[KEPT];
    memset(out, 0, sizeof *out);
    if (n > KEPT) {
        drills += n - KEPT;
        n = KEPT;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t t = at_rate(&drills[i], bytes);
        size_t k = i;
        for (; k > 0 && times[k - 1] > t; k--)
            times[k] = times[k - 1];
        times[k] = t;
        out->largest = drills[i].bytes > out->largest ? drills[i].bytes : out->largest;
    }
    if (n == 0)
        return;
    out->n = n;
    out->least_ms = times[0];
    out->middle_ms = times[n / 2];
    out->most_ms = times[n - 1];
    out->times_ppm = (int64_t)((unsigned __int128)bytes * MILLION / (out->largest ? out->largest : 1));
}

void sb_rto_text(const struct sb_rto *rto, struct sb_str *out)
{
    char least[64], most[64];
    if (rto->n == 0) {
        sb_str_adds(out, "not known: no drill has passed (signalbox backup drill)");
        return;
    }
    sb_duration_format(least, sizeof least, rto->least_ms);
    sb_duration_format(most, sizeof most, rto->most_ms);
    if (rto->n == 1)
        sb_str_addf(out, "about %s by the one drill that passed, whose spread nobody knows", most);
    else
        sb_str_addf(out, "%s to %s, by the rates of %zu drills", least, most, rto->n);
    if (rto->times_ppm > (int64_t)(2 * MILLION))
        sb_str_addf(out, "; the backup is %" PRId64 " times as large as the largest of them: this is extrapolated", rto->times_ppm / (int64_t)MILLION);
}
