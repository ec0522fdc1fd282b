/* SPDX-License-Identifier: Apache-2.0
 *
 * What every fuzzer needs. A fuzzer looks for more than crashes: it checks what the header of its parser promises. */
#ifndef SIGNALBOX_FUZZ_H
#define SIGNALBOX_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define check(promise) ((promise) ? (void)0 : broken(__FILE__, __LINE__, #promise))

static inline void broken(const char *file, int line, const char *promise)
{
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, promise);
    abort();
}

#endif
