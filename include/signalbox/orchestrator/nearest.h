/* SPDX-License-Identifier: Apache-2.0
 *
 * nearest.h - names that are nearly the same. Thread: any.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_NEAREST_H
#define SIGNALBOX_ORCHESTRATOR_NEAREST_H

#include <stddef.h>

#define SB_NEAREST_MAX 5

/* How many letters are left out, put in, changed, or have changed places; most + 1 as soon as it is more than `most`. The
 * first 64 bytes are compared. */
int sb_distance(const char *a, size_t an, const char *b, size_t bn, int most);

/* Up to `max` of the known namespaces that are nearest to this name, the nearest first; how many. They are not copied. Case
 * does not count. */
size_t sb_nearest(const char *name, char *const *known, size_t known_n, const char **out, size_t max);

#endif
