/* SPDX-License-Identifier: Apache-2.0
 *
 * routes.h - the files of routes: the built-in one, and the operator's that comes before it. Thread: main.
 */
#ifndef SIGNALBOX_CLI_ROUTES_H
#define SIGNALBOX_CLI_ROUTES_H

#include <signalbox/base/str.h>
#include <signalbox/orchestrator/routes.h>

/* The built-in file, as it stands in the program. */
const char *sb_routes_built_in(size_t *len);

/* Loads them, with that file before them (NULL: the one that the config sets, if any). NULL: said on stderr, *status is the exit
 * status. */
struct sb_routes *sb_routes_load(const char *name, int *status);

/* Prints the built-in file, to begin one of one's own with. Returns the exit status. */
int sb_print_routes(void);

/* Says what is wrong in the files of intents and routes, by file and line (NULL: those of the config), or that nothing is. Returns
 * the exit status: 2 where something is wrong. */
int sb_lint_requests(const char *intents, const char *routes);

#endif
