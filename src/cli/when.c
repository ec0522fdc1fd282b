/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/clock.h>
#include <signalbox/cli/when.h>

int sb_when(const char *word, int64_t *out)
{
    return sb_time_when(word, sb_wall_ms(), out);
}
