/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/base64.h>

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void sb_base64_encode(struct sb_str *out, const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t v = (uint32_t)b[i] << 16 | (have > 1 ? (uint32_t)b[i + 1] << 8 : 0) | (have > 2 ? b[i + 2] : 0u);
        char four[4];
        for (size_t k = 0; k < 4; k++)
            four[k] = k <= have ? alphabet[v >> (18 - 6 * k) & 63] : '=';
        sb_str_add(out, four, 4);
    }
}

/* 0..63, or -1 */
static int digit(char c)
{
    const char *found = c ? strchr(alphabet, c) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

int sb_base64_decode(struct sb_str *out, const char *text, size_t n)
{
    if (n % 4)
        return -1;
    for (size_t i = 0; i < n; i += 4) {
        size_t have = 3;
        if (i + 4 == n && text[i + 3] == '=')
            have = text[i + 2] == '=' ? 1 : 2;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k <= have ? digit(text[i + k]) : 0;
            if (d < 0)
                return -1;
            v = v << 6 | (uint32_t)d;
        }
        if ((have < 3 && v & 0xff) || (have < 2 && v & 0xff00)) /* bits that no byte has: a second spelling */
            return -1;
        uint8_t three[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        sb_str_add(out, three, have);
    }
    return sb_str_ok(out) ? 0 : -1;
}
