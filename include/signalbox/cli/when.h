/* SPDX-License-Identifier: Apache-2.0
 *
 * when.h - a moment as it is written on a command line.
 */
#ifndef SIGNALBOX_CLI_WHEN_H
#define SIGNALBOX_CLI_WHEN_H

#include <stdint.h>

/* sb_time_when, before the machine's present moment. */
int sb_when(const char *word, int64_t *out);

#endif
