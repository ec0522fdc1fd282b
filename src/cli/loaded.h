/* SPDX-License-Identifier: Apache-2.0
 *
 * loaded.h - a theme or keymap by built-in name or by path. */
#ifndef SIGNALBOX_SRC_CLI_LOADED_H
#define SIGNALBOX_SRC_CLI_LOADED_H

#include <signalbox/base/str.h>
#include <signalbox/cli/screen.h>

struct sb_loaded {
    struct sb_str text; /* initialised by the caller, so that what was not read may be released too */
    char *name;
    struct sb_screen_file file; /* borrows from both, or from what is built in */
};

/* folder and ending: "themes", "theme". SB_EUSAGE where there is none of this name. */
int sb_loaded_read(struct sb_loaded *l, const char *folder, const char *ending, const char *name, struct sb_err *err);
void sb_loaded_release(struct sb_loaded *l);

#endif
