/* SPDX-License-Identifier: Apache-2.0
 *
 * array.h - growing a plain array: `T *items; size_t n; size_t cap`.
 *
 * Thread: none of its own.
 */
#ifndef SIGNALBOX_BASE_ARRAY_H
#define SIGNALBOX_BASE_ARRAY_H

#include <signalbox/base/compiler.h>
#include <stddef.h>

/* Makes room for at least `need` items of `size` bytes behind *items (NULL is an empty array): 0, or -1 out of memory
 * with everything unchanged. New room is zeroed. */
int sb_array_reserve(void **items, size_t *cap, size_t need, size_t size) SB_MUST_USE;

/* SB_GROW(v.items, v.cap, v.n + 1): the same for a typed pointer. */
#define SB_GROW(items, cap, need) sb_array_reserve((void **)&(items), &(cap), (need), sizeof *(items))

#endif
