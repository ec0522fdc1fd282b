/* SPDX-License-Identifier: Apache-2.0
 *
 * classify.h - how a request is understood, and where it would go, without a deployment. Thread: main.
 */
#ifndef SIGNALBOX_CLI_CLASSIFY_H
#define SIGNALBOX_CLI_CLASSIFY_H

#include <signalbox/base/str.h>
#include <signalbox/orchestrator/intake.h>

#include <stdbool.h>

/* The file of intents: the built-in one (name NULL), or that file. *path is what messages call it. */
int sb_intents_text(const char *name, struct sb_str *text, const char **path, struct sb_err *err);

/* Loads it (NULL: the one that the config sets, or the built-in one). NULL: said on stderr, *status is the exit status. */
struct sb_intake *sb_intake_load(const char *name, int *status);

/* Prints the built-in file, to begin one of one's own with. Returns the exit status. */
int sb_print_intents(void);

/* One request a line on standard input; for each, at once, a line of JSON on standard output. Returns the exit status: 2 where
 * a line could not be read as text (it is answered as none, with the reason) or the file is wrong. */
int sb_classify(const char *intents);

/* Prints how the request is read and the specialists it would go to, in order, with the reasons, and what the config tells of the
 * place it names (deployment: of the config; NULL: the only one there, if it is). Exit status: 0 it would go to
 * one, 1 it is understood and nobody takes it, 2 it is not understood, not ours, or not clear. */
int sb_dry_run(const char *intents, const char *own_routes, const char *deployment, const char *text, bool json);

#endif
