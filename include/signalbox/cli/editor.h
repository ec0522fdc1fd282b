/* SPDX-License-Identifier: Apache-2.0
 *
 * editor.h - a text in the person's own editor: $VISUAL, else $EDITOR, else vi. The words of the variable are the program
 * and its arguments; no shell reads them. Thread: the main thread, which has given the terminal away before.
 */
#ifndef SIGNALBOX_CLI_EDITOR_H
#define SIGNALBOX_CLI_EDITOR_H

#include <signalbox/base/error.h>
#include <signalbox/base/str.h>

/* Writes text to path (mode 0600), waits for the editor to end, appends what it left to out and removes the file. `ended`
 * is asked ten times a second whether the caller has to go: the editor is then stopped, and 1 is returned. 0: out is
 * filled. -1: err says what failed, also when the editor ended with a failure. */
int sb_editor_run(const char *path, const char *text, bool (*ended)(void *ctx), void *ctx, struct sb_str *out, struct sb_err *err);

#endif
