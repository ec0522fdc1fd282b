/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two halves of the map of dependencies share. */
#ifndef SB_AGENTS_SCHEMA_DEPENDS_PRIVATE_H
#define SB_AGENTS_SCHEMA_DEPENDS_PRIVATE_H

#include <signalbox/agents/schema_depends.h>

/* Is one the other, or within it? Everything is on field NULL. */
bool sb_depends_on_path(const char *path, const char *field);

int sb_depends_add(struct sb_depends *d, const char *source, const char *ns, const char *what, const char *value, const char *coverage, int64_t now);

#endif
