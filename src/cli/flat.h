/* SPDX-License-Identifier: Apache-2.0
 *
 * flat.h - texts from outside that are shown among lines of our own: one that holds a line end could otherwise put a line of
 * its own among them.
 */
#ifndef SIGNALBOX_SRC_CLI_FLAT_H
#define SIGNALBOX_SRC_CLI_FLAT_H

#include <jansson.h>
#include <stddef.h>

/* Sanitized, line ends and tabs as escapes. NULL out of memory. */
char *sb_flat_text(const char *text, size_t n);

/* A copy of a tree with every text and key made so. New reference, NULL out of memory. */
json_t *sb_flat(const json_t *v);

#endif
