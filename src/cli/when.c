/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/cli/when.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_AGO 36500

int sb_when(const char *word, int64_t *out)
{
    static const char rest[] = "0000-00-00T00:00:00Z";
    char text[64], *end;
    size_t n = strlen(word);
    if (sb_time_parse(word, n, out) == 0)
        return 0;
    if (n == 10 || n == 16 || n == 19) {
        snprintf(text, sizeof text, "%s%s", word, rest + n);
        if (sb_time_parse(text, strlen(text), out) == 0)
            return 0;
    }
    long amount = strtol(word, &end, 10);
    if (end == word || amount < 0 || amount > MOST_AGO || (strcmp(end, "d") != 0 && strcmp(end, "h") != 0))
        return -1;
    *out = sb_wall_ms() - (int64_t)amount * (*end == 'd' ? INT64_C(86400000) : INT64_C(3600000));
    return 0;
}
