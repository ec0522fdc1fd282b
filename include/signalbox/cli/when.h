/* SPDX-License-Identifier: Apache-2.0
 *
 * when.h - a moment as it is written on a command line.
 */
#ifndef SIGNALBOX_CLI_WHEN_H
#define SIGNALBOX_CLI_WHEN_H

#include <stdint.h>

/* RFC 3339, or in UTC a day, a minute or a second of it (2026-11-23, 2026-11-23T09:05, 2026-11-23T09:05:10), or so long ago
 * (90d, 12h). Wall time in milliseconds; -1 it is none of these. */
int sb_when(const char *word, int64_t *out);

#endif
