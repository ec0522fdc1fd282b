/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/term/page.h>

#include <string.h>

#define LEVELS 8

void sb_page_spark(struct sb_page *p, enum sb_role role, const int64_t *values, size_t n, int64_t most)
{
    static const char ascii[] = "_.:-=+*#";
    for (size_t i = 0; i < n; i++) {
        int64_t unit = most / LEVELS, level = values[i] <= 0 || most <= 0 ? 0 : unit > 0 ? values[i] / unit : values[i] * LEVELS / most;
        if (level >= LEVELS)
            level = LEVELS - 1;
        char text[4] = {ascii[level], 0, 0, 0};
        if (!p->ascii)
            memcpy(text, (char[]){(char)0xE2, (char)0x96, (char)(0x81 + level), 0}, sizeof text); /* U+2581 and on */
        sb_page_text(p, role, text);
    }
}
