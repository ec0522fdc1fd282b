/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int sb_array_reserve(void **items, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return 0;
    size_t grown = *cap ? *cap : 8;
    while (grown < need) {
        if (grown > SIZE_MAX / 2 / size)
            return -1;
        grown *= 2;
    }
    char *p = realloc(*items, grown * size);
    if (!p)
        return -1;
    memset(p + *cap * size, 0, (grown - *cap) * size);
    *items = p;
    *cap = grown;
    return 0;
}
