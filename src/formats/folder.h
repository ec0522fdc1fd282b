/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.h (private) - the entries of a folder, and files in it, by descriptors: no link is followed, nothing outside is
 * opened, and what would block (a pipe) is not opened at all.
 */
#ifndef SIGNALBOX_SRC_FORMATS_FOLDER_H
#define SIGNALBOX_SRC_FORMATS_FOLDER_H

#include <signalbox/formats/backup.h>
#include <signalbox/formats/source.h>
#include <sys/stat.h>

#define SB_FOLDER_MAX 1000000

struct sb_entry {
    char *name;
    mode_t mode;   /* its kind; 0: it cannot be looked at */
    uint64_t size;
    int64_t mtime_ms;
};

struct sb_entries {
    struct sb_entry *items;
    size_t n, cap;
};

/* The entries by name, without . and ..; -1 where the folder cannot be read. Release them in any case. */
int sb_entries_read(struct sb_entries *list, int dir, struct sb_err *err);
void sb_entries_release(struct sb_entries *list);

/* Opens a folder in a folder: the descriptor, or -1. */
int sb_folder_open(int dir, const char *name, struct sb_err *err);

/* Opens a plain file, whose path below dir may have several parts; none of them may be a link or lead upwards. The descriptor,
 * or -1; *st (may be NULL) is what it is. */
int sb_folder_file(int dir, const char *path, struct stat *st, struct sb_err *err);

/* The same, and its bytes as a source named `called`. */
struct sb_source *sb_folder_source(int dir, const char *path, const char *called, enum sb_source_how how, const struct sb_seal_key *key, struct sb_err *err);

/* Do these bytes of a file begin what is sealed? */
bool sb_folder_sealed(int fd);

/* Appends the whole of a small file, opened with the backup's key where it is sealed (which makes the backup one that is encrypted) and
 * unpacked; more than max bytes is an error. */
struct sb_str;
int sb_folder_text(struct sb_backup *b, int dir, const char *path, const char *called, size_t max, struct sb_str *out, struct sb_err *err);

#endif
