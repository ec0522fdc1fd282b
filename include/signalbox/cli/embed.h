/* SPDX-License-Identifier: Apache-2.0
 *
 * embed.h - the files that are compiled in: themes, keymaps, policies, scenarios, intents.
 *
 * The program works from anywhere, and what it holds cannot differ from the files it was built from. Names are the files'
 * paths in the project: "policy/default.json". Thread: constant data.
 */
#ifndef SIGNALBOX_CLI_EMBED_H
#define SIGNALBOX_CLI_EMBED_H

#include <stddef.h>

/* The file's bytes (not NUL-terminated) and their number, or NULL when there is no such file. */
const char *sb_embedded(const char *name, size_t *len);

/* The i-th name, in order; NULL behind the last. */
const char *sb_embedded_name(size_t i);

#endif
