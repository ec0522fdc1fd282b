/* SPDX-License-Identifier: Apache-2.0
 *
 * dumplist.h (private) - the manifest that this program puts into the folders that it dumps into: the files, their sizes and SHA-256.
 *
 * A sealed dump has a sealed one, by which it is known that its files are all there, and that each is the one that was written under
 * its name; so in it a file counts only where the manifest lists it, and where it is sealed. Thread: one owner.
 */
#ifndef SIGNALBOX_SRC_FORMATS_DUMPLIST_H
#define SIGNALBOX_SRC_FORMATS_DUMPLIST_H

#include "folder.h"

struct sb_dump_list {
    bool sealed;
    char **paths; /* in order of their names */
    size_t n;
};

/* Reads it where it is among the entries of the folder, and looks at each file that it lists: its size, and its bytes unless the look is
 * a quick one. False: it is sealed and cannot be opened, which is told; nothing more can be seen then. */
bool sb_dump_list_read(struct sb_dump_list *list, struct sb_backup *b, int dir, const struct sb_entries *entries);
void sb_dump_list_release(struct sb_dump_list *list);

/* A file of the dump is there: tells where the list of a sealed one does not have it. */
void sb_dump_list_want(const struct sb_dump_list *list, struct sb_backup *b, const char *path);

#endif
